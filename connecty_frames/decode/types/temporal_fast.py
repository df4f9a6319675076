"""Temporal text read fast: formats that Arrow's own cast reads as the grammar does."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa

from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import POOL, offsets_of
from connecty_frames.decode.types.temporal_format import (
    OFFSET,
    TemporalFormat,
    all_have_format,
    canonical,
    match_format,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
DAY_MICROS: Final = 86_400_000_000
#: 0001-01-01 and 9999-12-31T23:59:59.999999 in microseconds: what Python, pandas and polars can show.
FIRST_MICROS: Final = (1 - EPOCH_DAY) * DAY_MICROS
LAST_MICROS: Final = (date(9999, 12, 31).toordinal() + 1 - EPOCH_DAY) * DAY_MICROS - 1

#: Where the colon before the minutes stands in a timestamp.
_MINUTES_AT: Final = len("2025-01-01T10")
#: Whether a text has more digits of a second than microseconds hold.
has_seventh_digit: Final = re.compile(r"\.\d{7}").search
_offset_at_end: Final = re.compile(rf"{OFFSET}$").search
_is_offset: Final = re.compile(OFFSET).fullmatch


class TemporalValues(NamedTuple):
    """Temporal texts of one format read as Arrow values."""

    format: TemporalFormat
    values: pa.ChunkedArray | pa.Array  # date32, timestamp, or with offsets timestamp in UTC
    offsets: frozenset[str] = frozenset()  # the different ones
    extremes: tuple[int, int] | None = None  # None if all are null

    def slice(self, start: int, length: int) -> TemporalValues:
        """Return some of the values, which have at most one offset."""
        values = self.values.slice(start, length)
        extremes = _extremes(values)
        return TemporalValues(self.format, values, self.offsets if extremes else frozenset(), extremes)

    @classmethod
    def concat(cls, parts: Sequence[TemporalValues]) -> TemporalValues:
        """Concatenate the parts of a column; all are of one format."""
        values = pa.chunked_array([part.values for part in parts])
        offsets = frozenset[str]().union(*(part.offsets for part in parts))
        known = [part.extremes for part in parts if part.extremes is not None]
        extremes = (min(least for least, _ in known), max(most for _, most in known)) if known else None
        return cls(parts[0].format, values, offsets, extremes)


class FastCast(NamedTuple):
    """How Arrow casts texts of a format, and which lengths they may have."""

    format: TemporalFormat
    type: pa.DataType
    longest_hour: int = 0  # the longest text without minutes; 0: one length only


def _timestamps(format_: TemporalFormat, zone: str | None, longest_hour: str) -> tuple[FastCast, ...]:
    return tuple(FastCast(format_, pa.timestamp(unit, zone), len(longest_hour)) for unit in ("us", "ns"))


#: The casts to try for each format, in order.
FAST_CASTS: Final[Mapping[TemporalFormat | None, tuple[FastCast, ...]]] = {
    TemporalFormat.DATE: (FastCast(TemporalFormat.DATE, pa.date32()),),
    TemporalFormat.NAIVE: _timestamps(TemporalFormat.NAIVE, None, "2025-01-01T10"),
    TemporalFormat.AWARE: _timestamps(TemporalFormat.AWARE, "UTC", "2025-01-01T10+01:00"),
}


def fast_casts(text: str) -> tuple[FastCast, ...]:
    """Return the casts that may read texts like this one."""
    casts = FAST_CASTS.get(match_format(text), ())
    return casts[1:] if has_seventh_digit(text) else casts


def read_fast(texts: pa.StringArray, cast: FastCast, *, inferred: bool = False) -> TemporalValues | None:
    """Read texts by Arrow's own cast, or return None if the result might differ from the grammar."""
    # The result is that of the module ``temporal``: what Arrow casts to an instant is in the grammar of
    # AWARE, to a timestamp in that of NAIVE or DATE, to a date in that of DATE, except for the year 0000;
    # and the cast refuses a seventh digit of the second in microseconds, a tenth in nanoseconds.
    try:
        values = pc.cast(texts, cast.type, memory_pool=POOL)
    except pa.ArrowInvalid:
        if cast.format is TemporalFormat.DATE or not all_have_format(texts, cast.format):
            return None
        spelled = canonical(texts, inferred=inferred)
        return None if spelled.equals(texts) else read_fast(spelled, cast)
    extremes = _extremes(values)
    if extremes is None:
        return TemporalValues(cast.format, values)
    if not _is_in_grammar(texts, cast, *extremes):
        return None
    offsets = distinct_offsets(texts) if cast.format is TemporalFormat.AWARE else frozenset()
    return TemporalValues(cast.format, values, offsets, extremes)


