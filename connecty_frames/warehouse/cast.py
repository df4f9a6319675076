"""Cast rows of a table to an answer's columns and types, all decided before the first row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from connecty_frames import errors
from connecty_frames._base.text import counted, quoted, snippet
from connecty_frames.decode.arrow import TypeTest, any_of, first_match, is_binary, is_list, is_text
from connecty_frames.decode.cells import CellError
from connecty_frames.decode.schema import ColumnRule, ColumnSchema, check_rule, column_names
from connecty_frames.errors import ConversionError
from connecty_frames.warehouse.cells import is_uuid
from connecty_frames.warehouse.conversion import FLOAT_DIGITS, JSON_TYPES, Pair, convert, pair_of

if TYPE_CHECKING:

    class RecordBatchReader(pa.RecordBatchReader):  # type: ignore[misc]
        """A pyarrow reader. pyarrow has no type hints, but pyright knows a derived class."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Record batches, in the order of arrival."""

    schema: pa.Schema | None  # None if nothing arrived
    batches: Iterable[pa.RecordBatch]
    origins: Sequence[str] = ()  # the database's name for each column's type, unless the schema has it

    def given(self, positions: Sequence[int]) -> list[tuple[pa.DataType, str, pa.DataType | None]]:
        """Return the Arrow type of each column, its origin, and its declared type."""
        # The origin is the database's name for the type, in lower case, or empty if unknown. The declared
        # type of numbers as text is their decimal type, or None if unbounded.
        schema: Any = self.schema
        return [_given(schema.field(each), self.origins[each] if self.origins else "") for each in positions]


def cast_rows(
    rows: Rows,
    *,
    columns: Sequence[ColumnSchema],
    rules: Mapping[str, ColumnRule],  # by column, as ``schema=`` sets them
    describe: Callable[[Sequence[ColumnSchema]], pa.Schema],
    whole_rows: int | None,
    widens: bool,
) -> Iterator[Any]:
    """Yield the new schema, with the metadata from ``describe``, then the batches.

    Raises ConversionError. ``whole_rows`` is the number of rows of the whole answer, or None if unknown. With
    ``widens``, whole numbers become the double or decimal that the database declares.
    """
    location = errors.CodeLocation.of_caller()
    count = 0
    try:
        if rows.schema is not None:
            given = zip(columns, rows.given(_positions(rows.schema, columns)), strict=True)
            columns = [
                _decide(column, origin, declared, widens=widens) for column, (_, origin, declared) in given
            ]
            plan = _plan(rows, columns)
        column_rules = [rules.get(column.name, ColumnRule()) for column in columns]
        described = describe(columns)
        fields = [f.with_nullable(rule.nullable) for f, rule in zip(described, column_rules, strict=True)]
        schema = pa.schema(fields, described.metadata)
        yield schema
        for batch in rows.batches:
            if batch.schema != rows.schema:  # cloud clients narrow the types of each part
                rows = replace(rows, schema=batch.schema)
                plan = _plan(rows, columns)
            arrays = []
            for (position, pair), column, rule in zip(plan, columns, column_rules, strict=True):
                with _naming(column, count):
                    arrays.append(convert(batch.column(position), pair))
                    check_rule(arrays[-1], rule)
            count += len(batch)
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if widens or errors.is_interrupt(error):  # an error of the driver stays unchanged
            raise
        message = f"The table cannot be read after {counted(count, 'row')}: {snippet(str(error), 500)}"
        raise ConversionError(message) from error
    if whole_rows is not None and count != whole_rows:
        message = (
            f"The table has {counted(count, 'row')}, but the answer has {whole_rows:,}: the data has "
            "changed since, or other SQL made the table."
        )
        token = errors.WARNING_LOCATION.set(location)  # not the reading line, perhaps in a library
        try:
            errors.warn(errors.StatisticsWarning(message))
        finally:
            errors.WARNING_LOCATION.reset(token)


@contextmanager
def _naming(column: ColumnSchema, start: int | None = None) -> Iterator[None]:
    try:
        yield
    except CellError as error:
        raise _error(column, error, None if start is None else start + (error.row or 0)) from None
    except (pa.ArrowException, UnicodeError) as error:  # only Arrow knows why the value does not fit
        raise _error(column, CellError(None, "a value", f"does not fit: {error}")) from None


