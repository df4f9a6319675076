"""Clouds: how their clients run a query and hand over its rows as Arrow; tested with fakes alone."""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from connecty_frames.warehouse.rows import BATCH_ROWS, Declared, Rows, columns_of, open_transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from connecty_frames.warehouse.guard import Statement


@contextmanager
def read_snowflake(connection: Any, statement: Statement) -> Iterator[Rows]:
    """Run by the client of Snowflake."""
    with closing(connection.cursor()) as cursor:
        if cursor.execute("SELECT CURRENT_TRANSACTION()").fetchone()[0] is not None:
            raise open_transaction()
        cursor.execute(statement.sql)
        declared = [Declared(column[0]) for column in cursor.description]
        yield Rows(declared, columns_of(cursor.fetch_arrow_batches()))


@contextmanager
def read_databricks(connection: Any, statement: Statement) -> Iterator[Rows]:
    """Run by the client of Databricks."""
    with closing(connection.cursor()) as cursor:
        cursor.execute(statement.sql)
        tables = iter(lambda: cursor.fetchmany_arrow(BATCH_ROWS * 10), None)
        declared = [Declared(column[0]) for column in cursor.description]
        yield Rows(declared, columns_of(_until_empty(tables)))


def _until_empty(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    for table in tables:
        if not table.num_rows:
            return
        yield table


@contextmanager
def read_bigquery(client: Any, statement: Statement) -> Iterator[Rows]:
    """Run by the client of BigQuery."""
    job = client.query(statement.sql)
    try:
        rows = job.result()
    except BaseException:  # an interrupt, say, after which the job would go on
        with suppress(Exception):
            if not job.done():
                job.cancel()
        raise
    declared = [Declared(field.name, origin=field.field_type.lower()) for field in rows.schema]
    yield Rows(declared, columns_of(rows.to_arrow_iterable()))


@contextmanager
def read_athena(connection: Any, statement: Statement) -> Iterator[Rows]:
    """Run by the client of Athena."""
    arrow_cursor = import_module("pyathena.arrow.cursor").ArrowCursor
    with closing(connection.cursor(arrow_cursor)) as cursor:
        table = cursor.execute(statement.sql).as_arrow()
        yield Rows(list(map(Declared, table.column_names, table.schema.types)), columns_of([table]))
