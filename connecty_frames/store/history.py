"""What is recorded of a question: a row before it is sent, its id when it is accepted, and its end.

A row has no data of the answer beyond its SQL, its summary and the number of its rows, and no secret: the
client is a hash of its id, and texts are redacted as those of errors are.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connecty_frames.errors import ConfigError
from connecty_frames.store.database import Database, StoreError
from connecty_frames.store.processes import ProcessIdentity
from connecty_frames.text import path_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = [
    "CLOSED",
    "COLUMNS",
    "History",
    "RecordState",
    "Row",
    "client_hash",
    "forget_records",
    "question_key",
    "read_records",
]

#: The largest number that SQLite holds.
_LARGEST: Final = 2**63 - 1
_QUOTATION_MARKS: Final = re.compile("[\"'`\u00ab\u00bb\u2018-\u201f\u2039\u203a]")


class RecordState(StrEnum):
    """What is known of a question."""

    #: It is being sent, or its process ended while it was.
    SENT = "SENT"
    #: The server has accepted it; its answer is not known yet.
    ASKED = "ASKED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    #: It was sent, and whether it was accepted is unknown.
    UNCERTAIN = "UNCERTAIN"
    #: It was definitely not started.
    REJECTED = "REJECTED"


#: The states of a question that is done with. The others may cost money whose answer is still to be fetched.
CLOSED: Final = frozenset({RecordState.COMPLETED, RecordState.FAILED, RecordState.REJECTED})
#: The columns that are read, in order.
COLUMNS: Final = (
    "id",
    "asked_at",
    "state",
    "question",
    "question_id",
    "dw_id",
    "base_url",
    "accepted_at",
    "ended_at",
    "rows",
    "sql_query",
    "response_summary",
    "error",
    "client",
    "key",
)


class Row(NamedTuple):
    """The row of a question: its number, and its key, since numbers begin again in a new file."""

    id: int
    key: str


class History:
    """What one client records. A row that cannot be written stops no question, unless it is required.

    Parameters
    ----------
    database
        The file.
    required
        Whether a question that cannot be recorded must not be sent.
    base_url
        The address of the API.
    client_id
        The id of the credentials, of which a hash is kept.
    redact
        Masks secrets in a text.

    Raises
    ------
    ConfigError
        If the file cannot be used, and is required.
    """

    def __init__(
        self,
        database: Database,
        *,
        required: bool,
        base_url: str,
        client_id: str,
        redact: Callable[[str], str],
    ) -> None:
        self.database = database
        self._required = required
        self._base_url = base_url
        self._client = client_hash(client_id)
        self._redact = redact
        if required:  # else the file is created with the first row
            try:
                database.open()
            except StoreError as error:
                self._report(error)

    @property
    def place(self) -> str:
        """The path of the file, for a message."""
        return path_text(self.database.path)

    @property
    def is_new(self) -> bool:
        """Whether this process created the file."""
        return self.database.is_new

    def sent(self, question: str, *, dw_id: int, asked_at: datetime) -> Row | None:
        """Record a question that is about to be sent, and return its row; None without one.

        Raises
        ------
        ConfigError
            If it cannot be recorded, and that is required.
        """
        key = question_key(question, base_url=self._base_url, dw_id=dw_id, client=self._client)
        values = {
            "key": key,
            "question": self._text(question),
            "base_url": self._base_url,
            "dw_id": str(dw_id),
            "client": self._client,
            "state": RecordState.SENT,
            "asked_at": _microseconds(asked_at),
            **dict(zip(("host", "pid", "process_started"), ProcessIdentity.current(), strict=True)),
        }
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        statement = f"INSERT INTO questions ({names}) VALUES ({marks})"  # noqa: S608 - our own names
        try:
            return Row(self.database.execute(statement, tuple(values.values())).last_id, key)
        except StoreError as error:
            self._report(error)
            return None

    def accepted(self, row: Row, question_id: str, *, asked_at: datetime, now: datetime) -> None:
        """Record that a question was accepted, unless that is recorded.

        Parameters
        ----------
        asked_at
            When it was sent, the last time if it was sent again.
        """
        self._change(
            "state = ?, question_id = ?, asked_at = ?, accepted_at = ?, error = NULL "
            "WHERE id = ? AND key = ? AND question_id IS NULL",
            RecordState.ASKED,
            question_id,
            _microseconds(asked_at),
            _microseconds(now),
            *row,
        )

    def not_accepted(
        self, row: Row, state: RecordState, error: str, *, now: datetime, question_id: str | None = None
    ) -> None:
        """Record that a question was not started (REJECTED), or that this is unknown (UNCERTAIN).

        ``error`` is the text of an error, and so without secrets.
        """
        self._change(
            "state = ?, question_id = ?, error = ?, ended_at = ? "
            "WHERE id = ? AND key = ? AND question_id IS NULL",
            state,
            question_id,
            _encodable(error),
            _microseconds(now) if state in CLOSED else None,
            *row,
        )

    def ended(
        self,
        question_id: str,
        state: RecordState,
        *,
        now: datetime,
        rows: int | None = None,
        sql_query: str | None = None,
        response_summary: str | None = None,
        error: str | None = None,
    ) -> None:
        """Record the end of a question, if the question is recorded.

        Parameters
        ----------
        now
            When it was noticed; of an end that was recorded before, the first time is kept.
        rows
            The rows of the whole answer if they are known, else those that were received.
        error
            What the server says of a failure, without secrets.
        """
        self._change(
            "state = ?, ended_at = coalesce(ended_at, ?), rows = ?, sql_query = ?, response_summary = ?, "
            "error = ? WHERE question_id = ? AND base_url = ?",
            state,
            _microseconds(now),
            None if rows is None or rows > _LARGEST else rows,
            self._text(sql_query),
            self._text(response_summary),
            _encodable(error),
            question_id,
            self._base_url,
        )

    def _change(self, change: str, *parameters: object) -> None:
        if not self.database.exists:
            return
        try:
            self.database.execute(f"UPDATE questions SET {change}", parameters)  # noqa: S608 - our own
        except StoreError as error:
            self._warn(error)  # the question is paid for, so no error may replace its answer

    def _report(self, error: StoreError) -> None:
        if self._required:
            raise ConfigError(
                f"The history in {self.place} cannot be used ({error}), and history='require' sends no "
                "question that is not recorded.",
                setting="history",
            ) from None
        self._warn(error)

    def _warn(self, error: StoreError) -> None:
        self.database.warn_once(
            "unusable", f"The history in {self.place} cannot be used ({error}); questions are not recorded."
        )

    def _text(self, text: str | None) -> str | None:
        """Return a text without secrets."""
        return text and _encodable(self._redact(text))


def client_hash(client_id: str) -> str:
    """Return what is kept of the id of the credentials."""
    return hashlib.sha256(client_id.encode()).hexdigest()[:32]


def question_key(question: str, *, base_url: str, dw_id: int, client: str) -> str:
    """Return a text that is the same for a question that is put again to the same workspace by a client.

    Runs of white space count as one space, unless a quotation mark may make them part of a value.
    """
    text = unicodedata.normalize("NFC", question).strip()
    if not _QUOTATION_MARKS.search(text):
        text = " ".join(text.split())
    return hashlib.sha256(json.dumps([text, base_url, dw_id, client]).encode()).hexdigest()


def read_records(
    database: Database,
    *,
    states: Collection[RecordState] = (),
    since: datetime | None = None,
    question_id: str | None = None,
    limit: int | None = None,
) -> list[tuple[Any, ...]]:
    """Return recorded questions, the latest first, with the values of :data:`COLUMNS`.

    Questions that were being sent when their process ended become UNCERTAIN.

    Parameters
    ----------
    states
        The states to return; all if there are none.
    since
        The earliest time of sending.

    Raises
    ------
    StoreError
        If the file cannot be read.
    """
    if not database.exists:  # reading creates no file
        return []
    _mark_abandoned(database)
    conditions: list[str] = []
    parameters: list[object] = []
    if states:
        conditions.append(f"state IN ({', '.join('?' * len(states))})")
        parameters += states
    if since is not None:
        conditions.append("asked_at >= ?")
        parameters.append(_microseconds(since))
    if question_id is not None:
        conditions.append("question_id = ?")
        parameters.append(question_id)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    statement = f"SELECT {', '.join(COLUMNS)} FROM questions{where} ORDER BY asked_at DESC, id DESC LIMIT ?"  # noqa: S608 - our own
    return database.execute(statement, (*parameters, -1 if limit is None else min(limit, _LARGEST))).rows


def forget_records(
    database: Database,
    *,
    question_id: str | None = None,
    row: int | None = None,
    before: datetime | None = None,
) -> int:
    """Remove the rows of a question, one row, or all closed rows before a time; return their number.

    Raises
    ------
    StoreError
        If the file cannot be changed.
    """
    if not database.exists:
        return 0
    if question_id is not None:
        removed = database.execute("DELETE FROM questions WHERE question_id = ?", (question_id,)).changed
    elif row is not None and abs(row) > _LARGEST:
        removed = 0
    elif row is not None:
        removed = database.execute("DELETE FROM questions WHERE id = ?", (row,)).changed
    else:
        states = ", ".join(f"'{state}'" for state in sorted(CLOSED))
        removed = database.execute(
            f"DELETE FROM questions WHERE asked_at < ? AND state IN ({states})",  # noqa: S608 - our own
            (_microseconds(before or datetime.now(UTC)),),
        ).changed
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the file beside it still has what was removed
    return removed


def _mark_abandoned(database: Database) -> None:
    """Make the rows of processes that ended while they were sending UNCERTAIN."""
    statement = "SELECT DISTINCT host, pid, process_started FROM questions WHERE state = 'SENT'"
    for process in map(ProcessIdentity._make, database.execute(statement).rows):
        if process.is_gone:
            database.execute(
                "UPDATE questions SET state = 'UNCERTAIN', error = ? "
                "WHERE state = 'SENT' AND host = ? AND pid = ? AND process_started = ?",
                ("Its process ended before the question was accepted.", *process),
            )


def _encodable(text: str | None) -> str | None:
    """Return a text with the escapes of halves of characters, which SQLite refuses."""
    return text and text.encode(errors="backslashreplace").decode()


def _microseconds(moment: datetime) -> int:
    """Return a time as microseconds from 1970 on, in UTC."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
