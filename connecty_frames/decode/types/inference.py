"""The rules for a column's Arrow type.

Types are decided here and nowhere else, by the first rule of :data:`RULES` that covers all kinds of values,
and whose section is that of the statistics, or None, which fits any. If a value does not fit the type, the
whole column stays exact text, and the decision says which value and why. A value is never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import counted, listed
from connecty_frames.decode import compute as pc
from connecty_frames.decode.cells import CellError
from connecty_frames.decode.exact_json import LONE_SURROGATE, NUMBER_KINDS, IntText, ValueKind
from connecty_frames.decode.types import numbers, times
from connecty_frames.decode.types.build import Unlike, build, build_nested
from connecty_frames.decode.types.column import Column, MixedCells, ScalarCells
from connecty_frames.decode.types.numbers import FloatValues
from connecty_frames.decode.types.spellings import TemporalFormat, has_format

if TYPE_CHECKING:
    from connecty_frames.decode.arrow import Array
    from connecty_frames.options import AskOptions


class Decision(NamedTuple):
    """A column's type, and how it was decided on."""

    type: pa.DataType
    evidence: str  # in words
    problem: CellError | None = None  # a value outside of the column's expected type
    array: Array | None = None  # the column, if it was built while deciding
    basis: str | None = None  # see ``ColumnSchema``


class Rule(Immutable):
    """One line of the table."""

    section: str | None  # None if none tells the type
    kinds: frozenset[ValueKind]  # null is always covered
    result: str  # in words, for the documentation
    decide: Callable[[Column, AskOptions], Decision]  # CellError leaves the column text


def decide(column: Column, options: AskOptions) -> Decision:
    """Decide on a column's type by its cells and statistics."""
    cells: Any = column.cells
    if cells.has_surrogates:  # Arrow cannot hold some cells
        row = cells.surrogate_row()
        problem = CellError(row, cells.json_of(row), f"holds {LONE_SURROGATE}")
        words = f"the JSON of each cell, since {problem.short_value!r} ({problem.place}) {problem.reason}"
        return Decision(pa.string(), words, problem, cells.json_texts())
    decision = _apply_rule(column, options)
    for section in column.statistics.candidates[1:]:
        if decision.problem is None or not (pa.types.is_string(decision.type) or column.section == "boolean"):
            break
        column = column.under(section)
        decision = _apply_rule(column, options)
    return decision


def _apply_rule(column: Column, options: AskOptions) -> Decision:
    if column.section == "boolean" and column.kinds == {ValueKind.FRACTION}:
        column = column.with_cells(column.cells.by_cell())  # all may be whole, and only too long for int64
    rule = _find_rule(column.section, column.kinds)
    try:
        decision = rule.decide(column, options)
    except CellError as problem:
        words = f"exact text, since {problem.short_value!r} ({problem.place}) {problem.reason}"
        array = column.cells.array if column.kinds == {ValueKind.TEXT} else None
        return Decision(pa.string(), words, problem, array, "text")
    if column.section in (None, "general") or rule.section is not None or decision.problem is not None:
        return decision
    # No rule of this section covers the values.
    row = column.cells.first_of(column.kinds)
    reason = (
        f"is among {_kind_names(column.cells.by_cell().kinds)}, though the statistics are {column.section}"
    )
    return decision._replace(problem=CellError(row, column.cells.json_of(row), reason))


@lru_cache
def _find_rule(section: str | None, kinds: frozenset[ValueKind]) -> Rule:
    return next(rule for rule in RULES if rule.section in (None, section) and kinds <= rule.kinds)


def _kind_names(kinds: frozenset[ValueKind]) -> str:
    return " and ".join(sorted(kind.value for kind in kinds))


def _counted(column: Column) -> str:
    count, nulls = column.count, len(column.cells) - column.count
    only = "" if count else " only"
    bounds = f" and the statistics' min and max{only}" if column.bounds else ""
    return f"{count:,} of {count:,} values{bounds}" + (f" ({nulls:,} null)" if nulls else "")


def _exact_text(column: Column, _: AskOptions, words: str = "string statistics") -> Decision:
    """Decide on text; if all values are texts, they are the column without a change."""
    unlike, problem = column.kinds & (NUMBER_KINDS | {ValueKind.BOOLEAN}), None
    if unlike:
        row = column.cells.first_of(unlike)
        reason = f"is among {_kind_names(column.cells.by_cell().kinds)}, though the statistics are string"
        problem = CellError(row, column.cells.json_of(row), reason)
    array = column.cells.array if column.kinds == {ValueKind.TEXT} else None
    return Decision(pa.string(), words, problem, array)


