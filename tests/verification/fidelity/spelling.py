"""Spellings: a function for each type that writes a value as JSON text, and templates of dates and times."""

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from tests.verification.fidelity.bodies import Unwritable, Writer
from tests.verification.fidelity.ground_truth import DAY, NANOS, TemporalTicks, TrueColumn

#: Returns the JSON text of a value.
Spelling = Callable[[Any], str]
#: By the name of the type.
Spellings = Mapping[str, Spelling]
#: The years 1 to 9999.
_FIRST: Final = -719_162 * DAY
_END: Final = 2_932_897 * DAY
_HOUR: Final = 3_600 * NANOS["s"]


def spelled(types: Spellings) -> Writer:
    """Return a writer of columns with these types, in the years 1 to 9999, without a time of 24:00."""

    def write(column: TrueColumn) -> list[str]:
        values = column.values
        if column.kind.name not in types or not all(map(_is_common, values)):
            raise Unwritable
        return ["null" if value is None else types[column.kind.name](value) for value in values]

    return write


def _is_common(value: Any) -> bool:
    if not isinstance(value, TemporalTicks):
        return True
    return value.ticks < DAY if value.what == "time" else _FIRST <= value.ticks < _END


def quote(text: object) -> str:
    return json.dumps(str(text), ensure_ascii=False)


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# --- numbers -------------------------------------------------------------------------------------------


def decimal(value: Decimal) -> str:
    """Return a decimal with all digits of its scale; NaN is one of PostgreSQL alone."""
    if not value.is_finite():
        raise Unwritable
    return f"{value:f}"


def trimmed(value: Decimal) -> str:
    """Return a decimal without zeros at its end; the default context would round to 28 digits."""
    return f"{Decimal(decimal(value)).normalize(Context(prec=100)):f}"


def big_decimal(value: Decimal) -> str:
    """Return a text such as ``0.125e2``, as Ruby does."""
    sign, digits, _ = Decimal(trimmed(value)).as_tuple()
    text = "".join(map(str, digits)).rstrip("0")
    return f"{'-' * sign}0.{text}e{value.adjusted() + 1}" if value else "0.0"


def finite(value: float) -> float:
    if not math.isfinite(value):
        raise Unwritable
    return value


def java_float(value: float) -> str:
    """Return a float as Java does: NaN, Infinity."""
    return repr(value).replace("nan", "NaN").replace("inf", "Infinity")


def short_float(value: float) -> str:
    """Return a float without ``.0``, as encoding/json of Go does."""
    return repr(finite(value)).removesuffix(".0")


def short_float32(value: float) -> str:
    """Return the shortest text that no other 32-bit float has."""
    with np.errstate(over="ignore"):
        texts = (f"{value:.{digits}g}" for digits in range(1, 10))
        return repr(float(next(text for text in texts if float(np.float32(text)) == value)))


def ecmascript_float(text: str) -> str:
    """Return the text of a float without an exponent below 1e21, and zero without a sign."""
    value = float(text)
    if not value.is_integer() or abs(value) >= 1e21:
        return text
    return f"{Decimal(text):f}".removesuffix(".0").lstrip("-" * (value == 0))


# --- dates and times -----------------------------------------------------------------------------------


class _Clock(int):
    """A time of day; the format is the least and the most digits of a second, or ``k``: 0, 3, 6 or 9."""

    def __format__(self, digits: str) -> str:
        seconds, nanos = divmod(int(self), NANOS["s"])
        written = f"{nanos:09d}"
        needed = len(written.rstrip("0"))
        least, most = (math.ceil(needed / 3) * 3, 9) if digits == "k" else (int(digits[0]), int(digits[-1]))
        if needed > most:
            raise Unwritable
        fraction = written[: max(least, needed)]
        clock = f"{seconds // 3_600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        return f"{clock}.{fraction}" if fraction else clock


class _Offset(int):
    """An offset in seconds; the format has ``:`` between its parts, a ``Z`` for zero, ``h`` for hours alone.

    One with seconds is refused unless there is an ``s``.
    """

    def __format__(self, form: str) -> str:
        if not self and "Z" in form:
            return "Z"
        minutes, seconds = divmod(abs(int(self)), 60)
        if seconds and "s" not in form:
            raise Unwritable
        colon = ":" * (":" in form)
        text = f"{'-' if self < 0 else '+'}{minutes // 60:02d}"
        if minutes % 60 or seconds or "h" not in form:
            text += f"{colon}{minutes % 60:02d}"
        return text + (f"{colon}{seconds:02d}" if seconds else "")


def stamp(template: str, zone: str = "UTC") -> Spelling:
    """Return a function that fills a template with the day, the clock and the offset in a zone."""
    found = ZoneInfo(zone)

    def write(value: TemporalTicks) -> str:
        if math.isinf(value.ticks):
            return quote(str(value.ticks).replace("inf", "infinity"))
        shift = 0
        if zone != "UTC" and _FIRST + DAY <= value.ticks < _END - DAY:  # else Python computes none
            instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(value.ticks) // NANOS["s"])
            shift = round((instant.astimezone(found).utcoffset() or timedelta()).total_seconds())
        ticks = int(value.ticks) + shift * NANOS["s"]
        if value.what == "time":  # which may be 24:00
            return quote(template.format(clock=_Clock(ticks)))
        day, era = calendar_day(ticks)
        name = "CEST" if shift == 7_200 else "CET"
        clock = _Clock(ticks % DAY)
        return quote(template.format(day=day, clock=clock, offset=_Offset(shift), name=name) + era)

    return write


