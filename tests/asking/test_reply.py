"""Which id a reply names, and what is kept of a reply without one."""

import json
from typing import Any

from connecty_frames._base.clock import SYSTEM_CLOCK, Deadline
from connecty_frames._base.text import SecretStr
from connecty_frames.asking.submission import Reply, read_reply, shown_reply
from connecty_frames.http.models import Attempt
from connecty_frames.http.redaction import Redaction
from tests.cases import cases

UUID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
OTHER = f"{UUID[:-1]}9"


def attempt(body: Any, status: int = 200, **headers: str) -> Attempt:
    """Return an attempt that received a reply; a body that is no text is written as JSON."""
    found = Attempt(Deadline.after(60, SYSTEM_CLOCK), connect=9, idle=9, status=status)
    found.received.write((body if isinstance(body, str) else json.dumps(body)).encode())
    found.headers = headers
    return found


def read(received: Attempt) -> Reply:
    return read_reply(received, "https://api.test/v1/dw/13/questions", 13)


@cases(
    ("body", "expected"),
    [
        ({"question_id": UUID}, UUID),
        ({"questionId": UUID.upper()}, UUID.upper()),
        ({"QUESTION_ID": "q~1:a=b+c@d.e-f"}, "q~1:a=b+c@d.e-f"),
        ({"data": {"question_id": "x"}}, "x"),
        ({"Result": {"questionID": "x"}}, "x"),
        ({"question": {"question_id": "x"}}, "x"),
        ([{"question_id": "x"}], "x"),
        ({"data": [{"question_id": "x"}]}, "x"),
        ({"question_id": 10**40}, f"{10**40}"),
        ({"id": "x", "question": "how many?"}, "x"),
        ({"data": {"id": 7, "type": "question"}}, "7"),
        ({"id": "task", "question_id": "x"}, "x"),
        ({"jsonrpc": "2.0", "id": 1, "result": {"question_id": "x"}}, "x"),
        ({"jsonrpc": "2.0", "id": 1, "result": {"id": "x"}}, "x"),
        ({"question_id": UUID, "data": {"questionId": UUID.replace("-", "")}}, UUID),
        ({"question_id": "x", "error": None}, "x"),
        ('{"question_id": "x", "rows": [', "x"),
        ('{"question_id": 12, "rows": [', "12"),
        ('\ufeff{"question_id": "x"}', "x"),
    ],
)
def test_the_id_in_a_reply(body: Any, expected: str) -> None:
    """By its name, at the top and one level below what may hold it; as it was received."""
    assert read(attempt(body)).question_id == expected


@cases(
    ("body", "problem"),
    [
        ({"trace_id": UUID}, "without a question_id"),
        ({"conversation": {"question_id": UUID}}, "without a question_id"),
        ({"parent": {"id": UUID}}, "without a question_id"),
        ({"data": {"result": {"question_id": UUID}}}, "without a question_id"),
        ({"jsonrpc": "2.0", "id": 1, "result": "accepted"}, "without a question_id"),
        ({"id": UUID, "error": "quota exceeded"}, "without a question_id"),
        ({"question_id": None, "id": UUID}, "without a question_id"),
        ([{"question_id": UUID}, {"question_id": OTHER}], "without a question_id"),
        ("", "without a question_id"),
        ("[" * 100_000, "without a question_id"),
        ('{"question_id": "729cb7a4-', "without a question_id"),
        ('{"question_id": 12', "without a question_id"),
        ('{"question_id": "x", "question_id": "y", }', "without a question_id"),
        ({"question_id": "../x"}, "with a question_id that is not valid"),
        ({"question_id": True}, "with a question_id that is not valid"),
        ({"question_id": 1.5}, "with a question_id that is not valid"),
        ({"question_id": -1}, "with a question_id that is not valid"),
        ({"question_id": "x" * 201}, "with a question_id that is not valid"),
        ({"question_id": "x", "data": {"question_id": 7}}, "with two different ids"),
        ({"id": "x", "data": {"id": "y"}}, "with two different ids"),
        ('{"question_id": "x", "question_id": "y"}', "with two different ids"),
        ({"question_id": "Ab-c", "questionId": "abc"}, "with two different ids"),
    ],
)
def test_a_reply_names_no_single_id(body: Any, problem: str) -> None:
    """A UUID under another name, two ids, or what cannot be an id; the problem is said."""
    found = read(attempt(body))
    assert (found.question_id, found.problem) == (None, problem)


@cases(
    ("status", "location", "expected"),
    [
        (201, "/v1/dw/13/questions/q7", "q7"),
        (202, "https://api.test/base/v1/dw/13/questions/q7/results?x=y", "q7"),
        (303, "questions/q%3A7", "q:7"),
        (303, "/v1/dw/13/questions/q%3A7", "q:7"),
        (200, f"/v1/dw/13/questions/{UUID}", UUID),
        (302, "/v1/dw/13/questions/17", "17"),
        (302, "/v1/dw/13/questions/login", None),
        (201, "/v1/dw/14/questions/q7", None),
        (201, "/v1/dw/13/jobs/q7", None),
        (201, "https://other.test/v1/dw/13/questions/q7", None),
        (201, "https://[/v1/dw/13/questions/q7", None),
        (503, "/v1/dw/13/questions/q7", None),
        (409, f"/v1/dw/13/questions/{UUID}", None),
        (302, f"https://login.test/?state={UUID}", None),
    ],
)
def test_the_id_in_a_location(status: int, location: str, expected: str | None) -> None:
    """In the path of a question of this workspace on this host; under some statuses only a UUID or digits."""
    assert read(attempt("", status, Location=location)).question_id == expected


def test_the_location_may_contradict_the_body() -> None:
    """Then there is no id, whichever is right."""
    both = attempt({"question_id": "x"}, 201, Location="/v1/dw/13/questions/y")
    assert read(both).problem == "with two different ids"


@cases(("status", "expected"), [(409, None), (422, None), (408, "x"), (503, "x")])
def test_the_id_in_an_error(status: int, expected: str | None) -> None:
    """A refusal may name another question; after other failures, this one may have been started."""
    assert read(attempt({"question_id": "x"}, status)).question_id == expected
    assert read(attempt({"id": "x"}, status)).question_id is None


def test_what_is_kept_has_no_secrets() -> None:
    """No cookies, no Authorization, no query of Location; secrets are masked before the body is cut."""
    redact = Redaction()
    redact.add("secret", SecretStr("canary-secret"))
    received = attempt(
        "x" * 1_995 + "canary-secret",
        **{
            "Set-Cookie": "a",
            "authorization": "b",
            "X-Api-Key": "d",
            "X-Seen": "canary-secret",
            "Location": "/login?state=c",
        },
    )
    assert shown_reply(received, Reply(200, [], {"trace canary-secret": UUID}), redact) == {
        "status": 200,
        "headers": {"X-Seen": "***", "Location": "/login"},
        "reply": "x" * 1_995 + "***",
        "ids": {"trace ***": UUID},
    }
    for name in ("access_token", "accessToken", "jwt"):
        assert shown_reply(attempt({name: "t"}), Reply(200, [], {}), redact)["reply"] == ""


def test_ids_are_counted() -> None:
    """A reply of a thousand ids does not fill the history."""
    assert len(read(attempt({f"id{number}": UUID for number in range(1_000)})).others) == 20
