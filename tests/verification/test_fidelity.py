"""The quick form of ``make bench-fidelity``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
# The edge cases use types that older ones do not have.
pytest.importorskip("duckdb", minversion="2.0")

_ROOT = Path(__file__).parents[2]
_OURS = ("connecty_frames, pandas", "connecty_frames, polars", "connecty_frames, pyarrow")


@pytest.fixture(scope="module")
def silently_wrong() -> dict[str, int]:
    """Return the number of silently wrong columns of each reader from the printed table."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.verification.fidelity", "--quick"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    head, *lines = done.stdout.splitlines()
    assert re.split(r"  +", head) == [
        "reader", "columns", "type right", "every value right", "silently wrong", "loud",
    ], done.stderr  # fmt: skip
    table = [re.split(r"  +", line) for line in lines[: lines.index("")]]
    return {reader: int(wrong.replace(",", "")) for reader, *_, wrong, _ in table}


def test_no_value_of_ours_is_silently_wrong(silently_wrong: dict[str, int]) -> None:
    """For every producer, all three engines return the value that the database had, or warn."""
    assert {reader: silently_wrong[reader] for reader in _OURS} == dict.fromkeys(_OURS, 0)


def test_the_benchmark_can_find_wrong_values(silently_wrong: dict[str, int]) -> None:
    """It finds them in code written by hand, so that a zero for ours is meaningful."""
    assert all(wrong > 0 for reader, wrong in silently_wrong.items() if reader not in _OURS)
