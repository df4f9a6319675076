"""Pinned SQL on DuckDB, and on PostgreSQL and SQLite by ADBC: types, transactions, and what is refused."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.decode.schema import read_column
from connecty_frames.pins.comparison import parsed, text_fingerprint
from connecty_frames.warehouse.sql import fingerprint, running
from tests.cases import cases

INSTANT = pa.timestamp("us", "UTC")


def pin(sql: str, type_: str = "int64", basis: str = "", dialect: str = "duckdb") -> cf.Pin:
    statement = parsed(sql, dialect)
    column = read_column({"name": "v", "type": type_, "evidence": "2 values", "basis": basis})
    return cf.Pin(
        name="p", question="q", dw_id=1, question_id="7", asked_at=None, dialect=dialect, sql=sql,
        fingerprint=text_fingerprint(sql) if statement is None else fingerprint(statement),
        sqlglot=None if statement is None else "1", tables=(), schema=cf.Schema([column]),
    )  # fmt: skip


def run(connection: Any, sql: str, *given: str, dialect: str = "duckdb", **options: Any) -> pa.Table:
    return pin(sql, *given, dialect=dialect).rerun(connection, **options).read_all()


# DuckDB


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS v FROM range(3)")
        yield connection


@cases(
    ("sql", "type_", "expected"),
    [
        ("SELECT 2.5::DOUBLE AS v", pa.float64(), 2.5),
        ("SELECT 0.1::FLOAT AS v", pa.float64(), 0.1),
        ("SELECT 2.25::DECIMAL(20, 2) AS v", pa.decimal128(20, 2), Decimal("2.25")),
        ("SELECT 2::DECIMAL(20, 0) AS v", pa.int64(), 2),
        ("SELECT 2::HUGEINT AS v", pa.int64(), 2),
        ("SELECT 2::SMALLINT AS v", pa.int64(), 2),
    ],
)
def test_whole_numbers_are_widened(
    database: duckdb.DuckDBPyConnection, sql: str, type_: pa.DataType, expected: Any
) -> None:
    """A declared double or decimal has fractions, which the rows of the answer happened not to have."""
    found = run(database, sql)
    assert (found["v"].type, found["v"].to_pylist()) == (type_, [expected])
    nested = run(database, sql.replace("SELECT ", "SELECT [").replace(" AS", "] AS"), "list<item: int64>")
    assert nested["v"].to_pylist() == [[expected]]
    assert run(database, sql, "int64", "schema=", schema={"v": "float64"})["v"].type == pa.float64()


def test_a_declared_type_that_holds_less(database: duckdb.DuckDBPyConnection) -> None:
    """Only whole numbers are widened; any other value that does not fit is an error."""
    with pytest.raises(cf.ConversionError, match="Column 'v', row 0: '9223372036854775808' does not fit"):
        run(database, "SELECT 9223372036854775808::HUGEINT AS v")
    with pytest.raises(cf.ConversionError, match="has more digits than double holds"):
        run(database, "SELECT 1234567890123456.78::DECIMAL(20, 2) AS v", "double")


def test_an_error_in_a_later_batch(database: duckdb.DuckDBPyConnection) -> None:
    """It names the row of the whole result, and comes when the row is read; then the connection is free."""
    reader = pin("SELECT CASE WHEN range = 150000 THEN 128 ELSE 7 END AS v FROM range(200000)", "int8").rerun(
        database
    )
    with pytest.raises(
        cf.ConversionError, match="Column 'v', row 150000: '128' does not fit in int8"
    ) as caught:
        reader.read_all()
    assert (caught.value.row, caught.value.value, caught.value.question_id) == (150_000, "128", "7")
    del reader, caught
    assert database.execute("SELECT 1").fetchone() == (1,)


def test_a_transaction_ends_with_its_reader(database: duckdb.DuckDBPyConnection) -> None:
    """Whether it was read or not."""
    reader = pin("SELECT v FROM t").rerun(database)
    del reader
    reader = pin("SELECT range AS v FROM range(500000)").rerun(database)
    reader.read_next_batch()
    del reader
    database.execute("BEGIN")
    database.execute("ROLLBACK")


def test_an_open_transaction_is_refused(database: duckdb.DuckDBPyConnection) -> None:
    """And stays as it is."""
    database.execute("BEGIN")
    database.execute("DELETE FROM t")
    with pytest.raises(
        cf.ConfigError, match="has an open transaction, which rerun would end: commit or roll it back"
    ):
        run(database, "SELECT v FROM t")
    assert database.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_duckdb_writes_nothing(database: duckdb.DuckDBPyConnection) -> None:
    """Not even by a function, as the transaction is read-only."""
    database.execute("CREATE SEQUENCE numbers")
    with pytest.raises(duckdb.Error, match="read-only"):  # its class depends on the version
        run(database, "SELECT nextval('numbers') AS v")
    assert database.execute("SELECT nextval('numbers')").fetchone() == (1,)


@cases(
    ("sql", "reason"),
    [
        ("DROP TABLE t", "has DROP"),
        ("SELECT 1 AS v; DELETE FROM t", "has 2 statements"),
        ("WITH d AS (DELETE FROM t RETURNING v) SELECT v FROM d", "has DELETE"),
    ],
)
def test_what_is_refused_is_not_sent(sql: str, reason: str) -> None:
    """Not even the beginning of a transaction: no method of the connection is called."""
    with pytest.raises(cf.QueryRefused, match=f"The SQL {reason}"):
        pin(sql).rerun(object())


def test_what_only_duckdb_reads_as_another_statement(
    database: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own parser is asked beside sqlglot."""
    monkeypatch.setattr("connecty_frames.warehouse.sql._WRITES", ())
    for sql, kind in (
        ("PIVOT t ON v USING count(*)", "MULTI|CREATE and SELECT"),
        ("WITH a AS (SELECT 1) DELETE FROM t", "DELETE"),
    ):
        statement = SimpleNamespace(sql=sql, dialect="duckdb")
        with (
            pytest.raises(cf.QueryRefused, match=f"is not one query to DuckDB, but .*({kind})"),
            running(database, statement),  # type: ignore[arg-type]
        ):
            pass
    assert database.execute("SELECT count(*) FROM t").fetchone() == (3,)


