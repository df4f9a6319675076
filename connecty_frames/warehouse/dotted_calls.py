"""Functions that PostgreSQL calls by a dot: ``(x).f`` is ``f(x)`` unless ``x`` has a field of that name.

So is ``x.f`` if ``x`` is the result of a function in FROM, since that is one value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlglot import exp

__all__ = ["CALLS_BY_DOT", "functions_by_dot"]

#: The dialects that call functions so.
CALLS_BY_DOT: Final = frozenset({"postgres", "redshift", "materialize", "risingwave"})
#: The columns that PostgreSQL's own functions have in FROM.
_COLUMNS: Final = frozenset({"key", "value", "ordinality"})


def functions_by_dot(tree: exp.Expr, allowed: Collection[str]) -> list[str]:
    """Return the names of fields and columns that may be functions, each once, but for those allowed."""
    from sqlglot import exp

    results = _results_of_functions(tree)
    names: dict[str, None] = {}
    for node in tree.find_all(exp.Column, exp.Dot):
        part, columns = node.this, results.get(node.text("table").lower())
        if isinstance(node, exp.Dot):
            part, columns = node.expression, _COLUMNS
        if isinstance(part, exp.Identifier) and columns is not None and _folded(part) not in columns:
            names[part.name] = None
    return [name for name in names if name.lower() not in allowed]


def _results_of_functions(tree: exp.Expr) -> dict[str, frozenset[str]]:
    """Return the names that functions in FROM have, in lower case, and those of their columns.

    Scopes are not told apart: of two functions of one name, the columns are those that both have.
    """
    from sqlglot import exp

    results: dict[str, frozenset[str]] = {}
    for source in tree.find_all(exp.Table, exp.Lateral, exp.Unnest):
        called = source if isinstance(source, exp.Unnest) else source.this or source.args["rows_from"][0]
        if isinstance(called, exp.Table):  # of ROWS FROM
            called = called.this
        if not isinstance(called, exp.Func):
            continue
        alias = source.args.get("alias")
        columns = frozenset(map(_folded, alias.columns)) if alias else frozenset()
        for name in [source.alias] if source.alias else _names(called):
            # Without names of columns, the only one has that of the source.
            found = (columns or frozenset({name.lower()})) | _COLUMNS
            results[name.lower()] = results.get(name.lower(), found) & found
    return results


def _names(function: exp.Func) -> list[str]:
    """Return the names by which the SQL may have called a function; sqlglot keeps only those it lacks."""
    from sqlglot import exp

    if isinstance(function, exp.GenerateSeries):
        return ["generate_series"]
    return [function.name] if isinstance(function, exp.Anonymous) else function.sql_names()


def _folded(name: exp.Expr) -> str:
    """Return a name as PostgreSQL compares it: in lower case, unless it is quoted."""
    part = name.this if name.key == "columndef" else name
    return str(part.name) if part.args.get("quoted") else str(part.name).lower()
