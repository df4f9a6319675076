"""Execute the notebooks and store them with their outputs: ``make notebooks``.

A notebook is written only if something other than what differs in each run has changed, such as a question's
id or the time: running it twice changes no file.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

NOTEBOOKS: Final = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
#: Without the versions of the Python that executed it.
_METADATA: Final = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
#: What differs in each run, or with the version of a library, in the JSON of a notebook.
_VARYING: Final = {
    "<id>": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=X-Request-Id: )[0-9a-f]{16}",
    "<time>": r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC",
    "<duration>": r"\d+\.\d s\b",
    "<address>": r"127\.0\.0\.1:\d+|0x[0-9a-f]+",
    "/vega-lite/<version>": r"/vega-lite/v[0-9.]+",
}


def execute(notebook: str) -> str:
    """Return the text of a notebook with the outputs of its cells.

    It runs in a process and a folder of its own, without the user's settings of IPython, Jupyter and
    connecty_frames. Metadata of the run and of editors are removed, and the outputs that finished progress
    lines leave empty.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell without the tag ``raises-exception`` raises an error.
    """
    import nbformat
    from nbclient import NotebookClient
    from traitlets.config import Config

    node = nbformat.reads(notebook, as_version=4)
    others = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTY_")}
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            node,
            kernel_name="python3",
            timeout=120,
            record_timing=False,
            coalesce_streams=True,
            # By files in the folder, since other users of the machine can connect to ports.
            config=Config(KernelManager={"transport": "ipc", "connection_file": f"{folder}/kernel.json"}),
        )
        own = {"CONNECTY_CONFIG": os.devnull, "IPYTHONDIR": folder, "JUPYTER_CONFIG_DIR": folder}
        client.execute(cwd=folder, env=others | own)
    node.metadata = nbformat.from_dict(_METADATA)
    for cell in node.cells:
        # A tag says that a cell shows an error on purpose.
        cell.metadata = nbformat.from_dict({"tags": tags} if (tags := cell.metadata.get("tags")) else {})
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("data") != {"text/plain": ""}]
    return f"{nbformat.writes(node)}\n"


def differences(stored: str, executed: str) -> list[str]:
    """Return the lines of a diff of two notebooks, without what differs in each run."""
    before, after = _parts(json.loads(stored)), _parts(json.loads(executed))
    return [
        line
        for name in before | after
        for line in difflib.unified_diff(
            before.get(name, []),
            after.get(name, []),
            f"{name}, stored",
            f"{name}, executed",
            n=1,
            lineterm="",
        )
    ]


def _parts(notebook: dict[str, Any]) -> dict[str, list[str]]:
    """Return the lines of each cell, and those of the rest of the notebook."""
    cells = notebook.pop("cells")
    for data in (output["data"] for cell in cells for output in cell.get("outputs", []) if "data" in output):
        # How a picture is drawn depends on fonts and libraries; that of a chart is drawn from its Vega-Lite.
        data.update({kind: "<picture>" for kind in data if kind.startswith("image/")})
    parts = {f"cell {number} ({cell['id']})": cell for number, cell in enumerate(cells, 1)}
    return {name: _lines(part) for name, part in {**parts, "metadata": notebook}.items()}


def _lines(part: dict[str, Any]) -> list[str]:
    text = json.dumps(part, ensure_ascii=False, indent=1, sort_keys=True)
    for name, pattern in _VARYING.items():
        text = re.sub(pattern, name, text)
    return text.splitlines()


if __name__ == "__main__":
    for path in NOTEBOOKS:
        stored = path.read_text(encoding="utf-8")
        executed = execute(stored)
        changed = bool(differences(stored, executed))
        if changed:
            path.write_text(executed, encoding="utf-8")
        sys.stdout.write(f"{path.name}: {'written' if changed else 'unchanged'}\n")
