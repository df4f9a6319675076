"""Write queries as SQL, one SELECT with a complete order of rows, and as words for the summary.

SQL contains only expressions of the model, and the numbers, dates and values of the query. Conditions and
columns have words next to their SQL, so that the summary says what the statement does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from textwrap import indent
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from msgspec.structs import replace

from connecty_frames.sandbox.questions import query as q
from connecty_frames.sandbox.questions.model import Field
from connecty_frames.sandbox.questions.query import Refused, fail_if
from connecty_frames.sandbox.questions.slots import DAYS

if TYPE_CHECKING:
    from connecty_frames.sandbox.questions.model import Entity, SemanticModel

#: The names of statistics that are called differently in SQL.
_STATISTICS: Final = {"avg": "average", "min": "minimum", "max": "maximum", "sum": "total"}
_SQL = tuple[str, str]  # SQL, and words with the same meaning
_OPERATORS: Final = {">": "more than", "<": "less than", ">=": "at least", "<=": "at most", "=": "exactly"}


class _Column(NamedTuple):
    sql: str
    name: str
    words: str | None = None
    order: str = ""

    def __str__(self) -> str:
        return self.name.replace("_", " ") if self.words is None else self.words


def select_statement(query: q.Query, model: SemanticModel) -> _SQL:
    """Return one SELECT statement with a complete order of rows, and its words; raises Refused."""
    _check(query, model)
    if query.rows is not None:
        return _Select(model, query.rows).rows(query, query.rows)
    having = [condition for condition in query.where if isinstance(condition, q.Having)]
    if query.by or not having:
        return _on_base(model, lambda select: select.totals(query, having))
    number = query.numbers[0]  # the groups are counted
    entity, of = number.entity, number.field
    is_count = replace(query, where=frozenset()) == q.Query((q.Number(entity, of, distinct=number.distinct),))
    fail_if(len(having) > 1 or not is_count or not (entity or of), "It names no groups to count.")
    groups = q.Query((having[0].number,), (q.Dimension(entity, of),), query.where)
    rows, words = select_statement(groups, model)
    name, noun = (entity.plural,) * 2 if entity else (f"{cast('Field', of).column}_count", "groups")
    return f"SELECT count(*) AS {name}\nFROM (\n{indent(rows, '    ')}\n)", f"number of {noun} in: {words}"


def _check(query: q.Query, model: SemanticModel) -> None:
    """Refuse queries that would miss rows, or count other rows as well."""
    groups = [each.entity for each in query.by if each.entity is not None]
    counted = [each.entity for each in query.numbers if each.entity is not None]
    having = [condition for condition in query.where if isinstance(condition, q.Having)]
    # Groups without rows are only in other tables.
    is_open = bool(groups) or any(each.grain for each in query.by)
    is_few = is_open and any(each.operator in {"<", "<=", "="} for each in having)
    is_ascending = query.order is not None and not query.order.descending
    is_few = is_few or (is_ascending and bool(counted) and any(each.name == "country" for each in groups))
    fail_if(is_few, "Groups with none at all would be missing.")
    fail_if(any(each.number.entity in groups for each in having), "It counts the groups themselves.")
    # "Orders without lamps" are orders that have none, not orders that have something else.
    negated = [each.field.entity for each in query.where if isinstance(each, q.Is) and each.negated]
    subjects = counted if query.rows is None else [query.rows]
    is_open = not all(model.belongs(each.name, other) for each in subjects for other in negated)
    fail_if(is_open, "It is unclear whether none of several is so, or some are not.")
    # "Products in 2024" may be products released then, or sold then.
    times = [each.field for each in (*query.where, query.of) if isinstance(each, q.During)]
    is_dated = None in times or any(each.grain and not each.field for each in query.by)
    timed = {each.entity for each in model.field if each.is_time}
    once = [number.entity for number in query.numbers if number.entity and not number.distinct]
    dated = [each.plural for each in once if is_dated and each.name in timed and not each.time]
    fail_if(dated, f"It does not say what happened to the {_joined(dated)} at that time.")
    # An average per day or month ignores those without rows, which should count as 0.
    grains = {each.per.grain for each in query.numbers if each.per is not None}
    is_narrow = query.by or any(isinstance(each, q.Is | q.Compare) for each in query.where)
    is_partial = grains - {None} and not all(each.unique_label for each in groups)
    fail_if(
        is_partial or ("day" in grains and is_narrow), "The average would leave out the times without any."
    )


def _on_base(model: SemanticModel, make: Callable[[_Select], _SQL], *, below: Entity | None = None) -> _SQL:
    """Return the SQL on the first entity that has everything it needs and belongs to ``below``."""
    # Entities come after their parents, so that no row is counted twice. The last reason is the nearest.
    refused = Refused("No table has all of this.")
    for name in sorted(model.entity, key=lambda name: len(model.parents(name))):
        base = model.entity[name]
        if below is None or (base is not below and model.belongs(name, below.name)):
            try:
                return make(_Select(model, base))
            except Refused as reason:
                refused = reason if reason.args[0] else refused
    raise refused


class _Select:
    """A SELECT of one entity's rows, with the joins that expressions need; periods refer to ``time``."""

    def __init__(self, model: SemanticModel, base: Entity) -> None:
        self.model, self.base, self._joined = model, base, set[str]()
        self.time = next(filter(None, map(model.time_field, (base.name, *model.parents(base.name)))), None)
        self.where: list[_SQL] = []  # conditions as SQL and in words

    def totals(self, query: q.Query, having: list[q.Having]) -> _SQL:
        numbers, order = [self.number(number) for number in query.numbers], query.order
        counted = {each.entity.name for each in query.numbers if each.entity and not each.distinct}
        # Every order has items, so the number of orders is the same from either table.
        is_same = counted <= {self.base.name} | ({"order"} if self.base.name == "item" else set())
        groups = self.dimensions(query.by)
        fail_if(not (numbers or groups), "It is unclear what to show.")
        fail_if(len(numbers) > 1 and not is_same, "The numbers come from different tables.")
        self.where = [self.condition(each) for each in query.where.difference(having)]
        shown, words, by = self._derived(query, groups, numbers)
        bounds = [self._bound(self.number(each.number), each) for each in having]
        terms, named = [group.order or group.name for group in groups], ""
        if order is not None:
            number = self.number(cast("q.Number", order.by))
            named = str(number)
            by = by if order.by in query.numbers[:1] else number.name
            # Inside a window, "orders" would be the table.
            by = number.sql if order.per and by == number.name else by
            terms.insert(0, f"{by}{' DESC' * order.descending}")
        elif by and not any(dimension.grain for dimension in query.by):
            terms.insert(0, f"{by} DESC")
        if not groups:
            return self.statement(shown, words)
        condition = " AND ".join(sql for sql, _ in bounds)
        tail = [f"GROUP BY {_list(groups)}", condition and f"HAVING {condition}"]
        *kept, ranked = self._kept(", ".join(terms), named, order)
        said = [f"{words} by {_joined(groups)}", *(text for _, text in bounds), ranked]
        return self.statement([*groups, *shown], *said, tail=[*tail, *kept])

    def _derived(
        self, query: q.Query, groups: list[_Column], numbers: list[_Column]
    ) -> tuple[list[_Column], str, str]:
        words = _joined(numbers or ["the values"])
        if query.of is None and query.window is None:
            return numbers, words, numbers[0].name if numbers else ""
        fail_if(len(numbers) != 1, "A share or a change is that of one number.")
        (number,) = numbers
        sql, name, *_ = number
        of = query.numbers[0].field  # no ratio of times or durations
        is_time = "to_microseconds" in sql or (of and query.numbers[0].statistic and not of.is_number)
        fail_if(is_time, "Shares and changes of times are not computed.")
        if query.of is None:
            window = self._window(query, groups, number)
            return [number, window], f"{words} and {window}", name
        fail_if("/" in sql, "Shares and changes of rates are not computed.")
        if isinstance(query.of, q.During):
            ends = sorted(query.of.ends)
            spans, days = zip(*(self.span(each, query.of.field) for each in ends), strict=True)
            self.where.append((f"({' OR '.join(spans)})", ""))
            before, after = (f"{sql} FILTER ({span})" for span in spans)
            growth = _ratio(f"{after} / nullif({before}, 0) - 1", "growth", query)
            shown = [_Column(before, f"{name}_before"), _Column(after, f"{name}_after")]
            shown += [_Column(f"{after} - {before}", "change"), growth]
            return shown, f"change of {words} between that {' and that '.join(days)}", growth.name
        fail_if("avg" in sql, "An average has no shares.")
        condition, said = self.condition(query.of)
        part = f"{sql} FILTER ({condition})"
        share = _ratio(f"{part} / {sql}", "share", query)
        is_flag = isinstance(query.of, q.Is) and query.of.field.type == "boolean"
        words = f"share of '{said}' in the {words}{', unknown ones counted as not' * is_flag}"
        return [share, _Column(part, f"matching_{name}"), number], words, share.name

    def _window(self, query: q.Query, groups: list[_Column], number: _Column) -> _Column:
        value, name, *_ = number
        # Rates and distinct counts of groups do not add up; a share within groups would be something else.
        is_rate = query.window != "growth" and any(text in value for text in ("DISTINCT", "avg", "/"))
        fail_if(not groups, "It names neither groups nor times.")
        fail_if(query.numbers[0].statistic or is_rate, f"The {number} of groups does not add up.")
        if query.window == "share":
            fail_if(len(query.by) > 1, "It is unclear whether the share is of all, or of each group.")
            return _ratio(f"{value} / sum({value}) OVER ()", "share", query)
        grains = [each.grain for each in query.by if each.grain is not None]
        is_open = len(grains) != 1 or not self.model.grain[grains[0]].get("step")
        fail_if(is_open, "It names no series of times, such as by month.")
        others = _list(group for group in groups if group.name != grains[0])
        time = _list(group for group in groups if group.name == grains[0])
        over = f"{f'PARTITION BY {others} ' if others else ''}ORDER BY {time}"
        if query.window == "running":
            return _Column(f"sum({value}) OVER ({over})", f"cumulative_{name}")
        # The rows of one year do not include the year before.
        is_cut = grains[0] == "year" and any(isinstance(each, q.During) for each in query.where)
        fail_if(is_cut, "The year before that period is needed for the growth.")
        step = self.model.grain[grains[0]]["step"]
        before = f"max({value}) OVER ({over} RANGE BETWEEN {step} PRECEDING AND {step} PRECEDING)"
        return _ratio(f"{value} / {before} - 1", "growth", query)

    def rows(self, query: q.Query, entity: Entity) -> _SQL:
        """Return rows that meet conditions, including conditions on rows that belong to them."""
        own, others, order = list[q.Condition](), list[q.Condition](), query.order
        for condition in query.where:
            try:
                self.where.append(self.condition(condition))
                own.append(condition)
            except Refused:
                others.append(condition)
        # "Products in 2024" may be released or sold then, and "in 2024 and 2025" may mean both or either.
        has_time = any(each.entity == entity.name and each.is_time for each in self.model.field)
        is_dated = any(isinstance(each, q.During | q.Recurring) for each in others)
        is_open = has_time and is_dated and not any(isinstance(each, q.Of) for each in others)
        fail_if(is_open, f"It does not say what happened to the {entity.plural} at that time.")
        is_open = any(isinstance(each, q.Is | q.During) and each.each for each in others)
        fail_if(is_open, "It is unclear whether it means both, or either.")
        if others:
            sql, words = self._keys(entity, others)
            self.where.append((f"{self.key(entity)} IN ({sql})", words))
        terms, by = ", ".join(f"{entity.alias}.{name}" for name in entity.key), None
        if order is not None:
            by = cast("Field", order.by)
            terms = f"{self.column(by)}{' DESC' * order.descending} NULLS LAST, {terms}"
        *kept, ranked = self._kept(terms, by.noun if by else "", order)
        words = f"{entity.plural}{' with ' * bool(query.fields)}{_joined(each.noun for each in query.fields)}"
        fields = [each.field for each in own if isinstance(each, q.Is | q.Compare | q.During)]
        named = [*query.fields, *sorted(filter(None, fields), key=lambda field: field.name)]
        columns = self.dimensions(order.per if order else ())
        for sql, name, other in [
            *((f"{entity.alias}.{name}", name, name) for name in (*entity.key, *entity.label)),
            *((self.column(each), each.column, f"{each.entity}_{each.column}") for each in named),
            *([(by.sql, by.column, by.column)] if by else []),
        ]:
            if sql not in {column.sql for column in columns}:
                columns.append(_Column(sql, other if name in {column.name for column in columns} else name))
        return self.statement(columns, words, ranked, tail=kept)

    def statement(self, columns: Iterable[_Column], *words: str, tail: Iterable[str] = ()) -> _SQL:
        """Return the statement: columns, tables, conditions and final lines, which may be empty."""
        shown = [
            sql if sql == name or (sql.endswith(f".{name}") and sql.count(".") == 1) else f"{sql} AS {name}"
            for sql, name, *_ in columns
        ]
        line = f"SELECT {', '.join(shown)}"
        joins = [
            f"JOIN {self.model.entity[name].table} USING ({column})"
            for name, (_, column) in self.model.parents(self.base.name).items()
            if name in self._joined
        ]
        where = "\n  AND ".join(sorted(sql for sql, _ in self.where if sql))
        line = line if len(line) <= 100 else "SELECT\n    " + ",\n    ".join(shown)
        lines = [line, f"FROM {self.base.table}", *joins, where and f"WHERE {where}", *tail]
        first, *rest = words or [""]
        said = " and ".join(sorted(text for _, text in self.where if text))
        return ("\n".join(filter(None, lines)), ", ".join(filter(None, [first, said, *rest])))

    def join(self, name: str) -> None:
        """Join an entity that each row belongs to."""
        is_one = self.model.belongs(self.base.name, name)
        fail_if(not is_one, f"The {self.base.plural} do not belong to one {name} each.")
        while name != self.base.name:
            self._joined.add(name)
            name, _ = self.model.parents(self.base.name)[name]

    def column(self, of: Field) -> str:
        self.join(of.entity)
        return of.sql

    def key(self, entity: Entity) -> str:
        self.join(entity.name)
        fail_if(len(entity.key) > 1, f"The {entity.plural} have no single key.")
        return f"{entity.alias}.{entity.key[0]}"

    def _keys(self, entity: Entity, where: Iterable[q.Condition], through: Entity | None = None) -> _SQL:

        def keys(inner: _Select) -> _SQL:
            inner.join(inner.base.name if through is None else through.name)
            inner.where = list(map(inner.condition, where))
            return inner.statement([_Column(inner.key(entity), entity.key[0])])

        sql, words = _on_base(self.model, keys, below=entity)
        return f"\n{indent(sql, '    ')}\n", words

    def _time(self, of: Field | None) -> Field:
        of = of or self.time
        if of is None:
            raise Refused(f"The {self.base.plural} have no time.")
        self.join(of.entity)
        return of

    def _kept(self, terms: str, by: str, order: q.Order | None) -> tuple[str, str, str]:
        if order is None:
            return f"ORDER BY {terms}", "", ""
        is_time = isinstance(order.by, Field) and order.by.is_time
        direction = ("latest", "earliest") if is_time else ("highest", "lowest")
        words = f"the {direction[not order.descending]} {order.limit or 'first'}"
        if not order.per:
            return f"ORDER BY {terms}", f"LIMIT {order.limit}" * bool(order.limit), f"{words} by {by}"
        groups = self.dimensions(order.per)
        kept = f"QUALIFY row_number() OVER (PARTITION BY {_list(groups)} ORDER BY {terms}) <= {order.limit}"
        return kept, f"ORDER BY {_list(groups)}, {terms}", f"{words} of each {_joined(groups)} by {by}"

    def number(self, number: q.Number) -> _Column:
        named, entity, of = number.named, number.entity, number.field
        if number.per is not None:
            value, *groups = self.number(replace(number, per=None)), *self.dimensions([number.per])
            mean = f"{value.sql} / count(DISTINCT {groups[0].sql})"
            words, owner = _joined(groups), number.per.owner or self._time(None).entity
            is_once = entity is not None and self.model.belongs(entity.name, owner)
            is_open = "DISTINCT" in value.sql and not is_once
            fail_if(is_open, f"The {value} of each {words} cannot be averaged: some count several times.")
            name = f"average_{value.name}_per_{words.replace(' ', '_')}"
            return _Column(mean, name, f"average of the {value} of each {words} that has any")
        if named is not None and self.base.name in named.sql:
            self.time = self.model.find(self.base.name, named.time) if named.time else self.time
            return _Column(named.sql[self.base.name], named.name)
        if entity is not None:
            is_own = entity is self.base
            fail_if(not self.model.belongs(self.base.name, entity.name), "")
            sql = "count(*)" if is_own else f"count(DISTINCT {self.key(entity)})"
            return _Column(sql, entity.plural, f"number of {'different ' * number.distinct}{entity.plural}")
        if of is None:
            raise Refused("")  # another table has the measure
        if number.statistic is None:
            words = f"number of different values of {of.noun}"
            return _Column(f"count(DISTINCT {self.column(of)})", f"{of.column}_count", words)
        return self._statistic(of, number.statistic)

    def _statistic(self, of: Field, statistic: q.Statistic) -> _Column:
        """Return a statistic of the rows' own field: values of parent rows would be counted repeatedly."""
        is_extreme = statistic in {"min", "max"} and of.is_time
        is_other = statistic == "sum" and not of.sum
        has_statistic = (of.is_number or of.type == "duration" or is_extreme) and not is_other
        fail_if(of.entity != self.base.name, "")  # their own table has them once
        fail_if(not has_statistic, f"There is no {_STATISTICS.get(statistic, statistic)} of the {of.noun}.")
        sql, words = f"{statistic}({of.sql})", None
        if of.is_time:
            words = f"{'earliest' if statistic == 'min' else 'latest'} {of.noun}"
        return _Column(sql, f"{_STATISTICS.get(statistic, statistic)}_{of.aggregate}", words)

    def dimensions(self, dimensions: Iterable[q.Dimension]) -> list[_Column]:
        return [column for dimension in dimensions for column in self._dimension(dimension)]

    def _dimension(self, dimension: q.Dimension) -> list[_Column]:
        of, entity = dimension.field, dimension.entity
        if dimension.grain is not None:
            moment = self._time(of).moment
            order = f"min(isodow({moment}))" if dimension.grain == "weekday" else ""
            words = dimension.grain.replace("_", " ") + (f" of {of.noun}" if of else "")
            sql = self.model.grain[dimension.grain]["sql"].format(moment)
            return [_Column(sql, dimension.grain, words, order)]
        if of is not None and dimension.presence:
            return [_Column(f"{self.column(of)} IS NOT NULL", f"has_{of.column}")]
        if of is not None:
            return [_Column(self.column(of), of.column)]
        if entity is None:
            raise Refused("It is unclear what to group by.")
        if entity.group_label is None:
            return [_Column(self.key(entity), entity.key[0], entity.name, self.key(entity))]
        keys = [] if entity.unique_label else [_Column(self.key(entity), entity.key[0], "", self.key(entity))]
        label = self.model.find(entity.name, entity.group_label)
        name = entity.name if label.name == "name" else label.name
        return [*keys, _Column(self.column(label), name, entity.name)]

    def condition(self, condition: q.Condition) -> _SQL:  # noqa: PLR0911 - one for each kind
        """Return a condition as SQL and in words, both empty if the tables alone fulfil it."""
        match condition:
            case q.Is(of, (), negated):
                sql, words = ("IS NULL", "no") if negated else ("IS NOT NULL", "a")
                return f"{self.column(of)} {sql}", f"{words} {of.noun}"
            case q.Is(of, values, negated):
                words = f"{of.noun} is {'not ' * negated}{' or '.join(value.text for value in values)}"
                sign = ("=", "<>")[negated] if len(values) == 1 else "NOT IN" if negated else "IN"
                sql = ", ".join(value.sql for value in values)
                return f"{self.column(of)} {sign} {sql if len(values) == 1 else f'({sql})'}", words
            case q.Compare(Field() as of):
                return self._bound(_Column(self.column(of), of.noun), condition)
            case q.During(periods, of):
                spans, days = zip(*(self.span(period, of) for period in periods), strict=True)
                words = f"{f'{of.noun} ' if of else ''}{' or '.join(days)}"
                return spans[0] if len(spans) == 1 else f"({' OR '.join(spans)})", words
            case q.Recurring(days):
                sql = f"isodow({self._time(None).moment}) IN ({', '.join(map(str, days))})"
                return sql, f"on {_joined(DAYS[day - 1].capitalize() for day in days)}"
            case q.Never(entity, row, where):
                rows, words = self._keys(entity, where, row)
                words = f"{entity.plural} without {row.plural}{f' ({words})' if words else ''}"
                return f"{self.key(entity)} NOT IN ({rows})", words
            case q.Of(entity) if self.model.belongs(self.base.name, entity.name):
                return "", ""
        raise Refused("It is unclear which rows are meant.")

    def _bound(self, column: _Column, bound: q.Compare | q.Having) -> _SQL:
        numbers = [f"{number:f}" for number in bound.numbers]
        of = getattr(bound, "field", None)
        is_scaled = ("/ count(*)" in column.sql or (of and of.scale != "1")) and max(bound.numbers) >= 1
        fail_if(is_scaled, f"The {column} is a fraction: 0.2 is 20 percent.")
        sql = f"{column.sql} {bound.operator.upper()} {' AND '.join(numbers)}"
        return sql, f"{column} {_OPERATORS.get(bound.operator, bound.operator)} {' and '.join(numbers)}"

    def span(self, period: q.Period, of: Field | None = None) -> _SQL:
        time = self._time(of)
        day = "TIMESTAMPTZ '{} 00:00:00+00'" if time.type == "instant" else "DATE '{}'"
        bounds = ((">=", period.start), ("<", period.end))
        sql = [f"{time.sql} {sign} {day.format(each)}" for sign, each in bounds if each is not None]
        last = None if period.end is None else period.end - timedelta(1)
        if period.start is None or last is None:
            words = f"until {last}" if period.start is None else f"from {period.start}"
        elif period.grain == "year":
            words = f"in {last.year}"
        else:
            words = f"on {last}" if period.start == last else f"from {period.start} to {last}"
        return " AND ".join(sql), words


def _ratio(sql: str, name: str, query: q.Query) -> _Column:
    return _Column(f"100 * ({sql})", f"{name}_percent") if query.percent else _Column(sql, name)


def _joined(texts: Iterable[object]) -> str:
    *first, last = [*filter(None, map(str, texts))] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _list(columns: Iterable[_Column]) -> str:
    return ", ".join(column.sql for column in columns)
