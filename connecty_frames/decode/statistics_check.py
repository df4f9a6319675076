"""Validation of the table against the server's own statistics.

Rows and statistics come from one result; where they disagree, one of them is wrong, and users should know
before they act on either. False alarms would teach users to ignore warnings, so whatever the API document
leaves open is read in the server's favour:

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

**Spellings.** A bound is read in every spelling that columns are read from. A midnight is the same as its
date. A number of 2**53 or more that is written as a float is the same as each number whose nearest float64 it
is. A bound that cannot be read, or that has another form than the values (no offset beside instants, a time
of day beside dates), is reported as such; not where ``schema=`` set the type, since the caller may know more
of the values than their texts tell.

**NaN.** PostgreSQL sorts it above all numbers, others skip it, and some count it among the nulls. A bound
that is NaN, or another word for nothing, says nothing; the other values are compared with the other bounds.

**Lengths.** The document does not say in what they are counted: each may be in characters, bytes of UTF-8 or
units of UTF-16. Those of cells that were numbers or objects are not compared, since databases write these as
texts in ways of their own.

**Means.** Compared if all rows were received, to the last digit of the mean and within the rounding errors of
a float sum. Singles, which have few digits, cause larger errors. Rows that show fewer digits than the bounds
were cut, and their mean differs by as much.

**Distinct values.** Compared under ``strict`` alone, since counting them costs as much as reading them. Null
and NaN may count as one more value each. Values that were cut may have become equal, so of numbers with a
fraction and of times there may be fewer than the server counted, never more.

Not compared: columns that stayed text despite statistics of numbers or times, bounds of a column without
values, means of NaN and infinity, and unreadable counts and means.
"""

from __future__ import annotations

import ctypes
import math
import operator
import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import counted, quoted, snippet
from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import numbers_of, to_scalar
from connecty_frames.decode.arrow_types import FRACTION_DIGITS, any_of, first_match
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.exact_json import ValueKind
from connecty_frames.decode.statistics import NO_STATISTICS, parse_count, stated_bounds
from connecty_frames.decode.types import temporal
from connecty_frames.decode.types.numbers import MAX_EXACT_INTEGER, is_exact_float
from connecty_frames.decode.types.temporal_format import in_iso
from connecty_frames.errors import StatisticsWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from connecty_frames.decode.arrow_types import TypeTest
    from connecty_frames.decode.statistics import ColumnStatistics

#: By how much of the mean of the magnitudes two means of the same numbers may differ: for the order in which
#: doubles were added up, and for singles that were written with 6 digits.
_SUM_ERROR: Final = 1e-9
_SINGLE_ERROR: Final = 1e-6
#: How many digits doubles and singles may be written with: from what their types keep for certain (DBL_DIG
#: and FLT_DIG of C) to what identifies every value (DBL_DECIMAL_DIG and FLT_DECIMAL_DIG).
_DOUBLE_DIGITS: Final = [15, 16, 17]
_SINGLE_DIGITS: Final = [6, 7, 8, 9]


class ColumnSource(NamedTuple):
    """What a column was made from."""

    statistics: ColumnStatistics
    kinds: frozenset[ValueKind]  # null aside
    is_set: bool  # by ``schema=``, which may have respelled the bounds in ``statistics``
    sent: ColumnStatistics
    extremes: tuple[int, int] | None = None  # None if they have to be measured
    nans: int = 0  # bare NaN that were read as null


# --- what is compared, by Arrow type -----------------------------------------------------------------

#: Has more than decimal256's 76 digits, and turns what is not a number into NaN. Python's current context
#: belongs to the user.
_CONTEXT: Final = Context(prec=200, Emin=-9_999, Emax=9_999, traps=[])
#: More digits after the point than a float64 has (DBL_MIN_10_EXP of C).
_FLOAT_PLACES: Final = 307
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
#: Matches a timestamp; the groups are what a clock shows, and what its zone is.
_match_clock: Final = re.compile(
    r"(?P<clock>.{10}[Tt ]\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)(?P<zone>.*)", re.ASCII
).fullmatch
_find_fraction: Final = re.compile(r"\.\d+").search


