"""The delay until a client sees a finished question, and the requests: ``make bench WHAT=polling``.

For server times from 0.2 s to 300 s the polls are simulated: ours by the function that computes the client's
waits, beside a poll each second and waits that grow from 1 s to 10 s, as people write by hand. Requests take
no time here, since they are the same for all.

It fails where ours breaks one of these promises:

- the mean delay beyond the server's finish is at most 7 % of the server's time and 0.1 s;
- a question of 300 s takes at most 110 requests, however the jitter falls.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from connecty_frames.asking.polling import delay

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PollingResult", "measure", "simulate"]

_ALLOWED_SHARE: Final = 0.07
_ALLOWED_SECONDS: Final = 0.1
_MAX_REQUESTS: Final = 110
_LONGEST: Final = 300.0
#: Server times in seconds. For each seed a time is up to 10 % shorter: servers do not finish on the second.
_TIMES: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 200.0, _LONGEST)
_SPREAD: Final = 0.1


#: Name -> the wait after so many seconds and requests.
_STRATEGIES: Final[dict[str, Callable[[float, int, random.Random], float]]] = {
    "ours": lambda elapsed, _number, rng: delay(elapsed, rng.random),
    "each second": lambda _elapsed, _number, _rng: 1.0,
    "1 s to 10 s": lambda _elapsed, number, _rng: min(float(number), 10.0),
}


@dataclass(frozen=True, slots=True)
class PollingResult:
    """The results of one strategy for one server time.

    Parameters
    ----------
    strategy, seconds
        The strategy, and the server time.
    delay
        The mean delay beyond the server's finish, in seconds.
    requests, most
        The number of requests, on average and at most.
    """

    strategy: str
    seconds: float
    delay: float
    requests: float
    most: int

    @property
    def missed(self) -> list[str]:
        """The promises that it breaks."""
        allowed = _ALLOWED_SHARE * self.seconds + _ALLOWED_SECONDS
        late = f"{self.seconds:g} s: a mean delay of {self.delay:.2f} s, more than {allowed:.2f} s"
        often = f"{self.seconds:g} s: {self.most} requests, more than {_MAX_REQUESTS}"
        return [late] * (self.delay > allowed) + [often] * (self.most > _MAX_REQUESTS)


def simulate(strategy: str, finish: float, rng: random.Random) -> tuple[float, int]:
    """Poll until the server has finished; return the delay beyond that and the number of requests."""
    elapsed, requests = 0.0, 1
    while elapsed < finish:
        elapsed += _STRATEGIES[strategy](elapsed, requests, rng)
        requests += 1
    return elapsed - finish, requests


def measure(strategy: str, seconds: float, seeds: int) -> PollingResult:
    """Simulate a strategy for a server time with so many seeds."""
    runs = []
    for seed in range(seeds):
        rng = random.Random(f"{seconds} {seed}")
        # Never longer than the time itself, for which the number of requests is promised.
        runs.append(simulate(strategy, seconds * rng.uniform(1 - _SPREAD, 1), rng))
    delays, requests = zip(*runs, strict=True)
    return PollingResult(
        strategy, seconds, statistics.fmean(delays), statistics.fmean(requests), max(requests)
    )


def main() -> int:
    """Simulate all, print the table and the broken promises, and return 1 where there are any."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--seeds", type=int, default=2_000, help="how often each is simulated")
    seeds = parser.parse_args().seeds
    print(f"{'server':>8}" + "".join(f"{strategy:>30}" for strategy in _STRATEGIES))
    print(f"{'s':>8}" + f"{'mean delay s':>15}{'%':>6}{'requests':>9}" * len(_STRATEGIES))
    missed: list[str] = []
    for seconds in _TIMES:
        row = [measure(strategy, seconds, seeds) for strategy in _STRATEGIES]
        cells = (f"{p.delay:>15.2f}{100 * p.delay / seconds:>6.1f}{p.requests:>9.1f}" for p in row)
        print(f"{seconds:>8g}" + "".join(cells))
        missed += row[0].missed
    print(f"ours, {_LONGEST:g} s: at most {row[0].most} requests in {seeds:,} runs")
    print("\n".join(f"MISSED {what}" for what in missed) or "every promise kept")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
