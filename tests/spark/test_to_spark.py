"""``answer.to_spark``: each type written out, and every catalogued answer value by value."""

import datetime as dt
import math
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec
import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.sandbox import workspace
from tests.servers import programs

pytest.importorskip("pyspark", reason="pyspark is not installed: run make test-spark")

from connecty_frames.frames.spark import convert, spark_schema

pytestmark = [*programs.external_marks("java"), pytest.mark.filterwarnings("default")]

QUESTIONS = [
    each["question"]
    for each in tomllib.loads((Path(workspace.__file__).parent / "catalogue.toml").read_text("utf-8"))[
        "question"
    ]
]
TIME = dt.time(1, 2, 3, 4)
ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"

#: Each Arrow type: values of it, the type of Spark, and the values there.
TABLE: dict[str, tuple[pa.DataType, list[Any], str, list[Any]]] = {
    "bool": (pa.bool_(), [True, None], "boolean", [True, None]),
    "int8": (pa.int8(), [-128], "tinyint", [-128]),
    "int16": (pa.int16(), [-32768], "smallint", [-32768]),
    "int32": (pa.int32(), [-(2**31)], "int", [-2147483648]),
    "int64": (pa.int64(), [2**63 - 1, None], "bigint", [9223372036854775807, None]),
    "uint8": (pa.uint8(), [255], "smallint", [255]),
    "uint16": (pa.uint16(), [65535], "int", [65535]),
    "uint32": (pa.uint32(), [2**32 - 1], "bigint", [4294967295]),
    "uint64": (pa.uint64(), [2**64 - 1, None], "decimal(20,0)", [Decimal(18446744073709551615), None]),
    "float32": (pa.float32(), [0.5], "float", [0.5]),
    "float64": (pa.float64(), [0.1, float("inf")], "double", [0.1, float("inf")]),
    "decimal": (
        pa.decimal128(38, 2),
        [Decimal("9" * 36 + ".99")],
        "decimal(38,2)",
        [Decimal("9" * 36 + ".99")],
    ),
    "wide decimal of few digits": (pa.decimal256(3, 1), [Decimal("1.5")], "decimal(3,1)", [Decimal("1.5")]),
    "wide decimal": (pa.decimal256(39, 1), [Decimal("1.5"), None], "string", ["1.5", None]),
    "small wide decimal": (pa.decimal256(60, 9), [Decimal("0.000000001")], "string", ["0.000000001"]),
    "negative scale": (pa.decimal128(5, -2), [Decimal(12300)], "decimal(7,0)", [Decimal(12300)]),
    "string": (pa.string(), ["NA", "é\x00😀", "", None], "string", ["NA", "é\x00😀", "", None]),
    "large_string": (pa.large_string(), ["a"], "string", ["a"]),
    "string_view": (pa.string_view(), ["a", None], "string", ["a", None]),
    "null": (pa.null(), [None], "string", [None]),
    "binary": (pa.binary(), [b"\x00H"], "binary", [b"\x00H"]),
    "date32": (pa.date32(), [dt.date(1, 1, 1), dt.date(9999, 12, 31)], "date", [dt.date.min, dt.date.max]),
    # 02:30 of that night is twice in Warsaw, and in New York not at all in March.
    "naive": (
        pa.timestamp("us"),
        [dt.datetime(2024, 10, 27, 2, 30), dt.datetime(2025, 3, 9, 2, 30, 0, 1)],
        "timestamp_ntz",
        [dt.datetime(2024, 10, 27, 2, 30), dt.datetime(2025, 3, 9, 2, 30, 0, 1)],
    ),
    "naive seconds": (pa.timestamp("s"), [0], "timestamp_ntz", [dt.datetime(1970, 1, 1)]),
    # Both instants at which it is 02:30 in Warsaw.
    "instants": (
        pa.timestamp("us", "Europe/Warsaw"),
        [1729989000000000, 1729992600000001],
        "timestamp",
        [
            dt.datetime(2024, 10, 27, 0, 30, tzinfo=dt.UTC),
            dt.datetime(2024, 10, 27, 1, 30, 0, 1, tzinfo=dt.UTC),
        ],
    ),
    "an offset": (pa.timestamp("s", "+05:30"), [0], "timestamp", [dt.datetime(1970, 1, 1, tzinfo=dt.UTC)]),
    "nanoseconds": (pa.timestamp("ns"), [1, None], "string", ["1970-01-01T00:00:00.000000001", None]),
    "instants in nanoseconds": (
        pa.timestamp("ns", "Europe/Warsaw"),
        [1],
        "string",
        ["1970-01-01T01:00:00.000000001+01:00"],
    ),
    "time": (pa.time64("us"), [TIME, None], "string", ["01:02:03.000004", None]),
    "time in seconds": (pa.time32("s"), [dt.time(23, 59, 59)], "string", ["23:59:59"]),
    "duration": (
        pa.duration("us"),
        [dt.timedelta(days=36500, microseconds=1), dt.timedelta(microseconds=-1)],
        "interval day to second",
        [dt.timedelta(days=36500, microseconds=1), dt.timedelta(microseconds=-1)],
    ),
    "duration in seconds": (pa.duration("s"), [90], "interval day to second", [dt.timedelta(seconds=90)]),
    "duration in nanoseconds": (pa.duration("ns"), [1], "string", ["PT0.000000001S"]),
    "list": (pa.list_(pa.int64()), [[1, None], None, []], "array<bigint>", [[1, None], None, []]),
    "large list": (pa.large_list(pa.uint64()), [[7], None], "array<decimal(20,0)>", [[Decimal(7)], None]),
    "fixed list": (pa.list_(pa.int8(), 2), [[1, 2], None], "array<tinyint>", [[1, 2], None]),
    "list of times": (
        pa.list_(pa.time64("us")),
        [[TIME], None],
        "array<string>",
        [["01:02:03.000004"], None],
    ),
    "list of naive": (
        pa.list_(pa.timestamp("us")),
        [[dt.datetime(2025, 3, 9, 2, 30)]],
        "array<timestamp_ntz>",
        [[dt.datetime(2025, 3, 9, 2, 30)]],
    ),
    "struct": (
        pa.struct([("a", pa.uint64()), ("b", pa.list_(pa.struct([("c", pa.time64("us"))])))]),
        [{"a": 1, "b": [{"c": TIME}]}, None, {"a": None, "b": None}],
        "struct<a:decimal(20,0),b:array<struct<c:string>>>",
        [{"a": Decimal(1), "b": [{"c": "01:02:03.000004"}]}, None, {"a": None, "b": None}],
    ),
    "map": (
        pa.map_(pa.string(), pa.time64("us")),
        [None, [("k", TIME)]],
        "map<string,string>",
        [None, [("k", "01:02:03.000004")]],
    ),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), ["a", None, "a"], "string", ["a", None, "a"]),
}


