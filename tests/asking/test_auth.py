"""Credentials to token: one request at a time, kept while it is valid, refreshed once."""

import json
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from typing import Any, NoReturn

import pytest
import requests
import responses

from connecty_frames._base.clock import Deadline
from connecty_frames._base.text import SecretStr
from connecty_frames.asking.auth import Auth, Bearer, _lifetime
from connecty_frames.client import Client
from connecty_frames.errors import AuthError, ConnectionFailed, ServerError
from connecty_frames.http.models import Failure, FailureKind, RequestFailed
from connecty_frames.http.transport import Transport
from connecty_frames.settings.sources import resolve
from connecty_frames.settings.values import Settings
from tests.cases import cases
from tests.servers.timing import pause

URL = "https://api.test/v1/auth/token"
POST, GET = "POST /v1/auth/token", "GET /v1/auth/token"
REFUSED = (
    "Check client_id and client_secret, and that region or base_url is where your organisation is registered."
)
CHECK = "Check that region or base_url is where your organisation is registered."
#: What FakeClock says at the start, as a Date header.
DATE = "Wed, 05 Nov 2025 12:00:00 GMT"


@pytest.fixture
def auth(clock: Any) -> Auth:
    transport = Transport(Settings(base_url="https://api.test"), clock, lambda: 0.0)
    return Auth(SecretStr("id"), SecretStr("canary-secret"), transport=transport)


def bearer(auth: Auth, clock: Any, seconds: float = 60.0) -> Bearer:
    found = auth.bearer(Deadline.after(seconds, clock))
    assert isinstance(found, Bearer)
    return found


def failure(auth: Auth, clock: Any, seconds: float = 60.0) -> Failure:
    found = auth.bearer(Deadline.after(seconds, clock))
    assert isinstance(found, Failure)
    return found


def tokens(expires_at: Any = "2025-11-05T13:00:00+00:00", date: str = DATE, count: int = 3) -> None:
    for number in range(1, count + 1):
        body = {"access_token": f"token-{number}", "expires_at": expires_at}
        responses.post(URL, json=body, headers={"Date": date})


def sent(prepared: Bearer) -> str:
    return f"Bearer {prepared.token.get_secret_value()}"


@responses.activate
def test_the_token_is_asked_for_as_the_document_shows(auth: Auth, clock: Any) -> None:
    """A POST with a JSON body of client_id and client_secret; the token is sent as a bearer token."""
    tokens()
    assert sent(bearer(auth, clock)) == "Bearer token-1"
    request = responses.calls[0].request
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == {"client_id": "id", "client_secret": "canary-secret"}


@responses.activate
@pytest.mark.parametrize(
    ("status", "body"), [(405, {}), (404, {}), (403, {"message": "Missing Authentication Token"})]
)
def test_get_is_tried_if_post_is_unknown_and_remembered(
    auth: Auth, clock: Any, status: int, body: Any
) -> None:
    """The document's heading says GET: after such a reply one GET with the same body, next time GET first."""
    responses.post(URL, status=status, json=body)
    responses.get(URL, json={"access_token": "token-1"})
    first = bearer(auth, clock)
    first.expires = -math.inf
    bearer(auth, clock)
    assert [call.request.method for call in responses.calls] == ["POST", "GET", "GET"]
    assert json.loads(responses.calls[1].request.body)["client_secret"] == "canary-secret"


@responses.activate
@pytest.mark.parametrize(
    ("post", "get", "status", "says"),
    [
        (404, 404, 404, f"is unusable: api.test answered 404 to {POST} (no). {CHECK} To {GET}, it"),
        (405, 401, 401, f"were refused: api.test answered 401 to {GET} (no). {REFUSED} To {POST}, it"),
    ],
)
def test_an_error_names_both_methods(
    auth: Auth, clock: Any, post: int, get: int, status: int, says: str
) -> None:
    """The reply that says more is shown, and the status of the other."""
    responses.post(URL, status=post, json={"detail": "no"})
    responses.get(URL, status=get, json={"detail": "no"})
    error = failure(auth, clock).error
    assert isinstance(error, AuthError)
    assert error.status == status
    assert f"{says} answered {get if status == post else post}." in str(error)
    assert len(responses.calls) == 2


