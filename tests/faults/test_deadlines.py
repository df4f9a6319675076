"""However slow a server is, a call ends at most a quarter of a second after its deadline."""

import contextlib
import gzip
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.asking import polling
from connecty_frames.client import Client
from connecty_frames.decode.envelope import read_envelope
from tests.servers.clients import make
from tests.servers.responses import HEAD
from tests.servers.scripted import QUESTION_ID, Script
from tests.servers.timing import EarlyClock, FakeClock, growing, until, within

SECONDS = 0.3
#: A part of the work between two looks at the clock takes less than a tenth of it.
LOOKS = 10

SLOW: dict[str, Callable[[Script], Any]] = {
    "silence": lambda server: server.hang,
    "half the headers": lambda server: server.send_and_hang(HEAD[:30]),
    "half the body": lambda server: server.send_and_hang(HEAD + b'Content-Length: 99\r\n\r\n{"state": "PEN'),
    "headers by the byte": lambda server: server.drip(HEAD * 10, 0.01),
    "body by the byte": lambda server: server.drip(HEAD + b"Content-Length: 999\r\n\r\n" + b" " * 999, 0.002),
    "gzip by the byte": lambda server: server.drip(
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 999\r\n\r\n" + gzip.compress(b" ") * 40, 0.002
    ),
    "gzip that swells": lambda server: server.send_and_hang(
        HEAD
        + b"Content-Encoding: gzip\r\nContent-Length: 999999\r\n\r\n"
        + gzip.compress(bytes(10_000_000)) * 25
    ),
    "chunks by the byte": lambda server: server.drip(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 100, 0.002
    ),
}
#: The error of a call at each endpoint that is slow, and the number of questions that arrived.
ERRORS: dict[str, tuple[type[cf.ConnectyError], int]] = {
    "token": (cf.ConnectionFailed, 0),
    "ask": (cf.SubmissionUncertain, 1),
    "results": (cf.QuestionTimeout, 1),
}


@pytest.mark.parametrize(
    ("endpoint", "slow"),
    # Of other responses, a megabyte is read at most, which takes no time.
    [
        (endpoint, slow)
        for endpoint in ERRORS
        for slow in SLOW
        if endpoint == "results" or "swells" not in slow
    ],
)
def test_a_slow_answer_ends_with_the_deadline(server: Script, endpoint: str, slow: str) -> None:
    """Neither earlier nor later, with the expected error, and the id where there is one."""
    server.on(endpoint, SLOW[slow](server))
    error, questions = ERRORS[endpoint]
    for seconds in growing(SECONDS):
        asked = server.count("ask")
        with make(server, seconds) as client:
            began = time.monotonic()
            with within(seconds), pytest.raises(cf.ConnectyError) as caught:
                client.ask_df("how many?")
            assert time.monotonic() - began >= seconds
        if server.count(endpoint):
            break
    assert type(caught.value) is error
    assert server.count("ask") - asked == questions
    assert caught.value.question_id == (QUESTION_ID if endpoint == "results" else None)


def test_a_question_that_takes_too_long(server: Script, fake_clock_client: Client, clock: FakeClock) -> None:
    """PENDING until the end: QuestionTimeout, a TimeoutError, with id, state and the call that resumes."""
    began = clock.at
    with pytest.raises(TimeoutError) as caught:
        fake_clock_client.ask_df("how many?", timeout=7)
    assert clock.at == began + 7
    assert isinstance(caught.value, cf.QuestionTimeout)
    assert (caught.value.question_id, caught.value.state) == (QUESTION_ID, "PENDING")
    assert f'cf.fetch("{QUESTION_ID}", dw_id=13)' in str(caught.value)
    assert server.questions == ["how many?"]


@pytest.mark.parametrize("verb", [cf.ask, cf.ask_df, cf.read_connecty])
def test_no_time_at_all(server: Script, verb: Callable[..., object]) -> None:
    """A billionth of a second: QuestionTimeout that says the question was not started; nothing was sent."""
    cf.configure(client_id="id", client_secret="s", base_url=server.address, dw_id=13)
    with pytest.raises(cf.QuestionTimeout, match="it was not started") as caught:
        verb("how many?", timeout=1e-9)
    assert caught.value.question_id is None
    assert server.connections == 0


