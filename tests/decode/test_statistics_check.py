"""Validation of the table against the server's own statistics."""

from __future__ import annotations

import json
import re
import warnings
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connecty_frames import Client
from connecty_frames.decode.decoder import decode
from connecty_frames.decode.envelope import read_envelope
from connecty_frames.decode.schema import ColumnSchema, SchemaTypes
from connecty_frames.decode.statistics import read_entry
from connecty_frames.decode.statistics_check import ReadColumn, check_statistics
from connecty_frames.errors import (
    ConnectyError,
    ConversionError,
    QuestionFailed,
    ResponseError,
    StatisticsWarning,
)
from connecty_frames.options import AskOptions
from connecty_frames.sandbox import workspace
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable

    from connecty_frames.sandbox import Sandbox
    from tests.decode.conftest import Decode

    Said = Callable[..., list[str]]

NULLS = "Column 'a' has 1 null, but the statistics count 0."
NULLS_IN_PART = "Column 'a' has 1 null, but the statistics count 0 in all."
#: All digits but the last of a number that only decimal256 holds.
LONG = "123456789012345678901234567890123456789012"
SINGLES = "0.10000000149011612 | 0.000010999999949947651"
ROWS = "2 rows were received, but the statistics count 1."


@pytest.fixture
def said(decode_json: Decode) -> Said:
    """Return the warnings of a column ``c`` by its cells (`` | `` between), section and number of rows."""

    def decode_column(cells: str, section: str, total: int | str | None = None, **options: Any) -> list[str]:
        rows = [f"[{cell}]" for cell in cells.split(" | ")] if cells else []
        total = len(rows) if total is None else total
        schema_type = options.pop("schema_type", None)
        schema_types = None if schema_type is None else SchemaTypes({"c": schema_type}, complete=False)
        found = decode_json(
            "[" + ",".join(['["c"]', *rows]) + "]",
            f'{{"c":{{"general":{{"count":{total}}},{section}}}}}',
            schema_types=schema_types,
            **options,
        )
        return [str(warning) for warning in found.warnings if isinstance(warning, StatisticsWarning)]

    return decode_column


def test_decimals_are_compared_by_their_digits(said: Said) -> None:
    """Not as floats: of 984.18 Arrow's cast makes 984.1800000000001."""
    for stated, says in (
        ("984.18", []),
        ("984.17", ["Column 'c' has the min 984.18, but the statistics' min is 984.17."]),
    ):
        section = f'"numeric":{{"min":{stated},"max":985.07}}'
        assert said("984.18 | 985.07", section, schema_type=pa.decimal128(18, 2)) == says


# --- Counts ---------------------------------------------------------------------------------------------


@cases(
    ("count", "nulls", "says"),
    [
        ("2", "1", []),
        ("2", "0", [NULLS]),
        ("2", "2", ["Column 'a' has 1 null, but the statistics count 2."]),
        ("1", "0", [ROWS]),
        ("3", "1", []),
        ("3", "2", []),
        ("3", "0", [NULLS_IN_PART]),
        ("2", '"0"', [NULLS]),
        ("2.0", '"1"', []),
        ('"2"', "1.0", []),
        ('"2.0"', "0.0", [NULLS]),
        ("2", "0.5", []),
        ("2", "null", []),
        ("2", "-1", []),
        ("2", "1e400", []),
        ("2", "99999999999999999999999", []),
        ("null", "1", []),
        ("null", "5", []),
        ("null", "0", [NULLS_IN_PART]),
    ],
)
def test_counts(decode_json: Decode, count: str, nulls: str, says: list[str]) -> None:
    """The nulls of a whole result are those counted; otherwise there are no more than these."""
    statistics = f'{{"a":{{"general":{{"count":{count},"nulls_count":{nulls}}}}}}}'
    found = decode_json('[["a"],[1],[null]]', statistics)
    assert [str(warning) for warning in found.warnings] == says
    assert all(isinstance(warning, StatisticsWarning) for warning in found.warnings)


def test_one_row_more_than_counted(decode_json: Decode) -> None:
    """The warning is about one row."""
    found = decode_json('[["a"],[1]]', '{"a":{"general":{"count":0,"nulls_count":0}}}')
    assert "1 row was received, but the statistics count 0." in map(str, found.warnings)


def test_duplicates_are_not_compared_with_statistics(decode_json: Decode) -> None:
    """Statistics of a name that two columns share are of neither."""
    found = decode_json('[["a","a"],[1,null]]', '{"a":{"general":{"count":1,"nulls_count":5}}}')
    assert [type(warning).__name__ for warning in found.warnings] == ["ColumnNameWarning"]


