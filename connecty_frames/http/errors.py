"""The one map from statuses and foreign exceptions to failures.

The API document leaves error statuses and bodies open. So statuses mean what RFC 9110, section 15 and RFC
6585, section 4 say, and a body is shown as far as a person can read it.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping, Sequence
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
import urllib3
from requests import Timeout
from urllib3.exceptions import DecodeError, InvalidHeader, ReadTimeoutError

from connecty_frames._base.text import counted, excerpt, sentence, snippet, with_excerpt
from connecty_frames.errors import (
    APIError,
    AuthError,
    ConfigError,
    ConnectionFailed,
    ConnectyError,
    NotFoundError,
    RateLimitError,
    ResponseError,
    ResponseTooLarge,
    ServerError,
)
from connecty_frames.http.models import SUCCESS, Failure, FailureKind, Response, UnusableResponse

if TYPE_CHECKING:
    from connecty_frames.http.models import Attempt, Request
    from connecty_frames.http.redaction import Redaction

#: Advice for refused credentials.
CHECK_CREDENTIALS: Final = (
    "Check client_id and client_secret, and that region or base_url is where your organisation is registered."
)
REFUSED: Final = f"The credentials were refused. {CHECK_CREDENTIALS}"
_FORBIDDEN: Final = f"These credentials may not do this. {CHECK_CREDENTIALS.replace(' ', ' dw_id, ', 1)}"
_PROXY_REFUSED: Final = "Check the user and password of the proxy in HTTPS_PROXY or HTTP_PROXY"
#: status -> error, kind, advice ("{again} {when}"). Others are looked up by their first digit.
_STATUSES: Final[dict[int, tuple[type[ConnectyError], FailureKind, str]]] = {
    401: (AuthError, FailureKind.UNAUTHORIZED, REFUSED),
    403: (AuthError, FailureKind.REJECTED, _FORBIDDEN),
    404: (NotFoundError, FailureKind.REJECTED, "Check dw_id, and question_id if you gave one"),
    407: (ConfigError, FailureKind.REJECTED, _PROXY_REFUSED),
    408: (APIError, FailureKind.UNAVAILABLE, "The service did not get the request in time; {again} {when}"),
    429: (RateLimitError, FailureKind.RATE_LIMITED, "Too many requests; {again} {when} or ask fewer at once"),
    # Statuses above 504 are Cloudflare's: the service behind it does not answer.
    **dict.fromkeys(
        (502, *range(520, 524), *range(525, 531)),
        (ServerError, FailureKind.UNAVAILABLE, "The service cannot be reached at the moment; {again} {when}"),
    ),
    503: (ServerError, FailureKind.UNAVAILABLE, "The service is unavailable at the moment; {again} {when}"),
    **dict.fromkeys(
        (504, 524),
        (ServerError, FailureKind.GATEWAY_TIMEOUT, "The service did not answer in time; {again} {when}"),
    ),
    3: (
        ConfigError,
        FailureKind.REJECTED,
        "Redirects are never followed: they could leak credentials. Set base_url to the API's address",
    ),
    4: (APIError, FailureKind.REJECTED, ""),
    5: (ServerError, FailureKind.SERVER_ERROR, "The fault is the server's; {again} {when}"),
}
#: Headers with a request id, from servers, gateways and proxies. The first one found is the id of the error.
_REQUEST_IDS: Final = (
    "X-Request-Id",
    "Request-Id",
    "X-Correlation-Id",
    "X-Amzn-RequestId",
    "X-Amzn-Trace-Id",
    "CF-Ray",
    "X-MS-Request-Id",
    "traceparent",
)
#: The usual fields of a message in JSON error bodies, the most specific first.
_MESSAGE_FIELDS: Final = ("message", "detail", "error_description", "error", "title", "msg")
_search_title: Final = re.compile(r"(?i)<(?:title|h1)\b[^<>]*+>\s*+([^<]++)").search  # the heading of a page
#: How much of a body is searched, in bytes, and how much of its message is shown, in characters.
_MAX_SEARCHED: Final = 65_536
_MAX_SHOWN: Final = 300
#: Pages of nginx and IIS about a missing client certificate; others end TLS with an alert.
_NO_CERTIFICATE: Final = re.compile(
    rb"No required SSL certificate|Client Certificate Required", re.IGNORECASE
)

_search_login: Final = re.compile(r"log-?[io]n|sign-?in|\bsso\b|saml|oauth|\bauth", re.IGNORECASE).search
#: Advice if no connection could be made, by its phase.
_ADVICE: Final = {
    "resolve": "The host is unknown: check region or base_url, and the network or VPN.",
    "connect": "No server answers there: check region or base_url, the network, VPN and firewall.",
    "tls": "No trusted TLS connection could be made. If a company proxy has its own certificate, pass its CA "
    "bundle",
    "dates": "The certificate is not valid at this machine's time: set the clock, or have the administrator "
    "of the server or proxy renew it.",
    "host": "The certificate is for another host: check region or base_url; a proxy or login page may have "
    "answered instead.",
    "plain": "What answers there speaks plain HTTP, or something else that is no TLS: check the scheme and "
    "port of base_url and HTTPS_PROXY.",
    "certificate": "The server may require a client certificate, which connecty_frames does not support, or "
    "TLS versions and ciphers that this machine does not have. Ask its administrator.",
    "proxy": "Check the proxy named in HTTPS_PROXY or HTTP_PROXY, and NO_PROXY.",
}
#: The advice for an error of TLS, by OpenSSL's code for the certificate or its reason.
_TLS_ADVICE: Final[dict[object, str]] = {
    **dict.fromkeys((9, 10), "dates"),
    **dict.fromkeys((62, 64), "host"),
    **dict.fromkeys(("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"), "plain"),
}
#: Hints for a failure, in Python and on the command line.
_HINTS: Final[dict[FailureKind | str, dict[str, str]]] = {
    "tls": {
        "hint": "as ca_bundle= or in CONNECTY_CA_BUNDLE; REQUESTS_CA_BUNDLE is read too.",
        "shell_hint": "in CONNECTY_CA_BUNDLE; REQUESTS_CA_BUNDLE is read too.",
    },
    FailureKind.TOO_LARGE: {
        "hint": "Ask for fewer rows (max_rows=), or raise the limit: max_body_bytes=, or "
        "CONNECTY_MAX_BODY_BYTES.",
        "shell_hint": "Ask for fewer rows (--max-rows), or set CONNECTY_MAX_BODY_BYTES.",
    },
    FailureKind.NOT_HTTP: {"hint": "Check base_url, and any proxies in between."},
    FailureKind.BAD_ENCODING: {"hint": "Check any proxies in between."},
}
#: Ends of an exchange after the request was sent, the most specific first: exception, kind, reason.
_EXCEPTIONS: Final[tuple[tuple[Any, FailureKind, str], ...]] = (
    (UnusableResponse, FailureKind.NOT_HTTP, "{detail}"),  # or its own kind
    (MemoryError, FailureKind.TOO_LARGE, "the answer does not fit in memory"),
    (DecodeError, FailureKind.BAD_ENCODING, "the body of the answer cannot be decompressed: {detail}"),
    (RemoteDisconnected, FailureKind.CONNECTION_LOST, "the connection was closed without an answer"),
    (IncompleteRead, FailureKind.CONNECTION_LOST, "the answer was cut after {received}"),
    (ConnectionResetError, FailureKind.CONNECTION_LOST, "the connection was reset"),
    (BrokenPipeError, FailureKind.CONNECTION_LOST, "the connection was closed while sending"),
    (ReadTimeoutError | TimeoutError | Timeout, FailureKind.CONNECTION_LOST, "no answer came in time"),
    (HTTPException, FailureKind.NOT_HTTP, "the answer was not HTTP"),
    (InvalidHeader | UnicodeError, FailureKind.NOT_HTTP, "the answer had unreadable headers"),
    (Exception, FailureKind.CONNECTION_LOST, "the connection failed"),
)


def status_failure(response: Response, *, redact: Redaction, retry_after: float | None = None) -> Failure:
    """Map a status other than 2xx to a failure; ``retry_after`` is in seconds."""
    status = response.status
    if status in range(400, 500) and _NO_CERTIFICATE.search(response.body[:_MAX_SEARCHED]):
        return _client_certificate_failure(response.host)
    unknown = APIError, FailureKind.SERVER_ERROR, ""
    error_class, kind, advice = _STATUSES.get(status) or _STATUSES.get(status // 100) or unknown
    text = server_message(response.body, redact)
    fields: dict[str, Any] = {}
    if issubclass(error_class, APIError):
        fields = {"status": status, "text": text}
    elif error_class is AuthError:
        fields = {"status": status}
    if error_class is RateLimitError:
        fields["retry_after"] = retry_after
    request = response.request
    what = f"{response.host} answered {status} to {request.method} {request.path.partition('?')[0]}"
    if status in range(300, 400):
        page = ", probably a login page" * bool(_search_login(response.headers.get("Location", "")))
        what, text = f"{what} with a redirect to {_redirect_host(response, redact)}{page}", ""
    when = "later" if retry_after is None else f"after {retry_after:.0f} s"
    wait = f"It says to try again {when}. " if retry_after is not None and "{when}" not in advice else ""
    again = "fetch the answer" if request.question_id else "try again"  # a second question would cost money
    advice = wait + (advice and sentence(advice.format(again=again, when=when)))
    message = with_excerpt(f"{what}:" if text else f"{what}.", text, advice.rstrip())
    error, reason = error_class(message, **fields), f"{response.host} answered {status}"
    return Failure(kind, error, reason, retry_after=retry_after, status=status, body=response.body)


def name_request(error: ConnectyError, headers: Mapping[str, str], redact: Redaction) -> None:
    """Add the server's request ids to the error caused by its response."""
    named = {name: headers.get(name, "") for name in _REQUEST_IDS}
    # Without the secret in it, an id would be another one.
    found = {name: snippet(value) for name, value in named.items() if value and redact.data(value) == value}
    if found and error.request_id is None:
        error.request_id = next(iter(found.values()))
        append(error, f"({', '.join(f'{name}: {value}' for name, value in found.items())})")


