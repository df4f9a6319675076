"""From the parts of a response to an Arrow table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import pyarrow as pa

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import cut, quoted, snippet
from connecty_frames.decode import exact_json
from connecty_frames.decode.arrow import Array, index_of, is_number, is_text
from connecty_frames.decode.cells import CellError, cell_error
from connecty_frames.decode.columnar import read_columnar
from connecty_frames.decode.exact_json import LIMITS, MOST_WARNINGS, NESTED_KINDS, NUMBER_KINDS, ValueKind
from connecty_frames.decode.general import Table, read_general
from connecty_frames.decode.schema import (
    GIVEN,
    ColumnRule,
    ColumnSchema,
    SchemaTypes,
    check_rule,
    column_names,
    match_names,
)
from connecty_frames.decode.statistics import NO_STATISTICS, ColumnStatistics, count_total
from connecty_frames.decode.statistics_check import ReadColumn, check_statistics
from connecty_frames.decode.types import inference, numbers
from connecty_frames.decode.types.build import build, build_datetimes, datetime_type, restate_bounds
from connecty_frames.decode.types.column import Column, MixedCells, ScalarCells, longest_of
from connecty_frames.decode.types.encodings import Encoding, Given, OpenType, epoch
from connecty_frames.decode.types.spellings import is_beyond
from connecty_frames.errors import ConversionError, ResponseError, StatisticsWarning, TypeFidelityWarning

if TYPE_CHECKING:
    from connecty_frames.decode.envelope import Envelope
    from connecty_frames.decode.exact_json import ReaderLimits
    from connecty_frames.errors import ConnectyWarning
    from connecty_frames.options import AskOptions

_MOST_DESCRIBED: Final = 10  # how many columns an error describes before it counts the rest
#: The types to suggest for ``schema=`` if inference does not read a column, by the section of its
#: statistics, and how many of its values are tried before a warning names one.
_MOST_TRIED: Final = 1_000
_REMEDIES: Final[dict[str | None, tuple[Given, ...]]] = {
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
_NO_TYPES: Final = SchemaTypes({}, complete=False)
_NO_RULE: Final = ColumnRule()


class Decoded(Immutable):
    """One decoded table, its schema, the rows of the whole answer, and warnings."""

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
    sent = envelope.column_statistics
    header, cells, count = read_rows(envelope.rows, sent, limits, is_strict=envelope.is_strict)
    names, server_names, renamed = column_names(header, limits.checkpoint)
    entries, absent = match_names(server_names, sent)
    statistics = [NO_STATISTICS if entry is None else sent[entry] for entry in entries]
    unknown = list(dict.fromkeys(name for found in statistics for name in found.unknown))
    ignored = [f"Statistics with unknown names were ignored: {quoted(unknown)}."] if unknown else []
    total_rows = count_total([sent[name] for name in sent.keys() - absent], count)
    truncated: bool | None = total_rows is not None and count < total_rows
    if total_rows is None:
        total_rows, truncated = _count_by_values(statistics, cells, count, fetched)
    stated = max(envelope.stated_rows or 0, envelope.row_count or 0)
    if envelope.is_cut or stated > count:  # as fields beside the statistics say
        total_rows = max(filter(None, (total_rows, stated)), default=None)
        total_rows, truncated = (None if total_rows == count else total_rows), True
    whole = total_rows is not None and count >= total_rows
    types, order = _NO_TYPES, list(range(len(names)))
    if schema_types is not None:
        types = schema_types.named_as_in(names)
        order = _column_order(names, types)
    read_again = cache(partial(read_general, envelope.rows, limits))
    shared = _Shared(names, cells, statistics, types, options, limits, whole, [], read_again)
    columns = _read_columns(order, shared)
    disagreements = check_statistics(columns, absent, count, total_rows, limits.checkpoint)
    if options.strict and disagreements:
        raise ResponseError(f"{disagreements[0]} (This is an error because of strict=True.)")
    warnings = [*renamed, *map(StatisticsWarning, ignored), *shared.warnings, *disagreements]
    schema = [column.schema for column in columns]
    limits.checkpoint()
    return Decoded(_table(columns, count), schema, count, total_rows, truncated, warnings)


def read_rows(
    source: memoryview,
    statistics: Mapping[str, ColumnStatistics],
    limits: ReaderLimits = LIMITS,
    *,
    is_strict: bool = True,
) -> tuple[list[Any], Sequence[ScalarCells | MixedCells], int]:
    """Return the header, the columns and the number of rows, by the columnar reader if possible."""
    sections = {name: found.candidates[0] for name, found in statistics.items()}
    fast = read_columnar(source, sections, limits) if is_strict else None
    if fast is not None:
        header, columns = fast
        return header, columns, columns[0].rows
    header, table = read_general(source, limits)
    return header, table, table.rows


class _Shared(NamedTuple):
    names: list[str]
    cells: Sequence[ScalarCells | MixedCells]  # by column
    statistics: list[ColumnStatistics]  # of each column
    schema_types: SchemaTypes
    options: AskOptions
    limits: ReaderLimits
    whole: bool  # all rows of the result were received
    warnings: list[TypeFidelityWarning]
    read_again: Callable[[], tuple[list[Any], Table]]  # all rows once more, for columns in need of texts

    def warn(self, column: Column, type_: pa.DataType | None, problem: CellError) -> None:
        """Warn of a value, and of a column without its expected type; raise it under strict."""
        if self.options.strict:
            raise _conversion_error(column.name, problem)
        name, remedy, outcome = snippet(column.name), None, ""
        if type_ is not None:
            if len(self.warnings) < MOST_WARNINGS:  # advice takes much longer than reading the column
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


def _read_columns(order: list[int], shared: _Shared) -> list[ReadColumn]:
    columns, errors = [], []
    for position in order:
        shared.limits.checkpoint()
        try:
            columns.append(_read_column(position, shared))
        except ConversionError as error:
            error.__traceback__ = error.__context__ = None  # they keep the column's arrays
            errors.append(error)
    if len(errors) > 1:
        sentences = [f"{len(errors):,} columns do not fit.", *map(str, errors[:_MOST_DESCRIBED])]
        more = len(errors) - _MOST_DESCRIBED
        if more > 0:
            sentences.append(f"And {more:,} more.")
        first = errors[0]
        raise ConversionError(" ".join(sentences), column=first.column, row=first.row, value=first.value)
    if errors:
        raise errors[0]
    return columns


def _read_column(position: int, shared: _Shared) -> ReadColumn:
    name, sent, cells = shared.names[position], shared.statistics[position], shared.cells[position]
    if isinstance(shared.cells, list):
        shared.cells[position] = None  # frees their memory once the column has its type
    given = shared.schema_types.types.get(name)
    rule = shared.schema_types.rules.get(name, _NO_RULE)
    received = Column(name, cells, sent if given is None else restate_bounds(sent, given), whole=shared.whole)
    column = received
    if ValueKind.CONSTANT in received.kinds:
        column = _read_null_tokens(column, given, shared)
    type_, evidence, _, array, basis = _choose_type(column, given, shared)
    if array is None:
        array = _build(column, position, given, type_, shared)
    if rule is not _NO_RULE:
        try:
            check_rule(array, rule, shared.limits.checkpoint)
        except CellError as error:
            shown = cell_error(error.row or 0, received.cells[error.row or 0], error.reason)
            raise _conversion_error(name, shown, rule) from None
    nans = received.count - column.count
    if nans:
        evidence += f"; {nans:,} bare NaN read as null"
    encoding = given if isinstance(given, Encoding) and not isinstance(given, OpenType) else None
    schema = ColumnSchema(name, type_, evidence, encoding, basis)
    return ReadColumn(array, schema, received.statistics, sent, rule.nullable, nans)


def _table(columns: list[ReadColumn], rows: int) -> pa.Table:
    if not columns:
        empty = pa.Array.from_buffers(pa.struct([]), rows, [None])
        return pa.Table.from_batches([pa.RecordBatch.from_struct_array(empty)])
    fields = [pa.field(column.schema.name, column.schema.type, column.nullable) for column in columns]
    return pa.Table.from_arrays([column.array for column in columns], schema=pa.schema(fields))


def _count_by_values(
    statistics: list[ColumnStatistics],
    cells: Sequence[ScalarCells | MixedCells],
    received: int,
    fetched: int | None,
) -> tuple[int | None, bool | None]:
    """Return the number of rows of the whole result, and True if rows were cut, or None if unknown."""
    total, missing = None, -1
    for position, found in enumerate(statistics):
        present = 0 if found.count is None else cells[position].present_count
        if found.count is not None and found.count - present > missing:
            missing = found.count - present
            # If no null was received, there are taken to be none.
            total = found.count if present == received else None
    if missing < 0:  # as many rows as requested may be all of them, or not
        return None, (None if fetched is None or received >= fetched else False)
    return total if missing else received, missing > 0


def _read_null_tokens(column: Column, given: Given | None, shared: _Shared) -> Column:
    """Put null for each bare NaN in a column without numbers, and warn of the first."""
    candidates, others = set(column.statistics.candidates), column.kinds - {ValueKind.CONSTANT}
    if given is not None:
        is_null = not is_number(given.type if isinstance(given, Encoding) else given)
    elif "numeric" in candidates:
        is_null = False
    else:
        is_null = candidates <= {"string", "temporal", "boolean"} or bool(
            others and not others & NUMBER_KINDS
        )
    if not is_null:
        return column
    cells, rows = column.cells.by_cell().without("NaN", ValueKind.CONSTANT)
    if len(rows):
        column = column.with_cells(cells)
        reason = "is written without quotes, which is not JSON; it was read as null"
        shared.warn(column, None, CellError(int(rows[0]), "NaN", reason))
    return column


def _column_order(names: list[str], schema_types: SchemaTypes) -> list[int]:
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


def _choose_type(column: Column, given: Given | None, shared: _Shared) -> inference.Decision:
    if column.cells.is_too_deep:
        raise ResponseError(
            f"Column {snippet(column.name)!r} is nested deeper than {exact_json.MAX_DEPTH} levels."
        )
    if given is None:
        decision = inference.decide(column, shared.options)
    else:
        decision = _decide_given(column, given, shared.schema_types)
    if decision.problem is not None:
        shared.warn(column, decision.type, decision.problem)
    return decision


def _decide_given(column: Column, given: Given, schema_types: SchemaTypes) -> inference.Decision:
    if not isinstance(given, Encoding):
        basis = "saved" if column.name in schema_types.inferred else "schema"
        return inference.Decision(given, GIVEN[basis], basis=basis)
    type_ = given.type
    if given == OpenType(datetime):
        type_ = datetime_type(column.cells, column.bounds)
    elif given == OpenType(Decimal) and not column.cells.has_surrogates:  # an error where they are read
        type_ = numbers.any_decimal(longest_of(column.cells), column.bounds) or type_
    # An encoding may list many categories.
    evidence = f"{GIVEN['schema']}, {cut(repr(given), 200)}"
    return inference.Decision(type_, evidence, basis="saved" if isinstance(given, OpenType) else "schema")


def _build(column: Column, position: int, given: Given | None, type_: pa.DataType, shared: _Shared) -> Array:
    cells = column.cells
    if column.count and is_text(type_.value_type if pa.types.is_dictionary(type_) else type_):
        cells = _as_texts(cells, position, shared)
    try:
        if given == OpenType(datetime):
            return build_datetimes(cells, type_)
        return build(cells, type_ if given is None or given == OpenType(Decimal) else given)
    except CellError as error:
        with_nulls = column.with_nat_as_null() if pa.types.is_temporal(type_) else None
        if with_nulls is not None:
            return _build(with_nulls, position, given, type_, shared)
        rule = shared.schema_types.rules.get(column.name, _NO_RULE)
        raise _conversion_error(column.name, error, rule) from None
    except pa.ArrowException as error:  # for Arrow's own restrictions on the more unusual types
        raise ConversionError(
            f"Column {snippet(column.name)!r} cannot be made {snippet(str(type_))}: {snippet(str(error))}",
            column=column.name,
        ) from None


def _as_texts(cells: Any, position: int, shared: _Shared) -> ScalarCells | MixedCells:
    # Only the source has arrays, objects, and a zero's minus as they were written.
    is_whole = isinstance(cells, ScalarCells) and pa.types.is_int64(cells.array.type)
    if is_whole and index_of(cells.array, 0) >= 0:
        cells = shared.read_again()[1].cells(position)
    return cells if cells.has_surrogates else ScalarCells(ValueKind.TEXT, cells.texts)


def _schema_that_reads(column: Column, inferred: pa.DataType, problem: CellError) -> str | None:
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
            # Common case: no type reads the value in question.
            build([first], type_)
            present = (cell for cell in column.cells if cell is not None)
            some = some or list(islice(present, 0, None, len(column.cells) // _MOST_TRIED + 1))
            build(some, type_)
        except (CellError, pa.ArrowException):
            continue
        if type_ == pa.float64() and not all(map(numbers.is_exact_float, filter(numbers.is_finite, some))):
            continue
        # Only the caller knows the unit of numbers.
        shown = "cf.epoch(unit)" if isinstance(type_, Encoding) else repr(str(type_))
        return f"schema={{{snippet(column.name)!r}: {shown}}}"
    return None


def _conversion_error(name: str, error: CellError, rule: ColumnRule = _NO_RULE) -> ConversionError:
    if rule.is_secret:
        error = CellError(error.row, "**********", error.reason)  # as a SecretStr shows itself
    return ConversionError(
        f"Column {snippet(name)!r}, {error.place}: {error.short_value!r} {error.reason}.",
        column=name,
        row=error.row,
        value=error.short_value,
    )
