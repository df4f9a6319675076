"""Memory and time of hostile bodies: ``make verify WHAT=bounds``.

Each body is read in a fresh process. Memory is the peak above that of the process with the body read, as a
multiple of the body; time is that of the processor, in seconds per megabyte, and reduced on a slow machine.
By hand means ``json.loads`` and ``pandas.DataFrame`` of the same body.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
import warnings
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks.bounds import calls, costs
from benchmarks.bounds.bodies import SHAPES
from benchmarks.bounds.costs import MEGABYTE, Cost, report
from benchmarks.bounds.responses import PLACES, VALUES
from benchmarks.memory import peak_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["BLOCKS", "MOST_MEMORY", "MOST_SECONDS", "READERS", "in_fresh_process", "main"]

#: The promise: how many times the size of the body reading may take, beside the work on a few blocks at once,
#: which does not grow with the body, and how many seconds per megabyte.
MOST_MEMORY: Final = 20.0
MOST_SECONDS: Final = 1.0
BLOCKS: Final = 200 * MEGABYTE

#: What a process may take before it is ended: bytes, and seconds of processor time.
_MOST_BYTES: Final = 8 << 30
_MOST_SECONDS: Final = 30


def _by_hand(body: bytes) -> object:
    import pandas as pd

    header, *rows = json.loads(body)["results"]["dataframe"]
    return pd.DataFrame(rows, columns=header)


def _ours(body: bytes, engine: str) -> object:
    from connecty_frames import Answer

    answer = Answer.from_json(body)
    return {"pyarrow": answer.to_arrow, "pandas": answer.to_pandas, "polars": answer.to_polars}[engine]()


READERS: Final[dict[str, Callable[[bytes], object]]] = {
    "Arrow": lambda body: _ours(body, "pyarrow"),
    "pandas": lambda body: _ours(body, "pandas"),
    "polars": lambda body: _ours(body, "polars"),
    "by hand": _by_hand,
}


def measure(reader: str, shape: str, size: str) -> Cost:
    """Read a body in this process, and return what it took."""
    warnings.simplefilter("ignore")
    read = READERS[reader]
    for cell in (b"1", b'["x"]'):  # imports and first-time costs
        read(b'{"state":"COMPLETED","results":{"dataframe":[["a"],[%s]]}}' % cell)
    body = SHAPES[shape](int(size))
    seconds, outcome = 0.0, "read"

    def timed() -> None:
        nonlocal seconds, outcome
        begun = time.process_time()
        try:
            read(body)
        except Exception as error:  # the outcome, which is shown
            outcome = type(error).__name__
        seconds = time.process_time() - begun

    memory = peak_of(timed)
    return Cost(memory / len(body), seconds / costs.slowness() / (len(body) / MEGABYTE), outcome)


def in_fresh_process(reader: str, shape: str, size: int) -> Cost:
    """Read a body in a fresh process."""
    return costs.in_fresh_process(reader, shape, str(size))


def _line(row: tuple[str, float], readers: Sequence[str]) -> tuple[str, bool]:
    shape, megabytes = row
    found = {reader: in_fresh_process(reader, shape, int(megabytes * MEGABYTE)) for reader in readers}
    most = (
        calls.MOST_MEMORY if shape.startswith("statistics") else MOST_MEMORY + BLOCKS / (megabytes * MEGABYTE)
    )
    is_kept = all(
        cost.memory <= most and cost.seconds <= MOST_SECONDS
        for reader, cost in found.items()
        if reader != "by hand"
    )
    shown = "".join(f"{cost.memory:7.1f} x {cost.seconds:5.2f} s   " for cost in found.values())
    return f"{shape:38}{megabytes:>4g}  {shown}{found[readers[0]].outcome}", is_kept


def compare(shapes: Sequence[str], sizes: Sequence[float], readers: Sequence[str]) -> int:
    """Print what each shape costs at each size, and return 1 if a promise is not kept."""
    print(f"{'MB':>42}  " + "".join(f"{reader:>21}" for reader in readers))
    rows = [(shape, megabytes) for shape in shapes for megabytes in sizes]
    limits = (
        f"{MOST_MEMORY:g} times the body beside {BLOCKS // MEGABYTE} MB (statistics: "
        f"{calls.MOST_MEMORY:g} times the body) or {MOST_SECONDS:g} s per MB"
    )
    return report(rows, partial(_line, readers=readers), limits)


def main() -> int:
    """Read the command line, and measure all shapes or those named."""
    parser = argparse.ArgumentParser(description="Measure what hostile bodies cost.")
    parser.add_argument("shapes", nargs="*")
    parser.add_argument("--every", type=int, default=1, help="measure one of so many (default: all)")
    parser.add_argument("--sizes", type=float, nargs="+", default=[1, 4, 16], help="in megabytes")
    parser.add_argument("--readers", nargs="+", default=list(READERS), choices=list(READERS))
    parser.add_argument(
        "--calls", action="store_true", help="measure the calls of a client in place of readers"
    )
    parser.add_argument("--places", nargs="+", default=list(PLACES), choices=list(PLACES))
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, resource.RLIM_INFINITY))
        measured = measure if given.measure[0] in READERS else calls.measure
        print(json.dumps(measured(*given.measure)._asdict()))
        return 0
    if given.calls:
        return calls.compare(given.places, given.shapes or list(VALUES), max(given.sizes), given.every)
    return compare((given.shapes or list(SHAPES))[:: given.every], given.sizes, given.readers)
