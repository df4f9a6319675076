"""The rows of a response as columns of exact cells, read by the columnar reader if possible.

The shape of the table is checked here too: what the columns are called, and that every row has as many cells
as there are columns. Nothing is padded, dropped or shifted.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import snippet
from connecty_frames.decode import exact_json
from connecty_frames.decode.limits import LIMITS
from connecty_frames.decode.rows.columnar import read_columnar
from connecty_frames.decode.rows.general import Table, preview, read_general
from connecty_frames.decode.types.column import CellColumn, ScalarColumn
from connecty_frames.errors import ColumnNameWarning, ResponseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connecty_frames.decode.limits import ReaderLimits
    from connecty_frames.decode.statistics import ColumnStatistics


class Rows(Immutable, dict=True):  # for what is computed when it is first needed
    """The rows of a response, by column."""

    names: list[str]  # each once
    server_names: list[str | None]  # as in the header, a number as it was written, or None for null
    warnings: list[ColumnNameWarning]  # about renamed columns
    columns: Sequence[ScalarColumn | CellColumn]
    count: int
    source: memoryview
    limits: ReaderLimits = LIMITS

    def pop(self, position: int) -> ScalarColumn | CellColumn:
        """Return a column that is not asked for again, so that its memory is free once it has its type."""
        column = self.columns[position]
        if isinstance(self.columns, list):
            self.columns[position] = None
        return column

    def cells(self, position: int) -> CellColumn:
        """Return the cells of a column with their texts, however it was read."""
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
    sections = {name: found.candidates[0] for name, found in statistics.items()}
    fast = read_columnar(source, sections, limits)
    if fast is not None:
        header, columns = fast
        return Rows(*column_names(header), columns, len(columns[0]), source, limits)
    header, table = read_general(source, limits)
    return Rows(*column_names(header), table, table.rows, source, limits)


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
            message = f"Column {position} is called {snippet(name)!r}, because its name {what} {reason}."
            warnings.append(ColumnNameWarning(message, column=name))
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
