"""The table held against the server's own statistics.

What was sent and what was counted come from one result; where they disagree, one of them is wrong, and a
reader should know before acting on either. :data:`_FAMILIES` is the table of what is held against what. A
warning that cries wolf is worse than none, so whatever the API document leaves open is read in the
server's favour:

**Whole and part.** The statistics are of the whole result (in the document's example 100 rows beside 3).
Where all of its rows came, counts and extremes must agree. A part of them, or of a number unknown, can only
contradict: by a value outside of min and max, or by more nulls than there are in all.

**Digits.** The document's example shows rows in milliseconds beside statistics in microseconds. How far a
side was cut, or rounded, is told by the digits it shows: those of all values of the column, and those of min
and max. Trailing zeros tell nothing, for some servers write them and some do not. Where both sides
show as many digits after the point, they must be equal; otherwise they may differ by one unit of the last
digit of the side that shows fewer. Dates and whole numbers on both sides show none, so must be
equal. Moments count in seconds: no server is taken to have cut those.

**Floats.** A double may have been written with 15 digits, and a single with 6, which are all that their types
keep for certain; neither is held against what that took away.

**NaN.** PostgreSQL sorts it above all numbers, others skip it, and some count it among the nulls. A bound
that is NaN says nothing; the other values are held against the other bounds.

**Distinct values.** Held against the table under ``strict`` alone, since counting them costs as much as
reading them. Null and NaN may count as one more value each. Values that were cut may have merged, so of
numbers with a fraction and of moments there may be fewer than the server counted, never more.

Not compared: lengths of texts (characters or bytes, the document does not say), columns that stayed text
though the statistics are of numbers or moments, statistics that cannot be read, and bounds of a column
without values.
"""

from __future__ import annotations

import ctypes
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames.decode import temporal
from connecty_frames.decode.envelope import whole_number
from connecty_frames.errors import StatisticsWarning
from connecty_frames.text import snippet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["verify"]

#: Holds decimal256's 76 digits with room to spare, and turns what is no number into NaN. Python's own
#: context belongs to the user.
_CONTEXT: Final = Context(prec=200, Emin=-9_999, Emax=9_999, traps=[])
#: From here on float64 does not even tell whole numbers apart.
_FLOAT_WHOLE: Final = 2**53
#: With how many digits doubles and singles are written: the fewest that all who write them keep (DBL_DIG and
#: FLT_DIG of C) to the most that one needs (DBL_DECIMAL_DIG and FLT_DECIMAL_DIG).
_DOUBLE_DIGITS: Final = [15, 16, 17]
_SINGLE_DIGITS: Final = [6, 7, 8, 9]
#: More digits after the point than a float64 has (DBL_MIN_10_EXP of C).
_FLOAT_PLACES: Final = 307
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
#: Digits after the second by unit.
_PLACES: Final = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_fraction_of: Final = re.compile(r"\.\d+").search


def verify(
    table: pa.Table,
    statistics: list[dict[str, Any]],
    rows: int,
    total_rows: int | None,
    *,
    strict: bool = False,
) -> list[StatisticsWarning]:
    """Compare a table with the statistics of its columns.

    Parameters
    ----------
    statistics
        By column, as the server sent them; empty where it sent none.
    rows, total_rows
        The rows that came, and the rows of the whole result by the statistics (None: unknown).
    strict
        Whether to count distinct values too.

    Returns
    -------
    list of StatisticsWarning
        One for each disagreement; none where there is nothing to compare.
    """
    if total_rows is not None and rows > total_rows:
        return [StatisticsWarning(f"{rows:,} rows came, but the statistics count {total_rows:,}.")]
    whole = rows == total_rows
    return [
        StatisticsWarning(f"Column {snippet(name)!r} {disagreement}.")
        for name, column, sections in zip(table.column_names, table.columns, statistics, strict=True)
        for disagreement in _disagreements(column, sections, whole=whole, strict=strict)
    ]


def _ends(column: pa.ChunkedArray) -> list[Any]:
    """Give the least and the most of numbers, None where there is none."""
    return list(pc.min_max(column).as_py().values())


