"""The examples of the page about all rows of an answer that need a database: each is run against one."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyarrow import dataset

from tests.servers.postgres import postgres_server
from tests.verification.examples import ROOT, blocks
from tests.verification.examples import run as run_blocks

psycopg = pytest.importorskip("psycopg", reason="the lowest versions have no server")
pytestmark = [pytest.mark.slow, pytest.mark.external]

PAGE = ROOT / "docs" / "warehouse.md"
URL = "postgresql://reader@warehouse/shop"
ROWS = [{"id": 1, "amount": 12.5}, {"id": 2, "amount": 25.0}, {"id": 3, "amount": 37.5}]
ORDERS = "CREATE TABLE shop.orders AS SELECT id, id * 12.5 AS amount FROM generate_series(1, 3) AS id"
FILE = "SELECT pg_read_file('/etc/hostname')"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Run a server with the orders and the role of the page, and return the URL of this role."""
    role = PAGE.read_text("utf-8").partition("```sql\n")[2].partition("```")[0]
    try:
        with postgres_server() as server:
            with psycopg.connect(server.url(), autocommit=True) as connection:
                for statement in ("CREATE SCHEMA shop", ORDERS, role):
                    connection.execute(statement)
            yield server.url(user="reader")
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Return a function that runs the first block of the page, and one that the page does not run."""
    monkeypatch.chdir(tmp_path)
    first, *others = [block for block in blocks(PAGE.read_text("utf-8")) if block.language == "python"]

    def run_block(package: str, given: str, instead: str) -> dict[str, Any]:
        """Run the block that begins with the import of a package, with another text for a given one."""
        [text] = [block.text for block in others if block.text.startswith(f"import {package}")]
        assert given in text
        names: dict[str, Any] = run_blocks(str(PAGE), [first])
        exec(text.replace(given, instead), names)
        assert names["answer"].to_arrow().schema.names == list(ROWS[0])
        return names

    return run_block


def test_adbc(run: Callable[..., dict[str, Any]], url: str) -> None:
    """The data set has all rows, with the types of the answer."""
    pytest.importorskip("adbc_driver_postgresql")
    names = run("adbc_driver_postgresql", URL, url)
    written = dataset.dataset("orders").to_table()
    assert written.schema.types == names["answer"].to_arrow().schema.types
    assert written.to_pylist() == ROWS


def test_json(run: Callable[..., dict[str, Any]], url: str) -> None:
    """The JSON that PostgreSQL writes is read as the types of the answer."""
    names = run("psycopg", URL, url)
    assert names["table"].schema.types == names["answer"].to_arrow().schema.types
    assert names["table"].to_pylist() == ROWS


def test_the_role(url: str) -> None:
    """It reads the orders, writes nothing, and reads no file of the server."""
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM shop.orders").fetchall() == [(3,)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("DELETE FROM shop.orders")
        connection.execute("SET default_transaction_read_only = off")
        for statement in ("DELETE FROM shop.orders", FILE):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_duckdb(tmp_path: Path) -> None:
    """Opened as the page says, a database writes nothing and reads no other file."""
    path = tmp_path / "shop.duckdb"
    duckdb.connect(path).execute("CREATE TABLE orders AS SELECT 1 AS id").close()
    [text] = re.findall(r"`(duckdb\.connect\(path, .*?\))`", PAGE.read_text("utf-8"))

    with eval(text, {"duckdb": duckdb, "path": path}) as connection:
        assert connection.sql("SELECT * FROM orders").fetchall() == [(1,)]
        for statement, error in {
            "SELECT * FROM read_text('/etc/passwd')": duckdb.PermissionException,
            "DELETE FROM orders": duckdb.InvalidInputException,
            "SET enable_external_access = true": duckdb.InvalidInputException,
        }.items():
            with pytest.raises(error):
                connection.execute(statement)


def test_sqlite(run: Callable[..., dict[str, Any]]) -> None:
    """A whole number beside fractions is no integer, and the file can only be read."""
    with closing(sqlite3.connect("shop.db")) as connection, connection:
        connection.execute("CREATE TABLE orders (id, amount)")
        connection.executemany("INSERT INTO orders VALUES (?, ?)", [(1, 12.5), (2, 25), (3, 37.5)])
    names = run("sqlite3", "answer.sql_query", "'SELECT * FROM orders'")
    assert names["frame"].to_dicts() == ROWS
    with closing(names["connection"]), pytest.raises(sqlite3.OperationalError, match="readonly"):
        names["connection"].execute("DELETE FROM orders")
