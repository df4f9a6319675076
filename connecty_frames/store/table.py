"""The table of the history: its columns, states and keys, and how its rows are read and erased."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain
from json.encoder import encode_basestring_ascii as _json
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from connecty_frames.store import leases
from connecty_frames.store.answers import answers_beside, forget_answers
from connecty_frames.store.database import Database, Layout, Statement, default_path
from connecty_frames.store.schema import SQLITE

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from connecty_frames._base.secret import SecretStr
    from connecty_frames.store.postgres import Server

    QuestionStore: TypeAlias = "QuestionFile | Server"

_LAYOUT: Final = Layout("history", 0x636E7479, SQLITE)  # "cnty"
#: Rows that count for the limit of a day.
COUNTED: Final = "FROM questions WHERE client = ? AND asked_at > {} - 86400000000 AND state <> 'REJECTED'"
#: The largest number that SQLite holds.
LARGEST: Final = 2**63 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
#: Those of Unicode (Quotation_Mark in PropList.txt), and the accents, primes, ornaments and angle brackets
#: that are used as such.
_QUOTATION_MARKS: Final = re.compile(
    "[\"'\u00ab\u00bb\u2018-\u201f\u2039\u203a\u2e42\u300c-\u300f\u301d-\u301f\ufe41-\ufe44\uff02\uff07\uff62\uff63"
    "`\u00b4\u2032-\u2037\u275b-\u2760\u276e\u276f\u3008-\u300b]"
)


class RecordState(StrEnum):
    """What is known of a question."""

    #: It is being sent: its lease is renewed.
    SENT = "SENT"
    #: The server has accepted it; its answer is not known yet.
    ASKED = "ASKED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    #: It was sent, and whether it was accepted is unknown.
    UNCERTAIN = "UNCERTAIN"
    #: It was definitely not started.
    REJECTED = "REJECTED"


#: The states of a finished question. The others may cost money whose answer is still to be fetched.
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
    "reused",
    "sql_query",
    "response_summary",
    "error",
    "tags",
    "client",
    "key",
)


class Row:
    """The row of a question: its sender finds it by a token, even if the reply to its insertion was lost."""

    def __init__(self, key: str, asked_at: int) -> None:
        self.key = key
        self.token = os.urandom(16).hex()
        #: When it was sent by the clock of the sender, in microseconds.
        self.asked_at = asked_at
        #: The condition that finds it, and its parameters.
        self.where: Statement = ("key = ? AND token = ?", (key, self.token))


class Earlier(NamedTuple):
    """A question with the same key that was recorded before."""

    id: int  # the number of its row
    state: RecordState
    question: str  # without secrets
    question_id: str | None
    asked_at: datetime  # aware and in UTC
    accepted_ago: float | None  # seconds
    error: str | None


class QuestionFile(Database):
    """Questions in an SQLite file, by the clocks of this machine. PostgreSQL's ``Server`` does the same."""

    #: How far the time of a row may be from the one that its sender knows, in microseconds.
    slack = 0

    @property
    def answers_path(self) -> Path:
        """The file of the answers that are kept beside it."""
        return self.path.with_name(f"{self.path.stem}-answers{self.path.suffix}")

    def now(self, moment: datetime) -> Statement:
        """Return the current time for ages, given the caller's: an expression and its parameters."""
        return "?", (microseconds(moment),)

    def lease(self) -> dict[str, Statement]:
        """Return the columns of a lease that begins now, each as an expression and its parameters."""
        wall, uptime = leases.lease_now()
        return {"lease": ("?", (wall,)), "lease_uptime": ("?", (uptime,))}


def store_at(place: Path | str | None) -> QuestionStore:
    """Return the history at a path or a URL of PostgreSQL, else that of the user; raises ConfigError."""
    if isinstance(place, str):
        from connecty_frames.store.postgres import Server

        return Server(place).shared()
    return QuestionFile((place or default_path()).absolute(), _LAYOUT).shared()


