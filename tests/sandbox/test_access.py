"""Valid and invalid tokens."""

from datetime import UTC, datetime, timedelta

import pytest

from connecty_frames._base.clock import Clock
from connecty_frames.sandbox.server import Tokens


class FixedClock(Clock):
    time = datetime(2025, 11, 5, 10, 49, 22, 793708, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def tokens(clock: FixedClock) -> Tokens:
    return Tokens(lifetime=300, clock=clock)


def test_the_expiry_is_reported_as_in_the_api_document(tokens: Tokens) -> None:
    """It is ISO-8601 text in the zone, with its offset."""
    assert tokens.issue()[1] == "2025-11-05T10:54:22.793708+00:00"


def test_a_token_is_valid_until_it_expires(tokens: Tokens, clock: FixedClock) -> None:
    """It expires exactly on time, by the clock passed in, and is forgotten when another is issued."""
    token, _ = tokens.issue()
    clock.time += timedelta(seconds=299.999)
    assert tokens.is_valid(token)
    clock.time += timedelta(seconds=0.001)
    assert not tokens.is_valid(token)
    assert tokens.is_valid(tokens.issue()[0])
    assert list(tokens._expiries.values()) == [clock.time + timedelta(seconds=300)]


def test_other_tokens_are_rejected(tokens: Tokens, clock: FixedClock) -> None:
    """Two tokens differ; one of another sandbox, part of one, and other text are invalid."""
    token, _ = tokens.issue()
    foreign, _ = Tokens(lifetime=300, clock=clock).issue()
    assert token != tokens.issue()[0]
    for bad in (foreign, token[:-1], token.swapcase(), "", "x", "ż"):
        assert not tokens.is_valid(bad), bad


def test_only_both_credentials_are_accepted(tokens: Tokens) -> None:
    """The id and the secret must both be right, whatever characters the wrong ones have."""
    right = (tokens.client_id, tokens.client_secret)
    assert tokens.accepts(*right)
    for wrong in ((right[0], "x"), ("x", right[1]), (right[1], right[0]), ("", ""), ("żółw", "😀")):
        assert not tokens.accepts(*wrong)
