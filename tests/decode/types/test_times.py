"""Temporal text: the grammar, and the value of each text."""

import datetime as dt
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connecty_frames.decode import arrow
from connecty_frames.decode.cells import CellError
from connecty_frames.decode.types import times
from connecty_frames.decode.types.spellings import TemporalFormat
from connecty_frames.decode.types.times import FAST_CASTS, TemporalValues
from tests.cases import cases

NAIVE, AWARE = pa.timestamp("us"), pa.timestamp("us", "UTC")


def read(texts: list[str | None], type_: pa.DataType) -> pa.Array:
    return times.read(pa.array(texts, pa.string()), type_)


def read_column(texts: list[str | None], bounds: list[str]) -> TemporalValues:
    array = pa.array(texts, pa.string())
    return times.read_column(array, lambda: array, bounds, "UTC")


#: 2025-01-01T00:00:00Z in seconds since 1970.
NEW_YEAR = 1_735_689_600


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
    assert read([text], type_).to_pylist() == [expected]
    among_nulls = read([None, text, None, text], type_)
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
    assert read([text], type_).view("int64").to_pylist() == [expected]


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
        ("2025-01-01T00:00", pa.date32(), "is among timestamps without offset, which date32[day] does not"),
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
        read([None, text], type_)
    assert caught.value.row == 1
    assert caught.value.reason.startswith(reason)


def test_the_first_row_beyond_nanoseconds() -> None:
    """It is named, not one before it that is near the end."""
    texts = ["2262-04-11T23:47:16.854775807", "1677-09-21T00:12:43.145224193", "2263-01-01T00:00:00"]
    with pytest.raises(CellError, match="needs nanoseconds") as caught:
        read(texts, pa.timestamp("ns"))
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
    assert read_column(texts, []).values.type == type_


