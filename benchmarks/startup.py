"""How long start-up takes, beside a bare interpreter and ``import pandas``: ``make bench-startup``.

Each command runs in fresh processes, and the commands take turns, so that all of them run under the same
conditions. The package is compiled to bytecode first, as pip leaves it. Ratios are comparable between
machines, times are not.
"""

from __future__ import annotations

import compileall
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from connecty_frames.sandbox import Sandbox

RUNS: Final = 15
PYTHON: Final = "python -c pass"
PANDAS: Final = "import pandas"
QUESTION: Final = "list the top 5 countries with the most orders"
#: What is measured, by its name in the table: the arguments of Python.
COMMANDS: Final = {
    PYTHON: ["-c", "pass"],
    PANDAS: ["-c", "import pandas"],
    "import typer": ["-c", "import typer"],
    "import connecty_frames": ["-c", "import connecty_frames"],
    "import connecty_frames.client": ["-c", "import connecty_frames.client"],
    "connecty --version": ["-m", "connecty_frames.cli", "--version"],
    "first ask_df, to pandas": ["-c", f"import connecty_frames as cf; cf.ask_df({QUESTION!r})"],
}


def median_times() -> dict[str, float]:
    """Return the median milliseconds of each command, from its start to its end."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with Sandbox() as sandbox:
        settings = {f"CONNECTY_{name.upper()}": str(value) for name, value in sandbox.connection.items()}
        for _ in range(RUNS):
            for name, arguments in COMMANDS.items():
                start = time.perf_counter()
                command = [sys.executable, *arguments]
                subprocess.run(command, check=True, capture_output=True, env=os.environ | settings)
                times[name].append((time.perf_counter() - start) * 1000)
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    """Print the table."""
    compileall.compile_dir(Path(__file__).parents[1] / "connecty_frames", quiet=2)
    medians = median_times()
    table = Table(title=f"start-up, median of {RUNS} fresh processes")
    for heading in ("command", "ms", f"of {PYTHON}", f"of {PANDAS}"):
        table.add_column(heading, justify="left" if heading == "command" else "right")
    for name, median in medians.items():
        ratios = (f"{median / medians[peer]:.2f}" for peer in (PYTHON, PANDAS))
        table.add_row(name, f"{median:.0f}", *ratios)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
