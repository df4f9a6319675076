"""The rows of a response as columns of exact cells, read by column where that is faster, otherwise by row.

The shape of the table is checked here too: what the columns are called, and that every row has as many cells
as there are columns. Nothing is padded, dropped or shifted.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa

from connecty_frames.decode import exact_json
from connecty_frames.decode.arrow_buffers import to_array
from connecty_frames.decode.blocks import LIMITS
from connecty_frames.decode.column import ScalarColumn, section_of
from connecty_frames.decode.columnar import read_columnar
from connecty_frames.decode.envelope import ParsedRows
from connecty_frames.decode.exact_json import FloatText, IntText, ValueKind
from connecty_frames.errors import ColumnNameWarning, ResponseError
from connecty_frames.text import counted, snippet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connecty_frames.decode.blocks import ReaderLimits

__all__ = ["Rows", "read_rows"]

#: In this many bytes the header is searched for first.
_HEADER_BYTES: Final = 1 << 16
#: The kind and the Arrow type of columns with cells of one Python type.
_BY_PYTHON_TYPE: Final = {
    str: (ValueKind.TEXT, pa.string()),
    bool: (ValueKind.BOOLEAN, pa.bool_()),
    int: (ValueKind.INTEGER, pa.int64()),
}
_RAW_CELLS: Final = msgspec.json.Decoder(list[list[msgspec.Raw]])


@dataclass(frozen=True)
class Rows:
    """The rows of a response, by column.

    Parameters
    ----------
    names
        The column names, each once.
    server_names
        The name of each column in the header, that of a number as it was written; None for null.
    warnings
        About the columns that had to be renamed.
    columns
        The cells of each column as ``exact_json.parse`` returns them.
    count
        How many rows there are.
    source
        What the columns were read from.
    """

    names: list[str]
    server_names: list[str | None]
    warnings: list[ColumnNameWarning]
    columns: list[Sequence[Any]]
    count: int
    source: memoryview | ParsedRows

    def json_of(self, column: int) -> list[str | None]:
        """Return the cells of a column as the JSON texts they were, None for null."""
        if self._raw_cells is None:
            return [None if cell is None else exact_json.dump(cell) for cell in self.columns[column]]
        cells = (str(memoryview(row[column]), "utf-8").strip() for row in self._raw_cells[1:])
        return [None if cell == "null" else cell for cell in cells]

    @cached_property
    def _raw_cells(self) -> Sequence[Sequence[msgspec.Raw | bytes]] | None:
        """The header and the rows as JSON texts, cut once for all columns; None where they cannot be cut."""
        source = self.source
        return source.raw_cells() if isinstance(source, ParsedRows) else _RAW_CELLS.decode(source)


def read_rows(
    source: memoryview | ParsedRows,
    statistics: Mapping[str, dict[str, Any]] | None = None,
    limits: ReaderLimits = LIMITS,
) -> Rows:
    """Read ``dataframe``: an array of column names first, then an array for each row.

    Parameters
    ----------
    source
        The JSON, or the parsed cells where only ``exact_json.parse`` could read them.
    statistics
        By column; they only decide what is tried first.
    limits
        The sizes by which the reader is chosen.

    Raises
    ------
    ResponseError
        Where it is not an array of arrays, has no header, or a row has more or fewer cells than the header.
    """
    if isinstance(source, ParsedRows):
        return _split_rows(source.cells, source)
    if len(source) > limits.smallest:
        sections = {name: section_of(found) for name, found in (statistics or {}).items()}
        table = read_columnar(source, sections, limits)
        if table is not None:
            header, columns = table
            return Rows(*column_names(header), list(columns), len(columns[0]), source)
    try:
        return _decode_rows(source)
    except (ValueError, msgspec.DecodeError, RecursionError, ResponseError):
        # What msgspec refuses may still be rows; if not, the error says what is wrong with them.
        return _split_rows(_parse(source), source)


def _decode_rows(source: memoryview) -> Rows:
    """Read rows by msgspec, which checks that each is as wide as the header."""
    header = _read_header(source)
    body = _row_decoder(len(header)).decode(source)[1:]
    rows = Rows(*column_names(header), [], len(body), source)
    for position, cells in enumerate(zip(*body, strict=True) if body else [()] * len(header)):
        rows.columns.append(_to_column(rows, position, cells))
    return rows


def _read_header(source: memoryview) -> list[Any]:
    text = str(source[:_HEADER_BYTES], "utf-8", "ignore")  # a character may be cut off at the end
    header: list[Any]
    try:
        header, _ = exact_json.parse_first(text, text.index("[", 1))  # the first bracket is that of all rows
    except ValueError:  # it is longer
        text = str(source, "utf-8")
        header, _ = exact_json.parse_first(text, text.index("[", 1))
    return header


@lru_cache(maxsize=16)
def _row_decoder(width: int) -> msgspec.json.Decoder[list[tuple[Any, ...]]]:
    """Return a decoder of rows of a width, which returns numbers with a fraction as the bytes they are."""
    row: Any = tuple[(Any,) * width]  # type: ignore[misc]
    return msgspec.json.Decoder(list[row], float_hook=str.encode)


def _to_column(rows: Rows, position: int, cells: tuple[Any, ...]) -> Sequence[Any]:
    """Return cells that msgspec has read as a ScalarColumn if they are of one kind, or as exact cells."""
    make_array = pa.array if "pandas" in sys.modules else to_array  # the former is faster, but imports pandas
    types = set(map(type, cells)) - {type(None)}
    if len(types) == 1 and types <= _BY_PYTHON_TYPE.keys():
        kind, arrow_type = _BY_PYTHON_TYPE[next(iter(types))]
        with suppress(OverflowError, pa.ArrowInvalid):  # some are beyond 64 bits
            return ScalarColumn(kind, make_array(cells, arrow_type))
    if types == {bytes}:
        return ScalarColumn(ValueKind.FRACTION, make_array(cells, pa.binary()).view(pa.string()))
    exact = _exact_cells(rows, position, cells, types)
    if types and types <= {bytes, int}:
        return ScalarColumn(ValueKind.FRACTION, make_array(exact, pa.string()))
    return exact


def _exact_cells(rows: Rows, position: int, cells: tuple[Any, ...], types: set[type]) -> list[Any]:
    """Return cells that msgspec has read as ``exact_json.parse`` would return them.

    Nested ones and zeros are parsed again: msgspec keeps one of two equal keys, and no minus of a zero.
    """
    if types & {list, dict} or any(type(cell) is int and cell == 0 for cell in cells):
        return [text if text is None else exact_json.parse(text) for text in rows.json_of(position)]
    return [
        IntText(cell) if type(cell) is int else FloatText(cell.decode()) if isinstance(cell, bytes) else cell
        for cell in cells
    ]


def _parse(source: memoryview) -> Any:
    try:
        return exact_json.parse(str(source, "utf-8"))
    except UnicodeDecodeError as error:
        raise ResponseError(f"dataframe is not UTF-8 at byte {error.start} of it.") from None
    except RecursionError:
        raise ResponseError("dataframe is nested too deeply.") from None
    except ValueError as error:  # pragma: no cover - msgspec has proved the grammar
        raise ResponseError(f"dataframe is not JSON: {error}") from None


def _split_rows(rows: object, source: memoryview | ParsedRows) -> Rows:
    """Check the shape of parsed rows, and return them by column."""
    if not isinstance(rows, list):
        raise ResponseError(f"dataframe is not an array of rows. It begins: {_preview(rows)}")
    if not rows or not isinstance(rows[0], list):
        raise ResponseError("dataframe has no header: its first row must be the array of column names.")
    header, *body = rows
    for number, row in enumerate(body):
        if not isinstance(row, list):
            raise ResponseError(f"Row {number} of dataframe is not an array: {_preview(row)}")
        if len(row) != len(header):
            raise ResponseError(
                f"Row {number} of dataframe has {counted(len(row), 'cell')} for "
                f"{counted(len(header), 'column')}: {_preview(row)}"
            )
    columns = map(list, zip(*body, strict=True)) if body else ([] for _ in header)
    return Rows(*column_names(header), list(columns), len(body), source)


def _preview(value: object) -> str:
    """Return how a value begins; to write out a deeply nested one would recurse too far."""
    return "(deeply nested)" if exact_json.is_too_deep([value]) else snippet(exact_json.dump(value))


# --- column names ------------------------------------------------------------------------------------


def column_names(header: list[Any]) -> tuple[list[str], list[str | None], list[ColumnNameWarning]]:
    """Return a name for each column, the server's name, and warnings of names that had to be changed.

    Of columns of one name, the first keeps it.
    """
    if _are_names(header):
        return header, list(header), []
    texts = [_name_text(position, name) for position, name in enumerate(header)]
    taken = {text for text in texts if text}
    numbers: defaultdict[str, count[int]] = defaultdict(lambda: count(1))
    names: list[str] = []
    used: set[str] = set()
    warnings: list[ColumnNameWarning] = []
    for position, (given, text) in enumerate(zip(header, texts, strict=True)):
        wanted = "" if exact_json.NUL in text else text
        if wanted and wanted not in used:
            name = wanted
        else:
            name = _free_name(wanted, position, taken, numbers)
            taken.add(name)
        if name != given or type(given) is not str:
            reason = "is not a name"
            if exact_json.NUL in text:
                reason = "holds a NUL character"
            elif wanted in used:
                reason = "is taken"
            what = snippet(exact_json.dump(given))
            message = f"Column {position} is called {snippet(name)!r}, since its name {what} {reason}."
            warnings.append(ColumnNameWarning(message))
        names.append(name)
        used.add(name)
    server_names = [None if name is None else text for name, text in zip(header, texts, strict=True)]
    return names, server_names, warnings


def _free_name(wanted: str, position: int, taken: set[str], numbers: defaultdict[str, count[int]]) -> str:
    """Return a name that no column has: with a number, and by the position where none is wanted.

    Numbers only grow, so that many columns of one name are not searched from the start again.
    """
    base = wanted or f"column_{position}"
    numbered = (f"{base}_{number}" for number in numbers[base])
    candidates = numbered if wanted else chain((base,), numbered)
    return next(candidate for candidate in candidates if candidate not in taken)


def _are_names(header: list[Any]) -> bool:
    """Whether a header needs no change, as nearly always: all of it are different, valid names."""
    if set(map(type, header)) != {str} or "" in header or len(set(header)) < len(header):
        return False
    joined = "".join(header)
    return exact_json.NUL not in joined and exact_json.is_encodable(joined)


def _name_text(position: int, name: object) -> str:
    """Return a name as text: empty for null, the exact JSON text of a number or a truth value."""
    if isinstance(name, list | dict):
        raise ResponseError(
            f"The header of dataframe holds {_preview(name)} at position {position}, which is not a "
            "column name; is the header row missing?"
        )
    text = "" if name is None else name if isinstance(name, str) else exact_json.dump(name)
    if not exact_json.is_encodable(text):
        raise ResponseError(
            f"The column name at position {position} holds {exact_json.LONE_SURROGATE}: {snippet(text)}"
        )
    return str(text)
