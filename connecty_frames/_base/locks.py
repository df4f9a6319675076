"""Locks of open files and folders, for other processes and other callers in this one; Windows has none."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def locked(
    open_descriptor: Callable[[], int], wait: Callable[[], object] | None = None
) -> Iterator[int | None]:
    """Open and lock a file or folder; yield its descriptor, or None on Windows or if it cannot be opened."""
    # While another caller has the lock, ``wait`` is called again and again; without it, the system waits.
    descriptor = None
    with suppress(OSError):
        descriptor = None if sys.platform == "win32" else open_descriptor()
    if descriptor is None:
        yield None
        return
    try:
        while not _is_locked_or_cannot_be(descriptor, blocks=wait is None):
            if wait is not None:
                wait()
        yield descriptor
    finally:
        # Closing is not enough: a process forked meanwhile by another thread would keep the lock.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _is_locked_or_cannot_be(descriptor: int, *, blocks: bool) -> bool:
    try:
        return lock(descriptor, blocks=blocks)
    except OSError:  # a file system without locks
        return True


def lock(descriptor: int, *, blocks: bool) -> bool:
    """Lock a descriptor; False if another caller has the lock, OSError if it cannot be locked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if blocks else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
