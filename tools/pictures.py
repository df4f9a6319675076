"""Draw the pictures of the documentation with answers of the sandbox (``make picture``).

Chromium takes them (``apt-get install chromium``) in the light and the dark theme, such as ``answer.png`` and
``answer-dark.png``: ``answer`` and ``chart`` are cells of a notebook in JupyterLab, ``jupyterlab`` is its
window, ``terminal`` is a terminal of 80 columns, ``dashboard`` the one of the guide in Streamlit.
"""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME
from rich.text import Text

from connecty_frames.sandbox import Sandbox
from tests.servers.jupyterlab import JupyterLab
from tests.servers.programs import Program, free_port, missing
from tests.verification.examples import ROOT, blocks

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect

    from tests.servers.jupyterlab import Chromium, Theme

FOLDER: Final = Path(__file__).parents[1] / "docs" / "_static"
QUESTION: Final = "list the top 5 countries with the most orders"
CARD: Final = (
    f'import connecty_frames as cf\n\ncf.ask("{QUESTION}")',
    'cf.ask_df("show the last 100 logins").dtypes',
    "",
)
CHART: Final = (
    "import connecty_frames as cf",
    'answer = cf.ask("monthly revenue by category in 2025 without returned orders")\nanswer.plot()',
    "",  # the cell with a toolbar
)
#: Hides the border of the cell below, which would be a line under the picture.
OTHER_CELLS: Final = ".jp-CodeCell:last-child { visibility: hidden; }"
#: The pixels of a picture for each CSS pixel.
SCALE: Final = 1.4
#: The width of the terminal in characters.
COLUMNS: Final = 80
#: Without space between lines, so that the borders of tables are closed.
TERMINAL: Final = """<pre style="
    display: inline-block; width: 80ch; margin: 0; padding: 12px; border: 1px solid #8886; border-radius: 8px;
    font: 14px/1.16 'DejaVu Sans Mono', monospace; color: {foreground}; background: {background}
">{code}</pre>"""


def main() -> None:
    """Write the pictures."""
    if missing("chromium"):
        sys.exit("There is no chromium: apt-get install chromium")
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        settings = {f"CONNECTY_{name.upper()}": str(value) for name, value in sandbox.connection.items()}
        with JupyterLab(Path(folder), settings, scale=SCALE) as lab:
            lab.page.set_viewport_size({"width": 980, "height": 830})
            themes: tuple[Theme, ...] = ("light", "dark")
            for theme in themes:
                lab.theme(theme)  # before it draws: a chart keeps the theme in which it was drawn
                for name, cells in (("answer", CARD), ("chart", CHART)):
                    lab.run(*cells)
                    draw_cell(lab, name, theme)
            draw_terminal(lab.browser, run_in_terminal())
            draw_dashboard(lab.browser, Path(folder), settings)


def draw_cell(lab: JupyterLab, name: str, theme: Theme) -> None:
    """Take a picture of the cell that shows an answer, and of the window around the card."""
    cell = lab.page.locator(".jp-CodeCell").nth(0 if name == "answer" else 1)
    suffix = "-dark" if theme == "dark" else ""
    cell.screenshot(path=FOLDER / f"{name}{suffix}.png", style=OTHER_CELLS)
    if name == "answer":
        lab.page.screenshot(path=FOLDER / f"jupyterlab-{theme}.png")


def run_in_terminal() -> str:
    """Return what the command writes to a terminal, with its escape sequences."""
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).with_name("connecty")), "ask", QUESTION, "--sandbox"]
    environment = os.environ | {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # Linux reports the end of a terminal as an error
            while piece := os.read(ours, 65536):
                seen += piece
    os.close(ours)
    return seen.decode().replace("\r\n", "\n")


def draw_terminal(browser: Chromium, output: str) -> None:
    """Take pictures of a terminal with a command and its output."""
    page = browser.open(scale=SCALE)
    for theme, suffix in ((DEFAULT_TERMINAL_THEME, ""), (SVG_EXPORT_THEME, "-dark")):
        console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
        console.print(f'$ connecty ask "{QUESTION}" --sandbox', highlight=False, markup=False)
        console.print(Text.from_ansi(output))
        page.set_content(console.export_html(theme=theme, inline_styles=True, code_format=TERMINAL))
        page.locator("pre").screenshot(path=FOLDER / f"terminal{suffix}.png", omit_background=True)


def draw_dashboard(browser: Chromium, folder: Path, settings: dict[str, str]) -> None:
    """Take pictures of the first script on the page about dashboards."""
    page = ROOT.joinpath("docs/dashboard.md").read_text(encoding="utf-8")
    script = next(block.text for block in blocks(page) if block.language == "python")
    (folder / "dashboard.py").write_text(script.replace("cf.use_sandbox()", ""), encoding="utf-8")
    port = free_port()
    options = (
        "--server.headless=true",
        f"--server.port={port}",
        "--browser.gatherUsageStats=false",
        "--client.toolbarMode=minimal",
    )
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "dashboard.py",
        *options,
        "--server.address=127.0.0.1",
    ]
    environment = os.environ | settings
    with Program("streamlit", command, port=port, folder=folder, trusted=True, environment=environment):
        themes: tuple[tuple[Theme, str], ...] = (("light", ""), ("dark", "-dark"))
        for theme, suffix in themes:
            tab = browser.open(size=(640, 760), scale=SCALE)
            tab.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            tab.goto(f"http://127.0.0.1:{port}")
            tab.locator("canvas, svg.marks").first.wait_for()
            tab.wait_for_load_state("networkidle")
            visible: FloatRect = {"x": 0, "y": 70, "width": 640, "height": 690}  # without the empty toolbar
            tab.screenshot(path=FOLDER / f"dashboard{suffix}.png", clip=visible)


if __name__ == "__main__":
    main()
