"""The questions in a PostgreSQL database, which processes on many machines share.

The functions of libpq that do not block are used, by way of psycopg: its own connections wait without limit
for a server that does not answer any more. A connection whose statement did not end in time is given up.
"""

from __future__ import annotations

import os
import re
import select
import time
import uuid
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from connecty_frames._base.text import snippet, terminal
from connecty_frames.errors import missing_extra
from connecty_frames.files import user_folder
from connecty_frames.store.database import OutageError, Result, Statement, Store, StoreError, UnfitError

try:
    from psycopg import Error, pq
except ModuleNotFoundError as missing:
    raise missing_extra("postgres", "A history in PostgreSQL needs", missing) from None

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

#: The clock of the database, in microseconds from 1970 on.
_CLOCK: Final = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
#: The statements that lead from each version of the tables to the next. They only add: processes of earlier
#: versions may be at work.
STEPS: Final = (
    (
        """\
        CREATE TABLE connecty.questions (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            token text NOT NULL UNIQUE,
            key text NOT NULL,
            previous bigint,
            question text NOT NULL,
            base_url text NOT NULL,
            dw_id text NOT NULL,
            client text NOT NULL,
            state text NOT NULL,
            question_id text,
            asked_at bigint NOT NULL,
            accepted_at bigint,
            ended_at bigint,
            rows bigint,
            sql_query text,
            response_summary text,
            error text,
            tags text,
            reused bigint NOT NULL DEFAULT 0,
            lease bigint NOT NULL,
            UNIQUE (key, previous)
        )""",
        "CREATE INDEX ON connecty.questions (question_id) WHERE question_id IS NOT NULL",
        "CREATE INDEX ON connecty.questions (asked_at)",
        "CREATE INDEX ON connecty.questions (key, asked_at)",
        "CREATE INDEX ON connecty.questions (lease) WHERE state = 'SENT'",
    ),
    (
        # The questions of all batches; that with the number 0 says that the batch is here.
        """\
        CREATE TABLE connecty.items (
            batch text NOT NULL,
            number bigint NOT NULL,
            key text NOT NULL UNIQUE,
            name text,
            folded text,
            question text NOT NULL,
            digest text NOT NULL,
            outcome text,
            error text,
            PRIMARY KEY (batch, number),
            UNIQUE (batch, folded)
        )""",
    ),
)
#: What is known of the database; the version of the tables is the comment of the first.
_KNOWN: Final = """\
SELECT current_setting('server_encoding'), EXISTS (SELECT FROM pg_namespace WHERE nspname = 'connecty')::int,
coalesce((
    SELECT obj_description(pg_class.oid, 'pg_class')::int FROM pg_class JOIN pg_namespace
    ON pg_namespace.oid = relnamespace WHERE nspname = 'connecty' AND relname = 'questions'
), 0)"""
#: A number that locks of other programs hardly have.
_LOCK: Final = 0x636E7479
#: The most seconds that a connection is waited for, before another one is tried; the pause between them; and
#: how long calls that need no record do without a server that could not be reached.
_ATTEMPT: Final = 10.0
_PAUSE: Final = 0.1
_DOWN: Final = 2.0
#: Refusals of a connection that waiting does not change, as of an unknown database, unless they say so.
_LASTING: Final = re.compile("FATAL|certificate|private key|support SSL|no password|invalid")
_PASSING: Final = re.compile("starting up|shut|recovery|not (yet )?accept|terminat|too many|connection slots")
#: The beginnings of the codes of errors after which another connection may execute the statement, among them
#: those of a standby, and of tables that were dropped.
_OUTAGES: Final = (b"08", b"25006", b"3F000", b"40", b"42P01", b"53", b"57")
_FORBIDDEN: Final = b"42501"
#: The numbers of the types bigint and integer; all other values are texts.
_INTEGERS: Final = {20, 23}
_MESSAGE: Final = 300


