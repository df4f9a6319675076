"""How values are written: cf.epoch, cf.local, cf.binary; cf.strptime is in ``test_formats``."""

import datetime as dt
import pickle
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connecty_frames.decode import exact_json
from connecty_frames.decode.cells import CellError
from connecty_frames.decode.types.build import build
from connecty_frames.decode.types.encodings import Encoding, binary, epoch, local, parse_encoding, strptime
from connecty_frames.errors import ConfigError
from tests.cases import cases

ALL = [
    (epoch("s"), 'cf.epoch("s")'),
    (epoch("ms", "UTC"), 'cf.epoch("ms", "UTC")'),
    (epoch("ns", tz="+05:30"), 'cf.epoch("ns", "+05:30")'),
    (epoch("d"), 'cf.epoch("d")'),
    (local("Europe/Berlin"), 'cf.local("Europe/Berlin")'),
    (strptime('%d/%m/%Y "%H"\n\\é😀'), 'cf.strptime("%d/%m/%Y \\"%H\\"\\n\\\\é😀")'),
    (binary("hex"), 'cf.binary("hex")'),
    (binary("base64"), 'cf.binary("base64")'),
]


@cases(("encoding", "text"), ALL, ids=[text for _, text in ALL])
def test_values(encoding: Encoding, text: str) -> None:
    """They are shown as they are written, and compared, hashed, pickled and parsed as values."""
    assert repr(encoding) == text
    assert parse_encoding(text) == encoding
    assert pickle.loads(pickle.dumps(encoding)) == encoding
    assert {encoding: 1}[parse_encoding(text)] == 1
    assert [other for other, _ in ALL if other == encoding] == [encoding]
    with pytest.raises(AttributeError):
        setattr(encoding, encoding.__slots__[0], "s")


@cases(
    ("encoding", "type_"),
    [
        (epoch("s"), pa.timestamp("us")),
        (epoch("us", "Europe/Berlin"), pa.timestamp("us", "Europe/Berlin")),
        (epoch("ns", "UTC"), pa.timestamp("ns", "UTC")),
        (epoch("d"), pa.date32()),
        (local("Europe/Berlin"), pa.timestamp("us", "Europe/Berlin")),
        (binary("hex"), pa.binary()),
        (strptime("%d/%m/%Y"), pa.date32()),
        (strptime("%A, %d %B %y"), pa.date32()),
        (strptime("%d/%m/%Y %H"), pa.timestamp("us")),
        (strptime("%d/%m/%Y %H:%M:%S.%f"), pa.timestamp("us")),
        (strptime("%H:%M %d/%m/%Y %z"), pa.timestamp("us", "UTC")),
        (strptime("%H"), pa.time64("us")),
        (strptime("%I%p"), pa.time64("us")),
    ],
    ids=str,
)
def test_type(encoding: Encoding, type_: pa.DataType) -> None:
    """The Arrow type of the column, which a column of nulls has too."""
    assert encoding.type == type_
    assert build([None], encoding).type == type_
    assert build([], encoding).type == type_


@cases(
    ("make", "message"),
    [
        (lambda: epoch("minutes"), r"cf.epoch\(unit='minutes'\): expected one of 's' \(seconds\), 'ms' "),
        (lambda: epoch(5), r"cf.epoch\(unit=5\): expected one of"),  # type: ignore[arg-type]
        (lambda: epoch([]), r"cf.epoch\(unit=\[\]\): expected one of"),  # type: ignore[arg-type]
        (lambda: epoch("s", "Mars"), r"cf.epoch\(tz='Mars'\): expected the name of a time zone"),
        (lambda: epoch("s", 5), r"cf.epoch\(tz=5\): expected the name of a time zone"),  # type: ignore[arg-type]
        (lambda: epoch("d", "UTC"), r"cf.epoch\('d'\) reads dates, which have no time zone"),
        (lambda: local("Mars"), r"cf.local\('Mars'\): expected the name of a time zone, such as 'UTC'"),
        (lambda: local("+99:00"), r"cf.local\('\+99:00'\): expected the name of a time zone"),
        (lambda: local(""), r"cf.local\(''\): expected the name of a time zone"),
        (lambda: binary("base32"), r"cf.binary\('base32'\): expected 'hex' or 'base64'"),
        (lambda: binary(None), r"cf.binary\(None\): expected 'hex' or 'base64'"),  # type: ignore[arg-type]
    ],
)
def test_arguments(make: Any, message: str) -> None:
    """A wrong one is a ConfigError that names what is accepted."""
    with pytest.raises(ConfigError, match=message) as caught:
        make()
    assert caught.value.setting == "schema"


@cases(
    "text",
    ["", "epoch", "cf.epoch(", "cf.other()", "cf.epoch()", 'cf.epoch("s", "UTC", 1)', 'cf.strptime("%Q")'],
)
def test_what_is_no_encoding(text: str) -> None:
    """Text of another kind is a ValueError or TypeError."""
    with pytest.raises((ValueError, TypeError)):
        parse_encoding(text)


