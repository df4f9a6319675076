"""Dates and times in a format: cf.strptime, and the dates of RFC 5322."""

import datetime as dt
import json
from email.utils import format_datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connecty_frames.decode import exact_json
from connecty_frames.decode.cells import CellError
from connecty_frames.decode.types.build import build
from connecty_frames.decode.types.encodings import strptime
from connecty_frames.decode.types.spellings import TemporalFormat
from connecty_frames.decode.types.times import FAST_CASTS, read_fast
from connecty_frames.errors import ConfigError
from tests.cases import cases
from tests.decode.conftest import DecodeColumn

UTC = pa.timestamp("us", "UTC")
NAIVE = pa.timestamp("us")
TIME = pa.time64("us")
by_python = dt.datetime.strptime


def read(format_: str, *cells: Any) -> list[Any]:
    return list(build(list(cells), strptime(format_)).to_pylist())


def instant(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[arg-type,misc]


@cases(
    ("format_", "text", "expected"),
    [
        ("%d/%m/%Y", "04/11/2025", dt.date(2025, 11, 4)),
        ("%d/%m/%Y", "4/1/2025", dt.date(2025, 1, 4)),
        ("%d/%m/%Y", "31/12/9999", dt.date(9999, 12, 31)),
        ("%d/%m/%Y", "01/01/0001", dt.date(1, 1, 1)),
        ("%m/%d/%y", "02/29/24", dt.date(2024, 2, 29)),
        ("%Y%m%d", "20251104", dt.date(2025, 11, 4)),
        ("%d%b%Y", "4Nov2025", dt.date(2025, 11, 4)),
        ("%d-%b-%y", "04-NOV-69", dt.date(1969, 11, 4)),
        ("%d-%b-%y", "04-nov-68", dt.date(2068, 11, 4)),
        ("%B %d, %Y", "may 4, 2025", dt.date(2025, 5, 4)),
        ("%a %d.%m.%Y", "tUe 04.11.2025", dt.date(2025, 11, 4)),
        ("%A, %d %B %Y", "Saturday, 29 February 2020", dt.date(2020, 2, 29)),
        ("%Y年%m月%d日", "2025年11月4日", dt.date(2025, 11, 4)),
        ("%d%%%m%%%Y", "4%11%2025", dt.date(2025, 11, 4)),
        ("(%d.%m.%Y)\n\\E+", "(04.11.2025)\n\\E+", dt.date(2025, 11, 4)),
        ("%Y-%m-%d\u2028😀", "2025-11-04\u2028😀", dt.date(2025, 11, 4)),
        ("%d.%m.%Y %H", "04.11.2025 13", dt.datetime(2025, 11, 4, 13)),
        ("%d.%m.%Y %H:%M", "04.11.2025 9:05", dt.datetime(2025, 11, 4, 9, 5)),
        ("%H:%M:%S %d.%m.%Y", "23:59:59 04.11.2025", dt.datetime(2025, 11, 4, 23, 59, 59)),
        ("%m/%d/%Y %I:%M %p", "11/04/2025 12:00 AM", dt.datetime(2025, 11, 4)),
        ("%m/%d/%Y %I:%M %p", "11/04/2025 1:05 am", dt.datetime(2025, 11, 4, 1, 5)),
        ("%m/%d/%Y %I:%M %p", "11/04/2025 12:00 PM", dt.datetime(2025, 11, 4, 12)),
        ("%m/%d/%Y %p %I:%M", "11/04/2025 pM 11:59", dt.datetime(2025, 11, 4, 23, 59)),
        ("%Y%m%d%H%M%S%f", "20251104130501123", dt.datetime(2025, 11, 4, 13, 5, 1, 123_000)),
        ("%Y%m%d %H%M%S.%f", "20251104 130501.5", dt.datetime(2025, 11, 4, 13, 5, 1, 500_000)),
        ("%Y%m%d %H%M%S.%f", "20251104 130501.000001000", dt.datetime(2025, 11, 4, 13, 5, 1, 1)),
        ("%d/%b/%Y:%H:%M:%S %z", "04/Nov/2025:14:05:01 +0100", instant(2025, 11, 4, 13, 5, 1)),
        ("%a %b %d %H:%M:%S %z %Y", "Tue Nov 04 13:05:01 +0000 2025", instant(2025, 11, 4, 13, 5, 1)),
        ("%d.%m.%Y %H:%M%z", "04.11.2025 13:05Z", instant(2025, 11, 4, 13, 5)),
        ("%d.%m.%Y %H:%M%z", "04.11.2025 13:05-05:30", instant(2025, 11, 4, 18, 35)),
        ("%d.%m.%Y %H:%M%z", "04.11.2025 13:05+02", instant(2025, 11, 4, 11, 5)),
        ("%d.%m.%Y %H:%M%z", "04.11.2025 13:05+00:53:28", instant(2025, 11, 4, 12, 11, 32)),
        ("%H:%M", "7:05", dt.time(7, 5)),
        ("%I:%M:%S.%f %p", "11:59:59.999999 PM", dt.time(23, 59, 59, 999_999)),
        ("%I %p", "12 AM", dt.time(0)),
    ],
)
def test_read(format_: str, text: str, expected: object) -> None:
    """Exactly, beside null and repeated."""
    assert read(format_, text, None, text) == [expected, None, expected]


@cases(
    ("format_", "text", "reason"),
    [
        ("%d/%m/%Y", "31/02/2025", "is not a day of the calendar"),
        ("%d/%m/%Y", "29/02/2023", "is not a day of the calendar"),
        ("%d %b %Y", "31 Apr 2025", "is not a day of the calendar"),
        ("%a %d/%m/%Y", "Mon 04/11/2025", "is not a day of the calendar"),
        ("%A %d/%m/%Y", "Tuesday 31/02/2025", "is not a day of the calendar"),
        ("%d/%m/%Y", "04/11/0000", "is in the year 0000"),
        ("%d/%m/%Y %H:%M%z", "01/01/0001 00:00+01:00", "is before the year 1"),
        ("%d/%m/%Y %H:%M%z", "31/12/9999 23:00-01:00", "is after the year 9999"),
        ("%H:%M:%S.%f", "10:00:00.1234567", "has more digits than timestamp[us] holds"),
        *(
            (format_, text, f"is not written in the format {format_!r}")
            for format_, text in [
                ("%d/%m/%Y", ""),
                ("%d/%m/%Y", "2025-11-04"),
                ("%d/%m/%Y", "11/13/2025"),
                ("%d/%m/%Y", "00/11/2025"),
                ("%d/%m/%Y", "4/0/2025"),
                ("%d/%m/%Y", "004/11/2025"),
                ("%d/%m/%Y", "04/11/25"),
                ("%d/%m/%Y", "04/11/12025"),
                ("%d/%m/%Y", " 04/11/2025"),
                ("%d/%m/%Y", " 4/11/2025"),
                ("%d/%m/%Y", "04/11/2025\n"),
                ("%d/%m/%Y", "04/11/2025 00:00:00"),
                ("%d/%m/%Y", "04/11/\u0662\u0660\u0662\u0665"),
                ("%d/%m/%y", "04/11/5"),
                ("%Y%m%d", "2025114"),
                ("%d%m%Y", "4112025"),
                ("%d1%m/%Y", "411/2025"),
                ("%d %b %Y", "4 Sept 2025"),
                ("%d %b %Y", "4 März 2025"),
                ("%d %b %Y", "4 \u017fep 2025"),
                ("%d %B %Y", "4 Nov 2025"),
                ("%d  %b %Y", "4 Nov 2025"),
                ("%d %b %Y", "4  Nov 2025"),
                ("T%H:%M", "t10:00"),
                ("%H:%M", "24:00"),
                ("%H:%M", "10:60"),
                ("%H:%M:%S", "10:00:60"),
                ("%H:%M:%S.%f", "10:00:00."),
                ("%H:%M:%S.%f", "10:00:00.1234567890"),
                ("%I:%M %p", "0:30 AM"),
                ("%I:%M %p", "13:30 PM"),
                ("%I:%M %p", "1:30 A.M."),
                ("%d/%m/%Y %H:%M%z", "04/11/2025 10:00z"),
                ("%d/%m/%Y %H:%M%z", "04/11/2025 10:00UTC"),
                ("%d/%m/%Y %H:%M%z", "04/11/2025 10:00+1"),
                ("%d/%m/%Y %H:%M%z", "04/11/2025 10:00+24:00"),
                ("%d/%m/%Y %H:%M%z", "04/11/2025 10:00+010030"),
            ]
        ),
    ],
)
def test_refused(format_: str, text: str, reason: str) -> None:
    """What is not in the format to the last character, or is no day; the first such row is named."""
    right = {"%d": "04", "%m": "11", "%Y": "2025", "%y": "25", "%b": "Nov", "%B": "November", "%a": "Tue"}
    right |= {
        "%A": "Tuesday",
        "%H": "10",
        "%I": "10",
        "%p": "AM",
        "%M": "00",
        "%S": "00",
        "%f": "0",
        "%z": "Z",
    }
    first = format_
    for directive, part in right.items():
        first = first.replace(directive, part)
    with pytest.raises(CellError) as caught:
        read(format_, first, None, first, text, text)
    assert (caught.value.row, caught.value.value) == (3, text)
    assert caught.value.reason == reason


MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


@cases(("number", "name"), list(enumerate(MONTHS, 1)))
def test_every_month(number: int, name: str) -> None:
    """By its whole name and by three letters of it, in any case."""
    for format_, text in (("%B", name), ("%b", name[:3])):
        cells = (f"{spelled} 5, 2025" for spelled in (text, text.upper(), text.lower()))
        assert read(f"{format_} %d, %Y", *cells) == [dt.date(2025, number, 5)] * 3


@cases(("day", "name"), list(enumerate(WEEKDAYS, 3)))
def test_every_weekday(day: int, name: str) -> None:
    """By its whole name and by three letters of it, in any case, and only on its day."""
    for format_, text in (("%A", name), ("%a", name[:3])):
        cells = (f"{day}.11.2025 {spelled}" for spelled in (text, text.upper(), text.lower()))
        assert read(f"%d.%m.%Y {format_}", *cells) == [dt.date(2025, 11, day)] * 3
        with pytest.raises(CellError, match="is not a day of the calendar"):
            read(f"%d.%m.%Y {format_}", f"{day + 1}.11.2025 {text}")


@cases(
    ("format_", "text"),
    [
        ("%m%d/%Y", "104/2025"),
        ("%d%m/%Y", "111/2025"),
        ("%m%Y/%d", "12025/4"),
        ("%m%y/%d", "125/4"),
        ("%m%H/%d/%Y", "113/4/2025"),
        ("%m%I/%d/%Y %p", "112/4/2025 AM"),
        ("%H%M", "905"),
        ("%H:%M%S", "10:905"),
        ("%H:%S%M", "10:905"),
        ("%H:%M:%S%f", "10:00:9123"),
        *((f"%d{digit}/%m/%Y", f"4{digit}/11/2025") for digit in "0123456789"),
        *((f"%m/%Y/{digit}%d", f"11/2025/{digit}4") for digit in "0123456789"),
    ],
)
def test_numbers_side_by_side(format_: str, text: str) -> None:
    """A number right beside another, or beside a digit, has all its digits."""
    with pytest.raises(CellError, match="is not written in the format"):
        read(format_, text)


def test_numbers() -> None:
    """A whole number is read by its digits; one with a fraction, which may have lost zeros, is not."""
    assert read("%Y%m%d", *exact_json.parse('[20251104, null, "20240229"]')) == [
        dt.date(2025, 11, 4),
        None,
        dt.date(2024, 2, 29),
    ]
    for format_, cell in (("%H.%M", "10.3"), ("%Y%m%d", "20251104.0"), ("%Y%m%d", "true"), ("%H", "[10]")):
        with pytest.raises(CellError, match="is not written in the format") as caught:
            read(format_, None, *exact_json.parse(f"[{cell}]"))
        assert caught.value.row == 1


@cases(
    ("format_", "reason"),
    [
        ("", "it has neither a date nor a time of day"),
        ("2025-11-04", "it has neither a date nor a time of day"),
        ("%%d", "it has neither a date nor a time of day"),
        ("%d/%m", "it has the day, but not the year"),
        ("%m/%Y", "it has the month, but not the day"),
        ("%Y", "it has the year, but not the day"),
        ("%A %H:%M", "it has the weekday, but not the day"),
        ("%M:%S", "it has the minute, but not the hour"),
        ("%H %S", "it has the second, but not the minute"),
        ("%H:%M.%f", "it has the fraction, but not the second"),
        ("%H:%M%z", "it has the offset, but not the year"),
        ("%Y-%m-%d%z", "it has the offset, but not the hour"),
        ("%p", "it has the half of the day, but not the hour"),
        ("%I:%M", "%I and %p need each other; %H is the hour of 24"),
        ("%H:%M %p", "%I and %p need each other; %H is the hour of 24"),
        ("%d %d %m %Y", "it has the day twice: %d and %d"),
        ("%Y-%m-%d %y", "it has the year twice: %Y and %y"),
        ("%d %b %m %Y", "it has the month twice: %b and %m"),
        ("%a %A %d %m %Y", "it has the weekday twice: %a and %A"),
        ("%H:%M %I %p", "it has the hour twice: %H and %I"),
        ("%Q", "%Q is not one of %d %m %Y %y %b %B %a %A %H %I %p %M %S %f %z %%"),
        ("%d/%m/%Y %", "% is not one of"),
        ("%-d/%m/%Y", "%- is not one of"),
        ("%Y-%j", "%j is not one of"),
        ("%é", "%é is not one of"),
        ("%d/%m/%Y %H:%M:%S%f0", "%f varies in length, so 0 cannot follow it directly"),
        ("%H:%M:%S.%f%d%m%Y", "%f varies in length, so %d cannot follow it directly"),
        ("%H:%M%z%d/%m/%Y", "%z varies in length, so %d cannot follow it directly"),
        ("%d/%m/%Y %H%z:%M", "%z varies in length, so : cannot follow it directly"),
        ("%H\ud800", "it holds a lone surrogate"),
        (5, "expected text, such as '%d/%m/%Y'"),
        (None, "expected text, such as '%d/%m/%Y'"),
        ([], "expected text, such as '%d/%m/%Y'"),
    ],
)
def test_formats_that_name_no_time(format_: Any, reason: str) -> None:
    """They are a ConfigError with the reason, before anything is asked."""
    with pytest.raises(ConfigError) as caught:
        strptime(format_)
    assert str(caught.value).startswith("cf.strptime(")
    assert f"): {reason}" in str(caught.value)
    assert caught.value.setting == "schema"


#: Formats that Python's strptime reads as they are meant here, if it is given what strftime wrote.
ALIKE = [
    *("%d/%m/%Y %H:%M:%S.%f", "%Y%m%d%H%M%S%f", "%m-%d-%y %I.%M.%S %p, %f", "%a %b %d %H:%M:%S.%f %z %Y"),
    *("%A, %d %B %Y %H:%M:%S %f %z", "%f %S %M %H %d %B %Y"),
]


@pytest.mark.slow
@pytest.mark.parametrize("format_", ALIKE)
@given(data=st.data())
def test_what_python_writes_and_reads(format_: str, data: st.DataObject) -> None:
    """The value is that of Python, for several texts at once and with or without zeros in front."""
    zone = dt.timezone(dt.timedelta(minutes=data.draw(st.integers(-1_439, 1_439))))
    years = (1969, 2068) if "%y" in format_ else (1000, 9998)
    first, last = dt.datetime(years[0], 1, 2), dt.datetime(years[1], 12, 30)
    times = data.draw(st.lists(st.datetimes(first, last), min_size=1, max_size=5))
    texts = [time.replace(tzinfo=zone).strftime(format_) for time in times]
    assert read(format_, *texts) == [by_python(text, format_) for text in texts]


@given(
    st.text("0123456789/: APM", max_size=19), st.sampled_from(["%d/%m/%Y", "%I:%M %p", "%d/%m/%y %H:%M:%S"])
)
def test_what_python_refuses(text: str, format_: str) -> None:
    """Whatever is read is read by Python too, as the same."""
    try:
        (found,) = read(format_, text)
    except CellError:
        return
    expected = by_python(text, format_)
    assert found in (expected, expected.date(), expected.time())


# --- RFC 5322 -----------------------------------------------------------------------------------------

TEMPORAL = '"temporal":{"distinct_count":1}'


@cases(
    ("text", "expected"),
    [
        ("Tue, 04 Nov 2025 13:05:01 GMT", instant(2025, 11, 4, 13, 5, 1)),
        ("Tue, 4 Nov 2025 13:05:01 UTC", instant(2025, 11, 4, 13, 5, 1)),
        ("Tue, 04 Nov 2025 14:05:01 +0100", instant(2025, 11, 4, 13, 5, 1)),
        ("Tue,  4 Nov 2025 07:35 -0530", instant(2025, 11, 4, 13, 5)),
        ("4 Nov 2025 13:05 GMT", instant(2025, 11, 4, 13, 5)),
        ("04 Nov 2025 23:59:59 +0000", instant(2025, 11, 4, 23, 59, 59)),
        ("Sat, 29 Feb 2020 00:00:00 GMT", instant(2020, 2, 29)),
        ("Tue, 04 Nov 2025 13:05:01 -0030", instant(2025, 11, 4, 13, 35, 1)),
    ],
)
def test_rfc_5322(column: DecodeColumn, text: str, expected: dt.datetime) -> None:
    """Instants under temporal statistics, beside other spellings, fast and exactly; else text."""
    for others, values in ([], []), (["2025-11-04T13:05Z"], [instant(2025, 11, 4, 13, 5)]):
        cells = [json.dumps(cell) for cell in (text, *others)]
        for order in (cells, cells[::-1]):
            found = column([*order, "null"], TEMPORAL)
            assert found.type == UTC
            assert sorted(found.values[:-1]) == sorted([expected, *values])
            assert found.warnings == []
            assert column(order).type == pa.string()
    nanos = column([json.dumps(text), '"2025-11-04T13:05:00.123456789Z"'], TEMPORAL)
    assert nanos.type == pa.timestamp("ns", "UTC")
    assert nanos.ints[0] == int(expected.timestamp()) * 1_000_000_000
    assert column([json.dumps(text), '"2025-11-04T13:05:00.123456789Z"']).type == pa.string()


@cases(
    ("text", "reason"),
    [
        ("Mon, 04 Nov 2025 13:05:01 GMT", "is not a day of the calendar"),
        ("Sat, 31 Feb 2025 13:05:01 GMT", "is not a day of the calendar"),
        ("31 Feb 2025 13:05:01 GMT", "is not a day of the calendar"),
        *(
            (text, "is not an ISO 8601 date or time")
            for text in (
                *("Tue, 04 Nov 2025 13:05:01 -0000", "Tue, 04 Nov 2025 13:05:01"),
                *("Tue, 04 Nov 2025 13:05:01 EST", "Tue, 04 Nov 2025 13:05:01 Z"),
                *("Tue, 04 Nov 2025 13:05:01 UT", "Tue, 04 Nov 2025 13:05:01 +01:00"),
                *("Tue, 04 Nov 2025 13:05:01 +2400", "Tue, 04 Nov 2025 24:00:00 GMT"),
                *("Tue, 04 Nov 2025 13:05:01.5 GMT", "Tue, 04 Nov 2025 9:05:01 GMT", "Tue, 04 Nov 2025"),
                *("Tue, 04 Nov 25 13:05:01 GMT", "Tue 04 Nov 2025 13:05:01 GMT"),
                *("Tuesday, 04-Nov-25 13:05:01 GMT", "Tue Nov  4 13:05:01 2025"),
            )
        ),
    ],
)
def test_what_is_not_rfc_5322(column: DecodeColumn, text: str, reason: str) -> None:
    """The column stays text, and the warning names the row."""
    found = column(['"Tue, 04 Nov 2025 13:05:01 GMT"', json.dumps(text)], TEMPORAL)
    assert found.values == ["Tue, 04 Nov 2025 13:05:01 GMT", text]
    assert str(found.warnings[0]).startswith(f"Column 'c' stays exact text: '{text}' (row 1) {reason}.")


@cases(
    ("cells", "bound", "count", "type_", "warning"),
    [
        ([], "Tue, 04 Nov 2025 13:05:01 GMT", 9, UTC, None),
        (['"Tue, 04 Nov 2025 13:05:01 GMT"'], "2025-11-04T13:05:01Z", 1, UTC, None),
        (['"2025-11-04T13:05:01Z"'], "Tue, 04 Nov 2025 14:05:01 +0100", 1, UTC, None),
        (['"2025-11-04T13:05:01Z"'], "Tue, 04 Nov 2025 13:05:00 GMT", 1, UTC, "has the min"),
        (['"2025-11-04"'], "Tue, 04 Nov 2025 00:00:00 GMT", 1, pa.date32(), None),
        (['"2025-11-04"'], "Tue, 04 Nov 2025 00:00:00 GMT", 9, pa.date32(), None),
        (['"2025-11-04"'], "Tue, 04 Nov 2025 10:00:00 GMT", 9, pa.string(), "stays exact text"),
        (['"2025-11-04"'], "Mon, 04 Nov 2025 00:00:00 GMT", 1, pa.date32(), "cannot be compared"),
    ],
)
def test_bounds_in_rfc_5322(
    column: DecodeColumn, cells: list[str], bound: str, count: int, type_: Any, warning: str | None
) -> None:
    """They are compared, and count where rows were cut, as in any other spelling."""
    statistics = f'"general":{{"count":{count},"nulls_count":0}},"temporal":{{"min":"{bound}"}}'
    found = column(cells, statistics)
    assert found.type == type_
    messages = [str(each) for each in found.warnings]
    assert len(messages) == (warning is not None)
    assert all(str(warning) in message for message in messages)


@pytest.mark.slow
@given(
    st.lists(st.datetimes(dt.datetime(1900, 1, 2), dt.datetime(9999, 12, 30)), min_size=1, max_size=20),
    st.integers(-1_439, 1_439).filter(bool),
)
def test_what_email_writes(times: list[dt.datetime], minutes: int) -> None:
    """The dates of Python's email package, in UTC as HTTP has them and with an offset."""
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    at = [time.replace(microsecond=0, tzinfo=zone) for time in times]
    texts = [format_datetime(each) for each in at]
    texts += [format_datetime(each.astimezone(dt.UTC), usegmt=True) for each in at]
    assert build(texts, UTC).to_pylist() == at * 2
    fast = read_fast(pa.array(texts), FAST_CASTS[TemporalFormat.AWARE][0])
    assert fast is not None
    assert fast.values.to_pylist() == at * 2
