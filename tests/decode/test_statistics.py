"""The statistics of a column in any shape."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from connecty_frames import Answer
from connecty_frames.decode import exact_json
from connecty_frames.decode.decoder import Decoded
from connecty_frames.decode.statistics import parse_count, read_entry, section_named
from connecty_frames.errors import ConversionError, StatisticsWarning, TypeFidelityWarning
from tests.cases import cases
from tests.decode.conftest import Decode

INSTANT = pa.timestamp("us", "UTC")
#: The cells of a column, fields of its statistics, its type and values.
COLUMNS: dict[str, tuple[list[str], dict[str, Any], pa.DataType, list[Any]]] = {
    "temporal": (
        ['"2025-01-01T00:00:00Z"', '"2025-01-02T00:00:00Z"'],
        {"min": "2025-01-01T00:00:00Z", "max": "2025-01-02T00:00:00Z"},
        INSTANT,
        [datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC)],
    ),
    "numeric": (['"1.5"', '"2.5"'], {"min": 1.5, "max": "2.5", "mean": 2.0}, pa.float64(), [1.5, 2.5]),
    "boolean": (["1", "0"], {"true_count": 1, "false_count": "1"}, pa.bool_(), [True, False]),
    "string": (['"2025-01-01"', '"2"'], {"min_len": 1, "max_len": 10}, pa.string(), ["2025-01-01", "2"]),
}
NAMES = {
    "temporal": [
        *("temporal", "Temporal", "TEMPORAL", "datetime", "timestamp", "date", "TIMESTAMP_NTZ"),
        *("timestamp_tz", "datetime64[ns]", "datetime64[us, UTC]", "TIMESTAMP_LTZ(9)", "date32[day]"),
        *("Datetime(time_unit='us', time_zone=None)", "timestamp(3) with time zone"),
        *("timestamp without time zone", "timestamp[us, tz=UTC]"),
    ],
    "numeric": [
        *("numeric", "Number", "integer", "int64", "float", "float64", "double", "decimal", "NUMBER(38, 0)"),
        *("decimal128(38, 2)", "Int64", "uint8", "double precision", "BIGNUMERIC", "BIGINT", "REAL", "FIXED"),
    ],
    "boolean": ["boolean", "bool", "BOOL"],
    "string": [
        *("string", "text", "varchar", "object", "utf8", "VARCHAR(255)", "String", "character varying"),
        *("str", "string[pyarrow]", "large_string", "Utf8"),
    ],
}


def warned(found: Decoded) -> list[str]:
    return [str(warning) for warning in found.warnings]


@cases(("section", "name"), [(key, name) for key, names in NAMES.items() for name in names])
@cases("rows", [1, 2])
def test_names_of_sections(decode_json: Decode, section: str, name: str, rows: int) -> None:
    """As the document names them, as databases and libraries name types, or as the type of a flat object."""
    assert section_named(name) == section
    cells, fields, type_, values = COLUMNS[section]
    dataframe = f'[["c"],{",".join(f"[{cell}]" for cell in cells[:rows])}]'
    general = {"count": 2, "nulls_count": 0}
    empty = {other: {} for other in COLUMNS if other != section}
    for entry in (
        {"general": general, name: fields},
        {"GENERAL": {"COUNT": "2", "NULLS_COUNT": 0.0}, name: {key.upper(): fields[key] for key in fields}},
        {**general, "type": name, **fields},
        {"dtype": name, "count": 2.0, "COUNT": None, "null_count": "0", **fields, "quantiles": {"50%": 2}},
        {"general": {**general, "type": name}},
        {"general": general, **empty, name: fields},
        {**empty, "general": general, "type": name},
    ):
        found = decode_json(dataframe, json.dumps({"c": entry}), strict=True)
        assert found.table is not None
        assert (found.columns[0].type, found.table["c"].to_pylist()) == (type_, values[:rows])
        assert (found.warnings, found.total_rows, found.truncated) == ([], 2, rows == 1)


@pytest.mark.parametrize(
    ("words", "field"),
    [
        *(
            (words, words.replace(" ", "_"))
            for words in ("count", "nulls count", "row count", "type", "min", "max")
        ),
        *((words, words.replace(" ", "_")) for words in ("mean", "min len", "mean len", "max len")),
        *((words, words.replace(" ", "_")) for words in ("distinct count", "distinct approx", "true count")),
        *((words, words.replace(" ", "_")) for words in ("false count", "empty string count")),
        *(("null count", "nulls_count"), ("dtype", "type"), ("data type", "type"), ("column type", "type")),
    ],
)
def test_names_of_fields(words: str, field: str) -> None:
    """In any case, and with any separator or none."""
    for name in (
        words,
        words.upper(),
        words.replace(" ", "_"),
        words.replace(" ", "-"),
        words.title().replace(" ", ""),
    ):
        assert read_entry({"numeric": {name: "1"}}).sections == {"numeric": {field: "1"}}


@pytest.mark.parametrize(
    ("name", "clock"),
    [
        *((name, "time") for name in ("time", "TIME(6)", "timetz", "time64[us]", "time without time zone")),
        *(
            (name, "duration")
            for name in ("duration", "interval", "INTERVAL DAY TO SECOND", "timedelta64[ns]")
        ),
        *((name, "") for name in ("temporal", "timestamp", "date", "string")),
    ],
)
def test_names_of_times_of_day_and_durations(name: str, clock: str) -> None:
    """They tell the two apart, which are written alike."""
    assert read_entry({name: {"min": "01:00:00"}}).clock == clock


@cases(
    ("entry", "warns"),
    [
        ({"general": {"count": 2, "nulls_count": 0}, "geographic": {"srid": 4326}}, ["geographic"]),
        ({"general": {"count": 2}, "shape": {"x": 1}, "geo graphic": {"x": 1}}, ["shape", "geo graphic"]),
        ({"type": "geography", "count": 2, "min": "x"}, ["geography"]),
        ({"type": "geography"}, ["geography"]),
        # No name at all: the fields of pandas' describe.
        ({"count": 2, "unique": 2, "top": "x", "freq": 1}, []),
        ({"count": 2.0, "mean": "2025-01-01", "min": "2025-01-01", "std": None}, []),
        ({"geographic": {}}, []),
        ({}, []),
    ],
)
def test_names_that_nobody_knows(decode_json: Decode, entry: dict[str, Any], warns: list[str]) -> None:
    """The column is read as without an entry, with one warning for all of them, which is no error."""
    statistics = json.dumps({"a": entry, "b": entry})
    rows = '["2025-01-01T00:00:00Z","x"],["2025-01-02T00:00:00Z","y"]'
    named = ", ".join(map(repr, warns))
    for options in ({}, {"strict": True}):
        found = decode_json(f'[["a","b"],{rows}]', statistics, **options)
        assert [column.type for column in found.columns] == [INSTANT, pa.string()]
        assert warned(found) == ([f"Statistics with unknown names were ignored: {named}."] if warns else [])
        assert found.total_rows == (2 if "count" in str(entry) else None)


@cases(
    ("name", "section"),
    [
        *(
            (name, "general")
            for name in ("text[]", "_text", "_int4", "INTEGER[]", "integer[3]", "VARCHAR(9)[]")
        ),
        *((name, "string") for name in ("bpchar", "citext", "clob", "ntext", "uniqueidentifier")),
        *((name, "numeric") for name in ("mediumint(9)", "bigserial")),
        ("smalldatetime", "temporal"),
        ("string[pyarrow]", "string"),
        *((name, None) for name in ("_meta", "geography[]", "[]", "_", "_9")),
    ],
)
def test_names_of_databases(name: str, section: str | None) -> None:
    """Those of arrays tell no type; others that begin or end like them are unknown."""
    assert section_named(name) == section


@cases(
    ("cells", "type_", "values"),
    [
        ("[true],[false],[null]", pa.bool_(), [True, False, None]),
        ("[1],[2],[null]", pa.int64(), [1, 2, None]),
        ('["2025-01-01"],["x"],[null]', pa.string(), ["2025-01-01", "x", None]),
        ('["2025-01-01"],["2025-01-02"],[null]', pa.string(), ["2025-01-01", "2025-01-02", None]),
    ],
)
@cases("wraps", [False, True])
def test_object_of_pandas(
    decode_json: Decode, cells: str, type_: pa.DataType, values: list[Any], wraps: bool
) -> None:
    """Texts stay text; booleans with nulls, which pandas calls object too, are what they are."""
    fields = {"count": 2, "unique": 2, "top": "x", "freq": 1}
    entry = {"object": fields, "general": {"count": 3}} if wraps else {"dtype": "object", **fields}
    found = decode_json(f'[["c"],{cells}]', json.dumps({"c": entry}), strict=True)
    assert found.table is not None
    assert (found.table["c"].type, found.table["c"].to_pylist(), found.warnings) == (type_, values, [])


def test_an_unknown_name_beside_a_known_one(decode_json: Decode) -> None:
    """The known one tells the type."""
    entry = {"string": {"min_len": 10, "max_len": 10}, "histogram": {"2025": 1}}
    found = decode_json('[["a"],["2025-01-01"]]', json.dumps({"a": entry}))
    assert found.columns[0].type == pa.string()
    assert warned(found) == ["Statistics with unknown names were ignored: 'histogram'."]
    assert isinstance(found.warnings[0], StatisticsWarning)


@cases("entry", [{"general": {"count": 1}}, {"type": "struct", "count": 1}, {"json": {"a": 1}}])
def test_names_that_tell_no_type(decode_json: Decode, entry: dict[str, Any]) -> None:
    """Text is not inferred to be dates: the server knew the type, and that it is none of times."""
    found = decode_json('[["a"],["2025-01-01"]]', json.dumps({"a": entry}), strict=True)
    assert (found.columns[0].type, found.warnings) == (pa.string(), [])


EMPTY: dict[str, dict[str, Any]] = {"boolean": {}, "numeric": {}, "temporal": {}, "string": {}}
NULLS = {"min": None, "max": None}


@cases(
    ("cells", "sections", "type_"),
    [
        # Empty sections say nothing.
        (["1", "2"], EMPTY, pa.int64()),
        (["true"], EMPTY, pa.bool_()),
        (['"2025-01-01"'], EMPTY, pa.string()),
        (["1", "2"], {"string": {}}, pa.int64()),
        (["1", "2"], {"string": NULLS, "temporal": NULLS}, pa.int64()),
        (['"x"'], {"temporal": {}}, pa.string()),
        (['"x"'], {"numeric": NULLS}, pa.string()),
        # But the only one tells the type of values that fit it, and of none.
        (['"2025-01-01"'], {"temporal": {}}, pa.date32()),
        (['"2025-01-01"'], {"string": {}}, pa.string()),
        (['"5"'], {"numeric": NULLS}, pa.int64()),
        ([], {"temporal": NULLS}, INSTANT),
        ([], {"numeric": {}}, pa.float64()),
        ([], EMPTY, pa.string()),
        # Of several with a value the first that fits all values decides.
        (["1", "2"], {"string": {"min_len": 1}, "numeric": {"min": 1}}, pa.int64()),
        (["1", "0"], {"boolean": {"true_count": 1}, "numeric": {"min": 0}}, pa.bool_()),
        (["1", "2"], {"boolean": {"true_count": 1}, "numeric": {"min": 1}}, pa.int64()),
        (["1", "2"], {"boolean": {"true_count": None}, "numeric": {"min": 1}}, pa.int64()),
        (['"1"', '"x"'], {"numeric": {"min": 1}, "string": {"min_len": 1}}, pa.string()),
        (['"2025-01-01"'], {"numeric": {"a": 1}, "temporal": {"a": 1}, "string": {"a": 1}}, pa.date32()),
        (['"x"'], {"numeric": {"a": 1}, "temporal": {"a": 1}, "string": {"a": 1}}, pa.string()),
        (['"5"'], {"string": {"min_len": 1}, "temporal": {"a": 1}, "numeric": {"a": 1}}, pa.int64()),
        ([], {"string": {"min_len": 1}, "temporal": {"a": 1}, "numeric": {"a": 1}}, pa.float64()),
        (["null"], {"string": {"min_len": 1}, "temporal": {"a": 1}}, INSTANT),
        # The first of two that mean the same, if it says something.
        (['"2025-01-01"'], {"date": {}, "timestamp": {"min": "2025-01-01"}}, pa.date32()),
    ],
)
def test_several_sections(
    decode_json: Decode, cells: list[str], sections: dict[str, Any], type_: pa.DataType
) -> None:
    """A section counts if it says something, and fits."""
    rows = "".join(f",[{cell}]" for cell in cells)
    entry = {"general": {"count": len(cells)}, **sections}
    found = decode_json(f'[["c"]{rows}]', json.dumps({"c": entry}))
    assert (found.columns[0].type, found.warnings) == (type_, [])


def test_several_sections_none_of_which_fits(decode_json: Decode) -> None:
    """The column is text, with a warning."""
    entry = {"numeric": {"min": 1}, "string": {"min_len": 1}}
    found = decode_json('[["c"],["x"],[1]]', json.dumps({"c": entry}))
    assert found.columns[0].type == pa.string()
    assert [type(warning) for warning in found.warnings] == [TypeFidelityWarning]


def test_a_bare_nan_beside_several_sections(decode_json: Decode) -> None:
    """Numbers with a NaN, of which a warning tells, fit the numeric section."""
    entry = {"numeric": {"min": 1.5}, "string": {"min_len": 1}}
    found = decode_json('[["c"],[1.5],[NaN]]', json.dumps({"c": entry}))
    assert found.columns[0].type == pa.float64()
    assert len(found.warnings) == 1


@cases(
    ("count", "texts"),
    [
        (2500, ["2500", "2500.0", '"2500"', '"2500.0"', "2.5e3", "2.5E+03"]),
        (0, ["0", "0.0"]),
        (999_999_999_999_999_999, ["999999999999999999"]),
        (None, ["1000000000000000000", "1e18", "1e99", "2500.5", "1e400", "-1", '"-0"', '" 5"', '"5\\n"']),
        (None, ['"1_000"', '"1,000"', '"\u0661"', '"1e-1"', "NaN", "true", "null", "[1]", '""']),
    ],
)
def test_counts(count: int | None, texts: list[str]) -> None:
    """A count is a whole number below 10**18, also as a float or in quotes."""
    assert [parse_count(exact_json.parse(text)) for text in texts] == [count] * len(texts)


@cases("count", ["2500", "2500.0", '"2500"', "2.5e3"])
@cases("shape", ['"general":{"count":%s}', '"type":"int64","count":%s'])
def test_counts_tell_what_was_cut(decode_json: Decode, count: str, shape: str) -> None:
    """1,000 of 2,500 rows never pass as the whole answer."""
    rows = ",".join(f"[{row}]" for row in range(1_000))
    found = decode_json(f'[["c"],{rows}]', f'{{"c":{{{shape % count}}}}}', fetched=1_000)
    assert (found.rows, found.total_rows, found.truncated) == (1_000, 2_500, True)


@cases(
    ("counts", "fetched", "total", "truncated"),
    [
        # Two columns, of three rows with one null in the second: counts of values, and no counts of nulls.
        ((3, 2), None, 3, False),
        ((3, 2), 3, 3, False),
        ((9, 8), 3, 9, True),
        ((9, 9), 3, None, True),  # at least seven more in the second
        ((2, 1), 3, None, None),
        ((2, 1), 9, None, False),
        ((None, 2), 3, 3, False),
        ((None, 5), 3, None, True),
        ((None, None), 3, None, None),
    ],
)
def test_counts_of_values_alone(
    decode_json: Decode,
    counts: tuple[int | None, int | None],
    fetched: int | None,
    total: int | None,
    truncated: object,
) -> None:
    """They tell that rows are missing, and how many there are if a column has no nulls."""
    statistics = {name: {"type": "int64", "count": count} for name, count in zip("ab", counts, strict=True)}
    found = decode_json('[["a","b"],[1,1],[2,null],[3,3]]', json.dumps(statistics), fetched=fetched)
    assert (found.total_rows, found.truncated) == (total, truncated)
    assert found.warnings == []


def test_days_since_1970_are_no_bounds_of_dates(decode_json: Decode) -> None:
    """A number that happens to be the day is warned of as any other."""
    bounds = {"general": {"count": 1}, "temporal": {"min": 20089, "max": 20090}}
    found = decode_json('[["c"],["2025-01-01"]]', json.dumps({"c": bounds}))
    assert (date(2025, 1, 1) - date(1970, 1, 1)) / timedelta(days=1) == 20089
    assert [" ".join(text.split()[:10]) for text in warned(found)] == [
        "Column 'c' cannot be compared with the statistics' min: '20089'",
        "Column 'c' cannot be compared with the statistics' max: '20090'",
    ]


@cases("name", ["x" * 1_000_000, "(" * 1_000, "", "[", "1", "_ _"])
def test_odd_names(name: str) -> None:
    """They are unknown, however long they are."""
    assert section_named(name) is None
    assert read_entry({name: {"x": 1}}).unknown == (name,)


def test_a_null_token_that_schema_does_not_allow() -> None:
    """The error shows what was sent, which was no null of JSON."""
    body = b'{"state": "COMPLETED", "results": {"dataframe": [["c"], ["a"], [NaN]]}}'
    schema = pa.schema([pa.field("c", pa.string(), nullable=False)])
    with pytest.raises(ConversionError, match=r"^Column 'c', row 1: 'NaN' is a null, which schema= does not"):
        Answer.from_json(body, schema=schema)
