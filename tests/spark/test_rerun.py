"""``rerun`` on a SparkSession: its rows are those of the answer, by Arrow."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import connecty_frames as cf
from tests.servers import programs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [*programs.external_marks("java"), pytest.mark.filterwarnings("default")]


def rerun(spark: Any, sql: str, type_: str = "string", evidence: str = "written down", **options: Any) -> Any:
    """Run a query of one column ``v``, which an answer has as a type."""
    columns = [{"name": "v", "type": type_, "evidence": evidence}]
    metadata = cf.AnswerMetadata(question_id="7", sql_query=sql, schema=columns)
    return cf.rerun(metadata, spark, dialect="spark", **options)


VALUES: dict[str, tuple[str, str, pa.DataType, list[Any]]] = {
    "smallint": ("CAST(1 AS SMALLINT)", "int64", pa.int64(), [1]),
    "bigint": ("9223372036854775807L", "int64", pa.int64(), [9223372036854775807]),
    "double of whole numbers": ("2.5D", "int64", pa.float64(), [2.5]),
    "float": ("CAST(0.1 AS FLOAT)", "double", pa.float64(), [0.1]),
    "decimal of whole numbers": (
        "CAST(2.25 AS DECIMAL(9, 2))", "int64", pa.decimal128(9, 2), [Decimal("2.25")],
    ),
    "decimal": ("CAST(984.18 AS DECIMAL(12, 2))", "double", pa.float64(), [984.18]),
    "decimal of 38 digits": (
        "CAST('12345678901234567890123456789012345678' AS DECIMAL(38, 0))", "decimal128(38, 0)",
        pa.decimal128(38, 0), [Decimal(12345678901234567890123456789012345678)],
    ),
    "text": ("'Łódź'", "string", pa.string(), ["Łódź"]),
    "empty text": ("''", "string", pa.string(), [""]),
    "null": ("CAST(NULL AS STRING)", "string", pa.string(), [None]),
    "boolean": ("true", "bool", pa.bool_(), [True]),
    "date": ("DATE '0001-01-01'", "date32[day]", pa.date32(), [date(1, 1, 1)]),
    "timestamp of dates": (
        "TIMESTAMP_NTZ '2025-03-30 01:02:03.123456'", "date32[day]",
        pa.timestamp("us"), [datetime(2025, 3, 30, 1, 2, 3, 123456)],
    ),
    "instant": (
        "TIMESTAMP '2025-03-30 00:30:00.123456+00:00'", "timestamp[us, tz=UTC]",
        pa.timestamp("us", "UTC"), [datetime(2025, 3, 30, 0, 30, 0, 123456, tzinfo=UTC)],
    ),
    "interval": (
        "INTERVAL '1 02:00:00.5' DAY TO SECOND", "duration[us]",
        pa.duration("us"), [timedelta(days=1, hours=2, milliseconds=500)],
    ),
    "array": ("array(1, 2)", "list<item: int64>", pa.list_(pa.int64()), [[1, 2]]),
    "struct": (
        "named_struct('a', 1, 'b', 'x')", "struct<a: int64, b: string>",
        pa.struct([("a", pa.int64()), ("b", pa.string())]), [{"a": 1, "b": "x"}],
    ),
    "map": ("map('a', 1)", "struct<a: int64>", pa.struct([("a", pa.int64())]), [{"a": 1}]),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_a_value(spark: Any, name: str) -> None:
    """Each comes out exactly, in the type of the pair."""
    value, answered, type_, expected = VALUES[name]

    table = rerun(spark, f"SELECT {value} AS v", answered).read_all()

    assert (table["v"].type, table["v"].to_pylist()) == (type_, expected)


def test_rows_keep_their_order(spark: Any) -> None:
    """Of more partitions and batches than one, also of two columns of one name."""
    sql = "SELECT id, -id AS id FROM range(0, 50000, 1, 7) ORDER BY id"
    columns = [{"name": name, "type": "int64", "evidence": ""} for name in ("id", "id_1")]

    table = cf.rerun(cf.AnswerMetadata(sql_query=sql, schema=columns), spark, dialect="spark").read_all()

    assert table["id"].to_pylist() == list(range(50_000))
    assert table["id_1"].to_pylist() == list(range(0, -50_000, -1))
    assert cf.metadata(table).warehouse == "spark_catalog/default"


def test_no_rows(spark: Any) -> None:
    """A column without a value has the declared type."""
    table = rerun(spark, "SELECT id AS v FROM range(3) WHERE id > 5", "string", "no rows").read_all()

    assert (table["v"].type, table.num_rows) == (pa.int64(), 0)


def test_what_is_refused(spark: Any, tmp_path: Path) -> None:
    """By the guard, before Spark sees it: files, settings of the session, other statements."""
    for sql in (f"SELECT * FROM text.`{tmp_path}`", "SELECT '${env:PATH}' AS v", "DROP TABLE t"):
        with pytest.raises(cf.QueryRefused):
            rerun(spark, sql)
    with pytest.raises(cf.ConfigError, match="expected 'databricks' or 'spark'"):
        cf.rerun(cf.AnswerMetadata(sql_query="SELECT 1"), spark, dialect="duckdb")


def test_a_failing_query(spark: Any) -> None:
    """Spark's own exception, with a note; the session goes on."""
    for sql in ("SELECT nothing AS v FROM range(1)", "SELECT assert_true(id < 3) AS v FROM range(5)"):
        with pytest.raises(Exception, match=r"(?i)nothing|is not true") as caught:
            rerun(spark, sql, functions=["assert_true"]).read_all()
        assert caught.value.__notes__ == ["It was raised while rerun ran the SQL of question_id='7'."]
    assert rerun(spark, "SELECT 1 AS v", "int64").read_all()["v"].to_pylist() == [1]
