"""Tokens: one request for all threads, and no loop, whatever expiry the server reports."""

import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.client import Client
from connecty_frames.http import transport
from connecty_frames.http.models import Attempt
from tests.servers.clients import make
from tests.servers.responses import HEAD, truncated_gzip
from tests.servers.scripted import QUESTION_ID, ROWS, TOKEN, RecordedRequest, Script, Step, endpoint_of
from tests.servers.timing import FakeClock, growing, press_ctrl_c, within

#: The start of FakeClock as a Date header, and one hour later.
DATE = "Wed, 05 Nov 2025 12:00:00 GMT"
DATE_OF_ANOTHER_CLOCK = "Wed, 05 Nov 2025 13:00:00 GMT"
THREADS = 64
EXPIRIES = 40


def tokens(server: Script, expires_at: Any, date: str = DATE) -> None:
    given = [{"access_token": f"t{number}", "expires_at": expires_at} for number in (1, 2, 3)]
    server.on("token", *(server.answer(200, token, Date=date) for token in given))


def revoking(server: Script, holds: Callable[[str], bool]) -> None:
    """Let the server answer 401 to every token for which ``holds`` is false."""
    refuse = server.answer(401)

    def by_token(request: RecordedRequest) -> Step:
        step = server.next_step(request)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        return step if request.target.endswith("token") or holds(bearer) else refuse

    server.handler = by_token


def test_clients_share_a_token_that_revokes_the_one_before(server: Script) -> None:
    """Two clients of a process do not take it from each other: one more request each, then none."""
    settings: Any = {"client_secret": "canary-secret", "base_url": server.address, "dw_id": 13}
    valid = [""]

    def handle(request: RecordedRequest) -> Step:
        server.requests.append(request)
        if endpoint_of(request.target) == "token":
            valid[0] = f"canary-token-{server.count('token')}"
            return server.answer(200, {"access_token": valid[0], "expires_at": "2099-01-01T00:00:00+00:00"})
        if request.headers["authorization"] != f"Bearer {valid[0]}":
            return server.answer(401)
        return server.answer(200, ROWS if "results" in request.target else {"question_id": QUESTION_ID})

    server.handler = handle
    with (
        cf.Client("canary-client-id", **settings) as first,
        cf.Client("canary-client-id", **settings) as second,
    ):
        for _ in range(3):
            for client in (first, second):
                assert client.ask("how many?").rows == 2
    assert server.count("token") == 2
    with cf.Client("canary-client-id", **{**settings, "client_secret": "another"}) as other:
        other.ask("how many?")
    assert server.count("token") == 3


@pytest.mark.parametrize("endpoint", ["ask", "results"])
def test_a_token_that_expires_during_a_request(server: Script, client: Client, endpoint: str) -> None:
    """401 once: one new token, and the request again with it."""
    tokens(server, "2099-01-01T00:00:00Z")
    server.on("results", server.answer(200, ROWS))
    server.on(endpoint, server.answer(401), server.steps[endpoint][0])
    assert client.ask("how many?").rows == 2
    expected = {
        "ask": ["Bearer t1", "Bearer t2", "Bearer t2"],
        "results": ["Bearer t1", "Bearer t1", "Bearer t2"],
    }
    assert server.authorizations == expected[endpoint]
    assert server.count("token") == 2


@pytest.mark.parametrize("endpoint", ["ask", "results"])
def test_a_server_that_refuses_fresh_tokens(server: Script, client: Client, endpoint: str) -> None:
    """401 to each: AuthError after two tokens and two requests."""
    server.on(endpoint, server.answer(401, {"detail": "Unknown organisation"}))
    says = r"Unknown organisation\. The credentials are right, since this token was issued .*region"
    with pytest.raises(cf.AuthError, match=says) as caught:
        client.ask("how many?")
    assert caught.value.status == 401
    assert (server.count("token"), server.count(endpoint)) == (2, 2)


