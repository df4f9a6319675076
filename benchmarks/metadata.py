"""The cost of metadata on a frame: 1,000 column reads of a frame of 1,000 columns.

pandas copies attrs deeply at every operation, so that metadata kept as a dict would cost more than the
reads. That of connecty_frames is text, and the reads may take at most twice those of a frame without it.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import polars as pl

from connecty_frames.frames import AnswerMetadata, attach

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS: Final = 1000
ROUNDS: Final = 25
ALLOWED: Final = 2.0


def main() -> int:
    """Print the table; the exit code says whether the promise holds."""
    names = [f"c{at}" for at in range(COLUMNS)]
    statistics = {name: {"general": {"count": at, "text": "x" * 100}} for at, name in enumerate(names)}
    metadata = AnswerMetadata(question="q", sql_query="select 1", statistics=statistics)
    kinds: dict[str, Callable[[dict[str, Any]], Any]] = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
    kept = True
    print(f"{'library':<10}{'frame':<16}{'1,000 reads, ms':>16}{'times':>8}")
    for library, make in kinds.items():
        frames = {"without metadata": make({name: [1] for name in names})}
        frames["with metadata"] = attach(make({name: [1] for name in names}), metadata)
        if library == "pandas":
            frames["a dict in attrs"] = make({name: [1] for name in names})
            frames["a dict in attrs"].attrs = {"statistics": statistics}
        took = {kind: best(frame, names) for kind, frame in frames.items()}
        for kind, seconds in took.items():
            times = seconds / took["without metadata"]
            print(f"{library:<10}{kind:<16}{seconds * 1000:>16.1f}{times:>8.2f}")
        kept = kept and took["with metadata"] <= ALLOWED * took["without metadata"]
    print("at most twice:", "kept" if kept else "BROKEN")
    return 0 if kept else 1


def best(frame: Any, names: list[str]) -> float:
    """Give the seconds of the fastest round."""
    found = float("inf")
    start_of_all = time.perf_counter()
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for name in names:
            frame[name]
        found = min(found, time.perf_counter() - start)
        if time.perf_counter() - start_of_all > 10:
            break
    return found


if __name__ == "__main__":
    sys.exit(main())
