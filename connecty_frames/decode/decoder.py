"""The whole way from response bytes to an Arrow table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from connecty_frames.decode import builders, exact_json, types
from connecty_frames.decode.column import Evidence, ScalarColumn
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.exact_json import Kind
from connecty_frames.decode.rows import Rows, read_rows
from connecty_frames.decode.schema import ColumnSchema, Contract, Schema
from connecty_frames.decode.statistics_check import verify
from connecty_frames.errors import ConversionError, ResponseError, TypeFidelityWarning
from connecty_frames.text import quoted, snippet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connecty_frames.decode.envelope import Envelope
    from connecty_frames.errors import ConnectyWarning
    from connecty_frames.options import AskOptions

__all__ = ["Decoded", "decode"]

#: How many columns an error describes before it counts the rest.
_NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class Decoded:
    """One decoded table and what is to be said of it.

    Parameters
    ----------
    table
        The rows, None where the answer has none.
    schema
        What each column is and why.
    rows, total_rows
        The rows that came, and those of the whole answer (None: unknown).
    truncated
        Whether rows were cut; None where nobody can tell.
    warnings
        What the caller should be told, in the order found.
    """

    table: pa.Table | None
    schema: Schema
    rows: int
    total_rows: int | None
    truncated: bool | None
    warnings: list[ConnectyWarning] = field(default_factory=list)


def decode(
    envelope: Envelope, options: AskOptions, *, contract: Contract | None = None, fetched: int | None = None
) -> Decoded:
    """Turn the rows of a response into an Arrow table of exact types.

    Parameters
    ----------
    options
        Of these ``tz``, ``infer_temporal`` and ``strict`` matter here.
    contract
        The caller's schema; what it names is settled.
    fetched
        The ``max_rows`` the response was asked for with, None where that is unknown.

    Raises
    ------
    ResponseError
        Where the rows are no table; under ``strict`` also where they contradict the statistics.
    ConversionError
        Where a value does not fit the contract, or is no text (half of a surrogate pair); under ``strict``
        also where a column would stay exact text.
    """
    if envelope.rows is None:
        return Decoded(None, Schema(()), 0, envelope.total_rows, None)
    rows = read_rows(envelope.rows, envelope.statistics)
    total_rows = envelope.rows_in_all(rows.count)
    statistics = [{} if name is None else envelope.statistics.get(name, {}) for name in rows.own_names]
    order = _order(rows.names, contract)
    pinned = {} if contract is None else contract.types
    warnings: list[ConnectyWarning] = list(rows.warnings)
    arrays, described, unfitting = [], [], []
    for position in order:
        evidence = Evidence(rows.names[position], rows.columns[position], statistics[position])
        try:
            array, column = _column(evidence, rows, position, options, pinned, warnings)
        except ConversionError as error:
            unfitting.append(error)
            continue
        arrays.append(array)
        described.append(column)
    if unfitting:
        raise _all_of(unfitting)
    schema = Schema(described)
    table = pa.Table.from_arrays(arrays, schema=schema.arrow) if arrays else _no_columns(rows.count)
    in_order = [statistics[position] for position in order]
    disagreements = verify(table, in_order, rows.count, total_rows, strict=options.strict)
    if options.strict and disagreements:
        raise ResponseError(f"{disagreements[0]} (strict=True makes this an error.)")
    truncated = _truncated(rows.count, total_rows, fetched)
    return Decoded(table, schema, rows.count, total_rows, truncated, [*warnings, *disagreements])


def _truncated(rows: int, total_rows: int | None, fetched: int | None) -> bool | None:
    """Say whether rows were cut: by the statistics, else by whether more could have come."""
    if total_rows is not None:
        return rows < total_rows
    return None if fetched is None or rows >= fetched else False


def _order(names: list[str], contract: Contract | None) -> list[int]:
    """Give the positions of the columns in the order of the table, held to the contract."""
    if contract is None:
        return list(range(len(names)))
    positions = {name: position for position, name in enumerate(names)}
    missing = [name for name in contract.types if name not in positions]
    extra = [name for name in names if name not in contract.types] if contract.complete else []
    if missing or extra:
        parts = [
            f"{what} {quoted(found)}"
            for what, found in (("missing:", missing), ("not in the schema:", extra))
            if found
        ]
        raise ConversionError(
            f"The answer does not have the columns of schema= ({'; '.join(parts)}). It has "
            f"{quoted(names) or 'none'}.",
            column=(missing or extra)[0],
        )
    return [positions[name] for name in contract.types] if contract.complete else list(range(len(names)))


def _column(  # noqa: PLR0917 - the one place where all that is known of a column meets
    evidence: Evidence,
    rows: Rows,
    position: int,
    options: AskOptions,
    pinned: Mapping[str, pa.DataType],
    warnings: list[ConnectyWarning],
) -> tuple[pa.Array, ColumnSchema]:
    """Build one column of the type that is settled or decided for it."""
    name = evidence.name
    nested = evidence.kinds & {Kind.ARRAY, Kind.OBJECT}
    if nested and exact_json.too_deep(evidence.values):
        raise ResponseError(f"Column {snippet(name)!r} is nested deeper than {exact_json.MAX_DEPTH} levels.")
    decision = _decided(evidence, pinned.get(name), options)
    if decision.problem is not None:
        warnings.append(_doubt(name, decision, strict=options.strict))
    described = ColumnSchema(name, decision.type, decision.evidence)
    if decision.array is not None:
        return decision.array, described
    values = evidence.values
    if evidence.count and builders.is_text(decision.type) and (nested or isinstance(values, ScalarColumn)):
        # Only the source has arrays, objects, and a zero's minus as they were written.
        cells = zip(values, rows.source_of(position), strict=True)
        values = [value if type(value) is str else source for value, source in cells]
    try:
        array = builders.build(values, decision.type)
    except CellError as misfit:
        raise _conversion_error(name, misfit) from None
    except pa.ArrowException as error:  # what only Arrow knows of the more unusual types
        raise ConversionError(
            f"Column {snippet(name)!r} cannot be made {snippet(str(decision.type))}: {snippet(str(error))}",
            column=name,
        ) from None
    return array, described


def _decided(evidence: Evidence, type_: pa.DataType | None, options: AskOptions) -> types.Decision:
    """Settle a column's type, as the caller says if he does."""
    if type_ is None:
        return types.decide(evidence, options)
    pinned = types.Decision(type_, "schema=")
    # Where the evidence says the same of a plain column, it has been read already.
    found = types.decide(evidence, options) if isinstance(evidence.values, ScalarColumn) else pinned
    return replace(pinned, array=found.array) if found.type == type_ and found.problem is None else pinned


