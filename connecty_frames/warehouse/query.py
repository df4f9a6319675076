"""One query on a warehouse, and its rows as a stream of record batches of given types."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from connecty_frames._base.text import counted, quoted, snippet
from connecty_frames.decode.arrow_types import is_text
from connecty_frames.decode.contract import check_rule
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.rows.reader import column_names
from connecty_frames.decode.schema import ColumnRule, Schema
from connecty_frames.errors import (
    WARNING_LOCATION,
    CodeLocation,
    ConfigError,
    ConnectyError,
    ConversionError,
    StatisticsWarning,
    warn,
)
from connecty_frames.warehouse import guard
from connecty_frames.warehouse.connections import open_rows
from connecty_frames.warehouse.conversion import convert
from connecty_frames.warehouse.pairs import decide

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from connecty_frames.decode.schema import ColumnSchema
    from connecty_frames.warehouse.rows import Declared, Rows

    class RecordBatchReader(pa.RecordBatchReader):  # type: ignore[misc]
        """A reader of pyarrow, which has no type information: a class derived from it is known to pyright."""


#: The columns of a query without its rows. The line breaks keep comments apart.
_NO_ROWS: Final = "SELECT * FROM (\n%s\n) AS pinned LIMIT 0"


@dataclass(frozen=True, slots=True)
class Query:
    """What is run, and what its rows are to be."""

    sql: str | None  # as the server sent it; None is an error when it is run
    columns: Sequence[ColumnSchema]
    rows: int | None = None  # of the whole answer; None if unknown
    question_id: str | None = None  # for messages
    #: Makes the schema of what comes out, with its metadata, of the columns and the place of the warehouse.
    describe: Callable[[Sequence[ColumnSchema], str], pa.Schema] = lambda columns, _: Schema(columns).arrow
    rules: Mapping[str, ColumnRule] = field(default_factory=dict)  # by column, as ``schema=`` sets them


def rerun(
    query: Query, connection: object, *, dialect: str, functions: Collection[str] = ()
) -> RecordBatchReader:
    """Check a query, send it, and return its rows; see ``Answer.rerun``."""
    if query.sql is None:
        raise ConfigError(
            "The server sent no SQL with this answer, so there is nothing to run.",
            setting="source",
            question_id=query.question_id,
        )
    with _about(query):
        statement = guard.check(query.sql, dialect, functions)
    batches = _batches(query, connection, statement, CodeLocation.of_caller())
    schema = next(batches)  # starts the query: its errors are raised here, and its end is sure to be run
    reader: RecordBatchReader = pa.RecordBatchReader.from_batches(schema, batches)
    return reader


def declared_columns(
    columns: Sequence[ColumnSchema], connection: object, statement: guard.Statement
) -> list[tuple[str, pa.DataType]]:
    """Return the names and types that ``rerun`` would give the rows of a query; no row is read."""
    with open_rows(
        connection, guard.check(_NO_ROWS % statement.sql, statement.dialect, statement.allowed)
    ) as rows:
        names = column_names([each.name for each in rows.columns])[0]
        try:
            declared = [rows.columns[position] for position in _positions(rows, columns)]
        except ConversionError:
            return [(name, pa.null()) for name in names]  # their types do not matter
        return [(column.name, _type(column, each)) for column, each in zip(columns, declared, strict=True)]


def _type(column: ColumnSchema, declared: Declared) -> pa.DataType:
    try:
        wanted = decide(column, declared)
        if declared.type is not None and not is_text(wanted.type):  # which drivers without arrays always make
            convert(pa.nulls(0, declared.type), declared, wanted)
    except (ConfigError, CellError):  # text that meets a number, or types that no value passes between
        return declared.type
    return wanted.type


def _batches(
    query: Query, connection: Any, statement: guard.Statement, location: CodeLocation
) -> Iterator[Any]:
    """Yield the schema when the query has started, then its rows."""
    with _about(query), ExitStack() as stack:
        rows = stack.enter_context(open_rows(connection, statement))
        positions = _positions(rows, query.columns)
        declared = [rows.columns[position] for position in positions]
        columns = list(map(decide, query.columns, declared))
        rules = [query.rules.get(column.name, ColumnRule()) for column in columns]
        schema = query.describe(columns, rows.place)
        fields = [field.with_nullable(rule.nullable) for field, rule in zip(schema, rules, strict=True)]
        schema = pa.schema(fields, schema.metadata)
        yield schema
        count = 0
        for batch in rows.batches:
            arrays = [
                _column(batch[position], each, column, rule, count)
                for position, each, column, rule in zip(positions, declared, columns, rules, strict=True)
            ]
            count += len(batch[0])
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
    if query.rows is not None and count != query.rows:
        message = (
            f"The SQL returned {counted(count, 'row')}, but the answer has {query.rows:,}: the data has "
            "changed since, or this SQL did not produce the answer."
        )
        token = WARNING_LOCATION.set(location)  # not the line that reads, which may be in a library
        try:
            warn(StatisticsWarning(message))
        finally:
            WARNING_LOCATION.reset(token)


@contextmanager
def _about(query: Query) -> Iterator[None]:
    """Let errors say which question they are about; those of drivers by a note."""
    try:
        yield
    except ConnectyError as error:
        error.question_id = query.question_id
        raise
    except Exception as error:
        what = "an answer" if query.question_id is None else f"question_id={query.question_id!r}"
        error.add_note(f"It was raised while rerun ran the SQL of {what}.")
        raise


def _positions(rows: Rows, columns: Sequence[ColumnSchema]) -> list[int]:
    """Return the position of each column of the answer among those of the rows, by name."""
    names = column_names([each.name for each in rows.columns])[0]
    found = [_find(column.name, names) for column in columns]
    missing = [column.name for column, position in zip(columns, found, strict=True) if position is None]
    extra = [name for position, name in enumerate(names) if position not in found]
    twice = len(set(found)) < len(found)  # names of the answer that differ only in case
    if missing or extra or twice:
        raise ConversionError(
            f"The SQL does not have the columns of the answer: it has {quoted(names)}, the answer "
            f"{quoted([column.name for column in columns])}.",
            column=(missing or extra or [columns[0].name])[0],
        )
    return [position for position in found if position is not None]


def _find(name: str, names: Sequence[str]) -> int | None:
    """Return the position of a name, or of the only one that differs only in case, as Snowflake's do."""
    if name in names:
        return names.index(name)
    folded = [position for position, each in enumerate(names) if each.casefold() == name.casefold()]
    return folded[0] if len(folded) == 1 else None


def _hint(column: ColumnSchema, option: str) -> str:
    if not column.is_inferred:
        return ""
    return f"The answer's rows made the column {column.type}; {option} chooses another type."


def _column(values: Any, declared: Declared, column: ColumnSchema, rule: ColumnRule, start: int) -> pa.Array:
    try:
        array = convert(values, declared, column)
        check_rule(array, rule)
    except CellError as error:
        row = start + (error.row or 0)
        raise ConversionError(
            f"Column {snippet(column.name)!r}, row {row}: {error.short_value!r} {error.reason}.",
            hint=_hint(column, "schema="),
            shell_hint=_hint(column, "--schema-file FILE"),
            column=column.name,
            row=row,
            value=error.short_value,
        ) from None
    return array
