"""Every exception and warning of connecty_frames.

::

    ConnectyError                  question_id on all of them (None if unknown)
    ├── ConfigError (ValueError)   a setting or choice is missing or wrong
    ├── ConnectionFailed           no connection was made, or no token came; nothing else was sent
    ├── AuthError                  credentials refused, or the token endpoint is unusable
    ├── APIError                   the server answered with an error status
    │   ├── NotFoundError          404: no such workspace or question
    │   ├── RateLimitError         429: too many requests
    │   └── ServerError            5xx: the server is at fault
    ├── ResponseError              the body is not what the API promises
    │   └── ResponseTooLarge       the body is longer than the limit
    ├── QuestionError              something became of a question
    │   ├── QuestionFailed         the server worked on it and gave up
    │   ├── QuestionTimeout (TimeoutError)  no answer within the time allowed
    │   ├── NoTableError           answered, but without a table
    │   └── SubmissionUncertain    sent, and nobody knows whether it arrived
    ├── ConversionError            one value cannot be what its column is
    └── TruncatedError             rows were cut, and on_truncation="raise"

    ConnectyWarning (UserWarning)
    ├── TruncationWarning          the table holds fewer rows than the answer
    ├── TypeFidelityWarning        a column could not get its type and stays exact text
    ├── ColumnNameWarning          a column had to be renamed
    ├── StatisticsWarning          the table and the server's statistics disagree
    ├── UnknownStateWarning        the server sent a question state that is not in the API document
    └── InsecureWarning            a protection was turned off on purpose

No exception of a library underneath (requests, urllib3, pydantic, msgspec, pyarrow) reaches a caller.
Every error can be pickled, and none carries a secret.
"""

from __future__ import annotations

import os
import sys
import warnings
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import TypedDict, Unpack

    class _APIFacts(TypedDict, total=False):
        """The keywords of APIError."""

        status: int
        request_id: str | None
        text: str
        question_id: str | None

    class _QuestionFacts(TypedDict, total=False):
        """The keywords of QuestionError."""

        question_id: str | None
        question: str | None
        dw_id: int | None
        state: str | None
        asked_at: datetime | None
        details: Mapping[str, object] | None


__all__ = [
    "APIError",
    "AuthError",
    "ColumnNameWarning",
    "ConfigError",
    "ConnectionFailed",
    "ConnectyError",
    "ConnectyWarning",
    "ConversionError",
    "InsecureWarning",
    "NoTableError",
    "NotFoundError",
    "QuestionError",
    "QuestionFailed",
    "QuestionTimeout",
    "RateLimitError",
    "ResponseError",
    "ResponseTooLarge",
    "ServerError",
    "StatisticsWarning",
    "SubmissionUncertain",
    "TruncatedError",
    "TruncationWarning",
    "TypeFidelityWarning",
    "UnknownStateWarning",
    "missing_extra",
    "warn",
]

#: With the separator, so that a folder beside it whose name begins alike is not taken for it.
_PACKAGE: Final = str(Path(__file__).parent) + os.sep


class ConnectyError(Exception):
    """Anything that went wrong in connecty_frames.

    Parameters
    ----------
    message
        What is wrong, where, and what to do.
    question_id
        The question this is about, None if none was asked or its id never arrived. An answer can be
        fetched later, without asking again, by ``Client.question(question_id)``.
    """

    def __init__(self, message: str, *, question_id: str | None = None) -> None:
        super().__init__(message)
        self.question_id = question_id


class ConfigError(ConnectyError, ValueError):
    """A setting or choice is missing or wrong; nothing was sent.

    Parameters
    ----------
    setting
        The name of the setting or keyword, None if it is not about one alone.
    """

    def __init__(self, message: str, *, setting: str | None = None, question_id: str | None = None) -> None:
        super().__init__(message, question_id=question_id)
        self.setting = setting


def missing_extra(extra: str, subject: str, error: ModuleNotFoundError) -> ConfigError:
    """Return the error of a feature whose extra is not installed, as in "Plots need altair: ..."."""
    return ConfigError(f"{subject} {error.name}: pip install 'connecty-frames[{extra}]'.", setting=extra)


class ConnectionFailed(ConnectyError):
    """No connection to the server could be made, or no token came over it; nothing else was sent.

    Parameters
    ----------
    host
        The server, or proxy, that was tried, as ``host:port``.
    phase
        How far the call came: ``resolve``, ``connect``, ``proxy``, ``tls``, or ``token`` where the token
        endpoint lost the answer each time.
    """

    def __init__(
        self, message: str, *, host: str = "", phase: str = "connect", question_id: str | None = None
    ) -> None:
        super().__init__(message, question_id=question_id)
        self.host = host
        self.phase = phase


class AuthError(ConnectyError):
    """The credentials were refused, or the token endpoint answers with something else than a token.

    Parameters
    ----------
    status
        The HTTP status of the refusal, None if no usable answer came.
    """

    def __init__(self, message: str, *, status: int | None = None, question_id: str | None = None) -> None:
        super().__init__(message, question_id=question_id)
        self.status = status