@responses.activate
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"error": "invalid_client", "error_description": "Unknown\n client canary-secret"},
         " (invalid_client: Unknown client ***)"),
        ({"error": "invalid_client"}, " (invalid_client)"),
        ({"error": {"code": 7}, "token": "t"}, ""),
        ("t", ""),
    ],
)  # fmt: skip
def test_the_error_of_oauth_in_a_success(auth: Auth, clock: Any, body: Any, says: str) -> None:
    """It is shown without secrets; nothing else is, since it may be the token."""
    responses.post(URL, json=body)
    expected = f"its answer to POST /v1/auth/token has no access_token{says}. Check"
    assert expected in str(failure(auth, clock).error)


@responses.activate
def test_a_forked_process_has_a_lock_of_its_own(auth: Auth, clock: Any) -> None:
    """A thread of its parent may hold the other; the token is that of the parent."""
    tokens(count=1)
    lock, first = auth._lock, bearer(auth, clock)
    auth._process_id += 1
    assert bearer(auth, clock) is first
    assert auth._lock is not lock


@responses.activate
@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ({"body": "<html>Sign in</html>", "content_type": "text/html"}, 200),
        ({"json": {"token": "t"}}, 200),
        ({"json": {"access_token": ""}}, 200),
        ({"json": {"access_token": "two words"}}, 200),
        ({"json": {"access_token": "line\nbreak"}}, 200),
        ({"body": "[]", "content_type": "application/json"}, 200),
        ({"body": "\n<html>Access denied by the proxy</html>", "status": 403}, 403),
    ],
)
def test_an_unusable_endpoint_is_an_auth_error(auth: Auth, clock: Any, reply: Any, status: int) -> None:
    """No usable token, whatever the reason: AuthError, after one call."""
    responses.post(URL, **reply)
    error = failure(auth, clock).error
    assert isinstance(error, AuthError)
    assert error.status == status
    assert "unusable" in str(error)
    assert "client_secret" not in str(error)
    assert len(responses.calls) == 1


@responses.activate
def test_an_empty_answer_is_asked_for_again(auth: Auth, clock: Any) -> None:
    """Truncated headers look like an empty answer: three calls, then the endpoint counts as unusable."""
    responses.post(URL, body="")
    error = failure(auth, clock).error
    assert isinstance(error, AuthError)
    assert "with an empty body" in str(error)
    assert len(responses.calls) == 3


def secrets_sent() -> list[str]:
    return [json.loads(call.request.body)["client_secret"] for call in responses.calls]


@responses.activate
@pytest.mark.parametrize("later", ["the same", "unreadable", "another"])
def test_refused_credentials_are_not_tried_again_for_five_seconds(clock: Any, later: str) -> None:
    """For five seconds no request is made, unless the secret changes; afterwards one succeeds."""
    secrets = ["canary-old"]
    settings = resolve(client_id="id", client_secret=lambda: secrets[-1], base_url="https://api.test")
    auth = Auth(*settings.credentials(), transport=Transport(settings, clock, lambda: 0.0))
    responses.post(URL, status=401)
    tokens(count=1)
    if later == "unreadable":
        secrets.clear()
    assert isinstance(failure(auth, clock).error, AuthError)
    clock.at += 4.9
    assert failure(auth, clock).kind is FailureKind.REJECTED
    assert secrets_sent() == ["canary-old"]
    if later == "another":
        secrets.append("canary-new")
    else:
        clock.at += 0.2
    assert sent(bearer(auth, clock)) == "Bearer token-1"
    assert secrets_sent() == ["canary-old", "canary-new" if later == "another" else "canary-old"]


@responses.activate
def test_a_secret_that_changed_is_read_again(clock: Any) -> None:
    """Once, when the old one is refused; both are hidden, and a valid one is not read again."""
    secrets = iter(["canary-old", "canary-new", "canary-newer"])
    transport = Transport(Settings(base_url="https://api.test"), clock, lambda: 0.0)
    changing = SecretStr(next(secrets), secrets.__next__)
    auth = Auth(SecretStr("id"), changing, transport=transport)
    responses.post(URL, status=401, json={"error": "bad secret 'canary-old'"})
    tokens(count=1)
    assert sent(bearer(auth, clock)) == "Bearer token-1"
    assert secrets_sent() == ["canary-old", "canary-new"]
    assert transport.redact("canary-old and canary-new") == "*** and ***"
    clock.at += 3600
    tokens(count=1)
    bearer(auth, clock)
    assert secrets_sent() == ["canary-old", "canary-new", "canary-new"]


