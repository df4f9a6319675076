"""Limits on what clients take of the process: its descriptors, its memory and its time."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from connecty_frames.sandbox import Fault, Sandbox, listening
from tests.cases import cases

HEAD = b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /v1/dw/13/questions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HEALTHY = b'{"status":"OK"}'


@pytest.fixture
def open_connection() -> Iterator[Callable[[Sandbox], socket.socket]]:
    opened: list[socket.socket] = []

    def open_connection(sandbox: Sandbox) -> socket.socket:
        host, _, port = sandbox.connection["base_url"].removeprefix("http://").rpartition(":")
        opened.append(socket.create_connection((host, int(port)), timeout=20))
        return opened[-1]

    yield open_connection
    for connection in opened:
        connection.close()


def rest_of(connection: socket.socket) -> bytes:
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return bool(connection.recv(1))
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def test_connections_take_a_fraction_of_the_descriptors() -> None:
    """Together with those that are not counted yet, they take less than a third of what the system allows."""
    taken = listening.CONNECTIONS + listening.CONNECTIONS // 8
    assert taken <= 288
    if hasattr(os, "sysconf"):
        assert 3 * taken < os.sysconf("SC_OPEN_MAX")


def test_idle_connections_are_replaced(
    open_connection: Callable[[Sandbox], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit, the one that has waited longest ends: a new one is served, an answered one stays."""
    monkeypatch.setattr(listening, "CONNECTIONS", 16)
    with Sandbox() as sandbox:
        sandbox.faults.add(Fault("health", latency=2))
        served = open_connection(sandbox)
        served.sendall(HEAD + b"Connection: close\r\n\r\n")
        requests.get(sandbox.connection["base_url"] + "/openapi.json", timeout=5)  # so that it was read
        idle = [open_connection(sandbox) for _ in range(100)]
        idle[-1].sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

        assert rest_of(idle[-1]).startswith(b"HTTP/1.1 200 OK")
        assert [is_open(each) for each in idle[:70]] == [False] * 70
        assert sum(is_open(each) for each in idle) <= 15
        assert rest_of(served).endswith(HEALTHY)


@pytest.mark.slow
@cases(
    "sent",
    [
        b"",
        b"G",
        HEAD,
        HEAD + b"\r\n" + HEAD,
        POST + b'Content-Length: 100\r\n\r\n{"question"',
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    ],
)
def test_an_incomplete_request_is_closed(
    open_connection: Callable[[Sandbox], socket.socket], monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """So is a silent connection, and one to which bytes are added now and then."""
    monkeypatch.setattr(listening, "PATIENCE", 0.3)
    with Sandbox() as sandbox:
        silent, dripping = open_connection(sandbox), open_connection(sandbox)
        silent.sendall(sent)
        assert rest_of(silent).partition(b"\r\n\r\n")[2] in {b"", HEALTHY}
        dripping.sendall(sent)
        with pytest.raises(OSError, match=r"reset|[Pp]ipe"):  # noqa: PT012 - until the server has closed it
            for _ in range(400):
                dripping.sendall(b"5\r\nabcde\r\n" if b"chunked" in sent else b"X")
                time.sleep(0.05)


@pytest.mark.slow
@cases("fault", [Fault("health", latency=1.5), Fault("health", drip_body=0.1)])
def test_a_slow_response_is_not_cut(
    open_connection: Callable[[Sandbox], socket.socket], monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    """The limit is for the client, not for the server."""
    monkeypatch.setattr(listening, "PATIENCE", 0.3)
    with Sandbox(faults=[fault]) as sandbox:
        connection = open_connection(sandbox)
        connection.sendall(HEAD + b"Connection: close\r\n\r\n")
        assert rest_of(connection).endswith(b"\r\n\r\n" + HEALTHY)


@pytest.mark.slow
def test_a_client_that_does_not_read_is_disconnected(
    connect: Callable[[Sandbox], Any],
    open_connection: Callable[[Sandbox], socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The response is not kept in memory for long; a client that reads now and then gets all of it."""
    monkeypatch.setattr(listening, "PATIENCE", 2.0)
    with Sandbox() as sandbox:
        api = connect(sandbox)
        question_id = api.ask("SELECT range, repeat('x', 1000) AS x FROM range(20000)")
        while api.results(question_id, max_rows=0).json()["state"] != "COMPLETED":
            time.sleep(0.05)
        asked = (
            f"GET /v1/dw/13/questions/{question_id}/results?max_rows=20000 HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: {api.session.headers['Authorization']}\r\nConnection: close\r\n\r\n"
        ).encode()
        idle, slow = open_connection(sandbox), open_connection(sandbox)
        for connection in (idle, slow):
            connection.sendall(asked)
        received = b""
        for part in range(1, 17):
            while len(received) < part * 1_000_000:
                received += slow.recv(65536) or pytest.fail("closed")
            time.sleep(0.15)

        assert len(received + rest_of(slow)) > 20_000_000
        assert len(rest_of(idle)) < 20_000_000


@pytest.mark.slow
def test_many_refused_requests_leave_no_memory(api: Any) -> None:
    """Bodies, heads and connections of clients without a token are given back."""
    memory = Path("/proc/self/statm")
    if not memory.exists():
        pytest.skip("the memory in use is not known here")

    def used() -> int:
        return int(memory.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    url, body = api.url("/v1/dw/13/questions"), b'{"question": "%b"}' % (b"x" * 1_000_000)
    requests.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=5)
    before = used()
    for _ in range(100):
        assert (
            requests.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=5).status_code
            == 401
        )

    assert used() - before < 50_000_000
