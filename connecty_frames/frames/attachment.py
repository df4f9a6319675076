"""How the frames of each library keep the metadata of an answer.

======== ============================================================================================
pandas   ``attrs``, as plain strings: pandas deep-copies attrs at every operation, which costs nothing for
         a string, and writes them to Parquet as JSON. All metadata is JSON text under ``connecty``; a few
         fields also have their own key, for users who look into attrs.
polars   a registry of weak references, because frames have no attribute for it and are not hashable. Its
         keys are the ``id`` of each frame, as long as that lives.
pyarrow  the metadata of the schema, under ``connecty``.
Spark    the metadata of each field of the schema, under ``connecty``: the JSON text, with the schema and
         statistics of only that column. A column keeps it in selections and joins. A DataFrame with rows of
         several answers has an array of such texts.
======== ============================================================================================

Nothing here imports a frame library: the library of an existing frame is loaded already.
"""

from __future__ import annotations

import sys
import weakref
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Never, TypeAlias

from connecty_frames._base.text import sentence, terminal
from connecty_frames.answer_metadata import ATTRS, KEY, AnswerMetadata, to_attrs
from connecty_frames.errors import ConfigError

if TYPE_CHECKING:
    from connecty_frames.decode.types.encodings import Category

#: mypy takes a constant of this name for true: ``docs/design/frames.md`` says why. The types of frames in
#: ``accessor`` are in another module, because pyright resolves no name with two declarations in its own.
MYPY: Final = False

if MYPY:
    AnyInMypy: TypeAlias = Any
else:
    AnyInMypy: TypeAlias = Never

_CLASSES: Final = {
    "pandas": ("DataFrame", "Series"),
    "polars": ("DataFrame", "LazyFrame", "Series"),
    "pyarrow": ("Table", "RecordBatch", "Schema"),
    "pyspark.sql": ("DataFrame",),
}
_registry: dict[int, tuple[weakref.ref[Any], AnswerMetadata]] = {}


def library_of(frame: object) -> str:
    """Return the library of a frame, without importing any; raises ConfigError if it is not a frame."""
    for library, names in _CLASSES.items():
        module = sys.modules.get(library)
        if any(isinstance(frame, getattr(module, name, ())) for name in names):
            return library
    raise ConfigError(
        f"{terminal(type(frame).__name__)} is not a frame: expected one of pandas, polars, pyarrow or Spark.",
        setting="frame",
    )


def read_metadata(frame: Any) -> AnswerMetadata | None:
    """Return the metadata of a frame, or None; raises ConfigError if it is damaged, or not a frame."""
    match library_of(frame):
        case "pandas":
            return _parse(frame.attrs.get(KEY), f"del frame.attrs[{KEY!r}]")
        case "polars":
            reference, metadata = _registry.get(id(frame), (None, None))
            return metadata if reference is not None and reference() is frame else None
        case "pyarrow":
            entries = getattr(frame, "schema", frame).metadata or {}
            return _parse(entries.get(KEY.encode()), "table.replace_schema_metadata()")
    return _read_fields(frame)


def write_metadata(frame: Any, metadata: AnswerMetadata) -> Any:
    """Write metadata to a frame, and return the frame: a new one for Arrow and Spark."""
    match library_of(frame):
        case "pandas":
            # Keep the user's own attrs; remove all fields of earlier metadata.
            others = {key: value for key, value in frame.attrs.items() if key not in {*ATTRS, KEY}}
            frame.attrs = {**others, **to_attrs(metadata)}
            return frame
        case "polars":
            return write_registry(frame, metadata)
        case "pyarrow":
            return write_schema(frame, metadata)
    schema = frame.schema
    for field in schema:
        field.metadata = {**field.metadata, **spark_metadata([metadata], field.name)}
    return frame.to(schema)


def write_registry(frame: Any, metadata: AnswerMetadata) -> Any:
    """Register the metadata of a polars frame for as long as it lives, and return the frame."""
    # A lock could deadlock: the garbage collector may run the callback in the thread holding it. Each step is
    # one dict operation, an id is reused only after the callback, and an entry counts for its frame alone.
    key = id(frame)

    def forget(_: object, entries: dict[int, Any] = _registry) -> None:
        entries.pop(key, None)

    _registry[key] = (weakref.ref(frame, forget), metadata)
    return frame


def write_schema(frame: Any, metadata: AnswerMetadata) -> Any:
    """Return an Arrow table, record batch or schema with this metadata, over the same columns."""
    schema = getattr(frame, "schema", frame)
    entries = {**(schema.metadata or {}), KEY.encode(): metadata.to_json().encode()}
    described = schema.with_metadata(entries)
    if schema is frame:
        return described
    if len(schema) == 0 and hasattr(frame, "to_batches"):  # Arrow would lose the number of rows
        return type(frame).from_batches(frame.to_batches(), described)
    return frame.replace_schema_metadata(entries)


def categories_of(metadata: AnswerMetadata) -> dict[str, Category]:
    """Return the categories from ``schema=``, by column."""
    from connecty_frames.decode.types.encodings import Category, parse_encoding

    found = {}
    for column in metadata.schema:
        with suppress(ValueError, TypeError, ConfigError):  # written by a later version
            if isinstance(encoding := parse_encoding(column.get("encoding", "")), Category):
                found[column["name"]] = encoding
    return found


def spark_metadata(answers: list[AnswerMetadata], column: str) -> dict[str, Any]:
    """Return the metadata of a Spark field for a column of one or several answers."""
    parts = [
        replace(
            metadata,
            schema=[entry for entry in metadata.schema if entry["name"] == column],
            statistics={name: found for name, found in metadata.statistics.items() if name == column},
        ).to_json()
        for metadata in answers
    ]
    return {KEY: parts[0] if len(parts) == 1 else parts}


def _read_fields(frame: Any) -> AnswerMetadata | None:
    """Return the metadata in the fields of a Spark DataFrame, or None if they are from several answers."""
    texts = [field.metadata[KEY] for field in frame.schema if KEY in field.metadata]
    if any(not isinstance(text, str) for text in texts):
        return None
    read = [_parse(text, "DataFrame.withMetadata()") for text in texts]
    parts = [part for part in read if part is not None]
    answers = [replace(part, schema=[], statistics={}) for part in parts]
    if not answers or any(answer != answers[0] for answer in answers):
        return None
    schema = {entry["name"]: entry for part in parts for entry in part.schema}
    statistics = {name: found for part in parts for name, found in part.statistics.items()}
    return replace(answers[0], schema=list(schema.values()), statistics=statistics)


def _parse(text: Any, remedy: str) -> AnswerMetadata | None:
    if text is None:
        return None
    try:
        return AnswerMetadata.from_json(text)
    except ConfigError as error:
        raise ConfigError(
            f"The metadata of this frame, under {KEY!r}, is damaged: {sentence(str(error))} Replace it with "
            f"cf.copy_metadata(source, frame), or remove it with {remedy}."
        ) from None
