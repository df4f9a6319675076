"""Min and max of the statistics beside the values: what is the same in another spelling, and what is not.

All rows came, so the values alone decide on the type.
"""

from typing import Final

import pytest

from connecty_frames.errors import ResponseError, StatisticsWarning
from tests.cases import cases
from tests.decode.conftest import Decode

#: The section of each column, its cells, and its type.
COLUMNS: Final = {
    "integers": ("numeric", "1 | 3 | null", "int64"),
    "million": ("numeric", "-3 | 1000000", "int64"),
    # 2**53 + 1 is no float64: the nearest one is 2**53.
    "ids": ("numeric", "1 | 9007199254740993 | null", "int64"),
    "int64": ("numeric", "-9223372036854775808 | 9223372036854775807", "int64"),
    "uint64": ("numeric", "0 | 18446744073709551615", "uint64"),
    "long": ("numeric", "0 | 123456789012345678901234567890", "decimal128(38, 0)"),
    "floats": ("numeric", "1.5 | 2.25", "double"),
    "computed": ("numeric", "0.1 | 0.30000000000000004", "double"),
    "cut": ("numeric", "1.67 | 2.33", "double"),
    "money": ("numeric", "10.10 | 12345678901234567.89", "decimal128(38, 2)"),
    "days": ("temporal", '"2025-03-30" | "2025-03-31" | null', "date32[day]"),
    "midnights": ("temporal", '"2025-03-30T00:00:00" | "2025-03-31T00:00:00"', "timestamp[us]"),
    "naive": ("temporal", '"2025-03-30 09:15:00.250001" | "2025-03-31 17:30:00.5"', "timestamp[us]"),
    "aware": (
        "temporal",
        '"2025-03-30T00:30:00.000001Z" | "2025-03-30T03:30:00+02:00"',
        "timestamp[us, tz=UTC]",
    ),
    "times": ("time", '"00:00:00" | "23:59:59.999999"', "time64[us]"),
    "durations": ("temporal", '"PT1H" | "P1DT2H"', "duration[us]"),
}

#: The column, the min, the max (JSON in numeric columns, texts in others), and the expected warnings: which
#: bound differs from that of the values, or cannot be compared and why.
Case = tuple[str, str, str, list[str]]

AGREE: Final[list[Case]] = [
    ("integers", "1", "3", []),
    ("integers", "1.0", "3.0", []),
    ("integers", "1e0", "3e0", []),
    ("integers", '"1"', '"3.00"', []),
    ("million", "-3.0", "1E+6", []),
    # Beyond 2**53 a float has no more digits.
    ("ids", "1.0", "9007199254740992.0", []),
    ("ids", "1", "9.007199254740992e15", []),
    ("ids", "1", '"9007199254740992.0"', []),
    ("int64", "-9.223372036854775808e18", "9.223372036854775807e18", []),
    ("int64", "-9223372036854775808.0", "9.223372036854776e18", []),
    ("uint64", "0.0", "18446744073709552000.0", []),
    ("long", "0", "1.2345678901234568e29", []),
    ("money", "10.1", "1.2345678901234568e16", []),
    # These say nothing.
    ("integers", "null", "null", []),
    ("integers", '""', '"None"', []),
    ("integers", '"nan"', '"NaN"', []),
    ("integers", '"NaT"', '"NULL"', []),
    ("integers", '"none"', "3", []),
    ("days", "NaT", "None", []),
    ("days", "", "2025-03-31", []),
    ("aware", "nan", "nat", []),
    # Fractions and decimals.
    ("floats", '"1.50"', "225e-2", []),
    ("computed", "0.1", "0.3", []),
    ("computed", "0.10000000149011612", "0.30000000000000004", []),
    ("cut", "1.6666666666666667", "2.3333333333333335", []),
    ("money", "10.1", "12345678901234567.890", []),
    # Dates, also written as their midnight.
    ("days", "2025-03-30", "2025-03-31", []),
    ("days", "2025-03-30T00:00:00", "2025-03-31 00:00:00", []),
    ("days", "2025-03-30T00:00:00.000", "2025-03-31T00:00", []),
    ("days", "2025-03-30T00:00:00Z", "2025-03-31T00:00:00+00:00", []),
    ("days", "2025-03-30T00:00:00+01:00", "2025-03-31 00:00:00+02", []),
    ("days", "2025-03-30T00:00:00-0700", "2025-03-30T24:00:00", []),
    # Timestamps, also written as the date of a midnight.
    ("midnights", "2025-03-30", "2025-03-31", []),
    ("midnights", "2025-03-30 00:00", "2025-03-30T24:00:00", []),
    ("naive", "2025-03-30T09:15:00.250001000", "2025-03-31T17:30:00.500000", []),
    ("aware", "2025-03-30T01:30:00.000001+01:00", "2025-03-30T01:30:00Z", []),
    ("aware", "2025-03-29 17:30:00.000001-07", "2025-03-30T07:00:00+0530", []),
    # Times of day and durations.
    ("times", "00:00", "23:59:59.999999000", []),
    ("durations", "PT60M", "PT26H", []),
    ("durations", "PT3600.000S", "P1DT120M", []),
]

