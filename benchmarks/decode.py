"""How fast response bytes become a table, beside JSON parsers alone and code written by hand: ``make bench``.

Each reader runs in a fresh process, all readers of a workload one after the other, so that those that are
compared ran under the same conditions. Ratios are comparable between machines, times are not.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from benchmarks import workloads
from benchmarks.peers import READERS

if TYPE_CHECKING:
    from collections.abc import Callable

#: How often a reader is timed in its process, after one run to warm up.
REPEATS = {"W3": 200, "W4": 10}
#: The promised ratios: workload, our reader, its peer, the highest allowed ratio of their medians.
LIMITS = [
    ("W1", "connecty_frames to Arrow", "orjson.loads, collector off", 0.75),
    ("W1", "connecty_frames to Arrow", "orjson.loads, collector on", 0.30),
    ("W1", "connecty_frames to Arrow", "pandas by hand", 0.13),
    ("W1", "connecty_frames to Arrow", "polars by hand", 0.13),
    ("W2", "connecty_frames to Arrow", "pandas by hand", 0.60),
    ("W3", "connecty_frames to pandas", "pandas by hand", 0.55),
    ("W3", "connecty_frames to polars", "polars by hand", 0.70),
    ("W4", "connecty_frames to pandas", "pandas by hand", 0.45),
    ("W5", "connecty_frames to Arrow", "pandas by hand", 0.30),
]


def measure(reader: str, file: Path, repeats: int) -> dict[str, Any]:
    """Time a reader in this process: milliseconds of each run, and the peak of memory above the start."""
    body = file.read_bytes()
    read = READERS[reader]
    read(workloads.mixed(2))  # imports and first-time costs, on a tiny body
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        kept = read(body)
        times.append((time.perf_counter() - start) * 1000)
        del kept
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return {"ms": times, "peak": peak / len(body)}


def write(file: Path, make: Callable[..., bytes], *arguments: int) -> None:
    """Write a body in another process: a child's peak of memory begins with that of its parent."""
    maker = multiprocessing.get_context("spawn").Process(target=_write, args=(file, make, *arguments))
    maker.start()
    maker.join()
    if maker.exitcode:
        raise SystemExit(f"{file.name} could not be made")


def _write(file: Path, make: Callable[..., bytes], *arguments: int) -> None:
    file.write_bytes(make(*arguments))


def in_fresh_process(reader: str, file: Path, repeats: int) -> dict[str, Any]:
    """Time a reader in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.decode", "--measure", reader, str(file), str(repeats)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def workload_table(name: str, folder: Path, console: Console) -> dict[str, float]:
    """Time every reader on one workload, print them side by side, and return the medians."""
    file = folder / f"{name}.json"
    write(file, workloads.WORKLOADS[name])
    repeats = REPEATS.get(name, 5)
    measured = {reader: in_fresh_process(reader, file, repeats) for reader in READERS}
    medians = {reader: statistics.median(found["ms"]) for reader, found in measured.items()}
    table = Table(title=f"{name}: {file.stat().st_size / 1e6:.1f} MB")
    for heading in (
        "reader",
        "ms (median)",
        "spread",
        "of orjson off",
        "of pandas",
        "of polars",
        "peak memory",
    ):
        table.add_column(heading, justify="left" if heading == "reader" else "right")
    for reader, found in measured.items():
        ratios = [
            f"{medians[reader] / medians[peer]:.2f}"
            for peer in ("orjson.loads, collector off", "pandas by hand", "polars by hand")
        ]
        spread = f"{min(found['ms']):.1f} to {max(found['ms']):.1f}"
        table.add_row(reader, f"{medians[reader]:.1f}", spread, *ratios, f"{found['peak']:.1f} x")
    console.print(table)
    return medians


def growth(folder: Path, console: Console) -> None:
    """Print the time per row from 50,000 to 5,000,000 rows of W1."""
    table = Table(title="growth: W1 to Arrow")
    for heading in ("rows", "ms (median)", "ms per 50,000 rows", "of the smallest"):
        table.add_column(heading, justify="right")
    smallest = 0.0
    for rows in (50_000, 500_000, 5_000_000):
        file = folder / f"growth-{rows}.json"
        write(file, workloads.repeated, rows)
        found = in_fresh_process("connecty_frames to Arrow", file, 3)
        per = statistics.median(found["ms"]) / (rows / 50_000)
        smallest = smallest or per
        table.add_row(
            f"{rows:,}", f"{statistics.median(found['ms']):.0f}", f"{per:.1f}", f"{per / smallest:.2f}"
        )
        file.unlink()
    console.print(table)


def limits_table(medians: dict[str, dict[str, float]], console: Console) -> None:
    """Print each limit beside the measured ratio."""
    table = Table(title="limits")
    for heading in ("workload", "ours", "beside", "at most", "measured", ""):
        table.add_column(heading)
    for workload, ours, peer, most in LIMITS:
        if workload in medians:
            ratio = medians[workload][ours] / medians[workload][peer]
            table.add_row(
                workload, ours, peer, f"{most:.2f}", f"{ratio:.2f}", "met" if ratio <= most else "MISSED"
            )
    console.print(table)


def main() -> None:
    """Print all tables, or those of the workloads named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", default=list(workloads.WORKLOADS))
    parser.add_argument("--measure", nargs=3, metavar=("READER", "FILE", "REPEATS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        reader, file, repeats = arguments.measure
        print(json.dumps(measure(reader, Path(file), int(repeats))))
        return
    console = Console(width=130)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        medians = {each: workload_table(each, folder, console) for each in arguments.workloads}
        limits_table(medians, console)
        if len(arguments.workloads) == len(workloads.WORKLOADS):
            from benchmarks.startup import startup_table  # not in the processes that are measured

            growth(folder, console)
            console.print(startup_table())


if __name__ == "__main__":
    main()
