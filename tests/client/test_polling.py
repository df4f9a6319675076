"""The wait before the next poll is a tenth of the time elapsed, from 0.1 s to 5 s, a fifth more or less."""

from __future__ import annotations

import pytest

from connecty_frames.client.polling import delay


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [(0.0, 0.1), (0.5, 0.1), (1.0, 0.1), (2.0, 0.2), (30.0, 3.0), (50.0, 5.0), (3600.0, 5.0)],
)
def test_a_tenth_of_the_time_elapsed_within_its_bounds(elapsed: float, expected: float) -> None:
    """Without jitter the delay is elapsed / 10, but never under 0.1 s or over 5 s."""
    assert delay(elapsed, lambda: 0.5) == pytest.approx(expected)


@pytest.mark.parametrize(("drawn", "expected"), [(0.0, 2.4), (0.5, 3.0), (0.999999, 3.6)])
def test_jitter_is_a_fifth_either_way(drawn: float, expected: float) -> None:
    """At 30 s the delay lies between 2.4 s and 3.6 s."""
    assert delay(30.0, lambda: drawn) == pytest.approx(expected, abs=1e-4)


def test_five_minutes_take_about_a_hundred_requests() -> None:
    """Polling a question of 300 s takes at most 110 requests."""
    elapsed, requests = 0.0, 1
    while elapsed < 300:
        elapsed += delay(elapsed, lambda: 0.5)
        requests += 1
    assert requests <= 110
