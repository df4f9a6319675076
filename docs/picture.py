"""Draw ``docs/_static/answer.png``: an answer of the sandbox as a notebook shows it (``make picture``).

Chromium renders the page twice (``apt-get install chromium``): to measure its height, and for the picture.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import connecty_frames as cf
from connecty_frames.sandbox import Sandbox

PICTURE: Final = Path(__file__).parent / "_static" / "answer.png"
QUESTION: Final = "list the top 5 countries with the most orders"
#: In CSS pixels. The picture has two pixels for each, so that it is sharp at this width.
WIDTH: Final = 700

#: The light theme of Jupyter, with a code cell above the answer.
PAGE: Final = """<!doctype html><meta charset="utf-8">
<style>
  body {{ margin: 0; padding: 10px; background: #fff; font: 13px/1.4 "DejaVu Sans", sans-serif; }}
  .code {{ margin-bottom: 8px; padding: 6px 10px; border: 1px solid #e0e0e0; background: #f7f7f7; }}
  .code, pre, code {{ font-family: "DejaVu Sans Mono", monospace; font-size: 12px; }}
</style>
<body data-jp-theme-light="true">
<div class="code">cf.ask("{question}")</div>
{answer}
<script>document.body.dataset.height = document.body.scrollHeight;</script>
"""


def main() -> None:
    """Write the picture."""
    chromium = shutil.which("chromium")
    if not chromium:
        sys.exit("There is no chromium: apt-get install chromium")
    with Sandbox() as sandbox, cf.Client(**sandbox.connection) as client:
        answer = client.ask(QUESTION)._repr_html_()
    page = PAGE.format(question=QUESTION, answer=answer.replace("<details>", "<details open>"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(page, encoding="utf-8")
        command = [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder}/profile",
        ]
        measured = subprocess.run(
            [*command, f"--window-size={WIDTH},600", "--dump-dom", str(file)],
            capture_output=True,
            text=True,
            check=True,
        )
        height = int(re.findall(r'data-height="(\d+)"', measured.stdout)[0])
        size = [f"--window-size={WIDTH},{height}", "--force-device-scale-factor=2"]
        subprocess.run(
            [*command, *size, f"--screenshot={PICTURE}", str(file)], capture_output=True, check=True
        )


if __name__ == "__main__":
    main()
