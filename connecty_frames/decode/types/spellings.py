"""The grammar of temporal text: dates, timestamps, times of day and durations.

It is that of ISO 8601-1:2019 as far as Arrow can hold it, and the spellings of products that name one value
without doubt: docs/design/types.md lists them and their writers.

What the grammar does not admit (``infinity``, BC, a fifth digit of the year, leap seconds, year 0000, times
with offset, padding) stays text: every one of these has been read as a wrong instant by some library. Years
and months have no fixed length, so a duration that has some is not read.

What :func:`respell` rewrites has one meaning only because the caller has set the type with ``schema=``:
docs/schema.md says what.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from connecty_frames._base.clock import named_zone
from connecty_frames.decode import arrow
from connecty_frames.decode import compute as pc
from connecty_frames.decode.cells import CellError
from connecty_frames.decode.types.formats import RFC_5322, read_moments, word_number

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _without_groups(pattern: str) -> str:
    return re.sub(r"\(\?P<\w+>", "(?:", pattern)


_PART = r"-?\d{1,9}"
_DAYS = r"(?P<d>[+-]?\d{1,9})"
_TIME = r"(?P<H>\d{1,9}):(?P<M>[0-5]\d):(?P<S>[0-5]\d)(?:\.(?P<f>\d{1,9}))?"
_DAY_TIME = _TIME.replace(r"\d{1,9}", r"(?:[01]?\d|2[0-3])", 1)
_TIME_SIGN = r"(?:\+|(?P<time_minus>-))?"
#: ``minus`` is the sign of the whole, ``time_minus`` of the time, ``second_minus`` of the seconds alone.
_SPELLINGS: Final = (
    (
        rf"(?P<minus>-)?P(?:(?P<w>{_PART})W|(?:(?P<d>{_PART})D)?"
        rf"(?:T(?:(?P<H>{_PART})H)?(?:(?P<M>{_PART})M)?"
        r"(?:(?P<second_minus>-)?(?P<S>\d{1,9})(?:\.(?P<f>\d{1,9}))?S)?)?)"
    ),
    rf"{_DAYS} days?, {_TIME}",
    rf"{_DAYS} days?(?: {_TIME_SIGN}{_TIME})?",
    rf"(?P<minus>-)?(?P<d>\d{{1,9}})[ .]{_DAY_TIME}",
    rf"INTERVAL '(?P<minus>-)?(?P<d>\d{{1,9}}) {_DAY_TIME}' DAY TO SECOND",
    rf"[+-]?0-0 {_DAYS} {_TIME_SIGN}{_TIME}".replace("[0-5]", "[0-5]?"),
    rf"{_TIME_SIGN}{_TIME}",
)
#: The patterns of their shapes, and the pattern of all, without groups.
DURATION_SHAPES: Final = tuple(spelling.replace("0-0", "1-1") for spelling in _SPELLINGS)
_DURATION: Final = _without_groups("|".join(_SPELLINGS))
#: The look of a time of day: with a sign, or hours beyond the next midnight, it is a duration.
_TIME_OF_DAY: Final = r"^0*(?:(?:1?\d|2[0-3]):.*|24:00?:00?(?:\.0{1,9})?)\z"

_DAY = r"(?:[1-9]\d{3}|0[1-9]\d{2}|00[1-9]\d|000[1-9])-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_HOUR = r"(?:[01]\d|2[0-3])"
_CLOCK = rf"{_HOUR}:[0-5]\d(?::[0-5]\d(?:\.\d{{1,9}})?)?"
_MIDNIGHT = r"24:00(?::00(?:\.0{1,9})?)?"
_TIMESTAMP = rf"{_DAY}[Tt ](?:{_CLOCK}|{_MIDNIGHT}|{_HOUR})"
_NUMERIC_OFFSET = rf"[+-]{_HOUR}(?:[0-5]\d|:[0-5]\d(?::[0-5]\d)?)?"
OFFSET: Final = rf"(?:Z|{_NUMERIC_OFFSET})"  # the offset of a timestamp in ISO 8601
#: Behind an offset; UTC and GMT are none of these, since they may contradict it.
_ABBREVIATION = r"(?: (?:[A-FH-SV-Y][A-Z]{2,4}|G[A-LN-Z][A-Z]{1,3}|[TZ][A-SU-Y][A-Z]{1,3}))?"
_UTC = r"(?:z|(?:[+-]00(?::?00(?::00)?)? ?)?UTC)"
_TAGS = r"(?:\[[0-9A-Za-z_+.-][0-9A-Za-z_+:./=-]*\])*"
_ZONE = rf" ?(?:Z|{_NUMERIC_OFFSET}{_ABBREVIATION}|{_UTC}){_TAGS}"
_RFC_5322 = _without_groups(RFC_5322)
#: The shapes of dates and times, with the groups of ``formats``. An offset in words has none.
TIME_SHAPES: Final = (
    (
        r"(?:(?P<Y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d).?)?(?:(?P<H>\d\d)(?::(?P<M>\d\d)(?::(?P<S>\d\d)(?:\.(?P<f>\d+))?)?)?)?"
        r"(?: ?(?:(?:[+-][\d:]+ ?)?UTC|[Zz]|(?P<z>[+-][\d:]+)(?: [A-Z]+)?)(?:\[.*)?)?"
    ),
    RFC_5322,
)


class TemporalFormat(Enum):
    """A format of temporal text; the enum value is its name in the plural, for messages."""

    DATE = "dates"
    NAIVE = "timestamps without offset"
    AWARE = "timestamps with offsets"
    TIME = "times of day"
    DURATION = "durations"


#: The pattern of each format, for RE2 (Arrow) and, with ASCII digits, for Python. The first match decides.
_PATTERNS: Final[dict[TemporalFormat, str]] = {
    TemporalFormat.DATE: _DAY,
    TemporalFormat.NAIVE: _TIMESTAMP,
    TemporalFormat.AWARE: rf"{_TIMESTAMP}{_ZONE}|{_RFC_5322}",
    TemporalFormat.TIME: _CLOCK,
    TemporalFormat.DURATION: _DURATION,
}

#: Up to this many texts are matched by Python: Arrow compiles a pattern anew for each call, for about 75 us.
_FEW: Final = 16
#: Below so many bytes a column is read at once.
_SMALL: Final = 1 << 20
#: So many are matched before the others, since the first odd one is often among them. To compile the pattern
#: anew takes as long as to match half of these.
_FIRST_ROWS: Final = 1 << 10

#: Dates and times beyond all types, each by a pattern to search for, and why.
_BEYOND: Final[dict[str, str]] = {
    r"^[+-]?infinity$": "is infinite",
    r"BC$": "is before the year 1",
    r"^[+-]?\d{5,}-": "is after the year 9999",
    r"^0000-": "is in the year 0000",
    r":[0-5]\d:60": "is a leap second",
    r"[:T].*\.\d{10,}": "has more than 9 digits of a second",
}
_OUT_OF_RANGE: Final[dict[str, str]] = {
    **_BEYOND,
    r"^-?P[-+T\d]|\b(?:mon|year)s?\b": "is a duration with years, months or a fraction of no fixed length",
    r"^24:00(?::00(?:\.0{1,9})?)?$": "may be a time of day or a duration",
}
#: Why a text has none of the formats: the first match decides.
_REASONS: Final[dict[str, str]] = {
    r"^$": "is empty, not null",
    r"^\s|\s$": "is padded with white space",
    **_OUT_OF_RANGE,
    rf"^{_CLOCK}{OFFSET}$": "is a time with an offset but no date",
    rf"^(?:{_DURATION})$": "may be a time of day or a duration",
}


def format_of(texts: Any, *, expected: TemporalFormat | None = None) -> TemporalFormat:
    """Return the format of all texts, null aside; raises CellError with the first row without it."""
    # ``01:00:01`` is a time of day unless another text can only be a duration, or a duration is expected.
    row, first = first_present(texts)
    odd: dict[TemporalFormat, int | None] = {}
    for format_ in _PATTERNS if expected is None else (expected, *_PATTERNS):
        if not has_format(first, format_):
            continue
        odd[format_] = first_without(texts, format_)
        if odd[format_] is not None:
            continue
        if format_ is not TemporalFormat.DURATION:
            _check_days(format_, texts)
        elif expected is not format_ and first_like(texts, _TIME_OF_DAY, is_like=False) is None:
            break
        elif (without := first_like(texts, r"[PT]\z")) is not None:
            raise CellError(without, texts[without].as_py(), "is a duration without parts")
        return format_
    own = match_format(first)
    if own is not None:
        rows = [odd[own], first_like(texts, _TIME_OF_DAY) if own is TemporalFormat.DURATION else None]
        row = min(place for place in rows if place is not None)
    text = texts[row].as_py()
    found = match_format(text)
    if found is None or own is None:
        raise CellError(row, text, _first_reason(_REASONS, text) or "is not an ISO 8601 date or time")
    raise CellError(row, text, f"is one of the {found.value}; others are {own.value}")


def match_format(text: str) -> TemporalFormat | None:
    """Return the format of one text; its day may be in no calendar."""
    found = next((format_ for format_ in _PATTERNS if has_format(text, format_)), None)
    is_either = found is TemporalFormat.DURATION and re.match(
        _TIME_OF_DAY.replace(r"\z", r"\Z"), text, re.ASCII
    )
    return None if is_either else found


def has_format(text: str, format_: TemporalFormat) -> bool:
    """Return True if one text matches the pattern of a format."""
    return re.fullmatch(_PATTERNS[format_], text, re.ASCII) is not None


def is_beyond(text: str) -> bool:
    """Return True for a date or time beyond all types."""
    return _first_reason(_BEYOND, text) is not None


def _first_reason(reasons: dict[str, str], text: str) -> str | None:
    return next((reason for pattern, reason in reasons.items() if re.search(pattern, text)), None)


def first_without(texts: Any, format_: TemporalFormat, digits: int = 9) -> int | None:
    """Return the first row without the pattern of a format, of at most some digits of a second, or None."""
    pattern = _PATTERNS[format_].replace("{1,9}", f"{{1,{digits}}}")
    return first_like(texts, rf"^(?:{pattern})\z", is_like=False)


def first_like(texts: Any, pattern: str, *, is_like: bool = True) -> int | None:
    """Return the first row with a match of a pattern, or without one, or None."""
    if len(texts) <= _FEW:
        search = re.compile(pattern.replace(r"\z", r"\Z"), re.ASCII).search
        present = ((row, text) for row, text in enumerate(texts.to_pylist()) if text is not None)
        return next((row for row, text in present if bool(search(text)) is is_like), None)
    start, size = 0, _FIRST_ROWS
    while start < len(texts):
        found = pc.match_substring_regex(texts.slice(start, size), pattern)
        rows = pc.indices_nonzero(found if is_like else pc.invert(found))
        if len(rows):
            return start + int(rows[0].as_py())
        start, size = start + size, 8 * size
    return None


def first_present(texts: Any) -> tuple[int, str]:
    """Return the first row except nulls, and its text; -1 and an empty text for none."""
    return next(((row, text.as_py()) for row, text in enumerate(texts) if text.is_valid), (-1, ""))


def in_iso(text: str) -> str:
    """Return a date of RFC 5322 in ISO 8601, another text as it is."""
    found = None if text[4:5] == "-" else re.fullmatch(RFC_5322, text, re.ASCII)
    if found is None or (
        found["a"] and read_moments(arrow.to_array([text], pa.string()), RFC_5322).is_no_day[0]
    ):
        return text
    zone = found["z"] if found["z"][0] in "+-" else "Z"
    clock = f"{found['H']}:{found['M']}:{found['S'] or '00'}{zone}"
    return f"{found['Y']}-{word_number(found['m']):02}-{found['d']:0>2}T{clock}"


def has_minutes(texts: Any) -> bool:
    """Return True if every timestamp begins with date, hours and minutes, unlike ``2025-01-01 08-10``."""
    return first_like(texts, "^.{4}-.{8}:", is_like=False) is None


def _check_days(format_: TemporalFormat, texts: Any) -> None:
    if format_ is TemporalFormat.TIME:
        return
    try:
        pc.cast(pc.utf8_slice_codeunits(texts, 0, 10), pa.date32())
    except pa.ArrowInvalid:
        for start, some in arrow.slices_of(texts):
            is_no_day = read_moments(some, *TIME_SHAPES).is_no_day
            if is_no_day.any():
                row = int(is_no_day.argmax())
                raise CellError(start + row, some[row].as_py(), "is not a day of the calendar") from None


def joined(texts: Any) -> Any:
    """Return a column; the arrays of a small one as one."""
    is_small = isinstance(texts, pa.ChunkedArray) and texts.nbytes < _SMALL
    return texts.combine_chunks() if is_small else texts


# --- the min and max of statistics ---------------------------------------------------------------------
#
# They may be evidence of values not received. Rows and statistics come from different writers, so one value
# may be spelled in two formats: midnight is the date, and a date is its midnight. A bound of no format, or of
# one impossible for the values, says nothing about the type. The validation reports it.

SEVENTH_DIGIT = r"\.\d{7}"
has_seventh_digit: Final = re.compile(SEVENTH_DIGIT).search  # more digits of a second than microseconds hold
#: Matches a timestamp at midnight, as written.
_is_midnight: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]00(?::00(?::00(?:\.0+)?)?)?(?![\d:.]).*").fullmatch
_TIMESTAMPS: Final = (TemporalFormat.NAIVE, TemporalFormat.AWARE)


def fit_bounds(format_: TemporalFormat | None, bounds: Sequence[str]) -> tuple[TemporalFormat, list[str]]:
    """Return the format of values and bounds together, and the relevant bounds, or raise CellError."""
    # Without values (``format_`` is None) the bounds decide; unreadable timestamps are taken to be instants.
    formats = {bound: _format_of_bound(bound, format_) for bound in bounds}
    readable = {found for found in formats.values() if found is not None}
    base = format_ or min(readable, key=list(TemporalFormat).index, default=TemporalFormat.AWARE)
    column_format, counted = base, []
    for bound, found in formats.items():
        if found is base:
            counted.append(bound)
        elif base is TemporalFormat.DATE and found in _TIMESTAMPS and not _is_midnight(in_iso(bound)):
            if found is TemporalFormat.AWARE:
                raise CellError(None, bound, f"is one of the {found.value}; others are {base.value}")
            column_format = TemporalFormat.NAIVE
            counted.append(bound)
    return column_format, counted


def _format_of_bound(bound: str, values_format: TemporalFormat | None) -> TemporalFormat | None:
    if values_format is TemporalFormat.DURATION and has_format(bound, values_format):
        return values_format
    format_ = match_format(bound)
    reasons = _REASONS if values_format is None else _OUT_OF_RANGE
    if format_ is None and (reason := _first_reason(reasons, bound)) is not None:
        raise CellError(None, bound, reason)
    if format_ is TemporalFormat.DATE or format_ in _TIMESTAMPS:
        try:
            date.fromisoformat(in_iso(bound)[:10])
        except ValueError:
            return None
    return format_


def trim_zeros(bounds: Sequence[str], texts: Any) -> list[str]:
    """Return bounds without their own writer's zeros beyond microseconds."""
    # A writer of always nine digits writes them in the texts too, and a writer without fractions of zero
    # (.NET prints seven digits of others) may show none in the texts.
    if not any(map(has_seventh_digit, bounds)):
        return list(bounds)
    has_fractions = (
        first_like(texts, r"\.\d+(?:[^\d:]|\z)") is not None
    )  # the point of 1.02:00:00 begins none
    zeros = r"(\.\d{6}\d*?)0+(?!\d)" if has_fractions else r"(\.0{6})0+(?!\d)"
    return [re.sub(zeros, r"\1", bound) for bound in bounds]