class APIError(ConnectyError):
    """The server answered with an error status.

    Parameters
    ----------
    status
        The HTTP status.
    request_id
        The server's name for the request (header ``X-Request-Id``); None without, or if a secret is in it.
    text
        What the server said, shortened and made safe to print.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        request_id: str | None = None,
        text: str = "",
        question_id: str | None = None,
    ) -> None:
        super().__init__(message, question_id=question_id)
        self.status = status
        self.request_id = request_id
        self.text = text


class NotFoundError(APIError):
    """404: no such workspace or question."""


class RateLimitError(APIError):
    """429: too many requests, and waiting longer would pass the deadline.

    Parameters
    ----------
    retry_after
        Seconds after which the server allows another try, None if it did not say.
    **facts
        As of :class:`APIError`.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, **facts: Unpack[_APIFacts]) -> None:
        facts.setdefault("status", 429)
        super().__init__(message, **facts)
        self.retry_after = retry_after


class ServerError(APIError):
    """5xx: the server is at fault."""


class ResponseError(ConnectyError):
    """The body is not what the API promises.

    Parameters
    ----------
    host
        Who sent it, None for a saved response.
    content_type
        What it said it was, None if it did not say.
    snippet
        How it begins, shortened and made safe to print.
    """

    def __init__(
        self,
        message: str,
        *,
        host: str | None = None,
        content_type: str | None = None,
        snippet: str = "",
        question_id: str | None = None,
    ) -> None:
        super().__init__(message, question_id=question_id)
        self.host = host
        self.content_type = content_type
        self.snippet = snippet


class ResponseTooLarge(ResponseError):
    """The body is longer than the limit, in bytes; reading stopped there."""


class QuestionError(ConnectyError):
    """Something became of a question. All that is known of it is here.

    Parameters
    ----------
    question
        The question in words, None after re-attaching by id.
    dw_id
        The workspace it was put to.
    state
        The last state the server told, None if it never did.
    asked_at
        When it was sent, aware and in UTC; None if unknown.
    details
        What else the server said of it, by field.
    """

    def __init__(
        self,
        message: str,
        *,
        question_id: str | None = None,
        question: str | None = None,
        dw_id: int | None = None,
        state: str | None = None,
        asked_at: datetime | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, question_id=question_id)
        self.question = question
        self.dw_id = dw_id
        self.state = state
        self.asked_at = asked_at
        self.details = dict(details or {})


class QuestionFailed(QuestionError):
    """The server worked on the question and gave up (state FAILED)."""


class QuestionTimeout(QuestionError, TimeoutError):
    """No answer within the time allowed. The server may still be working on it."""


class NoTableError(QuestionError):
    """The question was answered without a table; ``response_summary`` may say why.

    Parameters
    ----------
    response_summary, sql_query
        What did come, None where it did not.
    **facts
        As of :class:`QuestionError`.
    """

    def __init__(
        self,
        message: str,
        *,
        response_summary: str | None = None,
        sql_query: str | None = None,
        **facts: Unpack[_QuestionFacts],
    ) -> None:
        super().__init__(message, **facts)
        self.response_summary = response_summary
        self.sql_query = sql_query


class SubmissionUncertain(QuestionError):
    """The question was sent and nobody knows whether it arrived. It is not sent again by us."""


class ConversionError(ConnectyError):
    """One value cannot be what its column is.

    Parameters
    ----------
    column
        The name of the column.
    row
        The row of the value, counted from 0 without the header; None if it is not about one row.
    value
        The value, shortened and made safe to print.
    """

    def __init__(
        self,
        message: str,
        *,
        column: str | None = None,
        row: int | None = None,
        value: str = "",
        question_id: str | None = None,
    ) -> None:
        super().__init__(message, question_id=question_id)
        self.column = column
        self.row = row
        self.value = value


class TruncatedError(ConnectyError):
    """Rows were cut, and ``on_truncation="raise"``.

    Parameters
    ----------
    rows
        The rows that came.
    total_rows
        The rows of the whole answer, None if unknown.
    """

    def __init__(
        self, message: str, *, rows: int = 0, total_rows: int | None = None, question_id: str | None = None
    ) -> None:
        super().__init__(message, question_id=question_id)
        self.rows = rows
        self.total_rows = total_rows


class ConnectyWarning(UserWarning):
    """Something to know about an answer or a connection that works all the same."""


class TruncationWarning(ConnectyWarning):
    """The table holds fewer rows than the answer has, or may do."""


class TypeFidelityWarning(ConnectyWarning):
    """A column could not get the type that was due and holds exact text; or a text is not as it came."""


class ColumnNameWarning(ConnectyWarning):
    """A column was renamed, since its name was missing or taken."""


class StatisticsWarning(ConnectyWarning):
    """The table and the server's own statistics disagree."""


class UnknownStateWarning(ConnectyWarning):
    """The server sent a question state that the API document does not have."""


class InsecureWarning(ConnectyWarning):
    """A protection was turned off on purpose."""


class Place(NamedTuple):
    """A line of somebody's code, for warnings that come up where it is not on the stack."""

    filename: str
    lineno: int
    namespace: dict[str, Any]

    @classmethod
    def of_caller(cls) -> Place:
        """Give the first line outside this package."""
        frame = sys._getframe()  # noqa: SLF001 - how the warnings module itself finds a caller
        while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
            frame = frame.f_back
        return cls(frame.f_code.co_filename, frame.f_lineno, frame.f_globals)


#: Where warnings point to in a thread of ours.
PLACE: Final[ContextVar[Place]] = ContextVar("PLACE")


def warn(warning: ConnectyWarning) -> None:
    """Give a warning that points at the first line outside this package: the caller's."""
    place = PLACE.get(None) or Place.of_caller()
    warnings.warn_explicit(
        warning,
        type(warning),
        place.filename,
        place.lineno,
        module=place.namespace.get("__name__"),
        registry=place.namespace.setdefault("__warningregistry__", {}),
    )
