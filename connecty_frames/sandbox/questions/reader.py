"""Make a query of the slots of a question, in any order.

Each slot must change the query, or repeat what other slots say. Otherwise the question is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from msgspec.structs import replace

from connecty_frames.sandbox.questions import query as q
from connecty_frames.sandbox.questions.model import Entity, Field
from connecty_frames.sandbox.questions.phrases import Phrases, Ranking, negated
from connecty_frames.sandbox.questions.query import Refused, fail_if
from connecty_frames.sandbox.questions.slots import Noun, Verb

if TYPE_CHECKING:
    from connecty_frames.sandbox.questions.slots import Lexicon

_C = TypeVar("_C", bound=q.Condition)
#: Kinds of slots that only lead to another slot.
_LEADING: Final = "prep with and filler comma which who compared much when yet in_total often how_did".split()


def read(lexicon: Lexicon, words: Sequence[str]) -> q.Query:
    """Return the query that the words of a question ask for; raises Refused."""
    slots = [slot for slot in lexicon.claim(words) if set(slot) != {"filler"}]
    unknown = [slot.text for slot in slots if not slot]
    if unknown:
        new = [text for text in unknown if text not in lexicon.words]
        raise Refused("Unknown words" if new else "The meaning is unclear here", words=new or unknown)
    return _Reader(Phrases(lexicon, slots)).read()


def _merged(parts: Iterable[Ranking]) -> Ranking | None:
    merged: dict[str, Any] = {}
    for part in parts:
        for name, value in part._asdict().items():
            if value not in {None, ()}:
                fail_if(merged.setdefault(name, value) != value, "It asks for two rankings.")
    return Ranking(**merged) if merged else None


class _Reader:
    def __init__(self, phrases: Phrases) -> None:
        self.model, self.phrases, self.slots = phrases.model, phrases, phrases.slots
        self.kinds = {kind for slot in phrases.words for kind in slot}
        pairs = [*pairwise(self.slots)]
        led = [slot for before, slot in pairs if before.has("prep", "value", "condition", "comma", "much")]
        self.led = [slot["noun"].dimension for slot in led if slot.has("noun")]
        too = any(slot.has("who") and before.has("and", "comma") for before, slot in pairs)
        fail_if(too, "It also asks who did it.")
        ends = [before for before, slot in pairs if slot.has("and", "or", "comma")] + self.slots[-1:]
        is_open = any(slot.has("with", "prep", "and") and not slot.has("filler") for slot in ends)
        fail_if(is_open, "A word is missing after a preposition.")
        #: Whether a number comes before the groups to rank, as in "revenue of the top 3 cities".
        leads = [slot.has("numbers") for slot in self.slots if slot.has("numbers", "rank")]
        self.rank, self.is_led = _merged(self.take("rank")), leads[:1] == [True]
        self.by = tuple(each for dimensions in self.take("dimension") for each in dimensions)
        self.numbers: list[q.Number] = [each for several in self.take("numbers") for each in several]
        self.where: list[q.Condition] = []
        for per in self.take("ratio"):
            self._ratio(per)
        self.subject = self._subject()

    # Slots and conditions

    def take(self, *kinds: str) -> list[Any]:
        """Return the meanings of the slots of some kinds, and mark these slots as used."""
        found = [slot[kind] for slot in self.slots for kind in kinds if slot.has(kind)]
        self.slots = [slot for slot in self.slots if not slot.has(*kinds)]
        return found

    def of(self, kind: type[_C]) -> list[_C]:
        return [each for each in self.where if isinstance(each, kind)]

    @property
    def grains(self) -> list[q.Grain]:
        return [each.grain for each in self.by if each.grain is not None]

    def _nouns(self) -> list[Noun]:
        return [slot["noun"] for slot in self.slots if slot.has("noun")]

    def _drop_nouns(self, entity: Entity | None) -> None:
        self.slots = [s for s in self.slots if not s.has("noun") or s["noun"].entity is not entity]

    def _is_own(self, condition: q.Condition, entity: Entity) -> bool:
        """Return whether a condition is about an entity's rows, or rows that they belong to."""
        field, other = getattr(condition, "field", None), getattr(condition, "entity", entity)
        if field is None and isinstance(condition, q.During | q.Recurring):
            return False
        return self.model.belongs(entity.name, other.name if field is None else field.entity)

    # Queries

    def read(self) -> q.Query:
        self._conditions()
        wheres = {number.where for number in self.numbers}
        fail_if(len(wheres) > 1, "It is unclear whether a condition applies to each of the numbers.")
        self.numbers = [*dict.fromkeys(map(self._bare, self.numbers))]
        for verb in self.take("verb"):
            self._verb(verb)
        for rows, where in self.take("related"):
            self._related(rows, where)
        self._bounds()
        query = self._derived()
        fail_if(query is not None and self.rank, "It asks for a ranking and for something else.")
        query = query or self._listed()
        self._finish(query)
        return self._with_bounds(query)

    def _with_bounds(self, query: q.Query) -> q.Query:
        having = self.of(q.Having)
        fail_if(len(having) > 1 and any(each.number.where for each in having), "It has two bounds.")
        own = [each for each in self.where if each not in having]
        self.where = list(own)
        self.where += [replace(each, number=self._bare(each.number)) for each in having]
        having = self.of(q.Having)
        if having and query.rows is not None and not (query.fields or query.order):
            query = q.Query((having[0].number,), (q.Dimension(entity=query.rows),))
        counted = [number.entity for number in query.numbers]
        entity = query.by[0].entity if len(query.by) == 1 else (counted or [None])[0]
        others = [each for each in own if not isinstance(each, q.During | q.Recurring)]
        is_own = entity is None or all(self._is_own(each, entity) for each in others)
        fail_if(having and not is_own, "Only of those that did so that often, or of all?")
        return replace(query, where=frozenset(self.where))

    def _bare(self, number: q.Number) -> q.Number:
        self.where += [each for each in number.where if each not in self.where]
        return replace(number, where=frozenset())

    def _subject(self) -> Entity | None:
        people = self.take("who")
        ranked = [self.rank.subject.entity] if self.rank and self.rank.subject else []
        counted = [number.entity for number in self.numbers if number.entity and number.per is None]
        if ranked or counted:
            return next(filter(None, [*ranked, *counted]), None)
        nouns = [slot for slot in self.slots if slot.has("noun") and slot["noun"].entity]
        nouns.sort(key=lambda slot: slot.has("value"))
        if nouns and not self.numbers and (nouns[0]["noun"].plural or not nouns[0].has("value")):
            noun: Noun = nouns[0]["noun"]
            self.slots = [slot for slot in self.slots if slot is not nouns[0]]
            self.where += noun.where
            return noun.entity
        if nouns or not people or not self.kinds & {"verb", "spends"}:
            return None
        if self.kinds & {"most", "high"}:
            self.rank = _merged([self.rank or Ranking(), Ranking(limit=1)])
        did = [self.model.entity[e.entity] for slot in self.slots for e in slot.get("verb", Verb()).events]
        return next((each for each in did if each.person), self.model.entity["customer"])

    def _ratio(self, per: q.Dimension) -> None:
        """Rank by a number per Y: on average, or within each Y if the ranked belong to one."""
        rank, is_each = cast("Ranking", self.rank), bool(per.entity and not per.entity.unique_label)
        number, subject = cast("q.Number", rank.by), rank.subject or q.Dimension()
        owner, home = subject.owner, per.owner
        if owner and home and self.model.belongs(owner, home) and (subject.entity or not is_each):
            self.by += (per,)
            return
        is_sum = number.entity or (number.named and not number.named.rate)
        is_open = not (is_each and rank.subject and is_sum)
        fail_if(is_open, "It is unclear whether to rank the groups of each, or their averages.")
        self.rank = rank._replace(by=replace(number, per=per))

    # Conditions

    def _conditions(self) -> None:
        self.where += self.take("value", "predicate", "condition", "period")
        compared = bool(self.take("compared"))
        fail_if(len({*self.of(q.Recurring)}) > 1, "It names several groups of days.")
        periods = [each for each in self.of(q.During) if each.field is None]
        spans = tuple(span for each in periods for span in each.periods)
        is_change = compared and len(spans) > 1 and bool(self.kinds & {"rise", "change"})
        if compared and len(spans) > 1:
            self.where = [*(each for each in self.where if each not in periods), q.During(spans, ends=spans)]
            self.by += () if is_change else (q.Dimension(grain=self._grain(spans)),)
        else:
            dated = any(each.grain and each.field for each in self.by)
            fail_if(len(periods) > 1 or (periods and dated), "It is unclear which time the period refers to.")
        is_open = not all(each.periods for each in self.of(q.During))
        fail_if(is_open, "It names a part of a year without the year.", "{} 2024", "{} 2025", "since {}")
        values = [each for each in self.of(q.Is) if each.each]
        if self.take("joint"):
            fail_if(not values, "It is unclear what belongs together.")
            self.where = [replace(each, each=False) if each in values else each for each in self.where]
            values = []
        rates = [n for n in self.numbers if n.statistic or n.per or (n.named and n.named.rate)]
        if not self.rank and (compared or rates or (self.numbers and self.by)):
            fields = [each.field for each in values if not _is_group(each.field, self.by)]
            self.by += tuple(q.Dimension(field=field) for field in fields)
        fail_if(compared and not (self.by or is_change), "It is unclear what to compare.")

    def _grain(self, spans: tuple[q.Period, ...]) -> q.Grain:
        grain, *others = {span.grain for span in spans}
        if grain is None or others or self.grains:
            raise Refused("It compares periods that are not groups.")
        return grain

    def _verb(self, verb: Verb) -> None:
        subject, own = self.subject, verb.row(self.subject)
        counted = any(number.entity is subject and not number.distinct for number in self.numbers)
        doers = [noun for noun in self._nouns() if verb.row(noun.entity)]
        means_units = any(each.means_units for each in verb.events)
        is_open = means_units and any(number.entity is self.model.entity["item"] for number in self.numbers)
        fail_if(is_open, "It may ask how many units were sold, or on how many lines of orders.")
        if own and subject is self.model.entity["product"] and (counted or not (self.numbers or self.rank)):
            is_kind = any(each.field.entity == "product" for each in self.of(q.Is))  # such as units of lamps
            is_open = not is_kind or len(self.numbers) > 1 or not (counted or self.by)
            fail_if(is_open, "It may ask how many units were sold, or for the products.")
            self.numbers = [self.phrases.units]
        elif own:
            self.numbers = [replace(n, distinct=n.distinct or n.entity is subject) for n in self.numbers]
        elif self.rank and means_units and isinstance(self.rank.by, q.Number) and self.rank.by.where:
            self.rank = self.rank._replace(by=replace(self.phrases.units, where=self.rank.by.where))
        elif doers:
            others = [each for each in self.of(q.Is) if not self._is_own(each, self.model.entity["order"])]
            others = [] if self.rank and self.rank.by else others
            fail_if(others, "Of everything they bought, or only of what is named?")
        else:
            is_clear = verb.events or any(map(self.phrases.is_default_time, verb.fields))
            fail_if(not is_clear, "It is unclear what was done, by whom or when.")
        names = [*(each.row for each in verb.events), *(each.entity for each in verb.fields)]
        is_login = "login" in names and (subject is self.model.entity["login"] or "order" not in names)
        entity = self.model.entity[own or ("login" if is_login else "order")]
        for doer in doers:
            self.where += doer.where
            self._drop_nouns(doer.entity)
        times = self.take("happened") if own else []
        bounds = [q.Having(q.Number(entity), each.operator, each.numbers) for each in times]
        self.where += bounds or [q.Of(entity)]

    def _related(self, rows: Entity | Verb, conditions: Sequence[q.Condition]) -> None:
        subject = self.subject
        if isinstance(rows, Verb):
            rows = self.model.entity.get(rows.row(subject)) or cast("Entity", subject)
        if subject is None or rows is subject or not self.model.belongs(rows.name, subject.name):
            self.where.append(negated(conditions))
            return
        # Conditions that are not on the entity itself apply to the missing rows.
        inner = [each for each in self.where if not self._is_own(each, subject)]
        where = frozenset([*inner, *conditions])
        others = [noun for noun in self._nouns() if noun.entity not in {subject, rows}]
        is_open = others or any(isinstance(each, q.Is) and each.each for each in where)
        fail_if(is_open, "It is unclear what there is none of.")
        self.take("noun")
        self.where = [each for each in self.where if each not in inner]
        self.where.append(q.Never(subject, rows, where))

    def _bounds(self) -> None:
        """Apply bounds that name no field to the amount of the subject."""
        subject = self.subject
        for bound in self.take("bound"):
            field, named = bound.field, {noun.entity for noun in self._nouns()}
            if field is None and subject is not None and subject.amount is not None and not bound.is_year:
                field = self.model.find(subject.name, subject.amount)
            entity = self.model.entity[field.entity] if field is not None and field.is_number else None
            # "Revenue of products over 5 kg", but not "growth of orders over 5%".
            is_named = entity in named and field and field.scale == "1"
            is_open = entity is None or not (entity is subject or is_named)
            fail_if(is_open, "It is unclear what the number compares with.")
            self.where.append(replace(bound, field=field))

    # Shares, growth and changes

    def _derived(self) -> q.Query | None:
        if self.subject is not None and not self.numbers and self.kinds & {"rise", "change", "share"}:
            self.numbers = [q.Number(self.subject)]
        shares, changes, rises = self.take("share"), self.take("change"), self.take("rise")
        percent = bool(self.take("percent")) or "percent" in {*shares, *changes}
        how_did = "how_did" in self.kinds and (shares or not (self.grains or rises or changes))
        if not (shares or changes or rises):
            fail_if(percent or how_did, "It is unclear which number is in percent, and of what.")
            return None
        numbers = tuple(self.numbers)
        words = {word for rise in rises for word in rise.split()}
        window: q.Window = "running" if "running" in words else "growth"
        is_two = (shares and (changes or rises or how_did)) or {"running", "growth"} <= words
        fail_if(is_two or (percent and window == "running"), "It asks for two things of the same kind.")
        if shares:
            return self._share(percent=percent)
        pairs = [each for each in self.of(q.During) if each.ends]
        if pairs and not self.grains and "compared" not in self.kinds and (changes or words == {"growth"}):
            grain, *others = {each.grain for each in pairs[0].ends}
            is_open = pairs[1:] or others or grain is None or len({*pairs[0].ends}) != 2
            fail_if(is_open, "It is unclear between which times it changed.")
            self.where.remove(pairs[0])
            return q.Query(numbers, self.by, of=pairs[0], percent=percent)
        grains = words - {"growth", "running"} - {*self.grains}
        is_open = changes or len(numbers) != 1 or len({*grains, *self.grains}) > 1
        is_open = is_open or any(each.ends == each.periods for each in pairs)
        fail_if(is_open, "It is unclear between which times it changed.")
        by = (*self.by, *(q.Dimension(grain=cast("q.Grain", grain)) for grain in grains))
        return q.Query(numbers, by, window=window, percent=percent)

    def _share(self, *, percent: bool) -> q.Query:
        self._drop_nouns(self.subject)
        of = [each for each in self.where if isinstance(each, q.Is | q.Compare | q.Recurring)]
        fail_if(len(self.numbers) != 1 or of[1:] or not (of or self.by), "It is unclear which share of what.")
        (number,) = self.numbers
        counted = number.entity.name if number.entity else "order"
        is_other = any(getattr(each, "field", None) and each.field.entity != counted for each in of)  # type: ignore[union-attr]
        fail_if(is_other and self.by, "It is unclear which share of what.")
        query = q.Query((number,), self.by, percent=percent)
        self.where = [each for each in self.where if each not in of]
        return replace(query, of=of[0]) if of else replace(query, window="share")

    # Numbers, rankings and rows

    def _listed(self) -> q.Query:
        self.extra = tuple(q.Dimension(field=field) for field in self.take("extra"))
        self.fields = tuple(self.take("field"))
        having = tuple(each.number for each in self.of(q.Having))
        more = [each for several in self.take("more_numbers") for each in several]
        self.numbers += [self._bare(each) for each in more if each not in having]
        self._adjectives()
        nouns = [noun for noun in self._nouns() if noun.entity is None]
        if self.rank is not None and self.rank.subject is None and not self.numbers and not self.by:
            if self.subject is not None:
                self.rank = self.rank._replace(subject=q.Dimension(entity=self.subject))
            elif len(nouns) == 1:
                limit = self.rank.limit or (None if nouns[0].plural else 1)
                self.rank = self.rank._replace(subject=nouns[0].dimension, limit=limit)
                self._drop_nouns(None)
        if self.rank is None:
            return self._plain(having)
        if self.rank.by is None and self.rank.descending is None and self.rank.subject is not None:
            subject, is_one = self.rank.subject, self.rank.limit in {None, 1}
            is_open = self.by or (self.numbers or not is_one if subject.entity else self.fields)
            fail_if(is_open, "It is unclear what to rank by.")
            if subject.entity is None:
                return q.Query(having or tuple(self.numbers), (subject, *self.extra))
            return self._plain(having)
        return self._ranking(self.rank)

    def _adjectives(self) -> None:
        """Turn adjectives without a noun into rankings."""
        entity = self.rank.subject.entity if self.rank and self.rank.subject else None
        for several in self.take("superlative"):
            own = [Ranking(*each) for each in several if entity and each[0].entity == entity.name]
            fail_if(not own, "It is unclear what an adjective belongs to.")
            self.rank = _merged([cast("Ranking", self.rank), own[0]])
        for kind in ("popular", "most"):
            for direction in self.take(kind):
                is_said = len(self.numbers) == 1 or (self.rank is not None and self.rank.by is not None)
                fail_if(kind == "most" and is_said, "It is unclear what 'most' counts.")
                by = None if is_said else self._often()
                self.rank = _merged([self.rank or Ranking(), Ranking(by, direction == "desc")])

    def _often(self) -> q.Number:
        """Return what "most" counts if no number follows it: how often something happened."""
        subject = self.rank.subject if self.rank else None
        rows = [each.entity for each in self.of(q.Of)]
        if subject is not None and subject.field and subject.field.entity in {"order", "login"}:
            rows.append(self.model.entity[subject.field.entity])
            self.where.append(q.Is(subject.field))
        elif subject is not None and subject.grain:
            timed = [each.entity for each in self._nouns() if each.entity and each.entity.time]
            rows += timed or [self.model.entity["order"]]
        is_open = not rows or (rows[0] is self.model.entity["item"] and "often" in self.kinds)
        fail_if(is_open, "It is unclear what makes it popular, or what is counted.")
        return self.phrases.units if rows[0] is self.model.entity["item"] else q.Number(rows[0])

    def _ranking(self, rank: Ranking) -> q.Query:
        """Return a query for ranked groups or rows: all, the first ones, or the first ones of each group."""
        subject, numbers = rank.subject, tuple(self.numbers)
        if subject is not None:
            self._check_several(rank)
        self.by = tuple(each for each in self.by if each != subject)
        entity = subject.entity if subject else None
        if subject is None and self.subject is not None:
            numbers = numbers or (q.Number(self.subject),)
        by, descending = rank.by, rank.descending is not False
        if isinstance(by, q.Number):
            fail_if(by.where and numbers, "It is unclear whether a condition applies to each of the numbers.")
            by = self._bare(by)
        order = q.Order(cast("q.Number", by), descending, rank.limit, self.by if subject else ())
        if isinstance(by, Field) and entity is not None and self.model.belongs(entity.name, by.entity):
            is_open = self.numbers or (self.by and order.limit is None)
            fail_if(is_open, "It ranks rows, and asks for a number of groups, or for all of each.")
            if "when" not in self.kinds or not by.is_time or order.limit != 1 or self.by:
                return self._rows(entity, order)
        if isinstance(by, Field):
            by = q.Number(field=by, statistic="max" if descending else "min")
        dimensions = (*self.by, *([] if subject is None else [subject]))
        if isinstance(rank.by, Field) and (not dimensions or "when" in self.kinds):
            fail_if(numbers, "It is unclear what to rank.")
            return q.Query((*numbers, by) if by else numbers)
        by = by or self._usual(rank, numbers)
        is_each = subject is not None and rank.limit is None and len(self.by) > 0
        is_timed = subject is None and rank.limit is not None and len(self.grains) > 0
        if by is None or not dimensions or self.fields or is_each or is_timed:
            raise Refused("It is unclear what to rank, by what, or how many of each.")
        is_best = {slot.get("top") for slot in self.phrases.words} & {"best", "worst"}
        is_good = any(each and each.good for each in (by.named, by.field))
        is_good = is_good or (by.entity is not None and not self.of(q.Is))
        fail_if(is_best and not is_good, "It is unclear if the best or worst is the highest or lowest.")
        shown = numbers if by in numbers else (*numbers, by)
        return q.Query(shown, (*dimensions, *self.extra), order=replace(order, by=by))

    def _check_several(self, rank: Ranking) -> None:
        """Refuse to rank several without their number, or if their numbers may be added."""
        words = self.phrases.words
        is_sum = any(word.has("joint", "in_total") or word.get("statistic") == "sum" for word in words)
        is_open = (self.is_led and (is_sum or rank.by is None)) or ("much" in self.kinds and rank.limit != 1)
        fail_if(is_open, "It is unclear what ranks them, or whether their numbers are added.")
        is_sorted = rank.limit is not None or self.kinds & {"sorted", "direction"}
        is_ranked = self.kinds & set("top high most superlative popular seller edge".split())
        fail_if(is_ranked and not is_sorted, "It does not say how many.", "{}, top 10")

    def _usual(self, rank: Ranking, numbers: tuple[q.Number, ...]) -> q.Number | None:
        entity = rank.subject.entity if rank.subject else None
        usual = "revenue" if entity is None else entity.usual
        where = [*self.where, *(each for noun in self._nouns() for each in noun.where)]
        is_narrow = any(isinstance(each, q.Is) and each.field.entity == "order" for each in where)
        if rank.usual is None and not numbers and usual is not None and not is_narrow:
            return q.Number(named=self.model.measure_named(usual))
        return rank.usual or (numbers[0] if len(numbers) == 1 or (numbers and not rank.subject) else None)

    def _rows(self, entity: Entity, order: q.Order | None, *named: Field) -> q.Query:
        fields = (*self.fields, *(each.field for each in self.extra), *named, *self.take("costs"))
        return q.Query(rows=entity, order=order, fields=cast("tuple[Field, ...]", fields))

    def _plain(self, having: tuple[q.Number, ...]) -> q.Query:
        numbers, subject = tuple(self.numbers), self.subject
        nouns = [noun.dimension for noun in self._nouns() if noun.entity is None]
        is_open = any(noun in self.led or (noun.grain and not (numbers or having)) for noun in nouns)
        fail_if(is_open, "It is unclear what a noun belongs to.")
        if nouns and not numbers:
            self._drop_nouns(None)
        of = [each.field for each in self.of(q.Is) if each.field.name == "name" and not each.negated]
        if self.fields and of and not (numbers or self.by or subject or nouns or self.where[1:]):
            return self._rows(self.model.entity[of[0].entity], None)  # such as the population of Germany
        if not numbers and not self.by and subject is not None:
            if not self.rank and (("in_total" in self.kinds and not having) or self.take("count")):
                return q.Query((q.Number(subject),))
            return self._rows(subject, None, *(each.field for each in nouns if each.field))
        if nouns and not (numbers or self.by or subject or self.fields):
            return q.Query(having, tuple(nouns))
        numbers = numbers or (having if subject is None else (q.Number(subject),))
        fail_if(self.fields or nouns or not numbers, "It is unclear what to show.")
        return q.Query(numbers, (*self.by, *self.extra))

    # Checks

    def _finish(self, query: q.Query) -> None:
        """Refuse unused slots, values joined by "and" but not grouped, and bounds on other numbers."""
        having = {each.number for each in self.of(q.Having)}
        owners = {number.field.entity for number in query.numbers if number.field}
        for noun in self._nouns() if not having else ():
            entity, is_distinct = noun.entity, any(number.distinct for number in query.numbers)
            is_mention = noun.dimension in self.led or is_distinct
            if entity is not None and is_mention and (noun.plural or entity.name in owners):
                self.where += (q.Of(entity), *noun.where)
                self._drop_nouns(entity)
        needs = {"often": {"most"}, "yet": {"never", "not", "without"}}
        leading = [kind for kind in _LEADING if needs.get(kind, self.kinds) & self.kinds]
        is_time = any(number.field is not None and number.field.is_time for number in query.numbers)
        fail_if("when" in self.kinds and not is_time, "It is unclear what the time refers to.")
        left = [slot.text for slot in self.slots if not slot.has(*leading)]
        if left:
            raise Refused("The sandbox has no use here for the words", words=left)
        fail_if(query.by and having - {*query.numbers}, "It is unclear what the bound applies to.")
        fields = [each.field for each in {*self.of(q.Is)} if each.values and not each.negated]
        fail_if(len({*fields}) < len(fields), "Two of the values exclude each other.")
        if query.rows is None:
            values = [each for each in self.of(q.Is) if each.each and not _is_group(each.field, query.by)]
            fail_if(values, "Each of the values, or all of them together?", "compare {}", "{} together")
            is_open = any(each.each for each in self.of(q.During))
            is_open = is_open and not any(each.grain for each in query.by)
            fail_if(is_open, "Each of the periods, or all of them together?", "compare {}")


def _is_group(field: Field, by: Iterable[q.Dimension]) -> bool:
    entities = [each.entity.name for each in by if each.entity is not None]
    fields = [each.field for each in by if each.field is not None]
    return field in fields or field.entity in {*entities, *(each.within for each in fields)}
