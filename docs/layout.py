"""The layers of the package and its size, for ``docs/design/layout.md``, as Markdown.

The layers come from the contract in ``pyproject.toml``, what each is from its docstring, and the figures from
``make structure``, so that the page states nothing of its own that could become wrong.
"""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.structure.report import figures, room_rows
from benchmarks.structure.source import measure_source
from benchmarks.structure.trace import trace_question

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["as_table", "layers", "layers_table", "size_tables"]

_ROOT: Final = Path(__file__).parents[1]
_PACKAGE: Final = _ROOT / "connecty_frames"


def layers(pyproject: str) -> list[list[str]]:
    """Return the names of each layer, from top to bottom, by the contracts in ``pyproject.toml``."""
    contracts = tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]
    (contract,) = (
        each for each in contracts if each["type"] == "layers" and each["containers"] == [_PACKAGE.name]
    )
    return [[name.strip() for name in layer.replace(":", "|").split("|")] for layer in contract["layers"]]


def layers_table() -> str:
    """Return each module and folder by its layer, from top to bottom, with what it is."""
    numbered = enumerate(layers((_ROOT / "pyproject.toml").read_text(encoding="utf-8")), 1)
    rows = (
        (str(number), f"`{name}`", _summary(name)) for number, names in numbered for name in sorted(names)
    )
    return as_table([("layer", "module or folder", "contents"), *rows])


def size_tables() -> str:
    """Return the lines of each folder, and the figures of ``make structure`` that no machine changes."""
    source = measure_source(_PACKAGE)
    ways = ((f"{name} `ask_df`", str(path)) for name, path in trace_question(_ROOT).items())
    others = [("figure", ""), *figures(source).items(), *ways]
    return f"{as_table(room_rows(source))}\n\n{as_table(others)}"


def as_table(rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table in Markdown; the first row is its head."""
    head, *others = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + "---|" * (head.count(" | ") + 1), *others])


def _summary(name: str) -> str:
    """Return the first sentence of a module's docstring, as Markdown."""
    path = _PACKAGE / name.replace(".", "/") / "__init__.py"
    file = path if path.exists() else path.parent.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    if text is None:
        raise ValueError(f"{name} has no docstring")
    return " ".join(text.partition("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")
