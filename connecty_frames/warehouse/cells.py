"""Cells of warehouses as ``decode.builders`` reads them: numbers and times as texts, or None for null."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames.decode.arrow_types import FRACTION_DIGITS, any_of, first_match, is_list, is_text
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.exact_json import FloatText, IntText, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from connecty_frames.decode.arrow_types import TypeTest

#: The types of databases whose texts are JSON.
JSON_TYPES: Final = frozenset({"json", "jsonb"})


def parsed(values: list[Any], origin: str, type_: pa.DataType) -> list[Any]:
    """Return cells with those texts parsed that are JSON."""
    if origin not in JSON_TYPES and not pa.types.is_nested(type_):
        return values
    found = []
    for row, cell in enumerate(values):
        try:
            found.append(parse(cell) if type(cell) is str else cell)
        except (ValueError, RecursionError):
            raise CellError(row, cell, "is not JSON") from None
    return found


# --- of Arrow -------------------------------------------------------------------------------------------


def cells(array: pa.Array) -> list[Any]:
    """Return the cells of an array."""
    if (read := first_match(_CELLS, array.type)) is None:
        raise CellError(0, f"a value of {array.type}", "has no form in an answer")
    return read(array)


def plain(array: pa.Array) -> pa.Array:
    """Return an array of a type of Arrow's own, of values that are not numbered."""
    if isinstance(array.type, pa.BaseExtensionType):
        if array.type.extension_name == "arrow.uuid":
            return pa.array([None if v is None else str(UUID(bytes=v)) for v in array.storage.to_pylist()])
        return array.storage
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _texts_of(make: Callable[[Any], str]) -> Callable[[pa.Array], list[Any]]:
    return lambda array: [None if value is None else make(value) for value in array.to_pylist()]


def _float_cells(array: pa.Array) -> list[Any]:
    """Return floats in the shortest spelling that gives them back: 0.1 for the float32 nearest to it."""
    values = array.to_numpy(zero_copy_only=False)
    texts = [str(value) for value in values.astype(array.type.to_pandas_dtype())]
    special = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    cells = [special.get(text) or FloatText(text) for text in texts]
    return [cell if valid else None for cell, valid in zip(cells, array.is_valid().to_pylist(), strict=True)]


def _list_cells(array: pa.Array) -> list[Any]:
    if pa.types.is_fixed_size_list(array.type):
        array = array.cast(pa.list_(array.type.value_type))
    return _split(array, cells(plain(array.values)), list)


def _map_cells(array: pa.Array) -> list[Any]:
    pairs = list(zip(cells(array.keys), cells(array.items), strict=True))
    return _split(array, pairs, lambda found: {str(key): item for key, item in found})


def _split(array: pa.Array, items: list[Any], make: Callable[[list[Any]], Any]) -> list[Any]:
    bounds = zip(pairwise(array.offsets.to_pylist()), array.is_valid().to_pylist(), strict=True)
    return [make(items[start:end]) if valid else None for (start, end), valid in bounds]


def _struct_cells(array: pa.Array) -> list[Any]:
    names = [field.name for field in array.type]
    columns = [cells(plain(child)) for child in array.flatten()]
    rows = list(zip(*columns, strict=True)) or [()] * len(array)
    return [
        dict(zip(names, row, strict=True)) if valid else None
        for row, valid in zip(rows, array.is_valid().to_pylist(), strict=True)
    ]


#: The counts that stand for infinity: in DuckDB the largest, in PostgreSQL the largest since 2000, which ADBC
#: counts on from 1970, beyond the end of the type.
_INFINITIES: Final[dict[int, dict[int, str]]] = {
    64: {
        2**63 - 1: "infinity",
        -(2**63) + 1: "-infinity",
        -(2**63) + 946_684_800_000_000 - 1: "infinity",
        -(2**63) + 946_684_800_000_000: "-infinity",
    },
    32: {
        2**31 - 1: "infinity",
        -(2**31) + 1: "-infinity",
        -(2**31) + 10_957 - 1: "infinity",
        -(2**31) + 10_957: "-infinity",
    },
}


