"""Which SQL answers which question.

A question is looked up in a catalogue by its words. A SELECT typed as the question runs as it is. Anything
else fails, and is told which questions are near: a right answer to a question that nobody asked would be
worse than none. Letters alone cannot keep "most" and "least" apart, so a match takes two things:

- the wordings are alike by letters, :data:`MATCH_SCORE` of 100;
- each word of one has a counterpart in the other: the same number, or a word that begins alike and differs
  by a slip of the pen, :data:`WORD_SCORE` of 100.

Politeness ("please", "show me the") is not counted. A question far longer than every wording of the catalogue
is not compared with them: the time for that grows with its length, and it keeps all other threads waiting.

Another way from question to SQL is plugged in by giving the sandbox any object with the method of
:class:`Answerer`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Protocol

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from rapidfuzz import fuzz, process, utils

from connecty_frames.errors import ConfigError, QuestionFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connecty_frames.sandbox.results import QueryResult

__all__ = ["MATCH_SCORE", "WORD_SCORE", "Answerer", "Catalogue", "Plan"]

#: How alike two wordings must be, by rapidfuzz's ``token_sort_ratio``: the order of words is free.
MATCH_SCORE: Final = 90.0
#: How alike a word and its counterpart must be, by rapidfuzz's ``ratio``.
WORD_SCORE: Final = 75.0
#: How long a question that is looked up may be, in characters, beside twice the longest wording.
_ALWAYS_COMPARED: Final = 1000
#: How many questions are named when none is close enough.
_NEAREST: Final = 3

_POLITENESS: Final = frozenset({"a", "an", "give", "list", "me", "our", "please", "show", "the", "us"})
# Possessive (*+), so that a long row of spaces or comments is read once and not in every possible way.
_LOOKS_LIKE_SQL: Final = re.compile(
    r"(?:\s|--[^\n]*|/\*.*?\*/|\()*+(?:select|with|from)\b", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done to answer a question.

    Parameters
    ----------
    sql
        One SELECT statement; None for an answer that is a summary without a table.
    summary
        The summary. ``{rows}`` stands for the number of rows, ``{columns}`` for the number of columns, and
        the name of a column for its value in the first row.
    """

    sql: str | None
    summary: str = "The query returned {rows} rows."

    def summarise(self, result: QueryResult | None) -> str:
        """Give the summary with its placeholders filled; what is no placeholder stays as it is."""
        if result is None:
            return self.summary
        values = result.first_row() | {"rows": len(result), "columns": len(result.columns)}
        return re.sub(r"\{(\w+)\}", lambda match: str(values.get(match[1], match[0])), self.summary)


class Answerer(Protocol):
    """Anything that knows what is to be done to answer a question."""

    def answer(self, question: str, dw_id: int) -> Plan:
        """Give the plan for a question put to a workspace; called from several threads at once.

        Raises
        ------
        QuestionFailed
            There is none. The message is what the asker gets to read.
        """


_Text = Annotated[str, StringConstraints(min_length=1)]


class _Entry(BaseModel):
    """One question of a catalogue, as it stands in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    question: _Text
    paraphrases: list[_Text] = []
    sql: _Text | None = None
    summary: _Text = "The query returned {rows} rows."


class _File(BaseModel):
    """A catalogue as it stands in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    question: list[_Entry] = []


class Catalogue:
    """Questions with the SQL that answers them.

    Parameters
    ----------
    entries
        The questions. Their wordings, paraphrases included, must differ.
    """

    def __init__(self, entries: Iterable[_Entry] = ()) -> None:
        self.questions: list[str] = []
        self._plans: dict[str, Plan] = {}
        for entry in entries:
            self.questions.append(entry.question)
            for wording in (entry.question, *entry.paraphrases):
                if _plain(wording) in self._plans:
                    raise ConfigError(
                        f"The catalogue has the wording {wording!r} twice: one question has one answer.",
                        setting="questions",
                    )
                self._plans[_plain(wording)] = Plan(entry.sql, entry.summary)
        self._compared = _ALWAYS_COMPARED + 2 * max(map(len, self._plans), default=0)

    @classmethod
    def from_toml(cls, text: str, source: str) -> Catalogue:
        """Read a catalogue.

        Each question is a table ``[[question]]`` with ``question``, and where wanted ``paraphrases`` (a
        list), ``sql`` and ``summary``.

        Parameters
        ----------
        text
            The TOML text.
        source
            Where it came from, for the error.

        Raises
        ------
        ConfigError
            It is not TOML, or not a catalogue.
        """
        try:
            return cls(_File.model_validate(tomllib.loads(text)).question)
        except (tomllib.TOMLDecodeError, ValidationError) as error:
            raise ConfigError(
                f"{source} is not a catalogue of questions: {error}. Each question is a table [[question]]"
                " with question = '...' and sql = '...'; paraphrases = [...] and summary = '...' may follow.",
                setting="questions",
            ) from error

    def answer(self, question: str, dw_id: int) -> Plan:  # noqa: ARG002 - a catalogue serves one workspace
        """Give the plan for a question; see :meth:`Answerer.answer`."""
        plan = self._known(question) if len(question) <= self._compared else None
        if plan is not None:
            return plan
        if _LOOKS_LIKE_SQL.match(question):
            return Plan(question)
        raise QuestionFailed(self._not_known(question))

    def _known(self, question: str) -> Plan | None:
        """Return the plan of the wording that a question matches, None if there is none."""
        asked = _plain(question)
        alike = process.extract(
            asked, self._plans.keys(), scorer=fuzz.token_sort_ratio, score_cutoff=MATCH_SCORE, limit=None
        )
        for known, *_ in alike:
            if _have_counterparts(asked, known) and _have_counterparts(known, asked):
                return self._plans[known]
        return None

    def _not_known(self, question: str) -> str:
        """Say that a question is not known, and which ones are near."""
        near = process.extract(
            question[: self._compared],
            self.questions,
            scorer=fuzz.WRatio,
            processor=utils.default_process,
            limit=_NEAREST,
        )
        nearest = "".join(f"\n  - {wording}" for wording, *_ in near)
        hint = f" The nearest questions it knows:{nearest}" if nearest else " Its catalogue is empty."
        return f"The sandbox has no answer to this question; a SELECT statement is run as it is.{hint}"


def _plain(question: str) -> str:
    """Give the words of a question in lower case, without punctuation and politeness."""
    return " ".join(word for word in utils.default_process(question).split() if word not in _POLITENESS)


def _have_counterparts(words: str, others: str) -> bool:
    """Tell whether each word of a text has a counterpart in another."""
    return all(any(_are_counterparts(word, other) for other in others.split()) for word in words.split())


def _are_counterparts(word: str, other: str) -> bool:
    """Tell whether two words are the same but for a slip of the pen; in a number there is none."""
    if word == other or word.isdigit() or other.isdigit():
        return word == other
    return word[0] == other[0] and fuzz.ratio(word, other) >= WORD_SCORE
