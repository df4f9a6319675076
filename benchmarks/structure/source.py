"""The size of a package, counted from its syntax trees."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SourceSize", "measure_source"]


@dataclass
class SourceSize:
    """The counts of a package.

    Parameters
    ----------
    functions, function_lines
        Functions and methods with a name, nested ones included, and their lines from ``def`` to the end.
    private, called_once
        Functions whose name begins with one underscore, and how many of these occur once in their file
        besides their definition, as a call: not those that are entries of a table or passed on. Where a
        file defines a name several times, its calls are shared.
    noqa
        Comments that silence the linter.
    """

    files: int = 0
    lines: int = 0
    functions: int = 0
    function_lines: int = 0
    private: int = 0
    called_once: int = 0
    noqa: int = 0

    @property
    def mean_length(self) -> float:
        """The mean length of a function in lines."""
        return self.function_lines / max(self.functions, 1)

    @property
    def share_called_once(self) -> float:
        """The share of the private functions that are called once."""
        return self.called_once / max(self.private, 1)


def measure_source(package: Path) -> SourceSize:
    """Count the Python files of a package."""
    size = SourceSize()
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        nodes = list(ast.walk(ast.parse(text)))
        defined = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        private = Counter(node.name for node in defined if re.match(r"_(?!_)", node.name))
        references = Counter(map(_referenced_name, nodes))
        calls = Counter(_referenced_name(node.func) for node in nodes if isinstance(node, ast.Call))
        size.files += 1
        size.lines += len(text.splitlines())
        size.functions += len(defined)
        size.function_lines += sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in defined)
        size.private += private.total()
        size.called_once += sum(
            count for name, count in private.items() if 0 < references[name] == calls[name] <= count
        )
        size.noqa += text.count("# noqa") + text.count("ruff: noqa")
    return size


def _referenced_name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None