def answer_of(table: pa.Table) -> cf.Answer:
    answer = cf.Answer.from_json(b'{"state": "COMPLETED", "results": {"dataframe": [["a"]]}}', question_id=ID)
    object.__setattr__(answer, "_decoded", msgspec.structs.replace(answer._decoded, table=table))
    return answer


@pytest.mark.filterwarnings("ignore::connecty_frames.TypeFidelityWarning")
def test_types_and_values(spark: Any) -> None:
    """Of each Arrow type, in one DataFrame, beside a slice in which other chunks are empty."""
    rows = 4
    columns = {
        name: pa.chunked_array([pa.array([*values, *[None] * (rows - len(values))], kind).slice(0, 1), rest])
        for name, (kind, values, _, _) in TABLE.items()
        for rest in [pa.array([*values, *[None] * (rows - len(values))], kind).slice(1)]
    }

    df = answer_of(pa.table(columns)).to_spark(spark)

    assert {field.name: field.dataType.simpleString() for field in df.schema} == {
        name: found for name, (_, _, found, _) in TABLE.items()
    }
    for read in (df, df.filter("bool is null or bool is not null")):
        got = read.toArrow()
        for name, (_, _, _, expected) in TABLE.items():
            assert got[name].to_pylist() == [*expected, *[None] * (rows - len(expected))], name