def _text_without_section(column: Column, options: AskOptions) -> Decision:
    return _exact_text(column, options, f"{_counted(column)} are texts, and the statistics are not of times")


def _text_without_statistics(column: Column, options: AskOptions) -> Decision:
    if options.infer_temporal:
        with suppress(CellError):
            return _temporal_texts(column, options, "{}; no statistics", inferred=True)
    return _exact_text(column, options, f"{_counted(column)} are texts")


def _temporal(column: Column, options: AskOptions) -> Decision:
    if not (column.count or column.bounds):
        type_ = pa.timestamp("us", options.tz)
        # Built here, since the cells may be texts for null.
        nulls = pa.nulls(len(column.cells), type_)
        return Decision(type_, "temporal statistics without a value", array=nulls, basis="empty")
    try:
        return _temporal_texts(column, options, "temporal statistics; {}")
    except CellError:
        with_nulls = column.with_nat_as_null()
        if with_nulls is None:
            raise
        decision = decide(with_nulls, options)
        evidence = f"{decision.evidence}; {column.count - with_nulls.count:,} NaT read as null"
        is_text = decision.problem is not None and pa.types.is_string(decision.type)
        # In a text, NaT is no null.
        return decision._replace(array=None) if is_text else decision._replace(evidence=evidence)


def _temporal_texts(column: Column, options: AskOptions, words: str, *, inferred: bool = False) -> Decision:
    cells: Any = column.cells
    if not column.count:
        cells = ScalarCells(ValueKind.TEXT, pa.nulls(len(cells), pa.string()))
    found = times.read_column(
        cells.values,
        lambda: cells.array,
        column.bounds,
        options.tz,
        inferred=inferred,
        is_duration=column.statistics.clock == "duration",
    )
    array, offsets = found.values, listed(sorted(found.offsets))
    evidence = words.format(f"{_counted(column)} are {found.format.value} {offsets}".rstrip())
    if options.strict and found.format is TemporalFormat.TIME and column.statistics.clock != "time":
        texts = [*filter(None, column.cells), *column.bounds]
        if all(has_format(text, TemporalFormat.DURATION) for text in texts):
            reason = "may be a time of day or a duration; set the type with schema= or a pin"
            row = column.cells.first_of(column.kinds) if column.count else None
            return Decision(array.type, evidence, CellError(row, texts[0], reason), array)
    if found.format is TemporalFormat.AWARE:
        row = times.row_out_of_range(array, options.tz)
        if row is not None:
            array = pc.cast(array, pa.timestamp(array.type.unit, "UTC"))
            reason = f"has no year that can be shown in {options.tz}, so the column is in UTC"
            return Decision(array.type, evidence, CellError(row, str(column.cells[row]), reason), array)
    return Decision(array.type, evidence, array=array)


def _numeric(column: Column, options: AskOptions) -> Decision:
    bounds = list(filter(numbers.is_number, column.bounds))
    if not (column.count or bounds):
        return Decision(pa.float64(), "numeric statistics without a value", basis="empty")
    return _numbers(column, options, bounds, "numeric statistics; {}")


def _numbers(column: Column, options: AskOptions, bounds: Sequence[str] = (), words: str = "{}") -> Decision:
    values: Any = column.cells.values
    is_quoted, decimals, found = ValueKind.TEXT in column.kinds, options.decimals, None
    if options.strict or (is_quoted and decimals == "auto" and numbers.any_finite(column.cells.quoted)):
        decimals = "exact"  # a number in quotes asks for it
    if isinstance(values, FloatValues):
        found = numbers.infer_floats(values, bounds, decimals)
    elif (
        column.kinds == {ValueKind.INTEGER}
        and values.type == pa.int64()
        and all(map(numbers.is_short_integer, bounds))
    ):
        found = values, counted(column.count + len(bounds), "whole number"), None
    if found is None:
        found = numbers.infer(column.cells.texts, bounds, decimals, quoted=is_quoted)
    problem = _constant_problem(column) if ValueKind.CONSTANT in column.kinds else None
    array, reason, basis = found
    return Decision(array.type, words.format(reason), problem, array, basis)


