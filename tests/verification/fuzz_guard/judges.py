"""What the databases themselves say of a query that passed the guard."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

import duckdb
import pyarrow as pa

from connecty_frames.warehouse import duckdb_reading, guard
from connecty_frames.warehouse.functions import FUNCTIONS, ROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connecty_frames.warehouse.guard import Statement

__all__ = ["JUDGES", "Judge"]

_SCHEMA: Final = """
CREATE TABLE customers (id int, name text, email text, country text, city text, segment text,
    created_at timestamp, tags text[]);
CREATE TABLE orders (id int, customer_id int, ordered_at timestamp, status text, total numeric(12, 2));
CREATE TABLE order_items (id int, order_id int, product_id int, quantity int, unit_price numeric(12, 2));
CREATE TABLE products (id int, name text, category text);
CREATE TABLE employees (id int, name text, manager_id int);
CREATE TABLE events (id int, type text, payload json);
INSERT INTO orders VALUES (1, 1, '2025-01-01', 'completed', 10.5), (2, 1, '2025-02-01', 'returned', 3);
INSERT INTO customers (id, name, country) VALUES (1, 'Ada', 'Poland');
"""


class Judge(Protocol):
    """A database that says what it reads in a query."""

    def passes(self, text: str) -> Statement:
        """Return what the guard lets through; raise QueryRefused for the rest."""

    def findings(self, statement: Statement) -> list[str]:
        """Return what a query does that the guard should have refused."""

    def runs(self, statement: Statement) -> bool:
        """Return whether it runs."""


def _called(statement: Statement) -> set[str]:
    """Return the words that a parenthesis follows in the text that is sent."""
    return {word.lower() for word in re.findall(r"""([^\W\d][\w$]*)["`\]]?\s*\(""", statement.sql)}


def _tables(statement: Statement) -> set[str]:
    """Return the last parts of the names of the tables that sqlglot reads, and of WITH."""
    from sqlglot import exp

    tables = {table.name.lower() for table in statement.tree.find_all(exp.Table)}
    return tables | {cte.alias.lower() for cte in statement.tree.find_all(exp.CTE)}


def _width(statement: Statement) -> int | None:
    """Return the number of columns that sqlglot reads, None if a star decides."""
    from sqlglot import exp

    selects: list[exp.Expr] = getattr(statement.tree, "selects", [])
    several = any(each.find(exp.Star, exp.Columns, exp.Unnest, exp.Explode) for each in selects)
    return None if several or not selects else len(selects)


def _unknown(names: set[str], statement: Statement, implied: frozenset[str]) -> list[str]:
    """Return findings for functions: those that are not allowed, and those that the text does not call."""
    allowed = FUNCTIONS | ROWS | implied
    return [f"calls {name}" for name in sorted(names - allowed)] + [
        f"reads a call of {name}" for name in sorted(names & allowed - _called(statement) - implied)
    ]


class Sqlite:
    """SQLite tells its authorizer of each function, table and column while it prepares a statement."""

    #: Functions that operators and keywords call.
    IMPLIED: Final = frozenset(
        ["like", "glob", "match", "regexp", "->", "->>", "current_date", "current_time", "current_timestamp"]
    )

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.connection.executescript(_SCHEMA.replace("text[]", "text"))
        self.connection.create_function("leak", -1, lambda *_: 1 / 0)
        self.seen: list[tuple[int, str | None, str | None]] = []

    def passes(self, text: str) -> Statement:
        """See Judge."""
        return guard.check(text, "sqlite")

    def findings(self, statement: Statement) -> list[str]:
        """See Judge."""
        from sqlglot import exp

        self.seen = []
        self.connection.set_authorizer(self._note)
        try:
            self.connection.execute(f"EXPLAIN {statement.sql}").fetchall()
            functions = {
                (second or "").lower() for kind, _, second in self.seen if kind == sqlite3.SQLITE_FUNCTION
            }
            found = _unknown(functions, statement, self.IMPLIED)
            known = {*re.findall(r"TABLE (\w+)", _SCHEMA), "json_each", "json_tree", "sqlite_master"} | {
                cte.alias.lower() for cte in statement.tree.find_all(exp.CTE)
            }
            read = {(first or "").lower() for kind, first, _ in self.seen if kind == sqlite3.SQLITE_READ}
            found += [f"reads {name}" for name in sorted(read - known - {""})]
            harmless = {
                sqlite3.SQLITE_FUNCTION,
                sqlite3.SQLITE_READ,
                sqlite3.SQLITE_SELECT,
                sqlite3.SQLITE_RECURSIVE,
            }
            found += [f"does {kind} {first}" for kind, first, _ in self.seen if kind not in harmless]
        except (sqlite3.Error, sqlite3.Warning, ValueError, UnicodeError):
            return []  # SQLite cannot read it either
        finally:
            self.connection.set_authorizer(None)
        return found + self._other_width(statement)

    def _other_width(self, statement: Statement) -> list[str]:
        width = _width(statement)
        with suppress(sqlite3.Error, sqlite3.Warning):
            cursor = self.connection.execute(f"SELECT * FROM ({statement.sql}) LIMIT 0")
            if width is not None and len(cursor.description) != width:
                return [f"has {len(cursor.description)} columns, not {width}"]
        return []

    def runs(self, statement: Statement) -> bool:
        """See Judge."""
        self.connection.set_progress_handler(lambda: 1, 200_000)
        try:
            self.connection.execute(statement.sql).fetchmany(10)
        except (sqlite3.Error, sqlite3.Warning, ValueError, UnicodeError):
            return False
        return True

    def _note(self, kind: int, first: str | None, second: str | None, *_: object) -> int:
        self.seen.append((kind, first, second))
        return sqlite3.SQLITE_OK


