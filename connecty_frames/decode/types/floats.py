"""JSON numbers read as float64: which of them it holds exactly, and which were computed, by their digits."""

from __future__ import annotations

import math
import re
import sys
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import (
    POOL,
    bytes_of,
    chunks_of,
    numbers_of,
    of_flags,
    of_numbers,
    offsets_of,
    slices_of,
)
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.exact_json import EXACT_CONTEXT, to_decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: JSON's grammar, in the syntax of RE2. Arrow and Python read more than that (0x1F, 007, 1_000, digits of
#: other scripts), so texts are matched before they are read.
INTEGER: Final = r"-?(?:0|[1-9][0-9]*)"
NUMBER: Final = INTEGER + r"(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
#: As PostgreSQL's to_json writes what JSON numbers cannot say.
NOT_FINITE: Final = frozenset({"NaN", "Infinity", "-Infinity"})
NOT_FINITE_PATTERN: Final = "NaN|-?Infinity"
#: Any number of at most 15 significant digits survives float64 (DBL_DIG of C); its own are at most 17.
SAFE_LENGTH: Final = 15
_FLOAT_DIGITS: Final = 17

is_json: Final = re.compile(NUMBER).fullmatch
#: How many of the longest numbers are looked at first, and how many are looked at one by one.
_FIRST: Final = 8  # pragma: no mutate - the others are looked at next
FEW: Final = 32  # pragma: no mutate - saves time
#: More digits after the point than any currency or unit of trade has: the number was computed.
_COMPUTED_DIGITS: Final = 9
#: Up to this number float64 holds every whole number.
MAX_EXACT_INTEGER: Final = 2**53


class FloatValues(NamedTuple):
    """Numbers read as float64; whole numbers alone become another type."""

    values: pa.ChunkedArray | pa.Array
    fractional: bool
    inexact: int = 0  # how many of them are not exact
    computed: bool = True  # whether the nearest float64 is as good for all of these

    def slice(self, start: int, length: int) -> FloatValues:
        """Return some of the values, which must all be exact."""
        return self._replace(values=self.values.slice(start, length))

    @classmethod
    def concat(cls, parts: Sequence[FloatValues]) -> FloatValues:
        """Concatenate the parts of a column."""
        return cls(
            pa.chunked_array(list(chain(*(chunks_of(part.values) for part in parts))), pa.float64()),
            any(part.fractional for part in parts),
            sum(part.inexact for part in parts),
            all(part.computed for part in parts),
        )


def read_fast(texts: pa.StringArray) -> FloatValues | None:
    """Read JSON's own numbers as float64, or None if they may need another type."""
    # If many lose digits, some of the longest almost always do: then the others are not looked at.
    if any(loses_digits(text, computed=True) for text in longest_in(texts)):
        return None
    try:
        found = FloatValues.concat([to_float64(part) for _, part in slices_of(texts)])
    except CellError:
        return None
    return found if found.computed else None


def longest_in(texts: pa.StringArray) -> list[str]:
    """Return some of the longest texts if they may not be exact as float64."""
    starts, ends = offsets_of(texts)
    lengths = ends - starts
    longest = lengths.max(initial=0)
    if longest <= SAFE_LENGTH:  # pragma: no mutate - saves time
        return []
    return [texts[int(row)].as_py() for row in np.flatnonzero(lengths == longest)[:_FIRST]]


def to_float64(texts: pa.StringArray) -> FloatValues:
    """Read numbers in JSON's spelling as the nearest float64; CellError for one beyond its range."""
    floats = pc.cast(texts, pa.float64(), memory_pool=POOL)
    data, (starts, ends) = bytes_of(texts), offsets_of(texts)
    letters = bool(data.max(initial=0) > ord("9"))
    found = FloatValues(floats, letters or bool((data == ord(".")).any()))
    may_differ = ends - starts > SAFE_LENGTH
    if letters:  # a null is empty
        may_differ |= _is_extreme(numbers_of(floats)) & (starts < ends)
    if not may_differ.any():
        return found
    spelled = pc.cast(floats, pa.string())
    rows = pc.indices_nonzero(pc.and_not(of_flags(may_differ), pc.equal(spelled, texts)))
    if not len(rows):
        return found
    texts, values = pc.take(texts, rows), numbers_of(floats)[numbers_of(rows)]
    is_exact, is_computed, by_cell = (np.full(len(rows), flag) for flag in (False, False, True))
    if len(rows) > FEW:  # pragma: no mutate - saves time
        is_exact, is_computed, by_cell = _compare(texts, values, pc.take(spelled, rows))
    for place in np.flatnonzero(by_cell).tolist():
        text = texts[place].as_py()
        is_exact[place] = survives_float(rows[place].as_py(), text)
        is_computed[place] = not is_exact[place] and was_computed(text)
    inexact = int(np.count_nonzero(~is_exact))
    return found._replace(inexact=inexact, computed=bool((is_exact | is_computed).all()))


