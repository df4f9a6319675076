"""What a process holds: threads, open files and memory."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa

__all__ = ["Resources", "measure_resources"]

_FILES: Final = Path("/proc/self/fd")
_MEMORY: Final = Path("/proc/self/statm")


class Resources(NamedTuple):
    """What is held at a moment when nothing is under way.

    Parameters
    ----------
    threads
        The names of Python's threads.
    files
        What is open, sockets included, by what the system calls it; empty where it does not tell.
    memory
        Resident bytes; 0 where the system does not tell.
    """

    threads: list[str]
    files: list[str]
    memory: int


def measure_resources() -> Resources:
    """Look, after everything that is free has been given back: what stays then is held by somebody."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    threads = sorted(thread.name for thread in threading.enumerate())
    if sys.platform != "linux":
        return Resources(threads, [], 0)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # the C library need not be glibc
        trim(0)
    pages = int(_MEMORY.read_text(encoding="ascii").split()[1])
    return Resources(threads, sorted(_open_files()), pages * os.sysconf("SC_PAGE_SIZE"))


def _open_files() -> list[str]:
    """Return what is open, but for the listing itself."""
    found = []
    for entry in _FILES.iterdir():
        try:
            found.append(str(entry.readlink()))
        except FileNotFoundError:
            continue
    return found
