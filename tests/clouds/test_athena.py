"""PyAthena against Athena's API."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

import connecty_frames as cf
from tests.clouds.athena_server import athena
from tests.clouds.reading import SQL, ctrl_c, open_reader, read

pytest.importorskip("pyathena", reason="run make test-clouds")

# The clients leave sockets open.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_every_type() -> None:
    """NULL beside an empty text, numbers of 38 digits, nanoseconds: each as it was sent."""
    columns = {
        "b": "boolean",
        "y": "tinyint",
        "s": "smallint",
        "i": "integer",
        "l": "bigint",
        "r": "float",
        "d": "double",
        "n": "decimal(38,10)",
        "v": "varchar",
        "c": "char",
        "x": "varbinary",
        "a": "date",
        "t": "timestamp",
        "z": "timestamp with time zone",
        "p": "interval day to second",
        "j": "json",
        "u": "uuid",
    }
    first = [
        "true", "127", "-32768", "2147483647", "9223372036854775807", "0.1", "1.7976931348623157E308",
        "9" * 28 + "." + "9" * 10, "", "ab ", "00 ff", "0001-01-01", "2025-01-01 00:00:00.123456789",
        "2025-07-02 01:30:00.000 America/New_York", "-1 02:00:00.000", '{"a":1.10}', "x-y",
    ]  # fmt: skip
    second = [
        "false", "-128", "32767", "-1", "-9223372036854775808", "NaN", "-Infinity", "0.0000000001", "NULL",
        "", "", "9999-12-31", "1969-12-31 23:59:59.999999999", "2025-01-01 00:00:00.001 UTC",
        "0 00:00:00.001", "null", "",
    ]  # fmt: skip
    with athena(columns, first, second, [None] * 17) as (server, connection):
        found = read(
            connection,
            "athena",
            {
                "b": "bool",
                "y": "int64",
                "s": "int64",
                "i": "int64",
                "l": "int64",
                "r": "double",
                "d": "double",
                "n": "decimal128(38, 10)",
                "v": "string",
                "c": "string",
                "x": "binary",
                "a": "date32[day]",
                "t": "timestamp[ns]",
                "z": "timestamp[us, tz=UTC]",
                "p": "duration[us]",
                "j": "string",
                "u": "string",
            },
        )
    assert [value.value for value in found.pop("t")[:2]] == [1_735_689_600_123_456_789, -1]
    assert str(found.pop("r")) == "[0.1, nan, None]"
    assert found == {
        "b": [True, False, None],
        "y": [127, -128, None],
        "s": [-32768, 32767, None],
        "i": [2147483647, -1, None],
        "l": [2**63 - 1, -(2**63), None],
        "d": [1.7976931348623157e308, float("-inf"), None],
        "n": [Decimal("9" * 28 + "." + "9" * 10), Decimal("1E-10"), None],
        "v": ["", "NULL", None],
        "c": ["ab ", "", None],
        "x": [b"\x00\xff", b"", None],
        "a": [date(1, 1, 1), date(9999, 12, 31), None],
        "z": [datetime(2025, 7, 2, 5, 30, tzinfo=UTC), datetime(2025, 1, 1, 0, 0, 0, 1000, tzinfo=UTC), None],
        "p": [-timedelta(days=1, hours=2), timedelta(milliseconds=1), None],
        "j": ['{"a":1.10}', None, None],
        "u": ["x-y", "", None],
    }
    assert server.requests == [SQL]


def test_pages() -> None:
    """A page at a time, the first with the names as a row."""
    rows = [[str(number)] for number in range(25)]
    with athena({"i": "bigint"}, *rows, page=10) as (_, connection):
        assert read(connection, "trino", {"i": "int64"}) == {"i": list(range(25))}


def test_an_empty_result() -> None:
    """It has no rows."""
    with athena({"i": "bigint"}) as (_, connection):
        assert read(connection, "athena", {"i": "int64"}) == {"i": []}


@pytest.mark.parametrize("type_", ["array", "map", "row"])
def test_nested_columns(type_: str) -> None:
    """Their text does not tell [a, b] of two texts from that of one: refused."""
    with (
        athena({"c": type_}, ["[a, b]"]) as (_, connection),
        pytest.raises(cf.ConfigError, match="column 'c', of type"),
    ):
        read(connection, "athena", {"c": "string"})


def test_an_hour_that_occurs_twice() -> None:
    """A local time in it names no instant."""
    rows = ["2025-11-02 01:30:00.000 America/New_York"]
    with (
        athena({"z": "timestamp with time zone"}, rows) as (_, connection),
        pytest.raises(cf.ConversionError, match="ambiguous"),
    ):
        read(connection, "athena", {"z": "timestamp[us, tz=UTC]"})


def test_options_of_another_cursor() -> None:
    """A connection that unloads to Parquet writes, which rerun does not."""
    options = {"cursor_kwargs": {"unload": True}}
    with athena({"i": "bigint"}, options=options) as (server, connection):
        with pytest.raises(cf.ConfigError, match="without cursor_kwargs"):
            read(connection, "athena", {"i": "int64"})
        assert server.requests == []


def test_a_failing_query() -> None:
    """The error is the client's."""
    from pyathena.error import OperationalError

    with (
        athena({"i": "bigint"}, state="FAILED") as (_, connection),
        pytest.raises(OperationalError, match="COLUMN_NOT_FOUND"),
    ):
        read(connection, "athena", {"i": "int64"})


def test_an_interrupted_query() -> None:
    """It is stopped."""
    with athena({"i": "bigint"}, state="RUNNING") as (server, connection):
        with ctrl_c(), pytest.raises(KeyboardInterrupt):
            read(connection, "athena", {"i": "int64"})
        assert server.requests[:2] == [SQL, "stop"]


def test_a_dropped_reader() -> None:
    """A query that is done is not stopped."""
    with athena({"i": "bigint"}, ["1"]) as (server, connection):
        reader = open_reader(connection, "athena", {"i": "int64"})
        del reader
        assert server.requests == [SQL]
