"""``rerun`` on databases that need no server, and what it is given."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.errors import WARNING_LOCATION
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SQL = "SELECT id, name, amount FROM shop.orders AS o WHERE amount IS NOT NULL ORDER BY id;"
ROWS = [[1, "a", 0.5], [2, "b", 1.25], [3, "c", 984.18]]


def saved(sql: str | None = SQL, count: int | None = 3, rows: list[list[Any]] | None = None) -> cf.Answer:
    """Return an answer of a service, by default the first of three rows."""
    results: dict[str, Any] = {"dataframe": [["id", "name", "amount"], *(rows or ROWS[:1])]}
    if sql is not None:
        results["sql_query"] = sql
    if count is not None:
        general = {"general": {"count": count, "nulls_count": 0}}
        results["dataframe_stats"] = dict.fromkeys(("id", "name", "amount"), general)
    body = json.dumps({"state": "COMPLETED", "results": results})
    return cf.Answer.from_json(body.encode(), max_rows=1, on_truncation="ignore")


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return a database with the rows of the answer."""
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA shop")
        connection.execute("CREATE TABLE shop.orders (id INT, name TEXT, amount DOUBLE)")
        connection.executemany("INSERT INTO shop.orders VALUES (?, ?, ?)", ROWS)
        yield connection


#: The databases of SQLite of a test, which are closed after it.
opened: list[sqlite3.Connection] = []


@pytest.fixture(autouse=True)
def _close_databases() -> Iterator[None]:
    """Close them: Python 3.13 warns of those that are open when they are deleted."""
    yield
    while opened:
        opened.pop().close()


def lite(sql: str = "SELECT 1") -> sqlite3.Connection:
    """Return a database of SQLite with the rows of the answer, after one statement more."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    opened.append(connection)
    connection.execute("ATTACH ':memory:' AS shop")
    connection.execute("CREATE TABLE shop.orders (id INT, name TEXT, amount REAL)")
    connection.executemany("INSERT INTO shop.orders VALUES (?, ?, ?)", ROWS)
    connection.commit()
    connection.execute(sql)
    return connection


def rows(reader: pa.RecordBatchReader) -> list[list[Any]]:
    """Return all rows as lists."""
    return [list(row.values()) for row in reader.read_all().to_pylist()]


# Sources


def test_all_rows_in_the_answers_own_schema(database: duckdb.DuckDBPyConnection) -> None:
    """Of an answer that was cut after the first one."""
    answer = saved()
    assert answer.truncated

    reader = answer.rerun(database, dialect="duckdb")

    assert reader.schema == answer.table.schema
    assert rows(reader) == ROWS


def test_frames_and_metadata_are_sources(database: duckdb.DuckDBPyConnection) -> None:
    """They know the SQL and the types."""
    answer = saved()
    for source in (answer, answer.to_pandas(), answer.to_polars(), answer.to_arrow(), answer.metadata):
        reader = cf.rerun(source, database, dialect="duckdb")
        assert reader.schema == answer.table.schema
        assert rows(reader) == ROWS


@cases("source", [pa.table({"a": [1]}), "SELECT 1", None])
def test_other_sources_are_refused(source: object) -> None:
    """A frame without metadata, and SQL itself: neither has the types of the columns."""
    with pytest.raises(cf.ConfigError, match=r"no answer metadata|is not a frame"):
        cf.rerun(source, lite(), dialect="sqlite")


def test_an_answer_without_sql_or_table() -> None:
    """There is nothing to run, or no schema."""
    with pytest.raises(cf.ConfigError, match="sent no SQL with this answer"):
        saved(sql=None).rerun(lite(), dialect="sqlite")
    body = json.dumps({"state": "COMPLETED", "results": {"sql_query": "SELECT 1"}}).encode()
    with pytest.raises(cf.NoTableError):
        cf.Answer.from_json(body).rerun(lite(), dialect="sqlite")


def test_a_type_that_metadata_does_not_tell() -> None:
    """A later version may have written it."""
    columns = [{"name": "v", "type": "quaternion", "evidence": ""}]
    with pytest.raises(cf.ConfigError, match="Column 'v' is of type quaternion"):
        cf.rerun(cf.AnswerMetadata(sql_query="SELECT 1", schema=columns), lite(), dialect="sqlite")


def test_how_values_are_written_is_kept() -> None:
    """``schema=`` said it of the answer, and metadata has it."""
    columns = [
        {"name": "v", "type": "timestamp[us]", "evidence": "schema=", "encoding": 'cf.epoch("s")'},
        {"name": "d", "type": "date32[day]", "evidence": "schema=", "encoding": 'cf.strptime("%d/%m/%Y")'},
    ]
    metadata = cf.AnswerMetadata(sql_query="SELECT 86400 AS v, '04/11/2025' AS d", schema=columns)
    found = cf.rerun(metadata, lite(), dialect="sqlite").read_all()

    assert list(map(str, found.to_pylist()[0].values())) == ["1970-01-02 00:00:00", "2025-11-04"]


# Columns


@cases(
    ("selected", "schema"),
    [
        ("amount, id, name", None),
        ('id AS "ID", name AS "Name", amount AS "AMOUNT"', None),
        ("id, name, amount", {"amount": float, "id": int, "name": str}),
    ],
)
def test_columns_are_found_by_name(database: duckdb.DuckDBPyConnection, selected: str, schema: Any) -> None:
    """In another order or case, as Snowflake's are."""
    columns = [
        {"name": name, "type": type_, "evidence": ""}
        for name, type_ in (("id", "int64"), ("name", "string"), ("amount", "double"))
    ]
    if schema:
        columns = [next(each for each in columns if each["name"] == name) for name in schema]
    metadata = cf.AnswerMetadata(sql_query=f"SELECT {selected} FROM shop.orders ORDER BY id", schema=columns)

    table = cf.rerun(metadata, database, dialect="duckdb").read_all()

    assert table.column_names == [column["name"] for column in columns]
    assert table.select(["id", "name", "amount"]).to_pylist()[1] == {"id": 2, "name": "b", "amount": 1.25}


