"""When a request is sent again, and after how long.

A :data:`RetryPolicy` says how many attempts each kind of failure allows. The pause before another is "full
jitter" (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015) or the server's
``Retry-After``, whichever is longer, and no attempt begins after the deadline of the call. A
:class:`RetryBudget` limits the retries that all calls of a client make together.
"""

from __future__ import annotations

import math
import re
import sys
import threading
from collections import Counter
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import random
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from connecty_frames.http.models import Attempt, Failure, FailureKind, RequestFailed, strip_tracebacks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from connecty_frames._base.clock import Clock, Deadline

_Result = TypeVar("_Result")

#: How many attempts each kind of failure allows; a kind that is not there is not retried.
RetryPolicy = dict[FailureKind, float]

#: The most attempts to connect, and the seconds in which they are made.
CONNECT_ATTEMPTS: Final = 3
_CONNECT_SECONDS: Final = 10.0
#: Seconds without a byte after which a fetch counts as lost and is tried again; doubled at each loss, since
#: a large response may take its time.
IDLE_TIMEOUT: Final = 60.0
#: The most doublings: a month of losses would otherwise exceed the largest float.
_MAX_DOUBLINGS: Final = 10
#: The most retries that can be saved up; each second adds one, whatever happens.
_MAX_RETRIES: Final = 10.0


def retry(
    send: Callable[[Attempt], _Result],
    *,
    policy: RetryPolicy,
    deadline: Deadline,
    budget: RetryBudget,
) -> _Result | Failure:
    """Make attempts until there is a result, a failure that allows no other attempt, or no time left."""
    # The last failure is returned, since an exception would keep the frames of the attempt, whose locals hold
    # headers and bodies. What interrupts an attempt is raised without the frames below this one.
    handled = sys.exception()
    for attempt in schedule(policy, deadline, budget):
        try:
            result = send(attempt)
        except RequestFailed as failed:
            attempt.failure = failed.failure
        except Exception:
            raise
        except BaseException as interrupt:
            # The exception that it interrupted may hold what a server repeated.
            interrupt.__cause__, interrupt.__context__ = None, handled
            strip_tracebacks(interrupt, keep=handled)
            raise
        else:
            budget.refund()
            return result
    failure: Failure = attempt.failure
    return failure


def schedule(policy: RetryPolicy, deadline: Deadline, budget: RetryBudget) -> Iterator[Attempt]:
    """Yield attempts with pauses between them, for as long as the failure of the last allows another."""
    clock, failures = deadline.clock, Counter[FailureKind]()
    unconnected_since = clock.monotonic()
    idle = IDLE_TIMEOUT if FailureKind.CONNECTION_LOST in policy else math.inf
    while True:
        connecting_until = unconnected_since + _CONNECT_SECONDS
        attempt = Attempt(
            deadline,
            connect=max(connecting_until - clock.monotonic(), 0.1)
            / (CONNECT_ATTEMPTS - failures[FailureKind.CONNECT]),
            idle=idle * 2 ** min(failures[FailureKind.CONNECTION_LOST], _MAX_DOUBLINGS),
        )
        yield attempt
        failure: Failure = attempt.failure
        if failure.kind is not FailureKind.CONNECT:
            unconnected_since, connecting_until = clock.monotonic(), math.inf
        failures[failure.kind] += 1
        if failures[failure.kind] >= policy.get(failure.kind, 1):
            return
        unauthorized = failure.kind is FailureKind.UNAUTHORIZED
        pause = 0.0 if unauthorized else backoff(failures.total(), budget.random)
        pause = max(pause, failure.retry_after or 0.0)
        if failure.retry_after is not None and pause >= deadline.remaining():
            return  # waiting would only make the same failure come later
        # An attempt that the server itself asks for cannot make an outage worse.
        requested = unauthorized or (
            failure.kind is FailureKind.RATE_LIMITED and failure.retry_after is not None
        )
        if not _wait(pause, connecting_until, deadline, None if requested else budget):
            if unauthorized:  # an expired token does not mean wrong credentials: no time for another was left
                attempt.failure = msgspec.structs.replace(failure, kind=FailureKind.DEADLINE)
            return


def _wait(pause: float, until: float, deadline: Deadline, budget: RetryBudget | None) -> bool:
    """Wait ``pause`` seconds, then for the budget; return whether there was time for it."""
    while deadline.clock.monotonic() + pause < until:
        deadline.sleep(pause)
        if deadline.remaining() <= 0:
            break
        pause = budget.acquire() if budget is not None else 0.0
        if not pause:
            return True
    return False


def backoff(failures: int, random: Callable[[], float]) -> float:
    """Return the seconds to wait after that many failures: ``random(0, min(8, 0.5 * 2**(failures - 1)))``."""
    return float(random() * min(8.0, 0.5 * 2 ** min(failures - 1, _MAX_DOUBLINGS)))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read ``Retry-After``: seconds or an HTTP date (RFC 9110, section 10.2.3), or None for anything else."""
    # A date is compared with the server's own ``Date`` if it sent one, since clocks differ. A past date is
    # ignored.
    value = headers.get("Retry-After")
    if value is not None and re.fullmatch(r"\s*[0-9]{1,15}\s*", value):
        return float(value)
    if value is None or (date := http_date(value)) is None:
        return None
    seconds = (date - (http_date(headers.get("Date")) or now)).total_seconds()
    return seconds if seconds > 0 else None


def http_date(value: str | None) -> datetime | None:
    """Read an HTTP date (RFC 9110, section 5.6.7) as an aware datetime in UTC, or None if it is not one."""
    try:
        date = parsedate_to_datetime(value)  # type: ignore[arg-type]  # None is a ValueError
        # In UTC it may lie after the year 9999, the last of datetime.
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class RetryBudget:
    """The retries that all calls of one client share, a token bucket, and the ``random`` of their pauses."""

    # It begins with ten. Each retry takes one; each second and each request that succeeds add one, up to ten.
    # So a short disturbance passes unnoticed, a server that fails now and then gets at most one retry for
    # each success, and one that is down gets the first attempt of each call, ten retries, and then one a
    # second, however many threads wait for it. gRPC (gRFC A6, "Throttling Retry Attempts and Hedged RPCs")
    # and the AWS SDKs do the same, but fail a call when no retry is left. Here the call waits for one until
    # its deadline, since the answer was paid for.

    def __init__(self, clock: Clock, random: Callable[[], float] = random) -> None:
        self.random = random
        self._clock = clock
        self._lock = threading.Lock()
        self._left = _MAX_RETRIES
        self._counted_at = clock.monotonic()

    def acquire(self) -> float:
        """Take a retry and return 0.0, or return the seconds until there is one."""
        with self._lock:
            now = self._clock.monotonic()
            self._left = min(_MAX_RETRIES, self._left + now - self._counted_at)
            self._counted_at = now
            missing = 1.0 - self._left
            if round(missing, 6) > 0:  # rounding may leave out less
                return missing
            self._left -= 1.0
            return 0.0

    def refund(self) -> None:
        """Add one retry, for a request that succeeded."""
        with self._lock:
            self._left = min(_MAX_RETRIES, self._left + 1.0)
