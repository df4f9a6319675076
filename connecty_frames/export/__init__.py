r"""Write Arrow tables to files that return every value unchanged; markdown and html are for people.

CSV has nulls as empty fields and texts in quotes, so that an empty text and null stay apart. Parquet and
Arrow (Feather) have the metadata of the answer in their schema.

In csv, json, markdown and html, dates, times and durations are ISO-8601 text, and bytes are hexadecimal,
``\x48``. NaN and infinity, which JSON does not have, are text in it, as in the API itself.

If Excel cannot hold one value of a column exactly, the whole column is text: a sum in Excel silently skips
text among numbers. Sources: Microsoft's "Excel specifications and limits", "Numeric precision in Excel".
"""

from __future__ import annotations

import gzip
import io
import itertools
import re
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames._base.text import html, quoted, snippet, terminal
from connecty_frames.decode.arrow import any_of, is_binary, is_naive, is_number, is_text
from connecty_frames.decode.texts import JSON, json_value, short_texts, texts
from connecty_frames.errors import ConversionError, TypeFidelityWarning, warn
from connecty_frames.frames.attachment import read_metadata
from connecty_frames.frames.parquet_file import write_table

if TYPE_CHECKING:
    Rows: TypeAlias = pa.Table | pa.RecordBatchReader  # a table, or the rows of a query as they come


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
    for row in zip(*[texts(column).to_pylist() for column in table.columns], strict=True):
        cells = [
            f'<td class="{kind} null">null</td>' if text is None else f'<td class="{kind}">{html(text)}</td>'
            for kind, text in zip(kinds, row, strict=True)
        ]
        file.write(f"<tr>{''.join(cells)}</tr>\n".encode())
    file.write(b"</tbody>\n</table>\n</body>\n</html>\n")


def _write_lines(rows: Rows, file: BinaryIO) -> None:
    file.writelines(JSON.encode_lines(_objects(table)) for table in _tables(rows))


_MAX_ROWS: Final = 1_048_576  # of a sheet, with the row of names
_MAX_COLUMNS: Final = 16_384
_MAX_TEXT: Final = 32_767  # of a cell, in units of UTF-16
_REMEDY: Final = "Fetch the answer again by its question_id, and write it as parquet or csv."
_DATE: Final = r"^(1900-(0[3-9]|1)|(190[1-9]|19[1-9]\d|[2-9]\d\d\d)-)"  # before, Excel counts a day too many
_is_date: Final = any_of(pa.types.is_date, is_naive)
#: What Excel holds exactly: a kind of types, a pattern of all texts, the type and the format to write.
_HELD: Final = (
    (pa.types.is_boolean, "", None, ""),
    (any_of(pa.types.is_integer, pa.types.is_decimal), r"^-?[0.]*(\d\.?){0,15}[0.]*$", None, "{:.{scale}f}"),
    (pa.types.is_floating, r"^-?[\d.]+(e[+-][012]?\d?\d)?$", pa.float64(), ""),
    (_is_date, rf"{_DATE}[^T]*(T00:00:00(\.0*)?)?$", pa.timestamp("ms"), "yyyy-mm-dd"),
    (_is_date, rf"{_DATE}[^.]*(\.0*)?$", pa.timestamp("ms"), "yyyy-mm-dd hh:mm:ss"),
    (_is_date, rf"{_DATE}[^.]*\.\d\d\d0*$", pa.timestamp("ms"), "yyyy-mm-dd hh:mm:ss.000"),
    (pa.types.is_time, r"^[^.]*(\.0*)?$", pa.time32("ms"), "hh:mm:ss"),
    (pa.types.is_time, r"\.\d\d\d0*$", pa.time32("ms"), "hh:mm:ss.000"),
)


class _Exact(float):
    """A number to write with all 17 digits of a float64, instead of xlsxwriter's 16."""

    def __format__(self, _specification: str) -> str:
        return repr(self)


