"""Memory and time of hostile responses to every call of a client, over a real socket.

The server is in this process, each client in a fresh one. The client's clock counts the processor time that
its process takes, and the pauses in which it would wait, so that the load of a machine does not matter. A
response is read once without haste, for its memory and time, and then with a deadline in the middle of the
reading: what counts is by how much a call ends after its deadline.
"""

from __future__ import annotations

import gzip
import time
import warnings
from functools import partial
from typing import TYPE_CHECKING, Final

import connecty_frames as cf
from benchmarks.bounds import costs
from benchmarks.bounds.costs import MEGABYTE, Cost, report
from benchmarks.bounds.responses import PACKED, ROWS, response
from benchmarks.memory import peak_of
from connecty_frames._base.clock import Clock
from tests.servers.scripted import serve

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MOST_LATE", "MOST_MEMORY", "compare", "in_fresh_process", "is_kept", "measure"]

#: The promise: how many times the body's size a response may take, and seconds of processor time after the
#: deadline.
MOST_MEMORY: Final = 60.0
MOST_LATE: Final = 0.25

#: Where the deadline falls, as a share of the time that the call takes.
_SHARE: Final = 0.5
#: Seconds in which every response is read, or else ended by its deadline.
_PATIENCE: Final = 2.0
#: The longest message of an error, in bytes.
LONGEST_MESSAGE: Final = 4_096


class _ProcessorClock(Clock):
    """Counts the processor time of this process, and the pauses, without waiting."""

    def __init__(self) -> None:
        self._slept = 0.0

    def monotonic(self) -> float:
        return time.process_time() + self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += max(seconds, 0.0)


def _call(address: str, endpoint: str, timeout: float) -> tuple[float, float, str]:
    """Make a call, and return the seconds it took, those after its deadline, and the outcome."""
    clock = _ProcessorClock()
    with cf.Client(
        "client-id-1", client_secret="s3cr3t+/=word", base_url=address, dw_id=13, clock=clock
    ) as client:
        begun, outcome = clock.monotonic(), "read"
        try:
            if endpoint == "health":
                outcome = str(client.health(timeout=timeout))
            else:  # all rows, so that they are counted
                client.ask_df("how many?", timeout=timeout, engine="pyarrow", max_rows=None, progress=False)
        except cf.ConnectyError as error:
            outcome = type(error).__name__
            if len(str(error).encode()) > LONGEST_MESSAGE:
                outcome = "a message that is too long"
        took = clock.monotonic() - begun
    return took, took - timeout, outcome


def measure(usual: str, address: str, endpoint: str, size: str) -> Cost:
    """Make calls in this process, the first to a server whose responses are usual."""
    warnings.simplefilter("ignore")
    _call(usual, endpoint, _PATIENCE)  # imports and first-time costs
    found: list[tuple[float, float, str]] = []
    memory = peak_of(lambda: found.append(_call(address, endpoint, _PATIENCE))) / int(size)
    took, late, outcome = found[0]
    hurried = _call(address, endpoint, min(took, _PATIENCE) * _SHARE)[1]
    return Cost(memory, took, outcome, max(late, hurried) / costs.slowness())


def in_fresh_process(place: str, value: str, size: int) -> Cost:
    """Serve a response to a client in a fresh process."""
    endpoint, status, body = response(place, value, size)
    content, headers = body, {}
    if place in PACKED:
        content, headers = gzip.compress(body, 1), {"Content_Encoding": "gzip"}
    with serve() as usual, serve() as script:
        usual.on("results", usual.answer(200, {"state": "COMPLETED", "results": {"dataframe": [["a"], [1]]}}))
        script.on("results", *usual.steps["results"])
        script.on(endpoint, script.answer(status, raw=content, **headers))
        return costs.in_fresh_process(usual.address, script.address, endpoint, str(len(body)))


def is_kept(cost: Cost) -> bool:
    """Whether the promise is kept."""
    return cost.memory <= MOST_MEMORY and cost.late <= MOST_LATE


def _line(row: tuple[str, str], size: int) -> tuple[str, bool]:
    cost = in_fresh_process(*row, size)
    found = f"{cost.memory:6.1f} x {cost.seconds:6.2f} s  late {max(cost.late, 0):5.2f} s  {cost.outcome}"
    return f"{row[0]:24}{row[1]:32}{found}", is_kept(cost)


def compare(places: Sequence[str], values: Sequence[str], megabytes: float, every: int) -> int:
    """Print what one of so many responses costs, and return 1 if a promise is not kept."""
    print(f"Calls, responses of {megabytes:g} MB; late: seconds of processor time after the deadline")
    rows = [(place, value) for place, value in ROWS if place in places and value in values][::every]
    limits = f"{MOST_MEMORY:g} times the body or {MOST_LATE:g} s after the deadline"
    return report(rows, partial(_line, size=int(megabytes * MEGABYTE)), limits)
