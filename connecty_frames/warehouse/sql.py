"""Parse an answer's SQL as a single read-only query, find its tables, and compare queries.

Only the parse tree is checked. A function may do anything unless the role can only read.
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

#: Classes of sqlglot that do more than query, anywhere in the tree; not every version has all of them.
_WRITES: Final = (
    *("Alter", "Analyze", "Attach", "Cache", "Command", "Commit", "DDL", "DML", "Detach", "Drop", "Execute"),
    *("Export", "Grant", "Install", "Into", "Kill", "LoadData", "Lock", "Pragma", "Put", "Refresh", "Revoke"),
    *("Rollback", "Set", "Transaction", "TruncateTable", "Uncache", "Use"),
)
#: The dialects to try if the dialect is unknown.
_COMMON_DIALECTS: Final = ("postgres", "snowflake", "bigquery", "databricks", "trino", "duckdb", "tsql")
#: The most characters of SQL in a message.
_SHOWN: Final = 300


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
        for tree in _read(sql, dialect, lambda: sqlglot.parse(sql, read=dialect))
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
    tokens = _read(sql, dialect, lambda: sqlglot.tokenize(sql, read=dialect))
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


def _read(sql: str, dialect: str, read: Callable[[], _T]) -> _T:
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
    """Hash SQL regardless of layout, comments, case and table aliases."""
    # The hash depends on the version of sqlglot: after a change, compute it again from the SQL.
    from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
    from sqlglot.optimizer.qualify_tables import qualify_tables

    dialect = statement.dialect

    def written() -> Any:
        tree = normalize_identifiers(statement.tree.copy(), dialect=dialect)
        tree = qualify_tables(tree, dialect=dialect, canonicalize_table_aliases=True)
        return tree.sql(dialect, comments=False)

    return hashlib.sha256(_read(statement.sql, dialect, written).encode()).hexdigest()