def read_records(
    database: QuestionStore,
    *,
    states: Collection[RecordState] = (),
    since: datetime | None = None,
    question_id: str | None = None,
    limit: int | None = None,
) -> list[tuple[Any, ...]]:
    """Return recorded questions, the latest first, with the values of :data:`COLUMNS`."""
    # Questions whose lease is over become UNCERTAIN. Without ``states``, all are returned.
    if not database.exists:  # reading creates no file
        return []
    conditions: list[str] = []
    parameters: list[object] = []
    if states:
        conditions.append(f"state IN ({', '.join('?' * len(states))})")
        parameters += states
    if since is not None:
        conditions.append("asked_at >= ?")
        parameters.append(microseconds(since))
    if question_id is not None:
        conditions.append("question_id = ?")
        parameters.append(question_id)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    statement = f"SELECT {', '.join(COLUMNS)} FROM questions{where} ORDER BY id DESC LIMIT ?"
    with database:
        end_leases(database)
        return database.execute(
            statement, (*parameters, LARGEST if limit is None else min(limit, LARGEST))
        ).rows


def forget_records(
    database: QuestionStore,
    *,
    question_id: str | None = None,
    row: int | None = None,
    before: datetime | None = None,
) -> int:
    """Remove a question, one row, or all closed rows before a time that no batch knows, with kept answers."""
    if not database.exists or (row is not None and abs(row) > LARGEST):
        return 0
    # Returns how many.
    parameters: tuple[object, ...]
    if question_id is not None:
        condition, parameters = "question_id = ?", (question_id,)
    elif row is not None:
        condition, parameters = "id = ?", (row,)
    else:
        states = ", ".join(f"'{state}'" for state in sorted(CLOSED))
        # A batch asks again what it finds no row of.
        known = "SELECT 1 FROM items WHERE items.key = questions.key"
        condition = f"asked_at < ? AND state IN ({states}) AND NOT EXISTS ({known})"
        parameters = (microseconds(before or datetime.now(UTC)),)
    where = f"FROM questions WHERE {condition}"
    answers = answers_beside(database)
    with database, answers:
        rows = database.execute(f"SELECT question_id {where}", parameters).rows
        # Also the answer that the id names if its row is gone, as in a history that was damaged.
        question_ids = {each for each in (question_id, *chain.from_iterable(rows)) if each is not None}
        # Before the rows, which name them if this fails; and after, since one is kept while it has a row.
        forget_answers(answers, question_ids)
        removed = database.execute(f"DELETE {where}", parameters).changed
        forget_answers(answers, question_ids)
        if database.url is None:  # else the server decides when what was erased is overwritten
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return removed


def end_leases(database: QuestionStore, until: float | None = None) -> None:
    """Make questions UNCERTAIN whose senders are not heard from any more."""
    lease, length = database.lease(), int(leases.SECONDS * 1e6)
    over = [f"abs({column} - {now}) > {length}" for column, (now, _) in lease.items()]
    condition = " AND ".join([f"state = '{RecordState.SENT}'", *over])
    times = tuple(chain.from_iterable(parameters for _, parameters in lease.values()))
    # Read first: reading a history should take no lock for writing.
    if database.execute(f"SELECT 1 FROM questions WHERE {condition} LIMIT 1", times, until=until).rows:
        database.execute(
            f"UPDATE questions SET state = '{RecordState.UNCERTAIN}', error = ? WHERE {condition}",
            ("Its sender stopped responding before the question was accepted.", *times),
            until=until,
        )


def client_hash(client_id: SecretStr) -> str:
    """Return what is kept of the id of the credentials."""
    return hashlib.sha256(client_id.get_secret_value().encode()).hexdigest()[:32]


def question_key(question: str, *, base_url: str, dw_id: int, client: str) -> str:
    """Return a text that is the same for a question that is put again to the same workspace by a client.

    Runs of white space count as one space, unless a quotation mark may make them part of a value.
    """
    text = unicodedata.normalize("NFC", question).strip()
    if not _QUOTATION_MARKS.search(text):
        text = " ".join(text.split())
    # What json.dumps returns for the list, in a quarter of the instructions: it makes an encoder each time.
    written = f"[{_json(text)}, {_json(base_url)}, {int(dw_id)}, {_json(client)}]"
    return hashlib.sha256(written.encode()).hexdigest()


def microseconds(moment: datetime) -> int:
    """Return a time as microseconds from 1970 on, in UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """Return the time that :func:`microseconds` was given."""
    return _EPOCH + value * _MICROSECOND
