"""The states of a question, from PENDING to its end."""

import sys
import threading
import time
import uuid
from collections.abc import Iterator

import pytest

from connecty_frames.errors import QuestionFailed
from connecty_frames.protocol import State
from connecty_frames.sandbox import Plan
from connecty_frames.sandbox.database import Database
from connecty_frames.sandbox.jobs import JobQueue
from tests.servers.timing import until


class Gate:
    def __init__(self) -> None:
        self.open = threading.Event()
        self.asked = []
        #: Called first.
        self.asking = lambda: None

    def answer(self, question: str, dw_id: int) -> Plan:
        self.asking()
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
    """The shared pool of workers, which the end of a queue must not stop."""

    def __init__(self, database: Database) -> None:
        self.run = database.run

    def stop(self) -> None:
        """Do nothing."""


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def queue(database: Database, gate: Gate) -> Iterator[JobQueue]:
    queue = JobQueue(NoStop(database), gate.answer, workers=1, latency=0.0)
    yield queue
    gate.open.set()
    queue.close()


def test_a_question_is_pending_then_in_progress_then_completed(queue: JobQueue, gate: Gate) -> None:
    """With one worker the second question waits for the first."""
    first, second = queue.submit("a"), queue.submit("b")
    until(lambda: first.state is State.IN_PROGRESS)
    assert second.state is State.PENDING
    gate.open.set()
    until(lambda: second.state is State.COMPLETED)
    assert first.state is State.COMPLETED
    assert (second.sql, second.summary, second.result.rows) == ("SELECT 7 AS n", "It is 7.", b"[7]")
    assert gate.asked == [("a", 13), ("b", 13)]


def test_a_question_fails_with_a_reason(queue: JobQueue, gate: Gate) -> None:
    """The error is the message of QuestionFailed, or names any other exception; the queue continues."""
    gate.open.set()
    refused, broken, fine = queue.submit("refuse"), queue.submit("break"), queue.submit("a")
    until(lambda: fine.state is State.COMPLETED)
    assert (refused.state, refused.error) == (State.FAILED, "I will not.")
    assert (broken.state, broken.error) == (
        State.FAILED,
        "The sandbox failed (ZeroDivisionError: by zero). Ask again.",
    )


def test_an_answer_may_have_no_table(queue: JobQueue, gate: Gate) -> None:
    """A plan without SQL completes with its summary alone."""
    gate.open.set()
    job = queue.submit("talk")
    until(lambda: job.state is State.COMPLETED)
    assert (job.summary, job.sql, job.result) == ("Only words.", None, None)


def test_a_question_is_found_by_its_id(queue: JobQueue) -> None:
    """An id is a UUID in upper or lower case."""
    job = queue.submit("a")
    assert uuid.UUID(job.question_id).version == 4
    assert queue.find(job.question_id) is job
    assert queue.find(job.question_id.upper()) is job
    assert queue.find(str(uuid.uuid4())) is None
    assert queue.find("no-uuid") is None


def test_an_answerer_that_leaves_ends_its_question(queue: JobQueue, gate: Gate) -> None:
    """An exception that is no Exception (sys.exit, pytest.fail) fails the question too."""
    gate.open.set()
    job = queue.submit("leave")
    until(lambda: job.state is State.FAILED)
    assert job.error == "The sandbox failed (SystemExit: I am off). Ask again."


def test_the_oldest_are_deleted(database: Database, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number of bytes, the question that finished first is deleted."""
    monkeypatch.setattr("connecty_frames.sandbox.jobs.KEPT_BYTES", 1500)
    gate.open.set()
    queue = JobQueue(NoStop(database), gate.answer, workers=1, latency=0.0)
    jobs = []
    for letter in "abc":
        jobs.append(queue.submit(100 * letter))
        until(lambda: jobs[-1].state is State.COMPLETED)

    assert 500 < min(job.size for job in jobs) == max(job.size for job in jobs) < 750
    found = [queue.find(job.question_id) for job in jobs]
    assert found == [None, jobs[1], jobs[2]]
    queue.close()


def test_an_answer_is_kept_however_large(
    database: Database, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest is kept, so that it can be fetched; a question that waits is never deleted."""
    monkeypatch.setattr("connecty_frames.sandbox.jobs.KEPT_BYTES", 1)
    gate.open.set()
    queue = JobQueue(NoStop(database), gate.answer, workers=1, latency=0.0)
    first = queue.submit("a")
    until(lambda: first.state is State.COMPLETED)
    assert queue.find(first.question_id) is first
    gate.open.clear()
    waiting = queue.submit("b")
    assert queue.find(waiting.question_id) is waiting
    gate.open.set()
    until(lambda: waiting.state is State.COMPLETED)
    assert queue.find(first.question_id) is None
    assert queue.find(waiting.question_id) is waiting
    queue.close()


def test_latency_is_spent_on_each_question(database: Database, gate: Gate) -> None:
    """A question is in progress for the latency before anything else is done."""
    gate.open.set()
    queue = JobQueue(NoStop(database), gate.answer, workers=1, latency=0.2)
    states, started = [], time.monotonic()
    job = queue.submit("a")
    gate.asking = lambda: states.append((job.state, time.monotonic() - started >= 0.2))
    until(lambda: job.state is State.COMPLETED)
    assert states == [(State.IN_PROGRESS, True)]
    queue.close()


def test_closing_does_not_wait_for_the_latency(database: Database, gate: Gate) -> None:
    """A waiting question stays PENDING, and no thread is left."""
    threads = set(threading.enumerate())
    gate.open.set()
    queue = JobQueue(NoStop(database), gate.answer, workers=1, latency=60.0)
    working, waiting = queue.submit("a"), queue.submit("b")
    until(lambda: working.state is State.IN_PROGRESS)
    started = time.monotonic()
    queue.close()
    assert time.monotonic() - started < 30
    assert waiting.state is State.PENDING
    until(lambda: set(threading.enumerate()) <= threads)  # a thread ends a moment after it says so
