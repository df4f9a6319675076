r"""Temporal text read as a type that the caller has set with ``schema=``.

:mod:`~connecty_frames.decode.types.temporal` reads what can be inferred from the text alone. These
spellings have one meaning only because the caller says what they are:

========= ============================================================================================
date      midnight (``2025-01-01T00:00:00Z``, as JavaScript and Java write dates): the date as written;
          ``20250101``
timestamp a date: its midnight; dates and timestamps in one column
instant   the name of a time zone behind a local time, as Trino and Athena write them
          (``2025-01-01 10:00:00.000 Europe/Berlin``); ``/Date(1735722000000+0100)/``, as .NET writes it
========= ============================================================================================

The texts of such a column are respelled one by one in ISO 8601, and then read as any other column.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from connecty_frames.decode.arrow.buffers import to_array
from connecty_frames.decode.arrow_types import find_zone, first_match, is_naive
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.types import temporal
from connecty_frames.decode.types.temporal_bounds import is_midnight
from connecty_frames.decode.types.temporal_format import (
    TIMESTAMP_PARTS,
    TemporalFormat,
    match_format,
)
from connecty_frames.decode.types.time_formats import rfc_5322_as_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

    from connecty_frames.decode.arrow_types import TypeTest

_match_compact_date: Final = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII).fullmatch
_match_dot_net: Final = re.compile(
    r"/Date\((?P<millis>-?\d{1,15})(?:(?P<hours>[+-](?:[01]\d|2[0-3]))(?P<minutes>[0-5]\d))?\)/", re.ASCII
).fullmatch
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: The name of a zone. Abbreviations, such as EST, mean different offsets to different writers.
_ZONE: Final = r"(?:UTC|[A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+)"
_match_zoned: Final = re.compile(rf"(?P<local>.+) (?P<zone>{_ZONE})").fullmatch


def read(texts: Sequence[str | None], type_: pa.DataType) -> pa.Array:
    """Read temporal texts as an array of a type, None as null; raises CellError with the position."""
    respell = first_match(_RESPELL, type_)
    try:
        return temporal.read(texts, type_)
    except CellError:
        if respell is None:
            raise
    respelled: list[str | None] = []
    for row, text in enumerate(rfc_5322_as_iso(to_array(texts, pa.string())).to_pylist()):
        try:
            respelled.append(None if text is None else respell(text))
        except CellError as error:
            raise CellError(row, str(texts[row]), error.reason) from None
    try:
        return temporal.read(respelled, type_)
    except CellError as error:
        # If the spellings differ, it is the first text or the one named that does not fit.
        first = next(row for row, text in enumerate(texts) if text is not None)
        for row in (first, error.row or 0):
            try:
                temporal.read([respelled[row]], type_)
            except CellError as alone:
                raise CellError(row, str(texts[row]), alone.reason) from None
        raise


# --- dates and timestamps ----------------------------------------------------------------------------


def _from_dot_net(text: str) -> str:
    """Return a time of .NET in ISO 8601, another text as it is."""
    found = _match_dot_net(text)
    if found is None:
        return text
    # The number counts in UTC; the offset is that of the writer's clock.
    zone = find_zone(f"{found['hours'] or '+00'}:{found['minutes'] or '00'}")
    try:
        local = (_EPOCH + timedelta(milliseconds=int(found["millis"]))).astimezone(zone)
    except OverflowError:
        raise CellError(0, text, "is not a time of the years 1 to 9999") from None
    return local.isoformat(timespec="milliseconds")


def _respell_date(text: str) -> str:
    text = _from_dot_net(text)
    if (found := _match_compact_date(text)) is not None:
        return "-".join(found.groups())
    found = _match_zoned(text)
    if found is not None:
        _find_zone(found["zone"])
    written = text if found is None else found["local"]
    is_timestamp = match_format(written) in {TemporalFormat.NAIVE, TemporalFormat.AWARE}
    return written[:10] if is_timestamp and is_midnight(written) else text


def _respell_naive(text: str) -> str:
    text = _from_dot_net(text)
    if match_format(text) is TemporalFormat.AWARE:
        reason = 'has an offset: pydantic.AwareDatetime and "timestamp[us, UTC]" are types of such instants'
        raise CellError(0, text, reason)
    return f"{text}T00:00:00" if match_format(text) is TemporalFormat.DATE else text


def _respell_aware(text: str) -> str:
    text = _from_dot_net(text)
    found = _match_zoned(text)
    if found is None:
        if match_format(text) in {TemporalFormat.DATE, TemporalFormat.NAIVE}:
            raise CellError(0, text, "has no offset; cf.local(zone) reads local times of a zone")
        return text
    parts = TIMESTAMP_PARTS.fullmatch(found["local"])
    if parts is None or match_format(found["local"]) is not TemporalFormat.NAIVE:
        return text
    zone = _find_zone(found["zone"])
    hours, minutes, seconds = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    try:
        day = datetime.fromisoformat(parts["day"])
        offset = utc_offset(day + timedelta(hours=hours, minutes=minutes, seconds=seconds), zone)
    except CellError:
        raise
    except (ValueError, OverflowError):  # the 30th of February, or the end of the year 9999
        raise CellError(0, text, "is not a day of the calendar") from None
    sign, total = "-" if offset < timedelta() else "+", abs(offset) // timedelta(seconds=1)
    return f"{found['local']}{sign}{total // 3600:02}:{total // 60 % 60:02}" + (
        f":{total % 60:02}" if total % 60 else ""
    )


def _find_zone(name: str) -> tzinfo:
    try:
        return find_zone(name)
    except ValueError as error:
        raise CellError(0, name, str(error)) from None


def utc_offset(local: datetime, zone: tzinfo) -> timedelta:
    """Return the offset of a local time; CellError if it occurs twice or never, since clocks changed."""
    # PEP 495: if both readings of a time differ, the first has the offset before the clocks are set.
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    if first == second:
        return first
    state = "ambiguous: it occurs twice" if first > second else "missing: it does not occur"
    raise CellError(0, str(local), f"is a local time that is {state} in {zone}, where the clocks change")


#: By Arrow type what respells a text, which may return it as it is, or raise CellError with the reason.
_RESPELL: Final[tuple[tuple[TypeTest, Callable[[str], str]], ...]] = (
    (pa.types.is_date, _respell_date),
    (is_naive, _respell_naive),
    (pa.types.is_timestamp, _respell_aware),
)
