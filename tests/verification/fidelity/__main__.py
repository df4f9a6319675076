"""Run the benchmark: ``python -m tests.verification.fidelity``.

The exit code is 1 where a value of ours is silently wrong, or a recoverable column is not right.
"""

import sys

from tests.verification.fidelity.report import main

if __name__ == "__main__":
    sys.exit(main())
