"""The producers: columns as response bodies in the style of a service.

Nothing here is shared with the sandbox or the decoder, so that none of their mistakes can hide.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from tests.verification.fidelity.cells import NESTED, write_cell
from tests.verification.fidelity.ground_truth import LogicalType, TemporalTicks, TrueColumn
from tests.verification.fidelity.statistics import write_statistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.verification.fidelity.styles import Style

__all__ = ["NAME", "NESTED", "Number", "Payload", "parse", "produce", "produce_side_by_side"]

#: The name of the only column of a payload, always the same, so that payloads can be compared.
NAME: Final = "value"
_MILLISECOND: Final = 1_000_000


@dataclass(frozen=True)
class Payload:
    """A response body and the column that it was made of.

    Parameters
    ----------
    column
        The values of the rows in the body, without the rows and digits that were not sent.
    tokens
        The JSON text of each cell.
    statistics
        The JSON text of the column's statistics; None where there are none.
    bounds
        Min and max with their JSON text, where the statistics have them.
    """

    style: Style
    column: TrueColumn
    tokens: tuple[str, ...]
    statistics: str | None
    bounds: tuple[tuple[Any, str], ...]
    body: bytes

    @cached_property
    def cells(self) -> list[Any]:
        """The parsed cells."""
        return [parse(token) for token in self.tokens]


class Number(str):
    """The text of a JSON number."""

    __slots__ = ()


def parse(token: str) -> Any:
    """Read a JSON text; numbers, NaN and infinity keep their text."""
    return json.loads(token, parse_int=Number, parse_float=Number, parse_constant=Number)


def produce(column: TrueColumn, style: Style) -> Payload:
    """Return a column as a response in a style."""
    times = max(math.ceil(style.least / max(len(column.values), 1)), 1)
    whole = replace(column, values=column.values * times)
    sent = tuple(_cut(column.kind, value, style) for value in whole.values[: style.rows])
    tokens = tuple(write_cell(column.kind, value, style) for value in sent)
    statistics, bounds = write_statistics(whole, style)
    body = _body([(NAME, tokens, statistics)], style)
    return Payload(style, replace(column, values=sent), tokens, statistics, bounds, body)


def produce_side_by_side(payloads: Sequence[Payload]) -> bytes:
    """Return one response with the columns of several payloads of one style and length: ``c0``, ``c1`` ..."""
    columns = [(f"c{at}", payload.tokens, payload.statistics) for at, payload in enumerate(payloads)]
    return _body(columns, payloads[0].style)


def _body(columns: Sequence[tuple[str, tuple[str, ...], str | None]], style: Style) -> bytes:
    comma, colon = (", ", ": ") if style.spaced else (",", ":")
    header = comma.join(f'"{name}"' for name, _, _ in columns)
    rows = zip(*(tokens for _, tokens, _ in columns), strict=True)
    table = comma.join([f"[{header}]", *(f"[{comma.join(row)}]" for row in rows)])
    members = comma.join(f'"{name}"{colon}{text}' for name, _, text in columns if text is not None)
    statistics = f'{comma}"dataframe_stats"{colon}{{{members}}}' if members else ""
    return (
        f'{{"state"{colon}"COMPLETED"{comma}"results"{colon}{{"sql_query"{colon}"SELECT 1"{comma}'
        f'"dataframe"{colon}[{table}]{statistics}}}}}'
    ).encode()


def _cut(kind: LogicalType, value: Any, style: Style) -> Any:
    """Return a value cut to milliseconds where the style does so; the statistics keep all digits."""
    if style.fraction != "cut" or not isinstance(value, TemporalTicks) or math.isinf(value.ticks):
        return value
    return TemporalTicks(kind.name, value.ticks // _MILLISECOND * _MILLISECOND)
