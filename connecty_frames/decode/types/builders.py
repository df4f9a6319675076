"""Cells to an Arrow array of a given type: exactly, or a CellError that says which cell does not fit."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa

from connecty_frames._base.text import listed, quoted
from connecty_frames.decode import exact_json
from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import index_of, to_array, to_scalar
from connecty_frames.decode.arrow_types import (
    FRACTION_DIGITS,
    any_of,
    first_match,
    is_aware,
    is_binary,
    is_list,
    is_naive,
    is_number,
    is_text,
)
from connecty_frames.decode.errors import CellError, cell_error, check_texts, surrogate_error
from connecty_frames.decode.exact_json import EXACT_CONTEXT, RepeatedKeys, ValueKind
from connecty_frames.decode.types import encodings, numbers, temporal, temporal_spellings
from connecty_frames.decode.types.column import CellColumn, ScalarColumn, combine
from connecty_frames.decode.types.encodings import Category, Encoding
from connecty_frames.decode.types.numbers import FloatValues
from connecty_frames.decode.types.temporal_fast import TemporalValues
from connecty_frames.decode.types.temporal_format import TemporalFormat, match_format

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connecty_frames.decode.arrow_types import TypeTest
    from connecty_frames.decode.statistics import ColumnStatistics
    from connecty_frames.decode.types.column import Array

#: How many cells are made Python objects at once.
_BLOCK: Final = 1 << 14  # pragma: no mutate - a size

#: How many digits whole numbers of 64 bits have.
_INTEGER_DIGITS: Final = 19

#: How truth values are written: by JSON, Python, PostgreSQL (``t``), and MySQL and SQLite, which have numbers
#: for them. Some readers return a zero without its minus.
_TRUTH_VALUES: Final = {
    **dict.fromkeys(("true", "True", "TRUE", "t", "T", "1"), True),
    **dict.fromkeys(("false", "False", "FALSE", "f", "F", "0", "-0"), False),
}


def build(cells: Sequence[Any], type_: pa.DataType | Encoding) -> Array:
    """Return cells as an array of a type or encoding, None as null; raises CellError with the position."""
    try:
        if isinstance(type_, Category):
            return _categories(cells, type_)
        if isinstance(type_, Encoding):
            return encodings.read(cells, type_)
        builder = first_match(_BUILDERS, type_)
        if builder is None:
            raise CellError(0, str(type_), "is a type that JSON values cannot be converted to")
        if isinstance(cells, ScalarColumn):
            read = cells.values
            found = _cast(read.values if isinstance(read, TemporalValues | FloatValues) else read, type_)
            if found is not None:
                return found
        if len(cells) > _BLOCK and _is_by_cell(type_):  # pragma: no mutate - saves memory
            return _build_in_blocks(builder, cells, type_)
        return builder(cells, type_)
    except UnicodeEncodeError:
        raise surrogate_error(cells) from None


def _is_by_cell(type_: pa.DataType) -> bool:
    """Whether each cell is read by itself; times have the format of all, and dictionaries all values."""
    if pa.types.is_temporal(type_) or pa.types.is_dictionary(type_) or pa.types.is_boolean(type_):
        return False
    return all(_is_by_cell(type_.field(position).type) for position in range(type_.num_fields))


def _build_in_blocks(builder: Callable[..., pa.Array], cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """Build a few cells at a time, so that few of them are Python objects at once."""
    arrays = []
    for start in range(0, len(cells), _BLOCK):
        try:
            arrays.append(builder(cells[start : start + _BLOCK], type_))
        except CellError as error:
            raise error.at(start + (error.row or 0)) from None
    return pa.concat_arrays(arrays)


# --- values that have been read ----------------------------------------------------------------------


def _cast(values: Array, type_: pa.DataType) -> Array | None:
    """Return values in another type, or None unless each is known to be one of it exactly."""
    if values.type == type_:
        return values
    casts = (cast for is_source, is_target, cast in _CASTS if is_source(values.type) and is_target(type_))
    cast = next(casts, None)
    try:
        return cast and cast(values, type_)
    except pa.ArrowInvalid:
        return None


def _as_decimal(integers: Array, type_: pa.DataType) -> Array:
    return pc.cast(pc.cast(integers, pa.decimal128(_INTEGER_DIGITS)), type_)


def _as_integer(floats: Array, type_: pa.DataType) -> Array | None:
    """Return floats as whole numbers; from 2**53 on, a text may have said another number."""
    most = pc.max(pc.abs(floats)).as_py()
    return pc.cast(floats, type_) if most is not None and most <= numbers.MAX_EXACT_INTEGER else None


def _as_date(times: Array, type_: pa.DataType) -> Array | None:
    """Return timestamps as dates if all are midnight."""
    days = pc.cast(times, pa.date32(), safe=False)
    return pc.cast(days, type_) if pc.cast(days, times.type).equals(times) else None


def _as_timestamp(times: Array, type_: pa.DataType) -> Array | None:
    """Return dates or timestamps in another unit or time zone."""
    if type_.unit == "ns" and getattr(times.type, "unit", "") != "ns":
        times = pc.cast(times, pa.timestamp("us", type_.tz))
        # Checked here since the cast wraps around silently on some versions of Arrow.
        pc.multiply_checked(pc.cast(times, pa.int64()), to_scalar(1_000, pa.int64()))
    found = pc.cast(times, type_)
    is_shown = type_.tz is None or temporal.row_out_of_range(found, type_.tz) is None
    return found if is_shown else None


#: What casts values of a type to another one: exactly, or to None or ArrowInvalid. Whatever it refuses is
#: read from its texts, which tells the cell.
_CASTS: Final[tuple[tuple[TypeTest, TypeTest, Callable[[Array, pa.DataType], Array | None]], ...]] = (
    (pa.types.is_int64, any_of(pa.types.is_integer, pa.types.is_floating), pc.cast),
    (pa.types.is_int64, pa.types.is_decimal, _as_decimal),
    (pa.types.is_float64, pa.types.is_integer, _as_integer),
    (pa.types.is_string, pa.types.is_large_string, pc.cast),  # Arrow 17 casts none to string_view
    (pa.types.is_date, pa.types.is_date, pc.cast),
    (pa.types.is_date, is_naive, _as_timestamp),
    (is_naive, pa.types.is_date, _as_date),
    (is_naive, is_naive, _as_timestamp),
    (is_aware, is_aware, _as_timestamp),
)


def restate_bounds(statistics: ColumnStatistics, type_: pa.DataType | Encoding) -> ColumnStatistics:
    """Rewrite the min and max of a column's statistics in ISO 8601 if they are spelled as its rows are."""
    # A bound can then be compared with the values, however both are written.
    arrow_type = type_.type if isinstance(type_, Encoding) else type_
    name = next((name for name in ("temporal", "numeric") if name in statistics.sections), None)
    if name is None or not pa.types.is_temporal(arrow_type):
        return statistics
    section = dict(statistics.sections[name])
    # A time of day is not compared with a duration.
    other = {None, TemporalFormat.TIME} if pa.types.is_duration(arrow_type) else {None}
    for end in ("min", "max"):
        bound = section.get(end)
        if isinstance(bound, str) and (arrow_type is not type_ or match_format(bound) in other):
            with suppress(CellError, pa.ArrowException):
                section[end] = iso_text(combine(build([bound], type_)))
    others = {key: found for key, found in statistics.sections.items() if key != name}
    return msgspec.structs.replace(statistics, sections={**others, "temporal": section})


