"""A question cannot harm the database, the machine and other questions."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest import mock

import duckdb
import pytest

from connecty_frames._base.clock import SYSTEM_CLOCK
from connecty_frames.errors import ConfigError, QuestionFailed
from connecty_frames.sandbox import database as database_module
from connecty_frames.sandbox.database import Database
from connecty_frames.sandbox.results import QueryResult
from tests.cases import cases

LONG = "SELECT count(*) FROM range(100000000000) AS t(i) WHERE hash(i) = 0"


def database_on(file: Path | None = None, *, time_limit: float = 20.0) -> Database:
    return Database(file, time_limit=time_limit, clock=SYSTEM_CLOCK)


@cases(
    "sql",
    [
        "COPY sales.orders TO '/tmp/orders.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_parquet('http://127.0.0.1:1/x.parquet')",
        "ATTACH '/tmp/other.duckdb'",
        "ATTACH ':memory:' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "RESET lock_configuration",
        "PRAGMA enable_external_access",
        "SELECT getenv('HOME')",
        "CREATE SECRET s (TYPE s3)",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM read_json('/proc/self/environ')",
        "SELECT * FROM parquet_metadata('/tmp/x.parquet')",
        "SELECT set_config('memory_limit', '100GB')",
        "SELECT * FROM query($$COPY sales.orders TO '/tmp/orders.csv'$$)",
        "CALL enable_logging()",
        "SELECT * FROM enable_logging()",
        "CHECKPOINT",
        "EXPORT DATABASE '/tmp/exported'",
        "INSERT INTO sales.countries (name) VALUES ('Atlantis')",
        "UPDATE sales.countries SET name = 'Atlantis'",
        "DELETE FROM sales.countries",
        "DROP TABLE sales.countries",
        "CREATE TABLE t (i INTEGER)",
        "CREATE TEMP TABLE t (i INTEGER)",
        "WITH gone AS (DELETE FROM sales.countries RETURNING *) SELECT * FROM gone",
        "WITH new AS (INSERT INTO sales.countries (name) VALUES ('X') RETURNING *) SELECT * FROM new",
        "WITH old AS (UPDATE sales.countries SET name = 'x' RETURNING *) SELECT * FROM old",
        "EXPLAIN ANALYZE SELECT 1",
        "BEGIN TRANSACTION",
        "COMMIT",
        "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM sales.countries",
        "COMMIT; DELETE FROM sales.countries",
        "SELECT ?",
        "SELECT some_variable",
        "FROM some_variable",
        "",
        "-- nothing",
        "SELECT FROM WHERE",
        "no SQL at all",
    ],
)
def test_only_a_query_runs(database: Database, sql: str) -> None:
    """Anything other than one query fails, and the database and the next query are unaffected."""
    some_variable = [1]
    with pytest.raises(QuestionFailed):
        database.run(sql)
    assert (
        database.run("SELECT count(*) AS n, max(name) AS m FROM sales.countries").rows
        == b'[20,"United States"]'
    )
    assert some_variable == [1]


@cases(
    ("sql", "expected"),
    [
        ("SELECT 1 AS a", b"[1]"),
        ("  select 1 as a ; ", b"[1]"),
        ("-- first\nSELECT 1 AS a -- last", b"[1]"),
        ("WITH q AS (SELECT 1 AS a) SELECT * FROM q", b"[1]"),
        ("FROM (SELECT 1 AS a)", b"[1]"),
        ("(SELECT 1 AS a) UNION ALL SELECT 2 ORDER BY a DESC", b"[2],[1]"),
        ("VALUES (1), (2)", b"[1],[2]"),
        ("SELECT result FROM (SELECT 1 AS result) AS result", b"[1]"),
    ],
)
def test_a_query_of_any_form_runs(database: Database, sql: str, expected: bytes) -> None:
    """Each form of a query runs."""
    assert database.run(sql).rows == expected


def test_a_failure_has_its_reason_and_the_sql(database: Database) -> None:
    """The message has DuckDB's message and the SQL."""
    with pytest.raises(
        QuestionFailed, match=r"(?s)Could not convert string 'x' to INT32.*SELECT 'x'::INTEGER"
    ):
        database.run("SELECT 'x'::INTEGER")
    with pytest.raises(QuestionFailed, match=r"One SELECT statement is expected, not SELECT, DELETE"):
        database.run("SELECT 1; DELETE FROM sales.orders")


