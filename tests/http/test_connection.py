"""A connection records how far the attempt came, and a socket keeps the deadline of the whole call."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest import mock

import pytest
from urllib3.exceptions import ClosedPoolError

from connecty_frames._base.clock import SYSTEM_CLOCK, Deadline
from connecty_frames.http.connection import (
    ATTEMPT,
    ConnectionAdapter,
    _DeadlineSocket,
    _DeadlineTLSSocket,
    _TrackedConnection,
    seconds_left,
)
from connecty_frames.http.models import Attempt, Failure, FailureKind, Request, RequestFailed, Response
from connecty_frames.http.transport import Transport
from connecty_frames.settings.values import Settings
from tests.cases import cases
from tests.servers.responses import chunked
from tests.servers.timing import FakeClock, within


def send(address: str, *, seconds: float = 10.0, idle: float = 60.0) -> tuple[Response | Failure, float]:
    transport = Transport(Settings(base_url=address), SYSTEM_CLOCK)
    began = time.monotonic()
    outcome: Response | Failure
    try:
        outcome = get(transport, Attempt(Deadline.after(seconds, SYSTEM_CLOCK), connect=seconds, idle=idle))
    except RequestFailed as failed:
        outcome = failed.failure
    finally:
        transport.close()
    return outcome, time.monotonic() - began


def get(transport: Transport, attempt: Attempt | None = None) -> Response:
    attempt = attempt or Attempt(Deadline.after(20, SYSTEM_CLOCK), connect=20, idle=20)
    return transport.send(Request("GET", "/v1/health"), attempt, read=lambda response: response)


@contextmanager
def current(attempt: Attempt) -> Iterator[None]:
    token = ATTEMPT.set(attempt)
    try:
        yield
    finally:
        ATTEMPT.reset(token)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


LOST, NOT_HTTP = FailureKind.CONNECTION_LOST, FailureKind.NOT_HTTP
CLOSED, NO_HTTP = "the connection was closed without an answer", "the answer was not HTTP"
CUT = "the answer was cut after 3 bytes"


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"", LOST, CLOSED),
        (b"HT", LOST, CLOSED),
        (b"HTTP/1.1 2", LOST, CLOSED),
        (b"HTTP/1.1 2\r\n", NOT_HTTP, NO_HTTP),
        (b"220 ready", NOT_HTTP, NO_HTTP),
        (HEAD + b"Content-Length: 100\r\n\r\nxyz", LOST, CUT),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n", LOST, CUT),
        (b"SSH-2.0-OpenSSH_9.6\r\n", NOT_HTTP, NO_HTTP),
        (HEAD + b"X: " + b"x" * 70_000 + b"\r\n\r\n", NOT_HTTP, NO_HTTP),
        (HEAD + b"X: x\r\n" * 300 + b"\r\n", NOT_HTTP, NO_HTTP),
        (None, LOST, "the connection was reset"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_each_failed_response_has_a_kind_and_a_reason(
    server: Any, content: bytes | None, kind: FailureKind, reason: str
) -> None:
    """It is lost, unless what came is not how HTTP begins; no foreign exception passes."""
    server.on("health", server.reset if content is None else server.send_and_close(content))
    outcome, _ = send(server.address)
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.reason) == (kind, reason)


def test_gets_share_a_connection(server: Any) -> None:
    """Those of one transport go over one connection, wait for nothing, and are not kept."""
    transport = Transport(Settings(base_url=server.address), SYSTEM_CLOCK)
    before = ATTEMPT.get(None)  # of an attempt that another test interrupted
    with within(0.0, slack=2.0):
        for _ in range(3):
            get(transport)
            assert ATTEMPT.get(None) is before
    transport.close()
    assert [request.connection for request in server.requests] == [1, 1, 1]


def test_closing_ends_idle_connections(server: Any) -> None:
    """At once, also if something still has their pool."""
    transport = Transport(Settings(base_url=server.address), SYSTEM_CLOCK)
    get(transport)
    (adapter,) = transport._adapters.values()
    (key,) = adapter.poolmanager.pools.keys()
    pool = adapter.poolmanager.pools[key]
    transport.close()
    with pytest.raises(ClosedPoolError):
        pool.urlopen("GET", "/v1/health")


def test_plain_http_needs_no_certificates(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the file of them may be missing."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file.pem")
    outcome, _ = send(server.address)
    assert isinstance(outcome, Response)


def test_a_body_with_two_lengths_ends_its_connection(server: Any) -> None:
    """A server and a proxy may see different ends of a chunked body that also has a Content-Length."""
    server.on("health", server.send(chunked(b"{}", headers=b"Content-Length: 2\r\n")))
    transport = Transport(Settings(base_url=server.address), SYSTEM_CLOCK)
    bodies = [get(transport).body for _ in range(2)]
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
    """ConfigError: a proxy that is no address without its value, missing certificates with their path."""
    monkeypatch.setenv(setting, value)
    scheme = "http" if setting == "HTTP_PROXY" else "https"
    outcome, _ = send(f"{scheme}://api.nowhere.example")
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.REJECTED
    assert setting in str(outcome.error)
    assert ("canary" in str(outcome.error)) is (setting == "REQUESTS_CA_BUNDLE")


@pytest.mark.parametrize(("seconds", "each"), [(60.0, 2.0), (3.0, 1.0), (0.0, 0.001)])
def test_the_addresses_of_a_host_share_the_time(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, seconds: float, each: float
) -> None:
    """Six seconds for three addresses that do not answer, or what is left of the call."""
    deadline = Deadline.after(seconds, clock)
    attempt = Attempt(deadline, connect=6.0, idle=60.0)
    closed: list[float | None] = []

    def be_silent(sock: _DeadlineSocket, _address: object) -> None:
        clock.at += sock.gettimeout() or 0.0
        closed.append(sock.gettimeout())
        raise TimeoutError(f"number {len(closed)}")

    address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [address] * 3)
    monkeypatch.setattr(_DeadlineSocket, "connect", be_silent)
    with current(attempt), pytest.raises(TimeoutError, match="number 3"):
        _TrackedConnection("api.test", 1)._new_conn()

    assert closed == pytest.approx([each] * 3)
    assert (attempt.phase, attempt.peer) == ("connect", "api.test:1")


@pytest.mark.parametrize(
    ("host", "looked_up", "peer"),
    [
        ("api.test", "api.test", "api.test:1"),
        ("[::1]", "::1", "[::1]:1"),
        ("[fe80::1%25eth0]", "fe80::1%eth0", "[fe80::1%eth0]:1"),
    ],
)
def test_the_host_that_is_looked_up(
    monkeypatch: pytest.MonkeyPatch, host: str, looked_up: str, peer: str
) -> None:
    """An address has no brackets, and the % before its zone is not escaped."""
    hosts: list[object] = []

    def look_up(host: object, *_: object, **__: object) -> list[object]:
        hosts.append(host)
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    attempt = Attempt(Deadline.after(1.0, SYSTEM_CLOCK), connect=1.0, idle=1.0)
    with current(attempt), pytest.raises(OSError, match=r"unknown|resolve"):
        _TrackedConnection(host, 1)._new_conn()
    assert (hosts, attempt.phase, attempt.peer) == ([looked_up], "resolve", peer)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, None])
def test_how_long_a_connection_may_take_and_its_peer(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, interrupt: type[BaseException] | None
) -> None:
    """Once it is made, a handshake has the time of the call; nothing is left open by an interrupt."""
    attempt, made = Attempt(Deadline.after(30.0, clock), connect=6.0, idle=20.0), []

    def connect(sock: _DeadlineSocket, _address: object) -> None:
        made.append(sock)
        if interrupt:
            raise interrupt

    looked: list[Any] = []

    def look_up(*arguments: Any, **options: Any) -> Any:
        looked.append((arguments, options, attempt.phase))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(_DeadlineSocket, "connect", connect)
    with current(attempt):
        connection = _TrackedConnection("[fe80::1%25eth0]")
        if interrupt:
            with pytest.raises(interrupt):
                connection._new_conn()
        else:
            with connection._new_conn() as sock:
                assert sock.gettimeout() == 20.0
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    assert looked == [(("fe80::1%eth0", 80), {"type": socket.SOCK_STREAM}, "resolve")]
    assert (attempt.phase, attempt.peer) == ("connect" if interrupt else "tls", "[fe80::1%eth0]:80")
    assert [sock.fileno() for sock in made] == [-1]


@pytest.mark.parametrize(
    ("left", "is_submission", "phase", "cancelled", "expected"),
    [
        (30.0, False, "sent", False, 20.0),
        (0.5, False, "sent", False, 0.5),
        (0.0, False, "sent", False, None),
        (0.5, True, "sent", True, 0.5),
        (0.5, True, "connect", True, None),
        (0.5, False, "sent", True, None),
    ],
)
def test_the_time_of_one_read(
    clock: FakeClock, left: float, phase: str, expected: float | None, *, is_submission: bool, cancelled: bool
) -> None:
    """At most that without a byte; the reply to a question that was sent is read after a cancellation too."""
    event = threading.Event()
    attempt = Attempt(Deadline(clock, clock.at + left, event), connect=9.0, idle=20.0)
    attempt.phase = phase
    if is_submission:  # which none is by itself
        attempt.is_submission = True
    if cancelled:
        event.set()
    if expected is None:
        with pytest.raises(TimeoutError):
            seconds_left(attempt)
    else:
        assert seconds_left(attempt) == expected


def test_no_request_begins_at_the_deadline(server: Any, clock: FakeClock) -> None:
    """Not at that moment either: the host is not even looked up."""
    transport = Transport(Settings(base_url=server.address), clock)
    attempt = Attempt(Deadline.after(0.0, clock), connect=1.0, idle=1.0)
    with pytest.raises(RequestFailed) as caught:
        get(transport, attempt)
    assert (caught.value.failure.kind, attempt.phase) == (FailureKind.DEADLINE, None)


@pytest.mark.parametrize(
    ("method", "argument"), [("recv", 1), ("recv_into", bytearray(1)), ("send", b"x"), ("sendall", b"x")]
)
def test_no_read_or_write_begins_after_the_deadline(method: str, argument: object) -> None:
    """Although it would not wait."""
    ours, theirs = socket.socketpair()
    with theirs, _DeadlineSocket(fileno=ours.detach()) as sock:
        theirs.sendall(b"x")
        over = Attempt(Deadline.after(0.0, SYSTEM_CLOCK), connect=1.0, idle=1.0)
        with current(over), pytest.raises(TimeoutError, match="the deadline of the call has passed"):
            getattr(sock, method)(argument)


class TestTheEndOfAResponse:
    """A connection is closed with its response, unless nothing can follow that."""

    @staticmethod
    def close(sock: socket.socket, *, read: int = 0) -> bool:
        """Close the response on a socket after some bytes, and return whether the connection was closed."""
        connection = _TrackedConnection("api.test")
        connection.sock = sock
        response = connection.response_class(sock)
        attempt = Attempt(Deadline.after(20.0, SYSTEM_CLOCK), connect=1.0, idle=0.05)
        with current(attempt):
            if read:
                with suppress(TimeoutError):
                    response.fp.read(read)
            response.close()
        return connection.sock is None

    @cases(
        ("sent", "read", "closes"),
        [(b"", 0, False), (b"ab", 2, False), (b"ab", 1, True), (b"ab", 0, True), (b"", 1, True)],
        ids=["nothing came", "all was read", "a byte is buffered", "two bytes wait", "a read timed out"],
    )
    def test_over_tcp(self, sent: bytes, read: int, *, closes: bool) -> None:
        """What was not read would be taken for the next response."""
        ours, theirs = socket.socketpair()
        with theirs, _DeadlineSocket(fileno=ours.detach()) as sock:
            theirs.sendall(sent)
            assert self.close(sock, read=read) is closes

    def test_over_another_socket(self) -> None:
        """Of TLS inside TLS it is unknown what is left."""
        ours, theirs = socket.socketpair()
        with theirs, ours:
            assert self.close(ours)

    def test_of_a_connection_that_has_another_socket(self) -> None:
        """It is left alone."""
        ours, theirs = socket.socketpair()
        with theirs, ours:
            connection = _TrackedConnection("api.test")
            response = connection.response_class(ours)
            connection.sock = theirs
            response.close()
            assert connection.sock is theirs


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (ssl.SSL_ERROR_SYSCALL, BrokenPipeError),
        (ssl.SSL_ERROR_EOF, BrokenPipeError),
        (ssl.SSL_ERROR_SSL, ssl.SSLError),
    ],
)
def test_a_tls_connection_that_is_closed_while_sending(
    monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    """It is reported as that of TCP, after which the response is read; others stay what they are."""
    monkeypatch.setattr(_DeadlineSocket, "sendall", mock.Mock(side_effect=ssl.SSLError(number, "closed")))
    sock = _DeadlineTLSSocket.__new__(_DeadlineTLSSocket)
    with pytest.raises(error) as caught:
        _DeadlineTLSSocket.sendall(sock, b"x")
    assert type(caught.value) is error


def test_the_connection_of_a_post_is_closed_at_once(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is used for nothing else; that of a GET is kept."""
    closed: list[ConnectionAdapter] = []

    def close(adapter: ConnectionAdapter) -> None:
        closed.append(adapter)

    monkeypatch.setattr(ConnectionAdapter, "close", close)
    transport = Transport(Settings(base_url=server.address), SYSTEM_CLOCK)
    get(transport)
    assert closed == []
    request = Request("POST", "/v1/auth/token", b"{}")
    attempt = Attempt(Deadline.after(20, SYSTEM_CLOCK), connect=20, idle=20)
    transport.send(request, attempt, read=lambda response: response)
    assert len(closed) == 1
    monkeypatch.undo()
    closed[0].close()
    transport.close()
