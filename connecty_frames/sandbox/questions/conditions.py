"""The meanings of conditions in questions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connecty_frames.sandbox.questions.meanings import (
    Acted,
    Compared,
    Happened,
    Lacks,
    Measured,
    Mentioned,
    NoReadingError,
    Noun,
    Owns,
    one_of,
    whole,
)
from connecty_frames.sandbox.questions.measures import MeasurePhrases
from connecty_frames.sandbox.questions.model import Entity, Event, Field, Measure, Value
from connecty_frames.sandbox.questions.query import (
    Compare,
    Condition,
    Count,
    Has,
    Having,
    Is,
    IsKey,
    IsNumbered,
    Named,
    Never,
    Of,
    Recent,
    TimeOf,
    Times,
)


class ConditionPhrases(MeasurePhrases):
    """The meanings of conditions."""

    # Conditions on values

    def any_value(self, *values: Any) -> Is:
        return one_of(values)

    def each_value(self, *values: Any) -> Is:
        return replace(one_of(values), each=True)

    def is_not_value(self, condition: Is) -> Is:
        # What is neither true nor false is unknown, which may count as "not" or may not.
        if condition.field.type == "boolean":
            raise NoReadingError
        return replace(condition, negated=True, each=False)

    def is_not_entity(self, value: tuple[Field, Value], entity: Entity) -> Is:
        if value[0].entity != entity.name:
            raise NoReadingError
        return self.is_not_value(one_of([value]))

    def field_is(self, field: Field, value: tuple[Field, Value]) -> Is:
        if value[0] is not field:
            raise NoReadingError
        return one_of([value])

    def value_field(self, value: tuple[Field, Value], field: Field) -> Is:
        return self.field_is(field, value)

    def field_compares(self, field: Field, compared: Compared) -> Compare:
        if compared.unit not in {None, field}:
            raise NoReadingError
        return Compare(field, compared.operator, compared.numbers)

    def verb_compares(self, field: Field, compared: Compared) -> Compared:
        """Return what the noun of the question does: orders that cost, not those of products that do."""
        self.field_compares(field, compared)
        return compared._replace(unit=field)

    def compares_field(self, compared: Compared, field: Field) -> Compare:
        return self.field_compares(field, compared)

    def has(self, field: Field) -> Has:
        return Has(field)

    def has_not(self, field: Field) -> Has:
        return Has(field, negated=True)

    def not_yet(self, field: Field) -> Has:
        """Return that there is no time of shipping, for what was not shipped."""
        if not field.is_time or self.is_default_time(field):
            raise NoReadingError
        return Has(field, negated=True)

    def key_is(self, entity: Entity, numeral: str) -> IsKey:
        # What its label identifies has a code as its key.
        if len(entity.key) > 1 or entity.unique_label:
            raise NoReadingError
        return IsKey(entity, whole(numeral))

    def product_is(self, value: tuple[Field, Value], numeral: str) -> IsNumbered:
        field, category = value
        if field.name != "category":
            raise NoReadingError
        return IsNumbered(self.model.find(field.entity, "name"), category, whole(numeral))

    # Conditions on times

    def verb_when(self, field: Field, when: Any) -> Any:
        if not field.is_time:
            raise NoReadingError
        if self.is_default_time(field):
            return self.time_of(field), when
        if not isinstance(when, Times | Recent):
            raise NoReadingError
        return replace(when, field=field)

    def time_of(self, field: Field) -> TimeOf | Happened:
        if not field.is_time:
            raise NoReadingError
        return Happened(self.model.entity[field.entity]) if self.is_default_time(field) else TimeOf(field)

    # Conditions on other rows

    def did(self, event: Event) -> Acted:
        return Acted(event)

    def bought(self, event: Event, *parts: Any) -> tuple[Any, ...]:
        *_at_least_one, values = parts
        if values.each:
            raise NoReadingError
        return Acted(event), values

    def at_least_one(self, numeral: str) -> None:
        if whole(numeral) != 1:
            raise NoReadingError

    def never(self, event: Event, *where: Condition) -> Never:
        if any(isinstance(condition, Is) and condition.each for condition in where):
            raise NoReadingError
        return Never(self.model.entity[event.entity], self.model.entity[event.row], frozenset(where))

    def never_rows(self, value: tuple[Field, Value], entity: Entity, *where: Condition) -> Lacks:
        if value[0].entity != entity.name:
            raise NoReadingError
        return Lacks(entity, (one_of([value]), *where))

    def never_having(self, field: Field, *where: Condition) -> Lacks:
        return Lacks(self.model.entity[field.entity], (Has(field), *where))

    def without_rows(self, *parts: Any) -> Lacks:
        (entity,) = (part for part in parts if isinstance(part, Entity))
        return Lacks(entity, tuple(part for part in parts if part is not entity))

    def with_rows(self, entity: Entity) -> Owns:
        return Owns(entity)

    def count_compares(self, compared: Compared, noun: Noun) -> Having:
        return _having(self.counting(noun), compared)

    def measure_compares(self, measure: Measure, compared: Compared) -> Having:
        return _having(self.named(measure), compared)

    def compares_measure(self, compared: Compared, measure: Measure) -> Having:
        return self.measure_compares(measure, compared)

    def times_compares(self, event: Event, compared: Compared) -> tuple[Any, ...]:
        return Acted(event, is_counted=True), _having(
            self.counting(Noun(self.model.entity[event.row])), compared
        )

    def spent_compares(self, _event: Event, compared: Compared) -> Having:
        return _having(self.revenue, compared)

    def mention(self, *arguments: Any) -> tuple[Condition, ...]:
        *conditions, entity = arguments
        return (Mentioned(entity), *conditions)

    def doers_who(self, *parts: Any) -> tuple[Condition, ...]:
        (entity,) = (part for part in parts if isinstance(part, Entity))
        return (Of(entity), *(part for part in parts if part is not entity))

    def of_entity(self, entity: Entity) -> Of:
        return Of(entity)


def _having(measured: Measured, compared: Compared) -> Having:
    if compared.unit is not None or not isinstance(measured.measure, Count | Named):
        raise NoReadingError
    return Having(measured.measure, compared.operator, compared.numbers, frozenset(measured.where))