def _temporal_cells(array: pa.Array) -> list[str | None]:
    """Return dates, timestamps and times of day as PostgreSQL writes them to JSON; None is null."""
    # Instants are in UTC. Fractions have no zeros at their end. There are ``infinity``, ``0044-03-15 BC`` and
    # ``24:00:00``. Durations and intervals, which databases write in several ways, are a CellError.
    type_ = array.type
    if pa.types.is_date64(type_):
        return _temporal_cells(pc.cast(array, pa.date32()))
    if pa.types.is_date32(type_):
        texts = _dates(array.view(pa.int32()), "D", "")
    elif pa.types.is_timestamp(type_):
        texts = _dates(array.view(pa.int64()), type_.unit, "" if type_.tz is None else "+00:00")
    elif pa.types.is_time(type_):
        counts = array.view(pa.int32() if pa.types.is_time32(type_) else pa.int64())
        texts = (_time(count, type_.unit) for count in _counts(counts))
    else:
        raise CellError(0, f"a value of {type_}", "has no exact form as text; cast it to text in the SQL")
    return [text if valid else None for text, valid in zip(texts, array.is_valid().to_pylist(), strict=True)]


def _counts(counts: pa.Array) -> Any:
    return pc.fill_null(counts, pa.scalar(0, counts.type)).to_numpy(zero_copy_only=False)


def _dates(counts: pa.Array, unit: str, offset: str) -> Iterator[str]:
    infinities = _INFINITIES[counts.type.bit_width]
    numbers = _counts(counts)
    for count, text in zip(
        numbers, np.datetime_as_string(numbers.astype(f"datetime64[{unit}]")), strict=True
    ):
        if (infinity := infinities.get(int(count))) is not None:
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


def _time(count: int, unit: str) -> str:
    digits = FRACTION_DIGITS[unit]
    seconds, fraction = divmod(int(count), 10**digits)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return _trimmed(f"{clock}.{fraction:0{digits}d}") if digits else clock


_CELLS: Final[tuple[tuple[TypeTest, Callable[[pa.Array], list[Any]]], ...]] = (
    (any_of(is_text, pa.types.is_boolean), pa.Array.to_pylist),
    (pa.types.is_integer, _texts_of(IntText)),
    (pa.types.is_decimal, _texts_of(lambda value: FloatText(format(value, "f")))),
    (pa.types.is_floating, _float_cells),
    (pa.types.is_temporal, _temporal_cells),
    (is_list, _list_cells),
    (pa.types.is_struct, _struct_cells),
    (pa.types.is_map, _map_cells),
)


# --- of drivers without Arrow ---------------------------------------------------------------------------

#: A timestamp as PostgreSQL writes it as text: the day, the time, its offset and the era.
_match_timestamp: Final = re.compile(
    r"(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d)?((?::\d\d)*)( BC)?", re.ASCII
).fullmatch


def postgres_cells(column: Iterable[Any], origin: str) -> list[Any]:
    """Return texts of a type of PostgreSQL, or lists of them, as that database writes the values to JSON."""
    read = _POSTGRES.get(origin)
    return list(column) if read is None else [_postgres_cell(read, value) for value in column]


def _postgres_cell(read: Callable[[str], Any], value: Any) -> Any:
    if value is None:
        return None
    return [_postgres_cell(read, item) for item in value] if isinstance(value, list) else read(value)


def _timestamp(text: str) -> str:
    if (found := _match_timestamp(text)) is None:
        return text  # infinity
    day, clock, hours, rest, era = found.groups("")
    return f"{day}T{clock}{hours}{rest or ':00' if hours else ''}{era}"


def _number(text: str) -> str:
    if text.lstrip("-").isdecimal():
        return IntText(text)
    return text if text.endswith(("NaN", "Infinity")) else FloatText(text)


_POSTGRES: Final[dict[str, Callable[[str], Any]]] = {
    "bool": {"t": True, "f": False}.__getitem__,
    **dict.fromkeys(("int2", "int4", "int8", "oid", "float4", "float8", "numeric"), _number),
    **dict.fromkeys(("timestamp", "timestamptz"), _timestamp),
    **dict.fromkeys(("json", "jsonb"), parse),
}
#: SQLite has no NaN.
_PYTHON_INFINITIES: Final = {float("inf"): "Infinity", float("-inf"): "-Infinity"}


def python_cells(column: Iterable[Any]) -> list[Any]:
    """Return the whole numbers, floats and texts of SQLite; CellError at the first value of another kind."""
    found: list[Any] = []
    for row, value in enumerate(column):
        match value:
            case None | bool() | str():
                found.append(value)
            case int():
                found.append(IntText(value))
            case float():
                found.append(_PYTHON_INFINITIES.get(value) or FloatText(repr(value)))
            case _:
                reason = "is a Python type that is not supported; cast it in the SQL"
                raise CellError(row, type(value).__name__, reason)
    return found
