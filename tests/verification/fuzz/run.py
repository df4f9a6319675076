"""A million malformed bodies: ``make verify WHAT=fuzz``.

Each is read by ``Answer.from_json``, some are made into frames, and some are read twice, with the columnar
reader and without. A case fails where

- an exception is raised that is not a ConnectyError, panics included, or a warning that is not ours;
- it takes longer than one second;
- a value is not the one of ``json.loads(body, parse_int=str, parse_float=str)``, by the table of types;
- ``json.loads`` rejects the body (read as strict UTF-8) and ``from_json`` does not, or the other way round.

These exceptions to the last rule are intended:

- JSON that is not an answer is rejected: a state that is not COMPLETED, a wrong type, no header, ragged rows.
- Half of a surrogate pair may be rejected: the grammar allows it, but UTF-8 cannot encode it.
- What is nested deeper than 100 levels may be rejected. Python's own reader rejects about 1,000 levels,
  depending on the depth of its caller, and is no oracle for such a body.
- A field beside ``state`` and ``results`` may have bytes that are not UTF-8, since it is not read.
- ``NaN``, ``Infinity`` and ``-Infinity`` without quotes are not JSON, but Python reads them, and so do we.

A failure prints seed, number and body; ``--seed S --case N`` runs one case again, ``--body`` any body.
"""

from __future__ import annotations

import argparse
import base64
import multiprocessing
import os
import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Final, TypeAlias

import pyarrow as pa

from tests.verification.fuzz.bodies import body_of
from tests.verification.fuzz.trial import Trials

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import SynchronizedArray
    from multiprocessing.synchronize import Event

__all__ = ["fuzz", "main"]

_CASES: Final = 1_000_000
#: Seconds after which a case counts as hanging.
_TIMEOUT: Final = 120
_PROGRESS: Final = 15.0

#: The worker, its counts, the longest time with its case, and the failed case with its problems, if any.
_WorkerResult: TypeAlias = tuple[int, Counter[str], tuple[float, int], tuple[int, list[str]] | None]


def fuzz(cases: int, seed: int, workers: int) -> int:
    """Run all cases, print their outcomes, and return the exit code."""
    print(f"{cases:,} cases, seed {seed}, {workers} processes, pyarrow {pa.__version__}", flush=True)
    begun = time.monotonic()
    pool = _Workers(cases, seed, workers)
    printed = begun
    while pool.running:
        time.sleep(0.1)
        pool.update()
        if time.monotonic() - printed > _PROGRESS:
            printed = time.monotonic()
            print(f"{pool.done:>10,} cases, {printed - begun:,.0f} s", flush=True)
    pool.join()
    print(f"{pool.done:>10,} cases in {time.monotonic() - begun:,.0f} s")
    print("the slowest took {:.2f} s (case {:,})".format(*pool.slowest))
    for name, count in sorted(pool.counts.items()):
        print(f"{count:>10,} {name}")
    for number, problems in pool.failures:
        _print_failure(seed, number, body_of(seed, number)[1], problems)
    return 1 if pool.failures else 0


class _Workers:
    """Processes that share the cases, and their results so far."""

    def __init__(self, cases: int, seed: int, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._workers = workers
        self._done = context.Array("q", [0] * workers)
        self._stop = context.Event()
        self._results: multiprocessing.Queue[_WorkerResult] = context.Queue()
        self._processes = [
            context.Process(
                target=_run_worker,
                args=(range(worker, cases, workers), worker, seed),
                kwargs={"done": self._done, "stop": self._stop, "results": self._results},
                daemon=True,
            )
            for worker in range(workers)
        ]
        for process in self._processes:
            process.start()
        self._moved = dict.fromkeys(range(workers), (0, time.monotonic()))
        self.running = set(range(workers))
        self.counts: Counter[str] = Counter()
        self.slowest = (0.0, 0)
        self.failures: list[tuple[int, list[str]]] = []

    @property
    def done(self) -> int:
        """The number of cases that passed."""
        return sum(self._done[:])

    def update(self) -> None:
        """Add the results of workers that have ended, and end those that hang."""
        while not self._results.empty():
            worker, counts, slowest, failure = self._results.get()
            self.running.discard(worker)
            self.counts += counts
            self.slowest = max(self.slowest, slowest)
            if failure is not None:
                self._failed(*failure)
        for worker in sorted(self.running):
            self._check_progress(worker)

    def join(self) -> None:
        """Wait for the processes to end; a failure at the end counts as well."""
        for worker, process in enumerate(self._processes):
            process.join(_TIMEOUT)
            if process.exitcode and not self.failures:
                self.failures.append((worker, [f"at its end the process had exit code {process.exitcode}"]))

    def _check_progress(self, worker: int) -> None:
        process, done, now = self._processes[worker], self._done[worker], time.monotonic()
        gone = not process.is_alive() and self._results.empty()
        before, since = self._moved[worker]
        if done != before:
            self._moved[worker] = done, now
        elif gone or now - since > _TIMEOUT:
            process.terminate()
            self.running.discard(worker)
            what = f"it ended the process (exit code {process.exitcode})" if gone else "it does not end"
            self._failed(worker + self._workers * done, [what])

    def _failed(self, number: int, problems: list[str]) -> None:
        self.failures.append((number, problems))
        self._stop.set()


def _run_worker(
    cases: range,
    worker: int,
    seed: int,
    *,
    done: SynchronizedArray[int],
    stop: Event,
    results: multiprocessing.Queue[_WorkerResult],
) -> None:
    """Run a worker's cases until one fails."""
    trials = Trials(seed)
    failure = None
    for number in cases:
        problems = trials.run(number)
        if problems:
            failure = number, problems
        if problems or stop.is_set():
            break
        done[worker] += 1
    results.put((worker, trials.counts, trials.slowest, failure))


def _print_failure(seed: int, number: int | None, body: bytes, problems: list[str]) -> None:
    """Print all that is needed to reproduce a failure."""
    print(f"\nFAILED: seed {seed}, case {number}")
    for problem in problems:
        print(f"  {problem}")
    print(f"  {body[:300]!r}")
    print(f"  base64: {base64.b64encode(body).decode()}")


def main() -> int:
    """Read the command line and run the cases, or one of them, or one body."""
    parser = argparse.ArgumentParser(description="Read malformed bodies and check the results.")
    parser.add_argument("--cases", type=int, default=_CASES, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="default: one by rng, which is printed")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)"
    )
    parser.add_argument("--case", type=int, default=None, help="run this case alone")
    parser.add_argument("--body", default=None, help="check this body alone, given as base64")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    if given.body is None and given.case is None:
        return fuzz(given.cases, seed, given.workers)
    trials = Trials(seed)
    if given.body is not None:
        body = base64.b64decode(given.body)
        problems = trials.check(body, random.Random(seed))
    else:
        body = body_of(seed, given.case)[1]
        problems = trials.run(given.case)
    if problems:
        _print_failure(seed, given.case, body, problems)
    return 1 if problems else 0
