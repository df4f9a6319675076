"""Rounds of cases, asked from many threads; ``--case N`` with the seed of a failure runs that case alone."""

import faulthandler
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tests.verification.soak.asker import Asker
from tests.verification.soak.cases import make_case
from tests.verification.soak.checks import check_outcome
from tests.verification.soak.report import SoakReport
from tests.verification.soak.resources import measure_resources
from tests.verification.soak.server_process import start_server_process

#: After so many questions all threads are idle, and the resources of the process are measured.
_ROUND: Final = 1_000
#: After so many seconds a round counts as hanging: the stacks of all threads are printed.
_ROUND_TIMEOUT: Final = 300.0


def soak(seed: int, numbers: Sequence[int], threads: int) -> SoakReport:
    """Ask the cases with these numbers, and check their outcomes."""
    report = SoakReport(len(numbers))
    with start_server_process() as server:
        before = measure_resources()
        began = time.monotonic()
        with Asker(server.addresses) as asker:
            for start in range(0, len(numbers), _ROUND):
                faulthandler.dump_traceback_later(_ROUND_TIMEOUT, exit=True)
                cases = [make_case(seed, number) for number in numbers[start : start + _ROUND]]
                server.expect([case.question for case in cases])
                with ThreadPoolExecutor(threads, thread_name_prefix="soak") as pool:
                    outcomes = list(pool.map(asker.ask, cases))
                records = server.records()
                for case, outcome in zip(cases, outcomes, strict=True):
                    record = records[case.question]
                    report.add(case, outcome, record, check_outcome(case, outcome, record))
                del cases, outcomes, records  # they would count as memory held
                report.add_resources(min(start + _ROUND, len(numbers)), measure_resources())
            faulthandler.cancel_dump_traceback_later()
        report.took = time.monotonic() - began
        report.close(server.summary(), before, measure_resources())
    return report


def main(questions: int, seed: int, threads: int, case: int | None) -> list[str]:
    """Run the soak, or one case, and return whether a promise was broken."""
    cases = range(questions) if case is None else [case]
    print(f"{len(cases):,} questions, seed {seed}, {threads} threads", flush=True)
    report = soak(seed, cases, threads)
    report.print()
    return [f"{len(report.failures):,} failures; --case N runs a case alone"] if report.failures else []
