"""An Arrow table as a file: every value is read back unchanged."""

from __future__ import annotations

import gzip
import io
import json
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

import connecty_frames as cf
from connecty_frames.cli.output import TABLES, Format
from connecty_frames.decode.texts import texts
from connecty_frames.export import STREAMS, WRITERS
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

NAN = float("nan")
#: type, values, the lines of CSV after the header, the JSON values
CASES: dict[str, tuple[pa.DataType, list[Any], list[str], str]] = {
    "whole numbers": (
        pa.int64(),
        [1, None, -(2**63)],
        ["1", "", "-9223372036854775808"],
        "[1,null,-9223372036854775808]",
    ),
    "above int64": (pa.uint64(), [2**64 - 1], ["18446744073709551615"], "[18446744073709551615]"),
    "floats": (pa.float64(), [0.1, None, 1e22, -0.0], ["0.1", "", "1e+22", "-0"], "[0.1,null,1e22,-0.0]"),
    "no numbers": (
        pa.float64(),
        [NAN, float("inf"), float("-inf"), None],
        ["nan", "inf", "-inf", ""],
        '["NaN","Infinity","-Infinity",null]',
    ),
    "money": (pa.decimal128(38, 2), [Decimal("1.10"), None], ["1.10", ""], "[1.10,null]"),
    "long numbers": (
        pa.decimal256(76, 0),
        [Decimal("1" + "0" * 59 + "7")],
        ["1" + "0" * 59 + "7"],
        "[1" + "0" * 59 + "7]",
    ),
    "truth": (pa.bool_(), [True, None, False], ["true", "", "false"], "[true,null,false]"),
    "text": (
        pa.string(),
        ["a", "", None, '"', "a,b", "NA", "007"],
        ['"a"', '""', "", '""""', '"a,b"', '"NA"', '"007"'],
        '["a","",null,"\\"","a,b","NA","007"]',
    ),
    "large text": (pa.large_string(), ["a", None], ['"a"', ""], '["a",null]'),
    "text views": (pa.string_view(), ["a", None], ['"a"', ""], '["a",null]'),
    "dates": (pa.date32(), [date(1, 1, 1), None], ['"0001-01-01"', ""], '["0001-01-01",null]'),
    "times": (
        pa.time64("us"),
        [time(1, 2, 3, 4), None],
        ['"01:02:03.000004"', ""],
        '["01:02:03.000004",null]',
    ),
    "moments": (
        pa.timestamp("us"),
        [datetime(2025, 1, 1, 1, 2, 3, 4), None],
        ['"2025-01-01T01:02:03.000004"', ""],
        '["2025-01-01T01:02:03.000004",null]',
    ),
    "instants": (
        pa.timestamp("us", "UTC"),
        [datetime(2025, 1, 1, tzinfo=UTC), None],
        ['"2025-01-01T00:00:00.000000Z"', ""],
        '["2025-01-01T00:00:00.000000Z",null]',
    ),
    "instants in a zone": (
        pa.timestamp("us", "Europe/Warsaw"),
        [datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC)],
        ['"2025-01-01T01:00:00.000000+01:00"', '"2025-07-01T02:00:00.000000+02:00"'],
        '["2025-01-01T01:00:00.000000+01:00","2025-07-01T02:00:00.000000+02:00"]',
    ),
    "instants west of Greenwich": (
        pa.timestamp("us", "America/St_Johns"),
        [datetime(2025, 1, 1, tzinfo=UTC)],
        ['"2024-12-31T20:30:00.000000-03:30"'],
        '["2024-12-31T20:30:00.000000-03:30"]',
    ),
    "instants at an offset": (
        pa.timestamp("us", "-03:30"),
        [datetime(2025, 1, 1, tzinfo=UTC), None],
        ['"2024-12-31T20:30:00.000000-03:30"', ""],
        '["2024-12-31T20:30:00.000000-03:30",null]',
    ),
    "nanoseconds": (
        pa.timestamp("ns"),
        [1],
        ['"1970-01-01T00:00:00.000000001"'],
        '["1970-01-01T00:00:00.000000001"]',
    ),
    "durations": (
        pa.duration("us"),
        [timedelta(seconds=-1.5), timedelta(days=1), timedelta(microseconds=1), timedelta(0), None],
        ['"-PT1.5S"', '"PT86400S"', '"PT0.000001S"', '"PT0S"', ""],
        '["-PT1.5S","PT86400S","PT0.000001S","PT0S",null]',
    ),
    "lists": (pa.list_(pa.int64()), [[1, None], [], None], ['"[1,null]"', '"[]"', ""], "[[1,null],[],null]"),
    "structs": (
        pa.struct({"a": pa.decimal128(5, 2), "b": pa.float64()}),
        [{"a": Decimal("1.10"), "b": NAN}],
        ['"{""a"":1.10,""b"":""NaN""}"'],
        '[{"a":1.10,"b":"NaN"}]',
    ),
    "instants in structs": (
        pa.struct({"at": pa.timestamp("us", "UTC")}),
        [{"at": datetime(2025, 1, 1, 0, 0, 0, 5, tzinfo=UTC)}],
        ['"{""at"":""2025-01-01T00:00:00.000005Z""}"'],
        '[{"at":"2025-01-01T00:00:00.000005Z"}]',
    ),
    "nanoseconds in lists": (
        pa.list_(pa.timestamp("ns", "UTC")),
        [[1]],
        ['"[""1970-01-01T00:00:00.000000001+00:00""]"'],
        '[["1970-01-01T00:00:00.000000001+00:00"]]',
    ),
    "nothing": (pa.string(), [], [], "[]"),
}


