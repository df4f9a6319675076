r"""Write Arrow tables to files that return every value unchanged; markdown and html are for people.

CSV has nulls as empty fields and texts in quotes, so that an empty text and null stay apart. Parquet and
Arrow (Feather) have the metadata of the answer in their schema.

In csv, json, markdown and html, dates, times and durations are ISO-8601 text, and bytes are hexadecimal,
``\x48``. NaN and infinity, which JSON does not have, are text in it, as in the API itself.
"""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias

import pyarrow as pa

from connecty_frames._base.text import html, terminal
from connecty_frames.decode.arrow_types import any_of, is_binary, is_number
from connecty_frames.display.formatting import JSON, json_value, texts
from connecty_frames.export.excel import write_xlsx
from connecty_frames.frames.attachment import read_metadata
from connecty_frames.frames.parquet_file import write_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    #: A table, or the rows of a query as they come.
    Rows: TypeAlias = pa.Table | pa.RecordBatchReader


def _write_csv(rows: Rows, file: BinaryIO, delimiter: str = ",") -> None:
    from pyarrow import csv

    needs_text = any_of(pa.types.is_temporal, pa.types.is_nested, pa.types.is_string_view, is_binary)
    is_header = True
    for table in _tables(rows):
        columns = [texts(column) if needs_text(column.type) else column for column in table.columns]
        written = pa.table(columns, names=table.column_names)
        csv.write_csv(written, file, csv.WriteOptions(include_header=is_header, delimiter=delimiter))
        is_header = False


def _write_csv_gz(rows: Rows, file: BinaryIO) -> None:
    # Without name and time: equal tables make equal files.
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed:
        _write_csv(rows, compressed)  # type: ignore[arg-type]


def _tables(rows: Rows) -> Iterator[pa.Table]:
    if isinstance(rows, pa.Table):
        yield rows
        return
    yield rows.schema.empty_table()
    for batch in rows:
        yield pa.Table.from_batches([batch])


def _objects(table: pa.Table) -> list[dict[str, object]]:
    columns = [
        (texts(column) if pa.types.is_temporal(column.type) else column).to_pylist()
        for column in table.columns
    ]
    names = table.column_names
    return [dict(zip(names, map(json_value, row), strict=True)) for row in zip(*columns, strict=True)]


def _write_arrow(rows: Rows, file: BinaryIO) -> None:
    with pa.ipc.new_file(file, rows.schema) as writer:
        for table in _tables(rows):
            writer.write_table(table)


def _write_markdown(table: pa.Table, file: BinaryIO) -> None:
    alignment = ["--:" if is_number(type_) else ":--" for type_ in table.schema.types]
    columns = [texts(column).to_pylist() for column in table.columns]
    for row in (table.column_names, None, *zip(*columns, strict=True)):
        cells = alignment if row is None else [_escape_markdown(cell or "") for cell in row]
        file.write(f"| {' | '.join(cells)} |\n".encode())


def _escape_markdown(text: str) -> str:
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
    metadata = read_metadata(table)
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


def _write_lines(rows: Rows, file: BinaryIO) -> None:
    file.writelines(JSON.encode_lines(_objects(table)) for table in _tables(rows))


#: The function that writes rows as they come, by the name of the format.
STREAMS: Final[dict[str, Callable[[Rows, BinaryIO], object]]] = {
    "csv": _write_csv,
    "csv.gz": _write_csv_gz,
    "tsv": lambda rows, file: _write_csv(rows, file, "\t"),
    "ndjson": _write_lines,
    "jsonl": _write_lines,
    "parquet": write_table,
    "arrow": _write_arrow,
}
#: Writers of whole tables, by the name of the format.
WRITERS: Final[dict[str, Callable[[pa.Table, BinaryIO], object]]] = {
    **STREAMS,
    "json": lambda table, file: file.write(JSON.encode(_objects(table)) + b"\n"),
    "markdown": _write_markdown,
    "html": _write_html,
    "xlsx": write_xlsx,
}