@responses.activate
def test_a_secret_that_is_another_each_time(clock: Any) -> None:
    """Two calls try it. The others do not, since accounts get locked."""
    read = map("canary-{}".format, count()).__next__
    transport = Transport(Settings(base_url="https://api.test"), clock, lambda: 0.0)
    auth = Auth(SecretStr("id"), SecretStr(read(), read), transport=transport)
    responses.post(URL, status=401)
    assert {failure(auth, clock).kind for _ in range(9)} == {FailureKind.REJECTED}
    assert len(secrets_sent()) == 4


@responses.activate
def test_an_endpoint_that_fails_and_then_is_silent(auth: Auth, clock: Any) -> None:
    """What it said before the deadline is the error, not that the time ran out."""

    def be_silent(_request: object) -> NoReturn:
        clock.at += 60
        raise requests.ReadTimeout

    responses.post(URL, status=503)
    responses.add_callback("POST", URL, callback=be_silent)
    assert isinstance(failure(auth, clock, 60).error, ServerError)


@responses.activate
def test_an_endpoint_that_says_when_is_left_alone_until_then(auth: Auth, clock: Any) -> None:
    """A call without the time for it fails; the next waits for the three seconds, then asks."""
    responses.post(URL, status=429, headers={"Retry-After": "3"})
    tokens(count=1)
    assert failure(auth, clock, 2.0).kind is FailureKind.RATE_LIMITED
    clock.at += 1
    began = clock.at
    assert sent(bearer(auth, clock)) == "Bearer token-1"
    assert clock.at - began == 2.0


@responses.activate
def test_a_caller_whose_time_runs_out_fails_no_other(clock: Any) -> None:
    """Another that waits for its token request meanwhile, with time left, makes one of its own."""
    asked, released = threading.Event(), threading.Event()

    def fail(_request: object) -> tuple[int, dict[str, str], str]:
        asked.set()
        released.wait(20)
        return 503, {}, ""

    responses.add_callback("POST", URL, callback=fail)
    tokens(count=1)
    transport = Transport(Settings(base_url="https://api.test"), clock, lambda: 1.0)
    auth = Auth(SecretStr("id"), SecretStr("s"), transport=transport)
    with ThreadPoolExecutor(2) as pool:
        early = pool.submit(failure, auth, clock, 0.3)
        asked.wait(20)
        late = pool.submit(bearer, auth, clock)
        time.sleep(0.05)  # until it waits, usually
        released.set()
        assert isinstance(early.result().error, ServerError)
        assert sent(late.result()) == "Bearer token-1"


@responses.activate
def test_a_late_refusal_does_not_discard_a_newer_token(auth: Auth, clock: Any) -> None:
    """Two threads used token-1: the second 401 does not discard token-2, also if that comes meanwhile."""
    tokens()
    first = bearer(auth, clock)
    first.expires = -math.inf
    assert auth._bearer is first  # only the token itself has changed
    assert sent(bearer(auth, clock)) == "Bearer token-2"
    first.expires = -math.inf
    assert sent(bearer(auth, clock)) == "Bearer token-2"


@responses.activate
@pytest.mark.parametrize(("issued", "status", "recovers"), [(1, 503, True), (1, 401, False), (0, 503, False)])
def test_what_may_recover(auth: Auth, clock: Any, issued: int, status: int, *, recovers: bool) -> None:
    """An endpoint that is down; not one that refuses the credentials, or has never issued a token."""
    tokens(count=issued)
    responses.post(URL, status=status)
    if issued:
        bearer(auth, clock).expires = -math.inf
    assert auth.may_recover(failure(auth, clock, 1.0)) is recovers


def test_a_bearer_does_not_show_its_token() -> None:
    """Neither repr nor str."""
    shown = str(Bearer(SecretStr("canary-token"), expires=0.0))
    assert shown == "Bearer(token=SecretStr('**********'), expires=0.0)"