def test_errors_of_the_driver_pass(database: duckdb.DuckDBPyConnection) -> None:
    """As they are; the connection is free again."""
    with pytest.raises(duckdb.BinderException, match="nothing_here"):
        run(database, "SELECT nothing_here AS v FROM t")
    assert run(database, "SELECT v FROM t").num_rows == 3


def test_a_narrow_decimal(database: duckdb.DuckDBPyConnection) -> None:
    """As it is, or an error of ours where pyarrow is too old for what DuckDB sends."""
    try:
        found = run(database, "SELECT 984.18::DECIMAL(9, 2) AS v", "double")["v"].to_pylist()
    except cf.ConfigError as error:
        assert "cast it in the SQL, or use a newer pyarrow" in str(error)
    else:
        assert found == [984.18]


def test_duckdb_by_adbc() -> None:
    """The same, as far as its driver tells."""
    driver = pytest.importorskip("adbc_driver_duckdb.dbapi")
    with closing(driver.connect(autocommit=True)) as connection:
        assert run(connection, "SELECT 2.5::DOUBLE AS v")["v"].to_pylist() == [2.5]
        with pytest.raises(cf.PinChanged, match=r"no longer runs the SQL: .*Catalog Error"):
            pin("SELECT v FROM gone").check(connection)
        with connection.cursor() as cursor:
            cursor.execute("CREATE SEQUENCE numbers")
            with pytest.raises(Exception, match="read-only"):
                run(connection, "SELECT nextval('numbers') AS v")
            cursor.execute("BEGIN")
            with pytest.raises(cf.ConfigError, match="has an open transaction"):
                run(connection, "SELECT 1 AS v")


# Other connections


def made_by(module: str, name: str = "Connection") -> object:
    return type(name, (), {"__module__": module})()


