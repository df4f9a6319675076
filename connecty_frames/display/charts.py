"""Choose the chart for a question, for altair and for a terminal.

The choice depends on the roles of the columns and the words of the question. Rules are tried in order, and
the first that finds something decides: see ``docs/design/display.md``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import groupby, pairwise, product, takewhile
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from connecty_frames._base.text import listed, quoted, snippet, value_text
from connecty_frames.decode.arrow_types import is_number
from connecty_frames.display.columns import Column
from connecty_frames.display.roles import WORDS, Role, fineness, is_ordered, is_time, stem, words
from connecty_frames.display.shapes import COLOURS, SHAPES, Chart, are_over
from connecty_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from connecty_frames.display.shapes import Shape

#: The most rows, measures beside each other, panels of measures, and rows of a list.
_MAX_ROWS, _MAX_SERIES, _MAX_PANELS, _MAX_LISTED = 5_000, 6, 4, 10
#: With more values, the second of two dimensions is the x axis, and things with two measures are points; with
#: few, a period is not drawn as a line: its values are compared.
_MANY, _FEW = 10, 2
#: The largest number of a period other than a year or date, such as the day of a year.
_MAX_PERIOD: Final = 366  # pragma: no mutate - others are codes
#: Words before a dimension, between joined measures, and for shares.
_BY, _AND, _SHARES = (WORDS[name] for name in ("before_dimensions", "joins", "relative"))


def choose_chart(
    table: pa.Table,
    question: str | None = None,
    x: str | None = None,
    y: str | Sequence[str] | None = None,
    color: str | None = None,
    *,
    cut: str = "",
    shapes: tuple[Shape, ...] = SHAPES,
) -> Chart:
    """Return the chart of the given columns, or choose one by the rules; raises ConfigError."""
    # ``cut`` is a note such as "100 of 2,000 rows", if the answer was cut.
    if table.num_rows > _MAX_ROWS:
        raise ConfigError(
            f"{table.num_rows:,} rows are too many for a chart (at most {_MAX_ROWS:,}). Ask for fewer, such "
            "as sums by month or the first 20, or plot a part of answer.to_pandas().",
            setting="plot",
        )
    columns = [Column(at, name, table.column(at)) for at, name in enumerate(table.column_names)]
    given_x, group, series = _find(columns, x), _find(columns, color), _find_all(columns, y)
    if group is not None and len(series) > 1:
        raise ConfigError("color= needs a single y=: several have the colours.", setting="plot")
    is_given = bool(given_x or series or group)
    free = [column for column in columns if column not in (given_x, group, *series)]
    measures = [column for column in free if column.is_measure]
    spoken = words((question or "").replace(",", " and "))
    asked = [stem(word) for word in spoken if word not in {"the", "of"}]  # not needed to find names
    named = _named(measures, asked)
    scale = _scale(measures, named, asked)
    dimension = given_x or _choose_dimension(free, measures, [*named], scale, least=1 if series else 2)
    series = series or _choose_measures(measures, named, asked, dimension)
    is_drawable = dimension is not None and dimension.role is not Role.OTHER
    if not (table.num_rows and dimension and is_drawable and series and all(c.has_numbers for c in series)):
        raise _nothing_fits(columns, table.num_rows)
    panel = None
    listed_measures = series if named else [*series, *measures]
    if not is_given and (lists := _lists(columns, dimension, listed_measures, asked)):
        panel, dimension, *series = lists
    is_beside = dimension.is_unique and all(_share_axis(column, series[0]) for column in series)
    is_apart = len(series) > 1 and not is_beside
    if color is None and panel is None and (len(series) == 1 or is_apart):
        group = _choose_group(columns, dimension, series[0])
        if group is not None and group.role is Role.IDENTIFIER and group.is_unique:  # too many colours
            if dimension.role is Role.DIMENSION:
                columns[dimension.at] = dimension = _tell_apart(dimension, group)
            group = None
    most = _MAX_PANELS if is_apart and y is None else 1 if group and not is_apart else _MAX_SERIES
    notes = (cut, f"{most} of {len(series)} measures" if len(series) > most > 1 else "")
    series = series[:most]
    is_several = group is not None or len(series) > 1
    kind = "lists" if panel else _kind(dimension, scale, series[0], is_several=is_several)
    rows = [*range(table.num_rows)]
    chart = Chart(kind, columns, dimension, series[0], group, panel, series, is_apart, rows, notes=notes)
    chart = next(shown for kinds, fits, shown in shapes if kind in kinds.split() and fits(chart))(chart)
    if chart.kind == "cells":
        chart = replace(chart, series=chart.series[:1], is_apart=False)
    # A period is lost only if rows share a place: the month of a date is not.
    roles = {Role.DIMENSION, Role.PERIOD if are_over(chart) else Role.DIMENSION}
    by = [c for c in columns if c.role in roles and c.count > 1 and c.stems & {*asked}]
    lost = [] if is_given else [column for column in by if column not in chart.dimensions]
    only = [snippet(chart.dimension.name)] if chart.kind == "line" and None in chart.dimension.texts else []
    said = [*chart.notes, *map("only rows with {}".format, only), f"without {_and(lost)}" if lost else ""]
    what = f"{_and(chart.series)} by {_and([c for c in (chart.dimension, chart.group, panel) if c])}"
    meant = _meant(named, asked, chart.series) if named or panel else measures
    is_said = {chart.dimension, *chart.series}.issuperset(meant) and not lost and not is_given
    title = snippet(question) if question and is_said else what
    return _with_rows(replace(chart, what=what, title=title, part=", ".join(filter(None, said))))


def _with_rows(chart: Chart) -> Chart:
    """Return a chart with the drawn rows only: one for each measure, if there are several."""
    columns = [column.take([row for row in chart.rows for _ in chart.series]) for column in chart.columns]
    found = {name: getattr(chart, name) for name in ("dimension", "measure", "group", "panel")}
    drawn = {name: column and columns[column.at] for name, column in found.items()}
    if len(chart.series) > 1:
        measure, names = _beside(chart.series, chart.rows, len(columns))
        drawn |= {"measure": measure, "panel" if chart.is_apart else "group": names}
    stretches = [stretch for stretch in chart.stretches for _ in chart.series]
    return replace(chart, columns=columns, stretches=stretches, **drawn)


def _and(columns: list[Column]) -> str:
    *others, last = [snippet(column.name) for column in columns]
    return f"{', '.join(others)} and {last}" if others else last


def _beside(series: list[Column], rows: list[int], at: int) -> tuple[Column, Column]:
    """Return several measures as two columns: their values, row by row, and the name of each measure."""
    cells = [column.cells for column in series]
    if len({each.type for each in cells}) > 1:
        cells = [pa.chunked_array([column.numbers], pa.float64()) for column in series]
    joined = pa.chunked_array([chunk for each in cells for chunk in each.chunks], cells[0].type)
    order = [row + place * len(cells[0]) for row in rows for place in range(len(series))]
    values = Column(at, "", joined).take(order)
    values.texts = [column.texts[row] for row in rows for column in series]
    values.percent = series[0].percent if len({column.percent for column in series}) == 1 else None
    first, *others = (column.words for column in series)
    shared = [word for word in first if len(word) > 1 and all(word in other for other in others)]
    values.title = f"{' '.join(shared)}{values.title}".strip()
    names = [column.name for column in series] * len(rows)
    return values, Column(at + 1, "", pa.chunked_array([names], pa.string()))


def _tell_apart(dimension: Column, identifier: Column) -> Column:
    """Append the identifier to repeated values, such as customers of the same name."""
    counts = Counter(dimension.texts)
    texts = [
        text if counts[text] == 1 else f"{text or 'null'} ({key})"
        for text, key in zip(dimension.texts, identifier.texts, strict=True)
    ]
    return Column(dimension.at, dimension.name, pa.chunked_array([texts], pa.string()))


def _kind(dimension: Column, scale: Column | None, measure: Column, *, is_several: bool) -> str:
    """Return the kind of axes, by the dimension alone."""
    if dimension.is_time:  # the best months are a list
        is_list = dimension.is_unique and not dimension.is_sorted and is_ordered(measure.numbers)
        return "bars" if is_list else "line"
    is_in_order = dimension.role is Role.PERIOD and dimension.has_numbers and dimension.is_sorted
    if is_in_order and is_several and dimension.largest <= _MAX_PERIOD:
        return "line"
    return "points" if dimension.is_measure and dimension is not scale else "bars"


def _choose_measures(
    measures: list[Column], named: dict[Column, int], asked: list[str], dimension: Column | None
) -> list[Column]:
    """Return the joined measures, or the first one found by a rule and the others of its unit."""
    measures = [column for column in measures if column is not dimension]
    plain = [column for column in measures if column.role is Role.MEASURE]
    found = [column for column in named if column in measures]
    derived = [c for c in measures if c.role is Role.DERIVED and len(c.cells) - c.cells.null_count > 1]
    joined: list[Column] = []
    for pair in pairwise(column for column in found if column in plain or column in derived):
        joins = _AND - (WORDS["compares"] if {*pair} & {*derived} else set())  # growth vs last year is one
        if not joins.isdisjoint(asked[named[pair[0]] : named[pair[1]]]):
            joined += [column for column in pair if column not in joined]
    shares = [c for c in found if c in derived and (c is found[0] or _SHARES & c.stems & {*asked})]
    is_count = not plain or (not joined and asked[:2] != ["how", "many"])
    behind = [c for c in derived if c not in found and is_count and (not plain or c.at > plain[-1].at)]
    is_by_time = dimension is not None and dimension.role is Role.PERIOD and dimension.is_sorted
    ordered = [] if is_by_time else [column for column in measures if is_ordered(column.numbers)]
    rules = (shares or behind[-1:], found, ordered, (plain or measures)[-1:])
    first = next((candidates[0] for candidates in rules if candidates), None)
    if first is None or dimension is None or dimension.is_measure:
        return [first] if first else []
    if first in joined and not (dimension.is_unique and all(_share_axis(c, first) for c in joined)):
        return sorted(joined, key=lambda column: column.at)
    beside = (joined if found else measures) if dimension.is_unique else []
    return [c for c in measures if c is first or (c in beside and _share_axis(c, first))]


def _lists(
    columns: list[Column], dimension: Column, measures: list[Column], asked: list[str]
) -> list[Column]:
    """Return the columns of lists, such as the top 3 of each country: an outer one, names and a measure."""
    is_best = not WORDS["best"].isdisjoint(asked)
    inner = [c for c in (dimension, *columns) if c.role in {Role.LABEL, Role.DIMENSION}]
    outer = [c for c in columns if c.role is Role.DIMENSION or (is_best and c.role is Role.PERIOD)]
    for panel, names, measure in product(outer, inner, filter(lambda c: c.has_numbers, measures)):
        pairs = {*zip(panel.texts, names.texts, strict=True)}
        is_sparse = 2 * len(pairs) <= panel.count * names.count
        is_one = is_ordered(measure.numbers) and {"each", "per"}.isdisjoint(asked)  # list of all
        if names is panel or len(pairs) < len(panel.texts) or is_one or not (is_best or is_sparse):
            continue
        groups = groupby(zip(panel.texts, measure.numbers, strict=True), lambda row: row[0])
        runs = [[number or 0 for _, number in rows] for _, rows in groups]
        falls = [run == sorted(run, reverse=True) for run in runs if len(run) > 1]
        is_in_order = all(falls) or (is_best and not any(falls))
        if len(runs) == panel.count > 1 and falls and is_in_order and max(map(len, runs)) <= _MAX_LISTED:
            return [panel, names, measure]
    return []


def _share_axis(one: Column, other: Column) -> bool:
    """Return True if two measures have the same unit and a similar size (up to a factor of 1,000)."""
    small, large = sorted((one.largest, other.largest))
    is_same = one.unit == other.unit or "any" in (one.unit, other.unit)
    return is_same and (large <= 1_000 * small or not small)


def _choose_dimension(
    columns: list[Column], measures: list[Column], named: list[Column], scale: Column | None, least: int
) -> Column | None:
    """Return the column for the x axis; a measure only if there are at least ``least`` of them."""
    columns = [c for c in columns if not c.is_measure and c.role is not Role.OTHER]
    usable = [column for column in columns if column.count > 1] or columns
    by_role = {role: [column for column in usable if column.role is role] for role in Role}
    periods, dimensions = by_role[Role.PERIOD], by_role[Role.DIMENSION]
    labels = [*by_role[Role.LABEL], *(c for c in by_role[Role.IDENTIFIER] if c.is_unique)]
    # Two years or months are compared over many countries.
    if any(d.count > _FEW for d in dimensions) and all(p.count <= _FEW for p in periods):
        periods = []
    # If a label precedes the period, or rows are sorted by a measure and not by time, they list things.
    is_first = any(
        label.role is Role.LABEL and label.at < period.at for label in labels for period in periods[:1]
    )
    is_ranked = labels and any(is_ordered(m.numbers) for m in measures)
    if periods and not (is_first or (is_ranked and not any(period.is_sorted for period in periods))):
        # Prefer a period with unique values (dates and names before numbers), otherwise the finest.
        alone = [column for column in periods if column.is_unique]
        texts_first = sorted(alone, key=lambda column: is_number(column.cells.type))
        return (texts_first or sorted(periods, key=lambda c: -fineness(c.name, c.cells)))[0]
    if labels and len(labels[0].cells) > _MANY and _are_compared(named):
        return named[0]
    if len(dimensions) > 1 and dimensions[1].count > max(dimensions[0].count, _MANY):
        dimensions = dimensions[1:]
    others = [*dimensions, *labels, *by_role[Role.IDENTIFIER], *by_role[Role.RANK], *filter(None, [scale])]
    least_measures = measures[:1] if len(measures) >= least and len(measures[0].cells) >= least else []
    return next(iter([*by_role[Role.LABEL], *others, *least_measures]), None)


def _are_compared(named: list[Column]) -> bool:
    """Return True if a question compares two measures, such as weight and price, and sorts by neither."""
    is_sorted = any(is_ordered(column.numbers) for column in named)
    return bool(named[1:]) and not named[2:] and not (is_sorted or _share_axis(*named))


def _scale(measures: list[Column], named: dict[Column, int], asked: list[str]) -> Column | None:
    """Return a measure to count others by, such as a rating from 1 to 5: unique whole numbers."""
    if len(measures) > 1 and any(is_ordered(column.numbers) for column in measures):  # else draw points
        for column, at in named.items():
            before = [word for word in asked[:at] if word in _BY or word not in WORDS["common"]]
            is_whole = all(number is not None and number % 1 == 0 for number in column.numbers)
            if not _BY.isdisjoint(before[-2:]) and column.is_unique and is_whole:
                return column
    return None


def _choose_group(columns: list[Column], dimension: Column, measure: Column) -> Column | None:
    """Return a column to tell repeated values of the dimension apart, or the category of its labels."""
    if dimension.is_unique and dimension.role is not Role.LABEL:
        return None
    roles = (Role.DIMENSION, Role.PERIOD, Role.LABEL, Role.IDENTIFIER)

    def is_own_key(column: Column) -> bool:  # such as customer_id of customer; it gets no colours
        is_key = column.role is Role.IDENTIFIER and column.is_unique
        return is_key and dimension.role is Role.DIMENSION and not dimension.stems.isdisjoint(column.stems)

    candidates = [
        column
        for role in (roles[:2] if dimension.is_measure else roles)  # not one colour per point
        for column in columns
        if column.role is role
        and column not in (dimension, measure)
        and not (is_time(column.cells.type) and column.count > _FEW and dimension.role is not Role.PERIOD)
        and (column.count > 1 or is_own_key(column))
        and (column.count <= COLOURS or not dimension.is_measure)
    ]
    if dimension.is_unique:  # such as products: their category repeats and precedes them
        candidates = [c for c in candidates if c.role is Role.DIMENSION and c.at < dimension.at]
    unique = (
        column
        for column in candidates
        if len({*zip(dimension.texts, column.texts, strict=True)}) == len(dimension.cells)
        and (2 * column.count <= len(column.cells) or column.count <= COLOURS or is_own_key(column))
    )
    return next(unique, next((c for c in candidates if c.count <= COLOURS), None))


def _named(measures: list[Column], asked: list[str]) -> dict[Column, int]:
    """Return the measures named in a question, in its order, with the position of their first words."""
    found: dict[Column, int] = {}
    for at, word in enumerate(asked):
        # If several measures have a word, prefer the one with most of the words around it.
        shared = {c: len(c.stems & _around(asked, at, c.stems)) for c in measures if word in c.stems}
        lengths = {c: (count, count / len(c.stems)) for c, count in shared.items()}
        for column, length in lengths.items():
            own = column.stems - WORDS["common"] or column.stems
            if length == max(lengths.values()) and own.intersection(asked):
                found.setdefault(column, at)
    return found


def _meant(named: dict[Column, int], asked: list[str], series: list[Column]) -> list[Column]:
    """Return the named measures, except bases: for "share of revenue", not the revenue."""
    is_share = any(column.role is Role.DERIVED for column in series)
    return [c for c, at in named.items() if c in series or not (is_share and _SHARES & _around(asked, at))]


def _around(asked: list[str], at: int, name: Collection[str] = ()) -> set[str]:
    """Return the words of a question around a position, up to separators of names."""

    def is_inside(word: str) -> bool:
        return word in name or word not in {*_BY, *_AND}

    return {*takewhile(is_inside, asked[at:]), *takewhile(is_inside, asked[:at][::-1])}


def _find_all(columns: list[Column], names: object) -> list[Column]:
    """Return the columns with these names; raises ConfigError if there are too many."""
    given = names if isinstance(names, list | tuple) else [names]
    found = [*filter(None, dict.fromkeys(_find(columns, name) for name in given))]
    if len(found) > _MAX_SERIES:
        raise ConfigError(f"y= names {len(found)} columns (at most {_MAX_SERIES}).", setting="plot")
    return found


def _find(columns: list[Column], name: object) -> Column | None:
    if name is None:
        return None
    for column in columns:
        if isinstance(name, str) and column.name == name:
            return column
    known = quoted([column.name for column in columns])
    raise ConfigError(f"No column {value_text(name)} to draw; the columns are {known}.", setting="plot")


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
