"""A server on loopback that answers as a test scripts it, correctly or not, and records its requests.

An answer is a step: a function that gets the connection, sends any bytes, and returns whether the connection
stays open. Steps are scripted by endpoint: ``health``, ``token``, ``ask``, ``results``, and ``tunnel`` for
the CONNECT that only a proxy gets.
"""

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

Step = Callable[[socket.socket], bool]

QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
TOKEN = {"access_token": "canary-token-1", "expires_at": "2099-01-01T00:00:00+00:00"}
ROWS = {"state": "COMPLETED", "results": {"dataframe": [["n"], [1], [2]]}}
#: A key and a self-signed certificate for 127.0.0.1 that only tests trust.
PEM = Path(__file__).with_name("loopback.pem")
#: Seconds that suffice for anything on loopback; a test that hangs ends then.
TIMEOUT = 20.0


@dataclass(frozen=True)
class RecordedRequest:
    """A request as the server received it; its connection is numbered from 1 on."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


def endpoint_of(target: str) -> str:
    """Return the endpoint of a request; a proxy's CONNECT is ``tunnel``."""
    path = urlsplit(target).path
    if "/" not in path:
        return "tunnel"
    return {"/v1/health": "health", "/v1/auth/token": "token"}.get(
        path, "results" if path.endswith("/results") else "ask"
    )


@dataclass(repr=False)  # a traceback with locals would read what the server's threads are changing
class Script:
    """The steps of a server by endpoint, the last of which repeats, and the requests that it received.

    A ``handler`` chooses the step of each request instead; it may call :meth:`next_step`.
    """

    address: str
    handler: Callable[[RecordedRequest], Step] | None = None
    steps: dict[str, list[Step]] = field(default_factory=lambda: defaultdict(list))
    requests: list[RecordedRequest] = field(default_factory=list)
    connections: int = 0
    open: set[socket.socket] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    done: threading.Event = field(default_factory=threading.Event)

    def on(self, endpoint: str, *steps: Step) -> None:
        """Set the steps for the requests to an endpoint, one after another."""
        self.steps[endpoint] = list(steps)

    def count(self, endpoint: str, method: str | None = None) -> int:
        """Count the requests to an endpoint that arrived completely."""
        return sum(
            endpoint_of(request.target) == endpoint and method in (None, request.method)
            for request in self.requests
        )

    @property
    def questions(self) -> list[str]:
        asked = (request for request in self.requests if endpoint_of(request.target) == "ask")
        return [json.loads(request.body)["question"] for request in asked]

    @property
    def authorizations(self) -> list[str | None]:
        """The ``Authorization`` of the requests for questions and results, in order."""
        asked = (request for request in self.requests if endpoint_of(request.target) in ("ask", "results"))
        return [request.headers.get("authorization") for request in asked]

    def next_step(self, request: RecordedRequest) -> Step:
        with self.lock:
            self.requests.append(request)
            steps = self.steps[endpoint_of(request.target)]
            return steps.pop(0) if len(steps) > 1 else steps[0]

    @staticmethod
    def answer(status: int, body: Any = None, *, raw: bytes | None = None, **headers: str) -> Step:
        """Answer with JSON, or with raw bytes; underscores in the names of headers stand for hyphens."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        named = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items())

        def step(connection: socket.socket) -> bool:
            connection.sendall(f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + content)
            return True

        return step

    @staticmethod
    def completed(**results: object) -> Step:
        return Script.answer(200, {"state": "COMPLETED", "results": results})

    @staticmethod
    def around(then: Step, *, before: bytes = b"", after: bytes = b"") -> Step:
        """Send some bytes before and after what a step sends."""

        def step(connection: socket.socket) -> bool:
            connection.sendall(before)
            stays = then(connection)
            connection.sendall(after)
            return stays

        return step

    @classmethod
    def send(cls, content: bytes) -> Step:
        """Send some bytes and keep the connection open."""
        return cls.around(lambda _: True, before=content)

    @classmethod
    def send_and_close(cls, content: bytes) -> Step:
        return cls.around(cls.close, before=content)

    @classmethod
    def send_and_reset(cls, content: bytes) -> Step:
        return cls.around(cls.reset, before=content)

    @staticmethod
    def reset(connection: socket.socket) -> bool:
        """Reset the connection after the request was read."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    @staticmethod
    def close(_connection: socket.socket) -> bool:
        return False

    def hang(self, _connection: socket.socket) -> bool:
        self.done.wait(TIMEOUT)
        return False

    def send_and_hang(self, content: bytes) -> Step:
        """Send some bytes and nothing more until the test is over."""
        return self.around(self.hang, before=content)

    def drip(self, content: bytes, seconds: float = 0.05) -> Step:
        """Send one byte after another with a pause before each, then close the connection."""

        def step(connection: socket.socket) -> bool:
            for byte in content:
                if self.done.wait(seconds):
                    break
                connection.sendall(bytes([byte]))
            return False

        return step

    @staticmethod
    def after(what: Callable[[], object], then: Step) -> Step:
        def step(connection: socket.socket) -> bool:
            what()
            return then(connection)

        return step

    def delayed(self, seconds: float, then: Step) -> Step:
        return self.after(lambda: self.done.wait(seconds), then)

    @classmethod
    def held(cls, released: threading.Event, then: Step) -> Step:
        return cls.after(lambda: released.wait(TIMEOUT), then)


