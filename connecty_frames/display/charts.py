"""The chart that means the question, whatever draws it.

The roles of the columns decide what is drawn. The measure is the first of these that there is:

1. a derived measure that stands behind the measures, or that the question names, with at least two values
2. the measure that the question names
3. the measure that sorts the rows
4. the last measure

It is drawn over a period, else over a label or a dimension, else over an identifier or a rank, else over
another measure. A second dimension is colour. Identifiers and ranks are never drawn as measures.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cached_property
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames._base.text import listed, quoted, snippet, value_text
from connecty_frames.decode.arrow_types import FRACTION_DIGITS, any_of, is_number
from connecty_frames.display.formatting import local_times, texts
from connecty_frames.display.roles import (
    COMMON_WORDS,
    DERIVED_WORDS,
    Role,
    fineness,
    is_ordered,
    is_time,
    is_year,
    role_of,
    words,
)
from connecty_frames.errors import ConfigError

#: The most rows, the most categories of bars, and the most colours.
_MAX_ROWS: Final = 5_000
_MAX_CATEGORIES: Final = 30
_MAX_COLOURS: Final = 20
#: From this many values on, the second of two dimensions is drawn over if it has more than the first.
_MANY: Final = 10
_has_numbers: Final = any_of(is_number, pa.types.is_duration)
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


class ChartKind(Enum):
    """What a chart draws."""

    LINE = auto()
    BARS = auto()
    POINTS = auto()


class Column:
    """A column with its role, and its values as texts and as what a chart draws."""

    def __init__(self, at: int, name: str, cells: pa.ChunkedArray) -> None:
        self.at = at
        self.name = name
        self.cells = cells

    @cached_property
    def role(self) -> Role:
        """Its role."""
        return role_of(self.name, self.cells)

    @cached_property
    def count(self) -> int:
        """How many different values there are; null counts as one."""
        return len(set(self.texts))

    @property
    def is_unique(self) -> bool:
        """Whether no value occurs twice."""
        return self.count == len(self.cells)

    @property
    def is_measure(self) -> bool:
        """Whether it is a measure, derived or not."""
        return self.role in {Role.MEASURE, Role.DERIVED}

    @property
    def has_numbers(self) -> bool:
        """Whether it can be on a quantitative axis."""
        return _has_numbers(self.cells.type)

    @property
    def is_time(self) -> bool:
        """Whether it holds dates or timestamps."""
        return is_time(self.cells.type)

    @property
    def title(self) -> str:
        """The name, with the unit of durations."""
        return f"{self.name} ({self._unit[0]})" if pa.types.is_duration(self.cells.type) else self.name

    @cached_property
    def texts(self) -> list[str | None]:
        """The values as texts, with all digits."""
        values: list[str | None] = texts(self.cells).to_pylist()
        return values

    @property
    def numbers(self) -> list[float | None]:
        """Numbers as the nearest float64, durations in their unit, or None for NaN and infinity."""
        cells = self.cells
        if pa.types.is_duration(cells.type):
            cells = pc.divide(_seconds(cells), float(self._unit[1]))
        # By way of text: Arrow's own cast of decimals is wrong in the last digit, also of 984.18.
        floats = pc.cast(pc.cast(cells, pa.string()), pa.float64()).to_pylist()
        return [value if value is not None and math.isfinite(value) else None for value in floats]

    @cached_property
    def _unit(self) -> tuple[str, int]:
        """The name and the seconds of the largest unit of which the longest duration has two."""
        longest = pc.max(pc.abs(_seconds(self.cells))).as_py() or 0
        return next((unit for unit in _UNITS if longest >= 2 * unit[1]), _UNITS[-1])

    @property
    def times(self) -> pa.ChunkedArray:
        """Dates and timestamps as milliseconds of the local time in the column's own zone."""
        local = local_times(self.cells) if pa.types.is_timestamp(self.cells.type) else self.cells
        return local.cast(pa.timestamp("ms"), safe=False)


