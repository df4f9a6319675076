"""Columns as a warehouse sends them to columns of the answer's types: exactly, or a CellError.

There is no general cast. :data:`_PAIRS` lists what a column may be and what it may become; what it does not
list is an error. Arrow's own casts are used only where they change no value. Everything else goes by way of
the values' texts, which the readers of answers then read, so that a value becomes what it would be in an
answer.
"""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames.decode.arrow_types import (
    FRACTION_DIGITS,
    any_of,
    is_aware,
    is_binary,
    is_list,
    is_naive,
    is_number,
    is_text,
)
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.exact_json import dump
from connecty_frames.decode.types.builders import build
from connecty_frames.decode.types.numbers import loses_digits
from connecty_frames.decode.types.temporal import row_out_of_range
from connecty_frames.decode.types.temporal_fast import DAY_MICROS, FIRST_MICROS, LAST_MICROS
from connecty_frames.warehouse.cells import JSON_TYPES, cells, parsed, plain, postgres_cells, python_cells
from connecty_frames.warehouse.pairs import ANY_NUMBER, FLOAT_DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from connecty_frames.decode.arrow_types import TypeTest
    from connecty_frames.decode.schema import ColumnSchema
    from connecty_frames.warehouse.rows import Declared

#: The types of databases that drivers send as values of another type.
_MISREAD: Final = frozenset(
    {"money", "oid", "xid", "cid", "record", "bit", "time with time zone", "uhugeint", "union"}
)
#: Pairs of types whose casts Arrow does exactly, or not at all.
_EXACT_CASTS: Final[tuple[tuple[TypeTest, TypeTest], ...]] = (
    (pa.types.is_decimal, any_of(pa.types.is_decimal, pa.types.is_int64)),
    (pa.types.is_integer, any_of(pa.types.is_decimal, pa.types.is_float64)),
)
#: The largest power of ten that float64 holds.
_EXACT_POWER: Final = 22
#: The evidence for a float64 that ``decimals="float"`` chose.
_NEAREST: Final = "of them given as the nearest float64"
#: How ADBC writes some values of types of PostgreSQL, and PostgreSQL itself.
_ADBC_TEXTS: Final = {"numeric": {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}, "char": {"\0": ""}}
#: How many of each unit of time a second has.
_PER_SECOND: Final = {unit: 10**digits for unit, digits in FRACTION_DIGITS.items()}


def convert(column: pa.Array | tuple[Any, ...], declared: Declared, wanted: ColumnSchema) -> pa.Array:
    """Return a column of one batch as an array of the wanted type; CellError at the first unfit value."""
    # A tuple has the values of a driver without arrays: texts of PostgreSQL if the type in the database is
    # known, else values of Python.
    type_, origin = wanted.encoding or wanted.type, declared.origin
    if isinstance(column, tuple):
        values = postgres_cells(column, origin) if origin else parsed(python_cells(column), "", wanted.type)
        return _build(values, wanted, declared)
    if origin in _MISREAD and not is_text(column.type):
        raise CellError(0, f"the type {origin}", "does not arrive with its exact values; cast it in the SQL")
    array = plain(column)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), wanted.type)
    if wanted.encoding is not None:
        return build(cells(array), type_)
    if is_number(type_) and (found := _numbers_fast(array, declared, type_)) is not None:
        return found
    for got_test, wanted_test, converter in _PAIRS:
        if got_test(array.type) and wanted_test(type_):
            return converter(array, type_, origin)
    if any(got_test(array.type) and wanted_test(type_) for got_test, wanted_test in _BY_TEXT):
        return _build(parsed(cells(array), origin, type_), wanted, declared)
    raise CellError(0, f"a value of {column.type}", f"has no exact form as {type_}")


def _build(values: list[Any], wanted: ColumnSchema, declared: Declared) -> pa.Array:
    """Build a column; an inferred float64 takes the numbers that an answer would have as float64."""
    array = build(values, wanted.encoding or wanted.type)
    leaf = wanted.type.value_type if is_list(wanted.type) else wanted.type
    is_exact = declared.type is not None and pa.types.is_floating(declared.type)
    if leaf == pa.float64() and wanted.is_inferred and not is_exact and _NEAREST not in wanted.evidence:
        for row, cell in enumerate(values):
            for number in cell if isinstance(cell, list) else (cell,):
                if isinstance(number, str) and loses_digits(number):
                    raise CellError(row, str(number), "has more digits than double holds")
    return array


# --- numbers by Arrow's own casts -------------------------------------------------------------------------


