"""Over TLS the same holds: certificates are checked, and the deadline cuts a slow drip.

``loopback.pem`` is a key and a self-signed certificate for 127.0.0.1 that nothing but these tests trusts; it
holds until 2126. Made by ``openssl req -x509 -newkey ec -days 36500 -addext subjectAltName=IP:127.0.0.1``.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connecty_frames.client import check_health
from connecty_frames.errors import ConnectionFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PEM = Path(__file__).with_name("loopback.pem")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Give a function that serves one TLS connection with some bytes, so many seconds apart."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    done, threads = threading.Event(), []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def run(content: bytes, pause: float) -> None:
            try:
                connection, _ = listener.accept()
                with connection, context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(65_536)
                    for byte in [content] if not pause else map(bytes, zip(content, strict=True)):
                        secured.sendall(byte)
                        done.wait(pause)
            except OSError:
                return

        def serve(content: bytes = OK, pause: float = 0.0) -> str:
            threads.append(threading.Thread(target=run, args=(content, pause)))
            threads[-1].start()
            return f"https://127.0.0.1:{listener.getsockname()[1]}"

        yield serve
        done.set()
        for thread in threads:
            thread.join(10)


def test_a_certificate_that_is_trusted_is_enough(
    serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE makes a private certificate trusted."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(PEM))
    assert check_health(base_url=serve()) is True


def test_a_certificate_nobody_trusts_is_refused(serve: Callable[..., str]) -> None:
    """Nothing is sent: ConnectionFailed in phase tls, with what to do about a company proxy."""
    with pytest.raises(ConnectionFailed, match=r"certificate verify failed.*REQUESTS_CA_BUNDLE") as caught:
        check_health(base_url=serve())
    assert caught.value.phase == "tls"


def test_a_slow_drip_ends_at_the_deadline(serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte every 50 ms is cut off after 0.4 s, 0.25 s at most late: no health."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(PEM))
    address = serve(OK, pause=0.05)
    began = time.monotonic()
    assert check_health(base_url=address, timeout=0.4) is False
    assert 0.4 <= time.monotonic() - began < 0.65
