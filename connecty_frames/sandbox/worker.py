"""The process that runs queries for the sandbox, one after the other, until its pipe ends.

It is a separate process because nothing else limits a query reliably. It can be killed during a single
function call of DuckDB, and the operating system denies it memory beyond its limit.

It does not outlive the sandbox, however that ends: a thread reads standard input and ends the process at its
end, during a query too. Ctrl-C in a terminal reaches all processes there; this one ignores it. The limit on
memory works on Linux alone: macOS accepts it without effect, and Windows has none. There only the time limit
ends a single function call.
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

_MIB: Final = 2**20
#: The limit on a query's address space, as a multiple of the memory that DuckDB may count for it. DuckDB's
#: count leaves out the memory within a single function call, and the rows as text.
_ADDRESS_SPACE_FACTOR: Final = 2
#: A worker is retired when it has grown by more than this share of the memory for a query. Freed memory stays
#: in the address space, so that after a large result the next query would have less.
_MAX_GROWTH: Final = 0.5
#: Where the result of a query is stored before it is read: a read-only transaction allows temporary tables.
_RESULT_TABLE: Final = "temp.main.result"
_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    # Several threads add floats in the order in which they finish, so that the last digits of a mean would
    # differ from run to run. Questions run in parallel in processes instead.
    "threads": 1,
}
_LOCKDOWN: Final = (
    "SET GLOBAL allow_community_extensions = false",
    "SET GLOBAL python_enable_replacements = false",
    "SET GLOBAL temp_directory = ''",
    "SET GLOBAL enable_external_access = false",
    "SET GLOBAL lock_configuration = true",
)


def main() -> None:
    """Open the database that the first message names, then answer each further message."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = _redirect_stdout()
    first = receive(sys.stdin.buffer)
    if first is None:
        return
    setup = msgspec.msgpack.decode(first, type=WorkerSetup)
    try:
        database = Database(setup)
    except ConfigError as error:
        _send_reply(replies, WorkerReply(failure=str(error), retire_worker=True))
        return
    queries: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_read_queries, args=(queries,), daemon=True).start()
    at_start = _address_space()
    _limit_resources(at_start + _ADDRESS_SPACE_FACTOR * setup.memory * _MIB)
    _send_reply(replies, WorkerReply())
    while True:
        reply = _run(database, queries.get(), setup.memory)
        if _address_space() - at_start > _MAX_GROWTH * setup.memory * _MIB:
            reply = msgspec.structs.replace(reply, retire_worker=True)
        _send_reply(replies, reply)


def _redirect_stdout() -> BinaryIO:
    """Return standard output for the replies, and discard what libraries print to it."""
    replies = os.fdopen(os.dup(1), "wb")
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.close(devnull)
    return replies


def _read_queries(queries: SimpleQueue[str]) -> None:
    """Queue each query that arrives, and end the process at the end of standard input."""
    while (message := receive(sys.stdin.buffer)) is not None:
        queries.put(message.decode())
    os._exit(0)


def _run(database: Database, sql: str, memory: int) -> WorkerReply:
    """Run a query."""
    try:
        return WorkerReply(result=database.run(sql))
    except QuestionFailed as error:
        return WorkerReply(failure=str(error))
    except MemoryError as error:
        detail = f" ({str(error).splitlines()[0]})" if str(error) else ""
        failure = f"The query was stopped: it needs more memory than the {memory} MiB for a question{detail}."
        return WorkerReply(failure=failure, retire_worker=True)
    except Exception as error:  # noqa: BLE001 - reported as the failure: standard error is discarded
        return WorkerReply(failure=f"{type(error).__name__}: {error}", retire_worker=True)


def _send_reply(replies: BinaryIO, reply: WorkerReply) -> None:
    send(replies, msgspec.msgpack.encode(reply))


def _address_space() -> int:
    """Return the bytes of address space in use, 0 where the system does not report them."""
    if sys.platform != "linux":
        return 0
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _limit_resources(address_space: int) -> None:
    """Limit the memory of this process, and let it write no file: neither DuckDB's nor a core dump."""
    if sys.platform == "linux":
        import resource

        for name, value in (
            (resource.RLIMIT_AS, address_space),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            _, hard = resource.getrlimit(name)
            limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(name, (limit, limit))


class Database:
    """A database that answers SELECT statements, one after the other; ConfigError if it cannot be opened."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._connection = _connect(setup)
        self._documented_only = setup.documented_only

    def run(self, sql: str) -> QueryResult:
        """Run one SELECT and return its result; QuestionFailed if invalid, MemoryError beyond the limit."""
        with self._connection.cursor() as cursor:
            try:
                statement = _single_select(cursor, sql)
                # Not ended here: closing the cursor rolls it back and deletes the temporary table.
                cursor.execute("BEGIN TRANSACTION READ ONLY")
                columns = cursor.sql(statement).columns
                placeholders = ", ".join(f"c{position}" for position in range(len(columns)))
                cursor.execute(f"CREATE TEMP TABLE {_RESULT_TABLE}({placeholders}) AS\n{statement}")
                return read_result(cursor, _RESULT_TABLE, columns, documented_only=self._documented_only)
            except duckdb.OutOfMemoryException as error:
                raise MemoryError(str(error)) from error
            except duckdb.Error as error:
                raise QuestionFailed(str(error)) from error


def _single_select(cursor: duckdb.DuckDBPyConnection, sql: str) -> str:
    """Return the SELECT statement in a text, or raise QuestionFailed if there is anything else."""
    statements = cursor.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        found = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise QuestionFailed(f"One SELECT statement is expected, not {found}.")
    return statements[0].query


def _connect(setup: WorkerSetup) -> duckdb.DuckDBPyConnection:
    """Open the database and lock its configuration."""
    try:
        connection = duckdb.connect(
            setup.database or ":memory:", read_only=setup.database is not None, config=_CONFIG
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
        for statement in _LOCKDOWN:
            connection.execute(statement)
    except duckdb.Error:
        connection.close()
        raise
    return connection