def _numbers_fast(array: pa.Array, declared: Declared, type_: pa.DataType) -> pa.Array | None:
    """Return numbers by casts that are exact, or None if there is none, or if a value does not fit."""
    if array.type == type_ and declared.origin != "hugeint":  # which has 39 digits
        return array
    with suppress(pa.ArrowException):
        if pa.types.is_decimal(array.type) and array.type.bit_width < ANY_NUMBER.bit_width:
            array = pc.cast(array, pa.decimal128(array.type.precision, array.type.scale))
        if is_text(array.type) and declared.origin == "numeric":
            return _numerics(array, declared.type, type_)
        if pa.types.is_decimal128(array.type) and type_ == pa.float64():
            return _floats(array)
        if any(got(array.type) and wanted(type_) for got, wanted in _EXACT_CASTS):
            return pc.cast(array, type_)
    return None


def _numerics(texts: pa.Array, declared: pa.DataType, type_: pa.DataType) -> pa.Array | None:
    """Return the texts of PostgreSQL's numeric as numbers: without exponents, in the digits of its type."""
    is_bounded = declared != ANY_NUMBER
    if type_ == pa.float64():
        digits = declared.precision if is_bounded else pc.max(pc.binary_length(texts)).as_py() or 0
        return pc.cast(texts, type_) if digits <= FLOAT_DIGITS else None
    if pa.types.is_integer(type_):
        return pc.cast(texts, type_)
    return pc.cast(pc.cast(texts, declared), type_) if is_bounded and pa.types.is_decimal(type_) else None


def _floats(decimals: pa.Array) -> pa.Array | None:
    """Return decimals of up to 15 digits as the nearest float64: a quotient of two whole numbers is exact."""
    # Arrow's own cast is wrong in the last digit of every seventh value.
    scale = decimals.type.scale
    most = Decimal((0, (1,), FLOAT_DIGITS - scale))
    ends = filter(None, pc.min_max(decimals).as_py().values())
    if not (0 <= scale <= _EXACT_POWER and all(-most < end < most for end in ends)):
        return None
    counts = np.frombuffer(decimals.buffers()[1] or b"", np.int64)[::2]
    floats = counts[decimals.offset : decimals.offset + len(decimals)] / 10.0**scale
    mask = None if not decimals.null_count else ~decimals.is_valid().to_numpy(zero_copy_only=False)
    return pa.array(floats, pa.float64(), mask=mask)


# --- the pairs ----------------------------------------------------------------------------------------


def _raise_at(wrong: pa.BooleanArray, array: pa.Array, reason: str) -> None:
    """Raise a CellError about the first value that is marked as wrong, if any is."""
    if wrong.true_count:
        row = wrong.index(True).as_py()
        value = cells(array.slice(row, 1))[0]
        raise CellError(row, value if isinstance(value, str) else dump(value), reason)


def _same(array: pa.Array, type_: pa.DataType, _: str) -> pa.Array:
    return array if array.type == type_ else pc.cast(array, type_)


def _text(array: pa.Array, type_: pa.DataType, origin: str) -> pa.Array:
    if (spelled := _ADBC_TEXTS.get(origin)) is not None:
        return build([spelled.get(text, text) for text in array.to_pylist()], type_)
    return (
        build(parsed(array.to_pylist(), origin, type_), type_)
        if origin in JSON_TYPES
        else pc.cast(array, type_)
    )


def _integers(array: pa.Array, type_: pa.DataType, _: str) -> pa.Array:
    signed = pa.types.is_signed_integer(type_)
    bits = type_.bit_width - signed
    _check_range(array, -(2**bits) if signed else 0, 2**bits - 1, f"does not fit in {type_}")
    return pc.cast(array, type_)


def _check_range(counts: pa.Array, first: int, last: int, reason: str, shown: pa.Array | None = None) -> None:
    """Raise a CellError about the least or largest number if it is outside of a range."""
    for found in pc.min_max(counts).as_py().values():
        if found is not None and not first <= found <= last:
            _raise_at(
                pc.equal(counts, pa.scalar(found, counts.type)), counts if shown is None else shown, reason
            )


