"""What min and max say about the type of rows that were cut."""

from __future__ import annotations

import pyarrow as pa
import pytest

from connecty_frames.decode.errors import CellError
from connecty_frames.decode.types.temporal_bounds import fit_bounds, fit_fast, trim_zeros
from connecty_frames.decode.types.temporal_fast import FAST_CASTS, FastCast, TemporalValues
from connecty_frames.decode.types.temporal_format import TemporalFormat
from tests.cases import cases

DATE, NAIVE, AWARE = TemporalFormat.DATE, TemporalFormat.NAIVE, TemporalFormat.AWARE
TIME, DURATION = TemporalFormat.TIME, TemporalFormat.DURATION
(DAYS,), (NAIVE_MICROS, _), (MICROS, NANOS) = (FAST_CASTS[each] for each in (DATE, NAIVE, AWARE))


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
def test_formats(
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
        (
            DURATION,
            "1 mon",
            "is a duration with years, months or a fraction that has no fixed length",
        ),
        (DATE, "2025-01-01T17:30:00Z", "is one of the timestamps with offsets; others are dates"),
    ],
)
def test_what_no_type_holds(values: TemporalFormat | None, bound: str, reason: str) -> None:
    """A bound that is a value, but of no type that holds the others too, is an error without a row."""
    with pytest.raises(CellError) as caught:
        fit_bounds(values, [bound])
    assert (caught.value.row, caught.value.value, caught.value.reason) == (None, bound, reason)


@cases(
    ("cast", "bounds", "counted"),
    [
        (MICROS, [], []),
        (NANOS, ["2025-01-01T00:00:00.1234567Z"], ["2025-01-01T00:00:00.1234567Z"]),
        (NANOS, ["1677-12-31T00:00:00Z"], None),
        (MICROS, ["2025-01-01T00:00:00Z"], ["2025-01-01T00:00:00Z"]),
        (MICROS, ["2025-01-01T00:00:00.1234567Z"], None),
        (MICROS, ["0001-01-01T00:00:00Z"], None),
        (NAIVE_MICROS, ["9999-12-31T24:00:00"], None),
        (DAYS, ["2025-01-01T17:30:00"], None),
        (DAYS, ["infinity"], None),
    ],
)
def test_the_fast_reader(cast: FastCast, bounds: list[str], counted: list[str] | None) -> None:
    """Bounds that may need another unit or format, or the ends of the calendar, need the exact reader."""
    assert fit_fast(TemporalValues(cast.format, pa.array([], cast.type)), bounds) == counted


@cases(
    ("bound", "texts", "trimmed"),
    [
        # Of a writer that always prints nine digits, beside rows of another one.
        ("2025-01-01 10:00:00.000000000", ["2025-01-01 10:00:00"], "2025-01-01 10:00:00.000000"),
        ("2025-01-01 10:00:00.120000000", ["2025-01-01 10:00:00.12"], "2025-01-01 10:00:00.120000"),
        ("1 02:00:00.500000000", ["1 02:00:00.500"], "1 02:00:00.500000"),
        # Of the writer of the rows, which leaves out fractions of zero, or of no rows.
        ("23:59:59.9999990", ["10:00:00"], "23:59:59.9999990"),
        ("10.02:00:00.5000000", ["1.02:00:00"], "10.02:00:00.5000000"),
        ("2025-01-01 10:00:00.000000000", [], "2025-01-01 10:00:00.000000000"),
        # A digit that is none of these zeros stays.
        ("2025-01-01 10:00:00.000000100", ["2025-01-01 10:00:00.5"], "2025-01-01 10:00:00.0000001"),
    ],
)
def test_zeros(bound: str, texts: list[str], trimmed: str) -> None:
    """Zeros beyond microseconds ask for nanoseconds only if the writer of the rows prints them."""
    assert trim_zeros([bound], texts) == [trimmed]
