"""The memory of Arrow arrays: the pool it comes from, arrays made of Python values, and texts as bytes.

``pa.array`` and ``pa.scalar`` of Python values import pandas if it is installed, and so does a function of
``pyarrow.compute`` with a Python value among its arguments. That would double the time of a first question to
polars or Arrow. :func:`to_array` and :func:`to_scalar` make the same arrays and scalars from buffers, for
which Arrow does not need pandas. They take up to three times as long.
"""

from __future__ import annotations

from array import array
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow_types import any_of, is_binary
from connecty_frames.decode.exact_json import EXACT_CONTEXT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

Array: TypeAlias = pa.ChunkedArray | pa.Array

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
_SLICE: Final = 1 << 13  # pragma: no mutate - a size
_SLICE_BYTES: Final = 1 << 20  # pragma: no mutate - a size
_is_text: Final = any_of(pa.types.is_string, pa.types.is_large_string)
#: The most bytes of texts in one array, whose offsets are int32.
_MOST_BYTES: Final = 2**31 - 1  # pragma: no mutate - no fast test has the memory


def to_array(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """Return values as ``pa.array`` does; raises OverflowError, ArrowInvalid or UnicodeEncodeError."""
    valid, present = None, values
    if None in values:
        is_valid = [value is not None for value in values]
        valid = pa.py_buffer(np.packbits(is_valid, bitorder="little"))
        nothing: Any = b"" if is_binary(type_) else "" if _is_text(type_) else 0
        present = [nothing if value is None else value for value in values]
    buffers = _buffers(present, type_)
    if buffers is None:
        return pa.array(values, type_)
    return pa.Array.from_buffers(type_, len(values), [valid, *map(pa.py_buffer, buffers)])


def _buffers(values: Sequence[Any], type_: pa.DataType) -> list[Any] | None:
    """Return the buffers of an array without nulls, or None for a rare type."""
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
