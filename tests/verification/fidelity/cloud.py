"""Warehouses that are not run here, with their documented forms; those that answer in text quote every value.

==========  ================================================================================================
Snowflake   the default output formats of a session (``TIMESTAMP_NTZ_OUTPUT_FORMAT`` and its kin), and the
            SQL API's ``jsonv2``: dates as days, times as seconds, offsets as minutes beyond -1440
BigQuery    ``jobs.getQueryResults``: timestamps as seconds in the notation of a float, or as microseconds
            with ``formatOptions.useInt64Timestamp``; the results of the console, saved as JSON
Databricks  Statement Execution API, ``JSON_ARRAY``: every value as a string, timestamps in ISO 8601
Athena      ``GetQueryResults``: ``VarCharValue``, the casts of Trino to varchar
Trino       client protocol: JSON numbers and booleans, decimals and dates as strings
==========  ================================================================================================
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from tests.verification.fidelity.bodies import Producer, Unwritable
from tests.verification.fidelity.ground_truth import DAY, NANOS, TemporalTicks
from tests.verification.fidelity.python import write_pandas_bound
from tests.verification.fidelity.spelling import (
    Spelling,
    clock,
    date_of,
    day_and_clock,
    decimal,
    local,
    offset_of,
    quote,
    spelled,
)

__all__ = ["PRODUCERS", "float_as_java", "to_json", "within_a_day"]

_MICRO: Final = NANOS["us"]


def _seconds(ticks: int) -> str:
    return f"{ticks // NANOS['s']}.{ticks % NANOS['s']:09d}"


def _day_to_second(value: tuple[int, int, int], digits: int) -> str:
    """Return ``D hh:mm:ss.fff`` with a sign before it, as SQL writes INTERVAL DAY TO SECOND."""
    months, days, nanos = value
    if months:
        raise Unwritable
    total = days * DAY + nanos
    sign, total = ("-", -total) if total < 0 else ("", total)
    return f"{sign}{total // DAY} {clock(total % DAY, digits, digits)}"


def _year_to_month(value: tuple[int, int, int], days_to_second: str) -> str:
    months, days, nanos = value
    if months and (days or nanos):
        raise Unwritable  # no type has both
    return f"{months // 12}-{months % 12}" if months else days_to_second


def float_as_java(value: float) -> str:
    """Return a float as Java does: NaN, Infinity."""
    return repr(value).replace("nan", "NaN").replace("inf", "Infinity")


def within_a_day(value: TemporalTicks, least: int, most: int) -> str:
    """Return a time of day; most databases have no 24:00:00."""
    if value.ticks >= DAY:
        raise Unwritable
    return clock(int(value.ticks), least, most)


def to_json(value: Any) -> str:
    """Return a value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


#: What the warehouses have in common that answer in text.
_TEXTS: Final[dict[str, Spelling]] = {
    "boolean": lambda value: quote(str(value).lower()),
    "whole": quote,
    "decimal": lambda value: quote(decimal(value)),
    "float64": lambda value: quote(float_as_java(value)),
    "text": quote,
    "other": quote,
    "date": lambda value: quote(date_of(value)),
    "list": lambda value: quote(to_json(value)),
    "struct": lambda value: quote(to_json(value)),
}


def _zoned(value: TemporalTicks, separator: str, digits: int, *, colon: str = "") -> str:
    wall, shift = local(value)
    return f"{day_and_clock(wall, separator, digits, digits)} {offset_of(shift, colon)}"


_SNOWFLAKE_DRIVER: Final = spelled(
    {
        **_TEXTS,
        "float64": lambda value: quote(repr(value).replace("nan", "NaN")),
        "timestamp": lambda value: quote(day_and_clock(value, " ", 3, 3)),
        "instant": lambda value: quote(_zoned(value, " ", 3)),
        "time": lambda value: quote(within_a_day(value, 0, 0)),
    }
)
_SNOWFLAKE_NANOS: Final = spelled(
    {  # TIMESTAMP_OUTPUT_FORMAT = 'YYYY-MM-DD"T"HH24:MI:SS.FF9TZH:TZM', often set
        **_TEXTS,
        "timestamp": lambda value: quote(day_and_clock(value, " ", 9, 9)),
        "instant": lambda value: quote(_zoned(value, "T", 9, colon=":").replace(" ", "")),
        "time": lambda value: quote(within_a_day(value, 9, 9)),
    }
)


def _minutes(value: TemporalTicks) -> str:
    _, shift = local(value)
    return f"{_seconds(int(value.ticks))} {int(shift.total_seconds()) // 60 + 1_440}"


