"""The readings of a question: all meanings that the grammar and the model find in its words.

The grammar is ``grammar.lark``; the rules for the nouns, verbs and values of the model are added to it here.
Each alternative of such a rule stands for a part of the model. Every word of a question is read, or it has no
reading.
"""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from importlib.resources import files
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput
from lark.lexer import Lexer

from connecty_frames.sandbox.questions.meanings import CONSTANTS, NoReadingError
from connecty_frames.sandbox.questions.model import forms
from connecty_frames.sandbox.questions.readings import Readings
from connecty_frames.sandbox.words import split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lark.common import LexerConf

    from connecty_frames.sandbox.questions.model import SemanticModel
    from connecty_frames.sandbox.questions.query import Query

#: The tokens that are no words of the grammar, by their form.
_TOKENS: Final = {
    "ISO_DATE": re.compile(r"\d{4}-\d\d-\d\d"),
    "ISO_MONTH": re.compile(r"\d{4}-\d\d"),
    "ORDINAL_NUMERAL": re.compile(r"\d{1,2}[a-z]{2}"),
    "NUMERAL": re.compile(r"[\d,]+(\.\d+)?"),
    "UNKNOWN_WORD": re.compile(r".*"),
}


class QuestionParser:
    """Reads questions about a semantic model."""

    def __init__(self, model: SemanticModel) -> None:
        self._parts: dict[str, list[Any]] = {name: [value] for name, value in CONSTANTS.items()}
        self._readings = Readings(model)
        grammar = files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
        self._lark = Lark(
            f"{grammar}\n{self._model_rules(model)}\n%declare {' '.join(_TOKENS)}\n",
            parser="earley",
            lexer=_WordLexer,
            ambiguity="explicit",
        )
        self._rules = [
            (rule, {symbol.name for symbol in rule.expansion if symbol.is_term}) for rule in self._lark.rules
        ]
        self._types = _literals(self._lark.terminals)
        #: The words that occur in the grammar and the model.
        self.words: Final = frozenset(self._types)

    def parse(self, words: list[str]) -> frozenset[Query]:
        """Return the readings of the words of a question; some may make no sense for the data."""
        try:
            tree = self._parser_for(words).parse(words)
        except UnexpectedInput:
            return frozenset()
        return frozenset(self._values(tree))

    def _parser_for(self, words: Iterable[str]) -> Any:
        """Return lark's parser without the rules that have a word that is not among these."""
        # lark tries all rules at each word, of which there are thousands; this takes a tenth of the time.
        types = {_token_type(word, self._types) for word in words}
        rules: dict[Any, list[Any]] = {rule.origin: [] for rule, _ in self._rules}
        for rule, terminals in self._rules:
            if terminals <= types:
                rules[rule.origin].append(rule)
        frontend = copy.copy(self._lark.parser)
        frontend.parser = copy.copy(frontend.parser)
        frontend.parser.predictions = rules
        return frontend

    def _model_rules(self, model: SemanticModel) -> str:
        """Return rules whose alternatives are the phrases for parts of the model."""
        phrases: dict[str, dict[tuple[str, ...], list[Any]]] = defaultdict(lambda: defaultdict(list))
        for rule, phrase, part in _phrases(model):
            phrases[rule][tuple(split(phrase))].append(part)
        rules = []
        for rule, parts in phrases.items():
            alternatives = []
            for number, (words, values) in enumerate(parts.items()):
                self._parts[f"{rule}_{number}"] = list(dict.fromkeys(values))
                literals = " ".join(f'"{word}"' for word in words)
                alternatives.append(f"{literals} -> {rule}_{number}")
            # In a rule of its own: the parser then predicts the alternatives once and not for each use.
            rules.append(f"{rule}: {rule}_phrase\n{rule}_phrase: {' | '.join(alternatives)}")
        return "\n".join(rules)

    def _values(self, tree: Tree[Token] | Token) -> list[Any]:
        """Return the meanings of a tree, each once: those of all combinations of its branches' meanings."""
        if isinstance(tree, Token):
            return [str(tree)]
        name = str(tree.data)
        if name == "_ambig":
            return list(dict.fromkeys(value for branch in tree.children for value in self._values(branch)))
        if name in self._parts:
            return self._parts[name]
        found: dict[Any, None] = {}
        for branches in product(*map(self._values, tree.children)):
            try:
                found[self._readings.read(name, branches)] = None
            except NoReadingError:
                continue
        return list(found)


class _WordLexer(Lexer):
    """Makes a token of each word, whose type is the literal of the grammar that it equals, or its form."""

    def __init__(self, conf: LexerConf) -> None:
        self._types = _literals(conf.terminals)

    def lex(self, words: Iterable[str]) -> Iterator[Token]:  # type: ignore[override]
        for word in words:
            yield Token(_token_type(word, self._types), word)


def _token_type(word: str, literals: dict[str, str]) -> str:
    """Return the type of the token of a word: that of the literal that it equals, otherwise its form."""
    form = next(name for name, pattern in _TOKENS.items() if pattern.fullmatch(word))
    return literals.get(word, form)


def _literals(terminals: Iterable[Any]) -> dict[str, str]:
    """Return the words of a grammar, and the names of their terminals; declared terminals have no word."""
    return {terminal.pattern.value: terminal.name for terminal in terminals if terminal.pattern is not None}


def _phrases(model: SemanticModel) -> Iterator[tuple[str, str, Any]]:
    """Yield the rule to which a phrase belongs, the phrase, and the part of the model it stands for."""
    for entity in model.entity.values():
        for noun in entity.nouns:
            for form, is_plural in forms(noun):
                yield "entity_many" if is_plural else "entity_one", form, entity
    for field in model.field:
        names = [field.name] if field.name.replace("_", "").isalpha() else []
        for noun in [*field.nouns, *names]:
            for form, is_plural in forms(noun):
                yield "field_plural" if is_plural else "field_singular", form, field
        for rule, phrases in (
            ("moment_noun", field.moments),
            ("field_verb", field.verbs),
            ("present_adjective", field.present),
            ("most_adjective", field.most),
            ("least_adjective", field.least),
        ):
            for phrase in phrases:
                yield rule, phrase, field
        for unit in field.units:
            for form, _ in forms(unit):
                yield "field_unit", form, field
        for value in field.values:
            for phrase in value.phrases:
                yield "value", phrase, (field, value)
            for phrase in value.singular_phrases:
                yield "singular_value", phrase, (field, value)
            for phrase in value.predicates:
                yield "value_predicate", phrase, (field, value)
            yield "named_value", str(value.value), (field, value)
    for measure in model.measure:
        for noun in measure.nouns:
            for form, _ in forms(noun):
                yield "measure_noun", form, measure
                if measure.counts:
                    yield "counting_noun", form, measure
    for event in model.event:
        for verb in event.verbs:
            yield "event_verb", verb, event
        for verb in event.sums:
            yield "event_sum", verb, event
