"""A server that answers at once, in a process of its own, and counts what it gets.

It costs a fraction of what a client does, so that clients are what is measured. Every question has the same
answer, and is done when it is asked.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import multiprocessing
import ssl
import tempfile
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NotRequired, TypedDict

import certifi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

__all__ = ["Settings", "answering_server"]

_CERTIFICATE: Final = Path(__file__).parents[1] / "tests" / "servers" / "loopback.pem"
_QUESTION: Final = {"question_id": "729cb7a4-4b06-449e-a3c9-df40f5e570b8"}
_TOKEN: Final = {"access_token": "a.b.c", "expires_at": "2099-01-01T00:00:00+00:00"}


class Settings(TypedDict):
    """The settings of a client of the server."""

    base_url: str
    client_id: str
    client_secret: str
    dw_id: int
    ca_bundle: NotRequired[str]


class _Conversation(asyncio.Protocol):
    """One connection; requests on it follow one another."""

    def __init__(self, answers: dict[str, bytes], packed: bytes, counts: Counter[str]) -> None:
        self._answers = answers
        self._packed = packed
        self._counts = counts
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._counts["connections"] += 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        fields = head.lower().split(b"\r\n")
        length = next((int(field[15:]) for field in fields if field.startswith(b"content-length:")), 0)
        if not end or len(body) < length:
            return
        self._received = body[length:]
        path = head.split(b" ", 2)[1].partition(b"?")[0]
        endpoint = path.rpartition(b"/")[2].decode()
        self._counts[endpoint] += 1
        reply = self._answers[endpoint]
        if endpoint == "results" and any(
            field.startswith(b"accept-encoding:") and b"gzip" in field for field in fields
        ):
            self._counts["gzip"] += 1
            reply = self._packed
        self._transport.write(reply)  # type: ignore[attr-defined]  # it is a transport that writes


def _reply(body: bytes, headers: str = "") -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    )
    return head.encode() + body


def _serve(pipe: Connection, body: bytes, *, compress: bool, tls: bool) -> None:
    async def run() -> None:
        answers = {
            "token": _reply(json.dumps(_TOKEN).encode()),
            "questions": _reply(json.dumps(_QUESTION).encode()),
            "results": _reply(body),
        }
        packed = answers["results"]
        if compress:
            packed = _reply(gzip.compress(body), "Content-Encoding: gzip\r\n")
        counts: Counter[str] = Counter()
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(_CERTIFICATE)
        loop = asyncio.get_running_loop()
        conversation = partial(_Conversation, answers, packed, counts)
        server = await loop.create_server(conversation, "127.0.0.1", 0, backlog=1024, ssl=context)
        async with server:
            pipe.send(server.sockets[0].getsockname()[1])
            while await loop.run_in_executor(None, pipe.recv):
                pipe.send(dict(counts))
                counts.clear()

    asyncio.run(run())


@contextmanager
def answering_server(
    body: bytes, *, compress: bool = False, tls: bool = False
) -> Iterator[tuple[Settings, Callable[[], dict[str, int]]]]:
    """Yield the settings of a client of the server, and what counts since the last call.

    Parameters
    ----------
    body
        The response with the results of every question.
    compress
        Whether it is sent as gzip to clients that accept that.
    tls
        Whether it is served over TLS. The certificates to trust are then those of certifi and the server's.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, body), kwargs={"compress": compress, "tls": tls})
    process.start()

    def counts() -> dict[str, int]:
        ours.send("counts")
        found: dict[str, int] = ours.recv()
        return found

    try:
        port: int = ours.recv()
        settings = Settings(
            base_url=f"http{'s' if tls else ''}://127.0.0.1:{port}",
            client_id="benchmark",
            client_secret="benchmark",
            dw_id=13,
        )
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as bundle:
            if tls:
                bundle.write(Path(certifi.where()).read_text() + _CERTIFICATE.read_text())
                bundle.flush()
                settings["ca_bundle"] = bundle.name
            yield settings, counts
    finally:
        ours.send(None)
        process.join()
