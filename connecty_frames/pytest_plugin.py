"""The fixture ``connecty_sandbox``, which pytest finds by itself where this package is installed.

Nothing is imported for a test that does not use it: pytest loads this file at the start of every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connecty_frames.sandbox import Sandbox

__all__ = ["connecty_sandbox", "connecty_sandbox_options"]


@pytest.fixture(scope="session")
def connecty_sandbox_options() -> dict[str, Any]:
    """Give the keywords of the Sandbox that ``connecty_sandbox`` is; define it anew to choose them."""
    return {}


@pytest.fixture(scope="session")
def _connecty_sandbox(connecty_sandbox_options: dict[str, Any]) -> Iterator[Sandbox]:
    # One for the whole run: each start costs a database.
    from connecty_frames.sandbox import Sandbox

    with Sandbox(**connecty_sandbox_options) as running:
        yield running


@pytest.fixture
def connecty_sandbox(
    _connecty_sandbox: Sandbox, connecty_sandbox_options: dict[str, Any]
) -> Iterator[Sandbox]:
    """Let all that asks ConnectyAI in this test ask a sandbox, with a clean request log and faults."""
    from connecty_frames.testing import connected

    _connecty_sandbox.faults.clear()
    _connecty_sandbox.faults.add(*connecty_sandbox_options.get("faults", ()))
    _connecty_sandbox.request_log.clear()
    with connected(_connecty_sandbox):
        yield _connecty_sandbox
    _connecty_sandbox.faults.clear()
