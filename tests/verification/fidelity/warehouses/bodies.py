"""The bodies: a column as a response of a producer, in each extent and with each depth of statistics."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.verification.fidelity.ground_truth import DAY, LogicalType, TemporalTicks, TrueColumn
from tests.verification.fidelity.producers import NAME, parse
from tests.verification.fidelity.warehouses.columns import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Body", "Counted", "Producer", "Shape", "Unwritable", "Writer", "bodies"]

#: Returns the JSON text of each value of a column.
Writer = Callable[[TrueColumn], list[str]]


class Unwritable(Exception):
    """A producer has no type for a column, its type does not hold a value, or the value is changed by it."""


class Producer(NamedTuple):
    """The writer of the rows and that of the statistics, which may be another one of the same stack.

    Parameters
    ----------
    no_bound
        The JSON text of the min and max of a column without a value.
    """

    name: str
    rows: Writer
    statistics: Writer
    no_bound: str = "null"


class Counted(NamedTuple):
    """What statistics tell of a column: ``size`` values are the whole result; bounds are JSON text."""

    column: TrueColumn
    size: int
    nulls: int
    section: str
    bounds: list[str]


#: Returns the entry of a column as JSON, the section that tells the type, and its min and max.
Shape = Callable[[Counted], tuple[str, str, list[str]]]


class Extent(NamedTuple):
    """Which part of a result was sent: ``rows`` of ``total`` rows, None for all of them."""

    name: str
    rows: int | None
    total: int | None


_EXTENTS: Final = (
    Extent("all rows", None, None),
    Extent("2 rows", 2, None),
    Extent("1 row", 1, None),
    Extent("0 rows of many", 0, None),
    Extent("empty", 0, 0),
)
#: How much the statistics tell, and the sections that they have.
_DEPTHS: Final = {
    "documented": frozenset({"temporal", "string"}),
    "numeric": frozenset({"temporal", "string", "numeric", "boolean"}),
}


@dataclass(frozen=True)
class Body:
    """A response body with one column.

    Parameters
    ----------
    values, tokens
        The true values of the rows that were sent, and their JSON text.
    bounds
        Min and max of the whole result, with the JSON text in the statistics; empty where there is no value.
    section
        The section of the statistics besides ``general``, empty for none.
    whole
        Whether all rows were sent.
    nulls_agree
        Whether the writers of the rows and of the statistics write the same values as null.
    """

    producer: str
    column: str
    kind: LogicalType
    variant: str
    values: tuple[Any, ...]
    tokens: tuple[str, ...]
    bounds: tuple[tuple[Any, str], ...]
    section: str
    whole: bool
    nulls_agree: bool
    body: bytes

    @cached_property
    def cells(self) -> list[Any]:
        """The parsed cells."""
        return [parse(token) for token in self.tokens]


def bodies(column: TrueColumn, producer: Producer, shape: Shape | None = None) -> Iterator[Body]:
    """Write a column in each extent, with each depth of statistics, or with those of a shape."""
    tokens, measured = producer.rows(column), producer.statistics(column)
    # What a producer writes as null, as most do NaN, was lost before the response.
    values = [None if token == "null" else value for value, token in zip(column.values, tokens, strict=True)]
    for extent in _EXTENTS:
        count = len(values) if extent.total is None else extent.total
        ends = _ends(column.values[:count], measured)
        bounds = [token for _, token in ends] or [producer.no_bound] * 2
        nulls = measured[:count].count("null")
        for depth, sections in _DEPTHS.items() if shape is None else {"numeric": _DEPTHS["numeric"]}.items():
            section = SECTIONS.get(column.kind.name, "")
            section = section if section in sections else ""
            counted = Counted(column, count, nulls, section, bounds)
            entry, section, written = (_document if shape is None else shape)(counted)
            ends = tuple((value, token) for (value, _), token in zip(ends, written, strict=False))
            sent = slice(0, count if extent.rows is None else extent.rows)
            yield Body(
                producer.name,
                column.name,
                column.kind,
                f"{depth}, {extent.name}",
                tuple(values[sent]),
                tuple(tokens[sent]),
                ends if section in {"temporal", "numeric"} else (),
                section,
                sent.stop == count,
                nulls == tokens[:count].count("null"),
                _body(tokens[sent], entry),
            )


def _ends(values: tuple[Any, ...], tokens: list[str]) -> tuple[tuple[Any, str], ...]:
    pairs = [pair for pair in zip(values, tokens, strict=False) if pair[0] is not None and pair[1] != "null"]
    try:
        ordered = sorted(pairs, key=lambda pair: _sort_key(pair[0]))
    except TypeError:  # lists and objects have no section
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


def _document(column: Counted) -> tuple[str, str, list[str]]:
    sections = [f'"general":{{"count":{column.size},"nulls_count":{column.nulls}}}']
    section, (least, most) = column.section, column.bounds
    if section in {"temporal", "numeric"}:
        sections.append(f'"{section}":{{"distinct_approx":true,"min":{least},"max":{most}}}')
    elif section:
        sections.append(f'"{section}":{{"distinct_approx":true}}')
    return f"{{{','.join(sections)}}}", section, column.bounds


def _body(tokens: list[str], entry: str) -> bytes:
    rows = "".join(f",[{token}]" for token in tokens)
    name = json.dumps(NAME)
    return (
        f'{{"state":"COMPLETED","results":{{"sql_query":"SELECT 1","dataframe":[[{name}]{rows}],'
        f'"dataframe_stats":{{{name}:{entry}}}}}}}'
    ).encode()
