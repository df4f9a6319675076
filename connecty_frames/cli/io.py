"""Messages, exit codes, standard streams and signals of a command.

Python flushes both streams when it exits. After a failure then, the process exits with 120, and for standard
output Python writes "Exception ignored" and a traceback. So both are flushed before, and a stream that failed
once discards what follows.

Only the program installs signal handlers. A signal that is ignored, as SIGHUP under ``nohup``, stays ignored.

An interrupt can be lost. Python drops one that is raised in a finalizer, and without a report in that of a
stream, which runs for each response (``iobase_finalize`` in CPython). And a signal that comes right before a
system call does not end that call. So a thread repeats a signal until the interrupt leaves the block.
"""

from __future__ import annotations

import errno
import io
import math
import os
import re
import shutil
import signal
import sys
import threading
import time
from contextlib import contextmanager
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final, TextIO

import typer

from connecty_frames import errors
from connecty_frames._base.text import terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from _typeshed import ReadableBuffer
    from rich.console import Console

NOT_AS_ASSUMED: Final = 13  # the exit code of ``connecty doctor --ask`` if an assumption did not hold
_NOT_AS_ASSUMED: Final = (NOT_AS_ASSUMED, "an assumption about the service did not hold, with doctor --ask")
BROKEN_PIPE: Final = 141  # the exit code after the reader closed the pipe: 128 + SIGPIPE
SIGNAL_CODES: Final = (129, 130, 143)  # of a command ended by a signal: 128 + SIGHUP, SIGINT or SIGTERM
#: The exit code of each kind of error, and its meaning; the first matching class decides.
_ERRORS: Final[dict[type[BaseException], tuple[int, str]]] = {
    errors.ConfigError: (2, "the command line, a setting or an option is wrong"),
    errors.AuthError: (3, "the credentials were refused"),
    errors.ConnectionFailed: (4, "no connection, or no token; no question was sent"),
    errors.APIError: (5, "the server answered with an error"),
    errors.ResponseError: (6, "the server's response is not what the API promises"),
    errors.QuestionTimeout: (8, "no answer in time; the question may still be running"),
    errors.SubmissionUncertain: (9, "sent, delivery unknown"),
    errors.QuestionLimitError: (14, "the question limit for 24 hours is reached; nothing was sent"),
    errors.QuestionError: (7, "the question failed, or its answer lacks the requested table or part"),
    errors.ConversionError: (10, "a value does not fit its column"),
    errors.TruncatedError: (11, "rows were cut, with --on-truncation raise"),
    errors.PinChanged: (12, "a pinned question has a different answer now"),
    **dict.fromkeys((errors.ConnectyError, OSError), (1, "a file could not be written, or any other error")),
}
EXIT_CODES: Final = {kind: code for kind, (code, _) in _ERRORS.items()}
#: The meaning of each exit code, for ``connecty help exit-codes`` and the documentation.
MEANINGS: Final = {
    0: "success",
    **dict(sorted([*_ERRORS.values(), _NOT_AS_ASSUMED])),
    129: "SIGHUP: the terminal was closed",
    130: "Ctrl-C",
    BROKEN_PIPE: "the reader of the output closed the pipe",
    143: "SIGTERM, for example from timeout or kill",
}
#: Texts kept whole at the end of a line: a command, and a path such as ``Application Support/connecty``.
_COPIED: Final = re.compile(
    r"`[^`\n]*`|pip install \S+|connecty ask(?: --[\w-]+ (?:'[^'\n]*'|\S)+)+|cf\.\w+\([^)\n]*\)"
    r"|\S*/\S*(?: [^\s/]+/\S*)+"
)
#: Stands for a space in it: no break for textwrap, and never in text for a terminal, where it is escaped.
_JOINT: Final = "\0"


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of an error."""
    return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))


def shell_message(error: BaseException | str) -> str:
    """Return the message of an error or warning, with its hint for the command line."""
    message = str(error)
    if isinstance(error, errors.ConnectyError | errors.ConnectyWarning) and error.shell_hint:
        return message.removesuffix(error.hint) + error.shell_hint
    return message


def echo_stderr(text: str, *, wraps: bool = True) -> None:
    """Write text for people to standard error; wrap its lines between words on a terminal."""
    shown = terminal(text, keep="\n\t")
    if wraps and sys.stderr.isatty():
        # Not shutil.get_terminal_size: it looks at standard output.
        columns = os.environ.get("COLUMNS") or os.get_terminal_size(sys.stderr.fileno()).columns
        shown = wrapped(shown, int(columns) or 80)
    typer.echo(shown, err=True)


def wrapped(text: str, width: int) -> str:
    """Wrap lines between words; a text to copy stays on one line."""
    kept = _COPIED.sub(lambda found: found[0].replace(" ", _JOINT), text)
    lines = [
        line
        for long in kept.split("\n")
        for line in wrap(long, width, break_long_words=False, break_on_hyphens=False) or [""]
    ]
    return "\n".join(lines).replace(_JOINT, " ")


def show_warning(message: Warning | str, category: type[Warning], *_: object, **_named: object) -> None:
    """Write a warning as one line, without the line of a script, since a command has none."""
    echo_stderr(f"{category.__name__}: {shell_message(message)}")


@contextmanager
def standard_streams() -> Iterator[None]:
    """Replace the standard streams while a command runs, and exit with its code."""
    # If standard output could not be written, the code is 141 if its reader closed the pipe, else 1 after one
    # line on standard error. A failure to write standard error does not change the code: scripts rely on it.
    before = sys.stdout, sys.stderr
    output = _Output(_raw(sys.stdout, 1), raises=True)
    sys.stdout = _text_stream(sys.stdout, output)
    sys.stderr = _text_stream(sys.stderr, _Output(_raw(sys.stderr, 2), raises=False))
    code: str | int | None = 0
    try:
        try:
            yield
        finally:
            try:
                sys.stdout.flush()
            except BrokenPipeError:
                pass
            except OSError as error:  # earlier failures were reported when they occurred
                echo_stderr(f"OSError: {error}")
            sys.stdout, sys.stderr = before
    except SystemExit as ended:
        code = ended.code
    if output.failure is not None and code not in SIGNAL_CODES:
        # Not the code of the command: click exits with 1 if a pipe is closed.
        code = BROKEN_PIPE if isinstance(output.failure, BrokenPipeError) else 1
    sys.exit(code)


def stdout_console(*, width: int | None = None) -> Console:
    """Return a console of standard output, as wide as its terminal or COLUMNS; ``width`` if it is neither."""
    from rich.console import Console

    # Rich itself gives a dumb terminal 80 columns.
    size = shutil.get_terminal_size()
    is_pipe = width is not None and not sys.stdout.isatty()
    return Console(width=width if is_pipe else size.columns, height=size.lines)


def discard_output() -> None:
    """Write nothing more to standard output, since its reader may never read it."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Output):
        raw.failure = raw.failure or BrokenPipeError(errno.EPIPE, "Standard output has no reader")


