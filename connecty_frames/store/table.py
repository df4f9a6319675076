"""The table of the history: its columns, states and keys, and how its rows are read and erased."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from json.encoder import encode_basestring_ascii as _json
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit
from uuid import uuid4

from connecty_frames._base.text import counted
from connecty_frames.errors import ConfigError
from connecty_frames.files import folded, name_problem, user_folder
from connecty_frames.options import id_spellings, is_dw_id, is_question_id
from connecty_frames.store import leases
from connecty_frames.store.answers import answers_beside
from connecty_frames.store.database import Result, SQLiteFile, Statement
from connecty_frames.store.schema import LATEST, LIMITS, SQLITE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from connecty_frames._base.text import SecretStr
    from connecty_frames.store.postgres import Server

    QuestionStore: TypeAlias = "QuestionFile | Server"

#: The largest number that SQLite holds.
LARGEST: Final = 2**63 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
#: Unicode's Quotation_Mark characters (PropList.txt), and accents, primes, ornaments and angle brackets that
#: are used as such.
_QUOTATION_MARKS: Final = re.compile(
    "[\"'\u00ab\u00bb\u2018-\u201f\u2039\u203a\u2e42\u300c-\u300f\u301d-\u301f\ufe41-\ufe44\uff02\uff07\uff62\uff63"
    "`\u00b4\u2032-\u2037\u275b-\u2760\u276e\u276f\u3008-\u300b]"
)
#: The highest count, so that a sum of counts fits an Arrow integer.
MOST_REUSED: Final = 2**31
#: The most rows that a warning names.
_NAMED: Final = 5
#: The microseconds of a day.
DAY: Final = 24 * 60 * 60 * 1_000_000
#: The most rows that one statement reads, so that it ends in time.
_PAGE: Final = 10_000
#: The parts of a batch's questions, with the folder of the batch.
_PARTS: Final = """\
SELECT (SELECT place.question FROM items AS place WHERE place.batch = items.batch AND place.number = 0),
    number, name FROM items WHERE number > 0 AND {} AND outcome = 'PART' ORDER BY batch, number"""
#: The rows with all their texts, and questions of batches without a row; the first column orders them.
_TEXTS: Final = {
    -LARGEST: """\
SELECT id, question_id, id, questions.key, state, questions.question, sql_query, response_summary,
    questions.error, tags, items.question, items.error, name
FROM questions LEFT JOIN items ON items.key = questions.key WHERE id > ? ORDER BY id LIMIT ?""",
    "": """\
SELECT key, NULL, NULL, key, 'REJECTED', question, error, name FROM items WHERE number > 0
    AND NOT EXISTS (SELECT 1 FROM questions WHERE questions.key = items.key) AND key > ?
