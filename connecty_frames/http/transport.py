"""One request out, one outcome back; foreign exceptions are mapped here and nowhere else.

:meth:`Transport.send` makes a single attempt and decides nothing about another. No exception of requests,
urllib3 or the standard library leaves it: ``exception.request.body`` of a failed token call holds the
secret, and so do the locals of their frames. For the same reason an interrupt goes on with the traceback
cut at our door.

Redirects are not followed, cookies not kept, ``.netrc`` not read: the adapter is called directly, for
``Session.send`` does all three. The session is there for its adapters and for the environment's proxies and
CA bundles, which it only reads; nothing about it changes after it is made, so threads may share it.
"""

from __future__ import annotations

import http.client
import os
import ssl
import sys
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import requests
import urllib3
from pydantic import SecretStr

from connecty_frames.config import LARGEST_BODY, is_loopback
from connecty_frames.errors import (
    ConfigError,
    ConnectionFailed,
    ConnectyError,
    ResponseError,
    ResponseTooLarge,
)
from connecty_frames.http.connection import ATTEMPT, Attempt, ConnectionAdapter, InterimError, tls_context
from connecty_frames.http.errors import client_certificate_failure, status_failure
from connecty_frames.http.models import Failure, FailureKind, Request, Response, is_success, strip_tracebacks
from connecty_frames.http.retry import AttemptTimeouts, RetryBudget, retry_after
from connecty_frames.text import snippet, terminal
from connecty_frames.version import __version__

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from urllib3.response import HTTPResponse

    from connecty_frames.clock import Clock, Deadline
    from connecty_frames.http.redaction import Redaction

__all__ = ["BodyEncodingError", "BodyTooLarge", "Transport", "read_body"]

_STEP: Final = 256 * 1024
#: For ``zlib``: a gzip header and trailer, the largest window.
_GZIP: Final = 31


class BodyEncodingError(Exception):
    """The body is not packed as its headers say, or the packing lost its end."""


class BodyTooLarge(Exception):
    """The body is longer than the limit."""


def read_body(
    raw: HTTPResponse, into: io.BytesIO, *, limit: int, in_time: Callable[[], object] = lambda: None
) -> None:
    """Read a body into ``into``, which holds what came when an exception says that it is not whole.

    Parameters
    ----------
    limit
        The longest body that is read, in bytes after unpacking.
    in_time
        Called for each piece, and raises once there is no time left: a little of gzip can be long unpacked.

    Raises
    ------
    BodyEncodingError, BodyTooLarge
        As they say; what urllib3 raises (a body cut short, a timeout) passes through.
    """
    named = (raw.headers.get("Content-Encoding") or "identity").strip()
    encoding = named.lower()
    pieces = _pieces(raw)
    if encoding in ("gzip", "x-gzip"):
        pieces = _unpacked(pieces, limit + 1)
    elif encoding != "identity":
        raise BodyEncodingError(f"it is packed with {named!r}, which was not asked for")
    for piece in pieces:
        in_time()
        if into.tell() + len(piece) > limit:
            raise BodyTooLarge(f"the answer is longer than the limit of {limit} bytes")
        into.write(piece)


def _pieces(raw: HTTPResponse) -> Iterator[bytes]:
    """Give what each read brings: ``read`` would lose the beginning of a body that is then cut."""
    while piece := raw.read1(_STEP, decode_content=False):
        yield piece