@cases(
    ("connection", "advice"),
    [
        (made_by("snowflake.connector.connection"), "fetch_arrow_all(force_return_table=True))"),
        (made_by("google.cloud.bigquery.client"), "pin.cast(rows.to_arrow_iterable())"),
        (made_by("databricks.sql.client"), "pin.cast(cursor.fetchall_arrow())"),
        (made_by("pyathena.connection"), "connection.cursor(pyathena.cursor.Cursor, converter=plain)"),
        (
            made_by("trino.dbapi"),
            "connection.cursor(legacy_primitive_types=True).execute(pin.sql)\nnames = [",
        ),
        (made_by("pyspark.sql.session"), "pin.cast(frame.toArrow())"),
        (
            made_by("psycopg"),
            "adbc_driver_postgresql.dbapi.connect('postgresql://...')\npin.rerun(connection)",
        ),
        (made_by("sqlalchemy.engine.base"), "pin.rerun(connection)"),
        (made_by("sqlite3"), "dbapi.connect('file:PATH?mode=ro', autocommit=True)"),
        (
            made_by("pymysql"),
            "polars.read_database(pin.sql, connection, infer_schema_length=None)\npin.cast(frame)",
        ),
        ("duckdb:///x", "expected one of DuckDB or ADBC. Pass a connection, such as duckdb.connect(path)."),
    ],
)
def test_other_connections(connection: object, advice: str) -> None:
    """The error gives the lines for that client."""
    with pytest.raises(cf.ConfigError) as caught:
        pin("SELECT 1 AS v").rerun(connection)
    assert str(caught.value).startswith("connection is of type ")
    assert advice in str(caught.value)
    assert caught.value.setting == "connection"


def test_the_dialect_is_that_of_the_database(database: duckdb.DuckDBPyConnection) -> None:
    """SQL that was read in another dialect may mean something else."""
    with pytest.raises(cf.ConfigError, match=r"dialect='sqlite' does not fit .*: expected 'duckdb'"):
        run(database, "SELECT 1 AS v", dialect="sqlite")


# SQLite


@pytest.fixture
def lite(tmp_path: Path) -> Callable[..., Any]:
    driver = pytest.importorskip("adbc_driver_sqlite.dbapi")
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (n INT, s TEXT, r REAL)")
        connection.execute("INSERT INTO t VALUES (1, '00123', 1.0), (NULL, NULL, 2.5)")
        connection.commit()
    return lambda **options: closing(driver.connect(f"{path.as_uri()}?mode=ro", **options))


@cases(
    ("sql", "type_", "expected"),
    [
        ("SELECT n AS v FROM t", "int64", [1, None]),
        ("SELECT n AS v FROM t", "bool", [True, None]),
        ("SELECT s AS v FROM t", "string", ["00123", None]),
        ("SELECT r AS v FROM t", "double", [1.0, 2.5]),
        ("SELECT '2025-03-30' AS v", "date32[day]", [datetime(2025, 3, 30).date()]),
        ("SELECT s AS v FROM t WHERE false", "string", []),
        ("SELECT NULL AS v", "string", [None]),
    ],
)
def test_sqlite(lite: Callable[..., Any], sql: str, type_: str, expected: list[Any]) -> None:
    """Its driver knows the types of the first rows only: without one, those of the pin count."""
    with lite(autocommit=True) as connection:
        assert run(connection, sql, type_, dialect="sqlite")["v"].to_pylist() == expected


def test_what_sqlite_does_not_declare(lite: Callable[..., Any]) -> None:
    """A number in a text column is refused; nulls, which its driver sends as int64, are none."""
    numbers = "WITH RECURSIVE r (v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM r WHERE v < 2000)"
    with lite(autocommit=True) as connection:
        with pytest.raises(cf.ConversionError, match="a value of int64 is text in the answer"):
            run(connection, "SELECT n AS v FROM t", "string", dialect="sqlite")
        found = run(connection, f"{numbers} SELECT NULL AS v FROM r", "string", dialect="sqlite")
        assert (found["v"].type, found["v"].null_count) == (pa.string(), 2000)


def test_check_on_sqlite(lite: Callable[..., Any]) -> None:
    """It declares no types, so only names are compared; a table or column that is gone is a change."""
    with lite(autocommit=True) as connection:
        assert not pin("SELECT s AS v FROM t", "string", dialect="sqlite").check(connection).changed
        for sql in ("SELECT s AS v FROM gone", "SELECT gone AS v FROM t"):
            with pytest.raises(
                cf.PinChanged, match=r"no longer runs the SQL: .*no such (table|column): gone"
            ):
                pin(sql, dialect="sqlite").check(connection)


