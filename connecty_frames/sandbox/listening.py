"""Serve an application over HTTP, on a port and in a thread."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from connecty_frames._base.clock import SYSTEM_CLOCK
from connecty_frames.errors import ConfigError
from connecty_frames.sandbox.responses import TRANSPORT

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from starlette.types import ASGIApp


class _Protocol(H11Protocol):
    """uvicorn's HTTP protocol, with the transport of the connection in the scope of each request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        app = self.app

        async def app_with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = app_with_transport


def open_listener(port: int) -> socket.socket:
    """Open the port before the server starts: its number is then known, and early connections wait."""
    try:
        listener = socket.create_server(("127.0.0.1", port))  # unreachable from other machines
    except OSError as error:
        raise ConfigError(
            f"The sandbox cannot listen on port={port}: {error}. port=0 chooses a free port.",
            setting="port",
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
        yield
    finally:
        server.should_exit = True
        thread.join()
