"""The styles: one choice for each point that the API document leaves open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

__all__ = ["STYLES", "Style"]


@dataclass(frozen=True)
class Style:
    """How a producer writes.

    Parameters
    ----------
    fraction
        Digits of a second: as many as needed (``trim``), at least 3, 6 or 9, the next of 0, 3, 6 and 9
        (``thousands``), or cut to milliseconds, as in the document's example (``cut``).
    offset
        How offsets of zero and other ones are written: ``Z`` (else ``+02:00``), ``+00:00``, ``+00`` (else
        ``+02`` or ``+05:30``), ``+0000``.
    decimals
        ``trim``, ``pad`` (to the scale) or ``text`` (padded, in quotes).
    floats
        ``1.0`` or ``1`` for a float that is an integer.
    nan
        ``text``, ``null`` or ``bare``.
    bigints
        ``number``, ``text``, or ``unsafe``: text beyond 2**53 only.
    nested
        ``json``, ``text`` (JSON in quotes), or ``cast`` (the same, with the statistics of text).
    intervals
        ``iso`` with temporal statistics, or ``words`` as DuckDB and PostgreSQL have them.
    sections
        ``none`` (no statistics), ``general``, ``documented``, or ``guessed`` (numeric and boolean as well).
    rows
        The ``max_rows`` of the request, None for all.
    least
        The rows of a column are repeated until there are at least so many.
    """

    name: str
    fraction: Literal["trim", "3", "6", "9", "thousands", "cut"] = "trim"
    separator: str = "T"
    zone: str = "UTC"
    offset: Literal["Z", "+00:00", "+00", "+0000"] = "+00:00"
    decimals: Literal["trim", "pad", "text"] = "trim"
    floats: Literal["1.0", "1"] = "1.0"
    nan: Literal["text", "null", "bare"] = "text"
    bigints: Literal["number", "text", "unsafe"] = "number"
    nested: Literal["json", "text", "cast"] = "json"
    intervals: Literal["iso", "words"] = "iso"
    sections: Literal["none", "general", "documented", "guessed"] = "documented"
    rows: int | None = None
    spaced: bool = False
    ascii: bool = False
    least: int = 0


_DOCUMENT: Final = Style("document", zone="Europe/Warsaw")
_POSTGRES: Final = Style("postgres", offset="+00:00", decimals="pad", floats="1", intervals="words")
_PYTHON: Final = Style("python", decimals="text", spaced=True, ascii=True, nan="bare", sections="guessed")
_JAVA: Final = Style(
    "java", fraction="thousands", offset="Z", decimals="pad", nested="text", sections="guessed"
)

_SCRIPT: Final = Style("javascript", offset="Z", floats="1", nan="null", bigints="text", sections="guessed")
_FIXED: Final = Style("fixed offset", zone="Etc/GMT-14", fraction="6", sections="general", intervals="words")

#: Every choice occurs, and ``max_rows`` with each depth of statistics.
STYLES: Final = (
    _DOCUMENT,
    replace(_DOCUMENT, name="document, 0 rows", rows=0),
    replace(_DOCUMENT, name="document, 1 row", rows=1),
    replace(_DOCUMENT, name="document, 20 rows", rows=20),
    replace(_DOCUMENT, name="document, rows cut to ms", fraction="cut"),
    replace(_DOCUMENT, name="document, long", least=1_500),
    replace(_DOCUMENT, name="guessed sections", sections="guessed"),
    replace(_DOCUMENT, name="guessed sections, 0 rows", sections="guessed", rows=0),
    replace(_DOCUMENT, name="guessed sections, 1 row", sections="guessed", rows=1),
    replace(_DOCUMENT, name="guessed sections, 20 rows", sections="guessed", rows=20),
    replace(_DOCUMENT, name="guessed sections, long", sections="guessed", least=1_500),
    replace(_DOCUMENT, name="general only", sections="general"),
    replace(_DOCUMENT, name="no statistics", sections="none"),
    replace(_DOCUMENT, name="no statistics, 20 rows", sections="none", rows=20),
    replace(_DOCUMENT, name="no statistics, long", sections="none", least=1_500),
    _POSTGRES,
    replace(_POSTGRES, name="postgres, session zone", zone="America/New_York", offset="+00", separator=" "),
    replace(_POSTGRES, name="postgres, numeric", sections="guessed", zone="Asia/Kolkata", offset="+00"),
    _PYTHON,
    replace(_PYTHON, name="python, documented", sections="documented", fraction="6", separator=" "),
    replace(_PYTHON, name="python, no statistics", sections="none", nan="text", bigints="text"),
    _JAVA,
    replace(_JAVA, name="java, no statistics", sections="none", bigints="text"),
    _SCRIPT,
    replace(
        _SCRIPT,
        name="javascript, documented",
        bigints="number",
        nested="text",
        spaced=True,
        sections="documented",
    ),
    replace(_SCRIPT, name="javascript, unsafe as text", nan="text", bigints="unsafe", ascii=True),
    Style("warehouse", fraction="9", separator=" ", offset="+0000", decimals="text", nested="cast"),
    Style("warehouse, numeric", fraction="9", offset="Z", decimals="pad", sections="guessed", nan="null"),
    replace(
        _FIXED,
        name="fixed offset, numeric",
        zone="Etc/GMT+3",
        fraction="3",
        bigints="text",
        decimals="text",
        sections="guessed",
    ),
    _FIXED,
)