def append(error: ConnectyError, text: str) -> None:
    """Add a text to the message of an error, before its hint."""
    message = str(error).removesuffix(error.hint).rstrip()
    error.args = (" ".join(filter(None, (message, text, error.hint))),)


def deadline_failure(host: str) -> Failure:
    """Return the failure of a request without time left to send it."""
    error = ConnectionFailed(f"No time was left to send to {host}; nothing was sent.", host=host)
    return Failure(FailureKind.DEADLINE, error, "no time was left")


def socks_failure(host: str) -> Failure:
    """Return the failure of a SOCKS proxy: it would bypass the connections of this package."""
    error = ConfigError(
        f"The proxy for {host} is a SOCKS proxy, which is not supported; nothing was sent. Set HTTPS_PROXY "
        "to an HTTP proxy, or list the host in NO_PROXY (ALL_PROXY applies if no other is set)."
    )
    return Failure(FailureKind.REJECTED, error, "the proxy is a SOCKS proxy")


def exception_failure(
    causes: Sequence[BaseException],
    request: Request,
    attempt: Attempt,
    *,
    host: str,
    address: str,
    redact: Redaction,
) -> Failure:
    """Map a foreign exception to a failure; its text is used only if it cannot hold a secret."""
    # ``causes`` are the exception and everything it wraps; ``host`` is for messages.
    received = attempt.received.getvalue()
    if attempt.status is not None and attempt.status not in SUCCESS:
        # An error status decides, even if the headers after it cannot be read.
        return status_failure(Response(request, host, attempt.status, {}, received), redact=redact)
    if attempt.phase is None and not isinstance(causes[0], requests.ConnectionError | Timeout):
        # A proxy's address; base_url was checked before.
        error = ConfigError(
            f"No request to {host} could be made; nothing was sent. Check base_url and the environment: "
            "HTTPS_PROXY and HTTP_PROXY must be addresses."
        )
        return Failure(FailureKind.REJECTED, error, "no request could be made")
    # From TLS 1.3 on, it comes after the request and means it was never read (RFC 8446, section 4.4.2.4);
    # before, other alerts report a missing certificate.
    if _has_alert(causes, "CERTIFICATE_REQUIRED"):
        return _client_certificate_failure(host)
    if attempt.phase not in (None, "sent"):
        return _connect_failure(causes, attempt, address, redact)
    return _response_failure(causes, request, attempt, host, redact)


