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
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from connecty_frames._base.text import counted
from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import POOL, bytes_of, offsets_of, to_array, to_scalar
from connecty_frames.decode.errors import CellError, errors_as_written, raise_at_first
from connecty_frames.decode.exact_json import EXACT_CONTEXT, to_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from connecty_frames.options import Decimals

_Text = TypeVar("_Text", str, str | None)

#: JSON's grammar, in the syntax of RE2. Arrow and Python read more than that (0x1F, 007, 1_000, digits of
#: other scripts), so texts are matched before they are read.
_INTEGER: Final = r"-?(?:0|[1-9][0-9]*)"
_NUMBER: Final = _INTEGER + r"(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
#: As PostgreSQL's to_json writes what JSON numbers cannot say.
NOT_FINITE: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_FLOAT: Final = "|".join((_NUMBER, *sorted(NOT_FINITE)))
#: Texts name a number in other spellings too: ``nan`` and ``-inf`` of Python, ``+Inf`` of Go, ``Infinity`` of
#: Java and PostgreSQL, ``-nan`` of C, ``.5`` of Oracle, ``5.`` and ``+5``. But not ``007``, which is an id.
_FINITE: Final = r"(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"

#: Any number of at most 15 significant digits survives float64 (DBL_DIG of C).
_SAFE_LENGTH: Final = 15

_is_json: Final = re.compile(_NUMBER).fullmatch
_is_integer: Final = re.compile(_INTEGER).fullmatch
_is_nan: Final = re.compile(r"[+-]?(?ai:nan)").fullmatch
is_finite: Final = re.compile(rf"[+-]?{_FINITE}").fullmatch
#: Matches a finite number or infinity.
is_number: Final = re.compile(rf"[+-]?(?:{_FINITE}|(?ai:inf(?:inity)?))").fullmatch
#: Matches a whole number of so few digits that every integer type of 64 bits holds it, also if it is written
#: as a float: ``3.0``.
is_short_integer: Final = re.compile(rf"(?=.{{1,{_SAFE_LENGTH}}}\Z){_INTEGER}(?:\.0+)?").fullmatch

#: Matches a number without an exponent.
_is_plain: Final = re.compile(_INTEGER + r"(?:\.[0-9]+)?").fullmatch

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
#: How many numbers are made Python objects at once.
_BLOCK: Final = 1 << 14  # pragma: no mutate - a size
#: The digits of the largest whole number of 64 bits.
_INTEGER_DIGITS: Final = 20


class FloatValues(NamedTuple):
    """Number texts read as float64, which holds each exactly; whole numbers alone become another type."""

    values: pa.ChunkedArray | pa.Array
    fractional: bool

    def slice(self, start: int, length: int) -> FloatValues:
        """Return some of the values."""
        return self._replace(values=self.values.slice(start, length))

    @classmethod
    def concat(cls, parts: Sequence[FloatValues]) -> FloatValues:
        """Concatenate the parts of a column."""
        values = pa.chunked_array([part.values for part in parts], pa.float64())
        return cls(values, any(part.fractional for part in parts))


# --- the fast reader: numbers that float64 holds exactly ---------------------------------------------


def read_fast(texts: pa.StringArray) -> FloatValues | None:
    """Read JSON's own numbers by Arrow's cast, or None if that might not be exact."""
    # If one has a fraction, the result is that of ``arrow_type`` and ``read``.
    longest = _longest(texts)
    if not all(map(is_exact_float, longest)):
        return None
    floats, data = pc.cast(texts, pa.float64(), memory_pool=POOL), bytes_of(texts)
    has_exponents = bool(data.max(initial=0) > ord("9"))  # of the characters of numbers only e and E
    if has_exponents:
        extremes = pc.min_max(pc.abs(floats)).as_py()
        if math.isinf(extremes["max"]) or extremes["min"] < sys.float_info.min:
            return None  # perhaps beyond float64's range: a zero may have been 1e-999
    if longest and not all(map(is_exact_float, _rewritten(texts, floats))):
        return None
    return FloatValues(floats, bool(has_exponents or (data == ord(".")).any()))


