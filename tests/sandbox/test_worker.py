"""The process that runs the queries: what ends it, and what does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are POSIX's")

#: An engine with two processes, one at work and one idle; their ids go to standard output.
SCRIPT = """
import sys, threading, time
print("the script runs", flush=True)
from connecty_frames.clock import SYSTEM_CLOCK
from connecty_frames.sandbox.pool import WorkerPool

engine = WorkerPool(None, timezone="UTC", time_limit=3600, documented_only=False, clock=SYSTEM_CLOCK)
workers = [engine._start(), engine._start()]
engine._idle += workers
long = "SELECT count(*) FROM range(100000000000) AS t(i) WHERE hash(i) = 0"
threading.Thread(target=engine.run, args=[long], daemon=True).start()
while len(engine._idle) > 1:
    time.sleep(0.01)
print(*(worker._process.pid for worker in workers), flush=True)
"""


def is_alive(pid: int) -> bool:
    """Tell whether a process is there, and not merely unburied."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S607
    return not state.stdout.startswith("Z") and state.stdout.strip() != ""


def all_end(pids: list[int]) -> bool:
    """Wait until none of the processes is there."""
    until = time.monotonic() + 10
    while any(map(is_alive, pids)):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., tuple[subprocess.Popen[str], list[int]]]:
    """Start the script from a file without a guard; give its process and those that it started."""

    def run(rest: str, **options: object) -> tuple[subprocess.Popen[str], list[int]]:
        file = tmp_path / "script.py"
        file.write_text(SCRIPT + rest)
        process = subprocess.Popen([sys.executable, str(file)], stdout=subprocess.PIPE, text=True, **options)
        assert process.stdout is not None
        assert process.stdout.readline() == "the script runs\n"
        return process, [int(pid) for pid in process.stdout.readline().split()]

    return run


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_does_not_outlive_the_sandbox(start: Callable[..., tuple], how: int) -> None:
    """However that dies: the idle one and the one in the middle of a query end."""
    process, workers = start("time.sleep(60)")
    with process:
        assert len(workers) == 2
        assert all(map(is_alive, workers))
        process.send_signal(how)

    assert all_end(workers)


def test_the_script_is_not_run_again(start: Callable[..., tuple]) -> None:
    """Though it has no guard, as in a notebook; and an exit without closing leaves nothing either."""
    process, workers = start("")
    with process:
        rest, _ = process.communicate(timeout=20)

    assert rest == ""
    assert all_end(workers)


@pytest.mark.slow
def test_ctrl_c_in_the_terminal_is_the_sandboxs(start: Callable[..., tuple]) -> None:
    """The whole group of processes gets the signal; the workers go on until they are told to end."""
    process, workers = start(
        "try:\n    print('ready', flush=True)\n    while True:\n        time.sleep(0.1)\n"
        "except KeyboardInterrupt:\n"
        "    time.sleep(0.3)\n    print([worker.lives() for worker in workers], flush=True)\n",
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        for worker in workers:
            os.kill(worker, signal.SIGINT)
        rest, _ = process.communicate(timeout=20)

    assert rest == "[True, True]\n"
    assert all_end(workers)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="open files are looked up in /proc")  # noqa: PTH110
def test_it_holds_nothing_of_the_sandbox(start: Callable[..., tuple]) -> None:
    """Its pipes and nothing more: no socket, no file of the process that started it."""
    process, workers = start("time.sleep(60)")
    with process:
        for worker in workers:
            opened = {os.readlink(f"/proc/{worker}/fd/{fd}") for fd in os.listdir(f"/proc/{worker}/fd")}  # noqa: PTH115, PTH208
            assert {name.partition(":")[0] for name in opened} <= {"pipe", "/dev/null"}
        process.kill()


@pytest.mark.slow
def test_a_file_of_the_folder_is_not_taken_for_a_module(tmp_path: Path) -> None:
    """The current directory is not looked into: a file there with a module's name harms nothing."""
    for name in ("duckdb.py", "queue.py", "msgspec.py"):
        (tmp_path / name).write_text("raise SystemExit('not I')")
    script = (
        "import sys; sys.path[:] = [path for path in sys.path if path]\n"
        + SCRIPT
        + "engine.stop(); engine.close()"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "the script runs"), done.stderr
