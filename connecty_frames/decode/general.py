"""The general reader: rows of any cells to the text and the kind of each cell, block by block.

It reads what the columnar reader does not support: nested cells, columns that mix kinds, white space. A block
of whole rows is scanned for the brackets, braces and commas outside of texts. Their depth tells which of them
separate rows and which separate cells, and the first byte of a cell tells its kind. No Python object is made
of a cell, since one of few bytes would take a hundred times its size: what is kept of a body is about its own
size, and the work on a block is bounded by the block, or by a row that is longer.

The grammar has been proved before: the source is JSON, or JSON with bare ``NaN`` and infinities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from connecty_frames._base.text import counted, snippet
from connecty_frames.decode import exact_json
from connecty_frames.decode.cells import FEW_COLUMNS, block_size, read_cells
from connecty_frames.decode.exact_json import LIMITS, ReaderLimits
from connecty_frames.decode.scanning import SPACE, Scanned, next_block, trim
from connecty_frames.decode.types.column import MixedCells, ScalarCells, kind_masks
from connecty_frames.errors import ResponseError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: In this many bytes the header is searched for first.
_HEADER: Final = 1 << 10
_LONGEST_PREVIEW: Final = 1 << 16  # the longest value to parse for an error, which else shows its first bytes

_BRACKET: Final = ord("[")


class Table(Sequence["ScalarCells | MixedCells"]):
    """The columns of a table, each made of its blocks when it is asked for."""

    def __init__(self, width: int, checkpoint: Callable[[], None]) -> None:
        self._width = width
        self._checkpoint = checkpoint
        self._blocks: list[tuple[NDArray[np.uint8], pa.StringArray]] = []
        self._kind_masks = np.zeros(width, np.uint16)
        self._deep: set[int] = set()
        self._surrogates: set[int] = set()
        self.rows = 0  # how many rows there are

    def append(self, block: Scanned) -> None:
        """Append a block of rows: its codes by column and row, and its texts column after column."""
        width = self._width
        found = _bounds(block, width)
        if found is None:
            raise _shape_error(block, width, self.rows)
        _check_utf8(block.data, block.start)
        starts, ends = found
        rows = len(starts)
        self.rows += rows
        if width == 0:
            return
        too_deep = block.marks[block.depths > exact_json.MAX_DEPTH + 1]
        self._deep.update(((np.searchsorted(starts.ravel(), too_deep, "right") - 1) % width).tolist())
        by_column = np.arange(starts.size).reshape(rows, width).T.ravel()
        codes, texts, lone = read_cells(block.data, starts.ravel(), ends.ravel(), by_column)
        codes = codes.reshape(width, rows)
        self._blocks.append((codes, texts))
        self._kind_masks |= kind_masks(codes)
        self._surrogates.update(place // rows for place in lone)

    def cells(self, position: int) -> MixedCells:
        """Return the cells of a column, also if all are of one kind."""
        codes = [codes[position] for codes, _ in self._blocks]
        texts = [texts.slice(position * codes.shape[1], codes.shape[1]) for codes, texts in self._blocks]
        if self._width > FEW_COLUMNS:  # each call for each part would have its cost
            with suppress(pa.ArrowInvalid):  # of more bytes than one array can have
                texts = [pa.concat_arrays(texts)]
        return MixedCells(
            codes[0] if len(codes) == 1 else np.concatenate([np.empty(0, np.uint8), *codes]),
            texts[0] if len(texts) == 1 else pa.chunked_array(texts, pa.string()),
            kind_mask=int(self._kind_masks[position]),
            is_too_deep=position in self._deep,
            has_surrogates=position in self._surrogates,
            checkpoint=self._checkpoint,
        )

    def __len__(self) -> int:
        return self._width

    def __getitem__(self, position: Any) -> Any:
        if not 0 <= position < self._width:
            raise IndexError(position)
        return self.cells(position).narrowed()


def read_general(source: memoryview, limits: ReaderLimits = LIMITS) -> tuple[list[Any], Table]:
    """Read the JSON of ``dataframe``, already validated, as header and columns, or raise ResponseError."""
    if source[0] != _BRACKET:
        raise ResponseError(f"dataframe is not an array of rows. It begins: {_preview(source, 0)}")
    end = len(source) - 1  # the closing bracket
    block = next_block(source[:end], 1, _HEADER, single=True)
    header = None if block.data.isspace() or not block.data else _parse(block.data, block.start)
    if not isinstance(header, list):
        raise ResponseError("dataframe has no header: its first row must be the array of column names.")
    if len(header) > limits.most_columns:
        raise ResponseError(
            f"The answer has {len(header):,} columns; at most {limits.most_columns:,} are read. "
            "Ask for fewer, or for rows instead of a pivot."
        )
    table = Table(len(header), limits.checkpoint)
    size = block_size(limits.general_block, len(header), limits)
    while block.end < end:
        limits.checkpoint()
        block = next_block(source[:end], block.end + 1, size)
        table.append(block)
    return header, table


def _bounds(block: Scanned, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Return where each cell starts and ends, by row and column; None unless all rows are of the width."""
    marks, steps = block.outline()
    expected = [1, *[0] * (width - 1), -1, 0]  # the comma behind a row included
    if (len(marks) + 1) % len(expected):
        return None
    marks = np.append(marks, np.int32(0)).reshape(-1, len(expected))
    is_table = (np.append(steps, np.int8(0)).reshape(marks.shape) == np.array(expected, np.int8)).all()
    data = np.frombuffer(block.data, np.uint8)
    if not is_table or (data[marks[:, 0]] != _BRACKET).any():
        return None
    starts, ends = trim(data, marks[:, :-2] + 1, marks[:, 1:-1])
    is_empty = starts >= ends  # of a row without cells, or with the comma of another row
    if width == 0:
        return (starts[:, :0], ends[:, :0]) if is_empty.all() else None
    return None if is_empty.any() else (starts, ends)


def _shape_error(block: Scanned, width: int, first_row: int) -> ResponseError:
    data = np.frombuffer(block.data, np.uint8)
    ends = np.array([*block.separators(0), len(data)])
    starts, _ = trim(data, np.array([0, *(ends[:-1] + 1)]), ends)
    commas = np.diff(np.searchsorted(block.separators(1), [0, *ends]))
    solid = np.diff(np.searchsorted((data > SPACE).nonzero()[0], [0, *ends]))
    separators = np.arange(len(ends)) > 0  # before each row but the first
    is_empty = solid - separators == len(b"[]")
    counts = np.where(is_empty, 0, commas + 1)
    is_array = data[starts] == _BRACKET
    row = int(np.argmax(~is_array | (counts != width)))
    start, end = int(starts[row]), int(ends[row])
    what, shown = f"Row {first_row + row} of dataframe", _preview(block.data[start:end], block.start + start)
    if not is_array[row]:
        return ResponseError(f"{what} is not an array: {shown}")
    return ResponseError(
        f"{what} has {counted(int(counts[row]), 'cell')} for {counted(width, 'column')}: {shown}"
    )


def _preview(value: bytes | memoryview, start: int) -> str:
    if len(value) > _LONGEST_PREVIEW:
        return snippet(str(value[:_LONGEST_PREVIEW], "utf-8", "replace"))
    return exact_json.preview(_parse(bytes(value), start))


def _check_utf8(data: bytes, start: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ResponseError(f"dataframe is not UTF-8 at byte {start + error.start} of it.") from None


def _parse(data: bytes, start: int) -> Any:
    text = _check_utf8(data, start)
    try:
        return exact_json.parse(text)
    except RecursionError:
        raise ResponseError("dataframe is nested too deeply.") from None