def _parse_number(text: str, _: pa.DataType) -> Decimal:
    number = _CONTEXT.create_decimal(text)
    if number.is_nan():
        raise CellError(0, text, "is not a number")
    return number


def _parse_date(text: str, _: pa.DataType) -> Decimal:
    """Read a date as days since 1970; it may be written as its midnight, in whatever zone."""
    with suppress(ValueError):
        return Decimal(date.fromisoformat(text).toordinal() - _EPOCH.toordinal())
    found = _match_clock(in_iso(text))
    if found is None:
        return Decimal(temporal.read([text], pa.date32())[0].value)
    if found["zone"]:
        _read(text, pa.timestamp("us", "UTC"))  # raises if it is none
    days, rest = divmod(_read(found["clock"], pa.timestamp("us")), 86_400)
    if rest:
        raise CellError(0, text, "is not a midnight")
    return days


def _parse_time(text: str, type_: pa.DataType) -> Decimal:
    """Read as seconds a time of day, or a timestamp, without an offset only in a column that has none."""
    # Python, which knows six digits of a fraction, reads the usual spellings a hundred times faster.
    found, is_clock = _find_fraction(text), pa.types.is_time(type_)
    whole = text if found is None else text[: found.start()] + text[found.end() :]
    fraction = _CONTEXT.create_decimal("0" if found is None else "0" + found[0])
    with suppress(ValueError, OverflowError):
        clock = datetime.combine(_EPOCH, time.fromisoformat(whole)) if is_clock else None
        timestamp = clock or datetime.fromisoformat(whole)
        if (timestamp.tzinfo is None) is (is_clock or type_.tz is None):
            since_epoch = timestamp.replace(tzinfo=timestamp.tzinfo or UTC) - _EPOCH
            return _CONTEXT.add(fraction, since_epoch // _SECOND)
    return _read(text, type_)


def _read(text: str, type_: pa.DataType) -> Decimal:
    """Read as seconds whatever a column of a type is read from, in the finest unit that holds it."""
    for unit in ("ns", "us"):
        if pa.types.is_timestamp(type_):
            finest = pa.timestamp(unit, type_.tz)
        else:
            finest = pa.time64(unit) if pa.types.is_time(type_) else pa.duration(unit)
        try:
            count: int = temporal.read([text], finest)[0].value
        except CellError as error:
            problem = error
        else:
            return Decimal(count).scaleb(-FRACTION_DIGITS[unit], _CONTEXT)
    raise problem


def _show_date(days: Decimal, _: pa.DataType) -> str:
    return date.fromordinal(_EPOCH.toordinal() + int(days)).isoformat()


def _show_time(seconds: Decimal, type_: pa.DataType) -> str:
    whole = math.floor(seconds)
    fraction = _CONTEXT.subtract(seconds, whole).normalize(_CONTEXT)
    text = (_EPOCH.replace(tzinfo=None) + whole * _SECOND).isoformat() + f"{fraction:f}".removeprefix("0")
    if pa.types.is_time(type_):
        return text.partition("T")[2]
    return text if type_.tz is None else f"{text}Z"


def _to_integers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, pa.int32() if column.type.bit_width == pa.int32().bit_width else pa.int64())


class _Comparison(Immutable):
    """How the columns of some Arrow types are compared with their statistics."""

    section: str  # the one about such values; min and max of another are of something else
    parse: Callable[[str, pa.DataType], Decimal] = _parse_number  # CellError if not comparable
    show: Callable[[Decimal, pa.DataType], str] = lambda number, _: str(number)
    places: Callable[[pa.DataType], int] = lambda _: 0  # digits after the point
    #: Turns dates and times into whole numbers that count the last place.
    to_numbers: Callable[[pa.ChunkedArray], pa.ChunkedArray] = lambda column: column
    counts: dict[str, tuple[str, Callable[[pa.ChunkedArray], pa.ChunkedArray]]] = msgspec.field(
        default_factory=dict
    )


