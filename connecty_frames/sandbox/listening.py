"""Serve an application over HTTP, on a port and in a thread."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from connecty_frames._base.clock import SYSTEM_CLOCK
from connecty_frames.errors import ConfigError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from starlette.types import ASGIApp


_DESCRIPTORS: Final = os.sysconf("SC_OPEN_MAX") if hasattr(os, "sysconf") else -1  # -1: unlimited
#: The number of open connections, beyond which the one that has waited longest for its client ends.
CONNECTIONS: Final = min(256, _DESCRIPTORS // 4) if _DESCRIPTORS > 0 else 256
#: The seconds that a connection waits for its client to complete a request, or to read more of a response.
PATIENCE: Final = 30.0


class _Protocol(H11Protocol):
    """uvicorn's HTTP protocol, with limits, and the transport of the connection in the state of requests."""

    #: The last request, the bytes left to send, and the time since when both are the same.
    progress: tuple[object, int] | None = None
    since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {"transport": transport}
        self._check()
        if len(self.connections) > CONNECTIONS:
            min(self.connections, key=_Protocol.rank).transport.abort()  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def rank(self) -> tuple[bool, float]:
        """Return whether it waits for anything but its client, and since when it waits for that."""
        cycle, transport = self.cycle, self.transport
        is_served = cycle and not (cycle.more_body or cycle.response_complete or self.flow.write_paused)
        has_ended = transport.is_closing() and not transport.get_write_buffer_size()
        return bool(is_served or has_ended), self.since

    def _check(self) -> None:
        """End the connection if its client keeps it waiting for too long; otherwise check again later."""
        progress, now = (self.cycle, self.transport.get_write_buffer_size()), self.loop.time()
        if progress != self.progress or self.rank()[0]:
            self.progress, self.since = progress, now
        elif now - self.since > PATIENCE:
            self.transport.abort()
        self._timer = self.loop.call_later(PATIENCE / 10, self._check)


def open_listener(port: int) -> socket.socket:
    """Open the port before the server starts: its number is then known, and early connections wait."""
    try:
        listener = socket.create_server(("127.0.0.1", port))  # unreachable from other machines
    except OSError as error:
        raise ConfigError(
            f"The sandbox cannot listen on port={port}: {error}. port=0 chooses a free port.", setting="port"
        ) from error
    # Inherited by each connection. Otherwise header and body are two packets, and the second waits 40 ms for
    # the first to be acknowledged; asyncio sets it only on sockets that it creates itself.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@contextmanager
def run_server(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    """Run the server in a thread, which ends with the context."""
    config = uvicorn.Config(
        app,
        # Do not use a faster implementation: this one gives faults access to the transport.
        http=_Protocol,
        loop="asyncio",
        log_config=None,  # a library must not configure logging
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        backlog=max(CONNECTIONS // 8, 1),  # asyncio accepts as many before the protocol sees the first
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="connecty-sandbox", daemon=True)
    thread.start()
    try:
        while thread.is_alive() and not server.started:
            SYSTEM_CLOCK.sleep(0.005)
        if not server.started:
            raise ConfigError(
                "The server of the sandbox could not be started; see the reason on standard error. A low"
                " limit of open files (`ulimit -n`) is a common one."
            )
        listener.listen(1024)  # so that a burst waits in the system, without descriptors
        yield
    finally:
        server.should_exit = True
        thread.join()