def test_local_times_do_not_depend_on_a_zone(spark: Any) -> None:
    """Spark itself writes them as they are; instants are the same in each zone of the session."""
    columns = {
        "naive": pa.array([dt.datetime(2025, 3, 9, 2, 30)], pa.timestamp("us")),
        "instant": pa.array([1729989000000000], pa.timestamp("us", "Europe/Warsaw")),
    }
    df = answer_of(pa.table(columns)).to_spark(spark)
    shown = df.selectExpr("string(naive)", "string(instant)", "unix_micros(instant)").collect()
    assert [tuple(row) for row in shown] == [("2025-03-09 02:30:00", "2024-10-27 06:00:00", 1729989000000000)]


def test_what_becomes_text_is_warned_of(spark: Any) -> None:
    """Once, with the columns and their types; what is inside of others included."""
    table = pa.table(
        {
            "at": pa.array([TIME], pa.time64("us")),
            "all": pa.array([[1]], pa.list_(pa.timestamp("ns"))),
            "number": pa.array([1], pa.uint64()),
        }
    )

    with pytest.warns(cf.TypeFidelityWarning) as warned:
        answer_of(table).to_spark(spark)

    assert [str(each.message) for each in warned if each.category is cf.TypeFidelityWarning] == [
        (
            "Spark 4.0 has no type for some of these columns or values, such as times of day, more than 6 "
            "digits of a second or decimals of more than 38 digits. Their "
            "values are kept as exact text: 'at' (time64[us]), 'all' (list<item: timestamp[ns]>)."
        )
    ]


@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows(spark: Any, rows: int) -> None:
    """Without rows, with chunks or without: the types are there."""
    columns = {name: pa.chunked_array([], kind) for name, (kind, *_) in TABLE.items()}
    if rows:
        columns = {name: pa.array([None], kind) for name, (kind, *_) in TABLE.items()}
    with pytest.warns(cf.TypeFidelityWarning):
        df = answer_of(pa.table(columns)).to_spark(spark)
    assert df.count() == rows
    assert len(df.columns) == len(TABLE)


def test_a_slice_of_nested_values() -> None:
    """Offsets of lists, structs and maps begin in the middle."""
    for name, (kind, values, _, expected) in TABLE.items():
        whole = pa.table({name: pa.array([*values, None, *values], kind)})
        got = convert(whole.slice(len(values) + 1), spark_schema(whole.schema, [cf.AnswerMetadata()]))
        assert got[name].to_pylist() == expected, name


def test_a_contract(spark: Any) -> None:
    """Columns without nulls are such in Spark; categories are their values, of no rows too."""
    schema = {"id": pa.field("id", pa.int64(), nullable=False)}
    body = b'{"state": "COMPLETED", "results": {"dataframe": [["id", "kind"], [1, "a"], [2, null]]}}'
    contract = pa.schema([schema["id"], ("kind", pa.string())])
    answer = cf.Answer.from_json(body, schema=contract, question_id=ID)
    assert [field.nullable for field in answer.to_spark(spark).schema] == [False, True]
    for rows in (b'[1, "a"], [2, null]', b""):
        sent = body.replace(b', [1, "a"], [2, null]', b", " + rows if rows else b"")
        df = cf.Answer.from_json(sent, schema={"kind": Literal["b", "a"]}, question_id=ID).to_spark(spark)
        assert df.schema["kind"].dataType.simpleString() == "string"
        assert [row["kind"] for row in df.collect()] == (["a", None] if rows else [])
        assert cf.metadata(df, required=True).schema[1]["encoding"] == 'Literal["b", "a"]'


def test_what_does_not_fit_is_an_error() -> None:
    """A duration of a year in which there are more microseconds than Spark counts."""
    table = pa.table({"long": pa.array([2**62], pa.duration("s"))})
    with pytest.raises(
        cf.ConversionError, match="'long' has a value that Spark's interval day to second"
    ) as raised:
        convert(table, spark_schema(table.schema, [cf.AnswerMetadata()]))
    assert raised.value.column == "long"


