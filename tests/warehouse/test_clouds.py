"""The clients of Snowflake, Databricks, BigQuery and Athena, by fakes.

None of these was run live. The fakes have the classes and methods that each client's documentation names.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import connecty_frames as cf

if TYPE_CHECKING:
    from collections.abc import Iterator

SQL = "SELECT id, amount, at FROM shop.orders"
METADATA = cf.AnswerMetadata(
    sql_query=f"{SQL};",
    schema=[
        {"name": "id", "type": "int64", "evidence": ""},
        {"name": "amount", "type": "double", "evidence": ""},
        {"name": "at", "type": "timestamp[us, tz=UTC]", "evidence": ""},
    ],
    total_rows=3,
)
EXPECTED = [
    {"id": 1, "amount": 984.18, "at": datetime(2025, 1, 1, tzinfo=UTC)},
    {"id": 2, "amount": None, "at": datetime(2025, 1, 1, 0, 0, 0, 1, tzinfo=UTC)},
    {"id": 3, "amount": 0.1, "at": None},
]


def table(names: tuple[str, ...] = ("id", "amount", "at"), unit: str = "us") -> pa.Table:
    """Return the rows as a client returns them: decimals, instants in another unit."""
    amounts = pa.array([Decimal("984.18"), None, Decimal("0.10")], pa.decimal128(10, 2))
    times = pa.array([1_735_689_600_000_000, 1_735_689_600_000_001, None]).view(pa.timestamp("us", "UTC"))
    columns = [pa.array([1, 2, 3], pa.int64()), amounts, times.cast(pa.timestamp(unit, "UTC"))]
    return pa.Table.from_arrays(columns, list(names))


class Cursor:
    """A cursor of any of the clients; ``log`` has what was sent."""

    def __init__(self, log: list[str], rows: pa.Table, transaction: str | None = None) -> None:
        self.log, self.rows, self.transaction = log, rows, transaction
        self.description = [(name, None) for name in rows.column_names]

    def execute(self, sql: str) -> Cursor:
        """Record the SQL."""
        self.log.append(sql)
        return self

    def fetchone(self) -> tuple[str | None]:
        """Return the row of CURRENT_TRANSACTION()."""
        return (self.transaction,)

    def fetch_arrow_batches(self) -> Iterator[pa.Table]:
        """Yield tables, as Snowflake's cursor does."""
        yield self.rows.slice(0, 2)
        yield self.rows.slice(2)

    def fetchmany_arrow(self, size: int) -> pa.Table:
        """Return the next rows, as Databricks' cursor does."""
        found, self.rows = self.rows.slice(0, min(size, 2)), self.rows.slice(min(size, 2))
        return found

    def as_arrow(self) -> pa.Table:
        """Return all rows, as pyathena's cursor does."""
        return self.rows

    def close(self) -> None:
        """Record that it was closed."""
        self.log.append("closed")


class Connection:
    """A connection of any of the clients."""

    def __init__(self, rows: pa.Table, transaction: str | None = None) -> None:
        self.log: list[str] = []
        self.rows, self.transaction = rows, transaction
        self.cursor_classes: tuple[Any, ...] = ()

    def cursor(self, *classes: Any) -> Cursor:
        """Return a cursor, of a class if one is given."""
        self.cursor_classes = classes
        return Cursor(self.log, self.rows, self.transaction)


