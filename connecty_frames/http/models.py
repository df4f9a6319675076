"""A request, one attempt at it, its response and its failure."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from connecty_frames._base.immutable import Immutable
from connecty_frames.errors import is_interrupt, is_own

if TYPE_CHECKING:
    from connecty_frames._base.clock import Deadline
    from connecty_frames.errors import ConnectyError

_Result = TypeVar("_Result")

SUCCESS: Final = range(200, 300)  # the statuses of success (RFC 9110, section 15.3)


class FailureKind(Enum):
    """What went wrong, as far as the next step depends on it."""

    DEADLINE = auto()  #: no time was left to send it, or to send it again with another token
    CONNECT = auto()  #: no connection was made, so nothing was sent
    CONNECTION_LOST = auto()  #: sent, and no whole response came
    BAD_ENCODING = auto()  #: broken content encoding
    NOT_HTTP = auto()  #: a response other than HTTP
    TOO_LARGE = auto()  #: a body over the limit
    RATE_LIMITED = auto()  #: 429
    UNAVAILABLE = auto()  #: 408, 502, 503, 520 to 530: an intermediary answered, or the server restarts
    GATEWAY_TIMEOUT = auto()  #: 504, 524: an intermediary did not wait long enough
    UNAUTHORIZED = auto()  #: 401
    REJECTED = auto()  #: refused for good: a redirect, any other 4xx, an unusable setting
    SERVER_ERROR = auto()  #: 500 and other 5xx: the request may have been carried out
    WRONG_CONTENT_TYPE = auto()  #: a status of success with another content type than the API's
    EMPTY_BODY = auto()  #: a status of success with an empty body
    INVALID_PAYLOAD = auto()  #: a status of success with a body unlike the API's


class UnusableResponse(HTTPException):
    """A response that is not read further, and why."""

    def __init__(self, kind: FailureKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class Request(Immutable):
    """A request, sent unchanged by each attempt; its repr has no body, since tracebacks may show it."""

    hidden = frozenset({"body"})

    method: str
    path: str  # and query, relative to the base address
    body: bytes | None = None
    has_results: bool = False  # only a response with rows may be longer than a megabyte
    question_id: str | None = None  # its question's, for the log


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt at a request: how long it may take, and how far it got."""

    # ``phase`` is ``resolve``, ``connect``, ``proxy``, ``tls``, then ``sent``; None without a connection of
    # this package: if the attempt failed or timed out, the request then counts as sent. ``certificate`` comes
    # from ``getpeercert``, and is empty unless this attempt made and verified a new TLS connection.

    deadline: Deadline  # of the whole call
    connect: float  # seconds until the connection is made
    idle: float  # seconds without a byte until the connection counts as lost
    request_id: str | None = None  # sent as X-Request-Id
    is_submission: bool = False  # if the reply has an id: it is read although the call is cancelled
    phase: str | None = None
    peer: str = ""  # ``host:port``, perhaps a proxy's
    certificate: Mapping[str, Any] = field(default_factory=dict)
    status: int | None = None  # as soon as the first line was read
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # of the response
    received: io.BytesIO = field(default_factory=io.BytesIO)  # ``getvalue`` makes no copy


class Response(Immutable):
    """A whole response, whatever its status."""

    hidden = frozenset({"headers", "body"})

    request: Request
    host: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Failure(Immutable):
    """Why there is no usable response."""

    hidden = frozenset({"body"})

    kind: FailureKind
    error: ConnectyError  # for the caller, if there is no further attempt
    reason: str  # a clause for a longer sentence: "the connection was reset"
    retry_after: float | None = None  # seconds until the server allows another try
    status: int | None = None
    body: bytes = b""  # as far as it was read

    def raise_(self) -> NoReturn:
        """Raise a copy of the error, since many threads may share one failure."""
        raise copy.copy(self.error) from None


class RequestFailed(Exception):
    """Ends an attempt; ``Transport.retry`` catches it and takes its failure."""

    # No caller sees it: the frames of its traceback hold headers and bodies, and so secrets.

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self.failure = failure


def causes_of(error: BaseException, *, keep: BaseException | None) -> list[BaseException]:
    """Return an error and everything it wraps, except ``keep`` and what that wraps."""
    found: list[BaseException] = []
    pending: list[Any] = [error]
    while pending:
        cause = pending.pop(0)
        if isinstance(cause, BaseException) and cause is not keep and cause not in found:
            found.append(cause)
            inner = (getattr(cause, "reason", None), cause.__cause__, cause.__context__)
            pending.extend([*cause.args, *inner])
    return found


def strip_tracebacks(errors: Iterable[BaseException]) -> None:
    """Remove the tracebacks of errors: their frames hold secrets."""
    for error in errors:
        is_own(error)  # remembered, since only the traceback tells
        error.__traceback__ = None


def without_frames(call: Callable[[], _Result]) -> _Result:
    """Call a function, and raise without its frames: they hold text of a server."""
    try:
        return call()
    except BaseException as error:
        strip_tracebacks([error])
        raise


def raise_interrupt(causes: Iterable[BaseException]) -> None:
    """Raise the exception of a signal handler, if it is among the causes of an error."""
    # The last one: urllib3 gives its traceback to the error around it.
    interrupts = list(filter(is_interrupt, causes))
    if interrupts:
        raise interrupts[-1] from None
