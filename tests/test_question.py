"""The handle of a question: it polls, waits and fetches, and keeps the id and the server's messages."""

import json
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import responses

from connecty_frames.asking.polling import Results
from connecty_frames.client import Client
from connecty_frames.decode.envelope import read_envelope
from connecty_frames.errors import (
    ConfigError,
    ConversionError,
    NotFoundError,
    QuestionTimeout,
    ResponseError,
    TruncatedError,
    TruncationWarning,
    UnknownStateWarning,
)
from connecty_frames.question import Question
from connecty_frames.store.table import Earlier, RecordState
from tests.cases import cases
from tests.servers import clients
from tests.servers.scripted import Script

QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
BASE = "https://api.test"
RESULTS = f"{BASE}/v1/dw/13/questions/{QUESTION_ID}/results"
RESUME = f'cf.fetch("{QUESTION_ID}", dw_id=13)'


def rows(count: int, total: int | None = None) -> dict[str, Any]:
    """Return a completed response of so many rows, with statistics where a total is given."""
    results: dict[str, Any] = {"dataframe": [["n"], *([n] for n in range(count))], "sql_query": "SELECT n"}
    if total is not None:
        results["dataframe_stats"] = {"n": {"general": {"count": total, "nulls_count": 0}}}
    return {"state": "COMPLETED", "results": results}


@pytest.fixture
def api() -> Any:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(f"{BASE}/v1/auth/token", json={"access_token": "t", "expires_at": "2099-01-01T00:00:00Z"})
        mock.post(f"{BASE}/v1/dw/13/questions", json={"question_id": QUESTION_ID})
        yield mock


@pytest.fixture
def client(clock: Any) -> Any:
    with clients.make(BASE, 60, clock=clock, random=lambda: 0.5) as client:
        yield client


@pytest.fixture
def question(client: Client) -> Question:
    return client.question(QUESTION_ID)


def polls(api: Any) -> list[str]:
    urls = [call.request.url for call in api.calls if "/results" in call.request.url]
    return [url.partition("?")[2] for url in urls]


def answers(api: Any, *bodies: Any) -> None:
    """Let the requests for results be answered by these, one after another; the last repeats."""
    for body in bodies:
        api.get(RESULTS, **({"json": body} if isinstance(body, dict) else {"status": body}))


def test_a_state_needs_one_request_and_no_rows(api: Any, question: Question) -> None:
    """include=sqlquery alone: no table is sent."""
    answers(api, {"state": "IN_PROGRESS"})
    assert question.state() == "IN_PROGRESS"
    assert polls(api) == ["include=sqlquery"]


def test_the_time_before_the_answer_is_awaited_counts(api: Any, clock: Any, client: Client) -> None:
    """Asked, and looked at 7 s later: ``elapsed`` runs from sending the question."""
    answers(api, rows(2, 2))
    question = client.submit("how many?")
    clock.at += 7
    assert question.result().metadata.elapsed == pytest.approx(7)


def test_fetched_rows_are_kept(api: Any, question: Question) -> None:
    """After wait(), and for the same rows again or in other types, no further request is sent."""
    answers(api, rows(2, 2))
    assert question.wait() == "COMPLETED"
    assert question.result().rows == 2
    assert question.result(schema={"n": "string"}).table.to_pydict() == {"n": ["0", "1"]}
    assert question.result(max_rows=None).rows == 2
    assert question.result(max_rows=7).rows == 2
    assert len(polls(api)) == 1
    question.result(max_rows=1, on_truncation="ignore")
    assert len(polls(api)) == 2


