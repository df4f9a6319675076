"""Run ``python -m tests.verification.history``; the exit code is 1 if a question or an id was lost."""

from __future__ import annotations

import argparse
import sys

from tests.verification.history.run import run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Kill processes that ask, and compare the history.")
    parser.add_argument("--kills", type=int, default=200, help="how many processes are killed (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="decides on the moments (default: 1)")
    options = parser.parse_args()
    report = run(options.kills, seed=options.seed)
    print(report)
    sys.exit(bool(report.broken))
