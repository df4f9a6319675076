"""Bearer tokens: fetched by one thread at a time, and kept while valid.

A token request that fails does so for every thread at once, so the rules are about not making it worse:
threads share the outcome of one request, an ``expires_at`` that is missing, past or invalid counts as a short
lifetime and never as "expired", and a refusal discards only the token that was refused.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import math
import os
import re
import threading
from codecs import BOM_UTF8
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar
from weakref import WeakValueDictionary

import msgspec

from connecty_frames._base.text import SecretStr, snippet, terminal
from connecty_frames.errors import AuthError, ConfigError, ConnectionFailed, ResponseError, is_interrupt
from connecty_frames.http.errors import CHECK_CREDENTIALS, REFUSED, append, preview, server_message
from connecty_frames.http.models import Attempt, Failure, FailureKind, Request, RequestFailed, Response
from connecty_frames.http.transport import NOT_ABOUT_CREDENTIALS, TOKEN_POLICY, http_date
from connecty_frames.protocol import TOKEN, TokenResponse, read_message

if TYPE_CHECKING:
    from connecty_frames._base.clock import Clock, Deadline
    from connecty_frames.http.redaction import Redaction
    from connecty_frames.http.transport import Transport
    from connecty_frames.store.history import History

    ResumeCommand = Callable[[str, int], str]

_Result = TypeVar("_Result")

#: Seconds in which all threads heed a refusal: credentials are not tried again, ``Retry-After`` is kept.
_COOLDOWN: Final = 5.0
_NOT_IN_TIME: Final = "another thread's token request was not answered in time"
_UNKNOWN_LIFETIME: Final = 60.0  # the lifetime of a token without a usable ``expires_at``, in seconds
#: The longest lifetime in seconds; a longer one is taken for an error in a clock or time zone.
_MAX_LIFETIME: Final = 24 * 3600.0
#: How long before its end a token is no longer used, in seconds, and the most as a share of its lifetime.
_MARGIN: Final = 30.0
_MARGIN_SHARE: Final = 0.1
_CREDENTIALS_REFUSED: Final = (400, 401, 403, 422)  # refused credentials; others are about the address
#: Gateways also refuse an expired token with these. A question is sent again after a 401 only.
_MAY_BE_EXPIRED: Final = (403, 419, 498)
_JUST_ISSUED: Final = (
    "The credentials are right, since this token was issued for them just now. Check that region or base_url "
    "is where your organisation is registered, dw_id, and that no proxy removes the header Authorization."
)


@dataclass(eq=False, slots=True, weakref_slot=True)
class Bearer:
    """A token, and when to stop using it, on the monotonic clock."""

    token: SecretStr
    expires: float
    is_accepted: bool = field(default=False, repr=False)  # by an endpoint other than its own


class _Sharing(NamedTuple):
    """How the failure of a token request ends other calls."""

    seconds: float  # as long as this
    needs_wait: bool  # only calls that waited for the request
    most_left: float  # only calls without more seconds left


_FOR_A_WHILE: Final = _Sharing(_COOLDOWN, needs_wait=False, most_left=math.inf)
_UNTIL_THE_PAUSE_ENDS: Final = _Sharing(math.inf, needs_wait=False, most_left=0.0)
_WITH_WAITING: Final = _Sharing(math.inf, needs_wait=True, most_left=math.inf)
#: In less than half a second, an endpoint that just failed is not called again.
_WITH_HURRIED: Final = _Sharing(math.inf, needs_wait=True, most_left=0.5)
#: By the kind of failure, and whether the retries ended before the deadline of their call.
_SHARED: Final = {
    (FailureKind.REJECTED, True): _FOR_A_WHILE,
    (FailureKind.RATE_LIMITED, True): _UNTIL_THE_PAUSE_ENDS,
    (FailureKind.RATE_LIMITED, False): _UNTIL_THE_PAUSE_ENDS,
}


#: The last token of this process, by a hash of the address and the credentials: where a new token revokes the
#: one before it, clients would take it from each other.
_LATEST: Final[WeakValueDictionary[tuple[Clock, bytes], Bearer]] = WeakValueDictionary()


class API:
    """The API of one client, shared by its questions."""

    def __init__(
        self, transport: Transport, auth: Auth, *, timeout: float, resume_command: ResumeCommand
    ) -> None:
        self.transport = transport
        self.clock: Clock = transport.clock
        self.timeout = timeout  # of a call without one, in seconds
        self.resume_command = resume_command
        self.history: History | None = None
        self._auth = auth

    def recording(self, history: History) -> API:
        """Return this API for questions recorded in another history."""
        other = copy.copy(self)
        other.history = history
        return other

    def send(
        self,
        request: Request,
        attempt: Attempt,
        *,
        read: Callable[[Response], _Result],
        describe: Callable[[_Result], dict[str, str]],
        on_send: Callable[[Attempt], None] = lambda _: None,
        unread: dict[Request, Response] | None = None,
    ) -> _Result:
        """Make one attempt with a token; a ConnectyError means that another would not get one."""
        # ``on_send`` is called once there is a token; ``unread`` has responses received but not read in time.
        if unread and (received := unread.pop(request, None)) is not None:
            return read(received)
        bearer = self._auth.bearer(attempt.deadline)
        if isinstance(bearer, Failure):
            # A fetch may wait for the next token, since its question is being processed.
            recovers = request.body is None and self._auth.may_recover(bearer)
            if recovers or bearer.kind is FailureKind.DEADLINE:
                raise RequestFailed(bearer)
            bearer.raise_()
        on_send(attempt)
        try:
            result = self.transport.send(request, attempt, token=bearer.token, read=read, describe=describe)
        except RequestFailed as failed:
            failure = failed.failure
            # A refused question is not sent again.
            if request.body is None and failure.status in _MAY_BE_EXPIRED:
                failed.failure = msgspec.structs.replace(failure, kind=FailureKind.UNAUTHORIZED)
            if failed.failure.kind is FailureKind.UNAUTHORIZED:
                bearer.expires = -math.inf  # a newer token, if one came meanwhile, is still used
                if not bearer.is_accepted:
                    failure.error.args = (str(failure.error).replace(REFUSED, _JUST_ISSUED),)
            raise
        bearer.is_accepted = True
        return result


class Auth:
    """The credentials of one client, and its token."""

    def __init__(self, client_id: SecretStr, client_secret: SecretStr, *, transport: Transport) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._transport = transport
        self._method = "POST"
        # Not a Future that the first caller completes: an interrupt right after it was made would leave all
        # others waiting. An RLock knows its owner.
        self._lock = threading.RLock()
        self._bearer: Bearer | None = None  # valid or not
        #: The last failure, its time, and True if its caller gave up before its deadline.
        self._failed: tuple[Failure, float, bool] | None = None
        self._tried_early = -math.inf  # time of the last try with a changed secret despite a refusal
        self._process_id = os.getpid()
        transport.redact.add_client_id(client_id)
        transport.redact.add("client_secret", client_secret)

    def bearer(self, deadline: Deadline) -> Bearer | Failure:
        """Return a valid token, fetched if need be, or why there is none."""
        if self._process_id != os.getpid():
            # A forked child needs a new lock: a thread of the parent may hold this one.
            self._lock, self._failed, self._process_id = threading.RLock(), None, os.getpid()
        began, bearer = deadline.clock.monotonic(), self._bearer
        if bearer is not None and began < bearer.expires:
            return bearer
        lock = self._lock
        try:
            waited = not lock.acquire(blocking=False)
            if waited and not lock.acquire(timeout=max(deadline.remaining(), 0.0)):
                return self._shared_failure(began, deadline) or self._connection_lost(_NOT_IN_TIME)
            bearer = self._bearer
            if bearer is not None and deadline.clock.monotonic() < bearer.expires:
                return bearer
            is_revoked = bearer is not None and bearer.expires == -math.inf
            if is_revoked and (latest := self._take_latest()) is not None:
                return latest
            failure = self._shared_failure(began, deadline)
            is_early = began - self._tried_early < _COOLDOWN  # a function may return another secret each time
            if failure is not None and not (waited or is_early) and self._has_changed(failure):
                failure, self._tried_early = None, began
            found = failure or self._fetch(deadline)
            if isinstance(found, Bearer):
                return found
            # A failure from before the deadline says more than a lack of time.
            if waited and found.kind is FailureKind.DEADLINE:
                found = self._connection_lost(_NOT_IN_TIME)
            return self._shared_failure(began, deadline) or found
        finally:
            # An interrupt may come before the lock is recorded as held. Only its owner can release it.
            try:  # noqa: SIM105 - ``suppress`` may be interrupted before it has begun
                lock.release()
            except RuntimeError:
                pass

    def may_recover(self, failure: Failure) -> bool:
        """Return True if a token may come later: one came before, and the endpoint is unavailable."""
        unavailable = failure.kind in (FailureKind.CONNECTION_LOST, FailureKind.UNAVAILABLE)
        return unavailable and self._bearer is not None

    def _shared_failure(self, began: float, deadline: Deadline) -> Failure | None:
        """Return another caller's failure if a request of this one, begun then, would do no better."""
        failed, now = self._failed, deadline.clock.monotonic()
        if failed is None:
            return None
        failure, at, is_final = failed
        sharing = _SHARED.get((failure.kind, is_final), _WITH_WAITING if is_final else _WITH_HURRIED)
        is_shared = now - at < sharing.seconds and (at >= began or not sharing.needs_wait)
        has_time = deadline.remaining() > max(sharing.most_left, self._pause(now))
        return failure if is_shared and not has_time else None

    def _pause(self, now: float) -> float:
        """Return the seconds until the endpoint allows another request, if it said so recently."""
        failed = self._failed
        if failed is None:
            return 0.0
        failure, at, _ = failed
        if failure.kind is not FailureKind.RATE_LIMITED or now - at >= _COOLDOWN:
            return 0.0
        return max((failure.retry_after or 0.0) - (now - at), 0.0)

    def _fetch(self, deadline: Deadline) -> Bearer | Failure:
        """Call the endpoint until there is a token; keep each outcome for the waiting threads."""

        def send(attempt: Attempt) -> Bearer:
            try:
                bearer = self._request_token(attempt)
            except RequestFailed as failed:
                failure = failed.failure
            else:
                self._bearer, self._failed = bearer, None
                _LATEST[self._key()] = bearer
                return bearer
            if deadline.remaining() > 0:  # one caller's lack of time does not concern the others
                self._failed = failure, deadline.clock.monotonic(), False
            raise RequestFailed(failure)

        deadline.sleep(self._pause(deadline.clock.monotonic()))
        found = self._transport.retry(send, policy=TOKEN_POLICY, deadline=deadline)
        if self._failed is not None:
            failure, at, _ = self._failed
            self._failed = failure, at, found is failure and deadline.remaining() > 0
        return found

    def _take_latest(self) -> Bearer | None:
        latest = _LATEST.get(self._key())
        if latest is None or latest is self._bearer or latest.expires <= self._transport.clock.monotonic():
            return None
        self._bearer = latest
        self._transport.redact.add("token", latest.token)
        return latest

    def _key(self) -> tuple[Clock, bytes]:
        found = hashlib.sha256(self._transport.address.encode())
        for secret in (self._client_id, self._client_secret):
            found.update(hashlib.sha256(secret.get_secret_value().encode()).digest())
        return self._transport.clock, found.digest()

    def _request_token(self, attempt: Attempt) -> Bearer:
        """Request a token; if a changeable secret is refused, try the current one once."""
        second = _second(attempt)
        try:
            return self._request_by_method(attempt)
        except RequestFailed as failed:
            if not self._has_changed(failed.failure):
                raise
        return self._request_by_method(second)

    def _has_changed(self, failure: Failure) -> bool:
        """Read a refused secret again if it may change; True if it did."""
        before = self._client_secret
        if before.read is not None and failure.status in _CREDENTIALS_REFUSED:
            try:
                self._client_secret = SecretStr(before.read(), before.read)
            except ValueError as error:  # the refusal of the old one says more
                if is_interrupt(error):
                    raise
            self._transport.redact.add("client_secret", self._client_secret)
        return self._client_secret != before

    def _request_by_method(self, attempt: Attempt) -> Bearer:
        """Request a token by the last successful method, and by the other if the endpoint lacks that one."""
        sent_at = attempt.deadline.clock.monotonic()
        method = self._method
        second = _second(attempt)
        try:
            return self._send(method, attempt, sent_at)
        except RequestFailed as failed:
            first = failed.failure
            if not _lacks_method(first):
                raise
        # In the API document, the heading of the endpoint says GET, and its example POST.
        other = {"POST": "GET", "GET": "POST"}[method]
        try:
            bearer = self._send(other, second, sent_at)
        except RequestFailed as failed:
            if _lacks_method(failed.failure):
                failed.failure, first, method = first, failed.failure, other
            append(failed.failure.error, f"To {method} {TOKEN}, it answered {first.status}.")
            raise
        self._method = other
        return bearer

    def _send(self, method: str, attempt: Attempt, sent_at: float) -> Bearer:
        # In one expression: a local variable with the secret would be shown in a traceback with locals.
        fields = {"client_id": self._client_id, "client_secret": self._client_secret}
        request = Request(method, TOKEN, json.dumps(fields, default=SecretStr.get_secret_value).encode())
        try:
            return self._transport.send(request, attempt, read=lambda reply: self._bearer_in(reply, sent_at))
        except RequestFailed as failed:
            failed.failure = self._token_failure(failed.failure, f"{method} {TOKEN}")
            self._transport.explain(failed.failure, attempt)
            raise

    def _bearer_in(self, response: Response, sent_at: float) -> Bearer:
        failure = content_failure(response, self._transport)
        if failure is not None:
            raise RequestFailed(failure)
        try:
            message = read_message(json.loads(response.body), TokenResponse)
        except (ValueError, RecursionError):
            message = None
        # As a header can have it: visible ASCII (RFC 6750, section 2.1).
        if message is None or not re.fullmatch("[!-~]+", message.access_token.get_secret_value()):
            # Its body is not shown, since it may hold the token.
            said = _oauth_error(response.body, self._transport.redact)
            reason = f"its answer to {response.request.method} {TOKEN} has no access_token{said}"
            kind = FailureKind.INVALID_PAYLOAD
            raise RequestFailed(_unusable(response.host, reason, kind=kind, status=response.status))
        token = message.access_token
        self._transport.redact.add("token", token)
        now = http_date(response.headers.get("Date")) or self._transport.clock.now()
        lifetime = _lifetime(message.expires_at, now)
        return Bearer(token, expires=sent_at + lifetime - min(_MARGIN, lifetime * _MARGIN_SHARE))

    def _connection_lost(self, reason: str) -> Failure:
        host = self._transport.host
        message = f"{host} sent no token: {reason}. Nothing else was sent; try again later."
        error = ConnectionFailed(message, host=host, phase="token")
        return Failure(FailureKind.CONNECTION_LOST, error, f"no token was received ({reason})")

    def _token_failure(self, failure: Failure, request: str) -> Failure:
        """Return the failure of a token request. Only a refusal by the endpoint is about credentials."""
        host, status, kind = self._transport.host, failure.status, failure.kind
        if kind is FailureKind.CONNECTION_LOST:
            return self._connection_lost(failure.reason)
        if kind in (FailureKind.UNAVAILABLE, FailureKind.GATEWAY_TIMEOUT, FailureKind.SERVER_ERROR):
            reason = f"no token was received ({failure.reason})"
            return msgspec.structs.replace(failure, kind=FailureKind.UNAVAILABLE, reason=reason)
        if kind in NOT_ABOUT_CREDENTIALS or isinstance(failure.error, ConfigError | ConnectionFailed):
            return failure
        if kind not in (FailureKind.UNAUTHORIZED, FailureKind.REJECTED):
            return _unusable(host, failure.reason, kind=kind, status=status)
        text = " ".join(server_message(failure.body, self._transport.redact).split()).removesuffix(".")
        reason = f"{failure.reason} to {request}{text and f' ({text})'}"
        # An HTML page comes from a proxy or firewall.
        if status not in _CREDENTIALS_REFUSED or failure.body.lstrip()[:1] == b"<":
            return _unusable(host, reason, kind=FailureKind.REJECTED, status=status)
        error = AuthError(f"The credentials were refused: {reason}. {CHECK_CREDENTIALS}", status=status)
        return msgspec.structs.replace(failure, kind=FailureKind.REJECTED, error=error)