def test_an_import_takes_none_of_the_time(
    api: Any, clock: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes 1,000 s, and then each look at the clock 0.2 s: three columns are decoded within 60 s."""
    body = {"state": "COMPLETED", "results": {"dataframe": [["a", "b", "c"], [1, 2, 3]]}}
    answers(api, body)

    def monotonic() -> float:
        clock.at += 0.2
        return float(clock.at)

    def finish_loading(_: str) -> None:
        clock.at += 1000
        monkeypatch.setattr(clock, "monotonic", monotonic)

    monkeypatch.setattr("connecty_frames.frames.LOADED", set())
    monkeypatch.setattr("connecty_frames.frames.finish_loading", finish_loading)
    assert client.ask("how many?").table.to_pydict() == {"a": [1], "b": [2], "c": [3]}
    assert clock.at > 2000


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        # 1000 of 2500, then all of them.
        ([(1000, 2500), (2500, 2500)], ["1000", "2500"]),
        # 1000 of 1000: nothing more to fetch.
        ([(1000, 1000)], ["1000"]),
        # The total is unknown: ten times as many, until fewer come than were requested.
        ([(1000,), (10_000,), (10_001,)], ["1000", "10000", "100000"]),
    ],
)
def test_all_rows(api: Any, question: Question, sent: list[Any], asked: list[str]) -> None:
    """They take a further fetch as long as the one before is full and the total does not say otherwise."""
    answers(api, *(rows(*each) for each in sent))
    answer = question.result(max_rows=None)
    assert (answer.rows, answer.truncated) == (sent[-1][0], False)
    assert [look.rpartition("=")[2] for look in polls(api)] == asked


def test_a_server_that_sends_fewer_than_all_rows(api: Any, question: Question) -> None:
    """1000 of 2500 came, and 2000 when all were requested: the warning does not say to request all."""
    answers(api, rows(1000, 2500), rows(2000, 2500))
    with pytest.warns(TruncationWarning) as caught:
        assert question.result(max_rows=None).truncated is True
    assert str(caught[0].message) == (
        "2,000 of 2,500 rows received; the server sent no more: ask for fewer rows, and "
        "on_truncation='ignore' hides this warning."
    )
    with pytest.raises(
        TruncatedError, match=r"^2,000 of 2,500 rows received; the server sent no more: ask for fewer rows\.$"
    ) as raised:
        question.result(max_rows=None, on_truncation="raise")
    assert (raised.value.rows, raised.value.total_rows) == (2000, 2500)
    assert raised.value.question_id == QUESTION_ID


@pytest.mark.parametrize(("timeout", "pause"), [(60.0, 4.0), (4.0, 0.1)])
def test_retry_after_of_a_pending_question_is_kept(
    api: Any, question: Question, clock: Any, timeout: float, pause: float
) -> None:
    """Retry-After: 4 beside PENDING delays the next poll by 4 s, unless no time is left for one then."""
    api.get(RESULTS, json={"state": "PENDING"}, headers={"Retry-After": "4"})
    answers(api, rows(1, 1))
    question.result(timeout=timeout)
    assert clock.slept == [pause]


def test_one_deadline_from_submission_to_answer(api: Any, client: Client, clock: Any) -> None:
    """After three seconds for a 429, seven of ten are left for the answer."""
    api.replace(responses.POST, f"{BASE}/v1/dw/13/questions", status=429, headers={"Retry-After": "3"})
    api.post(f"{BASE}/v1/dw/13/questions", json={"question_id": QUESTION_ID})
    answers(api, {"state": "PENDING"})
    with pytest.raises(QuestionTimeout):
        client.ask("how many?", timeout=10)
    assert clock.at == pytest.approx(1010.0)


@pytest.mark.parametrize(
    ("states", "message"),
    [
        (["QUEUED\x1b", "QUEUED\x1b"], r"'QUEUED\\\\x1b', which is not in the API"),
        (["IN_PROGRESS", "PENDING"], "after a later one"),
    ],
)
def test_a_state_that_is_unknown_or_goes_backwards(
    api: Any, question: Question, states: list[str], message: str
) -> None:
    """It is not finished: polling continues, with one warning however often it comes."""
    answers(api, *({"state": state} for state in states), rows(1, 1))
    with pytest.warns(UnknownStateWarning, match=message) as caught:
        assert question.result().rows == 1
    assert [warning.filename for warning in caught] == [__file__]


def test_a_state_that_another_thread_was_faster_to_pass(server: Script) -> None:
    """A response that was sent before the one with the last state does not go backwards."""
    later = threading.Event()
    server.on(
        "results",
        server.held(later, server.answer(200, {"state": "IN_PROGRESS"})),
        server.answer(200, rows(1, 1)),
    )
    with (
        Client("id", client_secret="s", base_url=server.address, dw_id=13) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        question = client.question(QUESTION_ID)
        late = pool.submit(question.result)
        while not server.count("results"):
            time.sleep(0.01)
        assert question.state() == "COMPLETED"
        later.set()

        assert late.result().rows == 1
    assert server.count("results") == 3


def test_a_final_state_that_contradicts_the_last_is_confirmed_first(api: Any, question: Question) -> None:
    """FAILED, then COMPLETED: accepted only when it is reported again."""
    answers(api, {"state": "FAILED"}, rows(1, 1))
    assert question.state() == "FAILED"
    with pytest.warns(UnknownStateWarning):
        assert question.result().rows == 1
    assert len(polls(api)) == 3


def test_when_a_404_is_final(api: Any, client: Client, clock: Any) -> None:
    """At the deadline, where it says more than that the time ran out, and at once for a question by id."""
    answers(api, 404)
    for question, at in ((client.submit("how many?"), 1003.0), (client.question(QUESTION_ID), 1003.0)):
        with pytest.raises(NotFoundError) as caught:
            question.wait(timeout=3)
        assert caught.value.question_id == QUESTION_ID
        assert clock.at == at


@pytest.mark.parametrize(
    ("ago", "waited"), [(None, 0.0), (30.0, 0.0), (28.5, 2.85), (0.5, 30.41), (-5.0, 30.91)]
)
def test_a_404_of_a_question_that_another_call_asked(
    api: Any, client: Client, clock: Any, ago: float | None, waited: float
) -> None:
    """Within thirty seconds of its acceptance, as far as that is known, it may not be visible yet."""
    earlier = Earlier(1, RecordState.ASKED, "how many?", QUESTION_ID, clock.now(), ago, None)
    answers(api, 404)
    with pytest.raises(NotFoundError) as caught:
        Question(client._api, QUESTION_ID, 13, earlier=earlier).state()
    assert caught.value.question_id == QUESTION_ID
    assert clock.at == pytest.approx(1000.0 + waited, abs=0.01)


@pytest.mark.parametrize("body", ["", '{"state": "COMPLETED", "results": {"dataf', '{"no": "state"}', "[]"])
def test_an_unusable_body_is_fetched_again(api: Any, question: Question, body: str) -> None:
    """Empty, cut without a length, or without a state: at most three requests, then ResponseError."""
    api.get(RESULTS, body=body, content_type="application/json")
    with pytest.raises(ResponseError) as caught:
        question.result()
    assert caught.value.question_id == QUESTION_ID
    assert len(polls(api)) == 3


def test_a_decoding_error_carries_the_id(api: Any, question: Question) -> None:
    """A value that does not fit schema= raises with the id, and other options need no new fetch."""
    answers(api, rows(2, 2))
    with pytest.raises(ConversionError) as caught:
        question.result(schema={"n": "date32"})
    assert caught.value.question_id == QUESTION_ID
    assert question.result().rows == 2
    assert len(polls(api)) == 1


def test_wrong_options_send_nothing(api: Any, question: Question) -> None:
    """A wrong value is a ConfigError, a wrong keyword a TypeError, the question's own id among them."""
    with pytest.raises(ConfigError, match="max_rows=-1"):
        question.result(max_rows=-1)
    with pytest.raises(ConfigError, match="timeout"):
        question.wait(timeout=0)
    with pytest.raises(ConfigError):
        question.result(schema=object())
    for wrong in ({"maxrows": 5}, {"dw_id": 14}, {"question_id": QUESTION_ID}):
        with pytest.raises(TypeError, match="unexpected keyword"):
            question.result(**wrong)  # type: ignore[arg-type]
    assert polls(api) == []


def test_progress_is_reported_step_by_step(api: Any, client: Client) -> None:
    """A callable sees each state with the question and its id."""
    answers(api, {"state": "PENDING"}, {"state": "IN_PROGRESS"}, rows(1, 1))
    steps: list[Any] = []
    client.ask("how many?", progress=steps.append)
    assert [(step.state, step.question, step.question_id) for step in steps] == [
        (state, "how many?", QUESTION_ID) for state in ("PENDING", "IN_PROGRESS", "COMPLETED")
    ]


@pytest.mark.usefixtures("api")
def test_the_repr_of_a_handle_is_safe(client: Client, question: Question) -> None:
    """Its repr shows id, workspace and question, with control characters escaped."""
    assert repr(question) == f"<Question {QUESTION_ID}, dw_id=13>"
    asked = client.submit("clear \x1b[2J all")
    assert repr(asked) == f"<Question {QUESTION_ID}, dw_id=13, question='clear \\\\x1b[2J all'>"
    asked._question = "x" * 101
    assert repr(asked) == f"<Question {QUESTION_ID}, dw_id=13, question='{'x' * 100}…'>"


def test_a_handle_is_not_pickled(question: Question) -> None:
    """The error names what to keep instead."""
    with pytest.raises(TypeError, match="keep its question_id") as caught:
        pickle.dumps(question)
    assert str(caught.value).endswith(f" with {question.resume_command}")


def test_a_question_that_no_line_fetches(api: Any, clock: Any) -> None:
    """As that of a sandbox which ends with the process: nobody is told to fetch its answer."""
    answers(api, {"state": "PENDING"})
    with Client(
        "id", client_secret="s", base_url=BASE, dw_id=13, clock=clock, resume_command=lambda *_: ""
    ) as client:
        question = client.question(QUESTION_ID)
        with pytest.raises(QuestionTimeout, match=r" It may still be running\.$"):
            question.wait(timeout=1)
        with pytest.raises(TypeError, match=r" with Client\.fetch\(question_id\)$"):
            pickle.dumps(question)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, ZeroDivisionError])
