"""One call: a question that is sent, unless an earlier asking is reused, and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connecty_frames.errors import NotFoundError
from connecty_frames.options import check_age
from connecty_frames.question import Question

if TYPE_CHECKING:
    from collections.abc import Callable

    from connecty_frames._base.clock import Deadline
    from connecty_frames.answer import Answer
    from connecty_frames.asking.endpoints import Endpoints
    from connecty_frames.asking.submission import Submission
    from connecty_frames.options import AskOptions


@dataclass(eq=False)
class Call:
    """One checked call, which every way of asking goes through.

    Nothing is sent before :meth:`submit` or :meth:`answer`.
    """

    _api: Endpoints
    _submission: Submission
    options: AskOptions
    deadline: Deadline
    #: The ids of earlier askings that the server no longer has.
    _gone: set[str] = field(default_factory=set)

    def message(self) -> str | None:
        """Return what is known of the question, for an interrupt, or None if it was never sent."""
        return self._submission.message()

    def submit(self) -> Question:
        """Return an earlier asking that the server still has if ``max_age`` allows, else ask."""
        with self._submission.annotated():
            handle = self._find_or_send()
            while handle.reused and not handle.exists(self.deadline.remaining()):
                handle = self._find_or_send()
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
        with self._submission.annotated():
            while True:
                handle = self._find_or_send()
                if not handle.reused:
                    accepted(handle)
                try:
                    answer = handle.answer(self.options, deadline=self.deadline, received=received)
                except NotFoundError:
                    if not handle.reused:
                        raise
                else:
                    self._count_reuse(handle)
                    return answer

    def _find_or_send(self) -> Question:
        """Return an earlier asking, other than those returned before, if its age allows; else send it."""
        submission, history, max_age = self._submission, self._api.history, self.options.max_age
        if max_age is not None and history is not None:
            # Not imported where nothing is reused.
            from connecty_frames.asking.reuse import find_or_claim, kept_results

            if submission.earlier is not None and submission.earlier.question_id is not None:
                self._gone.add(submission.earlier.question_id)
            submission.earlier = None  # an interrupt must not name one that is gone
            submission.earlier = earlier = find_or_claim(
                submission, history, max_age=check_age(max_age), gone=self._gone, deadline=self.deadline
            )
            if earlier is not None and earlier.question_id is not None:
                kept = kept_results(history, earlier.question_id)
                return Question(self._api, earlier.question_id, submission.dw_id, earlier=earlier, kept=kept)
        question_id = submission.send(self.deadline)
        return Question(self._api, question_id, submission.dw_id, submission=submission)

    def _count_reuse(self, handle: Question) -> None:
        if handle.reused and self._api.history is not None:
            self._api.history.reused(handle.question_id)
