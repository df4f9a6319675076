"""A result in the API's shape: a header row, rows, statistics.

Everything is JSON text already when the query ends. A request then only cuts it: ``max_rows`` comes with
each request for the results, not with the question. A result holds nothing but text and offsets, so it can
cross from one process to another.
"""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from duckdb import DuckDBPyConnection
    from duckdb.sqltypes import DuckDBPyType

__all__ = [
    "BOOLEAN",
    "NUMERIC",
    "TEMPORAL",
    "TEXT",
    "QueryResult",
    "column_statistics",
    "floating_text",
    "json_text",
    "read_result",
]

#: How many rows are fetched at a time: as Python objects they take several times the memory of their text.
_BATCH: Final = 10_000


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The whole table that answers a question.

    Parameters
    ----------
    columns
        The names, as DuckDB gives them: two columns may share one.
    rows
        The rows as JSON arrays with a comma between, without the header row.
    ends
        Where each row ends in ``rows``, in bytes: whole numbers of 64 bits, one after the other.
    statistics
        The JSON object ``dataframe_stats``.
    """

    columns: tuple[str, ...]
    rows: bytes
    ends: bytes
    statistics: bytes

    def __len__(self) -> int:
        return len(self._ends)

    def dataframe(self, max_rows: int) -> bytes:
        """Give the JSON array ``dataframe`` with the header and at most that many rows."""
        header = msgspec.json.encode(self.columns)
        shown = min(max_rows, len(self))
        if shown == 0:
            return b"[" + header + b"]"
        return b"[" + header + b"," + self.rows[: self._ends[shown - 1]] + b"]"

    def first_row(self) -> dict[str, object]:
        """Give the first row by column name, numbers as their exact text; empty if there is none."""
        if len(self) == 0:
            return {}
        row: list[Any] = json.loads(self.rows[: self._ends[0]], parse_float=str)
        return dict(zip(self.columns, row, strict=True))

    @property
    def size(self) -> int:
        """How much memory it takes, in bytes."""
        return len(self.rows) + len(self.ends) + len(self.statistics)

    @property
    def _ends(self) -> memoryview[int]:
        """The ends as numbers."""
        return memoryview(self.ends).cast("Q")


def read_result(
    cursor: DuckDBPyConnection, table: str, columns: Sequence[str], *, documented_only: bool
) -> QueryResult:
    """Read a table whose columns are called ``c0``, ``c1`` and so on.

    Parameters
    ----------
    columns
        What they are called in the answer.
    documented_only
        Leave out the sections of the statistics that the API document does not show.
    """
    kinds = cursor.table(table).types
    cells = ", ".join(json_text(f"c{position}", kind) for position, kind in enumerate(kinds))
    cursor.execute(f"SELECT '[' || concat_ws(',', {cells}) || ']' FROM {table}")  # noqa: S608 - our own names
    rows, ends = bytearray(), array("Q")
    while batch := cursor.fetchmany(_BATCH):
        for (row,) in batch:
            rows += row.encode()
            ends.append(len(rows))
            rows += b","
    del rows[-1:]
    statistics = column_statistics(cursor, table, columns, kinds, documented_only=documented_only)
    return QueryResult(tuple(columns), bytes(rows), ends.tobytes(), statistics)


_SIGNED: Final = frozenset({"tinyint", "smallint", "integer", "bigint", "hugeint"})
_UNSIGNED: Final = frozenset({"utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"})
_EXACT: Final = _SIGNED | _UNSIGNED | {"decimal", "bignum"}
_FLOATING: Final = frozenset({"float", "double"})
_LOCAL: Final = frozenset({"timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"})
_ZONED: Final = frozenset({"time with time zone", "timestamp with time zone", "timestamptz_ns"})
#: SQL for a comma between two texts.
_COMMA: Final = " || ',' || "

#: The types, by DuckDB's id, that each section of the statistics is about.
BOOLEAN: Final = frozenset({"boolean"})
NUMERIC: Final = _EXACT | _FLOATING
TEMPORAL: Final = _LOCAL | _ZONED | {"date", "time", "time_ns"}
TEXT: Final = frozenset({"varchar", "uuid", "enum"})


def json_text(expression: str, kind: DuckDBPyType, depth: int = 0) -> str:
    """Give SQL for the JSON text of ``expression``, a value of type ``kind``; ``null`` for NULL.

    Parameters
    ----------
    depth
        How many lists enclose the expression: each takes a name of its own for its elements.
    """
    return f"CASE WHEN {expression} IS NULL THEN 'null' ELSE {_present(expression, kind, depth)} END"


def floating_text(expression: str) -> str:
    """Give SQL for the JSON text of a floating-point number that is not NULL."""
    return (
        f"CASE WHEN isfinite({expression}) THEN CAST({expression} AS VARCHAR)"
        f" WHEN isnan({expression}) THEN '\"NaN\"'"
        f" WHEN {expression} > 0 THEN '\"Infinity\"' ELSE '\"-Infinity\"' END"
    )


def _present(expression: str, kind: DuckDBPyType, depth: int) -> str:
    """Give the same for a value that is not NULL."""
    if kind.id in _NESTED:
        return _NESTED[kind.id](expression, kind, depth)
    if kind.id in _EXACT | BOOLEAN:
        return f"CAST({expression} AS VARCHAR)"
    if kind.id in _FLOATING:
        return floating_text(expression)
    if kind.id in TEMPORAL:
        return f"'\"' || {_iso(expression, kind)} || '\"'"
    return f"CAST(to_json({_text(expression, kind)}) AS VARCHAR)"


def _text(expression: str, kind: DuckDBPyType) -> str:
    """Give SQL for the text of a value that JSON has no form of its own for."""
    if kind.id == "blob":
        return f"'\\x' || lower(hex({expression}))"
    if kind.id == "interval":
        return _duration(expression)
    return f"CAST({expression} AS VARCHAR)"


def _iso(expression: str, kind: DuckDBPyType) -> str:
    """Give SQL for a date or time in ISO-8601, with what PostgreSQL adds to it.

    DuckDB writes ``0044-03-15 (BC) 13:05:01.46+01``: the T is missing, the minutes of the offset, and
    the era stands in the middle.
    """
    text = f"replace(CAST({expression} AS VARCHAR), ' ', 'T')"
    if kind.id in _ZONED:
        text = f"regexp_replace({text}, '([+-][0-9][0-9])$', '\\1:00')"
    return f"regexp_replace({text}, '^(.*)T[(]BC[)](.*)$', '\\1\\2 BC')"


def _duration(expression: str) -> str:
    """Give SQL for an interval as an ISO-8601 duration; each part has the sign it is stored with."""

    def part(unit: str, letter: str) -> str:
        amount = f"datepart('{unit}', {expression})"
        return f"CASE WHEN {amount} = 0 THEN '' ELSE {amount} || '{letter}' END"

    micros = f"datepart('microsecond', {expression})"
    seconds = f"rtrim(rtrim(printf('%.6f', {micros} / 1000000), '0'), '.') || 'S'"
    days = f"{part('year', 'Y')} || {part('month', 'M')} || {part('day', 'D')}"
    time = (
        f"{part('hour', 'H')} || {part('minute', 'M')} || CASE WHEN {micros} = 0 THEN '' ELSE {seconds} END"
    )
    return (
        f"CASE WHEN {expression} = INTERVAL 0 SECOND THEN 'PT0S' ELSE 'P' || {days}"
        f" || CASE WHEN {time} = '' THEN '' ELSE 'T' || {time} END END"
    )


def _array(expression: str, kind: DuckDBPyType, depth: int) -> str:
    """Give SQL for a list as a JSON array."""
    (_, element_kind), *_ = _children(kind)
    name = f"element_{depth}"
    element = json_text(name, element_kind, depth + 1)
    return f"'[' || {_joined(f'list_transform({expression}, lambda {name}: {element})')} || ']'"


def _record(expression: str, kind: DuckDBPyType, depth: int) -> str:
    """Give SQL for a struct as a JSON object, or as an array where its fields have no names."""
    fields = [
        (name, json_text(f"struct_extract_at({expression}, {position})", child, depth))
        for position, (name, child) in enumerate(_children(kind), start=1)
    ]
    if all(name == "" for name, _ in fields):
        return "'[' || " + _COMMA.join(text for _, text in fields) + " || ']'"
    members = [f"{_literal(json.dumps(name) + ':')} || {text}" for name, text in fields]
    return "'{' || " + _COMMA.join(members) + " || '}'"


def _object(expression: str, kind: DuckDBPyType, depth: int) -> str:
    """Give SQL for a map as a JSON object; what is no text becomes the text of its JSON as a key."""
    (_, key_kind), (_, value_kind) = _children(kind)
    entry = f"element_{depth}"
    key = json_text(f"{entry}.key", key_kind, depth + 1)
    if key_kind.id not in TEXT | TEMPORAL:
        key = f"CAST(to_json({key}) AS VARCHAR)"
    member = f"{key} || ':' || {json_text(f'{entry}.value', value_kind, depth + 1)}"
    entries = f"list_transform(map_entries({expression}), lambda {entry}: {member})"
    return f"'{{' || {_joined(entries)} || '}}'"


_NESTED: Final[dict[str, Callable[[str, DuckDBPyType, int], str]]] = {
    "list": _array,
    "array": _array,
    "struct": _record,
    "tuple": _record,
    "map": _object,
}


def _children(kind: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    """Give the names and types a type is made of, without the size of an array, which DuckDB lists too."""
    return [
        (name, cast("DuckDBPyType", child)) for name, child in kind.children if not isinstance(child, int)
    ]


def _joined(texts: str) -> str:
    """Give SQL for texts with commas between; of an empty list older versions of DuckDB make NULL."""
    return f"coalesce(array_to_string({texts}, ','), '')"


def _literal(text: str) -> str:
    """Give SQL for a text."""
    return "'" + text.replace("'", "''") + "'"


#: Sections that the API document does not show.
_GUESSED: Final = frozenset({"numeric", "boolean"})
#: Every distinct count here is an exact one.
_NOT_APPROXIMATE: Final = "'false'"


def column_statistics(
    cursor: DuckDBPyConnection,
    table: str,
    names: Sequence[str],
    kinds: Sequence[DuckDBPyType],
    *,
    documented_only: bool,
) -> bytes:
    """Compute the statistics of a table whose columns are called ``c0``, ``c1`` and so on.

    Parameters
    ----------
    names
        What the columns are called in the answer. Of columns with the same name the first keeps the entry.
    documented_only
        Leave out the sections that the API document does not show.

    Returns
    -------
    bytes
        The JSON object ``dataframe_stats``.
    """
    fields = [
        (name, section, field, sql)
        for position, (name, kind) in enumerate(zip(names, kinds, strict=True))
        if name not in names[:position]
        for section, field, sql in _fields(f"c{position}", kind)
        if not (documented_only and section in _GUESSED)
    ]
    cursor.execute(f"SELECT {', '.join(sql for *_, sql in fields)} FROM {table}")  # noqa: S608 - our own names
    texts: tuple[Any, ...] = cursor.fetchall()[0]
    statistics: dict[str, dict[str, dict[str, msgspec.Raw]]] = {}
    for (name, section, field, _), text in zip(fields, texts, strict=True):
        statistics.setdefault(name, {}).setdefault(section, {})[field] = msgspec.Raw(text.encode())
    return msgspec.json.encode(statistics)


def _fields(column: str, kind: DuckDBPyType) -> Iterator[tuple[str, str, str]]:
    """Give section, field and the SQL of its JSON text for everything told of a column."""
    yield "general", "count", _number("count(*)")
    yield "general", "nulls_count", _number(f"count(*) - count({column})")
    section = _section(kind)
    if section in {"temporal", "string", "numeric"}:
        yield section, "distinct_count", _number(f"count(DISTINCT {column})")
        yield section, "distinct_approx", _NOT_APPROXIMATE
    if section in {"temporal", "numeric"}:
        yield section, "min", json_text(f"min({column})", kind)
        yield section, "max", json_text(f"max({column})", kind)
    if section == "numeric":
        mean = f"avg(CAST({column} AS DOUBLE))"
        yield section, "mean", f"CASE WHEN {mean} IS NULL THEN 'null' ELSE {floating_text(mean)} END"
    if section == "string":
        text = f"CAST({column} AS VARCHAR)"
        yield section, "empty_string_count", _number(f"count(*) FILTER ({text} = '')")
        yield section, "min_len", _number(f"min(length({text}))")
        yield section, "mean_len", _number(f"round(avg(length({text})), 2)")
        yield section, "max_len", _number(f"max(length({text}))")
    if section == "boolean":
        yield section, "true_count", _number(f"count(*) FILTER ({column})")
        yield section, "false_count", _number(f"count(*) FILTER (NOT {column})")


def _section(kind: DuckDBPyType) -> str | None:
    """Give the section beside ``general`` that a type has, None where it has no other."""
    sections = {"temporal": TEMPORAL, "string": TEXT, "numeric": NUMERIC, "boolean": BOOLEAN}
    return next((section for section, kinds in sections.items() if kind.id in kinds), None)


def _number(sql: str) -> str:
    """Give SQL for the JSON text of a count or a length; ``null`` for NULL."""
    return f"coalesce(CAST({sql} AS VARCHAR), 'null')"
