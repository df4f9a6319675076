"""Many questions at a time: in order or as completed, independent, and within the maximum."""

import gc
import os
import signal
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames import calls
from connecty_frames.asking.submission import Submission
from connecty_frames.calls import ConcurrentRun
from connecty_frames.sandbox import Fault, Sandbox
from tests.servers.scripted import Script
from tests.servers.timing import Pulse, until

pytestmark = pytest.mark.usefixtures("connected")

TOP_COUNTRIES = "list the top 5 countries with the most orders"


def numbered(count: int) -> list[str]:
    return [f"SELECT {number} AS n" for number in range(count)]


def value(future: Any) -> int:
    found: int = future.result().table["n"][0].as_py()
    return found


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "connecty-question"]


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(latency=0.2, workers=16) as running:
        yield running


@pytest.mark.slow
def test_many_questions_in_the_order_asked(connected: Sandbox) -> None:
    """Finished futures, one token at most for all of them, and each asked once."""
    tokens = connected.request_log.tokens
    futures = cf.ask_many(numbered(20), max_workers=4)
    assert [future.question for future in futures] == numbered(20)
    assert all(isinstance(future, Future) and future.done() for future in futures)
    assert [value(future) for future in futures] == list(range(20))
    assert connected.request_log.tokens - tokens <= 1
    assert [connected.request_log.submissions()[question] for question in numbered(20)[10:]] == [1] * 10


def test_a_failure_does_not_stop_the_others() -> None:
    """Each has its own error, an invalid question included."""
    blank, failed, well = cf.ask_many(["", "which warehouse ships the fastest", "SELECT 1 AS n"])
    with pytest.raises(cf.ConfigError, match="blank"):
        blank.result()
    with pytest.raises(cf.QuestionFailed) as raised:
        failed.result()
    assert raised.value.question_id is not None
    assert value(well) == 1


def done(outcome: Any) -> str:
    """Return what the future of a question shows once it has an outcome."""
    future = calls.QuestionFuture("how many?")
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
    return repr(future)


def test_what_a_future_shows() -> None:
    """The size of the answer or the name of the error, with an id if there is one, short and safe."""
    answer = SimpleNamespace(metadata=SimpleNamespace(shape_text="1 row"), question_id="7")
    assert done(answer) == "<QuestionFuture to 'how many?': 1 row, question_id 7>"
    assert done(ZeroDivisionError()) == "<QuestionFuture to 'how many?': ZeroDivisionError>"
    error = cf.ConnectyError("", question_id="\x1b\n" + "x" * 200)
    assert done(error) == f"<QuestionFuture to 'how many?': ConnectyError, question_id \\x1b {'x' * 115}…>"


def test_what_a_future_shows_that_is_not_done() -> None:
    """Its state; and what is unusual is shown short and safe."""
    future = calls.QuestionFuture("\x1b[2J" + "x" * 200)
    assert repr(future) == f"<QuestionFuture to '\\\\x1b[2J{'x' * 93}…': pending>"
    assert repr(calls.QuestionFuture(None)) == "<QuestionFuture to None: pending>"  # type: ignore[arg-type]
    future.cancel()
    assert repr(future) == f"<QuestionFuture to '\\\\x1b[2J{'x' * 93}…': cancelled>"


@pytest.mark.slow
def test_as_completed(box: Sandbox) -> None:
    """An iterator yields what is done first, whatever the order."""
    slow, *quick = numbered(4)
    box.faults.add(Fault("results", state="IN_PROGRESS", question=slow))
    with cf.Client(**box.connection) as client:
        done = cf.ask_many([slow, *quick], as_completed=True, client=client)
        first = [next(done).question for _ in quick]
        box.faults.clear()
        assert sorted(first) == quick
        assert [future.question for future in done] == [slow]


def test_submissions_are_not_kept() -> None:
    """Of a question that is done there is a message, and no request with its body."""

    def submissions() -> list[Submission]:
        return [each for each in gc.get_objects() if isinstance(each, Submission)]

    before = submissions()
    done = cf.ask_many(["SELECT 1 AS n", "", "SELECT 2 AS n"], max_workers=1, as_completed=True)
    for _ in islice(done, 3):
        pass
    gc.collect()
    assert [each for each in submissions() if each not in before] == []


@pytest.mark.parametrize(
    ("workers", "given", "left"), [pytest.param(16, 40, 20, marks=pytest.mark.slow), (1, 5, 2)]
)
def test_yielded_futures_are_not_kept(box: Sandbox, workers: int, given: int, left: int) -> None:
    """Tables and errors alike: an iterator that is kept holds none of the futures that it yielded."""
    box.faults.add(Fault("ask", status=422, question="SELECT 3 AS n"))
    seen: list[weakref.ref[Any]] = []

    with cf.Client(**box.connection) as client:
        questions = numbered(given + left)
        done = cf.ask_many(questions, max_workers=workers, as_completed=True, client=client)
        for future in islice(done, given):
            outcome = future.exception() or future.result().table
            seen += [weakref.ref(future), weakref.ref(outcome)]
        del future, outcome

        def is_let_go_of() -> bool:
            gc.collect()
            return all(ref() is None for ref in seen)

        assert len(seen) == 2 * given
        until(is_let_go_of)  # a thread that has yielded one may still be returning from its frames
        assert len(list(done)) == left


