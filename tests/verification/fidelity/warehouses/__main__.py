"""Run the benchmark by producer: ``python -m tests.verification.fidelity.warehouses``.

The exit code is 1 where a value of ours is silently wrong, or a recoverable column is not right.
"""

import sys

from tests.verification.fidelity.warehouses.report import main

if __name__ == "__main__":
    sys.exit(main())
