"""JSON cut into cells: the brackets, braces and commas outside of texts, and the cells between them.

The grammar has been proved before. No Python object is made of a value, since one of few bytes would take a
hundred times its size: cells are their codes, and their texts as an Arrow array.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from connecty_frames.decode import exact_json
from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import POOL, numbers_of, of_flags, to_array, to_scalar
from connecty_frames.decode.exact_json import UNHIDE, ValueKind, hide_escapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from connecty_frames.decode.limits import ReaderLimits

#: Each call for a column of a block has a cost. Above this many columns, one call reads several columns, or
#: all blocks of one; above four times as many, blocks are longer.
FEW_COLUMNS: Final = 32  # pragma: no mutate - a size
_COMMA, _QUOTE, _BRACKET = b',"['


def byte_table(dtype: type, values: dict[bytes, int]) -> NDArray[Any]:
    """Return a table by byte, 0 for those that are not among the keys."""
    table: NDArray[Any] = np.zeros(256, dtype)
    for some_bytes, value in values.items():
        table[list(some_bytes)] = value
    return table


def outside_texts(is_quote: NDArray[np.bool_], quotes: int = 0) -> NDArray[np.bool_]:
    """Return which of some characters are outside of texts, given the places of quotes."""
    # A sum of 8 bits overflows, but its last bit is right.
    outside: NDArray[np.bool_] = (np.cumsum(is_quote, dtype=np.uint8) & 1 == quotes % 2) & ~is_quote
    return outside


#: How many bytes are searched at a time where nothing else bounds the work.
_PIECE: Final = 1 << 20  # pragma: no mutate - a size
_MARKS: Final = byte_table(np.bool_, {b'[]{},"': 1})
#: By how much each byte outside of texts changes the depth.
STEPS: Final = byte_table(np.int8, {b"[{": 1, b"]}": -1})
SPACES: Final = byte_table(np.bool_, {b" \t\r\n": 1})
#: Match white space, and the key of a field.
_match_spaces: Final = re.compile(rb"\s*").match
match_key: Final = re.compile(rb'\s*("[^"\\]*+(?:\\.[^"\\]*+)*+")\s*:', re.DOTALL).match


class Scanned(NamedTuple):
    """Whole rows with the separators between them."""

    start: int  # in the source
    data: bytes
    marks: NDArray[np.int32]  # positions of brackets, braces and commas outside of texts
    bytes_there: NDArray[np.uint8]  # the byte at each mark
    depths: NDArray[np.int32]  # behind each mark: 0 between rows, 1 between the cells of a row

    @property
    def end(self) -> int:
        """Where they end in the source."""
        return self.start + len(self.data)

    def separators(self, depth: int) -> NDArray[np.int32]:
        """Return the positions of the commas at a depth."""
        positions: NDArray[np.int32] = self.marks[(self.bytes_there == _COMMA) & (self.depths == depth)]
        return positions

    def cut(self, end: int) -> Scanned:
        """Return the part of the block before a position."""
        return self.within(0, end)._replace(data=self.data[:end])

    def within(self, start: int, end: int) -> Scanned:
        """Return the block with only the marks between two positions."""
        some = slice(*np.searchsorted(self.marks, np.array((start, end), np.int32)))
        return self._replace(
            marks=self.marks[some], bytes_there=self.bytes_there[some], depths=self.depths[some]
        )


def next_block(rows: memoryview, start: int, size: int, *, single: bool = False) -> Scanned:
    """Return the longest block of a size, or a longer row; with ``single``, exactly one row."""
    while True:
        block = scan(rows[start : start + size], start)
        separators = block.separators(0)
        is_last = start + size >= len(rows)
        if len(separators) and (single or not is_last):
            return block.cut(int(separators[0 if single else -1]))
        if is_last:
            return block
        size *= 2


def scan(piece: memoryview, start: int) -> Scanned:
    """Find the brackets, braces and commas outside of texts; a piece begins outside of them."""
    data = bytes(piece)
    marks, bytes_there, _ = _find_marks(data)
    return Scanned(start, data, marks, bytes_there, np.cumsum(STEPS[bytes_there], dtype=np.int32))


def _find_marks(data: bytes, quotes: int = 0) -> tuple[NDArray[np.int32], NDArray[np.uint8], int]:
    """Return the marks outside of texts, their bytes, and how many quotes there are with those before."""
    visible = np.frombuffer(hide_escapes(data), np.uint8)
    marks = _MARKS[visible].nonzero()[0].astype(np.int32)  # there may be as many as bytes
    bytes_there = visible[marks]
    is_quote = bytes_there == _QUOTE
    found = int(np.count_nonzero(is_quote))
    if found or quotes % 2:
        outside = outside_texts(is_quote, quotes)
        marks, bytes_there = marks[outside], bytes_there[outside]
    return marks, bytes_there, quotes + found


def inner_commas(source: memoryview, checkpoint: Callable[[], None]) -> Iterator[NDArray[np.int64]]:
    """Yield the positions of the commas of one array or object, not those of values in it, by piece."""
    start = depth = quotes = 0
    while start < len(source):
        checkpoint()
        data = bytes(source[start : start + _PIECE])
        if (len(data) - len(data.rstrip(b"\\"))) % 2:  # an escape that is cut
            data += bytes(source[start + len(data) :][:1])
        marks, bytes_there, quotes = _find_marks(data, quotes)
        depths = depth + np.cumsum(STEPS[bytes_there], dtype=np.int64)
        yield start + marks[(bytes_there == _COMMA) & (depths == 1)].astype(np.int64)
        depth = int(depths[-1]) if len(depths) else depth
        start += len(data)


def parse_by_piece(block: Scanned, size: int, checkpoint: Callable[[], None]) -> Any:
    """Return what ``exact_json.parse`` does of a block that is one array or object, some bytes at a time."""

    def parse(start: int, end: int, around: str = "%s") -> Any:
        return exact_json.parse(around % block.data[start:end].decode())

    def skip_spaces(position: int) -> int:
        return _match_spaces(block.data, position).end()  # type: ignore[union-attr]  # or of none

    def read(start: int, end: int, depth: int) -> Any:
        start = skip_spaces(start)
        if end - start <= size or block.data[start] not in b"[{":
            return parse(start, end)
        part, is_array, found = block.within(start, end), block.data[start] == _BRACKET, []
        last = int(part.marks[-1])
        # Cut at the last comma before, and at the first one behind, each multiple of the size.
        commas = part.separators(depth)
        behind = np.searchsorted(commas, np.arange(start, last, size, dtype=np.int32))
        cuts = commas[np.unique(np.clip((behind - 1, behind), 0, len(commas) - 1))] if len(commas) else commas
        for before, stop in pairwise([start, *cuts.tolist(), last]):
            first = skip_spaces(before + 1)
            key = None if is_array or stop - first <= size else match_key(block.data, first)
            if key is not None:
                found.append((parse(*key.span(1)), read(key.end(), stop, depth + 1)))
            elif not is_array:
                found += exact_json.pairs_of(parse(first, stop, "{%s}"))
            elif stop - first > size:
                found.append(read(first, stop, depth + 1))
            else:
                found += parse(first, stop, "[%s]")
            checkpoint()
        return found if is_array else exact_json.to_object(found)

    return read(0, len(block.data), 1)


def trim(
    data: NDArray[np.uint8], starts: NDArray[Any], ends: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the bounds of cells without the white space around them."""
    if not (SPACES[data[starts]].any() or SPACES[data[ends - 1]].any()):
        return starts, ends
    solid = (~SPACES[data]).nonzero()[0]
    return solid[np.searchsorted(solid, starts)], solid[np.searchsorted(solid, ends) - 1] + 1


