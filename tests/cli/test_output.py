"""What is written to a terminal and to a pipe, within the process of the tests."""

from __future__ import annotations

import errno
import io
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from connecty_frames.cli.io import standard_streams
from connecty_frames.cli.output import write_batches
from tests.servers.scripted import QUESTION_ID

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.scripted import Script

ROWS = pa.table({"x": ["a\x1b[2Jb", None]})


class Stream(io.TextIOWrapper):
    """Standard output in memory, which is a terminal or a pipe."""

    def __init__(self, *, is_terminal: bool = False, encoding: str = "utf-8", errors: str = "strict") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors=errors)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
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


@pytest.mark.parametrize(
    ("length", "ends"), [(10_000, ""), (10_001, "… (1 more character)\n(--summary writes all of it.)")]
)
def test_a_long_summary_is_cut(
    shell: Any, server: Script, settings: dict[str, object], length: int, ends: str
) -> None:
    """Beside data; alone it is whole."""
    results = {"dataframe": [["n"], [1]], "response_summary": "a" * length}
    server.on("results", server.answer(200, {"state": "COMPLETED", "results": results}))
    err = shell.after_acceptance(shell.run("ask", "why?", **settings).stderr.decode())

    assert re.fullmatch(rf"a+{re.escape(ends)}\n1 row; question_id {QUESTION_ID}\n", err)
    assert shell.run("ask", "why?", "--summary", **settings).stdout.decode() == "a" * length + "\n"


def test_metadata_of_data_that_cannot_be_written(
    shell: Any, settings: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were paid for, so the summary and the size are printed before the error."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("connecty_frames.cli.ask.write_answer", fail)
    code, out, err = shell.text(shell.run("ask", "why?", "-o", str(tmp_path / "a.csv"), **settings))

    assert (code, out) == (1, "")
    assert shell.after_acceptance(err).startswith(
        f"Two rows.\n\nSELECT n\n\n2 rows; question_id {QUESTION_ID}\nOSError: [Errno 28] No space left"
    )
