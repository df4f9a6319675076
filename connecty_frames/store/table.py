"""The table of the history: its columns, the states of a question, and the key of equal questions."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from itertools import chain
from json.encoder import encode_basestring_ascii as _json
from typing import TYPE_CHECKING, Final, NamedTuple

from connecty_frames.store import leases
from connecty_frames.store.database import (
    Database,
    Layout,
    Result,
    Statement,
    shared,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from connecty_frames._base.secret import SecretStr

#: The columns that the fourth version of the table has from the third.
_KEPT: Final = (
    "id, key, question, base_url, dw_id, client, state, question_id, asked_at, accepted_at, ended_at, rows, "
    "sql_query, response_summary, error, reused"
)
_LAYOUT: Final = Layout(
    "history",
    0x636E7479,  # "cnty"
    (
        (
            """\
            CREATE TABLE questions (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                key TEXT NOT NULL,
                question TEXT NOT NULL,
                base_url TEXT NOT NULL,
                dw_id TEXT NOT NULL,
                client TEXT NOT NULL,
                state TEXT NOT NULL,
                question_id TEXT,
                asked_at INTEGER NOT NULL,
                accepted_at INTEGER,
                ended_at INTEGER,
                rows INTEGER,
                sql_query TEXT,
                response_summary TEXT,
                error TEXT,
                host TEXT NOT NULL,
                pid INTEGER NOT NULL,
                process_started TEXT NOT NULL
            )""",
            "CREATE INDEX questions_by_id ON questions (question_id)",
            "CREATE INDEX questions_by_time ON questions (asked_at)",
        ),
        (
            "ALTER TABLE questions ADD COLUMN reused INTEGER NOT NULL DEFAULT 0",
            "CREATE INDEX questions_by_key ON questions (key, asked_at)",
        ),
        (
            # Smaller: most writes of a row no longer change it.
            "DROP INDEX questions_by_id",
            "CREATE INDEX questions_by_id ON questions (question_id) WHERE question_id IS NOT NULL",
        ),
        (
            # Leases in place of processes. By a new table: SQLite drops columns from 3.35 on.
            "ALTER TABLE questions RENAME TO earlier_questions",
            """\
            CREATE TABLE questions (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                key TEXT NOT NULL,
                question TEXT NOT NULL,
                base_url TEXT NOT NULL,
                dw_id TEXT NOT NULL,
                client TEXT NOT NULL,
                state TEXT NOT NULL,
                question_id TEXT,
                asked_at INTEGER NOT NULL,
                accepted_at INTEGER,
                ended_at INTEGER,
                rows INTEGER,
                sql_query TEXT,
                response_summary TEXT,
                error TEXT,
                reused INTEGER NOT NULL DEFAULT 0,
                lease INTEGER NOT NULL DEFAULT 0,
                lease_uptime INTEGER NOT NULL DEFAULT -1000000000000000
            )""",
            # The numbers of forgotten rows are not given again.
            "INSERT INTO sqlite_sequence SELECT 'questions', seq FROM sqlite_sequence LIMIT 1",
            f"INSERT INTO questions ({_KEPT}) SELECT {_KEPT} FROM earlier_questions",
            "DROP TABLE earlier_questions",
            "CREATE INDEX questions_by_id ON questions (question_id) WHERE question_id IS NOT NULL",
            "CREATE INDEX questions_by_time ON questions (asked_at)",
            "CREATE INDEX questions_by_key ON questions (key, asked_at)",
        ),
        ("ALTER TABLE questions ADD COLUMN tags TEXT",),
        (
            # The questions of a batch, which its index has already. Those of a file are of one batch.
            """\
            CREATE TABLE IF NOT EXISTS items (
                number INTEGER PRIMARY KEY,
                key TEXT NOT NULL UNIQUE,
                name TEXT,
                folded TEXT UNIQUE,
                question TEXT NOT NULL,
                digest TEXT NOT NULL,
                outcome TEXT,
                error TEXT
            )""",
            "ALTER TABLE items ADD COLUMN batch TEXT NOT NULL DEFAULT ''",
        ),
    ),
)
#: A row whose number is not known yet.
_UNNUMBERED: Final = "key = ? AND asked_at = ? AND lease = ? AND lease_uptime = ?"
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
    """The row of a question, once it is inserted."""

    def __init__(self, key: str, asked_at: int) -> None:
        self.id = 0
        self.key = key
        #: When it was sent by the clock of the sender, in microseconds.
        self.asked_at = asked_at
        #: How much it may differ from the time that is recorded, in microseconds.
        self.slack = 0
        #: The statement that inserts it, if that may be executed again.
        self.insertion: Statement | None = None
        #: The condition that finds it, also before its number is known, and the parameters of that.
        self.where: Statement = ("false", ())


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

    @property
    def answers_path(self) -> Path:
        """The file of the answers that are kept beside it."""
        return self.path.with_name(f"{self.path.stem}-answers{self.path.suffix}")

    def now(self, moment: datetime) -> Statement:
        """Return the time by which ages count, given the caller's: an expression and its parameters."""
        return "?", (microseconds(moment),)

    def insertion(
        self, row: Row, values: Mapping[str, object], _: int | None, where: list[Statement]
    ) -> Statement:
        """Return the statement that inserts a row on conditions, which is atomic for other processes."""
        wall, uptime = leases.lease_now()
        row.where = _UNNUMBERED, (row.key, row.asked_at, wall, uptime)
        values = {**values, "asked_at": row.asked_at, "lease": wall, "lease_uptime": uptime}
        return conditional(_insert(tuple(values)), tuple(values.values()), where)

    def inserted(self, row: Row, result: Result, _: float | None) -> bool:
        """Whether a row was inserted, by the result of that; its number and condition are known then."""
        if result.changed:  # numbers begin again in a new file, so the key belongs to the condition
            row.id, row.where = result.last_id, ("id = ? AND key = ?", (result.last_id, row.key))
        return bool(result.changed)

    def renew(self, row: Row) -> None:
        """Begin the lease of a row again, if the file can be written now."""
        condition, parameters = row.where
        self.attempt(
            f"UPDATE questions SET lease = ?, lease_uptime = ? WHERE {condition} AND state = 'SENT'",
            (*leases.lease_now(), *parameters),
        )

    def lease_over(self) -> Statement:
        """Return the condition of rows whose lease is over."""
        length = int(leases.SECONDS * 1e6)
        return (
            f"state = 'SENT' AND abs(lease - ?) > {length} AND abs(lease_uptime - ?) > {length}",
            leases.lease_now(),
        )

    def truncate_log(self) -> None:
        """Empty the log beside the file."""
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def conditional(insert: str, values: tuple[object, ...], where: list[Statement]) -> Statement:
    """Return a statement that inserts values on conditions."""
    if not where:
        return insert, values
    text = " AND ".join(condition for condition, _ in where)
    return f"{insert} WHERE {text}", (*values, *chain.from_iterable(given for _, given in where))


@cache
def _insert(columns: tuple[str, ...]) -> str:
    # The state is no parameter: for a type that is not its own, sqlite3 looks for an adapter each time.
    names, values = ", ".join(columns), ", ".join("?" * len(columns))
    return f"INSERT INTO questions (state, {names}) SELECT '{RecordState.SENT}', {values}"


def database_at(path: Path) -> QuestionFile:
    """Return the history that all clients of this process share for a path."""
    path = path.absolute()
    return shared(path, QuestionFile(path, _LAYOUT))


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
