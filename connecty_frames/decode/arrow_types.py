"""Arrow types by group, tables that look a type up by a test on it, and facts about units and zones."""

from __future__ import annotations

import re
from datetime import timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa

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
]

Value = TypeVar("Value")

#: How many digits of a fraction of a second each unit of time has.
FRACTION_DIGITS: Final = {"s": 0, "ms": 3, "us": 6, "ns": 9}
#: Matches a zone that is an offset; the groups are its hours, with the sign, and its minutes.
match_zone_offset: Final = re.compile(r"([+-]\d\d):(\d\d)").fullmatch


@lru_cache
def find_zone(name: str) -> tzinfo:
    """Return a time zone by its name or offset (``+05:30``); raise ValueError if there is none."""
    try:
        if (offset := match_zone_offset(name)) is None:
            return ZoneInfo(name)
        sign, hours, minutes = offset[1][0], offset[1], offset[2]
        return timezone(timedelta(hours=int(hours), minutes=int(sign + minutes)))
    except (ValueError, OSError, KeyError):
        raise ValueError("is in a time zone that the time zone database does not have") from None


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
