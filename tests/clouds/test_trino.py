"""The trino client against trino's HTTP API."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

import connecty_frames as cf
from tests.clouds.reading import SQL, ctrl_c, read
from tests.clouds.trino_server import trino

pytest.importorskip("trino", reason="run make test-clouds")

# The clients leave sockets open.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_every_type() -> None:
    """NULL beside an empty text, numbers of 38 digits, nanoseconds: each as it was sent."""
    columns = {
        "b": "boolean",
        "y": "tinyint",
        "l": "bigint",
        "r": "real",
        "d": "double",
        "n": "decimal(38, 10)",
        "v": "varchar(20)",
        "c": "char(3)",
        "x": "varbinary",
        "a": "date",
        "m": "time(6)",
        "t": "timestamp(9)",
        "u": "timestamp(6)",
        "z": "timestamp(3) with time zone",
        "p": "interval day to second",
        "j": "json",
        "i": "uuid",
    }
    first = [
        True, 127, 2**63 - 1, 0.1, 1.7976931348623157e308, "9" * 28 + "." + "9" * 10, "", "ab ", "AP8=",
        "0001-01-01", "23:59:59.999999", "2025-01-01 00:00:00.123456789", "9999-12-31 23:59:59.999999",
        "2025-07-02 01:30:00.000 America/New_York", "-1 02:00:00.000", '{"a":1.10}', "x-y",
    ]  # fmt: skip
    second = [
        False, -128, -(2**63), "NaN", "-Infinity", "0.0000000001", "NULL", "", "", "9999-12-31",
        "00:00:00.000000", "1969-12-31 23:59:59.999999999", "0001-01-01 00:00:00.000001",
        "2025-01-01 00:00:00.001 +05:30", "0 00:00:00.001", "[]", "",
    ]  # fmt: skip
    with trino(columns, [first], [second, [None] * 17]) as (server, connection):
        found = read(
            connection,
            "trino",
            {
                "b": "bool",
                "y": "int64",
                "l": "int64",
                "r": "double",
                "d": "double",
                "n": "decimal128(38, 10)",
                "v": "string",
                "c": "string",
                "x": "binary",
                "a": "date32[day]",
                "m": "time64[us]",
                "t": "timestamp[ns]",
                "u": "timestamp[us]",
                "z": "timestamp[us, tz=UTC]",
                "p": "duration[us]",
                "j": "string",
                "i": "string",
            },
        )
    assert [value.value for value in found.pop("t")[:2]] == [1_735_689_600_123_456_789, -1]
    assert str(found.pop("r")) == "[0.1, nan, None]"
    assert found == {
        "b": [True, False, None],
        "y": [127, -128, None],
        "l": [2**63 - 1, -(2**63), None],
        "d": [1.7976931348623157e308, float("-inf"), None],
        "n": [Decimal("9" * 28 + "." + "9" * 10), Decimal("1E-10"), None],
        "v": ["", "NULL", None],
        "c": ["ab ", "", None],
        "x": [b"\x00\xff", b"", None],
        "a": [date(1, 1, 1), date(9999, 12, 31), None],
        "m": [time(23, 59, 59, 999_999), time(0), None],
        "u": [datetime(9999, 12, 31, 23, 59, 59, 999_999), datetime(1, 1, 1, 0, 0, 0, 1), None],
        "z": [
            datetime(2025, 7, 2, 5, 30, tzinfo=UTC),
            datetime(2024, 12, 31, 18, 30, 0, 1000, tzinfo=UTC),
            None,
        ],
        "p": [-timedelta(days=1, hours=2), timedelta(milliseconds=1), None],
        "j": ['{"a":1.10}', "[]", None],
        "i": ["x-y", "", None],
    }
    assert server.requests == [SQL]


def test_an_empty_result() -> None:
    """It has no rows."""
    with trino({"i": "bigint"}) as (_, connection):
        assert read(connection, "trino", {"i": "int64"}) == {"i": []}


@pytest.mark.parametrize("type_", ["array(bigint)", "map(varchar, bigint)", 'row("a" decimal(3, 1))'])
def test_nested_columns(type_: str) -> None:
    """The client gives rows without names, and numbers in them as texts: refused."""
    with (
        trino({"c": type_}, [[[1]]]) as (_, connection),
        pytest.raises(cf.ConfigError, match="column 'c', of type"),
    ):
        read(connection, "trino", {"c": "string"})


def test_an_open_transaction() -> None:
    """A connection that is not in autocommit begins one by itself: refused before it does."""
    with trino({"i": "bigint"}, isolation_level="SERIALIZABLE") as (server, connection):
        with pytest.raises(cf.ConfigError, match="without isolation_level"):
            read(connection, "trino", {"i": "int64"})
        assert server.requests == []


def test_a_failing_query() -> None:
    """The error is the client's."""
    from trino.exceptions import TrinoUserError

    with (
        trino({"i": "bigint"}, error="Column 'x' cannot be resolved") as (_, connection),
        pytest.raises(TrinoUserError, match="cannot be resolved"),
    ):
        read(connection, "trino", {"i": "int64"})


def test_an_interrupted_query() -> None:
    """It is cancelled."""
    with trino({"i": "bigint"}, running=True) as (server, connection):
        with ctrl_c(), pytest.raises(KeyboardInterrupt):
            read(connection, "trino", {"i": "int64"})
        assert server.requests == [SQL, "cancel"]