def test_one_column_is_not_two() -> None:
    """Of an answer whose names differ only in case, where the SQL has one of them."""
    columns = [{"name": name, "type": "int64", "evidence": ""} for name in ("id", "ID")]
    metadata = cf.AnswerMetadata(sql_query="SELECT id FROM shop.orders", schema=columns)
    with pytest.raises(cf.ConversionError, match="it has 'id', the answer 'id', 'ID'"):
        cf.rerun(metadata, lite(), dialect="sqlite")


def test_names_that_the_answer_changed() -> None:
    """Of columns of one name, the second has a number in the answer too."""
    columns = [{"name": name, "type": "int64", "evidence": ""} for name in ("id", "id_1")]
    metadata = cf.AnswerMetadata(sql_query="SELECT a.id, -a.id AS id FROM shop.orders AS a", schema=columns)

    table = cf.rerun(metadata, lite(), dialect="sqlite").read_all()

    assert table.to_pydict() == {"id": [1, 2, 3], "id_1": [-1, -2, -3]}


@cases("selected", ["id, name", "id, name, amount, 1 AS more", "id, name, amount AS total"])
def test_other_columns_are_an_error(database: duckdb.DuckDBPyConnection, selected: str) -> None:
    """None is left out or made up; the connection is free again."""
    answer = saved(f"SELECT {selected} FROM shop.orders")
    with pytest.raises(cf.ConversionError, match="The SQL does not have the columns of the answer"):
        answer.rerun(database, dialect="duckdb")

    assert database.execute("SELECT count(*) FROM shop.orders").fetchone() == (3,)


# What comes at the end


