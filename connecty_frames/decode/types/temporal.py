"""Temporal text read exactly, as Arrow's dates, timestamps, times and durations.

Texts are cast as whole Arrow arrays; only the few that Arrow cannot read (``24:00:00``, offsets with seconds,
durations) are computed one by one.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa

from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import index_of, to_array, to_scalar
from connecty_frames.decode.arrow_types import FRACTION_DIGITS, find_zone, is_aware, is_naive
from connecty_frames.decode.errors import CellError, raise_at_first
from connecty_frames.decode.types.durations import nanoseconds
from connecty_frames.decode.types.temporal_bounds import fit_bounds, trim_zeros
from connecty_frames.decode.types.temporal_fast import (
    DAY_MICROS,
    EPOCH_DAY,
    FIRST_MICROS,
    LAST_MICROS,
    TemporalValues,
    distinct_offsets,
    has_seventh_digit,
)
from connecty_frames.decode.types.temporal_format import (
    TIMESTAMP_PARTS,
    TemporalFormat,
    canonical,
    format_of,
    has_format,
    has_minutes,
    match_format,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: The formats of texts that are inferred to be dates or times where nothing else says so.
_INFERRED: Final = (TemporalFormat.DATE, TemporalFormat.NAIVE, TemporalFormat.AWARE)
#: So many texts are read at once, which bounds what is made of them on the way.
_BATCH: Final = 1 << 16  # pragma: no mutate - a size
#: numpy and pandas read this number as a missing time (NaT), so it cannot be a value.
NAT: Final = -(2**63)


def read_exact(
    texts: Sequence[str | None],
    bounds: Sequence[str],
    tz: str,
    *,
    inferred: bool,
    is_duration: bool = False,
) -> TemporalValues:
    """Read texts of one format, None as null, as the type that holds the bounds too, or raise CellError."""
    # Its ``row`` is the position among the texts that are not null, followed by the bounds. If only the texts
    # tell that they are temporal, times of day, durations and timestamps without minutes are refused.
    texts = list(texts)  # a column makes its texts each time that it is traversed
    first = next((text for text in texts if text is not None), "")
    if inferred and match_format(first) not in _INFERRED:
        raise CellError(0, first, "is not inferred to be a date or timestamp")
    present = [text for text in texts if text is not None]
    # A bound that can only be a duration makes one of 01:00:01 too.
    is_duration = is_duration or any(match_format(bound) is TemporalFormat.DURATION for bound in bounds)
    expected = TemporalFormat.DURATION if is_duration else None
    own_format = format_of(present, expected=expected) if present else expected
    format_, counted = fit_bounds(own_format, bounds)
    if inferred and not has_minutes(present):
        raise CellError(0, first, "is among timestamps without minutes, which are not inferred")
    scalars = [*present, *trim_zeros(counted, present)]
    if format_ is TemporalFormat.NAIVE and own_format is not format_:
        scalars = _at_midnight(scalars)
    values = _with_nulls(_read_exactly(format_, scalars, tz)[: len(present)], texts)
    offsets: frozenset[str] = frozenset()
    if format_ is TemporalFormat.AWARE and scalars:
        offsets = distinct_offsets(canonical(to_array(scalars, pa.string())))
    return TemporalValues(format_, values, offsets)


def _at_midnight(texts: Sequence[str]) -> list[str]:
    """Return dates as timestamps, and timestamps as they are."""
    return [f"{text}T00:00" if len(text) == len("2025-01-01") else text for text in texts]


def _read_exactly(format_: TemporalFormat, texts: Sequence[str], tz: str) -> pa.Array:
    """Read texts of a format as the Arrow type that holds all exactly; CellError if no unit does."""
    # Microseconds, or nanoseconds if some text has a 7th digit of the second, unless these digits are all
    # zero in a column that reaches beyond what nanoseconds can hold (1677 to 2262).
    finest = "ns" if any(map(has_seventh_digit, texts)) else "us"
    for unit in dict.fromkeys((finest, "us")):
        try:
            return read(texts, _READERS[format_].type(unit, tz))
        except CellError as error:
            problem = error
    raise problem


def read(texts: Sequence[str | None], type_: pa.DataType) -> pa.Array:
    """Read temporal texts as an array of a type, None as null; raises CellError with the position."""
    present = [text for text in texts if text is not None]
    if not present:
        return pa.nulls(len(texts), type_)
    try:
        values = _read_present(present, type_)
    except CellError as error:
        rows = [row for row, text in enumerate(texts) if text is not None]
        raise error.at(rows[error.row or 0]) from None
    return _with_nulls(values, texts)


def _with_nulls(values: pa.Array, texts: Sequence[str | None]) -> pa.Array:
    """Return an array with the nulls that its texts have."""
    if len(values) == len(texts):
        return values
    positions = iter(range(len(values)))
    return values.take(to_array([None if text is None else next(positions) for text in texts], pa.int64()))


def _read_present(texts: Sequence[str], type_: pa.DataType) -> pa.Array:
    expected = TemporalFormat.DURATION if pa.types.is_duration(type_) else None
    format_ = format_of(texts, expected=expected)
    reader = _READERS[format_]
    if not reader.holds(type_):
        # Beside 01:00:01, which is a duration too, 10:30 is what does not fit.
        unlike = (row for row, text in enumerate(texts) if expected and not has_format(text, expected))
        position = next(unlike, 0)
        raise CellError(position, texts[position], f"is among {format_.value}, which {type_} does not hold")
    parts = []
    for start in range(0, len(texts), _BATCH):
        try:
            parts.append(reader.read(texts[start : start + _BATCH], type_))
        except CellError as error:
            raise error.at(start + (error.row or 0)) from None
    return pa.concat_arrays(parts)


def row_out_of_range(values: pa.ChunkedArray | pa.Array, tz: str) -> int | None:
    """Return the row of an instant whose local year is not from 1 to 9999, or None if all are in range."""
    # Neither Python nor pandas nor polars can show such an instant, though Arrow can hold it.
    if tz == "UTC" or len(values) == values.null_count:
        return None
    instants = pc.cast(pc.cast(values, pa.timestamp("us", "UTC"), safe=False), pa.int64())
    for extreme in pc.min_max(instants).as_py().values():
        try:
            (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=extreme)).astimezone(find_zone(tz))
        except OverflowError:
            return index_of(instants, extreme)
    return None


def check_zone(values: pa.Array, type_: pa.DataType, texts: Sequence[Any]) -> pa.Array:
    """Return instants, checked to be of the years 1 to 9999 in the time zone of their type, if it has one."""
    row = row_out_of_range(values, type_.tz) if is_aware(type_) else None
    if row is not None:
        raise CellError(row, str(texts[row]), f"has no year that can be shown in {type_.tz}")
    return values


def check_range(counts: pa.Array, first: int, last: int, texts: Sequence[Any]) -> None:
    """Raise CellError for counts that are not from the first of the year 1 to the last of the year 9999."""
    raise_at_first(pc.less(counts, _whole(first)), texts, "is before the year 1")
    raise_at_first(pc.greater(counts, _whole(last)), texts, "is after the year 9999")


def _whole(number: int) -> pa.Scalar:
    return to_scalar(number, pa.int64())


def _read_dates(texts: Sequence[str], type_: pa.DataType) -> pa.Array:
    days = pc.cast(to_array(texts, pa.string()), pa.date32())
    if not pa.types.is_timestamp(type_):
        return pc.cast(days, type_)
    micros = pc.multiply(pc.cast(pc.cast(days, pa.int32()), pa.int64()), _whole(DAY_MICROS))
    return _in_unit(micros, to_array(texts, pa.string()), texts, type_)


def _read_timestamps(texts: Sequence[str], type_: pa.DataType) -> pa.Array:
    spelled = canonical(to_array(texts, pa.string()))
    micros = _timestamp_micros(spelled, "UTC" if type_.tz else None)
    check_range(micros, FIRST_MICROS, LAST_MICROS, texts)
    return _in_unit(micros, spelled, texts, type_)


def _timestamp_micros(texts: pa.StringArray, zone: str | None) -> pa.Array:
    """Return canonical timestamps as microseconds since 1970; the digits after the sixth are cut off."""
    trimmed = pc.replace_substring_regex(texts, r"(\.\d{6})\d+", r"\1")
    # Arrow reads neither the hour 24 nor an offset with seconds.
    unreadable = pc.match_substring_regex(texts, r"T24:|[+-]\d\d:\d\d:\d\d$")
    if unreadable.true_count:
        epoch = to_scalar("1970-01-01T00:00:00" + ("Z" if zone else ""), pa.string())
        trimmed = pc.if_else(unreadable, epoch, trimmed)
    micros = pc.cast(pc.cast(trimmed, pa.timestamp("us", zone)), pa.int64())
    if unreadable.true_count:
        computed = [_compute_micros(texts[row].as_py()) for row in pc.indices_nonzero(unreadable).to_pylist()]
        micros = pc.replace_with_mask(micros, unreadable, to_array(computed, pa.int64()))
    return micros


def _compute_micros(text: str) -> int:
    """Compute the microseconds since 1970 of one timestamp; the digits after the sixth are cut off."""
    found = TIMESTAMP_PARTS.fullmatch(text)
    if found is None:  # pragma: no cover - the grammar has been matched
        raise AssertionError(text)
    days = date.fromisoformat(found["day"]).toordinal() - EPOCH_DAY
    seconds = int(found["hour"]) * 3600 + int(found["minute"] or 0) * 60 + int(found["second"] or 0)
    fraction = int((found["fraction"] or "")[:6].ljust(6, "0"))
    return (days * 86400 + seconds - _offset_seconds(found["offset"])) * 1_000_000 + fraction


def _offset_seconds(offset: str | None) -> int:
    if offset in (None, "Z"):
        return 0
    digits = offset[1:].replace(":", "").ljust(6, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:])
    return -seconds if offset[0] == "-" else seconds


def _read_times(texts: Sequence[str], type_: pa.DataType) -> pa.Array:
    day, end = (to_scalar(text, pa.string()) for text in ("1970-01-01T", ""))
    spelled = pc.binary_join_element_wise(day, to_array(texts, pa.string()), end)
    return _in_unit(_timestamp_micros(spelled, None), spelled, texts, type_)


def _read_durations(texts: Sequence[str], type_: pa.DataType) -> pa.Array:
    nanos_per_unit = 10 ** (9 - FRACTION_DIGITS[type_.unit])
    counts = []
    for position, text in enumerate(texts):
        count, rest = divmod(nanoseconds(text), nanos_per_unit)
        if rest or abs(count) > -(NAT + 1):
            raise CellError(position, text, f"does not fit in {type_}")
        counts.append(count)
    return pc.cast(to_array(counts, pa.int64()), type_)


def _in_unit(micros: pa.Array, spelled: pa.StringArray, texts: Sequence[str], type_: pa.DataType) -> pa.Array:
    """Convert microseconds and the digits after the sixth to a type; CellError if it cannot hold one."""
    extra = _nanos_beyond_micros(spelled)
    if type_.unit == "ns":
        return pc.cast(_in_nanos(micros, extra, texts), type_)
    micros_per_unit = _whole(10 ** (6 - FRACTION_DIGITS[type_.unit]))
    values = pc.divide(micros, micros_per_unit)  # rounds towards zero; whether that was exact is checked next
    lost = pc.or_(pc.not_equal(pc.multiply(values, micros_per_unit), micros), pc.not_equal(extra, _whole(0)))
    raise_at_first(lost, texts, f"has more digits than {type_} holds")
    return pc.cast(pc.cast(values, pa.int32()) if pa.types.is_time32(type_) else values, type_)


def _nanos_beyond_micros(spelled: pa.StringArray) -> pa.Int64Array:
    """Return the 7th to 9th digit of the fraction as nanoseconds."""
    digits = pc.struct_field(pc.extract_regex(spelled, r"\.\d{6}(?P<digits>\d{1,3})"), "digits")
    padded = pc.utf8_rpad(pc.fill_null(digits, to_scalar("", pa.string())), width=3, padding="0")
    return pc.cast(padded, pa.int64())


def _in_nanos(micros: pa.Array, extra: pa.Array, texts: Sequence[str]) -> pa.Array:
    """Return nanoseconds, checked here since a cast wraps around silently on some versions of Arrow."""
    is_negative = pc.less(micros, _whole(0))
    # One microsecond towards zero and back, so that the very first nanosecond does not overflow on the way.
    whole = pc.if_else(is_negative, pc.add(micros, _whole(1)), micros)
    rest = pc.if_else(is_negative, pc.subtract(extra, _whole(1_000)), extra)
    try:
        nanos = pc.add_checked(pc.multiply_checked(whole, _whole(1_000)), rest)
        beyond = pc.equal(nanos, _whole(NAT))
    except pa.ArrowInvalid:
        exact = zip(micros.to_pylist(), extra.to_pylist(), strict=True)
        beyond = to_array([not NAT < value * 1_000 + digits < 2**63 for value, digits in exact], pa.bool_())
    raise_at_first(beyond, texts, "needs nanoseconds, which reach from 1677 to 2262 only")
    return nanos


class _Reader(NamedTuple):
    """How texts of a format are read: the type for a unit and time zone, and which types hold them."""

    type: Callable[[str, str], pa.DataType]
    holds: Callable[[pa.DataType], bool]
    read: Callable[[Sequence[str], pa.DataType], pa.Array]


#: A column of dates may also become timestamps at midnight; an instant needs an offset.
_READERS: Final = {
    TemporalFormat.DATE: _Reader(
        lambda _unit, _tz: pa.date32(),
        lambda type_: pa.types.is_date(type_) or is_naive(type_),
        _read_dates,
    ),
    TemporalFormat.NAIVE: _Reader(lambda unit, _tz: pa.timestamp(unit), is_naive, _read_timestamps),
    TemporalFormat.AWARE: _Reader(pa.timestamp, is_aware, _read_timestamps),
    TemporalFormat.TIME: _Reader(lambda unit, _tz: pa.time64(unit), pa.types.is_time, _read_times),
    TemporalFormat.DURATION: _Reader(
        lambda unit, _tz: pa.duration(unit), pa.types.is_duration, _read_durations
    ),
}
