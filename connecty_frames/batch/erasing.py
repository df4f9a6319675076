"""Erasing: questions with their places in batches, whose answers a batch may still need."""

from __future__ import annotations

import json
import re
import unicodedata
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from connecty_frames._base.text import counted
from connecty_frames.options import id_spellings
from connecty_frames.store.answers import answers_beside
from connecty_frames.store.database import SQLiteFile, StoreError
from connecty_frames.store.table import CLOSED_STATES, LARGEST, PAGE, microseconds, named

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from connecty_frames.store.database import Result, Statement
    from connecty_frames.store.table import QuestionStore

#: The rows without a known answer, or with one that is not in the part of its batch yet.
_OPEN: Final = f"""(state NOT IN ({CLOSED_STATES}) OR EXISTS (
    SELECT 1 FROM items
    WHERE items.key = questions.key AND coalesce(outcome, state) IN ('COMPLETED', 'FETCH AGAIN')
))"""
#: The parts of a batch's questions, with the folder of the batch.
_PARTS: Final = """\
SELECT (SELECT place.question FROM items AS place WHERE place.batch = items.batch AND place.number = 0),
    number, name FROM items WHERE {} AND outcome = 'PART' ORDER BY batch, number"""
#: The rows with all their texts, and questions of batches without a row; the first column orders them.
_TEXTS: Final = {
    -LARGEST: f"""\
SELECT id, question_id, id, questions.key, CASE WHEN {_OPEN} THEN 1 ELSE 0 END, questions.question,
    sql_query, response_summary, questions.error, tags, items.question, items.error, name
FROM questions LEFT JOIN items ON items.key = questions.key WHERE id > ? ORDER BY id LIMIT ?""",
    "": """\
SELECT key, NULL, NULL, key, 0, question, error, name FROM items WHERE number > 0
    AND NOT EXISTS (SELECT 1 FROM questions WHERE questions.key = items.key) AND key > ?
ORDER BY key LIMIT ?""",
}
#: The escapes of JSON, as in tags and in replies that errors quote, and of SQL: bytes, characters, marks.
_ESCAPES: Final = re.compile(
    r"""\\(?:x([\da-fA-F]{2}(?:\\x[\da-fA-F]{2})*)|U([\da-fA-F]{8})|\+([\da-fA-F]{6})|u?([\da-fA-F]{4})"""
    r"""|(["'`\\/bfnrt]))""",
    re.ASCII,
)
_NESTED: Final = 8  # how often a text may be escaped


class Erased(int):
    """How many questions were erased, as a number, or would be; ``forget`` describes the attributes."""

    files: tuple[Path, ...] = ()
    found: Sequence[tuple[int | None, str]] = ()
    kept = 0
    not_searched = (
        "answers kept for other questions or on other machines, saved answers, parts of batches, batches in "
        "folders, their names, ids, names of machines and users, jobs of limits, pins, logs and backups"
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
    closed = f"NOT {_OPEN}"
    settled = f"NOT EXISTS (SELECT 1 FROM questions WHERE questions.key = items.key AND {_OPEN})"
    older = f"{database.asked_at.format('<')} AND {closed}"
    selections: tuple[tuple[str, object], ...] = (
        ("id = ?", row),
        ("key IN (SELECT key FROM items WHERE batch = ?)", batch),
        (older, microseconds(before or datetime.now(UTC))),
    )
    selected: Statement = next((each, (value,)) for each, value in selections if value is not None)
    rows_with, given = selected if question_id is None else named(question_id)
    if rows_with != older:  # named questions are erased in any state
        closed = settled = "true"
    by_id = f"id IN (SELECT CAST(value AS bigint) FROM {database.listed})"
    by_key = f"number > 0 AND key IN (SELECT value FROM {database.listed})"
    answers, kept = answers_beside(database), 0
    with database, answers:
        if containing is None:
            columns = f"question_id, id, key, NULL, {'question' if dry_run else 'NULL'}"
            rows = database.execute(f"SELECT {columns} FROM questions WHERE {rows_with}", given).rows
        else:
            text = _searched(containing)
            found = [row for each in _TEXTS.items() for row in _having(database, *each, text)]
            rows = [row for row in found if not row[3]]
            kept = len(found) - len(rows)
        listed = (
            [row[1] for row in rows],
            [row[2] for row in rows],
            [row[2] for row in rows if row[1] is None],
        )
        ids, keys, unasked = ((json.dumps(each, default=str),) for each in listed)
        items, erased = f"{by_key} AND {settled}", Erased(len(rows))
        erased.kept, erased.parts = kept, database.execute(_PARTS.format(items), keys).rows
        if dry_run:
            erased.found = [(row[1], row[4]) for row in rows]
            return erased
        # Include the given id even if its row is gone, such as from a damaged history.
        asked = () if question_id is None else id_spellings(question_id)
        question_ids = {each for each in (*asked, *(row[0] for row in rows)) if isinstance(each, str)}

        def finish(results: Sequence[Result]) -> None:
            if left := sum(each.rows[0][0] for each in results[-2:]):
                raise StoreError(f"{counted(left, 'row')} kept by a policy or trigger, or asked just now")
            answers.erase(question_ids)  # while the rows still name them, if this fails

        # By the key, a batch still knows a finished question. Its marker stays until its files are deleted.
        change = "question = '', error = NULL, name = NULL, folded = NULL, outcome = 'NO TABLE'"
        finished = "(outcome IN ('PART', 'NO TABLE'))"
        database.execute_together(
            [
                (f"UPDATE items SET {change} WHERE {items} AND {finished}", keys),
                (f"DELETE FROM items WHERE {items} AND {finished} IS NOT TRUE", keys),
                (f"DELETE FROM questions WHERE {by_id} AND {closed}", ids),
                ("DELETE FROM items WHERE number > 0 AND batch = ?", (batch,)),
                (f"SELECT count(*) FROM questions WHERE {by_id}", ids),
                (f"SELECT count(*) FROM items WHERE question <> '' AND {by_key}", unasked),
            ],
            finish,
        )
        answers.erase(question_ids)  # one may have been kept while its row existed
        for file in (answers, database):
            if isinstance(file, SQLiteFile):  # PostgreSQL itself decides when to overwrite erased rows
                file.overwrite()
    return erased


def _having(database: QuestionStore, last: object, statement: str, text: str) -> Iterator[tuple[Any, ...]]:
    """Yield question_id, id, key, state and question of the rows that have a folded text, even escaped."""
    while rows := database.execute(statement, (last, PAGE)).rows:
        for _, *row in rows:
            found, escapes = "\0".join(str(each) for each in row[4:] if each is not None), 1
            for _ in range(_NESTED):
                if text in _searched(found):
                    yield tuple(row[:5])
                    break
                found, escapes = _ESCAPES.subn(_unescaped, found)
                if not escapes:
                    break
                # Two escaped surrogates are one character.
                found = found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        last = rows[-1][0]


def _searched(text: str) -> str:
    """Fold case, compatible characters and white space, and the doubled marks of SQL."""
    folded = text.casefold()
    if not text.isascii():
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.replace("i\u0307", "i").replace("''", "'").replace('""', '"').split())


def _unescaped(escape: re.Match[str]) -> str:
    octets, *codes, mark = escape.groups()
    if mark:
        return " " if mark in "bfnrt" else mark
    raw = bytes.fromhex((octets or "").replace("\\x", ""))
    with suppress(ValueError, OverflowError):
        return raw.decode() or chr(int("".join(filter(None, codes)), 16))
    return raw.decode("latin-1") or escape[0]
