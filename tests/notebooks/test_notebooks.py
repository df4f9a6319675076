"""The notebooks run from top to bottom against the sandbox, and are stored without outputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
each = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])

#: Run in a process of its own, which may open sockets to the kernel.
EXECUTE = """
import sys, json, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
print(json.dumps(notebook))
"""


def test_the_notebooks() -> None:
    """Five, in reading order."""
    assert [path.stem for path in NOTEBOOKS] == [
        "01_quickstart",
        "02_types_and_metadata",
        "03_polars_and_arrow",
        "04_feature_pipeline",
        "05_error_handling",
    ]


@each
def test_it_is_stored_without_outputs(notebook: Path) -> None:
    """So that a diff shows changes of text only, and no data is stored."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]

    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)


@pytest.mark.slow
@each
def test_it_runs(notebook: Path, tmp_path: Path) -> None:
    """Without an error, a warning, or anything on standard error."""
    for needed in ("nbclient", "ipykernel", "altair", "sklearn"):
        pytest.importorskip(needed, reason=f"{needed} is not installed with the lowest versions")

    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(notebook)],
        capture_output=True,
        text=True,
        env={**os.environ, "IPYTHONDIR": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path)},
        cwd=tmp_path,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    outputs = [output for cell in json.loads(done.stdout)["cells"] for output in cell.get("outputs", [])]
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []
    assert {output["output_type"] for output in outputs} & {"execute_result", "stream"}