def written(name: str, table: pa.Table) -> bytes:
    file = io.BytesIO()
    WRITERS[name](table, file)
    return file.getvalue()


def of(kind: pa.DataType, values: list[Any], name: str = "c") -> pa.Table:
    return pa.table({name: pa.array(values, kind)})


def test_the_formats() -> None:
    """There are eleven names of formats, and the command's own two for terminals."""
    assert {*get_args(Format)} == {*WRITERS, *TABLES}
    assert " ".join(WRITERS) == "csv csv.gz tsv ndjson jsonl parquet arrow json markdown html xlsx"


@cases("format_, sizes", [(name, sizes) for name in STREAMS for sizes in ([], [3], [2, 0, 1])])
def test_rows_that_come_in_batches(format_: str, sizes: list[int]) -> None:
    """They make the file of a table; an empty one has the columns."""
    table = pa.table({"id": pa.array(range(sum(sizes)), pa.int64()), "at": pa.nulls(sum(sizes), pa.date32())})
    starts = [sum(sizes[:position]) for position in range(len(sizes))]
    batches = [table.slice(start, size).combine_chunks() for start, size in zip(starts, sizes, strict=True)]
    made = [batch for each in batches for batch in each.to_batches()]
    file = io.BytesIO()

    STREAMS[format_](pa.RecordBatchReader.from_batches(table.schema, made), file)

    if format_ in {"parquet", "arrow"}:
        read = pq.read_table if format_ == "parquet" else pa.feather.read_table
        assert read(io.BytesIO(file.getvalue())).equals(table)
    else:
        assert file.getvalue() == written(format_, table)


@cases("case", CASES)
def test_csv(case: str) -> None:
    """Nulls are empty, texts quoted, and all digits kept."""
    kind, values, lines, _ = CASES[case]

    assert written("csv", of(kind, values)).decode() == "\n".join(['"c"', *lines, ""])


def test_csv_compressed() -> None:
    """The same bytes as CSV, and equal files for equal tables: the header has neither name nor time."""
    content = written("csv.gz", of(pa.string(), ["a", None]))

    assert gzip.decompress(content) == b'"c"\n"a"\n\n'
    assert content[3:8] == b"\0\0\0\0\0"  # no optional fields; the time is 0


def test_tsv() -> None:
    """As CSV, with tabs between the fields."""
    table = pa.table({"a": ["x\ty", None], "b": [1, 2]})

    assert written("tsv", table) == b'"a"\t"b"\n"x\ty"\t1\n\t2\n'


@cases("case", CASES)
def test_json(case: str) -> None:
    """One object per row, in a list or one per line; finite numbers with all digits, others as text."""
    kind, values, _, expected = CASES[case]
    content, lines = (written(name, of(kind, values)).decode() for name in ("json", "ndjson"))

    assert content.endswith("]\n")
    assert lines == "" or lines.endswith("}\n")
    objects = [json.loads(line, parse_float=str) for line in lines.splitlines()]
    assert json.loads(content, parse_float=str) == objects
    assert [row["c"] for row in objects] == json.loads(expected, parse_float=str)


