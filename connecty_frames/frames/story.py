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
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from connecty_frames.errors import ConfigError
from connecty_frames.escape import snippet, terminal
from connecty_frames.frames.metadata import AnswerMetadata

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["ConnectyAccessor", "attach", "carry", "metadata", "module_of", "register_accessors"]

Frame = TypeVar("Frame")

#: The key of the whole story, and the name of the accessor.
_KEY: Final = "connecty"
#: What has a key of its own in pandas' attrs.
_PLAIN: Final = ("question", "question_id", "sql_query", "response_summary")
#: How much of a text a repr shows.
_SHOWN: Final = 60
#: What a frame without a story says, and how it gets one.
_NO_STORY: Final = (
    "This frame has no story: connecty_frames did not make it, or an operation made a new frame of the one "
    "that had it. cf.carry(source, frame) gives it the story of its source (import connecty_frames as cf)."
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
    home = _home(frame)
    register_accessors()
    kept: Frame = home.write(frame, story)
    # Where the library caches accessors on the frame, the one there tells the old story.
    getattr(kept, "__dict__", {}).pop(_KEY, None)
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
        library made a new frame; :func:`carry` gives that one the story.

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
    home = _home(frame)
    register_accessors()
    return home.read(frame)


def carry(source: object, frame: Frame) -> Frame:
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
    >>> top = cf.carry(df, df.head(3))
    >>> top.connecty.question
    'list the top 5 countries with the most orders'
    """
    story = metadata(source)
    if story is None:
        raise ConfigError(
            "carry(source, frame): the source has no story itself. It is the frame that connecty_frames "
            "made, or one that got its story by carry.",
            setting="source",
        )
    return attach(frame, story)


def module_of(frame: object) -> str:
    """Name the library of a frame; ConfigError where it is none."""
    return _home(frame).module


# --- the three places -------------------------------------------------------------------------------


def _read_attrs(frame: Any) -> AnswerMetadata | None:  # noqa: ANN401 - of pandas, which is not imported
    return _parsed(frame.attrs.get(_KEY), f"del frame.attrs[{_KEY!r}]")


def _write_attrs(frame: Any, story: AnswerMetadata) -> Any:  # noqa: ANN401 - of pandas
    own = {name: getattr(story, name) for name in _PLAIN}
    told = {name: text for name, text in own.items() if text is not None}
    # The user's own attrs stay, and so must none of another story.
    others = {key: value for key, value in frame.attrs.items() if key not in {*_PLAIN, _KEY}}
    frame.attrs = {**others, **told, _KEY: story.to_json()}
    return frame


_Entry = tuple["weakref.ref[Any]", AnswerMetadata]
_registry: dict[int, _Entry] = {}


def _read_registry(frame: object) -> AnswerMetadata | None:
    reference, story = _registry.get(id(frame), (None, None))
    return story if reference is not None and reference() is frame else None


def _write_registry(frame: Any, story: AnswerMetadata) -> Any:  # noqa: ANN401 - of polars
    # A lock would be worse than none. The callback runs wherever the collector does, perhaps in the
    # thread that holds the lock. Each step is one operation of a dict, an id is free again only after
    # the callback ran, and an entry counts only while its reference is to the frame that asks.
    key = id(frame)

    def forget(reference: object, entries: dict[int, _Entry] = _registry) -> None:
        if entries.get(key, (None,))[0] is reference:
            entries.pop(key, None)

    _registry[key] = (weakref.ref(frame, forget), story)
    return frame


def _read_schema(frame: Any) -> AnswerMetadata | None:  # noqa: ANN401 - of pyarrow
    metadata_ = getattr(frame, "schema", frame).metadata or {}
    return _parsed(metadata_.get(_KEY.encode()), "table.replace_schema_metadata()")


def _write_schema(frame: Any, story: AnswerMetadata) -> Any:  # noqa: ANN401 - of pyarrow
    schema = getattr(frame, "schema", frame)
    kept = {**(schema.metadata or {}), _KEY.encode(): story.to_json().encode()}
    return schema.with_metadata(kept) if schema is frame else frame.replace_schema_metadata(kept)


def _parsed(text: Any, remedy: str) -> AnswerMetadata | None:  # noqa: ANN401 - what others may have put there
    if text is None:
        return None
    try:
        if not isinstance(text, str | bytes):
            raise ConfigError(f"It is of type {type(text).__name__}.")  # noqa: TRY301 - no story either
        return AnswerMetadata.from_json(text)
    except ConfigError as error:
        raise ConfigError(
            f"This frame's story, kept under {_KEY!r}, is damaged. {error} Give the frame its story again by "
            f"cf.carry(source, frame), or remove it by {remedy}."
        ) from None


def _shallow(frame: Any) -> Any:  # noqa: ANN401 - of pandas
    return frame.copy(deep=False)


def _clone(frame: Any) -> Any:  # noqa: ANN401 - of polars
    return frame.clone()


def _same(frame: Any) -> Any:  # noqa: ANN401 - of pyarrow, whose frames never change
    return frame


class _Home(NamedTuple):
    """Where the frames of one library keep a story."""

    module: str
    kinds: tuple[str, ...]
    read: Callable[[Any], AnswerMetadata | None]
    write: Callable[[Any, AnswerMetadata], Any]
    #: Gives a second frame over the same columns.
    twin: Callable[[Any], Any]


_HOMES: Final = (
    _Home("pandas", ("DataFrame", "Series"), _read_attrs, _write_attrs, _shallow),
    _Home("polars", ("DataFrame", "LazyFrame", "Series"), _read_registry, _write_registry, _clone),
    _Home("pyarrow", ("Table", "RecordBatch", "Schema"), _read_schema, _write_schema, _same),
)


def _home(frame: object) -> _Home:
    """Find where a frame keeps its story, among the libraries that are loaded."""
    for home in _HOMES:
        library = sys.modules.get(home.module)
        kinds = tuple(getattr(library, kind) for kind in home.kinds if hasattr(library, kind))
        if isinstance(frame, kinds):
            return home
    raise ConfigError(
        f"{terminal(type(frame).__name__)} is no frame: expected one of pandas, polars or pyarrow.",
        setting="frame",
    )


# --- the accessor -----------------------------------------------------------------------------------


class ConnectyAccessor:
    """``frame.connecty``: what is known of the answer that a frame came from.

    It holds the story, and the frame only weakly: polars and pandas 2 keep an accessor on its frame, so that
    one holding the frame would keep it alive. For a frame that is gone by the time it is asked, such as the
    one in ``frame.head().connecty``, it has a second one over the same columns.

    Raises
    ------
    AttributeError
        For a frame without a story; it names ``cf.carry``. A frame of pandas raises it for ``connecty``
        itself, one of polars for whatever is asked of it.
    """

    __slots__ = ("_kept", "_living", "_twin")

    def __init__(self, frame: Any) -> None:  # noqa: ANN401 - of pandas or polars
        home = _home(frame)
        try:
            self._kept = metadata(frame)
        except ConfigError as error:
            # What looks at every attribute (inspect, completion) expects this error and no other.
            raise AttributeError(str(error)) from None
        # polars 2 says in place of any AttributeError that there is no such attribute, and nothing of how
        # to get the story back. So there the accessor is made, and says it when it is used.
        if self._kept is None and home.module != "polars":
            raise AttributeError(_NO_STORY)
        self._living = weakref.ref(frame)
        self._twin = home.twin(frame)

    @property
    def _story(self) -> AnswerMetadata:
        if self._kept is None:
            raise AttributeError(_NO_STORY)
        return self._kept

    @property
    def _frame(self) -> Any:  # noqa: ANN401 - of pandas or polars
        frame = self._living()
        return self._twin if frame is None else frame

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
        from connecty_frames.frames.parquet import to_arrow

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
        from connecty_frames.frames.parquet import write_parquet

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
            if frame is not None and hasattr(module, "api") and not hasattr(frame, _KEY):
                register(module)(_KEY)(ConnectyAccessor)


_REGISTER: Final[tuple[tuple[str, Callable[[Any], Any]], ...]] = (
    ("pandas", lambda pandas: pandas.api.extensions.register_dataframe_accessor),
    ("polars", lambda polars: polars.api.register_dataframe_namespace),
)
