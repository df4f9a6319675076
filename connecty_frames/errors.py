"""Every exception and warning of connecty_frames.

No exception of a library underneath (requests, urllib3, pydantic, msgspec, pyarrow) reaches a caller.
Every error can be pickled, and none carries a secret.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import chain, pairwise
from pathlib import Path
from traceback import walk_stack, walk_tb
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakSet

from connecty_frames._base.text import value_text

if TYPE_CHECKING:
    from dataclasses import InitVar, field
    from datetime import datetime
    from typing import TypeGuard, dataclass_transform

    # The annotated attributes of an error are its keywords. At runtime no error is a dataclass, since each
    # would add half a millisecond to the import.
    @dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(field,))
    class _Keywords(Exception): ...

else:
    _Keywords = Exception

#: Mask the secrets of all clients at once: an answer does not know its client.
MASKS: Final[list[Callable[[str], str]]] = []
#: With the separator: the name of a folder beside it may begin with the same letters.
_PACKAGE: Final = str(Path(__file__).parent) + os.sep
_PACKAGE_NAME: Final = __name__.partition(".")[0]
_PYTHON_AND_OURS: Final = sys.stdlib_module_names | {_PACKAGE_NAME}
#: Other packages whose exceptions may end a request or the reading of a table.
_UNDERNEATH: Final = frozenset({"_duckdb", "duckdb", "idna", "msgspec", "pyarrow", "requests", "urllib3"})


class ConnectyError(_Keywords):
    """The base class of all errors; keyword arguments become attributes.

    Parameters
    ----------
    message
        What is wrong, where, and what to do.
    hint
        What to do in Python, if it differs on the command line; appended to the message.
    shell_hint
        What to do on the command line, which shows it instead of ``hint``.
    question_id
        The question this is about, or None if none was asked or its id never arrived. An answer can be
        fetched later, without asking again, by ``cf.fetch(question_id)``.
    request_id
        The server's id of the request, for its support, from a header such as ``X-Request-Id``; None without
        one or if it contains a secret. The message ends with all such ids.
    """

    if TYPE_CHECKING:
        message: InitVar[str] = field(kw_only=False)
    hint: str = ""
    shell_hint: str = ""
    question_id: str | None = None
    request_id: str | None = None

    def __init__(self, message: str, *, hint: str = "", shell_hint: str = "", **values: Any) -> None:
        super().__init__(f"{message} {hint}" if hint else message)
        self.hint, self.shell_hint = hint, shell_hint
        for name, value in values.items():
            if not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} has no keyword {name!r}")
            setattr(self, name, dict(value) if isinstance(value, Mapping) else value)

    @property
    def not_started(self) -> bool:
        """True if no question was started: asking again pays once."""
        is_unknown = isinstance(self, SubmissionUncertain) or self in _FOREIGN
        return self.question_id is None and not is_unknown

    def _render_traceback_(self) -> list[str]:
        from connecty_frames._base.tracebacks import short_traceback

        return short_traceback(self)


class ConfigError(ConnectyError, ValueError):
    """A setting, option or argument is missing or wrong; ``not_started`` tells if a question was asked."""

    setting: str | None = None
    """The name of the setting or keyword, or None if several are involved."""


def wrong_value(setting: str, value: object, expected: str) -> ConfigError:
    """Return the error of a setting or keyword with an unexpected value."""
    return ConfigError(f"{setting}={value_text(value)}: expected {expected}.", setting=setting)


def missing_extra(extra: str, subject: str, error: ModuleNotFoundError) -> ConfigError:
    """Return the error of a missing extra, as in "Plots need altair: ..."."""
    return ConfigError(f"{subject} {error.name}: pip install 'connecty-frames[{extra}]'.", setting=extra)


class ConnectionFailed(ConnectyError):
    """The server could not be reached, or sent no token; nothing else was sent."""

    host: str = ""
    """The server, or proxy, that was tried, as ``host:port``."""
    phase: str = "connect"
    """The step that failed: ``resolve``, ``connect``, ``proxy``, ``tls``, or ``token`` if every reply of the
    token endpoint was lost."""


class AuthError(ConnectyError):
    """The credentials were refused, or the token endpoint did not return a token."""

    status: int | None = None
    """The HTTP status of the refusal, or None if there was no usable answer."""


class APIError(ConnectyError):
    """The server answered with an error status."""

    status: int = 0
    """The HTTP status."""
    text: str = ""
    """The server's message, shortened and made safe to print."""


class NotFoundError(APIError):
    """404: no such workspace or question."""


