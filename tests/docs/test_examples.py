"""The examples of the README and the documentation run against the sandbox, with the output they show."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import connecty_frames as cf
from tests.servers.forking import CONNECTY

if TYPE_CHECKING:
    from tests.servers.forking import Forking


pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("connected")
def test_the_python_of_a_page_runs(
    python_page: Path, examples: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block in order, in one namespace and an empty folder; warnings are errors, outputs as shown."""
    monkeypatch.chdir(tmp_path)
    found = examples.blocks(python_page.read_text(encoding="utf-8"))

    try:
        namespace = examples.run_python(str(python_page), found)
    finally:
        if any("use_sandbox()" in block.text for block in found):
            cf.use_sandbox().close()  # the running one

    assert len(namespace) > 2, "nothing on this page was run"


@pytest.mark.usefixtures("connected")
def test_a_command_succeeds(console_command: str, shown: list[str], forking: Forking, tmp_path: Path) -> None:
    """With exit code 0 and the output that the page shows, in a shell with the exports of a sandbox.

    One with ``--sandbox``, the first that a reader types, starts the installed program; others are forked.
    """
    program = CONNECTY if "--sandbox" in console_command else forking.command
    path = f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(
        ["sh", "-c", console_command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
        cwd=tmp_path,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert [line for line in shown if line not in done.stdout.splitlines()] == []


@pytest.mark.parametrize("name", ["README.md", "docs/index.md", "docs/quickstart.md"])
def test_the_first_pages_show_what_they_print(name: str, examples: Any) -> None:
    """Each block of the quickstart, the first of the others; and none asserts."""
    found = examples.blocks((Path(__file__).parents[2] / name).read_text(encoding="utf-8"))
    python = [block for block in found if block.language == "python"]

    shown = python if name == "docs/quickstart.md" else python[:1]
    assert shown
    assert [block.text for block in shown if not block.output] == []
    assert [block.text for block in python if "assert " in block.text] == []
