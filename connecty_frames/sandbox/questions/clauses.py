"""The clauses of SELECT statements as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from decimal import Decimal

    from connecty_frames.sandbox.questions.query import Operator

#: The longest SELECT clause on one line.
_LINE: Final = 100


class Column(NamedTuple):
    """An expression and its name in the result."""

    sql: str
    name: str


def compares(sql: str, operator: Operator, numbers: tuple[Decimal, ...]) -> str:
    """Return the condition that an expression compares with numbers."""
    texts = [f"{number:f}" for number in numbers]
    return (
        f"{sql} BETWEEN {texts[0]} AND {texts[1]}"
        if operator == "between"
        else f"{sql} {operator} {texts[0]}"
    )


def select_clause(columns: list[Column]) -> str:
    """Return the SELECT clause, on one line if it is short."""
    shown = [
        sql if sql == name or (sql.endswith(f".{name}") and sql.count(".") == 1) else f"{sql} AS {name}"
        for sql, name in columns
    ]
    line = f"SELECT {', '.join(shown)}"
    return line if len(line) <= _LINE else "SELECT\n    " + ",\n    ".join(shown)


def where_clause(conditions: list[str]) -> str:
    """Return the WHERE clause, empty without conditions."""
    return "WHERE " + "\n  AND ".join(conditions) if conditions else ""


def group_clause(groups: list[Column]) -> str:
    """Return the GROUP BY clause, empty without groups."""
    return f"GROUP BY {', '.join(group.sql for group in groups)}" if groups else ""


def lines(*texts: str) -> str:
    """Return the lines that are not empty."""
    return "\n".join(filter(None, texts))


def indented(sql: str) -> str:
    """Return SQL indented, for parentheses around it."""
    return "\n" + "\n".join(f"    {line}" for line in sql.splitlines()) + "\n"
