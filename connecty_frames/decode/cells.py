"""Cells of rows: the code of each and its text as an Arrow array; and the error about one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from connecty_frames._base.text import cut, terminal
from connecty_frames.decode import compute as pc
from connecty_frames.decode import exact_json
from connecty_frames.decode.arrow import POOL, Array, bytes_of, of_flags, offsets_of, to_array, to_scalar
from connecty_frames.decode.exact_json import LONE_SURROGATE, UNHIDE, ValueKind, dump, is_encodable
from connecty_frames.decode.scanning import byte_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from connecty_frames.decode.exact_json import ReaderLimits

#: Each call for a column of a block has a cost. Above this many columns, one call reads several columns, or
#: all blocks of one; above four times as many, blocks are longer.
FEW_COLUMNS: Final = 32
_MINUS, _INFINITY = b"-I"
_BACKSLASH: Final = byte_table(np.bool_, {b"\\": 1})
#: The code of each kind of cell, 0 for null, and that of a text with a lone surrogate, which is kept as JSON.
CODES: Final = {kind: code for code, kind in enumerate(ValueKind, 1)}
SURROGATE: Final = len(CODES) + 1
_FRACTION_MARKS: Final = byte_table(np.uint8, {b".eE": 1})
#: The code of a cell by its first byte. A number may have a fraction, and a minus be that of an infinity.
_CODE_BY_BYTE: Final = byte_table(
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
_TEXTS: Final = msgspec.json.Decoder(list[str])


def block_size(size: int, columns: int, limits: ReaderLimits) -> int:
    """Return the block size for this many columns: ``size`` for few, up to four times as much."""
    return min(size * min(max(columns // (4 * FEW_COLUMNS), 1), 4), limits.longest_row)


def cell_array(data: Any, bounds: NDArray[np.int32]) -> pa.StringArray:
    """Return an array of all cells and gaps between them: its data is the block, and cell n is at 2n."""
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), max(bounds.size - 1, 0), buffers)


def take(texts: pa.StringArray, places: NDArray[np.int32], is_valid: NDArray[np.bool_] | None) -> Any:
    """Return the texts at some places, null if invalid."""
    valid = None
    if is_valid is not None and not is_valid.all():
        valid = pa.py_buffer(np.packbits(is_valid, bitorder="little"))
    indices = pa.Array.from_buffers(pa.int32(), places.size, [valid, pa.py_buffer(places.ravel())])
    return pc.take(texts, indices, boundscheck=False, memory_pool=POOL)


def unescape(texts: pa.StringArray, escaped: NDArray[Any]) -> tuple[pa.StringArray, list[int]]:
    """Decode the escapes in some texts; also return the places with a lone surrogate."""
    # Arrow cannot hold these: they become JSON again.
    if not len(escaped):
        return texts, []
    some = texts if len(escaped) == len(texts) else take(texts, escaped.astype(np.int32), None)
    one = pa.ListArray.from_arrays(to_array([0, len(some)], pa.int32()), some)
    joined = pc.binary_join(one, to_scalar('","', pa.string()))[0].as_buffer().to_pybytes().translate(UNHIDE)
    source = b'["%s"]' % joined
    lone: list[int] = []
    try:
        decoded = _TEXTS.decode(source)
    except msgspec.DecodeError:
        decoded = exact_json.parse(source.decode())
        written = exact_json.hide_escapes(joined).split(b'","')
        lone = [number for number, text in enumerate(decoded) if not exact_json.is_encodable(text)]
        for number in lone:
            decoded[number] = f'"{written[number].translate(UNHIDE).decode()}"'
    array = to_array(decoded, pa.string())
    if len(some) < len(texts):
        is_decoded = np.zeros(len(texts), np.bool_)
        is_decoded[escaped] = True
        array = pc.replace_with_mask(texts, of_flags(is_decoded), array)
    return array, escaped[lone].tolist()


def escaped_in(texts: pa.StringArray, is_escape: NDArray[np.bool_] = _BACKSLASH) -> NDArray[Any]:
    """Return the places of the texts with a backslash, or with other bytes."""
    starts, ends = offsets_of(texts)
    places = np.flatnonzero(is_escape.take(bytes_of(texts))) + starts[:1]
    return np.unique(np.searchsorted(ends, places, "right"))


def read_cells(
    data: bytes, starts: NDArray[Any], ends: NDArray[Any], places: NDArray[Any]
) -> tuple[NDArray[np.uint8], pa.StringArray, list[int]]:
    """Return the cells between the bounds, in the order of some places, null for a place of -1.

    The parts are their codes; their texts, or JSON of other kinds; and the places of lone surrogates.
    """
    codes = _codes(np.frombuffer(data, np.uint8), starts, ends)
    is_text = codes == CODES[ValueKind.TEXT]
    cells = cell_array(
        data, np.stack([starts + is_text, ends - is_text], axis=1, dtype=np.int32, casting="unsafe")
    )
    codes = np.append(codes, np.uint8(0)).take(places)
    texts = take(cells, 2 * places.astype(np.int32), codes != 0)
    lone: list[int] = []
    if b"\\" in data:
        escaped = escaped_in(texts)
        is_text = codes[escaped] == CODES[ValueKind.TEXT]
        # Searched for without parsing, since these cells may be nested too deeply for it.
        inside = [
            row
            for row in escaped[~is_text].tolist()
            if exact_json.has_lone_surrogate(texts[row].as_buffer().to_pybytes())
        ]
        texts, lone = unescape(texts, escaped[is_text])
        codes[lone] = SURROGATE
        lone += inside
    return codes, texts, lone


def _codes(data: NDArray[np.uint8], starts: NDArray[Any], ends: NDArray[Any]) -> NDArray[np.uint8]:
    first = data.take(starts)
    codes: NDArray[np.uint8] = _CODE_BY_BYTE.take(first)
    is_number = codes == CODES[ValueKind.INTEGER]
    is_mark = _FRACTION_MARKS.take(data) if is_number.any() else np.empty(0, np.uint8)
    if is_mark.any():
        counts = np.add.accumulate(is_mark)  # a sum of 8 bits overflows, but no number has more than two
        codes[is_number & (counts.take(starts) != counts.take(ends - 1))] = CODES[ValueKind.FRACTION]
    negative = np.flatnonzero(first == _MINUS)
    is_infinity = data[starts[negative] + 1] == _INFINITY
    codes[negative[is_infinity]] = CODES[ValueKind.CONSTANT]
    return codes


_LONGEST_VALUE: Final = 60  # how many characters of a value a message shows


class CellError(ValueError):
    """A value, as text, outside of its column's type, and why; ``row`` is None for a bound."""

    def __init__(self, row: int | None, value: str, reason: str) -> None:
        super().__init__(f"{value} {reason}")
        self.row = row
        self.value = value
        # It may contain a type of many fields, with names of a server.
        self.reason: str = terminal(cut(reason, 500))

    def at(self, row: int | None) -> CellError:
        """Return the error with another row."""
        return CellError(row, self.value, self.reason)

    @property
    def short_value(self) -> str:
        """The beginning of the value with its white space, a possible fault."""
        text = terminal(self.value[: _LONGEST_VALUE + 1])
        return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"

    @property
    def place(self) -> str:
        """Where the value stands, in words."""
        return "the statistics' min or max" if self.row is None else f"row {self.row}"


