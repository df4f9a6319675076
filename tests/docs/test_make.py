"""The targets of the Makefile: few, listed by ``make help``, and each that a text names exists."""

import os
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
MAKEFILE: Final = (ROOT / "Makefile").read_text(encoding="utf-8")
#: As a text names a target in quotes of code, and a script or a block of code calls it.
NAMED: Final = re.compile(
    r"(?:^|`|step |run )make(?: [A-Z]+=\S+| \"PYTHON=[^\"]+\")* ([a-z][a-z-]+)(?: WHAT=([a-z-]+))?\b",
    re.MULTILINE,
)


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make, without the variables of the make that may run these tests."""
    own = {"ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "PYTHON", "WHAT"}
    environment = {name: value for name, value in os.environ.items() if name not in own}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def dry_run(*arguments: str) -> str:
    done = make("--dry-run", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def listed() -> set[tuple[str, str]]:
    """Return the targets that ``make help`` lists, each with a WHAT or an empty text."""
    printed = make("help").stdout
    lines = [re.match(r"make ([a-z-]+)(?: WHAT=([a-z-]+))?  +\S", line) for line in printed.splitlines()]
    assert all(lines), printed
    return {(line[1], line[2] or "") for line in lines if line}


def test_there_are_at_most_24_targets(listed: set[tuple[str, str]]) -> None:
    """Help lists all of them, each with what it does."""
    declared = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0]
    environments = re.findall(r"^ENVIRONMENTS := (.*)$", MAKEFILE, re.MULTILINE)[0].split()
    names = declared.replace("$(ENVIRONMENTS:%=test-%)", " ".join(f"test-{each}" for each in environments))
    assert {name for name, what in listed if not what} == set(names.split())
    assert {"demo", "test", "test-fast", "check", "format", "docs", "dist"} <= set(names.split())
    assert len(names.split()) <= 24


def test_every_target_that_is_named_exists(listed: set[tuple[str, str]]) -> None:
    """In the documentation, the notes of the project, its scripts, tests and code."""
    folders = ("benchmarks", "connecty_frames", "docs", "tests", "tools")
    paths = [
        *(path for folder in folders for path in (ROOT / folder).rglob("*.*")),
        *ROOT.glob("*.*"),
        *(ROOT / ".ci").glob("*"),
    ]
    named = {
        (match[1], match[2] or "")
        for path in paths
        if path.suffix in {".md", ".py", ".toml", ".yaml", ""}
        and path.is_file()
        and "_build" not in path.parts
        for match in NAMED.finditer(path.read_text(encoding="utf-8"))
    } - {("setup", "lowest"), ("setup", "")}

    assert {("demo", ""), ("bench", "decode"), ("verify", "chaos"), ("test-engines", "")} <= named
    assert named <= listed
    assert not {("bench", ""), ("verify", "")} & named


@pytest.mark.parametrize("target", ["bench", "verify"])
@pytest.mark.parametrize("what", [None, "", "wrong"])
def test_a_choice_that_is_missing_or_wrong_ends_with_a_list(
    target: str, what: str | None, listed: set[tuple[str, str]]
) -> None:
    """Before anything is installed or run."""
    done = make("--dry-run", target) if what is None else make("--dry-run", target, f"WHAT={what}")
    choices = sorted(each for name, each in listed if name == target and each)
    assert done.returncode == 2
    assert f"make {target} needs WHAT, one of: {' '.join(choices)}." in done.stderr
    assert done.stdout == ""


def test_a_choice_runs_its_program() -> None:
    """With further arguments, and from the environment that tests use."""
    assert "/python -m benchmarks.decode --growth W1 " in dry_run("bench", "WHAT=growth", "ARGS=W1")
    printed = dry_run("verify", "WHAT=bounds", "ARGS=--sizes 1")
    assert "/python -m benchmarks.bounds --sizes 1; code=$?; " in printed
    assert "/python -m benchmarks.bounds --calls --sizes 1 && exit $code" in printed


def test_environments_have_tests_of_their_own() -> None:
    """Their programs run in a folder of their own, also for another Python."""
    assert ".venv-engines/bin/python -m pytest --force-enable-socket tests/engines -x" in dry_run(
        "test-engines", "ARGS=-x"
    )
    assert ".venv-spark-lowest/bin/python -m pytest tests/spark" in dry_run("test-spark-lowest")
    assert "--resolution lowest-direct --editable" in dry_run("--always-make", "setup", "WHAT=lowest")


def test_setup_installs_the_groups_that_are_given() -> None:
    """By default what the tests need."""
    installed = re.compile(r"--group ([\w-]+)")
    assert installed.findall(dry_run("--always-make", "setup")) == ["test"]
    given = dry_run("--always-make", "setup", "WHAT=lint docs")
    assert installed.findall(given) == ["lint", "docs"]