# --- spellings of a type that the caller has set ------------------------------------------------------

_match_dot_net: Final = re.compile(
    r"/Date\((?P<millis>-?\d{1,15})(?:(?P<hours>[+-](?:[01]\d|2[0-3]))(?P<minutes>[0-5]\d))?\)/", re.ASCII
).fullmatch
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Matches a text with the name of a zone. Abbreviations, such as EST, differ between writers.
_match_zoned: Final = re.compile(r"(?P<local>.+) (?P<zone>UTC|[A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+)").fullmatch


def _from_dot_net(text: str) -> str:
    """Return a time of .NET in ISO 8601, another text as it is."""
    found = _match_dot_net(text)
    if found is None:
        return text
    # The number counts in UTC; the offset is the writer's.
    zone = find_zone(f"{found['hours'] or '+00'}:{found['minutes'] or '00'}")
    try:
        local = (_EPOCH + timedelta(milliseconds=int(found["millis"]))).astimezone(zone)
    except OverflowError:
        raise CellError(0, text, "is not a time of the years 1 to 9999") from None
    return local.isoformat(timespec="milliseconds")


def _respell_date(text: str) -> str:
    found = _match_zoned(text)
    if found is not None:
        find_zone(found["zone"])
    written = text if found is None else found["local"]
    is_timestamp = match_format(written) in {TemporalFormat.NAIVE, TemporalFormat.AWARE}
    return written[:10] if is_timestamp and _is_midnight(written) else text


