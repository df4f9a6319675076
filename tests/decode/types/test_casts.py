"""Values that have been read as another type: exactly, or not at all."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa

from connecty_frames.decode.exact_json import ValueKind
from connecty_frames.decode.types.casts import cast_exactly, longest_of
from connecty_frames.decode.types.column import ScalarColumn
from tests.cases import cases

INTEGER, FRACTION, TEXT = ValueKind.INTEGER, ValueKind.FRACTION, ValueKind.TEXT
TEN = dt.datetime(2025, 11, 4, 10)
LOCAL = pa.array([TEN, None], pa.timestamp("us"))
INSTANTS = pa.array([TEN, None], pa.timestamp("us", "UTC"))
DAYS = pa.array([TEN.date(), None], pa.date32())
AFTER_2262 = pa.array([dt.datetime(2300, 1, 1)], pa.timestamp("us"))
YEAR_9999 = pa.array([dt.datetime(9999, 12, 31, 23)], pa.timestamp("us", "UTC"))


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
    found = cast_exactly(ScalarColumn(kind, values), type_)
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
    assert cast_exactly(ScalarColumn(kind, values), type_) is None


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
    assert longest_of(ScalarColumn(kind, values)).to_pylist() == expected
