"""Columns and types of a table beside those of an answer: decided before the first row."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import connecty_frames as cf
from tests.cases import cases


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def answer(values: list[Any], section: str | None = None, **options: Any) -> cf.Answer:
    """Return the answer of a service that sent values of column ``v``, by default without statistics."""
    results: dict[str, Any] = {"dataframe": [["v"], *([value] for value in values)], "sql_query": "SELECT 1"}
    if section is not None:
        general = {"count": len(values), "nulls_count": values.count(None)}
        results["dataframe_stats"] = {"v": {"general": general, section: {"distinct_count": 1}}}
    body = json.dumps({"state": "COMPLETED", "results": results})
    return cf.Answer.from_json(body.encode(), max_rows=None, on_truncation="ignore", **options)


def source(type_: str, basis: str = "", evidence: str = "2 values") -> cf.AnswerMetadata:
    column = {"name": "v", "type": type_, "evidence": evidence} | ({"basis": basis} if basis else {})
    return cf.AnswerMetadata(question_id="7", schema=[column])


def column(values: list[Any], type_: Any = None) -> pa.Table:
    return pa.table({"v": pa.array(values, type_)})


#: Of an answer the type and its basis, the SQL of the table, and what comes out.
HELD: dict[str, tuple[str, str, str, Any]] = {
    "whole numbers that are floats": ("int64", "", "2::DOUBLE", 2),
    "whole numbers that are decimals": ("int64", "", "2::DECIMAL(20, 2)", 2),
    "HUGEINT": ("int64", "", "9223372036854775807::HUGEINT", 2**63 - 1),
    "fractions": ("double", "", "984.18::DECIMAL(30, 2)", 984.18),
    "decimals": ("decimal128(38, 2)", "", "1.5::DECIMAL(19, 1)", Decimal("1.50")),
    "dates that are timestamps": ("date32[day]", "", "TIMESTAMP '2025-03-30'", date(2025, 3, 30)),
    "instants in a zone": (
        "timestamp[us, tz=Asia/Tokyo]", "", "TIMESTAMPTZ '2025-03-30 00:00:00+00'",
        datetime(2025, 3, 30, tzinfo=UTC),
    ),
    "text": ("string", "", "'a'", "a"),
    "text of an enum": ("string", "", "'a'::ENUM('a', 'b')", "a"),
    "text of a UUID": (
        "string", "", "'729cb7a4-4b06-449e-a3c9-df40f5e570b8'::UUID", "729cb7a4-4b06-449e-a3c9-df40f5e570b8",
    ),
    "text of JSON": ("string", "", """'{"a":  1}'::JSON""", '{"a":1}'),
    "text that only text holds": ("string", "text", "7::DECIMAL(20, 0)", "7"),
    "lists": ("list<item: double>", "", "[1.5::DECIMAL(20, 1)]", [1.5]),
    "nothing of DECIMAL": ("string", "empty", "1.5::DECIMAL(20, 1)", Decimal("1.5")),
    "nothing of INTEGER": ("string", "empty", "7::INTEGER", 7),
    "nothing of DOUBLE": ("int64", "empty", "1.5::DOUBLE", 1.5),
    "nothing of HUGEINT": ("string", "empty", "7::HUGEINT", Decimal(7)),
    "nothing of TIMESTAMPTZ": (
        "string", "empty", "TIMESTAMPTZ '2025-03-30 00:00:00+00'", datetime(2025, 3, 30, tzinfo=UTC),
    ),
    "nothing of INTERVAL": ("string", "empty", "INTERVAL '30 hours'", timedelta(hours=30)),
    "nothing of a list": ("string", "empty", "[1::INTEGER]", [1]),
    "nothing of a struct": ("string", "empty", "{'a': 2.5::FLOAT}", {"a": 2.5}),
    "nothing of UUID": (
        "double", "empty", "'729cb7a4-4b06-449e-a3c9-df40f5e570b8'::UUID",
        "729cb7a4-4b06-449e-a3c9-df40f5e570b8",
    ),
}  # fmt: skip


@cases("name", HELD)
def test_what_is_held(database: duckdb.DuckDBPyConnection, name: str) -> None:
    """Values become those of the answer, with its type; a column without a value takes the table's type."""
    type_, basis, sql, expected = HELD[name]
    found = cf.cast(source(type_, basis), database.sql(f"SELECT {sql} AS v"))
    assert found["v"].to_pylist() == [expected]
    if not name.startswith("nothing"):
        assert str(found["v"].type) == type_
        assert found.schema.field("v").name == "v"


