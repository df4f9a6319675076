"""The four endpoints, tested without the client of the library."""

import json
import logging
import re
import socket
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
import requests
import starlette.routing

from connecty_frames.protocol import State
from connecty_frames.sandbox import Sandbox
from connecty_frames.sandbox.jobs import Job
from connecty_frames.sandbox.server import _results_body
from tests.cases import cases

LOGINS = "show the last 100 logins"
JSON = {"Content-Type": "application/json"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def assert_error(reply: requests.Response, status: int, error: str, message: str) -> None:
    assert reply.status_code == status
    assert reply.headers["Content-Type"] == "application/json"
    body = reply.json()
    assert list(body) == ["error", "message", "request_id"]
    assert body["error"] == error
    assert re.search(message, body["message"]), body["message"]
    assert body["request_id"] == reply.headers["X-Request-Id"]


def test_each_response_has_its_own_id(api: Any) -> None:
    """Two requests have different ids."""
    assert api.get("/v1/health").headers["X-Request-Id"] != api.get("/v1/health").headers["X-Request-Id"]


@cases(
    "wrong",
    [{"client_secret": "wrong"}, {"client_id": "wrong"}, {"client_secret": ""}, {"client_secret": "żółw"}],
)
def test_wrong_credentials_are_rejected(api: Any, wrong: dict[str, str]) -> None:
    """The response is 401, and does not say which of the two was wrong."""
    reply = requests.post(api.url("/v1/auth/token"), json=api.credentials() | wrong, timeout=5)
    assert_error(reply, 401, "unauthorized", r"^The client_id or the client_secret is wrong\.$")
    assert reply.headers["WWW-Authenticate"] == "Bearer"


@cases(
    ("body", "message"),
    [
        (b"", "body: (Input data was truncated|JSON is malformed|Invalid)"),
        (b"client_id=a&client_secret=b", "body: (Input data was truncated|JSON is malformed|Invalid)"),
        (b"[]", "body: Expected `object`, got `array`"),
        (b"{}", "body: Object missing required field `client_id`"),
        (b'{"client_id": 1, "client_secret": "x"}', r"body: Expected `str`, got `int` - at `\$\.client_id`"),
        (b'{"client_id": "sandbox", "client_secret": null}', r"Expected `str` - at `\$\.client_secret`"),
        (
            b'{"client_id": "sandbox", "client_secret": "\\ud800"}',
            "body: (Input data was truncated|JSON is malformed|Invalid)",
        ),
        (b'{"client_id": "sandbox", "client_secret": "\xff"}', "body: "),
    ],
)
def test_an_invalid_token_request_is_explained(api: Any, body: bytes, message: str) -> None:
    """The response is 422 with an invalid field, and without its value."""
    reply = requests.post(api.url("/v1/auth/token"), data=body, headers=JSON, timeout=5)
    assert_error(reply, 422, "unprocessable", message)


@cases("header", [None, "", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic c2FuZGJveDp4", "Token x"])
@cases(
    ("method", "path"),
    [
        ("POST", "/v1/dw/13/questions"),
        ("GET", f"/v1/dw/13/questions/{UNKNOWN}/results"),
        ("POST", "/v1/dw/99/questions"),
        ("GET", f"/v1/dw/99/questions/{UNKNOWN}/results"),
    ],
)
def test_every_request_needs_a_valid_token(api: Any, method: str, path: str, header: str | None) -> None:
    """The response is 401 before any other check, so that it does not reveal workspaces and ids."""
    headers = {} if header is None else {"Authorization": header}
    reply = requests.request(method, api.url(path), headers=headers, timeout=5)
    assert_error(reply, 401, "unauthorized", r"missing|not one of this server's")
    assert reply.headers["WWW-Authenticate"] == "Bearer"


def test_the_scheme_is_case_insensitive(api: Any) -> None:
    """Authentication schemes are case-insensitive (RFC 9110, 11.1)."""
    header = api.session.headers["Authorization"].replace("Bearer", "bearer")
    reply = requests.get(
        api.url(f"/v1/dw/13/questions/{UNKNOWN}/results"), headers={"Authorization": header}, timeout=5
    )
    assert reply.status_code == 404


def test_a_token_expires(connect: Any, shifted_clock: Any) -> None:
    """After its lifetime it is rejected, and a new one is accepted."""
    with Sandbox(token_lifetime=60, clock=shifted_clock) as sandbox:
        api = connect(sandbox)
        question_id = api.ask("SELECT 1")
        shifted_clock.shift = timedelta(seconds=61)
        assert_error(api.results(question_id), 401, "unauthorized", r"^The token has expired, or")
        api.login()
        assert api.results(question_id).status_code == 200


@cases(
    ("body", "message"),
    [
        (b"", "body: (Input data was truncated|JSON is malformed|Invalid)"),
        (b"{", "body: (Input data was truncated|JSON is malformed|Invalid)"),
        (b'"question"', "body: Expected `object`, got `str`"),
        (b"{}", "body: Object missing required field `question`"),
        (b'{"question": ""}', r"body: Expected `str` of length >= 1 - at `\$\.question`"),
        (b'{"question": null}', r"body: Expected `str`, got `null` - at `\$\.question`"),
        (b'{"question": 5}', r"body: Expected `str`, got `int` - at `\$\.question`"),
        (b'{"question": ["a"]}', r"body: Expected `str`, got `array` - at `\$\.question`"),
    ],
)
def test_an_invalid_question_is_explained(api: Any, body: bytes, message: str) -> None:
    """The response is 422, and no question is accepted."""
    before = len(api.sandbox.request_log.questions)
    reply = api.session.post(api.url("/v1/dw/13/questions"), data=body, headers=JSON)
    assert_error(reply, 422, "unprocessable", message)
    assert len(api.sandbox.request_log.questions) == before


@cases("dw_id", ["14", "0", "-13", "013", "13.0", "abc", "13%20"])
def test_another_workspace_is_not_found(api: Any, dw_id: str) -> None:
    """The response is 404 for asking and for fetching."""
    question_id = api.ask("SELECT 1")
    asked = api.session.post(api.url(f"/v1/dw/{dw_id}/questions"), json={"question": LOGINS})
    assert_error(asked, 404, "not_found", "There is no workspace")
    assert_error(
        api.get(f"/v1/dw/{dw_id}/questions/{question_id}/results"), 404, "not_found", "There is no workspace"
    )


def test_a_body_has_to_be_json(api: Any) -> None:
    """A POST of any other type, which a web page could send, gets 415, and no question is accepted."""
    before = len(api.sandbox.request_log.questions)
    body = b'{"question": "SELECT 1"}'
    for content_type in (
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ):
        headers = {} if content_type is None else {"Content-Type": content_type}
        reply = api.session.post(api.url("/v1/dw/13/questions"), data=body, headers=headers)
        assert_error(reply, 415, "unsupported_media_type", "Content-Type: application/json is missing")
        reply = requests.post(api.url("/v1/auth/token"), data=b"{}", headers=headers, timeout=5)
        assert_error(reply, 415, "unsupported_media_type", "Content-Type: application/json is missing")

    assert len(api.sandbox.request_log.questions) == before
    assert [seen.question for seen in api.sandbox.request_log.requests if seen.status == 415][-8:] == [
        None
    ] * 8
    headers = {"Content-Type": "Application/JSON ; charset=utf-8"}
    assert api.session.post(api.url("/v1/dw/13/questions"), data=body, headers=headers).status_code == 200


@cases("chunked", [False, True])
def test_the_size_of_a_body_is_limited(api: Any, chunked: Any) -> None:
    """Beyond a mebibyte the client receives 413; a question just within the limit is accepted."""
    before = len(api.sandbox.request_log.questions)
    room = 2**20 - len('{"question": "SELECT 1 --"}')
    for spaces, status in ((room, 200), (room + 1, 413), (5_000_000, 413)):
        body = b'{"question": "SELECT 1 --' + b" " * spaces + b'"}'
        data = iter([body]) if chunked else body
        reply = api.session.post(api.url("/v1/dw/13/questions"), data=data, headers=JSON)
        assert reply.status_code == status
    assert_error(reply, 413, "too_large", "longer than 1048576 bytes")
    assert len(api.sandbox.request_log.questions) == before + 1


def test_instrumentation_may_read_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that wraps the handlers of the process and reads each body first gets it, and so do they."""
    seen, respond = [], starlette.routing.request_response

    def instrumented(handler: Any) -> Any:
        async def read_first(request: Any) -> Any:
            seen.append(await request.body())
            return await handler(request)

        return respond(read_first)

    monkeypatch.setattr("starlette.routing.request_response", instrumented)
    with Sandbox() as sandbox:
        credentials = {name: sandbox.connection[name] for name in ("client_id", "client_secret")}  # type: ignore[literal-required]
        reply = requests.post(f"{sandbox.connection['base_url']}/v1/auth/token", json=credentials, timeout=10)

    assert reply.status_code == 200
    assert json.loads(seen[0]) == credentials


def test_a_client_that_leaves_within_its_request_has_no_effect(
    api: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Its request is not answered or logged as an error, and no question is accepted."""
    before = len(api.sandbox.request_log.questions)
    host, _, port = api.sandbox.connection["base_url"].removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            f"POST /v1/dw/13/questions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Authorization: {api.session.headers['Authorization']}\r\nContent-Length: 100\r\n\r\n{{".encode()
        )
    assert api.get("/v1/health").status_code == 200
    assert len(api.sandbox.request_log.questions) == before
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@cases("end", [State.COMPLETED, State.FAILED])
def test_a_question_that_ends_while_its_state_is_read(end: State) -> None:
    """No response has the end without what belongs to it."""

    class Ending(Job):
        looks = 0

        @property
        def state(self) -> State:  # type: ignore[override]
            self.looks += 1
            return State.IN_PROGRESS if self.looks == 1 else end

        @state.setter
        def state(self, _: State) -> None:
            """Leave it as it is."""

    assert _results_body(Ending(UNKNOWN, "how many?"), frozenset(), 0) == {"state": "IN_PROGRESS"}


def test_an_unknown_question_fails_and_names_the_nearest(api: Any) -> None:
    """A question that is not in the catalogue does not get the answer to another."""
    body = api.answer("show the last 100 logouts").json()
    assert body["state"] == "FAILED"
    assert "Unknown words: 'logouts'." in body["error"]
    assert '"show the last 100 logins"' in body["error"]


@cases(
    "include",
    [
        "",
        "Dataframe",
        "rows",
        "dataframe,",
        ",",
        "dataframe, summary",
        "dataframe;summary",
        "dataframe_stats",
    ],
)
def test_an_invalid_include_is_rejected(api: Any, include: str) -> None:
    """The response is 422 with the valid values."""
    reply = api.results(api.ask("SELECT 1"), include=include)
    assert_error(reply, 422, "unprocessable", "dataframe, statistics, sqlquery, summary")


@cases("max_rows", ["-1", "1.0", "x", "", "+5", " 5", "5 ", "1e3", "٣", "5_0"])
def test_an_invalid_max_rows_is_rejected(api: Any, max_rows: str) -> None:
    """The response is 422 for anything but the digits of a whole number."""
    reply = api.results(api.ask("SELECT 1"), max_rows=max_rows)
    assert_error(reply, 422, "unprocessable", "expected a whole number that is not negative")


@cases(
    ("params", "rows"),
    [
        ({}, 1000),
        ({"max_rows": 0}, 0),
        ({"max_rows": 1}, 1),
        ({"max_rows": 10**6}, 1500),
        ({"max_rows": "9" * 5000}, 1500),
        ({"max_rows": "0" * 30 + "7"}, 7),
    ],
)
def test_max_rows_limits_the_table_alone(api: Any, params: dict[str, Any], rows: int) -> None:
    """The default is 1000; the statistics and the summary are of the whole result."""
    sql = "SELECT i FROM range(1500) AS t(i) ORDER BY i"
    results = api.answer(sql, include="dataframe,statistics,summary", **params).json()["results"]
    assert results["dataframe"] == [["i"], *([i] for i in range(rows))]
    assert results["dataframe_stats"]["i"]["general"] == {"count": 1500, "nulls_count": 0}
    assert results["dataframe_stats"]["i"]["numeric"]["max"] == 1499
    assert results["response_summary"] == "The query returned 1500 rows."


@cases("question_id", [UNKNOWN, "abc", "..", "%2e%2e", "1", "null"])
def test_an_unknown_question_is_not_found(api: Any, question_id: str) -> None:
    """The response is 404, whether the id is a UUID or not."""
    reply = requests.Request(
        "GET", api.url("/v1/dw/13/questions/x/results"), headers=dict(api.session.headers)
    ).prepare()
    reply.url = api.url(f"/v1/dw/13/questions/{question_id}/results")
    assert_error(api.session.send(reply), 404, "not_found", "")


def test_digits_arrive_as_they_are(api: Any) -> None:
    """No number is converted to a float and back."""
    reply = api.answer(
        "SELECT '1234567890123456789012345678901234.5678'::DECIMAL(38, 4) AS d, 2::DECIMAL(9, 2) AS e"
    )
    assert reply.text == (
        '{"state":"COMPLETED","results":{"dataframe":[["d","e"],[1234567890123456789012345678901234.5678,2.00]]}}'
    )


@cases(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", "", "localhost@evil.example"],
)
@cases("path", ["/v1/health", "/v1/auth/token", "/nowhere"])
def test_another_host_is_rejected(api: Any, host: str, path: str) -> None:
    """The response is 421 for any path: DNS rebinding must not reach the sandbox."""
    reply = requests.get(api.url(path), headers={"Host": host}, timeout=5)
    assert_error(reply, 421, "misdirected", "names another server")


@cases("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:80"])
def test_loopback_has_several_names(api: Any, host: str) -> None:
    """Each of them is accepted, with any port, since a forwarded port differs."""
    assert requests.get(api.url("/v1/health"), headers={"Host": host}, timeout=5).status_code == 200


def test_no_other_origin_is_allowed(api: Any) -> None:
    """A CORS preflight gets no header that would allow the request."""
    asking = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    replies = [
        requests.options(api.url("/v1/dw/13/questions"), headers=asking, timeout=5),
        requests.options(api.url("/v1/auth/token"), headers=asking, timeout=5),
        requests.get(api.url("/v1/health"), headers=asking, timeout=5),
    ]
    assert [reply.status_code for reply in replies] == [405, 405, 200]
    assert [name for reply in replies for name in reply.headers if name.lower().startswith("access-")] == []


@cases(
    ("method", "path", "status", "error"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1", 404, "not_found"),
        ("GET", "/v1/health/", 404, "not_found"),
        ("POST", "/v1/health", 405, "method_not_allowed"),
        ("DELETE", "/v1/auth/token", 405, "method_not_allowed"),
        ("GET", "/v1/dw/13/questions", 405, "method_not_allowed"),
        ("POST", f"/v1/dw/13/questions/{UNKNOWN}/results", 405, "method_not_allowed"),
    ],
)
def test_other_paths_and_methods_are_errors(
    api: Any, method: str, path: str, status: int, error: str
) -> None:
    """Other paths get 404, other methods 405 with the allowed ones."""
    reply = api.session.request(method, api.url(path))
    assert_error(reply, status, error, "")
    assert ("Allow" in reply.headers) == (status == 405)


def test_an_internal_error_has_the_same_form(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The response is 500 as JSON with an id, and without the message of the exception."""
    question_id = api.ask("SELECT 1")
    monkeypatch.setattr(
        "connecty_frames.sandbox.jobs.JobQueue.find", mock.Mock(side_effect=RuntimeError("inner secret"))
    )
    reply = api.results(question_id)
    assert_error(reply, 500, "internal_error", r"^Internal error of the sandbox\.$")
    assert "inner secret" not in reply.text


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
