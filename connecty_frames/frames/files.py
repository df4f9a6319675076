"""An Arrow table as a file: every value reads back as what it was.

========= ==============================================================================================
csv       nulls as nothing and texts in quotes, so that an empty text and null stay apart
json      an array of one object a row; numbers with all their digits
ndjson    one such object a line
parquet   with the story of the answer in its metadata, a checksum on every page and one on the rest
arrow     an Arrow IPC file, also known as Feather, with the story in the metadata of its schema
markdown  a table as GitHub writes them, for people; nulls as nothing
========= ==============================================================================================

In csv, json and markdown, moments and durations are ISO-8601 text. What JSON has no number for (NaN,
infinity) is text, as in the API itself.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import pyarrow as pa

from connecty_frames.display import JSON, json_value, texts
from connecty_frames.escape import terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["ATTRS", "PANDAS", "SEAL", "STORY", "WRITERS", "seal", "whole_file"]

#: Keys in the metadata of a schema: our story, and our checksum of all that no page's covers.
STORY: Final = b"connecty"
SEAL: Final = b"connecty.seal"
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
    table = table.replace_schema_metadata({**kept, SEAL: seal(table.replace_schema_metadata(kept))})
    # Without checksums, one flipped bit is most often read as another value, in silence.
    parquet.write_table(table, file, write_page_checksum=True)


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


def seal(table: pa.Table) -> bytes:
    """Sum up what the checksums of pages leave out: names, types, number of rows, what is kept beside."""
    kept = table.schema.metadata or {}
    kinds = [_family(kind) for kind in table.schema.types]
    beside = [kept.get(key) for key in (STORY, ATTRS, PANDAS)]
    return str(zlib.crc32(repr((table.column_names, kinds, table.num_rows, beside)).encode())).encode()


def _family(kind: pa.DataType) -> str:
    """Name a type, but for what a way through a file may change and no value depends on."""
    if pa.types.is_dictionary(kind):
        return _family(kind.value_type)
    if pa.types.is_nested(kind):
        inner = [kind.field(at) for at in range(kind.num_fields)]
        return f"nested {[(field.name, _family(field.type)) for field in inner if pa.types.is_struct(kind)]}"
    if pa.types.is_timestamp(kind):
        return f"timestamp {kind.tz}"
    # Without width and unit: large_string and time64[ns] are string and time64[us] elsewhere.
    return re.sub(r"large_|_view|32|64|128|256|\[.*\]", "", str(kind))


#: How a table is written, by the name of the format.
WRITERS: Final[dict[str, Callable[[pa.Table, BinaryIO], None]]] = {
    "csv": _write_csv,
    "json": _write_json,
    "ndjson": _write_ndjson,
    "parquet": _write_parquet,
    "arrow": _write_arrow,
    "markdown": _write_markdown,
}


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that appears only once it is whole, in place of one of that name.

    A link stays a link, and what it points at is replaced. What is no file, such as a pipe or
    ``/dev/stdout``, is written to as it stands.

    Raises
    ------
    OSError
        Where it cannot be written; a file that was there before is then as it was.
    """
    given = Path(path)
    if given.exists() and not given.is_file():
        with given.open("wb") as file:
            yield file
        return
    target = Path(os.path.realpath(given))
    # Not by tempfile, whose files nobody but their owner may read.
    part = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        file = part.open("xb")
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(target)) from None
    except BaseException:  # an interrupt right after the file was made
        part.unlink(missing_ok=True)
        raise
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
