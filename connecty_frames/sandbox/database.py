"""The database that questions are about, and the limits on queries.

DuckDB runs in this process, with its configuration locked. A query is one SELECT in a read-only transaction,
and queries share one memory limit. A file is attached to an in-memory database, so that the locked
configuration does not affect other connections of this process to that file.

Each query has its own cursor and thread. It is interrupted at its time limit and on closing. Some function
calls ignore that: the question then ends a few seconds later, and the thread when the call returns.
"""

from __future__ import annotations

import math
import threading
import time
from contextlib import suppress
from importlib.resources import files
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

import duckdb

from connecty_frames.errors import ConfigError, QuestionFailed
from connecty_frames.sandbox import workspace
from connecty_frames.sandbox.results import QueryResult, read_result

if TYPE_CHECKING:
    from pathlib import Path

    from connecty_frames._base.clock import Clock

MEMORY: Final = 1024  # the memory that all queries together may use, in MiB
_PATIENCE: Final = 5.0  # the seconds that an interrupted query gets to end; after that, it is abandoned
_ABANDONED: Final = 2  # with so many abandoned queries, which still take memory, no other starts
#: The temporary table (allowed even in a read-only transaction) that holds a result until it is read.
_RESULT_TABLE: Final = "temp.main.result"


class Database:
    """Runs SELECT statements for several threads at once; raises ConfigError if the file cannot be opened."""

    def __init__(self, file: Path | None, *, time_limit: float, clock: Clock) -> None:
        self._time_limit = time_limit
        self._clock = clock
        self._stopping = threading.Event()
        self._threads: dict[threading.Thread, bool] = {}  # of running queries; if they were abandoned
        self._is_spent = False  # DuckDB keeps memory of a stopped query until it is closed
        self._lock = threading.Lock()
        self._file = file
        self._connection = None if file is None else self._connect()

    def run(self, sql: str) -> QueryResult:
        """Run one SELECT and return its whole result; raises QuestionFailed."""
        outcome: SimpleQueue[QueryResult | str] = SimpleQueue()
        with self._lock:
            if self._stopping.is_set():
                raise QuestionFailed(f"The query was not started: the sandbox is closing.\n\n{sql}")
            if sum(self._threads.values()) >= _ABANDONED:
                raise QuestionFailed(f"Not started: stopped queries still run. Restart the sandbox.\n\n{sql}")
            if self._connection is None:
                self._connection = self._connect()
            cursor = self._connection.cursor()
            thread = threading.Thread(
                target=self._work, args=(cursor, sql, outcome), name="connecty-sandbox-query", daemon=True
            )
            self._threads[thread] = False
            thread.start()
        ended = self._wait(cursor, outcome)
        with self._lock:
            if thread in self._threads:
                self._threads[thread] = True
        if isinstance(ended, str):
            raise QuestionFailed(f"{ended}\n\n{sql}")
        return ended

    def stop(self) -> None:
        """Interrupt all running queries, and refuse new ones."""
        self._stopping.set()

    def close(self) -> None:
        """Stop, wait a few seconds for running queries, and close the database if all have ended."""
        self.stop()
        until = time.monotonic() + _PATIENCE
        for thread in tuple(self._threads):
            thread.join(max(until - time.monotonic(), 0))
        with self._lock:
            if self._connection is not None and not self._threads:  # a running call would block closing
                self._connection.close()

    def _wait(
        self, cursor: duckdb.DuckDBPyConnection, outcome: SimpleQueue[QueryResult | str]
    ) -> QueryResult | str:
        """Return the outcome of a query, or why it was stopped: its time limit, or closing."""
        limit, until, reason = self._clock.monotonic() + self._time_limit, math.inf, ""
        while time.monotonic() < until:
            with suppress(Empty):
                ended = outcome.get(timeout=0.05)
                return reason or ended
            if not reason:
                if self._stopping.is_set():
                    reason = "The query was stopped: the sandbox is closing."
                elif self._clock.monotonic() >= limit:
                    reason = f"The query was stopped: it ran longer than {self._time_limit:g} s."
                else:
                    continue
                until = time.monotonic() + _PATIENCE
            with suppress(duckdb.Error):  # it has ended
                cursor.interrupt()  # repeatedly, because an interrupt before a query starts is lost
        return reason

    def _work(
        self, cursor: duckdb.DuckDBPyConnection, sql: str, outcome: SimpleQueue[QueryResult | str]
    ) -> None:
        ended: QueryResult | str
        try:
            with cursor:
                ended = self._select(cursor, sql)
        except duckdb.OutOfMemoryException as error:
            detail = str(error).splitlines()[0]
            ended = f"The query was stopped: it needs more memory than the {MEMORY} MiB for all ({detail})."
            self._is_spent = True
        except (QuestionFailed, duckdb.Error) as error:
            ended = str(error)
            self._is_spent |= isinstance(error, duckdb.InterruptException)
            if isinstance(error, duckdb.FatalException | duckdb.InternalException):
                self._connection = None  # it accepts no further queries
        except Exception as error:  # noqa: BLE001 - reported as the failure
            ended = f"{type(error).__name__}: {error}"
        with self._lock:
            del self._threads[threading.current_thread()]
            if self._is_spent and not self._threads:
                self._connection, self._is_spent = None, False  # the next query opens the database again
        outcome.put(ended)

    def _select(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> QueryResult:
        name = "memory" if self._file is None else _attached_name(self._file).replace("'", "''")
        cursor.execute(f"SET search_path = '{name}.main,memory.bounds'")
        statements = cursor.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            found = ", ".join(statement.type.name for statement in statements) or "nothing"
            raise QuestionFailed(f"One SELECT statement is expected, not {found}.")
        select = statements[0].query
        # Do not end the transaction: closing the cursor rolls it back and drops the temporary table.
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        columns = cursor.sql(select).columns
        placeholders = ", ".join(f"c{position}" for position in range(len(columns)))
        cursor.execute(f"CREATE TEMP TABLE {_RESULT_TABLE}({placeholders}) AS\n{select}")
        cursor.execute("USE memory.main")  # macros of the file may have the names of functions
        return read_result(cursor, _RESULT_TABLE, columns)

    def _connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(
            ":memory:",
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                # With several threads, the order of additions, and so the last digits of a mean, would vary.
                "threads": 1,
            },
        )
        try:
            with suppress(duckdb.InvalidInputException):  # already off in a notebook without ipywidgets
                connection.execute("SET enable_progress_bar = false")  # otherwise `python -c` prints it
            # SET GLOBAL, because a plain SET would not affect the cursors of questions.
            connection.execute("SET GLOBAL TimeZone = 'UTC'")
            if self._file is None:
                workspace.build(connection)
            else:
                path = str(self._file).replace("'", "''")
                connection.execute(f"ATTACH '{path}' AS {_attached_name(self._file)} (READ_ONLY)")
            connection.execute((files(__package__) / "bounds.sql").read_text(encoding="utf-8"))
            connection.execute(f"SET GLOBAL memory_limit = '{MEMORY}MiB'")
            connection.execute("SET GLOBAL allow_community_extensions = false")
            connection.execute("SET GLOBAL python_enable_replacements = false")
            connection.execute("SET GLOBAL temp_directory = ''")
            connection.execute("SET GLOBAL enable_external_access = false")
            connection.execute("SET GLOBAL lock_configuration = true")
        except duckdb.Error as error:
            connection.close()
            if self._file is None:
                raise
            raise ConfigError(
                f"database={str(self._file)!r} cannot be opened as a DuckDB file: {error}. "
                "Name a DuckDB file that no connection writes.",
                setting="database",
            ) from error
        return connection


def _attached_name(file: Path) -> str:
    name = file.name.partition(".")[0]
    if name.lower() in {"", "main", "memory", "system", "temp"}:  # reserved by DuckDB
        name += "_db"
    return '"' + name.replace('"', '""') + '"'
