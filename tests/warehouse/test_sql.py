"""SQL: what is refused, the tables that it reads, and what differs in writing alone."""

from unittest.mock import Mock

import pytest
from sqlglot.errors import OptimizeError

from connecty_frames.errors import QueryRefused
from connecty_frames.warehouse.sql import fingerprint, parse, parse_any, tables
from tests.cases import cases

SQL = "SELECT o.a, sum(o.b) FROM orders o JOIN users c ON o.c = c.id WHERE c.city = 'Oslo' GROUP BY o.a"


@cases(
    ("sql", "dialect", "reason"),
    [
        ("SELECT 1; SELECT 2", "postgres", "has 2 statements"),
        ("SELECT 1; DROP TABLE t", "duckdb", "has 2 statements"),
        ("; SELECT 1", "duckdb", "begins with a semicolon"),
        ("", "postgres", "is empty"),
        ("-- nothing", "postgres", "is empty"),
        ("DROP TABLE t", "postgres", "has DROP, which is more than a query"),
        ("INSERT INTO t SELECT 1", "sqlite", "has INSERT"),
        ("UPDATE t SET a = 1", "snowflake", "has UPDATE"),
        ("MERGE INTO t USING s ON a = b WHEN MATCHED THEN DELETE", "snowflake", "has MERGE"),
        ("CREATE TABLE t AS SELECT 1", "bigquery", "has CREATE"),
        ("TRUNCATE TABLE t", "postgres", "has TRUNCATETABLE"),
        ("COPY t TO '/tmp/x'", "postgres", "has COPY"),
        ("ATTACH 'a.db' AS a", "duckdb", "has ATTACH"),
        ("PRAGMA query_only = 0", "sqlite", "has PRAGMA"),
        ("SET statement_timeout = 0", "postgres", "has SET"),
        ("BEGIN", "postgres", "has TRANSACTION"),
        ("COMMIT", "postgres", "has COMMIT"),
        ("USE other", "snowflake", "has USE"),
        ("CALL f()", "postgres", "has COMMAND"),
        ("EXPLAIN SELECT 1", "postgres", "has COMMAND"),
        ("DESCRIBE t", "duckdb", "is not a query"),
        ("SELECT * INTO u FROM t", "postgres", "has INTO"),
        ("SELECT a FROM t FOR UPDATE", "postgres", "has LOCK"),
        ("SELECT a FROM (SELECT a FROM t FOR SHARE) AS s", "postgres", "has LOCK"),
        ("WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", "postgres", "has DELETE"),
        ("WITH d AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM d", "duckdb", "has INSERT"),
        ("SELECT 1 WHERE 1 IN (WITH u AS (UPDATE t SET n = 1 RETURNING n) FROM u)", "duckdb", "has UPDATE"),
        ("SELEC 1 FRM t", "postgres", "cannot be read as postgres|is not a query|has "),
        ("SELECT (" * 3000, "postgres", "is nested too deeply|cannot be read"),
    ],
)  # fmt: skip
def test_what_is_refused(sql: str, dialect: str, reason: str) -> None:
    """All but one query that writes nothing, at any depth of the parse tree; the error shows the SQL."""
    with pytest.raises(QueryRefused, match=f"The SQL ({reason})"):
        parse(sql, dialect)


@cases(
    ("sql", "dialect"),
    [
        ("SELECT 1", "postgres"),
        ("SELECT a FROM t;;", "postgres"),
        ("(SELECT 1) UNION ALL SELECT 2 ORDER BY 1", "mysql"),
        ("FROM t SELECT a", "duckdb"),
        ("VALUES (1), (2)", "postgres"),
        ("WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT * FROM r", "sqlite"),
        ("SELECT a, row_number() OVER (PARTITION BY b) FROM t QUALIFY 1 = 1", "snowflake"),
        ("SELECT my_schema.f(a) AS updated FROM `p.d.t`, UNNEST(items)", "bigquery"),
    ],
)
def test_what_is_a_query(sql: str, dialect: str) -> None:
    """Functions are not judged: only the role of the connection stops what they may do."""
    assert parse(sql, dialect).sql == sql.rstrip(";")


@cases(
    ("sql", "sent"),
    [
        ("SELECT 1 ; -- the end", "SELECT 1"),
        ("/* a */ SELECT 'x;' -- b\n, 2 -- c", "/* a */ SELECT 'x;' -- b\n, 2"),
        ('SELECT 1 AS "a;" ;\n', 'SELECT 1 AS "a;"'),
    ],
)
def test_what_is_sent(sql: str, sent: str) -> None:
    """The text as it was written, without the semicolon and the comments at its end."""
    assert parse(sql, "postgres").sql == sent


def test_sqlglot_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """It logs statements that it takes for commands, whose text a server sent."""
    with pytest.raises(QueryRefused):
        parse("CALL secret_of_a_server()", "postgres")
    assert caplog.text == ""


@cases(
    ("sql", "expected"),
    [
        ("SELECT a FROM s.t JOIN u USING (a)", ("s.t", "u")),
        ("WITH q AS (SELECT 1 FROM t) SELECT * FROM q AS x, w", ("t", "w")),
        ("WITH q AS (SELECT 1 FROM q) SELECT (SELECT 1 FROM q) FROM t UNION SELECT 1 FROM t", ("q", "t")),
        ("SELECT a FROM `project.dataset.table` AS x, UNNEST(x.items)", ("project.dataset.table",)),
        ("SELECT a FROM [db].[dbo].[orders]", ("db.dbo.orders",)),
        ("SELECT a:b::string FROM db.s.t, LATERAL FLATTEN(input => t.x)", ("db.s.t",)),
        ("SELECT 1", ()),
    ],
)
def test_tables(sql: str, expected: tuple[str, ...]) -> None:
    """Each once, of any of the common dialects, without the names of WITH."""
    assert tuple(sorted(tables(parse_any(sql)))) == expected


def of(sql: str) -> str:
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
    with pytest.raises(QueryRefused, match="cannot be read as duckdb: Cannot build a scope"):
        tables(statement)
