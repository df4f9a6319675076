"""The size of a package, counted from its source."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LINES", "SourceSize", "measure_source"]

#: What a line can be; each line is exactly one of them.
LINES: Final = ("code", "docstrings", "comments", "blank", "imports")
#: The TypedDicts whose fields are described by the text below them.
_OPTIONS: Final = {"AskOptionsDict", "FetchOptionsDict", "SettingsDict", "SandboxOptions"}
_NOQA: Final = re.compile(r"#\s*(?:ruff: )?noqa(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?(.*)")
_PRIVATE: Final = re.compile(r"_[^_](?:.*[^_])?")
#: Private by name, public by documentation: of named tuples, sys and os.
_DOCUMENTED: Final = {"_asdict", "_exit", "_fields", "_getframe", "_make", "_replace"}
#: Public by name, private by documentation.
_INTERNAL: Final = {"pandas.api.internals"}
_ACCESS: Final = {"delattr", "getattr", "hasattr", "setattr"}


@dataclass
class SourceSize:
    """The counts of a package.

    Parameters
    ----------
    rooms
        The lines of each folder at the root, and of the root's own modules as ``(root)``, by `LINES`.
    file_lines
        The lines of each file, by its path in the package.
    functions, function_lines
        Functions and methods with a name, nested ones included, and their lines from ``def`` to the end.
    private, called_once
        Functions whose name begins with one underscore, and how many of these occur once in their file
        besides their definition, as a call: not those that are entries of a table or passed on. Where a
        file defines a name several times, its calls are shared.
    options
        How often the first sentence of each option's description occurs in the strings of the package.
    noqa, unexplained
        Comments that silence the linter, and the places of those without a reason behind the codes.
    private_apis
        The places of each private name of another library: imported, used as an attribute that the package
        nowhere defines, or overridden in a class derived from another library's.
    """

    rooms: dict[str, Counter[str]] = field(default_factory=dict)
    file_lines: dict[str, int] = field(default_factory=dict)
    functions: int = 0
    function_lines: int = 0
    private: int = 0
    called_once: int = 0
    options: Counter[str] = field(default_factory=Counter)
    noqa: int = 0
    unexplained: list[str] = field(default_factory=list)
    private_apis: dict[str, list[str]] = field(default_factory=dict)

    @property
    def lines(self) -> int:
        """The lines of all files."""
        return sum(self.file_lines.values())

    @property
    def root_modules(self) -> list[str]:
        """The modules at the root, without ``__init__``."""
        return [path for path in self.file_lines if "/" not in path and path != "__init__.py"]

    @property
    def largest(self) -> tuple[str, int]:
        """The file with the most lines, and how many it has."""
        return max(self.file_lines.items(), key=lambda item: item[1], default=("", 0))

    @property
    def mean_length(self) -> float:
        """The mean length of a function in lines."""
        return self.function_lines / max(self.functions, 1)


def measure_source(package: Path) -> SourceSize:
    """Count the Python files of a package."""
    size = SourceSize()
    files = {
        path.relative_to(package).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(package.rglob("*.py"))
    }
    trees = {path: list(ast.walk(ast.parse(text))) for path, text in files.items()}
    for path, text in files.items():
        nodes = trees[path]
        comments = list(_comments(text))
        folder, _, rest = path.partition("/")
        size.rooms.setdefault(folder if rest else "(root)", Counter()).update(
            _kinds_of_lines(text, nodes, comments)
        )
        size.file_lines[path] = len(text.splitlines())
        _count_functions(size, nodes)
        for line, comment in comments:
            if found := _NOQA.search(comment):
                size.noqa += 1
                if not found[1].strip(" -"):
                    size.unexplained.append(f"{path}:{line}")
    size.options = _count_options(trees)
    size.private_apis = _private_apis(package.name, trees)
    return size


def _comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _kinds_of_lines(text: str, nodes: list[ast.AST], comments: list[tuple[int, str]]) -> Counter[str]:
    """Count the lines of each kind; where a line could be two, it is the one that comes first here."""
    kinds: dict[int, str] = {}
    for node in nodes:
        if isinstance(node, ast.Expr) and _text(node.value) is not None:
            kinds |= dict.fromkeys(_span(node), "docstrings")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            kinds |= dict.fromkeys(_span(node), "imports")
    lines = text.splitlines()
    commented = {line for line, _ in comments if lines[line - 1].lstrip().startswith("#")}
    for number, line in enumerate(lines, 1):
        if number not in kinds:
            kinds[number] = "comments" if number in commented else "code" if line.strip() else "blank"
    return Counter(kinds.values())


def _count_functions(size: SourceSize, nodes: list[ast.AST]) -> None:
    defined = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    private = Counter(node.name for node in defined if re.match(r"_(?!_)", node.name))
    references = Counter(map(_referenced_name, nodes))
    calls = Counter(_referenced_name(node.func) for node in nodes if isinstance(node, ast.Call))
    size.functions += len(defined)
    size.function_lines += sum(len(_span(node)) for node in defined)
    size.private += private.total()
    size.called_once += sum(
        count for name, count in private.items() if 0 < references[name] == calls[name] <= count
    )


def _count_options(trees: dict[str, list[ast.AST]]) -> Counter[str]:
    texts = [_plain(text) for nodes in trees.values() for node in nodes if (text := _text(node)) is not None]
    counts: Counter[str] = Counter()
    for nodes in trees.values():
        for node in nodes:
            if not (isinstance(node, ast.ClassDef) and node.name in _OPTIONS):
                continue
            for named, described in zip(node.body, node.body[1:], strict=False):
                if isinstance(named, ast.AnnAssign) and isinstance(described, ast.Expr):
                    sentence = _plain(_text(described.value) or "").partition(". ")[0].rstrip(".")
                    name = f"{node.name}.{ast.unparse(named.target)}"
                    counts[name] = sum(text.count(sentence) for text in texts)
    return counts


def _private_apis(package: str, trees: dict[str, list[ast.AST]]) -> dict[str, list[str]]:
    every = [node for nodes in trees.values() for node in nodes]
    own = {name for node in every if (name := _defined_name(node)) is not None}
    used = {node.attr for node in every if isinstance(node, ast.Attribute) and not _is_super(node.value)}
    found: dict[str, list[str]] = {}
    for path, nodes in trees.items():
        for node in nodes:
            for name in _foreign_names(node, package, own, used):
                place = f"{path}:{getattr(node, 'lineno', 0)}"
                if place not in (places := found.setdefault(name, [])):
                    places.append(place)
    return dict(sorted(found.items()))


def _foreign_names(node: ast.AST, package: str, own: set[str], used: set[str]) -> Iterator[str]:
    """Yield the private names of other libraries that an expression, import or class uses."""
    match node:
        case ast.Import():
            yield from (each.name for each in node.names if _is_private_module(each.name))
        case ast.ImportFrom(module=str(module)) if module.partition(".")[0] != package:
            names = [f"{module}.{each.name}" for each in node.names]
            yield from (name for name in names if _is_private_module(module) or _is_private_module(name))
        case ast.Attribute(attr=name) if _is_private(name) and name not in own:
            yield name
        case ast.Call(func=ast.Name(id=function), args=[_, ast.Constant(value=str(name)), *_]):
            if function in _ACCESS and _is_private(name) and name not in own:
                yield name
        case ast.ClassDef(bases=[_, *_]) if all(_referenced_name(base) not in own for base in node.bases):
            methods = [each.name for each in node.body if isinstance(each, ast.FunctionDef)]
            yield from (name for name in methods if _is_private(name) and name not in used)


def _is_super(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _referenced_name(node.func) == "super"


def _is_private(name: str) -> bool:
    """Whether the name begins with one underscore; ``_missing_`` and its kin are protocols."""
    return _PRIVATE.fullmatch(name) is not None and name not in _DOCUMENTED


def _is_private_module(name: str) -> bool:
    """Whether a part of a dotted name is private; that of the stubs exists for type checkers alone."""
    return name in _INTERNAL or (
        any(_PRIVATE.fullmatch(part) for part in name.split(".")) and not name.startswith("_typeshed")
    )


def _defined_name(node: ast.AST) -> str | None:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Name(id=name, ctx=ast.Store()):
            return name
        case ast.Attribute(attr=name, value=ast.Name(id="self" | "cls"), ctx=ast.Store()):
            return name
    return None


def _referenced_name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None


def _span(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _text(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _plain(text: str) -> str:
    """Return a text without line breaks and marks of code."""
    return " ".join(text.replace("`", "").split())
