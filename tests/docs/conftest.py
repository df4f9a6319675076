"""Find the examples of the documentation in Markdown, and run them as a reader would."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]

#: ``<!-- not run: why -->``, alone on its line.
_MARK: Final = re.compile(r"\s*<!--\s*not run:\s*(?P<reason>.*?)\s*-->\s*")
#: A fence of three or more backticks or tildes, and the language after it.
_FENCE: Final = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,})\s*(?P<language>[^\s`]*)[^`]*")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Parameters
    ----------
    language
        The language that its fence names, such as ``python``.
    text
        Its content, without the indentation of the fence.
    line
        The number of its first line in the file, counted from 1.
    not_run
        Why it is not run, or None if it is.
    output
        What a Python block prints: the content of the ``text`` block right below it, or None. Three dots
        stand for any text, such as an id.
    """

    language: str
    text: str
    line: int
    not_run: str | None
    output: str | None = None


def pages() -> list[Path]:
    """Return every page of the documentation."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if "_build" not in page.parts]


def blocks(markdown: str) -> list[Block]:
    """Return the fenced blocks of a page, in order.

    Raises
    ------
    ValueError
        If a mark is not in front of a block or has no reason, or a block has no end.
    """
    found: list[Block] = []
    lines = markdown.splitlines()
    mark: tuple[int, str] | None = None
    at = 0
    above = False  # whether a block of Python is right above
    while at < len(lines):
        line = lines[at]
        marked, fence = _MARK.fullmatch(line), _FENCE.fullmatch(line)
        if marked:
            mark = at + 1, marked["reason"]
            if not mark[1]:
                raise ValueError(f"line {at + 1}: a mark without a reason")
        elif fence:
            end = _end(lines, at, fence["fence"])
            # In Markdown, the text of a block is indented relative to its fence.
            text = "\n".join(_outdented(inner, len(fence["indent"])) for inner in lines[at + 1 : end])
            language = fence["language"].lower()
            if language == "text" and above and not mark:
                found[-1] = replace(found[-1], output=text)
            found.append(Block(language, text, at + 2, mark and mark[1]))
            mark, at, above = None, end, language == "python"
        elif line.strip():
            if mark:
                break
            above = False
        at += 1
    if mark:
        raise ValueError(f"line {mark[0]}: a mark with no block after it")
    return found


def commands(console: str) -> list[str]:
    """Return the commands of a console block: the text after each ``$ ``, continued lines joined."""
    joined = re.sub(r"\\\n\s*(?:> )?", "", console)
    return [line.removeprefix("$ ").strip() for line in joined.splitlines() if line.startswith("$ ")]


def outputs(console: str) -> list[list[str]]:
    """Return the output that a console block shows for each of its commands."""
    found: list[list[str]] = []
    for line in re.sub(r"\\\n\s*(?:> )?", "", console).splitlines():
        if line.startswith("$ "):
            found.append([])
        elif line.strip():
            found[-1].append(line)
    return found


def is_ours(command: str) -> bool:
    """Whether a command runs ``connecty``."""
    return bool(re.match(r"connecty(\s|$)", command))


def run_python(page: str, found: list[Block]) -> dict[str, object]:
    """Run the Python blocks of a page in one namespace; tracebacks have the page's line numbers.

    Those of IPython are cells of a shell with the same namespace. A block must print the output below it.
    """
    namespace: dict[str, object] = {"__name__": "__main__"}
    shell = None
    for block in found:
        if block.language == "python" and block.not_run is None:
            code = compile("\n" * (block.line - 1) + block.text + "\n", page, "exec", dont_inherit=True)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(code, namespace)
            check_output(page, block, printed.getvalue())
        if block.language == "ipython" and block.not_run is None:
            shell = shell or _shell(namespace)
            shell.run_cell(block.text).raise_error()
    return namespace


def check_output(page: str, block: Block, printed: str) -> None:
    """Fail with a comparison if a block printed something other than the page shows."""
    if block.output is None:
        return
    expected, printed = (
        "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"
        for text in (block.output, printed)
    )
    checker, example = doctest.OutputChecker(), doctest.Example(block.text, expected)
    if not checker.check_output(expected, printed, doctest.ELLIPSIS):
        difference = checker.output_difference(example, printed, doctest.REPORT_NDIFF)
        raise AssertionError(f"{page}:{block.line} prints something else.\n{difference}")


def _shell(namespace: dict[str, object]) -> Any:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config({"HistoryManager": {"enabled": False}})
    return InteractiveShell(config=config, user_ns=namespace, ipython_dir=str(Path.cwd()))


def _end(lines: list[str], start: int, fence: str) -> int:
    for at in range(start + 1, len(lines)):
        closing = lines[at].strip()
        if len(closing) >= len(fence) and set(closing) == {fence[0]}:
            return at
    raise ValueError(f"line {start + 1}: a block that does not end")


def _outdented(line: str, indent: int) -> str:
    return line[min(indent, len(line) - len(line.lstrip(" "))) :]


@dataclass(frozen=True)
class Examples:
    """The functions of this file as a fixture, since test files of one folder do not import each other."""

    blocks = staticmethod(blocks)
    commands = staticmethod(commands)
    outputs = staticmethod(outputs)
    is_ours = staticmethod(is_ours)
    run_python = staticmethod(run_python)


@pytest.fixture
def examples() -> Examples:
    """Return the functions of this file."""
    return Examples()


def _console(page: Path) -> list[tuple[int, str, list[str]]]:
    return [
        (block.line, command, shown)
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language == "console" and block.not_run is None
        for command, shown in zip(commands(block.text), outputs(block.text), strict=True)
        if is_ours(command)
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize tests by every page with Python on it, and by every command."""
    if "python_page" in metafunc.fixturenames:
        found = [
            page for page in pages() if any(b.language == "python" for b in blocks(page.read_text("utf-8")))
        ]
        metafunc.parametrize("python_page", found, ids=[str(page.relative_to(ROOT)) for page in found])
    if "console_command" in metafunc.fixturenames:
        runs = [(page, *run) for page in pages() for run in _console(page)]
        ids = [f"{page.relative_to(ROOT)}:{line} {command}" for page, line, command, _ in runs]
        metafunc.parametrize(
            ("console_command", "shown"), [(command, shown) for _, _, command, shown in runs], ids=ids
        )
