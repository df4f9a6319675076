"""Run the benchmark: ``python -m tests.verification.fidelity``; ``--quick`` uses few styles.

The exit code is 1 where a value of ours is silently wrong, or a recoverable column is not right.
"""

from __future__ import annotations

import sys
import time

from tests.verification.fidelity.report import format_report, run

if __name__ == "__main__":
    begun = time.perf_counter()
    report = run(quick="--quick" in sys.argv[1:])
    print("\n".join(format_report(report)))
    print(f"\n{time.perf_counter() - begun:.0f} s", file=sys.stderr)
    sys.exit(1 if report.failures else 0)
