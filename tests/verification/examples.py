"""The examples of a page in Markdown: find them, and run them as a reader would.

``python -m tests.verification.examples PAGE`` runs all examples of a page or a notebook, and needs only what
these need.
"""

import contextlib
import doctest
import io
import json
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]

#: ``<!-- not run: why -->``, alone on its line.
_MARK: Final = re.compile(r"\s*<!--\s*not run:\s*(?P<reason>.*?)\s*-->\s*")
#: A fence of three or more backticks or tildes, and the language after it.
_FENCE: Final = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,})\s*(?P<language>[^\s`]*)[^`]*")
#: What a page says that it needs: "the extra `sql`", "the extras `plot` and `sql`", a command of pip.
_EXTRAS: Final = re.compile(r"\bextras?(?:\]\(install\.md\))?((?:(?:,| and)?\s`[\w-]+`)+)")
_INSTALL: Final = re.compile(r"\bpip install ([^`]+)")


@dataclass(frozen=True)
class Block:
    language: str  # the language that its fence names, such as ``python``
    text: str  # its content, without the indentation of the fence
    line: int  # the number of its first line in the file, counted from 1
    not_run: str | None = None  # why it is not run, or None if it is
    #: What a Python block prints: the content of the ``text`` block right below it, or None. Three dots stand
    #: for any text, such as an id.
    output: str | None = None


def pages() -> list[Path]:
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if "_build" not in page.parts]


def needs(page: Path) -> tuple[set[str], set[str]]:
    """Return the extras and packages that a page names above its sections, a notebook in its first cell."""
    text = page.read_text("utf-8")
    if page.suffix == ".ipynb":
        text = "".join(json.loads(text)["cells"][0]["source"])
    first = " ".join(re.split(r"^## ", text, maxsplit=1, flags=re.MULTILINE)[0].split())
    extras = {extra for names in _EXTRAS.findall(first) for extra in re.findall(r"`(.*?)`", names)}
    words = [word.strip("'") for named in _INSTALL.findall(first) for word in named.split()]
    for word in words:
        if ours := re.fullmatch(r"(?:\.|connecty-frames)\[(.+)\]", word):
            extras.update(ours[1].split(","))
    return extras, {word for word in words if re.fullmatch(r"[\w-]+", word)}


def blocks(markdown: str) -> list[Block]:
    """Return the fenced blocks of a page, in order.

    A mark that is not in front of a block or has no reason, and a block without end, is a ValueError.
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
            found.append(Block(language, text, at + 2, mark[1] if mark else None))
            mark, at, above = None, end, language == "python"
        elif line.strip():
            if mark:
                break
            above = False
        at += 1
    if mark:
        raise ValueError(f"line {mark[0]}: a mark with no block after it")
    return found


def console(block: Block) -> list[tuple[str, list[str]]]:
    """Return the commands of ours in a console block that is run, each with the output shown below it.

    A command is the text after ``$ ``, continued lines joined.
    """
    if block.language != "console" or block.not_run is not None:
        return []
    found: list[tuple[str, list[str]]] = []
    for line in re.sub(r"\\\n\s*(?:> )?", "", block.text).splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ ").strip(), []))
        elif line.strip():
            found[-1][1].append(line)
    return [(command, shown) for command, shown in found if re.match(r"connecty(\s|$)", command)]


def check_shown(done: subprocess.CompletedProcess[str], shown: list[str]) -> None:
    """Fail if a command failed, or did not print what the page shows."""
    if done.returncode or "Traceback" in done.stderr:
        raise AssertionError(f"{done.args} ended with exit code {done.returncode}\n{done.stderr}")
    missing = [line for line in shown if line not in done.stdout.splitlines()]
    if missing:
        raise AssertionError(f"{done.args} prints something else.\nMissing: {missing}\n{done.stdout}")


def run(page: str, found: list[Block]) -> dict[str, object]:
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
            _check_printed(page, block, printed.getvalue())
        if block.language == "ipython" and block.not_run is None:
            shell = shell or _shell(namespace)
            shell.run_cell(block.text).raise_error()
    return namespace


def _check_printed(page: str, block: Block, printed: str) -> None:
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

    made: Any = InteractiveShell  # IPython has no types of it
    config = Config({"HistoryManager": {"enabled": False}})
    return made(config=config, user_ns=namespace, ipython_dir=str(Path.cwd()))


def _end(lines: list[str], start: int, fence: str) -> int:
    for at in range(start + 1, len(lines)):
        closing = lines[at].strip()
        if len(closing) >= len(fence) and set(closing) == {fence[0]}:
            return at
    raise ValueError(f"line {start + 1}: a block that does not end")


def _outdented(line: str, indent: int) -> str:
    return line[min(indent, len(line) - len(line.lstrip(" "))) :]


def _cells(notebook: str) -> list[Block]:
    """Return the cells of a notebook that raise no error on purpose, as blocks of IPython."""
    return [
        Block("ipython", "".join(cell["source"]), at)
        for at, cell in enumerate(json.loads(notebook)["cells"], 1)
        if cell["cell_type"] == "code" and "raises-exception" not in cell["metadata"].get("tags", [])
    ]


def main(path: str) -> None:
    """Run the examples of a page, in the folder in which this runs."""
    text = Path(path).read_text("utf-8")
    found = _cells(text) if path.endswith(".ipynb") else blocks(text)
    # As the guide says, since a client does not look at CONNECTY_SANDBOX.
    started = [Block("python", "import connecty_frames\n\nconnecty_frames.use_sandbox()", 1)]
    run(path, [*(started if "cf.Client(" in text else ()), *found])
    for command, shown in [each for block in found for each in console(block)]:
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        check_shown(done, shown)


if __name__ == "__main__":
    main(*sys.argv[1:])
