"""The resources of this process: threads, open files and memory."""

import ctypes
import gc
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa

_FILES: Final = Path("/proc/self/fd")
_MEMORY: Final = Path("/proc/self/statm")


class Resources(NamedTuple):
    """The resources that are held while no call is running."""

    threads: list[str]  # the names of Python's threads
    files: list[str]  # the names that Linux gives to open files and sockets; empty on other systems
    memory: int  # resident bytes; 0 on other systems


def measure_resources() -> Resources:
    """Measure after all free memory was returned to the system, so that what remains is in use."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    threads = sorted(thread.name for thread in threading.enumerate())
    if sys.platform != "linux":
        return Resources(threads, [], 0)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # the C library need not be glibc
        trim(0)
    files = []
    for entry in _FILES.iterdir():
        with suppress(FileNotFoundError):  # the directory of the listing itself
            files.append(str(entry.readlink()))
    pages = int(_MEMORY.read_text(encoding="ascii").split()[1])
    return Resources(threads, sorted(files), pages * os.sysconf("SC_PAGE_SIZE"))
