"""Run the soak: ``python -m tests.verification.soak``.

``--case N`` with the seed of a failure runs that case alone.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tests.verification.soak.asking import Asking
from tests.verification.soak.cases import case_of
from tests.verification.soak.far_end import far_end
from tests.verification.soak.judge import problems
from tests.verification.soak.leaks import held
from tests.verification.soak.report import Report

__all__ = ["soak"]

_QUESTIONS: Final = 20_000
_THREADS: Final = 16
#: After so many questions all threads come to rest, and what they hold is measured.
_ROUND: Final = 1_000
#: A round that takes longer than this, in seconds, hangs: then all threads tell where they are.
_HANGS: Final = 300.0


def soak(asked: list[tuple[int, int]], threads: int) -> Report:
    """Ask the cases with these seeds and numbers, and judge what becomes of them."""
    report = Report(len(asked))
    with far_end() as other:
        before = held()
        began = time.monotonic()
        with Asking(other.addresses) as asking:
            for start in range(0, len(asked), _ROUND):
                faulthandler.dump_traceback_later(_HANGS, exit=True)
                cases = [case_of(seed, number) for seed, number in asked[start : start + _ROUND]]
                other.expect([case.question for case in cases])
                with ThreadPoolExecutor(threads, thread_name_prefix="soak") as pool:
                    outcomes = list(pool.map(asking.ask, cases))
                evidence = other.evidence()
                for case, outcome in zip(cases, outcomes, strict=True):
                    seen = evidence[case.question]
                    report.add(case, outcome, seen, problems(case, outcome, seen))
                del cases, outcomes, evidence
                report.rest(min(start + _ROUND, len(asked)), held())
            faulthandler.cancel_dump_traceback_later()
        report.took = time.monotonic() - began
        report.close(other.summary(), before, held())
    return report


def main() -> int:
    """Read the command line and do as it says."""
    parser = argparse.ArgumentParser(description="Ask a misbehaving sandbox from many threads.")
    parser.add_argument(
        "--seed",
        type=int,
        nargs="+",
        default=[random.SystemRandom().randrange(10**6)],
        help="one or more that share the questions (default: one by chance, which is printed)",
    )
    parser.add_argument("--questions", type=int, default=_QUESTIONS, help="how many (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=_THREADS, help="askers (default: %(default)s)")
    parser.add_argument("--case", type=int, default=None, help="run this case alone")
    given = parser.parse_args()
    seeds = given.seed if given.case is None else given.seed[:1]
    turns = range(given.questions) if given.case is None else [given.case]
    asked = sorted((seeds[turn % len(seeds)], turn // len(seeds)) for turn in turns)
    print(f"{len(asked):,} questions, seed {' '.join(map(str, seeds))}, {given.threads} threads", flush=True)
    report = soak(asked, given.threads)
    report.print()
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
