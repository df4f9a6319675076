"""Tests in a forked process, with or without a mutant.

The process is forked from one that has imported the libraries, and not the package, so that each imports the
package anew, the mutant's file by a finder of our own; so do processes of Python that tests start. Nothing is
written into the checkout.
"""

from __future__ import annotations

import importlib
import marshal
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import pytest

from tests.verification.mutate.children.sitecustomize import Finder, Loader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import CodeType

#: Imported once, since a mutant would need a second or two for each of them.
_LIBRARIES: Final = (
    *("duckdb", "hypothesis", "msgspec", "multiprocessing.pool", "numpy", "pandas", "polars"),
    *("pyarrow.compute", "pyarrow.dataset", "pyarrow.parquet", "pydantic", "pytest_socket", "pytest_timeout"),
    *("requests", "rich.console", "starlette.applications", "tomlkit", "typeguard"),
    *("typer", "uvicorn.config", "xml.etree.ElementTree"),
)
_MEMORY: Final = 6 << 30
_LEAST_SECONDS: Final = 60
#: The exit code of tests that imported the module by another finder.
_NO_MUTANT: Final = 99


@dataclass(kw_only=True)
class Trial:
    """Tests to run, one batch after the other until a test fails.

    Parameters
    ----------
    batches
        Tests, each with the seconds that it took without a mutant.
    mutant_code
        The name of a module, and the code to execute for it; None for no mutant.
    seconds
        The processor time that it took.
    """

    batches: list[dict[str, float]]
    mutant_code: tuple[str, CodeType] | None = None
    seconds: float = 0.0


_Given = TypeVar("_Given", bound=Trial)


def preload() -> None:
    """Import the libraries that are installed."""
    for name in _LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(name)


def run_trials(trials: Iterable[_Given], root: Path, workers: int) -> Iterator[tuple[_Given, str | None]]:
    """Run trials, some at once, and return each when it ends, with the test that failed, if any.

    In place of a test stands "import" if none could be run, and "time" if the process had to be ended.
    """
    waiting = iter(trials)
    running: list[_Process[_Given]] = []
    try:
        while True:
            while len(running) < workers and (trial := next(waiting, None)) is not None:
                running.append(_Process(trial, root))
            if not running:
                return
            time.sleep(0.02)
            for process in list(running):
                if process.has_ended():
                    running.remove(process)
                    yield process.trial, process.failed
    finally:
        for process in running:  # after Ctrl-C, which does not reach them
            process.forked.kill()


def run_pytest(root: Path, folder: Path, arguments: Iterable[str], *plugins: object) -> int:
    """Run the fast ones of some tests in this process, and write temporary files into a folder."""
    os.chdir(root)
    sys.path.insert(0, str(root))
    # pytest would import parts of the package by a finder of its own, to rewrite assertions.
    options = ["-q", "--assert=plain", "--tb=short", "-p", "no:cacheprovider", "-p", "no:xdist"]
    marks = ["-m", "not slow and not external", f"--basetemp={folder}/temporary"]
    return int(pytest.main([*options, *marks, *arguments], plugins=list(plugins)))


