"""Question: the handle of a question that was asked, which any process can create from its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import msgspec

from connecty_frames import frames
from connecty_frames._base.clock import Deadline
from connecty_frames._base.text import snippet
from connecty_frames.answer import Answer, read_schema
from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.asking.polling import PolledQuestion
from connecty_frames.decode.limits import LIMITS
from connecty_frames.display.progress import progress
from connecty_frames.errors import NotFoundError
from connecty_frames.options import ASKING, AskOptions, AskOptionsDict, check_age, shows_options
from connecty_frames.protocol import DEFAULT_MAX_ROWS, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Unpack

    from connecty_frames.asking.endpoints import Endpoints
    from connecty_frames.asking.submission import Submission


class Question(PolledQuestion):
    """A question that was asked.

    It comes from ``Client.submit`` or, by its id alone, from ``Client.question``. Neither creating one nor
    reading its properties opens a connection.
    """

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
        """The question in words, as it was first asked; None after re-attaching by id."""
        return self._question

    @property
    def resume_command(self) -> str:
        """The line that fetches the answer later, without asking again."""
        return self._command

    @property
    def asked_at(self) -> datetime | None:
        """When it was sent, aware and in UTC; None after re-attaching by id."""
        return self._asked_at

    @property
    def reused(self) -> bool:
        """Whether it was asked by an earlier call, whose answer ``max_age=`` allows to reuse."""
        return self._reused

    def exists(self, timeout: float | None = None) -> bool:
        """Ask the server once whether it has the question, unless the answer is at hand.

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
        ConnectionFailed, AuthError, APIError, ResponseError, QuestionTimeout
            As for :meth:`state`.
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
        NotFoundError
            If the workspace has no such question.
        ConnectionFailed, AuthError, APIError, ResponseError
            If the server cannot be reached, or answers with an error or an invalid response.
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
            If it is not done in time. The server may still be working on it.
        NotFoundError, ConnectionFailed, AuthError, APIError, ResponseError
            As for :meth:`state`.
        """
        ask_options = AskOptions(timeout=timeout)
        with self._annotated():
            deadline = Deadline.after(ask_options.timeout or self._api.timeout, self._api.clock)
            final = self._final or self._poll(deadline, max_rows=DEFAULT_MAX_ROWS)
            return final.envelope.state

    @shows_options("dw_id", "question_id", *ASKING)
    def result(self, **options: Unpack[AskOptionsDict]) -> Answer:
        """Wait until the question is done and return its answer.

        Parameters
        ----------
        **options
            Options of ``ask_df`` about reading an answer: not ``dw_id``, ``question_id`` and ``max_age``.

        Returns
        -------
        Answer
            Its table is None if the question was answered without one.

        Raises
        ------
        ConfigError, TypeError
            If an option is wrong.
        QuestionFailed
            If the server could not answer it; the error has all that the server said.
        QuestionTimeout
            If it is not done in time. The server may still be working on it.
        NotFoundError, ConnectionFailed, AuthError, APIError
            As for :meth:`state`.
        ResponseError, ConversionError, TruncatedError
            If the answer cannot be used, or not with these options. Calling again with other options asks
            nothing again.
        """
        return self.fetch(AskOptions.from_kwargs(options, "dw_id", "question_id", *ASKING))

    def fetch(
        self,
        ask_options: AskOptions,
        *,
        deadline: Deadline | None = None,
        received: Callable[[bytes], object] | None = None,
    ) -> Answer:
        """Return the answer as :meth:`result` does, with the options as one object.

        ``received`` is called with the response of a completed question, before it is decoded.
        """
        with self._annotated():
            ask_options = read_schema(ask_options)
            deadline = deadline or Deadline.after(ask_options.timeout or self._api.timeout, self._api.clock)
            is_loaded = ask_options.engine in frames.LOADED
            if not is_loaded:
                frames.begin_loading(ask_options.engine)
            with progress(self._question, self._question_id, wanted=ask_options.progress) as report:
                final, wanted, left = self._final, ask_options.max_rows, deadline.remaining
                more: int | None = DEFAULT_MAX_ROWS if wanted is None else wanted
                while (
                    not final or (more := final.next_max_rows(wanted, self._checkpoint(left()))) is not None
                ):
                    final = self._poll(deadline, max_rows=more, report=report)
            if final.envelope.state == State.COMPLETED:
                if self._api.history is not None and final is not self._kept:
                    self._api.history.keep(self._question_id, final.body, final.max_rows)
                    self._kept = final
                if received is not None:
                    received(final.body)
            time_left = deadline.remaining()  # an import takes none of it
            if not is_loaded:
                frames.finish_loading(ask_options.engine)
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

    def __repr__(self) -> str:
        asked = "" if self._question is None else f", question={snippet(self._question, 100)!r}"
        return f"<Question {self._question_id}, dw_id={self._dw_id}{asked}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: connections cannot be, and credentials must not be."""
        raise TypeError(
            "A Question cannot be pickled, since it belongs to a Client; keep its question_id and use "
            f"{self.resume_command}"
        )

    def _state_now(self, timeout: float | None = None) -> str:
        with self._annotated():
            deadline = Deadline.after(self._api.timeout if timeout is None else timeout, self._api.clock)
            return self._poll(deadline, include=("sqlquery",), once=True).envelope.state


