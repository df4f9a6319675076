"""Requests of one client: an attempt, its log line, and further attempts.

:meth:`Transport.send` makes one attempt. No exception of requests, urllib3 or the standard library leaves it:
``exception.request.body`` of a failed token request holds the secret, and so do the locals of their frames.

:meth:`Transport.retry` makes as many attempts as a :data:`RetryPolicy` allows for each kind of failure. The
pause before another is "full jitter" (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog,
2015) or the server's ``Retry-After``, whichever is longer. No attempt begins after the deadline of the call,
and a :class:`RetryBudget` limits the retries that all calls of a client make together.

Redirects are not followed, cookies not kept, ``.netrc`` not read: the adapter is called directly, since
``requests.Session.send`` does all three. Nothing about an adapter changes after it is made, so threads may
share it. ``responses`` and other tools that replace ``HTTPAdapter.send`` see every request.
"""

from __future__ import annotations

import logging
import math
import os
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from random import random
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar
from urllib.request import getproxies

import msgspec
import requests
import urllib3
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from connecty_frames._base import __version__
from connecty_frames._base.text import SecretStr, snippet, terminal
from connecty_frames.errors import ConfigError, InsecureWarning, ProtocolWarning, is_interrupt, warn
from connecty_frames.http import errors
from connecty_frames.http.connection import ATTEMPT, ConnectionAdapter, read_body, tls_context
from connecty_frames.http.models import (
    SUCCESS,
    Attempt,
    Failure,
    FailureKind,
    Request,
    RequestFailed,
    Response,
    causes_of,
    raise_interrupt,
    strip_tracebacks,
)
from connecty_frames.http.redaction import Redaction
from connecty_frames.settings.values import is_loopback

if TYPE_CHECKING:
    from urllib3.response import HTTPResponse

    from connecty_frames._base.clock import Clock, Deadline
    from connecty_frames.settings.values import Settings

_Result = TypeVar("_Result")

# A library's log goes nowhere until the application configures logging.
logging.getLogger("connecty_frames").addHandler(logging.NullHandler())
_LOG: Final = logging.getLogger("connecty_frames.client")

_HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": f"connecty_frames/{__version__} python/{'.'.join(map(str, sys.version_info[:3]))} "
    f"requests/{requests.__version__} {sys.platform}",
}
VERSION_TWICE: Final = "base_url ends in /v1, and paths begin with /v1: remove it there."
#: The variables for certificates, in the order of requests and then of OpenSSL.
_TRUST: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
_MAX_SMALL_BODY: Final = 1024**2  # the longest body without results, in bytes
_ERROR_IDLE: Final = 5.0  # how long a pause in the body of an error may be, in seconds

RetryPolicy = dict[FailureKind, float]  # the attempts for each kind of failure; one if it is missing
CONNECT_ATTEMPTS: Final = 3  # the most attempts to connect


class _Rule(NamedTuple):
    """What follows from a kind of failure."""

    token: float  # attempts at a token request
    ask: float  # a question costs money: it is sent again only if nothing was started
    fetch: float
    may_have_started: bool
    may_pass: bool  # by itself
    not_about_credentials: bool  # plainly


