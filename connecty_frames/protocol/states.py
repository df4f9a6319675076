"""The states of a question and which may follow which, as one table.

Source: the API document lists the four names and says that only COMPLETED carries results. The order
is ours: work starts, then ends one way or the other, and a poll may miss what lies between.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["FINAL", "FOLLOWERS", "State"]


class State(StrEnum):
    """A question's processing state, spelled as the API spells it."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


#: The states that may be seen after each state, itself included.
FOLLOWERS: Final[dict[State, frozenset[State]]] = {
    State.PENDING: frozenset(State),
    State.IN_PROGRESS: frozenset({State.IN_PROGRESS, State.COMPLETED, State.FAILED}),
    State.COMPLETED: frozenset({State.COMPLETED}),
    State.FAILED: frozenset({State.FAILED}),
}

#: The states that nothing else follows.
FINAL: Final = frozenset(state for state, followers in FOLLOWERS.items() if followers == {state})
