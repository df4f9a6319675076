"""Values of Arrow arrays as cells of an answer, and errors with one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames.decode import arrow
from connecty_frames.decode.cells import CellError, cell_error
from connecty_frames.decode.exact_json import FloatText, IntText, dump, to_object
from connecty_frames.decode.types.build import build

#: The number of each unit of time in a second.
PER_SECOND: Final = {unit: 10**digits for unit, digits in arrow.FRACTION_DIGITS.items()}


def is_uuid(type_: pa.DataType) -> bool:
    """Return True for Arrow's UUID type."""
    return getattr(type_, "extension_name", "") == "arrow.uuid"


def plain(array: pa.Array) -> pa.Array:
    """Return an array without dictionary encoding, as its storage type if the values are the same."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    name = getattr(array.type, "extension_name", "")
    if name == "arrow.bool8":
        return pc.cast(array.storage, pa.bool_())
    if name in {"arrow.json", "arrow.opaque"} and arrow.is_text(array.type.storage_type):
        array = array.storage
    if arrow.is_text(array.type):
        array.validate(full=True)  # checks that it is UTF-8
    return array


def raise_at(wrong: pa.BooleanArray, array: pa.Array, reason: str) -> None:
    """Raise a CellError for the first value marked as wrong, if any."""
    if wrong.true_count:
        row = wrong.index(True).as_py()
        try:
            shown = cells(array.slice(row, 1))[0]
        except CellError:  # a duration, or an unwritable time
            shown = f"{array[row].value} {array.type.unit}"
        raise cell_error(row, shown, reason)


def check_range(counts: pa.Array, first: int, last: int, reason: str, shown: pa.Array | None = None) -> None:
    """Raise a CellError for the smallest or largest number if it is out of range."""
    for found in pc.min_max(counts).as_py().values():
        if found is not None and not first <= found <= last:
            wrong = pc.equal(counts, pa.scalar(found, counts.type))
            raise_at(wrong, counts if shown is None else shown, reason)


def cells(array: pa.Array) -> list[Any]:
    """Return the values as input of ``build``: numbers and times as text, null as None."""
    array = plain(array)
    if (read := arrow.first_match(_CELLS, array.type)) is None:
        raise CellError(0, f"a value of {array.type}", "has no form in an answer; cast it in the SQL")
    return read(array)


def _texts_of(make: Callable[[Any], str]) -> Callable[[pa.Array], list[Any]]:
    return lambda array: [None if value is None else make(value) for value in array.to_pylist()]


def _float_cells(array: pa.Array) -> list[Any]:
    """Return floats in their shortest spelling that round-trips: 0.1 for the float32 nearest to it."""
    values = array.to_numpy(zero_copy_only=False)
    texts = [str(value) for value in values.astype(array.type.to_pandas_dtype())]
    special = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    made = [special.get(text) or FloatText(text) for text in texts]
    return [cell if valid else None for cell, valid in zip(made, array.is_valid().to_pylist(), strict=True)]


def _list_cells(array: pa.Array) -> list[Any]:
    if pa.types.is_fixed_size_list(array.type):
        array = array.cast(pa.list_(array.type.value_type))
    return _split(array, cells(array.values), list)


def _map_cells(array: pa.Array) -> list[Any]:
    keys = [str(key) if isinstance(key, str) else dump(key) for key in cells(array.keys)]
    return _split(array, list(zip(keys, cells(array.items), strict=True)), to_object)


def _split(array: pa.Array, items: list[Any], make: Callable[[list[Any]], Any]) -> list[Any]:
    bounds = zip(pairwise(array.offsets.to_pylist()), array.is_valid().to_pylist(), strict=True)
    return [make(items[start:end]) if valid else None for (start, end), valid in bounds]


def _struct_cells(array: pa.Array) -> list[Any]:
    names = [field.name for field in array.type]
    columns = [cells(child) for child in array.flatten()]
    rows = list(zip(*columns, strict=True)) or [()] * len(array)
    return [
        to_object(list(zip(names, row, strict=True))) if valid else None
        for row, valid in zip(rows, array.is_valid().to_pylist(), strict=True)
    ]


#: The counts for infinity, by their number of bits: in DuckDB the largest, in PostgreSQL the largest since
#: 2000, which overflows when ADBC counts from 1970.
_INFINITIES: Final[dict[int, dict[int, str]]] = {
    bits: {
        end - 1: "infinity",
        -end + 1: "-infinity",
        -end + since - 1: "infinity",
        -end + since: "-infinity",
    }
    for bits, end, since in ((64, 2**63, 946_684_800_000_000), (32, 2**31, 10_957))
}


def _temporal_cells(array: pa.Array) -> list[str | None]:
    # Instants are in UTC; fractions have no trailing zeros. ``infinity``, ``0044-03-15 BC`` and ``24:00:00``
    # occur. Durations and intervals raise CellError: databases write them in several ways.
    type_ = array.type
    if pa.types.is_date64(type_):
        return _temporal_cells(arrow.combine(build(cells(array.view(pa.timestamp("ms"))), pa.date32())))
    if pa.types.is_date32(type_):
        texts = _date_texts(array.view(pa.int32()), "D", "")
    elif pa.types.is_timestamp(type_):
        texts = _date_texts(array.view(pa.int64()), type_.unit, "" if type_.tz is None else "+00:00")
    elif pa.types.is_time(type_):
        counts = array.view(pa.int32() if pa.types.is_time32(type_) else pa.int64())
        check_range(counts, 0, 86_400 * PER_SECOND[type_.unit], f"{type_.unit} is not a time of day")
        texts = (_time_text(count, type_.unit) for count in _counts(counts))
    else:
        raise CellError(0, f"a value of {type_}", "has no exact form as text; cast it to text in the SQL")
    return [text if valid else None for text, valid in zip(texts, array.is_valid().to_pylist(), strict=True)]


def _counts(counts: pa.Array) -> Any:
    return pc.fill_null(counts, pa.scalar(0, counts.type)).to_numpy(zero_copy_only=False)


def _date_texts(counts: pa.Array, unit: str, offset: str) -> Iterator[str]:
    infinities = _INFINITIES[counts.type.bit_width]
    numbers = _counts(counts)
    texts = np.datetime_as_string(numbers.astype(f"datetime64[{unit}]"))
    for row, (count, text) in enumerate(zip(numbers, texts, strict=True)):
        infinity = infinities.get(int(count))
        if text == "NaT" or (infinity and unit == "ns"):  # or perhaps a time in 1677 or 2262
            raise CellError(row, f"{count} {unit}", f"may be {infinity}" if infinity else "is not a time")
        if infinity:
            yield infinity
            continue
        day, _, clock = str(text).partition("T")
        era = ""
        year = int(day[:-6])
        if year < 1:
            day, era = f"{1 - year:04d}{day[-6:]}", " BC"
        yield f"{day}{'T' if clock else ''}{_trimmed(clock)}{offset if clock else ''}{era}"


def _trimmed(clock: str) -> str:
    return clock.rstrip("0").rstrip(".") if "." in clock else clock


def _time_text(count: int, unit: str) -> str:
    digits = arrow.FRACTION_DIGITS[unit]
    seconds, fraction = divmod(int(count), 10**digits)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return _trimmed(f"{clock}.{fraction:0{digits}d}") if digits else clock


_CELLS: Final[tuple[tuple[arrow.TypeTest, Callable[[pa.Array], list[Any]]], ...]] = (
    (arrow.any_of(arrow.is_text, pa.types.is_boolean, pa.types.is_null), pa.Array.to_pylist),
    (pa.types.is_integer, _texts_of(IntText)),
    (pa.types.is_decimal, _texts_of(lambda value: FloatText(format(value, "f")))),
    (pa.types.is_floating, _float_cells),
    (pa.types.is_temporal, _temporal_cells),
    (arrow.is_list, _list_cells),
    (pa.types.is_struct, _struct_cells),
    (pa.types.is_map, _map_cells),
    (is_uuid, lambda array: _texts_of(lambda value: str(UUID(bytes=value)))(array.storage)),
)