@pytest.mark.parametrize(("count", "warns"), [(3, False), (4, True), (2, True), (None, False)])
def test_the_number_of_rows_is_checked(
    database: duckdb.DuckDBPyConnection, count: int | None, *, warns: bool, recwarn: pytest.WarningsRecorder
) -> None:
    """Against the statistics, if there are any; at the line that called rerun."""
    table = saved(count=count).rerun(database, dialect="duckdb").read_all()

    assert table.num_rows == 3
    found = [(str(each.message), each.category, each.filename) for each in recwarn]
    message = (
        f"The SQL returned 3 rows, but the answer has {count}: the data has changed since, or this SQL did "
        "not produce the answer."
    )
    assert found == ([(message, cf.StatisticsWarning, __file__)] if warns else [])
    assert WARNING_LOCATION.get(None) is None


def test_a_whole_answer_without_statistics_is_checked_too(
    database: duckdb.DuckDBPyConnection, recwarn: pytest.WarningsRecorder
) -> None:
    """It has as many rows as came."""
    body = json.dumps(
        {"state": "COMPLETED", "results": {"dataframe": [["n"], [1]], "sql_query": "FROM range(2) AS t (n)"}}
    )
    answer = cf.Answer.from_json(body.encode(), max_rows=10)

    assert answer.rerun(database, dialect="duckdb").read_all().num_rows == 2
    assert [str(each.message)[:43] for each in recwarn] == ["The SQL returned 2 rows, but the answer has"]


def test_an_error_in_a_later_batch(database: duckdb.DuckDBPyConnection) -> None:
    """It names the row of the whole result, and comes when the row is read."""
    columns = [{"name": "n", "type": "int8", "evidence": ""}]
    sql = "SELECT CASE WHEN range = 150000 THEN 128 ELSE 7 END AS n FROM range(200000)"
    reader = cf.rerun(cf.AnswerMetadata(sql_query=sql, schema=columns), database, dialect="duckdb")

    with pytest.raises(
        cf.ConversionError, match="Column 'n', row 150000: '128' does not fit in int8"
    ) as caught:
        reader.read_all()

    assert (caught.value.row, caught.value.value) == (150_000, "128")
    del reader, caught
    assert database.execute("SELECT 1").fetchone() == (1,)


def test_a_narrow_decimal_of_duckdb(database: duckdb.DuckDBPyConnection) -> None:
    """As it is, or an error of ours where pyarrow is too old for what DuckDB sends."""
    answer = saved("SELECT id, name, amount::DECIMAL(9, 2) AS amount FROM shop.orders ORDER BY id")
    try:
        found = rows(answer.rerun(database, dialect="duckdb"))
    except cf.ConfigError as error:
        assert "cast it in the SQL, or use a newer pyarrow" in str(error)
    else:
        assert found == ROWS


def test_no_rows(database: duckdb.DuckDBPyConnection) -> None:
    """The schema is that of the answer."""
    answer = saved("SELECT id, name, amount FROM shop.orders WHERE id < 0", count=None)

    table = answer.rerun(database, dialect="duckdb").read_all()

    assert (table.num_rows, table.schema) == (0, answer.table.schema)


# Transactions


def test_a_transaction_ends_with_its_reader(database: duckdb.DuckDBPyConnection) -> None:
    """Whether it was read or not."""
    reader = saved().rerun(database, dialect="duckdb")
    del reader
    reader = saved("SELECT range AS id, 'a' AS name, 0.5::DOUBLE AS amount FROM range(500000)").rerun(
        database, dialect="duckdb"
    )
    reader.read_next_batch()
    del reader

    database.execute("BEGIN")
    database.execute("ROLLBACK")


def test_an_open_transaction_is_refused(database: duckdb.DuckDBPyConnection) -> None:
    """And stays as it is."""
    database.execute("BEGIN")
    database.execute("DELETE FROM shop.orders")
    with pytest.raises(
        cf.ConfigError, match="has an open transaction, which rerun would end: commit or roll it back"
    ):
        saved().rerun(database, dialect="duckdb")
    assert database.execute("SELECT count(*) FROM shop.orders").fetchone() == (0,)
    database.execute("ROLLBACK")

    connection = lite("DELETE FROM shop.orders")
    with pytest.raises(cf.ConfigError, match="has an open transaction"):
        saved().rerun(connection, dialect="sqlite")
    assert connection.execute("SELECT count(*) FROM shop.orders").fetchone() == (0,)