def read_quoted(texts: pa.StringArray) -> FloatValues | None:
    """Read texts as ``read_fast`` does, None also where one is not a number in the spelling of JSON."""
    try:
        found = read_fast(texts)
    except pa.ArrowInvalid:
        return None
    # Most often none has an exponent; a regular expression takes longer to find out that all are numbers.
    is_json = found and (_most_digits(texts) or _all_match(texts, _NUMBER))
    return found if is_json else None


def _longest(texts: pa.StringArray) -> list[str]:
    """Return some of the longest texts if they may not be exact as float64."""
    # If many are not exact, some of the longest almost always are not: then the others are not looked at.
    starts, ends = offsets_of(texts)
    lengths = ends - starts
    longest = lengths.max(initial=0)
    if longest <= _SAFE_LENGTH:  # pragma: no mutate - saves time
        return []
    return [texts[int(row)].as_py() for row in np.flatnonzero(lengths == longest)[:_FIRST]]


def _rewritten(texts: pa.StringArray, floats: pa.DoubleArray) -> list[str]:
    """Return the long texts that Arrow does not write their floats as, so that they may not be exact."""
    is_same = pc.equal(pc.cast(floats, pa.string()), texts)
    is_long = pc.greater(pc.binary_length(texts), to_scalar(_SAFE_LENGTH, pa.int32()))
    rewritten: list[str] = pc.drop_null(pc.filter(texts, pc.and_not(is_long, is_same))).to_pylist()
    return rewritten


def _doubtful(texts: pa.StringArray) -> Iterator[str]:
    """Return the texts that may not be exact as float64, and so decide."""
    longest = _longest(texts)
    yield from longest
    if longest:  # pragma: no mutate - saves time
        yield from _rewritten(texts, pc.cast(texts, pa.float64()))


def decimal_type(
    chunks: Sequence[pa.StringArray], bounds: Sequence[str], decimals: Decimals
) -> pa.DataType | None:
    """Return the decimal type that ``arrow_type`` finds for JSON's own numbers, or None."""
    # Also None if a text is no number in the spelling of JSON or has an exponent, or if all are whole.
    if decimals == "float":
        return None
    evidence = [_without_zeros(_bound_evidence(bound, is_whole=False)) for bound in bounds]
    chunks = [chunk for chunk in chunks if chunk.null_count < len(chunk)]
    digits = [found for found in map(_most_digits, chunks) if found is not None]
    if len(digits) < len(chunks) or not all(map(_is_plain, evidence)):
        return None
    if not any(scale for _, scale in digits):
        return None
    digits += [_count_digits(Decimal(number)) for number in evidence]
    integer_digits, scale = (max(counts) for counts in zip(*digits, strict=True))
    if integer_digits + scale > _WIDEST:
        return None
    is_decimal = any(
        not is_exact_float(number) and not (decimals == "auto" and _is_computed(number))
        for number in chain(evidence, *map(_doubtful, chunks))
    )
    return _decimal(integer_digits, scale) if is_decimal else None


def any_decimal(texts: Sequence[Any], bounds: Sequence[str]) -> pa.DataType | None:
    """Return a decimal type whose scale holds all numbers and bounds, or None without any."""
    # What is not a number, or has too many digits, is an error where the values are read.
    evidence = [
        _without_zeros(_bound_evidence(bound, is_whole=False)) for bound in bounds if is_finite(bound)
    ]
    digits = list(_digits(evidence))
    for start in range(0, len(texts), _BLOCK):
        block = [text for text in texts[start : start + _BLOCK] if isinstance(text, str)]
        most = _most_digits(to_array(block, pa.string()))
        digits += _digits(block) if most is None or sum(most) > _WIDEST else [most]
    if not digits:
        return None
    integer_digits, scale = (max(counts) for counts in zip(*digits, strict=True))
    return _decimal(integer_digits, min(scale, _WIDEST - integer_digits))


