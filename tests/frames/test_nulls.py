"""Nulls in frames of many rows: in every type, dtype backend and engine, also where chunks begin and end."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from connecty_frames.frames.pandas import to_pandas
from connecty_frames.frames.polars import to_polars

ROWS = 10_000
#: Where chunks begin and end. They are slices, whose bits begin within a byte.
BORDERS = (0, 64, 129, 4_097, 8_191, ROWS)
NULLS = sorted({0, ROWS - 1, *(row for border in BORDERS[1:-1] for row in (border - 1, border))})
UNITS = ("s", "ms", "us", "ns")
NOON = dt.datetime(2020, 2, 28, 12)

#: The value of a row in a column of each type.
VALUES: dict[pa.DataType, Callable[[int], Any]] = {
    **dict.fromkeys((pa.int8(), pa.uint8()), lambda row: row % 127),
    **dict.fromkeys((pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64()), int),
    **dict.fromkeys((pa.float32(), pa.float64()), lambda row: row / 4),
    **dict.fromkeys((pa.decimal128(20, 3), pa.decimal256(50, 3)), lambda row: Decimal(row) / 1000),
    pa.bool_(): lambda row: row % 3 == 0,
    **dict.fromkeys((pa.string(), pa.large_string(), pa.string_view()), "the text of row {}".format),
    pa.binary(): lambda row: b"the bytes of row %d" % row,
    **dict.fromkeys((pa.date32(), pa.date64()), lambda row: NOON.date() + dt.timedelta(row)),
    **dict.fromkeys(
        (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")),
        lambda row: (NOON + dt.timedelta(seconds=row)).time(),
    ),
    **{pa.timestamp(unit): lambda row: NOON + dt.timedelta(row) for unit in UNITS},
    **dict.fromkeys(
        (*(pa.timestamp(unit, "UTC") for unit in UNITS), pa.timestamp("us", "Europe/Warsaw")),
        lambda row: NOON.replace(tzinfo=dt.UTC) + dt.timedelta(row),
    ),
    **{pa.duration(unit): lambda row: dt.timedelta(hours=row) for unit in UNITS},
    **dict.fromkeys((pa.list_(pa.int64()), pa.large_list(pa.int64())), lambda row: [row, None][: row % 3]),
    pa.list_(pa.int64(), 2): lambda row: [row, None],
    pa.struct({"a": pa.int64(), "b": pa.string()}): lambda row: {"a": row, "b": None},
    pa.map_(pa.string(), pa.int64()): lambda row: [("key", row)],
    pa.dictionary(pa.int32(), pa.string()): lambda row: f"category {row % 7}",
}
#: Types that some versions of Arrow, pandas and polars cannot convert to.
LISTED = {pa.string(), pa.large_string(), pa.string_view(), pa.map_(pa.string(), pa.int64())}


def to_arrow(column: Any, type_: pa.DataType) -> pa.Array:
    """Return a column of pandas or polars in the type that it came from."""
    if type_ in LISTED:
        return pa.array(column.to_list(), type_, from_pandas=True)
    return column.to_arrow().cast(type_) if isinstance(column, pl.Series) else pa.array(column, type_)


@pytest.fixture(scope="module")
def table() -> pa.Table:
    columns = []
    for type_, value in VALUES.items():
        whole = pa.array([None if row in NULLS else value(row) for row in range(ROWS)], type_)
        columns.append(pa.chunked_array([whole[start:end] for start, end in pairwise(BORDERS)]))
    return pa.table(columns, names=list(map(str, VALUES)))


@pytest.mark.filterwarnings("ignore::connecty_frames.errors.TypeFidelityWarning")
@pytest.mark.parametrize("engine", ["numpy_nullable", "numpy", "pyarrow", "polars"])
def test_nulls(table: pa.Table, engine: Any) -> None:
    """The same rows are null, and all others have their values: in each backend of pandas, and in polars."""
    if engine == "polars":
        frame: Any = to_polars(table)
        nulls = [column.is_null().arg_true().to_list() for column in frame]
    else:
        frame = to_pandas(table, dtype_backend=engine)
        nulls = [frame[name].isna().to_numpy().nonzero()[0].tolist() for name in frame]
    assert dict(zip(table.column_names, nulls, strict=True)) == {str(type_): NULLS for type_ in VALUES}
    found = pa.table({name: to_arrow(frame[name], table[name].type) for name in table.column_names})
    assert [name for name in table.column_names if found[name] != table[name]] == []
