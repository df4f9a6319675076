"""Convert Arrow arrays to other types, exactly or with a CellError.

There is no general cast. :data:`_PAIRS` lists what a type may become, and how: by an Arrow cast that changes
no value, by one that is checked first, or by way of text, which is then read like an answer. Any other pair
is an error, before the first row.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames.decode import arrow
from connecty_frames.decode.cells import CellError, cell_error
from connecty_frames.decode.exact_json import FloatText, parse
from connecty_frames.decode.types.build import build
from connecty_frames.decode.types.encodings import EPOCH_UNITS, Encoding, epoch
from connecty_frames.decode.types.numbers import is_finite, loses_digits
from connecty_frames.decode.types.times import DAY_MICROS, FIRST_MICROS, LAST_MICROS, row_out_of_range
from connecty_frames.warehouse.cells import PER_SECOND, cells, check_range, is_uuid, plain, raise_at

if TYPE_CHECKING:
    from connecty_frames.decode.schema import ColumnSchema

JSON_TYPES: Final = frozenset({"json", "jsonb"})
#: Database types that arrive with values of another type.
_MISREAD: Final = frozenset(
    {"money", "oid", "xid", "cid", "record", "bit", "time with time zone", "uhugeint", "union"}
)
FLOAT_DIGITS: Final = {16: 3, 32: 6, 64: 15}  # decimal digits that survive a float of so many bits
#: How ADBC writes some values of PostgreSQL types, and how PostgreSQL writes them.
_ADBC_TEXTS: Final = {"numeric": {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}, "char": {"\0": ""}}


class Pair(NamedTuple):
    """The type of a column in a table, and its final type."""

    got: pa.DataType  # as `plain` returns it
    wanted: pa.DataType
    origin: str = ""  # the database's name for the type, in lower case; empty if unknown
    declared: pa.DataType | None = None  # the decimal type of numbers as text, if bounded
    encoding: Encoding | None = None
    nearest: bool = False  # fractions become the nearest float, by ``schema=`` or ``decimals="float"``
    computed: bool = False  # text of computed fractions becomes the nearest float, as in the answer
    spelled: bool = True  # the text of numbers and times is known or does not matter


def pair_of(got: pa.DataType, wanted: ColumnSchema, origin: str, declared: pa.DataType | None) -> Pair:
    """Return the pair of types to convert between; raises CellError if no value can be converted."""
    if origin in _MISREAD and not arrow.is_text(got):
        raise CellError(0, f"the type {origin}", "does not arrive with its exact values; cast it in the SQL")
    empty = plain(pa.nulls(0, got))
    pair = Pair(
        empty.type,
        wanted.type,
        origin,
        declared,
        wanted.encoding,
        wanted.basis in {"schema", "nearest"},
        wanted.basis == "computed",
        # Some values, such as infinity, can only be text.
        not wanted.is_inferred or (wanted.basis == "text" and not pa.types.is_floating(empty.type)),
    )
    convert(empty, pair)
    return pair


def convert(array: pa.Array, pair: Pair) -> pa.Array:
    """Convert an array to the wanted type; raises CellError at the first unsuitable value."""
    array = plain(array)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), pair.wanted)
    if pair.encoding is not None:
        if isinstance(pair.encoding, epoch):
            _check_spacing(array, pa.decimal128(38, EPOCH_UNITS[pair.encoding.unit][1]))
        return arrow.combine(build(cells(array), pair.encoding))
    for got_test, wanted_test, how in _PAIRS:
        if got_test(array.type) and wanted_test(pair.wanted):
            return arrow.combine(how(array, pair))
    raise CellError(0, f"a value of {pair.got}", f"has no exact form as {pair.wanted}")


def _same(array: pa.Array, pair: Pair) -> pa.Array:
    return array if array.type == pair.wanted else pc.cast(array, pair.wanted)


def _by_text(array: pa.Array, pair: Pair) -> pa.Array:
    spelled = _ADBC_TEXTS.get(pair.origin, {}) if arrow.is_text(array.type) else {}
    values = [spelled.get(text, text) for text in array.to_pylist()] if spelled else cells(array)
    if pair.origin in JSON_TYPES or (arrow.is_text(array.type) and pa.types.is_nested(pair.wanted)):
        for row, cell in enumerate(values):
            try:
                values[row] = parse(cell) if type(cell) is str else cell
            except (ValueError, RecursionError):
                raise CellError(row, cell, "is not JSON") from None
    made = build(values, pair.wanted)
    if pair.wanted == pa.float64():
        for row, text in enumerate(values):
            if text is None or not is_finite(text) or (pair.nearest and "." in text.rstrip("0").rstrip(".")):
                continue  # only fractions, as in an answer
            if loses_digits(text, computed=pair.computed and arrow.is_text(array.type)):
                raise CellError(row, text, "has more digits than double holds")
    if pa.types.is_nested(array.type):
        _check_spacing(array, pair.wanted)
    return made


# --- numbers --------------------------------------------------------------------------------------------


def _integers(array: pa.Array, pair: Pair) -> pa.Array:
    signed = pa.types.is_signed_integer(pair.wanted)
    bits = pair.wanted.bit_width - signed
    check_range(array, -(2**bits) if signed else 0, 2**bits - 1, f"does not fit in {pair.wanted}")
    return pc.cast(array, pair.wanted)


def _exact_cast(array: pa.Array, pair: Pair) -> pa.Array:
    """Cast by Arrow if it does so exactly; otherwise by text, to find the value that does not fit."""
    if array.type == pair.wanted and pair.origin != "hugeint":  # hugeint has 39 digits
        return array
    with suppress(pa.ArrowException):
        if pa.types.is_decimal(array.type) and pa.types.is_decimal(pair.wanted):
            # Arrow's cast may wrap around for values with more digits before the point.
            limit = Decimal((0, (1,), pair.wanted.precision - pair.wanted.scale))
            ends = filter(None, pc.min_max(_wide(array)).as_py().values())
            if all(-limit < end < limit for end in ends):
                return pc.cast(pc.cast(_wide(array), _wide_type(pair.wanted)), pair.wanted)
        elif pair.origin != "hugeint" or pair.wanted == pa.int64():
            return pc.cast(_wide(array), pair.wanted)
    return _by_text(array, pair)


def _wide(array: pa.Array) -> pa.Array:
    """Widen decimals of 32 and 64 bits to decimal128: Arrow casts it to more types."""
    return pc.cast(array, _wide_type(array.type)) if pa.types.is_decimal(array.type) else array


def _wide_type(type_: pa.DataType) -> pa.DataType:
    return type_ if pa.types.is_decimal256(type_) else pa.decimal128(type_.precision, type_.scale)


def _floats(array: pa.Array, pair: Pair) -> pa.Array:
    """Convert decimals to the float64 with the same shortest text, or to the nearest if chosen."""
    # Arrow's own cast is wrong in the last digit of every seventh value. Up to 15 digits, the unscaled number
    # divided by a power of ten is the nearest float64, because both are exact.
    array = _wide(array)
    scale = array.type.scale
    most = Decimal((0, (1,), FLOAT_DIGITS[64] - scale))
    ends = filter(None, pc.min_max(array).as_py().values())
    if (
        pa.types.is_decimal128(array.type)
        and scale in range(23)  # float64 holds these powers of ten
        and all(-most < end < most for end in ends)
    ):
        start, width = array.offset, 16  # bytes; the first half holds the number
        numbers = (array.buffers()[1] or pa.py_buffer(b""))[start * width : (start + len(array)) * width]
        floats = np.frombuffer(numbers, np.int64)[::2] / 10.0**scale
        mask = None if not array.null_count else ~array.is_valid().to_numpy(zero_copy_only=False)
        return pa.array(floats, pa.float64(), mask=mask)
    return _by_text(array, pair)


def _whole_floats(array: pa.Array, pair: Pair) -> pa.Array:
    """Convert floats to whole numbers; large ones are refused, because the client may have rounded them."""
    bits = array.type.bit_width
    values = pc.cast(array, pa.float64())
    raise_at(pc.not_equal(pc.floor(values), values), array, f"does not fit in {pair.wanted}")
    limit = pa.scalar(2.0 ** {16: 11, 32: 24, 64: 53}[bits])  # below it, whole numbers survive a float
    reason = f"came as a float of {bits} bits, which does not hold every whole number of this size"
    raise_at(pc.greater_equal(pc.abs(values), limit), array, reason)
    return _integers(pc.cast(values, pa.int64()), pair)


def _float_decimals(array: pa.Array, pair: Pair) -> pa.Array:
    """Convert floats to decimals; ones with many digits are refused: the client may have rounded them."""
    _check_spacing(array, pair.wanted)
    values, most = cells(array), FLOAT_DIGITS[array.type.bit_width]
    for row, text in enumerate(values):
        if type(text) is FloatText and len(Decimal(text).normalize().as_tuple().digits) > most:
            raise CellError(row, text, f"has more than the {most} digits that {array.type} holds")
    return build(values, pair.wanted)


def _check_spacing(array: pa.Array, wanted: pa.DataType) -> None:
    if _has_gap(array, wanted):
        row = next(row for row in range(len(array)) if _has_gap(array.slice(row, 1), wanted))
        reason = (
            f"came as a float and may have been rounded: it has no exact form as {wanted}; cast it in the SQL"
        )
        raise cell_error(row, cells(array.slice(row, 1))[0], reason)


def _has_gap(array: pa.Array, wanted: pa.DataType) -> bool:
    array = plain(array)
    if pa.types.is_floating(array.type):
        places = next((number(wanted) for test, number in _PLACES if test(wanted)), -300)
        with np.errstate(all="ignore"):  # infinity
            return bool((np.spacing(np.abs(array.to_numpy(zero_copy_only=False))) >= 10.0**-places).any())
    if pa.types.is_map(array.type):  # `items` would ignore the offset
        array = array.view(pa.list_(pa.struct([array.type.key_field, array.type.item_field])))
        children = {"": array.flatten().flatten()[1]}
    elif pa.types.is_struct(array.type):
        children = dict(zip([field.name for field in array.type], array.flatten(), strict=True))
    else:
        children = {"": array.flatten()} if arrow.is_list(array.type) else {}
    fields = {field.name: field.type for field in wanted} if pa.types.is_struct(wanted) else {}
    inside = fields.values() or [getattr(wanted, "item_type", getattr(wanted, "value_type", wanted))]
    return any(
        _has_gap(child, each)
        for name, child in children.items()
        for each in ([fields[name]] if name in fields else inside)
    )


def _from_text(array: pa.Array, pair: Pair) -> pa.Array:
    if pair.origin != "numeric":
        if not pa.types.is_floating(pair.wanted):
            raise_at(
                pc.match_substring_regex(array, r"[eE]\+?0*[1-9]"),
                array,
                "is spelled like a float, which may have been rounded; cast it in the SQL",
            )
        return _by_text(array, pair)
    with suppress(pa.ArrowException):
        if pa.types.is_integer(pair.wanted):
            return pc.cast(pc.cast(array, pa.decimal128(38)), pair.wanted)  # Arrow reads 0x1F as an integer
        if pair.wanted == pa.float64():
            made = pc.cast(array, pair.wanted)
            longest = pc.max(pc.binary_length(array)).as_py() or 0
            if longest <= FLOAT_DIGITS[64] and not pc.any(pc.is_inf(made)).as_py():  # 1e999 is infinite
                return made
        elif pair.declared and pa.types.is_decimal(pair.wanted):
            return _exact_cast(pc.cast(array, pair.declared), pair)
    return _by_text(array, pair)


# --- texts and bytes --------------------------------------------------------------------------------------


def _spelled(array: pa.Array, pair: Pair) -> pa.Array:
    if not pair.spelled:
        reason = "is text in the answer, and its spelling there is unknown"
        raise CellError(None, f"a value of {pair.origin or array.type}", reason)
    _check_spacing(array, pair.wanted)
    return _by_text(array, pair)


def _text_to_text(array: pa.Array, pair: Pair) -> pa.Array:
    if pair.origin == "numeric":
        return _spelled(array, pair)
    return _by_text(array, pair) if pair.origin in {*JSON_TYPES, *_ADBC_TEXTS} else _same(array, pair)


def _bytea(array: pa.Array, pair: Pair) -> pa.Array:
    if pair.origin != "bytea":
        raise CellError(0, "a value of bytes", "is text in the answer; cast it to text in the SQL")
    return pa.array([None if it is None else f"\\x{it.hex()}" for it in array.to_pylist()], pair.wanted)


# --- times ------------------------------------------------------------------------------------------------


def _timestamps(array: pa.Array, pair: Pair) -> pa.Array:
    type_ = pair.wanted
    per_second = PER_SECOND[array.type.unit]
    counts = array.view(pa.int64())
    first, last = (bound * per_second // PER_SECOND["us"] for bound in (FIRST_MICROS, LAST_MICROS))
    first, last = max(first, -(2**63) + 1), min(last, 2**63 - 1)  # the smallest count is numpy's NaT
    check_range(counts, first, last, "is not a time of the years 1 to 9999", array)
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
    got, wanted = PER_SECOND[array.type.unit], PER_SECOND[type_.unit]
    if got > wanted:
        step = pa.scalar(got // wanted, counts.type)
        whole = pc.multiply(pc.divide(counts, step), step)
        raise_at(pc.not_equal(whole, counts), array, f"has digits that {type_} does not hold")
    try:
        return pc.cast(array, unit_type)
    except pa.ArrowInvalid:
        most = (2**63 - 1) // (wanted // got)
        check_range(counts, -most, most, f"does not fit in {type_}", array)
        raise


def _dates(array: pa.Array, pair: Pair) -> pa.Array:
    if pa.types.is_date64(array.type):
        return convert(array.view(pa.timestamp("ms")), pair)
    days = array.view(pa.int32())
    first, last = FIRST_MICROS // DAY_MICROS, LAST_MICROS // DAY_MICROS
    check_range(days, first, last, "is not a date of the years 1 to 9999", array)
    return pc.cast(array, pair.wanted)


def _times(array: pa.Array, pair: Pair) -> pa.Array:
    counts = array.view(pa.int32() if pa.types.is_time32(array.type) else pa.int64())
    check_range(counts, 0, 86_400 * PER_SECOND[array.type.unit] - 1, "is not a time of day", array)
    return _in_unit(array, counts, pair.wanted, pair.wanted)


def _intervals(array: pa.Array, pair: Pair) -> pa.Array:
    lengths: list[int | None] = []
    step = 10**9 // PER_SECOND[pair.wanted.unit]
    for row, value in enumerate(array.to_pylist()):
        if value is None:
            lengths.append(None)
            continue
        nanos = value.days * 86_400 * 10**9 + value.nanoseconds
        wrong = {
            "has months": value.months,
            f"has digits that {pair.wanted} does not hold": nanos % step,
            f"does not fit in {pair.wanted}": not -(2**63) < nanos // step < 2**63,
        }
        for reason in filter(wrong.get, wrong):
            seconds = Decimal(value.nanoseconds).scaleb(-9)
            raise CellError(row, f"{value.months} months {value.days} days {seconds:f} seconds", reason)
        lengths.append(nanos // step)
    return pc.cast(pa.array(lengths, pa.int64()), pair.wanted)


# --- lists and structs --------------------------------------------------------------------------------------


def _lists(array: pa.Array, pair: Pair) -> pa.Array:
    if pa.types.is_fixed_size_list(array.type):
        array = array.cast(pa.list_(array.type.value_type))
    lengths = pc.fill_null(pc.list_value_length(array), pa.scalar(0, pa.int32()))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    field = pair.wanted.value_field

    def row_of(item: int) -> int:
        return max(int(np.searchsorted(offsets, item, side="right")) - 1, 0)

    try:
        items = convert(pc.list_flatten(array), _inside(pair, array.type.value_type, field.type))
    except CellError as error:
        raise error.at(row_of(error.row or 0)) from None
    if items.null_count and not field.nullable:
        row = row_of(items.is_null().index(True).as_py())
        raise CellError(row, "null", "is inside a value, where schema= does not allow it")
    if pa.types.is_fixed_size_list(pair.wanted):
        wrong = pc.not_equal(pc.list_value_length(array), pair.wanted.list_size)
        raise_at(wrong, array, f"does not have {pair.wanted.list_size} items")
    mask = array.is_null() if array.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets), items, mask=mask).cast(pair.wanted)


def _structs(array: pa.Array, pair: Pair) -> pa.Array:
    got, fields = [field.name for field in array.type], list(pair.wanted)
    if sorted(got) != sorted(field.name for field in fields) or len(set(got)) < len(got) or not got:
        raise CellError(0, f"a value of {pair.got}", f"has no exact form as {pair.wanted}")
    by_name = dict(zip(got, array.flatten(), strict=True))
    children = []
    for field in fields:
        child = by_name[field.name]
        children.append(convert(child, _inside(pair, child.type, field.type)))
        if not field.nullable:
            wrong = pc.and_(array.is_valid(), child.is_null())
            raise_at(wrong, array, f"has a null under {field.name!r}, which schema= does not allow")
    return pa.StructArray.from_arrays(children, fields=fields, mask=array.is_null())


def _inside(pair: Pair, got: pa.DataType, wanted: pa.DataType) -> Pair:
    """Return the pair of types inside a list or a struct; the database's names for them are unknown."""
    return Pair(got, wanted, nearest=pair.nearest, computed=pair.computed)


