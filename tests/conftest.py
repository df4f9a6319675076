"""Shared by all tests: one running sandbox, and a process without settings."""

import faulthandler
import gc
import os
import re
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from itertools import count
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from pytest_timeout import Settings

from connecty_frames.sandbox import Sandbox
from tests.servers import programs
from tests.servers.fixtures import client, clock, fake_clock_client, forking, secured, server

# Processes that tests start get a default environment of Python: with PYTHONUNBUFFERED nothing is left to
# write when Python exits, with PYTHONDONTWRITEBYTECODE every start compiles. Paths of Python are kept.
for _name in [name for name in os.environ if name.startswith("PYTHON")]:
    if _name not in {"PYTHONHOME", "PYTHONPATH"}:
        del os.environ[_name]
# Rewriting the assertions of all tests takes each process six seconds, if it finds none that are rewritten.
sys.dont_write_bytecode = False
# Hypothesis imports trio, for which nothing here draws examples.
os.environ["HYPOTHESIS_NO_PLUGINS"] = "1"
# Altair imports jsonschema, which compiles 39 grammars of IRIs in a second if it finds this.
sys.modules["rfc3987_syntax"] = None

# A background job of a shell ignores Ctrl-C, one under nohup SIGHUP, and so do the processes that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.platform != "win32":
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

#: Fixtures that several folders use.
__all__ = ["client", "clock", "fake_clock_client", "forking", "secured", "server"]

#: Variables of requests: proxies and certificates.
REQUESTS = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)

#: The seconds after which a slow test fails; for others the limit is in ``pyproject.toml``.
_SLOW_LIMIT = 600
#: The limit of a test, and the standard error of the process, which pytest captures.
_LIMIT = pytest.StashKey[float]()
_STDERR = pytest.StashKey[int]()

#: The tests that hold a promise.
_PROMISED = set(
    re.findall(r'"(tests/.+?)"', (Path(__file__).parent / "faults" / "promises.toml").read_text())
)


def pytest_configure(config: pytest.Config) -> None:
    """Keep standard error for the traceback of a test that hangs, and choose the examples of Hypothesis."""
    config.stash[_STDERR] = os.dup(2)
    from hypothesis import settings  # after the settings of the environment above

    # No deadline, since the time of an example depends on the load of the machine. The examples are the same
    # each time; `make verify WHAT=fuzz` draws others. Half of them without the slow tests.
    settings.register_profile("suite", settings.default, deadline=None, derandomize=True)
    settings.register_profile("fast", settings.get_profile("suite"), max_examples=50)
    settings.load_profile("fast" if "not slow" in config.option.markexpr else "suite")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out a file of slow tests if none is run, since it imports what no other test needs."""
    if "not slow" not in config.option.markexpr or not collection_path.match("test_*.py"):
        return None
    return bool(re.search(rb"^pytestmark = .*mark\.slow", collection_path.read_bytes(), re.MULTILINE)) or None


def pytest_timeout_set_timer(item: pytest.Item, settings: Settings) -> None:
    """Keep the limit of a test, after which pytest-timeout raises an exception in the main thread."""
    item.stash[_LIMIT] = settings.timeout
    pytest_exception_interact(item)


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """End the process if the test goes on for twice that time; xdist starts another one.

    Again for the fixtures of a test that fails, since pytest stops this timer then.
    """
    if _LIMIT in node.stash:
        faulthandler.dump_traceback_later(2 * node.stash[_LIMIT], exit=True, file=node.config.stash[_STDERR])


def pytest_runtest_logfinish() -> None:
    """Do not end the process once the test is over."""
    faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Report nothing of the fixtures that passed, which is most of what workers of xdist send."""
    if not hasattr(item.config, "workerinput"):
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that is skipped in CI, if it needs a program or holds a promise."""
    report = yield
    if programs.IN_CI and report.skipped and isinstance(report.longrepr, tuple):
        path, *names = item.nodeid.partition("[")[0].split("::")
        must_run = item.get_closest_marker("external") or any(
            f"{path}::{name}" in _PROMISED for name in names
        )
        reason = report.longrepr[2]
        # Not every machine has IPv6, not every container may mount, not every environment has each package.
        if must_run and not re.search(f"IPv6|make test-spark|could not import|{programs.REFUSED}", reason):
            report.outcome, report.longrepr = "failed", f"It may not be skipped in CI. {reason}"
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_SLOW_LIMIT))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave out garbage collection until the tests are collected, and them afterwards."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_sessionfinish() -> None:
    """Skip the garbage collection when Python exits."""
    gc.freeze()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Run one sandbox for all tests that only ask questions."""
    with Sandbox(workers=1) as running:
        yield running


@pytest.fixture(scope="session")
def _state_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder for each test, which does not exist yet."""
    folder = tmp_path_factory.mktemp("state")
    return (folder / str(number) for number in count())


@pytest.fixture
def state_folder() -> Path:
    """Return the folder in which programs keep their state, in place of the user's; it does not exist yet."""
    return Path(os.environ["XDG_STATE_HOME"])


@pytest.fixture(autouse=True)
def _no_settings(_state_folders: Iterator[Path]) -> Iterator[None]:
    """Remove settings of the environment and of other tests, and close connections afterwards."""
    # Not by the fixture, which takes longer than the test in a thousand of them.
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in [name for name in os.environ if name.upper().startswith("CONNECTY_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("CONNECTY_CONFIG", os.devnull)  # not the profiles of the user who runs the tests
        monkeypatch.setenv("XDG_STATE_HOME", str(next(_state_folders)))  # nor the history of that user
        for name in REQUESTS:
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        yield
    # Not imported, so that a module that the tests do not load stays unloaded.
    config = sys.modules.get("connecty_frames.settings.sources")
    if config is not None:
        config.swap_configured({})
    shared = sys.modules.get("connecty_frames.shared")
    if shared is not None:
        shared.close_clients()
    store = sys.modules.get("connecty_frames.store.database")
    if store is not None:
        store.close_databases()


@pytest.fixture
def connected(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Configure the shared sandbox by environment variables, as its exports do in a shell."""
    for name, value in sandbox.connection.items():
        monkeypatch.setenv(f"CONNECTY_{name.upper()}", str(value))
    return sandbox


@pytest.fixture
def counted(connected: Sandbox) -> Callable[[], tuple[int, int]]:
    """Return a function that counts the questions and requests since the beginning of the test."""
    log = connected.request_log
    questions, requests = len(log.questions), len(log.requests)
    return lambda: (len(log.questions) - questions, len(log.requests) - requests)


@pytest.fixture(scope="session")
def golden() -> Path:
    """Return the folder of golden answers, written by hand from the API document."""
    return Path(__file__).parent / "golden"
