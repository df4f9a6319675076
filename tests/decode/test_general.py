"""The general reader: blocks of any size give the same cells, and errors name the row."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connecty_frames.decode import exact_json
from connecty_frames.decode.exact_json import KIND_BY_TYPE, ReaderLimits, ValueKind
from connecty_frames.decode.general import read_general
from connecty_frames.errors import ResponseError
from tests.cases import cases

BLOCKS = [1, 7, 20, 1 << 20]


def read(
    dataframe: str, block: int = 1 << 20
) -> tuple[list[Any], list[list[Any]], list[frozenset[ValueKind]]]:
    """Return the header, the cells of each column and their kinds, read in blocks of some bytes."""
    header, table = read_general(memoryview(dataframe.encode()), ReaderLimits(general_block=block))
    columns = [table.cells(position) for position in range(len(table))]
    return header, list(map(list, columns)), [column.kinds for column in columns]


@cases("block", BLOCKS)
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


#: Pieces of the JSON of a text, whole escapes among them.
_PIECES = ["],[", ",", "{", "}", "[", " ", r"\"", r"\\", r"\n", r"\u00e9", r"\ud83d\ude00", r"\ud800",
           r"\udc00", "a", "é", "😀", "NaN", "1.5"]  # fmt: skip
texts = st.lists(st.sampled_from(_PIECES), max_size=4).map(lambda pieces: f'"{"".join(pieces)}"')
_NUMBERS = ["0", "-0", "-1", "1.50", "1E5", "-0.0", "1e-9", "9" * 30, "NaN", "-Infinity", "Infinity"]
scalars = texts | st.sampled_from(["null", "true", "false", *_NUMBERS])
spaces = st.sampled_from(["", "", "", " ", "\n\t", "\r "])


def spelled(items: list[str], space: str, ends: str = "[]") -> str:
    """Return the JSON of an array or object, with white space around each item."""
    return ends[0] + ",".join(f"{space}{item}{space}" for item in items) + ends[1]


def containers(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return the JSON of arrays and objects, in which keys may be repeated."""
    members = st.tuples(st.sampled_from(['"k"', '"],["', r'"\ud800"']), spaces, items).map(
        "{0[0]}{0[1]}:{0[2]}".format
    )
    return st.builds(spelled, st.lists(items, max_size=3), spaces) | st.builds(
        spelled, st.lists(members, max_size=3), spaces, st.just("{}")
    )


cells = st.recursive(scalars, containers, max_leaves=5)
tables = st.integers(1, 3).flatmap(
    lambda width: st.builds(
        spelled,
        st.lists(
            st.builds(spelled, st.lists(cells, min_size=width, max_size=width), spaces),
            min_size=1,
            max_size=8,
        ),
        spaces,
    )
)


@pytest.mark.slow
@given(tables, st.sampled_from(BLOCKS))
@example(r'[["a"],["\\"],["],["],["\ud800"]]', 1)
def test_every_cell_is_that_of_exact_json(dataframe: str, block: int) -> None:
    """Cells, with their kinds, are those that Python's own reader makes of all the rows at once."""
    due_header, *due_rows = exact_json.parse(dataframe)
    header, columns, kinds = read(dataframe, block)
    assert typed(header) == typed(due_header)
    assert typed(columns) == typed(list(map(list, zip(*due_rows, strict=True))) or [[] for _ in due_header])
    assert (
        kinds
        == [
            {KIND_BY_TYPE[type(cell)] for cell in column if cell is not None}
            for column in zip(*due_rows, strict=True)
        ]
        or not due_rows
    )


def typed(value: object) -> object:
    """Return a value with the types that equality ignores, and with all pairs of an object."""
    if isinstance(value, list):
        return list(map(typed, value))
    if isinstance(value, dict):
        pairs = value.pairs if isinstance(value, exact_json.RepeatedKeys) else value.items()
        return [(key, typed(item)) for key, item in pairs]
    return type(value), value


@cases("block", BLOCKS)
@cases(
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


@cases(
    ("rows", "says"),
    [
        ("[1],[2,3,4]", "Row 0 of dataframe has 1 cell for 2 columns"),
        ("[2,3,4],[1]", "Row 0 of dataframe has 3 cells for 2 columns"),
        ("[ ],[2 , 3,4]", "Row 0 of dataframe has 0 cells for 2 columns"),
    ],
)
def test_rows_that_have_the_commas_of_others(rows: str, says: str) -> None:
    """A short row and a long one have together as many commas as two rows."""
    with pytest.raises(ResponseError, match=says):
        read(f'[["a","b"],{rows}]')


@cases("block", BLOCKS)
def test_many_columns_of_several_blocks(block: int) -> None:
    """A column of many is one array, however many blocks there are."""
    names = ",".join(f'"c{position}"' for position in range(200))
    rows = ",".join(f"[{','.join([f'{row}.5', 'null'] * 100)}]" for row in range(50))
    _, table = read_general(memoryview(f"[[{names}],{rows}]".encode()), ReaderLimits(general_block=block))
    assert list(table.cells(198)) == [f"{row}.5" for row in range(50)]
    assert isinstance(table.cells(198).texts, pa.StringArray)
    assert list(table.cells(199)) == [None] * 50


@cases("block", BLOCKS)
def test_the_byte_that_is_not_utf8(block: int) -> None:
    """It is counted from the first of the rows."""
    with pytest.raises(ResponseError, match="dataframe is not UTF-8 at byte 17 of it"):
        read_general(memoryview(b'[["a"],[1],[2],["\xff"]]'), ReaderLimits(general_block=block))


def test_the_byte_that_is_not_utf8_in_a_row_of_another_width() -> None:
    """It is reported first."""
    with pytest.raises(ResponseError, match="dataframe is not UTF-8 at byte 19 of it"):
        read_general(memoryview(b'[["a"],[1],[2],[3,"\xff"]]'))


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
