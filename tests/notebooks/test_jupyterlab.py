"""An answer in JupyterLab, in a browser: its styles hold in both themes, and nothing is fetched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.servers.jupyterlab import jupyterlab_marks

if TYPE_CHECKING:
    from tests.servers.jupyterlab import JupyterLab

pytestmark = jupyterlab_marks()


def test_an_answer_is_shown_and_nothing_is_fetched(jupyterlab: JupyterLab) -> None:
    """The notebook runs without an error, is saved with the answer, and no other machine is addressed."""
    saved = jupyterlab.run(
        "import connecty_frames as cf",
        'cf.ask("list the top 5 countries with the most orders", progress=False)',
    )

    cells = json.loads(saved.read_text(encoding="utf-8"))["cells"]
    assert [[output["output_type"] for output in cell["outputs"]] for cell in cells] == [
        [],
        ["execute_result"],
    ]
    assert jupyterlab.page.locator(".connecty tbody tr").first.inner_text() == "Poland\t31768"
    assert jupyterlab.foreign == []
