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
import weakref
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.errors import ConfigError
from connecty_frames.text import terminal

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KEY", "Backend", "Frame", "backend_of", "write_schema"]

Frame = TypeVar("Frame")

#: The key of the whole story, and the name of the accessor.
KEY: Final = "connecty"
#: What has a key of its own in pandas' attrs.
_PLAIN: Final = ("question", "question_id", "sql_query", "response_summary")


# --- the three places -------------------------------------------------------------------------------


def _read_attrs(frame: Any) -> AnswerMetadata | None:
    return _parsed(frame.attrs.get(KEY), f"del frame.attrs[{KEY!r}]")


def _write_attrs(frame: Any, story: AnswerMetadata) -> Any:
    own = {name: getattr(story, name) for name in _PLAIN}
    told = {name: text for name, text in own.items() if text is not None}
    # The user's own attrs stay, and so must none of another story.
    others = {key: value for key, value in frame.attrs.items() if key not in {*_PLAIN, KEY}}
    frame.attrs = {**others, **told, KEY: story.to_json()}
    return frame


_Entry = tuple["weakref.ref[Any]", AnswerMetadata]
_registry: dict[int, _Entry] = {}


def _read_registry(frame: object) -> AnswerMetadata | None:
    reference, story = _registry.get(id(frame), (None, None))
    return story if reference is not None and reference() is frame else None


def _write_registry(frame: Any, story: AnswerMetadata) -> Any:
    # A lock would be worse than none. The callback runs wherever the collector does, perhaps in the
    # thread that holds the lock. Each step is one operation of a dict, an id is free again only after
    # the callback ran, and an entry counts only while its reference is to the frame that asks.
    key = id(frame)

    def forget(reference: object, entries: dict[int, _Entry] = _registry) -> None:
        if entries.get(key, (None,))[0] is reference:
            entries.pop(key, None)

    _registry[key] = (weakref.ref(frame, forget), story)
    return frame


def _read_schema(frame: Any) -> AnswerMetadata | None:
    metadata_ = getattr(frame, "schema", frame).metadata or {}
    return _parsed(metadata_.get(KEY.encode()), "table.replace_schema_metadata()")


def write_schema(frame: Any, story: AnswerMetadata) -> Any:
    """Return an Arrow table, record batch or schema with this metadata, over the same columns."""
    schema = getattr(frame, "schema", frame)
    kept = {**(schema.metadata or {}), KEY.encode(): story.to_json().encode()}
    return schema.with_metadata(kept) if schema is frame else frame.replace_schema_metadata(kept)


def _parsed(text: Any, remedy: str) -> AnswerMetadata | None:
    if text is None:
        return None
    try:
        if not isinstance(text, str | bytes):
            raise ConfigError(f"It is of type {type(text).__name__}.")  # noqa: TRY301 - no story either
        return AnswerMetadata.from_json(text)
    except ConfigError as error:
        raise ConfigError(
            f"This frame's story, kept under {KEY!r}, is damaged. {error} Give the frame its story again by "
            f"cf.copy_metadata(source, frame), or remove it by {remedy}."
        ) from None


def _shallow(frame: Any) -> Any:
    return frame.copy(deep=False)


def _clone(frame: Any) -> Any:
    return frame.clone()


def _same(frame: Any) -> Any:
    return frame


class Backend(NamedTuple):
    """Where the frames of one library keep a story."""

    module: str
    kinds: tuple[str, ...]
    read: Callable[[Any], AnswerMetadata | None]
    write: Callable[[Any, AnswerMetadata], Any]
    #: Returns a second frame over the same columns.
    copy: Callable[[Any], Any]


_BACKENDS: Final = (
    Backend("pandas", ("DataFrame", "Series"), _read_attrs, _write_attrs, _shallow),
    Backend("polars", ("DataFrame", "LazyFrame", "Series"), _read_registry, _write_registry, _clone),
    Backend("pyarrow", ("Table", "RecordBatch", "Schema"), _read_schema, write_schema, _same),
)


def backend_of(frame: object) -> Backend:
    """Find where a frame keeps its story, among the libraries that are loaded."""
    for backend in _BACKENDS:
        library = sys.modules.get(backend.module)
        kinds = tuple(getattr(library, kind) for kind in backend.kinds if hasattr(library, kind))
        if isinstance(frame, kinds):
            return backend
    raise ConfigError(
        f"{terminal(type(frame).__name__)} is no frame: expected one of pandas, polars or pyarrow.",
        setting="frame",
    )
