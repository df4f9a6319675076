"""The notebooks run from top to bottom against the sandbox, and their stored outputs are current."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cases import cases
from tools.notebooks import NOTEBOOKS, differences, execute

each = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])

ID = "d603b43c-574a-4b52-b416-78b4c8f93f61"
OTHER_ID = "00ac563e-a02a-4199-aabc-98af3cf76148"


@each
def test_it_is_stored_with_its_outputs(notebook: Path) -> None:
    """Of one run from top to bottom, without warnings or unintended errors, and small enough for a diff."""
    text = notebook.read_text(encoding="utf-8")
    code = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in code for output in cell["outputs"]]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert [cell for cell in code if failed(cell) and "tags" not in cell["metadata"]] == []
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    assert any(output["output_type"] == "execute_result" for output in outputs)
    assert len(text) < 600_000


@pytest.mark.slow
@each
def test_its_outputs_are_current(notebook: Path) -> None:
    """Executed again, it has the same outputs. On another Python, whose libraries may be older, it runs."""
    for needed in ("nbclient", "ipykernel", "altair", "sklearn"):
        pytest.importorskip(needed, reason=f"{needed} is not installed with the lowest versions")
    stored = notebook.read_text(encoding="utf-8")
    changed = differences(stored, execute(stored))
    if sys.version_info[:2] != (3, 11):
        pytest.skip("it ran; its outputs are compared on Python 3.11")
    assert not changed, "\n".join([f"{notebook.name} is not current, run `make notebooks`:", *changed])


def failed(cell: dict[str, Any]) -> bool:
    return any(output["output_type"] == "error" for output in cell["outputs"])


def notebook_of(
    *outputs: dict[str, Any], source: str = "answer", metadata: dict[str, Any] | None = None
) -> str:
    cell = {"cell_type": "code", "id": "01-03", "metadata": {}, "source": [source], "outputs": outputs}
    return json.dumps({"cells": [cell], "metadata": metadata or {}, "nbformat": 4, "nbformat_minor": 5})


def printed(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}


def shown(**data: Any) -> dict[str, Any]:
    types = {"html": "text/html", "plain": "text/plain", "png": "image/png", "svg": "image/svg+xml"}
    return {"output_type": "execute_result", "data": {types[name]: value for name, value in data.items()}}


@cases(
    ("stored", "executed"),
    [
        (f"question_id {ID}\n", f"question_id {OTHER_ID}\n"),
        ("sent at 2026-11-26 09:00:05 UTC.", "sent at 2027-01-02 23:59:59 UTC."),
        (
            "5 rows · workspace 13 · 0.4 s · 2026-11-26 09:06 UTC",
            "5 rows · workspace 13 · 12.0 s · 2027-01-02 23:59 UTC",
        ),
        ("127.0.0.1:36113 answered 404", "127.0.0.1:8123 answered 404"),
        ("<Sandbox at http://127.0.0.1:36113>", "<Sandbox at http://127.0.0.1:40001>"),
        ("<object at 0x7f0c1a2b>", "<object at 0x7fffffff0000>"),
        ("schema/vega-lite/v6.4.1.json", "schema/vega-lite/v6.10.0.json"),
    ],
)
def test_what_differs_in_each_run_is_no_difference(stored: str, executed: str) -> None:
    """Ids, times of asking, durations, addresses and a version, in text and in HTML."""
    assert differences(notebook_of(printed(stored)), notebook_of(printed(executed))) == []
    assert differences(notebook_of(shown(html=[stored])), notebook_of(shown(html=[executed]))) == []


def test_pictures_are_not_compared() -> None:
    """They depend on fonts and libraries. That they are there, and the Vega-Lite of a chart, is compared."""
    stored = notebook_of(shown(png="iVBORw0KGgo=\n", svg=["<svg>1</svg>"], plain=["a chart"]))
    assert differences(stored, notebook_of(shown(png="AAAA", svg=["<svg>2</svg>"], plain=["a chart"]))) == []
    assert differences(stored, notebook_of(shown(png="AAAA", plain=["a chart"]))) == [
        "--- cell 1 (01-03), stored",
        "+++ cell 1 (01-03), executed",
        "@@ -8,3 +8,2 @@",
        '     "image/png": "<picture>",',
        '-    "image/svg+xml": "<picture>",',
        '     "text/plain": [',
    ]


@cases(
    ("executed", "line"),
    [
        ([printed("Poland 31769\n")], '+    "Poland 31769\\n"'),
        ([printed("Poland  31768\n")], '+    "Poland  31768\\n"'),
        ([], '-    "Poland 31768\\n"'),
        ([printed("Poland 31768\n"), printed("again")], '+    "again"'),
        ([printed("Poland 31768\n") | {"name": "stderr"}], '+   "name": "stderr",'),
        ([shown(plain=["Poland 31768\n"])], '+   "output_type": "execute_result"'),
    ],
)
def test_other_differences_are_found(executed: list[dict[str, Any]], line: str) -> None:
    """A value, a space, an output too few or too many, and how it is displayed; the cell is named."""
    found = differences(notebook_of(printed("Poland 31768\n")), notebook_of(*executed))
    assert found[0] == "--- cell 1 (01-03), stored"
    assert line in found


@cases(
    ("stored", "executed"),
    [
        ("2025-10-31 09:06:12+00:00", "2025-10-31 09:06:13+00:00"),
        ("2025-10-31T09:06:12+01:00", "2025-10-31T09:06:12+02:00"),
        ("2025-10-31", "2025-11-01"),
        ("100 of 100,000 rows", "100 of 100,001 rows"),
    ],
)
def test_values_that_look_similar_are_compared(stored: str, executed: str) -> None:
    """Dates and times of the data, and counts."""
    assert differences(notebook_of(printed(stored)), notebook_of(printed(executed))) != []


def test_what_an_editor_adds_is_a_difference() -> None:
    """So that ``make notebooks`` removes it again."""
    saved = {"language_info": {"name": "python", "version": "3.13.0"}}
    assert differences(notebook_of(metadata=saved), notebook_of())[0] == "--- metadata, stored"


@pytest.mark.slow
def test_executing_leaves_what_one_run_writes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty outputs, times, versions and the metadata of editors. Settings of the user have no effect."""
    pytest.importorskip("nbclient", reason="nbclient is not installed with the lowest versions")
    monkeypatch.setenv("CONNECTY_DW_ID", "99")
    source = (
        "from IPython.display import display\n"
        "import os, sys\n"
        "display({'text/plain': ''}, raw=True)\n"
        "print(os.environ.get('CONNECTY_DW_ID'))\n"
        "print(1, flush=True)\n"
        "sys.stdout.write('2\\n');"
    )

    notebook = json.loads(execute(notebook_of(source=source, metadata={"kernelspec": {"name": "mine"}})))

    assert notebook == {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": 1,
                "id": "01-03",
                "metadata": {},
                "outputs": [{"name": "stdout", "output_type": "stream", "text": ["None\n", "1\n", "2\n"]}],
                "source": source.splitlines(keepends=True),
            }
        ],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
