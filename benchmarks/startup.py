"""How long start-up and a first question take, beside peers: ``make bench WHAT=startup``.

Each command runs in fresh processes, and the commands take turns, so that all of them run under the same
conditions. The package is compiled to bytecode first, as pip leaves it. Ratios are comparable between
machines, times are not. A ratio is that of the medians; beside it are the quartiles of the ratios of runs
that followed each other.
"""

from __future__ import annotations

import compileall
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table

from connecty_frames.sandbox import Sandbox

RUNS: Final = 15
ROOT: Final = Path(__file__).parents[1]
QUESTION: Final = "list the top 5 countries with the most orders"


class Comparison(NamedTuple):
    """Two commands, as arguments of Python, and the most that the first may take of the second."""

    ours: list[str]
    peer: list[str]
    limit: float | None = None


def _statement(statement: str) -> list[str]:
    return ["-c", statement]


def _ask_df(engine: str) -> list[str]:
    return _statement(f"import connecty_frames as cf; cf.ask_df({QUESTION!r}, engine={engine!r})")


def _by_hand(library: str) -> list[str]:
    return [str(ROOT / "benchmarks" / "by_hand.py"), library, QUESTION]


#: What is measured, by its name in the table.
COMPARISONS: Final = {
    "import connecty_frames / python -c pass": Comparison(
        _statement("import connecty_frames"), _statement("pass")
    ),
    "import connecty_frames.client / import pandas": Comparison(
        _statement("import connecty_frames.client"), _statement("import pandas")
    ),
    "connecty --version / import typer": Comparison(
        ["-m", "connecty_frames.cli", "--version"], _statement("import typer")
    ),
    "first ask_df to pandas / requests, pandas": Comparison(_ask_df("pandas"), _by_hand("pandas"), 1.10),
    "first ask_df to polars / requests, polars": Comparison(_ask_df("polars"), _by_hand("polars"), 1.30),
    "first ask_df to pyarrow / requests, pyarrow": Comparison(_ask_df("pyarrow"), _by_hand("pyarrow"), 0.90),
    "connecty ask --format csv / requests, pandas, to_csv": Comparison(
        ["-m", "connecty_frames.cli", "ask", QUESTION, "--format", "csv"], _by_hand("csv"), 0.80
    ),
}


def _milliseconds(arguments: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment)
    return (time.perf_counter() - start) * 1000


def startup_table() -> Table:
    """Run all commands, and return the table of their times."""
    compileall.compile_dir(ROOT / "connecty_frames", quiet=2)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in COMPARISONS}
    with Sandbox() as sandbox:
        settings = {f"CONNECTY_{name.upper()}": str(value) for name, value in sandbox.connection.items()}
        environment = os.environ | settings
        for _ in range(RUNS):
            for name, (ours, peer, _limit) in COMPARISONS.items():
                found[name].append((_milliseconds(ours, environment), _milliseconds(peer, environment)))
    table = Table(title=f"start-up, {RUNS} fresh processes of each command")
    for heading in ("command / peer", "ms", "peer", "ratio", "quartiles", "limit"):
        table.add_column(heading, justify="left" if heading == "command / peer" else "right")
    for name, times in found.items():
        ours, peer = map(statistics.median, zip(*times, strict=True))
        low, _, high = statistics.quantiles([one / other for one, other in times], n=4)
        limit = COMPARISONS[name].limit
        verdict = "" if limit is None else f"{limit:.2f}" + (" MISSED" if ours / peer > limit else "")
        spread = f"{low:.2f} to {high:.2f}"
        table.add_row(name, f"{ours:.0f}", f"{peer:.0f}", f"{ours / peer:.2f}", spread, verdict)
    return table


if __name__ == "__main__":
    Console(width=120).print(startup_table())
