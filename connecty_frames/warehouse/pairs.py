"""The pairs of types: what comes out where an answer's type meets the one that the warehouse declares.

A warehouse knows more of a column than the rows that an answer had. So the answer's type stays only if it
holds every value of the declared one, or if ``schema=`` set it. This is decided once, before the first row.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from connecty_frames._base.text import snippet
from connecty_frames.decode.arrow_types import any_of, first_match, is_binary, is_list, is_number, is_text
from connecty_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from connecty_frames.decode.arrow_types import TypeTest
    from connecty_frames.decode.schema import ColumnSchema
    from connecty_frames.warehouse.rows import Declared

#: A number of any scale: numeric without digits, HUGEINT, NUMBER(38, 0).
ANY_NUMBER: Final = pa.decimal128(38, 0)
#: Any number of this many digits survives float64.
FLOAT_DIGITS: Final = 15

#: The types of databases by the names that these have for them, as answers have them.
SQL_TYPES: Final[dict[str, pa.DataType]] = {
    **dict.fromkeys(("bool", "boolean"), pa.bool_()),
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint", "int2", "int4", "int8"), pa.int64()),
    **dict.fromkeys(("real", "float", "double", "float4", "float8"), pa.float64()),
    **dict.fromkeys(
        ("char", "varchar", "string", "text", "bpchar", "name", "uuid", "ipaddress"), pa.string()
    ),
    **dict.fromkeys(("varbinary", "bytea"), pa.binary()),
    **dict.fromkeys(("interval", "interval day to second"), pa.duration("us")),
    "date": pa.date32(),
}

#: The evidence for the type of a column without a value.
_is_empty: Final = re.compile(r"no rows|only nulls,.*|.* statistics without a value").fullmatch
#: The evidence for text that names a value which only text holds, such as infinity.
_EXACT_TEXT: Final = "exact text, since"


def decide(column: ColumnSchema, declared: Declared) -> ColumnSchema:
    """Return a column with the type that comes out; text that meets a number is a ConfigError."""
    if declared.type is None or not column.is_inferred:
        return column
    # No type of Arrow holds every value of PostgreSQL's numeric.
    is_unbounded = declared.type == ANY_NUMBER and declared.origin == "numeric"
    if _is_empty(column.evidence) and not is_unbounded:
        type_ = _plain(declared.type, column.type)
    elif is_text(column.type) and is_number(declared.type) and not column.evidence.startswith(_EXACT_TEXT):
        name = snippet(column.name)
        raise ConfigError(
            f"Column {name!r} is text in the answer, but {declared.words} in the warehouse.",
            hint=f'Choose: schema={{{name!r}: "string"}}, or a number type.',
            shell_hint="Choose its type with --schema-file FILE.",
            setting="schema",
        )
    else:
        type_ = _wider(column.type, declared.type)
    if type_ == column.type:
        return column
    return replace(column, type=type_, evidence=f"{declared.words} in the warehouse")


def _plain(declared: pa.DataType, wanted: pa.DataType) -> pa.DataType:
    """Return the type of answers for a declared one, which keeps the zone of a wanted one."""
    make = first_match(_PLAIN, declared)
    return wanted if make is None else make(declared, wanted)


def _timestamp(declared: pa.DataType, wanted: pa.DataType) -> pa.DataType:
    zone = getattr(wanted, "tz", None) or "UTC"
    return pa.timestamp("ns" if declared.unit == "ns" else "us", zone if declared.tz else None)


def decimal_type(precision: int, scale: int) -> pa.DataType | None:
    """Return the narrower of Arrow's decimals that has this many digits, or None if neither does."""
    makers = ((38, pa.decimal128), (76, pa.decimal256))
    return next((make(precision, scale) for most, make in makers if precision <= most), None)


_PLAIN: Final[tuple[tuple[TypeTest, Callable[[pa.DataType, pa.DataType], pa.DataType]], ...]] = (
    (pa.types.is_uint64, lambda *_: pa.uint64()),
    (pa.types.is_integer, lambda *_: pa.int64()),
    (pa.types.is_floating, lambda *_: pa.float64()),
    (pa.types.is_decimal, lambda declared, _: decimal_type(declared.precision, declared.scale)),
    (pa.types.is_boolean, lambda *_: pa.bool_()),
    (any_of(is_text, pa.types.is_dictionary), lambda *_: pa.string()),
    (is_binary, lambda *_: pa.binary()),
    (pa.types.is_date, lambda *_: pa.date32()),
    (pa.types.is_timestamp, _timestamp),
    (pa.types.is_time, lambda *_: pa.time64("us")),
    (any_of(pa.types.is_duration, pa.types.is_interval), lambda *_: pa.duration("us")),
    (is_list, lambda declared, wanted: pa.list_(_plain(declared.value_type, wanted))),
    (
        pa.types.is_struct,
        lambda declared, wanted: pa.struct([(field.name, _plain(field.type, wanted)) for field in declared]),
    ),
)


def _wider(wanted: pa.DataType, declared: pa.DataType) -> pa.DataType:
    """Return the answer's type, or the declared one if that has values which the answer's does not hold."""
    if is_list(wanted) and is_list(declared):
        return pa.list_(_wider(wanted.value_type, declared.value_type))
    if pa.types.is_struct(wanted) and pa.types.is_struct(declared):
        by_name = {field.name: field.type for field in declared}
        return pa.struct(
            [(field.name, _wider(field.type, by_name.get(field.name, field.type))) for field in wanted]
        )
    is_wider = any(ours(wanted) and theirs(declared) for ours, theirs in _WIDER)
    if is_wider or (pa.types.is_decimal(wanted) and _has_more_digits(declared, wanted)):
        return _plain(declared, wanted)
    return wanted


def _has_more_digits(declared: pa.DataType, wanted: pa.DataType) -> bool:
    if not pa.types.is_decimal(declared) or declared == ANY_NUMBER:
        return False
    before = declared.precision - declared.scale
    return bool(declared.scale > wanted.scale or before > wanted.precision - wanted.scale)


#: Answers' types, and those that have values which they do not hold. SQLite declares nothing.
_WIDER: Final[tuple[tuple[TypeTest, TypeTest], ...]] = (
    (
        pa.types.is_integer,
        any_of(pa.types.is_floating, lambda t: pa.types.is_decimal(t) and t.scale > 0, pa.types.is_uint64),
    ),
    (
        pa.types.is_floating,
        any_of(
            pa.types.is_integer,
            lambda t: pa.types.is_decimal(t) and t.precision > FLOAT_DIGITS and t != ANY_NUMBER,
        ),
    ),
    (pa.types.is_decimal, pa.types.is_floating),
    (pa.types.is_date, pa.types.is_timestamp),
    (pa.types.is_time, any_of(pa.types.is_interval, pa.types.is_duration)),
)
