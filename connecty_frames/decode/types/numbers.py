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
from connecty_frames.decode.arrow.buffers import bytes_of, numbers_of, slices_of, to_array, to_scalar
from connecty_frames.decode.errors import CellError, errors_as_written, raise_at_first
from connecty_frames.decode.exact_json import EXACT_CONTEXT, to_decimal
from connecty_frames.decode.types import floats
from connecty_frames.decode.types.floats import MAX_EXACT_INTEGER, NUMBER, Digits, FloatValues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from connecty_frames.decode.arrow.buffers import Array
    from connecty_frames.options import Decimals

    #: The row of the first of some texts, and the texts.
    Part = tuple[int, pa.StringArray]

_Read = TypeVar("_Read")

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

_is_integer: Final = re.compile(floats.INTEGER).fullmatch
is_finite: Final = re.compile(_FINITE).fullmatch
#: Matches a finite number or infinity.
is_number: Final = re.compile(rf"{_FINITE}|{_INFINITE}").fullmatch
#: Matches a whole number of so few digits that every integer type of 64 bits holds it, also if it is written
#: as a float: ``3.0``.
is_short_integer: Final = re.compile(rf"(?=.{{1,{floats.SAFE_LENGTH}}}\Z){floats.INTEGER}(?:\.0+)?").fullmatch

#: The digits of Arrow's two decimals. All decimals of a kind have one precision, so that the type of a column
#: does not change with the rows fetched.
_DECIMALS: Final[dict[int, Callable[..., pa.DataType]]] = {38: pa.decimal128, 76: pa.decimal256}
_WIDEST: Final = max(_DECIMALS)
#: Of more bytes at once, which are those of a few texts, no digits are looked for: that takes much memory.
_MOST_BYTES: Final = 1 << 21  # pragma: no mutate - a size
#: The digits of the largest whole number of 64 bits.
_INTEGER_DIGITS: Final = 20

#: The integer types of all whole numbers, what is said of the second, the first number of each, and its end.
_INTEGERS: Final = ((pa.int64(), "", -(2**63), 2**63), (pa.uint64(), ", some above 2**63 - 1", 0, 2**64))


class Found(NamedTuple):
    """The type that holds all numbers of a column, why in words, and the column."""

    type: pa.DataType
    reason: str
    array: Array


# --- spellings ---------------------------------------------------------------------------------------


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
    if _all_match(texts, NUMBER if finite else rf"{NUMBER}|{floats.NOT_FINITE_PATTERN}"):
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
    if len(texts) <= floats.FEW:  # pragma: no mutate - saves time
        return all(text is None or re.fullmatch(pattern, text) for text in texts.to_pylist())
    return pc.all(_matches(texts, pattern)).as_py() is not False  # it is None where all are null


def are_not_finite(texts: Array) -> bool:
    """Whether all texts are :data:`NOT_FINITE`."""
    return _all_match(texts, floats.NOT_FINITE_PATTERN)


def any_finite(texts: Array) -> bool:
    """Whether some text is a finite number."""
    return any(any(map(is_finite, filter(None, pc.unique(part).to_pylist()))) for _, part in slices_of(texts))


# --- the type that holds all numbers -----------------------------------------------------------------


class _Numbers(NamedTuple):
    """The numbers of a column in JSON's spelling, and the bounds that are evidence of its type."""

    parts: list[Part]
    size: int  # how many rows there are
    total: int  # how many numbers and bounds
    evidence: list[str]

    def digits(self) -> Iterator[tuple[Part, Digits]]:
        """Yield the parts and their digits, the evidence behind the last."""
        *parts, (start, last) = self.parts or [(0, to_array([], pa.string()))]
        if self.evidence:
            last = pa.concat_arrays([last, to_array(self.evidence, pa.string())])
        for part in [*parts, (start, last)]:
            yield part, Digits(part[1])

    def cast(self, type_: pa.DataType) -> pa.ChunkedArray:
        """Return the numbers as a type that holds them; ArrowInvalid if an integer type does not."""
        arrays = [
            _each_exact(part, type_) if floats.has_letters(part) else pc.cast(part, type_)
            for _, part in self.parts
        ]
        return pa.chunked_array(arrays, type_)


