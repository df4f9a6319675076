"""The pair of an answer's type and the declared one decides what comes out, before the first row."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

import connecty_frames as cf
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return a database without tables."""
    with duckdb.connect() as connection:
        yield connection


def answer(values: list[Any], sql: str, section: str | None = None, **options: Any) -> cf.Answer:
    """Return the answer of a service that sent values of column ``v``, by default without statistics."""
    results: dict[str, Any] = {"dataframe": [["v"], *([value] for value in values)], "sql_query": sql}
    if section is not None:
        general = {"count": len(values), "nulls_count": values.count(None)}
        results["dataframe_stats"] = {"v": {"general": general, section: {"distinct_count": 1}}}
    body = json.dumps({"state": "COMPLETED", "results": results})
    return cf.Answer.from_json(body.encode(), max_rows=len(values), on_truncation="ignore", **options)


#: Values of an answer, the section of its statistics, the SQL of all rows, and what comes out.
PAIRS: dict[str, tuple[list[Any], str | None, list[str], pa.DataType, list[Any]]] = {
    "whole numbers of DOUBLE": ([1, 2], None, ["1::DOUBLE", "2.5"], pa.float64(), [1.0, 2.5]),
    "whole numbers of FLOAT": ([1], None, ["1::FLOAT", "0.1"], pa.float64(), [1.0, 0.1]),
    "whole numbers of DECIMAL": (
        [1], None, ["1::DECIMAL(20, 2)", "2.25"], pa.decimal128(20, 2), [Decimal("1.00"), Decimal("2.25")],
    ),
    "whole numbers of DECIMAL without a scale": ([1], None, ["1::DECIMAL(20, 0)"], pa.int64(), [1]),
    "whole numbers of UBIGINT": (
        [1], None, ["1::UBIGINT", "18446744073709551615"], pa.uint64(), [1, 18446744073709551615],
    ),
    "whole numbers of SMALLINT": ([1], None, ["1::SMALLINT"], pa.int64(), [1]),
    "whole numbers of HUGEINT": (
        [1], None, ["1::HUGEINT", "9223372036854775807"], pa.int64(), [1, 2**63 - 1],
    ),
    "fractions of HUGEINT": ([0.5], None, ["7::HUGEINT"], pa.float64(), [7.0]),
    "fractions of BIGINT": ([1.5], None, ["9007199254740993::BIGINT"], pa.int64(), [9007199254740993]),
    "fractions of up to 15 digits": ([984.18], None, ["984.18::DECIMAL(15, 2)"], pa.float64(), [984.18]),
    "fractions of more digits": (
        [984.18], None, ["1234567890123456.78::DECIMAL(19, 2)"],
        pa.decimal128(19, 2), [Decimal("1234567890123456.78")],
    ),
    "decimals of DOUBLE": (
        ["1234567890123456.78"], "numeric", ["0.1::DOUBLE"], pa.float64(), [0.1],
    ),
    "decimals of a larger scale": (
        ["1234567890123456.78"], "numeric", ["1.234::DECIMAL(20, 3)"],
        pa.decimal128(20, 3), [Decimal("1.234")],
    ),
    "decimals of a smaller scale": (
        ["1234567890123456.78"], "numeric", ["1.5::DECIMAL(19, 1)"], pa.decimal128(38, 2), [Decimal("1.50")],
    ),
    "dates of TIMESTAMP": (
        ["2025-03-30"], "temporal", ["TIMESTAMP '2025-03-30 01:02:03.5'"],
        pa.timestamp("us"), [datetime(2025, 3, 30, 1, 2, 3, 500_000)],
    ),
    "dates of DATE": (["2025-03-30"], "temporal", ["DATE '2025-03-31'"], pa.date32(), [date(2025, 3, 31)]),
    "times of INTERVAL": (
        ["10:00:00"], "temporal", ["INTERVAL '10 hours'", "INTERVAL '30 hours'"],
        pa.duration("us"), [timedelta(hours=10), timedelta(hours=30)],
    ),
    "times of TIME": (["10:00:00"], "temporal", ["TIME '11:00:00'"], pa.time64("us"), [time(11)]),
    "nothing of DECIMAL": ([None], None, ["1.5::DECIMAL(20, 1)"], pa.decimal128(20, 1), [Decimal("1.5")]),
    "nothing of INTEGER": ([None], "numeric", ["7::INTEGER"], pa.int64(), [7]),
    "nothing of HUGEINT": ([None], None, ["7::HUGEINT"], pa.decimal128(38, 0), [Decimal(7)]),
    "nothing of TIMESTAMP": (
        [], None, ["TIMESTAMP '2025-03-30 01:00:00'"], pa.timestamp("us"), [datetime(2025, 3, 30, 1)],
    ),
    "nothing of a list": ([None], None, ["[1::INTEGER]"], pa.list_(pa.int64()), [[1]]),
    "nothing of VARCHAR": ([None], "temporal", ["'a'"], pa.string(), ["a"]),
    "lists of whole numbers": ([[1, 2]], None, ["[1.5::DOUBLE]"], pa.list_(pa.float64()), [[1.5]]),
    "objects": (
        [{"a": 1}], None, ["{'a': 2.5::DOUBLE}"], pa.struct([("a", pa.float64())]), [{"a": 2.5}],
    ),
    "text of TIMESTAMP": (
        ["2025-03-30 01:00:00"], "string", ["TIMESTAMP '2025-03-30 01:00:00'"],
        pa.string(), ["2025-03-30T01:00:00"],
    ),
    "truth values": ([True], None, ["true", "NULL"], pa.bool_(), [True, None]),
}  # fmt: skip