@cases(
    ("nulls", "says"),
    [
        (1, []),
        (2, []),
        (3, []),
        (0, ["Column 'c' has 1 null, but the statistics count 0."]),
        (4, ["Column 'c' has 1 null, but the statistics count 4."]),
    ],
)
def test_nan_may_count_as_null(decode_json: Decode, nulls: int, says: list[str]) -> None:
    """Of one null and two NaN a server may count one, two or three nulls."""
    found = decode_json(
        '[["c"],[1.5],[null],["NaN"],["NaN"]]',
        f'{{"c":{{"general":{{"count":4,"nulls_count":{nulls}}},"numeric":{{"distinct_approx":true}}}}}}',
    )
    assert [str(warning) for warning in found.warnings] == says


# --- Means ----------------------------------------------------------------------------------------------


@cases(
    ("cells", "stated", "is_right"),
    [
        # Written in full.
        ("1 | 2 | null", "1.5", True),
        ("1 | 2 | 2", "1.6666666666666667", True),
        ("1 | 2 | 2", "1.6666666", True),
        ("1 | 2 | 2", '"1.6666666666666667"', True),
        ("1 | 2 | 2", "1.6666676", False),
        ("1 | 2 | 2", "1.76666666666666667", False),
        # Written with few digits: rounded or cut, by less than one unit.
        ("1 | 2 | 2", "1.67", True),
        ("1 | 2 | 2", "1.66", True),
        ("1 | 2 | 2", "1.68", False),
        ("1 | 2 | 2", "1.65", False),
        ("1 | 2 | 2", "2", True),
        ("1 | 2 | 2", "1", True),
        ("1 | 2 | 2", "3", False),
        ("1 | 2 | 2", "1.70", False),
        # A sum of floats that is a little less than 6 may have been cut.
        ("1 | 2 | 3", "1.9", True),
        ("1 | 2 | 3", "2.2", False),
        ("123456 | 123457", "1.23e5", True),
        ("123456 | 123457", "1.22e5", False),
        # By the magnitude of what was added up.
        ("1000000000 | -1000000000 | 1", "0.3333333432674408", True),
        ("1000000000 | -1000000000 | 1", "1.3333333432674408", False),
        ("9007199254740993 | 1", "4503599627370497.0", True),
        ("9007199254740993 | 1", "4503699627370497.0", False),
        ("18446744073709551615 | 1", "9.223372036854775808e18", True),
        # Decimals, and what only decimal256 holds.
        ("12345678901234567.89 | 0.11", "6172839450617284.0", True),
        ("12345678901234567.89 | 0.11", "6172939450617284.0", False),
        (f"{LONG}3 | 1", "6.17283945061728394506172839450617283945e41", True),
        # Singles, which the rows show with up to nine digits, and their mean with all.
        ("0.1 | 0.2", "0.15000000223517418", True),
        ("16777.2 | 0.3", "8388.7503906488422", True),
        ("0.12345678912 | 0.2", "0.161728395", True),
        ("0.12345678912 | 0.2", "0.161728410000", False),
        # Not compared.
        ("1 | 2", "null", True),
        ("1 | 2", '"x"', True),
        ("1 | 2", '"NaN"', True),
        ("1 | 2", '"Infinity"', True),
        ("1 | 2", "[]", True),
        ("null", "5", True),
        ('"NaN" | 1.5', "5.5", True),
        ('"Infinity" | 1.5', "5.5", True),
        ("1e308 | 1e308 | 1.5", "5.5", True),
        ("1.5 | 2.5", "1e400", True),
    ],
)
def test_means(said: Said, cells: str, stated: str, is_right: bool) -> None:
    """A mean is that of the values, as far as its own digits and the errors of sums tell."""
    found = said(cells, f'"numeric":{{"mean":{stated}}}')
    assert len(found) == (not is_right)
    assert all("has the mean " in text and "but the statistics' mean is " in text for text in found)
    assert said(cells, f'"numeric":{{"mean":{stated}}}', 9) == []


def test_what_a_mean_says(said: Said) -> None:
    """The warning has both means; under strict it is an error."""
    says = "Column 'c' has the mean 1.5, but the statistics' mean is 2.50."
    assert said("1 | 2", '"numeric":{"mean":2.50}') == [says]
    with pytest.raises(ResponseError, match=re.escape(says)):
        said("1 | 2", '"numeric":{"mean":2.50}', strict=True)


@cases(
    ("bounds", "is_right"),
    [
        ('"min":1.666,"max":2.333', True),
        ('"min":1.66,"max":2.33', False),
        ('"min":1.6,"max":2.3', False),
        ("", False),
    ],
)
def test_means_of_values_that_were_cut(said: Said, bounds: str, is_right: bool) -> None:
    """Beside bounds that show more digits, values were cut, and their mean by as much."""
    stated = f'{bounds},"mean":1.9999' if bounds else '"mean":1.9999'
    assert len(said("1.66 | 2.33", f'"numeric":{{{stated}}}')) == (not is_right)


