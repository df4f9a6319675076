"""How a fault comes over the connection, and how long a client may keep a connection waiting.

A status or a state is a response like any other. A connection that is reset, a body that ends early and
headers that come drop by drop are not: a web server keeps its promises about these whatever the application
does. So :class:`LimitedProtocol`, which is uvicorn's own with three things added, hands the transport of the
connection to the application, and :class:`Broken` writes the bytes of its reply there by itself. uvicorn sees
a connection that ended, and that is all it has to see: each of these faults ends it.

The others are limits: on the time for a head, and on the time in which nothing of an answer is read. uvicorn
closes a connection that is idle after an answer, but waits without end for the first request of a connection,
for the rest of a head that has begun, and for a client to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from connecty_frames.sandbox import request_checks
from connecty_frames.sandbox.fault_responses import _TRANSPORT

if TYPE_CHECKING:
    import asyncio


__all__ = ["LimitedProtocol"]


class LimitedProtocol(H11Protocol):
    """HTTP as uvicorn speaks it, with the transport within the application's reach, and limits on waiting."""

    #: Each closes the connection; None while no head is awaited, and while nothing is left to be read.
    _head_limit: asyncio.TimerHandle | None = None
    _read_limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the transport into the scope of each request of the connection."""
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
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
        self._head_limit = self.loop.call_later(request_checks.HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _stop_limit(self) -> None:
        if self._head_limit is not None:
            self._head_limit.cancel()
            self._head_limit = None

    def _limit_reading(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._read_limit = self.loop.call_later(request_checks.READ_SECONDS, self._check_reading, waiting)

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
