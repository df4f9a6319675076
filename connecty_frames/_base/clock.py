"""Time, sleep and deadlines.

A clock is passed to whatever waits or expires, so that tests of polling and of token expiry can use their own
and do not wait.
"""

from __future__ import annotations

import math
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable


class Clock:
    """Wall time, monotonic time and sleep, all in seconds."""

    #: Returns the wall time, aware and in UTC.
    now: Callable[[], datetime] = staticmethod(partial(datetime.now, UTC))
    #: Returns seconds from an arbitrary start, unaffected by changes of the wall clock.
    monotonic: Callable[[], float] = staticmethod(time.monotonic)
    #: Waits.
    sleep: Callable[[float], None] = staticmethod(time.sleep)


SYSTEM_CLOCK = Clock()

#: Seconds that a call may take after its deadline, to read or record what has arrived.
GRACE: Final = 0.1


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
        """Return how many seconds to wait for what an answer does not need: at most half of those left."""
        return min(most, max(GRACE, self.remaining() / 2))

    def sleep(self, seconds: float) -> None:
        """Wait ``seconds``, but not past the deadline or the cancellation."""
        sleep = self.clock.sleep if self.cancelled is None else self.cancelled.wait
        sleep(max(0.0, min(seconds, self.remaining())))


_ENDLESS: Final = Deadline(cancelled=None)
#: The deadline of the current call. Calls made during it share its cancellation.
CURRENT: ContextVar[Deadline] = ContextVar("CURRENT", default=_ENDLESS)
