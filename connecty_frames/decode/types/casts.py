"""Values that have been read, as another type: cast by Arrow if that is exact.

The cells of a column are read before anything says which type they get. What is read as 64-bit numbers, dates
or timestamps is cast to the type of ``schema=``; whatever no cast holds exactly is read from its texts, which
tells the cell that does not fit.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import bytes_of, offsets_of, to_array, to_scalar
from connecty_frames.decode.arrow_types import any_of, is_aware, is_naive
from connecty_frames.decode.exact_json import NUMBER_KINDS, ValueKind
from connecty_frames.decode.types.column import CellColumn, ScalarColumn, combine
from connecty_frames.decode.types.floats import FloatValues
from connecty_frames.decode.types.times import TemporalValues, row_out_of_range

if TYPE_CHECKING:
    from collections.abc import Callable

    from connecty_frames.decode.arrow.buffers import Array
    from connecty_frames.decode.arrow_types import TypeTest

#: The most digits of a decimal128.
_FEW_DIGITS: Final = 38


def cast_exactly(cells: ScalarColumn, type_: pa.DataType) -> Array | None:
    """Return cells as a type, or None unless each is known to be one of its values exactly."""
    if pa.types.is_decimal(type_) and cells.kind is ValueKind.FRACTION:
        return _read_decimals(cells, type_)
    read = cells.values
    values = read.values if isinstance(read, TemporalValues | FloatValues) else read
    if values.type == type_:
        return values
    casts = (cast for is_source, is_target, cast in _CASTS if is_source(values.type) and is_target(type_))
    cast = next(casts, None)
    with suppress(pa.ArrowInvalid):
        return cast and cast(values, type_)
    return None


def longest_of(cells: ScalarColumn | CellColumn) -> Array:
    """Return the texts of cells, or one number that has as many digits as they have at most."""
    digits = _digits_of(cells)
    if digits is None:
        return cells.texts
    before, after = ("9" * count for count in digits)
    return to_array([f"{before or 0}.{after}".removesuffix(".")], pa.string())


def _digits_of(cells: ScalarColumn | CellColumn) -> tuple[int, int] | None:
    """Return the most digits before and after the point of JSON's own numbers, None unless they are few."""
    if not isinstance(cells, ScalarColumn) or cells.kind not in NUMBER_KINDS or not cells.present_count:
        return None
    if cells.kind is ValueKind.INTEGER:
        return max(len(str(extreme).lstrip("-0")) for extreme in pc.min_max(cells.array).values()), 0
    texts = combine(pc.drop_null(cells.array))
    data, (starts, ends) = bytes_of(texts), offsets_of(texts)
    starts, ends = starts - starts[0], ends - starts[0]
    if data.max() > ord("9"):  # an exponent
        return None
    points, found = ends.copy(), np.flatnonzero(data == ord("."))
    every: Any = slice(None)  # common case: all have a point
    points[every if len(found) == len(ends) else np.searchsorted(starts, found, "right") - 1] = found
    first = starts + (data[starts] == ord("-"))
    before = points - first - (data[first] == ord("0"))
    digits = int(before.max()), int((ends - points).max()) - bool(len(found))
    return digits if sum(digits) <= _FEW_DIGITS else None


def _read_decimals(cells: ScalarColumn, type_: pa.DataType) -> Array | None:
    """Return JSON's own numbers as decimals, or None if some may have too many digits."""
    # Beyond its digits Arrow wraps around a decimal.
    before, after = _digits_of(cells) or (type_.precision + 1, 0)
    is_held = before <= type_.precision - type_.scale and after <= type_.scale
    with suppress(pa.ArrowException):  # Arrow 17 casts no text to decimal256
        return pc.cast(cells.array, type_) if is_held else None
    return None


def _as_decimal(integers: Array, type_: pa.DataType) -> Array:
    return pc.cast(pc.cast(integers, pa.decimal128(19)), type_)  # 64 bits have at most 19 digits


def _as_booleans(integers: Array, type_: pa.DataType) -> Array | None:
    """Return whole numbers as truth values if all are 0 or 1."""
    found = pc.cast(integers, type_)
    return found if pc.cast(found, integers.type).equals(integers) else None


def _as_timestamp(times: Array, type_: pa.DataType) -> Array | None:
    """Return dates or timestamps in another unit or time zone."""
    if type_.unit == "ns" and getattr(times.type, "unit", "") != "ns":
        times = pc.cast(times, pa.timestamp("us", type_.tz))
        # Checked here since the cast wraps around silently on some versions of Arrow.
        pc.multiply_checked(pc.cast(times, pa.int64()), to_scalar(1_000, pa.int64()))
    found = pc.cast(times, type_)
    is_shown = type_.tz is None or row_out_of_range(found, type_.tz) is None
    return found if is_shown else None


#: What casts values of a type to another one: exactly, or to None or ArrowInvalid. Whatever it refuses is
#: read from its texts, which tells the cell.
_CASTS: Final[tuple[tuple[TypeTest, TypeTest, Callable[[Array, pa.DataType], Array | None]], ...]] = (
    (pa.types.is_int64, any_of(pa.types.is_integer, pa.types.is_floating), pc.cast),
    (pa.types.is_int64, pa.types.is_decimal, _as_decimal),
    (pa.types.is_int64, pa.types.is_boolean, _as_booleans),
    (pa.types.is_string, pa.types.is_large_string, pc.cast),  # Arrow 17 casts none to string_view
    (pa.types.is_date, pa.types.is_date, pc.cast),
    (pa.types.is_date, is_naive, _as_timestamp),
    (is_naive, is_naive, _as_timestamp),
    (is_aware, is_aware, _as_timestamp),
)