ORDER BY key LIMIT ?""",
}
#: JSON's escapes, as in tags and in replies that errors quote, and how often a text may be escaped.
_ESCAPES: Final = re.compile(r'(?:\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt]))+')
_NESTED: Final = 4


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
_CLOSED: Final = ", ".join(f"'{state}'" for state in sorted(CLOSED))


def _is_number(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_time(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value <= LATEST


def _or_none(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


#: The columns, in order, with a check whether a client can have written a value: anyone may have written the
#: row. A check may also raise AttributeError, ConfigError, OverflowError, TypeError or ValueError.
_SOUND: Final[dict[str, Callable[[Any], bool]]] = {
    "id": _is_number,
    "asked_at": _is_time,
    "state": lambda value: value in RecordState.__members__,
    "question": _is_text,
    "question_id": _or_none(is_question_id),
    "dw_id": lambda value: value.isascii() and value.isdigit() and is_dw_id(int(value)),
    "base_url": lambda value: _is_text(value) and urlsplit(value) is not None,
    "accepted_at": _or_none(_is_time),
    "ended_at": _or_none(_is_time),
    "rows": _or_none(_is_number),
    "reused": lambda value: _is_number(value) and value <= MOST_REUSED,
    **dict.fromkeys(("sql_query", "response_summary", "error"), _or_none(_is_text)),
    "tags": _or_none(lambda value: isinstance(json.loads(value), dict)),
    **dict.fromkeys(("client", "key"), _is_text),
    **dict.fromkeys(("host", "user_name", "request_id"), _or_none(_is_text)),
}
COLUMNS: Final = tuple(_SOUND)
#: Further columns of the questions of a batch.
_SOUND.update(dict.fromkeys(("digest", "outcome", "asked", "folded"), _is_text), row=_is_number)
_SOUND.update(number=lambda it: _is_number(it) and it < 10**9, name=lambda it: name_problem(it) is None)
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
        #: A UUID, which is also sent with the question.
        self.token = str(uuid4())
        #: When it was sent, by the sender's clock, in microseconds.
        self.asked_at = asked_at
        #: The condition to find it, with parameters.
        self.where: Statement = ("key = ? AND token = ?", (key, self.token))
        self.limits: Sequence[Statement] = ()  # each finds nothing while the question is allowed


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
    #: The allowed difference between the time in a row and the sender's, in microseconds.
    slack = 0
    #: Compares the time of asking with another one; to be formatted with an operator.
    asked_at = "asked_at {} ?"
    #: Has a column ``value`` with the items of a JSON array.
    listed = "json_each(?)"

    @property
    def answers_path(self) -> Path:
        """The file of the answers that are kept next to it."""
        return self.path.with_name(f"{self.path.stem}-answers{self.path.suffix}")

    def execute_together(self, statements: Sequence[Statement]) -> None:
        """Execute statements in one transaction."""
        with self.lock, self:
            self._free()  # so that none is repeated if the disk is full
            try:
                for statement in (("BEGIN IMMEDIATE", ()), *statements, ("COMMIT", ())):
                    self.execute(*statement)
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

    def claim(self, insertion: Statement, _: str, until: float | None) -> Result:
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
    """Warn of rows that no client can have written."""
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
    columns, conditions, parameters = column_expressions(database), ["true"], list[object]()
    if states:
        # The column itself has statistics, by which PostgreSQL plans.
        stored = {*states, *[RecordState.SENT] * (RecordState.UNCERTAIN in states)}
        for column, values in (("state", stored), (columns["state"], states)):
            conditions.append(f"{column} IN ({', '.join('?' * len(values))})")
            parameters += values
    if since is not None:
        conditions.append(database.asked_at.format(">="))
        parameters.append(microseconds(since))
    if question_id is not None:
        condition, spellings = named(question_id)
        conditions.append(condition)
        parameters += spellings
    if row is not None:
        conditions.append("id = ?")
        parameters.append(row)
    statement = (
        f"SELECT {', '.join(columns.values())} FROM questions WHERE {' AND '.join(conditions)} AND id < ? "
        "ORDER BY id DESC LIMIT ?"
    )
    found, last, most = list[tuple[Any, ...]](), LARGEST, LARGEST if limit is None else min(limit, LARGEST)
    page = min(most, _PAGE)
    while True:
        rows = database.execute(statement, (*parameters, last, page), creates=False).rows
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


class Erased(int):
    """How many questions were erased, as a number, or would be; ``forget`` describes the attributes."""

    files: tuple[Path, ...] = ()
    found: Sequence[tuple[int | None, str]] = ()
    kept = 0
    not_searched = (
        "answers kept for other questions or on other machines, saved answers, parts of batches, batches in "
        "folders, pins, logs and backups"
    )
    #: The folder (if known), number and name of each part that still has an answer.
    parts: Sequence[tuple[Any, ...]] = ()


def forget_records(
    database: QuestionStore,
    *,
    question_id: str | None = None,
    row: int | None = None,
    before: datetime | None = None,
    batch: str | None = None,
    containing: str | None = None,
    dry_run: bool = False,
) -> Erased:
    """Erase a question, a row, the rows of a batch, or all finished ones before a time or with a text."""
    if not database.exists or (row is not None and abs(row) > LARGEST):
        return Erased()
    older = f"{database.asked_at.format('<')} AND state IN ({_CLOSED})"
    selections: tuple[tuple[str, object], ...] = (
        ("id = ?", row),
        ("key IN (SELECT key FROM items WHERE batch = ?)", batch),
        (older, microseconds(before or datetime.now(UTC))),
    )
    selected: Statement = next((each, (value,)) for each, value in selections if value is not None)
    rows_with, given = selected if question_id is None else named(question_id)
    items_with, item_given = f"key IN (SELECT key FROM questions WHERE {rows_with})", given
    answers, kept = answers_beside(database), 0
    with database, answers:
        if containing is None:
            columns = f"question_id, id, NULL, NULL, {'question' if dry_run else 'NULL'}"
            rows = database.execute(f"SELECT {columns} FROM questions WHERE {rows_with}", given).rows
        else:
            text = folded(containing.replace("''", "'"))
            found = [row for each in _TEXTS.items() for row in _having(database, *each, text)]
            rows = [row for row in found if row[3] in CLOSED]
            kept = len(found) - len(rows)
            rows_with = f"id IN (SELECT CAST(value AS bigint) FROM {database.listed})"
            # The question of an item may have another row, whose answer is unknown.
            items_with = (
                f"key IN (SELECT value FROM {database.listed}) AND NOT EXISTS (SELECT 1 FROM questions "
                f"WHERE questions.key = items.key AND state NOT IN ({_CLOSED}))"
            )
            given, item_given = ((json.dumps([row[at] for row in rows]),) for at in (1, 2))
        erased = Erased(len(rows))
        erased.kept, erased.parts = kept, database.execute(_PARTS.format(items_with), item_given).rows
        if dry_run:
            erased.found = [(row[1], row[4]) for row in rows]
            return erased
        for table in ("questions", "items"):  # without the right to, an error before anything is erased
            database.execute(f"DELETE FROM {table} WHERE false")
        # Include the given id even if its row is gone, such as from a damaged history.
        asked = () if question_id is None else id_spellings(question_id)
        question_ids = {each for each in (*asked, *(row[0] for row in rows)) if each is not None}
        # Before the rows, which still name them if this fails; and after, because an answer may be kept
        # while its row exists.
        answers.erase(question_ids)
        # A batch still knows by the key that a question is finished; unfinished ones are removed. Its marker
        # stays until its files are deleted.
        change = "question = '', error = NULL, name = NULL, folded = NULL, outcome = 'NO TABLE'"
        items, finished = f"number > 0 AND {items_with} AND", "(outcome IN ('PART', 'NO TABLE'))"
        database.execute_together(
            [
                (f"UPDATE items SET {change} WHERE {items} {finished}", item_given),
                (f"DELETE FROM items WHERE {items} {finished} IS NOT TRUE", item_given),
                (f"DELETE FROM questions WHERE {rows_with}", given),
                ("DELETE FROM items WHERE number > 0 AND batch = ?", (batch,)),
            ]
        )
        answers.erase(question_ids)
        if database.url is None:  # PostgreSQL itself decides when to overwrite erased rows
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return erased


def _having(database: QuestionStore, last: object, statement: str, text: str) -> Iterator[tuple[Any, ...]]:
    """Yield question_id, id, key, state and question of the rows that have a folded text, even escaped."""
    while rows := database.execute(statement, (last, _PAGE)).rows:
        for _, *row in rows:
            found = "\0".join(str(each) for each in row[4:] if each is not None).replace("''", "'")
            for _ in range(_NESTED):
                if text in folded(found):
                    yield tuple(row[:5])
                    break
                found, escapes = _ESCAPES.subn(lambda run: json.loads(f'"{run[0]}"'), found)
                if not escapes:
                    break
        last = rows[-1][0]


def is_sound(column: str, value: object) -> bool:
    """Whether a client can have written a value."""
    try:
        return _SOUND[column](value)
    except (AttributeError, ConfigError, OverflowError, TypeError, ValueError):
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