def _client_certificate_failure(host: str) -> Failure:
    error = ConnectionFailed(
        f"{host} requires a client certificate, which connecty_frames does not support; nothing was started. "
        "Use an address, network or proxy that requires none, or ask its administrator.",
        host=host,
        phase="tls",
    )
    return Failure(FailureKind.REJECTED, error, f"{host} requires a client certificate")


def _connect_failure(
    causes: Sequence[BaseException], attempt: Attempt, address: str, redact: Redaction
) -> Failure:
    reasons = (reason for cause in causes if (reason := _system_message(cause)))
    reason = snippet(redact(next(reasons, type(causes[0]).__name__)))
    server = host_port(address)
    behind_proxy = attempt.peer.lower() != server.lower()  # urllib3 writes a zone in lower case
    phase = "proxy" if behind_proxy and attempt.phase != "tls" else attempt.phase or "connect"
    host = attempt.peer if phase == "proxy" else server
    if phase == "proxy" and any(" 407 " in f"{cause} " for cause in causes if isinstance(cause, OSError)):
        refused = ConfigError(
            f"The proxy {host} requires a user and password, or refused those it was given (407); nothing "
            "was sent. Check HTTPS_PROXY or HTTP_PROXY."
        )
        return Failure(FailureKind.REJECTED, refused, "the proxy answered 407", status=407)
    of_tls = [getattr(each, name, None) for each in causes for name in ("verify_code", "reason")]
    wrong = next(
        (_TLS_ADVICE[each] for each in of_tls if isinstance(each, int | str) and each in _TLS_ADVICE), phase
    )
    if _has_alert(causes, "HANDSHAKE_FAILURE", "BAD_CERTIFICATE"):
        wrong = "certificate"
    message = f"No connection to {host} ({phase}: {reason}); nothing was sent. {_ADVICE[wrong]}"
    error = ConnectionFailed(message, host=host, phase=phase, **_HINTS.get(wrong, {}))
    return Failure(FailureKind.CONNECT, error, f"no connection to {host}")


