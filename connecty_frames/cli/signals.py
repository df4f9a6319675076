"""Signals that end a command, as Ctrl-C does: what is known of a question is printed first.

The handlers belong to the program; a library leaves the signals of its process alone. A signal that is
ignored, as SIGHUP is under ``nohup``, stays ignored.
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

__all__ = ["ending_on_signals"]

#: The signals that end a command; not every system has all of them.
_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP")
#: Seconds after a signal in which another one changes nothing, so that the message is printed whole.
_GRACE: Final = 1.0
#: Seconds until a signal that Python lost is raised again.
_AGAIN: Final = 0.05


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt on a signal, and exit with 128 + signal whatever error or exit code follows.

    A block that ends well in spite of a signal exits with 0, as a server does that was told to stop.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in numbers}
    before = {number: old for number, old in handlers.items() if old not in (signal.SIG_IGN, None)}
    hook = sys.unraisablehook
    ending = _Ending()
    try:
        sys.unraisablehook = ending.unraisable
        for number in before:
            signal.signal(number, ending.handle)
        yield
    except BaseException as error:
        if ending.number is None or (isinstance(error, SystemExit) and not error.code):
            raise
        _drop_frames(error)
        sys.exit(128 + ending.number)
    finally:
        ending.close()
        for number, old in before.items():
            # After a signal, a further one ends the process by itself, also while Python ends, where an
            # interrupt would be printed.
            signal.signal(number, old if ending.number is None else signal.SIG_DFL)
        sys.unraisablehook = hook


def _drop_frames(error: BaseException | None) -> None:
    """Let go of what an interrupt left half made, while complaints of its finalizers are still kept quiet."""
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


class _Ending:
    """What the handlers share: the first signal that came."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._quiet_until = -math.inf
        self._closed = False
        self._hook = sys.unraisablehook
        self._timer: threading.Timer | None = None

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Interrupt the main thread, unless it was interrupted a moment ago."""
        if self.number is None:
            self.number = number
        now = time.monotonic()
        if now >= self._quiet_until and not self._closed:
            self._quiet_until = now + _GRACE
            raise KeyboardInterrupt

    def unraisable(self, lost: sys.UnraisableHookArgs) -> None:
        """Interrupt again where Python dropped it, as it does in what the garbage collector calls.

        Other errors in finalizers are not shown after a signal: they are of objects that it left half made.
        """
        if self.number is None:
            self._hook(lost)
        elif isinstance(lost.exc_value, KeyboardInterrupt):
            timer = threading.Timer(_AGAIN, self._interrupt)
            timer.daemon = True
            timer.start()
            self._timer = timer

    def _interrupt(self) -> None:
        self._quiet_until = -math.inf
        number = self.number or signal.SIGINT
        if sys.platform == "win32":
            signal.raise_signal(number)
        else:  # so that it also ends what the main thread waits for
            signal.pthread_kill(threading.main_thread().ident or 0, number)

    def close(self) -> None:
        """Interrupt no more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