class Server(Store):
    """Questions in a PostgreSQL database, by the clock of its server; as ``QuestionFile``."""

    #: Rows have the server's time.
    slack = 1_000_000

    def __init__(self, url: str) -> None:
        super().__init__(url, terminal(url.partition("?")[0]))
        self.url: str = url
        self._has_tables: bool  # as it was when the connection was made
        #: Until when calls without a deadline do without it.
        self._down_until = 0.0

    @property
    def exists(self) -> bool:
        """Whether the database has the tables."""
        self.execute("SELECT 1", creates=False)
        return self._has_tables

    @property
    def answers_path(self) -> Path:
        """A file of this user; without a home none that can be made."""
        name = f"answers-{uuid.uuid5(uuid.NAMESPACE_URL, self.place).hex}.sqlite3"
        return (user_folder("state") or Path(os.devnull)) / name

    def now(self, moment: datetime) -> Statement:  # noqa: ARG002 - for others
        """Return the server's."""
        return _CLOCK, ()

    def lease(self) -> dict[str, Statement]:
        """Return the columns of a lease that begins now, by the same clock for all."""
        return {"lease": (_CLOCK, ())}

    @contextmanager
    def locked(self, until: float) -> Iterator[None]:
        """Keep other threads from using the connection; a StoreError if they do until then."""
        if not self.lock.acquire(timeout=max(0.0, until - time.monotonic())):
            raise StoreError("other calls are waiting for its server")
        try:
            yield
        finally:
            self.lock.release()

    def soon(self) -> float:
        """Return now if the server could not be reached a moment ago."""
        return now if (now := time.monotonic()) < self._down_until else super().soon()

    def execute(
        self,
        statement: str,
        parameters: tuple[object, ...] = (),
        *,
        creates: bool = True,
        reserves: bool = False,
        alone: str = "",
        until: float | None = None,
    ) -> Result:
        """Execute one statement; again, until then, if the server cannot be reached or its reply was lost."""
        if reserves and any("\0" in str(each) for each in parameters):
            raise UnfitError("the question has a NUL character, which PostgreSQL cannot store")
        until = until or time.monotonic() + _ATTEMPT
        while True:
            try:
                with self.locked(until), self:
                    latest = min(until, time.monotonic() + _ATTEMPT)
                    result = self._execute(statement, parameters, latest, creates=creates, alone=alone)
            except OutageError as error:
                if time.monotonic() + _PAUSE > until:
                    if time.monotonic() >= self._down_until:  # else this was no attempt
                        self._down_until = time.monotonic() + _DOWN
                    raise OutageError(str(error)) from None
                time.sleep(_PAUSE)
            else:
                self._down_until = 0.0
                return result

    def _execute(
        self, statement: str, parameters: tuple[object, ...], until: float, *, creates: bool, alone: str
    ) -> Result:
        try:
            if self._connection is None:
                self._connect(until)
            if not self._has_tables and creates:
                self._make_tables(until)
            if not self._has_tables:
                return Result([], 0)
            if alone:
                self._query("BEGIN", (), until)
                self._query("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", (alone,), until)
            result = self._query(statement, parameters, until)
            if alone:
                self._query("COMMIT", (), until)
        except BaseException:  # also an interrupt: the next statement would get the reply to this one
            self._disconnect()
            raise
        return result

    def _connect(self, until: float) -> None:
        self._connection = connection = pq.PGconn.connect_start(f"{self.url}&client_encoding=UTF8".encode())
        while (state := connection.connect_poll()) != pq.PollingStatus.OK:
            if state == pq.PollingStatus.FAILED:
                raise _refusal(_said(connection.error_message))
            is_reading = state == pq.PollingStatus.READING
            _wait(connection.socket, until, reads=is_reading, writes=not is_reading)
        connection.nonblocking = 1
        self._inspect(until)

    def _inspect(self, until: float) -> tuple[bool, int]:
        """Return whether the schema is there, and the version of the tables, 0 if there are none."""
        ((encoding, has_schema, version),) = self._query(_KNOWN, (), until).rows
        if encoding != "UTF8":
            raise UnfitError(f"the encoding of its database is {snippet(encoding)}, not UTF8")
        if version > len(STEPS):
            raise UnfitError("a newer version of connecty_frames made its tables")
        self._has_tables = version == len(STEPS)
        return has_schema, version

    def _make_tables(self, until: float) -> None:
        """Bring the tables from their version to the newest, in one transaction."""
        self._query("BEGIN", (), until)
        self._query("SELECT pg_advisory_xact_lock(?)", (_LOCK,), until)
        has_schema, version = self._inspect(until)  # behind it: another process may have been faster
        steps = [statement for step in STEPS[version:] for statement in step]
        for statement in steps if has_schema else ["CREATE SCHEMA connecty", *steps]:
            self._query(statement, (), until)
        self._query(f"COMMENT ON TABLE questions IS '{len(STEPS)}'", (), until)
        self._query("COMMIT", (), until)
        self._has_tables = True

    def _query(self, statement: str, parameters: tuple[object, ...], until: float) -> Result:
        """Send a statement, and return what comes of it."""
        connection, result = self._connection, None
        values = [None if each is None else str(each).replace("\0", "\\x00").encode() for each in parameters]
        try:
            connection.send_query_params(_translated(statement), values)  # the server finds their types
            while True:
                while (unsent := connection.flush()) or connection.is_busy():
                    _wait(connection.socket, until, writes=bool(unsent))
                    connection.consume_input()
                if (latest := connection.get_result()) is None:
                    return _read(result)
                result = latest
        except Error as error:
            raise OutageError(_said(str(error).encode())) from None

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.finish()
            self._connection = None


