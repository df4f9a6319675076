"""The SQL that metadata has, run on the warehouse, with the types of the answer or those of the caller."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from connecty_frames._base.text import quoted, snippet
from connecty_frames._base.version import __version__
from connecty_frames.decode.schema import SET_BY_CALLER, Schema, SchemaTypes, column_texts, read_column
from connecty_frames.decode.types.encodings import AnyDecimal, Encoding
from connecty_frames.errors import ConfigError
from connecty_frames.frames.attachment import write_metadata
from connecty_frames.frames.schema import to_schema_types
from connecty_frames.warehouse.query import Query, rerun

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pyarrow as pa

    from connecty_frames.answer_metadata import AnswerMetadata
    from connecty_frames.decode.schema import ColumnSchema
    from connecty_frames.warehouse.query import RecordBatchReader


def rerun_sql(
    metadata: AnswerMetadata,
    columns: Sequence[ColumnSchema],
    connection: object,
    *,
    dialect: str,
    functions: Collection[str],
    schema: Any,
) -> RecordBatchReader:
    """Run the SQL of an answer or a pin, and describe what comes out; see ``Answer.rerun``."""

    def describe(found: Sequence[ColumnSchema], place: str) -> pa.Schema:
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
            rerun_at=datetime.now(UTC),
            warehouse=place or None,
        )
        return write_metadata(Schema(found).arrow, described)

    given = to_schema_types(schema) or SchemaTypes({}, complete=False)
    given = given.named_as_in([column.name for column in columns])
    query = Query(
        metadata.sql_query,
        _with_types(columns, given),
        metadata.whole_rows,
        metadata.question_id,
        describe,
        given.rules,
    )
    return rerun(query, connection, dialect=dialect, functions=functions)


def _with_types(columns: Sequence[ColumnSchema], given: SchemaTypes) -> Sequence[ColumnSchema]:
    """Return columns with the types that the caller gives; a complete schema also says which there are."""
    known = {column.name: column for column in columns}
    unknown = [name for name in given.types if name not in known and name not in given.optional]
    if unknown:
        raise ConfigError(
            f"schema=: the answer has no column {snippet(unknown[0])!r}; it has {quoted(list(known))}.",
            setting="schema",
        )
    return [
        _with_type(known[name], given.types.get(name)) for name in (given.types if given.complete else known)
    ]


def _with_type(column: ColumnSchema, given: pa.DataType | Encoding | None) -> ColumnSchema:
    if given is None:
        return column
    if isinstance(given, Encoding):
        # The digits of a Decimal cannot wait for the values: the answer's are kept, if it has any.
        is_any = given == AnyDecimal()
        type_ = column.type if is_any and "decimal" in str(column.type) else given.type
        evidence = f"{SET_BY_CALLER}, {given!r}"
        return replace(column, type=type_, evidence=evidence, encoding=None if is_any else given)
    return replace(column, type=given, evidence=SET_BY_CALLER, encoding=None)


def columns_of(metadata: AnswerMetadata) -> list[ColumnSchema]:
    """Return the columns that metadata describes; raises ConfigError."""
    columns = []
    for column in metadata.schema:
        try:
            columns.append(read_column(column))
        except (ValueError, TypeError):
            raise ConfigError(
                f"Column {snippet(column['name'])!r} is of type {snippet(column['type'])}, which cannot be "
                "read from metadata: use answer.rerun.",
                setting="source",
            ) from None
    return columns