def _respell_naive(text: str) -> str:
    if match_format(text) is TemporalFormat.AWARE:
        reason = 'has an offset: pydantic.AwareDatetime and "timestamp[us, UTC]" are types of such instants'
        raise CellError(0, text, reason)
    return f"{text}T00:00:00" if match_format(text) is TemporalFormat.DATE else text


def _respell_aware(text: str) -> str:
    found = _match_zoned(text)
    if found is None:
        if match_format(text) in {TemporalFormat.DATE, TemporalFormat.NAIVE}:
            raise CellError(0, text, "has no offset; cf.local(zone) reads local times of a zone")
        return text
    if match_format(found["local"]) is not TemporalFormat.NAIVE:
        return text
    zone = find_zone(found["zone"])
    day, *clock = re.split("[Tt :.]", found["local"])
    hours, minutes, seconds = map(int, [*clock, "0", "0"][:3])
    try:
        local = datetime.fromisoformat(day) + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except (ValueError, OverflowError):  # the 30th of February, or the end of the year 9999
        raise CellError(0, text, "is not a day of the calendar") from None
    written = local.replace(tzinfo=timezone(utc_offset(local, zone))).isoformat(timespec="seconds")
    return found["local"] + written[len("2025-01-01T10:00:00") :]


def find_zone(name: str) -> tzinfo:
    """Return the time zone of a name; CellError if there is none."""
    if (zone := named_zone(name)) is None:
        raise CellError(0, name, "is in a time zone that the time zone database does not have")
    return zone


