"""What DuckDB reads in a query, live: by its own client and by ADBC."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

import connecty_frames as cf
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A table of Python, which DuckDB finds by the name of its variable.
secret_frame = pa.table({"a": pa.array([1], pa.int64())})

#: SQL, and what the message says of it.
REFUSED = [
    ("SELECT a FROM p.csv", "reads 'p.csv', which is not a table or view of this database"),
    ('SELECT a FROM "p.csv"', "reads 'p.csv'"),
    ('SELECT a FROM (TABLE "p.csv")', "reads 'p.csv'"),
    ("SELECT a FROM g.geojson", "reads 'g.geojson'"),
    ("SELECT a FROM other.ddb", "reads 'other.ddb', which is in another database"),
    ("SELECT a FROM x.gpkg", "reads 'x.gpkg'"),
    ("SELECT a FROM secret_frame", "reads 'secret_frame'"),
    ("SELECT a FROM other.t", "reads 'other.t', which is in another database"),
    ("SELECT a FROM other.main.t", "reads 'other.main.t', which is in another database"),
    ("SELECT a FROM nothing_here", "reads 'nothing_here'"),
    ('SELECT a FROM "x""y"', "which is not named like a table"),
    # Names of WITH out of their scope
    ('WITH "p.csv" AS (SELECT * FROM "p.csv") SELECT a FROM "p.csv"', "reads 'p.csv'"),
    ('WITH "p.csv" AS MATERIALIZED (SELECT * FROM "p.csv") SELECT a FROM "p.csv"', "reads 'p.csv'"),
    ('WITH q AS (SELECT * FROM "p.csv"), "p.csv" AS (SELECT 1 AS a) SELECT a FROM q', "reads 'p.csv'"),
    ('SELECT a FROM (WITH "p.csv" AS (SELECT 1 AS b) FROM "p.csv"), "p.csv"', "reads 'p.csv'"),
    ('WITH RECURSIVE "p.csv" AS (SELECT a FROM "p.csv" UNION ALL SELECT 1) FROM "p.csv"', "reads 'p.csv'"),
    ('WITH "p.csv" AS (SELECT 1 AS a) SELECT a FROM main."p.csv"', "reads 'main.p.csv'"),
    ('WITH "\u212a.csv" AS (SELECT 1 AS a) SELECT a FROM "k.csv"', "reads 'k.csv'"),
    # In every place
    ('SELECT (FROM "p.csv") AS a', "reads 'p.csv'"),
    ('SELECT a FROM t WHERE a IN (SELECT a FROM "p.csv")', "reads 'p.csv'"),
    ('SELECT a FROM t LIMIT (SELECT count(*) FROM "p.csv")', "reads 'p.csv'"),
    ('SELECT list_filter([1], v -> v IN (SELECT a FROM "p.csv")) AS a', "reads 'p.csv'"),
    ('SELECT a FROM t SEMI JOIN "p.csv" USING (a)', "reads 'p.csv'"),
    ('SELECT a FROM t UNION ALL BY NAME SELECT a FROM "p.csv"', "reads 'p.csv'"),
    # What is no query, or does not serialise
    ("SELECT a FROM t PIVOT (sum(a) FOR b IN (SELECT b FROM t))", "cannot be read"),
    ("SELECT a::inet AS a FROM t", "has the type 'inet'"),
    ("SELECT text(a, 'x') AS a FROM t", "calls 'text'"),  # of the extension excel
    ("SELECT a FROM t WHERE", "cannot be read"),
]


@pytest.fixture(scope="module")
def _files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Work in a folder with files."""
    folder = tmp_path_factory.mktemp("duckdb")
    (folder / "p.csv").write_text("a\n1\n", "utf-8")
    (folder / "k.csv").write_text("a\n1\n", "utf-8")
    (folder / "g.geojson").write_text("{}", "utf-8")
    with duckdb.connect(str(folder / "other.ddb")) as other:
        other.execute("CREATE TABLE t (a INT)")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        yield