@pytest.mark.parametrize("status", [401, 403, 419, 498])
def test_a_token_that_a_gateway_calls_expired(server: Script, client: Client, status: int) -> None:
    """While polling: one new token; a lasting refusal ends after the second, with the error of its status."""
    tokens(server, "2099-01-01T00:00:00Z")
    refused = server.answer(status, {"detail": "expired"})
    server.on("results", server.answer(200, {"state": "IN_PROGRESS"}), refused, server.answer(200, ROWS))
    assert client.ask("how many?").rows == 2
    assert server.authorizations == ["Bearer t1"] * 3 + ["Bearer t2"]

    server.on("results", refused)
    with pytest.raises(cf.ConnectyError, match=f"answered {status}.*: expired") as caught:
        client.ask("how many?")
    assert caught.value.status == status  # type: ignore[attr-defined]
    assert caught.value.question_id == QUESTION_ID
    assert (server.count("token"), server.count("results")) == (3, 5)


@pytest.mark.parametrize("status", [403, 419, 498])
def test_a_question_that_is_refused_is_not_sent_again(server: Script, client: Client, status: int) -> None:
    """Only a 401 says that nothing but the token is wrong."""
    server.on("ask", server.answer(status))
    with pytest.raises(cf.ConnectyError, match=f"answered {status} to POST"):
        client.ask("how many?")
    assert (server.count("token"), server.count("ask")) == (1, 1)


