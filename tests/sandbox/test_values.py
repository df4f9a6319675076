"""The JSON that is sent for each DuckDB type."""

import json
from collections.abc import Callable

import duckdb

from connecty_frames.sandbox.results import QueryResult
from tests.cases import cases

NUMBERS = [
    ("127::TINYINT", "127"),
    ("(-32768)::SMALLINT", "-32768"),
    ("0", "0"),
    ("9223372036854775807::BIGINT", "9223372036854775807"),
    ("18446744073709551615::UBIGINT", "18446744073709551615"),
    ("(-170141183460469231731687303715884105727)::HUGEINT", "-170141183460469231731687303715884105727"),
    ("340282366920938463463374607431768211455::UHUGEINT", "340282366920938463463374607431768211455"),
    ("1.50::DECIMAL(9, 2)", "1.50"),
    ("100::DECIMAL(9, 2)", "100.00"),
    ("'-0.12'::DECIMAL(2, 2)", "-0.12"),
    ("'1234567890123456789012345678901234.5678'::DECIMAL(38, 4)", "1234567890123456789012345678901234.5678"),
    ("'-0.0001'::DECIMAL(38, 4)", "-0.0001"),
    ("1::DOUBLE", "1.0"),
    ("'-0'::DOUBLE", "-0.0"),
    ("0.1::DOUBLE", "0.1"),
    ("1e15::DOUBLE", "1000000000000000.0"),
    ("1e16::DOUBLE", "1e+16"),
    ("5e-324::DOUBLE", "5e-324"),
    ("'1.7976931348623157e308'::DOUBLE", "1.7976931348623157e+308"),
    ("0.1::FLOAT", "0.1"),
    ("'nan'::DOUBLE", '"NaN"'),
    ("'inf'::DOUBLE", '"Infinity"'),
    ("'-inf'::FLOAT", '"-Infinity"'),
    ("true", "true"),
    ("false", "false"),
]

TIMES = [
    ("DATE '2025-11-04'", '"2025-11-04"'),
    ("DATE '12025-01-01'", '"12025-01-01"'),
    ("DATE '0044-03-15 (BC)'", '"0044-03-15 BC"'),
    ("DATE 'infinity'", '"infinity"'),
    ("DATE '-infinity'", '"-infinity"'),
    ("TIMESTAMP '2025-11-04 13:05:01'", '"2025-11-04T13:05:01"'),
    ("TIMESTAMP '2025-11-04 13:05:01.460000'", '"2025-11-04T13:05:01.46"'),
    ("TIMESTAMP '0044-03-15 (BC) 12:00:00.5'", '"0044-03-15T12:00:00.5 BC"'),
    ("TIMESTAMP 'infinity'", '"infinity"'),
    ("TIMESTAMP_NS '2025-01-01 00:00:00.123456789'", '"2025-01-01T00:00:00.123456789"'),
    ("TIMESTAMP_NS '2025-01-01 00:00:00.000000001'", '"2025-01-01T00:00:00.000000001"'),
    ("TIMESTAMP_NS '2025-01-01 10:00:00'", '"2025-01-01T10:00:00"'),
    ("TIMESTAMP_S '2025-01-01 00:00:00'", '"2025-01-01T00:00:00"'),
    ("TIMESTAMPTZ '2025-11-04 12:05:01.146482+00'", '"2025-11-04T12:05:01.146482+00:00"'),
    ("TIMESTAMPTZ '2025-10-24 09:03:05+00'", '"2025-10-24T09:03:05+00:00"'),
    ("TIMESTAMPTZ '2025-11-04 12:05:01.46+00'", '"2025-11-04T12:05:01.46+00:00"'),
    ("TIMESTAMPTZ '1900-01-01 00:00:00+00'", '"1900-01-01T00:00:00+00:00"'),
    ("TIMESTAMPTZ '0044-03-15 (BC) 12:00:00+00'", '"0044-03-15T12:00:00+00:00 BC"'),
    ("TIMESTAMPTZ '-infinity'", '"-infinity"'),
    ("TIME '24:00:00'", '"24:00:00"'),
    ("TIME '12:30:00.100'", '"12:30:00.1"'),
    ("TIMETZ '12:30:00+05:30'", '"12:30:00+05:30"'),
    ("TIMETZ '12:30:00-08'", '"12:30:00-08:00"'),
    ("INTERVAL '1 year 2 months 3 days 04:05:06.7'", '"P1Y2M3DT4H5M6.7S"'),
    ("INTERVAL '-3 days'", '"P-3D"'),
    ("INTERVAL '0 days'", '"PT0S"'),
    ("INTERVAL '-00:00:00.5'", '"PT-0.5S"'),
    ("INTERVAL '100 hours'", '"PT100H"'),
    ("INTERVAL '30 days'", '"P30D"'),
    ("INTERVAL '1 hour 59.999999 seconds'", '"PT1H59.999999S"'),
    ("INTERVAL '10 seconds'", '"PT10S"'),
]