class TestEpoch:
    """Numbers that count from 1970."""

    @cases(
        ("unit", "cell", "expected"),
        [
            ("s", "1735725600", dt.datetime(2025, 1, 1, 10)),
            ("s", '"1735725600"', dt.datetime(2025, 1, 1, 10)),
            ("s", '"1735725600.000000000"', dt.datetime(2025, 1, 1, 10)),
            ("s", "1735725600.123456", dt.datetime(2025, 1, 1, 10, 0, 0, 123456)),
            ("s", '"1735725600.123456000"', dt.datetime(2025, 1, 1, 10, 0, 0, 123456)),
            ("s", '"1.7357256E9"', dt.datetime(2025, 1, 1, 10)),
            ("s", "1.735725600123456E+09", dt.datetime(2025, 1, 1, 10, 0, 0, 123456)),
            ("s", "-0.5", dt.datetime(1969, 12, 31, 23, 59, 59, 500000)),
            ("s", "0", dt.datetime(1970, 1, 1)),
            ("s", "-62135596800", dt.datetime(1, 1, 1)),
            ("s", "253402300799.999999", dt.datetime(9999, 12, 31, 23, 59, 59, 999999)),
            ("ms", "1735725600123", dt.datetime(2025, 1, 1, 10, 0, 0, 123000)),
            ("ms", "1735725600123.456", dt.datetime(2025, 1, 1, 10, 0, 0, 123456)),
            ("us", "1735725600123456", dt.datetime(2025, 1, 1, 10, 0, 0, 123456)),
            ("us", "1735725600123456.0", dt.datetime(2025, 1, 1, 10, 0, 0, 123456)),
            ("d", "20089", dt.date(2025, 1, 1)),
            ("d", '"-1"', dt.date(1969, 12, 31)),
        ],
    )
    def test_read(self, unit: str, cell: str, expected: object) -> None:
        """Exactly, bare or in quotes, whole or with a fraction or exponent."""
        found = build([*exact_json.parse(f"[{cell}]"), None], epoch(unit))
        assert found.to_pylist() == [expected, None]

    def test_nanoseconds(self) -> None:
        """All nine digits are kept."""
        found = build(exact_json.parse('[1735725600123456789,"-1"]'), epoch("ns", "UTC"))
        assert found.type == pa.timestamp("ns", "UTC")
        assert found.cast(pa.int64()).to_pylist() == [1735725600123456789, -1]

    @cases(
        ("unit", "tz", "cell", "reason"),
        [
            ("s", None, "1735725600.1234567", "is not a number of seconds that timestamp[us] holds exactly"),
            ("s", None, '"1735725600.123456789"', "is not a number of seconds"),
            ("us", None, "0.5", "is not a number of microseconds"),
            ("ns", None, "1e300", "is not a number of nanoseconds"),
            ("ns", None, "-9223372036854775808", "is not a number of nanoseconds"),
            ("s", None, "253402300800", "is after the year 9999"),
            ("s", None, "-62135596801", "is before the year 1"),
            ("s", "Europe/Berlin", "253402300799", "has no year that can be shown in Europe/Berlin"),
            ("s", None, "99999999999999999", "is not a number of seconds"),
            ("s", None, "9999999999999", "is not a number of seconds"),  # beyond int64 as microseconds
            ("ms", None, "0.0001", "is not a number of milliseconds"),
            ("d", None, "2932897", "is after the year 9999"),
            ("d", None, "-719163", "is before the year 1"),
            ("d", None, "0.5", "is not a number of days that date32[day] holds exactly"),
            ("s", None, '"2025-01-01"', "is not a number of seconds"),
            ("s", None, '""', "is not a number of seconds"),
            ("s", None, '" 5"', "is not a number of seconds"),
            ("s", None, '"NaN"', "is not a number of seconds"),
            ("s", None, "true", "is not a number of seconds"),
            ("s", None, "[5]", "is not a number of seconds"),
        ],
    )
    def test_refused(self, unit: str, tz: str | None, cell: str, reason: str) -> None:
        """More digits than the type holds, another year, and what is no number."""
        with pytest.raises(CellError) as caught:
            build([None, *exact_json.parse(f"[0,{cell}]")], epoch(unit, tz))
        assert caught.value.row == 2
        assert caught.value.reason.startswith(reason)


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999), st.sampled_from(["s", "ms", "us"]))
def test_every_epoch_is_exact(micros: int, unit: str) -> None:
    """Any instant, as a number of any unit, is the same microsecond."""
    number = Decimal(micros).scaleb({"s": -6, "ms": -3, "us": 0}[unit])
    found = build([f"{number:f}", f"{number:e}", f"{number:f}" + "0" * ("." in f"{number:f}")], epoch(unit))
    assert found.cast(pa.int64()).to_pylist() == [micros] * 3


