"""How many digits numbers show, and whether two of them are the same to the digits that both show."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import numbers_of, to_scalar
from connecty_frames.decode.statistics_comparisons import CONTEXT
from connecty_frames.decode.types.numbers import MAX_EXACT_INTEGER, is_exact_float

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from connecty_frames.decode.statistics_comparisons import Comparison

#: How many digits doubles and singles may be written with: from what their types keep for certain (DBL_DIG
#: and FLT_DIG of C) to what identifies every value (DBL_DECIMAL_DIG and FLT_DECIMAL_DIG).
_DOUBLE_DIGITS: Final = [15, 16, 17]
_SINGLE_DIGITS: Final = [6, 7, 8, 9]


def most_places(numbers: Iterable[Decimal]) -> int:
    """Return how many digits after the point numbers show."""
    return max(map(_count_places, numbers), default=0)


def _count_places(number: Decimal) -> int:
    """Count the digits after the point without the zeros behind them."""
    exponent = number.normalize(CONTEXT).as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0  # infinity has no digits


def is_within_last_digit(
    gap: Decimal, bound_places: int, column: pa.ChunkedArray, comparison: Comparison
) -> bool:
    """Whether one side shows fewer digits and the gap, above 0, is at most one unit of its last digit."""
    if is_within_digit_of_values(gap, bound_places, column, comparison):
        return True
    is_small = bound_places <= _last_place(gap)
    values, type_places = comparison.to_numbers(column), comparison.places(column.type)
    return is_small and not _show_at_most(bound_places, values, type_places)


def is_within_digit_of_values(
    gap: Decimal, bound_places: int, column: pa.ChunkedArray, comparison: Comparison
) -> bool:
    """Whether the values show fewer digits than the bounds, and few enough for the gap."""
    fewer = min(_last_place(gap), bound_places - 1)
    return fewer >= 0 and _show_at_most(fewer, comparison.to_numbers(column), comparison.places(column.type))


def _last_place(gap: Decimal) -> int:
    """Return the last decimal place where the gap is at most one unit: 2 for 0.01, negative above 1."""
    last_place = -gap.adjusted()
    return last_place - 1 if gap.scaleb(last_place, CONTEXT) > 1 else last_place


def _show_at_most(places: int, values: pa.ChunkedArray, type_places: int) -> bool:
    """Whether no value shows more digits after the point."""
    return places >= type_places or not any(
        _has_more_digits(chunk, places, type_places) for chunk in values.chunks
    )


def _has_more_digits(chunk: pa.Array, places: int, type_places: int) -> bool:
    if pa.types.is_decimal(chunk.type):
        cut = pc.round(chunk, ndigits=places, round_mode="towards_zero")
        return bool(pc.any(pc.not_equal(cut, chunk)).as_py())
    array = numbers_of(chunk.fill_null(to_scalar(0, chunk.type)))
    if pa.types.is_integer(chunk.type):
        step = 10 ** (type_places - places)
        return bool((array // step * step != array).any())
    unit = 10.0**places
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = array * unit
        # From 2**53 on a value shows 16 digits before this place, and float64 has no more.
        has_more = (np.abs(scaled) < MAX_EXACT_INTEGER) & (np.rint(scaled) / unit != array)
    return bool(has_more.any())


def is_same_as_float(found: object, value: Decimal, bound: Decimal, text: str) -> bool:
    """Whether a value and a bound, as written, are the same as far as float64 tells."""
    if isinstance(found, float):
        return _is_same_float(found, float(bound))
    # A number written as a float has no more digits of the value than float64 has.
    return not text.lstrip("-").isdecimal() and is_exact_float(text) and float(value) == float(bound)


def _is_same_float(value: float, bound: float) -> bool:
    """Whether one of two floats becomes the other where it is written with the digits of its type."""
    for number, written in ((value, bound), (bound, value)):
        is_single = ctypes.c_float(number).value == number
        digits = _SINGLE_DIGITS + _DOUBLE_DIGITS if is_single else _DOUBLE_DIGITS
        if any(float(f"{number:.{count}g}") == written for count in digits):
            return True
    return False


def are_singles(values: pa.ChunkedArray) -> bool:
    """Whether all values are singles, or written with the digits of singles."""
    singles = pc.cast(values, pa.float32(), safe=False)
    is_single = pc.equal(pc.cast(singles, pa.float64()), values)
    is_written_as_one = pc.equal(pc.cast(singles, pa.string()), pc.cast(values, pa.string()))
    return bool(pc.all(pc.or_(is_single, is_written_as_one)).as_py())
