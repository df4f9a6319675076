"""Record a question before it is sent, its id when it is accepted, and how it ended.

Of the answer, a row has only the SQL, the summary and the number of rows. It has no secrets: the client id is
hashed, and texts are redacted like error messages.
"""

from __future__ import annotations

import getpass
import json
import logging
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Final, NoReturn

from connecty_frames._base.clock import CURRENT, GRACE
from connecty_frames._base.text import counted, snippet
from connecty_frames.errors import ConfigError, HistoryWarning, QuestionLimitError, warn
from connecty_frames.store import leases, table
from connecty_frames.store.answers import answers_beside
from connecty_frames.store.database import OutageError, Statement, StoreError, UnfitError
from connecty_frames.store.table import Earlier, RecordState, Row, from_microseconds, microseconds

if TYPE_CHECKING:
    from connecty_frames._base.text import SecretStr
    from connecty_frames.options import Asked
    from connecty_frames.store.table import QuestionStore

_LOG: Final = logging.getLogger("connecty_frames.store")
_MOST_WAITING: Final = 16 * 1024**2  # the most bytes of waiting statements
#: Seconds that unwritten changes may delay the closing of a client, and of one that requires a history.
_LAST_TRY: Final = 1.0
_PATIENCE: Final = 10.0
#: The rows with a key that are young enough, and always the last one, each with the current time.
_EARLIER: Final = """\
SELECT now, id, {state}, question_id, asked_at, accepted_at, {error}, question, base_url, dw_id
FROM (SELECT {now} AS now) AS clock LEFT JOIN questions ON key = ? AND (
    asked_at >= CASE WHEN ? < now THEN ? ELSE now END - ?
    OR id = (SELECT max(id) FROM questions WHERE key = ?)
) ORDER BY id DESC"""
_ASKED: Final = ("question", "base_url", "dw_id")


class Waiting(deque[Statement]):
    """A queue of statements; if it grows too large, the oldest are dropped and counted."""

    def __init__(self) -> None:
        super().__init__()
        self._size = self.lost = 0

    def append(self, statement: Statement) -> None:
        """Add a statement."""
        super().append(statement)
        self._size += _size(statement)
        while self._size > _MOST_WAITING and len(self) > 1:
            self.popleft()
            self.lost += 1

    def popleft(self) -> Statement:
        """Take the first one."""
        statement = super().popleft()
        self._size = self._size - _size(statement) if self else 0
        return statement

    def lose(self) -> int:
        """Drop all, and return how many were dropped since the last time."""
        lost = self.lost + len(self)
        self.clear()
        self._size = self.lost = 0
        return lost


def _size(statement: Statement) -> int:
    return 500 + sum(len(each) for each in statement[1] if isinstance(each, str))


