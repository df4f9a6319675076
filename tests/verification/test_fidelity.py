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


def test_values_of_duckdb() -> None:
    """In every style, all engines return the value that the database had, or warn.

    The benchmark finds wrong values in code written by hand, so that a zero for ours is meaningful.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.verification.fidelity", "--quick"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    head, *lines = done.stdout.splitlines() or [""]
    assert re.split(r"  +", head) == [
        "reader", "columns", "type right", "every value right", "silently wrong", "loud",
    ], done.stderr  # fmt: skip
    table = [re.split(r"  +", line) for line in lines[: lines.index("")]]
    silently_wrong = {reader: int(wrong.replace(",", "")) for reader, *_, wrong, _ in table}
    assert {reader: silently_wrong.pop(reader) for reader in _OURS} == dict.fromkeys(_OURS, 0)
    assert all(wrong > 0 for wrong in silently_wrong.values())
    assert "Ours, recoverable but not right (0):" in done.stdout, done.stdout.partition("Ours, rec")[2]
