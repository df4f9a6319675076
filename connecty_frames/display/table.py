"""A table as text: all of it, or as much as fits on a terminal, where lines are not wrapped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from textwrap import wrap
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from rich.box import HEAVY_HEAD
from rich.cells import cell_len, set_cell_size
from rich.style import Style

from connecty_frames._base.text import cut, terminal
from connecty_frames.decode.arrow import is_number
from connecty_frames.decode.texts import short_texts

if TYPE_CHECKING:
    from rich.box import Box
    from rich.console import Console

SHOWN_ROWS: Final = 50  # in a terminal: half from the beginning, half from the end
#: The most characters of a name, type or cell that are formatted for a terminal.
_MAX_LENGTH: Final = 1_000  # no terminal is so wide
#: The widths to which names and texts are shortened before columns are hidden, with room for a date and an
#: ellipsis, and types; the most to which columns of a whole table are padded; and that of a border.
_SHORT, _SHORT_TYPE, _MAX_PADDED, _BORDER = 11, 7, 200, 3
_DIM: Final = Style(dim=True)


class _Column:
    def __init__(self, name: str, type_: str, column: pa.ChunkedArray, limit: int | None = None) -> None:
        shown = [text if text is None or limit is None else cut(text, limit) for text in short_texts(column)]
        self.cells = [None if text is None else terminal(text) for text in shown]
        heads = (text if limit is None else cut(text, limit) for text in (name, type_))
        self.name, self.type = map(terminal, heads)
        self.is_number = is_number(column.type)
        self.is_temporal = pa.types.is_temporal(column.type)

    @cached_property
    def aligned(self) -> list[str | None]:
        """The cells; numbers are padded so that their decimal points are aligned."""
        if not self.is_number:
            return self.cells
        tails = [0 if cell is None or "." not in cell else len(cell) - cell.index(".") for cell in self.cells]
        longest = max([0, *tails])
        pairs = zip(self.cells, tails, strict=True)
        return [None if cell is None else cell + " " * (longest - tail) for cell, tail in pairs]

    @cached_property
    def least(self) -> int:
        """The width below which the column is hidden rather than shortened."""
        cells = _width(self.cells)
        short = min(cells, _SHORT), min(_length(self.name), _SHORT), min(_length(self.type), _SHORT_TYPE)
        return max(cells, *short) if self.is_number else max(short)

    #: The width of the name and all values in full, and the same with the type.
    content = cached_property(lambda self: max(_length(self.name), _width(self.aligned)))
    full = cached_property(lambda self: max(self.content, _length(self.type)))


def _lines(
    columns: list[_Column],
    widths: list[int],
    box: Box = HEAVY_HEAD,
    ellipsis: str = "",
    *,
    has_styles: bool = False,
    gap: int | None = None,
) -> Iterator[str]:
    # Without an ellipsis, nothing is shortened.

    def line(texts: Sequence[str | None], borders: Sequence[str], style: Style | None = None) -> str:
        cells = [
            _fit("null" if text is None else text, width, ellipsis, is_number=column.is_number)
            for text, width, column in zip(texts, widths, columns, strict=True)
        ]
        if has_styles:
            styles = [_DIM if text is None else style for text in texts]
            cells = [own.render(cell) if own else cell for own, cell in zip(styles, cells, strict=True)]
        left, between, right = borders
        return f"{left} {f' {between} '.join(cells)} {right}"

    outer = [width + 2 for width in widths]
    head = box.head_left, box.head_vertical, box.head_right
    mid = box.mid_left, box.mid_vertical, box.mid_right
    yield box.get_top(outer)
    yield line([column.name for column in columns], head, Style(bold=True))
    yield line([column.type for column in columns], head, _DIM)
    yield box.get_row(outer, "head")
    shown = [
        # Rather than cut a number, do not align it.
        column.aligned if _width(column.aligned) <= width or not ellipsis else column.cells
        for column, width in zip(columns, widths, strict=True)
    ]
    for at, cells in enumerate(zip(*shown, strict=True)):
        if at == gap:
            yield line([ellipsis] * len(columns), mid)
        yield line(cells, mid)
    yield box.get_bottom(outer)


def _fit(text: str, width: int, ellipsis: str, *, is_number: bool) -> str:
    length = _length(text)
    if length <= width or not ellipsis:
        padding = " " * (width - length)
        return padding + text if is_number else text + padding
    mark = ellipsis[:width]
    return set_cell_size(text, width - len(mark)) + mark


def text_table(table: pa.Table, types: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a whole table: all rows and columns, each value whole."""
    columns = [_Column(*each) for each in zip(table.column_names, types, table.columns, strict=True)]
    if columns:
        yield from _lines(columns, [min(column.full, _MAX_PADDED) for column in columns])
    else:
        yield _size(table.shape, table.shape)