def test_a_thread_that_waits_for_anothers_token_keeps_its_own_deadline(server: Script) -> None:
    """A token call that hangs delays no other thread beyond its own timeout."""
    released = threading.Event()
    server.on("token", server.held(released, server.answer(401)))
    with make(server, 10) as client:

        def ask() -> None:
            with contextlib.suppress(cf.AuthError):
                client.ask("how many?")

        slow = threading.Thread(target=ask)
        slow.start()
        until(lambda: server.count("token"))
        with within(0.2), pytest.raises(cf.ConnectionFailed, match="another thread"):
            client.ask("how many?", timeout=0.2)
        assert (server.count("token"), server.count("ask")) == (1, 0)
        released.set()
        slow.join()


@pytest.mark.slow
def test_decoding_that_takes_too_long(server: Script) -> None:
    """QuestionTimeout with the id at the deadline; result() then decodes what was received before."""
    rows = ",".join(["[[1]]"] * 2_000_000)
    body = f'{{"state":"COMPLETED","results":{{"dataframe":[["a"],{rows}]}}}}'
    server.on("results", server.answer(200, raw=body.encode()))
    cf.Answer.from_json(b'{"state":"COMPLETED","results":{"dataframe":[["a"],[[1]]]}}')  # imports
    clock = EarlyClock()
    with make(server, 60, clock=clock) as client:
        question = client.submit("how many?")
        question.wait(60)
        with pytest.raises(cf.QuestionTimeout) as caught:
            question.result(timeout=1e-9)
        assert caught.value.question_id == QUESTION_ID
        assert "was not decoded in the time allowed" in str(caught.value)
        fetched, looks = server.count("results"), clock.looks
        assert question.result(timeout=60, on_truncation="ignore").rows == 2_000_000
        assert clock.looks - looks > LOOKS
        assert server.count("results") == fetched


@pytest.mark.slow
def test_reading_that_takes_too_long(server: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the statistics alone take too long, result() reads what was received before."""
    clock, read = EarlyClock(), polling.read_envelope

    def read_at_the_deadline(*arguments: Any, **options: Any) -> Any:
        clock.ahead += 60
        looks = clock.looks
        try:
            return read(*arguments, **options)
        finally:
            assert clock.looks - looks == 1

    fields = ",".join(f'"{number}":1' for number in range(600_000))
    statistics = f'{{"a":{{"numeric":{{{fields}}}}}}}'
    results = f'{{"dataframe":[["a"],[1]],"dataframe_stats":{statistics}}}'
    server.on("results", server.answer(200, raw=f'{{"state":"COMPLETED","results":{results}}}'.encode()))
    with make(server, 60, clock=clock) as client:
        question = client.submit("how many?")
        with monkeypatch.context() as patch:
            patch.setattr(polling, "read_envelope", read_at_the_deadline)
            with pytest.raises(cf.QuestionTimeout, match="was not read in time"):
                question.result(timeout=60)
        server.on("results", server.answer(404, {}))
        assert question.exists() is False  # another request in between changes nothing
        fetched, looks = server.count("results"), clock.looks
        with pytest.warns(cf.StatisticsWarning, match="not kept in the metadata"):
            assert question.result(timeout=600, on_truncation="ignore").rows == 1
        assert clock.looks - looks > LOOKS
        assert server.count("results") == fetched


@pytest.mark.slow
def test_counting_rows_that_takes_too_long(server: Script) -> None:
    """For max_rows=None the rows are counted, within the deadline as well."""
    rows = ",".join(["[1]"] * 5_000_000)
    body = f'{{"state":"COMPLETED","results":{{"dataframe":[["a"],{rows}]}}}}'
    server.on("results", server.answer(200, raw=body.encode()))
    looks: list[None] = []
    with make(server, 60) as client:
        question = client.submit("how many?")
        question.wait(60)
        with pytest.raises(cf.QuestionTimeout, match="was not decoded in the time allowed"):
            question.result(timeout=1e-9, max_rows=None)
    assert read_envelope(body.encode()).count_rows(lambda: looks.append(None)) == 5_000_000
    assert len(looks) > LOOKS
