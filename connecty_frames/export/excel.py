"""Arrow tables as workbooks for Excel.

Excel has numbers of 15 significant digits, times to the millisecond from 1900-03-01 on, truth values and
text. If Excel cannot hold one value of a column exactly, the whole column is text: a sum in Excel silently
skips text among numbers. One warning names these columns.

Sources: "Excel specifications and limits" and "Numeric precision in Microsoft Excel" (Microsoft); ECMA-376,
section 18.17.4, for the numbers of dates.
"""

from __future__ import annotations

import io
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames._base.text import quoted, snippet
from connecty_frames.decode.arrow_types import any_of, first_match, is_text
from connecty_frames.display.formatting import texts
from connecty_frames.errors import ConversionError, TypeFidelityWarning, warn
from connecty_frames.frames.attachment import backend_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from xlsxwriter.worksheet import Worksheet

#: The size of a sheet, with the row of names, and of a cell in units of UTF-16.
_MAX_ROWS: Final = 1_048_576
_MAX_COLUMNS: Final = 16_384
_MAX_TEXT: Final = 32_767
_REMEDY: Final = "Fetch the answer again by its question_id, and write it as parquet or csv."
#: How many significant digits a number has at most.
_MAX_DIGITS: Final = 15
#: The absolute values that numbers have, apart from 0.
_SMALLEST: Final = 2.2250738585072014e-308
_LARGEST: Final = 9.99999999999999e307
#: Milliseconds since 1970. Before 1900-03-01 Excel counts a day that did not exist.
_FIRST: Final = int(datetime(1900, 3, 1, tzinfo=UTC).timestamp()) * 1_000
_LAST: Final = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()) * 1_000 + 999
#: Dates are numbers of days; this is the one of 1970-01-01.
_EPOCH: Final = 25_569
_DAY: Final = 86_400_000
#: Rows are written in parts, and the first of them decide on the width of a column, in characters.
_PART_ROWS: Final = 10_000  # pragma: no mutate - a size
_MEASURED_ROWS: Final = 1_000
_MAX_WIDTH: Final = 60


class _Cells(NamedTuple):
    """A column as Excel holds it: float64, bool or text; and the format of its numbers."""

    values: pa.ChunkedArray
    number_format: str = ""


class _Exact(float):
    """A number that xlsxwriter writes with all 17 digits of a float64, instead of 16."""

    __slots__ = ()

    def __format__(self, _specification: str) -> str:
        return repr(self)


def write_xlsx(table: pa.Table, file: BinaryIO) -> None:
    """Write a table as a workbook of one sheet; raises ConversionError first if it does not fit."""
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    metadata = backend_of(table).read(table)
    question_id = None if metadata is None else metadata.question_id
    _check_size(table, question_id)
    if any(map(pa.types.is_dictionary, table.schema.types)):
        columns = [
            each.cast(each.type.value_type) if pa.types.is_dictionary(each.type) else each for each in table
        ]
        table = pa.Table.from_arrays(columns, table.column_names)
    cells = [_convert(column) for column in table.columns]
    _check_texts(table, cells, question_id)
    _warn_of_texts(table, cells)
    buffer = io.BytesIO()  # since xlsxwriter hides the reason why a file cannot be written
    with tempfile.TemporaryDirectory() as folder:
        try:
            with Workbook(buffer, {"constant_memory": True, "tmpdir": folder}) as workbook:
                if metadata is not None:
                    properties = {
                        "title": snippet(metadata.question or "", 250),
                        "created": metadata.asked_at,
                    }
                    workbook.set_properties({key: value for key, value in properties.items() if value})
                _write_sheet(workbook, table, cells)
        except FileCreateError as error:
            raise OSError(f"The temporary files of xlsxwriter cannot be written: {error}") from None
    file.write(buffer.getbuffer())


