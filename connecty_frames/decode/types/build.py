"""Cells to an Arrow array of a given type: exactly, or with a CellError about the first misfit.

Values that have been read are cast if that is exact, and texts are read as whole arrays. Arrays and objects
of one shape become lists and structs by place: a column of the values at each place. A few bytes of them are
read as Python objects, in a fraction of the time; of many, no Python object is made of a value, since an
empty array would take thirty times its size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import msgspec
import numpy as np
import pyarrow as pa

from connecty_frames._base.text import listed, quoted
from connecty_frames.decode import arrow, exact_json
from connecty_frames.decode import compute as pc
from connecty_frames.decode.cells import CODES, CellError, cell_error, read_cells, surrogate_error
from connecty_frames.decode.exact_json import NESTED_KINDS, RepeatedKeys, ValueKind
from connecty_frames.decode.scanning import find_items, find_keys
from connecty_frames.decode.types import encodings, numbers
from connecty_frames.decode.types.column import NESTED_CODES, MixedCells, ScalarCells, cast_exactly, texts_of
from connecty_frames.decode.types.encodings import Category, Encoding, Given, OpenType
from connecty_frames.decode.types.spellings import TemporalFormat, match_format
from connecty_frames.decode.types.times import TemporalValues, check_years, read_given

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from connecty_frames.decode.statistics import ColumnStatistics

    Part = tuple[NDArray[np.uint8], pa.StringArray]  # the codes and the texts of the cells of a block

#: How many fields and items a type may have at all depths: each costs far more than the bytes of its key.
MOST_FIELDS: Final = 1_000
#: Up to this size arrays and objects are read as Python objects, in a fraction of the time.
_FEW_BYTES: Final = 1 << 13
#: How truth values are written: by JSON, Python, PostgreSQL (``t``), and MySQL and SQLite, with numbers
#: for them. Some readers return a zero without its minus.
_TRUTH_VALUES: Final = {
    **dict.fromkeys(("true", "True", "TRUE", "t", "T", "1"), True),
    **dict.fromkeys(("false", "False", "FALSE", "f", "F", "0", "-0"), False),
}


def build(cells: Sequence[Any], type_: Given) -> arrow.Array:
    """Return cells as an array of a type or encoding, None as null; raises CellError with the position."""
    try:
        if isinstance(type_, Encoding):
            return _BY_ENCODING[type(type_)](cells, type_)
        found = cast_exactly(cells, type_) if isinstance(cells, ScalarCells) else None
        if found is not None:
            return found
        builder = arrow.first_match(_BUILDERS, type_)
        if builder is None:
            raise CellError(0, str(type_), "is a type that JSON values cannot be converted to")
        return builder(cells, type_)
    except UnicodeEncodeError:
        raise surrogate_error(cells) from None


# --- local times and instants -------------------------------------------------------------------------


def datetime_type(cells: Sequence[Any], bounds: Sequence[str] = ()) -> pa.DataType:
    """Return the type of ``datetime``: instants if the first value, or without one a bound, has an offset."""
    read = cells.values if isinstance(cells, ScalarCells) else None
    if isinstance(read, TemporalValues):
        is_instant = read.format is TemporalFormat.AWARE
    else:
        values = (str(value) for value in chain(cells, bounds) if value not in (None, "NaT"))
        is_instant = _has_offset(next(values, ""))
    return pa.timestamp("us", "UTC" if is_instant else None)


def build_datetimes(cells: Sequence[Any], type_: pa.DataType) -> arrow.Array:
    """Return cells as the type meant by ``datetime``; a CellError if they mix instants and local times."""
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
        read_given(arrow.to_array([text], pa.string()), pa.timestamp("us", "UTC"))
    except (CellError, UnicodeEncodeError):  # the latter of a lone surrogate
        return False
    return True


def restate_bounds(statistics: ColumnStatistics, type_: Given) -> ColumnStatistics:
    """Rewrite the min and max of a column's statistics in ISO 8601 if they are spelled as its rows are."""
    # A bound can then be compared with the values, however both are written.
    arrow_type = type_.type if isinstance(type_, Encoding) else type_
    is_encoded = isinstance(type_, Encoding) and not isinstance(type_, OpenType)
    name = next((name for name in ("temporal", "numeric") if name in statistics.sections), None)
    if name is None or not pa.types.is_temporal(arrow_type):
        return statistics
    sections = dict(statistics.sections)
    section = dict(sections.pop(name))
    for end in ("min", "max"):
        bound = section.get(end)
        if isinstance(bound, str) and (is_encoded or match_format(bound) is None):
            with suppress(CellError, pa.ArrowException):
                section[end] = iso_text(arrow.combine(build([bound], type_)))
    return msgspec.structs.replace(statistics, sections={**sections, "temporal": section})