def arrow_type(
    texts: Array, bounds: Sequence[str] = (), decimals: Decimals = "auto", *, quoted: bool = True
) -> Found:
    """Find the Arrow type that holds all numbers and bounds; CellError if a quoted text is no number."""
    with errors_as_written(texts, bounds):
        parts, present = list(slices_of(texts)), len(texts) - texts.null_count
        if quoted:
            parts = list(_each(parts, _to_json))
        is_whole = present > 0 and all(floats.are_whole(part) for _, part in parts)
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
    for _, part in chain(slices_of(texts), [(0, to_array(evidence, pa.string()))]):
        digits = Digits(_to_json(pc.filter(part, _matches(part, _FINITE)), finite=True))
        is_held = digits.before + digits.after <= _WIDEST
        if is_held.any():
            most.append((digits.before[is_held].max(), digits.after[is_held].max()))
    if not most:
        return None
    before, after = (int(max(counts)) for counts in zip(*most, strict=True))
    return _decimal(before, min(after, _WIDEST - before))


def _bound_evidence(bound: str, *, is_whole: bool) -> str:
    """Return the number that a bound is evidence of."""
    # Statistics may have been computed with floats. So a bound with a point is whole beside whole numbers
    # if its value is. From 2**53 on, one that a float64 may be written as tells neither digits nor the last
    # integer that a type must hold: 9.223372036854776e18 is the max of an int64 too.
    number: str = bound if floats.is_json(bound) else _to_json(to_array([bound], pa.string()))[0].as_py()
    nearest = float(number)
    if _is_integer(number) or not math.isfinite(nearest):
        return number
    if abs(nearest) >= MAX_EXACT_INTEGER and floats.is_exact_float(number):
        integer = int(math.nextafter(nearest, 0))
        return str(integer) if is_whole and -(2**63) <= integer < 2**64 else f"{integer}e0"
    exact = to_decimal(number)
    return str(int(exact)) if is_whole and exact is not None and exact == int(exact) else number


def _without_zeros(number: str) -> str:
    """Return a number without the zeros at the end of its fraction."""
    return number.rstrip("0").removesuffix(".") if "." in number and "e" not in number.lower() else number


def _whole_type(numbers: _Numbers) -> Found:
    most = longest = 0
    for start, part in [*numbers.parts, (numbers.size, to_array(numbers.evidence, pa.string()))]:
        signs = pc.cast(pc.match_substring_regex(part, "^-"), pa.int32())
        counts = pc.subtract(pc.binary_length(part), signs)
        found = pc.min_max(counts)["max"]
        if found.is_valid and found.as_py() >= most:  # of the longest, the last is named
            most = found.as_py()
            longest = start + pc.indices_nonzero(pc.equal(counts, found))[-1].as_py()
    if most > _WIDEST:
        raise CellError(longest, "", f"has more than {_WIDEST} digits")
    integers = [Decimal(0), *map(Decimal, numbers.evidence)]
    words = counted(numbers.total, "whole number")
    for type_, more, first, end in _INTEGERS:
        if min(integers) >= first and max(integers) < end:
            with suppress(pa.ArrowInvalid):
                return Found(type_, words + more, numbers.cast(type_))
    type_ = _decimal(most, 0)
    array = numbers.cast(type_)
    integers += filter(None, pc.min_max(array).as_py().values())
    if min(integers) >= 0 and max(integers) < 2**64:  # Arrow does not cast -0
        type_, more, _, _ = _INTEGERS[1]
        return Found(type_, words + more, pc.cast(array, type_))
    return Found(type_, f"{words}, some beyond 64 bits", array)


def _fraction_type(numbers: _Numbers, decimals: Decimals) -> Found:
    some = [*numbers.evidence, *chain(*(floats.longest_in(part) for _, part in numbers.parts[:1]))]
    if decimals != "float" and any(floats.loses_digits(text, computed=decimals == "auto") for text in some):
        with suppress(CellError):  # one beyond the range of float64 is named first
            return _as_decimals(numbers)
    read = (found for _, found in _each(numbers.parts, floats.to_float64))
    return _as_floats(read, numbers, decimals) or _as_decimals(numbers)


