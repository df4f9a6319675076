"""Run a query on DuckDB or by an ADBC driver, and stream its rows, in a read-only transaction."""

from __future__ import annotations

import re
import sys
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from connecty_frames._base.text import snippet
from connecty_frames.errors import ConfigError, QueryRefused
from connecty_frames.warehouse.cast import Rows
from connecty_frames.warehouse.sql import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connecty_frames.warehouse.sql import Statement

#: A query for the columns without rows. The line breaks end comments in the SQL.
_NO_ROWS: Final = "SELECT * FROM (\n%s\n) AS pinned LIMIT 0"
#: Limits a statement in PostgreSQL to an hour, unless the session has a limit.
_TIMEOUT: Final = (
    "SELECT set_config('statement_timeout', CASE current_setting('statement_timeout') WHEN '0' THEN '1h' "
    "ELSE current_setting('statement_timeout') END, true)"
)
#: The dialects of ADBC drivers, by the drivers' names for their databases in lower case.
_DIALECTS: Final = {"postgresql": "postgres"} | {
    name: name for name in ("bigquery", "databricks", "duckdb", "redshift", "snowflake", "sqlite")
}
#: Code for the rows of a DB API cursor.
_ROWS: Final = (
    "names = [column[0] for column in cursor.description]\n"
    "pin.cast(pyarrow.Table.from_pylist([dict(zip(names, row)) for row in cursor.fetchall()]))"
)
#: The code to use instead for other connections, by the package of their class.
_INSTEAD: Final = {
    "snowflake": (
        "cursor = connection.cursor()\n"
        "pin.cast(cursor.execute(pin.sql).fetch_arrow_all(force_return_table=True))"
    ),
    "google": "rows = client.query(pin.sql).result()\npin.cast(rows.to_arrow_iterable())",
    "databricks": "cursor = connection.cursor().execute(pin.sql)\npin.cast(cursor.fetchall_arrow())",
    "pyathena": (
        "plain = types.SimpleNamespace(convert=lambda type_, value, **options: value)\n"
        "cursor = connection.cursor(pyathena.cursor.Cursor, converter=plain).execute(pin.sql)\n" + _ROWS
    ),
    "trino": "cursor = connection.cursor(legacy_primitive_types=True).execute(pin.sql)\n" + _ROWS,
    "pyspark": "frame = spark.sql(pin.sql)\npin.cast(frame.toArrow())",
    "ibis": "pin.rerun(connection.con)  # with the DuckDB backend; else\npin.cast(table.to_pyarrow())",
    "sqlite3": (
        "connection = adbc_driver_sqlite.dbapi.connect('file:PATH?mode=ro', autocommit=True)\n"
        "pin.rerun(connection)"
    ),
    **dict.fromkeys(
        ("psycopg", "psycopg2", "asyncpg", "pg8000", "sqlalchemy"),
        "connection = adbc_driver_postgresql.dbapi.connect('postgresql://...')\npin.rerun(connection)",
    ),
}
_TABLE: Final = (  # by default, polars truncates fractions after 100 whole numbers
    "frame = polars.read_database(pin.sql, connection, infer_schema_length=None)\npin.cast(frame)"
)

#: The error codes of PostgreSQL and others for an unknown name in the SQL.
_GONE_STATES: Final = frozenset({"42P01", "42703", "42883", "3F000", "42S02", "42S22"})


@contextmanager
def running(connection: Any, statement: Statement) -> Iterator[Rows]:
    """Run a statement in a transaction that ends with the context; raises ConfigError."""
    if is_instance(connection, "duckdb", "DuckDBPyConnection"):
        _check_dialect(connection, statement, "duckdb")
        with _duckdb(connection, statement) as rows:
            yield rows
    elif is_instance(connection, "adbc_driver_manager.dbapi", "Connection"):
        with _adbc(connection, statement) as rows:
            yield rows
    else:
        package = type(connection).__module__.partition(".")[0]
        instead = f"With this one, run the SQL yourself:\n{_INSTEAD.get(package, _TABLE)}"
        if package == "builtins":  # such as a URL
            instead = "Pass a connection, such as duckdb.connect(path)."
        raise ConfigError(
            f"connection is of type {_type_name(connection)}; expected one of DuckDB or ADBC. {instead}",
            setting="connection",
        )


def declared(connection: Any, statement: Statement) -> Rows:
    """Return the columns declared by the database for a statement, without rows.

    Raises QueryRefused if the SQL names something that the database does not have.
    """
    try:
        with running(connection, replace(statement, sql=_NO_ROWS % statement.sql)) as rows:
            return rows
    except Exception as error:
        is_gone = re.search(r"(Catalog|Binder) Error|no such (table|column|function)", str(error))
        if is_gone or getattr(error, "sqlstate", None) in _GONE_STATES:
            reason = snippet(str(error).partition("\n")[0], 300)
            raise QueryRefused(f"The database no longer runs the SQL: {reason}") from error
        raise


def is_instance(value: object, module: str, name: str) -> bool:
    """Return True for an instance of a class, without importing its module."""
    return isinstance(value, getattr(sys.modules.get(module), name, ()))


def _type_name(value: object) -> str:
    return snippet(f"{type(value).__module__}.{type(value).__qualname__}")


