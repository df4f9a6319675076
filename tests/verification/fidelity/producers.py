"""The producers: one truth in, one response body out, in the style of some service.

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

#: The name of the only column of a payload: the same for all truths, so that payloads can be compared.
NAME: Final = "value"
_MILLISECOND: Final = 1_000_000


@dataclass(frozen=True)
class Payload:
    """A response body and what it was made of.

    Parameters
    ----------
    column
        The truth of the rows in the body: not that of the whole result where rows or digits were cut.
    tokens
        The JSON text of each cell.
    statistics
        The JSON text of what is told of the column, None where nothing is.
    bounds
        Min and max with their JSON text, where the statistics tell them.
    """

    style: Style
    column: TrueColumn
    tokens: tuple[str, ...]
    statistics: str | None
    bounds: tuple[tuple[Any, str], ...]
    body: bytes

    @cached_property
    def cells(self) -> list[Any]:
        """The cells as ``parse`` gives them."""
        return [parse(token) for token in self.tokens]


class Number(str):
    """The text of a JSON number."""

    __slots__ = ()


def parse(token: str) -> Any:
    """Read a JSON text; numbers, and what stands for them without quotes, keep their text."""
    return json.loads(token, parse_int=Number, parse_float=Number, parse_constant=Number)


def produce(truth: TrueColumn, style: Style) -> Payload:
    """Write a truth as a response in a style."""
    times = max(math.ceil(style.least / max(len(truth.values), 1)), 1)
    whole = replace(truth, values=truth.values * times)
    sent = tuple(_cut(truth.kind, value, style) for value in whole.values[: style.rows])
    tokens = tuple(write_cell(truth.kind, value, style) for value in sent)
    told, bounds = write_statistics(whole, style)
    body = _body([(NAME, tokens, told)], style)
    return Payload(style, replace(truth, values=sent), tokens, told, bounds, body)


def produce_side_by_side(payloads: Sequence[Payload]) -> bytes:
    """Write the columns of several payloads of one style and length beside each other: ``c0``, ``c1`` ..."""
    columns = [(f"c{at}", payload.tokens, payload.statistics) for at, payload in enumerate(payloads)]
    return _body(columns, payloads[0].style)


def _body(columns: Sequence[tuple[str, tuple[str, ...], str | None]], style: Style) -> bytes:
    comma, colon = (", ", ": ") if style.spaced else (",", ":")
    header = comma.join(f'"{name}"' for name, _, _ in columns)
    rows = zip(*(tokens for _, tokens, _ in columns), strict=True)
    table = comma.join([f"[{header}]", *(f"[{comma.join(row)}]" for row in rows)])
    told = comma.join(f'"{name}"{colon}{text}' for name, _, text in columns if text is not None)
    statistics = f'{comma}"dataframe_stats"{colon}{{{told}}}' if told else ""
    return (
        f'{{"state"{colon}"COMPLETED"{comma}"results"{colon}{{"sql_query"{colon}"SELECT 1"{comma}'
        f'"dataframe"{colon}[{table}]{statistics}}}}}'
    ).encode()


def _cut(kind: LogicalType, value: Any, style: Style) -> Any:
    """Cut the rows to milliseconds where the style does; the statistics keep their digits."""
    if style.fraction != "cut" or not isinstance(value, TemporalTicks) or math.isinf(value.ticks):
        return value
    return TemporalTicks(kind.name, value.ticks // _MILLISECOND * _MILLISECOND)