def _error(column: ColumnSchema, error: CellError, row: int | None = None) -> ConversionError:
    place = f"Column {snippet(column.name)!r}"
    problem = (
        f"{place}: {error.short_value} {error.reason}."
        if row is None
        else f"{place}, row {row}: {error.short_value!r} {error.reason}."
    )

    def hint(option: str) -> str:
        if not column.is_inferred:
            return ""
        return f"The answer's rows made the column {column.type}; {option} chooses another type."

    return ConversionError(
        problem,
        hint=hint("schema="),
        shell_hint=hint("--schema-file FILE"),
        column=column.name,
        row=row,
        value="" if row is None else error.short_value,
    )


def _plan(rows: Rows, columns: Sequence[ColumnSchema]) -> list[tuple[int, Pair]]:
    plan = []
    found = _positions(rows.schema, columns)
    for position, (got, origin, declared), column in zip(found, rows.given(found), columns, strict=True):
        with _naming(column):
            plan.append((position, pair_of(got, column, origin, declared)))
    return plan


def _positions(schema: pa.Schema, columns: Sequence[ColumnSchema]) -> list[int]:
    names = column_names(schema.names)[0]
    exact = {name: position for position, name in enumerate(names)}
    folded = Counter(map(str.casefold, names))  # Snowflake's names differ in case
    alone = {name.casefold(): at for at, name in enumerate(names) if folded[name.casefold()] == 1}
    found = [exact.get(column.name, alone.get(column.name.casefold())) for column in columns]
    used = set(found)
    missing = [column.name for column, position in zip(columns, found, strict=True) if position is None]
    extra = [name for position, name in enumerate(names) if position not in used]
    if missing or extra or len(used) < len(found):  # names of the answer, different only in case
        raise ConversionError(
            f"The table does not have the columns of the answer: it has {quoted(names)}, the answer "
            f"{quoted([column.name for column in columns])}.",
            column=(missing or extra or [columns[0].name])[0],
        )
    return [position for position in found if position is not None]


def _given(column: pa.Field, origin: str) -> tuple[pa.DataType, str, pa.DataType | None]:
    """Return a column's type, origin and declared type, using the field metadata of ADBC drivers."""
    type_, known = column.type, column.metadata or {}
    try:
        origin = known.get(b"POSTGRESQL:type", b"").decode() or origin or getattr(type_, "type_name", "")
        declared = _numeric(int(known.get(b"POSTGRESQL:typmod", -1))) if origin == "numeric" else None
    except ValueError:
        message = f"Column {snippet(column.name)!r}: its metadata of ADBC is damaged; fetch the table again."
        raise ConversionError(message, column=column.name) from None
    storage = type_.storage_type if isinstance(type_, pa.BaseExtensionType) else type_
    if b"POSTGRESQL:type" in known and pa.types.is_nested(storage):
        raise ConversionError(
            "ADBC's driver of PostgreSQL flattens arrays and loses values of composite types: column "
            f"{snippet(column.name)!r} is of the type {snippet(origin)}. Use to_json(...)::text in the SQL.",
            column=column.name,
        )
    return type_, origin, declared if origin == "numeric" and is_text(storage) else type_


def _numeric(typmod: int) -> pa.DataType | None:
    if typmod < 0:
        return None
    precision, scale = (typmod - 4) >> 16, ((typmod - 4) & 0x7FF ^ 0x400) - 0x400
    precision = max(precision - min(scale, 0), scale)  # numeric(3, -2) has 5 digits, numeric(2, 4) has 4
    makers = ((38, pa.decimal128), (76, pa.decimal256))
    return next((make(precision, max(scale, 0)) for most, make in makers if precision <= most), None)


def declared_types(rows: Rows, columns: Sequence[ColumnSchema]) -> list[tuple[str, pa.DataType]]:
    """Return the columns of a pin with final types, or the database's types where the pin's do not fit."""
    schema: Any = rows.schema
    try:
        found = _positions(schema, columns)
    except ConversionError:
        return [(name, pa.null()) for name in column_names(schema.names)[0]]  # types do not matter
    types = []
    for column, (got, origin, declared) in zip(columns, rows.given(found), strict=True):
        fits = False
        with suppress(CellError, pa.ArrowException):
            decided = _decide(column, origin, declared, widens=True)
            pair_of(got, decided, origin, declared)
            fits = not _is_another_kind(origin, declared, decided.type)
        types.append((column.name, decided.type if fits else declared or got))
    return types


