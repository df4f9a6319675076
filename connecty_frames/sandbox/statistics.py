"""What the service tells about each column besides its values.

The API document says "statistics calculated for a column depends on its type" and shows three sections:
``general`` for every column, ``temporal`` and ``string``. Numbers and booleans must have something of
the kind; ``numeric`` and ``boolean`` are our guess at it, and ``documented_only`` leaves them out.

All of it is about the whole result, however few rows are sent, and one SELECT computes all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from connecty_frames.sandbox.values import BOOLEAN, NUMERIC, TEMPORAL, TEXT, floating_text, json_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection
    from duckdb.sqltypes import DuckDBPyType

__all__ = ["measure"]

#: Sections that the API document does not show.
_GUESSED: Final = frozenset({"numeric", "boolean"})
#: Every distinct count here is an exact one.
_NOT_APPROXIMATE: Final = "'false'"


def measure(
    cursor: DuckDBPyConnection,
    table: str,
    names: Sequence[str],
    kinds: Sequence[DuckDBPyType],
    *,
    documented_only: bool,
) -> bytes:
    """Compute the statistics of a table whose columns are called ``c0``, ``c1`` and so on.

    Parameters
    ----------
    names
        What the columns are called in the answer. Of columns with the same name the first keeps the entry.
    documented_only
        Leave out the sections that the API document does not show.

    Returns
    -------
    bytes
        The JSON object ``dataframe_stats``.
    """
    fields = [
        (name, section, field, sql)
        for position, (name, kind) in enumerate(zip(names, kinds, strict=True))
        if name not in names[:position]
        for section, field, sql in _fields(f"c{position}", kind)
        if not (documented_only and section in _GUESSED)
    ]
    cursor.execute(f"SELECT {', '.join(sql for *_, sql in fields)} FROM {table}")  # noqa: S608 - our own names
    texts: tuple[Any, ...] = cursor.fetchall()[0]
    statistics: dict[str, dict[str, dict[str, msgspec.Raw]]] = {}
    for (name, section, field, _), text in zip(fields, texts, strict=True):
        statistics.setdefault(name, {}).setdefault(section, {})[field] = msgspec.Raw(text.encode())
    return msgspec.json.encode(statistics)


def _fields(column: str, kind: DuckDBPyType) -> Iterator[tuple[str, str, str]]:
    """Give section, field and the SQL of its JSON text for everything told of a column."""
    yield "general", "count", _number("count(*)")
    yield "general", "nulls_count", _number(f"count(*) - count({column})")
    section = _section(kind)
    if section in {"temporal", "string", "numeric"}:
        yield section, "distinct_count", _number(f"count(DISTINCT {column})")
        yield section, "distinct_approx", _NOT_APPROXIMATE
    if section in {"temporal", "numeric"}:
        yield section, "min", json_text(f"min({column})", kind)
        yield section, "max", json_text(f"max({column})", kind)
    if section == "numeric":
        mean = f"avg(CAST({column} AS DOUBLE))"
        yield section, "mean", f"CASE WHEN {mean} IS NULL THEN 'null' ELSE {floating_text(mean)} END"
    if section == "string":
        text = f"CAST({column} AS VARCHAR)"
        yield section, "empty_string_count", _number(f"count(*) FILTER ({text} = '')")
        yield section, "min_len", _number(f"min(length({text}))")
        yield section, "mean_len", _number(f"round(avg(length({text})), 2)")
        yield section, "max_len", _number(f"max(length({text}))")
    if section == "boolean":
        yield section, "true_count", _number(f"count(*) FILTER ({column})")
        yield section, "false_count", _number(f"count(*) FILTER (NOT {column})")


def _section(kind: DuckDBPyType) -> str | None:
    """Give the section beside ``general`` that a type has, None where it has no other."""
    sections = {"temporal": TEMPORAL, "string": TEXT, "numeric": NUMERIC, "boolean": BOOLEAN}
    return next((section for section, kinds in sections.items() if kind.id in kinds), None)


def _number(sql: str) -> str:
    """Give SQL for the JSON text of a count or a length; ``null`` for NULL."""
    return f"coalesce(CAST({sql} AS VARCHAR), 'null')"
