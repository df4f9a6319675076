"""Cells to an Arrow array of a given type: exactly, or a CellError that says which cell does not fit.

Values that have been read are cast if that is exact, and texts are read as whole arrays. Arrays and objects
of one shape become lists and structs by place: a column of the values at each place. A few bytes of them are
read as Python objects, in a fraction of the time; of many, no Python object is made of a value, since an
empty array would take thirty times its size.
"""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from connecty_frames._base.text import listed, quoted
from connecty_frames.decode import exact_json
from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import (
    bytes_of,
    index_of,
    numbers_of,
    slices_of,
    to_array,
)
from connecty_frames.decode.arrow_types import (
    FRACTION_DIGITS,
    first_match,
    is_aware,
    is_binary,
    is_list,
    is_number,
    is_text,
)
from connecty_frames.decode.cells import CODES, read_cells
from connecty_frames.decode.errors import CellError, cell_error, surrogate_error
from connecty_frames.decode.exact_json import (
    EXACT_CONTEXT,
    KIND_BY_TYPE,
    NESTED_KINDS,
    NUL,
    NUMBER_KINDS,
    RepeatedKeys,
    ValueKind,
)
from connecty_frames.decode.scanning import find_items, find_keys
from connecty_frames.decode.types import encodings, numbers
from connecty_frames.decode.types.casts import cast_exactly
from connecty_frames.decode.types.column import CellColumn, ScalarColumn, combine, texts_of
from connecty_frames.decode.types.encodings import AnyDatetime, Category, Encoding
from connecty_frames.decode.types.spellings import TemporalFormat, match_format
from connecty_frames.decode.types.times import TemporalValues, check_years, read_given

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from connecty_frames.decode.arrow.buffers import Array
    from connecty_frames.decode.arrow_types import TypeTest
    from connecty_frames.decode.statistics import ColumnStatistics

    #: Builds the scalars at one place; returns None if no type holds them all.
    BuildScalars = Callable[[ScalarColumn | CellColumn], Array | None]
    #: The codes and the texts of the cells of a block.
    Part = tuple[NDArray[np.uint8], pa.StringArray]

#: How many cells are made Python objects at once.
_BLOCK: Final = 1 << 14  # pragma: no mutate - a size

#: How many fields and items a type may have at all depths: each costs far more than the bytes of its key.
MOST_FIELDS: Final = 1_000
_NESTED_CODES: Final = frozenset(map(CODES.__getitem__, NESTED_KINDS))
_TEXT_KINDS: Final = NUMBER_KINDS | {ValueKind.TEXT}
#: Up to this size arrays and objects are read as Python objects, in a fraction of the time.
_FEW_BYTES: Final = 1 << 13  # pragma: no mutate - a size
#: How truth values are written: by JSON, Python, PostgreSQL (``t``), and MySQL and SQLite, which have numbers
#: for them. Some readers return a zero without its minus.
_TRUTH_VALUES: Final = {
    **dict.fromkeys(("true", "True", "TRUE", "t", "T", "1"), True),
    **dict.fromkeys(("false", "False", "FALSE", "f", "F", "0", "-0"), False),
}


def build(cells: Sequence[Any], type_: pa.DataType | Encoding) -> Array:
    """Return cells as an array of a type or encoding, None as null; raises CellError with the position."""
    try:
        if isinstance(type_, Encoding):
            return _BY_ENCODING[type(type_)](cells, type_)
        found = _build_at_once(cells, type_)
        if found is not None:
            return found
        builder = first_match(_BUILDERS, type_)
        if builder is None:
            raise CellError(0, str(type_), "is a type that JSON values cannot be converted to")
        if len(cells) > _BLOCK and not _are_texts(cells, type_) and _is_by_cell(type_):  # pragma: no mutate
            return _build_in_blocks(builder, cells, type_)
        return builder(cells, type_)
    except UnicodeEncodeError:
        raise surrogate_error(cells) from None


def _build_at_once(cells: Sequence[Any], type_: pa.DataType) -> Array | None:
    """Return cells as a type without a Python object for each, or None if some may not fit."""
    if isinstance(cells, ScalarColumn):
        return cast_exactly(cells, type_)
    if isinstance(cells, CellColumn) and _is_by_place(cells, type_) and cells.texts.nbytes > _FEW_BYTES:
        return None if cells.has_surrogates else _build_by_place(cells, type_)
    return None


