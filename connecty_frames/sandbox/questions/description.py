"""How a question was read, in words: what is shown, of what, in which order."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

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
    Having,
    Is,
    IsKey,
    IsNumbered,
    Month,
    Named,
    Nested,
    Never,
    Of,
    Proportion,
    Query,
    Recent,
    Rows,
    TimeOf,
    Times,
    Totals,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from connecty_frames.sandbox.questions.model import Field
    from connecty_frames.sandbox.questions.query import MeasureLike, Operator, Order, Statistic, Window

_STATISTICS: Final[dict[Statistic, str]] = {
    "mean": "average",
    "median": "median",
    "minimum": "lowest",
    "maximum": "highest",
    "total": "total",
    "deviation": "standard deviation of",
}
_OPERATORS: Final[dict[Operator, str]] = {
    ">": "more than",
    "<": "less than",
    ">=": "at least",
    "<=": "at most",
    "=": "exactly",
    "between": "between",
}
_WINDOWS: Final[dict[Window, str]] = {
    "share": "share of the total",
    "growth": "growth from the period before",
    "growth_of_year": "growth from the same period of the year before",
    "change": "change from one to the other",
    "running": "running total",
}
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def describe(query: Query) -> str:
    """Return the meaning of a query: ``revenue by country, 2024, the highest 5``."""
    match query:
        case Rows():
            shown = f"{query.entity.plural}{_of(query.fields)}"
        case Totals(measures=()):
            shown = f"the values of {_dimensions(query.by)}"
        case Totals():
            window = [] if query.window is None else [_WINDOWS[query.window]]
            shown = f"{_joined([*map(_measure, query.measures), *window])}{_by(query.by)}"
        case Proportion():
            shown = f"share of '{_conditions(query.of)}' in the {_measure(query.measure)}{_by(query.by)}"
        case Change():
            only = {None: "", ">": " where it grew", "<": " where it shrank"}[query.only]
            periods = f"between that {_period(query.first)} and that {_period(query.second)}"
            shown = f"change of {_measure(query.measure)} {periods}{_by(query.by)}{only}"
    parts = [shown, _conditions(query.where), _order(query.order) if isinstance(query, Totals | Rows) else ""]
    if getattr(query, "percent", False):
        parts.append("in percent")
    return ", ".join(filter(None, parts))


def _measure(measure: MeasureLike) -> str:
    match measure:
        case Count(entity, distinct):
            return f"number of {'different ' if distinct else ''}{entity.plural}"
        case Distinct(field):
            return f"number of different values of {_name(field)}"
        case Named(named):
            return named.name.replace("_", " ")
        case Aggregate(statistic, field) if field.is_time:
            return f"{'earliest' if statistic == 'minimum' else 'latest'} {_name(field)}"
        case Aggregate(statistic, field):
            return f"{_STATISTICS[statistic]} {field.aggregate.replace('_', ' ')}"
        case Nested(statistic, inner, per):
            return f"{_STATISTICS[statistic]} of the {_measure(inner)} of each {_dimension(per)} that has any"


def _dimension(dimension: Dimension) -> str:
    if dimension.grain is not None:
        field = "" if dimension.field is None else f" of {_name(dimension.field)}"
        return f"{dimension.grain.replace('_', ' ')}{field}"
    if dimension.field is not None:
        return (
            f"whether there is a {_name(dimension.field)}" if dimension.presence else _name(dimension.field)
        )
    return "" if dimension.entity is None else dimension.entity.name


def _dimensions(dimensions: Iterable[Dimension]) -> str:
    return _joined(map(_dimension, dimensions))


def _by(dimensions: tuple[Dimension, ...]) -> str:
    return f" by {_dimensions(dimensions)}" if dimensions else ""


def _of(fields: tuple[Field, ...]) -> str:
    return f" with {_joined(map(_name, fields))}" if fields else ""


def _name(field: Field) -> str:
    """Return a field as a question calls it."""
    return field.column if field.type == "category" else field.nouns[0].split("|")[0]


def _conditions(conditions: Iterable[Condition]) -> str:
    return " and ".join(sorted(filter(None, map(_condition, conditions))))


def _condition(condition: Condition) -> str:
    match condition:
        case Is(field, values, negated):
            texts = [
                str(value.value).lower() if value.value is True else str(value.value) for value in values
            ]
            return f"{_name(field)} is {'not ' if negated else ''}{' or '.join(texts)}"
        case Compare(field, operator, numbers):
            return f"{_name(field)} {_compared(operator, numbers)}"
        case Has(field, negated):
            return f"{'no' if negated else 'a'} {_name(field)}"
        case Times(field=field):
            return f"{'' if field is None else f'{_name(field)} '}{_period(condition)}"
        case TimeOf(field):
            return f"by {_name(field)}"
        case Either(periods):
            return " or ".join(map(_period, periods))
        case Recent(number, unit, field):
            name = "" if field is None else f"{_name(field)} in "
            return f"{name}the last {number} {unit}s of the data"
        case Days(days):
            return f"on {_joined(_DAYS[day - 1] for day in days)}"
        case Month(number):
            return f"in {_MONTHS[number - 1]}"
        case IsKey(entity, number):
            return f"{entity.name} {number}"
        case IsNumbered(_, category, number):
            return f"{category.value} no. {number}"
        case Did(row):
            return f"those with {row.plural}"
        case Never(entity, row, where):
            inner = _conditions(where)
            return f"{entity.plural} without {row.plural}{f' ({inner})' if inner else ''}"
        case Having(measure, operator, numbers, where):
            inner = _conditions(where)
            return f"{_measure(measure)}{f' ({inner})' if inner else ''} {_compared(operator, numbers)}"
        case Of():
            return ""


def _compared(operator: Operator, numbers: Iterable[Decimal]) -> str:
    return f"{_OPERATORS[operator]} {' and '.join(f'{number:f}' for number in numbers)}"


def _period(period: Times) -> str:
    """Return a period by its first and last day."""
    last = None if period.end is None else period.end - timedelta(1)
    if period.start is None:
        return f"until {last}"
    if last is None:
        return f"from {period.start}"
    if period.grain == "year":
        return f"in {period.start.year}"
    return f"on {last}" if period.start == last else f"from {period.start} to {last}"


def _order(order: Order | None) -> str:
    if order is None:
        return ""
    if order.by == "key":
        direction = "first"
    elif not isinstance(order.by, str) and getattr(order.by, "is_time", False):
        direction = "latest" if order.descending else "earliest"
    else:
        direction = "highest" if order.descending else "lowest"
    by = "" if isinstance(order.by, str) else _ordered_by(order)
    count = "first" if order.limit is None else f"{order.limit}"
    per = f" of each {_dimensions(order.per)}" if order.per else ""
    return f"the {direction} {count}{per}{by}"


def _ordered_by(order: Order) -> str:
    by = order.by
    if isinstance(by, Count | Distinct | Named | Aggregate | Nested):
        return f" by {_measure(by)}"
    return "" if isinstance(by, str) else f" by {_name(by)}"


def _joined(texts: Iterable[str]) -> str:
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last