def _write_sheet(workbook: Any, table: pa.Table, columns: list[_Cells]) -> None:
    sheet = workbook.add_worksheet("Answer")
    sheet.freeze_panes(1, 0)
    bold = workbook.add_format({"bold": True})
    numbers = dict.fromkeys(cells.number_format for cells in columns if cells.number_format)
    formats = {each: workbook.add_format({"num_format": each}) for each in numbers}
    for at, (name, column, cells) in enumerate(zip(table.column_names, table.columns, columns, strict=True)):
        sheet.set_column(at, at, _column_width(name, column, cells))
        _write_text(sheet, 0, at, name, bold)
    writers = [(_WRITERS[cells.values.type], formats.get(cells.number_format)) for cells in columns]
    for start in range(0, table.num_rows, _PART_ROWS):
        part = [cells.values.slice(start, _PART_ROWS).to_pylist() for cells in columns]
        for row, values in enumerate(zip(*part, strict=True), start + 1):
            for at, (value, (write, cell_format)) in enumerate(zip(values, writers, strict=True)):
                if value is not None:
                    write(sheet, row, at, value, cell_format)


def _write_text(sheet: Worksheet, row: int, column: int, text: str, cell_format: Any) -> None:
    if text.startswith("<r>") and text.endswith("</r>"):  # which xlsxwriter takes for its own markup
        sheet.write_rich_string(row, column, *text[:2], text[2:], *filter(None, [cell_format]))
    else:
        sheet.write_string(row, column, text, cell_format)


#: How a cell of each type is written.
_WRITERS: Final[dict[pa.DataType, Callable[[Worksheet, int, int, Any, Any], object]]] = {
    pa.bool_(): lambda sheet, *cell: sheet.write_boolean(*cell),
    pa.float64(): lambda sheet, row, at, value, cell_format: sheet.write_number(
        row, at, _Exact(value), cell_format
    ),
    pa.string(): _write_text,
}


def _column_width(name: str, column: pa.ChunkedArray, cells: _Cells) -> int:
    """Return the width of a column in characters: of its name, and of the first values."""
    shown = texts(column.slice(0, _MEASURED_ROWS))
    is_time = pa.types.is_temporal(column.type) and cells.number_format
    longest = len(cells.number_format) if is_time else pc.max(pc.utf8_length(shown)).as_py() or 0
    return min(max(len(name), longest), _MAX_WIDTH) + 2


# --- values that Excel holds ------------------------------------------------------------------------


def _convert(column: pa.ChunkedArray) -> _Cells:
    """Return a column as Excel holds it, as text if that is not exact."""
    convert = first_match(_CONVERTERS, column.type)
    return (convert and convert(column)) or _Cells(pc.cast(texts(column), pa.string()))


def _convert_exact(column: pa.ChunkedArray) -> _Cells | None:
    """Convert integers and decimals, or None if one has more than 15 significant digits."""
    digits = pc.replace_substring_regex(texts(column), r"[-.]|E.*", "")
    if (pc.max(pc.utf8_length(pc.utf8_trim(digits, "0"))).as_py() or 0) > _MAX_DIGITS:
        return None
    scale = getattr(column.type, "scale", 0)
    # By its text: it is then the number next to the decimal, also where Arrow would multiply.
    return _Cells(pc.cast(texts(column), pa.float64()), f"0.{'0' * scale}" if scale > 0 else "0")


def _convert_floats(column: pa.ChunkedArray) -> _Cells | None:
    """Convert floats, or None if one is not finite, or beyond the range of Excel's numbers."""
    numbers = pc.cast(column, pa.float64())
    sizes = pc.abs(numbers)
    is_held = pc.or_(
        pc.equal(sizes, 0.0), pc.and_(pc.greater_equal(sizes, _SMALLEST), pc.less_equal(sizes, _LARGEST))
    )
    return _Cells(numbers) if pc.all(is_held).as_py() is not False else None


def _convert_timestamps(column: pa.ChunkedArray) -> _Cells | None:
    """Convert dates and times, or None if one has a zone, is too fine or beyond Excel's range."""
    if getattr(column.type, "tz", None) is not None:
        return None
    try:
        counts = pc.cast(pc.cast(column, pa.timestamp("ms")), pa.int64())
    except pa.ArrowInvalid:
        return None
    ends = pc.min_max(counts).as_py()
    if ends["min"] is not None and not _FIRST <= ends["min"] <= ends["max"] <= _LAST:
        return None
    is_date = pc.all(pc.equal(pc.multiply(pc.divide(counts, _DAY), _DAY), counts)).as_py() is not False
    return _Cells(_days(counts, _EPOCH), "yyyy-mm-dd" if is_date else f"yyyy-mm-dd {_clock(counts)}")


