"""Which tests execute which lines of the package, and how long each takes, by coverage.py.

The tests are run as those of a mutant are, and one that fails that way is not used.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Final

import coverage
import pytest

from tests.verification.mutate.trial import Forked, hand_to_children, run_pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

#: Folders of tests that run no code of the package in their process.
LEFT_OUT: Final = {"engines", "external", "notebooks", "spark", "typing"}
_SECONDS: Final = 3600
#: The exit codes of tests that could be run; all of some files are slow.
_RUN: Final = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}


class Recording:
    """What tests execute, and the seconds that each takes."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.seconds: dict[str, float] = {}
        self._lines: defaultdict[str, dict[int, set[str]]] = defaultdict(dict)

    def add(self, folder: Path) -> None:
        """Add what a process has recorded in its folder."""
        found = json.loads((folder / "tests.json").read_text(encoding="utf-8"))
        self.failed += found["failed"]
        self.seconds |= found["seconds"]
        data = coverage.CoverageData(str(folder / "tests.coverage"))
        data.read()
        for file in data.measured_files():
            for line, tests in data.contexts_by_lineno(file).items():
                self._lines[file].setdefault(line, set()).update(found["seconds"].keys() & tests)

    def tests(self, file: Path, lines: Iterable[int]) -> set[str]:
        """Return the tests that execute any of these lines of a file."""
        by_line = self._lines[str(file)]
        return {test for line in lines for test in by_line.get(line, ())}


def record(root: Path, package: str, workers: int) -> Recording:
    """Run all tests that can be fast."""
    tests = root / "tests"
    paths = sorted(tests.rglob("test_*.py"), key=lambda path: path.stat().st_size)
    files = [
        str(path.relative_to(root))
        for path in paths
        if path.name != "test_mutate.py" and path.relative_to(tests).parts[0] not in LEFT_OUT
    ]
    shares = [files[share::workers] for share in range(min(workers, len(files)))]
    processes = [Forked(partial(_run_share, root, package, share), _SECONDS) for share in shares]
    try:
        for process in processes:
            while not process.has_ended():
                time.sleep(0.1)
    finally:
        for process in processes:
            process.kill()
    recording = Recording()
    for process in processes:
        if process.code not in _RUN:
            output = (process.folder / "output").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"The tests could not be run (exit code {process.code}):\n{output[-4000:]}")
        recording.add(process.folder)
        shutil.rmtree(process.folder)
    return recording


def _run_share(root: Path, package: str, files: list[str], folder: Path) -> int:
    recorder = _Recorder(str(root / package), folder)
    code = run_pytest(root, folder, files, recorder)
    recorder.write()
    return code


class _Recorder:
    """A plugin of pytest: record the lines and the seconds of each test."""

    def __init__(self, package: str, folder: Path) -> None:
        self._folder = folder
        self._coverage = coverage.Coverage(
            data_file=str(folder / "tests.coverage"), source=[package], config_file=False
        )
        self._coverage.start()
        self._variables = {"MUTATE_PACKAGE": package, "MUTATE_DATA": str(folder / "tests.coverage")}
        hand_to_children(self._variables)
        self._seconds: dict[str, float] = defaultdict(float)
        self._failed: set[str] = set()
        self._skipped: set[str] = set()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Attribute the lines that are executed to the test."""
        self._coverage.switch_context(item.nodeid)
        self._variables["MUTATE_TEST"] = item.nodeid
        try:
            return (yield)
        finally:
            self._coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the time of a part of a test."""
        self._seconds[report.nodeid] += report.duration
        if report.failed:
            self._failed.add(report.nodeid)
        elif report.skipped:
            self._skipped.add(report.nodeid)

    def write(self) -> None:
        """Write what was found."""
        self._coverage.stop()
        self._coverage.save()
        self._coverage.combine([str(self._folder)])  # with what processes have recorded that tests started
        self._coverage.save()
        unused = self._failed | self._skipped
        seconds = {test: took for test, took in self._seconds.items() if test not in unused}
        found = {"failed": sorted(self._failed), "seconds": seconds}
        (self._folder / "tests.json").write_text(json.dumps(found), encoding="utf-8")
