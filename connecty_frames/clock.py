"""The only place that knows the time.

Waiting is passed in wherever it happens, so that a unit test of polling or of token expiry runs on a
clock of its own and takes no time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["SYSTEM_CLOCK", "Clock", "Deadline"]


class Clock:
    """Wall time, monotonic time and sleep, all in seconds."""

    def now(self) -> datetime:
        """Give the wall time, aware and in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Give seconds from an arbitrary start that no clock change can move."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; zero or less returns at once."""
        if seconds > 0:
            time.sleep(seconds)


SYSTEM_CLOCK = Clock()


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on a clock's monotonic time by which a whole call must be over."""

    clock: Clock
    at: float

    @classmethod
    def after(cls, seconds: float, clock: Clock) -> Deadline:
        """Make the deadline that many seconds from now."""
        return cls(clock, clock.monotonic() + seconds)

    def remaining(self) -> float:
        """Give the seconds left; zero or less once it has passed."""
        return self.at - self.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait that long, or until the deadline if that comes first."""
        self.clock.sleep(min(seconds, self.remaining()))
