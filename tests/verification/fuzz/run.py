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

A failure prints seed, number and body; ``--seed S --case N`` runs one case again.
"""

import faulthandler
import multiprocessing
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Final

import pyarrow as pa

from tests.verification.fuzz.bodies import body_of
from tests.verification.fuzz.trial import Trials

#: After how many cases a line is printed.
_PROGRESS: Final = 20_000
#: How many cases a process runs at once, and seconds after which they count as hanging.
_CHUNK: Final = 200
_TIMEOUT: Final = 300.0


def fuzz(cases: int, seed: int, workers: int) -> list[str]:
    """Run all cases, print their outcomes, and return whether one failed."""
    print(f"{cases:,} cases, seed {seed}, {workers} processes, pyarrow {pa.__version__}", flush=True)
    begun = time.monotonic()
    counts, slowest, done = Counter[str](), (0.0, 0), 0
    failures: list[tuple[int, list[str]]] = []
    chunks = [range(first, min(first + _CHUNK, cases)) for first in range(0, cases, _CHUNK)]
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        for chunk, future in [(chunk, pool.submit(_run, seed, chunk)) for chunk in chunks]:
            try:
                trials, failure = future.result()
            except BrokenProcessPool:
                failure = chunk[0], [f"it, or one of the {len(chunk)} cases from it on, ended its process"]
            else:
                counts += trials.counts
                slowest = max(slowest, trials.slowest)
            if failure is not None:
                failures.append(failure)
                pool.shutdown(cancel_futures=True)
                break
            done += len(chunk)
            if not done % _PROGRESS:
                print(f"{done:>10,} cases, {time.monotonic() - begun:,.0f} s", flush=True)
    print(f"{done:>10,} cases in {time.monotonic() - begun:,.0f} s")
    print("the slowest took {:.2f} s (case {:,})".format(*slowest))
    for name, count in sorted(counts.items()):
        print(f"{count:>10,} {name}")
    for number, problems in failures:
        _print_failure(seed, number, problems)
    return ["1 case failed"] if failures else []


def _run(seed: int, cases: range) -> tuple[Trials, tuple[int, list[str]] | None]:
    """Run cases until one fails; a process that hangs prints where, and ends."""
    faulthandler.dump_traceback_later(_TIMEOUT, exit=True)
    trials = Trials(seed)
    failed = ((number, problems) for number in cases if (problems := trials.run(number)))
    failure = next(failed, None)
    faulthandler.cancel_dump_traceback_later()
    return trials, failure


def _print_failure(seed: int, number: int, problems: list[str]) -> None:
    """Print all that is needed to reproduce a failure."""
    print(f"\nFAILED: seed {seed}, case {number}")
    for problem in problems:
        print(f"  {problem}")
    print(f"  {body_of(seed, number)[1][:300]!r}")


def main(cases: int, seed: int, workers: int, case: int | None) -> list[str]:
    """Run the cases, or one of them, and return whether one failed."""
    if case is None:
        return fuzz(cases, seed, workers)
    problems = Trials(seed).run(case)
    if problems:
        _print_failure(seed, case, problems)
    return ["1 case failed"] if problems else []
