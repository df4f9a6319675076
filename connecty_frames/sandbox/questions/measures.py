"""The meanings of nouns, dimensions and measures in questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from connecty_frames.sandbox.questions.meanings import (
    Active,
    By,
    ByField,
    Descending,
    Extra,
    Fields,
    Measured,
    Mentioned,
    NoReadingError,
    Noun,
    OnlyDistinct,
    Ranked,
    Sorted,
    TopN,
    one_of,
    whole,
)
from connecty_frames.sandbox.questions.query import (
    Aggregate,
    Count,
    Did,
    Dimension,
    Grain,
    Has,
    Is,
    Named,
    Nested,
    Statistic,
)
from connecty_frames.sandbox.questions.times import TimePhrases

if TYPE_CHECKING:
    from decimal import Decimal

    from connecty_frames.sandbox.questions.model import Entity, Field, Measure


#: Statistics whose words say what they are of: times or durations.
_TYPED: Final[dict[str, tuple[Statistic, frozenset[str]]]] = {
    "earliest": ("minimum", frozenset({"timestamp", "date"})),
    "latest": ("maximum", frozenset({"timestamp", "date"})),
    "shortest": ("minimum", frozenset({"duration"})),
    "longest": ("maximum", frozenset({"duration"})),
}


class MeasurePhrases(TimePhrases):
    """The meanings of nouns, dimensions and measures."""

    # Nouns and dimensions

    def counted(self, *arguments: Any) -> Noun:
        if isinstance(arguments[0], Active):
            return self._active(*arguments[1:])
        distinct = isinstance(arguments[0], OnlyDistinct)
        *conditions, entity = arguments[distinct:]
        return Noun(entity, tuple(conditions), distinct)

    def _active(self, *arguments: Any) -> Noun:
        """Active customers are those who ordered; what an active product is, is not clear."""
        *conditions, entity = arguments
        if not entity.person:
            raise NoReadingError
        event = next(event for event in self.model.event if event.entity == entity.name)
        return Noun(entity, (*conditions, Did(self.model.entity[event.row])), distinct=True)

    def counted_one(self, *parts: Any) -> Noun:
        return self.counted(*parts)._replace(is_plural=False)

    def counted_values(self, *conditions: Is | Has) -> Noun:
        """Return the entity that has values of a category: "lamps" are products."""
        return Noun(self.model.entity[conditions[-1].field.entity], conditions)

    def singular_values(self, *parts: Any) -> Noun:
        *conditions, value = parts
        return self.counted_values(*conditions, self.adjective(value))._replace(is_plural=False)

    def adjective(self, condition: Any) -> Is | Has:
        return condition if isinstance(condition, Has) else one_of([condition])

    def entity_dimension(self, entity: Entity) -> Dimension:
        return Dimension(entity=entity)

    def owned_field(self, entity: Entity, field: Field) -> Field:
        if field.entity != entity.name:
            raise NoReadingError
        return field

    def field_dimension(self, field: Field) -> Dimension:
        if field.type not in {"category", "boolean"} or field.name == "name":
            raise NoReadingError
        return Dimension(field=field)

    def grain_dimension(self, grain: Grain) -> Dimension:
        return Dimension(grain=grain)

    def moment_dimension(self, field: Field, grain: Grain) -> Dimension:
        return Dimension(grain=grain, field=None if self.is_default_time(field) else field)

    def dimension_of_moment(self, grain: Grain, field: Field) -> Dimension:
        return self.moment_dimension(field, grain)

    def by(self, *parts: Any) -> Any:
        dimensions = tuple(part for part in parts if isinstance(part, Dimension))
        return By(dimensions), *(part for part in parts if not isinstance(part, Dimension))

    # Measures

    @property
    def revenue(self) -> Measured:
        """The measure that spending and earning refer to."""
        return self.named(self.model.measure_named("revenue"))

    @property
    def units(self) -> Measured:
        """The measure that selling refers to."""
        return self.named(self.model.measure_named("units_sold"))

    def named(self, measure: Measure) -> Measured:
        return Measured(Named(measure))

    def counting(self, noun: Noun) -> Measured:
        return Measured(Count(noun.entity, noun.distinct), noun.where)

    def counting_plural(self, noun: Noun) -> Measured:
        if not noun.is_plural:
            raise NoReadingError
        return self.counting(noun)

    def bare_count(self, noun: Noun) -> Measured:
        return self.counting_plural(noun)._replace(is_bare=not noun.distinct)

    def aggregate(self, statistic: Any, field: Field) -> Measured:
        if statistic in _TYPED:
            statistic, types = _TYPED[statistic]
            if field.type not in types:
                raise NoReadingError
        if (statistic, field.entity, field.name) == ("total", "order", "total"):
            return self.revenue._replace(where=(Mentioned(self.model.entity["order"]),))
        return Measured(Aggregate(statistic, field))

    def aggregate_of(self, statistic: Statistic, field: Field, entity: Entity) -> Measured:
        return self.aggregate(statistic, self.owned_field(entity, field))

    def aggregate_mean(self, field: Field) -> Measured:
        return self.aggregate("mean", field)

    def statistics(self, *statistics: Statistic) -> tuple[Statistic, ...]:
        return statistics

    def aggregates(self, statistics: tuple[Statistic, ...], field: Field) -> tuple[Measured, ...]:
        return tuple(self.aggregate(statistic, field) for statistic in statistics)

    def mean_amount(self, statistic: Statistic, entity: Entity) -> Measured:
        """Return the average of the amounts of an entity: the average order is the average order value."""
        if entity.amount is None:
            raise NoReadingError
        return self.aggregate(statistic, self.model.find(entity.name, entity.amount))

    def amount_of(self, noun: Noun) -> Measured:
        """Return the sum of the amounts of orders."""
        if noun.entity.name != "order" or noun.distinct:
            raise NoReadingError
        return self.revenue._replace(where=(Mentioned(noun.entity), *noun.where))

    def nested(self, statistic: Statistic, measured: Measured, dimension: Dimension) -> Measured:
        if not isinstance(measured.measure, Count | Named) or statistic in _TYPED:
            raise NoReadingError
        if dimension.grain in {"weekday", "hour", "month_of_year"}:
            raise NoReadingError
        # "The average revenue per country" may as well be that of an order, by country.
        is_single = dimension.entity is not None and not dimension.entity.unique_label
        if isinstance(measured.measure, Named) and dimension.grain is None and not is_single:
            raise NoReadingError
        return Measured(Nested(statistic, measured.measure, dimension), measured.where)

    def nested_adjective(self, statistic: Statistic, by: By, measured: Measured) -> Measured:
        return self.nested(statistic, measured, by.dimensions[0])

    def nested_mean(self, measured: Measured, dimension: Dimension) -> Measured:
        return self.nested("mean", measured, dimension)

    def sorted_by(self, measured: Measured, direction: Descending | None = None) -> Sorted:
        return Sorted(measured.measure, direction is None or direction.value)

    def top_n(self, number: Decimal) -> TopN:
        return TopN(whole(str(number)))

    def fields(self, *fields: Field) -> Fields:
        return Fields(fields)

    def extra_dimension(self, dimension: Dimension) -> Extra:
        return Extra(dimension)

    def extra_value(self) -> Extra:
        return Extra(self.revenue.measure)

    def presence(self, field: Field) -> By:
        return By((Dimension(field=field, presence=True),))

    def presence_of(self, field: Field, other: Field) -> By:
        if field is not other:
            raise NoReadingError
        return self.presence(field)

    def extra_measure(self, measured: Measured) -> Extra:
        if measured.where:
            raise NoReadingError
        return Extra(measured.measure)

    # Subjects of rankings and rows

    def ranked_one(self, *arguments: Any) -> Ranked:
        return self.ranked_many(*arguments)._replace(is_plural=False)

    def ranked_many(self, *arguments: Any) -> Ranked:
        *conditions, entity = arguments
        return Ranked(Dimension(entity=entity), tuple(conditions))

    def ranked_values(self, *conditions: Is | Has) -> Ranked:
        noun = self.counted_values(*conditions)
        return Ranked(Dimension(entity=noun.entity), noun.where)

    def ranked_field_one(self, field: Field) -> Ranked:
        return self.ranked_field_many(field)._replace(is_plural=False)

    def ranked_field_many(self, field: Field) -> Ranked:
        return Ranked(self.field_dimension(field))

    def ranked_grain_one(self, grain: Grain) -> Ranked:
        return self.ranked_grain_many(grain)._replace(is_plural=False)

    def ranked_grain_many(self, grain: Grain) -> Ranked:
        return Ranked(Dimension(grain=grain))

    def subject(self, *arguments: Any) -> Noun:
        *conditions, entity = arguments
        return Noun(entity, tuple(conditions))

    def subject_one(self, *arguments: Any) -> Noun:
        return self.subject(*arguments)._replace(is_plural=False)

    def most(self, field: Field) -> ByField:
        return ByField(field, descending=True)

    def least(self, field: Field) -> ByField:
        return ByField(field, descending=False)

    def superlative_first(self, by_field: ByField) -> Descending:
        return Descending(by_field.descending)

    def order_by(self, field: Field, direction: Descending | None = None) -> ByField:
        return ByField(field, field.is_number if direction is None else direction.value)
