"""Temporal text read exactly, as Arrow's dates, timestamps, times and durations.

Arrow's own cast reads most texts as the grammar in ``spellings`` does; ``formats`` takes others apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from connecty_frames._base.clock import named_zone
from connecty_frames.decode import arrow
from connecty_frames.decode import compute as pc
from connecty_frames.decode.cells import CellError, raise_at_first, read_each
from connecty_frames.decode.types import spellings
from connecty_frames.decode.types.formats import Moments, TimeFormat, read_moments, take_apart
from connecty_frames.decode.types.spellings import TemporalFormat

if TYPE_CHECKING:
    from numpy.typing import NDArray


EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_DAY: Final = 86_400
DAY_MICROS: Final = _DAY * 1_000_000
#: 0001-01-01 and 9999-12-31T23:59:59.999999 in microseconds: the range of Python, pandas and polars.
FIRST_MICROS: Final = (1 - EPOCH_DAY) * DAY_MICROS
LAST_MICROS: Final = (date(9999, 12, 31).toordinal() + 1 - EPOCH_DAY) * DAY_MICROS - 1
NAT: Final = -(2**63)  # numpy and pandas read this number as a missing time (NaT), so it cannot be a value
_ENDS: Final = 32


class TemporalValues(NamedTuple):
    """Temporal texts of one format read as Arrow values."""

    format: TemporalFormat
    values: pa.ChunkedArray | pa.Array  # date32, timestamp, or with offsets timestamp in UTC
    offsets: frozenset[str] = frozenset()  # the different ones

    def slice(self, start: int, length: int) -> TemporalValues:
        """Return some of the values, with at most one offset."""
        values = self.values.slice(start, length)
        has_any = values.null_count < length
        return TemporalValues(self.format, values, self.offsets if has_any else frozenset())

    @classmethod
    def concat(cls, parts: Sequence[TemporalValues]) -> TemporalValues:
        """Concatenate the parts of a column; all are of one format."""
        values = pa.chunked_array([part.values for part in parts])
        return cls(parts[0].format, values, frozenset[str]().union(*(part.offsets for part in parts)))


# --- columns -----------------------------------------------------------------------------------------


def read_column(
    values: Any,
    texts_of: Callable[[], Any],
    bounds: Sequence[str],
    tz: str,
    *,
    inferred: bool = False,
    is_duration: bool = False,
) -> TemporalValues:
    """Read a column as a type for its bounds too; raises CellError with the row, or without."""
    # ``values`` are its texts, or values read from them. If only the texts are evidence of times,
    # times of day, durations and timestamps without minutes are refused.
    found, row = values if isinstance(values, TemporalValues) else None, -1
    if found is None:
        row, first = spellings.first_present(values)
        found = _cast_chunks(arrow.chunks_of(spellings.joined(values)), first)
    format_ = None if found is None else found.format
    if found is None:
        if inferred and spellings.match_format(first) not in FAST_CASTS:
            raise CellError(row, first, "is not inferred to be a date or timestamp")
        # Beside a bound that is a duration for certain, 01:00:01 is one too.
        is_duration = is_duration or TemporalFormat.DURATION in map(spellings.match_format, bounds)
        format_ = TemporalFormat.DURATION if is_duration else None
        if row >= 0:
            format_ = spellings.format_of(values, expected=format_)
    column_format, counted = spellings.fit_bounds(format_, bounds)
    is_same = column_format is format_
    if found is None or not (is_same and all(_is_held(bound, found.values.type) for bound in counted)):
        return _read_with_bounds(texts_of(), format_, column_format, counted, tz, inferred=inferred)
    if found.format is not TemporalFormat.AWARE:
        return found
    values = found.values if tz == "UTC" else pc.cast(found.values, pa.timestamp(found.values.type.unit, tz))
    return found._replace(values=values, offsets=found.offsets | _offsets_at_ends(counted))


def _cast_chunks(chunks: list[pa.StringArray], first: str) -> TemporalValues | None:
    for type_ in fast_casts(first):
        parts = [_read_cast(chunk, type_) for chunk in chunks]
        found = [part for part in parts if part is not None]
        if len(found) == len(parts):
            return found[0] if len(found) == 1 else TemporalValues.concat(found)
    return None


def _read_with_bounds(
    texts: Any,
    own: TemporalFormat | None,
    format_: TemporalFormat,
    bounds: Sequence[str],
    tz: str,
    *,
    inferred: bool,
) -> TemporalValues:
    if inferred and not spellings.has_minutes(texts):
        raise CellError(0, "", "is among timestamps without minutes, which are not inferred")
    has_rows = len(texts) > texts.null_count
    bounds = spellings.trim_zeros(bounds, texts) if has_rows else bounds
    # Microseconds, or nanoseconds if some text has a 7th digit of the second, unless these digits are all
    # zero in a column with times beyond nanoseconds (1677 to 2262).
    is_finer = any(map(spellings.has_seventh_digit, bounds))
    is_finer = is_finer or spellings.first_like(texts, spellings.SEVENTH_DIGIT) is not None
    for unit in ("ns", "us") if is_finer else ("us",):
        type_ = _type_of(format_, unit, tz)
        try:
            values = read(texts, type_, own)
            for bound in bounds:
                read_text(bound, type_)
            break
        except CellError as error:
            problem = error
    else:
        raise problem
    offsets: set[str] = set()
    if format_ is TemporalFormat.AWARE:
        offsets = find_offsets(texts if has_rows else arrow.to_array(bounds, pa.string()))
        offsets |= _offsets_at_ends(bounds)
    return TemporalValues(format_, values, frozenset(offsets))


def _type_of(format_: TemporalFormat, unit: str, tz: str) -> pa.DataType:
    if format_ is TemporalFormat.DATE:
        return pa.date32()
    if format_ in FAST_CASTS:
        return pa.timestamp(unit, tz if format_ is TemporalFormat.AWARE else None)
    return pa.time64(unit) if format_ is TemporalFormat.TIME else pa.duration(unit)


def _is_held(bound: str, type_: pa.DataType) -> bool:
    if getattr(type_, "unit", None) == "ns":
        return _has_nanos(bound)
    # In the first and the last year, some hours of instants cannot be shown.
    return not spellings.has_seventh_digit(bound) and bound[:4] not in {"0001", "9999"}


def row_out_of_range(values: pa.ChunkedArray | pa.Array, tz: str) -> int | None:
    """Return the row of an instant with a local year before 1 or after 9999, or None."""
    # Neither Python nor pandas nor polars can show such an instant, though Arrow can hold it.
    if tz == "UTC" or len(values) == values.null_count:
        return None
    instants = pc.cast(pc.cast(values, pa.timestamp("us", "UTC"), safe=False), pa.int64())
    for extreme in pc.min_max(instants).as_py().values():
        try:
            (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=extreme)).astimezone(named_zone(tz))
        except OverflowError:
            return arrow.index_of(instants, extreme)
    return None


def check_years(values: pa.Array, type_: pa.DataType, texts: Any) -> pa.Array:
    """Return instants, checked to be of the years 1 to 9999 in the time zone of their type, if it has one."""
    row = row_out_of_range(values, type_.tz) if arrow.is_aware(type_) else None
    if row is not None:
        raise CellError(row, str(texts[row]), f"has no year that can be shown in {type_.tz}")
    return values


def check_range(counts: pa.Array, first: int, last: int, texts: Sequence[Any]) -> None:
    """Raise CellError for counts outside of the years 1 to 9999, from first to last."""
    raise_at_first(pc.less(counts, arrow.to_scalar(first, pa.int64())), texts, "is before the year 1")
    raise_at_first(pc.greater(counts, arrow.to_scalar(last, pa.int64())), texts, "is after the year 9999")


# --- texts that Arrow's cast reads as the grammar does -------------------------------------------------


#: The types that Arrow casts texts of each format to, in the order to try them. Texts of these formats are
#: also inferred to be dates or times where nothing else says so.
FAST_CASTS: Final[Mapping[TemporalFormat, tuple[pa.DataType, ...]]] = {
    TemporalFormat.DATE: (pa.date32(),),
    TemporalFormat.NAIVE: (pa.timestamp("us"), pa.timestamp("ns")),
    TemporalFormat.AWARE: (pa.timestamp("us", "UTC"), pa.timestamp("ns", "UTC")),
}
_FORMATS: Final = {type_: format_ for format_, types in FAST_CASTS.items() for type_ in types}
#: The longest text without minutes.
_LONGEST_HOURS: Final = {TemporalFormat.NAIVE: "2025-01-01T10", TemporalFormat.AWARE: "2025-01-01T10+01:00"}


def fast_casts(text: str) -> tuple[pa.DataType, ...]:
    """Return the types to cast texts like this one to."""
    format_ = spellings.match_format(text)
    types = () if format_ is None else FAST_CASTS.get(format_, ())
    return types[1:] if spellings.has_seventh_digit(text) else types


def read_fast(texts: pa.StringArray, type_: pa.DataType, *, inferred: bool = False) -> TemporalValues | None:
    """Read texts as a type, or return None if they are of another format, or might be of another type."""
    found, format_ = _read_cast(texts, type_), _FORMATS[type_]
    if found is not None or format_ is TemporalFormat.DATE:
        return found
    is_unlike = spellings.first_without(texts, format_, arrow.FRACTION_DIGITS[type_.unit]) is not None
    if is_unlike or (inferred and not spellings.has_minutes(texts)):
        return None
    moments = read_moments(texts, *spellings.TIME_SHAPES)
    if moments.is_no_day.any():
        return None
    try:
        values = _to_timestamps(moments, texts, type_)
    except CellError:
        return None
    offsets = moments.offsets if format_ is TemporalFormat.AWARE else ()
    return TemporalValues(format_, values, frozenset(offsets))


def _read_cast(texts: pa.StringArray, type_: pa.DataType) -> TemporalValues | None:
    """Read texts by Arrow's own cast, or return None if the result might differ from the grammar."""
    format_ = _FORMATS[type_]
    # Arrow casts texts of AWARE alone to instants, of NAIVE and DATE to timestamps, of DATE to dates, except
    # for the year 0000; and it refuses a seventh digit of the second in microseconds, a tenth in nanoseconds.
    try:
        # Arrow makes an error of each misfit, so both ends are tried first.
        for end in (texts[:_ENDS], texts[-_ENDS:]) if len(texts) > _ENDS else ():
            pc.cast(end, type_, memory_pool=arrow.POOL)
        values = pc.cast(texts, type_, memory_pool=arrow.POOL)
    except pa.ArrowInvalid:
        return None
    if len(values) == values.null_count:
        return TemporalValues(format_, values)
    extremes = pc.min_max(values)
    if not _is_in_grammar(texts, type_, extremes["min"].value, extremes["max"].value):
        return None
    offsets = _distinct_offsets(texts) if format_ is TemporalFormat.AWARE else ()
    return TemporalValues(format_, values, frozenset(offsets))


