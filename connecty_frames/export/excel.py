"""Arrow tables as workbooks for Excel.

If Excel cannot hold one value of a column exactly, the whole column is text: a sum in Excel silently skips
text among numbers. Sources: Microsoft's "Excel specifications and limits", "Numeric precision in Excel".
"""

from __future__ import annotations

import io
import itertools
import tempfile
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames._base.text import quoted, snippet
from connecty_frames.decode.arrow_types import any_of, is_naive, is_text
from connecty_frames.display.formatting import short_texts, texts
from connecty_frames.errors import ConversionError, TypeFidelityWarning, warn
from connecty_frames.frames.attachment import read_metadata

#: The size of a sheet, with the row of names, and of a cell in units of UTF-16.
_MAX_ROWS: Final = 1_048_576
_MAX_COLUMNS: Final = 16_384
_MAX_TEXT: Final = 32_767
_REMEDY: Final = "Fetch the answer again by its question_id, and write it as parquet or csv."
#: Before 1900-03-01 Excel counts a nonexistent day.
_DATE: Final = r"^(1900-(0[3-9]|1)|(190[1-9]|19[1-9]\d|[2-9]\d\d\d)-)"
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


def write_xlsx(table: pa.Table, file: BinaryIO) -> None:
    """Write a table as a workbook of one sheet; raises ConversionError if it does not fit."""
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
        values, number_format, is_exact = _convert(column)
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


def _convert(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str, bool]:
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
