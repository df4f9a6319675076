"""A result in the API's shape: a header row, rows, statistics.

Everything is JSON text already when the query ends. A request then only cuts it: ``max_rows`` comes with
each request for the results, not with the question. A result holds nothing but text and offsets, so it can
cross from one process to another.
"""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from connecty_frames.sandbox.statistics import measure
from connecty_frames.sandbox.values import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

__all__ = ["Result", "read_result"]

#: How many rows are fetched at a time: as Python objects they take several times the memory of their text.
_BATCH: Final = 10_000


@dataclass(frozen=True, slots=True)
class Result:
    """The whole table that answers a question.

    Parameters
    ----------
    columns
        The names, as DuckDB gives them: two columns may share one.
    rows
        The rows as JSON arrays with a comma between, without the header row.
    ends
        Where each row ends in ``rows``, in bytes: whole numbers of 64 bits, one after the other.
    statistics
        The JSON object ``dataframe_stats``.
    """

    columns: tuple[str, ...]
    rows: bytes
    ends: bytes
    statistics: bytes

    def __len__(self) -> int:
        return len(self._ends)

    def dataframe(self, max_rows: int) -> bytes:
        """Give the JSON array ``dataframe`` with the header and at most that many rows."""
        header = msgspec.json.encode(self.columns)
        shown = min(max_rows, len(self))
        if shown == 0:
            return b"[" + header + b"]"
        return b"[" + header + b"," + self.rows[: self._ends[shown - 1]] + b"]"

    def first_row(self) -> dict[str, object]:
        """Give the first row by column name, numbers as their exact text; empty if there is none."""
        if len(self) == 0:
            return {}
        row: list[Any] = json.loads(self.rows[: self._ends[0]], parse_float=str)
        return dict(zip(self.columns, row, strict=True))

    @property
    def size(self) -> int:
        """How much memory it takes, in bytes."""
        return len(self.rows) + len(self.ends) + len(self.statistics)

    @property
    def _ends(self) -> memoryview[int]:
        """The ends as numbers."""
        return memoryview(self.ends).cast("Q")


def read_result(
    cursor: DuckDBPyConnection, table: str, columns: Sequence[str], *, documented_only: bool
) -> Result:
    """Read a table whose columns are called ``c0``, ``c1`` and so on.

    Parameters
    ----------
    columns
        What they are called in the answer.
    documented_only
        Leave out the sections of the statistics that the API document does not show.
    """
    kinds = cursor.table(table).types
    cells = ", ".join(json_text(f"c{position}", kind) for position, kind in enumerate(kinds))
    cursor.execute(f"SELECT '[' || concat_ws(',', {cells}) || ']' FROM {table}")  # noqa: S608 - our own names
    rows, ends = bytearray(), array("Q")
    while batch := cursor.fetchmany(_BATCH):
        for (row,) in batch:
            rows += row.encode()
            ends.append(len(rows))
            rows += b","
    del rows[-1:]
    statistics = measure(cursor, table, columns, kinds, documented_only=documented_only)
    return Result(tuple(columns), bytes(rows), ends.tobytes(), statistics)
