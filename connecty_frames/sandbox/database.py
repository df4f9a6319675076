"""The database that questions are about, and what a query may do, take and last.

DuckDB runs in this process. It is locked down, a query is one SELECT in a read-only transaction, and queries
share one limit on memory. A file is attached to a database in memory, so that the lock-down does not reach
another connection of this process to that file.

Each query has a cursor and a thread of its own. It is interrupted at its time limit and on closing. Some
calls of functions ignore that: then the question ends a few seconds later, and the thread with the call.
"""

from __future__ import annotations

import math
import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

import duckdb

from connecty_frames.errors import ConfigError, QuestionFailed
from connecty_frames.sandbox import workspace
from connecty_frames.sandbox.results import QueryResult, read_result

if TYPE_CHECKING:
    from pathlib import Path

    from connecty_frames._base.clock import Clock

#: The memory that all queries may take together, in MiB.
MEMORY: Final = 1024
#: How long a query may take to end once it is interrupted, in seconds; later it is left alone.
_PATIENCE: Final = 5.0
#: Where the result of a query is stored before it is read: a read-only transaction allows temporary tables.
_RESULT_TABLE: Final = "temp.main.result"


class Database:
    """Runs SELECT statements, for several threads at once; ConfigError if the file cannot be opened."""

    def __init__(self, file: Path | None, *, timezone: str, time_limit: float, clock: Clock) -> None:
        self._timezone = timezone
        self._time_limit = time_limit
        self._clock = clock
        self._stopping = threading.Event()
        self._threads: set[threading.Thread] = set()  # those of the running queries
        self._lock = threading.Lock()
        self._file = file
        self._connection = None if file is None else self._connect()

    def run(self, sql: str) -> QueryResult:
        """Run one SELECT and return its whole result; raises QuestionFailed."""
        outcome: SimpleQueue[QueryResult | str] = SimpleQueue()
        with self._lock:
            if self._stopping.is_set():
                raise QuestionFailed(f"The query was not started: the sandbox is closing.\n\n{sql}")
            if self._connection is None:
                self._connection = self._connect()
            cursor = self._connection.cursor()
            thread = threading.Thread(
                target=self._work, args=(cursor, sql, outcome), name="connecty-sandbox-query", daemon=True
            )
            self._threads.add(thread)
            thread.start()
        ended = self._wait(cursor, outcome)
        if isinstance(ended, str):
            raise QuestionFailed(f"{ended}\n\n{sql}")
        return ended

    def stop(self) -> None:
        """Interrupt all running queries, and start no more."""
        self._stopping.set()

    def close(self) -> None:
        """Stop, wait a few seconds for running queries, and close the database unless one goes on."""
        self.stop()
        until = time.monotonic() + _PATIENCE
        for thread in tuple(self._threads):
            thread.join(max(until - time.monotonic(), 0))
        with self._lock:
            if self._connection is not None and not self._threads:  # a running call refuses or delays it
                self._connection.close()

    def _wait(
        self, cursor: duckdb.DuckDBPyConnection, outcome: SimpleQueue[QueryResult | str]
    ) -> QueryResult | str:
        """Return the outcome of a query, or why it was stopped: by its time limit, or on closing."""
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
                cursor.interrupt()  # again and again, since a query forgets what came before its start
        return reason

    def _work(
        self, cursor: duckdb.DuckDBPyConnection, sql: str, outcome: SimpleQueue[QueryResult | str]
    ) -> None:
        """Run a query on a thread of its own."""
        ended: QueryResult | str
        try:
            with cursor:
                ended = self._select(cursor, sql)
        except duckdb.OutOfMemoryException as error:
            detail = str(error).splitlines()[0]
            ended = f"The query was stopped: it needs more memory than the {MEMORY} MiB for all ({detail})."
        except (QuestionFailed, duckdb.Error) as error:
            ended = str(error)
            if isinstance(error, duckdb.FatalException | duckdb.InternalException):
                self._connection = None  # it takes no further query
        except Exception as error:  # noqa: BLE001 - reported as the failure
            ended = f"{type(error).__name__}: {error}"
        self._threads.discard(threading.current_thread())
        outcome.put(ended)

    def _select(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> QueryResult:
        """Return the result of a SELECT; raises QuestionFailed if the text is anything else."""
        if self._file is not None:
            cursor.execute(f"USE {_attached_name(self._file)}")
        statements = cursor.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            found = ", ".join(statement.type.name for statement in statements) or "nothing"
            raise QuestionFailed(f"One SELECT statement is expected, not {found}.")
        select = statements[0].query
        # Not ended here: closing the cursor rolls it back and deletes the temporary table.
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        columns = cursor.sql(select).columns
        placeholders = ", ".join(f"c{position}" for position in range(len(columns)))
        cursor.execute(f"CREATE TEMP TABLE {_RESULT_TABLE}({placeholders}) AS\n{select}")
        return read_result(cursor, _RESULT_TABLE, columns)

    def _connect(self) -> duckdb.DuckDBPyConnection:
        """Open the database and lock its configuration."""
        connection = duckdb.connect(
            ":memory:",
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                # With several threads the order of additions varies, and with it the last digits of a mean.
                # Questions run in parallel instead.
                "threads": 1,
            },
        )
        try:
            with suppress(duckdb.InvalidInputException):  # in a notebook without ipywidgets it is off
                connection.execute("SET enable_progress_bar = false")  # which `python -c` would print
            # SET GLOBAL, since a plain SET would not reach the cursors of the questions.
            connection.execute(f"SET GLOBAL TimeZone = '{self._timezone}'")
            if self._file is None:
                workspace.build(connection)
            else:
                path = str(self._file).replace("'", "''")
                connection.execute(f"ATTACH '{path}' AS {_attached_name(self._file)} (READ_ONLY)")
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
    """Return the quoted name of an attached file: the one that DuckDB gives it when it opens it."""
    name = file.name.partition(".")[0]
    if name.lower() in {"", "main", "memory", "system", "temp"}:  # which no attached database may have
        name += "_db"
    return '"' + name.replace('"', '""') + '"'