@dataclass(frozen=True, slots=True)
class _Family:
    """How the columns of some Arrow types are held against their statistics.

    Parameters
    ----------
    holds
        Which types.
    section
        The section that must be about such values; what another calls min and max is of something else.
    counts
        By field of the section what it counts, in words, and which counts are honest.
    read
        What number a bound is; raises ValueError, or gives NaN, where it is none. None where there are no
        bounds.
    show
        Such a number as a reader knows it.
    places
        How many digits after the point the type has room for.
    plain
        The column as what Arrow can compute with: these numbers, or, of dates and times, whole numbers that
        count the last place.
    ends
        The least and the most of these numbers, None where there is none.
    """

    holds: Callable[[pa.DataType], bool]
    section: str
    counts: dict[str, tuple[str, Callable[[pa.ChunkedArray], range]]] = field(default_factory=dict)
    read: Callable[[str, pa.DataType], Decimal] | None = None
    show: Callable[[Decimal, pa.DataType], str] = lambda number, _: str(number)
    places: Callable[[pa.DataType], int] = lambda _: 0
    plain: Callable[[pa.ChunkedArray], pa.ChunkedArray] = lambda column: column
    ends: Callable[[pa.ChunkedArray], list[Any]] = _ends


def _disagreements(
    column: pa.ChunkedArray, sections: dict[str, Any], *, whole: bool, strict: bool
) -> Iterator[str]:
    """Say in what a column and its statistics disagree, as what stands behind the column's name."""
    general = sections.get("general")
    # Most often the two are equal, and NaN need not be looked for.
    if isinstance(general, dict) and whole_number(general.get("nulls_count")) != column.null_count:
        yield from _count(general, "nulls_count", "nulls", column, _nulls, whole=whole)
    family = _family_of(column.type)
    section = sections.get(family.section) if family else None
    if family is None or not isinstance(section, dict):
        return
    for name, (words, count) in family.counts.items():
        yield from _count(section, name, words, column, count, whole=whole)
    yield from _bounds(section, column, family, whole=whole)
    if strict and whole and section.get("distinct_approx") is False:
        distinct = partial(_distinct, family)
        yield from _count(section, "distinct_count", "distinct values", column, distinct, whole=True)


def _count(
    section: dict[str, Any],
    name: str,
    words: str,
    column: pa.ChunkedArray,
    count: Callable[[pa.ChunkedArray], range],
    *,
    whole: bool,
) -> Iterator[str]:
    """Compare a count with all that are honest; of a part of a result none is too large."""
    stated = whole_number(section.get(name))
    if stated is None:
        return
    honest = count(column)
    if stated < honest.start or (whole and stated not in honest):
        in_all = "" if whole else " in all"
        yield f"has {honest.start:,} {words}, but the statistics count {stated:,}{in_all}"


def _bounds(
    section: dict[str, Any], column: pa.ChunkedArray, family: _Family, *, whole: bool
) -> Iterator[str]:
    """Compare a column with its min and max; of a part only what lies outside of them disagrees."""
    stated = [section.get(end) for end in ("min", "max")]
    if family.read is None or stated == [None, None]:
        return
    ends = family.ends(column)
    if ends[0] is None or not ends[0] <= ends[1]:
        return  # nothing but nulls and NaN, of which Arrow makes NaN, or inf and -inf
    if [str(found) for found in ends] == stated:
        return  # to the letter
    read = [_bound(text, column.type, family) for text in stated]
    bounds = [bound for bound in read if bound is not None]
    room = family.places(column.type)
    for end, bound, found in zip(("min", "max"), read, ends, strict=True):
        if bound is None:
            continue
        value = _CONTEXT.create_decimal(str(found))
        if isinstance(found, int):
            value = value.scaleb(-room, _CONTEXT)
        if value == bound or (not whole and (value > bound) is (end == "min")):
            continue
        if isinstance(found, float) and _is_same(found, float(bound)):
            continue
        gap = _CONTEXT.abs(_CONTEXT.subtract(value, bound))
        if not _is_cut(gap, max(map(_places, bounds)), family.plain(column), room):
            what, told = end if whole else "value", snippet(section[end], 60)
            yield f"has the {what} {family.show(value, column.type)}, but the statistics' {end} is {told}"


