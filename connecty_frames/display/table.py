"""A table as a person reads it in a terminal: names, types, the first rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from connecty_frames.display.cells import texts
from connecty_frames.escape import cut, terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

__all__ = ["is_number", "terminal_table"]

#: How many characters of a name, a type and a cell are shown.
_LONGEST: Final = 1_000


def terminal_table(table: pa.Table, types: Sequence[str], rows: int) -> Table:
    """Give the first rows of a table for a terminal, the type of each column below its name.

    Parameters
    ----------
    types
        What to call the type of each column.
    rows
        How many rows at most.
    """
    shown = Table()
    for name, type_, column in zip(table.column_names, types, table.columns, strict=True):
        title = Text.assemble(_text(name, "bold"), "\n", _text(type_, "dim"))
        shown.add_column(title, justify="right" if is_number(column.type) else "left", overflow="fold")
    columns = [texts(column.slice(0, rows)).to_pylist() for column in table.columns]
    for row in zip(*columns, strict=True):
        shown.add_row(*(_text("null", "dim") if cell is None else _text(cell) for cell in row))
    return shown


def _text(text: str, style: str = "") -> Text:
    return Text(terminal(cut(text, _LONGEST)), style)


def is_number(type_: pa.DataType) -> bool:
    """Whether values of a type stand to the right."""
    import pyarrow as pa

    return any(test(type_) for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal))
