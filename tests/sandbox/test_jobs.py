"""The life of a question, from PENDING to its end."""

from __future__ import annotations

import sys
import threading
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from connecty_frames.errors import QuestionFailed
from connecty_frames.protocol import State
from connecty_frames.sandbox import Plan
from connecty_frames.sandbox.jobs import JobQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connecty_frames.sandbox.pool import WorkerPool


class Gate:
    """An answerer that waits to be told to go on."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.asked = []

    def answer(self, question: str, dw_id: int) -> Plan:
        """Wait at the gate, then do as the question says."""
        self.asked.append((question, dw_id))
        assert self.open.wait(10)
        if question == "refuse":
            raise QuestionFailed("I will not.")
        if question == "break":
            raise ZeroDivisionError("by zero")
        if question == "leave":
            sys.exit("I am off")
        if question == "talk":
            return Plan(None, "Only words.")
        return Plan("SELECT 7 AS n", "It is {n}.")


class NoStop:
    """The shared engine, which outlives the desk."""

    def __init__(self, engine: WorkerPool) -> None:
        self.run = engine.run

    def stop(self) -> None:
        """Do nothing."""


@pytest.fixture
def gate() -> Gate:
    """Give a gate that is shut."""
    return Gate()


@pytest.fixture
def desk(engine: WorkerPool, gate: Gate) -> Iterator[JobQueue]:
    """Give a desk with one worker behind the gate."""
    desk = JobQueue(NoStop(engine), gate, workers=1, capacity=10, latency=0.0)
    yield desk
    gate.open.set()
    desk.close()


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it never was")


def test_a_question_is_pending_then_in_progress_then_completed(desk: JobQueue, gate: Gate) -> None:
    """With one worker the second question waits for the first."""
    first, second = desk.submit("a", 13), desk.submit("b", 13)
    until(lambda: first.state is State.IN_PROGRESS)

    assert second.state is State.PENDING
    gate.open.set()
    until(lambda: second.state is State.COMPLETED)
    assert first.state is State.COMPLETED
    assert (second.sql, second.summary, second.result.rows) == ("SELECT 7 AS n", "It is 7.", b"[7]")
    assert gate.asked == [("a", 13), ("b", 13)]


def test_a_question_fails_with_a_reason(desk: JobQueue, gate: Gate) -> None:
    """A refusal says why; whatever else goes wrong is told as well, and the desk goes on."""
    gate.open.set()
    refused, broken, fine = desk.submit("refuse", 13), desk.submit("break", 13), desk.submit("a", 13)
    until(lambda: fine.state is State.COMPLETED)

    assert (refused.state, refused.error) == (State.FAILED, "I will not.")
    assert (broken.state, broken.error) == (State.FAILED, "ZeroDivisionError: by zero")


def test_an_answer_may_have_no_table(desk: JobQueue, gate: Gate) -> None:
    """A plan without SQL completes with its summary alone."""
    gate.open.set()
    case = desk.submit("talk", 13)
    until(lambda: case.state is State.COMPLETED)

    assert (case.summary, case.sql, case.result) == ("Only words.", None, None)


def test_a_question_is_found_by_its_id_in_its_workspace(desk: JobQueue) -> None:
    """An id is a UUID in any spelling, and means nothing in another workspace."""
    case = desk.submit("a", 13)

    assert uuid.UUID(case.question_id).version == 4
    assert desk.find(case.question_id, 13) is case
    assert desk.find(case.question_id.upper(), 13) is case
    assert desk.find(case.question_id, 14) is None
    assert desk.find(str(uuid.uuid4()), 13) is None
    assert desk.find("no-uuid", 13) is None


def test_a_desk_takes_so_many_and_no_more(engine: WorkerPool, gate: Gate) -> None:
    """One more is turned away until another has come to its end."""
    desk = JobQueue(NoStop(engine), gate, workers=1, capacity=2, latency=0.0)
    first, second, third = (desk.submit(words, 13) for words in "abc")
    assert first is not None
    assert second is not None
    assert third is None

    gate.open.set()
    until(lambda: second.state is State.COMPLETED)
    assert desk.submit("d", 13) is not None
    desk.close()


def test_an_answerer_that_leaves_ends_its_question(desk: JobQueue, gate: Gate) -> None:
    """What is no Exception (sys.exit, pytest.fail) fails the question too, instead of leaving it undone."""
    gate.open.set()
    case = desk.submit("leave", 13)
    until(lambda: case.state is State.FAILED)
    assert case.error == "SystemExit: I am off"


@pytest.mark.parametrize(("limit", "value"), [("KEPT", 2), ("KEPT_BYTES", 700)])
def test_the_oldest_are_forgotten(
    engine: WorkerPool, gate: Gate, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    """Beyond so many questions, or so many bytes of tables and texts, what is finished longest is gone."""
    monkeypatch.setattr(f"connecty_frames.sandbox.jobs.{limit}", value)
    gate.open.set()
    desk = JobQueue(NoStop(engine), gate, workers=1, capacity=10, latency=0.0)
    cases = []
    for words in "abc":
        cases.append(desk.submit(words, 13))
        until(lambda: cases[-1].state is State.COMPLETED)

    sizes = [case.result.size for case in cases]
    assert 100 < min(sizes) == max(sizes) < 150
    found = [desk.find(case.question_id, 13) for case in cases]
    assert found == [None, cases[1], cases[2]]
    desk.close()


def test_an_answer_is_kept_however_large(
    engine: WorkerPool, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest one, so that whoever asked can fetch it; and a question that waits is never forgotten."""
    monkeypatch.setattr("connecty_frames.sandbox.jobs.KEPT_BYTES", 1)
    gate.open.set()
    desk = JobQueue(NoStop(engine), gate, workers=1, capacity=10, latency=0.0)
    first = desk.submit("a", 13)
    until(lambda: first.state is State.COMPLETED)
    assert desk.find(first.question_id, 13) is first

    gate.open.clear()
    waiting = desk.submit("b", 13)
    assert desk.find(waiting.question_id, 13) is waiting
    gate.open.set()
    until(lambda: waiting.state is State.COMPLETED)
    assert desk.find(first.question_id, 13) is None
    assert desk.find(waiting.question_id, 13) is waiting
    desk.close()


def test_latency_is_spent_on_each_question(engine: WorkerPool, gate: Gate) -> None:
    """A question is in progress for the latency before anything else is done."""
    gate.open.set()
    desk = JobQueue(NoStop(engine), gate, workers=1, capacity=10, latency=0.2)
    started = time.monotonic()
    case = desk.submit("a", 13)
    until(lambda: case.state is State.IN_PROGRESS)
    assert gate.asked == []
    until(lambda: case.state is State.COMPLETED)

    assert time.monotonic() - started >= 0.2
    desk.close()


def test_closing_does_not_wait_for_the_latency(engine: WorkerPool, gate: Gate) -> None:
    """What waits stays PENDING, and no thread is left."""
    threads = set(threading.enumerate())
    gate.open.set()
    desk = JobQueue(NoStop(engine), gate, workers=1, capacity=10, latency=60.0)
    working, waiting = desk.submit("a", 13), desk.submit("b", 13)
    until(lambda: working.state is State.IN_PROGRESS)
    started = time.monotonic()
    desk.close()

    assert time.monotonic() - started < 1.0
    assert waiting.state is State.PENDING
    assert set(threading.enumerate()) <= threads
