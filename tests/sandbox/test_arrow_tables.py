"""Frames of users as results: every value as it was, or an error."""

import json
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from connecty_frames.errors import ConfigError
from connecty_frames.sandbox.arrow_tables import read_frame
from tests.cases import cases

NAN = float("nan")


def read(frame: Any) -> Any:
    return read_frame(frame)


def rows(frame: Any) -> str:
    return read(frame).rows.decode()


@cases(
    ("array", "expected"),
    [
        (pa.array([1, -1], pa.int8()), "[1],[-1]"),
        (pa.array([2**63 - 1, None]), "[9223372036854775807],[null]"),
        (pa.array([2**64 - 1], pa.uint64()), "[18446744073709551615]"),
        (pa.array([True, None]), "[true],[null]"),
        (pa.array([0.1, 1e-320, NAN, float("inf")]), '[0.1],[1e-320],["NaN"],["Infinity"]'),
        (pa.array([0.1], pa.float32()), "[0.10000000149011612]"),
        (pa.array([np.float16(1.5)], pa.float16()), "[1.5]"),
        (pa.array([Decimal("1.50")], pa.decimal128(20, 2)), "[1.50]"),
        (pa.array([Decimal("1.50")], pa.decimal256(60, 2)), "[1.50]"),
        (pa.array([Decimal("-0.12"), Decimal(0)], pa.decimal128(2, 2)), "[-0.12],[0.00]"),
        (pa.array([Decimal("0.1")], pa.decimal128(38, 38)), f"[0.1{'0' * 37}]"),
        (pa.array([[Decimal("0.12")]], pa.list_(pa.decimal128(2, 2))), "[[0.12]]"),
        (pa.array([Decimal(100)], pa.decimal128(5, -2)), "[100]"),
        (pa.array(["", 'ä"\0', "null"]), r'[""],["ä\"\u0000"],["null"]'),
        (pa.array(["a"], pa.large_string()), '["a"]'),
        (pa.array(["a", None]).dictionary_encode(), '["a"],[null]'),
        (pa.array([0.1], pa.float32()).dictionary_encode(), "[0.10000000149011612]"),
        (pa.array([b"a\0"]), r'["\\x6100"]'),
        (pa.array([date(2025, 3, 30)]), '["2025-03-30"]'),
        (pa.array([date(2025, 3, 30)], pa.date64()), '["2025-03-30"]'),
        (pa.array([time(12, 30, 0, 500000)]), '["12:30:00.5"]'),
        (pa.array([1500], pa.time32("ms")), '["00:00:01.5"]'),
        (pa.array([1000], pa.time64("ns")), '["00:00:00.000001"]'),
        (pa.array([0], pa.timestamp("s")), '["1970-01-01T00:00:00"]'),
        (pa.array([1500], pa.timestamp("ms")), '["1970-01-01T00:00:01.5"]'),
        (pa.array([1], pa.timestamp("ns")), '["1970-01-01T00:00:00.000000001"]'),
        (pa.array([1000], pa.timestamp("ns")), '["1970-01-01T00:00:00.000001"]'),
        (pa.array([1000], pa.timestamp("ns", "UTC")), '["1970-01-01T00:00:00.000001+00:00"]'),
        (pa.array([0], pa.timestamp("s", "Asia/Tokyo")), '["1970-01-01T00:00:00+00:00"]'),
        (pa.array([timedelta(days=1, seconds=1)]), '["PT24H1S"]'),
        (pa.array([1_500_000], pa.duration("ns")), '["PT0.0015S"]'),
        (pa.array([[1, None], None]), "[[1,null]],[null]"),
        (pa.array([[1000]], pa.list_(pa.timestamp("ns"))), '[["1970-01-01T00:00:00.000001"]]'),
        (pa.array([[0.1, 2]], pa.list_(pa.float32(), 2)), "[[0.10000000149011612,2.0]]"),
        (pa.array([{"a": 1, "b": "x"}, None]), '[{"a":1,"b":"x"}],[null]'),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), '[{"a":1}]'),
        (pa.nulls(2), "[null],[null]"),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_every_type_arrives_exactly(array: pa.Array, expected: str) -> None:
    """As the JSON that the sandbox writes for its own tables."""
    assert rows(pa.table({"c": array})) == expected


