"""The digits of JSON numbers in Arrow texts, found by numpy for many at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from connecty_frames.decode.arrow.buffers import bytes_of, offsets_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The digits of an exponent for numpy to read, and an exponent beyond every type.
_EXPONENT_DIGITS: Final = 5  # pragma: no mutate - saves time
HUGE: Final = 10**9


class Digits:
    """The digits of numbers in JSON's spelling, by row; nulls, NaN and infinities have none."""

    def __init__(self, texts: pa.StringArray) -> None:
        data, (starts, ends) = bytes_of(texts), offsets_of(texts)
        starts, ends = starts - starts[:1], ends - starts[:1]
        digits_end = ends.copy()
        #: The exponents of ten as written, or :data:`HUGE`.
        self.exponents = np.zeros(len(ends), np.int64)
        marks = np.flatnonzero((data | 0x20) == ord("e"))
        if len(marks):
            rows = np.searchsorted(starts, marks, "right") - 1
            digits_end[rows] = marks
            self.exponents[rows] = _exponents(data, marks + 1, ends[rows])
        points, found = digits_end.copy(), np.flatnonzero(data == ord("."))
        points[np.searchsorted(starts, found, "right") - 1] = found
        is_nonzero = (data >= ord("1")) & (data <= ord("9"))
        counts, nonzero = np.zeros(len(data) + 1, np.int32), np.flatnonzero(is_nonzero)
        np.cumsum(is_nonzero, out=counts[1:])
        low, high = counts[starts], counts[digits_end]
        self.is_zero = low == high
        if not len(nonzero):
            nonzero = np.zeros(1, np.intp)
        self._data, self._first = data, nonzero.take(low, mode="clip")
        self._last = nonzero.take(high - 1, mode="clip")
        # The powers of ten of the first and the last digit.
        top, bottom = (
            points - place - (place < points) + self.exponents for place in (self._first, self._last)
        )
        #: How many digits there are without the zeros at both ends.
        self.significant = np.where(self.is_zero, 0, top - bottom + 1)
        #: How many stand before the point, after it, and after it without the zeros at the end.
        self.before = np.where(self.is_zero, 0, np.maximum(top + 1, 0))
        self.after = np.maximum(np.maximum(digits_end - points - 1, 0) - self.exponents, 0)
        self.places = np.where(self.is_zero, 0, np.maximum(-bottom, 0))

    def written(self) -> pa.StringArray:
        """Return the digits of each number without the zeros at both ends."""
        steps = np.zeros(len(self._data) + 1, np.int8)
        steps[self._first[~self.is_zero]] += 1
        steps[self._last[~self.is_zero] + 1] -= 1
        is_written = np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_) & (self._data != ord("."))
        offsets = np.cumsum(np.append(0, self.significant), dtype=np.int32)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self._data[is_written])]
        return pa.Array.from_buffers(pa.string(), len(self.significant), buffers)


def _exponents(data: NDArray[np.uint8], starts: NDArray[Any], ends: NDArray[Any]) -> NDArray[np.int64]:
    signs, exponents = data[starts], np.zeros(len(starts), np.int64)
    starts = starts + ((signs == ord("-")) | (signs == ord("+")))
    for place in range(_EXPONENT_DIGITS):
        digits = data.take(starts + place, mode="clip").astype(np.int64) - ord("0")
        exponents = np.where(starts + place < ends, 10 * exponents + digits, exponents)
    for row in np.flatnonzero(ends - starts > _EXPONENT_DIGITS).tolist():
        written = data[starts[row] : ends[row]].tobytes().lstrip(b"0")
        exponents[row] = int(written or b"0") if len(written) < len(str(HUGE)) else HUGE
    return np.where(signs == ord("-"), -exponents, exponents)


def count_places(floats: NDArray[np.float64]) -> NDArray[Any]:
    """Return the number of binary places of normal numbers: they have as many decimal places."""
    fractions, exponents = np.frexp(np.abs(floats))
    whole = np.ldexp(fractions, sys.float_info.mant_dig).astype(np.int64)
    zeros = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    places: NDArray[Any] = np.maximum(sys.float_info.mant_dig - exponents - zeros, 0)
    return places