def test_what_is_no_session_is_an_error() -> None:
    """Such as the context."""
    with pytest.raises(cf.ConfigError, match="expected a SparkSession"):
        answer_of(pa.table({"a": [1]})).to_spark("local[2]")  # type: ignore[arg-type]


def in_spark(value: Any, kind: pa.DataType) -> Any:
    """Return the value that a cell of an answer is expected to have in Spark."""
    if value is None:
        return None
    if pa.types.is_uint64(kind):
        return Decimal(value)
    if pa.types.is_time(kind):
        return value.isoformat(timespec="microseconds")
    if pa.types.is_decimal256(kind) and kind.precision > 38:
        return f"{value:f}"
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return value.isoformat()
    if pa.types.is_list(kind):
        return [in_spark(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        return {
            field.name: in_spark(value[field.name], field.type)
            for field in (kind.field(at) for at in range(kind.num_fields))
        }
    return value


def comparable(values: list[Any]) -> list[Any]:
    """Return values of which each equals itself: NaN becomes text."""
    return ["NaN" if isinstance(value, float) and math.isnan(value) else value for value in values]


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.filterwarnings("ignore::connecty_frames.TypeFidelityWarning")
def test_every_catalogued_answer(spark: Any, question: str) -> None:
    """Each value of each, whole; those without a table have the same error as for other frames."""
    try:
        answer = cf.ask(question, max_rows=None)
    except cf.QuestionFailed:
        return
    if answer.table is None:
        with pytest.raises(cf.NoTableError):
            answer.to_spark(spark)
        return

    df = answer.to_spark(spark)

    got = df.toArrow()
    assert got.column_names == answer.table.column_names
    for name in got.column_names:
        sent = answer.table[name]
        expected = [in_spark(value, sent.type) for value in sent.to_pylist()]
        assert comparable(got[name].to_pylist()) == comparable(expected), name
    assert cf.metadata(df) == answer.metadata


@pytest.mark.usefixtures("connected")
def test_metadata_follow_the_columns(spark: Any) -> None:
    """Selected, renamed and joined columns keep that of their answer; columns of two answers have none."""
    revenue = cf.ask("what is the revenue by country")
    left = revenue.to_spark(spark)
    right = cf.ask("list the top 5 countries with the most orders").to_spark(spark)

    chosen = left.filter("revenue > 0").selectExpr("country as place")
    joined = left.join(right, "country")

    metadata = cf.metadata(chosen, required=True)
    assert (metadata.question_id, [entry["name"] for entry in metadata.schema]) == (
        revenue.question_id,
        ["country"],
    )
    assert cf.metadata(joined) is None
    assert cf.metadata(joined.select("revenue"), required=True).question_id == revenue.question_id
    assert cf.metadata(left.selectExpr("1 as one")) is None


@pytest.mark.usefixtures("connected")
def test_metadata_can_be_copied(spark: Any) -> None:
    """To a DataFrame from elsewhere, whose values and own metadata stay, and to pandas."""
    answer = cf.ask("what is the revenue by country")
    df = spark.createDataFrame([("Poland", 1.5)], "country string, `a.b` double")
    copied = cf.copy_metadata(answer.to_pandas(), df)
    assert cf.metadata(copied, required=True).question_id == answer.question_id
    assert [tuple(row) for row in copied.collect()] == [("Poland", 1.5)]


def test_the_zone_is_in_the_metadata(spark: Any) -> None:
    """A TIMESTAMP has none itself."""
    body = b'{"state": "COMPLETED", "results": {"dataframe": [["at"], ["2024-10-27T02:30:00+01:00"]]}}'
    df = cf.Answer.from_json(body, tz="Europe/Warsaw").to_spark(spark)
    assert df.schema["at"].dataType.simpleString() == "timestamp"
    (entry,) = cf.metadata(df, required=True).schema
    assert (entry["name"], entry["type"]) == ("at", "timestamp[us, tz=Europe/Warsaw]")
