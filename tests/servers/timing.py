"""Clocks for tests: one that costs no time, and the lateness of this machine, for tests of deadlines."""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NoReturn, Self

from connecty_frames._base.clock import Clock

#: Seconds by which a call may end after its deadline, as the long programs of ``verification`` measure it.
SLACK = 0.25
_BEAT = 0.005
#: The longest wait for what has to happen, in seconds.
_PATIENCE = 60.0


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(_BEAT)


def press_ctrl_c(condition: Callable[[], object]) -> threading.Thread:
    """Send SIGINT to this process once a condition holds, and return the thread that does."""

    def press() -> None:
        until(condition)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


@contextmanager
def raising(error: type[BaseException], number: int = signal.SIGINT) -> Iterator[None]:
    """Let the handler of a signal raise an error."""

    def end(*_: object) -> NoReturn:
        raise error

    before = signal.signal(number, partial(end))  # a handler may be any callable
    try:
        yield
    finally:
        signal.signal(number, before)


def pause(seconds: float) -> None:
    """Sleep in beats, so that a busy machine has more time for what should happen meanwhile."""
    for _ in range(round(seconds / _BEAT)):
        time.sleep(_BEAT)


def growing(seconds: float) -> Iterator[float]:
    """Yield longer timeouts, for a machine that is too busy to get to the step under test in the first."""
    yield from (seconds, 4 * seconds, 16 * seconds)


class FakeClock(Clock):
    """A clock that advances only by sleeping, at no cost of time, and records the sleeps."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return a wall time that advances with the monotonic one."""
        return datetime(2025, 11, 5, 12, 0, tzinfo=UTC) + timedelta(seconds=self.at - 1000.0)

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.slept.append(seconds)
            self.at += seconds


class EarlyClock(Clock):
    """The clock of the system, which a test sets ahead to let a deadline pass."""

    ahead = 0.0
    #: How often it was looked at: code that looks often ends soon after a deadline, on any machine.
    looks = 0

    def monotonic(self) -> float:
        """Return the system's time and how far it is set ahead."""
        self.looks += 1
        return super().monotonic() + self.ahead


class Pulse:
    """How late this machine wakes a thread that sleeps for 5 ms, in seconds of the monotonic clock.

    The sleeps of about the last ten seconds are kept.
    """

    def __init__(self) -> None:
        self._beats: deque[tuple[float, float]] = deque(maxlen=2_000)
        self._asleep = time.monotonic()
        self._over = threading.Event()

    def late(self, began: float, until: float) -> float:
        """Return by how much later a call ends because of this machine, if it is to end at ``until``."""
        # Once before its deadline was set; and after it for as long as this machine ran other things.
        return max(self._late(began)) + sum(self._late(until))

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
        thread = threading.Thread(target=self._beat, name="pulse")
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()


@contextmanager
def within(seconds: float, *, slack: float = 1.0) -> Iterator[None]:
    """Assert that a block ends in time, also by an error; slack and a busy machine's lateness are allowed.

    The slack is less than what the failure that the test looks for would add. Both are at least one second
    together, since the machine decides about less.
    """
    assert seconds + slack >= 1
    with Pulse().running() as pulse:
        began = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - began
            assert took <= seconds + slack + pulse.late(began, began + seconds)
