"""Arrow types by group, tables that look a type up by a test on it, and facts about units and zones."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar

import pyarrow as pa

from connecty_frames.clock import named_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import tzinfo

    TypeTest = Callable[[pa.DataType], bool]

__all__ = [
    "FRACTION_DIGITS",
    "any_of",
    "find_zone",
    "first_match",
    "is_binary",
    "is_list",
    "is_number",
    "is_text",
    "match_zone_offset",
    "parse_type",
]

Value = TypeVar("Value")

#: How many digits of a fraction of a second each unit of time has.
FRACTION_DIGITS: Final = {"s": 0, "ms": 3, "us": 6, "ns": 9}
#: Matches a zone that is an offset; the groups are its hours, with the sign, and its minutes.
match_zone_offset: Final = re.compile(r"([+-]\d\d):(\d\d)").fullmatch


@lru_cache
def find_zone(name: str) -> tzinfo:
    """Return a time zone by its name or offset (``+05:30``); raise ValueError if there is none."""
    zone: tzinfo | None = None
    if (offset := match_zone_offset(name)) is None:
        zone = named_zone(name)
    else:
        with suppress(ValueError):  # 24 hours or more
            zone = timezone(timedelta(hours=int(offset[1]), minutes=int(name[0] + offset[2])))
    if zone is None:
        raise ValueError("is in a time zone that the time zone database does not have")
    return zone


def first_match(table: Iterable[tuple[TypeTest, Value]], type_: pa.DataType) -> Value | None:
    """Return the value of the first test that is true for a type, None if there is none."""
    return next((value for test, value in table if test(type_)), None)


def any_of(*tests: TypeTest) -> TypeTest:
    """Combine tests into one that is true where any of them is."""
    return lambda type_: any(test(type_) for test in tests)


is_text: Final = any_of(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
is_binary: Final = any_of(pa.types.is_binary, pa.types.is_large_binary)
is_number: Final = any_of(pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
is_list: Final = any_of(pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


# --- types as text --------------------------------------------------------------------------------------


def parse_type(text: str) -> pa.DataType:
    """Return the type whose text this is: the inverse of ``str`` for the types of answers.

    Raises
    ------
    ValueError
        If it is no text of such a type.
    """
    for pattern, make in _TYPE_TEXTS:
        if (found := pattern.fullmatch(text)) is not None:
            type_ = make(*found.groups())
            if str(type_) == text:
                return type_
    return pa.type_for_alias(text)


def _parse_fields(text: str) -> list[tuple[str, pa.DataType]]:
    """Return the fields of a struct; as names may have any character, the first reading that fits counts."""
    for end in [*(found.start() for found in re.finditer(", ", text)), len(text)]:
        for colon in (found.start() for found in re.finditer(": ", text[:end])):
            try:
                field = (text[:colon], parse_type(text[colon + 2 : end]))
                return [field, *(_parse_fields(text[end + 2 :]) if end < len(text) else [])]
            except ValueError:
                continue
    raise ValueError(text)


#: The texts of types with parameters, and what makes the type of the groups.
_TYPE_TEXTS: Final[tuple[tuple[re.Pattern[str], Callable[..., pa.DataType]], ...]] = (
    (re.compile(r"timestamp\[(\w+), tz=(.+)\]"), pa.timestamp),
    (re.compile(r"decimal128\((\d+), (-?\d+)\)"), lambda *digits: pa.decimal128(*map(int, digits))),
    (re.compile(r"decimal256\((\d+), (-?\d+)\)"), lambda *digits: pa.decimal256(*map(int, digits))),
    (re.compile(r"list<item: (.+)>", re.DOTALL), lambda item: pa.list_(parse_type(item))),
    (re.compile(r"large_list<item: (.+)>", re.DOTALL), lambda item: pa.large_list(parse_type(item))),
    (
        re.compile(r"fixed_size_list<item: (.+)>\[(\d+)\]", re.DOTALL),
        lambda item, size: pa.list_(parse_type(item), int(size)),
    ),
    (re.compile(r"struct<(.+)>", re.DOTALL), lambda fields: pa.struct(_parse_fields(fields))),
    (
        re.compile(r"map<(\w+), (.+)>", re.DOTALL),
        lambda key, item: pa.map_(parse_type(key), parse_type(item)),
    ),
    (
        re.compile(r"dictionary<values=(.+), indices=(\w+), ordered=([01])>", re.DOTALL),
        lambda values, indices, ordered: pa.dictionary(
            parse_type(indices), parse_type(values), ordered == "1"
        ),
    ),
    (re.compile(r"(large_string|large_binary)"), lambda name: getattr(pa, name)()),
)
