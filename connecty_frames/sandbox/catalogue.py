"""The catalogue: which SQL answers which question.

A question is looked up by its words. Order, plurals and filler words ("please", "show me the") do not matter,
and typing mistakes are corrected if :class:`Vocabulary` allows it. A SELECT typed as the question runs as it
is. Any other question fails with a list of similar ones, because an answer to another question would be worse
than none.

To translate questions into SQL in another way, pass the sandbox any object with the method of
:class:`Answerer`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Protocol

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from connecty_frames._base.text import snippet
from connecty_frames.errors import ConfigError, QuestionFailed
from connecty_frames.sandbox.words import FUNCTION_WORDS, LEAD_WORDS, Vocabulary, split, stem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connecty_frames.sandbox.results import QueryResult

#: Questions longer than twice the longest wording plus this many characters are not looked up.
BASE_LENGTH: Final = 1000
#: How many similar questions an error names.
_SUGGESTIONS: Final = 3
# Possessive (*+), so that a long series of spaces or comments takes linear and not exponential time.
_LOOKS_LIKE_SQL: Final = re.compile(
    r"(?:\s|--[^\n]*|/\*.*?\*/|\()*+(?:select|with|from)\b", re.IGNORECASE | re.DOTALL
)


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
    summary: str = "The query returned {rows} rows."

    def summarise(self, result: QueryResult | None) -> str:
        """Return the summary with its placeholders filled; other text in braces stays as it is."""
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
            If there is no plan. Users see the message as the error.
        """


_NonEmpty = Annotated[str, StringConstraints(min_length=1)]


class _Entry(BaseModel):
    """One question of a catalogue file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    question: _NonEmpty
    paraphrases: list[_NonEmpty] = []
    sql: _NonEmpty | None = None
    summary: _NonEmpty = "The query returned {rows} rows."
    fails: bool = False


class _File(BaseModel):
    """A catalogue file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    question: list[_Entry] = []


class Catalogue:
    """Questions with the SQL that answers them; no two wordings, paraphrases included, may be the same."""

    def __init__(self, entries: Iterable[_Entry] = ()) -> None:
        self.questions: list[str] = []
        self._plans: dict[tuple[str, ...], Plan] = {}
        words: set[str] = set()
        wordings: list[str] = []
        for entry in entries:
            self.questions += [] if entry.fails else [entry.question]
            for wording in (entry.question, *entry.paraphrases):
                key = _key(split(wording))
                if key in self._plans:
                    raise ConfigError(
                        f"The catalogue has the wording {wording!r} twice: one question has one answer.",
                        setting="questions",
                    )
                self._plans[key] = Plan(entry.sql, entry.summary)
                words.update(split(wording))
                wordings.append(wording)
        self._vocabulary = Vocabulary(words)
        self._max_length = BASE_LENGTH + 2 * max(map(len, wordings), default=0)

    @classmethod
    def from_toml(cls, text: str, source: str) -> Catalogue:
        """Read TOML tables ``[[question]]``, whose keys are those of ``_Entry``; raises ConfigError."""
        try:
            return cls(_File.model_validate(tomllib.loads(text)).question)
        except tomllib.TOMLDecodeError as error:
            reason = str(error)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"
        raise ConfigError(
            f"{source} is not a catalogue of questions: {snippet(reason, 300)}. Each question is a table "
            "[[question]] with question = '...' and sql = '...'; paraphrases = [...] and summary = '...' may "
            "follow.",
            setting="questions",
        )

    def answer(self, question: str, dw_id: int) -> Plan:  # noqa: ARG002 - a catalogue serves one workspace
        """Return the plan for a question; see :meth:`Answerer.answer`."""
        plan = self.find(question)
        if plan is not None:
            return plan
        if looks_like_sql(question):
            return Plan(question)
        hint = similar_questions(question, self.questions) if self.questions else " Its catalogue is empty."
        raise QuestionFailed(
            f"The sandbox has no answer to this question; a SELECT statement is run as it is.{hint}"
        )

    def find(self, question: str) -> Plan | None:
        """Return the plan of the wording that a question matches, or None."""
        if len(question) > self._max_length:  # no other thread can run while it is split into words
            return None
        words = [word for word in split(question) if word not in LEAD_WORDS]
        return self._plans.get(_key(self._vocabulary.corrected(words)))


def looks_like_sql(question: str) -> bool:
    """Return whether a text begins like a query."""
    return _LOOKS_LIKE_SQL.match(question) is not None


def similar_questions(question: str, others: Iterable[str], *, least: float = 0) -> str:
    """Return text that names the questions that share most words with a question, if any shares one.

    ``least`` is the share of their own words that they have in common with it.
    """
    asked = _content(question[:BASE_LENGTH])
    contents = {other: _content(other) for other in others}
    shares = {other: len(asked & words) / len(asked | words or " ") for other, words in contents.items()}
    near = [
        other
        for other, words in contents.items()
        if asked & words and len(asked & words) >= least * len(words)
    ]
    nearest = sorted(near, key=lambda other: -shares[other])
    names = "; ".join(f'"{other}"' for other in nearest[:_SUGGESTIONS])
    return f" Similar questions that it answers: {names}." if names else ""


def _content(question: str) -> frozenset[str]:
    """Return the words of a question that say what it is about, without plural endings."""
    return frozenset(stem(word) for word in split(question) if word not in FUNCTION_WORDS)


def _key(words: Iterable[str]) -> tuple[str, ...]:
    """Return what all wordings of a question have in common: its words, sorted and without plural endings."""
    return tuple(sorted(stem(word) for word in words if word not in LEAD_WORDS and word.isalnum()))
