"""Reuse the answer of an equal question, asked before by any thread or process of this user.

The history says what was asked. Of callers that ask the same at the same time, one sends the question and
records its id; the others wait for the id, and fetch the answer by it.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NoReturn

from connecty_frames._base.text import snippet
from connecty_frames.asking.polling import Results
from connecty_frames.decode.envelope import read_envelope
from connecty_frames.errors import QuestionTimeout, ResponseError, SubmissionUncertain, suppress_own
from connecty_frames.store.table import RecordState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import timedelta

    from connecty_frames._base.clock import Deadline
    from connecty_frames.asking.submission import Submission
    from connecty_frames.options import Asked
    from connecty_frames.store.history import History
    from connecty_frames.store.table import Earlier


def find_or_claim(
    submission: Submission,
    history: History,
    *,
    max_age: timedelta,
    gone: Collection[str],
    deadline: Deadline,
) -> Earlier | None:
    """Return an earlier asking to reuse; None once this call is recorded as the sender."""
    # ``max_age`` holds in either direction, since a clock may have been set back. ``gone`` are ids no longer
    # known to the server. Raises SubmissionUncertain if an earlier one may have been started, QuestionTimeout
    # if another caller sends it and its id is not known in time, and ConfigError if the history cannot be
    # used.
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
            raise QuestionTimeout(
                f"Another call is sending the question {snippet(asked.question)!r}, but its id was not "
                "known in time. This call sent nothing. Call again with max_age= to share that answer.",
                question=asked.question,
                dw_id=asked.dw_id,
            )
        else:
            awaited = found.id
            deadline.sleep(pause)
            pause = min(pause * 1.5, 0.5)


def kept_results(history: History, question_id: str) -> Results | None:
    """Return the kept response of a question, or None if it is missing or unreadable."""
    kept = history.kept(question_id)
    if kept is not None:
        with suppress_own(ResponseError):  # another version may have kept it
            envelope = read_envelope(kept[0])
            return Results(envelope.as_completed(kept[1]) if envelope.doubt else envelope, *kept)
    return None


def _usable(rows: Sequence[Earlier], gone: Collection[str]) -> Earlier | None:
    """Return the latest earlier question that decides, or None if the question is to be asked."""
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
    raise SubmissionUncertain(
        f"It is unknown whether the question {snippet(asked.question)!r} was started: it was sent to "
        f"workspace {asked.dw_id} at {earlier.asked_at:%Y-%m-%d %H:%M:%S} UTC, and then: "
        f"{snippet(earlier.error or 'nothing is known')}. This call sent nothing. Look in ConnectyAI's chat "
        f"history; to ask again, leave out max_age=. Recorded as number {earlier.id} in {history.place}.",
        question=asked.question,
        dw_id=asked.dw_id,
        asked_at=earlier.asked_at,
        details={"seen": earlier.error},
    )
