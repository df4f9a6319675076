"""Calls in threads: awaited ones on an event loop, and many questions at a time.

Each question in progress has a thread, a daemon. On Ctrl-C or cancellation the deadline of its call is moved
to now, which ends every pause between requests; the reply to a question that was sent is still read, since it
has the id. After Ctrl-C the threads get a moment to end, and what is known of each question is reported; an
event loop does not wait.

``asyncio.to_thread`` is not enough: it runs at most as many calls at once as there are processors and four
more, and a cancelled one is neither stopped nor does it say which question was asked.

Of many questions, one is started when the caller waits for the next answer and a worker is free; an answer
that was not taken yet keeps its worker. So a caller that stops iterating starts nothing more, and a slow
caller does not let answers pile up.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from connecty_frames._base.clock import CURRENT, Deadline
from connecty_frames._base.text import snippet, value_text
from connecty_frames.asking.submission import annotate
from connecty_frames.decode.exact_json import DECODING
from connecty_frames.errors import WARNING_LOCATION, CodeLocation, ConfigError
from connecty_frames.options import check_count

if TYPE_CHECKING:
    from connecty_frames.answer import Answer
    from connecty_frames.options import AskOptions
    from connecty_frames.question import Call

_Result = TypeVar("_Result")


async def ask_in_thread(
    prepare: Callable[[], Call], make: Callable[[Answer, AskOptions], _Result], location: CodeLocation
) -> _Result:
    """Make a call in its own thread, and something of its answer; warnings point at the location."""
    # ``prepare`` runs in the thread of the event loop: wrong arguments and settings are raised at once.
    import asyncio  # here, since it is not needed otherwise, and loaded wherever something is awaited

    is_task = False
    with suppress(RuntimeError):  # no loop is running; as a guest of one, trio runs no task of it
        is_task = asyncio.current_task() is not None
    if not is_task:
        raise ConfigError(
            "Awaited calls need the event loop of asyncio; nothing was sent. Under trio, run the synchronous "
            "function in a thread: await trio.to_thread.run_sync(cf.ask, question)."
        )
    context = copy_context()
    context.run(WARNING_LOCATION.set, location)
    begin, cancelled = threading.Event(), threading.Event()
    context.run(CURRENT.set, Deadline(cancelled=cancelled))
    call = context.run(prepare)
    loop, finished = asyncio.get_running_loop(), asyncio.Event()
    outcome: Future[_Result] = Future()  # unlike asyncio's, it reports no error left unread
    thread = threading.Thread(
        target=context.run,
        args=(_work, lambda: make(call.answer(), call.options), outcome),
        kwargs={"begin": begin, "finish": partial(loop.call_soon_threadsafe, finished.set)},
        name="connecty-question",
        daemon=True,
    )
    try:
        thread.start()
        # In the next turn of the loop: otherwise each start would wait until a working thread releases the
        # interpreter, 5 ms or longer: 0.1 to 0.3 s for 64 calls begun in this turn.
        loop.call_soon(begin.set)
        await finished.wait()
    except BaseException as error:  # CancelledError; GeneratorExit if the loop was closed before
        cancelled.set()  # first: from now on, no question unknown to the message is sent
        begin.set()  # the loop may have no further turn
        annotate(error, call.submission.message())
        raise
    try:
        return outcome.result()
    finally:
        del outcome  # it holds the error, and its traceback holds this frame


def _work(
    run: Callable[[], _Result],
    outcome: Future[_Result],
    *,
    begin: threading.Event,
    finish: Callable[[], object],
) -> None:
    begin.wait()
    try:
        outcome.set_result(run())
    except BaseException as error:  # noqa: BLE001 - the coroutine raises it
        outcome.set_exception(error)
    # Otherwise the traceback of its error keeps it alive. Not `del`: cgitb fails on deleted arguments.
    outcome = None  # type: ignore[assignment]
    with suppress(RuntimeError):  # the loop may be closed by now
        finish()


_Future = TypeVar("_Future", bound="Future[Any]")


class QuestionFuture(Future["Answer"]):
    """The future answer to one of many questions; ``question`` is the question, as it was given."""

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def __repr__(self) -> str:
        is_text = isinstance(self.question, str)  # it may be anything until it is checked
        question = repr(snippet(self.question, 100)) if is_text else value_text(self.question)
        return f"<QuestionFuture to {question}: {self._state_text()}>"

    def _state_text(self) -> str:
        if not self.done():
            return "pending"
        if self.cancelled():
            return "cancelled"
        error = self.exception()
        known = self.result() if error is None else error
        outcome = type(known).__name__ if isinstance(known, BaseException) else known.metadata.shape_text
        question_id = getattr(known, "question_id", None)  # an error may be any
        return outcome if question_id is None else f"{outcome}, question_id {snippet(str(question_id))}"


class Workers(Generic[_Future]):
    """Threads that make the results of futures, one for each in progress; raises ConfigError."""

    # ``work`` gets a future and its position, and returns soon after it is cancelled; ``message`` returns
    # what is known of all questions, for an interrupt.

    def __init__(
        self, work: Callable[[int, _Future], object], message: Callable[[], str], *, max_workers: int
    ) -> None:
        check_count(max_workers, "max_workers", least=1)
        self._make = work
        self._message = message
        self._max_workers = max_workers
        self._done: queue.SimpleQueue[_Future] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._deadline = Deadline(cancelled=self._cancelled)
        self._location = CodeLocation.of_caller()
        # Decoding more answers at once takes their memory, but hardly less time.
        self._decoding = threading.BoundedSemaphore(2)

    def run(self, futures: Iterable[_Future]) -> Iterator[_Future]:
        """Yield each future as soon as it is done, and do not keep it."""
        waiting, positions = iter(futures), count()  # enumerate would keep the last future
        running: dict[_Future, threading.Thread] = {}
        try:
            while True:
                for future in islice(waiting, self._max_workers - len(running)):
                    # In a copy of the caller's context, as if the caller itself asked.
                    context = copy_context()
                    context.run(WARNING_LOCATION.set, self._location)
                    context.run(DECODING.set, self._decoding)
                    context.run(CURRENT.set, self._deadline)
                    work = partial(context.run, self._work, next(positions), future)
                    running[future] = threading.Thread(target=work, name="connecty-question", daemon=True)
                    running[future].start()
                    del future, work  # else this frame would keep it as long as the iterator exists
                if not running:
                    return
                yield self._next(running)
        except GeneratorExit:
            raise
        except BaseException as interrupt:  # KeyboardInterrupt, or the exception of a signal handler
            self._cancelled.set()
            # Requests in progress get 0.2 s to end, to learn more of them.
            for thread in running.values():
                with suppress(RuntimeError):  # the interrupt may have come before it began
                    thread.join(0.2 / len(running))
            annotate(interrupt, self._message())
            raise
        finally:
            self._cancelled.set()

    def _next(self, running: dict[_Future, threading.Thread]) -> _Future:
        while True:
            with suppress(queue.Empty):
                # A signal right before a wait is handled only after it.
                done = self._done.get(timeout=0.1)
                running.pop(done).join()
                return done

    def _work(self, position: int, future: _Future) -> None:
        try:
            future.set_result(self._make(position, future))
        except BaseException as error:  # noqa: BLE001 - the future raises it
            future.set_exception(error)
        self._done.put(future)
        # Otherwise the traceback of its error keeps it alive. Not `del`: cgitb fails on deleted arguments.
        future = None  # type: ignore[assignment]


class ConcurrentRun:
    """Questions that are checked, then asked together; raises ConfigError."""

    def __init__(self, questions: Iterable[str], prepare: Callable[[str], Call], *, max_workers: int) -> None:
        self._workers: Workers[QuestionFuture] = Workers(self._ask, self._message, max_workers=max_workers)
        if isinstance(questions, str | bytes) or not hasattr(questions, "__iter__"):
            raise ConfigError(
                f"questions is of type {type(questions).__name__}; expected a list of questions.",
                setting="questions",
            )
        self._prepare = prepare
        self._questions = list(questions)
        #: The message of each started question as a function, by position.
        self._messages: dict[int, Callable[[], str | None]] = {}
        self._answered: set[int] = set()

    def finished(self) -> list[QuestionFuture]:
        """Ask all questions, and return their futures in order once the last is done."""
        futures = list(map(QuestionFuture, self._questions))
        for _ in self._workers.run(futures):
            pass
        return futures

    def completed(self) -> Iterator[QuestionFuture]:
        """Yield the future of each question as soon as it is done, and do not keep it."""
        return self._workers.run(map(QuestionFuture, self._questions))

    def _ask(self, position: int, future: QuestionFuture) -> Answer:
        call = self._prepare(future.question)
        self._messages[position] = call.submission.message
        try:
            answer = call.answer()
            self._answered.add(position)
            return answer
        finally:
            # The message alone: of many questions, the submissions with their bodies would pile up.
            message = call.submission.message()
            self._messages[position] = lambda: message

    def _message(self) -> str:
        known = [
            f"{snippet(question, 60)!r}{' (done)' if position in self._answered else ''}: {message}"
            for position, question in enumerate(self._questions)
            if position in self._messages and (message := self._messages[position]()) is not None
        ]
        return "\n".join([f"{len(known)} of {len(self._questions)} questions were asked.", *known])
