"""A clock that costs no time, and a server on loopback that does what a test says and notes what it saw."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from connecty_frames.client import Client
from connecty_frames.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Step = Callable[[socket.socket], bool]

QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
TOKEN = {"access_token": "canary-token-1", "expires_at": "2099-01-01T00:00:00+00:00"}
#: Time enough for anything on loopback, and an end if a test goes wrong.
_PATIENCE = 20.0


class FakeClock(Clock):
    """A clock that moves only when somebody sleeps, and remembers the sleeps."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Give a wall time that moves with the monotonic one."""
        return datetime(2025, 11, 5, 12, 0, tzinfo=UTC) + timedelta(seconds=self.at - 1000.0)

    def monotonic(self) -> float:
        """Give the seconds slept so far, from 1000 on."""
        return self.at

    def sleep(self, seconds: float) -> None:
        """Move on."""
        if seconds > 0:
            self.slept.append(seconds)
            self.at += seconds


@dataclass(frozen=True)
class Seen:
    """One request as the server saw it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass
class Script:
    """What the server does with each request, by what is asked for; the last step repeats.

    The kinds are ``health``, ``token``, ``ask`` and ``results``.
    """

    address: str
    steps: dict[str, list[Step]] = field(default_factory=lambda: defaultdict(list))
    seen: list[Seen] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    done: threading.Event = field(default_factory=threading.Event)

    def on(self, kind: str, *steps: Step) -> None:
        """Say what to do with the requests of a kind, one after another."""
        self.steps[kind] = list(steps)

    def count(self, kind: str, method: str | None = None) -> int:
        """Count the requests of a kind that arrived whole."""
        return sum(_kind(s.target) == kind and method in (None, s.method) for s in self.seen)

    def take(self, request: Seen) -> Step:
        """Write a request down and give what is to be done with it."""
        with self.lock:
            self.seen.append(request)
            steps = self.steps[_kind(request.target)]
            return steps.pop(0) if len(steps) > 1 else steps[0]

    @staticmethod
    def answer(status: int, body: Any = None, *, raw: bytes | None = None, **headers: str) -> Step:
        """Answer with JSON, or with raw bytes."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        named = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items())

        def step(connection: socket.socket) -> bool:
            connection.sendall(f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + content)
            return True

        return step

    @staticmethod
    def send_and_close(content: bytes) -> Step:
        """Send some bytes, whatever they are, and close."""

        def step(connection: socket.socket) -> bool:
            connection.sendall(content)
            return False

        return step

    @staticmethod
    def reset(connection: socket.socket) -> bool:
        """Reset the connection, the request having been read."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    @staticmethod
    def close(connection: socket.socket) -> bool:  # noqa: ARG004 - a step like the others
        """Close without an answer."""
        return False

    def hang(self, connection: socket.socket) -> bool:  # noqa: ARG002 - a step like the others
        """Say nothing until the test is over."""
        self.done.wait(_PATIENCE)
        return False

    def drip(self, content: bytes, seconds: float = 0.05) -> Step:
        """Send one byte after another."""

        def step(connection: socket.socket) -> bool:
            for byte in content:
                if self.done.wait(seconds):
                    break
                connection.sendall(bytes([byte]))
            return False

        return step


def _kind(target: str) -> str:
    path = urlsplit(target).path
    return {"/v1/health": "health", "/v1/auth/token": "token"}.get(
        path, "results" if path.endswith("/results") else "ask"
    )


def _serve(listener: socket.socket, script: Script, threads: list[threading.Thread]) -> None:
    number = 0
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        number += 1
        thread = threading.Thread(target=_converse, args=(connection, number, script), daemon=True)
        threads.append(thread)
        thread.start()


def _converse(connection: socket.socket, number: int, script: Script) -> None:
    connection.settimeout(_PATIENCE)
    with connection, connection.makefile("rb") as stream:
        try:
            while request := _read(stream, number):
                if not script.take(request)(connection):
                    return
        except OSError:
            return


def _read(stream: Any, number: int) -> Seen | None:
    line = stream.readline().decode("latin-1").split()
    if len(line) != 3 or not line[2].startswith("HTTP/"):
        return None
    headers: dict[str, str] = {}
    while header := stream.readline().decode("latin-1").strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0")))
    return Seen(line[0], line[1], headers, body, number)


@pytest.fixture
def server() -> Iterator[Script]:
    """Give a server that hands out a token and accepts questions until it is told otherwise."""
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script = Script(f"http://127.0.0.1:{listener.getsockname()[1]}")
        script.on("token", Script.answer(200, TOKEN))
        script.on("ask", Script.answer(202, {"question_id": QUESTION_ID}))
        script.on("results", Script.answer(200, {"state": "PENDING"}))
        script.on("health", Script.answer(200, {}))
        thread = threading.Thread(target=_serve, args=(listener, script, threads), daemon=True)
        thread.start()
        yield script
        script.done.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(_PATIENCE)
    for conversation in threads:
        conversation.join(_PATIENCE)


@pytest.fixture
def client(server: Script) -> Iterator[Client]:
    """Give a client of that server on the real clock, that never waits longer than it must."""
    with Client(
        "canary-client-id",
        client_secret="canary-secret",
        base_url=server.address,
        dw_id=13,
        timeout=10,
        random=lambda: 0.0,
    ) as client:
        yield client


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that costs no time."""
    return FakeClock()


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the environment's credentials and proxies out."""
    for name in ("CLIENT_ID", "CLIENT_SECRET", "REGION", "BASE_URL", "DW_ID", "TIMEOUT"):
        monkeypatch.delenv(f"CONNECTY_{name}", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
