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
from typing import TYPE_CHECKING, BinaryIO, Final

import pyarrow as pa

from connecty_frames.display import JSON, json_value, texts
from connecty_frames.escape import terminal

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ATTRS", "PANDAS", "STORY", "WRITERS", "is_intact"]

#: The key of an answer's metadata in that of a schema.
STORY: Final = b"connecty"
#: Where pandas keeps its attrs in a file, and where dtypes and index.
ATTRS: Final = b"PANDAS_ATTRS"
PANDAS: Final = b"pandas"


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
    from pyarrow import parquet

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
