"""Access tokens: random, short-lived, checked against the clock of the sandbox."""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from connecty_frames.protocol import SANDBOX_CLIENT

if TYPE_CHECKING:
    from datetime import datetime

    from connecty_frames._base.clock import Clock


class Tokens:
    """Issues and validates tokens that are valid for some seconds."""

    # Credentials and tokens are random, so that those of one sandbox are invalid at another.

    def __init__(self, *, lifetime: float, timezone: str, clock: Clock) -> None:
        #: Random, so that no message contains it by chance.
        self.client_id: str = f"{SANDBOX_CLIENT}{secrets.token_hex(4)}"
        self.client_secret: str = secrets.token_urlsafe(24)
        self._lifetime = timedelta(seconds=lifetime)
        self._zone = ZoneInfo(timezone)
        self._clock = clock
        self._expiries: dict[str, datetime] = {}

    def accepts(self, client_id: str, client_secret: str) -> bool:
        """Return whether the credentials are right, in a time that does not depend on them."""
        right_id = hmac.compare_digest(client_id.encode(), self.client_id.encode())
        right_secret = hmac.compare_digest(client_secret.encode(), self.client_secret.encode())
        return right_id and right_secret

    def issue(self) -> tuple[str, str]:
        """Return a new token, and its expiry as ISO-8601 text with an offset."""
        now = self._clock.now()
        self._expiries = {token: end for token, end in self._expiries.items() if now < end}
        token = secrets.token_urlsafe(48)
        self._expiries[token] = now + self._lifetime
        return token, (now + self._lifetime).astimezone(self._zone).isoformat()

    def expire_all(self) -> None:
        """Make every token issued so far invalid, whatever expiry was reported for it."""
        self._expiries.clear()

    def is_valid(self, token: str) -> bool:
        """Return whether a token was issued here and has not expired."""
        return token in self._expiries and self._clock.now() < self._expiries[token]
