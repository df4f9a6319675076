"""What a statement reads, and whether another one is the same."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from connecty_frames._base.text import excerpt, with_excerpt
from connecty_frames.errors import QueryRefused
from connecty_frames.warehouse.tokens import quiet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connecty_frames.warehouse.guard import Statement

#: The most characters of SQL that an error shows.
_SHOWN: Final = 300


def tables(statement: Statement) -> tuple[str, ...]:
    """Return the tables that feed a statement, each once, in order, with the schemas that it writes."""
    # Names of ``WITH`` are left out: what these read is listed. A part that is no query is a QueryRefused.
    from sqlglot.errors import OptimizeError

    try:
        with quiet():
            return tuple(dict.fromkeys(_tables(statement)))
    except OptimizeError as error:
        raise QueryRefused(
            with_excerpt(f"The tables of this SQL cannot be found ({error}):", excerpt(statement.sql, _SHOWN))
        ) from None


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
    with quiet():
        tree = normalize_identifiers(statement.tree.copy(), dialect=dialect)
        tree = qualify_tables(tree, dialect=dialect, canonicalize_table_aliases=True)
        return hashlib.sha256(tree.sql(dialect, comments=False).encode()).hexdigest()
