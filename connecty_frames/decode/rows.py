"""The general reader: any legal rows become columns of exact cells.

It also settles the shape of a table: what the columns are called, and that every row has as many cells as
there are columns. Nothing is padded, dropped or shifted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from connecty_frames.decode import tokens
from connecty_frames.errors import ColumnNameWarning, ResponseError
from connecty_frames.escape import snippet

__all__ = ["Rows", "read_rows"]

_CELLS: Final = msgspec.json.Decoder(list[list[msgspec.Raw]])


@dataclass(frozen=True)
class Rows:
    """The rows of a response, by column.

    Parameters
    ----------
    names
        The column names, each once.
    columns
        The cells of each column as ``tokens.parse`` gives them.
    count
        How many rows there are.
    own_names
        The name of each column as the server knows it, None where it has none or shares it.
    warnings
        What had to be done to the names.
    source
        The JSON, None where it was no strict JSON.
    """

    names: list[str]
    columns: list[list[Any]]
    count: int
    own_names: list[str | None]
    warnings: list[ColumnNameWarning]
    source: memoryview | None

    def source_of(self, column: int) -> list[str | None]:
        """Give the cells of a column as the JSON texts they were, None for null."""
        if self.source is None:
            return [None if value is None else tokens.dump(value) for value in self.columns[column]]
        rows = _CELLS.decode(self.source)
        cells = (str(memoryview(row[column]), "utf-8").strip() for row in rows[1:])
        return [None if cell == "null" else cell for cell in cells]


def read_rows(source: memoryview | list[Any]) -> Rows:
    """Read ``dataframe``: an array of column names first, then an array for each row.

    Raises
    ------
    ResponseError
        Where it is no array of arrays, has no header, or a row has more or fewer cells than the header.
    """
    rows = source if isinstance(source, list) else _parse(source)
    if not isinstance(rows, list):
        raise ResponseError(f"dataframe is no array of rows. It begins: {snippet(tokens.dump(rows))}")
    if not rows or not isinstance(rows[0], list):
        raise ResponseError("dataframe has no header: its first row must be the array of column names.")
    header, *body = rows
    names, own_names, warnings = _names(header)
    width = len(names)
    for number, row in enumerate(body):
        if not isinstance(row, list):
            raise ResponseError(f"Row {number} of dataframe is no array: {snippet(tokens.dump(row))}")
        if len(row) != width:
            raise ResponseError(
                f"Row {number} of dataframe has {len(row)} cells for {width} columns: "
                f"{snippet(tokens.dump(row))}"
            )
    columns = [list(column) for column in zip(*body, strict=True)] if body else [[] for _ in names]
    raw = source if isinstance(source, memoryview) else None
    return Rows(names, columns, len(body), own_names, warnings, raw)


def _parse(source: memoryview) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return tokens.parse(str(source, "utf-8"))
    except UnicodeDecodeError as error:
        raise ResponseError(f"dataframe is not UTF-8 at byte {error.start} of it.") from None
    except RecursionError:
        raise ResponseError("dataframe is nested too deeply.") from None


def _names(header: list[Any]) -> tuple[list[str], list[str | None], list[ColumnNameWarning]]:
    """Give each column a name of its own; the first of duplicates keeps it."""
    given = [_given_name(position, name) for position, name in enumerate(header)]
    times = Counter(given)
    taken = {name for name in given if name}
    seen: set[str] = set()
    names: list[str] = []
    warnings: list[ColumnNameWarning] = []
    for position, name in enumerate(given):
        final = name
        if not name or name in seen:
            base = name or f"column_{position}"
            choices = (
                f"{base}_{number}" if number else base for number in range(len(given) + len(taken) + 1)
            )
            final = next(choice for choice in choices if choice not in taken)
            taken.add(final)
        seen.add(final)
        names.append(final)
        if final != header[position] or type(header[position]) is not str:
            what = snippet(tokens.dump(header[position]))
            reason = "is taken" if name and name in names[:-1] else "is no name"
            warnings.append(
                ColumnNameWarning(f"Column {position} is called {final!r}, since its name {what} {reason}.")
            )
    own: list[str | None] = [name if type(name) is str and times[name] == 1 else None for name in header]
    return names, own, warnings


def _given_name(position: int, name: object) -> str:
    """Give a name as text: empty for none, the exact text of a number or a truth value."""
    if isinstance(name, list | dict):
        raise ResponseError(
            f"The header of dataframe holds {snippet(tokens.dump(name))} at position {position}, which is no "
            "column name; is the header row missing?"
        )
    text = "" if name is None else name if isinstance(name, str) else tokens.dump(name)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ResponseError(
            f"The column name at position {position} holds half of a surrogate pair, which is no text: "
            f"{snippet(text)}"
        ) from None
    return str(text)
