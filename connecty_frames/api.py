"""The verbs: one call from a question to a frame. A few lines over Client."""

from __future__ import annotations

import inspect
import threading
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from connecty_frames.client import Client
from connecty_frames.config import Settings, resolve
from connecty_frames.errors import ConfigError
from connecty_frames.options import AskOptions, AskOptionsDict, Engine
from connecty_frames.text import quoted, value_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from connecty_frames.answer import Answer
    from connecty_frames.client import QuestionFuture

__all__ = ["ask", "ask_df", "ask_many", "forget_clients", "install_readers", "read_connecty"]

Function = TypeVar("Function", bound="Callable[..., Any]")

_clients: dict[Settings, Client] = {}
_lock = threading.Lock()


def _shown(*replaced: str) -> Callable[[Function], Function]:
    """Let ``help`` and editors show a verb's choices with their defaults, which stand in AskOptions."""

    def show(verb: Function) -> Function:
        signature = inspect.signature(verb)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        known = {parameter.name for parameter in own} | {"engine", *replaced}
        choices = [
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type
            )
            for field in fields(AskOptions)
            if field.name not in known and field.default is not MISSING
        ]
        verb.__signature__ = signature.replace(parameters=[*own, *choices])  # type: ignore[attr-defined]
        return verb

    return show


def _client(given: Client | None) -> Client:
    """Give the caller's client, else the one that is shared by all calls with the same settings."""
    if given is not None:
        if not isinstance(given, Client):
            raise ConfigError(f"expected a Client, got a {type(given).__name__}.", setting="client")
        return given
    settings = resolve()
    with _lock:
        if settings not in _clients:
            # From the settings that it is kept under: they may be configured anew at any moment.
            _clients[settings] = Client(
                settings.client_id,
                client_secret=settings.client_secret,
                base_url=settings.address,
                dw_id=settings.dw_id,
                timeout=settings.timeout,
                max_body_bytes=settings.max_body_bytes,
                verify_tls=settings.verify_tls,
                ca_bundle=settings.ca_bundle,
                profile=settings.profile,
            )
        return _clients[settings]


def forget_clients() -> None:
    """Close the clients that calls with the same settings share; later calls make new ones."""
    with _lock:
        clients = list(_clients.values())
        _clients.clear()
    for client in clients:
        client.close()


@_shown()
def ask(question: str, *, client: Client | None = None, **choices: Unpack[AskOptionsDict]) -> Answer:
    """Ask a question and wait for the answer.

    Parameters
    ----------
    question
        In plain language.
    client
        The connection to use; None takes the one that the settings describe.
    **choices
        See :class:`AskOptions`. With ``question_id`` nothing is asked (or paid) again: the answer to that
        question is fetched.

    Returns
    -------
    Answer
        With the table as Arrow, or without one where the question was answered so.

    Raises
    ------
    ConfigError
        Where a setting or choice is missing or wrong; nothing was sent.
    ConnectionFailed, AuthError, APIError, ResponseError
        Where the service cannot be reached, or misbehaves.
    QuestionFailed, QuestionTimeout, SubmissionUncertain
        Where there is no answer.
    ConversionError, TruncatedError
        Where the answer is not what ``schema``, ``strict`` or ``on_truncation`` ask for.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> answer = cf.ask("how many orders are there")
    >>> print(answer.response_summary)
    There are 100000 orders.
    >>> orders = answer.to_polars()
    """
    return _client(client).ask(question, **choices)


@overload
def ask_df(
    question: str,
    *,
    engine: Literal["pandas"] = ...,
    client: Client | None = ...,
    **choices: Unpack[AskOptionsDict],
) -> pd.DataFrame: ...
@overload
def ask_df(
    question: str,
    *,
    engine: Literal["polars"],
    client: Client | None = ...,
    **choices: Unpack[AskOptionsDict],
) -> pl.DataFrame: ...
@overload
def ask_df(
    question: str,
    *,
    engine: Literal["pyarrow"],
    client: Client | None = ...,
    **choices: Unpack[AskOptionsDict],
) -> pa.Table: ...
@_shown()
def ask_df(
    question: str,
    *,
    engine: Engine = "pandas",
    client: Client | None = None,
    **choices: Unpack[AskOptionsDict],
) -> Any:
    """Ask a question and give the answer as a typed frame that still knows where it came from.

    Parameters
    ----------
    question
        In plain language.
    engine
        The library of the frame: ``"pandas"``, ``"polars"`` or ``"pyarrow"``.
    client
        The connection to use; None takes the one that the settings describe.
    **choices
        See :class:`AskOptions`. With ``question_id`` nothing is asked (or paid) again: the answer to that
        question is fetched.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame or pyarrow.Table
        ``metadata(frame)`` tells its SQL and summary; so does ``frame.connecty`` in pandas and polars.

    Raises
    ------
    NoTableError
        Where the question was answered without a table.
    ConnectyError
        All that :func:`ask` raises.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> df = cf.ask_df("list the top 5 countries with the most orders")
    >>> list(df.columns)
    ['country', 'orders']
    >>> print(df.connecty.response_summary)
    Poland has the most orders of all countries: 31768.
    """
    options = AskOptions.from_kwargs(choices, engine=engine)
    return _client(client).answer(question, options).to_frame(options)


