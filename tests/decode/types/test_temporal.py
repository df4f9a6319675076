"""Temporal text: the grammar, and the value of each text."""

from __future__ import annotations

import datetime as dt
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connecty_frames.decode.errors import CellError
from connecty_frames.decode.types import temporal, temporal_fast
from connecty_frames.decode.types.temporal_fast import FAST_CASTS
from connecty_frames.decode.types.temporal_format import TemporalFormat, format_of
from tests.cases import cases

NAIVE, AWARE = pa.timestamp("us"), pa.timestamp("us", "UTC")
#: 2025-01-01T00:00:00Z in seconds since 1970.
NEW_YEAR = 1_735_689_600


@cases(
    ("text", "format_"),
    [
        ("2025-01-01", TemporalFormat.DATE),
        ("0001-01-01", TemporalFormat.DATE),
        ("9999-12-31", TemporalFormat.DATE),
        ("2024-02-29", TemporalFormat.DATE),
        ("2025-01-01T00:00", TemporalFormat.NAIVE),
        ("2025-01-01 23:59:59", TemporalFormat.NAIVE),
        ("2025-01-01T00:00:00.1", TemporalFormat.NAIVE),
        ("2025-01-01T00:00:00.123456789", TemporalFormat.NAIVE),
        ("2025-01-01T24:00", TemporalFormat.NAIVE),
        ("2025-01-01T24:00:00.000", TemporalFormat.NAIVE),
        ("2025-01-01T00:00:00Z", TemporalFormat.AWARE),
        ("2025-01-01 00:00:00+01", TemporalFormat.AWARE),
        ("2025-01-01T00:00+0100", TemporalFormat.AWARE),
        ("2025-01-01T00:00:00.5-09:30", TemporalFormat.AWARE),
        ("1890-01-01T00:00:00+01:24:39", TemporalFormat.AWARE),
        ("2025-01-01T24:00:00-01:00", TemporalFormat.AWARE),
        ("2025-01-01t00:00:00", TemporalFormat.NAIVE),
        ("2025-01-01T00:00:00 Z", TemporalFormat.AWARE),
        ("2025-01-01t00:00:00z", TemporalFormat.AWARE),
        ("2025-01-01 00:00:00.000 +0200", TemporalFormat.AWARE),
        ("2025-01-01 00:00:00 UTC", TemporalFormat.AWARE),
        ("2025-01-01T00:00UTC", TemporalFormat.AWARE),
        ("2025-01-01 00:00:00 +0000 UTC", TemporalFormat.AWARE),
        ("2025-01-01 00:00:00+00:00UTC", TemporalFormat.AWARE),
        ("2025-01-01T00:00-05:00[America/New_York]", TemporalFormat.AWARE),
        ("2025-01-01 00:00:00 +0100 CET", TemporalFormat.AWARE),
        ("2025-01-01T00:00Z[UTC][u-ca=iso8601]", TemporalFormat.AWARE),
        ("00:00", TemporalFormat.TIME),
        ("23:59:59.999999999", TemporalFormat.TIME),
        ("P1W", TemporalFormat.DURATION),
        ("P1DT2H3M4.5S", TemporalFormat.DURATION),
        ("-PT1M", TemporalFormat.DURATION),
        ("P-1DT-0.5S", TemporalFormat.DURATION),
        ("24:00:01", TemporalFormat.DURATION),
        ("100:00:00", TemporalFormat.DURATION),
        ("-01:00:00", TemporalFormat.DURATION),
        ("+01:00:00", TemporalFormat.DURATION),
    ],
)
def test_formats(text: str, format_: TemporalFormat) -> None:
    """What the grammar admits."""
    assert format_of([text]) is format_


