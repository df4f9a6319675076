"""The ground truth of the producers: columns whose types and values are written down.

Every producer writes the columns that it has a type for and whose values it holds.
"""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import numpy as np

from tests.verification.fidelity.ground_truth import DAY, NANOS, LogicalType, TemporalTicks, TrueColumn

_MICRO: Final = NANOS["us"]
_HOUR: Final = 3_600 * NANOS["s"]
#: Logical type -> the section of the statistics of its columns; the others have ``general`` alone.
SECTIONS: Final = {
    "boolean": "boolean",
    **dict.fromkeys(("whole", "decimal", "float32", "float64"), "numeric"),
    "text": "string",
    **dict.fromkeys(("date", "timestamp", "instant", "time", "timetz", "interval"), "temporal"),
}


def moment(ticks: float) -> tuple[datetime, int]:
    """Return nanoseconds since 1970 as a time in UTC to the second, and the nanoseconds that are left."""
    seconds, nanos = divmod(int(ticks), NANOS["s"])
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), nanos


def _ticks(text: str) -> float:
    """Return the nanoseconds since 1970 of a date or a time without an offset."""
    if text.endswith("infinity"):
        return float(text)
    whole, _, fraction = text.partition(".")
    return int(np.datetime64(whole, "s").astype(int)) * NANOS["s"] + int(fraction.ljust(9, "0") or 0)


def _time(text: str) -> float:
    return DAY if text.startswith("24") else _ticks(f"1970-01-01T{text}")


def _column(name: str, kind: str, *values: Any, size: int = 0) -> TrueColumn:
    """Return a column; dates, times and decimals are given as texts."""
    read: dict[str, Callable[[Any], Any]] = {
        **dict.fromkeys(("date", "timestamp", "instant"), lambda text: TemporalTicks(kind, _ticks(text))),
        "time": lambda text: TemporalTicks(kind, _time(text)),
        "decimal": Decimal,
        "float32": lambda number: float(np.float32(number)),
    }
    make = read.get(kind, lambda value: value)
    return TrueColumn(
        name, LogicalType(kind, size), tuple(None if each is None else make(each) for each in values)
    )


_ITEMS: Final = LogicalType("list", 0, (("item", LogicalType("whole", 64)),))
_FIELDS: Final = LogicalType(
    "struct", 0, (("city", LogicalType("text")), ("orders", LogicalType("whole", 64)))
)