@pytest.mark.slow
@pytest.mark.parametrize("keep", [True, False])
def test_nothing_more_is_asked_after_a_break(box: Sandbox, keep: bool) -> None:
    """Not even while the iterator is referenced; the two that were running end."""
    with cf.Client(**box.connection) as client:
        iterator = cf.ask_many(numbered(10), max_workers=2, as_completed=True, client=client)
        assert box.request_log.questions == []
        for _ in iterator:
            break
        if not keep:
            del iterator
        until(lambda: not threads())
        assert len(box.request_log.questions) == 2


def test_what_the_threads_are(server: Any, client: cf.Client) -> None:
    """A name tells them apart in a debugger, and no program waits for a daemon at its end."""
    server.on("results", server.answer(200, {"state": "COMPLETED", "results": {"dataframe": [["n"], [1]]}}))
    found: set[tuple[str, bool]] = set()

    def note(_: object) -> None:
        thread = threading.current_thread()
        found.add((thread.name, thread.daemon))

    cf.ask_many(["how many?"], client=client, progress=note)
    assert found == {("connecty-question", True)}


@pytest.mark.slow
def test_at_most_max_workers_questions_run(box: Sandbox) -> None:
    """Counted by the threads that ask."""
    most = 0

    def count(_step: object) -> None:
        nonlocal most
        most = max(most, len(threads()))

    with cf.Client(**box.connection) as client:
        cf.ask_many(numbered(12), max_workers=3, client=client, progress=count)
    assert most == 3
    assert threads() == []


@pytest.mark.parametrize("by", ["ask_many", "ask_batch"])
def test_two_answers_are_decoded_at_once(
    server: Script, client: cf.Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, by: str
) -> None:
    """Whichever number of questions is asked at once; all of them are answered."""
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(8)]
    server.on("ask", *(Script.answer(202, {"question_id": each}) for each in ids))
    server.on("results", Script.answer(200, {"state": "COMPLETED", "results": {"dataframe": [["n"], [1]]}}))
    decoding: list[int] = []
    most, lock, decode = 0, threading.Lock(), cf.Answer.from_response

    def slowly(*args: Any, **known: Any) -> cf.Answer:
        nonlocal most
        with lock:
            decoding.append(1)
            most = max(most, len(decoding))
        until(lambda: most > 1)  # another one is decoded beside it
        time.sleep(0.02)
        with lock:
            decoding.pop()
        return decode(*args, **known)

    monkeypatch.setattr(cf.Answer, "from_response", slowly)
    if by == "ask_many":
        answered = [each.exception() for each in cf.ask_many(numbered(8), max_workers=8, client=client)]
    else:
        cf.ask_batch(numbered(8), tmp_path / "batch", max_workers=8, client=client)
        answered = [None] * cf.open_batch(tmp_path / "batch").summary().answered

    assert (most, answered) == (2, [None] * 8)


