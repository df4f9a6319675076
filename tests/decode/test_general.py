"""The general reader: blocks of any size give the same cells, and errors name the row."""

from __future__ import annotations

from typing import Any

import pytest

from connecty_frames.decode.blocks import ReaderLimits
from connecty_frames.decode.exact_json import ValueKind
from connecty_frames.decode.general import read_general
from connecty_frames.errors import ResponseError

BLOCKS = [1, 7, 20, 1 << 20]


def read(
    dataframe: str, block: int = 1 << 20
) -> tuple[list[Any], list[list[Any]], list[frozenset[ValueKind]]]:
    """Return the header, the cells of each column and their kinds, read in blocks of some bytes."""
    header, table = read_general(memoryview(dataframe.encode()), ReaderLimits(general_block=block))
    columns = [table.cells(position) for position in range(len(table))]
    return header, list(map(list, columns)), [column.kinds for column in columns]


@pytest.mark.parametrize("block", BLOCKS)
def test_every_kind_of_cell(block: int) -> None:
    """Cells are those of exact_json; white space, brackets and commas inside of texts separate nothing."""
    header, columns, kinds = read(
        '[ ["a" , "b"],\n[1, "],[" ] , [-Infinity,[[1.50], {"k": "]"}]],[ null,{}],["\\\\", true],'
        '["\\"",-1e5], [NaN , "\\ud800"]]',
        block,
    )
    assert header == ["a", "b"]
    assert columns == [
        ["1", "-Infinity", None, "\\", '"', "NaN"],
        ["],[", [["1.50"], {"k": "]"}], {}, True, "-1e5", "\ud800"],
    ]
    assert kinds == [
        {ValueKind.INTEGER, ValueKind.CONSTANT, ValueKind.TEXT},
        {ValueKind.TEXT, ValueKind.ARRAY, ValueKind.OBJECT, ValueKind.BOOLEAN, ValueKind.FRACTION},
    ]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("[1],[2],[3,4],[5]", "Row 2 of dataframe has 2 cells for 1 column: [3,4]"),
        ("[1],[2],[ ],[5]", "Row 2 of dataframe has 0 cells for 1 column: []"),
        ('[1],["],["], {"a":[1]},[5]', 'Row 2 of dataframe is not an array: {"a":[1]}'),
        ("[1],[2],null,[5]", "Row 2 of dataframe is not an array: null"),
        ("[1],[2],[[3,4]],[[],[]]", "Row 3 of dataframe has 2 cells for 1 column: [[],[]]"),
    ],
)
def test_the_row_of_an_error(rows: str, says: str, block: int) -> None:
    """The first row that is wrong is named, counted from the first block."""
    with pytest.raises(ResponseError) as caught:
        read(f'[["a"],{rows}]', block)
    assert says in str(caught.value)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_byte_that_is_not_utf8(block: int) -> None:
    """It is counted from the first of the rows."""
    with pytest.raises(ResponseError, match="dataframe is not UTF-8 at byte 17 of it"):
        read_general(memoryview(b'[["a"],[1],[2],["\xff"]]'), ReaderLimits(general_block=block))


def test_the_checkpoint() -> None:
    """It is called before each block, and between batches of cells; what it raises ends the reading."""
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1
        if calls > 9:
            raise TimeoutError

    dataframe = '[["a"],' + ",".join(["[[1]]"] * 1000) + "]"
    limits = ReaderLimits(general_block=1000, checkpoint=count)
    _, table = read_general(memoryview(dataframe.encode()), limits)
    assert calls == 7
    assert list(table.cells(0)) == [["1"]] * 1000
    assert calls == 8
    with pytest.raises(TimeoutError):
        read_general(memoryview(dataframe.encode()), limits)
