"""Access tokens: signed, short-lived, checked against the clock of the sandbox."""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import jwt

from connecty_frames.protocol import SANDBOX_CLIENT

if TYPE_CHECKING:
    from connecty_frames._base.clock import Clock

_ALGORITHM: Final = "HS256"


class Tokens:
    """Issues and validates tokens that are valid for some seconds."""

    # Credentials and key are random for each sandbox, so that the token of one is invalid at another.

    def __init__(self, *, lifetime: float, timezone: str, clock: Clock, key: bytes | None = None) -> None:
        #: Random, so that no message contains it by chance.
        self.client_id: str = f"{SANDBOX_CLIENT}{secrets.token_hex(4)}"
        self.client_secret: str = secrets.token_urlsafe(24)
        self._key = key or secrets.token_bytes(32)
        self._lifetime = timedelta(seconds=lifetime)
        self._zone = ZoneInfo(timezone)
        self._clock = clock
        #: How often all tokens were made to expire; each token carries the value at its issue.
        self._generation = 0

    def accepts(self, client_id: str, client_secret: str) -> bool:
        """Return whether the credentials are right, in a time that does not depend on them."""
        right_id = hmac.compare_digest(client_id.encode(), self.client_id.encode())
        right_secret = hmac.compare_digest(client_secret.encode(), self.client_secret.encode())
        return right_id and right_secret

    def issue(self) -> tuple[str, str]:
        """Return a new token, and its expiry as ISO-8601 text with an offset."""
        now = self._clock.now()
        expires_at = now + self._lifetime
        claims = {
            "sub": self.client_id,
            "iat": now.timestamp(),
            "exp": expires_at.timestamp(),
            "jti": secrets.token_hex(8),
            "generation": self._generation,
        }
        token = jwt.encode(claims, self._key, algorithm=_ALGORITHM)
        return token, expires_at.astimezone(self._zone).isoformat()

    def expire_all(self) -> None:
        """Make every token issued so far invalid, whatever expiry was reported for it."""
        self._generation += 1

    def problem(self, token: str) -> str | None:
        """Return what is wrong with a token, or None if it is valid."""
        try:
            # The expiry is checked below: PyJWT would use the system's clock, in whole seconds.
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                options={"require": ["exp"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return "The token is not one of this server's."
        if claims.get("generation") != self._generation or self._clock.now().timestamp() >= claims["exp"]:
            return "The token has expired."
        return None
