"""Run ``python -m tests.verification.cast``; the exit code is 1 if a value is wrong by our fault."""

from __future__ import annotations

import sys

from tests.verification.cast.run import LOST, SOURCES, run, table_of

if __name__ == "__main__":
    found = [each for source in SOURCES for each in run(source)]
    print(table_of(found))
    for each in found:
        if each.outcome != "held":
            print(f"{each.outcome:8} {each.source}: {each.name}, {each.cut}: {each.reason}")
    sys.exit(any(each.outcome == "wrong" and each.name not in LOST for each in found))
