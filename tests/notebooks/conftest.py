"""A JupyterLab whose kernels ask the sandbox of the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers.jupyterlab import JupyterLab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connecty_frames.sandbox import Sandbox


@pytest.fixture(scope="module")
def jupyterlab(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """Run one JupyterLab for the tests of a module, which takes some seconds to start."""
    settings = {f"CONNECTY_{name.upper()}": str(value) for name, value in sandbox.connection.items()}
    with JupyterLab(tmp_path_factory.mktemp("jupyterlab"), settings) as running:
        yield running
