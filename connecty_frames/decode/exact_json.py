"""JSON read without losing a digit, and the limits of reading an answer.

``float`` does not keep the JSON numbers ``1.10``, ``1e5`` and ``12345678901234567890.5`` as they were
written. So a number is kept as its text, in a subclass of str that tells which kind of number it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import snippet

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_Item = TypeVar("_Item")

MAX_DEPTH: Final = 100  # how deep a value may be nested: no answer needs more, and later code recurses
#: The end of a text in C: polars panics at it in a column name, and Arrow's C interface cuts the name there.
NUL: Final = "\0"
#: The words for escapes of JSON without a meaning in UTF-8, Arrow and files, such as ``\\ud800``.
LONE_SURROGATE: Final = "a lone surrogate, which UTF-8 cannot encode"
_NESTED: Final = (list, dict)  # types of nested values; isinstance takes twice the time for ``list | dict``
_PRINTABLE_DIGITS: Final = 640  # Python prints integers of so many digits whatever limit its user has set
#: Used in place of Python's current context: the user may have changed its precision and traps.
EXACT_CONTEXT: Final = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[InvalidOperation])
UNHIDE: Final = bytes.maketrans(b"\x01\x02", b'\\"')  # reverses :func:`hide_escapes`
#: A bare constant, or the same word in a text.
_CONSTANT: Final = re.compile(rb"-Infinity|Infinity|NaN")  # a search for known first bytes is fast
#: The escape of a surrogate or a pair in JSON with hidden escapes; group 1 is the second of a pair.
_SURROGATES: Final = re.compile(
    rb"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(\\u[dD][c-fC-F][0-9a-fA-F]{2})?|[c-fC-F][0-9a-fA-F]{2})"
)


class IntText(str):
    """A JSON number without fraction and exponent, as it was written."""

    __slots__ = ()


class FloatText(str):
    """A JSON number with a fraction or an exponent, as it was written."""

    __slots__ = ()


class ConstantText(str):
    """``NaN``, ``Infinity`` or ``-Infinity`` without quotes: not JSON, but some servers write it."""

    __slots__ = ()


class RepeatedKeys(dict[str, Any]):
    """An object with a repeated key, unlike any Python or Arrow object."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs: list[tuple[str, Any]] = pairs


class ValueKind(Enum):
    """The kind of a JSON value; the enum value is its name in the plural, for messages."""

    BOOLEAN = "booleans"
    TEXT = "texts"
    INTEGER = "whole numbers"
    FRACTION = "numbers with a fraction"
    CONSTANT = "bare NaN or Infinity tokens"
    ARRAY = "arrays"
    OBJECT = "objects"

    __hash__ = object.__hash__  # Enum's own is written in Python, and sets of kinds are made for every column


NUMBER_KINDS: Final = frozenset({ValueKind.INTEGER, ValueKind.FRACTION, ValueKind.CONSTANT})
NESTED_KINDS: Final = frozenset({ValueKind.ARRAY, ValueKind.OBJECT})
#: The kind of each type of value from :func:`parse`, null aside.
KIND_BY_TYPE: Final[dict[type, ValueKind]] = {
    bool: ValueKind.BOOLEAN,
    str: ValueKind.TEXT,
    IntText: ValueKind.INTEGER,
    FloatText: ValueKind.FRACTION,
    ConstantText: ValueKind.CONSTANT,
    list: ValueKind.ARRAY,
    dict: ValueKind.OBJECT,
    RepeatedKeys: ValueKind.OBJECT,
}


def to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of keys and values; a key may occur twice."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else RepeatedKeys(pairs)


_DECODER = json.JSONDecoder(
    parse_int=IntText, parse_float=FloatText, parse_constant=ConstantText, object_pairs_hook=to_object
)


