"""JSON numbers: which Arrow type holds all of a column's, and the exact reading of them.

A float is right for averages and ratios and wrong for money, and JSON does not say which a number is. The
digits do: a value that float64 gives back unchanged loses nothing by being one; a value with more than
nine digits after the point is the outcome of a computation, and its nearest float64 is as good; what is
left has many digits and few after the point, which is how money looks, and becomes a decimal.
"""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames.decode import exact_json
from connecty_frames.decode.arrow_buffers import POOL, bytes_of, offsets_of
from connecty_frames.decode.errors import CellError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["NOT_FINITE", "FloatValues", "arrow_type", "bounded", "read", "read_fast"]

#: JSON's grammar, in the syntax of RE2. Arrow and Python read more than that (0x1F, 007, 1_000, digits of
#: other scripts), so that it must be asked first.
_WHOLE: Final = r"-?(?:0|[1-9][0-9]*)"
_NUMBER: Final = _WHOLE + r"(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
#: As PostgreSQL's to_json writes what JSON numbers cannot say.
NOT_FINITE: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_FLOATING: Final = "|".join((_NUMBER, *sorted(NOT_FINITE)))

_PLAIN_WHOLE: Final = re.compile(_WHOLE)
_PLAIN_NUMBER: Final = re.compile(_NUMBER)

#: Any number of at most 15 significant digits survives float64 (DBL_DIG of C).
_SAFE_LENGTH: Final = 15
#: More digits after the point than any currency or unit of trade has: the number was computed.
_COMPUTED_DIGITS: Final = 9
#: From here on float64 does not even tell whole numbers apart.
_FLOAT_WHOLE: Final = 2**53
#: The digits of Arrow's two decimals. All decimals of a column kind have one precision, so that its type
#: does not change with the rows fetched.
_DECIMALS: Final[dict[int, Callable[..., pa.DataType]]] = {38: pa.decimal128, 76: pa.decimal256}
_WIDEST: Final = max(_DECIMALS)
#: The digits of the largest whole number of 64 bits.
_INTEGER_DIGITS: Final = 20


def arrow_type(texts: Sequence[str], *, strict: bool) -> tuple[pa.DataType, str]:
    """Give the Arrow type that holds all numbers, and in words why.

    Parameters
    ----------
    texts
        The numbers as JSON texts (or what stands for NaN and infinity), at least one.
    strict
        Whether a computed number must be held to its last digit as well.

    Raises
    ------
    CellError
        At the first text that is no number, or that no type holds exactly.
    """
    array = pa.array(texts, pa.string())
    other = _first_unlike(array, _FLOATING)
    if other is not None:
        raise CellError(other, texts[other], "is no number")
    if _first_unlike(array, _WHOLE) is None:
        return _whole_type(texts)
    return _fraction_type(texts, strict=strict)


@dataclass(frozen=True, slots=True)
class FloatValues:
    """Number texts read as the float64 values that they all are, to the last digit.

    Parameters
    ----------
    fractional
        Whether one has a fraction or an exponent; whole numbers alone are due to be another type.
    """

    values: pa.ChunkedArray | pa.Array
    fractional: bool

    @classmethod
    def joined(cls, parts: Sequence[FloatValues]) -> FloatValues:
        """Put the parts of a column together."""
        values = pa.chunked_array([part.values for part in parts], pa.float64())
        return cls(values, any(part.fractional for part in parts))


def read_fast(texts: pa.StringArray) -> FloatValues | None:
    """Read JSON's own numbers by Arrow's cast, or give None where that might not be exact.

    The outcome is that of ``arrow_type`` and ``read`` where one has a fraction.
    """
    data = bytes_of(texts)
    exponents = (data > ord("9")).any()  # of the characters of numbers only e and E
    fractional = bool(exponents or (data == ord(".")).any())
    floats = pc.cast(texts, pa.float64(), memory_pool=POOL)
    if exponents:
        ends = pc.min_max(pc.abs(floats)).as_py()
        if math.isinf(ends["max"]) or ends["min"] < sys.float_info.min:
            return None  # perhaps beyond float64's range; a zero without exponent is just that
    starts, ends = offsets_of(texts)
    if (ends - starts > _SAFE_LENGTH).any():
        same = pc.equal(pc.cast(floats, pa.string()), texts)
        long = pc.greater(pc.binary_length(texts), _SAFE_LENGTH)
        unlike = pc.filter(texts, pc.and_not(long, same)).to_pylist()
        if not all(_exact_as_float(text) for text in unlike if text is not None):
            return None
    return FloatValues(floats, fractional)