class DuckDb:
    """DuckDB binds a statement to explain it; what is outside of the database is closed, or raises."""

    #: Functions that operators and keywords call.
    IMPLIED: Final = duckdb_reading._SYNTAX | {"invoke", "normalized_interval"}  # GROUP BY an interval
    #: Operators of a plan that read something else than a table; another database, and functions that
    #: raise; and what errors say of what is closed.
    OPERATORS: Final = re.compile(r"READ_\w+|ARROW_SCAN\w*|PANDAS_SCAN|PYTHON_MAP\w*|GLOB|.*FUNCTION_SCAN.*")
    OTHERS: Final = re.compile(r"\bleaked\b|CANARY")
    #: What DuckDB itself calls where a subquery in place of a value may return several rows.
    ONE_ROW: Final = """\\"error\\"('More than one row returned by a subquery"""
    ERRORS: Final = re.compile(r"CANARY|disabled by configuration|disabled through configuration|autoload")

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        for statement in [
            *_SCHEMA.split(";"),
            "CREATE MACRO leak(x) AS error('CANARY')",
            "ATTACH ':memory:' AS other",
            "CREATE TABLE other.leaked (a int)",
            "SET enable_external_access = false",
            "PRAGMA disable_optimizer",  # it replaces calls by their values
        ]:
            self.connection.execute(statement)
        names = self.connection.execute("SELECT DISTINCT lower(function_name) FROM duckdb_functions()")
        self.refused = {name for (name,) in names.fetchall()} - FUNCTIONS - ROWS - self.IMPLIED
        self.secret_frame = pa.table({"a": pa.array([1], pa.int64())})

    def passes(self, text: str) -> Statement:
        """See Judge; DuckDB's own reading is part of the guard."""
        statement = guard.check(text, "duckdb")
        duckdb_reading.check_reading(statement, lambda *query: self.connection.execute(*query).fetchall())
        return statement

    def findings(self, statement: Statement) -> list[str]:
        """See Judge."""
        secret_frame = self.secret_frame  # noqa: F841 - DuckDB looks for variables of this name
        try:
            plan = self.connection.execute(f"EXPLAIN (FORMAT json) {statement.sql}").fetchall()[0][-1]
            columns = self.connection.execute(f"DESCRIBE {statement.sql}").fetchall()
        except duckdb.Error as error:
            return sorted(set(self.ERRORS.findall(str(error).partition("LINE 1")[0])))
        operators = re.findall(r'"name": "(\w+)', plan)
        found = sorted({each for each in operators if self.OPERATORS.fullmatch(each)})
        found += sorted(set(self.OTHERS.findall(plan)))
        outside_of_texts = re.sub(r"'(?:[^']|'')*'", "''", plan.replace(self.ONE_ROW, "'").lower())
        calls = set(re.findall(r'(\w+)(?:\\")?\(', outside_of_texts))
        found += [f"calls {name}" for name in sorted(calls & self.refused)]
        width = _width(statement)
        if width is not None and len(columns) != width:
            found.append(f"has {len(columns)} columns, not {width}")
        return found

    def runs(self, statement: Statement) -> bool:
        """See Judge."""
        secret_frame = self.secret_frame  # noqa: F841 - as above
        try:
            self.connection.execute(statement.sql).fetchmany(10)
        except duckdb.Error as error:
            if "CANARY" in str(error):
                raise AssertionError(statement.sql) from error
            return False
        return True


