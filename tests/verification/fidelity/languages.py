"""Libraries of other languages that write rows as JSON, with their documented forms.

================  ==========================================================================================
Jackson           java.time as numbers and arrays (``WRITE_DATES_AS_TIMESTAMPS``, the default), as ISO texts,
                  and with ``WRITE_DATES_WITH_ZONE_ID``; BigDecimal as a number, NaN in quotes
System.Text.Json  ISO 8601 with up to 7 digits; TimeSpan in its constant format ``[-][d.]hh:mm:ss[.fffffff]``
Go                ``Time.MarshalJSON`` (RFC 3339 with nanoseconds) and ``Time.String``; Duration: nanoseconds
Ruby              ``to_json`` of Time is ``to_s``; in Rails three digits, an offset; BigDecimal ``"0.125e2"``
================  ==========================================================================================
"""

from __future__ import annotations

import math
from decimal import Context, Decimal
from typing import Final

from tests.verification.fidelity.bodies import Producer, Unwritable
from tests.verification.fidelity.cloud import float_as_java, to_json, within_a_day
from tests.verification.fidelity.columns import moment
from tests.verification.fidelity.ground_truth import DAY, NANOS, TemporalTicks
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

__all__ = ["PRODUCERS"]

_COMMON: Final[dict[str, Spelling]] = {
    "boolean": to_json,
    "whole": str,
    "decimal": decimal,
    "float64": lambda value: repr(value) if math.isfinite(value) else quote(float_as_java(value)),
    "text": quote,
    "other": quote,
    "date": lambda value: quote(date_of(value)),
    "list": to_json,
    "struct": to_json,
}


def _trimmed(value: Decimal) -> Decimal:
    """Return a decimal without zeros at its end; the default context would round to 28 digits."""
    return Decimal(decimal(value)).normalize(Context(prec=100))


def _total(value: tuple[int, int, int]) -> int:
    months, days, nanos = value
    if months:
        raise Unwritable
    return days * DAY + nanos


def _with_offset(
    value: TemporalTicks, separator: str = "T", most: int = 9, *, least: int = 0, colon: str = ":"
) -> str:
    wall, shift = local(value)
    return day_and_clock(wall, separator, least, most) + offset_of(shift, colon)


# --- Java ----------------------------------------------------------------------------------------------


def _fields(value: TemporalTicks, *, time_only: bool = False) -> str:
    """Return ``[2025,3,30,10,0]``; seconds and nanoseconds are left out where they are zero."""
    at, nanos = moment(value.ticks)
    if time_only and value.ticks >= DAY:
        raise Unwritable
    found = [at.hour, at.minute] if time_only else [at.year, at.month, at.day, at.hour, at.minute]
    if at.second or nanos:
        found.append(at.second)
    return to_json([*found, nanos] if nanos else found)


def _java_seconds(ticks: int) -> str:
    return f"{'-' * (ticks < 0)}{abs(ticks) // NANOS['s']}.{abs(ticks) % NANOS['s']:09d}"


def _iso_duration(value: tuple[int, int, int]) -> str:
    """Return a text such as ``PT26H0.5S``, with a sign at each part; Java has none for days."""
    total = _total(value)
    hours, rest = divmod(abs(total), 3_600 * NANOS["s"])
    minutes, rest = divmod(rest, 60 * NANOS["s"])
    seconds = f"{rest // NANOS['s']}.{rest % NANOS['s']:09d}".rstrip("0").rstrip(".")
    sign = "-" * (total < 0)
    parts = [(f"{hours}H", hours), (f"{minutes}M", minutes), (f"{seconds}S", rest)]
    return "PT" + ("".join(sign + part for part, number in parts if number) or "0S")


