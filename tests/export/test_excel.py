"""A table as a workbook: what Excel holds exactly is a value of its type, everything else is text."""

import gc
import io
import re
import resource
import warnings
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames import export
from connecty_frames.export import WRITERS
from connecty_frames.frames.attachment import write_schema
from tests.cases import cases

NAN = float("nan")


def written(table: pa.Table) -> bytes:
    file = io.BytesIO()
    WRITERS["xlsx"](table, file)
    return file.getvalue()


def workbook(content: bytes) -> Any:
    import openpyxl  # by the process that runs these tests, not by each that collects them

    return openpyxl.load_workbook(io.BytesIO(content))


def sheet(content: bytes) -> Any:
    return workbook(content).active


def read(values: list[Any], type_: pa.DataType) -> tuple[list[Any], str]:
    """Write one column; return its values as read back, and the format of its first one."""
    cells = [row[0] for row in sheet(written(pa.table({"c": pa.array(values, type_)}))).iter_rows(min_row=2)]
    return [cell.value for cell in cells], cells[0].number_format


@cases(
    ("values", "type_", "format_"),
    [
        ([1, None, -999_999_999_999_999], pa.int64(), "0"),
        ([10**15], pa.uint64(), "0"),
        ([0.1, None, 1 / 3, 0.1 + 0.2, 1e-299, -9e299, 1e22, 12345678.9], pa.float64(), "General"),
        ([0.0, None, 0.5], pa.float64(), "General"),
        ([True, None, False], pa.bool_(), "General"),
        ([date(1900, 3, 1), None, date(9999, 12, 31)], pa.date32(), "yyyy-mm-dd"),
        ([datetime(2025, 7, 1, 12, 30, 1)], pa.timestamp("us"), "yyyy-mm-dd hh:mm:ss"),
        (
            [datetime(1900, 3, 1, 0, 0, 0, 1000), datetime(9999, 12, 31, 23, 59, 59, 999000)],
            pa.timestamp("us"),
            "yyyy-mm-dd hh:mm:ss.000",
        ),
        ([time(9, 30), None, time(0)], pa.time64("us"), "hh:mm:ss"),
        ([time(9, 30, 0, 7000)], pa.time64("us"), "hh:mm:ss.000"),
        (["a", None, "007", "2025-01-01"], pa.string(), "General"),
        (["a"], pa.large_string(), "General"),
        (["a"], pa.string_view(), "General"),
        (["a", None, "b"], pa.dictionary(pa.int32(), pa.string()), "General"),
        ([7, None, 5], pa.dictionary(pa.int32(), pa.int64()), "0"),
    ],
)
def test_what_excel_holds(values: list[Any], type_: pa.DataType, format_: str) -> None:
    """Values are of the type that they have, without a warning."""
    expected = [datetime(*v.timetuple()[:3]) if type(v) is date else v for v in values]
    assert read(values, type_) == (expected, format_)


def test_money() -> None:
    """Decimals of up to 15 digits are numbers, shown with their scale."""
    values = [Decimal("10.10"), Decimal("-1234567890123.45"), Decimal("0.00")]
    assert read(values, pa.decimal128(38, 2)) == ([10.1, -1234567890123.45, 0.0], "0.00")
    assert read([Decimal("0.5")], pa.decimal128(38, 1)) == ([0.5], "0.0")


@cases(
    ("values", "type_", "expected"),
    [
        ([1, 1_234_567_890_123_456], pa.int64(), ["1", "1234567890123456"]),
        ([2**64 - 1], pa.uint64(), ["18446744073709551615"]),
        (
            [Decimal("12345678901234.56"), Decimal("1.00")],
            pa.decimal128(38, 2),
            ["12345678901234.56", "1.00"],
        ),
        ([NAN, None, 1.5], pa.float64(), ["nan", None, "1.5"]),
        ([float("inf")], pa.float64(), ["inf"]),
        ([1e300], pa.float64(), ["1e+300"]),
        ([5e-324], pa.float64(), ["5e-324"]),
        ([date(1900, 2, 28), date(2025, 1, 1)], pa.date32(), ["1900-02-28", "2025-01-01"]),
        ([datetime(1, 1, 1)], pa.timestamp("us"), ["0001-01-01T00:00:00.000000"]),
        ([datetime(2025, 1, 1, 0, 0, 0, 1)], pa.timestamp("us"), ["2025-01-01T00:00:00.000001"]),
        ([1], pa.timestamp("ns"), ["1970-01-01T00:00:00.000000001"]),
        (
            [datetime(2025, 1, 1, tzinfo=UTC)],
            pa.timestamp("us", "Europe/Warsaw"),
            ["2025-01-01T01:00:00.000000+01:00"],
        ),
        ([time(9, 30, 0, 1)], pa.time64("us"), ["09:30:00.000001"]),
        ([timedelta(seconds=-1.5)], pa.duration("us"), ["-PT1.5S"]),
        ([["a", None]], pa.list_(pa.string()), ['["a",null]']),
        ([{"a": 1}], pa.struct({"a": pa.int64()}), ['{"a":1}']),
        ([b"H"], pa.binary(), ["\\x48"]),
    ],
)
def test_what_excel_does_not_hold(values: list[Any], type_: pa.DataType, expected: list[Any]) -> None:
    """The whole column is exact text, also if only one value is not held, with a warning."""
    with pytest.warns(
        cf.TypeFidelityWarning, match=r"^In the workbook 'c' is text, because Excel cannot hold "
    ):
        assert read(values, type_) == (expected, "General")


