"""MariaDB, live: ``JSON_OBJECT``, the texts of its protocol, and pymysql's rows as ``json`` writes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pymysql

from tests.verification.fidelity.bodies import Producer, Unwritable
from tests.verification.fidelity.ground_truth import DAY, NANOS, LogicalType, TemporalTicks, TrueColumn
from tests.verification.fidelity.python import write_json
from tests.verification.fidelity.spelling import clock, date_of, day_and_clock, is_in_range

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["COLUMNS", "producers"]

_HOUR: Final = 3_600 * NANOS["s"]
#: The literal ``0000-00-00`` is no date: no value equals it.
_ZERO: Final = TemporalTicks("date", -1e30)
#: Columns of types that only MariaDB has.
COLUMNS: Final = (
    TrueColumn("year", LogicalType("whole", 16), (2025, 1999)),
    TrueColumn("bit(1)", LogicalType("other"), (1, 0)),
    TrueColumn("zero dates", LogicalType("date"), (_ZERO, TemporalTicks("date", 20_177 * DAY))),
    TrueColumn("time, negative", LogicalType("interval"), ((0, 0, -2 * _HOUR), (0, 0, 30 * _HOUR))),
    TrueColumn("time, all negative", LogicalType("interval"), ((0, 0, -2 * _HOUR), (0, 0, -3 * _HOUR))),
)
_TYPE_OF_NAME: Final = {"year": "YEAR", "bit(1)": "BIT(1)", "uuid": "UUID"}
_TYPE_OF_KIND: Final = {
    "boolean": "BOOLEAN",
    "whole": "BIGINT",
    "decimal": "DECIMAL(38,{size})",
    "float64": "DOUBLE",
    "text": "TEXT CHARACTER SET utf8mb4",
    "other": "TEXT",
    "date": "DATE",
    "timestamp": "DATETIME(6)",
    "time": "TIME(6)",
    "interval": "TIME(6)",
}
#: The longest TIME is 838:59:59.
_LONGEST: Final = 839 * _HOUR


def _literal(value: Any) -> Any:
    match value:
        case TemporalTicks("date", -1e30):
            return "0000-00-00"
        case TemporalTicks("time", int(ticks)):
            if ticks >= DAY:
                raise Unwritable  # a TIME of 24 hours is a duration
            return clock(ticks, 0, 6)
        case TemporalTicks("date"):
            return date_of(value)
        case TemporalTicks():
            return day_and_clock(value, " ", 0, 6)
        case (months, days, nanos):
            ticks = days * DAY + nanos
            if months or abs(ticks) >= _LONGEST:
                raise Unwritable
            return "-" * (ticks < 0) + clock(abs(ticks), 0, 6)
        case _:
            return value


def _select(
    connection: pymysql.connections.Connection, column: TrueColumn, expression: str = "v"
) -> list[Any]:
    """Return an expression over the column ``v`` for each row."""
    in_range = all(value == _ZERO or is_in_range(value) for value in column.values)
    if column.kind.name not in _TYPE_OF_KIND or not in_range:
        raise Unwritable
    type_ = _TYPE_OF_NAME.get(column.name) or _TYPE_OF_KIND[column.kind.name].format(size=column.kind.size)
    with connection.cursor() as cursor:
        cursor.execute("DROP TEMPORARY TABLE IF EXISTS test.sent")
        cursor.execute(f"CREATE TEMPORARY TABLE test.sent (n INT, v {type_})")
        try:
            for row in enumerate(map(_literal, column.values)):
                cursor.execute("INSERT INTO test.sent VALUES (%s, %s)", row)
        except pymysql.DatabaseError as error:  # NaN, an extreme
            raise Unwritable from error
        cursor.execute(f"SELECT {expression} FROM test.sent ORDER BY n")
        return [row[0] for row in cursor.fetchall()]


def producers(connection: pymysql.connections.Connection) -> Iterator[Producer]:
    """Yield the producers of a running server."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE IF NOT EXISTS test")
        cursor.execute("SET sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00'")  # zero dates are allowed

    def json_object(column: TrueColumn) -> list[str]:
        texts = _select(connection, column, "JSON_OBJECT('v', v)")
        if column.name == "bit(1)":
            raise Unwritable  # it is a control character, which is no JSON
        return [text.removeprefix('{"v": ').removesuffix("}") for text in texts]

    def protocol(column: TrueColumn) -> list[str]:
        """Write the texts of the protocol, which drivers return that know no types."""
        if column.name == "bit(1)":
            raise Unwritable  # a byte, which is no text
        return [json.dumps(text) for text in _select(connection, column, "CAST(v AS CHAR)")]

    def rows(column: TrueColumn) -> list[str]:
        return [write_json(value) for value in _select(connection, column)]

    yield Producer("MariaDB JSON_OBJECT", json_object, json_object)
    yield Producer("MariaDB, text protocol", protocol, protocol)
    yield Producer("pymysql, json", rows, rows, '"None"')
    yield Producer("pymysql, json; bounds JSON_OBJECT", rows, json_object)
