"""Choose the chart that fits a question, for altair and for a terminal.

The choice depends on the roles of the columns and the words of the question. Rules are tried in order, and
the first that finds something decides: see ``docs/design/display.md``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames._base.text import listed, quoted, snippet, value_text
from connecty_frames.decode.arrow_types import is_number
from connecty_frames.display.columns import Column
from connecty_frames.display.roles import WORDS, Role, fineness, is_ordered, is_year, stem, words
from connecty_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

#: The most rows, and the most categories of bars: more if they are in order, such as the days of a month.
_MAX_ROWS: Final = 5_000
_MAX_CATEGORIES: Final = 30
_MAX_ORDERED: Final = 60
#: The most measures beside each other.
_MAX_SERIES: Final = 6
#: With more values than this, the second of two dimensions becomes the x axis if it has more than the first,
#: and things with two measures are drawn as points.
_MANY: Final = 10
#: A period with at most this many values is not drawn as a line: its values are compared.
_FEW: Final = 2
#: The largest number of a period other than a year or date, such as the day of a year.
_MAX_PERIOD: Final = 366  # pragma: no mutate - others are months and days of a year, such as 202403
#: Words of a question that precede a dimension.
_BY: Final = {"by", "per", "each"}
#: Words for a measure that is relative to another.
_SHARES: Final = {"share", "growth"}


ChartKind: TypeAlias = Literal["line", "bars", "points"]


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw."""

    kind: ChartKind
    columns: list[Column]  # only the rows that are drawn
    dimension: Column
    measure: Column
    group: Column | None  # distinguished by colour, for example
    what: str  # what is drawn, such as ``revenue by country and status``
    title: str
    part: str  # how much is drawn, such as ``100 of 2,000 rows``; empty for everything

    @property
    def dimensions(self) -> list[Column]:
        """The dimension, and the group if there is one."""
        return [self.dimension, self.group] if self.group else [self.dimension]

    @property
    def has_dots(self) -> bool:
        """Whether dots are drawn in place of bars or a line."""
        # A line would connect events, such as orders; marks at the same place would overlap.
        is_event = any(column.role is Role.IDENTIFIER and column.is_unique for column in self.columns)
        places = [*zip(*(column.texts for column in self.dimensions), strict=True)]
        is_over = len(set(places)) < len(places)
        return self.kind != "points" and (is_over or (is_event and self.dimension.is_time))


def choose_chart(
    table: pa.Table,
    question: str | None = None,
    x: str | None = None,
    y: str | Sequence[str] | None = None,
    color: str | None = None,
    *,
    cut: str = "",
) -> Chart:
    """Return the chart of the given columns, or the one that the rules choose; raises ConfigError."""
    # ``cut`` is a note such as "100 of 2,000 rows", if the answer was cut.
    if table.num_rows > _MAX_ROWS:
        raise ConfigError(
            f"{table.num_rows:,} rows are too many for a chart (at most {_MAX_ROWS:,}). Ask for fewer, such "
            "as sums by month or the first 20, or plot a part of answer.to_pandas().",
            setting="plot",
        )
    named_columns = zip(table.column_names, table.columns, strict=True)
    columns = [Column(at, *each) for at, each in enumerate(named_columns)]
    given_x, group, series = _find(columns, x), _find(columns, color), _find_all(columns, y)
    if group is not None and len(series) > 1:
        raise ConfigError("color= needs a single y=: several have the colours.", setting="plot")
    is_given = bool(given_x or series)
    free = [column for column in columns if column not in (given_x, group, *series)]
    measures = [column for column in free if column.is_measure]
    spoken = words((question or "").replace(",", " and "))
    asked = [stem(word) for word in spoken if word not in {"the", "of"}]  # not needed to find names
    named = _named(measures, asked)
    scale = _scale(measures, named, asked)
    dimension = given_x or _choose_dimension(free, measures, [*named], scale, least=1 if series else 2)
    series = series or _choose_measures(measures, [*named], asked, dimension)
    series = series[:1] if group else series  # the group has the colours
    is_drawable = dimension is not None and dimension.role is not Role.OTHER
    if not (table.num_rows and dimension and is_drawable and series and all(c.has_numbers for c in series)):
        raise _nothing_fits(columns, table.num_rows)
    if color is None and len(series) == 1:
        group = _choose_group(columns, dimension, series[0])
        if group is not None and group.role is Role.IDENTIFIER and group.is_unique:  # too many colours
            if dimension.role is Role.DIMENSION:
                columns[dimension.at] = dimension = _tell_apart(dimension, group)
            group = None
    kind = _kind(dimension, scale, is_several=group is not None or len(series) > 1)
    rows, part = _rows(kind, dimension, scale)
    parts = [cut, part]
    if len(series) > _MAX_SERIES:
        parts.append(f"{_MAX_SERIES} of {len(series)} measures")
        series = series[:_MAX_SERIES]
    what = f"{_and(series)} by {_and([dimension, group] if group else [dimension])}"
    meant = _meant(named, asked, series) if named else measures
    by = [c for c in columns if c.role is Role.DIMENSION and c.count > 1 and c.stems & {*asked}]
    is_said = {dimension, group, *series}.issuperset([*meant, *by])
    columns = [column.take([row for row in rows for _ in series]) for column in columns]
    if len(series) > 1:
        measure, group = _beside(series, rows, len(columns))
    else:
        measure, group = columns[series[0].at], columns[group.at] if group else None
    return Chart(
        kind,
        columns,
        columns[dimension.at],
        measure,
        group,
        what=what,
        title=snippet(question) if question and is_said and not is_given else what,
        part=", ".join(filter(None, parts)),
    )


