"""The tables of the history: how questions are read and counted, and the limits of questions."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain
from json.encoder import encode_basestring_ascii as _json
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit
from uuid import uuid4

from connecty_frames._base.text import counted
from connecty_frames.errors import ConfigError
from connecty_frames.files import name_problem, user_folder
from connecty_frames.options import id_spellings, is_dw_id, is_question_id
from connecty_frames.store import leases
from connecty_frames.store.database import Finish, Result, SQLiteFile, Statement
from connecty_frames.store.schema import LATEST, LIMITS, SQLITE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from connecty_frames._base.text import SecretStr
    from connecty_frames.store.postgres import Server

    QuestionStore: TypeAlias = "QuestionFile | Server"

LARGEST: Final = 2**63 - 1  # the largest number that SQLite holds
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
#: Unicode's Quotation_Mark characters (PropList.txt), and accents, primes, ornaments and brackets used so.
_QUOTATION_MARKS: Final = re.compile(
    "[\"'\u00ab\u00bb\u2018-\u201f\u2039\u203a\u2e42\u300c-\u300f\u301d-\u301f\ufe41-\ufe44\uff02\uff07\uff62\uff63"
    "`\u00b4\u2032-\u2037\u275b-\u2760\u276e\u276f\u3008-\u300b]"
)
MOST_REUSED: Final = 2**31  # the highest count, so that a sum of counts fits an Arrow integer
_NAMED: Final = 5  # the most rows that a warning names
DAY: Final = 24 * 60 * 60 * 1_000_000  # the microseconds of a day
PAGE: Final = 10_000  # the most rows that one statement reads, so that it ends in time


class RecordState(StrEnum):
    """What is known about a question."""

    #: It is being sent, and its lease is being renewed.
    SENT = "SENT"
    #: The server has accepted it; there is no answer yet.
    ASKED = "ASKED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    #: It was sent, and whether it was accepted is unknown.
    UNCERTAIN = "UNCERTAIN"
    #: It was definitely not started.
    REJECTED = "REJECTED"


#: The states of a finished question. In other states, an answer that was paid for may still be fetched.
CLOSED: Final = frozenset({RecordState.COMPLETED, RecordState.FAILED, RecordState.REJECTED})
CLOSED_STATES: Final = ", ".join(f"'{state}'" for state in sorted(CLOSED))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _up_to(most: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and 0 <= value <= most


def _or_none(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


#: The columns, in order, with a check whether a client can have written a value: anyone may have written the
#: row. A check may also raise the errors that is_sound knows.
_SOUND: Final[dict[str, Callable[[Any], bool]]] = {
    "id": _up_to(LARGEST),
    "asked_at": _up_to(LATEST),
    "state": lambda value: value in RecordState.__members__,
    "question": _is_text,
    "question_id": _or_none(is_question_id),
    "dw_id": lambda value: value.isascii() and value.isdigit() and is_dw_id(int(value)),
    "base_url": lambda value: _is_text(value) and urlsplit(value) is not None,
    "accepted_at": _or_none(_up_to(LATEST)),
    "ended_at": _or_none(_up_to(LATEST)),
    "rows": _or_none(_up_to(LARGEST)),
    "reused": _up_to(MOST_REUSED),
    **dict.fromkeys(("sql_query", "response_summary", "error"), _or_none(_is_text)),
    "tags": _or_none(lambda value: isinstance(json.loads(value), dict)),
    **dict.fromkeys(("client", "key"), _is_text),
    **dict.fromkeys(("host", "user_name", "request_id"), _or_none(_is_text)),
}
COLUMNS: Final = tuple(_SOUND)
#: Further columns of the questions of a batch.
_SOUND.update(dict.fromkeys(("digest", "outcome", "asked", "folded"), _is_text), row=_up_to(LARGEST))
_SOUND.update(number=_up_to(10**9 - 1), name=lambda it: name_problem(it) is None)
#: The questions by day since 1970 and tag. A row has no day if no client can have written what is counted; a
#: cast finds the fractions that SQLite stores.
_COUNTS: Final = f"""\
SELECT day, tag, count(CASE WHEN state <> '{RecordState.REJECTED}' THEN 1 END),
    CAST(sum(CASE WHEN day IS NOT NULL THEN reused END) AS bigint),
    count(CASE WHEN state = '{RecordState.FAILED}' THEN 1 END),
    count(CASE WHEN state = '{RecordState.UNCERTAIN}' THEN 1 END), count(*), min(id)
