"""Mutation testing, of a package of one file: mutants are made, killed, and found when they survive."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cases import cases
from tests.verification.mutate.mutants import mutants_of

ROOT = Path(__file__).parents[2]
SOURCE = """
from typing import Final

LIMIT: Final = 10
SIZE: Final = 10  # pragma: no mutate - nothing uses it


def is_small(number: int) -> bool:
    if number < 0:
        raise ValueError(f"{number} is negative, {number - 1} too")
    return number < LIMIT


def unused() -> int:
    return 1
"""
#: What only another process executes.
STARTED = """
def double(number):
    return number * 3 - number
"""
TESTS = """
import subprocess, sys

import pytest
from tiny.room.module import is_small


def test_small_numbers():
    assert is_small(9)
    assert not is_small(10)


def test_negative_numbers():
    with pytest.raises(ValueError, match="-1 is negative, -2 too"):
        is_small(-1)


def test_a_process():
    code = "from tiny.room.started import double; assert double(2) == 4"
    subprocess.run([sys.executable, "-c", code], env={}, check=True)


def test_that_fails():
    assert is_small(12)
"""
#: Mutants that survive, since the tests do not compare 0.
SURVIVORS = {"if number <= 0:", "if number < 1:"}
PROGRAM = """
import sys
from pathlib import Path
from tests.verification.mutate import trial
from tests.verification.mutate.run import Project, mutate

trial._LIBRARIES = ()  # the tests need none
root = Path(sys.argv[1])
project = Project(root, "tiny", {"room": ("room",)})
print("exit code", mutate(project, ["room"], seed=1, count=100, workers=2))
with (root / "tests/room/test_module.py").open("a") as file:
    file.write("\\n\\ndef test_zero():\\n    assert is_small(0)\\n")
print("exit code", mutate(project, ["room"], seed=1, count=100, workers=2))
"""
HANGING = """
import sys, tempfile, time
from tests.verification.mutate.trial import Forked

tempfile.tempdir = sys.argv[1]
forked = Forked(lambda folder: time.sleep(60), 1)
while not forked.has_ended():
    time.sleep(0.1)