def _digits(texts: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Return how many digits before and after the point each number has that a decimal holds."""
    for text in map(_to_json, texts):
        number = to_decimal(text) if is_finite(text) else None
        if number is not None and sum(digits := _count_digits(number)) <= _WIDEST:
            yield digits


def _most_digits(texts: pa.StringArray) -> tuple[int, int] | None:
    """Count the most digits before and after the point, or None for other spellings, or if all are null."""
    # All characters must be digits, but for one minus before them and one point between them, and no zero may
    # stand before another digit.
    data, (starts, ends) = bytes_of(texts), offsets_of(texts)
    is_present = ends > starts
    starts, ends = starts[is_present] - starts[:1], ends[is_present] - starts[:1]
    if len(starts) == 0 or len(starts) < len(texts) - texts.null_count:
        return None
    is_digit, found = (data >= ord("0")) & (data <= ord("9")), np.flatnonzero(data == ord("."))
    first_digits = starts + (data[starts] == ord("-"))
    characters = np.count_nonzero(is_digit) + len(found) + np.count_nonzero(first_digits > starts)
    is_between = (first_digits < ends).all() and (is_digit[first_digits] & is_digit[ends - 1]).all()
    if characters < len(data) or not is_between:
        return None
    owners: Any = slice(None)  # common case: one decimal point per text
    if len(found) != len(starts) or (found < starts).any() or (found >= ends).any():
        owners = np.searchsorted(starts, found, side="right") - 1
        if (owners[1:] == owners[:-1]).any():
            return None
    points = ends.copy()
    points[owners] = found
    before, is_zero = points - first_digits, data[first_digits] == ord("0")
    if (before[is_zero] > 1).any():
        return None
    return int(before[~is_zero].max(initial=0)), int((ends - points).max()) - bool(len(found))


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


# --- spellings that are not JSON's -------------------------------------------------------------------


def _to_json(text: str) -> str:
    """Return a number in the spelling of JSON or :data:`NOT_FINITE`, and any other text unchanged."""
    if _is_nan(text):
        return "NaN"
    if not is_number(text):
        return text
    if not is_finite(text):
        return "-Infinity" if text.startswith("-") else "Infinity"
    # A point has digits on both sides.
    whole = re.sub(r"\.(?![0-9])", "", text.removeprefix("+"))
    return re.sub(r"(?<![0-9])(?=\.)", "0", whole)


def _all_to_json(
    texts: Sequence[_Text], pattern: str = _FLOAT, reason: str = "is not a number"
) -> tuple[Sequence[_Text], pa.StringArray]:
    """Return texts in the spelling of JSON, also as an array; a CellError at the first unlike the pattern."""
    array = to_array(texts, pa.string())
    if _all_match(array, pattern):
        return texts, array
    numbers = [text if text is None else _to_json(text) for text in texts]
    array = to_array(numbers, pa.string())
    raise_at_first(pc.invert(_matches(array, pattern)), texts, reason)
    return numbers, array


def _in_blocks(
    texts: Sequence[str], evidence: Sequence[str] = ()
) -> Iterator[tuple[int, Sequence[str], pa.StringArray]]:
    """Return numbers in the spelling of JSON by block, each with the position of its first; evidence last."""
    for start in range(0, len(texts), _BLOCK):
        try:
            yield start, *_all_to_json(texts[start : start + _BLOCK])
        except CellError as error:
            raise error.at(start + (error.row or 0)) from None
    if evidence:
        yield len(texts), evidence, to_array(evidence, pa.string())


def _numbered(texts: Sequence[str], evidence: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Return each number in the spelling of JSON with its position, the evidence last."""
    for start, numbers, _ in _in_blocks(texts, evidence):
        yield from enumerate(numbers, start)


# --- the type that holds all numbers -----------------------------------------------------------------


def arrow_type(
    texts: Sequence[str], bounds: Sequence[str] = (), decimals: Decimals = "auto"
) -> tuple[pa.DataType, str]:
    """Return the Arrow type that holds all numbers and bounds, and why in words; raises CellError."""
    with errors_as_written(texts, bounds):
        is_whole = bool(texts) and all(
            pc.all(_matches(array, _INTEGER)).as_py() for _, _, array in _in_blocks(texts)
        )
        evidence = [_bound_evidence(bound, is_whole=is_whole) for bound in bounds]
        if texts:  # else the writer of the bounds may be that of the values, which has as many zeros
            evidence = list(map(_without_zeros, evidence))
        if (is_whole or not texts) and all(map(_is_integer, evidence)):
            return _integer_type(texts, evidence)
        # Where only the bounds have fractions, no whole number is rounded.
        if is_whole and decimals == "float":
            decimals = "auto"
        return _fraction_type(texts, evidence, decimals)


def _bound_evidence(bound: str, *, is_whole: bool) -> str:
    """Return the number that a bound is evidence of."""
    # Statistics may have been computed with floats. So a bound with a point is whole beside whole numbers
    # if its value is. From 2**53 on, one that a float64 may be written as tells neither digits nor the last
    # integer that a type must hold: 9.223372036854776e18 is the max of an int64 too.
    number = _to_json(bound)
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


def _matches(array: pa.StringArray | pa.ChunkedArray, pattern: str) -> pa.BooleanArray:
    return pc.match_substring_regex(array, rf"^(?:{pattern})\z")


def _all_match(array: pa.StringArray | pa.ChunkedArray, pattern: str) -> bool:
    """Whether every text that is not null matches."""
    return pc.all(_matches(array, pattern)).as_py() is not False  # it is None where all are null


def _integer_type(texts: Sequence[str], evidence: Sequence[str]) -> tuple[pa.DataType, str]:
    words = counted(len(texts) + len(evidence), "whole number")
    digits, least, most = 0, 0, 0
    longest = (0, "")
    for start, numbers, _ in _in_blocks(texts, evidence):
        block_digits, place = max((len(text.lstrip("-")), place) for place, text in enumerate(numbers))
        if block_digits >= digits:
            digits, longest = block_digits, (start + place, numbers[place])
        if digits <= _WIDEST:
            integers = list(map(int, numbers))
            least, most = min(least, *integers), max(most, *integers)
    if digits > _WIDEST:
        raise CellError(*longest, f"has more than {_WIDEST} digits")
    if least >= -(2**63) and most < 2**63:
        return pa.int64(), words
    if least >= 0 and most < 2**64:
        return pa.uint64(), f"{words}, some above 2**63 - 1"
    return _decimal(digits, 0), f"{words}, some beyond 64 bits"


def fraction_words(count: int) -> str:
    """Return in words that some of the numbers have a fraction."""
    return "1 number with a fraction" if count == 1 else f"{count:,} numbers, some with a fraction"


def _fraction_type(
    texts: Sequence[str], evidence: Sequence[str], decimals: Decimals
) -> tuple[pa.DataType, str]:
    words = fraction_words(len(texts) + len(evidence))
    inexact, are_computed = 0, True
    for position, text in _numbered(texts, evidence):
        if not _is_short(text) and not _survives_float(position, text):
            inexact += 1
            are_computed = are_computed and _is_computed(text)
    if not inexact:
        return pa.float64(), f"{words}, all exact as float64"
    if decimals == "float":
        return pa.float64(), f"{words}; {inexact:,} of them given as the nearest float64"
    if decimals == "auto" and are_computed:
        return pa.float64(), f"{words}; {inexact:,} of them computed, given as the nearest float64"
    integer_digits = scale = 0
    for position, text in _numbered(texts, evidence):
        if text in NOT_FINITE:
            raise CellError(position, text, "cannot be a decimal, which other values need")
        # float64's range has been checked, or its length is small: a Decimal can hold it.
        before, after = _count_digits(Decimal(text))
        integer_digits, scale = max(integer_digits, before), max(scale, after)
        if integer_digits + scale > _WIDEST:
            raise CellError(position, text, f"makes the column need more than {_WIDEST} digits")
    return _decimal(integer_digits, scale), f"{words}, not all exact as float64"


def _decimal(integer_digits: int, scale: int) -> pa.DataType:
    precision = next(precision for precision in _DECIMALS if integer_digits + scale <= precision)
    return _DECIMALS[precision](precision, scale)


def _survives_float(position: int, text: str) -> bool:
    """Whether float64 gives a number back unchanged; raises CellError if it is beyond float64's range."""
    if text in NOT_FINITE:
        return True
    nearest = float(text)
    if math.isinf(nearest):
        raise CellError(position, text, "is above the range of float64")
    # By its shortest digits, which float64 is written with, or by all of them, as of a power of two.
    full = Decimal.from_float(nearest)  # noqa: FURB164 - Decimal(nearest) obeys a trap of the caller's context
    if to_decimal(text) in (Decimal(repr(nearest)), full):
        return True
    if abs(nearest) < sys.float_info.min:
        raise CellError(position, text, "is below the range of float64")
    return False


def _is_computed(text: str) -> bool:
    number = Decimal(text).normalize(EXACT_CONTEXT)
    return _count_digits(number)[1] > _COMPUTED_DIGITS and number.copy_abs() < MAX_EXACT_INTEGER


def loses_digits(text: str, *, computed: bool) -> bool:
    """Whether the nearest float64 does not stand for a number; it may for one that was computed."""
    is_exact = _is_short(text) or text in NOT_FINITE or is_exact_float(text)
    return not (is_exact or (computed and _is_computed(text)))


def _count_digits(number: Decimal) -> tuple[int, int]:
    """Count the digits before and after the point."""
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):  # pragma: no cover - NaN and infinity have been refused before
        raise TypeError(number)
    return (max(len(digits) + exponent, 0) if number else 0), max(-exponent, 0)


