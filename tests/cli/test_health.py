"""``connecty health``: operational or not, without credentials."""

from __future__ import annotations

import http.server
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connecty_frames.sandbox import Sandbox


def test_health_needs_no_credentials(shell: Any, sandbox: Sandbox) -> None:
    """Only the address."""
    address = sandbox.connection["base_url"]

    assert shell.text(shell.process("health", base_url=address)) == (0, f"{address} is operational\n", "")


def test_health_of_a_closed_port(shell: Any) -> None:
    """Exit code 4, and what to check."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    code, out, err = shell.text(shell.run("health", base_url=f"http://127.0.0.1:{port}"))

    assert (code, out) == (4, "")
    assert err.startswith(f"ConnectionFailed: No connection to 127.0.0.1:{port} ")


class _Unavailable(http.server.BaseHTTPRequestHandler):
    """A server that is not operational."""

    def do_GET(self) -> None:
        """Answer 503."""
        self.send_response(503)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def unavailable() -> Iterator[str]:
    """Return the address of a server that answers 503 to everything."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Unavailable) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


def test_health_of_a_server_that_is_not_operational(shell: Any, unavailable: str) -> None:
    """Not exit code 0, and no message that it is operational."""
    code, out, err = shell.text(shell.run("health", base_url=unavailable))

    assert code == 5
    assert out == ""
    assert err.startswith(f"ServerError: {unavailable} is not operational: ")