_NAMED: Final = (
    _column("flags", "boolean", True, False, None, True),
    _column("flags, only false", "boolean", False, False),
    _column("counts", "whole", 3, 100, 7, 2, size=64),
    _column("counts, a null", "whole", 3, None, -7, 2, size=64),
    _column("ids beyond 2**53", "whole", 2**53 + 1, 2**53 + 2, 2**53 + 5, size=64),
    _column("ids beyond 2**53, a null", "whole", 2**53 + 1, None, 2**53 + 5, size=64),
    _column("int64 extremes", "whole", -(2**63), 2**63 - 1, size=64),
    _column("numeric(38), no scale", "decimal", "12345678901234567890123456789012345678", "1", size=0),
    _column("money", "decimal", "12.50", "0.10", None, "1999.99", size=2),
    _column("money, whole", "decimal", "1.00", "250.00", "3.00", size=2),
    _column("money, 18 digits", "decimal", "1234567890123456.78", "0.01", None, size=2),
    _column("numeric(38,18)", "decimal", "12345678901234567890.123456789012345678", "1.500000000000000000",
            size=18),
    _column("rates, 18 digits", "decimal", "0.123456789012345678", "0.500000000000000000", size=18),
    _column("averages", "decimal", "3.3333333333333333", "2.5000000000000000", size=16),
    _column("numeric with NaN", "decimal", "1.50", "NaN", "2.25", size=2),
    _column("floats", "float64", 0.1, -2.5, 1e300, None, 3.0),
    _column("floats, whole", "float64", 1.0, 250.0, 3.0),
    _column("floats, NaN and infinity", "float64", 1.5, float("nan"), float("inf"), float("-inf"), None),
    _column("floats, extremes", "float64", 1e-7, 5e-324, 1.7976931348623157e308),
    _column("float32", "float32", 0.1, 3.25, None),
    _column("names", "text", "Łódź", "", None, "NA"),
    _column("codes", "text", "00123", "2025-01-01", "1e5", "true"),
    _column("labels like dates", "other", "2025-01-01", "2024-02-29"),
    _column("labels like instants", "other", "2025-03-30T10:00:00Z", None),
    _column("labels like times", "other", "10:00:00", "12:30:00"),
    _column("uuid", "other", "729cb7a4-4b06-449e-a3c9-df40f5e570b8", None),
    _column("dates", "date", "2025-03-30", "2024-02-29", None, "1969-12-31"),
    _column("dates, extremes", "date", "0001-01-01", "9999-12-31"),
    _column("dates, infinite", "date", "2025-03-30", "infinity"),
    _column("dates, BC", "date", "2025-03-30", "-0043-03-15"),
    _column("dates, only nulls", "date", None, None),
    _column("timestamps", "timestamp", "2025-03-30T10:00:00.123456", "2025-03-30T02:30:00", None),
    _column("timestamps, ms", "timestamp", "2025-03-30T10:00:00.120", "2025-03-30T02:30:00.007"),
    _column("timestamps, seconds", "timestamp", "2025-03-30T10:00:00", "2024-12-31T23:59:59"),
    _column("timestamps, midnights", "timestamp", "2025-03-30T00:00:00", "2025-03-31T00:00:00"),
    _column("timestamps, ns", "timestamp", "2025-03-30T10:00:00.123456789", "2025-03-30T10:00:00.1234567"),
    _column("timestamps, infinite", "timestamp", "-infinity", "2025-03-30T10:00:00"),
    _column("timestamps, BC", "timestamp", "-0043-03-15T10:00:00", "2025-03-30T10:00:00"),
    _column("timestamps, only nulls", "timestamp", None, None),
    _column(
        "instants, summer time", "instant",
        "2025-03-30T00:30:00.123456", "2025-03-30T01:30:00", None,
        "2025-10-26T00:30:00.5", "2025-10-26T01:30:00",
    ),
    _column("instants, ms", "instant", "2025-10-26T00:30:00.120", "2025-10-26T01:30:00.007"),
    _column("instants, seconds", "instant", "2025-03-30T10:00:00", "2024-12-31T23:59:59"),
    _column("instants, ns", "instant", "2025-03-30T10:00:00.123456789", "2025-03-30T10:00:00.1234567"),
    _column("instants, offset with seconds", "instant", "1885-01-01T10:00:00", "2025-03-30T10:00:00"),
    _column("instants, infinite", "instant", "infinity", "2025-03-30T10:00:00"),
    _column("instants, BC", "instant", "-0043-03-15T10:00:00", "2025-03-30T10:00:00"),
    _column("times", "time", "10:00:00", "23:59:59.999999", None, "00:00:00"),
    _column("times, ms", "time", "10:00:00.120", "23:59:59.999"),
    _column("times, 24:00:00", "time", "10:00:00", "24:00:00"),
    _column("times with offset", "timetz", "10:00:00+01:00", "12:30:00+02:00"),
    _column("intervals, under a day", "interval", (0, 0, _HOUR + NANOS["s"]), (0, 0, 20 * _HOUR)),
    _column("intervals, days", "interval", (0, 1, 2 * _HOUR), (0, 10, 2 * _HOUR + 500_000 * _MICRO), None),
    _column("intervals, days and less", "interval", (0, 0, 2 * _HOUR), (0, 1, 2 * _HOUR)),
    _column("intervals, negative", "interval", (0, -1, 2 * _HOUR), (0, 2, 2 * _HOUR)),
    _column("intervals, mixed signs", "interval", (0, 1, -2 * _HOUR), (0, -3, _HOUR // 2)),
    _column(
        "intervals, negative fractions", "interval",
        (0, 0, -2 * _HOUR - 500_000 * _MICRO), (0, -1, -500_000 * _MICRO), (0, 0, -_HOUR // 2),
    ),
    _column("intervals, 24 hours or more", "interval", (0, 0, 30 * _HOUR), (0, 0, 100 * _HOUR + _MICRO)),
    _column("intervals, months", "interval", (0, 3, 0), (14, 3, 0), (1, 0, 0)),
    TrueColumn("lists", _ITEMS, ([1, 2], [3], None)),
    TrueColumn("objects", _FIELDS, ({"city": "Łódź", "orders": 3}, {"city": "Oslo", "orders": 1})),
)  # fmt: skip


def _random_columns() -> Iterator[TrueColumn]:
    """Yield columns of random values, always the same."""
    draw = random.Random(12)

    def ticks(first: str, last: str, unit: int) -> int:
        return draw.randrange(int(_ticks(first)), int(_ticks(last)), unit)

    def column(kind: str, value: Callable[[], Any], size: int = 0, name: str = "") -> TrueColumn:
        values = (None, *(value() for _ in range(_RANDOM_ROWS)))
        return TrueColumn(f"random: {name or kind}", LogicalType(kind, size), values)

    def moments(kind: str, first: str, last: str, unit: int) -> Callable[[], TemporalTicks]:
        return lambda: TemporalTicks(kind, ticks(first, last, unit))

    yield column("date", moments("date", "0001-01-01", "9999-12-31", DAY))
    yield column("timestamp", moments("timestamp", "0001-01-01", "9999-12-31", _MICRO))
    yield column("instant", moments("instant", "1900-01-01", "2100-01-01", _MICRO))
    yield column("instant", moments("instant", "1970-01-01", "2100-01-01", NANOS["s"]), 0, "instant, seconds")
    yield column("instant", moments("instant", "1970-01-01", "2100-01-01", NANOS["ms"]), 0, "instant, ms")
    yield column("time", lambda: TemporalTicks("time", draw.randrange(0, DAY, _MICRO)))
    yield column("interval", lambda: (0, draw.randint(-400, 400), draw.randrange(_MICRO - DAY, DAY, _MICRO)))
    yield column(
        "interval", lambda: (0, 0, draw.randrange(-800 * _HOUR, 800 * _HOUR, _MICRO)), 0, "interval, hours"
    )
    yield column("whole", lambda: draw.randrange(-(2**63), 2**63), 64)
    yield column("decimal", lambda: Decimal(draw.randrange(-(10**17), 10**17)).scaleb(-2), 2, "money")
    yield column("decimal", lambda: Decimal(draw.randrange(10**17)).scaleb(-18), 18, "rates")
    yield column("float64", lambda: draw.uniform(-1, 1) * 10 ** draw.randint(-300, 300))


_RANDOM_ROWS: Final = 60
COLUMNS: Final = (*_NAMED, *_random_columns())