@cases(
    ("type_", "sql", "message"),
    [
        ("string", "1.5::DECIMAL(20, 2)", "a value of decimal(20,2) is text in the answer, and its spelling"),
        ("string", "TIMESTAMP '2025-03-30'", "a value of timestamp is text in the answer"),
        ("string", "true", "a value of boolean is text in the answer"),
        ("int64", "true", "a value of bool has no exact form as int64"),
        ("timestamp[us]", "TIMESTAMPTZ '2025-03-30 00:00:00+00'", "has no exact form as timestamp[us]"),
        ("timestamp[us, tz=UTC]", "TIMESTAMP '2025-03-30'", "has no exact form as timestamp[us, tz=UTC]"),
        ("int64", "DATE '2025-03-30'", "a value of date32[day] has no exact form as int64"),
        ("double", "[1]", "has no exact form as double"),
        ("list<item: bool>", "[0.5::DOUBLE]", "a value of double has no exact form as bool"),
        ("int64", "5::UHUGEINT", "the type uhugeint does not arrive with its exact values; cast it in"),
        (
            "time64[us]",
            "'10:00:00+02'::TIMETZ",
            "the type time with time zone does not arrive with its exact",
        ),
        ("string", "'101'::BIT", "the type bit does not arrive with its exact values"),
    ],
)
def test_types_between_which_no_value_passes(
    database: duckdb.DuckDBPyConnection, type_: str, sql: str, message: str
) -> None:
    """An error without a row, also if there is none; it says how to choose another type."""
    for rows in ("", " WHERE false"):
        with pytest.raises(cf.ConversionError) as caught:
            cf.cast(source(type_), database.sql(f"SELECT {sql} AS v{rows}"))
        assert str(caught.value).startswith("Column 'v': ")
        assert message in str(caught.value)
        assert str(caught.value).endswith(
            f"The answer's rows made the column {type_}; schema= chooses another type."
        )
        assert caught.value.shell_hint.endswith("--schema-file FILE chooses another type.")
        assert (caught.value.column, caught.value.row, caught.value.question_id) == ("v", None, "7")


def test_a_value_that_does_not_fit() -> None:
    """The error names column, row and value, and how to choose another type."""
    message = (
        "Column 'v', row 3: '1.5' does not fit in int64. The answer's rows made the column int64; schema= "
        "chooses another type."
    )
    with pytest.raises(cf.ConversionError) as caught:
        cf.cast(source("int64"), column([1.0, None, 2.0, 1.5]))
    assert str(caught.value) == message
    assert (caught.value.column, caught.value.row, caught.value.value) == ("v", 3, "1.5")
    assert caught.value.question_id == "7"


def test_a_relation_that_fails(database: duckdb.DuckDBPyConnection) -> None:
    """DuckDB's error becomes ours, and the connection runs other queries while the error is kept."""
    late = "SELECT CASE i WHEN 150000 THEN error('late') ELSE i END AS v FROM range(200000) t(i)"
    kept = []
    for sql, message in (
        ("SELECT CAST(s AS INTEGER) AS v FROM (VALUES ('abc')) t(s)", "The table cannot be read: Conversion"),
        ("SELECT error('boom') AS v", "The table cannot be read: Invalid Input Error: boom"),
        (late, "The table cannot be read after "),
        ("SELECT 0.5::DOUBLE AS v FROM range(200000)", "Column 'v', row 0: '0.5' does not fit in int64"),
        ("SELECT true AS v", "Column 'v': a value of bool has no exact form as int64"),
    ):
        with pytest.raises(cf.ConversionError) as caught:
            cf.cast(source("int64"), database.sql(sql))
        assert str(caught.value).startswith(message)
        kept.append(caught.value)
        assert cf.cast(source("int64"), database.sql("SELECT 1 AS v")).num_rows == 1

    closed = duckdb.connect()
    relation = closed.sql("SELECT 1 AS v")
    closed.close()
    with pytest.raises(cf.ConversionError, match=r"The table cannot be read: .* closed"):
        cf.cast(source("int64"), relation)


