"""The questions in a PostgreSQL database, which processes on many machines share.

It uses the non-blocking functions of libpq through psycopg, whose own connections wait without limit.
"""

from __future__ import annotations

import math
import os
import re
import select
import time
import uuid
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from random import random
from typing import TYPE_CHECKING, Any, Final

from connecty_frames._base.clock import CURRENT
from connecty_frames._base.text import snippet, terminal
from connecty_frames.errors import missing_extra
from connecty_frames.files import user_folder
from connecty_frames.store import leases, schema
from connecty_frames.store.database import (
    IN_USE,
    Finish,
    OutageError,
    Parameters,
    Result,
    Statement,
    Store,
    StoreError,
    UnfitError,
    version_of,
    waited,
)

try:
    from psycopg import Error, pq
except ModuleNotFoundError as missing:
    raise missing_extra("postgres", "A history in PostgreSQL needs", missing) from None

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
    from datetime import datetime

#: Clocks of the database, in microseconds since 1970: ``statement``, so that conditions can use an index, or
#: ``clock``, which goes on while a statement waits.
_CLOCK: Final = "(extract(epoch FROM {}_timestamp()) * 1000000)::bigint"
#: The contents of the database, from its catalogue, because functions may cache an earlier state; then 1 to
#: set its isolation level, if it can detect clients that are gone (not on Windows), if the role may upgrade
#: the tables, and with limits.
_KNOWN: Final = """\
SELECT current_setting('server_encoding'),
    (current_setting('default_transaction_isolation') <> 'read committed')::int,
    (current_setting('server_version_num')::int >= 140000 AND version() LIKE '%linux%')::int,
    (SELECT count(*) FROM pg_namespace WHERE nspname = 'connecty'),
    count(*) FILTER (WHERE relname IN ('version', 'questions')),
    (count(*) FILTER (
        WHERE relname = 'version' AND attname IN ('version', 'oldest_writer', 'store_id')) = 3)::int,
    bool_and(pg_has_role(relowner, 'USAGE') AND has_schema_privilege(relnamespace, 'CREATE'))
        FILTER (WHERE relname IN ('version', 'questions', 'items', 'history'))::int,
    count(*) FILTER (WHERE relname = 'limits')
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'connecty'"""
#: The settings of one transaction, independent of connection pools and defaults. A statement that waits for a
#: lock ends with its caller. Compiling one takes longer than it saves.
_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
_LIMITS: Final = """\
SELECT set_config('lock_timeout', ?, true), set_config('statement_timeout', ?, true),
    set_config('jit', 'off', true)"""
#: Locks a name until the transaction ends.
_LOCK: Final = "SELECT pg_advisory_xact_lock{}(hashtextextended(?, 0))"
#: Reads the limits; if there are any, one question is counted at a time.
_TAKE_TURNS: Final = "SELECT job, pg_advisory_xact_lock(hashtextextended('limits', 0)) FROM limits"
#: Tables that are older have no limits.
_NO_LIMITS: Final = "FROM (SELECT '' AS job, 0 AS per_day, '' AS set_by, 0 AS set_at WHERE false) AS no"
#: The most seconds to wait for a connection before trying another one, and the pause between them, which
#: doubles with each failure, up to five times.
_ATTEMPT: Final = 10.0
_PAUSE: Final = 0.1
_IDLE: Final = 60.0  # an unused connection is closed after this many seconds
#: Refusals that last, such as for an unknown database, unless the message says that they pass.
_LASTING: Final = re.compile("FATAL|certificate|private key|support SSL|no password|invalid")
_PASSING: Final = re.compile("starting up|shut|recovery|not (yet )?accept|terminat|too many|connection slots")
#: Prefixes of error codes of outages, a standby and dropped tables: another connection may succeed.
_OUTAGES: Final = (b"08", b"25006", b"3F000", b"40", b"42P01", b"53", b"57")
_SHORT: Final = 4  # shorter passwords are masked only as whole words
_TOO_LATE: Final = "its server did not answer in time"


