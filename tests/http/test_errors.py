"""Statuses and content types as failures."""

import copy
import http.client
import json
import ssl
from types import SimpleNamespace
from typing import Any

import requests
import urllib3

from connecty_frames._base.clock import SYSTEM_CLOCK, Deadline
from connecty_frames._base.text import SecretStr
from connecty_frames.asking.auth import content_failure
from connecty_frames.errors import (
    APIError,
    AuthError,
    ConfigError,
    ConnectionFailed,
    NotFoundError,
    RateLimitError,
    ResponseError,
    ResponseTooLarge,
    ServerError,
)
from connecty_frames.http.errors import (
    deadline_failure,
    exception_failure,
    host_port,
    name_request,
    status_failure,
)
from connecty_frames.http.models import Attempt, Failure, FailureKind, Request, Response, UnusableResponse
from connecty_frames.http.redaction import Redaction
from tests.cases import cases

REDACT = Redaction()
REDACT.add("client_secret", SecretStr("canary-secret"))
#: Of which content_failure uses this much.
TRANSPORT: Any = SimpleNamespace(redact=REDACT, differs=lambda _kind, _message: None)


def response(status: int, body: Any = b"", **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(Request("GET", "/v1/dw/13/questions?x=1"), "api.test", status, named, content)


REDIRECTED = (
    " with a redirect to an unknown host. Redirects are never followed: they could leak credentials. Set "
    "base_url to the API's address."
)
CHECK = "client_id and client_secret, and that region or base_url is where your organisation is registered."
REJECTED, UNAVAILABLE, FAULT = FailureKind.REJECTED, FailureKind.UNAVAILABLE, FailureKind.SERVER_ERROR


@cases(
    ("status", "wait", "error", "kind", "says"),
    [
        (300, None, ConfigError, REJECTED, REDIRECTED),
        (304, None, ConfigError, REJECTED, REDIRECTED),
        (399, None, ConfigError, REJECTED, REDIRECTED),
        (400, None, APIError, REJECTED, "."),
        (400, 2.0, APIError, REJECTED, ". It says to try again after 2 s."),
        (401, None, AuthError, FailureKind.UNAUTHORIZED, f". The credentials were refused. Check {CHECK}"),
        (403, None, AuthError, REJECTED, f". These credentials may not do this. Check dw_id, {CHECK}"),
        (404, None, NotFoundError, REJECTED, ". Check dw_id, and question_id if you gave one."),
        (404, 2.0, NotFoundError, REJECTED,
         ". It says to try again after 2 s. Check dw_id, and question_id if you gave one."),
        (407, None, ConfigError, REJECTED,
         ". Check the user and password of the proxy in HTTPS_PROXY or HTTP_PROXY."),
        (408, None, APIError, UNAVAILABLE, ". The service did not get the request in time; try again later."),
        (409, None, APIError, REJECTED, "."),
        (422, None, APIError, REJECTED, "."),
        (429, 12.0, RateLimitError, FailureKind.RATE_LIMITED,
         ". Too many requests; try again after 12 s or ask fewer at once."),
        (500, None, ServerError, FAULT, ". The fault is the server's; try again later."),
        (501, None, ServerError, FAULT, ". The fault is the server's; try again later."),
        (502, None, ServerError, UNAVAILABLE,
         ". The service cannot be reached at the moment; try again later."),
        (503, 2.0, ServerError, UNAVAILABLE,
         ". The service is unavailable at the moment; try again after 2 s."),
        (504, None, ServerError, FailureKind.GATEWAY_TIMEOUT,
         ". The service did not answer in time; try again later."),
        (524, None, ServerError, FailureKind.GATEWAY_TIMEOUT,
         ". The service did not answer in time; try again later."),
        (530, None, ServerError, UNAVAILABLE,
         ". The service cannot be reached at the moment; try again later."),
        (531, None, ServerError, FAULT, ". The fault is the server's; try again later."),
        (599, None, ServerError, FAULT, ". The fault is the server's; try again later."),
        (600, None, APIError, FAULT, "."),
        (999, None, APIError, FAULT, "."),
    ],
)  # fmt: skip
def test_every_status_has_its_error(
    status: int, wait: float | None, error: type[Exception], kind: FailureKind, says: str
) -> None:
    """The class is exact; the message says what was asked for, without the query, and what to do."""
    failure = status_failure(response(status), redact=REDACT, retry_after=wait)
    assert (type(failure.error), failure.kind, failure.status) == (error, kind, status)
    assert str(failure.error) == f"api.test answered {status} to GET /v1/dw/13/questions{says}"
    assert (failure.reason, failure.retry_after) == (f"api.test answered {status}", wait)


def test_a_question_that_is_paid_for_is_not_to_be_asked_again() -> None:
    """A failure to fetch its answer says to fetch, and not to try again."""
    fetched = Response(Request("GET", "/x", question_id="1"), "api.test", 500, {}, b"")
    assert str(status_failure(fetched, redact=REDACT).error).endswith("; fetch the answer later.")


@cases(
    ("body", "text"),
    [
        ({"detail": "No such workspace"}, "No such workspace"),
        ({"error": {"code": 7, "message": "No such workspace"}}, "No such workspace"),
        ({"error": "invalid", "error_description": "Too long"}, "Too long"),
        ({"detail": [{"loc": ["body", "question"], "msg": "Field required"}]},
         "body.question: Field required"),
        ({"title": "Bad Request", "msg": "No"}, "Bad Request"),
        ({"detail": ["one", {"msg": "two"}, 3, "four"]}, "one; two"),
        ({"detail": "Required", "loc": "body"}, "Required"),
        ("No such workspace", "No such workspace"),
        ({"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "Too long"}, "Too long"),
        ({"title": "Invalid", "errors": {"Question": ["is required", "is short"], "dw_id": "no"}},
         "Invalid. Question: is required; is short; dw_id: no"),
        ({"errors": {"Question": ["is required"]}}, "Question: is required"),
        ({"title": "Invalid", "errors": {}}, "Invalid."),
        ({"errors": [{"title": "Invalid", "detail": "No such workspace"}]}, "No such workspace"),
        (b"\n<!DOCTYPE html><html><head><title lang=en>\n Sign in &amp; go\n</title><p>x", "Sign in & go"),
        (b"<html><title></title><body><h1>403 Forbidden</h1><hr>nginx", "403 Forbidden"),
        (b"\xef\xbb\xbf<html><TITLE>Sign in", "Sign in"),
        (b"<title>for &#99;anary-secret</title>", "for ***"),
        (b"<html><body>No</body>", "<html><body>No</body>"),
        (b"plain <title>words", "plain <title>words"),
        (b"<title" * 10_000, "<title" * 50 + "…"),
        ({"code": 7}, '{"code": 7}'),
        (b"plain\r\n  words", "plain words"),
        (b"\x1b[2Jcleared", "\\x1b[2Jcleared"),
        ({"detail": "secret canary-secret is wrong"}, "secret *** is wrong"),
        ({"detail": "x" * 1000}, "x" * 300 + "…"),
        ({"detail": "no\r\n  column\x1b"}, "no\n  column\\x1b"),
        (b"[" * 100_000, "[" * 300 + "…"),
    ],
)  # fmt: skip
def test_the_message_of_the_server_is_shown_short_and_safe(body: Any, text: str) -> None:
    """Its message where JSON has one, else the beginning of the body; no control character, no secret."""
    failure = status_failure(response(422, body), redact=REDACT)
    assert failure.error.text == text  # type: ignore[attr-defined]
    assert text in str(failure.error)


@cases("at", range(6))
def test_the_most_specific_message_is_shown(at: int) -> None:
    """Of the fields that usually have one, in whichever order they come."""
    fields = ["message", "detail", "error_description", "error", "title", "msg"][at:]
    body = {name: f"of {name}" for name in reversed(fields)}
    error = status_failure(response(422, body), redact=REDACT).error
    assert error.text == f"of {fields[0]}"  # type: ignore[attr-defined]


@cases(("longer", "is_searched"), [(0, True), (1, False)])
def test_how_much_of_a_body_is_searched(longer: int, *, is_searched: bool) -> None:
    """65,536 bytes, for a message and for a page that requires a client certificate."""
    around = len('{"a":"","detail":"no"}')
    body = f'{{"a":"{"x" * (65_536 - around + longer)}","detail":"no"}}'.encode()
    error = status_failure(response(422, body), redact=REDACT).error
    assert (error.text == "no") is is_searched  # type: ignore[attr-defined]
    page = b"No required SSL certificate".rjust(65_536 + longer)
    reason = status_failure(response(400, page), redact=REDACT).reason
    assert ("requires a client certificate" in reason) is is_searched


@cases("status", [401, 403])
def test_what_a_failure_has(status: int) -> None:
    """The error its status, and the failure the body, for what else reads it."""
    failure = status_failure(response(status, b"no"), redact=REDACT)
    assert isinstance(failure.error, AuthError)
    assert (failure.error.status, failure.body) == (status, b"no")


def test_a_message_of_several_lines_is_apart() -> None:
    """Between the sentences around it, with its indentation."""
    body = {"detail": "LINE 1: SELECT x\n               ^"}
    failure = status_failure(response(404, body), redact=REDACT)
    assert str(failure.error).startswith(
        "api.test answered 404 to GET /v1/dw/13/questions:\nLINE 1: SELECT x\n               ^\nCheck"
    )


@cases(
    ("headers", "request_id", "says"),
    [
        ({}, None, "No. Wait."),
        ({"X-Request-Id": "", "Server": "nginx"}, None, "No. Wait."),
        ({"X-Request-Id": "abc\x1b"}, "abc\\x1b", "No. (X-Request-Id: abc\\x1b) Wait."),
        ({"CF-Ray": "8f2-FRA", "Request-Id": "r 1"}, "r 1", "No. (Request-Id: r 1, CF-Ray: 8f2-FRA) Wait."),
        ({"X-Correlation-Id": "1", "X-Amzn-RequestId": "2", "X-Amzn-Trace-Id": "3", "X-MS-Request-Id": "4",
          "traceparent": "5"}, "1", ("No. (X-Correlation-Id: 1, X-Amzn-RequestId: 2, X-Amzn-Trace-Id: 3, "
         "X-MS-Request-Id: 4, traceparent: 5) Wait.")),
        ({"X-Request-Id": "x-canary-secret", "CF-Ray": "1"}, "1", "No. (CF-Ray: 1) Wait."),
        ({"X-Request-Id": "x" * 200}, "x" * 120 + "…", f"No. (X-Request-Id: {'x' * 120}…) Wait."),
    ],
)  # fmt: skip
def test_an_error_names_the_request(headers: dict[str, str], request_id: str | None, says: str) -> None:
    """All ids that came, before the hint; one with a secret is left out, since masked it would be another."""
    error = ServerError("No.", hint="Wait.", shell_hint="Stop.")
    for _ in range(2):  # once, however often it is told
        name_request(error, headers, REDACT)
    assert (error.request_id, str(error)) == (request_id, says)
    assert str(copy.copy(error)) == says


@cases(
    ("location", "named"),
    [
        ("https://login.test/sso?code=canary", "login.test, probably a login page"),
        ("https://pages.test/?code=canary", "pages.test"),
        ("https://user:canary@[::1]:8443/sso", "[::1], probably a login page"),
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


@cases(
    ("content_type", "body", "is_json"),
    [
        ("application/json", b"{}", True),
        ("application/json; charset=utf-8", b"{}", True),
        ("Application/Problem+JSON", b"{}", True),
        ("", b' {"state": "PENDING"}', True),
        ("text/plain", b"\xef\xbb\xbf [1]", True),
        ("text/html", b"{}", True),
        ("", b"<html>", False),
        ("application/json", b" <html>", False),
        ("text/plain", b"true", False),
    ],
)
def test_what_is_json(content_type: str, body: bytes, *, is_json: bool) -> None:
    """The first byte decides; a media type of JSON does for what is neither an object nor a page."""
    headers = {"Content-Type": content_type} if content_type else {}
    assert (content_failure(response(200, body, **headers), TRANSPORT) is None) is is_json


@cases(("status", "is_about_it"), [(399, False), (400, True), (499, True), (500, False)])
def test_a_page_that_requires_a_client_certificate(status: int, *, is_about_it: bool) -> None:
    """With any 4xx: nothing was started, and another attempt would end alike."""
    body = b"<title>400 no REQUIRED ssl certificate was sent</title>"
    failure = status_failure(response(status, body), redact=REDACT)
    assert ("requires a client certificate" in failure.reason) is is_about_it


def test_an_empty_success_and_one_without_a_content_type() -> None:
    """The one may be headers that were cut; the other is no JSON."""
    empty = content_failure(response(202, b" "), TRANSPORT)
    page = content_failure(response(200, b"page canary-secret"), TRANSPORT)
    assert empty is not None
    assert page is not None
    assert (empty.kind, empty.status, empty.reason) == (
        FailureKind.EMPTY_BODY,
        202,
        "api.test answered 202 with an empty body",
    )
    assert (page.kind, page.status, page.body) == (FailureKind.WRONG_CONTENT_TYPE, 200, b"page canary-secret")
    assert str(page.error) == (
        "api.test answered 200 with no content type instead of JSON. Is a proxy or single sign-on between "
        "here and the API? It begins: page ***"
    )


@cases(
    ("address", "expected"),
    [
        ("https://api.test", "api.test:443"),
        ("http://api.test/v1", "api.test:80"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("proxy.test", "proxy.test:80"),
    ],
)
def test_the_host_and_port_of_an_address(address: str, expected: str) -> None:
    """Without a port, that of the scheme; a proxy without a scheme is one of HTTP."""
    assert host_port(address) == expected


def failed(
    *causes: BaseException,
    phase: str | None = "sent",
    peer: str = "api.test:443",
    status: int | None = None,
    has_results: bool = True,
) -> Failure:
    """Return the failure of a GET of https://api.test that was ended by these exceptions."""
    attempt = Attempt(Deadline.after(9, SYSTEM_CLOCK), connect=9, idle=9)
    attempt.phase, attempt.peer, attempt.status = phase, peer, status
    attempt.received.write(b"canary-secret!")
    return exception_failure(
        causes,
        Request("GET", "/v1/x", has_results=has_results),
        attempt,
        host="api.test",
        address="https://api.test",
        redact=REDACT,
    )


LOST, NOT_HTTP = FailureKind.CONNECTION_LOST, FailureKind.NOT_HTTP


@cases(
    ("cause", "kind", "reason"),
    [
        (UnusableResponse(FailureKind.TOO_LARGE, "too long"), FailureKind.TOO_LARGE, "too long"),
        (MemoryError("canary"), FailureKind.TOO_LARGE, "the answer does not fit in memory"),
        (urllib3.exceptions.DecodeError("no gzip"), FailureKind.BAD_ENCODING,
         "the body of the answer cannot be decompressed: no gzip"),
        (UnusableResponse(NOT_HTTP, "switched"), NOT_HTTP, "switched"),
        (http.client.RemoteDisconnected("canary"), LOST, "the connection was closed without an answer"),
        (http.client.IncompleteRead(b"canary"), LOST, "the answer was cut after 14 bytes"),
        (ConnectionResetError("canary"), LOST, "the connection was reset"),
        (BrokenPipeError("canary"), LOST, "the connection was closed while sending"),
        (TimeoutError("canary"), LOST, "no answer came in time"),
        (requests.Timeout("canary"), LOST, "no answer came in time"),
        (http.client.BadStatusLine("canary"), NOT_HTTP, "the answer was not HTTP"),
        (urllib3.exceptions.InvalidHeader("canary"), NOT_HTTP, "the answer had unreadable headers"),
        (UnicodeError("canary"), NOT_HTTP, "the answer had unreadable headers"),
        (OSError("canary"), LOST, "the connection failed"),
        (RuntimeError("canary"), LOST, "the connection failed"),
    ],
)  # fmt: skip
def test_what_ends_an_exchange(cause: Exception, kind: FailureKind, reason: str) -> None:
    """Its kind, what was received, and a message without the text of a foreign exception."""
    failure = failed(cause, status=200)
    error = failure.error
    assert isinstance(error, ResponseError)
    assert isinstance(error, ResponseTooLarge) is (kind is FailureKind.TOO_LARGE)
    assert (failure.kind, failure.reason, failure.status, failure.body) == (
        kind,
        reason,
        200,
        b"canary-secret!",
    )
    assert str(error).startswith(f"No usable answer from api.test: {reason}.")
    assert (error.host, error.snippet) == ("api.test", "***!")


@cases(
    ("cause", "has_results", "hint"),
    [
        (
            UnusableResponse(FailureKind.TOO_LARGE, "too long"),
            True,
            (
                " Ask for fewer rows (max_rows=), or raise the limit: max_body_bytes=, or "
                "CONNECTY_MAX_BODY_BYTES."
            ),
        ),
        (UnusableResponse(FailureKind.TOO_LARGE, "too long"), False, ""),
        (UnusableResponse(NOT_HTTP, "switched"), False, " Check base_url, and any proxies in between."),
        (OSError(), True, ""),
    ],
)
def test_what_to_do_about_an_answer(cause: Exception, hint: str, *, has_results: bool) -> None:
    """The limit is that of answers with rows."""
    message = str(failed(cause, has_results=has_results).error)
    assert message.partition(". ")[2] == hint.strip()


def test_no_request_could_be_made() -> None:
    """By a setting of the environment; a failure of another tool's connection counts as sent."""
    failure = failed(ValueError("canary"), phase=None)
    assert isinstance(failure.error, ConfigError)
    assert (failure.kind, failure.reason) == (FailureKind.REJECTED, "no request could be made")
    assert failed(requests.ConnectionError(), OSError(), phase=None).kind is LOST
    assert failed(requests.Timeout(), phase=None).kind is LOST


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL] {reason.lower()}")
    error.reason = reason
    return error


CONNECT, TLS = "the network, VPN and firewall.", "CONNECTY_CA_BUNDLE; REQUESTS_CA_BUNDLE is read too."


@cases(
    ("cause", "options", "says", "ends"),
    [
        (OSError(111, "Connection refused"), {"phase": "connect"},
         "api.test:443 (connect: Connection refused)", CONNECT),
        (OSError("canary-secret"), {"phase": "connect"}, "api.test:443 (connect: ***)", CONNECT),
        (OSError(), {"phase": "connect"}, "api.test:443 (connect: ConnectionError)", CONNECT),
        (TimeoutError("x"), {"phase": "connect"}, "api.test:443 (connect: no answer in time)", CONNECT),
        (ValueError("x"), {"phase": "connect"}, "api.test:443 (connect: ConnectionError)", CONNECT),
        (UnicodeError("x"), {"phase": "resolve"}, "api.test:443 (resolve: the name cannot be looked up)",
         "and the network or VPN."),
        (OSError(111, "Connection refused"), {"phase": "connect", "peer": "proxy:8080"},
         "proxy:8080 (proxy: Connection refused)", "and NO_PROXY."),
        (tls_error("CERTIFICATE_VERIFY_FAILED"), {"phase": "tls", "peer": "proxy:8080"},
         "api.test:443 (tls: [SSL] certificate_verify_failed)", TLS),
        (tls_error("TLSV1_ALERT_HANDSHAKE_FAILURE"), {"phase": "tls"},
         "api.test:443 (tls: [SSL] tlsv1_alert_handshake_failure)", "Ask its administrator."),
        (tls_error("TLSV1_ALERT_BAD_CERTIFICATE"), {"phase": "tls"},
         "api.test:443 (tls: [SSL] tlsv1_alert_bad_certificate)", "Ask its administrator."),
    ],
)  # fmt: skip
def test_a_connection_that_was_not_made(cause: Exception, options: Any, says: str, ends: str) -> None:
    """What was connected to, the phase, the reason of the system, and what to check."""
    failure = failed(requests.ConnectionError("canary"), cause, **options)
    assert str(failure.error).startswith(f"No connection to {says}; nothing was sent. ")
    assert str(failure.error).endswith(ends)
    assert isinstance(failure.error, ConnectionFailed)
    host, _, rest = says.partition(" (")
    assert (failure.error.host, failure.error.phase) == (host, rest.partition(":")[0])
    assert (failure.kind, failure.reason) == (FailureKind.CONNECT, f"no connection to {host}")


@cases("phase", ["tls", "sent"])
def test_a_server_that_requires_a_client_certificate(phase: str) -> None:
    """It read nothing, also if the alert came after the request."""
    failure = failed(requests.ConnectionError(), tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"), phase=phase)
    assert isinstance(failure.error, ConnectionFailed)
    assert (failure.kind, failure.reason) == (FailureKind.REJECTED, "api.test requires a client certificate")
    assert (failure.error.host, failure.error.phase) == ("api.test", "tls")


def test_a_proxy_that_refuses_its_password() -> None:
    """The 407 stands in a text alone; another number, or another end of the connection, is none."""
    refused = OSError("Tunnel connection failed: 407 Proxy Authentication Required")
    failure = failed(requests.ConnectionError(), refused, phase="proxy", peer="proxy:8080")
    assert isinstance(failure.error, ConfigError)
    assert (failure.kind, failure.reason, failure.status) == (
        FailureKind.REJECTED,
        "the proxy answered 407",
        407,
    )
    assert str(failure.error).startswith("The proxy proxy:8080 requires a user and password")
    forbidden = OSError("Tunnel connection failed: 403 Forbidden")
    assert failed(forbidden, phase="proxy", peer="proxy:8080").kind is FailureKind.CONNECT
    assert failed(refused, phase="connect").kind is FailureKind.CONNECT
    assert failed(ValueError(" 407 "), phase="proxy", peer="proxy:8080").kind is FailureKind.CONNECT


def test_a_failure_without_a_response_has_no_body() -> None:
    """As that of a deadline."""
    assert deadline_failure("api.test").body == b""