FROM (
    SELECT id, {{state}} AS state, reused, nullif({{tag}}, '') AS tag,
        CASE WHEN asked_at BETWEEN 0 AND {LATEST} AND CAST(asked_at AS bigint) = asked_at
        AND reused BETWEEN 0 AND {MOST_REUSED} AND CAST(reused AS bigint) = reused
        AND state IN ({", ".join(f"'{state}'" for state in RecordState)}) THEN asked_at / {DAY} END AS day
    FROM questions {{since}}
) AS counted GROUP BY day, tag"""


class Row:
    """The row of a question, which its sender finds by a token even if the reply to the INSERT was lost."""

    def __init__(self, key: str, asked_at: int) -> None:
        self.key = key
        self.token = str(uuid4())  # a UUID, which is also sent with the question
        self.asked_at = asked_at  # when it was sent, by the sender's clock, in microseconds
        #: The condition to find it, with parameters.
        self.where: Statement = ("key = ? AND token = ?", (key, self.token))
        self.limits: Sequence[Statement] = ()  # each finds nothing while the question is allowed
        self.locks: dict[str, str] = {}  # names of locks of a claim, and ``_shared`` for shared ones


class Earlier(NamedTuple):
    """An earlier question with the same key."""

    id: int  # the number of its row
    state: RecordState
    question: str  # as it is asked now
    question_id: str | None
    asked_at: datetime  # aware and in UTC
    accepted_ago: float | None  # seconds
    error: str | None


class QuestionFile(SQLiteFile):
    """Questions in a SQLite file, by the clocks of this machine. ``Server`` is the same in PostgreSQL."""

    content = "history"
    application_id = 0x636E7479  # "cnty"
    versions = SQLITE
    later = (LIMITS,)
    slack = 0  # the allowed difference between the time in a row and the sender's, in microseconds
    #: Compares the time of asking with another one; to be formatted with an operator.
    asked_at = "asked_at {} ?"
    listed = "json_each(?)"  # has a column ``value`` with the items of a JSON array

    @property
    def answers_path(self) -> Path:
        """The file of the answers that are kept next to it."""
        return self.path.with_name(f"{self.path.stem}-answers{self.path.suffix}")

    def execute_together(self, statements: Sequence[Statement], finish: Finish) -> None:
        """Execute statements in one transaction, and ``finish`` before it is committed."""
        with self.lock, self:
            self._free()  # so that none is repeated if the disk is full
            try:
                self.execute("BEGIN IMMEDIATE")
                finish([self.execute(*each) for each in statements])
                self.execute("COMMIT")
            except BaseException:
                self._disconnect()  # which undoes everything
                raise

    def now(self, moment: datetime) -> Statement:
        """Return the current time as SQL with parameters; a file uses the caller's clock."""
        return "?", (microseconds(moment),)

    def lease(self) -> dict[str, Statement]:
        """Return the columns of a lease that begins now, each as SQL with parameters."""
        wall, uptime = leases.lease_now()
        return {"lease": ("?", (wall,)), "lease_uptime": ("?", (uptime,))}

    def claim(self, insertion: Statement, _: dict[str, str], until: float | None) -> Result:
        """Insert a row unless a limit is reached, and note the limits; only one process writes at a time."""
        self.limits = self.execute("SELECT job FROM limits", until=until).rows
        return self.execute(*insertion, reserves=True, until=until)

    def tag(self, name: str) -> Statement:
        """Return SQL for the value of a tag."""
        value, given = "json_extract(tags, ?)", f"$.{json.dumps(name, ensure_ascii=False)}"
        if '"' in name:  # for which a path has no escape
            value, given = "(SELECT value FROM json_each(tags) WHERE key = ?)", name
        return f"CASE WHEN json_valid(tags) THEN CAST({value} AS text) END", (given,)


def default_path() -> Path:
    """Return the path of this user's history, which may not exist; raises ConfigError without a home."""
    folder = user_folder("state")
    if folder is None:
        raise ConfigError(
            "This user has no home folder for the history.",
            hint="Name a file: history='/folder/history.sqlite3'.",
            shell_hint="Name a file: CONNECTY_HISTORY=/folder/history.sqlite3.",
            setting="history",
        )
    return folder / "history.sqlite3"


def store_at(place: Path | str | None) -> QuestionStore:
    """Return the history at a path or PostgreSQL URL, by default the user's own; raises ConfigError."""
    if isinstance(place, str):
        from connecty_frames.store.postgres import Server

        return Server(place).shared()
    return QuestionFile((place or default_path()).absolute()).shared()


