"""The grammar of temporal text, and what min and max say about the type of rows that were cut."""

from datetime import date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connecty_frames.decode.cells import CellError
from connecty_frames.decode.types import spellings, times
from connecty_frames.decode.types.spellings import TemporalFormat, fit_bounds, match_format, trim_zeros
from tests.cases import cases

DATE, NAIVE, AWARE = TemporalFormat.DATE, TemporalFormat.NAIVE, TemporalFormat.AWARE
TIME, DURATION = TemporalFormat.TIME, TemporalFormat.DURATION


def format_of(texts: list[str]) -> TemporalFormat:
    return spellings.format_of(pa.array(texts, pa.string()))


@cases(
    ("format_", "texts"),
    [
        (DATE, ["2025-01-01", "0001-01-01", "9999-12-31", "2024-02-29"]),
        (NAIVE, ["2025-01-01T00:00", "2025-01-01 23:59:59", "2025-01-01T00:00:00.1"]),
        (NAIVE, ["2025-01-01T00:00:00.123456789", "2025-01-01T24:00", "2025-01-01T24:00:00.000"]),
        (NAIVE, ["2025-01-01t00:00:00"]),
        (AWARE, ["2025-01-01T00:00:00Z", "2025-01-01 00:00:00+01", "2025-01-01T00:00+0100"]),
        (AWARE, ["2025-01-01T00:00:00.5-09:30", "1890-01-01T00:00:00+01:24:39", "2025-01-01T24:00:00-01:00"]),
        (AWARE, ["2025-01-01T00:00:00 Z", "2025-01-01t00:00:00z", "2025-01-01 00:00:00.000 +0200"]),
        (AWARE, ["2025-01-01 00:00:00 UTC", "2025-01-01T00:00UTC", "2025-01-01 00:00:00 +0000 UTC"]),
        (AWARE, ["2025-01-01 00:00:00+00:00UTC", "2025-01-01T00:00-05:00[America/New_York]"]),
        (AWARE, ["2025-01-01 00:00:00 +0100 CET", "2025-01-01T00:00Z[UTC][u-ca=iso8601]"]),
        (TIME, ["00:00", "23:59:59.999999999"]),
        (DURATION, ["P1W", "P1DT2H3M4.5S", "-PT1M", "P-1DT-0.5S", "24:00:01"]),
        (DURATION, ["100:00:00", "-01:00:00", "+01:00:00"]),
    ],
)
def test_formats(format_: TemporalFormat, texts: list[str]) -> None:
    """What the grammar admits."""
    assert [format_of([text]) for text in texts] == [format_] * len(texts)


@cases(
    ("reason", "texts"),
    [
        ("is empty, not null", [""]),
        ("is padded with white space", [" 2025-01-01", "2025-01-01\n"]),
        ("is infinite", ["infinity", "-infinity"]),
        ("is before the year 1", ["0044-03-15 BC"]),
        ("is after the year 9999", ["10000-01-01", "+12025-01-01T00:00:00"]),
        ("is in the year 0000", ["0000-01-01"]),
        ("is a leap second", ["2025-06-30T23:59:60Z"]),
        ("is a time with an offset", ["12:30+01:00", "12:30:00Z"]),
        ("has more than 9 digits of a second", ["2025-01-01T00:00:00.1234567891"]),
        ("may be a time of day or a duration", ["24:00:00", "24:00:00.0", "2:00:00"]),
        ("is a duration with years, months or a fraction", ["P1Y", "P1M", "1 mon", "1 year 2 days", "P0.5D"]),
        ("is a duration without parts", ["P", "P1DT"]),
        ("is not a day of the calendar", ["2025-02-29", "1900-02-29T00:00:00Z"]),
        (
            "is not an ISO 8601 date or time",
            [
                *("2025", "2025-01", "20250101", "2025-1-1", "2025-001", "2025-W01-1", "01/02/2025"),
                *("2025-13-01", "2025-00-10", "2025-01-32", "2025-01-01T00:00:00,5", "2025-01-01T25:00"),
                *("2025-01-01T00:60", "2025-01-01T24:00:01", "2025-01-01T24:01", "2025-01-01T00:00:00  Z"),
                *("2025-01-01T00:00:00+24:00", "2025-01-01T00:00:00 +0200 UTC", "2025-01-01T00:00:00 CET"),
                *("2025-01-01T00:00:00 utc", "2025-01-01T00:00:00[Europe/Berlin]", "Poland"),
                *("2025-01-01T00:00:00Z[!u-ca=hebrew]", "2025-01-01T00:00:00Z[Europe/Berlin"),
                *("2025-01-01T00:00:00Z []", "1 day 25", "1 day,2:00", "1 day 01:60:00", "1-0 1 2:0:0"),
                *("1.24:00:00", "2025-01-01T00:00:00+0100 GMT", "2025-01-01T00:00:00Z CET"),
                *("2025-01-01T00:00:00+0100 Europe/Berlin", "25:00", "2025-01-01T00:00:00+0100:30"),
                *("2025-01-01T00:00:00.", "2025-01-01T00:00:00+1:00", "2025-01-01T", "2025-01-0\u0661"),
                *("\u0662025-01-01", "1:30", "32,5", "4,391,674", "today", "1735689600", "\x00"),
            ],
        ),
    ],
)
def test_no_format(reason: str, texts: list[str]) -> None:
    """Everything else is not temporal text, and the reason says why."""
    for text in texts:
        with pytest.raises(CellError) as caught:
            format_of([text])
        assert caught.value.reason.startswith(reason), text
        assert caught.value.value == text