@pytest.mark.parametrize("endpoint", ["ask", "results"])
def test_a_token_that_expires_as_the_time_runs_out(
    server: Script, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    """A 401 whose body does not come in time: QuestionTimeout, with the id if there is one; not AuthError."""
    read = transport.read_body

    def read_too_late(raw: Any, attempt: Attempt, *, limit: int) -> None:
        clock.at += 20 if attempt.status == 401 else 0
        read(raw, attempt, limit=limit)

    monkeypatch.setattr(transport, "read_body", read_too_late)
    server.on(endpoint, server.send_and_hang(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 999\r\n\r\n"))
    with (
        make(server, timeout=10, clock=clock) as client,
        pytest.raises(cf.QuestionTimeout, match="answered 401") as caught,
    ):
        client.ask("how many?")
    assert caught.value.question_id == (QUESTION_ID if endpoint == "results" else None)
    assert server.count(endpoint) == 1


@pytest.mark.parametrize(
    ("expires_at", "date", "kept"),
    [
        ("2025-11-05T12:10:00+00:00", DATE, 570),
        ("2025-11-05T13:10:00.5+01:00", DATE, 570),
        ("2025-11-05T12:10:00", DATE, 570),
        ("2025-11-05T13:10:00+00:00", DATE_OF_ANOTHER_CLOCK, 570),
        *((end, DATE, 54) for end in (None, "", "soon", 7, {"a": 1})),
        *((end, DATE, 54) for end in ("2020-01-01T00:00:00Z", "9999-12-31T23:59:59Z")),
    ],
)
def test_how_long_a_token_is_kept(
    server: Script, fake_clock_client: Client, clock: FakeClock, expires_at: Any, date: str, kept: int
) -> None:
    """Ten minutes by the server's own Date, less 30 s; 54 s if its end is missing, past or far away."""
    tokens(server, expires_at, date)
    for seconds in (0, kept - 1, 2):
        clock.at += seconds
        fake_clock_client.question(QUESTION_ID).state()
    assert server.authorizations == ["Bearer t1"] * 2 + ["Bearer t2"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_credentials_that_are_refused(server: Script, client: Client, status: int) -> None:
    """AuthError with status and the server's message; no further request for five seconds."""
    server.on("token", server.answer(status, {"detail": "No such client"}))
    for _ in range(3):
        with pytest.raises(cf.AuthError, match="No such client") as caught:
            client.ask("how many?")
        assert caught.value.status == status
    methods = {404: ["POST", "GET"]}.get(status, ["POST"])  # there may be no POST
    assert [request.method for request in server.requests] == methods


@pytest.mark.parametrize("status", [400, 404, 429, 500, 600])
def test_a_token_that_comes_with_an_error(server: Script, fake_clock_client: Client, status: int) -> None:
    """A token in a reply that is an error is not shown, neither in the message nor in a field of it."""
    server.on("token", server.answer(status, {"access_token": "unseen-token"}))
    with pytest.raises(cf.ConnectyError) as caught:
        fake_clock_client.ask("how many?")
    assert str(status) in str(caught.value)
    assert "unseen" not in f"{caught.value}{vars(caught.value)}"


#: How the endpoint is down, and the error of a call that has no token at its deadline.
DOWN: dict[str, tuple[Callable[[Script], Any], type[cf.ConnectyError]]] = {
    "500": (lambda server: server.answer(500), cf.ServerError),
    "502": (lambda server: server.answer(502, raw=b"<html>Bad gateway"), cf.ServerError),
    "503": (lambda server: server.answer(503, {"detail": "Restarting"}), cf.ServerError),
    "504": (lambda server: server.answer(504), cf.ServerError),
    "503 cut": (
        lambda server: server.send_and_close(b"HTTP/1.1 503 B\r\nContent-Length: 9\r\n\r\nb"),
        cf.ServerError,
    ),
    "reset": (lambda server: server.reset, cf.ConnectionFailed),
    "closed": (lambda server: server.close, cf.ConnectionFailed),
    "cut": (lambda server: server.send_and_close(HEAD + b"Content-Length: 9\r\n\r\n{"), cf.ConnectionFailed),
    "silent": (lambda server: server.hang, cf.ConnectionFailed),
}


@pytest.mark.parametrize("failure", sorted(set(DOWN) - {"silent"}))
def test_an_endpoint_that_is_down_for_a_moment(server: Script, client: Client, failure: str) -> None:
    """Twice, then a token: it is requested again, since it started nothing; the question is sent once."""
    step = DOWN[failure][0](server)
    server.on("token", step, step, server.steps["token"][0])
    server.on("results", server.answer(200, ROWS))
    assert client.ask("how many?").rows == 2
    assert (server.count("token"), server.count("ask")) == (3, 1)


@pytest.mark.parametrize("failure", sorted(set(DOWN) - {"silent"}))
def test_an_endpoint_that_stays_down(server: Script, clock: FakeClock, failure: str) -> None:
    """An error of the server or the connection at the deadline, not of the credentials; nothing is sent."""
    step, error = DOWN[failure]
    server.on("token", step(server))
    with make(server, timeout=0.5, clock=clock) as client:
        for _ in range(2):
            began = clock.at
            with pytest.raises(error) as caught:
                client.ask("how many?")
            assert clock.at == began + 0.5
            assert type(caught.value) is error
            assert not re.search("credential|client_id|client_secret", str(caught.value))
    assert server.count("ask") == 0


def test_an_endpoint_that_was_down_is_asked_at_once(server: Script, fake_clock_client: Client) -> None:
    """A question that failed without a token does not fail the next one."""
    server.on("token", server.answer(503))
    server.on("results", server.answer(200, ROWS))
    with pytest.raises(cf.ServerError):
        fake_clock_client.ask("how many?")
    server.on("token", server.answer(200, TOKEN))
    assert fake_clock_client.ask("how many?").rows == 2


def test_a_retry_after_beyond_the_deadline_of_one_call(server: Script, clock: FakeClock) -> None:
    """A call without time for Retry-After fails at once; another waits for it and gets its answer."""
    server.on("token", server.answer(429, Retry_After="2"), server.answer(429, Retry_After="1"))
    with make(server, timeout=0.5, clock=clock) as client:
        with pytest.raises(cf.RateLimitError):
            client.ask("how many?")
        assert clock.slept == []
        server.on("token", server.answer(429, Retry_After="1"), server.answer(200, TOKEN))
        server.on("results", server.answer(200, ROWS))
        assert client.ask("how many?", timeout=10).rows == 2


def test_an_endpoint_that_allows_another_method_for_a_while(server: Script) -> None:
    """GET is used again once it returned a token, until it is not allowed any more."""
    page = server.answer(200, raw=b"<html>Maintenance", Content_Type="text/html")
    refused, token = server.answer(405), server.answer(200, TOKEN)
    server.on("results", server.answer(200, ROWS))
    server.on("token", refused, page)
    with make(server, timeout=20) as client:
        with pytest.raises(cf.AuthError, match="instead of JSON"):
            client.ask("how many?")
        server.on("token", refused, token)
        assert client.ask("how many?").rows == 2
        server.on("results", server.answer(401), server.answer(200, ROWS))
        server.on("token", refused, token)
        assert client.ask("how many?").rows == 2
    methods = [request.method for request in server.requests if request.target.endswith("token")]
    assert methods == ["POST", "GET", "POST", "GET", "GET", "POST"]


def test_a_token_in_broken_gzip(server: Script, client: Client) -> None:
    """Asked for once more; if that is broken too, an AuthError that says so."""
    broken = server.send(truncated_gzip(json.dumps(TOKEN).encode()))
    server.on("token", broken, server.answer(200, TOKEN))
    assert client.submit("how many?").question_id == QUESTION_ID
    assert server.count("token") == 2
    server.on("token", broken)
    with make(server, timeout=20) as other, pytest.raises(cf.AuthError, match="gzip stream is incomplete"):
        other.submit("how many?")
    assert (server.count("token"), server.count("ask")) == (4, 1)


def test_a_slow_answer_by_the_other_method(server: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the 405 shortens the time between two bytes for that response alone."""
    monkeypatch.setattr(transport, "_ERROR_IDLE", 0.1)
    server.on("token", server.answer(405), server.delayed(0.4, server.answer(200, TOKEN)))
    server.on("results", server.answer(200, ROWS))
    with make(server, timeout=20) as client:
        assert client.ask("how many?").rows == 2
    assert server.count("token") == 2


@pytest.mark.parametrize("ends", ["by its time", "by an interrupt"])
@pytest.mark.parametrize("failure", ["empty", "nothing listens"])
def test_a_caller_that_gives_up_early_fails_no_other(
    server: Script, monkeypatch: pytest.MonkeyPatch, failure: str, ends: str
) -> None:
    """One of three tries failed, with no time for the others: another call has all three."""
    if failure == "empty":
        server.on("token", server.answer(200), server.answer(200, TOKEN))
    server.on("results", server.answer(200, ROWS))
    waits = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    client = cf.Client("id", client_secret="s3cr3t", base_url=server.address, dw_id=13, random=waits.pop)
    if failure == "nothing listens":
        with socket.create_server(("127.0.0.1", 0)) as listener:
            closed = listener.getsockname()
        look_up, answers = socket.getaddrinfo, iter([[(socket.AF_INET, socket.SOCK_STREAM, 6, "", closed)]])
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *args, **options: next(answers, None) or look_up(*args, **options)
        )

    with client:
        if ends == "by its time":
            with pytest.raises(cf.ConnectyError):
                client.ask("how many?", timeout=0.2)
        else:
            press_ctrl_c(lambda: len(waits) < 6)  # while it waits before the second try
            with pytest.raises(KeyboardInterrupt):
                client.ask("how many?", timeout=20)
        assert client.ask("how many?", timeout=20).rows == 2
    assert server.count("ask") == 1


def test_an_endpoint_that_requires_a_client_certificate_is_asked_once(server: Script) -> None:
    """It is as definite as rejected credentials: sixteen threads, one request."""
    page = b"<html>400 No required SSL certificate was sent"
    server.on("token", server.delayed(0.1, server.answer(400, raw=page, Content_Type="text/html")))
    with make(server, timeout=20) as client, ThreadPoolExecutor(16) as pool:
        calls = [pool.submit(client.ask, "how many?") for _ in range(16)]
        found = [call.exception() for call in calls]
    assert {type(error) for error in found} == {cf.ConnectionFailed}
    assert server.count("token") == 1


def test_an_endpoint_that_goes_down_while_a_question_is_worked_on(
    server: Script, fake_clock_client: Client
) -> None:
    """The token expired and there is no other: QuestionTimeout with id, state and the last failure."""
    server.on("results", server.answer(200, {"state": "IN_PROGRESS"}), server.answer(401))
    server.on("token", server.answer(200, TOKEN), server.answer(503))
    with pytest.raises(cf.QuestionTimeout) as caught:
        fake_clock_client.ask("how many?")
    assert (caught.value.question_id, caught.value.state) == (QUESTION_ID, "IN_PROGRESS")
    assert "no token was received" in str(caught.value)
    assert server.count("ask") == 1


def test_new_credentials_are_tried_at_once(server: Script) -> None:
    """The pause after rejected credentials does not apply to new ones."""
    server.on("results", server.answer(200, ROWS))
    server.on("token", server.answer(401), server.answer(200, {"access_token": "t1"}))
    cf.configure(client_id="id", client_secret="wrong", base_url=server.address, dw_id=13)
    with pytest.raises(cf.AuthError):
        cf.ask("how many?")
    cf.configure(client_secret="right")
    assert cf.ask("how many?").rows == 2
    assert server.count("token") == 2


class TestThreads:
    """Sixty-four threads at once make one token request."""

    def ask(self, client: Client) -> list[Any]:
        barrier = threading.Barrier(THREADS)
        question = client.question(QUESTION_ID)

        def state() -> Any:
            barrier.wait(20)
            try:
                return question.state()
            except cf.ConnectyError as error:
                return type(error)

        with ThreadPoolExecutor(THREADS) as pool:
            return [future.result() for future in [pool.submit(state) for _ in range(THREADS)]]

    def test_cold(self, server: Script, client: Client) -> None:
        """No thread has a token: one request, all succeed."""
        assert self.ask(client) == ["PENDING"] * THREADS
        assert server.count("token") == 1

    def test_revoked(self, server: Script, client: Client) -> None:
        """All have a token that was revoked: one more request, all succeed."""
        tokens(server, "2099-01-01T00:00:00Z")
        revoking(server, lambda bearer: bearer != "t1")
        assert self.ask(client) == ["PENDING"] * THREADS
        assert server.count("token") == 2

    def test_refused(self, server: Script, client: Client) -> None:
        """The credentials are wrong: one request, 64 AuthErrors."""
        server.on("token", server.answer(401))
        assert self.ask(client) == [cf.AuthError] * THREADS
        assert (server.count("token"), server.count("results")) == (1, 0)

    @pytest.mark.slow
    @pytest.mark.parametrize("failure", DOWN)
    def test_down(self, server: Script, failure: str) -> None:
        """The endpoint is down: one thread at a time requests it, within the budget; all get its error.

        Threads that waited for one another would take a second timeout at least. One that a busy machine lets
        begin late may know of no failure but that its time ran out.
        """
        step, error = DOWN[failure]
        server.on("token", step(server))
        for seconds in growing(1.0):
            before = server.count("token")
            with make(server, timeout=seconds) as client, within(seconds, slack=0.9 * seconds):
                found = Counter(self.ask(client))
            if found[error] > THREADS / 2:
                break
        assert found.keys() <= {error, cf.ConnectionFailed}
        assert found[error] > THREADS / 2
        # The first, ten retries, and one more after each second, of which there may be two on a busy machine.
        assert 1 <= server.count("token") - before <= 1 + 10 + 2 * seconds
        assert server.count("results") == 0

    def test_down_for_a_moment(self, server: Script, client: Client) -> None:
        """One 503 and one closed connection: no thread fails, and three requests suffice for all."""
        server.on("token", server.answer(503), server.close, server.answer(200, {"access_token": "t1"}))
        assert self.ask(client) == ["PENDING"] * THREADS
        assert server.count("token") == 3

    @pytest.mark.slow
    @pytest.mark.parametrize("cause", ["by the clock", "by the server"])
    def test_forty_expiries(self, server: Script, clock: FakeClock, cause: str) -> None:
        """Twenty by each cause: one token request per expiry, after the first; no thread fails."""
        issued = [0]

        def issue(connection: Any) -> bool:
            issued[0] += 1
            token = {"access_token": f"t{issued[0]}", "expires_at": "2025-11-05T12:10:00Z"}
            return server.answer(200, token, Date=DATE)(connection)

        server.on("token", issue)
        valid = ["t1"]
        if cause == "by the server":
            revoking(server, lambda bearer: bearer == valid[0])
        rounds, failures = 1 + EXPIRIES // 2, []

        def expire() -> None:
            if cause == "by the clock":
                clock.at += 600
            else:
                valid[0] = f"t{issued[0] + 1}"

        barrier = threading.Barrier(THREADS, action=expire)
        with cf.Client(
            "id", client_secret="s", base_url=server.address, dw_id=13, timeout=1e6, clock=clock
        ) as client:
            question = client.question(QUESTION_ID)

            def run() -> None:
                for _ in range(rounds):
                    barrier.wait(60)
                    try:
                        question.state()
                    except cf.ConnectyError as error:
                        failures.append(error)

            threads = [threading.Thread(target=run) for _ in range(THREADS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        assert failures == []
        assert server.count("token") == rounds
        assert server.count("results") >= rounds * THREADS
