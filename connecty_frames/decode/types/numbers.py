"""JSON numbers: the Arrow type that holds all of a column's, and the exact reading of them.

A float is right for averages and ratios and wrong for money, and JSON does not say which a number is. The
digits do: a value that float64 gives back unchanged loses nothing by being one; a value with more than
nine digits after the point is the outcome of a computation, and its nearest float64 is as good; the rest
has many digits and few after the point, as amounts of money do, and becomes a decimal. A number in quotes was
not written as a float, and is kept exactly.
"""

from __future__ import annotations

import math
import re
import sys
from contextlib import suppress
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from connecty_frames._base.text import counted
from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import (
    POOL,
    bytes_of,
    chunks_of,
    index_of,
    numbers_of,
    of_numbers,
    offsets_of,
    to_array,
    to_scalar,
)
from connecty_frames.decode.errors import CellError, errors_as_written, raise_at_first
from connecty_frames.decode.exact_json import EXACT_CONTEXT, to_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from connecty_frames.decode.arrow.buffers import Array
    from connecty_frames.options import Decimals

    #: The row of the first of some texts, and the texts.
    Part = tuple[int, pa.StringArray]

_Read = TypeVar("_Read")

#: JSON's grammar, in the syntax of RE2. Arrow and Python read more than that (0x1F, 007, 1_000, digits of
#: other scripts), so texts are matched before they are read.
_INTEGER: Final = r"-?(?:0|[1-9][0-9]*)"
_NUMBER: Final = _INTEGER + r"(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
#: As PostgreSQL's to_json writes what JSON numbers cannot say.
NOT_FINITE: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_NOT_FINITE: Final = "NaN|-?Infinity"
#: Texts name a number in other spellings too: ``nan`` and ``-inf`` of Python, ``+Inf`` of Go, ``Infinity`` of
#: Java and PostgreSQL, ``-nan`` of C, ``.5`` of Oracle, ``5.`` and ``+5``. But not ``007``, which is an id.
_FINITE: Final = r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_INFINITE: Final = r"[+-]?[iI][nN][fF](?:[iI][nN][iI][tT][yY])?"
_NAN: Final = r"[+-]?[nN][aA][nN]"
#: What makes JSON's spelling of another, each with the bytes without which there is nothing to do.
_RESPELLINGS: Final = (
    (b"nN", rf"^{_NAN}\z", "NaN"),
    (b"nN", r"^\+?(-?)[iI].*", r"\1Infinity"),
    (b"+", r"^\+", ""),
    (b".", r"^(-?)\.", r"\10."),
    (b".", r"\.([eE]|\z)", r"\1"),
)

#: Any number of at most 15 significant digits survives float64 (DBL_DIG of C); its own are at most 17.
_SAFE_LENGTH: Final = 15
_FLOAT_DIGITS: Final = 17

_is_json: Final = re.compile(_NUMBER).fullmatch
_is_integer: Final = re.compile(_INTEGER).fullmatch
is_finite: Final = re.compile(_FINITE).fullmatch
#: Matches a finite number or infinity.
is_number: Final = re.compile(rf"{_FINITE}|{_INFINITE}").fullmatch
#: Matches a whole number of so few digits that every integer type of 64 bits holds it, also if it is written
#: as a float: ``3.0``.
is_short_integer: Final = re.compile(rf"(?=.{{1,{_SAFE_LENGTH}}}\Z){_INTEGER}(?:\.0+)?").fullmatch

#: How many of the longest numbers are looked at first.
_FIRST: Final = 8  # pragma: no mutate - the others are looked at next
#: More digits after the point than any currency or unit of trade has: the number was computed.
_COMPUTED_DIGITS: Final = 9
#: Up to this number float64 holds every whole number.
MAX_EXACT_INTEGER: Final = 2**53
#: The digits of Arrow's two decimals. All decimals of a kind have one precision, so that the type of a column
#: does not change with the rows fetched.
_DECIMALS: Final[dict[int, Callable[..., pa.DataType]]] = {38: pa.decimal128, 76: pa.decimal256}
_WIDEST: Final = max(_DECIMALS)
#: How many numbers are read at once, and about how many bytes of them.
_BLOCK: Final = 1 << 13  # pragma: no mutate - a size
_BLOCK_BYTES: Final = 1 << 20  # pragma: no mutate - a size
#: The digits of the largest whole number of 64 bits.
_INTEGER_DIGITS: Final = 20
#: The digits of an exponent that numpy reads, and what counts as an exponent beyond every type.
_EXPONENT_DIGITS: Final = 5  # pragma: no mutate - saves time
_HUGE: Final = 10**9


