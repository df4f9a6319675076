"""Dates and times written in a format, such as ``%d/%m/%Y``, and the numbers in texts of a pattern."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa

from connecty_frames.decode import compute as pc
from connecty_frames.decode.arrow import bytes_of, numbers_of, offsets_of
from connecty_frames.decode.exact_json import LONE_SURROGATE, is_encodable

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT_MONTHS, _SHORT_WEEKDAYS = (tuple(name[:3] for name in names) for names in (_MONTHS, _WEEKDAYS))

_HOUR: Final = r"0\d|1\d|2[0-3]"
_SIXTIETH: Final = r"0\d|[1-5]\d"


def _any_case(names: tuple[str, ...]) -> str:
    # (?i) would also read a long s (U+017F).
    return "|".join("".join(f"[{letter.upper()}{letter.lower()}]" for letter in name) for name in names)


#: By directive: its part of a date or time, and its pattern in the syntax of RE2.
_DIRECTIVES: Final[dict[str, tuple[str, str]]] = {
    "%d": ("day", r"0[1-9]|[12]\d|3[01]"),
    "%m": ("month", r"0[1-9]|1[0-2]"),
    "%Y": ("year", r"\d{4}"),
    "%y": ("year", r"\d\d"),
    "%b": ("month", _any_case(_SHORT_MONTHS)),
    "%B": ("month", _any_case(_MONTHS)),
    "%a": ("weekday", _any_case(_SHORT_WEEKDAYS)),
    "%A": ("weekday", _any_case(_WEEKDAYS)),
    "%H": ("hour", _HOUR),
    "%I": ("hour", r"0[1-9]|1[0-2]"),
    "%p": ("half of the day", "[AaPp][Mm]"),
    "%M": ("minute", _SIXTIETH),
    "%S": ("second", _SIXTIETH),
    "%f": ("fraction", r"\d{1,9}"),
    "%z": ("offset", rf"Z|[+-](?:{_HOUR})(?:[0-5]\d|:[0-5]\d(?::[0-5]\d)?)?"),
}
#: Pieces with a digit at both ends.
_NUMBERS: Final = frozenset({"%d", "%m", "%Y", "%y", "%H", "%I", "%M", "%S", "%f", *"0123456789"})
#: The other parts needed by a part.
_NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "day": ("month", "year"),
    "month": ("day", "year"),
    "year": ("day", "month"),
    "weekday": ("day", "month", "year"),
    "half of the day": ("hour",),
    "minute": ("hour",),
    "second": ("minute",),
    "fraction": ("second",),
    "offset": ("hour", "year"),
}
#: The name of a group of a pattern is the letter of its directive, except for synonyms.
_GROUPS: Final = {"b": "m", "B": "m", "A": "a"}


class TimeFormat(NamedTuple):
    """A format of texts: their Arrow type, and the pattern of each, with a group for each directive."""

    type: pa.DataType
    pattern: str  # of a text, for RE2
    shape: str  # of a text with 1 for each digit, as bytes in Latin-1, for Python


@lru_cache
def parse_format(text: str) -> TimeFormat:
    """Parse a format; raises ValueError with the reason if it names no date or time."""
    if not is_encodable(text):
        raise ValueError(f"it holds {LONE_SURROGATE}")
    pieces = re.findall("%.?|.", text, re.DOTALL)
    parts = _find_parts(pieces)
    if "hour" not in parts:
        type_ = pa.date32()
    elif "day" in parts:
        type_ = pa.timestamp("us", "UTC" if "offset" in parts else None)
    else:
        type_ = pa.time64("us")
    pattern = "".join(map(_pattern_of, pieces, ["", *pieces], [*pieces[1:], ""]))
    return TimeFormat(type_, rf"^{pattern}\z", re.sub(r"\\x\{(\w+)\}", _shape_of, pattern))


def _find_parts(pieces: list[str]) -> dict[str, str]:
    parts: dict[str, str] = {}
    for piece in pieces:
        if piece[0] != "%" or piece == "%%":
            continue
        if piece not in _DIRECTIVES:
            raise ValueError(f"{piece} is not one of {' '.join(_DIRECTIVES)} %%")
        part = _DIRECTIVES[piece][0]
        if part in parts:
            raise ValueError(f"it has the {part} twice: {parts[part]} and {piece}")
        parts[part] = piece
    for part, others in _NEEDED.items():
        for other in others:
            if part in parts and other not in parts:
                raise ValueError(f"it has the {part}, but not the {other}")
    if ("half of the day" in parts) is not (parts.get("hour") == "%I"):
        raise ValueError("%I and %p need each other; %H is the hour of 24")
    if not parts:
        raise ValueError("it has neither a date nor a time of day")
    return parts


def _pattern_of(piece: str, before: str, after: str) -> str:
    if piece not in _DIRECTIVES:
        return rf"\x{{{ord(piece[-1]):x}}}"
    if piece in {"%f", "%z"} and (after in _NUMBERS or after == ":"):
        raise ValueError(f"{piece} varies in length, so {after} cannot follow it directly")
    pattern = _DIRECTIVES[piece][1]
    if _NUMBERS.isdisjoint((before, after)):
        pattern = re.sub("^0", "0?", pattern)
    return f"(?P<{_GROUPS.get(piece[1], piece[1])}>{pattern})"


def _shape_of(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return "1" if character in "0123456789" else re.escape(character.encode().decode("latin-1"))


#: How many texts are taken apart at once: bounds the memory on the way.
_SLICE: Final = 1 << 13
_DIGITS_AS_ONES: Final = bytes.maketrans(b"0123456789", b"1" * 10)
#: The meaning of words, by their first three letters; signs and other words are 1.
_WORDS: Final = {
    **{
        name.lower(): number
        for names in (_SHORT_MONTHS, _SHORT_WEEKDAYS)
        for number, name in enumerate(names, 1)
    },
    **dict.fromkeys(("am", "z", "gmt", "utc"), 0),
}
_FIRST_OF_1900: Final = 69  # two digits of a year are of the 1900s from here on, as in POSIX
#: The weight of each digit of some groups; of others it is a power of ten.
_WEIGHTS: Final = {
    "f": [10**place for place in range(8, -1, -1)],  # nanoseconds
    "z": [36_000, 3_600, 600, 60, 10, 1],  # seconds
}


#: Dates of RFC 5322, and of HTTP: a pattern of texts and of their shapes; -0000 is an unknown offset.
RFC_5322: Final = (
    rf"(?:(?P<a>{'|'.join(_SHORT_WEEKDAYS)}), *)?(?P<d>0?[1-9]|[12]\d|3[01])"
    rf" +(?P<m>{'|'.join(_SHORT_MONTHS)}) +(?P<Y>\d{{4}})"
    rf" +(?P<H>{_HOUR}):(?P<M>{_SIXTIETH})(?::(?P<S>{_SIXTIETH}))?"
    rf" +(?P<z>GMT|UTC|\+(?:{_HOUR})[0-5]\d|-(?:00(?:0[1-9]|[1-5]\d)|(?:0[1-9]|1\d|2[0-3])[0-5]\d))"
)


def word_number(word: str) -> int:
    """Return the number of a month or weekday, 1 for a sign, 0 for UTC."""
    return _WORDS.get(word[:3].lower(), 1)


class _Layout(NamedTuple):
    """Where the numbers of the groups of a pattern stand in the texts of one shape."""

    groups: dict[str, slice]  # the digits of each
    places: NDArray[np.intp]  # of the digits of all groups
    weights: NDArray[np.int32]  # of these digits
    words: dict[str, int]  # groups without digits
    offset: NDArray[np.intp]  # the places of its characters, if it has digits


@lru_cache(1 << 10)
def _layout(shape: str, patterns: tuple[str, ...]) -> _Layout | None:
    found = next(filter(None, (re.fullmatch(pattern, shape, re.ASCII) for pattern in patterns)), None)
    if found is None or not shape:  # of null
        return None
    groups, words = dict[str, slice](), dict[str, int]()
    places, weights = list[int](), list[int]()
    for group, text in found.groupdict().items():
        digits = [found.start(group) + place for place, byte in enumerate(text or "") if byte == "1"]
        if digits:
            sign, powers = -1 if text[0] == "-" else 1, [10**place for place in reversed(range(len(digits)))]
            groups[group] = slice(len(places), len(places) + len(digits))
            places += digits
            weights += [sign * weight for weight in _WEIGHTS.get(group, powers)[: len(digits)]]
        elif text:
            words[group] = word_number(text)
    offset = np.arange(*found.span("z")) if "z" in groups else np.empty(0, np.intp)
    columns = np.array(places, np.intp)[:, np.newaxis], np.array(weights, np.int32)[:, np.newaxis]
    return _Layout(groups, *columns, words, offset)


def take_apart(texts: pa.StringArray, *patterns: str) -> tuple[dict[str, NDArray[np.int64]], set[str]]:
    """Return the numbers of the groups in each text, 0 for none, and the different offsets."""
    # The first match of a text's shape counts. A shape is a text with 1 for each digit.
    # Columns of times have few. A text without an offset, or with one in words, has ``Z``.
    starts, _ = offsets_of(texts)
    data, starts = bytes_of(texts), (starts - starts[:1]).astype(np.intp)
    offsets = pa.py_buffer(np.append(starts, data.size).astype(np.int32))
    shaped = pa.py_buffer(data.tobytes().translate(_DIGITS_AS_ONES))
    encoded = pc.dictionary_encode(pa.Array.from_buffers(pa.binary(), len(texts), [None, offsets, shaped]))
    codes = numbers_of(encoded.indices)
    rows_by_shape = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    numbers: dict[str, NDArray[np.int64]] = defaultdict(lambda: np.zeros(len(texts), np.int64))
    written_offsets: set[str] = set()
    for shape, rows in zip(encoded.dictionary.to_pylist(), rows_by_shape, strict=False):
        layout = _layout(shape.decode("latin-1"), patterns)
        if layout is None:
            continue
        for group, number in layout.words.items():
            numbers[group][rows] = number
        for some in (rows[start : start + _SLICE] for start in range(0, len(rows), _SLICE)):
            digits = (data[starts[some] + layout.places] - ord("0")) * layout.weights
            for group, span in layout.groups.items():
                numbers[group][some] = np.add.reduce(digits[span])
            if len(layout.offset):
                written = np.ascontiguousarray(data[starts[some, np.newaxis] + layout.offset])
                different = np.unique(written.view(f"S{len(layout.offset)}"))
                written_offsets.update(map(bytes.decode, different.tolist()))
            else:
                written_offsets.add("Z")
    return numbers, written_offsets


class Moments(NamedTuple):
    """Dates and times, or times of day on 1970-01-01; 0 for null."""

    seconds: NDArray[np.int64]  # since 1970
    nanos: NDArray[np.int64]  # of the fraction
    is_no_day: NDArray[np.bool_]  # no calendar has the day, or it has another weekday
    offsets: set[str]  # the different ones


def read_moments(texts: pa.StringArray, *patterns: str) -> Moments:
    """Read texts as moments; the shape of each text must match one of the patterns."""
    numbers, offsets = take_apart(texts, *patterns)
    hours, seconds, is_no_day = numbers["H"], numbers["S"] - numbers["z"], np.zeros(len(texts), np.bool_)
    if "I" in numbers:
        hours = numbers["I"] % 12 + 12 * numbers["p"]
    if "d" in numbers:
        years = numbers["Y"]
        if "y" in numbers:
            years = numbers["y"] + np.where(numbers["y"] < _FIRST_OF_1900, 2000, 1900)
        months = (years - 1970) * 12 + numbers["m"] - 1
        first, after = ((months + more).astype("M8[M]").astype("M8[D]").astype(np.int64) for more in (0, 1))
        days = first + numbers["d"] - 1
        is_no_day = (years < 1) | (days >= after)
        if "a" in numbers:
            is_no_day |= (numbers["a"] > 0) & ((days + 3) % 7 + 1 != numbers["a"])
        seconds += days * 86_400
    seconds += (hours * 60 + numbers["M"]) * 60
    starts, ends = offsets_of(texts)
    for values in (seconds, is_no_day):
        values[starts == ends] = 0  # null
    return Moments(seconds, numbers["f"], is_no_day, offsets)
