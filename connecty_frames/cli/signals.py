"""Signals that end a command, as Ctrl-C does: the id of a question is printed first.

Only the program installs signal handlers; the library does not. A signal that is ignored, as SIGHUP is under
``nohup``, stays ignored.
"""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["exit_on_signals"]

#: The signals that end a command; not every system has all of them.
_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP")
#: Seconds after a signal in which another one has no effect, so that the message is printed completely.
_GRACE: Final = 1.0
#: Seconds after which an interrupt that Python dropped is raised again.
_RETRY_DELAY: Final = 0.05


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt on a signal, and exit with 128 + signal if any error or exit code follows.

    If the block ends without an error after a signal, as a stopped server does, the code is 0.
    """
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
        self._closed = False
        self._hook = sys.unraisablehook
        self._timer: threading.Timer | None = None

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Interrupt the main thread, unless it was interrupted within the last second."""
        if self.number is None:
            self.number = number
        now = time.monotonic()
        if now >= self._quiet_until and not self._closed:
            self._quiet_until = now + _GRACE
            raise KeyboardInterrupt

    def unraisable(self, dropped: sys.UnraisableHookArgs) -> None:
        """Interrupt again if Python dropped the interrupt, as in code called by the garbage collector.

        Other errors in finalizers are not shown after a signal: they come from objects left half made.
        """
        if self.number is None:
            self._hook(dropped)
        elif isinstance(dropped.exc_value, KeyboardInterrupt):
            timer = threading.Timer(_RETRY_DELAY, self._interrupt)
            timer.daemon = True
            timer.start()
            self._timer = timer

    def _interrupt(self) -> None:
        self._quiet_until = -math.inf
        number = self.number or signal.SIGINT
        if sys.platform == "win32":
            signal.raise_signal(number)
        else:  # this also interrupts a system call of the main thread
            signal.pthread_kill(threading.main_thread().ident or 0, number)

    def close(self) -> None:
        """Stop interrupting."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
