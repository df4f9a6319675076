"""The chart that the types of a table suggest, whatever draws it.

==================== =================================================================================
time and number      a line
category and number  bars, in the order of the answer
number and number    points
one number           the number itself
==================== =================================================================================

Where a time or a category occurs more than once, another category distinguishes its rows: a line for each of
its values, or the parts of a bar. Without one, points are drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames._base.text import listed, quoted, snippet, value_text
from connecty_frames.decode.arrow_types import any_of, first_match, is_number
from connecty_frames.display.formatting import local_times, texts
from connecty_frames.errors import ConfigError

if TYPE_CHECKING:
    from connecty_frames.decode.arrow_types import TypeTest


class ChartKind(StrEnum):
    """What a chart draws."""

    LINE = "lines"
    BARS = "bars"
    POINTS = "points"
    NUMBER = "numbers"


class Column:
    """A column with its values as texts, and as what a chart draws."""

    def __init__(self, name: str, cells: pa.ChunkedArray) -> None:
        self.name = name
        self.cells = cells
        self.type = cells.type
        self.kind = first_match(_KINDS, cells.type) or "other"

    @cached_property
    def texts(self) -> list[str | None]:
        """The values as texts, with all digits."""
        values: list[str | None] = texts(self.cells).to_pylist()
        return values

    @property
    def numbers(self) -> list[float | None]:
        """Numbers as the nearest float64; None for NaN and infinity, which no axis has."""
        # By way of text: Arrow's own cast of decimals is wrong in the last digit, also of 984.18.
        digits = pc.cast(self.cells, pa.string()) if pa.types.is_decimal(self.type) else self.cells
        floats = pc.cast(digits, pa.float64(), safe=False).to_pylist()
        return [value if value is not None and math.isfinite(value) else None for value in floats]

    @property
    def times(self) -> pa.ChunkedArray:
        """Dates and timestamps as milliseconds of the local time in the column's own zone."""
        local = local_times(self.cells) if pa.types.is_timestamp(self.type) else self.cells
        return local.cast(pa.timestamp("ms"), safe=False)


_KINDS: Final[list[tuple[TypeTest, str]]] = [
    (any_of(pa.types.is_timestamp, pa.types.is_date), "time"),
    (is_number, "number"),
    (
        any_of(pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean, pa.types.is_dictionary),
        "category",
    ),
]
#: The kind of chart by the kind of its dimension, in the order in which a dimension is searched for.
_BY_DIMENSION: Final = {
    "time": ChartKind.LINE,
    "category": ChartKind.BARS,
    "number": ChartKind.POINTS,
}

C = TypeVar("C", bound=Column)


@dataclass(frozen=True, slots=True)
class Chart(Generic[C]):
    """What to draw."""

    kind: ChartKind
    dimension: C  # the time, category or number over which is drawn
    measure: C  # of a single number, the same as the dimension
    group: C | None  # whose values are distinguished, as by colours
    repeats: bool  # whether a time or category occurs more than once


def choose_chart(
    columns: list[C], rows: int, x: str | None = None, y: str | None = None, color: str | None = None
) -> Chart[C]:
    """Choose a chart and its columns: those named, else the first that fit; raises ConfigError."""
    kind, dimension, measure = _choose_axes(columns, x, y, rows)
    repeats = dimension.kind != "number" and len(set(dimension.texts)) < rows
    return Chart(kind, dimension, measure, _choose_group(columns, dimension, color, repeats=repeats), repeats)


def _choose_axes(columns: list[C], x: str | None, y: str | None, rows: int) -> tuple[ChartKind, C, C]:
    """Choose the kind of a chart, its dimension, and its measure: the numbers to draw over the dimension."""
    given_x, given_y = _find(columns, x), _find(columns, y)
    numbers = [column for column in columns if column.kind == "number" and column is not given_x]
    measure = given_y or next(iter(numbers), None)
    if measure is None or measure.kind != "number" or rows == 0:
        raise _nothing_fits(columns, rows)
    if rows == 1 and len(columns) == 1:
        return ChartKind.NUMBER, measure, measure
    for dimension_kind, kind in _BY_DIMENSION.items():
        candidates = (
            column
            for column in columns
            if column.kind == dimension_kind and column is not measure and given_x in {None, column}
        )
        dimension = next(candidates, None)
        if dimension in numbers and given_y is None:  # of two numbers, the first is the dimension
            return kind, measure, dimension
        if dimension is not None:
            return kind, dimension, measure
    raise _nothing_fits(columns, rows)


def _choose_group(columns: list[C], dimension: C, color: str | None, *, repeats: bool) -> C | None:
    """Choose what is distinguished: the named column, or a category where the dimension repeats."""
    if color is not None or not repeats:
        return _find(columns, color)
    return next((c for c in columns if c.kind == "category" and c is not dimension), None)


def _find(columns: list[C], name: str | None) -> C | None:
    if name is None:
        return None
    for column in columns:
        if isinstance(name, str) and column.name == name:
            return column
    known = quoted([column.name for column in columns])
    raise ConfigError(f"There is no column {value_text(name)} to draw; there are {known}.", setting="plot")


def _nothing_fits(columns: list[C], rows: int) -> ConfigError:
    found = listed([f"{snippet(c.name)!r} ({snippet(str(c.type))})" for c in columns]) or "none"
    reason = "there are no rows" if rows == 0 else f"the columns are {found}"
    return ConfigError(
        f"No plot fits this answer: {reason}. A plot needs a number over a time, a category or another "
        "number, or one number alone.",
        hint="x= and y= name the columns to draw.",
        shell_hint="The table is shown instead.",
        setting="plot",
    )