def _as_floats(read: Iterable[FloatValues], numbers: _Numbers, decimals: Decimals) -> Found | None:
    """Return numbers as float64, or None if they need a decimal."""
    found = FloatValues.concat(list(read))
    inexact, are_computed = found.inexact, found.computed
    for position, text in enumerate(numbers.evidence, numbers.size):
        if not floats.survives_float(position, text):
            inexact += 1
            are_computed = are_computed and floats.was_computed(text)
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
    for (start, part), digits in numbers.digits():
        before = np.maximum.accumulate(np.append(before[-1:], digits.before))
        after = np.maximum.accumulate(np.append(after[-1:], digits.after))
        is_wrong = (before + after > _WIDEST)[1:]
        if floats.has_letters(part):
            is_wrong[numbers_of(pc.indices_nonzero(_matches(part, floats.NOT_FINITE_PATTERN)))] = True
        if is_wrong.any():
            row = int(is_wrong.argmax())
            is_finite = part[row].as_py() not in floats.NOT_FINITE
            more = f"makes the column need more than {_WIDEST} digits"
            raise CellError(
                start + row, "", more if is_finite else "cannot be a decimal, which other values need"
            )
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
        arrays = [array for _, array in _each(_each(slices_of(texts), spell), read_part)]
    return pa.concat_arrays(arrays) if arrays else pa.nulls(0, type_)


def _to_exact(texts: pa.StringArray, type_: pa.DataType) -> pa.Array:
    """Read numbers in JSON's spelling exactly as an integer or decimal type."""
    if len(bytes_of(texts)) > _MOST_BYTES:  # pragma: no mutate - saves memory
        return _each_exact(texts, type_)
    digits, (before, scale) = Digits(texts), _most_digits(type_)
    # Beyond these digits Arrow wraps around a decimal, from 1e-77 it makes 0.00, and 1e-999999999 ends the
    # process.
    if not floats.has_letters(texts) and (digits.before <= before).all() and (digits.places <= scale).all():
        spelled = texts
        if (digits.after > scale).any():  # they are zeros
            fraction = rf"(\.[0-9]{{{scale}}})" if scale else r"()\."
            spelled = pc.replace_substring_regex(texts, pattern=rf"{fraction}[0-9]+\z", replacement=r"\1")
        try:
            return pc.cast(spelled, type_)
        except pa.ArrowException:
            pass  # too large for an integer type, or a decimal type that Arrow does not cast to
    return _each_exact(texts, type_)


def _most_digits(type_: pa.DataType) -> tuple[int, int]:
    """Return how many digits an integer or decimal type has before and after the point at most."""
    is_integer = pa.types.is_integer(type_)
    return (_INTEGER_DIGITS, 0) if is_integer else (type_.precision - type_.scale, type_.scale)


def _each_exact(texts: pa.StringArray, type_: pa.DataType) -> pa.Array:
    """Read numbers one by one, since 1e3 is a whole number too."""
    exact = [None if text is None else _exact(row, text, type_) for row, text in enumerate(texts.to_pylist())]
    return to_array(exact, type_)


def _exact(row: int, text: str, type_: pa.DataType) -> int | Decimal:
    """Read one number exactly as an integer or decimal type."""
    number, (before, scale) = to_decimal(text), _most_digits(type_)
    if number is not None:
        number = number.normalize(EXACT_CONTEXT)
        # Digits are counted before any conversion: 1e999999999 as an int would have as many.
        if number.adjusted() < before and floats.places_of(number) <= max(scale, 0):
            exact = int(number) if pa.types.is_integer(type_) else number
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
    sizes, least, most = pc.abs(values), sys.float_info.min, float(MAX_EXACT_INTEGER)
    suspect = pc.or_(
        pc.less(sizes, to_scalar(least, pa.float64())), pc.greater_equal(sizes, to_scalar(most, pa.float64()))
    )
    for row in pc.indices_nonzero(suspect).to_pylist():
        text = texts[row].as_py()
        if not floats.survives_float(row, text) and text.lstrip("-").isdecimal():
            raise CellError(row, text, "does not fit in double")
    narrow = pc.cast(values, type_, safe=False)
    wide = pc.cast(narrow, pa.float64())
    is_whole, is_zero = pc.equal(pc.floor(values), values), pc.equal(wide, to_scalar(0.0, pa.float64()))
    lost = pc.and_(pc.not_equal(wide, values), pc.or_(pc.or_(pc.is_inf(wide), is_zero), is_whole))
    raise_at_first(lost, texts, f"does not fit in {type_}")
    return narrow
