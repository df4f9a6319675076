"""A question is sent at most once; each test counts the requests that arrived."""

import json
import re
import socket
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from connecty_frames.client import Client
from connecty_frames.errors import (
    APIError,
    AuthError,
    ConfigError,
    NotFoundError,
    ProtocolWarning,
    ResponseError,
    SubmissionUncertain,
)
from tests.cases import cases

QUESTION = "Wie viele Aufträge\u2028gab es — “gestern”? 🦊"
QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
ACCEPTED = json.dumps({"question_id": QUESTION_ID}).encode()


def test_a_question_is_sent_exactly_as_given(server: Any, client: Client) -> None:
    """POST to the workspace with UTF-8 JSON; the handle has id, workspace, question and time."""
    before = datetime.now(UTC)
    question = client.submit(QUESTION)
    request = server.requests[-1]
    assert (request.method, request.target) == ("POST", "/v1/dw/13/questions")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer canary-token-1"
    agent = r"connecty_frames/0\.1\.0 python/3\.\d+\.\d+ requests/2\.[\d.]+ (linux|darwin|win32)"
    assert re.fullmatch(agent, request.headers["user-agent"])
    assert (request.headers["accept"], request.headers["accept-encoding"]) == ("application/json", "gzip")
    assert json.loads(request.body.decode("utf-8")) == {"question": QUESTION}
    assert (question.question_id, question.dw_id, question.question) == (QUESTION_ID, 13, QUESTION)
    assert question.asked_at is not None
    assert before <= question.asked_at <= datetime.now(UTC)


@pytest.mark.filterwarnings("ignore::connecty_frames.errors.ProtocolWarning")
def test_any_success_with_an_id_is_acceptance(server: Any, client: Client) -> None:
    """200, 201 and 202 whatever the headers say of the body, since only the id counts."""
    for status, encoding in ((200, "identity"), (201, "gzip"), (202, "br")):
        headers = {"Content_Type": "text/plain", "Content_Encoding": encoding}
        server.on("ask", server.answer(status, {"question_id": QUESTION_ID}, **headers))
        assert client.submit("q").question_id == QUESTION_ID


IDS = {"X_Request_Id": "req-7", "CF_Ray": "8f2-FRA"}


@pytest.mark.parametrize(
    ("endpoint", "status", "body", "error"),
    [
        ("token", 401, b"", AuthError),
        ("token", 404, b"", AuthError),
        ("token", 200, b"{}", AuthError),
        ("ask", 302, b"", ConfigError),
        ("ask", 401, b"", AuthError),
        ("ask", 404, b"", NotFoundError),
        ("ask", 422, b"{}", APIError),
        ("results", 404, b"", NotFoundError),
        ("results", 200, b"<title>Sign in</title>", ResponseError),
        ("results", 200, b"{]", ResponseError),
    ],
)
def test_errors_name_the_request_for_support(
    server: Any, fake_clock_client: Client, endpoint: str, status: int, body: bytes, error: type
) -> None:
    """Whatever the reply means: the ids of server and gateway, in the attribute and the message."""
    server.on(endpoint, server.answer(status, raw=body, Location="/login", **IDS))
    with pytest.raises(error) as caught:
        fake_clock_client.ask("how many?")
    assert caught.value.request_id == "req-7"
    assert str(caught.value).count("(X-Request-Id: req-7, CF-Ray: 8f2-FRA)") == 1


HEAD = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n"


