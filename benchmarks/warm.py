"""The processor time of a question to a frame, beside code written by hand: ``make bench WHAT=warm``.

Connections are open, the token is known and modules are imported. Both ask the same server, in a process of
its own, which answers at once. They take turns, and each ratio is of two turns beside each other.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Final

import connecty_frames as cf
from benchmarks.peers import SessionByHand
from benchmarks.server import answering_server
from benchmarks.workloads import mixed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main"]

#: Rows of the answer, and whether it comes over TLS.
_ANSWERS: Final = ((5, False), (100, False), (100, True))
_ROUNDS: Final = 60
_QUESTIONS: Final = 10


def _used(ask_df: Callable[[str], object]) -> float:
    """Return the milliseconds of processor time that a question takes."""
    began = time.process_time()
    for number in range(_QUESTIONS):
        ask_df(f"question {number}")
    return (time.process_time() - began) * 1000 / _QUESTIONS


def main() -> None:
    """Print the table."""
    print(f"{'answer':<22}{'ours, ms':>10}{'by hand, ms':>13}{'ratio, median':>15}{'half of them':>16}")
    for rows, tls in _ANSWERS:
        with answering_server(mixed(rows), tls=tls) as (settings, _), cf.Client(**settings) as client:
            by_hand = SessionByHand(settings)
            _used(client.ask_df)
            _used(by_hand.ask_df)
            pairs = [(_used(client.ask_df), _used(by_hand.ask_df)) for _ in range(_ROUNDS)]
            by_hand.session.close()
        low, middle, high = statistics.quantiles([ours / peer for ours, peer in pairs], n=4)
        ours, peer = map(statistics.median, zip(*pairs, strict=True))
        answer = f"{rows} rows x 8{', TLS' if tls else ''}"
        print(f"{answer:<22}{ours:>10.2f}{peer:>13.2f}{middle:>15.2f}{f'{low:.2f} to {high:.2f}':>16}")


if __name__ == "__main__":
    main()
