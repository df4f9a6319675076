"""What statistics and values say about a column."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from connecty_frames.decode import exact_json
from connecty_frames.decode.exact_json import ValueKind
from connecty_frames.decode.rows.general import read_general
from connecty_frames.decode.statistics import read_entry
from connecty_frames.decode.types.column import Column
from tests.cases import cases


def column_of(cells: str, statistics: dict[str, Any] | None = None, *, whole: bool = False) -> Column:
    """Return a column of the cells of a JSON array."""
    rows = "".join(f",[{exact_json.dump(cell)}]" for cell in exact_json.parse(cells))
    _, table = read_general(memoryview(f'[["c"]{rows}]'.encode()))
    return Column("c", table[0], read_entry(statistics or {}), whole=whole)


@cases(
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
    assert column_of(cells).kinds == kinds


@cases(
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


@cases(
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
    column = column_of("[]", statistics)
    assert column.section == section
    assert column.bounds == bounds


def test_bounds_of_a_whole_result() -> None:
    """Where all rows were received, min and max are no evidence, unless there is no value at all."""
    statistics = {"temporal": {"min": "2025-01-01", "max": "2025-01-02"}}
    assert column_of('["2025-01-01"]', statistics, whole=True).bounds == []
    assert column_of('["2025-01-01"]', statistics).bounds == ["2025-01-01", "2025-01-02"]
    assert column_of("[null]", statistics, whole=True).bounds == ["2025-01-01", "2025-01-02"]


@cases(
    ("cells", "nulls", "whole", "expected"),
    [
        ('["NaT", "x"]', "1", True, [None, "x"]),
        ('["NaT", null, "NaT"]', "3", True, [None, None, None]),
        ('["NaT", "x"]', "7", False, [None, "x"]),
        ('["NaT", "x"]', "2", True, None),
        ('["NaT", "x"]', "0", True, None),
        ('["NaT", "x"]', "0", False, None),
        ('["x", null]', "1", True, None),
        ('["NaT"]', None, True, None),
    ],
)
def test_nat_as_null(cells: str, nulls: str | None, whole: bool, expected: list[Any] | None) -> None:
    """NaT is null only where the statistics count as many nulls, of cut rows at least as many."""
    general = {} if nulls is None else {"nulls_count": exact_json.parse(nulls)}
    found = column_of(cells, {"general": general}, whole=whole).with_nat_as_null()
    assert (None if found is None else list(found.cells)) == expected
