"""SELECT clauses from the rows of an entity: tables, columns, measures, dimensions and conditions.

Only expressions of the model and the numbers, dates and values that a query holds get into SQL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from connecty_frames.sandbox.questions.clauses import (
    Column,
    compares,
    indented,
    lines,
    where_clause,
)
from connecty_frames.sandbox.questions.query import (
    Aggregate,
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
    Month,
    Named,
    Never,
    Of,
    Recent,
    TimeOf,
    Times,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connecty_frames.sandbox.questions.model import Entity, Field, SemanticModel
    from connecty_frames.sandbox.questions.query import Grain, MeasureLike, Statistic


_STATISTICS: Final[dict[Statistic, str]] = {
    "mean": "avg({})",
    "median": "median({})",
    "minimum": "min({})",
    "maximum": "max({})",
    "total": "sum({})",
    "deviation": "stddev({})",
}
_PREFIXES: Final[dict[Statistic, str]] = {"mean": "average", "deviation": "standard_deviation"}
#: Units of time as expressions of a time.
_GRAINS: Final[dict[Grain, str]] = {
    "year": "year({0})",
    "half_year": "make_date(year({0}), 6 * (quarter({0}) // 3) + 1, 1)",
    "quarter": "CAST(date_trunc('quarter', {0}) AS DATE)",
    "month": "CAST(date_trunc('month', {0}) AS DATE)",
    "week": "CAST(date_trunc('week', {0}) AS DATE)",
    "day": "CAST({0} AS DATE)",
    "weekday": "dayname({0})",
    "hour": "hour({0})",
    "month_of_year": "month({0})",
}
_S = TypeVar("_S", bound="Select")


class NoSQLError(Exception):
    """The query makes no sense for the data: no table has what it combines."""


def on_base(
    model: SemanticModel,
    make: Callable[[_S], str],
    kind: Callable[[SemanticModel, Entity], _S],
    *,
    below: Entity | None = None,
) -> str:
    """Return the SQL made of the rows of the first entity that has all it needs and belongs to ``below``."""
    # Entities come after those to which their rows belong, so that no row is counted twice.
    for name in sorted(model.entity, key=lambda name: len(model.parents(name))):
        base = model.entity[name]
        if below is not None and (base is below or not model.belongs(name, below.name)):
            continue
        try:
            return make(kind(model, base))
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
        for name in (self.base.name, *self.model.parents(self.base.name)):
            self.time = self.time or self.model.time_field(name)

    # Tables and columns

    def join(self, name: str) -> None:
        """Join an entity to which each row belongs."""
        if not self.model.belongs(self.base.name, name):
            raise NoSQLError
        while name != self.base.name:
            self._joined.add(name)
            name, _ = self.model.parents(self.base.name)[name]

    def tables(self) -> str:
        """Return the FROM clause."""
        joins = [
            f"JOIN {self.model.entity[name].table} USING ({column})"
            for name, (_, column) in self.model.parents(self.base.name).items()
            if name in self._joined
        ]
        return "\n".join([f"FROM {self.base.table}", *joins])

    def column(self, field_: Field) -> str:
        """Return a field as an expression."""
        self.join(field_.entity)
        return field_.sql

    def key(self, entity: Entity) -> str:
        """Return the key of an entity as an expression."""
        self.join(entity.name)
        if len(entity.key) > 1:
            raise NoSQLError
        return f"{entity.alias}.{entity.key[0]}"

    def time_column(self, field_: Field | None = None) -> str:
        """Return a time as an expression, by default that at which the rows happened."""
        field_ = field_ or self.time
        if field_ is None or not field_.is_time:
            raise NoSQLError
        return self.column(field_)

    # Measures

    def measure(self, measure: MeasureLike) -> Column:
        """Return a measure."""
        match measure:
            case Count(entity, distinct):
                return Column(self._count(entity, distinct=distinct), entity.plural)
            case Distinct(field_):
                return Column(f"count(DISTINCT {self.column(field_)})", f"{field_.column}_count")
            case Named(named) if self.base.name in named.sql:
                if named.time is not None:
                    self.time = self.model.find(self.base.name, named.time)
                return Column(named.sql[self.base.name], named.name)
            case Aggregate(statistic, field_):
                return self._aggregate(statistic, field_)
            case _:
                raise NoSQLError

    def _count(self, entity: Entity, *, distinct: bool) -> str:
        if entity is self.base:
            return "count(*)"
        # "Products in 2024" may be those released then as well as those sold.
        has_time = any(each.entity == entity.name and each.is_time for each in self.model.field)
        if has_time and not distinct and entity.time is None:
            raise NoSQLError
        return f"count(DISTINCT {self.key(entity)})"

    def _aggregate(self, statistic: Statistic, field_: Field) -> Column:
        """Return a statistic of a field of the rows themselves: that of others would count repeatedly."""
        is_measurable = field_.is_number or field_.type == "duration"
        is_extreme = statistic in {"minimum", "maximum"}
        if field_.entity != self.base.name or not (is_measurable or (is_extreme and field_.is_time)):
            raise NoSQLError
        if statistic == "total" and not field_.sum:
            raise NoSQLError
        return statistic_column(statistic, field_.sql, field_.aggregate)

    # Dimensions

    def dimensions(self, dimensions: Iterable[Dimension]) -> list[Column]:
        """Return the columns of dimensions."""
        return [column for dimension in dimensions for column in self._dimension(dimension)]

    def _dimension(self, dimension: Dimension) -> list[Column]:
        if dimension.grain is not None:
            time = self.time_column(dimension.field)
            return [Column(_GRAINS[dimension.grain].format(time), dimension.grain)]
        if dimension.field is not None and dimension.presence:
            return [Column(f"{self.column(dimension.field)} IS NOT NULL", f"has_{dimension.field.column}")]
        if dimension.field is not None:
            return [Column(self.column(dimension.field), dimension.field.column)]
        entity = dimension.entity
        if entity is None:
            raise NoSQLError
        columns = [] if entity.unique_label else [Column(self.key(entity), entity.key[0])]
        if entity.group_label is not None:
            label = self.model.find(entity.name, entity.group_label)
            columns.append(Column(self.column(label), entity.name if label.name == "name" else label.name))
        return columns

    # Conditions

    def conditions(self, conditions: Iterable[Condition]) -> list[str]:
        """Return conditions as expressions, in a fixed order."""
        conditions = list(conditions)
        times = {condition.field for condition in conditions if isinstance(condition, TimeOf)}
        if len(times) > 1:
            raise NoSQLError
        self.time = times.pop() if times else self.time
        shown = [*map(self.condition, conditions)]
        if any(isinstance(each, TimeOf) for each in conditions) and not has_period(conditions):
            shown.append(f"{self.time_column()} IS NOT NULL")  # what was not shipped has no month
        return sorted(filter(None, shown))

    def condition(self, condition: Condition) -> str:
        """Return a condition as an expression, empty if the tables alone fulfil it."""
        match condition:
            case Is(field_, values, negated):
                return _is(self.column(field_), field_, [value.sql for value in values], negated=negated)
            case Compare(field_, operator, numbers) if field_.is_number:
                return compares(self.column(field_), operator, numbers)
            case Has(field_, negated):
                return f"{self.column(field_)} IS {'' if negated else 'NOT '}NULL"
            case Times():
                return self._period(condition)
            case Either(periods):
                return f"({' OR '.join(map(self._period, periods))})"
            case Recent(number, unit, field_):
                return self._recent(number, unit, field_ or self.time)
            case Days(days):
                return f"isodow({self.time_column()}) IN ({', '.join(map(str, days))})"
            case Month(number):
                return f"month({self.time_column()}) = {number}"
            case IsKey(entity, number):
                return f"{self.key(entity)} = {number}"
            case IsNumbered(field_, category, number):
                return f"{self.column(field_)} = '{category.value} no. {number}'"
            case Did(row):
                self.join(row.name)
            case Of(entity) if not self.model.belongs(self.base.name, entity.name):
                raise NoSQLError
            case Never(entity, row, where):
                rows = on_base(
                    self.model, lambda inner: inner.keys(entity, where, through=row), Select, below=entity
                )
                return f"{self.key(entity)} NOT IN ({indented(rows)})"
            case Of():
                pass
            case TimeOf(field_):
                self.column(field_)
            case _:
                raise NoSQLError
        return ""

    def _period(self, period: Times) -> str:
        time = self.time_column(period.field)
        bounds = ((period.start, ">="), (period.end, "<"))
        return " AND ".join(f"{time} {operator} DATE '{day}'" for day, operator in bounds if day is not None)

    def _recent(self, number: int, unit: str, field_: Field | None) -> str:
        time = self.time_column(field_)
        table = self.model.entity[field_.entity].table if field_ is not None else ""
        number, unit = (3 * number, "month") if unit == "quarter" else (number, unit)
        latest = f"(SELECT max({time}) FROM {table})"
        return f"{time} > {latest} - INTERVAL {number} {unit.upper()}"

    def check_negated(self, measures: Iterable[MeasureLike], where: Iterable[Condition]) -> None:
        """Refuse to count those with anything else: "orders without lamps" are those that have none."""
        negated = [each.field.entity for each in where if isinstance(each, Is | Has) and each.negated]
        counts = [each.entity.name for each in measures if isinstance(each, Count)]
        if not all(self.model.belongs(counted, name) for counted in counts for name in negated):
            raise NoSQLError

    def check_time(self, where: Iterable[Condition], by: Iterable[Dimension]) -> None:
        """Refuse a verb such as "shipped" without a time: it may also be meant as a status."""
        if any(isinstance(condition, TimeOf) for condition in where):
            periods = any(isinstance(each, Times | Recent | Either | Days | Month) for each in where)
            if not periods and not any(dimension.grain for dimension in by):
                raise NoSQLError

    def keys(self, entity: Entity, where: Iterable[Condition], *, through: Entity | None = None) -> str:
        """Return a SELECT of the keys of an entity that have rows that meet conditions."""
        if through is not None:
            self.join(through.name)
        key = self.key(entity)
        conditions = self.conditions(where)
        return lines(f"SELECT {key}", self.tables(), where_clause(conditions))


def statistic_column(statistic: Statistic, sql: str, name: str) -> Column:
    """Return a statistic of an expression."""
    return Column(_STATISTICS[statistic].format(sql), f"{_PREFIXES.get(statistic, statistic)}_{name}")


def check_each(where: Iterable[Condition], by: Iterable[Dimension], *, is_rows: bool = False) -> None:
    """Refuse values and periods joined by "and" unless each has a group: their total may not be meant."""
    by = tuple(by)
    for condition in where:
        match condition:
            case Is(field_, each=True) if not is_rows and not any(
                field_ is dimension.field
                or (dimension.field is not None and dimension.field.within == field_.entity)
                or (dimension.entity is not None and dimension.entity.name == field_.entity)
                for dimension in by
            ):
                raise NoSQLError
            case Either(each=True) if not is_rows and not any(dimension.grain for dimension in by):
                raise NoSQLError
            case Month() if not any(dimension.grain == "year" for dimension in by):
                raise NoSQLError
            case _:
                pass


def has_period(conditions: Iterable[Condition]) -> bool:
    """Return whether a period refers to a time that no verb names."""
    return any(
        isinstance(each, Either | Days | Month) or (isinstance(each, Times | Recent) and each.field is None)
        for each in conditions
    )


def _is(column: str, field_: Field, values: list[str], *, negated: bool) -> str:
    if field_.type == "boolean":
        return f"{column} IS {values[0]}"
    if len(values) == 1:
        return f"{column} {'<>' if negated else '='} {values[0]}"
    return f"{column} {'NOT ' if negated else ''}IN ({', '.join(values)})"
