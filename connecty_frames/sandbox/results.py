"""The result of a query in the form that the API sends: a header row, rows and statistics.

The JSON text of the whole result is made once, when the query ends. A request only cuts it, because
``max_rows`` comes with each request for the results, not with the question.

DuckDB writes the JSON, by SQL expressions that functions named ``..._sql`` or ``..._json`` return.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from duckdb.sqltypes import DuckDBPyType

_BATCH: Final = 10_000  # rows to fetch at a time; Python objects take several times the memory of their text
_FIELDS: Final = 100  # statistics in one query: DuckDB's time grows with the square of their number

# Types, by DuckDB's id.
_INTEGERS: Final = {"tinyint", "smallint", "integer", "bigint", "hugeint"}
_EXACT: Final = {*_INTEGERS, *(f"u{name}" for name in _INTEGERS), "decimal", "bignum"}
_FLOATING: Final = {"float", "double"}
_NAIVE: Final = {"timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"}
_ZONED: Final = {"time with time zone", "timestamp with time zone", "timestamptz_ns"}
_TEMPORAL: Final = _NAIVE | _ZONED | {"date", "time", "time_ns"}
_TEXT: Final = {"varchar", "uuid", "enum"}

#: For each section of the statistics other than ``general``, the types of its columns. The API document does
#: not show the sections of numbers and booleans.
_SECTIONS: Final = {
    "temporal": _TEMPORAL | {"interval"},
    "string": _TEXT,
    "numeric": _EXACT | _FLOATING,
    "boolean": {"boolean"},
}

_COMMA: Final = " || ',' || "  # SQL for a comma between two texts


class QueryResult(msgspec.Struct, frozen=True):
    """The whole table that answers a question."""

    columns: tuple[str | None, ...]  # may repeat; in a saved response, a name may be null
    rows: bytes  # JSON arrays separated by commas, without the header
    ends: array[int]  # the offset of each row's end in ``rows``
    statistics: bytes  # JSON; empty if a saved response has none

    def __len__(self) -> int:
        return len(self.ends)

    def dataframe(self, max_rows: int) -> bytes:
        """Return the JSON array ``dataframe`` with the header and at most ``max_rows`` rows."""
        header = msgspec.json.encode(self.columns)
        count = min(max_rows, len(self))
        if count == 0:
            return b"[" + header + b"]"
        return b"[" + header + b"," + self.rows[: self.ends[count - 1]] + b"]"

    def first_row(self) -> dict[str, object]:
        """Return the first row by column name, with fractions as exact text; empty if there are no rows."""
        if len(self) == 0:
            return {}
        row: list[Any] = json.loads(self.rows[: self.ends[0]], parse_float=str)
        return {name: value for name, value in zip(self.columns, row, strict=True) if name is not None}

    @property
    def size(self) -> int:
        """The memory that it uses, in bytes."""
        return len(self.rows) + len(self.ends) * self.ends.itemsize + len(self.statistics)


def read_result(cursor: DuckDBPyConnection, table: str, columns: Sequence[str]) -> QueryResult:
    """Read a result from a table with columns ``c0``, ``c1``, ...; ``columns`` are the names to return."""
    types = cursor.table(table).types
    cells = ", ".join(_json(f"c{position}", type_) for position, type_ in enumerate(types))
    cursor.execute(f"FROM {table} SELECT '[' || concat_ws(',', {cells}) || ']'")
    rows, ends = bytearray(), array("Q")
    while batch := cursor.fetchmany(_BATCH):
        for (row,) in batch:
            rows += row.encode()
            ends.append(len(rows))
            rows += b","
    del rows[-1:]
    return QueryResult(tuple(columns), bytes(rows), ends, _statistics(cursor, table, columns, types))


def _json(expression: str, type_: DuckDBPyType, depth: int = 0) -> str:
    # The variable for the elements of each list needs a unique name.
    if type_.id in _NESTED:
        value = _NESTED[type_.id](expression, type_, depth)
    elif type_.id in _EXACT | {"boolean"}:
        value = f"CAST({expression} AS VARCHAR)"
        if type_.id == "decimal" and len({size for _, size in type_.children}) == 1:
            # DuckDB may write .12; JSON needs a digit before the point.
            value = f"regexp_replace({value}, '^(-?)[.]', '\\10.')"
    elif type_.id in _FLOATING:
        value = _float_json(expression)
    elif type_.id in _TEMPORAL:
        value = f"'\"' || {_iso_sql(expression, type_)} || '\"'"
    elif type_.id == "interval":
        value = f"'\"' || {_duration_sql(expression)} || '\"'"
    elif type_.id == "blob":
        value = f"CAST(to_json('\\x' || lower(hex({expression}))) AS VARCHAR)"
    else:
        value = f"CAST(to_json(CAST({expression} AS VARCHAR)) AS VARCHAR)"
    return f"CASE WHEN {expression} IS NULL THEN 'null' ELSE {value} END"


def _float_json(expression: str) -> str:
    return (
        f"CASE WHEN isfinite({expression}) THEN CAST({expression} AS VARCHAR)"
        f" WHEN isnan({expression}) THEN '\"NaN\"'"
        f" WHEN {expression} > 0 THEN '\"Infinity\"' ELSE '\"-Infinity\"' END"
    )


def _iso_sql(expression: str, type_: DuckDBPyType) -> str:
    # DuckDB writes ``0044-03-15 (BC) 13:05:01.46+01``: no T, no minutes of the offset, the era inside.
    if type_.id == "timestamp_ns":
        # Do not cast: DuckDB 1.3 writes NUL characters for zeros after the point.
        return f"rtrim(rtrim(strftime({expression}, '%Y-%m-%dT%H:%M:%S.%n'), '0'), '.')"
    text = f"replace(CAST({expression} AS VARCHAR), ' ', 'T')"
    if type_.id in _ZONED:
        text = f"regexp_replace({text}, '([+-][0-9][0-9])$', '\\1:00')"
    return f"regexp_replace({text}, '^(.*)T[(]BC[)](.*)$', '\\1\\2 BC')"


def _duration_sql(expression: str) -> str:

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


def _list_json(expression: str, type_: DuckDBPyType, depth: int) -> str:
    (_, element_type), *_ = _children(type_)
    variable = f"element_{depth}"
    element = _json(variable, element_type, depth + 1)
    return f"'[' || {_join_sql(f'list_transform({expression}, lambda {variable}: {element})')} || ']'"


def _struct_json(expression: str, type_: DuckDBPyType, depth: int) -> str:
    fields = [
        (name, _json(f"struct_extract_at({expression}, {position})", child, depth))
        for position, (name, child) in enumerate(_children(type_), start=1)
    ]
    if all(name == "" for name, _ in fields):
        return "'[' || " + _COMMA.join(value for _, value in fields) + " || ']'"
    keys = [(json.dumps(name) + ":").replace("'", "''") for name, _ in fields]
    members = [f"'{key}' || {value}" for key, (_, value) in zip(keys, fields, strict=True)]
    return "'{' || " + _COMMA.join(members) + " || '}'"


def _map_json(expression: str, type_: DuckDBPyType, depth: int) -> str:
    (_, key_type), (_, value_type) = _children(type_)
    entry = f"element_{depth}"
    key = _json(f"{entry}.key", key_type, depth + 1)
    if key_type.id not in _TEXT | _TEMPORAL:
        key = f"CAST(to_json({key}) AS VARCHAR)"
    member = f"{key} || ':' || {_json(f'{entry}.value', value_type, depth + 1)}"
    entries = f"list_transform(map_entries({expression}), lambda {entry}: {member})"
    return f"'{{' || {_join_sql(entries)} || '}}'"


_NESTED: Final[dict[str, Callable[[str, DuckDBPyType, int], str]]] = {
    "list": _list_json,
    "array": _list_json,
    "struct": _struct_json,
    "tuple": _struct_json,
    "map": _map_json,
}


def _children(type_: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    return [(name, cast("DuckDBPyType", it)) for name, it in type_.children if not isinstance(it, int)]


def _join_sql(texts: str) -> str:
    """Return SQL that joins a list of texts with commas; for an empty list, older DuckDB returns NULL."""
    return f"coalesce(array_to_string({texts}, ','), '')"


def _statistics(
    cursor: DuckDBPyConnection, table: str, names: Sequence[str], types: Sequence[DuckDBPyType]
) -> bytes:
    """Return the JSON object ``dataframe_stats``; it describes the first of several columns with one name."""
    fields = [
        (name, section, field, sql)
        for position, (name, type_) in enumerate(zip(names, types, strict=True))
        if name not in names[:position]
        for section, field, sql in _column_statistics(f"c{position}", type_)
    ]
    texts: list[str] = []
    for start in range(0, len(fields), _FIELDS):
        selected = ", ".join(sql for *_, sql in fields[start : start + _FIELDS])
        texts += cursor.execute(f"FROM {table} SELECT {selected}").fetchall()[0]
    statistics: dict[str, dict[str, dict[str, msgspec.Raw]]] = {}
    for (name, section, field, _), text in zip(fields, texts, strict=True):
        statistics.setdefault(name, {}).setdefault(section, {})[field] = msgspec.Raw(text.encode())
    return msgspec.json.encode(statistics)


def _column_statistics(column: str, type_: DuckDBPyType) -> Iterator[tuple[str, str, str]]:
    yield "general", "count", _count_json("count(*)")
    yield "general", "nulls_count", _count_json(f"count(*) - count({column})")
    section = next((section for section, types in _SECTIONS.items() if type_.id in types), None)
    if section in {"temporal", "string", "numeric"}:
        yield section, "distinct_count", _count_json(f"count(DISTINCT {column})")
        yield section, "distinct_approx", "'false'"  # the count is exact
    if section in {"temporal", "numeric"}:
        yield section, "min", _json(f"min({column})", type_)
        yield section, "max", _json(f"max({column})", type_)
    if section == "numeric":
        mean = f"avg(CAST({column} AS DOUBLE))"
        yield section, "mean", f"CASE WHEN {mean} IS NULL THEN 'null' ELSE {_float_json(mean)} END"
    if section == "string":
        text = f"CAST({column} AS VARCHAR)"
        yield section, "empty_string_count", _count_json(f"count(*) FILTER ({text} = '')")
        yield section, "min_len", _count_json(f"min(length({text}))")
        yield section, "mean_len", _count_json(f"round(avg(length({text})), 2)")
        yield section, "max_len", _count_json(f"max(length({text}))")
    if section == "boolean":
        yield section, "true_count", _count_json(f"count(*) FILTER ({column})")
        yield section, "false_count", _count_json(f"count(*) FILTER (NOT {column})")


def _count_json(expression: str) -> str:
    return f"coalesce(CAST({expression} AS VARCHAR), 'null')"
