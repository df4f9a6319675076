"""Connections to warehouses: how each of their clients runs a query and hands over its rows.

A client is recognised by its class, among the modules that are loaded. Each runs the query in a transaction
of its own, which ends with the rows and changes nothing.
"""

from __future__ import annotations

import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from connecty_frames._base.text import snippet
from connecty_frames.errors import ConfigError
from connecty_frames.warehouse import clouds
from connecty_frames.warehouse.duckdb_reading import check_reading
from connecty_frames.warehouse.postgres import READ_ONLY, SETTINGS, declared, read_psycopg, read_psycopg2
from connecty_frames.warehouse.rows import (
    BATCH_ROWS,
    Declared,
    Rows,
    columns,
    columns_of,
    ending,
    open_transaction,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from connecty_frames.warehouse.guard import Statement


def open_rows(connection: Any, statement: Statement) -> AbstractContextManager[Rows]:
    """Run a statement; its transaction ends with the context."""
    # A connection that is of no known kind, is not for the dialect, or has a transaction open is a
    # ConfigError.
    found = _unwrapped(connection)
    for module, name, dialects, run in _KINDS:
        if _is_instance(found, module, name):
            allowed = dialects or _adbc_dialects(found)
            if allowed and statement.dialect not in allowed:  # it was checked by the rules of another one
                raise ConfigError(
                    f"dialect={statement.dialect!r} does not fit {_type_name(found)}: expected "
                    f"{' or '.join(map(repr, allowed))}.",
                    setting="dialect",
                )
            return run(found, statement)
    instead = _INSTEAD.get(type(found).__module__.partition(".")[0])
    if instead is not None:
        raise ConfigError(
            f"connection is of type {_type_name(found)}, which is not supported: {instead}.",
            setting="connection",
        )
    raise ConfigError(
        f"connection is of type {_type_name(found)}; expected a connection of ADBC, DuckDB, psycopg, "
        "psycopg2, sqlite3, SQLAlchemy (over one of the last three), ibis, Snowflake, Databricks, pyathena "
        "or trino, a client of BigQuery, or a SparkSession.",
        setting="connection",
    )


def _is_instance(value: object, module: str, name: str) -> bool:
    return isinstance(value, getattr(sys.modules.get(module), name, ()))


def _type_name(value: object) -> str:
    return snippet(f"{type(value).__module__}.{type(value).__qualname__}")


def _unwrapped(connection: Any) -> Any:
    """Return the driver's own connection of one of SQLAlchemy or ibis."""
    if _is_instance(connection, "sqlalchemy.engine", "Engine"):
        raise ConfigError(
            "connection is a SQLAlchemy Engine; pass a Connection from engine.connect().",
            setting="connection",
        )
    if _is_instance(connection, "sqlalchemy.engine", "Connection"):
        if connection.in_transaction():
            raise open_transaction()
        return connection.connection.driver_connection
    if _is_instance(connection, "ibis.backends", "BaseBackend"):
        return connection.client if connection.name == "bigquery" else connection.con
    return connection


# --- DuckDB, ADBC ---------------------------------------------------------------------------------------


_TRANSACTION: Final = "SELECT system.main.txid_current()"
_DATABASE: Final = "SELECT system.main.current_database()"


def _begin_duckdb(ask: Callable[..., list[tuple[Any, ...]]]) -> None:
    # Outside of a transaction each statement has one of its own. To begin a second one would abort the first.
    if ask(_TRANSACTION) == ask(_TRANSACTION):
        raise open_transaction()
    ask("BEGIN TRANSACTION READ ONLY")


@contextmanager
def _duckdb(connection: Any, statement: Statement) -> Iterator[Rows]:
    def ask(*query: Any) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = connection.execute(*query).fetchall()
        return rows

    _begin_duckdb(ask)
    with ending(lambda: connection.execute("ROLLBACK")):
        check_reading(statement, ask)
        place = ask(_DATABASE)[0][0]
        relation = connection.sql(statement.sql)
        types = [str(each).lower() for each in relation.types]
        # DuckDB 2 has it under another name.
        fetch = (
            relation.to_arrow_reader if hasattr(relation, "to_arrow_reader") else relation.fetch_arrow_reader
        )
        try:
            reader = fetch(BATCH_ROWS * 10)
        except pa.ArrowException as error:  # pyarrow 17 has no decimals of 32 and 64 bits
            raise ConfigError(
                f"This pyarrow cannot read a column that DuckDB sends ({snippet(str(error))}): cast it in "
                "the SQL, or use a newer pyarrow.",
                setting="connection",
            ) from None
        with ending(reader.close):  # with an open result, DuckDB does not end the transaction
            declared = list(map(Declared, relation.columns, reader.schema.types, types))
            yield Rows(declared, columns_of(reader), place)


def _adbc_dialects(connection: Any) -> tuple[str, ...]:
    """Return the dialects of a connection of ADBC; none if its driver runs any."""
    return _ADBC_DIALECTS.get(connection.adbc_get_info().get("vendor_name", "").lower(), ())


def _autocommits(connection: Any) -> bool:
    """Return whether each statement of a connection of ADBC is its own transaction."""
    if (found := getattr(connection, "_autocommit", None)) is None:  # it has no public name
        raise ConfigError(
            "This version of adbc-driver-manager does not reveal whether a transaction may be open: use "
            "another client.",
            setting="connection",
        )
    return bool(found)


@contextmanager
def _adbc(connection: Any, statement: Statement) -> Iterator[Rows]:
    dialects = _adbc_dialects(connection)
    is_postgres, is_duckdb = dialects == _POSTGRES, dialects == _DUCKDB
    autocommit = _autocommits(connection)
    if not (is_postgres or autocommit):
        raise open_transaction("connect with autocommit=True")
    with closing(connection.cursor()) as cursor:

        def ask(*query: Any) -> list[tuple[Any, ...]]:
            cursor.execute(*query)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

        # Without autocommit a transaction is always open, but may have done nothing.
        if is_postgres and ask("SELECT txid_current_if_assigned()::text")[0][0] is not None:
            raise open_transaction()
        if is_duckdb:
            _begin_duckdb(ask)

        def end() -> None:
            if not autocommit:
                connection.rollback()
            elif is_postgres or is_duckdb:
                cursor.execute("ROLLBACK")

        with ending(end):
            place = ""
            if is_postgres:
                cursor.execute("BEGIN READ ONLY" if autocommit else READ_ONLY)
                place = ask(SETTINGS)[0][-1]
            if is_duckdb:
                check_reading(statement, ask)
                place = ask(_DATABASE)[0][0]
            _ADBC_CURSORS.get(dialects, lambda *_: None)(connection, cursor)
            cursor.execute(statement.sql)
            reader = cursor.fetch_record_batch()
            with ending(reader.close):
                read = _ADBC_COLUMNS.get(dialects, lambda field: Declared(field.name, field.type))
                yield Rows(list(map(read, reader.schema)), columns_of(reader), place)


def _adbc_postgres(field: pa.Field) -> Declared:
    """Return a column with its type in the database, without which money is a whole number."""
    known = field.metadata or {}
    if not (origin := known.get(b"POSTGRESQL:type", b"").decode()):
        raise ConfigError(
            "This version of adbc-driver-postgresql does not reveal the types of columns: pip install "
            "'adbc-driver-postgresql>=1.13'.",
            setting="connection",
        )
    if pa.types.is_nested(field.type):
        raise ConfigError(
            "ADBC's driver of PostgreSQL flattens arrays and loses values of composite types: column "
            f"{snippet(field.name)!r} is of the type {snippet(origin)}. Use psycopg, or to_json in the SQL.",
            setting="connection",
        )
    return declared(field.name, origin, int(known.get(b"POSTGRESQL:typmod", -1)))


# --- SQLite ---------------------------------------------------------------------------------------------


@contextmanager
def _sqlite3(connection: Any, statement: Statement) -> Iterator[Rows]:
    if connection.in_transaction:
        raise open_transaction("commit or roll it back, and connect without autocommit=False")
    with closing(connection.cursor()) as cursor:
        cursor.row_factory = None
        query_only = cursor.execute("PRAGMA query_only").fetchone()[0]
        place = Path(cursor.execute("PRAGMA database_list").fetchone()[2]).name
        cursor.execute("PRAGMA query_only = 1")

        def end() -> None:
            if connection.in_transaction:
                cursor.execute("ROLLBACK")
            cursor.execute(f"PRAGMA query_only = {query_only}")

        with ending(end):
            cursor.execute("BEGIN")
            cursor.execute(statement.sql)
            yield Rows([Declared(column[0]) for column in cursor.description], columns(cursor), place)


_POSTGRES: Final = ("postgres",)
_DUCKDB: Final = ("duckdb",)
_SQLITE: Final = ("sqlite",)
_SNOWFLAKE: Final = ("snowflake",)
_SPARK: Final = ("databricks", "spark")
#: The dialects of drivers of ADBC, by the names that these have for their databases, in lower case.
_ADBC_DIALECTS: Final = {
    "postgresql": _POSTGRES,
    "redshift": ("redshift",),
    "duckdb": _DUCKDB,
    "sqlite": _SQLITE,
    "snowflake": _SNOWFLAKE,
}

#: What makes a cursor of ADBC exact before it is used.
_ADBC_CURSORS: Final[dict[tuple[str, ...], Callable[[Any, Any], None]]] = {_SNOWFLAKE: clouds.prepare_adbc}

#: What to use instead of connections that are not supported, by the package of their class.
_INSTEAD: Final = {
    **dict.fromkeys(("MySQLdb", "mysql", "mariadb", "pymysql"), "fetch all rows by max_rows=None"),
    **dict.fromkeys(("asyncpg", "pg8000", "psycopg"), "use psycopg.connect"),
    "aiosqlite": "use sqlite3.connect",
    "redshift_connector": "use adbc_driver_postgresql.dbapi.connect",
}

#: Readers of ADBC's columns whose Arrow type is not the declared one; that of SQLite is of the first rows.
_ADBC_COLUMNS: Final[dict[tuple[str, ...], Callable[[pa.Field], Declared]]] = {
    _POSTGRES: _adbc_postgres,
    _SQLITE: lambda field: Declared(field.name),
    _SNOWFLAKE: clouds.adbc_column,
}

#: Module and class of each kind of connection, its dialects (ADBC's driver tells them) and what runs a query.
_KINDS: Final[tuple[tuple[str, str, tuple[str, ...], Callable[..., AbstractContextManager[Rows]]], ...]] = (
    ("adbc_driver_manager.dbapi", "Connection", (), _adbc),
    ("duckdb", "DuckDBPyConnection", _DUCKDB, _duckdb),
    ("psycopg", "Connection", _POSTGRES, read_psycopg),
    ("psycopg2.extensions", "connection", _POSTGRES, read_psycopg2),
    ("sqlite3", "Connection", _SQLITE, _sqlite3),
    ("pyspark.sql.session", "SparkSession", _SPARK, clouds.read_spark),
    ("pyspark.sql.connect.session", "SparkSession", _SPARK, clouds.read_spark_connect),
    ("snowflake.connector", "SnowflakeConnection", _SNOWFLAKE, clouds.read_snowflake),
    ("databricks.sql.client", "Connection", _SPARK, clouds.read_databricks),
    ("google.cloud.bigquery", "Client", ("bigquery",), clouds.read_bigquery),
    ("google.cloud.bigquery.dbapi", "Connection", ("bigquery",), clouds.read_bigquery),
    ("pyathena.connection", "Connection", ("athena", "trino", "presto"), clouds.read_athena),
    ("trino.dbapi", "Connection", ("trino", "presto"), clouds.read_trino),
)
