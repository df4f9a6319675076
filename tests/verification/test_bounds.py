"""The short form of ``make bench-bounds``: memory that hostile bodies take, as a multiple of their size."""

from __future__ import annotations

import pytest

from tests.verification.bounds.bodies import SHAPES
from tests.verification.bounds.run import MOST_MEMORY, in_fresh_process

_MEGABYTE = 1_000_000
#: What the work on a few blocks at once takes.
_BLOCKS = 200 * _MEGABYTE


@pytest.mark.slow
@pytest.mark.parametrize(
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
    assert cost.memory * size <= MOST_MEMORY * size + _BLOCKS


@pytest.mark.parametrize("shape", SHAPES)
def test_bodies_have_the_size_asked_for(shape: str) -> None:
    """Each shape grows with the bytes asked for, so that multiples of its size are comparable."""
    assert 0.4 * 100_000 < len(SHAPES[shape](100_000)) < 1.3 * 100_000
