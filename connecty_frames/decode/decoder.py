"""From the parts of a response to an Arrow table."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import pyarrow as pa

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import cut, quoted, snippet
from connecty_frames.decode import exact_json
from connecty_frames.decode.arrow.buffers import index_of
from connecty_frames.decode.arrow_types import is_number, is_text
from connecty_frames.decode.contract import check_rule
from connecty_frames.decode.errors import CellError, cell_error
from connecty_frames.decode.exact_json import NESTED_KINDS, NUMBER_KINDS, ValueKind
from connecty_frames.decode.limits import LIMITS, MOST_WARNINGS
from connecty_frames.decode.names import match_names
from connecty_frames.decode.rows.reader import Rows, read_rows
from connecty_frames.decode.schema import SAVED, SET_BY_CALLER, ColumnRule, ColumnSchema, SchemaTypes
from connecty_frames.decode.statistics import NO_STATISTICS, count_total
from connecty_frames.decode.statistics_check import ReadColumn, check_statistics
from connecty_frames.decode.types import floats, inference, numbers
from connecty_frames.decode.types.build import (
    build,
    build_datetimes,
    datetime_type,
    restate_bounds,
)
from connecty_frames.decode.types.casts import longest_of
from connecty_frames.decode.types.column import CellColumn, Column, ScalarColumn
from connecty_frames.decode.types.encodings import AnyDatetime, AnyDecimal, Encoding, OpenType, epoch
from connecty_frames.decode.types.spellings import is_beyond
from connecty_frames.errors import ConversionError, ResponseError, StatisticsWarning, TypeFidelityWarning

if TYPE_CHECKING:
    from connecty_frames.decode.envelope import Envelope
    from connecty_frames.decode.limits import ReaderLimits
    from connecty_frames.decode.statistics import ColumnStatistics
    from connecty_frames.errors import ConnectyWarning
    from connecty_frames.options import AskOptions

#: How many columns an error describes before it counts the rest.
_MOST_DESCRIBED: Final = 10
#: The types that ``schema=`` might set for a column that inference does not read, by the section of its
#: statistics, and how many of its values are tried before a warning names one.
_MOST_TRIED: Final = 1_000
_REMEDIES: Final[dict[str | None, tuple[pa.DataType | Encoding, ...]]] = {
    **dict.fromkeys((None, "general"), (pa.bool_(), pa.int64(), pa.float64())),
    "boolean": (pa.bool_(),),
    "numeric": (pa.int64(), pa.float64()),
    "string": (pa.int64(), pa.float64(), pa.bool_()),
    "temporal": (
        pa.date32(),
        *(pa.timestamp(unit, zone) for zone in (None, "UTC") for unit in ("us", "ns")),
        *map(pa.duration, ("us", "ns")),
        epoch("s"),
        epoch("ns"),
    ),
}
#: The sections of values that are no numbers, so that a bare NaN among them is null.
_NOT_NUMBERS: Final = {"string", "temporal", "boolean"}
_NO_TYPES: Final = SchemaTypes({}, complete=False)
#: What an error shows of a SecretStr, as its own text does.
_HIDDEN: Final = "**********"
#: How many characters of an encoding, which may list many categories, the evidence has.
_LONGEST_ENCODING: Final = 200


class Decoded(Immutable):
    """One decoded table, and what is known of it."""

    table: pa.Table | None  # None if the answer has none
    columns: list[ColumnSchema]
    rows: int
    total_rows: int | None  # of the whole answer, or None if unknown
    truncated: bool | None  # None if unknown
    warnings: list[ConnectyWarning] = msgspec.field(default_factory=list)


def decode(
    envelope: Envelope,
    options: AskOptions,
    *,
    schema_types: SchemaTypes | None = None,
    fetched: int | None = None,
    limits: ReaderLimits = LIMITS,
) -> Decoded:
    """Turn a response's rows into an exactly typed table; raises ResponseError or ConversionError."""
    # ``fetched`` is the requested ``max_rows``, or None if unknown. Of the options only ``tz``,
    # ``infer_temporal``, ``decimals`` and ``strict`` matter here.
    if envelope.rows is None:
        return Decoded(None, [], 0, envelope.total_rows, None)
    rows = read_rows(envelope.rows, envelope.columns, limits)
    schema_types = _NO_TYPES if schema_types is None else schema_types.named_as_in(rows.names)
    entries, absent = match_names(rows.server_names, envelope.columns)
    statistics_of = [NO_STATISTICS if entry is None else envelope.columns[entry] for entry in entries]
    total_rows, truncated = _count_rows(envelope, set(absent), statistics_of, rows, fetched)
    whole = total_rows is not None and rows.count >= total_rows
    unknown = list(dict.fromkeys(name for found in statistics_of for name in found.unknown))
    ignored = unknown and [f"Statistics with unknown names were ignored: {quoted(unknown)}."]
    warnings: list[ConnectyWarning] = [*rows.warnings, *map(StatisticsWarning, ignored)]
    answer = _Answer(rows, schema_types, options, limits, whole, warnings, len(warnings) + MOST_WARNINGS)
    columns: list[ReadColumn] = []
    errors = []
    for position in _column_order(rows.names, schema_types):
        limits.checkpoint()
        try:
            columns.append(_read_column(position, statistics_of[position], answer))
        except ConversionError as error:
            error.__traceback__ = error.__context__ = None  # they keep what was made of the column
            errors.append(error)
    if errors:
        raise _combine(errors)
    fields = [pa.field(column.schema.name, column.schema.type, column.nullable) for column in columns]
    table = pa.Table.from_arrays([column.array for column in columns], schema=pa.schema(fields))
    if not columns:
        table = _without_columns(rows.count)
    disagreements = check_statistics(columns, absent, rows.count, total_rows)
    if options.strict and disagreements:
        raise ResponseError(f"{disagreements[0]} (This is an error because of strict=True.)")
    schema = [column.schema for column in columns]
    return Decoded(table, schema, rows.count, total_rows, truncated, [*warnings, *disagreements])