DISAGREE: Final[list[Case]] = [
    # Off by one in the last digit.
    ("integers", "2", "3", ["min"]),
    ("integers", "1.0", "2.0", ["max"]),
    ("ids", "1", "9007199254740992", ["max"]),
    ("ids", "1", "9007199254740990.0", ["max"]),
    ("uint64", "0", "18446744073709551614", ["max"]),
    ("floats", "1.5", "2.26", ["max"]),
    ("money", "10.11", "12345678901234567.89", ["min"]),
    ("money", "10.10", "12345678901234567.88", ["max"]),
    ("days", "2025-03-29", "2025-03-31", ["min"]),
    ("days", "2025-03-30", "2025-04-01T00:00:00Z", ["max"]),
    ("naive", "2025-03-30 09:15:00.250002", "2025-03-31 17:30:00.5", ["min"]),
    ("aware", "2025-03-30T00:30:00.000002Z", "2025-03-30T01:30:00Z", ["min"]),
    ("times", "00:00", "23:59:59.999998", ["max"]),
    ("durations", "PT1H", "P1DT2H1S", ["max"]),
    # An hour of summer time, and what a clock shows taken for an instant.
    ("aware", "2025-03-30T00:30:00.000001Z", "2025-03-30T03:30:00+01:00", ["max"]),
    ("aware", "2025-03-30T01:30:00.000001Z", "2025-03-30T01:30:00Z", ["min"]),
    # Swapped.
    ("integers", "3", "1", ["min", "max"]),
    ("floats", "2.25", "1.5", ["min", "max"]),
    ("days", "2025-03-31", "2025-03-30", ["min", "max"]),
    ("aware", "2025-03-30T01:30:00Z", "2025-03-30T00:30:00.000001Z", ["min", "max"]),
    ("times", "23:59:59.999999", "00:00:00", ["min", "max"]),
    # Far outside, and infinite.
    ("integers", "-100", "1e30", ["min", "max"]),
    ("integers", '"-Infinity"', '"inf"', ["min", "max"]),
    ("days", "-infinity", "infinity", ["min", "max"]),
    ("naive", "-infinity", "2025-03-31 17:30:00.5", ["min"]),
    ("aware", "2025-03-30T00:30:00.000001Z", "Infinity", ["max"]),
    ("durations", "PT1H", "infinity", ["max"]),
    # Unreadable.
    ("integers", '"abc"', "3", ["min is not a number"]),
    ("integers", "1", '"1,000"', ["max is not a number"]),
    ("floats", "1.5", '"2025-01-01"', ["max is not a number"]),
    ("days", "04/03/2025", "2025-03-31", ["min is not an ISO 8601 date or time"]),
    ("days", "2025-03-30", "2025-02-30", ["max is not a day of the calendar"]),
    ("days", "2025-03-30T00:00:00+99:00", "2025-03-31", ["min is not an ISO 8601 date or time"]),
    ("naive", "abc", "0000-03-31 25:00:00", ["min is not an ISO 8601 date", "max is in the year 0000"]),
    ("aware", "2025-03-30T00:30:00.000001Z", "1743298200", ["max is not an ISO 8601 date or time"]),
    ("times", "0", "23:59:59.999999", ["min is not an ISO 8601 date or time"]),
    ("times", "00:00:00Z", "23:59:59.999999", ["min is a time with an offset"]),
    ("durations", "P1Y", "P1DT2H", ["min is a duration with years"]),
    # Of another form.
    ("days", "2025-03-30", "2025-03-31T17:30:00", ["max is not a midnight"]),
    ("days", "2025-03-30", "2025-03-30T23:00:00Z", ["max is not a midnight"]),
    ("days", "00:00:00", "2025-03-31", ["min is among times of day"]),
    ("midnights", "2025-03-30T00:00:00Z", "2025-03-31", ["min is among timestamps with offsets"]),
    (
        "aware",
        "2025-03-30T00:30:00.000001",
        "2025-03-30",
        ["min is among timestamps without offset", "max is among dates"],
    ),
    ("times", "00:00:00", "1970-01-01T23:59:59", ["max is among timestamps without offset"]),
    ("durations", "PT1H", "2025-03-31", ["max is among dates"]),
]

