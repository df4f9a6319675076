"""PostgreSQL, live: columns as the server writes them itself, and as psycopg's rows are written in Python."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import psycopg

from tests.verification.fidelity.bodies import Producer, Unwritable
from tests.verification.fidelity.ground_truth import DAY, LogicalType, TemporalTicks, TrueColumn
from tests.verification.fidelity.python import (
    python_value,
    write_json,
    write_orjson,
    write_pandas_bound,
    write_pydantic,
)
from tests.verification.fidelity.spelling import calendar_day

_TEXT: Final = LogicalType("text")
_OTHER: Final = LogicalType("other")
#: Types that only PostgreSQL has.
COLUMNS: Final = (
    TrueColumn("smallint", LogicalType("whole", 16), (1, -5, None)),
    TrueColumn("integer", LogicalType("whole", 32), (1, -5, None)),
    TrueColumn("char(5)", _TEXT, ("ab   ", "abcde")),
    TrueColumn("inet", _OTHER, ("10.0.0.1", "2001:db8::1")),
    TrueColumn("bytea", _OTHER, ("\\xdeadbeef", "\\x00ff")),
    TrueColumn("mood", _OTHER, ("sad", "ok", None)),
    TrueColumn("money, the type", _OTHER, ("$1,234.50", "$0.10")),
)
_TYPE_OF_NAME: Final = {
    **{column.name: column.name for column in COLUMNS},
    "money, the type": "money",
    "numeric with NaN": "numeric",
    "averages": "numeric",
    "codes": "varchar",
    **dict.fromkeys(("labels like dates", "labels like instants", "labels like times"), "text"),
    "uuid": "uuid",
}
_TYPE_OF_KIND: Final = {
    "boolean": "boolean",
    "whole": "bigint",
    "float64": "double precision",
    "float32": "real",
    "text": "text",
    "date": "date",
    "timestamp": "timestamp",
    "instant": "timestamptz",
    "time": "time",
    "timetz": "timetz",
    "interval": "interval",
    "list": "bigint[]",
    "struct": "jsonb",
}


def _type(column: TrueColumn) -> str:
    if column.kind.name == "decimal" and column.name not in _TYPE_OF_NAME:
        return f"numeric(38,{column.kind.size})"
    return _TYPE_OF_NAME.get(column.name) or _TYPE_OF_KIND[column.kind.name]


def _literal(value: Any) -> str | None:
    """Return a value in the words of PostgreSQL's input; instants have the offset of UTC."""
    match value:
        case None:
            return None
        case TemporalTicks("time", ticks):
            return "24:00:00" if ticks == DAY else _clock(int(ticks))
        case TemporalTicks(what, ticks):
            return _date_time(what, ticks)
        case (months, days, nanos):
            return f"{months} months {days} days {nanos // 1_000} microseconds"
        case list():
            return "{" + ",".join(map(str, value)) + "}"
        case dict():
            return json.dumps(value)
        case _:
            return str(value)


def _clock(ticks: int) -> str:
    if ticks % 1_000:
        raise Unwritable
    return str(np.datetime64(ticks // 1_000, "us"))[11:]


def _date_time(what: str, ticks: float) -> str:
    if math.isinf(ticks):
        return str(ticks).replace("inf", "infinity")
    day, era = calendar_day(ticks)
    return f"{day} {_clock(int(ticks) % DAY)}{'+00' if what == 'instant' else ''}{era}"


@dataclass(frozen=True)
class _Session:
    """A session whose settings decide how values are written."""

    connection: psycopg.Connection[Any]
    zone: str = "UTC"
    intervals: str = "postgres"

    def select(self, expression: str, column: TrueColumn) -> list[Any]:
        """Return an expression over the column ``v`` for each row."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            cursor.execute("SELECT set_config('TimeZone', %s, true)", [self.zone])
            cursor.execute("SELECT set_config('IntervalStyle', %s, true)", [self.intervals])
            values = [_literal(value) for value in column.values]
            query = (
                f"SELECT {expression} FROM (SELECT n, text::{_type(column)} AS v FROM "
                "unnest(%s::text[]) WITH ORDINALITY AS texts (text, n)) AS typed ORDER BY n"
            )
            try:
                return [row[0] for row in cursor.execute(query, [values])]
            except psycopg.DataError as error:
                raise Unwritable from error

    def row_to_json(self, column: TrueColumn) -> list[str]:
        texts = self.select("(SELECT row_to_json(r)::text FROM (SELECT v) AS r)", column)
        return [text.removeprefix('{"v":').removesuffix("}") for text in texts]

    def cast_to_text(self, column: TrueColumn) -> list[str]:
        """Write by ``::text``."""
        return [json.dumps(text) for text in self.select("v::text", column)]

    def output(self, column: TrueColumn) -> list[str]:
        """Write the texts of the protocol, which drivers return that know no types: t and f for booleans."""
        return [
            json.dumps(text)
            for text in self.select("CASE WHEN v IS NOT NULL THEN format('%%s', v) END", column)
        ]

    def psycopg(self, write: Callable[[object], str]) -> Callable[[TrueColumn], list[str]]:
        """Write the rows of psycopg by a library of Python."""

        def written(column: TrueColumn) -> list[str]:
            values = self.select("v", column)
            if column.kind.name == "interval" and values != [
                python_value(column.kind, value) for value in column.values
            ]:
                raise Unwritable  # psycopg 3.2.1 read negative hours as others
            return [write(value) for value in values]

        return written


def producers(connection: psycopg.Connection[Any]) -> Iterator[Producer]:
    connection.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    connection.execute("SET lc_monetary = 'C'")
    connection.commit()
    utc = _Session(connection)
    berlin = _Session(connection, "Europe/Berlin")
    newfoundland = _Session(connection, "America/St_Johns")
    kolkata = _Session(connection, "Asia/Kolkata", "iso_8601")
    js, oj, pyd = (berlin.psycopg(write) for write in (write_json, write_orjson, write_pydantic))
    yield Producer("row_to_json", berlin.row_to_json, berlin.row_to_json)
    yield Producer(
        "row_to_json, ISO intervals; bounds ::text", kolkata.row_to_json, newfoundland.cast_to_text
    )
    yield Producer("row_to_json; bounds of pydantic", newfoundland.row_to_json, pyd)
    yield Producer("::text", utc.cast_to_text, utc.cast_to_text)
    yield Producer("text protocol; bounds of psycopg, json", newfoundland.output, js)
    yield Producer("psycopg, json", js, js, '"None"')
    yield Producer(
        "psycopg, json; bounds of pandas", newfoundland.psycopg(write_json), write_pandas_bound, '"NaT"'
    )
    yield Producer("psycopg, json; bounds row_to_json", js, newfoundland.row_to_json)
    yield Producer("psycopg, orjson", oj, oj)
    yield Producer("psycopg, orjson; bounds ::text", utc.psycopg(write_orjson), berlin.cast_to_text, '""')
    yield Producer("psycopg, pydantic", pyd, pyd)
