"""Cast tables from the user's own client, and rows of pinned SQL, to the types of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, overload

import pyarrow as pa

from connecty_frames._base import __version__
from connecty_frames._base.text import quoted, snippet
from connecty_frames.answer_metadata import AnswerMetadata, Schema, column_texts, naming_question, schema_of
from connecty_frames.decode.schema import GIVEN, ColumnSchema, SchemaTypes
from connecty_frames.decode.types.encodings import Encoding, OpenType
from connecty_frames.errors import ConfigError, ConnectyError, ConversionError, is_interrupt
from connecty_frames.frames import accessor, to_engine
from connecty_frames.frames.attachment import library_of, write_schema
from connecty_frames.frames.schema import to_schema_types
from connecty_frames.frames.to_arrow import to_arrow
from connecty_frames.options import Engine, check_engine
from connecty_frames.warehouse.cast import Rows, cast_rows
from connecty_frames.warehouse.sql import Statement, is_instance, relation_rows, running

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from connecty_frames.frames.accessor import ArrowTable, PandasFrame, PolarsFrame
    from connecty_frames.warehouse.cast import RecordBatchReader

_BATCH_ROWS = 100_000
#: Advice instead of an unsuitable type, by its name.
_INSTEAD = {
    "LazyFrame": "table.collect()",
    "Series": "table.to_frame()",
    "ChunkedArray": "pyarrow.table({name: table})",
    "DuckDBPyConnection": "connection.sql(answer.sql_query), a relation",
    "Cursor": "cursor.fetch_record_batch(), or what your client calls it",
    "list": "pyarrow.Table.from_pylist(rows), with a dict for each row",
}


@overload
def cast(source: object, table: object, *, engine: Literal["pandas"], schema: Any = ...) -> PandasFrame: ...
@overload
def cast(source: object, table: object, *, engine: Literal["polars"], schema: Any = ...) -> PolarsFrame: ...
@overload
def cast(source: object, table: object, *, engine: Literal["pyarrow"], schema: Any = ...) -> ArrowTable: ...
@overload
def cast(source: object, table: pd.DataFrame, *, engine: None = ..., schema: Any = ...) -> PandasFrame: ...
@overload
def cast(source: object, table: pl.DataFrame, *, engine: None = ..., schema: Any = ...) -> PolarsFrame: ...
@overload
def cast(source: object, table: object, *, engine: Engine | None = ..., schema: Any = ...) -> Any: ...
def cast(source: object, table: object, *, engine: Engine | None = None, schema: Any = None) -> Any:
    """Return a table that your own client fetched, with exactly the columns and types of an answer.

    Parameters
    ----------
    source : Answer, Pin, frame or AnswerMetadata
        Where the types come from: an answer, a pin, a pandas, polars or pyarrow frame with metadata, or the
        metadata itself.
    table, engine, schema
        As for :meth:`Answer.cast`.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame, pyarrow.Table or pyarrow.RecordBatchReader
        As for :meth:`Answer.cast`.

    Raises
    ------
    ConfigError
        As for :meth:`Answer.cast`, or if the source is a frame without metadata.
    NoTableError, ConversionError
        As for :meth:`Answer.cast`.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> import duckdb
    >>> metadata = cf.AnswerMetadata(schema=[{"name": "n", "type": "int64", "evidence": "2 whole numbers"}])
    >>> cf.cast(metadata, duckdb.sql("SELECT 1::DOUBLE AS n UNION ALL SELECT 2 ORDER BY n"))["n"].to_pylist()
    [1, 2]
    """
    found = source if isinstance(source, AnswerMetadata) else getattr(source, "metadata", None)
    if isinstance(found, AnswerMetadata) and hasattr(source, "cast"):  # an answer or a pin
        return source.cast(table, engine=engine, schema=schema)
    known = found if isinstance(found, AnswerMetadata) else accessor.metadata(source, required=True)
    return cast_table(known, schema_of(known), table, engine, schema)


def cast_table(
    metadata: AnswerMetadata,
    columns: Sequence[ColumnSchema],
    table: object,
    engine: Engine | None,
    schema: Any,
) -> Any:
    """Return a table with the types of an answer; see ``Answer.cast``."""
    with naming_question(metadata):
        check_engine(engine)
        cast_to_answer = _caster(metadata, columns, schema)
        rows, kind = _rows_and_kind(table)
        batches = cast_to_answer(rows)
        if (made_engine := engine or kind) == "reader":
            return pa.RecordBatchReader.from_batches(next(batches), batches)
        is_opened_here = kind == "pyarrow" and not isinstance(rows.batches, list)
        opened: Any = rows.batches if is_opened_here else nullcontext()
        with opened:  # DuckDB runs no other query beside an open result
            arrow_schema = next(batches)
            made = pa.Table.from_batches(list(batches), arrow_schema)
        return to_engine(made, made_engine, accessor.metadata(made, required=True))


def rerun(
    metadata: AnswerMetadata,
    columns: Sequence[ColumnSchema],
    connection: object,
    statement: Statement,
    schema: Any,
) -> RecordBatchReader:
    """Run pinned SQL, and return its rows with the types of the pin; see ``Pin.rerun``."""
    cast_to_pin = _caster(metadata, columns, schema, widens=True)

    def read() -> Iterator[Any]:
        with running(connection, statement) as rows:
            yield from cast_to_pin(rows)

    batches = read()
    first = next(batches)  # starts the query: errors are raised here, and cleanup will run
    reader: RecordBatchReader = pa.RecordBatchReader.from_batches(first, batches)
    return reader


def _caster(
    metadata: AnswerMetadata, columns: Sequence[ColumnSchema], schema: Any, *, widens: bool = False
) -> Callable[[Rows], Iterator[Any]]:
    def describe(found: Sequence[ColumnSchema]) -> pa.Schema:
        described = replace(
            metadata,
            response_summary=None,
            elapsed=None,
            rows=0,
            total_rows=None,
            truncated=None,
            statistics={},
            schema=list(map(column_texts, found)),
            version=__version__,
            cast_at=datetime.now(UTC),
        )
        return write_schema(Schema(found).arrow, described)

    given = to_schema_types(schema) or SchemaTypes({}, complete=False)
    given = given.named_as_in([column.name for column in columns])
    cast_to_answer = partial(
        cast_rows,
        columns=_with_types(columns, given),
        rules=given.rules,
        describe=describe,
        whole_rows=metadata.whole_rows,
        widens=widens,
    )

    def named(rows: Rows) -> Iterator[Any]:
        with naming_question(metadata):
            yield from cast_to_answer(rows)

    return named


def _with_types(columns: Sequence[ColumnSchema], given: SchemaTypes) -> Sequence[ColumnSchema]:
    """Return columns with the caller's types; a complete schema also decides which columns there are."""
    known = {column.name: column for column in columns}
    unknown = [name for name in given.types if name not in known and name not in given.optional]
    if unknown:
        raise ConfigError(
            f"schema=: the answer has no column {snippet(unknown[0])!r}; it has {quoted(list(known))}.",
            setting="schema",
        )
    names = given.types if given.complete else known
    return [_with_type(known[name], given) for name in names]


