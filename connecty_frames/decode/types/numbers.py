"""JSON numbers: an Arrow type for all of a column, and their exact reading.

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
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from connecty_frames._base.text import counted
from connecty_frames.decode import arrow
from connecty_frames.decode import compute as pc
from connecty_frames.decode.cells import CellError, errors_as_written, raise_at_first, read_each
from connecty_frames.decode.exact_json import EXACT_CONTEXT, to_decimal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from connecty_frames.options import Decimals

    Part = tuple[int, pa.StringArray]  # the row of the first of some texts, and the texts
    #: A column with a type for all of its numbers, why, in words, and the basis of ``ColumnSchema``.
    Typed = tuple[arrow.Array, str, str | None]

#: JSON's grammar, in the syntax of RE2. Arrow and Python read more (0x1F, 007, 1_000, digits of
#: other scripts), so texts are matched before they are read.
_INTEGER: Final = r"-?(?:0|[1-9][0-9]*)"
_NUMBER: Final = _INTEGER + r"(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
NOT_FINITE: Final = ("NaN", "Infinity", "-Infinity")  # as PostgreSQL's to_json writes NaN and infinities
_NOT_FINITE: Final = "|".join(NOT_FINITE)
#: Texts name a number in other spellings too: ``nan`` and ``-inf`` of Python, ``+Inf`` of Go, ``Infinity`` of
#: Java and PostgreSQL, ``-nan`` of C, ``.5`` of Oracle, ``5.`` and ``+5``. But ``007`` is an id.
_FINITE: Final = r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_INFINITE: Final = r"[+-]?[iI][nN][fF](?:[iI][nN][iI][tT][yY])?"
_NAN: Final = r"[+-]?[nN][aA][nN]"
#: The steps from another spelling to JSON's, each with the bytes to look for first.
_RESPELLINGS: Final = (
    (b"nN", rf"^{_NAN}\z", "NaN"),
    (b"nN", r"^\+?(-?)[iI].*", r"\1Infinity"),
    (b"+", r"^\+", ""),
    (b".", r"^(-?)\.", r"\10."),
    (b".", r"\.([eE]|\z)", r"\1"),
)

#: Any number of at most 15 significant digits survives float64 (DBL_DIG of C); its own are at most 17.
_SAFE_DIGITS, _FLOAT_DIGITS = 15, 17
MAX_EXACT_INTEGER: Final = 2**53  # up to this number float64 holds every whole number
_COMPUTED_DIGITS: Final = 9  # with more digits after the point, a number was computed, not typed
#: The digits of Arrow's two decimals. All decimals of a kind have one precision, so that the type of a column
#: does not change with the rows fetched.
_NARROW, _WIDE = 38, 76
#: The integer types of all whole numbers, words on the second, the first number of each, and its end.
_INTEGERS: Final = ((pa.int64(), "", -(2**63), 2**63), (pa.uint64(), ", some above 2**63 - 1", 0, 2**64))

#: How many of the longest numbers are looked at first, and how many are looked at one by one.
_FIRST: Final = 8  # the others are looked at next
FEW: Final = 32
#: No digits are looked for in more bytes at once, those of a few long texts: it takes much memory.
_MOST_BYTES: Final = 1 << 21

_is_json: Final = re.compile(_NUMBER).fullmatch
_is_integer: Final = re.compile(_INTEGER).fullmatch
is_finite: Final = re.compile(_FINITE).fullmatch
is_number: Final = re.compile(rf"{_FINITE}|{_INFINITE}").fullmatch
#: Matches a whole number with few enough digits for every integer type of 64 bits, also as a float: ``3.0``.
is_short_integer: Final = re.compile(rf"(?=.{{1,{_SAFE_DIGITS}}}\Z){_INTEGER}(?:\.0+)?").fullmatch


# --- numbers as float64, and which of them it holds exactly ------------------------------------------


class FloatValues(NamedTuple):
    """Numbers read as float64; whole numbers alone become another type."""

    values: pa.ChunkedArray | pa.Array
    fractional: bool
    inexact: int = 0  # how many of them are not exact
    computed: bool = True  # the nearest float64 is as good for all of these

    def slice(self, start: int, length: int) -> FloatValues:
        """Return some of the values; all must be exact."""
        return self._replace(values=self.values.slice(start, length))

    @classmethod
    def concat(cls, parts: Sequence[FloatValues]) -> FloatValues:
        """Concatenate the parts of a column."""
        return cls(
            pa.chunked_array(
                [chunk for part in parts for chunk in arrow.chunks_of(part.values)], pa.float64()
            ),
            any(part.fractional for part in parts),
            sum(part.inexact for part in parts),
            all(part.computed for part in parts),
        )


def read_fast(texts: pa.StringArray) -> FloatValues | None:
    """Read JSON's own numbers as float64, or None if they may need another type."""
    # If many lose digits, some of the longest almost always do: then the others are not looked at.
    longest = _longest_in(texts)
    if any(loses_digits(text, computed=True) for text in longest):
        return None
    parts = (
        [part for _, part in arrow.slices_of(texts)] if longest else [texts]
    )  # short ones take little memory
    try:
        found = FloatValues.concat(list(map(to_float64, parts)))
    except CellError:
        return None
    return found if found.computed else None