def _thousands(value: TemporalTicks) -> str:
    """Return an instant with 0, 3, 6 or 9 digits, as ``DateTimeFormatter.ISO_INSTANT`` does."""
    needed = len(f"{int(value.ticks) % NANOS['s']:09d}".rstrip("0"))
    return day_and_clock(value, "T", -(-needed // 3) * 3) + "Z"


_JACKSON_DEFAULT: Final = spelled(
    {
        **_COMMON,
        "date": lambda value: to_json(
            [moment(value.ticks)[0].year, moment(value.ticks)[0].month, moment(value.ticks)[0].day]
        ),
        "timestamp": _fields,
        "instant": lambda value: _java_seconds(int(value.ticks)),
        "time": lambda value: _fields(value, time_only=True),
        "interval": lambda value: _java_seconds(_total(value)),
    }
)
_JAVA_DATES: Final = spelled(
    {  # java.util.Date and java.sql.Timestamp
        **_COMMON,
        "instant": lambda value: str(_milliseconds(value)),
    }
)


def _milliseconds(value: TemporalTicks) -> int:
    if value.ticks % NANOS["ms"]:
        raise Unwritable
    return int(value.ticks) // NANOS["ms"]


_JACKSON: Final[dict[str, Spelling]] = {
    **_COMMON,
    "timestamp": lambda value: quote(day_and_clock(value)),
    "instant": lambda value: quote(_thousands(value)),
    "time": lambda value: quote(within_a_day(value, 0, 9)),
    "timetz": quote,
    "interval": lambda value: quote(_iso_duration(value)),
}
_JACKSON_ISO: Final = spelled(_JACKSON)
_JACKSON_OFFSET: Final = spelled({**_JACKSON, "instant": lambda value: quote(_with_offset(value))})
_JACKSON_ZONE: Final = spelled(
    {**_JACKSON, "instant": lambda value: quote(_with_offset(value) + "[Europe/Berlin]")}
)
_JACKSON_DATE: Final = spelled(  # java.util.Date by StdDateFormat
    {**_COMMON, "instant": lambda value: quote(day_and_clock(value, "T", 3, 3) + "+00:00")}
)


# --- .NET ----------------------------------------------------------------------------------------------


def _time_span(value: tuple[int, int, int]) -> str:
    total = _total(value)
    if total % 100:
        raise Unwritable
    sign, total = ("-", -total) if total < 0 else ("", total)
    days = f"{total // DAY}." if total >= DAY else ""
    # Seven digits or none.
    return f"{sign}{days}{clock(total % DAY, 7 if total % NANOS['s'] else 0, 7)}"


_DOTNET: Final = spelled(
    {
        **_COMMON,
        "timestamp": lambda value: quote(day_and_clock(value, "T", 0, 7)),
        "instant": lambda value: quote(_with_offset(value, "T", 7)),
        "time": lambda value: quote(within_a_day(value, 7 if value.ticks % NANOS["s"] else 0, 7)),
        "interval": lambda value: quote(_time_span(value)),
    }
)
_DOTNET_UTC: Final = spelled(
    {  # DateTime of the kind Utc
        **_COMMON,
        "instant": lambda value: quote(day_and_clock(value, "T", 0, 7) + "Z"),
    }
)


# --- Go ------------------------------------------------------------------------------------------------


def _go_float(value: float) -> str:
    """Return a float as encoding/json does: an exponent of two digits at least, no NaN."""
    if not math.isfinite(value):
        raise Unwritable
    return repr(value).removesuffix(".0")


_GO: Final[dict[str, Spelling]] = {
    **_COMMON,
    "float64": _go_float,
    "decimal": lambda value: quote(f"{_trimmed(value):f}"),  # shopspring/decimal
    "instant": lambda value: quote(_with_offset(value)),
    "interval": lambda value: str(_total(value)),
}
del _GO["date"]  # a DATE is an instant, a time.Time, and so is a TIMESTAMP
_GO_JSON: Final = spelled(_GO)
_GO_STRING: Final = spelled({**_GO, "instant": lambda value: quote(day_and_clock(value, " ") + " +0000 UTC")})


def _with_abbreviation(value: TemporalTicks) -> str:
    wall, shift = local(value)
    zone = "CEST" if shift.total_seconds() == 7_200 else "CET"
    return f"{day_and_clock(wall, ' ')} {offset_of(shift, '')} {zone}"


_GO_LOCAL: Final = spelled({**_GO, "instant": lambda value: quote(_with_abbreviation(value))})


# --- Ruby ----------------------------------------------------------------------------------------------


def _big_decimal(value: Decimal) -> str:
    """Return a text such as ``0.125e2``."""
    sign, digits, _ = _trimmed(value).as_tuple()
    exponent = value.adjusted() + 1 if value else 0
    return f"{'-' * sign}0.{''.join(map(str, digits))}e{exponent}" if value else "0.0"


_RUBY: Final[dict[str, Spelling]] = {
    **_COMMON,
    "float64": lambda value: (
        _go_float(value) if not value.is_integer() or abs(value) >= 1e16 else repr(value)
    ),
    "decimal": lambda value: quote(_big_decimal(value)),
}


def _seconds_only(value: TemporalTicks) -> TemporalTicks:
    if value.ticks % NANOS["s"]:
        raise Unwritable
    return value


def _ruby_utc(value: TemporalTicks) -> str:
    return quote(day_and_clock(_seconds_only(value), " ") + " UTC")


def _ruby_local(value: TemporalTicks) -> str:
    wall, shift = local(_seconds_only(value))
    return quote(f"{day_and_clock(wall, ' ')} {offset_of(shift, '')}")


_RUBY_UTC: Final = spelled({**_RUBY, "instant": _ruby_utc})
_RUBY_LOCAL: Final = spelled({**_RUBY, "instant": _ruby_local})
_RAILS: Final = spelled(
    {
        **_RUBY,
        "decimal": lambda value: quote(f"{_trimmed(value):f}"),
        "instant": lambda value: quote(_with_offset(value, "T", 3, least=3)),
    }
)
_RAILS_UTC: Final = spelled({**_RUBY, "instant": lambda value: quote(day_and_clock(value, "T", 3, 3) + "Z")})

PRODUCERS: Final = (
    Producer("Jackson, defaults", _JACKSON_DEFAULT, _JACKSON_DEFAULT),
    Producer("Jackson, java.util.Date", _JAVA_DATES, _JAVA_DATES),
    Producer("Jackson, java.util.Date, ISO", _JACKSON_DATE, _JACKSON_DATE),
    Producer("Jackson, ISO", _JACKSON_ISO, _JACKSON_ISO),
    Producer("Jackson, ISO; bounds as numbers", _JACKSON_ISO, _JACKSON_DEFAULT),
    Producer("Jackson, ISO, offsets; bounds in UTC", _JACKSON_OFFSET, _JACKSON_ISO),
    Producer("Jackson, ISO, zone ids", _JACKSON_ZONE, _JACKSON_ZONE),
    Producer("System.Text.Json", _DOTNET, _DOTNET),
    Producer("System.Text.Json, UTC", _DOTNET_UTC, _DOTNET_UTC),
    Producer("Go, encoding/json", _GO_JSON, _GO_JSON),
    Producer("Go, Time.String", _GO_STRING, _GO_STRING),
    Producer("Go, Time.String, local", _GO_LOCAL, _GO_LOCAL),
    Producer("Ruby, Time#to_s in UTC", _RUBY_UTC, _RUBY_UTC),
    Producer("Ruby, Time#to_s, local; bounds in UTC", _RUBY_LOCAL, _RUBY_UTC),
    Producer("Rails", _RAILS, _RAILS),
    Producer("Rails; bounds in UTC", _RAILS, _RAILS_UTC),
)
