"""The ground truth: results by DuckDB's own Arrow export.

Three sources: every column of ``test_all_types()``, queries over the sample workspace, and a table of edge
cases. Each column has its logical type as a
:class:`LogicalType` and its values, exact, in plain Python:

======================  ==========================================================
null                    None
boolean, text, floats   bool, str, float (NaN is not None)
whole numbers           int
decimals                Decimal
dates and times         :class:`TemporalTicks`, whose ticks are nanoseconds; ``inf`` for infinity
intervals               ``(months, days, nanoseconds)``
lists, structs, maps    list, dict, list of pairs
======================  ==========================================================

Arrow has no type for a few of DuckDB's types, and exports other values for them (the largest UHUGEINT as -1).
They are exported as text.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

import duckdb
import pyarrow as pa

from connecty_frames.sandbox import workspace
from tests.verification.fidelity.edge_cases import QUERIES, edge_cases

#: Nanoseconds.
NANOS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
DAY: Final = 86_400 * NANOS["s"]


@dataclass(frozen=True)
class LogicalType:
    #: ``boolean``, ``whole``, ``decimal``, ``float32``, ``float64``, ``text``, ``other`` (a text for which
    #: the statistics have no section), ``date``, ``timestamp``, ``instant``, ``time``, ``timetz``,
    #: ``interval``, ``list``, ``struct``, ``map``, ``tuple`` or ``union``.
    name: str
    size: int = 0  # the bits of a whole number, the scale of a decimal
    #: Names and types of the items, fields, or key and value.
    children: tuple[tuple[str, LogicalType], ...] = ()

    def __str__(self) -> str:
        inside = ", ".join(str(child) for _, child in self.children)
        return f"{self.name}<{inside}>" if inside else self.name


@dataclass(frozen=True)
class TrueColumn:
    name: str
    kind: LogicalType
    values: tuple[Any, ...]


class TemporalTicks(NamedTuple):
    """A date, a time or a duration: ``what`` is the name of its type, ``ticks`` are nanoseconds."""

    what: str
    ticks: float  # an int but for infinity


def load_ground_truth(*, rows: int) -> list[TrueColumn]:
    """Return all columns; of the workspace at most ``rows`` rows of each query."""
    connection = duckdb.connect()
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    workspace.build(connection)
    found = list(_export(connection, "all types", "SELECT * FROM test_all_types()"))
    for name, sql in QUERIES.items():
        found += _export(connection, name, f"SELECT * FROM ({sql}) LIMIT {rows}")
    for name, (sql_type, values) in edge_cases().items():
        sql = f"SELECT CAST(v AS {sql_type}) AS v FROM (SELECT unnest($1::VARCHAR[]) AS v)"
        found += _export(connection, name, sql, [list(values)])
    connection.close()
    return found


def _export(
    connection: duckdb.DuckDBPyConnection, name: str, sql: str, parameters: list[Any] | None = None
) -> Iterator[TrueColumn]:
    described: list[tuple[Any, ...]] = connection.execute(sql, parameters or []).description or []
    types = {str(column): str(kind) for column, kind, *_ in described}
    exported = ", ".join(
        f'CAST("{column}" AS VARCHAR) AS "{column}"' if kind in _AS_TEXT else f'"{column}"'
        for column, kind in types.items()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DuckDB warns of a future change of what cursors export
        query = f"SELECT {exported} FROM ({sql})"
        table = cast("pa.Table", connection.execute(query, parameters or []).to_arrow_table())
    for column, type_name in types.items():
        array = table.column(column)
        values, kind = values_of(array), logical_type(array.type, type_name)
        if type_name in _AS_TEXT:
            kind, read = _AS_TEXT[type_name]
            values = [None if value is None else read(value) for value in values]
        if kind.name == "tuple":
            values = [None if value is None else list(value.values()) for value in values]
        yield TrueColumn(name if len(types) == 1 else f"{name}: {column}", kind, tuple(values))


#: DuckDB's types that Arrow does not have, their logical types, and the functions that read their text.
_AS_TEXT: Final[dict[str, tuple[LogicalType, Callable[[str], Any]]]] = {
    "UHUGEINT": (LogicalType("whole", 128), int),
    "BIGNUM": (LogicalType("whole", 128), int),
    "TIME WITH TIME ZONE": (LogicalType("timetz"), str),
    "BLOB": (LogicalType("other"), str),
    "BIT": (LogicalType("other"), str),
    "GEOMETRY": (LogicalType("other"), str),
}


def logical_type(type_: pa.DataType, type_name: str = "") -> LogicalType:
    """Return the logical type of an Arrow type; DuckDB's name distinguishes the few that Arrow merges."""
    make = next(make for holds, make in _LOGICAL_TYPES if holds(type_))
    kind = make(type_)
    return LogicalType("tuple", 0, kind.children) if type_name.startswith("TUPLE") else kind


