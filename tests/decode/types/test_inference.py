"""The table of types: each line of it, and every reason that keeps a column exact text."""

import datetime as dt
import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from connecty_frames.decode.exact_json import ValueKind
from connecty_frames.decode.types.encodings import OpenType, epoch
from connecty_frames.decode.types.inference import RULES
from connecty_frames.errors import ConversionError, TypeFidelityWarning
from tests.cases import cases
from tests.decode.conftest import Decode, DecodeColumn

STRING, TEMPORAL, NUMERIC, BOOLEAN = (
    '"string":{"distinct_approx":true}',
    '"temporal":{"distinct_approx":true}',
    '"numeric":{"distinct_approx":true}',
    '"boolean":{"distinct_approx":true}',
)
GENERAL, ONE_NULL = '"general":{"count":3,"nulls_count":0}', '"general":{"nulls_count":1}'
TEXT, INT, FLOAT = pa.string(), pa.int64(), pa.float64()
INSTANT, LOCAL, SPAN = pa.timestamp("us", "UTC"), pa.timestamp("us"), pa.duration("us")
INFINITE = '"temporal":{"max":"infinity"}'
EARLY, LATE = '"temporal":{"min":"0001-01-01T00:00+14:00"}', '"temporal":{"max":"9999-12-31T24:00"}'
JULY = datetime(2025, 7, 1, 10, 0, 0, 500_000, UTC)


