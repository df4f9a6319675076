"""Run ``python -m tests.verification.batch``; the exit code is 1 if a promise was broken."""

from __future__ import annotations

import argparse
import sys

from tests.servers.postgres import postgres_server
from tests.verification.batch.run import kill, measure

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Kill batches, go on with them, and measure a large one.")
    parser.add_argument("--questions", type=int, default=1_000, help="of the killed batch (default: 1,000)")
    parser.add_argument("--kills", type=int, default=10, help="how often it is killed (default: 10)")
    parser.add_argument("--large", type=int, default=10_000, help="of the measured batch (default: 10,000)")
    parser.add_argument("--seed", type=int, default=1, help="decides on the moments (default: 1)")
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    options = parser.parse_args()
    if options.store == "postgres":
        with postgres_server() as server:
            report = kill(
                2 * options.questions, 2 * options.kills, seed=options.seed, pods=4, history=server.url()
            )
        print(report)
        sys.exit(bool(report.broken))
    report = kill(options.questions, options.kills, seed=options.seed)
    print(report, flush=True)
    growth = measure(options.large, after=options.questions)
    print(f"\n{growth}")
    sys.exit(bool(report.broken) or not growth.is_flat)
