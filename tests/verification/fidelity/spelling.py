"""Spellings: writers of producers that are not run here, composed of one function for each type."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from tests.verification.fidelity.bodies import Unwritable, Writer
from tests.verification.fidelity.columns import moment
from tests.verification.fidelity.ground_truth import DAY, NANOS, TemporalTicks, TrueColumn

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = [
    "Spelling",
    "clock",
    "date_of",
    "day_and_clock",
    "decimal",
    "is_in_range",
    "local",
    "offset_of",
    "quote",
    "spelled",
]

#: Returns the JSON text of a value.
Spelling = Callable[[Any], str]
#: The years 1 to 9999.
_FIRST: Final = -719_162 * DAY
_LAST: Final = 2_932_897 * DAY
_BERLIN: Final = ZoneInfo("Europe/Berlin")


def spelled(types: Mapping[str, Spelling]) -> Writer:
    """Return a writer of columns with these types, all of which are limited to the years 1 to 9999."""

    def write(column: TrueColumn) -> list[str]:
        if column.kind.name not in types or not all(map(is_in_range, column.values)):
            raise Unwritable
        return ["null" if value is None else types[column.kind.name](value) for value in column.values]

    return write


def quote(text: object) -> str:
    """Return a text as JSON."""
    return json.dumps(str(text), ensure_ascii=False)


def decimal(value: Decimal) -> str:
    """Return a decimal with all digits of its scale; NaN is one of PostgreSQL alone."""
    if not value.is_finite():
        raise Unwritable
    return f"{value:f}"


def is_in_range(value: Any) -> bool:
    """Return whether a value is no infinity and in the years 1 to 9999, if it is a date or time."""
    return not isinstance(value, TemporalTicks) or _FIRST <= value.ticks < _LAST


def date_of(value: TemporalTicks) -> str:
    """Return ``YYYY-MM-DD``."""
    return moment(value.ticks)[0].date().isoformat()


def clock(ticks: int, least: int = 0, most: int = 9) -> str:
    """Return ``hh:mm:ss`` and ``least`` to ``most`` digits of a second, without needless zeros."""
    seconds, nanos = divmod(ticks, NANOS["s"])
    digits = f"{nanos:09d}"
    if digits[most:].strip("0"):
        raise Unwritable
    digits = digits[:most].rstrip("0").ljust(least, "0")
    return f"{seconds // 3_600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}" + f".{digits}" * bool(digits)


def local(value: TemporalTicks, zone: ZoneInfo = _BERLIN) -> tuple[TemporalTicks, timedelta]:
    """Return an instant as the date and time in a zone, and its offset; one with seconds is refused."""
    shift = moment(value.ticks)[0].astimezone(zone).utcoffset() or timedelta()
    if shift.seconds % 60:
        raise Unwritable
    return TemporalTicks("timestamp", value.ticks + shift // timedelta(microseconds=1) * 1_000), shift


def offset_of(shift: timedelta, colon: str = ":") -> str:
    """Return ``+hh:mm``."""
    minutes = abs(shift) // timedelta(minutes=1)
    return f"{'-' if shift < timedelta() else '+'}{minutes // 60:02d}{colon}{minutes % 60:02d}"


def day_and_clock(value: TemporalTicks, separator: str = "T", least: int = 0, most: int = 9) -> str:
    """Return a date and a time."""
    return f"{date_of(value)}{separator}{clock(int(value.ticks) % DAY, least, most)}"