def _longest_in(texts: pa.StringArray) -> list[str]:
    starts, ends = arrow.offsets_of(texts)
    lengths = ends - starts
    longest = lengths.max(initial=0)
    if longest <= _SAFE_DIGITS:  # pragma: no mutate - saves time
        return []
    return [texts[int(row)].as_py() for row in np.flatnonzero(lengths == longest)[:_FIRST]]


def to_float64(texts: pa.StringArray) -> FloatValues:
    """Read numbers in JSON's spelling as the nearest float64; CellError for one beyond its range."""
    floats = pc.cast(texts, pa.float64(), memory_pool=arrow.POOL)
    data, (starts, ends) = arrow.bytes_of(texts), arrow.offsets_of(texts)
    letters = bool(data.max(initial=0) > ord("9"))
    found = FloatValues(floats, letters or bool((data == ord(".")).any()))
    may_differ = ends - starts > _SAFE_DIGITS
    if letters:  # a null is empty
        may_differ |= _is_extreme(arrow.numbers_of(floats)) & (starts < ends)
    if not may_differ.any():
        return found
    spelled = pc.cast(floats, pa.string())
    rows = pc.indices_nonzero(pc.and_not(arrow.of_flags(may_differ), pc.equal(spelled, texts)))
    if not len(rows):
        return found
    texts, values = pc.take(texts, rows), arrow.numbers_of(floats)[arrow.numbers_of(rows)]
    is_exact, is_computed, by_cell = (np.full(len(rows), flag) for flag in (False, False, True))
    if len(rows) > FEW:  # pragma: no mutate - saves time
        is_exact, is_computed, by_cell = _compare(texts, values, pc.take(spelled, rows))
    for place in np.flatnonzero(by_cell).tolist():
        text = texts[place].as_py()
        is_exact[place] = _survives_float(rows[place].as_py(), text)
        is_computed[place] = not is_exact[place] and _was_computed(text)
    inexact = int(np.count_nonzero(~is_exact))
    return found._replace(inexact=inexact, computed=bool((is_exact | is_computed).all()))


def _is_extreme(floats: NDArray[np.float64]) -> NDArray[np.bool_]:
    sizes = np.abs(floats)
    return np.isinf(sizes) | (sizes < sys.float_info.min)


