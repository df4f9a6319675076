"""JSON scanned for the brackets, braces and commas outside of texts, and cut at commas.

The grammar has been proved before. No Python object is made of a value, since one of few bytes would take a
hundred times its size.
"""

from __future__ import annotations

import re
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from connecty_frames.decode import exact_json
from connecty_frames.decode.blocks import outside_texts
from connecty_frames.decode.exact_json import hide_escapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

_COMMA, _QUOTE, _BRACKET = b',"['


def byte_table(dtype: type, values: dict[bytes, int]) -> NDArray[Any]:
    """Return a table by byte, 0 for those that are not among the keys."""
    table: NDArray[Any] = np.zeros(256, dtype)
    for some_bytes, value in values.items():
        table[list(some_bytes)] = value
    return table


#: How many bytes are searched at a time where nothing else bounds the work.
_PIECE: Final = 1 << 20
_MARKS: Final = byte_table(np.bool_, {b'[]{},"': 1})
#: By how much each byte outside of texts changes the depth.
STEPS: Final = byte_table(np.int8, {b"[{": 1, b"]}": -1})
SPACES: Final = byte_table(np.bool_, {b" \t\r\n": 1})
#: Match white space, and the key of a field.
_match_spaces: Final = re.compile(rb"\s*").match
match_key: Final = re.compile(rb'\s*("[^"\\]*+(?:\\.[^"\\]*+)*+")\s*:', re.DOTALL).match


class Block(NamedTuple):
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

    def cut(self, end: int) -> Block:
        """Return the part of the block before a position."""
        return self.within(0, end)._replace(data=self.data[:end])

    def within(self, start: int, end: int) -> Block:
        """Return the block with only the marks between two positions."""
        some = slice(*np.searchsorted(self.marks, np.array((start, end), np.int32)))
        return self._replace(
            marks=self.marks[some], bytes_there=self.bytes_there[some], depths=self.depths[some]
        )


def next_block(rows: memoryview, start: int, size: int, *, single: bool = False) -> Block:
    """Return the longest block of a size, or a row that is longer; where it is to be a single one, a row."""
    while True:
        block = scan(rows[start : start + size], start)
        separators = block.separators(0)
        is_last = start + size >= len(rows)
        if len(separators) and (single or not is_last):
            return block.cut(int(separators[0 if single else -1]))
        if is_last:
            return block
        size *= 2


def scan(piece: memoryview, start: int) -> Block:
    """Find the brackets, braces and commas outside of texts; a piece begins outside of them."""
    data = bytes(piece)
    marks, bytes_there, _ = _find_marks(data)
    return Block(start, data, marks, bytes_there, np.cumsum(STEPS[bytes_there], dtype=np.int32))


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


class LongValue:
    """An array or object in a block that is too long to be parsed as a whole; ``end`` is exclusive."""

    def __init__(self, block: Block, start: int, end: int, depth: int = 1) -> None:
        self._block = block.within(start, end)
        self._start, self._depth = start, depth
        self.is_array: bool = block.data[start] == _BRACKET

    @classmethod
    def of(cls, text: memoryview) -> LongValue:
        """Return a value of the JSON that is nothing else, and is not nested too deeply."""
        block = scan(text, 0)
        return cls(block._replace(depths=block.depths.astype(np.int8)), 0, len(text))

    def items(self, size: int) -> Iterator[list[Any]]:
        """Return the items of an array as ``exact_json.parse`` would: some bytes of them, or one."""
        for start, end in self._pieces(size):
            is_short = end - start <= size
            yield exact_json.parse(f"[{self._text(start, end)}]") if is_short else [self._read(start, end)]

    def fields(self, size: int) -> dict[str, Any]:
        """Return an object as ``exact_json.parse`` would, but for values that are longer than some bytes."""
        return exact_json.to_object(list(chain.from_iterable(self._pairs(size))))

    def _pairs(self, size: int) -> Iterator[Iterable[tuple[str, Any]]]:
        for start, end in self._pieces(size):
            key = None if end - start <= size else match_key(self._block.data, start)
            if key is None:
                yield exact_json.pairs_of(exact_json.parse(f"{{{self._text(start, end)}}}"))
            else:
                yield [(exact_json.parse(key[1].decode()), self._read(key.end(), end))]

    def whole(self, size: int, checkpoint: Callable[[], None]) -> Any:
        """Return all of it as ``exact_json.parse`` would; the checkpoint is called after some bytes each."""

        def whole(value: Any) -> Any:
            return value.whole(size, checkpoint) if isinstance(value, LongValue) else value

        found: list[Any] = []
        if self.is_array:
            for items in self.items(size):
                found += map(whole, items)
                checkpoint()
            return found
        for pairs in self._pairs(size):
            found += [(key, whole(value)) for key, value in pairs]
            checkpoint()
        return exact_json.to_object(found)

    def count(self) -> int:
        """Return how many items or fields it has; one also where it has none."""
        return len(self._block.separators(self._depth)) + 1

    def _pieces(self, size: int) -> Iterator[tuple[int, int]]:
        """Return where the pieces start and end: each has one item, or some bytes at most."""
        end = int(self._block.marks[-1])
        commas = self._block.separators(self._depth)
        # Cut at the last comma before, and at the first one behind, each multiple of the size.
        behind = np.searchsorted(commas, np.arange(self._start, end, size, dtype=np.int32))
        cuts = commas[np.unique(np.clip((behind - 1, behind), 0, len(commas) - 1))] if len(commas) else commas
        for before, stop in pairwise([self._start, *cuts.tolist(), end]):
            yield self._skip_spaces(before + 1), stop

    def _read(self, start: int, end: int) -> Any:
        """Return a value, of an array or object what takes it apart."""
        start = self._skip_spaces(start)
        if self._block.data[start] in b"[{":
            return LongValue(self._block, start, end, self._depth + 1)
        return exact_json.parse(self._text(start, end))

    def _skip_spaces(self, position: int) -> int:
        return _match_spaces(self._block.data, position).end()  # type: ignore[union-attr]  # or of none

    def _text(self, start: int, end: int) -> str:
        return self._block.data[start:end].decode()