@cases("name", PAIRS)
def test_a_pair(database: duckdb.DuckDBPyConnection, name: str) -> None:
    """The declared type comes out where it has values that the answer's type does not hold."""
    values, section, rows, type_, expected = PAIRS[name]
    if "(15, 2)" in rows[0] and not hasattr(pa, "decimal64"):
        pytest.skip("this pyarrow cannot read the narrow decimals of DuckDB")
    sql = f"SELECT v FROM (VALUES {', '.join(f'({row})' for row in rows)}) AS t (v)"
    asked = answer(values, sql, section)

    reader = asked.rerun(database, dialect="duckdb")

    assert reader.schema.field("v").type == type_
    with pytest.MonkeyPatch.context() as patch:  # the number of rows is not the point here
        patch.setattr("connecty_frames.warehouse.query.warn", lambda _: None)
        assert reader.read_all()["v"].to_pylist() == expected


def test_a_type_of_schema_stays(database: duckdb.DuckDBPyConnection) -> None:
    """It was chosen: of the answer, of its metadata, and of a saved schema."""
    sql = "SELECT 2::DOUBLE AS v"
    asked = answer([1], sql, schema={"v": int})
    saved = answer([1], sql, schema=answer([1], sql).schema)

    for source in (asked, asked.to_pandas(), saved):
        table = cf.rerun(source, database, dialect="duckdb").read_all()
        assert (table["v"].type, table["v"].to_pylist()) == (pa.int64(), [2])


def test_schema_of_rerun(database: duckdb.DuckDBPyConnection) -> None:
    """It says the types of some columns, or of all; those of the answer do not count."""
    asked = answer([1], "SELECT 2.50::DECIMAL(38, 2) AS v")

    for schema, type_, expected in (
        ({"v": float}, pa.float64(), 2.5),
        ({"v": "string"}, pa.string(), "2.50"),
        (pa.schema([("v", pa.decimal128(5, 3))]), pa.decimal128(5, 3), Decimal("2.500")),
    ):
        table = asked.rerun(database, dialect="duckdb", schema=schema).read_all()
        assert (table["v"].type, table["v"].to_pylist()) == (type_, [expected])
        assert cf.metadata(table).schema == [{"name": "v", "type": str(type_), "evidence": "schema="}]
    with pytest.raises(cf.ConfigError, match=r"schema=: the answer has no column 'w'; it has 'v'"):
        asked.rerun(database, dialect="duckdb", schema={"w": int})
    seconds = answer([1], "SELECT 86400 AS v").rerun(database, dialect="duckdb", schema={"v": cf.epoch("s")})
    assert seconds.read_all()["v"].to_pylist() == [datetime(1970, 1, 2)]


