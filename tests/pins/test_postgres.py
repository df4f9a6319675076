"""Pinned SQL on a live PostgreSQL."""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import connecty_frames as cf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

psycopg = pytest.importorskip("psycopg")
pytestmark = [pytest.mark.slow, pytest.mark.external]

SQL = "SELECT id, amount FROM orders WHERE id > 1 ORDER BY id"


@pytest.fixture
def host() -> Iterator[str]:
    """Return the folder with the socket of a server that has a table of orders."""
    from tests.verification.fidelity.warehouses.servers import postgres

    try:
        running = postgres()
        with running as connection:
            connection.autocommit = True
            connection.execute(
                "CREATE TABLE orders AS SELECT n AS id, n * 0.10 AS amount FROM generate_series(1, 3) n"
            )
            yield connection.info.host
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture
def read_batches() -> Callable[..., pa.RecordBatchReader]:
    """Return the function that connects by a URL."""
    with warnings.catch_warnings():
        # Of click, about what older versions of typer import from it.
        warnings.simplefilter("ignore", DeprecationWarning)
        from connecty_frames.cli.pin import read_batches as function
    return function


def test_a_pin_runs_by_each_client(service: Any, host: str, read_batches: Any) -> None:
    """The rows of now have the exact pinned types, by psycopg and by the URL of a command."""
    service.answer(SQL, [["id", "amount"], [2, "0.20"]])
    service.pin(dialect="postgres", schema={"amount": "decimal128(10, 2)"})
    pin = cf.pinned("orders")
    url = f"postgresql:///postgres?host={host}&user=postgres"

    with psycopg.connect(url) as connection:
        tables = [pin.rerun(connection).read_all(), read_batches(url, pin.rerun).read_all()]

    assert [table.to_pylist() for table in tables] == [
        [{"id": 2, "amount": Decimal("0.20")}, {"id": 3, "amount": Decimal("0.30")}]
    ] * 2
    assert str(tables[0].schema.field("amount").type) == "decimal128(10, 2)"
    assert service.script.questions == ["list the orders"]


def test_a_wrong_password_is_not_shown(host: str, read_batches: Any) -> None:
    """The error of the client is one of ours, and names no password."""
    url = f"postgresql://nobody:hunter22@/postgres?host={host}"

    with pytest.raises(cf.ConnectyError, match='role "nobody" does not exist') as caught:
        read_batches(url, lambda _: None)
    assert "hunter22" not in str(caught.value)
