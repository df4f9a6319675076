"""Short form of ``make verify WHAT=bounds``: the memory of hostile bodies, in multiples of their size."""

from __future__ import annotations

import pytest

from benchmarks.bounds import calls
from benchmarks.bounds.bodies import SHAPES
from benchmarks.bounds.responses import PLACES, VALUES, response
from benchmarks.bounds.run import BLOCKS, MOST_MEMORY, in_fresh_process
from tests.cases import cases

_MEGABYTE = 1_000_000


@pytest.mark.slow
@cases(
    ("shape", "outcome"),
    [
        ("plain rows", "read"),
        ("empty objects", "read"),
        ("small arrays", "read"),
        ("nested 95 deep", "read"),
        ("one object of many keys", "read"),
        ("one array of many items", "read"),
        ("one array of many items, 95 deep", "read"),
        ("an array of many items, a NaN at the end", "read"),
        ("many columns", "ResponseError"),
        ("a ragged row at the end", "ResponseError"),
        ("a text at the end", "read"),
        ("a NaN at the end of eight columns", "read"),
        ("all kinds", "read"),
        ("huge exponents", "read"),
        ("one space between tokens", "read"),
        ("statistics: empty objects", "read"),
        ("statistics: numbers and a NaN", "read"),
        ("statistics: many fields", "read"),
        ("statistics of no column", "read"),
    ],
)
def test_memory_of_hostile_rows(shape: str, outcome: str) -> None:
    """Reading takes at most 20 times the body, beside the work on blocks, which does not grow with it."""
    size = 4 * _MEGABYTE
    cost = in_fresh_process("Arrow", shape, size)
    assert cost.outcome == outcome
    assert cost.memory * size <= MOST_MEMORY * size + BLOCKS


@cases("shape", SHAPES)
def test_bodies_have_the_size_asked_for(shape: str) -> None:
    """Each shape grows with the bytes asked for, so that multiples of its size are comparable."""
    assert 0.4 * 100_000 < len(SHAPES[shape](100_000)) < 1.3 * 100_000


@pytest.mark.slow
@cases(
    ("place", "value", "outcomes"),
    [
        ("token", "one text", {"AuthError"}),
        ("submission", "keys", {"SubmissionUncertain"}),
        ("results, 500", "not UTF-8", {"ServerError"}),
        ("IN_PROGRESS", "keys", {"QuestionTimeout"}),
        ("FAILED", "arrays of arrays", {"QuestionFailed"}),
        ("FAILED", "lone surrogates", {"QuestionFailed", "QuestionTimeout"}),
        ("FAILED, its SQL", "one text of backslashes", {"QuestionFailed"}),
        ("COMPLETED, its results", "keys", {"NoTableError"}),
        ("COMPLETED, a column's", "fractions", {"read", "QuestionTimeout"}),
    ],
)
def test_hostile_responses(place: str, value: str, outcomes: set[str]) -> None:
    """Every call ends within its deadline and its memory, whatever comes."""
    call = calls.in_fresh_process(place, value, 4 * _MEGABYTE)
    assert call.outcome in outcomes
    assert calls.is_kept(call), call


@cases("value", VALUES)
def test_responses_have_the_size_asked_for(value: str) -> None:
    """Each value grows with the bytes asked for, in every place."""
    for place in PLACES:
        assert 0.5 * 1_000_000 < len(response(place, value, 1_000_000)[2]) < 1.3 * 1_000_000