def _bound(value: object, type_: pa.DataType, family: _Family) -> Decimal | None:
    """Give a bound as a number, None where it is none."""
    if not isinstance(value, str) or family.read is None:
        return None
    try:
        number = family.read(value, type_)
    except (ValueError, OverflowError):
        return None
    return None if number.is_nan() else number


def _places(number: Decimal) -> int:
    """Count the digits after the point without the zeros behind them."""
    exponent = number.normalize(_CONTEXT).as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0  # infinity has no digits


def _is_cut(gap: Decimal, shown: int, values: pa.ChunkedArray, room: int) -> bool:
    """Whether one side shows fewer digits, and the gap is no more than one of the last of these.

    Parameters
    ----------
    gap
        By how much a bound is not the value; more than 0.
    shown
        How many digits after the point the bounds show.
    values, room
        The column as plain numbers, and how many such digits it has room for.
    """
    # The most digits of which one of the last is not less than the gap.
    most = -(gap.adjusted() + (gap.scaleb(-gap.adjusted(), _CONTEXT) > 1))
    if most < 0:
        return False
    if shown > 0 and _show_at_most(min(most, shown - 1), values, room):
        return True
    return shown <= most and not _show_at_most(shown, values, room)


def _show_at_most(places: int, values: pa.ChunkedArray, room: int) -> bool:
    """Whether no value of a column shows more digits after the point."""
    return places >= room or not any(_some_finer(chunk, places, room) for chunk in values.chunks)


