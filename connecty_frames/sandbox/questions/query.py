"""What a question asks for, in terms of the semantic model, numbers and dates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from connecty_frames.sandbox.questions.model import Entity, Field, Measure, Value

Grain = Literal["year", "half_year", "quarter", "month", "week", "day", "weekday", "hour"]
Statistic = Literal["avg", "median", "min", "max", "sum", "stddev"]
Operator = Literal[">", "<", ">=", "<=", "=", "between"]
Window = Literal["share", "growth", "running"]


class Refused(Exception):
    """A question is refused; with the reason, the words at fault, and other wordings to try."""

    def __init__(self, reason: str, *offers: str, words: Iterable[str] = ()) -> None:
        super().__init__(reason)
        self.offers, self.words = offers, words


def fail_if(is_unclear: object, reason: str, *offers: str) -> None:
    """Refuse a question if it is unclear or cannot be answered."""
    if is_unclear:
        raise Refused(reason, *offers)


class Dimension(msgspec.Struct, frozen=True):
    """What rows are grouped by: an entity, a field (or its presence), or a unit of time."""

    entity: Entity | None = None
    field: Field | None = None
    grain: Grain | None = None
    presence: bool = False

    @property
    def owner(self) -> str:
        """The name of its entity, or that of its field; "" for a unit of time."""
        return self.entity.name if self.entity else self.field.entity if self.field else ""


class Number(msgspec.Struct, frozen=True):
    """A number for each group: a count of rows or values, a statistic of a field, or a measure of the model.

    With ``per``, it is the average over these groups.
    """

    entity: Entity | None = None
    field: Field | None = None
    named: Measure | None = None
    statistic: Statistic | None = None
    distinct: bool = False
    per: Dimension | None = None
    where: frozenset[Condition] = frozenset()


class Period(msgspec.Struct, frozen=True, order=True):
    """The days from ``start`` until before ``end``."""

    start: date | None
    end: date | None
    grain: Grain | None = None


class Is(msgspec.Struct, frozen=True):
    """A field has one of these values, or any value; ``each`` if "and" joins them."""

    field: Field
    values: tuple[Value, ...] = ()
    negated: bool = False
    each: bool = False


class Compare(msgspec.Struct, frozen=True):
    """A field compares with a number, or is between two. In phrases, there may be no field, or a year."""

    field: Field | None
    operator: Operator
    numbers: tuple[Decimal, ...]
    is_year: bool = False


class During(msgspec.Struct, frozen=True):
    """A time (by default, that of the rows) is in one of the periods, or numbers change between ``ends``."""

    periods: tuple[Period, ...]
    field: Field | None = None
    each: bool = False
    ends: tuple[Period, ...] = ()


class Recurring(msgspec.Struct, frozen=True):
    """The time of the rows is on some days of the week; 1 is Monday."""

    days: tuple[int, ...]


class Never(msgspec.Struct, frozen=True):
    """An entity has no rows of another that meet the conditions."""

    entity: Entity
    row: Entity
    where: frozenset[Condition] = frozenset()


class Having(msgspec.Struct, frozen=True):
    """A number for each group, or for the rows that belong to each row, compares with a constant."""

    number: Number
    operator: Operator
    numbers: tuple[Decimal, ...]


class Of(msgspec.Struct, frozen=True):
    """The rows belong to an entity, or entities have such rows; their values do not matter."""

    entity: Entity


Condition = Is | Compare | During | Recurring | Never | Having | Of  # a condition on rows


class Order(msgspec.Struct, frozen=True):
    """The order of rows, how many to keep, and within which groups."""

    by: Number | Field
    descending: bool
    limit: int | None = None
    per: tuple[Dimension, ...] = ()


class Query(msgspec.Struct, frozen=True):
    """Numbers by dimensions, the share ``of`` a condition or the change between its ends, or ``rows``."""

    numbers: tuple[Number, ...] = ()
    by: tuple[Dimension, ...] = ()
    where: frozenset[Condition] = frozenset()
    order: Order | None = None
    rows: Entity | None = None
    fields: tuple[Field, ...] = ()
    window: Window | None = None
    of: Condition | None = None
    percent: bool = False
