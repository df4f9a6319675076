"""The wait before the next poll is a tenth of the time elapsed, from 0.1 s to 5 s, a fifth more or less."""

import subprocess
import sys
from pathlib import Path

import pytest

from connecty_frames.asking.polling import delay
from tests.cases import cases


@cases(
    ("elapsed", "expected"),
    [(0.0, 0.1), (0.5, 0.1), (1.0, 0.1), (2.0, 0.2), (30.0, 3.0), (50.0, 5.0), (3600.0, 5.0)],
)
def test_a_tenth_of_the_time_elapsed_within_its_bounds(elapsed: float, expected: float) -> None:
    """Without jitter the delay is elapsed / 10, but never under 0.1 s or over 5 s."""
    assert delay(elapsed, lambda: 0.5) == pytest.approx(expected)


@cases(("drawn", "expected"), [(0.0, 2.4), (0.5, 3.0), (0.999999, 3.6)])
def test_jitter_is_a_fifth_either_way(drawn: float, expected: float) -> None:
    """At 30 s the delay lies between 2.4 s and 3.6 s."""
    assert delay(30.0, lambda: drawn) == pytest.approx(expected, abs=1e-4)


ROOT = Path(__file__).parents[2]


def bench(setting: str = "pass") -> subprocess.CompletedProcess[str]:
    """Run the short form of ``make bench WHAT=polling`` after a statement that changes the polling."""
    code = (
        f"import runpy, sys, connecty_frames.asking.polling as polling; {setting}; "
        "sys.argv = ['polling', '--seeds', '100']; "
        "runpy.run_module('benchmarks.polling', run_name='__main__')"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_promises_of_the_benchmark_are_kept() -> None:
    """From 0.2 s to 300 s: a delay of 7 % and 0.1 s at most on average, and 110 requests at most."""
    done = bench()
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "every promise kept"), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "missed"),
    [
        ("polling.delay = lambda elapsed, _random: min(max(elapsed * 0.3, 0.1), 5.0)", "a mean delay of"),
        ("polling.delay = lambda elapsed, _random: min(max(elapsed * 0.1, 0.1), 1.0)", "more than 110"),
    ],
)
def test_the_benchmark_reports_what_is_missed(setting: str, missed: str) -> None:
    """Polling too rarely, or too often, makes it fail."""
    done = bench(setting)
    assert done.returncode == 1
    assert missed in done.stdout
