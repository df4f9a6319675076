"""What statistics and values say about a column."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa

from connecty_frames.decode import exact_json
from connecty_frames.decode.exact_json import ValueKind
from connecty_frames.decode.general import read_general
from connecty_frames.decode.statistics import read_entry
from connecty_frames.decode.types.column import Column, ScalarCells, cast_exactly, longest_of
from tests.cases import cases

INTEGER, FRACTION, TEXT = ValueKind.INTEGER, ValueKind.FRACTION, ValueKind.TEXT
TEN = dt.datetime(2025, 11, 4, 10)
LOCAL = pa.array([TEN, None], pa.timestamp("us"))
INSTANTS = pa.array([TEN, None], pa.timestamp("us", "UTC"))
DAYS = pa.array([TEN.date(), None], pa.date32())
AFTER_2262 = pa.array([dt.datetime(2300, 1, 1)], pa.timestamp("us"))
YEAR_9999 = pa.array([dt.datetime(9999, 12, 31, 23)], pa.timestamp("us", "UTC"))


def column_of(cells: str, statistics: dict[str, Any] | None = None, *, whole: bool = False) -> Column:
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


@cases(
    ("kind", "values", "type_", "expected"),
    [
        (INTEGER, pa.array([-128, None, 127]), pa.int8(), [-128, None, 127]),
        (INTEGER, pa.array([2**53, None]), pa.float64(), [2.0**53, None]),
        (INTEGER, pa.array([-5, None]), pa.decimal128(3, 2), [Decimal("-5.00"), None]),
        (INTEGER, pa.array([2**63 - 1]), pa.decimal256(60, 20), [Decimal(2**63 - 1)]),
        (FRACTION, pa.array(["-1.25", None, "0.5", "7"]), pa.decimal128(3, 2), ["-1.25", None, "0.5", "7"]),
        (TEXT, pa.array(["a", None]), pa.large_string(), ["a", None]),
        (TEXT, DAYS, pa.timestamp("ns"), [TEN.replace(hour=0), None]),
        (TEXT, LOCAL, pa.timestamp("s"), [TEN, None]),
        (TEXT, INSTANTS, pa.timestamp("ms", "+05:30"), [TEN.replace(tzinfo=dt.UTC), None]),
    ],
)
def test_exact(kind: ValueKind, values: pa.Array, type_: pa.DataType, expected: list[Any]) -> None:
    """Every value is the one that was read."""
    found = cast_exactly(ScalarCells(kind, values), type_)
    assert found is not None
    found.validate(full=True)
    assert found.type == type_
    if kind is FRACTION:
        expected = [None if text is None else Decimal(text) for text in expected]
    assert [None if value is None else value.as_py() for value in found] == expected


@cases(
    ("kind", "values", "type_"),
    [
        (INTEGER, pa.array([1, 128]), pa.int8()),
        (INTEGER, pa.array([1, -1]), pa.uint64()),
        (INTEGER, pa.array([1, 2**53 + 1]), pa.float64()),
        (INTEGER, pa.array([1, 10]), pa.decimal128(3, 2)),
        (INTEGER, pa.array([1]), pa.date32()),
        (FRACTION, pa.array(["1.25", "10.5"]), pa.decimal128(3, 2)),
        (FRACTION, pa.array(["1.25", "1.250"]), pa.decimal128(5, 2)),
        (FRACTION, pa.array(["1.25", "1e-1"]), pa.decimal128(5, 2)),
        (FRACTION, pa.array([f"0.{'1' * 39}"]), pa.decimal128(38, 38)),
        (TEXT, pa.array(["1"]), pa.int64()),
        (TEXT, pa.array([dt.datetime(2025, 1, 1, 1, 1, 1, 1)], pa.timestamp("us")), pa.timestamp("ms")),
        (TEXT, AFTER_2262, pa.timestamp("ns")),
        (TEXT, AFTER_2262.cast(pa.date32()), pa.timestamp("ns")),
        (TEXT, YEAR_9999, pa.timestamp("us", "+05:30")),
        (TEXT, LOCAL, pa.timestamp("us", "UTC")),
        (TEXT, INSTANTS, pa.timestamp("us")),
    ],
)
def test_none(kind: ValueKind, values: pa.Array, type_: pa.DataType) -> None:
    """What a type cannot hold, or may not, is left to those who read texts."""
    assert cast_exactly(ScalarCells(kind, values), type_) is None


@cases(
    ("kind", "values", "expected"),
    [
        (INTEGER, pa.array([0, None, -120, 7]), ["999"]),
        (INTEGER, pa.array([0]), ["0"]),
        (FRACTION, pa.array(["-0.125", None, "12.5", "3"]), ["99.999"]),
        (FRACTION, pa.array(["0.50"]), ["0.99"]),
        (FRACTION, pa.array(["1e3", "2.5"]), ["1e3", "2.5"]),
        (FRACTION, pa.array([f"{'1' * 30}.5", f"0.{'1' * 9}"]), [f"{'1' * 30}.5", f"0.{'1' * 9}"]),
        (FRACTION, pa.array([None], pa.string()), [None]),
        (TEXT, pa.array(["1.5", "x"]), ["1.5", "x"]),
    ],
)
def test_longest(kind: ValueKind, values: pa.Array, expected: list[Any]) -> None:
    """One number has as many digits as any; of other spellings, and beyond 38 digits, all are looked at."""
    assert longest_of(ScalarCells(kind, values)).to_pylist() == expected
