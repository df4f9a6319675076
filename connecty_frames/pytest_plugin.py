"""The fixture ``connecty_sandbox``; pytest finds it by an entry point of this package.

pytest imports this file at the start of every run, so it imports nothing until a test uses the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from connecty_frames.sandbox import Sandbox


@pytest.fixture(scope="session")
def connecty_sandbox_options() -> dict[str, Any]:
    """Return the keyword arguments of the Sandbox; override this fixture to set them."""
    return {}


@pytest.fixture(scope="session")
def _connecty_sandbox(connecty_sandbox_options: dict[str, Any]) -> Iterator[Sandbox]:
    # One for the whole run, since each start makes a database.
    from connecty_frames.sandbox import Sandbox

    with Sandbox(**connecty_sandbox_options) as running:
        yield running


@pytest.fixture
def connecty_sandbox(_connecty_sandbox: Sandbox) -> Iterator[Sandbox]:
    """Send the questions of this test to a sandbox, without the requests, faults and answers of others."""
    from connecty_frames.testing import connected

    _connecty_sandbox.reset()
    with connected(_connecty_sandbox):
        yield _connecty_sandbox
    _connecty_sandbox.reset()
