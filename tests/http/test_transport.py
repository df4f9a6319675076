"""Which failures are retried, how long the pauses are, and when it ends."""

import math
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connecty_frames._base.clock import SYSTEM_CLOCK, Deadline
from connecty_frames.errors import ConnectyError, ProtocolWarning
from connecty_frames.http.models import Attempt, Failure, FailureKind, RequestFailed
from connecty_frames.http.transport import (
    ASK_POLICY,
    FETCH_POLICY,
    RetryBudget,
    Transport,
    backoff,
    http_date,
    retry_after,
)
from connecty_frames.settings.values import Settings
from tests.cases import cases

NOW = datetime(2025, 11, 5, 12, 0, tzinfo=UTC)


def failure(kind: FailureKind, retry_after: float | None = None) -> Failure:
    return Failure(kind, ConnectyError("no"), "no", retry_after=retry_after)


def trying(*outcomes: Any) -> tuple[Callable[[Attempt], Any], list[Attempt]]:
    """Return a function whose calls have these outcomes, and the list of the attempts it was given."""
    waiting, attempts = list(outcomes), []

    def send(attempt: Attempt) -> Any:
        attempts.append(attempt)
        outcome = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(outcome, Failure):
            raise RequestFailed(outcome)
        return outcome

    return send, attempts


def fetch(
    send: Callable[[Attempt], Any],
    clock: Any,
    *,
    seconds: float = 60.0,
    policy: Any = FETCH_POLICY,
    drawn: float = 0.5,
    budget: RetryBudget | None = None,
) -> Any:
    """Call a function with retries, by default as a fetch with 60 seconds left does."""
    transport = Transport(Settings(base_url="https://api.test"), clock, lambda: drawn)
    transport._budget = budget or transport._budget
    return transport.retry(send, policy=policy, deadline=Deadline.after(seconds, clock))


def test_a_difference_is_said_once_for_each_kind() -> None:
    """By each client; the second message of a kind is not shown, whatever it says."""
    transport = Transport(Settings(base_url="https://api.test"), clock=SYSTEM_CLOCK)
    differences = [("type", "text/plain of the token"), ("type", "text/html of the reply"), ("state", "DONE")]
    with pytest.warns(ProtocolWarning) as caught:  # noqa: PT031 - which of them warn is what is tested
        for kind, message in differences:
            transport.differs(kind, message)
    assert [str(each.message) for each in caught] == ["text/plain of the token", "DONE"]


@cases(("failures", "most"), [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (500, 8.0)])
def test_backoff_is_full_jitter_that_doubles_to_eight_seconds(failures: int, most: float) -> None:
    """The wait is drawn from 0 to min(8, 0.5 * 2**(failures - 1)) seconds."""
    assert [backoff(failures, lambda: 0.0), backoff(failures, lambda: 0.5)] == [0.0, most / 2]


