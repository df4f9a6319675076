"""The printed table, and the import time that is part of it."""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.structure.source import SourceSize
    from benchmarks.structure.trace import QuestionPath

__all__ = ["format_report", "import_times"]

_IMPORTS: Final = ("connecty_frames.client", "requests")
_RUNS: Final = 9


def import_times(checkout: Path) -> dict[str, float]:
    """Return the median milliseconds of each import in a fresh process; the imports take turns."""
    times: dict[str, list[float]] = {name: [] for name in _IMPORTS}
    for run in range(_RUNS + 1):
        for name in _IMPORTS:
            program = (
                f"import time; start = time.perf_counter(); import {name}; print(time.perf_counter() - start)"
            )
            done = subprocess.run(
                [sys.executable, "-c", program], cwd=checkout, check=True, stdout=subprocess.PIPE, text=True
            )
            if run:  # the first may have to compile
                times[name].append(float(done.stdout) * 1000)
    return {name: statistics.median(found) for name, found in times.items()}


def format_report(source: SourceSize, path: QuestionPath, imports: dict[str, float]) -> Iterator[str]:
    """Return the lines of the report."""
    package, peer = (imports[name] for name in _IMPORTS)
    rows = {
        "lines": f"{source.lines:,}",
        "files": f"{source.files:,}",
        "functions": f"{source.functions:,}",
        "mean function length": f"{source.mean_length:.1f} lines",
        "private functions called once": f"{source.share_called_once:.0%} of {source.private:,}",
        "noqa": f"{source.noqa:,}",
        "import connecty_frames.client": f"{package:.0f} ms, {package / peer:.2f} x import requests",
        "functions of a warm ask_df": f"{len(path.functions)}",
        "files of a warm ask_df": f"{len(path.files)}",
        "levels from ask_df to the socket": f"{len(path.stack)}",
    }
    yield from (f"{name:<36}{value}" for name, value in rows.items())
    yield "\nThe levels:"
    yield from (f"  {name}" for name in path.stack)
    yield "\nThe functions by file:"
    for file in sorted(path.files):
        names = [name for of_file, name in path.functions if of_file == file]
        yield f"  {file} ({len(names)}): {', '.join(names)}"
