"""What an answer's status and content type mean: the one table from HTTP to our errors.

Source: the API document leaves error statuses and bodies open, so the statuses mean what RFC 9110, section
15 and RFC 6585, section 4 say, and a body is shown as far as a person can read it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from connecty_frames.errors import (
    APIError,
    AuthError,
    ConfigError,
    ConnectionFailed,
    ConnectyError,
    NotFoundError,
    RateLimitError,
    ResponseError,
    ServerError,
)
from connecty_frames.http.models import Failure, FailureKind, Response, is_success
from connecty_frames.text import snippet, terminal

if TYPE_CHECKING:
    from connecty_frames.http.redaction import Redaction

__all__ = ["client_certificate_failure", "content_failure", "server_message", "status_failure"]

_CHECK: Final = (
    "Check client_id and client_secret, and that region or base_url is where your organisation is registered"
)
_SET: Final = "Set base_url to the address of the API itself"

#: status -> error, kind, what to do. A status that is not here is looked up by its hundred.
_STATUSES: Final[dict[int, tuple[type[ConnectyError], FailureKind, str]]] = {
    401: (
        AuthError,
        FailureKind.UNAUTHORIZED,
        "The credentials were refused. " + _CHECK,
    ),
    403: (
        AuthError,
        FailureKind.REJECTED,
        "These credentials may not do this. Check dw_id. " + _CHECK,
    ),
    404: (NotFoundError, FailureKind.REJECTED, "Check dw_id and question_id"),
    407: (
        ConfigError,
        FailureKind.REJECTED,
        "Check the user and password of the proxy in HTTPS_PROXY or HTTP_PROXY",
    ),
    408: (APIError, FailureKind.UNAVAILABLE, "The service did not get the request in time; try again later"),
    429: (RateLimitError, FailureKind.RATE_LIMITED, "Try again later, or ask fewer questions at once"),
    502: (ServerError, FailureKind.UNAVAILABLE, "The service is not reachable just now; try again later"),
    503: (ServerError, FailureKind.UNAVAILABLE, "The service is not available just now; try again later"),
    504: (ServerError, FailureKind.UNAVAILABLE, "The service did not answer in time; try again later"),
}
_HUNDREDS: Final[dict[int, tuple[type[ConnectyError], FailureKind, str]]] = {
    3: (
        ConfigError,
        FailureKind.REJECTED,
        "Redirects are never followed, for a question and credentials would go along. " + _SET,
    ),
    4: (APIError, FailureKind.REJECTED, ""),
    5: (ServerError, FailureKind.SERVER_ERROR, "The fault is the server's; try again later"),
}
_UNKNOWN: Final = (APIError, FailureKind.SERVER_ERROR, "")
#: Where error bodies in JSON usually have their message, the most telling first.
_MESSAGE_FIELDS: Final = ("message", "detail", "error_description", "error", "title", "msg")
_SHOWN: Final = 300
#: How nginx and IIS say in a page that there was no client certificate; others end TLS with an alert.
_NO_CERTIFICATE: Final = re.compile(
    rb"No required SSL certificate|Client Certificate Required", re.IGNORECASE
)
_LOOKED_AT: Final = 65_536


def status_failure(reply: Response, *, redact: Redaction, wait: float | None = None) -> Failure | None:
    """Give the trouble an answer's status means, None for 2xx.

    Parameters
    ----------
    wait
        What its ``Retry-After`` says, in seconds.
    """
    status = reply.status
    if is_success(status):
        return None
    if status // 100 == 4 and _NO_CERTIFICATE.search(reply.body[:_LOOKED_AT]):  # noqa: PLR2004 - HTTP's own numbers
        return client_certificate_failure(reply.host)
    error_class, kind, advice = _STATUSES.get(status) or _HUNDREDS.get(status // 100) or _UNKNOWN
    text = server_message(reply.body, redact)
    facts: dict[str, Any] = {}
    if issubclass(error_class, APIError):
        request_id = reply.headers.get("X-Request-Id")
        if request_id and redact.data(request_id) != request_id:
            request_id = None  # without the secret in it, it would be another id
        facts = {"status": status, "text": text, "request_id": request_id and snippet(request_id)}
    elif error_class is AuthError:
        facts = {"status": status}
    if error_class is RateLimitError:
        facts["retry_after"] = wait
    what = f"{reply.host} answered {status} to {reply.call.method} {reply.call.path.partition('?')[0]}"
    if status // 100 == 3:  # noqa: PLR2004 - HTTP's own numbers
        what += f" with a redirect to {_target(reply, redact)}"
    elif text:
        what += f": {text}"
    after = f" It says to try again after {wait:.0f} s." if wait is not None else ""
    return Failure(
        kind=kind,
        error=error_class(f"{_sentence(what)}{after}{' ' + _sentence(advice) if advice else ''}", **facts),
        seen=f"{reply.host} answered {status}",
        wait=wait,
        status=status,
        body=reply.body,
    )


def client_certificate_failure(host: str) -> Failure:
    """Return the trouble of a server that wants a client certificate; it started nothing."""
    error = ConnectionFailed(
        f"{host} wants a client certificate, which connecty_frames has none of; nothing was started. Use an "
        "address, network or proxy from which none is wanted, or ask its administrator.",
        host=host,
        phase="tls",
    )
    return Failure(FailureKind.REJECTED, error, f"{host} wants a client certificate")


def content_failure(reply: Response, *, redact: Redaction) -> Failure | None:
    """Return the trouble of a success without JSON: empty, or most often a login page. None for JSON."""
    if not reply.body.strip():
        # Headers that were cut look just like this, so it is worth another look.
        seen = f"{reply.host} answered {reply.status} with nothing in it"
        return Failure(
            FailureKind.EMPTY_BODY, ResponseError(f"{seen}.", host=reply.host), seen, status=reply.status
        )
    content_type = reply.headers.get("Content-Type")
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return None
    if not kind and reply.body.lstrip()[:1] == b"{":
        return None
    shown = snippet(redact(content_type)) if content_type else "no content type"
    begins = snippet(redact(reply.body))
    return Failure(
        kind=FailureKind.WRONG_CONTENT_TYPE,
        error=ResponseError(
            f"{reply.host} answered {reply.status} with {shown} instead of JSON. Is a proxy or single "
            f"sign-on between here and the API? It begins: {begins}",
            host=reply.host,
            content_type=content_type and terminal(redact(content_type)),
            snippet=begins,
        ),
        seen=f"{reply.host} answered {reply.status} with {shown} instead of JSON",
        status=reply.status,
        body=reply.body,
    )


def server_message(body: bytes, redact: Redaction) -> str:
    """Give what the server said, on one line, shortened and safe: its message where there is one."""
    try:
        message = _message(json.loads(body[:_LOOKED_AT]))
    except (ValueError, RecursionError):
        message = ""
    return snippet(redact(message or body), _SHOWN)


def _message(body: object) -> str:
    """Look for the message in an error body: a field of a usual name, nested or in a list as it may be."""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "; ".join(filter(None, map(_message, body[:3])))
    if isinstance(body, dict):
        found = (_message(body.get(name)) for name in _MESSAGE_FIELDS)
        message = next(filter(None, found), "")
        where = body.get("loc")  # FastAPI names the field at fault beside its message
        if message and isinstance(where, list):
            return f"{'.'.join(map(str, where))}: {message}"
        return message
    return ""


def _target(reply: Response, redact: Redaction) -> str:
    """Give the host a redirect points at; the rest of the address may hold a secret."""
    location = redact(reply.headers.get("Location", ""))
    try:
        host = urlsplit(location).hostname or (reply.host if location else None)
    except ValueError:
        host = None
    return snippet(host) if host else "nowhere in particular"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
