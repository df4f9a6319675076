"""Time, time zones, sleep and deadlines.

A clock is passed to whatever waits or expires, so that tests of polling and of token expiry can use their own
and do not wait.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

#: Files beside the zones: they depend on the machine, or polars and Arrow do not know them.
_is_no_zone = re.compile("(posix|right)/.*|Factory|localtime|posixrules", re.DOTALL).fullmatch
_match_offset = re.compile(r"([+-])([01]\d|2[0-3]):([0-5]\d)", re.ASCII).fullmatch


class Clock:
    """Wall time, monotonic time and sleep, all in seconds."""

    #: Returns the wall time, aware and in UTC.
    now: Callable[[], datetime] = staticmethod(partial(datetime.now, UTC))
    #: Returns seconds from an arbitrary start, unaffected by changes of the wall clock.
    monotonic: Callable[[], float] = staticmethod(time.monotonic)
    #: Waits.
    sleep: Callable[[float], None] = staticmethod(time.sleep)


SYSTEM_CLOCK = Clock()


@dataclass(frozen=True, slots=True)
class Deadline:
    """The monotonic time at which a whole call must end, by a clock."""

    clock: Clock
    at: float
    #: Moves the deadline to now when it is set.
    cancelled: threading.Event | None = None

    @classmethod
    def after(cls, seconds: float, clock: Clock, cancelled: threading.Event | None = None) -> Deadline:
        """Return the deadline ``seconds`` from now."""
        return cls(clock, clock.monotonic() + seconds, cancelled)

    def remaining(self) -> float:
        """Return the seconds left; zero or less after the deadline or the cancellation."""
        if self.cancelled is not None and self.cancelled.is_set():
            return 0.0
        return self.at - self.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait ``seconds``, or until the deadline or the cancellation if that is earlier."""
        sleep = self.clock.sleep if self.cancelled is None else self.cancelled.wait
        sleep(max(0.0, min(seconds, self.remaining())))


def named_zone(name: object) -> tzinfo | None:
    """Return the time zone of an IANA name or an offset (``+05:30``), or None."""
    with suppress(ValueError, OSError, KeyError):
        if isinstance(name, str) and (offset := _match_offset(name)) is not None:
            return timezone(timedelta(hours=int(offset[1] + offset[2]), minutes=int(offset[1] + offset[3])))
        if isinstance(name, str) and not _is_no_zone(name):
            return ZoneInfo(name)
    return None