#: The integer types of all whole numbers, what is said of the second, the first number of each, and its end.
_INTEGERS: Final = (
    (pa.int64(), "", -(2**63), 2**63),
    (pa.uint64(), ", some above 2**63 - 1", 0, 2**64),
)


class FloatValues(NamedTuple):
    """Numbers read as float64; whole numbers alone become another type."""

    values: pa.ChunkedArray | pa.Array
    fractional: bool
    inexact: int = 0  # how many of them are not exact
    computed: bool = True  # whether the nearest float64 is as good for all of these

    def slice(self, start: int, length: int) -> FloatValues:
        """Return some of the values, which must all be exact."""
        return self._replace(values=self.values.slice(start, length))

    @classmethod
    def concat(cls, parts: Sequence[FloatValues]) -> FloatValues:
        """Concatenate the parts of a column."""
        return cls(
            pa.chunked_array(list(chain(*(chunks_of(part.values) for part in parts))), pa.float64()),
            any(part.fractional for part in parts),
            sum(part.inexact for part in parts),
            all(part.computed for part in parts),
        )


class Found(NamedTuple):
    """The type that holds all numbers of a column, why in words, and the column."""

    type: pa.DataType
    reason: str
    array: Array


# --- spellings ---------------------------------------------------------------------------------------


def _slices(texts: Array) -> Iterator[Part]:
    """Yield some texts at a time."""
    start = 0
    for chunk in chunks_of(texts):
        count = len(chunk) // _BLOCK + len(bytes_of(chunk)) // _BLOCK_BYTES + 1
        size = len(chunk) // count + 1
        for first in range(0, len(chunk), size):
            yield start + first, chunk.slice(first, size)
        start += len(chunk)


def _each(parts: Iterable[Part], read: Callable[[pa.StringArray], _Read]) -> Iterator[tuple[int, _Read]]:
    """Yield what is read from each part; the row of a CellError is that of the column."""
    for start, part in parts:
        try:
            yield start, read(part)
        except CellError as error:
            raise error.at(start + (error.row or 0)) from None


def _to_json(
    texts: pa.StringArray, reason: str = "is not a number", *, finite: bool = False
) -> pa.StringArray:
    """Return (finite) numbers in JSON's spelling or :data:`NOT_FINITE`; CellError at the first other text."""
    if _all_match(texts, _NUMBER if finite else rf"{_NUMBER}|{_NOT_FINITE}"):
        return texts
    pattern = _FINITE if finite else rf"{_FINITE}|{_INFINITE}|{_NAN}"
    raise_at_first(pc.invert(_matches(texts, pattern)), texts, reason)
    found = bytes_of(texts).tobytes()
    for needed, spelling, replacement in _RESPELLINGS:
        if any(byte in found for byte in needed):
            texts = pc.replace_substring_regex(texts, pattern=spelling, replacement=replacement)
    return texts


def _matches(texts: Array, pattern: str) -> Any:
    return pc.match_substring_regex(texts, rf"^(?:{pattern})\z")


def _all_match(texts: Array, pattern: str) -> bool:
    """Whether every text that is not null matches."""
    return pc.all(_matches(texts, pattern)).as_py() is not False  # it is None where all are null


def are_not_finite(texts: Array) -> bool:
    """Whether all texts are :data:`NOT_FINITE`."""
    return _all_match(texts, _NOT_FINITE)


def any_finite(texts: Array) -> bool:
    """Whether some text is a finite number."""
    return any(pc.any(_matches(part, _FINITE)).as_py() for _, part in _slices(texts))


# --- the digits of numbers ---------------------------------------------------------------------------


