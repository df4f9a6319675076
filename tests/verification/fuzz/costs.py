"""What large bodies of a few odd cells, repeated, cost: the worst is recorded."""

from __future__ import annotations

import contextlib
import random
import time
import warnings
from typing import Final, NamedTuple

from benchmarks.memory import peak_of
from connecty_frames import Answer
from connecty_frames.errors import ConnectyError
from tests.verification.fuzz.grammar import ACCEPT, LENIENT

__all__ = ["EVERY", "Costs", "body_of", "measure"]

#: Of how many cases one is followed by a large body.
EVERY: Final = 5_000
#: The size of such a body in bytes: many times the work of a block, and of a moment.
_SIZE: Final = 1_000_000
_SECTIONS: Final = (None, None, "string", "temporal", "numeric", "boolean")


class Worst(NamedTuple):
    """The most of something, and the case and the cells with which it was seen."""

    value: float = 0.0
    number: int = 0
    cells: str = ""


_NOTHING: Final = Worst()


class Costs:
    """The worst multiple of memory and of time that large bodies took."""

    def __init__(self, memory: Worst = _NOTHING, seconds: Worst = _NOTHING) -> None:
        self.memory = memory
        self.seconds = seconds

    def __or__(self, other: Costs) -> Costs:
        """Return the worst of both."""
        return Costs(max(self.memory, other.memory), max(self.seconds, other.seconds))

    def __str__(self) -> str:
        """Return both with the cases and cells, to find the bodies again."""
        return "\n".join(
            f"the worst of large bodies: {worst.value:.1f} {unit} (case {worst.number:,}: {worst.cells})"
            for unit, worst in (("times its size", self.memory), ("s per MB", self.seconds))
        )


def body_of(seed: int, number: int) -> tuple[str, bytes]:
    """Return the cells and the body of a case: a row of each cell, or rows of all cells, again and again."""
    rng = random.Random(f"{seed} {number} large")
    cells = rng.choices((*ACCEPT, *LENIENT), k=rng.choice((1, 1, 2, 3)))
    width = rng.choice((1, len(cells), 4 * len(cells)))
    row = b",".join(b"[%s]" % cell for cell in cells)
    if width > 1:
        row = b"[%s]" % b",".join(cells * (width // len(cells)))
    names = b",".join(b'"c%d"' % place for place in range(width))
    section = rng.choice(_SECTIONS)
    statistics = b"" if section is None else b',"dataframe_stats":{"c0":{"%s":{}}}' % section.encode()
    rows = b",".join([b"[%s]" % names, *[row] * (_SIZE // (len(row) + 1))])
    body = b'{"state":"COMPLETED","results":{"dataframe":[%s]%s}}' % (rows, statistics)
    return f"{width} wide, {section}: {b' '.join(cells)[:200]!r}", body


def measure(seed: int, number: int) -> Costs:
    """Read the large body of a case, and return what it took."""
    cells, body = body_of(seed, number)
    seconds = 0.0

    def read() -> None:
        nonlocal seconds
        begun = time.process_time()
        with warnings.catch_warnings(), contextlib.suppress(ConnectyError):
            warnings.simplefilter("ignore")
            Answer.from_json(body)
        seconds = time.process_time() - begun

    memory = peak_of(read) / len(body)
    return Costs(Worst(memory, number, cells), Worst(seconds / (len(body) / 1e6), number, cells))
