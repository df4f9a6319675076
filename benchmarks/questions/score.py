"""Ask all questions, and count how they are answered."""

from __future__ import annotations

import tomllib
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from benchmarks.questions.judge import is_right, run
from connecty_frames.errors import QuestionFailed
from connecty_frames.sandbox import workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from connecty_frames.sandbox import Answerer

__all__ = ["Outcome", "connect", "format_report", "judge", "questions"]

_HERE: Final = Path(__file__).parent
Question = dict[str, Any]


class Outcome(StrEnum):
    """How a question is answered."""

    ANSWERED = "answered"
    REFUSED = "refused"
    RIGHTLY_REFUSED = "rightly refused"
    WRONG = "wrong"


def questions() -> dict[str, list[Question]]:
    """Return the questions of each file."""
    return {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8"))["question"]
        for path in sorted(_HERE.glob("*.toml"))
    }


def connect() -> duckdb.DuckDBPyConnection:
    """Return a database with the sample workspace, as the sandbox has it."""
    connection = duckdb.connect(config={"threads": 1})
    workspace.build(connection)
    return connection


def judge(question: Question, answerer: Answerer, connection: duckdb.DuckDBPyConnection) -> Outcome:
    """Return how a question is answered."""
    try:
        plan = answerer.answer(question["question"], 13)
    except QuestionFailed:
        return Outcome.RIGHTLY_REFUSED if question.get("refuse") else Outcome.REFUSED
    if question.get("refuse") or plan.sql is None:
        return Outcome.WRONG
    answer = run(connection, plan.sql)
    ordered = question.get("ordered", False)
    truths = (run(connection, sql, zone="UTC") for sql in question["sql"])
    right = any(is_right(answer, truth, ordered=ordered) for truth in truths)
    return Outcome.ANSWERED if right else Outcome.WRONG


def format_report(
    outcomes: dict[str, list[tuple[str, Outcome]]], *, listed: Iterable[Outcome]
) -> Iterator[str]:
    """Return the lines of the report: a row for each file, then the questions with some outcomes."""
    shown = tuple(Outcome)
    yield f"{'questions':<30}" + "".join(f"{name:>17}" for name in shown) + f"{'of answerable':>16}"
    rows = [*outcomes.items(), ("all", [each for found in outcomes.values() for each in found])]
    for name, found in rows:
        counts = Counter(outcome for _, outcome in found)
        answerable = counts[Outcome.ANSWERED] + counts[Outcome.REFUSED] + counts[Outcome.WRONG]
        share = counts[Outcome.ANSWERED] / max(answerable, 1)
        yield f"{name:<30}" + "".join(f"{counts[outcome]:>17}" for outcome in shown) + f"{share:>16.0%}"
    for outcome in listed:
        asked = [question for question, found in rows[-1][1] if found is outcome]
        yield f"\n{outcome} ({len(asked)}):"
        yield from (f"  {question}" for question in asked)
