"""Validation of the table against the server's own statistics.

Rows and statistics come from one result; where they disagree, one of them is wrong, and users should know
before they act on either. ``statistics_comparisons`` has the table of all comparisons. False alarms would
teach users to ignore warnings, so whatever the API document leaves open is read in the server's favour:

**Whole and part.** The statistics are of the whole result (in the document's example 100 rows beside 3).
Where all of its rows were received, counts and extremes must agree. A part of them, or of an unknown number,
disagrees only by a value outside of min and max, or by more nulls than there are in all.

**Digits.** The document's example shows rows in milliseconds beside statistics in microseconds. The digits
after the point tell how far a side was cut or rounded: on one side those of all values of the column, on the
other those of min and max, without trailing zeros, which only some servers write. Where both sides show as
many digits, they must be equal; otherwise they may differ by one unit of the last digit of the side that
shows fewer. Dates and whole numbers show none on either side, so must be equal. Times are compared as
seconds; no server is assumed to cut more than their fraction.

**Floats.** A double may have been written with 15 digits, and a single with 6, which are all that their types
keep for certain. A difference that this explains is ignored.

**NaN.** PostgreSQL sorts it above all numbers, others skip it, and some count it among the nulls. A bound
that is NaN says nothing; the other values are compared with the other bounds.

**Distinct values.** Compared under ``strict`` alone, since counting them costs as much as reading them. Null
and NaN may count as one more value each. Values that were cut may have become equal, so of numbers with a
fraction and of times there may be fewer than the server counted, never more.

Not compared: lengths of texts (characters or bytes, the document does not say), columns that stayed text
though the statistics are of numbers or times, statistics that cannot be read, and bounds of a column
without values.
"""

from __future__ import annotations

import ctypes
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames.decode.envelope import parse_count, stated_bounds
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.numbers import MAX_EXACT_INTEGER
from connecty_frames.decode.statistics_comparisons import CONTEXT, comparison_of
from connecty_frames.errors import StatisticsWarning
from connecty_frames.text import quoted, snippet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from decimal import Decimal

    from connecty_frames.decode.exact_json import ValueKind
    from connecty_frames.decode.statistics_comparisons import Comparison

__all__ = ["ColumnSource", "check_statistics"]

#: How many digits doubles and singles may be written with: from what their types keep for certain (DBL_DIG
#: and FLT_DIG of C) to what identifies every value (DBL_DECIMAL_DIG and FLT_DECIMAL_DIG).
_DOUBLE_DIGITS: Final = [15, 16, 17]
_SINGLE_DIGITS: Final = [6, 7, 8, 9]


class ColumnSource(NamedTuple):
    """What a column was made from.

    Parameters
    ----------
    sections
        Its statistics, as the server sent them; empty where it sent none.
    kinds
        The kinds of its cells, null aside.
    is_set
        Whether ``schema=`` set its type.
    """

    sections: dict[str, Any]
    kinds: frozenset[ValueKind]
    is_set: bool


def check_statistics(
    table: pa.Table,
    sources: Sequence[ColumnSource],
    absent: Sequence[str],
    rows: int,
    total_rows: int | None,
    *,
    strict: bool = False,
) -> list[StatisticsWarning]:
    """Compare a table with the statistics of its columns.

    Parameters
    ----------
    sources
        What each column was made from.
    absent
        The names in the statistics that belong to no column.
    rows, total_rows
        The rows that were received, and the rows of the whole result by the statistics (None: unknown).
    strict
        Whether to count distinct values too.

    Returns
    -------
    list of StatisticsWarning
        One for each disagreement; none where there is nothing to compare.
    """
    found = []
    if absent:
        found.append(f"The statistics of {quoted(absent)} belong to no column, and were ignored.")
    if total_rows is not None and rows > total_rows:
        found.append(f"{rows:,} rows were received, but the statistics count {total_rows:,}.")
    else:
        whole = rows == total_rows
        found += [
            f"Column {snippet(name)!r} {disagreement}."
            for name, column, source in zip(table.column_names, table.columns, sources, strict=True)
            for disagreement in _disagreements(column, source, whole=whole, strict=strict)
        ]
    return list(map(StatisticsWarning, found))