def test_a_connection_without_autocommit(lite: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its transaction would be rolled back with the caller's work; some version may not tell which it is."""
    with lite() as connection:
        with pytest.raises(cf.ConfigError, match=r"open transaction, .*: connect with autocommit=True"):
            run(connection, "SELECT 1 AS v", dialect="sqlite")
        monkeypatch.delattr(connection, "_autocommit")
        with pytest.raises(cf.ConfigError, match="does not reveal whether a transaction may be open"):
            run(connection, "SELECT 1 AS v", dialect="sqlite")
        connection._autocommit = False  # as its close() needs


# PostgreSQL


@pytest.fixture(scope="module")
def server() -> Iterator[Callable[..., Any]]:
    from tests.servers.postgres import postgres_server

    adbc = pytest.importorskip("adbc_driver_postgresql.dbapi")
    try:
        with postgres_server() as started:
            with (
                closing(adbc.connect(started.url(), autocommit=True)) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute("CREATE TABLE kept (n int)")
                cursor.execute(
                    "CREATE FUNCTION write_one() RETURNS int LANGUAGE sql "
                    "AS 'INSERT INTO kept VALUES (1) RETURNING n'"
                )
            yield lambda **options: closing(adbc.connect(started.url(), **options))
    except FileNotFoundError as error:
        pytest.skip(str(error))


postgresql = [pytest.mark.slow, pytest.mark.external]


class TestPostgres:
    """A live server, with and without autocommit."""

    pytestmark = postgresql

    @pytest.fixture(params=[False, True], ids=["transaction", "autocommit"])
    def connection(self, server: Callable[..., Any], request: pytest.FixtureRequest) -> Iterator[Any]:
        with server(autocommit=request.param) as made:
            yield made

    @cases(
        ("value", "answered", "type_", "expected"),
        [
            ("2.5::float8", "int64", pa.float64(), 2.5),
            ("2.25::numeric(12, 2)", "int64", pa.decimal128(12, 2), Decimal("2.25")),
            ("7::numeric(12, 0)", "int64", pa.int64(), 7),
            ("1.5::numeric(50, 1)", "int64", pa.decimal256(50, 1), Decimal("1.5")),
            ("984.18::numeric(12, 2)", "double", pa.float64(), 984.18),
            ("sum(7::int8)", "int64", pa.int64(), 7),
            ("sum(984.18::numeric(12, 2))", "double", pa.float64(), 984.18),
            (
                "'2025-03-30 01:00+01'::timestamptz",
                "timestamp[us, tz=UTC]",
                INSTANT,
                datetime(2025, 3, 30, tzinfo=UTC),
            ),
        ],
    )
    def test_types(
        self, connection: Any, value: str, answered: str, type_: pa.DataType, expected: Any
    ) -> None:
        """Whole numbers become the declared double or decimal; the driver tells its digits."""
        found = run(connection, f"SELECT {value} AS v", answered, dialect="postgres")
        assert (found["v"].type, found["v"].to_pylist()) == (type_, [expected])

    def test_computed_numbers(self, connection: Any) -> None:
        """The nearest float64 is taken where the answer took it, and nowhere else."""
        sql = "SELECT avg(1::numeric)/3 AS v"
        assert run(connection, sql, "double", "computed", dialect="postgres")["v"].to_pylist() == [1 / 3]
        with pytest.raises(cf.ConversionError, match="has more digits than double holds"):
            run(connection, sql, "double", dialect="postgres")

    def test_columns_without_a_value(self, connection: Any) -> None:
        """They take the declared type; numeric without digits has none, so the caller chooses."""
        for value, type_ in (
            ("NULL::numeric(12, 2)", pa.decimal128(12, 2)),
            ("NULL::int2", pa.int64()),
            ("NULL::text", pa.string()),
            ("NULL::timestamptz", INSTANT),
        ):
            found = run(connection, f"SELECT {value} AS v", "string", "empty", dialect="postgres")
            assert (found["v"].type, found["v"].to_pylist()) == (type_, [None])
        with pytest.raises(cf.ConversionError, match="a value of numeric is text in the answer"):
            run(connection, "SELECT sum(NULL::numeric) AS v", "string", "empty", dialect="postgres")

    @cases(
        ("value", "type_", "message"),
        [
            ("'infinity'::timestamp", "timestamp[us]", "'infinity' is not a time of the years 1 to 9999"),
            ("'infinity'::date", "date32[day]", "'infinity' is not a date"),
            ("'24:00'::time", "time64[us]", "'24:00:00' is not a time of day"),
            ("1.5::numeric", "int64", "'1.5' does not fit"),
            ("1234567890123456.78::numeric", "double", "has more digits than double holds"),
            ("'1 mon'::interval", "duration[us]", "has months"),
            ("'$1,234.50'::money", "int64", "the type money does not arrive with its exact values"),
            ("ARRAY[1]", "list<item: int64>", "flattens arrays"),
            ("ROW(1, 2)", "string", "flattens arrays"),
        ],
    )
    def test_what_does_not_fit(self, connection: Any, value: str, type_: str, message: str) -> None:
        """It is an error, and the transaction has ended."""
        with pytest.raises(cf.ConversionError, match=message):
            run(connection, f"SELECT {value} AS v", type_, dialect="postgres")
        assert run(connection, "SELECT 1 AS v", dialect="postgres")["v"].to_pylist() == [1]

    def test_the_transaction_is_read_only(self, connection: Any) -> None:
        """What a function would write is an error of the driver."""
        with pytest.raises(Exception, match="read-only transaction"):
            run(connection, "SELECT write_one() AS v", dialect="postgres")
        counted = run(connection, "SELECT count(*) AS v FROM kept", dialect="postgres")
        assert counted["v"].to_pylist() == [0]

    def test_a_statement_has_an_hour(self, connection: Any) -> None:
        """Unless the session has a limit, which is kept."""
        sql = "SELECT current_setting('statement_timeout') AS v"
        assert run(connection, sql, "string", dialect="postgres")["v"].to_pylist() == ["1h"]

    def test_check(self, connection: Any) -> None:
        """Types that came to have fractions, and what is gone, are changes; a lack of rights is none."""
        assert not pin("SELECT n AS v FROM kept", dialect="postgres").check(connection).changed
        with pytest.raises(cf.PinChanged, match="Column 'v' was int64 and is now double"):
            pin("SELECT n::float8 AS v FROM kept", dialect="postgres").check(connection)
        for sql in ("SELECT n AS v FROM gone", "SELECT gone AS v FROM kept"):
            with pytest.raises(cf.PinChanged, match=r'no longer runs the SQL: .*"gone" does not exist'):
                pin(sql, dialect="postgres").check(connection)
        assert run(connection, "SELECT 1 AS v", dialect="postgres")["v"].to_pylist() == [1]
        with pytest.raises(Exception, match="division by zero"):
            pin("SELECT 1/0 AS v", dialect="postgres").check(connection)

    def test_an_open_transaction_is_refused_and_stays_open(self, server: Callable[..., Any]) -> None:
        """It is the caller's, if something was written in it."""
        with server() as connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO kept VALUES (3)")
            with pytest.raises(cf.ConfigError, match="has an open transaction"):
                run(connection, "SELECT 1 AS v", dialect="postgres")
            cursor.execute("SELECT n FROM kept")
            assert cursor.fetchall() == [(3,)]

    def test_a_transaction_that_has_only_read_is_refused_too(self, server: Callable[..., Any]) -> None:
        """With autocommit it was begun by hand: to end it would lose cursors and settings."""
        with server(autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SET LOCAL work_mem = '17MB'")
            with pytest.raises(cf.ConfigError, match="has an open transaction"):
                run(connection, "SELECT 1 AS v", dialect="postgres")
            cursor.execute("SELECT current_setting('work_mem')")
            assert cursor.fetchall() == [("17MB",)]
            cursor.execute("ROLLBACK")
            assert run(connection, "SELECT 1 AS v", dialect="postgres")["v"].to_pylist() == [1]

    def test_a_reader_that_was_closed_alone(self, server: Callable[..., Any]) -> None:
        """Its transaction ends when it is deleted; until then the next one says so."""
        with server(autocommit=True) as connection:
            reader = pin("SELECT n AS v FROM generate_series(1, 9999999) AS t (n)", dialect="postgres").rerun(
                connection
            )
            reader.close()
            with pytest.raises(cf.ConfigError, match="or delete its reader"):
                run(connection, "SELECT 1 AS v", dialect="postgres")
            del reader
            assert run(connection, "SELECT 1 AS v", dialect="postgres")["v"].to_pylist() == [1]

    def test_a_lost_server_is_the_error(self, server: Callable[..., Any]) -> None:
        """Not that the transaction could not be ended on it, which is a note."""
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        lost = pin(
            "SELECT repeat('x', 999) || n AS v FROM generate_series(1, 300000) AS t (n)",
            "string",
            dialect="postgres",
        )
        error: Any = None
        with suppress(Exception), server() as connection:  # closing one that is lost may fail
            try:
                reader = lost.rerun(connection)
                with server(autocommit=True) as other, other.cursor() as cursor:
                    cursor.execute(end)
                    cursor.fetchall()
                reader.read_all()
            except Exception as raised:
                error = raised
                raise

        assert "server closed the connection" in str(error) or "terminating connection" in str(error)
        assert error.__notes__[-1].startswith("Afterwards the connection failed too: ")