def _response_failure(
    causes: Sequence[BaseException], request: Request, attempt: Attempt, host: str, redact: Redaction
) -> Failure:
    received = attempt.received.getvalue()
    cause, kind, template = next(
        (cause, kind, template)
        for exception, kind, template in _EXCEPTIONS
        for cause in causes
        if isinstance(cause, exception)
    )
    kind = cause.kind if isinstance(cause, UnusableResponse) else kind
    reason = template.format(detail=snippet(redact(str(cause))), received=counted(len(received), "byte"))
    error_class = ResponseTooLarge if kind is FailureKind.TOO_LARGE else ResponseError
    error = error_class(
        f"No usable answer from {host}: {reason}.",
        host=host,
        snippet=snippet(redact(received)),
        **(_HINTS.get(kind, {}) if request.has_results or kind is not FailureKind.TOO_LARGE else {}),
    )
    return Failure(kind, error, reason, status=attempt.status, body=received)


def host_port(address: str) -> str:
    """Return the host and port of an address; the port defaults to its scheme's."""
    parts = urllib3.util.parse_url(address)
    return f"{parts.host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _has_alert(causes: Sequence[BaseException], *alerts: str) -> bool:
    reasons = [cause.reason or "" for cause in causes if isinstance(cause, ssl.SSLError)]
    return any(reason.endswith(f"_ALERT_{alert}") for reason in reasons for alert in alerts)


def _system_message(cause: BaseException) -> str | None:
    """Return the operating system's message; requests' own may show a proxy's address and password."""
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, requests.RequestException | urllib3.exceptions.HTTPError):
        return None
    if isinstance(cause, UnicodeError):
        return "the name cannot be looked up"
    if isinstance(cause, OSError):
        return cause.strerror or str(cause)
    return None


def server_message(body: bytes, redact: Redaction) -> str:
    """Return the message in an error body, else the body itself on one line, shortened and safe."""
    try:
        message = _message_in(json.loads(body[:_MAX_SEARCHED]))
    except (ValueError, RecursionError):
        message = ""
    if message:
        return excerpt(redact(message), _MAX_SHOWN)
    # A token may come with any status, and is not known here.
    return "" if b"access_token" in body else preview(body, redact, _MAX_SHOWN)


def preview(body: bytes, redact: Redaction, limit: int = 120) -> str:
    """Return the title of a page, or the beginning of another body: on one line, shortened and safe."""
    shown = redact(body)
    found = _search_title(shown) if shown.lstrip("\ufeff \t\r\n").startswith("<") else None
    if found is None:
        return snippet(shown, limit)
    from html import unescape  # it has a long table of names

    return snippet(redact(unescape(found[1])), limit)


def _message_in(body: object) -> str:
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "; ".join(filter(None, map(_message_in, body[:3])))
    if isinstance(body, dict):
        found = (_message_in(body.get(name)) for name in _MESSAGE_FIELDS)
        message = next(filter(None, found), "")
        fields = body.get("errors")  # ASP.NET and others have a list for each field at fault
        if isinstance(fields, dict):
            each = (f"{name}: {_message_in(value)}" for name, value in list(fields.items())[:3])
            return " ".join(filter(None, (message and sentence(message), "; ".join(each))))
        message = message or _message_in(fields)
        location = body.get("loc")  # FastAPI names the field at fault beside its message
        if message and isinstance(location, list):
            return f"{'.'.join(map(str, location))}: {message}"
        return message
    return ""


def _redirect_host(response: Response, redact: Redaction) -> str:
    location = redact(response.headers.get("Location", ""))
    try:
        host = urlsplit(location).hostname
    except ValueError:
        return "an unknown host"
    if host is None:
        return response.host if location else "an unknown host"
    return snippet(f"[{host}]" if ":" in host else host)