# --- Bounds ---------------------------------------------------------------------------------------------


@cases(
    ("cells", "section", "says"),
    [
        # Whole numbers are exact, of 64 bits and beyond.
        ("1 | 5 | null", '"numeric":{"min":1,"max":5}', []),
        ("1 | 5", '"numeric":{"min":0,"max":4}', ["the min 1,min is 0", "the max 5,max is 4"]),
        ("1", '"numeric":{"min":0}', ["the min 1,min is 0"]),
        (f"-{2**53 + 1}", f'"numeric":{{"min":-{2**53}}}', [f"the min -{2**53 + 1},min is -{2**53}"]),
        ("1.5 | 3.0", '"numeric":{"min":2,"max":"Infinity"}', ["*"]),
        (f"1 | {LONG}3", f'"numeric":{{"min":1,"max":{LONG}3}}', []),
        (f"{LONG}3", f'"numeric":{{"max":{LONG}4}}', [f"the max {LONG}3,max is {LONG}4"]),
        # Numbers with as many digits after the point on both sides are exact too.
        ("1.25 | 2.5", '"numeric":{"min":1.25,"max":2.49}', ["the max 2.5,max is 2.49"]),
        ("1.0 | 2.5", '"numeric":{"min":1,"max":2.5}', []),
        # Rows of two digits beside a full min, and the other way round: one unit of the coarser.
        ("1.66 | 2.33", '"numeric":{"min":1.6666666666666667,"max":2.3333333333333335}', []),
        ("1.65 | 2.33", '"numeric":{"min":1.666666666666667}', ["the min 1.65,min is 1.666666666666667"]),
        ("1.6666666666666667 | 2.3333333333333335", '"numeric":{"min":1.67,"max":2.33}', []),
        ("1.6666666666666667 | 2.3333333333333335", '"numeric":{"min":1.68,"max":2.33}', ["*"]),
        ("2 | 3", '"numeric":{"min":1.67,"max":3.25}', []),
        ("2 | 3", '"numeric":{"min":0.67,"max":3.25}', ["the min 2,min is 0.67"]),
        ("12345678901234.56 | 0.5", '"numeric":{"min":0.5,"max":12345678901234.561}', []),
        ("12345678901234.56 | 0.5", '"numeric":{"min":0.5,"max":12345678901234.581}', ["*"]),
        # What min shows holds for max too: 9.5 and 4 were not cut to whole ones.
        ("4.5 | 9.5", '"numeric":{"min":4,"max":9.5}', ["the min 4.5,min is 4"]),
        # Doubles of 15 digits, doubles in full, and singles.
        ("0.30000000000000004 | 0.1", '"numeric":{"min":0.1,"max":0.3}', []),
        ("0.1", '"numeric":{"min":0.1000000000000000055511151231257827,"max":0.1}', []),
        ("1234567.8901234567 | 1.23e-9", '"numeric":{"min":1.23e-9,"max":1234567.89012346}', []),
        ("1.2345679e9 | 1.1e-5", '"numeric":{"min":1.1e-5,"max":1234567936.0}', []),
        ("0.1 | 1.1e-5", '"numeric":{"min":0.000010999999949947651,"max":0.10000000149011612}', []),
        (SINGLES, '"numeric":{"min":0.000010999999949947651,"max":0.100000001}', []),
        (
            SINGLES,
            '"numeric":{"min":0.000010999999949947651,"max":0.1000000015}',
            ["the max 0.10000000149011612,max is 0.1000000015"],
        ),
        ("16000000.5 | 0.5", '"numeric":{"min":0.5,"max":16000001.5}', ["*"]),
        ("1.5e300 | 1.25", '"numeric":{"min":1.25,"max":1.4e300}', ["*"]),
        ("1000.0 | 0.50001", '"numeric":{"min":0.50001,"max":1000.00001}', ["*"]),
        ("1000.25 | 0.50001", '"numeric":{"min":0.50001,"max":1000.25001}', ["*"]),
        ("-0.0 | 1.5", '"numeric":{"min":0,"max":1.5}', []),
        # NaN counts here and there, infinity is a value.
        ('"NaN" | 1.5 | 2.5', '"numeric":{"min":1.5,"max":"NaN"}', []),
        ('"NaN" | 1.5 | 2.5', '"numeric":{"min":1.5,"max":2.5}', []),
        ('"NaN" | 1.5 | 2.5', '"numeric":{"min":1.5,"max":3.5}', ["the max 2.5,max is 3.5"]),
        ('"NaN" | 1.67 | 2.33', '"numeric":{"min":1.6666666666666667,"max":2.3333333333333335}', []),
        ('"NaN"', '"numeric":{"min":"NaN","max":"NaN"}', []),
        ('"NaN" | null', '"numeric":{"min":1.5,"max":1.5}', []),
        ('"Infinity" | 1.5', '"numeric":{"min":1.5,"max":"Infinity"}', []),
        ('"Infinity" | 1.5', '"numeric":{"min":1.5,"max":2.5}', ["the max Infinity,max is 2.5"]),
        ("1.5 | 2.5", '"numeric":{"min":"-Infinity","max":2.5}', ["the min 1.5,min is -Infinity"]),
        # Dates are exact.
        ('"0001-01-01"', '"temporal":{"min":"0001-01-02"}', ["the min 0001-01-01,min is 0001-01-02"]),
        # Moments with offsets are instants, those without are what they say.
        (
            '"2025-01-01 12:00"',
            '"temporal":{"max":"2026-01-01"}',
            ["the max 2025-01-01 12:00:00.000000,max is 2026-01-01"],
        ),
        ('"1900-01-01T00:00:00+01:24:00"', '"temporal":{"min":"1899-12-31T22:36:00Z"}', []),
        ('"0001-01-01T00:00:00" | "9999-12-31T23:59:59.999999"', '"temporal":{"min":"0001-01-01T00:00"}', []),
        ('"1969-12-31T23:59:59.25Z"', '"temporal":{"min":"1969-12-31T23:59:59.250Z"}', []),
        (
            '"1969-12-31T23:59:59.25Z"',
            '"temporal":{"min":"1969-12-31T23:59:59.75Z"}',
            ["the min 1969-12-31 23:59:59.250000Z,min is 1969-12-31T23:59:59.75Z"],
        ),
        (
            '"2025-01-01T00:00:00.123456789Z"',
            '"temporal":{"min":"2025-01-01T00:00:00.123456788Z"}',
            ["the min 2025-01-01 00:00:00.123456789Z,min is 2025-01-01T00:00:00.123456788Z"],
        ),
        # Times of day and durations.
        ('"12:34:56.5"', '"temporal":{"min":"12:34:57.5"}', ["the min 12:34:56.500000,min is 12:34:57.5"]),
        ('"PT1H" | "-PT0.5S"', '"temporal":{"min":"-PT1.5S"}', ["the min PT-0.500000S,min is -PT1.5S"]),
    ],
)
def test_bounds(said: Said, cells: str, section: str, says: list[str]) -> None:
    """The extremes of a whole result are min and max, as far as both sides show digits (``*``: not equal)."""
    found = said(cells, section)
    if says == ["*"]:
        assert len(found) == 1
        return
    pairs = [line.split(",") for line in says]
    assert found == [f"Column 'c' has {value}, but the statistics' {bound}." for value, bound in pairs]


