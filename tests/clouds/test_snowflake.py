"""snowflake-connector-python against its HTTP API."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pytest

import connecty_frames as cf
from tests.clouds.reading import SQL, ctrl_c, open_reader, read
from tests.clouds.snowflake_server import EPOCH, ZONED, chunk, column, snowflake

pytest.importorskip("snowflake.connector", reason="run make test-clouds")

# The clients leave sockets open.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

LONG = Decimal("9999999999999999999999999999.9999999999")
NINE = {"scale": 9, "precision": 0}
WIDE = {"precision": 38, "scale": 10}
NANO = {"epoch": 1_735_689_600, "fraction": 1_000}


def test_every_type() -> None:
    """Numbers of 38 digits, times, texts beside NULL: each as it was stored."""
    rows = chunk(
        column("N", [12345678901234567, -1, None], pa.int64(), "FIXED", precision=38, scale=2),
        column("B", [LONG, Decimal(0), None], pa.decimal128(38, 10), "FIXED", **WIDE),
        column("I", [2**63 - 1, -(2**63), None], pa.int64(), "FIXED", precision=38, scale=0),
        column("S", [127, -128, None], pa.int8(), "FIXED", precision=9, scale=0),
        column("R", [0.1, float("inf"), None], pa.float64(), "REAL"),
        column("T", ["", "é\U0001f600", None], pa.string(), "TEXT"),
        column("D", [date(1, 1, 1), date(9999, 12, 31), None], pa.date32(), "DATE"),
        column("M", [0, 86_399_999_999, None], pa.int64(), "TIME", scale=6, precision=0),
        column("A", [NANO, {"epoch": -1, "fraction": 999_999_000}, None], EPOCH, "TIMESTAMP_NTZ", **NINE),
        column("A3", [1_735_689_600_123, 253_402_300_799_999, None], pa.int64(), "TIMESTAMP_NTZ", scale=3),
        column("L", [NANO, NANO, None], EPOCH, "TIMESTAMP_LTZ", **NINE),
        column("Z", [{**NANO, "timezone": 1_440}, NANO, None], ZONED, "TIMESTAMP_TZ", byteLength=16, **NINE),
        column("Y", [b"", b"\x00\xff", None], pa.binary(), "BINARY"),
        column("O", [True, False, None], pa.bool_(), "BOOLEAN"),
        column("V", ['{\n  "a": 1.10\n}', '"x"', None], pa.string(), "VARIANT"),
        column("X", ["[\n  1,\n  2\n]", "[]", None], pa.string(), "ARRAY"),
    )  # fmt: skip
    with snowflake(rows) as (server, connection):
        found = read(
            connection,
            "snowflake",
            {
                "N": "decimal128(38, 2)",
                "B": "decimal128(38, 10)",
                "I": "int64",
                "S": "int64",
                "R": "double",
                "T": "string",
                "D": "date32[day]",
                "M": "time64[us]",
                "A": "timestamp[us]",
                "A3": "timestamp[us]",
                "L": "timestamp[us, tz=UTC]",
                "Z": "timestamp[us, tz=UTC]",
                "Y": "binary",
                "O": "bool",
                "V": "string",
                "X": "list<item: int64>",
            },
        )
    instant = datetime(2025, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    assert found == {
        "N": [Decimal("123456789012345.67"), Decimal("-0.01"), None],
        "B": [Decimal("9999999999999999999999999999.9999999999"), Decimal("0E-10"), None],
        "I": [2**63 - 1, -(2**63), None],
        "S": [127, -128, None],
        "R": [0.1, float("inf"), None],
        "T": ["", "é\U0001f600", None],
        "D": [date(1, 1, 1), date(9999, 12, 31), None],
        "M": [time(0), time(23, 59, 59, 999_999), None],
        "A": [datetime(2025, 1, 1, 0, 0, 0, 1), datetime(1969, 12, 31, 23, 59, 59, 999_999), None],
        "A3": [
            datetime(2025, 1, 1, 0, 0, 0, 123_000),
            datetime(9999, 12, 31, 23, 59, 59, 999_000),
            None,
        ],
        "L": [instant, instant, None],
        "Z": [instant, instant, None],
        "Y": [b"", b"\x00\xff", None],
        "O": [True, False, None],
        "V": ['{"a":1.10}', "x", None],
        "X": [[1, 2], [], None],
    }
    assert server.queries == ["SELECT CURRENT_TRANSACTION()", SQL]


def test_structured_types() -> None:
    """Arrays of decimals, objects and vectors come with types of their own."""
    item = pa.field("item", pa.int64(), metadata={"logicalType": "FIXED", "scale": "2", "precision": "38"})
    text = pa.field("b", pa.string(), metadata={"logicalType": "TEXT"})
    real = pa.field("item", pa.float32(), metadata={"logicalType": "REAL"})
    rows = chunk(
        column("L", [[150, None], [], None], pa.list_(item), "ARRAY"),
        column("O", [{"b": ""}, {"b": None}, None], pa.struct([text]), "OBJECT"),
        column("W", [[0.5, 0.1], [1, 2], None], pa.list_(real, 2), "VECTOR"),
    )
    types = {"L": "list<item: decimal128(38, 2)>", "O": "struct<b: string>", "W": "list<item: double>"}
    with snowflake(rows) as (_, connection):
        assert read(connection, "snowflake", types) == {
            "L": [[Decimal("1.50"), None], [], None],
            "O": [{"b": ""}, {"b": None}, None],
            "W": [[0.5, 0.1], [1.0, 2.0], None],
        }


def test_chunks() -> None:
    """They are read one after the other, whatever width each has for whole numbers."""
    parts = [
        chunk(column("N", [number], type_, "FIXED", precision=38, scale=0))
        for number, type_ in [(1, pa.int8()), (2**15 - 1, pa.int16()), (2**62, pa.int64())]
    ]
    parts.append(chunk(column("N", [Decimal(5)], pa.decimal128(38, 0), "FIXED", precision=38, scale=0)))
    with snowflake(*parts) as (server, connection):
        reader = open_reader(connection, "snowflake", {"N": "int64"})
        assert not [each for each in server.requests if each.startswith("/chunk/2")]
        assert reader.read_all().to_pydict() == {"N": [1, 2**15 - 1, 2**62, 5]}


def test_an_empty_result() -> None:
    """It has no rows."""
    rows = chunk(column("N", [], pa.int64(), "FIXED", precision=38, scale=2))
    with snowflake(rows) as (_, connection):
        assert read(connection, "snowflake", {"N": "decimal128(38, 2)"}) == {"N": []}


@pytest.mark.parametrize(
    ("logical", "scale"), [("TIME", 9), ("TIMESTAMP_NTZ", 7), ("TIMESTAMP_LTZ", 8), ("INTERVAL_DAY_TIME", 9)]
)
def test_columns_that_the_client_changes(logical: str, scale: int) -> None:
    """It cuts times to microseconds, and moves the year 9999 with 7 digits to 1816: refused before a row."""
    rows = chunk(column("C", [2_534_022_143_999_999_99], pa.int64(), logical, scale=scale, precision=0))
    with snowflake(rows) as (_, connection), pytest.raises(cf.ConfigError, match="column 'C', of type"):
        read(connection, "snowflake", {"C": "string"})


@pytest.mark.parametrize("count", [1, 2])
def test_nanoseconds_beside_the_year_9999(count: int) -> None:
    """The client cuts the whole chunk to microseconds: refused."""
    last = {"epoch": 253_402_300_799, "fraction": 0}
    values = [last, {"epoch": 0, "fraction": 123_456_789}]
    rows = chunk(column("C", values[:count], EPOCH, "TIMESTAMP_NTZ", **NINE))
    with snowflake(rows) as (_, connection), pytest.raises(cf.ConversionError, match=r"timestamp_ntz\(6\)"):
        read(connection, "snowflake", {"C": "timestamp[us]"})


def test_an_open_transaction() -> None:
    """It has a number; nothing else is sent."""
    with snowflake(transaction="1765432") as (server, connection):
        with pytest.raises(cf.ConfigError, match="has an open transaction"):
            read(connection, "snowflake", {"N": "int64"})
        assert server.queries == ["SELECT CURRENT_TRANSACTION()"]


def test_what_is_refused_is_not_sent() -> None:
    """SQL that changes something, and SQL that was checked by the rules of another dialect."""
    drop = cf.AnswerMetadata(
        sql_query="DROP TABLE t", schema=[{"name": "N", "type": "int64", "evidence": ""}]
    )
    with snowflake() as (server, connection):
        with pytest.raises(cf.QueryRefused):
            cf.rerun(drop, connection, dialect="snowflake")
        with pytest.raises(cf.ConfigError, match="does not fit"):
            read(connection, "postgres", {"N": "int64"})
        assert server.queries == []


def test_the_caller_keeps_the_connection() -> None:
    """Its settings are as before, and its next query runs."""
    rows = chunk(column("N", [150], pa.int64(), "FIXED", precision=12, scale=2))
    with snowflake(rows) as (_, connection):
        assert read(connection, "snowflake", {"N": "double"}) == {"N": [1.5]}
        assert connection.arrow_number_to_decimal is False
        table = connection.cursor().execute("SELECT 1").fetch_arrow_all()
        assert table.to_pydict() == {"N": [1.5]}


def test_a_failing_query() -> None:
    """The error is the client's."""
    from snowflake.connector.errors import ProgrammingError

    with snowflake(error="invalid identifier 'X'") as (_, connection):
        with pytest.raises(ProgrammingError, match="invalid identifier") as caught:
            read(connection, "snowflake", {"N": "int64"})
        assert "rerun" in caught.value.__notes__[0]


@pytest.mark.slow
def test_an_interrupted_query() -> None:
    """It is aborted: the client's own execute() goes on, and shows no KeyboardInterrupt."""
    with snowflake(running=True) as (server, connection):
        with ctrl_c(), pytest.raises(KeyboardInterrupt):
            read(connection, "snowflake", {"N": "int64"})
        assert server.queries == ["SELECT CURRENT_TRANSACTION()", SQL, "abort"]