@cases(
    ("cells", "section", "type_", "values"),
    [
        # Text stays text with string statistics, whatever it looks like.
        (['"2025-01-01"', '"NA"', '"null"', '""'], STRING, TEXT, ["2025-01-01", "NA", "null", ""]),
        (['"00123"', '"true"', '"NaN"', '" x "'], STRING, TEXT, ["00123", "true", "NaN", " x "]),
        (['{"a": 1.0}', "[ ]", '"x"'], STRING, TEXT, ['{"a": 1.0}', "[ ]", "x"]),
        (['"\\ud83d\\ude00"', '"a\\u0000b"', '"\\n"'], STRING, TEXT, ["😀", "a\x00b", "\n"]),
        (["null"], STRING, TEXT, [None]),
        ([], STRING, TEXT, []),
        # Temporal statistics.
        (['"0001-01-01"', "null"], TEMPORAL, pa.date32(), [dt.date(1, 1, 1), None]),
        (['"2025-01-01T00:00"'], TEMPORAL, LOCAL, [datetime(2025, 1, 1)]),
        (['"2025-07-01T12:00:00.5+02:00"', "null"], TEMPORAL, INSTANT, [JULY, None]),
        (['"12:30:00"'], TEMPORAL, pa.time64("us"), [dt.time(12, 30)]),
        (['"PT1M"', '"-P1D"'], TEMPORAL, pa.duration("us"), [dt.timedelta(minutes=1), dt.timedelta(days=-1)]),
        # Spellings of products, also mixed in one column.
        (['"2025-07-01 10:00:00.5 UTC"', '"2025-07-01T10:00:00.5Z[UTC]"'], TEMPORAL, INSTANT, [JULY, JULY]),
        (['"2025-01-01t10:00"', '"2025-01-01 10:00"'], TEMPORAL, LOCAL, [datetime(2025, 1, 1, 10)] * 2),
        (['"1 day, 2:00:00"', '"2:00:00"'], TEMPORAL, SPAN, [dt.timedelta(hours=26), dt.timedelta(hours=2)]),
        (['"01:00:01"'], TEMPORAL, pa.time64("us"), [dt.time(1, 0, 1)]),
        (['"1:00:00"', '"-1:00:00"'], TEMPORAL, SPAN, [dt.timedelta(hours=1), dt.timedelta(hours=-1)]),
        # NaT is null where the statistics count it as null.
        (['"NaT"', '"2025-01-01"'], f"{ONE_NULL},{TEMPORAL}", pa.date32(), [None, dt.date(2025, 1, 1)]),
        (['"NaT"'], f"{ONE_NULL},{TEMPORAL}", INSTANT, [None]),
        (["null", "null"], TEMPORAL, INSTANT, [None, None]),
        ([], TEMPORAL, INSTANT, []),
        ([], '"temporal":{"min":null,"max":null}', INSTANT, []),
        # Numeric statistics: quoted numbers too.
        (["1", '"2"', "null"], NUMERIC, INT, [1, 2, None]),
        (['"0.5"', "1"], NUMERIC, FLOAT, [0.5, 1.0]),
        (['"9223372036854775808"'], NUMERIC, pa.uint64(), [9223372036854775808]),
        (['"123456789012345678.12"'], NUMERIC, pa.decimal128(38, 2), [Decimal("123456789012345678.12")]),
        (['"Infinity"', '"-Infinity"', "1"], NUMERIC, FLOAT, [math.inf, -math.inf, 1.0]),
        # They are exact: the nearest float64 is for bare numbers.
        (['"0.1234567890123456789"'], NUMERIC, pa.decimal128(38, 19), [Decimal("0.1234567890123456789")]),
        (['"1"', f"0.{'3' * 17}"], NUMERIC, pa.decimal128(38, 17), [Decimal(1), Decimal("0." + "3" * 17)]),
        (['"0.30000000000000004"', '"1e-7"'], NUMERIC, FLOAT, [0.30000000000000004, 1e-7]),
        (['"Infinity"', "0.1234567890123456789"], NUMERIC, FLOAT, [math.inf, 0.12345678901234568]),
        # In other spellings than JSON's too.
        (['"inf"', '"-Inf"', '"+Infinity"', '"-INFINITY"'], NUMERIC, FLOAT, [math.inf, -math.inf] * 2),
        (['"-inf"', "0.1234567890123456789"], NUMERIC, FLOAT, [-math.inf, 0.12345678901234568]),
        (['"+5"', '"5."', "5"], NUMERIC, INT, [5, 5, 5]),
        (['"+5"', '".5"', '"-.5"', '"0.1e1"'], NUMERIC, FLOAT, [5.0, 0.5, -0.5, 1.0]),
        (["null"], NUMERIC, FLOAT, [None]),
        ([], NUMERIC, FLOAT, []),
        # Boolean statistics.
        (["true", '"false"', "null"], BOOLEAN, pa.bool_(), [True, False, None]),
        (["1", "0", "null"], BOOLEAN, pa.bool_(), [True, False, None]),
        (['"t"', '"F"', '"True"', '"FALSE"', '"1"', '"0"'], BOOLEAN, pa.bool_(), [True, False] * 3),
        (["true", "0", '"f"', '"TRUE"'], BOOLEAN, pa.bool_(), [True, False, False, True]),
        ([], BOOLEAN, pa.bool_(), []),
        # No statistics that tell: the JSON kinds do.
        (["1", "-0", "null"], None, INT, [1, 0, None]),
        (["1", "2.5"], GENERAL, FLOAT, [1.0, 2.5]),
        (["18446744073709551615"], None, pa.uint64(), [18446744073709551615]),
        (["1" + "0" * 40], None, pa.decimal256(76, 0), [Decimal("1" + "0" * 40)]),
        (["true", "null"], None, pa.bool_(), [True, None]),
        (['"5"', '"6"'], None, TEXT, ["5", "6"]),
        (['"NaN"'], None, TEXT, ["NaN"]),
        (['"+5"'], None, TEXT, ["+5"]),
        (["0", "1"], None, INT, [0, 1]),
        (['"true"'], GENERAL, TEXT, ["true"]),
        (["null", "null"], None, TEXT, [None, None]),
        ([], None, TEXT, []),
        ([], GENERAL, TEXT, []),
        # Text without statistics: temporal only where every value is a full date or timestamp.
        (['"2025-01-01"', "null"], None, pa.date32(), [dt.date(2025, 1, 1), None]),
        (['"2025-01-01T00:00:00"'], None, LOCAL, [datetime(2025, 1, 1)]),
        (['"2025-01-01T00:00:00Z"'], None, INSTANT, [datetime(2025, 1, 1, tzinfo=UTC)]),
        (['"2025-01-01 00:00:00 UTC"'], None, INSTANT, [datetime(2025, 1, 1, tzinfo=UTC)]),
        # With statistics that are not of times it stays text.
        (['"2025-01-01"'], GENERAL, TEXT, ["2025-01-01"]),
        (['"2025-01-01T00:00:00Z"'], GENERAL, TEXT, ["2025-01-01T00:00:00Z"]),
        # A time without minutes is inferred from temporal statistics alone.
        (['"2025-01-01 08-10"'], None, TEXT, ["2025-01-01 08-10"]),
        (['"2025-01-01T00:00"', '"2025-01-01T08"'], None, TEXT, ["2025-01-01T00:00", "2025-01-01T08"]),
        (['"2025-01-01T00:00Z"', '"2025-01-01T08Z"'], None, TEXT, ["2025-01-01T00:00Z", "2025-01-01T08Z"]),
        (
            ['"2025-01-01T00:00:00.00000Z"', '"2025-01-01T08Z"'],
            None,
            TEXT,
            ["2025-01-01T00:00:00.00000Z", "2025-01-01T08Z"],
        ),
        (['"2025-01-01T00:00Z"'], None, INSTANT, [datetime(2025, 1, 1, tzinfo=UTC)]),
        (['"2025-01-01 08-10"'], TEMPORAL, INSTANT, [datetime(2025, 1, 1, 18, tzinfo=UTC)]),
        (['"2025-01-01"', '"2025"'], None, TEXT, ["2025-01-01", "2025"]),
        (['"2025-01-01"', '"2025-01-01T00:00:00"'], None, TEXT, ["2025-01-01", "2025-01-01T00:00:00"]),
        (['"2025-02-30"'], None, TEXT, ["2025-02-30"]),
        (['"2025-01-01"', '""'], None, TEXT, ["2025-01-01", ""]),
        (['"12:30"'], None, TEXT, ["12:30"]),
        (['"P1D"'], None, TEXT, ["P1D"]),
        (['"9999-12-31T24:00:00"'], None, TEXT, ["9999-12-31T24:00:00"]),
        (['"2025-01-0\u0661"'], None, TEXT, ["2025-01-0\u0661"]),
        # Nested.
        (["[1,2]", "[]", "null"], None, pa.list_(INT), [[1, 2], [], None]),
        (["[1.5,null]", "[2]"], None, pa.list_(FLOAT), [[1.5, None], [2.0]]),
        (['["a"]', "[null]"], None, pa.list_(TEXT), [["a"], [None]]),
        (["[]"], None, pa.list_(TEXT), [[]]),
        (["[true]"], None, pa.list_(pa.bool_()), [[True]]),
        (["[[1],[]]"], None, pa.list_(pa.list_(INT)), [[[1], []]]),
        (['["2025-01-01"]'], None, pa.list_(TEXT), [["2025-01-01"]]),
        (["[12345678901234567890]"], None, pa.list_(pa.uint64()), [[12345678901234567890]]),
        (
            ['{"a":1,"b":"x"}', '{"b":null,"a":2}', "null"],
            None,
            pa.struct([("a", INT), ("b", TEXT)]),
            [{"a": 1, "b": "x"}, {"a": 2, "b": None}, None],
        ),
        (['{"a":[1]}'], None, pa.struct([("a", pa.list_(INT))]), [{"a": [1]}]),
        # Not of one shape: the JSON as it was written.
        (["[1, 2.50]", '["a"]'], None, TEXT, ["[1, 2.50]", '["a"]']),
        (["[1, true]"], None, TEXT, ["[1, true]"]),
        (['{"a":1}', '{"b": 1.0}', "null"], None, TEXT, ['{"a":1}', '{"b": 1.0}', None]),
        (['{"a": 1, "a": 2}'], None, TEXT, ['{"a": 1, "a": 2}']),
        (["{}", "{ }"], None, TEXT, ["{}", "{ }"]),
        (["[1e999]"], None, TEXT, ["[1e999]"]),
        (['{"a":"\\u00e9"}', "{}"], None, TEXT, ['{"a":"\\u00e9"}', "{}"]),
    ],
)
def test_types_and_values(
    column: DecodeColumn, cells: list[str], section: str | None, type_: pa.DataType, values: list[object]
) -> None:
    """The type and every value, and no warning."""
    found = column(cells, section)
    assert (found.type, found.values) == (type_, values)
    assert found.warnings == []


