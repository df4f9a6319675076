"""Private names of other libraries: those that are documented, and what happens without them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "connecty_frames"
#: Private by name, public by documentation: of named tuples, os and sys.
DOCUMENTED: Final = {"_asdict", "_exit", "_fields", "_getframe", "_make", "_replace"}


def is_private(name: str) -> bool:
    """Whether a name begins with one underscore; ``_repr_html_`` and its kin are protocols."""
    return re.fullmatch(r"_(?!_).*(?<!_)", name) is not None and name not in DOCUMENTED


def used(tree: ast.Module, own: set[str]) -> Iterator[str]:
    """Yield the private names of others: read as attributes, called on super(), or imported."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(ast.Call(func=ast.Name("super")), name) if is_private(name):
                yield name
            case ast.Attribute(attr=name) if is_private(name) and name not in own:
                yield name
            case ast.Call(ast.Name("getattr"), [_, ast.Constant(str(name)), *_]) if is_private(name):
                yield name
            case ast.ImportFrom(str(module)) if any(map(is_private, module.split("."))):
                if not module.startswith(("connecty_frames", "_typeshed")):
                    yield module


def own_names() -> set[str]:
    """Return the private names that the package itself gives to functions, methods and attributes."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    pattern = r"(?:def |class |self\.|cls\.|^ *)(_\w+)\b(?= *[:=(,])|\"(_\w+)\"[,)]"
    return {name for pair in re.findall(pattern, text, re.MULTILINE) for name in pair}


def table() -> list[tuple[str, str, str]]:
    page = (ROOT / "docs/design/project.md").read_text(encoding="utf-8")
    section = page.partition("## Private names of other libraries")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in section.splitlines() if "| `" in row]
    return [
        (row[0].strip("`"), name, row[4].strip("`"))
        for row in cells
        for name in re.findall(r"`(.+?)`", row[1])
    ]


@pytest.mark.slow
def test_the_table_is_what_the_code_uses() -> None:
    """Each private name of another library is in it, with its module, and no other."""
    own = own_names()
    found = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in PACKAGE.rglob("*.py")
        for name in used(ast.parse(path.read_text(encoding="utf-8")), own)
    }
    overridden = {"_new_conn"}  # and not called

    assert {(module, name) for module, name, _ in table() if name not in overridden} == found
    for module, name, test in table():
        assert re.search(rf"\b{re.escape(name)}\b", (PACKAGE / module).read_text(encoding="utf-8")), name
        assert (ROOT / test).is_file()