_numeric: Final = partial(_Comparison, "numeric")
_temporal: Final = partial(
    _Comparison, "temporal", places=lambda type_: FRACTION_DIGITS[type_.unit], to_numbers=_to_integers
)
#: string_view is missing, since not every supported version of Arrow can measure it.
_COMPARISONS: Final[tuple[tuple[TypeTest, _Comparison], ...]] = (
    (any_of(pa.types.is_string, pa.types.is_large_string), _Comparison("string")),
    (
        pa.types.is_boolean,
        _Comparison(
            "boolean",
            counts={
                "true_count": ("true values", lambda column: column),
                "false_count": ("false values", pc.invert),
            },
        ),
    ),
    (pa.types.is_integer, _numeric()),
    (pa.types.is_decimal, _numeric(places=lambda type_: type_.scale)),
    (
        pa.types.is_floating,
        _numeric(places=lambda _: _FLOAT_PLACES, to_numbers=lambda column: pc.cast(column, pa.float64())),
    ),
    (pa.types.is_date32, _temporal(parse=_parse_date, show=_show_date, places=lambda _: 0)),
    (any_of(pa.types.is_timestamp, pa.types.is_time), _temporal(parse=_parse_time, show=_show_time)),
    (
        pa.types.is_duration,
        _temporal(parse=_read, show=lambda seconds, _: f"{seconds.normalize(_CONTEXT):f} s"),
    ),
)


@lru_cache
def _comparison_of(type_: pa.DataType) -> _Comparison | None:
    """Return how to compare columns of a type, or None if there is no way."""
    return first_match(_COMPARISONS, type_)


# --- the comparison ----------------------------------------------------------------------------------


def check_statistics(
    table: pa.Table,
    sources: Sequence[ColumnSource],
    absent: Sequence[str],
    rows: int,
    total_rows: int | None,
    *,
    strict: bool,
) -> list[StatisticsWarning]:
    """Compare a table with the statistics of its columns, under ``strict`` also distinct values."""
    found = []
    if absent:
        found.append(f"Statistics for {quoted(absent)} match no column, or more than one, and were ignored.")
    if total_rows is not None and rows > total_rows:
        found.append(
            f"{counted(rows, 'row')} {'was' if rows == 1 else 'were'} received, but the statistics count "
            f"{total_rows:,}."
        )
    else:
        whole = rows == total_rows
        found += [
            f"Column {snippet(name)!r} {disagreement}."
            for position, (name, source) in enumerate(zip(table.column_names, sources, strict=True))
            if source.statistics is not NO_STATISTICS
            for disagreement in _disagreements(table.column(position), source, whole=whole, strict=strict)
        ]
    return list(map(StatisticsWarning, found))


def _disagreements(
    column: pa.ChunkedArray, source: ColumnSource, *, whole: bool, strict: bool
) -> Iterator[str]:
    """Say in what a column and its statistics disagree, as predicates of the column."""
    nulls = source.statistics.nulls
    # Most often the two are equal, and NaN need not be counted.
    if nulls != column.null_count:
        yield from _compare_count(nulls, "nulls", partial(_count_nulls, column, source.nans), whole=whole)
    comparison = _comparison_of(column.type)
    section = source.statistics.sections.get(comparison.section) if comparison else None
    if comparison is None or section is None:
        return
    for name, (words, select) in comparison.counts.items():
        count = partial(_count_selected, column, select)
        yield from _compare_count(parse_count(section.get(name)), words, count, whole=whole)
    if comparison.section == "string":
        yield from _compare_texts(section, column, whole=whole, were_texts=source.kinds <= {ValueKind.TEXT})
    if comparison.section in {"numeric", "temporal"}:
        yield from _compare_bounds(source, column, comparison, whole=whole)
    if whole and comparison.section == "numeric":
        yield from _compare_mean(section, column, comparison)
    if strict and whole and section.get("distinct_approx") is False:
        count = partial(_count_distinct, column, comparison)
        yield from _compare_count(
            parse_count(section.get("distinct_count")), "distinct values", count, whole=True
        )


# --- counts ------------------------------------------------------------------------------------------