class RateLimitError(APIError):
    """429: too many requests, and waiting longer would exceed the timeout."""

    status: int = 429
    retry_after: float | None = None
    """Seconds to wait before another attempt, as the server said, or None if it did not."""


class ServerError(APIError):
    """5xx: the server is at fault."""


class ResponseError(ConnectyError):
    """The body is not what the API promises."""

    host: str | None = None
    """The server that sent it, or None for a saved response."""
    content_type: str | None = None
    """Its ``Content-Type``, or None without one."""
    snippet: str = ""
    """The beginning of the body, shortened and made safe to print."""


class ResponseTooLarge(ResponseError):
    """The body is longer than the limit, in bytes; reading stopped there."""


class QuestionError(ConnectyError):
    """A question has no usable answer. The error carries everything known about the question."""

    question: str | None = None
    """The text of the question, None after re-attaching by id."""
    dw_id: int | None = None
    """The workspace it was sent to."""
    state: str | None = None
    """The last state that the server reported, or None if it reported none."""
    asked_at: datetime | None = None
    """When it was sent, aware and in UTC, or None if unknown."""
    details: Mapping[str, object] = MappingProxyType({})
    """Other fields that the server sent about it."""


class QuestionFailed(QuestionError):
    """The server could not answer the question (state FAILED)."""


class QuestionLimitError(QuestionError):
    """A limit of questions in 24 hours, of the settings or the store, is reached. Nothing was sent."""

    next_at: datetime | None = None
    """When the next question is allowed, aware and in UTC; None if the limit is 0."""


class QuestionTimeout(QuestionError, TimeoutError):
    """There was no answer within the timeout. The question may still be running."""


class NoTableError(QuestionError):
    """The question was answered without a table; ``response_summary`` may say why."""

    response_summary: str | None = None
    """The written summary, or None if the server sent none."""
    sql_query: str | None = None
    """The SQL, or None if the server sent none."""


class SubmissionUncertain(QuestionError):
    """The question was sent, but it is unknown whether it arrived. It is not sent again."""


class WriteFailed(ConnectyError, OSError):
    """An answer cannot be written to its file, for example on a full disk; fetch it by its id for free."""

    # OSError's own is lost when an error is pickled.
    errno: int | None = None
    """The operating system's error number, or None if it has none."""


class ConversionError(ConnectyError):
    """A value cannot be converted to the type of its column."""

    column: str | None = None
    """The name of the column."""
    row: int | None = None
    """The row of the value, counted from 0 without the header, or None if the error is not about one row."""
    value: str = ""
    """The value, shortened and made safe to print."""


class TruncatedError(ConnectyError):
    """Rows were cut, and ``on_truncation="raise"``."""

    rows: int = 0
    """The number of rows received."""
    total_rows: int | None = None
    """The rows of the whole answer, or None if unknown."""


class QueryRefused(ConnectyError):
    """The SQL is not one query that only reads, or was not understood; nothing was sent to the database."""


class PinChanged(ConnectyError):
    """A pinned question has a different answer now: SQL, columns, types or number of rows differ."""

    name: str = ""
    """The name of the pin."""
    changes: tuple[str, ...] = ()
    """What differs, as sentences."""


class ConnectyWarning(UserWarning):
    """The base class of all warnings; the answer or connection can still be used.

    Parameters
    ----------
    message, hint, shell_hint
        As for :class:`ConnectyError`.
    column
        The name of the column that it is about, or None.
    """

    def __init__(
        self, message: str, *, hint: str = "", shell_hint: str = "", column: str | None = None
    ) -> None:
        super().__init__(f"{message} {hint}" if hint else message)
        self.hint, self.shell_hint, self.column = hint, shell_hint, column


class TruncationWarning(ConnectyWarning):
    """The table has fewer rows than the whole answer, or may have."""


class TypeFidelityWarning(ConnectyWarning):
    """A column could not get its type, text was altered, a model has validators, or parts differ in type."""


class ColumnNameWarning(ConnectyWarning):
    """A column was renamed, because its name was missing or a duplicate."""


class StatisticsWarning(ConnectyWarning):
    """The table and the server's statistics disagree, or part of the statistics is unknown."""


class ProtocolWarning(ConnectyWarning):
    """The server differs from the API document; its reply was used all the same.

    A client warns once of each kind of difference.
    """


class UnknownStateWarning(ProtocolWarning):
    """The server reported a question state that is not in the API document."""


class InsecureWarning(ConnectyWarning):
    """A protection was turned off on purpose."""