class _Digits:
    """The digits of numbers in JSON's spelling, by row; nulls, NaN and infinities have none."""

    def __init__(self, texts: pa.StringArray) -> None:
        data, (starts, ends) = bytes_of(texts), offsets_of(texts)
        starts, ends = starts - starts[:1], ends - starts[:1]
        digits_end = ends.copy()
        #: The exponents of ten that are written, or :data:`_HUGE`.
        self.exponents = np.zeros(len(ends), np.int64)
        marks = np.flatnonzero((data | 0x20) == ord("e"))
        if len(marks):
            rows = np.searchsorted(starts, marks, "right") - 1
            digits_end[rows] = marks
            self.exponents[rows] = _exponents(data, marks + 1, ends[rows])
        points, found = digits_end.copy(), np.flatnonzero(data == ord("."))
        points[np.searchsorted(starts, found, "right") - 1] = found
        is_nonzero = (data >= ord("1")) & (data <= ord("9"))
        counts, nonzero = np.zeros(len(data) + 1, np.int32), np.flatnonzero(is_nonzero)
        np.cumsum(is_nonzero, out=counts[1:])
        low, high = counts[starts], counts[digits_end]
        self.is_zero = low == high
        if not len(nonzero):
            nonzero = np.zeros(1, np.intp)
        self._data, self._first = data, nonzero.take(low, mode="clip")
        self._last = nonzero.take(high - 1, mode="clip")
        # The powers of ten that the first and the last digit count.
        top, bottom = (
            points - place - (place < points) + self.exponents for place in (self._first, self._last)
        )
        #: How many digits there are without the zeros at both ends.
        self.significant = np.where(self.is_zero, 0, top - bottom + 1)
        #: How many stand before the point, after it, and after it without the zeros at the end.
        self.before = np.where(self.is_zero, 0, np.maximum(top + 1, 0))
        self.after = np.maximum(np.maximum(digits_end - points - 1, 0) - self.exponents, 0)
        self.places = np.where(self.is_zero, 0, np.maximum(-bottom, 0))

    def written(self) -> pa.StringArray:
        """Return the digits of each number without the zeros at both ends."""
        steps = np.zeros(len(self._data) + 1, np.int8)
        steps[self._first[~self.is_zero]] += 1
        steps[self._last[~self.is_zero] + 1] -= 1
        is_written = np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_) & (self._data != ord("."))
        offsets = np.cumsum(np.append(0, self.significant), dtype=np.int32)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self._data[is_written])]
        return pa.Array.from_buffers(pa.string(), len(self.significant), buffers)


def _exponents(data: NDArray[np.uint8], starts: NDArray[Any], ends: NDArray[Any]) -> NDArray[np.int64]:
    """Read the exponents that stand at some places."""
    signs, exponents = data[starts], np.zeros(len(starts), np.int64)
    starts = starts + ((signs == ord("-")) | (signs == ord("+")))
    for place in range(_EXPONENT_DIGITS):
        digits = data.take(starts + place, mode="clip").astype(np.int64) - ord("0")
        exponents = np.where(starts + place < ends, 10 * exponents + digits, exponents)
    for row in np.flatnonzero(ends - starts > _EXPONENT_DIGITS).tolist():
        written = data[starts[row] : ends[row]].tobytes().lstrip(b"0")
        exponents[row] = int(written or b"0") if len(written) < len(str(_HUGE)) else _HUGE
    return np.where(signs == ord("-"), -exponents, exponents)


def _count_places(floats: NDArray[np.float64]) -> NDArray[Any]:
    """Return how many binary places normal numbers have, which is how many decimal places they have."""
    fractions, exponents = np.frexp(np.abs(floats))
    whole = np.ldexp(fractions, sys.float_info.mant_dig).astype(np.int64)
    zeros = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    places: NDArray[Any] = np.maximum(sys.float_info.mant_dig - exponents - zeros, 0)
    return places


# --- numbers as float64 ------------------------------------------------------------------------------


def read_fast(texts: pa.StringArray) -> FloatValues | None:
    """Read JSON's own numbers as float64, or None if they may need another type."""
    # If many lose digits, some of the longest almost always do: then the others are not looked at.
    if any(loses_digits(text, computed=True) for text in _longest(texts)):
        return None
    try:
        found = FloatValues.concat([_to_float64(part) for _, part in _slices(texts)])
    except CellError:
        return None
    return found if found.computed else None


def _longest(texts: pa.StringArray) -> list[str]:
    """Return some of the longest texts if they may not be exact as float64."""
    starts, ends = offsets_of(texts)
    lengths = ends - starts
    longest = lengths.max(initial=0)
    if longest <= _SAFE_LENGTH:  # pragma: no mutate - saves time
        return []
    return [texts[int(row)].as_py() for row in np.flatnonzero(lengths == longest)[:_FIRST]]