def test_duckdb_writes_nothing(database: duckdb.DuckDBPyConnection) -> None:
    """Also by a function that was allowed."""
    database.execute("CREATE SEQUENCE numbers")
    answer = saved("SELECT nextval('numbers') AS id, name, amount FROM shop.orders")
    with pytest.raises(duckdb.Error, match="read-only"):  # its class depends on the version
        answer.rerun(database, dialect="duckdb", functions=["nextval"]).read_all()

    assert database.execute("SELECT nextval('numbers')").fetchone() == (1,)


def test_errors_of_the_driver_pass_with_a_note(database: duckdb.DuckDBPyConnection) -> None:
    """As they are; the connection is free again."""
    with pytest.raises(duckdb.BinderException, match="nothing_here") as caught:
        saved("SELECT id, name, nothing_here AS amount FROM shop.orders").rerun(database, dialect="duckdb")

    assert caught.value.__notes__ == ["It was raised while rerun ran the SQL of an answer."]
    assert rows(saved().rerun(database, dialect="duckdb")) == ROWS


def test_what_is_refused_is_not_sent() -> None:
    """Not even the beginning of a transaction."""
    sent: list[str] = []
    connection = lite()
    connection.set_trace_callback(sent.append)
    with pytest.raises(cf.QueryRefused, match="begins with 'DROP'"):
        saved("DROP TABLE shop.orders").rerun(connection, dialect="sqlite")
    with pytest.raises(cf.QueryRefused, match="calls 'load_extension'"):
        saved("SELECT load_extension('x')").rerun(connection, dialect="sqlite")

    assert sent == []


# SQLite, SQLAlchemy, ibis, ADBC


def test_sqlite() -> None:
    """Its floats and texts; the setting that allows no writing is put back."""
    connection = lite()
    connection.row_factory = lambda _, row: {"row": row}

    assert rows(saved().rerun(connection, dialect="sqlite")) == ROWS
    assert connection.execute("PRAGMA query_only").fetchone() == {"row": (0,)}
    assert not connection.in_transaction


def test_sqlite_values() -> None:
    """Truth values are numbers, bytes are refused."""
    columns = [{"name": "v", "type": "bool", "evidence": ""}]
    metadata = cf.AnswerMetadata(sql_query="SELECT 1 AS v UNION ALL SELECT NULL", schema=columns)
    assert rows(cf.rerun(metadata, lite(), dialect="sqlite")) == [[True], [None]]
    for value, type_, message in (
        ("x'00'", "binary", "bytes"),
        ("9e999", "double", None),
        ("1.5", "int64", "1.5"),
    ):
        metadata = cf.AnswerMetadata(
            sql_query=f"SELECT {value} AS v", schema=[{"name": "v", "type": type_, "evidence": ""}]
        )
        if message is None:
            assert rows(cf.rerun(metadata, lite(), dialect="sqlite")) == [[float("inf")]]
        else:
            with pytest.raises(cf.ConversionError, match=message):
                cf.rerun(metadata, lite(), dialect="sqlite").read_all()


def test_sqlalchemy() -> None:
    """A connection, whose driver's own is used; an engine has no transaction to look at."""
    sqlalchemy = pytest.importorskip("sqlalchemy")
    engine = sqlalchemy.create_engine("sqlite://", creator=lite, poolclass=sqlalchemy.pool.StaticPool)
    with engine.connect() as connection:
        assert rows(saved().rerun(connection, dialect="sqlite")) == ROWS
        connection.execute(sqlalchemy.text("SELECT 1"))
        with pytest.raises(cf.ConfigError, match="has an open transaction"):
            saved().rerun(connection, dialect="sqlite")
    with pytest.raises(cf.ConfigError, match=r"pass a Connection from engine\.connect\(\)"):
        saved().rerun(engine, dialect="sqlite")
    engine.dispose()


