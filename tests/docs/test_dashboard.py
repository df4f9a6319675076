"""The dashboards of the guide: how often they ask, in Streamlit's own harness and in marimo."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.verification.examples import ROOT, blocks

#: The libraries deprecate names of their own.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SCRIPT, HARNESS, LASTING, MARIMO, *_ = [
    block.text
    for block in blocks(ROOT.joinpath("docs/dashboard.md").read_text("utf-8"))
    if block.language == "python"
]
OWN = SCRIPT.replace("cf.use_sandbox()", "")
CACHED = '@st.cache_data(ttl="6h")\n'
#: Asks by the history, and nothing else.
RECORDED = OWN.replace(CACHED, 'cf.configure(history="h.sqlite3")\n').replace(
    "question, pro", 'question, max_age="6h", pro'
)


@pytest.mark.parametrize(
    ("script", "first", "second", "restarted"),
    [
        pytest.param(OWN.replace(CACHED, ""), 4, 5, 6, id="plain"),
        pytest.param(OWN, 1, 1, 2, id="cached"),
        pytest.param(RECORDED, 1, 1, 1, id="recorded"),
    ],
)
def test_streamlit_asks_as_often_as_the_page_says(
    script: str,
    first: int,
    second: int,
    restarted: int,
    counted: Callable[[], tuple[int, int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Questions after four runs, a second visitor, and a restart, which loses the cache."""
    streamlit = pytest.importorskip("streamlit", reason="streamlit is not installed: run make test")
    from streamlit.testing.v1 import AppTest

    monkeypatch.chdir(tmp_path)
    streamlit.cache_data.clear()
    Path("dashboard.py").write_text(script, encoding="utf-8")
    names: dict[str, AppTest] = {}
    exec(HARNESS.replace('"dashboard.py"', f'"{tmp_path}/dashboard.py"'), names)
    asked = [counted()[0]]
    AppTest.from_file(tmp_path / "dashboard.py", default_timeout=60).run()
    asked.append(counted()[0])
    streamlit.cache_data.clear()
    AppTest.from_file(tmp_path / "dashboard.py", default_timeout=60).run()

    assert not names["app"].exception
    assert len(names["app"].dataframe[0].value) == 15
    assert "sum(orders.total) AS revenue" in names["app"].code[0].value
    assert [*asked, counted()[0]] == [first, second, restarted]


def test_the_marimo_app_asks_in_one_cell(
    counted: Callable[[], tuple[int, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One question; its chart has the rows of the slider, on which the cell that asks does not depend."""
    pytest.importorskip("marimo", reason="marimo is not installed: run make test")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "dashboard", "__file__": str(tmp_path / "dashboard.py")}
    Path("dashboard.py").write_text(text := MARIMO.replace("cf.use_sandbox()", ""), encoding="utf-8")
    exec(compile(text, str(tmp_path / "dashboard.py"), "exec"), names)
    outputs, defined = names["app"].run()  # type: ignore[attr-defined]
    assert outputs[-1].to_dict()["title"]["subtitle"] == "Shown: 8 of 19 rows"
    assert defined["top"].value == 8
    assert counted()[0] == 1
