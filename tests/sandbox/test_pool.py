"""A question cannot harm the database, the machine and other questions."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import duckdb
import pytest

from connecty_frames._base.clock import SYSTEM_CLOCK
from connecty_frames.errors import ConfigError, QuestionFailed
from connecty_frames.sandbox.pool import WorkerPool, _Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from connecty_frames.sandbox.pipes import WorkerReply

LONG = "SELECT count(*) FROM range(100000000000) AS t(i) WHERE hash(i) = 0"


def pool_on(
    database: Path | None = None,
    *,
    time_limit: float = 20.0,
    timezone: str = "Europe/Warsaw",
    memory: int = 1024,
) -> WorkerPool:
    """Return a pool with some of its parameters changed."""
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
def test_only_a_query_runs(worker_pool: WorkerPool, sql: str) -> None:
    """Anything other than one query fails, and the database and the next query are unaffected."""
    some_variable = [1]

    with pytest.raises(QuestionFailed):
        worker_pool.run(sql)

    assert (
        worker_pool.run("SELECT count(*) AS n, max(name) AS m FROM sales.countries").rows
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
def test_a_query_of_any_form_runs(worker_pool: WorkerPool, sql: str, expected: bytes) -> None:
    """Each form of a query runs."""
    assert worker_pool.run(sql).rows == expected


def test_a_failure_has_its_reason_and_the_sql(worker_pool: WorkerPool) -> None:
    """The message has DuckDB's message and the SQL."""
    with pytest.raises(
        QuestionFailed, match=r"(?s)Could not convert string 'x' to INT32.*SELECT 'x'::INTEGER"
    ):
        worker_pool.run("SELECT 'x'::INTEGER")
    with pytest.raises(QuestionFailed, match=r"One SELECT statement is expected, not SELECT, DELETE"):
        worker_pool.run("SELECT 1; DELETE FROM sales.orders")