class Postgres:
    """PostgreSQL keeps the parse tree of a view, with the number of each function and table in it."""

    #: Functions that keywords and operators call.
    IMPLIED: Final = frozenset(
        """
        btrim current_catalog current_role current_schema current_user extract is_normalized like_escape ltrim
        normalize overlaps overlay position rtrim session_user similar_to_escape substring timezone
        """.split()
    )

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        connection.autocommit = True
        leaks = "".join(
            f"CREATE FUNCTION leak({type_}) RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE ''CANARY''; END';"
            for type_ in ("", "text", "int", "bigint", "timestamptz", "numeric")
        )
        connection.execute(_SCHEMA.replace("json)", "jsonb)") + leaks)
        connection.execute("SET statement_timeout = '2s'")
        connection.execute("SET standard_conforming_strings = on")
        self.functions = dict(connection.execute("SELECT oid::int, proname FROM pg_proc").fetchall())
        self.casts = {oid for (oid,) in connection.execute("SELECT castfunc::int FROM pg_cast").fetchall()}

    def passes(self, text: str) -> Statement:
        """See Judge."""
        return guard.check(text, "postgres")

    def findings(self, statement: Statement) -> list[str]:
        """See Judge."""
        import psycopg

        names: set[str] = set()
        with suppress(psycopg.Error), self.connection.transaction(force_rollback=True):
            self.connection.execute(f"CREATE TEMP VIEW v AS SELECT 1 FROM ({statement.sql}) AS q".encode())
            tree = self.connection.execute(
                "SELECT ev_action::text FROM pg_rewrite WHERE ev_class = 'v'::regclass"
            ).fetchone()[0]
            for call in re.finditer(
                r"FUNCEXPR :funcid (\d+) .*?:funcformat (\d)|:(?:aggfnoid|winfnoid) (\d+)", tree
            ):
                oid = int(call[1] or call[3])
                if call[2] not in {"1", "2"} or oid not in self.casts:
                    names.add(self.functions[oid])
            # Only PostgreSQL knows whether o.count is a column of a table, or a known function of its row.
            columns = set(re.findall(r"\.\s*\"?(\w+)", statement.sql.lower())) & FUNCTIONS
            found = _unknown(names, statement, self.IMPLIED | columns)
            relations = {int(oid) for oid in re.findall(r"RTE [^{]*?:rtekind 0 :relid (\d+)", tree)}
            query = "SELECT relname FROM pg_class WHERE oid::int = ANY(%s) AND relname <> 'v'"
            read = {name for (name,) in self.connection.execute(query, [list(relations)]).fetchall()}
            return found + [f"reads {name}" for name in sorted(read - _tables(statement))]
        return []  # PostgreSQL cannot read it either

    def runs(self, statement: Statement) -> bool:
        """See Judge."""
        import psycopg

        try:
            with self.connection.transaction(force_rollback=True):
                self.connection.execute("SET TRANSACTION READ ONLY")
                cursor = self.connection.execute(f"SELECT * FROM ({statement.sql}) AS q LIMIT 10".encode())
                width = _width(statement)
                if width is not None and len(cursor.description) != width:
                    raise AssertionError(
                        f"{statement.sql} has {len(cursor.description)} columns, not {width}"
                    )
        except psycopg.Error as error:
            if "CANARY" in str(error):
                raise AssertionError(statement.sql) from error
            return False
        return True


@contextmanager
def _postgres() -> Iterator[Judge]:
    from tests.verification.fidelity.warehouses.servers import postgres

    with postgres() as connection:
        yield Postgres(connection)


@contextmanager
def _without_server(make: Callable[[], Sqlite | DuckDb]) -> Iterator[Judge]:
    judge = make()
    with closing(judge.connection):
        yield judge


#: A context with the judge for each dialect.
JUDGES: Final[dict[str, Callable[[], Any]]] = {
    "postgres": _postgres,
    "duckdb": lambda: _without_server(DuckDb),
    "sqlite": lambda: _without_server(Sqlite),
}
