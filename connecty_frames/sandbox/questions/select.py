"""The parts of a SELECT from the rows of an entity: tables, columns, numbers, dimensions and conditions.

Only expressions of the model and the numbers, dates and values that a query holds get into SQL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from connecty_frames.sandbox.questions import query as q

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connecty_frames.sandbox.questions.model import Entity, Field, SemanticModel

_STATISTICS: Final[dict[q.Statistic, tuple[str, str]]] = {
    "mean": ("avg({})", "average"),
    "median": ("median({})", "median"),
    "minimum": ("min({})", "minimum"),
    "maximum": ("max({})", "maximum"),
    "total": ("sum({})", "total"),
    "deviation": ("stddev({})", "standard_deviation"),
}
#: Units of time as expressions of a time.
_GRAINS: Final[dict[q.Grain, str]] = {
    "year": "year({0})",
    "half_year": "make_date(year({0}), 6 * (quarter({0}) // 3) + 1, 1)",
    "quarter": "CAST(date_trunc('quarter', {0}) AS DATE)",
    "month": "CAST(date_trunc('month', {0}) AS DATE)",
    "week": "CAST(date_trunc('week', {0}) AS DATE)",
    "day": "CAST({0} AS DATE)",
    "weekday": "dayname({0})",
    "hour": "hour({0})",
}
#: The longest SELECT clause on one line.
_LINE: Final = 100


class NoSQLError(Exception):
    """The query makes no sense for the data: no table has what it combines."""


class Column(NamedTuple):
    """An expression, its name in the result, and what orders the rows by it if not the expression."""

    sql: str
    name: str
    order: str = ""


def on_base(model: SemanticModel, make: Callable[[Select], str], *, below: Entity | None = None) -> str:
    """Return the SQL made of the rows of the first entity that has all it needs and belongs to ``below``."""
    # Entities come after those to which their rows belong, so that no row is counted twice.
    for name in sorted(model.entity, key=lambda name: len(model.parents(name))):
        base = model.entity[name]
        if below is None or (base is not below and model.belongs(name, below.name)):
            try:
                return make(Select(model, base))
            except NoSQLError:
                continue
    raise NoSQLError


@dataclass(slots=True)
class Select:
    """A SELECT of one entity's rows, with joins as expressions need them; periods refer to ``time``."""

    model: SemanticModel
    base: Entity
    time: Field | None = None
    _joined: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        times = map(self.model.time_field, (self.base.name, *self.model.parents(self.base.name)))
        self.time = next(filter(None, times), None)

    def join(self, name: str) -> None:
        """Join an entity to which each row belongs."""
        if not self.model.belongs(self.base.name, name):
            raise NoSQLError
        while name != self.base.name:
            self._joined.add(name)
            name, _ = self.model.parents(self.base.name)[name]

    def statement(self, columns: Iterable[Column], where: Iterable[str], *rest: str, groups: str = "") -> str:
        """Return the statement; conditions, groups and the last lines may be empty."""
        joins = [
            f"JOIN {self.model.entity[name].table} USING ({column})"
            for name, (_, column) in self.model.parents(self.base.name).items()
            if name in self._joined
        ]
        conditions = "\n  AND ".join(filter(None, where))
        tail = (f"WHERE {conditions}" if conditions else "", f"GROUP BY {groups}" if groups else "", *rest)
        return lines(_select_clause(columns), f"FROM {self.base.table}", *joins, *tail)

    def column(self, of: Field) -> str:
        """Return a field as an expression."""
        self.join(of.entity)
        return of.sql

    def key(self, entity: Entity) -> str:
        """Return the key of an entity as an expression."""
        self.join(entity.name)
        if len(entity.key) > 1:
            raise NoSQLError
        return f"{entity.alias}.{entity.key[0]}"

    def _time(self, of: Field | None) -> Field:
        """Return a time, by default that at which the rows happened."""
        of = of or self.time
        if of is None:
            raise NoSQLError
        self.join(of.entity)
        return of

    # Numbers and dimensions

    def number(self, number: q.Number) -> Column:
        """Return a number of each group."""
        named, entity, of = number.named, number.entity, number.field
        if number.per is not None:
            value, *groups = self.number(q.Number(entity, named=named)), *self.dimensions([number.per])
            mean = f"{value.sql} / count(DISTINCT {groups[0].sql})"
            return Column(mean, f"average_{value.name}_per_{groups[0].name}")
        if named is not None and self.base.name in named.sql:
            self.time = self.model.find(self.base.name, named.time) if named.time else self.time
            return Column(named.sql[self.base.name], named.name)
        if entity is not None:
            # "Products in 2024" may be those released then as well as those sold.
            has_time = any(each.entity == entity.name and each.is_time for each in self.model.field)
            if entity is not self.base and has_time and not number.distinct and entity.time is None:
                raise NoSQLError
            return Column(
                "count(*)" if entity is self.base else f"count(DISTINCT {self.key(entity)})", entity.plural
            )
        if of is None:
            raise NoSQLError
        if number.statistic is None:
            return Column(f"count(DISTINCT {self.column(of)})", f"{of.column}_count")
        # A statistic is of a field of the rows themselves: that of others would count repeatedly.
        is_extreme = number.statistic in {"minimum", "maximum"} and of.is_time
        is_total = number.statistic == "total" and not of.sum
        has_statistic = (of.is_number or of.type == "duration" or is_extreme) and not is_total
        if of.entity != self.base.name or not has_statistic:
            raise NoSQLError
        call, prefix = _STATISTICS[number.statistic]
        if of.type == "duration" and number.statistic == "total":
            call = "to_microseconds(CAST(sum(epoch_us({})) AS BIGINT))"
        return Column(call.format(of.sql), f"{prefix}_{of.aggregate}")

    def dimensions(self, dimensions: Iterable[q.Dimension]) -> list[Column]:
        """Return the columns of dimensions."""
        return [column for dimension in dimensions for column in self._dimension(dimension)]

    def _dimension(self, dimension: q.Dimension) -> list[Column]:
        of, entity = dimension.field, dimension.entity
        if dimension.grain is not None:
            moment = self._time(of).moment
            order = f"min(isodow({moment}))" if dimension.grain == "weekday" else ""
            return [Column(_GRAINS[dimension.grain].format(moment), dimension.grain, order)]
        if of is not None:
            is_presence, sql = dimension.presence, self.column(of)
            return [
                Column(f"{sql} IS NOT NULL", f"has_{of.column}") if is_presence else Column(sql, of.column)
            ]
        if entity is None:
            raise NoSQLError
        keys = [] if entity.unique_label else [Column(self.key(entity), entity.key[0], self.key(entity))]
        if entity.group_label is None:
            return keys
        label = self.model.find(entity.name, entity.group_label)
        return [*keys, Column(self.column(label), entity.name if label.name == "name" else label.name)]

    # Conditions

    def conditions(self, conditions: Iterable[q.Condition]) -> list[str]:
        """Return conditions as expressions, in a fixed order."""
        return sorted(map(self.condition, conditions))

    def condition(self, condition: q.Condition) -> str:
        """Return a condition as an expression, empty if the tables alone fulfil it."""
        match condition:
            case q.Is(of, values, negated):
                return _is(self.column(of), of, [value.sql for value in values], negated=negated)
            case q.Compare(of, operator, numbers):
                return compares(self.column(of), operator, numbers)
            case q.Has(of, negated):
                return f"{self.column(of)} IS {'' if negated else 'NOT '}NULL"
            case q.During(periods, of):
                spans = [self.span(period, of) for period in periods]
                return spans[0] if len(spans) == 1 else f"({' OR '.join(spans)})"
            case q.Recurring(days, months):
                unit = "isodow" if days else "month"
                return f"{unit}({self._time(None).moment}) IN ({', '.join(map(str, days or months))})"
            case q.IsKey(entity, key):
                return f"{self.key(entity)} = {key}"
            case q.Never(entity, row, where):
                rows = on_base(self.model, lambda inner: inner.keys(entity, where, through=row), below=entity)
                return f"{self.key(entity)} NOT IN ({indented(rows)})"
            case q.Of(entity) if self.model.belongs(self.base.name, entity.name):
                return ""
        raise NoSQLError

    def span(self, period: q.Period, of: Field | None = None) -> str:
        """Return that a time is in a period."""
        time = self._time(of)
        day = "TIMESTAMPTZ '{} 00:00:00+00'" if time.type == "instant" else "DATE '{}'"
        bounds = (("{} >= {}", period.start), ("{} < {}", period.end))
        return " AND ".join(
            text.format(time.sql, day.format(each)) for text, each in bounds if each is not None
        )

    def keys(self, entity: Entity, where: Iterable[q.Condition], *, through: Entity | None = None) -> str:
        """Return a SELECT of the keys of an entity that have rows that meet conditions."""
        self.join(self.base.name if through is None else through.name)
        return self.statement([Column(self.key(entity), entity.key[0])], self.conditions(where))