@cases(
    ("cells", "section", "type_", "values", "says"),
    [
        (['"infinity"'], TEMPORAL, TEXT, ["infinity"], "'infinity' (row 0) is infinite"),
        # An instant of the year 1.
        (['"0000-12-31T23:00-05:00"'], TEMPORAL, TEXT, ["0000-12-31T23:00-05:00"], "is in the year 0000"),
        (['"2024-01-01T00:00Z"'], EARLY, TEXT, ["2024-01-01T00:00Z"], "min or max) is before the year 1"),
        (['"2024-01-01T00:00"'], LATE, TEXT, ["2024-01-01T00:00"], "min or max) is after the year 9999"),
        (["null", '""'], TEMPORAL, TEXT, [None, ""], "'' (row 1) is empty, not null"),
        (['"2025-01-01"', '"10:00"'], TEMPORAL, TEXT, ["2025-01-01", "10:00"], "(row 1) is one of the times"),
        (['"24:00:00"'], TEMPORAL, TEXT, ["24:00:00"], "'24:00:00' (row 0) may be a time of day or a"),
        (['"NaT"', '"2025-01-01"'], TEMPORAL, TEXT, ["NaT", "2025-01-01"], "'NaT' (row 0) is not an ISO"),
        (['"2025-01-01"'], INFINITE, TEXT, ["2025-01-01"], "(the statistics' min or max) is infinite"),
        (["1", '"007"'], NUMERIC, TEXT, ["1", "007"], "'007' (row 1) is not a number"),
        (["0.5", "1e999"], NUMERIC, TEXT, ["0.5", "1e999"], "'1e999' (row 1) is above the range of float64"),
        (["true"], NUMERIC, pa.bool_(), [True], "is among booleans, though the statistics are numeric"),
        (['"nan"', f'"{2**53 + 1}"'], NUMERIC, TEXT, ["nan", "9007199254740993"], "'nan' (row 0)"),
        (["true", '"yes"'], BOOLEAN, TEXT, ["true", "yes"], "'yes' (row 1) is neither true nor false"),
        (["null", "0", "2"], BOOLEAN, INT, [None, 0, 2], "'2' (row 2) is neither true nor false"),
        (["2", "3", "1"], BOOLEAN, INT, [2, 3, 1], "'2' (row 0) is neither true nor false"),
        (["null", "5"], TEMPORAL, INT, [None, 5], "(row 1) is among whole numbers, though the statistics"),
        (["0.5"], BOOLEAN, FLOAT, [0.5], "numbers with a fraction, though the statistics are boolean"),
        (["1", "1e-400"], None, TEXT, ["1", "1e-400"], "'1e-400' (row 1) is below the range of float64"),
        (["9" * 77], None, TEXT, ["9" * 77], "has more than 76 digits"),
        (["null", "1", '"x"'], None, TEXT, [None, "1", "x"], "(row 2) differs from other values: the column"),
        (["true", "1"], None, TEXT, ["true", "1"], "mixes booleans and whole numbers"),
        (['"x"', '{"a": 1}'], None, TEXT, ["x", '{"a": 1}'], "mixes objects and texts"),
        (["[1]", '{"a": 1}'], None, TEXT, ["[1]", '{"a": 1}'], "mixes arrays and objects"),
        (["0.5", "NaN", "null"], None, FLOAT, [0.5, "nan", None], "'NaN' (row 1) is written without quotes"),
        (["1", "-Infinity"], NUMERIC, FLOAT, [1.0, -math.inf], "'-Infinity' (row 1) is written without"),
        (['"NaN"', "NaN"], NUMERIC, FLOAT, ["nan", "nan"], "'NaN' (row 1) is written without quotes"),
        (["[NaN]", "[1]"], None, pa.list_(FLOAT), [["nan"], [1.0]], "is written without quotes"),
        (["[NaN,1,0.5]"], None, pa.list_(FLOAT), [["nan", 1.0, 0.5]], "is written without quotes"),
        (['"x"', "Infinity"], None, TEXT, ["x", "Infinity"], "mixes bare NaN or Infinity tokens and texts"),
        # Numbers and truth values with string statistics.
        (['"x"', "1.10"], STRING, TEXT, ["x", "1.10"], "'1.10' (row 1) is among numbers with a fraction and"),
        (["null", "7"], STRING, TEXT, [None, "7"], "'7' (row 1) is among whole numbers, though the stat"),
        (["7", "1.0", "7"], STRING, TEXT, ["7", "1.0", "7"], "'7' (row 0) is among numbers with a"),
        (["[1]", "true"], STRING, TEXT, ["[1]", "true"], "'true' (row 1) is among arrays and booleans"),
        # Named is the odd value.
        (["1", '"a"', '"b"'], None, TEXT, ["1", "a", "b"], "'1' (row 0) differs from other values"),
        (["1", '"a"', "2.5"], None, TEXT, ["1", "a", "2.5"], "'\"a\"' (row 1) differs from other values"),
        (["true", "1", "1"], None, TEXT, ["true", "1", "1"], "'true' (row 0) differs from other values"),
        (["null", "[1]", "{}"], None, TEXT, [None, "[1]", "{}"], "'{}' (row 2) differs from other values"),
    ],
)
def test_columns_that_stay_text(
    column: DecodeColumn,
    cells: list[str],
    section: str | None,
    type_: pa.DataType,
    values: list[object],
    says: str,
) -> None:
    """A column that cannot have its type stays exact text, with one warning; strict makes it an error."""
    found = column(cells, section)
    shown = [_named(value) for value in found.values]
    assert (found.type, shown) == (type_, values)
    assert [type(warning) for warning in found.warnings] == [TypeFidelityWarning]
    assert "Column 'c' " in str(found.warnings[0])
    assert says in str(found.warnings[0])
    with pytest.raises(ConversionError) as caught:
        column(cells, section, strict=True)
    assert caught.value.column == "c"


