"""Which process recorded a question, and whether it still runs."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["ProcessIdentity"]

#: The state and the start time in ``/proc/PID/stat``, counted after the name of the program (proc(5)).
_STATE: Final = 0
_START: Final = 19
#: The states of a process that has ended and waits for its parent.
_ENDED: Final = frozenset("ZX")


class ProcessIdentity(NamedTuple):
    """A process, also after its number was given to another one.

    Parameters
    ----------
    host
        The name of the machine and, where there are such, the space of numbers: containers may share a name.
    pid
        Its number there.
    started
        The boot of the machine and the ticks from it to the start of the process; empty if the system does
        not tell.
    """

    host: str
    pid: int
    started: str

    @classmethod
    def current(cls) -> ProcessIdentity:
        """Return the identity of this process."""
        return _identity(os.getpid())

    @property
    def is_gone(self) -> bool:
        """Whether the process has ended; False if that cannot be known, as on another host."""
        if not self.started or self.host != _host():
            return False
        try:
            return _started(self.pid) != self.started
        except OSError:  # such as too many open files, which says nothing about it
            return False


@lru_cache(maxsize=1)
def _identity(pid: int) -> ProcessIdentity:
    """Return the identity of this process; its number, since a forked one is another."""
    started = ""
    with suppress(OSError):
        started = _started(pid)
    return ProcessIdentity(_host(), pid, started)


def _host() -> str:
    """Return the name of the machine, and the namespace of processes on Linux."""
    try:
        return f"{platform.node()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _started(pid: int) -> str:
    """Return when a process was started, empty if there is none or the system has no ``/proc``.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    fields = text.rpartition(")")[2].split()  # the name before it may have spaces and parentheses
    return "" if fields[_STATE] in _ENDED else f"{boot} {fields[_START]}"