def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that needs more than its limit fails, and writes no temporary file instead."""
    monkeypatch.setattr(database_module, "MEMORY", 100)
    database = database_on()
    with pytest.raises(QuestionFailed, match="Out of Memory"):
        database.run("SELECT list(i::VARCHAR || repeat('x', 1000)) FROM range(20000000) AS t(i)")
    database.close()


@cases(
    "sql",
    [
        "SELECT length(repeat('x', 17_000_000))",
        "SELECT length(repeat(repeat('xy', 1000), n)) FROM (VALUES (9000)) AS t(n)",
        "SELECT length(lpad('x', 17_000_000, 'y'))",
        "SELECT length(rpad('x', 17_000_000, 'y'))",
        "SELECT list_sum(range(17_000_000))",
        "SELECT list_sum(range(1, n)) FROM (VALUES (17_000_002)) AS t(n)",
        "SELECT len(range(34_000_000, 0, -2))",
        "SELECT len(generate_series(17_000_000))",
        "SELECT len(generate_series(DATE '1900-01-01', DATE '2000-01-01', INTERVAL 1 SECOND))",
        "SELECT len(list_resize([1], 17_000_000))",
        "SELECT len(list_resize([1], 17_000_000, 2))",
        "SELECT len(array_resize([1], 17_000_000))",
    ],
)
def test_the_sizes_of_values_are_limited(database: Database, sql: str) -> None:
    """A function makes no value of more than 16,777,216 characters or elements."""
    with pytest.raises(QuestionFailed, match="A function may return at most 16777216 characters or elements"):
        database.run(sql)


@cases(
    ("sql", "rows"),
    [
        (
            "repeat('x', 3), repeat([1], 2), repeat('x'::BLOB, 2), repeat(NULL, 3)",
            rb'"xxx",[1,1],"\\x7878",null',
        ),
        ("repeat('', 99_000_000), length(repeat('x', 16_777_216))", b'"",16777216'),
        ("lpad('x', 3, 'y'), rpad('x', 3, 'y')", b'"yyx","xyy"'),
        ("range(3), range(1, 3), range(10, 0, -3), range(0, 10, -1)", b"[0,1,2],[1,2],[10,7,4,1],[]"),
        ("range(NULL), range(9223372036854775806, 9223372036854775807)", b"null,[9223372036854775806]"),
        ("generate_series(2), generate_series(1, 2), generate_series(5, 1, -2)", b"[0,1,2],[1,2],[5,3,1]"),
        (
            "range(DATE '2025-01-01', DATE '2025-01-03', INTERVAL 1 DAY)::VARCHAR",
            b"\"['2025-01-01 00:00:00', '2025-01-02 00:00:00']\"",
        ),
        ("list_resize([1], 2), array_resize([1], 2, 5)", b"[1,null],[1,5]"),
        ("(SELECT count(*) FROM range(20_000_000))", b"20000000"),
    ],
)
def test_smaller_values_are_as_before(database: Database, sql: str, rows: bytes) -> None:
    """The limit changes no value and no column name, and does not apply to rows."""
    result = database.run(f"SELECT {sql}")
    assert result.rows == b"[" + rows + b"]"
    assert list(result.columns) == duckdb.sql(f"SELECT {sql}").columns


def test_memory_is_given_back_after_a_stopped_query(monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB keeps it until it is closed, which happens once no other query runs."""
    monkeypatch.setattr(database_module, "MEMORY", 100)
    database, started, ended = database_on(), threading.Event(), threading.Event()
    select = database._select

    def wait(cursor: duckdb.DuckDBPyConnection, sql: str) -> QueryResult:
        if sql == "SELECT 2":
            started.set()
            ended.wait(30)
        return select(cursor, sql)

    monkeypatch.setattr(database, "_select", wait)
    other = threading.Thread(target=database.run, args=("SELECT 2",))
    other.start()
    started.wait(30)
    connection = database._connection
    with pytest.raises(QuestionFailed, match="The query was stopped: it needs more memory"):
        database.run("SELECT list(i) FROM range(100_000_000) AS t(i)")
    assert connection is not None
    assert database._connection is connection
    ended.set()
    other.join(30)
    assert database._connection is None
    assert database.run("SELECT 1").rows == b"[1]"
    database.close()


