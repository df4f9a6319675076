"""What a question cannot do to the database, the machine and other questions."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

import duckdb
import pytest

from connecty_frames.clock import SYSTEM_CLOCK
from connecty_frames.errors import ConfigError, QuestionFailed
from connecty_frames.sandbox.pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LONG = "SELECT count(*) FROM range(100000000000) AS t(i) WHERE hash(i) = 0"


def engine_on(
    database: Path | None = None,
    *,
    time_limit: float = 20.0,
    timezone: str = "Europe/Warsaw",
    memory: int = 1024,
) -> WorkerPool:
    """Give an engine with one thing about it changed."""
    return WorkerPool(
        database,
        timezone=timezone,
        time_limit=time_limit,
        documented_only=False,
        clock=SYSTEM_CLOCK,
        memory=memory,
    )


@pytest.mark.parametrize(
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
def test_only_a_query_runs(engine: WorkerPool, sql: str) -> None:
    """Everything but one query fails, and what went before and after it is untouched."""
    some_variable = [1]

    with pytest.raises(QuestionFailed):
        engine.run(sql)

    assert (
        engine.run("SELECT count(*) AS n, max(name) AS m FROM sales.countries").rows
        == b'[20,"United States"]'
    )
    assert some_variable == [1]


@pytest.mark.parametrize(
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
def test_a_query_of_any_form_runs(engine: WorkerPool, sql: str, expected: bytes) -> None:
    """One query runs, however it is written."""
    assert engine.run(sql).rows == expected


def test_a_failure_says_why_and_what(engine: WorkerPool) -> None:
    """The message has DuckDB's words and the SQL."""
    with pytest.raises(
        QuestionFailed, match=r"(?s)Could not convert string 'x' to INT32.*SELECT 'x'::INTEGER"
    ):
        engine.run("SELECT 'x'::INTEGER")
    with pytest.raises(QuestionFailed, match=r"One SELECT statement is expected, not SELECT, DELETE"):
        engine.run("SELECT 1; DELETE FROM sales.orders")


@pytest.mark.slow
def test_a_long_query_is_stopped() -> None:
    """At the time limit it ends, and the engine serves the next."""
    engine = engine_on(time_limit=0.3)
    started = time.monotonic()
    with pytest.raises(QuestionFailed, match=r"stopped: it ran longer than 0\.3 s"):
        engine.run(LONG)
    took = time.monotonic() - started

    assert 0.3 <= took < 2.0
    assert engine.run("SELECT 1").rows == b"[1]"
    engine.close()


def test_stopping_ends_what_runs() -> None:
    """A query that would run for an hour ends at once, and none starts afterwards."""
    engine = engine_on(time_limit=3600)
    told = []

    def work() -> None:
        with pytest.raises(QuestionFailed) as caught:
            engine.run(LONG)
        told.append(str(caught.value))

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.2)
    engine.stop()
    thread.join(timeout=5)

    assert not thread.is_alive()
    assert told[0].startswith("The query was stopped: the sandbox is closing.")
    with pytest.raises(QuestionFailed, match="The query was not started: the sandbox is closing"):
        engine.run("SELECT 1")
    engine.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its share of memory")
def test_memory_is_limited_in_a_single_call(engine: WorkerPool) -> None:
    """A call that would take 4 GB and a minute fails at once and says why; the next one is answered."""
    with pytest.raises(QuestionFailed, match=r"(?s)wants more memory than the 1024 MiB .*list_sum\(range"):
        engine.run("SELECT list_sum(range(500000000))")

    assert engine.run("SELECT 1 AS a").rows == b"[1]"


@pytest.mark.slow
def test_time_is_limited_in_a_single_call() -> None:
    """A call that nothing interrupts is ended, and the next question is answered."""
    engine = engine_on(time_limit=0.5)
    with pytest.raises(QuestionFailed, match=r"it ran longer than 0\.5 s"):
        engine.run("SELECT len(list_sort(list_transform(range(20000000), lambda x: hash(x)::VARCHAR)))")

    assert engine.run("SELECT 1 AS a").rows == b"[1]"
    engine.close()