@pytest.mark.slow
def test_ibis(database: duckdb.DuckDBPyConnection) -> None:
    """The connection that it has; no view is made."""
    ibis = pytest.importorskip("ibis")

    assert rows(saved().rerun(ibis.duckdb.from_connection(database), dialect="duckdb")) == ROWS
    assert database.execute("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchone() == (0,)


@cases(
    ("connect", "dialect", "message"),
    [
        (duckdb.connect, "postgres", r"does not fit .*DuckDBPyConnection: expected 'duckdb'"),
        (lite, "duckdb", r"does not fit sqlite3\.Connection: expected 'sqlite'"),
        (object, "duckdb", r"connection is of type builtins\.object; expected a connection of ADBC, DuckDB"),
        (type(None), "duckdb", r"connection is of type builtins\.NoneType"),
    ],
)  # fmt: skip
def test_connections_that_cannot_run_it(connect: Callable[[], object], dialect: str, message: str) -> None:
    """Of another dialect than was checked, or of no known kind."""
    with pytest.raises(cf.ConfigError, match=message):
        saved("SELECT 1 AS id, 'a' AS name, 0.5 AS amount").rerun(connect(), dialect=dialect)


def test_connections_that_are_not_supported() -> None:
    """The error says what to use instead."""
    pymysql = pytest.importorskip("pymysql")
    psycopg = pytest.importorskip("psycopg")
    for kind, message in (
        (pymysql.connections.Connection, r"which is not supported: fetch all rows by max_rows=None\."),
        (psycopg.AsyncConnection, r"which is not supported: use psycopg\.connect\."),
    ):
        with pytest.raises(cf.ConfigError, match=message):
            saved().rerun(kind.__new__(kind), dialect="mysql")


# The tables


@cases(
    ("sql", "tables"),
    [
        (SQL, ("shop.orders",)),
        ("WITH a AS (SELECT * FROM s.t), b AS (SELECT * FROM A JOIN u ON a) SELECT * FROM b", ("s.t", "u")),
        ("WITH t AS (SELECT * FROM t) SELECT * FROM t", ("t",)),
        ("WITH t AS (SELECT 1) SELECT * FROM s.t", ("s.t",)),
        ("SELECT (SELECT 1 FROM q) FROM t JOIN w ON a = b UNION SELECT 1 FROM t", ("q", "t", "w")),
        ("SELECT a FROM `project.dataset.table` AS x, UNNEST(x.items)", ("project.dataset.table",)),
        ("SELECT a FROM [db].[dbo].[orders]", ("db.dbo.orders",)),
        ("SELECT a:b::string FROM db.s.t, LATERAL FLATTEN(input => t.x)", ("db.s.t",)),
        ("SELECT 1", ()),
        (None, None),
    ],
)  # fmt: skip
def test_tables(sql: str | None, tables: tuple[str, ...] | None) -> None:
    """Each once, of any of the common dialects, without the names of WITH."""
    found = saved(sql).tables

    assert (found and sorted(found)) == (tables and sorted(tables))


def test_tables_of_what_is_no_query() -> None:
    """An error of this package."""
    with pytest.raises(cf.QueryRefused):
        _ = saved("DROP TABLE t").tables


# The extra


def test_sqlglot_is_imported_when_it_is_needed() -> None:
    """Not by an answer; without it, the error says what to install."""
    code = """
import sys
import connecty_frames as cf
from connecty_frames.errors import WARNING_LOCATION
results = '{"dataframe": [["n"], [1]], "sql_query": "SELECT 1 AS n"}'
answer = cf.Answer.from_json(b'{"state": "COMPLETED", "results": ' + results.encode() + b"}")
assert "sqlglot" not in sys.modules and "connecty_frames.warehouse" not in sys.modules
sys.modules["sqlglot"] = None
for use in (lambda: answer.tables, lambda: answer.rerun(None, dialect="duckdb")):
    try:
        use()
    except cf.ConfigError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "Reading SQL needs sqlglot: pip install 'connecty-frames[sql]'.\n" * 2