def iso_text(times: pa.Array) -> str:
    """Return the only value of an array as ISO 8601."""
    type_ = times.type
    if pa.types.is_duration(type_):
        seconds = Decimal(times[0].value).scaleb(-arrow.FRACTION_DIGITS[type_.unit], exact_json.EXACT_CONTEXT)
        return f"PT{seconds:f}S"
    if arrow.is_aware(type_):
        times = pc.cast(times, pa.timestamp(type_.unit, "UTC"))
    return str(pc.cast(times, pa.string())[0].as_py())


# --- cells --------------------------------------------------------------------------------------------


def _texts(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    texts = [cell if cell is None or type(cell) is str else exact_json.dump(cell) for cell in cells]
    return arrow.to_array(texts, type_)


def _booleans(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    # A text of any other kind of cell is none of these.
    texts = cells.texts if isinstance(cells, ScalarCells | MixedCells) else _texts(cells, pa.string())
    parts = []
    for start, part in arrow.slices_of(texts):
        encoded = pc.dictionary_encode(part)
        values = [_TRUTH_VALUES.get(text) for text in encoded.dictionary.to_pylist()]
        if None in values:
            row = start + arrow.index_of(encoded.indices, values.index(None))
            raise cell_error(row, cells[row], "is neither true nor false")
        parts.append(pc.take(arrow.to_array(values, type_), encoded.indices))
    return parts[0] if len(parts) == 1 else pa.chunked_array(parts, type_)


def _numbers(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    return numbers.read(texts_of(cells, f"is not a value of {type_}", numbers=True), type_)


def _temporal(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    # 20250101 is a date without quotes too; a number is a time by cf.epoch alone, with its unit.
    is_date, is_timestamp = pa.types.is_date(type_), pa.types.is_timestamp(type_)
    hint = "; cf.epoch(unit) reads numbers as times" if is_timestamp else ""
    texts = texts_of(cells, f"is not text, so it is not a value of {type_}{hint}", numbers=is_date)
    return check_years(read_given(texts, type_), type_, texts)


def _dictionaries(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    encoded = arrow.combine(build(cells, type_.value_type)).dictionary_encode()
    index = type_.index_type
    most = 2 ** (index.bit_width - pa.types.is_signed_integer(index))
    if len(encoded.dictionary) > most:
        row = arrow.index_of(encoded.indices, most)
        raise cell_error(row, cells[row], f"is one distinct value too many for {type_}")
    return encoded.cast(type_)


def _categories(cells: Sequence[Any], category: Category) -> pa.Array:
    values = arrow.combine(build(cells, category.type.value_type))
    encoded = category.encode(values)
    if encoded.null_count > values.null_count:
        row = arrow.index_of(pc.and_(pc.is_null(encoded), pc.is_valid(values)), value=True)
        shown = quoted([str(value) for value in category.values]) or "(there are none)"
        raise cell_error(row, cells[row], f"is not one of the categories {shown}")
    return encoded


_BUILDERS: Final[tuple[tuple[arrow.TypeTest, Callable[..., pa.Array]], ...]] = (
    (arrow.is_text, _texts),
    (pa.types.is_boolean, _booleans),
    (arrow.is_number, _numbers),
    (pa.types.is_temporal, _temporal),
    (arrow.is_binary, encodings.read_binary),
    (
        arrow.any_of(arrow.is_list, pa.types.is_struct, pa.types.is_map),
        lambda cells, type_: build_nested(cells, _build_place, type_),
    ),
    (pa.types.is_dictionary, _dictionaries),
)
_BY_ENCODING: Final[dict[type[Encoding], Callable[[Sequence[Any], Any], arrow.Array]]] = {
    Category: _categories,
    OpenType: lambda cells, _: build_datetimes(cells, datetime_type(cells)),  # decimals have got a type
    **encodings.READERS,
}


# --- places inside of cells ---------------------------------------------------------------------------


class Unlike(Exception):
    """No type holds all the values at some place."""


def build_nested(
    cells: Sequence[Any], build_place: Callable[..., arrow.Array | None], type_: pa.DataType | None = None
) -> pa.Array:
    """Return arrays or objects as their common type, else Unlike; as a given type, else CellError."""
    if isinstance(cells, ScalarCells):
        _check_shapes(cells if cells.present_count else (), type_)
        return pa.nulls(len(cells), type_)
    if not isinstance(cells, MixedCells) or cells.texts.nbytes <= _FEW_BYTES:
        return _FewPlaces(build_place).build(list(cells), type_)
    if cells.has_surrogates:
        raise surrogate_error(cells)
    parts, arrays = list(cells.parts()), list[pa.Array]()
    if type_ is None or not _is_by_cell(type_):
        return _Places(build_place, cells.checkpoint).build(parts, type_)
    for part in parts:  # bounds the memory of inner values
        try:
            arrays.append(_Places(build_place, cells.checkpoint).build([part], type_))
        except CellError as error:
            raise error.at(sum(map(len, arrays)) + (error.row or 0)) from None
    return pa.chunked_array(arrays)


def _is_by_cell(type_: pa.DataType) -> bool:
    """Return True if each cell is read by itself; times share a format, and dictionaries their values."""
    if pa.types.is_temporal(type_) or pa.types.is_dictionary(type_):
        return False
    return all(_is_by_cell(type_.field(position).type) for position in range(type_.num_fields))


def _build_place(cells: MixedCells, type_: pa.DataType) -> arrow.Array:
    if arrow.is_text(type_) and not cells.kinds & NESTED_KINDS:
        return build(ScalarCells(ValueKind.TEXT, cells.texts), type_)
    if pa.types.is_floating(type_) and cells.kinds == {ValueKind.INTEGER}:
        return build(ScalarCells(ValueKind.FRACTION, cells.texts), type_)  # a zero may have a minus
    return build(cells.narrowed(), type_)


def _nested_kind(cells: MixedCells, type_: pa.DataType | None) -> ValueKind | None:
    if type_ is None:
        return next((kind for kind in NESTED_KINDS if cells.kinds == {kind}), None)
    is_object = pa.types.is_struct(type_) or pa.types.is_map(type_)
    return ValueKind.OBJECT if is_object else ValueKind.ARRAY if arrow.is_list(type_) else None


def _item_fields(type_: Any) -> list[pa.Field]:
    if type_ is None:
        return []
    return [type_.key_field, type_.item_field] if pa.types.is_map(type_) else [type_.value_field]


def _check_shapes(cells: Iterable[Any], type_: Any, start: int = 0) -> None:
    for row, cell in enumerate(cells, start):
        reason = None if cell is None else _misfit(cell, type_)
        if reason is not None:
            raise cell_error(row, cell, reason)


def _misfit(cell: Any, type_: Any) -> str | None:
    is_object = isinstance(cell, dict) and not isinstance(cell, RepeatedKeys)
    if pa.types.is_struct(type_):
        keys = {field.name for field in type_}
        if len(keys) < type_.num_fields:
            return f"is read as {type_}, which has a field twice"
        if not is_object or cell.keys() != keys:
            return f"is not an object with just the keys {listed(sorted(map(repr, keys)))}"
        null = next((field.name for field in type_ if not field.nullable and cell[field.name] is None), None)
        where = None if null is None else f"under {null!r}"
    elif pa.types.is_map(type_):
        if not is_object:
            return "is not an object with each key once"
        where = "inside" if None in cell.values() and not type_.item_field.nullable else None
    else:
        size = type_.list_size if pa.types.is_fixed_size_list(type_) else None
        if not isinstance(cell, list) or size not in {None, len(cell)}:
            return f"does not have {size} items" if isinstance(cell, list) else "is not an array"
        where = "inside" if None in cell and not type_.value_field.nullable else None
    return where and f"has a null {where}, which schema= does not allow"


class _Block(NamedTuple):
    """Some arrays or objects, and where their items or fields are in the JSON of all."""

    first: int  # row
    is_there: NDArray[np.bool_]  # False for null
    texts: pa.StringArray
    data: bytes
    starts: NDArray[Any]
    ends: NDArray[Any]
    counts: NDArray[np.int64]  # null aside

    def refuse(self, type_: pa.DataType | None) -> NoReturn:
        """Raise CellError at the first cell without the shape of a type; Unlike if there is no type."""
        if type_ is not None:
            cells = (text and exact_json.parse(text) for text in self.texts.to_pylist())
            _check_shapes(cells, type_, self.first)
        raise Unlike


class _Places:
    """Builds the values at each place inside of cells: all scalars, all arrays or all objects."""

    are_few = False

    def __init__(
        self, build_place: Callable[..., arrow.Array | None], checkpoint: Callable[[], None] = lambda: None
    ) -> None:
        self._build_place = build_place
        self._checkpoint = checkpoint
        self._count = 0

    def build(self, parts: Any, type_: Any = None) -> pa.Array:
        """Return all values at a place as an array, of a type if it is given; the list is emptied."""
        self._count += type_ is None
        if self._count > MOST_FIELDS:
            raise Unlike
        cells = self._cells(parts, type_)
        if not cells.kinds:
            return pa.nulls(len(cells), pa.string() if type_ is None else type_)
        kind = _nested_kind(cells, type_)
        if kind is None:
            array = self._build_place(cells, type_)
            if array is None:
                raise Unlike
            return arrow.combine(array)
        if type_ is not None and (self.are_few or cells.kinds != {kind}):
            _check_shapes(parts if self.are_few else cells, type_)
        count, is_there = len(cells), pa.py_buffer(np.packbits(cells.codes != 0, bitorder="little"))
        del cells
        is_struct = kind is ValueKind.OBJECT and (type_ is None or pa.types.is_struct(type_))
        build = self._build_structs if is_struct else self._build_lists
        return build(parts, type_, count, [is_there])

    def _build_structs(self, parts: Any, type_: Any, count: int, buffers: list[pa.Buffer]) -> pa.Array:
        values = self._fields(parts, type_)
        types = dict.fromkeys(values) if type_ is None else {field.name: field.type for field in type_}
        children = [self.build(values.pop(name), found) for name, found in types.items()]
        if type_ is None:
            type_ = pa.struct([(name, child.type) for name, child in zip(types, children, strict=True)])
        return pa.Array.from_buffers(type_, count, buffers, children=children)

    def _build_lists(self, parts: Any, type_: Any, count: int, buffers: list[pa.Buffer]) -> pa.Array:
        lengths, *places = self._items(parts, type_)
        offsets, fields = np.cumsum(np.append(0, lengths), dtype=np.int32), _item_fields(type_)
        types = [field.type for field in fields] or [None]
        try:
            children = [self.build(place, found) for place, found in zip(places, types, strict=True)]
        except CellError as error:
            raise error.at(int(np.searchsorted(offsets, error.row or 0, "right")) - 1) from None
        if len(fields) > 1:
            _ = children[0].null_count  # Arrow 17 ends the process if the nulls among keys were not counted
            list_type, children = type_, [pa.StructArray.from_arrays(children, fields=fields)]
        else:
            list_type = pa.list_(fields[0] if fields else children[0].type)
        buffers.append(pa.py_buffer(offsets))
        found = pa.Array.from_buffers(list_type, count, buffers, children=children)
        return found if type_ is None or type_ == list_type else found.cast(type_)

    def _cells(self, parts: Any, _type: Any, /) -> MixedCells:
        codes = np.concatenate([np.empty(0, np.uint8), *(codes for codes, _ in parts)])
        texts = pa.chunked_array([texts for _, texts in parts], pa.string())
        return MixedCells(codes, texts, checkpoint=self._checkpoint)

    def _blocks(self, parts: list[Part]) -> Iterator[_Block]:
        parts.reverse()
        first = 0
        while parts:
            self._checkpoint()
            codes, texts = parts.pop()
            data = arrow.bytes_of(texts).tobytes()
            yield _Block(first, codes != 0, texts, data, *find_items(data))
            first += len(codes)

    def _items(self, parts: Any, type_: Any) -> list[Any]:
        lengths, fields = [np.empty(0, np.int64)], _item_fields(type_)
        places: list[list[Part]] = [[] for _ in fields or "x"]
        for block in self._blocks(parts):
            bounds, each = [(block.starts, block.ends)], np.arange(len(block.starts))
            if len(places) > 1:
                key_ends, value_starts = find_keys(block.data, block.starts, block.ends)
                bounds = [(block.starts, key_ends), (value_starts, block.ends)]
            for place, some in zip(places, bounds, strict=True):
                place.append(read_cells(block.data, *some, each)[:2])
            if type_ is not None and not self._fits(block, [place[-1] for place in places], type_):
                block.refuse(type_)
            lengths.append(np.zeros(len(block.is_there), np.int64))
            lengths[-1][block.is_there] = block.counts
        return [np.concatenate(lengths), *places]

    def _fits(self, block: _Block, places: list[Part], type_: Any) -> bool:
        if not (_item_fields(type_)[-1].nullable or places[-1][0].all()):
            return False
        if pa.types.is_map(type_):
            keys = arrow.numbers_of(places[0][1].dictionary_encode().indices)
            owners = np.repeat(np.arange(len(block.counts)), block.counts)
            return len(np.unique(owners * len(keys) + keys)) == len(keys)
        return not pa.types.is_fixed_size_list(type_) or bool((block.counts == type_.list_size).all())

    def _fields(self, parts: Any, type_: Any) -> dict[str, Any]:
        """Return the values by key, each once in every object, in the order of the type or the first one."""
        fields: dict[str, list[Part]] | None = None if type_ is None else {field.name: [] for field in type_}
        nulls = 0  # before the first object
        for block in self._blocks(parts):
            rows = len(block.is_there)
            if fields is None and not block.data:
                nulls += rows
                continue
            key_ends, value_starts = find_keys(block.data, block.starts, block.ends)
            _, texts, _ = read_cells(block.data, block.starts, key_ends, np.arange(len(block.starts)))
            keys = texts.dictionary_encode()
            names = keys.dictionary.to_pylist()
            if fields is None:
                if not 0 < len(names) <= MOST_FIELDS or any(exact_json.NUL in name for name in names):
                    raise Unlike
                none = [(np.zeros(nulls, np.uint8), pa.nulls(nulls, pa.string()))]
                fields = {name: list(none) for name in names}
            width = len(fields)
            if not fields.keys() >= set(names) or (block.counts != width).any():
                block.refuse(type_)
            # By object, the position of the key of each field; each must be there once.
            position = np.array([list(fields).index(name) for name in names], np.intp)
            found = position[arrow.numbers_of(keys.indices)].reshape(len(block.counts), width)
            order = np.argsort(found, axis=1)
            if (np.take_along_axis(found, order, axis=1) != np.arange(width)).any():
                block.refuse(type_)
            places = np.full((rows, width), -1)
            places[block.is_there] = order + width * np.arange(len(order))[:, np.newaxis]
            codes, texts, _ = read_cells(block.data, value_starts, block.ends, places.T.ravel())
            for number, (name, values) in enumerate(fields.items()):
                some = slice(number * rows, (number + 1) * rows)
                values.append((codes[some], texts.slice(number * rows, rows)))
                if type_ is not None and not (
                    type_.field(name).nullable or codes[some][block.is_there].all()
                ):
                    block.refuse(type_)
        return fields or {}


class _FewPlaces(_Places):
    """Does the same with few values, as Python objects."""

    are_few = True

    def _cells(self, parts: Any, type_: Any, /) -> MixedCells:
        codes = [0 if value is None else CODES[exact_json.KIND_BY_TYPE[type(value)]] for value in parts]
        is_nested = not NESTED_CODES.isdisjoint(codes) if type_ is None else pa.types.is_nested(type_)
        # Inner values are read from the values, not from their texts.
        texts = pa.nulls(len(codes), pa.string()) if is_nested else _texts(parts, pa.string())
        return MixedCells(np.array(codes, np.uint8), texts)

    def _items(self, parts: Any, type_: Any) -> list[Any]:
        present = [value or () for value in parts]
        places = [list(chain.from_iterable(present))]  # of an object its keys
        if len(_item_fields(type_)) > 1:
            places.append([item for value in parts if value for item in value.values()])
        return [np.array(list(map(len, present)), np.int64), *places]

    def _fields(self, parts: Any, type_: Any) -> dict[str, Any]:
        names: Any = next(filter(None, parts), {}).keys() if type_ is None else {each.name for each in type_}
        if type_ is None and (
            not names
            or any(exact_json.NUL in name for name in names)
            or any(value is not None and value.keys() != names for value in parts)
            or RepeatedKeys in map(type, parts)
        ):
            raise Unlike
        return {name: [value and value[name] for value in parts] for name in names}