@cases("case", CASES)
def test_arrow_and_parquet(case: str) -> None:
    """Types and values are read back, but for those that Arrow 17 cannot write as Parquet."""
    kind, values, _, _ = CASES[case]
    table = of(kind, values)
    found = [pa.ipc.open_file(written("arrow", table)).read_all()]
    if case != "text views":
        found.append(pq.read_table(io.BytesIO(written("parquet", table))))

    for each in found:
        assert each.schema.types == [kind]
        # As text, since NaN is equal to nothing.
        assert str(each.to_pydict()) == str(table.to_pydict())


def test_markdown() -> None:
    """Numbers right-aligned, nulls empty, and cells escaped."""
    table = pa.table(
        {
            "n_1": pa.array([1, None], pa.int64()),
            "text": pa.array(["a|b\r\nc *d* <e> \\x00", "\x1b[2J\u202e$1$"], pa.string()),
            "day": pa.array([date(2025, 1, 1), None], pa.date32()),
        }
    )

    assert written("markdown", table).decode() == (
        "| n\\_1 | text | day |\n"
        "| --: | :-- | :-- |\n"
        "| 1 | a\\|b<br>c \\*d\\* \\<e\\> \\\\x00 | 2025-01-01 |\n"
        "|  | \\\\x1b\\[2J\\\\u202e\\$1\\$ |  |\n"
    )


def test_html(golden: Path) -> None:
    """The question is the title of the page, numbers are aligned to the right, and all text is escaped."""
    page = written("html", cf.Answer.from_json(golden / "top_countries.json", question="<which?>").to_arrow())
    assert "<title>&lt;which?&gt;</title>" in page.decode()
    assert "<caption>&lt;which?&gt;</caption>" in page.decode()

    without = cf.Answer.from_json(golden / "top_countries.json").to_arrow()
    table = pa.table({"n": [1, None], "<t>": ["<script>&\r\n$x$", "\x1b[2J\u202e"]})
    for page in (written("html", without), written("html", table)):
        assert "<title>Answer</title>" in page.decode()
        assert "<caption>" not in page.decode()
    assert page.decode().partition("<table>\n")[2] == (
        '<thead><tr><th class="number">n</th><th class="other">&lt;t&gt;</th></tr></thead>\n'
        "<tbody>\n"
        '<tr><td class="number">1</td><td class="other">&lt;script&gt;&amp;\n&#36;x&#36;</td></tr>\n'
        '<tr><td class="number null">null</td><td class="other">\\x1b[2J\\u202e</td></tr>\n'
        "</tbody>\n</table>\n</body>\n</html>\n"
    )


def test_html_loads_nothing() -> None:
    """Not even if a value were not escaped: the policy of the page forbids it."""
    page = written("html", pa.table({"a": ["x"]})).decode()

    assert "Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"" in page
    assert not re.search(r"<script|<link|<img|src=|href=|url\(|http:", page)


def test_arrow_and_parquet_keep_the_metadata(golden: Path) -> None:
    """Parquet has checksums too: a flipped bit is an error instead of another value."""
    answer = cf.Answer.from_json(golden / "top_countries.json", question="which?")
    content = bytearray(written("parquet", answer.to_arrow()))
    assert cf.metadata(pq.read_table(io.BytesIO(content))) == answer.metadata
    assert cf.metadata(pa.ipc.open_file(written("arrow", answer.to_arrow())).read_all()) == answer.metadata

    at = content.index(b"Germany")
    content[at] ^= 1
    with pytest.raises(OSError, match="CRC checksum"):
        pq.read_table(io.BytesIO(content), page_checksum_verification=True)


def test_names_are_quoted_too() -> None:
    """With quotes, commas and line breaks in them; columns are in the order of the table."""
    table = pa.table({'b"c,\nd': [1, 2], "a": ["x", None]})

    assert written("csv", table) == b'"b""c,\nd","a"\n1,"x"\n2,\n'
    assert written("json", table) == b'[{"b\\"c,\\nd":1,"a":"x"},{"b\\"c,\\nd":2,"a":null}]\n'


def test_a_column_in_several_pieces() -> None:
    """Chunks make no difference."""
    column = pa.chunked_array([pa.array([timedelta(1)]), pa.array([None, timedelta(2)], pa.duration("us"))])

    assert texts(column).to_pylist() == ["PT86400S", None, "PT172800S"]
