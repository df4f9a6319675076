"""The values of an Arrow column as texts that lose nothing: for people, and for files of text.

Moments and durations are ISO-8601, nested values are JSON. What JSON has no number for (NaN, infinity) is
text in it, as in the API itself.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["JSON", "clock", "json_value", "texts"]

#: Writes numbers with all their digits. The hook is for nanoseconds, which are pandas' own kinds of moment
#: and duration in a list or struct.
JSON: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=lambda value: value.isoformat())
#: A zone that is a plain offset.
_OFFSET: Final = re.compile(r"([+-])(\d\d):(\d\d)")
_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give the values of a column as texts, nulls as null."""
    if pa.types.is_timestamp(column.type) and _OFFSET.fullmatch(column.type.tz or ""):
        return pc.binary_join_element_wise(texts(clock(column)), column.type.tz, "")
    if pa.types.is_timestamp(column.type):
        # Arrow writes a space for the T, and the offset without a colon.
        spaced = pc.cast(column, pa.string())
        timed = pc.replace_substring(spaced, " ", "T", max_replacements=1)
        return pc.replace_substring_regex(timed, r"([+-]\d\d)(\d\d)$", r"\1:\2")
    if pa.types.is_duration(column.type):
        counts = pc.cast(column, pa.int64()).to_pylist()
        per_second = _PER_SECOND[column.type.unit]
        durations = [None if count is None else _duration(count, per_second) for count in counts]
        return pa.chunked_array([pa.array(durations, pa.string())])
    if pa.types.is_nested(column.type):
        values = [
            None if value is None else JSON.encode(json_value(value)).decode() for value in column.to_pylist()
        ]
        return pa.chunked_array([pa.array(values, pa.string())])
    if pa.types.is_string_view(column.type):  # Arrow 17 cannot cast it
        return pa.chunked_array([pa.array(column.to_pylist(), pa.string())])
    return pc.cast(column, pa.string())


def clock(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give timestamps as the clocks of their zone show them, without the zone."""
    offset = _OFFSET.fullmatch(column.type.tz or "")
    if offset is None:
        return column if column.type.tz is None else pc.local_timestamp(column)
    # Arrow 17 knows zones by name alone.
    ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
    by = pa.scalar(-ahead if offset[1] == "-" else ahead, pa.duration(column.type.unit))
    return pc.add(column.cast(pa.timestamp(column.type.unit)), by)


def json_value(value: Any) -> Any:  # noqa: ANN401 - any value of a cell
    """Give what JSON can hold: NaN and infinity are text."""
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, dict):
        return {key: json_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [json_value(item) for item in value]
    return value


def _duration(count: int, per_second: int) -> str:
    seconds, rest = divmod(abs(count), per_second)
    fraction = f".{rest:0{len(str(per_second)) - 1}d}".rstrip("0") if rest else ""
    return f"{'-' if count < 0 else ''}PT{seconds}{fraction}S"
