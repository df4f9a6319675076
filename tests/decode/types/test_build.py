"""Cells to an array of a given type: exactly, or an error that says which cell."""

import datetime as dt
import math
from decimal import Decimal

import pyarrow as pa
import pytest

from connecty_frames.decode import exact_json
from connecty_frames.decode.cells import CellError
from connecty_frames.decode.exact_json import ValueKind
from connecty_frames.decode.types.build import build
from connecty_frames.decode.types.column import ScalarCells
from tests.cases import cases

POINT = pa.struct([("x", pa.int8()), ("y", pa.string())])


@cases(
    ("cells", "type_", "expected"),
    [
        ('["a","",null,"\\u0000","\\ud83d\\ude00"]', pa.string(), ["a", "", None, "\x00", "😀"]),
        ("[1.10,true,null,-0,1e400]", pa.large_string(), ["1.10", "true", None, "-0", "1e400"]),
        ('[{"a":[1.0,"x"]},[]]', pa.string(), ['{"a":[1.0,"x"]}', "[]"]),
        ('["a"]', pa.string_view(), ["a"]),
        ('[true,false,null,"true","false"]', pa.bool_(), [True, False, None, True, False]),
        ('[1,0,"1","0",-0]', pa.bool_(), [True, False, True, False, False]),
        ('["t","f","T","F",null]', pa.bool_(), [True, False, True, False, None]),
        ('["True","False","TRUE","FALSE"]', pa.bool_(), [True, False, True, False]),
        ('["-inf",".5","+5","5."]', pa.float32(), [-math.inf, 0.5, 5.0, 5.0]),
        ('[1,"2",null]', pa.int8(), [1, 2, None]),
        ("[1.50,null]", pa.decimal128(5, 2), [Decimal("1.50"), None]),
        ('["2025-01-01",null]', pa.date32(), [dt.date(2025, 1, 1), None]),
        ('["20250101",20250102]', pa.date32(), [dt.date(2025, 1, 1), dt.date(2025, 1, 2)]),
        ("[[1,null],null,[]]", pa.list_(pa.int64()), [[1, None], None, []]),
        ('[["a"],null,[]]', pa.large_list(pa.string()), [["a"], None, []]),
        ("[[1,2],null,[3,4]]", pa.list_(pa.int64(), 2), [[1, 2], None, [3, 4]]),
        ("[null]", pa.list_(pa.int64(), 2), [None]),
        ("[]", pa.list_(pa.int64(), 2), []),
        (
            '[[["2025-01-01"]],[null,[]]]',
            pa.list_(pa.list_(pa.date32())),
            [[[dt.date(2025, 1, 1)]], [None, []]],
        ),
        ('[{"x":1,"y":"a"},null,{"y":null,"x":2}]', POINT, [{"x": 1, "y": "a"}, None, {"x": 2, "y": None}]),
        ("[{},null]", pa.struct([]), [{}, None]),
        ("[]", POINT, []),
        ('[{"b":1,"a":null},null,{}]', pa.map_(pa.string(), pa.int64()), [[("b", 1), ("a", None)], None, []]),
        ('[{"1":"2025-01-01"}]', pa.map_(pa.int32(), pa.date32()), [[(1, dt.date(2025, 1, 1))]]),
        ('["a",null,"b","a"]', pa.dictionary(pa.int8(), pa.string()), ["a", None, "b", "a"]),
        ("[5,null]", pa.dictionary(pa.uint8(), pa.int64(), ordered=True), [5, None]),
        ("[null,null]", pa.timestamp("us", "UTC"), [None, None]),
    ],
)
def test_build(cells: str, type_: pa.DataType, expected: list[object]) -> None:
    """The array has the type asked for and these values."""
    found = build(exact_json.parse(cells), type_)
    found.validate(full=True)
    assert found.type == type_
    assert found.to_pylist() == expected


