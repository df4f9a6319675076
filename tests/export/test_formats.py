"""An Arrow table as a file: every value is read back unchanged, and files are complete or absent."""

from __future__ import annotations

import errno
import fcntl
import gzip
import io
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

import connecty_frames as cf
from connecty_frames import files
from connecty_frames.display.formatting import texts
from connecty_frames.export.formats import STREAMS, WRITERS
from connecty_frames.files import atomic_write, locked_folder
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    """Return a table as the bytes of a file."""
    file = io.BytesIO()
    WRITERS[name](table, file)
    return file.getvalue()


def of(kind: pa.DataType, values: list[Any], name: str = "c") -> pa.Table:
    """Return a table of one column."""
    return pa.table({name: pa.array(values, kind)})


def test_the_formats() -> None:
    """There are ten formats."""
    assert " ".join(WRITERS) == "csv csv.gz tsv ndjson parquet arrow json markdown html xlsx"


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
    """One object per row; finite numbers with all digits, others as text."""
    kind, values, _, expected = CASES[case]

    content = written("json", of(kind, values)).decode()

    assert content.endswith("]\n")
    assert [row["c"] for row in json.loads(content, parse_float=str)] == json.loads(expected, parse_float=str)


@cases("case", CASES)
def test_ndjson(case: str) -> None:
    """The same objects, one per line."""
    kind, values, _, expected = CASES[case]

    content = written("ndjson", of(kind, values)).decode()

    rows = [json.loads(line, parse_float=str)["c"] for line in content.splitlines()]
    assert rows == json.loads(expected, parse_float=str)
    assert content == "" or content.endswith("}\n")


@cases("case", CASES)
def test_arrow(case: str) -> None:
    """Types and values are read back."""
    kind, values, _, _ = CASES[case]
    table = of(kind, values)

    found = pa.ipc.open_file(written("arrow", table)).read_all()

    assert found.schema.types == [kind]
    assert str(found.to_pydict()) == str(table.to_pydict())


def test_arrow_keeps_the_metadata(golden: Path) -> None:
    """In the metadata of the schema."""
    answer = cf.Answer.from_json(golden / "top_countries.json", question="which?")

    found = pa.ipc.open_file(written("arrow", answer.to_arrow())).read_all()

    assert cf.metadata(found) == answer.metadata


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


@cases("case", [case for case in CASES if case != "text views"])
def test_parquet(case: str) -> None:
    """Types and values are read back, but for those that Arrow 17 cannot write."""
    kind, values, _, _ = CASES[case]
    table = of(kind, values)

    found = pq.read_table(io.BytesIO(written("parquet", table)))

    assert found.schema.types == [kind]
    # As text, since NaN is equal to nothing.
    assert str(found.to_pydict()) == str(table.to_pydict())


def test_parquet_keeps_the_metadata_and_checksums(golden: Path) -> None:
    """A flipped bit is an error instead of another value."""
    answer = cf.Answer.from_json(golden / "top_countries.json", question="which?")
    content = bytearray(written("parquet", answer.to_arrow()))
    assert cf.metadata(pq.read_table(io.BytesIO(content))) == answer.metadata

    at = content.index(b"Germany")
    content[at] ^= 1
    with pytest.raises(OSError, match="CRC checksum"):
        pq.read_table(io.BytesIO(content), page_checksum_verification=True)


def test_names_are_quoted_too() -> None:
    """With quotes, commas and line breaks in them."""
    table = of(pa.int64(), [1], 'a"b,c\nd')

    assert written("csv", table) == b'"a""b,c\nd"\n1\n'
    assert written("json", table) == b'[{"a\\"b,c\\nd":1}]\n'


def test_several_columns_and_rows() -> None:
    """In the order of the table."""
    table = pa.table({"b": [1, 2], "a": ["x", None]})

    assert written("csv", table) == b'"b","a"\n1,"x"\n2,\n'
    assert written("json", table) == b'[{"b":1,"a":"x"},{"b":2,"a":null}]\n'