def bounded(
    read: FloatValues | pa.ChunkedArray | pa.Array, count: int, bounds: Sequence[str]
) -> tuple[pa.ChunkedArray | pa.Array, str] | None:
    """Hold two more texts against a column read as float64, or as int64; None where they may not fit.

    Also says in words what the numbers are; ``count`` tells how many are not null.
    """
    fractions = isinstance(read, FloatValues)
    if not all(map(_exact_as_float if fractions else _is_short_whole, bounds)):
        return None
    count += len(bounds)
    if not fractions:
        return read, f"{count:,} whole numbers"
    if not read.fractional:
        return None  # all whole, and some beyond int64
    return read.values, f"{count:,} numbers, some with a fraction, all exact as float64"


def _is_short_whole(text: str) -> bool:
    return len(text) <= _SAFE_LENGTH and _PLAIN_WHOLE.fullmatch(text) is not None


def _exact_as_float(text: str) -> bool:
    """Whether a text is a JSON number that float64 gives back unchanged."""
    if _PLAIN_NUMBER.fullmatch(text) is None:
        return False
    try:
        return (len(text) <= _SAFE_LENGTH and "e" not in text.lower()) or _survives(0, text)
    except CellError:
        return False


def _first_unlike(array: pa.Array, pattern: str) -> int | None:
    """Give the position of the first text that a pattern does not match, None where there is none."""
    matches = pc.match_substring_regex(array, rf"^(?:{pattern})\z")
    position: int = pc.index(matches, value=False).as_py()
    return None if position < 0 else position


def _whole_type(texts: Sequence[str]) -> tuple[pa.DataType, str]:
    words = f"{len(texts):,} whole numbers"
    digits, position = max((len(text.lstrip("-")), place) for place, text in enumerate(texts))
    if digits > _WIDEST:
        raise CellError(position, texts[position], f"has more than {_WIDEST} digits")
    numbers = [int(text) for text in texts]
    least, most = min(numbers), max(numbers)
    if least >= -(2**63) and most < 2**63:
        return pa.int64(), words
    if least >= 0 and most < 2**64:
        return pa.uint64(), f"{words}, some above 2**63 - 1"
    return _decimal(digits, 0), f"{words}, some beyond 64 bits"


def _fraction_type(texts: Sequence[str], *, strict: bool) -> tuple[pa.DataType, str]:
    words = f"{len(texts):,} numbers, some with a fraction"
    lost = [
        (position, text)
        for position, text in enumerate(texts)
        if (len(text) > _SAFE_LENGTH or "e" in text.lower()) and not _survives(position, text)
    ]
    if not lost:
        return pa.float64(), f"{words}, all exact as float64"
    if not strict and all(_computed(text) for _, text in lost):
        return pa.float64(), f"{words}; {len(lost):,} of them computed, given as the nearest float64"
    integer_digits = scale = 0
    for position, text in enumerate(texts):
        if text in NOT_FINITE:
            raise CellError(position, text, "cannot stand in a column of decimals, which others need")
        # The range of float64 is known to hold it, or its length to be small: there is a Decimal.
        whole, fraction = _digits(Decimal(text))
        integer_digits, scale = max(integer_digits, whole), max(scale, fraction)
        if integer_digits + scale > _WIDEST:
            raise CellError(position, text, f"makes the column need more than {_WIDEST} digits")
    return _decimal(integer_digits, scale), f"{words}, {len(lost):,} of them not exact as float64"


def _decimal(integer_digits: int, scale: int) -> pa.DataType:
    precision = next(precision for precision in _DECIMALS if integer_digits + scale <= precision)
    return _DECIMALS[precision](precision, scale)


def _survives(position: int, text: str) -> bool:
    """Whether float64 gives a number back unchanged.

    Raises
    ------
    CellError
        Where the number is beyond float64's range, so that the nearest would be infinite, zero, or short of
        digits.
    """
    if text in NOT_FINITE:
        return True
    nearest = float(text)
    if math.isinf(nearest):
        raise CellError(position, text, "is above the range of float64")
    # Its shortest digits, which is how float64 is read back, or the full ones of a power of two.
    full = Decimal.from_float(nearest)  # noqa: FURB164 - Decimal(nearest) obeys a trap of the caller's context
    if exact_json.decimal(text) in (Decimal(repr(nearest)), full):
        return True
    if abs(nearest) < sys.float_info.min:
        raise CellError(position, text, "is below the range of float64")
    return False


