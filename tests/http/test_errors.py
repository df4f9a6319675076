"""Statuses and content types as failures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connecty_frames.errors import (
    APIError,
    AuthError,
    ConfigError,
    NotFoundError,
    RateLimitError,
    ResponseError,
    ServerError,
)
from connecty_frames.http.errors import content_failure, status_failure
from connecty_frames.http.models import SUCCESS, FailureKind, Request, Response
from connecty_frames.http.redaction import Redaction
from connecty_frames.secret import SecretStr

REDACT = Redaction()
REDACT.add("client_secret", SecretStr("canary-secret"))


def response(status: int, body: Any = b"", **headers: str) -> Response:
    """Return a response."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(Request("GET", "/v1/dw/13/questions?x=1"), "api.test", status, named, content)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (300, ConfigError, FailureKind.REJECTED),
        (304, ConfigError, FailureKind.REJECTED),
        (400, APIError, FailureKind.REJECTED),
        (401, AuthError, FailureKind.UNAUTHORIZED),
        (403, AuthError, FailureKind.REJECTED),
        (404, NotFoundError, FailureKind.REJECTED),
        (407, ConfigError, FailureKind.REJECTED),
        (408, APIError, FailureKind.UNAVAILABLE),
        (409, APIError, FailureKind.REJECTED),
        (422, APIError, FailureKind.REJECTED),
        (429, RateLimitError, FailureKind.RATE_LIMITED),
        (500, ServerError, FailureKind.SERVER_ERROR),
        (501, ServerError, FailureKind.SERVER_ERROR),
        (502, ServerError, FailureKind.UNAVAILABLE),
        (503, ServerError, FailureKind.UNAVAILABLE),
        (504, ServerError, FailureKind.UNAVAILABLE),
        (599, ServerError, FailureKind.SERVER_ERROR),
        (999, APIError, FailureKind.SERVER_ERROR),
    ],
)
def test_every_status_has_its_error(status: int, error: type[Exception], kind: FailureKind) -> None:
    """The class is exact: a 404 is a NotFoundError, a 422 an APIError and no subclass."""
    failure = status_failure(response(status), redact=REDACT)
    assert status not in SUCCESS
    assert (type(failure.error), failure.kind, failure.status) == (error, kind, status)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_success_is_no_failure(status: int) -> None:
    """Any 2xx is a success."""
    assert status in SUCCESS


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"detail": "No such workspace"}, "No such workspace"),
        ({"error": {"code": 7, "message": "No such workspace"}}, "No such workspace"),
        ({"error": "invalid", "error_description": "Too long"}, "Too long"),
        (
            {"detail": [{"loc": ["body", "question"], "msg": "Field required"}]},
            "body.question: Field required",
        ),
        ({"code": 7}, '{"code": 7}'),
        (b"plain\r\n  words", "plain words"),
        (b"\x1b[2Jcleared", "\\x1b[2Jcleared"),
        ({"detail": "secret canary-secret is wrong"}, "secret *** is wrong"),
        ({"detail": "x" * 1000}, "x" * 300 + "…"),
        ({"detail": "no\r\n  column\x1b"}, "no\n  column\\x1b"),
        (b"[" * 100_000, "[" * 300 + "…"),
    ],
)
def test_the_message_of_the_server_is_shown_short_and_safe(body: Any, text: str) -> None:
    """Its message where JSON has one, else the beginning of the body; no control character, no secret."""
    failure = status_failure(response(422, body), redact=REDACT)
    assert failure.error.text == text  # type: ignore[attr-defined]
    assert text in str(failure.error)


def test_a_message_of_several_lines_is_apart() -> None:
    """Between the sentences around it, with its indentation."""
    body = {"detail": "LINE 1: SELECT x\n               ^"}
    failure = status_failure(response(404, body), redact=REDACT)
    assert str(failure.error).startswith(
        "api.test answered 404 to GET /v1/dw/13/questions:\nLINE 1: SELECT x\n               ^\nCheck"
    )


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (400, "api.test answered 400 to GET /v1/dw/13/questions."),
        (
            500,
            "api.test answered 500 to GET /v1/dw/13/questions. The fault is the server's; try again later.",
        ),
    ],
)
def test_the_whole_message(status: int, says: str) -> None:
    """Of a fault of the server, also what to do."""
    assert str(status_failure(response(status), redact=REDACT).error) == says


def test_an_error_carries_status_request_id_and_wait() -> None:
    """A 429 has its status, the server's request id and the seconds to wait."""
    failure = status_failure(response(429, X_Request_Id="abc\x1b"), redact=REDACT, retry_after=12.0)
    error = failure.error
    assert isinstance(error, RateLimitError)
    assert (error.status, error.request_id, error.retry_after) == (429, "abc\\x1b", 12.0)
    assert str(error) == (
        "api.test answered 429 to GET /v1/dw/13/questions. Try again after 12 s, or ask fewer questions at "
        "once."
    )


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://login.test/sso?code=canary", "login.test"),
        ("https://user:canary@[::1]:8443/sso", "[::1]"),
        ("/elsewhere?code=canary", "api.test"),
        ("", "an unknown host"),
        (None, "an unknown host"),
        ("http://[", "an unknown host"),
    ],
)
def test_a_redirect_names_the_host_it_points_at_and_no_more(location: str | None, named: str) -> None:
    """The rest of the address may hold a secret."""
    headers = {} if location is None else {"Location": location}
    failure = status_failure(response(302, **headers), redact=REDACT)
    assert f"with a redirect to {named}." in str(failure.error)
    assert "canary" not in str(failure.error)


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/Problem+JSON"]
)
def test_json_is_json(content_type: str) -> None:
    """Parameters, case and +json do not matter."""
    assert content_failure(response(200, b"{}", **{"Content-Type": content_type}), redact=REDACT) is None


def test_json_without_a_content_type_is_json() -> None:
    """A body that begins as an object is taken for JSON, anything else is not."""
    assert content_failure(response(200, b' {"state": "PENDING"}'), redact=REDACT) is None
    assert content_failure(response(200, b"<html>"), redact=REDACT) is not None


def test_a_login_page_is_named_as_one() -> None:
    """The error has the content type, the host, what it might be, and how the page begins."""
    page = b"<html><title>Sign in\x1b</title>"
    failure = content_failure(response(200, page, **{"Content-Type": "text/html"}), redact=REDACT)
    assert failure is not None
    error = failure.error
    assert isinstance(error, ResponseError)
    assert (error.host, error.content_type) == ("api.test", "text/html")
    assert error.snippet == "<html><title>Sign in\\x1b</title>"
    assert "proxy or single sign-on" in str(error)
