r"""From a DuckDB type to the SQL that writes its values as JSON.

DuckDB writes the text itself, so that no value passes through a Python type that holds less: a HUGEINT
keeps its digits, a decimal never becomes a float, and a timestamp may lie before Christ. The forms are
those of the API document (ISO-8601 text with the offset of the zone, no trailing zeros in the fraction)
and, where it shows none, those of PostgreSQL's ``to_json``:

==============================  =========================================================
integers, decimals              JSON numbers with every digit
floating point                  JSON numbers with a fraction or an exponent (``1.0``); what
                                JSON has no number for is ``"NaN"``, ``"Infinity"``, ``"-Infinity"``
dates and times                 ``"2025-11-04T13:05:01.46+01:00"``, ``"infinity"``,
                                ``"0044-03-15 BC"``
intervals                       ISO-8601 durations, ``"P1Y2M3DT4H5M6.7S"``
blobs                           ``"\\xdeadbeef"``
lists, structs, maps            arrays and objects of the same; a struct without names is an array
text and everything else        strings; a JSON column is text too, since DuckDB's JSON may hold
                                what no JSON parser reads (``[NaN]``)
==============================  =========================================================
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb.sqltypes import DuckDBPyType

__all__ = ["BOOLEAN", "NUMERIC", "TEMPORAL", "TEXT", "floating_text", "json_text"]

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
