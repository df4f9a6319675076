"""The short form of ``make verify WHAT=mutate``, of a package with one module."""

import sys
from pathlib import Path

import pytest

from tests.verification.mutation import survivors

FILES = {
    "pyproject.toml": "[tool.pytest.ini_options]\naddopts = ['--import-mode=importlib']\n"
    "[tool.mutmut]\nsource_paths = ['tiny']\n",
    "tiny/__init__.py": "",
    "tiny/room.py": (
        "def is_small(number):\n"
        "    size = 10  # pragma: no mutate - nothing tests it\n"
        "    return -size < number < size\n"
    ),
    "tests/test_room.py": (
        "from tiny.room import is_small\n\n"
        "def test_numbers():\n    assert (is_small(9), is_small(10), is_small(-9)) == (True, False, True)\n\n"
        "def test_that_fails():\n    assert is_small(12)\n"
    ),
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="mutmut forks")
def test_a_change_that_no_test_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of three survives, since the tests do not compare -10; a marked line has none."""
    pytest.importorskip("mutmut", reason="mutmut is in the group mutation")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (change,) = survivors("room", 100, seed=1, workers=1, root=tmp_path, package="tiny")
    assert "\n-    return -size < number < size\n+    return -size <= number < size" in change
    assert capsys.readouterr().out == (
        "not used, since it fails without a mutant: tests/test_room.py::test_that_fails\n"
        "room: 2 killed, 1 survived, of 3 by seed 1\n"
    )
    assert sorted(tmp_path.rglob("mutants")) == []
