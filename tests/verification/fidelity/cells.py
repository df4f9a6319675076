"""The cells: values as JSON text in the style of a producer."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal
from zoneinfo import ZoneInfo

import numpy as np

from tests.verification.fidelity.ground_truth import DAY, LogicalType, TemporalTicks

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NESTED", "Style", "calendar_day", "write_cell"]

_SECOND: Final = 1_000_000_000
#: From 0001-01-02 to 9999-12-30 in seconds since 1970: Python computes the offset of a zone only here.
_PYTHON_YEARS: Final = range(-62_135_596_800 + 86_400, 253_402_300_800 - 86_400)
_UNSAFE: Final = 2**53
_WIDE: Final = 64


@dataclass(frozen=True)
class Style:
    """How a producer writes.

    Parameters
    ----------
    fraction
        Digits of a second: as many as needed (``trim``), at least 3, 6 or 9, the next of 0, 3, 6 and 9
        (``thousands``).
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
        ``json``, or ``text`` (JSON in quotes).
    intervals
        ``iso``, or ``words`` as DuckDB and PostgreSQL have them.
    """

    name: str
    fraction: Literal["trim", "3", "6", "9", "thousands"] = "trim"
    separator: str = "T"
    zone: str = "UTC"
    offset: Literal["Z", "+00:00", "+00", "+0000"] = "+00:00"
    decimals: Literal["trim", "pad", "text"] = "trim"
    floats: Literal["1.0", "1"] = "1.0"
    nan: Literal["text", "null", "bare"] = "text"
    bigints: Literal["number", "text", "unsafe"] = "number"
    nested: Literal["json", "text"] = "json"
    intervals: Literal["iso", "words"] = "iso"
    spaced: bool = False
    ascii: bool = False


def write_cell(kind: LogicalType, value: Any, style: Style) -> str:
    """Return the JSON text of a value."""
    if value is None:
        return "null"
    token = _WRITERS[kind.name](kind, value, style)
    quoted = style.nested != "json" and kind.name in NESTED
    return json.dumps(token, ensure_ascii=style.ascii) if quoted else token


def _text(_: LogicalType, value: str, style: Style) -> str:
    return json.dumps(value, ensure_ascii=style.ascii)


def _whole(kind: LogicalType, value: int, style: Style) -> str:
    quoted = style.bigints == "text" or (style.bigints == "unsafe" and abs(value) > _UNSAFE)
    return f'"{value}"' if quoted and kind.size >= _WIDE else str(value)


def _decimal(_: LogicalType, value: Decimal, style: Style) -> str:
    padded = f"{value:f}"
    if style.decimals == "text":
        return f'"{padded}"'
    return padded if style.decimals == "pad" else padded.rstrip("0").rstrip(".")


def _float64(_: LogicalType, value: float, style: Style) -> str:
    if not math.isfinite(value):
        name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return {"text": f'"{name}"', "bare": name, "null": "null"}[style.nan]
    text = repr(value)
    if style.floats == "1.0" or not value.is_integer():
        return text
    # As in ECMAScript: no exponent below 1e21, and zero has no sign.
    return f"{Decimal(text):f}".removesuffix(".0").lstrip("-" * (value == 0)) if abs(value) < 1e21 else text


def _float32(kind: LogicalType, value: float, style: Style) -> str:
    if not math.isfinite(value):
        return _float64(kind, value, style)
    # The shortest text that no other 32-bit float has.
    shortest = next(text for digits in range(1, 10) if _is_float32(text := f"{value:.{digits}g}", value))
    return _float64(kind, float(shortest), style)


def _is_float32(text: str, value: float) -> bool:
    with np.errstate(over="ignore"):
        return float(np.float32(text)) == value


def calendar_day(ticks: float) -> tuple[str, str]:
    """Return year-month-day and the era, as PostgreSQL writes them; the computation begins years in March."""
    days = int(ticks) // DAY + 719_468
    era, day_of_era = divmod(days, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    year = year_of_era + era * 400 + (month <= 2)
    return f"{year if year > 0 else 1 - year:04d}-{month:02d}-{day:02d}", "" if year > 0 else " BC"


def _clock(ticks: float, style: Style) -> str:
    seconds, nanos = divmod(int(ticks), _SECOND)
    hours, rest = divmod(seconds, 3_600)
    digits = f"{nanos:09d}"
    short = digits.rstrip("0")
    kept = {
        "trim": len(short),
        "thousands": math.ceil(len(short) / 3) * 3,
        "3": max(3, len(short)),
        "6": max(6, len(short)),
        "9": 9,
    }[style.fraction]
    fraction = f".{digits[:kept]}" if kept else ""
    return f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}{fraction}"


def _date(_: LogicalType, value: TemporalTicks, __: Style) -> str:
    if math.isinf(value.ticks):
        return '"infinity"' if value.ticks > 0 else '"-infinity"'
    day, era = calendar_day(value.ticks)
    return f'"{day}{era}"'


def _instant(_: LogicalType, value: TemporalTicks, style: Style) -> str:
    if math.isinf(value.ticks):
        return _stamp(value.ticks, "", style)
    seconds = int(value.ticks) // _SECOND
    shift = 0
    if seconds in _PYTHON_YEARS:
        instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        shift = round((instant.astimezone(ZoneInfo(style.zone)).utcoffset() or timedelta()).total_seconds())
    return _stamp(value.ticks + shift * _SECOND, _offset(shift, style), style)


def _stamp(ticks: float, offset: str, style: Style) -> str:
    if math.isinf(ticks):
        return '"infinity"' if ticks > 0 else '"-infinity"'
    day, era = calendar_day(ticks)
    return f'"{day}{style.separator}{_clock(int(ticks) % DAY, style)}{offset}{era}"'


def _offset(shift: int, style: Style) -> str:
    if shift == 0 and style.offset == "Z":
        return "Z"
    minutes, seconds = divmod(abs(shift), 60)
    sign = "-" if shift < 0 else "+"
    colon = "" if style.offset == "+0000" else ":"
    text = f"{sign}{minutes // 60:02d}"
    if minutes % 60 or seconds or style.offset != "+00":
        text += f"{colon}{minutes % 60:02d}"
    return text + (f"{colon}{seconds:02d}" if seconds else "")


def _interval(_: LogicalType, value: tuple[int, int, int], style: Style) -> str:
    months, days, nanos = value
    if style.intervals == "iso":
        date = f"{months}M" * bool(months) + f"{days}D" * bool(days)
        seconds = f"{Decimal(nanos).scaleb(-9):f}"
        seconds = seconds.rstrip("0").rstrip(".") if "." in seconds else seconds
        return f'"P{date}T{seconds}S"' if nanos or not date else f'"P{date}"'
    sign = "-" if nanos < 0 else ""
    words = [f"{months} mons"] * bool(months) + [f"{days} days"] * bool(days)
    clock = [f"{sign}{_clock(abs(nanos), style)}"] if nanos or not words else []
    return json.dumps(" ".join([*words, *clock]))


def _inside(kind: LogicalType, value: Any, style: Style) -> str:
    """Return a nested value as JSON, also where the cell itself is a text."""
    return write_cell(kind, value, replace(style, nested="json"))


def _members(pairs: list[tuple[str, LogicalType, Any]], style: Style) -> str:
    colon = ": " if style.spaced else ":"
    members = [
        f"{json.dumps(name, ensure_ascii=style.ascii)}{colon}{_inside(kind, value, style)}"
        for name, kind, value in pairs
    ]
    return f"{{{_comma(style).join(members)}}}"


def _comma(style: Style) -> str:
    return ", " if style.spaced else ","


def _list(kind: LogicalType, value: list[Any], style: Style) -> str:
    children = [child for _, child in kind.children]
    children = children if kind.name == "tuple" else children * len(value)
    return f"[{_comma(style).join(map(partial(_inside, style=style), children, value))}]"


def _struct(kind: LogicalType, value: Any, style: Style) -> str:
    if kind.name == "map":
        return _members([(str(key), kind.children[1][1], item) for key, item in value], style)
    return _members([(name, child, value[name]) for name, child in kind.children], style)


def _union(kind: LogicalType, value: tuple[int, Any], style: Style) -> str:
    member, inner = value
    return write_cell(kind.children[member][1], inner, style)


_WRITERS: Final[dict[str, Callable[[LogicalType, Any, Style], str]]] = {
    "boolean": lambda _, value, __: "true" if value else "false",
    "whole": _whole,
    "decimal": _decimal,
    "float32": _float32,
    "float64": _float64,
    "text": _text,
    "other": _text,
    "date": _date,
    "timestamp": lambda _, value, style: _stamp(value.ticks, "", style),
    "instant": _instant,
    "time": lambda _, value, style: f'"{_clock(value.ticks, style)}"',
    "timetz": _text,
    "interval": _interval,
    "list": _list,
    "tuple": _list,
    "struct": _struct,
    "map": _struct,
    "union": _union,
}
NESTED: Final = frozenset({"list", "tuple", "struct", "map"})