def _named(value: object) -> object:
    if isinstance(value, list):
        return [_named(item) for item in value]
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def test_quoted_nan_is_a_float_and_not_null(column: DecodeColumn) -> None:
    """In a numeric column the text NaN is the float, without a warning, and null stays null."""
    found = column(['"NaN"', "null", "1.5"], NUMERIC)
    assert found.type == FLOAT
    assert [_named(value) for value in found.values] == ["nan", None, 1.5]
    assert found.warnings == []


@pytest.mark.parametrize(
    ("cell", "tz", "at"),
    [
        ("0001-01-01T00:30:00Z", "America/New_York", datetime(1, 1, 1, 0, 30, tzinfo=UTC)),
        ("9999-12-31T23:30:00Z", "Asia/Tokyo", datetime(9999, 12, 31, 23, 30, tzinfo=UTC)),
    ],
)
def test_instants_that_a_zone_cannot_show(column: DecodeColumn, cell: str, tz: str, at: datetime) -> None:
    """The column is in UTC then, with a warning; strict makes it an error."""
    cells = ['"2025-01-01T00:00:00Z"', f'"{cell}"']
    found = column(cells, TEMPORAL, tz=tz)
    assert (found.type, found.values) == (INSTANT, [datetime(2025, 1, 1, tzinfo=UTC), at])
    (warning,) = found.warnings
    assert f"(row 1) has no year that can be shown in {tz}, so the column is in UTC" in str(warning)
    with pytest.raises(ConversionError):
        column(cells, TEMPORAL, tz=tz, strict=True)


def test_strict_says_where(column: DecodeColumn) -> None:
    """The error names column, row and value; the row is None where the statistics' own bound is the value."""
    with pytest.raises(ConversionError) as caught:
        column(["null", '"2025-01-01"', '"infinity"'], TEMPORAL, strict=True)
    assert (caught.value.column, caught.value.row, caught.value.value) == ("c", 2, "infinity")
    with pytest.raises(ConversionError) as caught:
        column(['"2025-01-01"'], INFINITE, strict=True)
    assert (caught.value.row, caught.value.value) == (None, "infinity")


@cases("section", [STRING, TEMPORAL, NUMERIC, GENERAL, None])
@cases(
    ("cells", "values", "row"),
    [
        (['"a\\"é"', "null", '"\\ud800"', "1.50"], ['"a\\"é"', None, '"\\ud800"', "1.50"], 2),
        (["null", '["\\ud800"]', "[]"], [None, '["\\ud800"]', "[]"], 1),
        (['{"a": 1}', '{"\\uDFFF":1}'], ['{"a": 1}', '{"\\uDFFF":1}'], 1),
        (['"\\ud800"', '"\\ud83d\\ude00"'], ['"\\ud800"', '"😀"'], 0),
        (
            ['"a\\"\\\\"', "null", '"\\t\\u007f\\u001f"', '"\\ud800"'],
            ['"a\\"\\\\"', None, '"\\t\x7f\\u001f"', '"\\ud800"'],
            3,
        ),
        (['"x\\","', '"y\\ud800"'], ['"x\\","', '"y\\ud800"'], 1),
        (['"\\\\ud800"', '"\\ud83d\\ude00"', '"\\udc00"'], ['"\\\\ud800"', '"😀"', '"\\udc00"'], 2),
    ],
)
def test_a_lone_surrogate_makes_json(
    column: DecodeColumn, cells: list[str], values: list[str | None], row: int, section: str | None
) -> None:
    """The column becomes the JSON of its cells, with a warning that says where; strict makes it an error."""
    found = column(cells, section)
    assert (found.type, found.values) == (TEXT, values)
    (warning,) = (each for each in found.warnings if isinstance(each, TypeFidelityWarning))
    assert str(warning).startswith("Column 'c' is the JSON text of its cells: ")
    assert f"(row {row}) holds a lone surrogate" in str(warning)
    with pytest.raises(ConversionError, match="a lone surrogate") as caught:
        column(cells, section, strict=True)
    assert (caught.value.column, caught.value.row) == ("c", row)