class Server(Store):
    """Questions in a PostgreSQL database, by the clock of its server; the interface is ``QuestionFile``'s."""

    slack = 1_000_000  # rows have the server's time
    #: An index on ``asked_at`` itself would be preferred to those for limits, and read other clients' rows.
    asked_at = f"{schema.ASKED_AT} {{}} to_timestamp(?::bigint / 1e6)"
    listed = "json_array_elements_text(?::json)"

    def __init__(self, url: str) -> None:
        #: The URL for libpq, and the schema of the tables.
        self._address, self._schema = schema.split(url)
        named = "" if self._schema == "connecty" else f"?schema={self._schema}"
        super().__init__(url, terminal(f"{url.partition('?')[0]}{named}"))
        self.url: str = url
        #: The version of the tables and the allowed settings, as found when the connection was made.
        self._version = 0
        self._limits = _LIMITS
        self._must_begin = self._limited = 0
        self._may_upgrade = False
        #: Until then, calls that need no record do not wait for the server, which was unreachable.
        self._down_until = 0.0
        #: The failures of all threads since the last success, and its time.
        self._failures, self._used = 0, 0.0

    @property
    def exists(self) -> bool:
        """Whether the database has the tables."""
        self.execute("SELECT 1", creates=False)
        return bool(self._version)

    @property
    def answers_path(self) -> Path:
        """A file of this user; without a home folder, a path that cannot be created."""
        name = f"answers-{uuid.uuid5(uuid.NAMESPACE_URL, self.place).hex}.sqlite3"
        return (user_folder("state") or Path(os.devnull)) / name

    def now(self, moment: datetime) -> Statement:  # noqa: ARG002 - files use it
        """Return SQL for the server's current time."""
        return _CLOCK.format("statement"), ()

    def lease(self) -> dict[str, Statement]:
        """Return the columns of a lease that begins now, by the server's clock."""
        return {"lease": (_CLOCK.format("clock"), ())}

    def tag(self, name: str) -> Statement:
        """Return SQL for the value of a tag."""
        return "tags ->> ?", (name,)

    def soon(self) -> float:
        """Return the deadline of a short wait: now, if the server was just unreachable."""
        return now if (now := time.monotonic()) < self._down_until else super().soon()

    def execute(
        self, statement: str, parameters: Parameters = (), *, creates: bool = True, until: float | None = None
    ) -> Result:
        """Execute a statement; retry until then if the server is unreachable or its reply was lost."""
        return self._attempts([(statement, parameters)], until, creates=creates)[-1]

    def claim(self, insertion: Statement, locks: dict[str, str], until: float | None) -> Result:
        """Insert a row unless a limit is reached, and note the limits."""
        if any("\0" in str(each) for each in insertion[1]):
            raise UnfitError("the question has a NUL character, which PostgreSQL cannot store")
        first = [*((_LOCK.format(kind), (name,)) for name, kind in locks.items()), (_TAKE_TURNS, ())]
        *_, limits, result = self._attempts([*first, insertion], until, creates=True)
        self.limits = limits.rows
        return result

    def execute_together(self, statements: list[Statement], finish: Finish) -> None:
        """Execute statements in one transaction, and ``finish`` before it is committed."""
        alone = (_LOCK.format(""), ("items",))  # without claims of batches, which may need the erased items
        self._attempts([alone, *statements], None, creates=False, finish=finish)

    def execute_first(self, waiting: deque[Statement], until: float) -> list[Statement]:
        """Execute the first 300 statements in one transaction, and return them."""
        several = list(waiting)[:300]
        self._attempts(several, until, creates=False)
        return several

    def _attempts(
        self, statements: list[Statement], until: float | None, *, creates: bool, finish: Finish | None = None
    ) -> list[Result]:
        before, reason = self._down_until, ""
        while True:
            try:
                with self.locked(until), self:
                    if until is None:  # do not count waiting for earlier calls, unless they found an outage
                        until = time.monotonic() + _ATTEMPT * (self._down_until <= before)
                    latest = min(until, time.monotonic() + _ATTEMPT)
                    results = self._execute(statements, latest, creates=creates, finish=finish)
            except OutageError as error:
                if reason in {"", IN_USE} or str(error) != _TOO_LATE:  # the last attempt had little time
                    reason = str(error)
                # With jitter, since an outage ends at the same moment for all. A last attempt comes in time.
                self._failures = min(self._failures + (str(error) != IN_USE), 5)
                pause = _PAUSE * 2**self._failures * (1 + random()) / 2  # noqa: S311 - no secret
                now, left = time.monotonic(), 0.0 if until is None else until - time.monotonic()
                if left < _PAUSE or CURRENT.get().remaining() <= 0:
                    # It is no attempt if other threads use the connection, or have just tried.
                    if str(error) != IN_USE and now >= self._down_until:
                        self._down_until = now + 2.0
                    raise OutageError(reason) from None
                waited(time.sleep, now + min(pause, left / 2))
            else:
                self._down_until, self._failures = 0.0, 0
                return results

    def _execute(
        self, statements: list[Statement], until: float, *, creates: bool, finish: Finish | None
    ) -> list[Result]:
        try:
            if self._connection is None:
                self._connect(until)
            elif not self._limited:  # its owner may have made them meanwhile
                self._inspect(until)
            # Create missing tables only to write; upgrade older ones even to read, if that is allowed.
            if self._version < len(schema.POSTGRES) and (self._may_upgrade if self._version else creates):
                self._make_tables(until)
            if not self._version:
                return [Result([], 0)] * len(statements)
            # Without BEGIN, a pipeline is one transaction.
            begin: list[Statement] = [(_BEGIN, ())] * bool(self._must_begin or finish)
            end: list[Statement] = [("COMMIT", ())] * len(begin)
            first = [*begin, self._timeouts(until), *statements]
            results = self._run(first + end * (finish is None), until)[len(begin) + 1 :]
            if finish is not None:
                finish(results)
                self._run(end, time.monotonic() + _ATTEMPT)
            self._used = time.monotonic()
            return results[: len(statements)]
        except BaseException:  # even an interrupt: the next statement would get the reply to this one
            self._disconnect()
            raise

    def _connect(self, until: float) -> None:
        self._connection = connection = pq.PGconn.connect_start(
            f"{self._address}&client_encoding=UTF8".encode()
        )
        while (state := connection.connect_poll()) != pq.PollingStatus.OK:
            if state == pq.PollingStatus.FAILED:
                raise _refusal(_said(connection.error_message))
            is_reading = state == pq.PollingStatus.READING
            _wait(connection.socket, until, reads=is_reading, writes=not is_reading)
        connection.nonblocking = 1
        connection.enter_pipeline_mode()
        self._inspect(until)
        leases.renewals.hold(self, Server._end_idle)

    def _end_idle(self) -> None:
        if self._connection is None:
            leases.renewals.end(self)
        elif time.monotonic() - self._used > _IDLE:
            with suppress(OutageError), self.locked(self._used):
                self._disconnect()

    def _inspect(self, until: float) -> bool:
        """Find the version of the tables (0 without tables), and return whether the schema exists."""
        known = self._run([(_KNOWN, ())], until)[0].rows[0]
        encoding, self._must_begin, checks, has_schema, has_tables, has_version, may, self._limited = known
        if encoding != "UTF8":
            raise UnfitError(f"the encoding of its database is {snippet(encoding)}, not UTF8")
        check = ", set_config('client_connection_check_interval', '1000', true)"
        self._limits = _LIMITS + check * checks
        self._version = 0
        if has_tables:
            rows = self._run([(schema.VERSION, ())], until)[0].rows if has_version else []
            self._version, self._store_id = version_of(rows, len(schema.POSTGRES))
            owner = "Have their owner run the SQL of `connecty history ddl`."
            if not self._limited:
                self.warn_once("limits", f"The tables in {self.place} have no limits of questions. {owner}")
            self._may_upgrade = bool(may)
            if 0 < self._version < len(schema.POSTGRES) and not may:
                self.warn_once(
                    "older",
                    f"The tables in {self.place} have version {self._version}, and are used as they are: "
                    f"this role may not upgrade them to {len(schema.POSTGRES)}. {owner}",
                )
        return bool(has_schema)

    def _make_tables(self, until: float) -> None:
        # Other programs are unlikely to use this lock number.
        lock = ("SELECT pg_advisory_xact_lock(?)", (0x636E7479,))
        self._run([(_BEGIN, ()), self._timeouts(until), lock], until)
        has_schema = self._inspect(until)  # after the lock: another process may have been faster
        steps = schema.statements(schema.POSTGRES, self._version, "gen_random_uuid()")
        steps = [*["CREATE SCHEMA connecty"][has_schema:], *steps, "COMMIT"]
        self._run([(statement, ()) for statement in steps], until)
        self._inspect(until)

    def _timeouts(self, until: float) -> Statement:
        milliseconds = min(max(1, math.ceil(1000 * (until - time.monotonic()))), 2**31 - 1)
        return self._limits, (milliseconds, milliseconds)

    def _run(self, statements: list[Statement], until: float) -> list[Result]:
        connection, results = self._connection, list[Result]()
        try:
            for statement, parameters in statements:
                values = [
                    None if each is None else str(each).replace("\0", "\\x00").encode() for each in parameters
                ]
                # The server infers the types.
                connection.send_query_params(_translated(statement, self._schema, self._limited), values)
            connection.pipeline_sync()
            while True:
                while (unsent := connection.flush()) or connection.is_busy():
                    _wait(connection.socket, until, writes=bool(unsent))
                    connection.consume_input()
                result = connection.get_result()
                if result is not None and result.status == pq.ExecStatus.PIPELINE_SYNC:
                    return results
                if result is not None or connection.status == pq.ConnStatus.BAD:
                    results.append(_result(result))  # None separates two results
        except Error as error:
            raise OutageError(_said(str(error).encode())) from None

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.finish()
            self._connection = None