_ROWS: Final = {
    FailureKind.DEADLINE: (1, 1, 1, True, False, True),
    FailureKind.CONNECT: (CONNECT_ATTEMPTS, CONNECT_ATTEMPTS, CONNECT_ATTEMPTS, False, False, True),
    FailureKind.CONNECTION_LOST: (math.inf, 1, math.inf, True, True, False),
    FailureKind.BAD_ENCODING: (2, 1, 2, True, False, False),
    FailureKind.NOT_HTTP: (1, 1, 1, True, False, False),
    FailureKind.TOO_LARGE: (1, 1, 1, True, False, False),
    FailureKind.RATE_LIMITED: (math.inf, math.inf, math.inf, False, True, True),
    FailureKind.UNAVAILABLE: (math.inf, 1, math.inf, True, True, False),
    FailureKind.GATEWAY_TIMEOUT: (math.inf, 1, 3, True, True, False),
    FailureKind.UNAUTHORIZED: (1, 2, 2, False, False, False),
    FailureKind.REJECTED: (1, 1, 1, False, False, False),
    FailureKind.SERVER_ERROR: (1, 1, 3, True, False, False),
    FailureKind.WRONG_CONTENT_TYPE: (1, 1, 1, True, False, False),
    FailureKind.EMPTY_BODY: (3, 1, 3, True, True, False),
    FailureKind.INVALID_PAYLOAD: (1, 1, 3, True, False, True),
}
_RULES: Final = {kind: _Rule(*_ROWS[kind]) for kind in FailureKind}  # each kind has a row
TOKEN_POLICY: Final[RetryPolicy] = {kind: rule.token for kind, rule in _RULES.items()}
ASK_POLICY: Final[RetryPolicy] = {kind: rule.ask for kind, rule in _RULES.items()}
FETCH_POLICY: Final[RetryPolicy] = {kind: rule.fetch for kind, rule in _RULES.items()}
MAY_HAVE_STARTED: Final = frozenset(kind for kind, rule in _RULES.items() if rule.may_have_started)
MAY_PASS: Final = frozenset(kind for kind, rule in _RULES.items() if rule.may_pass)
NOT_ABOUT_CREDENTIALS: Final = frozenset(kind for kind, rule in _RULES.items() if rule.not_about_credentials)
_CONNECT_SECONDS: Final = 10.0  # of all attempts to connect
#: Seconds without a byte until a fetch counts as lost and is tried again. Each loss doubles them.
IDLE_TIMEOUT: Final = 60.0
_MAX_DOUBLINGS: Final = 10  # the most doublings: a month of losses would otherwise exceed the largest float
_MAX_RETRIES: Final = 10.0  # the most retries to save up; each second adds one