def _is_extreme(floats: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which numbers may be too large or too small for a float to keep 15 digits."""
    sizes = np.abs(floats)
    return np.isinf(sizes) | (sizes < sys.float_info.min)


def _compare(
    texts: pa.StringArray, floats: NDArray[np.float64], spelled: pa.StringArray
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Compare numbers with their nearest floats: which are exact, computed, or known one by one alone."""
    digits, sizes = Digits(texts), np.abs(floats)
    is_beyond = _is_extreme(floats) & ~digits.is_zero
    # A number of this size may be a little less.
    by_cell = is_beyond | (sizes == MAX_EXACT_INTEGER) | (np.abs(digits.exponents) >= _HUGE)
    is_exact = digits.significant <= SAFE_LENGTH
    short = np.flatnonzero(~(is_exact | by_cell) & (digits.significant <= _FLOAT_DIGITS))
    if len(short):
        places = of_numbers(short)
        is_own = pc.equal(Digits(pc.take(spelled, places)).written(), pc.take(digits.written(), places))
        is_exact[short[numbers_of(pc.indices_nonzero(is_own))]] = True
    others = np.flatnonzero(~(is_exact | by_cell))
    by_cell[others] = digits.places[others] == count_places(floats[others])
    return is_exact, (digits.places > _COMPUTED_DIGITS) & (sizes < MAX_EXACT_INTEGER), by_cell


def is_exact_float(text: str) -> bool:
    """Whether a text is a JSON number that float64 gives back unchanged."""
    try:
        return bool(is_json(text)) and survives_float(0, text)
    except CellError:
        return False


def survives_float(row: int, text: str) -> bool:
    """Whether float64 gives a number back unchanged; raises CellError if it is beyond float64's range."""
    if text in NOT_FINITE or (len(text) <= SAFE_LENGTH and "e" not in text.lower()):
        return True
    nearest = float(text)
    if math.isinf(nearest):
        raise CellError(row, text, "is above the range of float64")
    # By its shortest digits, which float64 is written with, or by all of them, as of a power of two.
    full = Decimal.from_float(nearest)  # noqa: FURB164 - Decimal(nearest) obeys a trap of the caller's context
    if to_decimal(text) in (Decimal(repr(nearest)), full):
        return True
    if abs(nearest) < sys.float_info.min:
        raise CellError(row, text, "is below the range of float64")
    return False


def was_computed(text: str) -> bool:
    """Whether a number has the digits of a computed one, so that the nearest float64 is as good."""
    number = to_decimal(text)
    if number is None:
        return False
    number = number.normalize(EXACT_CONTEXT)
    return places_of(number) > _COMPUTED_DIGITS and number.copy_abs() < MAX_EXACT_INTEGER


def places_of(number: Decimal) -> int:
    """Count the digits after the point."""
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):  # pragma: no cover - NaN and infinity have been refused before
        raise TypeError(number)
    return max(-exponent, 0)


def loses_digits(text: str, *, computed: bool) -> bool:
    """Whether the nearest float64 does not stand for a number; it may for one that was computed."""
    is_exact = text in NOT_FINITE or is_exact_float(text)
    return not (is_exact or (computed and was_computed(text)))


def has_letters(texts: pa.StringArray) -> bool:
    """Whether some number has an exponent or is not finite."""
    return bool(bytes_of(texts).max(initial=0) > ord("9"))


def are_whole(texts: pa.StringArray) -> bool:
    """Whether all numbers are written without a fraction and an exponent."""
    return not (has_letters(texts) or (bytes_of(texts) == ord(".")).any())


# --- digits, found by numpy for many numbers at once --------------------------------------------------

#: The digits of an exponent that numpy reads, and what counts as an exponent beyond every type.
_EXPONENT_DIGITS: Final = 5  # pragma: no mutate - saves time
_HUGE: Final = 10**9


class Digits:
    """The digits of numbers in JSON's spelling, by row; nulls, NaN and infinities have none."""

    def __init__(self, texts: pa.StringArray) -> None:
        data, (starts, ends) = bytes_of(texts), offsets_of(texts)
        starts, ends = starts - starts[:1], ends - starts[:1]
        digits_end = ends.copy()
        #: The exponents of ten that are written, or :data:`_HUGE`.
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
        # The powers of ten that the first and the last digit count.
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
    """Read the exponents that stand at some places."""
    signs, exponents = data[starts], np.zeros(len(starts), np.int64)
    starts = starts + ((signs == ord("-")) | (signs == ord("+")))
    for place in range(_EXPONENT_DIGITS):
        digits = data.take(starts + place, mode="clip").astype(np.int64) - ord("0")
        exponents = np.where(starts + place < ends, 10 * exponents + digits, exponents)
    for row in np.flatnonzero(ends - starts > _EXPONENT_DIGITS).tolist():
        written = data[starts[row] : ends[row]].tobytes().lstrip(b"0")
        exponents[row] = int(written or b"0") if len(written) < len(str(_HUGE)) else _HUGE
    return np.where(signs == ord("-"), -exponents, exponents)


def count_places(floats: NDArray[np.float64]) -> NDArray[Any]:
    """Return how many binary places normal numbers have, which is how many decimal places they have."""
    fractions, exponents = np.frexp(np.abs(floats))
    whole = np.ldexp(fractions, sys.float_info.mant_dig).astype(np.int64)
    zeros = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    places: NDArray[Any] = np.maximum(sys.float_info.mant_dig - exponents - zeros, 0)
    return places