@cases("type_", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_texts_in_an_array(type_: pa.DataType) -> None:
    """Each text type is made of them, also one to which Arrow 17 casts nothing."""
    built = build(ScalarCells(ValueKind.TEXT, pa.array(["é", None, ""])), type_)
    assert built.type == type_
    assert built.to_pylist() == ["é", None, ""]


@cases(
    ("cells", "type_", "row", "reason"),
    [
        ('["a","\\ud800"]', pa.string(), 1, "holds a lone surrogate"),
        ('[["a"],["\\udc00"]]', pa.list_(pa.string()), 1, "holds a lone surrogate"),
        ('[null,"1","\\ud800"]', pa.int64(), 2, "holds a lone surrogate"),
        ('["\\udfff"]', pa.float64(), 0, "holds a lone surrogate"),
        ('["1","\\ud800"]', pa.decimal128(9, 2), 1, "holds a lone surrogate"),
        ('["2025-01-01",null,"\\ud800"]', pa.date32(), 2, "holds a lone surrogate"),
        ('[{"x":1,"y":"\\ud800"}]', POINT, 0, "holds a lone surrogate"),
        *(
            (f"[true,{cell}]", pa.bool_(), 1, "is neither true nor false")
            for cell in ('"yes"', "2", "1.0", '"tRUE"', '"1 "', '"y"', '""', "[]")
        ),
        ("[1,true]", pa.int64(), 1, "is not a value of int64"),
        ("[1,{}]", pa.int64(), 1, "is not a value of int64"),
        ("[1,300]", pa.int8(), 1, "does not fit in int8"),
        ('["2025-01-01",2025]', pa.date32(), 1, "is not an ISO 8601 date or time"),
        ("[[],20250101]", pa.date32(), 0, "is not text, so it is not a value of date32"),
        (
            '["2025-01-01",1735725600]',
            pa.timestamp("us"),
            1,
            "is not text, so it is not a value of timestamp[us]; cf.epoch(unit) reads numbers as times",
        ),
        ("[[],1]", pa.list_(pa.int64()), 1, "is not an array"),
        ("[[],{}]", pa.list_(pa.int64()), 1, "is not an array"),
        ('[[1],null,[2,"x"]]', pa.list_(pa.int64()), 2, "is not a number"),
        ("[[1,2],null,[1]]", pa.list_(pa.int64(), 2), 2, "does not have 2 items"),
        ('[{"x":1,"y":"a"},{"x":1}]', POINT, 1, "is not an object with just the keys 'x', 'y'"),
        ('[{"x":1,"y":"a","z":0}]', POINT, 0, "is not an object with just the keys"),
        ('[null,{"x":1,"x":2,"y":"a"}]', POINT, 1, "is not an object with just the keys"),
        ('[null,{"x":300,"y":"a"}]', POINT, 1, "does not fit in int8"),
        ("[[]]", POINT, 0, "is not an object"),
        (
            '[{"x":1}]',
            pa.struct([("x", pa.int8()), ("x", pa.int8())]),
            0,
            "is read as struct<x: int8, x: int8>, which has a field twice",
        ),
        ('[null,{"a":1,"a":2}]', pa.map_(pa.string(), pa.int64()), 1, "is not an object with each key once"),
        ('[{"a":1},{"b":"x"}]', pa.map_(pa.string(), pa.int64()), 1, "is not a number"),
        ('["a"]', pa.binary(), 0, "is not written as pairs of hexadecimal digits after \\x"),
        ('["a"]', pa.binary(1), 0, "is a type that JSON values cannot be converted to"),
        ('["P1D"]', pa.month_day_nano_interval(), 0, "is among durations"),
    ],
)
def test_errors_name_the_cell(cells: str, type_: pa.DataType, row: int, reason: str) -> None:
    """A cell that is not exactly a value of the type, or holds such a value, is named by its row."""
    with pytest.raises(CellError) as caught:
        build(exact_json.parse(cells), type_)
    assert caught.value.row == row
    assert caught.value.reason.startswith(reason)


def test_epoch_is_named_for_timestamps_alone() -> None:
    """No number is a time of day."""
    with pytest.raises(CellError) as caught:
        build(exact_json.parse("[5]"), pa.time64("us"))
    assert caught.value.reason == "is not text, so it is not a value of time64[us]"


def test_a_dictionary_with_too_few_keys() -> None:
    """The 129th distinct value does not fit in an index of 8 bits; the 128th does, of however many cells."""
    type_ = pa.dictionary(pa.int8(), pa.string())
    values: list[object] = [None, *map(str, range(128)), *["0"] * 16_384]
    assert build(values, type_).to_pylist() == values
    with pytest.raises(CellError) as caught:
        build([*values, "new"], type_)
    assert (caught.value.row, caught.value.value) == (16_513, "new")


@cases("before", [[], ["null"], ["null", "good"], ["good", "null", "good"]], ids=len)
@cases(
    ("type_", "good", "bad", "value"),
    [
        (pa.bool_(), "true", "2", "2"),
        (pa.int8(), "1", "1.5", "1.5"),
        (pa.int64(), '"+1"', '"x"', "x"),
        (pa.float32(), "1", "1e99", "1e99"),
        (pa.decimal128(5, 2), "1", "1.234", "1.234"),
        (pa.date32(), '"2025-01-01"', '"2025-02-30"', "2025-02-30"),
        (pa.date32(), '"20250101"', '"20250230"', "20250230"),
        (pa.timestamp("us"), '"2025-01-01 10:00"', '"2025-01-01 10:61"', "2025-01-01 10:61"),
        (pa.timestamp("us"), '"2025-01-01"', '"2025-01-01T10:00Z"', "2025-01-01T10:00Z"),
        (pa.timestamp("ns", "UTC"), '"2025-01-01 10:00Z"', '"2500-01-01 10:00Z"', "2500-01-01 10:00Z"),
        (pa.time64("us"), '"10:00"', '"10:00:00.0000001"', "10:00:00.0000001"),
        (pa.duration("s"), '"PT1S"', '"PT0.5S"', "PT0.5S"),
        (pa.binary(), '"\\\\x48"', '"\\\\x4"', "\\x4"),
        (pa.list_(pa.int8()), "[1,2]", "[300,2]", "300"),
        (pa.list_(pa.int8()), "[1,2]", "[2,300]", "300"),
        (pa.list_(pa.int8(), 2), "[1,2]", "[1]", "[1]"),
        (pa.struct([("a", pa.int8())]), '{"a":1}', '{"a":300}', "300"),
        (pa.map_(pa.string(), pa.int8()), '{"a":1,"b":2}', '{"a":300,"b":2}', "300"),
        (pa.map_(pa.int8(), pa.int8()), '{"1":1}', '{"300":2,"2":2}', "300"),
        (pa.dictionary(pa.int8(), pa.int8()), "1", "300", "300"),
    ],
    ids=str,
)
def test_the_row_of_the_first_cell_that_does_not_fit(
    type_: pa.DataType, good: str, bad: str, value: str, before: list[str]
) -> None:
    """It is counted from 0 with the nulls, also where what does not fit is inside of the cell."""
    cells = [*(good if cell == "good" else cell for cell in before), bad, good, bad]
    with pytest.raises(CellError) as caught:
        build(exact_json.parse(f"[{','.join(cells)}]"), type_)
    assert (caught.value.row, caught.value.value) == (len(before), value)


@cases("row", [0, 16_383, 16_384, 32_768])
@cases("type_", [pa.int8(), pa.list_(pa.int8())], ids=str)
def test_rows_are_counted_over_blocks(type_: pa.DataType, row: int) -> None:
    """Cells are built a few at a time, which the error does not show."""
    good, bad = ("1", "300") if type_ == pa.int8() else ("[1]", "[300]")
    cells = [good] * 32_769
    cells[row] = bad
    with pytest.raises(CellError) as caught:
        build(exact_json.parse(f"[{','.join(cells)}]"), type_)
    assert (caught.value.row, caught.value.value) == (row, "300")
