"""Time zones by IANA name and by offset, such as ``+05:30``."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

#: Files beside the zones: they depend on the machine, or polars and Arrow do not know them.
_is_no_zone = re.compile("(posix|right)/.*|Factory|localtime|posixrules", re.DOTALL).fullmatch
_match_offset = re.compile(r"([+-])([01]\d|2[0-3]):([0-5]\d)", re.ASCII).fullmatch


def offset_of(name: str | None) -> timedelta | None:
    """Return the offset named by a zone such as ``+05:30``, or None for another name."""
    found = _match_offset(name or "")
    if found is None:
        return None
    sign, hours, minutes = found.groups()
    return timedelta(hours=int(sign + hours), minutes=int(sign + minutes))


def named_zone(name: object) -> tzinfo | None:
    """Return the time zone of an IANA name or an offset, or None."""
    with suppress(ValueError, OSError, KeyError):
        if isinstance(name, str) and (offset := offset_of(name)) is not None:
            return timezone(offset)
        if isinstance(name, str) and not _is_no_zone(name):
            return ZoneInfo(name)
    return None
