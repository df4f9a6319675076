"""How fast response bytes become a table, beside the parsers alone and what people write by hand.

Each way runs in a fresh process of its own, all of one workload one after the other, so that what is
compared ran under the same conditions. Machines are noisy: ratios count, times do not.
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

#: How often a way is timed in its process, after one run to warm up.
REPEATS = {"W3": 200, "W4": 10}
#: What may be no slower than what: workload, our way, the peer, the highest ratio.
BARS = [
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


def measure(way: str, file: Path, repeats: int) -> dict[str, Any]:
    """Time one way in this process: milliseconds of each run, and the peak of memory above the start."""
    body = file.read_bytes()
    run = READERS[way]
    kept = run(workloads.mixed(2))  # imports and first-time costs, on a body of no size
    del kept
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        kept = run(body)
        times.append((time.perf_counter() - start) * 1000)
        del kept
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return {"ms": times, "peak": peak / len(body)}


def write(file: Path, make: Callable[..., bytes], *arguments: int) -> None:
    """Make a body in a process of its own: a child's peak of memory begins with that of its parent."""
    maker = multiprocessing.get_context("spawn").Process(target=_write, args=(file, make, *arguments))
    maker.start()
    maker.join()
    if maker.exitcode:
        raise SystemExit(f"{file.name} could not be made")


def _write(file: Path, make: Callable[..., bytes], *arguments: int) -> None:
    file.write_bytes(make(*arguments))


def in_fresh_process(way: str, file: Path, repeats: int) -> dict[str, Any]:
    """Time one way in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.decode", "--measure", way, str(file), str(repeats)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def workload_table(name: str, folder: Path, console: Console) -> dict[str, float]:
    """Run every way over one workload and print them side by side; gives the medians."""
    file = folder / f"{name}.json"
    write(file, workloads.WORKLOADS[name])
    repeats = REPEATS.get(name, 5)
    measured = {way: in_fresh_process(way, file, repeats) for way in READERS}
    medians = {way: statistics.median(found["ms"]) for way, found in measured.items()}
    table = Table(title=f"{name}: {file.stat().st_size / 1e6:.1f} MB")
    for heading in ("way", "ms (median)", "spread", "of orjson off", "of pandas", "of polars", "peak memory"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for way, found in measured.items():
        ratios = [
            f"{medians[way] / medians[peer]:.2f}"
            for peer in ("orjson.loads, collector off", "pandas by hand", "polars by hand")
        ]
        spread = f"{min(found['ms']):.1f} to {max(found['ms']):.1f}"
        table.add_row(way, f"{medians[way]:.1f}", spread, *ratios, f"{found['peak']:.1f} x")
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


def bars_table(medians: dict[str, dict[str, float]], console: Console) -> None:
    """Print each bar beside what was measured."""
    table = Table(title="bars")
    for heading in ("workload", "ours", "beside", "at most", "measured", ""):
        table.add_column(heading)
    for workload, ours, peer, most in BARS:
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
    parser.add_argument("--measure", nargs=3, metavar=("WAY", "FILE", "REPEATS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        way, file, repeats = arguments.measure
        print(json.dumps(measure(way, Path(file), int(repeats))))
        return
    console = Console(width=130)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        medians = {each: workload_table(each, folder, console) for each in arguments.workloads}
        bars_table(medians, console)
        if len(arguments.workloads) == len(workloads.WORKLOADS):
            growth(folder, console)


if __name__ == "__main__":
    main()