def test_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that are read in several batches give one array, and an error has the row in the whole column."""
    texts = ["10:30", None, "23:00:00", "10:30:00.5", "11:00", "12:00:00.000001"]
    expected = read(texts, pa.time64("us"))
    monkeypatch.setattr(arrow, "_SLICE", 2)
    assert read(texts, pa.time64("us")).equals(expected)
    with pytest.raises(CellError) as caught:
        read(texts, pa.time32("ms"))
    assert (caught.value.row, caught.value.value) == (5, "12:00:00.000001")


def test_no_unit_holds_both() -> None:
    """A nanosecond beside the year 9999 fits in no unit."""
    with pytest.raises(CellError, match=r"needs nanoseconds|more digits"):
        read_column(["9999-12-31T00:00:00", "2025-01-01T00:00:00.0000001"], [])


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
    found = times._distinct_offsets(texts)
    assert (found if isinstance(offsets, set) else len(found)) == offsets
    assert times._distinct_offsets(pa.concat_arrays([pa.array(["x", None]), texts]).slice(2)) == found


def test_parts_of_a_column() -> None:
    """They are one behind the other, also if one has nulls alone."""
    dates = [["2025-01-02", None], [None], ["2025-01-01"]]
    (cast,) = FAST_CASTS[TemporalFormat.DATE]
    parts = [times.read_fast(pa.array(part, pa.string()), cast) for part in dates]
    found = times.TemporalValues.concat([part for part in parts if part is not None])
    assert found.values.to_pylist() == [dt.date(2025, 1, 2), None, None, dt.date(2025, 1, 1)]


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
            read([aware.isoformat()], AWARE)
        return
    assert read([aware.isoformat()], AWARE).to_pylist() == [expected]


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
    assert read(texts, AWARE).to_pylist() == expected
    fast = times.read_fast(pa.array(texts), FAST_CASTS[TemporalFormat.AWARE][0])
    assert fast is not None
    assert fast.values.to_pylist() == expected


@cases("name", ["CET", "NZST", "TOT", "ZCT", "AUTC", "TUTC", "ZUTC", "TCUTC"])
def test_abbreviations_behind_an_offset(name: str) -> None:
    """The offset decides, also where the abbreviation ends in UTC or has the letters of ISO 8601."""
    texts = [f"2025-01-01 10:00:00 +0100 {name}", "2025-01-01T10:00Z"]
    assert read(texts, AWARE).to_pylist() == [
        datetime(2025, 1, 1, 9, tzinfo=UTC),
        datetime(2025, 1, 1, 10, tzinfo=UTC),
    ]


@cases("name", ["UTC", "GMT", "TTT", "ZZZ", "TZT", "CE", "CETCET", "cet"])
def test_no_abbreviations(name: str) -> None:
    """UTC and GMT may contradict the offset; nothing is named by T and Z alone, or by other lengths."""
    with pytest.raises(CellError, match="is not an ISO 8601 date or time"):
        read([f"2025-01-01 10:00:00 +0100 {name}"], AWARE)


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
    """Mixed formats, what is not in the grammar, and, unless statistics tell the type, bare hours."""
    assert [times.read_fast(pa.array(texts), cast, inferred=True) for cast in FAST_CASTS[format_]] == [
        None,
        None,
    ]


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
    fast = times.read_fast(pa.array(texts, pa.string()), nanos)
    try:
        exact = read(texts, type_)
    except CellError:
        assert fast is None
    else:
        assert fast is None or fast.values.equals(exact)
        assert fast is not None or not all("1678" <= text[:4] <= "2261" for text in texts if text)


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
        (
            ["2025-01-01T10:00"],
            ["2025-01-01T10:00:00.1234567"],
            pa.timestamp("ns"),
            [dt.datetime(2025, 1, 1, 10)],
        ),
        ([None], ["2025-01-01T10:00:00.000000000"], pa.timestamp("ns"), [None]),
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
    found = read_column(texts, bounds).values
    assert found.type == type_
    assert found.to_pylist() == values


@cases("bound", ["9999-12-31T24:00:00", "0001-01-01T00:00:00.1234567", "infinity"])
def test_bounds_that_no_type_holds(bound: str) -> None:
    """The error is about the bound, which has no row."""
    with pytest.raises(CellError) as caught:
        read_column(["2025-01-01T10:00:00"], [bound])
    assert (caught.value.row, caught.value.value) == (None, bound)


@cases("last", ["2025-01-01T10:00:00Z", "2025-01-01T24:00:00Z"], ids=["fast", "exact"])
def test_the_offsets_of_texts_and_bounds(last: str) -> None:
    """All are returned, each once, by the fast reader and the exact one."""
    texts = ["2025-01-01T10:00:00.123Z", None, "2025-01-01T10:00:00+02:00", last]
    found = read_column(texts, ["2024-01-01T10:00:00-05:30"])
    assert found.offsets == {"Z", "+02:00", "-05:30"}


# --- types that the caller has set ----------------------------------------------------------------------

DURATION = pa.duration("us")


def read_given(texts: list[str | None], type_: pa.DataType) -> pa.Array:
    return times.read_given(pa.array(texts, pa.string()), type_)


def instant(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[arg-type,misc]


class TestDates:
    """Midnight as the written date, and eight digits."""

    @cases(
        "text",
        [
            *("2025-01-01", "20250101", "2025-01-01T00:00:00", "2025-01-01 00:00:00", "2025-01-01T00:00"),
            *("2025-01-01T00:00:00.000", "2025-01-01T00:00:00.000000000", "2025-01-01T00:00:00Z"),
            *("2025-01-01T00:00:00.000Z", "2025-01-01t00:00:00z", "2025-01-01T00:00:00+02:00"),
            *("2025-01-01 00:00:00+02", "2025-01-01 00:00:00 -0500", "2025-01-01 00:00:00 UTC"),
            *("2025-01-01 00:00:00.000 UTC", "2025-01-01 00:00:00+0000 UTC"),
            *("2025-01-01 00:00:00.000 Europe/Berlin", "Wed, 01 Jan 2025 00:00:00 GMT"),
            *("1 Jan 2025 00:00 -0500", "/Date(1735689600000)/", "/Date(1735686000000+0100)/"),
        ],
    )
    def test_read(self, text: str) -> None:
        """The date is the one that is written, whatever the offset."""
        assert read_given([text, None], pa.date32()).to_pylist() == [dt.date(2025, 1, 1), None]

    @cases(
        "text",
        [
            *("2025-01-01T00:00:01", "2025-01-01T00:00:00.001", "2025-01-01T23:59:59Z"),
            *("2025-01-01T24:00:00", "2025-01-01 00:00:00 Nowhere/Land", "2025-01-01 00:00:00 EST"),
            *("2025-02-30T00:00:00", "20250230", "2025101", "202501011", "20250101T00", "00000101"),
            *(" 20250101", "\u0662\u0660\u0662\u0665\u0660\u0661\u0660\u0661", "infinity"),
            *("Wed, 01 Jan 2025 00:00:01 GMT", "Thu, 01 Jan 2025 00:00:00 GMT", "/Date(1735689600001)/"),
            "/Date(1735689600000+0100)/",
        ],
    )
    def test_refused(self, text: str) -> None:
        """Any other time of day is an error, and so is a day that no calendar has; the row is named."""
        with pytest.raises(CellError) as caught:
            read_given(["20250101", None, text], pa.date32())
        assert (caught.value.row, caught.value.value) == (2, text)


class TestNaiveTimestamps:
    """Timestamps without a zone."""

    def test_dates_are_midnight(self) -> None:
        """Dates beside timestamps, in one column."""
        found = read_given(["2025-01-01", None, "2025-01-02T10:30:00.5", "2025-01-03 08"], NAIVE)
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
            read_given(texts, NAIVE)
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
        found = read_given([text, None, "2025-01-01T00:00:00+01:00"], AWARE)
        assert found.to_pylist() == [expected, None, instant(2024, 12, 31, 23)]

    @cases(
        ("text", "reason"),
        [
            ("2025-10-26 02:30 Europe/Berlin", "is a local time that is ambiguous: it occurs twice in Eur"),
            ("2025-03-30 02:30:00 Europe/Berlin", "is a local time that is missing: it does not occur"),
            ("2011-12-30 10:00:00 Pacific/Apia", "is a local time that is missing"),
            ("2025-01-01 10:00:00 Nowhere/Land", "is in a time zone that the time zone database does"),
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
            read_given(["2025-01-01T00:00:00Z", text], AWARE)
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
        found = read_given([text, None, "PT1S"], DURATION)
        assert found.cast(pa.int64()).to_pylist() == [round(seconds * 1_000_000), None, 1_000_000]

    @cases(
        "text",
        [
            *("10:30", "1:2:3", "01:60:00", "01:00:60", "01:00:00Z", "01:00:00.", "1 day, -2:00:00"),
            *("1 year 2 days", "1 mon", "P1M", "1 day 2", "1  02:00:00", "\u0660\u0661:00:00"),
            "00:00:00.0000001",
        ],
    )
    def test_refused(self, text: str) -> None:
        """What has no fixed length, or two meanings, is an error."""
        with pytest.raises(CellError) as caught:
            read_given(["01:00:01", text], DURATION)
        assert (caught.value.row, caught.value.value) == (1, text)


@cases("type_", [pa.date32(), pa.date64(), NAIVE, AWARE, DURATION, pa.time64("us")], ids=str)
def test_nulls_alone(type_: pa.DataType) -> None:
    """They are of the type."""
    found = read_given([None, None], type_)
    assert (found.type, found.null_count) == (type_, 2)