def _is_in_grammar(texts: pa.StringArray, type_: pa.DataType, least: int, most: int) -> bool:
    format_ = _FORMATS[type_]
    if format_ is TemporalFormat.DATE:
        return least * DAY_MICROS >= FIRST_MICROS and most * DAY_MICROS <= LAST_MICROS
    if type_.unit == "ns":
        # By the texts, since the cast wraps around silently on some versions of Arrow.
        years = pc.min_max(pc.utf8_slice_codeunits(texts, 0, 4))
        is_in_range = _has_nanos(years["min"].as_py()) and _has_nanos(years["max"].as_py())
    else:
        # West of Greenwich the year 0000 lasts into the first day of the year 1.
        is_early = format_ is TemporalFormat.AWARE and least < FIRST_MICROS + DAY_MICROS
        has_year_0 = is_early and pc.any(pc.starts_with(texts, "0000")).as_py()
        is_in_range = least >= FIRST_MICROS and most <= LAST_MICROS and not has_year_0
    starts, ends = arrow.offsets_of(texts)
    is_short = ends - starts <= len(_LONGEST_HOURS[format_])
    has_short = np.count_nonzero(is_short) > texts.null_count  # a null is empty
    return is_in_range and (not has_short or spellings.has_minutes(texts))


def _has_nanos(text: str) -> bool:
    """Return True if nanoseconds hold all moments of a text's year."""
    return "1678" <= text[:4] <= "2261"


