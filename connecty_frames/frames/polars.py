"""Arrow table to polars: the same values, and no type that polars would drop or die of.

polars takes over Arrow's memory (text excepted, which it keeps in views). A few types it does not have,
and how it says so depends on the type: decimal256 is a panic, which no ``except Exception`` catches, a
zone such as ``+05:30`` an error, and a column of nulls alone gets a dtype that nothing else fits. So what
it cannot hold is found from the types beforehand, at any depth.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames.errors import ConfigError, TypeFidelityWarning, warn
from connecty_frames.frames.dtypes import check_zones
from connecty_frames.text import listed, snippet

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["to_polars"]

#: The digits of polars' only decimal.
_DIGITS: Final = 38
#: A zone that is a plain offset.
_OFFSET: Final = re.compile(r"([+-]\d\d):(\d\d)")
#: The furthest whole hours of the zones Etc/GMT+12 and Etc/GMT-14.
_WEST: Final = -12
_EAST: Final = 14


def to_polars(table: pa.Table) -> pl.DataFrame:
    """Give an Arrow table as a polars frame of the same names, rows and values.

    Parameters
    ----------
    table
        Of any types and chunks; the chunks are kept.

    Returns
    -------
    polars.DataFrame
        Without a column of dtype Null or Object. Timestamps and durations in seconds become milliseconds
        and times of day nanoseconds, which polars has instead: the values are the same. Decimals of more
        than 38 digits (decimal256) become their exact text, digit by digit.

    Raises
    ------
    ConfigError
        For a time zone that polars does not know, or a NUL character in the name of a struct's field.

    Warns
    -----
    TypeFidelityWarning
        Once, where decimals became text, or a zone that is an offset polars does not know became UTC.
    """
    names = table.column_names
    targets = [_holdable(kind) for kind in table.schema.types]
    check_zones(zip(names, targets, strict=True), "polars", _is_zone)
    lost: list[str] = []
    columns = []
    for field, column, target in zip(table.schema, table.columns, targets, strict=True):
        columns.append(_uncut(column if target == field.type else _converted(column, target)))
        if _loses(field.type, target):
            lost.append(f"{snippet(field.name)!r} ({snippet(str(field.type))} -> {snippet(str(target))})")
    if lost:
        _warn_of_losses(lost)
    # polars calls a column without a name after its position, so the names are given afterwards.
    numbered = pa.Table.from_arrays(columns, names=[str(at) for at in range(len(names))])
    if all(pa.types.is_primitive(kind) or pa.types.is_string(kind) for kind in numbered.schema.types):
        frame = pl.DataFrame(_Stream(numbered))
    else:
        frame = cast("pl.DataFrame", pl.from_arrow(numbered, rechunk=False))
    frame.columns = names
    return frame


class _Stream:
    """A table that polars takes by Arrow's C interface.

    A pyarrow table it takes by way of its pool of threads, which is most of the time for a small one. But of
    the types that are less common, polars before 2 would die here.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


@lru_cache
def _is_zone(name: str) -> bool:
    if _OFFSET.fullmatch(name):
        return True  # those that polars lacks were replaced
    try:
        pl.Series([0]).cast(pl.Datetime("us", name))
    except pl.exceptions.PolarsError:
        return False
    return True


# --- what polars holds ------------------------------------------------------------------------------


def _holdable(kind: pa.DataType) -> pa.DataType:
    """Give the type itself where polars holds it, else the nearest one that it does, at any depth."""
    nearest = _NEAREST.get(kind.id)
    return kind if nearest is None else nearest(kind)


def _decimal(kind: pa.DataType) -> pa.DataType:
    return pa.decimal128(kind.precision, kind.scale) if kind.precision <= _DIGITS else pa.string()