def _compare(
    texts: pa.StringArray, floats: NDArray[np.float64], spelled: pa.StringArray
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Compare numbers with their nearest floats: return flags for exact, computed, and undecided ones."""
    digits, sizes = arrow.Digits(texts), np.abs(floats)
    is_beyond = _is_extreme(floats) & ~digits.is_zero
    # A number of this size may be a little less.
    by_cell = is_beyond | (sizes == MAX_EXACT_INTEGER) | (np.abs(digits.exponents) >= arrow.HUGE)
    is_exact = digits.significant <= _SAFE_DIGITS
    short = np.flatnonzero(~(is_exact | by_cell) & (digits.significant <= _FLOAT_DIGITS))
    if len(short):
        places = arrow.of_numbers(short)
        is_own = pc.equal(arrow.Digits(pc.take(spelled, places)).written(), pc.take(digits.written(), places))
        is_exact[short[arrow.rows_where(is_own)]] = True
    others = np.flatnonzero(~(is_exact | by_cell))
    by_cell[others] = digits.places[others] == arrow.count_places(floats[others])
    return is_exact, (digits.places > _COMPUTED_DIGITS) & (sizes < MAX_EXACT_INTEGER), by_cell


def is_exact_float(text: str) -> bool:
    """Return True if float64 gives back a JSON number unchanged."""
    try:
        return bool(_is_json(text)) and _survives_float(0, text)
    except CellError:
        return False


def _survives_float(row: int, text: str) -> bool:
    """Return True if float64 gives a number back unchanged; raises CellError if it is out of range."""
    if text in NOT_FINITE or (len(text) <= _SAFE_DIGITS and "e" not in text.lower()):
        return True
    nearest = float(text)
    if math.isinf(nearest):
        raise CellError(row, text, "is above the range of float64")
    # By the shortest digits of the float64, or by all of them, as of a power of two.
    full = Decimal.from_float(nearest)  # noqa: FURB164 - Decimal(nearest) obeys a trap of the caller's context
    if to_decimal(text) in (Decimal(repr(nearest)), full):
        return True
    if abs(nearest) < sys.float_info.min:
        raise CellError(row, text, "is below the range of float64")
    return False


def _was_computed(text: str) -> bool:
    """Return True if a number has the digits of a computed one: the nearest float64 is as good."""
    number = to_decimal(text)
    if number is None:
        return False
    number = number.normalize(EXACT_CONTEXT)
    return -int(number.as_tuple().exponent) > _COMPUTED_DIGITS and number.copy_abs() < MAX_EXACT_INTEGER


def loses_digits(text: str, *, computed: bool) -> bool:
    """Return True if float64 loses digits of a number; with ``computed``, not of a computed one."""
    return not (text in NOT_FINITE or is_exact_float(text) or (computed and _was_computed(text)))


def _has_letters(texts: pa.StringArray) -> bool:
    return bool(arrow.bytes_of(texts).max(initial=0) > ord("9"))


# --- spellings ---------------------------------------------------------------------------------------


def _to_json(
    texts: pa.StringArray, reason: str = "is not a number", *, finite: bool = False
) -> pa.StringArray:
    """Return (finite) numbers in JSON's spelling or :data:`NOT_FINITE`; CellError at the first other text."""
    if _all_match(texts, _NUMBER if finite else rf"{_NUMBER}|{_NOT_FINITE}"):
        return texts
    pattern = _FINITE if finite else rf"{_FINITE}|{_INFINITE}|{_NAN}"
    raise_at_first(pc.invert(_matches(texts, pattern)), texts, reason)
    found = arrow.bytes_of(texts).tobytes()
    for needed, spelling, replacement in _RESPELLINGS:
        if any(byte in found for byte in needed):
            texts = pc.replace_substring_regex(texts, pattern=spelling, replacement=replacement)
    return texts


def _matches(texts: arrow.Array, pattern: str) -> Any:
    return pc.match_substring_regex(texts, rf"^(?:{pattern})\z")


def _all_match(texts: arrow.Array, pattern: str) -> bool:
    if len(texts) <= FEW:  # pragma: no mutate - saves time
        return all(text is None or re.fullmatch(pattern, text) for text in texts.to_pylist())
    return pc.all(_matches(texts, pattern)).as_py() is not False  # it is None where all are null


def are_not_finite(texts: arrow.Array) -> bool:
    """Return True if all texts are :data:`NOT_FINITE`."""
    return _all_match(texts, _NOT_FINITE)


def any_finite(texts: arrow.Array) -> bool:
    """Return True if some text is a finite number."""
    values = (value for _, part in arrow.slices_of(texts) for value in pc.unique(part).to_pylist())
    return any(map(is_finite, filter(None, values)))


# --- the type that holds all numbers -----------------------------------------------------------------


class _Numbers(NamedTuple):
    """The numbers of a column in JSON's spelling, and bounds as evidence of its type."""

    parts: list[Part]
    size: int  # how many rows there are
    total: int  # how many numbers and bounds
    evidence: list[str]

    @property
    def all_parts(self) -> list[Part]:
        """The parts, and the evidence behind them."""
        more = [(self.size, arrow.to_array(self.evidence, pa.string()))] if self.evidence else []
        return self.parts + more

    def cast(self, type_: pa.DataType) -> pa.ChunkedArray:
        """Return the numbers as a wide enough type; ArrowInvalid if an integer type is not."""
        arrays = [
            _each_exact(part, type_) if _has_letters(part) else pc.cast(part, type_) for _, part in self.parts
        ]
        return pa.chunked_array(arrays, type_)


def infer(
    texts: arrow.Array, bounds: Sequence[str] = (), decimals: Decimals = "auto", *, quoted: bool = True
) -> Typed:
    """Return numbers as a type for all and the bounds; CellError if a quoted text is no number."""
    with errors_as_written(texts, bounds):
        parts, present = list(arrow.slices_of(texts)), len(texts) - texts.null_count
        if quoted:
            parts = list(read_each(parts, _to_json))
        is_whole = present > 0 and not any(
            _has_letters(part) or (arrow.bytes_of(part) == ord(".")).any() for _, part in parts
        )
        evidence = [_bound_evidence(bound, is_whole=is_whole) for bound in bounds]
        if present:  # else the values may have as many zeros
            evidence = list(map(_without_zeros, evidence))
        numbers = _Numbers(parts, len(texts), present + len(evidence), evidence)
        if (is_whole or not present) and all(map(_is_integer, evidence)):
            return _whole_type(numbers)
        if is_whole and decimals == "float":  # only the bounds have fractions: no whole number is rounded
            decimals = "auto"
        some = evidence + (_longest_in(parts[0][1]) if parts else [])
        if decimals != "float" and any(loses_digits(text, computed=decimals == "auto") for text in some):
            with suppress(CellError):  # one beyond the range of float64 is named first
                return _as_decimals(numbers)
        found = FloatValues.concat([found for _, found in read_each(parts, to_float64)])
        return _as_floats(found, numbers, decimals) or _as_decimals(numbers)


def infer_floats(values: FloatValues, bounds: Sequence[str], decimals: Decimals) -> Typed | None:
    """Return the result of ``infer`` if the numbers stay float64, or None."""
    if not values.fractional:  # all are whole, and some beyond int64
        return None
    size = len(values.values)
    evidence = [_without_zeros(_bound_evidence(bound, is_whole=False)) for bound in bounds]
    numbers = _Numbers([], size, size - values.values.null_count + len(evidence), evidence)
    with suppress(CellError):
        return _as_floats(values, numbers, decimals)
    return None


def any_decimal(texts: arrow.Array, bounds: Sequence[str]) -> pa.DataType | None:
    """Return a decimal type with a scale for all numbers and bounds, or None without any."""
    # Other texts, and too many digits, are errors where the values are read.
    evidence = [_without_zeros(_bound_evidence(each, is_whole=False)) for each in bounds if is_finite(each)]
    most = []
    for _, part in chain(arrow.slices_of(texts), [(0, arrow.to_array(evidence, pa.string()))]):
        digits = arrow.Digits(_to_json(pc.filter(part, _matches(part, _FINITE)), finite=True))
        is_held = digits.before + digits.after <= _WIDE
        if is_held.any():
            most.append((digits.before[is_held].max(), digits.after[is_held].max()))
    if not most:
        return None
    before, after = (int(max(counts)) for counts in zip(*most, strict=True))
    return _decimal(before, min(after, _WIDE - before))


def _bound_evidence(bound: str, *, is_whole: bool) -> str:
    # Statistics may have been computed with floats. So a bound with a point is whole beside whole numbers
    # if its value is. From 2**53 on, the text of a float64 is no evidence of digits, nor of the last integer:
    # 9.223372036854776e18 is the max of an int64 too.
    number: str = bound if _is_json(bound) else _to_json(arrow.to_array([bound], pa.string()))[0].as_py()
    nearest = float(number)
    if _is_integer(number) or not math.isfinite(nearest):
        return number
    if abs(nearest) >= MAX_EXACT_INTEGER and is_exact_float(number):
        integer = int(math.nextafter(nearest, 0))
        return str(integer) if is_whole and -(2**63) <= integer < 2**64 else f"{integer}e0"
    exact = to_decimal(number)
    return str(int(exact)) if is_whole and exact is not None and exact == int(exact) else number


def _without_zeros(number: str) -> str:
    return number.rstrip("0").removesuffix(".") if "." in number and "e" not in number.lower() else number


def _whole_type(numbers: _Numbers) -> Typed:
    most = longest = 0
    for start, part in numbers.all_parts:
        signs = pc.cast(pc.match_substring_regex(part, "^-"), pa.int32())
        counts = pc.subtract(pc.binary_length(part), signs)
        found = pc.min_max(counts)["max"]
        if found.is_valid and found.as_py() >= most:  # of the longest, the last is named
            most = found.as_py()
            longest = start + pc.indices_nonzero(pc.equal(counts, found))[-1].as_py()
    if most > _WIDE:
        raise CellError(longest, "", f"has more than {_WIDE} digits")
    integers = [Decimal(0), *map(Decimal, numbers.evidence)]
    words = counted(numbers.total, "whole number")
    for type_, more, first, end in _INTEGERS:
        if min(integers) >= first and max(integers) < end:
            with suppress(pa.ArrowInvalid):
                return numbers.cast(type_), words + more, None
    type_ = _decimal(most, 0)
    array = numbers.cast(type_)
    integers += filter(None, pc.min_max(array).as_py().values())
    if min(integers) >= 0 and max(integers) < 2**64:  # Arrow does not cast -0
        type_, more, _, _ = _INTEGERS[1]
        return pc.cast(array, type_), words + more, None
    return array, f"{words}, some beyond 64 bits", None


def _as_floats(found: FloatValues, numbers: _Numbers, decimals: Decimals) -> Typed | None:
    inexact, are_computed = found.inexact, found.computed
    for position, text in enumerate(numbers.evidence, numbers.size):
        if not _survives_float(position, text):
            inexact += 1
            are_computed = are_computed and _was_computed(text)
    how, basis = ", all exact as float64", None
    if inexact:
        if decimals != "float" and not (decimals == "auto" and are_computed):
            return None
        how, basis = ("", "nearest") if decimals == "float" else ("computed, ", "computed")
        how = f"; {inexact:,} of them {how}given as the nearest float64"
    return found.values, _fraction_words(numbers) + how, basis


def _fraction_words(numbers: _Numbers) -> str:
    total = numbers.total
    return "1 number with a fraction" if total == 1 else f"{total:,} numbers, some with a fraction"


def _as_decimals(numbers: _Numbers) -> Typed:
    before = after = np.zeros(1, np.int64)
    for start, part in numbers.all_parts:
        digits = arrow.Digits(part)
        before = np.maximum.accumulate(np.append(before[-1:], digits.before))
        after = np.maximum.accumulate(np.append(after[-1:], digits.after))
        is_wrong = (before + after > _WIDE)[1:]
        if _has_letters(part):
            is_wrong[arrow.rows_where(_matches(part, _NOT_FINITE))] = True
        if is_wrong.any():
            row = int(is_wrong.argmax())
            reason = f"makes the column need more than {_WIDE} digits"
            if part[row].as_py() in NOT_FINITE:
                reason = "cannot be a decimal, which other values need"
            raise CellError(start + row, "", reason)
    type_ = _decimal(int(before[-1]), int(after[-1]))
    return numbers.cast(type_), f"{_fraction_words(numbers)}, not all exact as float64", None


def _decimal(before: int, after: int) -> pa.DataType:
    return pa.decimal128(_NARROW, after) if before + after <= _NARROW else pa.decimal256(_WIDE, after)


# --- reading as a given type -------------------------------------------------------------------------


def read(texts: arrow.Array, type_: pa.DataType) -> pa.Array:
    """Read number texts as an array, fractions as the nearest float; raises CellError."""
    is_float = pa.types.is_floating(type_)
    spell = partial(_to_json, reason=f"is not a number that fits in {type_}", finite=not is_float)
    read_part = partial(_to_floats if is_float else _to_exact, type_=type_)
    with errors_as_written(texts):
        arrays = [array for _, array in read_each(read_each(arrow.slices_of(texts), spell), read_part)]
    return pa.concat_arrays(arrays) if arrays else pa.nulls(0, type_)


def _to_exact(texts: pa.StringArray, type_: pa.DataType) -> pa.Array:
    if len(arrow.bytes_of(texts)) > _MOST_BYTES:  # pragma: no mutate - saves memory
        return _each_exact(texts, type_)
    digits, (before, scale) = arrow.Digits(texts), _most_digits(type_)
    # Beyond these digits Arrow wraps around a decimal; 1e-77 becomes 0.00, 1e-999999999 ends the process.
    if not _has_letters(texts) and (digits.before <= before).all() and (digits.places <= scale).all():
        if (digits.after > scale).any():  # they are zeros
            fraction = rf"(\.[0-9]{{{scale}}})" if scale else r"()\."
            texts = pc.replace_substring_regex(texts, pattern=rf"{fraction}[0-9]+\z", replacement=r"\1")
        with suppress(pa.ArrowException):  # too large for an integer type, or no cast of Arrow
            return pc.cast(texts, type_)
    return _each_exact(texts, type_)


def _most_digits(type_: pa.DataType) -> tuple[int, int]:
    if pa.types.is_integer(type_):
        return 20, 0  # as 2**64 - 1 has
    return type_.precision - type_.scale, type_.scale


def _each_exact(texts: pa.StringArray, type_: pa.DataType) -> pa.Array:
    """Read numbers one by one, since 1e3 is a whole number too."""
    exact = [None if text is None else _exact(row, text, type_) for row, text in enumerate(texts.to_pylist())]
    return arrow.to_array(exact, type_)


def _exact(row: int, text: str, type_: pa.DataType) -> int | Decimal:
    number, (before, scale) = to_decimal(text), _most_digits(type_)
    if number is not None:
        number = number.normalize(EXACT_CONTEXT)
        # Digits are counted before any conversion: 1e999999999 as an int would have as many.
        places = -int(number.as_tuple().exponent)
        if number.adjusted() < before and places <= max(scale, 0):
            exact = int(number) if pa.types.is_integer(type_) else number
            with suppress(pa.ArrowInvalid, OverflowError):
                arrow.to_array([exact], type_)
                return exact
    raise CellError(row, text, f"does not fit in {type_}")


def _to_floats(texts: pa.StringArray, type_: pa.DataType) -> pa.Array:
    """Read numbers as floats; refuse a silent change to infinity, zero or another whole number."""
    values = pc.cast(texts, pa.float64())
    # As to_numpy() would, without its import of pandas for an array with nulls.
    sizes = np.abs(arrow.numbers_of(pc.coalesce(values, arrow.to_scalar(math.nan, pa.float64()))))
    for row in np.flatnonzero((sizes < sys.float_info.min) | (sizes >= MAX_EXACT_INTEGER)).tolist():
        text = texts[row].as_py()
        if not _survives_float(row, text) and text.lstrip("-").isdecimal():
            raise CellError(row, text, "does not fit in double")
    narrow = pc.cast(values, type_, safe=False)
    wide = pc.cast(narrow, pa.float64())
    is_whole, is_zero = pc.equal(pc.floor(values), values), pc.equal(wide, arrow.to_scalar(0.0, pa.float64()))
    lost = pc.and_(pc.not_equal(wide, values), pc.or_(pc.or_(pc.is_inf(wide), is_zero), is_whole))
    raise_at_first(lost, texts, f"does not fit in {type_}")
    return narrow
