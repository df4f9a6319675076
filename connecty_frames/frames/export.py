"""An Arrow table as a file: every value reads back as what it was.

========= ==============================================================================================
csv       nulls as nothing and texts in quotes, so that an empty text and null stay apart
json      an array of one object a row; numbers with all their digits
ndjson    one such object a line
parquet   with the metadata of the answer in that of its schema, and a checksum of the whole file
arrow     an Arrow IPC file, also known as Feather, with the metadata of the answer in that of its schema
markdown  a table as GitHub writes them, for people; nulls as nothing
========= ==============================================================================================

In csv, json and markdown, moments and durations are ISO-8601 text. What JSON has no number for (NaN,
infinity) is text, as in the API itself.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from connecty_frames.display import JSON, json_value, texts
from connecty_frames.errors import ConfigError
from connecty_frames.files import atomic_write, checked_path
from connecty_frames.frames.attachment import backend_of, write_schema
from connecty_frames.text import snippet, terminal, value_text

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd
    import polars as pl

    from connecty_frames.answer_metadata import AnswerMetadata

__all__ = ["ATTRS", "PANDAS", "STORY", "WRITERS", "is_intact", "to_arrow", "write_parquet"]

#: The key of an answer's metadata in that of a schema.
STORY: Final = b"connecty"
#: Where pandas keeps its attrs in a file, and where dtypes and index.
ATTRS: Final = b"PANDAS_ATTRS"
PANDAS: Final = b"pandas"
#: Columns that polars holds and Arrow does not.
_ONLY_POLARS: Final = frozenset({"Object", "Int128", "UInt128", "Float16", "Unknown"})


def _is_textual(type_: pa.DataType) -> bool:
    """Whether a file holds the text of a value instead of the value."""
    return bool(pa.types.is_temporal(type_) or pa.types.is_nested(type_) or pa.types.is_string_view(type_))


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))


def _write_csv(table: pa.Table, file: BinaryIO) -> None:
    from pyarrow import csv

    columns = [texts(column) if _is_textual(column.type) else column for column in table.columns]
    csv.write_csv(pa.table(columns, names=table.column_names), file)


def _write_json(table: pa.Table, file: BinaryIO) -> None:
    file.write(JSON.encode(_objects(table)) + b"\n")


def _write_ndjson(table: pa.Table, file: BinaryIO) -> None:
    file.write(JSON.encode_lines(_objects(table)))


def _objects(table: pa.Table) -> list[dict[str, object]]:
    columns = [
        (texts(column) if pa.types.is_temporal(column.type) else column).to_pylist()
        for column in table.columns
    ]
    names = table.column_names
    return [dict(zip(names, map(json_value, row), strict=True)) for row in zip(*columns, strict=True)]


def _write_parquet(table: pa.Table, file: BinaryIO) -> None:

    kept = dict(table.schema.metadata or {})
    if STORY in kept:  # where pandas.read_parquet looks for it
        kept.setdefault(ATTRS, json.dumps({STORY.decode(): kept[STORY].decode()}).encode())
    sink = pa.BufferOutputStream()
    # Those of pages are for other readers.
    parquet.write_table(table.replace_schema_metadata(kept), sink, write_page_checksum=True)
    content = memoryview(sink.getvalue())
    footer = _footer(content)
    before = (content[:footer], _MARK)
    file.writelines((*before, _checksum(*before, content[footer:]), content[footer:]))


def _write_arrow(table: pa.Table, file: BinaryIO) -> None:
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def _write_markdown(table: pa.Table, file: BinaryIO) -> None:
    rules = ["--:" if _is_number(type_) else ":--" for type_ in table.schema.types]
    columns = [texts(column).to_pylist() for column in table.columns]
    for row in (table.column_names, None, *zip(*columns, strict=True)):
        cells = rules if row is None else [_in_markdown(cell or "") for cell in row]
        file.write(f"| {' | '.join(cells)} |\n".encode())


def _in_markdown(text: str) -> str:
    """Escape what Markdown would take for markup, so that it shows as it is."""
    lines = [terminal(line) for line in re.split(r"\r\n?|\n", text)]
    return "<br>".join(re.sub(r"([\\`*_\[\]<>|~&$])", r"\\\1", line) for line in lines)


# Parquet's own checksums cover pages and not what says how these are to be read, where one flipped bit is
# most often read as other values, in silence. So the whole file has a checksum too. It stands between the
# pages and the footer, where Parquet allows any bytes and no reader looks, since all go by the offsets in the
# footer. Whatever rewrites the file drops it.

#: What the checksum of a whole file stands behind.
_MARK: Final = b"connecty"


def is_intact(content: memoryview) -> bool | None:
    """Return whether a Parquet file is what was written, None if it has no checksum of ours."""
    footer = _footer(content)
    pages, checksum = content[: footer - 4], content[footer - 4 : footer]
    if footer < 0 or bytes(pages[-len(_MARK) :]) != _MARK:
        return None
    return bytes(checksum) == _checksum(pages, content[footer:])


def _footer(content: memoryview) -> int:
    """Return where the footer of a Parquet file begins: the file ends with its length and ``PAR1``."""
    return len(content) - 8 - int.from_bytes(content[-8:-4], "little")


def _checksum(*parts: memoryview | bytes) -> bytes:
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return checksum.to_bytes(4, "little")


#: How a table is written, by the name of the format.
WRITERS: Final[dict[str, Callable[[pa.Table, BinaryIO], None]]] = {
    "csv": _write_csv,
    "json": _write_json,
    "ndjson": _write_ndjson,
    "parquet": _write_parquet,
    "arrow": _write_arrow,
    "markdown": _write_markdown,
}


# --- from a frame -----------------------------------------------------------------------------------


def write_parquet(frame: object, path: str | os.PathLike[str], story: AnswerMetadata) -> Path:
    """Write a frame and a story to a file, whole or not at all; told at ``frame.connecty.write_parquet``."""
    target = checked_path(path)
    table = write_schema(to_arrow(frame), story)
    attrs = {STORY.decode(): story.to_json(), **_attrs(frame)}
    table = table.replace_schema_metadata({**table.schema.metadata, ATTRS: json.dumps(attrs).encode()})
    try:
        with atomic_write(target) as file:
            WRITERS["parquet"](table, file)
    except pa.ArrowException as error:
        raise ConfigError(f"This frame cannot be written as Parquet: {snippet(str(error), 200)}") from None
    return target


def to_arrow(frame: object) -> pa.Table:
    """Give a frame of any library as an Arrow table of the same values.

    Raises
    ------
    ConfigError
        Where it is no frame, or holds what Arrow does not.
    """
    return _TO_ARROW[backend_of(frame).module](frame)


def _attrs(frame: object) -> dict[str, Any]:
    """Give pandas' attrs, held to be what JSON can hold."""
    attrs: dict[str, Any] = getattr(frame, "attrs", {})
    for key, value in attrs.items():
        try:
            json.dumps({key: value})
        except (TypeError, ValueError):
            raise ConfigError(
                f"frame.attrs[{value_text(key)}] is no JSON, which is how Parquet keeps attrs: remove it, "
                "or make it text."
            ) from None
    return attrs