def test_a_lone_surrogate_among_other_columns(decode_json: Decode) -> None:
    """The other columns are read as without it."""
    general = '"general":{"count":3,"nulls_count":0}'
    statistics = (
        f'{{"a":{{{general},"string":{{"min_len":0}}}},'
        f'"b":{{{general},"temporal":{{"min":"2025-01-01","max":"2025-01-03"}}}}}}'
    )
    rows = '["","2025-01-01"],["\\ud800","2025-01-02"],["x","2025-01-03"]'
    found = decode_json(f'[["a","b"],{rows}]', statistics)
    assert found.table is not None
    assert found.table.to_pydict() == {
        "a": ['""', '"\\ud800"', '"x"'],
        "b": [dt.date(2025, 1, day) for day in (1, 2, 3)],
    }
    assert [type(warning) for warning in found.warnings] == [TypeFidelityWarning]


def test_a_lone_surrogate_does_not_fit_a_type(column: DecodeColumn) -> None:
    """With schema= it is an error, also for text."""
    for type_ in (TEXT, pa.large_string(), INT, OpenType(Decimal)):
        with pytest.raises(ConversionError, match="a lone surrogate") as caught:
            column(['"1"', '"\\ud800"'], schema_type=type_)
        assert caught.value.row == 1


@cases(
    ("cells", "section", "type_", "values", "row"),
    [
        (['"x"', "NaN"], None, TEXT, ["x", None], 1),
        (['"x"', "NaN", '"NaN"'], STRING, TEXT, ["x", None, "NaN"], 1),
        (["null", "NaN", '"x"', "NaN"], "", TEXT, [None, None, "x", None], 1),
        (["NaN", '"2025-01-01"'], None, pa.date32(), [None, dt.date(2025, 1, 1)], 0),
        (["NaN", '"2025-01-01T00:00"'], TEMPORAL, LOCAL, [None, datetime(2025, 1, 1)], 0),
        (["NaN", "true"], None, pa.bool_(), [None, True], 0),
        (["NaN", "true", "0"], BOOLEAN, pa.bool_(), [None, True, False], 0),
        (["[1]", "NaN"], None, pa.list_(INT), [[1], None], 1),
        (['{"a":1}', "NaN"], None, pa.struct({"a": INT}), [{"a": 1}, None], 1),
        # If the statistics are of other values than numbers, all of them may be null.
        (["NaN", "NaN"], TEMPORAL, INSTANT, [None, None], 0),
        (["NaN", "NaN"], STRING, TEXT, [None, None], 0),
    ],
)
@cases("is_counted", [False, True])
def test_nan_that_is_null(
    column: DecodeColumn,
    cells: list[str],
    section: str | None,
    type_: pa.DataType,
    values: list[object],
    row: int,
    *,
    is_counted: bool,
) -> None:
    """A bare NaN beside values that are no numbers is null, with a warning; strict makes it an error."""
    if section is not None:  # it counts these NaN among the nulls, or not
        nulls = values.count(None) if is_counted else cells.count("null")
        general = f'"general":{{"count":{len(cells)},"nulls_count":{nulls}}}'
        section = f"{section},{general}" if section else general
    found = column(cells, section)
    assert (found.type, found.values) == (type_, values)
    says = f"Column 'c': 'NaN' (row {row}) is written without quotes, which is not JSON; it was read as null."
    assert [str(warning) for warning in found.warnings] == [f"{says} Use strict=True to make this an error."]
    assert found.evidence.endswith(f"; {cells.count('NaN')} bare NaN read as null")
    with pytest.raises(ConversionError) as caught:
        column(cells, section, strict=True)
    assert (caught.value.column, caught.value.row, caught.value.value) == ("c", row, "NaN")


@cases(
    ("type_", "cell", "value"),
    [
        (TEXT, '"x"', "x"),
        (pa.large_string(), '"x"', "x"),
        (pa.date32(), '"2025-01-01"', dt.date(2025, 1, 1)),
        (pa.bool_(), "true", True),
        (epoch("s", None), "0", datetime(1970, 1, 1)),
    ],
)
def test_nan_under_a_schema(column: DecodeColumn, type_: Any, cell: str, value: object) -> None:
    """With a type of other values than numbers NaN is null, with the warning."""
    found = column([cell, "NaN"], schema_type=type_)
    assert found.values == [value, None]
    assert len(found.warnings) == 1
    with pytest.raises(ConversionError, match="'NaN'"):
        column([cell, "NaN"], schema_type=type_, strict=True)


def test_nan_under_a_schema_of_numbers(column: DecodeColumn) -> None:
    """A float is NaN, and an integer type does not hold it."""
    assert _named(column(["1.5", "NaN"], schema_type=FLOAT).values[1]) == "nan"
    with pytest.raises(ConversionError, match="'NaN' is not a number that fits in int64"):
        column(["1", "NaN"], schema_type=INT)


