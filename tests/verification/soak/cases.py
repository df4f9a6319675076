"""The case with each number: a question, the rows that answer it, and its scenario.

Client and server make a case from its seed and number alone and need not exchange it. The server writes the
rows as SQL, the client has them as Python values.
"""

import random
import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final, TypeAlias

from tests.verification.soak.scenarios import NO_FAULT, SCENARIOS, SLOW_SCENARIOS, Scenario

Cell: TypeAlias = int | float | str | date | None

#: The columns and their types in the database. An answer has the last and two of the others.
COLUMNS: Final = {"number": "BIGINT", "name": "VARCHAR", "day": "DATE", "ratio": "DOUBLE"}
#: One case in so many has a fault, and one in so many of these is slow.
_FAULT_EVERY: Final = 4
_SLOW_EVERY: Final = 25
_QUESTION: Final = re.compile(r"What are the rows of case (\d+) of seed (\d+)\?")
_NAMES: Final = ("plain", "", "it's", 'say "so"', "back\\slash", "Żółć", "🦊", "00123", "NA", "2025-01-01")


@dataclass(frozen=True)
class SoakCase:
    seed: int
    number: int
    scenario: Scenario
    #: The seconds that the call may take where its fault is slow; None leaves the client's.
    timeout: float | None

    @property
    def question(self) -> str:
        return f"What are the rows of case {self.number} of seed {self.seed}?"

    @cached_property
    def columns(self) -> list[str]:
        *others, last = COLUMNS
        chosen = random.Random(f"{self.seed} columns {self.number}").sample(others, 2)
        return [*sorted(chosen, key=others.index), last]

    @cached_property
    def rows(self) -> list[tuple[Cell, ...]]:
        """The rows of the answer; the first has no null."""
        rng = random.Random(f"{self.seed} rows {self.number}")
        rows: list[tuple[Cell, ...]] = []
        for position in range(rng.randrange(1, 6)):
            row: dict[str, Cell] = {
                "number": self.number * 2**40 + position,
                "name": f"{rng.choice(_NAMES)} {self.number}",
                "day": date(1970, 1, 1) + timedelta(days=rng.randrange(30_000)),
                "ratio": rng.randrange(-4_000, 4_000) / 8,
            }
            cells = (row[name] for name in self.columns)
            rows.append(tuple(None if position and rng.random() < 0.2 else cell for cell in cells))
        return rows

    @property
    def sql(self) -> str:
        kinds = [COLUMNS[name] for name in self.columns]
        rows = (
            ", ".join(f"{_sql_literal(cell)}::{kind}" for cell, kind in zip(row, kinds, strict=True))
            for row in self.rows
        )
        return f"SELECT * FROM (VALUES ({'), ('.join(rows)})) AS t({', '.join(self.columns)})"


def make_case(seed: int, number: int) -> SoakCase:
    """Return the case with a number: one in four has a fault, and the scenarios take turns."""
    rng = random.Random(f"{seed} case {number}")
    turn = number // _FAULT_EVERY
    faulty = random.Random(f"{seed} turn {turn}").randrange(_FAULT_EVERY) == number % _FAULT_EVERY
    slow = turn % _SLOW_EVERY == 0
    scenario = NO_FAULT
    if faulty and slow:
        scenario = _scenario_for_turn(SLOW_SCENARIOS, seed, turn // _SLOW_EVERY)
    elif faulty:
        scenario = _scenario_for_turn(SCENARIOS, seed, turn - turn // _SLOW_EVERY - 1)
    timeout = rng.uniform(0.2, 0.5) if scenario.slow else None
    return SoakCase(seed, number, scenario, timeout)


def parse_case(question: str) -> SoakCase | None:
    """Return the case of a question; None where it has none."""
    found = _QUESTION.fullmatch(question)
    return make_case(int(found[2]), int(found[1])) if found else None


def _scenario_for_turn(scenarios: tuple[Scenario, ...], seed: int, turn: int) -> Scenario:
    """Return each scenario once in a round, in an order that the seed and the round determine."""
    order = list(scenarios)
    random.Random(f"{seed} round {turn // len(scenarios)}").shuffle(order)
    return order[turn % len(scenarios)]


def _sql_literal(cell: Cell) -> str:
    if cell is None:
        return "NULL"
    if isinstance(cell, int | float):
        return str(cell)
    text = cell if isinstance(cell, str) else cell.isoformat()
    return "'" + text.replace("'", "''") + "'"
