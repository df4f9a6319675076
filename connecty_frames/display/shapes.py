"""The shapes of charts: one table by the roles of columns, and how much of an answer each shape shows."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from connecty_frames._base.text import snippet
from connecty_frames.display.roles import Role, is_ordered

if TYPE_CHECKING:
    from connecty_frames.display.columns import Column

#: The most values: categories of bars, those in order, bars of several colours, and their categories.
_BARS, _BARS_IN_ORDER, _COLOURED_BARS, _GROUPED = 40, 60, 75, 25
#: The most colours, lines and bars in a terminal, and bars beside each other.
COLOURS, LINES, _LINES_OF_TEXT, BESIDE = 10, 6, 100, 5
_NUMBERS: Final = {"bars": 24, "cells": 90}  # at most
_LINES, _LEADERS = 7, 3  # with more lines, of which more lead at some time, a heatmap
#: The most categories and periods of a heatmap, the few with most of the sum, and the rows of all lists.
_CELLS, _PERIODS, _SKEWED, _SKEWED_SHARE, _LISTED_ROWS = 30, 60, 15, 0.9, 36


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, before altair or a terminal draws it."""

    kind: str  # line, bars, points, spans, cells (a heatmap) or lists (a panel for each value of a column)
    columns: list[Column]  # of the answer; in the end only the drawn rows
    dimension: Column  # the x axis of a heatmap
    series: list[Column]  # all measures
    measure: Column
    rows: list[int]
    group: Column | None = None  # distinguished by colour, for example; the y axis of a heatmap
    panel: Column | None = None  # has a panel for each of its values
    is_apart: bool = False  # each measure has a panel
    interval: list[Column] = field(default_factory=list)  # both ends, around each value of the measure
    stretches: list[int] = field(default_factory=list)  # the numbers of a line's parts between gaps, by row
    is_stacked: bool = False
    has_dots: bool = False  # in place of bars or a line
    notes: tuple[str, ...] = ()  # how much is drawn, such as ``the largest 10 of 19 countries``
    what: str = ""  # what is drawn, such as ``revenue by country and status``
    title: str = ""
    part: str = ""  # the notes; empty if everything is drawn

    #: The panel, the dimension and the group, if any; the measures with an axis; how many colours there are.
    dimensions = property(lambda self: [c for c in (self.panel, self.dimension, self.group) if c is not None])
    measures = property(lambda self: self.series if self.is_apart else [self.measure])
    colours = property(lambda self: self.group.count if self.group else self.is_apart or len(self.series))
    #: True if there is room for the number of each bar or cell.
    is_numbered = property(lambda self: self.is_plain and self.marks <= _NUMBERS.get(self.kind, 0))
    is_plain = property(lambda self: not (self.is_split or self.is_stacked or self.interval))
    is_single = property(lambda self: self.kind in {"bars", "line"} and not (self.is_split or self.group))
    has_interval = property(lambda self: self.is_single or self.kind == "spans")
    is_split = property(lambda self: bool(self.panel or self.is_apart or self.has_dots))
    marks = property(lambda self: len(self.rows) * len(self.series))
    #: True if most bars are there; and the most rows of panels of lists.
    is_dense = property(lambda self: 3 * len(self.rows) >= 2 * self.dimension.count * self.colours)
    room = property(lambda self: _LISTED_ROWS // (max(Counter(self.dimensions[0].texts).values()) + 2))

    @property
    def panels_beside(self) -> int:
        """How many panels stand beside each other; if there is room, the last row of lists is full."""
        count = self.panel.count if self.panel else 1
        if self.kind != "lists":
            return count if self.kind == "bars" else 1
        full = (n for n in (3, 2, 1) if count % n == 0 and n < count <= n * self.room)
        return next(full, min(max(count // 2, 1), 3))


#: The kinds of axes, a condition, and the drawn part of an answer.
Shape: TypeAlias = tuple[str, Callable[[Chart], bool], Callable[[Chart], Chart]]


def are_over(chart: Chart) -> bool:
    """Return True if marks stand over each other."""
    places = {tuple(column.texts[row] for column in chart.dimensions) for row in chart.rows}
    return len(places) < len(chart.rows)


def _are_dots(chart: Chart) -> bool:
    """Return True if marks stand over each other, or a line would connect events, such as orders."""
    is_event = any(column.role is Role.IDENTIFIER and column.is_unique for column in chart.columns)
    return are_over(chart) or (is_event and chart.dimension.is_time and chart.dimension.grain != "year")


def _is_tangled(chart: Chart) -> bool:
    leaders, numbers = {}, chart.measure.numbers
    for row in sorted(chart.rows, key=lambda row: numbers[row] or 0):
        leaders[chart.dimension.places[row]] = chart.group and chart.group.texts[row]
    return chart.colours > _LINES and len({*leaders.values()}) > _LEADERS


def _periods(chart: Chart) -> int:
    periods = [c.count for c in (chart.dimension, chart.group) if c is not None and c.role is Role.PERIOD]
    return min(periods) if len(periods) > 1 else 0


def _keep(chart: Chart, column: Column | None, most: int, how: str = "largest") -> Chart:
    if column is None or column.count <= most:
        return chart
    places, found = column.places, defaultdict[str | None, list[int]](list)
    for row in chart.rows:
        found[column.texts[row]].append(row)

    def rank(text: str | None) -> tuple[Any, ...]:
        rows = found[text]
        if how == "largest":
            size = sum(chart.measure.numbers[row] or 0 for row in rows)
            return size / (len(rows) if chart.measure.is_mean else 1), -rows[0]
        return (-rows[0],) if how == "first" else (places[rows[0]] is not None, places[rows[0]])

    kept = {*sorted(found, key=rank)[-most:]}
    name = snippet(column.name)
    plural = name if name.endswith("s") else re.sub(r"(?<![aeiou])y$", "ie", name) + "s"
    rows = [row for row in chart.rows if column.texts[row] in kept]
    return replace(chart, rows=rows, notes=(*chart.notes, f"the {how} {most} of {column.count:,} {plural}"))


def _few_colours(chart: Chart, most: int = COLOURS) -> Chart:
    return chart if chart.colours <= most else replace(chart, group=None)


def _bars(chart: Chart) -> Chart:
    chart, dimension = _few_colours(chart), chart.dimension
    is_in_order = (dimension.has_numbers or dimension.is_ordinal) and is_ordered(dimension.places)
    most = _COLOURED_BARS // (1 if chart.group else chart.colours)
    return _keep(chart, dimension, min(most, _BARS_IN_ORDER if is_in_order else _BARS), "first")


def _dots(chart: Chart) -> Chart:
    chart = replace(_few_colours(chart), has_dots=True)
    return _bars(chart) if chart.kind == "bars" else chart


def _grouped(chart: Chart) -> Chart:
    if chart.colours > BESIDE:  # but few values of the dimension
        chart = replace(chart, dimension=chart.dimensions[-1], group=chart.dimension)
    return _keep(chart, chart.dimension, min(_COLOURED_BARS // chart.colours, _GROUPED))


def _line(chart: Chart, most: int = COLOURS) -> Chart:
    """Return lines with gaps for missing periods, or dots if more than a quarter is missing."""
    chart = _keep(chart, chart.group, most)
    steps = chart.dimension.steps
    names = [*zip(*(c.texts for c in (chart.group, chart.panel) if c), strict=True)] or [()] * len(steps)
    known = {row: step for row in chart.rows if (step := steps[row]) is not None}
    rows = sorted(known, key=lambda row: (str(names[row]), known[row]))
    missing = [names[a] == names[b] and max(known[b] - known[a] - 1, 0) for a, b in pairwise(rows)]
    if 3 * sum(missing) > len(rows):
        return replace(chart, has_dots=True)
    stretches = dict(zip(rows, accumulate([0, *map(bool, missing)]), strict=False))
    return replace(chart, stretches=[stretches.get(row, 0) for row in chart.rows])


def _cells(chart: Chart) -> Chart:
    one, other = chart.dimensions

    def to_the_right(column: Column) -> tuple[object, ...]:
        # Of two dates the later; hours and months beside dates; periods beside names; else fewer values.
        if one.is_time and other.is_time:
            return (sum(time for time in column.places if isinstance(time, int)),)
        is_period = column.role is Role.PERIOD
        return is_period, not column.is_time, column.count * (1 if is_period else -1)

    x, y = sorted([one, other], key=to_the_right, reverse=True)
    chart = replace(chart, kind="cells", dimension=x, group=y, series=chart.series[:1], is_apart=False)
    for column, most in ((x, _PERIODS if x.role is Role.PERIOD else _CELLS), (y, _CELLS)):
        if column.role is Role.PERIOD:
            chart = _keep(chart, column, most, "last")
            continue
        chart, few = _keep(chart, column, most), _keep(chart, column, _SKEWED)
        sums = [sum(chart.measure.numbers[row] or 0 for row in each.rows) for each in (few, chart)]
        chart = few if sums[0] >= _SKEWED_SHARE * sums[1] else chart
    return chart


def _lines_of_text(chart: Chart) -> Chart:
    names, room = chart.dimensions[0], _LINES_OF_TEXT // len(chart.series)
    chart = _keep(chart, names, min(_BARS, room // max(Counter(names.texts).values()) or 1), "first")
    note = f"the first {room} of {len(chart.rows):,} rows" if len(chart.rows) > room else ""
    return replace(chart, rows=chart.rows[:room], notes=(*chart.notes, note))


#: The first row that fits decides.
SHAPES: Final[tuple[Shape, ...]] = (
    ("lists", lambda _: True, lambda c: _keep(c, c.panel, c.room * c.panels_beside, "first")),
    ("histogram", lambda _: True, lambda c: c),
    ("spans", lambda _: True, lambda c: _keep(c, c.dimension, _BARS, "first")),
    ("points", lambda _: True, _few_colours),
    ("line bars", _are_dots, _dots),
    ("line", lambda c: c.is_stacked, lambda c: _keep(c, c.group, COLOURS)),
    ("bars", lambda c: c.is_stacked, lambda c: _keep(_keep(c, c.dimension, _BARS), c.group, COLOURS)),
    ("line bars", lambda c: _periods(c) >= BESIDE and not c.measure.is_signed, _cells),
    ("line", lambda c: c.measure.is_signed, _line),
    ("line", lambda c: c.measure.is_mean and COLOURS < c.colours <= _CELLS, _cells),
    ("line", _is_tangled, _cells),
    ("line", lambda _: True, _line),
    ("bars", lambda c: c.dimension.is_unique, _bars),
    ("bars", lambda c: c.colours <= BESIDE and c.is_dense, _grouped),
    ("bars", lambda c: c.measure.is_signed and c.dimension.count <= BESIDE, _grouped),
    ("bars", lambda c: c.measure.is_signed, lambda c: _dots(_keep(c, c.group, COLOURS))),
    ("bars", lambda _: True, _cells),
)
#: In a terminal, bars have the names of two categories in front, and a legend is one line.
TERMINAL: Final[tuple[Shape, ...]] = (
    ("points", lambda _: True, lambda c: _few_colours(c, LINES)),
    ("line", _are_dots, lambda c: replace(_few_colours(c, LINES), has_dots=True)),
    ("line", lambda _: True, lambda c: _line(c, LINES)),
    ("bars lists histogram", lambda _: True, _lines_of_text),
)