class Transport:
    """The connections of one client to the address of its settings; it warns if nothing is verified."""

    # Without ``ca_bundle``, the environment names the certificates to trust, else certifi.

    def __init__(self, settings: Settings, clock: Clock, random: Callable[[], float] = random) -> None:
        if not settings.verify_tls:
            warn(
                InsecureWarning(
                    "verify_tls is False: any server can pose as the API and receive the credentials. For a "
                    "private certificate authority, set ca_bundle= instead."
                )
            )
        self.address = address = settings.address
        self.clock = clock
        self.redact = Redaction()
        prepared = requests.PreparedRequest()
        try:
            prepared.prepare_url(address, None)
        except requests.RequestException:
            raise ConfigError(
                f"base_url={snippet(address)}: expected an address whose host has a valid name.",
                setting="base_url",
            ) from None
        self._sent_address = str(prepared.url).removesuffix("/")  # in ASCII and escaped
        parts = urllib3.util.parse_url(address)
        self.host: str = terminal(str(parts.netloc))
        self._is_plain_http = parts.scheme == "http"
        self._limit = settings.max_body_bytes  # the longest body with results, in bytes after decompression
        self._verify = settings.verify_tls
        self._knows_trust = settings.ca_bundle is not None or not settings.verify_tls
        self._context = tls_context(verify=settings.verify_tls, ca_bundle=settings.ca_bundle)
        #: By the certificates of the environment, since it may change.
        self._adapters: dict[str | None, ConnectionAdapter] = {}
        self.random = random
        self._budget = RetryBudget(clock)
        self._process_id = os.getpid()
        self._closed = False
        self._differences: dict[str, ProtocolWarning] = {}  # the first warning of each kind
        self.observe: Callable[[Response], object] | None = None  # gets each response, whatever its status

    def differs(self, kind: str, message: str) -> None:
        """Warn of a difference from the API document, once for each kind; redact the message."""
        warning = ProtocolWarning(self.redact(message))
        if self._differences.setdefault(kind, warning) is warning:
            warn(warning)

    def explain(self, failure: Failure, attempt: Attempt) -> None:
        """Add the server's request ids to an error, and its cause on this side."""
        errors.name_request(failure.error, attempt.headers, self.redact)
        if failure.status == HTTPStatus.NOT_FOUND and self.address.endswith("/v1"):
            errors.append(failure.error, VERSION_TWICE)

    def close(self) -> None:
        """Close every connection. A later request is a ConfigError."""
        self._closed = True
        for adapter in list(self._adapters.values()):
            adapter.close()

    def retry(
        self, send: Callable[[Attempt], _Result], *, policy: RetryPolicy, deadline: Deadline
    ) -> _Result | Failure:
        """Make attempts until one has a result, a failure forbids another, or no time is left."""
        # The last failure is returned: an exception would keep the frames of the attempt, with headers and
        # bodies in their locals. An interrupt is raised without the frames below this one.
        if self._process_id != os.getpid():
            # A forked child gets connections and a budget of its own. Two processes on one socket would mix
            # their responses, and a lock may be held by a thread that does not exist in the child.
            self._adapters, self._budget = {}, RetryBudget(self.clock)
            self._process_id = os.getpid()
        handled = sys.exception()
        failures = Counter[FailureKind]()
        unconnected_since = deadline.clock.monotonic()
        idle = IDLE_TIMEOUT if policy.get(FailureKind.CONNECTION_LOST, 1) > 1 else math.inf
        while True:
            connect = max(unconnected_since + _CONNECT_SECONDS - deadline.clock.monotonic(), 0.1)
            attempt = Attempt(
                deadline,
                connect=connect / (CONNECT_ATTEMPTS - failures[FailureKind.CONNECT]),
                idle=idle * 2 ** min(failures[FailureKind.CONNECTION_LOST], _MAX_DOUBLINGS),
            )
            try:
                result = send(attempt)
            except RequestFailed as failed:
                failure = failed.failure
            except BaseException as error:
                _forget_interrupted(error, handled)
                raise
            else:
                if self._budget.left < _MAX_RETRIES:
                    self._budget.refund()
                return result
            failures[failure.kind] += 1
            if failures[failure.kind] >= policy.get(failure.kind, 1):
                return failure
            until = unconnected_since + _CONNECT_SECONDS
            if failure.kind is not FailureKind.CONNECT:
                unconnected_since, until = deadline.clock.monotonic(), math.inf
            final = self._wait(failure, failures.total(), until, deadline)
            if final is not None:
                return final

    def _wait(self, failure: Failure, failures: int, until: float, deadline: Deadline) -> Failure | None:
        """Wait until the request may be sent again; return the failure of the call if there is no time."""
        unauthorized = failure.kind is FailureKind.UNAUTHORIZED
        pause = 0.0 if unauthorized else backoff(failures, self.random)
        pause = max(pause, failure.retry_after or 0.0)
        if failure.retry_after is not None and pause >= deadline.remaining():
            return failure  # waiting would only make the same failure come later
        # An attempt that the server itself asks for cannot make an outage worse.
        is_asked_for = failure.kind is FailureKind.RATE_LIMITED and failure.retry_after is not None
        while deadline.clock.monotonic() + pause < until:
            deadline.sleep(pause)
            if deadline.remaining() <= 0:
                break
            pause = 0.0 if unauthorized or is_asked_for else self._budget.acquire()
            if not pause:
                return None
        # An expired token does not mean wrong credentials: no time for another was left.
        return msgspec.structs.replace(failure, kind=FailureKind.DEADLINE) if unauthorized else failure

    def send(
        self,
        request: Request,
        attempt: Attempt,
        *,
        read: Callable[[Response], _Result],
        token: SecretStr | None = None,
        describe: Callable[[_Result], dict[str, str]] = lambda _: {},
    ) -> _Result:
        """Make one attempt, read a complete response with status 2xx, and log one line at DEBUG."""
        # The line helps to find out why a call took so long: it has the id, the state, the time and the size,
        # but no header, question, row or secret. ``describe`` returns attributes of a result for it.
        if self._closed:
            raise ConfigError("This Client is closed; create another.")
        began, outcome, known = self.clock.monotonic(), "interrupted", {"question_id": request.question_id}
        try:
            response = self._receive(request, attempt, token)
            result = read(response)
            if _LOG.isEnabledFor(logging.DEBUG):
                found = describe(result)
                known, outcome = {**known, **found}, " ".join([str(response.status), *found.values()])
        except RequestFailed as failed:
            self.explain(failed.failure, attempt)
            outcome = f"{failed.failure.status or ''} {failed.failure.kind.name}".lstrip()
            raise
        else:
            return result
        finally:
            if _LOG.isEnabledFor(logging.DEBUG):
                measured = round((self.clock.monotonic() - began) * 1000, 3)
                shown = request.method, request.path, outcome, measured, attempt.received.tell()
                extra = {**known, "status": attempt.status, "milliseconds": measured}
                _LOG.debug("%s %s: %s, %.0f ms, %d bytes", *shown, extra=extra)

    def _receive(self, request: Request, attempt: Attempt, token: SecretStr | None) -> Response:
        if attempt.deadline.remaining() <= 0:
            raise RequestFailed(errors.deadline_failure(self.host))
        own = None
        handled = sys.exception()  # the caller's own, if this is called from an except clause
        current = ATTEMPT.set(attempt)
        try:
            prepared = self._prepare(request, token, attempt.request_id)
            proxies = self.proxies()
            adapter = self._shared_adapter(proxies)
            if request.body is not None:
                # A connection from the pool may have been closed unnoticed: it would be unknown whether a
                # question arrived. And a server may answer without reading the body (if its token endpoint
                # takes GET), take the body for a second request, and leave its response on the connection.
                adapter = own = ConnectionAdapter(adapter.context)
            raw_response = adapter.send(
                prepared,
                stream=True,
                # Zero would mean a non-blocking socket.
                timeout=(attempt.connect, max(attempt.deadline.remaining(), 0.001)),
                verify=self._verify,
                proxies=proxies,
            )
            attempt.headers = raw_response.headers
            with closing(raw_response):
                if raw_response.status_code in SUCCESS:
                    limit = self._limit if request.has_results else min(self._limit, _MAX_SMALL_BODY)
                    read_body(raw_response.raw, attempt, limit=limit)
                else:
                    _read_error_body(raw_response.raw, attempt)
        except RequestFailed:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a library raises: none may pass with its traceback
            causes = causes_of(error, keep=handled)
            raise_interrupt(causes)
            strip_tracebacks(causes)
            raise RequestFailed(
                errors.exception_failure(
                    causes, request, attempt, host=self.host, address=self.address, redact=self.redact
                )
            ) from None
        finally:
            ATTEMPT.reset(current)
            if own is not None:
                own.close()
        status, body = raw_response.status_code, attempt.received.getvalue()
        response = Response(request, self.host, status, raw_response.headers, body)
        if self.observe is not None:
            self.observe(response)
        if status not in SUCCESS:
            wait = retry_after(response.headers, self.clock.now())
            raise RequestFailed(errors.status_failure(response, redact=self.redact, retry_after=wait))
        return response

    def _prepare(
        self, request: Request, token: SecretStr | None, request_id: str | None
    ) -> requests.PreparedRequest:
        """Prepare the request by hand: requests takes a third of a millisecond."""
        prepared = requests.PreparedRequest()
        prepared.method, prepared.body = request.method, request.body
        prepared.url = self._sent_address + request.path
        prepared.headers = CaseInsensitiveDict(_HEADERS)
        if request.body is not None:
            prepared.headers["Content-Type"] = "application/json"
            prepared.headers["Content-Length"] = str(len(request.body))
        if request_id is not None:
            prepared.headers["X-Request-Id"] = request_id
        if token is not None:
            prepared.headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        return prepared

    def _shared_adapter(self, proxies: dict[str, str]) -> ConnectionAdapter:
        # Reading them takes milliseconds: each file or folder is read once.
        is_plain = self._is_plain_http and not any(
            proxy.lower().startswith("https:") for proxy in proxies.values()
        )
        variable, trusted = ("", None) if is_plain else self.trusted()
        adapter = self._adapters.get(trusted)
        if adapter is None:
            context = self._context
            if trusted is not None:
                try:
                    context = tls_context(ca_bundle=Path(trusted), setting=variable)
                except ConfigError as error:
                    failure = Failure(FailureKind.REJECTED, error, "the certificates cannot be read")
                    raise RequestFailed(failure) from None
            # Another thread may have made one at the same time.
            adapter = self._adapters.setdefault(trusted, ConnectionAdapter(context, idle=16))
        return adapter

    def trusted(self) -> tuple[str, str | None]:
        """Return the variable for the trusted certificates, and their path; None if the settings decide."""
        if self._knows_trust:
            return "ca_bundle", None
        # The last may list several folders.
        named = (
            (name, path) for name in _TRUST if (path := os.environ.get(name, "").partition(os.pathsep)[0])
        )
        return next(named, ("certifi", DEFAULT_CA_BUNDLE_PATH))

    def proxies(self) -> dict[str, str]:
        """Return the proxies to use as the environment says now, as requests takes them."""
        # Most often there are none, and the rules of requests take longer to say so.
        proxies: dict[str, str] = requests.utils.get_environ_proxies(self.address) if getproxies() else {}
        proxy = requests.utils.select_proxy(self.address, proxies)
        if not proxy:
            return proxies
        if proxy.lower().startswith("socks"):
            raise RequestFailed(errors.socks_failure(self.host))
        if self._is_plain_http and not is_loopback(errors.host_port(proxy).rpartition(":")[0].strip("[]")):
            return {}  # plain HTTP is for this machine alone, so a proxy must not carry it elsewhere
        user, password = requests.utils.get_auth_from_url(proxy)
        if password:  # a secret, alone and as it is sent (RFC 7617)
            self.redact.add("proxy password", SecretStr(password))
            self.redact.add("proxy user and password", SecretStr(f"{user}:{password}"))
        return proxies


