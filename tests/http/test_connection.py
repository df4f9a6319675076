"""A connection records how far the attempt came, and a socket keeps the deadline of the whole call."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from connecty_frames.clock import SYSTEM_CLOCK, Deadline
from connecty_frames.http.models import Attempt, Failure, FailureKind, Request, RequestFailed, Response
from connecty_frames.http.redaction import Redaction
from connecty_frames.http.transport import Transport
from tests.servers.responses import chunked


def send(address: str, *, seconds: float = 10.0, idle: float = 60.0) -> tuple[Response | Failure, float]:
    """Send one GET, and return its outcome and the seconds it took."""
    transport = Transport(address, clock=SYSTEM_CLOCK, redact=Redaction())
    began = time.monotonic()
    outcome: Response | Failure
    try:
        outcome = get(transport, Attempt(Deadline.after(seconds, SYSTEM_CLOCK), connect=seconds, idle=idle))
    except RequestFailed as failed:
        outcome = failed.failure
    finally:
        transport.close()
    return outcome, time.monotonic() - began


def get(transport: Transport, attempt: Attempt) -> Response:
    """Send one GET."""
    return transport.send(Request("GET", "/v1/health"), attempt, read=lambda response: response)


def closed_port() -> int:
    """Return a port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def test_silence_ends_before_the_deadline(server: Any) -> None:
    """After 0.2 s of silence the connection counts as lost, although the deadline is far."""
    server.on("health", server.hang)
    outcome, seconds = send(server.address, idle=0.2)
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.CONNECTION_LOST
    assert 0.2 <= seconds < 1.0


def test_a_refused_connection_was_never_made() -> None:
    """No listener: nothing was sent, and the host and phase are known."""
    port = closed_port()
    outcome, _ = send(f"http://127.0.0.1:{port}")
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.CONNECT
    assert (outcome.error.host, outcome.error.phase) == (f"127.0.0.1:{port}", "connect")  # type: ignore[attr-defined]


def test_a_name_that_is_not_known_was_never_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed look-up is distinguished from a failed connection."""

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    outcome, _ = send("https://api.nowhere.example")
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.error.phase) == (FailureKind.CONNECT, "resolve")  # type: ignore[attr-defined]
    assert "(resolve: Name or service not known); nothing was sent" in str(outcome.error)


def test_a_failed_handshake_is_no_sent_request(server: Any) -> None:
    """A server that speaks no TLS: nothing of the request was sent."""
    outcome, _ = send(server.address.replace("http://", "https://"), seconds=2)
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.error.phase) == (FailureKind.CONNECT, "tls")  # type: ignore[attr-defined]
    assert server.requests == []


def test_the_second_address_is_tried_after_the_first_refuses(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A localhost with a dead ::1 before its 127.0.0.1 is connected to."""
    port = int(server.address.rpartition(":")[2])
    addresses = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", closed_port(), 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    outcome, _ = send(f"http://localhost:{port}")
    assert isinstance(outcome, Response)


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"", FailureKind.CONNECTION_LOST, "the connection was closed without an answer"),
        (
            HEAD + b"Content-Length: 100\r\n\r\nxyz",
            FailureKind.CONNECTION_LOST,
            "the answer was cut after 3 bytes",
        ),
        (
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n",
            FailureKind.CONNECTION_LOST,
            "the answer was cut after 3 bytes",
        ),
        (b"SSH-2.0-OpenSSH_9.6\r\n", FailureKind.NOT_HTTP, "the answer was not HTTP"),
        (HEAD + b"X: " + b"x" * 70_000 + b"\r\n\r\n", FailureKind.NOT_HTTP, "the answer was not HTTP"),
        (HEAD + b"X: x\r\n" * 300 + b"\r\n", FailureKind.NOT_HTTP, "the answer was not HTTP"),
    ],
    ids=["closed", "cut", "cut chunk", "no HTTP", "70 KB header", "300 headers"],
)
def test_each_failed_response_has_a_kind_and_a_reason(
    server: Any, content: bytes, kind: FailureKind, reason: str
) -> None:
    """Each has its kind and reason, and no foreign exception passes."""
    server.on("health", server.send_and_close(content))
    outcome, _ = send(server.address)
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.reason) == (kind, reason)


def test_a_reset_is_a_lost_answer(server: Any) -> None:
    """The connection is reset after the request was read: it was sent, and no more is known."""
    server.on("health", server.reset)
    outcome, _ = send(server.address)
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.reason) == (FailureKind.CONNECTION_LOST, "the connection was reset")


def test_gets_share_a_connection(server: Any) -> None:
    """Two requests of one transport go over one connection."""
    transport = Transport(server.address, clock=SYSTEM_CLOCK, redact=Redaction())
    for _ in range(2):
        get(transport, Attempt(Deadline.after(5, SYSTEM_CLOCK), connect=5, idle=5))
    transport.close()
    assert [request.connection for request in server.requests] == [1, 1]


def test_a_body_with_two_lengths_ends_its_connection(server: Any) -> None:
    """A server and a proxy may see different ends of a chunked body that also has a Content-Length."""
    server.on("health", server.send(chunked(b"{}", headers=b"Content-Length: 2\r\n")))
    transport = Transport(server.address, clock=SYSTEM_CLOCK, redact=Redaction())
    bodies = [
        get(transport, Attempt(Deadline.after(5, SYSTEM_CLOCK), connect=5, idle=5)).body for _ in range(2)
    ]
    transport.close()
    assert bodies == [b"{}", b"{}"]
    assert [request.connection for request in server.requests] == [1, 2]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("HTTP_PROXY", "http://user:canary-proxy@:80:80"), ("REQUESTS_CA_BUNDLE", "/no/such/canary-proxy.pem")],
)
def test_an_unusable_environment_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    """A proxy that is no address, or a CA bundle that is not there, is a ConfigError without its value."""
    monkeypatch.setenv(setting, value)
    scheme = "http" if setting == "HTTP_PROXY" else "https"
    outcome, _ = send(f"{scheme}://api.nowhere.example")
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.REJECTED
    assert "REQUESTS_CA_BUNDLE" in str(outcome.error)
    assert "canary" not in str(outcome.error)