def _distinct_offsets(texts: pa.StringArray) -> set[str]:
    # The last six bytes of each text, compared as numbers, are the offset if it is written ``+01:00``.
    starts, ends = arrow.offsets_of(texts)
    if texts.null_count:
        ends = ends[ends > starts]
    data = texts.buffers()[2]
    tails = np.ndarray(data.size - 7, "<u8", data, strides=(1,))[ends - 8] >> 16
    is_z = tails >> 40 == ord("Z")
    others = pa.py_buffer(tails[~is_z])
    different = pc.unique(pa.Array.from_buffers(pa.uint64(), np.count_nonzero(~is_z), [None, others]))
    offsets = {tail.to_bytes(6, "little").decode() for tail in different.to_pylist()}
    if not all(re.fullmatch(spellings.OFFSET, offset) for offset in offsets):
        return find_offsets(texts)
    return offsets | {"Z"} if is_z.any() else offsets


def find_offsets(texts: Any) -> set[str]:
    """Return the different offsets of timestamps in any spelling: ``Z`` for words."""
    parts = (
        read_moments(some, *spellings.TIME_SHAPES) for _, some in arrow.slices_of(spellings.joined(texts))
    )
    return set[str]().union(*(moments.offsets for moments in parts))


def _offsets_at_ends(bounds: Sequence[str]) -> set[str]:
    return {match[0] for bound in bounds if (match := re.search(f"{spellings.OFFSET}$", bound))}