@cache
def _translated(statement: str, name: str, has_limits: int) -> bytes:
    numbers = count(1)
    statement = statement if has_limits else re.sub("(?<!DELETE )FROM limits", _NO_LIMITS, statement)
    statement = re.sub(r"(?<![.'])\b(questions|items|limits)\b", r"connecty.\1", statement)
    return re.sub(r"\?", lambda _: f"${next(numbers)}", schema.in_schema(statement, name)).encode()


def _wait(socket: int, until: float, *, reads: bool = True, writes: bool = False) -> None:
    def is_ready(seconds: float) -> bool:
        if hasattr(select, "poll"):  # not on Windows; elsewhere select fails for sockets from 1,024 on
            poll = select.poll()
            poll.register(socket, select.POLLIN * reads | select.POLLOUT * writes)
            return bool(poll.poll(seconds * 1000))
        return any(select.select([socket] * reads, [socket] * writes, [], seconds))

    if not waited(is_ready, until):
        raise OutageError(_TOO_LATE)


def _result(result: Any) -> Result:
    if result is not None and result.status in {pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK}:
        # The types 20 and 23 are bigint and integer; all other values are texts.
        readers: list[Callable[[bytes], object]] = [
            int if result.ftype(column) in {20, 23} else bytes.decode for column in range(result.nfields)
        ]
        rows = [
            tuple(
                None if (value := result.get_value(row, column)) is None else read(value)
                for column, read in enumerate(readers)
            )
            for row in range(result.ntuples)
        ]
        return Result(rows, result.command_tuples or 0)
    code = result and result.error_field(pq.DiagnosticField.SQLSTATE)
    if code in {b"55P03", b"57014"}:  # lock_not_available, query_canceled
        raise OutageError(_TOO_LATE)
    if not code:
        raise OutageError("its server ended the connection")
    message = _said(result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"")
    if code.startswith(_OUTAGES):
        raise OutageError(message)
    if code == b"42501":  # insufficient_privilege
        raise UnfitError(
            f"{message}; its role needs USAGE on the schema and SELECT on its tables to read, INSERT and "
            "UPDATE to ask, DELETE to erase: `connecty history ddl` prints the SQL for an administrator, who "
            "also creates the tables with it; their owner sets limits"
        )
    raise UnfitError(message)


def _refusal(message: str) -> StoreError:
    is_lasting = _LASTING.search(message) and not _PASSING.search(message)
    return (UnfitError if is_lasting else OutageError)(message)


def _said(message: bytes) -> str:
    text = message.decode(errors="replace")
    if password := os.environ.get("PGPASSWORD"):  # a short one may occur within other words
        before, after = (r"(?<!\w)", r"(?!\w)") if len(password) < _SHORT else ("", "")
        text = re.sub(f"{before}{re.escape(password)}{after}", "***", text)
    return snippet(text, 300).rstrip(".")