def test_one_warning_names_the_columns() -> None:
    """Columns of text, of nulls and of what Excel holds are not among them."""
    table = pa.table(
        {
            "text": ["a"],
            "number": [1],
            "nothing": pa.nulls(1),
            "no instant": pa.nulls(1, pa.timestamp("us", "UTC")),
            "id": [2**60],
            "tags": [["x"]],
        }
    )
    with pytest.warns(cf.TypeFidelityWarning) as warned:
        written(table)

    (message,) = [str(each.message) for each in warned]
    assert message == (
        "In the workbook 'id', 'tags' are text, because Excel cannot hold every value exactly: its numbers "
        "have 15 digits, its dates begin in March 1900, and its times have milliseconds and no zone."
    )


@cases(
    "text",
    [
        *["=1+1", "+1", "-1", "@a", "#N/A", "http://example.com", "mailto:a@example.com", "TRUE", "1.5"],
        *["<r>x</r>", "<r></r>", "<b>&amp;", " a ", "\t", "a\r\nb"],
        *["\x00\x1b", "\ufffe\uffff", "_x0041_", "😀"],
    ],
)
def test_text_stays_text(text: str) -> None:
    """It is no formula, link, markup, number or error, in the name of a column as well."""
    from openpyxl.utils.escape import unescape

    cells = sheet(written(pa.table({text: [text]})))
    assert [(cell.data_type, unescape(cell.value)) for (cell,) in cells.iter_rows()] == [("s", text)] * 2
    assert cells["A2"].hyperlink is None


def test_numbers_have_all_digits_in_the_file() -> None:
    """All 17 digits of a float64 are written, where xlsxwriter itself writes 16."""
    content = zipfile.ZipFile(io.BytesIO(written(pa.table({"x": [0.1 + 0.2, 1234567.8901234567]}))))
    assert re.findall(r"<v>(.*?)</v>", content.read("xl/worksheets/sheet1.xml").decode()) == [
        "0.30000000000000004",
        "1234567.8901234567",
    ]


def test_the_sheet(golden: Path) -> None:
    """The names are bold and stay in view; the question is the title, and when it was asked the date.

    Of a long question 250 characters are: Excel opens no workbook with more than 255.
    """
    table = cf.Answer.from_json(golden / "top_countries.json", question="which?").to_arrow()
    asked_at = datetime(2025, 7, 1, 12, 30, tzinfo=UTC)
    table = write_schema(table, replace(cf.metadata(table), asked_at=asked_at))
    book = workbook(written(table))
    found = book.active

    assert book.sheetnames == ["Answer"]
    assert book.properties.title == "which?"
    assert book.properties.created == asked_at.replace(tzinfo=None)
    assert found.freeze_panes == "A2"
    assert [cell.font.bold for cell in found[1]] == [True, True]
    assert [cell.font.bold for cell in found[2]] == [False, False]

    for question, title in (None, None), ("x" * 300, "x" * 250 + "…"):
        answer = cf.Answer.from_json(golden / "top_countries.json", question=question)
        assert workbook(written(answer.to_arrow())).properties.title == title