def test_text_that_meets_a_number(database: duckdb.DuckDBPyConnection) -> None:
    """Nothing says how a number was written as text, so the caller chooses; the transaction ends."""
    asked = answer(["1.50"], "SELECT 1.5::DECIMAL(20, 2) AS v", "string")
    message = (
        r"Column 'v' is text in the answer, but decimal\(20,2\) in the warehouse. Choose: "
        r"schema=\{'v': \"string\"\}, or a number type."
    )
    with pytest.raises(cf.ConfigError, match=message):
        asked.rerun(database, dialect="duckdb")

    table = asked.rerun(database, dialect="duckdb", schema={"v": "string"}).read_all()
    assert table["v"].to_pylist() == ["1.50"]


@pytest.mark.filterwarnings("ignore::connecty_frames.TypeFidelityWarning")
def test_text_that_only_text_holds(database: duckdb.DuckDBPyConnection) -> None:
    """A number of 80 digits made the column text: numbers of the warehouse become text too."""
    asked = answer(["9" * 80], "SELECT 7::DECIMAL(20, 0) AS v", "numeric")
    assert asked.schema["v"].evidence.startswith("exact text, since")

    assert asked.rerun(database, dialect="duckdb").read_all()["v"].to_pylist() == ["7"]


def test_a_late_value_names_schema(database: duckdb.DuckDBPyConnection) -> None:
    """The answer's type stays where the database declares no digits; the error says what to do."""
    for sql, message in (
        ("SELECT 9223372036854775808::HUGEINT AS v", "'9223372036854775808' does not fit in int64"),
        ("SELECT CASE WHEN range = 1 THEN -1::HUGEINT ELSE 7 END AS v FROM range(2)", None),
    ):
        reader = answer([7] * 2, sql).rerun(database, dialect="duckdb")
        if message is None:
            assert reader.read_all()["v"].to_pylist() == [7, -1]
            continue
        with pytest.raises(cf.ConversionError, match=message) as caught:
            reader.read_all()
        assert str(caught.value).endswith(
            "The answer's rows made the column int64; schema= chooses another type."
        )


def test_metadata_comes_out(database: duckdb.DuckDBPyConnection) -> None:
    """Of the table and of each batch: id, SQL, when, database and types; nothing of the answer's rows."""
    asked = answer([1], "SELECT 2.5::DOUBLE AS v", "numeric")
    before = datetime.now().astimezone()

    reader = asked.rerun(database, dialect="duckdb")
    found = cf.metadata(reader.read_all())

    assert found.sql_query == "SELECT 2.5::DOUBLE AS v"
    assert found.schema == [{"name": "v", "type": "double", "evidence": "double in the warehouse"}]
    assert found.rerun_at is not None
    assert 0 <= (found.rerun_at - before).total_seconds() < 60
    assert (found.warehouse, found.statistics, found.total_rows) == ("memory", {}, None)
    assert found == cf.AnswerMetadata.from_json(found.to_json())
    again = cf.rerun(found, database, dialect="duckdb").read_all()
    assert (again["v"].type, again["v"].to_pylist()) == (pa.float64(), [2.5])


def test_hints_of_the_command_line(database: duckdb.DuckDBPyConnection) -> None:
    """It has a file for schema=."""
    with pytest.raises(cf.ConfigError) as caught:
        answer(["1.50"], "SELECT 1.5::DOUBLE AS v", "string").rerun(database, dialect="duckdb")
    assert caught.value.shell_hint == "Choose its type with --schema-file FILE."
    with pytest.raises(cf.ConversionError) as late:
        answer([7], "SELECT 9223372036854775808::HUGEINT AS v").rerun(database, dialect="duckdb").read_all()
    assert (
        late.value.shell_hint
        == "The answer's rows made the column int64; --schema-file FILE chooses another type."
    )
