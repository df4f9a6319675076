"""Limits on what one client may use: time for an incomplete request, and work on a long one."""

from __future__ import annotations

import json
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from connecty_frames.sandbox import Fault, Sandbox
from connecty_frames.sandbox.request_log import LONGEST
from connecty_frames.sandbox.words import split
from tests.cases import cases
from tests.servers.timing import pause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEAD = b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /v1/dw/13/questions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HEALTHY = b'{"status":"OK"}'
#: All limits in these tests, in seconds.
LIMIT = 0.4
#: The timeout of the client, in seconds: a connection still open after it counts as never closed.
TIMEOUT = 10.0


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    """Start one sandbox for all tests of this file."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def box(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Return the sandbox with short limits, without faults and with an empty request log."""
    monkeypatch.setattr("connecty_frames.sandbox.request_checks.HEAD_SECONDS", LIMIT)
    monkeypatch.setattr("connecty_frames.sandbox.request_checks.BODY_SECONDS", LIMIT)
    monkeypatch.setattr("connecty_frames.sandbox.request_checks.READ_SECONDS", LIMIT)
    running.faults.clear()
    running.request_log.clear()
    return running


@pytest.fixture
def open_connection(box: Sandbox) -> Iterator[Callable[[], socket.socket]]:
    """Return a function that opens connections to the sandbox."""
    opened: list[socket.socket] = []

    def open_connection() -> socket.socket:
        host, _, port = box.connection["base_url"].removeprefix("http://").rpartition(":")
        opened.append(socket.create_connection((host, int(port)), timeout=TIMEOUT))
        return opened[-1]

    yield open_connection
    for connection in opened:
        connection.close()


def rest_of(connection: socket.socket) -> bytes:
    """Return all data up to the end of the connection."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def read_answer(connection: socket.socket) -> bytes:
    """Return one response of /v1/health."""
    received = b""
    while not received.endswith(HEALTHY):
        received += connection.recv(65536) or pytest.fail("closed")
    return received


def drip(connection: socket.socket, data: bytes) -> bytes:
    """Send a byte at a time until the server closes the connection; return its response."""
    until = time.monotonic() + TIMEOUT
    try:
        while time.monotonic() < until:
            for position in range(len(data)):
                connection.sendall(data[position : position + 1])
                time.sleep(0.05)
    except OSError:
        return rest_of(connection)
    raise AssertionError("the connection stays open while bytes arrive")


def error_of(answer: bytes) -> tuple[bytes, str]:
    """Return the status line of a response and the field ``error`` of its body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    return head.partition(b"\r\n")[0], json.loads(body)["error"]


# Time


@pytest.mark.parametrize("sent", [b"", b"G", HEAD])
def test_an_incomplete_head_is_closed(open_connection: Callable[[], socket.socket], sent: bytes) -> None:
    """A connection without a complete head is closed without a response, also a silent one."""
    connection = open_connection()
    connection.sendall(sent)

    assert rest_of(connection) == b""


def test_a_slow_head_is_closed(open_connection: Callable[[], socket.socket]) -> None:
    """The limit is for the whole head: a byte now and then does not extend it."""
    assert drip(open_connection(), b"X-Drip: 1\r\n") == b""


def test_the_next_head_has_a_limit_too(open_connection: Callable[[], socket.socket]) -> None:
    """An incomplete head after a request is closed like a first one."""
    connection = open_connection()
    connection.sendall(HEAD + b"\r\n")
    assert read_answer(connection).startswith(b"HTTP/1.1 200 OK")

    assert drip(connection, b"X-Drip: 1\r\n") == b""


@pytest.mark.parametrize(
    "head",
    [
        POST,
        POST.replace(b"/v1/dw/13/questions", b"/nowhere"),
        POST.replace(b"localhost", b"evil.example"),
        POST.replace(b"POST", b"PUT"),
    ],
    ids=["question", "unknown path", "foreign host", "wrong method"],
)
def test_an_incomplete_body_is_answered_by_408(
    box: Sandbox, open_connection: Callable[[], socket.socket], head: bytes
) -> None:
    """Any request is; the connection is closed, and no question accepted."""
    connection = open_connection()
    connection.sendall(head + b'Content-Length: 100\r\n\r\n{"question"')

    assert error_of(rest_of(connection)) == (b"HTTP/1.1 408 Request Timeout", "request_timeout")
    assert [seen.status for seen in box.request_log.requests] == [408]
    assert box.request_log.questions == []


def test_a_slow_body_is_answered_by_408(box: Sandbox, open_connection: Callable[[], socket.socket]) -> None:
    """The limit is for the whole body: a chunk now and then does not extend it."""
    connection = open_connection()
    connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    drip(connection, b"1\r\nx\r\n")

    assert [seen.status for seen in box.request_log.requests] == [408]


