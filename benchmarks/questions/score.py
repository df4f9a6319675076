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

_FILE: Final = Path(__file__).with_name("questions.toml")
Question = dict[str, Any]


class Outcome(StrEnum):
    """How a question is answered."""

    ANSWERED = "answered"
    REFUSED = "refused"
    RIGHTLY_REFUSED = "rightly refused"
    WRONG = "wrong"


def questions() -> list[Question]:
    """Return the questions that people wrote."""
    asked = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return [*asked["answerable"], *({"question": question} for question in asked["unanswerable"])]


def connect() -> duckdb.DuckDBPyConnection:
    """Return a database with the sample workspace, as the sandbox has it."""
    connection = duckdb.connect(config={"threads": 1})
    workspace.build(connection)
    return connection


def judge(question: Question, answerer: Answerer, connection: duckdb.DuckDBPyConnection) -> Outcome:
    """Return how a question is answered."""
    truth = question.get("sql")
    try:
        plan = answerer.answer(question["question"], 13)
    except QuestionFailed:
        return Outcome.RIGHTLY_REFUSED if truth is None else Outcome.REFUSED
    if truth is None or plan.sql is None:
        return Outcome.WRONG
    rows = run(connection, plan.sql), run(connection, truth, zone="UTC")
    return Outcome.ANSWERED if is_right(*rows, ordered=question.get("ordered", False)) else Outcome.WRONG


def format_report(outcomes: list[tuple[str, Outcome]], *, listed: Iterable[Outcome]) -> Iterator[str]:
    """Return the lines of the report: the count of each outcome, then the questions with some outcomes."""
    counts = Counter(outcome for _, outcome in outcomes)
    yield ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome)
    for outcome in listed:
        yield f"\n{outcome} ({counts[outcome]}):"
        yield from (f"  {question}" for question, found in outcomes if found is outcome)
