"""Queries over the sample workspace, and the table of edge cases, a line each."""

# ruff: noqa: E501 - a table is easier to search and to read with one case in a line

from typing import Final

QUERIES: Final = {
    "users": "SELECT * FROM usr.users ORDER BY user_id",
    "logins": "SELECT * FROM usr.logins ORDER BY login_at DESC",
    "countries": "SELECT * FROM sales.countries ORDER BY country_code",
    "customers": "SELECT * FROM sales.customers ORDER BY customer_id",
    "products": "SELECT * FROM sales.products ORDER BY product_id",
    "orders": "SELECT * FROM sales.orders ORDER BY order_id",
    "no orders": "SELECT * FROM sales.orders WHERE order_id < 0",
    "top countries": """
        SELECT countries.name AS country, count(*) AS orders, sum(total) AS revenue, avg(total) AS average,
               stddev(total) AS spread, count(*) / sum(count(*)) OVER () AS share
        FROM sales.orders JOIN sales.customers USING (customer_id) JOIN sales.countries USING (country_code)
        GROUP BY country ORDER BY orders DESC, country""",
    "by month": """
        SELECT CAST(date_trunc('month', ordered_at) AS DATE) AS month, sum(total) AS revenue,
               avg(total) AS average, sum(discount) AS discounts
        FROM sales.orders GROUP BY month ORDER BY month""",
    "by hour of the autumn night": """
        SELECT time_bucket(INTERVAL 1 HOUR, ordered_at) AS hour, count(*) AS orders FROM sales.orders
        WHERE ordered_at >= TIMESTAMPTZ '2024-10-26 20:00:00+00' AND ordered_at < TIMESTAMPTZ '2024-10-27 04:00:00+00'
        GROUP BY hour ORDER BY hour""",
    "items": """
        SELECT order_id, list({'product': product_id, 'quantity': quantity, 'price': unit_price} ORDER BY line) AS items
        FROM sales.order_items WHERE order_id <= 40 GROUP BY order_id ORDER BY order_id""",
}

_TYPES: Final = (
    "BOOLEAN", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL(18,2)", "DOUBLE", "VARCHAR", "DATE", "TIMESTAMP",
    "TIMESTAMPTZ", "TIMESTAMP_NS", "TIME", "INTERVAL", "UUID", "BLOB", "INTEGER[]", "STRUCT(a INTEGER)",
)  # fmt: skip


def edge_cases() -> dict[str, tuple[str, tuple[str | None, ...]]]:
    """Return the table of edge cases, and for each type a column of nulls and one without rows."""
    nulls = {f"only nulls: {kind}": (kind, (None,) * 5) for kind in _TYPES}
    empty: dict[str, tuple[str, tuple[str | None, ...]]] = {f"no rows: {kind}": (kind, ()) for kind in _TYPES}
    return {**_EDGE_CASES, **nulls, **empty}


#: Every other number: with all of them, the distinct count would reveal a fraction between two.
_EVEN_NUMBERS: Final = tuple(str(number) for number in range(0, 240, 2))

