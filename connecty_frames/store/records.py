"""Recorded questions: how they are read and erased."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

from connecty_frames.store.answers import answers_beside, forget_answers
from connecty_frames.store.processes import ProcessIdentity
from connecty_frames.store.table import CLOSED, COLUMNS, LARGEST, RecordState, microseconds

if TYPE_CHECKING:
    from collections.abc import Collection

    from connecty_frames.store.database import Database

__all__ = ["forget_records", "mark_abandoned", "read_records"]


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
    mark_abandoned(database)
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
    statement = f"SELECT {', '.join(COLUMNS)} FROM questions{where} ORDER BY asked_at DESC, id DESC LIMIT ?"  # noqa: S608 - our own
    return database.execute(statement, (*parameters, -1 if limit is None else min(limit, LARGEST))).rows


def forget_records(
    database: Database,
    *,
    question_id: str | None = None,
    row: int | None = None,
    before: datetime | None = None,
) -> int:
    """Remove the rows of a question, one row, or all closed rows before a time; return their number.

    The answers that are kept of them are removed too.

    Raises
    ------
    StoreError
        If the file cannot be changed.
    """
    if not database.exists or (row is not None and abs(row) > LARGEST):
        return 0
    parameters: tuple[object, ...]
    if question_id is not None:
        condition, parameters = "question_id = ?", (question_id,)
    elif row is not None:
        condition, parameters = "id = ?", (row,)
    else:
        states = ", ".join(f"'{state}'" for state in sorted(CLOSED))
        condition = f"asked_at < ? AND state IN ({states})"
        parameters = (microseconds(before or datetime.now(UTC)),)
    where = f"FROM questions WHERE {condition}"
    found = [
        question_id,
        *chain.from_iterable(database.execute(f"SELECT question_id {where}", parameters).rows),
    ]
    # Also the answer that the id names if its row is gone, as in a history that was damaged.
    question_ids = {each for each in found if each is not None}
    answers = answers_beside(database)
    # Before the rows, which name them if this fails; and after, since one is kept as long as it has a row.
    forget_answers(answers, question_ids)
    removed = database.execute(f"DELETE {where}", parameters).changed
    forget_answers(answers, question_ids)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the file beside it still has what was removed
    return removed


def mark_abandoned(database: Database) -> bool:
    """Make the rows of processes that ended while they were sending UNCERTAIN; return whether there are any.

    Raises
    ------
    StoreError
        If the file cannot be used.
    """
    statement = "SELECT DISTINCT host, pid, process_started FROM questions WHERE state = 'SENT'"
    gone = [each for each in map(ProcessIdentity._make, database.execute(statement).rows) if each.is_gone]
    for process in gone:
        database.execute(
            "UPDATE questions SET state = 'UNCERTAIN', error = ? "
            "WHERE state = 'SENT' AND host = ? AND pid = ? AND process_started = ?",
            ("Its process ended before the question was accepted.", *process),
        )
    return bool(gone)