def test_a_column_in_several_pieces() -> None:
    """Chunks make no difference."""
    column = pa.chunked_array([pa.array([timedelta(1)]), pa.array([None, timedelta(2)], pa.duration("us"))])

    assert texts(column).to_pylist() == ["PT86400S", None, "PT172800S"]


# Whole files


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    """Not while it is written; afterwards, no temporary file is left."""
    target = tmp_path / "out.csv"
    with atomic_write(target) as file:
        file.write(b"half")
        assert not target.exists()
        file.write(b" and half")

    assert target.read_bytes() == b"half and half"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, OSError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    """Also at Ctrl-C; no temporary file is left."""
    target = tmp_path / "out.csv"
    target.write_bytes(b"before")

    def fail() -> None:
        with atomic_write(str(target)) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        fail()

    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_an_interrupt_while_the_file_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal right after the file is created: KeyboardInterrupt, and no file is left."""
    target = tmp_path / "out.csv"
    target.write_bytes(b"before")

    def interrupted(path: Path, mode: str, **_: object) -> BinaryIO:
        path.open(mode).close()
        assert len(list(tmp_path.iterdir())) == 2
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files, "open", interrupted, raising=False)
        with pytest.raises(KeyboardInterrupt), atomic_write(target):
            pytest.fail("the file was not opened")

    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"before"


def test_the_mode_of_a_file(tmp_path: Path) -> None:
    """A new file has that of the umask; an existing one keeps its mode."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"")
    old.chmod(0o640)
    before = os.umask(0o022)
    try:
        for target in (old, new):
            with atomic_write(target) as file:
                file.write(b"x")
    finally:
        os.umask(before)

    assert stat.S_IMODE(new.stat().st_mode) == 0o644
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert old.read_bytes() == b"x"


