"""The bodies: a column as a response of a producer, in each extent and with each depth of statistics."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, NamedTuple

from tests.verification.fidelity.columns import SECTIONS
from tests.verification.fidelity.ground_truth import DAY, LogicalType, TemporalTicks, TrueColumn

_NAME: Final = "value"
#: Returns the JSON text of each value of a column.
Writer = Callable[[TrueColumn], list[str]]


class Number(str):
    __slots__ = ()


def parse(token: str) -> Any:
    """Read a JSON text; numbers, NaN and infinity keep their text."""
    return json.loads(token, parse_int=Number, parse_float=Number, parse_constant=Number)


class Unwritable(Exception):
    """A producer has no type for a column, its type does not hold a value, or the value is changed by it."""


class Extent(NamedTuple):
    """Which part of a result was sent: ``rows`` of ``total`` rows, None for all of them."""

    name: str
    rows: int | None = None
    total: int | None = None


_EXTENTS: Final = (
    Extent("all rows"),
    Extent("2 rows", 2),
    Extent("1 row", 1),
    Extent("0 rows of many", 0),
    Extent("empty", 0, 0),
)
#: How much the statistics tell, and the sections that they have; None for no statistics at all.
_DEPTHS: Final[dict[str, frozenset[str] | None]] = {
    "none": None,
    "general": frozenset(),
    "documented": frozenset({"temporal", "string"}),
    "numeric": frozenset({"temporal", "string", "numeric", "boolean"}),
}


class Producer(NamedTuple):
    """The writer of the rows and that of the statistics, which may be another one of the same stack."""

    name: str
    rows: Writer
    statistics: Writer
    no_bound: str = "null"  # the JSON text of the min and max of a column without a value
    #: What it sends, each with each.
    extents: tuple[Extent, ...] = _EXTENTS
    depths: tuple[str, ...] = ("documented", "numeric")
    #: Returns a column with the digits that the rows keep; the statistics keep all.
    cut: Callable[[TrueColumn], TrueColumn] = lambda column: column
    least: int = 0  # the rows of a column are repeated until there are at least so many
    spaced: bool = False  # whether white space follows commas and colons


@dataclass(frozen=True)
class Body:
    producer: str
    column: str
    kind: LogicalType
    variant: str
    #: The true values of the rows that were sent, and their JSON text.
    values: tuple[Any, ...]
    tokens: tuple[str, ...]
    #: Min and max of the whole result, with the JSON text in the statistics; empty where there is no value.
    bounds: tuple[tuple[Any, str], ...]
    #: The section of the statistics besides ``general``, empty for none; None where there are no statistics.
    section: str | None
    whole: bool  # whether all rows were sent
    nulls_agree: bool  # whether the writers of the rows and of the statistics write the same values as null
    entry: str | None  # the JSON text of the statistics; None where there are none
    spaced: bool = False

    @cached_property
    def cells(self) -> list[Any]:
        return [parse(token) for token in self.tokens]

    @cached_property
    def body(self) -> bytes:
        comma, colon = (", ", ": ") if self.spaced else (",", ":")
        table = comma.join([f'["{_NAME}"]', *(f"[{token}]" for token in self.tokens)])
        entry = f'{comma}"dataframe_stats"{colon}{{"{_NAME}"{colon}{self.entry}}}' if self.entry else ""
        return (
            f'{{"state"{colon}"COMPLETED"{comma}"results"{colon}{{"sql_query"{colon}"SELECT 1"{comma}'
            f'"dataframe"{colon}[{table}]{entry}}}}}'
        ).encode()


def bodies(column: TrueColumn, producer: Producer) -> Iterator[Body]:
    """Write a column in each extent, with each depth of statistics."""
    times = max(math.ceil(producer.least / max(len(column.values), 1)), 1)
    column = replace(column, values=column.values * times)
    sent_column = producer.cut(column)
    tokens, measured = producer.rows(sent_column), producer.statistics(column)
    # What a producer writes as null, as most do NaN, was lost before the response.
    values = [
        None if token == "null" else value for value, token in zip(sent_column.values, tokens, strict=True)
    ]
    for extent in producer.extents:
        count = len(values) if extent.total is None else extent.total
        ends = _ends(column.values[:count], measured)
        bounds = [token for _, token in ends] or [producer.no_bound] * 2
        nulls = measured[:count].count("null")
        for depth in producer.depths:
            section = SECTIONS.get(column.kind.name, "")
            entry, told = None, None
            if (sections := _DEPTHS[depth]) is not None:
                told = section if section in sections else ""
                entry = _document(count, nulls, told, bounds)
            sent = slice(0, count if extent.rows is None else min(extent.rows, count))
            yield Body(
                producer.name,
                column.name,
                column.kind,
                f"{depth}, {extent.name}",
                tuple(values[sent]),
                tuple(tokens[sent]),
                ends if told in {"temporal", "numeric"} else (),
                told,
                sent.stop == count,
                nulls == tokens[:count].count("null"),
                entry,
                producer.spaced,
            )


def _ends(values: tuple[Any, ...], tokens: list[str]) -> tuple[tuple[Any, str], ...]:
    pairs = [pair for pair in zip(values, tokens, strict=False) if pair[0] is not None and pair[1] != "null"]
    try:
        ordered = sorted(pairs, key=lambda pair: _sort_key(pair[0]))
    except (TypeError, ValueError):  # lists, objects and unions have no section
        return ()
    return (ordered[0], ordered[-1]) if ordered else ()


def _sort_key(value: Any) -> Any:
    """Return the sort key of a value, as in PostgreSQL: NaN is largest, a month has 30 days."""
    if isinstance(value, tuple) and not isinstance(value, TemporalTicks):
        months, days, nanos = value
        return (months * 30 + days) * DAY + nanos
    if isinstance(value, float | Decimal):
        return (math.isnan(value), 0 if math.isnan(value) else value)
    return value


def _document(size: int, nulls: int, section: str, bounds: list[str]) -> str:
    sections = [f'"general":{{"count":{size},"nulls_count":{nulls}}}']
    if section in {"temporal", "numeric"}:
        sections.append(f'"{section}":{{"distinct_approx":true,"min":{bounds[0]},"max":{bounds[1]}}}')
    elif section:
        sections.append(f'"{section}":{{"distinct_approx":true}}')
    return f"{{{','.join(sections)}}}"