def pairs_of(value: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """Return all keys and values of an object, also of repeated keys."""
    return value.pairs if isinstance(value, RepeatedKeys) else value.items()


#: Parses JSON text; numbers are returned as their texts. Raises ValueError where it is not JSON, and
#: RecursionError where it is nested too deeply to parse.
parse: Final[Callable[[str], Any]] = _DECODER.decode
#: Parses the JSON value at a position, and returns it and where it ends. Raises ValueError without one.
parse_first: Final[Callable[[str, int], tuple[Any, int]]] = _DECODER.raw_decode


def hide_escapes(text: bytes) -> bytes:
    """Replace escaped backslashes and quotes. Each remaining quote opens or closes a text."""
    if b"\\" not in text:  # found out in a fraction of the time
        return text
    # In pairs from the left, as the first backslash is not escaped; by characters not allowed in JSON.
    return text.replace(rb"\\", b"\\\x01").replace(rb"\"", b"\\\x02")


def mask_leniencies(body: bytes, checkpoint: Callable[[], None] = lambda: None) -> bytes:
    r"""Replace bare constants and lone surrogates by strict JSON of the same length."""
    # A bare ``NaN`` or infinity becomes an empty array, since a text could also be a key; the escape of a
    # lone surrogate, ``\ud800``, becomes ``\bd800``. If the result is JSON, nothing else was wrong.
    hidden, masked = hide_escapes(body), bytearray(body)
    for found in _lone_surrogates(hidden, checkpoint):
        masked[found.start() : found.start() + 2] = rb"\b"
    for found in _constants(hidden, checkpoint):
        masked[slice(*found.span())] = b"[%s]" % (b" " * (len(found[0]) - 2))
    return bytes(masked)


def _lone_surrogates(
    hidden: bytes, checkpoint: Callable[[], None] = lambda: None
) -> Iterator[re.Match[bytes]]:
    if b"\\u" not in hidden:  # found out in a fraction of the time
        return iter(())
    return (found for found in checked(_SURROGATES.finditer(hidden), checkpoint) if not found[1])


def _constants(hidden: bytes, checkpoint: Callable[[], None] = lambda: None) -> Iterator[re.Match[bytes]]:
    quotes = at = 0
    words = _CONSTANT.finditer(hidden) if mentions_constant(hidden) else ()
    for found in checked(words, checkpoint):
        quotes += hidden.count(b'"', at, at := found.start())
        if quotes % 2 == 0:
            yield found


def offset(part: Any, source: bytes) -> int:
    """Return where a part of a body begins in it."""
    import pyarrow as pa  # not imported before a question is answered

    return int(pa.py_buffer(part).address - pa.py_buffer(source).address)


def dump(value: object) -> str:
    """Write a result of :func:`parse` as compact JSON with every number as it was."""
    if isinstance(value, IntText | FloatText | ConstantText):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{dump(key)}:{dump(item)}" for key, item in pairs_of(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def is_too_deep(values: Iterable[object]) -> bool:
    """Return True if some value is nested too deeply; searches level by level, without recursion."""
    level = [value for value in values if isinstance(value, _NESTED)]
    for _ in range(MAX_DEPTH):
        if not level:
            return False
        below: list[Any] = []
        for nested in level:
            if isinstance(nested, RepeatedKeys):
                below += [item for _, item in nested.pairs]
            else:
                below += nested.values() if isinstance(nested, dict) else nested
        level = [item for item in below if isinstance(item, _NESTED)]
    return bool(level)


def preview(value: object) -> str:
    """Return how a value begins; to write out a deeply nested one would recurse too far."""
    return "(deeply nested)" if is_too_deep([value]) else snippet(dump(value))


def escape_lone_surrogates(text: bytes, checkpoint: Callable[[], None] = lambda: None) -> bytes:
    r"""Replace each lone surrogate in JSON by its escape as text, the six characters ``\\ud800``."""
    if not _SURROGATES.search(text):  # common case
        return text
    hidden, escaped, at = hide_escapes(text), bytearray(), 0
    for found in _lone_surrogates(hidden, checkpoint):
        escaped += hidden[at : found.start()] + b"\\" + found[0].lower()
        at = found.end()
    return bytes(escaped + hidden[at:]).translate(UNHIDE)


def mentions_constant(text: bytes) -> bool:
    """Search for the words of bare constants, which may be parts of texts, in a fraction of the time."""
    return b"NaN" in text or b"Infinity" in text


def has_constant(text: bytes) -> bool:
    """Return True if JSON has a bare ``NaN`` or infinity."""
    return any(_constants(hide_escapes(text)))


def has_lone_surrogate(text: bytes) -> bool:
    """Return True if JSON has the escape of a lone surrogate."""
    return any(_lone_surrogates(hide_escapes(text)))


def is_encodable(text: str) -> bool:
    """Return True if UTF-8 can encode a text: it has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def to_decimal(text: str) -> Decimal | None:
    """Read a number text exactly, or return None if its exponent is beyond a Decimal's."""
    try:
        return Decimal(text, EXACT_CONTEXT)
    except InvalidOperation:
        return None


def to_python(value: object) -> Any:
    """Turn number texts into an int, a float if exact, or a Decimal; others stay text."""
    if isinstance(value, dict):
        return {key: to_python(item) for key, item in value.items()}
    if isinstance(value, list):
        return list(map(to_python, value))
    convert = _TO_PYTHON.get(type(value))
    return value if convert is None else convert(value)


def checked(items: Iterable[_Item], checkpoint: Callable[[], None]) -> Iterator[_Item]:
    """Yield the items, and check the time now and then."""
    for number, item in enumerate(items):
        if number % 1_000 == 0:  # pragma: no mutate - a size
            checkpoint()
        yield item


def _float_or_decimal(text: FloatText) -> float | Decimal | str:
    nearest = float(text)
    if repr(nearest) == text:  # common case
        return nearest
    exact = to_decimal(text)
    if exact is None:
        return str(text)
    return nearest if Decimal(repr(nearest)) == exact else exact


_TO_PYTHON: Final[dict[type, Callable[[Any], Any]]] = {
    IntText: lambda text: int(text) if len(text) <= _PRINTABLE_DIGITS else str(text),
    FloatText: _float_or_decimal,
    ConstantText: float,
}


MOST_VALUES: Final = 2_000_000  # the most values of statistics: each takes up to 100 bytes
MOST_KEPT: Final = 100_000
MOST_WARNINGS: Final = 10  # the most warnings of one category for one answer; the others are counted

#: Held while an answer is decoded, if one is set: of many questions, two are decoded at a time.
DECODING: Final[ContextVar[AbstractContextManager[object] | None]] = ContextVar("DECODING", default=None)


class ReaderLimits(Immutable):
    """The limits of reading: the sizes of blocks, in bytes, and the time."""

    block: int = 1 << 21  # fits a processor's cache, and bounds the memory
    general_block: int = 1 << 18  # of the general reader, whose work takes more memory
    longest_row: int = 1 << 23  # columnar: commas take thirty times their memory
    most_columns: int = 100_000  # each takes about 2 KB, however short it is in the answer
    most_values: int = MOST_VALUES  # statistics of more are not read
    most_kept: int = MOST_KEPT  # nor, of more, kept in the metadata, written as JSON at once
    #: Called between blocks of rows, columns, batches of cells and other pieces; may raise to end reading.
    checkpoint: Callable[[], None] = lambda: None


LIMITS: Final = ReaderLimits()
