"""The general reader: rows of any cells to the text and the kind of each cell, block by block.

It reads what the columnar reader does not support: nested cells, columns that mix kinds, white space. A block
of whole rows is scanned for the brackets, braces and commas outside of texts. Their depth tells which of them
separate rows and which separate cells, and the first byte of a cell tells its kind. No Python object is made
of a cell, since one of few bytes would take a hundred times its size: what is kept of a body is about its own
size, and the work on a block is bounded by the block, or by a row that is longer.

The grammar has been proved before: the source is JSON, or JSON with bare ``NaN`` and infinities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from connecty_frames._base.text import counted, snippet
from connecty_frames.decode import exact_json
from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import numbers_of, to_array
from connecty_frames.decode.exact_json import ValueKind
from connecty_frames.decode.limits import LIMITS
from connecty_frames.decode.scanning import SPACES, STEPS, Block, byte_table, next_block
from connecty_frames.decode.types.column import CODES, SURROGATE, CellColumn, kind_masks
from connecty_frames.errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from connecty_frames.decode.limits import ReaderLimits
    from connecty_frames.decode.types.column import ScalarColumn

#: How many bytes a block has at least for each column, so that each column has rows enough in a block.
_BYTES_PER_COLUMN: Final = 64
#: In this many bytes the header is searched for first.
_HEADER: Final = 1 << 10
#: The longest value that an error shows by parsing it; of a longer one it shows the first bytes.
_LONGEST_PREVIEW: Final = 1 << 16

_BRACKET, _MINUS, _INFINITY = b"[-I"
_TEXTS: Final = msgspec.json.Decoder(list[str])
_FRACTION_MARKS: Final = byte_table(np.bool_, {b".eE": 1})
#: The code of a cell by its first byte; 0 is null. A number may turn out to have a fraction, and a minus to
#: be that of an infinity.
_CODES: Final = byte_table(
    np.uint8,
    {
        b'"': CODES[ValueKind.TEXT],
        b"-0123456789": CODES[ValueKind.INTEGER],
        b"tf": CODES[ValueKind.BOOLEAN],
        b"NI": CODES[ValueKind.CONSTANT],
        b"[": CODES[ValueKind.ARRAY],
        b"{": CODES[ValueKind.OBJECT],
    },
)


class Table(Sequence["ScalarColumn | CellColumn"]):
    """The columns of a table, each made of its blocks when it is asked for."""

    def __init__(self, width: int, checkpoint: Callable[[], None]) -> None:
        self._width = width
        self._checkpoint = checkpoint
        self._blocks: list[tuple[NDArray[np.uint8], pa.StringArray]] = []
        self._kind_masks = np.zeros(width, np.uint16)
        self._deep: set[int] = set()
        self._surrogates: set[int] = set()
        #: How many rows there are.
        self.rows = 0

    def append(
        self, codes: NDArray[np.uint8], texts: pa.StringArray, deep: set[int], surrogates: set[int]
    ) -> None:
        """Append a block: the codes by column and row, and the texts column after column."""
        self._blocks.append((codes, texts))
        self._kind_masks |= kind_masks(codes)
        self._deep |= deep
        self._surrogates |= surrogates
        self.rows += codes.shape[1]

    def cells(self, position: int) -> CellColumn:
        """Return the cells of a column, also if all are of one kind."""
        codes = [codes[position] for codes, _ in self._blocks]
        texts = [texts.slice(position * codes.shape[1], codes.shape[1]) for codes, texts in self._blocks]
        return CellColumn(
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
        """Return a column."""
        if not 0 <= position < self._width:
            raise IndexError(position)
        return self.cells(position).narrowed()


def read_general(source: memoryview, limits: ReaderLimits = LIMITS) -> tuple[list[Any], Table]:
    """Read the JSON of ``dataframe``, already validated, as header and columns, or raise ResponseError."""
    if source[0] != _BRACKET:
        raise ResponseError(f"dataframe is not an array of rows. It begins: {_preview(source, 0)}")
    end = len(source) - 1  # the bracket that closes all rows
    block = next_block(source[:end], 1, _HEADER, single=True)
    header = None if block.data.isspace() or not block.data else _parse(block.data, block.start)
    if not isinstance(header, list):
        raise ResponseError("dataframe has no header: its first row must be the array of column names.")
    limits.check_columns(len(header))
    table = Table(len(header), limits.checkpoint)
    size = max(limits.general_block, _BYTES_PER_COLUMN * len(header))
    while block.end < end:
        limits.checkpoint()
        block = next_block(source[:end], block.end + 1, size)
        table.append(*_read_block(block, len(header), table.rows))
    return header, table


def _read_block(
    block: Block, width: int, first_row: int
) -> tuple[NDArray[np.uint8], pa.StringArray, set[int], set[int]]:
    """Return what ``Table.append`` takes."""
    found = _bounds(block, width)
    if found is None:
        raise _shape_error(block, width, first_row)
    _check_utf8(block.data, block.start)
    starts, ends = found
    codes = _codes(np.frombuffer(block.data, np.uint8), starts, ends)
    if width == 0:
        return codes.T, pa.nulls(0, pa.string()), set(), set()
    too_deep = block.marks[block.depths > exact_json.MAX_DEPTH + 1]
    deep = set(((np.searchsorted(starts.ravel(), too_deep, "right") - 1) % width).tolist())
    is_text = codes == CODES[ValueKind.TEXT]
    # An array of all cells and of what is between them: its data is the block itself.
    offsets = np.empty((*starts.shape, 2), np.int32)
    offsets[..., 0], offsets[..., 1] = starts + is_text, ends - is_text
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(block.data)]
    cells = pa.Array.from_buffers(pa.string(), offsets.size - 1, buffers)
    indices = np.arange(0, offsets.size, 2, dtype=np.int32).reshape(starts.shape).T.ravel()
    codes, is_text = np.ascontiguousarray(codes.T), is_text.T.ravel()
    valid = pa.py_buffer(np.packbits(codes.ravel() != 0, bitorder="little"))
    texts = pc.take(cells, pa.Array.from_buffers(pa.int32(), indices.size, [valid, pa.py_buffer(indices)]))
    surrogates: set[int] = set()
    if b"\\" in block.data:
        texts, lone = _unescape(codes, texts, is_text)
        surrogates = set((lone // codes.shape[1]).tolist())
    return codes, texts, deep, surrogates


def _bounds(block: Block, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Return where each cell starts and ends, by row and column; None unless all rows are of the width."""
    steps = STEPS[block.bytes_there]
    opening = block.marks[(block.depths == 1) & (steps == 1)]
    closing = block.marks[(block.depths == 0) & (steps == -1)]
    commas, data = block.separators(1), np.frombuffer(block.data, np.uint8)
    rows = len(block.separators(0)) + 1
    is_table = len(opening) == rows and bool((data[opening] == _BRACKET).all())
    if not is_table or len(commas) != rows * max(width - 1, 0):
        return None
    commas = commas.reshape(rows, -1)
    starts, ends = _trim(data, np.column_stack((opening + 1, commas + 1)), np.column_stack((commas, closing)))
    is_empty = starts >= ends  # of a row without cells, or with the comma of another row
    if width == 0:
        return (starts[:, :0], ends[:, :0]) if is_empty.all() else None
    return None if is_empty.any() else (starts, ends)