def _to_float64(texts: pa.StringArray) -> FloatValues:
    """Read numbers in JSON's spelling as the nearest float64; CellError for one beyond its range."""
    floats = pc.cast(texts, pa.float64(), memory_pool=POOL)
    has_letters = _has_letters(texts)
    found = FloatValues(floats, has_letters or not _are_whole(texts))
    is_long = pc.greater(pc.binary_length(texts), to_scalar(_SAFE_LENGTH, pa.int32()))
    if not (has_letters or is_long.true_count):
        return found
    spelled = pc.cast(floats, pa.string())
    is_same = pc.equal(spelled, texts)
    rows = pc.indices_nonzero(pc.invert(is_same) if has_letters else pc.and_not(is_long, is_same))
    if not len(rows):
        return found
    values, texts = numbers_of(floats)[numbers_of(rows)], pc.take(texts, rows)
    sizes, digits = np.abs(values), _Digits(texts)
    is_beyond = (np.isinf(sizes) | (sizes < sys.float_info.min)) & ~digits.is_zero
    by_cell = is_beyond | (np.abs(digits.exponents) >= _HUGE)
    is_exact = digits.significant <= _SAFE_LENGTH
    short = np.flatnonzero(~(is_exact | by_cell) & (digits.significant <= _FLOAT_DIGITS))
    if len(short):
        places = of_numbers(short)
        own = _Digits(pc.take(spelled, pc.take(rows, places))).written()
        is_own = pc.equal(own, pc.take(digits.written(), places))
        is_exact[short[numbers_of(pc.indices_nonzero(is_own))]] = True
    others = np.flatnonzero(~(is_exact | by_cell))
    by_cell[others] = digits.places[others] == _count_places(values[others])
    is_computed = (digits.places > _COMPUTED_DIGITS) & (sizes < MAX_EXACT_INTEGER)
    for place in np.flatnonzero(by_cell | (sizes == MAX_EXACT_INTEGER)).tolist():
        text = texts[place].as_py()
        is_exact[place] = _survives_float(rows[place].as_py(), text)
        is_computed[place] = not is_exact[place] and _is_computed(text)
    inexact = int(np.count_nonzero(~is_exact))
    return found._replace(inexact=inexact, computed=bool((is_exact | is_computed).all()))


def is_exact_float(text: str) -> bool:
    """Whether a text is a JSON number that float64 gives back unchanged."""
    if not _is_json(text):
        return False
    try:
        return _is_short(text) or _survives_float(0, text)
    except CellError:
        return False


def _is_short(text: str) -> bool:
    """Whether a number is so short that float64 gives it back unchanged."""
    return len(text) <= _SAFE_LENGTH and "e" not in text.lower()


def _survives_float(row: int, text: str) -> bool:
    """Whether float64 gives a number back unchanged; raises CellError if it is beyond float64's range."""
    if text in NOT_FINITE:
        return True
    nearest = float(text)
    if math.isinf(nearest):
        raise CellError(row, text, "is above the range of float64")
    # By its shortest digits, which float64 is written with, or by all of them, as of a power of two.
    full = Decimal.from_float(nearest)  # noqa: FURB164 - Decimal(nearest) obeys a trap of the caller's context
    if to_decimal(text) in (Decimal(repr(nearest)), full):
        return True
    if abs(nearest) < sys.float_info.min:
        raise CellError(row, text, "is below the range of float64")
    return False


def _is_computed(text: str) -> bool:
    number = to_decimal(text)
    if number is None:
        return False
    number = number.normalize(EXACT_CONTEXT)
    return _places(number) > _COMPUTED_DIGITS and number.copy_abs() < MAX_EXACT_INTEGER


def _places(number: Decimal) -> int:
    """Count the digits after the point."""
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):  # pragma: no cover - NaN and infinity have been refused before
        raise TypeError(number)
    return max(-exponent, 0)


def loses_digits(text: str, *, computed: bool) -> bool:
    """Whether the nearest float64 does not stand for a number; it may for one that was computed."""
    is_exact = _is_short(text) or text in NOT_FINITE or is_exact_float(text)
    return not (is_exact or (computed and _is_computed(text)))


# --- the type that holds all numbers -----------------------------------------------------------------


