"""Credentials to bearer token: kept while it holds, fetched by one thread at a time.

What goes wrong here goes wrong for every thread at once, so the rules are about not making it worse:

- One token call at a time. Who waits takes what it brought, a failure too, for five seconds.
- A token's lifetime runs from the server's own ``Date`` to its ``expires_at``, and is counted on the
  monotonic clock: a laptop that is an hour off, or wakes up, does not matter.
- An ``expires_at`` that is missing, past or nonsense counts as a short lifetime, never as "expired":
  that would ask for a token before every request.
- A refused token is given up only by who held that very one. A late refusal cannot throw away a newer token.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr, ValidationError
from requests.auth import AuthBase

from connecty_frames.client.exchange import Call, Kind, Reply, Trouble
from connecty_frames.client.log import logged
from connecty_frames.client.refusals import foreign
from connecty_frames.client.retries import TOKEN as TOKEN_RULES
from connecty_frames.client.retries import Try, http_date, repeat
from connecty_frames.errors import AuthError, ConfigError
from connecty_frames.protocol import TOKEN, TokenResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest

    from connecty_frames.client.transport import Transport
    from connecty_frames.clock import Deadline

__all__ = ["Auth", "Bearer"]

#: Seconds a failed token call is shared, so that an outage is not multiplied by the threads that wait.
COOL_OFF: Final = 5.0
#: Seconds a token is used whose ``expires_at`` says nothing usable.
_UNKNOWN_LIFETIME: Final = 60.0
#: A lifetime longer than this is a mistake of somebody's clock or zone.
_LONGEST_LIFETIME: Final = 24 * 3600.0
#: How long before its end a token is no longer used: so many seconds, or this share of a short life.
_MARGIN: Final = 30.0
_MARGIN_SHARE: Final = 0.1
_METHOD_NOT_ALLOWED: Final = 405
_CHECK: Final = (
    "Check client_id and client_secret, and that region or base_url is where your organisation is registered."
)


class Bearer(AuthBase):
    """Puts the token on a request; that it is an ``auth`` keeps ``.netrc`` from replacing it.

    Parameters
    ----------
    token
        What the API gave.
    expires
        When to stop using it, on the monotonic clock.
    """

    def __init__(self, token: SecretStr, *, expires: float) -> None:
        self._token = token
        self.expires = expires

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Set the ``Authorization`` header."""
        r.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return r

    def __repr__(self) -> str:
        return "Bearer(***)"