class Client(Connection):
    """The client of BigQuery; ``error`` is that of its job."""

    error: BaseException | None = None

    def query(self, sql: str) -> Any:
        """Start a job."""
        self.log.append(sql)
        schema = [SimpleNamespace(name=name, field_type="STRING") for name in self.rows.column_names]
        rows = SimpleNamespace(schema=schema, to_arrow_iterable=lambda: iter(self.rows.to_batches(2)))

        def result() -> Any:
            if self.error is not None:
                raise self.error
            return rows

        return SimpleNamespace(
            result=result,
            done=lambda: isinstance(self.error, ValueError),
            cancel=lambda: self.log.append("cancelled"),
        )


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the modules of the clients have the fakes."""
    for name, attributes in {
        "snowflake.connector": {"SnowflakeConnection": type("SnowflakeConnection", (Connection,), {})},
        "databricks.sql.client": {"Connection": type("Connection", (Connection,), {})},
        "google.cloud.bigquery": {"Client": Client},
        "pyathena.connection": {"Connection": type("Connection", (Connection,), {})},
        "pyathena.arrow.cursor": {"ArrowCursor": Cursor},
    }.items():
        module = ModuleType(name)
        vars(module).update(attributes)
        parts = name.split(".")
        for end in range(1, len(parts)):
            parent = ".".join(parts[:end])
            if parent not in sys.modules:
                monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
        monkeypatch.setitem(sys.modules, name, module)


def connect(module: str, kind: str, *arguments: Any) -> Any:
    """Return a fake connection."""
    return getattr(sys.modules[module], kind)(*arguments)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("module", "kind", "dialect", "rows", "before"),
    [
        (
            "snowflake.connector", "SnowflakeConnection", "snowflake", table(("ID", "AMOUNT", "AT"), "ns"),
            ["SELECT CURRENT_TRANSACTION()"],
        ),
        ("databricks.sql.client", "Connection", "databricks", table(), []),
        ("google.cloud.bigquery", "Client", "bigquery", table(), []),
        ("pyathena.connection", "Connection", "athena", table(), []),
    ],
)  # fmt: skip
def test_the_rows_of_a_cloud(module: str, kind: str, dialect: str, rows: pa.Table, before: list[str]) -> None:
    """By the Arrow results of its client, with one query; the cursor is closed at the end."""
    connection = connect(module, kind, rows)

    reader = cf.rerun(METADATA, connection, dialect=dialect)
    assert connection.log == [*before, SQL]

    assert reader.read_all().to_pylist() == EXPECTED
    assert connection.log == [*before, SQL, *([] if dialect == "bigquery" else ["closed"])]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("error", "log"), [(KeyboardInterrupt(), ["cancelled"]), (ValueError("x"), [])])
def test_a_job_of_bigquery_that_is_not_waited_for(error: BaseException, log: list[str]) -> None:
    """It is cancelled, as after Ctrl-C; one that has failed is not running any more."""
    client = connect("google.cloud.bigquery", "Client", table())
    client.error = error

    with pytest.raises(type(error)):
        cf.rerun(METADATA, client, dialect="bigquery")

    assert client.log == [SQL, *log]


@pytest.mark.usefixtures("installed")
def test_athena_reads_by_its_arrow_cursor() -> None:
    """Not by the default one, which has Python values."""
    connection = connect("pyathena.connection", "Connection", table())

    cf.rerun(METADATA, connection, dialect="trino").read_all()

    assert connection.cursor_classes == (Cursor,)


@pytest.mark.usefixtures("installed")
def test_an_open_transaction_of_snowflake_is_refused() -> None:
    """It has a number."""
    connection = connect("snowflake.connector", "SnowflakeConnection", table(), "1765432")
    with pytest.raises(cf.ConfigError, match="has a transaction open"):
        cf.rerun(METADATA, connection, dialect="snowflake")

    assert connection.log == ["SELECT CURRENT_TRANSACTION()", "closed"]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("module", ["snowflake.connector", "google.cloud.bigquery"])
def test_what_is_refused_reaches_no_cloud(module: str) -> None:
    """Nothing at all is sent, also if only the dialect is wrong."""
    kind, dialect = ("Client", "bigquery") if "google" in module else ("SnowflakeConnection", "snowflake")
    connection = connect(module, kind, table())
    drop = cf.AnswerMetadata(sql_query="DROP TABLE t", schema=METADATA.schema)
    with pytest.raises(cf.QueryRefused):
        cf.rerun(drop, connection, dialect=dialect)
    with pytest.raises(cf.ConfigError, match="is not that of"):
        cf.rerun(METADATA, connection, dialect="postgres")

    assert connection.log == []