def _read_error_body(raw: HTTPResponse, attempt: Attempt) -> None:
    """Read the body of an error as far as it arrives: the status decides."""
    attempt.idle = min(attempt.idle, _ERROR_IDLE)
    handled = sys.exception()  # the caller's own, perhaps raised by a signal handler
    try:
        read_body(raw, attempt, limit=_MAX_SMALL_BODY)
    except Exception as error:  # noqa: BLE001 - whatever a library raises
        raise_interrupt(causes_of(error, keep=handled))


def backoff(failures: int, random: Callable[[], float]) -> float:
    """Return the pause after failures, in seconds: ``random(0, min(8, 0.5 * 2**(failures - 1)))``."""
    return float(random() * min(8.0, 0.5 * 2 ** min(failures - 1, _MAX_DOUBLINGS)))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read ``Retry-After``: seconds or an HTTP date (RFC 9110, section 10.2.3), or None for anything else."""
    # A date is compared with the server's own ``Date`` if it sent one: clocks differ. A past one is ignored.
    value = headers.get("Retry-After")
    if value is not None and re.fullmatch(r"\s*[0-9]{1,15}\s*", value):
        return float(value)
    if value is None or (date := http_date(value)) is None:
        return None
    seconds = (date - (http_date(headers.get("Date")) or now)).total_seconds()
    return seconds if seconds > 0 else None


def http_date(value: str | None) -> datetime | None:
    """Read an HTTP date (RFC 9110, section 5.6.7) as an aware datetime in UTC, or None if it is not one."""
    try:
        date = parsedate_to_datetime(value)  # type: ignore[arg-type]  # None is a ValueError
        # In UTC it may lie after the year 9999, the last of datetime.
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _forget_interrupted(error: BaseException, handled: BaseException | None) -> None:
    """Remove the exception that an interrupt interrupted: it may hold what a server repeated."""
    if is_interrupt(error):
        error.__cause__, error.__context__ = None, handled
        strip_tracebacks(causes_of(error, keep=handled))


class RetryBudget:
    """The shared retries of all calls of one client: a token bucket."""

    # Ten at the start; each retry takes one, each second and each success add one, up to ten. gRPC (gRFC A6)
    # fails a call when none is left; here it waits for one, since its answer was paid for.

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.left = _MAX_RETRIES
        self._counted_at = clock.monotonic()

    def acquire(self) -> float:
        """Take a retry and return 0.0, or return the seconds until there is one."""
        with self._lock:
            now = self._clock.monotonic()
            self.left = min(_MAX_RETRIES, self.left + now - self._counted_at)
            self._counted_at = now
            missing = 1.0 - self.left
            if round(missing, 6) > 0:  # rounding may leave out less
                return missing
            self.left -= 1.0
            return 0.0

    def refund(self) -> None:
        """Add one retry after a success."""
        with self._lock:
            self.left = min(_MAX_RETRIES, self.left + 1.0)
