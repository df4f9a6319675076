"""Run ``python -m tests.verification.fuzz_guard``."""

import sys

from tests.verification.fuzz_guard.run import main

if __name__ == "__main__":
    sys.exit(main())
