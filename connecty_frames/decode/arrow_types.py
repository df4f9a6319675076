"""Arrow types by group, the lookup of a type in a table of tests, and the digits of units."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pyarrow as pa

from connecty_frames._base.text import value_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    TypeTest = Callable[[pa.DataType], bool]
    _Found = dict[int, tuple[pa.DataType, int] | None]

Value = TypeVar("Value")

#: How many digits of a fraction of a second each unit of time has.
FRACTION_DIGITS: Final = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def first_match(table: Iterable[tuple[TypeTest, Value]], type_: pa.DataType) -> Value | None:
    """Return the value of the first test to pass for a type, or None."""
    return next((value for test, value in table if test(type_)), None)


def any_of(*tests: TypeTest) -> TypeTest:
    """Combine tests into one: a type passes if it passes any."""
    return lambda type_: any(test(type_) for test in tests)


is_text: Final = any_of(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
is_binary: Final = any_of(pa.types.is_binary, pa.types.is_large_binary)
is_number: Final = any_of(pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
is_list: Final = any_of(pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def is_naive(type_: pa.DataType) -> bool:
    """Return True for timestamps without a zone."""
    return pa.types.is_timestamp(type_) and type_.tz is None


def is_aware(type_: pa.DataType) -> bool:
    """Return True for instants."""
    return pa.types.is_timestamp(type_) and type_.tz is not None


# --- types as text --------------------------------------------------------------------------------------


def parse_type(text: str) -> pa.DataType:
    """Return the type with this text: the inverse of ``str`` for the types of answers; raises ValueError."""
    found = _find_type(text, 0, {}) if isinstance(text, str) else None
    if found is None or found[1] != len(text):
        raise ValueError(f"{value_text(text)} is not a column type")
    return found[0]


def _find_type(text: str, start: int, known: _Found) -> tuple[pa.DataType, int] | None:
    """Return the type with its text at a position, and its end; ``known`` has earlier results."""
    if start not in known:
        known[start] = None
        with suppress(ValueError, TypeError, OverflowError, RecursionError):
            known[start] = _read_type(text, start, known)
    return known[start]


def _read_type(text: str, start: int, known: _Found) -> tuple[pa.DataType, int] | None:
    if text.startswith("struct<", start):
        return _read_struct(text, start + len("struct<"), known)
    for opening, closings, make in _NESTED:
        if text.startswith(opening, start):
            parameters: list[Any] = []
            end = start + len(opening)
            for closing in closings:
                child = _find_type(text, end, known)
                closed = child and closing.match(text, child[1])
                if not (child and closed):
                    return None
                end, parameters = closed.end(), [*parameters, child[0], *closed.groups()]
            return make(*parameters), end
    leaves = ((pattern.match(text, start), make) for pattern, make in _LEAVES)
    return next(((make(*found.groups()), found.end()) for found, make in leaves if found), None)


def _read_struct(text: str, start: int, known: _Found) -> tuple[pa.DataType, int] | None:
    """Read fields; as names may have any character, the shortest name before a type counts."""
    fields: list[tuple[str, pa.DataType]] = []
    if text.startswith(">", start):
        return pa.struct(fields), start + 1
    while True:
        for colon in re.compile(": ").finditer(text, start):
            child = _find_type(text, colon.end(), known)
            if child and text.startswith((", ", ">"), child[1]):
                break
        else:
            return None
        fields.append((text[start : colon.start()], child[0]))
        if text.startswith(">", child[1]):
            return pa.struct(fields), child[1] + 1
        start = child[1] + len(", ")


#: The beginning of a type with others inside, the text after each of them, and the type's constructor.
_NESTED: Final[tuple[tuple[str, Sequence[re.Pattern[str]], Callable[..., pa.DataType]], ...]] = (
    ("list<item: ", [re.compile(">")], pa.list_),
    ("large_list<item: ", [re.compile(">")], pa.large_list),
    ("fixed_size_list<item: ", [re.compile(r">\[(\d+)\]")], lambda item, size: pa.list_(item, int(size))),
    ("map<", [re.compile(", "), re.compile(">")], pa.map_),
    (
        "dictionary<values=",
        [re.compile(", indices="), re.compile(", ordered=([01])>")],
        lambda values, indices, ordered: pa.dictionary(indices, values, ordered == "1"),
    ),
)
#: The other texts of types, and the constructor for their groups.
_LEAVES: Final[tuple[tuple[re.Pattern[str], Callable[..., pa.DataType]], ...]] = (
    (re.compile(r"timestamp\[(\w+), tz=([^\]]+)\]"), pa.timestamp),
    (re.compile(r"decimal128\((\d+), (-?\d+)\)"), lambda *digits: pa.decimal128(*map(int, digits))),
    (re.compile(r"decimal256\((\d+), (-?\d+)\)"), lambda *digits: pa.decimal256(*map(int, digits))),
    (re.compile(r"(\w+(?:\[\w+\])?)"), pa.type_for_alias),
)