class History:
    """The records of one client. Unless required, a row that cannot be written does not stop a question."""

    def __init__(
        self,
        database: QuestionStore,
        *,
        required: bool,
        base_url: str,
        client_id: SecretStr,
        redact: Callable[[str], str],
        kept_bytes: int | None = None,
        limit: table.Limit | None = None,
    ) -> None:
        self.database = database
        self.place = database.place  # its name in messages
        self._answers = None if kept_bytes is None else answers_beside(database)
        self._kept_bytes = kept_bytes or 0
        self._required = required or limit is not None
        self.limit = limit  # the most questions of this client in 24 hours, in total or by job
        self._base_url = base_url
        self._client = table.client_hash(client_id)
        self._redact = redact
        #: Changes that could not be written yet, and are written before the next one.
        self._pending = Waiting()
        self._late = 0  # how many of them the last attempt left
        # Otherwise the file is created with the first row; calls wait for a server until their own deadline.
        if self._is_required and database.url is None:
            try:
                database.open()
            except StoreError as error:
                self._report(error)
        self._in_use = ExitStack()
        self._in_use.enter_context(database)
        if self._answers is not None:
            self._in_use.enter_context(self._answers)

    @property
    def _is_required(self) -> bool:
        return self._required or bool(self.database.limits)

    @property
    def is_limited(self) -> bool:
        """Whether its questions are limited, as far as the store can be read."""
        try:
            self.database.limits = self.database.execute(table.READ_LIMITS, creates=False).rows
        except StoreError as error:
            self._warn(error)
        return self.limit is not None or bool(self.database.limits)

    def close(self) -> None:
        """Release the files; later records open them each time."""
        # Try even if the server was just unreachable: there is no later occasion to write these changes.
        was_sent = self._pending.lost or any(map(_was_started, self._pending))
        is_interrupted = not isinstance(sys.exception(), Exception | None)
        seconds = GRACE if is_interrupted else _PATIENCE if self._is_required and was_sent else _LAST_TRY
        self._write_pending(time.monotonic() + seconds)
        self._in_use.close()
        if (lost := self._pending.lose()) and was_sent:
            of = f"of the history in {self.place} that could not be written: questions, their ids or outcomes"
            self._say(f"Lost: {counted(lost, 'change')} {of}.", lost=lost)

    def sent(
        self, asked: Asked, *, asked_at: datetime, after: int | None = None, seconds: float | None = None
    ) -> Row | None:
        """Record a question that is about to be sent, and return its row, or None if it has none."""
        # ``after`` is the last row with the key that the caller knows, or 0. If it is given, only one of
        # several callers, in any thread or process, gets a row.
        row, is_claim = Row(self.key(asked), microseconds(asked_at)), after is not None
        row.limits = table.reached(self.database, self.limit, self._client, self._job(asked), asked_at)
        row.locks = {"items": "_shared"} if asked.key else {}  # no erasure of items meanwhile
        row.locks |= dict.fromkeys([self._client] * (self.limit is not None) + [row.key] * is_claim, "")
        insertion = self._insertion(row, asked, after)
        try:
            if not (self._is_required or is_claim) and self.database.limits is None:
                # Read first: under a limit, a question waits longer for its turn to be counted.
                self.database.limits = self.database.execute(
                    table.READ_LIMITS, until=self.database.soon()
                ).rows
            until = _until(seconds) if self._is_required or is_claim else self.database.soon()
            self.database.execute_waiting(self._pending, until)  # they count for limits
            while not self._insert(row, insertion, until):  # try again if the limits now allow it
                self._raise_limit(asked, row, until)
                if is_claim:
                    return None
        except StoreError as error:
            if self._is_required or is_claim:
                self._withdraw(row, asked, error)
            if is_claim:
                self._raise_for(error)
            self._report(error)
            if self.database.url is None:
                return None
            # It may have been executed; otherwise it is, beyond limits too, before later changes.
            row.limits = ()
            self._pending.append(self._insertion(row, asked))
        except BaseException as error:
            self._withdraw(row, asked, error)
            raise
        return row

    def key(self, asked: Asked) -> str:
        """Return the key of a question."""
        return asked.key or table.question_key(
            asked.question, base_url=self._base_url, dw_id=asked.dw_id, client=self._client
        )

    def earlier(
        self, asked: Asked, *, max_age: timedelta, begun: datetime | None, now: datetime
    ) -> tuple[list[Earlier], datetime]:
        """Return the same questions that are young enough, always with the last one of the key; and the time.

        Ages count from ``begun``, otherwise from now, by the clock of the store (for a file, ``now``).
        """
        (clock, times), key = self.database.now(now), self.key(asked)
        first = table.LARGEST if begun is None else microseconds(begun)
        age = min(max_age // timedelta(microseconds=1), table.LARGEST)
        until = _until(None)
        try:
            self.database.execute_waiting(self._pending, until)
            statement = _EARLIER.format(now=clock, **table.column_expressions(self.database))
            rows = self.database.execute(statement, (*times, key, first, first, age, key), until=until).rows
        except StoreError as error:
            self._raise_for(error)
        moment = rows[0][0]
        found = [row[1:] for row in rows if row[1] is not None]
        columns = ("id", "state", "question_id", "asked_at", "accepted_at", "error", *_ASKED)
        kept = [row for row in table.sound_rows(self.database, columns, found) if self.is_of(asked, *row[6:])]
        earlier = []
        for number, state, question_id, asked_at, accepted_at, problem, *_ in kept:
            ago = None if accepted_at is None else (moment - accepted_at) / 1e6
            known = RecordState(state), asked.question, question_id, from_microseconds(asked_at)
            earlier.append(Earlier(number, *known, ago, problem))
        if found[:1] != kept[:1]:  # a claim names the last row, even an invalid one
            never = from_microseconds(0)
            earlier.insert(0, Earlier(found[0][0], RecordState.REJECTED, "", None, never, None, None))
        return earlier, from_microseconds(moment)

    def is_of(self, asked: Asked, question: str | None, base_url: str | None, dw_id: str | None) -> bool:
        """Whether a row has the text of a question, unless it is erased, its address and its workspace."""
        text = self._redact(asked.question)
        own = table.question_key(question or text, base_url=base_url or "", dw_id=int(dw_id or -1), client="")
        return own == table.question_key(text, base_url=self._base_url, dw_id=asked.dw_id, client="")

    def _withdraw(self, row: Row, asked: Asked, error: BaseException) -> None:
        # Nobody else would do it. An interrupt may arrive after the row was written.
        if isinstance(error, QuestionLimitError) or (
            isinstance(error, StoreError) and not isinstance(error, OutageError)
        ):
            return
        leases.renewals.end(row)
        if self.database.url is not None:
            # If the server still executes the insertion, it then finds a row with the same token.
            self._pending.append(self._insertion(row, asked, state=RecordState.REJECTED))
        reason = str(error) if isinstance(error, StoreError) else type(error).__name__
        now = from_microseconds(row.asked_at)
        self._pending.append(self._without_id(row, RecordState.REJECTED, reason, now))
        if not isinstance(error, StoreError):
            self._write_pending(time.monotonic() + GRACE)

    def accepted(self, row: Row, question_id: str, *, asked_at: datetime, now: datetime) -> None:
        """Record that a question, last sent at ``asked_at``, was accepted, unless it has an id already."""
        leases.renewals.end(row)
        clock, moment = self.database.now(now)
        later = microseconds(asked_at) - row.asked_at
        # The time is in two indexes, so it is written only if it has changed.
        again, by = ("asked_at = asked_at + ?, ", (later,)) if abs(later) > self.database.slack else ("", ())
        self._change(
            f"{again}state = '{RecordState.ASKED}', question_id = ?, accepted_at = {clock}, error = NULL "
            f"WHERE {row.where[0]} AND question_id IS NULL",
            *by,
            question_id,
            *moment,
            *row.where[1],
        )

    def not_accepted(
        self, row: Row, state: RecordState, error: str, *, now: datetime, question_id: str | None = None
    ) -> None:
        """Record that a question was not started (REJECTED) or may have been (UNCERTAIN)."""
        leases.renewals.end(row)
        self._pending.append(self._without_id(row, state, error, now, question_id))
        self._write_pending()

    def _without_id(
        self, row: Row, state: RecordState, error: str, now: datetime, question_id: str | None = None
    ) -> Statement:
        clock, moment = self.database.now(now) if state in table.CLOSED else ("NULL", ())
        change = f"state = ?, question_id = ?, error = ?, ended_at = {clock}"
        statement = f"UPDATE questions SET {change} WHERE {row.where[0]} AND question_id IS NULL"
        return statement, (state, question_id, _encodable(error), *moment, *row.where[1])

    def ended(
        self,
        question_id: str,
        state: str,
        *,
        now: datetime,
        rows: int | None = None,
        sql_query: str | None = None,
        response_summary: str | None = None,
        error: str | None = None,
    ) -> None:
        """Record the end of a question, if the question is recorded."""
        # The time at which the end was first noticed is kept. ``rows`` counts the whole answer if known,
        # otherwise the rows received. ``error`` has no secrets.
        (clock, moment), (by, spellings) = self.database.now(now), table.named(question_id)
        self._change(
            f"state = ?, ended_at = coalesce(ended_at, {clock}), rows = ?, sql_query = ?, "
            f"response_summary = ?, error = ? WHERE {by} AND base_url = ?",
            state,
            *moment,
            None if rows is None or rows > table.LARGEST else rows,
            self._masked(sql_query),
            self._masked(response_summary),
            _encodable(error),
            *spellings,
            self._base_url,
        )

    def reused(self, question_id: str) -> None:
        """Count one more reuse of an answer."""
        by, spellings = table.named(question_id)
        change = f"reused = reused + 1 WHERE {by} AND base_url = ? AND reused < {table.MOST_REUSED}"
        self._change(change, *spellings, self._base_url)

    def keep(self, question_id: str, body: bytes, max_rows: int) -> None:
        """Keep the response to a recorded question, if answers are kept."""
        if self._answers is None or self.recorded(question_id) is None:
            return
        self._answers.keep(question_id, self._base_url, body, max_rows, max_bytes=self._kept_bytes)
        if self.recorded(question_id) is None:  # it was erased meanwhile
            self._answers.forget(question_id)

    def kept(self, question_id: str) -> tuple[bytes, int] | None:
        """Return the kept response to a question and the ``max_rows`` of its request, or None."""
        return None if self._answers is None else self._answers.find(question_id, self._base_url)

    def recorded(self, question_id: str) -> tuple[str, datetime] | None:
        """Return the text and the time of a question, or None if they cannot be read quickly."""
        columns, (by, spellings) = ("id", "question", "asked_at"), table.named(question_id)
        statement = (
            f"SELECT {', '.join(columns)} FROM questions WHERE {by} AND base_url = ? ORDER BY id DESC LIMIT 1"
        )
        parameters, until = (*spellings, self._base_url), self.database.soon()
        try:
            rows = self.database.execute(statement, parameters, creates=False, until=until).rows
        except StoreError as error:
            self._warn(error)
            return None
        found = table.sound_rows(self.database, columns, rows)
        return (found[0][1], from_microseconds(found[0][2])) if found else None

    def _insertion(
        self, row: Row, asked: Asked, after: int | None = None, state: RecordState = RecordState.SENT
    ) -> Statement:
        """Return an INSERT without effect if its key has a row after ``after`` or a limit is reached."""
        tags = None if asked.tags is None else _tags(asked)
        values = {
            "question": self._masked(asked.question),
            "dw_id": str(asked.dw_id),  # may be too large for SQLite's integers
            "tags": self._masked(json.dumps(tags, sort_keys=True, ensure_ascii=False)) if tags else None,
            "job": self._job(asked),
            "key": row.key,
            "token": row.token,
            "base_url": self._base_url,
            "client": self._client,
            # Concurrent claims do not see each other: PostgreSQL's lock and a unique index let one through.
            "previous": after,
            **asker(),
        }
        moment = from_microseconds(row.asked_at)
        columns: dict[str, Statement] = {name: ("?", (value,)) for name, value in values.items()}
        columns |= {"asked_at": self.database.now(moment), **self.database.lease()}
        where: list[Statement] = [("true", ())]
        if after is not None:
            where.append(("NOT EXISTS (SELECT 1 FROM questions WHERE key = ? AND id > ?)", (row.key, after)))
        if asked.key:  # it may be erased
            where.append(("EXISTS (SELECT 1 FROM items WHERE key = ?)", (row.key,)))
        if state is RecordState.SENT:
            where += [(f"NOT EXISTS ({reached})", given) for reached, given in row.limits]
        expressions = ", ".join(each for each, _ in columns.values())
        # The state is not a parameter: sqlite3 would search for an adapter of its type each time.
        statement = (
            f"INSERT INTO questions (state, {', '.join(columns)}) SELECT '{state}', {expressions} "
            f"WHERE {' AND '.join(each for each, _ in where)} ON CONFLICT DO NOTHING"
        )
        return statement, tuple(chain.from_iterable(given for _, given in (*columns.values(), *where)))

    def _job(self, asked: Asked) -> str | None:
        """Return the tag ``job``, which has its own column because SQLite may lack JSON functions."""
        return None if asked.tags is None else self._masked(_tags(asked).get("job")) or None

    def _insert(self, row: Row, insertion: Statement, until: float | None) -> bool:
        """Insert the row of a question, and return whether it is there, perhaps from an earlier attempt."""
        result = self.database.claim(insertion, row.locks, until)
        condition, parameters = row.where
        statement = f"SELECT 1 FROM questions WHERE {condition}"
        if not (result.changed or self.database.execute(statement, parameters, until=until).rows):
            return False
        leases.renewals.hold(row, self._renew)
        return True

    def _renew(self, row: Row) -> None:
        condition, parameters = row.where
        lease = self.database.lease()
        self.database.attempt(
            f"UPDATE questions SET {', '.join(f'{column} = {now}' for column, (now, _) in lease.items())} "
            f"WHERE {condition} AND state = '{RecordState.SENT}'",
            (*chain.from_iterable(times for _, times in lease.values()), *parameters),
        )

    def _raise_limit(self, asked: Asked, row: Row, until: float | None) -> None:
        rows = [found for each in row.limits for found in self.database.execute(*each, until=until).rows]
        rows.sort(key=lambda each: -each[3] if each[1] > 0 else -table.LARGEST)
        for job, number, by, last in rows:
            next_at = from_microseconds(last) + timedelta(days=1) if number > 0 else None
            of_job = "" if job == "*" else f" for the job {snippet(job)}"
            allowed = counted(max(number, 0), "question")
            limit = f"The limit of {allowed} a day{of_job}, set by {snippet(by or '')},"
            limit = f"max_questions_per_day={number}{of_job}" if by is None else limit
            raise QuestionLimitError(
                f"{limit} is reached, according to {self.place}. Nothing was sent. The next question is "
                f"allowed {f'at {next_at:%Y-%m-%d %H:%M:%S} UTC' if next_at else 'once it is raised'}.",
                question=asked.question,
                dw_id=asked.dw_id,
                next_at=next_at,
            )

    def _change(self, change: str, *parameters: object) -> None:
        """Change rows now, or with the next change if the store cannot be written."""
        self._pending.append((f"UPDATE questions SET {change}", parameters))
        self._write_pending()

    def _write_pending(self, until: float | None = None) -> None:
        try:
            self.database.execute_waiting(self._pending, until)
        except StoreError as error:
            self._warn(error)  # the question is paid for, so no error may replace its answer
            self._late = len(self._pending)
            return
        late, self._late = self._late, 0
        if self.database.turns("outage", on=False) or late:
            counts = {"late": late, "lost": self._pending.lost}
            again = "The history in %s can be used again (recorded late: %d, lost: %d)"
            _LOG.info(again, self.place, *counts.values(), extra=counts)

    def _report(self, error: StoreError) -> None:
        if not self._is_required and not isinstance(error, UnfitError):
            self._warn(error)
            return
        why = "a client with limits" if self.database.limits else "history='require'"
        rest = f", and {why} sends no question that is not recorded" if self._is_required else ""
        raise ConfigError(
            f"The history in {self.place} cannot be used ({error}){rest}. Nothing was sent. Repair it, or "
            "set history to another.",
            setting="history",
        ) from None

    def _raise_for(self, error: StoreError) -> NoReturn:
        raise ConfigError(
            f"The history in {self.place} cannot be used ({error}), so it is unknown whether the question "
            "was asked before. Nothing was sent.",
            hint="Call again when it can be used. If the file is not a history, move it away.",
            setting="history",
        ) from None

    def _warn(self, error: StoreError) -> None:
        if self.database.turns("outage", on=True):
            is_skipped = self.database.url is None and not self._is_required
            kept = "new questions are not recorded, and changes" if is_skipped else "changes"
            unknown = " Its limits are unknown." if self.database.limits is None else ""
            # With the time, since Python shows equal warnings once.
            self._say(
                f"The history in {self.place} cannot be used ({error}); {kept} to recorded ones wait until "
                f"it can.{unknown} The first failure was at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC.",
                waiting=len(self._pending),
                lost=self._pending.lost,
            )

    def _say(self, text: str, **counts: int) -> None:
        shown = ", ".join(f"{name}: {count}" for name, count in counts.items())
        _LOG.warning("%s (%s)", text, shown, extra=counts)
        warn(HistoryWarning(text))

    def _masked(self, text: str | None) -> str | None:
        return text and _encodable(self._redact(text))


def asker() -> dict[str, str | None]:
    """Return the names of the machine and the user, as far as the system knows them."""
    found: dict[str, str | None] = {"host": None, "user_name": None}
    with suppress(OSError):
        found["host"] = _encodable(socket.gethostname())
    with suppress(Exception):  # KeyError, OSError or ImportError, depending on version and system
        found["user_name"] = _encodable(getpass.getuser())
    return found


def _was_started(change: Statement) -> bool:
    return f"'{RecordState.REJECTED}'" not in change[0] and RecordState.REJECTED not in change[1]


def _tags(asked: Asked) -> dict[str, str]:
    return {table.tag_text(name): table.tag_text(text) for name, text in (asked.tags or {}).items()}


def _until(seconds: float | None) -> float:
    return time.monotonic() + (CURRENT.get().remaining() if seconds is None else seconds)


def _encodable(text: str | None) -> str | None:
    """Escape lone surrogates, which SQLite refuses."""
    return text and text.encode(errors="backslashreplace").decode()
