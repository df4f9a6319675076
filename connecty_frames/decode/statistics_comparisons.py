"""What of a column is compared with its statistics, by Arrow type."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from functools import lru_cache, partial
from operator import attrgetter, methodcaller
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa

from connecty_frames._base.immutable import Immutable
from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow_types import FRACTION_DIGITS, any_of, first_match
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.types import temporal
from connecty_frames.decode.types.temporal_format import in_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connecty_frames.decode.arrow_types import TypeTest

#: Has more than decimal256's 76 digits, and turns what is not a number into NaN. Python's current context
#: belongs to the user.
CONTEXT: Final = Context(prec=200, Emin=-9_999, Emax=9_999, traps=[])
#: More digits after the point than a float64 has (DBL_MIN_10_EXP of C).
_FLOAT_PLACES: Final = 307
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
#: A bound is read in the finest unit that holds it.
_UNITS: Final = ("ns", "us")
#: Matches a timestamp; the groups are what a clock shows, and what its zone is.
_match_clock: Final = re.compile(
    r"(?P<clock>.{10}[Tt ]\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)(?P<zone>.*)", re.ASCII
).fullmatch
_find_fraction: Final = re.compile(r"\.\d+").search


def _parse_number(text: str, _: pa.DataType) -> Decimal:
    number = CONTEXT.create_decimal(text)
    if number.is_nan():
        raise CellError(0, text, "is not a number")
    return number


class Comparison(Immutable):
    """How the columns of some Arrow types are compared with their statistics."""

    # ``to_numbers`` turns dates and times into whole numbers that count the last place.

    section: str  # the one about such values; min and max of another are of something else
    counts: dict[str, tuple[str, Callable[[pa.ChunkedArray], pa.ChunkedArray]]] = msgspec.field(
        default_factory=dict
    )
    parse: Callable[[str, pa.DataType], Decimal] = _parse_number  # CellError if not comparable
    show: Callable[[Decimal, pa.DataType], str] = lambda number, _: str(number)
    places: Callable[[pa.DataType], int] = lambda _: 0  # digits after the point
    to_numbers: Callable[[pa.ChunkedArray], pa.ChunkedArray] = lambda column: column
    measure: Callable[[pa.ChunkedArray], pa.ChunkedArray] = lambda column: column
    scalar_value: Callable[[pa.Scalar], Any] = methodcaller("as_py")


def _parse_date(text: str, _: pa.DataType) -> Decimal:
    """Read a date as days since 1970; it may be written as its midnight, in whatever zone."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return _read_midnight(text)
    return Decimal(day.toordinal() - _EPOCH.toordinal())


def _read_midnight(text: str) -> Decimal:
    found = _match_clock(in_iso(text))
    if found is None:
        return Decimal(temporal.read([text], pa.date32())[0].value)
    if found["zone"]:
        _read(text, [pa.timestamp(unit, "UTC") for unit in _UNITS])  # raises if it is none
    days, rest = divmod(_read(found["clock"], list(map(pa.timestamp, _UNITS))), 86_400)
    if rest:
        raise CellError(0, text, "is not a midnight")
    return days


def _parse_timestamp(text: str, type_: pa.DataType) -> Decimal:
    """Read a timestamp as seconds since 1970; without an offset only in a column that has none."""
    whole, fraction = _split_fraction(text)
    try:
        timestamp = datetime.fromisoformat(whole)
        if (timestamp.tzinfo is None) is (type_.tz is None):
            since_epoch = timestamp.replace(tzinfo=timestamp.tzinfo or UTC) - _EPOCH
            return CONTEXT.add(fraction, since_epoch // _SECOND)
    except (ValueError, OverflowError):
        pass
    return _read(text, [pa.timestamp(unit, type_.tz) for unit in _UNITS])


def _parse_time(text: str, _: pa.DataType) -> Decimal:
    whole, fraction = _split_fraction(text)
    try:
        found = time.fromisoformat(whole)
        if found.tzinfo is None:
            return CONTEXT.add(fraction, found.hour * 3_600 + found.minute * 60 + found.second)
    except ValueError:
        pass
    return _read(text, list(map(pa.time64, _UNITS)))


def _parse_duration(text: str, _: pa.DataType) -> Decimal:
    return _read(text, list(map(pa.duration, _UNITS)))


def _read(text: str, types: Sequence[pa.DataType]) -> Decimal:
    """Read as seconds whatever a column is read from, by the first type that holds it exactly."""
    # Python reads the usual spellings a hundred times faster; this reads the others.
    for type_ in types:
        try:
            count: int = temporal.read([text], type_)[0].value
        except CellError as error:
            problem = error
        else:
            return Decimal(count).scaleb(-FRACTION_DIGITS[type_.unit], CONTEXT)
    raise problem


def _split_fraction(text: str) -> tuple[str, Decimal]:
    """Take the fraction of a second out of a text: Python knows six digits of it, Arrow nine."""
    found = _find_fraction(text)
    if found is None:
        return text, Decimal(0)
    return text[: found.start()] + text[found.end() :], CONTEXT.create_decimal("0" + found[0])


def _show_date(days: Decimal, _: pa.DataType) -> str:
    return date.fromordinal(_EPOCH.toordinal() + int(days)).isoformat()


def _show_timestamp(seconds: Decimal, type_: pa.DataType) -> str:
    whole = math.floor(seconds)
    fraction = CONTEXT.subtract(seconds, whole).normalize(CONTEXT)
    timestamp = _EPOCH.replace(tzinfo=None) + whole * _SECOND
    zone = "Z" if pa.types.is_timestamp(type_) and type_.tz is not None else ""
    return timestamp.isoformat() + f"{fraction:f}".removeprefix("0") + zone


def _to_integers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, pa.int32() if column.type.bit_width == pa.int32().bit_width else pa.int64())


def _to_doubles(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column if pa.types.is_float64(column.type) else pc.cast(column, pa.float64())


@lru_cache
def comparison_of(type_: pa.DataType) -> Comparison | None:
    """Return how a column of a type is compared, None where it is not."""
    return first_match(_COMPARISONS, type_)


_numeric: Final = partial(Comparison, section="numeric")
_temporal: Final = partial(
    Comparison,
    section="temporal",
    places=lambda type_: FRACTION_DIGITS[type_.unit],
    to_numbers=_to_integers,
    scalar_value=attrgetter("value"),
)

#: string_view is missing, since not every supported version of Arrow can measure it.
_COMPARISONS: Final[tuple[tuple[TypeTest, Comparison], ...]] = (
    (
        any_of(pa.types.is_string, pa.types.is_large_string),
        Comparison("string"),
    ),
    (
        pa.types.is_boolean,
        Comparison(
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
        _numeric(
            places=lambda _: _FLOAT_PLACES,
            to_numbers=_to_doubles,
            measure=_to_doubles,
        ),
    ),
    (pa.types.is_date32, _temporal(parse=_parse_date, show=_show_date, places=lambda _: 0)),
    (pa.types.is_timestamp, _temporal(parse=_parse_timestamp, show=_show_timestamp)),
    (
        pa.types.is_time,
        _temporal(
            parse=_parse_time, show=lambda seconds, type_: _show_timestamp(seconds, type_).partition("T")[2]
        ),
    ),
    (
        pa.types.is_duration,
        _temporal(
            parse=_parse_duration,
            show=lambda seconds, _: f"{seconds.normalize(CONTEXT):f} s",
            measure=_to_integers,
            scalar_value=methodcaller("as_py"),
        ),
    ),
)
