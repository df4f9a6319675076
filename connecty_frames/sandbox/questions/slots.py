"""Turn the words of a question into slots, each for the longest phrase that fits.

A phrase may have several meanings; the phrases around it decide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from connecty_frames.sandbox.questions import query as q
from connecty_frames.sandbox.questions.model import Event, Field, forms
from connecty_frames.sandbox.questions.periods import find_period, spelled
from connecty_frames.sandbox.words import split, word_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connecty_frames.sandbox.questions.model import Entity, SemanticModel

_NUMBER: Final = re.compile(r"\d[\d,.]*")
_KINDS: Final = re.compile(r"([\w|]+)([?*+]?)")
#: Kinds of consecutive slots, each with whether it may be missing or repeated.
Pattern = list[tuple[frozenset[str], str]]


class Noun(q.Dimension, frozen=True):
    """A noun with its adjectives, which may be counted, shown, ranked or grouped by."""

    where: tuple[q.Condition, ...] = ()
    plural: bool = False

    @property
    def dimension(self) -> q.Dimension:
        """The groups that it names."""
        return q.Dimension(self.entity, self.field, self.grain)

    @property
    def counted(self) -> q.Number:
        """The number of its rows."""
        return q.Number(self.entity, where=frozenset(self.where))


class Verb(NamedTuple):
    """What entities do, and the times when it happened."""

    events: tuple[Event, ...] = ()
    fields: tuple[Field, ...] = ()

    def row(self, entity: Entity | None) -> str:
        """Return the name of the entity whose rows record what an entity did, or "" if none does."""
        return next((each.row for each in self.events if entity and each.entity == entity.name), "")


class Slot(dict[str, Any]):
    """Words of a question and their possible meanings: a value for each kind of slot."""

    def __init__(self, options: dict[str, Any], text: str) -> None:
        super().__init__(options)
        self.text = text

    def has(self, *kinds: str) -> bool:
        """Return whether it has a meaning of one of these kinds."""
        return not self.keys().isdisjoint(kinds)


class Lexicon:
    """The phrases of a semantic model and of the table of words."""

    def __init__(self, model: SemanticModel) -> None:
        self.model, self._phrases = model, cast("dict[tuple[str, ...], dict[str, Any]]", {})
        words = {kind: values for kind, values in word_table().items() if kind != "spelling"}
        #: The patterns of slots that form phrases.
        self.rules: Final[list[tuple[str, Pattern]]] = [
            (name.split()[0], [(frozenset(kinds.split("|")), times) for kinds, times in _KINDS.findall(text)])
            for name, texts in words.pop("phrases").items()
            for text in texts
        ]
        for kind, values in words.items():
            for value, phrases in values.items():
                if kind == "grain":
                    self._nouns(phrases, q.Dimension(grain=value))
                elif kind == "period_days":
                    self._add(phrases, "period", q.Recurring(tuple(map(int, value.split()))))
                else:
                    self._add(phrases, kind, value)
        for entity in model.entity.values():
            self._nouns(entity.nouns, q.Dimension(entity=entity))
        for field in model.field:
            self._add_field(field, model)
        for measure in model.measure:
            for noun in measure.nouns:
                self._add([text for text, _ in forms(noun)], "numbers", (q.Number(named=measure),))
        for event in model.event:
            self._add(event.verbs, "verb", Verb(events=(event,)))
            self._add(event.sums, "spends", event)
        #: All words that occur in phrases.
        self.words: Final = frozenset(word for phrase in self._phrases for word in phrase)
        self._longest = max(map(len, self._phrases))

    def _add(self, phrases: Iterable[str], kind: str, value: Any) -> None:
        """Add phrases of a kind; several nouns, fields and verbs may have the same words."""
        for phrase in phrases:
            options = self._phrases.setdefault(tuple(split(phrase)), {})
            old = options.get(kind)
            if isinstance(value, Verb) and old is not None:
                options[kind] = Verb(old.events + value.events, old.fields + value.fields)
            else:
                options[kind] = (*(old or ()), value) if kind in {"nouns", "fields", "superlative"} else value

    def _nouns(self, nouns: Iterable[str], dimension: q.Dimension, *where: q.Condition) -> None:
        of = (dimension.entity, dimension.field, dimension.grain)
        for noun in nouns:
            for text, plural in forms(noun):
                self._add([text], "nouns", Noun(*of, where=where, plural=plural))

    def _add_field(self, field: Field, model: SemanticModel) -> None:
        if field.type in {"category", "boolean"} and field.name != "name":
            self._nouns(field.nouns, q.Dimension(field=field))
        else:
            self._add([text for noun in field.nouns for text, _ in forms(noun)], "fields", field)
        for value in field.values:
            condition, entity = q.Is(field, (value,)), q.Dimension(entity=model.entity[field.entity])
            self._nouns([word for word in value.words if "|" in word], entity, condition)
            self._add(value.phrases, "value", condition)
            self._add(value.predicates, "predicate", condition)
        self._add(field.verbs, *(("verb", Verb(fields=(field,))) if field.is_time else ("costs", field)))
        self._add(field.most, "superlative", (field, True))
        self._add(field.least, "superlative", (field, False))
        self._add(field.units, "unit", field)
        self._add(field.present, "predicate", q.Is(field))

    def claim(self, words: Sequence[str]) -> list[Slot]:
        """Return the slots of a question; an unknown word becomes a slot without meanings."""
        slots: list[Slot] = []
        words, position = spelled(words), 0
        while position < len(words):
            sizes = range(min(self._longest, len(words) - position), 0, -1)
            size = next((n for n in sizes if tuple(words[position : position + n]) in self._phrases), 0)
            is_bound = any(each.has("between") and not each.has("prep") for each in slots[-3:])
            is_bound = is_bound or any(each.has("compare") for each in slots[-1:])
            period = None if is_bound and words[position][0].isdigit() else find_period(words, position)
            if period is not None and period[0] >= size:
                size, options = period[0], cast("dict[str, Any]", {"period": period[1]})
            elif size:
                options = self._phrases[tuple(words[position : position + size])]
            else:
                size, options = 1, {"number": words[position]} if _NUMBER.fullmatch(words[position]) else {}
            slots.append(Slot(options, " ".join(words[position : position + size])))
            position += size
        return slots