def _timestamp(kind: pa.DataType) -> pa.DataType:
    offset = _OFFSET.fullmatch(kind.tz or "")
    if offset is None:
        return kind
    hours, minutes = int(offset[1]), int(offset[2])
    # polars calls an offset by its name in the time zone database, where only whole hours have one.
    return kind if minutes == 0 and _WEST <= hours <= _EAST else pa.timestamp(kind.unit, "UTC")


def _fixed_list(kind: pa.DataType) -> pa.DataType:
    return pa.list_(_field(kind.value_field), kind.list_size)


def _struct(kind: pa.DataType) -> pa.DataType:
    fields = [_field(kind.field(at)) for at in range(kind.num_fields)]
    if any("\0" in field.name for field in fields):
        raise ConfigError(
            "A field of a struct has a NUL character in its name, at which polars would cut the name: rename "
            'it, or use engine="pyarrow".'
        )
    return pa.struct(fields)


def _map(kind: pa.DataType) -> pa.DataType:
    if hasattr(pl, "Map"):
        return pa.map_(kind.key_type, _holdable(kind.item_type), keys_sorted=kind.keys_sorted)
    # Older ones have lists of pairs instead, and make them of most maps by themselves, but panic at others.
    return pa.list_(pa.struct([("key", kind.key_type), ("value", _holdable(kind.item_type))]))


def _field(field: pa.Field) -> pa.Field:
    return field.with_type(_holdable(field.type))


#: Types that polars does not have, or may not have inside, by Arrow's number for them, and what stands in.
_NEAREST: Final[dict[int, Callable[[pa.DataType], pa.DataType]]] = {
    pa.decimal256(1).id: _decimal,
    pa.timestamp("s").id: _timestamp,
    pa.null().id: lambda _: pa.string(),
    pa.list_(pa.null()).id: lambda kind: pa.list_(_field(kind.value_field)),
    pa.large_list(pa.null()).id: lambda kind: pa.large_list(_field(kind.value_field)),
    pa.list_(pa.null(), 1).id: _fixed_list,
    pa.struct([]).id: _struct,
    pa.map_(pa.string(), pa.null()).id: _map,
}


def _converted(column: pa.ChunkedArray, target: pa.DataType) -> pa.ChunkedArray:
    """Give a column in a type that polars holds."""
    converted = column.cast(target)
    if pa.types.is_decimal256(column.type) and pa.types.is_string(target):
        return _plain_digits(column, converted)
    return converted


def _uncut(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Copy a part of a list of fixed size out of the whole: polars refuses one with nulls that is not."""
    if not pa.types.is_fixed_size_list(column.type) or not any(chunk.offset for chunk in column.chunks):
        return column
    nothing = pa.array([], column.type)
    return pa.chunked_array([pa.concat_arrays([chunk, nothing]) for chunk in column.chunks])


def _plain_digits(column: pa.ChunkedArray, text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Spell small decimals out: Arrow writes ``1E-7``, where a reader of digits expects ``0.0000001``."""
    if not pc.any(pc.match_substring(text, "E")).as_py():
        return text
    spelled = [None if value is None else f"{value:f}" for value in column.to_pylist()]
    return pa.chunked_array([pa.array(spelled, pa.string())])


# --- what was lost on the way -----------------------------------------------------------------------


def _loses(kind: pa.DataType, target: pa.DataType) -> bool:
    """Whether more than the spelling of a type changed: a decimal became text, or a zone another one."""
    if pa.types.is_nested(kind):
        inner = ((kind.field(at).type, target.field(at).type) for at in range(kind.num_fields))
        return any(_loses(one, other) for one, other in inner)
    if pa.types.is_decimal256(kind):
        return bool(pa.types.is_string(target))
    return bool(pa.types.is_timestamp(kind)) and kind != target


def _warn_of_losses(lost: list[str]) -> None:
    warn(
        TypeFidelityWarning(
            "polars has no type for some of these columns. Their values are kept exactly, decimals of more "
            f"than 38 digits as text and instants in UTC: {listed(lost)}."
        )
    )
