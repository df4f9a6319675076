"""Responses of the sandbox: JSON, errors, and faults that replace or break a response.

The API document shows no error. This shape is assumed for all errors::

    {"error": "not_found", "message": "There is no workspace 14 here.", "request_id": "3f0c..."}

For a fault with a status or a state, the response is ordinary. A web server does not let an application reset
the connection, cut a body or send headers byte by byte. So :class:`_BrokenResponse` writes directly to the
transport of the connection, which :mod:`~connecty_frames.sandbox.listening` puts into the state of each
request. Each of these faults ends the connection; uvicorn notices nothing else.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from connecty_frames.sandbox.faults import PARTIAL_RESPONSES

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from connecty_frames.sandbox.faults import Fault

#: The values of the field ``error``. Python's names of statuses differ between versions.
_ERRORS: Final = {
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    421: "misdirected",
    422: "unprocessable",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
}


def json_response(
    content: dict[str, Any] | msgspec.Struct, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response with a JSON body."""
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


def status_response(request: Request, status: int, message: str, headers: Mapping[str, str]) -> Response:
    """Return a response with any status, and with an error body if the status allows one."""
    if status in {204, 205, 304}:  # RFC 9110, 15
        return Response(status_code=status, headers=headers)
    body = {"error": _ERRORS.get(status, "error"), "message": message}
    return json_response(body | {"request_id": request.state.request_id}, status, headers)


async def error_response(request: Request, error: Exception) -> Response:
    """Return the response to an error: the status of an HTTPException, 500 for any other."""
    if not isinstance(error, HTTPException):
        return status_response(request, 500, "Internal error of the sandbox.", {})
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return status_response(request, error.status_code, error.detail, headers)


async def apply_fault(
    fault: Fault,
    request: Request,
    response: Response | None,
    expire_tokens: Callable[[], None],
    closing: threading.Event,
) -> Response | None:
    """Apply a fault before or after a response, and return the response that replaces it, or None."""
    match fault.kind:
        case "latency":
            await _pause(request.scope, fault.latency or 0, closing)
        case "expired":
            expire_tokens()
        case "status":
            headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            return status_response(request, fault.status or 500, "An injected fault.", headers)
        case "state":
            # A client that may not read the question gets its error, and no state.
            if response is not None and response.status_code == HTTPStatus.OK:
                return json_response({"state": fault.state})
        case _:
            return _BrokenResponse(fault, response, closing)
    return None


class _BrokenResponse(Response):
    """A response that breaks off or is sent slowly; only ``PARTIAL_RESPONSES`` send any of the real one."""

    def __init__(self, fault: Fault, response: Response | None, closing: threading.Event) -> None:
        super().__init__()
        self._fault = fault
        self._response = response if fault.kind in PARTIAL_RESPONSES else None
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        """Send what the fault lets through, close the connection, and wait until uvicorn has noticed."""
        response, fault = self._response, self._fault
        scope["state"]["log_request"](None if response is None else response.status_code)
        head, body = (b"", b"") if response is None else _encode(response, scope["state"]["request_id"])
        transport: asyncio.Transport = scope["state"]["transport"]
        match fault.kind:
            case "reset":
                connection: socket.socket = transport.get_extra_info("socket")
                # SO_LINGER with zero seconds: closing sends RST and discards unsent data.
                linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                transport.abort()
            case "lost":
                await _pause(scope, math.inf, self._closing)
            case "cut":
                transport.write(head + body[: fault.cut])
            case "drip_headers":
                await self._drip(head + body, fault.drip_headers or 0, scope)
            case "drip_body":
                transport.write(head)
                await self._drip(body, fault.drip_body or 0, scope)
        transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _drip(self, data: bytes, seconds: float, scope: Scope) -> None:
        transport: asyncio.Transport = scope["state"]["transport"]
        for position in range(len(data)):
            if transport.is_closing() or self._closing.is_set():
                return
            transport.write(data[position : position + 1])
            await _pause(scope, seconds, self._closing)


def _encode(response: Response, request_id: str) -> tuple[bytes, bytes]:
    status = response.status_code
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
    lines += [name + b": " + value for name, value in response.raw_headers]
    lines += [b"x-request-id: " + request_id.encode(), b"connection: close"]
    return b"\r\n".join(lines) + b"\r\n\r\n", bytes(response.body)


async def _pause(scope: Scope, seconds: float, closing: threading.Event) -> None:
    transport: asyncio.Transport = scope["state"]["transport"]
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    # Poll, because neither the transport nor the other thread can wake this coroutine.
    while (left := end - clock()) > 0 and not transport.is_closing() and not closing.is_set():  # noqa: ASYNC110 - see above
        await asyncio.sleep(min(left, 0.05))