def _check_dialect(connection: Any, statement: Statement, expected: str) -> None:
    if statement.dialect != expected:  # it was parsed in another dialect
        raise ConfigError(
            f"dialect={statement.dialect!r} does not fit {_type_name(connection)}: expected {expected!r}.",
            setting="dialect",
        )


def _open_transaction(advice: str = "commit or roll it back, or delete its reader") -> ConfigError:
    return ConfigError(
        f"The connection has an open transaction, which rerun would end: {advice}.", setting="connection"
    )


def _check_no_transaction(ask: Callable[[str], list[tuple[Any, ...]]], current: str) -> None:
    """Raise ConfigError in a transaction: outside one, two statements have different transactions."""
    if ask(current) == ask(current):
        raise _open_transaction()


@contextmanager
def _ending(end: Callable[[], object]) -> Iterator[None]:
    """Call ``end`` after a block; if both fail, such as after a lost connection, raise the block's error."""
    try:
        yield
    except BaseException as error:
        try:
            end()
        except Exception as failure:  # noqa: BLE001 - whatever a driver raises
            error.add_note(f"Afterwards the connection failed too: {snippet(str(failure))}")
        raise
    end()


# --- DuckDB -------------------------------------------------------------------------------------------------


def _begin_duckdb(ask: Callable[[str], list[tuple[Any, ...]]]) -> None:
    # Beginning a second transaction would abort the first.
    _check_no_transaction(ask, "SELECT system.main.txid_current()")
    ask("BEGIN TRANSACTION READ ONLY")


@contextmanager
def _duckdb(connection: Any, statement: Statement) -> Iterator[Rows]:
    kinds = [
        each.type.name.removesuffix("_STATEMENT") for each in connection.extract_statements(statement.sql)
    ]
    if kinds != ["SELECT"]:
        raise refused(statement.sql, f"is not one query to DuckDB, but {' and '.join(kinds) or 'nothing'}")
    _begin_duckdb(lambda query: connection.execute(query).fetchall())
    with _ending(lambda: connection.execute("ROLLBACK")):
        rows = relation_rows(connection.sql(statement.sql))
        reader: Any = rows.batches
        with _ending(reader.close):  # DuckDB does not end a transaction with an open result
            yield rows


def relation_rows(relation: Any) -> Rows:
    """Return the rows of a DuckDB relation; it knows the database's types."""
    # The method has another name in DuckDB 2.
    fetch = relation.to_arrow_reader if hasattr(relation, "to_arrow_reader") else relation.fetch_arrow_reader
    types = [str(each).lower() for each in relation.types]
    try:
        reader = fetch(100_000)  # rows per batch
    except pa.ArrowException as error:  # pyarrow 17 has no decimals of 32 and 64 bits
        raise ConfigError(
            f"This pyarrow cannot read a column that DuckDB sends ({snippet(str(error))}): cast it in "
            "the SQL, or use a newer pyarrow.",
            setting="connection",
        ) from None
    return Rows(reader.schema, reader, types)


# --- ADBC ---------------------------------------------------------------------------------------------------


def _autocommits(connection: Any) -> bool:
    """Return True if each statement of an ADBC connection is its own transaction."""
    if (found := getattr(connection, "_autocommit", None)) is None:  # there is no public name
        raise ConfigError(
            "This version of adbc-driver-manager does not reveal whether a transaction may be open: use "
            "another one.",
            setting="connection",
        )
    return bool(found)


@contextmanager
def _adbc(connection: Any, statement: Statement) -> Iterator[Rows]:
    vendor = connection.adbc_get_info().get("vendor_name", "").lower()
    _check_dialect(connection, statement, _DIALECTS.get(vendor, statement.dialect))
    is_postgres, is_duckdb = vendor == "postgresql", vendor == "duckdb"
    autocommit = _autocommits(connection)
    if not (is_postgres or autocommit):
        raise _open_transaction("connect with autocommit=True")
    with closing(connection.cursor()) as cursor:

        def ask(query: str) -> list[tuple[Any, ...]]:
            cursor.execute(query)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

        if is_postgres and autocommit:
            _check_no_transaction(ask, "SELECT now()::text")
        # Without autocommit, a transaction is always open, but it may have written nothing.
        elif is_postgres and ask("SELECT txid_current_if_assigned()::text")[0][0] is not None:
            raise _open_transaction()
        if is_duckdb:
            _begin_duckdb(ask)

        def end() -> None:
            if not autocommit:
                connection.rollback()
            elif is_postgres or is_duckdb:
                cursor.execute("ROLLBACK")

        with _ending(end):
            if is_postgres:
                cursor.execute("BEGIN READ ONLY" if autocommit else "SET TRANSACTION READ ONLY")
                ask(_TIMEOUT)
            cursor.execute(statement.sql)
            reader = cursor.fetch_record_batch()
            with _ending(reader.close):
                yield _untyped(reader) if vendor == "sqlite" else Rows(reader.schema, reader)


def _untyped(reader: pa.RecordBatchReader) -> Rows:
    """Return rows of SQLite as untyped columns: its driver takes the types from the first rows."""
    names = reader.schema.names
    columns = (
        [pa.nulls(len(each)) if each.null_count == len(each) else each for each in batch] for batch in reader
    )
    batches = (pa.RecordBatch.from_arrays(each, names) for each in columns)
    return Rows(pa.schema([(name, pa.null()) for name in names]), batches)
