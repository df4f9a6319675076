"""How fast response bytes become a table, beside JSON parsers alone and code written by hand.

``make bench WHAT=decode`` runs each reader in fresh processes, all readers of a workload one after the other
and again, so that those that are compared ran under the same conditions. Ratios are comparable between
machines, times are not. ``make bench WHAT=growth`` shows the time by the number of rows and columns.
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
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from benchmarks import workloads
from benchmarks.peers import READERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: How often a reader is timed in its process, after one run to warm up, by the size of the body in bytes.
REPEATS = {1 << 20: 100, 1 << 23: 6, 1 << 40: 3}
#: In how many processes each reader is timed, in turn with the others.
ROUNDS = 3
#: The ratios aimed at: workload, our reader, its peer, the highest allowed ratio of their medians.
LIMITS = [
    ("W1", "connecty_frames to Arrow", "orjson.loads, collector off", 0.75),
    ("W1", "connecty_frames to Arrow", "orjson.loads, collector on", 0.30),
    ("W1", "connecty_frames to Arrow", "pandas by hand", 0.13),
    ("W1", "connecty_frames to Arrow", "polars by hand", 0.13),
    ("W2", "connecty_frames to Arrow", "pandas by hand", 0.60),
    ("W3", "connecty_frames to pandas", "pandas by hand", 0.55),
    ("W3", "connecty_frames to polars", "polars by hand", 0.65),
    *[
        (name, f"connecty_frames to {library}", f"{library} by hand", most)
        for name in ("W3a", "W3b", "W3c", "W3d", "W3e")
        for library, most in (("pandas", 0.65), ("polars", 0.80))
    ],
    ("W4", "connecty_frames to pandas", "pandas by hand", 0.45),
    ("W5", "connecty_frames to Arrow", "pandas by hand", 0.30),
    ("W6", "connecty_frames to Arrow", "orjson.loads, collector off", 0.65),
]


def measure(reader: str, file: Path, repeats: int) -> dict[str, Any]:
    """Time a reader in this process: milliseconds of each run, by the clock and of processors, and memory."""
    body = file.read_bytes()
    read = READERS[reader]
    read(workloads.mixed(2))  # imports and first-time costs, on a tiny body
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times, processor_times = [], []
    for _ in range(repeats):
        start, processor_start = time.perf_counter(), time.process_time()
        kept = read(body)
        times.append((time.perf_counter() - start) * 1000)
        processor_times.append((time.process_time() - processor_start) * 1000)
        del kept
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return {"ms": times, "processor_ms": processor_times, "peak": peak / len(body)}


def write(file: Path, make: Callable[..., bytes], *arguments: int) -> None:
    """Write a body in another process: a child's peak of memory begins with that of its parent."""
    maker = multiprocessing.get_context("spawn").Process(target=_write, args=(file, make, *arguments))
    maker.start()
    maker.join()
    if maker.exitcode:
        raise SystemExit(f"{file.name} could not be made")


def _write(file: Path, make: Callable[..., bytes], *arguments: int) -> None:
    file.write_bytes(make(*arguments))


def in_fresh_processes(readers: Iterable[str], file: Path) -> dict[str, dict[str, Any]]:
    """Time readers in fresh processes, each in turn with the others."""
    size = file.stat().st_size
    repeats = next(repeats for most, repeats in REPEATS.items() if size <= most)
    measured: dict[str, dict[str, Any]] = {
        reader: {"ms": [], "processor_ms": [], "peak": 0.0} for reader in readers
    }
    for _ in range(ROUNDS):
        for reader, found in measured.items():
            command = [
                sys.executable,
                "-m",
                "benchmarks.decode",
                "--measure",
                reader,
                str(file),
                str(repeats),
            ]
            done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for times in ("ms", "processor_ms"):
                found[times] += done[times]
            found["peak"] = max(found["peak"], done["peak"])
    return measured


def workload_table(name: str, folder: Path, console: Console) -> dict[str, list[float]]:
    """Time every reader on one workload, print them side by side, and return the times."""
    file = folder / f"{name}.json"
    write(file, workloads.WORKLOADS[name])
    measured = in_fresh_processes(READERS, file)
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
    return {reader: found["ms"] for reader, found in measured.items()}


#: The sizes by which growth is shown, of bodies that are otherwise alike.
GROWTH: dict[str, dict[int, Callable[[], bytes]]] = {
    "rows": {
        **{rows: partial(workloads.mixed, rows) for rows in (1_000, 5_000, 20_000, 50_000)},
        **{rows: partial(workloads.repeated, rows) for rows in (200_000, 1_000_000, 5_000_000)},
    },
    "columns": {columns: partial(workloads.wide, 100, columns) for columns in (8, 40, 200, 1_000, 10_000)},
}


def growth(folder: Path, console: Console) -> None:
    """Print the processor time of a row by the number of rows, and that of a column by the number of columns.

    That of two processors is added up. Beside a smaller size, no row or column should cost more.
    """
    reader, file = "connecty_frames to Arrow", folder / "growth.json"
    for what, bodies in GROWTH.items():
        table = Table(title=f"growth: {what}, to Arrow")
        for heading in (what, "ms (least)", "us of each", "of the cheapest", "of the cheapest smaller size"):
            table.add_column(heading, justify="right")
        least = {}
        for size, make in bodies.items():
            write(file, make)
            least[size] = min(in_fresh_processes([reader], file)[reader]["processor_ms"])
        each = {size: ms / size * 1000 for size, ms in least.items()}
        for size, one in each.items():
            smaller = min((cost for other, cost in each.items() if other < size), default=one)
            ratios = (f"{one / cheapest:.2f}" for cheapest in (min(each.values()), smaller))
            table.add_row(f"{size:,}", f"{least[size]:.1f}", f"{one:.2f}", *ratios)
        console.print(table)


def limits_table(times: dict[str, dict[str, list[float]]], console: Console) -> None:
    """Print each limit beside the measured ratios, of the medians and of the least times."""
    table = Table(title="limits")
    for heading in ("workload", "ours", "beside", "at most", "medians", "least", ""):
        table.add_column(heading)
    for workload, ours, peer, most in LIMITS:
        if workload in times:
            mine, other = times[workload][ours], times[workload][peer]
            ratio = statistics.median(mine) / statistics.median(other)
            least = min(mine) / min(other)
            met = "met" if ratio <= most else "MISSED"
            table.add_row(workload, ours, peer, f"{most:.2f}", f"{ratio:.2f}", f"{least:.2f}", met)
    console.print(table)


def main() -> None:
    """Print all tables, or those of the workloads named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", default=list(workloads.WORKLOADS))
    parser.add_argument("--growth", action="store_true", help="show growth with rows and columns instead")
    parser.add_argument("--measure", nargs=3, metavar=("READER", "FILE", "REPEATS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        reader, file, repeats = arguments.measure
        print(json.dumps(measure(reader, Path(file), int(repeats))))
        return
    console = Console(width=130)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.growth:
            growth(folder, console)
            return
        times = {each: workload_table(each, folder, console) for each in arguments.workloads}
        limits_table(times, console)
        if len(arguments.workloads) == len(workloads.WORKLOADS):
            from benchmarks.startup import startup_table  # not in the processes that are measured

            console.print(startup_table())


if __name__ == "__main__":
    main()