def test_a_netrc_file_does_not_replace_the_bearer(
    server: Any, client: Client, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A .netrc entry for the host changes nothing about what is sent, token call included."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    client.question("729cb7a4-4b06-449e-a3c9-df40f5e570b8").state()
    assert [request.headers.get("authorization") for request in server.requests] == [
        None,
        "Bearer canary-token-1",
    ]


def fail(
    auth: Auth, clock: Any, kind: FailureKind, *, ago: float, wait: float | None, is_final: bool = False
) -> Failure:
    failure = Failure(kind, ConnectionFailed("no"), "no", retry_after=wait)
    auth._failed = failure, clock.at - ago, is_final
    return failure


@pytest.mark.parametrize(
    ("kind", "is_final", "ago", "wait", "left", "is_shared"),
    [
        (FailureKind.REJECTED, True, 4.9, None, 60.0, True),
        (FailureKind.REJECTED, True, 5.0, None, 60.0, False),
        (FailureKind.REJECTED, False, 2.0, None, 60.0, False),
        (FailureKind.REJECTED, False, 2.0, None, 0.5, True),
        (FailureKind.REJECTED, False, 2.0, None, 0.6, False),
        (FailureKind.UNAVAILABLE, True, 2.0, None, 60.0, True),
        (FailureKind.UNAVAILABLE, True, 2.1, None, 60.0, False),
        (FailureKind.UNAVAILABLE, False, 2.1, None, 0.1, False),
        (FailureKind.RATE_LIMITED, True, 1.0, 3.0, 2.0, True),
        (FailureKind.RATE_LIMITED, True, 1.0, 3.0, 2.1, False),
        (FailureKind.RATE_LIMITED, False, 3.0, 9.0, 6.0, True),
        (FailureKind.RATE_LIMITED, False, 1.0, None, 0.1, False),
        (FailureKind.RATE_LIMITED, False, 9.0, None, 0.0, True),
    ],
)
def test_which_failure_is_that_of_another_caller_too(
    auth: Auth,
    clock: Any,
    kind: FailureKind,
    ago: float,
    wait: float | None,
    left: float,
    *,
    is_final: bool,
    is_shared: bool,
) -> None:
    """One whose request could do no better; this one has waited for two seconds."""
    failure = fail(auth, clock, kind, ago=ago, wait=wait, is_final=is_final)
    found = auth._shared_failure(clock.at - 2.0, Deadline.after(left, clock))
    assert found is (failure if is_shared else None)


def test_without_a_failure_there_is_none_to_share(auth: Auth, clock: Any) -> None:
    """Nor a pause."""
    assert auth._shared_failure(clock.at, Deadline.after(0.0, clock)) is None
    assert auth._pause(clock.at) == 0.0


@pytest.mark.parametrize(
    ("kind", "ago", "wait", "pause"),
    [
        (FailureKind.RATE_LIMITED, 1.0, 9.0, 8.0),
        (FailureKind.RATE_LIMITED, 4.5, 9.0, 4.5),
        (FailureKind.RATE_LIMITED, 5.0, 9.0, 0.0),
        (FailureKind.RATE_LIMITED, 3.0, 1.0, 0.0),
        (FailureKind.RATE_LIMITED, 0.0, None, 0.0),
        (FailureKind.UNAVAILABLE, 1.0, 9.0, 0.0),
    ],
)
def test_how_long_an_endpoint_is_left_alone(
    auth: Auth, clock: Any, kind: FailureKind, ago: float, wait: float | None, pause: float
) -> None:
    """As long as it said, if it did so in the last five seconds."""
    fail(auth, clock, kind, ago=ago, wait=wait)
    assert auth._pause(clock.at) == pause


@cases(
    ("expires_at", "seconds"),
    [
        ("2025-11-05T12:00:00.500Z", 0.5),
        ("2025-11-05T12:00:00Z", 60.0),
        ("2025-11-06T12:00:00Z", 86_400.0),
        ("2025-11-06T12:00:01Z", 60.0),
        ("2025-11-05T13:00:00", 3600.0),
        ("2025-11-05T13:00:00+01:00", 60.0),
        ("2020-01-01T00:00:00+00:00", 60.0),
        *((unusable, 60.0) for unusable in ("never", "", None, 7, {"a": 1})),
    ],
)
def test_the_lifetime_of_a_token(expires_at: object, seconds: float) -> None:
    """Up to a day; without a usable end, a minute."""
    assert _lifetime(expires_at, datetime(2025, 11, 5, 12, tzinfo=UTC)) == seconds


@responses.activate
def test_a_token_is_not_used_at_its_end(auth: Auth, clock: Any) -> None:
    """That is the first moment at which it is not."""
    auth._bearer = first = Bearer(SecretStr("t"), expires=clock.at + 5.0)
    tokens(count=1)
    clock.at += 4.9
    assert bearer(auth, clock) is first
    clock.at = first.expires
    assert sent(bearer(auth, clock)) == "Bearer token-1"


@responses.activate
@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (
            {"status": 401, "json": {"detail": "Bad\n secret."}},
            FailureKind.REJECTED,
            (f"The credentials were refused: api.test answered 401 to {POST} (Bad secret). {REFUSED}"),
        ),
        (
            {"status": 418},
            FailureKind.REJECTED,
            f"The token endpoint is unusable: api.test answered 418 to POST /v1/auth/token. {CHECK}",
        ),
        (
            {"status": 403, "body": " <html>"},
            FailureKind.REJECTED,
            f"The token endpoint is unusable: api.test answered 403 to POST /v1/auth/token (<html>). {CHECK}",
        ),
        (
            {"json": {"token": "t"}},
            FailureKind.INVALID_PAYLOAD,
            f"The token endpoint of api.test is unusable: its answer to {POST} has no access_token. {CHECK}",
        ),
        (
            {"body": "[" * 100_000, "content_type": "application/json"},
            FailureKind.INVALID_PAYLOAD,
            f"The token endpoint of api.test is unusable: its answer to {POST} has no access_token. {CHECK}",
        ),
        (
            {"body": requests.ReadTimeout()},
            FailureKind.CONNECTION_LOST,
            ("api.test sent no token: no answer came in time. Nothing else was sent; try again later."),
        ),
        (
            {"status": 503},
            FailureKind.UNAVAILABLE,
            (
                "api.test answered 503 to POST /v1/auth/token. The service is unavailable at the moment; try "
                "again later."
            ),
        ),
        (
            {"status": 500},
            FailureKind.UNAVAILABLE,
            "api.test answered 500 to POST /v1/auth/token. The fault is the server's; try again later.",
        ),
        (
            {"status": 429, "headers": {"Retry-After": "90"}},
            FailureKind.RATE_LIMITED,
            (
                "api.test answered 429 to POST /v1/auth/token. Too many requests; try again after 90 s or "
                "ask fewer at once."
            ),
        ),
    ],
)
def test_the_whole_message_without_a_token(
    auth: Auth, clock: Any, reply: Any, kind: FailureKind, says: str
) -> None:
    """What came, and what to check."""
    responses.post(URL, **reply)
    found = failure(auth, clock, 2.0)
    assert (found.kind, str(found.error)) == (kind, says)
    assert getattr(found.error, "phase", None) == ("token" if kind is FailureKind.CONNECTION_LOST else None)


