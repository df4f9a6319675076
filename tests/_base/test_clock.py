"""Clock and Deadline."""

from datetime import UTC, datetime, timedelta

import pytest

from connecty_frames._base.clock import SYSTEM_CLOCK, Clock, Deadline
from tests.cases import cases


class Still(Clock):
    def __init__(self) -> None:
        self.at = 50.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += max(seconds, 0.0)


def test_now_is_aware_and_in_utc() -> None:
    """And it is the current time."""
    now = SYSTEM_CLOCK.now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_monotonic_time_goes_on() -> None:
    """By at least as much as it sleeps."""
    before = SYSTEM_CLOCK.monotonic()
    SYSTEM_CLOCK.sleep(0.02)
    assert SYSTEM_CLOCK.monotonic() - before >= 0.02


@cases("seconds", [0, -1, -0.5, float("-inf")])
def test_sleep_of_zero_or_less(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """It returns immediately; time.sleep would raise."""
    monkeypatch.setattr("time.sleep", None)
    Deadline.after(5, SYSTEM_CLOCK).sleep(seconds)


def test_a_deadline_counts_down() -> None:
    """To zero and below."""
    clock = Still()
    deadline = Deadline.after(10, clock)
    assert (deadline.at, deadline.remaining()) == (60.0, 10.0)
    clock.sleep(4)
    assert deadline.remaining() == 6.0
    clock.sleep(7)
    assert deadline.remaining() == -1.0


def test_a_deadline_limits_sleep() -> None:
    """It sleeps for the time given or the time left, whichever is shorter."""
    clock = Still()
    deadline = Deadline.after(10, clock)
    deadline.sleep(4)
    deadline.sleep(100)
    assert clock.slept == [4, 6.0]
    assert deadline.remaining() == 0.0


def test_a_deadline_that_has_passed_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """For any time given."""
    monkeypatch.setattr("time.sleep", None)
    Deadline.after(-5, SYSTEM_CLOCK).sleep(60)
