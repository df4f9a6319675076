"""The recipes for schedulers of the guide, each where its library is installed: ``make test-schedulers``."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connecty_frames.sandbox import Sandbox

DOCS = Path(__file__).parents[2] / "docs"
QUESTION = "list the top 5 countries with the most orders"
FEATURES = "revenue and orders by customer on 2025-10-31"
#: The files that dbt needs: where models and the database are.
PROJECT = {
    "dbt_project.yml": "{name: shop, version: 1.0.0, profile: shop}",
    "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}}}",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]


def blocks(page: str, section: str) -> list[str]:
    """Return the Python of a section; the first is that above all headings."""
    text = (DOCS / page).read_text(encoding="utf-8")
    sections = dict(re.findall(r"^#+ (.+)\n((?:(?!#+ ).*\n)*)", text, re.MULTILINE))
    return re.findall(r"```python\n(.*?)```", sections[section], re.DOTALL)


@pytest.fixture
def names(connected: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Run the Python that the recipes build on, and return its names; nothing is logged as asked."""
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {"__name__": "recipes"}
    for text in blocks("scheduling.md", "Schedulers and resuming"):
        run(text, found)
    (contract,) = blocks("nightly.md", "1. The contract")
    run(
        contract.partition("sandbox = ")[0] + contract[contract.index("def ") : contract.index("table = ")],
        found,
    )
    connected.request_log.clear()
    return found


def run(text: str, found: dict[str, Any]) -> None:
    exec(compile(text, "docs", "exec", dont_inherit=True), found)


def nightly(scheduler: str) -> str:
    (text,) = [text for text in blocks("nightly.md", "5. The scheduler") if scheduler in text]
    return text


def test_dagster(connected: Sandbox, names: dict[str, Any]) -> None:
    """The night again asks nothing."""
    dagster = pytest.importorskip("dagster", reason="dagster is not installed: run make test-schedulers")
    names["__annotations__"] = {}
    run(nightly("dagster"), names)
    for _ in range(2):
        assert dagster.materialize([names["nightly"]], partition_key="2025-10-31").success
    assert connected.request_log.submissions() == {FEATURES: 1}


def test_prefect(connected: Sandbox, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The flow submits once, and fetches."""
    monkeypatch.setenv("PREFECT_HOME", str(Path.cwd() / "prefect"))
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "CRITICAL")  # its server logs after the end of the test
    monkeypatch.setenv("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "300")
    pytest.importorskip("prefect", reason="prefect is not installed: run make test-schedulers")
    (text,) = blocks("scheduling.md", "Prefect")
    run(text, names)
    assert names["orders"]() == "orders.parquet"
    assert connected.request_log.submissions() == {QUESTION: 1}


def test_dbt(connected: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The second run returns the recorded answer; the table has the types of ``schema=``."""
    pytest.importorskip("dbt.adapters.duckdb", reason="dbt is not installed: run make test-schedulers")
    monkeypatch.chdir(tmp_path)
    connected.request_log.clear()
    (text,) = blocks("scheduling.md", "dbt")
    (tmp_path / "models").mkdir()
    for name, content in {**PROJECT, "models/top_countries.py": text}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    settings = {"CONNECTY_HISTORY": str(tmp_path / "history.sqlite3"), "DBT_SEND_ANONYMOUS_USAGE_STATS": "0"}
    for _ in range(2):
        done = subprocess.run(
            [Path(sys.executable).parent / "dbt", "run"],
            env={**os.environ, **settings}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout

    assert connected.request_log.submissions() == {QUESTION: 1}
    with duckdb.connect(str(tmp_path / "shop.duckdb"), read_only=True) as database:
        found = database.sql("SELECT column_name, data_type FROM information_schema.columns").fetchall()
    assert found == [("country", "VARCHAR"), ("orders", "BIGINT")]


def test_airflow() -> None:
    """The recipes can be parsed: Airflow is not run."""
    recipes = [*blocks("scheduling.md", "Airflow"), nightly("airflow")]
    functions = [
        each.name for text in recipes for each in ast.parse(text).body if isinstance(each, ast.FunctionDef)
    ]
    assert functions == ["orders", "nightly"]
