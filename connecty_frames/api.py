"""One call from a question to a frame, with clients shared by calls.

``ask``, ``ask_df`` and ``ask_many`` wait, ``ask_async`` and ``ask_df_async`` are awaited; ``fetch`` and
``fetch_df`` ask nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from connecty_frames.answer import Answer
from connecty_frames.client import Client, awaited
from connecty_frames.errors import ConfigError
from connecty_frames.options import (
    ASK_ONLY,
    AskOptions,
    AskOptionsDict,
    Engine,
    FetchOptionsDict,
    shows_options,
)
from connecty_frames.settings.sources import resolve
from connecty_frames.shared import clients, open_client

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator
    from uuid import UUID

    from connecty_frames.calls import QuestionFuture
    from connecty_frames.frames.accessor import ArrowTable, PandasFrame, PolarsFrame

    class _AskCall(AskOptionsDict, total=False):
        client: Client | None

    class _FetchCall(FetchOptionsDict, total=False):
        client: Client | None

    class _ManyCall(_AskCall, total=False):
        max_workers: int


def shared_client(given: Client | None = None) -> Client:
    """Return ``given``, else the shared client of all calls with the same settings; raises ConfigError."""
    if given is not None:
        if not isinstance(given, Client):
            message = f"client is of type {type(given).__name__}; expected a Client."
            raise ConfigError(message, setting="client")
        return given
    settings = resolve()
    return clients.get(settings) or open_client(settings)


@shows_options()
def ask(question: str, *, client: Client | None = None, **options: Unpack[AskOptionsDict]) -> Answer:
    """Ask a question and wait for the answer.

    Parameters
    ----------
    question : str
        In plain language.
    client, **options
        As for :func:`ask_df`.

    Returns
    -------
    Answer
        Its table is None if the answer has none.

    Raises
    ------
    ConnectyError, TypeError
        As for :func:`ask_df`, except NoTableError.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> answer = cf.ask("how many orders are there")
    >>> print(answer.response_summary)
    There are 100000 orders.
    >>> orders = answer.to_polars()
    """
    return shared_client(client).ask(question, **options)


@overload
def ask_df(question: str, *, engine: Literal["pandas"] = ..., **options: Unpack[_AskCall]) -> PandasFrame: ...
@overload
def ask_df(question: str, *, engine: Literal["polars"], **options: Unpack[_AskCall]) -> PolarsFrame: ...
@overload
def ask_df(question: str, *, engine: Literal["pyarrow"], **options: Unpack[_AskCall]) -> ArrowTable: ...
@shows_options()
def ask_df(
    question: str,
    *,
    engine: Engine = "pandas",
    client: Client | None = None,
    **options: Unpack[AskOptionsDict],
) -> Any:
    """Ask a question and return the answer as a typed frame with metadata.

    Parameters
    ----------
    question : str
        In plain language.
    engine : {"pandas", "polars", "pyarrow"}, default "pandas"
        The library of the frame: ``"pandas"``, ``"polars"`` or ``"pyarrow"``.
    client : Client or None, default None
        The client to use; None uses a shared one, made from the settings.
    dw_id : int or None, default None
        The data workspace to ask; None uses the configured one.
    dtype_backend : {"numpy_nullable", "pyarrow", "numpy"}, default "numpy_nullable"
        The dtypes of pandas columns: ``"numpy_nullable"`` (null and NaN differ), ``"pyarrow"``, or
        ``"numpy"`` (plain numpy, with a warning about what it cannot hold).
    max_rows : int or None, default 1000
        The maximum number of rows to fetch, 0 or more; None fetches all.
    schema : dict, schema, model or None, default None
        Column types that replace the inferred ones: a dict or a pandera model for some columns, or a full
        schema as a contract.
    tz : str, default "UTC"
        The time zone for showing timestamps that have an offset: an IANA name, or an offset such as
        ``"+05:30"``. The instants do not change, and timestamps without an offset are not affected.
    infer_temporal : bool, default True
        Convert text to dates and timestamps if the column has no statistics and every value is a full date,
        or a timestamp with hours and minutes.
    decimals : {"auto", "exact", "float"}, default "auto"
        How to type fractional numbers that float64 cannot represent exactly: ``"exact"`` as decimal,
        ``"float"`` as the nearest float64. ``"auto"`` takes the nearest float64 for computed numbers (more
        than 9 decimal places, unquoted), otherwise decimal.
    strict : bool, default False
        Raise instead of warning when a type or value is in doubt.
    on_truncation : {"warn", "raise", "ignore"}, default "warn"
        What to do if rows were cut: ``"warn"``, ``"raise"`` or ``"ignore"``.
    timeout : float or None, default None
        Seconds for the whole call; None uses the configured timeout.
    progress : bool, callable or None, default None
        True shows and False hides the progress line; a callable receives each step. None shows the line in a
        terminal or notebook.
    max_age : float, timedelta, str or None, default None
        Reuse an answer to the same question up to this age, instead of asking again: seconds, a timedelta, or
        text such as ``"90s"``, ``"30m"``, ``"6h"`` or ``"7d"``. None always asks. It needs a history
        (``configure(history=True)``).
    tags : mapping or None, default None
        Texts to keep with the question in the history, by name, such as ``{"job": "nightly"}``.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame or pyarrow.Table
        ``metadata(frame)`` returns its SQL, summary and so on; in pandas and polars, ``frame.connecty`` does.

    Raises
    ------
    ConfigError, TypeError
        If a setting or option is missing or wrong; nothing was sent.
    ConnectionFailed, AuthError, APIError, ResponseError
        If the service cannot be reached, or answers with an error or an invalid response.
    QuestionFailed, QuestionTimeout, SubmissionUncertain
        If there is no answer.
    ConversionError, TruncatedError
        If the answer does not meet ``schema``, ``strict`` or ``on_truncation``.
    NoTableError
        If the question was answered without a table.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> df = cf.ask_df("list the top 5 countries with the most orders")
    >>> list(df.columns)
    ['country', 'orders']
    >>> print(df.connecty.response_summary)
    Poland has the most orders of all countries: 31768.
    """
    ask_options = AskOptions.from_kwargs(options, engine=engine)
    return shared_client(client).call(question, ask_options).answer().to_frame(ask_options)


@shows_options(without=ASK_ONLY)
def fetch(
    question_id: str | UUID, *, client: Client | None = None, **options: Unpack[FetchOptionsDict]
) -> Answer:
    """Fetch the answer of an earlier question, without asking (and paying) again.

    To await it: ``await asyncio.to_thread(cf.fetch, question_id)``.

    Parameters
    ----------
    question_id : str or UUID
        The id, which answers, frames and errors have: ``answer.question_id``, ``error.question_id``.
    client, **options
        As for :func:`ask_df`, without ``max_age`` and ``tags``; ``dw_id`` is the workspace that was asked.

    Returns
    -------
    Answer
        Its ``question`` is None, since the service does not repeat it.

    Raises
    ------
    ConfigError, TypeError
        If the id cannot be one, or a setting or option is missing or wrong; nothing was sent.
    NotFoundError
        If the workspace has no such question.
    ConnectyError
        As for :func:`ask_df`.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> answer = cf.ask("how many orders are there")
    >>> cf.fetch(answer.question_id).rows
    1
    """
    return shared_client(client).fetch(question_id, **options)


@overload
def fetch_df(
    question_id: str | UUID, *, engine: Literal["pandas"] = ..., **options: Unpack[_FetchCall]
) -> PandasFrame: ...
@overload
def fetch_df(
    question_id: str | UUID, *, engine: Literal["polars"], **options: Unpack[_FetchCall]
) -> PolarsFrame: ...
@overload
def fetch_df(
    question_id: str | UUID, *, engine: Literal["pyarrow"], **options: Unpack[_FetchCall]
) -> ArrowTable: ...
@shows_options(without=ASK_ONLY)
def fetch_df(
    question_id: str | UUID,
    *,
    engine: Engine = "pandas",
    client: Client | None = None,
    **options: Unpack[FetchOptionsDict],
) -> Any:
    """Fetch the answer of an earlier question as a typed frame with metadata; nothing is asked again.

    Parameters
    ----------
    question_id : str or UUID
        As for :func:`fetch`.
    engine, client, **options
        As for :func:`ask_df`, without ``max_age`` and ``tags``.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame or pyarrow.Table
        As for :func:`ask_df`.

    Raises
    ------
    ConnectyError
        As for :func:`fetch` and :func:`ask_df`.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> first = cf.ask_df("show the last 100 logins", max_rows=10, on_truncation="ignore")
    >>> len(cf.fetch_df(first.connecty.question_id, max_rows=None))
    100
    """
    return shared_client(client).fetch_df(question_id, engine=engine, **options)


@shows_options()
def ask_async(
    question: str, *, client: Client | None = None, **options: Unpack[AskOptionsDict]
) -> Coroutine[Any, Any, Answer]:
    """Ask a question and await the answer, without blocking the event loop of asyncio.

    Each call runs in its own thread, which also calls ``progress``. Nothing happens before the coroutine is
    awaited. Cancelling it returns at once: an unsent question is not sent, and polling for an answer stops.

    Parameters
    ----------
    question, client, **options
        As for :func:`ask_df`.

    Returns
    -------
    coroutine
        Its result is the Answer.

    Raises
    ------
    asyncio.CancelledError
        On cancellation. If the question was sent, a note has its id and says how to fetch its answer.
        With ``asyncio.timeout`` it is the ``__cause__`` of the TimeoutError.
    ConnectyError
        As for :func:`ask_df`.

    Examples
    --------
    >>> import asyncio
    >>> import connecty_frames as cf
    >>> async def rows(*questions):
    ...     answers = await asyncio.gather(*map(cf.ask_async, questions))
    ...     return [answer.rows for answer in answers]
    >>> asyncio.run(rows("how many orders are there", "what is the revenue by country"))
    [1, 19]
    """
    return awaited(lambda: shared_client(client), question, options, lambda answer, _: answer)


@overload
def ask_df_async(
    question: str, *, engine: Literal["pandas"] = ..., **options: Unpack[_AskCall]
) -> Coroutine[Any, Any, PandasFrame]: ...
@overload
def ask_df_async(
    question: str, *, engine: Literal["polars"], **options: Unpack[_AskCall]
) -> Coroutine[Any, Any, PolarsFrame]: ...
@overload
def ask_df_async(
    question: str, *, engine: Literal["pyarrow"], **options: Unpack[_AskCall]
) -> Coroutine[Any, Any, ArrowTable]: ...
@shows_options()
def ask_df_async(
    question: str,
    *,
    engine: Engine = "pandas",
    client: Client | None = None,
    **options: Unpack[AskOptionsDict],
) -> Any:
    """Ask a question and await the answer as a typed frame with metadata.

    The frame is made in the thread of the call, as for :func:`ask_async`.

    Parameters
    ----------
    question, engine, client, **options
        As for :func:`ask_df`.

    Returns
    -------
    coroutine
        Its result is the pandas.DataFrame, polars.DataFrame or pyarrow.Table.

    Raises
    ------
    asyncio.CancelledError, ConnectyError
        As for :func:`ask_async` and :func:`ask_df`.

    Examples
    --------
    >>> import asyncio
    >>> import connecty_frames as cf
    >>> df = asyncio.run(cf.ask_df_async("list the top 5 countries with the most orders"))
    >>> df["country"][0]
    'Poland'
    """
    return awaited(lambda: shared_client(client), question, options, Answer.to_frame, engine=engine)


@overload
def ask_many(
    questions: Iterable[str], *, as_completed: Literal[False] = ..., **options: Unpack[_ManyCall]
) -> list[QuestionFuture]: ...
@overload
def ask_many(
    questions: Iterable[str], *, as_completed: Literal[True], **options: Unpack[_ManyCall]
) -> Iterator[QuestionFuture]: ...
@overload
def ask_many(
    questions: Iterable[str], *, as_completed: bool, **options: Unpack[_ManyCall]
) -> list[QuestionFuture] | Iterator[QuestionFuture]: ...
@shows_options()
def ask_many(
    questions: Iterable[str],
    *,
    max_workers: int = 8,
    as_completed: bool = False,
    client: Client | None = None,
    **options: Unpack[AskOptionsDict],
) -> list[QuestionFuture] | Iterator[QuestionFuture]:
    """Ask many questions, several at a time, and wait for their answers.

    A failed question does not affect the others. All share one client, token and retry budget. The options
    apply to each question; its ``timeout`` starts when a worker begins with it.

    Parameters
    ----------
    questions : iterable of str
        In plain language. The iterable is consumed before the first question is asked; duplicates are asked
        twice.
    max_workers : int, default 8
        The maximum number of questions in progress at once, 1 or more.
    as_completed : bool, default False
        Return an iterator that yields each question as soon as it is done, instead of a list.
    client, **options
        As for :func:`ask_df`.

    Returns
    -------
    list or iterator of concurrent.futures.Future
        Finished futures: ``result()`` returns an Answer or raises its error, and ``question`` is the
        question. A list is in the order of the questions. An iterator submits questions as it is consumed:
        when you stop, no more are asked.

    Raises
    ------
    ConfigError, TypeError
        If a setting or option is missing or wrong; nothing was sent.
    KeyboardInterrupt
        On Ctrl-C. Its note, and standard error, list the questions that were asked and how to fetch their
        answers; no more are asked.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> asked = cf.ask_many(["how many orders are there", "what is the revenue by country"])
    >>> [each.result().rows for each in asked]
    [1, 19]
    """
    return shared_client(client).ask_many(
        questions, max_workers=max_workers, as_completed=as_completed, **options
    )
