r"""Frames to Arrow, and Arrow tables to files from which every value reads back as it was.

========= ==============================================================================================
csv       nulls as empty fields and texts in quotes, so that an empty text and null stay apart
csv.gz    the same, compressed
tsv       the same, with tabs in place of commas
json      an array of one object a row; numbers with all their digits
ndjson    one such object a line
parquet   with the metadata of the answer in that of its schema, and a checksum of the whole file
arrow     an Arrow IPC file, also known as Feather, with the metadata of the answer in that of its schema
markdown  a table in GitHub's format, to be read by people; nulls as empty cells
html      a page with the table, to be read by people; it loads nothing
xlsx      a workbook for Excel, where what Excel does not hold exactly is text (see ``excel.py``)
========= ==============================================================================================

In csv, json, markdown and html, dates, times and durations are ISO-8601 text, and bytes are hexadecimal,
``\x48``. NaN and infinity, which JSON does not have, are text in it, as in the API itself.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from connecty_frames.decode.arrow_types import any_of, is_binary, is_number
from connecty_frames.decode.exact_json import NUL
from connecty_frames.display import JSON, json_value, texts
from connecty_frames.errors import ConfigError
from connecty_frames.files import answer_file, checked_path
from connecty_frames.frames.attachment import KEY, backend_of, write_schema
from connecty_frames.frames.excel import write_xlsx
from connecty_frames.text import html, snippet, terminal, value_text

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd
    import polars as pl

    from connecty_frames.answer_metadata import AnswerMetadata

#: The key of an answer's metadata in that of a schema.
METADATA_KEY: Final = KEY.encode()
#: Where pandas keeps its attrs in a file, and where dtypes and index.
ATTRS_KEY: Final = b"PANDAS_ATTRS"
PANDAS_KEY: Final = b"pandas"
#: Types of polars that Arrow lacks.
_ONLY_POLARS: Final = frozenset({"Object", "Int128", "UInt128", "Float16", "Unknown"})


# --- formats ----------------------------------------------------------------------------------------


#: The types that a CSV file has as the texts that :func:`texts` returns.
_is_csv_text: Final = any_of(pa.types.is_temporal, pa.types.is_nested, pa.types.is_string_view, is_binary)


def _write_csv(table: pa.Table, file: BinaryIO, delimiter: str = ",") -> None:
    from pyarrow import csv

    columns = [texts(column) if _is_csv_text(column.type) else column for column in table.columns]
    rows = pa.table(columns, names=table.column_names)
    csv.write_csv(rows, file, csv.WriteOptions(delimiter=delimiter))


def _write_csv_gz(table: pa.Table, file: BinaryIO) -> None:
    # Without name and time, so that equal tables make equal files.
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed:
        _write_csv(table, compressed)  # type: ignore[arg-type]


def _write_tsv(table: pa.Table, file: BinaryIO) -> None:
    _write_csv(table, file, "\t")


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
    entries = dict(table.schema.metadata or {})
    if METADATA_KEY in entries:  # a second time, where pandas.read_parquet looks for it
        entries.setdefault(ATTRS_KEY, json.dumps({KEY: entries[METADATA_KEY].decode()}).encode())
    sink = pa.BufferOutputStream()
    # The checksums of pages are for other readers.
    parquet.write_table(table.replace_schema_metadata(entries), sink, write_page_checksum=True)
    content = memoryview(sink.getvalue())
    start = _footer_start(content)
    pages, footer = content[:start], content[start:]
    file.writelines((pages, _CHECKSUM_MARK, _checksum(pages, _CHECKSUM_MARK, footer), footer))


def _write_arrow(table: pa.Table, file: BinaryIO) -> None:
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def _write_markdown(table: pa.Table, file: BinaryIO) -> None:
    alignment = ["--:" if is_number(type_) else ":--" for type_ in table.schema.types]
    columns = [texts(column).to_pylist() for column in table.columns]
    for row in (table.column_names, None, *zip(*columns, strict=True)):
        cells = alignment if row is None else [_escape_markdown(cell or "") for cell in row]
        file.write(f"| {' | '.join(cells)} |\n".encode())


def _escape_markdown(text: str) -> str:
    """Escape what Markdown would read as markup."""
    lines = [terminal(line) for line in re.split(r"\r\n?|\n", text)]
    return "<br>".join(re.sub(r"([\\`*_\[\]<>|~&$])", r"\\\1", line) for line in lines)


# The policy forbids a browser to load or run anything, also if a value were not escaped.
_HTML_HEAD: Final = """<!DOCTYPE html>
<html lang="und">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 14px/1.4 system-ui, sans-serif; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
caption {{ padding: 0.5em 0; text-align: left; font-weight: bold; }}
th, td {{ padding: 0.2em 0.8em; border-bottom: 1px solid GrayText; text-align: left; vertical-align: top;
  white-space: pre-wrap; }}
