"""The states of a question."""

from __future__ import annotations

from connecty_frames.protocol import FINAL, FOLLOWERS, State


def test_the_four_states_of_the_document() -> None:
    """Spelled as the API spells them, and equal to their spelling."""
    assert [str(state) for state in State] == ["PENDING", "IN_PROGRESS", "COMPLETED", "FAILED"]
    assert State.FAILED == "FAILED"


def test_what_may_follow_what() -> None:
    """Work goes forward, and a poll may miss what lies between."""
    assert dict(FOLLOWERS) == {
        State.PENDING: {State.PENDING, State.IN_PROGRESS, State.COMPLETED, State.FAILED},
        State.IN_PROGRESS: {State.IN_PROGRESS, State.COMPLETED, State.FAILED},
        State.COMPLETED: {State.COMPLETED},
        State.FAILED: {State.FAILED},
    }


def test_what_nothing_follows() -> None:
    """A question ends COMPLETED or FAILED."""
    assert {State.COMPLETED, State.FAILED} == FINAL