# --- texts in any spelling -----------------------------------------------------------------------------


def read(texts: Any, type_: pa.DataType, format_: TemporalFormat | None = None) -> pa.Array:
    """Read texts of one format as an array of a type, null as null; raises CellError with the row."""
    if len(texts) == texts.null_count:
        return pa.nulls(len(texts), type_)
    expected = TemporalFormat.DURATION if pa.types.is_duration(type_) else None
    format_ = format_ or spellings.format_of(texts, expected=expected)
    if not _HOLDERS[format_](type_):
        # 01:00:01 is a duration too; beside it, 10:30 is the misfit.
        unlike = None if expected is None else spellings.first_without(texts, expected)
        row = spellings.first_present(texts)[0] if unlike is None else unlike
        raise CellError(row, texts[row].as_py(), f"is among {format_.value}, which {type_} does not hold")
    read_batch = _read_dates_and_times if expected is None else _read_durations
    return _read_batches(partial(read_batch, type_=type_), texts, type_)


def _read_batches(
    read_batch: Callable[[pa.StringArray], pa.Array], texts: Any, type_: pa.DataType
) -> pa.Array:
    """Read some texts at a time, to bound the memory; raises CellError with the row among all."""
    parts = read_each(arrow.slices_of(spellings.joined(texts)), read_batch)
    return pa.concat_arrays([pa.nulls(0, type_), *(array for _, array in parts)])


def read_text(text: str, type_: pa.DataType) -> pa.Scalar:
    """Read one text as a value of a type; raises CellError without a row."""
    try:
        return read(arrow.to_array([text], pa.string()), type_)[0]
    except CellError as error:
        raise error.at(None) from None


def read_given(texts: Any, type_: pa.DataType) -> pa.Array:
    """Read texts, also in the spellings that need a type of the caller's; raises CellError with the row."""
    if not (pa.types.is_date(type_) or pa.types.is_timestamp(type_)):
        return read(texts, type_)
    first = spellings.match_format(spellings.first_present(texts)[1])
    if first is None or _HOLDERS[first](type_):  # of another format, the first text alone is refused
        with suppress(CellError):
            return read(texts, type_)
    encoded = pc.dictionary_encode(pa.concat_arrays(arrow.chunks_of(texts)))
    different, places = encoded.dictionary, encoded.indices
    try:
        return _read_respelled(spellings.respell(different, type_), different, type_).take(places)
    except CellError as error:
        raise error.at(arrow.index_of(places, error.row)) from None


def _read_respelled(respelled: pa.StringArray, texts: pa.StringArray, type_: pa.DataType) -> pa.Array:
    try:
        return read(respelled, type_)
    except CellError as error:
        problem = error
    # If the spellings differ, the misfit is the first text or the named one.
    for row in (0, problem.row or 0):
        try:
            read(respelled.slice(row, 1), type_)
        except CellError as alone:
            raise CellError(row, texts[row].as_py(), alone.reason) from None
    raise problem


