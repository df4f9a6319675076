"""The table held against the server's own statistics.

What was sent and what was counted come from one result; where they disagree, one of them is wrong, and a
reader should know before acting on either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connecty_frames.decode.envelope import whole_number
from connecty_frames.errors import StatisticsWarning

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["verify"]


def verify(
    table: pa.Table, statistics: list[dict[str, Any]], rows: int, total_rows: int | None
) -> list[StatisticsWarning]:
    """Compare a table with the statistics of its columns.

    Parameters
    ----------
    statistics
        By column, as the server sent them; empty where it sent none.
    rows, total_rows
        The rows that came, and the rows of the whole result by the statistics (None: unknown).

    Returns
    -------
    list of StatisticsWarning
        One for each disagreement; none where there is nothing to compare.
    """
    if total_rows is None:
        return []
    if rows > total_rows:
        return [StatisticsWarning(f"{rows:,} rows came, but the statistics count {total_rows:,}.")]
    if rows < total_rows:
        return []  # a part of the result says nothing of the nulls of the whole
    found = []
    for name, column, sections in zip(table.column_names, table.columns, statistics, strict=True):
        general = sections.get("general")
        nulls = whole_number(general.get("nulls_count")) if isinstance(general, dict) else None
        if nulls is not None and nulls != column.null_count:
            found.append(
                StatisticsWarning(
                    f"Column {name!r} has {column.null_count:,} nulls, but the statistics count {nulls:,}."
                )
            )
    return found
