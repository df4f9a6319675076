"""What reading a body takes, measured in a fresh process, and the print-out of many."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import SIGXCPU
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from benchmarks.bounds.bodies import SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["MEGABYTE", "Cost", "in_fresh_process", "report", "slowness"]

_Row = TypeVar("_Row")

MEGABYTE: Final = 1_000_000
_ROOT: Final = Path(__file__).parents[2]
#: How many processes run at once; they measure their processor time.
_AT_ONCE: Final = 2
#: What a process may take before it is ended: seconds, most of which it may wait on a busy machine.
_TIMEOUT: Final = 1_200
#: The processor time of ``json.loads``, in seconds per megabyte of plain rows, on a machine that is not slow.
_NOT_SLOW: Final = 0.015


class Cost(NamedTuple):
    """Times the body, seconds, the outcome (or the name of the exception), seconds after the deadline.

    On a slow machine, processor time counts as that of one that is not slow.
    """

    memory: float
    seconds: float
    outcome: str
    late: float = 0.0


def slowness() -> float:
    """Return how many times slower than usual this machine is now, at least 1."""
    body = SHAPES["plain rows"](MEGABYTE)
    found = []
    for _ in range(5):
        begun = time.process_time()
        json.loads(body)
        found.append(time.process_time() - begun)
    return max(median(found) / _NOT_SLOW, 1.0)


def in_fresh_process(*arguments: str) -> Cost:
    """Measure in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.bounds", "--measure", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=_ROOT, timeout=_TIMEOUT)
    if done.returncode:
        outcome = "takes too long" if done.returncode == -SIGXCPU else f"ended with {done.returncode}"
        return Cost(float("nan"), float("inf"), outcome, float("inf"))
    return Cost(**json.loads(done.stdout))


def report(rows: Sequence[_Row], measure: Callable[[_Row], tuple[str, bool]], limits: str) -> int:
    """Print the line of each row, and return 1 if one does not keep its promise."""
    missed = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for line, is_kept in pool.map(measure, rows):
            missed += not is_kept
            print(line + ("" if is_kept else "  MISSED"), flush=True)
    print(f"{missed} of {len(rows)} rows exceed {limits}")
    return min(missed, 1)