_is_written: Final = arrow.any_of(
    arrow.is_number, pa.types.is_boolean, pa.types.is_date, pa.types.is_timestamp, pa.types.is_time
)

_is_texts: Final = arrow.any_of(arrow.is_text, pa.types.is_dictionary)

#: How many digits after the point distinguish the values of a type; other types hold any float.
_PLACES: Final[tuple[tuple[arrow.TypeTest, Callable[[pa.DataType], float]], ...]] = (
    (pa.types.is_decimal, lambda type_: type_.scale),
    (pa.types.is_integer, lambda _: 0),
    (_is_texts, lambda _: np.inf),
)

#: Possible conversions and their functions; the first match decides. Any other pair is refused.
_PAIRS: Final[tuple[tuple[arrow.TypeTest, arrow.TypeTest, Callable[[pa.Array, Pair], pa.Array]], ...]] = (
    (pa.types.is_boolean, pa.types.is_boolean, _same),
    (pa.types.is_integer, pa.types.is_integer, _integers),
    (pa.types.is_integer, arrow.any_of(pa.types.is_decimal, pa.types.is_float64), _exact_cast),
    (pa.types.is_decimal, arrow.any_of(pa.types.is_decimal, pa.types.is_int64), _exact_cast),
    (pa.types.is_decimal, pa.types.is_float64, _floats),
    (pa.types.is_float64, pa.types.is_float64, _same),
    (pa.types.is_float32, pa.types.is_float32, _same),
    (pa.types.is_floating, pa.types.is_integer, _whole_floats),
    (pa.types.is_floating, pa.types.is_decimal, _float_decimals),
    (arrow.is_number, arrow.is_number, _by_text),
    (pa.types.is_integer, pa.types.is_boolean, _by_text),
    (arrow.is_text, arrow.is_text, _text_to_text),
    (arrow.is_text, arrow.is_number, _from_text),
    (arrow.is_text, lambda _: True, _by_text),
    (arrow.is_binary, arrow.is_binary, _same),
    (arrow.is_binary, arrow.is_text, _bytea),
    (arrow.is_naive, arrow.is_naive, _timestamps),
    (arrow.is_aware, arrow.is_aware, _timestamps),
    (pa.types.is_date, pa.types.is_date, _dates),
    (pa.types.is_time, pa.types.is_time, _times),
    (
        pa.types.is_duration,
        pa.types.is_duration,
        lambda array, pair: _in_unit(array, array.view(pa.int64()), pair.wanted, pair.wanted),
    ),
    (pa.types.is_interval, pa.types.is_duration, _intervals),
    (pa.types.is_date, arrow.is_naive, _by_text),
    (arrow.is_naive, pa.types.is_date, _by_text),  # not for an instant: its date depends on the zone
    (is_uuid, arrow.is_text, _by_text),
    (_is_written, _is_texts, _spelled),
    (arrow.is_list, arrow.is_list, _lists),
    (pa.types.is_struct, pa.types.is_struct, _structs),
    (pa.types.is_nested, arrow.any_of(pa.types.is_nested, arrow.is_text), _by_text),
)