class _Answer(NamedTuple):
    """What the columns of an answer share."""

    rows: Rows
    schema_types: SchemaTypes
    options: AskOptions
    limits: ReaderLimits
    whole: bool  # whether all rows of the result were received
    warnings: list[ConnectyWarning]
    most_warnings: int  # that are shown

    def warn(self, column: Column, type_: pa.DataType | None, problem: CellError) -> None:
        """Warn of a column without the type that it should have, or of a value; raise it under strict."""
        if self.options.strict:
            raise _conversion_error(column.name, problem)
        name, remedy, outcome = snippet(column.name), None, ""
        if type_ is not None:
            if len(self.warnings) < self.most_warnings:  # advice takes much longer than reading the column
                remedy = _schema_that_reads(column, type_, problem)
            outcome = " stays exact text" if pa.types.is_string(type_) else f" is {snippet(str(type_))}"
            outcome = " is the JSON text of its cells" if column.cells.has_surrogates else outcome
        advice = "Use" if remedy is None else f"Read it with {remedy}, or use"
        self.warnings.append(
            TypeFidelityWarning(
                f"Column {name!r}{outcome}: {problem.short_value!r} ({problem.place}) {problem.reason}. "
                f"{advice} strict=True to make this an error.",
                column=column.name,
            )
        )


def _read_column(position: int, sent: ColumnStatistics, answer: _Answer) -> ReadColumn:
    """Read a column as the type decided on; raises ConversionError."""
    rows, name = answer.rows, answer.rows.names[position]
    given, rule = answer.schema_types.types.get(name), answer.schema_types.rules.get(name)
    statistics = sent if given is None else restate_bounds(sent, given)
    received = Column(name, rows.pop(position), statistics, whole=answer.whole)
    column, nan_row = _read_null_tokens(received, given)
    if nan_row is not None:
        reason = "is written without quotes, which is not JSON; it was read as null"
        answer.warn(column, None, CellError(nan_row, "NaN", reason))
    decision = _choose_type(column, answer.schema_types, answer.options)
    if decision.problem is not None:
        answer.warn(column, decision.type, decision.problem)
    array = decision.array  # if it was built while deciding
    if array is None:
        array = _build(column, decision, answer.schema_types, rows, position)
    if rule is not None:
        _check(received, array, rule, answer.limits)
    encoding = given if isinstance(given, Encoding) and not isinstance(given, OpenType) else None
    nullable, nans = rule is None or rule.nullable, received.count - column.count
    evidence = f"{decision.evidence}; {nans:,} bare NaN read as null" if nans else decision.evidence
    schema = ColumnSchema(name, decision.type, evidence, encoding)
    return ReadColumn(array, schema, statistics, sent, nullable, decision.extremes, nans)