class _ClosedStream(io.RawIOBase):
    """A standard stream that the process started without: each write fails."""

    def write(self, data: ReadableBuffer, /) -> int | None:  # noqa: ARG002 - the signature of RawIOBase
        raise OSError(errno.EBADF, "Standard output is closed")


class _Output(io.RawIOBase):
    """Keeps or raises the first failure to write, and discards everything after it."""

    def __init__(self, raw: io.RawIOBase, *, raises: bool) -> None:
        self.failure: OSError | None = None
        self.raises = raises
        self._raw = raw

    def write(self, data: ReadableBuffer, /) -> int | None:
        if self.failure is None:
            try:
                return self._raw.write(data)
            except OSError as error:
                self.failure = error
                if self.raises:
                    raise
        return memoryview(data).nbytes

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw.isatty()

    def fileno(self) -> int:
        return self._raw.fileno()


def _raw(stream: TextIO | None, descriptor: int) -> io.RawIOBase:
    # The next opened file or connection would get the descriptor of a closed stream, and receive the output
    # of libraries and child processes for it. So a read-only file takes the descriptor.
    if stream is not None:
        buffer: Any = stream.buffer  # under PYTHONUNBUFFERED the raw stream itself
        raw: io.RawIOBase = getattr(buffer, "raw", buffer)
        return raw
    opened = os.open(os.devnull, os.O_RDONLY)
    if opened != descriptor:
        os.dup2(opened, descriptor)
        os.close(opened)
    return _ClosedStream()


