"""Convert users' frames to results, with values and statistics as for the sandbox's own tables.

A frame arrives by the Arrow stream protocol and is read by a separate DuckDB, which runs no other query. Some
Arrow types are wider than DuckDB's, so columns are first cast to types that DuckDB has. If a value would
change, a ConfigError names the column and its type.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import duckdb
import pyarrow as pa

from connecty_frames._base.text import snippet
from connecty_frames.errors import ConfigError
from connecty_frames.sandbox.results import QueryResult, read_result

_EXTENSIONS: Final = frozenset({"arrow.json", "arrow.uuid"})  # the extension types that DuckDB supports
_NANOSECONDS: Final = ("timestamp[ns", "time64[ns")  # types that some versions of DuckDB have


def read_frame(frame: Any) -> QueryResult:
    """Convert an Arrow stream, or a list of dicts with the same keys, to a result; raises ConfigError."""
    table = _from_rows(frame) if isinstance(frame, list) else _from_stream(frame)
    if not table.num_columns:
        raise ConfigError("It has no column.", setting="answers")
    columns = list(map(_exact_column, table.schema, table.columns))
    # Name columns by position, because DuckDB does not distinguish ``A`` from ``a``.
    exact = pa.table({f"c{position}": column for position, column in enumerate(columns)})
    # One database per frame: a value out of DuckDB's range can invalidate the whole database.
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.register("frame", exact)
            types = connection.table("frame").types
            for field, column, type_ in zip(table.schema, columns, types, strict=True):
                if str(column.type).startswith(_NANOSECONDS) and "_NS" not in str(type_):
                    raise _inexact(field)
            return read_result(connection, "frame", table.schema.names)
        except duckdb.Error as error:
            raise ConfigError(
                f"DuckDB cannot read it: {snippet(str(error).splitlines()[0])}", setting="answers"
            ) from error


def _from_rows(rows: list[Any]) -> pa.Table:
    """Convert rows to a table; pyarrow alone would drop keys, times of day and mixed time zones."""
    keys = list(rows[0]) if rows and isinstance(rows[0], dict) else []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict) or list(row) != keys or not all(isinstance(key, str) for key in keys):
            raise ConfigError(
                f"Row {number} is not a dict with the same keys as the first row, in the same order.",
                setting="answers",
            )
    columns = [_from_values(key, [row[key] for row in rows]) for key in keys]
    try:
        return pa.Table.from_arrays(columns, keys)
    except UnicodeEncodeError as error:
        raise ConfigError(f"The name of a column is not valid: {error}", setting="answers") from error


def _from_values(name: str, values: list[Any]) -> pa.Array:
    try:
        # pyarrow drops mixed offsets of instants if certain other libraries are imported.
        array = pa.array([_in_utc(value) for value in values])
        is_exact = all(map(_is_same, array.to_pylist(), values))
    except (pa.ArrowException, ArithmeticError, TypeError, ValueError):
        is_exact = False
    if not is_exact:
        raise _mixed(name)
    return array


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else value


def _is_same(value: Any, other: Any) -> bool:
    """Return whether an Arrow value equals the original; NaN counts as equal to itself."""
    if isinstance(value, list):
        items = list(other)  # a list, or in pandas a numpy array
        return len(value) == len(items) and all(map(_is_same, value, items))
    return bool(value == other or (value != value and other != other))  # noqa: PLR0124 - NaN


def _from_stream(frame: Any) -> pa.Table:
    # For a column of Python objects, polars would export memory addresses or crash.
    dtypes = [str(dtype) for dtype in getattr(frame, "dtypes", ())] if hasattr(frame, "columns") else []
    if "Object" in dtypes:
        raise _mixed(frame.columns[dtypes.index("Object")])
    try:
        table = pa.RecordBatchReader.from_stream(frame).read_all()
    except Exception as error:
        # Each library has its own exceptions for columns it cannot export.
        raise ConfigError(
            f"It is not readable as a table: {snippet(str(error))}", setting="answers"
        ) from error
    for position, dtype in enumerate(dtypes):
        # pandas takes the type from the first values, and drops other values' times and time zones.
        if dtype == "object" and not _is_exact(table.column(position), frame.iloc[:, position]):
            raise _mixed(table.field(position).name)
    levels = (table.schema.pandas_metadata or {}).get("index_columns", [])
    unnamed = [level for level in levels if isinstance(level, str) and level.startswith("__index_level_")]
    return table.drop_columns(unnamed)


def _is_exact(column: pa.ChunkedArray, objects: Any) -> bool:
    try:
        return all(
            value is None if is_null else _is_same(value, other)
            for value, other, is_null in zip(column.to_pylist(), objects, objects.isna(), strict=True)
        )
    except (ArithmeticError, TypeError, ValueError):
        return False


def _mixed(name: str) -> ConfigError:
    return ConfigError(
        f"No single type holds the values of the column {snippet(name)!r} exactly. Pass a frame or an Arrow"
        " table in which it has a type.",
        setting="answers",
    )


def _exact_column(field: pa.Field, column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(_field(field).type)
    except (pa.ArrowException, TypeError):
        if str(field.type).startswith(_NANOSECONDS):
            return column
        raise _inexact(field) from None


def _duckdb_type(type_: pa.DataType) -> pa.DataType:
    for matches, replacement in _TYPES:
        if matches(type_):
            return replacement(type_)
    is_unknown = isinstance(type_, pa.BaseExtensionType) and type_.extension_name not in _EXTENSIONS
    if is_unknown or pa.types.is_nested(type_) or pa.types.is_interval(type_):
        raise TypeError(str(type_))
    return type_


def _field(field: pa.Field) -> pa.Field:
    extension = (field.metadata or {}).get(b"ARROW:extension:name")
    if extension is not None and extension.decode() not in _EXTENSIONS:
        raise TypeError(extension)
    return field.with_type(_duckdb_type(field.type))


#: The Arrow types to replace, and by what. Nanoseconds, which DuckDB may lack, become exact microseconds.
_TYPES: Final[tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.DataType], pa.DataType]], ...]] = (
    (  # a dictionary whose values must be cast; DuckDB reads any other one as its values
        lambda type_: pa.types.is_dictionary(type_) and _duckdb_type(type_.value_type) != type_.value_type,
        lambda type_: _duckdb_type(type_.value_type),
    ),
    (pa.types.is_null, lambda _: pa.string()),  # DuckDB 1.3 reads it as integers
    # The JSON of a float32 would be a different number.
    (pa.types.is_float16, lambda _: pa.float64()),
    (pa.types.is_float32, lambda _: pa.float64()),
    (pa.types.is_date64, lambda _: pa.date32()),
    (
        lambda type_: pa.types.is_decimal256(type_) or (pa.types.is_decimal(type_) and type_.scale < 0),
        lambda type_: pa.decimal128(38, min(max(type_.scale, 0), 38)),
    ),
    (lambda type_: type_ == pa.time64("ns"), lambda _: pa.time64("us")),
    (lambda type_: type_ == pa.duration("ns"), lambda _: pa.duration("us")),
    (
        lambda type_: pa.types.is_timestamp(type_) and type_.unit == "ns",
        lambda type_: pa.timestamp("us", type_.tz),
    ),
    (
        pa.types.is_struct,
        lambda type_: pa.struct([_field(type_.field(at)) for at in range(type_.num_fields)]),
    ),
    (pa.types.is_map, lambda type_: pa.map_(_duckdb_type(type_.key_type), _duckdb_type(type_.item_type))),
    (pa.types.is_list, lambda type_: pa.list_(_field(type_.value_field))),
    (pa.types.is_large_list, lambda type_: pa.large_list(_field(type_.value_field))),
    (pa.types.is_fixed_size_list, lambda type_: pa.list_(_field(type_.value_field), type_.list_size)),
)


def _inexact(field: pa.Field) -> ConfigError:
    return ConfigError(
        f"The column {snippet(field.name)!r} is of type {field.type}, which the sandbox cannot hold exactly."
        " Cast it to another type, or to text.",
        setting="answers",
    )