class Call:
    """One call with checked arguments, by which each way to ask goes: a question to send, or one sent before.

    Nothing is sent before :meth:`submit` or :meth:`answer`.
    """

    def __init__(
        self, api: Endpoints, asked: Submission | Question, options: AskOptions, deadline: Deadline
    ) -> None:
        self._api = api
        self._asked = asked
        self.options = options
        self.deadline = deadline
        #: The ids of earlier askings that the server no longer has.
        self._gone: set[str] = set()

    def message(self) -> str | None:
        """Return what is known of the question, for an interrupt; None if it was never sent."""
        return self._asked.message()

    def submit(self) -> Question:
        """Return an earlier asking that the server still has if ``max_age`` allows, else ask."""
        if isinstance(self._asked, Question):
            return self._asked
        with self._asked.annotated():
            handle = self._find_or_send(self._asked)
            while handle.reused and not handle.exists(self.deadline.remaining()):
                handle = self._find_or_send(self._asked)
            self._count_reuse(handle)
            return handle

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
        if isinstance(self._asked, Question):
            return self._asked.fetch(self.options, deadline=self.deadline, received=received)
        with self._asked.annotated():
            while True:
                handle = self._find_or_send(self._asked)
                if not handle.reused:
                    accepted(handle)
                try:
                    answer = handle.fetch(self.options, deadline=self.deadline, received=received)
                except NotFoundError:
                    if not handle.reused:
                        raise
                else:
                    self._count_reuse(handle)
                    return answer

    def _find_or_send(self, submission: Submission) -> Question:
        """Return an earlier asking, other than those returned before, if its age allows; else send it."""
        history, max_age = self._api.history, self.options.max_age
        if max_age is not None and history is not None:
            # Not imported where nothing is reused.
            from connecty_frames.asking.reuse import find_or_claim, kept_results

            if submission.earlier is not None and submission.earlier.question_id is not None:
                self._gone.add(submission.earlier.question_id)
            submission.earlier = None  # an interrupt must not name one that is gone
            submission.earlier = earlier = find_or_claim(
                submission,
                history,
                max_age=check_age(max_age),
                gone=self._gone,
                deadline=self.deadline,
                clock=self._api.clock,
            )
            if earlier is not None and earlier.question_id is not None:
                kept = kept_results(history, earlier.question_id)
                return Question(self._api, earlier.question_id, submission.dw_id, earlier=earlier, kept=kept)
        question_id = submission.send(self._api, deadline=self.deadline)
        return Question(self._api, question_id, submission.dw_id, submission=submission)

    def _count_reuse(self, handle: Question) -> None:
        if handle.reused and self._api.history is not None:
            self._api.history.reused(handle.question_id)
