"""One run over the questions of a batch: ask some, fetch others, and write the parts.

A thread claims a question's row in the index, asks, writes the part, and releases the answer. The process may
be killed at any moment: the index and the folder suffice to continue.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from connecty_frames import errors
from connecty_frames._base.clock import CURRENT, within
from connecty_frames._base.text import counted, path_text, snippet
from connecty_frames.asking.submission import annotate
from connecty_frames.batch.folder import open_index, part_path, warn_of_types
from connecty_frames.batch.index import FETCH_AGAIN, NO_TABLE, PART, Entry
from connecty_frames.calls import Workers
from connecty_frames.display.progress import progress
from connecty_frames.files import atomic_write, write_failed
from connecty_frames.frames.attachment import write_schema
from connecty_frames.options import Asked
from connecty_frames.store import leases
from connecty_frames.store.table import RecordState, from_microseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from connecty_frames._base.clock import Deadline
    from connecty_frames.answer import Answer
    from connecty_frames.batch.index import Index
    from connecty_frames.client import Client
    from connecty_frames.options import AskOptions
    from connecty_frames.store.history import History

#: Errors that prevent all further questions.
_STOPPING: Final = (
    errors.AuthError,
    errors.ConfigError,
    errors.ConnectionFailed,
    errors.NotFoundError,
    errors.RateLimitError,
)
#: This many uncertain questions without an answer in between end a run: others would become uncertain too.
_MOST_UNCERTAIN: Final = 10
_PAUSE: Final = 2.0  # seconds between two updates of the progress line
_TURN: Final = 0.05  # seconds between two looks whether the server has accepted a question
_LOOK: Final = 0.5  # seconds between two checks of the questions that other processes are sending


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """The progress of a batch, as a ``progress=`` callable receives it after each question.

    Parameters
    ----------
    done
        The questions that this call has finished, with or without an answer.
    total
        The questions that it has to ask or fetch.
    asked, answered
        How many of these were sent, and how many are answered.
    elapsed
        Seconds since the first was started.
    """

    done: int
    total: int
    asked: int
    answered: int
    elapsed: float

    @property
    def rate(self) -> float:
        """Finished questions per second."""
        return self.done / self.elapsed if self.elapsed else 0.0

    def __str__(self) -> str:
        return f"{self.done:,} of {self.total:,}, {self.answered:,} answered, {self.rate:.1f}/s"


class _Part(Future[None]):
    """A question in progress; its result is that the part was written."""

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self.entry = entry


def run_batch(
    folder: Path,
    client: Client,
    *,
    store: str | None,
    dw_id: int,
    questions: Mapping[str, str],
    ask_options: AskOptions,
    max_workers: int,
    max_questions: int | None,
    retry_failed: bool = False,
    retry_uncertain: bool = False,
    deadline: Deadline | None = None,
) -> None:
    """Ask and fetch until nothing is left to do, or ``max_questions`` were asked.

    Raises the ConnectyError that prevents further questions, or the writing of parts.
    """
    again = {RecordState.REJECTED}
    again |= {RecordState.FAILED} if retry_failed else set()
    again |= {RecordState.UNCERTAIN} if retry_uncertain else set()
    deadline = deadline or client.deadline(ask_options)
    index = within(deadline, partial(open_index, folder, store))
    recording = client.recording_in(index.place)
    assert recording.history is not None  # noqa: S101 - recording_in gives it one
    with index, closing(recording.history) as history:
        run = _BatchRun(folder, index, recording, history, dw_id, questions, ask_options, max_questions)
        entries = within(deadline, index.entries)
        run.others = run.sent(entries)
        run.ask([entry for entry in entries if run.is_due(entry, again)], max_workers)
        run.wait_for_others()
        due = [entry for entry in index.entries() if entry.number in run.others and entry.state in again]
        run.ask(due, max_workers)
        warn_of_types(run.part(entry) for entry in index.entries() if entry.outcome == PART)


@dataclass
class _BatchRun:
    """One run over a list of questions, by a client that records them in the index."""

    folder: Path
    index: Index
    client: Client
    history: History
    dw_id: int
    questions: Mapping[str, str]
    ask_options: AskOptions
    max_questions: int | None
    asked: int = 0
    answered: int = 0
    uncertain: int = 0
    #: The numbers of questions that other processes were sending when this run reached them.
    others: set[int] = field(default_factory=set)
    stopped_by: BaseException | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    #: Held by the question that is asked alone, until the id of one is known.
    turn: threading.Lock = field(default_factory=threading.Lock)
    accepted: threading.Event = field(default_factory=threading.Event)
    has_asked: bool = False  # by earlier runs

    def __post_init__(self) -> None:
        self.options = replace(self.ask_options, dw_id=self.dw_id, progress=False)  # of each question

    def ask(self, entries: list[Entry], max_workers: int) -> None:
        """Ask these questions or fetch their answers, starting with those already paid for."""
        entries.sort(key=_is_asked, reverse=True)
        if not entries:
            return
        self.has_asked = _is_asked(entries[0])
        with _reporting(self.ask_options, len(entries), self.folder) as report:
            began, workers = time.monotonic(), Workers(self.work, self.message, max_workers=max_workers)
            for done, part in enumerate(workers.run(self._parts(entries)), start=1):
                error = part.exception()
                if error is not None:
                    self.stopped_by = self.stopped_by or error
                report(BatchProgress(done, len(entries), self.asked, self.answered, time.monotonic() - began))
        if self.stopped_by is not None:
            self.stopped_by.add_note(self.message())
            raise self.stopped_by

    def wait_for_others(self) -> None:
        """Wait for questions that other processes are sending, at most as long as a lease."""
        until = time.monotonic() + leases.SECONDS + 2 * _LOOK
        try:
            while self.sent(self.index.entries()) & self.others and time.monotonic() < until:
                time.sleep(_LOOK)
        except BaseException as interrupt:  # KeyboardInterrupt, or what a signal handler raises
            annotate(interrupt, self.message())
            raise

    def sent(self, entries: list[Entry]) -> set[int]:
        """Return the numbers of the questions of this run that are being sent."""
        sent = (each for each in entries if each.state == RecordState.SENT)
        return {each.number for each in sent if each.key in self.questions}

    def is_due(self, entry: Entry, asked_again: set[RecordState]) -> bool:
        """Whether to ask a question, or to fetch its answer."""
        if entry.outcome == NO_TABLE or entry.key not in self.questions:
            return False
        if entry.outcome == PART and self.part(entry).exists():
            return False
        if entry.row and not self.history.is_of(Asked(self.questions[entry.key], self.dw_id), *entry[-3:]):
            reason = f"row {entry.row} has the key of question {entry.number}, but not its text, address and"
            self.index.refuse(f"{reason} workspace. Erase it: `connecty history forget {entry.row}`")
        return entry.state is None or entry.state in asked_again or _is_asked(entry)

    def part(self, entry: Entry) -> Path:
        return part_path(self.folder, entry.number, entry.name)

    def _parts(self, entries: list[Entry]) -> Iterator[_Part]:
        for entry in entries:
            if self.stopped_by is not None:
                return
            if _is_asked(entry) or not self._is_spent:
                yield _Part(entry)

    @property
    def _is_spent(self) -> bool:
        return self.max_questions is not None and self.asked >= self.max_questions

    def work(self, _: int, part: _Part) -> None:
        if _is_asked(part.entry):
            self._try(part.entry, self._fetch)
            return
        # Around the handling of errors, so that a question that ends in doubt stops all others.
        with self._turn():
            if self.stopped_by is None:
                self._try(part.entry, self._ask)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Have questions asked one at a time until the id of one is known."""
        while not (self.accepted.is_set() or CURRENT.get().remaining() <= 0):
            if self.turn.acquire(timeout=_TURN):
                try:
                    yield
                finally:
                    self.turn.release()
                return
        yield

    def _try(self, entry: Entry, do: Callable[[Entry], None]) -> None:
        try:
            do(entry)
        except (errors.WriteFailed, errors.QuestionLimitError):
            raise  # nothing more can be written, not even this error in the index; or nothing was sent
        except errors.ConnectyError as error:
            if not errors.is_own(error):
                raise
            if CURRENT.get().remaining() <= 0:
                return
            # If the service no longer has the answer to refetch, the part with earlier options stays.
            is_kept = isinstance(error, errors.NotFoundError) and self.part(entry).exists()
            is_other_word = isinstance(error, errors.QuestionFailed) and "state" in error.details
            is_first = is_other_word and entry.outcome != FETCH_AGAIN
            outcome = PART if is_kept else FETCH_AGAIN if is_first else None
            self.index.failed(entry.key, f"{type(error).__name__}: {error}", outcome)
            if self._is_stopping(error):
                self.stopped_by = self.stopped_by or error
                raise

    def _is_stopping(self, error: errors.ConnectyError) -> bool:
        if isinstance(error, errors.AuthError | errors.ConfigError):
            return True
        if isinstance(error, errors.SubmissionUncertain):
            with self.lock:
                self.uncertain += 1
                return self.uncertain >= _MOST_UNCERTAIN or not self.accepted.is_set()
        return error.not_started and isinstance(error, _STOPPING)

    def _fetch(self, entry: Entry) -> None:
        if entry.outcome is not None:  # its part is missing
            self.index.done(entry.key, None)
        asked_at = None if entry.asked_at is None else from_microseconds(entry.asked_at)
        answer = self.client.question(entry.question_id or "", dw_id=self.dw_id).answer(self.options)
        self._write(entry, answer, question=self.questions[entry.key], asked_at=asked_at)

    def _ask(self, entry: Entry) -> None:
        with self.lock:
            if self._is_spent or CURRENT.get().remaining() <= 0:
                return
            self.asked += 1
        is_sent = False
        try:
            question = self.questions[entry.key]
            asked = Asked(question, self.dw_id, entry.key, self.options.tags)
            call = self.client.call(question, self.options)
            call.submission.row = self.history.sent(
                asked, asked_at=datetime.now(UTC), after=entry.row, seconds=call.deadline.remaining()
            )
            if call.submission.row is None:  # another process asks it, or it was erased
                self.others.add(entry.number)
                return
            if entry.error is not None:
                self.index.failed(entry.key, None)
            is_sent = True
            answer = call.answer(accepted=lambda _: self.accepted.set())
            self._write(entry, answer, question=question, asked_at=answer.metadata.asked_at)
        except errors.ConnectyError as error:
            is_sent = not (errors.is_own(error) and error.not_started)
            raise
        finally:
            if not is_sent:
                with self.lock:
                    self.asked -= 1

    def _write(self, entry: Entry, answer: Answer, *, question: str, asked_at: datetime | None) -> None:
        import pyarrow as pa

        from connecty_frames.frames.parquet_file import write_table

        outcome = NO_TABLE
        if answer.table is not None:
            outcome = PART
            metadata = replace(answer.metadata, question=question, asked_at=asked_at)
            path = self.part(entry)
            try:
                with atomic_write(path) as file:
                    write_table(write_schema(answer.table, metadata), file)
            except pa.ArrowException as error:  # such as a struct without fields, set by schema=
                raise errors.ConversionError(
                    f"The answer cannot be written as Parquet: {snippet(str(error), 200)}",
                    question_id=answer.question_id,
                ) from None
            except OSError as error:
                raise write_failed(error, path, answer.question_id) from None
        try:
            if not self.index.done(entry.key, outcome):  # erased by its id meanwhile
                self.part(entry).unlink(missing_ok=True)
        except errors.ConfigError as error:
            error.question_id = answer.question_id
            raise
        with self.lock:
            self.answered += 1
            self.uncertain = 0

    def message(self) -> str:
        """Return the note for a run that ended early."""
        so_far = (
            f"{counted(self.asked, 'question')} of the batch in {path_text(self.folder)} were asked and "
            f"{counted(self.answered, 'answer')} written in this run."
        )
        if not self.client.is_resumable:
            return f"{so_far} The sandbox ends with this process, so no other process can continue."
        fetched = ": those already asked are fetched, not asked again"
        has_ids = self.has_asked or self.accepted.is_set()
        return f"{so_far} Call again with the same questions to continue{fetched * has_ids}."


def _is_asked(entry: Entry) -> bool:
    return entry.state in {RecordState.ASKED, RecordState.COMPLETED} or entry.outcome == FETCH_AGAIN


@contextmanager
def _reporting(
    ask_options: AskOptions, total: int, folder: Path
) -> Iterator[Callable[[BatchProgress], object]]:
    if callable(ask_options.progress):
        yield ask_options.progress
        return
    title = f"batch of {counted(total, 'question')}"
    with progress(title, path_text(folder), wanted=ask_options.progress) as show:
        last = -_PAUSE

        def report(progress: BatchProgress) -> None:
            nonlocal last
            if progress.elapsed >= last + _PAUSE or progress.done == progress.total:
                last = progress.elapsed
                show(str(progress), progress.elapsed)

        yield report
