"""Producers that are not run here, as tables: how each writes the values of each type.

Those of the first table have the documented forms of warehouses, which mostly quote every value, and of
libraries of other languages:

================  ==========================================================================================
Snowflake         the default output formats of a session (``TIMESTAMP_NTZ_OUTPUT_FORMAT`` and its kin), one
                  with nine digits that is often set, and the SQL API's ``jsonv2``: dates as days, times as
                  seconds, offsets as minutes beyond -1440
BigQuery          ``jobs.getQueryResults``: timestamps as seconds in the notation of a float, or as
                  microseconds with ``formatOptions.useInt64Timestamp``; what the console saves as JSON
Databricks        Statement Execution API, ``JSON_ARRAY``: every value as a string, timestamps in ISO 8601
Athena            ``GetQueryResults``: ``VarCharValue``, the casts of Trino to varchar
Trino             client protocol: JSON numbers and booleans, decimals and dates as strings
MariaDB           ``JSON_OBJECT``, and the texts of its protocol; intervals are its TIME
Jackson           java.time as numbers and arrays (``WRITE_DATES_AS_TIMESTAMPS``, the default), as ISO texts,
                  and with ``WRITE_DATES_WITH_ZONE_ID``; BigDecimal as a number, NaN in quotes
System.Text.Json  ISO 8601 with up to 7 digits; TimeSpan in its constant format ``[-][d.]hh:mm:ss[.fffffff]``
Go                ``Time.MarshalJSON`` (RFC 3339 with nanoseconds) and ``Time.String``; Duration: nanoseconds
Ruby              ``to_json`` of Time is ``to_s``; in Rails three digits, an offset; BigDecimal ``"0.125e2"``
================  ==========================================================================================

Those of the second, DuckDB's values in styles, make one choice for each point that the API document leaves
open.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property, partial
from typing import Any, Final

from tests.verification.fidelity import spelling
from tests.verification.fidelity.bodies import Extent, Producer, Unwritable, Writer
from tests.verification.fidelity.ground_truth import DAY, NANOS, LogicalType, TemporalTicks, TrueColumn
from tests.verification.fidelity.python import write_pandas_bound
from tests.verification.fidelity.spelling import Spelling, Spellings, quote, spelled, stamp, to_json

_BERLIN: Final = "Europe/Berlin"


def _quoted(write: Callable[[Any], object]) -> Spelling:
    return lambda value: quote(write(value))


def _sql_interval(digits: int) -> Spelling:
    return _quoted(partial(spelling.day_time_interval, digits=digits))


def _without(types: Spellings, *names: str) -> Spellings:
    return {name: write for name, write in types.items() if name not in names}


def _wide_float(value: float) -> str:
    return to_json(value) if math.isfinite(value) else quote(spelling.java_float(value))


#: What the warehouses have in common that answer in text.
_TEXTS: Final[Spellings] = {
    "boolean": lambda value: quote(str(value).lower()),
    "whole": quote,
    "decimal": _quoted(spelling.decimal),
    "float64": _quoted(spelling.java_float),
    **dict.fromkeys(("text", "other"), quote),
    "date": stamp("{day}"),
    **dict.fromkeys(("list", "struct"), _quoted(to_json)),
}
_SNOWFLAKE: Final[Spellings] = {
    **_TEXTS,
    "float64": lambda value: quote(repr(value).replace("nan", "NaN")),
    "timestamp": stamp("{day} {clock:3}"),
    "instant": stamp("{day} {clock:3} {offset:}", _BERLIN),
    "time": stamp("{clock:0}"),
}
_SNOWFLAKE_NANOS: Final[Spellings] = {
    **_TEXTS,
    "timestamp": stamp("{day} {clock:9}"),
    "instant": stamp("{day}T{clock:9}{offset::}", _BERLIN),
    "time": stamp("{clock:9}"),
}


def _with_minutes(value: TemporalTicks) -> str:
    offset = stamp("{offset:}", _BERLIN)(value)
    minutes = int(offset[1:4]) * 60 + int(offset[1] + offset[4:6])
    return quote(f"{spelling.with_seconds(int(value.ticks))} {minutes + 1_440}")


_SNOWFLAKE_API: Final[Spellings] = {
    **_TEXTS,
    "date": lambda value: quote(int(value.ticks) // DAY),
    **dict.fromkeys(("timestamp", "time"), lambda value: quote(spelling.with_seconds(int(value.ticks)))),
    "instant": _with_minutes,
}
_BIGQUERY: Final[Spellings] = {
    **_TEXTS,
    "timestamp": stamp("{day}T{clock:0-6}"),
    "time": stamp("{clock:0-6}"),
    "interval": _quoted(spelling.bigquery_interval),
    "instant": stamp("{day} {clock:0-6} UTC"),
}
_DATABRICKS: Final[Spellings] = {
    **_TEXTS,
    "timestamp": stamp("{day}T{clock:3-6}"),
    "instant": stamp("{day}T{clock:3-6}Z"),
    "interval": _sql_interval(9),
}
_ATHENA: Final[Spellings] = {
    **_TEXTS,
    "timestamp": stamp("{day} {clock:3}"),
    "instant": stamp("{day} {clock:3} UTC"),
    "time": stamp("{clock:3}"),
    "interval": _sql_interval(3),
    # Arrays and rows are no JSON: [1, 2] and {city=Oslo, orders=1}.
    "list": lambda value: quote("[" + ", ".join(map(str, value)) + "]"),
    "struct": lambda value: quote("{" + ", ".join(f"{name}={item}" for name, item in value.items()) + "}"),
}
_TRINO: Final[Spellings] = {
    **_without(_ATHENA, "struct"),  # an array of values of several types
    "boolean": to_json,
    "whole": str,
    "float64": _wide_float,
    "timestamp": stamp("{day} {clock:6}"),
    "instant": stamp("{day} {clock:6} UTC"),
    "time": stamp("{clock:6}"),
    "timetz": quote,
    "list": to_json,
}


def _mariadb_time(value: tuple[int, int, int]) -> str:
    ticks = spelling.total(value)
    if abs(ticks) >= 839 * 3_600 * NANOS["s"]:  # the longest is 838:59:59
        raise Unwritable
    return spelling.words_interval((0, 0, ticks), "6")


_MARIADB_JSON: Final[Spellings] = {
    "boolean": lambda value: str(int(value)),
    "whole": str,
    "decimal": spelling.decimal,
    "float64": lambda value: repr(spelling.finite(value)),
    **dict.fromkeys(("text", "other"), quote),
    "date": stamp("{day}"),
    "timestamp": stamp("{day} {clock:6}"),
    "time": stamp("{clock:6}"),
    "interval": _quoted(_mariadb_time),
}
_MARIADB_TEXT: Final[Spellings] = {
    **_MARIADB_JSON,
    "boolean": lambda value: quote(int(value)),
    "whole": quote,
    "decimal": _quoted(spelling.decimal),
    "float64": lambda value: quote(spelling.finite(value)),
}
#: What the libraries of other languages have in common.
_COMMON: Final[Spellings] = {
    "boolean": to_json,
    "whole": str,
    "decimal": spelling.decimal,
    "float64": _wide_float,
    **dict.fromkeys(("text", "other"), quote),
    "date": stamp("{day}"),
    **dict.fromkeys(("list", "struct"), to_json),
}
_JACKSON_DEFAULT: Final[Spellings] = {
    **_COMMON,
    **dict.fromkeys(("date", "timestamp", "time"), spelling.fields),
    "instant": lambda value: spelling.with_seconds(int(value.ticks)),
    "interval": lambda value: spelling.with_seconds(spelling.total(value)),
}
_JACKSON: Final[Spellings] = {
    **_COMMON,
    "timestamp": stamp("{day}T{clock:0-9}"),
    "instant": stamp("{day}T{clock:k}Z"),
    "time": stamp("{clock:0-9}"),
    "timetz": quote,
    "interval": _quoted(spelling.java_duration),
}


_DOTNET: Final[Spellings] = {
    **_COMMON,
    "timestamp": stamp("{day}T{clock:0-7}"),
    "instant": stamp("{day}T{clock:0-7}{offset::}", _BERLIN),
    "time": lambda value: stamp("{clock:7}" if value.ticks % NANOS["s"] else "{clock:0-7}")(value),
    "interval": _quoted(spelling.time_span),
}
_GO: Final[Spellings] = {
    **_without(_COMMON, "date"),  # a DATE is an instant, a time.Time, and so is a TIMESTAMP
    "float64": spelling.short_float,
    "decimal": _quoted(spelling.trimmed),  # shopspring/decimal
    "instant": stamp("{day}T{clock:0-9}{offset::}", _BERLIN),
    "interval": lambda value: str(spelling.total(value)),
}


def _ruby_float(value: float) -> str:
    return repr(value) if value.is_integer() and abs(value) < 1e16 else spelling.short_float(value)


_RUBY: Final[Spellings] = {**_COMMON, "float64": _ruby_float, "decimal": _quoted(spelling.big_decimal)}
#: Each writes its rows, and its own statistics, with these types.
_TYPES: Final[dict[str, Spellings]] = {
    "Snowflake driver": _SNOWFLAKE,
    "Snowflake driver, 9 digits": _SNOWFLAKE_NANOS,
    "Snowflake SQL API": _SNOWFLAKE_API,
    "BigQuery REST": {**_BIGQUERY, "instant": _quoted(spelling.float_seconds)},
    "BigQuery REST, int64": {**_BIGQUERY, "instant": lambda value: quote(spelling.parts(value, "us"))},
    "BigQuery console": _BIGQUERY,
    "Databricks": _DATABRICKS,
    "Athena": _ATHENA,
    "Athena, zone names": {**_ATHENA, "instant": stamp("{day} {clock:3} Europe/Berlin", _BERLIN)},
    "Trino": _TRINO,
    "Trino, timestamp(9)": {
        **_TRINO, "timestamp": stamp("{day} {clock:9}"), "instant": stamp("{day} {clock:9} UTC")
    },
    "MariaDB JSON_OBJECT": _MARIADB_JSON,
    "MariaDB, text protocol": _MARIADB_TEXT,
    "Jackson, defaults": _JACKSON_DEFAULT,
    "Jackson, java.util.Date": {**_COMMON, "instant": lambda value: str(spelling.parts(value, "ms"))},
    "Jackson, java.util.Date, ISO": {**_COMMON, "instant": stamp("{day}T{clock:3}+00:00")},
    "Jackson, ISO": _JACKSON,
    "Jackson, ISO, zone ids": {
        **_JACKSON, "instant": stamp("{day}T{clock:0-9}{offset::}[Europe/Berlin]", _BERLIN)
    },
    "System.Text.Json": _DOTNET,
    "System.Text.Json, UTC": {**_COMMON, "instant": stamp("{day}T{clock:0-7}Z")},
    "Go, encoding/json": _GO,
    "Go, Time.String": {**_GO, "instant": stamp("{day} {clock:0-9} +0000 UTC")},
    "Go, Time.String, local": {**_GO, "instant": stamp("{day} {clock:0-9} {offset:} {name}", _BERLIN)},
    "Ruby, Time#to_s in UTC": {**_RUBY, "instant": stamp("{day} {clock:0} UTC")},
    "Rails": {
        **_RUBY,
        "decimal": _quoted(spelling.trimmed),
        "instant": stamp("{day}T{clock:3}{offset::}", _BERLIN),
    },
    "Rails, UTC": {**_RUBY, "instant": stamp("{day}T{clock:3}Z")},
}  # fmt: skip
_WRITERS: Final[dict[str, Writer]] = {name: spelled(types) for name, types in _TYPES.items()}


def _mixed(name: str, rows: str | Spellings, bounds: str) -> Producer:
    """Return a producer whose rows are those of another one, or have types of their own."""
    write = _WRITERS[rows] if isinstance(rows, str) else spelled(rows)
    if bounds == "pandas":
        return Producer(name, write, write_pandas_bound, '"NaT"')
    return Producer(name, write, _WRITERS[bounds])


DOCUMENTED: Final = (
    *(Producer(name, write, write) for name, write in _WRITERS.items()),
    _mixed("Snowflake driver; bounds of pandas", "Snowflake driver", "pandas"),
    _mixed("Snowflake driver; bounds with 9 digits", "Snowflake driver", "Snowflake driver, 9 digits"),
    _mixed("Snowflake SQL API; bounds of the driver", "Snowflake SQL API", "Snowflake driver, 9 digits"),
    _mixed("BigQuery console; bounds REST", "BigQuery console", "BigQuery REST"),
    _mixed("BigQuery console; bounds of pandas", "BigQuery console", "pandas"),
    _mixed("Databricks; bounds of pandas", "Databricks", "pandas"),
    _mixed("Athena; bounds of pandas", "Athena", "pandas"),
    _mixed(
        "Trino, zone names; bounds in UTC",
        {**_TRINO, "instant": stamp("{day} {clock:6} Europe/Berlin", _BERLIN)},
        "Trino",
    ),
    _mixed("Jackson, ISO; bounds as numbers", "Jackson, ISO", "Jackson, defaults"),
    _mixed(
        "Jackson, ISO, offsets; bounds in UTC",
        {**_JACKSON, "instant": stamp("{day}T{clock:0-9}{offset::}", _BERLIN)},
        "Jackson, ISO",
    ),
    _mixed(
        "Ruby, Time#to_s, local; bounds in UTC",
        {**_RUBY, "instant": stamp("{day} {clock:0} {offset:}", _BERLIN)},
        "Ruby, Time#to_s in UTC",
    ),
    _mixed("Rails; bounds in UTC", "Rails", "Rails, UTC"),
)


# --- DuckDB's values in styles -------------------------------------------------------------------------

_ALL: Final = (Extent("all rows"),)
_PARTS: Final = (*_ALL, Extent("0 rows", 0), Extent("1 row", 1), Extent("20 rows", 20))
_NESTED: Final = frozenset({"list", "tuple", "struct", "map"})


@dataclass(frozen=True, kw_only=True)
class _Style:
    #: The formats of :func:`~tests.verification.fidelity.spelling.stamp`.
    clock: str = "0-9"
    separator: str = "T"
    zone: str = "UTC"
    offset: str = "s:"
    decimals: str = "trim"  # ``trim``, ``pad`` (to the scale) or ``text`` (padded, in quotes)
    floats: str = "1.0"  # ``1.0`` or ``1`` for a float that is an integer
    nan: str = "text"  # ``text``, ``null`` or ``bare``
    bigints: str = "number"  # ``number``, ``text``, or ``unsafe``: text beyond 2**53 only
    nested: str = "json"  # ``json``, or ``text`` (JSON in quotes)
    intervals: str = "iso"  # ``iso``, or ``words`` as DuckDB and PostgreSQL have them
    spaced: bool = False
    ascii_only: bool = False

    @cached_property
    def _scalars(self) -> dict[str, Callable[[LogicalType, Any], str]]:
        clock = f"{{clock:{self.clock}}}"
        forms = {"date": "{day}", "time": clock, "timestamp": f"{{day}}{self.separator}{clock}"}
        forms["instant"] = f"{forms['timestamp']}{{offset:{self.offset}}}"
        stamps = {
            name: stamp(form, self.zone if name == "instant" else "UTC") for name, form in forms.items()
        }
        return {
            "boolean": lambda _, value: to_json(value),
            "whole": self._whole,
            "decimal": self._decimal,
            "float32": lambda _, value: self._floating(value, spelling.short_float32),
            "float64": lambda _, value: self._floating(value, repr),
            "interval": self._interval,
            **{name: partial(_of_any_kind, write) for name, write in stamps.items()},
        }

    def write(self, kind: LogicalType, value: Any) -> str:
        """Return the JSON text of a value, nested ones as JSON."""
        if value is None:
            return "null"
        children = [child for _, child in kind.children]
        match kind.name:
            case "list" | "tuple":
                kinds = children if kind.name == "tuple" else children * len(value)
                return f"[{self._comma.join(map(self.write, kinds, value))}]"
            case "struct":
                return self._members([(name, child, value[name]) for name, child in kind.children])
            case "map":
                return self._members([(str(key), children[1], item) for key, item in value])
            case "union":
                return self.write(children[value[0]], value[1])
            case name if name in self._scalars:
                return self._scalars[name](kind, value)
        return self._text(value)

    def write_all(self, column: TrueColumn) -> list[str]:
        """Return the JSON text of each value of a column."""
        cells = [self.write(column.kind, value) for value in column.values]
        if self.nested == "text" and column.kind.name in _NESTED:
            return [cell if cell == "null" else self._text(cell) for cell in cells]
        return cells

    @property
    def _comma(self) -> str:
        return ", " if self.spaced else ","

    def _text(self, value: str) -> str:
        return json.dumps(value, ensure_ascii=self.ascii_only)

    def _whole(self, kind: LogicalType, value: int) -> str:
        is_quoted = self.bigints == "text" or (self.bigints == "unsafe" and abs(value) > 2**53)
        return f'"{value}"' if is_quoted and kind.size >= 64 else str(value)

    def _decimal(self, _: LogicalType, value: Decimal) -> str:
        padded = f"{value:f}"
        return {"trim": padded.rstrip("0").rstrip("."), "pad": padded, "text": f'"{padded}"'}[self.decimals]

    def _floating(self, value: float, write: Callable[[float], str]) -> str:
        if not math.isfinite(value):
            word = spelling.java_float(value)
            return {"text": f'"{word}"', "bare": word, "null": "null"}[self.nan]
        return spelling.ecmascript_float(write(value)) if self.floats == "1" else write(value)

    def _interval(self, _: LogicalType, value: tuple[int, int, int]) -> str:
        if self.intervals == "iso":
            return quote(spelling.iso_interval(value))
        return quote(spelling.words_interval(value, self.clock))

    def _members(self, pairs: list[tuple[str, LogicalType, Any]]) -> str:
        colon = ": " if self.spaced else ":"
        found = (f"{self._text(name)}{colon}{self.write(kind, value)}" for name, kind, value in pairs)
        return f"{{{self._comma.join(found)}}}"


def _of_any_kind(write: Spelling, _: LogicalType, value: Any) -> str:
    return write(value)


def _styled(
    name: str,
    *depths: str,
    extents: tuple[Extent, ...] = _ALL,
    least: int = 0,
    cut: Callable[[TrueColumn], TrueColumn] = lambda column: column,
    **choices: Any,
) -> Producer:
    """Return a producer by its choices, and by what the statistics tell."""
    style = _Style(**choices)
    write = style.write_all
    return Producer(
        name, write, write, extents=extents, depths=depths, least=least, cut=cut, spaced=style.spaced
    )


def _cut(column: TrueColumn) -> TrueColumn:
    """Return a column cut to milliseconds, as the rows of the document's example are."""
    return replace(column, values=tuple(map(_cut_value, column.values)))


