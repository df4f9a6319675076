"""The SQL of queries: one SELECT with a complete order of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from connecty_frames.sandbox.questions import query as q
from connecty_frames.sandbox.questions.model import Field
from connecty_frames.sandbox.questions.select import (
    Column,
    NoSQLError,
    Select,
    compares,
    indented,
    lines,
    on_base,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connecty_frames.sandbox.questions.model import Entity, SemanticModel

#: How far the unit before is away, for those that follow one another.
_STEPS: Final[dict[q.Grain, str]] = {
    "year": "1",
    "half_year": "INTERVAL 6 MONTH",
    "quarter": "INTERVAL 3 MONTH",
    "month": "INTERVAL 1 MONTH",
    "week": "INTERVAL 7 DAY",
    "day": "INTERVAL 1 DAY",
}


def select_statement(query: q.Query, model: SemanticModel) -> str:
    """Return one SELECT statement with a complete order of rows; NoSQLError if the data cannot answer it."""
    if query.rows is not None:
        return _rows(query, query.rows, model)
    having = [condition for condition in query.where if isinstance(condition, q.Having)]
    if having and not query.by:  # the groups are counted
        entity = query.numbers[0].entity
        is_count = replace(query, where=frozenset()) == q.Query(query.numbers[:1])
        if entity is None or len(having) > 1 or not is_count:
            raise NoSQLError
        groups = q.Query((having[0].number,), (q.Dimension(entity=entity),), query.where)
        return f"SELECT count(*) AS {entity.plural}\nFROM ({indented(select_statement(groups, model))})"
    # Groups without rows would have to be found in other tables.
    entities = [each.entity for each in query.by if each.entity is not None]
    order = query.order if query.order is not None and isinstance(query.order.by, q.Number) else None
    is_fewest = order is not None and not order.descending and order.by.entity is not None
    is_fewest = is_fewest and any(each.name == "country" for each in entities)
    is_few = entities and any(each.operator in {"<", "<=", "="} for each in having)
    if is_few or is_fewest or any(each.number.entity in entities for each in having):
        raise NoSQLError
    return on_base(model, lambda select: _totals(query, select, having))


def _totals(query: q.Query, select: Select, having: list[q.Having]) -> str:
    """Return numbers by dimensions."""
    _check_days(query)
    numbers = shown = [select.number(number) for number in query.numbers]
    counted = {each.entity.name for each in query.numbers if each.entity is not None and not each.distinct}
    # Each order has items, so that the number of orders is the same from either table.
    is_same = counted <= {select.base.name} | ({"order"} if select.base.name == "item" else set())
    where, groups = select.conditions(query.where.difference(having)), select.dimensions(query.by)
    _check_counts(query, select)
    if not (numbers or groups) or (len(numbers) > 1 and not is_same):
        raise NoSQLError
    bounds, first = [_bound(each, select) for each in having], numbers
    if query.of is not None:
        shown = _share(query, query.of, select, numbers[0])
        first = shown[:1]
    elif query.periods is not None:
        shown = _change(query, query.periods, select, numbers[0])
        first = shown[-1:]
        where.append(f"({' OR '.join(map(select.span, query.periods))})")
        if query.only:
            bounds.append(f"coalesce({shown[1].sql}, 0) {query.only} coalesce({shown[0].sql}, 0)")
    elif query.window is not None:
        shown = [*numbers, _window(query, query.window, groups, numbers)]
    condition = f"HAVING {' AND '.join(bounds)}" if bounds else ""
    order = _order(query, select, groups, first)
    return select.statement([*groups, *shown], where, condition, order, groups=_list(groups))


def _check_counts(query: q.Query, select: Select) -> None:
    """Refuse counts of those with anything else: "orders without lamps" are those that have none."""
    negated = [each.field.entity for each in query.where if isinstance(each, q.Is | q.Has) and each.negated]
    counted = [each.entity.name for each in query.numbers if each.entity is not None]
    if not all(select.model.belongs(name, other) for name in counted for other in negated):
        raise NoSQLError


def _check_days(query: q.Query) -> None:
    """Refuse averages of days and months that some groups may not have: they would count as 0."""
    grains = {each.per.grain for each in query.numbers if each.per is not None}
    is_narrow = any(isinstance(each, q.Is | q.Compare | q.Has) for each in query.where)
    is_rare = any(each.entity is not None and not each.entity.unique_label for each in query.by)
    if ("day" in grains and (query.by or is_narrow)) or (grains - {None} and is_rare):
        raise NoSQLError


def _list(columns: Iterable[Column]) -> str:
    return ", ".join(column.sql for column in columns)


def _bound(having: q.Having, select: Select) -> str:
    """Return the condition on a number of each group."""
    sql, where = select.number(having.number).sql, select.conditions(having.where)
    return compares(
        f"{sql} FILTER ({' AND '.join(where)})" if where else sql, having.operator, having.numbers
    )


def _share(query: q.Query, of: q.Condition, select: Select, number: Column) -> list[Column]:
    """Return the share of a part of a number, the part and all of it."""
    if "avg" in number.sql or "/" in number.sql:
        raise NoSQLError
    part = f"{number.sql} FILTER ({select.condition(of)})"
    share = _ratio(f"{part} / {number.sql}", "share", query)
    return [share, Column(part, f"matching_{number.name}"), number]


def _change(
    query: q.Query, periods: tuple[q.Period, q.Period], select: Select, number: Column
) -> list[Column]:
    """Return a number in two periods, and how it changed."""
    if "/" in number.sql or any(each.grain in _STEPS for each in query.by):
        raise NoSQLError
    before, after = (f"{number.sql} FILTER ({select.span(period)})" for period in periods)
    return [
        Column(before, f"{number.name}_before"),
        Column(after, f"{number.name}_after"),
        Column(f"{after} - {before}", "change"),
        _ratio(f"{after} / {before} - 1", "growth", query),
    ]


def _window(query: q.Query, window: q.Window, groups: list[Column], numbers: list[Column]) -> Column:
    """Return the column that is computed from a number across groups."""
    if len(numbers) != 1 or not groups or query.numbers[0].statistic is not None:
        raise NoSQLError
    value, name, _ = numbers[0]
    if window in {"share", "running"} and any(text in value for text in ("DISTINCT", "avg", "/")):
        raise NoSQLError  # the values of groups do not add up to that of all
    if window == "share" and len(query.by) == 1:  # of all: within each group it would be another share
        return _ratio(f"{value} / sum({value}) OVER ()", "share", query)
    grains = [each.grain for each in query.by if each.grain is not None]
    if window == "share" or len(grains) != 1 or grains[0] not in _STEPS:
        raise NoSQLError
    (grain,) = grains
    others = _list(group for group in groups if group.name != grain)
    over = (
        f"{f'PARTITION BY {others} ' if others else ''}ORDER BY {_list(g for g in groups if g.name == grain)}"
    )
    if window == "running":
        return Column(f"sum({value}) OVER ({over})", f"cumulative_{name}")
    is_yearly = window == "growth_of_year"
    has_period = any(isinstance(each, q.During) for each in query.where)
    if (is_yearly and grain not in {"half_year", "quarter", "month"}) or (
        (is_yearly or grain == "year") and has_period
    ):
        raise NoSQLError  # the year before is not among the rows
    step = "INTERVAL 1 YEAR" if is_yearly else _STEPS[grain]
    before = f"max({value}) OVER ({over} RANGE BETWEEN {step} PRECEDING AND {step} PRECEDING)"
    return _ratio(f"{value} / {before} - 1", "growth", query)


def _ratio(sql: str, name: str, query: q.Query) -> Column:
    """Return a ratio, or the same in percent."""
    return Column(f"100 * ({sql})", f"{name}_percent") if query.percent else Column(sql, name)


def _order(query: q.Query, select: Select, groups: list[Column], first: list[Column]) -> str:
    order = query.order
    if order is None or not groups:
        return _default_order(query.by, groups, first)
    if not isinstance(order.by, q.Number):
        raise NoSQLError
    by, direction = select.number(order.by), " DESC" if order.descending else ""
    by = first[0] if query.of or query.periods else by
    rest = ", ".join(group.order or group.name for group in groups)
    if not order.per:
        return lines(f"ORDER BY {by.name}{direction}, {rest}", f"LIMIT {order.limit}" if order.limit else "")
    per = _list(select.dimensions(order.per))
    ranks = f"PARTITION BY {per} ORDER BY {by.sql}{direction}, {_list(groups)}"
    kept = f"QUALIFY row_number() OVER ({ranks}) <= {order.limit}"
    return lines(kept, f"ORDER BY {per}, {by.name}{direction}, {rest}")


def _default_order(by: Iterable[q.Dimension], groups: list[Column], numbers: list[Column]) -> str:
    """Return the order by time, otherwise by the first number, the highest first."""
    terms = [group.order or group.name for group in groups]
    if numbers and not any(dimension.grain for dimension in by):
        terms.insert(0, f"{numbers[0].name} DESC")
    return f"ORDER BY {', '.join(terms)}" if groups else ""


# Rows


def _rows(query: q.Query, entity: Entity, model: SemanticModel) -> str:
    """Return the rows of an entity that meet conditions, also on other rows that belong to them."""
    select = Select(model, entity)
    own, others = _split(query.where, select)
    if any(isinstance(each, q.Is | q.Has) and each.negated for each in others):
        raise NoSQLError  # orders without lamps are not those with anything else
    if any(isinstance(each, q.Is | q.During) and each.each for each in others):
        raise NoSQLError  # those with both, or with one of them
    where = select.conditions(own)
    if others:
        rows = on_base(model, lambda inner: inner.keys(entity, others), below=entity)
        where.append(f"{select.key(entity)} IN ({indented(rows)})")
    return select.statement(
        _described(query, entity, own, select), sorted(where), _row_order(query, entity, select)
    )


def _split(conditions: Iterable[q.Condition], select: Select) -> tuple[list[q.Condition], list[q.Condition]]:
    """Split conditions into those on rows of an entity and those on rows that belong to them."""
    own: list[q.Condition] = []
    others: list[q.Condition] = []
    for condition in conditions:
        try:
            Select(select.model, select.base).condition(condition)
        except NoSQLError:
            others.append(condition)
        else:
            own.append(condition)
    # "Products in 2024" may be those released then as well as those sold.
    has_time = any(each.entity == select.base.name and each.is_time for each in select.model.field)
    is_dated = any(isinstance(each, q.During | q.Recurring) for each in others)
    if has_time and is_dated and not any(isinstance(each, q.Of) for each in others):
        raise NoSQLError
    return own, others


def _described(query: q.Query, entity: Entity, own: Iterable[q.Condition], select: Select) -> list[Column]:
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
            columns.append(Column(sql, other if name in {column.name for column in columns} else name))
    return columns


def _row_order(query: q.Query, entity: Entity, select: Select) -> str:
    order, keys = query.order, ", ".join(f"{entity.alias}.{name}" for name in entity.key)
    if order is None:
        return f"ORDER BY {keys}"
    if not isinstance(order.by, Field):
        raise NoSQLError
    by = f"{select.column(order.by)}{' DESC' if order.descending else ''} NULLS LAST, {keys}"
    if not order.per:
        return lines(f"ORDER BY {by}", f"LIMIT {order.limit}" if order.limit else "")
    per = _list(select.dimensions(order.per))
    kept = f"QUALIFY row_number() OVER (PARTITION BY {per} ORDER BY {by}) <= {order.limit}"
    return lines(kept, f"ORDER BY {per}, {by}")
