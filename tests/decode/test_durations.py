"""The spellings of durations, and how long each is."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connecty_frames.decode.types import temporal
from connecty_frames.decode.types.durations import can_be_time_of_day

DAY, HOUR, SECOND = 86_400_000_000_000, 3_600_000_000_000, 1_000_000_000


@pytest.mark.parametrize(
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
    assert temporal.read([text], pa.duration("ns")).cast(pa.int64()).to_pylist() == [nanoseconds]
    assert not can_be_time_of_day(text)


@pytest.mark.parametrize(
    "text", ["01:00:01", "1:00:01", "23:59:59.5", "00:00:00", "24:00:00", "24:00:00.000"]
)
def test_times_of_day(text: str) -> None:
    """These may be times of day, so they are durations only where something else says so."""
    assert can_be_time_of_day(text)


@pytest.mark.parametrize(
    ("text", "delta"),
    [
        ("01:00:01", timedelta(hours=1, seconds=1)),
        ("0:00:01.5", timedelta(seconds=1.5)),
        ("24:00:00", timedelta(days=1)),
    ],
)
def test_as_a_duration(text: str, delta: timedelta) -> None:
    """As the type of a duration, a time of day is the duration since midnight."""
    assert temporal.read([text], pa.duration("us")).to_pylist() == [delta]


@given(st.timedeltas(timedelta(days=-99_999), timedelta(days=99_999)))
def test_spellings_by_independent_writers(delta: timedelta) -> None:
    """What Python and pandas write, also in one column, is the duration that they wrote."""
    texts = [str(delta), str(pd.Timedelta(delta)), pd.Timedelta(delta).isoformat()]
    assert temporal.read(texts, pa.duration("us")).to_pylist() == [delta] * 3