def compares(sql: str, operator: q.Operator, numbers: Iterable[object]) -> str:
    """Return the condition that an expression compares with numbers."""
    return f"{sql} {operator.upper()} {' AND '.join(f'{number:f}' for number in numbers)}"


def lines(*texts: str) -> str:
    """Return the lines that are not empty."""
    return "\n".join(filter(None, texts))


def indented(sql: str) -> str:
    """Return SQL indented, for parentheses around it."""
    return "\n" + "\n".join(f"    {line}" for line in sql.splitlines()) + "\n"


def _select_clause(columns: Iterable[Column]) -> str:
    """Return the SELECT clause, on one line if it is short."""
    shown = [
        sql if sql == name or (sql.endswith(f".{name}") and sql.count(".") == 1) else f"{sql} AS {name}"
        for sql, name, _ in columns
    ]
    line = f"SELECT {', '.join(shown)}"
    return line if len(line) <= _LINE else "SELECT\n    " + ",\n    ".join(shown)


def _is(column: str, of: Field, values: list[str], *, negated: bool) -> str:
    if of.type == "boolean" and negated:
        raise NoSQLError  # what is unknown may count as not
    if of.type == "boolean":
        return f"{column} IS {values[0] if len(values) == 1 else 'NOT NULL'}"
    if len(values) == 1:
        return f"{column} {'<>' if negated else '='} {values[0]}"
    return f"{column} {'NOT ' if negated else ''}IN ({', '.join(values)})"