def content_failure(response: Response, transport: Transport) -> Failure | None:
    """Return the failure of a success without JSON (empty, or usually a login page), or None for JSON.

    The first byte decides: a server may call JSON text/plain, and a proxy a page JSON.
    """
    if not response.body or response.body.isspace():
        # Cut headers look just like this: another attempt is worthwhile.
        reason = f"{response.host} answered {response.status} with an empty body"
        error = ResponseError(f"{reason}.", host=response.host)
        return Failure(FailureKind.EMPTY_BODY, error, reason, status=response.status)
    content_type, redact = response.headers.get("Content-Type"), transport.redact
    media_type = (content_type or "").partition(";")[0].strip().lower()
    is_named_json = media_type == "application/json" or media_type.endswith("+json")
    begin = response.body[:64].removeprefix(BOM_UTF8).lstrip()[:1]
    if is_named_json and begin != b"<":
        return None
    shown = snippet(redact(content_type)) if content_type else "no content type"
    if begin in (b"{", b"["):
        transport.differs("content type", f"{response.host} sends JSON as {shown}; it is read as JSON.")
        return None
    reason = f"{response.host} answered {response.status} with {shown} instead of JSON"
    error = ResponseError(
        f"{reason}. Is a proxy or single sign-on between here and the API? It begins: "
        f"{preview(response.body, redact)}",
        host=response.host,
        content_type=content_type and terminal(redact(content_type)),
        snippet=snippet(redact(response.body)),
    )
    return Failure(FailureKind.WRONG_CONTENT_TYPE, error, reason, status=response.status, body=response.body)


