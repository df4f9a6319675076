"""Signals that end a command, as Ctrl-C does: the id of a question is printed first.

Only the program installs signal handlers; the library does not. A signal that is ignored, as SIGHUP is under
``nohup``, stays ignored.

An interrupt can be lost. Python drops one that is raised in a finalizer, and without a report in that of a
stream, which runs for each response (``iobase_finalize`` in CPython). And a signal that comes right before a
system call does not end that call. So a thread repeats a signal until the interrupt is on its way out of the
block.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

#: The signals that end a command; not every system has all of them.
_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP")
#: Seconds after a signal in which another one has no effect, so that the message is printed completely.
_GRACE: Final = 1.0
#: Seconds after a signal, and then between checks, in which an interrupt that was lost is noticed.
_CHECK_INTERVAL: Final = 0.1


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt on a signal, and exit with 128 + signal if any error or exit code follows."""
    # If the block ends without an error after a signal, as a stopped server does, the code is 0.
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in numbers}
    before = {number: old for number, old in handlers.items() if old not in (signal.SIG_IGN, None)}
    hook = sys.unraisablehook
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
            # Another signal ends the process at once: while Python exits, a KeyboardInterrupt would be
            # printed.
            signal.signal(number, old if handler.number is None else signal.SIG_DFL)
        sys.unraisablehook = hook


def _clear_tracebacks(error: BaseException | None) -> None:
    """Free objects that an interrupt left half made, while errors in their finalizers are still hidden."""
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


class _SignalHandler:
    """The handler of all signals; it keeps the number of the first one."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._quiet_until = -math.inf
        self._repeated = False
        self._closed = False
        self._stop = threading.Event()
        self._hook = sys.unraisablehook
        self._reader, self._writer = os.pipe()
        self._watcher = threading.Thread(target=self._watch, name="signals", daemon=True)
        self._wakeup = -1

    def start(self) -> None:
        """Start the thread that repeats a signal whose interrupt was lost."""
        self._watcher.start()
        if sys.platform != "win32":
            os.set_blocking(self._writer, False)
            self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Interrupt the main thread, unless it was interrupted within the last second."""
        # A signal that the watching thread repeats interrupts it only if no interrupt is being handled.
        if self.number is None:
            self.number = number
        if sys.platform == "win32":  # elsewhere the system writes it
            os.write(self._writer, bytes([number]))
        repeated, self._repeated = self._repeated, False
        now = time.monotonic()
        lost = repeated and not _is_ending(sys.exception())
        if not self._closed and (lost or (not repeated and now >= self._quiet_until)):
            self._quiet_until = now + _GRACE
            raise KeyboardInterrupt

    def unraisable(self, dropped: sys.UnraisableHookArgs) -> None:
        """Report an error in a finalizer, but none after a signal: it comes from an object left half made."""
        if self.number is None:
            self._hook(dropped)

    def _watch(self) -> None:
        number = os.read(self._reader, 1)[0]
        while not self._stop.wait(_CHECK_INTERVAL):
            self._repeated = True
            if sys.platform == "win32":
                signal.raise_signal(number)
            else:  # this also interrupts a system call of the main thread
                signal.pthread_kill(threading.main_thread().ident or 0, number)

    def close(self) -> None:
        """Stop interrupting."""
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
    """Whether an exception that ends the program is being handled, or was while this one was raised."""
    while isinstance(error, Exception):
        error = error.__context__
    return error is not None
