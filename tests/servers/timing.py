"""How long a thing took, beside how late this machine was at the time."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What may pass between a deadline and its end, in seconds.
SLACK = 0.25
_BEAT = 0.005


class Pulse:
    """How late this machine wakes a thread that sleeps for moments, in seconds of the monotonic clock.

    What the last ten seconds or so saw is kept.
    """

    def __init__(self) -> None:
        self._beats: deque[tuple[float, float]] = deque(maxlen=2_000)
        self._asleep = time.monotonic()
        self._over = threading.Event()

    def most(self, since: float) -> float:
        """Return the most by which a sleep was too long that ended since then, or has not ended."""
        return max(self._late(since))

    def total(self, since: float) -> float:
        """Return by how much the sleeps were too long together: for so long the machine did other things."""
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
        heart = threading.Thread(target=self._beat, name="pulse")
        heart.start()
        try:
            yield self
        finally:
            self._over.set()
            heart.join()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Hold a block to its deadline, the slack, and what the machine overslept: at rest that is nothing."""
    with Pulse().running() as pulse:
        began = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - began
            late = pulse.most(began)
    assert took <= seconds + SLACK + late
