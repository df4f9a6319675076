"""What statistics and values say about a column."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from connecty_frames.decode import exact_json
from connecty_frames.decode.exact_json import ValueKind
from connecty_frames.decode.rows.general import read_general
from connecty_frames.decode.statistics import read_entry
from connecty_frames.decode.types.column import Column


@pytest.mark.parametrize(
    ("cells", "kinds"),
    [
        ("[]", set()),
        ("[null,null]", set()),
        ("[true,null]", {ValueKind.BOOLEAN}),
        ("[1,2.5,NaN]", {ValueKind.INTEGER, ValueKind.FRACTION, ValueKind.CONSTANT}),
        ('["a",[],{},{"a":1,"a":2}]', {ValueKind.TEXT, ValueKind.ARRAY, ValueKind.OBJECT}),
    ],
)
def test_kinds(cells: str, kinds: set[ValueKind]) -> None:
    """Every kind of JSON value that occurs, null aside."""
    assert Column("c", exact_json.parse(cells)).kinds == kinds


@pytest.mark.parametrize(
    ("cells", "array"),
    [
        ("[true,null,false]", pa.array([True, None, False])),
        ('["a",null,""]', pa.array(["a", None, ""])),
        ("[1,2.50,null,NaN]", pa.array(["1", "2.50", None, "NaN"])),
        ('[1,"a"]', None),
        ("[true,1]", None),
        ("[[1]]", None),
        ("[null]", None),
        ("[]", None),
    ],
)
def test_values(cells: str, array: pa.Array | None) -> None:
    """Cells of one scalar kind are an array, numbers their texts."""
    column = Column("c", exact_json.parse(cells))
    assert column.values == array
    assert column.array == array


@pytest.mark.parametrize(
    ("rows", "array"),
    [
        ('["a"],[null]', pa.array(["a", None])),
        ("[1],[2.50]", pa.array(["1", "2.50"])),
        ('[1],["a"]', None),
        ("[true]", None),
        ("[[1]]", None),
        ("[null]", None),
    ],
)
def test_the_array_of_cells_of_any_kinds(rows: str, array: pa.Array | None) -> None:
    """It is there if all are texts, or all are numbers."""
    _, table = read_general(memoryview(f'[["c"],{rows}]'.encode()))
    assert table.cells(0).array == array


@pytest.mark.parametrize(
    ("statistics", "section", "bounds"),
    [
        ({}, None, []),
        ({"general": {"min": "1"}}, "general", []),
        (
            {"general": {}, "temporal": {"min": "2025-01-01", "max": "2025-01-02"}},
            "temporal",
            ["2025-01-01", "2025-01-02"],
        ),
        ({"numeric": {"min": None, "max": "5"}}, "numeric", ["5"]),
        ({"numeric": {"min": ["1"], "max": True}}, "numeric", []),
        ({"numeric": {"min": "nan", "max": "None"}}, "numeric", []),
        ({"temporal": {"min": "", "max": "NaT"}}, "temporal", []),
    ],
)
def test_section_and_bounds(statistics: dict[str, Any], section: str | None, bounds: list[str]) -> None:
    """A section tells the type, and its min and max are evidence of it, unless they say nothing."""
    column = Column("c", [], read_entry(statistics))
    assert column.section == section
    assert column.bounds == bounds


def test_bounds_of_a_whole_result() -> None:
    """Where all rows were received, min and max are no evidence, unless there is no value at all."""
    statistics = read_entry({"temporal": {"min": "2025-01-01", "max": "2025-01-02"}})
    assert Column("c", ["2025-01-01"], statistics, whole=True).bounds == []
    assert Column("c", ["2025-01-01"], statistics).bounds == ["2025-01-01", "2025-01-02"]
    assert Column("c", [None], statistics, whole=True).bounds == ["2025-01-01", "2025-01-02"]


@pytest.mark.parametrize(
    ("cells", "nulls", "whole", "expected"),
    [
        (["NaT", "x"], "1", True, [None, "x"]),
        (["NaT", None, "NaT"], "3", True, [None, None, None]),
        (["NaT", "x"], "7", False, [None, "x"]),
        (["NaT", "x"], "2", True, None),
        (["NaT", "x"], "0", True, None),
        (["NaT", "x"], "0", False, None),
        (["x", None], "1", True, None),
        (["NaT"], None, True, None),
    ],
)
def test_nat_as_null(cells: list[Any], nulls: str | None, whole: bool, expected: list[Any] | None) -> None:
    """NaT is null only where the statistics count as many nulls, of cut rows at least as many."""
    general = {} if nulls is None else {"nulls_count": exact_json.parse(nulls)}
    found = Column("c", cells, read_entry({"general": general}), whole=whole).with_nat_as_null()
    assert (None if found is None else found.cells) == expected


def test_present_cells_and_their_rows() -> None:
    """Nulls are left out; a position leads back to its row, and one beyond the end to none."""
    column = Column("c", [None, "a", None, "b"], read_entry({"temporal": {"min": "x"}}))
    assert column.present == ["a", "b"]
    assert [column.row_of(position) for position in range(3)] == [1, 3, None]
