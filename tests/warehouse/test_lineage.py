"""Fingerprints: what differs in writing alone is the same SQL."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from sqlglot.errors import OptimizeError

from connecty_frames.errors import QueryRefused
from connecty_frames.warehouse.guard import parse
from connecty_frames.warehouse.lineage import fingerprint, tables
from tests.cases import cases

SQL = "SELECT o.a, sum(o.b) FROM orders o JOIN users c ON o.c = c.id WHERE c.city = 'Oslo' GROUP BY o.a"


def of(sql: str) -> str:
    """Return the fingerprint of SQL of PostgreSQL."""
    return fingerprint(parse(sql, "postgres"))


@cases(
    "sql",
    [
        SQL.replace(" ", "\n  ") + ";",
        "-- the totals\n" + SQL.replace("WHERE", "/* only one */ WHERE"),
        "SELECT O.A, SUM(O.B) FROM Orders O JOIN USERS C ON O.C = C.ID WHERE C.City = 'Oslo' GROUP BY O.a",
        "SELECT x.a, sum(x.b) FROM orders AS x JOIN users y ON x.c = y.id WHERE y.city = 'Oslo' GROUP BY x.a",
    ],
)
def test_the_same_sql(sql: str) -> None:
    """Layout, comments, case and aliases of tables say nothing."""
    assert of(sql) == of(SQL)


@cases(
    "sql",
    [
        SQL.replace("'Oslo'", "'oslo'"),
        SQL.replace("o.b", "o.d"),
        SQL.replace("orders", "old.orders"),
        SQL.replace("JOIN", "LEFT JOIN"),
        SQL.replace("sum", "avg"),
        SQL.replace("orders o", '"Orders" o'),
    ],
)
def test_other_sql(sql: str) -> None:
    """Literals, columns, tables and functions do, and so does the case of a quoted name."""
    assert of(sql) != of(SQL)


def test_what_sqlglot_cannot_analyse(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is one of ours, as for SELECT 1 UNION DESCRIBE a since sqlglot 30."""
    statement = parse("SELECT 1 UNION DESCRIBE a", "duckdb")
    error = OptimizeError("Cannot build a scope")
    monkeypatch.setattr("sqlglot.optimizer.scope.traverse_scope", Mock(side_effect=error))
    with pytest.raises(QueryRefused, match="tables of this SQL cannot be found"):
        tables(statement)
