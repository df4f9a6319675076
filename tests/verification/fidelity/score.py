"""The score: the result of each reader for each body, compared with the true values."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from tests.verification.fidelity.bodies import Body, Number
from tests.verification.fidelity.equality import is_same
from tests.verification.fidelity.expected import CLOCK, COMPUTED, LIKE_TIME, Expected, expect, is_computed
from tests.verification.fidelity.ground_truth import LogicalType, TemporalTicks
from tests.verification.fidelity.readers import OURS, PEERS, STORED_AS, Reading, read


class Outcome(Enum):
    RIGHT = "right"  # the expected type and every value
    TEXT = "exact text"  # every value, in the text that was sent
    OTHER = "other type"  # every value, in a type that is neither
    DOCUMENTED = "documented"  # a value that differs in a way that the documentation names
    LOUD = "loud"  # a warning or an error that is not expected
    WRONG = "silently wrong"  # a value differs, and nothing was reported


@dataclass(frozen=True)
class Failure:
    outcome: Outcome
    reader: str
    reason: str
    body: Body


@dataclass
class Score:
    """The outcomes by producer and reader, and the findings."""

    outcomes: dict[tuple[str, str], Counter[Outcome]] = field(default_factory=lambda: defaultdict(Counter))
    #: Why the bytes name no one value -> the columns that are expected to stay text.
    texts: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    #: Silence -> the columns that fall under it.
    documented: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    failures: list[Failure] = field(default_factory=list)


def score(written: Iterable[Body]) -> Score:
    """Read every body with every reader, and grade the results."""
    found = Score()
    for body in written:
        expected = expect(body)
        place = f"{body.producer}: {body.column}"
        if expected.reason:
            found.texts[expected.reason].add(place)
        readings = {**read(body.body, OURS), **read(body.body, PEERS)}
        for reader, reading in readings.items():
            outcome, reason = _grade(reader, reading, body, expected)
            found.outcomes[body.producer, reader][outcome] += 1
            if reader not in OURS.each:
                continue
            if outcome is Outcome.DOCUMENTED:
                found.documented[expected.documented].add(place)
            if reason:
                found.failures.append(Failure(outcome, reader, reason, body))
    return found


def _grade(reader: str, reading: Reading, body: Body, expected: Expected) -> tuple[Outcome, str]:
    """Return the outcome, and why it is not the expected one, empty where it is."""
    ours = reader in OURS.each
    stored = STORED_AS[reader](expected.type) if reader in STORED_AS else expected.type
    got = f"{stored} expected, got {reading.type or 'an error'}"
    if not reading.type:
        return Outcome.LOUD, f"{got}: {reading.message}"
    differing, silence = _compare(reading, body)
    warns = expected.warns or ("decimal256" in expected.type and "decimal256" not in stored)
    message = reading.message or ""
    reported = message or not body.values
    if expected.or_text and reported and not differing and reading.type.startswith("string"):
        return Outcome.TEXT, ""
    documented = bool(silence) and silence == expected.documented
    allowed = warns or expected.warns is None
    allowed |= expected.statistics_warn and message.startswith("StatisticsWarning")
    if differing and not (message or documented):
        return Outcome.WRONG, f"{got}; {differing}"
    if (differing and not documented) or (message and not allowed):
        return Outcome.LOUD, f"{got}; {differing or message}"
    if documented:
        return Outcome.DOCUMENTED, ""
    silent = "no warning" if ours and warns and not message else ""
    if reading.type == stored:
        return Outcome.TEXT if expected.reason else Outcome.RIGHT, silent
    if expected.reason:  # a number that may be any moment is as exact as its text
        return Outcome.TEXT if "string" in reading.type else Outcome.OTHER, silent
    return Outcome.TEXT if reading.type.startswith("string") else Outcome.OTHER, got


def _compare(reading: Reading, body: Body) -> tuple[str | None, str]:
    """Return the first value that differs, and the silence that may be its cause."""
    if len(reading.values) != len(body.values):
        return f"{len(reading.values)} values of {len(body.values)}", ""
    silences = set()
    for row, (value, cell, token, got) in enumerate(
        zip(body.values, body.cells, body.tokens, reading.values, strict=True)
    ):
        if _is_as_sent(cell, got):
            continue
        silence = _silence(value, cell, got)
        nan = isinstance(value, Decimal) and value.is_nan()
        kind, true = (LogicalType("float64"), math.nan) if nan else (body.kind, value)
        if silence or not is_same(kind, true, cell, token, got):
            silences.add(silence)
            if not silence:
                return f"row {row}: {value!r} sent as {token[:80]}, got {got!r}", ""
    return ("differs as documented", silences.pop()) if silences else (None, "")


def _is_as_sent(cell: Any, got: Any) -> bool:
    """Return whether a value is the JSON value that was sent, whatever it means."""
    if isinstance(cell, list) and isinstance(got, list):
        return len(cell) == len(got) and all(map(_is_as_sent, cell, got))
    if isinstance(cell, dict) and isinstance(got, dict):
        return list(cell) == list(got) and all(map(_is_as_sent, cell.values(), got.values()))
    if not isinstance(cell, Number):
        return got is cell or (type(cell) is type(got) is str and cell == got)
    if isinstance(got, bool) or not isinstance(got, int | float | Decimal):
        return type(got) is str and got == cell
    if not isinstance(got, float):
        return Decimal(cell) == got
    if math.isnan(got) or (cell != "-0" and math.copysign(1, got) != math.copysign(1, float(cell))):
        return math.isnan(got) and math.isnan(float(cell))
    return Decimal(cell) == Decimal(repr(float(got)))


def _silence(value: Any, cell: Any, got: Any) -> str:
    """Return which of the documented silences may be why a value differs."""
    if isinstance(value, Decimal) and isinstance(got, float) and isinstance(cell, Number):
        rounded = value.is_finite() and Decimal(repr(float(got))) != value
        return COMPUTED if rounded and is_computed(value) else ""
    if isinstance(got, TemporalTicks) and isinstance(value, str):
        return LIKE_TIME
    # The time of day has the ticks of the interval.
    if isinstance(got, TemporalTicks) and got.what == "time" and isinstance(value, tuple) and len(value) == 3:
        return CLOCK if value == (0, 0, got.ticks) else ""
    return ""
