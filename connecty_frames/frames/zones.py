"""Time zones: Arrow holds any name, pandas and polars only those in their databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from connecty_frames.errors import ConfigError
from connecty_frames.escape import snippet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["check_zones"]


def check_zones(
    columns: Iterable[tuple[str, pa.DataType]], library: str, is_known: Callable[[str], bool]
) -> None:
    """Check that a library knows the time zones of all columns, at any depth.

    Raises
    ------
    ConfigError
        For the first that it does not know, with its column.
    """
    for name, kind in columns:
        for zone in _zones(kind):
            # Libraries written in C would cut it there, and read another zone.
            if "\0" in zone or not is_known(zone):
                raise ConfigError(
                    f"Column {snippet(name)!r}: {library} does not know the time zone {snippet(zone)!r}. "
                    "If it is a new one, update the time zone database (package tzdata) or the library; "
                    'Arrow (engine="pyarrow") holds any zone.'
                )


def _zones(kind: pa.DataType) -> Iterator[str]:
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        yield kind.tz
    for at in range(kind.num_fields):
        yield from _zones(kind.field(at).type)
