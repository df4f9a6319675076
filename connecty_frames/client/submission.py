"""A question is sent at most once.

There is no idempotency key in the API and no way to list or cancel questions, and each one costs money and
minutes. So where it is not certain that nothing was started, nothing is sent again: the caller gets a
SubmissionUncertain that says what was seen and what to do.
"""

from __future__ import annotations

import contextlib
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from connecty_frames.client.endpoints import Endpoints, id_in, question_body
from connecty_frames.errors import ConfigError, ConnectyError, QuestionTimeout, SubmissionUncertain
from connecty_frames.http.models import Failure, FailureKind, Request, is_success
from connecty_frames.text import snippet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from connecty_frames.clock import Clock, Deadline

__all__ = [
    "Accepted",
    "Sendings",
    "annotate",
    "checked_question",
    "pending_message",
    "resume_by",
    "resume_command",
    "submit",
]

_line = ['Client.question("{question_id}", dw_id={dw_id}).result()']


def resume_by(line: str) -> None:
    """Let the line that fetches an answer later be another, as where questions come from a shell.

    Parameters
    ----------
    line
        With ``{question_id}`` and ``{dw_id}`` in it.
    """
    _line[:] = [line]


def resume_command(question_id: str, dw_id: int) -> str:
    """Give the one line that fetches an answer later, without asking again."""
    return _line[0].format(question_id=question_id, dw_id=dw_id)


def pending_message(question_id: str, dw_id: int) -> str:
    """Say what is known of a question that was accepted and is left alone now."""
    return (
        f"Question {question_id} may still be worked on; to fetch its answer without asking again: "
        f"{resume_command(question_id, dw_id)}"
    )


def annotate(interrupt: KeyboardInterrupt, what: str) -> None:
    """Put what is known on the interrupt as its note, and on standard error as one line, once."""
    if what in getattr(interrupt, "__notes__", ()):
        return
    interrupt.add_note(what)
    # It may be closed, a broken pipe, or none at all (pythonw): the interrupt has to leave all the same.
    with contextlib.suppress(Exception):
        sys.stderr.write(f"\n{what}\n")
        sys.stderr.flush()


