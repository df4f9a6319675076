"""ADBC's driver of Snowflake against its HTTP API."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import connecty_frames as cf
from tests.clouds.http_server import serve
from tests.clouds.reading import SQL, read
from tests.clouds.snowflake_server import EPOCH, Snowflake, chunk, column

if TYPE_CHECKING:
    from collections.abc import Iterator

dbapi = pytest.importorskip("adbc_driver_snowflake.dbapi", reason="run make test-clouds")

OPTION = "adbc.snowflake.sql.client_option."
EXACT = {f"{OPTION}max_timestamp_precision": "nanoseconds_error_on_overflow"}


@contextmanager
def connected(rows: pa.RecordBatch, **options: str) -> Iterator[tuple[Snowflake, Any]]:
    """Serve a result, and connect the real driver."""
    server = Snowflake([rows])
    with serve(server.reply) as server.port:
        url = f"u:p@127.0.0.1:{server.port}/shop/public?protocol=http&account=a"
        with dbapi.connect(url, db_kwargs=options, autocommit=True) as connection:
            yield server, connection


@pytest.mark.parametrize("precise", ["true", "false"])
def test_values(precise: str) -> None:
    """Numbers stay exact whatever the connection says; times of day keep their nanoseconds."""
    rows = chunk(
        column("N", [12345678901234567, None], pa.int64(), "FIXED", precision=38, scale=2),
        column("I", [127, None], pa.int8(), "FIXED", precision=38, scale=0),
        column("R", [0.1, None], pa.float64(), "REAL"),
        column("T", ["", None], pa.string(), "TEXT"),
        column("D", [date(9999, 12, 31), None], pa.date32(), "DATE"),
        column("M", [86_399_999_999_000, None], pa.int64(), "TIME", scale=9, precision=0),
        column("A", [{"epoch": 1, "fraction": 1_000}, None], EPOCH, "TIMESTAMP_NTZ", scale=9, precision=0),
        column("V", ['{"a": 1.10}', None], pa.string(), "VARIANT"),
    )
    types = {
        "N": "decimal128(38, 2)",
        "I": "int64",
        "R": "double",
        "T": "string",
        "D": "date32[day]",
        "M": "time64[us]",
        "A": "timestamp[us]",
        "V": "string",
    }
    with connected(rows, **EXACT, **{f"{OPTION}use_high_precision": precise}) as (server, connection):
        assert read(connection, "snowflake", types) == {
            "N": [Decimal("123456789012345.67"), None],
            "I": [127, None],
            "R": [0.1, None],
            "T": ["", None],
            "D": [date(9999, 12, 31), None],
            "M": [time(23, 59, 59, 999_999), None],
            "A": [datetime(1970, 1, 1, 0, 0, 1, 1), None],
            "V": ['{"a":1.10}', None],
        }
        assert server.queries == [SQL]


@pytest.mark.parametrize("precision", ["nanoseconds", "microseconds", None])
def test_a_connection_that_would_change_times(precision: str | None) -> None:
    """By default it moves the year 9999 to 1816, else it cuts nanoseconds: refused, nothing is sent."""
    rows = chunk(column("A", [None], EPOCH, "TIMESTAMP_NTZ", scale=9, precision=0))
    options = {} if precision is None else {f"{OPTION}max_timestamp_precision": precision}
    with connected(rows, **options) as (server, connection):
        with pytest.raises(cf.ConfigError, match="nanoseconds_error_on_overflow"):
            read(connection, "snowflake", {"A": "timestamp[us]"})
        assert server.queries == []


def test_the_year_9999() -> None:
    """It does not fit in nanoseconds: the driver's error."""
    last = {"epoch": 253_402_300_799, "fraction": 0}
    rows = chunk(column("A", [last], EPOCH, "TIMESTAMP_NTZ", scale=9, precision=0))
    with connected(rows, **EXACT) as (_, connection), pytest.raises(Exception, match="overflows"):
        read(connection, "snowflake", {"A": "timestamp[us]"})


def test_seven_digits() -> None:
    """The driver takes them for microseconds: refused."""
    rows = chunk(column("A", [17_356_896_000_000_000], pa.int64(), "TIMESTAMP_NTZ", scale=7, precision=0))
    with (
        connected(rows, **EXACT) as (_, connection),
        pytest.raises(cf.ConfigError, match=r"timestamp_ntz\(7\)"),
    ):
        read(connection, "snowflake", {"A": "timestamp[us]"})
