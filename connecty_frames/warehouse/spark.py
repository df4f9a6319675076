"""A SparkSession: the rows of a query by Arrow, of a session in this process or one of Spark Connect."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from connecty_frames.warehouse.rows import Declared, Rows, columns_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connecty_frames.warehouse.guard import Statement


@contextmanager
def read_session(session: Any, statement: Statement) -> Iterator[Rows]:
    """Run in a session of this process, which hands over one partition after the other."""
    frame = session.sql(statement.sql)
    schema = frame.limit(0).toArrow().schema  # runs no job
    yield Rows(list(map(Declared, schema.names, schema.types)), _batches(frame), _place(session))


@contextmanager
def read_connect(session: Any, statement: Statement) -> Iterator[Rows]:
    """Run in a session of Spark Connect, which hands over all rows at once."""
    table = session.sql(statement.sql).toArrow()
    yield Rows(
        list(map(Declared, table.schema.names, table.schema.types)), columns_of([table]), _place(session)
    )


def _place(session: Any) -> str:
    return f"{session.catalog.currentCatalog()}/{session.catalog.currentDatabase()}"


def _batches(frame: Any) -> Iterator[list[Any]]:
    """Yield the columns of batches, which Spark's processes send as bytes: its own rows are no Arrow."""

    # A function of this module would be imported there, where this package may not be installed.
    def serialize(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            yield pa.RecordBatch.from_arrays([pa.array([sink.getvalue().to_pybytes()])], ["batch"])

    numbered = frame.toDF(*map(str, range(len(frame.columns))))  # two columns may have one name
    for (batch,) in numbered.mapInArrow(serialize, "batch binary").toLocalIterator():
        yield from columns_of(pa.ipc.open_stream(batch))
