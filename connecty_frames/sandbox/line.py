"""How a fault comes over the connection, and how long a client may keep a connection waiting.

A status or a state is a response like any other. A connection that is reset, a body that ends early and
headers that come drop by drop are not: a web server keeps its promises about these whatever the application
does. So :class:`Protocol`, which is uvicorn's own with three things added, hands the transport of the
connection to the application, and :class:`Broken` writes the bytes of its reply there by itself. uvicorn sees
a connection that ended, and that is all it has to see: each of these faults ends it.

The others are limits: on the time for a head, and on the time in which nothing of an answer is read. uvicorn
closes a connection that is idle after an answer, but waits without end for the first request of a connection,
for the rest of a head that has begun, and for a client to read.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import h11
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from connecty_frames.sandbox import guard

if TYPE_CHECKING:
    import threading
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

__all__ = ["Broken", "Protocol", "pause"]

_TRANSPORT: Final = "connecty_frames.transport"
#: The longest sleep in one piece: how soon a wait ends when the client leaves or the sandbox closes.
_PIECE: Final = 0.05
#: SO_LINGER on, for no time: closing sends RST and forgets what was not sent.
_RESET: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Protocol(H11Protocol):
    """HTTP as uvicorn speaks it, with the transport within the application's reach, and limits on waiting."""

    #: Each closes the connection; None while no head is awaited, and while nothing is left to be read.
    _head_limit: asyncio.TimerHandle | None = None
    _read_limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the transport into the scope of each request of the connection."""
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - uvicorn's and Starlette's types of ASGI differ
            scope[_TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport
        transport.set_write_buffer_limits(high=0)  # writing is paused as soon as anything waits to be read
        self._limit_head()

    def data_received(self, data: bytes) -> None:
        """Keep the limit while the data is a part of a head."""
        if self.conn.their_state is h11.IDLE and self._head_limit is None:
            self._limit_head()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_limit()

    def connection_lost(self, exc: Exception | None) -> None:
        """Await no head and no reader any longer."""
        self._stop_limit()
        self._stop_read_limit()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Keep the limit until all is read."""
        super().pause_writing()
        self._limit_reading()

    def resume_writing(self) -> None:
        """Await no reader any longer."""
        self._stop_read_limit()
        super().resume_writing()

    def _limit_head(self) -> None:
        self._head_limit = self.loop.call_later(guard.HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _stop_limit(self) -> None:
        if self._head_limit is not None:
            self._head_limit.cancel()
            self._head_limit = None

    def _limit_reading(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._read_limit = self.loop.call_later(guard.READ_SECONDS, self._check_reading, waiting)

    def _check_reading(self, waiting: int) -> None:
        """End the connection if nothing was read since so many bytes were waiting."""
        if self.transport.get_write_buffer_size() < waiting:
            self._limit_reading()
        else:
            self.transport.abort()

    def _stop_read_limit(self) -> None:
        if self._read_limit is not None:
            self._read_limit.cancel()
            self._read_limit = None


async def pause(scope: Scope, seconds: float, closing: threading.Event) -> None:
    """Wait, but no longer than the client does and the sandbox serves."""
    transport: asyncio.Transport = scope[_TRANSPORT]
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    # In pieces, since what ends it is told by a transport and by another thread, and neither wakes this one.
    while (left := until - clock()) > 0 and not transport.is_closing() and not closing.is_set():  # noqa: ASYNC110
        await asyncio.sleep(min(left, _PIECE))


class Broken(Response):
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

    def __init__(self, kind: str, value: Any, reply: Response | None, closing: threading.Event) -> None:  # noqa: ANN401 - whatever the kind takes
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
_WAYS: Final[dict[str, Callable[[Broken, Scope, asyncio.Transport], Awaitable[None]]]] = {
    "reset": Broken._reset,  # noqa: SLF001 - the table of its own methods
    "close": Broken._close,  # noqa: SLF001
    "lost": Broken._lose,  # noqa: SLF001
    "cut": Broken._cut,  # noqa: SLF001
    "drip_headers": Broken._drip_headers,  # noqa: SLF001
    "drip_body": Broken._drip_body,  # noqa: SLF001
}
