"""Run ``python -m tests.verification.mutate``."""

import sys

from tests.verification.mutate.run import main

if __name__ == "__main__":
    sys.exit(main())
