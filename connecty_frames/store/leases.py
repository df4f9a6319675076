"""Leases: a question counts as being sent while its sender renews its row."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

SECONDS: float = 60.0  # the length of a lease, and the pause between two renewals, in seconds
PAUSE: float = 10.0


def lease_now() -> tuple[int, int]:
    """Return the wall clock and the uptime in microseconds, the same for all processes of a machine."""
    return time.time_ns() // 1000, time.monotonic_ns() // 1000


class Renewals:
    """The rows whose leases this process renews, in one thread that ends when there are none."""

    def __init__(self) -> None:
        #: Reentrant, because the garbage collector may close a history meanwhile.
        self.lock = threading.RLock()
        #: Weak: if nobody holds a row any more, its sender ended without reporting.
        self.held: WeakKeyDictionary[Any, Callable[[Any], None]] = WeakKeyDictionary()
        self._thread: threading.Thread | None = None

    def hold(self, row: object, renew: Callable[[Any], None]) -> None:
        """Call ``renew`` with a row regularly until :meth:`end`."""
        with self.lock:
            self.held[row] = renew
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._renew, name="connecty-leases", daemon=True)
                with suppress(RuntimeError):  # no more threads, as while Python exits: the lease runs out
                    self._thread.start()

    def end(self, row: object) -> None:
        """Stop renewing the lease of a row, because the outcome of its question is known."""
        with self.lock:
            self.held.pop(row, None)

    def _renew(self) -> None:
        while True:
            time.sleep(PAUSE)
            with self.lock:
                held = list(self.held.items())
                if not held:
                    self._thread = None
                    return
            for row, renew in held:
                renew(row)
            del held, row, renew


renewals = Renewals()


def _leave_to_parent() -> None:
    """Renew nothing in a forked child, which sends none of the questions of its parent."""
    global renewals  # noqa: PLW0603 - the lock may be held by a thread of the parent
    renewals = Renewals()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
