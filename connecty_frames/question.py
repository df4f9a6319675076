"""Question, the handle of a question that was asked, created from its id in any process; and Call.

A call may reuse the answer of an equal question, asked before by any thread or process of this user. The
history says what was asked. Of callers that ask the same at the same time, one sends the question and records
its id; the others wait for the id, and fetch the answer by it.
"""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial, wraps
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NoReturn, ParamSpec, TypeVar

import msgspec

from connecty_frames import errors, frames
from connecty_frames._base.clock import CURRENT, Deadline
from connecty_frames._base.text import snippet
from connecty_frames.answer import Answer, read_schema
from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.asking.polling import Polling, Results
from connecty_frames.asking.submission import annotate, pending_message
from connecty_frames.decode.envelope import read_envelope
from connecty_frames.decode.exact_json import DECODING, LIMITS
from connecty_frames.display.progress import progress
from connecty_frames.options import ASK_ONLY, AskOptions, FetchOptionsDict, check_age, shows_options
from connecty_frames.protocol import DEFAULT_MAX_ROWS, State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import datetime, timedelta
    from typing import Unpack

    from connecty_frames.asking.auth import API
    from connecty_frames.asking.submission import Submission
    from connecty_frames.options import Asked
    from connecty_frames.store.history import History
    from connecty_frames.store.table import Earlier

_Result = TypeVar("_Result")
_Arguments = ParamSpec("_Arguments")

_LOG: Final = logging.getLogger("connecty_frames.client")