print(forked.code)
"""


def _run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-c", program, str(folder)]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # three quarters of a trial
    return subprocess.run(
        arguments, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Return a checkout of a package of one file."""
    files = {
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = ['--import-mode=importlib']\n"
        "markers = ['slow', 'external']\n",
        "tiny/__init__.py": "",
        "tiny/room/__init__.py": "",
        "tiny/room/module.py": SOURCE,
        "tiny/room/started.py": STARTED,
        "tests/room/test_module.py": TESTS,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.slow
def test_survivors_are_found(tiny: Path) -> None:
    """Two of sixteen survive, until a test kills them; a failing test kills none.

    Four of them are executed only by a process that a test starts.
    """
    done = _run(PROGRAM, tiny)
    summaries = re.findall(r"^room +(.*?, \d+ in all)", done.stdout, re.MULTILINE)
    assert summaries == [
        "14 of 16 killed (87.5%), 0 of them by the time limit; 1 marked, 2 not executed, 19 in all",
        "16 of 16 killed (100.0%), 0 of them by the time limit; 1 marked, 2 not executed, 19 in all",
    ], done.stdout + done.stderr
    assert set(re.findall(r"^  \+ (.*)$", done.stdout, re.MULTILINE)) == SURVIVORS
    assert re.findall(r"^exit code (\d)$", done.stdout, re.MULTILINE) == ["1", "0"]
    assert (
        "not used, since it fails without a mutant: tests/room/test_module.py::test_that_fails" in done.stdout
    )
    assert (tiny / "tiny/room/module.py").read_text() == SOURCE


@pytest.mark.slow
def test_a_mutant_that_hangs_is_ended(tmp_path: Path) -> None:
    """It has no exit code then."""
    done = _run(HANGING, tmp_path)
    assert done.stdout == "None\n", done.stderr


@cases(
    ("source", "changes"),
    [
        ("a == b", {"a != b"}),
        ("a < b", {"a <= b", "a >= b"}),
        ("a <= b < c", {"a < b < c", "a > b < c", "a <= b <= c", "a <= b >= c"}),
        ("a is None", {"a is not None"}),
        ("a in b", {"a not in b"}),
        ("a and b and c", {"a or b or c"}),
        ("not a", {"a"}),
        ("-a", {"a"}),
        ("a + b", {"a - b"}),
        ("a | b", {"a & b"}),
        ("a if b else c", {"a if True else c", "a if False else c"}),
        ("[a for a in b if c]", {"[a for a in b if True]"}),
        ("a[1:]", {"a[2:]"}),
        ("f(key=True)", {"f(key=False)", "pass"}),
        ("f(x='name')", {"f(x='XX')", "pass"}),
        ("f(x='a wording')", {"pass"}),
        ("f(f'text {a:>3} text')", {"pass"}),
        ("await f()", {"pass"}),
        ("a = 1.5", {"a = 2.5"}),
        ("a = 1e300", set()),
        ("a = b''", {"a = b'XX'"}),
        ("a = b", set()),
        ("a.b = c", {"pass"}),
        ("a[b] = c", {"pass"}),
        ("a += b", {"a -= b", "pass"}),
        ("a: Literal['b'] = c", set()),
        ("A: TypeAlias = Literal['b']", set()),
        ("A = TypeVar('A')", set()),
        ("a = cast('B', b)", set()),
        ("a = zip(b, c[1:], strict=True)", {"a = zip(b, c[2:], strict=True)"}),
        ("del a", {"pass"}),
        ("raise Error('word', a + b)", {"raise Error('word', a - b)", "pass"}),
        ("'A docstring.'", set()),
        ("import a", set()),
        ("__all__ = ['a']", set()),
        ("if TYPE_CHECKING:\n    a = 1", set()),
        ("if sys.platform == 'win32':\n    a = 1\nelse:\n    a = 2", {"a = 3"}),
        (
            "if os.name != 'nt' and a:\n    b = 1",
            {"if True:", "if False:", "if os.name != 'nt' or a:", "b = 2"},
        ),
        ("a = 1 if os.name == 'nt' else 2", {"a = 1 if os.name == 'nt' else 3"}),
        ("if hasattr(os, 'fork'):\n    a()", {"pass"}),
        ("if a:\n    b", {"if True:", "if False:"}),
        ("while a:\n    break", {"while False:", "continue"}),
        ("for a in b:\n    continue", {"break"}),
        ("class A(B, key=1):\n    a: int = 1", {"a: int = 2"}),
        ("@a(1)\ndef f(b: int = 1) -> 'int':\n    return b", {"def f(b: int=2) -> 'int':", "pass"}),
        ("@overload\ndef f(b: int = 1) -> int: ...", set()),
        ("def f():\n    return None", set()),
        ("def f():\n    if a:\n        return\n    b()", {"if True:", "if False:", "pass"}),
        (
            "try:\n    a\nexcept (B, C):\n    d",
            {"except (C,):", "except (B,):"},
        ),
        ("try:\n    a\nexcept B:\n    d", {"except ():"}),
        ("match a:\n    case 1 if b:\n        c", {"case 2 if b:", "case 1 if True:", "case 1 if False:"}),
    ],
)
def test_the_changes_of_a_statement(source: str, changes: set[str]) -> None:
    """Operators, constants, conditions, handlers and deleted statements; no annotations, and no wording."""
    assert {mutant.after for mutant in mutants_of(source)} == changes


def test_the_place_of_a_mutant() -> None:
    """It has the name and the lines of its function, also where it is the default of an argument."""
    method = "    def f(\n        self,\n        b=1,\n    ):\n        if b:\n            return 2\n"
    source = f"class A:\n{method}\nC = 3\n"
    found = {(m.before, m.function, m.line, m.lines, m.at_import) for m in mutants_of(source)}
    assert found == {
        ("def f(self, b=1):", "A.f", 2, (range(6, 8), range(1, 11)), True),
        ("if b:", "A.f", 6, (range(6, 7), range(6, 7)), False),
        ("return 2", "A.f", 7, (range(7, 8), range(7, 8)), False),
        ("C = 3", "", 9, (range(1, 11), range(1, 11)), True),
    }


def test_a_mark() -> None:
    """It stands for all changes of a statement, and not for those of its block."""
    source = "if a:  # pragma: no mutate - it saves time\n    return\nb = 1\n"
    assert {(mutant.after, mutant.is_marked) for mutant in mutants_of(source)} == {
        ("if True:", True),
        ("if False:", True),
        ("pass", False),
        ("b = 2", False),
    }


def test_the_names_of_a_mutant() -> None:
    """A constant has its own name, and an attribute that of its class; what a function sets has none."""
    source = "A: Final = 1\nB = C = 2\nclass D:\n    e: int = 3\n    def f(self):\n        g = 4\n"
    assert {(mutant.after, mutant.names) for mutant in mutants_of(source)} == {
        ("A: Final = 2", ("A",)),
        ("B = C = 3", ("B", "C")),
        ("e: int = 4", ("D",)),
        ("g = 5", ()),
    }
