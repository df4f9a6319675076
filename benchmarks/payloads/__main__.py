"""Run ``python -m benchmarks.payloads``; ``--package PATH`` puts another checkout beside this one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]


def main() -> None:
    """Read the command line, and print the tables or work."""
    parser = argparse.ArgumentParser(description="Measure what warehouses really write, and contracts.")
    parser.add_argument("--package", type=Path, help="a checkout whose figures stand in the second column")
    parser.add_argument("--scale", type=float, default=1.0, help="of the rows, such as 0.02 for a quick look")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tables", nargs="+", help="the first word of the titles of some tables")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        sys.path.insert(0, given.worker)  # before the package is imported
        from benchmarks.payloads.work import work

        work(Path(given.worker))
        return
    from benchmarks.payloads.tables import print_tables

    packages = [_ROOT, *([given.package.resolve()] if given.package else [])]
    print_tables(packages, given.scale, given.rounds, given.tables)


if __name__ == "__main__":
    main()
