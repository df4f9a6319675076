"""Valid and invalid tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from connecty_frames._base.clock import Clock
from connecty_frames.sandbox.tokens import Tokens

KEY = b"a key that signs these tokens 32"


class FixedClock(Clock):
    """A clock that does not run."""

    time = datetime(2025, 11, 5, 10, 49, 22, 793708, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the fixed time."""
        return self.time


@pytest.fixture
def clock() -> FixedClock:
    """Return a clock at the time of the API document's example."""
    return FixedClock()


@pytest.fixture
def tokens(clock: FixedClock) -> Tokens:
    """Return tokens with that clock."""
    return Tokens(lifetime=300, timezone="Europe/Warsaw", clock=clock, key=KEY)


def test_the_expiry_is_reported_as_in_the_api_document(tokens: Tokens) -> None:
    """It is ISO-8601 text in the zone, with its offset."""
    assert tokens.issue()[1] == "2025-11-05T11:54:22.793708+01:00"


def test_a_token_is_valid_until_it_expires(tokens: Tokens, clock: FixedClock) -> None:
    """It expires exactly on time, by the clock passed in."""
    token, _ = tokens.issue()

    clock.time += timedelta(seconds=299.999)
    assert tokens.problem(token) is None
    clock.time += timedelta(seconds=0.001)
    assert tokens.problem(token) == "The token has expired."


def test_all_tokens_can_be_made_to_expire(tokens: Tokens) -> None:
    """Tokens issued before are invalid; the next one is valid."""
    token, _ = tokens.issue()
    tokens.expire_all()

    assert tokens.problem(token) == "The token has expired."
    assert tokens.problem(tokens.issue()[0]) is None


def test_tokens_differ(tokens: Tokens) -> None:
    """Two tokens issued at the same time differ."""
    assert tokens.issue()[0] != tokens.issue()[0]


def test_a_token_is_a_signed_jwt(tokens: Tokens) -> None:
    """It has the three parts of a JWT and names its subject."""
    token, _ = tokens.issue()

    assert token.count(".") == 2
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    assert jwt.decode(token, options={"verify_signature": False})["sub"] == tokens.client_id


def test_other_tokens_are_rejected(tokens: Tokens, clock: FixedClock) -> None:
    """A token of another sandbox, changed, unsigned or without expiry is invalid, and so is other text."""
    token, _ = tokens.issue()
    foreign, _ = Tokens(lifetime=300, timezone="UTC", clock=clock).issue()
    header, claims, signature = token.split(".")
    unsigned = jwt.encode({"sub": "sandbox", "exp": 9e9}, None, algorithm="none")
    eternal = jwt.encode({"sub": "sandbox"}, KEY, algorithm="HS256")
    changed = f"{header}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"

    for bad in (foreign, changed, unsigned, eternal, "", "x", "a.b.c", "ż.ż.ż", f"{header}.{claims}."):
        assert tokens.problem(bad) == "The token is not one of this server's.", bad


def test_only_both_credentials_are_accepted(tokens: Tokens) -> None:
    """The id and the secret must both be right, whatever characters the wrong ones have."""
    right = (tokens.client_id, tokens.client_secret)

    assert tokens.accepts(*right)
    for wrong in ((right[0], "x"), ("x", right[1]), (right[1], right[0]), ("", ""), ("żółw", "😀")):
        assert not tokens.accepts(*wrong)


def test_secrets_differ_between_sandboxes(tokens: Tokens, clock: FixedClock) -> None:
    """The secret of one sandbox is invalid at another."""
    assert tokens.client_secret != Tokens(lifetime=1, timezone="UTC", clock=clock).client_secret