@overload
def ask_many(
    questions: Iterable[str],
    *,
    max_workers: int = ...,
    as_completed: Literal[False] = ...,
    client: Client | None = ...,
    **choices: Unpack[AskOptionsDict],
) -> list[QuestionFuture]: ...
@overload
def ask_many(
    questions: Iterable[str],
    *,
    max_workers: int = ...,
    as_completed: Literal[True],
    client: Client | None = ...,
    **choices: Unpack[AskOptionsDict],
) -> Iterator[QuestionFuture]: ...
@_shown("question_id")
def ask_many(
    questions: Iterable[str],
    *,
    max_workers: int = 8,
    as_completed: bool = False,
    client: Client | None = None,
    **choices: Unpack[AskOptionsDict],
) -> list[QuestionFuture] | Iterator[QuestionFuture]:
    """Ask many questions, several at a time, and wait for their answers.

    One that fails does not keep the others from being answered. They share one connection, so one token and
    one budget of retries.

    Parameters
    ----------
    questions
        In plain language; all are taken before the first is asked. One that is in there twice is asked twice.
    max_workers
        How many are under way at once, 1 or more.
    as_completed
        Whether to give an iterator that has each as soon as it is done, instead of a list.
    client
        The connection to use; None takes the one that the settings describe.
    **choices
        See :class:`AskOptions`; they hold for each question alike, ``timeout`` from when it is taken up.

    Returns
    -------
    list or iterator of concurrent.futures.Future
        Each is finished: its ``result()`` gives the Answer, or raises what became of its question, and its
        ``question`` is the question. A list is in the order asked. An iterator asks when it is asked for its
        next: who stops iterating asks nothing more.

    Raises
    ------
    ConfigError, TypeError
        Where a choice is wrong; nothing was sent.
    KeyboardInterrupt
        On Ctrl-C. Its note, and standard error, say which questions were asked and how to fetch their
        answers; no other one is asked.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> asked = cf.ask_many(["how many orders are there", "what is the revenue by country"])
    >>> [each.result().rows for each in asked]
    [1, 19]
    """
    if as_completed:
        return _client(client).ask_many(questions, max_workers=max_workers, as_completed=True, **choices)
    return _client(client).ask_many(questions, max_workers=max_workers, **choices)


@_shown("schema")
def read_connecty(
    question: str,
    con: Client | None = None,
    *,
    dtype: object = None,
    index_col: str | Sequence[str] | None = None,
    **choices: Unpack[AskOptionsDict],
) -> pd.DataFrame:
    """Ask a question in the manner of ``pandas.read_sql``.

    Parameters
    ----------
    question
        In plain language.
    con
        The connection to use; None takes the one that the settings describe.
    dtype
        Column types, as ``schema`` of the other verbs.
    index_col
        The column or columns to make the index.
    **choices
        See :class:`AskOptions`.

    Returns
    -------
    pandas.DataFrame
        As of :func:`ask_df`.

    Raises
    ------
    ConfigError
        Where ``index_col`` is no name of a column, or both ``dtype`` and ``schema`` are given; nothing was
        sent. Where the answer has no such column; the error carries the id, so that nothing needs to be
        asked again.
    ConnectyError
        All that :func:`ask_df` raises.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> df = cf.read_connecty("list the top 5 countries with the most orders", index_col="country")
    >>> int(df.loc["Poland", "orders"])
    31768
    """
    if dtype is not None and choices.get("schema") is not None:
        raise ConfigError("dtype and schema are the same choice: give one of them.", setting="dtype")
    names = _index_names(index_col)
    given = choices if dtype is None else {**choices, "schema": dtype}
    options = AskOptions.from_kwargs(given, engine="pandas")
    answer = _client(con).answer(question, options)
    frame: pd.DataFrame = answer.to_frame(options)
    if index_col is None:
        return frame
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ConfigError(
            f"index_col: the answer has no column {missing[0]!r}; there are {quoted(list(frame.columns))}. "
            f"question_id={answer.question_id!r} fetches it again.",
            setting="index_col",
            question_id=answer.question_id,
        )
    return frame.set_index(names if not isinstance(index_col, str) else index_col)


def install_readers() -> None:
    """Put ``read_connecty`` where pandas and polars have their own readers.

    Afterwards ``pd.read_connecty`` is :func:`read_connecty`, and ``pl.read_connecty(question, con=None,
    **choices)`` gives a polars frame. Both libraries are loaded by this; nothing is put on them without this
    call, and a second one changes nothing. Type checkers do not see what it does: ``cf.read_connecty`` and
    ``cf.ask_df`` are the typed ones.
    """
    import pandas as pd
    import polars as pl

    for library, reader in ((pd, read_connecty), (pl, _read_polars)):
        library.read_connecty = reader  # type: ignore[attr-defined]


@_shown()
def _read_polars(question: str, con: Client | None = None, **choices: Unpack[AskOptionsDict]) -> pl.DataFrame:
    """Ask a question and give the answer as a polars frame.

    Parameters
    ----------
    question
        In plain language.
    con
        The connection to use; None takes the one that the settings describe.
    **choices
        See :class:`AskOptions`; polars has no index and no other dtypes than its own.

    Returns
    -------
    polars.DataFrame
        As of ``ask_df(..., engine="polars")``.

    Raises
    ------
    ConnectyError
        All that :func:`ask_df` raises.
    """
    return ask_df(question, engine="polars", client=con, **choices)


_read_polars.__name__ = _read_polars.__qualname__ = "read_connecty"


def _index_names(index_col: object) -> list[str]:
    """Give the columns of an index, held to be names before a question is paid for."""
    names = [index_col] if isinstance(index_col, str) else index_col
    if names is None:
        return []
    if isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names):
        return list(names)
    raise ConfigError(
        f"index_col={value_text(index_col)}: expected the name of a column, or a list of names.",
        setting="index_col",
    )
