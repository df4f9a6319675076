"""An answer is fetched again for as long as that can help, and what cannot be mended says what it is."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import connecty_frames as cf
from connecty_frames.client import Client
from connecty_frames.http import retry
from tests.servers.scripted import QUESTION_ID, Script

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = {"state": "COMPLETED", "results": {"dataframe": [["n"], [1], [2]]}}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

#: What a fetch gets over.
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


@pytest.mark.parametrize("trouble", PASSING)
def test_what_passes_is_waited_out(
    server: Script, client: Client, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice, then the rows: three looks, one question, one token."""
    monkeypatch.setattr(retry, "IDLE_TIMEOUT", 0.15)
    step = PASSING[trouble](server)
    server.on("results", step, step, server.answer(200, ROWS))
    assert client.ask_df("how many?")["n"].tolist() == [1, 2]
    assert (server.count("results"), server.count("ask"), server.count("token")) == (3, 1, 1)


@pytest.mark.parametrize("trouble", ["empty", "204"])
def test_an_answer_that_stays_empty(server: Script, client: Client, trouble: str) -> None:
    """Nothing three times: ResponseError with the id, after exactly three looks."""
    server.on("results", PASSING[trouble](server))
    with pytest.raises(cf.ResponseError, match="with an empty body") as caught:
        client.ask("how many?")
    assert caught.value.question_id == QUESTION_ID
    assert (server.count("results"), server.count("ask")) == (3, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP"),
        (HEAD + b"X: " + b"x" * 70_000 + b"\r\n\r\n", "not HTTP"),
        (HEAD + b"X: x\r\n" * 300 + b"\r\n", "not HTTP"),
    ],
    ids=["garbage", "70 KB header", "300 headers"],
)
def test_an_answer_that_is_not_http(server: Script, client: Client, content: bytes, said: str) -> None:
    """ResponseError with host and id, after one look."""
    server.on("results", server.send_and_close(content))
    with pytest.raises(cf.ResponseError, match=said) as caught:
        client.ask("how many?")
    assert (caught.value.question_id, caught.value.host) == (QUESTION_ID, server.address[7:])
    assert (server.count("results"), server.count("ask")) == (1, 1)


@pytest.mark.parametrize(
    "content_type", ["text/html; charset=utf-8", "text/plain", "application/octet-stream"]
)
def test_a_login_page(server: Script, client: Client, content_type: str) -> None:
    """200 and no JSON: ResponseError with content type, host, a guess and how it begins, made safe."""
    page = b"<html>Sign in\x1b[2J</html>"
    server.on("results", server.answer(200, raw=page, Content_Type=content_type))
    with pytest.raises(cf.ResponseError, match="proxy or single sign-on") as caught:
        client.ask("how many?")
    error = caught.value
    assert (error.content_type, error.host) == (content_type, server.address[7:])
    assert error.snippet == "<html>Sign in\\x1b[2J</html>"
    assert error.question_id == QUESTION_ID
    assert server.count("results") == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", ["token", "ask", "results"])
def test_a_redirect(server: Script, client: Client, kind: str, status: int) -> None:
    """Never followed, whatever was asked for: ConfigError that names the host, and nobody else is asked."""
    server.on(kind, server.answer(status, Location=f"http://localhost:{server.address[17:]}/v1/health"))
    with pytest.raises(cf.ConfigError, match=r"redirect to localhost\."):
        client.ask("how many?")
    assert (server.count(kind), server.count("health")) == (1, 0)


