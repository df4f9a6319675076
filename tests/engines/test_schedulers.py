"""The recipes of ``docs/scheduling.md``, each where its library is installed: ``make test-schedulers``."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

if TYPE_CHECKING:
    from connecty_frames.sandbox import Sandbox

PAGE = Path(__file__).parents[2] / "docs" / "scheduling.md"
QUESTION = "list the top 5 countries with the most orders"
NIGHTLY = {f"how many orders are there in {name}": 1 for name in ("Poland", "Germany", "France")}
#: The files that dbt needs: where models and the database are.
PROJECT = {
    "dbt_project.yml": "{name: shop, version: 1.0.0, profile: shop}",
    "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}}}",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]


def blocks(section: str) -> list[str]:
    """Return the Python of a section; the first is that above all headings."""
    text = PAGE.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^#+ (.+)\n((?:(?!#+ ).*\n)*)", text, re.MULTILINE))
    return re.findall(r"```python\n(.*?)```", sections[section], re.DOTALL)


@pytest.fixture
def names(connected: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Run the Python that the recipes build on, and return its names; nothing is logged as asked."""
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {"__name__": "recipes"}
    for section in ("Schedulers and resuming", "Every night"):
        run(section, found)
    connected.request_log.clear()
    return found


def run(section: str, found: dict[str, Any]) -> None:
    """Run the Python of a section with these names."""
    for text in blocks(section):
        exec(compile(text, str(PAGE), "exec", dont_inherit=True), found)


def test_dagster(connected: Sandbox, names: dict[str, Any]) -> None:
    """Fetching again, and the night again, ask nothing."""
    dagster = pytest.importorskip("dagster", reason="dagster is not installed: run make test-schedulers")
    names["__annotations__"] = {}
    run("Dagster", names)

    assert dagster.materialize([names["orders_question"], names["orders"]]).success
    for _ in range(2):
        assert dagster.materialize([names["nightly"]], partition_key="2026-03-01").success
    assert connected.request_log.submissions() == {QUESTION: 1, **NIGHTLY}


def test_prefect(connected: Sandbox, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The night again asks nothing."""
    monkeypatch.setenv("PREFECT_HOME", str(Path.cwd() / "prefect"))
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "CRITICAL")  # its server logs after the end of the test
    monkeypatch.setenv("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "300")
    pytest.importorskip("prefect", reason="prefect is not installed: run make test-schedulers")
    run("Prefect", names)

    assert names["orders"]() == "orders.parquet"
    assert names["nightly"]() == names["nightly"]()
    assert connected.request_log.submissions() == {QUESTION: 1, **NIGHTLY}


def test_dbt(connected: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The second run returns the recorded answer; the table has the types of ``schema=``."""
    pytest.importorskip("dbt.adapters.duckdb", reason="dbt is not installed: run make test-schedulers")
    monkeypatch.chdir(tmp_path)
    connected.request_log.clear()
    (text,) = blocks("dbt")
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
    """The recipe can be parsed: Airflow is not run."""
    (text,) = blocks("Airflow")

    assert [each.name for each in ast.parse(text).body if isinstance(each, ast.FunctionDef)] == [
        *("orders", "nightly")
    ]
