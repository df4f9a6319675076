"""The tests of the promises in ``promises.toml`` exist and check something.

``tests/conftest.py`` lets them fail if they are skipped in CI.
"""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

from tests.cases import cases

ROOT = Path(__file__).parents[2]
PROMISED = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
TEXT = Path(__file__).with_name("promises.toml").read_text(encoding="utf-8")
LISTED = tomllib.loads(TEXT)


#: Many tests are in one file.
parse = cache(ast.parse)


def flaws(source: str, name: str) -> set[str]:
    """Return why the test or class of this name in a file checks nothing."""
    tree = parse(source)
    tests: list[ast.FunctionDef] = []
    marks: list[ast.AST] = []
    for parent in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
        found = [
            node
            for node in parent.body
            if isinstance(node, ast.FunctionDef)
            and node.name.startswith("test_")
            and name in {node.name, getattr(parent, "name", "")}
        ]
        tests += found
        marks += [mark for test in found for mark in test.decorator_list]
        marks += [
            node for node in parent.body if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node)
        ]
        marks += getattr(parent, "decorator_list", []) if found else []
    wrong = set() if tests else {"it does not exist"}
    if any(re.search(r"mark\.(skip\b|xfail|skipif\((True|1)\b)", ast.unparse(mark)) for mark in marks):
        wrong.add("it is skipped")
    for test in tests:
        if any(re.match(r"return|pytest\.(skip|xfail)", ast.unparse(line)) for line in test.body):
            wrong.add("it is skipped")
        if not any(map(is_check, ast.walk(test))):
            wrong.add("it asserts nothing")
    return wrong


def is_check(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant)
    return isinstance(node, ast.Call) and ast.unparse(node.func) in {"pytest.raises", "pytest.warns"}


@cases("test", sorted(set(re.findall(r'"(tests/.+?)"', TEXT))))
def test_a_named_test_checks_something(test: str) -> None:
    """It is defined in the named file, is not skipped, and has an assertion."""
    path, _, name = test.partition("::")
    assert flaws((ROOT / path).read_text(encoding="utf-8"), name) == set()


@cases(
    ("source", "wrong"),
    [
        ("def test_a(): assert b()", set()),
        ("def test_a():\n with pytest.raises(OSError): b()", set()),
        ("@pytest.mark.skipif(not hasattr(os, 'fork'), reason='')\ndef test_a(): assert b()", set()),
        ("class test_a:\n def test_b(self): assert b()", set()),
        ("def test_b(): assert b()", {"it does not exist"}),
        ("def test_a(): pass", {"it asserts nothing"}),
        ("def test_a(): assert True", {"it asserts nothing"}),
        ("class test_a:\n def test_b(self): assert b()\n def test_c(self): b()", {"it asserts nothing"}),
        ("def test_a():\n return\n assert b()", {"it is skipped"}),
        ("def test_a():\n pytest.skip('flaky')\n assert b()", {"it is skipped"}),
        ("@pytest.mark.skip\ndef test_a(): assert b()", {"it is skipped"}),
        ("@pytest.mark.skip(reason='flaky')\ndef test_a(): assert b()", {"it is skipped"}),
        ("@pytest.mark.skipif(True, reason='')\ndef test_a(): assert b()", {"it is skipped"}),
        ("@pytest.mark.xfail\ndef test_a(): assert b()", {"it is skipped"}),
        ("pytestmark = [pytest.mark.skip]\ndef test_a(): assert b()", {"it is skipped"}),
        ("class test_a:\n pytestmark = pytest.mark.skip\n def test_b(self): assert b()", {"it is skipped"}),
        ("@pytest.mark.skip\nclass test_a:\n def test_b(self): assert b()", {"it is skipped"}),
    ],
)
def test_flaws(source: str, wrong: set[str]) -> None:
    """A test that was emptied or skipped is found."""
    assert flaws(source, "test_a") == wrong


@cases("promise", LISTED["Promises"])
def test_the_page_for_users_has_each_promise(promise: str) -> None:
    """Under a bullet that begins with the words of its key."""
    assert f"\n- {promise}" in PROMISED.replace("**", "")


def test_every_fault_has_a_number() -> None:
    """From 1 to 72, in order; the soak uses these numbers."""
    assert list(LISTED["Faults"]) == list(map(str, range(1, 74)))


def test_each_entry_has_tests() -> None:
    """One at least, whether a list is all of it or it has a description too."""
    entries = [
        entry for rows in LISTED.values() for entry in (rows.values() if isinstance(rows, dict) else rows)
    ]
    tests = [entry["tests"] if isinstance(entry, dict) else entry for entry in entries]
    assert len(entries) > 120
    assert all(tests)