def test_what_arrow_alone_knows() -> None:
    """Its error becomes one about the column."""
    wrong = pa.table({"v": pa.array([b"\xff"]).view(pa.string())})
    with pytest.raises(cf.ConversionError, match="Column 'v': a value does not fit: Invalid UTF8"):
        cf.cast(source("string"), wrong)


@cases("first", [column(["x"]), column([None], pa.null())])
@cases("later", [column([1.5]), column([datetime(2025, 1, 1)]), column([True])])
def test_text_of_a_later_part(first: pa.Table, later: pa.Table) -> None:
    """A number or time is refused there too: its spelling in the answer is unknown, or its digits."""
    reader = cf.cast(source("string"), [first, later])
    assert len(reader.read_next_batch()) == 1
    with pytest.raises(cf.ConversionError, match=r"Column 'v': a value of .* (is text in the|may have been)"):
        reader.read_next_batch()


# Columns


TYPES = {"id": "int64", "name": "string", "amount": "double"}
ROWS = {"id": [1, 2], "name": ["a", "b"], "amount": [0.5, 1.25]}


def three(*names: str) -> cf.AnswerMetadata:
    return cf.AnswerMetadata(
        schema=[{"name": name, "type": TYPES.get(name.lower(), "int64"), "evidence": ""} for name in names]
    )


@cases("names", [["amount", "id", "name"], ["ID", "Name", "AMOUNT"]])
def test_columns_are_found_by_name(names: list[str]) -> None:
    """In another order or case, as Snowflake's are; they come out as those of the answer."""
    table = pa.table({name: ROWS[name.lower()] for name in names})
    found = cf.cast(three("id", "name", "amount"), table)
    assert found.column_names == ["id", "name", "amount"]
    assert found.to_pydict() == ROWS


@cases(
    ("names", "message", "column_"),
    [
        (["id", "name"], "it has 'id', 'name', the answer 'id', 'name', 'amount'", "amount"),
        (["id", "name", "amount", "more"], "it has 'id', 'name', 'amount', 'more', the answer", "more"),
        (["id", "name", "total"], "it has 'id', 'name', 'total', the answer", "amount"),
        (["id", "name", "amount", "id"], "it has 'id', 'name', 'amount', 'id_1', the answer", "id_1"),
    ],
)
def test_other_columns(names: list[str], message: str, column_: str) -> None:
    """Missing, extra and duplicate columns are an error: none is left out or made up."""
    table = pa.Table.from_arrays([pa.array([1])] * len(names), names)
    with pytest.raises(cf.ConversionError, match=message) as caught:
        cf.cast(three("id", "name", "amount"), table)
    assert caught.value.column == column_


def test_names_that_differ_in_case_or_that_the_answer_changed() -> None:
    """One column is not two; of columns of one name, the second has a number in the answer too."""
    with pytest.raises(cf.ConversionError, match="it has 'id', the answer 'id', 'ID'"):
        cf.cast(three("id", "ID"), pa.table({"id": [1]}))
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([-1])], ["id", "id"])
    assert cf.cast(three("id", "id_1"), twice).to_pydict() == {"id": [1], "id_1": [-1]}


# schema=


