"""Every exception and warning of connecty_frames.

::

    ConnectyError                  question_id on all of them (None if unknown)
    ├── ConfigError (ValueError)   a setting or option is missing or wrong
    ├── ConnectionFailed           no connection was made, or no token came; nothing else was sent
    ├── AuthError                  credentials refused, or the token endpoint is unusable
    ├── APIError                   the server answered with an error status
    │   ├── NotFoundError          404: no such workspace or question
    │   ├── RateLimitError         429: too many requests
    │   └── ServerError            5xx: the server is at fault
    ├── ResponseError              the body is not what the API promises
    │   └── ResponseTooLarge       the body is longer than the limit
    ├── QuestionError              a question has no usable answer
    │   ├── QuestionFailed         the server could not answer it
    │   ├── QuestionTimeout (TimeoutError)  no answer within the time allowed
    │   ├── NoTableError           answered, but without a table
    │   └── SubmissionUncertain    sent, delivery unknown
    ├── WriteFailed (OSError)      an answer cannot be written to its file, as on a full disk
    ├── ConversionError            a value cannot be converted to the type of its column
    ├── TruncatedError             rows were cut, and on_truncation="raise"
    ├── QueryRefused               SQL that is not sent to a warehouse
    └── PinChanged                 a pinned question has another answer now

    ConnectyWarning (UserWarning)
    ├── TruncationWarning          the table has fewer rows than the whole answer
    ├── TypeFidelityWarning        a column could not get its type and holds exact text
    ├── ColumnNameWarning          a column had to be renamed
    ├── StatisticsWarning          the table and the server's statistics disagree
    ├── UnknownStateWarning        the server sent a question state that is not in the API document
    ├── InsecureWarning            a protection was turned off on purpose
    ├── HistoryWarning             the history cannot be used, or was damaged
    └── PinWarning                 a pinned question has another answer now

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

    class _ErrorKwargs(TypedDict, total=False):
        """The keywords of ConnectyError, which all errors take."""

        hint: str
        shell_hint: str
        question_id: str | None

    class _APIErrorKwargs(_ErrorKwargs, total=False):
        """The keywords of APIError."""

        status: int
        request_id: str | None
        text: str

    class _QuestionErrorKwargs(_ErrorKwargs, total=False):
        """The keywords of QuestionError."""

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
    "HistoryWarning",
    "InsecureWarning",
    "NoTableError",
    "NotFoundError",
    "PinChanged",
    "PinWarning",
    "QueryRefused",
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
    "WriteFailed",
    "missing_extra",
    "warn",
]

#: With the separator, so that a folder beside it whose name begins with the same letters does not match.
_PACKAGE: Final = str(Path(__file__).parent) + os.sep


class ConnectyError(Exception):
    """The base class of all errors of connecty_frames.

    Parameters
    ----------
    message
        What is wrong, where, and what to do.
    hint
        What to do, in terms of Python, if the command line has other terms; appended to the message.
    shell_hint
        What to do, in terms of the command line, which shows it instead of ``hint``.
    question_id
        The question this is about, None if none was asked or its id never arrived. An answer can be
        fetched later, without asking again, by ``Client.question(question_id)``.
    """

    def __init__(
        self, message: str, *, hint: str = "", shell_hint: str = "", question_id: str | None = None
    ) -> None:
        super().__init__(f"{message} {hint}" if hint else message)
        self.hint = hint
        self.shell_hint = shell_hint
        self.question_id = question_id

    def _render_traceback_(self) -> list[str]:
        """Return what IPython displays of the error in place of its own traceback."""
        from connecty_frames._base.tracebacks import short_traceback

        return short_traceback(self)


class ConfigError(ConnectyError, ValueError):
    """A setting or option is missing or wrong; nothing was sent.

    Parameters
    ----------
    setting
        The name of the setting or keyword, None if it is not about one alone.
    **kwargs
        As for :class:`ConnectyError`.
    """

    def __init__(self, message: str, *, setting: str | None = None, **kwargs: Unpack[_ErrorKwargs]) -> None:
        super().__init__(message, **kwargs)
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
        The step that failed: ``resolve``, ``connect``, ``proxy``, ``tls``, or ``token`` if the answer of
        the token endpoint was lost at each attempt.
    **kwargs
        As for :class:`ConnectyError`.
    """

    def __init__(
        self, message: str, *, host: str = "", phase: str = "connect", **kwargs: Unpack[_ErrorKwargs]
    ) -> None:
        super().__init__(message, **kwargs)
        self.host = host
        self.phase = phase


class AuthError(ConnectyError):
    """The credentials were refused, or the token endpoint answers with something other than a token.

    Parameters
    ----------
    status
        The HTTP status of the refusal, None if there was no usable answer.
    **kwargs
        As for :class:`ConnectyError`.
    """

    def __init__(self, message: str, *, status: int | None = None, **kwargs: Unpack[_ErrorKwargs]) -> None:
        super().__init__(message, **kwargs)
        self.status = status


