"""Rows cut into blocks: where blocks end, and which commas are outside of texts."""

import numpy as np
import pytest

from connecty_frames.decode.columnar import SEPARATORS, UnsupportedRows, commas_outside_texts, cut_blocks
from tests.cases import cases

COMPACT, SPACED = SEPARATORS


@cases(
    ("body", "separator", "size", "blocks"),
    [
        (b"1],[2],[3", COMPACT, 100, [b"1],[2],[3"]),
        (b"1],[2],[3", COMPACT, 5, [b"1", b"2],[3"]),
        (b'"],["],[2', COMPACT, 6, [b'"],["],[2']),
        (b'"],["],[2],[3', COMPACT, 9, [b'"],["', b"2],[3"]),
        (rb'"\""],["x"', COMPACT, 8, [b'"\\\x02"', b'"x"']),
        (b'1],["],[x"],[3', COMPACT, 9, [b"1", b'"],[x"', b"3"]),
        (b'1],["],[x"],[3', COMPACT, 8, [b"1", b'"],[x"],[3']),
        (b'1], ["], [x"], [3', SPACED, 11, [b"1", b'"], [x"', b"3"]),
        (b"1], [2], [3", SPACED, 6, [b"1", b"2], [3"]),
        (b'"], ["], [2], [3', SPACED, 11, [b'"], ["', b"2], [3"]),
    ],
)
def test_blocks_end_between_rows(body: bytes, separator: bytes, size: int, blocks: list[bytes]) -> None:
    """A block is one row or more, whatever stands in a text; quotes behind a backslash are hidden."""
    found = cut_blocks(memoryview(body), separator, size, 1 << 10)
    assert [bytes(block.data) for block in found] == blocks


def test_a_row_longer_than_the_limit() -> None:
    """It is refused, at whatever size of blocks."""
    with pytest.raises(UnsupportedRows):
        list(cut_blocks(memoryview(b'"' + b"x" * 100 + b'"],[1'), COMPACT, 8, 64))


def test_commas_outside_of_texts() -> None:
    """A comma between two quotes that open and close a text is not counted."""
    data = np.frombuffer(b'1,"a,b",2', np.uint8)
    assert commas_outside_texts(data, data == ord(",")).tolist() == [1, 7]
