"""Decide which requests are admitted, by their host, body, credentials and token.

The sandbox listens on loopback, where any web page open in a browser can send requests too. Three rules keep
those out. The header ``Host`` must name loopback, which rejects an attacker's name that resolves to 127.0.0.1
(DNS rebinding). A POST must declare a JSON body, which a page may send to another origin only after a CORS
preflight. Preflights are never granted.
"""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException

from connecty_frames.protocol import SANDBOX_CLIENT

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import Request

    from connecty_frames._base.clock import Clock

#: The largest request body, in bytes. A question is a sentence or a query.
_BODY_LIMIT: Final = 2**20
#: A ``Host`` header that names loopback, with any port, because a forwarded port may differ.
_HOST: Final = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)


async def admitted_body(request: Request) -> bytes:
    """Return the body of a request, cut if no valid token came with it; raises HTTPException."""
    body, limit = bytearray(), _BODY_LIMIT if request.state.is_trusted else 2**16  # enough for credentials
    # Read all of it, so that the client finishes sending and reads the response.
    async for chunk in request.stream():
        request.state.size += len(chunk)
        body += chunk[: limit - len(body)]
    if request.state.size > _BODY_LIMIT:
        raise HTTPException(413, f"The body is longer than {_BODY_LIMIT} bytes.")
    if _HOST.fullmatch(request.headers.get("host", "")) is None:
        raise HTTPException(421, "The header Host names another server than this one.")
    return bytes(body)


def is_json(request: Request) -> bool:
    """Return whether a request declares that its body is JSON."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


class Tokens:
    """Issues and validates tokens, which expire after some seconds by the sandbox's clock."""

    # Credentials and tokens are random: they are invalid at other sandboxes, and no message contains them by
    # chance.

    def __init__(self, *, lifetime: float, timezone: str, clock: Clock) -> None:
        self.client_id: str = f"{SANDBOX_CLIENT}{secrets.token_hex(4)}"
        self.client_secret: str = secrets.token_urlsafe(24)
        self._lifetime = timedelta(seconds=lifetime)
        self._zone = ZoneInfo(timezone)
        self._clock = clock
        self._expiries: dict[str, datetime] = {}

    def accepts(self, client_id: str, client_secret: str) -> bool:
        """Return whether the credentials are right, in constant time."""
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
        """Make every token issued so far invalid, even before its reported expiry."""
        self._expiries.clear()

    def is_valid(self, token: str) -> bool:
        """Return whether a token was issued here and has not expired."""
        return token in self._expiries and self._clock.now() < self._expiries[token]