def calendar_day(ticks: float) -> tuple[str, str]:
    """Return year-month-day and the era, as PostgreSQL writes them."""
    text = str(np.datetime64(int(ticks) // DAY, "D"))
    year = int(text[:-6])
    return f"{year if year > 0 else 1 - year:04d}{text[-6:]}", "" if year > 0 else " BC"


def with_seconds(ticks: int) -> str:
    """Return seconds with nine digits, and a sign."""
    return f"{'-' * (ticks < 0)}{abs(ticks) // NANOS['s']}.{abs(ticks) % NANOS['s']:09d}"


def parts(value: TemporalTicks, unit: str) -> int:
    """Return how many of a unit there are since 1970; a value that has less is refused."""
    if value.ticks % NANOS[unit]:
        raise Unwritable
    return int(value.ticks) // NANOS[unit]


def float_seconds(value: TemporalTicks) -> str:
    """Return seconds as BigQuery does: ``1.408452095123456E9``."""
    whole, micros = divmod(parts(value, "us"), 1_000_000)
    if not 1e9 <= whole < 1e10:
        raise Unwritable
    return (f"{whole // 10**9}.{whole % 10**9:09d}{micros:06d}".rstrip("0") + "E9").replace(".E", ".0E")


def fields(value: TemporalTicks) -> str:
    """Return ``[2025,3,30,10,0]``; seconds and nanoseconds are left out where they are zero."""
    seconds, nanos = divmod(int(value.ticks), NANOS["s"])
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    clock = [at.hour, at.minute, *([at.second] if at.second or nanos else []), *([nanos] if nanos else [])]
    day = [at.year, at.month, at.day]
    return to_json({"date": day, "time": clock}.get(value.what, [*day, *clock]))


# --- intervals -----------------------------------------------------------------------------------------


def total(value: tuple[int, int, int]) -> int:
    """Return the nanoseconds of an interval; one with months has none."""
    months, days, nanos = value
    if months:
        raise Unwritable
    return days * DAY + nanos


def _signed(value: tuple[int, int, int]) -> tuple[str, int]:
    ticks = total(value)
    return "-" * (ticks < 0), abs(ticks)


def _hours(nanos: int) -> tuple[int, int, str]:
    """Return hours, minutes, and seconds with the digits that they need."""
    hours, rest = divmod(abs(nanos), _HOUR)
    minutes, rest = divmod(rest, 60 * NANOS["s"])
    return hours, minutes, with_seconds(rest).rstrip("0").rstrip(".")


def day_time_interval(value: tuple[int, int, int], digits: int) -> str:
    """Return ``D hh:mm:ss.fff`` with a sign before it, or ``Y-M``, the types of SQL."""
    months, days, nanos = value
    if months and (days or nanos):
        raise Unwritable  # no type has both
    if months:
        return f"{months // 12}-{months % 12}"
    sign, ticks = _signed(value)
    return f"{sign}{ticks // DAY} {_Clock(ticks % DAY):{digits}}"


def bigquery_interval(value: tuple[int, int, int]) -> str:
    """Return ``[sign]Y-M [sign]D [sign]H:M:S[.F]``."""
    months, days, nanos = value
    hours, minutes, seconds = _hours(nanos)
    return f"{months // 12}-{months % 12} {days} {'-' * (nanos < 0)}{hours}:{minutes}:{seconds}"


def java_duration(value: tuple[int, int, int]) -> str:
    """Return a text such as ``PT26H0.5S``, with a sign at each part; Java has none for days."""
    sign, ticks = _signed(value)
    hours, minutes, seconds = _hours(ticks)
    written = [(f"{hours}H", hours), (f"{minutes}M", minutes), (f"{seconds}S", seconds != "0")]
    return "PT" + ("".join(sign + part for part, is_there in written if is_there) or "0S")


def time_span(value: tuple[int, int, int]) -> str:
    """Return ``[-][d.]hh:mm:ss[.fffffff]``, as .NET does."""
    sign, ticks = _signed(value)
    days = f"{ticks // DAY}." if ticks >= DAY else ""
    return f"{sign}{days}{_Clock(ticks % DAY):{'7' if ticks % NANOS['s'] else '0-7'}}"


def iso_interval(value: tuple[int, int, int]) -> str:
    months, days, nanos = value
    date = f"{months}M" * bool(months) + f"{days}D" * bool(days)
    seconds = with_seconds(nanos).rstrip("0").rstrip(".")
    return f"P{date}T{seconds}S" if nanos or not date else f"P{date}"


def words_interval(value: tuple[int, int, int], digits: str) -> str:
    """Return a text such as ``1 mons 2 days -00:00:00.5``."""
    months, days, nanos = value
    words = [f"{months} mons"] * bool(months) + [f"{days} days"] * bool(days)
    if nanos or not words:
        words.append(f"{'-' * (nanos < 0)}{_Clock(abs(nanos)):{digits}}")
    return " ".join(words)
