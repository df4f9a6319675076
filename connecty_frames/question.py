"""Question: the handle of a question that was asked, which any process can create from its id.

It is polled until its state is final. The response with the final state also has the rows, and is kept, so
that they are sent once.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from connecty_frames._base.clock import Deadline
from connecty_frames._base.text import snippet
from connecty_frames.answer import Answer, read_schema
from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.asking.endpoints import FETCH_POLICY, GRACE
from connecty_frames.asking.submission import annotate, pending_message
from connecty_frames.decode.limits import DECODING, LIMITS
from connecty_frames.diagnostics import details_text
from connecty_frames.display.progress import progress
from connecty_frames.errors import (
    ConnectyError,
    NotFoundError,
    QuestionTimeout,
    UnknownStateWarning,
    warn,
)
from connecty_frames.frames import loading
from connecty_frames.http.models import Failure, FailureKind
from connecty_frames.http.retry import retry
from connecty_frames.options import ASKING, AskOptions, FetchOptionsDict, shows_options
from connecty_frames.protocol import COMPONENTS, DEFAULT_MAX_ROWS, FINAL_STATES, NEXT_STATES, State

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from typing import Unpack

    from connecty_frames.asking.endpoints import Endpoints, Results
    from connecty_frames.asking.submission import Submission
    from connecty_frames.decode.envelope import Envelope
    from connecty_frames.http.models import Request, Response
    from connecty_frames.store.history import History
    from connecty_frames.store.table import Earlier

#: The pause between polls: as a share of the time elapsed, its bounds in seconds, its jitter.
_SHARE: Final = 0.1
_MIN_PAUSE: Final = 0.1
_MAX_PAUSE: Final = 5.0
_JITTER: Final = 0.2
#: For this many seconds after acceptance, a 404 means that the question is not visible yet.
_SETTLING: Final = 10.0
#: The failures that may pass by themselves; at the deadline they count as a timeout.
_TRANSIENT: Final = frozenset(
    {FailureKind.CONNECTION_LOST, FailureKind.UNAVAILABLE, FailureKind.RATE_LIMITED, FailureKind.EMPTY_BODY}
)

_LOG: Final = logging.getLogger("connecty_frames.client")


def delay(elapsed: float, random: Callable[[], float]) -> float:
    """Return the seconds to wait before the next poll: ``clamp(elapsed / 10, 0.1, 5) * (0.8 .. 1.2)``."""
    # A tenth of the time elapsed bounds how much longer than necessary a person waits, as a share of the
    # whole, and polls least often where each poll says least: about a hundred requests for five minutes. The
    # jitter spreads clients that started together.
    base = min(max(elapsed * _SHARE, _MIN_PAUSE), _MAX_PAUSE)
    return base * (1 + _JITTER * (2 * random() - 1))


class Question:
    """A question that was asked.

    ``Client.submit`` and ``Client.question`` return one. Creating one and reading its properties opens no
    connection. A method that asks the server raises ConnectionFailed, AuthError, APIError or ResponseError if
    that fails, and NotFoundError if the workspace has no such question.
    """

    def __init__(
        self,
        api: Endpoints,
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
        #: What is known of when and how it was asked; of an earlier one by the history.
        asked = earlier or submission
        self._question = asked.question if asked else None
        self._asked_at = asked.asked_at if asked else None
        self._reused = earlier is not None
        #: When it was accepted, in seconds of the monotonic clock; None if that is unknown.
        self._accepted_at = submission.accepted_at if submission else None
        if earlier is not None and earlier.accepted_ago is not None:
            self._accepted_at = api.clock.monotonic() - max(0.0, earlier.accepted_ago)
        self._last_state: str | None = None  # as the server spelled it
        self._known_state: State | None = None  # the last that the API document has
        self._warned = False
        self._unread: dict[Request, Response] = {}
        self._final = kept  # so that its rows need not be sent again
        self._kept = kept

    @property
    def question_id(self) -> str:
        """The server's id of the question."""
        return self._question_id

    @property
    def dw_id(self) -> int:
        """The data workspace that was asked."""
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
        """Whether an earlier call asked it, and ``max_age=`` allows its answer to be reused."""
        return self._reused

    def exists(self, timeout: float | None = None) -> bool:
        """Ask the server once whether it has the question, unless the answer is already here.

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
        if self._final is not None:
            return True
        try:
            self._state_now(timeout)
        except NotFoundError:
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
        with self._annotated():
            deadline = Deadline.after(ask_options.timeout or self._api.timeout, self._api.clock)
            final = self._final or self._poll(deadline, max_rows=DEFAULT_MAX_ROWS)
            return final.envelope.state

    @shows_options("dw_id", *ASKING)
    def result(self, **options: Unpack[FetchOptionsDict]) -> Answer:
        """Wait until the question is done and return its answer.

        Parameters
        ----------
        **options
            Options of :func:`ask_df`, except ``dw_id``, ``max_age`` and ``tags``.

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
        return self.answer(AskOptions.from_kwargs(options, "dw_id", *ASKING))

    def answer(
        self,
        ask_options: AskOptions,
        *,
        deadline: Deadline | None = None,
        received: Callable[[bytes], object] | None = None,
        cancelled: threading.Event | None = None,
    ) -> Answer:
        """Return the answer as :meth:`result` does, with the options as one object.

        ``received`` is called with the response of a completed question, before it is decoded. Without a
        ``deadline`` the time runs from now on, until the event is set.
        """
        with self._annotated():
            ask_options = read_schema(ask_options)
            seconds = ask_options.timeout or self._api.timeout
            deadline = deadline or Deadline.after(seconds, self._api.clock, cancelled)
            if self._question is None and self._api.history is not None:  # another process asked it
                recorded = self._api.history.recorded(self._question_id)
                self._question, self._asked_at = recorded or (None, None)
            is_loaded = ask_options.engine in loading.LOADED
            if not is_loaded:
                loading.begin_loading(ask_options.engine)
            with progress(self._question, self._question_id, wanted=ask_options.progress) as report:
                final, wanted, left = self._final, ask_options.max_rows, deadline.remaining
                more: int | None = DEFAULT_MAX_ROWS if wanted is None else wanted
                while (
                    not final or (more := final.next_max_rows(wanted, self._checkpoint(left()))) is not None
                ):
                    final = self._poll(deadline, max_rows=more, report=report)
            if _LOG.isEnabledFor(logging.DEBUG):
                known = {"question_id": self._question_id, "state": str(final.envelope.state)}
                extra = {**known, "elapsed": final.elapsed, "reused": self._reused}
                _LOG.debug("question %(question_id)s: %(state)s", known, extra=extra)
            if final.envelope.state == State.COMPLETED:
                if self._api.history is not None and final is not self._kept:
                    self._api.history.keep(self._question_id, final.body, final.max_rows)
                    self._kept = final
                if received is not None:
                    received(final.body)
            time_left = deadline.remaining()  # an import takes none of it
            if not is_loaded:
                loading.finish_loading(ask_options.engine)
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
                    limits=msgspec.structs.replace(LIMITS, checkpoint=self._checkpoint(time_left)),
                )

    def message(self) -> str:
        """Return a message for a caller that stops waiting."""
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
            return self._poll(deadline, include=("sqlquery",), once=True).envelope.state

    def _checkpoint(self, seconds: float) -> Callable[[], None]:
        """Return a function that raises once ``seconds``, but at least ``GRACE``, have passed."""
        clock = self._api.clock
        end = clock.monotonic() + max(seconds, GRACE)

        def check() -> None:
            if clock.monotonic() > end:
                command = self.resume_command
                raise self._timeout_error(
                    f"The answer to question {self._question_id} arrived but was not decoded in the time "
                    "allowed. Question.result(timeout=...) decodes it again without another request"
                    f"{f'; {command} fetches it again' if command else ''}.",
                    State.COMPLETED,
                )

        return check

    def _poll(
        self,
        deadline: Deadline,
        *,
        include: Iterable[str] = COMPONENTS,
        max_rows: int | None = None,
        report: Callable[[str, float], object] = lambda _state, _elapsed: None,
        once: bool = False,
    ) -> Results:
        """Fetch until the state is final, or once; the response with the final state also has the rows."""
        clock, random, submission = self._api.clock, self._api.random, self._submission
        began = submission.sent_at if submission else clock.monotonic()
        send = self._api.results(
            self._question_id, dw_id=self._dw_id, include=include, max_rows=max_rows, unread=self._unread
        )
        while True:
            # As the request is sent: another thread may see a later one meanwhile.
            previous = self._known_state
            results = retry(
                send,
                policy=FETCH_POLICY,
                deadline=deadline,
                random=random,
                budget=self._api.transport.budget,
            )
            if isinstance(results, Failure):
                self._wait_or_raise(results, deadline)
                continue
            is_final = self._is_final(results.envelope.state, previous)
            if once:
                return results
            elapsed = clock.monotonic() - began
            report(results.envelope.state, elapsed)
            if is_final:
                fewer = self._final is not None and results.max_rows < self._final.max_rows
                self._final = msgspec.structs.replace(results, elapsed=elapsed if submission else None)
                if self._api.history is not None and not fewer:
                    self._record_end(
                        results.envelope, self._api.history, self._checkpoint(deadline.remaining())
                    )
                return self._final
            pause = delay(elapsed, random)
            if results.retry_after is not None and results.retry_after < deadline.remaining():
                pause = max(pause, results.retry_after)
            deadline.sleep(pause)
            if deadline.remaining() <= 0:
                raise self._unanswered_error()

    def _record_end(self, envelope: Envelope, history: History, checkpoint: Callable[[], None]) -> None:
        """Record the end in the history, without the number of rows if counting them takes too long."""
        is_completed = envelope.state == State.COMPLETED
        rows = envelope.total_rows
        if is_completed and rows is None:
            with suppress(QuestionTimeout):
                rows = envelope.count_rows(checkpoint)
        history.ended(
            self._question_id,
            envelope.state,
            now=self._api.clock.now(),
            rows=rows,
            sql_query=envelope.sql_query,
            response_summary=envelope.response_summary,
            error=None if is_completed else details_text(envelope.details, envelope.more_details),
        )

    def _wait_or_raise(self, failure: Failure, deadline: Deadline) -> None:
        """Wait after a 404 for a question that may not be visible yet; raise after any other failure."""
        if self._accepted_at is not None and isinstance(failure.error, NotFoundError):
            elapsed = self._api.clock.monotonic() - self._accepted_at
            if elapsed < _SETTLING:
                deadline.sleep(delay(elapsed, self._api.random))
                if deadline.remaining() > 0:
                    return
        timed_out = deadline.remaining() <= 0 and failure.kind in _TRANSIENT
        if timed_out or failure.kind is FailureKind.DEADLINE:
            raise self._unanswered_error(failure.reason)
        failure.raise_()

    def _is_final(self, state: str, previous: State | None) -> bool:
        """Record a state, and return whether it is final; an unknown or earlier one is not."""
        self._last_state = state
        known = State(state) if state in State.__members__ else None
        expected = known is not None and (previous is None or known in NEXT_STATES[previous])
        if known is not None:
            self._known_state = known
        if not expected and not self._warned:
            self._warned = True
            why = "after a later one" if known else "which is not in the API document"
            warn(
                UnknownStateWarning(
                    f"The server says that question {self._question_id} is {snippet(state)!r}, {why}. It is "
                    "treated as not finished."
                )
            )
        return expected and known in FINAL_STATES

    def _unanswered_error(self, reason: str | None = None) -> QuestionTimeout:
        last_failure = f" The last failure: {reason}." if reason else ""
        state = "the server reported no state"
        if self._last_state:
            state = f"the server last said {snippet(self._last_state)}"
        command = self.resume_command
        return self._timeout_error(
            f"No answer to question {self._question_id} in the time allowed; {state}.{last_failure} It may "
            f"still be running{f': {command} fetches the answer' if command else ''}.",
            self._last_state,
        )

    def _timeout_error(self, message: str, state: str | None) -> QuestionTimeout:
        return QuestionTimeout(
            message,
            question_id=self._question_id,
            question=self._question,
            dw_id=self._dw_id,
            state=state,
            asked_at=self._asked_at,
        )

    @contextmanager
    def _annotated(self) -> Iterator[None]:
        """Add the id to whatever is raised: an error, an interrupt, an exception of a callable."""
        try:
            yield
        except ConnectyError as error:
            error.question_id = error.question_id or self._question_id
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                annotate(error, self.message())
            else:
                error.add_note(self.message())
            raise
