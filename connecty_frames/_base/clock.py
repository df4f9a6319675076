"""Time, sleep and deadlines.

A clock is passed to whatever waits or expires, so that tests of polling and of token expiry can use their own
and do not wait.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

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


@dataclass(frozen=True, slots=True)
class Deadline:
    """The monotonic time by which a whole call must end."""

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
        """Wait ``seconds``, but not past the deadline or the cancellation."""
        sleep = self.clock.sleep if self.cancelled is None else self.cancelled.wait
        sleep(max(0.0, min(seconds, self.remaining())))
