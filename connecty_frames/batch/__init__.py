"""Batches: many questions, each asked once, with their answers in a folder."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from connecty_frames._base.clock import within
from connecty_frames._base.text import counted, path_text
from connecty_frames.answer import read_schema
from connecty_frames.api import shared_client
from connecty_frames.batch.folder import (
    OPTIONS,
    begin_folder,
    begin_refetching,
    manifest_in,
    manifest_of,
    open_index,
    part_path,
    store_of,
    to_dataset,
)
from connecty_frames.batch.index import NO_TABLE, PART, Entry, read_items
from connecty_frames.batch.run import BatchProgress, run_batch
from connecty_frames.errors import ConfigError, without_secrets
from connecty_frames.files import checked_path
from connecty_frames.options import AskOptions, Engine, check_bool, check_count, shows_options
from connecty_frames.settings.sources import resolve
from connecty_frames.store.table import RecordState, store_at

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import Unpack

    import pandas as pd
    import polars as pl
    from pyarrow import dataset

    from connecty_frames.batch.index import Index
    from connecty_frames.client import Client
    from connecty_frames.options import AskOptionsDict

__all__ = ["Batch", "BatchProgress", "BatchSummary", "ask_batch", "open_batch"]

_WORKERS: Final = 16
#: Options of ask_df that a batch does not take, and why.
_NOT_OF_A_BATCH: Final = {
    "dtype_backend": "dtype_backend is for pandas, but parts are Parquet files: pass it to read_parquet.",
    "max_age": "max_age uses your history; a batch has its own index of what was asked.",
}


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """The number of questions of a batch in each state; each question is counted once.

    Parameters
    ----------
    total
        All questions.
    answered
        The part is written, or the answer has no table.
    failed
        The server could not answer; ``retry()`` asks again.
    unusable
        The answer cannot be read with these options, such as ``strict=True``. The next call fetches it again.
    uncertain
        Sent, perhaps accepted. Not sent again, except by ``retry(uncertain=True)``.
    rejected
        Definitely not started; the next call asks again.
    pending
        Accepted, and fetched by the next call; or another process is asking it.
    unasked
        Never sent.
    """

    total: int = 0
    answered: int = 0
    failed: int = 0
    unusable: int = 0
    uncertain: int = 0
    rejected: int = 0
    pending: int = 0
    unasked: int = 0

    def __str__(self) -> str:
        found = {field.name: getattr(self, field.name) for field in fields(self)[1:]}
        counts = [f"{count:,} {name}" for name, count in found.items() if count]
        return f"{counted(self.total, 'question')}{': ' if counts else ''}{', '.join(counts)}"


class Batch:
    """The questions in a folder and their answers.

    Returned by :func:`ask_batch` and :func:`open_batch`. Each call reads the current state of the folder.
    """

    def __init__(
        self,
        folder: Path,
        ask: Callable[..., None] | None = None,
        asked_by: Client | None = None,
        store: str | None = None,
    ) -> None:
        self._folder = folder
        self._ask = ask  # asks the questions again; None if they are unknown
        self._asked_by = asked_by
        self._store = store  # the URL of the store of the client or the settings, if it is a database

    @property
    def folder(self) -> Path:
        """The folder."""
        return self._folder

    def summary(self) -> BatchSummary:
        """Return the number of questions in each state.

        Raises
        ------
        ConfigError
            If the index cannot be read.
        """
        entries = self._entries()
        return BatchSummary(total=len(entries), **Counter(map(_condition, entries)))

    @overload
    def errors(self, engine: Literal["pandas"] = ...) -> pd.DataFrame: ...
    @overload
    def errors(self, engine: Literal["polars"]) -> pl.DataFrame: ...
    @overload
    def errors(self, engine: Literal["pyarrow"]) -> Any: ...  # a pyarrow.Table, which has no type hints
    def errors(self, engine: Engine = "pandas") -> Any:
        """Return the questions that have no answer, or none that fits the latest options.

        Parameters
        ----------
        engine : {"pandas", "polars", "pyarrow"}, default "pandas"
            The library of the frame.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or pyarrow.Table
            A row for each question: ``number``, ``name``, ``question``, ``state`` as in the history,
            ``question_id`` and ``error``.

        Raises
        ------
        ConfigError
            If the engine is unknown, or the index cannot be read.
        """
        AskOptions(engine=engine)  # checks it
        import pyarrow as pa

        found = [
            entry._asdict()
            for entry in self._entries()
            if entry.error is not None or (entry.outcome is None and entry.state == RecordState.FAILED)
        ]
        texts = [(name, pa.string()) for name in ("name", "question", "state", "question_id", "error")]
        table = pa.Table.from_pylist(found, pa.schema([("number", pa.int64()), *texts]))
        from connecty_frames.frames import to_engine

        return to_engine(table, engine)

    def parts(self) -> dict[str | int, Path]:
        """Return the Parquet files of the answers, in the order of the questions.

        Returns
        -------
        dict
            The paths by name, or by number for questions without a name.
            :func:`read_parquet` reads one with its metadata.

        Raises
        ------
        ConfigError
            If the index cannot be read.
        """
        found = [each for each in self._entries() if each.outcome == PART]
        return {each.name or each.number: part_path(self._folder, each.number, each.name) for each in found}

    def to_dataset(self) -> dataset.Dataset:
        """Return the parts as one dataset, in the order of the questions.

        All parts must have the same columns. A column that is int64 in some parts and double in others is
        double if that is exact. The special column ``__filename`` names the part. Page checksums are checked.

        Returns
        -------
        pyarrow.dataset.Dataset
            The dataset; only schemas have been read.

        Raises
        ------
        ConfigError
            If there is no part, a part is missing or damaged, or parts differ in columns or types
            (:meth:`refetch` can unify them).
        """
        paths = list(self.parts().values())
        if not paths:
            raise ConfigError(
                f"The batch in {path_text(self._folder)} has no parts yet: ask_batch writes them.",
                setting="folder",
            )
        return to_dataset(paths)

    def retry(
        self, *, uncertain: bool = False, max_workers: int = _WORKERS, max_questions: int | None = None
    ) -> Batch:
        """Ask failed and rejected questions again, **which costs money**, and continue with the others.

        Parameters
        ----------
        uncertain : bool, default False
            Also re-ask questions that may already be running; some may be paid for twice.
        max_workers, max_questions
            As for :func:`ask_batch`.

        Returns
        -------
        Batch
            The same.

        Raises
        ------
        ConfigError
            If an argument is wrong, or the batch comes from :func:`open_batch`, which knows neither the
            questions nor the options.
        ConnectyError
            As for :func:`ask_batch`.
        """
        check_count(max_workers, "max_workers", least=1)
        check_count(max_questions, "max_questions", optional=True)
        check_bool(uncertain, "uncertain")
        if self._ask is None:
            raise ConfigError(
                "A batch from open_batch has no questions and options. Pass them again: "
                "ask_batch(questions, folder, retry_failed=True).",
                setting="folder",
            )
        self._ask(
            max_workers=max_workers, max_questions=max_questions, retry_failed=True, retry_uncertain=uncertain
        )
        return self

    @shows_options(without=("dw_id", *_NOT_OF_A_BATCH))
    def refetch(
        self, *, max_workers: int = _WORKERS, client: Client | None = None, **options: Unpack[AskOptionsDict]
    ) -> Batch:
        """Fetch all answers again with other options, such as another ``schema=``; no question is asked.

        A part is replaced once the new one is complete. Later calls of :func:`ask_batch` must pass the same
        options. If the service no longer has an answer, its part stays; :meth:`parts` omits parts whose
        answer did not arrive in time or does not fit the options. :meth:`errors` lists both.

        Parameters
        ----------
        max_workers
            As for :func:`ask_batch`.
        client : Client or None, default None
            The client to fetch with; None uses the one that asked, or a shared one.
        **options
            As for :func:`ask_batch`. An omitted ``schema`` is none; other omitted options stay as they were.

        Returns
        -------
        Batch
            The same.

        Raises
        ------
        ConfigError
            If an argument is wrong, or the client has another account or address than the batch.
        ConnectyError
            As for :func:`ask_batch`.
        """
        check_count(max_workers, "max_workers", least=1)
        found = manifest_in(self._folder)
        kept: Any = {**{name: found[name] for name in OPTIONS if name in found}, "schema": None, **options}
        ask_options = read_schema(AskOptions.from_kwargs(kept, without=("dw_id", *_NOT_OF_A_BATCH)))
        fetching = shared_client(client or self._asked_by)
        target = fetching.target(found["dw_id"])
        deadline = fetching.deadline(ask_options)
        begin = partial(begin_refetching, self._folder, manifest_of(target, ask_options), self._store)
        with within(deadline, begin) as index:
            run_batch(
                self._folder,
                fetching,
                store=self._store,
                dw_id=target["dw_id"],
                questions={entry.key: entry.question for entry in within(deadline, index.entries)},
                ask_options=ask_options,
                max_workers=max_workers,
                max_questions=0,
                deadline=deadline,
            )
        if self._ask is not None:
            self._ask = partial(self._ask, ask_options=ask_options)
        return self

    def __repr__(self) -> str:
        return f"<Batch in {path_text(self._folder)}, {self.summary()}>"

    def _entries(self) -> list[Entry]:
        with open_index(self._folder, self._store) as index:
            return index.entries()


@shows_options(without=_NOT_OF_A_BATCH)
def ask_batch(
    questions: Iterable[str | tuple[str, str]],
    folder: str | os.PathLike[str],
    *,
    max_workers: int = _WORKERS,
    max_questions: int | None = None,
    retry_failed: bool = False,
    retry_uncertain: bool = False,
    client: Client | None = None,
    client_changed: bool = False,
    **options: Unpack[AskOptionsDict],
) -> Batch:
    """Ask many questions, each exactly once, and keep their answers in a folder.

    Call it again with the same folder to continue, even after the process was killed: answered questions are
    skipped, accepted ones fetched, and the others asked. Several processes may share a folder, even on
    several machines if the batch began with a history in PostgreSQL.

    Parameters
    ----------
    questions : iterable
        Questions in plain language, a column of a frame, or pairs of a name and a question; the name becomes
        part of a file name. A question is recognised by its name, otherwise by its text and the number of
        earlier occurrences, so a list may be extended and reordered.
    folder : str or path-like
        The folder, which is created if needed. Answers are in ``parts/000001-<name>.parquet``.
    max_workers : int, optional
        The maximum number of questions in progress at once, 1 or more.
    max_questions : int or None, default None
        The maximum number of questions to ask in this call; None asks all. Fetching does not count.
    retry_failed : bool, default False
        Also re-ask questions that the server could not answer.
    retry_uncertain : bool, default False
        Also re-ask questions that may already be running; some may be paid for twice.
    client : Client or None, default None
        The client to use; None uses a shared one, made from the settings.
    client_changed : bool, default False
        Continue a batch that another client id began, and record the new one.
    progress : bool, callable or None, default None
        True shows and False hides the line with counts and rate; a callable receives a BatchProgress after
        each question. None shows the line in a terminal.
    **options
        Options of :func:`ask_df`, except ``dtype_backend`` and ``max_age``.

    Returns
    -------
    Batch
        The batch. Failed questions do not raise: ``Batch.summary`` counts, ``Batch.errors`` lists them.

    Raises
    ------
    ConfigError, TypeError
        If an argument is wrong, or the folder contains something else, or a batch with another workspace,
        client, store or options; nothing was sent.
    AuthError, ConnectionFailed, NotFoundError, QuestionLimitError, RateLimitError
        If no further question can be asked. The call waits for questions in progress first.
    WriteFailed
        If a part cannot be written, for example on a full disk. The next call fetches the answer.
    KeyboardInterrupt
        On Ctrl-C. Its note, and standard error, say how many were asked; no more are asked.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> questions = {
    ...     "orders": "how many orders are there",
    ...     "top": "list the top 5 countries with the most orders",
    ... }
    >>> batch = cf.ask_batch(questions, "nightly")
    >>> print(batch.summary())
    2 questions: 2 answered
    >>> cf.read_parquet(batch.parts()["top"]).shape
    (5, 2)
    """
    for name, reason in _NOT_OF_A_BATCH.items():
        if options.get(name) is not None:
            raise ConfigError(reason, setting=name)
    check_count(max_workers, "max_workers", least=1)
    check_count(max_questions, "max_questions", optional=True)
    check_bool(retry_failed, "retry_failed")
    check_bool(retry_uncertain, "retry_uncertain")
    check_bool(client_changed, "client_changed")
    ask_options = read_schema(AskOptions.from_kwargs(options))
    path = checked_path(folder, "folder").absolute()
    items = read_items(questions)
    asking = shared_client(client)
    target = asking.target(ask_options.dw_id)
    store = None if asking.history is None else asking.history.database.url
    deadline = asking.deadline(ask_options)
    manifest = manifest_of(target, ask_options)
    index = within(deadline, partial(_begin, path, asking, store, manifest, client_changed=client_changed))
    items = index.keyed(items)
    ask = partial(
        run_batch,
        path,
        asking,
        store=store,
        dw_id=target["dw_id"],
        questions={item.key: item.question for item in items},
        ask_options=ask_options,
    )
    with index:
        within(deadline, partial(index.register, items, without_secrets))
        ask(
            max_workers=max_workers,
            max_questions=max_questions,
            retry_failed=retry_failed,
            retry_uncertain=retry_uncertain,
            deadline=deadline,
        )
    return Batch(path, ask, asking, store)


def _begin(
    path: Path, asking: Client, store: str | None, manifest: dict[str, Any], *, client_changed: bool
) -> Index:
    if asking.history is not None and store_of(path, store) is None and asking.history.is_limited:
        raise ConfigError(
            "A limit counts questions in the history, but a batch in a folder records its own. Start the "
            "batch with a history in PostgreSQL, or drop the limit and pass max_questions=.",
            setting="max_questions_per_day",
        )
    try:
        return begin_folder(path, manifest, store, client_changed=client_changed)
    except OSError as error:
        raise ConfigError(
            f"folder={path_text(path)} cannot be used ({error.strerror}). Nothing was sent.", setting="folder"
        ) from None


def open_batch(folder: str | os.PathLike[str]) -> Batch:
    """Open the batch in a folder, to see its state and read its answers; nothing is sent.

    Parameters
    ----------
    folder : str or path-like
        The folder that :func:`ask_batch` was given.

    Returns
    -------
    Batch
        The batch. Its :meth:`Batch.retry` raises ConfigError, because the folder does not contain the
        questions and options.

    Raises
    ------
    ConfigError
        If there is no batch, its manifest or index is missing or damaged, or the index is in a database that
        the settings do not name.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> batch = cf.ask_batch(["how many orders are there"], "orders")
    >>> cf.open_batch("orders").summary().answered
    1
    """
    path = checked_path(folder, "folder").absolute()
    store = None if manifest_in(path)["store"] is None else store_at(resolve().store).url
    open_index(path, store)
    return Batch(path, store=store)


def _condition(entry: Entry) -> str:
    if entry.outcome in {PART, NO_TABLE}:
        return "answered"
    match entry.state:
        case None:
            return "unasked"
        case RecordState.COMPLETED if entry.error is not None:
            return "unusable"
        case RecordState.FAILED | RecordState.UNCERTAIN | RecordState.REJECTED:
            return entry.state.lower()
        case _:
            return "pending"
