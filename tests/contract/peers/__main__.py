"""Print a table by outcome, and each difference: ``python -m tests.contract.peers [-v] [NAME ...]``."""

import sys

from tests.contract.peers.harness import CASES, report, run

if __name__ == "__main__":
    wanted = [name for name in sys.argv[1:] if name != "-v"]
    chosen = [c for c in CASES if not wanted or c.name in wanted or c.server in wanted]
    sys.stdout.writelines(f"{line}\n" for line in report(run(chosen), verbose="-v" in sys.argv))
