"""JSON scanned for the brackets, braces and commas outside of texts, and the cells between them.

The grammar is proved before. No value becomes a Python object, which may take a hundred times its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from connecty_frames.decode import exact_json
from connecty_frames.decode.exact_json import hide_escapes

if TYPE_CHECKING:
    from numpy.typing import NDArray

_QUOTE, _BRACKET = b'"['


def byte_table(dtype: type, values: dict[bytes, int]) -> NDArray[Any]:
    """Return a table by byte, 0 for bytes not among the keys."""
    table: NDArray[Any] = np.zeros(256, dtype)
    for some_bytes, value in values.items():
        table[list(some_bytes)] = value
    return table


def outside_texts(is_quote: NDArray[np.bool_], quotes: int = 0) -> NDArray[np.bool_]:
    """Return True for characters outside of texts, given the places of quotes."""
    is_odd = np.bitwise_xor.accumulate(is_quote.view(np.uint8))  # takes half the time of booleans
    outside: NDArray[np.bool_] = (is_odd == quotes % 2) & ~is_quote
    return outside


#: How many bytes are searched at a time where nothing else bounds the work.
_PIECE: Final = 1 << 20
_MARKS: Final = byte_table(np.bool_, {b'[]{},"': 1})
_STEPS: Final = byte_table(np.int8, {b"[{": 1, b"]}": -1})  # how a byte outside of texts changes the depth
SPACE: Final = ord(" ")  # the greatest byte of white space; outside of texts, no other byte is as small
_match_spaces: Final = re.compile(rb"\s*").match  # white space
match_key: Final = re.compile(rb'\s*("[^"\\]*+(?:\\.[^"\\]*+)*+")\s*:', re.DOTALL).match  # the key of a field


class Scanned(NamedTuple):
    """Whole rows with the separators between them."""

    start: int  # in the source
    data: bytes
    marks: NDArray[np.int32]  # positions of brackets, braces and commas outside of texts
    steps: NDArray[np.int8]  # how each mark changes the depth: 0 for a comma
    depths: NDArray[np.int32]  # behind each mark: 0 between rows, 1 between the cells of a row

    @property
    def end(self) -> int:
        """Where they end in the source."""
        return self.start + len(self.data)

    def separators(self, depth: int) -> NDArray[np.int32]:
        """Return the positions of the commas at a depth."""
        return self.marks.take(np.flatnonzero((self.steps == 0) & (self.depths == depth)))

    def outline(self) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
        """Return the marks between and around rows and their cells, none inside of cells; and their steps."""
        outer = np.flatnonzero((self.depths == 0) | (self.depths == 1) & (self.steps >= 0))
        if len(outer) == len(self.marks):
            return self.marks, self.steps
        return self.marks.take(outer), self.steps.take(outer)

    def within(self, start: int, end: int) -> Scanned:
        """Return the block with only the marks between two positions."""
        at = slice(*np.searchsorted(self.marks, np.array((start, end), np.int32)))
        return self._replace(marks=self.marks[at], steps=self.steps[at], depths=self.depths[at])


def next_block(rows: memoryview, start: int, size: int, *, single: bool = False) -> Scanned:
    """Return the longest block of a size, or a longer row; with ``single``, exactly one row."""
    while True:
        block = scan(rows[start : start + size], start)
        separators = block.separators(0)
        is_last = start + size >= len(rows)
        if len(separators) and (single or not is_last):
            end = int(separators[0 if single else -1])
            return block.within(0, end)._replace(data=block.data[:end])
        if is_last:
            return block
        size *= 2


def scan(piece: memoryview, start: int = 0) -> Scanned:
    """Find the brackets, braces and commas outside of texts; a piece begins outside of them."""
    data = bytes(piece)
    marks, steps, _ = _find_marks(data)
    return Scanned(start, data, marks, steps, np.cumsum(steps, dtype=np.int32))


def _find_marks(data: bytes, quotes: int = 0) -> tuple[NDArray[np.int32], NDArray[np.int8], int]:
    visible = np.frombuffer(hide_escapes(data), np.uint8)
    marks = _MARKS.take(visible).nonzero()[0].astype(np.int32)  # there may be as many as bytes
    bytes_there = visible.take(marks)
    is_quote = bytes_there == _QUOTE
    found = int(np.count_nonzero(is_quote))
    if found or quotes % 2:
        outside = outside_texts(is_quote, quotes).nonzero()[0]
        marks, bytes_there = marks.take(outside), bytes_there.take(outside)
    return marks, _STEPS.take(bytes_there), quotes + found


def inner_commas(source: memoryview, checkpoint: Callable[[], None]) -> Iterator[NDArray[np.int64]]:
    """Yield the positions of the commas of one array or object, without its values' own, by piece."""
    start = depth = quotes = 0
    while start < len(source):
        checkpoint()
        data = bytes(source[start : start + _PIECE])
        if (len(data) - len(data.rstrip(b"\\"))) % 2:  # a cut escape
            data += bytes(source[start + len(data) :][:1])
        marks, steps, quotes = _find_marks(data, quotes)
        depths = depth + np.cumsum(steps, dtype=np.int64)
        yield start + marks[(steps == 0) & (depths == 1)].astype(np.int64)
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
    starts = starts + (data.take(starts) <= SPACE)  # common case: one space, behind a comma
    if not ((data.take(starts) <= SPACE).any() or (data.take(ends - 1) <= SPACE).any()):
        return starts, ends
    solid = (data > SPACE).nonzero()[0]
    return solid[np.searchsorted(solid, starts)], solid[np.searchsorted(solid, ends) - 1] + 1


def find_items(data: bytes) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Return the bounds of the items of arrays, or fields of objects, in a row, and how many each has."""
    marks, steps = scan(memoryview(data)).outline()
    before = np.flatnonzero(steps >= 0)  # an item is between each of these and the next mark
    counts = np.diff(np.flatnonzero(steps < 0), prepend=-1) - 1
    starts, ends = marks.take(before) + 1, marks.take(before + 1)
    starts, ends = trim(np.frombuffer(data, np.uint8), starts, ends)
    is_item = starts < ends  # the others are of empty arrays and objects
    if not is_item.all():
        counts -= ~is_item.take(np.cumsum(counts) - 1)
        starts, ends = starts[is_item], ends[is_item]
    return starts, ends, counts


def find_keys(data: bytes, starts: NDArray[Any], ends: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return where the key of each field ends, and where its value starts."""
    visible = np.frombuffer(hide_escapes(data), np.uint8)
    quotes = np.flatnonzero(visible == _QUOTE)
    key_ends = quotes[np.searchsorted(quotes, starts, "right")] + 1
    colons, _ = trim(visible, key_ends, ends)
    return key_ends, trim(visible, colons + 1, ends)[0]