def _text_stream(stream: TextIO | None, raw: _Output) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(stream, "encoding", "utf-8"),
        errors=getattr(stream, "errors", "backslashreplace"),
        line_buffering=raw.isatty() or not raw.raises,
    )


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt on a signal, and exit with 128 + signal if any error or exit code follows."""
    # If the block ends without an error after a signal, as a stopped server does, the code is 0.
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]  # not on Windows
    handlers = {number: signal.getsignal(number) for number in (getattr(signal, name) for name in names)}
    before = {number: old for number, old in handlers.items() if old not in (signal.SIG_IGN, None)}
    handler = _SignalHandler()
    try:
        sys.unraisablehook = handler.unraisable
        handler.start()
        for number in before:
            signal.signal(number, handler.handle)
        yield
    except BaseException as error:
        if handler.number is None or (isinstance(error, SystemExit) and not error.code):
            raise
        _clear_tracebacks(error)
        sys.exit(128 + handler.number)
    finally:
        handler.close()
        for number, old in before.items():
            # Another signal ends the process at once: a KeyboardInterrupt at exit would be printed.
            signal.signal(number, old if handler.number is None else signal.SIG_DFL)
        sys.unraisablehook = handler.hook


def _clear_tracebacks(error: BaseException | None) -> None:
    """Free objects left half made by an interrupt, while errors in their finalizers are still hidden."""
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


class _SignalHandler:
    def __init__(self) -> None:
        self.number: int | None = None
        self._quiet_until = -math.inf
        self._repeated = False
        self._closed = False
        self._stop = threading.Event()
        self.hook = sys.unraisablehook
        self._interrupted = threading.get_ident()
        self._reader, self._writer = os.pipe()
        self._watcher = threading.Thread(target=self._watch, name="signals", daemon=True)
        self._wakeup = -1

    def start(self) -> None:
        """Start the thread that repeats a signal after a lost interrupt."""
        self._watcher.start()
        if sys.platform != "win32":
            os.set_blocking(self._writer, False)
            self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Interrupt the main thread, unless it was interrupted within the last second."""
        # A repeated signal interrupts it only if no interrupt is being handled.
        if self.number is None:
            self.number = number
        if sys.platform == "win32":  # elsewhere the system writes it
            os.write(self._writer, bytes([number]))
        repeated, self._repeated = self._repeated, False
        now = time.monotonic()
        lost = repeated and not _is_ending(sys.exception())
        if not self._closed and (lost or (not repeated and now >= self._quiet_until)):
            self._quiet_until = now + 1.0  # its message is printed completely first
            raise KeyboardInterrupt

    def unraisable(self, dropped: sys.UnraisableHookArgs) -> None:
        """Report an error in a finalizer, but none after a signal: it comes from an object left half made."""
        if self.number is None:
            self.hook(dropped)

    def _watch(self) -> None:
        number = os.read(self._reader, 1)[0]
        while not self._stop.wait(0.1):
            self._repeated = True
            if sys.platform == "win32":
                signal.raise_signal(number)
            else:  # this also interrupts a system call of the main thread
                signal.pthread_kill(self._interrupted, number)

    def close(self) -> None:
        self._closed = True
        if self._watcher.is_alive():
            if sys.platform != "win32":
                signal.set_wakeup_fd(self._wakeup)
            self._stop.set()
            os.write(self._writer, b"\0")  # if no signal came
            self._watcher.join()
        os.close(self._reader)
        os.close(self._writer)


def _is_ending(error: BaseException | None) -> bool:
    """Return True if this exception, or one it was raised while handling, ends the program."""
    while isinstance(error, Exception):
        error = error.__context__
    return error is not None
