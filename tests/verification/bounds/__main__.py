"""Run ``python -m tests.verification.bounds``."""

import sys

from tests.verification.bounds.run import main

if __name__ == "__main__":
    sys.exit(main())
