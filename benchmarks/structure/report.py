"""The printed table, and the import time that is part of it."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final

from benchmarks.structure.source import LINES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.structure.source import SourceSize
    from benchmarks.structure.trace import QuestionPath

__all__ = ["figures", "format_report", "import_times", "room_rows"]

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


def room_rows(source: SourceSize) -> Iterator[tuple[str, ...]]:
    """Yield the lines of each room by kind, with a head and a sum."""
    yield ("room", "lines", *LINES)
    total: Counter[str] = Counter()
    for name, counts in sorted(source.rooms.items()):
        yield (name, f"{counts.total():,}", *(f"{counts[kind]:,}" for kind in LINES))
        total += counts
    yield ("(all)", f"{total.total():,}", *(f"{total[kind]:,}" for kind in LINES))


def figures(source: SourceSize) -> dict[str, str]:
    """Return the figures of the source by name, as they are printed."""
    largest, lines = source.largest
    copies = source.options
    return {
        "files": f"{len(source.file_lines):,}",
        "modules at the root": f"{len(source.root_modules):,}",
        "largest file": f"{lines:,} lines, {largest}",
        "functions": f"{source.functions:,}, {source.mean_length:.1f} lines on average",
        "private functions called once": f"{source.called_once:,} of {source.private:,}",
        "copies of an option's text": f"at most {max(copies.values(), default=0)}, "
        f"{copies.total():,} of {len(copies):,} texts",
        "noqa": f"{source.noqa:,}, {len(source.unexplained):,} without a reason",
        "private APIs of other libraries": f"{len(source.private_apis):,}",
    }


def format_report(
    source: SourceSize, paths: dict[str, QuestionPath], imports: dict[str, float]
) -> Iterator[str]:
    """Return the lines of the report."""
    yield from _aligned(list(room_rows(source)))
    yield ""
    package, peer = (imports[name] for name in _IMPORTS)
    rows = [
        *figures(source).items(),
        ("import connecty_frames.client", f"{package:.0f} ms, {package / peer:.2f} x import requests"),
        *((f"{name} ask_df", str(path)) for name, path in paths.items()),
    ]
    yield from (f"{name:<36}{value}" for name, value in rows)
    for name, places in source.private_apis.items():
        yield f"  private: {name} ({', '.join(places)})"
    yield from (f"  noqa without a reason: {place}" for place in source.unexplained)
    yield from (f"  {count} copies: {name}" for name, count in source.options.most_common() if count > 1)
    for name, path in paths.items():
        yield f"\nThe package's frames at the socket, {name}:"
        yield from (f"  {frame}" for frame in path.stack)
        yield f"The functions by file, {name}:"
        for file in sorted(path.files):
            names = [function for of_file, function in path.functions if of_file == file]
            yield f"  {file} ({len(names)}): {', '.join(names)}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    for first, *others in rows:
        yield f"{first:<20}{''.join(f'{cell:>12}' for cell in others)}"
