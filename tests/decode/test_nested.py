"""Arrays and objects of one shape become lists and structs, whatever the batches that they come in."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from connecty_frames.decode.exact_json import parse
from connecty_frames.decode.types.nested import MOST_FIELDS, build_nested


def build(cells: list[str], batch: int = 100) -> pa.Array | None:
    """Build cells given as JSON, some at a time; numbers become their texts."""
    values: list[Any] = list(map(parse, cells))
    batches = [values[start : start + batch] for start in range(0, len(values), batch)]
    return build_nested(batches, lambda scalars: scalars.array)


@pytest.mark.parametrize("batch", [1, 2, 100])
@pytest.mark.parametrize(
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
    ],
)
def test_one_shape(cells: list[str], type_: pa.DataType, values: list[Any], batch: int) -> None:
    """Nulls, also before the first value, are nulls; what is never there is text."""
    found = build(cells, batch)
    assert found is not None
    found.validate(full=True)
    assert found.type == type_
    assert found.to_pylist() == values


@pytest.mark.parametrize("batch", [1, 100])
@pytest.mark.parametrize(
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


@pytest.mark.parametrize(("fields", "is_held"), [(999, True), (1_000, False)])
@pytest.mark.parametrize("batch", [1, 100])
def test_the_most_fields(fields: int, is_held: bool, batch: int) -> None:
    """A type has a thousand places, itself among them."""
    cell = "{" + ",".join(f'"k{number}":1' for number in range(fields)) + "}"
    found = build([cell, cell], batch)
    assert (None if found is None else found.type.num_fields) == (fields if is_held else None)
