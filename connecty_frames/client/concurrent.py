"""Many questions at a time: a thread for each that is under way, and never more than so many.

A question is taken up when whoever waits asks for the next answer, and a place is free; an answer that nobody
has taken yet keeps its place. So a consumer that stops, for whatever reason, starts nothing more, and answers
do not pile up in front of a slow one.

The threads are daemons. On Ctrl-C nothing waits for them for long: their deadline is moved to now, which ends
every wait between requests, and what a request under way is about is told.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING, Final

from connecty_frames.client.submission import annotate
from connecty_frames.clock import Deadline
from connecty_frames.errors import WARNING_LOCATION, CodeLocation, ConfigError
from connecty_frames.text import snippet, value_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from connecty_frames.answer import Answer
    from connecty_frames.client.submission import Sendings

__all__ = ["CancellableDeadline", "ConcurrentRun", "QuestionFuture"]

#: How often Ctrl-C is looked for, in seconds: a signal in the moment before a wait is only noticed after it.
_LISTEN_EVERY: Final = 0.1
#: Seconds that requests under way get to end after Ctrl-C, so that more is known of them.
_GRACE: Final = 0.2


@dataclass(frozen=True, slots=True)
class CancellableDeadline(Deadline):
    """A deadline that is now as soon as somebody says stop."""

    stop: threading.Event

    def remaining(self) -> float:
        """Give the seconds left; nothing once it is stopped."""
        return 0.0 if self.stop.is_set() else Deadline.remaining(self)

    def sleep(self, seconds: float) -> None:
        """Wait that long, or until the deadline, or until it is stopped."""
        self.stop.wait(max(0.0, min(seconds, self.remaining())))


class QuestionFuture(Future["Answer"]):
    """What becomes of one of many questions.

    Parameters
    ----------
    question
        The question, as it was given.
    """

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question


class ConcurrentRun:
    """Questions that are asked together.

    Parameters
    ----------
    questions
        All of them.
    begin
        Checks a question before it is sent.
    answer
        Asks it and waits for its answer, until it is told to stop.
    max_workers
        How many may be under way at once.

    Raises
    ------
    ConfigError
        Where these are no questions, or no number of workers.
    """

    def __init__(
        self,
        questions: Iterable[str],
        begin: Callable[[str], Sendings],
        answer: Callable[[Sendings, threading.Event], Answer],
        *,
        max_workers: int,
    ) -> None:
        if not isinstance(max_workers, int) or isinstance(max_workers, bool) or max_workers < 1:
            raise ConfigError(
                f"max_workers={value_text(max_workers)}: expected a whole number from 1.",
                setting="max_workers",
            )
        if isinstance(questions, str | bytes) or not hasattr(questions, "__iter__"):
            raise ConfigError(
                f"questions is of type {type(questions).__name__}; expected a list of questions.",
                setting="questions",
            )
        self._begin = begin
        self._answer = answer
        self._max_workers = max_workers
        self._questions = list(questions)
        #: What is known of a question that was taken up, by its position; answers are not kept.
        self._sendings: dict[int, Sendings] = {}
        self._answered: set[int] = set()
        self._done: queue.SimpleQueue[QuestionFuture] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._place = CodeLocation.of_caller()

    def finished(self) -> list[QuestionFuture]:
        """Ask all, and return them in their order once the last is done."""
        asked = list(map(QuestionFuture, self._questions))
        for _ in self._run(asked):
            pass
        return asked

    def completed(self) -> Iterator[QuestionFuture]:
        """Ask as many as there are places for, and give each as soon as it is done, and not keep it."""
        return self._run(map(QuestionFuture, self._questions))

    def _run(self, questions: Iterable[QuestionFuture]) -> Iterator[QuestionFuture]:
        waiting, positions = iter(questions), count()
        underway: dict[QuestionFuture, threading.Thread] = {}
        try:
            while True:
                for asked in islice(waiting, self._max_workers - len(underway)):
                    underway[asked] = self._thread(next(positions), asked)
                    underway[asked].start()
                    del asked  # a name here would keep it for as long as the iterator
                if not underway:
                    return
                yield self._next(underway)
        except KeyboardInterrupt as interrupt:
            self._stop.set()
            for thread in underway.values():
                thread.join(_GRACE / len(underway))
            annotate(interrupt, self._known())
            raise
        finally:
            self._stop.set()

    def _thread(self, position: int, asked: QuestionFuture) -> threading.Thread:
        # In the caller's context, as if it had asked itself.
        context = copy_context()
        context.run(WARNING_LOCATION.set, self._place)
        return threading.Thread(
            target=context.run, args=(self._work, position, asked), name="connecty-question", daemon=True
        )

    def _next(self, underway: dict[QuestionFuture, threading.Thread]) -> QuestionFuture:
        """Wait for the next that is done."""
        while True:
            try:
                done = self._done.get(timeout=_LISTEN_EVERY)
            except queue.Empty:
                continue
            underway.pop(done).join()
            return done

    def _work(self, position: int, asked: QuestionFuture) -> None:
        try:
            self._sendings[position] = sendings = self._begin(asked.question)
            asked.set_result(self._answer(sendings, self._stop))
            self._answered.add(position)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is this question's
            asked.set_exception(error)
        self._done.put(asked)
        del asked  # which the traceback of its error would keep

    def _known(self) -> str:
        """Say of each question that was sent how to go on with it."""
        known = [
            f"{snippet(question, 60)!r}{' (done)' if position in self._answered else ''}: {words}"
            for position, question in enumerate(self._questions)
            if position in self._sendings and (words := self._sendings[position].known()) is not None
        ]
        return "\n".join([f"{len(known)} of {len(self._questions)} questions were asked.", *known])
