"""Standard output and standard error of a process: what cannot be written to them decides its exit code.

Python flushes both when it ends. What fails there is too late for an exit code of ours: the process ends
with 120, and for standard output Python writes "Exception ignored" and a traceback. So both are flushed
before, and a stream that failed once takes what follows without writing it.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from connecty_frames.cli.exit_codes import LEFT, SIGNALLED
from connecty_frames.cli.messages import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import ReadableBuffer

__all__ = ["drop_output", "standard_streams", "stdout_is_closed"]


@contextmanager
def standard_streams() -> Iterator[None]:
    """Run a command on streams that end with it, and exit with its code.

    Standard output that could not be written makes it 141 where its reader left, else 1 after one line on
    standard error. Standard error that could not be written changes no exit code: what a script must know of
    a question is the code itself.
    """
    before = sys.stdout, sys.stderr
    output = _Output(_raw(sys.stdout, 1))
    sys.stdout = _text(sys.stdout, output)
    sys.stderr = _text(sys.stderr, _Messages(_raw(sys.stderr, 2)))
    code: str | int | None = 0
    try:
        try:
            yield
        finally:
            _flush()
            sys.stdout, sys.stderr = before
    except SystemExit as ended:
        code = ended.code
    if output.failure is not None and code not in SIGNALLED:
        # The failure decides, not the code: click ends with 1 where a pipe is closed.
        code = LEFT if isinstance(output.failure, BrokenPipeError) else 1
    sys.exit(code)


def stdout_is_closed() -> bool:
    """Return whether the process was started without standard output, as by ``>&-``."""
    return sys.__stdout__ is None


def drop_output() -> None:
    """Write nothing more to standard output, whose reader may never take it."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Output):
        raw.failure = raw.failure or BrokenPipeError(errno.EPIPE, "Nobody reads standard output")


def _flush() -> None:
    """Write what is left, and tell a failure: of whatever was written before, it has been told."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except OSError as error:
        say(f"OSError: {error}")


class _Closed(io.RawIOBase):
    """Stands for standard output that the process was started without."""

    def write(self, data: ReadableBuffer, /) -> int | None:  # noqa: ARG002 - as raw streams are
        raise OSError(errno.EBADF, "Standard output is closed")


class _Output(io.RawIOBase):
    """Raises the first failure to write, keeps it, and drops what follows."""

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


class _Messages(_Output):
    """Drops what cannot be written, from the first failure on."""

    def write(self, data: ReadableBuffer, /) -> int | None:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _raw(stream: TextIO | None, number: int) -> io.RawIOBase:
    """Return what writes the bytes of a standard stream, or fails to where the process has none.

    The first file or connection that is opened would get the number of a closed stream, and with it whatever
    a library or a child process writes there. So the number is taken, by what cannot be written to.
    """
    if stream is not None:
        buffer: Any = stream.buffer  # is raw itself under PYTHONUNBUFFERED
        raw: io.RawIOBase = getattr(buffer, "raw", buffer)
        return raw
    taken = os.open(os.devnull, os.O_RDONLY)
    if taken != number:
        os.dup2(taken, number)
        os.close(taken)
    return _Closed()


def _text(stream: TextIO | None, raw: _Output) -> TextIO:
    """Return a stream of text, encoded as the one that it stands for."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(stream, "encoding", "utf-8"),
        errors=getattr(stream, "errors", "backslashreplace"),
        line_buffering=raw.isatty() or isinstance(raw, _Messages),
    )