def test_the_widths_of_columns() -> None:
    """They are those of the names and values, and bounded."""
    table = pa.table(
        {
            "a": ["x" * 10],
            "a long name": ["x"],
            "long": ["x" * 500],
            "on": [date(2025, 1, 1)],
            "sum": [Decimal("123456.78")],
            "n": pa.array([None], pa.int64()),
        }
    )

    columns = sheet(written(table)).column_dimensions

    assert [round(columns[letter].width) for letter in "ABCDEF"] == [13, 14, 63, 13, 12, 4]


@cases(("before", "width"), [(999, 53), (1_000, 4)])
def test_the_first_rows_decide_on_the_width(before: int, width: int) -> None:
    """These are a thousand."""
    columns = sheet(written(pa.table({"a": ["x"] * before + ["x" * 50]}))).column_dimensions
    assert round(columns["A"].width) == width


@pytest.mark.slow
def test_many_rows() -> None:
    """More than are converted at once; no value is missing or moved."""
    count = 10_500
    table = pa.table({"n": range(count), "t": [None if n % 3 else str(n) for n in range(count)]})
    rows = list(sheet(written(table)).iter_rows(values_only=True))
    assert rows == [("n", "t"), *((n, None if n % 3 else str(n)) for n in range(count))]


@cases("table", [pa.table({}), pa.table({"a": pa.array([], pa.int64())})])
def test_nothing_to_write(table: pa.Table) -> None:
    """A table without columns or rows is a workbook with an empty sheet, or with names."""
    rows = list(sheet(written(table)).iter_rows(values_only=True))
    assert rows == [tuple(table.column_names)] * bool(table.num_columns)


@cases(
    ("table", "message", "row"),
    [
        (
            pa.table({"a": pa.nulls(1_048_576)}),
            "An Excel sheet has at most 1,048,575 rows below the header, but this answer has 1,048,576. ",
            None,
        ),
        (
            pa.table({f"c{n}": [1] for n in range(16_385)}),
            "An Excel sheet has at most 16,384 columns, but this answer has 16,385. ",
            None,
        ),
        (
            pa.table({"a": ["x", None, "x" * 32_768]}),
            "Column 'a', row 2: an Excel cell has at most 32,767 characters. ",
            2,
        ),
        (
            pa.table({"a": ["😀" * 16_384]}),
            "Column 'a', row 0: an Excel cell has at most 32,767 characters. ",
            0,
        ),
        (
            pa.table({"x" * 32_768: [1]}),
            f"Column '{'x' * 120}…', its name: an Excel cell has at most 32,767 characters. ",
            None,
        ),
    ],
    ids=["rows", "columns", "text", "UTF-16", "name"],
)
def test_a_table_that_has_no_room(table: pa.Table, message: str, row: int | None) -> None:
    """The error says what to do, and nothing is written."""
    file = io.BytesIO()
    with pytest.raises(cf.ConversionError) as caught:
        WRITERS["xlsx"](table, file)
    assert str(caught.value) == (
        f"{message}Fetch the answer again by its question_id, and write it as parquet or csv."
    )
    assert caught.value.row == row
    assert file.getvalue() == b""


def test_the_longest_text() -> None:
    """It has 32,767 characters, that of a name too."""
    assert read(["x" * 32_767], pa.string())[0] == ["x" * 32_767]
    assert sheet(written(pa.table({"x" * 32_767: [1]})))["A1"].value == "x" * 32_767


def test_no_temporary_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if a value cannot be written."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    written(pa.table({"a": ["x"]}))
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(export, "_Exact", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError), warnings.catch_warnings():
        written(pa.table({"a": [0.5]}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # xlsxwriter leaves it open
def test_temporary_files_that_cannot_be_written() -> None:
    """It is an OSError with the reason, as of any file, and nothing is written."""
    file = io.BytesIO()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError, match=r"^The temporary files of xlsxwriter .* File too large$"):
            WRITERS["xlsx"](pa.table({"a": ["x"]}), file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    gc.collect()
    assert file.getvalue() == b""


def test_a_sheet_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many rows, with that of the names, and columns as a sheet has are written."""
    monkeypatch.setattr(export, "_MAX_ROWS", 3)
    monkeypatch.setattr(export, "_MAX_COLUMNS", 2)
    full = pa.table({"a": [1, 2], "b": [3, 4]})
    assert written(full)
    with pytest.raises(cf.ConversionError, match="at most 2 rows below the header, but this answer has 3"):
        written(pa.concat_tables([full, full.slice(0, 1)]))
    with pytest.raises(cf.ConversionError, match="at most 2 columns, but this answer has 3"):
        written(full.append_column("c", [[5, 6]]))