def _of_pandas(frame: pd.DataFrame) -> pa.Table:
    names = list(frame.columns)
    if not all(isinstance(name, str) for name in names):
        raise ConfigError(
            "The columns of this frame have names that are not text, as after a pivot: give them such names, "
            'for example by frame.columns = ["_".join(map(str, name)) for name in frame.columns].'
        )
    if (twice := _repeated(names)) is not None:
        raise ConfigError(f"Two columns of this frame are called {snippet(twice)!r}: rename one.")
    plain = frame.copy(deep=False)
    plain.attrs = {}  # pyarrow would warn of attrs that are not JSON
    try:
        return pa.Table.from_pandas(plain)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"This frame holds values that Arrow has no type for: {snippet(str(error), 200)}"
        ) from None


def _of_polars(frame: pl.DataFrame) -> pa.Table:
    # Found from the types: polars says it by a panic, which no `except Exception` catches.
    for name, dtype in frame.schema.items():
        if any("\0" in each for each in (name, *_field_names(dtype))):
            raise ConfigError(
                f"Column {snippet(name)!r} has a NUL character in its name or that of a field, which polars "
                "cannot give to Arrow: rename it."
            )
        if str(dtype.base_type()) in _ONLY_POLARS:
            raise ConfigError(
                f"Column {snippet(name)!r} is of polars' {snippet(str(dtype))}, which Arrow lacks: cast it."
            )
    try:
        return frame.to_arrow()
    except pa.ArrowException as error:
        raise ConfigError(
            f"This frame holds values that Arrow has no type for: {snippet(str(error), 200)}"
        ) from None


def _repeated(names: list[str]) -> str | None:
    """Return the first name that occurs more than once, None if there is none."""
    return next((name for name, times in Counter(names).items() if times > 1), None)


def _field_names(dtype: Any) -> Iterator[str]:
    """Yield the names of the fields of structs, at any depth."""
    for field in getattr(dtype, "fields", ()):
        yield field.name
        yield from _field_names(field.dtype)
    if hasattr(dtype, "inner"):
        yield from _field_names(dtype.inner)


_TO_ARROW: Final[dict[str, Callable[[Any], pa.Table]]] = {
    "pandas": _of_pandas,
    "polars": _of_polars,
    "pyarrow": lambda table: table,
}
