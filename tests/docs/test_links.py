"""The README stands alone where a package index shows it: no link of it leads into the project."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from markdown_it import MarkdownIt

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")


def targets(markdown: str) -> list[str]:
    """Return where the links and images of a page lead, in Markdown or HTML."""
    return re.findall(r'\b(?:href|src)="([^"]*)"', MarkdownIt().render(markdown))


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("[a](docs/a.md) and ![b](b.png)", ["docs/a.md", "b.png"]),
        ("[a][1]\n\n[1]: LICENSE", ["LICENSE"]),
        ('<img src="c.svg">', ["c.svg"]),
        ("`[a](docs/a.md)`", []),
    ],
)
def test_every_form_of_link_is_found(markdown: str, expected: list[str]) -> None:
    """Inline, by reference, as HTML; code is no link."""
    assert targets(markdown) == expected


def test_no_link_of_the_readme_is_relative() -> None:
    """Each names its site."""
    found = targets(README)

    assert "https://connecty-ai.com" in found
    assert [target for target in found if not target.startswith("https://")] == []


def test_the_files_that_the_readme_names_exist() -> None:
    """Each path in backticks."""
    paths = re.findall(r"`((?:docs/)?[\w/-]+(?:\.md|/))`", README)

    assert "docs/authentication.md" in paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_wheel_that_is_installed_is_the_one_that_is_built() -> None:
    """The commands of the README and the documentation name the wheel of this version."""
    from connecty_frames.version import __version__

    named = {
        wheel
        for page in (README, (ROOT / "docs" / "install.md").read_text(encoding="utf-8"))
        for wheel in re.findall(r"connecty_frames-[\w.-]+\.whl", page)
    }

    assert named == {f"connecty_frames-{__version__}-py3-none-any.whl"}
