"""Arrow arrays: types by group and as text, memory from Python values and numpy, digits of number texts.

``pa.array`` and ``pa.scalar`` of Python values import pandas if it is installed, and so does a function of
``pyarrow.compute`` with a Python value among its arguments. That would double the time of a first question to
polars or Arrow. :func:`to_array` and :func:`to_scalar` make the same arrays and scalars from buffers, for
which Arrow does not need pandas. They take up to three times as long.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa

from connecty_frames._base.text import value_text
from connecty_frames.decode import compute as pc
from connecty_frames.decode.exact_json import EXACT_CONTEXT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    _Found = dict[int, tuple[pa.DataType, int] | None]

Array: TypeAlias = pa.ChunkedArray | pa.Array
TypeTest: TypeAlias = Callable[[pa.DataType], bool]
Value = TypeVar("Value")

FRACTION_DIGITS: Final = {"s": 0, "ms": 3, "us": 6, "ns": 9}  # the digits of a fraction of a second


def first_match(table: Iterable[tuple[TypeTest, Value]], type_: pa.DataType) -> Value | None:
    """Return the value of the first test to pass for a type, or None."""
    return next((value for test, value in table if test(type_)), None)


def any_of(*tests: TypeTest) -> TypeTest:
    """Combine tests into one: a type passes if it passes any."""
    return lambda type_: any(test(type_) for test in tests)


is_text: Final = any_of(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
is_binary: Final = any_of(pa.types.is_binary, pa.types.is_large_binary)
is_number: Final = any_of(pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
is_list: Final = any_of(pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def is_naive(type_: pa.DataType) -> bool:
    """Return True for timestamps without a zone."""
    return pa.types.is_timestamp(type_) and type_.tz is None


def is_aware(type_: pa.DataType) -> bool:
    """Return True for instants."""
    return pa.types.is_timestamp(type_) and type_.tz is not None


# --- types as text --------------------------------------------------------------------------------------


def parse_type(text: str) -> pa.DataType:
    """Return the type with this text: the inverse of ``str`` for the types of answers; raises ValueError."""
    found = _find_type(text, 0, {}) if isinstance(text, str) else None
    if found is None or found[1] != len(text):
        raise ValueError(f"{value_text(text)} is not a column type")
    return found[0]


def _find_type(text: str, start: int, known: _Found) -> tuple[pa.DataType, int] | None:
    """Return the type with its text at a position, and its end; ``known`` has earlier results."""
    if start not in known:
        known[start] = None
        with suppress(ValueError, TypeError, OverflowError, RecursionError):
            known[start] = _read_type(text, start, known)
    return known[start]


def _read_type(text: str, start: int, known: _Found) -> tuple[pa.DataType, int] | None:
    if text.startswith("struct<", start):
        return _read_struct(text, start + len("struct<"), known)
    for opening, closings, make in _NESTED:
        if text.startswith(opening, start):
            parameters: list[Any] = []
            end = start + len(opening)
            for closing in closings:
                child = _find_type(text, end, known)
                closed = child and closing.match(text, child[1])
                if not (child and closed):
                    return None
                end, parameters = closed.end(), [*parameters, child[0], *closed.groups()]
            return make(*parameters), end
    leaves = ((pattern.match(text, start), make) for pattern, make in _LEAVES)
    return next(((make(*found.groups()), found.end()) for found, make in leaves if found), None)


def _read_struct(text: str, start: int, known: _Found) -> tuple[pa.DataType, int] | None:
    """Read fields; as names may have any character, the shortest name before a type counts."""
    fields: list[tuple[str, pa.DataType]] = []
    if text.startswith(">", start):
        return pa.struct(fields), start + 1
    while True:
        for colon in re.compile(": ").finditer(text, start):
            child = _find_type(text, colon.end(), known)
            if child and text.startswith((", ", ">"), child[1]):
                break
        else:
            return None
        fields.append((text[start : colon.start()], child[0]))
        if text.startswith(">", child[1]):
            return pa.struct(fields), child[1] + 1
        start = child[1] + len(", ")


#: The beginning of a type with others inside, the text after each of them, and the type's constructor.
_NESTED: Final[tuple[tuple[str, Sequence[re.Pattern[str]], Callable[..., pa.DataType]], ...]] = (
    ("list<item: ", [re.compile(">")], pa.list_),
    ("large_list<item: ", [re.compile(">")], pa.large_list),
    ("fixed_size_list<item: ", [re.compile(r">\[(\d+)\]")], lambda item, size: pa.list_(item, int(size))),
    ("map<", [re.compile(", "), re.compile(">")], pa.map_),
    (
        "dictionary<values=",
        [re.compile(", indices="), re.compile(", ordered=([01])>")],
        lambda values, indices, ordered: pa.dictionary(indices, values, ordered == "1"),
    ),
)
#: The other texts of types, and the constructor for their groups.
_LEAVES: Final[tuple[tuple[re.Pattern[str], Callable[..., pa.DataType]], ...]] = (
    (re.compile(r"timestamp\[(\w+), tz=([^\]]+)\]"), pa.timestamp),
    (re.compile(r"decimal128\((\d+), (-?\d+)\)"), lambda *digits: pa.decimal128(*map(int, digits))),
    (re.compile(r"decimal256\((\d+), (-?\d+)\)"), lambda *digits: pa.decimal256(*map(int, digits))),
    (re.compile(r"(\w+(?:\[\w+\])?)"), pa.type_for_alias),
)


# --- memory ---------------------------------------------------------------------------------------

#: The pool for work in short-lived threads. Arrow's default pool keeps the memory that such threads used:
#: with it the peak above a large body was 3.1 times its size, with this one it is 1.2 times.
POOL: Final = pa.system_memory_pool()
#: The type code of packed values of each type.
_CODES: Final = {
    **{getattr(pa, f"int{8 * size}")(): code for size, code in zip((1, 2, 4, 8), "bhiq", strict=True)},
    **{getattr(pa, f"uint{8 * size}")(): code for size, code in zip((1, 2, 4, 8), "BHIQ", strict=True)},
    pa.float64(): "d",
}
#: How many texts are looked at at once, and about how many bytes of them.
_SLICE: Final = 1 << 13
_SLICE_BYTES: Final = 1 << 20
_is_text: Final = any_of(pa.types.is_string, pa.types.is_large_string)
#: The most bytes of texts in one array, whose offsets are int32.
_MOST_BYTES: Final = 2**31 - 1


def to_array(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """Return values as ``pa.array`` does; raises OverflowError, ArrowInvalid or UnicodeEncodeError."""
    valid, present = None, values
    if None in values:
        valid = pa.py_buffer(np.packbits([value is not None for value in values], bitorder="little"))
        nothing: Any = b"" if is_binary(type_) else "" if _is_text(type_) else 0
        present = [nothing if value is None else value for value in values]
    buffers = _buffers(present, type_)
    if buffers is None:
        return pa.array(values, type_)
    return pa.Array.from_buffers(type_, len(values), [valid, *map(pa.py_buffer, buffers)])


def _buffers(values: Sequence[Any], type_: pa.DataType) -> list[Any] | None:
    if type_ in _CODES:  # pragma: no mutate - saves an import
        return [array(_CODES[type_], values)]
    if pa.types.is_boolean(type_):  # pragma: no mutate - saves an import
        return [np.packbits(np.array(values, np.bool_), bitorder="little")]
    if pa.types.is_decimal(type_):
        return [b"".join(_decimal_bytes(value, type_) for value in values)]
    if _is_text(type_) or is_binary(type_):  # pragma: no mutate - saves an import
        return _text_buffers(values, type_)
    return [] if type_ == pa.struct([]) else None  # pragma: no mutate - saves an import


def _text_buffers(values: Sequence[Any], type_: pa.DataType) -> list[Any] | None:
    if is_binary(type_):
        data = b"".join(values)
    else:
        joined = "".join(values)
        data = joined.encode()
        if len(data) > len(joined):
            values = list(map(str.encode, values))
    offsets = np.zeros(len(values) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, values), np.int64, len(values)), out=offsets[1:])
    if pa.types.is_large_string(type_) or pa.types.is_large_binary(type_):
        return [offsets, data]
    # Of more bytes Arrow makes several arrays.
    return [offsets.astype(np.int32), data] if len(data) < _MOST_BYTES else None


def _decimal_bytes(value: Decimal | int, type_: pa.DataType) -> bytes:
    """Return the bytes of a number in a decimal type: a whole number in units of the last place."""
    scaled = Decimal(value).scaleb(type_.scale, EXACT_CONTEXT)
    count = int(scaled)
    if count != scaled or abs(count) >= 10**type_.precision:
        raise OverflowError(f"the number is not exactly representable as {type_}")
    return count.to_bytes(type_.bit_width // 8, "little", signed=True)


@lru_cache
def to_scalar(value: object, type_: pa.DataType) -> pa.Scalar:
    """Return a constant as an Arrow scalar, as ``pa.scalar`` does, and keep it for the next call."""
    return to_array([value], type_)[0]


def chunks_of(array: Array) -> list[pa.Array]:
    """Return the chunks of an array, or the array itself."""
    return array.chunks if isinstance(array, pa.ChunkedArray) else [array]


def combine(array: Array) -> pa.Array:
    """Return an array without chunks."""
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def slices_of(texts: Array) -> Iterator[tuple[int, pa.StringArray]]:
    """Yield some texts at a time, and the row of the first of them."""
    start = 0
    for chunk in chunks_of(texts):
        count = len(chunk) // _SLICE + len(bytes_of(chunk)) // _SLICE_BYTES + 1
        size = len(chunk) // count + 1
        for first in range(0, len(chunk), size):
            yield start + first, chunk.slice(first, size)
        start += len(chunk)


def index_of(array: pa.Array, value: object) -> int:
    """Return the position of the first such value, -1 if there is none."""
    position: int = pc.index(array, to_scalar(value, array.type)).as_py()
    return position


def numbers_of(numbers: pa.Array) -> NDArray[Any]:
    """Return integers or float64 without nulls as a numpy array, without a copy."""
    data = np.frombuffer(numbers.buffers()[1] or b"", _CODES[numbers.type])
    return data[numbers.offset : numbers.offset + len(numbers)]


def rows_where(flags: Array) -> NDArray[Any]:
    """Return the rows with True."""
    return numbers_of(pc.indices_nonzero(combine(flags)))


def of_numbers(numbers: NDArray[Any]) -> pa.Array:
    """Return integers or float64 of a numpy array as an Arrow array, without a copy."""
    type_ = pa.from_numpy_dtype(numbers.dtype)
    return pa.Array.from_buffers(type_, len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers))])


def of_flags(flags: NDArray[np.bool_]) -> pa.BooleanArray:
    """Return flags of a numpy array as an Arrow array."""
    bits = pa.py_buffer(np.packbits(flags, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(flags), [None, bits])


def offsets_of(texts: pa.StringArray) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return where each text starts and ends in its array's data, without a copy; a null is empty."""
    if len(texts) == 0:  # an empty array may have no buffer
        return np.empty(0, np.int32), np.empty(0, np.int32)
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return offsets[:-1], offsets[1:]


def bytes_of(texts: pa.StringArray) -> NDArray[np.uint8]:
    """Return the bytes of all texts of a ``string`` array in one, without a copy."""
    starts, ends = offsets_of(texts)
    data = texts.buffers()[2]
    if data is None or len(ends) == 0:
        return np.empty(0, np.uint8)
    return np.frombuffer(data, np.uint8)[starts[0] : ends[-1]]


# --- digits of numbers ----------------------------------------------------------------------------------

#: The digits of an exponent for numpy to read, and an exponent beyond every type.
_EXPONENT_DIGITS: Final = 5
HUGE: Final = 10**9


class Digits:
    """The digits of numbers in JSON's spelling, by row; nulls, NaN and infinities have none."""

    def __init__(self, texts: pa.StringArray) -> None:
        data, (starts, ends) = bytes_of(texts), offsets_of(texts)
        starts, ends = starts - starts[:1], ends - starts[:1]
        digits_end = ends.copy()
        self.exponents = np.zeros(len(ends), np.int64)  # the exponents of ten as written, or :data:`HUGE`
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
        top, bottom = (points - at - (at < points) + self.exponents for at in (self._first, self._last))
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
