"""What the slots of a question ask for together, whatever their order.

Each slot has one role: it changes the query, or it only says again what the others say. A question with a
slot that has none is refused.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from msgspec.structs import replace

from connecty_frames._base.text import snippet
from connecty_frames.sandbox.questions import query as q
from connecty_frames.sandbox.questions.model import Entity, Field
from connecty_frames.sandbox.questions.periods import of_year
from connecty_frames.sandbox.questions.phrases import Phrases, Ranking, Refused, Related
from connecty_frames.sandbox.questions.slots import Counted, Noun, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connecty_frames.sandbox.questions.slots import Lexicon

_C = TypeVar("_C", bound=q.Condition)
#: Kinds of slots that only lead to another slot.
_LEADING: Final = "prep with and filler comma which who compared much when yet in_total often how_did".split()


def read(lexicon: Lexicon, words: Sequence[str]) -> q.Query:
    """Return what the words of a question ask for; raises Refused."""
    slots = [slot for slot in lexicon.claim(words) if set(slot.options) != {"filler"}]
    unknown = [slot.text for slot in slots if not slot.options]
    if unknown:
        raise Refused(f"Words that are not understood: {', '.join(map(repr, map(snippet, unknown)))}.")
    return _Reader(Phrases(lexicon, slots)).read()


def _fail_if(is_unclear: object, reason: str, *offers: str) -> None:
    """Refuse a question that is not clear."""
    if is_unclear:
        raise Refused(reason, *offers)


class _Reader:
    """Makes a query of the phrases of a question."""

    def __init__(self, phrases: Phrases) -> None:
        self.model, self.phrases, self.slots = phrases.model, phrases, phrases.slots
        self.kinds = {kind for slot in phrases.words for kind in slot.options}
        pairs = list(pairwise(self.slots))
        led = [slot for before, slot in pairs if before.has("prep", "value", "condition", "comma", "much")]
        self.mentions = [slot.get("noun").entity for slot in led if slot.has("noun")]
        behind = [slot.get("noun") for before, slot in pairs if slot.has("noun") and before.has("prep")]
        self.behind = [noun.dimension for noun in behind]
        too = any(slot.has("who") and before.has("and", "comma") for before, slot in pairs)
        _fail_if(too, "It asks for who did it, too.")
        ends = [before for before, slot in pairs if slot.has("and", "or", "comma")] + self.slots[-1:]
        _fail_if(
            any(slot.has("with", "prep", "and") for slot in ends), "A word is missing behind a preposition."
        )
        nouns = [slot for slot in self.slots if slot.has("noun")]
        self.narrowed = [slot.get("noun").entity for slot in nouns if slot.get("noun").where]
        self.rank, self.sort = self.one("rank"), self.one("sort")
        self.by = tuple(each for dimensions in self.take("dimension") for each in dimensions)
        self.counted: list[Counted] = [each for several in self.take("numbers") for each in several]
        self.where: list[q.Condition] = []
        self.direction, self.limit = self.one("direction"), self.one("limit")
        self.subject = self._subject()

    # Slots and conditions

    def take(self, *kinds: str) -> list[Any]:
        """Return what the slots of some kinds mean, and give them a role."""
        found = [slot.options[kind] for slot in self.slots for kind in kinds if slot.has(kind)]
        self.slots = [slot for slot in self.slots if not slot.has(*kinds)]
        return found

    def one(self, kind: str) -> Any:
        """Return what the only slot of a kind means, None if there is none."""
        found = self.take(kind)
        _fail_if(len(found) > 1, "It asks for more than one thing of a kind.")
        return found[0] if found else None

    def of(self, kind: type[_C]) -> list[_C]:
        """Return the conditions of a kind."""
        return [each for each in self.where if isinstance(each, kind)]

    @property
    def numbers(self) -> tuple[q.Number, ...]:
        """The numbers of groups."""
        return tuple(dict.fromkeys(number for number, _ in self.counted))

    @property
    def grains(self) -> list[q.Grain]:
        """The units of time of groups."""
        return [each.grain for each in self.by if each.grain is not None]

    def _nouns(self) -> list[Noun]:
        return [slot.get("noun") for slot in self.slots if slot.has("noun")]

    def _drop_nouns(self, entity: Entity | None) -> None:
        self.slots = [
            slot for slot in self.slots if not slot.has("noun") or slot.get("noun").entity is not entity
        ]

    def _is_own(self, condition: q.Condition, entity: Entity) -> bool:
        """Return whether a condition is on the rows of an entity or those that they belong to."""
        field, other = getattr(condition, "field", None), getattr(condition, "entity", entity)
        if field is None and isinstance(condition, q.During | q.Recurring):
            return False
        return self.model.belongs(entity.name, other.name if field is None else field.entity)

    # Queries

    def read(self) -> q.Query:
        """Return the query."""
        self._conditions()
        conditions = {where for _, where in self.counted}
        _fail_if(len(conditions) > 1, "Whether a condition is meant for each of the numbers is not clear.")
        self.where += [each for where in conditions for each in where]
        for verb in self.take("verb"):
            self._verb(verb)
        for related in self.take("related"):
            self._related(related)
        self._bounds()
        query = self._special()
        is_other = query is not None and (self.sort or self.limit or (self.rank and not query.only))
        _fail_if(is_other, "It asks for a ranking and for something else.")
        query = query or self._listed()
        self._finish(query)
        having = self.of(q.Having)
        if having and query.rows is not None and not (query.fields or query.order):
            query = q.Query((having[0].number,), (q.Dimension(entity=query.rows),))
        counted = [number.entity for number in query.numbers]
        entity = query.by[0].entity if len(query.by) == 1 else (counted or [None])[0]
        others = [each for each in self.where if not isinstance(each, q.During | q.Recurring | q.Having)]
        is_own = entity is None or all(self._is_own(each, entity) for each in others)
        _fail_if(having and not is_own, "Of those that it did so often, or of all?")
        if len(having) == 1 and query.by:
            self.where = [replace(each, where=frozenset()) if each in having else each for each in self.where]
            self.where += having[0].where
        return replace(query, where=frozenset(self.where))

    def _subject(self) -> Entity | None:
        """Return the entity whose rows are asked for, counted or ranked."""
        rows, people = self.take("row"), self.take("who")
        ranked = [self.rank.subject.entity] if self.rank is not None else []
        counted = [number.entity for number in self.numbers if number.entity and number.per is None]
        if ranked or counted:
            return next(filter(None, [*ranked, *counted]), None)
        nouns = [slot for slot in self.slots if slot.has("noun") and slot.get("noun").entity]
        nouns.sort(key=lambda slot: slot.has("value"))
        if nouns and not self.counted and (nouns[0].get("noun").plural or not nouns[0].has("value")):
            noun: Noun = nouns[0].get("noun")
            self.slots = [slot for slot in self.slots if slot is not nouns[0]]
            self.where += noun.where
            return noun.entity
        is_led = any(slot.has("prep", "which") for slot in self.slots)
        is_open = rows and is_led and not any(slot.has("field", "noun", "costs") for slot in self.slots)
        _fail_if(is_open and not self.counted, "What of it is asked for is not clear.")
        if rows or nouns or not people or not self.kinds & {"verb", "spends"}:
            return rows[0] if rows else None
        if self.kinds & {"most", "high"} and self.limit is None:
            self.limit = (True, 1)
        verbs = [each for slot in self.slots if slot.has("verb") for each in slot.get("verb").events]
        doers = [self.model.entity[each.entity] for each in verbs]
        return next((each for each in doers if each.person), self.model.entity["customer"])

    # Conditions

    def _conditions(self) -> None:
        self.where += self.take("value", "predicate", "condition", "period")
        self._years()
        versus, time = self.take("versus_period"), self.one("time")
        compared = bool(self.take("compared") or versus)
        self.where += versus
        periods = [each for each in self.of(q.During) if each.field is None]
        spans = tuple(span for each in periods for span in each.periods)
        dated = time is None and any(each.grain and each.field for each in self.by)
        if compared and len(spans) > 1:
            self.where = [*(each for each in self.where if each not in periods), q.During(spans)]
            self.by = (*self.by, q.Dimension(grain=self._grain(spans)))
        else:
            dated = dated or not all(each.periods for each in periods)
            _fail_if(len(periods) > 1 or (periods and dated), "Of which time the period is is not clear.")
        if time is not None:
            self.where = [replace(each, field=time) if each in periods else each for each in self.where]
            self.by = tuple(replace(each, field=time) if each.grain else each for each in self.by)
        if self.take("joint"):
            _fail_if(not any(each.each for each in self.of(q.Is)), "What is put together is not clear.")
            self.where = [
                replace(each, each=False) if isinstance(each, q.Is) else each for each in self.where
            ]
        adds_up = not any(
            each.statistic or each.per or (each.named and each.named.rate) for each in self.numbers
        )
        for value in [each for each in self.of(q.Is) if each.each and not self.rank]:
            if compared or (self.counted and (self.by or not adds_up)):
                self.by += () if _is_group(value.field, self.by) else (q.Dimension(field=value.field),)
        _fail_if(compared and not self.by, "What is compared is not clear.")

    def _grain(self, spans: tuple[q.Period, ...]) -> q.Grain:
        """Return the unit of time that tells periods apart."""
        grains, years = {span.grain for span in spans}, {span.start.year for span in spans if span.start}
        grain = grains.pop() if len(grains) == 1 else None
        grain = "year" if grain is None and len(years) == len(spans) else grain
        if grain is None or self.grains:
            raise Refused("It compares periods that are no groups.")
        return grain

    def _years(self) -> None:
        """Put months without a year into the year that the question names."""
        months = [each for each in self.of(q.Recurring) if each.months]
        years = [each for each in self.of(q.During) if each.periods and each.periods[0].grain == "year"]
        starts = [period.start for each in years for period in each.periods if period.start]
        if len(months) == len(starts) == 1:
            self.where = [each for each in self.where if each not in {months[0], years[0]}]
            self.where.append(of_year(months[0].months, starts[0].year))
            return
        reason = "It names a part of a year without the year: say which, or ask by year."
        _fail_if(months and "year" not in self.grains, reason, "{} 2024", "{} 2025")

    def _verb(self, verb: Verb) -> None:
        """Turn what was done into a condition on the rows that record it."""
        subject, own = self.subject, verb.row(self.subject)
        doers = [noun.entity for noun in self._nouns() if verb.row(noun.entity)]
        counted = any(number.entity is subject and not number.distinct for number in self.numbers)
        row = own or verb.row(doers[0] if doers else None)
        means_units = any(each.means_units for each in verb.events)
        is_open = means_units and any(number.entity is self.model.entity["item"] for number in self.numbers)
        _fail_if(is_open, "It may ask how many units were sold, or on how many lines of orders.")
        if own and subject is self.model.entity["product"] and counted:
            is_open = not self.of(q.Is) or len(self.counted) > 1
            _fail_if(is_open, "It may ask how many units were sold, or how many different products.")
            self.counted = [Counted(self.phrases.units)]  # of lamps
            return
        if own:
            is_open = not self.counted and bool(self.of(q.IsKey))
            _fail_if(is_open, "Of what one did, what is asked for is not clear.")
            self.counted = [
                Counted(replace(number, distinct=number.distinct or number.entity is subject), where)
                for number, where in self.counted
            ]
        elif doers:
            self.take("noun")
            others = [each for each in self.of(q.Is) if not self._is_own(each, self.model.entity["order"])]
            _fail_if(others and not self.sort, "Of all that they bought, or only of what is named?")
        elif self.sort is not None and self.sort.where and means_units:
            self.sort = self.sort._replace(by=self.phrases.units)
            return
        elif verb.events or any(map(self.phrases.is_default_time, verb.fields)):
            names = [*(each.row for each in verb.events), *(each.entity for each in verb.fields)]
            row = "login" if "login" in names else "order"
        else:
            is_dated = subject is not None and verb.fields[0].entity == subject.name != "order"
            _fail_if(not is_dated, "A verb that names a time needs a period, or groups of it.")
            self.where.append(q.Has(verb.fields[0]))
            return
        self.where.append(q.Of(self.model.entity[row]))

    def _related(self, related: Related) -> None:
        """Turn rows of another entity that there are, or that there are none of, into a condition."""
        rows, subject = related.rows, self.subject
        if isinstance(rows, Verb):
            rows = self.model.entity.get(rows.row(subject)) or cast("Entity", subject)
        if subject is None or rows is subject or not self.model.belongs(rows.name, subject.name):
            condition = related.where[0] if len(related.where) == 1 else None
            if not isinstance(condition, q.Is) or not related.negated or condition.field.type == "boolean":
                raise Refused("What there is none of does not belong to what is asked for.")
            self.where.append(replace(condition, negated=True, each=False))
        elif not related.negated:
            self.where += (q.Of(rows), *related.where)
        else:
            # None of the rows meets the conditions that are not on the entity itself.
            inner = [each for each in self.where if not self._is_own(each, subject)]
            where = frozenset([*inner, *related.where])
            others = [noun for noun in self._nouns() if noun.entity not in {subject, rows}]
            is_open = others or any(isinstance(each, q.Is) and each.each for each in where)
            _fail_if(is_open, "What there is none of is not clear.")
            self.take("noun")
            self.where = [each for each in self.where if each not in inner]
            self.where.append(q.Never(subject, rows, where))

    def _bounds(self) -> None:
        """Turn bounds that name no field into those of an amount, or of how often something was done."""
        subject = self.subject
        for bound in self.take("happened"):
            rows = self.of(q.Of) if subject else []
            done = [each for each in rows if subject and self.model.belongs(each.entity.name, subject.name)]
            _fail_if(len(done) != 1, "What happened that number of times is not clear.")
            self.where.remove(done[0])
            self.where.append(q.Having(q.Number(done[0].entity), bound.operator, bound.numbers))
        for bound in self.take("bound"):
            field = bound.field
            if field is None and subject is not None and subject.amount is not None and not bound.is_year:
                field = self.model.find(subject.name, subject.amount)
            if field is None or subject is None or field.entity != subject.name or not field.is_number:
                raise Refused("What the number compares with is not clear.")
            self.where.append(q.Compare(field, bound.operator, bound.numbers))

    # Shares, growth and changes

    def _special(self) -> q.Query | None:
        """Return shares, growth and changes; None if the question asks for none of them."""
        if self.subject is not None and not self.counted and self.kinds & {"rise", "change"}:
            self.counted = [Counted(q.Number(self.subject))]
        shares, changes, percent = self.take("share"), self.take("change"), bool(self.take("percent"))
        rise, over, than = self.one("rise"), self.one("overs"), self.one("than_period")
        ranges, numbers = [each for each in self.of(q.During) if each.ends is not None], self.numbers
        if shares:
            is_other = changes or rise or over or than or "how_did" in self.kinds
            _fail_if(is_other, "It asks for a share and for something else.")
            return self._share(percent=percent or "percent" in shares)
        if than is not None:
            only, by = self.one("beats"), (*self.by, *((self.rank.subject,) if self.rank else ()))
            _fail_if(only is None or not by or len(numbers) != 1, "What is compared is not clear.")
            return q.Query(numbers, by, periods=than, only=only)
        if (changes or rise == "growth") and len(ranges) == len(numbers) == 1:
            self.where.remove(ranges[0])
            return q.Query(numbers, self.by, periods=ranges[0].ends, percent=percent or "percent" in changes)
        is_open = changes or (over and not rise) or (rise and len(numbers) != 1)
        is_open = is_open or ("how_did" in self.kinds and not self.grains)
        _fail_if(is_open, "Between what it changed is not clear.")
        is_open = (percent and (rise is None or rise == "running")) or (over and rise == "running")
        _fail_if(is_open, "What is in percent, or compared over time, is not clear.")
        if rise is None:
            return None
        name, _, grain = rise.partition(" ")
        grain = grain or over or ""
        if grain == "year" and self.grains and self.grains != ["year"]:
            name = "growth_of_year"
        elif grain and grain not in self.grains:
            self.by = (*self.by, q.Dimension(grain=cast("q.Grain", grain)))
        return q.Query(numbers, self.by, window=cast("q.Window", name), percent=percent)

    def _share(self, *, percent: bool) -> q.Query:
        if not self.counted and self.subject is not None:
            self.counted = [Counted(q.Number(self.subject))]
        self._drop_nouns(self.subject)
        of = [each for each in self.where if isinstance(each, q.Is | q.Has | q.Compare | q.Recurring)]
        _fail_if(len(self.counted) != 1 or of[1:] or not (of or self.by), "Which share of what is not clear.")
        (number,) = self.numbers
        counted = number.entity.name if number.entity else "order"
        is_other = any(getattr(each, "field", None) and each.field.entity != counted for each in of)  # type: ignore[union-attr]
        _fail_if(is_other and self.by, "Which share of what is not clear.")
        limit = self.limit or (self.direction != "asc", None)
        order = q.Order(number, *limit) if (self.direction or self.limit) and self.by else None
        self.limit = None if order else self.limit
        self.where = [each for each in self.where if each not in of]
        query = q.Query((number,), self.by, order=order, percent=percent)
        return replace(query, of=of[0]) if of else replace(query, window="share")

    # Numbers, rankings and rows

    def _listed(self) -> q.Query:
        """Return numbers by dimensions, rankings and rows."""
        self.extra = tuple(self.take("extra"))
        self.fields = self.columns = tuple(self.take("field"))
        for extra in self.extra:
            label = extra.entity.group_label if extra.entity else None
            field = extra.field or (
                self.model.find(extra.entity.name, label) if extra.entity and label else None
            )
            self.columns = (*self.columns, field) if field else self.columns
        having = [each.number for each in self.of(q.Having)]
        more = [each for several in self.take("more_numbers") for each in several]
        self.counted += [each for each in more if each.number not in having]
        self._adjectives()
        rank, nouns = self.rank, [noun for noun in self._nouns() if noun.entity is None]
        if rank is None and not self.counted and not self.by and (self.limit or self.sort):
            if self.subject is not None:
                rank = Ranking(None, subject=q.Dimension(entity=self.subject))
            elif len(nouns) == 1:
                rank = Ranking(None, subject=nouns[0].dimension, limit=None if nouns[0].plural else 1)
                self._drop_nouns(None)
        if rank is not None and self.limit is not None:
            rank = rank._replace(descending=self.limit[0], limit=self.limit[1])
        if rank is not None:
            self.by = tuple(each for each in self.by if each != rank.subject)
            return self._ranking(rank, cast("q.Dimension", rank.subject))
        query = self._plain()
        if self.limit is None:
            return query
        is_open = query.rows is not None or not query.by or any(each.grain for each in query.by)
        _fail_if(is_open, "Of what the first are is not clear.")
        return replace(query, order=q.Order(query.order.by if query.order else query.numbers[0], *self.limit))

    def _adjectives(self) -> None:
        """Turn adjectives without a noun into what is ordered by, and in which direction."""
        sellers, often = self.take("seller"), self.one("most")
        superlatives = [each for several in self.take("superlative") for each in several]
        if sellers and not self.sort:
            self.sort = Ranking(self.phrases.units)
        directions = [self.direction, *sellers, *self.take("high", "top", "popular")]
        self.direction = next((each for each in directions if each), None)
        entity = self.rank.subject.entity if self.rank else None
        own = [each for each in superlatives if entity and each[0].entity == entity.name]
        is_sorted = self.rank is not None and isinstance(self.rank.by, Field)
        is_open = (superlatives and not own) or (is_sorted and (own or any(directions)))
        _fail_if(is_open, "What an adjective belongs to is not clear.")
        if own:
            self.sort = Ranking(*own[0])
        if often is not None:
            self.sort = self._often(descending=often == "desc")

    def _often(self, *, descending: bool) -> Ranking:
        """Return what "most" is of where no number stands behind it: what happened most often."""
        field = self.rank.subject.field if self.rank else None
        rows = [each.entity for each in self.of(q.Of)]
        rows += [self.model.entity[field.entity]] if field and field.entity in {"order", "login"} else []
        _fail_if(not rows or self.counted or self.sort, "Most of what is not clear.")
        is_sold = rows[0] is self.model.entity["item"]
        return Ranking(self.phrases.units if is_sold else q.Number(rows[0]), descending)

    def _ranking(self, rank: Ranking, subject: q.Dimension) -> q.Query:
        sort, entity, numbers = self.sort or rank, subject.entity, self.numbers
        _fail_if(sort.where and numbers, "Whether a condition is meant for each of the numbers is not clear.")
        self.where += sort.where
        descending = sort.descending if rank.descending is None else rank.descending
        descending = descending if self.direction is None else self.direction in {"desc", "best"}
        by = sort.by or rank.by
        if by is None and descending is None:
            return self._which(rank, subject)
        order = q.Order(cast("q.Number", by), descending is not False, rank.limit, self.by)
        if isinstance(by, Field) and entity is not None and self.model.belongs(entity.name, by.entity):
            return self._rows(entity, order, by)
        if isinstance(by, Field):
            by = self._extreme(by, descending=descending is not False)
        usual = "revenue" if entity is None else entity.usual
        is_narrow = self.model.entity["order"] in self.narrowed
        if by is None and not numbers and usual is not None and not is_narrow:
            by = q.Number(named=self.model.measure_named(usual))
        by = by or (numbers[0] if len(numbers) == 1 else None)
        if by is None or self.fields or (self.by and rank.limit is None):
            raise Refused("It does not say what the ranking is by, or how many of each.")
        self._check_best(by)
        shown = numbers if by in numbers else (*numbers, by)
        return q.Query(shown, (*self.by, subject, *self.extra), order=replace(order, by=by))

    def _extreme(self, field: Field, *, descending: bool) -> q.Number:
        return q.Number(field=field, statistic="maximum" if descending else "minimum")

    def _check_best(self, by: q.Number) -> None:
        """Refuse the best and the worst of what is not good if it is high, and what may make it popular."""
        is_best = {slot.get("top") for slot in self.phrases.words} & {"best", "worst"}
        is_good = (
            (by.named and by.named.good) or (by.field and by.field.good) or (by.entity and not self.of(q.Is))
        )
        _fail_if(is_best and not is_good, "Whether the best has the highest or the lowest is not clear.")
        is_popular = "popular" in self.kinds and self.sort is None and not by.entity
        _fail_if(is_popular, "What makes it popular is not clear.")

    def _rows(self, entity: Entity, order: q.Order, by: Field) -> q.Query:
        is_open = self.counted or (self.by and order.limit is None)
        _fail_if(is_open, "It ranks rows, and asks for a number of groups, or for all of each.")
        if "when" in self.kinds and by.is_time and order.limit == 1 and not self.by:
            return q.Query((self._extreme(by, descending=order.descending),))
        self.take("costs")
        return q.Query(rows=entity, order=order, fields=self.columns)

    def _which(self, rank: Ranking, subject: q.Dimension) -> q.Query:
        """Return the rows or values that meet conditions."""
        is_open = self.by or rank.limit not in {None, 1} or (self.counted if subject.entity else self.fields)
        if is_open and (subject.entity or self.by or self.fields):
            raise Refused("What the ranking is by is not clear.")
        if subject.entity is not None:
            return q.Query(rows=subject.entity, fields=self.columns)
        having = tuple(each.number for each in self.of(q.Having))
        return q.Query(having or self.numbers, (subject, *self.extra))

    def _plain(self) -> q.Query:
        numbers, sort, subject = self.numbers, self.sort, self.subject
        if sort is not None and isinstance(sort.by, Field) and not numbers and sort.descending is not None:
            numbers, sort = (self._extreme(sort.by, descending=sort.descending),), None
        is_open = self.direction and not self.by and not sort
        _fail_if(is_open, "What the first or the best is of is not clear.")
        nouns = [noun.dimension for noun in self._nouns() if noun.entity is None]
        _fail_if(any(noun in self.behind for noun in nouns), "What a preposition belongs to is not clear.")
        if nouns and not numbers:
            self._drop_nouns(None)
        if not numbers and not self.by and subject is not None:
            if "in_total" in self.kinds or self.take("count"):
                return q.Query((q.Number(subject),))
            fields = (*self.columns, *(each.field for each in nouns if each.field), *self.take("costs"))
            return q.Query(rows=subject, fields=fields)
        having = tuple(each.number for each in self.of(q.Having))
        if nouns and not (numbers or self.by or subject or self.fields or self.direction):
            return q.Query(having, tuple(nouns))
        numbers = numbers or (having if subject is None else (q.Number(subject),))
        _fail_if(self.fields or nouns or not numbers, "What is asked for is not clear.")
        order = q.Order(numbers[0], self.direction == "desc") if self.direction else None
        if sort is not None and isinstance(sort.by, q.Number):
            numbers = tuple(dict.fromkeys([*numbers, sort.by]))
            order = q.Order(sort.by, sort.descending is not False and self.direction != "asc")
        return q.Query(numbers, (*self.by, *self.extra), order=order)

    # Checks

    def _finish(self, query: q.Query) -> None:
        """Refuse slots without a role, values joined by "and" without groups, and bounds on other numbers."""
        having = {each.number for each in self.of(q.Having)}
        owners = {number.field.entity for number in query.numbers if number.field}
        for noun in self._nouns() if not having else ():
            entity, is_distinct = noun.entity, any(number.distinct for number in query.numbers)
            is_mention = entity in self.mentions or is_distinct
            if entity is not None and is_mention and (noun.plural or entity.name in owners):
                self.where += (q.Of(entity), *noun.where)
                self._drop_nouns(entity)
        needs = {"often": {"most"}, "yet": {"never", "not", "without"}}
        leading = [kind for kind in _LEADING if needs.get(kind, self.kinds) & self.kinds]
        is_time = any(number.field is not None and number.field.is_time for number in query.numbers)
        _fail_if("when" in self.kinds and not is_time, "Of what the time is is not clear.")
        left = [slot.text for slot in self.slots if not slot.has(*leading)]
        _fail_if(left, f"Words that do not fit the others: {', '.join(map(repr, left))}.")
        _fail_if(query.by and having - {*query.numbers}, "Of what the number has a bound is not clear.")
        if query.rows is None:
            open_values = [
                each for each in self.of(q.Is) if each.each and not _is_group(each.field, query.by)
            ]
            _fail_if(open_values, "Each of the values, or all of them together?", "compare {}", "{} together")
            open_periods = any(each.each for each in self.of(q.During)) and not any(
                each.grain for each in query.by
            )
            _fail_if(open_periods, "Each of the periods, or all of them together?", "compare {}")


def _is_group(field: Field, by: Iterable[q.Dimension]) -> bool:
    """Return whether each value of a field has a group of its own."""
    entities = [each.entity.name for each in by if each.entity is not None]
    fields = [each.field for each in by if each.field is not None]
    return field in fields or field.entity in {*entities, *(each.within for each in fields)}
