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

from tests.verification.soak.asker import Asker
from tests.verification.soak.cases import make_case
from tests.verification.soak.checks import check_outcome
from tests.verification.soak.report import SoakReport
from tests.verification.soak.resources import measure_resources
from tests.verification.soak.server_process import start_server_process

__all__ = ["soak"]

_QUESTIONS: Final = 20_000
_THREADS: Final = 16
#: After so many questions all threads are idle, and the resources of the process are measured.
_ROUND: Final = 1_000
#: After so many seconds a round counts as hanging: the stacks of all threads are printed.
_ROUND_TIMEOUT: Final = 300.0


def soak(asked: list[tuple[int, int]], threads: int) -> SoakReport:
    """Ask the cases with these seeds and numbers, and check their outcomes."""
    report = SoakReport(len(asked))
    with start_server_process() as server:
        before = measure_resources()
        began = time.monotonic()
        with Asker(server.addresses) as asker:
            for start in range(0, len(asked), _ROUND):
                faulthandler.dump_traceback_later(_ROUND_TIMEOUT, exit=True)
                cases = [make_case(seed, number) for seed, number in asked[start : start + _ROUND]]
                server.expect([case.question for case in cases])
                with ThreadPoolExecutor(threads, thread_name_prefix="soak") as pool:
                    outcomes = list(pool.map(asker.ask, cases))
                records = server.records()
                for case, outcome in zip(cases, outcomes, strict=True):
                    record = records[case.question]
                    report.add(case, outcome, record, check_outcome(case, outcome, record))
                del cases, outcomes, records  # they would count as memory held
                report.add_resources(min(start + _ROUND, len(asked)), measure_resources())
            faulthandler.cancel_dump_traceback_later()
        report.took = time.monotonic() - began
        report.close(server.summary(), before, measure_resources())
    return report


def main() -> int:
    """Read the command line and run the soak."""
    parser = argparse.ArgumentParser(description="Ask a faulty sandbox from many threads.")
    parser.add_argument(
        "--seed",
        type=int,
        nargs="+",
        default=[random.SystemRandom().randrange(10**6)],
        help="one or more that share the questions (default: a random one, which is printed)",
    )
    parser.add_argument("--questions", type=int, default=_QUESTIONS, help="how many (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=_THREADS, help="how many ask (default: %(default)s)")
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
