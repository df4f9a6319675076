"""Validation of the table against the server's own statistics.

Rows and statistics come from one result; where they disagree, one of them is wrong, and users should know
before they act on either. False alarms would teach users to ignore warnings, so whatever the API document
leaves open is read in the server's favour: docs/design/reading.md has the rules.
"""

from __future__ import annotations

import ctypes
import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from connecty_frames._base.text import counted, quoted, snippet
from connecty_frames.decode import compute as pc
from connecty_frames.decode.arrow import (
    FRACTION_DIGITS,
    Array,
    any_of,
    chunks_of,
    is_aware,
    is_number,
    numbers_of,
    to_array,
    to_scalar,
)
from connecty_frames.decode.cells import CellError
from connecty_frames.decode.statistics import NO_STATISTICS, ColumnStatistics, stated_bounds
from connecty_frames.decode.types import times
from connecty_frames.decode.types.build import iso_text
from connecty_frames.decode.types.numbers import FEW, MAX_EXACT_INTEGER, is_exact_float
from connecty_frames.decode.types.spellings import in_iso
from connecty_frames.errors import StatisticsWarning

if TYPE_CHECKING:
    from connecty_frames.decode.schema import ColumnSchema

#: By how much of the mean of the magnitudes two means of the same numbers may differ: for the order in which
#: doubles were added up, and for singles written with 6 digits.
_SUM_ERROR: Final = 1e-9
_SINGLE_ERROR: Final = 1e-6


class ReadColumn(NamedTuple):
    """A column with its type, its schema and its statistics."""

    array: Array
    schema: ColumnSchema
    statistics: ColumnStatistics  # with the bounds as ``schema=`` respells them
    sent: ColumnStatistics
    nullable: bool = True
    nans: int = 0  # bare NaN read as null


# --- bounds as numbers ---------------------------------------------------------------------------------

#: Has more than decimal256's 76 digits, and turns other texts into NaN. Python's own context is the user's.
_CONTEXT: Final = Context(prec=200, Emin=-9_999, Emax=9_999, traps=[])
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
#: Matches a timestamp, with groups for the clock's time and the zone.
_match_clock: Final = re.compile(
    r"(?P<clock>.{10}[Tt ]\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)(?P<zone>.*)", re.ASCII
).fullmatch
_split_fraction: Final = re.compile(r"(\.\d+)").split
_is_comparable: Final = lru_cache(
    any_of(is_number, pa.types.is_date32, pa.types.is_time, pa.types.is_timestamp, pa.types.is_duration)
)


def _parse(text: str, type_: pa.DataType) -> Decimal:
    if pa.types.is_temporal(type_) and text.lower().lstrip("+-") not in {"inf", "infinity"}:
        if pa.types.is_duration(type_):
            return _seconds_of(text, type_)
        return _parse_date(text) if pa.types.is_date(type_) else _parse_time(text, type_)
    number = _CONTEXT.create_decimal(text)
    if number.is_nan():
        raise CellError(0, text, "is not a number")
    return number


def _parse_date(text: str) -> Decimal:
    """Read a date as days since 1970; it may be written as its midnight, in whatever zone."""
    with suppress(ValueError):
        return Decimal(date.fromisoformat(text).toordinal() - times.EPOCH_DAY)
    found = _match_clock(in_iso(text))
    if found is None:
        return Decimal(times.read_text(text, pa.date32()).value)
    if found["zone"]:
        _parse_time(text, pa.timestamp("us", "UTC"))  # raises if it is none
    days, rest = divmod(_parse_time(found["clock"], pa.timestamp("us")), 86_400)
    if rest:
        raise CellError(0, text, "is not a midnight")
    return days


