"""What ends the worker processes, and what does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are POSIX's")

#: A pool with two processes, one busy and one idle. Each of two threads starts one, since none is idle when
#: they begin.
SCRIPT = """
import threading, time
print("the script runs", flush=True)
from connecty_frames._base.clock import SYSTEM_CLOCK
from connecty_frames.sandbox.pool import WorkerPool

worker_pool = WorkerPool(None, timezone="UTC", time_limit=3600, documented_only=False, clock=SYSTEM_CLOCK)
long = "SELECT count(*) FROM range(100000000000) AS t(i) WHERE hash(i) = 0"
running = threading.Thread(target=worker_pool.run, args=[long], daemon=True)
running.start()
worker_pool.run("SELECT 1")
print("ready", flush=True)
"""


def is_alive(pid: int) -> bool:
    """Return whether a process is running: a zombie is not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return not state.stdout.startswith("Z") and state.stdout.strip() != ""


def all_end(pids: set[int]) -> bool:
    """Wait until none of the processes is running; return False if that takes 10 seconds."""
    until = time.monotonic() + 10
    while any(map(is_alive, pids)):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def start(
    tmp_path: Path, children: Callable[..., set[int]]
) -> Callable[..., tuple[subprocess.Popen[str], set[int]]]:
    """Start the script from a file without a ``__main__`` guard; return its process and its workers."""

    def run(rest: str, **options: object) -> tuple[subprocess.Popen[str], set[int]]:
        file = tmp_path / "script.py"
        file.write_text(SCRIPT + rest)
        process = subprocess.Popen(
            [sys.executable, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "the script runs\n"
        assert process.stdout.readline() == "ready\n"
        return process, children(process.pid)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_does_not_outlive_the_sandbox(start: Callable[..., tuple], how: int) -> None:
    """Whichever signal ends the sandbox, both the idle and the busy worker end."""
    process, workers = start("time.sleep(60)")
    with process:
        assert len(workers) == 2
        assert all(map(is_alive, workers))
        process.send_signal(how)

    assert all_end(workers)


@pytest.mark.slow
def test_the_script_is_not_run_again(start: Callable[..., tuple]) -> None:
    """A script without a guard, as in a notebook, runs once; its exit without closing ends the workers."""
    process, workers = start("input()")
    with process:
        rest, _ = process.communicate(input="\n", timeout=20)

    assert rest == ""
    assert len(workers) == 2
    assert all_end(workers)


def ignores_ctrl_c(pid: int) -> bool:
    """Whether a process has come so far that it ignores SIGINT."""
    status = Path(f"/proc/{pid}/status").read_text()
    (ignored,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(ignored, 16) & 1 << signal.SIGINT - 1)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="ignored signals are looked up in /proc")
def test_ctrl_c_in_the_terminal_does_not_end_workers(start: Callable[..., tuple]) -> None:
    """The whole process group gets the signal; the workers continue until the sandbox ends."""
    process, workers = start(
        "try:\n    print('sleeping', flush=True)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('interrupted', flush=True)\n    input()\n",
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "sleeping\n"
        while not all(map(ignores_ctrl_c, workers)):  # the busy one may still be starting
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        for worker in workers:
            os.kill(worker, signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        time.sleep(0.3)
        assert list(map(is_alive, workers)) == [True, True]
        process.communicate(input="\n", timeout=20)

    assert all_end(workers)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are looked up in /proc")
def test_it_has_no_open_file_of_the_sandbox(start: Callable[..., tuple]) -> None:
    """It has its pipes alone: no socket and no file of the process that started it."""
    process, workers = start("time.sleep(60)")
    with process:
        for worker in workers:
            opened = {str(file.readlink()) for file in Path(f"/proc/{worker}/fd").iterdir()}
            assert {name.partition(":")[0] for name in opened} <= {"pipe", "/dev/null"}
        process.kill()


@pytest.mark.slow
def test_a_file_of_the_folder_is_not_taken_for_a_module(tmp_path: Path) -> None:
    """The current directory is not on the path: a file there with the name of a module is not imported."""
    for name in ("duckdb.py", "queue.py", "msgspec.py"):
        (tmp_path / name).write_text("raise SystemExit('wrong module')")
    script = (
        "import sys; sys.path[:] = [path for path in sys.path if path]\n"
        + SCRIPT
        # A thread that writes an error during shutdown may abort Python.
        + "threading.excepthook = print; worker_pool.stop(); running.join(); worker_pool.close()"
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