#: The reply to a question, and what is seen of it.
LOST: dict[str, tuple[Any, str]] = {
    "reset": ("reset", "the connection was reset"),
    "closed": ("close", "the connection was closed without an answer"),
    "cut status line": (HEAD[:8], "the connection was closed without an answer"),
    "no HTTP": (b"SSH-2.0\r\n", "the answer was not HTTP"),
    "70 KB header": (HEAD + b"X: " + b"x" * 70_000 + b"\r\n\r\n", "the answer was not HTTP"),
    "300 headers": (HEAD + b"X: x\r\n" * 300 + b"\r\n", "the answer was not HTTP"),
    "cut": (HEAD + b"Content-Length: 99\r\n\r\n" + ACCEPTED[:30], "the answer was cut after 30 bytes"),
    "empty": (HEAD + b"\r\n", "answered 202 with an empty body"),
    "bad id": (
        HEAD + b'Content-Length: 21\r\n\r\n{"question_id": null}',
        "answered 202 without a question_id",
    ),
    "nested deeply": (HEAD + b"\r\n" + b"[" * 50_000, "answered 202 without a question_id"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", "answered 204 with an empty body"),
    "login page": (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", "instead of JSON"),
    "empty 200": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "answered 200 with an empty body"),
    "bad gzip": (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nxxxx", "cannot be decompressed"),
}


@pytest.mark.parametrize("lost", LOST)
def test_a_lost_answer_is_uncertain(server: Any, client: Client, lost: str) -> None:
    """The server read the question once and sent no usable response: reported, and not sent again."""
    step, seen = LOST[lost]
    server.on("ask", server.send_and_close(step) if isinstance(step, bytes) else getattr(server, step))
    with pytest.raises(SubmissionUncertain) as caught:
        client.submit(QUESTION)
    error = caught.value
    assert seen in str(error)
    assert seen in str(error.details["seen"])
    assert "Look in ConnectyAI's chat history before asking it again" in str(error)
    assert not hasattr(error, "__notes__")
    assert (error.question, error.dw_id, error.question_id) == (QUESTION, 13, None)
    assert error.asked_at is not None
    assert server.count("ask") == 1


@pytest.mark.parametrize("is_cut", [False, True])
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_fault_after_sending_is_uncertain(server: Any, client: Client, status: int, is_cut: bool) -> None:
    """The question may have been started before the fault, whose body may be cut: one POST."""
    whole = server.answer(status, {"detail": "Not like that"}, Retry_After="0")
    server.on("ask", server.send_and_close(cut(status)) if is_cut else whole)
    with pytest.raises(SubmissionUncertain, match=f"answered {status}") as caught:
        client.submit("q")
    assert caught.value.details["status"] == status
    assert "Not li" in str(caught.value.details["answer"])
    assert server.count("ask") == 1


def test_an_id_that_arrived_whole_is_kept(server: Any, client: Client) -> None:
    """A 202 whose body is cut after the id was accepted; a 503 that holds an id is uncertain, with the id."""
    server.on("ask", server.send_and_close(HEAD + b"Content-Length: 99\r\n\r\n" + ACCEPTED))
    assert client.submit("q").question_id == QUESTION_ID
    server.on("ask", server.answer(503, {"question_id": QUESTION_ID}))
    with pytest.raises(SubmissionUncertain) as caught:
        client.submit("q")
    assert caught.value.question_id == QUESTION_ID
    assert f'cf.fetch("{QUESTION_ID}", dw_id=13)' in str(caught.value)


def cut(status: int, *headers: str) -> bytes:
    head = "".join(f"{header}\r\n" for header in headers)
    return f'HTTP/1.1 {status} No\r\n{head}Content-Length: 99\r\n\r\n{{"detail": "Not li'.encode()


@pytest.mark.parametrize("ending", ["", "send_and_close", "send_and_reset"])
@pytest.mark.parametrize(
    ("status", "error"),
    [(403, AuthError), (404, NotFoundError), *((status, APIError) for status in (400, 409, 413, 422))],
)
def test_a_refusal_is_definite(
    server: Any, client: Client, status: int, error: type[Exception], ending: str
) -> None:
    """The status arrived: its own error, with what came of the server's message, without a retry."""
    whole = server.answer(status, {"detail": "Not like that"})
    server.on("ask", getattr(server, ending)(cut(status)) if ending else whole)
    with pytest.raises(error, match="Not li" if ending else "Not like that") as caught:
        client.submit("q")
    assert type(caught.value) is error
    assert server.count("ask") == 1


@pytest.mark.parametrize(
    ("ending", "arrived"),
    [
        ("send_and_close", b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}"),
        ("send_and_close", b"X: " + b"x" * 70_000 + b"\r\n\r\n{}"),
        ("send_and_close", b"X: x\r\n" * 300 + b"\r\n{}"),
        ("send_and_hang", b""),
        ("send_and_hang", b"Content-Le"),
        ("send_and_hang", b'Content-Length: 99\r\n\r\n{"detail": "Not like'),
    ],
    ids=["two lengths", "70 KB header", "300 headers", "no header", "half a header", "half a body"],
)
def test_a_refusal_that_cannot_be_read_is_definite(
    server: Any, client: Client, ending: str, arrived: bytes
) -> None:
    """The status line came in time, and says that nothing was started."""
    server.on("ask", getattr(server, ending)(b"HTTP/1.1 422 No\r\n" + arrived))
    client.question(QUESTION_ID).state()  # gets a token
    with pytest.raises(APIError) as caught:
        client.submit("q", timeout=1 if ending == "send_and_hang" else 20)
    assert caught.value.status == 422
    assert server.count("ask") == 1


@cases("question_id", [QUESTION_ID.upper(), QUESTION_ID.replace("-", ""), f"urn:uuid:{QUESTION_ID}", "q~1@x"])
@pytest.mark.filterwarnings("ignore::connecty_frames.errors.ProtocolWarning")
def test_an_id_is_sent_back_as_it_was_received(server: Any, client: Client, question_id: str) -> None:
    """A server may compare it as text; what a path may not hold is percent-encoded."""
    server.on("ask", server.answer(202, {"question_id": question_id}))
    server.on("results", server.completed(dataframe=[["n"], [5]]))
    answer = client.ask("how many?")
    path = server.requests[-1].target.partition("?")[0]
    assert (answer.question_id, answer.rows) == (question_id, 1)
    assert path == f"/v1/dw/13/questions/{quote(question_id, safe='')}/results"


def test_a_number_is_an_id(server: Any, client: Client) -> None:
    """Its digits are sent back, however many they are, and one warning says so."""
    server.on("ask", server.answer(202, {"question_id": 10**30}))
    with pytest.warns(
        ProtocolWarning, match=r"names its id 'question_id': 1000000000000000000000000000000, not"
    ):
        assert client.submit("q").question_id == f"{10**30}"
    assert client.submit("again, without a warning").question_id == f"{10**30}"


SILENT = f"{QUESTION_ID[:-1]}9"


@cases(
    ("status", "body", "headers", "said"),
    [
        (
            200,
            '{"message": "Workspace is warming up"}',
            {},
            'The reply: {"message": "Workspace is warming up"}',
        ),
        (200, f'{{"trace_id": "{SILENT}"}}', {}, f"not be the question's: trace_id {SILENT}"),
        (200, f'{{"id": "a", "data": {{"id": "{SILENT}"}}}}', {}, "with two different ids"),
        (303, "", {"Location": "/status"}, "answered 303"),
        (302, '{"question_id": "a", "questionId": "b"}', {"Location": "/x"}, "answered 302"),
        (200, '{"question_id": "../x"}', {}, "question_id ../x"),
    ],
)
def test_a_reply_without_an_id_is_kept(
    server: Any, client: Client, status: int, body: str, headers: dict[str, str], said: str
) -> None:
    """Uncertain, with the reply in the message and in details; a UUID under another name is no id."""
    before = server.count("ask")
    server.on("ask", server.answer(status, raw=body.encode(), Set_Cookie="canary", X_Trace="t1", **headers))
    with pytest.raises(SubmissionUncertain) as caught:
        client.submit("q")
    error = caught.value
    assert said in str(error)
    assert error.question_id is None
    assert (error.details["status"], error.details["reply"]) == (status, body)
    assert error.details["headers"]["X-Trace"] == "t1"
    assert "canary" not in repr(error.details)
    assert error.details["x_request_id"] == server.requests[-1].headers["x-request-id"]
    assert server.count("ask") == before + 1


def test_a_redirect_may_name_the_id(server: Any, client: Client) -> None:
    """303 to the question on this host: it was accepted, and the answer is fetched; nothing is followed."""
    server.on("ask", server.answer(303, Location=f"/v1/dw/13/questions/{QUESTION_ID}/results?token=x"))
    with pytest.warns(ProtocolWarning, match="names its id 'Location'"):
        question = client.submit("q")
    assert question.question_id == QUESTION_ID
    assert server.count("ask") == 1


def test_the_request_id_stays_when_a_question_is_sent_again(server: Any, client: Client) -> None:
    """After a 429 and a 401 it is the same question; another question has another."""
    accepted = server.answer(202, {"question_id": QUESTION_ID})
    server.on("ask", server.answer(429, Retry_After="0"), server.answer(401), accepted)
    client.submit("first")
    client.submit("second")
    sent = [
        each.headers["x-request-id"]
        for each in server.requests
        if each.method == "POST" and "dw" in each.target
    ]
    assert sent[0] == sent[1] == sent[2] != sent[3]
    assert str(UUID(sent[0])) == sent[0]


@pytest.mark.parametrize(
    ("body", "known"),
    [
        ('{"a": 1, "question_id": "%s"', True),
        ('{"question_id": "%s", "more": {', True),
        ('{"parent": {"question_id": "%s"}, "question_id": "729cb7a4-4b06', False),
        ('[{"question_id": "%s"', False),
        ('{"said": "\\"question_id\\": \\"%s\\"", "question_id": "729cb7a4-4b06', False),
    ],
)
def test_the_id_of_another_question_is_not_taken(server: Any, client: Client, body: str, known: bool) -> None:
    """In a response that is cut, an id counts only in the outermost object, where the API puts it."""
    content = (body % QUESTION_ID).encode()
    server.on("ask", server.send_and_close(b"HTTP/1.1 202 Accepted\r\nContent-Length: 999\r\n\r\n" + content))
    if known:
        assert client.submit("q").question_id == QUESTION_ID
    else:
        with pytest.raises(SubmissionUncertain) as caught:
            client.submit("q")
        assert caught.value.question_id is None


def test_a_429_whose_body_is_cut_is_sent_again(server: Any, client: Client) -> None:
    """Nothing was started, and Retry-After arrived: sent again twice, then accepted."""
    refused = server.send_and_close(cut(429, "Retry-After: 0"))
    server.on("ask", refused, refused, server.steps["ask"][0])
    assert client.submit("q").question_id == QUESTION_ID
    assert server.count("ask") == 3


def test_a_401_whose_body_is_cut_is_sent_again_once(server: Any, client: Client) -> None:
    """One new token and one more request."""
    server.on("ask", server.send_and_close(cut(401)), server.steps["ask"][0])
    assert client.submit("q").question_id == QUESTION_ID
    assert (server.count("ask"), server.count("token")) == (2, 2)


def test_a_redirect_whose_body_is_cut_is_definite(server: Any, client: Client) -> None:
    """It is not followed, and the submission is not uncertain."""
    server.on("ask", server.send_and_close(cut(302, "Location: https://login.test/")))
    with pytest.raises(ConfigError, match=r"redirect to login\.test"):
        client.submit("q")
    assert server.count("ask") == 1


def test_a_rejection_of_many_megabytes_is_read_in_part(server: Any, client: Client) -> None:
    """One megabyte is read, then the connection is closed; the status decides."""
    sent = []

    def send_fifty_megabytes(connection: socket.socket) -> bool:
        connection.sendall(b'HTTP/1.1 422 No\r\nContent-Length: 50000027\r\n\r\n{"detail": "Not like that"}')
        for _ in range(50):
            connection.sendall(b" " * 1_000_000)
            sent.append(1)
        return False

    server.on("ask", send_fifty_megabytes)
    with pytest.raises(APIError, match="Not like that"):
        client.submit("q")
    assert len(sent) < 20  # the system takes some that nobody reads


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("", "blank"),
        (" \n\t", "blank"),
        (None, "NoneType"),
        (b"bytes", "bytes"),
        ("half a \ud800 character", "lone surrogate"),
    ],
)
def test_an_invalid_question_is_not_sent(server: Any, client: Client, question: Any, message: str) -> None:
    """ConfigError for the setting "question", before a token is requested."""
    with pytest.raises(ConfigError, match=message) as caught:
        client.submit(question)
    assert caught.value.setting == "question"
    assert server.requests == []


def test_the_error_of_a_caller_keeps_its_traceback(server: Any, client: Client) -> None:
    """A question that is asked while another error is handled does not change that error."""
    server.on("ask", server.reset)
    kept: list[object] = []
    try:
        {}["the caller's own"]
    except KeyError as error:
        with pytest.raises(SubmissionUncertain):
            client.submit("q")
        kept.append(error.__traceback__)
    assert kept != [None]
