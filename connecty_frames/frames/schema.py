"""The ``schema=`` of a caller as SchemaTypes: Arrow types by column name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import pyarrow as pa

from connecty_frames.decode import SET_BY_CALLER, Encoding, Schema, SchemaTypes
from connecty_frames.decode.arrow_types import any_of, is_binary, is_list, is_text
from connecty_frames.decode.exact_json import NUL
from connecty_frames.errors import ConfigError
from connecty_frames.frames.dtypes import UnknownTypeError, arrow_type, find_encoding, zone_name
from connecty_frames.frames.models import (
    comes_from,
    is_pandera_schema,
    is_pydantic_model,
    pandera_columns,
    pydantic_columns,
)
from connecty_frames.text import snippet, value_text

_ACCEPTED: Final = (
    'an Arrow type or its name (pa.int64(), "timestamp[us, tz=UTC]", "decimal128(18, 2)"), a pandas, numpy '
    'or polars dtype or its name ("Int64", "datetime64[us, UTC]", pl.Date), or a Python type (int, float, '
    "str, bytes, bool, date, datetime, time, timedelta, Decimal, list[...]), or how the values are written "
    '(cf.epoch("ms"), cf.local("Europe/Warsaw"), cf.strptime("%d/%m/%Y"), cf.binary("base64"))'
)
_SCHEMAS: Final = (
    "a dict of column names to types, a pyarrow or polars schema, a pydantic model class, a pandera model "
    "class or schema, or a saved answer.schema"
)


def to_schema_types(schema: object) -> SchemaTypes | None:
    """Read the ``schema=`` of a caller, if any; raises ConfigError, which names the column."""
    # A dict, or a model or schema of pandera, overrides the named columns; a pyarrow or polars schema, a
    # pydantic model class, or a saved ``answer.schema`` has all columns.
    if schema is None:
        return None
    if isinstance(schema, Schema):
        saved = _from_columns(((c.name, c.encoding or c.type) for c in schema), complete=True)
        inferred = frozenset(column.name for column in schema if column.evidence != SET_BY_CALLER)
        return msgspec.structs.replace(saved, inferred=inferred)
    if isinstance(schema, pa.Schema):
        return _from_columns(((field.name, field.type) for field in schema), complete=True)
    if is_pydantic_model(schema):
        return _from_columns(pydantic_columns(schema), complete=True)
    if is_pandera_schema(schema):
        columns, optional = pandera_columns(schema)
        return msgspec.structs.replace(_from_columns(columns, complete=False), optional=optional)
    if isinstance(schema, Mapping):
        return _from_columns(schema.items(), complete=comes_from(type(schema), "polars"))
    raise ConfigError(f"schema={value_text(schema)}: expected {_SCHEMAS}.", setting="schema")


def _from_columns(columns: Iterable[tuple[Any, Any]], *, complete: bool) -> SchemaTypes:
    column_types: dict[str, pa.DataType | Encoding] = {}
    for name, given in columns:
        if not isinstance(name, str):
            raise ConfigError(
                f"schema: a column is named {value_text(name)}: expected text.", setting="schema"
            )
        if name in column_types:
            raise ConfigError(f"schema: column {snippet(name)!r} is there twice.", setting="schema")
        try:
            encoding = find_encoding(given)
            type_ = _check(arrow_type(given) if encoding is None else encoding.type)
        except UnknownTypeError as error:
            raise ConfigError(
                f"schema: column {snippet(name)!r}: {error}. Accepted are {_ACCEPTED}.", setting="schema"
            ) from None
        except RecursionError:
            raise ConfigError(
                f"schema: column {snippet(name)!r} is of a model that holds itself.", setting="schema"
            ) from None
        column_types[name] = type_ if encoding is None else encoding
    return SchemaTypes(column_types, complete=complete)


# --- types that can be made of JSON values ----------------------------------------------------------


def _check(type_: pa.DataType) -> pa.DataType:
    """Return a type, checked at any depth to be one that can be made of JSON values."""
    if pa.types.is_timestamp(type_) and type_.tz is not None:
        zone_name(type_.tz)
    if pa.types.is_dictionary(type_) and not is_binary(type_.value_type):
        _check(type_.value_type)
    elif pa.types.is_map(type_):
        _check(type_.key_type)
        _check(type_.item_type)
    elif _is_nested(type_):
        for position in range(type_.num_fields):
            field = type_.field(position)
            if NUL in field.name:
                raise UnknownTypeError("a field has a NUL character in its name, which no frame holds")
            _check(field.type)
    elif not _is_flat(type_) or (pa.types.is_decimal(type_) and type_.scale < 0):
        raise UnknownTypeError(f"{snippet(str(type_))} cannot be made of JSON values")
    return type_


_is_nested: Final = any_of(is_list, pa.types.is_struct)
_is_flat: Final = any_of(
    pa.types.is_integer,
    pa.types.is_float32,
    pa.types.is_float64,
    pa.types.is_boolean,
    is_text,
    is_binary,
    pa.types.is_date,
    pa.types.is_time,
    pa.types.is_timestamp,
    pa.types.is_duration,
    pa.types.is_decimal,
)