@cases(
    ("value", "expected"),
    [
        ("3", 3.0),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Wed, 05 Nov 2025 12:00:30 GMT", 30.0),
        ("Wed, 05 Nov 2025 11:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", None),
        ("-5", None),
        ("nan", None),
        ("1e35", None),
        ("9" * 5000, None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, expected: float | None) -> None:
    """Seconds and dates in the future are read; the past, signs, exponents and words are not."""
    assert retry_after({"Retry-After": value}, NOW) == expected


@cases(
    ("text", "read"),
    [
        ("Wednesday, 05-Nov-25 12:00:00 GMT", NOW),  # RFC 850
        ("Wed, 05 Nov 2025 14:00:00 +0200", NOW),
        ("Wed, 05 Nov 2025 12:00:00 -0000", NOW),
        ("2025", None),
    ],
)
def test_http_dates(text: str, read: datetime | None) -> None:
    """What email.utils reads, in UTC; without a zone it already was."""
    assert http_date(text) == read


@pytest.mark.skipif(sys.platform == "win32", reason="its time zone cannot be set there")
def test_a_date_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the machine is."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        assert http_date("Wed, 05 Nov 2025 12:00:00 -0000") == NOW
    time.tzset()


def test_an_error_in_an_attempt_is_left_as_it_is(clock: Any) -> None:
    """No failure of a request, it shows where it comes from."""

    def send(_: Attempt) -> None:
        raise ZeroDivisionError from KeyError()

    with pytest.raises(ZeroDivisionError) as caught:
        fetch(send, clock)
    assert isinstance(caught.value.__cause__, KeyError)


@cases("retry_after", [None, 1.0])
@cases("kind", FailureKind)
def test_a_question_is_sent_again_only_where_nothing_was_started(
    clock: Any, kind: FailureKind, retry_after: float | None
) -> None:
    """Only a connection that was never made and one 401 allow another send (and 429, without a count)."""
    if kind is not FailureKind.RATE_LIMITED:
        send, attempts = trying(failure(kind, retry_after))
        fetch(send, clock, policy=ASK_POLICY, drawn=0.0)
        assert len(attempts) == {FailureKind.CONNECT: 3, FailureKind.UNAUTHORIZED: 2}.get(kind, 1)


def test_connecting_ends_within_ten_seconds(clock: Any) -> None:
    """Three attempts that each take all of their time end 10 s after the first began."""
    limits: list[float] = []

    def send(attempt: Attempt) -> Failure:
        limits.append(attempt.connect)
        clock.at += attempt.connect
        raise RequestFailed(failure(FailureKind.CONNECT))

    fetch(send, clock, policy=ASK_POLICY, drawn=0.8)
    # The pauses of 0.4 and 0.8 s count; each attempt has its share of what is left.
    first = 10 / 3
    second = (10 - first - 0.4) / 2
    assert limits == pytest.approx([first, second, 10 - first - 0.4 - second - 0.8])
    assert clock.at - 1000.0 == pytest.approx(10.0)


def test_the_idle_timeout_of_a_fetch_doubles_with_each_loss(clock: Any) -> None:
    """60 s without a byte, then 120, then 240, up to 17 hours; for a question there is the deadline alone."""
    send, attempts = trying(
        failure(FailureKind.CONNECTION_LOST), failure(FailureKind.CONNECTION_LOST), "rows"
    )
    fetch(send, clock, drawn=0.0)
    assert [attempt.idle for attempt in attempts] == [60.0, 120.0, 240.0]
    send, attempts = trying(*[failure(FailureKind.CONNECTION_LOST)] * 2000, "rows")
    assert fetch(send, clock, seconds=30 * 24 * 3600) == "rows"
    assert attempts[-1].idle == 61_440.0
    send, attempts = trying("id")
    fetch(send, clock, policy=ASK_POLICY, drawn=0.0)
    assert [attempt.idle for attempt in attempts] == [math.inf]


def test_connecting_has_its_time_again_once_a_server_answered(clock: Any) -> None:
    """Ten seconds from the last other failure on; a pause that would end after them is not begun."""
    limits: list[float] = []
    kinds = [FailureKind.UNAVAILABLE, FailureKind.CONNECT, FailureKind.CONNECT]

    def send(attempt: Attempt) -> Failure:
        limits.append(attempt.connect)
        clock.at += 8.0
        raise RequestFailed(failure(kinds.pop(0)))

    outcome = fetch(send, clock, drawn=1.0)
    assert isinstance(outcome, Failure)
    # After pauses of 0.5 and 1 s, the second connection begins 9.5 s after the answer, and ends too late.
    assert limits == pytest.approx([10 / 3, 9.5 / 3, 0.5 / 2])
    assert (kinds, clock.slept) == ([], [0.5, 1.0])


@pytest.mark.parametrize(
    ("kind", "wait", "seconds", "expected"),
    [
        (FailureKind.RATE_LIMITED, 60.0, 60.0, (FailureKind.RATE_LIMITED, 1, [])),
        (FailureKind.RATE_LIMITED, 61.0, 60.0, (FailureKind.RATE_LIMITED, 1, [])),
        (FailureKind.RATE_LIMITED, None, 0.5, (FailureKind.RATE_LIMITED, 1, [0.5])),
        (FailureKind.RATE_LIMITED, 59.0, 60.0, (None, 2, [59.0])),
        (FailureKind.RATE_LIMITED, 0.1, 60.0, (None, 2, [0.5])),
        (FailureKind.UNAVAILABLE, None, 0.5, (FailureKind.UNAVAILABLE, 1, [0.5])),
        (FailureKind.UNAUTHORIZED, None, 0.5, (None, 2, [])),
        (FailureKind.UNAUTHORIZED, None, 0.0, (FailureKind.DEADLINE, 1, [])),
    ],
)
def test_where_the_deadline_lies(
    clock: Any, kind: FailureKind, wait: float | None, seconds: float, expected: Any
) -> None:
    """A pause up to it is too long. Without time for another token, one that expired is no refusal."""
    send, attempts = trying(failure(kind, retry_after=wait), "rows")
    outcome = fetch(send, clock, seconds=seconds, drawn=1.0)
    found = outcome.kind if isinstance(outcome, Failure) else None
    assert (found, len(attempts), clock.slept) == expected


def test_a_pause_that_takes_longer(clock: Any) -> None:
    """Beyond the deadline, as on a machine that was suspended: no other attempt is made."""
    send, attempts = trying(failure(FailureKind.UNAVAILABLE), "rows")

    def sleep(_: float) -> None:
        clock.at += 60

    clock.sleep = sleep
    outcome = fetch(send, clock, drawn=1.0)
    assert isinstance(outcome, Failure)
    assert (outcome.kind, len(attempts)) == (FailureKind.UNAVAILABLE, 1)


@pytest.mark.parametrize(
    ("kind", "wait", "is_counted"),
    [
        (FailureKind.RATE_LIMITED, 1.0, False),
        (FailureKind.RATE_LIMITED, None, True),
        (FailureKind.UNAVAILABLE, 1.0, True),
        (FailureKind.UNAUTHORIZED, None, False),
    ],
)
def test_which_retries_are_counted(
    clock: Any, kind: FailureKind, wait: float | None, *, is_counted: bool
) -> None:
    """Not those that the server asks for: they cannot make an outage worse."""
    budget = RetryBudget(clock)
    for _ in range(5):
        assert budget.acquire() == 0.0
    send, _ = trying(failure(kind, retry_after=wait), failure(FailureKind.REJECTED))
    clock.sleep = clock.slept.append  # no time passes, which would add retries
    fetch(send, clock, budget=budget)
    left = 0
    while not budget.acquire():
        left += 1
    assert left == (4 if is_counted else 5)


def test_a_result_is_returned_and_counted(clock: Any) -> None:
    """It adds one retry, up to ten, and so does each second."""
    budget = RetryBudget(clock)
    for _ in range(10):
        assert budget.acquire() == 0.0
    assert budget.acquire() == 1.0
    send, _ = trying("rows")
    assert fetch(send, clock, policy={}, budget=budget) == "rows"
    assert [budget.acquire(), budget.acquire()] == [0.0, 1.0]
    clock.at += 0.25
    assert budget.acquire() == 0.75
    clock.at += 100
    budget.refund()
    assert [budget.acquire() for _ in range(11)] == [0.0] * 10 + [1.0]


def test_a_date_of_this_second() -> None:
    """It is over; a fraction of a second later is not."""
    headers = {"Retry-After": "Wed, 05 Nov 2025 12:00:00 GMT"}
    assert retry_after(headers, NOW) is None
    assert retry_after(headers, NOW - timedelta(milliseconds=500)) == 0.5
    assert retry_after({}, NOW) is None


@pytest.mark.parametrize(("took", "tries"), [(9.5, 1), (9.25, 2)])
def test_a_pause_that_ends_with_the_time_to_connect(clock: Any, took: float, tries: int) -> None:
    """It is not begun: half a second after 9.5 s, no time is left for an attempt."""
    send, attempts = trying(failure(FailureKind.CONNECT))

    def slowly(attempt: Attempt) -> Any:
        clock.at += took
        return send(attempt)

    fetch(slowly, clock, drawn=1.0)
    assert len(attempts) == tries
