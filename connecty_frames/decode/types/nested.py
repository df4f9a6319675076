"""Arrays and objects of one shape to Arrow lists and structs: a column of the values at each place.

The cells are parsed a few at a time, and what is kept of them is in Arrow arrays, since an empty array takes
thirty times its size when it is parsed.
"""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from connecty_frames.decode.arrow.buffers import to_array
from connecty_frames.decode.exact_json import KIND_BY_TYPE, NUL, NUMBER_KINDS, RepeatedKeys, ValueKind
from connecty_frames.decode.scanning import LongValue
from connecty_frames.decode.types.column import BATCH_BYTES, CODES, CellColumn, combine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from connecty_frames.decode.types.column import ScalarColumn

    #: Returns the array of the scalars at one place, None if no type holds them all.
    BuildScalars = Callable[[ScalarColumn | CellColumn], pa.Array | None]

#: How many fields and items a type may have at all depths: each costs far more than the bytes of its key.
MOST_FIELDS: Final = 1_000
_SCALAR_KINDS: Final = (frozenset({ValueKind.BOOLEAN}), frozenset({ValueKind.TEXT}), NUMBER_KINDS)
_CODE_BY_TYPE: Final = {type(None): 0, **{type_: CODES[kind] for type_, kind in KIND_BY_TYPE.items()}}


class _Unlike(Exception):
    """No type holds all the values at some place."""


class _Place:
    """The values at one place inside of cells, which are all scalars, all arrays or all objects."""

    def __init__(self, budget: Iterator[int]) -> None:
        if next(budget, None) is None:
            raise _Unlike
        self._budget = budget
        self._kinds: set[ValueKind] = set()
        #: How many nulls there were before the first value.
        self._leading = 0
        #: Of scalars the codes and the texts, otherwise where there is a value and how many items it has.
        self._parts: list[tuple[NDArray[Any], Any]] = []
        self._children: dict[str, _Place] = {}

    def append(self, values: Sequence[Any]) -> None:
        """Append values as ``exact_json.parse`` returns them, None for null, or a LongValue as the last."""
        if values and isinstance(values[-1], LongValue):
            self.append(values[:-1])  # nulls
            self._append_long(values[-1])
            return
        is_first = not self._kinds
        self._kinds |= {KIND_BY_TYPE[type_] for type_ in set(map(type, values)) - {type(None)}}
        if not self._kinds:
            self._leading += len(values)
            return
        if is_first:
            values = [*repeat(None, self._leading), *values]
        if self._kinds == {ValueKind.ARRAY}:
            self._append_arrays(values)
        elif self._kinds == {ValueKind.OBJECT}:
            self._append_objects(values)
        elif any(self._kinds <= kinds for kinds in _SCALAR_KINDS):
            codes = np.array([_CODE_BY_TYPE[type(value)] for value in values], np.uint8)
            texts = values
            if ValueKind.BOOLEAN in self._kinds:
                texts = [value if value is None else str(value).lower() for value in values]
            self._parts.append((codes, to_array(texts, pa.string())))
        else:
            raise _Unlike

    def _append_arrays(self, values: Sequence[list[Any] | None]) -> None:
        is_valid = np.array([value is not None for value in values], np.bool_)
        self._parts.append((is_valid, np.array([len(value or ()) for value in values], np.int64)))
        self._child("").append(list(chain.from_iterable(filter(None, values))))

    def _append_objects(self, values: Sequence[dict[str, Any] | None]) -> None:
        first = next(value for value in values if value is not None) if not self._children else None
        if first is not None and (not first or any(NUL in key for key in first)):
            raise _Unlike
        keys = first if first is not None else self._children
        if any(
            value is not None and (value.keys() != keys.keys() or isinstance(value, RepeatedKeys))
            for value in values
        ):
            raise _Unlike
        self._parts.append((np.array([value is not None for value in values], np.bool_), None))
        for key in keys:
            self._child(key).append([value and value[key] for value in values])

    def _append_long(self, value: LongValue) -> None:
        if value.is_array:
            self.append([[]])
            counts = self._parts[-1][1]
            for items in value.items(BATCH_BYTES):
                counts[-1] += len(items)
                self._child("").append(items)
        elif value.count() > MOST_FIELDS:
            raise _Unlike
        else:
            self.append([value.fields(BATCH_BYTES)])

    def _child(self, key: str) -> _Place:
        if key not in self._children:
            self._children[key] = _Place(self._budget)
        return self._children[key]

    def build(self, build_scalars: BuildScalars) -> pa.Array:
        """Return all values as an array."""
        if not self._kinds:
            return pa.nulls(self._leading, pa.string())
        heads = np.concatenate([head for head, _ in self._parts])
        valid = pa.py_buffer(np.packbits(heads, bitorder="little"))
        if self._kinds == {ValueKind.ARRAY}:
            (items,) = (child.build(build_scalars) for child in self._children.values())
            offsets = np.zeros(len(heads) + 1, np.int32)
            np.cumsum(np.concatenate([counts for _, counts in self._parts]), out=offsets[1:])
            buffers = [valid, pa.py_buffer(offsets)]
            return pa.Array.from_buffers(pa.list_(items.type), len(heads), buffers, children=[items])
        if self._kinds == {ValueKind.OBJECT}:
            children = {key: child.build(build_scalars) for key, child in self._children.items()}
            type_ = pa.struct([(key, child.type) for key, child in children.items()])
            return pa.Array.from_buffers(type_, len(heads), [valid], children=list(children.values()))
        texts = pa.chunked_array([texts for _, texts in self._parts])
        array = build_scalars(CellColumn(heads, texts).narrowed())
        if array is None:
            raise _Unlike
        return combine(array)


def build_nested(batches: Iterable[Sequence[Any]], build_scalars: BuildScalars) -> pa.Array | None:
    """Return arrays or objects, in batches, as an array of the type that all have; None if there is none."""
    cells = _Place(iter(range(MOST_FIELDS)))
    try:
        for batch in batches:
            cells.append(batch)
        return cells.build(build_scalars)
    except _Unlike:
        return None
