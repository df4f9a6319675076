"""The layers of the package: which module may import which, by the contracts in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from docs.layout import layers

ROOT = Path(__file__).parents[2]


def test_the_contracts_are_kept() -> None:
    """The output names an import that breaks one."""
    pytest.importorskip("importlinter")
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"

    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert done.returncode == 0, done.stdout
    assert "8 kept, 0 broken" in done.stdout


def test_every_module_is_in_a_layer() -> None:
    """A new module belongs in the contract of the layers, or in the exceptions below."""
    named = {name for names in layers((ROOT / "pyproject.toml").read_text("utf-8")) for name in names}
    package = ROOT / "connecty_frames"
    present = {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }

    assert present - {"__init__"} == named | {"sandbox"}
