"""Dates and times written in a format, such as ``%d/%m/%Y``, respelled in ISO 8601 as whole Arrow arrays."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import bytes_of, offsets_of, to_array, to_scalar
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


#: By directive: the part of a date or time that it stands for, and its pattern in the syntax of RE2.
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
#: What begins and ends with a digit.
_NUMBERS: Final = frozenset({"%d", "%m", "%Y", "%y", "%H", "%I", "%M", "%S", "%f", *"0123456789"})
#: Which other parts a part needs.
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
_HOURS: Final = tuple(f"{hour:02}{half}" for half in "ap" for hour in (12, *range(1, 12)))
_ISO: Final = "YYYY-mm-ddTHH:MM:SS"
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


class TimeFormat(NamedTuple):
    """A format of texts: their Arrow type, and the pattern of each, with a group for each directive."""

    type: pa.DataType
    pattern: str
    longest: str = ""  # the directive of each byte of the longest text, if all are numbers of fixed length


@lru_cache
def parse_format(text: str) -> TimeFormat:
    """Return what a format reads; raises ValueError with the reason if it names no date or time."""
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
    letters = "".join(map(_letters_of, pieces))
    return TimeFormat(type_, rf"^{pattern}\z", letters if set(letters) <= {*_ISO, " "} else "")


def _find_parts(pieces: list[str]) -> dict[str, str]:
    """Return the directive of each part of a date or time, checked to name one together."""
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
    """Return the pattern of a directive or another character."""
    if piece not in _DIRECTIVES:
        return rf"\x{{{ord(piece[-1]):x}}}"
    if piece in {"%f", "%z"} and (after in _NUMBERS or after == ":"):
        raise ValueError(f"{piece} varies in length, so {after} cannot follow it directly")
    pattern = _DIRECTIVES[piece][1]
    if _NUMBERS.isdisjoint((before, after)):
        pattern = re.sub("^0", "0?", pattern)
    return f"(?P<{piece[1]}>{pattern})"


def _letters_of(piece: str) -> str:
    """Return the letter of a directive for each byte of its longest text, spaces for those of a character."""
    return piece[1] * max(1, _ISO.count(piece[1])) if piece in _DIRECTIVES else " " * len(piece[-1].encode())


#: Dates of RFC 5322, and of HTTP. There -0000 means that the offset is unknown.
RFC_5322: Final = TimeFormat(
    pa.timestamp("us", "UTC"),
    rf"^(?:(?P<a>{'|'.join(_SHORT_WEEKDAYS)}), *)?(?P<d>0?[1-9]|[12]\d|3[01])"
    rf" +(?P<b>{'|'.join(_SHORT_MONTHS)}) +(?P<Y>\d{{4}})"
    rf" +(?P<H>{_HOUR}):(?P<M>{_SIXTIETH})(?::(?P<S>{_SIXTIETH}))?"
    rf" +(?P<z>GMT|UTC|\+(?:{_HOUR})[0-5]\d|-(?:00(?:0[1-9]|[1-5]\d)|(?:0[1-9]|1\d|2[0-3])[0-5]\d))\z",
)


def to_iso(texts: pa.StringArray, format_: TimeFormat) -> pa.StringArray:
    """Return texts in ISO 8601; null for one in another format or with a wrong weekday."""
    starts, ends = offsets_of(texts)
    is_longest = format_.longest and (ends - starts == len(format_.longest)).all()
    if is_longest and pc.all(pc.match_substring_regex(texts, format_.pattern)).as_py():
        return _rearrange(bytes_of(texts).reshape(len(texts), len(format_.longest)), format_.longest)
    return _compose(pc.extract_regex(texts, format_.pattern))


def rfc_5322_as_iso(texts: pa.StringArray) -> pa.StringArray:
    """Return dates of RFC 5322 in ISO 8601, other texts as they are."""
    return pc.coalesce(to_iso(texts, RFC_5322), texts)


def _rearrange(texts: NDArray[np.uint8], letters: str) -> pa.StringArray:
    """Return the numbers in texts of one length, a row for each, in the order of ISO 8601."""
    iso = np.tile(np.frombuffer(b"1970-01-01T00:00:00", np.uint8), (len(texts), 1))
    for letter in set(letters) - {" "}:
        source, target, width = letters.index(letter), _ISO.index(letter), _ISO.count(letter)
        iso[:, target : target + width] = texts[:, source : source + width]
    ends = np.arange(0, iso.size + 1, len(_ISO), dtype=np.int64)
    return pc.cast(
        pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(iso)), pa.string()
    )


def _compose(found: pa.StructArray) -> pa.StringArray:
    """Return timestamps of the groups of a pattern, null for another weekday than the date has."""
    parts = {field.name: pc.struct_field(found, field.name) for field in found.type}
    if "y" in parts:
        is_old = pc.greater_equal(parts["y"], _text("69"))
        parts["Y"] = _join(pc.if_else(is_old, _text("19"), _text("20")), parts["y"])
    for letter in parts.keys() & {"b", "B"}:
        parts["m"] = pc.cast(_place(parts[letter], ("", *_SHORT_MONTHS)), pa.string())
    if "I" in parts:
        hours = _join(_two_digits(parts["I"]), pc.utf8_slice_codeunits(parts["p"], 0, 1))
        parts["H"] = pc.cast(_place(hours, _HOURS), pa.string())
    month, day, hour, minute, second = (_two_digits(parts.get(letter, _text("0"))) for letter in "mdHMS")
    days = _join(parts["Y"], _text("-"), month, _text("-"), day) if "Y" in parts else _text("1970-01-01")
    ends = [_text("."), parts["f"]] if "f" in parts else []
    if "z" in parts:
        ends.append(pc.replace_substring_regex(parts["z"], "GMT|UTC", "Z"))
    iso = _join(days, _text("T"), hour, _text(":"), minute, _text(":"), second, *ends)
    for letter in parts.keys() & {"a", "A"}:
        weekday = _place(parts[letter], (*_SHORT_WEEKDAYS, ""))
        is_right = pc.equal(pc.cast(pc.day_of_week(_to_dates(days)), pa.int32()), weekday)
        is_none = pc.equal(weekday, to_scalar(len(_WEEKDAYS), pa.int32()))
        iso = pc.if_else(pc.or_kleene(is_right, is_none), iso, to_scalar(None, pa.string()))
    return iso


def _text(text: str) -> pa.Scalar:
    return to_scalar(text, pa.string())


def _join(*parts: pa.StringArray | pa.Scalar) -> pa.StringArray:
    return pc.binary_join_element_wise(*parts, _text(""))


def _two_digits(numbers: pa.StringArray | pa.Scalar) -> Any:
    return pc.utf8_lpad(numbers, width=2, padding="0")


def _place(texts: pa.StringArray, keys: tuple[str, ...]) -> pa.Int32Array:
    """Return at which place of keys each text stands by its first three letters, in any case."""
    first = pc.utf8_lower(pc.utf8_slice_codeunits(texts, 0, 3))
    return pc.index_in(first, value_set=to_array([key.lower() for key in keys], pa.string()))


def _to_dates(texts: pa.StringArray) -> pa.Date32Array:
    """Return dates, null for a day that no calendar has."""
    with suppress(pa.ArrowInvalid):
        return pc.cast(texts, pa.date32())
    days: list[int | None] = [None] * len(texts)
    for row, text in enumerate(texts.to_pylist()):
        with suppress(TypeError, ValueError):  # of null, and of such a day
            days[row] = date.fromisoformat(text).toordinal() - _EPOCH_DAY
    return pc.cast(to_array(days, pa.int32()), pa.date32())