@given(
    st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(2100, 1, 1)),
    st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tehran", "Pacific/Apia"]
    ),
)
def test_every_local_time(at: dt.datetime, name: str) -> None:
    """A local time names the one instant at which the clocks of the zone show it; two are an error."""
    zone, instant = ZoneInfo(name), at.replace(tzinfo=dt.UTC)
    time = instant.astimezone(zone).replace(tzinfo=None)
    others = (instant + dt.timedelta(minutes=minutes) for minutes in (-120, -60, -30, 30, 60, 120))
    if any(other.astimezone(zone).replace(tzinfo=None) == time for other in others):
        with pytest.raises(CellError, match="ambiguous"):
            build([time.isoformat()], local(name))
    else:
        texts, type_ = [f"{time} {name}"], pa.timestamp("us", "UTC")
        assert build([time.isoformat()], local(name)).cast(type_).to_pylist() == [instant]
        assert build(texts, type_).to_pylist() == [instant]


class TestLocal:
    """Local times of a zone."""

    def test_read(self) -> None:
        """Timestamps without an offset, and dates as midnight, on both sides of summer time."""
        cells = ["2025-01-01T10:00:00", None, "2025-07-01 10:00:00.5", "2025-03-30", "0900-01-01"]
        found = build(cells, local("Europe/Berlin"))
        assert found.type == pa.timestamp("us", "Europe/Berlin")
        assert found.cast(pa.timestamp("us", "UTC")).to_pylist() == [
            dt.datetime(2025, 1, 1, 9, tzinfo=dt.UTC),
            None,
            dt.datetime(2025, 7, 1, 8, 0, 0, 500000, tzinfo=dt.UTC),
            dt.datetime(2025, 3, 29, 23, tzinfo=dt.UTC),
            dt.datetime(899, 12, 31, 23, 6, 32, tzinfo=dt.UTC),
        ]

    def test_years_beyond_2037(self) -> None:
        """The rule of the zone applies after the last transition that its file lists."""
        found = build(["2050-07-01T12:00:00", "2050-12-01T12:00:00"], local("America/New_York"))
        assert found.cast(pa.timestamp("us", "UTC")).to_pylist() == [
            dt.datetime(2050, 7, 1, 16, tzinfo=dt.UTC),
            dt.datetime(2050, 12, 1, 17, tzinfo=dt.UTC),
        ]

    @cases(
        ("cells", "row", "reason"),
        [
            (["2025-01-01", None, "2025-10-26T02:30:00"], 2, "is a local time that is ambiguous"),
            (["2025-03-30T02:59:59.9", "2025-03-30T02:30:00"], 0, "is a local time that is missing"),
            (["2025-01-01", "2025-01-01T10:00:00Z"], 1, "has an offset"),
            (["2025-01-01T10:00:00+01:00"], 0, "has an offset"),
            (["2025-01-01", exact_json.IntText("20250101")], 1, "is not text"),
            (["0001-01-01"], 0, "is before the year 1"),
        ],
    )
    def test_refused(self, cells: list[Any], row: int, reason: str) -> None:
        """A time that occurs twice or never, and one that names its offset itself."""
        with pytest.raises(CellError) as caught:
            build(cells, local("Europe/Berlin"))
        assert caught.value.row == row
        assert caught.value.value == cells[row]
        assert caught.value.reason.startswith(reason)


class TestBinary:
    """Bytes written as text."""

    @cases(
        ("type_", "cells", "expected"),
        [
            (pa.binary(), ["\\x48fF00", "\\x", None], [b"H\xff\x00", b"", None]),
            (pa.large_binary(), ["\\x48"], [b"H"]),
            (pa.list_(pa.binary()), [["\\x48", None], []], [[b"H", None], []]),
            (binary("hex"), ["48fF00", "", None], [b"H\xff\x00", b"", None]),
            (
                binary("base64"),
                ["SP8A", "SP8=", "+/+/", "", None],
                [b"H\xff\x00", b"H\xff", b"\xfb\xff\xbf", b"", None],
            ),
        ],
        ids=str,
    )
    def test_read(self, type_: Any, cells: list[Any], expected: list[Any]) -> None:
        """PostgreSQL's texts need no encoding."""
        assert build(cells, type_).to_pylist() == expected

    @cases(
        ("type_", "cell"),
        [
            *(
                (pa.binary(), cell)
                for cell in ("48", "\\x4", "\\X48", "\\x4g", "\\x 48", "\\\\x48", "x48", "")
            ),
            *(
                (binary("hex"), cell)
                for cell in ("4", "0x48", "\\x48", "4 8", "48 ", "48\n", "4g", "\uff14\uff18")
            ),
            *(
                (binary("base64"), cell)
                for cell in ("SP8", "SP8==", "SP8A\n", "SP 8A", "-_-_", "SP9=", "=", "SP8=SP8=", "é", "A")
            ),
        ],
    )
    def test_refused(self, type_: Any, cell: str) -> None:
        """Another alphabet, odd lengths, wrong padding, white space: the row and the value are named."""
        with pytest.raises(CellError) as caught:
            build([None, cell], type_)
        assert (caught.value.row, caught.value.value) == (1, cell)

    @cases("cell", [exact_json.IntText("48"), True, ["48"]])
    def test_not_text(self, cell: object) -> None:
        """A number is no text."""
        with pytest.raises(CellError, match="is not written as pairs of hexadecimal digits"):
            build([cell], binary("hex"))
