"""How the tests run: one that hangs ends, and in CI none is skipped for want of a program."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import programs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HANGING = """
import time

def test_once():
    time.sleep(30)

def test_again():
    try:
        time.sleep(30)
    except BaseException:
        time.sleep(30)

def test_passes():
    pass
"""
SKIPPED = """
import pytest

@pytest.mark.external
def test_program():
    pytest.skip("there is no nginx")

def test_a_lost_answer_is_uncertain():
    pytest.skip("flaky")

def test_an_id_that_arrived_whole_is_kept():
    pytest.skip("the system refuses: mount: /disk: permission denied.")

def test_other():
    pytest.skip("not on this system")
"""


def run(folder: Path, source: str, *arguments: str, **environment: str) -> dict[str, int]:
    file = folder / "tests" / "faults" / "test_submission.py"
    file.parent.mkdir(parents=True)
    file.write_text(source)
    settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "-p", "tests.conftest"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *settings, *arguments, str(file)],
        cwd=ROOT,
        env={**{name: value for name, value in os.environ.items() if name != "CI"}, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stdout.splitlines()[-1]
    return {name: int(count) for count, name in re.findall(r"(\d+) (failed|passed|skipped)", last)}


def test_a_test_that_hangs_ends(tmp_path: Path) -> None:
    """By an exception, or if that does not end it with its process; the other tests run."""
    assert run(tmp_path, HANGING, "--timeout", "1", "-n", "1") == {"failed": 2, "passed": 1}


@pytest.mark.parametrize(
    ("environment", "outcomes"),
    [
        ({}, {"skipped": 4}),
        ({"CI": "true"}, {"failed": 2, "skipped": 2} if programs._ROOT else {"skipped": 4}),
    ],
    ids=["elsewhere", "in CI"],
)
def test_what_may_be_skipped(tmp_path: Path, environment: dict[str, str], outcomes: dict[str, int]) -> None:
    """In CI neither a test that needs a program, nor one that holds a promise, unless the system refuses."""
    assert run(tmp_path, SKIPPED, **environment) == outcomes