def _convert_times(column: pa.ChunkedArray) -> _Cells | None:
    """Convert times of day, or None if one is finer than milliseconds."""
    try:
        counts = pc.cast(pc.cast(column, pa.time32("ms")), pa.int32())
    except pa.ArrowInvalid:
        return None
    return _Cells(_days(counts, 0), _clock(counts))


def _days(counts: pa.ChunkedArray, epoch: int) -> pa.ChunkedArray:
    return pc.add(pc.divide(pc.cast(counts, pa.float64()), float(_DAY)), float(epoch))


def _clock(counts: pa.ChunkedArray) -> str:
    """Return the format of times, with milliseconds if one has any."""
    seconds = pc.multiply(pc.divide(counts, 1_000), 1_000)
    return "hh:mm:ss" if pc.all(pc.equal(counts, seconds)).as_py() is not False else "hh:mm:ss.000"


#: How the types that Excel has are converted; the others are text.
_CONVERTERS: Final[
    tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.ChunkedArray], _Cells | None]], ...]
] = (
    (pa.types.is_boolean, _Cells),
    (any_of(pa.types.is_integer, pa.types.is_decimal), _convert_exact),
    (pa.types.is_floating, _convert_floats),
    (any_of(pa.types.is_date, pa.types.is_timestamp), _convert_timestamps),
    (pa.types.is_time, _convert_times),
)


# --- what Excel does not hold -----------------------------------------------------------------------


#: Types of which text loses nothing.
_is_text: Final = any_of(is_text, pa.types.is_null)


def _warn_of_texts(table: pa.Table, columns: list[_Cells]) -> None:
    names = [
        field.name
        for field, cells in zip(table.schema, columns, strict=True)
        if cells.values.type == pa.string()
        and not _is_text(field.type)
        and cells.values.null_count < table.num_rows
    ]
    if names:
        message = (
            f"In the workbook {quoted(names)} {'is' if len(names) == 1 else 'are'} text, because Excel "
            "cannot hold every value exactly: its numbers have 15 digits, its dates begin in March 1900, "
            "and its times have milliseconds and no zone."
        )
        warn(TypeFidelityWarning(message))


def _check_size(table: pa.Table, question_id: str | None) -> None:
    """Raise an error if a table has no room in a sheet."""
    for count, limit, noun in (
        (table.num_rows, _MAX_ROWS - 1, "rows below the header"),
        (table.num_columns, _MAX_COLUMNS, "columns"),
    ):
        if count > limit:
            raise ConversionError(
                f"An Excel sheet has at most {limit:,} {noun}, but this answer has {count:,}. {_REMEDY}",
                question_id=question_id,
            )


def _check_texts(table: pa.Table, columns: list[_Cells], question_id: str | None) -> None:
    """Raise an error if a name or a text is longer than a cell holds."""
    for name, cells in zip(table.column_names, columns, strict=True):
        row = _find_long_text(cells.values) if cells.values.type == pa.string() else None
        if row is not None or _utf16_length(name) > _MAX_TEXT:
            place = "its name" if row is None else f"row {row}"
            raise ConversionError(
                f"Column {snippet(name)!r}, {place}: an Excel cell has at most {_MAX_TEXT:,} characters. "
                f"{_REMEDY}",
                column=name,
                row=row,
                question_id=question_id,
            )


def _find_long_text(values: pa.ChunkedArray) -> int | None:
    """Return the row of the first text that no cell holds."""
    # One character is at most two units.
    candidates = pc.indices_nonzero(pc.greater(pc.utf8_length(values), _MAX_TEXT // 2)).to_pylist()
    return next((row for row in candidates if _utf16_length(values[row].as_py()) > _MAX_TEXT), None)


def _utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
