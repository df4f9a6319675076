r"""The values of an Arrow column as exact texts: ISO-8601, nested values as JSON, bytes as ``\x48``."""

from __future__ import annotations

import math
import re
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames._base.clock import offset_of
from connecty_frames.decode.arrow import FRACTION_DIGITS, is_binary

#: Writes numbers with all their digits. The hook is for nanoseconds in lists and structs, which pyarrow
#: returns as pandas' timestamps and durations.
JSON: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=lambda value: value.isoformat())


def texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values of a column as texts, nulls as null."""
    if pa.types.is_timestamp(column.type) and offset_of(column.type.tz) is not None:
        return pc.binary_join_element_wise(texts(local_times(column)), column.type.tz, "")
    if pa.types.is_timestamp(column.type):
        # Arrow writes a space for the T, and the offset without a colon.
        spaced = pc.cast(column, pa.string())
        timed = pc.replace_substring(spaced, " ", "T", max_replacements=1)
        return pc.replace_substring_regex(timed, r"([+-]\d\d)(\d\d)$", r"\1:\2")
    if pa.types.is_duration(column.type):
        counts = pc.cast(column, pa.int64()).to_pylist()
        digits = FRACTION_DIGITS[column.type.unit]
        values = [None if count is None else _duration(count, digits) for count in counts]
    elif pa.types.is_nested(column.type):
        rows = column.to_pylist()
        values = [None if row is None else JSON.encode(json_value(row)).decode() for row in rows]
    elif is_binary(column.type) or pa.types.is_string_view(column.type):  # Arrow 17 cannot cast the latter
        values = [*map(json_value, column.to_pylist())]
    else:
        written = pc.cast(column, pa.string())
        if not pa.types.is_decimal(column.type) or not pc.any(pc.match_substring(written, "E")).as_py():
            return written
        # Arrow writes 1E-9 for 0.000000001, without a decimal point to align.
        values = [None if value is None else f"{value:f}" for value in column.to_pylist()]
    return pa.chunked_array([pa.array(values, pa.string())])


def short_texts(column: pa.ChunkedArray) -> list[str | None]:
    """Return the values of a column as texts, without times or fractions if all are zero."""
    cells: list[str | None] = texts(column).to_pylist()
    if not pa.types.is_timestamp(column.type) and not pa.types.is_time(column.type):
        return cells
    # First midnight with its offset (only in timestamps), then a fraction of zeros.
    for pattern in (r"T00:00:00(?:\.0+)?(?:Z|[+-]\d\d:\d\d)?$", r"(?<=:\d\d)(?:\.0+)?(?=$|[Z+-])"):
        if all(cell is None or re.search(pattern, cell) for cell in cells):
            return [cell and re.sub(pattern, "", cell) for cell in cells]
    return cells


def local_times(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return timestamps as the local times of their zone, without the zone."""
    offset = offset_of(column.type.tz)
    if offset is None:
        return column if column.type.tz is None else pc.local_timestamp(column)
    # Arrow 17 knows only zone names, not offsets.
    shift = pa.scalar(offset, pa.duration(column.type.unit))
    return pc.add(column.cast(pa.timestamp(column.type.unit)), shift)


def json_value(value: Any) -> Any:
    """Return a value for JSON: NaN, infinity and bytes become text."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, dict):
        return {key: json_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [json_value(item) for item in value]
    return value


def _duration(count: int, digits: int) -> str:
    seconds, rest = divmod(abs(count), 10**digits)
    fraction = f".{rest:0{digits}d}".rstrip("0") if rest else ""
    return f"{'-' if count < 0 else ''}PT{seconds}{fraction}S"
