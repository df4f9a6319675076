"""Whether the process that recorded a question still runs."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from connecty_frames.store.processes import ProcessIdentity

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system has no /proc")


def test_this_process_runs() -> None:
    """So does one of another host, as far as can be known, and one without a start time."""
    current = ProcessIdentity.current()

    assert not current.is_gone
    assert not current._replace(host="elsewhere", started="x 1").is_gone
    assert not current._replace(started="").is_gone


def test_a_number_that_was_given_again() -> None:
    """The start time tells the processes apart, and so do boots of the machine."""
    current = ProcessIdentity.current()
    boot, _, ticks = current.started.partition(" ")

    assert current._replace(started=f"{boot} {int(ticks) + 1}").is_gone
    assert current._replace(started=f"another-boot {ticks}").is_gone


def test_what_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many open files do not make a process that runs one that ended."""
    current = ProcessIdentity.current()

    def read_text(path: Path, **_options: object) -> str:
        raise OSError(errno.EMFILE, "Too many open files", str(path))

    monkeypatch.setattr(Path, "read_text", read_text)
    assert not current.is_gone


def test_a_process_that_ended() -> None:
    """Also before its parent has noticed."""
    code = "from connecty_frames.store.processes import ProcessIdentity as P; print(*P.current(), sep='|')"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    host, pid, started = process.stdout.read().strip().split("|")
    while not (ended := ProcessIdentity(host, int(pid), started).is_gone):
        pass
    process.stdout.close()

    assert ended
    assert process.wait(20) == 0
    assert ProcessIdentity(host, int(pid), started).is_gone