def _cut_value(value: object) -> object:
    if not isinstance(value, TemporalTicks) or math.isinf(value.ticks):
        return value
    return TemporalTicks(value.what, value.ticks // NANOS["ms"] * NANOS["ms"])


_document: Final = partial(_styled, zone="Europe/Warsaw")
_postgres: Final = partial(_styled, decimals="pad", floats="1", intervals="words")
_python: Final = partial(_styled, decimals="text", spaced=True, ascii_only=True)
_java: Final = partial(_styled, clock="k", offset="sZ:", decimals="pad", nested="text")
_script: Final = partial(_styled, offset="sZ:", floats="1")
_warehouse: Final = partial(_styled, clock="9")
_fixed: Final = partial(_styled, intervals="words")
#: Every choice occurs, and parts of a result with each depth of statistics.
STYLES: Final = (
    _document("document", "documented", "numeric", "general", "none", extents=_PARTS),
    _document("document, rows cut to ms", "documented", cut=_cut),
    _document("document, long", "documented", "numeric", "none", least=1_500),
    _postgres("postgres", "documented"),
    _postgres("postgres, session zone", "documented", zone="America/New_York", offset="sh:", separator=" "),
    _postgres("postgres, +05:30", "numeric", zone="Asia/Kolkata", offset="sh:"),
    _python("python", "numeric", nan="bare"),
    _python("python, six digits", "documented", nan="bare", clock="6-9", separator=" "),
    _python("python, quoted", "none", bigints="text"),
    _java("java", "numeric"),
    _java("java, quoted", "none", bigints="text"),
    _script("javascript", "numeric", nan="null", bigints="text"),
    _script("javascript, nested quoted", "documented", nan="null", nested="text", spaced=True),
    _script("javascript, unsafe quoted", "numeric", bigints="unsafe", ascii_only=True),
    _warehouse("warehouse", "documented", separator=" ", offset="s", decimals="text", nested="text"),
    _warehouse("warehouse, numbers", "numeric", offset="sZ:", decimals="pad", nan="null"),
    _fixed("fixed offset", "general", zone="Etc/GMT-14", clock="6-9"),
    _fixed("fixed offset, quoted", "numeric", zone="Etc/GMT+3", clock="3-9", bigints="text", decimals="text"),
)
