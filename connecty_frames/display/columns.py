"""A column as charts draw it: its role, its values as texts and numbers, and how they are labelled."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from rich.cells import cell_len, set_cell_size

from connecty_frames.decode.arrow_types import FRACTION_DIGITS, is_number
from connecty_frames.display.formatting import local_times, texts
from connecty_frames.display.roles import UNITS, WORDS, Role, is_time, role_of, stem, words

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


class Column:
    """A column with its role, and its values as texts and numbers."""

    def __init__(self, at: int, name: str, cells: pa.ChunkedArray) -> None:
        self.at = at
        self.name = name
        self.cells = cells
        self.words = words(name)

    def take(self, rows: list[int]) -> Column:
        """Return the column with only these rows."""
        return Column(self.at, self.name, self.cells.take(pa.array(rows, pa.int64())))

    @cached_property
    def role(self) -> Role:
        """Its role."""
        return role_of(self.name, self.cells)

    @cached_property
    def count(self) -> int:
        """How many different values there are; null counts as one."""
        return len(set(self.texts))

    @property
    def is_unique(self) -> bool:
        """Whether no value occurs twice."""
        return self.count == len(self.cells)

    @property
    def is_measure(self) -> bool:
        """Whether it is a measure, derived or not."""
        return self.role in {Role.MEASURE, Role.DERIVED}

    @property
    def has_numbers(self) -> bool:
        """Whether it can be on a quantitative axis."""
        return is_number(self.cells.type) or pa.types.is_duration(self.cells.type)

    @property
    def is_time(self) -> bool:
        """Whether it holds dates or timestamps."""
        return is_time(self.cells.type)

    @cached_property
    def stems(self) -> set[str]:
        """The stems of the words in its name, for comparison with those of a question."""
        return {*map(stem, self.words)}

    @cached_property
    def percent(self) -> int | None:
        """The factor that turns it into percent (100 for 0.05, 1 for 5), or None if it is no percentage."""
        if self.role is not Role.DERIVED:
            return None
        is_small, named = all(-1 <= value <= 1 for value in self.cells.drop_null().to_pylist()), {*self.words}
        if named & WORDS["percents"]:
            return None if is_small else 1  # 0.5 may be 50 % or 0.5 %
        return 100 if is_small and named & WORDS["fractions"] and not named & WORDS["no_fractions"] else None

    @cached_property
    def unit(self) -> str:
        """Its unit; measures with the same unit share an axis."""
        if self.percent:
            return f"percent {self.percent}"
        if pa.types.is_duration(self.cells.type):
            return str(self.cells.type)
        units = [UNITS[word] for word in reversed(self.words) if word in UNITS]
        unit = "count" if "count" in units else next(iter(units), "")
        if WORDS["statistics"].isdisjoint(self.words):
            return unit or "count"
        # An average does not share an axis with a sum.
        return f"each {unit or ' '.join(word for word in self.words if word not in WORDS['common'])}"

    @cached_property
    def title(self) -> str:
        """The name, with the unit of durations."""
        return f"{self.name} ({self._unit[0]})" if pa.types.is_duration(self.cells.type) else self.name

    @cached_property
    def texts(self) -> list[str | None]:
        """The values as texts, with all digits."""
        values: list[str | None] = texts(self.cells).to_pylist()
        return values

    @cached_property
    def numbers(self) -> list[float | None]:
        """The values as the nearest float64, durations in their unit; None for null, NaN and infinity."""
        cells = self.cells
        if pa.types.is_duration(cells.type):
            cells = pc.divide(_seconds(cells), float(self._unit[1]))
        # By way of text: Arrow's own cast of decimals such as 984.18 is wrong in the last digit.
        floats = pc.cast(pc.cast(cells, pa.string()), pa.float64()).to_pylist()
        return [value if value is not None and math.isfinite(value) else None for value in floats]

    @property
    def largest(self) -> float:
        """The largest absolute value, or 0 without numbers."""
        return max((abs(number) for number in self.numbers if number is not None), default=0.0)

    @cached_property
    def _unit(self) -> tuple[str, int]:
        """The largest unit that fits twice into the longest duration: its name, and its length in seconds."""
        longest = pc.max(pc.abs(_seconds(self.cells))).as_py() or 0
        return next((unit for unit in _UNITS if longest >= 2 * unit[1]), _UNITS[-1])

    @property
    def times(self) -> pa.ChunkedArray:
        """Dates and timestamps as milliseconds of the local time in the column's own zone."""
        local = local_times(self.cells) if pa.types.is_timestamp(self.cells.type) else self.cells
        return local.cast(pa.timestamp("ms"), safe=False)


def _seconds(durations: pa.ChunkedArray) -> pa.ChunkedArray:
    counts = pc.cast(pc.cast(durations, pa.int64()), pa.float64(), safe=False)
    return pc.divide(counts, 10.0 ** FRACTION_DIGITS[durations.type.unit])


def cut_middle(text: str, width: int) -> str:
    """Shorten a text to a width in a terminal, keeping its beginning and end."""
    if cell_len(text) <= width:
        return text
    half = (width - 1) // 2
    return f"{set_cell_size(text, width - 1 - half)}…{set_cell_size(text[::-1], half)[::-1]}"
