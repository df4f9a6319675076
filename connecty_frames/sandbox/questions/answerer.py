"""Answers to the questions of a workspace: by its catalogue, as SQL, or by the slots of the question.

A question without an answer fails. The error says which words are unknown or how the question may be read,
and names similar questions that have an answer.
"""

from __future__ import annotations

import re
from contextlib import suppress
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Final

from connecty_frames._base.text import snippet
from connecty_frames.errors import QuestionFailed
from connecty_frames.sandbox.catalogue import BASE_LENGTH, SQL_START, Plan, as_typed, similar_question, split
from connecty_frames.sandbox.questions.query import Refused, fail_if
from connecty_frames.sandbox.questions.reader import read
from connecty_frames.sandbox.questions.slots import Lexicon, spelled
from connecty_frames.sandbox.questions.statements import select_statement

if TYPE_CHECKING:
    from connecty_frames.sandbox.catalogue import Catalogue
    from connecty_frames.sandbox.questions.model import SemanticModel

_MAX_WORDS: Final = 40  # the most words of a question: the time for reading grows with their number


class WorkspaceAnswerer:
    """Answers questions about a workspace; an :class:`~connecty_frames.sandbox.Answerer`."""

    def __init__(self, catalogue: Catalogue, model: SemanticModel) -> None:
        self._catalogue = catalogue
        self._model = model
        #: Some of the questions that have an answer.
        self.questions: Final = [*catalogue.questions, *model.examples]

    @cached_property
    def _lexicon(self) -> Lexicon:
        return Lexicon(self._model)

    def answer(self, question: str, dw_id: int) -> Plan:  # noqa: ARG002 - there is one workspace
        """Return the plan for a question."""
        try:
            return self._plan(question)
        except Refused as refused:
            # A question may begin with "from" or "with", too.
            if SQL_START.match(question) and re.search(r"\bselect\b|[.(*]", question, re.IGNORECASE):
                return Plan(question)
            similar = similar_question(question, self.questions)
            raise QuestionFailed(
                f"The sandbox cannot read this question. {self._reason(refused, question)} `connecty sandbox "
                f"--examples` lists examples; it also runs SELECT statements.{similar}"
            ) from None

    def _plan(self, question: str) -> Plan:
        plan = self._catalogue.find(question)
        if plan is not None:
            return plan
        words = split(question) if len(question) <= BASE_LENGTH else []
        if not 0 < len(words) <= _MAX_WORDS:
            raise Refused(f"It has more than {_MAX_WORDS} words or {BASE_LENGTH} characters.")
        entities = {noun for entity in self._model.entity.values() for noun in entity.nouns}
        for article, noun in re.findall(r"(?i)\b(?:by|do|does|from|in|per) (an?) (\w+)", question):
            fail_if(
                noun.casefold() in entities, f"It is unclear if {article} {noun} is one, each or an average."
            )
        sql, said = select_statement(read(self._lexicon, words), self._model)
        return Plan(sql, f"Read as: {said}. Rows: {{rows}}.")

    def _reason(self, refused: Refused, question: str) -> str:
        asked, reason = question.strip(" ?.!"), str(refused)
        wordings = [offer.format(asked) for offer in refused.offers]
        if refused.words:
            typed = as_typed(refused.words, asked, lambda span: spelled(split(span)))
            reason += f": {', '.join(map(repr, map(snippet, typed)))}."
            for word in typed:  # probably a typo, if it is this similar to a known word
                for near in get_close_matches(word.casefold(), self._lexicon.words, 1, cutoff=0.82):
                    asked = asked.replace(word, near)
            wordings.append(asked)
        offers = []
        for wording in wordings:
            with suppress(Refused):
                self._plan(wording)
                offers.append(f'"{wording}"')
        return f"{reason} It may mean {' or '.join(offers)}." if offers else reason