class _Numbers(NamedTuple):
    """The numbers of a column in JSON's spelling, and the bounds that are evidence of its type."""

    parts: list[Part]
    size: int  # how many rows there are
    total: int  # how many numbers and bounds
    evidence: list[str]

    def all_parts(self) -> Iterator[Part]:
        """Yield the parts, and the evidence behind them."""
        yield from self.parts
        if self.evidence:
            yield self.size, to_array(self.evidence, pa.string())

    def cast(self, type_: pa.DataType) -> pa.ChunkedArray:
        """Return the numbers as a type that holds them; ArrowInvalid if an integer type does not."""
        arrays = [
            _each_exact(part, type_) if _has_letters(part) else pc.cast(part, type_) for _, part in self.parts
        ]
        return pa.chunked_array(arrays, type_)


def arrow_type(
    texts: Array, bounds: Sequence[str] = (), decimals: Decimals = "auto", *, quoted: bool = True
) -> Found:
    """Find the Arrow type that holds all numbers and bounds; CellError if a quoted text is no number."""
    with errors_as_written(texts, bounds):
        parts, present = list(_slices(texts)), len(texts) - texts.null_count
        if quoted:
            parts = list(_each(parts, _to_json))
        is_whole = present > 0 and all(_are_whole(part) for _, part in parts)
        evidence = [_bound_evidence(bound, is_whole=is_whole) for bound in bounds]
        if present:  # else the writer of the bounds may be that of the values, which has as many zeros
            evidence = list(map(_without_zeros, evidence))
        numbers = _Numbers(parts, len(texts), present + len(evidence), evidence)
        if (is_whole or not present) and all(map(_is_integer, evidence)):
            return _whole_type(numbers)
        # Where only the bounds have fractions, no whole number is rounded.
        return _fraction_type(numbers, "auto" if is_whole and decimals == "float" else decimals)


def float_type(values: FloatValues, bounds: Sequence[str], decimals: Decimals) -> Found | None:
    """Find the type as ``arrow_type`` does if it is float64, as which the numbers were read, or None."""
    if not values.fractional:  # all are whole, and some beyond int64
        return None
    size = len(values.values)
    evidence = [_without_zeros(_bound_evidence(bound, is_whole=False)) for bound in bounds]
    numbers = _Numbers([], size, size - values.values.null_count + len(evidence), evidence)
    try:
        return _as_floats([values], numbers, decimals)
    except CellError:
        return None


def any_decimal(texts: Array, bounds: Sequence[str]) -> pa.DataType | None:
    """Return a decimal type whose scale holds all numbers and bounds, or None without any."""
    # What is not a number, or has too many digits, is an error where the values are read.
    evidence = [
        _without_zeros(_bound_evidence(bound, is_whole=False)) for bound in bounds if is_finite(bound)
    ]
    most = []
    for _, part in chain(_slices(texts), [(0, to_array(evidence, pa.string()))]):
        digits = _Digits(_to_json(pc.filter(part, _matches(part, _FINITE)), finite=True))
        is_held = digits.before + digits.after <= _WIDEST
        if is_held.any():
            most.append((digits.before[is_held].max(), digits.after[is_held].max()))
    if not most:
        return None
    before, after = (int(max(counts)) for counts in zip(*most, strict=True))
    return _decimal(before, min(after, _WIDEST - before))


def _has_letters(texts: pa.StringArray) -> bool:
    """Whether some number has an exponent or is not finite."""
    return bool(bytes_of(texts).max(initial=0) > ord("9"))


def _are_whole(texts: pa.StringArray) -> bool:
    """Whether all numbers are written without a fraction and an exponent."""
    return not (_has_letters(texts) or (bytes_of(texts) == ord(".")).any())


def _bound_evidence(bound: str, *, is_whole: bool) -> str:
    """Return the number that a bound is evidence of."""
    # Statistics may have been computed with floats. So a bound with a point is whole beside whole numbers
    # if its value is. From 2**53 on, one that a float64 may be written as tells neither digits nor the last
    # integer that a type must hold: 9.223372036854776e18 is the max of an int64 too.
    number: str = _to_json(to_array([bound], pa.string()))[0].as_py()
    nearest = float(number)
    if _is_integer(number) or not math.isfinite(nearest):
        return number
    if abs(nearest) >= MAX_EXACT_INTEGER and is_exact_float(number):
        integer = int(math.nextafter(nearest, 0))
        return str(integer) if is_whole and -(2**63) <= integer < 2**64 else f"{integer}e0"
    exact = to_decimal(number)
    return str(int(exact)) if is_whole and exact is not None and exact == int(exact) else number


