"""The SQL of queries: one SELECT with a complete order of rows.

Only expressions of the model and the numbers, dates and values that a query holds get into SQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from connecty_frames.sandbox.questions import query as q
from connecty_frames.sandbox.questions.model import Field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connecty_frames.sandbox.questions.model import Entity, SemanticModel

#: The names of statistics.
STATISTICS: Final = {
    "avg": "average",
    "min": "minimum",
    "max": "maximum",
    "sum": "total",
    "stddev": "deviation",
}
#: Units of time as expressions of a time, and how far the unit before is away if they follow one another.
_GRAINS: Final[dict[q.Grain, tuple[str, str]]] = {
    "year": ("year({0})", "1"),
    "half_year": ("make_date(year({0}), 6 * (quarter({0}) // 3) + 1, 1)", "INTERVAL 6 MONTH"),
    "quarter": ("CAST(date_trunc('quarter', {0}) AS DATE)", "INTERVAL 3 MONTH"),
    "month": ("CAST(date_trunc('month', {0}) AS DATE)", "INTERVAL 1 MONTH"),
    "week": ("CAST(date_trunc('week', {0}) AS DATE)", "INTERVAL 7 DAY"),
    "day": ("CAST({0} AS DATE)", "INTERVAL 1 DAY"),
    "weekday": ("dayname({0})", ""),
    "hour": ("hour({0})", ""),
}
#: The longest SELECT clause on one line.
_LINE: Final = 100


class NoSQLError(Exception):
    """The query makes no sense for the data: no table has what it combines."""


class _Column(NamedTuple):
    """An expression, its name in the result, and what orders the rows by it if not the name."""

    sql: str
    name: str
    order: str = ""


def select_statement(query: q.Query, model: SemanticModel) -> str:
    """Return one SELECT statement with a complete order of rows; NoSQLError if the data cannot answer it."""
    _check(query, model)
    if query.rows is not None:
        return _rows(query, query.rows, model)
    having = [condition for condition in query.where if isinstance(condition, q.Having)]
    if having and not query.by:  # the groups are counted
        entity = query.numbers[0].entity
        is_count = replace(query, where=frozenset()) == q.Query(query.numbers[:1])
        if entity is None or len(having) > 1 or not is_count:
            raise NoSQLError
        groups = q.Query((having[0].number,), (q.Dimension(entity=entity),), query.where)
        rows = _indented(select_statement(groups, model))
        return f"SELECT count(*) AS {entity.plural}\nFROM ({rows})"
    return _on_base(model, lambda select: _totals(query, select, having))


def _fail_if(is_impossible: object) -> None:
    if is_impossible:
        raise NoSQLError


def _check(query: q.Query, model: SemanticModel) -> None:
    """Refuse what would miss rows, or count others as well."""
    groups = [each.entity for each in query.by if each.entity is not None]
    counted = [each.entity for each in query.numbers if each.entity is not None]
    having = [condition for condition in query.where if isinstance(condition, q.Having)]
    # Groups without rows would have to be found in other tables.
    is_few = groups and any(each.operator in {"<", "<=", "="} for each in having)
    is_ascending = query.order is not None and not query.order.descending
    _fail_if(is_ascending and counted and any(each.name == "country" for each in groups))
    _fail_if(is_few or any(each.number.entity in groups for each in having))
    # "Orders without lamps" are those that have none, and not those that have anything else.
    negated = [each.field.entity for each in query.where if isinstance(each, q.Is | q.Has) and each.negated]
    subjects = counted if query.rows is None else [query.rows]
    _fail_if(not all(model.belongs(each.name, other) for each in subjects for other in negated))
    # Averages of days and months that some groups may not have: they would count as 0.
    grains = {each.per.grain for each in query.numbers if each.per is not None}
    is_narrow = any(isinstance(each, q.Is | q.Compare | q.Has) for each in query.where)
    _fail_if("day" in grains and (query.by or is_narrow))
    _fail_if(grains - {None} and not all(each.unique_label for each in groups))


def _on_base(model: SemanticModel, make: Callable[[_Select], str], *, below: Entity | None = None) -> str:
    """Return the SQL made of the rows of the first entity that has all it needs and belongs to ``below``."""
    # Entities come after those to which their rows belong, so that no row is counted twice.
    for name in sorted(model.entity, key=lambda name: len(model.parents(name))):
        base = model.entity[name]
        if below is None or (base is not below and model.belongs(name, below.name)):
            try:
                return make(_Select(model, base))
            except NoSQLError:
                continue
    raise NoSQLError


# Numbers of groups


def _totals(query: q.Query, select: _Select, having: list[q.Having]) -> str:
    """Return numbers by dimensions."""
    numbers = shown = [select.number(number) for number in query.numbers]
    counted = {each.entity.name for each in query.numbers if each.entity is not None and not each.distinct}
    # Each order has items, so that the number of orders is the same from either table.
    is_same = counted <= {select.base.name} | ({"order"} if select.base.name == "item" else set())
    where, groups = select.conditions(query.where.difference(having)), select.dimensions(query.by)
    _fail_if(not (numbers or groups) or (len(numbers) > 1 and not is_same))
    by = numbers[0].name if numbers else ""
    if query.of is not None:
        shown, by = _share(query, query.of, select, numbers[0]), f"share{'_percent' * query.percent}"
    elif query.periods is not None:
        shown, by = _change(query, query.periods, select, numbers[0]), f"growth{'_percent' * query.percent}"
        where.append(f"({' OR '.join(map(select.span, query.periods))})")
    elif query.window is not None:
        shown = [*numbers, _window(query, query.window, groups, numbers)]
    bounds = [_compares(select.number(each.number).sql, each.operator, each.numbers) for each in having]
    condition = f"HAVING {' AND '.join(bounds)}" if bounds else ""
    terms, order = [group.order or group.name for group in groups], query.order
    if order is not None:
        if isinstance(order.by, Field):
            raise NoSQLError
        is_other = order.by not in query.numbers[:1]
        terms.insert(0, _direction(select.number(order.by).name if is_other else by, order))
    elif by and not any(dimension.grain for dimension in query.by):
        terms.insert(0, f"{by} DESC")
    kept = _kept(", ".join(terms), select, order) if groups else ()
    return select.statement([*groups, *shown], where, condition, *kept, groups=_list(groups))


def _share(query: q.Query, of: q.Condition, select: _Select, number: _Column) -> list[_Column]:
    """Return the share of a part of a number, the part and all of it."""
    _fail_if("avg" in number.sql or "/" in number.sql)
    part = f"{number.sql} FILTER ({select.condition(of)})"
    share = _ratio(f"{part} / {number.sql}", "share", query)
    return [share, _Column(part, f"matching_{number.name}"), number]


def _change(
    query: q.Query, periods: tuple[q.Period, q.Period], select: _Select, number: _Column
) -> list[_Column]:
    """Return a number in two periods, and how it changed."""
    _fail_if("/" in number.sql or any(each.grain for each in query.by))
    before, after = (f"{number.sql} FILTER ({select.span(period)})" for period in periods)
    return [
        _Column(before, f"{number.name}_before"),
        _Column(after, f"{number.name}_after"),
        _Column(f"{after} - {before}", "change"),
        _ratio(f"{after} / {before} - 1", "growth", query),
    ]


def _window(query: q.Query, window: q.Window, groups: list[_Column], numbers: list[_Column]) -> _Column:
    """Return the column that is computed from a number across groups."""
    _fail_if(len(numbers) != 1 or not groups or query.numbers[0].statistic is not None)
    value, name, _ = numbers[0]
    # The values of groups may not add up to that of all, and a share within groups would be another one.
    _fail_if(window != "growth" and any(text in value for text in ("DISTINCT", "avg", "/")))
    if window == "share":
        _fail_if(len(query.by) > 1)
        return _ratio(f"{value} / sum({value}) OVER ()", "share", query)
    grains = [each.grain for each in query.by if each.grain is not None]
    _fail_if(len(grains) != 1 or not _GRAINS[grains[0]][1])
    others = _list(group for group in groups if group.name != grains[0])
    time = _list(group for group in groups if group.name == grains[0])
    over = f"{f'PARTITION BY {others} ' if others else ''}ORDER BY {time}"
    if window == "running":
        return _Column(f"sum({value}) OVER ({over})", f"cumulative_{name}")
    # The year before is not among the rows of one year.
    _fail_if(grains[0] == "year" and any(isinstance(each, q.During) for each in query.where))
    step = _GRAINS[grains[0]][1]
    before = f"max({value}) OVER ({over} RANGE BETWEEN {step} PRECEDING AND {step} PRECEDING)"
    return _ratio(f"{value} / {before} - 1", "growth", query)


def _ratio(sql: str, name: str, query: q.Query) -> _Column:
    """Return a ratio, or the same in percent."""
    return _Column(f"100 * ({sql})", f"{name}_percent") if query.percent else _Column(sql, name)


# Rows


def _rows(query: q.Query, entity: Entity, model: SemanticModel) -> str:
    """Return the rows of an entity that meet conditions, also on other rows that belong to them."""
    select, own, others = _Select(model, entity), [], []
    for condition in query.where:
        try:
            select.condition(condition)
            own.append(condition)
        except NoSQLError:
            others.append(condition)
    # "Products in 2024" may be those released then as well as those sold, and those of 2024 and 2025 in both.
    has_time = any(each.entity == entity.name and each.is_time for each in model.field)
    is_dated = any(isinstance(each, q.During | q.Recurring) for each in others)
    _fail_if(has_time and is_dated and not any(isinstance(each, q.Of) for each in others))
    _fail_if(any(isinstance(each, q.Is | q.During) and each.each for each in others))
    where = select.conditions(own)
    if others:
        rows = _on_base(model, lambda inner: inner.keys(entity, others), below=entity)
        where.append(f"{select.key(entity)} IN ({_indented(rows)})")
    terms, order = ", ".join(f"{entity.alias}.{name}" for name in entity.key), query.order
    if order is not None:
        if not isinstance(order.by, Field):
            raise NoSQLError
        terms = f"{_direction(select.column(order.by), order)} NULLS LAST, {terms}"
    columns = _described(query, entity, own, select)
    return select.statement(columns, sorted(where), *_kept(terms, select, order))


def _described(query: q.Query, entity: Entity, own: Iterable[q.Condition], select: _Select) -> list[_Column]:
    """Return the columns of rows: those that describe them, and those that the question names."""
    fields = [each.field for each in own if isinstance(each, q.Is | q.Compare | q.Has | q.During)]
    named = [*query.fields, *sorted(filter(None, fields), key=lambda field: field.name)]
    named += [query.order.by] if query.order is not None and isinstance(query.order.by, Field) else []
    columns = select.dimensions(() if query.order is None else query.order.per)
    for sql, name, other in [
        *((f"{entity.alias}.{name}", name, name) for name in (*entity.key, *entity.label)),
        *((select.column(each), each.column, f"{each.entity}_{each.column}") for each in named),
    ]:
        if sql not in {column.sql for column in columns}:
            columns.append(_Column(sql, other if name in {column.name for column in columns} else name))
    return columns


# The parts of statements


class _Select:
    """A SELECT of one entity's rows, with joins as expressions need them; periods refer to ``time``."""

    def __init__(self, model: SemanticModel, base: Entity) -> None:
        self.model, self.base, self._joined = model, base, set[str]()
        times = map(model.time_field, (base.name, *model.parents(base.name)))
        self.time = next(filter(None, times), None)

    def join(self, name: str) -> None:
        """Join an entity to which each row belongs."""
        _fail_if(not self.model.belongs(self.base.name, name))
        while name != self.base.name:
            self._joined.add(name)
            name, _ = self.model.parents(self.base.name)[name]

    def statement(
        self, columns: Iterable[_Column], where: Iterable[str], *rest: str, groups: str = ""
    ) -> str:
        """Return the statement; conditions, groups and the last lines may be empty."""
        joins = [
            f"JOIN {self.model.entity[name].table} USING ({column})"
            for name, (_, column) in self.model.parents(self.base.name).items()
            if name in self._joined
        ]
        conditions = "\n  AND ".join(filter(None, where))
        tail = (f"WHERE {conditions}" if conditions else "", f"GROUP BY {groups}" if groups else "", *rest)
        return "\n".join(filter(None, [_select_clause(columns), f"FROM {self.base.table}", *joins, *tail]))

    def column(self, of: Field) -> str:
        """Return a field as an expression."""
        self.join(of.entity)
        return of.sql

    def key(self, entity: Entity) -> str:
        """Return the key of an entity as an expression."""
        self.join(entity.name)
        _fail_if(len(entity.key) > 1)
        return f"{entity.alias}.{entity.key[0]}"

    def keys(self, entity: Entity, where: Iterable[q.Condition], *, through: Entity | None = None) -> str:
        """Return a SELECT of the keys of an entity that have rows that meet conditions."""
        self.join(self.base.name if through is None else through.name)
        return self.statement([_Column(self.key(entity), entity.key[0])], self.conditions(where))

    def _time(self, of: Field | None) -> Field:
        """Return a time, by default that at which the rows happened."""
        of = of or self.time
        if of is None:
            raise NoSQLError
        self.join(of.entity)
        return of

    def number(self, number: q.Number) -> _Column:
        """Return a number of each group."""
        named, entity, of = number.named, number.entity, number.field
        if number.per is not None:
            value, *groups = self.number(replace(number, per=None)), *self.dimensions([number.per])
            mean = f"{value.sql} / count(DISTINCT {groups[0].sql})"
            return _Column(mean, f"average_{value.name}_per_{groups[0].name}")
        if named is not None and self.base.name in named.sql:
            self.time = self.model.find(self.base.name, named.time) if named.time else self.time
            return _Column(named.sql[self.base.name], named.name)
        if entity is not None:
            # "Products in 2024" may be those released then as well as those sold.
            has_time = any(each.entity == entity.name and each.is_time for each in self.model.field)
            _fail_if(entity is not self.base and has_time and not number.distinct and entity.time is None)
            is_own = entity is self.base
            return _Column("count(*)" if is_own else f"count(DISTINCT {self.key(entity)})", entity.plural)
        if of is None:
            raise NoSQLError
        if number.statistic is None:
            return _Column(f"count(DISTINCT {self.column(of)})", f"{of.column}_count")
        return self._statistic(of, number.statistic)

    def _statistic(self, of: Field, statistic: q.Statistic) -> _Column:
        """Return a statistic of a field of the rows themselves: that of others would count repeatedly."""
        is_extreme = statistic in {"min", "max"} and of.is_time
        is_total = statistic == "sum" and not of.sum
        has_statistic = (of.is_number or of.type == "duration" or is_extreme) and not is_total
        _fail_if(of.entity != self.base.name or not has_statistic)
        sql = f"{statistic}({of.sql})"
        if of.type == "duration" and statistic == "sum":
            sql = f"to_microseconds(CAST(sum(epoch_us({of.sql})) AS BIGINT))"
        return _Column(sql, f"{STATISTICS.get(statistic, statistic)}_{of.aggregate}")

    def dimensions(self, dimensions: Iterable[q.Dimension]) -> list[_Column]:
        """Return the columns of dimensions."""
        return [column for dimension in dimensions for column in self._dimension(dimension)]

    def _dimension(self, dimension: q.Dimension) -> list[_Column]:
        of, entity = dimension.field, dimension.entity
        if dimension.grain is not None:
            moment = self._time(of).moment
            order = f"min(isodow({moment}))" if dimension.grain == "weekday" else ""
            return [_Column(_GRAINS[dimension.grain][0].format(moment), dimension.grain, order)]
        if of is not None and dimension.presence:
            return [_Column(f"{self.column(of)} IS NOT NULL", f"has_{of.column}")]
        if of is not None:
            return [_Column(self.column(of), of.column)]
        if entity is None:
            raise NoSQLError
        keys = [] if entity.unique_label else [_Column(self.key(entity), entity.key[0], self.key(entity))]
        if entity.group_label is None:
            return keys
        label = self.model.find(entity.name, entity.group_label)
        return [*keys, _Column(self.column(label), entity.name if label.name == "name" else label.name)]

    def conditions(self, conditions: Iterable[q.Condition]) -> list[str]:
        """Return conditions as expressions, in a fixed order."""
        return sorted(map(self.condition, conditions))

    def condition(self, condition: q.Condition) -> str:  # noqa: PLR0911 - one for each kind
        """Return a condition as an expression, empty if the tables alone fulfil it."""
        match condition:
            case q.Is(of, values, negated):
                return _is(self.column(of), of, [value.sql for value in values], negated=negated)
            case q.Compare(of, operator, numbers):
                return _compares(self.column(of), operator, numbers)
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
                rows = _on_base(
                    self.model, lambda inner: inner.keys(entity, where, through=row), below=entity
                )
                return f"{self.key(entity)} NOT IN ({_indented(rows)})"
            case q.Of(entity) if self.model.belongs(self.base.name, entity.name):
                return ""
        raise NoSQLError

    def span(self, period: q.Period, of: Field | None = None) -> str:
        """Return that a time is in a period."""
        time = self._time(of)
        day = "TIMESTAMPTZ '{} 00:00:00+00'" if time.type == "instant" else "DATE '{}'"
        bounds = ((">=", period.start), ("<", period.end))
        return " AND ".join(
            f"{time.sql} {sign} {day.format(each)}" for sign, each in bounds if each is not None
        )


