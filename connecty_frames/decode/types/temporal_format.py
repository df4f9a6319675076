r"""The grammar of temporal text: which strings are dates, timestamps, times of day or durations.

It is that of ISO 8601-1:2019 as far as Arrow can hold it, and the spellings of products that name one value
without doubt (those of durations are in the module ``durations``):

==========================================  ==============================================================
``2025-01-01 10:00:00``                     a space between date and time: PostgreSQL, MariaDB, Snowflake
``... 10:00:00.000 +0200``                  a space before the offset: Snowflake, Ruby, Go
``... 10:00:00 UTC``, ``... 10:00:00UTC``   BigQuery's console, Athena, Trino, Ruby
``... 10:00:00 +0100 CET``, ``+0000 UTC``   Go: the offset decides
``...T10:00+01:00[Europe/Berlin]``          Java, RFC 9557: the offset decides, and tags are ignored, but for
                                            critical ones, such as ``[!u-ca=hebrew]``, which make it text
``...t10:00:00z``                           RFC 3339
``Tue, 04 Nov 2025 10:00:00 GMT``           RFC 5322, HTTP: needs ``temporal`` statistics
==========================================  ==============================================================

What the grammar does not admit (``infinity``, BC, a fifth digit of the year, leap seconds, year 0000, times
with offset, padding) stays text: every one of these has been read as a wrong instant by some library.
"""

from __future__ import annotations

import re
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import bytes_of, to_array
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.types.durations import DURATION, can_be_time_of_day
from connecty_frames.decode.types.time_formats import RFC_5322, rfc_5322_as_iso

if TYPE_CHECKING:
    from collections.abc import Sequence

_YEAR = r"(?:[1-9]\d{3}|0[1-9]\d{2}|00[1-9]\d|000[1-9])"
_DAY = _YEAR + r"-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_HOUR = r"(?:[01]\d|2[0-3])"
_CLOCK = rf"{_HOUR}:[0-5]\d(?::[0-5]\d(?:\.\d{{1,9}})?)?"
_MIDNIGHT = r"24:00(?::00(?:\.0{1,9})?)?"
_TIMESTAMP = rf"{_DAY}[Tt ](?:{_CLOCK}|{_MIDNIGHT}|{_HOUR})"
_NUMERIC_OFFSET = rf"[+-]{_HOUR}(?:[0-5]\d|:[0-5]\d(?::[0-5]\d)?)?"
#: The offset of a timestamp in ISO 8601.
OFFSET: Final = rf"(?:Z|{_NUMERIC_OFFSET})"
#: Behind an offset; UTC and GMT are none of these, since they may contradict it. Each has a letter that is
#: neither T nor Z, by which ``canonical`` finds it.
_ABBREVIATION = r"(?: (?:[A-FH-SV-Y][A-Z]{2,4}|G[A-LN-Z][A-Z]{1,3}|[TZ][A-SU-Y][A-Z]{1,3}))?"
_UTC = r"(?:z|(?:[+-]00(?::?00(?::00)?)? ?)?UTC)"
_TAGS = r"(?:\[[0-9A-Za-z_+.-][0-9A-Za-z_+:./=-]*\])*"
_RFC_5322 = re.sub(r"\(\?P<\w>", "(?:", RFC_5322.pattern).removeprefix("^").removesuffix(r"\z")


class TemporalFormat(Enum):
    """A format of temporal text; the enum value is its name in the plural, for messages."""

    DATE = "dates"
    NAIVE = "timestamps without offset"
    AWARE = "timestamps with offsets"
    TIME = "times of day"
    DURATION = "durations"


#: The pattern of each format, in the syntax of RE2 (Arrow) and, with its digits kept to ASCII, of Python. The
#: first that matches decides.
_PATTERNS: Final[dict[TemporalFormat, str]] = {
    TemporalFormat.DATE: _DAY,
    TemporalFormat.NAIVE: _TIMESTAMP,
    TemporalFormat.AWARE: rf"{_TIMESTAMP} ?(?:Z|{_NUMERIC_OFFSET}{_ABBREVIATION}|{_UTC}){_TAGS}|{_RFC_5322}",
    TemporalFormat.TIME: _CLOCK,
    TemporalFormat.DURATION: DURATION,
}

#: Up to this many texts are matched by Python: Arrow compiles a pattern anew for each call, for about 75 us.
_FEW: Final = 16  # pragma: no mutate - saves time

#: Dates and times that no type holds, each by a pattern that is found in it, and why.
_OUT_OF_RANGE: Final[dict[str, str]] = {
    r"^[+-]?infinity$": "is infinite",
    r"BC$": "is before the year 1",
    r"^[+-]?\d{5,}-": "is after the year 9999",
    r"^0000-": "is in the year 0000",
    r":[0-5]\d:60": "is a leap second",
    r"[:T].*\.\d{10,}": "has more than 9 digits of a second",
    r"^-?P|\b(?:mon|year)s?\b": "is a duration with years, months or a fraction that has no fixed length",
    r"^24:00(?::00(?:\.0{1,9})?)?$": "may be a time of day or a duration",
}
#: Why a text has none of the formats: the first pattern that is found in it decides.
_REASONS: Final[dict[str, str]] = {
    r"^$": "is empty, not null",
    r"^\s|\s$": "is padded with white space",
    **_OUT_OF_RANGE,
    rf"^{_CLOCK}{OFFSET}$": "is a time with an offset but no date",
    rf"^(?:{DURATION})$": "may be a time of day or a duration",
}
_NOT_TEMPORAL: Final = "is not an ISO 8601 date or time"