@pytest.mark.slow
def test_an_endless_body_is_not_read(
    box: Sandbox, open_connection: Callable[[], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond 16 MiB a body is read no further, however fast it arrives."""
    monkeypatch.setattr("connecty_frames.sandbox.request_checks.BODY_SECONDS", TIMEOUT)
    connection = open_connection()
    connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with pytest.raises(OSError, match=r"reset|[Pp]ipe"):
        connection.sendall(1024 * chunk)

    assert [seen.status for seen in box.request_log.requests] == [413]


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", [Fault("health", latency=3 * LIMIT), Fault("health", drip_body=LIMIT / 5)], ids=str
)
def test_a_slow_response_is_not_cut(
    box: Sandbox, open_connection: Callable[[], socket.socket], fault: Fault
) -> None:
    """The limits for requests do not apply to responses."""
    box.faults.add(fault)
    connection = open_connection()
    connection.sendall(HEAD + b"Connection: close\r\n\r\n")

    assert rest_of(connection).endswith(b"\r\n\r\n" + HEALTHY)


@pytest.mark.slow
def test_a_lost_response_stays_lost(box: Sandbox, open_connection: Callable[[], socket.socket]) -> None:
    """The connection stays open and silent beyond the limits."""
    box.faults.add(Fault("health", lost=True))
    connection = open_connection()
    connection.settimeout(3 * LIMIT)
    connection.sendall(HEAD + b"\r\n")

    with pytest.raises(TimeoutError):
        connection.recv(1)


@pytest.mark.slow
def test_a_client_that_does_not_read_is_disconnected(
    box: Sandbox,
    connect: Callable[[Sandbox], Any],
    open_connection: Callable[[], socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The response is not kept in memory without limit; a client that reads now and then gets all of it."""
    # The pauses of the slow client are a twelfth of it, since a busy machine makes them longer.
    limit = 2.0
    monkeypatch.setattr("connecty_frames.sandbox.request_checks.READ_SECONDS", limit)
    api = connect(box)
    question_id = api.ask("SELECT range, repeat('x', 1000) AS x FROM range(20000)")
    while api.results(question_id, max_rows=0).json()["state"] != "COMPLETED":
        time.sleep(0.05)
    asked = (
        f"GET /v1/dw/13/questions/{question_id}/results?max_rows=20000 HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: {api.session.headers['Authorization']}\r\nConnection: close\r\n\r\n"
    ).encode()
    idle, slow = open_connection(), open_connection()
    for connection in (idle, slow):
        connection.sendall(asked)
    received = b""
    for part in range(1, 17):
        while len(received) < part * 1_000_000:
            received += slow.recv(65536) or pytest.fail("closed")
        time.sleep(limit / 12)

    assert len(received + rest_of(slow)) > 20_000_000
    pause(limit)  # the server may have begun to send to the idle client much later
    assert len(rest_of(idle)) < 20_000_000


@pytest.mark.slow
@pytest.mark.usefixtures("box")
def test_an_idle_connection_can_be_used_again(open_connection: Callable[[], socket.socket]) -> None:
    """Between two requests a client may wait longer than the limit for a head."""
    connection = open_connection()
    for _ in range(2):
        connection.sendall(HEAD + b"\r\n")
        assert read_answer(connection).startswith(b"HTTP/1.1 200 OK")
        time.sleep(2 * LIMIT)
    connection.sendall(HEAD + b"\r\n")
    assert read_answer(connection).startswith(b"HTTP/1.1 200 OK")


# Size


def test_a_long_question_is_not_split(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads its words, during which no other thread runs, gets a limited number of its characters."""
    lengths = []

    def record(question: str) -> list[str]:
        lengths.append(len(question))
        return split(question)

    for module in ("catalogue", "questions.answerer"):
        monkeypatch.setattr(f"connecty_frames.sandbox.{module}.split", record)
    body = api.answer("how many orders are there? " * 37_000).json()

    assert body["state"] == "FAILED"
    assert "It has more than 40 words or 1000 characters." in body["error"]
    assert 0 < max(lengths) <= 1000


@cases(
    ("method", "path"),
    [
        ("POST", "/v1/dw/{}/questions"),
        ("GET", "/v1/dw/13/questions/{}/results"),
        ("GET", "/v1/dw/13/questions/x/results?include={}"),
        ("GET", "/v1/dw/13/questions/x/results?max_rows={}"),
    ],
)
def test_errors_shorten_invalid_values(api: Any, method: str, path: str) -> None:
    """An error has the beginning of the invalid value."""
    reply = api.session.request(method, api.url(path.format("x" * 12_000)))

    assert reply.status_code in {404, 422}
    assert "x" * 120 + "…" in reply.json()["message"]
    assert len(reply.content) < 500


def test_long_paths_without_a_token_are_cut_in_the_log(box: Sandbox) -> None:
    """A long path is cut in the request log; two that differ after the cut stay different."""
    host, _, port = box.connection["base_url"].removeprefix("http://").rpartition(":")
    for end in (b"a", b"b"):
        with closing(socket.create_connection((host, int(port)), timeout=TIMEOUT)) as connection:
            connection.sendall(
                b"GET /" + b"x" * 12_000 + end + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            assert rest_of(connection).startswith(b"HTTP/1.1 404 Not Found")

    first, second = (seen.path for seen in box.request_log.requests)
    assert first.startswith("/" + "x" * (LONGEST - 1) + "... [12002 characters in all, SHA-256 ")
    assert len(first) == len(second) < LONGEST + 150
    assert first != second
