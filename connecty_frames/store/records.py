"""Recorded questions: how they are read and erased."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

from connecty_frames.store import leases
from connecty_frames.store.answers import answers_beside, forget_answers
from connecty_frames.store.table import CLOSED, COLUMNS, LARGEST, RecordState, microseconds

if TYPE_CHECKING:
    from collections.abc import Collection

    from connecty_frames.store.table import QuestionStore


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
            ("Its sender was not heard from any more before the question was accepted.", *times),
            until=until,
        )