def _count_rows(
    envelope: Envelope,
    absent: set[str],
    statistics: list[ColumnStatistics],
    rows: Rows,
    fetched: int | None,
) -> tuple[int | None, bool | None]:
    """Return the number of rows of the whole result, and whether rows were cut, or None if unknown."""
    total = count_total((found for name, found in envelope.columns.items() if name not in absent), rows.count)
    if total is not None:
        return total, rows.count < total
    missing = -1  # by counts of values alone
    for position, found in enumerate(statistics):
        present = 0 if found.count is None else Column("", rows.columns[position]).count
        if found.count is not None and found.count - present > missing:
            missing = found.count - present
            # If no null was received, there are taken to be none.
            total = found.count if present == rows.count else None
    if missing < 0:  # as many rows as requested may be all of them, or not
        return None, None if fetched is None or rows.count >= fetched else False
    return total if missing else rows.count, missing > 0


def _read_null_tokens(column: Column, given: pa.DataType | Encoding | None) -> tuple[Column, int | None]:
    """Return a column with null for each bare NaN that cannot be a number, and the row of the first."""
    if ValueKind.CONSTANT not in column.kinds or not isinstance(column.cells, CellColumn):
        return column, None
    candidates, others = set(column.statistics.candidates), column.kinds - {ValueKind.CONSTANT}
    if given is not None:
        is_null = not is_number(given.type if isinstance(given, Encoding) else given)
    elif "numeric" in candidates:
        is_null = False
    else:
        is_null = candidates <= _NOT_NUMBERS or bool(others and not others & NUMBER_KINDS)
    if not is_null:
        return column, None
    cells, rows = column.cells.without("NaN", ValueKind.CONSTANT)
    return (column.with_cells(cells), int(rows[0])) if len(rows) else (column, None)


def _column_order(names: list[str], schema_types: SchemaTypes) -> list[int]:
    """Return the positions of the columns in the order of the table; they must be those of ``schema=``."""
    positions = {name: position for position, name in enumerate(names)}
    required = (name for name in schema_types.types if name not in schema_types.optional)
    missing = [name for name in required if name not in positions]
    extra = [name for name in names if name not in schema_types.types] if schema_types.complete else []
    if missing or extra:
        kinds = (("missing:", missing), ("not in the schema:", extra))
        parts = [f"{what} {quoted(found)}" for what, found in kinds if found]
        raise ConversionError(
            f"The answer does not have the columns of schema= ({'; '.join(parts)}). It has "
            f"{quoted(names) or 'none'}.",
            column=(missing or extra)[0],
        )
    return [positions[name] for name in (schema_types.types if schema_types.complete else names)]


def _choose_type(column: Column, schema_types: SchemaTypes, options: AskOptions) -> inference.Decision:
    """Decide on a column's type: that of the caller where there is one."""
    if column.cells.is_too_deep:
        raise ResponseError(
            f"Column {snippet(column.name)!r} is nested deeper than {exact_json.MAX_DEPTH} levels."
        )
    given = schema_types.types.get(column.name)
    if given is None:
        return inference.decide(column, options)
    if isinstance(given, AnyDatetime):
        return inference.Decision(datetime_type(column.cells, column.bounds), f"{SET_BY_CALLER}, {given!r}")
    if isinstance(given, AnyDecimal):
        type_ = None
        if not column.cells.has_surrogates:  # else an error, where the values are read
            type_ = numbers.any_decimal(longest_of(column.cells), column.bounds)
        return inference.Decision(type_ or given.type, f"{SET_BY_CALLER}, {given!r}")
    if isinstance(given, Encoding):
        return inference.Decision(given.type, f"{SET_BY_CALLER}, {cut(repr(given), _LONGEST_ENCODING)}")
    return inference.Decision(given, SAVED if column.name in schema_types.inferred else SET_BY_CALLER)


