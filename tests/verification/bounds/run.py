"""Memory and time of hostile bodies: ``make bench-bounds``.

Each body is read in a fresh process. Memory is the peak above that of the process with the body read, as a
multiple of the body; time is that of the processor, in seconds per megabyte. By hand means ``json.loads`` and
``pandas.DataFrame`` of the same body.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.verification.bounds import calls
from tests.verification.bounds.bodies import SHAPES
from tests.verification.bounds.responses import PLACES, VALUES
from tests.verification.memory import peak_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["MOST_MEMORY", "MOST_SECONDS", "READERS", "Cost", "in_fresh_process", "main"]

#: The promise: how many times the body's size reading may take, and how many seconds per megabyte.
MOST_MEMORY: Final = 20.0
MOST_SECONDS: Final = 1.0

_ROOT: Final = Path(__file__).parents[3]
_MEGABYTE: Final = 1_000_000
#: What a reader by hand may take before it is ended: bytes, and seconds.
_MOST_BYTES: Final = 8 << 30
_TIMEOUT: Final = 60


class Cost(NamedTuple):
    """What reading a body took; the outcome is that of the reader, or the name of its exception."""

    memory: float
    seconds: float
    outcome: str


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


def measure(reader: str, shape: str, size: int) -> dict[str, float | str]:
    """Read a body in this process, and return what it took."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    warnings.simplefilter("ignore")
    read = READERS[reader]
    for cell in (b"1", b'["x"]'):  # imports and first-time costs
        read(b'{"state":"COMPLETED","results":{"dataframe":[["a"],[%s]]}}' % cell)
    body = SHAPES[shape](size)
    found: dict[str, float | str] = {"outcome": "read"}

    def timed() -> None:
        begun = time.process_time()
        try:
            read(body)
        except Exception as error:  # the outcome, which is shown
            found["outcome"] = type(error).__name__
        found["seconds"] = (time.process_time() - begun) / (len(body) / _MEGABYTE)

    found["memory"] = peak_of(timed) / len(body)
    return found


def in_fresh_process(reader: str, shape: str, size: int) -> Cost:
    """Read a body in a fresh process."""
    command = [sys.executable, "-m", "tests.verification.bounds", "--measure", reader, shape, str(size)]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=_ROOT, timeout=_TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return Cost(float("nan"), float("inf"), "takes too long")
    if done.returncode:
        return Cost(float("inf"), float("nan"), f"ended with {done.returncode}")
    return Cost(**json.loads(done.stdout))


def compare(shapes: Sequence[str], sizes: Sequence[float], readers: Sequence[str]) -> int:
    """Print what each shape costs at each size, and return 1 if a promise is not kept."""
    print(f"{'MB':>42}  " + "".join(f"{reader:>21}" for reader in readers))
    missed = 0
    for shape in shapes:
        for megabytes in sizes:
            size = int(megabytes * _MEGABYTE)
            costs = {reader: in_fresh_process(reader, shape, size) for reader in readers}
            found = "".join(f"{cost.memory:7.1f} x {cost.seconds:5.2f} s   " for cost in costs.values())
            worst = [cost for reader, cost in costs.items() if reader != "by hand"]
            most = calls.MOST_MEMORY if shape.startswith("statistics") else MOST_MEMORY
            is_kept = all(cost.memory <= most and cost.seconds <= MOST_SECONDS for cost in worst)
            missed += not is_kept
            outcome = costs[readers[0]].outcome + ("" if is_kept else "  MISSED")
            print(f"{shape:38}{megabytes:>4g}  {found}{outcome}", flush=True)
    limits = (
        f"{MOST_MEMORY:g} times the body (statistics: {calls.MOST_MEMORY:g}) or {MOST_SECONDS:g} s per MB"
    )
    print(f"{missed} of {len(shapes) * len(sizes)} rows exceed {limits}")
    return min(missed, 1)


def main() -> int:
    """Read the command line, and measure all shapes or those named."""
    parser = argparse.ArgumentParser(description="Measure what hostile bodies cost.")
    parser.add_argument("shapes", nargs="*", default=list(SHAPES))
    parser.add_argument("--sizes", type=float, nargs="+", default=[1, 4, 16], help="in megabytes")
    parser.add_argument("--readers", nargs="+", default=list(READERS), choices=list(READERS))
    parser.add_argument(
        "--calls", action="store_true", help="measure the calls of a client in place of readers"
    )
    parser.add_argument("--places", nargs="+", default=list(PLACES), choices=list(PLACES))
    parser.add_argument("--measure", nargs=3, metavar=("READER", "SHAPE", "BYTES"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        reader, shape, size = given.measure
        print(json.dumps(measure(reader, shape, int(size))))
        return 0
    if given.calls:
        values = given.shapes if given.shapes != list(SHAPES) else list(VALUES)
        return calls.compare(given.places, values, max(given.sizes))
    return compare(given.shapes, given.sizes, given.readers)
