"""Periods in questions: whole days of UTC, counted back from 1 November 2025, where the data ends."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, cast

from connecty_frames.sandbox.questions.query import During, Grain, Period, Recurring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connecty_frames.sandbox.questions.query import Condition

#: The day on which questions are asked.
TODAY: Final = date(2025, 11, 1)
MONTHS: Final = (
    "january february march april may june july august september october november december".split()
)
DAYS: Final = "monday tuesday wednesday thursday friday saturday sunday".split()
_SHORT: Final = {month[:3]: number for number, month in enumerate(MONTHS, 1)} | {"sept": 9}
_NUMERALS: Final = "first 1st second 2nd third 3rd fourth 4th".split()
_ORDINALS: Final = {word: 1 + position // 2 for position, word in enumerate(_NUMERALS)} | {"last": 4}
#: The months that a unit has, and whole weeks and days.
_LENGTHS: Final[dict[str, int]] = {"month": 1, "quarter": 3, "half year": 6, "year": 12}

_YEAR: Final = r"(?:19|20)\d\d"
_MONTH: Final = rf"(?:{'|'.join([*MONTHS, *reversed(_SHORT)])})"
_PART: Final = rf"{_MONTH}|[qh][1-4]|(?:{'|'.join(_ORDINALS)}) (?:quarter|half)"
_OF_YEAR: Final = re.compile(rf"\b({_PART})(?: of| in)? (this|last) year\b")
_DAY: Final = r"\d{1,2}(?:st|nd|rd|th)?"
#: A period with its year, or a part of a year whose year stands elsewhere.
_ONE: Final = re.compile(
    rf"(?P<iso>\d{{4}}-\d\d(?:-\d\d)?)(?![-\d])"
    rf"|(?P<day>{_DAY}) (?:of )?(?P<day_month>{_MONTH})(?: ,)?(?: of)? (?P<day_year>{_YEAR})"
    rf"|(?P<us_month>{_MONTH}) (?P<us_day>{_DAY})(?: ,)? (?P<us_year>{_YEAR})"
    rf"|(?P<year_first>{_YEAR})(?: ,)? (?:'s )?(?P<part_second>{_PART})\b"
    rf"|(?P<part>{_PART})(?:(?: of| in| ,)? (?P<year>{_YEAR}))?\b|(?:year )?(?P<year_only>{_YEAR})\b"
)
_RECENT: Final = re.compile(
    r"(?:last|past|previous|prior|recent|preceding) (?:(?P<number>\d+) )?(?:full |whole |calendar )?"
    r"(?P<unit>day|week|month|quarter|half year|year)s?\b"
    r"(?! (?:of|in) (?:19|20)\d\d)"
    r"|(?:this|current) (?P<this>week|month|quarter|half year|year)\b"
    r"|(?P<before>day|week|month|quarter|half year|year) before(?: last)?\b"
    r"|(?P<word>yesterday|today|year to date|ytd|month to date|mtd)\b"
)
_LINK: Final = re.compile(
    r"(?:(?P<since>since(?: start of| beginning of)?|starting(?: in)?)|(?P<range>from|between)"
    r"|(?P<after>after)|(?P<before>before|prior to)|(?P<until>until|till|through)) (?:in |of )?"
)
#: What stands between the ends of a range, or between periods of which the last one names the year.
_TO: Final = re.compile(r" (?:to|until|till|through|-|(?P<joint>and|or|,|vs))(?: end of| in)? ")


def with_years(words: Sequence[str]) -> list[str]:
    """Return words in which a part of this or the last year names the year: Q3 of this year."""
    text = _OF_YEAR.sub(lambda found: f"{found[1]} {TODAY.year - (found[2] == 'last')}", " ".join(words))
    return text.split()


def find_period(words: Sequence[str], position: int) -> tuple[int, Condition] | None:
    """Return how many words from a position on are a period, and the condition that a time is in it."""
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
    if first is None or (first["part"] == "may" and not first["year"] and not kind):
        return None
    to = _TO.match(text, first.end())
    last = _ONE.match(text, to.end()) if to is not None else None
    begin, end = _bounds(first, last), _bounds(last or first, None)
    if to is not None and to["joint"] and not text.startswith("between"):
        last = None
    if (text.startswith("between") and last is None) or begin is None:
        return None
    if last is not None and kind in {"", "range"}:
        joined = _joined(begin, end)
        return None if joined is None else (last.end(), joined)
    if isinstance(begin, Recurring):
        return None if kind else (first.end(), begin)
    onwards = re.compile(r" on(?:wards?)?\b").match(text, first.end())
    if kind == "range" and not onwards:  # from March 2025: of that month, or since then
        return None if begin.grain in {"year", "half_year", "quarter"} else (first.end(), During(()))
    start = None if kind in {"before", "until"} else begin.end if kind == "after" else begin.start
    stop = begin.start if kind == "before" else begin.end if kind in {"", "until"} else None
    stopped = onwards.end() if onwards and kind == "range" else first.end()
    return stopped, During((Period(start, stop, None if kind else begin.grain),))


def _joined(first: Period | Recurring | None, last: Period | Recurring | None) -> Condition | None:
    """Return the condition that a time is between the start of a period and the end of another."""
    match first, last:
        case Recurring(months=months), Recurring(months=others) if months[0] <= others[-1]:
            return Recurring(months=tuple(range(months[0], others[-1] + 1)))
        case Period(start=start) as begin, Period(end=end) as last if start and end and start < end:
            return During((Period(start, end),), ends=(begin, last))
    return None


def _bounds(found: re.Match[str], last: re.Match[str] | None) -> Period | Recurring | None:
    """Return the period of a match; a part of a year takes the year of the last period of a range."""
    groups = found.groupdict()
    if groups["iso"]:
        year, month, *day = groups["iso"].split("-")
        return _day(year, int(month), day[0]) if day else _months(year, int(month), 1, "month")
    if groups["day"] or groups["us_day"]:
        month_name = groups["day_month"] or groups["us_month"]
        return _day(
            groups["day_year"] or groups["us_year"], _month(month_name), groups["day"] or groups["us_day"]
        )
    if groups["year_only"]:
        return _months(groups["year_only"], 1, 12, "year")
    first, count, grain = _months_of(groups["part"] or groups["part_second"])
    year = groups["year"] or groups["year_first"] or (None if last is None else last["year"])
    return (
        _months(year, first, count, grain) if year else Recurring(months=tuple(range(first, first + count)))
    )


def _months_of(part: str) -> tuple[int, int, Grain]:
    """Return the first month of a part of a year, their number, and the unit."""
    if part[0] in "qh" and part[1:].isdigit():
        part = f"{part[1]} {'quarter' if part[0] == 'q' else 'half'}"
    word, _, unit = part.partition(" ")
    number = int(word) if word.isdigit() else _ORDINALS.get(word, 0)
    if unit == "quarter":
        return 3 * number - 2, 3, "quarter"
    return (6 * min(number, 2) - 5, 6, "half_year") if unit == "half" else (_month(part), 1, "month")


def _month(name: str) -> int:
    return _SHORT[name if name == "sept" else name[:3]]


def _recent(text: str) -> tuple[int, Condition] | None:
    """Read periods that are counted from the day on which questions are asked."""
    found = _RECENT.match(text)
    if found is None or (found["number"] and not 0 < int(found["number"]) < 1000):
        return None
    unit, number = found["unit"] or found["this"] or found["before"], int(found["number"] or 1)
    grain = cast("Grain", unit.replace(" ", "_")) if unit and number == 1 else None
    if found["unit"]:
        period = Period(_start(unit, number), _start(unit, 0), grain)
    elif found["before"]:
        period = Period(_start(unit, 2), _start(unit, 1), grain)
    elif found["this"]:
        period = Period(_start(unit, 0), _start(unit, -1), grain)
    elif found["word"] in {"yesterday", "today"}:
        first = _start("day", found["word"] == "yesterday")
        period = Period(first, first + timedelta(1), "day")
    else:
        period = Period(_start("month" if found["word"][0] == "m" else "year", 0), TODAY)
    return found.end(), During((period,))


def _start(unit: str, back: int) -> date:
    """Return the first day of the unit so many units before the one that is under way."""
    if unit == "day":
        return TODAY - timedelta(back)
    if unit == "week":
        return TODAY - timedelta(TODAY.weekday() + 7 * back)
    length = _LENGTHS[unit]
    months = 12 * TODAY.year + (TODAY.month - 1) // length * length - back * length
    return date(months // 12, months % 12 + 1, 1)


def _day(year: str, month: int, day: str) -> Period | None:
    try:
        start = date(int(year), month, int(day.rstrip("stndrh")))
    except ValueError:
        return None
    return Period(start, start + timedelta(1), "day")


def _months(year: str, month: int, count: int, grain: Grain | None) -> Period | None:
    if not 1 <= month <= 12:
        return None
    years, last = divmod(month - 1 + count, 12)
    return Period(date(int(year), month, 1), date(int(year) + years, last + 1, 1), grain)
