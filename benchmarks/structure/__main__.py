"""Run ``python -m benchmarks.structure``; ``--package PATH`` measures another checkout.

To compare two states, run it twice, once with the path of the older checkout.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.structure.report import format_report, import_times
from benchmarks.structure.source import measure_source
from benchmarks.structure.trace import trace_question

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the package and the way of one question.")
    parser.add_argument(
        "--package", type=Path, default=Path.cwd(), help="the checkout to measure (default: this one)"
    )
    checkout = parser.parse_args().package.resolve()
    source = measure_source(checkout / "connecty_frames")
    print("\n".join(format_report(source, trace_question(checkout), import_times(checkout))))
