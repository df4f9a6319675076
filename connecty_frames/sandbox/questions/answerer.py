"""Answers to the questions of a workspace: by its catalogue, as SQL, or by the grammar and the model.

A question that has no answer fails. The error says which words are not understood, or how else the question
may be read, and names similar questions that have an answer.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from connecty_frames._base.text import snippet
from connecty_frames.errors import QuestionFailed
from connecty_frames.sandbox.catalogue import BASE_LENGTH, Plan, looks_like_sql, similar_questions
from connecty_frames.sandbox.questions.description import describe
from connecty_frames.sandbox.questions.parser import QuestionParser
from connecty_frames.sandbox.questions.select import NoSQLError
from connecty_frames.sandbox.questions.statements import select_statement
from connecty_frames.sandbox.words import STOP_WORDS, Vocabulary, split

if TYPE_CHECKING:
    from connecty_frames.sandbox.catalogue import Catalogue
    from connecty_frames.sandbox.questions.model import SemanticModel

#: The words that a question may have: the time for reading grows with their number.
_MAX_WORDS: Final = 40


class WorkspaceAnswerer:
    """Answers questions about a workspace; see :class:`~connecty_frames.sandbox.Answerer`."""

    def __init__(self, catalogue: Catalogue, model: SemanticModel) -> None:
        self._catalogue = catalogue
        self._model = model
        #: Questions that have an answer; there are many more.
        self.questions: Final = [*catalogue.questions, *model.examples]

    @cached_property
    def _parser(self) -> QuestionParser:
        """The parser, which takes half a second to make."""
        return QuestionParser(self._model)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self._parser.words | STOP_WORDS)

    def answer(self, question: str, dw_id: int) -> Plan:  # noqa: ARG002 - there is one workspace
        """Return the plan for a question."""
        plan = self._catalogue.find(question)
        if plan is not None:
            return plan
        if looks_like_sql(question):
            return Plan(question)
        typed = split(question[:BASE_LENGTH])
        if len(question) > BASE_LENGTH or len(typed) > _MAX_WORDS:
            raise self._no_answer(
                question, f"It has more than {_MAX_WORDS} words or {BASE_LENGTH} characters."
            )
        words = self._vocabulary.corrected(typed)
        readings = self._readings(words)
        if len(readings) == 1:
            ((sql, meaning),) = readings.items()
            return Plan(sql, f"Read as: {meaning}. Rows: {{rows}}.")
        raise self._no_answer(question, self._reason(words, list(readings.values())))

    def _readings(self, words: list[str]) -> dict[str, str]:
        """Return the SQL of all readings, each with its meaning in words."""
        readings: dict[str, str] = {}
        for query in self._parser.parse(words):
            try:
                sql = select_statement(query, self._model)
            except NoSQLError:
                continue
            # Queries are in no order, and several may have the same SQL.
            meaning = describe(query)
            readings[sql] = min(readings.get(sql, meaning), meaning)
        return readings

    def _reason(self, words: list[str], meanings: list[str]) -> str:
        """Return why a question is not answered."""
        if meanings:
            return f"It may mean: {'; or: '.join(sorted(meanings))}."
        unknown = self._vocabulary.unknown(words)
        if unknown:
            return f"Words that are not understood: {', '.join(map(repr, map(snippet, unknown)))}."
        return "Its words are known, but not put together like this."

    def _no_answer(self, question: str, reason: str) -> QuestionFailed:
        return QuestionFailed(
            f"The sandbox cannot read this question. {reason} `connecty questions --sandbox` lists examples,"
            f" and a SELECT statement is run as it is.{similar_questions(question, self.questions)}"
        )
