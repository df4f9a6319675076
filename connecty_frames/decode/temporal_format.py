r"""The grammar of temporal text: which strings are dates, timestamps, times of day or durations.

It is that of ISO 8601-1:2019 as far as Arrow can hold it, with the space that PostgreSQL puts between date
and time. What it does not admit (``infinity``, BC, a fifth digit of the year, leap seconds, year 0000, times
with offset, padding) stays text: every one of these has been read as a wrong instant by some library.
"""

from __future__ import annotations

import re
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames.decode.errors import CellError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "DURATION_PARTS",
    "OFFSET",
    "TIMESTAMP_PARTS",
    "TemporalFormat",
    "format_of",
    "has_format",
    "match_format",
]

_YEAR = r"(?:[1-9]\d{3}|0[1-9]\d{2}|00[1-9]\d|000[1-9])"
_DAY = _YEAR + r"-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_HOUR = r"(?:[01]\d|2[0-3])"
_CLOCK = rf"{_HOUR}:[0-5]\d(?::[0-5]\d(?:\.\d{{1,9}})?)?"
_MIDNIGHT = r"24:00(?::00(?:\.0{1,9})?)?"
#: The offset of a timestamp.
OFFSET: Final = rf"(?:Z|[+-]{_HOUR}(?:[0-5]\d|:[0-5]\d(?::[0-5]\d)?)?)"
_NUMBER = r"-?\d{1,9}"
_DURATION = (
    rf"-?P(?:{_NUMBER}W|(?:{_NUMBER}D)?(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}(?:\.\d{{1,9}})?S)?)?)"
)


class TemporalFormat(Enum):
    """A format of temporal text; the enum value is its name in the plural, for messages."""

    DATE = "dates"
    NAIVE = "timestamps without offset"
    AWARE = "timestamps with offsets"
    TIME = "times of day"
    DURATION = "durations"


#: The pattern of each format, in the syntax of RE2 (Arrow) and, with its digits kept to ASCII, of Python.
_PATTERNS: Final[dict[TemporalFormat, str]] = {
    TemporalFormat.DATE: _DAY,
    TemporalFormat.NAIVE: rf"{_DAY}[T ](?:{_CLOCK}|{_MIDNIGHT}|{_HOUR})",
    TemporalFormat.AWARE: rf"{_DAY}[T ](?:{_CLOCK}|{_MIDNIGHT}|{_HOUR}){OFFSET}",
    TemporalFormat.TIME: _CLOCK,
    TemporalFormat.DURATION: _DURATION,
}

_MATCH: Final = {format_: re.compile(pattern, re.ASCII).fullmatch for format_, pattern in _PATTERNS.items()}

#: Why a text has none of the formats: the reason is that of the first pattern found in it.
_REASONS: Final[tuple[tuple[str, str], ...]] = (
    (r"^$", "is empty, which is not null"),
    (r"^\s|\s$", "is padded with white space"),
    (r"^[+-]?infinity$", "is infinite"),
    (r"BC$", "is before the year 1"),
    (r"^[+-]?\d{5,}-", "is after the year 9999"),
    (r"^0000-", "is in the year 0000"),
    (r":[0-5]\d:60", "is a leap second"),
    (rf"^{_CLOCK}{OFFSET}$", "is a time with an offset, which is not an instant without a date"),
    (r"\.\d{10,}", "has more than 9 digits of a second"),
    (r"^-?P", "is a duration with years, months or a fraction that has no fixed length"),
    ("", "is not an ISO 8601 date or time"),
)

#: The parts of a timestamp, and of a duration.
TIMESTAMP_PARTS: Final = re.compile(
    r"(?P<day>.{10})[T ](?P<hour>\d\d)(?::(?P<minute>\d\d))?(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?"
    r"(?P<offset>Z|[+-].*)?"
)
DURATION_PARTS: Final = re.compile(
    r"(-)?P(?:(-?\d+)W)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d+))?S)?)?"
)


def format_of(texts: Sequence[str]) -> TemporalFormat:
    """Return the format that every text has.

    Raises
    ------
    CellError
        Where there is none: it names the first text that has no format, or another than the first text; its
        ``row`` is the position in ``texts``.
    """
    array = pa.array(texts, pa.string())
    for format_, pattern in _PATTERNS.items():
        if pc.match_substring_regex(array, rf"^(?:{pattern})\z").true_count == len(array):
            if format_ is TemporalFormat.DURATION:
                _check_durations(texts)
            elif format_ is not TemporalFormat.TIME:
                _check_days(array, texts)
            return format_
    first = match_format(texts[0])
    for position, text in enumerate(texts):
        found = match_format(text)
        if found is None:
            reason = next(reason for pattern, reason in _REASONS if re.search(pattern, text))
            raise CellError(position, text, reason)
        if first is not None and found is not first:
            raise CellError(position, text, f"is among {found.value}, others are {first.value}")
    raise AssertionError("some text has another format than the first")  # pragma: no cover


def match_format(text: str) -> TemporalFormat | None:
    """Return the format whose pattern a text matches; its day may be one that no calendar has."""
    return next((format_ for format_, match in _MATCH.items() if match(text)), None)


def has_format(text: str, format_: TemporalFormat) -> bool:
    """Whether a text matches the pattern of a format."""
    return _MATCH[format_](text) is not None


def _check_days(array: pa.StringArray, texts: Sequence[str]) -> None:
    """Refuse days that no calendar has, such as the 30th of February."""
    days = pc.utf8_slice_codeunits(array, 0, 10)
    try:
        pc.cast(days, pa.date32())
    except pa.ArrowInvalid:
        for position, day in enumerate(days.to_pylist()):
            try:
                date.fromisoformat(day)
            except ValueError:
                reason = "is a day that the calendar does not have"
                raise CellError(position, texts[position], reason) from None
        raise


def _check_durations(texts: Sequence[str]) -> None:
    for position, text in enumerate(texts):
        if text[-1] in "PT":
            raise CellError(position, text, "is a duration without a part")
