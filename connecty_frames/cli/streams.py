"""Standard output, and standard error with its messages; a failure to write decides the exit code.

Python flushes both when it exits. After a failure then, the process exits with 120, and for standard output
Python writes "Exception ignored" and a traceback. So both are flushed before, and a stream that failed once
discards what follows.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import typer

from connecty_frames._base.text import terminal
from connecty_frames.cli.exit_codes import BROKEN_PIPE, SIGNAL_CODES
from connecty_frames.errors import ConnectyError, ConnectyWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import ReadableBuffer
    from rich.console import Console


@contextmanager
def standard_streams() -> Iterator[None]:
    """Replace the standard streams while a command runs, and exit with its code."""
    # If standard output could not be written, the code is 141 if its reader closed the pipe, else 1 after one
    # line on standard error. A failure to write standard error does not change the code, which is what
    # scripts rely on.
    before = sys.stdout, sys.stderr
    output = _Output(_raw(sys.stdout, 1))
    sys.stdout = _text(sys.stdout, output)
    sys.stderr = _text(sys.stderr, _ErrorOutput(_raw(sys.stderr, 2)))
    code: str | int | None = 0
    try:
        try:
            yield
        finally:
            _flush()
            sys.stdout, sys.stderr = before
    except SystemExit as ended:
        code = ended.code
    if output.failure is not None and code not in SIGNAL_CODES:
        # Not the code of the command: click exits with 1 if a pipe is closed.
        code = BROKEN_PIPE if isinstance(output.failure, BrokenPipeError) else 1
    sys.exit(code)


def is_stdout_closed() -> bool:
    """Return whether the process was started without standard output, as by ``>&-``."""
    return sys.__stdout__ is None


def stdout_console(*, width: int | None = None) -> Console:
    """Return a console of standard output, as wide as its terminal or COLUMNS; ``width`` if it is neither."""
    from rich.console import Console

    # Rich itself gives a terminal that is dumb 80 columns.
    size = shutil.get_terminal_size()
    is_pipe = width is not None and not sys.stdout.isatty()
    return Console(width=width if is_pipe else size.columns, height=size.lines)


def discard_output() -> None:
    """Write nothing more to standard output, since its reader may never read it."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Output):
        raw.failure = raw.failure or BrokenPipeError(errno.EPIPE, "Standard output has no reader")


def _flush() -> None:
    """Flush standard output and report a failure; earlier failures were reported when they occurred."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except OSError as error:
        echo_stderr(f"OSError: {error}")


class _ClosedStream(io.RawIOBase):
    """A standard stream that the process was started without: each write fails."""

    def write(self, _data: ReadableBuffer, /) -> int | None:
        raise OSError(errno.EBADF, "Standard output is closed")


class _Output(io.RawIOBase):
    """Raises the first failure to write, keeps it, and discards what follows."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self.failure: OSError | None = None
        self._raw = raw

    def write(self, data: ReadableBuffer, /) -> int | None:
        if self.failure is not None:
            return memoryview(data).nbytes
        try:
            return self._raw.write(data)
        except OSError as error:
            self.failure = error
            raise

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw.isatty()

    def fileno(self) -> int:
        return self._raw.fileno()


class _ErrorOutput(_Output):
    """Discards what cannot be written, from the first failure on, and raises nothing."""

    def write(self, data: ReadableBuffer, /) -> int | None:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _raw(stream: TextIO | None, descriptor: int) -> io.RawIOBase:
    """Return the raw stream of a standard stream; if the process has none, one whose writes fail."""
    # The next file or connection that is opened would get the descriptor of a closed stream, and receive what
    # a library or a child process writes there. So a read-only file takes the descriptor.
    if stream is not None:
        buffer: Any = stream.buffer  # under PYTHONUNBUFFERED the raw stream itself
        raw: io.RawIOBase = getattr(buffer, "raw", buffer)
        return raw
    opened = os.open(os.devnull, os.O_RDONLY)
    if opened != descriptor:
        os.dup2(opened, descriptor)
        os.close(opened)
    return _ClosedStream()


def _text(stream: TextIO | None, raw: _Output) -> TextIO:
    """Return a text stream with the encoding of the one that it replaces."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(stream, "encoding", "utf-8"),
        errors=getattr(stream, "errors", "backslashreplace"),
        line_buffering=raw.isatty() or isinstance(raw, _ErrorOutput),
    )


# --- messages on standard error -------------------------------------------------------------------------


def shell_message(error: BaseException) -> str:
    """Return the message of an error or warning, with its hint for the command line."""
    message = str(error)
    if isinstance(error, ConnectyError | ConnectyWarning) and error.shell_hint:
        return message.removesuffix(error.hint) + error.shell_hint
    return message


def echo_stderr(text: str) -> None:
    """Write text for people to standard error."""
    typer.echo(terminal(text, keep="\n\t"), err=True)


def show_warning(message: Warning | str, category: type[Warning], *_: object, **_named: object) -> None:
    """Write a warning as one line, without the line of a script, since a command has none."""
    text = message if isinstance(message, str) else shell_message(message)
    echo_stderr(f"{category.__name__}: {text}")
