"""Temporal text read exactly, as Arrow's dates, timestamps, times and durations.

Texts are cast as whole Arrow arrays; only the few that Arrow cannot read (``24:00:00``, offsets with seconds)
are computed one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames.decode.arrow_buffers import POOL, offsets_of
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.temporal_format import (
    DURATION_PARTS,
    OFFSET,
    PARTS,
    TemporalFormat,
    form_of,
    form_of_one,
    is_like,
    offset_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "TemporalValues",
    "arrow_type",
    "bounded",
    "offsets",
    "quick_form",
    "read",
    "read_exact",
    "read_fast",
    "shown_in",
]

_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY_MICROS: Final = 86_400_000_000
#: 0001-01-01 and 9999-12-31T23:59:59.999999 in microseconds: what Python, pandas and polars can show.
_FIRST: Final = (1 - _EPOCH) * _DAY_MICROS
_LAST: Final = (date(9999, 12, 31).toordinal() + 1 - _EPOCH) * _DAY_MICROS - 1

_EDGE_YEARS: Final = frozenset({"0001", "9999"})

_seventh_digit: Final = re.compile(r"\.\d{7}").search
_usual_offset: Final = re.compile(r"Z|[+-]\d\d:\d\d").fullmatch


def arrow_type(form: TemporalFormat, texts: Sequence[str], tz: str) -> pa.DataType:
    """Give the Arrow type that holds all texts of a form exactly.

    Microseconds, or nanoseconds where some text has a 7th digit of the second, unless these digits are all
    zero in a column that reaches beyond what nanoseconds can hold (1677 to 2262).

    Raises
    ------
    CellError
        Where no unit holds them all.
    """
    if form is TemporalFormat.DATE:
        return pa.date32()
    finest = "ns" if any(map(_seventh_digit, texts)) else "us"
    for unit in dict.fromkeys((finest, "us")):
        found = _TYPES[form](unit, tz)
        try:
            read(texts, found)
        except CellError as misfit:
            problem = misfit
        else:
            return found
    raise problem


_TYPES: Final = {
    TemporalFormat.NAIVE: lambda unit, _: pa.timestamp(unit),
    TemporalFormat.AWARE: pa.timestamp,
    TemporalFormat.TIME: lambda unit, _: pa.time64(unit),
    TemporalFormat.DURATION: lambda unit, _: pa.duration(unit),
}


@dataclass(frozen=True, slots=True)
class TemporalValues:
    """Temporal texts of one form, read as what they mean.

    Parameters
    ----------
    values
        date32, timestamp[us], or, of texts with offsets, timestamp[us, UTC].
    offsets
        The different offsets of the texts.
    """

    form: TemporalFormat
    values: pa.ChunkedArray | pa.Array
    offsets: frozenset[str] = frozenset()

    @classmethod
    def joined(cls, parts: Sequence[TemporalValues]) -> TemporalValues:
        """Put the parts of a column together; all are of one form."""
        values = pa.chunked_array([part.values for part in parts])
        return cls(parts[0].form, values, frozenset().union(*(part.offsets for part in parts)))


def quick_form(text: str) -> TemporalFormat | None:
    """Give the form that ``read_fast`` may read texts like this one as, None where it reads no such."""
    form = form_of_one(text)
    return None if form not in _QUICK or _seventh_digit(text) else form


def read_fast(texts: pa.StringArray, form: TemporalFormat) -> TemporalValues | None:
    """Read texts by Arrow's own cast, or give None where that might not be what the grammar says.

    The outcome is that of ``form_of``, ``arrow_type`` and ``read``: what Arrow casts to an instant is in the
    grammar of AWARE, to a timestamp in that of NAIVE or DATE, to a date in that of DATE, but for the year
    0000; and it refuses a seventh digit of the second in microseconds.
    """
    type_, first, last, least_length = _QUICK[form]
    try:
        values = pc.cast(texts, type_, memory_pool=POOL)
    except pa.ArrowInvalid:
        return None
    ends = pc.min_max(values)
    if not ends["min"].is_valid:
        return TemporalValues(form, values)
    if ends["min"].value < first or ends["max"].value > last:
        return None
    # West of Greenwich the year 0000 lasts into the first day of the year 1.
    early = form is TemporalFormat.AWARE and ends["min"].value < first + _DAY_MICROS
    if early and pc.any(pc.starts_with(texts, "0000")).as_py():
        return None
    if least_length:
        starts, ends = offsets_of(texts)
        if np.count_nonzero(ends - starts < least_length) != texts.null_count:
            return None
    return TemporalValues(form, values, offsets(texts) if form is TemporalFormat.AWARE else frozenset())


def bounded(moments: TemporalValues, bounds: Sequence[str], tz: str) -> TemporalValues | None:
    """Hold two more texts against a column, and give it in a zone; None where they are of another form."""
    if any(not is_like(bound, moments.form) or _seventh_digit(bound) for bound in bounds):
        return None
    try:
        for bound in bounds:
            date.fromisoformat(bound[:10])
    except ValueError:
        return None
    # At the ends of time the hour decides whether an instant can be shown.
    edges = [bound for bound in bounds if bound[:4] in _EDGE_YEARS]
    if edges and read_fast(pa.array(edges, pa.string()), moments.form) is None:
        return None
    if moments.form is not TemporalFormat.AWARE:
        return moments
    values = moments.values if tz == "UTC" else pc.cast(moments.values, pa.timestamp("us", tz))
    return replace(moments, values=values, offsets=moments.offsets.union(map(offset_of, bounds)))


#: What a form is cast to, the least and the most it may then be, and how long the shortest text of it is: a
#: shorter one is a date (0 where Arrow takes no other length).
_QUICK: Final = {
    TemporalFormat.DATE: (pa.date32(), _FIRST // _DAY_MICROS, _LAST // _DAY_MICROS, 0),
    TemporalFormat.NAIVE: (pa.timestamp("us"), _FIRST, _LAST, len("2025-01-01T10")),
    TemporalFormat.AWARE: (pa.timestamp("us", "UTC"), _FIRST, _LAST, len("2025-01-01T10Z")),
}


def offsets(texts: pa.StringArray) -> frozenset[str]:
    """Give the different offsets of aware timestamps."""
    starts, ends = offsets_of(texts)
    if texts.null_count:
        ends = ends[ends > starts]
    data = texts.buffers()[2]
    # The last eight bytes of each as a number, and of these the six that an offset most often has.
    tails = np.ndarray(data.size - 7, "<u8", data, strides=(1,))[ends - 8] >> 16
    tails = np.where(tails >> 40 == ord("Z"), ord("Z") << 40, tails)
    least, most = tails.min(), tails.max()
    # A zone has two offsets, in winter and in summer.
    distinct = (least, most) if ((tails == least) | (tails == most)).all() else np.unique(tails)
    found = {int(tail).to_bytes(6, "little").decode().lstrip("\0") for tail in distinct}
    if all(map(_usual_offset, found)):
        return frozenset(found)
    matched = pc.struct_field(pc.extract_regex(texts, rf"(?P<offset>{OFFSET})$"), "offset")
    return frozenset(filter(None, pc.unique(matched).to_pylist()))


def read_exact(
    texts: Sequence[str | None], bounds: Sequence[str], tz: str, forms: Sequence[TemporalFormat]
) -> TemporalValues:
    """Read a column whose texts and bounds are all of one of some forms; None is null.

    Raises
    ------
    CellError
        Where they are not, or no type holds them all; its ``row`` is the position among those that are not
        null, and then the bounds.
    """
    scalars = [*(text for text in texts if text is not None), *bounds]
    form = form_of(scalars)
    if form not in forms:
        raise CellError(0, scalars[0], f"is among {form.value}")
    values = read(texts, arrow_type(form, scalars, tz))
    found = offsets(pa.array(scalars, pa.string())) if form is TemporalFormat.AWARE else frozenset()
    return TemporalValues(form, values, found)


def read(texts: Sequence[str | None], type_: pa.DataType) -> pa.Array:
    """Read temporal texts as an Arrow array of a given type; None is null.

    Raises
    ------
    CellError
        At the first text that is not exactly a value of the type; its ``row`` is the position.
    """
    present = [text for text in texts if text is not None]
    if not present:
        return pa.nulls(len(texts), type_)
    try:
        values = _READERS[_held_form(present, type_)](present, type_)
    except CellError as misfit:
        rows = [row for row, text in enumerate(texts) if text is not None]
        raise CellError(rows[misfit.row or 0], misfit.value, misfit.reason) from None
    if len(present) == len(texts):
        return values
    places = pc.cumulative_sum(pa.array([int(text is not None) for text in texts]))
    places = pc.if_else(pa.array([text is not None for text in texts]), pc.subtract(places, 1), None)
    return values.take(places)


def shown_in(values: pa.ChunkedArray | pa.Array, tz: str) -> int | None:
    """Give the row of an instant whose local year is before 1 or after 9999 in a zone, None for none.

    Neither Python nor pandas nor polars can show such a moment, though Arrow can hold it.
    """
    if tz == "UTC" or len(values) == values.null_count:
        return None
    instants = pc.cast(pc.cast(values, pa.timestamp("us", "UTC"), safe=False), pa.int64())
    for end in pc.min_max(instants).as_py().values():
        try:
            (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=end)).astimezone(ZoneInfo(tz))
        except OverflowError:
            row: int = pc.index(instants, end).as_py()
            return row
    return None


def _held_form(texts: Sequence[str], type_: pa.DataType) -> TemporalFormat:
    """Give the form of texts that a type can hold: dates may be midnights, an instant needs a zone."""
    form = form_of(texts)
    if pa.types.is_timestamp(type_):
        holds = (
            form is TemporalFormat.AWARE if type_.tz else form in (TemporalFormat.NAIVE, TemporalFormat.DATE)
        )
    else:
        holds = form in _HELD and _HELD[form](type_)
    if not holds:
        raise CellError(0, texts[0], f"is among {form.value}, which {type_} does not hold")
    return form


_HELD: Final[dict[TemporalFormat, Callable[[pa.DataType], bool]]] = {
    TemporalFormat.DATE: pa.types.is_date,
    TemporalFormat.TIME: pa.types.is_time,
    TemporalFormat.DURATION: pa.types.is_duration,
}


def _read_dates(texts: Sequence[str], type_: pa.DataType) -> pa.Array:
    days = pc.cast(pa.array(texts, pa.string()), pa.date32())
    if not pa.types.is_timestamp(type_):
        return pc.cast(days, type_)
    return _in_unit(pc.multiply(pc.cast(pc.cast(days, pa.int32()), pa.int64()), _DAY_MICROS), texts, type_)


def _read_timestamps(texts: Sequence[str], type_: pa.DataType) -> pa.Array:
    zone = "UTC" if type_.tz else None
    array = pa.array(texts, pa.string())
    special = pc.match_substring_regex(array, r"[T ]24:|[+-]\d\d:\d\d:\d\d$")
    trimmed = pc.replace_substring_regex(array, r"(\.\d{6})\d+", r"\1")
    if special.true_count:
        trimmed = pc.if_else(special, "1970-01-01T00:00:00Z" if zone else "1970-01-01T00:00:00", trimmed)
    micros = pc.cast(pc.cast(trimmed, pa.timestamp("us", zone)), pa.int64())
    if special.true_count:
        exact = [_micros(text) for text, odd in zip(texts, special.to_pylist(), strict=True) if odd]
        micros = pc.replace_with_mask(micros, special, pa.array(exact, pa.int64()))
    for end, beyond in ((_FIRST, pc.less(micros, _FIRST)), (_LAST, pc.greater(micros, _LAST))):
        if beyond.true_count:
            position = beyond.index(True).as_py()
            edge = "before the year 1" if end == _FIRST else "after the year 9999"
            raise CellError(position, texts[position], f"is {edge}")
    return _in_unit(micros, texts, type_)


def _read_times(texts: Sequence[str], type_: pa.DataType) -> pa.Array:
    array = pa.array([f"1970-01-01T{text}" for text in texts], pa.string())
    trimmed = pc.replace_substring_regex(array, r"(\.\d{6})\d+", r"\1")
    return _in_unit(pc.cast(pc.cast(trimmed, pa.timestamp("us")), pa.int64()), texts, type_)


def _read_durations(texts: Sequence[str], type_: pa.DataType) -> pa.Array:
    """Add up weeks, days, hours, minutes and seconds; PostgreSQL signs each part by itself."""
    nanos = []
    for text in texts:
        found = DURATION_PARTS.fullmatch(text)
        if found is None:  # pragma: no cover - the grammar has been matched
            raise AssertionError(text)
        sign, weeks, days, hours, minutes, minus, seconds, fraction = found.groups()
        whole = (
            ((int(weeks or 0) * 7 + int(days or 0)) * 24 + int(hours or 0)) * 60 + int(minutes or 0)
        ) * 60
        part = int(seconds or 0) * 1_000_000_000 + int((fraction or "").ljust(9, "0"))
        total = whole * 1_000_000_000 + (-part if minus else part)
        nanos.append(-total if sign else total)
    per_unit = _NANOS[type_.unit]
    for position, value in enumerate(nanos):
        if value % per_unit or abs(value // per_unit) > -(_NOT_A_TIME + 1):
            raise CellError(position, texts[position], f"does not fit in {type_}")
    return pa.array([value // per_unit for value in nanos], pa.int64()).cast(type_)


#: What numpy and pandas take for "no time", so it can be no value.
_NOT_A_TIME: Final = -(2**63)
_NANOS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}

_READERS: Final = {
    TemporalFormat.DATE: _read_dates,
    TemporalFormat.NAIVE: _read_timestamps,
    TemporalFormat.AWARE: _read_timestamps,
    TemporalFormat.TIME: _read_times,
    TemporalFormat.DURATION: _read_durations,
}


def _in_unit(micros: pa.Array, texts: Sequence[str], type_: pa.DataType) -> pa.Array:
    """Turn microseconds, and the digits after the sixth, into a unit; digits it cannot hold are a misfit."""
    extra = pa.array([_beyond_micros(text) if "." in text else 0 for text in texts], pa.int64())
    if type_.unit == "ns":
        return _in_nanos(micros, extra, texts).cast(type_)
    per_unit = _NANOS[type_.unit] // 1_000
    values = pc.divide(micros, per_unit)  # towards zero, but exactness is asked for at once
    lost = pc.or_(pc.not_equal(pc.multiply(values, per_unit), micros), pc.not_equal(extra, 0))
    if lost.true_count:
        position = lost.index(True).as_py()
        raise CellError(position, texts[position], f"has more digits than {type_} holds")
    return pc.cast(pc.cast(values, pa.int32()) if pa.types.is_time32(type_) else values, type_)


def _in_nanos(micros: pa.Array, extra: pa.Array, texts: Sequence[str]) -> pa.Array:
    """Give nanoseconds, checked: a cast wraps around in silence on some versions of Arrow."""
    negative = pc.less(micros, 0)
    # Towards zero by one and back, so that the very first nanosecond does not overflow on the way.
    whole = pc.if_else(negative, pc.add(micros, 1), micros)
    rest = pc.if_else(negative, pc.subtract(extra, 1_000), extra)
    try:
        nanos = pc.add_checked(pc.multiply_checked(whole, 1_000), rest)
        beyond = pc.equal(nanos, _NOT_A_TIME)
    except pa.ArrowInvalid:
        exact = zip(micros.to_pylist(), extra.to_pylist(), strict=True)
        beyond = pa.array([not _NOT_A_TIME < value * 1_000 + digits < 2**63 for value, digits in exact])
    if beyond.true_count:
        position = beyond.index(True).as_py()
        raise CellError(position, texts[position], "needs nanoseconds, which reach from 1677 to 2262 only")
    return nanos


def _beyond_micros(text: str) -> int:
    """Give the 7th to 9th digit of the fraction as nanoseconds."""
    fraction = re.search(r"\.\d{6}(\d+)", text)
    return int(fraction[1].ljust(3, "0")) if fraction else 0


def _micros(text: str) -> int:
    """Compute microseconds since 1970 from a timestamp that Arrow cannot read; digits beyond are cut."""
    found = PARTS.fullmatch(text)
    if found is None:  # pragma: no cover - the grammar has been matched
        raise AssertionError(text)
    days = date.fromisoformat(found["day"]).toordinal() - _EPOCH
    seconds = int(found["hour"]) * 3600 + int(found["minute"] or 0) * 60 + int(found["second"] or 0)
    fraction = int((found["fraction"] or "")[:6].ljust(6, "0"))
    return (days * 86400 + seconds - _offset_seconds(found["offset"])) * 1_000_000 + fraction


def _offset_seconds(offset: str | None) -> int:
    if offset in (None, "Z"):
        return 0
    digits = offset[1:].replace(":", "").ljust(6, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:])
    return -seconds if offset[0] == "-" else seconds
