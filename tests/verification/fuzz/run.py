"""A million hostile bodies: ``make fuzz``.

Each is read by ``Answer.from_json``, some become frames as well, and some are read twice, with the columnar
reader and without. A case fails where

- an exception is raised that is not a ConnectyError, panics included, or a warning that is not ours;
- it takes longer than one second;
- a value is not what ``json.loads(body, parse_int=str, parse_float=str)`` gives, by the table of types;
- ``json.loads`` refuses the body (read as strict UTF-8) and ``from_json`` does not, or the other way round.

Of the last there are these differences, each of them meant:

- What is JSON and no answer is refused: a state that is not COMPLETED, a wrong kind, no header, ragged rows.
- Half of a surrogate pair may be refused: it is grammar, but no text that UTF-8 could hold.
- What is nested deeper than 100 levels may be refused. Python's own reader gives up at about 1,000, depending
  on where it is called from, so that it is no judge of such a body.
- What nothing of an answer reads (a field beside ``state`` and ``results``) may hold bytes that are no UTF-8.
- Python reads ``NaN``, ``Infinity`` and ``-Infinity`` without quotes, which is no JSON, and so do we.

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
#: A worker that has been at one case for this long, in seconds, does not come back.
_TIMEOUT: Final = 120
_PROGRESS: Final = 15.0

#: Who tells, how often what happened, the longest time and its case, and the case that failed, if one did.
_WorkerResult: TypeAlias = tuple[int, Counter[str], tuple[float, int], tuple[int, list[str]] | None]


def fuzz(cases: int, seed: int, workers: int) -> int:
    """Run all cases and print what became of them; gives the exit code."""
    print(f"{cases:,} cases, seed {seed}, {workers} processes, pyarrow {pa.__version__}", flush=True)
    begun = time.monotonic()
    crew = _Workers(cases, seed, workers)
    told = begun
    while crew.running:
        time.sleep(0.1)
        crew.look()
        if time.monotonic() - told > _PROGRESS:
            told = time.monotonic()
            print(f"{crew.done:>10,} cases, {told - begun:,.0f} s", flush=True)
    crew.leave()
    print(f"{crew.done:>10,} cases in {time.monotonic() - begun:,.0f} s")
    print("the slowest took {:.2f} s (case {:,})".format(*crew.slowest))
    for name, count in sorted(crew.counts.items()):
        print(f"{count:>10,} {name}")
    for number, problems in crew.failures:
        _print_failure(seed, number, body_of(seed, number)[1], problems)
    return 1 if crew.failures else 0


class _Workers:
    """Processes that share the cases, and what they have told so far."""

    def __init__(self, cases: int, seed: int, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._workers = workers
        self._done = context.Array("q", [0] * workers)
        self._stop = context.Event()
        self._results: multiprocessing.Queue[_WorkerResult] = context.Queue()
        self._processes = [
            context.Process(
                target=_run_worker,
                args=(range(worker, cases, workers), worker, seed, self._done, self._stop, self._results),
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
        """How many cases have passed."""
        return sum(self._done[:])

    def look(self) -> None:
        """Take in what has been told, and see to those who tell nothing any more."""
        while not self._results.empty():
            worker, counts, slowest, failure = self._results.get()
            self.running.discard(worker)
            self.counts += counts
            self.slowest = max(self.slowest, slowest)
            if failure is not None:
                self._failed(*failure)
        for worker in sorted(self.running):
            self._look_after(worker)

    def leave(self) -> None:
        """Wait for the processes to end, which is a thing that can fail as well."""
        for worker, process in enumerate(self._processes):
            process.join(_TIMEOUT)
            if process.exitcode and not self.failures:
                self.failures.append((worker, [f"at its end the process had exit code {process.exitcode}"]))

    def _look_after(self, worker: int) -> None:
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


def _run_worker(  # noqa: PLR0917 - what a process is given
    cases: range,
    worker: int,
    seed: int,
    done: SynchronizedArray[int],
    stop: Event,
    told: multiprocessing.Queue[_WorkerResult],
) -> None:
    """Run a worker's cases, until one fails."""
    trials = Trials(seed)
    failure = None
    for number in cases:
        problems = trials.run(number)
        if problems:
            failure = number, problems
        if problems or stop.is_set():
            break
        done[worker] += 1
    told.put((worker, trials.counts, trials.slowest, failure))


def _print_failure(seed: int, number: int | None, body: bytes, problems: list[str]) -> None:
    """Print all that is needed to see a failure again."""
    print(f"\nFAILED: seed {seed}, case {number}")
    for problem in problems:
        print(f"  {problem}")
    print(f"  {body[:300]!r}")
    print(f"  base64: {base64.b64encode(body).decode()}")


def main() -> int:
    """Read the command line and do as it says."""
    parser = argparse.ArgumentParser(description="Read hostile bodies and judge what comes out.")
    parser.add_argument("--cases", type=int, default=_CASES, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="default: one by chance, which is printed")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)"
    )
    parser.add_argument("--case", type=int, default=None, help="run this case alone")
    parser.add_argument("--body", default=None, help="judge this body alone, given as base64")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    if given.body is None and given.case is None:
        return fuzz(given.cases, seed, given.workers)
    trials = Trials(seed)
    if given.body is not None:
        body = base64.b64decode(given.body)
        problems = trials.judge(body, random.Random(seed))
    else:
        body = body_of(seed, given.case)[1]
        problems = trials.run(given.case)
    if problems:
        _print_failure(seed, given.case, body, problems)
    return 1 if problems else 0
