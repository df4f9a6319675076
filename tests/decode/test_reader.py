"""The shape of a table: names, widths, and the JSON of each cell."""

import json
from typing import Any
from unittest import mock

import pytest

from connecty_frames.decode import decoder
from connecty_frames.decode.decoder import decode, read_rows
from connecty_frames.decode.envelope import read_envelope
from connecty_frames.decode.exact_json import ReaderLimits
from connecty_frames.decode.general import read_general
from connecty_frames.decode.schema import column_names
from connecty_frames.decode.types.column import MixedCells
from connecty_frames.errors import ColumnNameWarning, ResponseError
from connecty_frames.options import AskOptions
from tests.cases import cases


def read(dataframe: str) -> Any:
    """Return the header, the columns and the number of rows of the JSON of ``dataframe``."""
    return read_rows(memoryview(dataframe.encode()), {})


def test_columns() -> None:
    """The header names the columns, and cells stay the texts they were."""
    header, columns, count = read('[["a", "b"], [1.10, "x"], [null, true]]')
    assert [list(column) for column in columns] == [["1.10", None], ["x", True]]
    assert count == 2
    assert column_names(header) == (["a", "b"], ["a", "b"], [])


@cases(
    ("cells", "texts"),
    [
        (["-0", "1.5"], ["-0", "1.5"]),
        (["0", "1.5", "null"], ["0", "1.5", None]),
        (["7", "null", "1.50"], ["7", None, "1.50"]),
    ],
)
def test_whole_numbers_among_fractions(cells: list[str], texts: list[str | None]) -> None:
    """Each is kept as it was written, a zero with its minus."""
    _, columns, _ = read(f'[["a"],{",".join(f"[{cell}]" for cell in cells)}]')
    assert list(columns[0]) == texts


@cases(
    ("dataframe", "columns", "count"),
    [('[["a"]]', [[]], 0), ("[[]]", [], 0), ("[[],[],[]]", [], 2), ('[["a"],[null]]', [[None]], 1)],
)
def test_small_shapes(dataframe: str, columns: list[list[None]], count: int) -> None:
    """No rows, no columns, rows without columns."""
    _, found, rows = read(dataframe)
    assert [list(column) for column in found] == columns
    assert rows == count


def test_a_cell_nested_deeper_than_python_recurses() -> None:
    """It is found to be too deep, not met by a RecursionError."""
    _, columns, count = read(f'[["a"],[{"[" * 5000}{"]" * 5000}]]')
    assert count == 1
    assert isinstance(columns[0], MixedCells)
    assert columns[0].is_too_deep


@cases(
    ("header", "names", "server_names", "warned"),
    [
        ('["a","b"]', ["a", "b"], ["a", "b"], []),
        ('["a","a","a"]', ["a", "a_1", "a_2"], ["a", "a", "a"], [1, 2]),
        ('["a","a","a_1"]', ["a", "a_2", "a_1"], ["a", "a", "a_1"], [1]),
        ('["a_1","a","a","a"]', ["a_1", "a", "a_2", "a_3"], ["a_1", "a", "a", "a"], [2, 3]),
        ('["column","","column"]', ["column", "column_1", "column_2"], ["column", "", "column"], [1, 2]),
        ('["",null]', ["column_0", "column_1"], ["", None], [0, 1]),
        ('["","column_0"]', ["column_0_1", "column_0"], ["", "column_0"], [0]),
        ('["",""]', ["column_0", "column_1"], ["", ""], [0, 1]),
        ("[5,1.50,true]", ["5", "1.50", "true"], ["5", "1.50", "true"], [0, 1, 2]),
        ('[5,"5"]', ["5", "5_1"], ["5", "5"], [0, 1]),
        ('[" a ","\\u0001","é"]', [" a ", "\x01", "é"], [" a ", "\x01", "é"], []),
        ('["a\\u0000b","a"]', ["column_0", "a"], ["a\0b", "a"], [0]),
        (
            '["\\u0000","\\u0000","column_0"]',
            ["column_0_1", "column_1", "column_0"],
            ["\0", "\0", "column_0"],
            [0, 1],
        ),
    ],
)
def test_names(header: str, names: list[str], server_names: list[str | None], warned: list[int]) -> None:
    """The first of duplicates keeps its name, no two are the same, and each change is a warning."""
    found, sent, warnings = column_names(read(f"[{header}]")[0])
    assert found == names
    assert sent == server_names
    assert all(type(name) is str for name in found)
    assert [str(warning).split(" is called")[0] for warning in warnings] == [f"Column {n}" for n in warned]
    assert all(isinstance(warning, ColumnNameWarning) for warning in warnings)


def test_warnings_say_why() -> None:
    """The warning says whether a name is taken, or is not a name."""
    _, _, warnings = column_names(["a", "a", None, "b\0c"])
    texts = [str(warning) for warning in warnings]
    assert texts == [
        "Column 1 is called 'a_1', because \"a\" is taken.",
        "Column 2 is called 'column_2', because null is not a valid name.",
        "Column 3 is called 'column_3', because \"b\\u0000c\" holds a NUL character.",
    ]


