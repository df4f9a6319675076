"""Between an endpoint and its answer: what a fault makes of it.

Before the effect, the endpoint is not asked. After it, it was asked, and what it said is changed, held back
or thrown away.
"""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from connecty_frames.sandbox.line import Broken, pause
from connecty_frames.sandbox.replies import error_reply, json_reply, status_reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from starlette.requests import Request
    from starlette.responses import Response

    from connecty_frames.sandbox.faults import Endpoint, Fault, Faults
    from connecty_frames.sandbox.tokens import Tokens

    Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

__all__ = ["Misbehaviour"]


class Misbehaviour:
    """Answers requests as their endpoint does, but for those that a fault strikes."""

    def __init__(self, faults: Faults, tokens: Tokens) -> None:
        self._faults = faults
        self._tokens = tokens
        self._closing = threading.Event()

    def close(self) -> None:
        """Hold no reply back any longer."""
        self._closing.set()

    async def answer(self, endpoint: Endpoint, request: Request, handler: Handler) -> Response:
        """Answer a request, whose question stands in its state."""
        question_id: str | None = request.path_params.get("question_id")
        fault = self._faults.strike(endpoint, request.state.question, question_id)
        if fault is None:
            return await handler(request)
        request.state.fault = str(fault)
        reply = await _replied(request, handler) if fault.moment == "after" else None
        changed = await self._strike(fault, request, reply)
        return changed or reply or await handler(request)

    async def _strike(self, fault: Fault, request: Request, reply: Response | None) -> Response | None:
        """Do what the fault says; give what takes the place of the reply, if anything does."""
        match fault.kind:
            case "latency":
                await pause(request.scope, fault.latency or 0, self._closing)
            case "expired":
                self._tokens.expire()
            case "status":
                headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
                return status_reply(
                    request, fault.status or 500, "The sandbox was told to misbehave.", headers
                )
            case "state":
                # Who may not see the question sees no state of it either.
                if reply is not None and reply.status_code == HTTPStatus.OK:
                    return json_reply({"state": fault.state})
            case kind:
                return Broken(kind, getattr(fault, kind), reply, self._closing)
        return None


async def _replied(request: Request, handler: Handler) -> Response:
    """Give the response to a request, whatever comes of it."""
    try:
        return await handler(request)
    except HTTPException as error:
        return await error_reply(request, error)
