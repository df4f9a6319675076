"""Arrow tables as frames of pandas and polars, with the metadata of the answer.

Importing this loads none of pandas, polars and pyarrow: a function that needs one loads it when it is first
looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from connecty_frames._base.lazy import lazy_getattr
from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.frames.accessor import (
    ConnectyAccessor,
    attach,
    copy_metadata,
    metadata,
    register_accessors,
)
from connecty_frames.frames.attachment import write_metadata
from connecty_frames.frames.loading import LOADED, begin_loading, finish_loading

if TYPE_CHECKING:
    import pyarrow as pa

    from connecty_frames.frames.pandas import to_pandas
    from connecty_frames.frames.parquet import read_parquet
    from connecty_frames.frames.polars import to_polars
    from connecty_frames.frames.schema import to_schema_types
    from connecty_frames.frames.spark import to_spark
    from connecty_frames.options import Engine

__all__ = [
    "LOADED",
    "AnswerMetadata",
    "ConnectyAccessor",
    "attach",
    "begin_loading",
    "copy_metadata",
    "finish_loading",
    "metadata",
    "read_parquet",
    "register_accessors",
    "to_engine",
    "to_pandas",
    "to_polars",
    "to_schema_types",
    "to_spark",
    "write_metadata",
]

_LAZY: Final = {
    "read_parquet": "parquet",
    "to_pandas": "pandas",
    "to_polars": "polars",
    "to_schema_types": "schema",
    "to_spark": "spark",
}


def to_engine(table: pa.Table, engine: Engine) -> Any:
    """Return a table without an answer's metadata as the frame of a library."""
    if engine == "pyarrow":
        return table
    if engine == "polars":
        from connecty_frames.frames.polars import to_polars

        return to_polars(table)
    from connecty_frames.frames.pandas import to_pandas

    return to_pandas(table)


__getattr__ = lazy_getattr(__name__, _LAZY)
