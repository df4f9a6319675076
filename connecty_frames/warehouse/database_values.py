"""Values of drivers as the values of answers that ``decode.builders`` reads, such as numbers as texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from connecty_frames.decode.errors import CellError
from connecty_frames.decode.exact_json import FloatText, IntText, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
_INFINITIES: Final = {float("inf"): "Infinity", float("-inf"): "-Infinity"}


def python_cells(column: Iterable[Any]) -> list[Any]:
    """Return the whole numbers, floats and texts of SQLite; CellError at the first value of another kind."""
    return [_python_cell(row, value) for row, value in enumerate(column)]


def _python_cell(row: int, value: Any) -> Any:
    match value:
        case None | bool() | str():
            return value
        case int():
            return IntText(value)
        case float():
            return _INFINITIES.get(value) or FloatText(repr(value))
    raise CellError(row, type(value).__name__, "is a type of Python that is not read; cast it in the SQL")