class APIError(ConnectyError):
    """The server answered with an error status.

    Parameters
    ----------
    status
        The HTTP status.
    request_id
        The server's id of the request (header ``X-Request-Id``); None without it, or if it contains a
        secret.
    text
        The server's message, shortened and made safe to print.
    **kwargs
        As for :class:`ConnectyError`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        request_id: str | None = None,
        text: str = "",
        **kwargs: Unpack[_ErrorKwargs],
    ) -> None:
        super().__init__(message, **kwargs)
        self.status = status
        self.request_id = request_id
        self.text = text


class NotFoundError(APIError):
    """404: no such workspace or question."""


class RateLimitError(APIError):
    """429: too many requests, and waiting longer would exceed the timeout.

    Parameters
    ----------
    retry_after
        Seconds after which the server allows another attempt, None if it did not say.
    **kwargs
        As for :class:`APIError`.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, **kwargs: Unpack[_APIErrorKwargs]
    ) -> None:
        kwargs.setdefault("status", 429)
        super().__init__(message, **kwargs)
        self.retry_after = retry_after


class ServerError(APIError):
    """5xx: the server is at fault."""


class ResponseError(ConnectyError):
    """The body is not what the API promises.

    Parameters
    ----------
    host
        The server that sent it, None for a saved response.
    content_type
        Its ``Content-Type``, None without one.
    snippet
        The beginning of the body, shortened and made safe to print.
    **kwargs
        As for :class:`ConnectyError`.
    """

    def __init__(
        self,
        message: str,
        *,
        host: str | None = None,
        content_type: str | None = None,
        snippet: str = "",
        **kwargs: Unpack[_ErrorKwargs],
    ) -> None:
        super().__init__(message, **kwargs)
        self.host = host
        self.content_type = content_type
        self.snippet = snippet


class ResponseTooLarge(ResponseError):
    """The body is longer than the limit, in bytes; reading stopped there."""


class QuestionError(ConnectyError):
    """A question has no usable answer. The error carries everything known about the question.

    Parameters
    ----------
    question
        The text of the question, None after re-attaching by id.
    dw_id
        The workspace it was sent to.
    state
        The last state that the server reported, None if it reported none.
    asked_at
        When it was sent, aware and in UTC; None if unknown.
    details
        Other fields that the server sent about it.
    **kwargs
        As for :class:`ConnectyError`.
    """

    def __init__(
        self,
        message: str,
        *,
        question: str | None = None,
        dw_id: int | None = None,
        state: str | None = None,
        asked_at: datetime | None = None,
        details: Mapping[str, object] | None = None,
        **kwargs: Unpack[_ErrorKwargs],
    ) -> None:
        super().__init__(message, **kwargs)
        self.question = question
        self.dw_id = dw_id
        self.state = state
        self.asked_at = asked_at
        self.details: dict[str, object] = dict(details or {})


class QuestionFailed(QuestionError):
    """The server could not answer the question (state FAILED)."""


class QuestionTimeout(QuestionError, TimeoutError):
    """There was no answer within the timeout. The server may still be working on it."""


class NoTableError(QuestionError):
    """The question was answered without a table; ``response_summary`` may say why.

    Parameters
    ----------
    response_summary, sql_query
        The other parts of the answer, None if the server sent none.
    **kwargs
        As for :class:`QuestionError`.
    """

    def __init__(
        self,
        message: str,
        *,
        response_summary: str | None = None,
        sql_query: str | None = None,
        **kwargs: Unpack[_QuestionErrorKwargs],
    ) -> None:
        super().__init__(message, **kwargs)
        self.response_summary = response_summary
        self.sql_query = sql_query


class SubmissionUncertain(QuestionError):
    """The question was sent, and whether it was delivered is unknown. It is not sent again automatically."""


class WriteFailed(ConnectyError, OSError):
    """An answer cannot be written to its file, as on a full disk. By its id it is fetched again at no cost.

    Parameters
    ----------
    errno
        The number of the system's error, None if it has none.
    **kwargs
        As for :class:`ConnectyError`.
    """

    errno: int | None = None  # that of OSError is lost when an error is pickled

    def __init__(self, message: str, *, errno: int | None = None, **kwargs: Unpack[_ErrorKwargs]) -> None:
        super().__init__(message, **kwargs)
        self.errno = errno