@cases(
    ("texts", "row", "reason"),
    [
        (["2025-01-01", "2025-01-01T00:00"], 1, "is one of the timestamps without offset; others are dates"),
        (["2025-01-01T00:00", "2025-01-01T00:00Z"], 1, "is one of the timestamps with offsets; others are t"),
        (["12:00", "12:30", "2025-01-01"], 2, "is one of the dates; others are times of day"),
        (["2025-01-01", "2025-01-02", "x"], 2, "is not an ISO 8601 date or time"),
        (["10:00", "1 day, 2:00:00"], 1, "is one of the durations; others are times of day"),
    ],
)
def test_mixed_formats(texts: list[str], row: int, reason: str) -> None:
    """Two formats in one column have no type; the first value of another format is named."""
    with pytest.raises(CellError) as caught:
        format_of(texts)
    assert caught.value.row == row
    assert caught.value.reason.startswith(reason)


# --- durations --------------------------------------------------------------------------------------

DAY, HOUR, SECOND = 86_400_000_000_000, 3_600_000_000_000, 1_000_000_000


@cases(
    ("text", "nanoseconds"),
    [
        # ISO 8601, with PostgreSQL's signs.
        ("P1DT2H", DAY + 2 * HOUR),
        ("-P1W", -7 * DAY),
        ("P-1DT2H-3M-0.5S", -DAY + 2 * HOUR - 180 * SECOND - SECOND // 2),
        # Python: the sign is of the days.
        ("1 day, 2:00:00", DAY + 2 * HOUR),
        ("-1 day, 22:00:00", -2 * HOUR),
        ("3 days, 0:00:00.000001", 3 * DAY + 1_000),
        # pandas, and PostgreSQL.
        ("1 days 02:00:00.5", DAY + 2 * HOUR + SECOND // 2),
        ("-1 days +22:00:00", -2 * HOUR),
        ("0 days 00:00:00.000000001", 1),
        ("1 day -02:00:00", DAY - 2 * HOUR),
        ("-3 days", -3 * DAY),
        # Trino and Athena: the sign is of the whole.
        ("1 02:00:00.000", DAY + 2 * HOUR),
        ("-1 02:00:00.000", -DAY - 2 * HOUR),
        ("-0 00:00:01.000", -SECOND),
        # Spark and Databricks.
        ("INTERVAL '1 02:00:00' DAY TO SECOND", DAY + 2 * HOUR),
        ("INTERVAL '-1 02:00:00.25' DAY TO SECOND", -DAY - 2 * HOUR - SECOND // 4),
        # .NET: the sign is of the whole.
        ("1.02:00:00", DAY + 2 * HOUR),
        ("-1.02:00:00.0000001", -DAY - 2 * HOUR - 100),
        # BigQuery: days and time have signs of their own.
        ("0-0 1 2:0:0", DAY + 2 * HOUR),
        ("0-0 -1 -2:0:0.5", -DAY - 2 * HOUR - SECOND // 2),
        ("0-0 1 -2:0:0", DAY - 2 * HOUR),
        # MariaDB.
        ("838:59:59", 838 * HOUR + 59 * 60 * SECOND + 59 * SECOND),
        ("-00:00:01", -SECOND),
        ("24:00:01", DAY + SECOND),
    ],
)
def test_lengths(text: str, nanoseconds: int) -> None:
    """Each spelling is exactly this long."""
    assert times.read_text(text, pa.duration("ns")).value == nanoseconds
    assert match_format(text) is TemporalFormat.DURATION


@given(st.timedeltas(timedelta(days=-99_999), timedelta(days=99_999)))
def test_spellings_by_independent_writers(delta: timedelta) -> None:
    """What Python and pandas write, also in one column, is the duration that they wrote."""
    texts = [str(delta), str(pd.Timedelta(delta)), pd.Timedelta(delta).isoformat()]
    assert times.read(pa.array(texts), pa.duration("us")).to_pylist() == [delta] * 3


# --- bounds -----------------------------------------------------------------------------------------


@cases(
    ("values", "bounds", "format_", "counted"),
    [
        # Of the same format: two more values.
        (DATE, ["2025-01-01"], DATE, ["2025-01-01"]),
        (AWARE, ["2025-01-01T10:00:00.1234567Z"], AWARE, ["2025-01-01T10:00:00.1234567Z"]),
        # Midnight is the date, and a date is its midnight.
        (DATE, ["2025-01-01T00:00:00", "2025-01-02 00:00:00 UTC"], DATE, []),
        (DATE, ["2025-01-01T00:00+02:00", "2025-01-02T00:00:00.000Z"], DATE, []),
        (NAIVE, ["2025-01-01"], NAIVE, []),
        (AWARE, ["2025-01-01"], AWARE, []),
        # Another value needs another type.
        (DATE, ["2025-01-01", "2025-01-02T17:30:00"], NAIVE, ["2025-01-01", "2025-01-02T17:30:00"]),
        # Of a format that the column's values cannot have, or unreadable: no evidence.
        (AWARE, ["2025-01-01T00:00:00"], AWARE, []),
        (NAIVE, ["2025-01-01T00:00:00Z"], NAIVE, []),
        (DATE, ["10:00:00"], DATE, []),
        (DURATION, ["01:00:00", "24:00:00"], DURATION, ["01:00:00", "24:00:00"]),
        (TIME, ["10:00:00", "12345 days 00:00:00"], TIME, ["10:00:00"]),
        (TIME, ["2:00:00"], TIME, []),
        (DATE, ["abc", "04/03/2025", "2025-02-30"], DATE, []),
        (DURATION, ["0.30000000000000004"], DURATION, []),  # seconds as a float
        # Without values the bounds decide.
        (None, ["2025-01-01", "2025-01-02"], DATE, ["2025-01-01", "2025-01-02"]),
        (None, ["2025-01-01", "2025-01-02T00:00:00"], DATE, ["2025-01-01"]),
        (None, ["2025-01-01T00:00:00", "2025-01-02"], DATE, ["2025-01-02"]),
        (None, ["abc", "10:00"], TIME, ["10:00"]),
        (None, ["abc"], AWARE, []),
    ],
)
def test_formats_of_bounds(
    values: TemporalFormat | None, bounds: list[str], format_: TemporalFormat, counted: list[str]
) -> None:
    """The format of values and bounds together, and the bounds that count as values of it."""
    assert fit_bounds(values, bounds) == (format_, counted)


@cases(
    ("values", "bound", "reason"),
    [
        (DATE, "infinity", "is infinite"),
        (AWARE, "0044-03-15 00:00:00 BC", "is before the year 1"),
        (NAIVE, "10000-01-01T00:00:00", "is after the year 9999"),
        (None, "2016-12-31T23:59:60Z", "is a leap second"),
        (TIME, "24:00:00", "may be a time of day or a duration"),
        (DURATION, "PT0.1234567891S", "has more than 9 digits of a second"),
        (NAIVE, "2025-01-01 00:00:00.1234567891", "has more than 9 digits of a second"),
        (DURATION, "1 mon", "is a duration with years, months or a fraction of no fixed length"),
        (DATE, "2025-01-01T17:30:00Z", "is one of the timestamps with offsets; others are dates"),
    ],
)
def test_what_no_type_holds(values: TemporalFormat | None, bound: str, reason: str) -> None:
    """A bound that is a value, but of no type that holds the others too, is an error without a row."""
    with pytest.raises(CellError) as caught:
        fit_bounds(values, [bound])
    assert (caught.value.row, caught.value.value, caught.value.reason) == (None, bound, reason)


@cases(
    ("bound", "texts", "trimmed"),
    [
        # Of a writer that always prints nine digits, beside rows of another one.
        ("2025-01-01 10:00:00.000000000", ["2025-01-01 10:00:00"], "2025-01-01 10:00:00.000000"),
        ("2025-01-01 10:00:00.120000000", ["2025-01-01 10:00:00.12"], "2025-01-01 10:00:00.120000"),
        ("1 02:00:00.500000000", ["1 02:00:00.500"], "1 02:00:00.500000"),
        # Of the writer of the rows, which leaves out fractions of zero.
        ("23:59:59.9999990", ["10:00:00"], "23:59:59.9999990"),
        ("10.02:00:00.5000000", ["1.02:00:00"], "10.02:00:00.5000000"),
        # A digit that is none of these zeros stays.
        ("2025-01-01 10:00:00.000000100", ["2025-01-01 10:00:00.5"], "2025-01-01 10:00:00.0000001"),
    ],
)
def test_zeros(bound: str, texts: list[str], trimmed: str) -> None:
    """Zeros beyond microseconds ask for nanoseconds only if the writer of the rows prints them."""
    assert trim_zeros([bound], pa.array(texts, pa.string())) == [trimmed]


# --- local times --------------------------------------------------------------------------------------


@cases(
    "name", ["Europe/Warsaw", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia"]
)
def test_local_times(name: str) -> None:
    """Each is the instant that the standard library finds, on days when clocks change as well."""
    zone = ZoneInfo(name)
    times_of_day = (datetime(2011, 6, 1) + timedelta(hours=3 * step) for step in range(2_920))
    single = [
        local
        for local in times_of_day
        if local.replace(tzinfo=zone).utcoffset() == local.replace(tzinfo=zone, fold=1).utcoffset()
    ]
    found = spellings.to_utc(pa.array([*single, None], pa.timestamp("us")), zone, single)
    expected = [int(local.replace(tzinfo=zone).timestamp()) * 1_000_000 for local in single]
    assert found.to_pylist() == [*expected, None]


def test_few_offsets_are_looked_up() -> None:
    """One lookup serves both ends of a day, or of a quarter of an hour on a day when clocks change."""
    lookups = 0

    class Counting(tzinfo):
        def utcoffset(self, local: datetime | None) -> timedelta | None:
            nonlocal lookups
            lookups += 1
            return ZoneInfo("Europe/Warsaw").utcoffset(local)

    start = datetime(2024, 3, 30)
    local = [start + timedelta(seconds=7 * number) for number in range(24_686)]
    local = [each for each in local if each.date() != date(2024, 3, 31) or each.hour != 2]
    found = spellings.to_utc(pa.array(local, pa.timestamp("us")), Counting(), local)
    assert (found[0].as_py(), found[-1].as_py()) == (1711753200000000, 1711922395000000)
    assert lookups <= 2 * (3 + 96)


@cases(
    ("local", "state"),
    [
        ("2024-10-27T02:30:00", "ambiguous: it occurs twice"),
        ("2024-03-31T02:30:00", "missing: it does not occur"),
    ],
)
def test_local_times_that_are_none_or_two(local: str, state: str) -> None:
    """The first row is named, behind one of the same day that is a single instant."""
    texts = pa.array([None, f"{local[:10]}T12:00:00", local, local])
    naive = times.read(texts, pa.timestamp("us"))
    with pytest.raises(CellError, match=state) as caught:
        spellings.to_utc(naive, ZoneInfo("Europe/Warsaw"), texts)
    assert (caught.value.row, caught.value.value) == (2, local)
