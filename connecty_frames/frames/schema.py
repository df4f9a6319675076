"""Read a caller's ``schema=`` as SchemaTypes: Arrow types by column name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
import pyarrow as pa

from connecty_frames._base.text import snippet, value_text
from connecty_frames.answer_metadata import Schema
from connecty_frames.decode.arrow_types import is_aware, is_binary, is_list, is_text
from connecty_frames.decode.exact_json import NUL
from connecty_frames.decode.schema import ColumnRule, SchemaTypes
from connecty_frames.errors import ConfigError, wrong_value
from connecty_frames.frames.contracts import (
    dict_column,
    is_pandera_schema,
    model_columns,
    pandera_columns,
    warn_of_validators,
)
from connecty_frames.frames.dtypes import (
    UnknownTypeError,
    arrow_type,
    find_encoding,
    is_pydantic_model,
    package_of,
    zone_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connecty_frames.decode.types.encodings import Encoding
    from connecty_frames.frames.contracts import Declared

_ACCEPTED: Final = (
    'an Arrow type or its name (pa.int64(), "timestamp[us, tz=UTC]", "decimal128(18, 2)"), a pandas, numpy '
    'or polars dtype or its name ("Int64", "datetime64[us, UTC]", pl.Date), or a Python type (int, float, '
    "str, bytes, bool, date, datetime, time, timedelta, Decimal, list[...], a Literal or Enum), or how the "
    'values are written (cf.epoch("ms"), cf.local("Europe/Warsaw"), cf.strptime("%d/%m/%Y"), '
    'cf.binary("base64"))'
)


def to_schema_types(schema: object) -> SchemaTypes | None:
    """Read a caller's ``schema=``, or return None; raises ConfigError with the name of the column."""
    if schema is None:
        return None
    if isinstance(schema, Schema):
        saved = _from_columns(((c.name, c.encoding or c.type, ColumnRule) for c in schema), complete=True)
        inferred = frozenset(column.name for column in schema if column.basis != "schema")
        return msgspec.structs.replace(saved, inferred=inferred)
    if isinstance(schema, pa.Schema):
        fields = [(f.name, f.type, partial(ColumnRule, nullable=f.nullable)) for f in schema]
        return _from_columns(fields, complete=True)
    if is_pydantic_model(schema):
        found = _from_columns(model_columns(schema), complete=True)
        warn_of_validators(schema)
        return found
    if is_pandera_schema(schema):
        columns, optional = pandera_columns(schema)
        found = _from_columns(((*column, ColumnRule) for column in columns), complete=False)
        return msgspec.structs.replace(found, optional=optional)
    if isinstance(schema, Mapping):
        is_polars = package_of(type(schema)) == "polars"
        found = _from_columns((dict_column(*item) for item in schema.items()), complete=is_polars)
        warn_of_validators(schema)
        return found
    expected = (
        "a dict of column names to types, a pyarrow or polars schema, a pydantic model class, a pandera "
        "model class or schema, or a saved answer.schema"
    )
    raise wrong_value("schema", schema, expected)


def _from_columns(columns: Iterable[Declared], *, complete: bool) -> SchemaTypes:
    column_types: dict[str, pa.DataType | Encoding] = {}
    rules: dict[str, ColumnRule] = {}
    known: set[str] = set()
    for name, given, make_rule in columns:
        if not isinstance(name, str):
            raise ConfigError(f"schema: column name {value_text(name)}: expected text.", setting="schema")
        try:
            encoding = find_encoding(given)
            type_ = _check(arrow_type(given) if encoding is None else encoding.type)
            rule = make_rule()
        except UnknownTypeError as error:
            raise ConfigError(
                f"schema: column {snippet(name)!r}: {error}. Accepted are {_ACCEPTED}.", setting="schema"
            ) from None
        for each in rule.choices or (name,):
            if each in known:
                raise ConfigError(f"schema: column {snippet(each)!r} occurs twice.", setting="schema")
            known.add(each)
        column_types[name] = type_ if encoding is None else encoding
        if rule != ColumnRule():
            rules[name] = rule
    return SchemaTypes(column_types, complete=complete, rules=rules)


# --- types that can be made of JSON values ----------------------------------------------------------


def _check(type_: pa.DataType) -> pa.DataType:
    """Return a type if it can be made of JSON values, at any depth; raises an error otherwise."""
    if is_aware(type_):
        zone_name(type_.tz)
    if pa.types.is_dictionary(type_) and not is_binary(type_.value_type):
        _check(type_.value_type)
    elif pa.types.is_map(type_):
        _check(type_.key_type)
        _check(type_.item_type)
    elif is_list(type_) or pa.types.is_struct(type_):
        for position in range(type_.num_fields):
            field = type_.field(position)
            if NUL in field.name:
                raise UnknownTypeError("a field has a NUL character in its name, which no frame holds")
            _check(field.type)
    elif not (_is_flat(type_) or (pa.types.is_decimal(type_) and type_.scale >= 0)):
        raise UnknownTypeError(f"{snippet(str(type_))} cannot be made of JSON values")
    return type_


def _is_flat(type_: pa.DataType) -> bool:
    if pa.types.is_primitive(type_):
        return not (pa.types.is_float16(type_) or pa.types.is_interval(type_))
    return is_text(type_) or is_binary(type_)
