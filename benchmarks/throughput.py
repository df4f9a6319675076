"""A thousand questions over sixteen threads, beside code written by hand: ``make bench WHAT=throughput``.

All ask the same server, in a process of its own, which answers at once, counts its connections, and sends
gzip to those that accept it. The variants take turns. Each answer, of 100 rows, becomes a pandas frame.
"""

from __future__ import annotations

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import connecty_frames as cf
from benchmarks.peers import SessionByHand
from benchmarks.server import answering_server
from benchmarks.workloads import mixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.server import Settings

    _Asks = Callable[[list[str]], object]

__all__ = ["main"]

_ROUNDS: Final = 3
_THREADS: Final = 16
_QUESTIONS: Final = [f"question {number}" for number in range(1000)]


def _in_threads(ask_df: Callable[[str], object]) -> _Asks:
    def ask(questions: list[str]) -> None:
        with ThreadPoolExecutor(_THREADS) as threads:
            for _ in threads.map(ask_df, questions):
                pass

    return ask


@contextmanager
def _ask_df(settings: Settings) -> Iterator[_Asks]:
    with cf.Client(**settings) as client:
        yield _in_threads(client.ask_df)


@contextmanager
def _ask_many(settings: Settings) -> Iterator[_Asks]:
    with cf.Client(**settings) as client:
        yield lambda questions: [
            future.result().to_pandas()
            for future in client.ask_many(questions, max_workers=_THREADS, as_completed=True)
        ]


@contextmanager
def _shared_session(settings: Settings) -> Iterator[_Asks]:
    by_hand = SessionByHand(settings)
    with by_hand.session:
        yield _in_threads(by_hand.ask_df)


@contextmanager
def _session_each(settings: Settings) -> Iterator[_Asks]:
    own = threading.local()
    opened: list[SessionByHand] = []

    def ask_df(question: str) -> object:
        if not hasattr(own, "by_hand"):
            own.by_hand = SessionByHand(settings)
            opened.append(own.by_hand)
        return own.by_hand.ask_df(question)

    yield _in_threads(ask_df)
    for by_hand in opened:
        by_hand.session.close()


_BY_HAND: Final = "by hand, a session each"
_VARIANTS: Final = {
    "one Client, ask_df": _ask_df,
    "one Client, ask_many": _ask_many,
    _BY_HAND: _session_each,
    "by hand, one session": _shared_session,
}


def main() -> None:
    """Print the table."""
    rates: dict[str, list[float]] = {name: [] for name in _VARIANTS}
    used: dict[str, list[float]] = {name: [] for name in _VARIANTS}
    counted: dict[str, dict[str, int]] = {}
    with answering_server(mixed(100), compress=True) as (settings, counts):
        for turn in range(_ROUNDS + 1):
            for name, variant in _VARIANTS.items():
                with variant(settings) as ask:
                    began, processor = time.perf_counter(), time.process_time()
                    ask(_QUESTIONS)
                    seconds, processor = time.perf_counter() - began, time.process_time() - processor
                counted[name] = counts()
                if turn:  # the first round warms up
                    rates[name].append(len(_QUESTIONS) / seconds)
                    used[name].append(1000 * processor / len(_QUESTIONS))
    headings = ("variant", "questions/s", "ms of CPU a question", "ratio, median", "least", "most")
    print("{:<26}{:>12}{:>22}{:>15}{:>7}{:>7}{:>13}{:>6}".format(*headings, "connections", "gzip"))
    for name, found in counted.items():
        ratios = [mine / peer for mine, peer in zip(used[name], used[_BY_HAND], strict=True)]
        print(
            f"{name:<26}{statistics.median(rates[name]):>12.0f}{statistics.median(used[name]):>22.2f}"
            f"{statistics.median(ratios):>15.2f}{min(ratios):>7.2f}{max(ratios):>7.2f}"
            f"{found['connections']:>13}{found['gzip'] / found['results']:>6.0%}"
        )


if __name__ == "__main__":
    main()
