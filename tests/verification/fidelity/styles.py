"""The values of DuckDB in styles: one choice for each point that the API document leaves open."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from tests.verification.fidelity.bodies import Extent, Producer
from tests.verification.fidelity.cells import Style, write_cell
from tests.verification.fidelity.ground_truth import NANOS, TemporalTicks, TrueColumn

__all__ = ["PRODUCERS"]

_ALL: Final = (Extent("all rows"),)
_PARTS: Final = (*_ALL, Extent("0 rows", 0), Extent("1 row", 1), Extent("20 rows", 20))
_DEPTHS: Final = ("documented", "numeric", "general", "none")


def _producer(
    style: Style, *depths: str, extents: tuple[Extent, ...] = _ALL, least: int = 0, cut: bool = False
) -> Producer:
    def write(column: TrueColumn) -> list[str]:
        return [write_cell(column.kind, value, style) for value in column.values]

    made = Producer(
        style.name, write, write, extents=extents, depths=depths, least=least, spaced=style.spaced
    )
    return made._replace(cut=_cut) if cut else made


def _cut(column: TrueColumn) -> TrueColumn:
    """Return a column cut to milliseconds, as the rows of the document's example are."""
    return replace(column, values=tuple(map(_cut_value, column.values)))


def _cut_value(value: object) -> object:
    if not isinstance(value, TemporalTicks) or math.isinf(value.ticks):
        return value
    return TemporalTicks(value.what, value.ticks // NANOS["ms"] * NANOS["ms"])


_DOCUMENT: Final = Style("document", zone="Europe/Warsaw")
_POSTGRES: Final = Style("postgres", decimals="pad", floats="1", intervals="words")
_PYTHON: Final = Style("python", decimals="text", spaced=True, ascii=True, nan="bare")
_JAVA: Final = Style("java", fraction="thousands", offset="Z", decimals="pad", nested="text")
_SCRIPT: Final = Style("javascript", offset="Z", floats="1", nan="null", bigints="text")
_FIXED: Final = Style("fixed offset", zone="Etc/GMT-14", fraction="6", intervals="words")
_WAREHOUSE: Final = Style(
    "warehouse", fraction="9", separator=" ", offset="+0000", decimals="text", nested="text"
)

#: Every choice occurs, and parts of a result with each depth of statistics.
PRODUCERS: Final = (
    _producer(_DOCUMENT, *_DEPTHS, extents=_PARTS),
    _producer(replace(_DOCUMENT, name="document, rows cut to ms"), "documented", cut=True),
    _producer(replace(_DOCUMENT, name="document, long"), "documented", "numeric", "none", least=1_500),
    _producer(_POSTGRES, "documented"),
    _producer(
        replace(
            _POSTGRES, name="postgres, session zone", zone="America/New_York", offset="+00", separator=" "
        ),
        "documented",
    ),
    _producer(replace(_POSTGRES, name="postgres, +05:30", zone="Asia/Kolkata", offset="+00"), "numeric"),
    _producer(_PYTHON, "numeric"),
    _producer(replace(_PYTHON, name="python, six digits", fraction="6", separator=" "), "documented"),
    _producer(replace(_PYTHON, name="python, quoted", nan="text", bigints="text"), "none"),
    _producer(_JAVA, "numeric"),
    _producer(replace(_JAVA, name="java, quoted", bigints="text"), "none"),
    _producer(_SCRIPT, "numeric"),
    _producer(
        replace(_SCRIPT, name="javascript, nested quoted", bigints="number", nested="text", spaced=True),
        "documented",
    ),
    _producer(
        replace(_SCRIPT, name="javascript, unsafe quoted", nan="text", bigints="unsafe", ascii=True),
        "numeric",
    ),
    _producer(_WAREHOUSE, "documented"),
    _producer(Style("warehouse, numbers", fraction="9", offset="Z", decimals="pad", nan="null"), "numeric"),
    _producer(_FIXED, "general"),
    _producer(
        replace(
            _FIXED,
            name="fixed offset, quoted",
            zone="Etc/GMT+3",
            fraction="3",
            bigints="text",
            decimals="text",
        ),
        "numeric",
    ),
)
