"""How a question was read, in words: what is shown, of what, in which order, and of which days."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from connecty_frames.sandbox.questions import query as q
from connecty_frames.sandbox.questions.periods import DAYS, MONTHS
from connecty_frames.sandbox.questions.statements import STATISTICS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connecty_frames.sandbox.questions.model import Field

_WORDS: Final = {
    ">": "more than",
    "<": "less than",
    ">=": "at least",
    "<=": "at most",
    "=": "exactly",
    "share": "share of the total",
    "growth": "growth from the period before",
    "running": "running total",
}


def describe(query: q.Query) -> str:
    """Return the meaning of a query: ``revenue by country, in 2024, the highest 5``."""
    shown = _joined([*map(_number, query.numbers), *([_WORDS[query.window]] if query.window else [])])
    if query.of is not None:
        shown = f"share of '{_condition(query.of)}' in the {shown}"
    elif query.periods is not None:
        shown = f"change of {shown} between that {' and that '.join(map(_period, query.periods))}"
    elif query.rows is not None:
        shown = query.rows.plural + (f" with {_joined(map(_name, query.fields))}" if query.fields else "")
    if query.by:
        shown = f"{f'{shown} by' if shown else 'the values of'} {_joined(map(_dimension, query.by))}"
    percent = "in percent" if query.percent else ""
    return ", ".join(filter(None, [shown, _conditions(query.where), _order(query.order), percent]))


def _number(number: q.Number) -> str:
    if number.field is not None and number.statistic is None:
        return f"number of different values of {_name(number.field)}"
    if number.field is not None and number.field.is_time:
        return f"{'earliest' if number.statistic == 'min' else 'latest'} {_name(number.field)}"
    if number.field is not None:
        name = number.field.aggregate
        return f"{STATISTICS.get(number.statistic or '', number.statistic)} {name}".replace("_", " ")
    text = "" if number.named is None else number.named.name.replace("_", " ")
    if number.entity is not None:
        text = f"number of {'different ' if number.distinct else ''}{number.entity.plural}"
    return f"average of the {text} of each {_dimension(number.per)} that has any" if number.per else text


def _dimension(dimension: q.Dimension) -> str:
    if dimension.entity is not None:
        return dimension.entity.name
    name = "" if dimension.field is None else _name(dimension.field)
    if dimension.grain is not None:
        return dimension.grain.replace("_", " ") + (f" of {name}" if name else "")
    return f"whether there is a {name}" if dimension.presence else name


def _name(field: Field) -> str:
    """Return a field as a question calls it."""
    return field.column if field.type == "category" else field.nouns[0].split("|")[0]


def _conditions(conditions: Iterable[q.Condition]) -> str:
    return " and ".join(sorted(filter(None, map(_condition, conditions))))


def _condition(condition: q.Condition) -> str:
    match condition:
        case q.Is(field, values, negated):
            texts = [str(each.value).lower() if each.value is True else str(each.value) for each in values]
            return f"{_name(field)} is {'not ' if negated else ''}{' or '.join(texts)}"
        case q.Compare(field, operator, numbers):
            return f"{_name(field)} {_compared(operator, numbers)}"
        case q.Has(field, negated):
            return f"{'no' if negated else 'a'} {_name(field)}"
        case q.During(periods, field):
            return f"{f'{_name(field)} ' if field else ''}{' or '.join(map(_period, periods))}"
        case q.Recurring(days, months):
            names = [DAYS[day - 1] for day in days] or [MONTHS[month - 1] for month in months]
            return f"{'on' if days else 'in'} {_joined(name.capitalize() for name in names)}"
        case q.IsKey(entity, number):
            return f"{entity.name} {number}"
        case q.Never(entity, row, where):
            return f"{entity.plural} without {row.plural}{f' ({_conditions(where)})' if where else ''}"
        case q.Having(number, operator, numbers, where):
            inner = f" ({_conditions(where)})" if where else ""
            return f"{_number(number)}{inner} {_compared(operator, numbers)}"
    return ""


def _compared(operator: q.Operator, numbers: Iterable[object]) -> str:
    return f"{_WORDS.get(operator, operator)} {' and '.join(f'{number:f}' for number in numbers)}"


def _period(period: q.Period) -> str:
    """Return a period by its first and last day."""
    last = None if period.end is None else period.end - timedelta(1)
    if period.start is None or last is None:
        return f"until {last}" if period.start is None else f"from {period.start}"
    if period.grain == "year":
        return f"in {period.start.year}"
    return f"on {last}" if period.start == last else f"from {period.start} to {last}"


def _order(order: q.Order | None) -> str:
    if order is None:
        return ""
    is_time = not isinstance(order.by, q.Number) and order.by.is_time
    words = ("latest", "earliest") if is_time else ("highest", "lowest")
    per = f" of each {_joined(map(_dimension, order.per))}" if order.per else ""
    by = _number(order.by) if isinstance(order.by, q.Number) else _name(order.by)
    return f"the {words[not order.descending]} {order.limit or 'first'}{per} by {by}"


def _joined(texts: Iterable[str]) -> str:
    *first, last = [*texts] or [""]
    return f"{', '.join(first)} and {last}" if first else last