def _rows(kind: ChartKind, dimension: Column, scale: Column | None) -> tuple[list[int], str]:
    """Return the rows of a chart, and a note if some are not drawn."""
    texts = dimension.texts
    if kind != "bars":
        return [*range(len(texts))], f"only rows with {snippet(dimension.name)}" if None in texts else ""
    is_in_order = (dimension.role is Role.PERIOD or dimension is scale) and _is_sorted(dimension)
    limit = _MAX_ORDERED if is_in_order else _MAX_CATEGORIES
    categories = [*dict.fromkeys(texts)]
    first = {*categories[:limit]}
    rows = [row for row, text in enumerate(texts) if text in first]
    return rows, f"the first {limit} of {len(categories):,} categories" if len(categories) > limit else ""


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
    """Append the identifier to each value that occurs more than once, such as customers of the same name."""
    counts = Counter(dimension.texts)
    texts = [
        text if counts[text] == 1 else f"{text or 'null'} ({key})"
        for text, key in zip(dimension.texts, identifier.texts, strict=True)
    ]
    return Column(dimension.at, dimension.name, pa.chunked_array([texts], pa.string()))


def _is_sorted(period: Column) -> bool:
    """Whether the rows are in the order of a period, whose values may repeat."""
    return period.count == 1 or is_ordered(pc.unique(period.cells))


# --- rules ------------------------------------------------------------------------------------------


def _kind(dimension: Column, scale: Column | None, *, is_several: bool) -> ChartKind:
    is_number = dimension.role is Role.PERIOD and not dimension.is_time and dimension.has_numbers
    is_in_order = is_number and _is_sorted(dimension)
    is_line = is_in_order and (is_year(dimension.cells) or (is_several and dimension.largest <= _MAX_PERIOD))
    if dimension.is_time or is_line:
        return "line"
    return "points" if dimension.is_measure and dimension is not scale else "bars"


def _choose_measures(
    measures: list[Column], named: list[Column], asked: list[str], dimension: Column | None
) -> list[Column]:
    """Return the measure that the first matching rule finds, and those to draw beside it."""
    measures = [column for column in measures if column is not dimension]
    plain = [column for column in measures if column.role is Role.MEASURE]
    found = [column for column in named if column in measures]
    derived = [
        column
        for column in measures
        if column.role is Role.DERIVED and len(column.cells) - column.cells.null_count > 1
    ]
    shares = [c for c in found if c in derived and (c is found[0] or _SHARES & c.stems & {*asked})]
    behind = [c for c in derived if c not in found and (not plain or c.at > plain[-1].at)]
    is_by_time = dimension is not None and dimension.role is Role.PERIOD and _is_sorted(dimension)
    ordered = [] if is_by_time else [column for column in measures if is_ordered(column.cells)]
    rules = (shares or behind[-1:], found, ordered, (plain or measures)[-1:])
    first = next((candidates[0] for candidates in rules if candidates), None)
    if first is None or dimension is None or not dimension.is_unique or dimension.is_measure:
        return [first] if first else []
    return [c for c in measures if c is first or (c in (found or measures) and _share_axis(c, first))]