#: The parts of a timestamp whose offset, if it has one, is in the spelling of ISO 8601.
TIMESTAMP_PARTS: Final = re.compile(
    r"(?P<day>.{10})[Tt ](?P<hour>\d\d)(?::(?P<minute>\d\d))?(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?"
    r"(?P<offset>Z|[+-].*)?"
)


def format_of(texts: Sequence[str], *, expected: TemporalFormat | None = None) -> TemporalFormat:
    """Return the format that every text has, or raise CellError with the position of a text without it."""
    # ``01:00:01`` is a time of day unless another text can only be a duration, or a duration is expected.
    array = to_array(texts, pa.string())
    for format_ in _PATTERNS if expected is None else (expected, *_PATTERNS):
        if all_have_format(array, format_):
            if format_ is not TemporalFormat.DURATION:
                _check_days(format_, array, texts)
            elif expected is not format_ and all(map(can_be_time_of_day, texts)):
                break
            else:
                _check_durations(texts)
            return format_
    first = match_format(texts[0])
    for position, text in enumerate(texts):
        found = match_format(text)
        if found is None:
            raise CellError(position, text, _first_reason(_REASONS, text) or _NOT_TEMPORAL)
        if first is not None and found is not first:
            raise CellError(position, text, f"is one of the {found.value}; others are {first.value}")
    raise AssertionError("some text has another format than the first")  # pragma: no cover


def match_format(text: str) -> TemporalFormat | None:
    """Return the format of one text; its day may be one that no calendar has."""
    found = next((format_ for format_ in _PATTERNS if has_format(text, format_)), None)
    return None if found is TemporalFormat.DURATION and can_be_time_of_day(text) else found


def has_format(text: str, format_: TemporalFormat) -> bool:
    """Whether one text matches the pattern of a format."""
    return re.fullmatch(_PATTERNS[format_], text, re.ASCII) is not None


def unreadable_reason(text: str, *, among: TemporalFormat | None) -> str | None:
    """Return why no type holds a date or time, ``among`` values of a format, or None if a text is neither."""
    return _first_reason(_REASONS if among is None else _OUT_OF_RANGE, text)


def _first_reason(reasons: dict[str, str], text: str) -> str | None:
    return next((reason for pattern, reason in reasons.items() if re.search(pattern, text)), None)


def all_have_format(texts: pa.StringArray, format_: TemporalFormat) -> bool:
    """Whether every text that is not null matches the pattern of a format."""
    if len(texts) <= _FEW:
        return all(has_format(text, format_) for text in texts.to_pylist() if text is not None)
    matches = pc.match_substring_regex(texts, rf"^(?:{_PATTERNS[format_]})\z")
    return bool(matches.true_count == len(texts) - texts.null_count)


def canonical(texts: pa.StringArray, *, inferred: bool = False) -> pa.StringArray:
    """Return timestamps of one format in ISO 8601; those of RFC 5322 only if they are not inferred."""
    # A pattern costs about 1 us a text, so those are left out for which no text has the character.
    counts = np.bincount(bytes_of(texts), minlength=128)
    if not inferred and counts[ord("a") : ord("z")].sum() > counts[ord("t")]:
        texts = rfc_5322_as_iso(texts)
    if counts[ord("[")]:
        texts = pc.replace_substring_regex(texts, r"\[.*", "")
    if counts[ord("U")]:
        # An abbreviation may end in UTC as well.
        texts = pc.replace_substring_regex(texts, r"(\d)(?: ?[+-][0:]+)? ?UTC$", r"\1Z")
    if counts[ord("A") : ord("Z")].sum() > counts[ord("T")]:
        texts = pc.replace_substring_regex(texts, r" [A-Z]{3,5}$", "")
    if counts[ord("z")]:
        texts = pc.replace_substring(texts, "z", "Z")
    for offset in "+-Z":
        texts = pc.replace_substring(texts, f" {offset}", offset)
    return pc.binary_replace_slice(texts, start=10, stop=11, replacement="T")


def in_iso(text: str) -> str:
    """Return a date of RFC 5322 in ISO 8601, another text as it is."""
    if text[4:5] == "-":  # common case
        return text
    found: str = rfc_5322_as_iso(to_array([text], pa.string()))[0].as_py()
    return found


def has_minutes(texts: Sequence[str]) -> bool:
    """Whether every timestamp begins with date, hours and minutes, so that ``2025-01-01 08-10`` is none."""
    return all(text[4] == "-" and text[13:14] == ":" for text in texts)


def _check_days(format_: TemporalFormat, array: pa.StringArray, texts: Sequence[str]) -> None:
    """Refuse days that no calendar has, such as the 30th of February."""
    if format_ is TemporalFormat.TIME:
        return
    days = pc.utf8_slice_codeunits(array, 0, 10)
    try:
        pc.cast(days, pa.date32())
    except pa.ArrowInvalid:
        days = pc.utf8_slice_codeunits(canonical(array), 0, 10)
        for position, day in enumerate(days.to_pylist()):
            try:
                date.fromisoformat(day)
            except ValueError:
                reason = "is not a day of the calendar"
                raise CellError(position, texts[position], reason) from None


def _check_durations(texts: Sequence[str]) -> None:
    for position, text in enumerate(texts):
        if text[-1] in "PT":
            raise CellError(position, text, "is a duration without parts")
