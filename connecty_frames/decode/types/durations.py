r"""The spellings of durations, and how long each is.

===========================================  =====================================================
``P1DT2H``, ``-P1W``                         ISO 8601; a part may have its own sign (PostgreSQL)
``1 day, 2:00:00``, ``-1 day, 22:00:00``     Python; the sign is of the days
``1 days 02:00:00.5``, ``-1 days +22:00:00`` pandas; with ``1 day`` and ``-02:00:00``, PostgreSQL
``1 02:00:00.000``, ``-1 02:00:00.000``      Trino, Athena; the sign is of the whole
``INTERVAL '1 02:00:00' DAY TO SECOND``      Spark, Databricks; the sign is of the whole
``1.02:00:00``, ``-1.02:00:00``              .NET; the sign is of the whole
``0-0 1 2:0:0``                              BigQuery; days and time have signs of their own
``2:00:00``, ``838:59:59``, ``-01:00:00``    MariaDB, and those with days in the others' spelling
===========================================  =====================================================

Years and months have no fixed length, so what has some is not read.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_PART = r"-?\d{1,9}"
_DAYS = r"(?P<days>[+-]?\d{1,9})"
_TIME = r"(?P<hours>\d{1,9}):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d)(?:\.(?P<fraction>\d{1,9}))?"
_SHORT_TIME = _TIME.replace("[0-5]", "[0-5]?")
_DAY_TIME = _TIME.replace(r"\d{1,9}", r"(?:[01]?\d|2[0-3])", 1)
_TIME_SIGN = r"(?:\+|(?P<time_minus>-))?"
#: ``minus`` is the sign of the whole, ``time_minus`` of the time, ``second_minus`` of the seconds alone.
_SPELLINGS: Final = (
    (
        rf"(?P<minus>-)?P(?:(?P<weeks>{_PART})W|(?:(?P<days>{_PART})D)?"
        rf"(?:T(?:(?P<hours>{_PART})H)?(?:(?P<minutes>{_PART})M)?"
        r"(?:(?P<second_minus>-)?(?P<seconds>\d{1,9})(?:\.(?P<fraction>\d{1,9}))?S)?)?)"
    ),
    rf"{_DAYS} days?, {_TIME}",
    rf"{_DAYS} days?(?: {_TIME_SIGN}{_TIME})?",
    rf"(?P<minus>-)?(?P<days>\d{{1,9}})[ .]{_DAY_TIME}",
    rf"INTERVAL '(?P<minus>-)?(?P<days>\d{{1,9}}) {_DAY_TIME}' DAY TO SECOND",
    rf"[+-]?0-0 {_DAYS} {_TIME_SIGN}{_SHORT_TIME}",
    rf"{_TIME_SIGN}{_TIME}",
)
#: The pattern of all spellings, without groups.
DURATION: Final = "|".join(re.sub(r"\(\?P<\w+>", "(?:", spelling) for spelling in _SPELLINGS)

#: What a time of day may look like: with a sign, or hours beyond the next midnight, it is a duration.
_match_time_of_day: Final = re.compile(r"0*(?:1?\d|2[0-3]):.*|0*24:00?:00?(?:\.0{1,9})?", re.ASCII).fullmatch


def can_be_time_of_day(text: str) -> bool:
    """Whether a text that matches :data:`DURATION` may also be a time of day, as ``01:00:01`` may."""
    return _match_time_of_day(text) is not None


@cache  # compiling the patterns takes longer than importing this module, and few answers have durations
def _matches() -> list[Callable[[str], re.Match[str] | None]]:
    """Return the function that matches each spelling."""
    return [re.compile(spelling, re.ASCII).fullmatch for spelling in _SPELLINGS]


def nanoseconds(text: str) -> int:
    """Return the length of a duration, which matches :data:`DURATION`; each part counts with its sign."""
    parts = next(found for match in _matches() if (found := match(text)) is not None).groupdict()

    def number(name: str) -> int:
        return int(parts.get(name) or 0)

    seconds = number("seconds") * 1_000_000_000 + int((parts["fraction"] or "").ljust(9, "0"))
    if parts.get("second_minus"):
        seconds = -seconds
    time = (number("hours") * 60 + number("minutes")) * 60_000_000_000 + seconds
    if parts.get("time_minus"):
        time = -time
    total = (number("weeks") * 7 + number("days")) * 86_400_000_000_000 + time
    return -total if parts.get("minus") else total