def hand_to_children(variables: dict[str, str]) -> None:
    """Start all processes with these variables from now on; ``children/sitecustomize.py`` reads them.

    Also those with an environment of their own, and with the values that the variables have then.
    """
    path = [str(Path(__file__).with_name("children")), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables["PYTHONPATH"] = os.pathsep.join(path)
    started: Any = subprocess.Popen.__init__

    def start(process: object, *arguments: Any, env: Mapping[str, str] | None = None, **options: Any) -> None:
        started(process, *arguments, env={**(os.environ if env is None else env), **variables}, **options)

    subprocess.Popen.__init__ = start  # type: ignore[assignment]


class _Process(Generic[_Given]):
    """The process of a trial, a new one for each batch."""

    def __init__(self, trial: _Given, root: Path) -> None:
        self.trial, self._root = trial, root
        self.failed: str | None = None
        self._start()

    def _start(self) -> None:
        self._tests = self.trial.batches.pop(0)
        self.forked = Forked(self._run, _LEAST_SECONDS + 10 * int(sum(self._tests.values())))

    def _run(self, folder: Path) -> int:
        if self.trial.mutant_code is not None:
            sys.meta_path.insert(0, Finder(*self.trial.mutant_code))
            mutant = folder / "mutant"
            mutant.write_bytes(marshal.dumps(self.trial.mutant_code))
            hand_to_children({"MUTATE_MUTANT": str(mutant)})
        files = dict.fromkeys(test.partition("::")[0] for test in self._tests)
        selected = _Selected(list(self._tests), folder / "failed")
        code = run_pytest(self._root, folder, ["-x", *files], selected)
        return code if self._is_mutant() else _NO_MUTANT

    def _is_mutant(self) -> bool:
        """Return whether the module that the tests imported, if they did, is the mutant."""
        module = self.trial.mutant_code and sys.modules.get(self.trial.mutant_code[0])
        return not module or isinstance(module.__loader__, Loader)

    def has_ended(self) -> bool:
        """Return whether the trial has ended; if a batch passed, start the next one."""
        forked = self.forked
        if not forked.has_ended():
            return False
        self.trial.seconds += forked.used
        self.failed = self._failed(forked)
        shutil.rmtree(forked.folder, ignore_errors=True)
        if self.failed is not None or not self.trial.batches:
            return True
        self._start()
        return False

    def _failed(self, forked: Forked) -> str | None:
        if forked.code is None:
            return "time"
        if forked.code == pytest.ExitCode.OK:
            return None
        if forked.code in {pytest.ExitCode.NO_TESTS_COLLECTED, _NO_MUTANT}:
            raise RuntimeError(
                f"The tests were not found, or the mutant was not imported: {list(self._tests)}"
            )
        failed = forked.folder / "failed"
        return failed.read_text(encoding="utf-8") if failed.exists() else "import"


class Forked:
    """A process that runs tests, with a time limit, in a process group and a folder of its own.

    Parameters
    ----------
    run
        What it does: it is given the folder, and returns the exit code.
    seconds
        The limit of its time and of its processor time.

    Attributes
    ----------
    code
        The exit code; None while it runs, and if it was ended.
    used
        The processor time that it took.
    """

    def __init__(self, run: Callable[[Path], int], seconds: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.code: int | None = None
        self.used = 0.0
        self._ended = False
        self._end = time.monotonic() + seconds
        self._pid = os.fork()
        if not self._pid:
            self._run_and_exit(run, seconds)

    def _run_and_exit(self, run: Callable[[Path], int], seconds: int) -> None:
        code = int(pytest.ExitCode.INTERNAL_ERROR)
        try:
            os.setsid()
            output = os.open(self.folder / "output", os.O_WRONLY | os.O_CREAT)
            for descriptor in (1, 2):
                os.dup2(output, descriptor)
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
            code = run(self.folder)
        finally:
            sys.stdout.flush()
            os._exit(code)

    def has_ended(self) -> bool:
        """End it if its time is over, and return whether it has ended."""
        pid, status, used = os.wait4(self._pid, os.WNOHANG)
        if not pid and time.monotonic() < self._end:
            return False
        self.kill()  # also what its tests have started
        if not pid:
            _, status, used = os.wait4(self._pid, 0)
        self._ended = True
        self.used = used.ru_utime + used.ru_stime
        self.code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        return True

    def kill(self) -> None:
        """End its process group, unless it has ended."""
        if not self._ended:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)


class _Selected:
    """A plugin of pytest: run some of the tests, in a given order, and name the first that fails."""

    def __init__(self, tests: Sequence[str], failed: Path) -> None:
        self._order = {test: place for place, test in enumerate(tests)}
        self._failed = failed

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        selected = [item for item in items if item.nodeid in self._order]
        items[:] = sorted(selected, key=lambda item: self._order[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self._failed.exists():
            self._failed.write_text(report.nodeid, encoding="utf-8")