def _timestamps(array: pa.Array, type_: pa.DataType, _: str) -> pa.Array:
    per_second = _PER_SECOND[array.type.unit]
    counts = array.view(pa.int64())
    if per_second <= _PER_SECOND["us"]:  # nanoseconds end long before
        first, last = (bound * per_second // _PER_SECOND["us"] for bound in (FIRST_MICROS, LAST_MICROS))
        _check_range(counts, first, last, "is not a time of the years 1 to 9999", array)
    array = _in_unit(array, counts, type_, pa.timestamp(type_.unit, array.type.tz))
    array = pc.cast(array, type_)
    row = row_out_of_range(array, type_.tz) if type_.tz else None
    if row is not None:
        raise CellError(
            row,
            cells(array.cast(pa.timestamp(type_.unit, "UTC")))[row],
            f"has no year that can be shown in {type_.tz}",
        )
    return array


def _in_unit(array: pa.Array, counts: pa.Array, type_: pa.DataType, unit_type: pa.DataType) -> pa.Array:
    """Return times in the unit of a type; each must be a multiple of it."""
    got, wanted = _PER_SECOND[array.type.unit], _PER_SECOND[type_.unit]
    if got > wanted:
        step = pa.scalar(got // wanted, counts.type)
        whole = pc.multiply(pc.divide(counts, step), step)
        _raise_at(pc.not_equal(whole, counts), array, f"has digits that {type_} does not hold")
    try:
        return pc.cast(array, unit_type)
    except pa.ArrowInvalid:
        most = (2**63 - 1) // (wanted // got)
        _check_range(counts, -most, most, f"does not fit in {type_}", array)
        raise


def _dates(array: pa.Array, type_: pa.DataType, _: str) -> pa.Array:
    if pa.types.is_date64(array.type):
        array = pc.cast(array, pa.date32())
    days = array.view(pa.int32())
    _check_range(
        days,
        FIRST_MICROS // DAY_MICROS,
        LAST_MICROS // DAY_MICROS,
        "is not a date of the years 1 to 9999",
        array,
    )
    return pc.cast(array, type_)


def _times(array: pa.Array, type_: pa.DataType, _: str) -> pa.Array:
    counts = array.view(pa.int32() if pa.types.is_time32(array.type) else pa.int64())
    _check_range(counts, 0, 86_400 * _PER_SECOND[array.type.unit] - 1, "is not a time of day", array)
    return _in_unit(array, counts, type_, type_)


def _intervals(array: pa.Array, type_: pa.DataType, _: str) -> pa.Array:
    """Read intervals of days and less; months have no fixed length."""
    nanos: list[int | None] = []
    step = 10**9 // _PER_SECOND[type_.unit]
    for row, value in enumerate(array.to_pylist()):
        if value is None:
            nanos.append(None)
            continue
        length = value.days * 86_400 * 10**9 + value.nanoseconds
        if value.months or length % step:
            words = (
                f"{value.months} months {value.days} days {Decimal(value.nanoseconds).scaleb(-9):f} seconds"
            )
            raise CellError(
                row, words, "has months" if value.months else f"has digits that {type_} does not hold"
            )
        nanos.append(length // step)
    return pc.cast(pa.array(nanos, pa.int64()), type_)


def _bytea(array: pa.Array, type_: pa.DataType, origin: str) -> pa.Array:
    if origin != "bytea":
        raise CellError(0, "a value of bytes", "is text in the answer; cast it to text in the SQL")
    return pa.array([None if value is None else f"\\x{value.hex()}" for value in array.to_pylist()], type_)


_is_clock: Final = any_of(pa.types.is_date, pa.types.is_timestamp, pa.types.is_time)

#: What a column may be and become; the first pair that matches decides.
_PAIRS: Final[tuple[tuple[TypeTest, TypeTest, Callable[..., pa.Array]], ...]] = (
    (pa.types.is_boolean, pa.types.is_boolean, _same),
    (pa.types.is_integer, pa.types.is_integer, _integers),
    (pa.types.is_float64, pa.types.is_float64, _same),
    (is_text, is_text, _text),
    (is_binary, is_binary, _same),
    (is_naive, is_naive, _timestamps),
    (is_aware, is_aware, _timestamps),
    (pa.types.is_date, pa.types.is_date, _dates),
    (pa.types.is_time, pa.types.is_time, _times),
    (
        pa.types.is_duration,
        pa.types.is_duration,
        lambda array, type_, _: _in_unit(array, array.view(pa.int64()), type_, type_),
    ),
    (pa.types.is_interval, pa.types.is_duration, _intervals),
    (is_binary, is_text, _bytea),
)
#: What comes by way of texts, if no pair matches.
_BY_TEXT: Final[tuple[tuple[TypeTest, TypeTest], ...]] = (
    (is_number, is_number),
    (pa.types.is_integer, pa.types.is_boolean),
    (pa.types.is_date, is_naive),
    (any_of(is_naive, is_aware), pa.types.is_date),
    (any_of(is_number, pa.types.is_boolean, _is_clock), any_of(is_text, pa.types.is_dictionary)),
    (is_text, lambda _: True),
    (pa.types.is_nested, any_of(pa.types.is_nested, is_text)),
)
