"""The rows of a response as columns of exact cells, read by the columnar reader if possible.

The shape of the table is checked here too: what the columns are called, and that every row has as many cells
as there are columns. Nothing is padded, dropped or shifted.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from connecty_frames._base.immutable import Immutable
from connecty_frames.decode.limits import LIMITS
from connecty_frames.decode.names import column_names
from connecty_frames.decode.rows.columnar import read_columnar
from connecty_frames.decode.rows.general import Table, read_general
from connecty_frames.decode.types.column import CellColumn, ScalarColumn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connecty_frames.decode.limits import ReaderLimits
    from connecty_frames.decode.statistics import ColumnStatistics
    from connecty_frames.errors import ColumnNameWarning


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
    source: memoryview, statistics: Mapping[str, ColumnStatistics], limits: ReaderLimits = LIMITS
) -> Rows:
    """Read the JSON of ``dataframe``: an array of column names, then one for each row."""
    sections = {name: found.candidates[0] for name, found in statistics.items()}
    fast = read_columnar(source, sections, limits)
    if fast is not None:
        header, columns = fast
        return Rows(*column_names(header), columns, len(columns[0]), source, limits)
    header, table = read_general(source, limits)
    return Rows(*column_names(header), table, table.rows, source, limits)
