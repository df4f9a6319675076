"""The columns: DuckDB's are the edge cases of fidelity, PostgreSQL's and SQLite's are written here."""

from typing import Any, Final

from tests.verification.fidelity.edge_cases import edge_cases


def duckdb_columns() -> dict[str, str]:
    found = {}
    for name, (type_, values) in edge_cases().items():
        rows = ", ".join(f"({_text(value)})" for value in values)
        if values:
            found[name] = f"SELECT CAST(v AS {type_}) AS v FROM (VALUES {rows}) AS t (v)"
    return found


def _text(value: str | None) -> str:
    if value is None:
        return "NULL::VARCHAR"
    return "'" + value.replace("'", "''").replace("\0", "' || chr(0) || '") + "'"


POSTGRES: Final = {
    "smallint": "(1::int2), (-5), (NULL)",
    "integer": "(1::int4), (2147483647), (NULL)",
    "bigint": "(9007199254740993::int8), (-9223372036854775808), (NULL)",
    "beyond int64, as uint64": "(18446744073709551615::numeric), (1), (NULL)",
    "beyond uint64": "(123456789012345678901234567890::numeric), (1)",
    "boolean": "(true), (false), (NULL)",
    "double precision": "(0.1::float8), (-2.5), (1e300), (NULL)",
    "real": "(0.1::float4), (3.25), (NULL)",
    "money as numeric": "(984.18::numeric(10,2)), (0.10), (1999.99), (NULL)",
    "numeric of 18 digits": "(1234567890123456.78::numeric(38,2)), (0.01)",
    "numeric, averages": "(3.3333333333333333::numeric), (2.5000000000000000)",
    "text": "('Łódź'::text), (''), (NULL), ('NA')",
    "text of digits": "('00123'::varchar), ('1e5')",
    "char": "('ab'::char(5)), ('abcde')",
    "one byte": "('a'::\"char\"), (''), (NULL)",
    "uuid": "('729cb7a4-4b06-449e-a3c9-df40f5e570b8'::uuid), (NULL)",
    "enum": "('sad'::mood), ('ok'), (NULL)",
    "bytea": "('\\xdeadbeef'::bytea), ('\\x00ff')",
    "date": "('2025-03-30'::date), ('0001-01-01'), ('9999-12-31'), (NULL)",
    "date, infinite": "('2025-03-30'::date), ('infinity'), ('-infinity')",
    "date, BC": "('2025-03-30'::date), ('0044-03-15 BC')",
    "timestamp": "('2025-03-30 10:00:00.123456'::timestamp), ('2025-03-30 02:30:00'), (NULL)",
    "timestamp, infinite": "('-infinity'::timestamp), ('2025-03-30 10:00:00.5')",
    "timestamptz": "('2025-03-30 00:30:00.123456+00'::timestamptz), ('2025-10-26 01:30:00+02'), (NULL)",
    "timestamptz, infinite": "('infinity'::timestamptz), ('2025-03-30 10:00:00+00')",
    "timestamptz, BC": "('0044-03-15 10:00:00+00 BC'::timestamptz), ('2025-03-30 10:00:00.5+00')",
    "time": "('10:00:00'::time), ('23:59:59.999999'), (NULL)",
    "time, 24:00": "('10:00:00.12'::time), ('24:00:00')",
    "interval": "('1 day 02:00:00'::interval), ('10 days 02:00:00.5'), (NULL)",
    "array": "('{1,2}'::int8[]), ('{3}'), (NULL)",
    "array of numeric": "('{1.5,2.25}'::numeric[]), ('{}')",
    "array of text": "('{a,NULL}'::text[]), ('{\"b,c\"}')",
    "jsonb of one shape": '(\'{"city": "Łódź", "orders": 3}\'::jsonb), (\'{"city": "Oslo", "orders": 1}\')',
    "jsonb of two shapes": "('{\"a\": 1.50}'::jsonb), ('[1, 2]')",
    "json": '(\'{"a":  [1, {"b": null}]}\'::json), (NULL)',
    "only nulls": "(NULL::timestamptz), (NULL)",
}
#: The sections of their statistics; the others have ``general`` alone.
SECTIONS: Final = {
    **dict.fromkeys(
        ("bigint", "beyond int64, as uint64", "real", "double precision", "money as numeric"), "numeric"
    ),
    **dict.fromkeys(("text", "text of digits", "char", "uuid", "enum"), "string"),
    **{
        name: "temporal"
        for name in POSTGRES
        if name.split(",")[0] in {"date", "timestamp", "timestamptz", "time", "interval", "only nulls"}
    },
}
#: Values of SQLite by name; the driver's types are those of the first rows.
SQLITE: Final[dict[str, list[Any]]] = {
    "whole numbers": [1, -5, None, 9007199254740993, -(2**63)],
    "floats": [0.1, 2.5, None, 1e300],
    "floats that are whole": [1.0, 2.0],
    "whole numbers, then floats": [1, 2.5],
    "texts": ["Łódź", "", None, "NA"],
    "texts of digits": ["00123", "1e5"],
    "dates": ["2025-03-30", "9999-12-31", None],
    "times": ["2025-03-30 10:00:00", "2025-03-30 10:00:00.123456"],
    "truth values": [1, 0, None],
    "only nulls": [None, None],
    "a null first": [None, "a"],
    "numbers and texts": [1, "a"],
}
