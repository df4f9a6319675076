r"""The columnar reader: each precondition of its proof, and that it reads what the other readers read."""

import json
import random
import re
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from datetime import UTC, date, datetime
from typing import Any
from unittest import mock

import msgspec
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connecty_frames.decode import decoder
from connecty_frames.decode.columnar import read_columnar
from connecty_frames.decode.decoder import Decoded, decode
from connecty_frames.decode.envelope import read_envelope
from connecty_frames.decode.exact_json import ReaderLimits, ValueKind
from connecty_frames.decode.types.numbers import FloatValues
from connecty_frames.decode.types.times import TemporalValues
from connecty_frames.options import AskOptions
from tests.cases import cases

TEXT, INTEGER, FRACTION, BOOLEAN = ValueKind.TEXT, ValueKind.INTEGER, ValueKind.FRACTION, ValueKind.BOOLEAN
ARROW_TYPES = {TEXT: pa.string(), INTEGER: pa.int64(), FRACTION: pa.string(), BOOLEAN: pa.bool_()}
ONE_BLOCK = 1 << 20

#: Of the sizes of blocks, the fast tests try every seventh, the slow ones every third.
every_size = pytest.mark.parametrize("step", [7, pytest.param(3, marks=pytest.mark.slow)])

#: Rows after a header, and the columns they are.
Columns = list[tuple[ValueKind, list[Any]]]


def read(
    dataframe: str | bytes, block: int = ONE_BLOCK, longest_row: int = 1 << 23, **sections: str
) -> Columns | None:
    """Return what the columnar reader reads of rows cut into blocks of so many bytes, None if it refuses."""
    source = dataframe.encode() if isinstance(dataframe, str) else dataframe
    msgspec.json.decode(source, type=msgspec.Raw)  # a precondition of the reader: it is JSON
    found = read_columnar(memoryview(source), sections, ReaderLimits(block=block, longest_row=longest_row))
    if found is None:
        return None
    assert [column.array.type for column in found[1]] == [ARROW_TYPES[column.kind] for column in found[1]]
    return [(column.kind, column.array.to_pylist()) for column in found[1]]


class OneThread(Executor):
    """Reads blocks at once: of a thousand small ones, starting threads would take most of the time."""

    def __init__(self, _workers: int) -> None:
        pass

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:  # type: ignore[override]
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connecty_frames.decode.columnar.ThreadPoolExecutor", OneThread)


# --- what is refused --------------------------------------------------------------------------------


