"""Memory and time of hostile responses to every call of a client, over a real socket.

The server is in this process, each client in a fresh one. The client's clock counts the processor time that
its process takes, and the pauses in which it would wait, so that the load of a machine does not matter. A
response is read once without haste, for its memory and time, and then with deadlines that fall into the
reading: what counts is by how much a call ends after its deadline.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import connecty_frames as cf
from connecty_frames.clock import Clock
from tests.servers.scripted import serve
from tests.verification.bounds.responses import PACKED, response
from tests.verification.memory import peak_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MOST_LATE", "MOST_MEMORY", "Call", "compare", "in_fresh_process"]

#: The promise: how many times the body's size a response may take, and seconds of processor time after the
#: deadline.
MOST_MEMORY: Final = 60.0
MOST_LATE: Final = 0.25

_ROOT: Final = Path(__file__).parents[3]
_MEGABYTE: Final = 1_000_000
#: Where the deadlines fall, as shares of the time that the call takes.
_SHARES: Final = (0.3, 0.5, 0.7, 0.9)
#: Seconds in which every response is read, or else ended by its deadline.
_PATIENCE: Final = 3.0
#: What a client may take before it is ended, in seconds.
_TIMEOUT: Final = 600
#: The longest message of an error, in bytes.
LONGEST_MESSAGE: Final = 4_096


class Call(NamedTuple):
    """What a call took: times the body, seconds of processor time, seconds after a deadline, the outcome."""

    memory: float
    seconds: float
    late: float
    outcome: str

    @property
    def is_kept(self) -> bool:
        """Whether the promise is kept."""
        return self.memory <= MOST_MEMORY and self.late <= MOST_LATE


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
            else:
                client.ask_df("how many?", timeout=timeout, engine="pyarrow", progress=False)
        except cf.ConnectyError as error:
            outcome = type(error).__name__
            if len(str(error).encode()) > LONGEST_MESSAGE:
                outcome = "a message that is too long"
        took = clock.monotonic() - begun
    return took, took - timeout, outcome


def measure(usual: str, address: str, endpoint: str, size: int) -> dict[str, float | str]:
    """Make calls in this process, the first to a server whose responses are usual."""
    warnings.simplefilter("ignore")
    _call(usual, endpoint, _PATIENCE)  # imports and first-time costs
    found: list[tuple[float, float, str]] = []
    memory = peak_of(lambda: found.append(_call(address, endpoint, _PATIENCE))) / size
    took, late, outcome = found[0]
    hurried = [_call(address, endpoint, min(took, _PATIENCE) * share)[1] for share in _SHARES]
    return {"memory": memory, "seconds": took, "late": max(late, *hurried), "outcome": outcome}


def in_fresh_process(place: str, value: str, size: int) -> Call:
    """Serve a response to a client in a fresh process."""
    endpoint, status, body = response(place, value, size)
    content, headers = body, {}
    if place in PACKED:
        content, headers = gzip.compress(body, 1), {"Content_Encoding": "gzip"}
    with serve() as usual, serve() as script:
        usual.on("results", usual.answer(200, {"state": "COMPLETED", "results": {"dataframe": [["a"], [1]]}}))
        script.on("results", *usual.steps["results"])
        script.on(endpoint, script.answer(status, raw=content, **headers))
        given = (usual.address, script.address, endpoint, str(len(body)))
        command = [sys.executable, "-m", "tests.verification.bounds.calls", *given]
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, cwd=_ROOT, timeout=_TIMEOUT
            )
        except subprocess.TimeoutExpired:
            return Call(float("nan"), float("inf"), float("inf"), "takes too long")
    if done.returncode:
        return Call(float("inf"), float("nan"), float("nan"), f"ended with {done.returncode}")
    return Call(**json.loads(done.stdout))


def compare(places: Sequence[str], values: Sequence[str], megabytes: float) -> int:
    """Print what each response costs, and return 1 if a promise is not kept."""
    print(f"Calls, responses of {megabytes:g} MB; late: seconds of processor time after the deadline")
    rows = [(place, value) for place in places for value in values]
    calls = []
    for place, value in rows:
        call = in_fresh_process(place, value, int(megabytes * _MEGABYTE))
        calls.append(call)
        cost = f"{call.memory:6.1f} x {call.seconds:6.2f} s  late {max(call.late, 0):5.2f} s"
        outcome = call.outcome + ("" if call.is_kept else "  MISSED")
        print(f"{place:24}{value:32}{cost}  {outcome}", flush=True)
    missed = sum(not call.is_kept for call in calls)
    limits = f"{MOST_MEMORY:g} times the body or {MOST_LATE:g} s after the deadline"
    print(f"{missed} of {len(rows)} rows exceed {limits}")
    return min(missed, 1)


if __name__ == "__main__":
    usual, address, endpoint, size = sys.argv[1:]
    print(json.dumps(measure(usual, address, endpoint, int(size))))
