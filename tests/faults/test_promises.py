"""The pages on reliability and security name existing tests, and the first lists every fault."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \|.*\|(.*)\|$", PAGE, re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@pytest.mark.parametrize(("path", "name"), sorted({*NAMED.findall(PAGE), *NAMED.findall(SECURITY)}))
def test_a_named_test_exists(path: str, name: str) -> None:
    """It is defined in the named file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_every_fault_has_a_row_and_every_row_a_test() -> None:
    """Numbers 1 to 42, in order."""
    assert [int(number) for number, _ in ROWS] == list(range(1, 43))
    assert [number for number, tests in ROWS if not NAMED.search(tests)] == []


def test_every_promise_names_its_test() -> None:
    """Each row of the first table names a test."""
    promises = PAGE.partition("## Promises")[2].partition("## Faults")[0]
    lines = [line for line in promises.splitlines() if line.startswith("| ")][1:]
    assert len(lines) >= 10
    assert [line for line in lines if not NAMED.search(line)] == []
