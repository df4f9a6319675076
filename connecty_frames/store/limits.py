"""Limits of questions in 24 hours: of a client, in its settings, and of all clients, in their store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from connecty_frames.store.table import DAY

if TYPE_CHECKING:
    from connecty_frames.store.database import Statement
    from connecty_frames.store.table import QuestionStore

#: A number for all questions, or pairs of a job (``*`` for all) and a number.
Limit = int | tuple[tuple[str, int], ...]
#: Reads the limits of a store. People edit this table by hand, so it may hold any values.
READ: Final = "SELECT job, CAST(per_day AS bigint), set_by, CAST(set_at AS bigint) FROM limits ORDER BY job"
#: A limit that is reached, with the time of the last question that it allows: only later ones are read too.
_REACHED: Final = """\
SELECT job, per_day, set_by, asked_at FROM (
    SELECT job, CAST(per_day AS bigint) AS per_day, CAST(set_by AS text) AS set_by, (
        SELECT asked_at FROM questions WHERE {} AND state <> 'REJECTED' ORDER BY {} DESC LIMIT 1 OFFSET {}
    ) AS asked_at FROM {}
) AS limited WHERE per_day < 1 OR asked_at IS NOT NULL"""
_OWN: Final = ("?", "(SELECT CAST(? AS text) AS job, ? AS per_day, NULL AS set_by) AS own")
_JOB: Final = "limits WHERE job = ?"
_SHARED: Final = (f"(SELECT abs(CAST(per_day AS bigint) - 1) FROM {_JOB})", _JOB)
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


def set_limit(database: QuestionStore, job: str, per_day: int | None, set_by: str) -> None:
    """Set the limit of a job (``*`` for all questions), or drop it with None."""
    now, times = database.now(datetime.now(UTC))
    dropping, values = "DELETE FROM limits WHERE job = ?", (tag_text(job), per_day, set_by, *times)
    database.execute(*((dropping, values[:1]) if per_day is None else (_SET.format(now), values)))