def loopback_tls() -> ssl.SSLContext:
    """Return how a server uses TLS, with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    return context


@contextmanager
def serve(host: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None) -> Iterator[Script]:
    """Run a server; by default it issues a token and accepts questions, whose results stay PENDING."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    threads: list[threading.Thread] = []
    with socket.create_server((host, 0), family=family, backlog=256) as listener:
        named = f"[{host}]" if ":" in host else host
        script = Script(f"http{'s' if tls else ''}://{named}:{listener.getsockname()[1]}")
        script.on("token", Script.answer(200, TOKEN))
        script.on("ask", Script.answer(202, {"question_id": QUESTION_ID}))
        script.on("results", Script.answer(200, {"state": "PENDING"}))
        script.on("health", Script.answer(200, {}))
        thread = threading.Thread(target=_listen, args=(listener, script, threads, tls), daemon=True)
        thread.start()
        try:
            yield script
        finally:
            script.done.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(TIMEOUT)
    for connection in list(script.open):
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)  # a client may have kept it for its next request
    for conversation in threads:
        conversation.join(TIMEOUT)


def _listen(
    listener: socket.socket, script: Script, threads: list[threading.Thread], tls: ssl.SSLContext | None
) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        script.connections += 1
        arguments = (connection, script.connections, script, tls)
        threads[:] = [thread for thread in threads if thread.is_alive()]
        threads.append(threading.Thread(target=_converse, args=arguments, daemon=True))
        threads[-1].start()


def _converse(connection: socket.socket, number: int, script: Script, tls: ssl.SSLContext | None) -> None:
    connection.settimeout(TIMEOUT)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError), connection:
        secured = tls.wrap_socket(connection, server_side=True) if tls else connection
        script.open.add(secured)
        with secured, secured.makefile("rb") as stream:
            while request := read_request(stream, number):
                step = (script.handler or script.next_step)(request)
                if not step(secured):
                    break
        script.open.discard(secured)


def read_request(stream: IO[bytes], number: int) -> RecordedRequest | None:
    """Read a request to its end; None where there is no further one, or the connection ends before that."""
    line = stream.readline().decode("latin-1").split()
    if len(line) != 3 or not line[2].startswith("HTTP/"):
        return None
    headers: dict[str, str] = {}
    for raw in iter(stream.readline, b""):
        header = raw.decode("latin-1").strip()
        if not header:
            break
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    else:
        return None
    size = int(headers.get("content-length", "0"))
    body = stream.read(size)
    return RecordedRequest(line[0], line[1], headers, body, number) if len(body) == size else None