MILLISECONDS = '"2025-01-01T10:00:00.146Z" | "2025-01-01T10:00:00.46Z" | "2025-01-01T10:00:00.91Z"'


@cases(
    ("least", "most", "wrong"),
    [
        # As many digits: equal.
        ("00.146", "00.91", []),
        ("00.146000", "00.910000", []),
        ("00.147", "00.91", ["min"]),
        ("00.146", "00.909", ["max"]),
        # Finer bounds: one millisecond.
        ("00.146482", "00.910482", []),
        ("00.145500", "00.909999", []),
        ("00.147", "00.910001", []),
        ("00.146000001", "00.910999999", []),
        ("00.147001", "00.91", ["min"]),
        ("00.144999", "00.91", ["min"]),
        ("00.146482", "00.9110001", ["max"]),
        # Coarser bounds: one unit of theirs.
        ("00.15", "00.91", []),
        ("00.1", "00.9", []),
        ("00.2", "00.9", []),
        ("00.25", "00.91", ["min"]),
        ("00", "01", []),
        ("00", "02", ["max"]),
        ("01.5", "01.5", ["min", "max"]),
    ],
)
def test_rows_in_milliseconds(said: Said, least: str, most: str, wrong: list[str]) -> None:
    """Beside finer bounds one millisecond is allowed, beside coarser ones one unit of theirs."""
    section = f'"temporal":{{"min":"2025-01-01T10:00:{least}Z","max":"2025-01-01T10:00:{most}Z"}}'
    found = said(MILLISECONDS, section)
    assert [text.partition("the statistics' ")[2][:3] for text in found] == wrong