@pytest.mark.slow
def test_a_long_query_is_stopped() -> None:
    """It ends at the time limit, and the next query runs."""
    worker_pool = pool_on(time_limit=0.3)
    started = time.monotonic()
    with pytest.raises(QuestionFailed, match=r"stopped: it ran longer than 0\.3 s"):
        worker_pool.run(LONG)
    took = time.monotonic() - started

    assert 0.3 <= took < 30  # and not the hour that it would run
    worker_pool._time_limit = 30
    assert worker_pool.run("SELECT 1").rows == b"[1]"
    worker_pool.close()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return an event that is set when a process gets the long query."""
    exchange, sent = _Worker.exchange, threading.Event()

    def exchanging(worker: _Worker, message: bytes) -> WorkerReply | None:
        if message == LONG.encode():
            sent.set()
        return exchange(worker, message)

    monkeypatch.setattr(_Worker, "exchange", exchanging)
    return sent


def test_stopping_ends_running_queries(sent: threading.Event) -> None:
    """A query that would run for an hour ends at once, and no other starts."""
    worker_pool = pool_on(time_limit=3600)
    errors = []

    def work() -> None:
        with pytest.raises(QuestionFailed) as caught:
            worker_pool.run(LONG)
        errors.append(str(caught.value))

    thread = threading.Thread(target=work)
    thread.start()
    assert sent.wait(60)
    worker_pool.stop()
    thread.join(timeout=30)

    assert not thread.is_alive()
    assert errors[0].startswith("The query was stopped: the sandbox is closing.")
    with pytest.raises(QuestionFailed, match="The query was not started: the sandbox is closing"):
        worker_pool.run("SELECT 1")
    worker_pool.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
def test_memory_is_limited_in_a_single_call(worker_pool: WorkerPool) -> None:
    """A call that would take 4 GB and a minute fails at once with the reason; the next query runs."""
    with pytest.raises(QuestionFailed, match=r"(?s)needs more memory than the 1024 MiB .*list_sum\(range"):
        worker_pool.run("SELECT list_sum(range(500000000))")

    assert worker_pool.run("SELECT 1 AS a").rows == b"[1]"


@pytest.mark.slow
def test_time_is_limited_in_a_single_call() -> None:
    """A call that cannot be interrupted is ended, and the next query runs."""
    worker_pool = pool_on(time_limit=0.5)
    with pytest.raises(QuestionFailed, match=r"it ran longer than 0\.5 s"):
        worker_pool.run("SELECT len(list_sort(list_transform(range(20000000), lambda x: hash(x)::VARCHAR)))")

    worker_pool._time_limit = 30
    assert worker_pool.run("SELECT 1 AS a").rows == b"[1]"
    worker_pool.close()


@pytest.mark.slow
def test_large_results_leave_memory_for_the_next(worker_pool: WorkerPool) -> None:
    """Each of several large results has all of the memory for a question."""
    sql = "SELECT i, repeat('x', 100) AS s FROM range(1000000) AS t(i)"
    sizes = [len(worker_pool.run(sql).rows) for _ in range(3)]

    # Brackets, two commas and two quotes around 100 letters, and the digits of every number.
    assert sizes == [1_000_000 * (106) - 1 + 5_888_890] * 3


@pytest.mark.slow
def test_a_process_that_dies_fails_its_question_alone(
    children: Callable[..., set[int]], sent: threading.Event
) -> None:
    """The error has the exit code. The next question gets another process, also after one died while idle."""
    before = children()
    worker_pool = pool_on()
    worker_pool.run("SELECT 1")
    (pid,) = children() - before

    def kill() -> None:
        sent.wait(60)
        os.kill(pid, signal.SIGKILL)

    threading.Thread(target=kill).start()
    with pytest.raises(QuestionFailed, match="its process ended by itself, exit code -9"):
        worker_pool.run(LONG)
    assert worker_pool.run("SELECT 1 AS a").rows == b"[1]"
    (pid,) = children() - before
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # until it has ended, which the pool has yet to notice
    assert worker_pool.run("SELECT 2 AS a").rows == b"[2]"
    worker_pool.close()


@pytest.mark.slow
def test_an_endless_question_delays_no_other() -> None:
    """Others are answered at the same time."""
    worker_pool = pool_on(time_limit=3600)

    def work() -> None:
        with pytest.raises(QuestionFailed):
            worker_pool.run(LONG)

    thread = threading.Thread(target=work)
    thread.start()

    assert [worker_pool.run(f"SELECT {n} AS n").rows for n in range(3)] == [b"[0]", b"[1]", b"[2]"]
    assert thread.is_alive()
    worker_pool.stop()
    thread.join(timeout=10)
    assert not thread.is_alive()
    worker_pool.close()


@pytest.mark.slow
def test_processes_are_started_for_questions_and_ended_on_closing(children: Callable[..., set[int]]) -> None:
    """None runs before the first question, one for successive questions, none after closing."""
    before = children()
    worker_pool = pool_on()
    assert children() == before
    worker_pool.run("SELECT 1")
    worker_pool.run("SELECT 2")
    assert len(children() - before) == 1

    worker_pool.close()
    assert children() == before


def test_memory_is_limited() -> None:
    """A query that needs more than its limit fails, and writes no temporary file instead."""
    worker_pool = pool_on(memory=100)

    with pytest.raises(QuestionFailed, match="Out of Memory"):
        worker_pool.run("SELECT list(i::VARCHAR || repeat('x', 1000)) FROM range(20000000) AS t(i)")
    worker_pool.close()


@pytest.mark.slow
def test_questions_run_in_parallel(worker_pool: WorkerPool) -> None:
    """Each of eight threads gets its own results."""
    rows = {}

    def work(n: int) -> None:
        sql = f"FROM sales.orders SELECT {n} AS n, count(*) AS c"
        rows[n] = [worker_pool.run(sql).rows for _ in range(20)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert rows == {n: [f"[{n},100000]".encode()] * 20 for n in range(8)}


def test_instants_are_in_the_zone(worker_pool: WorkerPool) -> None:
    """The zone applies to the text of instants and to computations with them."""
    sql = "SELECT TIMESTAMPTZ '2025-01-01 00:00:00+00' AS t, date_trunc('day', t) AS d"
    tokyo = pool_on(timezone="Asia/Tokyo")

    assert worker_pool.run(sql).rows == b'["2025-01-01T01:00:00+01:00","2025-01-01T00:00:00+01:00"]'
    assert tokyo.run(sql).rows == b'["2025-01-01T09:00:00+09:00","2025-01-01T00:00:00+09:00"]'
    tokyo.close()


def test_a_database_file_is_only_read(tmp_path: Path) -> None:
    """A database file is queried, and not changed in any byte."""
    path = tmp_path / "own.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 42 AS answer")
    before = path.read_bytes()
    worker_pool = pool_on(path)

    assert worker_pool.run("FROM t").rows == b"[42]"
    with pytest.raises(QuestionFailed):
        worker_pool.run("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone")
    worker_pool.close()
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["own.duckdb"]


def test_a_file_that_is_no_database_is_rejected(tmp_path: Path) -> None:
    """A file of another kind raises ConfigError when the pool is made."""
    path = tmp_path / "notes.txt"
    path.write_text("no database at all\n" * 1000)

    with pytest.raises(ConfigError, match="cannot be opened as a DuckDB file"):
        pool_on(path)