def _lacks_method(failure: Failure) -> bool:
    """Return True if an endpoint may not have this method: Express says 404 then, AWS's gateway 403."""
    return failure.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED) or (
        failure.status == HTTPStatus.FORBIDDEN and b"Missing Authentication Token" in failure.body
    )


def _oauth_error(body: bytes, redact: Redaction) -> str:
    with contextlib.suppress(ValueError, RecursionError, AttributeError):
        fields = json.loads(body)
        found = [fields.get(name) for name in ("error", "error_description")]
        if said := snippet(redact(": ".join(text for text in found if isinstance(text, str))), 300):
            return f" ({said})"
    return ""


def _second(attempt: Attempt) -> Attempt:
    """Copy an attempt before using it, since reading an error shortens its time."""
    return Attempt(attempt.deadline, connect=attempt.connect, idle=attempt.idle)


def _lifetime(expires_at: object, now: datetime) -> float:
    """Return the seconds from ``now`` to ``expires_at``; a short time for unusable values."""
    try:
        end = datetime.fromisoformat(expires_at) if isinstance(expires_at, str) else None
    except ValueError:
        end = None
    if end is None:
        return _UNKNOWN_LIFETIME
    if end.tzinfo is None:
        end = end.replace(tzinfo=UTC)
    seconds = (end - now).total_seconds()
    return seconds if 0 < seconds <= _MAX_LIFETIME else _UNKNOWN_LIFETIME


def _unusable(host: str, reason: str, *, kind: FailureKind, status: int | None = None) -> Failure:
    of_host = "" if host in reason else f" of {host}"
    error = AuthError(
        f"The token endpoint{of_host} is unusable: {reason}. Check that region or base_url is where your "
        "organisation is registered.",
        status=status,
    )
    return Failure(kind, error, f"the token endpoint is unusable ({reason})", status=status)
