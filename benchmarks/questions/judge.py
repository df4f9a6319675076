"""Whether the table of an answer has what the right SQL returns."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

__all__ = ["is_right", "run"]

_DIGITS: Final = 9

Rows = list[tuple[Any, ...]]


def run(connection: DuckDBPyConnection, sql: str, *, zone: str = "Europe/Warsaw") -> Rows:
    """Return the rows of a query in a time zone, by default not the sandbox's, with values that compare."""
    connection.execute(f"SET TimeZone = '{zone}'")
    return [tuple(map(_comparable, row)) for row in connection.sql(sql).fetchall()]


def is_right(answer: Rows, truth: Rows, *, ordered: bool) -> bool:
    """Return whether the answer has each column of the truth with the same values, row by row.

    The answer may have further columns. Without ``ordered``, the order of rows does not matter.
    """
    if len(answer) != len(truth):
        return False
    columns, wanted = list(zip(*answer, strict=True)), list(zip(*truth, strict=True))
    if not truth:
        return True
    candidates = [
        [
            position
            for position, column in enumerate(columns)
            if Counter(column) == Counter(_years(want, column))
        ]
        for want in wanted
    ]
    return any(
        _equal([columns[position] for position in positions], wanted, ordered=ordered)
        for positions in itertools.product(*candidates)
        if len(set(positions)) == len(positions)
    )


def _equal(columns: Sequence[Sequence[Any]], wanted: Sequence[Sequence[Any]], *, ordered: bool) -> bool:
    same = [_years(want, column) for want, column in zip(wanted, columns, strict=True)]
    ours, theirs = list(zip(*columns, strict=True)), list(zip(*same, strict=True))
    return ours == theirs if ordered else Counter(ours) == Counter(theirs)


def _years(wanted: Sequence[Any], column: Sequence[Any]) -> Sequence[Any]:
    """Return a column of years in the form of another one: a number, or the date of the first day."""
    if all(isinstance(value, date) for value in wanted) and not any(
        isinstance(value, date) for value in column
    ):
        return [value.year if (value.month, value.day) == (1, 1) else value for value in wanted]
    if all(isinstance(value, date) and (value.month, value.day) == (1, 1) for value in column):
        return [
            date(int(value), 1, 1) if isinstance(value, float) and 1 < value < 9999 else value
            for value in wanted
        ]
    return wanted


def _comparable(value: Any) -> Any:
    match value:
        case bool() | str() | None:
            return value
        case int() | float() | Decimal():
            return float(f"{value:.{_DIGITS}g}")
        case datetime():
            value = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
            return value.date() if value.time() == datetime.min.time() else value
        case timedelta():
            return float(f"{value.total_seconds():.{_DIGITS}g}")
        case list() | dict():
            return repr(value)
    return value
