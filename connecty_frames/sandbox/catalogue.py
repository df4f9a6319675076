"""Plans, which say what SQL answers a question, and the catalogue of the sample workspace.

A question is looked up by its words; order, plurals and filler words ("please", "show me the") do not matter.

To translate questions into SQL in another way, pass the sandbox an :class:`Answerer`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from connecty_frames.errors import QuestionFailed
from connecty_frames.sandbox.words import FUNCTION_WORDS, LEAD_WORDS, split, stem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connecty_frames.sandbox.results import QueryResult

#: Longer questions (in characters) are not read.
BASE_LENGTH: Final = 1000
#: The beginning of a query. Possessive (*+), so that long runs of spaces or comments take linear time.
SQL_START: Final = re.compile(
    r"(?:\s|--[^\n]*|/\*.*?\*/|\()*+(?:select|with|from)\b", re.IGNORECASE | re.DOTALL
)
_SUMMARY: Final = "The query returned {rows} rows."


@dataclass(frozen=True, slots=True)
class Plan:
    """How to answer a question.

    Parameters
    ----------
    sql
        One SELECT statement, or None for a summary without a table.
    summary
        The summary. ``{rows}`` stands for the number of rows, ``{columns}`` for the number of columns, and
        the name of a column for its value in the first row.
    """

    sql: str | None
    summary: str = _SUMMARY

    def summarise(self, result: QueryResult | None) -> str:
        """Return the summary with its placeholders filled; other text in braces stays."""
        if result is None:
            return self.summary
        values = result.first_row() | {"rows": len(result), "columns": len(result.columns)}
        return re.sub(r"\{(\w+)\}", lambda match: str(values.get(match[1], match[0])), self.summary)


class Answerer(Protocol):
    """Any object that returns the plan for a question."""

    def answer(self, question: str, dw_id: int) -> Plan:
        """Return the plan for a question to a workspace; called from several threads at once.

        Raises
        ------
        QuestionFailed
            If there is no plan. Users see the message.
        """


def plan_select(question: str, _dw_id: int) -> Plan:
    """Return the plan for a SELECT statement; raises QuestionFailed for any other question."""
    if SQL_START.match(question):
        return Plan(question)
    raise QuestionFailed(
        "This sandbox answers SELECT statements alone. Questions in English are about the sample workspace."
    )


class Catalogue:
    """Questions and the plans that answer them. All wordings, including paraphrases, must differ."""

    def __init__(self, text: str) -> None:
        """Read TOML tables ``[[question]]`` with ``question``, ``sql``, ``summary`` and ``paraphrases``."""
        self.questions: list[str] = []
        self._plans: dict[tuple[str, ...], Plan] = {}
        for entry in tomllib.loads(text)["question"]:
            self.questions += [] if entry.get("fails") else [entry["question"]]
            plan = Plan(entry.get("sql"), entry.get("summary", _SUMMARY))
            for wording in (entry["question"], *entry.get("paraphrases", ())):
                if self._plans.setdefault(_key(split(wording)), plan) is not plan:
                    raise ValueError(f"The catalogue has the wording {wording!r} twice.")

    def find(self, question: str) -> Plan | None:
        """Return the plan of the wording that a question matches, or None."""
        if len(question) > BASE_LENGTH:  # splitting it into words would block other threads
            return None
        return self._plans.get(_key(split(question)))


def similar_questions(question: str, others: Iterable[str]) -> str:
    """Return text that names the most similar questions, which share at least half of their words."""
    # Questions that share only one word, such as the table, are about something else.
    asked, shares = _content(question[:BASE_LENGTH]), dict[str, float]()
    for other in others:
        words = _content(other)
        shared = len(asked & words)
        if shared and shared >= len(words) / 2:
            shares[other] = shared / len(asked | words)
    nearest = sorted(shares, key=shares.__getitem__, reverse=True)[:3]
    names = "; ".join(f'"{other}"' for other in nearest)
    return f" Similar questions that it answers: {names}." if names else ""


def _content(question: str) -> frozenset[str]:
    """Return the significant words of a question, without plural endings."""
    return frozenset(stem(word) for word in split(question) if word not in FUNCTION_WORDS)


def _key(words: Iterable[str]) -> tuple[str, ...]:
    """Return the lookup key of a question: its words, sorted and without plural endings."""
    return tuple(sorted(stem(word) for word in words if word not in LEAD_WORDS and word.isalnum()))
