"""The parts of a question, sorted by what they mean."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeVar

from connecty_frames.sandbox.questions.meanings import (
    Acted,
    By,
    ByField,
    Compared,
    Descending,
    Extra,
    Fields,
    Happened,
    Lacks,
    Measured,
    Mentioned,
    NoReadingError,
    Noun,
    OnlyDistinct,
    Owns,
    Ranked,
    Share,
    Sorted,
    TopN,
    flat,
    whole,
)
from connecty_frames.sandbox.questions.model import Entity, Field, SemanticModel
from connecty_frames.sandbox.questions.query import (
    Compare,
    Condition,
    Count,
    Did,
    Dimension,
    Has,
    Having,
    Is,
    MeasureLike,
    Month,
    Never,
    Of,
    Order,
    Recent,
    Times,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


_T = TypeVar("_T")
#: Amounts that may be years as well.
_YEARS: Final = range(2001, 2100)


class Parts:
    """The parts of a question by meaning; a kind that is not in ``used`` leaves it without a reading."""

    def __init__(self, parts: Iterable[Any], model: SemanticModel, used: str) -> None:
        self._model = model
        self.measured: list[Measured] = []
        self.fields: tuple[Field, ...] = ()
        self.extra_dimensions: list[Dimension] = []
        self.extra_measures: list[MeasureLike] = []
        self.limit: int | None = None
        self.by_field: ByField | None = None
        self.direction: Descending | None = None
        self.is_counted = False
        self.is_percent = False
        self.has_share = False
        self._noun: Noun | None = None
        self._ranked: Ranked | None = None
        self._sorted: Sorted | None = None
        self._top: int | None = None
        dimensions: list[Dimension] = []
        conditions: list[Any] = []
        for part in flat(parts):
            match part:
                case None:
                    pass
                case Measured():
                    self.measured.append(part)
                    conditions += part.where
                case Noun():
                    self._noun = _only_one(self._noun, part)
                    conditions += part.where
                case Ranked():
                    self._ranked = _only_one(self._ranked, part)
                    conditions += part.where
                case By(by):
                    dimensions += by
                case Fields(fields):
                    self.fields += fields
                case Decimal():
                    self.limit = _only_one(self.limit, whole(str(part)))
                case ByField():
                    self.by_field = _only_one(self.by_field, part)
                case Descending():
                    self.direction = _only_one(self.direction, part)
                case Sorted():
                    self._sorted = _only_one(self._sorted, part)
                case TopN(number):
                    self._top = _only_one(self._top, number)
                case Share(percent):
                    self.has_share = True
                    self.is_percent = self.is_percent or percent
                case Extra(Dimension() as dimension):
                    self.extra_dimensions.append(dimension)
                case Extra(shown) if not isinstance(shown, Dimension):
                    self.extra_measures.append(shown)
                case OnlyDistinct():
                    self.is_counted = True
                case Field():
                    self.fields += (part,)
                case _:
                    conditions.append(part)
        self.by = tuple(dimensions)
        self.mentioned = [each.entity for each in conditions if isinstance(each, Mentioned)]
        found = {
            "measured": self.measured,
            "noun": self._noun,
            "ranked": self._ranked,
            "by": self.by,
            "fields": self.fields,
            "limit": self.limit,
            "by_field": self.by_field,
            "sorted": self.direction or self._sorted or self._top,
            "share": self.has_share,
            "extra": [*self.extra_dimensions, *self.extra_measures],
            "counted": self.is_counted,
        }
        if any(part and kind not in used.split() for kind, part in found.items()):
            raise NoReadingError
        self.where = self._resolved(conditions)
        if len(set(self.by)) != len(self.by):
            raise NoReadingError

    @property
    def measure(self) -> MeasureLike:
        """The only measure."""
        if len(self.measured) != 1:
            raise NoReadingError
        return self.measured[0].measure

    @property
    def subject(self) -> Noun:
        """The noun whose rows are asked for."""
        if self._noun is None:
            raise NoReadingError
        return self._noun

    @property
    def ranked(self) -> Ranked:
        """What is ranked."""
        if self._ranked is None:
            raise NoReadingError
        return self._ranked

    @property
    def row_limit(self) -> int:
        """How many rows are asked for: one for a singular noun."""
        if self.limit is None and self.subject.is_plural:
            raise NoReadingError
        return 1 if self.limit is None else self.limit

    def order(self) -> Order | None:
        """Return the order of totals that is asked for."""
        if self._sorted is not None:
            return Order(self._sorted.measure, self._sorted.descending, self._top)
        if self.direction is None and self._top is None:
            return None
        return Order(self.measured[0].measure, self.direction is None or self.direction.value, self._top)

    def _resolved(self, conditions: list[Any]) -> frozenset[Condition]:
        """Return conditions, those that depend on the noun of the question resolved."""
        entity = self._entity()
        if any(isinstance(each, Having) for each in conditions) and any(
            each is not entity for each in self.mentioned
        ):
            raise NoReadingError  # "orders of customers with more than 5 orders": those of the customers
        is_of_person = self._ranked is None and entity is not None and entity.person
        if is_of_person and any(isinstance(each, Happened) for each in conditions):
            raise NoReadingError  # people order, they are not ordered
        found = frozenset(_resolved(condition, entity, self._model) for condition in conditions)
        compared = {each.field for each in found if isinstance(each, Compare)}
        redundant = {
            each for each in found if isinstance(each, Has) and not each.negated and each.field in compared
        }
        fields = [each.field for each in found if isinstance(each, Is) and not each.negated]
        periods = [each.field for each in found if isinstance(each, Times | Recent)]
        if None in periods and any(isinstance(each, Month) for each in found):
            raise NoReadingError  # "July 2025" is read as one period
        if len(set(fields)) != len(fields) or len(set(periods)) != len(periods):
            raise NoReadingError  # a field has one value at a time
        return found - redundant

    def _entity(self) -> Entity | None:
        if self._noun is not None:
            return self._noun.entity
        if self._ranked is not None:
            return self._ranked.dimension.entity
        counts = [each.measure.entity for each in self.measured if isinstance(each.measure, Count)]
        return counts[0] if counts else None


def _resolved(condition: Any, entity: Entity | None, model: SemanticModel) -> Condition:
    match condition:
        case Compared(operator, numbers, unit):
            if entity is None or (entity.amount is None and unit is None):
                raise NoReadingError
            if unit is not None and unit.entity != entity.name:
                raise NoReadingError  # "orders over 5 kg" are not those of a product over 5 kg
            if unit is None and any(number in _YEARS for number in numbers):
                raise NoReadingError  # "orders over 2024" may be those of that year
            return Compare(unit or model.find(entity.name, str(entity.amount)), operator, numbers)
        case Lacks(row, where):
            if entity is None or entity is row:
                raise NoReadingError
            return Never(entity, row, frozenset(where))
        case Owns(row):
            if entity is None or entity is row or not model.belongs(row.name, entity.name):
                raise NoReadingError
            return Did(row)
        case Acted(event, is_counted):
            if entity is None or event.entity != entity.name:
                raise NoReadingError
            if is_counted:
                return Of(entity)
            return Did(model.entity[event.row], event.means_units)
        case Having(Count(counted)) if counted is entity:
            raise NoReadingError
        case Mentioned(mentioned) | Happened(mentioned):
            return Of(mentioned)
        case Never() if condition.entity is not entity:
            raise NoReadingError
        case tuple() | str():
            raise NoReadingError
        case _:
            result: Condition = condition
            return result


def _only_one(earlier: _T | None, part: _T) -> _T:
    """Return the one part of its kind; a second one with another meaning has no place."""
    if earlier is not None and earlier != part:
        raise NoReadingError
    return part


def two_periods(parts: Iterable[Any]) -> tuple[Times, Times]:
    """Return the two periods among the parts of a question."""
    periods = [part for part in flat(parts) if isinstance(part, Times)]
    if len(periods) != 2:
        raise NoReadingError
    return periods[0], periods[1]
