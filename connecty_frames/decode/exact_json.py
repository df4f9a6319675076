"""JSON read without losing a digit.

A JSON number is a text: ``1.10``, ``1e5`` and ``12345678901234567890.5`` are not what ``float`` makes of
them. So numbers are kept as the text they were, of a class that tells which kind of number it was.
"""

from __future__ import annotations

import json
import re
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from enum import Enum
from itertools import count
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


__all__ = [
    "EXACT",
    "MAX_DEPTH",
    "NUL",
    "NUMBERS",
    "ConstantText",
    "FloatText",
    "IntText",
    "Kind",
    "RepeatedKeys",
    "bare",
    "decimal",
    "dump",
    "encodes",
    "kind_of",
    "mended",
    "pairs",
    "parse",
    "parse_first",
    "plain",
    "strict",
    "too_deep",
]

#: How deep a value may be nested: no answer needs more, and whatever reads it further on recurses.
MAX_DEPTH: Final = 100
#: The character at which what is written in C takes a text to end: polars panics at it in a name, and Arrow's
#: C interface cuts the name there.
NUL: Final = "\0"
_NESTED: Final = (list, dict)
#: Python prints whole numbers of this many digits whatever limit its user has set, and longer ones not.
_PRINTABLE_DIGITS: Final = 640
#: Python's own context belongs to the user, who may have narrowed it or turned its traps off.
EXACT: Final = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[InvalidOperation])


#: A text, or what is bare.
_BARE: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|(-?Infinity|NaN)', re.DOTALL)
#: Of the characters that mean nothing.
_MARK: Final = "\ue000"


class IntText(str):
    """A JSON number without fraction and exponent, as it was written."""

    __slots__ = ()


class FloatText(str):
    """A JSON number with a fraction or an exponent, as it was written."""

    __slots__ = ()


class ConstantText(str):
    """``NaN``, ``Infinity`` or ``-Infinity`` without quotes: no JSON, but some servers write it."""

    __slots__ = ()


class RepeatedKeys(dict[str, Any]):
    """An object in which a key occurs twice, so that no Python or Arrow object equals it.

    Parameters
    ----------
    pairs
        All keys and values, in the order they were written.
    """

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else RepeatedKeys(pairs)


_DECODER = json.JSONDecoder(
    parse_int=IntText, parse_float=FloatText, parse_constant=ConstantText, object_pairs_hook=_object
)


def parse(text: str) -> Any:
    """Read JSON text; numbers are given as the texts they are.

    Raises
    ------
    ValueError
        Where it is no JSON.
    RecursionError
        Where it is nested too deeply to read.
    """
    return _DECODER.decode(text)


def parse_first(text: str, start: int) -> tuple[Any, int]:
    """Read the JSON value that begins at a position; also gives where it ends.

    Raises
    ------
    ValueError
        Where there is none, or it does not end.
    """
    return _DECODER.raw_decode(text, start)


def strict(text: str) -> tuple[str, str]:
    """Make JSON of text that would be JSON but for bare ``NaN`` and infinities; also give their mark.

    They become texts that begin with the mark, which occurs nowhere else: :func:`bare` turns them back.
    """
    mark = next(mark for length in count(1) if (mark := _MARK * length) not in text)
    return _BARE.sub(lambda found: f'"{mark}{found[1]}"' if found[1] else found[0], text), mark


def bare(text: str, mark: str) -> str:
    """Give back the text of which :func:`strict` made JSON, or a part of it."""
    return re.sub(f'"{mark}([^"]*)"', r"\1", text)


def pairs(value: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """Give all keys and values of an object, a repeated key each time."""
    return value.pairs if isinstance(value, RepeatedKeys) else value.items()


def dump(value: object) -> str:
    """Write what :func:`parse` gave as compact JSON with every number as it was."""
    if isinstance(value, IntText | FloatText | ConstantText):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{dump(key)}:{dump(item)}" for key, item in pairs(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def too_deep(values: Iterable[object]) -> bool:
    """Whether some value is nested too deeply, found level by level so that nothing recurses."""
    level = [value for value in values if isinstance(value, _NESTED)]
    for _ in range(MAX_DEPTH):
        if not level:
            break
        level = [
            item
            for nested in level
            for item in (nested if isinstance(nested, list) else (item for _, item in pairs(nested)))
            if isinstance(item, _NESTED)
        ]
    return bool(level)


def encodes(text: str) -> bool:
    """Whether UTF-8 can hold a text: JSON's escapes can write half of a surrogate pair, which is none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def mended(value: Any) -> Any:
    r"""Write each half of a surrogate pair in a value as the escape that it was, ``\ud800``."""
    if type(value) is str:
        return value if value.isascii() else value.encode(errors="backslashreplace").decode()
    if isinstance(value, RepeatedKeys):
        return RepeatedKeys([(mended(key), mended(item)) for key, item in value.pairs])
    if isinstance(value, dict):
        return {mended(key): mended(item) for key, item in value.items()}
    return list(map(mended, value)) if isinstance(value, list) else value


def decimal(text: str) -> Decimal | None:
    """Read a number text exactly, None where its exponent is beyond what a Decimal can have."""
    try:
        return Decimal(text, EXACT)
    except InvalidOperation:
        return None


def plain(value: object) -> Any:
    """Turn the number texts of a small value into Python numbers of the same value.

    A number becomes an int, a float where that holds it exactly, otherwise a Decimal; what is too long or
    too large for Python stays text.
    """
    convert = _PLAIN.get(type(value))
    return value if convert is None else convert(value)


def _plain_object(value: dict[str, Any]) -> dict[str, Any]:
    return {key: plain(item) for key, item in value.items()}


def _plain_whole(text: IntText) -> int | str:
    return int(text) if len(text) <= _PRINTABLE_DIGITS else str(text)


def _plain_fraction(text: FloatText) -> float | Decimal | str:
    exact = decimal(text)
    if exact is None:
        return str(text)
    nearest = float(text)
    return nearest if Decimal(repr(nearest)) == exact else exact


_PLAIN: Final[dict[type, Callable[[Any], Any]]] = {
    dict: _plain_object,
    RepeatedKeys: _plain_object,
    list: lambda value: list(map(plain, value)),
    ConstantText: float,
    IntText: _plain_whole,
    FloatText: _plain_fraction,
}


class Kind(Enum):
    """What a JSON value is; the value names it in the plural, for sentences."""

    BOOLEAN = "booleans"
    TEXT = "texts"
    WHOLE = "whole numbers"
    FRACTION = "numbers with a fraction"
    CONSTANT = "bare NaN or Infinity tokens"
    ARRAY = "arrays"
    OBJECT = "objects"

    __hash__ = object.__hash__  # Enum's own is Python, and sets of kinds are made for every column


#: The kinds that are numbers.
NUMBERS: Final = frozenset({Kind.WHOLE, Kind.FRACTION, Kind.CONSTANT})

_KIND_OF: Final[dict[type, Kind]] = {
    bool: Kind.BOOLEAN,
    str: Kind.TEXT,
    IntText: Kind.WHOLE,
    FloatText: Kind.FRACTION,
    ConstantText: Kind.CONSTANT,
    list: Kind.ARRAY,
    dict: Kind.OBJECT,
    RepeatedKeys: Kind.OBJECT,
}


def kind_of(value: object) -> Kind:
    """Give the kind of a value that ``tokens.parse`` gave and that is not null."""
    return _KIND_OF[type(value)]