def _items(type_: pa.DataType) -> LogicalType:
    return LogicalType("list", 0, (("item", logical_type(type_.value_type)),))


def _entries(type_: pa.DataType) -> LogicalType:
    return LogicalType(
        "map", 0, (("key", logical_type(type_.key_type)), ("value", logical_type(type_.item_type)))
    )


def _members(type_: pa.DataType) -> LogicalType:
    fields = [type_.field(at) for at in range(type_.num_fields)]
    name = "union" if pa.types.is_union(type_) else "struct"
    return LogicalType(name, 0, tuple((field.name, logical_type(field.type)) for field in fields))


#: The first predicate that is true decides.
_LOGICAL_TYPES: Final[
    tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.DataType], LogicalType]], ...]
] = (
    (pa.types.is_boolean, lambda _: LogicalType("boolean")),
    (pa.types.is_integer, lambda type_: LogicalType("whole", type_.bit_width)),
    (pa.types.is_float32, lambda _: LogicalType("float32")),
    (pa.types.is_float64, lambda _: LogicalType("float64")),
    (
        pa.types.is_decimal,
        lambda type_: LogicalType("decimal", type_.scale) if type_.scale else LogicalType("whole", 128),
    ),
    (pa.types.is_string, lambda _: LogicalType("text")),
    (pa.types.is_dictionary, lambda _: LogicalType("text")),
    (pa.types.is_date, lambda _: LogicalType("date")),
    (pa.types.is_time, lambda _: LogicalType("time")),
    (pa.types.is_timestamp, lambda type_: LogicalType("instant" if type_.tz else "timestamp")),
    (pa.types.is_interval, lambda _: LogicalType("interval")),
    (pa.types.is_map, _entries),
    (pa.types.is_list, _items),
    (pa.types.is_fixed_size_list, _items),
    (pa.types.is_struct, _members),
    (pa.types.is_union, _members),
)


def values_of(array: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Return an Arrow column's exact values, without Python's datetimes, which have a smaller range."""
    type_ = array.type
    read = next((read for holds, read in _VALUE_READERS if holds(type_)), None)
    if read is not None:
        return read(array)
    listed: list[Any] = array.to_pylist()
    whole = pa.types.is_decimal(type_) and type_.scale == 0
    return [None if value is None else int(value) for value in listed] if whole else listed


def _ticks(array: pa.Array, what: str, storage: pa.DataType, per_tick: int) -> list[Any]:
    last = 2 ** (storage.bit_width - 1) - 1
    ends = {last: math.inf, -last: -math.inf} if what in {"date", "timestamp", "instant"} else {}
    counted = array.cast(storage).to_pylist()
    return [
        None if tick is None else TemporalTicks(what, ends.get(tick, tick * per_tick)) for tick in counted
    ]


def _timestamps(array: pa.Array) -> list[Any]:
    return _ticks(array, "instant" if array.type.tz else "timestamp", pa.int64(), NANOS[array.type.unit])


def _times(array: pa.Array) -> list[Any]:
    return _ticks(array.cast(pa.time64(array.type.unit)), "time", pa.int64(), NANOS[array.type.unit])


def _lists(array: pa.Array) -> list[Any]:
    return [values_of(scalar.values) if scalar.is_valid else None for scalar in array]


def _maps(array: pa.Array) -> list[Any]:
    return [entries and [tuple(entry.values()) for entry in entries] for entries in _lists(array)]


def _structs(array: pa.Array | pa.ChunkedArray) -> list[Any]:
    if isinstance(array, pa.ChunkedArray):
        return [value for chunk in array.chunks for value in _structs(chunk)]
    names = [array.type.field(at).name for at in range(array.type.num_fields)]
    children = [values_of(child) for child in array.flatten()]
    valid = array.is_valid().to_pylist()
    return [
        {name: child[row] for name, child in zip(names, children, strict=True)} if valid[row] else None
        for row in range(len(array))
    ]


def _unions(array: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Return each value with the position of its member."""
    return [None if scalar.as_py() is None else (scalar.type_code, scalar.as_py()) for scalar in array]


_VALUE_READERS: Final[tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], list[Any]]], ...]] = (
    (pa.types.is_date32, lambda array: _ticks(array, "date", pa.int32(), DAY)),
    (pa.types.is_timestamp, _timestamps),
    (pa.types.is_time64, _times),
    (pa.types.is_duration, lambda array: _ticks(array, "interval", pa.int64(), NANOS[array.type.unit])),
    (pa.types.is_interval, lambda array: [value and tuple(value) for value in array.to_pylist()]),
    (pa.types.is_map, _maps),
    (pa.types.is_list, _lists),
    (pa.types.is_large_list, _lists),
    (pa.types.is_fixed_size_list, _lists),
    (pa.types.is_struct, _structs),
    (pa.types.is_union, _unions),
)