def test_a_file_that_is_removed_before_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one is written nevertheless."""
    target, copymode = tmp_path / "out.csv", shutil.copymode
    target.write_bytes(b"old")

    def too_late(source: Path, copy: Path) -> None:
        source.unlink()
        copymode(source, copy)

    monkeypatch.setattr(shutil, "copymode", too_late)
    with atomic_write(target) as file:
        file.write(b"new")

    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """Its target is replaced."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"before")
    link.symlink_to("target")

    with atomic_write(link) as file:
        file.write(b"after")

    assert link.is_symlink()
    assert target.read_bytes() == b"after"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """Neither a pipe nor a device is replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()

    with atomic_write(pipe) as file:
        file.write(b"through")

    reader.join(10)
    assert received == [b"through"]
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["n" * 250, "\u4e2d" * 83], ids=["letters", "Chinese"])
def test_a_long_name(name: str, tmp_path: Path) -> None:
    """The longest that the system allows: 255 bytes, also of multi-byte characters."""
    target = tmp_path / name
    with atomic_write(target) as file:
        file.write(b"x")

    assert target.read_bytes() == b"x"


@pytest.mark.parametrize(
    ("path", "error"),
    [("nope/out.csv", FileNotFoundError), (".", IsADirectoryError), ("file/x", NotADirectoryError)],
)
def test_an_error_names_the_path(tmp_path: Path, path: str, error: type[OSError]) -> None:
    """As given, before anything is written."""
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(error) as raised, atomic_write(tmp_path / path):
        pytest.fail("there is nothing to write to")

    assert raised.value.filename == str(tmp_path / path)


@cases("path", ["a\0b", "\ud800", b"bytes", 5, None])
def test_an_invalid_path(path: Any, golden: Path) -> None:
    """A ConfigError instead of an error of Python about bytes or types."""
    answer = cf.Answer.from_json(golden / "top_countries.json")
    frame = answer.to_polars()

    for use in (answer.to_json, frame.connecty.to_parquet, cf.read_parquet):
        with pytest.raises(cf.ConfigError, match=r"^path: expected a path") as raised:
            use(path)
        assert raised.value.setting == "path"
    if not isinstance(path, bytes):  # which is a response itself
        with pytest.raises(cf.ConfigError, match=r"^source(: expected a path| is of type )"):
            cf.Answer.from_json(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["pipe", "/dev/zero"])
@pytest.mark.parametrize("read", [cf.read_parquet, cf.Answer.from_json])
def test_only_a_regular_file_is_read(read: Callable[[Path], Any], kind: str, tmp_path: Path) -> None:
    """Opening a pipe would block, and reading a device would never end."""
    path = tmp_path / "pipe" if kind == "pipe" else Path(kind)
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError, match="Not a regular file"):
        read(path)


# What writers that were killed leave

#: Writes half a file, says so and waits.
HALF = """
import sys, time
from connecty_frames.files import atomic_write
with atomic_write(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    print("half", flush=True)
    sys.stdin.read()
    file.write(b" and half")
"""


@contextmanager
def writer(target: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start another process that has written half of a file."""
    command = [sys.executable, "-c", HALF, str(target)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(os.name == "nt", reason="on Windows they stay")
def test_files_of_killed_writers_are_removed(tmp_path: Path) -> None:
    """By the next writer; those of a running writer are kept."""
    target = tmp_path / "out.csv"
    with writer(target) as living:
        with writer(target) as killed:
            killed.send_signal(signal.SIGKILL)
            killed.wait(10)
        assert len(list(tmp_path.iterdir())) == 2

        with atomic_write(target) as file:
            file.write(b"mine")
        assert len(list(tmp_path.iterdir())) == 2
        assert target.read_bytes() == b"mine"

        assert living.stdin is not None
        living.stdin.close()
        assert living.wait(10) == 0

    assert target.read_bytes() == b"half and half"
    assert list(tmp_path.iterdir()) == [target]


def test_other_files_are_kept(tmp_path: Path) -> None:
    """Files of other names or targets, links, folders and pipes."""
    for name in (".out.csv.0123456z.part", ".other.csv.01234567.part", "out.csv.01234567.part", "outXcsv"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".out.csv.00000001.part").symlink_to(tmp_path / "outXcsv")
    (tmp_path / ".out.csv.00000002.part").mkdir()
    os.mkfifo(tmp_path / ".out.csv.00000003.part")
    (tmp_path / ".outXcsv.00000004.part").write_bytes(b"")
    before = set(tmp_path.iterdir())
    abandoned = tmp_path / ".out.csv.89abcdef.part"
    abandoned.write_bytes(b"half")

    with atomic_write(tmp_path / "out.csv") as file:
        file.write(b"x")

    assert set(tmp_path.iterdir()) == {*before, tmp_path / "out.csv"}


def test_many_writers_to_one_file(tmp_path: Path) -> None:
    """Each writes a complete file, none removes that of another, and no temporary file is left."""
    target = tmp_path / "out.csv"
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for _ in range(50):
                with atomic_write(target) as file:
                    file.write(bytes([number]) * 100)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert list(tmp_path.iterdir()) == [target]
    assert len(target.read_bytes()) == 100


def test_a_temporary_file_removed_by_another_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it was locked, it looks abandoned; another one is made."""
    target = tmp_path / "out.csv"
    lock = fcntl.flock
    taken: list[Path] = []

    def too_late(file: int, operation: int) -> None:
        if not taken:
            taken.extend(tmp_path.iterdir())
            taken[0].unlink()
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", too_late)
    with atomic_write(target) as file:
        file.write(b"x")

    assert len(taken) == 1
    assert target.read_bytes() == b"x"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12 warns of threads
def test_a_process_that_is_forked_while_a_folder_is_locked(tmp_path: Path) -> None:
    """It does not keep the lock, however long it runs."""
    reading, writing = os.pipe()
    with locked_folder(tmp_path):
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    try:
        folder = os.open(tmp_path, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(folder)
    finally:
        os.close(writing)  # which ends the child
        os.waitpid(child, 0)
        os.close(reading)


def test_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be opened, and so not be locked, but files in it can be written."""

    def refuse(*_: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        with locked_folder(tmp_path):
            reached = True
    assert reached


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are written nevertheless, and temporary files are not removed."""
    abandoned = tmp_path / ".out.csv.89abcdef.part"
    abandoned.write_bytes(b"half")

    def refuse(_file: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with atomic_write(tmp_path / "out.csv") as file:
        file.write(b"x")

    assert set(tmp_path.iterdir()) == {abandoned, tmp_path / "out.csv"}