@cases(
    ("cells", "section", "says"),
    [
        ("2 | 3", '"numeric":{"min":1,"max":5}', ""),
        ("0 | 3", '"numeric":{"min":1,"max":5}', "has the value 0, but the statistics' min is 1"),
        ("2 | 6", '"numeric":{"min":1,"max":5}', "has the value 6, but the statistics' max is 5"),
        ("2.33", '"numeric":{"min":1.5,"max":2.3333333333333335}', ""),
        ("2.34", '"numeric":{"min":1.5,"max":2.3333333333333335}', ""),
        (
            "2.35",
            '"numeric":{"max":2.33333333333}',
            "has the value 2.35, but the statistics' max is 2.33333333333",
        ),
        (
            '"2024-12-31"',
            '"temporal":{"min":"2025-01-01"}',
            "has the value 2024-12-31, but the statistics' min is 2025-01-01",
        ),
        ("null", '"numeric":{"min":1,"max":5}', ""),
        ("", '"numeric":{"min":1,"max":5}', ""),
        ('"NaN"', '"numeric":{"min":1.5,"max":5}', ""),
    ],
)
@cases("total", [3, "null"])
def test_bounds_of_a_part(said: Said, cells: str, section: str, says: str, total: int | str) -> None:
    """The values of a part of a result, or of what may be one, lie within min and max."""
    assert said(cells, section, total) == ([f"Column 'c' {says}."] if says else [])


@cases(
    ("type_", "value", "section", "stated", "says"),
    [
        (pa.int64(), 2, "numeric", "abc", "compared with the statistics' min: 'abc' is not a number"),
        (pa.int64(), 2, "numeric", "-Infinity", ""),
        (pa.int64(), 2, "numeric", "inf", "has the value 2, but the statistics' min is inf"),
        (pa.int64(), 2**53 + 3, "numeric", "9007199254740996.0", ""),
        (pa.int64(), 2**53 + 1, "numeric", "9007199254740994", "has the value 9007199254740993, but"),
        (pa.date32(), date(2025, 1, 2), "temporal", "2025-01-02T00:00:00Z", ""),
        (pa.date32(), date(2025, 1, 2), "temporal", "2025-01-01T17:30:00", "T17:30:00' is not a midnight"),
        (pa.date32(), date(2025, 1, 2), "temporal", "01/02/2025", "'01/02/2025' is not an ISO 8601 date"),
        (pa.timestamp("us"), datetime(2025, 1, 2), "temporal", "2025-01-02", ""),
        (
            pa.timestamp("us"),
            datetime(2025, 1, 2),
            "temporal",
            "2025-01-01T00:00Z",
            "is among timestamps with",
        ),
        (pa.timestamp("us"), None, "temporal", "x", ""),
        (pa.string(), "x", "temporal", "2025-01-01", ""),
        (pa.string(), "x", "numeric", "5", ""),
    ],
)
def test_bounds_that_cannot_be_compared_with_a_part(
    type_: pa.DataType, value: object, section: str, stated: str, says: str
) -> None:
    """They are warned of too, unless ``schema=`` set the type, which says what the values mean."""
    sent = read_entry({section: {"min": stated}})
    column = ReadColumn(pa.array([value], type_), ColumnSchema("c", type_, "inferred"), sent, sent)
    found = check_statistics([column], [], 1, 9)
    assert len(found) == bool(says)
    assert all(says in str(warning) for warning in found)
    if "cannot be compared" in "".join(map(str, found)):
        set_column = column._replace(schema=ColumnSchema("c", type_, "", basis="schema"))
        assert not check_statistics([set_column], [], 1, 9)


@cases(
    ("cells", "section", "options"),
    [
        # Columns that stayed text.
        ('"007" | "x"', '"numeric":{"min":1,"max":5}', {}),
        ('"infinity" | "2025-01-01"', '"temporal":{"min":"2024-01-01","max":"2024-01-01"}', {}),
        ('"2025-01-01"', '"string":{"min":"2024-01-01","max":"2024-01-01"}', {}),
        # Bounds that order texts are none of numbers.
        ('"10" | "9"', '"string":{"min":"10","max":"9"}', {"schema_type": pa.int64()}),
        # Counts of some values and lengths of texts are shown, and not compared.
        (
            '"a" | "b" | ""',
            '"string":{"distinct_count":1,"distinct_approx":false,"empty_string_count":0}',
            {},
        ),
        ('"a" | "b" | ""', '"string":{"min_len":5,"mean_len":6.5,"max_len":7}', {}),
        ("true | true", '"boolean":{"true_count":1,"false_count":5}', {}),
        ("1 | 2", '"numeric":{"distinct_count":9,"distinct_approx":false,"median":5,"p95":7}', {}),
        # A section of another kind.
        ("true", '"numeric":{"min":5,"max":5}', {}),
        ("1", '"temporal":{"min":"2024-01-01","max":"2024-01-01"}', {}),
        ("[1] | [2]", '"numeric":{"min":5,"max":5}', {}),
    ],
)
def test_what_is_not_compared(said: Said, cells: str, section: str, options: dict[str, Any]) -> None:
    """Of the section that is about the values min, max and mean are compared, of another nothing."""
    assert said(cells, section, **options) == []
    with suppress(ConversionError):  # columns that stayed text
        assert said(cells, section, strict=True, **options) == []


