"""Where an answer's story is kept on a frame, and the accessor ``frame.connecty`` that tells it.

======== ============================================================================================
pandas   ``attrs``, as plain strings: pandas deep-copies attrs at every operation, which costs nothing for
         a string, and writes them to Parquet as JSON. A few have a key of their own for whoever looks
         into attrs; the whole story is the JSON text under ``connecty``.
polars   a registry beside the frames. They have no place for it, take weak references, and are not
         hashable, so it goes by ``id`` for as long as the frame lives.
pyarrow  the metadata of the schema, under ``connecty``.
======== ============================================================================================

Nothing here imports a frame library: whoever holds a frame has imported its library already.
"""

from __future__ import annotations

import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

from connecty_frames.errors import ConfigError
from connecty_frames.frames.attachment import KEY, Frame, backend_of
from connecty_frames.text import snippet

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

    from connecty_frames.answer_metadata import AnswerMetadata

__all__ = ["ConnectyAccessor", "attach", "copy_metadata", "metadata", "register_accessors"]
#: How much of a text a repr shows.
_SHOWN: Final = 60
#: What a frame without a story says, and how it gets one.
_NO_STORY: Final = (
    "This frame has no answer metadata: connecty_frames did not make it, or an operation made a new frame of "
    "the one that had it. cf.copy_metadata(source, frame) copies it (import connecty_frames as cf)."
)


# --- the three verbs --------------------------------------------------------------------------------


def attach(frame: Frame, story: AnswerMetadata) -> Frame:
    """Give a frame a story, in place of the one it may have.

    Parameters
    ----------
    frame
        Of pandas, polars or pyarrow.

    Returns
    -------
    Frame
        The same frame. Arrow tables cannot be changed, so of them it is another one, over the same
        columns.

    Raises
    ------
    ConfigError
        Where it is no frame, or the story cannot be written as JSON.
    """
    backend = backend_of(frame)
    register_accessors()
    kept: Frame = backend.write(frame, story)
    # Where the library caches accessors on the frame, the one there tells the old story.
    getattr(kept, "__dict__", {}).pop(KEY, None)
    return kept


def metadata(frame: object) -> AnswerMetadata | None:
    """Give the story of a frame.

    Parameters
    ----------
    frame
        A frame or series of pandas or polars, or a table, record batch or schema of pyarrow.

    Returns
    -------
    AnswerMetadata or None
        None for a frame without a story: it was not made by connecty_frames, or an operation of its
        library made a new frame; :func:`copy_metadata` gives that one the story.

    Raises
    ------
    ConfigError
        Where it is no frame, or what is kept under ``connecty`` is no story. A story that was damaged is
        not the same as none.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> table = cf.ask_df("how many orders are there", engine="pyarrow")
    >>> cf.metadata(table).question
    'how many orders are there'
    """
    backend = backend_of(frame)
    register_accessors()
    return backend.read(frame)


def copy_metadata(source: object, frame: Frame) -> Frame:
    """Give a frame the story of the frame that it was derived from, across libraries too.

    Parameters
    ----------
    source
        A frame that has a story.
    frame
        The derived frame.

    Returns
    -------
    Frame
        The derived frame; of an Arrow table another one, over the same columns.

    Raises
    ------
    ConfigError
        Where one of them is no frame, or the source has no story.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> df = cf.ask_df("list the top 5 countries with the most orders", engine="polars")
    >>> top = cf.copy_metadata(df, df.head(3))
    >>> top.connecty.question
    'list the top 5 countries with the most orders'
    """
    story = metadata(source)
    if story is None:
        raise ConfigError(
            "copy_metadata(source, frame): the source has no answer metadata itself. It is the frame that "
            "connecty_frames made, or one that got its metadata by copy_metadata.",
            setting="source",
        )
    return attach(frame, story)


# --- the accessor -----------------------------------------------------------------------------------