def _is(column: str, of: Field, values: list[str], *, negated: bool) -> str:
    if of.type == "boolean":
        _fail_if(negated)  # what is unknown may count as not
        return f"{column} IS {values[0] if len(values) == 1 else 'NOT NULL'}"
    if len(values) == 1:
        return f"{column} {'<>' if negated else '='} {values[0]}"
    return f"{column} {'NOT ' if negated else ''}IN ({', '.join(values)})"


def _compares(sql: str, operator: q.Operator, numbers: Iterable[object]) -> str:
    return f"{sql} {operator.upper()} {' AND '.join(f'{number:f}' for number in numbers)}"


def _direction(sql: str, order: q.Order) -> str:
    return f"{sql}{' DESC' if order.descending else ''}"


def _kept(terms: str, select: _Select, order: q.Order | None) -> tuple[str, str]:
    """Return the order of rows, and which are kept: the first of all, or of each group."""
    if order is None or not order.per:
        return f"ORDER BY {terms}", f"LIMIT {order.limit}" if order is not None and order.limit else ""
    per = _list(select.dimensions(order.per))
    kept = f"QUALIFY row_number() OVER (PARTITION BY {per} ORDER BY {terms}) <= {order.limit}"
    return kept, f"ORDER BY {per}, {terms}"


def _list(columns: Iterable[_Column]) -> str:
    return ", ".join(column.sql for column in columns)


def _indented(sql: str) -> str:
    """Return SQL indented, for parentheses around it."""
    return "\n" + "\n".join(f"    {line}" for line in sql.splitlines()) + "\n"


def _select_clause(columns: Iterable[_Column]) -> str:
    """Return the SELECT clause, on one line if it is short."""
    shown = [
        sql if sql == name or (sql.endswith(f".{name}") and sql.count(".") == 1) else f"{sql} AS {name}"
        for sql, name, _ in columns
    ]
    line = f"SELECT {', '.join(shown)}"
    return line if len(line) <= _LINE else "SELECT\n    " + ",\n    ".join(shown)
