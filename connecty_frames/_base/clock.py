"""Time, sleep, deadlines and time zones.

A clock is passed to whatever waits or expires, so that tests of polling and token expiry need not wait.
"""

from __future__ import annotations

import math
import re
import time
from contextlib import suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

_Result = TypeVar("_Result")


class Clock:
    """Wall time, monotonic time and sleep, all in seconds."""

    #: Returns the wall time, aware and in UTC.
    now: Callable[[], datetime] = staticmethod(partial(datetime.now, UTC))
    #: Returns seconds from an arbitrary start, unaffected by changes of the wall clock.
    monotonic: Callable[[], float] = staticmethod(time.monotonic)
    sleep: Callable[[float], None] = staticmethod(time.sleep)


SYSTEM_CLOCK = Clock()

GRACE: Final = 0.1  # seconds of a call after its deadline, to read or record a reply


@dataclass(frozen=True, slots=True)
class Deadline:
    """The monotonic time by which a whole call must end."""

    clock: Clock = SYSTEM_CLOCK
    at: float = math.inf
    #: Moves the deadline to now when it is set.
    cancelled: threading.Event | None = field(default_factory=lambda: CURRENT.get().cancelled)

    @classmethod
    def after(cls, seconds: float, clock: Clock) -> Deadline:
        """Return the deadline ``seconds`` from now."""
        return cls(clock, clock.monotonic() + seconds)

    def remaining(self) -> float:
        """Return the seconds left; zero or less after the deadline or the cancellation."""
        if self.cancelled is not None and self.cancelled.is_set():
            return 0.0
        return self.at - self.clock.monotonic()

    def spare(self, most: float) -> float:
        """Return the seconds to wait for optional parts: at most half of those left."""
        return min(most, max(GRACE, self.remaining() / 2))

    def sleep(self, seconds: float) -> None:
        """Wait ``seconds``, but not past the deadline or the cancellation."""
        sleep = self.clock.sleep if self.cancelled is None else self.cancelled.wait
        sleep(max(0.0, min(seconds, self.remaining())))


_ENDLESS: Final = Deadline(cancelled=None)
#: The deadline of the current call. Calls made during it share its cancellation.
CURRENT: ContextVar[Deadline] = ContextVar("CURRENT", default=_ENDLESS)


def within(deadline: Deadline, act: Callable[[], _Result]) -> _Result:
    """Call a function with a deadline for what it waits for."""
    context = copy_context()
    context.run(CURRENT.set, deadline)
    return context.run(act)


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