def _seconds(durations: pa.ChunkedArray) -> pa.ChunkedArray:
    counts = pc.cast(pc.cast(durations, pa.int64()), pa.float64(), safe=False)
    return pc.divide(counts, 10.0 ** FRACTION_DIGITS[durations.type.unit])


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw."""

    kind: ChartKind
    columns: list[Column]  # of the rows that are drawn
    dimension: Column
    measure: Column
    group: Column | None  # whose values are distinguished, as by colours
    title: str

    @property
    def dimensions(self) -> list[Column]:
        """The dimension, and the group if there is one."""
        return [self.dimension, self.group] if self.group else [self.dimension]

    @property
    def what(self) -> str:
        """What is drawn, such as ``revenue by country and status``."""
        return f"{snippet(self.measure.name)} by {' and '.join(snippet(c.name) for c in self.dimensions)}"

    @property
    def overlaps(self) -> bool:
        """Whether bars or lines would lie over each other: a value repeats within a group."""
        places = [*zip(*(column.texts for column in self.dimensions), strict=True)]
        return self.kind is not ChartKind.POINTS and len(set(places)) < len(places)


def choose_chart(
    table: pa.Table,
    question: str | None = None,
    x: str | None = None,
    y: str | None = None,
    color: str | None = None,
) -> Chart:
    """Choose what is drawn: the columns that are named, else by the rules; raises ConfigError."""
    if table.num_rows > _MAX_ROWS:
        raise ConfigError(
            f"{table.num_rows:,} rows are too many for a chart (at most {_MAX_ROWS:,}). Ask for fewer, such "
            "as sums by month or the first 20, or plot a part of answer.to_pandas().",
            setting="plot",
        )
    columns = _columns(table)
    given_x, given_y, group = (_find(columns, name) for name in (x, y, color))
    free = [column for column in columns if column not in (given_x, given_y, group)]
    measures = [column for column in free if column.is_measure]
    dimension = given_x or _choose_dimension(free, measures, least=2 if given_y is None else 1)
    named = _named(measures, question)
    measure = given_y or _choose_measure([c for c in measures if c is not dimension], named, dimension)
    is_drawable = dimension is not None and dimension.role is not Role.OTHER
    if not (table.num_rows and dimension and is_drawable and measure and measure.has_numbers):
        raise _nothing_fits(columns, table.num_rows)
    if color is None:
        group = _choose_group(columns, dimension, measure)
        if group is not None and group.role is Role.IDENTIFIER and group.is_unique:  # no colour for each row
            if dimension.role is Role.DIMENSION:
                table = _tell_apart(table, dimension, group)
            group = None
    note, kind = "", _kind(dimension)
    if kind is ChartKind.BARS:
        table, note = _first_categories(table, dimension.at)
    drawn = _columns(table)
    chosen = drawn[dimension.at], drawn[measure.at], drawn[group.at] if group else None
    chart = Chart(kind, drawn, *chosen, title="")
    is_chosen = given_x or given_y or (measure not in named and {*measures} - {dimension, measure})
    title = snippet(question) if question and not is_chosen else chart.what
    return replace(chart, title=title + note)


def _first_categories(table: pa.Table, at: int) -> tuple[pa.Table, str]:
    """Return the rows of the first categories of a column, and a note if there are more."""
    texts = _columns(table)[at].texts
    categories = [*dict.fromkeys(texts)]
    if len(categories) <= _MAX_CATEGORIES:
        return table, ""
    first = {*categories[:_MAX_CATEGORIES]}
    rows = table.filter(pa.array([text in first for text in texts]))
    return rows, f" (the first {_MAX_CATEGORIES} of {len(categories):,})"


def _columns(table: pa.Table) -> list[Column]:
    return [Column(at, *each) for at, each in enumerate(zip(table.column_names, table.columns, strict=True))]


def _tell_apart(table: pa.Table, dimension: Column, identifier: Column) -> pa.Table:
    """Write the identifier behind each value that occurs more than once: two customers of one name."""
    counts = Counter(dimension.texts)
    texts = [
        text if counts[text] == 1 else f"{text or 'null'} ({key})"
        for text, key in zip(dimension.texts, identifier.texts, strict=True)
    ]
    return table.set_column(dimension.at, dimension.name, pa.array(texts, pa.string()))


def _kind(dimension: Column) -> ChartKind:
    if dimension.is_time:
        return ChartKind.LINE
    if dimension.role is Role.PERIOD and is_number(dimension.cells.type) and is_year(dimension.cells):
        return ChartKind.LINE if _is_sorted(dimension) else ChartKind.BARS
    return ChartKind.POINTS if dimension.is_measure else ChartKind.BARS


def _is_sorted(period: Column) -> bool:
    """Whether the rows are in the order of a period; also if each of its values begins a new series."""
    return period.count == 1 or is_ordered(pc.unique(period.cells))


def _choose_measure(measures: list[Column], named: list[Column], dimension: Column | None) -> Column | None:
    plain = [column for column in measures if column.role is Role.MEASURE]
    derived = [
        column
        for column in measures
        if column.role is Role.DERIVED and len(column.cells) - column.cells.null_count > 1
    ]
    behind = [column for column in derived if not plain or column.at > plain[-1].at]
    by_order = dimension is not None and dimension.role is Role.PERIOD and _is_sorted(dimension)
    ordered = [] if by_order else [column for column in measures if is_ordered(column.cells)]
    found = [column for column in named if column in measures]
    for candidates in (
        [column for column in derived if column in found] or behind[-1:],
        [column for column in found if column in ordered] or found,
        ordered,
        (plain or measures)[-1:],
    ):
        if candidates:
            return candidates[0]
    return None


def _choose_dimension(columns: list[Column], measures: list[Column], least: int) -> Column | None:
    """Choose what is drawn over; another measure if there are at least this many."""
    columns = [c for c in columns if not c.is_measure and c.role is not Role.OTHER]
    usable = [column for column in columns if column.count > 1] or columns
    by_role = {role: [column for column in usable if column.role is role] for role in Role}
    periods, dimensions = by_role[Role.PERIOD], by_role[Role.DIMENSION]
    labels = [*by_role[Role.LABEL], *(c for c in by_role[Role.IDENTIFIER] if c.is_unique)]
    # Rows with a label before the period, or sorted by a measure and not by time, are a list of things.
    if periods and not (
        any(label.role is Role.LABEL and label.at < periods[0].at for label in labels)
        or (labels and not any(map(_is_sorted, periods)) and any(is_ordered(m.cells) for m in measures))
    ):
        # One that is unique stands for itself, dates and names before numbers; of others, the finest.
        alone = [column for column in periods if column.is_unique]
        texts_first = sorted(alone, key=lambda column: is_number(column.cells.type))
        return (texts_first or sorted(periods, key=lambda c: -fineness(c.name, c.cells)))[0]
    if by_role[Role.LABEL]:
        return by_role[Role.LABEL][0]
    if len(dimensions) > 1:
        first, second = (column.count for column in dimensions[:2])
        return dimensions[1 if second > max(first, _MANY) else 0]
    for others in (dimensions, labels, by_role[Role.IDENTIFIER], by_role[Role.RANK]):
        if others:
            return others[0]
    return measures[0] if len(measures) >= least and len(measures[0].cells) >= least else None


def _choose_group(columns: list[Column], dimension: Column, measure: Column) -> Column | None:
    """Choose what is distinguished where the dimension repeats, or what the labels behind it belong to."""
    if dimension.is_unique and dimension.role is not Role.LABEL:
        return None
    candidates = [
        column
        for role in (Role.DIMENSION, Role.PERIOD, Role.LABEL, Role.IDENTIFIER)
        for column in columns
        if column.role is role
        and column not in (dimension, measure)
        and not column.is_time
        and 1 < column.count <= _MAX_COLOURS
    ]
    if dimension.is_unique:  # the products of a category: what stands before the label and repeats
        candidates = [c for c in candidates if c.role is Role.DIMENSION and c.at < dimension.at]
    unique = (
        column
        for column in candidates
        if len({*zip(dimension.texts, column.texts, strict=True)}) == len(dimension.cells)
    )
    return next(unique, next(iter(candidates), None))


def _named(measures: list[Column], question: str | None) -> list[Column]:
    """Return the measures of whose names a question has most words."""
    asked = {_stem(word) for word in words(question or "")}
    asked |= {_stem(word) for same in DERIVED_WORDS if not same.isdisjoint(asked) for word in same}
    shares = {}
    for column in measures:
        named = {*map(_stem, words(column.name))}
        own = (named - COMMON_WORDS) or named
        shares[column] = (len(asked & own), len(asked & named))
    return [column for column, share in shares.items() if share[0] and share == max(shares.values())]


def _stem(word: str) -> str:
    return word.removesuffix("s") if len(word) > len("yes") else word


def _find(columns: list[Column], name: str | None) -> Column | None:
    if name is None:
        return None
    for column in columns:
        if isinstance(name, str) and column.name == name:
            return column
    known = quoted([column.name for column in columns])
    raise ConfigError(f"There is no column {value_text(name)} to draw; there are {known}.", setting="plot")


def _nothing_fits(columns: list[Column], rows: int) -> ConfigError:
    found = listed([f"{snippet(c.name)!r} ({c.role})" for c in columns]) or "none"
    reason = "there are no rows" if rows == 0 else f"the columns are {found}"
    return ConfigError(
        f"No plot fits this answer: {reason}. A plot needs a measure over a period, a category or another "
        "measure.",
        hint="plot(x=, y=) draws the columns that you name.",
        shell_hint="The table is shown instead.",
        setting="plot",
    )