@cases(
    "dataframe",
    [
        # Another token or white space among texts: a number would become a text, white space a part of one.
        pytest.param('[["a"],["x"],[5]]', id="a number among texts"),
        pytest.param('[["a"],["x"],[5.5]]', id="a fraction among texts"),
        pytest.param('[["a"],["x"],[true]]', id="a truth value among texts"),
        pytest.param('[["a"],["x"],[ "y"]]', id="space before a text"),
        pytest.param('[["a"],["x"],["y" ]]', id="space after a text"),
        pytest.param('[["a"],["x"],["y"\t]]', id="a tab after a text"),
        pytest.param('[["a"],["x"],[ null]]', id="a null after a space would be a text"),
        pytest.param('[["a"],["x"],[null ]]', id="a null before a space would be a text"),
        pytest.param('[["a","b"],["x","y"],[ "y,","z"]]', id="a text with a comma after a space"),
        pytest.param('[["a","b"],["x","y"],["y," ,"z"]]', id="a text with a comma before a space"),
        # Texts in other columns, and rows that are too short or too long.
        pytest.param('[["a","b"],[1.5,"x"],["5","y"]]', id="a text among fractions"),
        pytest.param('[["a","b"],[1,"x"],["5","y"]]', id="a text that is a number among whole numbers"),
        pytest.param('[["a","b"],[true,"x"],["true","y"]]', id="a text that is a truth value among these"),
        pytest.param('[["a"],[1],["],["]]', id="a separator in a text among whole numbers"),
        pytest.param('[["a","b"],["x","y"],["z"],["v","w"]]', id="a row too short among texts"),
        pytest.param('[["a","b"],["x","y"],["v","w","z"]]', id="a row too long among texts"),
        # Arrays, objects and truth values would be numbers' texts, two short rows one long row.
        pytest.param('[["a"],[1.5],[[2.5]]]', id="an array among fractions"),
        pytest.param('[["a"],[1.5],[{}]]', id="an object among fractions"),
        pytest.param('[["a"],[1.5],[true]]', id="a truth value among fractions"),
        pytest.param('[["a"],[1.5],[ 2.5]]', id="space before a fraction"),
        pytest.param('[["a"],[1.5],[2.5 ]]', id="space after a fraction"),
        pytest.param('[["a"],[1],[2 ]]', id="space after a whole number"),
        pytest.param('[["a"],[1],[[2]]]', id="an array among whole numbers"),
        pytest.param('[["a"],[null],[[]]]', id="an array where there were only nulls"),
        pytest.param('[["a"],[true],[[false]]]', id="an array among truth values"),
        pytest.param('[["a","b"],["x","y"],[{"k":"v","l":"w"},"z"]]', id="an object among texts"),
        pytest.param('[["a","b"],["x","y"],{"k":"v"}]', id="an object for a row"),
        pytest.param('[["a","b","c"],[1.5,"y",2.5],[1.5],"x",[2.5]]', id="a text between two rows"),
        pytest.param('[["a","b","c"],[1.5,2.5,3.5],[1.5],2.5,[3.5]]', id="a number between two rows"),
        pytest.param('[["a"],[1],[2],3]', id="a number for the last row"),
        pytest.param('[["a"],[true],[1]]', id="a whole number among truth values"),
        pytest.param('[["a"],[1],[true]]', id="a truth value among whole numbers"),
        # White space in rows: three cells and an empty row would be two rows, one of them with a gap.
        pytest.param('[["a","b"],[0.5,0.5],[1.5,\n2.5,3.5],[]]', id="a line break in a row of fractions"),
        pytest.param('[["a","b"],[0,0],[1,\n2,3],[]]', id="a line break in a row of whole numbers"),
        pytest.param('[["a","b"],[0,0],[1\r,2,3],[]]', id="a carriage return before a comma"),
        pytest.param('[["a","b"],[true,true],[true,\ntrue,true],[]]', id="a line break among truth values"),
        pytest.param('[["a","b"],["x","x"],["x",\n"x","x"],[]]', id="a line break among texts"),
        pytest.param('[["a","b"],["x","x"],["x,",\n"x","x"],[]]', id="a line break among texts with commas"),
        pytest.param('[["a","b"],[0,0],[1,2]\n,[3,4]]', id="a line break between rows"),
        # Rows without a cell would be no rows.
        pytest.param('[["a"],["x"],[\n"y"\r],["z"]]', id="line breaks around a text"),
        pytest.param('[["a"],[1],[],[2]]', id="an empty row"),
        pytest.param('[["a"],[],[1],[2]]', id="an empty first row"),
        pytest.param('[["a"],[1],[]]', id="an empty last row"),
        pytest.param('[["a"],["x"],[ ],["y"]]', id="an empty row with a space"),
        pytest.param('[["a"],["x,"],[],["y"]]', id="an empty row after a text with a comma"),
        pytest.param('[["a"],["x"],[],[],[],[],["y"]]', id="a block of empty rows alone"),
        pytest.param('[["a"],["],["],[],["y"]]', id="an empty row after a text with a separator"),
        # Spaces behind commas, but not behind each: the byte behind a comma would belong to no cell.
        pytest.param('[["a", "b"], [1, 2], [3,4]]', id="no space between two cells"),
        pytest.param('[["a", "b"], ["x", "y"], ["x","y"]]', id="no space between two texts"),
        pytest.param('[["a", "b"], ["x,", "y"], ["x","y"]]', id="no space, and a text with a comma"),
        pytest.param('[["a"], [1],[2]]', id="no space between two rows"),
        pytest.param('[["a"], [1], [2],[3]]', id="no space between the last rows"),
        pytest.param('[["a", "b"], [1, 2], [3,  4]]', id="two spaces between two cells"),
        pytest.param('[["a", "b"], ["x", "y"], ["x",  "y"]]', id="two spaces between two texts"),
        pytest.param('[["a"], [1], [2],  [3]]', id="two spaces between two rows"),
        pytest.param('[["a"], [1], [2],\n[3]]', id="a line break between rows with spaces"),
        pytest.param('[["a"], ["x"], ["y" ]]', id="spaces, and one after a text"),
        pytest.param('[["a"], ["x"], [ "y"]]', id="spaces, and one before a text"),
        pytest.param('[["a"], ["x"], [], ["y"]]', id="an empty row among rows with spaces"),
        pytest.param('[["a"], ["x"], [["y"]]]', id="an array among texts with spaces"),
        pytest.param('[["a"], ["x"], [{"k": ", "}]]', id="an object among texts with spaces"),
        pytest.param('[["a", "b"], [1, 2], [3], [4, 5, 6]]', id="rows with spaces of other widths"),
        # What is refused before anything is read.
        pytest.param('[["a"]]', id="no rows"),
        pytest.param("[[],[],[]]", id="no columns"),
        pytest.param('[["a"],1]', id="no row"),
        pytest.param('[["a"],[[1],[2]]]', id="nothing but an array"),
        pytest.param('[["a"],[{"k":1}]]', id="nothing but an object"),
        pytest.param("[]", id="no header"),
        pytest.param("5", id="no array"),
    ],
)
@cases("block", [1, 5, ONE_BLOCK])
def test_refused(dataframe: str, block: int) -> None:
    """Rows that are not supported are refused, in whichever block they stand."""
    assert read(dataframe, block) is None


