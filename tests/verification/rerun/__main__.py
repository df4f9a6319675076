"""Run ``python -m tests.verification.rerun``; the exit code is 1 if a value differs or a row is missing."""

from __future__ import annotations

import argparse
import sys

from tests.verification.rerun.run import run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write all rows of a cut answer by way of PostgreSQL.")
    parser.add_argument("--rows", type=int, default=5_000_000, help="how many there are (default: 5,000,000)")
    options = parser.parse_args()
    report = run(options.rows)
    print(report)
    sys.exit(bool(report.broken))
