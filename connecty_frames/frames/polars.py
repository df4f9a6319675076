"""Convert Arrow tables to polars, with the same values and no types that polars would drop or panic at.

polars uses Arrow's memory, except for text, which it copies into views. It lacks a few types, and fails in
different ways: decimal256 makes it panic, which no ``except Exception`` catches; a zone such as ``+05:30`` is
an error; a column of only nulls gets a dtype that fits no other. So such types are found first, at any depth.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import polars as pl
import pyarrow as pa

from connecty_frames._base.clock import offset_of
from connecty_frames._base.text import listed, snippet
from connecty_frames.decode.arrow import any_of, is_text
from connecty_frames.decode.exact_json import NUL
from connecty_frames.errors import ConfigError, TypeFidelityWarning, warn
from connecty_frames.frames.accessor import register_accessors
from connecty_frames.frames.attachment import categories_of, write_registry
from connecty_frames.frames.dtypes import DECIMAL_DIGITS, check_zones

if TYPE_CHECKING:
    from connecty_frames.answer_metadata import AnswerMetadata

register_accessors()


def to_polars(table: pa.Table, metadata: AnswerMetadata | None = None) -> pl.DataFrame:
    """Convert an Arrow table to a polars frame of the same names, rows and values; raises ConfigError."""
    # A text column with categories in the metadata becomes a pl.Enum of all of them.
    names, types = table.column_names, table.schema.types
    targets = list(map(_supported, types))
    check_zones(zip(names, targets, strict=True), "polars", _is_zone)
    is_streamable = any_of(pa.types.is_primitive, pa.types.is_string, pa.types.is_decimal128)
    is_streamed = all(map(is_streamable, targets))
    if targets != types or not is_streamed:
        _warn_of_losses(table.schema, targets)
        columns = [_convert(column, target) for column, target in zip(table.columns, targets, strict=True)]
        table = pa.Table.from_arrays(columns, names=names)
    # polars replaces an empty name by the position, and cuts a name at NUL: then set all names afterwards.
    is_numbered = not names or not all(names) or NUL in "".join(names)
    # It panics at metadata other than UTF-8. Only renaming keeps the rows of a table without columns.
    if is_numbered:
        table = table.rename_columns(list(map(str, range(len(names)))))
    else:
        table = table.replace_schema_metadata()
    if is_streamed:  # saves a copy
        # Do not pass a pyarrow table: polars imports it in a thread pool, which takes longer for a small one
        # (33 us, not 10 us, for 4 columns). With less common types, polars before 2 would abort here.
        stream: Any = SimpleNamespace(__arrow_c_stream__=table.__arrow_c_stream__)
        frame = pl.DataFrame(stream)
    else:
        frame = cast("pl.DataFrame", pl.from_arrow(table, rechunk=False))
    if is_numbered:
        frame.columns = names
    encoded = [
        name
        for name, type_ in zip(names, types, strict=True)
        if pa.types.is_dictionary(type_) and is_text(type_.value_type)
    ]
    known = categories_of(metadata) if encoded and metadata is not None else {}
    enums = [frame[name].cast(pl.Enum(map(str, known[name].values))) for name in encoded if name in known]
    frame = frame.with_columns(enums) if enums else frame
    return frame if metadata is None else write_registry(frame, metadata)


@lru_cache
def _is_zone(name: str) -> bool:
    if offset_of(name) is not None:
        return True  # offsets unknown to polars were replaced
    try:
        pl.Series([0]).cast(pl.Datetime("us", name))  # any time will do
    except pl.exceptions.PolarsError:
        return False
    return True


def _supported(type_: pa.DataType) -> pa.DataType:
    nearest = _NEAREST.get(type_.id)
    return type_ if nearest is None else nearest(type_)


def _decimal(type_: pa.DataType) -> pa.DataType:
    return pa.decimal128(type_.precision, type_.scale) if type_.precision <= DECIMAL_DIGITS else pa.string()


def _timestamp(type_: pa.DataType) -> pa.DataType:
    offset = offset_of(type_.tz)
    if offset is None:
        return type_
    hours, rest = divmod(offset, timedelta(hours=1))
    # polars replaces an offset by its name in the time zone database: Etc/GMT+12 to Etc/GMT-14.
    return type_ if not rest and hours in range(-12, 15) else pa.timestamp(type_.unit, "UTC")


def _struct(type_: pa.DataType) -> pa.DataType:
    fields = [_field(type_.field(position)) for position in range(type_.num_fields)]
    if any(NUL in field.name for field in fields):
        raise ConfigError(
            "A field of a struct has a NUL character in its name, where polars would cut it: rename "
            'it, or use engine="pyarrow".'
        )
    return pa.struct(fields)


def _map(type_: pa.DataType) -> pa.DataType:
    if hasattr(pl, "Map"):
        return pa.map_(type_.key_type, _supported(type_.item_type), keys_sorted=type_.keys_sorted)
    # Older versions have lists of pairs instead. They convert most maps to these, but panic at others.
    return pa.list_(pa.struct([("key", type_.key_type), ("value", _supported(type_.item_type))]))


def _field(field: pa.Field) -> pa.Field:
    return field.with_type(_supported(field.type))


#: By Arrow's id, types that polars lacks, or may lack inside, with a function for the nearest type.
_NEAREST: Final[dict[int, Callable[[pa.DataType], pa.DataType]]] = {
    pa.decimal256(1).id: _decimal,
    pa.timestamp("s").id: _timestamp,
    pa.null().id: lambda _: pa.string(),
    pa.list_(pa.null()).id: lambda type_: pa.list_(_field(type_.value_field)),
    pa.large_list(pa.null()).id: lambda type_: pa.large_list(_field(type_.value_field)),
    # It panics at lists of size 0: these get any size, spelled -1 by pyarrow.
    pa.list_(pa.null(), 1).id: lambda type_: pa.list_(_field(type_.value_field), type_.list_size or -1),
    pa.struct([]).id: _struct,
    pa.map_(pa.string(), pa.null()).id: _map,
}


def _convert(column: pa.ChunkedArray, target: pa.DataType) -> pa.ChunkedArray:
    if column.type != target:
        if pa.types.is_decimal256(column.type) and pa.types.is_string(target):
            from connecty_frames.decode.texts import texts  # imports pyarrow.compute

            return texts(column)
        column = column.cast(target)
    if pa.types.is_fixed_size_list(column.type) and any(chunk.offset for chunk in column.chunks):
        # polars refuses a slice of lists of fixed size with nulls: concatenating copies it out of the whole.
        nothing = pa.nulls(0, column.type)
        return pa.chunked_array([pa.concat_arrays([chunk, nothing]) for chunk in column.chunks])
    return column


def _warn_of_losses(schema: pa.Schema, targets: list[pa.DataType]) -> None:
    lost = [
        f"{snippet(field.name)!r} ({snippet(str(field.type))} -> {snippet(str(target))})"
        for field, target in zip(schema, targets, strict=True)
        if _is_lossy(field.type, target)
    ]
    if lost:
        warn(
            TypeFidelityWarning(
                "polars has no type for some of these columns. Their values are kept exactly, decimals of "
                f"more than 38 digits as text and instants in UTC: {listed(lost)}."
            )
        )


def _is_lossy(type_: pa.DataType, target: pa.DataType) -> bool:
    """Return True if the replacement loses something: a decimal became text, or a zone another zone."""
    if pa.types.is_nested(type_):
        inner = ((type_.field(at).type, target.field(at).type) for at in range(type_.num_fields))
        return any(_is_lossy(one, other) for one, other in inner)
    if pa.types.is_decimal256(type_):
        return bool(pa.types.is_string(target))
    return bool(pa.types.is_timestamp(type_)) and type_ != target