@pytest.mark.slow
def test_large_answers_leave_room_for_the_next(engine: WorkerPool) -> None:
    """One after the other, each with the whole of its share."""
    sql = "SELECT i, repeat('x', 100) AS s FROM range(1000000) AS t(i)"
    sizes = [len(engine.run(sql).rows) for _ in range(3)]

    # Brackets, two commas and two quotes around 100 letters, and the digits of every number.
    assert sizes == [1_000_000 * (106) - 1 + 5_888_890] * 3


@pytest.mark.slow
def test_a_process_that_dies_fails_its_question_alone() -> None:
    """With its exit code; the next question gets another one."""
    engine = engine_on()
    engine.run("SELECT 1")
    (worker,) = engine._idle
    threading.Timer(0.3, worker.kill).start()

    with pytest.raises(QuestionFailed, match="its process ended by itself, exit code -9"):
        engine.run(LONG)
    assert engine.run("SELECT 1 AS a").rows == b"[1]"
    engine._idle[0].kill()
    engine._idle[0].exit_code()
    assert engine.run("SELECT 2 AS a").rows == b"[2]"
    engine.close()


@pytest.mark.slow
def test_a_question_that_runs_for_ever_holds_up_no_other() -> None:
    """Others are answered beside it."""
    engine = engine_on(time_limit=3600)

    def work() -> None:
        with pytest.raises(QuestionFailed):
            engine.run(LONG)

    thread = threading.Thread(target=work)
    thread.start()

    assert [engine.run(f"SELECT {n} AS n").rows for n in range(3)] == [b"[0]", b"[1]", b"[2]"]
    assert thread.is_alive()
    engine.stop()
    thread.join(timeout=10)
    assert not thread.is_alive()
    engine.close()


@pytest.mark.slow
def test_processes_are_started_for_questions_and_ended_on_closing(children: Callable[[], set[int]]) -> None:
    """None before the first question, one for questions in a row, none afterwards."""
    before = children()
    engine = engine_on()
    assert children() == before
    engine.run("SELECT 1")
    engine.run("SELECT 2")
    assert len(children() - before) == 1

    engine.close()
    assert children() == before


def test_memory_is_limited() -> None:
    """A query that wants more than its share fails, and writes nothing to disk instead."""
    engine = engine_on(memory=100)

    with pytest.raises(QuestionFailed, match="Out of Memory"):
        engine.run("SELECT list(i::VARCHAR || repeat('x', 1000)) FROM range(20000000) AS t(i)")
    engine.close()


@pytest.mark.slow
def test_questions_run_beside_each_other(engine: WorkerPool) -> None:
    """Eight threads get their own answers."""
    rows = {}

    def work(n: int) -> None:
        rows[n] = [engine.run(f"FROM sales.orders SELECT {n} AS n, count(*) AS c").rows for _ in range(20)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert rows == {n: [f"[{n},100000]".encode()] * 20 for n in range(8)}


def test_instants_are_in_the_zone(engine: WorkerPool) -> None:
    """The zone is the sandbox's, for what is written and for what is computed."""
    sql = "SELECT TIMESTAMPTZ '2025-01-01 00:00:00+00' AS t, date_trunc('day', t) AS d"
    tokyo = engine_on(timezone="Asia/Tokyo")

    assert engine.run(sql).rows == b'["2025-01-01T01:00:00+01:00","2025-01-01T00:00:00+01:00"]'
    assert tokyo.run(sql).rows == b'["2025-01-01T09:00:00+09:00","2025-01-01T00:00:00+09:00"]'
    tokyo.close()


def test_a_database_file_is_only_read(tmp_path: Path) -> None:
    """A file of one's own is queried, and not a byte of it is changed."""
    path = tmp_path / "own.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 42 AS answer")
    before = path.read_bytes()
    engine = engine_on(path)

    assert engine.run("FROM t").rows == b"[42]"
    with pytest.raises(QuestionFailed):
        engine.run("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone")
    engine.close()
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["own.duckdb"]


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file of another kind is told apart when the engine opens it."""
    path = tmp_path / "notes.txt"
    path.write_text("no database at all\n" * 1000)

    with pytest.raises(ConfigError, match="cannot be opened as a DuckDB file"):
        engine_on(path)
