"""SQL of an answer: parsed as one read-only query, compared, and run on DuckDB or by an ADBC driver.

Only the parse tree is checked. A function may do anything unless the role can only read.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pyarrow as pa

from connecty_frames._base.text import excerpt, snippet, with_excerpt
from connecty_frames.errors import ConfigError, QueryRefused, missing_extra, wrong_value
from connecty_frames.warehouse.cast import Rows

if TYPE_CHECKING:
    from sqlglot import exp

_T = TypeVar("_T")

#: Classes of sqlglot that do more than query, anywhere in the tree; not every version has all of them.
_WRITES: Final = (
    *("Alter", "Analyze", "Attach", "Cache", "Command", "Commit", "DDL", "DML", "Detach", "Drop", "Execute"),
    *("Export", "Grant", "Install", "Into", "Kill", "LoadData", "Lock", "Pragma", "Put", "Refresh", "Revoke"),
    *("Rollback", "Set", "Transaction", "TruncateTable", "Uncache", "Use"),
)
#: The dialects to try if the dialect is unknown.
_COMMON_DIALECTS: Final = ("postgres", "snowflake", "bigquery", "databricks", "trino", "duckdb", "tsql")
_SHOWN: Final = 300  # the most characters of SQL in a message


@dataclass(frozen=True, slots=True)
class Statement:
    """A read-only query, by its parse tree."""

    sql: str  # without a final semicolon and final comments
    dialect: str  # as sqlglot calls it
    tree: exp.Expr


def parse(sql: str, dialect: str) -> Statement:
    """Parse SQL as a single query; raises QueryRefused, or ConfigError for an unknown dialect."""
    try:
        import sqlglot
        from sqlglot import exp
    except ModuleNotFoundError as error:
        raise missing_extra("sql", "Reading SQL needs", error) from None
    dialects = sorted(name for name in sqlglot.Dialects.__members__.values() if name)
    if not isinstance(dialect, str) or dialect.lower() not in dialects:
        raise wrong_value("dialect", dialect, f"one of {', '.join(dialects)}")
    dialect = dialect.lower()
    trees = [
        tree
        for tree in _by_sqlglot(sql, dialect, lambda: sqlglot.parse(sql, read=dialect))
        if tree is not None and not isinstance(tree, exp.Semicolon)  # holds the comments after a semicolon
    ]
    if len(trees) != 1:
        raise refused(sql, f"has {len(trees)} statements" if trees else "is empty")
    writes = tuple(getattr(exp, name) for name in _WRITES if hasattr(exp, name))
    for node in trees[0].walk():
        if isinstance(node, writes):
            raise refused(sql, f"has {type(node).__name__.upper()}, which is more than a query")
    if not isinstance(trees[0], exp.Select | exp.SetOperation | exp.Subquery | exp.Values):
        raise refused(sql, "is not a query")
    tokens = _by_sqlglot(sql, dialect, lambda: sqlglot.tokenize(sql, read=dialect))
    if tokens[0].token_type.name == "SEMICOLON":
        raise refused(sql, "begins with a semicolon")
    while tokens[-1].token_type.name == "SEMICOLON":
        tokens.pop()
    return Statement(sql[: tokens[-1].end + 1], dialect, trees[0])


def parse_any(sql: str) -> Statement:
    """Parse SQL in the first common dialect that can read it; raises QueryRefused."""
    for dialect in _COMMON_DIALECTS[:-1]:
        try:
            return parse(sql, dialect)
        except QueryRefused:
            pass
    return parse(sql, _COMMON_DIALECTS[-1])


def refused(sql: str, reason: str) -> QueryRefused:
    """Return the error for refused SQL; ``reason`` completes a sentence about it."""
    return QueryRefused(with_excerpt(f"The SQL {reason}. Nothing was sent:", excerpt(sql, _SHOWN)))


def _by_sqlglot(sql: str, dialect: str, read: Callable[[], _T]) -> _T:
    """Call a function of sqlglot; raises QueryRefused for any error, not only sqlglot's own."""
    try:
        with _quiet():
            return read()
    except RecursionError:
        raise refused(sql, "is nested too deeply to be read") from None
    except Exception as error:  # noqa: BLE001 - some versions raise TypeError for malformed SQL
        reason = re.sub(r"\x1b\[\d*m", "", str(error)).partition("\n")[0]
        raise refused(sql, f"cannot be read as {dialect}: {snippet(reason, _SHOWN)}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress sqlglot's log in this thread: it may quote hostile text."""
    thread = threading.get_ident()

    def is_of_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("sqlglot")
    logger.addFilter(is_of_others)
    try:
        yield
    finally:
        logger.removeFilter(is_of_others)


# --- tables and fingerprints --------------------------------------------------------------------------------


def tables(statement: Statement) -> tuple[str, ...]:
    """Return the tables of a statement, each once, in order, qualified as written."""
    # Names from ``WITH`` are left out; their tables are listed. Raises QueryRefused if a part is not a query.
    return _by_sqlglot(statement.sql, statement.dialect, lambda: tuple(dict.fromkeys(_tables(statement))))


def _tables(statement: Statement) -> Iterator[str]:
    from sqlglot import exp
    from sqlglot.optimizer.scope import traverse_scope

    for scope in traverse_scope(statement.tree):
        ctes = {name.lower() for name in scope.cte_sources}
        for table in scope.tables:
            is_cte = not table.db and table.name.lower() in ctes
            if isinstance(table.this, exp.Identifier) and not is_cte:
                yield ".".join(part.name for part in table.parts)


def fingerprint(statement: Statement) -> str:
    """Hash SQL regardless of layout, comments, case and table aliases."""
    # The hash depends on the version of sqlglot: after a change, compute it again from the SQL.
    from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
    from sqlglot.optimizer.qualify_tables import qualify_tables

    dialect = statement.dialect

    def written() -> Any:
        tree = normalize_identifiers(statement.tree.copy(), dialect=dialect)
        tree = qualify_tables(tree, dialect=dialect, canonicalize_table_aliases=True)
        return tree.sql(dialect, comments=False)

    return hashlib.sha256(_by_sqlglot(statement.sql, dialect, written).encode()).hexdigest()


# --- running --------------------------------------------------------------------------------------------

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
    kinds = [it.type.name.removesuffix("_STATEMENT") for it in connection.extract_statements(statement.sql)]
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