@cases(
    "array",
    [
        pa.array([1], pa.duration("ns")),
        pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
        pa.array([Decimal("1" * 45)], pa.decimal256(50, 0)),
        pa.array([1], pa.date64()),
        pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
        pa.array([[(1, 2, 3)]], pa.list_(pa.month_day_nano_interval())),
        pa.array([[1]], pa.list_(pa.timestamp("ns"))),
    ],
    ids=lambda array: str(array.type),
)
def test_what_would_change_is_refused(array: pa.Array) -> None:
    """Naming the column and its type."""
    with pytest.raises(ConfigError) as raised:
        read(pa.table({"fine": [1], "wide": array}))
    assert str(raised.value) == (
        f"The column 'wide' is of type {array.type}, which the sandbox cannot hold exactly. Cast it to "
        "another type, or to text."
    )
    assert raised.value.setting == "answers"


def test_a_value_beyond_the_range_of_duckdb_is_refused() -> None:
    """And the next frame is read."""
    with pytest.raises(ConfigError, match="DuckDB cannot read it: "):
        read(pa.table({"c": pa.array([2**50], pa.timestamp("s"))}))
    assert rows(pa.table({"c": [1]})) == "[1]"


def test_an_extension_type_is_refused_even_nested() -> None:
    """Its storage alone would be another value; UUIDs and JSON are known to DuckDB."""
    periods = pd.DataFrame({"month": pd.period_range("2025-01", periods=2, freq="M")})
    with pytest.raises(ConfigError, match="The column 'month' is of type extension<pandas"):
        read(periods)
    unknown = pa.field("c", pa.int64(), metadata={"ARROW:extension:name": "theirs"})
    with pytest.raises(ConfigError, match="The column 'c' is of type int64"):
        read(pa.table([pa.array([1])], pa.schema([unknown])))


@pytest.mark.skipif(not hasattr(pa, "uuid"), reason="this pyarrow has no type for UUIDs")
def test_uuids() -> None:
    """In their usual form."""
    value = uuid.UUID("729cb7a4-4b06-449e-a3c9-df40f5e570b8")
    assert rows(pa.table({"c": pa.array([value.bytes], pa.uuid())})) == f'["{value}"]'


def test_the_statistics_of_many_columns() -> None:
    """Each column has its own, however many queries compute them."""
    found = json.loads(read(pa.table({f"n{n}": [n] for n in range(60)})).statistics)
    assert [each["numeric"]["max"] for each in found.values()] == list(range(60))
    assert all(len(each["numeric"]) == 5 for each in found.values())


def test_pandas() -> None:
    """Of the index, only levels with a name are columns; the rows keep their order."""
    frame = pd.DataFrame({"n": [3, 1, 2], "k": ["x", "y", None]})
    assert rows(frame) == '[3,"x"],[1,"y"],[2,null]'
    assert read(frame.sort_values("n")).columns == ("n", "k")
    assert rows(frame.sort_values("n")) == '[1,"y"],[2,null],[3,"x"]'
    assert read(frame.set_index("k")).columns == ("n", "k")
    assert rows(pd.DataFrame({"c": pd.Categorical(["a", None])})) == '["a"],[null]'


@cases(
    ("values", "expected"),
    [
        (["a", None, NAN, pd.NA], '["a"],[null],[null],[null]'),
        ([Decimal("1.50"), 2], "[1.50],[2.00]"),
        ([date(2025, 1, 1), None], '["2025-01-01"],[null]'),
        ([datetime(2025, 1, 1, tzinfo=UTC), pd.NaT], '["2025-01-01T00:00:00+00:00"],[null]'),
        ([[1, 2], np.array([3, 4])], "[[1,2]],[[3,4]]"),
        ([{"a": 1, "b": [1]}, {"a": 2, "b": []}], '[{"a":1,"b":[1]}],[{"a":2,"b":[]}]'),
    ],
    ids=["text", "decimal", "date", "instant", "list", "dict"],
)
def test_python_objects_of_pandas(values: list[Any], expected: str) -> None:
    """A column of one type is read; NaN is null, as everywhere in pandas."""
    assert rows(pd.DataFrame({"c": pd.Series(values, dtype=object)})) == expected