def needs_values(rows: Rows, columns: Sequence[ColumnSchema]) -> bool:
    """Return True if only the values tell whether they fit: other times, and decimals beside doubles."""
    found = zip(columns, rows.given(_positions(rows.schema, columns)), strict=True)
    return any(c.is_inferred and _may_lose(declared or got, c.type) for c, (got, _, declared) in found)


def _may_lose(given: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_decimal(given) and pa.types.is_float64(wanted):
        return bool(given.precision > FLOAT_DIGITS[64])
    return _DIFFER(wanted) and _as_answered(given, wanted) != wanted


def _is_another_kind(origin: str, declared: pa.DataType | None, wanted: pa.DataType) -> bool:
    """Return True if the declared type is text or whole numbers, and the wanted one is not."""
    declared = declared and _as_answered(declared, wanted)
    if declared is None or (pa.types.is_nested(wanted) and origin in JSON_TYPES):
        return False
    if is_text(declared):
        return not is_text(wanted)
    is_whole = pa.types.is_integer(declared) or (pa.types.is_decimal(declared) and declared.scale == 0)
    return bool(is_whole and (pa.types.is_boolean(wanted) or _has_fractions(wanted)))


def _decide(column: ColumnSchema, origin: str, declared: pa.DataType | None, *, widens: bool) -> ColumnSchema:
    if not column.is_inferred:
        return column
    type_ = column.type
    if declared is not None and column.basis == "empty":
        type_ = _as_answered(declared, type_)
    elif declared is not None and widens:
        type_ = _wider(type_, declared)
    if type_ == column.type:
        return column
    return replace(column, type=type_, evidence=f"{origin or declared} in the table", basis=None)


def _as_answered(given: pa.DataType, wanted: pa.DataType) -> pa.DataType:
    """Return the answer's type for a table's type; instants keep the wanted zone."""
    make = first_match(_ANSWERED, given)
    return wanted if make is None else make(given, wanted)


def _timestamp(given: pa.DataType, wanted: pa.DataType) -> pa.DataType:
    zone = getattr(wanted, "tz", None) or "UTC"
    return pa.timestamp("ns" if given.unit == "ns" else "us", zone if given.tz else None)


_DIFFER: Final = any_of(pa.types.is_temporal, pa.types.is_floating, pa.types.is_decimal)
_ANSWERED: Final[tuple[tuple[TypeTest, Callable[[pa.DataType, pa.DataType], pa.DataType]], ...]] = (
    (pa.types.is_uint64, lambda *_: pa.uint64()),
    (pa.types.is_integer, lambda *_: pa.int64()),
    (pa.types.is_floating, lambda *_: pa.float64()),
    (pa.types.is_decimal256, lambda given, _: given),
    (pa.types.is_decimal, lambda given, _: pa.decimal128(given.precision, max(given.scale, 0))),
    (pa.types.is_boolean, lambda *_: pa.bool_()),
    (any_of(is_text, is_uuid, pa.types.is_dictionary), lambda *_: pa.string()),
    (is_binary, lambda *_: pa.binary()),
    (pa.types.is_date, lambda *_: pa.date32()),
    (pa.types.is_timestamp, _timestamp),
    (pa.types.is_time, lambda *_: pa.time64("us")),
    (any_of(pa.types.is_duration, pa.types.is_interval), lambda *_: pa.duration("us")),
    (is_list, lambda given, wanted: pa.list_(_as_answered(given.value_type, wanted))),
    (
        pa.types.is_struct,
        lambda given, wanted: pa.struct([(each.name, _as_answered(each.type, wanted)) for each in given]),
    ),
)


def _wider(wanted: pa.DataType, declared: pa.DataType) -> pa.DataType:
    """Return a declared double or decimal instead of whole numbers: later values may have fractions."""
    if is_list(wanted) and is_list(declared):
        return pa.list_(_wider(wanted.value_type, declared.value_type))
    is_wider = pa.types.is_integer(wanted) and _has_fractions(declared)
    return _as_answered(declared, wanted) if is_wider else wanted


def _has_fractions(type_: pa.DataType) -> bool:
    return bool(pa.types.is_floating(type_) or (pa.types.is_decimal(type_) and type_.scale > 0))