@cases(
    ("text", "reason"),
    [
        ("", "is empty, not null"),
        (" 2025-01-01", "is padded with white space"),
        ("2025-01-01 ", "is padded with white space"),
        ("2025-01-01\n", "is padded with white space"),
        ("infinity", "is infinite"),
        ("-infinity", "is infinite"),
        ("0044-03-15 BC", "is before the year 1"),
        ("0044-03-15T12:00:00 BC", "is before the year 1"),
        ("10000-01-01", "is after the year 9999"),
        ("+12025-01-01T00:00:00", "is after the year 9999"),
        ("0000-01-01", "is in the year 0000"),
        ("2025-06-30T23:59:60Z", "is a leap second"),
        ("12:30+01:00", "is a time with an offset"),
        ("12:30:00Z", "is a time with an offset"),
        ("2025-01-01T00:00:00.1234567891", "has more than 9 digits of a second"),
        ("24:00:00", "may be a time of day or a duration"),
        ("24:00:00.0", "may be a time of day or a duration"),
        ("2:00:00", "may be a time of day or a duration"),
        ("P1Y", "is a duration with years, months or a fraction"),
        ("P1M", "is a duration with years, months or a fraction"),
        ("1 mon", "is a duration with years, months or a fraction"),
        ("1 year 2 days", "is a duration with years, months or a fraction"),
        ("P0.5D", "is a duration with years, months or a fraction"),
        ("P", "is a duration without parts"),
        ("P1DT", "is a duration without parts"),
        ("2025-02-29", "is not a day of the calendar"),
        ("1900-02-29T00:00:00Z", "is not a day of the calendar"),
        ("2025-04-31T00:00:00", "is not a day of the calendar"),
        *(
            (text, "is not an ISO 8601 date or time")
            for text in (
                "2025",
                "2025-01",
                "20250101",
                "2025-1-1",
                "2025-001",
                "2025-W01-1",
                "01/02/2025",
                "2025-13-01",
                "2025-00-10",
                "2025-01-32",
                "2025-01-01T00:00:00,5",
                "2025-01-01T25:00",
                "2025-01-01T00:60",
                "2025-01-01T24:00:01",
                "2025-01-01T24:01",
                "2025-01-01T00:00:00  Z",
                "2025-01-01T00:00:00+24:00",
                "2025-01-01T00:00:00 +0200 UTC",
                "2025-01-01T00:00:00 CET",
                "2025-01-01T00:00:00 utc",
                "2025-01-01T00:00:00[Europe/Berlin]",
                "2025-01-01T00:00:00Z[!u-ca=hebrew]",
                "2025-01-01T00:00:00Z[Europe/Berlin",
                "2025-01-01T00:00:00Z []",
                "1 day 25",
                "1 day,2:00",
                "1 day 01:60:00",
                "1-0 1 2:0:0",
                "1.24:00:00",
                "2025-01-01T00:00:00+0100 GMT",
                "2025-01-01T00:00:00Z CET",
                "2025-01-01T00:00:00+0100 Europe/Berlin",
                "25:00",
                "2025-01-01T00:00:00+0100:30",
                "2025-01-01T00:00:00.",
                "2025-01-01T00:00:00+1:00",
                "2025-01-01T",
                "2025-01-0\u0661",
                "\u0662025-01-01",
                "1:30",
                "32,5",
                "4,391,674",
                "today",
                "1735689600",
                "\x00",
            )
        ),
    ],
)
def test_no_format(text: str, reason: str) -> None:
    """Everything else is not temporal text, and the reason says why."""
    with pytest.raises(CellError) as caught:
        format_of([text])
    assert caught.value.reason.startswith(reason)
    assert caught.value.value == text