def test_schema_of_cast() -> None:
    """It says the types of some columns, or of all; those of the answer do not count."""
    table = column([Decimal("2.50")])

    for schema, type_, expected in (
        ({"v": float}, pa.float64(), 2.5),
        ({"v": "string"}, pa.string(), "2.50"),
        (pa.schema([("v", pa.decimal128(5, 3))]), pa.decimal128(5, 3), Decimal("2.500")),
    ):
        found = cf.cast(source("int64"), table, schema=schema)
        assert (found["v"].type, found["v"].to_pylist()) == (type_, [expected])
        assert cf.metadata(found, required=True).schema == [
            {"name": "v", "type": str(type_), "evidence": "schema=", "basis": "schema"}
        ]
    with pytest.raises(cf.ConfigError, match=r"schema=: the answer has no column 'w'; it has 'v'"):
        cf.cast(source("int64"), table, schema={"w": int})
    seconds = cf.cast(source("int64"), column([86400]), schema={"v": cf.epoch("s")})
    assert seconds["v"].to_pylist() == [datetime(1970, 1, 2)]


def test_a_type_of_schema_stays(database: duckdb.DuckDBPyConnection) -> None:
    """It was chosen: of the answer, of its metadata, and of a saved schema; so the error has no hint."""
    asked = answer([1], schema={"v": int})
    saved = answer([1], schema=answer([1]).schema)
    for given in (asked, asked.to_pandas(), saved):
        found = cf.cast(given, database.sql("SELECT 2::DOUBLE AS v"), engine="pyarrow")
        assert (found["v"].type, found["v"].to_pylist()) == (pa.int64(), [2])
        with pytest.raises(cf.ConversionError, match=r"row 0: '1\.5' does not fit in int64\.$"):
            cf.cast(given, database.sql("SELECT 1.5::DOUBLE AS v"))


@cases(
    ("evidence", "type_", "value"),
    [
        ("1 of them given as the nearest float64", "double", Decimal("0.14285714285714284")),
        ("1 of them computed, given as the nearest float64", "double", "0.142857142857142841"),
        ("schema=", "double", Decimal("0.14285714285714284")),
        ("saved schema", "string", 7),
        ("exact text, since '9'", "string", 7),
    ],
)
def test_no_sentence_decides(evidence: str, type_: str, value: Any) -> None:
    """Evidence is for people: only the basis allows rounding, or a number as text."""
    with pytest.raises(cf.ConversionError, match=r"has more digits than|is text in the answer"):
        cf.cast(source(type_, evidence=evidence), column([value]))


def test_a_saved_schema_rounds_nothing() -> None:
    """Its types were inferred, so a long number is no float."""
    saved = answer([1.5]).schema
    with pytest.raises(cf.ConversionError, match="has more digits than double holds"):
        cf.cast(source("string"), column([Decimal("0.14285714285714284")]), schema=saved)


def test_cents_are_not_guessed() -> None:
    """A whole number under a decimal type is that number: 125 cents become 125.00."""
    found = cf.cast(source("string"), column([125]), schema={"v": "decimal128(9, 2)"})
    assert found["v"].to_pylist() == [Decimal("125.00")]


# What drivers tell by the metadata of fields


def told(values: list[Any], origin: str, typmod: int | None = None) -> pa.Table:
    known = {"POSTGRESQL:type": origin} | ({} if typmod is None else {"POSTGRESQL:typmod": str(typmod)})
    array = pa.array(values)
    return pa.Table.from_arrays([array], schema=pa.schema([pa.field("v", array.type, metadata=known)]))


@cases(
    ("table", "type_", "expected"),
    [
        (told(["1.50", "nan"], "numeric"), "double", "[1.5, nan]"),
        (told(["7"], "numeric"), "int64", "[7]"),
        (told(["1.50"], "numeric", (9 << 16 | 2) + 4), "decimal128(38, 2)", "[Decimal('1.50')]"),
        (told(['{"a": 1}'], "jsonb"), "string", """['{"a":1}']"""),
        (told([b"\xde"], "bytea"), "string", r"['\\xde']"),
    ],
)
def test_types_of_postgresql(table: pa.Table, type_: str, expected: str) -> None:
    """They decide how texts and bytes are read."""
    assert str(cf.cast(source(type_), table)["v"].to_pylist()) == expected