@cases("cell", [b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x82"'])
def test_invalid_utf8(cell: bytes) -> None:
    """Msgspec does not check the UTF-8 of the rows; Arrow does, in each block."""
    far = b'["' + b"x" * 70_000 + b'"],'  # beyond what is sniffed
    assert read(b'[["a"],["x"],[' + cell + b"]]") is None
    assert read(b'[["a"],' + far + b"[" + cell + b"]]") is None


def test_a_long_header() -> None:
    """A header or first row of more than 64 KB is read, if it is no longer than the longest row may be."""
    names = ",".join(f'"{"n" * 1000}{number}"' for number in range(70))
    header_first = f"[[{names}],[{','.join(['1.5'] * 70)}]]"
    assert read(header_first) == [(FRACTION, ["1.5"])] * 70
    assert read(header_first, longest_row=70_000) is None
    assert read(f'[["a"],["{"x" * 70_000}"],["y"]]') == [(TEXT, ["x" * 70_000, "y"])]


# --- what is read -----------------------------------------------------------------------------------


@cases(
    ("dataframe", "columns"),
    [
        ('[["a"],["x"]]', [(TEXT, ["x"])]),
        ('[["a","b"],["x",1],[null,2],["",null]]', [(TEXT, ["x", None, ""]), (INTEGER, [1, 2, None])]),
        ('[["a"],[true],[null],[false]]', [(BOOLEAN, [True, None, False])]),
        # Texts that are something else without quotes, and that CSV readers take for nothing.
        (
            '[["a"],["null"],["true"],["5"],["NA"],["NaN"],[""],["N/A"],["#N/A"],["nan"],[null]]',
            [(TEXT, ["null", "true", "5", "NA", "NaN", "", "N/A", "#N/A", "nan", None])],
        ),
        ('[["a"],[" x"],["x "],[" "],["  null  "]]', [(TEXT, [" x", "x ", " ", "  null  "])]),
        ('[["a"],["\'x\'"],["x#y"],[";"],["x=y"]]', [(TEXT, ["'x'", "x#y", ";", "x=y"])]),
        # Line breaks of other kinds, a byte order mark, and the last code points.
        (
            '[["a"],["\u2028"],["\u2029"],["\x7f"],["\x85"],["\ufeff"],["\uffff"],["\U0010ffff"]]',
            [(TEXT, ["\u2028", "\u2029", "\x7f", "\x85", "\ufeff", "\uffff", "\U0010ffff"])],
        ),
        # Escapes, among them those of the bytes that the reader hides things behind.
        (
            r'[["a"],["\u0000"],["\u0001\u0002\u0003"],["\u000a\u000d"],["\n\n\n"],["\r"],["\t"],["\b\f\/"]]',
            [(TEXT, ["\0", "\x01\x02\x03", "\n\r", "\n\n\n", "\r", "\t", "\b\f/"])],
        ),
        (
            r'[["a"],["\""],["\\"],["\\\\"],["\\\""],["\"\""],["\\\"\\"],["\\n"],["\\u0041"],["\u0041"]]',
            [(TEXT, ['"', "\\", "\\\\", '\\"', '""', '\\"\\', "\\n", "\\u0041", "A"])],
        ),
        (r'[["c"],["\\"],["\\\\"]]', [(TEXT, ["\\", "\\\\"])]),
        ('[["a","b","c"],[true,1,0]]', [(BOOLEAN, [True]), (INTEGER, [1]), (INTEGER, [0])]),
        (r'[["a"],["\ud83d\ude00"],["\uD83D\uDE00"],["é\u00e9"]]', [(TEXT, ["😀", "😀", "éé"])]),
        (r'[["a"],["\u0022],[\u0022"],["\u005d,\u005b"]]', [(TEXT, ['"],["', "],["])]),
        # The second cut: commas and separators inside of texts.
        ('[["a"],["x,y"]]', [(TEXT, ["x,y"])]),
        ('[["a","b"],["x,y","z"],["u","v,"]]', [(TEXT, ["x,y", "u"]), (TEXT, ["z", "v,"])]),
        ('[["a","b"],[",",1],[null,null],[",,",2]]', [(TEXT, [",", None, ",,"]), (INTEGER, [1, None, 2])]),
        ('[["a"],["],["],["x],[y"],["],[],["],["]],[["]]', [(TEXT, ["],[", "x],[y", "],[],[", "]],[["])]),
        (r'[["a"],["\"],[\""],["\\"],["],[\n\n\n],["]]', [(TEXT, ['"],["', "\\", "],[\n\n\n],["])]),
        ('[["a"],["null,"],[null],["null"]]', [(TEXT, ["null,", None, "null"])]),
        (
            '[["a","b"],["[1,2]",0.5],["{\\"k\\":1}",1]]',
            [(TEXT, ["[1,2]", '{"k":1}']), (FRACTION, ["0.5", "1"])],
        ),
        ('[["a","b"],["],[",true],["x",null]]', [(TEXT, ["],[", "x"]), (BOOLEAN, [True, None])]),
        # Numbers of every spelling stay the digits they are.
        (
            '[["a"],[1.10],[-0.0],[1e5],[1E+05],[1e-400],[1e400],[0],[-0],[12345678901234567890],[null]]',
            [(FRACTION, ["1.10", "-0.0", "1e5", "1E+05", "1e-400", "1e400", "0", "-0",
                         "12345678901234567890", None])],
        ),
        (
            '[["a"],[0],[-1],[9223372036854775807],[-9223372036854775808]]',
            [(INTEGER, [0, -1, 9223372036854775807, -9223372036854775808])],
        ),
        ('[["a"],[9223372036854775808],[1]]', [(FRACTION, ["9223372036854775808", "1"])]),
        # Kinds that show themselves after the first row: all whole numbers are read as texts, if need be.
        ('[["a"],[1],[2.5]]', [(FRACTION, ["1", "2.5"])]),
        ('[["a"],[1],[-9223372036854775809]]', [(FRACTION, ["1", "-9223372036854775809"])]),
        ('[["a","b"],[1,2],[1e0,3]]', [(FRACTION, ["1", "1e0"]), (INTEGER, [2, 3])]),
        ('[["a","b"],[null,null],["x",1],[null,2]]', [(TEXT, [None, "x", None]), (INTEGER, [None, 1, 2])]),
        ('[["a"],[null],[null]]', [(TEXT, [None, None])]),
        # Texts with spaces behind commas, and other white space, which is taken out.
        ('[["a", "b"], ["x", 1], ["y, z", 2]]', [(TEXT, ["x", "y, z"]), (INTEGER, [1, 2])]),
        ('[["a"], ["], ["], ["x], [y"], [", "], [","]]', [(TEXT, ["], [", "x], [y", ", ", ","])]),
        ('[["a", "b"], ["x", ", "], ["y,", " ,"]]', [(TEXT, ["x", "y,"]), (TEXT, [", ", " ,"])]),
        ('[["a", "b"], [1,2], [3,4]]', [(INTEGER, [1, 3]), (INTEGER, [2, 4])]),
        (' [\n[\t"a" ]\r\n, [ "x y" ] , [ null ] ] ', [(TEXT, ["x y", None])]),
        # Names are JSON as well.
        ('[[null,5,"],[","\\""],[1,2,3,4]]', [(INTEGER, [number]) for number in (1, 2, 3, 4)]),
    ],
)  # fmt: skip
@every_size
@pytest.mark.usefixtures("_one_thread")
def test_read(dataframe: str, columns: Columns, step: int) -> None:
    """Every cell is that of the JSON, whatever blocks rows are cut into, with and without spaces."""
    for spelled in (dataframe, msgspec.json.format(dataframe, indent=0)):
        for block in (*range(1, len(spelled) + 2, step), ONE_BLOCK):
            assert read(spelled, block) == columns, block


@cases(
    ("piece", "ascii_only"),
    [
        *((piece, True) for piece in ("],[", '"', "\\", "\\\\", '\\"', ",", "\n", "\x01", "\x03")),
        *((piece, ascii_only) for piece in ("é", "😀", "\u0800") for ascii_only in (True, False)),
    ],
)
@cases("comma", [",", ", "])
@every_size
@pytest.mark.usefixtures("_one_thread")
def test_every_boundary(piece: str, comma: str, step: int, *, ascii_only: bool) -> None:
    """A character with a meaning may stand at, before, or across the end of a block."""
    texts = [piece * count + "x" * pad + piece for count in (0, 1, 2) for pad in (0, 1, 2, 3)]
    cells = json.dumps(
        [["a", "b"], *([text, 1] for text in texts)], separators=(comma, ":"), ensure_ascii=ascii_only
    )
    for block in range(1, 60, step):
        assert read(cells, block) == [(TEXT, texts), (INTEGER, [1] * 12)], block


@cases(
    ("section", "columns"),
    [("numeric", [(INTEGER, [None, 5])]), ("string", None), ("temporal", None), ("boolean", None)],
)
def test_sections_tell_what_is_tried(section: str, columns: Columns | None) -> None:
    """Where the first rows are null the statistics say what to try, and a wrong guess is refused."""
    nulls = "[null]," * 100
    found = read(f'[["a"],{nulls}[null],[5]]', a=section)
    assert (None if found is None else [(kind, values[-2:]) for kind, values in found]) == columns


def test_one_row_and_many_columns() -> None:
    """500 columns of four kinds, at three sizes of a block."""
    row = ",".join(['"x"', "1", "0.5", "true"] * 125)
    names = ",".join(f'"c{number}"' for number in range(500))
    dataframe = f"[[{names}],{','.join([f'[{row}]'] * 3)}]"
    columns = [(TEXT, ["x"] * 3), (INTEGER, [1] * 3), (FRACTION, ["0.5"] * 3), (BOOLEAN, [True] * 3)] * 125
    for block in (100, 5000, ONE_BLOCK):
        assert read(dataframe, block) == columns


@cases(
    ("last", "columns"),
    [
        ("7", [(INTEGER, [1, None]), (BOOLEAN, [None, False]), (INTEGER, [-5, 6]), (INTEGER, [7, 7])]),
        # One that is beyond 64 bits leaves the others what they are.
        (str(2**64), [(INTEGER, [1, None]), (BOOLEAN, [None, False]), (INTEGER, [-5, 6]),
                      (FRACTION, [str(2**64)] * 2)]),
    ],
)  # fmt: skip
def test_columns_that_are_cast_at_once(last: str, columns: Columns) -> None:
    """In more columns than rows, each column has its own values and nulls."""
    assert read(f'[["a","b","c","d"],[1,null,-5,{last}],[null,false,6,{last}]]') == columns


def test_the_first_value_behind_many_nulls() -> None:
    """A cell is also found where nulls and texts before it are longer than what is sniffed first."""
    nulls = f'["{"x" * 200}",null],' * 50
    found = read(f'[["a","b"],{nulls}["x",true]]')
    assert found is not None
    assert found[1] == (BOOLEAN, [None] * 50 + [True])


def test_escapes_in_columns_that_are_parsed() -> None:
    """Texts taken together, of which some are read as dates, keep their own escapes and no others."""
    rows_ = ",".join(
        f'["2025\\u002d01-0{day}","a\\nb{day}","2025-02-0{day}",{day}.5,"2025-03-0\\u003{day}"]'
        for day in range(1, 10)
    )
    found = read_columnar(
        memoryview(f'[["a","b","c","d","e"],{rows_}]'.encode()),
        {"a": "temporal", "c": "temporal", "e": "temporal"},
    )
    assert found is not None
    first, texts, second, numbers, third = found[1]
    for month, column in enumerate([first, second, third], start=1):
        assert isinstance(column.values, TemporalValues)
        assert column.values.values.to_pylist() == [date(2025, month, day) for day in range(1, 10)]
        assert column.array.to_pylist() == [f"2025-0{month}-0{day}" for day in range(1, 10)]
    assert texts.array.to_pylist() == [f"a\nb{day}" for day in range(1, 10)]
    assert numbers.array.to_pylist() == [f"{day}.5" for day in range(1, 10)]


@cases("block", [100, ONE_BLOCK])
def test_many_columns_of_each_way_of_reading(block: int) -> None:
    """Columns that are read together keep their own values, nulls and offsets."""
    names = ",".join(f'"c{position}"' for position in range(100))
    row = ",".join(['"2025-01-0{0}","2025-01-0{0}T10:00+01:00","2025-01-0{0}T10:00+02:00",{0}.25,null'] * 20)
    rows_ = "],[".join(row.format(day) for day in (2, 1, 3))
    found = read_columnar(memoryview(f"[[{names}],[{rows_}]]".encode()), {}, ReaderLimits(block=block))
    assert found is not None
    days, mornings, nights, numbers, nulls = (column.values for column in found[1][95:])
    assert isinstance(days, TemporalValues)
    assert days.values.to_pylist() == [date(2025, 1, 2), date(2025, 1, 1), date(2025, 1, 3)]
    for times, hour, offset in ((mornings, 9, "+01:00"), (nights, 8, "+02:00")):
        assert isinstance(times, TemporalValues)
        assert times.values.to_pylist() == [datetime(2025, 1, day, hour, tzinfo=UTC) for day in (2, 1, 3)]
        assert times.offsets == {offset}
    assert isinstance(numbers, FloatValues)
    assert numbers.values.to_pylist() == [2.25, 1.25, 3.25]
    assert nulls.to_pylist() == [None] * 3


def test_the_first_values_of_many_columns() -> None:
    """In rows that are longer than what is sniffed of few columns, first values behind nulls are found."""
    names = ",".join(f'"c{position}"' for position in range(2000))
    empty, full = ",".join(["null"] * 2000), ",".join(["1.5"] * 2000)
    found = read(f"[[{names}],{f'[{empty}],' * 20}[{full}]]")
    assert found is not None
    assert found[1999] == (FRACTION, [None] * 20 + ["1.5"])


def test_many_columns_behind_nulls_that_are_not_of_scalars() -> None:
    """They are refused at once: each space behind a comma could be matched in two ways."""
    names = ", ".join(f'"c{position}"' for position in range(300))
    numbers = ", ".join(["1"] * 298)
    row = f"[null, {numbers}, [1]]"
    assert read(f"[[{names}], [null, {numbers}, 1], {', '.join([row] * 100)}]") is None


def test_the_offsets_of_a_column_that_is_null_in_a_block() -> None:
    """They are its own, not those of the columns that are read together with it."""
    names = ",".join(f'"c{position}"' for position in range(40))
    times = ",".join(['"2025-01-01T10:00+01:00"'] * 39)
    rows_ = "],[".join([f'{times},"2025-01-01T10:00+02:00"', *[f"{times},null"] * 9])
    found = read_columnar(memoryview(f"[[{names}],[{rows_}]]".encode()), {}, ReaderLimits(block=2000))
    assert found is not None
    first, *_, last = (column.values for column in found[1])
    assert isinstance(first, TemporalValues)
    assert isinstance(last, TemporalValues)
    assert (first.offsets, last.offsets) == ({"+01:00"}, {"+02:00"})


@cases("block", [30, 100, ONE_BLOCK])
def test_parsed_values_of_several_blocks(block: int) -> None:
    """Dates and fractions are those of all blocks, in order."""
    rows_ = ",".join(f'["2025-01-0{day}",{day}.5]' for day in range(1, 10))
    found = read_columnar(memoryview(f'[["a","b"],{rows_}]'.encode()), {}, ReaderLimits(block=block))
    assert found is not None
    dates, numbers = (column.values for column in found[1])
    assert isinstance(dates, TemporalValues)
    assert isinstance(numbers, FloatValues)
    assert dates.values.to_pylist() == [date(2025, 1, day) for day in range(1, 10)]
    assert numbers.values.to_pylist() == [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5]


def test_texts_keep_only_their_own_memory() -> None:
    """A column that is kept is not a part of what was taken together with it."""
    rows_ = ",".join(f'["{"x" * 10}","{"y" * 1000}",{number}]' for number in range(1000))
    found = read_columnar(memoryview(f'[["a","b","c"],{rows_}]'.encode()), {})
    assert found is not None
    assert 10_000 <= found[1][0].array.get_total_buffer_size() < 20_000


def test_long_texts() -> None:
    """A text longer than a block, and one that is nothing but separators, take one pass and not one each."""
    many = "],[" * 700_000
    long = "x" * 3_000_000
    assert read(f'[["a"],["y"],["{many}"],["{long}"],["z"]]') == [(TEXT, ["y", many, long, "z"])]


def test_the_last_of_many_blocks_is_refused() -> None:
    """If one block is refused, so are all: a part of a column is of no use."""
    lines = ",".join(["[1]"] * 5000)
    assert read(f'[["a"],{lines},["x"]]', 64) is None
    assert read(f'[["a"],["x"],{lines}]', 64) is None


# --- both readers ------------------------------------------------------------------------------


def read_by_each(dataframe: bytes, statistics: str, block: int) -> list[Decoded]:
    body = b'{"state":"COMPLETED","results":{"dataframe":%s,"dataframe_stats":%s}}' % (
        dataframe,
        statistics.encode(),
    )
    envelope = read_envelope(body)
    by_columns = decode(envelope, AskOptions(), limits=ReaderLimits(block=block))
    with mock.patch.object(decoder, "read_columnar", return_value=None):
        return [by_columns, decode(envelope, AskOptions(), limits=ReaderLimits(general_block=block))]


def reported(decoded: Decoded) -> tuple[object, ...]:
    """Return all that is reported of a table: values, types, evidence and warnings."""
    table = decoded.table
    assert table is not None
    table.validate(full=True)
    units = [
        column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in table.columns
    ]
    return (
        table.schema,
        repr([column.to_pylist() for column in units]),
        [column.evidence for column in decoded.columns],
        # Whether numbers are whole or have a fraction is known of a column, and sometimes of each cell.
        [
            re.sub("numbers with a fraction( and whole numbers)?|whole numbers", "numbers", str(warning))
            for warning in decoded.warnings
        ],
    )


_PIECES = ["],[", ",", '"', "\\", "[", "]", "{", "null", "true", "5", " ", "\n", "\r", "\t", "\0", "\x01",
           "\x02",
           "\x03", "a", "é", "\u2028", "😀", "n", "u0041", "/"]  # fmt: skip
texts = st.lists(st.sampled_from(_PIECES), max_size=4).map("".join)
whole_numbers = st.integers(-(10**20), 10**20).map(str) | st.sampled_from(["0", "9223372036854775807"])
fractions = st.from_regex(r"-?(0|[1-9][0-9]{0,8})\.[0-9]{1,8}([eE][+-]?[0-9]{1,2})?", fullmatch=True)
timestamps = st.datetimes().map(lambda timestamp: timestamp.isoformat())
#: What a column holds most of the time: the JSON of a cell, None for a text that is yet to be written.
_CELLS: Mapping[str, st.SearchStrategy[tuple[str, str]]] = {
    "text": st.tuples(st.just("text"), texts),
    "timestamp": st.tuples(st.just("text"), timestamps),
    "day": st.tuples(st.just("text"), st.dates().map(str)),
    "whole": st.tuples(st.just("json"), st.integers(-(10**18), 10**18).map(str)),
    "long": st.tuples(st.just("json"), whole_numbers),
    "fraction": st.tuples(st.just("json"), fractions | whole_numbers),
    "truth": st.tuples(st.just("json"), st.sampled_from(["true", "false"])),
    "other": st.tuples(
        st.just("json"), st.sampled_from(["null", "[]", '[1,"],["]', '{"k":"v,"}', "1", '"x"'])
    ),
}


@st.composite
def spelled_tables(draw: Callable[..., Any]) -> tuple[bytes, list[str]]:
    """Draw a table in some spelling, and the section of the statistics for each column."""
    width = draw(st.integers(1, 4))
    height = draw(st.integers(1, 8))
    kinds = [draw(st.sampled_from(sorted(_CELLS))) for _ in range(width)]
    chance: random.Random = draw(st.randoms(use_true_random=False))
    comma = draw(st.sampled_from([",", ",", ", "]))
    loose, escaping, nulls = draw(
        st.tuples(st.sampled_from([0, 0, 0.05, 0.6]), st.sampled_from([0, 0.3]), st.sampled_from([0, 0.3]))
    )

    def space() -> str:
        return chance.choice(" \n\r\t") if chance.random() < loose else ""

    def text(value: str) -> str:
        short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
        return '"' + "".join(
            short[c] if c in short and chance.random() < 0.8
            else "".join(f"\\u{int.from_bytes(pair, 'big'):04x}" for pair in units(c))
            if c < " " or c in short or chance.random() < escaping
            else c
            for c in value
        ) + '"'  # fmt: skip

    def units(character: str) -> list[bytes]:
        encoded = character.encode("utf-16-be")
        return [encoded[place : place + 2] for place in range(0, len(encoded), 2)]

    def array(items: list[str]) -> str:
        return "[" + comma.join(f"{space()}{item}{space()}" for item in items) + "]"

    def cell(kind: str) -> str:
        if chance.random() < nulls:
            return "null"
        what, value = draw(_CELLS[kind])
        return text(value) if what == "text" else value

    odd = draw(st.sampled_from(["other", "text", "fraction", None, None, None]))
    header = [text(f"c{place}") for place in range(width)]
    lines = [[cell(odd if odd and chance.random() < 0.05 else kind) for kind in kinds] for _ in range(height)]
    sections = [draw(st.sampled_from(["string", "temporal", "numeric", "boolean", "other"])) for _ in kinds]
    return array([array(line) for line in [header, *lines]]).encode(), sections


@pytest.mark.slow
@given(spelled_tables(), st.sampled_from([1, 7, 30, ONE_BLOCK]))
@example((b'[["c0"],[0.5],[-0]]', ["other"]), 7)
@example((b'[["c0","c1"],[1,1],[2,0.5]]', ["temporal", "other"]), ONE_BLOCK)
@example((b'[["c0"],["x,"],["],["],["\\\\"]]', ["string"]), 1)
@example((b'[["c0"],[0],[9223372036854775808]]', ["boolean"]), 1)
def test_both_readers_agree(spelled: tuple[bytes, list[str]], block: int) -> None:
    """The table, types, evidence and warnings are the same whichever reader reads the rows."""
    dataframe, sections = spelled
    statistics = json.dumps({f"c{place}": {section: {}} for place, section in enumerate(sections)})
    by_columns, exactly = map(reported, read_by_each(dataframe, statistics, block))
    assert by_columns == exactly


@pytest.mark.slow
@given(spelled_tables(), st.sampled_from([1, 7, 30, ONE_BLOCK]))
def test_every_cell_is_that_of_pythons_json(spelled: tuple[bytes, list[str]], block: int) -> None:
    """Each cell of the columnar reader is that of Python's own reader, with numbers as their texts."""
    dataframe, sections = spelled
    found = read(dataframe, block, **{f"c{place}": section for place, section in enumerate(sections)})
    if found is None:
        return
    _, *cells = json.loads(
        dataframe, parse_int=lambda text: ("number", text), parse_float=lambda text: ("number", text)
    )
    for (kind, values), due in zip(found, zip(*cells, strict=True), strict=True):
        if kind is INTEGER:  # -0 is 0
            assert values == [None if cell is None else int(cell[1]) for cell in due]
            assert all(cell is None or cell[0] == "number" for cell in due)
        elif kind is FRACTION:
            assert [None if value is None else ("number", value) for value in values] == list(due)
        else:
            assert values == list(due)
            assert {type(cell) for cell in due} <= {type(None), str if kind is TEXT else bool}


@pytest.mark.slow
def test_many_tables_are_read_by_columns() -> None:
    """The tests above would pass as well if the columnar reader refused everything; it does not."""
    count_read = 0

    @settings(max_examples=50)
    @given(spelled_tables())
    def count(spelled: tuple[bytes, list[str]]) -> None:
        nonlocal count_read
        count_read += read(spelled[0]) is not None

    count()
    assert count_read > 15
