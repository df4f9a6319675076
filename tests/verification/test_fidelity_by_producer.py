"""The quick form of the second table of ``make bench-fidelity``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).parents[2]
_OURS = ("connecty_frames, pandas", "connecty_frames, polars", "connecty_frames, pyarrow")


@pytest.fixture(scope="module")
def printed() -> str:
    """Return what the benchmark prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.verification.fidelity.warehouses", "--quick"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout.startswith("reader "), done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def silently_wrong(printed: str) -> dict[str, int]:
    """Return the number of silently wrong columns of each reader from the printed table."""
    head, *lines = printed.splitlines()
    assert re.split(r"  +", head) == [
        "reader", "columns", "right", "exact text", "other type", "documented", "loud", "silently wrong",
    ]  # fmt: skip
    table = [re.split(r"  +", line) for line in lines[: lines.index("")]]
    return {reader: int(wrong.replace(",", "")) for reader, *_, wrong in table}


def test_no_value_of_ours_is_silently_wrong(silently_wrong: dict[str, int]) -> None:
    """For every producer, all three engines return the value that was sent, or warn."""
    assert {reader: silently_wrong[reader] for reader in _OURS} == dict.fromkeys(_OURS, 0)


def test_every_column_that_names_one_value_is_right(printed: str) -> None:
    """No column is text, of another type or warned of where its bytes name one value each."""
    assert "Ours, not as expected (0):" in printed, printed.partition("Ours, not as expected")[2]


def test_the_benchmark_can_find_wrong_values(silently_wrong: dict[str, int]) -> None:
    """It finds them in code written by hand, so that a zero for ours is meaningful."""
    assert all(wrong > 0 for reader, wrong in silently_wrong.items() if reader not in _OURS)


@pytest.mark.external
def test_postgresql_is_one_of_the_producers(printed: str) -> None:
    """The server runs where it is installed."""
    if "PostgreSQL was skipped" in printed:
        pytest.skip("PostgreSQL is not installed")
    assert "row_to_json" in printed