#: Dates as digits alone, and midnights, and the replacement of each by a date.
_DATES: Final = (
    (r"^(\d{4})(\d\d)(\d\d)\z", r"\1-\2-\3"),
    (rf"^({_DAY})[Tt ]00(?::00(?::00(?:\.0{{1,9}})?)?)?(?:{_ZONE})?\z", r"\1"),
)
#: By Arrow type the format of its texts, and what respells another one, or returns it as it is.
_RESPELL: Final[tuple[tuple[arrow.TypeTest, tuple[TemporalFormat, Callable[[str], str]]], ...]] = (
    (pa.types.is_date, (TemporalFormat.DATE, _respell_date)),
    (arrow.is_naive, (TemporalFormat.NAIVE, _respell_naive)),
    (pa.types.is_timestamp, (TemporalFormat.AWARE, _respell_aware)),
)


def respell(texts: pa.StringArray, type_: pa.DataType) -> pa.StringArray:
    """Return dates or timestamps in ISO 8601; raises CellError with the row."""
    format_, rewrite = next(found for test, found in _RESPELL if test(type_))
    for pattern, replacement in _DATES if format_ is TemporalFormat.DATE else ():
        texts = pc.replace_substring_regex(texts, pattern=pattern, replacement=replacement)
    is_own = pc.match_substring_regex(texts, rf"^(?:{_PATTERNS[format_]})\z")
    odd = pc.indices_nonzero(pc.invert(is_own)).to_pylist()
    if not odd:
        return texts
    respelled = texts.to_pylist()
    for row in odd:
        try:
            respelled[row] = rewrite(_from_dot_net(in_iso(respelled[row])))
        except CellError as error:
            raise CellError(row, respelled[row], error.reason) from None
    return arrow.to_array(respelled, pa.string())


