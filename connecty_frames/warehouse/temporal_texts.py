"""Dates and times of Arrow as ISO 8601 texts, also those that no type of an answer holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames.decode.arrow_types import FRACTION_DIGITS
from connecty_frames.decode.errors import CellError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The counts that stand for infinity: in DuckDB the largest, in PostgreSQL the largest since 2000, which ADBC
#: counts on from 1970, beyond the end of the type.
_INFINITIES: Final[dict[int, dict[int, str]]] = {
    64: {
        2**63 - 1: "infinity",
        -(2**63) + 1: "-infinity",
        -(2**63) + 946_684_800_000_000 - 1: "infinity",
        -(2**63) + 946_684_800_000_000: "-infinity",
    },
    32: {
        2**31 - 1: "infinity",
        -(2**31) + 1: "-infinity",
        -(2**31) + 10_957 - 1: "infinity",
        -(2**31) + 10_957: "-infinity",
    },
}


def temporal_texts(array: pa.Array) -> list[str | None]:
    """Return dates, timestamps and times of day as PostgreSQL writes them to JSON; None is null."""
    # Instants are in UTC. Fractions have no zeros at their end. There are ``infinity``, ``0044-03-15 BC`` and
    # ``24:00:00``. Durations and intervals, which databases write in several ways, are a CellError.
    type_ = array.type
    if pa.types.is_date64(type_):
        return temporal_texts(pc.cast(array, pa.date32()))
    if pa.types.is_date32(type_):
        texts = _dates(array.view(pa.int32()), "D", "")
    elif pa.types.is_timestamp(type_):
        texts = _dates(array.view(pa.int64()), type_.unit, "" if type_.tz is None else "+00:00")
    elif pa.types.is_time(type_):
        counts = array.view(pa.int32() if pa.types.is_time32(type_) else pa.int64())
        texts = (_time(count, type_.unit) for count in _counts(counts))
    else:
        raise CellError(0, f"a value of {type_}", "has no exact form as text; cast it to text in the SQL")
    return [text if valid else None for text, valid in zip(texts, array.is_valid().to_pylist(), strict=True)]


def _counts(counts: pa.Array) -> Any:
    return pc.fill_null(counts, pa.scalar(0, counts.type)).to_numpy(zero_copy_only=False)


def _dates(counts: pa.Array, unit: str, offset: str) -> Iterator[str]:
    infinities = _INFINITIES[counts.type.bit_width]
    numbers = _counts(counts)
    for count, text in zip(
        numbers, np.datetime_as_string(numbers.astype(f"datetime64[{unit}]")), strict=True
    ):
        if (infinity := infinities.get(int(count))) is not None:
            yield infinity
            continue
        day, _, clock = str(text).partition("T")
        era = ""
        year = int(day[:-6])
        if year < 1:
            day, era = f"{1 - year:04d}{day[-6:]}", " BC"
        yield f"{day}{'T' if clock else ''}{_trimmed(clock)}{offset if clock else ''}{era}"


def _trimmed(clock: str) -> str:
    return clock.rstrip("0").rstrip(".") if "." in clock else clock


def _time(count: int, unit: str) -> str:
    digits = FRACTION_DIGITS[unit]
    seconds, fraction = divmod(int(count), 10**digits)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return _trimmed(f"{clock}.{fraction:0{digits}d}") if digits else clock
