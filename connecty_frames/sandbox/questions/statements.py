"""The SQL of queries: one SELECT with a complete order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connecty_frames.sandbox.questions.clauses import (
    Column,
    compares,
    group_clause,
    indented,
    lines,
    select_clause,
    where_clause,
)
from connecty_frames.sandbox.questions.model import Field
from connecty_frames.sandbox.questions.query import (
    Change,
    Compare,
    Count,
    Dimension,
    Either,
    Has,
    Having,
    Is,
    Named,
    Nested,
    Proportion,
    Query,
    Recent,
    Rows,
    Times,
    Totals,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connecty_frames.sandbox.questions.model import SemanticModel
    from connecty_frames.sandbox.questions.query import Grain, MeasureLike

from connecty_frames.sandbox.questions.rows import rows_statement
from connecty_frames.sandbox.questions.select import (
    NoSQLError,
    Select,
    check_each,
    has_period,
    on_base,
    statistic_column,
)

#: How far the unit before is away, for those that follow one another.
_STEPS: Final[dict[Grain, str]] = {
    "year": "1",
    "half_year": "INTERVAL 6 MONTH",
    "quarter": "INTERVAL 3 MONTH",
    "month": "INTERVAL 1 MONTH",
    "week": "INTERVAL 7 DAY",
    "day": "INTERVAL 1 DAY",
}


def select_statement(query: Query, model: SemanticModel) -> str:
    """Return one SELECT statement with a complete order of rows; NoSQLError if the data cannot answer it."""
    match query:
        case Rows():
            return rows_statement(query, model)
        case Totals() if any(isinstance(condition, Having) for condition in query.where):
            return _having(query, model)
        case Totals():
            return on_base(model, lambda select: select.totals(query), _Statement)
        case Proportion():
            return on_base(model, lambda select: select.proportion(query), _Statement)
        case Change():
            return on_base(model, lambda select: select.change(query), _Statement)


def _having(query: Totals, model: SemanticModel) -> str:
    """Return totals of groups whose measures are in some range."""
    having = [condition for condition in query.where if isinstance(condition, Having)]
    if not query.by:  # the groups are counted
        measure = query.measures[0]
        if len(query.measures) > 1 or not isinstance(measure, Count) or query.window is not None:
            raise NoSQLError
        rows = rows_statement(Rows(measure.entity, where=query.where), model, keys_only=True)
        return f"SELECT count(*) AS {measure.entity.plural}\nFROM ({indented(rows)})"
    # Groups without rows, of which there are none here, would have to be found in other tables.
    if any(dimension.entity is not None for dimension in query.by) or any(
        each.operator in {"<", "<=", "="} and min(each.numbers) <= 0 for each in having
    ):
        raise NoSQLError
    plain = Totals(query.measures, query.by, query.where.difference(having), query.order, query.window)
    return on_base(model, lambda select: select.totals(plain, having), _Statement)


class _Statement(Select):
    """A SELECT of totals, shares or changes."""

    def totals(self, query: Totals, having: Iterable[Having] = ()) -> str:
        """Return measures by dimensions."""
        check_each(query.where, query.by)
        if any(each.grain and each.field for each in query.by) and has_period(query.where):
            raise NoSQLError  # in 2025, by month of delivery: of the orders, or of the deliveries
        if any(isinstance(each, Nested) for each in query.measures):
            return self._nested(query)
        measures = [self.measure(measure) for measure in query.measures]
        self._check_rows(query.measures)
        self.check_negated(query.measures, query.where)
        where = self.conditions(query.where)
        groups = self.dimensions(query.by)
        self.check_time(query.where, query.by)
        if not measures and not groups:
            raise NoSQLError
        bounds = [compares(self._filtered(each), each.operator, each.numbers) for each in having]
        return lines(
            select_clause([*groups, *measures, *self._window(query, groups, measures)]),
            self.tables(),
            where_clause(where),
            group_clause(groups),
            f"HAVING {' AND '.join(bounds)}" if bounds else "",
            self._order(query, groups, measures),
        )

    def _filtered(self, having: Having) -> str:
        sql = self.measure(having.measure).sql
        return f"{sql} FILTER ({' AND '.join(self.conditions(having.where))})" if having.where else sql

    def _check_rows(self, measures: tuple[MeasureLike, ...]) -> None:
        """Refuse counts that only another measure made counts of those that have rows."""
        for measure in measures if len(measures) > 1 else ():
            if not isinstance(measure, Count) or measure.distinct or measure.entity is self.base:
                continue
            # Each order has items, so that the number of orders is the same from either table.
            if (measure.entity.name, self.base.name) != ("order", "item"):
                raise NoSQLError

    def _nested(self, query: Totals) -> str:
        (measure,) = query.measures if len(query.measures) == 1 else (None,)
        if not isinstance(measure, Nested) or query.window is not None or query.order is not None:
            raise NoSQLError
        if measure.per.grain == "day" and (
            query.by or any(isinstance(each, Is | Compare | Has) for each in query.where)
        ):
            raise NoSQLError  # days without any would count as 0
        if measure.per.grain is not None and any(
            each.entity is not None and not each.entity.unique_label for each in query.by
        ):
            raise NoSQLError  # so would months of a customer
        value = self.measure(measure.measure)
        where = self.conditions(query.where)
        outer, inner = self.dimensions(query.by), self.dimensions([measure.per])
        if set(outer) & set(inner):
            raise NoSQLError
        groups = lines(
            select_clause([*outer, *inner, value]),
            self.tables(),
            where_clause(where),
            group_clause([*outer, *inner]),
        )
        mean = statistic_column(measure.statistic, value.name, f"{value.name}_per_{inner[0].name}")
        columns = [Column(each.name, each.name) for each in outer]
        return lines(
            select_clause([*columns, mean]),
            f"FROM ({indented(groups)})",
            group_clause(columns),
            _default_order(query.by, columns, [mean]),
        )

    def _order(self, query: Totals, groups: list[Column], measures: list[Column]) -> str:
        order = query.order
        if order is None or not groups:
            return _default_order(query.by, groups, measures)
        if isinstance(order.by, Field | str):
            raise NoSQLError
        by = self.measure(order.by)
        if by not in measures:
            raise NoSQLError
        direction = " DESC" if order.descending else ""
        rest = ", ".join(map(_order_key, groups))
        if order.per:
            per = self.dimensions(order.per)
            partition = f"PARTITION BY {', '.join(each.sql for each in per)}"
            ranks = f"ORDER BY {by.sql}{direction}, {', '.join(group.sql for group in groups)}"
            return lines(
                f"QUALIFY row_number() OVER ({partition} {ranks}) <= {order.limit}",
                f"ORDER BY {', '.join(map(_order_key, per))}, {by.name}{direction}, {rest}",
            )
        limit = "" if order.limit is None else f"LIMIT {order.limit}"
        return lines(f"ORDER BY {by.name}{direction}, {rest}", limit)

    def _window(self, query: Totals, groups: list[Column], measures: list[Column]) -> list[Column]:
        """Return the columns that are computed from a measure across groups."""
        if query.window is None:
            return []
        if len(measures) != 1 or not groups or not isinstance(query.measures[0], Count | Named):
            raise NoSQLError
        value, name = measures[0]
        if query.window in {"share", "running"} and not _adds_up(value):
            raise NoSQLError
        match query.window:
            case "share":
                return [_ratio(f"{value} / sum({value}) OVER ()", "share", percent=query.percent)]
            case "running":
                over = _over(query, groups)
                return [Column(f"sum({value}) OVER ({over})", f"cumulative_{name}")]
            case "growth_of_year" if not any(
                each.grain in {"half_year", "quarter", "month"} for each in query.by
            ):
                raise NoSQLError
            case "growth" if any(isinstance(each, Times | Recent | Either) for each in query.where):
                # Whether the first period grew from one that the condition excludes is not clear.
                if any(dimension.grain == "year" for dimension in query.by):
                    raise NoSQLError
        if query.window in {"growth", "growth_of_year"}:
            over = _over(query, groups)
            grain = next(dimension.grain for dimension in query.by if dimension.grain is not None)
            step = _STEPS[grain] if query.window == "growth" else "INTERVAL 1 YEAR"
            before = f"max({value}) OVER ({over} RANGE BETWEEN {step} PRECEDING AND {step} PRECEDING)"
            return [_ratio(f"{value} / {before} - 1", "growth", percent=query.percent)]
        before = f"lag({value}) OVER ({_over(query, groups)})"
        return [Column(f"{value} - {before}", "change"), Column(f"{value} / {before} - 1", "growth")]

    def proportion(self, query: Proportion) -> str:
        """Return the share of a part of a measure, the part and all of it."""
        check_each(query.where, query.by)
        measure = self.measure(query.measure)
        if "avg" in measure.sql or "/" in measure.sql or not isinstance(query.measure, Count | Named):
            raise NoSQLError
        where, groups = self.conditions(query.where), self.dimensions(query.by)
        part = f"{measure.sql} FILTER ({' AND '.join(self.conditions(query.of))})"
        share = _ratio(f"{part} / {measure.sql}", "share", percent=query.percent)
        return lines(
            select_clause([*groups, share, Column(part, f"matching_{measure.name}"), measure]),
            self.tables(),
            where_clause(where),
            group_clause(groups),
            _default_order(query.by, groups, [share]),
        )

    def change(self, query: Change) -> str:
        """Return a measure in two periods, and how it changed."""
        check_each(query.where, query.by)
        measure = self.measure(query.measure)
        if "/" in measure.sql or any(each.grain in _STEPS for each in query.by):
            raise NoSQLError
        where, groups = self.conditions(query.where), self.dimensions(query.by)
        conditions = [self._period(period) for period in (query.first, query.second)]
        before, after = (f"{measure.sql} FILTER ({condition})" for condition in conditions)
        grown = _ratio(f"{after} / {before} - 1", "growth", percent=query.percent)
        shown = [
            Column(before, f"{measure.name}_before"),
            Column(after, f"{measure.name}_after"),
            Column(f"{after} - {before}", "change"),
            grown,
        ]
        return lines(
            select_clause([*groups, *shown]),
            self.tables(),
            where_clause([*where, f"({' OR '.join(conditions)})"]),
            group_clause(groups),
            f"HAVING coalesce({after}, 0) {query.only} coalesce({before}, 0)"
            if query.only is not None
            else "",
            _default_order(query.by, groups, [grown]),
        )


def _ratio(sql: str, name: str, *, percent: bool) -> Column:
    """Return a ratio, or the same in percent."""
    return Column(f"100 * ({sql})", f"{name}_percent") if percent else Column(sql, name)


def _adds_up(sql: str) -> bool:
    """Return whether the values of groups add up to that of all."""
    return not any(text in sql for text in ("DISTINCT", "avg", "median", "/"))


def _over(query: Totals, groups: list[Column]) -> str:
    """Return the window of all groups in the order of time, apart by other dimensions."""
    grains = [dimension.grain for dimension in query.by if dimension.grain is not None]
    if len(grains) != 1 or grains[0] not in _STEPS:
        raise NoSQLError
    time = next(group.sql for group in groups if group.name == grains[0])
    others = ", ".join(group.sql for group in groups if group.name != grains[0])
    return f"{f'PARTITION BY {others} ' if others else ''}ORDER BY {time}"


def _order_key(group: Column) -> str:
    """Return a group as ORDER BY has it: in DuckDB 1.3 the name of a joined key alone is no group."""
    return group.sql if group.sql.endswith(f".{group.name}") and group.name.endswith("_id") else group.name


def _default_order(by: Iterable[Dimension], groups: list[Column], measures: list[Column]) -> str:
    """Return the order by time, otherwise by the first measure, the highest first."""
    if not groups:
        return ""
    names = [
        f"min(isodow({group.sql[len('dayname(') : -1]}))"
        if group.sql.startswith("dayname(")
        else _order_key(group)
        for group in groups
    ]
    if measures and not any(dimension.grain for dimension in by):
        names.insert(0, f"{measures[0].name} DESC")
    return f"ORDER BY {', '.join(names)}"
