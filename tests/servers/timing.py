"""Clocks for tests: one that costs no time, and the lateness of this machine, for tests of deadlines."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from connecty_frames._base.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds by which a call may end after its deadline.
SLACK = 0.25
_BEAT = 0.005


class FakeClock(Clock):
    """A clock that advances only by sleeping, at no cost of time, and records the sleeps."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return a wall time that advances with the monotonic one."""
        return datetime(2025, 11, 5, 12, 0, tzinfo=UTC) + timedelta(seconds=self.at - 1000.0)

    def monotonic(self) -> float:
        """Return 1000 and the seconds slept so far."""
        return self.at

    def sleep(self, seconds: float) -> None:
        """Advance the clock and record the sleep."""
        if seconds > 0:
            self.slept.append(seconds)
            self.at += seconds


class Pulse:
    """How late this machine wakes a thread that sleeps for 5 ms, in seconds of the monotonic clock.

    The sleeps of about the last ten seconds are kept.
    """

    def __init__(self) -> None:
        self._beats: deque[tuple[float, float]] = deque(maxlen=2_000)
        self._asleep = time.monotonic()
        self._over = threading.Event()

    def most(self, since: float) -> float:
        """Return the largest lateness of the sleeps that ended since then, or have not ended."""
        return max(self._late(since))

    def total(self, since: float) -> float:
        """Return the sum of the latenesses: for so long this machine ran other things."""
        return sum(self._late(since))

    def _late(self, since: float) -> list[float]:
        beats = [late for woke, late in list(self._beats) if woke >= since]
        return [*beats, max(time.monotonic() - self._asleep - _BEAT, 0.0)]

    def _beat(self) -> None:
        while not self._over.is_set():
            self._asleep = time.monotonic()
            time.sleep(_BEAT)
            woke = time.monotonic()
            self._beats.append((woke, woke - self._asleep - _BEAT))

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Measure while the ``with`` block runs."""
        thread = threading.Thread(target=self._beat, name="pulse")
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()


@contextmanager
def within(seconds: float, *, slack: float = SLACK) -> Iterator[None]:
    """Assert that a block ends in time; the slack and the lateness of a busy machine are allowed for.

    Parameters
    ----------
    slack
        More seconds where many threads must get a processor before the block can end: fewer than what the
        failure that the test looks for would add.
    """
    with Pulse().running() as pulse:
        began = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - began
            late = pulse.most(began)
    assert took <= seconds + slack + late