# --- reading as a given type -------------------------------------------------------------------------


def read(texts: Sequence[str | None], type_: pa.DataType) -> pa.Array:
    """Read number texts as an array, None as null, fractions as the nearest float; raises CellError."""
    with errors_as_written(texts):
        is_float = pa.types.is_floating(type_)
        pattern = _FLOAT if is_float else _NUMBER
        numbers, array = _all_to_json(texts, pattern, f"is not a number that fits in {type_}")
        if is_float:
            return _to_floats(numbers, pc.cast(array, pa.float64()), type_)
        if _all_match(array, _castable(type_)):
            try:
                return pc.cast(array, type_)
            except pa.ArrowException:
                pass  # too large for an integer type, or a decimal type that Arrow does not cast to
        # One by one, since 1e3 is a whole number too.
        exact = [None if text is None else _to_exact(row, text, type_) for row, text in enumerate(numbers)]
        return to_array(exact, type_)


def read_nearest(texts: Sequence[str | None]) -> pa.DoubleArray:
    """Read number texts in the range of float64 as the nearest one, whole numbers too; None is null."""
    return pc.cast(_all_to_json(texts)[1], pa.float64())


def _castable(type_: pa.DataType) -> str:
    """Return the pattern of the texts that Arrow may cast to an integer or decimal type."""
    # For decimals the pattern limits the digits too: beyond them Arrow wraps around, from 1e-77 it makes
    # 0.00, and 1e-999999999 ends the process.
    if pa.types.is_integer(type_):
        return _INTEGER
    before = type_.precision - type_.scale
    if type_.scale < 0 or before < 0:
        return "0"
    more = rf"|[1-9][0-9]{{0,{before - 1}}}" if before else ""
    fraction = rf"(?:\.[0-9]{{1,{type_.scale}}})?" if type_.scale else ""
    return rf"-?(?:0{more}){fraction}"