#: Name -> DuckDB type and values as text.
_EDGE_CASES: Final[dict[str, tuple[str, tuple[str | None, ...]]]] = {
    "int64's ends": ("BIGINT", ("-9223372036854775808", "9223372036854775807", "0", "-1", None)),
    "around 2**53": (
        "BIGINT",
        ("9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993", None),
    ),
    "one large id beside nulls": ("BIGINT", (None, "1152921504606846977", None)),
    "a hundred nulls, then a number": ("BIGINT", (*[None] * 100, "7")),
    "2**63": ("HUGEINT", ("9223372036854775808", "0")),
    "uint64's end": ("UBIGINT", ("18446744073709551615", "0", None)),
    "2**64": ("HUGEINT", ("18446744073709551616", "5", None)),
    "below -2**63": ("HUGEINT", ("-9223372036854775809", "5")),
    "uint64 and negative": ("HUGEINT", ("18446744073709551615", "-1")),
    "hugeints that are small": ("HUGEINT", ("1", "2", None)),
    "a hugeint at the end": ("HUGEINT", (*_EVEN_NUMBERS, "170141183460469231731687303715884105727")),
    "39 digits": ("UHUGEINT", ("340282366920938463463374607431768211455", "1", None)),
    "76 digits": ("BIGNUM", ("9" * 76, "-" + "9" * 76, "0")),
    "77 digits": ("BIGNUM", ("1" + "0" * 76, "0", None)),
    "years as numbers": ("INTEGER", ("1999", "2024", "2025", None)),
    "the same number": ("INTEGER", ("7",) * 40),
    "money": ("DECIMAL(10,2)", ("19.99", "0.10", "100.00", "-5.50", "0.00", None)),
    "money in whole units": ("DECIMAL(18,2)", ("1.00", "25.00", "-3.00")),
    "money of 15 digits": ("DECIMAL(18,2)", ("1234567890123.45", "9999999999999.99", None)),
    "money of 16 digits": ("DECIMAL(18,2)", ("12345678901234.56", "99999999999999.99", "0.01")),
    "money of 17 digits": ("DECIMAL(18,2)", ("123456789012345.67", "0.05", None)),
    "money beyond 2**53": ("DECIMAL(38,2)", ("9007199254740993.01", "90071992547409930.00", "1.10")),
    "money of 36 digits": ("DECIMAL(38,4)", ("1234567890123456789012345678901234.5678", "-0.0001", None)),
    "money with cents at the end": ("DECIMAL(18,2)", (*_EVEN_NUMBERS, "1.50")),
    "large money at the end": ("DECIMAL(20,2)", (*_EVEN_NUMBERS, "123456789012345678.91")),
    "rates of 9 digits": ("DECIMAL(18,9)", ("0.123456789", "123456789.123456789", None)),
    "rates of 9 digits, small": ("DECIMAL(18,9)", ("0.123456789", "3.000000001", None)),
    "averages as decimals": ("DECIMAL(38,12)", ("1234567.333333333333", "0.666666666667", None)),
    "averages beyond 2**53": ("DECIMAL(38,12)", ("90071992547409931.333333333333", "1.5")),
    "averages and money": ("DECIMAL(38,12)", ("1234567.333333333333", "12345678901234567.250000000000")),
    "18 digits after the point": ("DECIMAL(38,18)", ("0.000000000000000001", "1.500000000000000000", None)),
    "37 digits after the point": ("DECIMAL(38,37)", ("0.1" + "0" * 35 + "1", "-9." + "9" * 37)),
    "decimals without a scale": ("DECIMAL(38,0)", ("9" * 38, "-1", None)),
    "floats' ends": (
        "DOUBLE",
        ("1.7976931348623157e308", "-1.7976931348623157e308", "2.2250738585072014e-308", "5e-324", None),
    ),
    "floats of all sizes": (
        "DOUBLE",
        ("0.1", "0.30000000000000004", "1e21", "1e22", "123456789012345680000", "1e-7", "-0.0", "100000"),
    ),
    "averages": ("DOUBLE", ("0.3333333333333333", "66.66666666666667", "1234.5", None)),
    "floats that are whole": ("DOUBLE", ("1", "2", "-3", None)),
    "floats beyond 2**53": ("DOUBLE", ("9007199254740992", "9007199254740994", "1e300")),
    "whole floats, then a fraction": ("DOUBLE", (*_EVEN_NUMBERS, "1.5")),
    "a fraction between whole floats": ("DOUBLE", ("1", "1.5", "3")),
    "not a number, infinite, null": ("DOUBLE", ("NaN", None, "1.5", "inf", "-inf")),
    "not a number or null": ("DOUBLE", ("NaN", None, "2.5", "3.25")),
    "only not a number": ("DOUBLE", ("NaN", "NaN")),
    "not a number at the end": ("DOUBLE", (*(f"{number}.25" for number in range(120)), "NaN")),
    "whole, then not a number": ("DOUBLE", ("1", "2", "NaN")),
    "small floats": ("FLOAT", ("0.1", "16777216", "3.4028235e38", "1e-45", "NaN", None)),
    "true, false, null": ("BOOLEAN", ("true", "false", None)),
    "only true": ("BOOLEAN", ("true", "true")),
    "dates of all years": ("DATE", ("0001-01-01", "0999-12-31", "1582-10-10", "2024-02-29", "9999-12-31", None)),
    "dates of one day": ("DATE", ("2025-01-01",) * 30),
    "a date before Christ": ("DATE", ("0044-03-15 (BC)", "2025-01-01", None)),
    "a date in year 10000": ("DATE", ("10000-01-01", "2025-01-01")),
    "infinite dates": ("DATE", ("infinity", "-infinity", "2025-01-01", None)),
    "the last date is infinite": ("DATE", (*("2025-01-01",) * 30, "infinity")),
    "timestamps of all years": (
        "TIMESTAMP",
        ("0001-01-01 00:00:00", "1600-02-29 23:59:59.999999", "9999-12-31 23:59:59.999999", None),
    ),
    "timestamps of all fractions": (
        "TIMESTAMP",
        tuple(f"2025-11-04 13:05:01.{digits}" for digits in ("1", "14", "146", "1464", "14648", "146482", "0")),
    ),
    "midnights": ("TIMESTAMP", ("2025-01-01 00:00:00", "2025-06-01 00:00:00", None)),
    "fractions at the end": ("TIMESTAMP", (*("2025-01-01 12:00:00",) * 30, "2025-01-01 12:00:00.5")),
    "a timestamp before Christ": ("TIMESTAMP", ("0044-03-15 (BC) 12:00:00", "2025-01-01 12:00:00")),
    "infinite timestamps": ("TIMESTAMP", ("infinity", "2025-01-01 12:00:00.25", None)),
    "timestamps in seconds": ("TIMESTAMP_S", ("2025-01-01 12:00:00", "1969-12-31 23:59:59", None)),
    "timestamps in milliseconds": ("TIMESTAMP_MS", ("2025-01-01 12:00:00.5", "1969-12-31 23:59:59.999")),
    "nanoseconds": (
        "TIMESTAMP_NS",
        ("2025-01-01 12:00:00.123456789", "1969-12-31 23:59:59.999999999", "2262-04-11 23:47:16.854775806", None),
    ),
    "nanoseconds that are micros": ("TIMESTAMP_NS", ("2025-01-01 12:00:00.123456", "2025-01-01 12:00:00")),
    "one nanosecond at the end": ("TIMESTAMP_NS", (*("2025-01-01 12:00:00",) * 30, "2025-01-01 12:00:00.000000001")),
    "instants in spring": (
        "TIMESTAMPTZ",
        ("2025-03-30 00:59:59.999999+00", "2025-03-30 01:00:00+00", "2025-03-30 02:30:00+00", None),
    ),
    "instants in autumn": (
        "TIMESTAMPTZ",
        ("2025-10-26 00:30:00+00", "2025-10-26 01:30:00+00", "2025-10-26 00:59:59.5+00", "2025-11-02 06:30:00+00"),
    ),
    "instants before zones": ("TIMESTAMPTZ", ("1850-06-01 12:00:00+00", "1914-12-31 23:00:00.25+00", "2025-07-01 00:00:00+00")),
    "instants of all years": ("TIMESTAMPTZ", ("0001-01-02 00:00:00+00", "9999-12-30 23:59:59.999999+00", None)),
    "the first and the last instant": ("TIMESTAMPTZ", ("0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00")),
    "infinite instants": ("TIMESTAMPTZ", ("infinity", "-infinity", "2025-01-01 12:00:00+00")),
    "instants beyond nanoseconds": ("TIMESTAMPTZ", ("1500-01-01 00:00:00.123456+00", "2500-01-01 00:00:00+00")),
    "times": ("TIME", ("00:00:00", "23:59:59.999999", "12:30:00", "07:05:09.5", None)),
    "the end of the day": ("TIME", ("24:00:00", "12:30:00")),
    "times in nanoseconds": ("TIME_NS", ("12:30:00.123456789", "00:00:00", None)),
    "times with offset": ("TIMETZ", ("12:30:00+02:00", "12:30:00.5-03:30", None)),
    "intervals": ("INTERVAL", ("2 hours 30 minutes", "0 seconds", "-90 seconds", "0.000001 seconds", "3 days", None)),
    "intervals of days and hours": ("INTERVAL", ("1 day -2 hours", "-1 day 1.5 seconds", "400 hours")),
    "intervals with months": ("INTERVAL", ("1 year 2 months 3 days", "1 hour")),
    "text like zip codes": ("VARCHAR", ("00123", "10115", "00-950", None)),
    "text like whole numbers": ("VARCHAR", ("1", "2", "3")),
    "text like ids": ("VARCHAR", ("00123", "00124", "9007199254740993")),
    "text like money": ("VARCHAR", ("1.50", "0.10", "-3")),
    "text like floats": ("VARCHAR", ("1e5", "NaN", "Infinity", "-0", "0x1F", "1_000")),
    "text like dates": ("VARCHAR", ("2025-01-01", "2025-02-28", None)),
    "text almost like dates": ("VARCHAR", ("2025-01-01", "2025-02-30", "20250101", "1/2/2025")),
    "text like timestamps": ("VARCHAR", ("2025-01-01T12:00:00", "2025-01-01T12:00:00.5")),
    "text like instants": ("VARCHAR", ("2025-01-01T12:00:00Z", "2025-01-01T12:00:00.5Z")),
    "text like times": ("VARCHAR", ("12:30:00", "07:15:00")),
    "text like periods": ("VARCHAR", ("PT5M", "P1D")),
    "text like months": ("VARCHAR", ("2025-01", "2025-02", "May", "2025")),
    "text with commas": ("VARCHAR", ("32,5", "4,391,674")),
    "text like booleans": ("VARCHAR", ("true", "false", "True", "0", "yes")),
    "text like nothing": ("VARCHAR", ("NA", "N/A", "null", "NULL", "None", "nan", "", " ", None)),
    "empty texts": ("VARCHAR", ("", "", None)),
    "empty among dates": ("VARCHAR", ("", "2025-01-01")),
    "padded text": ("VARCHAR", (" 2025-01-01", "2025-01-01 ", "\t5", "5\n")),
    "text like JSON": ("VARCHAR", ("[1, 2]", '{"a": null}', '"x"', "[NaN]", "],[", '","')),
    "quotes and escapes": ("VARCHAR", ('say "hello"', "C:\\new\\table", "ends with \\", "it's", "a\\u0041", "\\n")),
    "controls": ("VARCHAR", ("tab\tbed", "two\nlines", "two\r\nlines", "nul\0inside", "bell\a, escape\x1b[2J", "\x7f")),
    "many scripts": ("VARCHAR", ("Zażółć", "e\u0301 is two, é one", "東京都", "١٢٣", "مرحبا", "😀 👩‍👩‍👧‍👦", "\ufeff", "\u2028", "\uffff")),
    "long text": ("VARCHAR", ("long " * 5_000, "short")),
    "formulas and markup": ("VARCHAR", ("=1+1", "<b>bold</b> &amp;", "$x^2$", "100%", "%s {0}")),
    "durations of text": ("VARCHAR", ("infinity", "0044-03-15 BC", "23:59:60", "24:00:00")),
    "the same text": ("VARCHAR", ("again",) * 60),
    "enumeration": ("ENUM('low', 'high', '1')", ("low", "high", "1", None)),
    "uuids": ("UUID", ("00000000-0000-0000-0000-000000000000", "729cb7a4-4b06-449e-a3c9-df40f5e570b8", None)),
    "bytes": ("BLOB", ("\\x00\\xFF", "plain", "", None)),
    "lists of numbers": ("INTEGER[]", ("[1, 2, 3]", "[]", "[NULL]", None)),
    "lists of large numbers": ("BIGINT[]", ("[9007199254740993]", "[9223372036854775807, NULL]")),
    "lists beyond 64 bits": ("HUGEINT[]", ("[170141183460469231731687303715884105727]", "[1]")),
    "lists of money": ("DECIMAL(20,2)[]", ("[123456789012345678.91, 0.10]", "[1.00]")),
    "lists of floats": ("DOUBLE[]", ("[0.1, 1.5]", "[1e300]", None)),
    "lists of not a number": ("DOUBLE[]", ("[NaN, 1.5]", "[inf, NULL]")),
    "lists of text": ("VARCHAR[]", ("[a, '', NULL]", "['it''s', '00123']")),
    "lists of dates": ("DATE[]", ("[2025-01-01]", "[]")),
    "lists of booleans": ("BOOLEAN[]", ("[true, NULL]", "[false]")),
    "lists of lists": ("INTEGER[][]", ("[[1], []]", "[NULL, [2, 3]]", "[]")),
    "only empty lists": ("INTEGER[]", ("[]", "[]", None)),
    "structs": ("STRUCT(a INTEGER, b VARCHAR)", ("{'a': 1, 'b': x}", "{'a': NULL, 'b': NULL}", None)),
    "structs of structs": ("STRUCT(a STRUCT(x DOUBLE), b INTEGER[])", ("{'a': {'x': 0.5}, 'b': [1]}", "{'a': NULL, 'b': []}")),
    "lists of structs": ("STRUCT(a INTEGER, d DATE)[]", ("[{'a': 1, 'd': 2025-01-01}]", "[]", "[NULL]")),
    "structs with odd names": ('STRUCT("a b" INTEGER, "Ü""" BOOLEAN)', ("{'a b': 1, 'Ü\"': true}", None)),
    "maps of the same keys": ("MAP(VARCHAR, INTEGER)", ("{a=1, b=2}", "{a=3, b=NULL}", None)),
    "maps of other keys": ("MAP(VARCHAR, INTEGER)", ("{a=1}", "{b=2, a=3}", "{}")),
    "empty maps": ("MAP(VARCHAR, INTEGER)", ("{}", "{}")),
}  # fmt: skip