def _parse_time(text: str, type_: pa.DataType) -> Decimal:
    """Read as seconds a time of day, or a timestamp, without an offset only in a column without any."""
    # Python reads the usual spellings, with up to six digits of a fraction, a hundred times faster.
    before, fraction, after = [*_split_fraction(text, 1), "", ""][:3]
    whole = before + after
    with suppress(ValueError, OverflowError):
        parsed = datetime.fromisoformat(f"1970-01-01T{whole}" if pa.types.is_time(type_) else whole)
        if not parsed.microsecond and (parsed.tzinfo is not None) is is_aware(type_):
            since_epoch = parsed.replace(tzinfo=parsed.tzinfo or UTC) - _EPOCH
            return _CONTEXT.add(since_epoch // _SECOND, Decimal(f"0{fraction}"))
    return _seconds_of(text, type_)


def _seconds_of(text: str, type_: pa.DataType) -> Decimal:
    """Read a text as seconds, as a column of a type would, in the finest possible unit."""
    finest: Callable[[str], pa.DataType] = pa.time64 if pa.types.is_time(type_) else pa.duration
    if pa.types.is_timestamp(type_):
        finest = partial(pa.timestamp, tz=type_.tz)
    with suppress(CellError):  # of years beyond nanoseconds
        return Decimal(times.read_text(text, finest("ns")).value).scaleb(-FRACTION_DIGITS["ns"], _CONTEXT)
    return Decimal(times.read_text(text, finest("us")).value).scaleb(-FRACTION_DIGITS["us"], _CONTEXT)


def _places_of(type_: pa.DataType) -> int:
    if pa.types.is_floating(type_):
        return 307  # more than a float64 has (DBL_MIN_10_EXP of C)
    return type_.scale if pa.types.is_decimal(type_) else FRACTION_DIGITS[getattr(type_, "unit", "s")]


def _to_numbers(column: Array) -> Array:
    if pa.types.is_temporal(column.type):
        type_ = _counts_of(column.type)
        # A view takes a tenth of the time of a cast.
        return column.view(type_) if isinstance(column, pa.Array) else pc.cast(column, type_)
    return pc.cast(column, pa.float64()) if pa.types.is_floating(column.type) else column


def _counts_of(type_: pa.DataType) -> pa.DataType:
    return pa.int32() if type_.bit_width == pa.int32().bit_width else pa.int64()


# --- the comparison ----------------------------------------------------------------------------------


def check_statistics(
    columns: Sequence[ReadColumn],
    absent: Sequence[str],
    rows: int,
    total_rows: int | None,
    checkpoint: Callable[[], None] = lambda: None,
) -> list[StatisticsWarning]:
    """Compare a table with its statistics: the rows, and nulls, min, max and mean of each column."""
    found = []
    if absent:
        ignored = f"Statistics for {quoted(absent)} match no column, or more than one, and were ignored."
        found.append(StatisticsWarning(ignored))
    if total_rows is not None and rows > total_rows:
        received = f"{counted(rows, 'row')} {'was' if rows == 1 else 'were'} received"
        found.append(StatisticsWarning(f"{received}, but the statistics count {total_rows:,}."))
        return found
    for column in columns:
        checkpoint()
        if column.statistics is not NO_STATISTICS:
            name = column.schema.name
            for disagreement in _disagreements(column, whole=rows == total_rows):
                text = f"Column {snippet(name)!r} {disagreement}."
                found.append(StatisticsWarning(text, column=name))
    return found


def _disagreements(column: ReadColumn, *, whole: bool) -> Iterator[str]:
    array, stated = column.array, column.statistics.nulls
    if stated is not None and stated != array.null_count:
        # NaN may count as null, also if it was read as null.
        nans = (pc.sum(pc.is_nan(array)).as_py() or 0) if pa.types.is_floating(array.type) else 0
        least = array.null_count - column.nans
        if stated < least or (whole and stated > array.null_count + nans):
            in_all = "" if whole else " in all"
            yield f"has {counted(least, 'null')}, but the statistics count {stated:,}{in_all}"
    # The min and max of another section are not of such values.
    name = "temporal" if pa.types.is_temporal(array.type) else "numeric"
    section = column.statistics.sections.get(name)
    if section is not None and _is_comparable(array.type):
        yield from _compare_bounds(column, name, whole=whole)
        if whole and name == "numeric":
            yield from _compare_mean(section, array)


def _compare_bounds(column: ReadColumn, section: str, *, whole: bool) -> Iterator[str]:
    """Compare a column with its min and max; a part disagrees only if it has values outside of them."""
    type_, stated = column.array.type, stated_bounds(column.statistics.sections[section])
    if not stated:
        return
    numbers = _to_numbers(column.array)
    if len(numbers) <= FEW and not pa.types.is_floating(type_):  # pragma: no mutate - saves time
        present = [number for number in numbers.to_pylist() if number is not None]
        extremes = {"min": min(present, default=None), "max": max(present, default=None)}
    else:
        measured = pc.min_max(numbers)
        extremes = {end: measured[end].as_py() for end in ("min", "max")}
    if extremes["min"] is None or not extremes["min"] <= extremes["max"]:
        return  # nothing but nulls and NaN: Arrow returns NaN, or inf and -inf
    if section == "numeric" and all(text == str(extremes[end]) for end, text in stated.items()):
        return
    bounds, problems = _parse_bounds(stated, type_)
    if column.schema.is_inferred:  # otherwise the caller may know more of the values than their texts tell
        yield from problems
    # Whole numbers count the last place of the type.
    places = _places_of(type_) if isinstance(extremes["min"], int) else 0
    for end, bound in bounds.items():
        found = extremes[end]
        value = _CONTEXT.create_decimal(str(found)).scaleb(-places, _CONTEXT)
        is_inside = not whole and (value > bound) is (end == "min")
        if value == bound or is_inside or _is_same_as_float(found, value, bound, stated[end]):
            continue
        shown, of_bounds = _shown_places(column.array, bounds.values())
        tolerance = 0 if shown == of_bounds else Decimal(1).scaleb(-min(shown, of_bounds))
        if _CONTEXT.abs(_CONTEXT.subtract(value, bound)) > tolerance:
            sections = column.sent.sections
            sent = sections.get(section, sections.get("numeric", {}))[end]
            what, shown_value = end if whole else "value", str(value)
            if pa.types.is_temporal(type_):
                shown_value = iso_text(pc.cast(to_array([found], _counts_of(type_)), type_))
            yield f"has the {what} {shown_value}, but the statistics' {end} is {snippet(sent, 60)}"


def _parse_bounds(stated: dict[str, str], type_: pa.DataType) -> tuple[dict[str, Decimal], list[str]]:
    bounds, problems = {}, []
    for end, text in stated.items():
        try:
            bounds[end] = _parse(text, type_)
        except CellError as error:
            problems.append(
                f"cannot be compared with the statistics' {end}: {snippet(text, 60)!r} {error.reason}"
            )
    return bounds, problems


def _compare_mean(section: dict[str, Any], column: Array) -> Iterator[str]:
    stated = section.get("mean")
    mean = _CONTEXT.create_decimal(stated if isinstance(stated, str) else "NaN")
    if not mean.is_finite():
        return
    values = pc.cast(column, pa.float64(), safe=False)
    found = pc.mean(values).as_py()
    if found is None or not math.isfinite(found):
        return  # no values, some are NaN or infinite, or their sum is beyond float64
    gap = abs(float(mean) - found)
    # A mean cut after its last digit is less than one unit of it away.
    last_digit = float(Decimal((0, (1,), int(mean.as_tuple().exponent)))) * (1 - _SUM_ERROR)
    if gap <= last_digit + _SUM_ERROR * abs(found):  # the mean of magnitudes is no smaller
        return
    error = _SINGLE_ERROR if pa.types.is_floating(column.type) and _are_singles(values) else _SUM_ERROR
    if gap <= last_digit + error * pc.mean(pc.abs(values)).as_py():
        return
    bounds, _ = _parse_bounds(stated_bounds(section), column.type)
    shown, of_bounds = _shown_places(column, bounds.values())
    if shown >= of_bounds or gap > 10.0**-shown:  # otherwise the values were cut, and their mean by as much
        yield f"has the mean {found}, but the statistics' mean is {snippet(section['mean'], 60)}"


def _are_singles(values: Array) -> bool:
    singles = pc.cast(values, pa.float32(), safe=False)
    is_single = pc.equal(pc.cast(singles, pa.float64()), values)
    is_written_as_one = pc.equal(pc.cast(singles, pa.string()), pc.cast(values, pa.string()))
    return bool(pc.all(pc.or_(is_single, is_written_as_one)).as_py())


def _shown_places(column: Array, bounds: Iterable[Decimal]) -> tuple[int, int]:
    """Return how many digits after the point values and bounds show, without the zeros behind them.

    What values show beyond one more digit than the bounds is not counted.
    """
    exponents = (bound.normalize(_CONTEXT).as_tuple().exponent for bound in bounds)
    # Infinity has no digits.
    of_bounds = max([0, *(-exponent for exponent in exponents if isinstance(exponent, int))])
    counts, most = _to_numbers(column), _places_of(column.type)
    shown = bisect_left(
        range(min(most, of_bounds + 1)),
        1,
        key=lambda places: not any(_has_more_digits(chunk, places, most) for chunk in chunks_of(counts)),
    )
    return shown, of_bounds


def _has_more_digits(chunk: pa.Array, places: int, most: int) -> bool:
    """Return True if a value has more digits after the point than some; whole numbers have the most."""
    if pa.types.is_decimal(chunk.type):
        cut = pc.round(chunk, ndigits=places, round_mode="towards_zero")
        return bool(pc.any(pc.not_equal(cut, chunk)).as_py())
    array = numbers_of(chunk.fill_null(to_scalar(0, chunk.type)))
    if pa.types.is_integer(chunk.type):
        step = 10 ** (most - places)
        return bool((array // step * step != array).any())
    unit = 10.0**places
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = array * unit
        # From 2**53 on a value shows 16 digits before this place, and float64 has no more.
        has_more = (np.abs(scaled) < MAX_EXACT_INTEGER) & (np.rint(scaled) / unit != array)
    return bool(has_more.any())


def _is_same_as_float(found: object, value: Decimal, bound: Decimal, text: str) -> bool:
    """Return True if a value and a bound are the same, up to float64 or the digits of their type."""
    if not isinstance(found, float):
        # A number written as a float has no more digits of the value than float64 has.
        return not text.lstrip("-").isdecimal() and is_exact_float(text) and float(value) == float(bound)
    stated = float(bound)
    # Written with from as many digits as the type keeps for certain (FLT_DIG and DBL_DIG of C) to as many as
    # identify every value (FLT_DECIMAL_DIG and DBL_DECIMAL_DIG).
    for number, written in ((found, stated), (stated, found)):
        is_single = ctypes.c_float(number).value == number
        digits = [6, 7, 8, 9, 15, 16, 17] if is_single else [15, 16, 17]
        if any(float(f"{number:.{count}g}") == written for count in digits):
            return True
    return False