def _computed(text: str) -> bool:
    number = Decimal(text).normalize(exact_json.EXACT)
    return _digits(number)[1] > _COMPUTED_DIGITS and number.copy_abs() < _FLOAT_WHOLE


def _digits(number: Decimal) -> tuple[int, int]:
    """Count the digits before and after the point."""
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):  # pragma: no cover - NaN and infinity are sorted out before
        raise TypeError(number)
    return (max(len(digits) + exponent, 0) if number else 0), max(-exponent, 0)


def read(texts: Sequence[str | None], type_: pa.DataType) -> pa.Array:
    """Read number texts as an Arrow array of a given type; None is null.

    A fraction becomes the nearest value of a float type, for that is what floats are; everything else
    must be exact.

    Raises
    ------
    CellError
        At the first text that is not a value of the type; its ``row`` is the position.
    """
    array = pa.array(texts, pa.string())
    floating = pa.types.is_floating(type_)
    other = _first_unlike(array, _FLOATING if floating else _NUMBER)
    if other is not None:
        raise CellError(other, str(texts[other]), f"is no number that fits in {type_}")
    if floating:
        return _floats(texts, pc.cast(array, pa.float64()), type_)
    if _first_unlike(array, _plain(type_)) is None:
        try:
            return pc.cast(array, type_)
        except pa.ArrowException:  # too large for a whole type, or a decimal type that Arrow does not cast to
            pass
    # One by one, 1e3 is a whole number too.
    numbers = [None if text is None else _exact(row, text, type_) for row, text in enumerate(texts)]
    return pa.array(numbers, type_)


def _plain(type_: pa.DataType) -> str:
    """Give the spellings that Arrow may cast to a whole or decimal type.

    For decimals the pattern counts the digits too: beyond them Arrow wraps around, from 1e-77 it makes
    0.00, and 1e-999999999 ends the process.
    """
    if pa.types.is_integer(type_):
        return _WHOLE
    before = type_.precision - type_.scale
    if type_.scale < 0 or before < 0:
        return "0"
    more = rf"|[1-9][0-9]{{0,{before - 1}}}" if before else ""
    fraction = rf"(?:\.[0-9]{{1,{type_.scale}}})?" if type_.scale else ""
    return rf"-?(?:0{more}){fraction}"


def _exact(row: int, text: str, type_: pa.DataType) -> int | Decimal:
    """Read one number exactly as a whole or decimal type."""
    number = exact_json.decimal(text)
    whole = pa.types.is_integer(type_)
    before, scale = (_INTEGER_DIGITS, 0) if whole else (type_.precision - type_.scale, type_.scale)
    if number is not None:
        number = number.normalize(exact_json.EXACT)
        # Counted before any conversion: 1e999999999 as an int would have as many digits.
        if number.adjusted() < before and _digits(number)[1] <= max(scale, 0):
            exact = int(number) if whole else number
            try:
                pa.scalar(exact, type_)
            except (pa.ArrowInvalid, OverflowError):
                pass
            else:
                return exact
    raise CellError(row, text, f"does not fit in {type_}")


def _floats(texts: Sequence[str | None], values: pa.Array, type_: pa.DataType) -> pa.Array:
    """Refuse what a float would turn into infinity, zero or another whole number, in silence."""
    suspect = pc.or_(
        pc.or_(pc.is_inf(values), pc.less(pc.abs(values), sys.float_info.min)),
        pc.greater_equal(pc.abs(values), _FLOAT_WHOLE),
    )
    for row in pc.indices_nonzero(suspect).to_pylist():
        text = str(texts[row])
        if not _survives(row, text) and text.lstrip("-").isdecimal():
            raise CellError(row, text, "does not fit in double")
    narrow = pc.cast(values, type_, safe=False)
    wide = pc.cast(narrow, pa.float64())
    whole = pc.and_(pc.equal(pc.floor(values), values), pc.not_equal(wide, values))
    infinite = pc.and_(pc.is_inf(wide), pc.is_finite(values))
    zero = pc.and_(pc.equal(wide, 0), pc.not_equal(values, 0))
    lost = pc.or_(pc.or_(infinite, zero), whole)
    if lost.true_count:
        row = lost.index(True).as_py()
        raise CellError(row, str(texts[row]), f"does not fit in {type_}")
    return narrow
