"""When a request is sent again, and after how long.

The rules are tables: what kind of trouble allows another try of what kind of request. The times are
"full jitter" (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), at least what
the server's ``Retry-After`` asks for, and never past the deadline of the call. What the calls of a client
may try again together is limited by its :class:`~connecty_frames.http.retry.RetryBudget`.
"""

from __future__ import annotations

import dataclasses
import math
import re
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, TypeVar

from connecty_frames.http.models import Failure, FailureKind, strip_tracebacks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connecty_frames.clock import Clock, Deadline

__all__ = ["AttemptTimeouts", "RetryBudget", "RetryPolicy", "backoff", "http_date", "retry", "retry_after"]

_Result = TypeVar("_Result")

_FIRST: Final = 0.5
_LONGEST: Final = 8.0
#: Connecting is given up after so many tries and so many seconds.
CONNECT_TRIES: Final = 3
CONNECT_SECONDS: Final = 10.0
#: Seconds without a byte after which a fetch counts as lost and is tried again; doubled at each loss, since
#: a large answer may take its time.
_IDLE: Final = 60.0
#: So often at most: a month of losses would double it beyond every number there is.
_DOUBLED: Final = 10

#: How many tries each kind of trouble allows; a kind that is not there allows no other.
RetryPolicy = dict[FailureKind, float]


@dataclass(frozen=True, slots=True)
class AttemptTimeouts:
    """What one try may take, in seconds: to connect, and between two bytes."""

    connect: float
    idle: float


def retry(
    attempt: Callable[[AttemptTimeouts], _Result | Failure],
    *,
    rules: Mapping[FailureKind, float],
    deadline: Deadline,
    random: Callable[[], float],
    budget: RetryBudget,
) -> _Result | Failure:
    """AttemptTimeouts until there is a result, a trouble that allows no other try, or no time left.

    Returns
    -------
    result or Failure
        The trouble is the last one seen.

    Raises
    ------
    BaseException
        What interrupts an attempt, without the frames that it fell into.
    """
    clock = deadline.clock
    seen: Counter[FailureKind] = Counter()
    began = clock.monotonic()
    idle = _IDLE if rules.get(FailureKind.CONNECTION_LOST, 0) > 1 else math.inf
    handled = sys.exception()
    while True:
        left = CONNECT_SECONDS - (clock.monotonic() - began)
        tries_left = CONNECT_TRIES - seen[FailureKind.CONNECT]
        limits = AttemptTimeouts(
            max(left, 0.1) / max(tries_left, 1), idle * 2 ** min(seen[FailureKind.CONNECTION_LOST], _DOUBLED)
        )
        try:
            outcome = attempt(limits)
        except Exception:
            raise
        except BaseException as interrupt:
            # What it fell into says nothing of it, and may show what a server repeated.
            interrupt.__cause__, interrupt.__context__ = None, handled
            strip_tracebacks(interrupt, but=handled)
            raise
        if not isinstance(outcome, Failure):
            budget.refund()
            return outcome
        if outcome.kind is not FailureKind.CONNECT:
            began = clock.monotonic()  # it was reachable until now
        seen[outcome.kind] += 1
        if seen[outcome.kind] >= rules.get(outcome.kind, 1):
            return outcome
        pause = 0.0 if outcome.kind is FailureKind.UNAUTHORIZED else backoff(seen.total(), random)
        if outcome.wait is not None:
            pause = max(pause, outcome.wait)
            if pause >= deadline.remaining():
                return outcome  # waiting would only make the same failure come later
        until = began + CONNECT_SECONDS if outcome.kind is FailureKind.CONNECT else math.inf
        # What the server itself says to do is no retry that could make an outage worse.
        invited = outcome.kind is FailureKind.UNAUTHORIZED or (
            outcome.kind is FailureKind.RATE_LIMITED and outcome.wait is not None
        )
        if not _waited(pause, until, deadline, None if invited else budget):
            # That a token expired says nothing of the credentials: what was missing is the time for another.
            unrenewed = outcome.kind is FailureKind.UNAUTHORIZED
            return dataclasses.replace(outcome, kind=FailureKind.DEADLINE) if unrenewed else outcome


def _waited(pause: float, until: float, deadline: Deadline, budget: RetryBudget | None) -> bool:
    """Wait so long, and for a retry of the budget; False where there is not the time."""
    while True:
        if deadline.clock.monotonic() + pause >= until:
            return False
        deadline.sleep(pause)
        if deadline.remaining() <= 0:
            return False
        pause = budget.take() if budget is not None else 0.0
        if not pause:
            return True


def backoff(failures: int, random: Callable[[], float]) -> float:
    """Give the seconds to wait after so many failures: ``random(0, min(8, 0.5 * 2**(failures - 1)))``."""
    return float(random() * min(_LONGEST, _FIRST * 2 ** min(failures - 1, 10)))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read ``Retry-After``: seconds or an HTTP date (RFC 9110, section 10.2.3); None for anything else.

    A date is measured against the server's own ``Date`` where it sent one, since clocks differ. A date in
    the past says nothing about when to come back.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,15}", value):
        return float(value)
    moment = http_date(value)
    if moment is None:
        return None
    seconds = (moment - (http_date(headers.get("Date", "")) or now)).total_seconds()
    return seconds if seconds > 0 else None


def http_date(value: str) -> datetime | None:
    """Read an HTTP date (RFC 9110, section 5.6.7) as an aware moment in UTC; None where it is none."""
    try:
        moment = parsedate_to_datetime(value)
        # In UTC it may lie beyond the last year there is.
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


#: The most retries that can be saved up.
_MOST: Final = 10.0
#: Retries won back each second, whatever happens.
_A_SECOND: Final = 1.0
#: Less than this is nothing: what rounding leaves out of a whole retry.
_NOTHING: Final = 1e-6


class RetryBudget:
    """The retries that all calls of one client share.

    There are ten to begin with. Each retry takes one; each second and each request that went well gives one
    back, up to ten again. So a hiccup is over before anybody notices, a server that fails now and then is
    asked again at most once for each time it answers, and one that is down sees the first try of each call,
    ten retries, and then one a second, however many threads wait for it.

    gRPC (gRFC A6, "Throttling Retry Attempts and Hedged RPCs") and the AWS SDKs do the same, but let a call
    fail for which there is no retry left. Here it waits for one, as long as its deadline allows: the answer
    it is after was paid for.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left = _MOST
        self._counted_at = clock.monotonic()

    def take(self) -> float:
        """Take a retry and give 0.0, or the seconds until there can be one."""
        with self._lock:
            now = self._clock.monotonic()
            self._left = min(_MOST, self._left + (now - self._counted_at) * _A_SECOND)
            self._counted_at = now
            missing = 1.0 - self._left
            if missing > _NOTHING:
                return missing / _A_SECOND
            self._left -= 1.0
            return 0.0

    def refund(self) -> None:
        """Give one back, for a request that went well."""
        with self._lock:
            self._left = min(_MOST, self._left + 1.0)