# --- local times --------------------------------------------------------------------------------------

#: Periods in seconds. All times of most days have one offset, and of most quarters of other days.
_PERIODS: Final = (86_400, 900, 1)


def utc_offset(local: datetime, zone: tzinfo) -> timedelta:
    """Return the offset of a local time; CellError if it occurs twice or never, since clocks changed."""
    # PEP 495: if both readings of a time differ, the first has the offset before the clocks are set.
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    if first == second:
        return first
    state = "ambiguous: it occurs twice" if first > second else "missing: it does not occur"
    raise CellError(0, str(local), f"is a local time that is {state} in {zone}, where the clocks change")


def to_utc(local: pa.TimestampArray, zone: tzinfo, texts: Any) -> pa.Int64Array:
    """Return the microseconds since 1970 of local times of a zone; raises CellError with the row."""
    micros = pc.cast(local, pa.int64())
    rows = arrow.rows_where(pc.is_valid(local))
    seconds = arrow.numbers_of(pc.drop_null(micros)) // 1_000_000
    offsets, left = np.zeros_like(seconds), np.arange(len(seconds))
    for size in _PERIODS:
        encoded = pc.dictionary_encode(arrow.of_numbers(seconds[left] // size))
        found, is_one = _offsets_in(arrow.numbers_of(encoded.dictionary) * size, size, zone)
        places = arrow.numbers_of(encoded.indices)
        offsets[left] = found[places]
        left = left[~is_one[places]]
    if len(left):
        row = int(rows[left[0]])
        try:
            utc_offset(_EPOCH + timedelta(seconds=int(seconds[left[0]])), zone)
        except CellError as error:
            raise CellError(row, str(texts[row]), error.reason) from None
    shifts = np.zeros(len(local), np.int64)
    shifts[rows] = offsets * 1_000_000
    return pc.subtract(micros, pa.Array.from_buffers(pa.int64(), len(local), [None, pa.py_buffer(shifts)]))


def _offsets_in(
    starts: NDArray[np.int64], size: int, zone: tzinfo
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the offset at the start of each period in seconds, and True if clocks do not change in it."""
    # No zone has changed its clocks twice within a day. The earlier reading of the start and the later one
    # of the end (PEP 495) thus differ around each change.
    first, last = (seconds.astype("M8[s]").tolist() for seconds in (starts, starts + (size - 1)))
    found = [*map(zone.utcoffset, first), *(zone.utcoffset(each.replace(fold=1)) for each in last)]
    counts = {offset: (offset or timedelta()) // timedelta(seconds=1) for offset in set(found)}
    offsets, later = np.array([counts[offset] for offset in found], np.int64).reshape(2, -1)
    return offsets, offsets == later
