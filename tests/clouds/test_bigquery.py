"""google-cloud-bigquery against BigQuery's REST API and its Storage API."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

import connecty_frames as cf
from tests.clouds.bigquery_server import bigquery, storage
from tests.clouds.reading import SQL, ctrl_c, open_reader, read

pytest.importorskip("google.cloud.bigquery_storage", reason="run make test-clouds")

# The clients leave sockets open, and one of them names a newer package.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::PendingDeprecationWarning"
)

#: By name: the type in BigQuery and in the answer, what REST sends, the values.
COLUMNS: dict[str, tuple[str, str, list[Any], list[Any]]] = {
    "i": ("INTEGER", "int64", [str(2**63 - 1), str(-(2**63)), None], [2**63 - 1, -(2**63), None]),
    "f": ("FLOAT", "double", ["0.1", "-Infinity", None], [0.1, float("-inf"), None]),
    "b": ("BOOLEAN", "bool", ["true", "false", None], [True, False, None]),
    "s": ("STRING", "string", ["", "é\U0001f600", None], ["", "é\U0001f600", None]),
    "y": ("BYTES", "binary", ["AP8=", "", None], [b"\x00\xff", b"", None]),
    "n": (
        "NUMERIC", "decimal128(38, 9)",
        ["99999999999999999999999999999.999999999", "-0.000000001", None],
        [Decimal("99999999999999999999999999999.999999999"), Decimal("-1E-9"), None],
    ),
    "m": (
        "BIGNUMERIC", "decimal256(76, 38)",
        ["9" * 38 + "." + "9" * 38, "1", None],
        [Decimal("9" * 38 + "." + "9" * 38), Decimal(f"1.{'0' * 38}"), None],
    ),
    "a": (
        "DATE", "date32[day]",
        ["0001-01-01", "9999-12-31", None], [date(1, 1, 1), date(9999, 12, 31), None],
    ),
    "c": (
        "TIME", "time64[us]",
        ["23:59:59.999999", "00:00:00", None], [time(23, 59, 59, 999_999), time(0), None],
    ),
    "d": (
        "DATETIME", "timestamp[us]", ["0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", None],
        [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999), None],
    ),
    "t": (
        "TIMESTAMP", "timestamp[us, tz=UTC]", ["-1", "253402300799999999", None],
        [
            datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            None,
        ],
    ),
    "g": ("GEOGRAPHY", "string", ["POINT(1 2)", "POINT(0 0)", None], ["POINT(1 2)", "POINT(0 0)", None]),
    "j": ("JSON", "string", ['{"a": 1.10}', "[]", None], ['{"a":1.10}', "[]", None]),
}  # fmt: skip
REPEATED = {"name": "r", "type": "INTEGER", "mode": "REPEATED"}
FIELDS = [{"name": name, "type": type_, "mode": "NULLABLE"} for name, (type_, *_) in COLUMNS.items()]
TYPES = {name: type_ for name, (_, type_, _, _) in COLUMNS.items()} | {"r": "list<item: int64>"}
VALUES = {name: values for name, (*_, values) in COLUMNS.items()} | {"r": [[1, 2], [], []]}
ROWS = [
    [*row, items]
    for row, items in zip(
        zip(*(sent for _, _, sent, _ in COLUMNS.values()), strict=True),
        [[{"v": "1"}, {"v": "2"}], [], []],
        strict=True,
    )
]


def test_every_type() -> None:
    """Numbers of 76 digits, an empty text beside NULL, the first and the last year: each as it was sent."""
    with bigquery([*FIELDS, REPEATED], ROWS[:2], ROWS[2:]) as (server, client):
        assert read(client, "bigquery", TYPES) == VALUES
        assert server.requests == [SQL]


def test_a_connection_without_the_storage_api() -> None:
    """It reads over REST."""
    from google.cloud.bigquery import dbapi

    with bigquery([*FIELDS, REPEATED], ROWS) as (_, client):
        connection = dbapi.connect(client, prefer_bqstorage_client=False)
        assert read(connection, "bigquery", TYPES) == VALUES


@pytest.mark.filterwarnings("ignore:Unable to determine Arrow type for field 'p'")
def test_records_and_intervals() -> None:
    """A record is a struct or JSON; an interval with months is no duration."""
    fields = [
        {"name": "r", "type": "RECORD", "fields": [{"name": "a", "type": "NUMERIC"}]},
        {"name": "p", "type": "INTERVAL"},
    ]
    types = {"r": "string", "p": "duration[us]"}
    with bigquery(fields, [[{"f": [{"v": "1.5"}]}, "0-0 3 4:5:6.789"], [None, None]]) as (_, client):
        found = read(client, "bigquery", types)
    length = timedelta(days=3, hours=4, minutes=5, seconds=6, milliseconds=789)
    assert found == {"r": ['{"a":1.500000000}', None], "p": [length, None]}
    with (
        bigquery(fields, [[None, "1-2 0 0:0:0"]]) as (_, client),
        pytest.raises(cf.ConversionError, match="months"),
    ):
        read(client, "bigquery", types)


def test_every_type_by_the_storage_api() -> None:
    """A connection of the client's DB-API has both clients."""
    from google.cloud.bigquery import dbapi

    sent = {
        "i": pa.int64(),
        "f": pa.float64(),
        "b": pa.bool_(),
        "s": pa.string(),
        "y": pa.binary(),
        "n": pa.decimal128(38, 9),
        "m": pa.decimal256(76, 38),
        "a": pa.date32(),
        "c": pa.time64("us"),
        "d": pa.timestamp("us"),
        "t": pa.timestamp("us", "UTC"),
        "g": pa.string(),
        "j": pa.string(),
        "r": pa.list_(pa.int64()),
    }
    rows = pa.RecordBatch.from_arrays(
        [pa.array(VALUES[name], type_) for name, type_ in sent.items()], list(sent)
    )
    with bigquery([*FIELDS, REPEATED], [[]] * 3) as (server, client), storage(rows[:2], rows[2:]) as reader:
        connection = dbapi.connect(client, reader)
        assert read(connection, "bigquery", TYPES) == VALUES
        assert server.requests == [SQL]


def test_an_empty_result() -> None:
    """It has no rows."""
    with bigquery([*FIELDS, REPEATED]) as (_, client):
        assert read(client, "bigquery", TYPES) == {name: [] for name in TYPES}


def test_a_failing_query() -> None:
    """The error is the client's."""
    from google.api_core.exceptions import BadRequest

    with (
        bigquery(FIELDS, error="Unrecognized name: x") as (_, client),
        pytest.raises(BadRequest, match="Unrecognized name"),
    ):
        read(client, "bigquery", TYPES)


def test_an_interrupted_query() -> None:
    """It is cancelled."""
    with bigquery(FIELDS, running=True) as (server, client):
        with ctrl_c(), pytest.raises(KeyboardInterrupt):
            read(client, "bigquery", TYPES)
        assert server.requests == [SQL, "cancel"]


def test_a_dropped_reader() -> None:
    """A query that is done is not cancelled."""
    with bigquery([*FIELDS, REPEATED], ROWS[:2], ROWS[2:]) as (server, client):
        reader = open_reader(client, "bigquery", TYPES)
        del reader
        assert server.requests == [SQL]
