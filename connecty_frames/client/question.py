"""Question: a handle on a question that was asked, which any process can have again by its id."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, NoReturn

from connecty_frames import display
from connecty_frames.answer import Answer, read_schema
from connecty_frames.client.submission import annotate, pending_message, resume_command
from connecty_frames.clock import Deadline
from connecty_frames.errors import (
    ConnectyError,
    NotFoundError,
    QuestionTimeout,
    UnknownStateWarning,
    warn,
)
from connecty_frames.http.models import Failure, FailureKind
from connecty_frames.options import AskOptions, AskOptionsDict
from connecty_frames.protocol import COMPONENTS, DEFAULT_MAX_ROWS, FINAL_STATES, NEXT_STATES, State
from connecty_frames.text import snippet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from typing import Unpack

    from connecty_frames.client.endpoints import Endpoints, Results
    from connecty_frames.client.submission import Accepted

__all__ = ["Question", "delay"]

_SHARE: Final = 0.1
_SHORTEST: Final = 0.1
_LONGEST: Final = 5.0
_JITTER: Final = 0.2


def delay(elapsed: float, random: Callable[[], float]) -> float:
    """Give the seconds to wait before the next poll.

    What matters to a person is how much longer than necessary they waited, as a share of the whole. A
    tenth of the time elapsed bounds that share at a tenth (a twentieth on average, since a question is
    done at any moment between two polls) and asks rarely just where each request says least: about a
    hundred requests for five minutes. The floor of 0.1 s keeps short questions from hammering the server,
    the ceiling of 5 s keeps long ones from lagging. The jitter of a fifth either way parts clients that
    started together; full jitter would double the requests for no shorter wait.

    Parameters
    ----------
    elapsed
        Seconds since the question was asked, 0 or more.
    random
        Gives numbers from 0 up to 1, as ``random.random`` does.

    Returns
    -------
    float
        Seconds, ``clamp(elapsed / 10, 0.1, 5) * (0.8 .. 1.2)``.
    """
    base = min(max(elapsed * _SHARE, _SHORTEST), _LONGEST)
    return base * (1 + _JITTER * (2 * random() - 1))


#: Seconds after acceptance in which a 404 means "not there yet".
_SETTLING: Final = 10.0
#: What ends by itself if there is time; at the deadline it is the time that ran out.
_PASSING: Final = frozenset(
    {FailureKind.CONNECTION_LOST, FailureKind.UNAVAILABLE, FailureKind.RATE_LIMITED, FailureKind.EMPTY_BODY}
)
#: ``max_rows=None`` fetches so many times as much as long as nothing tells how much there is.
_GROWTH: Final = 10


@dataclass(frozen=True)
class _Finished:
    """The final look at a question, kept so that its rows need not travel again.

    Parameters
    ----------
    fetched
        The ``max_rows`` it was asked for with.
    elapsed
        Seconds from sending the question to this, None after re-attaching by id.
    """

    found: Results = field(repr=False)
    fetched: int
    elapsed: float | None

    @property
    def state(self) -> str:
        """``COMPLETED`` or ``FAILED``."""
        return self.found.envelope.state

    @property
    def total(self) -> int | None:
        """The rows of the whole answer, None where no statistics tell."""
        return self.found.envelope.total_rows

    @cached_property
    def rows(self) -> int:
        """The rows that came; they are counted only where somebody asks."""
        return self.found.envelope.count_rows()

    @property
    def is_complete(self) -> bool:
        """Whether asking for more rows would give no more."""
        return self.state != State.COMPLETED or self.rows < self.fetched or self.rows == self.total

    def satisfies(self, max_rows: int | None) -> bool:
        """Whether it is what another look with ``max_rows`` would give."""
        if self.state != State.COMPLETED or self.fetched == max_rows:
            return True
        return self.is_complete and (max_rows is None or max_rows >= self.rows)

    @property
    def next_size(self) -> int:
        """How many rows to ask for after this many were not all."""
        if self.total is not None and self.total > self.rows:
            return self.total
        return max(self.fetched * _GROWTH, DEFAULT_MAX_ROWS)


class Question:
    """A question that was asked.

    It comes from ``Client.submit`` and, by its id alone, from ``Client.question``. Neither making one nor its
    properties connect to anything.
    """

    def __init__(
        self,
        api: Endpoints,
        question_id: str,
        *,
        dw_id: int,
        timeout: float,
        question: str | None = None,
        accepted: Accepted | None = None,
    ) -> None:
        self._api = api
        self._question_id = question_id
        self._dw_id = dw_id
        self._timeout = timeout
        self._question = question
        self._accepted = accepted
        self._last_state: str | None = None
        self._known: State | None = None
        self._warned = False
        self._finished: _Finished | None = None

    @property
    def question_id(self) -> str:
        """The server's id of the question."""
        return self._question_id

    @property
    def dw_id(self) -> int:
        """The data workspace it was put to."""
        return self._dw_id

    @property
    def question(self) -> str | None:
        """The question in words, None after re-attaching by id."""
        return self._question

    @property
    def asked_at(self) -> datetime | None:
        """When it was sent, aware and in UTC; None after re-attaching by id."""
        return self._accepted.asked_at if self._accepted else None

    def state(self) -> str:
        """Ask the server once for the state; no rows travel.

        Returns
        -------
        str
            ``PENDING``, ``IN_PROGRESS``, ``COMPLETED`` or ``FAILED`` (the API document, "Possible state
            values"), or whatever else the server says, with an UnknownStateWarning.

        Raises
        ------
        NotFoundError
            Where the workspace has no such question.
        ConnectionFailed, AuthError, APIError, ResponseError
            Where the server cannot be asked.
        QuestionTimeout
            Where no answer came within the client's timeout.
        """
        with self._carried():
            deadline = Deadline.after(self._timeout, self._api.clock)
            found = self._fetch_once(("sqlquery",), None, deadline)
            self._is_final(found.envelope.state)
            return found.envelope.state

    def wait(self, timeout: float | None = None) -> str:
        """Wait until the question is done.

        Parameters
        ----------
        timeout
            Seconds; None takes the client's.

        Returns
        -------
        str
            ``COMPLETED`` or ``FAILED``; the latter is no error here.

        Raises
        ------
        QuestionTimeout
            Where it is not done in time. The server may still be working on it.
        NotFoundError, ConnectionFailed, AuthError, APIError, ResponseError
            Where the server cannot be asked.
        """
        options = AskOptions(timeout=timeout)
        with self._carried():
            deadline = Deadline.after(options.timeout or self._timeout, self._api.clock)
            finished = self._finished or self._poll(DEFAULT_MAX_ROWS, deadline, lambda _state, _elapsed: None)
            return finished.state

    def result(self, **choices: Unpack[AskOptionsDict]) -> Answer:
        """Wait until the question is done and give its answer.

        Parameters
        ----------
        **choices
            As for ``ask``, but without ``dw_id`` and ``question_id``: ``max_rows`` (1000; None fetches
            all), ``timeout`` in seconds, ``schema``, ``tz`` and the others of ``AskOptions``.

        Returns
        -------
        Answer
            Its table is None where the question was answered without one.

        Raises
        ------
        ConfigError, TypeError
            Where a choice is wrong.
        QuestionFailed
            Where the server gave up, with all it said.
        QuestionTimeout
            Where it is not done in time. The server may still be working on it.
        NotFoundError, ConnectionFailed, AuthError, APIError
            Where the server cannot be asked.
        ResponseError, ConversionError, TruncatedError
            Where the answer cannot be used, or not as chosen. Calling again with other choices needs
            no new question.
        """
        fixed = {"dw_id": self._dw_id, "question_id": self._question_id}
        return self.fetch(AskOptions.from_kwargs(choices, **fixed))

    def fetch(self, options: AskOptions, *, deadline: Deadline | None = None) -> Answer:
        """Do what :meth:`result` does, with choices and a deadline that are already there."""
        with self._carried():
            options = read_schema(options)
            deadline = deadline or Deadline.after(options.timeout or self._timeout, self._api.clock)
            with display.progress(self._question, self._question_id, wanted=options.progress) as report:
                finished = self._finish(options.max_rows, deadline, report)
            return Answer.from_response(
                finished.found.body,
                finished.found.envelope,
                options=options,
                fetched=finished.fetched,
                question=self._question,
                question_id=self._question_id,
                dw_id=self._dw_id,
                base_url=self._api.transport.address,
                asked_at=self.asked_at,
                elapsed=finished.elapsed,
            )

    def __repr__(self) -> str:
        asked = "" if self._question is None else f", question={snippet(self._question, 100)!r}"
        return f"<Question {self._question_id}, dw_id={self._dw_id}{asked}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the connection and its credentials do not travel."""
        raise TypeError(
            "A Question cannot be pickled, since it belongs to a Client; keep its question_id and use "
            f"{resume_command(self._question_id, self._dw_id)}"
        )

    def _finish(
        self, max_rows: int | None, deadline: Deadline, report: Callable[[str, float], None]
    ) -> _Finished:
        """Give the final look with so many rows, kept or new; with all of them for None."""
        kept = self._finished
        if kept is not None and kept.satisfies(max_rows):
            return kept
        if max_rows is not None:
            return self._poll(max_rows, deadline, report)
        kept = kept or self._poll(DEFAULT_MAX_ROWS, deadline, report)
        while not kept.is_complete:
            kept = self._poll(kept.next_size, deadline, report)
        return kept

    def _poll(self, max_rows: int, deadline: Deadline, report: Callable[[str, float], None]) -> _Finished:
        """Look until the state is final. The look that finds it so already has the rows."""
        clock = self._api.clock
        began = self._accepted.sent if self._accepted else clock.monotonic()
        while True:
            found = self._fetch_once(COMPONENTS, max_rows, deadline)
            final = self._is_final(found.envelope.state)
            elapsed = clock.monotonic() - began
            report(found.envelope.state, elapsed)
            if final:
                self._finished = _Finished(found, max_rows, elapsed if self._accepted else None)
                return self._finished
            pause = delay(elapsed, self._api.random)
            if found.wait is not None and found.wait < deadline.remaining():
                pause = max(pause, found.wait)
            deadline.sleep(pause)
            if deadline.remaining() <= 0:
                raise self._timeout_error()

    def _fetch_once(self, include: Iterable[str], max_rows: int | None, deadline: Deadline) -> Results:
        """Ask the server, and make an error of what cannot be mended."""
        while True:
            outcome = self._api.results(
                self._question_id, dw_id=self._dw_id, include=include, max_rows=max_rows, deadline=deadline
            )
            if not isinstance(outcome, Failure):
                return outcome
            since = self._api.clock.monotonic() - self._accepted.accepted if self._accepted else _SETTLING
            if isinstance(outcome.error, NotFoundError) and since < _SETTLING:
                deadline.sleep(delay(since, self._api.random))
                if deadline.remaining() > 0:
                    continue
            if outcome.kind is FailureKind.DEADLINE or (
                deadline.remaining() <= 0 and outcome.kind in _PASSING
            ):
                raise self._timeout_error(outcome.seen)
            outcome.raise_()

    def _is_final(self, state: str) -> bool:
        """Whether nothing follows a state. One that is unknown or goes backwards is not believed at once."""
        self._last_state = state
        known = State(state) if state in State.__members__ else None
        expected = known is not None and (self._known is None or known in NEXT_STATES[self._known])
        if known is not None:
            self._known = known
        if not expected and not self._warned:
            self._warned = True
            why = "after a later one" if known else "which the API document does not have"
            warn(
                UnknownStateWarning(
                    f"The server says that question {self._question_id} is {snippet(state)!r}, {why}. It is "
                    "treated as not finished."
                )
            )
        return expected and known in FINAL_STATES

    def _timeout_error(self, seen: str | None = None) -> QuestionTimeout:
        trouble = f" The last thing seen: {seen}." if seen else ""
        state = (
            f"the server last said {snippet(self._last_state)}"
            if self._last_state
            else "the server told no state"
        )
        return QuestionTimeout(
            f"No answer to question {self._question_id} in the time allowed; {state}.{trouble} It may still "
            f"be worked on: {resume_command(self._question_id, self._dw_id)} fetches the answer.",
            question_id=self._question_id,
            question=self._question,
            dw_id=self._dw_id,
            state=self._last_state,
            asked_at=self.asked_at,
        )

    @contextmanager
    def _carried(self) -> Iterator[None]:
        """Let everything that leaves carry the id: our errors, an interrupt, what a callable raised."""
        try:
            yield
        except ConnectyError as error:
            error.question_id = error.question_id or self._question_id
            raise
        except KeyboardInterrupt as interrupt:
            annotate(interrupt, pending_message(self._question_id, self._dw_id))
            raise
        except BaseException as error:
            error.add_note(pending_message(self._question_id, self._dw_id))
            raise
