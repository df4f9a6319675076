"""What phrases mean beside conditions, dimensions and measures, and what single words stand for."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connecty_frames.sandbox.questions.query import (
    Condition,
    Dimension,
    Grain,
    Is,
    MeasureLike,
    Operator,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from connecty_frames.sandbox.questions.model import Entity, Event, Field


class NoReadingError(Exception):
    """Words have no meaning together."""


class By(NamedTuple):
    """The dimensions by which a measure is asked for."""

    dimensions: tuple[Dimension, ...]


class Measured(NamedTuple):
    """A measure, and the conditions of its noun; a bare noun may mean rows as well as their number."""

    measure: MeasureLike
    where: tuple[Any, ...] = ()
    is_bare: bool = False


class Noun(NamedTuple):
    """An entity, and the conditions of its adjectives."""

    entity: Entity
    where: tuple[Condition, ...] = ()
    distinct: bool = False
    is_plural: bool = True


class Ranked(NamedTuple):
    """What is ranked, and the conditions of its adjectives."""

    dimension: Dimension
    where: tuple[Condition, ...] = ()
    is_plural: bool = True


class Compared(NamedTuple):
    """A comparison with numbers, and the field whose unit they have."""

    operator: Operator
    numbers: tuple[Decimal, ...]
    unit: Field | None = None


class ByField(NamedTuple):
    """The field by which rows are ordered."""

    field: Field
    descending: bool


class Lacks(NamedTuple):
    """A condition that the noun of the question has no rows of an entity that meet conditions."""

    row: Entity
    where: tuple[Condition, ...]


class Acted(NamedTuple):
    """The noun of the question did something, or had it done to it; a count of how often says that it did."""

    event: Event
    is_counted: bool = False


class Happened(NamedTuple):
    """A condition that the rows belong to an entity that happened: "made", "sold"."""

    entity: Entity


class Mentioned(NamedTuple):
    """A condition that the rows belong to an entity, whose noun the question has."""

    entity: Entity


class Owns(NamedTuple):
    """A condition that the noun of the question has rows of an entity."""

    row: Entity


class Descending(NamedTuple):
    """A direction; its kind is "duration" after "longest" and "judged" after "best"."""

    value: bool
    kind: str | None = None


class Sorted(NamedTuple):
    """The measure by which totals are ordered."""

    measure: MeasureLike
    descending: bool


class TopN(NamedTuple):
    """How many groups are kept."""

    number: int


class Share(NamedTuple):
    """A share, in percent or not."""

    percent: bool


class Fields(NamedTuple):
    """Fields that are shown."""

    fields: tuple[Field, ...]


class Extra(NamedTuple):
    """What is shown beside a ranked group: a measure or a dimension."""

    shown: MeasureLike | Dimension


class Active(NamedTuple):
    """A sign that only those are counted that did something."""


class OnlyDistinct(NamedTuple):
    """A sign that groups and not rows are counted, or that a total is meant and not rows."""


def _numbered(names: str) -> dict[str, int]:
    return {name: number for number, name in enumerate(names.split(), 1)}


_GRAINS: Final[dict[str, Grain]] = {
    "yearly": "year",
    "half_yearly": "half_year",
    "quarterly": "quarter",
    "monthly": "month",
    "weekly": "week",
    "daily": "day",
    "hourly": "hour",
}
_SIMPLE: Final = (
    "year half_year quarter month week day weekday hour month_of_year"
    " mean median minimum maximum total deviation earliest latest shortest longest"
)
#: The meanings of rules and alternatives that stand for one thing.
CONSTANTS: Final[dict[str, Any]] = {
    **_numbered("january february march april may june july august september october november december"),
    **_numbered("monday tuesday wednesday thursday friday saturday sunday"),
    **_numbered("first second third fourth"),
    **{name: name for name in _SIMPLE.split()},
    **{name: By((Dimension(grain=grain),)) for name, grain in _GRAINS.items()},
    "weekend": (6, 7),
    "workdays": (1, 2, 3, 4, 5),
    "dozen": Decimal(12),
    "downward": Descending(value=True),
    "upward": Descending(value=False),
    "fraction": Share(percent=False),
    "best_first": Descending(value=True, kind="judged"),
    "worst_first": Descending(value=False, kind="judged"),
    "longest_first": Descending(value=True, kind="duration"),
    "shortest_first": Descending(value=False, kind="duration"),
    "percent": Share(percent=True),
    "distinct": OnlyDistinct(),
    "active": Active(),
    "in_total": OnlyDistinct(),
    "nothing": None,
}


class PartOf(NamedTuple):
    """The conditions on the part of a measure whose share is asked."""

    where: tuple[Any, ...]


def whole(numeral: str) -> int:
    """Return a whole number, or raise NoReadingError."""
    number = Decimal(numeral.replace(",", ""))
    if number != number.to_integral_value():
        raise NoReadingError
    return int(number)


def flat(parts: Iterable[Any]) -> Iterator[Any]:
    """Yield parts, those of plain tuples one by one."""
    for part in parts:
        if type(part) is tuple:
            yield from flat(part)
        else:
            yield part


def only(parts: Iterable[Any], kind: type[Any]) -> Any:
    """Return the only part of a kind."""
    found = [part for part in parts if isinstance(part, kind)]
    if len(found) != 1:
        raise NoReadingError
    return found[0]


def one_of(values: Any) -> Is:
    """Return the condition that a field has one of some values; all must be of the same field."""
    field = values[0][0]
    if any(other is not field for other, _ in values):
        raise NoReadingError
    return Is(field, tuple(value for _, value in values))