def _doubt(name: str, decision: types.Decision, *, strict: bool) -> TypeFidelityWarning:
    """Say why a column is not what was due; under ``strict`` it is an error."""
    problem = decision.problem or CellError(None, "", "")
    if strict:
        raise _conversion_error(name, problem)
    outcome = "stays exact text" if pa.types.is_string(decision.type) else f"is {snippet(str(decision.type))}"
    return TypeFidelityWarning(
        f"Column {snippet(name)!r} {outcome}: {problem.shown!r} ({problem.place}) {problem.reason}. "
        "schema= settles a column's type, strict=True makes this an error."
    )


def _conversion_error(name: str, misfit: CellError) -> ConversionError:
    return ConversionError(
        f"Column {snippet(name)!r}, {misfit.place}: {misfit.shown!r} {misfit.reason}.",
        column=name,
        row=misfit.row,
        value=misfit.shown,
    )


def _all_of(errors: list[ConversionError]) -> ConversionError:
    """Say of all columns at once what does not fit; the attributes are about the first."""
    first, more = errors[0], len(errors) - _NAMED
    if len(errors) == 1:
        return first
    said = [f"{len(errors):,} columns do not fit.", *map(str, errors[:_NAMED])]
    return ConversionError(
        " ".join([*said, f"And {more:,} more."] if more > 0 else said),
        column=first.column,
        row=first.row,
        value=first.value,
    )


def _no_columns(rows: int) -> pa.Table:
    """Make a table that has rows but no column."""
    batch = pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
    return pa.Table.from_batches([batch])


def plain_statistics(envelope: Envelope) -> dict[str, dict[str, Any]]:
    """Give the statistics with Python numbers, each exactly as it was."""
    statistics: dict[str, dict[str, Any]] = exact_json.plain(envelope.statistics)
    return statistics
