"""Run ``python -m tests.verification.fuzz``."""

import sys

from tests.verification.fuzz.run import main

if __name__ == "__main__":
    sys.exit(main())