class HistoryWarning(ConnectyWarning):
    """The history cannot be used or was damaged; questions are still asked."""


class PinWarning(ConnectyWarning):
    """A pinned question has a different answer now, with ``on_change="warn"``."""


_FOREIGN: Final[WeakSet[ConnectyError]] = WeakSet()  # errors of this package raised by other code


def is_own(error: BaseException) -> TypeGuard[ConnectyError]:
    """Return True for a ConnectyError of this package, False if code of others raised it during a call."""
    # Ours passes through frames of this package and of Python alone; a handler or callable has its own. An
    # exception set by another thread has none, but no class of this package can be set: it needs a message.
    if not isinstance(error, ConnectyError):
        return False
    names = [frame.f_globals.get("__name__") for frame, _ in walk_tb(error.__traceback__)]
    packages = [str(name).partition(".")[0] for name in names]
    is_derived = type(error).__module__.partition(".")[0] != _PACKAGE_NAME
    if is_derived or packages[-1:] not in ([], [_PACKAGE_NAME]) or not _PYTHON_AND_OURS.issuperset(packages):
        _FOREIGN.add(error)  # its traceback may be removed
    return error not in _FOREIGN


def is_interrupt(error: BaseException) -> bool:
    """Return True for an exception from outside a request, such as Ctrl-C or a signal handler's."""
    if isinstance(error, ConnectyError):
        return not is_own(error)
    package = type(error).__module__.partition(".")[0]
    is_known = package in _PYTHON_AND_OURS or package in _UNDERNEATH
    return not (isinstance(error, Exception) and is_known) or is_of_handler(error)


def is_of_handler(error: BaseException) -> bool:
    """Return True for an exception raised by a signal handler."""
    # It may be of a library's class. But a handler gets the interrupted frame.
    for interrupted, called in pairwise(frame for frame, _ in walk_tb(error.__traceback__)):
        values = called.f_locals.values()
        rest = chain.from_iterable(value for value in values if isinstance(value, tuple))  # as of ``*args``
        if any(value is interrupted for value in chain(values, rest)):
            return True
    return False


@contextmanager
def suppress_own(kind: type[ConnectyError]) -> Iterator[None]:
    """Suppress errors of this package, but not those that other code raises meanwhile."""
    try:
        yield
    except kind as error:
        if not is_own(error):
            raise


def without_secrets(text: str) -> str:
    """Mask the secrets of all clients in a text about an answer."""
    for mask in MASKS:
        text = mask(text)
    return text


def redact(error: BaseException) -> None:
    """Mask secrets in an error or warning about an answer, and drop ended frames: they hold the answer."""
    error.args = tuple(without_secrets(each) if isinstance(each, str) else each for each in error.args)
    for name, value in vars(error).items():
        if isinstance(value, str) and name != "question_id":
            setattr(error, name, without_secrets(value))
    # Without the frame of this call: it would keep all of them alive in a cycle.
    running = {frame for frame, _ in walk_stack(sys._getframe(1))}  # noqa: SLF001 - as in CodeLocation
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace.tb_next = trace.tb_next if trace.tb_next.tb_frame in running else None
        trace = trace.tb_next
    if error.__suppress_context__:
        error.__context__ = None


class CodeLocation(NamedTuple):
    """A line of the caller's code, for warnings from threads without it on their stack."""

    filename: str
    lineno: int
    # Not the globals themselves: a traceback with locals would show them.
    module: str | None
    registry: dict[Any, Any]

    @classmethod
    def in_module(cls, filename: str, lineno: int, namespace: dict[str, Any]) -> CodeLocation:
        """Return a line of the module with these globals; Python counts its warnings there."""
        registry = namespace.setdefault("__warningregistry__", {})
        return cls(filename, lineno, namespace.get("__name__"), registry)

    @classmethod
    def of_caller(cls) -> CodeLocation:
        """Return the first line on the stack outside this package."""
        frame = sys._getframe()  # noqa: SLF001 - how the warnings module itself finds a caller
        while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
            frame = frame.f_back
        return cls.in_module(frame.f_code.co_filename, frame.f_lineno, frame.f_globals)


#: The line for warnings in a thread started by this package.
WARNING_LOCATION: Final[ContextVar[CodeLocation]] = ContextVar("WARNING_LOCATION")


def warn(warning: ConnectyWarning) -> None:
    """Issue a warning at the caller's line: the first one outside this package."""
    redact(warning)
    location = WARNING_LOCATION.get(None) or CodeLocation.of_caller()
    warnings.warn_explicit(warning, type(warning), *location)
