"""The statistics of each column, against expected values written out."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from connecty_frames.sandbox.results import QueryResult
from tests.cases import cases


def statistics(run: Callable[[str], QueryResult], sql: str) -> Any:
    return json.loads(run(sql).statistics, parse_float=Decimal)


def test_every_column_has_general(run: Callable[[str], QueryResult]) -> None:
    """The count includes all rows of the result, with nulls."""
    actual = statistics(run, "SELECT * FROM (VALUES ([1]), (NULL), (NULL)) AS t(v)")
    assert actual == {"v": {"general": {"count": 3, "nulls_count": 2}}}


def test_text(run: Callable[[str], QueryResult]) -> None:
    """Lengths are in characters, the mean has two decimals, and nulls are left out."""
    actual = statistics(run, "SELECT * FROM (VALUES ('ż'), (''), ('abcd'), (NULL)) AS t(v)")

    assert actual["v"] == {
        "general": {"count": 4, "nulls_count": 1},
        "string": {
            "distinct_count": 3,
            "distinct_approx": False,
            "empty_string_count": 1,
            "min_len": 0,
            "mean_len": Decimal("1.67"),
            "max_len": 4,
        },
    }


@cases(
    ("value", "length"), [("UUID '729cb7a4-4b06-449e-a3c9-df40f5e570b8'", 36), ("'ab'::ENUM('ab', 'c')", 2)]
)
def test_uuids_and_enumerations_are_text(run: Callable[[str], QueryResult], value: str, length: int) -> None:
    """They have the section for text, computed from the text that is sent."""
    actual = statistics(run, f"SELECT {value} AS v")["v"]["string"]
    assert (actual["min_len"], actual["max_len"], actual["distinct_count"]) == (length, length, 1)


@cases(
    ("earlier", "later", "least", "greatest"),
    [
        ("DATE '0044-03-15 (BC)'", "DATE 'infinity'", "0044-03-15 BC", "infinity"),
        (
            "TIMESTAMP '2025-01-01'",
            "TIMESTAMP '2025-01-01 00:00:00.1'",
            "2025-01-01T00:00:00",
            "2025-01-01T00:00:00.1",
        ),
        (
            "TIMESTAMPTZ '2025-10-24 09:03:05.196568+00'",
            "TIMESTAMPTZ '2025-11-04 12:05:01.146482+00'",
            "2025-10-24T09:03:05.196568+00:00",
            "2025-11-04T12:05:01.146482+00:00",
        ),
        ("TIME '00:00:00'", "TIME '24:00:00'", "00:00:00", "24:00:00"),
        ("INTERVAL '-1 hour'", "INTERVAL '2 days 3 hours'", "PT-1H", "P2DT3H"),
    ],
)
def test_dates_and_times(
    run: Callable[[str], QueryResult], earlier: str, later: str, least: str, greatest: str
) -> None:
    """Minimum and maximum are written like the values."""
    actual = statistics(run, f"FROM (VALUES ({later}), ({earlier}), ({later}), (NULL)) AS t(v)")
    assert actual["v"] == {
        "general": {"count": 4, "nulls_count": 1},
        "temporal": {"distinct_count": 2, "distinct_approx": False, "min": least, "max": greatest},
    }


@cases(
    ("values", "distinct", "extremes", "mean"),
    [
        ("(1), (2), (2), (NULL)", 2, '"min":1,"max":2', "1.6666666666666667"),
        ("(1.0::DOUBLE), (3.0)", 2, '"min":1.0,"max":3.0', "2.0"),
        ("(0.10::DECIMAL(38, 2)), (0.20)", 2, '"min":0.10,"max":0.20', "0.15000000000000002"),
        ("('nan'::DOUBLE), (1), ('nan')", 2, '"min":1.0,"max":"NaN"', '"NaN"'),
        ("('-inf'::DOUBLE), (1)", 2, '"min":"-Infinity","max":1.0', '"-Infinity"'),
        (
            "(18446744073709551615::UBIGINT)",
            1,
            '"min":18446744073709551615,"max":18446744073709551615',
            "1.8446744073709552e+19",
        ),
        (
            "(170141183460469231731687303715884105727::HUGEINT), (170141183460469231731687303715884105726)",
            2,
            '"min":170141183460469231731687303715884105726,"max":170141183460469231731687303715884105727',
            "1.7014118346046923e+38",
        ),
    ],
)
def test_numbers(
    run: Callable[[str], QueryResult], values: str, distinct: int, extremes: str, mean: str
) -> None:
    """Minimum and maximum have all digits, floats a fraction; the mean is always a float."""
    actual = run(f"FROM (VALUES {values}) AS t(v)").statistics.decode()
    expected = f'{{"distinct_count":{distinct},"distinct_approx":false,{extremes},"mean":{mean}}}'
    assert f'"numeric":{expected}' in actual


def test_booleans(run: Callable[[str], QueryResult]) -> None:
    """True and false are counted."""
    actual = statistics(run, "SELECT * FROM (VALUES (true), (true), (false), (NULL)) AS t(v)")
    assert actual["v"] == {
        "general": {"count": 4, "nulls_count": 1},
        "boolean": {"true_count": 2, "false_count": 1},
    }


@cases("value", ["{'a': 1}", "map {'a': 1}", "''::BLOB"])
def test_other_types_have_general_only(run: Callable[[str], QueryResult], value: str) -> None:
    """A column that is no text, number, time or boolean has counts alone."""
    assert list(statistics(run, f"SELECT {value} AS v")["v"]) == ["general"]


def test_no_rows(run: Callable[[str], QueryResult]) -> None:
    """Without rows all counts are 0, and minimum, maximum and means are null."""
    general, distinct = {"count": 0, "nulls_count": 0}, {"distinct_count": 0, "distinct_approx": False}
    lengths = dict.fromkeys(["min_len", "mean_len", "max_len"])
    sql = "SELECT '' AS s, now() AS t, 1.5 AS n, true AS b WHERE false"
    assert statistics(run, sql) == {
        "s": {"general": general, "string": {**distinct, "empty_string_count": 0, **lengths}},
        "t": {"general": general, "temporal": {**distinct, "min": None, "max": None}},
        "n": {"general": general, "numeric": {**distinct, "min": None, "max": None, "mean": None}},
        "b": {"general": general, "boolean": {"true_count": 0, "false_count": 0}},
    }


def test_the_first_of_two_columns_with_one_name_has_the_entry(run: Callable[[str], QueryResult]) -> None:
    """The statistics are by name, so that only one of the two can be there."""
    actual = statistics(run, "SELECT 1 AS v, 'x' AS v, 2 AS w")
    assert list(actual) == ["v", "w"]
    assert list(actual["v"]) == ["general", "numeric"]