@cases(
    "schema_type",
    [
        *(pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.decimal128(5, 2), pa.decimal256(76, 0)),
        *(pa.dictionary(pa.int8(), pa.int64()), pa.string(), pa.large_string(), pa.string_view()),
    ],
    ids=str,
)
@cases(
    "bound",
    [
        "null",
        "true",
        "[]",
        '{"a":1}',
        '""',
        '"x"',
        '"1_0"',
        '"\\ud800"',
        '"\\u0000"',
        '"sNaN"',
        "[" * 150 + "]" * 150,
    ],
)
def test_odd_bounds_are_ignored(said: Said, schema_type: pa.DataType, bound: str) -> None:
    """A bound that is not a number says nothing, whatever the type of the column."""
    section = f'"numeric":{{"min":{bound},"max":{bound}}},"string":{{"min":{bound},"empty_string_count":0}}'
    assert said("1 | 2 | null", section, schema_type=schema_type) == []


@cases("bound", ["1e999", "1e99999", "1e999999999999999999999", "9" * 5_000], ids=len)
@cases("schema_type", [pa.int64(), pa.float16(), pa.float32(), pa.float64(), pa.decimal256(76, 2)], ids=str)
def test_huge_bounds(said: Said, schema_type: pa.DataType, bound: str) -> None:
    """A bound beyond all types is not the max of anything, and is shown in part."""
    assert said("1 | 2", f'"numeric":{{"min":-{bound},"max":1e-99999}}', 3, schema_type=schema_type)[
        0
    ].endswith("but the statistics' max is 1e-99999.")
    found = said("1 | 2", f'"numeric":{{"max":{bound}}}', schema_type=schema_type)
    assert len(found) == 1
    assert len(found[0]) < 140


@cases(
    ("schema_type", "cells", "bound", "wrong"),
    [
        (pa.timestamp("s"), '"2025-01-01T10:00:00"', '"2025-01-01T10:00:00.5"', False),
        (pa.timestamp("s"), '"2025-01-01"', '"2025-01-01"', False),
        (pa.timestamp("s"), '"2025-01-01"', '"2025-01-02"', True),
        (pa.timestamp("ms"), '"2025-01-01T10:00:00"', '"2025-01-01T10:00:00Z"', False),
        (pa.timestamp("ns", "Asia/Kolkata"), '"2025-01-01T10:00:00Z"', '"2025-01-01T10:00:00"', False),
        (pa.timestamp("ns", "Asia/Kolkata"), '"2025-01-01T10:00:00Z"', '"2025-01-01T15:30+05:30"', False),
        (pa.timestamp("ns", "Asia/Kolkata"), '"2025-01-01T10:00:00Z"', '"2025-01-01T15:30:01+05:30"', True),
        (pa.timestamp("us", "UTC"), '"2025-01-01T10:00:00Z"', '"2025-01-01T10:00:00.5.5Z"', False),
        (pa.time32("s"), '"10:00:00"', '"10:00:01"', True),
        (pa.time32("ms"), '"10:00:00"', '"10:00:00.0"', False),
        (pa.time64("ns"), '"10:00:00"', '"25:00:00"', False),
        (pa.duration("s"), '"PT1S"', '"P1Y"', False),
        (pa.duration("ms"), '"PT1S"', '"PT2S"', True),
        (pa.date32(), '"2025-01-01"', '"2025-02-30"', False),
        (pa.date64(), '"2025-01-01"', '"2025-01-02"', False),
    ],
)
def test_temporal_types_of_a_schema(
    said: Said, schema_type: pa.DataType, cells: str, bound: str, *, wrong: bool
) -> None:
    """A type of ``schema=`` is compared in its own unit, with the bounds that can be read as such."""
    assert len(said(cells, f'"temporal":{{"min":{bound}}}', schema_type=schema_type)) == wrong


def test_column_and_bound_are_safe_to_show(decode_json: Decode) -> None:
    """Control characters that the server sent are escaped."""
    found = decode_json(
        r'[["a\u001b[2J"],[1]]',
        r'{"a\u001b[2J":{"general":{"count":1,"nulls_count":1},"numeric":{"min":"\u001b5","max":7}}}',
        schema_types=SchemaTypes({"a\x1b[2J": pa.int64()}, complete=False),
    )
    assert [str(warning) for warning in found.warnings] == [
        r"Column 'a\\x1b[2J' has 0 nulls, but the statistics count 1.",
        r"Column 'a\\x1b[2J' has the max 1, but the statistics' max is 7.",
    ]


# --- Correct statistics ---------------------------------------------------------------------------------

#: The arithmetic of the tests, far from any limit.
EXACT = Context(prec=100)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _cut(value: Decimal, digits: int, rounding: str) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), rounding, EXACT)


