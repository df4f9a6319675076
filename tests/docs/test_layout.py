"""The page on the layout of the package: its tables are made from the contracts, docstrings and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from docs import layout

PACKAGE: Final = Path(__file__).parents[2] / "connecty_frames"

CONTRACTS: Final = """
[[tool.importlinter.contracts]]
name = "Inside http"
type = "layers"
containers = ["connecty_frames.http"]
layers = ["transport", "models"]

[[tool.importlinter.contracts]]
name = "Layers"
type = "layers"
containers = ["connecty_frames"]
layers = ["cli | spark", "client", "errors : text"]
"""


def test_layers_are_those_of_the_contract_of_the_package() -> None:
    """From top to bottom, whether modules of a layer may import each other or not."""
    assert layout.layers(CONTRACTS) == [["cli", "spark"], ["client"], ["errors", "text"]]


def test_each_module_has_a_row_with_the_first_sentence_of_its_docstring() -> None:
    """The highest layer is the first; what is at the root but in no layer stands beside them."""
    head, rule, *rows = layout.layers_table().splitlines()
    cells = [row.strip("|").split(" | ") for row in rows]
    present = {path.stem for path in PACKAGE.glob("*.py")} | {
        path.parent.name for path in PACKAGE.glob("*/__init__.py")
    }

    assert (head, rule) == ("| layer | module or folder | contents |", "|---|---|---|")
    assert rows[0].startswith("| 1 | `pytest_plugin` | The fixture `connecty_sandbox`, which pytest finds by")
    assert sorted(name.strip("`") for _, name, _ in cells) == sorted(present - {"__init__", "sandbox"})
    assert all(len(contents) > 10 and contents.rstrip().endswith(".") for *_, contents in cells)


@pytest.mark.slow
def test_the_figures_are_those_of_make_structure() -> None:
    """The lines of each folder, the size of the package, and both ways of a question."""
    rooms, figures = (table.splitlines() for table in layout.size_tables().split("\n\n"))

    assert rooms[0] == "| room | lines | code | docstrings | comments | blank | imports |"
    assert len(rooms) == 3 + 1 + len(list(PACKAGE.glob("*/__init__.py")))
    assert [line.split(" | ")[0] for line in figures[2:]] == [
        "| files",
        "| modules at the root",
        "| largest file",
        "| functions",
        "| private functions called once",
        "| copies of an option's text",
        "| noqa",
        "| private APIs of other libraries",
        "| warm `ask_df`",
        "| cold `ask_df`",
    ]
    assert "| 0 functions" not in figures[-1]