def read_format(texts: pa.StringArray, format_: TimeFormat, reason: str) -> pa.Array:
    """Read texts in a format; raises CellError with the row, and a reason if a text is not in it."""
    raise_at_first(pc.invert(pc.match_substring_regex(texts, format_.pattern)), texts, reason)
    return _read_batches(partial(_read_format, format_=format_), texts, format_.type)


def _read_format(texts: pa.StringArray, format_: TimeFormat) -> pa.Array:
    moments = read_moments(texts, format_.shape)
    if moments.is_no_day.any():
        row = int(moments.is_no_day.argmax())
        numbers, _ = take_apart(texts.slice(row, 1), format_.shape)
        problem = "is in the year 0000" if numbers["Y"][0] == 0 else "is not a day of the calendar"
        raise CellError(row, texts[row].as_py(), problem)
    zone = format_.type.tz if pa.types.is_timestamp(format_.type) else None
    return pc.cast(_to_timestamps(moments, texts, pa.timestamp("us", zone)), format_.type)


def _read_dates_and_times(texts: pa.StringArray, type_: pa.DataType) -> pa.Array:
    if pa.types.is_date(type_):
        return pc.cast(pc.cast(texts, pa.date32()), type_)
    return _to_timestamps(read_moments(texts, *spellings.TIME_SHAPES), texts, type_)


def _to_timestamps(moments: Moments, texts: pa.StringArray, type_: pa.DataType) -> pa.Array:
    check_range(arrow.of_numbers(moments.seconds), FIRST_MICROS // 1_000_000, LAST_MICROS // 1_000_000, texts)
    return _to_type(moments.seconds, moments.nanos, texts, type_)


def _read_durations(texts: pa.StringArray, type_: pa.DataType) -> pa.Array:
    # Each part has its own sign.
    numbers, _ = take_apart(texts, *spellings.DURATION_SHAPES)
    of_seconds, of_time, of_all = (1 - 2 * numbers[f"{part}minus"] for part in ("second_", "time_", ""))
    seconds = (numbers["H"] * 60 + numbers["M"]) * 60 + of_seconds * numbers["S"]
    days = numbers["w"] * 7 + numbers["d"]
    nanos = of_all * of_time * of_seconds * numbers["f"]
    return _to_type(of_all * (days * _DAY + of_time * seconds), nanos, texts, type_)


def _to_type(
    seconds: NDArray[np.int64], nanos: NDArray[np.int64], texts: pa.StringArray, type_: pa.DataType
) -> pa.Array:
    """Return seconds and the nanoseconds beside them as a type; CellError if it cannot hold one."""
    per_second = 10 ** arrow.FRACTION_DIGITS[type_.unit]
    fractions, rest = np.divmod(nanos, 1_000_000_000 // per_second)
    counts = seconds * per_second + fractions
    # Whole numbers wrap around, floats do not.
    is_beyond = (np.abs(seconds * float(per_second) + fractions - counts) > 2.0**62) | (counts == NAT)
    if pa.types.is_duration(type_):
        raise_at_first(arrow.of_flags(is_beyond | (rest != 0)), texts, f"does not fit in {type_}")
    raise_at_first(arrow.of_flags(rest != 0), texts, f"has more digits than {type_} holds")
    raise_at_first(arrow.of_flags(is_beyond), texts, "needs nanoseconds, which reach from 1677 to 2262 only")
    data = pa.py_buffer(counts.astype(np.int32) if pa.types.is_time32(type_) else counts)
    values = pa.Array.from_buffers(type_, len(counts), [None, data])
    return pc.if_else(pc.is_valid(texts), values, pa.nulls(1, type_)[0]) if texts.null_count else values


#: The types that hold the texts of each format. Dates may become midnights; an instant needs an offset.
_HOLDERS: Final[dict[TemporalFormat, arrow.TypeTest]] = {
    TemporalFormat.DATE: arrow.any_of(pa.types.is_date, arrow.is_naive),
    TemporalFormat.NAIVE: arrow.is_naive,
    TemporalFormat.AWARE: arrow.is_aware,
    TemporalFormat.TIME: pa.types.is_time,
    TemporalFormat.DURATION: pa.types.is_duration,
}
