"""The examples of the README and the documentation run against the sandbox, with the output they show."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import connecty_frames as cf
from tests.servers.forking import CONNECTY, Forking
from tests.verification.examples import ROOT, blocks, check_shown, console, needs, pages, run

pytestmark = pytest.mark.slow

PAGES: Final = {str(page.relative_to(ROOT)): blocks(page.read_text("utf-8")) for page in pages()}
COMMANDS: Final = {
    f"{name}:{block.line} {command}": (command, shown)
    for name, found in PAGES.items()
    for block in found
    for command, shown in console(block)
}
#: What each extra installs, except the sandbox's, with which all pages run. `make verify WHAT=docs` runs them
#: where nothing else is installed.
MODULES: Final = {
    "excel": "xlsxwriter",
    "plot": "altair",
    "postgres": "psycopg",
    "spark": "pyspark",
    "sql": "sqlglot",
    "terminal-plot": "uniplot",
}


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize(
    "name", [name for name, found in PAGES.items() if any(block.language == "python" for block in found)]
)
def test_the_python_of_a_page_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block in order, in one namespace and an empty folder, with the extras that the page names first.

    Warnings are errors, outputs as shown.
    """
    monkeypatch.chdir(tmp_path)
    extras, _ = needs(ROOT / name)
    for module in [module for extra, module in MODULES.items() if extra not in extras]:
        monkeypatch.setitem(sys.modules, module, None)
    try:
        namespace = run(name, PAGES[name])
    finally:
        if any("use_sandbox()" in block.text for block in PAGES[name]):
            cf.use_sandbox().close()  # the running one
    assert len(namespace) > 2, "nothing on this page was run"


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize(("command", "shown"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_succeeds(command: str, shown: list[str], forking: Forking, tmp_path: Path) -> None:
    """With exit code 0 and the output that the page shows, in a shell with the exports of a sandbox.

    One with ``--sandbox``, the first that a reader types, starts the installed program; others are forked.
    """
    program = CONNECTY if "--sandbox" in command else forking.command
    path = f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(
        ["sh", "-c", command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
        cwd=tmp_path,
        timeout=60,
        check=False,
    )

    check_shown(done, shown)


@pytest.mark.parametrize("name", ["README.md", "docs/index.md", "docs/quickstart.md"])
def test_the_first_pages_show_what_they_print(name: str) -> None:
    """Each block of the quickstart but the plot, the first of the others; and none asserts."""
    python = [block for block in PAGES[name] if block.language == "python"]
    shown = [block for block in python if "plot()" not in block.text] if "quickstart" in name else python[:1]
    assert shown
    assert [block.text for block in shown if not block.output] == []
    assert [block.text for block in python if "assert " in block.text] == []
