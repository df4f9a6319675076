"""The JSON of rows cut into blocks of whole rows, and the commas of a block outside of texts."""

from __future__ import annotations

from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING, Final

import numpy as np

from connecty_frames._base.immutable import Immutable
from connecty_frames.decode.exact_json import hide_escapes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

#: What stands between two rows: in compact JSON, and as Python's own json writes it.
SEPARATORS: Final = (b"],[", b"], [")
_QUOTE: Final = ord('"')


class UnsupportedRows(Exception):
    """The rows are not what the columnar reader supports."""


class Block(Immutable):
    """Whole rows, without the separators around them, in memory of their own."""

    data: NDArray[np.uint8]  # with escaped backslashes and quotes replaced
    quotes: int  # how many there are
    escaped: bool  # whether there are backslashes
    separator: bytes  # between two rows; without its brackets, between two cells


def cut_blocks(body: memoryview, separator: bytes, size: int, longest_row: int) -> Iterator[Block]:
    """Cut rows into blocks of about the given size, at separators outside of texts."""
    start = 0
    while start < len(body):
        length, found = size, None
        while found is None:
            if length > longest_row:
                raise UnsupportedRows
            found = _cut_block(body[start : start + length], separator, is_last=start + length >= len(body))
            length *= 2  # a row may be longer than the piece
        block, next_start = found
        yield block
        start += next_start


def _cut_block(piece: memoryview, separator: bytes, *, is_last: bool) -> tuple[Block, int] | None:
    """Return the longest block that a piece holds and where the next begins, None where it holds none."""
    text = bytes(piece)
    escaped = b"\\" in text
    if escaped:
        text = hide_escapes(text)
    data = np.frombuffer(text, np.uint8)
    # Most often the last separator is outside of texts, so that no other has to be found.
    last_outside = partial(_last_outside_texts, separator=separator)
    for find_end in (len,) if is_last else (methodcaller("rfind", separator), last_outside):
        end = find_end(text)
        if end <= 0:
            return None
        quotes = int(np.count_nonzero(data[:end] == _QUOTE))
        if quotes % 2 == 0:
            return Block(data[:end], quotes, escaped, separator), end + len(separator)
    return None


def _last_outside_texts(piece: bytes, separator: bytes) -> int:
    """Return the position of the last separator outside of texts, -1 for none, in one pass over the piece."""
    data = np.frombuffer(piece, np.uint8)
    ends = np.flatnonzero(data[: 1 - len(separator)] == separator[0])
    for offset, byte in enumerate(separator):
        ends = ends[data[ends + offset] == byte]
    quotes_before = np.searchsorted(np.flatnonzero(data == _QUOTE), ends)
    outside = ends[quotes_before % 2 == 0]
    return int(outside[-1]) if len(outside) else -1


def commas_outside_texts(data: NDArray[np.uint8], is_comma: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the positions of the commas that have an even number of quotes before them."""
    marks = (is_comma | (data == _QUOTE)).nonzero()[0]
    positions: NDArray[np.intp] = marks[outside_texts(data[marks] == _QUOTE)]
    return positions


def outside_texts(is_quote: NDArray[np.bool_], quotes: int = 0) -> NDArray[np.bool_]:
    """Return which of some characters are outside of texts, if these are the quotes behind some others."""
    # A sum of 8 bits overflows, but its last bit is right.
    outside: NDArray[np.bool_] = (np.cumsum(is_quote, dtype=np.uint8) & 1 == quotes % 2) & ~is_quote
    return outside
