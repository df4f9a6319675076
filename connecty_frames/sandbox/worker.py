"""The process that runs queries for the sandbox, one after the other, until its pipe ends.

A process of its own, because nothing else bounds a query for certain. It can be killed in the middle of a
scalar call, and the operating system refuses it memory beyond its share, whoever in it asks.

It does not outlive the sandbox, however that ends: a thread reads its standard input, and the end of that is
the end of the process, in the middle of a query too. Ctrl-C in a terminal reaches every process there; this
one leaves it to the sandbox. Only Linux keeps the bound on memory: macOS accepts it without effect, and
Windows has none. There a scalar call ends at the time limit alone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

import duckdb
import msgspec

from connecty_frames.errors import ConfigError, QuestionFailed
from connecty_frames.sandbox import workspace
from connecty_frames.sandbox.pipes import WorkerReply, WorkerSetup, receive, send
from connecty_frames.sandbox.results import read_result

if TYPE_CHECKING:
    from typing import BinaryIO

    from connecty_frames.sandbox.results import QueryResult

__all__ = ["Database", "main"]

_MIB: Final = 2**20
#: The address space for a query, as a multiple of what DuckDB may count for it: its count leaves out what
#: single calls take, and the rows as text.
_SHARE: Final = 2
#: By what part of the memory for a query a worker may have grown before it is replaced. Freed memory does not
#: leave the address space, so that a large answer would leave less for the next question.
_GROWTH: Final = 0.5


def main() -> None:
    """Open the database as the first message says, then answer each of the following."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = _private_output()
    first = receive(sys.stdin.buffer)
    if first is None:
        return
    setup = msgspec.msgpack.decode(first, type=WorkerSetup)
    try:
        database = Database(setup)
    except ConfigError as error:
        _reply(replies, WorkerReply(failure=str(error), spent=True))
        return
    queries: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_listen, args=(queries,), daemon=True).start()
    at_start = _address_space()
    _limit(at_start + _SHARE * setup.memory * _MIB)
    _reply(replies, WorkerReply())
    while True:
        reply = _answer(database, queries.get(), setup.memory)
        grown = _address_space() - at_start
        if grown > _GROWTH * setup.memory * _MIB:
            reply = msgspec.structs.replace(reply, spent=True)
        _reply(replies, reply)


def _answer(database: Database, sql: str, memory: int) -> WorkerReply:
    """Run a query."""
    try:
        return WorkerReply(result=database.run(sql))
    except QuestionFailed as error:
        return WorkerReply(failure=str(error))
    except MemoryError as error:
        said = f" ({str(error).splitlines()[0]})" if str(error) else ""
        told = f"The query was stopped: it wants more memory than the {memory} MiB for a question{said}."
        return WorkerReply(failure=told, spent=True)
    except Exception as error:  # noqa: BLE001 - told to the asker, not to a standard error that nobody reads
        return WorkerReply(failure=f"{type(error).__name__}: {error}", spent=True)


def _private_output() -> BinaryIO:
    """Take standard output for the replies alone; what a library prints goes nowhere."""
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return replies


def _reply(replies: BinaryIO, reply: WorkerReply) -> None:
    send(replies, msgspec.msgpack.encode(reply))


def _listen(queries: SimpleQueue[str]) -> None:
    """Take queries in, and end the process when there will be no more."""
    while (message := receive(sys.stdin.buffer)) is not None:
        queries.put(message.decode())
    os._exit(0)


def _address_space() -> int:
    """Give the bytes of address space in use; 0 where that is not told."""
    if sys.platform != "linux":
        return 0
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _limit(address_space: int) -> None:
    """Bound the memory of this process, and let it write no file: neither DuckDB's nor a core dump."""
    if sys.platform == "linux":
        import resource

        for what, most in (
            (resource.RLIMIT_AS, address_space),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            _, hard = resource.getrlimit(what)
            within = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(what, (within, within))


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

    def __init__(self, setup: WorkerSetup) -> None:
        self._connection = _open(setup)
        self._documented_only = setup.documented_only

    def run(self, sql: str) -> QueryResult:
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

    def _read(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> QueryResult:
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


def _open(setup: WorkerSetup) -> duckdb.DuckDBPyConnection:
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