class ConnectyAccessor:
    """``frame.connecty``: what is known of the answer that a frame came from.

    It holds the story, and the frame only weakly: polars and pandas 2 keep an accessor on its frame, so that
    one holding the frame would keep it alive. For a frame that is gone by the time it is asked, such as the
    one in ``frame.head().connecty``, it has a second one over the same columns.

    Raises
    ------
    AttributeError
        For a frame without metadata; it names ``cf.copy_metadata``. A frame of pandas raises it for
        ``connecty`` itself, one of polars for each attribute of it.
    """

    __slots__ = ("_copy", "_kept", "_living")

    def __init__(self, frame: Any) -> None:
        backend = backend_of(frame)
        try:
            self._kept = metadata(frame)
        except ConfigError as error:
            # What looks at every attribute (inspect, completion) expects this error and no other.
            raise AttributeError(str(error)) from None
        # polars 2 says in place of any AttributeError that there is no such attribute, and nothing of how
        # to get the story back. So there the accessor is made, and says it when it is used.
        if self._kept is None and backend.module != "polars":
            raise AttributeError(_NO_STORY)
        self._living = weakref.ref(frame)
        self._copy = backend.copy(frame)

    @property
    def _story(self) -> AnswerMetadata:
        if self._kept is None:
            raise AttributeError(_NO_STORY)
        return self._kept

    @property
    def _frame(self) -> Any:
        frame = self._living()
        return self._copy if frame is None else frame

    def __repr__(self) -> str:
        if self._kept is None:
            return f"<connecty: {_NO_STORY}>"
        told = (
            ("question", self.question),
            ("question_id", self.question_id),
            ("sql_query", self.sql_query),
            ("response_summary", self.response_summary),
            ("rows", self._kept.counted),
        )
        lines = [f"  {name}: {snippet(text, _SHOWN)}" for name, text in told if text is not None]
        return "\n".join(["<connecty>", *lines])

    def _repr_html_(self) -> str | None:
        """Show the frame and its story in a notebook."""
        if self._kept is None:
            return None  # the repr says how to get a story
        from connecty_frames.display import SHOWN_COLUMNS, SHOWN_ROWS, answer_html
        from connecty_frames.frames.export import to_arrow

        frame = self._frame
        try:
            # Both libraries take a part by position, pandas under another name.
            table = to_arrow(getattr(frame, "iloc", frame)[:SHOWN_ROWS, :SHOWN_COLUMNS])
        except ConfigError:  # of columns that Arrow has no type for; the story is there all the same
            table = None
        return answer_html(self._kept, table, frame.shape)

    @property
    def metadata(self) -> AnswerMetadata:
        """The whole story."""
        return self._story

    @property
    def schema(self) -> list[dict[str, str]]:
        """For each column of the answer its ``name``, its Arrow ``type`` and the ``evidence`` for it."""
        return self._story.schema

    @property
    def question(self) -> str | None:
        """The question in words; None after re-attaching by id."""
        return self._story.question

    @property
    def question_id(self) -> str | None:
        """The server's id of the question."""
        return self._story.question_id

    @property
    def sql_query(self) -> str | None:
        """The SQL that produced the answer, None where the server sent none."""
        return self._story.sql_query

    @property
    def response_summary(self) -> str | None:
        """The written summary, None where the server sent none."""
        return self._story.response_summary

    @property
    def truncated(self) -> bool | None:
        """Whether rows of the answer were cut, None if unknown."""
        return self._story.truncated

    @property
    def total_rows(self) -> int | None:
        """The rows of the whole answer, None if unknown."""
        return self._story.total_rows

    @property
    def statistics(self) -> dict[str, Any]:
        """The server's statistics by column and section; numbers are int, float or Decimal."""
        return self._story.statistics

    def write_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Write the frame and its story to a Parquet file, whole or not at all, for ``cf.read_parquet``.

        Parameters
        ----------
        path
            The file to write, in a folder that exists.

        Returns
        -------
        Path
            The file, which replaces one of that name. It has a checksum, which ``cf.read_parquet`` verifies.

        Raises
        ------
        ConfigError
            Where the frame holds what Parquet does not: names that are not text or occur twice, or values
            that Arrow has no type for.
        OSError
            Where it cannot be written; a file that was there before is then as it was.
        """
        from connecty_frames.frames.export import write_parquet

        return write_parquet(self._frame, path, self._story)


_registering: Final = threading.Lock()


def register_accessors() -> None:
    """Put ``connecty`` on the frames of pandas and of polars, for each that is loaded, once.

    Nothing is imported by this, and a second call does nothing.
    """
    with _registering:
        for library, register in _REGISTER:
            module = sys.modules.get(library)
            frame = getattr(module, "DataFrame", None)
            # `api` is missing while the library is itself being imported.
            if frame is not None and hasattr(module, "api") and not hasattr(frame, KEY):
                register(module)(KEY)(ConnectyAccessor)


_REGISTER: Final[tuple[tuple[str, Callable[[Any], Any]], ...]] = (
    ("pandas", lambda pandas: pandas.api.extensions.register_dataframe_accessor),
    ("polars", lambda polars: polars.api.register_dataframe_namespace),
)