#: What proves that nothing was started: refused, never sent, or told to come back later.
_NOT_STARTED: Final = frozenset(
    {FailureKind.REJECTED, FailureKind.CONNECT, FailureKind.UNAUTHORIZED, FailureKind.RATE_LIMITED}
)
_WHAT_TO_DO: Final = (
    "It may be running, so it was not sent again. Look in ConnectyAI's chat history before asking it anew"
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A question that the server took.

    Parameters
    ----------
    asked_at
        When it was sent, aware and in UTC.
    sent, accepted
        When it was sent and taken, in seconds of the monotonic clock.
    """

    question_id: str
    asked_at: datetime
    sent: float
    accepted: float


class Sendings:
    """What is known of a question on its way, for an interrupt may come at any moment.

    Parameters
    ----------
    question
        In words.
    dw_id
        The data workspace it is put to.
    clock
        Tells when it was sent.
    """

    def __init__(self, question: str, *, dw_id: int, clock: Clock) -> None:
        self.question = question
        self.dw_id = dw_id
        self._clock = clock
        self._all: list[tuple[datetime, float, Request]] = []
        self._question_id: str | None = None

    def add(self, call: Request) -> None:
        """Write down that it is sent now."""
        self._all.append((self._clock.now(), self._clock.monotonic(), call))

    def accept(self, question_id: str) -> None:
        """Write down its id."""
        self._question_id = question_id

    @property
    def last(self) -> tuple[datetime, float]:
        """When it was last sent: aware and in UTC, and in seconds of the monotonic clock."""
        asked_at, sent, _ = self._all[-1]
        return asked_at, sent

    @contextmanager
    def told(self) -> Iterator[None]:
        """Let an interrupt of any kind tell what is known, from the first sending on."""
        try:
            yield
        except KeyboardInterrupt as interrupt:
            known = self.known()
            if known is not None:
                annotate(interrupt, known)
            raise
        except ConnectyError:
            raise  # it says all that is known
        except BaseException as error:  # what a handler of signals raises, SystemExit above all
            known = self.known()
            if known is not None and known not in getattr(error, "__notes__", ()):
                error.add_note(known)
            raise

    def known(self) -> str | None:
        """Say what is known of it, None if it was never sent."""
        if not self._all:
            return None
        asked_at, _, call = self._all[-1]
        question_id = self._question_id or id_in(call.received.getvalue())
        if question_id is not None:
            return pending_message(question_id, self.dw_id)
        return (
            f"The question {snippet(self.question)!r} was being sent to workspace {self.dw_id} at "
            f"{asked_at:%Y-%m-%d %H:%M:%S} UTC. {_WHAT_TO_DO}."
        )


def checked_question(question: object) -> bytes:
    """Give a question as the body that asks it.

    Raises
    ------
    ConfigError
        Where it is no text, is blank, or cannot be written as UTF-8.
    """
    if not isinstance(question, str):
        raise ConfigError(
            f"question is of type {type(question).__name__}; expected the question as a str.",
            setting="question",
        )
    if not question.strip():
        raise ConfigError("question is blank; expected a question in plain language.", setting="question")
    try:
        return question_body(question)
    except ValueError:  # of pydantic or of the codec, both about the one thing UTF-8 cannot hold
        raise ConfigError(
            "question holds a lone surrogate, which is half a character and cannot be sent as UTF-8; decode "
            f"the text it comes from anew: {snippet(question)}",
            setting="question",
        ) from None


def submit(api: Endpoints, sendings: Sendings, *, deadline: Deadline) -> Accepted:
    """Send a question, once.

    Parameters
    ----------
    sendings
        The question; what becomes of it is written down there.

    Raises
    ------
    ConfigError
        Where it cannot be a question, or the server redirects; nothing was started.
    ConnectionFailed, AuthError, RateLimitError, APIError
        Where the server cannot be reached or refused; nothing was started.
    QuestionTimeout
        Where the time ran out before it was sent.
    SubmissionUncertain
        Where nobody knows whether it was started.
    """
    question, dw_id = sendings.question, sendings.dw_id
    body = checked_question(question)
    outcome = api.ask(body, dw_id=dw_id, deadline=deadline, sending=sendings.add)
    if isinstance(outcome, Failure) and outcome.kind is FailureKind.DEADLINE:
        raise QuestionTimeout(
            f"The time ran out before the question could be sent ({outcome.seen}); it was not started.",
            question=question,
            dw_id=dw_id,
        )
    asked_at, sent = sendings.last
    if isinstance(outcome, Failure):
        question_id = id_in(outcome.body)
        if question_id is None or not is_success(outcome.status):
            _give_up(outcome, question, dw_id=dw_id, asked_at=asked_at, question_id=question_id)
        outcome = question_id
    sendings.accept(outcome)
    return Accepted(outcome, asked_at, sent, api.clock.monotonic())


def _give_up(
    trouble: Failure, question: str, *, dw_id: int, asked_at: datetime, question_id: str | None
) -> NoReturn:
    if trouble.kind in _NOT_STARTED:
        trouble.raise_()
    found = f" Its id came, though: {resume_command(question_id, dw_id)} may fetch it." if question_id else ""
    raise SubmissionUncertain(
        f"Nobody knows whether the question {snippet(question)!r} was started: it was sent to workspace "
        f"{dw_id} at {asked_at:%Y-%m-%d %H:%M:%S} UTC, and then {trouble.seen}. {_WHAT_TO_DO}.{found}",
        question_id=question_id,
        question=question,
        dw_id=dw_id,
        asked_at=asked_at,
        details={"seen": trouble.seen, "status": trouble.status, "answer": str(trouble.error)},
    )