def _without_zeros(number: str) -> str:
    """Return a number without the zeros at the end of its fraction."""
    return number.rstrip("0").removesuffix(".") if "." in number and "e" not in number.lower() else number


def whole_words(count: int) -> str:
    """Return in words that all numbers are whole."""
    return counted(count, "whole number")


def _whole_type(numbers: _Numbers) -> Found:
    integers = [Decimal(0), *map(Decimal, numbers.evidence)]
    for type_, more, first, end in _INTEGERS:
        if min(integers) >= first and max(integers) < end:
            with suppress(pa.ArrowInvalid):
                return Found(type_, whole_words(numbers.total) + more, numbers.cast(type_))
    digits = longest = 0
    for start, part in numbers.all_parts():
        signs = pc.cast(pc.match_substring_regex(part, "^-"), pa.int32())
        counts = pc.subtract(pc.binary_length(part), signs)
        most = pc.min_max(counts)["max"]
        if most.is_valid and most.as_py() >= digits:  # of the longest, the last is named
            digits = most.as_py()
            longest = start + pc.indices_nonzero(pc.equal(counts, most))[-1].as_py()
    if digits > _WIDEST:
        raise CellError(longest, "", f"has more than {_WIDEST} digits")
    type_ = _decimal(digits, 0)
    array = numbers.cast(type_)
    integers += filter(None, pc.min_max(array).as_py().values())
    if min(integers) >= 0 and max(integers) < 2**64:  # Arrow does not cast -0
        type_, more, _, _ = _INTEGERS[1]
        return Found(type_, whole_words(numbers.total) + more, pc.cast(array, type_))
    return Found(type_, f"{whole_words(numbers.total)}, some beyond 64 bits", array)


def _fraction_type(numbers: _Numbers, decimals: Decimals) -> Found:
    some = [*numbers.evidence, *chain(*(_longest(part) for _, part in numbers.parts[:1]))]
    if decimals != "float" and any(loses_digits(text, computed=decimals == "auto") for text in some):
        try:
            return _as_decimals(numbers)
        except CellError:
            pass  # one beyond the range of float64 is named first
    floats = (found for _, found in _each(numbers.parts, _to_float64))
    return _as_floats(floats, numbers, decimals) or _as_decimals(numbers)


def _as_floats(floats: Iterable[FloatValues], numbers: _Numbers, decimals: Decimals) -> Found | None:
    """Return numbers as float64, or None if they need a decimal."""
    found = FloatValues.concat(list(floats))
    inexact, are_computed = found.inexact, found.computed
    for position, text in enumerate(numbers.evidence, numbers.size):
        if not _is_short(text) and not _survives_float(position, text):
            inexact += 1
            are_computed = are_computed and _is_computed(text)
    how = ", all exact as float64"
    if inexact:
        if decimals != "float" and not (decimals == "auto" and are_computed):
            return None
        how = "" if decimals == "float" else "computed, "
        how = f"; {inexact:,} of them {how}given as the nearest float64"
    return Found(pa.float64(), _fraction_words(numbers) + how, found.values)


def _fraction_words(numbers: _Numbers) -> str:
    """Return in words that some numbers have a fraction."""
    only_one = numbers.total == 1
    return "1 number with a fraction" if only_one else f"{numbers.total:,} numbers, some with a fraction"


def _as_decimals(numbers: _Numbers) -> Found:
    """Return numbers as decimals; CellError at the first that none holds with those before it."""
    before = after = np.zeros(1, np.int64)
    for start, part in numbers.all_parts():
        digits = _Digits(part)
        before = np.maximum.accumulate(np.append(before[-1], digits.before))
        after = np.maximum.accumulate(np.append(after[-1], digits.after))
        not_finite = index_of(pc.match_substring_regex(part, "[NI]"), value=True)
        too_many = int(np.argmax(np.append(before + after, _WIDEST + 1) > _WIDEST)) - 1
        if 0 <= not_finite <= too_many:
            raise CellError(start + not_finite, "", "cannot be a decimal, which other values need")
        if too_many < len(part):
            raise CellError(start + too_many, "", f"makes the column need more than {_WIDEST} digits")
    type_ = _decimal(int(before[-1]), int(after[-1]))
    return Found(type_, f"{_fraction_words(numbers)}, not all exact as float64", numbers.cast(type_))


