"""What a client receives of a fault, byte by byte."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from inspect import GEN_SUSPENDED, getgeneratorstate
from typing import Any

import pytest

from connecty_frames.sandbox import Fault, Sandbox
from tests.cases import cases
from tests.servers.timing import until, within

HEALTHY = b'{"status":"OK"}'
NOTHING_SENT = None


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def box(running: Sandbox) -> Sandbox:
    running.faults.clear()
    running.request_log.clear()
    return running


def call(box: Sandbox, *, timeout: float = 10, path: str = "/v1/health") -> tuple[bytes, bytes, str]:
    """Send a GET; return the head, the body and how the connection ended."""
    host, _, port = box.connection["base_url"].removeprefix("http://").rpartition(":")
    received, ended = b"", "closed"
    with socket.create_connection((host, int(port)), timeout=timeout) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
        )
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            ended = "reset"
        except TimeoutError:
            ended = "silent"
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body, ended


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("fault", "ended"), [({"reset": True}, "reset"), ({"close": True}, "closed"), ({"lost": True}, "silent")]
)
def test_no_response(box: Sandbox, fault: dict[str, Any], when: Any, ended: str) -> None:
    """No byte arrives: the connection is reset, closed, or stays open and silent."""
    box.faults.add(Fault("health", when=when, **fault))
    assert call(box, timeout=0.5 if ended == "silent" else 10) == (b"", b"", ended)
    until(lambda: box.request_log.requests)
    assert [(seen.path, seen.status) for seen in box.request_log.requests] == [("/v1/health", NOTHING_SENT)]


@pytest.mark.parametrize("length", [0, 1, 14])
def test_a_body_is_cut(box: Sandbox, length: int) -> None:
    """The head is complete and announces the whole body, of which some bytes arrive."""
    box.faults.add(Fault("health", cut=length))
    head, body, ended = call(box)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"content-length: 15" in head.lower()
    assert (body, ended) == (HEALTHY[:length], "closed")
    assert box.request_log.requests[0].fault == f"health:cut={length}"


@pytest.mark.parametrize("fault", [Fault("health", drip_body=0.02), Fault("health", drip_headers=0.001)])
def test_a_slow_response_is_complete(box: Sandbox, fault: Fault) -> None:
    """All bytes arrive, one after the other, with the header X-Request-Id."""
    box.faults.add(fault)
    started = time.monotonic()
    head, body, ended = call(box)
    assert (body, ended) == (HEALTHY, "closed")
    assert re.search(rb"x-request-id: [0-9a-f]{16}", head)
    assert time.monotonic() - started >= 0.15


@pytest.mark.parametrize("status", [200, 204, 302, 304, 400, 418, 429, 500, 503, 599])
def test_any_status(box: Sandbox, status: int) -> None:
    """The response has the status, and the header Retry-After unchanged."""
    box.faults.add(Fault("health", status=status, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"))
    head, body, ended = call(box)
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"retry-after: Wed, 21 Oct 2015 07:28:00 GMT" in head
    assert (b"An injected fault." in body) == (status not in {204, 304})
    assert ended == "closed"


@pytest.mark.parametrize("when", ["before", "after"])
def test_latency(box: Sandbox, when: Any) -> None:
    """The response is complete, and later."""
    box.faults.add(Fault("health", latency=0.2, when=when))
    started = time.monotonic()
    assert call(box)[1] == HEALTHY
    assert time.monotonic() - started >= 0.2


@cases(
    "fault",
    [
        Fault("health", lost=True, times=1),
        Fault("health", latency=600, times=1),
        Fault("health", drip_headers=600, times=1),
    ],
)
def test_closing_does_not_wait_for_a_fault(fault: Fault) -> None:
    """A delay ends with the sandbox, and no thread is left."""
    threads = set(threading.enumerate())
    with Sandbox(faults=[fault]) as box, ExitStack() as stack:
        waiting = threading.Thread(target=call, args=(box,), kwargs={"timeout": 30})
        waiting.start()
        until(lambda: getgeneratorstate(box.faults._armed[0][1]) == GEN_SUSPENDED)  # the request has got it
        stack.enter_context(within(1.0, slack=0.25))  # less than until the server cancels open requests
        box.close()
    waiting.join()
    until(lambda: set(threading.enumerate()) <= threads)  # a thread ends a moment after it says so