@cases(
    ("texts", "row", "reason"),
    [
        (
            ["2025-01-01", "2025-01-01T00:00:00"],
            1,
            "is one of the timestamps without offset; others are dates",
        ),
        (
            ["2025-01-01T00:00", "2025-01-01T00:00Z"],
            1,
            "is one of the timestamps with offsets; others are timestamps without",
        ),
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


@cases(
    ("text", "type_", "expected"),
    [
        ("2025-01-01", pa.date32(), dt.date(2025, 1, 1)),
        ("0001-01-01", pa.date32(), dt.date(1, 1, 1)),
        ("9999-12-31", pa.date64(), dt.date(9999, 12, 31)),
        ("2025-01-01", NAIVE, datetime(2025, 1, 1)),
        ("0001-01-01T00:00:00", NAIVE, datetime(1, 1, 1)),
        ("9999-12-31T23:59:59.999999", NAIVE, datetime.max),
        ("9999-12-31T23:59:59.999999Z", AWARE, datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)),
        ("1969-12-31 23:59:59.5", NAIVE, datetime(1969, 12, 31, 23, 59, 59, 500000)),
        ("2025-12-31T24:00", NAIVE, datetime(2026, 1, 1)),
        ("2024-02-28T24:00:00.00Z", AWARE, datetime(2024, 2, 29, tzinfo=UTC)),
        ("2025-01-01T24:00:00+02:00", AWARE, datetime(2025, 1, 1, 22, tzinfo=UTC)),
        ("2025-01-01T00:00:00-09:30", AWARE, datetime(2025, 1, 1, 9, 30, tzinfo=UTC)),
        ("2025-01-01T00:00+01", AWARE, datetime(2024, 12, 31, 23, tzinfo=UTC)),
        ("2025-01-01T00:00:00.123+0130", AWARE, datetime(2024, 12, 31, 22, 30, 0, 123000, UTC)),
        ("1890-01-01T00:00:00+01:24:39", AWARE, datetime(1889, 12, 31, 22, 35, 21, tzinfo=UTC)),
        ("1890-01-01T24:00:00-01:24:39", AWARE, datetime(1890, 1, 2, 1, 24, 39, tzinfo=UTC)),
        ("1890-01-01T00:00:00.5-00:00:01", AWARE, datetime(1890, 1, 1, 0, 0, 1, 500000, UTC)),
        ("0001-01-01T01:00:00+01:00", AWARE, datetime(1, 1, 1, tzinfo=UTC)),
        ("2025-01-01T00:00:00", pa.timestamp("s"), datetime(2025, 1, 1)),
        (
            "2025-01-01T00:00:00.5Z",
            pa.timestamp("ms", "Europe/Warsaw"),
            datetime(2025, 1, 1, 0, 0, 0, 500000, UTC),
        ),
        ("2025-01-01 10:00:00 UTC", AWARE, datetime(2025, 1, 1, 10, tzinfo=UTC)),
        ("2025-01-01 10:00:00.5 -0330", AWARE, datetime(2025, 1, 1, 13, 30, 0, 500000, UTC)),
        ("2025-01-01T10:00+01:00[America/New_York]", AWARE, datetime(2025, 1, 1, 9, tzinfo=UTC)),
        ("2025-01-01t24:00:00 z", AWARE, datetime(2025, 1, 2, tzinfo=UTC)),
        ("2025-01-01 10:00:00.1 +0000 UTC", AWARE, datetime(2025, 1, 1, 10, 0, 0, 100000, UTC)),
        ("12:30", pa.time64("us"), dt.time(12, 30)),
        ("23:59:59.999999", pa.time64("us"), dt.time(23, 59, 59, 999999)),
        ("12:30:01", pa.time32("s"), dt.time(12, 30, 1)),
        ("12:30:01.25", pa.time32("ms"), dt.time(12, 30, 1, 250000)),
        ("P1W", pa.duration("us"), timedelta(days=7)),
        ("P1DT2H3M4.5S", pa.duration("us"), timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("-P1DT1H", pa.duration("s"), timedelta(days=-1, hours=-1)),
        ("P1DT-0.5S", pa.duration("ms"), timedelta(days=1, seconds=-0.5)),
        ("PT-0.25S", pa.duration("us"), timedelta(seconds=-0.25)),
    ],
)
def test_values(text: str, type_: pa.DataType, expected: object) -> None:
    """Each text is exactly this date, time or instant, between nulls as well."""
    assert temporal.read([text], type_).to_pylist() == [expected]
    among_nulls = temporal.read([None, text, None, text], type_)
    assert among_nulls.type == type_
    assert among_nulls.to_pylist() == [None, expected, None, expected]


@cases(
    ("text", "type_", "expected"),
    [
        ("2025-01-01T00:00:00.123456789Z", pa.timestamp("ns", "UTC"), NEW_YEAR * 10**9 + 123_456_789),
        ("2025-01-01T00:00:00.1234567", pa.timestamp("ns"), NEW_YEAR * 10**9 + 123_456_700),
        ("1969-12-31T23:59:59.999999999", pa.timestamp("ns"), -1),
        ("1970-01-01T24:00:00.000000000", pa.timestamp("ns"), 86_400 * 10**9),
        ("1970-01-01T00:00:00.000000001+01:00:01", pa.timestamp("ns", "UTC"), -3601 * 10**9 + 1),
        ("1677-09-21T00:12:43.145224193", pa.timestamp("ns"), -(2**63) + 1),
        ("2262-04-11T23:47:16.854775807", pa.timestamp("ns"), 2**63 - 1),
        ("12:00:00.000000001", pa.time64("ns"), 43_200 * 10**9 + 1),
        ("PT0.000000001S", pa.duration("ns"), 1),
        ("2025-01-01 00:00:00.1234567 UTC", pa.timestamp("ns", "UTC"), NEW_YEAR * 10**9 + 123_456_700),
        ("-1.00:00:00.0000001", pa.duration("ns"), -86_400 * 10**9 - 100),
        ("1970-01-02", pa.timestamp("ns"), 86_400 * 10**9),
    ],
)
def test_nanoseconds(text: str, type_: pa.DataType, expected: int) -> None:
    """The seventh to ninth digit count, to both ends of what 64 bits hold."""
    assert temporal.read([text], type_).view("int64").to_pylist() == [expected]


@cases(
    ("text", "type_", "reason"),
    [
        ("1677-09-21T00:12:43.145224192", pa.timestamp("ns"), "needs nanoseconds"),
        ("2262-04-11T23:47:16.854775808", pa.timestamp("ns"), "needs nanoseconds"),
        ("9999-12-31", pa.timestamp("ns"), "needs nanoseconds"),
        ("0001-01-01T00:00:00", pa.timestamp("ns"), "needs nanoseconds"),
        ("0001-01-01T00:00:00+00:01", AWARE, "is before the year 1"),
        ("9999-12-31T23:59:59-00:01", AWARE, "is after the year 9999"),
        ("9999-12-31T24:00:00", NAIVE, "is after the year 9999"),
        ("2025-01-01T00:00:00.5", pa.timestamp("s"), "has more digits"),
        ("2025-01-01T00:00:00.0005", pa.timestamp("ms"), "has more digits"),
        ("2025-01-01T00:00:00.0000001", NAIVE, "has more digits"),
        ("12:00:00.5", pa.time32("s"), "has more digits"),
        ("PT0.5S", pa.duration("s"), "does not fit"),
        ("P999999999W", pa.duration("ns"), "does not fit"),
        (
            "2025-01-01T00:00:00",
            pa.date32(),
            "is among timestamps without offset, which date32[day] does not hold",
        ),
        ("2025-01-01T00:00:00Z", NAIVE, "is among timestamps with offsets"),
        ("2025-01-01T00:00:00", AWARE, "is among timestamps without offset"),
        ("2025-01-01", AWARE, "is among dates"),
        ("12:00", NAIVE, "is among times of day"),
        ("P1D", pa.time64("us"), "is among durations"),
    ],
)
def test_what_a_type_does_not_hold(text: str, type_: pa.DataType, reason: str) -> None:
    """A value that is not exactly one of the type is refused by row, never rounded, shifted or wrapped."""
    with pytest.raises(CellError) as caught:
        temporal.read([None, text], type_)
    assert caught.value.row == 1
    assert caught.value.reason.startswith(reason)


def test_the_first_row_beyond_nanoseconds() -> None:
    """It is named, not one before it that is near the end."""
    texts = ["2262-04-11T23:47:16.854775807", "1677-09-21T00:12:43.145224193", "2263-01-01T00:00:00"]
    with pytest.raises(CellError, match="needs nanoseconds") as caught:
        temporal.read(texts, pa.timestamp("ns"))
    assert caught.value.row == 2


@cases(
    ("texts", "type_"),
    [
        (["2025-01-01T00:00:00.123456"], pa.timestamp("us")),
        (["2025-01-01T00:00:00.1234567"], pa.timestamp("ns")),
        (["2025-01-01T00:00:00", "2025-01-01T00:00:00.1234567"], pa.timestamp("ns")),
        (["2025-01-01T00:00:00.0000000", "9999-12-31T00:00:00"], pa.timestamp("us")),
    ],
)
def test_the_unit(texts: list[str], type_: pa.DataType) -> None:
    """Microseconds; nanoseconds only where a seventh digit needs them."""
    assert temporal.read_exact(texts, [], "UTC", inferred=False).values.type == type_


def test_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that are read in several batches give one array, and an error has the row in the whole column."""
    texts = ["10:30", None, "23:00:00", "10:30:00.5", "11:00", "12:00:00.000001"]
    expected = temporal.read(texts, pa.time64("us"))
    monkeypatch.setattr(temporal, "_BATCH", 2)
    assert temporal.read(texts, pa.time64("us")).equals(expected)
    with pytest.raises(CellError) as caught:
        temporal.read(texts, pa.time32("ms"))
    assert (caught.value.row, caught.value.value) == (5, "12:00:00.000001")


def test_no_unit_holds_both() -> None:
    """A nanosecond beside the year 9999 fits in no unit."""
    with pytest.raises(CellError, match=r"needs nanoseconds|more digits"):
        temporal.read_exact(["9999-12-31T00:00:00", "2025-01-01T00:00:00.0000001"], [], "UTC", inferred=False)


@cases(
    ("tails", "offsets"),
    [
        (["+02:00", "+01:00", "Z", "+01:00"], {"+01:00", "+02:00", "Z"}),
        (["Z"], {"Z"}),
        ([":59Z", ".5Z", ".25Z"], {"Z"}),
        (["-00:00", "+00:00"], {"-00:00", "+00:00"}),
        (["+01:00", None, "+02:00"], {"+01:00", "+02:00"}),
        # Of other lengths, where the last six characters are more or less than the offset.
        (["+01", "+0200", "+03:00:59", "Z", "-04:30"], {"+01", "+0200", "+03:00:59", "Z", "-04:30"}),
        ([f"+{hour:02}:{minute:02}" for hour in range(24) for minute in range(60)], 24 * 60),
    ],
)
def test_offsets(tails: list[str | None], offsets: set[str] | int) -> None:
    """The different offsets, however they are written and however many there are."""
    texts = pa.array([None if tail is None else f"2025-07-01T00:00{tail}" for tail in tails], pa.string())
    found = temporal_fast.distinct_offsets(texts)
    assert (found if isinstance(offsets, set) else len(found)) == offsets
    assert temporal_fast.distinct_offsets(pa.concat_arrays([pa.array(["x", None]), texts]).slice(2)) == found


def test_extremes_of_parts() -> None:
    """The least and the greatest value are those of all parts; a part of nulls alone has none."""
    dates = [["2025-01-02", None, "2025-01-05"], [None], ["2025-01-01", "2025-01-03"]]
    (cast,) = FAST_CASTS[TemporalFormat.DATE]
    parts = [temporal_fast.read_fast(pa.array(part, pa.string()), cast) for part in dates]
    found = temporal_fast.TemporalValues.concat([part for part in parts if part is not None])
    first = (dt.date(2025, 1, 1) - dt.date(1970, 1, 1)).days
    assert found.extremes == (first, first + 4)
    assert temporal_fast.TemporalValues.concat(parts[1:2] * 2).extremes is None


@given(
    st.datetimes(),
    st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59)),
    st.booleans(),
)
def test_any_instant(local: datetime, offset: timedelta, with_seconds: bool) -> None:
    """Whatever local time at whatever offset the standard library writes is that instant, or out of range."""
    seconds = int(offset.total_seconds())
    zone = dt.timezone(timedelta(seconds=seconds if with_seconds else seconds // 60 * 60))
    aware = local.replace(tzinfo=zone)
    try:
        expected = aware.astimezone(UTC)
    except OverflowError:
        with pytest.raises(CellError, match="the year"):
            temporal.read([aware.isoformat()], AWARE)
        return
    assert temporal.read([aware.isoformat()], AWARE).to_pylist() == [expected]


#: What may stand behind a time, and the same as dateutil reads it; ``None`` stands for an offset.
_TAILS = [
    ("{0}", "{0}"),
    (" {0}", "{0}"),
    ("{0}[Europe/Berlin]", "{0}"),
    ("{0}[+05:00][u-ca=gregory]", "{0}"),
    (" UTC", "Z"),
    ("UTC", "Z"),
    ("z", "Z"),
    (" Z", "Z"),
    (" +0000 UTC", "Z"),
    (" {0} CEST", "{0}"),
    ("+00:00 UTC[UTC]", "Z"),
]


@given(
    st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30)),
    st.lists(st.sampled_from(_TAILS), min_size=1, max_size=4),
    st.sampled_from(["+00:00", "+0530", "-09:30", "+14:00", "-12"]),
    st.sampled_from("Tt "),
    st.integers(0, 6),
)
def test_spellings_by_an_independent_parser(
    local: datetime, tails: list[tuple[str, str]], offset: str, separator: str, digits: int
) -> None:
    """Every spelling, by the fast reader and the exact one, is the instant that dateutil reads."""
    parser = pytest.importorskip("dateutil.parser")
    fraction = f".{local:%f}"[: digits + 1] if digits else ""
    time = f"{local.date()}{separator}{local:%H:%M:%S}{fraction}"
    texts = [time + ours.format(offset) for ours, _ in tails]
    expected = [parser.isoparse(time.replace("t", "T") + theirs.format(offset)) for _, theirs in tails]
    assert temporal.read(texts, AWARE).to_pylist() == expected
    fast = temporal_fast.read_fast(pa.array(texts), FAST_CASTS[TemporalFormat.AWARE][0])
    assert fast is not None
    assert fast.values.to_pylist() == expected


@cases("name", ["CET", "NZST", "TOT", "ZCT", "AUTC", "TUTC", "ZUTC", "TCUTC"])
def test_abbreviations_behind_an_offset(name: str) -> None:
    """The offset decides, also where the abbreviation ends in UTC or has the letters of ISO 8601."""
    texts = [f"2025-01-01 10:00:00 +0100 {name}", "2025-01-01T10:00Z"]
    assert temporal.read(texts, AWARE).to_pylist() == [
        datetime(2025, 1, 1, 9, tzinfo=UTC),
        datetime(2025, 1, 1, 10, tzinfo=UTC),
    ]


@cases("name", ["UTC", "GMT", "TTT", "ZZZ", "TZT", "CE", "CETCET", "cet"])
def test_no_abbreviations(name: str) -> None:
    """UTC and GMT may contradict the offset; nothing is named by T and Z alone, or by other lengths."""
    with pytest.raises(CellError, match="is not an ISO 8601 date or time"):
        temporal.read([f"2025-01-01 10:00:00 +0100 {name}"], AWARE)


@cases(
    ("texts", "format_"),
    [
        (["2025-01-01T10", "2025-01-01T10:00"], TemporalFormat.NAIVE),
        (["2025-01-01T10:00", "2025-01-01"], TemporalFormat.NAIVE),
        (["2025-01-01T10:00Z", "2025-01-01T10Z"], TemporalFormat.AWARE),
        (["2025-01-01T10:00Z", "2025-01-01 08-10"], TemporalFormat.AWARE),
        (["2025-01-01T10:00Z", "2025-01-01 08-10:00"], TemporalFormat.AWARE),
        (["2025-01-01T10:00Z", "2025-01-01T10:00"], TemporalFormat.AWARE),
        (["2025-01-01T10:00 UTC", "2025-01-01T10:00"], TemporalFormat.AWARE),
        (["2025-01-01T10:00Z", "2025-01-01T10:00 CET"], TemporalFormat.AWARE),
    ],
)
def test_what_the_fast_reader_leaves(texts: list[str], format_: TemporalFormat) -> None:
    """Times without minutes, mixed formats and what is not in the grammar are left to the exact reader."""
    assert [temporal_fast.read_fast(pa.array(texts), cast) for cast in FAST_CASTS[format_]] == [None, None]


@given(
    parts=st.lists(
        st.tuples(
            st.one_of(
                st.integers(1, 9999), st.sampled_from([1677, 1678, 2261, 2262]), st.integers(1970, 2038)
            ),
            st.dates(dt.date(2024, 1, 1), dt.date(2024, 12, 31)),
            st.times(),
            st.integers(0, 9),
            st.text("0123456789", min_size=9, max_size=9),
            st.sampled_from(["Z", "+00:00", "-23:59", "+14:00", " UTC", "+0100"]),
        ),
        min_size=1,
        max_size=5,
    ),
    aware=st.booleans(),
    null=st.booleans(),
)
def test_nanoseconds_by_both_readers(
    parts: list[tuple[int, dt.date, dt.time, int, str, str]], *, aware: bool, null: bool
) -> None:
    """What the fast reader reads is what the exact one does; it reads all timestamps of 1678 to 2261."""
    texts: list[str | None] = [
        f"{year:04d}-{day:%m-%d}T{time:%H:%M:%S}{f'.{fraction[:digits]}' if digits else ''}{offset * aware}"
        for year, day, time, digits, fraction, offset in parts
        if day.day < 29
    ]
    assume(texts)
    type_ = pa.timestamp("ns", "UTC" if aware else None)
    texts += [None] * null
    _, nanos = FAST_CASTS[TemporalFormat.AWARE if aware else TemporalFormat.NAIVE]
    fast = temporal_fast.read_fast(pa.array(texts, pa.string()), nanos)
    try:
        exact = temporal.read(texts, type_)
    except CellError:
        assert fast is None
    else:
        assert fast is None or fast.values.equals(exact)
        assert fast is not None or not all("1678" <= text[:4] <= "2261" for text in texts if text)


def test_no_values() -> None:
    """Reading no value at all gives nulls of the type."""
    assert temporal.read([None, None], AWARE).to_pylist() == [None, None]
    assert temporal.read([], AWARE).type == AWARE


@cases(
    ("texts", "bounds", "type_", "values"),
    [
        (
            ["2025-01-01", None, "2025-01-02"],
            ["2025-01-01", "2025-01-02T10:00:00"],
            pa.timestamp("us"),
            [dt.datetime(2025, 1, 1), None, dt.datetime(2025, 1, 2)],
        ),
        ([None], ["2025-01-01", "2025-01-02T10:00:00"], pa.timestamp("us"), [None]),
        (["2025-01-01"], ["2025-01-01T00:00:00"], pa.date32(), [dt.date(2025, 1, 1)]),
        (["2025-01-01T10:00"], ["2025-01-01"], pa.timestamp("us"), [dt.datetime(2025, 1, 1, 10)]),
        ([None], ["2025-01-01"], pa.date32(), [None]),
        ([None], ["10:00"], pa.time64("us"), [None]),
        ([None], ["1 day, 10:00:00"], pa.duration("us"), [None]),
        (["10:00:00"], ["1 day, 10:00:00"], pa.duration("us"), [dt.timedelta(hours=10)]),
    ],
    ids=str,
)
def test_the_type_that_holds_the_bounds_too(
    texts: list[str | None], bounds: list[str], type_: pa.DataType, values: list[object]
) -> None:
    """A bound that the type of the texts does not hold makes them another type, with the same values."""
    found = temporal.read_exact(texts, bounds, "UTC", inferred=False).values
    assert found.type == type_
    assert found.to_pylist() == values


def test_the_offsets_of_texts_and_bounds() -> None:
    """All are returned, each once."""
    texts = ["2025-01-01T10:00:00.123Z", None, "2025-01-01T10:00:00+02:00", "2025-01-01T10:00:00Z"]
    found = temporal.read_exact(texts, ["2024-01-01T10:00:00-05:30"], "UTC", inferred=False)
    assert found.offsets == {"Z", "+02:00", "-05:30"}
