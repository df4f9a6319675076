"""Between an endpoint and its answer: what a fault makes of it.

Before the effect, the endpoint is not asked. After it, it was asked, and what it said is changed, held back
or thrown away.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import sys
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from connecty_frames.sandbox.responses import error_response, json_response, status_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from starlette.requests import Request

    from connecty_frames.sandbox.faults import Endpoint, Fault, Faults
    from connecty_frames.sandbox.tokens import Tokens

    Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

    from starlette.types import Receive, Scope, Send

__all__ = ["BrokenResponse", "FaultMiddleware", "pause"]


class FaultMiddleware:
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
                return status_response(
                    request, fault.status or 500, "The sandbox was told to misbehave.", headers
                )
            case "state":
                # Who may not see the question sees no state of it either.
                if reply is not None and reply.status_code == HTTPStatus.OK:
                    return json_response({"state": fault.state})
            case kind:
                return BrokenResponse(kind, getattr(fault, kind), reply, self._closing)
        return None


async def _replied(request: Request, handler: Handler) -> Response:
    """Give the response to a request, whatever comes of it."""
    try:
        return await handler(request)
    except HTTPException as error:
        return await error_response(request, error)


_TRANSPORT: Final = "connecty_frames.transport"
#: The longest sleep in one piece: how soon a wait ends when the client leaves or the sandbox closes.
_PIECE: Final = 0.05
#: SO_LINGER on, for no time: closing sends RST and forgets what was not sent.
_RESET: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


async def pause(scope: Scope, seconds: float, closing: threading.Event) -> None:
    """Wait, but no longer than the client does and the sandbox serves."""
    transport: asyncio.Transport = scope[_TRANSPORT]
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    # In pieces, since what ends it is told by a transport and by another thread, and neither wakes this one.
    while (left := until - clock()) > 0 and not transport.is_closing() and not closing.is_set():  # noqa: ASYNC110
        await asyncio.sleep(min(left, _PIECE))


class BrokenResponse(Response):
    """A reply that does not arrive as it should.

    Parameters
    ----------
    kind, value
        What goes wrong, as in :class:`~connecty_frames.sandbox.faults.Fault`.
    reply
        The reply as it would have been; not looked at by a fault that sends nothing of it.
    closing
        Set when the sandbox closes.
    """

    def __init__(self, kind: str, value: Any, reply: Response | None, closing: threading.Event) -> None:
        super().__init__()
        self._break = _WAYS[kind]
        self._value = value
        self._reply = reply if kind in _SPOILED else None
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing of it goes through uvicorn
        """Write what is to be written, end the connection, and wait until uvicorn knows."""
        scope["state"]["enter"](None if self._reply is None else self._reply.status_code)
        transport: asyncio.Transport = scope[_TRANSPORT]
        await self._break(self, scope, transport)
        transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _reset(self, scope: Scope, transport: asyncio.Transport) -> None:  # noqa: ARG002
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()

    async def _close(self, scope: Scope, transport: asyncio.Transport) -> None:
        """Send nothing."""

    async def _lose(self, scope: Scope, transport: asyncio.Transport) -> None:  # noqa: ARG002
        await pause(scope, math.inf, self._closing)

    async def _cut(self, scope: Scope, transport: asyncio.Transport) -> None:
        head, body = self._bytes(scope)
        transport.write(head + body[: self._value])

    async def _drip_headers(self, scope: Scope, transport: asyncio.Transport) -> None:
        head, body = self._bytes(scope)
        await self._drip(head + body, scope, transport)

    async def _drip_body(self, scope: Scope, transport: asyncio.Transport) -> None:
        head, body = self._bytes(scope)
        transport.write(head)
        await self._drip(body, scope, transport)

    async def _drip(self, data: bytes, scope: Scope, transport: asyncio.Transport) -> None:
        for position in range(len(data)):
            if transport.is_closing() or self._closing.is_set():
                return
            transport.write(data[position : position + 1])
            await pause(scope, self._value, self._closing)

    def _bytes(self, scope: Scope) -> tuple[bytes, bytes]:
        """Give the head and the body of the reply as they stand on the line."""
        assert self._reply is not None  # noqa: S101 - what is spoiled comes after the effect
        status = self._reply.status_code
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
        lines += [name + b": " + value for name, value in self._reply.raw_headers]
        lines += [b"x-request-id: " + scope["state"]["request_id"].encode(), b"connection: close"]
        return b"\r\n".join(lines) + b"\r\n\r\n", bytes(self._reply.body)


#: What sends a part of the reply, or all of it in its own time.
_SPOILED: Final = frozenset({"cut", "drip_headers", "drip_body"})
_WAYS: Final[dict[str, Callable[[BrokenResponse, Scope, asyncio.Transport], Awaitable[None]]]] = {
    "reset": BrokenResponse._reset,  # noqa: SLF001 - the table of its own methods
    "close": BrokenResponse._close,  # noqa: SLF001
    "lost": BrokenResponse._lose,  # noqa: SLF001
    "cut": BrokenResponse._cut,  # noqa: SLF001
    "drip_headers": BrokenResponse._drip_headers,  # noqa: SLF001
    "drip_body": BrokenResponse._drip_body,  # noqa: SLF001
}
