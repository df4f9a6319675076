"""Which tests execute which lines of the package, and how long each takes: recorded once by coverage.py.

The tests are run as those of a mutant are, and one that fails that way is not used. The recording is kept in
a folder of the checkout that git ignores, until the package or its tests change.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections import defaultdict
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import coverage
import pytest

from tests.verification.mutate.trial import Forked, run_pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

__all__ = ["Recording", "record"]

_FOLDER: Final = ".mutate_cache"
#: Folders of tests that run no code of the package in their process, or examples by the page.
_LEFT_OUT: Final = {"docs", "engines", "external", "notebooks", "spark", "typing"}
_SECONDS: Final = 3600


class Recording:
    """What tests execute.

    Parameters
    ----------
    folder
        The files of the processes that recorded it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.failed: list[str] = []
        self.seconds: dict[str, float] = {}
        for path in sorted(folder.glob("*.json")):
            found = json.loads(path.read_text(encoding="utf-8"))
            self.failed += found["failed"]
            self.seconds |= found["seconds"]
        self._lines: dict[Path, dict[int, set[str]]] = {}

    def tests(self, file: Path, lines: Iterable[int]) -> set[str]:
        """Return the tests that execute any of these lines of a file."""
        if file not in self._lines:
            found: dict[int, set[str]] = defaultdict(set)
            for data in self._data:
                for line, tests in data.contexts_by_lineno(str(file)).items():
                    found[line].update(tests)
            self._lines[file] = found
        by_line = self._lines[file]
        return {test for line in lines for test in by_line.get(line, ()) if test in self.seconds}

    @cached_property
    def _data(self) -> list[coverage.CoverageData]:
        every = [coverage.CoverageData(str(path)) for path in sorted(self._folder.glob("*.coverage"))]
        for each in every:
            each.read()
        return every


def record(root: Path, package: str, workers: int) -> Recording:
    """Run all tests, or return what was recorded of the same package and tests."""
    tests = root / "tests"
    digest = hashlib.sha256(f"{sys.version} {coverage.__version__}".encode())
    for path in sorted([*(root / package).rglob("*"), *tests.rglob("*")]):
        if path.is_file() and path.suffix != ".pyc" and path.parent != Path(__file__).parent:
            digest.update(f"{path}\0".encode() + path.read_bytes())
    folder = root / _FOLDER / digest.hexdigest()[:16]
    if not folder.exists():
        shutil.rmtree(root / _FOLDER, ignore_errors=True)
        files = [path for path in tests.rglob("test_*.py") if not _is_left_out(path.relative_to(tests))]
        files.sort(key=lambda path: path.stat().st_size)
        _run_all(root, package, [files[share::workers] for share in range(workers)], folder)
    return Recording(folder)


def _is_left_out(test: Path) -> bool:
    return test.parts[0] in _LEFT_OUT or test.name == "test_mutate.py"


def _run_all(root: Path, package: str, shares: list[list[Path]], folder: Path) -> None:
    processes = [Forked(partial(_run_share, root, package, files), _SECONDS) for files in shares]
    try:
        for process in processes:
            while not process.has_ended():
                time.sleep(0.1)
    finally:
        for process in processes:
            process.kill()
    folder.mkdir(parents=True)
    for number, process in enumerate(processes):
        if process.code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            output = (process.folder / "output").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"The tests could not be run (exit code {process.code}):\n{output[-4000:]}")
        for name in ("tests.json", "tests.coverage"):
            shutil.move(process.folder / name, folder / f"{number}.{name}")
        shutil.rmtree(process.folder)


def _run_share(root: Path, package: str, files: list[Path], folder: Path) -> int:
    recorder = _Recorder(str(root / package), folder)
    code = run_pytest(root, folder, [str(path.relative_to(root)) for path in files], recorder)
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
        self._seconds: dict[str, float] = defaultdict(float)
        self._failed: set[str] = set()
        self._skipped: set[str] = set()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Attribute the lines that are executed to the test."""
        self._coverage.switch_context(item.nodeid)
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
        """Write both files."""
        self._coverage.stop()
        self._coverage.save()
        unused = self._failed | self._skipped
        seconds = {test: took for test, took in self._seconds.items() if test not in unused}
        found = {"failed": sorted(self._failed), "seconds": seconds}
        (self._folder / "tests.json").write_text(json.dumps(found), encoding="utf-8")
