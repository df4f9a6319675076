"""The catalogue: which SQL answers which question.

A question is looked up in a catalogue by its words. A SELECT typed as the question runs as it is. Any other
question fails with a list of similar ones, because an answer to another question would be worse than none.
Similar letters alone cannot tell "most" from "least", so a match needs both of these:

- the wordings are alike by letters, :data:`MATCH_SCORE` of 100;
- each word of one has a counterpart in the other: the same number, or a word with the same first letter that
  differs by a typing mistake, :data:`WORD_SCORE` of 100.

Words without meaning of their own ("please", "show me the") are ignored. A question much longer than every
wording of the catalogue is not compared: the time for that grows with its length, and meanwhile no other
thread can run.

To translate questions into SQL in another way, pass the sandbox any object with the method of
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

#: How alike two wordings must be, by rapidfuzz's ``token_sort_ratio``, which ignores the order of words.
MATCH_SCORE: Final = 90.0
#: How alike a word and its counterpart must be, by rapidfuzz's ``ratio``.
WORD_SCORE: Final = 75.0
#: A question is compared if it has at most so many characters more than twice the longest wording.
_BASE_LENGTH: Final = 1000
#: How many questions the error for an unknown question names.
_SUGGESTIONS: Final = 3

_STOP_WORDS: Final = frozenset({"a", "an", "give", "list", "me", "our", "please", "show", "the", "us"})
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
        One SELECT statement; None for an answer that is a summary without a table.
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
            There is none. The message is the error that the user sees.
        """


_NonEmpty = Annotated[str, StringConstraints(min_length=1)]


class _Entry(BaseModel):
    """One question of a catalogue file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    question: _NonEmpty
    paraphrases: list[_NonEmpty] = []
    sql: _NonEmpty | None = None
    summary: _NonEmpty = "The query returned {rows} rows."


class _File(BaseModel):
    """A catalogue file."""

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
                normalised = _normalise(wording)
                if normalised in self._plans:
                    raise ConfigError(
                        f"The catalogue has the wording {wording!r} twice: one question has one answer.",
                        setting="questions",
                    )
                self._plans[normalised] = Plan(entry.sql, entry.summary)
        self._max_length = _BASE_LENGTH + 2 * max(map(len, self._plans), default=0)

    @classmethod
    def from_toml(cls, text: str, source: str) -> Catalogue:
        """Read a catalogue.

        Each question is a table ``[[question]]`` with ``question``, and optionally ``paraphrases`` (a list),
        ``sql`` and ``summary``.

        Parameters
        ----------
        text
            The TOML text.
        source
            The name of its file, for the error.

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
        """Return the plan for a question; see :meth:`Answerer.answer`."""
        plan = self._find(question) if len(question) <= self._max_length else None
        if plan is not None:
            return plan
        if _LOOKS_LIKE_SQL.match(question):
            return Plan(question)
        nearest = process.extract(
            question[: self._max_length],
            self.questions,
            scorer=fuzz.WRatio,
            processor=utils.default_process,
            limit=_SUGGESTIONS,
        )
        names = "".join(f"\n  - {name}" for name, *_ in nearest)
        hint = f"The nearest questions it knows:{names}" if names else "Its catalogue is empty."
        raise QuestionFailed(
            f"The sandbox has no answer to this question; a SELECT statement is run as it is. {hint}"
        )

    def _find(self, question: str) -> Plan | None:
        """Return the plan of the wording that a question matches, None if there is none."""
        asked = _normalise(question)
        candidates = process.extract(
            asked, self._plans.keys(), scorer=fuzz.token_sort_ratio, score_cutoff=MATCH_SCORE, limit=None
        )
        for wording, *_ in candidates:
            if _have_counterparts(asked, wording) and _have_counterparts(wording, asked):
                return self._plans[wording]
        return None


def _normalise(question: str) -> str:
    """Return the words of a question in lower case, without punctuation and stop words."""
    return " ".join(word for word in utils.default_process(question).split() if word not in _STOP_WORDS)


def _have_counterparts(words: str, others: str) -> bool:
    """Return whether each word of a text has a counterpart in another."""
    return all(any(_are_counterparts(word, other) for other in others.split()) for word in words.split())


def _are_counterparts(word: str, other: str) -> bool:
    """Return whether two words are the same but for a typing mistake; numbers must be equal."""
    if word == other or word.isdigit() or other.isdigit():
        return word == other
    return word[0] == other[0] and fuzz.ratio(word, other) >= WORD_SCORE