@cases(
    ("dataframe", "says"),
    [
        ("{}", "is not an array of rows. It begins: {}"),
        ('"x"', 'is not an array of rows. It begins: "x"'),
        ("5", "is not an array of rows. It begins: 5"),
        ("[]", "has no header"),
        ('["a","b"]', "has no header"),
        ("[null]", "has no header"),
        ('[{"a":1}]', "has no header"),
        ('[["a"],{"a":1}]', 'Row 0 of dataframe is not an array: {"a":1}'),
        ('[["a"],[1],null]', "Row 1 of dataframe is not an array: null"),
        ('[["a","b"],[1,2],[3]]', "Row 1 of dataframe has 1 cell for 2 columns: [3]"),
        ('[["a"],[1,2]]', "Row 0 of dataframe has 2 cells for 1 column: [1,2]"),
        ('[["a"],[]]', "Row 0 of dataframe has 0 cells for 1 column: []"),
        ("[[],[1]]", "Row 0 of dataframe has 1 cell for 0 columns: [1]"),
        ("[[[1]],[2]]", "holds [1] at position 0, which is not a column name"),
        ('[["a",{}]]', "holds {} at position 1, which is not a column name"),
        ('[["\\ud800"]]', "The column name at position 0 holds a lone surrogate"),
        ('{"a":' + "[" * 900 + "]" * 900 + "}", "It begins: (deeply nested)"),
        ('[["a"],{"a":' + "[" * 900 + "]" * 900 + "}]", "is not an array: (deeply nested)"),
        ('[["a"],[1,' + "[" * 900 + "]" * 900 + "]]", "has 2 cells for 1 column: (deeply nested)"),
        ("[[" + "[" * 900 + "]" * 900 + "]]", "holds (deeply nested) at position 0"),
        ("[" * 100_000 + "]" * 100_000, "is nested too deeply"),
    ],
)
def test_what_is_not_a_table(dataframe: str, says: str) -> None:
    """Nothing is padded, dropped or shifted: each is an error that names the row or the position."""
    with pytest.raises(ResponseError) as caught:
        column_names(read(dataframe)[0])
    assert says in str(caught.value)


@cases("cells", ["1,2,3", '1,{},"x"'])
def test_too_many_columns(cells: str) -> None:
    """The columnar and the general reader keep the limit, and the error tells both numbers."""
    source = memoryview(f'[["a","b","c"],[{cells}]]'.encode())
    assert read_rows(source, {}, limits=ReaderLimits(most_columns=3))[2] == 1
    with pytest.raises(ResponseError, match="has 3 columns; at most 2 are read"):
        read_rows(source, {}, limits=ReaderLimits(most_columns=2))


@cases(
    ("dataframe", "source"),
    [
        (
            '[["a"],[ {"b": 1.0, "b": [ ]} ],[null],["\\u00e9"],[1e5]]',
            ['{"b": 1.0, "b": [ ]}', None, "é", "1e5"],
        ),
        ('[["a"],["null"],[ null ]]', ["null", None]),
    ],
)
def test_texts_of_cells(dataframe: str, source: list[str | None]) -> None:
    """A cell that is no text has as its text what the server wrote, to the last space inside."""
    table = read_general(memoryview(dataframe.encode()))[1]
    assert table.cells(0).texts.to_pylist() == source


def test_texts_of_cells_that_are_not_strict_json() -> None:
    """The same where the body has a bare NaN, infinity or lone surrogate."""
    dataframe = '[["a","b"],[{"k" : 1.0, "k": [ -Infinity,NaN ]},NaN],["NaN \\"NaN\\" NaN", "\\udc00" ]]'
    body = '{"state":"COMPLETED","extra":NaN,"results":{"dataframe":' + dataframe + "}}"
    source = read_envelope(body.encode()).rows
    assert source is not None
    table = read_general(source)[1]
    assert table.cells(0).texts.to_pylist() == ['{"k" : 1.0, "k": [ -Infinity,NaN ]}', 'NaN "NaN" NaN']
    assert list(table[1]) == ["NaN", "\udc00"]


@cases(
    ("extra", "cell", "is_strict"),
    [
        ("1", '"a"', True),
        ("NaN", '"NaN \\ud83d\\ude00"', True),
        ("1", "NaN", False),
        ("1", '"\\ud800"', False),
    ],
)
def test_strict_rows(extra: str, cell: str, *, is_strict: bool) -> None:
    """Rows are strict JSON if what is lenient stands beside them; the columnar reader tries no others."""
    body = f'{{"state":"COMPLETED","extra":{extra},"results":{{"dataframe":[["a"],[{cell}]]}}}}'
    envelope = read_envelope(body.encode())
    assert envelope.is_strict is is_strict
    with mock.patch.object(decoder, "read_columnar", return_value=None) as read:
        decode(envelope, AskOptions())
    assert read.called is is_strict


def test_many_columns_of_one_name() -> None:
    """20,000 columns of one name are named without searching from the start each time."""
    names, *_ = column_names(["a"] * 20_000)
    assert names[:2] == ["a", "a_1"]
    assert names[-1] == "a_19999"


def test_the_checkpoints_of_many_columns() -> None:
    """The deadline is looked at every 1,000 columns at least, as they are read, named, made and compared."""
    called: list[int] = []
    limits = ReaderLimits(checkpoint=lambda: called.append(1))
    body = json.dumps({"state": "COMPLETED", "results": {"dataframe": [["a"] * 5_000, [1] * 5_000]}})
    header, *_ = read_rows(memoryview(json.dumps([["a"] * 5_000, [1] * 5_000]).encode()), {}, limits)
    assert len(called) == 3 + 5
    column_names(header, limits.checkpoint)
    assert len(called) == 3 + 5 + 5
    called.clear()
    decode(read_envelope(body.encode()), AskOptions(), limits=limits)
    assert len(called) == 3 + 5 + 5 + 5_000 + 5_000 + 1