def _disagreements(
    column: pa.ChunkedArray, source: ColumnSource, *, whole: bool, strict: bool
) -> Iterator[str]:
    """Say in what a column and its statistics disagree, as predicates of the column."""
    sections = source.sections
    general = sections.get("general")
    nulls = general.get("nulls_count") if isinstance(general, dict) else None
    # Most often the two are equal, and NaN need not be counted.
    if parse_count(nulls) != column.null_count:
        yield from _compare_count(nulls, "nulls", partial(_count_nulls, column), whole=whole)
    comparison = comparison_of(column.type)
    section = sections.get(comparison.section) if comparison else None
    if comparison is None or not isinstance(section, dict):
        return
    for name, (words, select) in comparison.counts.items():
        count = partial(_count_selected, column, select)
        yield from _compare_count(section.get(name), words, count, whole=whole)
    yield from _compare_bounds(source, column, comparison, whole=whole)
    if strict and whole and section.get("distinct_approx") is False:
        count = partial(_count_distinct, column, comparison)
        yield from _compare_count(section.get("distinct_count"), "distinct values", count, whole=True)


# --- counts ------------------------------------------------------------------------------------------


def _compare_count(stated: object, words: str, count: Callable[[], range], *, whole: bool) -> Iterator[str]:
    """Compare a stated count with the range of right ones; for a part of a result none is too large."""
    number = parse_count(stated)
    if number is None:
        return
    right = count()
    if number < right.start or (whole and number not in right):
        in_all = "" if whole else " in all"
        yield f"has {right.start:,} {words}, but the statistics count {number:,}{in_all}"


