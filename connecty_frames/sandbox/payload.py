"""A result in the API's shape: a header row, rows, statistics.

Everything is JSON text already when the query ends. A request then only cuts it: ``max_rows`` comes with
each request for the results, not with the question. A result holds nothing but text and offsets, so it can
cross from one process to another.
"""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec

from connecty_frames.sandbox.statistics import measure
from connecty_frames.sandbox.values import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

__all__ = ["Result"]


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
        Where each row ends in ``rows``, in bytes.
    statistics
        The JSON object ``dataframe_stats``.
    """

    columns: tuple[str, ...]
    rows: bytes
    ends: array[int]
    statistics: bytes

    def __len__(self) -> int:
        return len(self.ends)

    def dataframe(self, max_rows: int) -> bytes:
        """Give the JSON array ``dataframe`` with the header and at most that many rows."""
        header = msgspec.json.encode(self.columns)
        shown = min(max_rows, len(self))
        if shown == 0:
            return b"[" + header + b"]"
        return b"[" + header + b"," + self.rows[: self.ends[shown - 1]] + b"]"

    def first_row(self) -> dict[str, object]:
        """Give the first row by column name, numbers as their exact text; empty if there is none."""
        if len(self) == 0:
            return {}
        row: list[Any] = json.loads(self.rows[: self.ends[0]], parse_float=str)
        return dict(zip(self.columns, row, strict=True))


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
    rows = [row.encode() for (row,) in cursor.fetchall()]
    # One more for the comma between two rows, which belongs to neither.
    ends = array("Q", (end - 1 for end in accumulate(len(row) + 1 for row in rows)))
    statistics = measure(cursor, table, columns, kinds, documented_only=documented_only)
    return Result(tuple(columns), b",".join(rows), ends, statistics)
