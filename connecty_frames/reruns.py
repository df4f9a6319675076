"""``rerun``: the SQL behind an answer, a frame, metadata or a pin, run on the warehouse itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connecty_frames.answer import Answer
from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.frames import accessor
from connecty_frames.frames.rerun import columns_of, rerun_sql
from connecty_frames.pins import Pin

if TYPE_CHECKING:
    from collections.abc import Collection

    from connecty_frames.warehouse.query import RecordBatchReader


def rerun(
    source: object,
    connection: object,
    *,
    dialect: str,
    functions: Collection[str] = (),
    schema: Any = None,
) -> RecordBatchReader:
    """Run the SQL of an answer on the warehouse, and return all rows as a stream; no question is asked.

    Parameters
    ----------
    source : Answer, frame, AnswerMetadata or Pin
        An answer, a pandas, polars or pyarrow frame with metadata, the metadata itself, or a pin.
    connection, dialect, functions, schema
        As for :meth:`Answer.rerun`.

    Returns
    -------
    pyarrow.RecordBatchReader
        Record batches with the columns of the answer; see :meth:`Answer.rerun`.

    Raises
    ------
    ConfigError
        As for :meth:`Answer.rerun`, or if the source is a frame without metadata; nothing was sent.
    NoTableError, QueryRefused, ConversionError
        As for :meth:`Answer.rerun`.

    Examples
    --------
    >>> import sqlite3
    >>> import connecty_frames as cf
    >>> metadata = cf.AnswerMetadata(
    ...     sql_query="SELECT 1 AS n UNION ALL SELECT 2",
    ...     schema=[{"name": "n", "type": "int64", "evidence": "2 whole numbers"}],
    ... )
    >>> connection = sqlite3.connect(":memory:")
    >>> cf.rerun(metadata, connection, dialect="sqlite").read_all()["n"].to_pylist()
    [1, 2]
    >>> connection.close()
    """
    if isinstance(source, Answer | Pin):
        return source.rerun(connection, dialect=dialect, functions=functions, schema=schema)
    metadata = source if isinstance(source, AnswerMetadata) else accessor.metadata(source, required=True)
    return rerun_sql(
        metadata, columns_of(metadata), connection, dialect=dialect, functions=functions, schema=schema
    )
