"""The meanings of whole questions: queries made of the meanings of their phrases."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connecty_frames.sandbox.questions.meanings import (
    By,
    ByField,
    Descending,
    Measured,
    NoReadingError,
    Noun,
    PartOf,
    Share,
    flat,
    only,
)
from connecty_frames.sandbox.questions.model import Entity, Field, Value
from connecty_frames.sandbox.questions.parts import Parts, two_periods
from connecty_frames.sandbox.questions.query import (
    Aggregate,
    Change,
    Compare,
    Condition,
    Count,
    Days,
    Did,
    Dimension,
    Distinct,
    Either,
    Has,
    Is,
    IsKey,
    IsNumbered,
    MeasureLike,
    Of,
    Proportion,
    Query,
    Statistic,
    Times,
    Totals,
    Window,
)
from connecty_frames.sandbox.questions.rankings import RankingReadings

if TYPE_CHECKING:
    from collections.abc import Iterable


#: What shares may be of: conditions on the rows themselves, whose rows are a part of all.
_PARTS = (Is, Compare, Has, IsKey, IsNumbered, Days)


class Readings(RankingReadings):
    """Returns the meanings of all rules of the grammar, those of questions as queries."""

    def read(self, rule: str, parts: tuple[Any, ...]) -> Any:
        """Return the meaning of a rule with these parts; NoReadingError if they have none together."""
        method = getattr(self, rule, None)
        if method is not None:
            return method(*parts)
        return parts[0] if len(parts) == 1 else parts

    # Totals

    def totals(self, *parts: Any) -> Query:
        found = Parts(parts, self.model, "measured by sorted extra counted")
        if found.extra_dimensions:
            raise NoReadingError
        of_products = any(isinstance(each, Is) and each.field.entity == "product" for each in found.where)
        is_revenue = any(each.measure == self.revenue.measure for each in found.measured)
        if found.mentioned and is_revenue and of_products:
            raise NoReadingError  # "revenue of orders with lamps": of the lamps, or of all in the orders
        if len(found.measured) == 1 and found.measured[0].is_bare and not found.by and not found.is_counted:
            raise NoReadingError  # rows may be meant
        if found.order() is None and any(
            each.entity is not None and each.entity.time is not None for each in found.by
        ):
            raise NoReadingError  # "revenue per order" may be the average
        shown = [*(each.measure for each in found.measured), *found.extra_measures]
        measures = tuple(self._of_active(measure, found.where) for measure in shown)
        return Totals(measures, found.by, found.where, found.order())

    def count(self, noun: Noun, *parts: Any) -> Query:
        return self.totals(self.counting(noun), *parts)

    def units_of(self, *parts: Any) -> Query:
        """How many lamps were sold."""
        if not isinstance(parts[0], Is) or parts[0].field.entity != "product":
            raise NoReadingError
        return self.totals(self.units, *parts)

    def money(self, *parts: Any) -> Query:
        return self.totals(self.revenue, *parts)

    def measure_total(self, *parts: Any) -> Query:
        measure, *rest = parts
        return self.totals(self.named(measure), *rest)

    def trend(self, *parts: Any) -> Query:
        query = self.totals(*parts)
        if not isinstance(query, Totals) or not any(dimension.grain for dimension in query.by):
            raise NoReadingError
        return query

    def average_for(self, noun: Noun, entity: Entity, *parts: Any) -> Query:
        """How many the average customer has."""
        return self.totals(self.nested_mean(self.counting(noun), Dimension(entity=entity)), *parts)

    def average_count(self, noun: Noun, dimension: Dimension) -> Query:
        return self.totals(self.nested_mean(self.counting(noun), dimension))

    def distinct_values(self, *parts: Any) -> Query:
        found = Parts(parts, self.model, "fields by counted")
        (field,) = found.fields
        if field.type not in {"category", "text"}:
            raise NoReadingError
        return Totals((Distinct(field),), found.by, found.where)

    def value_rows(self, *parts: Any) -> Query:
        found = Parts(parts, self.model, "fields by counted")
        (field,) = found.fields
        return Totals((), (self.field_dimension(field), *found.by), found.where)

    def moment(self, *parts: Any) -> Query:
        """Return the time of the first or last row."""
        found = Parts(parts, self.model, "noun by sorted")
        entity, direction = found.subject.entity, found.direction
        field = self.model.time_field(entity.name)
        if field is None or direction is None:
            raise NoReadingError
        statistic: Statistic = "maximum" if direction.value else "minimum"
        return Totals((Aggregate(statistic, field),), found.by, found.where)

    def moment_of_superlative(self, by_field: ByField, *parts: Any) -> Query:
        if not self.is_default_time(by_field.field):
            raise NoReadingError
        return self.moment(Descending(by_field.descending), *parts)

    def _of_active(self, measure: MeasureLike, where: frozenset[Condition]) -> MeasureLike:
        """Count those of an entity that did something, unless units may be meant, as by "products sold"."""
        did = [condition for condition in where if isinstance(condition, Did)]
        if not did or not isinstance(measure, Count) or measure.distinct:
            return measure
        if any(condition.means_units for condition in did):
            raise NoReadingError
        return Count(measure.entity, distinct=True)

    # Shares, growth and comparisons

    def predicate_part(self, *conditions: Any) -> PartOf:
        return PartOf(conditions)

    where_part = predicate_part

    def proportion_of(self, *parts: Any) -> Query:
        part = only(parts, PartOf)
        found = Parts([each for each in parts if each is not part], self.model, "measured by share")
        of = Parts([Measured(found.measure), part.where], self.model, "measured").where
        of = frozenset(condition for condition in of if not isinstance(condition, Of))
        return self._proportion(found, of, found.where)

    def proportion_by(self, *parts: Any) -> Query:
        found = Parts(parts, self.model, "measured by share sorted")
        (measured,) = found.measured
        if measured.where:
            # "The share of returned orders by month"; by status, say, it may be a share of the returned ones.
            if any(dimension.grain is None for dimension in found.by):
                raise NoReadingError
            return self._proportion(found, frozenset(measured.where), found.where.difference(measured.where))
        parts_before = list(itertools.takewhile(lambda part: not isinstance(part, By), flat(parts)))
        if any(isinstance(part, _PARTS) for part in parts_before):
            raise NoReadingError  # "the share of orders from Poland by status" is that of Poland
        is_by_time = all(dimension.grain is not None for dimension in found.by)
        if len(found.by) > 1 and any(dimension.grain is not None for dimension in found.by):
            raise NoReadingError  # shares by country and year: of all, or of each year
        if not found.by or (is_by_time and any(isinstance(each, _PARTS) for each in found.where)):
            raise NoReadingError
        return Totals(
            (found.measure,), found.by, found.where, found.order(), window="share", percent=found.is_percent
        )

    def proportion_by_owner(self, dimension: Dimension, *parts: Any) -> Query:
        return self.proportion_by(By((dimension,)), *parts)

    def proportion_owned(self, value: tuple[Field, Value], *parts: Any) -> Query:
        return self.proportion_of(PartOf((self.adjective(value),)), *parts)

    def _proportion(self, found: Parts, of: frozenset[Condition], where: frozenset[Condition]) -> Query:
        if not of or not all(isinstance(condition, _PARTS) for condition in of):
            raise NoReadingError
        return Proportion(found.measure, of, found.by, where, found.is_percent)

    def growth(self, *parts: Any) -> Query:
        parts = tuple(dict.fromkeys(parts))  # "by month with month over month growth"
        found = Parts(parts, self.model, "measured by share")
        grains = [dimension for dimension in found.by if dimension.grain is not None]
        year = Dimension(grain="year")
        if (
            len(grains) > 1 and year in grains
        ):  # the growth of a quarter or month from that of the year before
            by = tuple(dimension for dimension in found.by if dimension != year)
            return Totals(
                (found.measure,), by, found.where, window="growth_of_year", percent=found.is_percent
            )
        return self._windowed(parts, "growth")

    def proportion_of_noun(self, noun: Noun, share: Share, whole_noun: Noun, *parts: Any) -> Query:
        """Gift orders as a share of all orders."""
        if noun.entity is not whole_noun.entity or whole_noun.where:
            raise NoReadingError
        return self.proportion_of(PartOf(noun.where), share, self.counting(whole_noun), *parts)

    def running(self, *parts: Any) -> Query:
        return self._windowed(parts, "running")

    def _windowed(self, parts: Iterable[Any], window: Window) -> Query:
        found = Parts(parts, self.model, "measured by share")
        return Totals((found.measure,), found.by, found.where, window=window, percent=found.is_percent)

    def year_on_year(self, *parts: Any) -> Query:
        """Return the growth of a quarter or month from the same one of the year before."""
        found = Parts(parts, self.model, "measured by")
        by = tuple(dimension for dimension in found.by if dimension.grain is None)
        years = [dimension.grain for dimension in found.by if dimension.grain is not None]
        periods = [condition for condition in found.where if isinstance(condition, Times)]
        if (
            years != ["year"]
            or len(periods) != 1
            or periods[0].grain not in {"half_year", "quarter", "month"}
        ):
            raise NoReadingError
        (period,) = periods
        return Change(found.measure, _year_before(period), period, by, found.where - {period})

    def change(self, *parts: Any) -> Query:
        first, second = two_periods(parts)
        found = Parts(
            [part for part in flat(parts) if not isinstance(part, Times)], self.model, "measured by share"
        )
        return Change(found.measure, first, second, found.by, found.where, found.is_percent)

    def compare_periods(self, *parts: Any) -> Query:
        periods = two_periods(parts)
        found = Parts(
            [part for part in flat(parts) if not isinstance(part, Times)], self.model, "measured by"
        )
        if periods[0].grain != periods[1].grain or periods[0] == periods[1]:
            raise NoReadingError
        if periods[0].grain is None:
            return self.change(*parts)
        by = (*found.by, Dimension(grain=periods[0].grain))
        return Totals((found.measure,), by, found.where | {Either(periods)}, window="change")

    def compare_counts(self, noun: Noun, *parts: Any) -> Query:
        return self.compare_periods(self.counting(noun), *parts)

    def compare_values(self, *parts: Any) -> Query:
        values = [part for part in parts if _is_value(part)]
        found = Parts([part for part in parts if not _is_value(part)], self.model, "measured by")
        condition = self.any_value(*values)
        field = condition.field
        by = (
            Dimension(entity=self.model.entity[field.entity])
            if field.name == "name"
            else Dimension(field=field)
        )
        return Totals((found.measure,), (*found.by, by), found.where | {condition})


def _is_value(part: Any) -> bool:
    return type(part) is tuple and len(part) == 2 and isinstance(part[1], Value)


def _year_before(period: Times) -> Times:
    if period.start is None or period.end is None:
        raise NoReadingError
    start, end = (day.replace(year=day.year - 1) for day in (period.start, period.end))
    return replace(period, start=start, end=end)
