"""Which tests execute which lines of the package, and how long each takes: recorded once by coverage.py.

The tests are run as those of a mutant are, and one that fails that way is not used. The recording is kept in
a folder of the checkout that git ignores, until what tests share changes. Recorded again are files of tests
that have changed, or of which a test executes a file of the package that has changed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import coverage
import pytest

from tests.verification.mutate.trial import Forked, hand_to_children, run_pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

_FOLDER: Final = ".mutate_cache"
#: Folders of tests that run no code of the package in their process.
LEFT_OUT: Final = {"engines", "external", "notebooks", "spark", "typing"}
_SECONDS: Final = 3600
#: The exit codes of tests that could be run; all of some files are slow.
_RUN: Final = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}


class Recording:
    """What tests execute.

    Parameters
    ----------
    folder
        The files of the processes that recorded it.
    digests
        The digests of all files of tests and of the package, by path.
    """

    def __init__(self, folder: Path, digests: dict[str, str]) -> None:
        self.recorded: set[str] = set()
        self.failed: list[str] = []
        self.seconds: dict[str, float] = {}
        self._data: list[tuple[coverage.CoverageData, set[str]]] = []
        for path in sorted(folder.glob("*.json")):
            found = json.loads(path.read_text(encoding="utf-8"))
            data = coverage.CoverageData(str(path.with_suffix(".coverage")))
            data.read()
            changed = [name for name, digest in found["package"].items() if digests.get(name) != digest]
            stale = {
                test.partition("::")[0]
                for name in changed
                for tests in data.contexts_by_lineno(name).values()
                for test in tests
            }
            same = {name for name, digest in found["files"].items() if digests.get(name) == digest} - stale
            seconds = {
                test: took for test, took in found["seconds"].items() if test.partition("::")[0] in same
            }
            self.recorded |= same
            self.failed += [test for test in found["failed"] if test.partition("::")[0] in same]
            self.seconds |= seconds
            self._data.append((data, set(seconds)))
        self._lines: dict[Path, dict[int, set[str]]] = {}

    def tests(self, file: Path, lines: Iterable[int]) -> set[str]:
        """Return the tests that execute any of these lines of a file."""
        if file not in self._lines:
            found: dict[int, set[str]] = defaultdict(set)
            for data, used in self._data:
                for line, tests in data.contexts_by_lineno(str(file)).items():
                    found[line].update(used.intersection(tests))
            self._lines[file] = found
        by_line = self._lines[file]
        return {test for line in lines for test in by_line.get(line, ())}


def record(root: Path, package: str, workers: int) -> Recording:
    """Run all tests, apart from those of which the recording still holds."""
    tests = root / "tests"
    paths = [path for path in tests.rglob("test_*.py") if not _is_left_out(path.relative_to(tests))]
    paths.sort(key=lambda path: path.stat().st_size)
    files = {str(path.relative_to(root)): _digest(path) for path in paths}
    modules = {str(path): _digest(path) for path in (root / package).rglob("*.py")}
    shared = hashlib.sha256(f"{sys.version} {coverage.__version__}".encode())
    for path in sorted([*(root / package).rglob("*"), *tests.rglob("*")]):
        is_shared = path.parent != Path(__file__).parent and not path.match("test_*.py")
        if is_shared and str(path) not in modules and path.is_file() and path.suffix != ".pyc":
            shared.update(f"{path}\0{_digest(path)}".encode())
    folder = root / _FOLDER / shared.hexdigest()[:16]
    if not folder.exists():
        shutil.rmtree(root / _FOLDER, ignore_errors=True)
        folder.mkdir(parents=True)
    recorded = Recording(folder, files | modules).recorded
    missing = {name: digest for name, digest in files.items() if name not in recorded}
    shares = [dict([*missing.items()][share::workers]) for share in range(min(workers, len(missing)))]
    _run_all(root, package, shares, modules, folder)
    return Recording(folder, files | modules)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_left_out(test: Path) -> bool:
    return test.parts[0] in LEFT_OUT or test.name == "test_mutate.py"


def _run_all(
    root: Path, package: str, shares: list[dict[str, str]], modules: dict[str, str], folder: Path
) -> None:
    processes = [Forked(partial(_run_share, root, package, files, modules), _SECONDS) for files in shares]
    try:
        for process in processes:
            while not process.has_ended():
                time.sleep(0.1)
    finally:
        for process in processes:
            process.kill()
    for number, process in enumerate(processes, len([*folder.glob("*.json")])):
        if process.code not in _RUN:
            output = (process.folder / "output").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"The tests could not be run (exit code {process.code}):\n{output[-4000:]}")
        for name in ("tests.json", "tests.coverage"):
            shutil.move(process.folder / name, folder / f"{number}.{name}")
        shutil.rmtree(process.folder)


def _run_share(root: Path, package: str, files: dict[str, str], modules: dict[str, str], folder: Path) -> int:
    recorder = _Recorder(str(root / package), folder)
    code = run_pytest(root, folder, files, recorder)
    recorder.write(files, modules)
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

    def write(self, files: dict[str, str], modules: dict[str, str]) -> None:
        """Write what was found of files of tests, with the digests of these and of the package."""
        self._coverage.stop()
        self._coverage.save()
        self._coverage.combine([str(self._folder)])  # with what processes have recorded that tests started
        self._coverage.save()
        unused = self._failed | self._skipped
        seconds = {test: took for test, took in self._seconds.items() if test not in unused}
        found = {"files": files, "package": modules, "failed": sorted(self._failed), "seconds": seconds}
        (self._folder / "tests.json").write_text(json.dumps(found), encoding="utf-8")
