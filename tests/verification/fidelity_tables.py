"""The quick form of a fidelity benchmark, run as a program, and the table of readers that it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["OURS", "QuickRun", "run_quick"]

OURS: Final = ("connecty_frames, pandas", "connecty_frames, polars", "connecty_frames, pyarrow")


class QuickRun(NamedTuple):
    """What a benchmark printed.

    Parameters
    ----------
    heads
        The heads of the table of readers.
    silently_wrong
        The number of silently wrong columns of each reader.
    """

    output: str
    errors: str
    heads: list[str]
    silently_wrong: dict[str, int]


def run_quick(module: str) -> QuickRun:
    """Run the quick form of a benchmark."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--quick"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    head, *lines = done.stdout.partition("\n\n")[0].splitlines() or [""]
    heads = re.split(r"  +", head)
    rows = [dict(zip(heads, re.split(r"  +", line), strict=True)) for line in lines]
    wrong = {row["reader"]: int(row["silently wrong"].replace(",", "")) for row in rows}
    return QuickRun(done.stdout, done.stderr, heads, wrong)