def _count_selected(column: pa.ChunkedArray, select: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> range:
    count = pc.sum(select(column)).as_py() or 0  # the sum of no values is None
    return range(count, count + 1)


def _count_nulls(column: pa.ChunkedArray) -> range:
    """Return how many nulls there may be; NaN may count as null."""
    return range(column.null_count, column.null_count + _count_nans(column) + 1)


def _count_nans(column: pa.ChunkedArray) -> int:
    """Count NaN, which only floats can be."""
    return (pc.sum(pc.is_nan(column)).as_py() or 0) if pa.types.is_floating(column.type) else 0


def _count_distinct(column: pa.ChunkedArray, comparison: Comparison) -> range:
    """Return how many distinct values there may be; cut ones may have been distinct before."""
    values, nans = comparison.to_numbers(column), _count_nans(column)
    if pa.types.is_floating(values.type):
        values = pc.add(values, 0.0)  # turns -0.0, which Arrow would count beside it, into 0.0
    found = pc.count_distinct(values).as_py() - bool(nans)
    present = len(column) - column.null_count - nans
    most = present if comparison.places(column.type) > 0 else found
    return range(found, most + bool(column.null_count) + bool(nans) + 1)


# --- min and max -------------------------------------------------------------------------------------


def _compare_bounds(
    source: ColumnSource, column: pa.ChunkedArray, comparison: Comparison, *, whole: bool
) -> Iterator[str]:
    """Compare a column with its min and max; of a part only what lies outside of them disagrees."""
    stated = stated_bounds(source.sections[comparison.section])
    if comparison.parse is None or not stated:
        return
    extremes = {
        end: comparison.scalar_value(value) for end, value in pc.min_max(comparison.measure(column)).items()
    }
    if extremes["min"] is None or not extremes["min"] <= extremes["max"]:
        return  # nothing but nulls and NaN, of which Arrow makes NaN, or inf and -inf
    if stated == {end: str(value) for end, value in extremes.items()}:
        return
    bounds, problems = _parse_bounds(stated, column.type, comparison.parse)
    if not source.is_set:  # otherwise the caller may know more of the values than their texts tell
        yield from problems
    places = max(map(_count_places, bounds.values()), default=0)
    for end, bound in bounds.items():
        found = extremes[end]
        value = CONTEXT.create_decimal(str(found))
        if isinstance(found, int):  # it counts the last place of the type
            value = value.scaleb(-comparison.places(column.type), CONTEXT)
        is_inside = not whole and (value > bound) is (end == "min")
        if is_inside or value == bound or _is_same_as_float(found, bound, stated[end]):
            continue
        gap = CONTEXT.abs(CONTEXT.subtract(value, bound))
        if not _is_within_last_digit(gap, places, column, comparison):
            what, shown = end if whole else "value", comparison.show(value, column.type)
            yield f"has the {what} {shown}, but the statistics' {end} is {snippet(stated[end], 60)}"


def _parse_bounds(
    stated: dict[str, str], type_: pa.DataType, parse: Callable[[str, pa.DataType], Decimal]
) -> tuple[dict[str, Decimal], list[str]]:
    """Return the bounds that can be compared as numbers, and why others cannot."""
    bounds, problems = {}, []
    for end, text in stated.items():
        is_infinite = text.lower().lstrip("+-") in {"inf", "infinity"}
        try:
            bounds[end] = CONTEXT.create_decimal(text) if is_infinite else parse(text, type_)
        except CellError as error:
            problems.append(
                f"cannot be compared with the statistics' {end}: {snippet(text, 60)!r} {error.reason}"
            )
    return bounds, problems


def _count_places(number: Decimal) -> int:
    """Count the digits after the point without the zeros behind them."""
    exponent = number.normalize(CONTEXT).as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0  # infinity has no digits


def _is_within_last_digit(
    gap: Decimal, bound_places: int, column: pa.ChunkedArray, comparison: Comparison
) -> bool:
    """Whether one side shows fewer digits than the other, and the gap is at most one unit of its last digit.

    Parameters
    ----------
    gap
        The distance of a bound from the value; more than 0.
    bound_places
        How many digits after the point the bounds show.
    """
    # The gap is at most one unit of each place up to this one: 0.02 up to the first, 0.01 up to the second.
    last_place = -gap.adjusted()
    if gap.scaleb(last_place, CONTEXT) > 1:
        last_place -= 1
    if last_place < 0:
        return False
    values, type_places = comparison.to_numbers(column), comparison.places(column.type)
    # Either the values show fewer digits than the bounds, and few enough for the gap ...
    fewer = min(last_place, bound_places - 1)
    if fewer >= 0 and _show_at_most(fewer, values, type_places):
        return True
    # ... or the bounds show fewer than the values.
    return bound_places <= last_place and not _show_at_most(bound_places, values, type_places)


def _show_at_most(places: int, values: pa.ChunkedArray, type_places: int) -> bool:
    """Whether no value shows more digits after the point."""
    return places >= type_places or not any(
        _has_more_digits(chunk, places, type_places) for chunk in values.chunks
    )


def _has_more_digits(chunk: pa.Array, places: int, type_places: int) -> bool:
    if pa.types.is_decimal(chunk.type):
        cut = pc.round(chunk, ndigits=places, round_mode="towards_zero")
        return bool(pc.any(pc.not_equal(cut, chunk)).as_py())
    array = chunk.fill_null(0).to_numpy()
    if pa.types.is_integer(chunk.type):
        step = 10 ** (type_places - places)
        return bool((array // step * step != array).any())
    unit = 10.0**places
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = array * unit
        # From 2**53 on a value shows 16 digits before this place, and float64 has no more.
        has_more = (np.abs(scaled) < MAX_EXACT_INTEGER) & (np.rint(scaled) / unit != array)
    return bool(has_more.any())


def _is_same_as_float(found: object, bound: Decimal, text: str) -> bool:
    """Whether a value and a bound are the same as far as float64 tells."""
    if isinstance(found, float):
        return _is_same_float(found, float(bound))
    # The writer of a large number with a fraction or an exponent had no more digits of it than float64 has.
    is_large_float = bound.copy_abs() >= MAX_EXACT_INTEGER and not text.lstrip("+-").isdecimal()
    return is_large_float and float(str(found)) == float(bound)


def _is_same_float(value: float, bound: float) -> bool:
    """Whether one of two floats becomes the other where it is written with the digits of its type."""
    for number, written in ((value, bound), (bound, value)):
        is_single = ctypes.c_float(number).value == number
        digits = _SINGLE_DIGITS + _DOUBLE_DIGITS if is_single else _DOUBLE_DIGITS
        if any(float(f"{number:.{count}g}") == written for count in digits):
            return True
    return False
