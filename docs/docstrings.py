"""Write the options into the docstrings of the functions that take them: ``make docstrings``.

``AskOptions`` is the one place that describes them. A function describes its own parameters; behind those,
its section *Parameters* gets the options that it takes, in the words of ``AskOptions``.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from pathlib import Path
from typing import Final

from connecty_frames.options import AskOptions, AskOptionsDict

__all__ = ["FUNCTIONS", "with_options"]

#: The functions of each file, with the options that each of them does not take.
FUNCTIONS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "connecty_frames/api.py": {"ask": (), "ask_df": (), "ask_many": ("question_id",)},
    "connecty_frames/readers.py": {"read_connecty": ("schema",)},
    "connecty_frames/client/client.py": {"ask": (), "ask_df": (), "ask_many": ("question_id",)},
}
ROOT: Final = Path(__file__).parents[1]
#: The longest line, as in pyproject.toml.
_WIDTH: Final = 110
#: A section *Parameters*: its indentation, and its entries up to an empty line.
_SECTION: Final = re.compile(r"^( *)Parameters\n *-+\n((?:.+\n)+)", re.MULTILINE)


def with_options(source: str, functions: dict[str, tuple[str, ...]]) -> str:
    """Return the source of a module with the options in the docstrings of its functions."""
    for node in ast.walk(ast.parse(source)):
        text = ast.get_docstring(node, clean=False) if isinstance(node, ast.FunctionDef) else None
        if isinstance(node, ast.FunctionDef) and node.name in functions and text:
            source = source.replace(text, _with_options(text, functions[node.name]))
    return source


def _with_options(docstring: str, left_out: tuple[str, ...]) -> str:
    section = _SECTION.search(docstring)
    if section is None:
        raise ValueError(f"no section Parameters in: {docstring}")
    described = _entries(inspect.getdoc(AskOptions) or "")
    options = [name for name in AskOptionsDict.__annotations__ if name not in left_out]
    own = {
        name: words
        for name, words in _entries(docstring).items()
        if name not in AskOptionsDict.__annotations__ and not name.startswith("**")
    }
    # An option that a function declares itself, `engine`, keeps its place and gets the current description.
    own |= {name: described[name] for name in own if name in described}
    indent = section[1] + " " * 4
    wrapper = textwrap.TextWrapper(
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines = [
        line
        for name, words in {**own, **{name: described[name] for name in options}}.items()
        for line in (section[1] + name, *wrapper.wrap(words))
    ]
    return docstring[: section.start(2)] + "\n".join(lines) + "\n" + docstring[section.end(2) :]


def _entries(docstring: str) -> dict[str, str]:
    """Return the names of a section *Parameters* and their descriptions, each as one line."""
    section = _SECTION.search(docstring)
    text = "" if section is None else inspect.cleandoc("\n" + section[2])
    found = re.findall(r"^(\S.*)\n((?: {4}.*\n?)+)", text, re.MULTILINE)
    return {name: " ".join(words.split()) for name, words in found}


if __name__ == "__main__":
    for name, functions in FUNCTIONS.items():
        path = ROOT / name
        path.write_text(with_options(path.read_text(encoding="utf-8"), functions), encoding="utf-8")