@pytest.fixture(scope="module", params=["duckdb", "adbc"])
def connection(request: pytest.FixtureRequest, _files: None) -> Iterator[Any]:
    """Return a database with tables, which no query changes."""
    setup = (
        "CREATE TABLE t AS SELECT 1 AS a, 'x' AS b",
        "CREATE VIEW v AS SELECT 2 AS a",
        "CREATE SCHEMA shop",
        "CREATE TABLE shop.orders AS SELECT 3 AS a",
        "CREATE TEMP TABLE mine AS SELECT 4 AS a",
        "CREATE SEQUENCE s",
        "ATTACH ':memory:' AS other",
        "CREATE TABLE other.t AS SELECT 5 AS a",
        *(f"CREATE MACRO {name} AS 'x'" for name in ("lower(x)", "current_database()", "txid_current()")),
        'CREATE MACRO json_serialize_sql(x) AS \'{"error": false, "statements": []}\'',
    )
    if request.param == "duckdb":
        with duckdb.connect() as made:
            for statement in setup:
                made.execute(statement)
            yield made
    else:
        adbc = pytest.importorskip("adbc_driver_duckdb.dbapi")
        with closing(adbc.connect(autocommit=True)) as made:
            with made.cursor() as cursor:
                for statement in setup:
                    cursor.execute(statement)
            yield made


def rerun(connection: Any, sql: str, **options: Any) -> list[Any]:
    """Return the column ``a`` of a query."""
    metadata = cf.AnswerMetadata(sql_query=sql, schema=[{"name": "a", "type": "int64", "evidence": ""}])
    values: list[Any] = (
        cf.rerun(metadata, connection, dialect="duckdb", **options).read_all()["a"].to_pylist()
    )
    return values


def test_a_connection_that_does_not_tell_of_transactions(
    connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ADBC the private attribute that tells may go: nothing is run then."""
    if isinstance(connection, duckdb.DuckDBPyConnection):
        assert rerun(connection, "SELECT a FROM t") == [1]
        return
    monkeypatch.delattr(connection, "_autocommit")
    with pytest.raises(cf.ConfigError, match="does not reveal whether a transaction may be open"):
        rerun(connection, "SELECT a FROM t")


@cases(("sql", "reason"), REFUSED)
def test_what_is_refused(connection: Any, sql: str, reason: str) -> None:
    """With the reason; the connection is free again."""
    with pytest.raises(cf.QueryRefused) as caught:
        rerun(connection, sql)

    assert reason in str(caught.value)
    assert rerun(connection, "SELECT a FROM t") == [1]


@cases(
    ("sql", "values"),
    [
        ("SELECT a FROM v", [2]),
        ("SELECT a FROM shop.orders", [3]),
        ("SELECT a FROM memory.shop.ORDERS", [3]),
        ("SELECT a FROM mine", [4]),
        ('WITH "p.csv" AS (SELECT 6 AS a) SELECT a FROM (SELECT a FROM "P.csv")', [6]),
        ("WITH q AS MATERIALIZED (SELECT a FROM t), r AS (SELECT a FROM q) SELECT a FROM r", [1]),
        ("WITH RECURSIVE r(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM r WHERE a < 3) FROM r", [1, 2, 3]),
        ("SELECT x AS a FROM t PIVOT (sum(a) FOR b IN ('x'))", [1]),
        ("SELECT s.a FROM (SELECT {'a': unnest([7, 8])} AS s)", [7, 8]),
        ("SELECT r AS a FROM t, range(2) AS q(r)", [0, 1]),
        ("SELECT sum(a::DECIMAL(9, 2)) OVER (ORDER BY b DESC) AS a FROM t", [1]),
    ],
)
def test_what_passes(connection: Any, sql: str, values: list[int]) -> None:
    """Tables and views of the database, and names of WITH in their scope."""
    assert rerun(connection, sql) == values


def test_functions_of_the_user(connection: Any) -> None:
    """They are allowed by name, as elsewhere, with the schema that the SQL writes."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE MACRO shop.twice(x) AS x * 2")

    with pytest.raises(cf.QueryRefused, match=r"calls 'shop\.twice'"):
        rerun(connection, "SELECT shop.twice(a) AS a FROM t")
    assert rerun(connection, "SELECT shop.twice(a) AS a FROM t", functions=["shop.twice"]) == [2]


def test_a_pivot_needs_the_names_of_its_values(connection: Any) -> None:
    """Otherwise DuckDB makes several statements of it, and cannot say what it reads."""
    with pytest.raises(cf.QueryRefused, match=r"PIVOT"):
        rerun(connection, "PIVOT t ON b USING sum(a)")


def test_the_dialect_of_adbc(connection: Any) -> None:
    """The driver tells which database it is."""
    metadata = cf.AnswerMetadata(sql_query="SELECT 1 AS a", schema=[])
    with pytest.raises(cf.ConfigError, match="expected 'duckdb'"):
        cf.rerun(metadata, connection, dialect="postgres")


def test_the_transaction_is_read_only(connection: Any) -> None:
    """The error of the driver says so; its class depends on client and version."""
    with pytest.raises(Exception, match="read-only"):
        rerun(connection, "SELECT nextval('s') AS a", functions=["nextval"])
