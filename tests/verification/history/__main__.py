"""Run ``python -m tests.verification.history``; the exit code is 1 if a question or an id was lost."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from tests.servers.postgres import postgres_server
from tests.verification.history.run import run
from tests.verification.history.shared import one_key, outages

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Kill processes that ask, and compare the history.")
    parser.add_argument("--kills", type=int, default=200, help="how many processes are killed (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="decides on the moments (default: 1)")
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    options = parser.parse_args()
    if options.store == "sqlite":
        report = run(options.kills, seed=options.seed)
        print(report)
        sys.exit(bool(report.broken))
    with postgres_server() as server:
        report = run(options.kills, seed=options.seed, place=server.url())
        print(report)
        broken = report.broken
        for measure in (
            partial(one_key, pods=8, threads=8, rounds=20, seed=options.seed, restarts=6),
            partial(outages, seed=options.seed, times=10, required=True),
            partial(outages, seed=options.seed, times=10, required=False),
        ):
            line, found = measure(server)
            print("\n".join([line, *(found or ["every promise kept"])]), flush=True)
            broken += found
        sys.exit(bool(broken))
