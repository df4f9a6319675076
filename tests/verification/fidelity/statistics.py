"""The statistics of a column, computed over the whole result, in the shape of the API document.

``general``, ``temporal`` and ``string`` are documented. Some styles add ``numeric`` and ``boolean``, with
``numeric`` having the fields of ``temporal``, the only documented section of ordered values.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tests.verification.fidelity.cells import NESTED, write_cell
from tests.verification.fidelity.ground_truth import DAY, LogicalType, TemporalTicks, TrueColumn

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.verification.fidelity.styles import Style

__all__ = ["write_statistics"]

#: Logical type -> section; ``interval`` and the nested ones depend on the style.
_SECTION: Final = {
    "boolean": "boolean",
    **dict.fromkeys(("whole", "decimal", "float32", "float64"), "numeric"),
    "text": "string",
    **dict.fromkeys(("date", "timestamp", "instant", "time", "timetz"), "temporal"),
}
#: The sections besides ``general`` for each choice of a style.
_WRITTEN: Final[dict[str, frozenset[str]]] = {
    "none": frozenset(),
    "general": frozenset(),
    "documented": frozenset({"temporal", "string"}),
    "guessed": frozenset({"temporal", "string", "numeric", "boolean"}),
}


def write_statistics(column: TrueColumn, style: Style) -> tuple[str | None, tuple[tuple[Any, str], ...]]:
    """Return the statistics of a column as JSON, and its min and max where the statistics have them."""
    if style.sections == "none":
        return None, ()
    present = [value for value in column.values if value is not None]
    general = {"count": len(column.values), "nulls_count": len(column.values) - len(present)}
    sections = {"general": {name: str(count) for name, count in general.items()}}
    name = _section(column.kind, style)
    bounds: tuple[tuple[Any, str], ...] = ()
    if name in _WRITTEN[style.sections]:
        # The statistics keep the digits that a style removes from the rows.
        sections[name], bounds = _MEASURES[name](column.kind, present, style)
    comma, colon = (", ", ": ") if style.spaced else (",", ":")
    members = [
        f'"{section}"{colon}{{'
        + comma.join(f'"{field}"{colon}{value}' for field, value in fields.items())
        + "}"
        for section, fields in sections.items()
    ]
    return "{" + comma.join(members) + "}", bounds


def _section(kind: LogicalType, style: Style) -> str:
    if kind.name == "interval" and style.intervals == "iso":
        return "temporal"
    if kind.name in NESTED and style.nested == "cast":
        return "string"
    return _SECTION.get(kind.name, "")


_Measured = tuple[dict[str, str], tuple[tuple[Any, str], ...]]


def _bounds(kind: LogicalType, present: list[Any], style: Style) -> _Measured:
    order = sorted(present, key=_sort_key)
    ends = (order[0], order[-1]) if order else ()
    bounds = tuple((value, write_cell(kind, value, style)) for value in ends)
    least, most = [token for _, token in bounds] or ["null", "null"]
    distinct = len({_sort_key(value) for value in present})
    return {"distinct_count": str(distinct), "distinct_approx": "false", "min": least, "max": most}, bounds


def _sort_key(value: Any) -> Any:
    """Return the sort key of a value, as in DuckDB and PostgreSQL: NaN is largest, a month has 30 days."""
    if isinstance(value, float):
        return (math.isnan(value), 0.0 if math.isnan(value) else value)
    if isinstance(value, tuple) and not isinstance(value, TemporalTicks):
        months, days, nanos = value
        return (months * 30 + days) * DAY + nanos
    if isinstance(value, str):  # a time with an offset, the only text with this section
        clock, sign, offset = value.replace("-", "+-").partition("+")
        return _seconds(clock) - (-1 if offset.startswith("-") else 1) * _seconds(offset.lstrip("-")), sign
    return value


def _seconds(text: str) -> Decimal:
    hours, minutes, seconds = [*text.split(":"), "0", "0"][:3]
    return (Decimal(hours) * 60 + Decimal(minutes)) * 60 + Decimal(seconds)


def _text_lengths(kind: LogicalType, present: list[Any], style: Style) -> _Measured:
    texts = [
        value if isinstance(value, str) else json.loads(write_cell(kind, value, style)) for value in present
    ]
    lengths = [len(text) for text in texts]
    mean = round(sum(lengths) / len(lengths), 2) if lengths else "null"
    return {
        "distinct_count": str(len(set(texts))),
        "distinct_approx": "false",
        "empty_string_count": str(lengths.count(0)),
        "min_len": str(min(lengths, default="null")),
        "mean_len": str(mean),
        "max_len": str(max(lengths, default="null")),
    }, ()


_MEASURES: Final[dict[str, Callable[[LogicalType, list[Any], Style], _Measured]]] = {
    "temporal": _bounds,
    "numeric": _bounds,
    "string": _text_lengths,
    "boolean": lambda _, present, __: (
        {"true_count": str(present.count(True)), "false_count": str(present.count(False))},
        (),
    ),
}
