"""The score: the result of each reader for each column, compared with every column of the same bytes.

A payload that two columns share can be read as either: a reading is right where it is right for one of them.
The columns for which ours is right only in this way are listed as not recoverable.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from tests.verification.fidelity.ambiguities import find_ambiguities
from tests.verification.fidelity.equality import is_same
from tests.verification.fidelity.expected import expected_type
from tests.verification.fidelity.producers import Number, Payload, produce, produce_side_by_side
from tests.verification.fidelity.readers import OURS, PEERS, STORED_AS, Reading, read, read_side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.verification.fidelity.ground_truth import TrueColumn
    from tests.verification.fidelity.styles import Style

_ARROW: Final = "connecty_frames, pyarrow"

__all__ = ["Failure", "FidelityReport", "Grade", "Unrecoverable", "score"]


class Grade(IntEnum):
    """How exactly a column was read, the best first."""

    RIGHT = 0  # the expected type, every value, and a warning where one is expected
    EXACT = 1  # every value, in another type
    LOUD = 2  # a warning or an error
    WRONG = 3  # a value differs and nothing was reported


@dataclass(frozen=True)
class GradedReading:
    """A grade, whether the type was the expected one, and why the reading is not right."""

    grade: Grade
    type_right: bool
    reason: str = ""


@dataclass(frozen=True, order=True)
class Failure:
    """A column of ours that is recoverable but not right.

    Parameters
    ----------
    grade
        The name of a :class:`Grade`, or SIDE_BY_SIDE where a column differs from the one read alone.
    """

    grade: str
    column: str
    kind: str
    reader: str
    style: str
    reason: str
    body: bytes


@dataclass(frozen=True, order=True)
class Unrecoverable:
    """A column of ours that is not right, and the other column with the same bytes."""

    kind: str
    other: str
    column: str
    style: str


@dataclass
class FidelityReport:
    """The counts and findings of all readers.

    Parameters
    ----------
    grades, types_right
        Reader -> number of columns; for ours also by style.
    side_by_side
        How many columns were read again together with the others of their table.
    """

    grades: dict[str, Counter[Grade]] = field(default_factory=lambda: defaultdict(Counter))
    types_right: Counter[str] = field(default_factory=Counter)
    by_style: dict[str, Counter[Grade]] = field(default_factory=lambda: defaultdict(Counter))
    side_by_side: int = 0
    failures: list[Failure] = field(default_factory=list)
    unrecoverable: set[Unrecoverable] = field(default_factory=set)


def score(truths: Sequence[TrueColumn], styles: Iterable[Style], every: int = 1) -> FidelityReport:
    """Write one of so many columns in every style, read it with every reader, and grade the results."""
    report = FidelityReport()
    written = [
        (truth, produce(truth, style))
        for turn, style in enumerate(styles)
        for truth in truths[turn % every :: every]
    ]
    sharing: dict[bytes, list[TrueColumn]] = defaultdict(list)
    for _, payload in written:
        sharing[payload.body].append(payload.column)
    readings: dict[bytes, dict[str, Reading]] = {}
    for truth, payload in written:
        if payload.body not in readings:
            readings[payload.body] = {**read(payload.body, OURS), **read(payload.body, PEERS)}
        others = [other for other in sharing[payload.body] if other is not payload.column]
        _grade_all(report, truth, payload, others, readings[payload.body])
    _read_tables(report, written, readings)
    report.failures.sort()
    return report


def _grade_all(
    report: FidelityReport,
    truth: TrueColumn,
    payload: Payload,
    others: list[TrueColumn],
    readings: dict[str, Reading],
) -> None:
    ambiguous: list[TrueColumn] | None = None
    for reader, reading in readings.items():
        own = best = _grade(reader, reading, payload, payload.column)
        shared = None
        if own.grade is not Grade.RIGHT:
            if ambiguous is None:  # the search is slow, and most columns are right
                found = (*others, *find_ambiguities(truth, payload))
                ambiguous = [other for other in found if _is_distinguishable(payload, other)]
            for other in ambiguous:
                graded = _grade(reader, reading, payload, other)
                if graded.grade < best.grade or (shared is None and graded.grade == best.grade):
                    best, shared = graded, other
        report.grades[reader][best.grade] += 1
        report.types_right[reader] += best.type_right
        if reader not in OURS.each:
            continue
        report.by_style[payload.style.name][best.grade] += 1
        # More than a warning cannot be expected for a column that may be another.
        if shared is not None and best.grade in {Grade.RIGHT, Grade.LOUD}:
            entry = Unrecoverable(str(truth.kind), str(shared.kind), truth.name, payload.style.name)
            report.unrecoverable.add(entry)
        elif best.grade is not Grade.RIGHT:
            report.failures.append(_failure(own.grade.name, truth, reader, payload, own.reason))


def _failure(name: str, truth: TrueColumn, reader: str, payload: Payload, reason: str) -> Failure:
    return Failure(name, truth.name, str(truth.kind), reader, payload.style.name, reason, payload.body)


def _read_tables(
    report: FidelityReport,
    written: Sequence[tuple[TrueColumn, Payload]],
    readings: dict[bytes, dict[str, Reading]],
) -> None:
    """Read the columns of one query together, with ours: each must equal the one read alone."""
    tables: dict[tuple[str, str], list[tuple[TrueColumn, Payload]]] = defaultdict(list)
    for truth, payload in written:
        table, of_table, _ = truth.name.partition(": ")
        if of_table and table not in {"only nulls", "no rows"}:
            tables[table, payload.style.name].append((truth, payload))
    for columns in tables.values():
        together = read_side_by_side(produce_side_by_side([payload for _, payload in columns]))
        report.side_by_side += len(columns)
        for (truth, payload), reading in zip(columns, together, strict=True):
            alone = readings[payload.body][_ARROW]
            if (reading.type, repr(reading.values)) != (alone.type, repr(alone.values)):
                reason = _difference(alone, reading)
                report.failures.append(_failure("SIDE_BY_SIDE", truth, _ARROW, payload, reason))


def _difference(alone: Reading, together: Reading) -> str:
    if alone.type != together.type:
        return f"{alone.type} alone, {together.type} together with others"
    pairs = zip(alone.values, together.values, strict=True)
    row, (one, other) = next((row, pair) for row, pair in enumerate(pairs) if repr(pair[0]) != repr(pair[1]))
    return f"row {row}: {one!r} alone, {other!r} together with others"


def _is_distinguishable(payload: Payload, other: TrueColumn) -> bool:
    own = payload.column
    return expected_type(payload, own) != expected_type(payload, other) or repr(own.values) != repr(
        other.values
    )


def _grade(reader: str, reading: Reading, payload: Payload, truth: TrueColumn) -> GradedReading:
    """Compare the result of a reader with one column."""
    expected = expected_type(payload, truth)
    ours = reader in OURS.each
    stored = STORED_AS[reader](expected.type) if reader in STORED_AS else expected.type
    warns = expected.warns or ("decimal256" in expected.type and "decimal256" not in stored)
    if not reading.type:
        return GradedReading(Grade.LOUD, type_right=False, reason=f"{stored} expected, but {reading.message}")
    type_right = reading.type == stored
    differing = _first_difference(reading, payload, truth)
    reason = f"{stored} expected, got {reading.type}" if not type_right else differing or ""
    bare = any(map(_is_bare, payload.cells))
    if reading.message and not (warns or bare):
        return GradedReading(Grade.LOUD, type_right, f"{reason}; reported: {reading.message}")
    if differing:
        return GradedReading(
            Grade.LOUD if reading.message else Grade.WRONG, type_right, f"{reason}; {differing}"
        )
    if type_right and (reading.message or not warns or not ours):
        return GradedReading(Grade.RIGHT, type_right=True)
    return GradedReading(Grade.EXACT, type_right, reason if not type_right else "no warning")


#: What is not JSON without quotes, but is read, with a warning.
_BARE: Final = frozenset({"NaN", "Infinity", "-Infinity"})


def _is_bare(cell: object) -> bool:
    if isinstance(cell, list | dict):
        return any(map(_is_bare, cell.values() if isinstance(cell, dict) else cell))
    return type(cell) is Number and cell in _BARE


def _first_difference(reading: Reading, payload: Payload, truth: TrueColumn) -> str | None:
    if len(reading.values) != len(truth.values):
        return f"{len(reading.values)} values of {len(truth.values)}"
    for row, (value, cell, token, got) in enumerate(
        zip(truth.values, payload.cells, payload.tokens, reading.values, strict=True)
    ):
        if not is_same(truth.kind, value, cell, token, got):
            return f"row {row}: {value!r} sent as {token[:80]}, got {got!r}"
    return None