def test_a_warning_of_one_of_many_points_at_the_caller() -> None:
    """At the line that called, not at a thread; and where a warning is an error, it is that question's."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        line = sys._getframe().f_lineno + 1
        cf.ask_many([TOP_COUNTRIES, TOP_COUNTRIES], max_rows=2)
    assert [(w.category, w.filename, w.lineno) for w in seen] == [(cf.TruncationWarning, __file__, line)] * 2
    cut, whole = cf.ask_many([TOP_COUNTRIES, "SELECT 1 AS n"], max_rows=2)
    with pytest.raises(cf.TruncationWarning):
        cut.result()
    assert value(whole) == 1


def test_context_variables_are_those_of_the_caller() -> None:
    """Context variables are those of the caller."""
    name: ContextVar[str] = ContextVar("name")
    seen: list[str] = []
    name.set("caller")
    cf.ask_many(["SELECT 1 AS n"], progress=lambda _step: seen.append(name.get("default")))
    assert set(seen) == {"caller"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"questions": "how many orders are there"}, "questions is of type str; expected a list"),
        ({"questions": 5}, "questions is of type int; expected a list"),
        ({"questions": ["x"], "max_workers": 0}, "max_workers=0: expected a whole number of 1 or more"),
        ({"questions": ["x"], "max_workers": 2.5}, r"max_workers=2\.5: expected"),
        ({"questions": ["x"], "max_workers": True}, "max_workers=True: expected"),
        ({"questions": ["x"], "max_workers": 10**19}, "max_workers=1(0*): expected"),
        ({"questions": ["x"], "tz": "Mars"}, "tz='Mars'"),
        ({"questions": ["x"], "as_completed": "no"}, "as_completed='no': expected True or False"),
        ({"questions": ["x"], "schema": 5}, "schema"),
    ],
)
@pytest.mark.parametrize("as_completed", [True, False])
def test_a_wrong_option_for_many_is_reported_at_once(
    counted: Callable[[], tuple[int, int]], given: Any, message: str, as_completed: Any
) -> None:
    """Before anything is sent."""
    with pytest.raises(cf.ConfigError, match=message):
        cf.ask_many(**{"as_completed": as_completed, **given})
    assert counted() == (0, 0)


def test_what_is_known_of_a_question_in_progress() -> None:
    """What its submission knows, before it has an answer."""
    begun, released = threading.Event(), threading.Event()

    def answer() -> None:
        begun.set()
        released.wait(20)

    call: Any = SimpleNamespace(submission=SimpleNamespace(message=lambda: "it was sent"), answer=answer)
    run = ConcurrentRun(["how many?", "a" * 61], lambda *_: call, max_workers=1)
    thread = threading.Thread(target=run.finished)
    thread.start()
    begun.wait(20)
    assert run._message() == "1 of 2 questions were asked.\n'how many?': it was sent"
    released.set()
    thread.join()
    known = f"'how many?' (done): it was sent\n'{'a' * 60}…' (done): it was sent"
    assert run._message() == f"2 of 2 questions were asked.\n{known}"


def test_no_questions(counted: Callable[[], tuple[int, int]]) -> None:
    """No question is no answer, and no request."""
    assert cf.ask_many([]) == cf.ask_many([], max_workers=sys.maxsize) == []
    assert list(cf.ask_many(iter([]), as_completed=True)) == []
    assert counted() == (0, 0)


def test_an_iterator_of_questions_that_fails(counted: Callable[[], tuple[int, int]]) -> None:
    """All questions are read first, so that an iterator that fails half way costs nothing."""
    with pytest.raises(ZeroDivisionError):
        cf.ask_many(f"SELECT {1 // (2 - number)} AS n" for number in range(4))
    assert counted() == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("as_completed", [True, False])
def test_ctrl_c_during_many_questions(box: Sandbox, capsys: Any, as_completed: Any) -> None:
    """At once; it reports which were asked and how to fetch each answer, and no other one is asked."""
    questions = ["SELECT 1 AS n", "SELECT 2 AS n", "SELECT 3 AS n", "SELECT 4 AS n"]
    for stuck in questions[1:3]:
        box.faults.add(Fault("results", state="IN_PROGRESS", question=stuck))
    pressed: list[float] = []

    def polled() -> set[str | None]:
        return {seen.question for seen in list(box.request_log.requests) if seen.method == "GET"}

    def press() -> None:
        until(lambda: {"SELECT 2 AS n", "SELECT 3 AS n"} <= polled())
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    with cf.Client(**box.connection) as client, Pulse().running() as pulse:
        presser = threading.Thread(target=press)
        presser.start()
        with pytest.raises(KeyboardInterrupt) as raised:
            list(cf.ask_many(questions, max_workers=2, as_completed=as_completed, client=client))
        left = time.monotonic()
        presser.join()
        until(lambda: not threads())

    assert left - pressed[0] < 1 + pulse.late(pressed[0], pressed[0])
    ids = {asked.question: asked.question_id for asked in box.request_log.questions}
    assert sorted(ids) == questions[:3]  # two workers: either of the first two may come first
    pursue = "may still be running; to fetch its answer without asking again: cf.fetch"
    note = "\n".join(
        [
            "3 of 4 questions were asked.",
            *(
                f"{asked!r}{' (done)' if asked == questions[0] else ''}: Question {ids[asked]} {pursue}"
                f'("{ids[asked]}", dw_id=13)'
                for asked in questions[:3]
            ),
        ]
    )
    assert raised.value.__notes__ == [note]
    assert capsys.readouterr().err == f"\n{note}\n"


@pytest.mark.parametrize("ends", [KeyboardInterrupt, TimeoutError])
def test_an_interrupt_ends_what_the_threads_do(monkeypatch: pytest.MonkeyPatch, ends: Any) -> None:
    """They share a moment to end, and the note says what is known."""
    join, waits = threading.Thread.join, list[float | None]()

    def wait_for(thread: threading.Thread, timeout: float | None = None) -> None:
        waits.append(timeout)
        join(thread, timeout)

    def wait(position: int, _: Future[object], cancelled: threading.Event) -> None:
        if position:
            cancelled.wait(20)

    futures = [Future[object]() for _ in range(3)]
    done = calls.Workers(wait, lambda: "It was sent.", max_workers=3).run(futures)
    next(done)
    monkeypatch.setattr(threading.Thread, "join", wait_for)
    with pytest.raises(ends) as raised:
        done.throw(ends)  # type: ignore[attr-defined]
    assert raised.value.__notes__ == ["It was sent."]
    assert waits == [0.1, 0.1]
    until(lambda: not threads())


def test_an_interrupt_while_a_thread_is_started(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays an interrupt, though the thread cannot be waited for."""

    def start(_thread: threading.Thread) -> None:
        raise KeyboardInterrupt

    with cf.Client(**box.connection) as client:
        monkeypatch.setattr(calls.threading.Thread, "start", start)
        with pytest.raises(KeyboardInterrupt) as raised:
            client.ask_many(["SELECT 1 AS n"])
    assert raised.value.__notes__ == ["0 of 1 questions were asked."]
