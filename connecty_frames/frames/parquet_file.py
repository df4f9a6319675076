"""Write the Parquet file of an answer, with its metadata and a checksum of the whole file."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from connecty_frames._base.text import snippet, value_text
from connecty_frames.answer_metadata import KEY, AnswerMetadata
from connecty_frames.errors import ConfigError
from connecty_frames.files import answer_file, checked_path
from connecty_frames.frames.attachment import write_schema
from connecty_frames.frames.to_arrow import to_arrow

if TYPE_CHECKING:
    import os
    from pathlib import Path

METADATA_KEY: Final = KEY.encode()
ATTRS_KEY: Final = b"PANDAS_ATTRS"  # pandas' key for its attrs
PANDAS_KEY: Final = b"pandas"  # for dtypes and index
_ROW_GROUP: Final = 100_000  # the rows of a row group, if rows arrive in batches


def write_parquet(frame: object, path: str | os.PathLike[str], metadata: AnswerMetadata) -> Path:
    """Write a frame and its metadata to a Parquet file; see :meth:`ConnectyAccessor.to_parquet`."""
    target = checked_path(path)
    table = write_schema(to_arrow(frame), metadata)
    attrs = {KEY: metadata.to_json(), **_checked_attrs(frame)}
    table = table.replace_schema_metadata({**table.schema.metadata, ATTRS_KEY: json.dumps(attrs).encode()})
    try:
        with answer_file(target, metadata.question_id) as file:
            write_table(table, file)
    except pa.ArrowException as error:
        raise ConfigError(f"This frame cannot be written as Parquet: {snippet(str(error), 200)}") from None
    return target


def _checked_attrs(frame: object) -> dict[str, Any]:
    attrs: dict[str, Any] = getattr(frame, "attrs", {})
    for key, value in attrs.items():
        try:
            json.dumps({key: value})
        except (TypeError, ValueError):
            raise ConfigError(
                f"frame.attrs[{value_text(key)}] cannot be stored as JSON: remove it, or make it text."
            ) from None
    return attrs


def write_table(rows: pa.Table | pa.RecordBatchReader, file: BinaryIO) -> None:
    """Write rows as Parquet, with the metadata of the answer and a checksum of the whole file."""
    entries = dict(rows.schema.metadata or {})
    if METADATA_KEY in entries:  # a second time, where pandas.read_parquet looks for it
        entries.setdefault(ATTRS_KEY, json.dumps({KEY: entries[METADATA_KEY].decode()}).encode())
    sink = pa.BufferOutputStream()
    # The checksums of pages are for other readers.
    with parquet.ParquetWriter(sink, rows.schema.with_metadata(entries), write_page_checksum=True) as writer:
        for table in [rows] if isinstance(rows, pa.Table) else _row_groups(rows):
            writer.write_table(table.replace_schema_metadata(entries))
    content = memoryview(sink.getvalue())
    start = _footer_start(content)
    pages, footer = content[:start], content[start:]
    file.writelines((pages, _CHECKSUM_MARK, _checksum(pages, _CHECKSUM_MARK, footer), footer))


def _row_groups(batches: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Combine batches to tables, large enough to read quickly and small enough for memory."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) >= _ROW_GROUP:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


#: The mark before the checksum of the whole file. Both are between the pages and the footer: Parquet allows
#: any bytes there, and readers skip them, because they follow the offsets in the footer.
_CHECKSUM_MARK: Final = b"connecty"


def is_intact(content: memoryview) -> bool | None:
    """Compare a Parquet file with its checksum: True, False, or None if it does not have ours."""
    start = _footer_start(content)
    pages, checksum = content[: start - 4], content[start - 4 : start]
    if start < 0 or bytes(pages[-len(_CHECKSUM_MARK) :]) != _CHECKSUM_MARK:
        return None
    return bytes(checksum) == _checksum(pages, content[start:])


def _footer_start(content: memoryview) -> int:
    return len(content) - 8 - (int.from_bytes(content[-8:], "little") & 0xFFFFFFFF)


def _checksum(*parts: memoryview | bytes) -> bytes:
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return checksum.to_bytes(4, "little")
