"""Each column is asked, fetched by a client, and cast; what comes out is compared with the whole answer."""

import json
import math
import re
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import duckdb
import polars as pl
import pyarrow as pa
from pyarrow import MonthDayNano

import connecty_frames as cf
from connecty_frames.errors import ConnectyError
from connecty_frames.pins.comparison import text_fingerprint
from connecty_frames.sandbox import Sandbox
from connecty_frames.testing import connected
from tests.servers.postgres import postgres_server
from tests.verification.cast.columns import POSTGRES, SECTIONS, SQLITE, duckdb_columns

#: What polars had lost before: PostgreSQL's empty "char" is a NUL, and 24:00 a null.
LOST: Final = {"one byte", "time, 24:00"}
_ID: Final = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"


class Outcome(NamedTuple):
    source: str
    name: str
    cut: str  # which rows the answer had
    outcome: str  # held, refused or wrong
    reason: str = ""


def run(source: str) -> list[Outcome]:
    """Return what became of each column of a source."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cf.TypeFidelityWarning)
        return list(SOURCES[source](source))


def _outcome(
    source: str,
    name: str,
    cut: str,
    answer: cf.Answer,
    whole: pa.Table,
    make: Callable[[], Any],
    fetched: Callable[[], pa.Table] | None = None,
) -> Outcome:
    """Compare what is made with the whole answer; a column that takes the table's type with the table."""
    try:
        found = make()
        table = found.read_all() if isinstance(found, pa.RecordBatchReader) else pa.table(found)
    except (ConnectyError, pa.ArrowException) as error:
        return Outcome(source, name, cut, "refused", str(error)[:160])
    kept, type_ = answer.schema["v"].type, table.schema.field("v").type
    evidence = cf.metadata(table, required=True).schema[0]["evidence"]
    is_taken = evidence.endswith(" in the table")
    if type_ != kept and not is_taken:
        return Outcome(source, name, cut, "wrong", f"{type_} instead of {kept}")
    if is_taken and fetched is not None:
        whole = fetched()
    if (values := _plain(table)) != (expected := _plain(whole)):
        return Outcome(source, name, cut, "wrong", f"{values[:5]} instead of {expected[:5]}")
    return Outcome(source, name, cut, "held")


def _plain(table: pa.Table) -> list[Any]:
    """Return values that are equal if they stand for the same, whatever their type."""
    return [_value(value) for value in table["v"].to_pylist()]


