"""What a history adds to the cost of a question: ``make bench WHAT=recording``.

Processor time of the client for each question, sixteen at a time. The variants take turns within one run, and
the sandbox runs in a process of its own. The statement that is asked has one row.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any, Final

import connecty_frames as cf
from benchmarks.awaiting import sandbox_process

__all__ = ["main"]

_ROUNDS: Final = 40
_QUESTIONS: Final = 50
_WORKERS: Final = 16
#: Name -> settings of the client, and options of the call.
_VARIANTS: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "no history": ({"history": False}, {}),
    "history": ({}, {}),
    "history, max_age, new questions": ({}, {"max_age": "1h"}),
    "keep_answers, new questions": ({"keep_answers": True}, {}),
}


def main() -> None:
    """Print the table."""
    numbers = count()
    used: dict[str, list[float]] = {name: [] for name in _VARIANTS}
    with tempfile.TemporaryDirectory() as folder, sandbox_process() as connection:
        for turn in range(_ROUNDS + 1):
            for name, (settings, options) in _VARIANTS.items():
                given = {"history": Path(folder, f"{name}.sqlite3"), **connection, **settings}
                questions = [f"SELECT {next(numbers)} AS n" for _ in range(_QUESTIONS)]
                with cf.Client(**given) as client:
                    client.ask("SELECT 0 AS n")  # so that files and connections are open
                    began = time.process_time()
                    for future in client.ask_many(questions, max_workers=_WORKERS, **options):
                        future.result()
                    if turn:  # the first round warms up
                        used[name].append((time.process_time() - began) / _QUESTIONS)
    print(f"{'variant':<36}{'ms of CPU a question':>22}{'ratio, median':>15}{'half of them':>16}")
    for name, seconds in used.items():
        ratios = [mine / plain for mine, plain in zip(seconds, used["no history"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{name:<36}{1000 * statistics.median(seconds):>22.2f}{middle:>15.2f}"
            f"{f'{low:.2f} to {high:.2f}':>16}"
        )


if __name__ == "__main__":
    main()