def _decimal(before: int, after: int) -> pa.DataType:
    precision = next(precision for precision in _DECIMALS if before + after <= precision)
    return _DECIMALS[precision](precision, after)


# --- reading as a given type -------------------------------------------------------------------------


def read(texts: Array, type_: pa.DataType) -> pa.Array:
    """Read number texts as an array, fractions as the nearest float; raises CellError."""
    is_float = pa.types.is_floating(type_)
    spell = partial(_to_json, reason=f"is not a number that fits in {type_}", finite=not is_float)
    read_part = partial(_to_floats if is_float else _to_exact, type_=type_)
    with errors_as_written(texts):
        arrays = [array for _, array in _each(_each(_slices(texts), spell), read_part)]
    return pa.concat_arrays(arrays) if arrays else pa.nulls(0, type_)


def _to_exact(texts: pa.StringArray, type_: pa.DataType) -> pa.Array:
    """Read numbers in JSON's spelling exactly as an integer or decimal type."""
    is_integer = pa.types.is_integer(type_)
    before, scale = (_INTEGER_DIGITS, 0) if is_integer else (type_.precision - type_.scale, type_.scale)
    digits = _Digits(texts)
    # Beyond these digits Arrow wraps around a decimal, from 1e-77 it makes 0.00, and 1e-999999999 ends the
    # process.
    if not _has_letters(texts) and (digits.before <= before).all() and (digits.places <= scale).all():
        spelled = texts
        if (digits.after > scale).any():  # they are zeros
            fraction = rf"(\.[0-9]{{{scale}}})" if scale else r"()\."
            spelled = pc.replace_substring_regex(texts, pattern=rf"{fraction}[0-9]+\z", replacement=r"\1")
        try:
            return pc.cast(spelled, type_)
        except pa.ArrowException:
            pass  # too large for an integer type, or a decimal type that Arrow does not cast to
    return _each_exact(texts, type_)


def _each_exact(texts: pa.StringArray, type_: pa.DataType) -> pa.Array:
    """Read numbers one by one, since 1e3 is a whole number too."""
    exact = [None if text is None else _exact(row, text, type_) for row, text in enumerate(texts.to_pylist())]
    return to_array(exact, type_)


def _exact(row: int, text: str, type_: pa.DataType) -> int | Decimal:
    """Read one number exactly as an integer or decimal type."""
    is_integer = pa.types.is_integer(type_)
    before, scale = (_INTEGER_DIGITS, 0) if is_integer else (type_.precision - type_.scale, type_.scale)
    number = to_decimal(text)
    if number is not None:
        number = number.normalize(EXACT_CONTEXT)
        # Digits are counted before any conversion: 1e999999999 as an int would have as many.
        if number.adjusted() < before and _places(number) <= max(scale, 0):
            exact = int(number) if is_integer else number
            try:
                to_array([exact], type_)
            except (pa.ArrowInvalid, OverflowError):
                pass
            else:
                return exact
    raise CellError(row, text, f"does not fit in {type_}")


def _to_floats(texts: pa.StringArray, type_: pa.DataType) -> pa.Array:
    """Read numbers as floats; refuse what would silently become infinity, zero or another whole number."""
    values = pc.cast(texts, pa.float64())
    magnitudes = pc.abs(values)
    suspect = pc.or_(
        pc.or_(pc.is_inf(values), pc.less(magnitudes, to_scalar(sys.float_info.min, pa.float64()))),
        pc.greater_equal(magnitudes, to_scalar(float(MAX_EXACT_INTEGER), pa.float64())),
    )
    for row in pc.indices_nonzero(suspect).to_pylist():
        text = texts[row].as_py()
        if not _survives_float(row, text) and text.lstrip("-").isdecimal():
            raise CellError(row, text, "does not fit in double")
    narrow = pc.cast(values, type_, safe=False)
    wide = pc.cast(narrow, pa.float64())
    another_integer = pc.and_(pc.equal(pc.floor(values), values), pc.not_equal(wide, values))
    infinite = pc.and_(pc.is_inf(wide), pc.is_finite(values))
    nothing = to_scalar(0.0, pa.float64())
    zero = pc.and_(pc.equal(wide, nothing), pc.not_equal(values, nothing))
    lost = pc.or_(pc.or_(infinite, zero), another_integer)
    raise_at_first(lost, texts, f"does not fit in {type_}")
    return narrow
