"""What metadata costs its frame: 1,000 column reads of as many columns: ``make bench WHAT=metadata``.

pandas copies ``attrs`` deeply at every operation, so that metadata kept as a dict costs more than the reads.
That of connecty_frames is text, with which the reads may take at most twice the time of those without.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import polars as pl

from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.frames.accessor import attach

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS: Final = 1000
ROUNDS: Final = 25
ALLOWED: Final = 2.0


def main() -> int:
    """Print the table, and return 1 where the limit is exceeded."""
    names = [f"c{at}" for at in range(COLUMNS)]
    statistics = {name: {"general": {"count": at, "text": "x" * 100}} for at, name in enumerate(names)}
    metadata = AnswerMetadata(question="q", sql_query="select 1", statistics=statistics)
    libraries: dict[str, Callable[[dict[str, Any]], Any]] = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
    kept = True
    print(f"{'library':<10}{'frame':<18}{'1,000 reads, ms':>16}{'times':>8}")
    for library, make in libraries.items():
        frames = {"without metadata": make({name: [1] for name in names})}
        frames["with metadata"] = attach(make({name: [1] for name in names}), metadata)
        if library == "pandas":
            frames["a dict in attrs"] = make({name: [1] for name in names})
            frames["a dict in attrs"].attrs = {"statistics": statistics}
        seconds = {name: best(frame, names) for name, frame in frames.items()}
        for name, taken in seconds.items():
            ratio = taken / seconds["without metadata"]
            print(f"{library:<10}{name:<18}{taken * 1000:>16.1f}{ratio:>8.2f}")
        kept = kept and seconds["with metadata"] <= ALLOWED * seconds["without metadata"]
    print("at most twice:", "kept" if kept else "BROKEN")
    return 0 if kept else 1


def best(frame: Any, names: list[str]) -> float:
    """Return the seconds of the fastest round; the rounds end after ten seconds."""
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
