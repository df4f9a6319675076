"""Ambiguities: other columns that a producer writes with the same bytes.

A column is not recoverable only where another column has the same payload and the same statistics. Such
columns are looked up among all columns in all styles, and constructed: the cells of a payload are read as
values of other types (numbers as floats or decimals, quoted numbers as bytes, a null as infinity, rows that
were not sent as other rows), written by the same producer, and kept where the bytes are the same. The types
are those of columns in a warehouse. A JSON column is not among them, since it could contain anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from tests.verification.fidelity.ground_truth import LogicalType, TemporalTicks, TrueColumn
from tests.verification.fidelity.producers import Number, Payload, parse, produce
from tests.verification.fidelity.styles import STYLES, Style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["find_ambiguities"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def find_ambiguities(column: TrueColumn, payload: Payload) -> Iterator[TrueColumn]:
    """Yield the columns that have the same payload, with as many rows as the payload."""
    for candidate, style in _candidates(column, payload.style):
        other = produce(candidate, style)
        if other.body == payload.body:
            yield other.column


def _candidates(column: TrueColumn, style: Style) -> Iterator[tuple[TrueColumn, Style]]:
    if style.nan == "null" and column.kind.name.startswith("float"):
        for stand_in in (math.inf, None):
            values = tuple(_swap_nan(value, stand_in) for value in column.values)
            yield replace(column, values=values), style
    tokens = produce(column, replace(style, rows=None, least=0)).tokens
    cells = [parse(token) for token in tokens]
    filled, counted = _fill_unsent(cells, style), _renumber_unsent(cells, style)
    for possible in (cells, *(other for other in (filled, counted) if other is not cells)):
        for kind in dict.fromkeys(_infer_type(possible, leaves) for leaves in _LEAF_TYPES):
            if kind is not None:
                yield (
                    TrueColumn("ambiguous", kind, tuple(_parse_value(kind, cell) for cell in possible)),
                    style,
                )
    for kind in _NULL_TYPES if all(cell is None for cell in cells) else ():
        yield TrueColumn("ambiguous", kind, (None,) * len(cells)), style
    for candidate in _temporal_columns(cells):
        for other in STYLES:
            yield candidate, replace(other, sections=style.sections, rows=style.rows, least=style.least)


def _swap_nan(value: float | None, stand_in: float | None) -> float | None:
    """Exchange NaN and infinity, which keeps the distinct count."""
    if value is None or not (math.isnan(value) or value == stand_in):
        return value
    return stand_in if math.isnan(value) else math.nan


#: The types that a column of nulls alone may have.
_NULL_TYPES: Final = tuple(
    LogicalType(name) for name in ("boolean", "text", "other", "date", "instant", "float64", "interval")
)


def _fill_unsent(cells: list[Any], style: Style) -> list[Any]:
    """Replace the rows that were not sent by a cell that was; nulls stay."""
    if style.rows is None:
        return cells
    sent = cells[: style.rows]
    filling = next((cell for cell in sent if cell is not None), "unseen")
    return [*sent, *(None if cell is None else filling for cell in cells[style.rows :])]


def _renumber_unsent(cells: list[Any], style: Style) -> list[Any]:
    """Replace the integers that were not sent by other ones between the minimum and the maximum."""
    numbers = [Decimal(cell) for cell in cells if type(cell) is Number]
    if (
        style.rows is None
        or not numbers
        or any(type(cell) is not Number for cell in cells if cell is not None)
    ):
        return cells
    kept = {Number(min(numbers)), Number(max(numbers)), *cells[: style.rows]}
    fresh = (Number(number) for number in count(math.ceil(min(numbers))) if Number(number) not in kept)
    others: dict[Any, Any] = {cell: cell if cell is None or cell in kept else None for cell in cells}
    for cell, other in others.items():
        if cell is not None and other is None:
            others[cell] = next(fresh)
    return [*cells[: style.rows], *(others[cell] for cell in cells[style.rows :])]


@dataclass(frozen=True)
class _LeafTypes:
    """The types that texts and numbers are read as."""

    text: LogicalType
    number: Callable[[Sequence[str]], LogicalType | None]


def _as_written(numbers: Sequence[str]) -> LogicalType | None:
    whole = all(number.lstrip("-").isdecimal() for number in numbers)
    return LogicalType("whole", 32) if whole else _as_float(numbers)


def _as_float(numbers: Sequence[str]) -> LogicalType | None:
    return LogicalType("float64") if numbers else None


def _as_decimal(numbers: Sequence[str]) -> LogicalType | None:
    if not all(Decimal(number).is_finite() for number in numbers):
        return None
    return LogicalType(
        "decimal", max(max(-int(Decimal(number).as_tuple().exponent), 0) for number in numbers)
    )


_LEAF_TYPES: Final = tuple(
    _LeafTypes(LogicalType(text), number)
    for text in ("text", "other")
    for number in (_as_written, _as_float, _as_decimal)
)


def _infer_type(cells: Sequence[Any], leaves: _LeafTypes) -> LogicalType | None:
    """Return the type that cells are read as; None where they have none in common."""
    present = [cell for cell in cells if cell is not None]
    types = {type(cell) for cell in present}
    if types == {list}:
        child = _infer_type([item for cell in present for item in cell], leaves)
        return LogicalType("list", 0, (("item", child),)) if child else None
    if types == {dict}:
        names = list(present[0])
        if any(list(cell) != names for cell in present):
            return None
        children = [(name, _infer_type([cell[name] for cell in present], leaves)) for name in names]
        found = tuple((name, child) for name, child in children if child is not None)
        return LogicalType("struct", 0, found) if len(found) == len(names) else None
    if types == {Number}:
        return leaves.number(present)
    return {
        frozenset({bool}): LogicalType("boolean"),
        frozenset({str}): leaves.text,
        frozenset[type](): leaves.text,
    }.get(frozenset(types))


def _parse_value(kind: LogicalType, cell: Any) -> Any:
    """Read a cell as a value of a type."""
    if cell is None:
        return None
    if kind.name == "list":
        return [_parse_value(kind.children[0][1], item) for item in cell]
    if kind.name == "struct":
        return {name: _parse_value(child, cell[name]) for name, child in kind.children}
    read: dict[str, Callable[[Any], Any]] = {"whole": int, "float64": float, "decimal": Decimal}
    return read.get(kind.name, lambda text: text)(cell)


def _temporal_columns(cells: Sequence[Any]) -> Iterator[TrueColumn]:
    """Read texts as dates or timestamps where all of them are; a producer may have written them so."""
    try:
        timestamps = [None if cell is None else datetime.fromisoformat(cell) for cell in cells]
    except (TypeError, ValueError):
        return
    present = [timestamp for timestamp in timestamps if timestamp is not None]
    kinds = {"instant" if timestamp.tzinfo else "timestamp" for timestamp in present}
    if len(kinds) != 1:
        return
    name = (
        "date"
        if all(len(str(cell)) == len("2025-01-01") for cell in cells if cell is not None)
        else kinds.pop()
    )
    values = [
        None
        if timestamp is None
        else TemporalTicks(
            name,
            (timestamp.replace(tzinfo=timestamp.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1) * 1_000,
        )
        for timestamp in timestamps
    ]
    yield TrueColumn("ambiguous", LogicalType(name), tuple(values))
