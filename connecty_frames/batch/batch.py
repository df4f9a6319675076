"""Batch: what is known of the questions in a folder."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from connecty_frames._base.text import counted, path_text
from connecty_frames.answer import read_schema
from connecty_frames.api import shared_client
from connecty_frames.batch.folder import begin_refetching, manifest_in, manifest_of, open_index, part_path
from connecty_frames.batch.index import NO_TABLE, PART, Entry
from connecty_frames.calls.concurrent import check_max_workers
from connecty_frames.errors import ConfigError, wrong_value
from connecty_frames.files import checked_path
from connecty_frames.options import AskOptions, Engine, check_bool, shows_options
from connecty_frames.store.table import RecordState

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path
    from typing import Unpack

    import pandas as pd
    import polars as pl
    from pyarrow import dataset

    from connecty_frames.client import Client
    from connecty_frames.options import AskOptionsDict

DEFAULT_WORKERS: Final = 16
#: Options of a question that a batch does not take, and why.
NOT_OF_A_BATCH: Final = {
    "dtype_backend": "dtype_backend is for pandas, but parts are Parquet files: pass it to read_parquet.",
    "max_age": "max_age uses your history; a batch has its own index of what was asked.",
}


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """How many questions of a batch are in which state; each is counted once.

    Parameters
    ----------
    total
        All questions.
    answered
        Those whose part is written, or whose answer has no table.
    failed
        Those that the server could not answer. ``retry()`` asks them again.
    unusable
        Those that were answered, where the answer cannot be read with these options, as with ``strict=True``.
        The next call fetches it again.
    uncertain
        Those that were sent, and whether they were accepted is unknown. They are not sent again unless told.
    rejected
        Those that were definitely not started. The next call asks them again.
    pending
        Those that were accepted, and whose answer is to be fetched by the next call, or that another process
        is asking.
    unasked
        Those that were never sent.
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
        counts = [
            f"{getattr(self, field.name):,} {field.name}"
            for field in fields(self)[1:]
            if getattr(self, field.name)
        ]
        return f"{counted(self.total, 'question')}{': ' if counts else ''}{', '.join(counts)}"