@cases(
    "values",
    [
        [date(2025, 1, 1), datetime(2025, 1, 1, 5)],
        [datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 1)],
        [time(1, tzinfo=UTC)],
        [b"a", "a"],
        [{"a": 1}, {"b": 1}],
    ],
    ids=["dates", "zones", "time", "bytes", "keys"],
)
def test_mixed_objects_of_pandas_are_refused(values: list[Any]) -> None:
    """Of some, pandas itself drops the time of day, the zone or the type."""
    frame = pd.DataFrame({"n": [1] * len(values), "c": pd.Series(values, dtype=object)})
    with pytest.raises(ConfigError, match="No single type holds the values of the column 'c' exactly"):
        read(frame)


def test_python_objects_of_polars_are_refused() -> None:
    """It exports their addresses in memory."""
    with pytest.raises(ConfigError, match="No single type holds the values of the column 'c' exactly"):
        read(pl.DataFrame({"n": [1], "c": pl.Series([object()], dtype=pl.Object)}))


def test_polars() -> None:
    """With its categories as text."""
    frame = pl.DataFrame(
        {
            "e": pl.Series(["a", None], dtype=pl.Enum(["a"])),
            "c": pl.Series(["b", None], dtype=pl.Categorical),
            "d": [Decimal("0.10"), None],
        }
    )
    assert rows(frame) == '["a","b",0.10],[null,null,null]'


def test_names_of_columns_stay() -> None:
    """Those that are the same, that differ only in case, that are empty, and those that are SQL."""
    names = ["a", "A", "a", "", '"; DROP TABLE x; --']
    frame = pa.Table.from_arrays([pa.array([position]) for position in range(5)], names)
    assert read(frame).columns == tuple(names)
    assert rows(frame) == "[0,1,2,3,4]"


def test_a_column_of_nulls_alone() -> None:
    """It is text, as everywhere in the library."""
    assert list(json.loads(read(pa.table({"c": pa.nulls(2)})).statistics)["c"]) == ["general", "string"]


def test_no_rows() -> None:
    """The header alone."""
    assert read(pa.table({"a": pa.array([], pa.int64())})).dataframe(10) == b'[["a"]]'


def test_rows_of_values() -> None:
    """Each column has the type that holds all its values."""
    found = rows([{"a": 1, "b": date(2025, 3, 30)}, {"a": 2.5, "b": None}])
    assert found == '[1.0,"2025-03-30"],[2.5,null]'
    assert rows([{"a": NAN}]) == '["NaN"]'
    zones = [{"at": datetime(2025, 1, 1, tzinfo=UTC)}, {"at": datetime(2025, 1, 1, tzinfo=timezone.min)}]
    assert rows(zones) == '["2025-01-01T00:00:00+00:00"],["2025-01-01T23:59:00+00:00"]'


@cases(
    "values",
    [
        [date(2025, 1, 1), datetime(2025, 1, 1, 5)],
        [datetime(2025, 1, 1), datetime(2025, 1, 1, tzinfo=UTC)],
        [time(1, tzinfo=UTC)],
        [b"a", "a"],
        [1, "a"],
        [2**53 + 1, 0.5],
        [2**63],
        [{"a": 1}, {"b": 1}],
        [object()],
        ["\ud800"],
    ],
    ids=["dates", "zones", "time", "bytes", "text", "digits", "large", "keys", "object", "surrogate"],
)
def test_values_of_no_single_type_are_refused(values: list[Any]) -> None:
    """Where pyarrow would drop a time, a time zone or a digit, or fail."""
    with pytest.raises(ConfigError, match="No single type holds the values of the column 'c' exactly"):
        read([{"c": value} for value in values])


@cases(
    ("frame", "message"),
    [
        ([], "It has no column."),
        (pa.table({}), "It has no column."),
        ([{"a": 1}, {"b": 1}], "Row 2 is not a dict"),
        ([{"a": 1}, 2], "Row 2 is not a dict"),
        ([{1: 1}], "Row 1 is not a dict"),
        ([1], "Row 1 is not a dict"),
        ([{"\ud800": 1}], "The name of a column is not valid"),
        (pl.Series([1]), "It is not readable as a table"),
        (pd.Series([1]), "It is not readable as a table"),
        (pd.DataFrame({"a": [1, "x"]}, dtype=object), "It is not readable as a table"),
    ],
    ids=[
        "no rows",
        "no columns",
        "other keys",
        "no dict",
        "key",
        "values",
        "name",
        "polars",
        "pandas",
        "objects",
    ],
)
def test_what_is_no_table_is_refused(frame: Any, message: str) -> None:
    """With the reason."""
    with pytest.raises(ConfigError, match=message):
        read(frame)
