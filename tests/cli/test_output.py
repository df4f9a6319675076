"""What is written to a terminal and to a pipe, within the process of the tests."""

from __future__ import annotations

import io
import sys

import pyarrow as pa
import pytest

from connecty_frames.cli.output import write_batches

ROWS = pa.table({"x": ["a\x1b[2Jb", None]})


class Stream(io.TextIOWrapper):
    """Standard output in memory, which is a terminal or a pipe."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")
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
