"""JSON scanned for the brackets, braces and commas outside of texts, and the cells between them.

The grammar has been proved before. No Python object is made of a value, since one of few bytes would take a
hundred times its size.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from connecty_frames.decode import exact_json
from connecty_frames.decode.exact_json import hide_escapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

_COMMA, _QUOTE, _BRACKET = b',"['


def byte_table(dtype: type, values: dict[bytes, int]) -> NDArray[Any]:
    """Return a table by byte, 0 for bytes not among the keys."""
    table: NDArray[Any] = np.zeros(256, dtype)
    for some_bytes, value in values.items():
        table[list(some_bytes)] = value
    return table


def outside_texts(is_quote: NDArray[np.bool_], quotes: int = 0) -> NDArray[np.bool_]:
    """Return True for characters outside of texts, given the places of quotes."""
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


def scan(piece: memoryview, start: int = 0) -> Scanned:
    """Find the brackets, braces and commas outside of texts; a piece begins outside of them."""
    data = bytes(piece)
    marks, bytes_there, _ = _find_marks(data)
    return Scanned(start, data, marks, bytes_there, np.cumsum(STEPS[bytes_there], dtype=np.int32))


def _find_marks(data: bytes, quotes: int = 0) -> tuple[NDArray[np.int32], NDArray[np.uint8], int]:
    """Return the marks outside of texts, their bytes, and the number of quotes so far."""
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
    """Yield the positions of the commas of one array or object, without its values' own, by piece."""
    start = depth = quotes = 0
    while start < len(source):
        checkpoint()
        data = bytes(source[start : start + _PIECE])
        if (len(data) - len(data.rstrip(b"\\"))) % 2:  # a cut escape
            data += bytes(source[start + len(data) :][:1])
        marks, bytes_there, quotes = _find_marks(data, quotes)
        depths = depth + np.cumsum(STEPS[bytes_there], dtype=np.int64)
        yield start + marks[(bytes_there == _COMMA) & (depths == 1)].astype(np.int64)
        depth = int(depths[-1]) if len(depths) else depth
        start += len(data)


def parse_by_piece(block: Scanned, size: int, checkpoint: Callable[[], None]) -> Any:
    """Parse a block of one array or object as ``exact_json.parse`` does, some bytes at a time."""

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
    block = scan(memoryview(data))
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
