"""Serving an application over HTTP: the port, and the thread of the server."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn

from connecty_frames._base.clock import SYSTEM_CLOCK
from connecty_frames.errors import ConfigError
from connecty_frames.sandbox.connection_limits import LimitedProtocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

#: Seconds that open requests have to end when the server stops.
_SHUTDOWN_SECONDS: Final = 2


def open_listener(host: str, port: int) -> socket.socket:
    """Open the port before the server starts, so that its number is known and early connections wait."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"The sandbox cannot listen on host={host!r}, port={port}: {error}. port=0 chooses a free port.",
            setting="port",
        ) from error
    # Each connection inherits this. Otherwise header and body are two packets, and the second waits 40 ms for
    # the acknowledgement of the first; asyncio sets it only on sockets that it makes itself.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@contextmanager
def run_server(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    """Run the server in a thread, which ends with the context."""
    config = uvicorn.Config(
        app,
        # Not a faster implementation that is installed: this one gives faults access to the transport.
        http=LimitedProtocol,
        loop="asyncio",
        log_config=None,  # a library does not configure the logging of its program
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
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