def _numbers_and_texts(column: Column, options: AskOptions) -> Decision:
    """Decide on numbers among texts: JSON can only write NaN and infinity as texts."""
    return (_numbers if numbers.are_not_finite(column.cells.quoted) else _mixed)(column, options)


def _constant_problem(column: Column) -> CellError | None:
    """Return the problem of a cell with a bare NaN or infinity: it is read, but is not JSON."""
    found = column.cells.constants() if isinstance(column.cells, MixedCells) else iter(())
    reason = "is written without quotes, which is not JSON; it was read as the float it means"
    return next((CellError(row, constant, reason) for row, constant in found), None)


def _boolean(column: Column, options: AskOptions) -> Decision:
    if not column.kinds:
        return Decision(pa.bool_(), "boolean statistics without a value", basis="empty")
    try:
        array = build(column.cells, pa.bool_())
    except CellError as error:
        if column.kinds != {ValueKind.INTEGER}:
            raise
        return _numbers(column, options)._replace(problem=error)
    return Decision(pa.bool_(), f"boolean statistics; {_counted(column)} are true or false", array=array)


def _booleans(column: Column, _: AskOptions) -> Decision:
    return Decision(pa.bool_(), f"{_counted(column)} are true or false", array=column.cells.array)


def _nothing(column: Column, _: AskOptions) -> Decision:
    words = "only nulls, and no statistics that tell a type" if column.cells else "no rows"
    return Decision(pa.string(), words, basis="empty")


def _mixed(column: Column, _: AskOptions) -> Decision:
    row = column.cells.by_cell().odd_row()
    kinds = _kind_names(column.kinds)
    reason = f"differs from other values: the column mixes {kinds}"
    return Decision(pa.string(), f"mixed {kinds}", CellError(row, column.cells.json_of(row), reason))


def _nested(column: Column, options: AskOptions) -> Decision:
    kinds = _kind_names(column.kinds)
    try:
        array = build_nested(column.cells.by_cell(), partial(_build_scalars, options=options))
    except Unlike:
        return Decision(pa.string(), f"{_counted(column)} are {kinds} that no type holds: as JSON")
    words = f"{_counted(column)} are {kinds} of one shape"
    return Decision(array.type, words, _constant_problem(column), array)


def _build_scalars(found: MixedCells, _: None, options: AskOptions) -> Array | None:
    if len(found.kinds) > 1 and not found.kinds <= NUMBER_KINDS:
        return None
    cells = found.narrowed()
    column = Column("", cells)
    if not column.kinds <= NUMBER_KINDS:
        return cells.array
    whole = (cell for cell in column.cells if type(cell) is IntText)
    if options.decimals == "float" and not all(map(numbers.is_exact_float, whole)):
        options = replace(options, decimals="exact")  # no whole number is changed
    try:
        decision = _numbers(column, options)
        return build(cells, decision.type) if decision.array is None else decision.array
    except CellError:
        return None


_ALL: Final = frozenset(ValueKind)

RULES: Final[tuple[Rule, ...]] = (
    Rule("string", _ALL, "string", _exact_text),
    Rule("temporal", frozenset({ValueKind.TEXT}), "date32, timestamp, time64 or duration", _temporal),
    Rule("numeric", NUMBER_KINDS | {ValueKind.TEXT}, "int64, uint64, decimal or float64", _numeric),
    Rule("boolean", frozenset({ValueKind.BOOLEAN, ValueKind.TEXT, ValueKind.INTEGER}), "bool", _boolean),
    Rule(None, frozenset(), "string", _nothing),
    Rule("general", frozenset({ValueKind.TEXT}), "string", _text_without_section),
    Rule(None, frozenset({ValueKind.BOOLEAN}), "bool", _booleans),
    Rule(None, NUMBER_KINDS, "int64, uint64, decimal or float64", _numbers),
    Rule(None, frozenset({ValueKind.TEXT}), "string, date32 or timestamp", _text_without_statistics),
    Rule(None, frozenset({ValueKind.ARRAY}), "list or string", _nested),
    Rule(None, frozenset({ValueKind.OBJECT}), "struct or string", _nested),
    Rule(None, NUMBER_KINDS | {ValueKind.TEXT}, "float64, decimal or string", _numbers_and_texts),
    Rule(None, _ALL, "string", _mixed),
)
