"""What all tests share: one sandbox that runs, and a process without settings of its own."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from connecty_frames.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

# Processes that tests start find Python as most machines have it: with PYTHONUNBUFFERED nothing is left to
# write when Python ends, with PYTHONDONTWRITEBYTECODE every start compiles. Where Python is, is kept.
for _name in [name for name in os.environ if name.startswith("PYTHON")]:
    if _name not in {"PYTHONHOME", "PYTHONPATH"}:
        del os.environ[_name]

# A job in the background of a shell ignores Ctrl-C, and so does every process that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes is no property of what is tested, and depends on what else the machine does. The
# examples are the same each time; `make fuzz` is what draws others.
settings.register_profile("suite", settings.default, deadline=None, derandomize=True)
settings.load_profile("suite")

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


#: Files with a test that takes half a minute: begun last, it would be waited for by itself.
_LONGEST = frozenset({"test_chaos.py", "test_soak.py"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests first."""
    items.sort(key=lambda item: item.path.name not in _LONGEST)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking at thousands of tests again and again."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Let Python end without looking through all objects for cycles."""
    gc.freeze()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Serve one sandbox for all tests that only ask."""
    with Sandbox() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep settings of the environment and of other tests out, and leave no connection behind."""
    for name in [name for name in os.environ if name.upper().startswith("CONNECTY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CONNECTY_CONFIG", os.devnull)  # the profiles of whoever runs the tests
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    yield
    # Looked up and not imported: what a test does not load stays unloaded.
    config = sys.modules.get("connecty_frames.config")
    if config is not None:
        config.swap_configured({})
    api = sys.modules.get("connecty_frames.api")
    if api is not None:
        api.close_clients()


@pytest.fixture
def connected(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Let the environment name the shared sandbox, as its exports do in a shell."""
    for name, value in sandbox.connection.items():
        monkeypatch.setenv(f"CONNECTY_{name.upper()}", str(value))
    return sandbox


@pytest.fixture(scope="session")
def golden() -> Path:
    """Give the folder of fixed answers, written by hand from the API document."""
    return Path(__file__).parent / "golden"