def _write_xlsx(table: pa.Table, file: BinaryIO) -> None:
    import xlsxwriter

    metadata = read_metadata(table)
    buffer = io.BytesIO()  # since xlsxwriter hides the reason why a file cannot be written
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            xlsxwriter.Workbook(buffer, {"constant_memory": True, "tmpdir": folder}) as workbook,
        ):
            if metadata is not None:
                title = snippet(metadata.question or "", 250)
                workbook.set_properties({"title": title, "created": metadata.asked_at})
            _write_sheet(workbook, table)
    except xlsxwriter.exceptions.FileCreateError as error:
        raise OSError(f"The temporary files of xlsxwriter cannot be written: {error}") from None
    except ConversionError as error:
        error.question_id = metadata.question_id if metadata else None
        raise
    file.write(buffer.getbuffer())


def _write_sheet(workbook: Any, table: pa.Table) -> None:
    for count, limit, noun in (
        (table.num_rows, _MAX_ROWS - 1, "rows below the header"),
        (table.num_columns, _MAX_COLUMNS, "columns"),
    ):
        if count > limit:
            message = f"An Excel sheet has at most {limit:,} {noun}, but this answer has {count:,}. {_REMEDY}"
            raise ConversionError(message)
    sheet = workbook.add_worksheet("Answer")
    sheet.freeze_panes(1, 0)
    sheet.set_row(0, None, workbook.add_format({"bold": True}))
    names, columns, inexact = table.column_names, [], []
    for at, (name, column) in enumerate(zip(names, table.columns, strict=True)):
        values, number_format, is_exact = _as_held(column)
        columns.append(values)
        inexact += [] if is_exact else [name]
        width = max(map(len, (name, *filter(None, short_texts(column.slice(0, 1_000))))))
        style = workbook.add_format({"num_format": number_format}) if number_format else None
        sheet.set_column(at, at, min(width, 60) + 2, style)
    if inexact:
        message = (
            f"In the workbook {quoted(inexact)} {'is' if len(inexact) == 1 else 'are'} text, because Excel "
            "cannot hold every value exactly: its numbers have 15 digits, its dates begin in March 1900, "
            "and its times have milliseconds and no zone."
        )
        warn(TypeFidelityWarning(message))
    parts = pa.Table.from_arrays(columns, names).to_batches(max_chunksize=10_000)
    rows = (row for part in parts for row in zip(*map(pa.Array.to_pylist, part.columns), strict=True))
    for row, cells in enumerate(itertools.chain([names], rows)):
        for at, value in enumerate(cells):
            if isinstance(value, str):
                _write_text(sheet, row, at, value, names[at])
            else:
                sheet.write(row, at, _Exact(value) if isinstance(value, float) else value)


def _as_held(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str, bool]:
    """Return a column as Excel holds it, the format of its cells, and False if it is text instead."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    written = texts(column)
    for is_kind, pattern, held, number_format in _HELD:
        if is_kind(column.type) and pc.all(pc.match_substring_regex(written, pattern)).as_py() is not False:
            scale = max(getattr(column.type, "scale", 0), 0)
            return pc.cast(column, held or column.type), number_format.format(0, scale=scale), True
    return pc.cast(written, pa.string()), "", is_text(column.type) or column.null_count == len(column)


def _write_text(sheet: Any, row: int, at: int, text: str, name: str) -> None:
    if len(text) > _MAX_TEXT // 2 and len(text.encode("utf-16-le")) > 2 * _MAX_TEXT:
        raise ConversionError(
            f"Column {snippet(name)!r}, {f'row {row - 1}' if row else 'its name'}: an Excel cell has at most "
            f"{_MAX_TEXT:,} characters. {_REMEDY}",
            column=name,
            row=row - 1 if row else None,
        )
    if text.startswith("<r>") and text.endswith("</r>"):  # xlsxwriter's own markup
        sheet.write_rich_string(row, at, *text[:2], text[2:])
    else:
        sheet.write_string(row, at, text)


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
    "xlsx": _write_xlsx,
}