def column_expressions(database: QuestionStore) -> dict[str, str]:
    """Return the SQL that reads each column: a SENT question becomes UNCERTAIN when its lease runs out."""
    # Computed here, because readers may not write. A sender that was only suspended renews its lease.
    length = int(leases.SECONDS * 1e6)
    clocks = [(column, str(*now) if now else clock) for column, (clock, now) in database.lease().items()]
    # Do not subtract: the difference of two numbers may overflow.
    over = " AND ".join(f"{lease} NOT BETWEEN {now} - {length} AND {now} + {length}" for lease, now in clocks)
    case = f"CASE WHEN state = '{RecordState.SENT}' AND {over} THEN '{{}}' ELSE {{}} END"
    return {
        **{name: name for name in COLUMNS},
        "request_id": "token",
        "state": case.format(RecordState.UNCERTAIN, "state"),
        "error": case.format(
            "Its sender stopped responding before the question was accepted.", "questions.error"
        ),
    }


def named(question_id: str) -> Statement:
    """Return the condition for a question's rows, with parameters: UUIDs are compared by value."""
    spellings = id_spellings(question_id)
    return f"question_id IN ({', '.join('?' * len(spellings))})", spellings


def sound_rows(
    database: QuestionStore, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Return the rows that a client can have written; one warning names the others."""
    at = columns.index("id")
    others = {row[at] for row in rows if not all(map(is_sound, columns, row))}
    if others:
        _warn_of_others(database, len(others), sorted(others)[:_NAMED])
    return [row for row in rows if row[at] not in others]


def _warn_of_others(database: QuestionStore, number: int, ids: Sequence[int]) -> None:
    named = f"{', '.join(map(str, ids))}{' and more' * (number > len(ids))}"
    database.warn_once(
        f"rows {number} {named}",
        f"Left out: {counted(number, 'row')} of the history in {database.place} that no client wrote, by the "
        f"column id: {named}. `connecty history forget` erases one by that number.",
    )


def read_records(
    database: QuestionStore,
    *,
    states: Collection[RecordState] = (),
    since: datetime | None = None,
    question_id: str | None = None,
    row: int | None = None,
    limit: int | None = None,
) -> list[tuple[Any, ...]]:
    """Return recorded questions, by default in any state, as values of :data:`COLUMNS`, latest first."""
    if not database.exists:  # reading creates no file
        return []
    columns, wanted = column_expressions(database), list[Statement]()
    if states:
        # The column itself has statistics, by which PostgreSQL plans.
        stored = {*states, *[RecordState.SENT] * (RecordState.UNCERTAIN in states)}
        for column, values in (("state", stored), (columns["state"], states)):
            wanted.append((f"{column} IN ({', '.join('?' * len(values))})", tuple(values)))
    if since is not None:
        wanted.append((database.asked_at.format(">="), (microseconds(since),)))
    if question_id is not None:
        wanted.append(named(question_id))
    if row is not None:
        wanted.append(("id = ?", (row,)))
    conditions = " AND ".join([*(each for each, _ in wanted), "id < ?"])
    parameters = tuple(chain.from_iterable(given for _, given in wanted))
    sql = f"SELECT {', '.join(columns.values())} FROM questions WHERE {conditions} ORDER BY id DESC LIMIT ?"
    found, last, most = list[tuple[Any, ...]](), LARGEST, LARGEST if limit is None else min(limit, LARGEST)
    page = min(most, PAGE)
    while True:
        rows = database.execute(sql, (*parameters, last, page), creates=False).rows
        found += sound_rows(database, COLUMNS, rows)
        if len(found) >= most or len(rows) < page:
            return found[:most]
        last = rows[-1][0]


def count_records(
    database: QuestionStore, *, since: datetime | None = None, by: str | None = None
) -> list[tuple[Any, ...]]:
    """Count questions by day since 1970 and by the value of a tag: asked, reused, failed, uncertain."""
    if not database.exists:
        return []
    tag, names = ("NULL", ()) if by is None else database.tag(by)
    earliest = () if since is None else (microseconds(since),)
    condition = f"WHERE {database.asked_at.format('>=')}" * len(earliest)
    statement = _COUNTS.format(**column_expressions(database), tag=tag, since=condition)
    rows = database.execute(statement, (*names, *earliest), creates=False).rows
    if others := [row for row in rows if row[0] is None]:
        _warn_of_others(database, sum(row[-2] for row in others), [min(row[-1] for row in others)])
    return [row[:-2] for row in rows if row[0] is not None]


def is_sound(column: str, value: object) -> bool:
    """Whether a client can have written a value."""
    try:
        return _SOUND[column](value)
    except (AttributeError, ConfigError, OverflowError, RecursionError, TypeError, ValueError):
        return False


def client_hash(client_id: SecretStr) -> str:
    """Return the hash of a client id that is stored."""
    return hashlib.sha256(client_id.get_secret_value().encode()).hexdigest()[:32]


def question_key(question: str, *, base_url: str, dw_id: int, client: str) -> str:
    """Return a hash that is the same if a client asks the same question of the same workspace again.

    Runs of whitespace count as one space, unless there are quotation marks.
    """
    text = unicodedata.normalize("NFC", question).strip()
    if not _QUOTATION_MARKS.search(text):
        text = " ".join(text.split())
    # The same as json.dumps(list), which makes an encoder each time and takes four times as long.
    written = f"[{_json(text)}, {_json(base_url)}, {int(dw_id)}, {_json(client)}]"
    return hashlib.sha256(written.encode()).hexdigest()


def microseconds(moment: datetime) -> int:
    """Return a time as microseconds since 1970 in UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """Return the time that :func:`microseconds` was given."""
    return _EPOCH + value * _MICROSECOND


#: A number for all questions, or pairs of a job (``*`` for all) and a number.
Limit = int | tuple[tuple[str, int], ...]
#: Reads the limits of a store. People edit this table by hand, so it may hold any values.
READ_LIMITS: Final = f"""\
SELECT job, CAST(per_day AS bigint), set_by, CASE WHEN set_at BETWEEN 0 AND {LATEST} THEN set_at END
FROM limits ORDER BY job"""
#: A limit that is reached, with the time of the last question that it allows: only later ones are read too.
#: Later than all are times that no client writes.
_REACHED: Final = f"""\
SELECT job, per_day, set_by, asked_at FROM (
    SELECT job, CAST(per_day AS bigint) AS per_day, CAST(set_by AS text) AS set_by, (
        SELECT asked_at FROM questions WHERE {{}} AND asked_at <= {LATEST - DAY} AND state <> 'REJECTED'
        ORDER BY {{}} DESC LIMIT 1 OFFSET {{}}
    ) AS asked_at FROM {{}}
) AS limited WHERE per_day < 1 OR asked_at IS NOT NULL"""
_OWN: Final = ("?", "(SELECT CAST(? AS text) AS job, ? AS per_day, NULL AS set_by) AS own")
_JOB: Final = "limits WHERE trim(job) = ?"  # hand-written ones may have spaces
_SHARED: Final = (f"(SELECT min(abs(CAST(per_day AS bigint) - 1)) FROM {_JOB})", _JOB)
_SET: Final = """\
INSERT INTO limits (job, per_day, set_by, set_at) VALUES (?, ?, ?, {}) ON CONFLICT (job) DO UPDATE
SET per_day = excluded.per_day, set_by = excluded.set_by, set_at = excluded.set_at"""


def tag_text(text: str) -> str:
    """Trim a text of a tag, and escape what PostgreSQL's JSON cannot hold: NUL and lone surrogates."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00").strip()


def reached(
    database: QuestionStore, own: Limit | None, client: str, job: str | None, moment: datetime
) -> list[Statement]:
    """Return SQL for each limit of a question, which finds nothing while the question is allowed."""
    now, times = database.now(moment)
    time, since = database.asked_at.split(" {} ")
    recent, found = f"asked_at > {now} - {DAY}", []
    of_all = (f"{time} > {since.replace('?', f'({now} - {DAY})')}", time)
    for name, condition, value in (("*", "", ()), (job, " AND job = ?", (job,)))[: 2 if job else 1]:
        for given, number in (("*", own),) if isinstance(own, int) else own or ():
            if tag_text(given) == name:
                statement = _REACHED.format(f"client = ? AND {recent}{condition}", "asked_at", *_OWN)
                found.append((statement, (client, *times, *value, number - 1, name, number)))
        scope = (f"{recent}{condition}", "asked_at") if value else of_all
        found.append((_REACHED.format(*scope, *_SHARED), (*times, *value, name, name)))
    return found


def set_limit(database: QuestionStore, job: str, per_day: int | None, set_by: str) -> bool:
    """Set the limit of a job (``*`` for all questions), or drop it with None; return False if it has none."""
    now, times = database.now(datetime.now(UTC))
    dropping, values = f"DELETE FROM {_JOB}", (tag_text(job), per_day, set_by, *times)
    setting = (dropping, values[:1]) if per_day is None else (_SET.format(now), values)
    return bool(database.execute(*setting).changed)