.number {{ text-align: right; white-space: nowrap; }}
.null {{ color: GrayText; font-style: italic; }}
</style>
</head>
<body>
<table>
"""


def _write_html(table: pa.Table, file: BinaryIO) -> None:
    metadata = backend_of(table).read(table)
    question = html(metadata.question or "") if metadata else ""
    file.write(_HTML_HEAD.format(title=question or "Answer").encode())
    file.write(f"<caption>{question}</caption>\n".encode() if question else b"")
    kinds = ["number" if is_number(type_) else "other" for type_ in table.schema.types]
    names = [
        f'<th class="{kind}">{html(name)}</th>' for kind, name in zip(kinds, table.column_names, strict=True)
    ]
    file.write(f"<thead><tr>{''.join(names)}</tr></thead>\n<tbody>\n".encode())
    columns = [texts(column).to_pylist() for column in table.columns]
    for row in zip(*columns, strict=True):
        cells = [
            f'<td class="{kind} null">null</td>' if text is None else f'<td class="{kind}">{html(text)}</td>'
            for kind, text in zip(kinds, row, strict=True)
        ]
        file.write(f"<tr>{''.join(cells)}</tr>\n".encode())
    file.write(b"</tbody>\n</table>\n</body>\n</html>\n")


# Parquet's own checksums cover pages and not the footer, which says how pages are to be read: one flipped bit
# there most often changes values without an error. So the whole file has a checksum too. It stands between
# the pages and the footer, where Parquet allows any bytes and no reader looks, since readers follow the
# offsets in the footer. A program that rewrites the file drops it.

#: What precedes the checksum of a whole file.
_CHECKSUM_MARK: Final = b"connecty"


def is_intact(content: memoryview) -> bool | None:
    """Return whether a Parquet file is what was written, None if it does not have our checksum."""
    start = _footer_start(content)
    pages, checksum = content[: start - 4], content[start - 4 : start]
    if start < 0 or bytes(pages[-len(_CHECKSUM_MARK) :]) != _CHECKSUM_MARK:
        return None
    return bytes(checksum) == _checksum(pages, content[start:])


def _footer_start(content: memoryview) -> int:
    """Return the offset of the footer of a Parquet file: the file ends with its length and ``PAR1``."""
    return len(content) - 8 - (int.from_bytes(content[-8:], "little") & 0xFFFFFFFF)


def _checksum(*parts: memoryview | bytes) -> bytes:
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return checksum.to_bytes(4, "little")


#: The function that writes a table, by the name of the format.
WRITERS: Final[dict[str, Callable[[pa.Table, BinaryIO], None]]] = {
    "csv": _write_csv,
    "csv.gz": _write_csv_gz,
    "tsv": _write_tsv,
    "json": _write_json,
    "ndjson": _write_ndjson,
    "parquet": _write_parquet,
    "arrow": _write_arrow,
    "markdown": _write_markdown,
    "html": _write_html,
    "xlsx": write_xlsx,
}


# --- frames -----------------------------------------------------------------------------------------


def write_parquet(frame: object, path: str | os.PathLike[str], metadata: AnswerMetadata) -> Path:
    """Write a frame and its metadata to a Parquet file; see :meth:`ConnectyAccessor.write_parquet`."""
    target = checked_path(path)
    table = write_schema(to_arrow(frame), metadata)
    attrs = {KEY: metadata.to_json(), **_checked_attrs(frame)}
    table = table.replace_schema_metadata({**table.schema.metadata, ATTRS_KEY: json.dumps(attrs).encode()})
    try:
        with answer_file(target, metadata.question_id) as file:
            _write_parquet(table, file)
    except pa.ArrowException as error:
        raise ConfigError(f"This frame cannot be written as Parquet: {snippet(str(error), 200)}") from None
    return target


def _checked_attrs(frame: object) -> dict[str, Any]:
    """Return the attrs of a pandas frame, each checked to be JSON."""
    attrs: dict[str, Any] = getattr(frame, "attrs", {})
    for key, value in attrs.items():
        try:
            json.dumps({key: value})
        except (TypeError, ValueError):
            raise ConfigError(
                f"frame.attrs[{value_text(key)}] is not JSON, which is how Parquet keeps attrs: remove it, "
                "or make it text."
            ) from None
    return attrs


def to_arrow(frame: object) -> pa.Table:
    """Return a frame of any library as an Arrow table of the same values; raises ConfigError."""
    convert = _TO_ARROW[backend_of(frame).library]
    try:
        return convert(frame)
    except ConfigError:
        raise
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"This frame holds values that Arrow has no type for: {snippet(str(error), 200)}"
        ) from None


def _from_pandas(frame: pd.DataFrame) -> pa.Table:
    names = list(frame.columns)
    if not all(isinstance(name, str) for name in names):
        raise ConfigError(
            "The columns of this frame have names that are not text, as after a pivot. Rename them, for "
            'example by frame.columns = ["_".join(map(str, name)) for name in frame.columns].'
        )
    if (repeated := repeated_name(names)) is not None:
        raise ConfigError(f"Two columns of this frame are called {snippet(repeated)!r}: rename one.")
    plain = frame.copy(deep=False)
    plain.attrs = {}  # pyarrow would warn of attrs that are not JSON
    return pa.Table.from_pandas(plain)


def _from_polars(frame: pl.DataFrame) -> pa.Table:
    # Checked by type beforehand: polars panics, which no `except Exception` catches.
    for name, dtype in frame.schema.items():
        if any(NUL in each for each in (name, *_field_names(dtype))):
            raise ConfigError(
                f"Column {snippet(name)!r} has a NUL character in its name or that of a field, which polars "
                "cannot export to Arrow: rename it."
            )
        if str(dtype.base_type()) in _ONLY_POLARS:
            raise ConfigError(
                f"Column {snippet(name)!r} is of polars' {snippet(str(dtype))}, which Arrow lacks: cast it."
            )
    return frame.to_arrow()


def repeated_name(names: list[str]) -> str | None:
    """Return the first name that occurs more than once, None if there is none."""
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _field_names(dtype: Any) -> Iterator[str]:
    """Yield the names of the fields of structs, at any depth."""
    for field in getattr(dtype, "fields", ()):
        yield field.name
        yield from _field_names(field.dtype)
    if hasattr(dtype, "inner"):
        yield from _field_names(dtype.inner)


_TO_ARROW: Final[dict[str, Callable[[Any], pa.Table]]] = {
    "pandas": _from_pandas,
    "polars": _from_polars,
    "pyarrow": lambda table: table,
}
