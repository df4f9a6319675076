"""The SQL of an answer: read as one query that writes nothing, its tables, and whether another is the same.

This is what the parse tree says. A function may do anything: only a role that can only read stops it.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from connecty_frames._base.text import excerpt, snippet, with_excerpt
from connecty_frames.errors import QueryRefused, missing_extra, wrong_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlglot import exp

_T = TypeVar("_T")

#: Classes of sqlglot that are more than a query, wherever they stand; not every version has all of them.
_WRITES: Final = (
    *("Alter", "Analyze", "Attach", "Cache", "Command", "Commit", "DDL", "DML", "Detach", "Drop", "Execute"),
    *("Export", "Grant", "Install", "Into", "Kill", "LoadData", "Lock", "Pragma", "Put", "Refresh", "Revoke"),
    *("Rollback", "Set", "Transaction", "TruncateTable", "Uncache", "Use"),
)
#: The dialects that are tried for SQL of an unknown one.
_COMMON_DIALECTS: Final = ("postgres", "snowflake", "bigquery", "databricks", "trino", "duckdb", "tsql")
#: How many characters of the SQL a message shows.
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Statement:
    """One query that writes nothing, as far as its parse tree says."""

    sql: str  # without the semicolon and the comments at its end
    dialect: str  # as sqlglot calls it
    tree: exp.Expr


def parse(sql: str, dialect: str) -> Statement:
    """Return SQL as one query; raises QueryRefused or, for the dialect, ConfigError."""
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
        for tree in _read(sql, dialect, lambda: sqlglot.parse(sql, read=dialect))
        if tree is not None and not isinstance(tree, exp.Semicolon)  # which holds the comments behind one
    ]
    if len(trees) != 1:
        raise refused(sql, f"has {len(trees)} statements" if trees else "is empty")
    writes = tuple(getattr(exp, name) for name in _WRITES if hasattr(exp, name))
    for node in trees[0].walk():
        if isinstance(node, writes):
            raise refused(sql, f"has {type(node).__name__.upper()}, which is more than a query")
    if not isinstance(trees[0], exp.Select | exp.SetOperation | exp.Subquery | exp.Values):
        raise refused(sql, "is not a query")
    tokens = _read(sql, dialect, lambda: sqlglot.tokenize(sql, read=dialect))
    if tokens[0].token_type.name == "SEMICOLON":
        raise refused(sql, "begins with a semicolon")
    while tokens[-1].token_type.name == "SEMICOLON":
        tokens.pop()
    return Statement(sql[: tokens[-1].end + 1], dialect, trees[0])


def parse_any(sql: str) -> Statement:
    """Return SQL as a statement of the first of the common dialects that can read it."""
    for dialect in _COMMON_DIALECTS[:-1]:
        try:
            return parse(sql, dialect)
        except QueryRefused:
            pass
    return parse(sql, _COMMON_DIALECTS[-1])


def refused(sql: str, reason: str) -> QueryRefused:
    """Return the error for SQL, with the reason as its predicate."""
    return QueryRefused(with_excerpt(f"The SQL {reason}. Nothing was sent:", excerpt(sql, _SHOWN)))


def _read(sql: str, dialect: str, read: Callable[[], _T]) -> _T:
    """Return what sqlglot makes of SQL; any failure of it, not its own errors alone, is a refusal."""
    try:
        with _quiet():
            return read()
    except RecursionError:
        raise refused(sql, "is nested too deeply to be read") from None
    except Exception as error:  # noqa: BLE001 - of malformed SQL some versions raise a TypeError
        reason = re.sub(r"\x1b\[\d*m", "", str(error)).partition("\n")[0]
        raise refused(sql, f"cannot be read as {dialect}: {snippet(reason, _SHOWN)}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what sqlglot logs about hostile text out of this thread's log."""
    thread = threading.get_ident()

    def is_of_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("sqlglot")
    logger.addFilter(is_of_others)
    try:
        yield
    finally:
        logger.removeFilter(is_of_others)


# --- what a statement reads, and whether another one is the same --------------------------------------------


def tables(statement: Statement) -> tuple[str, ...]:
    """Return the tables that feed a statement, each once, in order, with the schemas that it writes."""
    # Names of ``WITH`` are left out: what these read is listed. A part that is no query is a QueryRefused.
    return _read(statement.sql, statement.dialect, lambda: tuple(dict.fromkeys(_tables(statement))))


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
    """Return a hash that is the same for SQL that differs in layout, comments, case and aliases of tables."""
    # It depends on the version of sqlglot, so it is computed anew from the SQL if that may have changed.
    from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
    from sqlglot.optimizer.qualify_tables import qualify_tables

    dialect = statement.dialect

    def written() -> Any:
        tree = normalize_identifiers(statement.tree.copy(), dialect=dialect)
        tree = qualify_tables(tree, dialect=dialect, canonicalize_table_aliases=True)
        return tree.sql(dialect, comments=False)

    return hashlib.sha256(_read(statement.sql, dialect, written).encode()).hexdigest()