_SNOWFLAKE_API: Final = spelled(
    {
        **_TEXTS,
        "date": lambda value: quote(int(value.ticks) // DAY),
        "timestamp": lambda value: quote(_seconds(int(value.ticks))),
        "instant": lambda value: quote(_minutes(value)),
        "time": lambda value: quote(_seconds(int(value.ticks))),
    }
)


def _micros(value: TemporalTicks) -> int:
    if int(value.ticks) % _MICRO:
        raise Unwritable
    return int(value.ticks) // _MICRO


def _float_seconds(value: TemporalTicks) -> str:
    """Return seconds as BigQuery does: ``1.408452095123456E9``."""
    whole, micros = divmod(_micros(value), 1_000_000)
    if not 1e9 <= whole < 1e10:
        raise Unwritable
    return (f"{whole // 10**9}.{whole % 10**9:09d}{micros:06d}".rstrip("0") + "E9").replace(".E", ".0E")


def _bigquery_interval(value: tuple[int, int, int]) -> str:
    """Return ``[sign]Y-M [sign]D [sign]H:M:S[.F]``."""
    months, days, nanos = value
    hours, rest = divmod(abs(nanos), 3_600 * NANOS["s"])
    minutes, rest = divmod(rest, 60 * NANOS["s"])
    seconds = f"{rest // NANOS['s']}" + f".{rest % NANOS['s']:09d}".rstrip("0").rstrip(".")
    return f"{months // 12}-{months % 12} {days} {'-' * (nanos < 0)}{hours}:{minutes}:{seconds}"


_BIGQUERY: Final[dict[str, Spelling]] = {
    **_TEXTS,
    "timestamp": lambda value: quote(day_and_clock(value, "T", 0, 6)),
    "time": lambda value: quote(within_a_day(value, 0, 6)),
    "interval": lambda value: quote(_bigquery_interval(value)),
}
_BIGQUERY_REST: Final = spelled({**_BIGQUERY, "instant": lambda value: quote(_float_seconds(value))})
_BIGQUERY_INT64: Final = spelled({**_BIGQUERY, "instant": lambda value: quote(_micros(value))})
_BIGQUERY_CONSOLE: Final = spelled(
    {**_BIGQUERY, "instant": lambda value: quote(day_and_clock(value, " ", 0, 6) + " UTC")}
)
_DATABRICKS: Final = spelled(
    {
        **_TEXTS,
        "timestamp": lambda value: quote(day_and_clock(value, "T", 3, 6)),
        "instant": lambda value: quote(day_and_clock(value, "T", 3, 6) + "Z"),
        "interval": lambda value: quote(_year_to_month(value, "" if value[0] else _day_to_second(value, 9))),
    }
)


def _in_zone(zone: str, digits: int) -> Spelling:
    def write(value: TemporalTicks) -> str:
        wall = value if zone == "UTC" else local(value)[0]
        return quote(f"{day_and_clock(wall, ' ', digits, digits)} {zone}")

    return write


_ATHENA: Final[dict[str, Spelling]] = {
    **_TEXTS,
    "timestamp": lambda value: quote(day_and_clock(value, " ", 3, 3)),
    "instant": _in_zone("UTC", 3),
    "time": lambda value: quote(within_a_day(value, 3, 3)),
    "interval": lambda value: quote(_year_to_month(value, "" if value[0] else _day_to_second(value, 3))),
    # Arrays and rows are no JSON: [1, 2] and {city=Oslo, orders=1}.
    "list": lambda value: quote("[" + ", ".join(map(str, value)) + "]"),
    "struct": lambda value: quote("{" + ", ".join(f"{name}={item}" for name, item in value.items()) + "}"),
}
_ATHENA_UTC: Final = spelled(_ATHENA)
_ATHENA_ZONE: Final = spelled({**_ATHENA, "instant": _in_zone("Europe/Berlin", 3)})
_TRINO: Final[dict[str, Spelling]] = {
    **_ATHENA,
    "boolean": lambda value: str(value).lower(),
    "whole": str,
    "float64": lambda value: float_as_java(value) if math.isfinite(value) else quote(float_as_java(value)),
    "timestamp": lambda value: quote(day_and_clock(value, " ", 6, 6)),
    "instant": _in_zone("UTC", 6),
    "time": lambda value: quote(within_a_day(value, 6, 6)),
    "timetz": quote,
    "list": to_json,
}
del _TRINO["struct"]  # an array of values of several types
_TRINO_UTC: Final = spelled(_TRINO)
_TRINO_NANOS: Final = spelled(
    {
        **_TRINO,
        "timestamp": lambda value: quote(day_and_clock(value, " ", 9, 9)),
        "instant": _in_zone("UTC", 9),
    }
)
_TRINO_ZONE: Final = spelled({**_TRINO, "instant": _in_zone("Europe/Berlin", 6)})

PRODUCERS: Final = (
    Producer("Snowflake driver", _SNOWFLAKE_DRIVER, _SNOWFLAKE_DRIVER),
    Producer("Snowflake driver; bounds of pandas", _SNOWFLAKE_DRIVER, write_pandas_bound, '"NaT"'),
    Producer("Snowflake driver; bounds with 9 digits", _SNOWFLAKE_DRIVER, _SNOWFLAKE_NANOS),
    Producer("Snowflake driver, 9 digits", _SNOWFLAKE_NANOS, _SNOWFLAKE_NANOS),
    Producer("Snowflake SQL API", _SNOWFLAKE_API, _SNOWFLAKE_API),
    Producer("Snowflake SQL API; bounds of the driver", _SNOWFLAKE_API, _SNOWFLAKE_NANOS),
    Producer("BigQuery REST", _BIGQUERY_REST, _BIGQUERY_REST),
    Producer("BigQuery REST, int64", _BIGQUERY_INT64, _BIGQUERY_INT64),
    Producer("BigQuery console", _BIGQUERY_CONSOLE, _BIGQUERY_CONSOLE),
    Producer("BigQuery console; bounds REST", _BIGQUERY_CONSOLE, _BIGQUERY_REST),
    Producer("BigQuery console; bounds of pandas", _BIGQUERY_CONSOLE, write_pandas_bound, '"NaT"'),
    Producer("Databricks", _DATABRICKS, _DATABRICKS),
    Producer("Databricks; bounds of pandas", _DATABRICKS, write_pandas_bound, '"NaT"'),
    Producer("Athena", _ATHENA_UTC, _ATHENA_UTC),
    Producer("Athena, zone names", _ATHENA_ZONE, _ATHENA_ZONE),
    Producer("Athena; bounds of pandas", _ATHENA_UTC, write_pandas_bound, '"NaT"'),
    Producer("Trino", _TRINO_UTC, _TRINO_UTC),
    Producer("Trino, timestamp(9)", _TRINO_NANOS, _TRINO_NANOS),
    Producer("Trino, zone names; bounds in UTC", _TRINO_ZONE, _TRINO_UTC),
)
