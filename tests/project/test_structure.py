"""The limits of the package's size and of the way of one question, and whether the counts are right."""

import re
from pathlib import Path
from typing import Final

import pytest

from tools.structure import changes, definitions, size, traced

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "connecty_frames"
#: A comment that silences the linter, and the reason behind its codes.
NOQA: Final = re.compile(r"# (?:ruff: )?noqa(?:: [A-Z]+\d+(?:, [A-Z]+\d+)*)?(.*)")

MODULE: Final = '''
"""A module."""
from os import path
SIDE = 1
AREA: int = SIDE * SIDE
if AREA:
    side = 2
class Square:
    side = 3
    class Corner: ...
def area():
    class Local: ...
'''


def test_definitions_are_counted() -> None:
    """Assignments at the top of a module, and classes at any depth."""
    assert definitions([MODULE, "SIDE = 1"]) == (3, 3)


def test_lines_and_words_are_counted(tmp_path: Path) -> None:
    """Each by its folder; benchmarks with their TOML."""
    files = {
        "connecty_frames/room/a.py": "SIDE = 1\n\nclass A: ...\n",
        "tests/test_a.py": "\n\n",
        "tests/verification/b.py": "\n",
        "benchmarks/c.py": "\n",
        "benchmarks/questions/c.toml": "\n\n\n",
        "docs/design/page.md": "# A page\n\nof words\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    assert [figure for _, figure in size(tmp_path)] == ["3", "3", "1", "4", "1", "1", "5"]


def test_changes_of_file_are_those_of_a_reader() -> None:
    """From function to function, in the order of their first calls."""
    assert changes([("a", "f"), ("a", "g"), ("b", "f"), ("a", "h")]) == 2


def test_the_package_keeps_its_limits() -> None:
    """At its root, in one file, and in silenced warnings of the linter, each of which has a reason."""
    texts = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    reasons = [reason for text in texts for reason in NOQA.findall(text)]
    assert len(list(PACKAGE.glob("[!_]*.py"))) <= 14
    assert max(text.count("\n") for text in texts) <= 580
    assert 0 < len(reasons) <= 45
    assert [reason for reason in reasons if not reason.strip(" -")] == []


@pytest.mark.slow
def test_a_question_takes_a_short_way() -> None:
    """Warm, with the settings read anew: functions, files and changes of file."""
    way = traced(ROOT)
    assert 0 < len(way) <= 140
    assert len({file for file, _ in way}) <= 28
    assert changes(way) <= 74