def _with_own_deadline(method: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:

    @wraps(method)
    def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        before = CURRENT.get()
        try:
            return method(*args, **kwargs)
        finally:
            CURRENT.set(before)  # here: an interrupt can prevent the end of a context manager

    return call


@contextmanager
def _call(name: str, deadline: Deadline, known: dict[str, str]) -> Iterator[None]:
    """Set the deadline of the current call; with OpenTelemetry, add a span with what is known at its end."""
    CURRENT.set(deadline)
    trace: Any = sys.modules.get("opentelemetry.trace")
    span = trace and trace.get_tracer("connecty_frames").start_span(f"connecty {name}")
    quiet = {"record_exception": False, "set_status_on_exception": False}  # messages may have values
    try:
        with trace.use_span(span, **quiet) if trace else nullcontext():
            yield
    except BaseException as error:
        known["connecty.outcome"] = type(error).__name__
        known.setdefault("connecty.question_id", getattr(error, "question_id", None) or "unknown")
        if span:
            span.set_status(trace.StatusCode.ERROR, type(error).__name__)
        raise
    finally:
        if span:
            span.set_attributes(known)
            span.end()


class Question:
    """A question that was asked.

    ``Client.submit`` and ``Client.question`` return one. Creating one and reading its properties opens no
    connection. A method that asks the server raises ConnectionFailed, AuthError, APIError or ResponseError if
    that fails, and NotFoundError if the workspace has no such question.
    """

    def __init__(
        self,
        api: API,
        question_id: str,
        dw_id: int,
        *,
        submission: Submission | None = None,
        earlier: Earlier | None = None,
        kept: Results | None = None,
    ) -> None:
        self._api = api
        self._question_id = question_id
        self._dw_id = dw_id
        self._submission = submission
        self._question: str | None = None  # how it was asked, if known; for an earlier one by the history
        self._asked_at: datetime | None = None
        if earlier is not None:
            self._question, self._asked_at = earlier.question, earlier.asked_at
        elif submission is not None:
            self._question, self._asked_at = submission.asked.question, submission.asked_at
        self._reused = earlier is not None
        self._polling = Polling(api, question_id, dw_id, submission=submission, earlier=earlier, kept=kept)
        self._kept = kept

    @property
    def question_id(self) -> str:
        """The server's id of the question."""
        return self._question_id

    @property
    def dw_id(self) -> int:
        """The data workspace of the question."""
        return self._dw_id

    @property
    def question(self) -> str | None:
        """The question in words; after re-attaching by id as recorded, once the answer is read, else None."""
        return self._question

    @property
    def resume_command(self) -> str:
        """The line that fetches the answer later, without asking again."""
        return self._api.resume_command(self._question_id, self._dw_id)

    @property
    def asked_at(self) -> datetime | None:
        """When it was sent, aware and in UTC; after re-attaching by id as for :attr:`question`."""
        return self._asked_at

    @property
    def reused(self) -> bool:
        """True if an earlier call asked it, and ``max_age=`` allows reusing its answer."""
        return self._reused

    def exists(self, timeout: float | None = None) -> bool:
        """Ask the server once if it has the question, unless the answer is already here.

        Parameters
        ----------
        timeout
            Seconds; None uses the client's timeout.

        Returns
        -------
        bool
            False if its workspace has no such question.

        Raises
        ------
        QuestionTimeout
            If no answer came within the timeout.
        """
        if self._polling.final is not None:
            return True
        try:
            self._state_now(timeout)
        except errors.NotFoundError:
            return False
        return True

    def state(self) -> str:
        """Ask the server once for the state; no rows are sent.

        Returns
        -------
        str
            ``PENDING``, ``IN_PROGRESS``, ``COMPLETED`` or ``FAILED`` (the API document, "Possible state
            values"), or another that the server reports, with an UnknownStateWarning.

        Raises
        ------
        QuestionTimeout
            If no answer came within the client's timeout.
        """
        return self._state_now()

    @_with_own_deadline
    def wait(self, timeout: float | None = None) -> str:
        """Wait until the question is done.

        Parameters
        ----------
        timeout
            Seconds; None uses the client's timeout.

        Returns
        -------
        str
            ``COMPLETED`` or ``FAILED``; the latter raises no error here.

        Raises
        ------
        QuestionTimeout
            If it is not done in time. The question may still be running.
        """
        ask_options = AskOptions(timeout=timeout)
        deadline = Deadline.after(ask_options.timeout or self._api.timeout, self._api.clock)
        with _call("wait", deadline, {"connecty.question_id": self._question_id}), self._annotated():
            final = self._polling.final or self._polling.fetch(deadline, max_rows=DEFAULT_MAX_ROWS)
            return final.envelope.state

    @shows_options(without=("dw_id", *ASK_ONLY))
    def result(self, **options: Unpack[FetchOptionsDict]) -> Answer:
        """Wait until the question is done and return its answer.

        Parameters
        ----------
        **options
            Options of :func:`fetch`, except ``dw_id``.

        Returns
        -------
        Answer
            Its table is None if the answer has none.

        Raises
        ------
        ConfigError, TypeError
            If an option is wrong.
        QuestionFailed
            If the server could not answer it; the error has everything the server said.
        QuestionTimeout
            If it is not done in time. The question may still be running.
        ResponseError, ConversionError, TruncatedError
            If the answer cannot be used, or not with these options. Call again with other options, for free.
        """
        return self.answer(AskOptions.from_kwargs(options, without=("dw_id", *ASK_ONLY)))

    @_with_own_deadline
    def answer(
        self,
        ask_options: AskOptions,
        *,
        deadline: Deadline | None = None,
        received: Callable[[bytes], object] | None = None,
    ) -> Answer:
        """Return the answer as :meth:`result` does, with the options as one object.

        ``received`` is called with the response of a completed question, before it is decoded. Without a
        ``deadline`` the time runs from now on.
        """
        deadline = deadline or Deadline.after(ask_options.timeout or self._api.timeout, self._api.clock)
        known = {"connecty.question_id": self._question_id}
        with _call("fetch", deadline, known), self._annotated():
            if ask_options.schema is not None:
                ask_options = read_schema(ask_options)
            if self._question is None and self._api.history is not None:  # another process asked it
                self._question, self._asked_at = self._api.history.recorded(self._question_id) or (None, None)
            is_loaded = ask_options.engine in frames.LOADED
            if not is_loaded:
                frames.begin_loading(ask_options.engine)
            with progress(self._question, self._question_id, wanted=ask_options.progress) as report:
                polling, wanted = self._polling, ask_options.max_rows
                fetch = partial(polling.fetch, deadline, report=report)
                final = polling.final or fetch(max_rows=DEFAULT_MAX_ROWS if wanted is None else wanted)
                while (
                    more := final.next_max_rows(wanted, polling.checkpoint(deadline.remaining()))
                ) is not None:
                    final = fetch(max_rows=more)
            if _LOG.isEnabledFor(logging.DEBUG):
                shown = {"question_id": self._question_id, "state": str(final.envelope.state)}
                extra = {**shown, "elapsed": final.elapsed, "reused": self._reused}
                _LOG.debug("question %(question_id)s: %(state)s", shown, extra=extra)
            known["connecty.outcome"] = str(final.envelope.state)
            if final.envelope.state == State.COMPLETED:
                if self._api.history is not None and final is not self._kept:
                    self._api.history.keep(self._question_id, final.body, final.max_rows)
                    self._kept = final
                if received is not None:
                    received(final.body)
            time_left = deadline.remaining()  # an import takes none of it
            if not is_loaded:
                frames.finish_loading(ask_options.engine)
            with DECODING.get() or nullcontext():
                return Answer.from_response(
                    final.body,
                    final.envelope,
                    options=ask_options,
                    fetched=final.max_rows,
                    known=AnswerMetadata(
                        question=self._question,
                        question_id=self._question_id,
                        dw_id=self._dw_id,
                        base_url=self._api.transport.address,
                        asked_at=self._asked_at,
                        elapsed=final.elapsed,
                        reused=self._reused,
                    ),
                    limits=msgspec.structs.replace(LIMITS, checkpoint=polling.checkpoint(time_left)),
                    differs=self._api.transport.differs,
                )

    def message(self) -> str:
        """Return a message for a caller about to stop waiting."""
        recorded_in = self._submission.recorded_in if self._submission else ""
        if self._reused and self._api.history is not None:
            recorded_in = self._api.history.place
        return pending_message(self._question_id, self.resume_command, recorded_in)

    def __repr__(self) -> str:
        asked = "" if self._question is None else f", question={snippet(self._question, 100)!r}"
        return f"<Question {self._question_id}, dw_id={self._dw_id}{asked}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: connections cannot be, and credentials must not be."""
        raise TypeError(
            "A Question cannot be pickled, because it belongs to a Client; keep its question_id, and fetch "
            f"the answer with {self.resume_command or 'Client.fetch(question_id)'}"
        )

    def _state_now(self, timeout: float | None = None) -> str:
        with self._annotated():
            deadline = Deadline.after(self._api.timeout if timeout is None else timeout, self._api.clock)
            return self._polling.fetch(deadline, include=("sqlquery",), once=True).envelope.state

    @contextmanager
    def _annotated(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            if errors.is_own(error):
                if error.question_id is None and isinstance(error, errors.QuestionTimeout):
                    error.question, error.dw_id, error.asked_at = self._question, self._dw_id, self._asked_at
                errors.redact(error)
                error.question_id = error.question_id or self._question_id
            elif isinstance(error, KeyboardInterrupt):
                annotate(error, self.message())
            else:
                error.add_note(self.message())
            raise


@dataclass(eq=False)
class Call:
    """One checked call: a question to send, unless an earlier asking is reused, and its answer.

    Nothing is sent before :meth:`submit` or :meth:`answer`.
    """

    _api: API
    submission: Submission
    options: AskOptions
    deadline: Deadline

    def submit(self) -> Question:
        """Return an earlier asking if ``max_age`` allows and the server still has it, else ask."""

        def check(handle: Question) -> Question:
            if handle.reused and not handle.exists(self.deadline.remaining()):
                raise errors.NotFoundError("the server no longer has it")
            return handle

        return self._reuse_or_ask(check, outcome="ASKED")

    def answer(
        self,
        *,
        accepted: Callable[[Question], object] = lambda _: None,
        received: Callable[[bytes], object] | None = None,
    ) -> Answer:
        """Return the answer of an earlier asking if ``max_age`` allows, else ask and wait.

        ``accepted`` is called once the server has accepted the question, ``received`` with the response of a
        completed question before it is decoded.
        """
        read = partial(Question.answer, ask_options=self.options, deadline=self.deadline, received=received)
        return self._reuse_or_ask(read, accepted)

    @_with_own_deadline
    def _reuse_or_ask(
        self,
        use: Callable[[Question], _Result],
        accepted: Callable[[Question], object] = lambda _: None,
        outcome: str = "COMPLETED",
    ) -> _Result:
        """Call ``use`` with an earlier asking if the server still has it, else with a new one."""
        submission, history, max_age = self.submission, self._api.history, self.options.max_age
        known = {"connecty.outcome": outcome}
        with _call("ask", self.deadline, known), submission.annotated():
            if history is not None and max_age is not None:
                for handle in self._earlier(history, check_age(max_age)):
                    with errors.suppress_own(errors.NotFoundError):  # the server no longer has it
                        known["connecty.question_id"] = handle.question_id
                        found = use(handle)
                        history.reused(handle.question_id)
                        return found
            question_id = known["connecty.question_id"] = submission.send(self.deadline)
            handle = Question(self._api, question_id, submission.asked.dw_id, submission=submission)
            accepted(handle)
            return use(handle)

    def _earlier(self, history: History, max_age: timedelta) -> Iterator[Question]:
        """Yield earlier askings, until none is left and this call is recorded as the sender."""
        submission, gone = self.submission, set[str]()
        while True:
            submission.earlier = None  # an interrupt must not name one already gone
            earlier = find_or_claim(submission, history, max_age=max_age, gone=gone, deadline=self.deadline)
            if earlier is None or earlier.question_id is None:
                return
            submission.earlier, question_id = earlier, earlier.question_id
            gone.add(question_id)  # if another one is asked for
            kept, found = None, history.kept(question_id)
            if found is not None:
                with errors.suppress_own(errors.ResponseError):  # another version may have kept it
                    envelope = read_envelope(found[0])
                    kept = Results(envelope.as_completed(found[1]) if envelope.doubt else envelope, *found)
            yield Question(self._api, question_id, submission.asked.dw_id, earlier=earlier, kept=kept)


def find_or_claim(
    submission: Submission, history: History, *, max_age: timedelta, gone: Collection[str], deadline: Deadline
) -> Earlier | None:
    """Return an earlier asking to reuse; None once this call is recorded as the sender."""
    # ``max_age`` holds in either direction, since a clock may have been set back. ``gone`` are ids no longer
    # known to the server. Raises SubmissionUncertain if an earlier one may have been started, QuestionTimeout
    # if another caller sends it and its id is not known in time, and ConfigError if the history is unusable.
    from connecty_frames.store.table import RecordState  # not imported where no history is kept

    asked = submission.asked
    # ``pause`` is in seconds, between two looks for the id of a question another caller is sending.
    pause, awaited, begun = 0.02, None, None
    while True:
        # Ages count from the call, so that a question which others are sending does not grow too old while it
        # waits, and from now if the clock was set back meanwhile.
        rows, now = history.earlier(asked, max_age=max_age, begun=begun, now=deadline.clock.now())
        begun = begun or now
        first, last = min(begun, now), max(begun, now)
        young = [row for row in rows if first - row.asked_at <= max_age >= row.asked_at - last]
        # Callers waiting for a question share its outcome, even if it failed meanwhile.
        ended = next((row for row in rows if row.id == awaited and row.question_id is not None), None)
        found = ended or _usable(young, gone)
        if found is None:
            after = rows[0].id if rows else 0
            submission.row = history.sent(asked, asked_at=deadline.clock.now(), after=after)
            if submission.row is not None:
                return None
        elif found.question_id is not None:
            return found
        elif found.state is RecordState.UNCERTAIN:
            _raise_uncertain(asked, history, found)
        elif deadline.remaining() <= 0:
            raise errors.QuestionTimeout(
                f"Another call is sending the question {snippet(asked.question)!r}, but its id was not "
                "known in time. This call sent nothing. Call again with max_age= to share that answer.",
                question=asked.question,
                dw_id=asked.dw_id,
            )
        else:
            awaited = found.id
            deadline.sleep(pause)
            pause = min(pause * 1.5, 0.5)


def _usable(rows: Sequence[Earlier], gone: Collection[str]) -> Earlier | None:
    from connecty_frames.store.table import RecordState

    states = {state: [row for row in rows if row.state is state] for state in RecordState}
    with_id = RecordState.COMPLETED, RecordState.ASKED, RecordState.UNCERTAIN
    for row in chain.from_iterable(states[state] for state in with_id):
        if row.question_id is not None and row.question_id not in gone:
            return row
    if states[RecordState.SENT]:
        return states[RecordState.SENT][0]
    latest = next((row for row in rows if row.state is not RecordState.REJECTED), None)
    is_uncertain = latest is not None and latest.state is RecordState.UNCERTAIN and latest.question_id is None
    return latest if is_uncertain else None


def _raise_uncertain(asked: Asked, history: History, earlier: Earlier) -> NoReturn:
    raise errors.SubmissionUncertain(
        f"It is unknown whether the question {snippet(asked.question)!r} was started: it was sent to "
        f"workspace {asked.dw_id} at {earlier.asked_at:%Y-%m-%d %H:%M:%S} UTC, and then: "
        f"{snippet(earlier.error or 'nothing is known')}. This call sent nothing. Look in ConnectyAI's chat "
        f"history; to ask again, leave out max_age=. Recorded as number {earlier.id} in {history.place}.",
        question=asked.question,
        dw_id=asked.dw_id,
        asked_at=earlier.asked_at,
        details={"seen": earlier.error},
    )
