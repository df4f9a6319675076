"""What the statistics and the values say about each column.

Evidence is read off the whole column, never off a sample: frame libraries that look at the first rows
and type the rest by them are the source of most silent errors in this field.
"""

from __future__ import annotations

from typing import Final

from connecty_frames.text import cut, terminal

__all__ = ["CellError"]
#: How much of a value is shown.
_SHOWN: Final = 60
#: How long a reason is at most.
_LONGEST_REASON: Final = 500


class CellError(ValueError):
    """A value that cannot be what its column was to be.

    Parameters
    ----------
    row
        Its row, None where the statistics' own min or max is the value.
    value
        The value as text.
    reason
        Why, to stand behind the value: ``is a leap second``.
    """

    def __init__(self, row: int | None, value: str, reason: str) -> None:
        super().__init__(f"{value} {reason}")
        self.row = row
        self.value = value
        # It may hold a type of many fields, whose names are a server's.
        self.reason = terminal(cut(reason, _LONGEST_REASON))

    @property
    def shown(self) -> str:
        """How the value begins, with its white space, which may be what is wrong with it."""
        text = terminal(self.value[: _SHOWN + 1])
        return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"

    @property
    def place(self) -> str:
        """Where the value stands, in words."""
        return "the statistics' min or max" if self.row is None else f"row {self.row}"
