"""The layers of the package: which module may import which, by the contracts in pyproject.toml."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.generated import layers, layers_table

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


def test_layers_are_those_of_the_contract_of_the_package() -> None:
    """From top to bottom, whether modules of a layer may import each other or not."""
    contracts = """
        [[tool.importlinter.contracts]]
        type = "layers"
        containers = ["connecty_frames.http"]
        layers = ["transport", "models"]

        [[tool.importlinter.contracts]]
        type = "layers"
        containers = ["connecty_frames"]
        layers = ["cli | spark", "client", "errors : text"]
    """
    assert layers(contracts) == [["cli", "spark"], ["client"], ["errors", "text"]]


def test_every_module_is_in_a_layer() -> None:
    """A new module belongs in the contract of the layers, from which the page on the layout lists them."""
    rows = [row.strip("|").split(" | ") for row in layers_table().splitlines()[2:]]
    package = ROOT / "connecty_frames"
    present = {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }
    assert sorted(name.strip("`") for _, name, _ in rows) == sorted(present - {"__init__", "sandbox"})
    assert all(len(contents) > 10 and contents.rstrip().endswith(".") for *_, contents in rows)