def _are_texts(cells: Sequence[Any], type_: pa.DataType) -> bool:
    """Whether cells are all of kinds that a type is read from as whole arrays, in slices of their own."""
    kinds = {ValueKind.TEXT} if is_binary(type_) else _TEXT_KINDS
    return isinstance(cells, ScalarColumn | CellColumn) and cells.kinds <= kinds


def _is_by_cell(type_: pa.DataType) -> bool:
    """Whether each cell is read by itself; times have the format of all, and dictionaries all values."""
    if pa.types.is_temporal(type_) or pa.types.is_dictionary(type_):
        return False
    return all(_is_by_cell(type_.field(position).type) for position in range(type_.num_fields))


def _build_in_blocks(builder: Callable[..., pa.Array], cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """Build a few cells at a time, so that few of them are Python objects at once."""
    arrays = []
    for start in range(0, len(cells), _BLOCK):
        try:
            arrays.append(combine(builder(cells[start : start + _BLOCK], type_)))
        except CellError as error:
            raise error.at(start + (error.row or 0)) from None
    return pa.concat_arrays(arrays)


# --- local times and instants -------------------------------------------------------------------------


def datetime_type(cells: Sequence[Any], bounds: Sequence[str] = ()) -> pa.DataType:
    """Return the type of ``datetime``: instants if the first value, or without one a bound, has an offset."""
    read = cells.values if isinstance(cells, ScalarColumn) else None
    if isinstance(read, TemporalValues):
        is_instant = read.format is TemporalFormat.AWARE
    else:
        values = (str(value) for value in chain(cells, bounds) if value not in (None, "NaT"))
        is_instant = _has_offset(next(values, ""))
    return pa.timestamp("us", "UTC" if is_instant else None)


def build_datetimes(cells: Sequence[Any], type_: pa.DataType) -> Array:
    """Return cells as the type that ``datetime`` is for them; a CellError if some are of the other kind."""
    try:
        return build(cells, type_)
    except CellError as error:
        is_instant = _has_offset(error.value)
        is_local = match_format(error.value) in {TemporalFormat.NAIVE, TemporalFormat.DATE}
        if is_instant if type_.tz is None else is_local:
            found, others = ("an offset", "none") if is_instant else ("no offset", "one")
            reason = f"has {found}, and the first value has {others}: a column has instants or local times"
            raise CellError(error.row, error.value, reason) from None
        raise


def _has_offset(text: str) -> bool:
    if match_format(text) is TemporalFormat.AWARE:
        return True
    try:
        read_given(to_array([text], pa.string()), pa.timestamp("us", "UTC"))
    except CellError:
        return False
    return True


# --- bounds ------------------------------------------------------------------------------------------


def restate_bounds(statistics: ColumnStatistics, type_: pa.DataType | Encoding) -> ColumnStatistics:
    """Rewrite the min and max of a column's statistics in ISO 8601 if they are spelled as its rows are."""
    # A bound can then be compared with the values, however both are written.
    arrow_type = type_.type if isinstance(type_, Encoding) else type_
    is_encoded = isinstance(type_, Encoding) and not isinstance(type_, AnyDatetime)
    name = next((name for name in ("temporal", "numeric") if name in statistics.sections), None)
    if name is None or not pa.types.is_temporal(arrow_type):
        return statistics
    sections = dict(statistics.sections)
    section = dict(sections.pop(name))
    # A time of day is not compared with a duration.
    other = {None, TemporalFormat.TIME} if pa.types.is_duration(arrow_type) else {None}
    for end in ("min", "max"):
        bound = section.get(end)
        if isinstance(bound, str) and (is_encoded or match_format(bound) in other):
            with suppress(CellError, pa.ArrowException):
                section[end] = iso_text(combine(build([bound], type_)))
    return msgspec.structs.replace(statistics, sections={**sections, "temporal": section})


def iso_text(times: pa.Array) -> str:
    """Return the only value of an array as ISO 8601."""
    type_ = times.type
    if pa.types.is_duration(type_):
        return f"PT{Decimal(times[0].value).scaleb(-FRACTION_DIGITS[type_.unit], EXACT_CONTEXT):f}S"
    if is_aware(type_):
        times = pc.cast(times, pa.timestamp(type_.unit, "UTC"))
    return str(pc.cast(times, pa.string())[0].as_py())


# --- cells --------------------------------------------------------------------------------------------


def _texts(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """Return texts as they are, and everything else as its JSON."""
    texts = [cell if cell is None or type(cell) is str else exact_json.dump(cell) for cell in cells]
    return to_array(texts, type_)


def _booleans(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    # A text of any other kind of cell is none of these.
    texts = cells.texts if isinstance(cells, ScalarColumn | CellColumn) else _texts(cells, pa.string())
    parts = []
    for start, part in slices_of(texts):
        encoded = pc.dictionary_encode(part)
        values = [_TRUTH_VALUES.get(text) for text in encoded.dictionary.to_pylist()]
        if None in values:
            row = start + index_of(encoded.indices, values.index(None))
            raise cell_error(row, cells[row], "is neither true nor false")
        parts.append(pc.take(to_array(values, type_), encoded.indices))
    return parts[0] if len(parts) == 1 else pa.chunked_array(parts, type_)


def _numbers(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    return numbers.read(texts_of(cells, f"is not a value of {type_}", numbers=True), type_)


def _temporal(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    # 20250101 is a date without quotes too; a number is a time by cf.epoch alone, which knows its unit.
    is_date, is_timestamp = pa.types.is_date(type_), pa.types.is_timestamp(type_)
    hint = "; cf.epoch(unit) reads numbers as times" if is_timestamp else ""
    texts = texts_of(cells, f"is not text, so it is not a value of {type_}{hint}", numbers=is_date)
    return check_years(read_given(texts, type_), type_, texts)


def _lists(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    for row, cell in enumerate(cells):
        if cell is not None and not isinstance(cell, list):
            raise cell_error(row, cell, "is not an array")
    items = list(chain.from_iterable(cell or () for cell in cells))
    rows = [row for row, cell in enumerate(cells) for _ in cell or ()]
    children = _build_children(rows, items, type_.value_field)
    if pa.types.is_fixed_size_list(type_):
        for row, cell in enumerate(cells):
            if cell is not None and len(cell) != type_.list_size:
                raise cell_error(row, cell, f"does not have {type_.list_size} items")
    return pa.ListArray.from_arrays(_starts(cells), children).cast(type_)


def _starts(cells: Sequence[Any]) -> pa.Array:
    """Return where each cell's items start among those of all, null for null, and where the last end."""
    *starts, end = accumulate((len(cell or ()) for cell in cells), initial=0)
    nullable = [None if cell is None else start for start, cell in zip(starts, cells, strict=True)]
    return to_array([*nullable, end], pa.int32())


def _structs(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    fields = [type_.field(position) for position in range(type_.num_fields)]
    keys = {field.name for field in fields}
    if len(keys) < len(fields):
        raise CellError(0, str(type_), "has a field twice")
    for row, cell in enumerate(cells):
        if cell is not None and (not _is_object(cell) or cell.keys() != keys):
            raise cell_error(
                row, cell, f"is not an object with just the keys {listed(sorted(map(repr, keys)))}"
            )
    if not fields:
        return to_array(cells, type_)
    rows = range(len(cells))
    for field in fields:
        for row, cell in enumerate(cells if not field.nullable else ()):
            if cell is not None and cell[field.name] is None:
                raise cell_error(row, cell, f"has a null under {field.name!r}, which schema= does not allow")
    children = [
        _build_children(rows, [cell and cell[field.name] for cell in cells], pa.field("", field.type))
        for field in fields
    ]
    nulls = to_array([cell is None for cell in cells], pa.bool_())
    return pa.StructArray.from_arrays(children, fields=fields, mask=nulls)


def _maps(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    for row, cell in enumerate(cells):
        if cell is not None and not _is_object(cell):
            raise cell_error(row, cell, "is not an object with each key once")
    rows = [row for row, cell in enumerate(cells) for _ in cell or ()]
    keys = _build_children(rows, [key for cell in cells for key in cell or ()], type_.key_field)
    items = [item for cell in cells for item in (cell or {}).values()]
    values = _build_children(rows, items, type_.item_field)
    return pa.MapArray.from_arrays(_starts(cells), keys, values).cast(type_)


def _is_object(cell: object) -> bool:
    return isinstance(cell, dict) and not isinstance(cell, RepeatedKeys)


def _dictionaries(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    encoded = combine(build(cells, type_.value_type)).dictionary_encode()
    index = type_.index_type
    most = 2 ** (index.bit_width - pa.types.is_signed_integer(index))
    if len(encoded.dictionary) > most:
        row = index_of(encoded.indices, most)
        raise cell_error(row, cells[row], f"is one distinct value more than {type_} can hold")
    return encoded.cast(type_)


def _categories(cells: Sequence[Any], category: Category) -> pa.Array:
    values = combine(build(cells, category.type.value_type))
    encoded = category.encode(values)
    if encoded.null_count > values.null_count:
        wrong = pc.and_(pc.is_null(encoded), pc.is_valid(values))
        row = index_of(wrong, value=True)
        shown = quoted([str(value) for value in category.values]) or "(there are none)"
        raise cell_error(row, cells[row], f"is not one of the categories {shown}")
    return encoded


def _build_children(rows: Sequence[int], items: Sequence[Any], field: pa.Field) -> pa.Array:
    """Build the child array of nested cells; an error names the row of the cell."""
    if not field.nullable and None in items:
        reason = "is inside a value, where schema= does not allow it"
        raise CellError(rows[items.index(None)], "null", reason)
    try:
        return combine(build(items, field.type))
    except CellError as error:
        raise error.at(rows[error.row or 0] if rows else 0) from None


_BUILDERS: Final[tuple[tuple[TypeTest, Callable[..., pa.Array]], ...]] = (
    (is_text, _texts),
    (pa.types.is_boolean, _booleans),
    (is_number, _numbers),
    (pa.types.is_temporal, _temporal),
    (is_binary, encodings.read_binary),
    (is_list, _lists),
    (pa.types.is_struct, _structs),
    (pa.types.is_map, _maps),
    (pa.types.is_dictionary, _dictionaries),
)
_BY_ENCODING: Final[dict[type[Encoding], Callable[[Sequence[Any], Any], Array]]] = {
    Category: _categories,
    AnyDatetime: lambda cells, _: build_datetimes(cells, datetime_type(cells)),
    **encodings.READERS,
}


# --- places inside of cells ---------------------------------------------------------------------------


class _Unlike(Exception):
    """No type holds all the values at some place."""


def build_nested(cells: CellColumn, build_scalars: BuildScalars) -> pa.Array | None:
    """Return arrays or objects as an array of the type that all have, or None."""

    def build_place(found: CellColumn, _: None) -> Array | None:
        is_alike = len(found.kinds) == 1 or found.kinds <= NUMBER_KINDS
        return build_scalars(found.narrowed()) if is_alike else None

    few = cells.texts.nbytes <= _FEW_BYTES
    places = (_FewPlaces if few else _Places)(build_place, cells.checkpoint)
    try:
        return places.build(list(cells if few else cells.parts()))
    except _Unlike:
        return None


def _build_by_place(cells: CellColumn, type_: pa.DataType) -> Array | None:
    """Return arrays or objects as a type, or None if some do not fit it."""
    parts = [[part] for part in cells.parts()] if _is_by_cell(type_) else [list(cells.parts())]
    try:
        arrays = [_Places(_build_place, cells.checkpoint).build(some, type_) for some in parts]
    except (_Unlike, CellError, pa.ArrowInvalid):  # an error about a cell is found by cell
        return None
    return pa.chunked_array(arrays, type_)


def _build_place(cells: CellColumn, type_: pa.DataType) -> Array:
    """Return the values at one place as a type."""
    if is_text(type_) and not cells.kinds & NESTED_KINDS:
        return build(ScalarColumn(ValueKind.TEXT, cells.texts), type_)
    if pa.types.is_floating(type_) and cells.kinds == {ValueKind.INTEGER}:
        return build(ScalarColumn(ValueKind.FRACTION, cells.texts), type_)  # a zero may have a minus
    return build(cells.narrowed(), type_)


def _is_by_place(cells: CellColumn, type_: pa.DataType | None) -> bool:
    """Whether cells are all arrays or all objects, as their type says if it is given."""
    if cells.kinds == {ValueKind.ARRAY}:
        return type_ is None or pa.types.is_list(type_) or pa.types.is_large_list(type_)
    return cells.kinds == {ValueKind.OBJECT} and (type_ is None or pa.types.is_struct(type_))


class _Places:
    """Builds the values at each place inside of cells, which are all scalars, all arrays or all objects."""

    def __init__(self, build_place: Callable[..., Array | None], checkpoint: Callable[[], None]) -> None:
        self._build_place = build_place
        self._checkpoint = checkpoint
        self._count = 0

    def build(self, parts: Any, type_: pa.DataType | None = None) -> pa.Array:
        """Return all values at a place as an array, of a type if it is given; the list is emptied."""
        self._count += 1
        if self._count > MOST_FIELDS:
            raise _Unlike
        cells = self._cells(parts)
        if not cells.kinds:
            return pa.nulls(len(cells), pa.string() if type_ is None else type_)
        if not _is_by_place(cells, type_):
            array = self._build_place(cells, type_)
            if array is None:
                raise _Unlike
            return combine(array)
        is_array, count, nulls = ValueKind.ARRAY in cells.kinds, len(cells), len(cells) - cells.present_count
        buffers = [pa.py_buffer(np.packbits(cells.codes != 0, bitorder="little"))]
        del cells
        if is_array:
            lengths, items = self._items(parts)
            child = self.build(items, None if type_ is None else type_.value_type)
            type_ = pa.list_(child.type) if type_ is None else type_
            offset = np.int64 if pa.types.is_large_list(type_) else np.int32
            buffers.append(pa.py_buffer(np.cumsum(np.append(0, lengths), dtype=offset)))
            children, nulls = [child], 0
        else:
            values = self._fields(parts)
            types = dict.fromkeys(values) if type_ is None else {field.name: field.type for field in type_}
            if types.keys() != values.keys() or (type_ is not None and type_.num_fields != len(types)):
                raise _Unlike
            children = [self.build(values.pop(key), found) for key, found in types.items()]
            if type_ is None:
                type_ = pa.struct([(key, child.type) for key, child in zip(types, children, strict=True)])
        for position, child in enumerate(children):
            if child.null_count > nulls and not type_.field(position).nullable:
                raise _Unlike
        return pa.Array.from_buffers(type_, count, buffers, children=children)

    def _cells(self, parts: Any) -> CellColumn:
        """Return the values at a place as cells."""
        codes = np.concatenate([np.empty(0, np.uint8), *(codes for codes, _ in parts)])
        texts = pa.chunked_array([texts for _, texts in parts], pa.string())
        return CellColumn(codes, texts, checkpoint=self._checkpoint)

    def _blocks(self, parts: list[Part]) -> Iterator[tuple[NDArray[np.bool_], bytes]]:
        """Return which cells of each part are not null, and the JSON of these in a row."""
        parts.reverse()
        while parts:
            self._checkpoint()
            codes, texts = parts.pop()
            yield codes != 0, bytes_of(texts).tobytes()

    def _items(self, parts: Any) -> tuple[NDArray[np.int64], Any]:
        """Return how many items each array has, and all items."""
        lengths, items = [], []
        for is_there, data in self._blocks(parts):
            starts, ends, counts = find_items(data)
            codes, texts, _ = read_cells(data, starts, ends, np.arange(len(starts)))
            items.append((codes, texts))
            lengths.append(np.zeros(len(is_there), np.int64))
            lengths[-1][is_there] = counts
        return np.concatenate(lengths), items

    def _fields(self, parts: Any) -> dict[str, Any]:
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


class _FewPlaces(_Places):
    """Does the same with few values, which are Python objects."""

    def _cells(self, parts: Any) -> CellColumn:
        codes = [0 if value is None else CODES[KIND_BY_TYPE[type(value)]] for value in parts]
        is_nested = any(map(_NESTED_CODES.__contains__, codes))  # then no text is needed
        texts = pa.nulls(len(codes), pa.string()) if is_nested else _texts(parts, pa.string())
        return CellColumn(np.array(codes, np.uint8), texts)

    def _items(self, parts: Any) -> tuple[NDArray[np.int64], Any]:
        arrays = [value or () for value in parts]
        return np.array(list(map(len, arrays))), list(chain.from_iterable(arrays))

    def _fields(self, parts: Any) -> dict[str, Any]:
        names: Any = next(filter(None, parts), {}).keys()
        if (
            not names
            or any(NUL in name for name in names)
            or not all(value is None or (_is_object(value) and value.keys() == names) for value in parts)
        ):
            raise _Unlike
        return {name: [value and value[name] for value in parts] for name in names}