def test_a_caller_that_waited_for_another(auth: Auth, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """If no time is left for its own request, the error says for what it waited."""
    late = Failure(FailureKind.DEADLINE, ConnectionFailed("too late"), "too late")
    monkeypatch.setattr(auth, "_fetch", lambda *_: late)
    assert failure(auth, clock).reason == "too late"
    holds = threading.Event()

    def hold() -> None:
        with auth._lock:
            holds.set()
            pause(0.1)

    other = threading.Thread(target=hold)
    other.start()
    holds.wait()
    assert "(another thread's token request was not answered in time)" in failure(auth, clock).reason
    other.join()


@pytest.mark.parametrize(("left", "is_shared"), [(0.5, True), (0.0, False)])
def test_a_failure_near_the_deadline(
    auth: Auth, clock: Any, monkeypatch: pytest.MonkeyPatch, left: float, *, is_shared: bool
) -> None:
    """It is kept for the threads that wait, unless it is only that this caller's time was over."""
    refused = Failure(FailureKind.REJECTED, AuthError("no"), "no")

    def refuse(_: object) -> NoReturn:
        clock.at += 60.0 - left
        raise RequestFailed(refused)

    monkeypatch.setattr(auth, "_request_token", refuse)
    failure(auth, clock, 60.0)
    assert (auth._failed is not None) == is_shared
