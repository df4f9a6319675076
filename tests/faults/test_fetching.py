"""An answer is fetched again where that can help; other failures are reported at once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.client import Client
from connecty_frames.http import transport
from tests.servers.responses import HEAD
from tests.servers.scripted import QUESTION_ID, ROWS, Script, Step
from tests.servers.timing import growing

#: Temporary failures of a request for results.
PASSING: dict[str, Callable[[Script], Any]] = {
    "reset": lambda server: server.reset,
    "closed": lambda server: server.close,
    "silence": lambda server: server.hang,
    "cut": lambda server: server.send_and_close(HEAD + b'Content-Length: 99\r\n\r\n{"state": "COMPLETED"'),
    "408": lambda server: server.answer(408),
    "429": lambda server: server.answer(429),
    "503 cut": lambda server: server.send_and_close(b"HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\nbu"),
    "502": lambda server: server.answer(502, raw=b"<html>Bad gateway", Content_Type="text/html"),
    "503": lambda server: server.answer(503),
    "504": lambda server: server.answer(504),
    "empty": lambda server: server.answer(200),
    "204": lambda server: server.send_and_close(b"HTTP/1.1 204 No Content\r\n\r\n"),
}


@pytest.mark.parametrize("failure", PASSING)
def test_temporary_failures_are_retried(
    server: Script, client: Client, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice, then the rows: three polls, one question, one token."""
    step = PASSING[failure](server)
    server.on("results", step, step, server.answer(200, ROWS))
    question = client.submit("how many?")
    if failure == "silence":
        # After the token, which a busy machine may take longer to send, and would then send twice.
        monkeypatch.setattr(transport, "IDLE_TIMEOUT", 0.15)
    assert question.result().to_pandas()["n"].tolist() == [1, 2]
    assert (server.count("results"), server.count("ask"), server.count("token")) == (3, 1, 1)


@pytest.mark.parametrize("failure", ["empty", "204"])
def test_an_answer_that_stays_empty(server: Script, client: Client, failure: str) -> None:
    """Empty three times: ResponseError with the id, after exactly three polls."""
    server.on("results", PASSING[failure](server))
    with pytest.raises(cf.ResponseError, match="with an empty body") as caught:
        client.ask("how many?")
    assert caught.value.question_id == QUESTION_ID
    assert (server.count("results"), server.count("ask")) == (3, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP"),
        (HEAD + b"X: " + b"x" * 70_000 + b"\r\n\r\n", "not HTTP"),
        (HEAD + b"X: x\r\n" * 300 + b"\r\n", "not HTTP"),
    ],
    ids=["garbage", "70 KB header", "300 headers"],
)
def test_an_answer_that_is_not_http(server: Script, client: Client, content: bytes, message: str) -> None:
    """ResponseError with host and id, after one poll."""
    server.on("results", server.send_and_close(content))
    with pytest.raises(cf.ResponseError, match=message) as caught:
        client.ask("how many?")
    assert (caught.value.question_id, caught.value.host) == (QUESTION_ID, server.address[7:])
    assert (server.count("results"), server.count("ask")) == (1, 1)


@pytest.mark.parametrize(
    "content_type", ["text/html; charset=utf-8", "text/plain", "application/octet-stream"]
)
def test_a_login_page(server: Script, fake_clock_client: Client, clock: Any, content_type: str) -> None:
    """200 without JSON for 15 s: ResponseError with content type, host, likely cause, an escaped snippet."""
    page = b"<html><title>Sign in\x1b[2J</title>"
    server.on("results", server.answer(200, raw=page, Content_Type=content_type))
    with pytest.raises(cf.ResponseError, match="proxy or single sign-on") as caught:
        fake_clock_client.ask("how many?")
    error = caught.value
    assert (error.content_type, error.host) == (content_type, server.address[7:])
    assert error.snippet == "<html><title>Sign in\\x1b[2J</title>"
    assert str(error).partition("It begins: ")[2].startswith("Sign in\\x1b[2J")
    assert error.question_id == QUESTION_ID
    assert 1015.0 <= clock.at <= 1023.0
    assert server.count("results") <= 10


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("endpoint", ["token", "ask", "results"])
def test_a_redirect(server: Script, client: Client, endpoint: str, status: int) -> None:
    """Never followed: ConfigError that names the host. 303 says that a question was processed."""
    server.on(endpoint, server.answer(status, Location=f"http://localhost:{server.address[17:]}/v1/health"))
    is_processed = endpoint == "ask" and status == 303
    expected = cf.SubmissionUncertain if is_processed else cf.ConfigError
    with pytest.raises(expected, match="answered 303" if is_processed else r"redirect to localhost\."):
        client.ask("how many?")
    assert (server.count(endpoint), server.count("health")) == (1, 0)


