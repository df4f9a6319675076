"""A client has ten retries at once, then one per second, and one for each successful request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connecty_frames.http.retry import RetryBudget

if TYPE_CHECKING:
    from tests.servers.timing import FakeClock


def test_ten_retries_at_the_start(clock: FakeClock) -> None:
    """The eleventh has to wait a second."""
    budget = RetryBudget(clock)
    assert [budget.acquire() for _ in range(11)] == [0.0] * 10 + [1.0]


def test_one_is_added_each_second(clock: FakeClock) -> None:
    """After 0.4 s there are 0.6 s left to wait, after the rest there is one and no more."""
    budget = RetryBudget(clock)
    for _ in range(10):
        budget.acquire()
    clock.at += 0.4
    assert budget.acquire() == pytest.approx(0.6)
    clock.at += 0.6
    assert (budget.acquire(), budget.acquire()) == (0.0, pytest.approx(1.0))


def test_a_success_adds_one(clock: FakeClock) -> None:
    """So a server with occasional failures may get more than one retry per second."""
    budget = RetryBudget(clock)
    for _ in range(10):
        budget.acquire()
    budget.refund()
    assert (budget.acquire(), budget.acquire()) == (0.0, 1.0)


def test_at_most_ten_are_kept(clock: FakeClock) -> None:
    """Neither by an hour nor by a thousand successes."""
    budget = RetryBudget(clock)
    clock.at += 3600
    for _ in range(1000):
        budget.refund()
    assert [budget.acquire() for _ in range(11)] == [0.0] * 10 + [1.0]