@pytest.mark.parametrize(
    ("headers", "slept"),
    [
        ({"Retry_After": "7"}, [7.0]),
        ({"Retry_After": "0"}, [0.25]),
        ({"Retry_After": "Wed, 05 Nov 2025 12:00:30 GMT"}, [30.0]),
        (
            {"Retry_After": "Wed, 05 Nov 2025 11:00:09 GMT", "Date": "Wed, 05 Nov 2025 11:00:00 GMT"},
            [9.0],
        ),
        ({"Retry_After": "Wed, 05 Nov 2025 11:00:00 GMT"}, [0.25]),
        ({"Retry_After": "-5"}, [0.25]),
        ({"Retry_After": "nan"}, [0.25]),
        ({"Retry_After": "1e35"}, [0.25]),
        ({"Retry_After": "soon"}, [0.25]),
        ({}, [0.25]),
    ],
)
@pytest.mark.parametrize("kind", ["token", "ask", "results"])
def test_retry_after(  # noqa: PLR0917 - fixtures
    server: Script, patient: Client, clock: Any, kind: str, headers: dict[str, str], slept: list[float]
) -> None:
    """Seconds and dates are kept to, junk means the usual wait, whatever was asked for."""
    server.on("results", server.answer(200, ROWS))
    server.on(kind, server.answer(429, **headers), server.steps[kind][0])
    assert patient.ask("how many?").rows == 2
    assert clock.slept == slept
    assert server.count(kind) == 2


@pytest.mark.parametrize("value", ["61", "999999999999999", "Wed, 05 Nov 2026 12:00:00 GMT"])
@pytest.mark.parametrize("kind", ["token", "ask", "results"])
def test_retry_after_beyond_the_deadline(
    server: Script, patient: Client, clock: Any, kind: str, value: str
) -> None:
    """There are 60 s: RateLimitError at once, with what the server asked for."""
    server.on(kind, server.answer(429, Retry_After=value))
    with pytest.raises(cf.RateLimitError) as caught:
        patient.ask("how many?")
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 61.0
    assert clock.slept == []
    assert server.count(kind) == 1


class TestOutage:
    """A server that is down is not asked more often because many wait for it."""

    def storm(self, server: Script, seconds: float, act: Callable[[Client], object]) -> list[type]:
        """Let 64 threads of one client ask at once, and give what became of each."""
        barrier, became = threading.Barrier(64), []
        with Client("id", client_secret="s", base_url=server.address, dw_id=13, timeout=seconds) as client:
            client.question(QUESTION_ID).state()

            def run() -> None:
                barrier.wait(10)
                try:
                    became.append(type(act(client)))
                except cf.ConnectyError as error:
                    became.append(type(error))

            threads = [threading.Thread(target=run) for _ in range(64)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
        return became

    @pytest.mark.slow
    def test_a_server_that_answers_503_only(self, server: Script) -> None:
        """In 2 s: the first look of each thread, ten more, and one a second; all learn that time is over."""
        server.on("results", server.answer(200, {"state": "PENDING"}), server.answer(503))
        began = time.monotonic()
        became = self.storm(server, 2.0, lambda client: client.question(QUESTION_ID).result())
        assert became == [cf.QuestionTimeout] * 64
        allowed = 1 + 64 + 10 + int(time.monotonic() - began) + 1
        assert 1 + 64 + 10 <= server.count("results") <= allowed

    @pytest.mark.slow
    def test_a_server_that_comes_back(self, server: Script) -> None:
        """Down for the first 80 looks: those who waited for a retry get their rows all the same."""
        down = [server.answer(503)] * 70
        server.on("results", server.answer(200, ROWS), *down, server.answer(200, ROWS))
        became = self.storm(server, 15.0, lambda client: client.question(QUESTION_ID).result())
        assert became == [cf.Answer] * 64
        assert server.count("results") == 1 + 70 + 64

    @pytest.mark.slow
    def test_a_server_that_asks_for_patience(self, server: Script) -> None:
        """429 with a Retry-After to each of 64 is no outage: all come back when they were told to."""
        busy = [server.answer(429, Retry_After="1")] * 64
        server.on("results", server.answer(200, ROWS), *busy, server.answer(200, ROWS))
        became = self.storm(server, 10.0, lambda client: client.question(QUESTION_ID).result())
        assert became == [cf.Answer] * 64
        assert server.count("results") == 1 + 64 + 64
