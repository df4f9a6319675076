"""Cells of rows: the code of each, and its text as an Arrow array, without Python objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from connecty_frames.decode import exact_json
from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import POOL, numbers_of, of_flags, to_array, to_scalar
from connecty_frames.decode.exact_json import UNHIDE, ValueKind
from connecty_frames.decode.scanning import byte_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from connecty_frames.decode.limits import ReaderLimits

#: Each call for a column of a block has a cost. Above this many columns, one call reads several columns, or
#: all blocks of one; above four times as many, blocks are longer.
FEW_COLUMNS: Final = 32  # pragma: no mutate - a size
_MINUS, _INFINITY = b"-I"
#: The code of each kind of cell, 0 for null, and that of a text with a lone surrogate, which is kept as JSON.
CODES: Final = {kind: code for code, kind in enumerate(ValueKind, 1)}
SURROGATE: Final = len(CODES) + 1
_FRACTION_MARKS: Final = byte_table(np.bool_, {b".eE": 1})
#: The code of a cell by its first byte. A number may turn out to have a fraction, and a minus to be that of
#: an infinity.
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


def cell_array(data: Any, starts: NDArray[Any], ends: NDArray[Any]) -> pa.StringArray:
    """Return an array of all cells and gaps between them: its data is the block, and cell n is at 2n."""
    offsets = np.empty((starts.size, 2), np.int32)
    offsets[:, 0], offsets[:, 1] = starts.ravel(), ends.ravel()
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), max(offsets.size - 1, 0), buffers)


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
    lone: list[int] = []
    try:
        decoded = _TEXTS.decode(b'["' + joined + b'"]')
    except msgspec.DecodeError:
        written = [f'"{text}"' for text in joined.decode().split('","')]
        decoded = list(map(exact_json.parse, written))
        lone = [number for number, text in enumerate(decoded) if not exact_json.is_encodable(text)]
        for number in lone:
            decoded[number] = written[number]
    array = to_array(decoded, pa.string())
    if len(some) < len(texts):
        is_decoded = np.zeros(len(texts), np.bool_)
        is_decoded[escaped] = True
        array = pc.replace_with_mask(texts, of_flags(is_decoded), array)
    return array, escaped[lone].tolist()


def escaped_in(texts: pa.StringArray) -> NDArray[Any]:
    """Return the places of the texts with a backslash."""
    return numbers_of(pc.indices_nonzero(pc.match_substring_regex(texts, r"\\")))


def read_cells(
    data: bytes, starts: NDArray[Any], ends: NDArray[Any], places: NDArray[Any]
) -> tuple[NDArray[np.uint8], pa.StringArray, list[int]]:
    """Return the cells between the bounds, in the order of some places, null for a place of -1.

    The parts are their codes; of a text the text itself, of anything else its JSON; and the places of those
    with a lone surrogate.
    """
    visible = np.frombuffer(data, np.uint8)
    codes = _codes(visible, starts, ends)
    is_text = codes == CODES[ValueKind.TEXT]
    cells = cell_array(data, starts + is_text, ends - is_text)
    codes = np.append(codes, np.uint8(0))[places]
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
    """Return the code of each cell."""
    codes: NDArray[np.uint8] = _CODE_BY_BYTE[data[starts]]
    is_number = codes == CODES[ValueKind.INTEGER]
    if is_number.any():
        fraction_marks = _FRACTION_MARKS[data].nonzero()[0]
        before = np.searchsorted(fraction_marks, starts[is_number])
        has_mark = np.searchsorted(fraction_marks, ends[is_number]) > before
        codes[is_number] = np.where(has_mark, CODES[ValueKind.FRACTION], CODES[ValueKind.INTEGER])
    is_infinity = data[np.minimum(starts + 1, len(data) - 1)] == _INFINITY
    codes[(data[starts] == _MINUS) & is_infinity] = CODES[ValueKind.CONSTANT]
    return codes