def _trim(
    data: NDArray[np.uint8], starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the bounds of cells without the white space around them."""
    if not (SPACES[data[starts]].any() or SPACES[data[ends - 1]].any()):
        return starts, ends
    solid = (~SPACES[data]).nonzero()[0]
    return solid[np.searchsorted(solid, starts)], solid[np.searchsorted(solid, ends) - 1] + 1


def _codes(data: NDArray[np.uint8], starts: NDArray[np.intp], ends: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return the code of each cell."""
    codes: NDArray[np.uint8] = _CODES[data[starts]]
    is_number = codes == CODES[ValueKind.INTEGER]
    fraction_marks = _FRACTION_MARKS[data].nonzero()[0]
    if len(fraction_marks) and is_number.any():
        before = np.searchsorted(fraction_marks, starts[is_number])
        has_mark = np.searchsorted(fraction_marks, ends[is_number]) > before
        codes[is_number] = np.where(has_mark, CODES[ValueKind.FRACTION], CODES[ValueKind.INTEGER])
    is_negative = data[starts] == _MINUS
    if is_negative.any():  # then there is a byte behind it
        codes[is_negative & (data[np.minimum(starts + 1, len(data) - 1)] == _INFINITY)] = CODES[
            ValueKind.CONSTANT
        ]
    return codes


def _unescape(
    codes: NDArray[np.uint8], texts: pa.StringArray, is_text: NDArray[np.bool_]
) -> tuple[pa.StringArray, NDArray[np.intp]]:
    """Decode the escapes in texts, and return them and the cells with a lone surrogate."""
    # Arrow cannot hold a text with one, which remains JSON, and gets a code that says so.
    escaped = numbers_of(pc.indices_nonzero(pc.match_substring(texts, "\\")))
    positions, others = escaped[is_text[escaped]], escaped[~is_text[escaped]]
    some = texts.take(to_array(positions.tolist(), pa.int64())).to_pylist()
    lone = []
    try:
        decoded = _TEXTS.decode('["' + '","'.join(some) + '"]')
    except msgspec.DecodeError:
        decoded = [exact_json.parse(f'"{text}"') for text in some]
        lone = [number for number, text in enumerate(decoded) if not exact_json.is_encodable(text)]
        for number in lone:
            decoded[number] = f'"{some[number]}"'
        codes.ravel()[positions[lone]] = SURROGATE
    # Searched for without parsing, since these cells may be nested too deeply for it.
    inside = [
        row for row in others.tolist() if exact_json.has_lone_surrogate(texts[row].as_buffer().to_pybytes())
    ]
    is_decoded = np.zeros(len(texts), np.bool_)
    is_decoded[positions] = True
    texts = pc.replace_with_mask(
        texts, to_array(is_decoded.tolist(), pa.bool_()), to_array(decoded, pa.string())
    )
    return texts, np.array([*positions[lone], *inside], np.intp)


# --- errors ------------------------------------------------------------------------------------------


def _shape_error(block: Block, width: int, first_row: int) -> ResponseError:
    """Return the error about the first row of a block that is not an array of the width."""
    data = np.frombuffer(block.data, np.uint8)
    ends = np.array([*block.separators(0), len(data)])
    starts, _ = _trim(data, np.array([0, *(ends[:-1] + 1)]), ends)
    commas = np.diff(np.searchsorted(block.separators(1), [0, *ends]))
    solid = np.diff(np.searchsorted((~SPACES[data]).nonzero()[0], [0, *ends]))
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
    """Return how a value begins that has not been parsed."""
    if len(value) > _LONGEST_PREVIEW:
        return snippet(str(value[:_LONGEST_PREVIEW], "utf-8", "replace"))
    return preview(_parse(bytes(value), start))


def preview(value: object) -> str:
    """Return how a value begins; to write out a deeply nested one would recurse too far."""
    return "(deeply nested)" if exact_json.is_too_deep([value]) else snippet(exact_json.dump(value))


def _check_utf8(data: bytes, start: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ResponseError(f"dataframe is not UTF-8 at byte {start + error.start} of it.") from None


def _parse(data: bytes, start: int) -> Any:
    """Parse a value; ``start`` is where it stands, for the error."""
    text = _check_utf8(data, start)
    try:
        return exact_json.parse(text)
    except RecursionError:
        raise ResponseError("dataframe is nested too deeply.") from None
