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


def test_what_producers_send() -> None:
    """For every producer, all engines return each value that the bytes name, and warn of every other one.

    The benchmark finds wrong values in code written by hand, so that a zero for ours is meaningful.
    PostgreSQL is among the producers wherever it is installed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.verification.fidelity.warehouses", "--quick"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    head, *lines = done.stdout.splitlines() or [""]
    assert re.split(r"  +", head) == [
        "reader", "columns", "right", "exact text", "other type", "documented", "loud", "silently wrong",
    ], done.stderr  # fmt: skip
    table = [re.split(r"  +", line) for line in lines[: lines.index("")]]
    silently_wrong = {reader: int(wrong.replace(",", "")) for reader, *_, wrong in table}
    assert {reader: silently_wrong.pop(reader) for reader in _OURS} == dict.fromkeys(_OURS, 0)
    assert all(wrong > 0 for wrong in silently_wrong.values())
    assert "Ours, not as expected (0):" in done.stdout, done.stdout.partition("Ours, not as expected")[2]
    assert ("row_to_json" in done.stdout) is ("PostgreSQL was skipped" not in done.stdout + done.stderr)
