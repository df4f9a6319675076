"""One request, its response and its failure.

A request ends as a :class:`Response` or a :class:`Failure`. A failure is a value and not an exception: its
:class:`FailureKind` decides about a retry, and an exception that was raised among the frames of requests
would carry headers and bodies, and so secrets, in its traceback.
"""

from __future__ import annotations

import copy
import io
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests.auth import AuthBase

    from connecty_frames.errors import ConnectyError

__all__ = ["Failure", "FailureKind", "Request", "Response", "is_success", "strip_tracebacks"]


def strip_tracebacks(error: BaseException, *, but: BaseException | None) -> list[BaseException]:
    """Take their frames, whose locals hold secrets, from an exception and all that it wraps.

    Parameters
    ----------
    but
        The exception that was being handled before: its frames are its own.

    Returns
    -------
    list
        The exception and what it wraps; requests and urllib3 keep that in different places.
    """
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and cause is not but and cause not in found:
            found.append(cause)
            cause.__traceback__ = None
            inner = (getattr(cause, "reason", None), cause.__cause__, cause.__context__)
            waiting.extend([*cause.args, *inner])
    return found


def is_success(status: int | None) -> bool:
    """Whether a status says yes: 2xx (RFC 9110, section 15.3)."""
    return status is not None and 200 <= status < 300  # noqa: PLR2004 - HTTP's own numbers


class FailureKind(Enum):
    """What went wrong, as far as it decides what may be done next."""

    DEADLINE = auto()  #: no time was left to send it, or to send it again with another token
    CONNECT = auto()  #: no connection was made, so nothing was sent
    CONNECTION_LOST = auto()  #: sent, and no whole answer came
    BAD_ENCODING = auto()  #: an answer whose packing is broken
    NOT_HTTP = auto()  #: an answer that is not HTTP
    TOO_LARGE = auto()  #: a body over the limit
    RATE_LIMITED = auto()  #: 429
    UNAVAILABLE = auto()  #: 408, 502, 503, 504: something between us and the server, or it restarts
    UNAUTHORIZED = auto()  #: 401
    REJECTED = auto()  #: a definite no: a redirect, any other 4xx, a setting that cannot work
    SERVER_ERROR = auto()  #: 500 and other 5xx: it is unknown what was done
    WRONG_CONTENT_TYPE = auto()  #: success by its status, and not from the API by its content type
    EMPTY_BODY = auto()  #: success by its status, and nothing in it
    INVALID_PAYLOAD = auto()  #: success by its status and type, and not what the API promises


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Its repr shows no body and no bearer, so that a traceback with locals does not either.

    Parameters
    ----------
    path
        Path and query, from the base address on.
    received
        What has come of the body of its answer; an interrupt may leave it half way.
    """

    method: str
    path: str
    body: bytes | None = field(default=None, repr=False)
    auth: AuthBase | None = field(default=None, repr=False)
    # Hands its bytes over without a copy, which counts for large answers.
    received: io.BytesIO = field(default_factory=io.BytesIO, repr=False, compare=False)

    @property
    def fresh(self) -> bool:
        """Whether it goes out on a connection of its own, as every request with a body does.

        A connection from the pool may have died unnoticed, and then nobody could say whether a question
        arrived. And a server that answers without reading a body (the token endpoint is headed GET, after
        all) takes the body for a second request, and leaves the answer to that on the connection.
        """
        return self.body is not None


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer, whatever its status."""

    call: Request
    host: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no reply to use.

    Parameters
    ----------
    error
        What a caller gets if this is the end of it.
    seen
        The same as a clause for a longer sentence: "the connection was reset".
    wait
        Seconds after which the server allows another try, None if it did not say.
    body
        What came of the answer.
    """

    kind: FailureKind
    error: ConnectyError
    seen: str
    wait: float | None = None
    status: int | None = None
    body: bytes = field(default=b"", repr=False)

    def raise_(self) -> NoReturn:
        """Raise the error; a copy, since one failure may be shared by many threads."""
        raise copy.copy(self.error) from None