@pytest.mark.slow
def test_questions_run_in_parallel(database: Database) -> None:
    """Each of eight threads gets its own results."""
    rows = {}

    def work(n: int) -> None:
        sql = f"FROM sales.orders SELECT {n} AS n, count(*) AS c"
        rows[n] = [database.run(sql).rows for _ in range(20)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert rows == {n: [f"[{n},100000]".encode()] * 20 for n in range(8)}


def test_a_database_file_is_only_read(tmp_path: Path) -> None:
    """A database file is queried, and not changed in any byte."""
    path = tmp_path / "own.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 42 AS answer")
    before = path.read_bytes()
    database = database_on(path)

    assert database.run("FROM t").rows == b"[42]"
    with pytest.raises(QuestionFailed):
        database.run("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone")
    database.close()
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["own.duckdb"]


@pytest.mark.slow
def test_a_long_query_is_stopped() -> None:
    """A query that would run for an hour ends at the time limit, and the next query runs."""
    database = database_on(time_limit=0.3)
    started = time.monotonic()
    with pytest.raises(QuestionFailed, match=r"stopped: it ran longer than 0\.3 s"):
        database.run(LONG)
    assert time.monotonic() - started >= 0.3
    assert database._connection is None  # its memory is given back
    database._time_limit = 60.0
    assert database.run("SELECT 1").rows == b"[1]"
    database.close()


def test_closing_ends_running_queries_and_their_threads() -> None:
    """Others are answered beside an endless query, which ends on closing; no other starts then."""
    database, errors = database_on(time_limit=3600), []

    def work() -> None:
        with pytest.raises(QuestionFailed) as caught:
            database.run(LONG)
        errors.append(str(caught.value))

    thread = threading.Thread(target=work)
    thread.start()
    while not database._threads:
        time.sleep(0.001)
    assert [database.run(f"SELECT {n} AS n").rows for n in range(3)] == [b"[0]", b"[1]", b"[2]"]
    assert thread.is_alive()
    database.close()
    thread.join(timeout=30)

    assert not database._threads
    assert errors[0].startswith("The query was stopped: the sandbox is closing.")
    with pytest.raises(QuestionFailed, match="The query was not started: the sandbox is closing"):
        database.run("SELECT 1")


@pytest.mark.slow
def test_a_call_that_cannot_be_interrupted_ends_its_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question fails a little after the time limit; the next query runs, and closing does not wait.

    No other query starts once several are left.
    """
    monkeypatch.setattr(database_module, "_PATIENCE", 0.1)
    database = database_on(time_limit=0.1)

    released, select = threading.Event(), database._select

    def ignore(cursor: duckdb.DuckDBPyConnection, _: str) -> None:
        cursor.create_function("hold", released.wait, ["INTEGER"], "BOOLEAN")
        cursor.execute("SELECT hold(30)")

    monkeypatch.setattr(database, "_select", ignore)
    with pytest.raises(QuestionFailed, match=r"stopped: it ran longer than 0\.1 s"):
        database.run("SELECT list_sum(range(150000000))")
    assert len(database._threads) == 1
    monkeypatch.setattr(database, "_select", select)
    database._time_limit = 60.0
    assert database.run("SELECT 1").rows == b"[1]"
    monkeypatch.setattr(database_module, "_ABANDONED", 1)
    with pytest.raises(QuestionFailed, match=r"Not started: stopped queries still run\. Restart"):
        database.run("SELECT 1")
    (thread,) = database._threads
    database.close()
    assert thread.is_alive()
    released.set()
    thread.join(30)
    assert not database._threads


def test_after_a_fatal_error_the_database_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB runs nothing more after such an error; only its own question fails."""
    database = database_on()
    with monkeypatch.context() as patched:
        fatal = duckdb.FatalException("FATAL Error: the database has been invalidated")
        patched.setattr(database, "_select", mock.Mock(side_effect=fatal))
        with pytest.raises(QuestionFailed, match="has been invalidated"):
            database.run("SELECT 1")
        assert database._connection is None
    assert database.run("SELECT 1").rows == b"[1]"
    database.close()


@pytest.mark.slow
def test_a_script_may_end_during_a_query() -> None:
    """A script that does not close its sandbox ends normally, while a query runs."""
    script = (
        "import threading, time; import connecty_frames as cf; from connecty_frames.sandbox import Sandbox\n"
        "sandbox = Sandbox(time_limit=3600).start()\n"
        f"cf.Client(**sandbox.connection).submit({LONG!r})\n"
        "while not any(each.name == 'connecty-sandbox-query' for each in threading.enumerate()):\n"
        "    time.sleep(0.001)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@cases("name", ["own", "temp", "main", "Memory", "a \"b\" 'c'", "x.y"])
