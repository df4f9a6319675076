"""databricks-sql-connector against Databricks' thrift service."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tests.clouds.databricks_server import databricks
from tests.clouds.reading import SQL, ctrl_c, open_reader, read

pytest.importorskip("databricks.sql", reason="run make test-clouds")

# The clients leave sockets open.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

#: By name: the kind for Hive, the type in Arrow and in the answer, the values.
COLUMNS: dict[str, tuple[str, pa.DataType, str, list[Any]]] = {
    "b": ("BOOLEAN", pa.bool_(), "bool", [True, False, None]),
    "y": ("TINYINT", pa.int8(), "int64", [127, -128, None]),
    "s": ("SMALLINT", pa.int16(), "int64", [2**15 - 1, -(2**15), None]),
    "i": ("INT", pa.int32(), "int64", [2**31 - 1, -(2**31), None]),
    "l": ("BIGINT", pa.int64(), "int64", [2**63 - 1, -(2**63), None]),
    "d": ("DOUBLE", pa.float64(), "double", [0.1, float("-inf"), None]),
    "n": (
        "DECIMAL", pa.decimal128(38, 10), "decimal128(38, 10)",
        [Decimal("9" * 28 + "." + "9" * 10), Decimal("-1E-10"), None],
    ),
    "v": ("STRING", pa.string(), "string", ["", "é\U0001f600", None]),
    "x": ("BINARY", pa.binary(), "binary", [b"\x00\xff", b"", None]),
    "a": ("DATE", pa.date32(), "date32[day]", [date(1, 1, 1), date(9999, 12, 31), None]),
    "z": (
        "TIMESTAMP", pa.timestamp("us", "Etc/UTC"), "timestamp[us, tz=UTC]",
        [datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), None],
    ),
    "t": (
        "TIMESTAMP", pa.timestamp("us"), "timestamp[us]",
        [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999), None],
    ),
    "p": ("ARRAY", pa.list_(pa.int64()), "list<item: int64>", [[1, None], [], None]),
}  # fmt: skip


def batch(count: int = 3) -> pa.RecordBatch:
    """Return the first rows."""
    arrays = [pa.array(values[:count], type_) for _, type_, _, values in COLUMNS.values()]
    return pa.RecordBatch.from_arrays(arrays, list(COLUMNS))


KINDS = [kind for kind, *_ in COLUMNS.values()]
TYPES = {name: type_ for name, (_, _, type_, _) in COLUMNS.items()}
VALUES = {name: values for name, (*_, values) in COLUMNS.items()}


def test_every_type() -> None:
    """Numbers of 38 digits, an empty text beside NULL, the first and the last year: each as it was sent."""
    with databricks(KINDS, batch()) as (server, connection):
        assert read(connection, "databricks", TYPES) == VALUES
        assert server.requests == [SQL, "close"]


def test_types_that_come_as_texts() -> None:
    """Floats by their shortest text, intervals, and structs without Arrow's own types as JSON."""
    columns = {
        "r": pa.array([0.1, float("nan"), None], pa.float32()),
        "p": pa.array(["-1 02:00:00.000000000", "0 00:00:00.001", None]),
        "m": pa.array(['{"a": 1.10}', "{}", None]),
        "u": pa.nulls(3),
    }
    rows = pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
    kinds = ["FLOAT", "INTERVAL_DAY_TIME", "MAP", "NULL"]
    types = {"r": "double", "p": "duration[us]", "m": "string", "u": "string"}
    with databricks(kinds, rows) as (_, connection):
        found = read(connection, "databricks", types)
    assert str(found.pop("r")) == "[0.1, nan, None]"
    assert found == {
        "p": [-timedelta(days=1, hours=2), timedelta(milliseconds=1), None],
        "m": ['{"a":1.10}', "{}", None],
        "u": [None, None, None],
    }


@pytest.mark.parametrize("links", [False, True])
def test_batches(links: bool) -> None:
    """They are fetched one after the other, also from files in the cloud."""
    parts = [pa.RecordBatch.from_pydict({"l": list(range(at, at + 60_000))}) for at in (0, 60_000, 120_000)]
    with databricks(["BIGINT"], *parts, links=links) as (server, connection):
        reader = open_reader(connection, "databricks", {"l": "int64"})
        assert server.fetched == 2
        assert reader.read_all()["l"].to_pylist() == list(range(180_000))


def test_an_empty_result() -> None:
    """It has no rows."""
    with databricks(KINDS, batch(0)) as (_, connection):
        assert read(connection, "databricks", TYPES) == {name: [] for name in TYPES}


def test_a_failing_query() -> None:
    """The error is the client's."""
    from databricks.sql.exc import ServerOperationError

    with (
        databricks(KINDS, batch(), error="[UNRESOLVED_COLUMN] x") as (_, connection),
        pytest.raises(ServerOperationError, match="UNRESOLVED_COLUMN"),
    ):
        read(connection, "databricks", TYPES)


def test_an_interrupted_query() -> None:
    """It is cancelled."""
    with databricks(KINDS, batch(), running=True) as (server, connection):
        with ctrl_c(), pytest.raises(KeyboardInterrupt):
            read(connection, "databricks", TYPES)
        assert server.requests == [SQL, "cancel"]
