"""What reading a body takes, measured in a fresh process, and the print-out of many."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["MEGABYTE", "Cost", "in_fresh_process", "report"]

_Row = TypeVar("_Row")

MEGABYTE: Final = 1_000_000
_ROOT: Final = Path(__file__).parents[3]
#: How many processes run at once; they measure their processor time.
_AT_ONCE: Final = 2


class Cost(NamedTuple):
    """Times the body, seconds, the outcome (or the name of the exception), seconds after the deadline."""

    memory: float
    seconds: float
    outcome: str
    late: float = 0.0


def in_fresh_process(*arguments: str, timeout: float) -> Cost:
    """Measure in a fresh process, which is ended after a time."""
    command = [sys.executable, "-m", "tests.verification.bounds", "--measure", *arguments]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=_ROOT, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        return Cost(float("nan"), float("inf"), "takes too long", float("inf"))
    if done.returncode:
        return Cost(float("inf"), float("nan"), f"ended with {done.returncode}")
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
