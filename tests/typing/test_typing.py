"""What type checkers report in code of users: errors in the lines that have them, and nothing else.

The examples of ``README.md`` and ``docs/typing.md`` are such code too, without errors.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import connecty_frames as cf
from tests.cases import cases

ROOT = Path(__file__).parents[2]
USER_CODE = ROOT / "tests" / "typing" / "user_code.py"

pytestmark = pytest.mark.slow


def lines_with_errors(checker: str) -> list[int]:
    lines = enumerate(USER_CODE.read_text(encoding="utf-8").splitlines(), 1)
    return [number for number, line in lines if re.search(rf"  # error(: {checker})?$", line)]


def write_pages(folder: Path) -> list[Path]:
    paths = []
    for name in ("README", "docs/typing"):
        page = (ROOT / f"{name}.md").read_text(encoding="utf-8")
        paths.append(folder / f"{Path(name).name.lower()}_page.py")
        paths[-1].write_text("".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)), encoding="utf-8")
    return paths


def test_pyright(tmp_path: Path) -> None:
    """Its strict mode, which also reports types that are only partly known."""
    pytest.importorskip("pyright", reason="pyright is not installed")
    pytest.importorskip("pandas-stubs", reason="pandas-stubs is not installed")
    shutil.copy(USER_CODE, tmp_path)
    pages = set(map(str, write_pages(tmp_path)))
    (tmp_path / "pyrightconfig.json").write_text(
        json.dumps(
            {
                "extraPaths": [str(ROOT)],  # before another version in the environment
                "typeCheckingMode": "strict",
                "reportUnusedExpression": False,
            }
        )
    )

    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", "-p", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )

    found = json.loads(done.stdout)["generalDiagnostics"]
    assert [each["message"] for each in found if each["file"] in pages] == []
    reported = {each["range"]["start"]["line"] + 1: each["message"] for each in found}
    assert sorted(reported) == lines_with_errors("pyright"), reported


def test_mypy(tmp_path: Path) -> None:
    """With ``--strict``, and the stubs of pandas."""
    pytest.importorskip("mypy", reason="mypy is not installed")

    # In the project's folder and with its settings, so that it shares the cache of `make check`.
    options = ["--strict", "--no-error-summary", "--hide-error-context"]

    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, USER_CODE, *write_pages(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert done.stderr == ""
    assert "page.py" not in done.stdout
    reported = dict(re.findall(r"^.*user_code\.py:(\d+): error: (.*)$", done.stdout, re.MULTILINE))
    assert [int(line) for line in reported] == lines_with_errors("mypy"), done.stdout


@cases(
    ("code", "name"),
    [
        ("cf.ask_df('q').group", "groupby"),
        ("cf.ask_df('q').conn", "connecty"),
        ("cf.ask('q').to_polars().group", "group_by"),
        ("cf.ask('q').to_polars().connecty.sql", "sql_query"),
    ],
)
def test_completion_of_a_call(code: str, name: str) -> None:
    """IPython completes what a call would return by jedi, which reads annotations and runs nothing."""
    jedi = pytest.importorskip("jedi", reason="jedi is not installed")

    assert name in [each.name for each in jedi.Interpreter(code, [{"cf": cf}]).complete()]


def test_completion_in_an_editor() -> None:
    """Editors with jedi read the source of the package, whose names are imported for type checkers alone."""
    jedi = pytest.importorskip("jedi", reason="jedi is not installed")
    project = jedi.Project(ROOT, sys_path=[str(ROOT), *sys.path])

    found = jedi.Script("import connecty_frames as cf\ncf.ask_d", project=project).complete()

    assert [each.name for each in found] == ["ask_df", "ask_df_async"]
