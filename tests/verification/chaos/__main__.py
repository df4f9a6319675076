"""Run ``python -m tests.verification.chaos``."""

import sys

from tests.verification.chaos.run import main

sys.exit(main())
