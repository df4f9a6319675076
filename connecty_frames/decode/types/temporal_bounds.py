"""What the min and max of statistics say about the type of dates and times that were not received.

Rows and statistics come from different writers, so one value may be spelled in two formats: midnight is the
date, and a date is its midnight. A bound that cannot be read, or has a format that no value of the column can
have, says nothing about the type. The validation against the statistics reports it.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final

from connecty_frames.decode.errors import CellError
from connecty_frames.decode.types.temporal_fast import has_nanos, has_seventh_digit
from connecty_frames.decode.types.temporal_format import (
    TemporalFormat,
    has_format,
    in_iso,
    match_format,
    unreadable_reason,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connecty_frames.decode.types.temporal_fast import TemporalValues

#: Matches a timestamp whose time as written is midnight.
is_midnight: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]00(?::00(?::00(?:\.0+)?)?)?(?![\d:.]).*").fullmatch
#: Finds the fraction of a second; the point of 1.02:00:00 is none.
_find_fraction: Final = re.compile(r"\.\d+(?![\d:])").search
_TIMESTAMPS: Final = (TemporalFormat.NAIVE, TemporalFormat.AWARE)


def fit_bounds(format_: TemporalFormat | None, bounds: Sequence[str]) -> tuple[TemporalFormat, list[str]]:
    """Return the format of values and bounds together, and the bounds that count, or raise CellError."""
    # Without values (``format_`` is None) the bounds decide; unreadable timestamps are taken to be instants.
    formats = {bound: _format_of_bound(bound, format_) for bound in bounds}
    readable = {found for found in formats.values() if found is not None}
    base = format_ or min(readable, key=list(TemporalFormat).index, default=TemporalFormat.AWARE)
    column_format, counted = base, []
    for bound, found in formats.items():
        if found is base:
            counted.append(bound)
        elif base is TemporalFormat.DATE and found in _TIMESTAMPS and not is_midnight(in_iso(bound)):
            if found is TemporalFormat.AWARE:
                raise CellError(None, bound, f"is one of the {found.value}; others are {base.value}")
            column_format = TemporalFormat.NAIVE
            counted.append(bound)
    return column_format, counted


def fit_fast(found: TemporalValues, bounds: Sequence[str]) -> list[str] | None:
    """Return the bounds that count, or None if they may need another type than the values."""
    try:
        column_format, counted = fit_bounds(found.format, bounds)
    except CellError:
        return None
    is_held = has_nanos if getattr(found.values.type, "unit", None) == "ns" else _has_micros
    return counted if column_format is found.format and all(map(is_held, counted)) else None


def _has_micros(bound: str) -> bool:
    # In the first and the last year the hour decides whether an instant can be shown.
    return not has_seventh_digit(bound) and bound[:4] not in {"0001", "9999"}


def _format_of_bound(bound: str, values_format: TemporalFormat | None) -> TemporalFormat | None:
    """Return the format of a bound, or None if it cannot be read."""
    if values_format is TemporalFormat.DURATION and has_format(bound, values_format):
        return values_format
    format_ = match_format(bound)
    reason = unreadable_reason(bound, among=values_format) if format_ is None else None
    if reason is not None:
        raise CellError(None, bound, reason)
    if format_ is TemporalFormat.DATE or format_ in _TIMESTAMPS:
        try:
            date.fromisoformat(in_iso(bound)[:10])
        except ValueError:
            return None
    return format_


def trim_zeros(bounds: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Return bounds without the zeros beyond microseconds that only their own writer prints."""
    # A writer that always prints nine digits does so in the texts too, and one that leaves out fractions of
    # zero (.NET prints seven digits of others) may show none in the texts. Without texts, one wrote both.
    if not texts:
        return list(bounds)
    zeros = r"(\.\d{6}\d*?)0+(?!\d)" if any(map(_find_fraction, texts)) else r"(\.0{6})0+(?!\d)"
    return [re.sub(zeros, r"\1", bound) for bound in bounds]