def _with_type(column: ColumnSchema, schema: SchemaTypes) -> ColumnSchema:
    given = schema.types.get(column.name)
    if given is None:
        return column
    if isinstance(given, Encoding):
        # An open type would depend on the values: keep the answer's type if it is of the same kind.
        is_open = isinstance(given, OpenType)
        is_kept = is_open and column.type.id == given.type.id
        return replace(
            column,
            type=column.type if is_kept else given.type,
            evidence=f"{GIVEN['schema']}, {given!r}",
            encoding=None if is_open else given,
            basis="saved" if is_open else "schema",
        )
    basis = "saved" if column.name in schema.inferred else "schema"
    return replace(column, type=given, evidence=GIVEN[basis], encoding=None, basis=basis)


def _rows_and_kind(table: Any) -> tuple[Rows, Engine | Literal["reader"]]:
    name = type(table).__name__
    if is_instance(table, "duckdb", "DuckDBPyRelation"):
        try:
            return relation_rows(table), "pyarrow"
        except Exception as error:  # DuckDB is optional: its classes cannot be named
            if isinstance(error, ConnectyError) or is_interrupt(error):
                raise
            message = f"The table cannot be read: {snippet(str(error), 500)}"
            raise ConversionError(message) from error
    is_pandas = is_instance(table, "pandas", "DataFrame")
    if is_pandas or is_instance(table, "polars", "DataFrame") or isinstance(table, pa.Table):
        if is_pandas:  # a named level of the index is a column
            levels = [level for level, name in enumerate(table.index.names) if name is not None]
            table = table.reset_index(levels, allow_duplicates=True) if levels else table
            table = table.reset_index(drop=True)
        given = to_arrow(table)
        library: Any = library_of(table)
        return Rows(given.schema, given.to_batches(max_chunksize=_BATCH_ROWS)), library
    if hasattr(table, "__arrow_c_stream__") and name not in _INSTEAD:
        is_reader = isinstance(table, pa.RecordBatchReader)
        try:
            reader = table if is_reader else pa.RecordBatchReader.from_stream(table)
        except (pa.ArrowException, TypeError, ValueError) as error:
            message = f"table is an Arrow stream that cannot be read, or not again: {snippet(str(error))}."
            raise ConfigError(message, setting="table") from None
        return Rows(reader.schema, reader), "reader" if is_reader else "pyarrow"
    return _read_parts(table), "reader"


def _read_parts(table: Any) -> Rows:
    name = type(table).__name__
    is_column = name == "Series" or hasattr(table, "__arrow_c_stream__")
    if is_column or not isinstance(table, Iterable) or isinstance(table, str | bytes | dict):
        raise _wrong_table(table)
    parts = iter(table)
    first = next(parts, None)
    if first is None:
        return Rows(None, ())
    if not isinstance(first, pa.Table | pa.RecordBatch):
        raise _wrong_table(table)
    return Rows(first.schema, _batches(chain([first], parts)))


def _batches(parts: Iterable[Any]) -> Iterator[pa.RecordBatch]:
    for part in parts:
        if not isinstance(part, pa.Table | pa.RecordBatch):
            raise _wrong_table(part)
        yield from part.to_batches(max_chunksize=_BATCH_ROWS) if isinstance(part, pa.Table) else [part]


def _wrong_table(table: object) -> ConfigError:
    kind = type(table)
    instead = _INSTEAD.get(kind.__name__)
    return ConfigError(
        f"table is of type {snippet(f'{kind.__module__}.{kind.__qualname__}')}; expected a pyarrow Table or "
        "RecordBatchReader, a polars or pandas DataFrame, a DuckDB relation, an ADBC reader, anything else "
        "with __arrow_c_stream__, or an iterable of record batches or tables.",
        hint=f"Pass {instead}." if instead else "",
        setting="table",
    )
