"""Limits on how long a client may keep a connection waiting.

uvicorn closes a connection that is idle after a response. It waits without limit for the first request of a
connection, for the rest of a request head that has begun, and for a client to read. :class:`LimitedProtocol`
limits all three by the times in :mod:`connecty_frames.sandbox.request_checks`.

It also puts the transport of the connection into the scope of each request, for the faults that break a
response below HTTP: see :mod:`connecty_frames.sandbox.fault_responses`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from connecty_frames.sandbox import request_checks
from connecty_frames.sandbox.fault_responses import TRANSPORT

if TYPE_CHECKING:
    import asyncio


class LimitedProtocol(H11Protocol):
    """uvicorn's HTTP protocol, with limits on waiting and the transport in the scope."""

    #: Each closes the connection. None while no head is awaited, or while the client has read everything.
    _head_timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the transport into the scope of each request, and limit the wait for the first one."""
        super().connection_made(transport)
        app = self.app

        async def app_with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = app_with_transport
        transport.set_write_buffer_limits(high=0)  # pause_writing is called as soon as any data is buffered
        self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        """Start the timer with the first bytes of a head, and stop it after the last."""
        if self.conn.their_state is h11.IDLE and self._head_timer is None:
            self._start_head_timer()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop both timers."""
        self._stop_head_timer()
        self._stop_read_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Limit the time in which the client reads nothing."""
        super().pause_writing()
        self._start_read_timer()

    def resume_writing(self) -> None:
        """Stop the timer: the client has read everything."""
        self._stop_read_timer()
        super().resume_writing()

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(request_checks.HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _start_read_timer(self) -> None:
        buffered = self.transport.get_write_buffer_size()
        self._read_timer = self.loop.call_later(request_checks.READ_SECONDS, self._check_reading, buffered)

    def _check_reading(self, buffered: int) -> None:
        """End the connection if the client has read nothing since ``buffered`` bytes were left to send."""
        if self.transport.get_write_buffer_size() < buffered:
            self._start_read_timer()
        else:
            self.transport.abort()

    def _stop_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None
