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
    "PARTS",
    "TemporalFormat",
    "form_of",
    "form_of_one",
    "is_like",
    "offset_of",
]

_YEAR = r"(?:[1-9]\d{3}|0[1-9]\d{2}|00[1-9]\d|000[1-9])"
_DAY = _YEAR + r"-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?"
_MIDNIGHT = r"24:00(?::00(?:\.0{1,9})?)?"
_HOUR = r"(?:[01]\d|2[0-3])"
#: The offset of a timestamp.
OFFSET: Final = r"(?:Z|[+-](?:[01]\d|2[0-3])(?:[0-5]\d|:[0-5]\d(?::[0-5]\d)?)?)"
_NUMBER = r"-?\d{1,9}"
_DURATION = (
    rf"-?P(?:{_NUMBER}W|(?:{_NUMBER}D)?(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}(?:\.\d{{1,9}})?S)?)?)"
)

_last_offset: Final = re.compile(rf"{OFFSET}$").search


class TemporalFormat(Enum):
    """A kind of temporal text; the value names it in the plural, for sentences."""

    DATE = "dates"
    NAIVE = "timestamps without offset"
    AWARE = "timestamps with offsets"
    TIME = "times of day"
    DURATION = "durations"


#: What each form looks like, in the syntax of RE2 and, with its digits kept to ASCII, of Python alike.
_GRAMMAR: Final[dict[TemporalFormat, str]] = {
    TemporalFormat.DATE: _DAY,
    TemporalFormat.NAIVE: rf"{_DAY}[T ](?:{_CLOCK}|{_MIDNIGHT}|{_HOUR})",
    TemporalFormat.AWARE: rf"{_DAY}[T ](?:{_CLOCK}|{_MIDNIGHT}|{_HOUR}){OFFSET}",
    TemporalFormat.TIME: _CLOCK,
    TemporalFormat.DURATION: _DURATION,
}

_LIKE: Final = {form: re.compile(grammar, re.ASCII).fullmatch for form, grammar in _GRAMMAR.items()}

#: Why a text is none of the forms: the first pattern found in it says so.
_REASONS: Final[tuple[tuple[str, str], ...]] = (
    (r"^$", "is empty, which is not null"),
    (r"^\s|\s$", "is padded with white space"),
    (r"^[+-]?infinity$", "is infinite"),
    (r"BC$", "is before the year 1"),
    (r"^[+-]?\d{5,}-", "is after the year 9999"),
    (r"^0000-", "is in the year 0000"),
    (r":[0-5]\d:60", "is a leap second"),
    (rf"^{_CLOCK}{OFFSET}$", "is a time with an offset, which is no moment without a date"),
    (r"\.\d{10,}", "has more than 9 digits of a second"),
    (r"^-?P", "is a duration with years, months or a fraction that has no fixed length"),
)

#: The parts of a timestamp, and of a duration.
PARTS: Final = re.compile(
    r"(?P<day>.{10})[T ](?P<hour>\d\d)(?::(?P<minute>\d\d))?(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?"
    r"(?P<offset>Z|[+-].*)?"
)
DURATION_PARTS: Final = re.compile(
    r"(-)?P(?:(-?\d+)W)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d+))?S)?)?"
)


def form_of(texts: Sequence[str]) -> TemporalFormat:
    """Give the form that every text has.

    Raises
    ------
    CellError
        Where there is none: it names the first text that has no form, or another than the first text; its
        ``row`` is the position in ``texts``.
    """
    array = pa.array(texts, pa.string())
    for form in TemporalFormat:
        if _matches(array, form).true_count == len(array):
            _check_days(array, form, texts)
            return form
    first = form_of_one(texts[0])
    for position, text in enumerate(texts):
        form_here = form_of_one(text)
        if form_here is None:
            raise CellError(position, text, _reason(text))
        if first is not None and form_here is not first:
            raise CellError(position, text, f"is among {form_here.value}, others are {first.value}")
    raise AssertionError("some text has another form than the first")  # pragma: no cover


def form_of_one(text: str) -> TemporalFormat | None:
    """Give the form of a text by its looks; its day may be one that no calendar has."""
    return next((form for form, like in _LIKE.items() if like(text)), None)


def is_like(text: str, form: TemporalFormat) -> bool:
    """Whether a text looks like a form."""
    return _LIKE[form](text) is not None


def offset_of(text: str) -> str:
    """Give the offset that an aware timestamp ends with."""
    found = _last_offset(text)
    return "" if found is None else found[0]


def _matches(array: pa.Array, form: TemporalFormat) -> pa.Array:
    return pc.match_substring_regex(array, rf"^(?:{_GRAMMAR[form]})\z")


def _reason(text: str) -> str:
    return next(
        (reason for pattern, reason in _REASONS if re.search(pattern, text)), "is no ISO-8601 date or time"
    )


def _check_days(array: pa.Array, form: TemporalFormat, texts: Sequence[str]) -> None:
    """Refuse days that no calendar has, such as the 30th of February; and an empty duration."""
    if form is TemporalFormat.DURATION:
        for position, text in enumerate(texts):
            if text[-1] in "PT":
                raise CellError(position, text, "is a duration without a part")
    if form in (TemporalFormat.TIME, TemporalFormat.DURATION):
        return
    days = pc.utf8_slice_codeunits(array, 0, 10)
    try:
        pc.cast(days, pa.date32())
    except pa.ArrowInvalid:
        for position, day in enumerate(days.to_pylist()):
            try:
                date.fromisoformat(day)
            except ValueError:
                raise CellError(
                    position, texts[position], "is a day that the calendar does not have"
                ) from None
        raise
