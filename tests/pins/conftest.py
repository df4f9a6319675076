"""A server whose answers the tests choose, and a working directory of their own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import connecty_frames as cf
from tests.servers.scripted import Script, serve

SQL = "SELECT o.id, o.name FROM shop.orders AS o WHERE o.id < 100 ORDER BY o.id"


class Service:
    """A service that gives the same answer to every question, until its answer is replaced."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.client = cf.Client("id", client_secret="secret", base_url=script.address, dw_id=13)
        self.answer()

    def answer(self, sql: str | None = SQL, rows: list[list[Any]] | None = None, **results: Any) -> None:
        """Answer questions from now on by this SQL, and a header with rows."""
        table = [["id", "name"], [1, "a"], [2, "b"]] if rows is None else rows
        body = {"sql_query": sql, "response_summary": "Two.", "dataframe": table, **results}
        self.script.on("results", Script.completed(**body))

    def pin(self, name: str = "orders", **options: Any) -> cf.Pin:
        return cf.pin(name, "list the orders", **{"dialect": "duckdb", "client": self.client, **options})

    def edit(self, before: str, after: str) -> None:
        path = Path("connecty-pins/orders.toml")
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after), encoding="utf-8")


@pytest.fixture
def service() -> Iterator[Service]:
    with serve() as script:
        made = Service(script)
        yield made
        made.client.close()


@pytest.fixture
def database() -> duckdb.DuckDBPyConnection:
    """Return a warehouse that has other orders than the answer had."""
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA shop")
    connection.execute("CREATE TABLE shop.orders (id BIGINT, name VARCHAR)")
    connection.execute("INSERT INTO shop.orders VALUES (2, 'b'), (3, 'c'), (7, 'd')")
    return connection


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path
