"""Choose the chart for a question; see ``docs/design/display.md``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import groupby, pairwise, permutations, product, takewhile
from operator import le
from typing import Any, Final, TypeAlias

import pyarrow as pa

from connecty_frames._base.text import listed, quoted, snippet, value_text
from connecty_frames.display import roles
from connecty_frames.display.columns import AND, BY, Column, Columns, are_ends, join_columns
from connecty_frames.display.roles import WORDS, Role, fineness, is_ordered, is_time
from connecty_frames.display.shapes import COLOURS, SHAPES, Chart, Shape, are_over
from connecty_frames.errors import ConfigError

Named: TypeAlias = dict[Column, int]  # with the position of its first word

#: The most rows, measures beside each other, their panels, rows of a list, and characters of missing names.
_MAX_ROWS, _MAX_SERIES, _MAX_PANELS, _MAX_LISTED, _MAX_NAME = 5_000, 6, 4, 10, 30
#: With many values, a second dimension is the x axis, and things are points; few periods are compared. On one
#: axis, a measure is at most so many times larger than another. The share of usual values.
_MANY, _FEW, _SIMILAR, _USUAL = 10, 2, 15, 0.98
_SIZES: Final = (("B", 1e9), ("M", 1e6), ("k", 1e3))
_TELL_APART: Final = "dimension label period identifier"  # the order of the columns that tell rows apart


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
    columns = _columns(table)
    given_x, group, series = _find(columns, [x]), _find(columns, [color]), _find(columns, y)
    if group and len(series) > 1:
        raise ConfigError("color= needs a single y=: several have the colours.", setting="plot")
    asked = roles.asked_words(question or "", [column.words for column in columns])
    is_given = bool(given_x or series or group)
    is_best = not (WORDS["best"] | WORDS["lists"]).isdisjoint(asked) and {"each", "per"}.isdisjoint(asked)
    is_list = is_best and not is_given and any(c.is_ranked for c in columns if c.is_measure and c.has_numbers)
    free = columns if is_given else join_columns(columns, asked, is_list=is_list)
    free = [column for column in free if column not in (*given_x, *group, *series)]
    measures = [column for column in free if column.is_measure]
    named = _named(measures, asked)
    is_chosen = not is_given and shapes is SHAPES  # a terminal draws no spans, intervals or third dimension
    if is_chosen and not named and (spans := _spans(columns, free, cut)):
        free = [column for column in free if column.role is not Role.PERIOD]
        return _finished(_shaped(spans, shapes), question, free, named, asked)
    wanted, least = asked if is_list else [], 1 if series else 2
    dimension = given_x[0] if given_x else _choose_dimension(free, measures, wanted, least)
    spread = [] if is_given else _spread(free, [*named], asked)
    axes = [] if is_given else spread or _related(free, named, asked)
    columns, free, dimension = spread or columns, spread or free, next(iter(axes), dimension)
    series = axes[1:] or series or _choose_measures(measures, named, asked, dimension)
    interval = _interval(measures, series) if is_chosen and not axes else []
    series = [column for column in series if column not in interval]
    is_drawable = dimension is not None and dimension.role is not Role.OTHER
    if not (table.num_rows and dimension and is_drawable and series and all(c.has_numbers for c in series)):
        raise _nothing_fits(columns, table.num_rows)
    lists = [] if is_given else _lists(free, dimension, series if named else [*series, *measures], asked)
    if lists:
        _, dimension, *series = lists
    elif is_list:
        dimension = _tell_apart(free, dimension, asked)
    is_beside = dimension.is_unique and all(_share_axis(column, series[0]) for column in series)
    is_apart = len(series) > 1 and not is_beside
    if not (group or lists or (len(series) > 1 and is_beside)) and columns[dimension.at] is dimension:
        dimension, group = _choose_group(free, dimension, series[0])
    columns[dimension.at] = dimension
    is_several = bool(group) or len(series) > 1
    kind = "lists" if lists else "histogram" if spread else _kind(dimension, series[0], is_several=is_several)
    is_by_axis = kind == "line" and not group and len({*_axes(series)}) <= _MAX_PANELS
    most = _MAX_PANELS if is_apart and y is None and not is_by_axis else _MAX_SERIES
    most = 1 if group and not is_apart else most
    panels = lists[:1] or (_choose_panel(free, dimension, group) if is_chosen else [])
    colour, panel = next(iter(group), None), next(iter(panels), None)
    rows = _in_order(kind, series[0], [dimension, *group])
    chart = Chart(kind, columns, dimension, series[:most], series[0], rows, colour, panel, is_apart, interval)
    is_stacked = not (WORDS["mixes"].isdisjoint(asked) or series[0].is_signed or series[0].is_average)
    chart = _shaped(replace(chart, is_stacked=is_stacked and chart.colours > 1, notes=(cut,)), shapes)
    if is_given:  # the title names the columns, and nothing else is missed
        question, free = None, []
    return _finished(chart, question, free, named, asked)


def _shaped(chart: Chart, shapes: tuple[Shape, ...]) -> Chart:
    shape = next(shape for kinds, fits, shape in shapes if chart.kind in kinds.split() and fits(chart))
    return shown if (shown := shape(chart)).has_interval else replace(shown, interval=[])


def _columns(table: pa.Table) -> Columns:
    if table.num_rows > _MAX_ROWS:
        many = f"{table.num_rows:,} rows are too many for a chart (at most {_MAX_ROWS:,}). Ask for fewer, "
        less = "such as sums by month or the first 20, or plot a part of answer.to_pandas()."
        raise ConfigError(many + less, setting="plot")
    return [Column(at, name, table.column(at)) for at, name in enumerate(table.column_names)]


def _spans(columns: Columns, free: Columns, cut: str) -> Chart | None:
    """Return the times from a start to an end, such as those of projects."""
    names = [c for role in (Role.LABEL, Role.DIMENSION) for c in free if c.role is role]
    times = [c for c in free if is_time(c.cells.type) and not c.cells.null_count] if names else []
    for start, end in permutations(times, 2):
        if all(map(le, start.places, end.places)) and start.places != end.places:
            few = next((c for c in names[1:] if 1 < c.count <= COLOURS), None)
            rows = [*range(len(start.places))]
            return Chart("spans", columns, names[0], [start], start, rows, few, interval=[end], notes=(cut,))
    return None


def _interval(measures: Columns, series: Columns) -> Columns:
    for low, high in permutations(measures, 2):
        inner = [column for column in series if column not in (low, high)]
        if are_ends(low, high, "intervals") and len(inner) == 1:
            rows = zip(low.numbers, inner[0].numbers, high.numbers, strict=True)
            if all(a <= b <= c for a, b, c in rows if a is not None and b is not None and c is not None):
                return [low, high]
    return []


def _spread(columns: Columns, named: Columns, asked: list[str]) -> Columns:
    """Return bins of a measure and their counts, if a question asks how the values of things spread."""
    is_raw = any(c.is_unique and c.role in {Role.IDENTIFIER, Role.LABEL} for c in columns) or not columns[1:]
    found = [c for c in named or columns if c.is_measure and c.has_numbers and len(c.known) > 2 * _MANY]
    if WORDS["spreads"].isdisjoint(asked) or not (is_raw and found):
        return []
    numbers = sorted(found[0].known)
    width = (numbers[int(_USUAL * len(numbers))] - numbers[0]) / (1.5 * _MANY) or 1  # of a bin, at least
    power = 10.0 ** math.floor(math.log10(width))
    step = next(power * each for each in (1, 2, 5, 10) if width <= power * each)
    unit, size = next((each for each in _SIZES if step * _MANY >= each[1]), ("", 1))
    places = [math.floor(number / step) for number in numbers]
    last = places[int(_USUAL * len(places))]  # this bin has the few above
    counts = Counter(min(place, last) for place in places)
    edges = [f"{place * step / size:g}" for place in range(places[0], last + 2)]
    texts = [f"{low} \N{EN DASH} {high}{unit}" for low, high in pairwise(edges)]
    texts[-1:] = [f"{edges[-2]}{unit}+"] if places[-1] > last else texts[-1:]
    cells = {found[0].name: texts, "count": [counts[place] for place in range(places[0], last + 1)]}
    return [Column(at, name, pa.chunked_array([each])) for at, (name, each) in enumerate(cells.items())]


def _related(columns: Columns, named: Named, asked: list[str]) -> Columns:
    """Return the measures on x and y, if a question asks how two relate: the yield against the rainfall."""
    pair, words = [column for column in named if column.has_numbers][:2], {*asked}
    if not pair[1:] and not WORDS["relations"].isdisjoint(words):
        pair = [column for column in columns if column.is_measure and column.has_numbers]
    if len(pair) != len("xy"):
        return []
    between = {*asked[named.get(pair[0], 0) : named.get(pair[1], -1)]}
    is_moved = "with" in between and not WORDS["moves"].isdisjoint(words)
    # Things with two measures, such as weight and price, and sorted by neither, are points.
    is_of_things = any(c.role in {Role.LABEL, Role.IDENTIFIER} and c.is_unique for c in columns)
    is_of_things = is_of_things and not (len(named) > len(pair) or any(is_ordered(c.numbers) for c in pair))
    is_timed = any(c.role is Role.PERIOD and c.stems & words for c in columns)  # in each month
    is_apart = not (is_timed or _share_axis(*pair)) and len(pair[0].cells) > _MANY
    is_against = is_of_things or not WORDS["compares"].isdisjoint(between)
    if not (is_moved or (is_apart and is_against)) and WORDS["relations"].isdisjoint(words):
        return []
    # The effect on sales, what leads to it.
    is_cause = "depend" not in words and (not between.isdisjoint(("on", "lead")) or "correlate" in words)
    return pair if is_cause or (WORDS["causes"] | {"on"}).isdisjoint(between) else pair[::-1]


def _in_order(kind: str, measure: Column, columns: Columns) -> list[int]:
    is_ordinal = kind == "bars" and columns[0].is_ordinal and not measure.is_ranked
    places = [column.places for column in columns if is_ordinal and column.is_ordinal]
    rows = range(len(measure.texts))
    return sorted(rows, key=lambda row: [(each[row] is None, each[row]) for each in places])


def _finished(chart: Chart, question: str | None, free: Columns, named: Named, asked: list[str]) -> Chart:
    only = [snippet(chart.dimension.name)] if chart.kind == "line" and None in chart.dimension.texts else []
    said = [*chart.notes, *map("only rows with {}".format, only)]
    is_missed = chart.kind in {"bars", "lists"} and not chart.is_numbered  # they would look like zero
    for column in chart.series if is_missed else []:
        rows = [row for row in chart.rows if column.numbers[row] is None]
        absent = dict.fromkeys(snippet(chart.dimension.texts[row] or "null", _MAX_NAME) for row in rows)
        said += [f"without {snippet(column.name)} of {listed([*absent])}"] if absent else []
    over = [column for column in (chart.dimension, chart.group, chart.panel) if column]
    what = f"{_and([*chart.series, *chart.interval])} by {_and(over)}"
    # Of "share of revenue", the revenue is not lost.
    is_share = any(column.role is Role.DERIVED for column in chart.series)
    drawn = {column.name for column in (*over, *chart.series, *chart.interval)}
    names = {Role.LABEL, Role.DIMENSION} if chart.has_dots or chart.kind == "points" else {}
    others = [c for c in free if (c.is_measure or c.role in names) and c.name not in drawn]
    lost = _lost(free, chart, asked)
    lost += [c for c in named if c in others and not (is_share and c.role is Role.MEASURE)]
    is_all = not lost and bool(free) and bool(named or chart.kind == "lists" or not others)
    lost = [*dict.fromkeys([*lost, *others])]
    missing, more = [snippet(column.name) for column in lost[:_MAX_PANELS]], len(lost) - _MAX_PANELS
    parts = {"Shown": [*filter(None, said)], "Not drawn": missing + [f"{more} more"] * (more > 0)}
    part = ". ".join(f"{what}: {', '.join(each)}" for what, each in parts.items() if each)
    title = snippet(question) if question and is_all else what
    return replace(chart, what=what, title=title, part=part, **_drawn(chart))


def _drawn(chart: Chart) -> dict[str, Any]:
    """Return the columns of a chart with a row for each mark."""
    columns = [column.take([row for row in chart.rows for _ in chart.series]) for column in chart.columns]
    fields = "dimension", "measure", "group", "panel"
    drawn: dict[str, Any] = {name: (found := getattr(chart, name)) and columns[found.at] for name in fields}
    if len(chart.series) > 1:
        measure, names = _beside(chart, len(columns))
        drawn |= {"measure": measure, **(_panels(chart, names) if chart.is_apart else {"group": names})}
    stretches = [stretch for stretch in chart.stretches for _ in chart.series]
    interval = [columns[column.at] for column in chart.interval]
    return {**drawn, "columns": columns, "stretches": stretches, "interval": interval}


def _and(columns: Columns) -> str:
    *others, last = [snippet(column.name) for column in columns]
    return f"{', '.join(others)} and {last}" if others else last


def _beside(chart: Chart, at: int) -> tuple[Column, Column]:
    series, rows, cells = chart.series, chart.rows, [column.cells for column in chart.series]
    if len({each.type for each in cells}) > 1:
        cells = [pa.chunked_array([column.numbers], pa.float64()) for column in series]
    joined = pa.chunked_array([chunk for each in cells for chunk in each.chunks], cells[0].type)
    order = [row + place * len(cells[0]) for row in rows for place in range(len(series))]
    values = Column(at, "", joined).take(order)
    values.texts = [column.texts[row] for row in rows for column in series]
    values.percent = series[0].percent if len({column.percent for column in series}) == 1 else None
    shared = {*series[0].words}.intersection(*(column.words for column in series)) - WORDS["statistics"]
    shared = set() if chart.is_apart else shared  # each panel has the name of its measure
    values.title = " ".join([word for word in series[0].words if word in shared] + [values.title]).strip()
    values.far = series[0].far
    names = [column.name for column in series] * len(rows)
    return values, Column(at + 1, "", pa.chunked_array([names], pa.string()))


def _panels(chart: Chart, names: Column) -> dict[str, Column]:
    """Return a panel for each measure, or for lines on the same axis, with a colour for each."""
    firsts = _axes(chart.series)
    if chart.kind != "line" or chart.group or len({*firsts}) == len(firsts):
        return {"panel": names}
    alike = [[c.name for c, each in zip(chart.series, firsts, strict=True) if each is one] for one in firsts]
    panels = pa.chunked_array([[*map(listed, alike)] * len(chart.rows)])
    return {"panel": Column(names.at + 1, "", panels), "group": names}


def _lost(columns: Columns, chart: Chart, asked: list[str]) -> Columns:
    """Return the dimensions that a question names, or that share a place, and a chart does not show."""
    drawn, is_over = chart.dimensions, are_over(chart)
    new = {*asked}.difference(*(column.stems for column in drawn))
    others = [c for c in columns if c.count > 1 and not any(c.name in name.name for name in drawn)]
    by_name = {Role.DIMENSION, Role.PERIOD, "" if chart.kind == "points" else Role.LABEL}
    always = {Role.DIMENSION} if is_over else ()
    # The month of a date is not lost, unless rows share a place; the date of a receipt is.
    known = set() if is_over else roles.PERIODS.keys()
    news = {column: new - known if column.role is Role.PERIOD else new for column in others}
    return [c for c in others if c.role in always or (c.role in by_name and c.stems & news[c])]


def _tell_apart(columns: Columns, dimension: Column, asked: list[str]) -> Column:
    """Return a dimension with a label for each row, such as "Oslo - Rome" or "Ann (7)"."""
    texts, told = dimension.texts, Counter(dimension.texts)
    others = [c for c in columns if c is not dimension and not c.is_measure and c.count > 1]
    others = sorted(others, key=lambda c: (not _is_own_key(c, dimension), _TELL_APART.find(c.role)))
    dates = [c for c in others if c.role is Role.PERIOD and "when" in asked]
    keys = [c for c in others if len({*zip(texts, c.texts, strict=True)}) == len(texts) > len(told)]
    if not (dates or keys) or dimension.role is Role.PERIOD:
        return dimension
    other = [*dates, *keys][0]
    # Routes have many rows of the same start; of customers, few have the same name.
    is_pair = not dates and other.role in {Role.DIMENSION, Role.LABEL} and 3 * len(told) <= 2 * len(texts)
    form = "{} \N{EN DASH} {}" if is_pair else "{} ({})"
    is_all = is_pair or dates or not {"why", *other.stems}.isdisjoint(asked)
    labels = other.labels_of()
    rows = zip(texts, [labels.get(text or "", text or "null") for text in other.texts], strict=True)
    names = [form.format(a or "null", b) if is_all or told[a] > 1 else a or "null" for a, b in rows]
    return dimension.relabelled(names, f"{dimension.name} and {other.name}" if is_all else dimension.name)


def _kind(dimension: Column, measure: Column, *, is_several: bool) -> str:
    if dimension.is_time:  # the best months are a list
        is_list = dimension.is_unique and not dimension.is_sorted and measure.is_ranked
        return "bars" if is_list else "line"
    is_run = dimension.is_unique and dimension.count > _MANY  # hours of the day, ages
    if dimension.has_numbers and dimension.is_sorted and not dimension.is_measure:
        is_period = dimension.role is Role.PERIOD
        if (is_period and (is_run or is_several)) or (is_run and measure.is_narrow):
            return "line"
        if is_run and not is_several:
            return "histogram"
    return "points" if dimension.is_measure else "bars"


def _choose_measures(measures: Columns, named: Named, asked: list[str], dimension: Column | None) -> Columns:
    """Return the joined measures, or the first one found by a rule, its twins, and the others of its unit."""
    measures = [column for column in measures if column is not dimension]
    plain = [column for column in measures if column.role is Role.MEASURE]
    found = [column for column in named if column in measures]
    derived = [c for c in measures if c.role is Role.DERIVED and len(c.cells) - c.cells.null_count > 1]
    joined: Columns = []
    for pair in pairwise(column for column in found if column in plain or column in derived):
        # Growth vs last year is one.
        joins = AND - WORDS["compares"] if {*pair} & {*derived} else AND | WORDS["comparing"]
        if not joins.isdisjoint(asked[named[pair[0]] : named[pair[1]]]):
            joined += [column for column in pair if column not in joined]
    alike = [c for c in found if named[c] == named[found[0]] and _share_axis(c, found[0])]
    joined = joined or (alike if len(alike) > 1 else [])
    is_many = bool(plain) and "many" in asked
    relative = WORDS["relative"].intersection(asked)
    shares = [c for c in found if c in derived and (c is found[0] or relative & c.stems)]
    shares.sort(key=lambda column: relative.isdisjoint(column.stems))
    least = 0 if relative else max((_count_named(column, asked) for column in found), default=0)
    last = plain[-1].at if plain else -1
    behind = [c for c in derived if c.at > last and _count_named(c, asked) >= least]
    is_by_time = dimension is not None and dimension.role is Role.PERIOD and dimension.is_sorted
    ordered = [] if is_by_time else [column for column in measures if is_ordered(column.numbers)]
    rules = ([] if is_many else shares or behind[-1:], found, ordered, (plain or measures)[-1:])
    first = next((candidates[0] for candidates in rules if candidates), None)
    if first in derived and "cumulative" in first.stems and not (dimension and dimension.role is Role.PERIOD):
        joined = [*[c for c in [*found, *plain[::-1]] if c in plain][:1], first]  # the bars of the curve
    if first is None or dimension is None or dimension.is_measure:
        return [first] if first else []
    if joined and first in named and first not in joined:  # such as another name of the first
        joined = [first, *(c for c in joined if not AND.isdisjoint(asked[named[first] : named[c]]))]
    is_asked = found and "and" in asked[: named[found[0]]] and not WORDS["best"].isdisjoint(asked)
    if is_asked and ordered and ordered[0] not in found:  # the top scorers and their assists
        joined = [ordered[0], *found]
    is_open = _is_open(measures, asked) or not (found or ordered)
    others = joined if found and not is_open else [c for c in measures if c in plain or c in derived]
    others = others if dimension.is_unique else []
    is_open = is_open and len(others) <= _MAX_PANELS
    beside = joined if first in joined else [c for c in others if is_open or _share_axis(c, first)]
    twins = [c for c in measures if any(_are_twins(each, c, asked) for each in (first, *beside))]
    return [c for c in measures if c in beside or c in twins]


def _is_open(measures: Columns, asked: list[str]) -> bool:
    """Return True if a question joins measures, and does not name each of them."""
    if len(measures) == len("xy") and not (AND | WORDS["comparing"]).isdisjoint(asked):
        return True
    known = {"or"}.union(*(column.stems for column in measures))
    return "and" in asked and any(known.isdisjoint(part) for part in " ".join(asked).split(" and "))


def _count_named(column: Column, asked: list[str]) -> int:
    return len((column.stems - BY) & {*asked})


def _are_twins(first: Column, other: Column, asked: list[str]) -> bool:
    """Return True if two measures are compared, such as the sales of this and of last year."""
    is_compared = not WORDS["comparing"].isdisjoint(asked)
    counts = [_count_named(column, asked) for column in (first, other)]
    if first.rest != other.rest:
        return is_compared and other.rest[-1:] in ([], first.rest[-1:]) and _share_axis(first, other)
    is_joined = "and" in asked and WORDS["statistics"].isdisjoint(other.words)
    return is_compared or is_joined or counts[0] <= counts[1]


def _lists(columns: Columns, dimension: Column, measures: Columns, asked: list[str]) -> Columns:
    """Return the columns of lists, such as the top 3 of each country: an outer one, names and a measure."""
    is_best = not WORDS["best"].isdisjoint(asked)
    inner = [c for c in (dimension, *columns) if c.role in {Role.LABEL, Role.DIMENSION}]
    outer = [c for c in columns if c.role is Role.DIMENSION or (is_best and c.role is Role.PERIOD)]
    for panel, names, measure in product(outer, inner, filter(lambda c: c.has_numbers, measures)):
        pairs = {*zip(panel.texts, names.texts, strict=True)}
        is_sparse = 2 * len(pairs) <= panel.count * names.count
        is_one = measure.is_ranked and {"each", "per"}.isdisjoint(asked)  # list of all
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
    small, large = sorted((one.largest, other.largest))
    is_same = one.unit == other.unit or "any" in (one.unit, other.unit)
    is_near = large <= _SIMILAR * small or (one.is_average and one.rest == other.rest)  # percentiles
    return is_same and (is_near or not small)


def _axes(series: Columns) -> Columns:
    return [next(column for column in series if _share_axis(column, each)) for each in series]


def _choose_dimension(columns: Columns, measures: Columns, wanted: list[str], least: int) -> Column | None:
    """Return the column for the x axis: in a list, the wanted one; a measure only of at least ``least``."""
    columns = [c for c in columns if not c.is_measure and c.role is not Role.OTHER]
    usable = [column for column in columns if column.count > 1] or columns
    by_role = {role: [column for column in usable if column.role is role] for role in Role}
    periods, dimensions = by_role[Role.PERIOD], by_role[Role.DIMENSION]
    labels = [*by_role[Role.LABEL], *(c for c in by_role[Role.IDENTIFIER] if c.is_unique)]
    # Two years or months are compared over many countries.
    if any(d.count > _FEW for d in dimensions) and all(p.count <= _FEW for p in periods):
        periods = []
    # If a label precedes the period, or rows are sorted by a measure and not by time, they list things.
    is_first = any(c.role is Role.LABEL and c.at < p.at for c in labels for p in periods[:1])
    # In a list, the thing that is asked for; a number only if it is named in full, such as order number.
    names = [*by_role[Role.LABEL], *dimensions]
    keys = [key for key in by_role[Role.IDENTIFIER] if key.stems.issubset(wanted)]
    names += [key for key in keys if all(key.stems.isdisjoint(name.stems) for name in names)]
    found = [(wanted.index(word), c.at, c) for c in names for word in (c.stems & {*wanted})]
    is_ranked = (labels or found) and any(measure.is_ranked for measure in measures)
    if periods and not (is_first or (is_ranked and not any(period.is_sorted for period in periods))):
        return max(periods, key=lambda period: fineness(period.name, period.cells))
    if found:
        return min(found)[2]
    if len(dimensions) > 1 and dimensions[1].count > max(dimensions[0].count, _MANY):
        dimensions = dimensions[1:]
    others = [*dimensions, *labels, *by_role[Role.IDENTIFIER], *by_role[Role.RANK]]
    others += measures[:1] if len(measures) >= least and len(measures[0].cells) >= least else []
    return next(iter([*by_role[Role.LABEL], *others]), None)


def _choose_group(columns: Columns, dimension: Column, measure: Column) -> tuple[Column, Columns]:
    """Return a dimension, and a column to tell its repeated values apart, or the category of its labels."""
    if dimension.is_unique and dimension.role is not Role.LABEL:
        return dimension, []
    kinds = [Role.DIMENSION, Role.PERIOD]
    kinds += [] if dimension.is_measure else [Role.LABEL, Role.IDENTIFIER]  # not one colour per point
    candidates = [c for role in kinds for c in columns if c.role is role and c not in (dimension, measure)]
    if dimension.is_unique:  # such as products: their category repeats and precedes them
        candidates = [c for c in candidates if c.role is Role.DIMENSION and c.at < dimension.at]
    candidates = [column for column in candidates if column.count > 1]
    few = [column for column in candidates if column.count <= COLOURS]
    for column in candidates:
        is_unique = len({*zip(dimension.texts, column.texts, strict=True)}) == len(dimension.texts)
        is_few = column in few or 2 * column.count <= len(column.texts)
        if is_unique and (is_few or _is_own_key(column, dimension)):
            is_key = column.role is Role.IDENTIFIER and column.is_unique  # too many colours
            return (_tell_apart([column], dimension, []), []) if is_key else (dimension, [column])
    return dimension, few[:1]


def _choose_panel(columns: Columns, dimension: Column, group: Columns) -> Columns:
    drawn = [column.texts for column in (dimension, *group)]
    if not group or len({*zip(*drawn, strict=True)}) == len(dimension.texts):
        return []
    few = [c for c in columns if c.role is Role.DIMENSION and c.texts not in drawn and c.count <= _MAX_PANELS]
    return [c for c in few if len({*zip(*drawn, c.texts, strict=True)}) == len(dimension.texts)][:1]


def _is_own_key(column: Column, dimension: Column) -> bool:
    """Return True for customer_id of customer, for example; it gets no colours."""
    is_key = column.role is Role.IDENTIFIER and column.is_unique
    return is_key and dimension.role is Role.DIMENSION and not dimension.stems.isdisjoint(column.stems)


def _named(measures: Columns, asked: list[str]) -> Named:
    found: dict[Column, tuple[int, int]] = {}  # by how many share a word, and its place
    for at, word in enumerate(asked):
        # If several measures have a word, prefer the one with most of the words around it, up to separators.
        having, ends = [c for c in measures if word in c.stems - BY], BY | AND
        shared = {c: len(c.stems & _around(asked, at, ends - c.stems)) for c in having}
        lengths = {c: (count, count / len(c.stems)) for c, count in shared.items()}
        for column, length in lengths.items():
            own = column.stems - WORDS["common"] or column.stems
            if length == max(lengths.values()) and own.intersection(asked):
                found[column] = min(found.get(column, (len(shared), at)), (len(shared), at))
        if word in roles.HOW and asked[at - 1] == "how":  # how long, how late
            same = [column for column in measures if column.unit.split()[-1] == roles.HOW[word]]
            found |= {column: (0, at) for column in same if column not in found and not same[1:]}
    return {column: at for column, (_, at) in sorted(found.items(), key=lambda item: item[1][1])}


def _around(asked: list[str], at: int, ends: Collection[str]) -> set[str]:
    sides = asked[at:], asked[:at][::-1]
    return {word for side in sides for word in takewhile(lambda each: each not in ends, side)}


def _find(columns: Columns, names: object) -> Columns:
    found = []
    for name in names if isinstance(names, list | tuple) else [names]:
        same = [column for column in columns if isinstance(name, str) and column.name == name]
        if name is not None and not same:
            known = f"the columns are {quoted([column.name for column in columns])}"
            raise ConfigError(f"No column {value_text(name)} to draw; {known}.", setting="plot")
        found += same[:1]
    if len({*found}) > _MAX_SERIES:
        raise ConfigError(f"y= names {len({*found})} columns (at most {_MAX_SERIES}).", setting="plot")
    return [*dict.fromkeys(found)]


def _nothing_fits(columns: Columns, rows: int) -> ConfigError:
    found = listed([f"{snippet(c.name)!r} ({c.role})" for c in columns]) or "none"
    reason = "there are no rows" if rows == 0 else f"the columns are {found}"
    needed = "A plot needs a measure over a period, a category or another measure."
    hint, instead = "plot(x=, y=) draws the columns that you name.", "The table is shown instead."
    why = f"No plot fits this answer: {reason}. {needed}"
    return ConfigError(why, hint=hint, shell_hint=instead, setting="plot")