def _share_axis(one: Column, other: Column) -> bool:
    """Whether two measures have the same unit and a similar size (up to a factor of 1,000)."""
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
    if periods and not (
        any(label.role is Role.LABEL and label.at < periods[0].at for label in labels)
        or (labels and not any(map(_is_sorted, periods)) and any(is_ordered(m.cells) for m in measures))
    ):
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
    """Whether a question compares two measures, such as weight and price, and sorts by neither."""
    match named:
        case [one, other]:
            return not (_share_axis(one, other) or is_ordered(one.cells) or is_ordered(other.cells))
    return False


def _scale(measures: list[Column], named: dict[Column, int], asked: list[str]) -> Column | None:
    """Return the measure that others are counted by, such as a rating from 1 to 5: unique whole numbers."""
    if len(measures) > 1 and any(is_ordered(column.cells) for column in measures):  # else draw points
        for column, at in named.items():
            before = [word for word in asked[:at] if word in _BY or word not in WORDS["common"]]
            is_whole = all(number is not None and number % 1 == 0 for number in column.numbers)
            if not _BY.isdisjoint(before[-1:]) and column.is_unique and is_whole:
                return column
    return None


def _choose_group(columns: list[Column], dimension: Column, measure: Column) -> Column | None:
    """Return the column that tells repeated values of the dimension apart, or that its labels belong to."""
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
        and not (column.is_time and column.count > _FEW)
        and (column.count in range(2, 21) or is_own_key(column))  # at most 20 colours
    ]
    if dimension.is_unique:  # such as products: their category repeats and precedes them
        candidates = [c for c in candidates if c.role is Role.DIMENSION and c.at < dimension.at]
    unique = (
        column
        for column in candidates
        if len({*zip(dimension.texts, column.texts, strict=True)}) == len(dimension.cells)
    )
    return next(unique, next(iter(candidates), None))


# --- names ------------------------------------------------------------------------------------------


def _named(measures: list[Column], asked: list[str]) -> dict[Column, int]:
    """Return the measures that a question names, in its order, with the position of their first words."""
    found: dict[Column, int] = {}
    for at, word in enumerate(asked):
        # If several measures have a word, the one that shares most of the words around it is meant.
        shared = {c: len(c.stems & _around(asked, at, c.stems)) for c in measures if word in c.stems}
        lengths = {c: (count, count / len(c.stems)) for c, count in shared.items()}
        for column, length in lengths.items():
            own = column.stems - WORDS["common"] or column.stems
            if length == max(lengths.values()) and own.intersection(asked):
                found.setdefault(column, at)
    return found


def _meant(named: dict[Column, int], asked: list[str], series: list[Column]) -> list[Column]:
    """Return the named measures that a chart must show: for "share of revenue", not the revenue."""
    is_share = any(column.role is Role.DERIVED for column in series)
    return [c for c, at in named.items() if c in series or not (is_share and _SHARES & _around(asked, at))]


def _around(asked: list[str], at: int, name: Collection[str] = ()) -> set[str]:
    """Return the words of a question around a position, up to words that separate names."""

    def is_inside(word: str) -> bool:
        return word in name or word not in {*_BY, "and", "or", "vs", "with"}

    return {*takewhile(is_inside, asked[at:]), *takewhile(is_inside, asked[:at][::-1])}


def _find_all(columns: list[Column], names: object) -> list[Column]:
    """Return the columns with these names; raises ConfigError if they cannot share an axis."""
    given = names if isinstance(names, list | tuple) else [names]
    found = [*filter(None, dict.fromkeys(_find(columns, name) for name in given))]
    if len(found) > _MAX_SERIES:
        raise ConfigError(f"y= names {len(found)} columns (at most {_MAX_SERIES}).", setting="plot")
    if len({c.cells.type if pa.types.is_duration(c.cells.type) else None for c in found}) > 1:
        raise ConfigError("y= names durations and other numbers, which share no axis.", setting="plot")
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