def cell_error(row: int, cell: object, reason: str) -> CellError:
    """Return the error about a cell of any kind, with its exact text or JSON as the value."""
    return CellError(row, cell if type(cell) is str else dump(cell), reason)


def raise_at_first(wrong: pa.BooleanArray, texts: Sequence[str | None] | Array, reason: str) -> None:
    """Raise a CellError about the first text marked as wrong, if any."""
    if wrong.true_count:
        row = pc.indices_nonzero(wrong)[0].as_py()
        raise CellError(row, str(texts[row]), reason)


def read_each(
    parts: Iterable[tuple[int, pa.StringArray]], read: Callable[[pa.StringArray], Any]
) -> Iterator[tuple[int, Any]]:
    """Read each part; yield its first row and the result. A CellError has the row of the column."""
    for start, part in parts:
        try:
            yield start, read(part)
        except CellError as error:
            raise error.at(start + (error.row or 0)) from None


@contextmanager
def errors_as_written(texts: Sequence[str | None] | Array, bounds: Sequence[str] = ()) -> Iterator[None]:
    """Let a CellError show its text, or bound behind these, as it was written and not as it was read."""
    try:
        yield
    except CellError as error:
        row, count = error.row or 0, len(texts)
        if row < count:
            raise CellError(row, str(texts[row]), error.reason) from None
        raise CellError(None, bounds[row - count], error.reason) from None


def surrogate_error(cells: Iterable[object]) -> CellError:
    """Return the error about the first cell with a lone surrogate."""
    texts = enumerate(cell if type(cell) is str else dump(cell) for cell in cells)
    row, text = next((row, text) for row, text in texts if not is_encodable(text))
    return CellError(row, text, f"holds {LONE_SURROGATE}")
