"""Functions that PostgreSQL calls by a dot: ``(x).f`` is ``f(x)`` unless ``x`` has a field of that name.

So is ``x.f`` if ``x`` is the result of a function in FROM, since that is one value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlglot import exp

#: The columns that PostgreSQL's own functions have in FROM.
_COLUMNS: Final = frozenset({"key", "value", "ordinality"})
#: Functions whose only column has the name of the source; others have names of their own.
_NAMED_BY_SOURCE: Final = frozenset(
    """
    generate_series generate_subscripts json_object_keys jsonb_object_keys jsonb_path_query regexp_matches
    regexp_split_to_table string_to_table unnest
    """.split()
)


def functions_by_dot(tree: exp.Expr, words: Mapping[int, str], allowed: Collection[str]) -> list[str]:
    """Return the names of fields and columns that may be functions, but for those allowed.

    The positions of the SQL's words tell which name calls a function.
    """
    from sqlglot import exp

    results = _results_of_functions(tree, words)
    names: list[str] = []
    for node in tree.find_all(exp.Column, exp.Dot):
        part, columns = node.this, results.get(node.text("table").lower())
        if isinstance(node, exp.Dot):
            part, columns = node.expression, _COLUMNS
        if isinstance(part, exp.Identifier) and columns is not None and _folded(part) not in columns:
            names.append(part.name)
    return [name for name in names if name.lower() not in allowed]


def _results_of_functions(tree: exp.Expr, words: Mapping[int, str]) -> dict[str, frozenset[str]]:
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
        name = words.get(
            called.meta.get("start", -1), "unnest" if isinstance(called, exp.Unnest) else called.key
        ).lower()
        columns = frozenset(map(_folded, alias.columns)) if alias else frozenset()
        if isinstance(offset := source.args.get("offset"), exp.Identifier):  # the last one of an unnest
            columns |= {_folded(offset)}
        if not columns and name in _NAMED_BY_SOURCE:
            columns = frozenset({(source.alias or name).lower()})
        name = (source.alias or name).lower()
        found = columns | _COLUMNS
        results[name] = results.get(name, found) & found
    return results


def _folded(name: exp.Expr) -> str:
    """Return a name as PostgreSQL compares it: in lower case, unless it is quoted."""
    part = name.this if name.key == "columndef" else name
    return str(part.name) if part.args.get("quoted") else str(part.name).lower()
