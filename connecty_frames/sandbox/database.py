"""DuckDB, locked down: one SELECT at a time, nothing written and nothing reached.

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
fill memory or disk             ``memory_limit``; no directory to spill to
==============================  =========================================================

DuckDB counts memory, and looks for an interrupt, between vectors of rows: a single call of a scalar function
(``list_sum(range(500000000))``) is subject to neither. So a query runs in a process that can be limited and
killed from outside: :mod:`connecty_frames.sandbox.worker`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import duckdb

from connecty_frames.errors import ConfigError, QuestionFailed
from connecty_frames.sandbox import workspace
from connecty_frames.sandbox.payload import read_result

if TYPE_CHECKING:
    from connecty_frames.sandbox.payload import Result
    from connecty_frames.sandbox.pipes import Setup

__all__ = ["Database"]

#: Where a question's result waits to be read: a temporary table, which a read-only transaction allows.
_RESULT: Final = "temp.main.result"

_AT_START: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    # Several threads add floats in whatever order they finish, so that the last digits of a mean would differ
    # from run to run. Questions run beside each other instead, in processes.
    "threads": 1,
}
_LOCKS: Final = (
    "SET GLOBAL allow_community_extensions = false",
    "SET GLOBAL python_enable_replacements = false",
    "SET GLOBAL temp_directory = ''",
    "SET GLOBAL enable_external_access = false",
    "SET GLOBAL lock_configuration = true",
)


class Database:
    """A database that answers SELECT statements, one after the other.

    Raises
    ------
    ConfigError
        The file cannot be opened.
    """

    def __init__(self, setup: Setup) -> None:
        self._connection = _open(setup)
        self._documented_only = setup.documented_only

    def run(self, sql: str) -> Result:
        """Run one SELECT and give its whole result.

        Raises
        ------
        QuestionFailed
            It is not one SELECT statement, or DuckDB refuses it.
        MemoryError
            It wants more memory than there is for it.
        """
        with self._connection.cursor() as cursor:
            try:
                return self._read(cursor, sql)
            except duckdb.OutOfMemoryException as error:
                raise MemoryError(str(error)) from error
            except duckdb.Error as error:
                raise QuestionFailed(str(error)) from error

    def close(self) -> None:
        """Close the database."""
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


def _single_select(cursor: duckdb.DuckDBPyConnection, sql: str) -> str:
    """Give the one SELECT statement that the text holds."""
    statements = cursor.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        found = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise QuestionFailed(f"One SELECT statement is expected, not {found}.")
    return statements[0].query


def _open(setup: Setup) -> duckdb.DuckDBPyConnection:
    """Open the database and lock it."""
    try:
        connection = duckdb.connect(
            setup.database or ":memory:", read_only=setup.database is not None, config=_AT_START
        )
    except duckdb.Error as error:
        raise ConfigError(
            f"database={setup.database!r} cannot be opened as a DuckDB file: {error}", setting="database"
        ) from error
    try:
        # SET GLOBAL, since a plain SET would not reach the cursors of the questions.
        connection.execute(f"SET GLOBAL TimeZone = '{setup.timezone}'")
        if setup.database is None:
            workspace.build(connection)
        connection.execute(f"SET GLOBAL memory_limit = '{setup.memory}MiB'")
        for lock in _LOCKS:
            connection.execute(lock)
    except duckdb.Error:
        connection.close()
        raise
    return connection
