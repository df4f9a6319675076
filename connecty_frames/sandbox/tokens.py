"""Access tokens: signed, short-lived, checked against the sandbox's own clock."""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import jwt

if TYPE_CHECKING:
    from connecty_frames.clock import Clock

__all__ = ["Tokens"]

_ALGORITHM: Final = "HS256"


class Tokens:
    """Exchanges one pair of credentials for tokens, and tells good tokens from others.

    The credentials and the key are drawn anew for each sandbox, so that a token of one opens no other.

    Parameters
    ----------
    lifetime
        Seconds for which a token is good.
    timezone
        The zone in which the expiry is told.
    """

    def __init__(self, *, lifetime: float, timezone: str, clock: Clock) -> None:
        #: No word that a message could hold for its own sake.
        self.client_id = f"sandbox-{secrets.token_hex(4)}"
        self.client_secret = secrets.token_urlsafe(24)
        self._key = secrets.token_bytes(32)
        self._lifetime = timedelta(seconds=lifetime)
        self._zone = ZoneInfo(timezone)
        self._clock = clock
        #: Counts how often everything was made to expire; a token names the count it is of.
        self._round = 0

    def accepts(self, client_id: str, client_secret: str) -> bool:
        """Tell whether the credentials are the sandbox's, in a time that tells nothing about them."""
        right_id = hmac.compare_digest(client_id.encode(), self.client_id.encode())
        right_secret = hmac.compare_digest(client_secret.encode(), self.client_secret.encode())
        return right_id and right_secret

    def issue(self) -> tuple[str, str]:
        """Give a new token, and when it expires as ISO-8601 text with an offset."""
        now = self._clock.now()
        expires_at = now + self._lifetime
        claims = {
            "sub": self.client_id,
            "iat": now.timestamp(),
            "exp": expires_at.timestamp(),
            "jti": secrets.token_hex(8),
            "round": self._round,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM), expires_at.astimezone(
            self._zone
        ).isoformat()

    def expire(self) -> None:
        """Let every token that was given out so far be expired, whatever was said of it."""
        self._round += 1

    def fault(self, token: str) -> str | None:
        """Say what is wrong with a token; None if nothing is."""
        try:
            # The expiry is ours to check: PyJWT would look at the system's clock, in whole seconds.
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                options={"require": ["exp"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return "The token is not one of this server's."
        if claims.get("round") != self._round or self._clock.now().timestamp() >= claims["exp"]:
            return "The token has expired."
        return None