class Batch:
    """The questions in a folder and their answers.

    It comes from :func:`ask_batch`, or from :func:`open_batch`, which asks nothing. Each call reads the
    folder as it is then.
    """

    def __init__(
        self, folder: Path, ask: Callable[..., None] | None = None, asked_by: Client | None = None
    ) -> None:
        self._folder = folder
        #: Asks the questions again; None if they are not known.
        self._ask = ask
        self._asked_by = asked_by

    @property
    def folder(self) -> Path:
        """The folder."""
        return self._folder

    def summary(self) -> BatchSummary:
        """Return how many questions are in which state.

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
    def errors(self, engine: Literal["pyarrow"]) -> Any: ...  # a pyarrow.Table, which has no types
    def errors(self, engine: Engine = "pandas") -> Any:
        """Return the questions that were sent and have no answer, or not the one last asked for.

        Parameters
        ----------
        engine : {"pandas", "polars", "pyarrow"}, default "pandas"
            The library of the frame.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or pyarrow.Table
            A row for each: ``number``, ``name``, ``question``, ``state`` as in the history, ``question_id``
            and ``error``.

        Raises
        ------
        ConfigError
            If the engine is unknown, or the index cannot be read.
        """
        AskOptions(engine=engine)  # checks it
        import pyarrow as pa

        columns = ("number", "name", "question", "state", "question_id", "error")
        found = [
            entry
            for entry in self._entries()
            if entry.error is not None or (entry.outcome is None and entry.state == RecordState.FAILED)
        ]
        types = [pa.int64(), *[pa.string()] * (len(columns) - 1)]
        table = pa.table(
            [
                pa.array([getattr(entry, name) for entry in found], type_)
                for name, type_ in zip(columns, types, strict=True)
            ],
            names=list(columns),
        )
        from connecty_frames.frames.loading import to_engine

        return to_engine(table, engine)

    def parts(self) -> dict[str | int, Path]:
        """Return the Parquet files of the answers, in the order of the questions.

        Returns
        -------
        dict
            The paths by the names of the questions, by the numbers of those without a name.
            :func:`read_parquet` reads one with its metadata.

        Raises
        ------
        ConfigError
            If the index cannot be read.
        """
        return {
            entry.number if entry.name is None else entry.name: part_path(
                self._folder, entry.number, entry.name
            )
            for entry in self._entries()
            if entry.outcome == PART
        }

    def to_dataset(self) -> dataset.Dataset:
        """Return the parts as one dataset, in the order of the questions, for parts with the same columns.

        A column that is int64 in some parts and double in others is double if that keeps all values. The
        special column ``__filename`` tells the parts apart. Checksums of pages are verified.

        Returns
        -------
        pyarrow.dataset.Dataset
            Nothing but the schemas has been read.

        Raises
        ------
        ConfigError
            If there is no part, one is missing or damaged, or two have different columns or types: then
            :meth:`refetch` gives all of them the same.
        """
        from connecty_frames.batch.parts import to_dataset

        paths = list(self.parts().values())
        if not paths:
            raise ConfigError(
                f"The batch in {path_text(self._folder)} has no parts yet: ask_batch writes them.",
                setting="folder",
            )
        return to_dataset(paths)

    def retry(
        self,
        *,
        uncertain: bool = False,
        max_workers: int = DEFAULT_WORKERS,
        max_questions: int | None = None,
    ) -> Batch:
        """Ask failed and rejected questions again, which is paid for, and go on with the others.

        Parameters
        ----------
        uncertain : bool, default False
            Also re-ask questions that may already be running; some may be paid for twice.
        max_workers, max_questions
            As of :func:`ask_batch`.

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
        check_max_workers(max_workers)
        check_max_questions(max_questions)
        check_bool(uncertain, "uncertain")
        if self._ask is None:
            raise ConfigError(
                "A batch from open_batch has no questions and options. Pass them again: "
                "ask_batch(questions, folder, retry_failed=True).",
                setting="folder",
            )
        self._ask(
            max_workers=max_workers,
            max_questions=max_questions,
            retry_failed=True,
            retry_uncertain=uncertain,
        )
        return self

    @shows_options("dw_id", *NOT_OF_A_BATCH)
    def refetch(
        self,
        *,
        max_workers: int = DEFAULT_WORKERS,
        client: Client | None = None,
        **options: Unpack[AskOptionsDict],
    ) -> Batch:
        """Fetch all answers again under other options, such as another ``schema=``; nothing is asked.

        A part is replaced once its successor is there. The options are those of the batch from then on: later
        calls of :func:`ask_batch` give the same ones, and go on with what a kill has left. A part stays as it
        is if the service no longer has its answer, and :meth:`parts` leaves out those whose answers did not
        come in time or do not fit the options; :meth:`errors` lists both.

        Parameters
        ----------
        max_workers
            As of :func:`ask_batch`.
        client : Client or None, default None
            The client of the batch; None uses the one that asked, or a shared one.
        **options
            All options of the batch, as :func:`ask_batch` takes them; one that is left out has its default.

        Returns
        -------
        Batch
            The same.

        Raises
        ------
        ConfigError
            If an argument is wrong, or the client is of another account or address than the batch.
        ConnectyError
            As for :func:`ask_batch`.
        """
        from connecty_frames.batch.run import run_batch

        check_max_workers(max_workers)
        ask_options = read_schema(AskOptions.from_kwargs(options, "dw_id", *NOT_OF_A_BATCH))
        fetching = shared_client(client or self._asked_by)
        target = fetching.target(manifest_in(self._folder)["dw_id"])
        with begin_refetching(self._folder, manifest_of(target, ask_options)) as index:
            run_batch(
                self._folder,
                fetching,
                dw_id=target["dw_id"],
                questions={entry.key: entry.question for entry in index.entries()},
                ask_options=ask_options,
                max_workers=max_workers,
                max_questions=0,
                retry_failed=False,
                retry_uncertain=False,
            )
        if self._ask is not None:
            self._ask = partial(self._ask, ask_options=ask_options)
        return self

    def __repr__(self) -> str:
        return f"<Batch in {path_text(self._folder)}, {self.summary()}>"

    def _entries(self) -> list[Entry]:
        with open_index(self._folder) as index:
            return index.entries()


def open_batch(folder: str | os.PathLike[str]) -> Batch:
    """Open the batch in a folder, to see how it stands and to read its answers; nothing is sent.

    Parameters
    ----------
    folder : str or path-like
        The folder that :func:`ask_batch` was given.

    Returns
    -------
    Batch
        Its :meth:`Batch.retry` is a ConfigError, since the questions and the options are not in the folder.

    Raises
    ------
    ConfigError
        If there is no batch, or its manifest or its index is missing or damaged.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> batch = cf.ask_batch(["how many orders are there"], "orders")
    >>> cf.open_batch("orders").summary().answered
    1
    """
    path = checked_path(folder, "folder").absolute()
    open_index(path)
    return Batch(path)


def check_max_questions(value: object) -> None:
    """Raise ConfigError if a value is no maximum of questions to ask."""
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise wrong_value("max_questions", value, "a whole number of 0 or more, or None for all")


def _condition(entry: Entry) -> str:
    """Return the field of :class:`BatchSummary` that counts a question."""
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
