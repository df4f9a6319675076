"""Arrays and objects of one shape to Arrow lists and structs: a column of the values at each place.

No Python object is made of a value, since an empty array would take thirty times its size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from connecty_frames.decode.arrow.buffers import bytes_of, numbers_of
from connecty_frames.decode.cells import read_cells
from connecty_frames.decode.exact_json import NUL, NUMBER_KINDS, ValueKind
from connecty_frames.decode.scanning import find_items, find_keys
from connecty_frames.decode.types.column import CellColumn, combine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from connecty_frames.decode.types.column import ScalarColumn

    #: Returns the array of the scalars at one place, None if no type holds them all.
    BuildScalars = Callable[[ScalarColumn | CellColumn], pa.Array | None]
    #: The codes and the texts of the cells of a block.
    Part = tuple[NDArray[np.uint8], pa.StringArray]

#: How many fields and items a type may have at all depths: each costs far more than the bytes of its key.
MOST_FIELDS: Final = 1_000
_SCALAR_KINDS: Final = (frozenset({ValueKind.BOOLEAN}), frozenset({ValueKind.TEXT}), NUMBER_KINDS)


class _Unlike(Exception):
    """No type holds all the values at some place."""


def build_nested(cells: CellColumn, build_scalars: BuildScalars) -> pa.Array | None:
    """Return arrays or objects as an array of the type that all have, or None."""
    try:
        return _Builder(build_scalars, cells.checkpoint).build(list(cells.parts()))
    except _Unlike:
        return None


class _Builder:
    """Builds the values at each place inside of cells, which are all scalars, all arrays or all objects."""

    def __init__(self, build_scalars: BuildScalars, checkpoint: Callable[[], None]) -> None:
        self._build_scalars = build_scalars
        self._checkpoint = checkpoint
        self._places = 0

    def build(self, parts: list[Part]) -> pa.Array:
        """Return all values at a place as an array; the list is emptied."""
        self._places += 1
        if self._places > MOST_FIELDS:
            raise _Unlike
        codes = np.concatenate([np.empty(0, np.uint8), *(codes for codes, _ in parts)])
        cells = CellColumn(codes, pa.chunked_array([texts for _, texts in parts], pa.string()))
        kinds = cells.kinds
        if not kinds:
            return pa.nulls(len(codes), pa.string())
        if any(kinds <= alike for alike in _SCALAR_KINDS):
            array = self._build_scalars(cells.narrowed())
            if array is None:
                raise _Unlike
            return combine(array)
        del cells
        valid = pa.py_buffer(np.packbits(codes != 0, bitorder="little"))
        if kinds == {ValueKind.ARRAY}:
            lengths, items = self._items(parts)
            child = self.build(items)
            offsets = pa.py_buffer(np.cumsum([0, *lengths], dtype=np.int32))
            return pa.Array.from_buffers(pa.list_(child.type), len(codes), [valid, offsets], children=[child])
        if kinds != {ValueKind.OBJECT}:
            raise _Unlike
        children = {key: self.build(values) for key, values in self._fields(parts).items()}
        type_ = pa.struct([(key, child.type) for key, child in children.items()])
        return pa.Array.from_buffers(type_, len(codes), [valid], children=list(children.values()))

    def _blocks(self, parts: list[Part]) -> Iterator[tuple[NDArray[np.bool_], bytes]]:
        """Return which cells of each part are not null, and the JSON of these in a row."""
        parts.reverse()
        while parts:
            self._checkpoint()
            codes, texts = parts.pop()
            yield codes != 0, bytes_of(texts).tobytes()

    def _items(self, parts: list[Part]) -> tuple[NDArray[np.int64], list[Part]]:
        """Return how many items each array has, and all items."""
        lengths, items = [], []
        for is_there, data in self._blocks(parts):
            starts, ends, counts = find_items(data)
            codes, texts, _ = read_cells(data, starts, ends, np.arange(len(starts)))
            items.append((codes, texts))
            lengths.append(np.zeros(len(is_there), np.int64))
            lengths[-1][is_there] = counts
        return np.concatenate(lengths), items

    def _fields(self, parts: list[Part]) -> dict[str, list[Part]]:
        """Return the values by key, each once in every object, in the order of the first."""
        fields: dict[str, list[Part]] = {}
        nulls = 0  # before the first object
        for is_there, data in self._blocks(parts):
            if not fields and not data:
                nulls += len(is_there)
                continue
            starts, ends, counts = find_items(data)
            key_ends, value_starts = find_keys(data, starts, ends)
            keys = read_cells(data, starts, key_ends, np.arange(len(starts))).texts.dictionary_encode()
            names = keys.dictionary.to_pylist()
            if not fields and len(names) <= MOST_FIELDS:
                none = [(np.zeros(nulls, np.uint8), pa.nulls(nulls, pa.string()))]
                fields = {name: list(none) for name in names if NUL not in name}
            if not fields or not fields.keys() >= set(names) or (counts != len(fields)).any():
                raise _Unlike
            width, rows = len(fields), len(is_there)
            # By object, which of the keys each field has; each must be there once.
            position = np.array([list(fields).index(name) for name in names], np.intp)
            found = position[numbers_of(keys.indices)].reshape(-1, width)
            order = np.argsort(found, axis=1)
            if (np.take_along_axis(found, order, axis=1) != np.arange(width)).any():
                raise _Unlike
            places = np.full((rows, width), -1)
            places[is_there] = order + width * np.arange(len(order))[:, np.newaxis]
            codes, texts, _ = read_cells(data, value_starts, ends, places.T.ravel())
            for number, values in enumerate(fields.values()):
                some = slice(number * rows, (number + 1) * rows)
                values.append((codes[some], texts.slice(number * rows, rows)))
        return fields
