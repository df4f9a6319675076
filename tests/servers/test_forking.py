"""A forked process is as a started one: what it finds, how it ends, and which signals reach it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.forking import Forking

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")]

#: Writes what a program can see of its start to the file in its first argument.
FOUND = """
import connecty_frames.cli
import gc, os, signal, sys, threading, time
streams = [sys.stdin, sys.stdout, sys.stderr]
fields = "mode", "encoding", "errors", "line_buffering"
signals = [n for n in signal.valid_signals() if isinstance(n, signal.Signals)]
assert streams == [sys.__stdin__, sys.__stdout__, sys.__stderr__]
found = {
    "streams": [each and [getattr(each, field) for field in fields] for each in streams],
    "descriptors": sorted(os.listdir("/dev/fd")),
    "signals": {number.name: str(signal.getsignal(number)) for number in signals},
    "blocked": signal.pthread_sigmask(signal.SIG_BLOCK, []),
    "arguments": sys.argv[2:],
    "environment": dict(os.environ),
    "zone": time.tzname,
    "folder": os.getcwd(),
    "modules": sys.path,
    "flags": sys.flags,
    "threads": [each.name for each in threading.enumerate()],
    "garbage": (gc.isenabled(), gc.get_threshold()),
    "name": __name__,
    "is main": sys.modules["__main__"].__dict__ is globals(),
}
with open(sys.argv[1], "w") as file:
    print("\\n".join(f"{name}: {value}" for name, value in found.items()), file=file)
"""


@pytest.mark.parametrize(
    "line",
    [
        'exec "$@"',
        'exec "$@" >&-',
        'exec "$@" <&- 2>&-',
        'exec "$@" <&- >&- 2>&-',
        "trap '' HUP; exec \"$@\"",
        "trap '' INT TERM; exec \"$@\"",
        'TZ=Asia/Tokyo exec "$@"',
    ],
)
def test_it_finds_what_a_started_one_finds(forking: Forking, tmp_path: Path, line: str) -> None:
    """Streams, signals, environment and the rest; a shell may have closed a stream or ignore a signal."""
    found = []
    for python in (sys.executable, forking.python):
        file = tmp_path / "found"
        command = ["sh", "-c", line, "sh", python, "-c", FOUND, str(file), "a b", "ü"]
        done = subprocess.run(
            command, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        found.append(file.read_text().splitlines())

    started, forked = found
    assert forked == started
    assert "arguments: ['a b', 'ü']" in forked


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print('a')", (0, "a\n", "")),
        ("import sys; sys.exit(7)", (7, "", "")),
        ("import sys; sys.exit('no')", (1, "", "no\n")),
        ("import atexit; atexit.register(print, 'last'); print('first')", (0, "first\nlast\n", "")),
        ("import os; print('lost'); os.kill(os.getpid(), 9)", (-9, "", "")),
        ("import os; os.kill(os.getpid(), 15)", (-15, "", "")),
    ],
)
def test_it_ends_as_a_started_one(forking: Forking, code: str, expected: tuple[int, str, str]) -> None:
    """Exit code or signal, and what is written at exit."""
    done = subprocess.run([forking.python, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == expected


#: Names the signals that it gets, and ends with the third one.
SIGNALS = """
import signal
numbers = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
print("ready", flush=True)
for _ in range(3):
    print(signal.sigwait(numbers).name, flush=True)
"""


def test_signals_reach_it(forking: Forking) -> None:
    """Those that end a command, in the order in which the program gets them."""
    with subprocess.Popen([forking.python, "-c", SIGNALS], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        for name in ("SIGTERM", "SIGHUP", "SIGINT"):
            running.send_signal(getattr(signal, name))
            assert running.stdout.readline() == f"{name}\n"
    assert running.returncode == 0


def test_it_is_killed_with_the_program(forking: Forking) -> None:
    """Its pipe ends, which it would hold open."""
    code = "import time; print('ready', flush=True); time.sleep(600)"
    with subprocess.Popen([forking.python, "-c", code], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        running.kill()
        assert running.stdout.read() == b""
