"""What is written to a terminal and to a pipe, within the process of the tests."""

import errno
import io
import re
import sys
from contextlib import nullcontext, suppress
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest

from connecty_frames.cli.connection import complete_profile
from connecty_frames.cli.io import _ClosedStream, echo_stderr, standard_streams, wrapped
from connecty_frames.cli.output import _statistics, open_output, write_batches, write_table
from connecty_frames.errors import ConfigError
from tests.cases import cases
from tests.servers.scripted import QUESTION_ID, Script

ROWS = pa.table({"x": ["a\x1b[2Jb", None]})


class Stream(io.TextIOWrapper):
    def __init__(self, *, is_terminal: bool = False, encoding: str = "utf-8", errors: str = "strict") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors=errors)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize(
    ("is_terminal", "written"),
    [(True, '"x"\n"a\\x1b[2Jb"\n\n'), (False, '"x"\n"a\x1b[2Jb"\n\n')],
    ids=["terminal", "pipe"],
)
def test_rows_that_are_written_as_they_come(
    monkeypatch: pytest.MonkeyPatch, written: str, *, is_terminal: bool
) -> None:
    """A terminal gets no control characters, a pipe gets the values."""
    stream = Stream(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stdout", stream)
    write_batches(ROWS.to_reader(), "csv", stream.buffer)
    assert stream.buffer.getvalue().decode() == written


def test_the_streams_of_a_command_keep_their_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what they write in place of other characters."""
    output, error = Stream(encoding="latin-1", errors="replace"), Stream(encoding="ascii", errors="ignore")
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", error)
    with suppress(SystemExit), standard_streams():
        sys.stdout.write("é☃")
        sys.stderr.write("é!")
    assert output.buffer.getvalue() == b"\xe9?"
    assert error.buffer.getvalue() == b"!"


class Full(io.RawIOBase):
    def writable(self) -> bool:
        return True

    def write(self, _: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(("code", "expected"), [(0, 1), (7, 1), (129, 129), (130, 130), (143, 143)])
def test_a_failure_to_write_decides_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int, expected: int
) -> None:
    """Unless a signal ended the command."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(Full())))
    with pytest.raises(SystemExit) as ended, standard_streams():
        sys.exit(sys.stdout.write("data") and code)
    assert ended.value.code == expected
    assert capsys.readouterr().err == "OSError: [Errno 28] No space left on device\n"


def test_a_table_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file, also if it comes with the last bytes."""
    failed = OSError(errno.ENOSPC, "No space left on device")
    full = mock.Mock(flush=mock.Mock(side_effect=failed))
    monkeypatch.setattr("connecty_frames.cli.output.open_output", lambda *_: nullcontext(full))
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_table(ROWS, "text", Path("a.csv"))
    assert caught.value.filename == "a.csv"


@cases(
    ("name", "files", "begins"),
    [
        ("table", ["a"], "┏━━━".encode()),
        ("text", ["a.txt"], "┏━━━".encode()),
        ("csv", ["a.csv"], b'"n"\n2\n'),
        ("csv.gz", ["a.csv.gz"], b"\x1f\x8b"),
        ("tsv", ["a.TSV"], b'"n"\n2\n'),
        ("json", ["a.JSON"], b'[{"n":2'),
        ("ndjson", ["a.ndjson"], b'{"n":2}\n'),
        ("jsonl", ["a.jsonl"], b'{"n":2}\n'),
        ("parquet", ["a.parquet"], b"PAR1"),
        ("arrow", ["a.arrow", "a.feather"], b"ARROW1"),
        ("markdown", ["a.md"], b"| n"),
        ("html", ["a.html"], b"<!DOCTYPE html>"),
        ("xlsx", ["a.xlsx"], b"PK"),
        ("CSV", [], b'"n"\n2\n'),
    ],
)
def test_the_formats(ask_server: Any, tmp_path: Path, name: str, files: list[str], begins: bytes) -> None:
    """Each by its name, in any case, or else by the suffix of the file."""
    done = ask_server("why?", "--quiet", "--format", name)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(begins), done.stdout[:40]
    for file in files:
        assert ask_server("why?", "--output", str(tmp_path / file)).returncode == 0
        assert (tmp_path / file).read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("length", "ends"), [(10_000, ""), (10_001, "… (1 more character)\n(--summary writes all of it.)")]
)
def test_a_long_text_is_cut(ask_server: Any, shell: Any, server: Script, length: int, ends: str) -> None:
    """Beside data; alone it is whole."""
    results = {"dataframe": [["n"], [1]], "response_summary": "a" * length, "sql_query": "b" * length}
    server.on("results", server.completed(**results))
    err = shell.after_acceptance(ask_server("why?").stderr.decode())
    of_sql = re.escape(ends.replace("summary", "sql"))
    assert re.fullmatch(rf"a+{re.escape(ends)}\n\nb+{of_sql}\n\n1 row; question_id {QUESTION_ID}\n", err)
    assert ask_server("why?", "--summary").stdout.decode() == "a" * length + "\n"
    assert ask_server("why?", "--sql").stdout.decode() == "b" * length + "\n"


def test_only_a_table_on_a_terminal_is_cut(ask_server: Any, server: Script, tmp_path: Path) -> None:
    """COLUMNS gives the pipe a width; text and files have whole values."""
    long, file = "a" * 300, tmp_path / "a"
    results = {"dataframe": [["x"], [long]]}
    server.on("results", server.completed(**results))
    found = {
        format_: long in ask_server("why?", "--format", format_).stdout.decode()
        for format_ in ("table", "text")
    }
    ask_server("why?", "-o", str(file))
    assert found == {"table": False, "text": True}
    assert long in file.read_text()


def test_metadata_of_data_that_cannot_be_written(
    ask_server: Any, shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were paid for, so the summary and the size are printed before the error."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("connecty_frames.cli.ask.write_answer", fail)
    path = str(tmp_path / "a.csv")
    for options, named in ((["-o", path], f": '{path}'"), (["-o", "-"], ""), ([], "")):
        code, out, err = shell.text(ask_server("why?", *options))

        assert (code, out) == (1, "")
        assert shell.after_acceptance(err) == (
            f"Two rows.\n\nSELECT n\n\n2 rows; question_id {QUESTION_ID}\n"
            f"OSError: [Errno 28] No space left on device{named}\n"
        )


def test_an_id_that_ends_with_the_command(ask_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a question to the command's own sandbox is not printed."""
    for module in ("ask", "connection"):
        monkeypatch.setattr(f"connecty_frames.cli.{module}.is_temporary", lambda _: True)
    err = ask_server("why?").stderr.decode()
    assert err == "Two rows.\n\nSELECT n\n\n2 rows\n"


def test_an_interrupt_while_data_is_written(
    ask_server: Any, shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not written yet is dropped, since the reader may wait for nothing more."""

    def interrupt(*arguments: Any) -> None:
        arguments[-1].write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("connecty_frames.cli.ask.write_answer", interrupt)
    code, out, err = shell.text(ask_server("why?", "--format", "csv"))
    assert (code, out) == (130, "")
    assert shell.after_acceptance(shell.after_acceptance(err).removeprefix("\n")) == ""  # it says so again


def test_a_pipe_whose_reader_has_gone(ask_server: Any, shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No error is printed, as of a command that SIGPIPE ends."""
    monkeypatch.setattr("connecty_frames.cli.ask.write_answer", mock.Mock(side_effect=BrokenPipeError))
    code, out, err = shell.text(ask_server("why?", "--quiet"))
    assert (code, out, err) == (141, "", "")


@pytest.mark.parametrize(
    ("columns", "is_terminal", "wraps", "lines"),
    [
        ("20", True, True, ["The data workspace", "was not found."]),
        ("", True, True, ["The data", "workspace", "was not", "found."]),  # those of the terminal
        ("0", True, True, ["The data workspace was not found."]),  # 80
        ("20", True, False, ["The data workspace was not found."]),
        ("20", False, True, ["The data workspace was not found."]),
    ],
)
def test_the_width_of_messages(
    monkeypatch: pytest.MonkeyPatch, columns: str, lines: list[str], *, is_terminal: bool, wraps: bool
) -> None:
    """That of COLUMNS, else of the terminal; a log gets whole lines."""
    stream = Stream(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(stream, "fileno", lambda: 2, raising=False)
    monkeypatch.setattr("os.get_terminal_size", lambda _: SimpleNamespace(columns=10))
    monkeypatch.setenv("COLUMNS", columns)
    echo_stderr("The data workspace was not found.", wraps=wraps)
    assert stream.buffer.getvalue().decode().splitlines() == lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("aaa bbb ccc", ["aaa bbb", "ccc"]),
        ("aaaaaaaaaaaa b-b-b-b-b-b", ["aaaaaaaaaaaa", "b-b-b-b-b-b"]),
        ("aaa\n\nbbb ccc ddd", ["aaa", "", "bbb ccc", "ddd"]),
        ("aaa\n  bbb", ["aaa", "  bbb"]),
        ("run `connecty ask` now", ["run", "`connecty ask`", "now"]),
        (
            "run connecty ask --dw-id 13 --profile 'a b' x",
            ["run", "connecty ask --dw-id 13 --profile 'a b'", "x"],
        ),
        ("call cf.fetch(1, 2) now", ["call", "cf.fetch(1, 2)", "now"]),
        ("in /Application Support/a b", ["in", "/Application Support/a", "b"]),
    ],
)
def test_where_messages_are_wrapped(text: str, lines: list[str]) -> None:
    """Between words, but not in what is copied: commands, calls and paths."""
    assert wrapped(text, 8).split("\n") == lines


@pytest.mark.parametrize(
    ("format_", "is_terminal", "message"),
    [
        ("csv", True, None),
        ("parquet", False, None),
        *(
            (name, True, f"{name} cannot be written to a terminal")
            for name in ("csv.gz", "parquet", "arrow", "xlsx")
        ),
    ],
)
def test_what_a_terminal_takes(
    monkeypatch: pytest.MonkeyPatch, format_: Any, message: str | None, *, is_terminal: bool
) -> None:
    """Text, and a pipe all formats."""
    stream = Stream(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stdout", stream)
    expected = nullcontext() if message is None else pytest.raises(ConfigError, match=message)
    with expected, open_output(None, format_) as file:
        assert file is stream.buffer


def test_no_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error before anything is asked, and where something is written nevertheless."""
    with monkeypatch.context() as closed:
        closed.setattr(sys, "__stdout__", None)
        with (
            pytest.raises(ConfigError, match="Standard output is closed: give --output FILE"),
            open_output(None, "csv"),
        ):
            pass
        with pytest.raises(OSError, match="Standard output is closed") as caught:
            _ClosedStream().write(b"")
    assert caught.value.errno == errno.EBADF


def test_names_of_profiles_are_completed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By their beginning; a file that cannot be read completes nothing."""
    (tmp_path / "config.toml").write_text("[default]\n[staging]\n[stage]\n")
    monkeypatch.setenv("CONNECTY_CONFIG", str(tmp_path / "config.toml"))
    assert complete_profile("st") == ["staging", "stage"]
    (tmp_path / "config.toml").write_text("[")
    assert complete_profile("st") == []


def test_statistics_have_all_digits() -> None:
    """At any depth; what is not a number stays."""
    found = _statistics({"n": {"sum": 10**30, "tops": [10**20, True, None, "x"], "mean": Decimal("1.10")}})
    assert "".join(found.split()) == (
        '{"n":{"sum":1000000000000000000000000000000,"tops":[100000000000000000000,true,null,"x"],"mean":1.10}}'
    )


@pytest.mark.parametrize(("options", "rows"), [([], "1000"), (["--max-rows", "7"], "7")])
def test_how_many_rows_are_fetched(ask_server: Any, server: Script, options: list[str], rows: str) -> None:
    """A thousand by default."""
    ask_server("why?", *options)
    assert server.requests[-1].target.rpartition("&max_rows=")[2] == rows