@cases(
    ("cells", "section", "type_"),
    [
        (['"10:30:00"', '"23:59:59.5"'], TEMPORAL, None),
        (['"10:30:00"'], '"datetime":{"distinct_count":1}', None),
        (['"10:30:00"'], '"temporal":{"min":"00:00:00","max":"12:00:00"}', None),
        # Another section does not make them text.
        (['"10:30:00"'], '"temporal":{}', None),
        (['"10:30:00"'], '"temporal":{"distinct_count":1},"string":{"min_len":8}', None),
        # A minute without seconds is no duration.
        (['"10:30:00"', '"10:30"'], TEMPORAL, pa.time64("us")),
        (['"10:30:00"'], '"temporal":{"min":"00:00","max":"12:00:00"}', pa.time64("us")),
        (['"10:30:00"'], '"time":{"distinct_count":1}', pa.time64("us")),
        (['"10:30:00"'], '"type":"TIME(6)"', pa.time64("us")),
        (['"10:30:00"'], '"type":"interval day to second"', pa.duration("us")),
        (['"10:30:00"'], '"timedelta64[ns]":{"distinct_count":1}', pa.duration("us")),
        (['"10:30:00"', '"100:00:00"'], TEMPORAL, pa.duration("us")),
    ],
)
def test_times_of_day_under_strict(
    column: DecodeColumn, cells: list[str], section: str, type_: pa.DataType | None
) -> None:
    """They are refused if they may be durations as well, unless schema= says what they are."""
    if type_ is not None:
        assert column(cells, section, strict=True).type == type_
        return
    assert column(cells, section).type == pa.time64("us")
    with pytest.raises(ConversionError, match="'10:30:00' may be a time of day or a duration"):
        column(cells, section, strict=True)
    for given in (pa.time64("us"), pa.duration("us")):
        assert column(cells, section, strict=True, schema_type=given).type == given


@cases(
    ("cells", "strict", "type_"),
    [
        (["0.1", "0.25"], True, FLOAT),
        (["0.33333333333333333333"], False, FLOAT),
        (["0.33333333333333333333"], True, pa.decimal128(38, 20)),
        (["1234567890123456.78"], False, pa.decimal128(38, 2)),
        (["1234567890123456.78"], True, pa.decimal128(38, 2)),
        (["[0.33333333333333333333]"], True, pa.list_(pa.decimal128(38, 20))),
    ],
)
def test_fractions(column: DecodeColumn, cells: list[str], type_: pa.DataType, *, strict: bool) -> None:
    """A float where nothing is lost or the number was computed, decimal otherwise and always under strict."""
    found = column(cells, strict=strict)
    assert found.type == type_
    assert found.warnings == []


@cases(
    ("cell", "value"),
    [
        ("1234567890123456.7", "1234567890123456.70000000000000000"),
        ('"1234567890123456.7"', "1234567890123456.70000000000000000"),
        ("9007199254740993.0", "9007199254740993.00000000000000000"),
    ],
)
def test_a_number_among_longer_ones(column: DecodeColumn, cell: str, value: str) -> None:
    """A number that float64 does not hold is exact also beside longer ones that it holds."""
    longer = cell.replace(cell.strip('"'), "0.30000000000000004")
    found = column([*[longer] * 9, cell], NUMERIC)
    assert found.type == pa.decimal128(38, 17)
    assert found.values == [*[Decimal("0.30000000000000004")] * 9, Decimal(value)]


@cases(
    ("decimals", "cells", "section", "type_", "values"),
    [
        ("exact", ["0.1", "0.25"], None, FLOAT, [0.1, 0.25]),
        ("exact", ["0.3333333333333333333"], None, pa.decimal128(38, 19), [Decimal("0.3333333333333333333")]),
        ("exact", [f"[0.{'3' * 17}]"], None, pa.list_(pa.decimal128(38, 17)), [[Decimal("0." + "3" * 17)]]),
        ("exact", ["1", "2"], NUMERIC, INT, [1, 2]),
        ("float", ["1234567890123456.78", "null"], None, FLOAT, [1234567890123456.8, None]),
        ("float", ['"1234567890123456.78"'], NUMERIC, FLOAT, [1234567890123456.8]),
        ("float", ['"0.1234567890123456789"'], NUMERIC, FLOAT, [0.12345678901234568]),
        ("float", ["9007199254740993", "0.5"], None, FLOAT, [9007199254740992.0, 0.5]),
        ("float", ["123456789012345678.5", '"Infinity"'], None, FLOAT, [123456789012345680.0, math.inf]),
        ("float", ["9007199254740993", "1"], None, INT, [9007199254740993, 1]),
        ("float", ['"9007199254740993"'], NUMERIC, INT, [9007199254740993]),
        ("float", ["1" + "0" * 20], None, pa.decimal128(38, 0), [Decimal("1" + "0" * 20)]),
        ("float", ["[1234567890123456.78]"], None, pa.list_(FLOAT), [[1234567890123456.8]]),
        (
            "float",
            ["[9007199254740993,0.5]"],
            None,
            pa.list_(pa.decimal128(38, 1)),
            [[Decimal("9007199254740993.0"), Decimal("0.5")]],
        ),
        ("float", [], NUMERIC, FLOAT, []),
    ],
)
def test_decimals(
    column: DecodeColumn,
    decimals: str,
    cells: list[str],
    section: str | None,
    type_: pa.DataType,
    values: list[object],
) -> None:
    """Exact takes no nearest float, float does in columns with a fraction; whole numbers are left alone."""
    found = column(cells, section, decimals=decimals)
    assert (found.type, found.values) == (type_, values)
    assert found.warnings == []