def _number(value: Decimal, *, padded: bool) -> str:
    text = f"{value:f}"
    return text if padded or "." not in text else text.rstrip("0").rstrip(".")


def _clock(seconds: Decimal, *, padded: bool) -> tuple[datetime, str]:
    whole = int(seconds // 1)
    fraction = _number(abs(seconds - whole), padded=padded).partition(".")[2]
    return EPOCH + timedelta(seconds=whole), f".{fraction}" if fraction else ""


def _instant(seconds: Decimal, *, padded: bool, hours: int) -> str:
    moment, fraction = _clock(seconds, padded=padded)
    text = (moment + timedelta(hours=hours)).replace(tzinfo=None).isoformat()
    return f'"{text}{fraction}{hours:+03d}:00"'


def _time(seconds: Decimal, *, padded: bool) -> str:
    moment, fraction = _clock(seconds, padded=padded)
    return f'"{moment.time().isoformat()}{fraction}"'


#: How a server writes its values, and which it may have, in units of 1e-9.
WRITERS: dict[str, tuple[str, int, int]] = {
    "number": ("numeric", -(10**12), 10**12),
    "money": ("numeric", 10**20, 10**20 + 10**12),
    "instant": ("temporal", 0, 4 * 10**9),
    "time": ("temporal", 0, 86_398 * 10**9),
}


def _written(kind: str, value: Decimal, *, padded: bool, hours: int) -> str:
    if kind == "instant":
        return _instant(value, padded=padded, hours=hours)
    return _time(value, padded=padded) if kind == "time" else _number(value, padded=padded)


@st.composite
def correct_answers(draw: st.DrawFn) -> tuple[str, str]:
    """Draw rows and statistics of one column, each side cut and written in a way of its own."""
    kind = draw(st.sampled_from(list(WRITERS)))
    section, low, high = WRITERS[kind]
    finest = draw(st.sampled_from([0, 1, 2, 3, 6, 9]))
    step = 10 ** (9 - finest)
    truth = [
        Decimal(unit * step).scaleb(-9)
        for unit in draw(st.lists(st.integers(low // step, high // step), min_size=1, max_size=8))
    ]
    nulls = draw(st.integers(0, 2))
    rounding = draw(st.sampled_from([ROUND_DOWN, ROUND_HALF_EVEN]))
    digits = st.sampled_from([0, 1, 2, 3, 6, 9])
    of_rows, of_bounds = draw(digits), draw(digits)
    offsets = st.integers(-11, 11)

    def write(value: Decimal, places: int) -> str:
        cut = _cut(value, places, rounding)
        return _written(kind, cut, padded=padded, hours=draw(offsets))

    padded = draw(st.booleans())
    rows = [write(value, of_rows) for value in truth] + ["null"] * nulls
    rows = rows[: draw(st.integers(0, len(rows)))] if draw(st.booleans()) else rows
    padded = draw(st.booleans())
    statistics = (
        f'"general":{{"count":{len(truth) + nulls},"nulls_count":{nulls}}},'
        f'"{section}":{{"min":{write(min(truth), of_bounds)},"max":{write(max(truth), of_bounds)}}}'
    )
    return ",".join(['["c"]', *(f"[{row}]" for row in rows)]), statistics


def _verdict(rows: str, statistics: str) -> list[str]:
    body = (
        f'{{"state":"COMPLETED","results":{{"dataframe":[{rows}],'
        f'"dataframe_stats":{{"c":{{{statistics}}}}}}}}}'
    )
    found = decode(read_envelope(body.encode()), AskOptions())
    return [str(warning) for warning in found.warnings if isinstance(warning, StatisticsWarning)]


@given(correct_answers())
def test_correct_statistics_cause_no_warning(answer: tuple[str, str]) -> None:
    """Cut, rounded, padded and trimmed, of the whole or a part: correct statistics never cause a warning."""
    rows, statistics = answer
    assert _verdict(rows, statistics) == []


@pytest.mark.slow
@given(
    st.sampled_from(list(WRITERS)),
    st.lists(st.integers(1, 8), min_size=1, max_size=6),
    st.sampled_from([("min", -1), ("min", 1), ("max", -1), ("max", 1)]),
    st.sampled_from([0, 1, 2, 3, 6]),
    st.sampled_from([0, 1, 2, 3, 6]),
)
def test_wrong_bounds_are_reported(
    kind: str, units: list[int], lie: tuple[str, int], of_rows: int, of_bounds: int
) -> None:
    """A bound that differs by two units of the coarser side is reported; one unit at as many digits."""
    section, low, _ = WRITERS[kind]
    base = Decimal(max(low, 10**10)).scaleb(-9)
    last_of_rows, last_of_bounds = Decimal(1).scaleb(-of_rows), Decimal(1).scaleb(-of_bounds)
    # Whatever the lie, min shows the last digit of the bounds, and one value the last of the rows.
    truth = {"min": base + 50 + 5 * last_of_bounds, "max": base + 200}
    values = [base + 100 + unit * last_of_rows for unit in [1, *units]]
    values += [_cut(truth["min"], of_rows, ROUND_DOWN), truth["max"]]
    end, sign = lie
    off = last_of_rows if of_rows == of_bounds else 2 * max(last_of_rows, last_of_bounds)
    bounds = {**truth, end: truth[end] + sign * off}
    rows = ",".join(f"[{_written(kind, value, padded=False, hours=0)}]" for value in values)
    bounds = ",".join(
        f'"{name}":{_written(kind, bound, padded=False, hours=0)}' for name, bound in bounds.items()
    )
    statistics = f'"general":{{"count":{len(values)}}},"{section}":{{{bounds}}}'
    found = _verdict(f'["c"],{rows}', statistics)
    assert [text.partition("the statistics' ")[2][:3] for text in found] == [end]


#: How a server may add up, and write what it finds.
MEANS: dict[str, Callable[[list[Decimal]], Any]] = {
    "exactly": lambda values: EXACT.divide(sum(values, Decimal(0)), Decimal(len(values))),
    "as floats": lambda values: sum(map(float, values)) / len(values),
    "backwards": lambda values: sum(map(float, values[::-1])) / len(values),
    "one by one": lambda values: sum(float(value) / len(values) for value in values),
}
FORMATS = ["{}", "{:.2f}", "{:.6f}", "{:.6g}", "{:.15g}", "{:.17g}"]


@pytest.mark.slow
@given(
    st.lists(st.decimals(-(10**9), 10**9, places=4), min_size=1, max_size=50),
    st.sampled_from([0, 1, 2, 4]),
    st.sampled_from(list(MEANS)),
    st.sampled_from(FORMATS),
)
def test_correct_means_cause_no_warning(values: list[Decimal], places: int, way: str, written: str) -> None:
    """In whatever order a mean was added up, and with whatever digits it is written."""
    values = [_cut(value, places, ROUND_DOWN) for value in values]
    rows = ",".join(['["c"]', *(f"[{value:f}]" for value in values)])
    mean = MEANS[way](values)
    # A thousand is a millionth of the largest magnitude.
    for stated, wrong in ((written.format(mean), 0), (f"{float(mean) + 1001:.6f}", 1)):
        statistics = f'"general":{{"count":{len(values)}}},"numeric":{{"mean":{stated}}}'
        assert len(_verdict(rows, statistics)) == wrong


_WORDS = ["", "NaN", "1e9", "2025-01-01", "2025-01-01T00:00:00.5Z", "10:00", "PT1S", "P", "24:00"]
_SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.sampled_from(_WORDS)
ODD = st.recursive(
    _SCALARS | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=2) | st.dictionaries(st.text(max_size=2), inside, max_size=2),
    max_leaves=4,
)
FIELDS = ["count", "nulls_count", "min", "max", "mean"]
SECTIONS = ["general", "numeric", "temporal", "string", "boolean", "other"]


@pytest.mark.slow
@given(
    st.lists(ODD, max_size=4),
    st.dictionaries(st.sampled_from(SECTIONS), st.dictionaries(st.sampled_from(FIELDS), ODD) | ODD) | ODD,
    st.booleans(),
)
def test_odd_statistics_raise_nothing_else(cells: list[Any], statistics: Any, strict: bool) -> None:
    """Whatever the statistics hold, the result is a warning or an error of this package."""
    rows = ",".join(['["c"]', *(json.dumps([cell]) for cell in cells)])
    body = f'{{"state":"COMPLETED","results":{{"dataframe":[{rows}],"dataframe_stats":{{"c":'
    with suppress(ConnectyError):
        decode(read_envelope(f"{body}{json.dumps(statistics)}}}}}}}".encode()), AskOptions(strict=strict))


# --- Whole answers --------------------------------------------------------------------------------------


@pytest.mark.slow
@cases(("max_rows", "strict"), [(20, False), (None, True)])
def test_the_sandbox(sandbox: Sandbox, max_rows: int | None, *, strict: bool) -> None:
    """No answer of the sample workspace causes a warning, whole or in part."""
    doubted = {}
    with Client(**sandbox.connection) as client, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for question in workspace.catalogue().questions:
            caught.clear()
            try:
                client.ask(question, max_rows=max_rows, strict=strict, on_truncation="ignore")
            except (ConversionError, QuestionFailed):
                continue  # exact text is an error under strict; and some questions fail on purpose
            except ResponseError as error:
                doubted[question] = str(error)
            said = [str(one.message) for one in caught if one.category is StatisticsWarning]
            doubted |= {question: said} if said else {}
    assert doubted == {}