@cases(
    ("table", "type_", "message"),
    [
        (told([125], "money"), "int64", "the type money does not arrive with its exact values"),
        (told([125], "oid"), "int64", "the type oid does not arrive with its exact values"),
        (told(["1.5"], "numeric"), "string", "a value of numeric is text in the answer"),
        (told([[1]], "_int8"), "list<item: int64>", r"flattens arrays .*: column 'v' is of the type _int8"),
        (column([b"x"]), "string", "is text in the answer; cast it to text in the SQL"),
    ],
)
def test_types_of_postgresql_that_are_refused(table: pa.Table, type_: str, message: str) -> None:
    """Cents of an unknown currency, arrays that the driver flattens, and text of another spelling."""
    with pytest.raises(cf.ConversionError, match=message):
        cf.cast(source(type_), table)


@cases(
    "known",
    [
        {"POSTGRESQL:type": b"\xff\xfe"},
        {"POSTGRESQL:type": b"numeric", "POSTGRESQL:typmod": b"abc"},
        {"POSTGRESQL:type": b"numeric", "POSTGRESQL:typmod": b"\xff"},
        {"POSTGRESQL:type": b"numeric", "POSTGRESQL:typmod": b"9" * 5000},
        {"POSTGRESQL:type": b"numeric", "POSTGRESQL:typmod": b"4"},
    ],
)
def test_damaged_metadata_of_a_field(known: dict[str, bytes]) -> None:
    """It is an error that names the column, never one of Python."""
    field = pa.field("v", pa.string(), metadata=known)
    with pytest.raises(cf.ConversionError, match=r"^Column 'v': its metadata of ADBC is damaged") as caught:
        cf.cast(source("double"), pa.table([["1.5"]], schema=pa.schema([field])))
    assert (caught.value.column, caught.value.question_id) == ("v", "7")


@cases(
    ("text", "typmod", "type_", "message"),
    [
        ("12345678901234567.8", (5 << 16 | 1) + 4, "double", "has more digits than double holds"),
        ("1e999", None, "double", "is above the range of float64"),
        ("0x1F", None, "int64", "is not a number"),
        ("1.239", (5 << 16 | 2) + 4, "decimal128(38, 2)", "does not fit in decimal128"),
    ],
)
def test_a_numeric_that_lies(text: str, typmod: int | None, type_: str, message: str) -> None:
    """Its text is read as any other if it is not of the declared digits: no value is changed."""
    with pytest.raises(cf.ConversionError, match=message):
        cf.cast(source(type_), told([text], "numeric", typmod))


@cases("type_", ["struct<a: int64>", "map<string, int64>", "list<item: struct<a: int64>>", "string"])
def test_a_field_whose_name_is_no_text(type_: str) -> None:
    """The error names the column; Python's own would not."""
    field = pa.field(b"\xff", pa.int64())
    array = pa.StructArray.from_arrays([pa.array([1])], fields=[field])
    if type_.startswith("list"):
        array = pa.ListArray.from_arrays([0, 1], array)
    with pytest.raises(
        cf.ConversionError, match=r"^Column 'v': a value does not fit: 'utf-8' codec"
    ) as caught:
        cf.cast(source(type_), pa.table({"v": array}))
    assert caught.value.column == "v"


def test_a_name_that_is_no_text() -> None:
    """No column of the answer can be it."""
    with pytest.raises(cf.ConversionError, match=r"^The table cannot be read after 0 rows: .* byte 0xff"):
        cf.cast(source("int64"), pa.table([[1]], schema=pa.schema([pa.field(b"\xff", pa.int64())])))


def test_numeric_as_an_opaque_type() -> None:
    """Newer versions of Arrow have a type for what they have no type for; its text counts."""
    if not hasattr(pa, "opaque"):
        pytest.skip("this pyarrow has no opaque type")
    numeric = pa.opaque(pa.string(), "numeric", "PostgreSQL")
    table = pa.table({"v": pa.ExtensionArray.from_storage(numeric, pa.array(["984.18", None]))})
    assert cf.cast(source("double"), table)["v"].to_pylist() == [984.18, None]
    bounded = cf.cast(source("string"), table, schema={"v": "decimal128(12, 2)"})
    assert bounded["v"].to_pylist() == [Decimal("984.18"), None]