@pytest.mark.parametrize(
    ("headers", "slept"),
    [
        ({"Retry_After": "7"}, [7.0]),
        ({"Retry_After": "Wed, 05 Nov 2025 12:00:30 GMT"}, [30.0]),
        ({"Retry_After": "Wed, 05 Nov 2025 11:00:09 GMT", "Date": "Wed, 05 Nov 2025 11:00:00 GMT"}, [9.0]),
        ({"Retry_After": "soon"}, [0.25]),
        ({}, [0.25]),
    ],
)
@pytest.mark.parametrize("endpoint", ["token", "ask", "results"])
def test_retry_after(
    server: Script,
    fake_clock_client: Client,
    clock: Any,
    endpoint: str,
    headers: dict[str, str],
    slept: list[float],
) -> None:
    """Seconds and dates are obeyed, and invalid values mean the usual wait, at every endpoint."""
    server.on("results", server.answer(200, ROWS))
    server.on(endpoint, server.answer(429, **headers), server.steps[endpoint][0])
    assert fake_clock_client.ask("how many?").rows == 2
    assert clock.slept == slept
    assert server.count(endpoint) == 2


@pytest.mark.parametrize("value", ["61", "999999999999999", "Wed, 05 Nov 2026 12:00:00 GMT"])
@pytest.mark.parametrize("endpoint", ["token", "ask", "results"])
def test_retry_after_beyond_the_deadline(
    server: Script, fake_clock_client: Client, clock: Any, endpoint: str, value: str
) -> None:
    """The deadline is 60 s: RateLimitError at once, with the requested wait."""
    server.on(endpoint, server.answer(429, Retry_After=value))
    with pytest.raises(cf.RateLimitError) as caught:
        fake_clock_client.ask("how many?")
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 61.0
    assert clock.slept == []
    assert server.count(endpoint) == 1


class TestOutage:
    """A server that is down gets no more requests because many threads wait for it."""

    def storm(self, server: Script, seconds: float, act: Callable[[Client], object]) -> list[type]:
        """Let 64 threads of one client ask at once, and return the type of each outcome."""
        barrier = threading.Barrier(64)
        with Client("id", client_secret="s", base_url=server.address, dw_id=13, timeout=seconds) as client:
            client.question(QUESTION_ID).state()

            def run(_: int) -> type:
                barrier.wait(60)
                try:
                    return type(act(client))
                except cf.ConnectyError as error:
                    return type(error)

            with ThreadPoolExecutor(64) as pool:
                return list(pool.map(run, range(64)))

    @pytest.mark.slow
    def test_a_server_that_answers_503_only(self, server: Script) -> None:
        """In 2 s: the first poll of each thread, ten retries, and one a second; then QuestionTimeout."""
        for seconds in growing(2.0):
            server.on("results", server.answer(200, {"state": "PENDING"}), server.answer(503))
            before, began = server.count("results"), time.monotonic()
            became = self.storm(server, seconds, lambda client: client.question(QUESTION_ID).result())
            polls, allowed = server.count("results") - before, 1 + 64 + 10 + int(time.monotonic() - began) + 1
            if polls >= 1 + 64 + 10:
                break
        assert became == [cf.QuestionTimeout] * 64
        assert 1 + 64 + 10 <= polls <= allowed

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("no", "n"), [(Script.answer(503), 70), (Script.answer(429, Retry_After="1"), 64)]
    )
    def test_a_server_that_comes_back(self, server: Script, no: Step, n: int) -> None:
        """Down, or 429 to each of 64 threads, which is no outage: those that waited get their rows."""
        server.on("results", server.answer(200, ROWS), *[no] * n, server.answer(200, ROWS))
        became = self.storm(server, 60.0, lambda client: client.question(QUESTION_ID).result())
        assert became == [cf.Answer] * 64
        assert server.count("results") == 1 + n + 64
