"""One attempt at a request: send it, read the response, log a line.

:meth:`Transport.send` decides nothing about another attempt. No exception of requests, urllib3 or the
standard library leaves it: ``exception.request.body`` of a failed token request holds the secret, and so do
the locals of their frames.

Redirects are not followed, cookies not kept, ``.netrc`` not read: the adapter is called directly, since
``requests.Session.send`` does all three. Nothing about an adapter changes after it is made, so threads may
share it. ``responses`` and other tools that replace ``HTTPAdapter.send`` see every request.
"""

from __future__ import annotations

import logging
import os
import sys
import zlib
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from random import random
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar
from urllib.request import getproxies

import requests
import urllib3
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from connecty_frames._base.secret import SecretStr
from connecty_frames._base.text import snippet, terminal
from connecty_frames._base.version import __version__
from connecty_frames.errors import ConfigError, InsecureWarning, warn
from connecty_frames.http.connection import ATTEMPT, ConnectionAdapter, seconds_left, tls_context
from connecty_frames.http.errors import (
    deadline_failure,
    exception_failure,
    host_port,
    socks_failure,
    status_failure,
)
from connecty_frames.http.models import (
    SUCCESS,
    BodyEncodingError,
    BodyTooLarge,
    Request,
    RequestFailed,
    Response,
    strip_tracebacks,
)
from connecty_frames.http.redaction import Redaction
from connecty_frames.http.retry import RetryBudget, retry_after
from connecty_frames.settings.values import is_loopback

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterable, Iterator

    from requests.auth import AuthBase
    from urllib3.response import HTTPResponse

    from connecty_frames._base.clock import Clock
    from connecty_frames.http.models import Attempt
    from connecty_frames.settings.values import Settings

_Result = TypeVar("_Result")

# A library's log goes nowhere until the application configures logging.
logging.getLogger("connecty_frames").addHandler(logging.NullHandler())
_LOG: Final = logging.getLogger("connecty_frames.client")

_HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": f"connecty_frames/{__version__}",
}
#: The longest body without results that is read, in bytes.
_MAX_SMALL_BODY: Final = 1024**2
#: How long a pause in the body of an error may be, in seconds.
_ERROR_IDLE: Final = 5.0
#: How much of a body is read and decompressed at a time, in bytes.
_CHUNK: Final = 256 * 1024
#: For ``zlib``: a gzip header and trailer, the largest window.
_GZIP: Final = 31


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
        #: The address as it is sent: in ASCII and escaped.
        self._sent_address = str(prepared.url).removesuffix("/")
        parts = urllib3.util.parse_url(address)
        self.host: str = terminal(str(parts.netloc))
        self._is_plain_http = parts.scheme == "http"
        #: The longest body with results, in bytes after decompression.
        self._limit = settings.max_body_bytes
        self._verify = settings.verify_tls
        self._knows_trust = settings.ca_bundle is not None or not settings.verify_tls
        self._context = tls_context(verify=settings.verify_tls, ca_bundle=settings.ca_bundle)
        #: By the certificates of the environment, since it may change.
        self._adapters: dict[str | None, ConnectionAdapter] = {}
        self._budget = RetryBudget(clock, random)
        self._process_id = os.getpid()
        self._closed = False
        #: Called with each response, whatever its status.
        self.observe: Callable[[Response], object] | None = None

    @property
    def budget(self) -> RetryBudget:
        """The retries that all calls share; every call begins with it."""
        # A forked child gets connections and a budget of its own here. Two processes on one socket would mix
        # their responses, and a lock may be held by a thread that does not exist in the child.
        if self._process_id != os.getpid():
            self._adapters = {}
            self._budget = RetryBudget(self.clock, self._budget.random)
            self._process_id = os.getpid()
        return self._budget

    def close(self) -> None:
        """Close every connection. A later request is a ConfigError."""
        self._closed = True
        for adapter in list(self._adapters.values()):
            adapter.close()

    def send(
        self,
        request: Request,
        attempt: Attempt,
        *,
        read: Callable[[Response], _Result],
        auth: AuthBase | None = None,
        describe: Callable[[_Result], dict[str, str]] = lambda _: {},
    ) -> _Result:
        """Make one attempt, read a complete response with status 2xx, and log one line at DEBUG."""
        # The line is for finding out why a call took so long. So it has the id, the state, the time and the
        # size, and nothing that was sent or received: no header, question, row or secret. ``describe``
        # returns the attributes that its record gets from a result, without secrets.
        if self._closed:
            raise ConfigError("This Client is closed; make another.")
        began, outcome, known = self.clock.monotonic(), "interrupted", {"question_id": request.question_id}
        try:
            response = self._receive(request, attempt, auth)
            if self.observe is not None:
                self.observe(response)
            if response.status not in SUCCESS:
                self._raise_for_status(response)
            result = read(response)
            if _LOG.isEnabledFor(logging.DEBUG):
                found = describe(result)
                known, outcome = {**known, **found}, " ".join([str(response.status), *found.values()])
        except RequestFailed as failed:
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

    def _receive(self, request: Request, attempt: Attempt, auth: AuthBase | None) -> Response:
        """Send a request and read its response; RequestFailed if there is none, whatever a library raises."""
        if attempt.deadline.remaining() <= 0:
            raise RequestFailed(deadline_failure(self.host))
        own = None
        handled = sys.exception()  # the caller's own, if this is called from an except clause
        current = ATTEMPT.set(attempt)
        try:
            proxies = self.proxies()
            adapter = self._shared_adapter(proxies)
            if request.body is not None:
                # A connection from the pool may have been closed unnoticed: it would be unknown whether a
                # question arrived. And a server that answers without reading the body, as one may whose token
                # endpoint takes GET, takes the body for a second request and leaves the response to that on
                # the connection.
                adapter = own = ConnectionAdapter(adapter.context)
            raw_response = adapter.send(
                self._prepare(request, auth),
                stream=True,
                # Zero would mean a socket that does not wait at all.
                timeout=(attempt.connect, max(attempt.deadline.remaining(), 0.001)),
                verify=self._verify,
                proxies=proxies,
            )
            with closing(raw_response):
                if raw_response.status_code in SUCCESS:
                    limit = self._limit if request.has_results else min(self._limit, _MAX_SMALL_BODY)
                    in_time = partial(seconds_left, attempt)
                    read_body(raw_response.raw, attempt.received, limit=limit, in_time=in_time)
                else:
                    _read_error_body(raw_response.raw, attempt)
        except RequestFailed:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a library raises: none may pass with its traceback
            causes = strip_tracebacks(error, keep=handled)
            raise RequestFailed(
                exception_failure(
                    causes, request, attempt, host=self.host, address=self.address, redact=self.redact
                )
            ) from None
        finally:
            ATTEMPT.reset(current)
            if own is not None:
                own.close()
        status, body = raw_response.status_code, attempt.received.getvalue()
        return Response(request, self.host, status, raw_response.headers, body)

    def _prepare(self, request: Request, auth: AuthBase | None) -> requests.PreparedRequest:
        """Return the request as requests would prepare it, which takes a third of a millisecond."""
        prepared = requests.PreparedRequest()
        prepared.method, prepared.body = request.method, request.body
        prepared.url = self._sent_address + request.path
        prepared.headers = CaseInsensitiveDict(_HEADERS)
        if request.body is not None:
            prepared.headers["Content-Type"] = "application/json"
            prepared.headers["Content-Length"] = str(len(request.body))
        return prepared if auth is None else auth(prepared)

    def _shared_adapter(self, proxies: dict[str, str]) -> ConnectionAdapter:
        """Return the adapter that trusts the certificates which the environment names now."""
        # Reading them takes milliseconds, so that each file or folder is read once.
        is_plain = self._is_plain_http and not any(
            proxy.lower().startswith("https:") for proxy in proxies.values()
        )
        trusted = None if is_plain else self.trusted()
        adapter = self._adapters.get(trusted)
        if adapter is None:
            context = self._context
            if trusted is not None:
                context = tls_context()
                is_folder = Path(trusted).is_dir()
                context.load_verify_locations(None if is_folder else trusted, trusted if is_folder else None)
            # Another thread may have made one at the same time.
            adapter = self._adapters.setdefault(trusted, ConnectionAdapter(context, idle=16))
        return adapter

    def trusted(self) -> str | None:
        """Return the certificates to trust as the environment says now, or None if the settings decide."""
        if self._knows_trust:
            return None
        environ = os.environ.get
        return environ("REQUESTS_CA_BUNDLE") or environ("CURL_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH

    def proxies(self) -> dict[str, str]:
        """Return the proxies to use as the environment says now, as requests takes them."""
        # Most often there are none, and the rules of requests take longer to say so.
        proxies: dict[str, str] = requests.utils.get_environ_proxies(self.address) if getproxies() else {}
        proxy = requests.utils.select_proxy(self.address, proxies)
        if not proxy:
            return proxies
        if proxy.lower().startswith("socks"):
            raise RequestFailed(socks_failure(self.host))
        if self._is_plain_http and not is_loopback(host_port(proxy).rpartition(":")[0].strip("[]")):
            return {}  # plain HTTP is for this machine alone, so a proxy must not carry it elsewhere
        user, password = requests.utils.get_auth_from_url(proxy)
        if password:  # a secret, alone and as it is sent (RFC 7617)
            self.redact.add("proxy password", SecretStr(password))
            self.redact.add("proxy user and password", SecretStr(f"{user}:{password}"))
        return proxies

    def _raise_for_status(self, response: Response) -> NoReturn:
        wait = retry_after(response.headers, self.clock.now())
        raise RequestFailed(status_failure(response, redact=self.redact, retry_after=wait))


def read_body(
    raw: HTTPResponse, into: io.BytesIO, *, limit: int, in_time: Callable[[], object] = lambda: None
) -> None:
    """Read at most ``limit`` bytes of a body into ``into``, which keeps what came before an exception."""
    # ``in_time`` is called for each piece, since a little gzip may take long to decompress.
    named = (raw.headers.get("Content-Encoding") or "identity").strip()
    encoding = named.lower()
    # ``read`` would lose the beginning of a body that is then cut.
    pieces: Iterable[bytes] = iter(partial(raw.read1, _CHUNK, decode_content=False), b"")
    if encoding in ("gzip", "x-gzip"):
        pieces = _decompressed(pieces)
    elif encoding != "identity":
        raise BodyEncodingError(f"its encoding is {named!r}, which was not requested")
    for piece in pieces:
        in_time()
        if into.tell() + len(piece) > limit:
            raise BodyTooLarge(f"the answer is longer than the limit of {limit} bytes")
        into.write(piece)


def _decompressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress gzip in pieces; an empty body is left empty, for the caller to judge."""
    stream, started = zlib.decompressobj(_GZIP), False
    for piece in pieces:
        packed = piece
        while packed:
            if stream.eof:  # RFC 1952, section 2.2: members may follow one another
                stream = zlib.decompressobj(_GZIP)
            started = True
            try:
                yield stream.decompress(packed, _CHUNK)
            except zlib.error as error:
                raise BodyEncodingError(f"it is not valid gzip ({error})") from None
            packed = stream.unconsumed_tail or stream.unused_data
    if started and not stream.eof:
        raise BodyEncodingError("its gzip stream is incomplete")


def _read_error_body(raw: HTTPResponse, attempt: Attempt) -> None:
    """Read what arrives of an error's body, complete or not: its status decides."""
    attempt.idle = min(attempt.idle, _ERROR_IDLE)
    with suppress(Exception):
        in_time = partial(seconds_left, attempt)
        read_body(raw, attempt.received, limit=_MAX_SMALL_BODY, in_time=in_time)
