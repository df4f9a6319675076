"""An answer is the answer to the request before it: nothing that a server sends besides is taken for one.

``WRONG`` is a table that no question has. It stands wherever something can be left behind on a connection,
for the next question to find.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import connecty_frames as cf
from tests.servers.scripted import QUESTION_ID, TOKEN, Script, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PEM = Path(__file__).parents[1] / "servers" / "loopback.pem"
ANOTHER_ID = "11111111-2222-4333-8444-555555555555"

EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\nX: 1\r\nY: 2\r\n\r\n"
#: What may come before an answer.
INTERIM = {
    "100": CONTINUE,
    "102": PROCESSING,
    "103": EARLY_HINTS,
    "several": CONTINUE + PROCESSING + EARLY_HINTS * 2 + b"HTTP/1.1 199 Whatever\r\n\r\n",
    "twenty": PROCESSING * 20,
}
#: What no answer follows.
NO_ANSWER = {"101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "21": PROCESSING * 21}


def table(number: int) -> bytes:
    """Return the body of a finished answer."""
    rows = {"dataframe": [["n"], [number]], "sql_query": f"SELECT {number}"}
    return json.dumps({"state": "COMPLETED", "results": rows}).encode()


def whole(body: bytes, head: bytes = b"") -> bytes:
    """Return a response with its length."""
    start = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    return start + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(body: bytes, head: bytes = b"", trailer: bytes = b"") -> bytes:
    """Return a response in one chunk."""
    start = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    return start + head + b"\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n" + trailer + b"\r\n"


def filling(size: int) -> bytes:
    """Return an answer that is just so many bytes, its headers included."""
    missing = size - len(whole(table(1) + b" " * 1000)) + 1000
    return whole(table(1) + b" " * missing)


WRONG = whole(table(999))
#: What is sent to the first question; its table is 1, where it has one.
LEFT_BEHIND: dict[str, bytes] = {
    "a second answer": whole(table(1)) + WRONG,
    "the beginning of one": whole(table(1)) + WRONG[:60],
    "at the end of a buffer": filling(io.DEFAULT_BUFFER_SIZE) + WRONG,
    "many": whole(table(1)) + WRONG * 200,
    "after chunks": chunked(table(1)) + WRONG,
    "after a trailer": chunked(table(1), trailer=b"X-Sum: 1\r\n") + WRONG,
    "after gzip": whole(gzip.compress(table(1)), b"Content-Encoding: gzip\r\n") + WRONG,
    "after blank lines": whole(table(1)) + b"\r\n" * 3 + WRONG,
    "chunks with a length": chunked(table(1), b"Content-Length: %d\r\n" % (len(table(1)) + 5)),
    "with a body of 204": b"HTTP/1.1 204 No Content\r\n\r\n" + WRONG,
    "with a body of 304": b"HTTP/1.1 304 Not Modified\r\n\r\n" + WRONG,
    "after nothing": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + WRONG,
    "after 503": b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n" + WRONG,
    "after 401": b"HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n" + WRONG,
    "after 404": b"HTTP/1.1 404 Where\r\nContent-Length: 2\r\n\r\n{}" + WRONG,
    "after 103": EARLY_HINTS + whole(table(1)) + WRONG,
    "after 101": NO_ANSWER["101"] + WRONG,
    "after too many": NO_ANSWER["21"] + WRONG,
}


@pytest.fixture(params=["plain", "TLS"])
def far(request: pytest.FixtureRequest) -> Iterator[Script]:
    """Return a server, plain and over TLS, where surplus bytes may wait in a buffer of OpenSSL."""
    context = None
    if request.param == "TLS":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM)
    with serve(tls=context) as script:
        yield script


def make(far: Script, **settings: Any) -> cf.Client:
    """Return a client of that server."""
    bundle = PEM if far.address.startswith("https") else None
    settings = {"dw_id": 13, "timeout": 5, "ca_bundle": bundle, **settings}
    return cf.Client(
        "id", client_secret="canary-secret", base_url=far.address, random=lambda: 0.0, **settings
    )


@pytest.mark.parametrize("pause", [0.0, 0.05], ids=["at once", "a moment later"])
@pytest.mark.parametrize("left", LEFT_BEHIND)
def test_two_questions_on_one_connection_never_swap_answers(far: Script, left: str, pause: float) -> None:
    """The first has its own answer or an error, and the second its own, at once and a moment later."""
    far.on("results", far.send(LEFT_BEHIND[left]), far.send(whole(table(1))))
    with make(far) as client:
        try:
            first = client.question(QUESTION_ID).result().to_arrow().to_pydict()
        except cf.ConnectyError as error:
            assert error.question_id == QUESTION_ID  # noqa: PT017 - an error is as good as the table
        else:
            assert first == {"n": [1]}
        time.sleep(pause)
        far.on("results", far.send(whole(table(2))))
        answer = client.question(ANOTHER_ID).result()
        assert (answer.to_arrow().to_pydict(), answer.sql_query) == ({"n": [2]}, "SELECT 2")


@pytest.mark.parametrize("interim", INTERIM)
@pytest.mark.parametrize("kind", ["health", "token", "ask", "results"])
def test_interim_responses_are_skipped(far: Script, kind: str, interim: str) -> None:
    """On every verb, whatever their headers: the answer is what follows, and nothing is sent twice."""
    far.on("results", far.answer(200, raw=table(1)))
    far.on(kind, far.around(far.steps[kind][0], before=INTERIM[interim]))
    with make(far) as client:
        assert client.health() is True
        assert client.ask("how many?").to_arrow().to_pydict() == {"n": [1]}
    counted = {kind: far.count(kind) for kind in ("health", "token", "ask", "results")}
    assert counted == {"health": 1, "token": 1, "ask": 1, "results": 1}


@pytest.mark.parametrize("early", [1, 3, 5, 40])
def test_a_part_of_a_record_is_seen(early: int) -> None:
    """Over TLS some bytes of a second answer come with the first, and the others with the next request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    answers = {QUESTION_ID: [whole(table(1)), WRONG], ANOTHER_ID: [whole(table(2))]}
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            """Answer on each connection; of the second answer all but its beginning is kept for later."""
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()

        def converse(sock: socket.socket) -> None:
            with sock, contextlib.suppress(OSError, EOFError):
                records, kept = Records(sock, context), b""
                while request := records.request():
                    sock.sendall(kept)
                    asked = next((each for each in answers if each.encode() in request), "")
                    said = answers.get(asked, [whole(json.dumps(TOKEN).encode())])
                    first, *more = map(records.encrypted, said)
                    kept = b"".join(more)[early:]
                    sock.sendall(first + b"".join(more)[:early])

        threading.Thread(target=answer, daemon=True).start()
        address = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with cf.Client(
            "id", client_secret="s3cr3t", base_url=address, dw_id=13, timeout=5, ca_bundle=PEM
        ) as client:
            assert client.question(QUESTION_ID).result().to_arrow().to_pydict() == {"n": [1]}
            time.sleep(0.05)
            assert client.question(ANOTHER_ID).result().to_arrow().to_pydict() == {"n": [2]}
        listener.shutdown(socket.SHUT_RDWR)


