"""Periods in questions: whole days of UTC, counted back from 1 November 2025, where the data ends."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, cast

from connecty_frames.sandbox.questions.query import During, Grain, Period
from connecty_frames.sandbox.words import word_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connecty_frames.sandbox.questions.query import Condition

#: Today in the sandbox.
TODAY: Final = date(2025, 11, 1)
MONTHS: Final = (
    "january february march april may june july august september october november december".split()
)
DAYS: Final = "monday tuesday wednesday thursday friday saturday sunday".split()
_SHORT: Final = {month[:3]: number for number, month in enumerate(MONTHS, 1)}
#: The number of months in a unit.
_LENGTHS: Final[dict[str, int]] = {"month": 1, "quarter": 3, "half year": 6, "year": 12}

_YEAR: Final = r"(?:19|20)\d\d"
_MONTH: Final = rf"(?:{'|'.join(MONTHS)}|sept|{'|'.join(_SHORT)})"
_PART: Final = rf"(?:{_MONTH}|[qh][1-4])"
_JOINT: Final = r"(?:and|or|,|vs|to|until|till|through|-)"
#: The regular expressions for names in the patterns of the table of words.
_NAMES: Final = {"YEAR": _YEAR, "MONTH": _MONTH, "PART": _PART, "JOINT": _JOINT}
_NAME: Final = re.compile("[A-Z]{4,}")
_ONE: Final = re.compile(
    rf"(?:year )?(?P<year>{_YEAR})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?(?![-\d])"
    rf"|(?P<part>{_PART})(?:(?: of| in| ,)? (?P<part_year>{_YEAR}))?\b"
)
_UNIT: Final = "day|week|month|quarter|half year|year"
_RECENT: Final = re.compile(
    r"(?:last|past|previous|prior|recent|preceding) (?:(?P<number>\d+) )?(?:full |whole |calendar )?"
    rf"(?P<unit>{_UNIT})s?\b(?! (?:of|in) {_YEAR})"
    rf"|(?:this|current) (?P<this>{_UNIT})\b|(?P<before>{_UNIT}) before last\b"
    r"|(?P<day>yesterday|today)\b|(?P<so_far>year to date|ytd)\b"
)
_LINK: Final = re.compile(
    r"(?:(?P<since>(?:since|starting)(?: start of| beginning of| in)?)|(?P<range>from|between)"
    r"|(?P<after>after)|(?P<before>before|prior to)|(?P<until>(?:until|till|through)(?: end of)?)) (?:in )?"
)
_TO: Final = re.compile(r" (?:to|until|till|through|-|(?P<joint>and))(?: end of| in)? ")


def spelled(words: Sequence[str]) -> list[str]:
    """Return words with the spelling of periods unified."""
    text = " ".join(words)
    for spelling, patterns in word_table()["spelling"].items():
        named = _iso if spelling == "DATE" else _NAME.sub(lambda name: _NAMES[name[0]], spelling)
        for pattern in patterns:
            text = re.sub(rf"\b(?:{_NAME.sub(lambda name: _NAMES[name[0]], pattern)})\b", named, text)
    return text.split()


def _iso(found: re.Match[str]) -> str:
    day = found.groupdict().get("day")
    return f"{found['year']}-{_SHORT[found['month'][:3]]:02}{f'-{day:>02}' if day else ''}"


def find_period(words: Sequence[str], position: int) -> tuple[int, Condition] | None:
    """Return the number of words of a period at a position, and the condition that a time is in it."""
    text = " ".join(words[position : position + 16])
    for read in (_recent, _range):
        found = read(text)
        if found is not None and (found[0] == len(text) or text[found[0]] == " "):
            return len(text[: found[0]].split()), found[1]
    return None


def _range(text: str) -> tuple[int, Condition] | None:
    """Read one period, or a first and a last one, with "since", "before" and so on."""
    link = _LINK.match(text)
    kind = "" if link is None else cast("str", link.lastgroup)
    first = _ONE.match(text, 0 if link is None else link.end())
    if first is None or (first["part"] == "may" and not kind):
        return None
    to = _TO.match(text, first.end())
    last = _ONE.match(text, to.end()) if to is not None else None
    if to is not None and to["joint"] and not text.startswith("between"):
        last = None
    begin, until = _one(first), _one(last) if last else None
    is_open = kind == "range" and last is None  # "from March 2025": in that month, or since then?
    if begin is None or (is_open and (text.startswith("between") or begin.grain not in {"month", "day"})):
        return None
    if begin.start is None or is_open:
        return first.end(), During(())
    if last is not None and kind in {"", "range"}:
        if until is None or until.end is None or begin.start >= until.end:
            return None
        return last.end(), During((Period(begin.start, until.end),), ends=(begin, until))
    start = None if kind in {"before", "until"} else begin.end if kind == "after" else begin.start
    stop = begin.start if kind == "before" else begin.end if kind in {"", "until"} else None
    return first.end(), During((Period(start, stop, None if kind else begin.grain),))


def _one(found: re.Match[str]) -> Period | None:
    """Return the period of a match, or None for an impossible day; without a year, it has no start."""
    year, month, day = found["year"] or found["part_year"], found["month"], found["day"]
    first, count = int(month or 1), 1 if month else 12
    grain: Grain = "month" if month else "year"
    if found["part"]:
        unit, number = found["part"][0], found["part"][1:]
        count, grain = (3, "quarter") if unit == "q" else (6, "half_year")
        if number.isdigit():
            first = count * int(number) - count + 1
        else:
            first, count, grain = _SHORT[found["part"][:3]], 1, "month"
    if year is None:
        return Period(None, None, grain)
    try:
        start = date(int(year), first, int(day or 1))
    except ValueError:
        return None
    return Period(start, start + timedelta(1), "day") if day else Period(start, _after(start, count), grain)


def _after(day: date, months: int) -> date:
    """Return the first day of the month that is this many months after the month of a day."""
    number = 12 * day.year + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _recent(text: str) -> tuple[int, Condition] | None:
    """Read periods relative to today."""
    found = _RECENT.match(text)
    if found is None or (found["number"] and not 0 < int(found["number"]) < 1000):
        return None
    if found["so_far"]:
        return found.end(), During((Period(_start("year", 0), TODAY),))
    unit, number = found["unit"] or found["this"] or found["before"] or "day", int(found["number"] or 1)
    grain = cast("Grain", unit.replace(" ", "_")) if number == 1 else None
    first = number if found["unit"] else 2 if found["before"] else int(found["day"] == "yesterday")
    last = 1 if found["unit"] else first
    return found.end(), During((Period(_start(unit, first), _start(unit, last - 1), grain),))


def _start(unit: str, back: int) -> date:
    """Return the first day of the unit this many units before the current one."""
    if unit == "day":
        return TODAY - timedelta(back)
    if unit == "week":
        return TODAY - timedelta(TODAY.weekday() + 7 * back)
    length = _LENGTHS[unit]
    return _after(TODAY, -((TODAY.month - 1) % length) - back * length)
