"""The meanings of questions for groups in some order, and for rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connecty_frames.sandbox.questions.conditions import ConditionPhrases
from connecty_frames.sandbox.questions.meanings import (
    CONSTANTS,
    Acted,
    Descending,
    Fields,
    Measured,
    NoReadingError,
    Noun,
    Ranked,
    flat,
    only,
)
from connecty_frames.sandbox.questions.model import Entity, Event, Field, Value
from connecty_frames.sandbox.questions.parts import Parts, two_periods
from connecty_frames.sandbox.questions.query import (
    Aggregate,
    Change,
    Count,
    Days,
    Dimension,
    Either,
    Has,
    Having,
    Is,
    IsKey,
    IsNumbered,
    MeasureLike,
    Named,
    Of,
    Order,
    Query,
    Recent,
    Rows,
    Times,
    Totals,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


class RankingReadings(ConditionPhrases):
    """The meanings of questions for groups in some order, and for rows."""

    # Rankings

    def top(self, *parts: Any) -> Query:
        return self._ranking(parts, descending=True)

    def bottom(self, *parts: Any) -> Query:
        return self._ranking(parts, descending=False)

    def best(self, *parts: Any) -> Query:
        return self.by_extreme(*parts, CONSTANTS["best_first"])

    def worst(self, *parts: Any) -> Query:
        return self.by_extreme(*parts, CONSTANTS["worst_first"])

    def by_extreme(self, *parts: Any) -> Query:
        direction = only(parts, Descending)
        if direction.kind == "duration":
            raise NoReadingError
        if direction.kind == "judged":
            found = Parts(parts, self.model, "measured ranked limit by sorted extra")
            is_of_status = any(isinstance(each, Is) and each.field.name == "status" for each in found.where)
            if is_of_status or not _is_good(found.measure):
                raise NoReadingError
        return self._ranking(parts, descending=direction.value)

    def spent_by(self, *parts: Any) -> Query:
        return self.by_extreme(*parts, self.revenue)

    def ordered_most(self, *parts: Any) -> Query:
        return self.top(*parts, Measured(Count(self.model.entity["order"])))

    def best_selling(self, *parts: Any) -> Query:
        return self.top(*parts, self.units)

    def most_units_of(self, *parts: Any) -> Query:
        """In which month most lamps were sold."""
        if not any(isinstance(part, Is) and part.field.entity == "product" for part in parts):
            raise NoReadingError
        return self.by_extreme(*parts, self.units)

    def worst_selling(self, *parts: Any) -> Query:
        return self.bottom(*parts, self.units)

    def by_frequency(self, *parts: Any) -> Query:
        """Return the values that most rows have; of products, units may be meant."""
        field = only(parts, Ranked).dimension.field
        if field is None or field.entity == "product":
            raise NoReadingError
        # Rows without a value are no group; a category whose values the model lists has none.
        valued = () if field.values else (Has(field),)
        return self.by_extreme(*parts, Measured(Count(self.model.entity[field.entity]), valued))

    def most_from(self, *parts: Any) -> Query:
        noun = only(parts, Noun)
        return self.top(*[part for part in parts if part is not noun], self.counting(noun))

    def rank_all(self, *parts: Any) -> Query:
        found = Parts(parts, self.model, "measured ranked sorted extra")
        if found.by:
            raise NoReadingError
        order = found.order() or Order(found.measure, descending=True)
        return Totals((found.measure,), (found.ranked.dimension,), found.where, order)

    def who_spent(self, event: Event, *parts: Any) -> Query:
        ranked = Ranked(Dimension(entity=self._person(event)), is_plural=False)
        return self.by_extreme(*parts, ranked, self.revenue)

    def who_most(self, event: Event, *parts: Any) -> Query:
        ranked = Ranked(Dimension(entity=self._person(event)), is_plural=False)
        return self.top(*parts, ranked, Measured(Count(self.model.entity[event.row])))

    def who_most_rows(self, event: Event, *parts: Any) -> Query:
        """Who logs in most; who orders most may be by orders, units or revenue."""
        if event.sums:
            raise NoReadingError
        return self.who_most(event, *parts)

    def acted_most(self, *parts: Any) -> Query:
        """Which customers order most often."""
        event, *rest = sorted(parts, key=lambda part: not isinstance(part, Event))
        if not any(
            isinstance(part, Ranked) and part.dimension.entity is self._person(event) for part in rest
        ):
            raise NoReadingError
        return self.by_extreme(*rest, Measured(Count(self.model.entity[event.row])))

    def acted_most_rows(self, *parts: Any) -> Query:
        """Which users log in most; which customers order most may be by orders, units or revenue."""
        if any(isinstance(part, Event) and part.sums for part in parts):
            raise NoReadingError
        return self.acted_most(*parts)

    def _person(self, event: Event) -> Entity:
        """Return the entity of an event that "who" asks for."""
        entity = self.model.entity[event.entity]
        if not entity.person:
            raise NoReadingError
        return entity

    def used_most(self, *parts: Any) -> Query:
        return self.by_frequency(*parts, Descending(value=True))

    def grew(self, *parts: Any) -> Query:
        second, first = two_periods(parts)
        found = Parts(
            [part for part in flat(parts) if not isinstance(part, Times)],
            self.model,
            "measured ranked by sorted",
        )
        grown = found.direction is not None and found.direction.value
        by = (found.ranked.dimension, *found.by)
        return Change(found.measure, first, second, by, found.where, only=">" if grown else "<")

    def groups_having(self, *parts: Any) -> Query:
        found = Parts(parts, self.model, "ranked")
        having = [condition for condition in found.where if isinstance(condition, Having)]
        if len(having) != 1 or found.by:
            raise NoReadingError
        order = Order(having[0].measure, descending=having[0].operator not in {"<", "<="})
        return Totals((having[0].measure,), (found.ranked.dimension,), found.where, order)

    def _ranking(self, parts: Iterable[Any], *, descending: bool) -> Query:
        found = Parts(parts, self.model, "measured ranked limit by sorted extra")
        limit = found.limit
        if limit is None and found.ranked.is_plural:
            raise NoReadingError  # it does not say how many
        entity = found.ranked.dimension.entity
        if not descending and isinstance(found.measure, Count) and entity is not None and entity.unique_label:
            raise NoReadingError  # fewest are those of a country without any, which has no group
        order = Order(found.measure, descending, 1 if limit is None else limit, found.by)
        measures = tuple(dict.fromkeys([found.measure, *found.extra_measures]))
        return Totals(
            measures, (*found.by, found.ranked.dimension, *found.extra_dimensions), found.where, order
        )

    # Rows

    def headline_rows(self, *parts: Any) -> Query:
        """Return rows, unless their number may be meant: without "show" and with plain conditions."""
        query = self.some_rows(*parts)
        if all(isinstance(condition, Is | Times | Recent | Either | Days | Of) for condition in query.where):
            raise NoReadingError
        return query

    def some_rows(self, *parts: Any) -> Query:
        found = Parts(parts, self.model, "noun fields by_field by extra")
        is_one_row = any(isinstance(condition, IsKey | IsNumbered) for condition in found.where)
        if found.by or not (found.subject.is_plural or is_one_row):
            raise NoReadingError
        having = {each.measure for each in found.where if isinstance(each, Having)}
        if found.extra_dimensions or not having.issuperset(found.extra_measures):
            raise NoReadingError
        order = None if found.by_field is None else Order(found.by_field.field, found.by_field.descending)
        return Rows(found.subject.entity, found.fields, found.where, order)

    def who_rows(self, *parts: Any) -> Query:
        """Who did something: the event says which entity is meant."""
        acted = [part for part in flat(parts) if isinstance(part, Acted)]
        if len(acted) != 1:
            raise NoReadingError
        return self.some_rows(Noun(self._person(acted[0].event)), *parts)

    def key_row(self, *parts: Any) -> Query:
        *fields, entity, numeral = parts
        return Rows(entity, fields[0].fields if fields else (), frozenset({self.key_is(entity, numeral)}))

    def product_costs(self, value: tuple[Field, Value], numeral: str, field: Field) -> Query:
        return self.product_row(Fields((field,)), value, numeral)

    def product_row(self, *parts: Any) -> Query:
        *fields, value, numeral = parts
        condition = self.product_is(value, numeral)
        entity = self.model.entity[condition.field.entity]
        return Rows(entity, fields[0].fields if fields else (), frozenset({condition}))

    def edge_rows(self, *parts: Any) -> Query:
        found = Parts(parts, self.model, "noun fields limit by sorted")
        entity, descending = found.subject.entity, only(parts, Descending).value
        time = self.model.time_field(entity.name)
        # The first customers are those with the lowest keys; which ones are the last is less clear.
        if not entity.ordered or (time is None and descending):
            raise NoReadingError
        return Rows(
            entity, found.fields, found.where, Order(time or "key", descending, found.row_limit, found.by)
        )

    def superlative_rows(self, *parts: Any) -> Query:
        found = Parts(parts, self.model, "noun fields limit by by_field")
        if found.by_field is None:
            raise NoReadingError
        field, descending = found.by_field
        return self._rows_by(found, field, descending=descending)

    def top_rows(self, *parts: Any) -> Query:
        return self._rows_by_field(parts, descending=True)

    def bottom_rows(self, *parts: Any) -> Query:
        return self._rows_by_field(parts, descending=False)

    def extreme_rows(self, *parts: Any) -> Query:
        direction = only(parts, Descending)
        field = only(parts, Field)
        if direction.kind == "duration" and field.type != "duration":
            raise NoReadingError
        if direction.kind == "judged" and not field.good:
            raise NoReadingError
        return self._rows_by_field(parts, descending=direction.value)

    def _rows_by_field(self, parts: Iterable[Any], *, descending: bool) -> Query:
        found = Parts(parts, self.model, "noun fields limit by sorted")
        (field,) = found.fields
        return self._rows_by(found, field, descending=descending)

    def _rows_by(self, found: Parts, field: Field, *, descending: bool) -> Query:
        if field.entity != found.subject.entity.name or field.type in {"category", "boolean", "text"}:
            raise NoReadingError
        order = Order(field, descending, found.row_limit, found.by)
        return Rows(found.subject.entity, found.fields, found.where, order)


def _is_good(measure: MeasureLike) -> bool:
    """Return whether "the best" means those with the highest."""
    match measure:
        case Named(named):
            return named.good
        case Aggregate(_, field):
            return field.good
        case _:
            return True