@cases("decimals", ["auto", "exact", "float"])
@cases("cell", ["1e999", "-1e999", "1e-400", "0." + "0" * 330 + "1"])
def test_beyond_the_range_of_float64(column: DecodeColumn, decimals: str, cell: str) -> None:
    """Such a column stays text, with a warning."""
    found = column(["0.5", cell], decimals=decimals)
    assert (found.type, found.values) == (TEXT, ["0.5", cell])
    assert len(found.warnings) == 1


@cases("decimals", ["auto", "exact", "float"])
def test_schema_beats_decimals(column: DecodeColumn, decimals: str) -> None:
    """Its type is that of the caller, and a whole number is not rounded."""
    decimal = pa.decimal128(20, 2)
    found = column(["1234567890123456.78"], decimals=decimals, schema_type=decimal)
    assert (found.type, found.values) == (decimal, [Decimal("1234567890123456.78")])
    found = column(["1234567890123456.78"], decimals=decimals, schema_type=FLOAT)
    assert (found.type, found.values) == (FLOAT, [1234567890123456.8])
    with pytest.raises(ConversionError, match=r"row 1: '9007199254740993' does not fit in double"):
        column(["0.5", "9007199254740993"], decimals=decimals, schema_type=FLOAT)


CUT = '"general":{"count":100,"nulls_count":0}'


@cases(
    ("cells", "bounds", "type_"),
    [
        (["1", "2"], '"min":1.0,"max":3e0', INT),
        (["1", "2"], '"min":"1.00","max":"+3"', INT),
        (["9007199254740993", "null"], '"min":1.0,"max":9007199254740992.0', INT),
        (["1", "2"], '"min":1.0,"max":1.8e19', pa.uint64()),
        (["1", "2"], '"min":0.5,"max":2', FLOAT),
        (["1", "2"], '"min":1,"max":1234567890123456.78', pa.decimal128(38, 2)),
        (["1", "2"], '"min":"-Infinity","max":"Infinity"', FLOAT),
        (["9007199254740993"], '"min":1,"max":"Infinity"', TEXT),
        (["1", "2"], '"min":"nan","max":"abc"', INT),
        (["0.5"], '"min":"NaN","max":""', FLOAT),
        (["0.5"], '"min":0.5,"max":9007199254740992.0', FLOAT),
        (["0.5"], '"min":0.5,"max":9007199254740993.12', pa.decimal128(38, 2)),
        (["0.5"], '"min":0.5,"max":1e999', TEXT),
        ([], '"min":"abc","max":"nan"', FLOAT),
        ([], '"min":1,"max":2', INT),
    ],
)
def test_bounds_where_rows_were_cut(
    column: DecodeColumn, cells: list[str], bounds: str, type_: pa.DataType
) -> None:
    """The min and max count as two more values as far as they name numbers and tell digits."""
    assert column(cells, f'{CUT},"numeric":{{{bounds}}}').type == type_


@cases("cell", ['"2025-01-01"', '"2025-01-01T00:00:00"', '"2025-01-01T00:00:00Z"'])
def test_infer_temporal_off(column: DecodeColumn, cell: str) -> None:
    """Text without statistics then stays text; with temporal statistics it does not."""
    assert column([cell], infer_temporal=False).type == TEXT
    assert column([cell], TEMPORAL, infer_temporal=False).type != TEXT


@cases("tz", ["UTC", "Europe/Warsaw"])
@cases("cells", [['"2025-07-01T12:00:00+02:00"'], []])
def test_tz_shows_the_same_instant(column: DecodeColumn, tz: str, cells: list[str]) -> None:
    """The zone is the type's, the instant is the value's; columns without offset have no zone."""
    found = column(cells, TEMPORAL, tz=tz)
    assert found.type == pa.timestamp("us", tz)
    # 2025-07-01T10:00:00Z in microseconds.
    assert found.ints == [1_751_364_000_000_000][: len(cells)]
    assert column(['"2025-07-01T12:00:00"'], TEMPORAL, tz=tz).type == LOCAL


@cases(
    ("cells", "section", "type_"),
    [
        (
            ['"2025-01-01T00:00"'] * 30,
            '"temporal":{"min":"2024-01-01T00:00","max":"2026-01-01T00:00"}',
            LOCAL,
        ),
        (
            ['"2025-01-01T00:00:00.123Z"'] * 30,
            '"temporal":{"min":"2025-01-01T00:00:00.1234567Z","max":"2025-01-02T00:00:00Z"}',
            pa.timestamp("ns", "UTC"),
        ),
        # The first and the last timestamp, which many systems write for none.
        (
            ['"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59.999999Z"'] * 15,
            '"temporal":{"min":"0001-01-01T00:00:00Z","max":"9999-12-31T23:59:59.999999Z"}',
            INSTANT,
        ),
        (['"0001-01-01"', '"9999-12-31"'] * 15, '"temporal":{"min":"0001-01-01"}', pa.date32()),
        (['"12:30"'] * 30, '"temporal":{"min":"00:00:00","max":"23:59:59"}', pa.time64("us")),
        (["1"] * 29 + ["9223372036854775808"], '"numeric":{"min":1,"max":9223372036854775808}', pa.uint64()),
        (["1"] * 29 + ["-5"], '"numeric":{"min":-5,"max":1}', INT),
        (["1", "0.5"] * 15, '"numeric":{"min":0.5,"max":1}', FLOAT),
        (["1" + "0" * 30] * 30, '"numeric":{"min":1,"max":1' + "0" * 30 + "}", pa.decimal128(38, 0)),
        (["true", "false"] * 15, BOOLEAN, pa.bool_()),
        (['"1"', "null", '"2025-01-01"'] * 10, STRING, TEXT),
    ],
)
def test_the_same_type_however_few_rows_come(
    column: DecodeColumn, cells: list[str], section: str, type_: pa.DataType
) -> None:
    """Where the statistics tell, 0, 1, 20 and all rows have one type, with and without nulls."""
    for rows in (0, 1, 20, 30):
        assert column(cells[:rows], section).type == type_
        assert column(["null", *cells[:rows], "null"], section).type == type_