def test_tables_of_a_file_are_found_by_each_name(tmp_path: Path, name: str) -> None:
    """A table is found with and without its schema and the name that DuckDB gives the file."""
    path = tmp_path / f"{name}.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE SCHEMA s; CREATE TABLE t AS SELECT 42 AS answer; CREATE TABLE s.u AS FROM t"
        )
        (given,) = connection.execute("SELECT current_database()").fetchone()
    database = database_on(path)

    quoted = '"' + given.replace('"', '""') + '"'
    qualified = () if name == "Memory" else (f"{quoted}.main.t", f"{quoted}.s.u")  # the sandbox's own name
    for table in ("t", "main.t", "s.u", *qualified):
        assert database.run(f"FROM {table}").rows == b"[42]"
    database.close()


#: A value of each type.
VALUES = """SELECT 0.5::DOUBLE AS a, 'nan'::DOUBLE AS b, '-inf'::DOUBLE AS c, 0.12::DECIMAL(3, 2) AS d,
    1::HUGEINT AS e, true AS f, 'it''s "x"' AS g, 'a'::BLOB AS h, uuid() AS i, DATE '2025-01-02' AS j,
    TIME '01:02:03' AS k, TIMESTAMP '0044-03-15 (BC) 13:05:01.46' AS l,
    TIMESTAMPTZ '2025-01-02 03:04:05+00' AS m, TIMESTAMP_NS '2025-01-02 03:04:05.000000001' AS n,
    INTERVAL '1 year -2 days 3.5 seconds' AS o, [1, NULL] AS p, {'x': 1, 'y': [0.5]} AS q,
    MAP {1: 'x'} AS s, [1, 2]::INTEGER[2] AS t, 'x'::ENUM ('x') AS u, NULL AS v"""


@pytest.mark.slow
def test_macros_of_a_file_change_no_answer(tmp_path: Path) -> None:
    """The bytes are the same if the file has macros with the names of all functions and operators of DuckDB.

    Also if a schema has the name of the sandbox's own database, and a view that of the table of results.
    """
    path = tmp_path / "own.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"CREATE TABLE t AS {VALUES}; CREATE VIEW result AS SELECT 1; CREATE SCHEMA memory"
        )
        names = connection.execute(
            "SELECT function_name FROM duckdb_functions() UNION VALUES ('>'), ('='), ('count_star')"
        ).fetchall()
    database = database_on(path)
    before = database.run("FROM t")
    database.close()
    macros = ", ".join(f"({', '.join('abcd'[:count])}) AS 66" for count in range(5))
    with duckdb.connect(str(path)) as connection:
        connection.begin()
        for (name,) in names:
            connection.execute(f'CREATE MACRO main."{name}"{macros}; CREATE MACRO memory."{name}"{macros}')
        connection.commit()
    database = database_on(path)

    assert {("isfinite",), ("||",)} <= set(names)
    assert (
        database.run("SELECT isfinite(a) AS a, g || g AS b, lpad(g, 1, g) AS c FROM t").rows == b"[66,66,66]"
    )
    assert database.run("FROM t") == before
    database.close()


def test_another_connection_to_the_file_keeps_its_settings(tmp_path: Path) -> None:
    """The lock-down does not reach a connection of the same process that reads the same file."""
    path = tmp_path / "own.duckdb"
    duckdb.connect(str(path)).execute("CREATE TABLE t AS SELECT 42 AS answer").close()
    with duckdb.connect(str(path), read_only=True) as own:
        database = database_on(path)
        assert database.run("FROM t").rows == b"[42]"
        own.execute("SET GLOBAL memory_limit = '1GB'")
        assert own.execute(f"SELECT count(*) FROM glob('{path}')").fetchone() == (1,)
        database.close()
        assert own.execute("FROM t").fetchall() == [(42,)]


def test_a_file_that_cannot_be_opened_is_rejected(tmp_path: Path) -> None:
    """A file of another kind raises ConfigError, as does one that a connection of this process writes."""
    notes, own = tmp_path / "notes.txt", tmp_path / "own.duckdb"
    notes.write_text("no database at all\n" * 1000)
    with pytest.raises(ConfigError, match="cannot be opened as a DuckDB file"):
        database_on(notes)
    if tuple(map(int, duckdb.__version__.split(".")[:2])) < (1, 4):
        pytest.skip("DuckDB before 1.4 does not notice the other connection")
    with duckdb.connect(str(own)), pytest.raises(ConfigError, match="already attached"):
        database_on(own)