def _compare_count(
    number: int | None, words: str, count: Callable[[], range], *, whole: bool
) -> Iterator[str]:
    """Compare a stated count with the range of right ones; for a part of a result none is too large."""
    if number is None:
        return
    right = count()
    if number < right.start or (whole and number not in right):
        in_all = "" if whole else " in all"
        has = counted(right.start, words.removesuffix("s"), words)
        yield f"has {has}, but the statistics count {number:,}{in_all}"


def _count_selected(column: pa.ChunkedArray, select: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> range:
    count = pc.sum(select(column)).as_py() or 0  # the sum of no values is None
    return range(count, count + 1)


def _count_nulls(column: pa.ChunkedArray, nans: int) -> range:
    """Return how many nulls there may be; NaN may count as null, also if it was read as null."""
    return range(column.null_count - nans, column.null_count + _count_nans(column) + 1)


def _count_nans(column: pa.ChunkedArray) -> int:
    """Count NaN, which only floats can be."""
    return (pc.sum(pc.is_nan(column)).as_py() or 0) if pa.types.is_floating(column.type) else 0


def _count_distinct(column: pa.ChunkedArray, comparison: _Comparison) -> range:
    """Return how many distinct values there may be; cut ones may have been distinct before."""
    values, nans = comparison.to_numbers(column), _count_nans(column)
    if pa.types.is_floating(values.type):
        # -0.0, which Arrow would count beside 0.0, becomes 0.0.
        values = pc.add(values, to_scalar(0.0, values.type))
    found = pc.count_distinct(values).as_py() - bool(nans)
    present = len(column) - column.null_count - nans
    most = present if comparison.places(column.type) > 0 else found
    return range(found, most + bool(column.null_count) + bool(nans) + 1)


# --- lengths of texts --------------------------------------------------------------------------------

#: By bound of a length, what such a text is, and whether the length of a text is within it.
_LENGTHS: Final = {"min": ("shortest", operator.ge), "max": ("longest", operator.le)}


def _compare_texts(
    section: dict[str, Any], column: pa.ChunkedArray, *, whole: bool, were_texts: bool
) -> Iterator[str]:
    """Compare the number of empty texts, and, if all cells were texts, the lengths."""
    lengths = pc.binary_length(column)
    count = partial(_count_selected, lengths, lambda each: pc.equal(each, to_scalar(0, each.type)))
    empty = parse_count(section.get("empty_string_count"))
    yield from _compare_count(empty, "empty texts", count, whole=whole)
    if column.null_count == len(column) or not were_texts:
        return
    stated = {
        end: length for end in _LENGTHS if (length := parse_count(section.get(f"{end}_len"))) is not None
    }
    mean = _read_mean(section.get("mean_len")) if whole else None
    # A length may be that in bytes, which is the fastest to compute and usually the same, in characters or
    # in UTF-16.
    found: list[dict[str, Any]] = []
    for measure in (lambda _: lengths, pc.utf8_length, _utf16_lengths):
        measured = measure(column)
        average = None if mean is None else pc.mean(measured).as_py()
        found.append({**pc.min_max(measured).as_py(), "mean": average})
        stated = {
            end: length
            for end, length in stated.items()
            if not (operator.eq if whole else _LENGTHS[end][1])(found[-1][end], length)
        }
        if mean is not None and abs(float(mean) - found[-1]["mean"]) <= _last_digit(mean):
            mean = None
        if not stated and mean is None:
            return
    in_characters = found[1]
    for end, length in stated.items():
        what = f"the {_LENGTHS[end][0]}" if whole else "a"
        text = counted(in_characters[end], "character")
        yield f"has {what} text of {text}, but the statistics' {end}_len is {length:,}"
    if mean is not None:
        average = in_characters["mean"]
        yield f"has texts of the mean length {average}, but the statistics' mean_len is {mean}"


def _utf16_lengths(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the lengths in UTF-16, where a character beyond 16 bits counts twice."""
    doubled = pc.count_substring_regex(column, "[\U00010000-\U0010ffff]")
    return pc.add(pc.utf8_length(column), doubled)


# --- min and max -------------------------------------------------------------------------------------


def _compare_bounds(
    source: ColumnSource, column: pa.ChunkedArray, comparison: _Comparison, *, whole: bool
) -> Iterator[str]:
    """Compare a column with its min and max; of a part only what lies outside of them disagrees."""
    stated = stated_bounds(source.statistics.sections[comparison.section])
    if not stated:
        return
    least, most = source.extremes or pc.min_max(comparison.to_numbers(column)).as_py().values()
    if least is None or not least <= most:
        return  # nothing but nulls and NaN, of which Arrow makes NaN, or inf and -inf
    extremes = {"min": least, "max": most}
    if comparison.section == "numeric" and all(text == str(extremes[end]) for end, text in stated.items()):
        return
    bounds, problems = _parse_bounds(stated, column.type, comparison)
    if not source.is_set:  # otherwise the caller may know more of the values than their texts tell
        yield from problems
    for end, bound in bounds.items():
        found = extremes[end]
        value = _CONTEXT.create_decimal(str(found))
        if isinstance(found, int):  # it counts the last place of the type
            value = value.scaleb(-comparison.places(column.type), _CONTEXT)
        is_inside = not whole and (value > bound) is (end == "min")
        if value == bound or is_inside or _is_same_as_float(found, value, bound, stated[end]):
            continue
        gap = _CONTEXT.abs(_CONTEXT.subtract(value, bound))
        if not _is_within_last_digit(gap, _most_places(bounds.values()), column, comparison):
            what, shown = end if whole else "value", comparison.show(value, column.type)
            sections = source.sent.sections
            sent = sections.get(comparison.section, sections.get("numeric", {}))[end]
            yield f"has the {what} {shown}, but the statistics' {end} is {snippet(sent, 60)}"


def _parse_bounds(
    stated: dict[str, str], type_: pa.DataType, comparison: _Comparison
) -> tuple[dict[str, Decimal], list[str]]:
    """Return the bounds that can be compared as numbers, and why others cannot."""
    bounds, problems = {}, []
    for end, text in stated.items():
        is_infinite = text.lower().lstrip("+-") in {"inf", "infinity"}
        try:
            bounds[end] = _CONTEXT.create_decimal(text) if is_infinite else comparison.parse(text, type_)
        except CellError as error:
            problems.append(
                f"cannot be compared with the statistics' {end}: {snippet(text, 60)!r} {error.reason}"
            )
    return bounds, problems


def _compare_mean(section: dict[str, Any], column: pa.ChunkedArray, comparison: _Comparison) -> Iterator[str]:
    """Compare the mean of a whole result, as far as float64 and the digits of both sides tell."""
    mean = _read_mean(section.get("mean"))
    if mean is None:
        return
    values = pc.cast(column, pa.float64(), safe=False)
    found = pc.mean(values).as_py()
    if found is None or not math.isfinite(found):
        return  # no values, some are NaN or infinite, or their sum is beyond float64
    gap = abs(float(mean) - found)
    last_digit = _last_digit(mean)
    if gap <= last_digit + _SUM_ERROR * abs(found):  # the mean of magnitudes is no smaller
        return
    error = _SINGLE_ERROR if pa.types.is_floating(column.type) and _are_singles(values) else _SUM_ERROR
    if gap <= last_digit + error * pc.mean(pc.abs(values)).as_py():
        return
    bounds, _ = _parse_bounds(stated_bounds(section), column.type, comparison)
    exact_gap = _CONTEXT.create_decimal_from_float(gap)
    if not _is_within_digit_of_values(exact_gap, _most_places(bounds.values()), column, comparison):
        yield f"has the mean {found}, but the statistics' mean is {snippet(section['mean'], 60)}"


def _read_mean(stated: object) -> Decimal | None:
    mean = _CONTEXT.create_decimal(stated) if isinstance(stated, str) else None
    return mean if mean is not None and mean.is_finite() else None


def _last_digit(mean: Decimal) -> float:
    """Return how far a mean may be that was cut after its last digit: less than one unit of it."""
    return float(Decimal((0, (1,), int(mean.as_tuple().exponent)))) * (1 - _SUM_ERROR)


# --- digits ------------------------------------------------------------------------------------------


def _most_places(numbers: Iterable[Decimal]) -> int:
    """Return how many digits after the point numbers show, without the zeros behind them."""
    exponents = (number.normalize(_CONTEXT).as_tuple().exponent for number in numbers)
    # Infinity has no digits.
    return max([0, *(-exponent for exponent in exponents if isinstance(exponent, int))])


def _is_within_last_digit(
    gap: Decimal, bound_places: int, column: pa.ChunkedArray, comparison: _Comparison
) -> bool:
    """Whether one side shows fewer digits and the gap, above 0, is at most one unit of its last digit."""
    if _is_within_digit_of_values(gap, bound_places, column, comparison):
        return True
    is_small = bound_places <= _last_place(gap)
    values, type_places = comparison.to_numbers(column), comparison.places(column.type)
    return is_small and not _show_at_most(bound_places, values, type_places)


def _is_within_digit_of_values(
    gap: Decimal, bound_places: int, column: pa.ChunkedArray, comparison: _Comparison
) -> bool:
    """Whether the values show fewer digits than the bounds, and few enough for the gap."""
    fewer = min(_last_place(gap), bound_places - 1)
    return fewer >= 0 and _show_at_most(fewer, comparison.to_numbers(column), comparison.places(column.type))


def _last_place(gap: Decimal) -> int:
    """Return the last decimal place where the gap is at most one unit: 2 for 0.01, negative above 1."""
    last_place = -gap.adjusted()
    return last_place - 1 if gap.scaleb(last_place, _CONTEXT) > 1 else last_place


def _show_at_most(places: int, values: pa.ChunkedArray, type_places: int) -> bool:
    """Whether no value shows more digits after the point."""
    return places >= type_places or not any(
        _has_more_digits(chunk, places, type_places) for chunk in values.chunks
    )


def _has_more_digits(chunk: pa.Array, places: int, type_places: int) -> bool:
    if pa.types.is_decimal(chunk.type):
        cut = pc.round(chunk, ndigits=places, round_mode="towards_zero")
        return bool(pc.any(pc.not_equal(cut, chunk)).as_py())
    array = numbers_of(chunk.fill_null(to_scalar(0, chunk.type)))
    if pa.types.is_integer(chunk.type):
        step = 10 ** (type_places - places)
        return bool((array // step * step != array).any())
    unit = 10.0**places
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = array * unit
        # From 2**53 on a value shows 16 digits before this place, and float64 has no more.
        has_more = (np.abs(scaled) < MAX_EXACT_INTEGER) & (np.rint(scaled) / unit != array)
    return bool(has_more.any())


def _is_same_as_float(found: object, value: Decimal, bound: Decimal, text: str) -> bool:
    """Whether a value and a bound, as written, are the same as far as float64 tells."""
    if isinstance(found, float):
        return _is_same_float(found, float(bound))
    # A number written as a float has no more digits of the value than float64 has.
    return not text.lstrip("-").isdecimal() and is_exact_float(text) and float(value) == float(bound)


def _is_same_float(value: float, bound: float) -> bool:
    """Whether one of two floats becomes the other where it is written with the digits of its type."""
    for number, written in ((value, bound), (bound, value)):
        is_single = ctypes.c_float(number).value == number
        digits = _SINGLE_DIGITS + _DOUBLE_DIGITS if is_single else _DOUBLE_DIGITS
        if any(float(f"{number:.{count}g}") == written for count in digits):
            return True
    return False


def _are_singles(values: pa.ChunkedArray) -> bool:
    """Whether all values are singles, or written with the digits of singles."""
    singles = pc.cast(values, pa.float32(), safe=False)
    is_single = pc.equal(pc.cast(singles, pa.float64()), values)
    is_written_as_one = pc.equal(pc.cast(singles, pa.string()), pc.cast(values, pa.string()))
    return bool(pc.all(pc.or_(is_single, is_written_as_one)).as_py())
