"""The rows of a response as columns of exact cells, read by column where that is faster, otherwise by row.

The shape of the table is checked here too: what the columns are called, and that every row has as many cells
as there are columns. Nothing is padded, dropped or shifted.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from contextlib import suppress
from functools import cached_property, lru_cache
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import snippet
from connecty_frames.decode import exact_json
from connecty_frames.decode.arrow.buffers import to_array
from connecty_frames.decode.exact_json import ValueKind
from connecty_frames.decode.limits import LIMITS
from connecty_frames.decode.rows.columnar import read_columnar
from connecty_frames.decode.rows.general import Table, preview, read_general
from connecty_frames.decode.types.column import CellColumn, ScalarColumn
from connecty_frames.errors import ColumnNameWarning, ResponseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connecty_frames.decode.limits import ReaderLimits
    from connecty_frames.decode.statistics import ColumnStatistics

#: The kind and the Arrow type of columns with cells of one Python type.
_BY_PYTHON_TYPE: Final = {
    str: (ValueKind.TEXT, pa.string()),
    bool: (ValueKind.BOOLEAN, pa.bool_()),
    int: (ValueKind.INTEGER, pa.int64()),
}


class Rows(Immutable, dict=True):  # for what is computed when it is first needed
    """The rows of a response, by column."""

    names: list[str]  # each once
    server_names: list[str | None]  # as in the header, a number as it was written; None for null
    warnings: list[ColumnNameWarning]  # about renamed columns
    columns: Sequence[Sequence[Any]]  # as ``exact_json.parse`` returns cells
    count: int
    source: memoryview
    limits: ReaderLimits = LIMITS

    def cells(self, position: int) -> CellColumn:
        """Return the cells of a column with their texts, also where it was read in another way."""
        column = self.columns[position]
        return column if isinstance(column, CellColumn) else self._table.cells(position)

    @cached_property
    def _table(self) -> Table:
        """All rows, read once more for the columns that need their texts."""
        return read_general(self.source, self.limits)[1]


def read_rows(
    source: memoryview,
    statistics: Mapping[str, ColumnStatistics],
    limits: ReaderLimits = LIMITS,
) -> Rows:
    """Read the JSON of ``dataframe``: an array of column names, then one for each row."""
    fast: tuple[list[Any], Sequence[Sequence[Any]]] | None
    if len(source) > limits.smallest:
        sections = {name: found.candidates[0] for name, found in statistics.items()}
        fast = read_columnar(source, sections, limits)
    else:
        fast = _read_small(source)
    if fast is not None:
        header, columns = fast
        return Rows(*column_names(header), columns, len(columns[0]), source, limits)
    header, table = read_general(source, limits)
    return Rows(*column_names(header), table, table.rows, source, limits)


def _read_small(source: memoryview) -> tuple[list[Any], list[ScalarColumn | CellColumn]] | None:
    """Read rows of scalars by msgspec, which checks each row's width; None if the general reader has to."""
    columns = []
    try:
        header = _read_header(source)
        for cells in zip(*_row_decoder(len(header)).decode(source)[1:], strict=True):
            column = _to_column(cells)
            if column is None:
                return None
            columns.append(column)
    except (ValueError, msgspec.DecodeError, RecursionError):
        return None
    return (header, columns) if columns else None


def _read_header(source: memoryview) -> list[Any]:
    text = str(source, "utf-8")
    header: list[Any]
    header, _ = exact_json.parse_first(text, text.index("[", 1))  # the first bracket is that of all rows
    return header


@lru_cache(maxsize=16)
def _row_decoder(width: int) -> msgspec.json.Decoder[list[tuple[Any, ...]]]:
    """Return a decoder of rows of a width, which returns numbers with a fraction as the bytes they are."""
    row: Any = tuple[(Any,) * width]  # type: ignore[misc]
    return msgspec.json.Decoder(list[row], float_hook=str.encode)


def _to_column(cells: tuple[Any, ...]) -> ScalarColumn | CellColumn | None:
    """Return cells that msgspec has read, None unless they are of one kind."""
    make_array = pa.array if "pandas" in sys.modules else to_array  # the former is faster, but imports pandas
    types = set(map(type, cells)) - {type(None)}
    if not types:
        return CellColumn.of_nulls(len(cells))
    if types == {bytes}:
        return ScalarColumn(ValueKind.FRACTION, make_array(cells, pa.binary()).view(pa.string()))
    # The minus of a zero is lost.
    if types == {bytes, int} and not any(type(cell) is int and cell == 0 for cell in cells):
        texts = [str(cell) if type(cell) is int else cell and cell.decode() for cell in cells]
        return ScalarColumn(ValueKind.FRACTION, make_array(texts, pa.string()))
    if len(types) == 1 and types <= _BY_PYTHON_TYPE.keys():
        kind, arrow_type = _BY_PYTHON_TYPE[next(iter(types))]
        with suppress(OverflowError, pa.ArrowInvalid):  # some are beyond 64 bits
            return ScalarColumn(kind, make_array(cells, arrow_type))
    return None


# --- column names ------------------------------------------------------------------------------------


def column_names(header: list[Any]) -> tuple[list[str], list[str | None], list[ColumnNameWarning]]:
    """Return unique names, the server's names, and warnings; of equal names, the first keeps it."""
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
    """Return a name that no column has: with a number, or by position if none is wanted."""
    # Numbers only grow, so that many columns of one name are not searched from the start again.
    base = wanted or f"column_{position}"
    candidates = chain((base,), (f"{base}_{number}" for number in numbers[base]))
    return next(candidate for candidate in candidates if candidate not in taken)


def _are_names(header: list[Any]) -> bool:
    """Whether a header needs no change, the usual case: its names are valid and distinct."""
    if set(map(type, header)) != {str} or "" in header or len(set(header)) < len(header):
        return False
    joined = "".join(header)
    return exact_json.NUL not in joined and exact_json.is_encodable(joined)


def _name_text(position: int, name: object) -> str:
    """Return a name as text: empty for null, the exact JSON text of a number or a truth value."""
    if isinstance(name, list | dict):
        raise ResponseError(
            f"The header of dataframe holds {preview(name)} at position {position}, which is not a "
            "column name; is the header row missing?"
        )
    text = "" if name is None else name if isinstance(name, str) else exact_json.dump(name)
    if not exact_json.is_encodable(text):
        raise ResponseError(
            f"The column name at position {position} holds {exact_json.LONE_SURROGATE}: {snippet(text)}"
        )
    return str(text)