@cases(
    "cells",
    [
        *(["1"], ["0.5"], ["true"], ['"x"'], ['"2025-01-01"'], ["[1]"], ['{"a":1}']),
        *(["12345678901234567890"], ["NaN"], ["1", '"x"']),
    ],
)
@cases("section", [STRING, TEMPORAL, NUMERIC, BOOLEAN, None])
def test_nulls_never_change_a_type(column: DecodeColumn, cells: list[str], section: str | None) -> None:
    """A null before, between and after leaves the type what it was."""
    assert column(["null", *cells, "null"], section).type == column(cells, section).type


#: The evidence with a basis of its own, and that.
BASES = {
    "temporal statistics without a value": "empty",
    "numeric statistics without a value": "empty",
    "boolean statistics without a value": "empty",
    "only nulls, and no statistics that tell a type": "empty",
    "no rows": "empty",
    "2 numbers, some with a fraction; 1 of them computed, given as the nearest float64": "computed",
    "exact text, since 'infinity' (row 0) is infinite": "text",
}


@cases(
    ("cells", "section", "evidence"),
    [
        (['"x"'], STRING, "string statistics"),
        (
            ['"2025-07-01T00:00:00+02:00"', '"2025-01-01T00:00:00+01:00"', "null"],
            TEMPORAL,
            "temporal statistics; 2 of 2 values (1 null) are timestamps with offsets +01:00, +02:00",
        ),
        (
            ['"2025-01-01"'],
            '"temporal":{"min":"2025-01-01","max":"2025-01-01"}',
            "temporal statistics; 1 of 1 values and the statistics' min and max are dates",
        ),
        ([], TEMPORAL, "temporal statistics without a value"),
        ([], NUMERIC, "numeric statistics without a value"),
        ([], BOOLEAN, "boolean statistics without a value"),
        (["1", "2"], NUMERIC, "numeric statistics; 2 whole numbers"),
        (["1.5"], None, "1 number with a fraction, all exact as float64"),
        (
            ["0.12345678901234567890", "1"],
            None,
            "2 numbers, some with a fraction; 1 of them computed, given as the nearest float64",
        ),
        (["1234567890123456.78"], None, "1 number with a fraction, not all exact as float64"),
        (
            ["1", '"2.5"'],
            NUMERIC,
            "numeric statistics; 2 numbers, some with a fraction, all exact as float64",
        ),
        (["true"], None, "1 of 1 values are true or false"),
        (['"a"', "null"], None, "1 of 1 values (1 null) are texts"),
        (['"2025-01-01"'], None, "1 of 1 values are dates; no statistics"),
        (["null"], None, "only nulls, and no statistics that tell a type"),
        ([], None, "no rows"),
        (["[1]"], None, "1 of 1 values are arrays of one shape"),
        (["[1]", '["a"]'], None, "2 of 2 values are arrays that no type holds: as JSON"),
        (['{"a\\u0000b":1}'], None, "1 of 1 values are objects that no type holds: as JSON"),
        (["1", '"x"'], None, "mixed texts and whole numbers"),
        (['"infinity"'], TEMPORAL, "exact text, since 'infinity' (row 0) is infinite"),
        (
            ['"2025-01-01"', '"NaT"'],
            f'{TEMPORAL},"general":{{"count":2,"nulls_count":1}}',
            "temporal statistics; 1 of 1 values (1 null) are dates; 1 NaT read as null",
        ),
    ],
)
def test_evidence_in_words(
    column: DecodeColumn, cells: list[str], section: str | None, evidence: str
) -> None:
    """Each decision says what it was made from, in words for people and by a basis for programs."""
    found = column(cells, section)
    assert (found.evidence, found.basis) == (evidence, BASES.get(evidence))


def test_evidence_of_the_nearest_float(column: DecodeColumn) -> None:
    """It is said, and of how many values."""
    found = column(["1234567890123456.78", "0.5"], decimals="float")
    assert found.evidence == "2 numbers, some with a fraction; 1 of them given as the nearest float64"
    assert found.basis == "nearest"


def test_evidence_is_short(column: DecodeColumn) -> None:
    """A value of a megabyte is shortened in the evidence."""
    found = column(['"' + "x" * 1_000_000 + '"'], NUMERIC)
    assert len(found.evidence) < 200
    assert len(str(found.warnings[0])) < 300


def test_there_is_a_rule_for_everything() -> None:
    """The last rule covers every kind under any statistics, so that no column is without a type."""
    assert RULES[-1].section is None
    assert RULES[-1].kinds == frozenset(ValueKind)
    assert {rule.section for rule in RULES} == {"string", "temporal", "numeric", "boolean", "general", None}