class ConversionError(ConnectyError):
    """A value cannot be converted to the type of its column.

    Parameters
    ----------
    column
        The name of the column.
    row
        The row of the value, counted from 0 without the header; None if the error is not about one row.
    value
        The value, shortened and made safe to print.
    **kwargs
        As for :class:`ConnectyError`.
    """

    def __init__(
        self,
        message: str,
        *,
        column: str | None = None,
        row: int | None = None,
        value: str = "",
        **kwargs: Unpack[_ErrorKwargs],
    ) -> None:
        super().__init__(message, **kwargs)
        self.column = column
        self.row = row
        self.value = value


class TruncatedError(ConnectyError):
    """Rows were cut, and ``on_truncation="raise"``.

    Parameters
    ----------
    rows
        The number of rows received.
    total_rows
        The rows of the whole answer, None if unknown.
    **kwargs
        As for :class:`ConnectyError`.
    """

    def __init__(
        self, message: str, *, rows: int = 0, total_rows: int | None = None, **kwargs: Unpack[_ErrorKwargs]
    ) -> None:
        super().__init__(message, **kwargs)
        self.rows = rows
        self.total_rows = total_rows


class QueryRefused(ConnectyError):
    """SQL that may do more than query, or is not understood; nothing was sent to the warehouse.

    Parameters
    ----------
    functions
        The functions for which it was refused, as ``functions=`` of :func:`rerun` allows them; empty if it
        was refused for something else.
    **kwargs
        As for :class:`ConnectyError`.
    """

    def __init__(
        self, message: str, *, functions: tuple[str, ...] = (), **kwargs: Unpack[_ErrorKwargs]
    ) -> None:
        super().__init__(message, **kwargs)
        self.functions = functions


class PinChanged(ConnectyError):
    """A pinned question has another answer now: its SQL, columns, types or number of rows differ.

    Parameters
    ----------
    name
        The name of the pin.
    changes
        What differs, as sentences.
    **kwargs
        As for :class:`ConnectyError`.
    """

    def __init__(
        self,
        message: str,
        *,
        name: str = "",
        changes: tuple[str, ...] = (),
        **kwargs: Unpack[_ErrorKwargs],
    ) -> None:
        super().__init__(message, **kwargs)
        self.name = name
        self.changes = changes


class ConnectyWarning(UserWarning):
    """The base class of all warnings: about an answer that can be used, or a connection that works.

    Parameters
    ----------
    message, hint, shell_hint
        As for :class:`ConnectyError`.
    """

    def __init__(self, message: str, *, hint: str = "", shell_hint: str = "") -> None:
        super().__init__(f"{message} {hint}" if hint else message)
        self.hint = hint
        self.shell_hint = shell_hint


class TruncationWarning(ConnectyWarning):
    """The table has fewer rows than the whole answer, or may have."""


class TypeFidelityWarning(ConnectyWarning):
    """A column could not get its type, a text differs from what was sent, or a model has validators."""


class ColumnNameWarning(ConnectyWarning):
    """A column was renamed, since its name was missing or a duplicate."""


class StatisticsWarning(ConnectyWarning):
    """The table and the server's own statistics disagree, or a part of these is of an unknown kind."""


class UnknownStateWarning(ConnectyWarning):
    """The server sent a question state that the API document does not have."""


class InsecureWarning(ConnectyWarning):
    """A protection was turned off on purpose."""


class HistoryWarning(ConnectyWarning):
    """The history cannot be used or was damaged; questions are asked nevertheless."""


class PinWarning(ConnectyWarning):
    """A pinned question has another answer now, and ``on_change="warn"``."""


class CodeLocation(NamedTuple):
    """A line of the caller's code, for warnings raised in threads, where it is not on the stack."""

    filename: str
    lineno: int
    # Not the globals themselves, which a traceback with locals would show.
    module: str | None
    registry: dict[Any, Any]

    @classmethod
    def in_module(cls, filename: str, lineno: int, namespace: dict[str, Any]) -> CodeLocation:
        """Return a line of the module with these globals, where Python counts the warnings of that line."""
        registry = namespace.setdefault("__warningregistry__", {})
        return cls(filename, lineno, namespace.get("__name__"), registry)

    @classmethod
    def of_caller(cls) -> CodeLocation:
        """Return the first line on the stack that is outside this package."""
        frame = sys._getframe()  # noqa: SLF001 - how the warnings module itself finds a caller
        while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
            frame = frame.f_back
        return cls.in_module(frame.f_code.co_filename, frame.f_lineno, frame.f_globals)


#: The line that warnings point at in a thread started by this package.
WARNING_LOCATION: Final[ContextVar[CodeLocation]] = ContextVar("WARNING_LOCATION")


def warn(warning: ConnectyWarning) -> None:
    """Issue a warning that points at the caller's line: the first one outside this package."""
    location = WARNING_LOCATION.get(None) or CodeLocation.of_caller()
    warnings.warn_explicit(
        warning,
        type(warning),
        location.filename,
        location.lineno,
        module=location.module,
        registry=location.registry,
    )