def terminal_table(table: pa.Table, types: Sequence[str], console: Console) -> Iterator[str]:
    """Yield the visible lines of a table, then a summary of the hidden rows and columns."""
    ellipsis = "..." if console.options.ascii_only else "…"
    part, gap = table, None
    if table.num_rows > SHOWN_ROWS:
        gap = SHOWN_ROWS // 2
        part = pa.concat_tables([table.slice(0, gap), table.slice(table.num_rows - gap)])

    def format_column(at: int) -> _Column:
        return _Column(table.column_names[at], types[at], part[at], _MAX_LENGTH)

    head, tail = _choose(table.num_columns, console.width, format_column, len(ellipsis))
    shown = part.num_rows, len(head) + len(tail)
    left_out = ellipsis, "", pa.chunked_array([[ellipsis] * part.num_rows], pa.string())
    hidden = [_Column(*left_out)] if shown[1] < table.num_columns else []
    columns = [*head, *hidden, *tail]
    widths = _share(columns, console.width - 1 - _BORDER * len(columns))
    is_shortened = any(width < column.content for width, column in zip(widths, columns, strict=True))
    size = _size(table.shape, shown) + (", shortened" if is_shortened else "")
    if columns:
        box, colours = HEAVY_HEAD.substitute(console.options), console.color_system
        has_styles = colours not in {None, "windows"}
        yield from _lines(columns, widths, box, ellipsis, has_styles=has_styles, gap=gap)
    if size != _size(table.shape, table.shape):
        yield from wrap(f"{size}; --output FILE writes all", max(console.width, 1))
    elif not columns:
        yield size


def _choose(
    count: int, width: int, format_column: Callable[[int], _Column], ellipsis: int
) -> tuple[list[_Column], list[_Column]]:
    """Return as many columns as fit, taken in turn from the beginning (at least one) and the end."""
    head: list[_Column] = []
    tail: list[_Column] = []
    used = 1  # the last border
    while (shown := len(head) + len(tail)) < count:
        side, at = (head, shown // 2) if shown % 2 == 0 else (tail, count - 1 - shown // 2)
        column = format_column(at)
        used += column.least + _BORDER
        rest = 0 if shown + 1 == count else ellipsis + _BORDER
        if shown and used + rest > width:
            break
        side.append(column)
    return head, tail[::-1]


def _share(columns: list[_Column], room: int) -> list[int]:
    """Return the widths of the columns; first times, then values, then types get the remaining room."""
    widths = [column.least for column in columns]
    if sum(widths) > room and widths:  # then there is one column, perhaps with the ellipsis
        widths[0] = max(1, room - sum(widths[1:]))
    # A cut time says less than a cut text.
    times = [column.content if column.is_temporal else column.least for column in columns]
    for wanted in (times, [column.content for column in columns], [column.full for column in columns]):
        left = room - sum(widths)
        missing = [max(0, want - width) for want, width in zip(wanted, widths, strict=True)]
        # Columns that lack least come first; the others share the rest.
        for done, at in enumerate(sorted(range(len(columns)), key=missing.__getitem__)):
            given = max(0, min(missing[at], left // (len(columns) - done)))
            widths[at] += given
            left -= given
    return widths


def _size(shape: tuple[int, int], shown: tuple[int, int]) -> str:
    return ", ".join(
        f"{count:,} {noun}{'' if count == 1 else 's'}{'' if count == part else f' ({part:,} shown)'}"
        for count, part, noun in zip(shape, shown, ("row", "column"), strict=True)
    )


def _width(cells: Sequence[str | None]) -> int:
    return max((_length("null" if cell is None else cell) for cell in cells), default=0)


def _length(text: str) -> int:
    """Return the width of a text in a terminal: wide characters take two columns, combining ones none."""
    return len(text) if text.isascii() else cell_len(text)  # pragma: no mutate - saves time