def test_the_note_of_whatever_is_raised(
    api: Any, client: Client, interrupt: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    """How to fetch the answer; after Ctrl-C it is on standard error too, and IPython shows little else."""
    api.get(RESULTS, json={"state": "PENDING"})

    def press(_: object) -> None:
        raise interrupt

    with pytest.raises(interrupt) as caught:
        client.question(QUESTION_ID).result(progress=press)
    note = f"Question {QUESTION_ID} may still be running; to fetch its answer without asking again: {RESUME}"
    assert caught.value.__notes__ == [note]
    assert hasattr(caught.value, "_render_traceback_") is (interrupt is KeyboardInterrupt)
    assert capsys.readouterr().err == (f"\n{note}\n" if interrupt is KeyboardInterrupt else "")


@pytest.mark.parametrize(
    ("replies", "state", "says"),
    [
        ([{"state": "PENDING"}], "PENDING", "the server last said PENDING."),
        ([503], None, "the server reported no state. The last failure: api.test answered 503."),
        (
            [{"state": "IN_PROGRESS"}, 503],
            "IN_PROGRESS",
            "the server last said IN_PROGRESS. The last failure: api.test answered 503.",
        ),
    ],
)
def test_the_deadline_ends_the_wait(
    api: Any, client: Client, clock: Any, replies: list[Any], state: Any, says: str
) -> None:
    """After exactly the time allowed, with what the server said last, and how to fetch the answer later."""
    answers(api, *replies)
    with pytest.raises(QuestionTimeout) as caught:
        client.question(QUESTION_ID).result(timeout=30)
    assert clock.at == pytest.approx(1030.0)
    assert str(caught.value) == (
        f"No answer to question {QUESTION_ID} in the time allowed; {says} It may still be running: "
        f"{RESUME} fetches the answer."
    )
    error = caught.value
    assert (error.question_id, error.dw_id, error.state, error.question) == (QUESTION_ID, 13, state, None)


def test_whether_a_question_exists(api: Any, client: Client) -> None:
    """By its state; without a request once the answer is at hand."""
    api.get(RESULTS, status=404)
    assert not client.question(QUESTION_ID).exists()
    api.replace(responses.GET, RESULTS, json=rows(2))
    found = client.question(QUESTION_ID)
    assert found.exists()
    assert found.wait() == "COMPLETED"
    sent = len(api.calls)
    assert found.exists()
    assert (found.wait(), len(api.calls)) == ("COMPLETED", sent)


@cases(
    ("count", "total", "max_rows", "following"),
    [
        (2, None, 3, [1, None, None, None, None]),
        (2, None, 2, [1, None, 3, 9, 1000]),
        (2, 2, 2, [1, None, None, None, None]),
        (2, 5, 2, [1, None, 3, 9, 5]),
        (200, None, 200, [1, 2, 3, 9, 2000]),
    ],
)
def test_which_request_follows(
    count: int, total: int | None, max_rows: int, following: list[int | None]
) -> None:
    """None for all rows that are there already, or for as many; fewer rows are a smaller answer."""
    body = json.dumps(rows(count, total)).encode()
    results = Results(read_envelope(body), body, max_rows)
    assert [results.next_max_rows(wanted, lambda: None) for wanted in (1, 2, 3, 9, None)] == following
    pending = Results(read_envelope(b'{"state": "PENDING"}'), b"", 1000)
    assert pending.next_max_rows(None, lambda: None) is None
