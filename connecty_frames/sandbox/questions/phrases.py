"""The phrases of questions: adjacent slots that have one meaning together, anywhere in a question.

The table of words has a pattern of slot kinds for each phrase, and a method makes the slots that replace a
match. Patterns apply in the order of the table; a preposition stays with the slot after it until the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from msgspec.structs import replace

from connecty_frames.sandbox.questions import query as q
from connecty_frames.sandbox.questions.query import Refused, fail_if
from connecty_frames.sandbox.questions.slots import Slot, Verb

if TYPE_CHECKING:
    from connecty_frames.sandbox.questions.model import Entity, Field
    from connecty_frames.sandbox.questions.slots import Lexicon, Pattern

#: A number, but not an ambiguous one such as 1.234, whose point may separate thousands.
_CLEAR_NUMBER: Final = re.compile(r"(?![1-9]\d{0,2}\.\d{3}$)[\d,]+(\.\d*)?")
_YEAR: Final = re.compile(r"20[1-3]\d")


class Ranking(NamedTuple):
    """A ranking, or a part of one; ``usual`` is what to rank by if no other part says so."""

    by: q.Number | Field | None = None
    descending: bool | None = None
    subject: q.Dimension | None = None
    limit: int | None = None
    usual: q.Number | None = None


class Found:
    """The slots that match a pattern; attributes are the meaning of the first slot of a kind, or None."""

    def __init__(self, slots: Sequence[tuple[str, Slot]]) -> None:
        self.slots = [slot for _, slot in slots]
        self.kinds = [kind for kind, _ in slots]
        self._values = [(kind, slot[kind]) for kind, slot in slots]

    def all(self, *kinds: str) -> list[Any]:
        """Return the meanings of the slots of some kinds."""
        return [value for kind, value in self._values if kind in kinds]

    def __getattr__(self, kind: str) -> Any:
        """Return the meaning of the first slot of a kind, or None."""
        return next(iter(self.all(kind)), None)

    @property
    def where(self) -> tuple[q.Condition, ...]:
        """The conditions of all adjectives."""
        return (*self.all("value", "predicate"), *(self.noun.where if self.noun else ()))


def _match(parts: Pattern, slots: Sequence[Slot], position: int) -> list[tuple[str, Slot]] | None:
    if not parts:
        return []
    (kinds, times), rest = parts[0], parts[1:]
    options = slots[position] if position < len(slots) else {}
    for kind in [kind for kind in options if kind in kinds][:1]:
        for after in [[(kinds, "*"), *rest], rest] if times in {"*", "+"} else [rest]:
            found = _match(after, slots, position + 1)
            if found is not None:
                return [(kind, slots[position]), *found]
    return _match(rest, slots, position) if times in {"?", "*"} else None


class Phrases:
    """The slots of a question, combined to phrases."""

    def __init__(self, lexicon: Lexicon, slots: list[Slot]) -> None:
        self.model, self.words = lexicon.model, slots
        self.revenue: Final = q.Number(named=self.model.measure_named("revenue"))
        self.units: Final = q.Number(named=self.model.measure_named("units_sold"))
        about = {name for slot in slots for name in _names(slot)}
        self.slots = [_resolved(slot, about) for slot in slots]
        self.position = 0
        for name, parts in lexicon.rules:
            self.position = 0
            while self.position < len(self.slots):
                self._apply(parts, getattr(self, f"_{name}"))

    def _apply(self, parts: Pattern, meaning: Callable[[Found], Any]) -> None:
        found = _match(parts, self.slots, self.position)
        made = meaning(Found(found)) if found else None
        if not found or made is None:
            self.position += 1
            return
        text = " ".join(slot.text for _, slot in found)
        made = made if isinstance(made, list) else [made]
        made = [dict([each]) if type(each) is tuple else each for each in made]
        self.slots[self.position : self.position + len(found)] = [
            each if isinstance(each, Slot) else Slot(each, text) for each in made
        ]

    def _only(self, f: Found) -> Any:
        has_event = any(slot.has("verb") and slot["verb"].events for slot in self.slots)
        return None if has_event else f.slots[:-1]  # those who bought lamps only bought nothing else

    def _category_value(self, f: Found) -> Any:
        is_group = self.position > 0 and self.slots[self.position - 1].has("by", "each")
        is_same = f.noun.field is f.value.field and not is_group
        return f.slots[-1 if f.kinds[0] == "noun" else 0] if is_same else None

    def _values(self, f: Found) -> Any:
        (first, second), versus = f.all("value"), "versus" in f.kinds
        if first.field is not second.field or {*first.values} & {*second.values} or (f.noun and not versus):
            return None
        values = q.Is(first.field, (*first.values, *second.values), each="or" not in f.kinds)
        if versus:
            return [("value", replace(values, each=False)), ("dimension", (q.Dimension(field=first.field),))]
        noun = f.slots[0].get("noun")
        return {"value": values, "noun": replace(noun, where=(values,))} if noun else ("value", values)

    def _adjectives(self, f: Found) -> Any:
        is_list = any(
            slot.has("noun") and slot["noun"].plural for slot in f.slots[:-1]
        )  # lamps customers bought
        return None if is_list or f.noun.grain else ("noun", replace(f.noun, where=f.where))

    def _all(self, f: Found) -> Any:
        return None if any(slot.has("verb") for slot in self.slots[: self.position]) else f.slots[1:]

    # Bounds and periods

    def _thousands(self, f: Found) -> Any:
        return "number", str(_decimal(f.number) * Decimal(f.multiple))

    def _bound(self, f: Found) -> Any:
        operator, _, name = cast("str", f.compare or f.bounds or "between").partition(" ")
        field = next((each for each in self.model.field if each.name == name), f.unit or f.costs)
        is_year = field is None and "money" not in f.kinds and any(map(_YEAR.fullmatch, f.all("number")))
        scale = Decimal(f.unit.scale) if f.unit else 1
        numbers = tuple(_decimal(number) * scale for number in f.all("number"))
        return "bound", q.Compare(field, cast("q.Operator", operator), numbers, is_year)

    def _periods(self, f: Found) -> Any:
        first, second = f.all("period")
        if not all(isinstance(each, q.During) and each.periods for each in (first, second)):
            return None
        both = q.During((*first.periods, *second.periods), each="or" not in f.kinds)
        return [*([("compared", "")] if "versus" in f.kinds else []), ("period", both)]

    # Conditions

    def _lack(self, f: Found) -> Any:
        verb = next((slot.get("verb") for slot in f.slots if slot.has("verb")), None)
        entity, field = f.noun and f.noun.entity, f.field or (f.noun and f.noun.field)
        time, field = self.time_of(verb) if verb else None, f.value.field if f.value else field
        if time is not None:
            return "condition", q.Is(time, negated=True)
        if verb is not None or entity is not None:
            return "related", (verb or entity, f.where)
        if "never" not in f.kinds or field is None:
            return None
        return "related", (self.model.entity[field.entity], f.where or (q.Is(field),))

    def _mixed(self, f: Found) -> Any:
        fail_if(isinstance(f.condition or f.value, q.Is), "It is unclear what a verb belongs to.")

    def _not(self, f: Found) -> Any:
        return ("condition", negated(f.where)) if len(f.where) == 1 else None

    def _bounded(self, f: Found) -> Any:
        field, bound, noun = f.field, f.bound, f.noun
        if "times" in f.kinds:
            return "happened", bound
        if field is not None:
            is_fit = field.is_number and bound.field in {None, field}
            return ("condition", replace(bound, field=field)) if is_fit else None
        if f.numbers and (f.numbers[1:] or f.numbers[0].entity):
            return None  # orders over 100 are large, and not many
        number = f.numbers[0] if f.numbers else noun.counted if noun else self.revenue
        rows = {each.row for each in f.verb.events} if f.verb else {noun and noun.entity and noun.entity.name}
        is_clear = bound.field is None and number != q.Number()
        is_clear = is_clear and (noun is None or (noun.entity and noun.entity.name in rows))
        return ("condition", q.Having(number, bound.operator, bound.numbers)) if is_clear else None

    def _dated(self, f: Found) -> Any:
        field, grains = self.time_of(f.verb), f.dimension or ()
        is_dated = isinstance(f.period, q.During) or (f.period is None and any(each.grain for each in grains))
        if field is None or not is_dated:
            return None
        dated = tuple(replace(each, field=field) if each.grain else each for each in grains)
        periods = [("condition", replace(each, field=field)) for each in f.all("period")]
        return [*([("dimension", dated)] if dated else []), *periods]

    # Numbers of groups

    def _count(self, f: Found) -> Any:
        if f.numbers is not None:
            named = f.numbers[0].named
            return ("numbers", f.numbers) if named is not None and named.counts else None
        field = f.field or f.noun.field
        if field is not None and "count" not in f.kinds:
            return f.slots[1:] if "distinct" in f.kinds else None
        if field is None and f.noun.entity is None:
            return None
        fail_if(f.field and "distinct" not in f.kinds, "It may ask for a number, or for different ones.")
        number = q.Number(field=field) if field else replace(f.noun.counted, distinct="distinct" in f.kinds)
        return "numbers", (number,)

    def _statistics(self, f: Found) -> Any:
        names = {"desc": "max", "asc": "min"}
        return "statistic", " ".join(names.get(each, each) for each in f.all("statistic", "high", "edge"))

    def _aggregate(self, f: Found) -> Any:
        names, entity, field = (f.statistic or "sum").split(), f.noun.entity if f.noun else None, f.field
        if f.numbers is not None:
            return ("numbers", f.numbers) if names == ["sum"] else None
        if entity and f.noun.plural and f.slots[0].text == "total":
            return "numbers", (f.noun.counted,)
        if f.statistic and entity and entity.amount and not f.noun.plural and names != ["sum"]:
            field = self.model.find(entity.name, entity.amount)
        if field is None or (f.noun and not entity) or not (f.statistic or self.is_amount(field, entity)):
            return None
        numbers = [q.Number(field=field, statistic=cast("q.Statistic", each)) for each in names]
        if self.is_amount(field):
            numbers = [self.revenue if each.statistic == "sum" else each for each in numbers]
        return "numbers", tuple(replace(number, where=frozenset(f.where)) for number in numbers)

    def _nested(self, f: Found) -> Any:
        nouns = f.all("noun")
        per = q.Dimension(grain=f.ly) if f.ly else nouns.pop().dimension
        number, *others = f.numbers or [nouns[0].counted]
        is_single = per.entity is not None and not per.entity.unique_label
        if others or not (number.entity or number.named) or f.statistic != "avg":
            return None
        is_open = per.grain in {"weekday", "hour"} or (number.named and not per.grain and not is_single)
        fail_if(is_open, "It is unclear whether to average the groups or within each group.")
        return "numbers", (replace(number, per=per),)

    def _has(self, f: Found) -> Any:
        field = f.field or f.noun.field
        if field is None and f.kinds == ["with", "noun"] and f.noun.plural:
            fail_if(f.noun.where, "Of everything that has it, or only of what is named?")
            return "condition", q.Of(f.noun.entity)
        if field is None or field.name == "name" or self.is_default_time(field):
            return None
        if field.type == "boolean":
            return ("value", q.Is(field, (field.values[0],))) if f.kinds[0] == "with" else None
        if {"with", "without"} <= {*f.kinds}:
            return "dimension", (q.Dimension(field=field, presence=True),)
        return "condition", q.Is(field, negated=f.kinds[0] != "with")

    def _and(self, f: Found) -> Any:
        is_of = self.position > 0 and self.slots[self.position - 1].has("prep")
        if f.noun is not None and (f.noun.entity is None or not f.noun.plural or is_of):
            return None
        noun = () if f.noun is None else (f.noun.counted,)
        numbers = tuple(each for several in f.all("numbers") for each in several)
        return "numbers", (*noun, *numbers) if f.kinds[0] == "noun" else (*numbers, *noun)

    # Rankings

    def _superlative(self, f: Found) -> Any:
        entity, fields = f.noun.entity, f.superlative or ()
        if entity is not None and f.edge and (f.number or not f.noun.plural):
            fields = ((self.model.time_field(entity.name), f.edge == "desc"),)
        fields = fields if f.top in {None, "desc"} else ()  # not the bottom 5 most expensive
        own = [each for each in fields if entity and each[0] and each[0].entity == entity.name]
        return self._ranked(f, f.noun.dimension, own[0][0], descending=own[0][1]) if own else None

    def _top(self, f: Found) -> Any:
        if not f.all("top", "high", "seller") and not {"which", "popular"} & {*f.kinds}:
            return None
        return [*self._ranked(f, f.noun.dimension), *(("popular", each) for each in f.all("popular"))]

    def _limit(self, f: Found) -> Any:
        return None if f.high and f.slots[0].has("most") and not f.number else self._ranked(f)

    def _by_customers(self, _: Found) -> Any:
        is_ranked = any(slot.has("rank") and slot["rank"].subject for slot in self.slots)
        return ("rank", Ranking(q.Number(self.model.entity["customer"]))) if is_ranked else None

    def _sort(self, f: Found) -> Any:
        if (f.noun is not None and f.noun.entity is None) or (f.numbers is not None and len(f.numbers) > 1):
            return None
        number = f.numbers[0] if f.numbers else f.noun.counted if f.noun else self.revenue
        return self._ranked(f, None, f.field or number)

    def _with_most(self, f: Found) -> Any:
        return [*self._ranked(f, f.noun.dimension), f.slots[-1]]

    def _ranked(self, f: Found, subject: Any = None, by: Any = None, *, descending: Any = None) -> list[Any]:
        for direction in f.all("high", "most", "direction", "top", "seller") if descending is None else ():
            descending = direction in {"desc", "best"}
        if f.number and not (f.number.isdigit() and int(f.number)):
            raise Refused("Not a number of rows", words=[f.number])
        limit = int(f.number) if f.number else 1 if subject and not f.noun.plural else None
        rank = Ranking(by, descending, subject, limit, self.units if f.seller else None)
        return [("rank", rank), *(("condition", each) for each in f.where if subject)]

    # Dimensions

    def _by(self, f: Found) -> Any:
        if f.ly:
            return "dimension", (q.Dimension(grain=f.ly),)
        if f.slots[-1].has("value"):
            return None
        entity, others = f.noun.entity, [slot for slot in self.slots if slot not in f.slots]
        is_ranked = any(slot.has("rank") and slot["rank"].subject for slot in others)
        if is_ranked and f.kinds[0] == "by" and entity and f.noun.plural:
            return "rank", Ranking(f.noun.counted)
        if f.slots[0].text == "per":
            before = self.slots[self.position - 1 : self.position or 0]
            if any(slot.has("rank") and isinstance(slot["rank"].by, q.Number) for slot in before):
                return [("ratio", f.noun.dimension), *(("condition", each) for each in f.noun.where)]
            is_both = not is_ranked and any(slot.has("by", "each", "dimension") for slot in others)
            is_open = entity and not entity.unique_label
            is_open = is_open and (not entity.group_label or is_both or (entity.person and not is_ranked))
            fail_if(is_open, "It is unclear whether it is for each or on average.", "average {}")
        return [("dimension", (f.noun.dimension,)), *(("condition", each) for each in f.noun.where)]

    def _dimensions(self, f: Found) -> Any:
        if f.noun and (f.noun.plural or f.noun.where or f.kinds == ["dimension", "noun"]):
            return None
        dimensions = [each for several in f.all("dimension") for each in several]
        dimensions += [f.noun.dimension] if f.noun else []
        fail_if(len({*dimensions}) < len(dimensions), "It names a group twice.")
        return "dimension", tuple(dimensions)

    def _extra(self, f: Found) -> Any:
        if f.field is not None and not self.is_amount(f.field):
            return [("field", field) for field in f.all("field")]
        if f.noun is None:
            return "more_numbers", f.numbers or (self.revenue,)
        entity = f.noun.entity
        field = self.model.find(entity.name, "name") if entity and entity.unique_label else f.noun.field
        return None if field is None else ("extra", field)

    # Parts of the model

    def is_amount(self, field: Field, entity: Entity | None = None) -> bool:
        """Return whether the sum of a field is the revenue (of an entity, if given)."""
        return (field.entity, field.name) == ("order", "total") and (entity is None or entity.name == "order")

    def is_default_time(self, field: Field) -> bool:
        """Return whether periods refer to this field by default."""
        return self.model.time_field(field.entity) is field

    def time_of(self, verb: Verb) -> Field | None:
        """Return the time that a verb names, or None if periods refer to it by default."""
        (field,) = verb.fields if len(verb.fields) == 1 and not verb.events else (None,)
        return field if field is not None and not self.is_default_time(field) else None


def negated(conditions: Sequence[q.Condition]) -> q.Condition:
    """Negate a single condition; raises Refused for several."""
    match conditions:
        case [q.Is(field) as condition] if field.type != "boolean":  # what is unknown may count as not
            return replace(condition, negated=True, each=False)
    raise Refused("It is unclear which are not so: some may be unknown, or several are named.")


def _names(slot: Slot) -> list[str]:
    nouns, verb = slot.get("nouns", ()), slot.get("verb", Verb())
    rows = {each.row for each in verb.events}
    named = [each.entity.name for each in nouns if each.entity is not None and len(nouns) == 1]
    return [*named, *(rows if len(rows) == 1 else ())]


def _resolved(slot: Slot, about: set[str]) -> Slot:
    """Return a slot with at most one noun: "people" means users if the question is about logins."""
    options = dict(slot)
    nouns, fields = options.pop("nouns", ()), options.pop("fields", ())
    if nouns:
        options["noun"] = nouns[-1 if about & {"user", "login"} else 0]
    named = [field for field in fields if len(fields) == 1 or field.entity in about]
    return Slot({**options, "field": named[0]} if len(named) == 1 else options, slot.text)


def _decimal(numeral: str) -> Decimal:
    if not _CLEAR_NUMBER.fullmatch(numeral):
        raise Refused("It may have a point between thousands, or three decimals", words=[numeral])
    return Decimal(numeral.replace(",", ""))
