"""The recipes of ``docs/engines.md``, each where its library is installed: ``make test-engines``."""

import re
from pathlib import Path
from typing import Any

import pytest

from connecty_frames.sandbox import Sandbox

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of the engines


def blocks(section: str) -> list[str]:
    """Return the Python of a section; the first is that above all headings."""
    sections = dict(
        re.findall(r"^#+ (.+)\n((?:(?!#+ ).*\n)*)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    )
    return re.findall(r"```python\n(.*?)```", sections[section], re.DOTALL)


def run(section: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for text in [*blocks("Dask, Ray, Daft, DuckDB, ibis"), *blocks(section)]:
        exec(compile(text, str(PAGE), "exec", dont_inherit=True), namespace)
    return namespace


@pytest.mark.parametrize(("section", "library"), [("ibis", "ibis"), ("Dask", "dask"), ("Daft", "daft")])
def test_recipes(
    section: str, library: str, connected: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each asks each question once, and computing again fetches."""
    pytest.importorskip(library, reason=f"{library} is not installed: run make test-engines")
    monkeypatch.chdir(tmp_path)
    connected.request_log.clear()
    found = run(section)
    assert connected.request_log.submissions() == dict.fromkeys(found["questions"], 1)
    if section == "Dask":
        assert len(found["df"].compute()) == 38
        assert connected.request_log.submissions() == dict.fromkeys(found["questions"], 1)


def test_ray(connected: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its workers are processes with the environment of the program."""
    ray = pytest.importorskip("ray", reason="ray is not installed: run make test-engines")
    monkeypatch.chdir(tmp_path)
    connected.request_log.clear()
    try:
        found = run("Ray")
    finally:
        ray.shutdown()
    assert connected.request_log.submissions() == dict.fromkeys(found["questions"], 1)
