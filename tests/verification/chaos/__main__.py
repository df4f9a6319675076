"""Run ``python -m tests.verification.chaos``."""

import sys

from tests.verification.chaos.run import main

if __name__ == "__main__":
    sys.exit(main())
