"""Dates, times and durations read as whole nanoseconds: a parser for the oracle alone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = [
    "AWARE",
    "DATE",
    "DURATION",
    "NAIVE",
    "TIME",
    "parse_clock_duration",
    "parse_timestamp",
]

DATE, NAIVE, AWARE, TIME, DURATION = "date", "naive", "aware", "time", "duration"

_SECOND: Final = 10**9
_DAY: Final = 86_400 * _SECOND
_EPOCH: Final = date(1970, 1, 1).toordinal()

_CLOCK: Final = r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?"
_OFFSET: Final = r"Z|[+-]\d\d(?:\d\d|:\d\d(?::\d\d)?)?"
_date: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII).fullmatch
_ABBREVIATION: Final = r"(?: (?!UTC|GMT|U)[A-Z]{3,5})?"
_ZONE: Final = rf" ?(?:(Z|z|(?:{_OFFSET[2:]}){_ABBREVIATION})|(?:[+-]00(?::?00(?::00)?)? ?)?(UTC))"
_TAGS: Final = r"(?:\[[0-9A-Za-z_+.-][0-9A-Za-z_+:./=-]*\])*"
_stamp: Final = re.compile(rf"(.{{10}})[Tt ](?:{_CLOCK}|(\d\d))(?:{_ZONE}{_TAGS})?", re.ASCII).fullmatch
_rfc_5322: Final = re.compile(
    r"([A-Z][a-z]{2}, )?\d\d ([A-Z][a-z]{2}) \d{4} \d\d:\d\d:\d\d (GMT|UTC|[+-]\d{4})"
).fullmatch
#: Days, in words, as a number before a space or a point, or not at all; then hours, minutes and seconds.
_clock_parts: Final = re.compile(
    r"(?:([+-]?\d{1,9}) days?(?P<comma>,?)(?: (?=.))?|(-?)(\d{1,9})[ .](?=(?:[01]?\d|2[0-3]):))?"
    r"(?:([+-]?)(\d{1,9}):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?)?",
    re.ASCII,
).fullmatch
_time: Final = re.compile(_CLOCK, re.ASCII).fullmatch
_parts: Final = re.compile(
    r"(-?)P(?=.)(?:(-?\d{1,9})W|(?:(-?\d{1,9})D)?"
    r"(?:T(?=.)(?:(-?\d{1,9})H)?(?:(-?\d{1,9})M)?(?:(-?)(\d{1,9})(?:\.(\d{1,9}))?S)?)?)",
    re.ASCII,
).fullmatch


def parse_timestamp(text: str) -> tuple[str, int] | None:
    """Return the form of a text and its nanoseconds (since 1970, since midnight, or a length), else None."""
    days = _days(text)
    if days is not None:
        return DATE, days * _DAY
    if _rfc_5322(text):
        return _mail_date(text)
    found = _stamp(text)
    if found:
        return _instant(*found.groups())
    found = _time(text)
    if found:
        clock = _nanoseconds(*found.groups())
        return (TIME, clock) if clock is not None and clock < _DAY else None
    return _duration(text)


def _days(text: str) -> int | None:
    found = _date(text)
    if not found:
        return None
    try:
        return date(*map(int, found.groups())).toordinal() - _EPOCH
    except ValueError:
        return None


def _mail_date(text: str) -> tuple[str, int] | None:
    year = re.search(r" (\d{4}) ", text)
    # Python takes years up to 99 for those of this or the last century, and -0000 for UTC.
    found = parsedate_to_datetime(text.replace(year[0], " 2400 ")) if year else None
    if year is None or found is None or found.tzinfo is None:
        return None
    found = found.replace(year=int(year[1]))
    if text[3] == "," and found.strftime("%a") != text[:3]:
        return None
    since = found - datetime(1970, 1, 1, tzinfo=UTC)
    return AWARE, (since.days * 86_400 + since.seconds) * _SECOND


def _instant(day: str, *rest: str | None) -> tuple[str, int] | None:
    hour, minute, second, fraction, only_hour, offset, utc = rest
    offset = "Z" if utc or offset == "z" else offset and offset.split(" ")[0]
    days, clock = _days(day), _nanoseconds(only_hour or hour or "", minute, second, fraction)
    if only_hour == "24":  # valid as 24:00 only
        return None
    if days is None or clock is None:
        return None
    local = days * _DAY + clock
    if offset is None:
        return NAIVE, local
    digits = offset.replace(":", "")[1:].ljust(6, "0")
    hours, minutes, seconds = (int(digits[place : place + 2]) for place in (0, 2, 4))
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    ahead = ((hours * 60 + minutes) * 60 + seconds) * _SECOND
    return AWARE, local + ahead if offset[0] == "-" else local - ahead


def _nanoseconds(hour: str, minute: str | None, second: str | None, fraction: str | None) -> int | None:
    hours, minutes, seconds = int(hour), int(minute or 0), int(second or 0)
    nanoseconds = ((hours * 60 + minutes) * 60 + seconds) * _SECOND + int((fraction or "").ljust(9, "0"))
    fits = hours <= 24 and minutes <= 59 and seconds <= 59 and nanoseconds <= _DAY
    return nanoseconds if fits else None


def _duration(text: str) -> tuple[str, int] | None:
    found = _parts(text)
    if not found:
        return None
    sign, weeks, days, hours, minutes, minus, seconds, fraction = found.groups()
    if weeks is days is hours is minutes is seconds is None:
        return None
    whole = (int(weeks or 0) * 7 + int(days or 0)) * _DAY
    whole += (int(hours or 0) * 60 + int(minutes or 0)) * 60 * _SECOND
    part = int(seconds or 0) * _SECOND + int((fraction or "").ljust(9, "0"))
    total = whole - part if minus else whole + part
    return DURATION, -total if sign else total


def parse_clock_duration(text: str) -> int | None:
    """Return the nanoseconds of a duration that is written as a clock shows it, with or without days."""
    found = _clock_parts(text)
    if not found or not text or text[-1] in " ,":
        return None
    days, _, minus, number, sign, hours, minutes, seconds, fraction = found.groups()
    if hours is None and days is None:
        return None
    if (number is not None or found["comma"]) and sign:
        return None
    clock = ((int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)) * _SECOND
    clock += int((fraction or "").ljust(9, "0"))
    if number is not None:
        total = int(number) * _DAY + clock
        return -total if minus else total
    return int(days or 0) * _DAY + (-clock if sign == "-" else clock)