def find_items(data: bytes) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Return the bounds of the items of arrays, or fields of objects, in a row, and how many each has."""
    block = scan(memoryview(data), 0)
    near = (block.depths <= 1).nonzero()[0]  # few, where most is nested deeply
    marks, bytes_there, is_outside = block.marks[near], block.bytes_there[near], block.depths[near] == 0
    is_comma = bytes_there == _COMMA
    is_opening = ~is_outside & (STEPS[bytes_there] == 1)
    owners = np.cumsum(is_opening[is_opening | is_comma]) - 1
    starts, ends = marks[is_opening | is_comma] + 1, marks[is_comma | is_outside]
    starts, ends = trim(np.frombuffer(data, np.uint8), starts, ends)
    is_item = starts < ends  # the others are of empty arrays and objects
    counts = np.bincount(owners[is_item], minlength=int(owners[-1]) + 1 if len(owners) else 0)
    return starts[is_item], ends[is_item], counts


def find_keys(data: bytes, starts: NDArray[Any], ends: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return where the key of each field ends, and where its value starts."""
    visible = np.frombuffer(hide_escapes(data), np.uint8)
    quotes = np.flatnonzero(visible == _QUOTE)
    key_ends = quotes[np.searchsorted(quotes, starts, "right")] + 1
    colons, _ = trim(visible, key_ends, ends)
    return key_ends, trim(visible, colons + 1, ends)[0]


# --- cells ---------------------------------------------------------------------------------------------

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
    """Return the block size for this many columns, up to four times ``size``, which is for few."""
    return min(size * min(max(columns // (4 * FEW_COLUMNS), 1), 4), limits.longest_row)


def cell_array(data: Any, starts: NDArray[Any], ends: NDArray[Any]) -> pa.StringArray:
    """Return an array of all cells and what is between them: its data is the block, and cell n is at 2n."""
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
    """Decode the escapes in some texts; also return the places of those with a lone surrogate."""
    # Arrow cannot hold these, which become JSON again.
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
    """Return the cells at some places among those between the bounds, null for a place of -1.

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
