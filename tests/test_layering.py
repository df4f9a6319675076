"""The floors of the house: what may import what, as the contracts in pyproject.toml say."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_contracts_are_kept() -> None:
    """All of them; what breaks one is named."""
    pytest.importorskip("importlinter")
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"

    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert done.returncode == 0, done.stdout
    assert "8 kept, 0 broken" in done.stdout


def test_every_module_stands_on_a_floor() -> None:
    """A new file or folder of the package belongs to the contract of the floors, or beside it by name."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    floors = contracts["contracts"][0]
    assert floors["name"] == "The floors: nothing imports upward"
    named = {
        module.strip().removeprefix("connecty_frames.")
        for floor in floors["layers"]
        for module in floor.replace("|", ":").split(":")
    }
    package = ROOT / "connecty_frames"
    present = {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }

    assert present - {"__init__"} == named | {"sandbox"}
