"""DuckDB, locked down: one SELECT per question, nothing written, nothing reached, an end to everything.

What a question may not do, and what prevents it:

==============================  =========================================================
read or write files, attach     ``enable_external_access`` off
databases, use the network
load extensions                 autoloading and autoinstalling off
see variables of this process   ``python_enable_replacements`` off
change settings                 ``lock_configuration``, set last
anything but a query            exactly one statement, of type SELECT
change data                     ``BEGIN TRANSACTION READ ONLY``: a SELECT may hold a CTE that
                                deletes, and still be a SELECT by type
run for ever                    an interrupt at the time limit
fill memory or disk             ``memory_limit``; no directory to spill to
==============================  =========================================================

One gap remains: DuckDB looks for an interrupt, and counts memory, between vectors of rows. A single call
of a scalar function (``list_sum(range(500000000))``) is subject to neither.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import duckdb

from connecty_frames.errors import ConfigError, QuestionFailed
from connecty_frames.sandbox import workspace
from connecty_frames.sandbox.payload import read_result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from connecty_frames.clock import Clock
    from connecty_frames.sandbox.payload import Result

__all__ = ["Engine"]

#: What all questions together may take.
MEMORY_LIMIT: Final = "2GB"
#: How often a running question is looked at, in seconds.
_WATCH_EVERY: Final = 0.05
_CLOSING: Final = "the sandbox is closing"
#: Where a question's result waits to be read: a temporary table, which a read-only transaction allows
#: and which no other cursor sees.
_RESULT: Final = "temp.main.result"

_AT_START: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    # Several threads add floats in whatever order they finish, so that the last digits of a mean would differ
    # from run to run. Questions run beside each other instead.
    "threads": 1,
}
_LOCKS: Final = (
    "SET GLOBAL allow_community_extensions = false",
    "SET GLOBAL python_enable_replacements = false",
    "SET GLOBAL temp_directory = ''",
    "SET GLOBAL enable_external_access = false",
    "SET GLOBAL lock_configuration = true",
)


class Engine:
    """A database that answers SELECT statements, from several threads at once.

    Parameters
    ----------
    database
        A DuckDB file to open read-only; None builds the sample workspace in memory.
    timezone
        The zone that instants are written in.
    time_limit
        Seconds after which a question is stopped.
    documented_only
        Leave out the sections of the statistics that the API document does not show.
    memory_limit
        What all questions together may take, as DuckDB writes it.
    """

    def __init__(
        self,
        database: Path | None,
        *,
        timezone: str,
        time_limit: float,
        documented_only: bool,
        clock: Clock,
        memory_limit: str = MEMORY_LIMIT,
    ) -> None:
        self._connection = _open(database, timezone, memory_limit)
        # A connection refuses a call while it is busy with another thread's, instead of waiting.
        self._lock = threading.Lock()
        self._time_limit = time_limit
        self._documented_only = documented_only
        self._clock = clock
        self._stopping = threading.Event()

    def run(self, sql: str) -> Result:
        """Run one SELECT and give its whole result.

        Raises
        ------
        QuestionFailed
            It is not one SELECT statement, DuckDB refuses it, or it took too long.
        """
        with self._lock:
            if self._stopping.is_set():
                raise QuestionFailed(f"The query was not started: {_CLOSING}.\n\n{sql}")
            cursor = self._connection.cursor()
        with cursor, self._watched(cursor) as reasons:
            try:
                return self._read(cursor, sql)
            except duckdb.InterruptException as error:
                raise QuestionFailed(f"The query was stopped: {reasons[0]}.\n\n{sql}") from error
            except duckdb.Error as error:
                raise QuestionFailed(f"{error}\n\n{sql}") from error

    def stop(self) -> None:
        """Interrupt what runs, and start nothing any more."""
        with self._lock:
            self._stopping.set()

    def close(self) -> None:
        """Close the database, when nothing runs any more."""
        self._connection.close()

    def _read(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> Result:
        """Materialise the result of a statement and read it."""
        statement = _single_select(cursor, sql)
        # Never ended: closing the cursor rolls it back, and the temporary table goes with it.
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        columns = cursor.sql(statement).columns
        placeholders = ", ".join(f"c{position}" for position in range(len(columns)))
        cursor.execute(f"CREATE TEMP TABLE {_RESULT}({placeholders}) AS\n{statement}")
        return read_result(cursor, _RESULT, columns, documented_only=self._documented_only)

    @contextmanager
    def _watched(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[list[str]]:
        """Interrupt what runs on a cursor at the time limit or on stopping; the reason is put in the list.

        The interrupt is repeated until the end, because DuckDB forgets one that falls between two statements.
        """
        reasons: list[str] = []
        done = threading.Event()
        until = self._clock.monotonic() + self._time_limit

        def watch() -> None:
            while not done.wait(_WATCH_EVERY):
                if self._stopping.is_set():
                    reasons.append(_CLOSING)
                elif self._clock.monotonic() >= until:
                    reasons.append(f"it ran longer than {self._time_limit:g} s")
                else:
                    continue
                cursor.interrupt()

        watcher = threading.Thread(target=watch, name="connecty-sandbox-watch", daemon=True)
        watcher.start()
        try:
            yield reasons
        finally:
            done.set()
            watcher.join()


def _single_select(cursor: duckdb.DuckDBPyConnection, sql: str) -> str:
    """Give the one SELECT statement that the text holds."""
    statements = cursor.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        found = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise QuestionFailed(f"One SELECT statement is expected, not {found}.\n\n{sql}")
    return statements[0].query


def _open(database: Path | None, timezone: str, memory_limit: str) -> duckdb.DuckDBPyConnection:
    """Open the database and lock it."""
    try:
        connection = duckdb.connect(
            ":memory:" if database is None else str(database),
            read_only=database is not None,
            config=_AT_START,
        )
    except duckdb.Error as error:
        raise ConfigError(
            f"database={str(database)!r} cannot be opened as a DuckDB file: {error}", setting="database"
        ) from error
    try:
        # SET GLOBAL, since a plain SET would not reach the cursors of the questions.
        connection.execute(f"SET GLOBAL TimeZone = '{timezone}'")
        if database is None:
            workspace.build(connection)
        connection.execute(f"SET GLOBAL memory_limit = '{memory_limit}'")
        for lock in _LOCKS:
            connection.execute(lock)
    except duckdb.Error:
        connection.close()
        raise
    return connection
