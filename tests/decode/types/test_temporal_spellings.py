"""Temporal text as a type that the caller has set: what is read besides ISO 8601, and what is refused."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from connecty_frames.decode.errors import CellError
from connecty_frames.decode.types import temporal_spellings
from tests.cases import cases

UTC = pa.timestamp("us", "UTC")
NAIVE = pa.timestamp("us")
DURATION = pa.duration("us")


def instant(*parts: int) -> dt.datetime:
    """Return an instant by its parts in UTC."""
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[arg-type,misc]


class TestDates:
    """Midnight as the written date, and eight digits."""

    @cases(
        "text",
        [
            "2025-01-01",
            "20250101",
            "2025-01-01T00:00:00",
            "2025-01-01 00:00:00",
            "2025-01-01T00:00",
            "2025-01-01T00:00:00.000",
            "2025-01-01T00:00:00.000000000",
            "2025-01-01T00:00:00Z",
            "2025-01-01T00:00:00.000Z",
            "2025-01-01t00:00:00z",
            "2025-01-01T00:00:00+02:00",
            "2025-01-01 00:00:00+02",
            "2025-01-01 00:00:00 -0500",
            "2025-01-01 00:00:00 UTC",
            "2025-01-01 00:00:00.000 UTC",
            "2025-01-01 00:00:00+0000 UTC",
            "2025-01-01 00:00:00.000 Europe/Berlin",
            "Wed, 01 Jan 2025 00:00:00 GMT",
            "1 Jan 2025 00:00 -0500",
            "/Date(1735689600000)/",
            "/Date(1735686000000+0100)/",
        ],
    )
    def test_read(self, text: str) -> None:
        """The date is the one that is written, whatever the offset."""
        assert temporal_spellings.read([text, None], pa.date32()).to_pylist() == [dt.date(2025, 1, 1), None]

    def test_mixed(self) -> None:
        """Spellings may differ within a column."""
        found = temporal_spellings.read(["2025-01-01", "20250102", "2025-01-03T00:00:00Z"], pa.date32())
        assert found.to_pylist() == [dt.date(2025, 1, 1), dt.date(2025, 1, 2), dt.date(2025, 1, 3)]

    @cases(
        "text",
        [
            "2025-01-01T00:00:01",
            "2025-01-01T00:00:00.001",
            "2025-01-01T23:59:59Z",
            "2025-01-01T24:00:00",
            "2025-01-01 00:00:00 Nowhere/Land",
            "2025-01-01 00:00:00 EST",
            "2025-02-30T00:00:00",
            "20250230",
            "2025101",
            "202501011",
            "20250101T00",
            "00000101",
            " 20250101",
            "\u0662\u0660\u0662\u0665\u0660\u0661\u0660\u0661",
            "infinity",
            "Wed, 01 Jan 2025 00:00:01 GMT",
            "Thu, 01 Jan 2025 00:00:00 GMT",
            "/Date(1735689600001)/",
            "/Date(1735689600000+0100)/",
        ],
    )
    def test_refused(self, text: str) -> None:
        """Any other time of day is an error, and so is a day that no calendar has; the row is named."""
        with pytest.raises(CellError) as caught:
            temporal_spellings.read(["20250101", None, text], pa.date32())
        assert (caught.value.row, caught.value.value) == (2, text)


class TestNaiveTimestamps:
    """Timestamps without a zone."""

    def test_dates_are_midnight(self) -> None:
        """Dates beside timestamps, in one column."""
        found = temporal_spellings.read(["2025-01-01", None, "2025-01-02T10:30:00.5", "2025-01-03 08"], NAIVE)
        assert found.to_pylist() == [
            dt.datetime(2025, 1, 1),
            None,
            dt.datetime(2025, 1, 2, 10, 30, 0, 500000),
            dt.datetime(2025, 1, 3, 8),
        ]

    @cases(
        ("texts", "row"),
        [
            (["2025-01-01", "2025-01-01T10:00:00Z"], 1),
            (["2025-01-01T10:00:00Z", "2025-01-01"], 0),
            (["2025-01-01T10:00:00+01:00", "2025-01-01T10:00:00Z"], 0),
            (["2025-01-01", "2025-01-01T10:00:00", "2025-01-01T10:00:00 Europe/Berlin"], 2),
            ([None, "2025-01-01", "20250101"], 2),
            (["2025-01-01", "/Date(1735689600000)/"], 1),
            (["2025-01-01", "Wed, 01 Jan 2025 00:00:00 GMT"], 1),
            (["2025-01-01", "2025-01-01T10:00:00.1234567"], 1),
        ],
    )
    def test_refused(self, texts: list[str | None], row: int) -> None:
        """A text with an offset or zone is no local time, and every digit must fit."""
        with pytest.raises(CellError) as caught:
            temporal_spellings.read(texts, NAIVE)
        assert (caught.value.row, caught.value.value) == (row, texts[row])


class TestInstants:
    """Timestamps with a zone."""

    @cases(
        ("text", "expected"),
        [
            ("2025-01-01 10:00:00.000 Europe/Berlin", instant(2025, 1, 1, 9)),
            ("2025-07-01 10:00:00.000 Europe/Berlin", instant(2025, 7, 1, 8)),
            ("2025-07-01T10:00:00.123456 America/New_York", instant(2025, 7, 1, 14, 0, 0, 123456)),
            ("2025-01-01 10:00 America/Argentina/Buenos_Aires", instant(2025, 1, 1, 13)),
            ("2025-01-01 10:00:00 Etc/GMT+5", instant(2025, 1, 1, 15)),
            ("2025-01-01 10:00:00.000 UTC", instant(2025, 1, 1, 10)),
            ("2025-01-01 10:00:00 Asia/Kathmandu", instant(2025, 1, 1, 4, 15)),
            # Local mean time of Berlin, 53 minutes and 28 seconds.
            ("1880-01-01 00:00:00 Europe/Berlin", instant(1879, 12, 31, 23, 6, 32)),
            ("/Date(1735725600123)/", instant(2025, 1, 1, 10, 0, 0, 123_000)),
            ("/Date(1735725600123+0530)/", instant(2025, 1, 1, 10, 0, 0, 123_000)),
            ("/Date(-62135596800000)/", instant(1, 1, 1)),
            ("/Date(253402300799999-0000)/", instant(9999, 12, 31, 23, 59, 59, 999_000)),
            ("Wed, 01 Jan 2025 10:00:00 GMT", instant(2025, 1, 1, 10)),
            # The last second before, and the first after, the clocks are set.
            ("2025-03-30 01:59:59 Europe/Berlin", instant(2025, 3, 30, 0, 59, 59)),
            ("2025-03-30 03:00:00 Europe/Berlin", instant(2025, 3, 30, 1)),
            ("2025-10-26 01:59:59 Europe/Berlin", instant(2025, 10, 25, 23, 59, 59)),
            ("2025-10-26 03:00:00 Europe/Berlin", instant(2025, 10, 26, 2)),
        ],
    )
    def test_zone_names(self, text: str, expected: dt.datetime) -> None:
        """The local time of the zone, beside texts with offsets."""
        found = temporal_spellings.read([text, None, "2025-01-01T00:00:00+01:00"], UTC)
        assert found.to_pylist() == [expected, None, instant(2024, 12, 31, 23)]

    def test_nanoseconds(self) -> None:
        """All digits of the fraction are kept."""
        found = temporal_spellings.read(
            ["2025-01-01 10:00:00.123456789 Europe/Berlin"], pa.timestamp("ns", "UTC")
        )
        assert found.cast(pa.int64()).to_pylist() == [1735722000123456789]

    @cases(
        ("text", "reason"),
        [
            (
                "2025-10-26 02:30:00 Europe/Berlin",
                "is a local time that is ambiguous: it occurs twice in Europe/",
            ),
            (
                "2025-03-30 02:30:00 Europe/Berlin",
                "is a local time that is missing: it does not occur in Europe/",
            ),
            ("2011-12-30 10:00:00 Pacific/Apia", "is a local time that is missing"),
            (
                "2025-01-01 10:00:00 Nowhere/Land",
                "is in a time zone that the time zone database does not have",
            ),
            ("2025-02-30 10:00:00 Europe/Berlin", "is not a day of the calendar"),
            ("2025-01-01 10:00:00 EST", "is not an ISO 8601 date or time"),
            ("2025-01-01T10:00:00", "has no offset; cf.local(zone) reads local times of a zone"),
            ("2025-01-01", "has no offset; cf.local(zone) reads local times of a zone"),
            ("infinity", "is infinite"),
            ("/Date(253402300800000)/", "is not a time of the years 1 to 9999"),
            ("/Date(-62135596800000-0100)/", "is not a time of the years 1 to 9999"),
            ("/Date(0+2400)/", "is not an ISO 8601 date or time"),
            ("/Date(0+01:00)/", "is not an ISO 8601 date or time"),
            ("/Date(0.5)/", "is not an ISO 8601 date or time"),
            ("/Date(1e3)/", "is not an ISO 8601 date or time"),
            ("\\/Date(0)\\/", "is not an ISO 8601 date or time"),
        ],
    )
    def test_refused(self, text: str, reason: str) -> None:
        """The reason tells why it names no one instant."""
        with pytest.raises(CellError) as caught:
            temporal_spellings.read(["2025-01-01T00:00:00Z", text], UTC)
        assert (caught.value.row, caught.value.value) == (1, text)
        assert caught.value.reason.startswith(reason)


class TestDurations:
    """Clock times, and days with clock times."""

    @cases(
        ("text", "seconds"),
        [
            ("01:00:01", 3601),
            ("0:00:01", 1),
            ("-0:00:01", -1),
            ("+10:00:00.5", 36000.5),
            ("100:00:00", 360000),
            ("1.02:00:00", 93600),
            ("-1.02:00:00.25", -93600.25),
            ("1 02:00:00.000", 93600),
            ("-1 02:00:00.000", -93600),
            ("1 day, 2:00:00", 93600),
            ("-1 day, 2:00:00", -79200),
            ("2 days, 0:00:00.000001", 172800.000001),
            ("1 days 02:00:00.5", 93600.5),
            ("-1 days +22:00:00", -7200),
            ("0 days 00:00:00", 0),
            ("1 day", 86400),
            ("-2 days", -172800),
            ("1 day -00:00:01", 86399),
            ("-1 days -02:00:00", -93600),
            ("-1 day 02:00:00", -79200),
            ("-1 days +02:03:00", -79020),
            ("PT1H", 3600),
            ("-P1DT2H", -93600),
            ("P1W", 604800),
        ],
    )
    def test_read(self, text: str, seconds: float) -> None:
        """One sign counts for all parts, unless days and time are written apart."""
        found = temporal_spellings.read([text, None, "PT1S"], DURATION)
        assert found.cast(pa.int64()).to_pylist() == [round(seconds * 1_000_000), None, 1_000_000]

    @cases(
        "text",
        [
            "10:30",
            "1:2:3",
            "01:60:00",
            "01:00:60",
            "01:00:00Z",
            "01:00:00.",
            "1 day, -2:00:00",
            "1 year 2 days",
            "1 mon",
            "P1M",
            "1 day 2",
            "1  02:00:00",
            "\u0660\u0661:00:00",
            "00:00:00.0000001",
        ],
    )
    def test_refused(self, text: str) -> None:
        """What has no fixed length, or two meanings, is an error."""
        with pytest.raises(CellError) as caught:
            temporal_spellings.read(["01:00:01", text], DURATION)
        assert (caught.value.row, caught.value.value) == (1, text)


@cases("type_", [pa.date32(), pa.date64(), NAIVE, UTC, DURATION, pa.time64("us")], ids=str)
def test_nulls_alone(type_: pa.DataType) -> None:
    """They are of the type."""
    found = temporal_spellings.read([None, None], type_)
    assert (found.type, found.null_count) == (type_, 2)
