"""A response belongs to the request before it: surplus bytes of a server are never taken for a response.

``WRONG`` is a table that no question has. It is sent wherever bytes can be left on a connection that the next
question could read.
"""

import contextlib
import gzip
import io
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import connecty_frames as cf
from tests.cases import cases
from tests.servers import clients
from tests.servers.responses import chunked, with_length
from tests.servers.scripted import PEM, QUESTION_ID, TOKEN, Script, loopback_tls, serve
from tests.servers.timing import within

ANOTHER_ID = "11111111-2222-4333-8444-555555555555"

EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\nX: 1\r\nY: 2\r\n\r\n"
#: Interim responses that may precede a response.
INTERIM = {
    "100": CONTINUE,
    "102": PROCESSING,
    "103": EARLY_HINTS,
    "several": CONTINUE + PROCESSING + EARLY_HINTS * 2 + b"HTTP/1.1 199 Whatever\r\n\r\n",
    "twenty": PROCESSING * 20,
}
#: Interim responses that no response follows.
NO_ANSWER = {"101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "21": PROCESSING * 21}


def table(number: int) -> bytes:
    rows = {"dataframe": [["n"], [number]], "sql_query": f"SELECT {number}"}
    return json.dumps({"state": "COMPLETED", "results": rows}).encode()


def filling(size: int) -> bytes:
    missing = size - len(with_length(table(1) + b" " * 1000)) + 1000
    return with_length(table(1) + b" " * missing)


WRONG = with_length(table(999))
#: The bytes sent for the first question, whose table is 1, where it has one.
LEFT_BEHIND: dict[str, bytes] = {
    "a second answer": with_length(table(1)) + WRONG,
    "the beginning of one": with_length(table(1)) + WRONG[:60],
    "at the end of a buffer": filling(io.DEFAULT_BUFFER_SIZE) + WRONG,
    "many": with_length(table(1)) + WRONG * 200,
    "after chunks": chunked(table(1), 1000) + WRONG,
    "after a trailer": chunked(table(1), 1000, trailer=b"X-Sum: 1\r\n") + WRONG,
    "after gzip": with_length(gzip.compress(table(1)), b"Content-Encoding: gzip\r\n") + WRONG,
    "after blank lines": with_length(table(1)) + b"\r\n" * 3 + WRONG,
    "chunks with a length": chunked(table(1), 1000, headers=b"Content-Length: %d\r\n" % (len(table(1)) + 5)),
    "with a body of 204": b"HTTP/1.1 204 No Content\r\n\r\n" + WRONG,
    "with a body of 304": b"HTTP/1.1 304 Not Modified\r\n\r\n" + WRONG,
    "after nothing": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + WRONG,
    "after 503": b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n" + WRONG,
    "after 401": b"HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n" + WRONG,
    "after 404": b"HTTP/1.1 404 Where\r\nContent-Length: 2\r\n\r\n{}" + WRONG,
    "after 103": EARLY_HINTS + with_length(table(1)) + WRONG,
    "after 101": NO_ANSWER["101"] + WRONG,
    "after too many": NO_ANSWER["21"] + WRONG,
}


@pytest.fixture(params=["plain", "TLS"])
def any_server(request: pytest.FixtureRequest) -> Iterator[Script]:
    """Return a server without and with TLS, where surplus bytes may be in a buffer of OpenSSL."""
    with serve(tls=loopback_tls() if request.param == "TLS" else None) as script:
        yield script


def make(any_server: Script, **settings: Any) -> cf.Client:
    bundle = PEM if any_server.address.startswith("https") else None
    return clients.make(any_server, **{"ca_bundle": bundle, **settings})


@pytest.mark.parametrize("pause", [0.0, 0.05], ids=["at once", "a moment later"])
@pytest.mark.parametrize("left", LEFT_BEHIND)
def test_two_questions_on_one_connection_never_swap_answers(
    any_server: Script, left: str, pause: float
) -> None:
    """The first gets its own answer or an error, the second its own, at once and after a pause."""
    any_server.on("results", any_server.send(LEFT_BEHIND[left]), any_server.send(with_length(table(1))))
    with make(any_server) as client:
        try:
            first = client.question(QUESTION_ID).result().to_arrow().to_pydict()
        except cf.ConnectyError as error:
            assert error.question_id == QUESTION_ID
        else:
            assert first == {"n": [1]}
        time.sleep(pause)
        any_server.on("results", any_server.send(with_length(table(2))))
        answer = client.question(ANOTHER_ID).result()
        assert (answer.to_arrow().to_pydict(), answer.sql_query) == ({"n": [2]}, "SELECT 2")


@pytest.mark.parametrize("interim", INTERIM)
@pytest.mark.parametrize("endpoint", ["health", "token", "ask", "results"])
def test_interim_responses_are_skipped(any_server: Script, endpoint: str, interim: str) -> None:
    """At every endpoint, with any headers: the response is what follows, and nothing is sent twice."""
    any_server.on("results", any_server.answer(200, raw=table(1)))
    any_server.on(endpoint, any_server.around(any_server.steps[endpoint][0], before=INTERIM[interim]))
    with make(any_server) as client:
        assert client.health() is True
        assert client.ask("how many?").to_arrow().to_pydict() == {"n": [1]}
    counted = {endpoint: any_server.count(endpoint) for endpoint in ("health", "token", "ask", "results")}
    assert counted == {"health": 1, "token": 1, "ask": 1, "results": 1}


@cases("early", [1, 3, 5, 40])
def test_surplus_bytes_in_a_part_of_a_record_are_found(early: int) -> None:
    """Over TLS some bytes of a second response arrive with the first, the others with the next request."""
    context = loopback_tls()
    answers = {QUESTION_ID: [with_length(table(1)), WRONG], ANOTHER_ID: [with_length(table(2))]}
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            """Answer on each connection; all but the beginning of the second response is held back."""
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()

        def converse(sock: socket.socket) -> None:
            with sock, contextlib.suppress(OSError, EOFError):
                records, kept = Records(sock, context), b""
                while request := records.request():
                    sock.sendall(kept)
                    asked = next((each for each in answers if each.encode() in request), "")
                    responses = answers.get(asked, [with_length(json.dumps(TOKEN).encode())])
                    first, *more = map(records.encrypted, responses)
                    kept = b"".join(more)[early:]
                    sock.sendall(first + b"".join(more)[:early])

        threading.Thread(target=answer, daemon=True).start()
        address = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with clients.make(address, ca_bundle=PEM) as client:
            assert client.question(QUESTION_ID).result().to_arrow().to_pydict() == {"n": [1]}
            time.sleep(0.05)
            assert client.question(ANOTHER_ID).result().to_arrow().to_pydict() == {"n": [2]}
        listener.shutdown(socket.SHUT_RDWR)


class Records:
    """The server side of TLS, with control over the bytes that are sent."""

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
        """Return a request; its body, if any, must fit into one record with its headers."""
        found: bytes = self._until_done(lambda: self._tls.read(65_536))
        return found

    def encrypted(self, content: bytes) -> bytes:
        self._tls.write(content)
        return self._out.read()


def test_an_answer_that_follows_an_interim_response_late(any_server: Script) -> None:
    """103 at once and the response later, as a proxy sends them: each question gets its own."""

    def by_question(request: Any) -> Any:
        step = any_server.next_step(request)
        if "/results" in request.target:
            answer = any_server.send(with_length(table(1 if QUESTION_ID in request.target else 2)))
            return any_server.around(any_server.delayed(0.05, answer), before=EARLY_HINTS)
        return step

    any_server.handler = by_question
    with make(any_server) as client:
        asked = [QUESTION_ID, ANOTHER_ID, ANOTHER_ID, QUESTION_ID, QUESTION_ID]
        found = [client.question(each).result().to_arrow()["n"].to_pylist() for each in asked]
    assert found == [[1], [2], [2], [1], [1]]
    assert any_server.count("results") == 5


@pytest.mark.parametrize("no_answer", NO_ANSWER)
@pytest.mark.parametrize(
    ("endpoint", "error"),
    [("token", cf.AuthError), ("ask", cf.SubmissionUncertain), ("results", cf.ResponseError)],
)
def test_interim_responses_without_an_answer(
    server: Script, endpoint: str, error: type[cf.ConnectyError], no_answer: str
) -> None:
    """101, or more than twenty interim responses: one error that says so; the rest is not read."""
    server.on(endpoint, server.send(NO_ANSWER[no_answer] + WRONG))
    messages = {"101": r"another protocol \(101\)", "21": r"more than 20 interim responses \(1xx\)"}
    with make(server) as client, pytest.raises(error, match=messages[no_answer]) as caught:
        client.ask("how many?")
    assert server.count(endpoint) == 1
    assert caught.value.question_id == (QUESTION_ID if endpoint == "results" else None)


def test_interim_responses_without_end_keep_the_deadline(server: Script) -> None:
    """Sent byte by byte: the call ends at the deadline."""
    server.on("results", server.drip(PROCESSING * 100, 0.01))
    with make(server) as client:
        question = client.submit("how many?")
        with within(0.3), pytest.raises(cf.QuestionTimeout):
            question.result(timeout=0.3)


def test_an_interim_response_and_the_id(server: Script) -> None:
    """103 before a response whose body is cut after the id: the id is kept."""
    accepted = b'{"question_id": "%s"' % QUESTION_ID.encode()
    cut = b"HTTP/1.1 202 Accepted\r\nContent-Length: 99\r\n\r\n" + accepted
    server.on("ask", server.send_and_close(EARLY_HINTS + cut))
    with make(server) as client:
        assert client.submit("how many?").question_id == QUESTION_ID


def test_a_request_with_a_body_has_a_connection_of_its_own(server: Script) -> None:
    """A server leaves the body unread and takes it for a request: the response to that is never read."""

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
    kinds = [(request.method, request.connection) for request in server.requests]
    assert kinds == [("POST", 1), ("GET", 2), ("POST", 3), ("GET", 4), ("POST", 5), ("GET", 4)]


def test_a_clean_connection_is_used_again(any_server: Script) -> None:
    """Ten polls use one connection: none is closed without need."""
    any_server.on("results", any_server.answer(200, raw=table(1)))
    with make(any_server) as client:
        for _ in range(10):
            assert client.question(QUESTION_ID).result().to_arrow().to_pydict() == {"n": [1]}
    assert {request.connection for request in any_server.requests if "/results" in request.target} == {2}


def test_invalid_header_lines_are_not_logged(server: Script, caplog: pytest.LogCaptureFixture) -> None:
    """The line may repeat secrets; the response is read from the valid headers."""
    caplog.set_level("DEBUG")
    refused = b"HTTP/1.1 401 No\r\nContent-Type: application/json\r\ncanary-secret is wrong\r\nX: 1\r\n\r\n"
    server.on("token", server.send_and_close(refused))
    with make(server) as client, pytest.raises(cf.AuthError):
        client.ask("how many?")
    assert "canary-secret" not in caplog.text


def test_the_private_method_that_is_replaced_exists() -> None:
    """The only private method of Python that is replaced; on a Python without it this test fails first."""
    import http.client
    import inspect

    assert list(inspect.signature(http.client.HTTPResponse._read_status).parameters) == ["self"]
    assert "self._read_status()" in inspect.getsource(http.client.HTTPResponse.begin)
    assert "self.response_class(" in inspect.getsource(http.client.HTTPConnection.getresponse)
