"""Run the benchmark by producer: ``python -m tests.verification.fidelity.warehouses``; ``--quick``.

The exit code is 1 where a value of ours is silently wrong, or a recoverable column is not right.
"""

from __future__ import annotations

import sys
import time

from tests.verification.fidelity.warehouses.report import format_score, format_shapes, run

if __name__ == "__main__":
    begun = time.perf_counter()
    found, by_shape, missing = run(quick="--quick" in sys.argv[1:])
    print("\n".join([*format_score(found), *missing, "", *format_shapes(by_shape)]))
    print(f"\n{time.perf_counter() - begun:.0f} s", file=sys.stderr)
    sys.exit(1 if found.failures or by_shape.failures else 0)
