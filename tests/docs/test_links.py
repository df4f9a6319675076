"""The links of pages that GitHub shows and Sphinx does not check lead to files of the project."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]


def links() -> list[tuple[str, str]]:
    """Give the page and the target of each link into the project."""
    return [
        (page, target)
        for page in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("page", "target"), links(), ids=lambda part: part)
def test_a_link_leads_to_a_file(page: str, target: str) -> None:
    """From where the page is."""
    assert (ROOT / page).parent.joinpath(target).is_file()