def _unpacked(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Unpack gzip, a step at a time; an empty body is left empty, for the caller to judge."""
    stream, started = zlib.decompressobj(_GZIP), False
    for piece in pieces:
        packed = piece
        while packed:
            if stream.eof:  # RFC 1952, section 2.2: members may follow one another
                stream = zlib.decompressobj(_GZIP)
            started = True
            try:
                yield stream.decompress(packed, min(_STEP, limit))
            except zlib.error as error:
                raise BodyEncodingError(f"it is no sound gzip ({error})") from None
            packed = stream.unconsumed_tail or stream.unused_data
    while started and not stream.eof:
        rest = stream.decompress(b"", _STEP)
        if not rest:
            raise BodyEncodingError("its gzip stream lost its end")
        yield rest


#: The shortest timeout there is, in seconds: zero would mean a socket that does not wait at all.
_MOMENT: Final = 0.001
#: The longest body of an error that is read, in bytes, and how long a pause in it may be, in seconds.
_LARGEST_REFUSAL: Final = 1024**2
_REFUSAL_IDLE: Final = 5.0

#: What to look at when no connection could be made, by how far it came.
_ADVICE: Final = {
    "resolve": "The name is not known here: check region or base_url, and the network or VPN.",
    "connect": "Nobody answers there: check region or base_url, the network, VPN and firewall.",
    "tls": "No trusted TLS connection could be made. Where a company proxy has a certificate of its own, "
    "give its CA bundle",
    "certificate": "The server may want a client certificate, which connecty_frames has none of, or TLS "
    "versions and ciphers that this machine does not have. Ask its administrator.",
    "proxy": "Check the proxy named in HTTPS_PROXY or HTTP_PROXY, and NO_PROXY.",
}

#: The alerts with which a server ends TLS if it was shown no certificate: from TLS 1.3 on the first, which
#: comes after the request and says that it was never read (RFC 8446, section 4.4.2.4); before, another.
_CERTIFICATE_REQUIRED: Final = "CERTIFICATE_REQUIRED"
_PERHAPS_REQUIRED: Final = ("HANDSHAKE_FAILURE", "BAD_CERTIFICATE")

#: What to do about a failure, in Python and on the command line.
_CA_BUNDLE: Final = {
    "hint": "as ca_bundle= or in CONNECTY_CA_BUNDLE; REQUESTS_CA_BUNDLE is read too.",
    "shell_hint": "in CONNECTY_CA_BUNDLE; REQUESTS_CA_BUNDLE is read too.",
}
_HINTS: Final = {
    FailureKind.TOO_LARGE: {
        "hint": "Ask for fewer rows (max_rows=), or raise the limit: max_body_bytes=, or "
        "CONNECTY_MAX_BODY_BYTES.",
        "shell_hint": "Ask for fewer rows (--max-rows), or set CONNECTY_MAX_BODY_BYTES.",
    },
    FailureKind.NOT_HTTP: {"hint": "Check base_url, and the proxies on the way there."},
}

#: What ended an exchange under way, the most telling first: exception -> kind, words.
_SEEN: Final[tuple[tuple[type[BaseException], FailureKind, str], ...]] = (
    (BodyTooLarge, FailureKind.TOO_LARGE, "{detail}"),
    (MemoryError, FailureKind.TOO_LARGE, "the answer is longer than the memory there is for it"),
    (BodyEncodingError, FailureKind.BAD_ENCODING, "the body of the answer cannot be unpacked: {detail}"),
    (InterimError, FailureKind.NOT_HTTP, "{detail}"),
    (
        http.client.RemoteDisconnected,
        FailureKind.CONNECTION_LOST,
        "the connection was closed without an answer",
    ),
    (http.client.IncompleteRead, FailureKind.CONNECTION_LOST, "the answer was cut after {received} bytes"),
    (
        urllib3.exceptions.IncompleteRead,
        FailureKind.CONNECTION_LOST,
        "the answer was cut after {received} bytes",
    ),
    (ConnectionResetError, FailureKind.CONNECTION_LOST, "the connection was reset"),
    (BrokenPipeError, FailureKind.CONNECTION_LOST, "the connection was closed while sending"),
    (urllib3.exceptions.ReadTimeoutError, FailureKind.CONNECTION_LOST, "no answer came in time"),
    (TimeoutError, FailureKind.CONNECTION_LOST, "no answer came in time"),
    (requests.Timeout, FailureKind.CONNECTION_LOST, "no answer came in time"),
    (http.client.HTTPException, FailureKind.NOT_HTTP, "the answer was not HTTP"),
    (urllib3.exceptions.InvalidHeader, FailureKind.NOT_HTTP, "the answer had headers that cannot be read"),
    (UnicodeError, FailureKind.NOT_HTTP, "the answer had headers that cannot be read"),
    (OSError, FailureKind.CONNECTION_LOST, "the connection failed"),
    (Exception, FailureKind.CONNECTION_LOST, "the connection failed"),
)


class Transport:
    """The connections of one client to one address.

    Parameters
    ----------
    address
        The base address, without a final slash.
    redact
        The secrets that nothing a server says may show.
    limit
        The longest body that is read, in bytes after unpacking.
    verify
        Whether the server must prove by a certificate who it is.
    ca_bundle
        The certificates to trust, a file or folder; None leaves it to the environment and to requests.

    Raises
    ------
    ConfigError
        Where there are no certificates in ``ca_bundle``.
    """

    def __init__(
        self,
        address: str,
        *,
        clock: Clock,
        redact: Redaction,
        limit: int = LARGEST_BODY,
        verify: bool = True,
        ca_bundle: Path | None = None,
    ) -> None:
        self.address = address
        self.clock = clock
        self.redact = redact
        parts = urllib3.util.parse_url(address)
        self.host = terminal(parts.netloc or "")
        #: Then it is on this machine, and what goes there must not leave it by way of a proxy.
        self._is_plain_http = parts.scheme == "http"
        self._limit = limit
        self._verify = verify
        self._ca_bundle = None if ca_bundle is None else str(ca_bundle)
        self._context = tls_context(verify=verify, ca_bundle=ca_bundle)
        self._session = self._new_session()
        self._budget = RetryBudget(clock)
        self._process = os.getpid()
        self._closed = False

    @property
    def budget(self) -> RetryBudget:
        """The retries that all calls share."""
        self._settle()
        return self._budget

    def close(self) -> None:
        """Close every connection. A later request is a ConfigError."""
        self._closed = True
        self._session.close()

    def send(self, call: Request, *, deadline: Deadline, limits: AttemptTimeouts) -> Response | Failure:
        """Make one attempt.

        Returns
        -------
        Response or Failure
            A reply has a status of 2xx and its whole body.

        Raises
        ------
        ConfigError
            Where the client is closed.
        """
        if self._closed:
            raise ConfigError("This Client is closed; make another.")
        if deadline.remaining() <= 0:
            late = ConnectionFailed(
                f"No time was left to send to {self.host}; nothing was sent.", host=self.host
            )
            return Failure(FailureKind.DEADLINE, late, "no time was left")
        attempt = Attempt(deadline, limits.connect, limits.idle)
        handled = sys.exception()  # the caller's own, if this is called from an except clause
        current = ATTEMPT.set(attempt)
        try:
            outcome: Response | Failure | BaseException = self._exchange(call, attempt)
        except BaseException as error:  # noqa: BLE001 - see the top: none may pass with its traceback
            outcome = error
        finally:
            ATTEMPT.reset(current)
        if isinstance(outcome, Response):
            wait = retry_after(outcome.headers, self.clock.now())
            return status_failure(outcome, redact=self.redact, wait=wait) or outcome
        if isinstance(outcome, Failure):
            return outcome
        causes = strip_tracebacks(outcome, but=handled)
        if not isinstance(outcome, Exception):
            raise outcome
        received = call.received.getvalue()
        if attempt.status is not None and not is_success(attempt.status):
            # Headers that cannot be read change nothing about a status that says no.
            refused = status_failure(
                Response(call, self.host, attempt.status, {}, received), redact=self.redact
            )
            if refused is not None:
                return refused
        return self._failure(causes, attempt, received)

    def _exchange(self, call: Request, attempt: Attempt) -> Response | Failure:
        """Send and read. What came is left in the call and the attempt when an exception ends it."""
        session = self._new_session() if call.fresh else self._shared_session()
        try:
            request = requests.Request(
                call.method,
                self.address + call.path,
                headers=_headers(call),
                data=call.body,
                auth=call.auth,
            ).prepare()
            settings = session.merge_environment_settings(
                request.url or "", proxies={}, stream=True, verify=self._ca_bundle, cert=None
            )
            proxy = requests.utils.select_proxy(request.url or "", settings["proxies"])
            if proxy and proxy.lower().startswith("socks"):
                return self._socks_failure()
            if proxy and self._is_plain_http and not is_loopback(_host_port(proxy).rpartition(":")[0]):
                settings["proxies"] = {}
            elif proxy:
                self._hide_password(proxy)
            response = session.get_adapter(self.address).send(
                request,
                stream=True,
                timeout=(attempt.connect, max(attempt.deadline.remaining(), _MOMENT)),
                # Only a setting of ours turns it off: an empty CURL_CA_BUNDLE would otherwise, unseen.
                verify=(settings["verify"] or True) if self._verify else False,
                proxies=settings["proxies"],
            )
            try:
                self._read(response, call, attempt)
            finally:
                response.close()
        finally:
            if call.fresh:
                session.close()
        return Response(call, self.host, response.status_code, response.headers, call.received.getvalue())

    def _hide_password(self, proxy: str) -> None:
        """Take the password of a proxy for the secret that it is, alone and as it is sent (RFC 7617)."""
        user, password = requests.utils.get_auth_from_url(proxy)
        if password:
            self.redact.add("proxy password", SecretStr(password))
            self.redact.add("proxy user and password", SecretStr(f"{user}:{password}"))

    def _read(self, response: requests.Response, call: Request, attempt: Attempt) -> None:
        """Read the body; of an error as much as comes, since its status alone decides."""
        if is_success(response.status_code):
            read_body(response.raw, call.received, limit=self._limit, in_time=attempt.seconds_left)
            return
        attempt.idle = min(attempt.idle, _REFUSAL_IDLE)
        with suppress(Exception):
            read_body(response.raw, call.received, limit=_LARGEST_REFUSAL, in_time=attempt.seconds_left)

    def _shared_session(self) -> requests.Session:
        self._settle()
        return self._session

    def _settle(self) -> None:
        """Have a session and a budget of its own in a forked child.

        Two processes on one socket mix their answers, and a lock may be held by a thread that is not there.
        """
        if self._process != os.getpid():
            self._session, self._budget, self._process = (
                self._new_session(),
                RetryBudget(self.clock),
                os.getpid(),
            )

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        session.mount("https://", ConnectionAdapter(self._context))
        session.mount("http://", ConnectionAdapter(self._context))
        return session

    def _failure(self, causes: list[BaseException], attempt: Attempt, received: bytes) -> Failure:
        """Map a foreign exception and all it wraps; a text is shown only where it cannot hold a secret."""
        if attempt.phase is None and not isinstance(causes[0], requests.ConnectionError | requests.Timeout):
            return self._unusable_settings()
        if _alerted(causes, _CERTIFICATE_REQUIRED):
            return client_certificate_failure(self.host)
        if attempt.phase not in (None, "sent"):
            return self._connect_failure(causes, attempt)
        cause, kind, words = _recognize(causes)
        seen = words.format(detail=snippet(self.redact(str(cause))), received=len(received))
        error_class = ResponseTooLarge if kind is FailureKind.TOO_LARGE else ResponseError
        message = f"No usable answer from {self.host}: {seen}."
        return Failure(
            kind,
            error_class(
                message, host=self.host, snippet=snippet(self.redact(received)), **_HINTS.get(kind, {})
            ),
            seen,
            status=attempt.status,
            body=received,
        )

    def _unusable_settings(self) -> Failure:
        """Refuse what no request could be made of: a proxy's address or a CA bundle, as ours is checked."""
        error = ConfigError(
            f"No request to {self.host} could be made; nothing was sent. Check base_url and the environment: "
            "HTTPS_PROXY and HTTP_PROXY must be addresses, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE files that "
            "exist."
        )
        return Failure(FailureKind.REJECTED, error, "no request could be made")

    def _socks_failure(self) -> Failure:
        """Refuse a SOCKS proxy: a connection through one is none of ours."""
        error = ConfigError(
            f"The proxy for {self.host} is a SOCKS proxy; nothing was sent. Through one it could not be told "
            "whether a question was sent, nor a deadline be kept. Name an HTTP proxy in HTTPS_PROXY, or list "
            "the host in NO_PROXY (ALL_PROXY counts where no other is named)."
        )
        return Failure(FailureKind.REJECTED, error, "the proxy is a SOCKS proxy")

    def _connect_failure(self, causes: list[BaseException], attempt: Attempt) -> Failure:
        reasons = (reason for cause in causes if (reason := _reason(cause)))
        reason = snippet(self.redact(next(reasons, type(causes[0]).__name__)))
        behind_proxy = attempt.dialled != _host_port(self.address)
        phase = "proxy" if behind_proxy and attempt.phase != "tls" else attempt.phase or "connect"
        host = attempt.dialled if phase == "proxy" else _host_port(self.address)
        if phase == "proxy" and any(" 407 " in f"{cause} " for cause in causes if isinstance(cause, OSError)):
            refused: ConnectyError = ConfigError(
                f"The proxy {host} asks for a user and password, or refuses those it got (407); nothing was "
                "sent. Check HTTPS_PROXY or HTTP_PROXY."
            )
            return Failure(FailureKind.REJECTED, refused, "the proxy answered 407", status=407)
        advice = _ADVICE["certificate" if _alerted(causes, *_PERHAPS_REQUIRED) else phase]
        message = f"No connection to {host} ({phase}: {reason}); nothing was sent. {advice}"
        hints = _CA_BUNDLE if advice is _ADVICE["tls"] else {}
        return Failure(
            FailureKind.CONNECT,
            ConnectionFailed(message, host=host, phase=phase, **hints),
            f"no connection to {host}",
        )


def _headers(call: Request) -> dict[str, str]:
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "User-Agent": f"connecty_frames/{__version__}",
    }
    return headers if call.body is None else {**headers, "Content-Type": "application/json"}


def _host_port(address: str) -> str:
    parts = urllib3.util.parse_url(address)
    host = (parts.host or "").strip("[]")
    return f"{host}:{parts.port or {'http': 80, 'https': 443}.get(parts.scheme or '', 0)}"


def _alerted(causes: list[BaseException], *alerts: str) -> bool:
    """Whether the other end gave one of these alerts of TLS."""
    reasons = [cause.reason or "" for cause in causes if isinstance(cause, ssl.SSLError)]
    return any(reason.endswith(f"_ALERT_{alert}") for reason in reasons for alert in alerts)


def _recognize(causes: list[BaseException]) -> tuple[BaseException, FailureKind, str]:
    return next(
        (cause, kind, words) for known, kind, words in _SEEN for cause in causes if isinstance(cause, known)
    )


def _reason(cause: BaseException) -> str | None:
    """Give the operating system's own words; those of requests may show a proxy's address and password."""
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, requests.RequestException | urllib3.exceptions.HTTPError):
        return None
    if isinstance(cause, UnicodeError):
        return "the name cannot be looked up"
    if isinstance(cause, OSError):
        return (cause.strerror or str(cause)) if cause.args else None
    return None
