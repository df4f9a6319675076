"""The SQL of queries for the rows of an entity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connecty_frames.sandbox.questions.clauses import (
    Column,
    compares,
    indented,
    lines,
    select_clause,
    where_clause,
)
from connecty_frames.sandbox.questions.model import Field
from connecty_frames.sandbox.questions.query import (
    Compare,
    Condition,
    Days,
    Did,
    Either,
    Has,
    Having,
    Is,
    Month,
    Recent,
    Rows,
    TimeOf,
    Times,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connecty_frames.sandbox.questions.model import Entity, SemanticModel

from connecty_frames.sandbox.questions.select import (
    NoSQLError,
    Select,
    check_each,
    on_base,
)


def rows_statement(query: Rows, model: SemanticModel, *, keys_only: bool = False) -> str:
    """Return the rows of an entity that meet conditions, also on other rows that belong to them."""
    entity = query.entity
    select = Select(model, entity)
    having = [condition for condition in query.where if isinstance(condition, Having)]
    own, others = _split(query.where.difference(having), select)
    check_each(own, (), is_rows=True)
    check_each(others, ())
    if having and any(isinstance(each, Did | Is | Has | Compare) for each in others):
        raise NoSQLError  # those with more than 5 orders who bought lamps: the 5 need not be of lamps
    if not having and any(is_negated(each) for each in others):
        raise NoSQLError  # orders without lamps are not those with anything else
    columns = [Column(f"{entity.alias}.{name}", name) for name in entity.key]
    joins: list[str] = []
    where = select.conditions(own)
    select.check_time(query.where, ())
    counted: list[Column] = []
    if len(having) > 1:
        raise NoSQLError
    if having:
        join, column = _counted_rows(entity, having[0], others, model)
        joins.append(join)
        counted.append(column)
        where.append(compares(column.sql, having[0].operator, having[0].numbers))
    elif others:
        rows = on_base(model, lambda inner: inner.keys(entity, others), Select, below=entity)
        where.append(f"{select.key(entity)} IN ({indented(rows)})")
    if keys_only:
        return lines(select_clause(columns), select.tables(), *joins, where_clause(sorted(where)))
    if query.order is not None:
        columns = [*select.dimensions(query.order.per), *columns]
    columns += _shown(query, own, select, {column.name for column in columns})
    return lines(
        select_clause([*columns, *counted]),
        select.tables(),
        *joins,
        where_clause(sorted(where)),
        _row_order(query, select, counted),
    )


def _split(conditions: Iterable[Condition], select: Select) -> tuple[list[Condition], list[Condition]]:
    """Split conditions into those on rows of an entity and those on rows that belong to them."""
    own: list[Condition] = []
    others: list[Condition] = []
    conditions = list(conditions)
    did = any(isinstance(condition, Did) for condition in conditions)
    has_time = any(each.entity == select.base.name and each.is_time for each in select.model.field)
    for condition in conditions:
        refers_to_time = isinstance(condition, Times | Recent | Either | Days | Month) and (
            getattr(condition, "field", None) is None
        )
        try:
            trial = Select(select.model, select.base)
            trial.conditions([*(each for each in conditions if isinstance(each, TimeOf)), condition])
        except NoSQLError:
            # "Products in 2024" may be those released then as well as those sold.
            if refers_to_time and has_time and not did:
                raise
            others.append(condition)
        else:
            (others if isinstance(condition, Did) else own).append(condition)
    return own, others


def _counted_rows(
    entity: Entity, having: Having, where: list[Condition], model: SemanticModel
) -> tuple[str, Column]:
    """Return the join with a measure of rows that belong to each of an entity, and the measure."""
    names: list[str] = []

    def make(inner: Select) -> str:
        measure = inner.measure(having.measure)
        inner.check_negated([having.measure], [*where, *having.where])
        key = inner.key(entity)
        conditions = inner.conditions([*where, *having.where])
        names.append(measure.name)
        return lines(
            select_clause([Column(key, entity.key[0]), measure]),
            inner.tables(),
            where_clause(conditions),
            f"GROUP BY {key}",
        )

    rows = on_base(model, make, Select, below=entity)
    name = names[-1]
    join = f"LEFT JOIN ({indented(rows)}) AS counted USING ({entity.key[0]})"
    return join, Column(f"coalesce(counted.{name}, 0)", name)


def _shown(query: Rows, own: Iterable[Condition], select: Select, names: set[str]) -> list[Column]:
    """Return the columns beside the key: those that describe rows and those that the question names."""
    entity = query.entity
    named = [
        *query.fields,
        *(condition.field for condition in own if isinstance(condition, Is | Compare | Has)),
    ]
    named += [
        each.field for each in own if isinstance(each, Times | Recent | TimeOf) and each.field is not None
    ]
    if query.order is not None and isinstance(query.order.by, Field):
        named.append(query.order.by)
    columns = [Column(f"{entity.alias}.{name}", name) for name in entity.label if name not in names]
    for each in named:
        taken = names | {column.name for column in columns}
        name = each.column
        if each.entity != entity.name and name in taken:
            name = f"{each.entity}_{name}"
        if name not in taken:
            columns.append(Column(select.column(each), name))
    return columns


def _row_order(query: Rows, select: Select, counted: list[Column]) -> str:
    order, keys = query.order, ", ".join(query.entity.key)
    if order is None:
        return f"ORDER BY {', '.join([*(f'{each.name} DESC' for each in counted), keys])}"
    direction = " DESC" if order.descending else ""
    limit = "" if order.limit is None else f"LIMIT {order.limit}"
    if isinstance(order.by, Field) and order.per:
        per = ", ".join(column.sql for column in select.dimensions(order.per))
        own_keys = ", ".join(f"{query.entity.alias}.{name}" for name in query.entity.key)
        ranks = f"{select.column(order.by)}{direction} NULLS LAST, {own_keys}"
        return lines(
            f"QUALIFY row_number() OVER (PARTITION BY {per} ORDER BY {ranks}) <= {order.limit}",
            f"ORDER BY {per}, {ranks}",
        )
    if isinstance(order.by, Field):
        return lines(f"ORDER BY {select.column(order.by)}{direction} NULLS LAST, {keys}", limit)
    if order.by == "key":
        return lines(f"ORDER BY {keys}{direction}", limit)
    raise NoSQLError


def is_negated(condition: Condition) -> bool:
    """Return whether it selects the rows without a value or without rows of another entity."""
    return isinstance(condition, Is | Has) and condition.negated