def _build(
    column: Column,
    decision: inference.Decision,
    schema_types: SchemaTypes,
    rows: Rows,
    position: int,
) -> pa.Array | pa.ChunkedArray:
    """Build a column of the type decided on."""
    cells, given = column.cells, schema_types.types.get(column.name)
    text_type = decision.type.value_type if pa.types.is_dictionary(decision.type) else decision.type
    if column.count and is_text(text_type):
        # Only the source has arrays, objects, and a zero's minus as they were written.
        if isinstance(cells, ScalarColumn) and pa.types.is_int64(cells.array.type):
            has_zero = index_of(cells.array, 0) >= 0
            cells = rows.cells(position) if has_zero else cells
        if not cells.has_surrogates:
            cells = ScalarColumn(ValueKind.TEXT, cells.texts)
    try:
        if isinstance(given, AnyDatetime):
            return build_datetimes(cells, decision.type)
        return build(cells, decision.type if given is None or isinstance(given, AnyDecimal) else given)
    except CellError as error:
        with_nulls = column.with_nat_as_null() if pa.types.is_temporal(decision.type) else None
        if with_nulls is not None:
            return _build(with_nulls, decision, schema_types, rows, position)
        raise _conversion_error(column.name, error, schema_types.rules.get(column.name)) from None
    except pa.ArrowException as error:  # for restrictions of the more unusual types, which only Arrow knows
        name, type_ = snippet(column.name), snippet(str(decision.type))
        raise ConversionError(
            f"Column {name!r} cannot be made {type_}: {snippet(str(error))}", column=column.name
        ) from None


def _check(column: Column, array: Any, rule: ColumnRule, limits: ReaderLimits) -> None:
    try:
        check_rule(array, rule, limits.checkpoint)
    except CellError as error:
        row = error.row or 0
        shown = cell_error(row, column.cells[row], error.reason)
        raise _conversion_error(column.name, shown, rule) from None


def _schema_that_reads(column: Column, inferred: pa.DataType, problem: CellError) -> str | None:
    """Return a ``schema=`` that reads the column as another type than the inferred, or None."""
    if pa.types.is_temporal(inferred) or column.kinds & NESTED_KINDS:  # no remedy reads arrays and objects
        return None
    first = problem.value if problem.row is None else column.cells[problem.row]
    has_no_value = not any(map(str.isdigit, str(first))) or is_beyond(str(first))
    if column.section == "temporal" and has_no_value:
        return None  # as "n/a": trying all types would take most of the time of a small answer
    some: list[Any] = []
    for type_ in _REMEDIES.get(column.section, ()):
        if type_ == inferred:
            continue
        try:
            # Most often no type reads the value in question: that is found out by it alone.
            build([first], type_)
            present = (cell for cell in column.cells if cell is not None)
            some = some or list(islice(present, 0, None, len(column.cells) // _MOST_TRIED + 1))
            build(some, type_)
        except (CellError, pa.ArrowException):
            continue
        if type_ == pa.float64() and not all(map(floats.is_exact_float, filter(numbers.is_finite, some))):
            continue
        # Which unit numbers have, only the caller knows.
        shown = "cf.epoch(unit)" if isinstance(type_, Encoding) else repr(str(type_))
        return f"schema={{{snippet(column.name)!r}: {shown}}}"
    return None


def _conversion_error(name: str, error: CellError, rule: ColumnRule | None = None) -> ConversionError:
    if rule is not None and rule.is_secret:
        error = CellError(error.row, _HIDDEN, error.reason)
    return ConversionError(
        f"Column {snippet(name)!r}, {error.place}: {error.short_value!r} {error.reason}.",
        column=name,
        row=error.row,
        value=error.short_value,
    )


def _combine(errors: list[ConversionError]) -> ConversionError:
    """Return one error about all columns that do not fit; its attributes are those of the first."""
    first, more = errors[0], len(errors) - _MOST_DESCRIBED
    if len(errors) == 1:
        return first
    sentences = [f"{len(errors):,} columns do not fit.", *map(str, errors[:_MOST_DESCRIBED])]
    if more > 0:
        sentences.append(f"And {more:,} more.")
    return ConversionError(" ".join(sentences), column=first.column, row=first.row, value=first.value)


def _without_columns(rows: int) -> pa.Table:
    """Return a table that has rows only."""
    empty = pa.Array.from_buffers(pa.struct([]), rows, [None])
    return pa.Table.from_batches([pa.RecordBatch.from_struct_array(empty)])
