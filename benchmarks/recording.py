"""What a history adds to the cost of a question: ``make bench WHAT=recording``.

Processor time of the client for each question, sixteen at a time. The variants take turns within one run, and
the sandbox runs in a process of its own. The statement that is asked has one row.

Then the time that a store takes to record a question, from before it is sent to its end. An empty store and
one of a million rows, a tenth of them from the last day, take turns. PostgreSQL is left out if it is missing.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import connecty_frames as cf
from benchmarks.awaiting import sandbox_process
from connecty_frames.options import Asked
from tests.servers.postgres import postgres_server
from tests.store.stores import execute, history, store

__all__ = ["main"]

_ROUNDS: Final = 40
_QUESTIONS: Final = 50
_WORKERS: Final = 16
#: Name -> settings of the client, and options of the call.
_VARIANTS: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "no history": ({"history": False}, {}),
    "history": ({}, {}),
    "history, max_age, new questions": ({}, {"max_age": "1h"}),
    "keep_answers, new questions": ({"keep_answers": True}, {}),
}


_ROWS: Final = 1_000_000
_TURNS: Final = 8
_RECORDED: Final = 40
_LIMITS: Final[dict[str, Any]] = {
    "none": None,
    "10,000 a day": 10_000,
    "10,000 a day for its job": (("nightly", 10_000),),
}
#: Two clients and two jobs have the rows. Ids and keys are scattered, as those of questions are.
_FILL: Final = """\
INSERT INTO connecty.questions
    (token, key, previous, question, base_url, dw_id, client, state, question_id, asked_at, job)
SELECT 't' || scattered, 'k' || scattered, 0, 'how many orders did customer ' || n || ' place?', 'u', '13',
    'client ' || (n % 2), 'COMPLETED', 'q' || scattered, {now} - n * CAST(860000 AS bigint), 'job ' || (n % 2)
FROM (
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
    SELECT n, n * 2654435761 % 4294967296 || '-' || n AS scattered FROM numbers
) AS scattering"""


def _record(place: str, limit: Any) -> list[float]:
    """Record questions, and return the milliseconds that each took."""
    recorder, used = history(place, limit=limit), list[float]()
    for _ in range(_RECORDED):
        question_id, now, began = str(uuid4()), datetime.now(UTC), time.perf_counter()
        row = recorder.sent(Asked(question_id, 13, tags={"job": "nightly"}), asked_at=now, seconds=60)
        if row is not None:
            recorder.accepted(row, question_id, asked_at=now, now=now)
        recorder.ended(question_id, "COMPLETED", now=now, rows=1)
        used.append(1000 * (time.perf_counter() - began))
    recorder.close()
    return used


def _stores(name: str, empty: str, large: str) -> None:
    """Print the rows of a kind of store."""
    for place in (empty, large):
        store(place).execute("SELECT 1")
    execute(large, _FILL.format(rows=_ROWS, now=int(time.time() * 1e6)))
    execute(large, "ANALYZE")
    used: dict[tuple[str, str], list[float]] = {}
    for turn in range(_TURNS + 1):
        for limit, value in _LIMITS.items():
            for place in (empty, large):
                used.setdefault((place, limit), []).extend(_record(place, value) * bool(turn))
    found = {key: statistics.median(each) for key, each in used.items()}
    for limit in _LIMITS:
        one, other = found[empty, limit], found[large, limit]
        print(f"{name:<12}{limit:<26}{one:>10.2f}{other:>20.2f}{other / found[empty, 'none']:>26.2f}")


def main() -> None:
    """Print the tables."""
    _questions()
    heads = f"{'empty, ms':>10}{f'{_ROWS:,} rows, ms':>20}{'ratio to empty, no limit':>26}"
    print(f"\n{'store':<12}{'limit':<26}{heads}")
    with tempfile.TemporaryDirectory() as folder:
        _stores("SQLite", f"{folder}/empty.sqlite3", f"{folder}/large.sqlite3")
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgres_server())
        except FileNotFoundError as error:
            print(f"PostgreSQL: {error}")
            return
        for name in ("little", "much"):
            execute(server.url(), f"CREATE DATABASE {name}")
        _stores("PostgreSQL", server.url("little"), server.url("much"))


def _questions() -> None:
    """Print what a history adds to the processor time of a question."""
    numbers = count()
    used: dict[str, list[float]] = {name: [] for name in _VARIANTS}
    with tempfile.TemporaryDirectory() as folder, sandbox_process() as connection:
        for turn in range(_ROUNDS + 1):
            for name, (settings, options) in _VARIANTS.items():
                given = {"history": Path(folder, f"{name}.sqlite3"), **connection, **settings}
                questions = [f"SELECT {next(numbers)} AS n" for _ in range(_QUESTIONS)]
                with cf.Client(**given) as client:
                    client.ask("SELECT 0 AS n")  # so that files and connections are open
                    began = time.process_time()
                    for future in client.ask_many(questions, max_workers=_WORKERS, **options):
                        future.result()
                    if turn:  # the first round warms up
                        used[name].append((time.process_time() - began) / _QUESTIONS)
    print(f"{'variant':<36}{'ms of CPU a question':>22}{'ratio, median':>15}{'half of them':>16}")
    for name, seconds in used.items():
        ratios = [mine / plain for mine, plain in zip(seconds, used["no history"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{name:<36}{1000 * statistics.median(seconds):>22.2f}{middle:>15.2f}"
            f"{f'{low:.2f} to {high:.2f}':>16}"
        )


if __name__ == "__main__":
    main()
