"""Cells to an Arrow array of a given type: exactly, or a CellError that says which cell is not."""

from __future__ import annotations

from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames.decode import exact_json, numbers, temporal
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.exact_json import RepeatedKeys
from connecty_frames.text import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["build", "is_text"]


def build(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """Give cells as an Arrow array of a type; None is null.

    Raises
    ------
    CellError
        At the first cell that is not exactly a value of the type; its ``row`` is the position.
    """
    for holds, builder in _BUILDERS:
        if holds(type_):
            try:
                return builder(values, type_)
            except UnicodeEncodeError:
                raise _half_pair(values) from None
    raise CellError(0, str(type_), "is a type that JSON values cannot become")


def _half_pair(values: Sequence[Any]) -> CellError:
    """Say which cell is what no Arrow array can even be asked about."""
    texts = enumerate(map(str, map(text_of, values)))
    row, text = next((row, text) for row, text in texts if not exact_json.encodes(text))
    return CellError(row, text, "holds half of a surrogate pair, which is no text")


def text_of(value: object) -> str | None:
    """Give a cell as exact text: a text as it is, everything else as the JSON it is."""
    if value is None or type(value) is str:
        return value
    return exact_json.dump(value)


def _texts(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    return pa.array([text_of(value) for value in values], type_)


def _booleans(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    readings = {None: None, True: True, False: False, "true": True, "false": False}
    for row, value in enumerate(values):
        if not isinstance(value, bool | str | None) or value not in readings:
            raise CellError(row, str(text_of(value)), "is neither true nor false")
    return pa.array([readings[value] for value in values], type_)


def _scalar_texts(values: Sequence[Any], type_: pa.DataType) -> Sequence[str | None]:
    for row, value in enumerate(values):
        if value is not None and not isinstance(value, str):
            raise CellError(row, str(text_of(value)), f"is no {type_}")
    return values


def _numbers(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    return numbers.read(_scalar_texts(values, type_), type_)


def _temporal(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    for row, value in enumerate(values):
        if value is not None and type(value) is not str:
            raise CellError(row, str(text_of(value)), f"is no text, so no {type_}")
    return temporal.read(values, type_)


def _lists(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    for row, value in enumerate(values):
        if value is not None and not isinstance(value, list):
            raise CellError(row, str(text_of(value)), "is no array")
    items = list(chain.from_iterable(value or () for value in values))
    rows = [row for row, value in enumerate(values) for _ in value or ()]
    children = _in_rows(rows, items, type_.value_type)
    if pa.types.is_fixed_size_list(type_):
        for row, value in enumerate(values):
            if value is not None and len(value) != type_.list_size:
                raise CellError(row, str(text_of(value)), f"has not {type_.list_size} items")
    large = pa.types.is_large_list(type_)
    arrays = pa.LargeListArray if large else pa.ListArray
    starts = _starts(values, pa.int64() if large else pa.int32())
    return arrays.from_arrays(starts, children).cast(type_)


def _starts(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """Give where each cell's items start among those of all, null for null, and where the last end."""
    lengths = (len(value or ()) for value in values)
    *starts, end = accumulate(lengths, initial=0)
    return pa.array(
        [*(None if value is None else start for start, value in zip(starts, values, strict=True)), end], type_
    )


def _structs(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    fields = [type_.field(position) for position in range(type_.num_fields)]
    keys = {field.name for field in fields}
    if len(keys) < len(fields):
        raise CellError(0, str(type_), "has a field twice, which no object has")
    for row, value in enumerate(values):
        if value is None:
            continue
        if not isinstance(value, dict) or isinstance(value, RepeatedKeys) or value.keys() != keys:
            raise CellError(
                row, str(text_of(value)), f"is no object with just the keys {listed(sorted(map(repr, keys)))}"
            )
    if not fields:
        return pa.array(values, type_)
    rows = range(len(values))
    children = [
        _in_rows(rows, [value and value[field.name] for value in values], field.type) for field in fields
    ]
    return pa.StructArray.from_arrays(
        children, fields=fields, mask=pa.array([value is None for value in values], pa.bool_())
    )


def _maps(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    for row, value in enumerate(values):
        if value is not None and (not isinstance(value, dict) or isinstance(value, RepeatedKeys)):
            raise CellError(row, str(text_of(value)), "is no object with each key once")
    rows = [row for row, value in enumerate(values) for _ in value or ()]
    keys = _in_rows(rows, [key for value in values for key in value or ()], type_.key_type)
    items = [item for value in values for item in (value or {}).values()]
    starts = _starts(values, pa.int32())
    return pa.MapArray.from_arrays(starts, keys, _in_rows(rows, items, type_.item_type)).cast(type_)


def _dictionaries(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    encoded = build(values, type_.value_type).dictionary_encode()
    index = type_.index_type
    most = 2 ** (index.bit_width - pa.types.is_signed_integer(index))
    if len(encoded.dictionary) > most:
        row = pc.index(encoded.indices, pa.scalar(most, encoded.indices.type)).as_py()
        raise CellError(
            row, str(text_of(values[row])), f"is one more distinct value than {type_} tells apart"
        )
    return encoded.cast(type_)


def _in_rows(rows: Sequence[int], items: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """Build what lies inside cells; a misfit then names the row of the cell."""
    try:
        return build(items, type_)
    except CellError as misfit:
        raise CellError(rows[misfit.row or 0] if rows else 0, misfit.value, misfit.reason) from None


def _any_of(*tests: Callable[[pa.DataType], bool]) -> Callable[[pa.DataType], bool]:
    return lambda type_: any(test(type_) for test in tests)


is_text: Final = _any_of(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_is_number: Final = _any_of(pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
_is_list: Final = _any_of(pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)

_BUILDERS: Final[tuple[tuple[Callable[[pa.DataType], bool], Callable[..., pa.Array]], ...]] = (
    (is_text, _texts),
    (pa.types.is_boolean, _booleans),
    (_is_number, _numbers),
    (pa.types.is_temporal, _temporal),
    (_is_list, _lists),
    (pa.types.is_struct, _structs),
    (pa.types.is_map, _maps),
    (pa.types.is_dictionary, _dictionaries),
)
