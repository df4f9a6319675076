"""Attach metadata to frames, read and copy it; and the accessor ``frame.connecty``.

Nothing here imports a frame library: the library of an existing frame is loaded already.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypeAlias, TypeVar, Union, overload

from connecty_frames._base.text import quoted, snippet
from connecty_frames.answer_metadata import (
    KEY,
    AnswerMetadata,
    Schema,
    WithMetadata,
    naming_question,
    no_attribute,
    schema_of,
)
from connecty_frames.errors import ConfigError, ConversionError, missing_extra
from connecty_frames.frames.attachment import AnyInMypy, library_of, read_metadata, write_metadata

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import altair as alt
    import pandas as pd
    import polars as pl
    import pyarrow as pa

Frame = TypeVar("Frame")

_NO_METADATA: Final = (
    "This frame has no answer metadata: connecty_frames did not make it, or an operation lost it. "
    "cf.copy_metadata(source, frame) restores it (import connecty_frames as cf)."
)

if TYPE_CHECKING:
    # Frames whose accessor type checkers know; at run time, ordinary frames of the libraries.

    class _Typed:  # a separate name for each class; checkers show the alias below
        class PandasFrame(pd.DataFrame):
            """A pandas frame with the metadata of an answer."""

            connecty: ConnectyAccessor

        class PolarsFrame(pl.DataFrame):
            """A polars frame with the metadata of an answer."""

            connecty: ConnectyAccessor

        class ArrowTable(pa.Table):  # type: ignore[misc]
            """An Arrow table with the metadata of an answer."""

            # pyarrow has no type hints, and the unknown type of ``pa.Table`` would make every use of
            # ``ask_df`` an error in pyright's strict mode. The type of a derived class is known.

    # Union, because jedi (completion in notebooks) does not know aliases with `|`.
    PandasFrame: TypeAlias = Union[_Typed.PandasFrame, AnyInMypy]
    PolarsFrame: TypeAlias = Union[_Typed.PolarsFrame, AnyInMypy]
    ArrowTable: TypeAlias = Union[_Typed.ArrowTable, AnyInMypy]


def attach(frame: Frame, metadata: AnswerMetadata) -> Frame:
    """Attach metadata to a frame, replacing earlier metadata, and return the frame; raises ConfigError."""
    attached: Frame = write_metadata(frame, metadata)
    register_accessors()
    # Some libraries cache an accessor on its frame, with the old metadata.
    getattr(attached, "__dict__", {}).pop(KEY, None)
    return attached


@overload
def metadata(frame: object, *, required: Literal[True]) -> AnswerMetadata: ...
@overload
def metadata(frame: object, *, required: bool = ...) -> AnswerMetadata | None: ...
def metadata(frame: object, *, required: bool = False) -> AnswerMetadata | None:
    """Return the metadata of a frame.

    Parameters
    ----------
    frame
        A pandas or polars frame or series; a pyarrow table, record batch or schema; or a Spark DataFrame.
    required
        Raise ConfigError for a frame without metadata.

    Returns
    -------
    AnswerMetadata or None
        None if the frame has no metadata: connecty_frames did not make it, or an operation lost it (use
        :func:`copy_metadata`). Also None for a Spark DataFrame with columns of several answers.

    Raises
    ------
    ConfigError
        If it is not a frame, its metadata is damaged, or ``required=True`` and there is no metadata.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> table = cf.ask_df("how many orders are there", engine="pyarrow")
    >>> cf.metadata(table, required=True).question
    'how many orders are there'
    """
    found = read_metadata(frame)
    register_accessors()
    if found is None and required:
        raise ConfigError(_NO_METADATA, setting="frame")
    return found


@overload
def copy_metadata(source: object, frame: pl.DataFrame) -> PolarsFrame: ...
@overload
def copy_metadata(source: object, frame: pd.DataFrame) -> PandasFrame: ...
@overload
def copy_metadata(source: object, frame: Frame) -> Frame: ...
def copy_metadata(source: object, frame: Any) -> Any:
    """Copy the metadata of a frame to a derived one, even in another library.

    Parameters
    ----------
    source
        A frame that has metadata.
    frame
        The derived frame.

    Returns
    -------
    Frame
        The derived frame; an Arrow table or Spark DataFrame is a new object with the same columns.

    Raises
    ------
    ConfigError
        If one of them is not a frame, or the source has no metadata.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> df = cf.ask_df("list the top 5 countries with the most orders", engine="polars")
    >>> top = cf.copy_metadata(df, df.head(3))
    >>> top.connecty.question
    'list the top 5 countries with the most orders'
    """
    found = metadata(source)
    if found is None:
        raise ConfigError(
            "copy_metadata(source, frame): the source has no answer metadata. Use a frame that "
            "connecty_frames made, or one returned by copy_metadata.",
            setting="source",
        )
    with naming_question(found):
        return attach(frame, found)


def import_plot() -> Any:
    """Return the function that draws a table; raises ConfigError if altair is not installed."""
    try:
        from connecty_frames.display.altair_chart import plot
    except ModuleNotFoundError as error:
        raise missing_extra("plot", "Plots need", error) from None
    return plot


def plot_frame(frame: Any, found: AnswerMetadata, **named: Any) -> alt.Chart:
    """Return the chart of a frame as it is now; raises ConfigError if columns of its answer are gone."""
    from connecty_frames.frames.to_arrow import to_arrow

    plot = import_plot()
    names = [*getattr(frame, "column_names", frame.columns)]
    if gone := [column["name"] for column in found.schema if column["name"] not in names]:
        raise ConfigError(
            f"This frame no longer has the columns of its answer: {quoted(gone)}. Plot the frame before you "
            "drop or rename them, or draw this one with altair.",
            setting="plot",
        )
    table = to_arrow(frame).select(names)  # without the index of a pandas frame
    whole = found.rows if found.total_rows is None else found.total_rows
    is_cut = table.num_rows < max(found.rows, whole)
    cut_rows = f"{table.num_rows:,} of {whole:,} rows" if is_cut else found.cut_text
    chart: alt.Chart = plot(table, found.question, cut_rows=cut_rows, **named)
    return chart


class ConnectyAccessor(WithMetadata):
    """``frame.connecty``: the metadata of the answer that a frame came from.

    The accessor holds the metadata, but its frame only weakly: polars and pandas 2 cache an accessor on its
    frame, so a strong reference would keep the frame alive until the garbage collector runs. If the frame is
    gone when needed, as in ``frame.head().connecty``, a second frame over the same columns takes its place.

    Raises
    ------
    AttributeError
        For a frame without metadata; it names ``cf.copy_metadata``. A pandas frame raises it for ``connecty``
        itself, a polars frame for each of its attributes.
    """

    __slots__ = ("_copy", "_found", "_reference")

    def __init__(self, frame: Any) -> None:
        is_polars = library_of(frame) == "polars"
        try:
            self._found = metadata(frame)
        except ConfigError as error:
            # Inspection and completion look at every attribute and expect no other error.
            raise AttributeError(str(error)) from None
        # polars 2 replaces the message of an AttributeError raised here, and with it the way to get the
        # metadata. So for polars the accessor raises the error when it is used.
        if self._found is None and not is_polars:
            raise AttributeError(_NO_METADATA)
        self._reference = weakref.ref(frame)
        self._copy = frame.clone() if is_polars else frame.copy(deep=False)

    @property
    def metadata(self) -> AnswerMetadata:
        """All of the metadata."""
        if self._found is None:
            raise AttributeError(_NO_METADATA)
        return self._found

    if not TYPE_CHECKING:  # checkers should report it

        def __getattr__(self, name: str) -> NoReturn:
            if name not in self.__slots__ and self._found is None:
                raise AttributeError(_NO_METADATA)
            raise no_attribute(self, name)

    @property
    def _frame(self) -> Any:
        frame = self._reference()
        return self._copy if frame is None else frame

    def __repr__(self) -> str:
        found = self._found
        if found is None:
            return f"<connecty: {_NO_METADATA}>"
        texts = {
            "question": found.question,
            "question_id": found.question_id,
            "sql_query": found.sql_query,
            "response_summary": found.response_summary,
            "rows": found.rows_text,
        }
        lines = [f"  {name}: {snippet(text, 60)}" for name, text in texts.items() if text is not None]
        return "\n".join(["<connecty>", *lines])

    def _repr_html_(self) -> str | None:
        if self._found is None:
            return None  # the repr says how to get the metadata
        from connecty_frames.display.notebook import SHOWN_COLUMNS, SHOWN_ROWS, answer_html
        from connecty_frames.frames.to_arrow import to_arrow

        frame = self._frame
        try:
            # By position: pandas needs iloc here, polars does not.
            table = to_arrow(getattr(frame, "iloc", frame)[:SHOWN_ROWS, :SHOWN_COLUMNS])
        except (ConfigError, ConversionError):  # Arrow has no type for it: show only the metadata
            table = None
        return answer_html(self._found, table, frame.shape)

    @property
    def schema(self) -> Schema:
        """The type of each column of the answer, and the evidence for it in words."""
        return schema_of(self.metadata)

    def plot(
        self, *, x: str | None = None, y: str | Sequence[str] | None = None, color: str | None = None
    ) -> alt.Chart:
        """Draw the frame as it is now, as :meth:`Answer.plot` draws an answer; nothing is asked or fetched.

        Parameters
        ----------
        x, y, color
            See :meth:`Answer.plot`.

        Returns
        -------
        altair.Chart
            Its subtitle counts the rows if some of the answer are missing, for example after a filter.

        Raises
        ------
        ConfigError
            If the frame lacks a column of its answer, Arrow has no type for its values, no chart fits, or
            altair is not installed.
        """
        return plot_frame(self._frame, self.metadata, x=x, y=y, color=color)

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Write frame and metadata to a Parquet file for ``cf.read_parquet``, replaced only once complete.

        Parameters
        ----------
        path
            The file to write, in a folder that exists.

        Returns
        -------
        Path
            The file, with a checksum that ``cf.read_parquet`` verifies.

        Raises
        ------
        ConfigError
            If Parquet cannot hold the frame: names are not text or occur twice, or Arrow has no type for its
            values.
        OSError
            If it cannot be written (WriteFailed on a full disk); an existing file is unchanged.
        """
        from connecty_frames.frames.parquet_file import write_parquet

        return write_parquet(self._frame, path, self.metadata)


_registration: Final = threading.Lock()


def register_accessors() -> None:
    """Register the accessor ``connecty`` once with each loaded library, pandas and polars."""
    with _registration:
        for library, registrar in (
            ("pandas", "api.extensions.register_dataframe_accessor"),
            ("polars", "api.register_dataframe_namespace"),
        ):
            module = sys.modules.get(library)
            frame = getattr(module, "DataFrame", None)
            # `api` is missing while the library is being imported.
            if frame is not None and hasattr(module, "api") and not hasattr(frame, KEY):
                attrgetter(registrar)(module)(KEY)(ConnectyAccessor)
