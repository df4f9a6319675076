"""Credentials to bearer token: kept while it holds, fetched by one thread at a time.

What goes wrong here goes wrong for every thread at once, so the rules are about not making it worse:

- One token call at a time. Waiting threads share its outcome.
- A call that starts nothing may be repeated: an endpoint that is down, or loses the answer, is asked again
  until the deadline of the caller, within the budget of retries. Refused credentials are not tried again for
  five seconds.
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
import math
import os
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr, ValidationError
from requests.auth import AuthBase

from connecty_frames.errors import AuthError, ConfigError, ConnectionFailed
from connecty_frames.http.errors import content_failure, server_message
from connecty_frames.http.log import logged
from connecty_frames.http.models import Failure, FailureKind, Request, Response
from connecty_frames.http.retry import CONNECT_TRIES, AttemptTimeouts, RetryPolicy, http_date, retry
from connecty_frames.protocol import TOKEN, TokenResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest

    from connecty_frames.clock import Deadline
    from connecty_frames.http.transport import Transport

__all__ = ["TOKEN_POLICY", "Auth", "Bearer"]
#: A token starts nothing either, so that an endpoint that is down is no reason to fail before the deadline.
TOKEN_POLICY: Final[RetryPolicy] = {
    FailureKind.CONNECT: CONNECT_TRIES,
    FailureKind.CONNECTION_LOST: math.inf,
    FailureKind.RATE_LIMITED: math.inf,
    FailureKind.UNAVAILABLE: math.inf,
    FailureKind.BAD_ENCODING: 2,
    FailureKind.EMPTY_BODY: 3,
}


#: Seconds in which a refusal holds for all: credentials are not tried again, nor ``Retry-After`` passed by.
COOL_OFF: Final = 5.0
#: Seconds that are too few to call an endpoint again that just failed.
_NO_TIME: Final = 0.5
_NOT_IN_TIME: Final = "the call that another thread made for one was not answered in time"
#: Seconds a token is used whose ``expires_at`` says nothing usable.
_UNKNOWN_LIFETIME: Final = 60.0
#: A lifetime longer than this is a mistake of somebody's clock or zone.
_LONGEST_LIFETIME: Final = 24 * 3600.0
#: How long before its end a token is no longer used: so many seconds, or this share of a short life.
_MARGIN: Final = 30.0
_MARGIN_SHARE: Final = 0.1
#: The method to try where one is not allowed (405).
_OTHER: Final = {"POST": "GET", "GET": "POST"}
#: The statuses by which an endpoint may refuse credentials; others are about the address.
_REFUSING: Final = (400, 401, 403, 422)
_CHECK_ADDRESS: Final = "Check that region or base_url is where your organisation is registered."
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
    """What all threads share: the token, or why there is none.

    Parameters
    ----------
    last, last_at
        What the last try met, and when; None where it got a token.
    ended
        Whether that ended the tries of a caller that had time for more.
    """

    lock: threading.RLock = field(default_factory=threading.RLock)
    bearer: Bearer | None = None
    last: Failure | None = None
    last_at: float = 0.0
    ended: bool = False
    proven: bool = False
    process: int = field(default_factory=os.getpid)

    def valid(self, at: float) -> Bearer | None:
        """Return the token if it may still be used."""
        bearer = self.bearer
        return bearer if bearer is not None and at < bearer.expires else None

    def shared(self, began: float, deadline: Deadline) -> Failure | None:
        """Return the failure of another caller, where a call of this one's own could do no better.

        Parameters
        ----------
        began
            When this caller began to wait.
        """
        last, now, left = self.last, deadline.clock.monotonic(), deadline.remaining()
        if last is None:
            return None
        if self.ended and last.kind is FailureKind.REJECTED:
            return last if now - self.last_at < COOL_OFF else None
        if last.kind is FailureKind.RATE_LIMITED:
            return last if left <= self.pause(now) or (left <= 0 and self.last_at >= began) else None
        return last if self.last_at >= began and (self.ended or left <= _NO_TIME) else None

    def pause(self, now: float) -> float:
        """Return the seconds until the endpoint allows another call, if it said so a moment ago."""
        last, since = self.last, now - self.last_at
        wait = (
            last.wait
            if last is not None and last.kind is FailureKind.RATE_LIMITED and since < COOL_OFF
            else None
        )
        return max((wait or 0.0) - since, 0.0)


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
        transport.redact.add_client_id(client_id)
        transport.redact.add("client_secret", client_secret)

    def bearer(self, deadline: Deadline) -> Bearer | Failure:
        """Give a token that holds, fetched if need be; or why there is none."""
        kept, clock = self._own(), deadline.clock
        began = clock.monotonic()
        bearer = kept.valid(began)
        if bearer is not None:
            return bearer
        try:
            waits = not kept.lock.acquire(blocking=False)
            if waits and not kept.lock.acquire(timeout=max(deadline.remaining(), 0.0)):
                return kept.shared(began, deadline) or self._lost(_NOT_IN_TIME)
            found = kept.valid(clock.monotonic()) or kept.shared(began, deadline)
            if found is None:
                deadline.sleep(kept.pause(clock.monotonic()))
                found = self._fetch(kept, deadline)
            if isinstance(found, Failure) and deadline.remaining() <= 0:
                # What was seen while there was time says more than that it ran out.
                late = self._lost(_NOT_IN_TIME) if waits and found.kind is FailureKind.DEADLINE else found
                return kept.shared(began, deadline) or late
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

    def _fetch(self, kept: _Kept, deadline: Deadline) -> Bearer | Failure:
        """Call the endpoint until there is a token; what happens is kept for the threads that wait."""

        def attempt(limits: AttemptTimeouts) -> Bearer | Failure:
            asked_at, method = deadline.clock.monotonic(), self._method
            outcome = self._send(method, deadline, limits)
            if isinstance(outcome, Failure) and outcome.status == HTTPStatus.METHOD_NOT_ALLOWED:
                # The API document heads the endpoint GET and shows it as POST.
                method = _OTHER[method]
                outcome = self._send(method, deadline, limits)
            found = outcome if isinstance(outcome, Failure) else self._read(outcome, asked_at)
            if isinstance(found, Bearer):
                self._method = method
                kept.bearer, kept.last, kept.ended, kept.proven = found, None, False, True
                return found
            found = self._of_token(found)
            if deadline.remaining() > 0:  # that the time of one caller ran out tells the others nothing
                kept.last, kept.last_at, kept.ended = found, deadline.clock.monotonic(), False
            return found

        found = retry(
            attempt,
            rules=TOKEN_POLICY,
            deadline=deadline,
            random=self._random,
            budget=self._transport.budget,
        )
        kept.ended = found is kept.last and deadline.remaining() > 0
        return found

    def _send(self, method: str, deadline: Deadline, limits: AttemptTimeouts) -> Response | Failure:
        call = self._call(method)
        with logged(call, self._transport.clock) as line:
            line.outcome = outcome = self._transport.send(call, deadline=deadline, limits=limits)
            return outcome

    def _call(self, method: str) -> Request:
        # In one expression: a local variable with the secret would be seen in a traceback with locals.
        return Request(
            method,
            TOKEN,
            json.dumps(
                {
                    "client_id": self._client_id.get_secret_value(),
                    "client_secret": self._client_secret.get_secret_value(),
                }
            ).encode(),
        )

    def _read(self, reply: Response, asked_at: float) -> Bearer | Failure:
        stranger = content_failure(reply, redact=self._transport.redact)
        if stranger is not None:
            return stranger
        try:
            response = TokenResponse.model_validate_json(reply.body)
        except ValidationError:
            response = None
        token = response.access_token if response is not None else SecretStr("")
        if response is None or not _is_token(token.get_secret_value()):
            # What it says instead is not shown: it may hold the token.
            return _unusable(
                reply.host,
                "its answer holds no access_token",
                kind=FailureKind.INVALID_PAYLOAD,
                status=reply.status,
            )
        self._transport.redact.add("token", token)
        now = http_date(reply.headers.get("Date", "")) or self._transport.clock.now()
        lifetime = _lifetime(response.expires_at, now)
        return Bearer(token, expires=asked_at + lifetime - min(_MARGIN, lifetime * _MARGIN_SHARE))

    def _lost(self, seen: str) -> Failure:
        """Say of a token call that its answer was lost."""
        host = self._transport.host
        message = f"No token came from {host}: {seen}. Nothing else is sent without one; try again later."
        error = ConnectionFailed(message, host=host, phase="token")
        return Failure(FailureKind.CONNECTION_LOST, error, f"no token came ({seen})")

    def _of_token(self, trouble: Failure) -> Failure:
        """Say of a failed token call that it was one. Only what the endpoint refused is about credentials."""
        host, status = self._transport.host, trouble.status
        seen = f"no token came ({trouble.seen})"
        if trouble.kind is FailureKind.CONNECTION_LOST:
            return self._lost(trouble.seen)
        if trouble.kind in (FailureKind.UNAVAILABLE, FailureKind.SERVER_ERROR):
            return dataclasses.replace(trouble, kind=FailureKind.UNAVAILABLE, seen=seen)
        if trouble.kind in (
            FailureKind.DEADLINE,
            FailureKind.CONNECT,
            FailureKind.RATE_LIMITED,
        ) or isinstance(trouble.error, ConfigError | ConnectionFailed):
            return trouble
        if trouble.kind not in (FailureKind.UNAUTHORIZED, FailureKind.REJECTED):
            return _unusable(host, trouble.seen, kind=trouble.kind, status=status)
        text = server_message(trouble.body, self._transport.redact)
        said = f"{trouble.seen}{text and f' ({text})'}"
        if status not in _REFUSING or trouble.body.lstrip()[:1] == b"<":  # the page of a proxy or firewall
            return _unusable(host, said, kind=FailureKind.REJECTED, status=status)
        refused = AuthError(f"The credentials were refused: {said}. {_CHECK}", status=status)
        return dataclasses.replace(trouble, kind=FailureKind.REJECTED, error=refused)


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


def _unusable(host: str, seen: str, *, kind: FailureKind, status: int | None = None) -> Failure:
    error = AuthError(f"The token endpoint of {host} is unusable: {seen}. {_CHECK_ADDRESS}", status=status)
    return Failure(kind, error, f"the token endpoint is unusable ({seen})", status=status)
