"""The score: what each reader made of each column, held against every truth that it can have been.

A payload that two truths share can be read as either: a reading is right where it is right for one of them.
The columns for which ours is right only so are listed as not recoverable.
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
    from collections.abc import Callable, Iterable, Sequence

    from tests.verification.fidelity.ground_truth import TrueColumn
    from tests.verification.fidelity.styles import Style

_ARROW: Final = "connecty_frames, pyarrow"

__all__ = ["Failure", "FidelityReport", "Grade", "Unrecoverable", "score"]


class Grade(IntEnum):
    """What became of a column, the best first."""

    RIGHT = 0  # the type due, every value, and a warning where one is due
    EXACT = 1  # every value, in another type
    LOUD = 2  # a warning or an error
    WRONG = 3  # a value differs and nothing was said


@dataclass(frozen=True)
class Verdict:
    """An outcome, whether the type was the one due, and why it is not right."""

    outcome: Grade
    type_right: bool
    reason: str = ""


@dataclass(frozen=True, order=True)
class Failure:
    """A column of ours that is not right and could be.

    Parameters
    ----------
    outcome
        The name of an :class:`Grade`, or BESIDE where a column is another beside others than alone.
    """

    outcome: str
    column: str
    kind: str
    reader: str
    style: str
    reason: str
    body: bytes


@dataclass(frozen=True, order=True)
class Unrecoverable:
    """A column of ours that is not right, and the other truth that it shares its bytes with."""

    kind: str
    twin: str
    column: str
    style: str


@dataclass
class FidelityReport:
    """All that the benchmark found.

    Parameters
    ----------
    outcomes, types_right
        Reader -> how many columns; the outcomes of ours by style as well.
    side_by_side
        How many columns were read again beside the others of their table.
    """

    outcomes: dict[str, Counter[Grade]] = field(default_factory=lambda: defaultdict(Counter))
    types_right: Counter[str] = field(default_factory=Counter)
    by_style: dict[str, Counter[Grade]] = field(default_factory=lambda: defaultdict(Counter))
    side_by_side: int = 0
    failures: list[Failure] = field(default_factory=list)
    unrecoverable: set[Unrecoverable] = field(default_factory=set)


def score(truths: Sequence[TrueColumn], styles: Iterable[Style]) -> FidelityReport:
    """Write every truth in every style, let every reader read it, and judge what it made of it."""
    report = FidelityReport()
    written = [(truth, produce(truth, style)) for truth in truths for style in styles]
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
    made: list[TrueColumn] | None = None
    for reader, reading in readings.items():
        own = best = _grade(reader, reading, payload, payload.column)
        shared = None
        if own.outcome is not Grade.RIGHT:
            if made is None:
                made = [
                    other
                    for other in (*others, *find_ambiguities(truth, payload))
                    if _is_distinguishable(payload, other)
                ]
            for other in made:
                verdict = _grade(reader, reading, payload, other)
                if verdict.outcome < best.outcome or (shared is None and verdict.outcome == best.outcome):
                    best, shared = verdict, other
        report.outcomes[reader][best.outcome] += 1
        report.types_right[reader] += best.type_right
        if reader not in OURS.each:
            continue
        report.by_style[payload.style.name][best.outcome] += 1
        # Loud is as much as can be asked of a column that may be another.
        if shared is not None and best.outcome in {Grade.RIGHT, Grade.LOUD}:
            found = Unrecoverable(str(truth.kind), str(shared.kind), truth.name, payload.style.name)
            report.unrecoverable.add(found)
        elif best.outcome is not Grade.RIGHT:
            report.failures.append(
                Failure(
                    own.outcome.name,
                    truth.name,
                    str(truth.kind),
                    reader,
                    payload.style.name,
                    own.reason,
                    payload.body,
                )
            )


def _read_tables(
    report: FidelityReport,
    written: Sequence[tuple[TrueColumn, Payload]],
    readings: dict[bytes, dict[str, Reading]],
) -> None:
    """Let ours read the columns of one query beside each other: each must be what it is alone."""
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
                report.failures.append(
                    Failure(
                        "BESIDE",
                        truth.name,
                        str(truth.kind),
                        _ARROW,
                        payload.style.name,
                        reason,
                        payload.body,
                    )
                )


def _difference(alone: Reading, together: Reading) -> str:
    if alone.type != together.type:
        return f"{alone.type} alone, beside others {together.type}"
    pairs = zip(alone.values, together.values, strict=True)
    row, (one, other) = next((row, pair) for row, pair in enumerate(pairs) if repr(pair[0]) != repr(pair[1]))
    return f"row {row}: {one!r} alone, beside others {other!r}"


def _is_distinguishable(payload: Payload, other: TrueColumn) -> bool:
    own = payload.column
    return expected_type(payload, own) != expected_type(payload, other) or repr(own.values) != repr(
        other.values
    )


def _grade(reader: str, reading: Reading, payload: Payload, truth: TrueColumn) -> Verdict:
    """Hold what a reader made of a payload against one truth."""
    expected = expected_type(payload, truth)
    ours = reader in OURS.each
    held = STORED_AS.get(reader, _unchanged)(expected.type)
    told = expected.told or ("decimal256" in expected.type and "decimal256" not in held)
    if not reading.type:
        return Verdict(Grade.LOUD, type_right=False, reason=f"{held} due, but {reading.said}")
    type_right = reading.type == held
    differing = _first_difference(reading, payload, truth)
    shown = f"{held} due, got {reading.type}" if not type_right else differing or ""
    bare = any(map(_is_bare, payload.cells))
    if reading.said and not (told or bare):
        return Verdict(Grade.LOUD, type_right, f"{shown}; said: {reading.said}")
    if differing:
        return Verdict(Grade.LOUD if reading.said else Grade.WRONG, type_right, f"{shown}; {differing}")
    if type_right and (reading.said or not told or not ours):
        return Verdict(Grade.RIGHT, type_right=True)
    return Verdict(Grade.EXACT, type_right, shown if not type_right else "no warning")


#: What is no JSON without quotes: it is read for what it means, and a warning says so.
_BARE: Final = frozenset({"NaN", "Infinity", "-Infinity"})


def _is_bare(cell: object) -> bool:
    if isinstance(cell, list | dict):
        return any(map(_is_bare, cell.values() if isinstance(cell, dict) else cell))
    return type(cell) is Number and cell in _BARE


def _unchanged(type_: str) -> str:
    return type_


def _first_difference(reading: Reading, payload: Payload, truth: TrueColumn) -> str | None:
    if len(reading.values) != len(truth.values):
        return f"{len(reading.values)} values of {len(truth.values)}"
    told: Callable[..., bool] = is_same
    for row, (value, cell, token, got) in enumerate(
        zip(truth.values, payload.cells, payload.tokens, reading.values, strict=True)
    ):
        if not told(truth.kind, value, cell, token, got):
            return f"row {row}: {value!r} sent as {token[:80]}, got {got!r}"
    return None