def _some_finer(chunk: pa.Array, places: int, room: int) -> bool:
    if pa.types.is_decimal(chunk.type):
        cut = pc.round(chunk, ndigits=places, round_mode="towards_zero")
        return bool(pc.any(pc.not_equal(cut, chunk)).as_py())
    array = chunk.fill_null(0).to_numpy()
    if pa.types.is_integer(chunk.type):
        step = 10 ** (room - places)
        return bool((array // step * step != array).any())
    unit = 10.0**places
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = array * unit
        # From 2**53 on a value shows 16 digits before this place, and float64 has no more.
        finer = (np.abs(scaled) < _FLOAT_WHOLE) & (np.rint(scaled) / unit != array)
    return bool(finer.any())


def _is_same(value: float, bound: float) -> bool:
    """Whether two floats are one, of which a writer left out the last digits."""
    return _is_written(value, bound) or _is_written(bound, value)


def _is_written(number: float, text: float) -> bool:
    """Whether a float is what becomes of another by writing it with the digits of its type."""
    is_single = ctypes.c_float(number).value == number
    digits = _SINGLE_DIGITS + _DOUBLE_DIGITS if is_single else _DOUBLE_DIGITS
    return any(float(f"{number:.{count}g}") == text for count in digits)


def _exactly(count: int) -> range:
    return range(count, count + 1)


def _nulls(column: pa.ChunkedArray) -> range:
    """Count nulls; NaN may count as such."""
    return range(column.null_count, column.null_count + _nans(column) + 1)


def _nans(column: pa.ChunkedArray) -> int:
    """Count NaN, which Arrow knows of floats."""
    return (pc.sum(pc.is_nan(column)).as_py() or 0) if pa.types.is_floating(column.type) else 0


def _empty_texts(column: pa.ChunkedArray) -> range:
    return _exactly(pc.sum(pc.equal(pc.binary_length(column), 0)).as_py() or 0)


def _trues(column: pa.ChunkedArray) -> range:
    return _exactly(pc.sum(column).as_py() or 0)


def _falses(column: pa.ChunkedArray) -> range:
    return _exactly(len(column) - column.null_count - _trues(column).start)


def _distinct(family: _Family, column: pa.ChunkedArray) -> range:
    """Count distinct values; of those that may have been cut, each may have been one."""
    values, nans = family.plain(column), _nans(column)
    if pa.types.is_floating(values.type):
        values = pc.add(values, 0.0)  # turns -0.0, which Arrow would count beside it, into 0.0
    found = pc.count_distinct(values).as_py() - bool(nans)
    present = len(column) - column.null_count - nans
    most = present if family.places(column.type) > 0 else found
    return range(found, most + bool(column.null_count) + bool(nans) + 1)


def _number(text: str, _: pa.DataType) -> Decimal:
    return _CONTEXT.create_decimal(text)


def _days(text: str, _: pa.DataType) -> Decimal:
    return Decimal(date.fromisoformat(text).toordinal() - _EPOCH.toordinal())


def _instant(text: str, type_: pa.DataType) -> Decimal:
    """Read a timestamp as seconds since 1970; without an offset only in a column that has none."""
    whole, fraction = _split(text)
    moment = datetime.fromisoformat(whole)
    if (moment.tzinfo is None) is not (type_.tz is None):
        raise ValueError(text)
    return _CONTEXT.add(fraction, (moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH) // _SECOND)


def _time(text: str, _: pa.DataType) -> Decimal:
    whole, fraction = _split(text)
    moment = time.fromisoformat(whole)
    return _CONTEXT.add(fraction, moment.hour * 3_600 + moment.minute * 60 + moment.second)


def _duration(text: str, type_: pa.DataType) -> Decimal:
    value: int = temporal.read([text], type_)[0].value
    return Decimal(value).scaleb(-_PLACES[type_.unit], _CONTEXT)


def _split(text: str) -> tuple[str, Decimal]:
    """Take the fraction of a second out of a text: Python knows six digits of it, Arrow nine."""
    found = _fraction_of(text)
    if found is None:
        return text, Decimal(0)
    return text[: found.start()] + text[found.end() :], _CONTEXT.create_decimal("0" + found[0])


def _show_days(days: Decimal, _: pa.DataType) -> str:
    return date.fromordinal(_EPOCH.toordinal() + int(days)).isoformat()


def _show_instant(seconds: Decimal, type_: pa.DataType) -> str:
    return _show_clock(seconds) + ("" if type_.tz is None else "Z")


def _show_time(seconds: Decimal, _: pa.DataType) -> str:
    return _show_clock(seconds).partition("T")[2]


def _show_clock(seconds: Decimal) -> str:
    whole = math.floor(seconds)
    fraction = _CONTEXT.subtract(seconds, whole).normalize(_CONTEXT)
    moment = _EPOCH.replace(tzinfo=None) + whole * _SECOND
    return moment.isoformat() + f"{fraction:f}".removeprefix("0")


def _show_duration(seconds: Decimal, _: pa.DataType) -> str:
    return f"{seconds.normalize(_CONTEXT):f} s"


def _room_in_unit(type_: pa.DataType) -> int:
    return _PLACES[type_.unit]


def _as_whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.int32() if column.type.bit_width == pa.int32().bit_width else pa.int64())


def _counted_ends(column: pa.ChunkedArray) -> list[Any]:
    """Do the same for dates and times, as the whole numbers that they are."""
    return [end.value for end in pc.min_max(column).values()]


def _duration_ends(column: pa.ChunkedArray) -> list[Any]:
    return _ends(_as_whole(column))


def _as_double(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column if pa.types.is_float64(column.type) else column.cast(pa.float64())


def _is_text(type_: pa.DataType) -> bool:
    """Whether Arrow can measure the texts; of string views not every version can."""
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))


@lru_cache
def _family_of(type_: pa.DataType) -> _Family | None:
    return next((family for family in _FAMILIES if family.holds(type_)), None)


_numeric: Final = partial(_Family, section="numeric", read=_number)
_moment: Final = partial(
    _Family, section="temporal", places=_room_in_unit, plain=_as_whole, ends=_counted_ends
)

_FAMILIES: Final[tuple[_Family, ...]] = (
    _Family(_is_text, "string", counts={"empty_string_count": ("empty texts", _empty_texts)}),
    _Family(
        pa.types.is_boolean,
        "boolean",
        counts={"true_count": ("true values", _trues), "false_count": ("false values", _falses)},
    ),
    _numeric(pa.types.is_integer),
    _numeric(pa.types.is_decimal, places=lambda type_: type_.scale),
    _numeric(
        pa.types.is_floating,
        places=lambda _: _FLOAT_PLACES,
        plain=_as_double,
        ends=lambda column: _ends(_as_double(column)),
    ),
    _moment(pa.types.is_date32, read=_days, show=_show_days, places=lambda _: 0),
    _moment(pa.types.is_timestamp, read=_instant, show=_show_instant),
    _moment(pa.types.is_time, read=_time, show=_show_time),
    _moment(pa.types.is_duration, read=_duration, show=_show_duration, ends=_duration_ends),
)
