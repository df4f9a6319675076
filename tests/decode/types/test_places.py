"""Arrays and objects of one shape become lists and structs, whatever the blocks that they come in."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pytest

from connecty_frames.decode.cells import CellError
from connecty_frames.decode.general import read_general
from connecty_frames.decode.types import build as building
from connecty_frames.decode.types.build import MOST_FIELDS, Unlike, build_nested
from connecty_frames.decode.types.column import MixedCells
from tests.cases import cases


@contextmanager
def read_few(batch: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "_FEW_BYTES", -1 if batch else 1 << 20)
        yield


def read(cells: list[str], batch: int) -> MixedCells:
    rows = "".join(f",[{cell}]" for cell in cells)
    _, table = read_general(memoryview(f'[["c"]{rows}]'.encode()))
    column = table.cells(0)
    parts = [column.texts.slice(start, batch) for start in range(0, len(cells), batch)] if batch else []
    return MixedCells(column.codes, pa.chunked_array(parts) if parts else column.texts)


def build(cells: list[str], batch: int) -> pa.Array | None:
    """Build cells as the type that all have; numbers become their texts."""
    with read_few(batch):
        try:
            return build_nested(read(cells, batch), lambda scalars, _: scalars.narrowed().array)
        except Unlike:
            return None


@cases("batch", [0, 1, 2, 100])
@cases(
    ("cells", "type_", "values"),
    [
        (["null", "[1,2]", "[]", "[null]"], pa.list_(pa.int64()), [None, [1, 2], [], [None]]),
        (["[[]]", "[null]", "[]"], pa.list_(pa.list_(pa.string())), [[[]], [None], []]),
        (["[null,[true]]"], pa.list_(pa.list_(pa.bool_())), [[None, [True]]]),
        (
            ["null", '{"a":null,"b":"x"}', '{"b":null,"a":["y"]}'],
            pa.struct([("a", pa.list_(pa.string())), ("b", pa.string())]),
            [None, {"a": None, "b": "x"}, {"a": ["y"], "b": None}],
        ),
        (
            ['{ "a\\"b" : [ ] , "c,:" : "\\u00e9" }', "null", '{"c,:":"\\"","a\\u0022b":[ 1 , 2 ]}'],
            pa.struct([('a"b', pa.list_(pa.int64())), ("c,:", pa.string())]),
            [{'a"b': [], "c,:": "é"}, None, {'a"b': [1, 2], "c,:": '"'}],
        ),
    ],
)
def test_one_shape(cells: list[str], type_: pa.DataType, values: list[Any], batch: int) -> None:
    """Nulls, also before the first value, are nulls; what is never there is text."""
    found = build(cells, batch)
    assert found is not None
    found.validate(full=True)
    assert found.type == type_
    assert found.to_pylist() == values


@cases("batch", [0, 1, 100])
@cases(
    "cells",
    [
        ["[1]", "{}"],
        ["[[1]]", "[1]"],
        ['[1,"x"]'],
        ["[1]", "[true]"],
        ["{}"],
        ['{"a":1}', '{"b":1}'],
        ['{"a":1}', '{"a":1,"b":1}'],
        ['{"a":1,"a":1}'],
        ['{"a\\u0000":1}'],
        ["{" + ",".join(f'"k{number}":1' for number in range(MOST_FIELDS)) + "}"],
    ],
)
def test_no_type_holds_all(cells: list[str], batch: int) -> None:
    """Other kinds, other keys, a key twice, and more fields than any table has: none."""
    assert build(cells, batch) is None


@cases(("fields", "is_held"), [(999, True), (1_000, False)])
@cases("batch", [0, 1, 100])
def test_the_most_fields(fields: int, is_held: bool, batch: int) -> None:
    """A type has a thousand places, itself among them."""
    cell = "{" + ",".join(f'"k{number}":1' for number in range(fields)) + "}"
    found = build([cell, cell], batch)
    assert (None if found is None else found.type.num_fields) == (fields if is_held else None)


NESTED = pa.list_(pa.struct([("b", pa.large_string()), pa.field("a", pa.date32(), nullable=False)]))


@cases("batch", [1, 100])
@cases(
    ("type_", "cells", "values"),
    [
        (pa.list_(pa.int8()), ["[1,null]", "null", "[]", '["2"]'], [[1, None], None, [], [2]]),
        (pa.large_list(pa.float32()), ["[-0,0.5]", "[]"], [[-0.0, 0.5], []]),
        (pa.list_(pa.string()), ["[1.50,true]", '["x"]', "[[1, 2]]"], [["1.50", "true"], ["x"], ["[1,2]"]]),
        (pa.list_(pa.list_(pa.int64(), 1)), ["[[1]]", "[[2],null]"], [[[1]], [[2], None]]),
        (pa.list_(pa.timestamp("ms")), ["[null]", "null"], [[None], None]),
        (
            pa.map_(pa.int8(), pa.string()),
            ['{"1":null,"2":[1]}', "null", "{}"],
            [[(1, None), (2, "[1]")], None, []],
        ),
        (pa.list_(pa.map_(pa.string(), pa.bool_())), ['[{},{"a":true}]', "[]"], [[[], [("a", True)]], []]),
        (
            NESTED,
            ['[{"a":"2025-01-01","b":1}]', "null", '[null,{"b":null,"a":"20250102"}]'],
            [[{"b": "1", "a": dt.date(2025, 1, 1)}], None, [None, {"b": None, "a": dt.date(2025, 1, 2)}]],
        ),
    ],
)
def test_given_types(type_: pa.DataType, cells: list[str], values: list[Any], batch: int) -> None:
    """The value at each place is read as the type there, and fields have the order of the type."""
    with read_few(batch):
        found = building.build(read(cells, batch), type_)
    found.validate(full=True)
    assert found.type == type_
    assert repr(found.to_pylist()) == repr(values)


@cases("batch", [1, 100])
@cases(
    ("type_", "cells", "row", "reason"),
    [
        (pa.list_(pa.int8()), ["[1]", "[2,300]"], 1, "does not fit in int8"),
        (pa.list_(pa.int8()), ["[1]", "{}"], 1, "is not an array"),
        (pa.list_(pa.field("x", pa.int8(), nullable=False)), ["[1]", "[2,null]"], 1, "has a null inside"),
        (NESTED, ["null", '[{"a":null,"b":"x"}]'], 1, "has a null under 'a'"),
        (pa.struct([("a", pa.int8())]), ['{"a":1}', '{"a":1,"b":2}'], 1, "is not an object with just"),
        (pa.struct([("a", pa.int8())]), ['{"a":1}', '{"a":1,"a":2}'], 1, "is not an object with just"),
        (pa.struct([("a", pa.int8())]), ['{"a":1}', '{"a":[]}'], 1, "is not a value of int8"),
        (pa.struct([("a", pa.list_(pa.int8(), 1))]), ['{"a":[1]}', '{"a":[]}'], 1, "does not have 1 items"),
        (pa.map_(pa.string(), pa.int8()), ['{"a":1}', '{"a":1,"a":2}'], 1, "is not an object with each key"),
        (pa.map_(pa.string(), pa.int8()), ["null", '{"a":1,"b":300}'], 1, "does not fit in int8"),
        (
            pa.map_(pa.string(), pa.field("x", pa.int8(), nullable=False)),
            ['{"a":null}'],
            0,
            "has a null inside",
        ),
    ],
)
def test_errors_name_the_cell(
    type_: pa.DataType, cells: list[str], row: int, reason: str, batch: int
) -> None:
    """What does not fit at some place is an error about the cell."""
    with read_few(batch), pytest.raises(CellError) as caught:
        building.build(read(cells, batch), type_)
    assert caught.value.row == row
    assert caught.value.reason.startswith(reason)
