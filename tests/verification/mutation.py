"""Do the fast tests of a room notice changes of it? ``make verify WHAT=mutate``, by mutmut.

A room is a folder or module of the package; its tests have the same name. mutmut works in a copy of the
checkout, by its table in ``pyproject.toml``. It leaves out tables, decorated functions, and statements with
``# pragma: no mutate``.
"""

import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

# As a plugin of pytest: errors.is_own looks at the frames of an error, and some are mutmut's.
if "mutmut" in sys.modules:
    sys.stdlib_module_names |= {"mutmut"}


def main(room: list[str], count: int, seed: int, workers: int) -> list[str]:
    """Draw mutants of each room, by default of all with tests; return the changes that no test notices."""
    names = sorted(path.stem for path in (ROOT / "connecty_frames").iterdir() if _tests(ROOT, path.stem))
    rooms = names if room == [""] else room
    return [change for each in rooms for change in survivors(each, count, seed, workers)]


def survivors(
    room: str, count: int, seed: int, workers: int, root: Path = ROOT, package: str = "connecty_frames"
) -> list[str]:
    """Try mutants of a room; return the changes that its tests execute and do not notice."""
    tests = _tests(root, room)
    if not tests:
        return [f"{room}: no tests have this name"]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "checkout")
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".*", "_build"))
        printed = _prepare(copy, [f"{package}/{room}/*", f"{package}/{room}.py"], tests)
        names = sorted(_statuses(copy))
        drawn = random.Random(seed).sample(names, min(count, len(names)))
        printed += _mutmut(copy, "run", f"--max-children={workers}", *drawn) if drawn else ""
        statuses = {name: status for name, status in _statuses(copy).items() if name in drawn}
        counts = ", ".join(
            f"{number} {status}" for status, number in sorted(Counter(statuses.values()).items())
        )
        print(f"{room}: {counts}, of {len(names):,} by seed {seed}", flush=True)
        if not drawn or "not checked" in counts:
            return [printed]
        noticed = {"killed", "timeout", "no tests"}
        return [_mutmut(copy, "show", name) for name in drawn if statuses[name] not in noticed]


def _prepare(copy: Path, mutated: list[str], tests: list[str]) -> str:
    """Make all mutants and time the tests, without those that fail; return what mutmut printed last."""
    settings = (copy / "pyproject.toml").read_text(encoding="utf-8")
    while True:
        table = (
            f"only_mutate = {json.dumps(mutated)}\npytest_add_cli_args_test_selection = {json.dumps(tests)}"
        )
        changed = settings.replace("[tool.mutmut]", f"[tool.mutmut]\n{table}")
        (copy / "pyproject.toml").write_text(changed, encoding="utf-8")
        printed = _mutmut(copy, "run", "none")
        failed = re.search(r"^(?:FAILED|ERROR) (tests/[^\s[]+::[^\s[]+)", printed, re.MULTILINE)
        if failed is None:
            return printed
        print(f"not used, since it fails without a mutant: {failed[1]}", flush=True)
        tests.append(f"--deselect={failed[1]}")


def _tests(root: Path, room: str) -> list[str]:
    return [name for name in (f"tests/{room}", f"tests/test_{room}.py") if (root / name).exists()]


def _mutmut(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _statuses(folder: Path) -> dict[str, str]:
    lines = _mutmut(folder, "results", "--all=true").splitlines()
    return dict(line.strip().split(": ", 1) for line in lines if line.startswith("    "))