#: Spellings beyond ISO 8601.
SPELLED: Final[list[Case]] = [
    ("days", "2025-03-30 00:00:00 UTC", "2025-03-31T00:00:00+02:00[Europe/Berlin]", []),
    ("days", "2025-03-30t00:00:00z", "2025-03-31 00:00:00.000 +0000 UTC", []),
    ("naive", "2025-03-30t09:15:00.250001", "2025-03-31t17:30:00.5", []),
    ("aware", "2025-03-30 00:30:00.000001 UTC", "2025-03-30t01:30:00z", []),
    ("aware", "2025-03-30 00:30:00.000001 +0000 UTC", "2025-03-30T03:30:00+02:00[Europe/Berlin]", []),
    ("aware", "2025-03-30 02:30:00.000001 +02:00", "2025-03-30 01:30:00 Z", []),
    ("durations", "0 days 01:00:00", "1 day, 2:00:00", []),
    ("durations", "0 01:00:00.000", "26:00:00", []),
    ("aware", "2025-03-30 00:30:00.000002 UTC", "2025-03-30 03:30:00 +01:00", ["min", "max"]),
    ("durations", "1 days 01:00:00", "26:00:01", ["min", "max"]),
    ("naive", "2025-03-30 09:15:00.250001 UTC", "2025-03-31 17:30:00.5", ["min is among timestamps with"]),
    ("days", "2025-03-30 00:00:00 UTC", "2025-03-31 17:30:00 UTC", ["max is not a midnight"]),
]


@cases(("column", "least", "most", "expected"), AGREE + DISAGREE + SPELLED)
def test_bounds_of_a_whole_result(
    decode_json: Decode, column: str, least: str, most: str, expected: list[str]
) -> None:
    """Whatever the bounds are, the type is that of the values, and each disagreement is one warning."""
    section, cells, type_ = COLUMNS[column]
    count = cells.count("|") + 1
    rows = ",".join(f"[{cell}]" for cell in cells.split(" | "))
    if section in ("temporal", "time"):
        least, most = f'"{least}"', f'"{most}"'
    stated = f'{{"general":{{"count":{count}}},"{section}":{{"min":{least},"max":{most}}}}}'
    body = (f'[["c"],{rows}]', f'{{"c":{stated}}}')
    found = decode_json(*body)
    assert str(found.columns[0].type) == type_
    assert all(isinstance(warning, StatisticsWarning) for warning in found.warnings)
    bounds = {"min": least.strip('"'), "max": most.strip('"')}
    for warning, line in zip(map(str, found.warnings), expected, strict=True):
        end, _, reason = line.partition(" ")
        if reason:
            assert f"cannot be compared with the statistics' {end}: '{bounds[end]}' {reason}" in warning
        else:
            assert warning.endswith(f", but the statistics' {end} is {bounds[end]}.")
    if expected:
        with pytest.raises(ResponseError, match="strict=True"):
            decode_json(*body, strict=True)