def iso_text(times: pa.Array) -> str:
    """Return the only value of an array as ISO 8601."""
    type_ = times.type
    if pa.types.is_duration(type_):
        return f"PT{Decimal(times[0].value).scaleb(-FRACTION_DIGITS[type_.unit], EXACT_CONTEXT):f}S"
    if is_aware(type_):
        times = pc.cast(times, pa.timestamp(type_.unit, "UTC"))
    return str(pc.cast(times, pa.string())[0].as_py())


def _texts(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """Return texts as they are, and everything else as its JSON."""
    texts = [cell if cell is None or type(cell) is str else exact_json.dump(cell) for cell in cells]
    return to_array(texts, type_)


def _booleans(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    if isinstance(cells, ScalarColumn) and cells.kind is ValueKind.BOOLEAN:
        return pc.cast(combine(cells.array), type_)
    # A text of any other kind of cell is none of these.
    texts = cells.texts if isinstance(cells, ScalarColumn | CellColumn) else _texts(cells, pa.string())
    encoded = combine(texts).dictionary_encode()
    values = []
    for number, text in enumerate(encoded.dictionary):
        value = _TRUTH_VALUES.get(text.as_py())
        if value is None:
            row = index_of(encoded.indices, number)
            raise cell_error(row, cells[row], "is neither true nor false")
        values.append(value)
    return to_array(values, type_).take(encoded.indices)


def _numbers(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    return numbers.read(check_texts(cells, f"is not a value of {type_}", numbers=True), type_)


def _temporal(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    # 20250101 is a date without quotes too; a number is a time by cf.epoch alone, which knows its unit.
    is_date, is_timestamp = pa.types.is_date(type_), pa.types.is_timestamp(type_)
    hint = "; cf.epoch(unit) reads numbers as times" if is_timestamp else ""
    texts = check_texts(cells, f"is not text, so it is not a value of {type_}{hint}", numbers=is_date)
    return temporal.check_zone(temporal_spellings.read(texts, type_), type_, texts)


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
