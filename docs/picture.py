"""Draw the pictures of the documentation: an answer of the sandbox in JupyterLab (``make picture``).

Chromium takes them (``apt-get install chromium``) in the light and the dark theme: ``answer.png`` and
``answer-dark.png`` of the cell alone, ``jupyterlab-light.png`` and ``jupyterlab-dark.png`` of the window.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from connecty_frames.sandbox import Sandbox
from tests.servers.jupyterlab import JupyterLab
from tests.servers.programs import missing

FOLDER: Final = Path(__file__).parent / "_static"
CELLS: Final = (
    'import connecty_frames as cf\n\ncf.ask("list the top 5 countries with the most orders")',
    'cf.ask_df("show the last 100 logins").dtypes',
    "",
)
#: The size of the window in CSS pixels, and the pixels of a picture for each of them.
SIZE: Final = {"width": 840, "height": 830}
SCALE: Final = 1.4


def main() -> None:
    """Write the pictures."""
    if missing("chromium"):
        sys.exit("There is no chromium: apt-get install chromium")
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        settings = {f"CONNECTY_{name.upper()}": str(value) for name, value in sandbox.connection.items()}
        with JupyterLab(Path(folder), settings, scale=SCALE) as lab:
            lab.page.set_viewport_size(SIZE)
            lab.run(*CELLS)
            lab.page.evaluate("document.querySelector('.connecty details').open = true")
            lab.page.locator(".jp-CodeCell").first.screenshot(path=FOLDER / "answer.png")
            lab.page.screenshot(path=FOLDER / "jupyterlab-light.png")
            lab.theme("dark")
            lab.page.locator(".jp-CodeCell").first.screenshot(path=FOLDER / "answer-dark.png")
            lab.page.screenshot(path=FOLDER / "jupyterlab-dark.png")


if __name__ == "__main__":
    main()
