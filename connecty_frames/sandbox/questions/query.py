"""What a question asks for: the meaning that all of its wordings share.

A query names parts of the semantic model and values of it, numbers and dates. It holds no text of the
question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from connecty_frames.sandbox.questions.model import Entity, Field, Measure, Value

Grain = Literal["year", "half_year", "quarter", "month", "week", "day", "weekday", "hour", "month_of_year"]
Statistic = Literal["mean", "median", "minimum", "maximum", "total", "deviation"]
Operator = Literal[">", "<", ">=", "<=", "=", "between"]
Window = Literal["share", "growth", "growth_of_year", "change", "running"]


@dataclass(frozen=True, slots=True)
class Dimension:
    """What rows are grouped by: an entity, a field or whether it has a value, or a unit of time."""

    entity: Entity | None = None
    field: Field | None = None
    grain: Grain | None = None
    presence: bool = False


# Measures


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows of an entity; with ``distinct``, how many of those that rows of another refer to."""

    entity: Entity
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A measure of the model."""

    measure: Measure


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A statistic of a field."""

    statistic: Statistic
    field: Field


@dataclass(frozen=True, slots=True)
class Nested:
    """A statistic of a measure over groups."""

    statistic: Statistic
    measure: Count | Named
    per: Dimension


@dataclass(frozen=True, slots=True)
class Distinct:
    """How many values a field has."""

    field: Field


MeasureLike = Count | Distinct | Named | Aggregate | Nested


# Conditions


@dataclass(frozen=True, slots=True)
class Is:
    """A field has one of some values; if they are joined by "and", only groups or rows of each make sense."""

    field: Field
    values: tuple[Value, ...]
    negated: bool = False
    each: bool = False


@dataclass(frozen=True, slots=True)
class Compare:
    """A field compares with a number, or is between two."""

    field: Field
    operator: Operator
    numbers: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """A field has a value, or none."""

    field: Field
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Times:
    """A time is in a period, the end excluded; no field means the time at which the rows happened."""

    start: date | None
    end: date | None
    grain: Grain | None = None
    field: Field | None = None


@dataclass(frozen=True, slots=True)
class TimeOf:
    """The time that units and periods of time refer to is this field."""

    field: Field


@dataclass(frozen=True, slots=True)
class Either:
    """A time is in one of some periods; if they are joined by "and", only groups of each make sense."""

    periods: tuple[Times, ...]
    each: bool = False


@dataclass(frozen=True, slots=True)
class Recent:
    """A time is in a span that ends with the latest time of the data."""

    number: int
    unit: str
    field: Field | None = None


@dataclass(frozen=True, slots=True)
class Days:
    """A time is on some days of the week, 1 being Monday."""

    days: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Month:
    """A time is in a month of any year, which makes sense only for groups of each year."""

    number: int


@dataclass(frozen=True, slots=True)
class IsKey:
    """The row of an entity with that key."""

    entity: Entity
    number: int


@dataclass(frozen=True, slots=True)
class IsNumbered:
    """The row whose name is that of its category, "no." and a number."""

    field: Field
    category: Value
    number: int


@dataclass(frozen=True, slots=True)
class Did:
    """An entity has rows of another; ``means_units`` if their number may be meant rather than its own."""

    row: Entity
    means_units: bool = False


@dataclass(frozen=True, slots=True)
class Never:
    """An entity has no rows of another that meet all conditions."""

    entity: Entity
    row: Entity
    where: frozenset[Condition] = frozenset()


@dataclass(frozen=True, slots=True)
class Having:
    """A measure of each group compares with a number, or is between two."""

    measure: Count | Named
    operator: Operator
    numbers: tuple[Decimal, ...]
    where: frozenset[Condition] = frozenset()


@dataclass(frozen=True, slots=True)
class Of:
    """The rows belong to an entity, which says nothing about their values."""

    entity: Entity


Condition = (
    Is
    | Compare
    | Has
    | Times
    | TimeOf
    | Either
    | Recent
    | Days
    | Month
    | IsKey
    | IsNumbered
    | Did
    | Never
    | Having
    | Of
)


# Queries


@dataclass(frozen=True, slots=True)
class Order:
    """How result rows are ordered, and how many of the first are kept."""

    by: MeasureLike | Field | Literal["time", "key"]
    descending: bool
    limit: int | None = None
    per: tuple[Dimension, ...] = ()


@dataclass(frozen=True, slots=True)
class Totals:
    """Measures by dimensions; ``window`` is computed from the measure across the groups."""

    measures: tuple[MeasureLike, ...]
    by: tuple[Dimension, ...] = ()
    where: frozenset[Condition] = frozenset()
    order: Order | None = None
    window: Window | None = None
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Proportion:
    """The share of a measure that a condition accounts for."""

    measure: MeasureLike
    of: frozenset[Condition]
    by: tuple[Dimension, ...] = ()
    where: frozenset[Condition] = frozenset()
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of an entity."""

    entity: Entity
    fields: tuple[Field, ...] = ()
    where: frozenset[Condition] = frozenset()
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """How a measure changed between periods; ``only`` keeps groups that grew (``>``) or shrank (``<``)."""

    measure: MeasureLike
    first: Times
    second: Times
    by: tuple[Dimension, ...] = ()
    where: frozenset[Condition] = frozenset()
    percent: bool = False
    only: Literal[">", "<"] | None = None


Query = Totals | Proportion | Change | Rows