def _value(value: Any) -> Any:
    match value:
        case bool() | None:
            return value
        case int():
            return Decimal(value)
        case float():
            return Decimal(repr(value)) if math.isfinite(value) else repr(value)
        case list() if value and all(isinstance(each, tuple) for each in value):  # a map
            return {key: _value(item) for key, item in value}
        case list():
            return [_value(each) for each in value]
        case dict():
            return {key: _value(item) for key, item in value.items()}
        case datetime():
            instant = value if value.tzinfo is None else value.astimezone(UTC)
            return instant.isoformat().removesuffix("T00:00:00")
        case str():
            return _text_value(value)
    if isinstance(value, MonthDayNano):
        return str(timedelta(days=value.days, microseconds=value.nanoseconds // 1000))
    return str(value)


def _text_value(value: str) -> Any:
    """Return the value of JSON, and an instant in UTC: of both there are several texts."""
    with suppress(ValueError):
        if value[:1] in {"{", "["}:
            return _value(json.loads(value, parse_float=Decimal))
        value = value.replace("10000-01-01T00:59:59.999999+01:00", "9999-12-31T23:59:59.999999+00:00")
        if re.fullmatch(r"\d{4}-\d\d-\d\dT.*[+-]\d\d(:\d\d)?", value):
            return _value(datetime.fromisoformat(value))
    return value


def _cast_by_adbc(answer: cf.Answer, driver: Any, sql: str) -> pa.Table:
    with driver.cursor() as cursor:
        cursor.execute(sql)
        return answer.cast(cursor.fetch_record_batch()).read_all()


# --- DuckDB -------------------------------------------------------------------------------------------------


def _pin(answer: cf.Answer, dialect: str) -> cf.Pin:
    sql = answer.sql_query or ""
    return cf.Pin(
        name="p", question="q", dw_id=1, question_id=_ID, asked_at=None, dialect=dialect, sql=sql,
        fingerprint=text_fingerprint(sql), sqlglot=None, tables=(), schema=answer.schema,
    )  # fmt: skip


def _duckdb(source: str) -> Iterator[Outcome]:
    by_pin = source.endswith("rerun")
    with Sandbox() as sandbox, connected(sandbox), duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, sql in duckdb_columns().items():
            whole = cf.ask(sql, max_rows=None)
            for cut, rows in (("whole", None), ("3 rows", 3), ("no rows", 0)):
                answer = cf.fetch(whole.question_id or "", max_rows=rows, on_truncation="ignore")

                def make(answer: cf.Answer = answer, sql: str = sql) -> Any:
                    if by_pin:
                        return _pin(answer, "duckdb").rerun(connection)
                    return answer.cast(connection.sql(sql))

                def fetched(sql: str = sql) -> Any:
                    return connection.sql(sql).to_arrow_table()

                yield _outcome(source, name, cut, answer, whole.to_arrow(), make, fetched)


# --- PostgreSQL ---------------------------------------------------------------------------------------------


def _answer(sql: str, rows: list[str], section: str | None) -> cf.Answer:
    """Return the answer of a service that sent these rows, arrays of JSON."""
    counted = {"general": {"count": len(rows), "nulls_count": rows.count("[null]")}}
    statistics = {"v": counted | ({section: {"distinct_count": 1}} if section else {})}
    body = (
        f'{{"state":"COMPLETED","results":{{"sql_query":{json.dumps(sql)},"dataframe":[["v"],{",".join(rows)}],'
        f'"dataframe_stats":{json.dumps(statistics)}}}}}'
    )
    return cf.Answer.from_json(body.encode(), max_rows=None)


def _postgres(source: str) -> Iterator[Outcome]:
    import adbc_driver_postgresql.dbapi as adbc
    import psycopg

    with (
        postgres_server() as server,
        psycopg.connect(server.url(), autocommit=True) as connection,
        ExitStack() as stack,
    ):
        connection.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
        driver = stack.enter_context(closing(adbc.connect(server.url())))  # it reads the types that there are
        for name, values in POSTGRES.items():
            sql = f"SELECT v FROM (VALUES {values}) AS t (v)"
            written = f"SELECT json_build_array(q.v)::text FROM ({sql}) AS q"
            rows = [row for (row,) in connection.execute(written)]
            answer = _answer(sql, rows, SECTIONS.get(name))
            if source.startswith("polars") and name.startswith(("array", "interval")):
                sql = (
                    f"SELECT {'to_json(v)' if name.startswith('array') else 'v'}::text AS v FROM ({sql}) AS q"
                )

            def make(answer: cf.Answer = answer, sql: str = sql, rows: list[str] = rows) -> Any:
                if source.startswith("psycopg"):
                    table = ",".join(['["v"]', *rows])
                    body = f'{{"state":"COMPLETED","results":{{"dataframe":[{table}]}}}}'
                    return answer.cast(cf.Answer.from_json(body.encode(), schema=answer.schema))
                if source.endswith("rerun"):
                    return _pin(answer, "postgres").rerun(driver)
                if source.startswith("polars"):
                    return answer.cast(pl.read_database(sql, driver), engine="pyarrow")
                return _cast_by_adbc(answer, driver, sql)

            yield _outcome(source, name, "whole", answer, answer.to_arrow(), make)
            driver.rollback()


# --- SQLite -------------------------------------------------------------------------------------------------


def _sqlite(source: str) -> Iterator[Outcome]:
    import adbc_driver_sqlite.dbapi as adbc

    with (
        TemporaryDirectory() as folder,
        closing(sqlite3.connect(f"{folder}/a.db")) as connection,
        closing(adbc.connect(f"{folder}/a.db", autocommit=True)) as driver,
    ):
        for position, (name, values) in enumerate(SQLITE.items()):
            connection.execute(f"CREATE TABLE t{position} (v)")
            connection.executemany(f"INSERT INTO t{position} VALUES (?)", [(value,) for value in values])
            connection.commit()
            sql = f"SELECT v FROM t{position}"
            whole = _answer(sql, [json.dumps([value]) for value in values], None)

            def make(answer: cf.Answer = whole, sql: str = sql) -> Any:
                if source.endswith("rerun"):
                    return _pin(answer, "sqlite").rerun(driver)
                if source.startswith("polars"):
                    return answer.cast(
                        pl.read_database(sql, connection, infer_schema_length=None), engine="pyarrow"
                    )
                return _cast_by_adbc(answer, driver, sql)

            yield _outcome(source, name, "whole", whole, whole.to_arrow(), make)


SOURCES: Final[dict[str, Callable[[str], Iterator[Outcome]]]] = {
    "DuckDB, cast": _duckdb,
    "DuckDB, rerun": _duckdb,
    "PostgreSQL by ADBC, cast": _postgres,
    "PostgreSQL by ADBC, rerun": _postgres,
    "polars and ADBC of PostgreSQL, cast": _postgres,
    "psycopg by JSON text, cast": _postgres,
    "SQLite by ADBC, cast": _sqlite,
    "SQLite by ADBC, rerun": _sqlite,
    "polars and sqlite3, cast": _sqlite,
}
