"""Answers to the questions of a workspace: by its catalogue, as SQL, or by the slots of the question.

A question that has no answer fails. The error says which words are not understood, or how else the question
may be read, and names similar questions that have an answer.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Final

from connecty_frames.errors import QuestionFailed
from connecty_frames.sandbox.catalogue import BASE_LENGTH, Plan, looks_like_sql, similar_questions
from connecty_frames.sandbox.questions.query import Refused
from connecty_frames.sandbox.questions.reader import read
from connecty_frames.sandbox.questions.slots import Lexicon
from connecty_frames.sandbox.questions.statements import select_statement
from connecty_frames.sandbox.words import STOP_WORDS, Vocabulary, split

if TYPE_CHECKING:
    from connecty_frames.sandbox.catalogue import Catalogue
    from connecty_frames.sandbox.questions.model import SemanticModel

#: The words that a question may have: the time for reading grows with their number.
_MAX_WORDS: Final = 40


#: What a query has that begins with "from" or "with" and is no question.
_SQL: Final = re.compile(r"\bselect\b|[.(*]", re.IGNORECASE)


class WorkspaceAnswerer:
    """Answers questions about a workspace; see :class:`~connecty_frames.sandbox.Answerer`."""

    def __init__(self, catalogue: Catalogue, model: SemanticModel) -> None:
        self._catalogue = catalogue
        self._model = model
        #: Questions that have an answer; there are many more.
        self.questions: Final = [*catalogue.questions, *model.examples]

    @cached_property
    def _lexicon(self) -> Lexicon:
        return Lexicon(self._model)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self._lexicon.words | STOP_WORDS)

    def answer(self, question: str, dw_id: int) -> Plan:  # noqa: ARG002 - there is one workspace
        """Return the plan for a question."""
        plan = self._catalogue.find(question)
        if plan is not None:
            return plan
        typed = split(question[:BASE_LENGTH])
        try:
            return self._read(typed if len(question) <= BASE_LENGTH else [])
        except Refused as refused:
            if looks_like_sql(question) and _SQL.search(question):
                return Plan(question)
            # What shares only a word with the question, such as its table, is about something else.
            similar = similar_questions(question, self.questions, least=0.5)
            raise QuestionFailed(
                f"The sandbox cannot read this question. {refused}{self._offers(typed, refused)} `connecty "
                f"sandbox --examples` lists examples; it also runs SELECT statements.{similar}"
            ) from None

    def _read(self, typed: list[str]) -> Plan:
        """Return the plan for the words of a question; raises Refused."""
        if not 0 < len(typed) <= _MAX_WORDS:
            raise Refused(f"It has more than {_MAX_WORDS} words or {BASE_LENGTH} characters.")
        query = read(self._lexicon, self._vocabulary.corrected(typed))
        sql, words = select_statement(query, self._model)
        return Plan(sql, f"Read as: {words}. Rows: {{rows}}.")

    def _offers(self, typed: list[str], refused: Refused) -> str:
        """Return other wordings of a question that have an answer."""
        offers = []
        for offer in refused.offers:
            wording = offer.format(" ".join(typed))
            with suppress(Refused):
                self._read(split(wording))
                offers.append(f'"{wording}"')
        return f" It may mean {' or '.join(offers)}." if offers else ""