@dataclass(slots=True)
class _Kept:
    """What all threads share: the token, or why there is none."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    bearer: Bearer | None = None
    failure: Trouble | None = None
    failed_at: float = 0.0
    proven: bool = False
    process: int = field(default_factory=os.getpid)


class Auth:
    """The credentials of one client and the token they got.

    Parameters
    ----------
    client_id, client_secret
        What ConnectyAI support gives out.
    """

    def __init__(
        self,
        client_id: SecretStr,
        client_secret: SecretStr,
        *,
        transport: Transport,
        random: Callable[[], float],
    ) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._transport = transport
        self._random = random
        self._method = "POST"
        self._kept = _Kept()
        transport.redact.add("client_id", client_id.get_secret_value())
        transport.redact.add("client_secret", client_secret.get_secret_value())

    def bearer(self, deadline: Deadline) -> Bearer | Trouble:
        """Give a token that holds, fetched if need be; or why there is none."""
        kept, clock = self._own(), deadline.clock
        bearer = kept.bearer
        if bearer is not None and clock.monotonic() < bearer.expires:
            return bearer
        try:
            if not kept.lock.acquire(timeout=max(deadline.remaining(), 0.0)):
                return _unusable(self._transport.host, "no token came in time", kind=Kind.LATE)
            if kept.bearer is not None and clock.monotonic() < kept.bearer.expires:
                return kept.bearer
            if kept.failure is not None and clock.monotonic() - kept.failed_at < COOL_OFF:
                return kept.failure
            found = self._fetch(deadline)
            if isinstance(found, Trouble):
                # Running out of one caller's time is no failure of the endpoint: the next one has its own.
                kept.failure = found if deadline.remaining() > 0 else None
                kept.failed_at = clock.monotonic()
            else:
                kept.bearer, kept.failure, kept.proven = found, None, True
            return found
        finally:
            # An interrupt may come before anything could note that the lock is held. The lock itself knows:
            # it lets nobody release it but its owner.
            with contextlib.suppress(RuntimeError):
                kept.lock.release()

    @property
    def proven(self) -> bool:
        """Whether there has been a token: then trouble with the next one is likely to pass."""
        return self._own().proven

    def refuse(self, bearer: Bearer) -> None:
        """Stop using a token that the API refused, unless a newer one has taken its place."""
        kept = self._own()
        if kept.bearer is bearer:
            kept.bearer = None

    def _own(self) -> _Kept:
        """Give what is kept; in a forked child without the lock, which a thread that is not here may hold."""
        if self._kept.process != os.getpid():
            self._kept = _Kept(bearer=self._kept.bearer, proven=self._kept.proven)
        return self._kept

    def _fetch(self, deadline: Deadline) -> Bearer | Trouble:
        asked_at = deadline.clock.monotonic()

        def attempt(limits: Try) -> Reply | Trouble:
            nonlocal asked_at
            asked_at = deadline.clock.monotonic()
            outcome = self._send(deadline, limits)
            if (
                isinstance(outcome, Trouble)
                and outcome.status == _METHOD_NOT_ALLOWED
                and self._method == "POST"
            ):
                # The API document heads the endpoint GET and shows it as POST.
                self._method = "GET"
                outcome = self._send(deadline, limits)
                if isinstance(outcome, Trouble):
                    self._method = "POST"
            return outcome

        outcome = repeat(
            attempt,
            rules=TOKEN_RULES,
            deadline=deadline,
            random=self._random,
            budget=self._transport.budget,
        )
        if isinstance(outcome, Trouble):
            trouble = _as_auth(outcome, self._transport.host)
            late = trouble.kind is Kind.DOWN and deadline.remaining() <= 0
            return dataclasses.replace(trouble, kind=Kind.LATE) if late else trouble
        stranger = foreign(outcome, redact=self._transport.redact)
        if stranger is not None:
            return _as_auth(stranger, self._transport.host)
        return self._read(outcome, asked_at)

    def _send(self, deadline: Deadline, limits: Try) -> Reply | Trouble:
        call = self._call()
        with logged(call, self._transport.clock) as line:
            line.outcome = outcome = self._transport.send(call, deadline=deadline, limits=limits)
            return outcome

    def _call(self) -> Call:
        # In one expression: a local variable with the secret would be seen in a traceback with locals.
        return Call(
            self._method,
            TOKEN,
            json.dumps(
                {
                    "client_id": self._client_id.get_secret_value(),
                    "client_secret": self._client_secret.get_secret_value(),
                }
            ).encode(),
        )

    def _read(self, reply: Reply, asked_at: float) -> Bearer | Trouble:
        try:
            response = TokenResponse.model_validate_json(reply.body)
        except ValidationError:
            response = None
        token = response.access_token if response is not None else SecretStr("")
        if response is None or not _is_token(token.get_secret_value()):
            # What it says instead is not shown: it may hold the token.
            return _unusable(
                reply.host, "its answer holds no access_token", kind=Kind.UNREADABLE, status=reply.status
            )
        self._transport.redact.add("token", token.get_secret_value())
        now = http_date(reply.headers.get("Date", "")) or self._transport.clock.now()
        lifetime = _lifetime(response.expires_at, now)
        return Bearer(token, expires=asked_at + lifetime - min(_MARGIN, lifetime * _MARGIN_SHARE))


def _is_token(text: str) -> bool:
    """Whether text can stand in a header: visible ASCII (RFC 6750, section 2.1)."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _lifetime(expires_at: object, now: datetime) -> float:
    """Give the seconds from ``now`` to ``expires_at``; a short time where it tells nothing usable."""
    try:
        moment = datetime.fromisoformat(expires_at) if isinstance(expires_at, str) else None
    except ValueError:
        moment = None
    if moment is None:
        return _UNKNOWN_LIFETIME
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - now).total_seconds()
    return seconds if 0 < seconds <= _LONGEST_LIFETIME else _UNKNOWN_LIFETIME


def _as_auth(trouble: Trouble, host: str) -> Trouble:
    """Say of a failed token call that it was one; what is no matter of credentials stays itself."""
    if trouble.kind in (Kind.LATE, Kind.UNCONNECTED, Kind.BUSY) or isinstance(trouble.error, ConfigError):
        return trouble
    if trouble.status is not None and 400 <= trouble.status < 500 and trouble.kind is not Kind.FAULT:  # noqa: PLR2004 - HTTP's own numbers
        error = AuthError(f"{trouble.error} {_CHECK}", status=trouble.status)
        return dataclasses.replace(trouble, kind=Kind.REFUSED, error=error)
    passing = trouble.kind in (Kind.LOST, Kind.DOWN, Kind.FAULT)
    kind = Kind.DOWN if passing else trouble.kind
    return _unusable(host, trouble.seen, kind=kind, status=trouble.status)


def _unusable(host: str, seen: str, *, kind: Kind, status: int | None = None) -> Trouble:
    error = AuthError(f"The token endpoint of {host} is unusable: {seen}. {_CHECK}", status=status)
    return Trouble(kind, error, f"the token endpoint is unusable ({seen})", status=status)