class Records:
    """The server's side of TLS, with what is sent in hand."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._sock, self._in, self._out = sock, ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._until_done(self._tls.do_handshake)

    def _until_done(self, act: Callable[[], Any]) -> Any:
        while True:
            try:
                return act()
            except ssl.SSLWantReadError:
                pass
            finally:
                self._sock.sendall(self._out.read())
            content = self._sock.recv(65_536)
            if not content:
                raise EOFError
            self._in.write(content)

    def request(self) -> bytes:
        """Return a request that has no body, or one that fits into a record with its headers."""
        found: bytes = self._until_done(lambda: self._tls.read(65_536))
        return found

    def encrypted(self, content: bytes) -> bytes:
        """Return what sends some bytes."""
        self._tls.write(content)
        return self._out.read()


def test_an_answer_that_follows_an_interim_response_late(far: Script) -> None:
    """103 at once and the answer a moment later, as a proxy sends them: each question has its own."""
    take = far.take

    def by_question(request: Any) -> Any:
        step = take(request)
        if "/results" in request.target:
            answer = far.send(whole(table(1 if QUESTION_ID in request.target else 2)))
            return far.around(far.late(0.05, answer), before=EARLY_HINTS)
        return step

    far.take = by_question  # type: ignore[method-assign]
    with make(far) as client:
        asked = [QUESTION_ID, ANOTHER_ID, ANOTHER_ID, QUESTION_ID, QUESTION_ID]
        found = [client.question(each).result().to_arrow()["n"].to_pylist() for each in asked]
    assert found == [[1], [2], [2], [1], [1]]
    assert far.count("results") == 5


@pytest.mark.parametrize("no_answer", NO_ANSWER)
@pytest.mark.parametrize(
    ("kind", "error"),
    [("token", cf.AuthError), ("ask", cf.SubmissionUncertain), ("results", cf.ResponseError)],
)
def test_interim_responses_without_an_answer(
    server: Script, kind: str, error: type[cf.ConnectyError], no_answer: str
) -> None:
    """101, or more than twenty: an error that says so, once; what follows on the connection is not read."""
    server.on(kind, server.send(NO_ANSWER[no_answer] + WRONG))
    said = {"101": r"another protocol \(101\)", "21": r"more than 20 interim responses \(1xx\)"}
    with make(server) as client, pytest.raises(error, match=said[no_answer]) as caught:
        client.ask("how many?")
    assert server.count(kind) == 1
    assert caught.value.question_id == (QUESTION_ID if kind == "results" else None)


def test_interim_responses_without_end_keep_the_deadline(server: Script) -> None:
    """One a byte at a time: over at the deadline."""
    server.on("results", server.drip(PROCESSING * 100, 0.01))
    began = time.monotonic()
    with make(server, timeout=0.3) as client, pytest.raises(cf.QuestionTimeout):
        client.ask("how many?")
    assert time.monotonic() - began < 2


def test_an_interim_response_and_the_id(server: Script) -> None:
    """103 before the answer to a question, whose body is then cut after the id: the id is kept."""
    accepted = b'{"question_id": "%s"' % QUESTION_ID.encode()
    cut = b"HTTP/1.1 202 Accepted\r\nContent-Length: 99\r\n\r\n" + accepted
    server.on("ask", server.send_and_close(EARLY_HINTS + cut))
    with make(server) as client:
        assert client.submit("how many?").question_id == QUESTION_ID


def test_a_request_with_a_body_has_a_connection_of_its_own(server: Script) -> None:
    """A GET whose body is left unread, and taken for a request: nobody reads the answer to that."""

    def refuse_then_garbage(connection: Any) -> bool:
        server.answer(405)(connection)
        return True

    got = server.answer(200, {"access_token": "t1"})
    complaint = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    server.on("token", refuse_then_garbage, server.around(got, after=complaint))
    server.on("results", server.answer(200, raw=table(1)))
    with make(server) as client:
        assert client.ask("how many?").to_arrow().to_pydict() == {"n": [1]}
        assert client.ask("how many?").to_arrow().to_pydict() == {"n": [1]}
    kinds = [(seen.method, seen.connection) for seen in server.seen]
    assert kinds == [("POST", 1), ("GET", 2), ("POST", 3), ("GET", 4), ("POST", 5), ("GET", 4)]


def test_a_clean_connection_is_used_again(far: Script) -> None:
    """Ten looks, one connection for all of them: nothing is closed for caution alone."""
    far.on("results", far.answer(200, raw=table(1)))
    with make(far) as client:
        for _ in range(10):
            assert client.question(QUESTION_ID).result().to_arrow().to_pydict() == {"n": [1]}
    assert {seen.connection for seen in far.seen if "/results" in seen.target} == {2}


def test_what_cannot_be_read_as_headers_is_not_logged(
    server: Script, caplog: pytest.LogCaptureFixture
) -> None:
    """It may hold what a server repeats; the answer is the one that the rest says."""
    caplog.set_level("DEBUG")
    refused = b"HTTP/1.1 401 No\r\nContent-Type: application/json\r\ncanary-secret is wrong\r\nX: 1\r\n\r\n"
    server.on("token", server.send_and_close(refused))
    with make(server) as client, pytest.raises(cf.AuthError):
        client.ask("how many?")
    assert "canary-secret" not in caplog.text


def test_what_the_connections_rest_on_is_there() -> None:
    """The one method of Python's that is not public and is replaced; on another Python this fails first."""
    import http.client
    import inspect

    assert list(inspect.signature(http.client.HTTPResponse._read_status).parameters) == ["self"]
    assert "self._read_status()" in inspect.getsource(http.client.HTTPResponse.begin)
    assert "self.response_class(" in inspect.getsource(http.client.HTTPConnection.getresponse)