def _to_exact(row: int, text: str, type_: pa.DataType) -> int | Decimal:
    """Read one number exactly as an integer or decimal type."""
    is_integer = pa.types.is_integer(type_)
    before, scale = (_INTEGER_DIGITS, 0) if is_integer else (type_.precision - type_.scale, type_.scale)
    number = to_decimal(text)
    if number is not None:
        number = number.normalize(EXACT_CONTEXT)
        # Digits are counted before any conversion: 1e999999999 as an int would have as many.
        if number.adjusted() < before and _count_digits(number)[1] <= max(scale, 0):
            exact = int(number) if is_integer else number
            try:
                to_array([exact], type_)
            except (pa.ArrowInvalid, OverflowError):
                pass
            else:
                return exact
    raise CellError(row, text, f"does not fit in {type_}")


def _to_floats(texts: Sequence[str | None], values: pa.Array, type_: pa.DataType) -> pa.Array:
    """Return values as floats; refuse what would silently become infinity, zero or another whole number."""
    magnitudes = pc.abs(values)
    suspect = pc.or_(
        pc.or_(pc.is_inf(values), pc.less(magnitudes, to_scalar(sys.float_info.min, pa.float64()))),
        pc.greater_equal(magnitudes, to_scalar(float(MAX_EXACT_INTEGER), pa.float64())),
    )
    for row in pc.indices_nonzero(suspect).to_pylist():
        text = str(texts[row])
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