def _extremes(values: pa.Array) -> tuple[int, int] | None:
    """Return the minimum and maximum as Arrow stores them, or None if all are null."""
    if len(values) == values.null_count:
        return None
    measured = pc.min_max(values)
    return measured["min"].value, measured["max"].value


def _is_in_grammar(texts: pa.StringArray, cast: FastCast, least: int, most: int) -> bool:
    """Whether texts that Arrow has cast are in the grammar: of the years of the type, and with minutes."""
    if cast.format is TemporalFormat.DATE:
        return least * DAY_MICROS >= FIRST_MICROS and most * DAY_MICROS <= LAST_MICROS
    if cast.type.unit == "ns":
        # By the texts, since the cast wraps around silently on some versions of Arrow.
        years = pc.min_max(pc.utf8_slice_codeunits(texts, 0, 4))
        is_in_range = has_nanos(years["min"].as_py()) and has_nanos(years["max"].as_py())
    else:
        # West of Greenwich the year 0000 lasts into the first day of the year 1.
        is_early = cast.format is TemporalFormat.AWARE and least < FIRST_MICROS + DAY_MICROS
        has_year_0 = is_early and pc.any(pc.starts_with(texts, "0000")).as_py()
        is_in_range = least >= FIRST_MICROS and most <= LAST_MICROS and not has_year_0
    return is_in_range and _has_minutes(texts, cast.longest_hour)


def has_nanos(text: str) -> bool:
    """Whether nanoseconds hold all moments of the year that a text begins with."""
    return "1678" <= text[:4] <= "2261"


def _has_minutes(texts: pa.StringArray, longest_hour: int) -> bool:
    """Whether every text is a timestamp with minutes; only in short ones a character has to be looked at."""
    starts, ends = offsets_of(texts)
    is_short = ends - starts <= longest_hour
    if np.count_nonzero(is_short) == texts.null_count:  # a null is empty, and no text that was cast is
        return True
    is_short &= ends > starts
    colons = starts[is_short] + _MINUTES_AT
    data = np.frombuffer(texts.buffers()[2], np.uint8)
    return bool((colons < ends[is_short]).all() and (data[colons] == ord(":")).all())


def in_zone(found: TemporalValues, tz: str, bounds: Sequence[str]) -> TemporalValues:
    """Return instants in a time zone, with the offsets of the bounds too; other values as they are."""
    if found.format is not TemporalFormat.AWARE:
        return found
    values = found.values
    if tz != "UTC":
        values = pc.cast(values, pa.timestamp(values.type.unit, tz))
    matches = filter(None, map(_offset_at_end, bounds))
    return found._replace(values=values, offsets=found.offsets.union(match[0] for match in matches))


def distinct_offsets(texts: pa.StringArray) -> frozenset[str]:
    """Return the different offsets of aware timestamps."""
    # The last six bytes of each text, compared as numbers, are the offset if it is written ``+01:00`` or
    # ``Z``; only columns with others need a regular expression over every text (what that saves has not been
    # measured). A time zone has two offsets at most, in winter and in summer, so that few are looked for.
    starts, ends = offsets_of(texts)
    if texts.null_count:
        ends = ends[ends > starts]
    data = texts.buffers()[2]
    tails = np.ndarray(data.size - 7, "<u8", data, strides=(1,))[ends - 8] >> 16
    offsets = set()
    while len(tails):
        offset = int(tails[0]).to_bytes(6, "little").decode()
        if offset.endswith("Z"):
            offset, is_other = "Z", tails >> 40 != ord("Z")
        elif _is_offset(offset):
            is_other = tails != tails[0]
        else:
            matched = pc.struct_field(pc.extract_regex(texts, rf"(?P<offset>{OFFSET})$"), "offset")
            return frozenset(filter(None, pc.unique(matched).to_pylist()))
        offsets.add(offset)
        tails = tails[is_other]
    return frozenset(offsets)
