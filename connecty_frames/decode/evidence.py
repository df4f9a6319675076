"""What the statistics and the values say about each column.

Evidence is read off the whole column, never off a sample: frame libraries that look at the first rows
and type the rest by them are the source of most silent errors in this field.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, Final

from connecty_frames.decode.tokens import ConstantText, FloatText, IntText, RepeatedKeys

__all__ = ["NUMBERS", "Evidence", "Kind", "Misfit"]


class Kind(Enum):
    """What a JSON value is; the value names it in the plural, for sentences."""

    BOOLEAN = "booleans"
    TEXT = "texts"
    WHOLE = "whole numbers"
    FRACTION = "numbers with a fraction"
    CONSTANT = "bare NaN or Infinity tokens"
    ARRAY = "arrays"
    OBJECT = "objects"


#: The kinds that are numbers.
NUMBERS: Final = frozenset({Kind.WHOLE, Kind.FRACTION, Kind.CONSTANT})

_KIND_OF: Final[dict[type, Kind]] = {
    bool: Kind.BOOLEAN,
    str: Kind.TEXT,
    IntText: Kind.WHOLE,
    FloatText: Kind.FRACTION,
    ConstantText: Kind.CONSTANT,
    list: Kind.ARRAY,
    dict: Kind.OBJECT,
    RepeatedKeys: Kind.OBJECT,
}

#: The sections of the statistics that tell a type, strongest first. ``general`` stands with every column
#: and tells none; ``numeric`` and ``boolean`` are our guess at what the API document leaves out.
_SECTIONS: Final = ("string", "temporal", "numeric", "boolean")


class Misfit(ValueError):
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
        self.reason = reason


@dataclass(frozen=True)
class Evidence:
    """One column before it has a type.

    Parameters
    ----------
    name
        The column's name.
    values
        Its cells as ``tokens.parse`` gives them, None for null.
    statistics
        The server's statistics of the column by section; empty where there are none.
    """

    name: str
    values: list[Any]
    statistics: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def kinds(self) -> frozenset[Kind]:
        """Which kinds of values occur, null aside."""
        return frozenset(_KIND_OF[kind] for kind in set(map(type, self.values)) - {type(None)})

    @cached_property
    def section(self) -> str | None:
        """The section of the statistics that tells the type, None where none does."""
        return next((name for name in _SECTIONS if isinstance(self.statistics.get(name), dict)), None)

    @cached_property
    def bounds(self) -> list[str]:
        """The min and max of the statistics, as two more values of the column (see ``scalars``)."""
        if self.section is None:
            return []
        found = self.statistics[self.section]
        return [value for name in ("min", "max") if isinstance(value := found.get(name), str)]

    @cached_property
    def scalars(self) -> list[str]:
        """All values and then the bounds as texts, without nulls: what a type must hold."""
        return [*(value for value in self.values if value is not None), *self.bounds]

    def row_of(self, position: int) -> int | None:
        """Give the row of a position in ``scalars``, None for the bounds."""
        rows = (row for row, value in enumerate(self.values) if value is not None)
        return next((row for index, row in enumerate(rows) if index == position), None)