TEXTS = [
    ("'00123'", '"00123"'),
    ("''", '""'),
    ("'null'", '"null"'),
    (
        "'say \"hi\" \\ ' || chr(10) || chr(9) || chr(0) || chr(27)",
        '"say \\"hi\\" \\\\ \\n\\t\\u0000\\u001B"',
    ),
    ("'Zażółć 😀'", '"Zażółć 😀"'),
    ("UUID '729CB7A4-4b06-449e-a3c9-df40f5e570b8'", '"729cb7a4-4b06-449e-a3c9-df40f5e570b8"'),
    ("'b'::ENUM('a', 'b')", '"b"'),
    ("unhex('DEADBEEF')", '"\\\\xdeadbeef"'),
    ("''::BLOB", '"\\\\x"'),
    ("'101'::BIT", '"101"'),
    ("'[1, NaN]'::JSON", '"[1, NaN]"'),
]

NESTED = [
    ("[1, NULL, 3]", "[1,null,3]"),
    ("[]::INTEGER[]", "[]"),
    ("NULL::INTEGER[]", "null"),
    ("[[1.50, NULL], NULL, []]", "[[1.50,null],null,[]]"),
    ("[1, 2]::INTEGER[2]", "[1,2]"),
    ("[TIMESTAMPTZ '2025-11-04 12:00:00+00']", '["2025-11-04T12:00:00+00:00"]'),
    ("{'a': 1, 'it''s \"b\"': 'x', 'c': NULL::DATE}", '{"a":1,"it\'s \\"b\\"":"x","c":null}'),
    ("[{'x': {'y': ['nan'::DOUBLE]}}]", '[{"x":{"y":["NaN"]}}]'),
    ("map {'k': 1.10, 'l': NULL}", '{"k":1.10,"l":null}'),
    ("map {1: true}", '{"1":true}'),
    ("map {DATE '2025-01-01': [map {'a': 'b'}]}", '{"2025-01-01":[{"a":"b"}]}'),
    ("map {'x\"': 1}", '{"x\\"":1}'),
]

#: Types that older versions of DuckDB lack.
NEWER = [
    ("'1234567890123456789012345678901234567890'::BIGNUM", "1234567890123456789012345678901234567890"),
    ("row(1, 'x')", '[1,"x"]'),
]
ALL = NUMBERS + TIMES + TEXTS + NESTED + (NEWER if duckdb.__version__ >= "2" else [])


@cases(("expression", "expected"), ALL)
def test_a_value_is_sent_as(run: Callable[[str], QueryResult], expression: str, expected: str) -> None:
    """Each value has exactly this JSON text, and the text is valid JSON."""
    result = run(f"SELECT {expression} AS v")
    assert result.rows.decode() == f"[{expected}]"
    json.loads(result.rows)


@cases("expression", [expression for expression, _ in ALL])
def test_null_of_any_type_is_null(run: Callable[[str], QueryResult], expression: str) -> None:
    """NULL is null in a column of any type."""
    result = run(f"FROM range(1) AS t(i) SELECT CASE WHEN i = 1 THEN {expression} END AS v")
    assert result.rows == b"[null]"


def test_an_untyped_null_is_null(run: Callable[[str], QueryResult]) -> None:
    """A column of NULL without a type is sent as nulls."""
    assert run("SELECT NULL AS v").rows == b"[null]"


def test_text_of_every_character_survives(run: Callable[[str], QueryResult]) -> None:
    """A JSON parser reads back each of the first 55,000 characters, control characters included."""
    rows = run("SELECT chr(i::INTEGER) FROM range(0, 55000) AS t(i) ORDER BY i").rows
    assert [row[0] for row in json.loads(b"[" + rows + b"]")] == [chr(i) for i in range(55_000)]