@cache
def _translated(statement: str) -> bytes:
    """Return a statement with the schema of the tables, and numbers for its parameters."""
    numbers = count(1)
    text = re.sub(r"(?<![.'])\b(questions|items)\b", r"connecty.\1", statement)
    return re.sub(r"\?", lambda _: f"${next(numbers)}", text).encode()


def _wait(socket: int, until: float, *, reads: bool = True, writes: bool = False) -> None:
    """Wait until a socket can be read or written."""
    seconds = max(0.0, until - time.monotonic())
    if hasattr(select, "poll"):  # not on Windows; elsewhere select takes no numbers from 1,024 on
        poll = select.poll()
        poll.register(socket, select.POLLIN * reads | select.POLLOUT * writes)
        is_ready = bool(poll.poll(seconds * 1000))
    else:
        is_ready = any(select.select([socket] * reads, [socket] * writes, [], seconds))
    if not is_ready:
        raise OutageError("its server did not answer in time")


def _read(result: Any) -> Result:
    """Return the rows of a result; raises the StoreError of one that is an error."""
    if result is not None and result.status in {pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK}:
        readers: list[Callable[[bytes], object]] = [
            int if result.ftype(column) in _INTEGERS else bytes.decode for column in range(result.nfields)
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
    if not code:
        raise OutageError("its server ended the connection")
    message = _said(result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"")
    if code.startswith(_OUTAGES):
        raise OutageError(message)
    if code == _FORBIDDEN:
        raise UnfitError(
            f"{message}; an owner of the database may let its role create and use the schema connecty"
        )
    raise StoreError(message)


def _refusal(message: str) -> StoreError:
    """Return the error of a connection that could not be made."""
    return (
        UnfitError(message)
        if _LASTING.search(message) and not _PASSING.search(message)
        else OutageError(message)
    )


def _said(message: bytes) -> str:
    """Return what libpq or a server says, without the password."""
    text = message.decode(errors="replace")
    if password := os.environ.get("PGPASSWORD"):
        text = text.replace(password, "***")
    return snippet(text, _MESSAGE).rstrip(".")
