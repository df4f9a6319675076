"""A column as charts draw it: its role, its values as texts and numbers, and how they are labelled."""

from __future__ import annotations

import math
import re
from calendar import month_abbr
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from rich.cells import cell_len, set_cell_size

from connecty_frames.decode.arrow_types import FRACTION_DIGITS, is_number
from connecty_frames.display.formatting import local_times, texts
from connecty_frames.display.roles import (
    DATE_FORMATS,
    UNITS,
    WORDS,
    Role,
    is_ordered,
    is_time,
    role_of,
    stem,
    words,
)

#: Texts of periods without a year, by their first letters.
_CALENDAR: Final = "mon tue wed thu fri sat sun jan feb mar apr may jun jul aug sep oct nov dec"
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
DAY: Final = 86_400_000  # milliseconds


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
        """True if no value occurs twice."""
        return self.count == len(self.cells)

    @property
    def is_measure(self) -> bool:
        """True for a measure, derived or not."""
        return self.role in {Role.MEASURE, Role.DERIVED}

    @property
    def has_numbers(self) -> bool:
        """True if it can be on a quantitative axis."""
        return is_number(self.cells.type) or pa.types.is_duration(self.cells.type)

    @property
    def is_time(self) -> bool:
        """True for dates, timestamps, and names of them as texts or numbers, such as 2024-Q1."""
        return self._dates is not None

    @property
    def is_mean(self) -> bool:
        """True if its values do not add up, such as averages and shares."""
        return self.role is Role.DERIVED or self.unit.split()[0] in {"each", "score", "temperature"}

    @cached_property
    def stems(self) -> set[str]:
        """The stems of the words in its name, for comparison with a question."""
        return {*map(stem, self.words)}

    @cached_property
    def percent(self) -> int | None:
        """The factor from value to percent (100 for 0.05, 1 for 5), or None if it is no percentage."""
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
        """The largest unit with room for two in the longest duration: its name, and its length in seconds."""
        longest = pc.max(pc.abs(_seconds(self.cells))).as_py() or 0
        return next((unit for unit in _UNITS if longest >= 2 * unit[1]), _UNITS[-1])

    @cached_property
    def _dates(self) -> pa.ChunkedArray | None:
        if is_time(self.cells.type):
            return local_times(self.cells) if pa.types.is_timestamp(self.cells.type) else self.cells
        dates = {text: text and _date(text) for text in self.texts} if self.role is Role.PERIOD else {}
        is_whole = any(dates.values()) and all(date or text is None for text, date in dates.items())
        return pa.chunked_array([[dates[text] for text in self.texts]]) if is_whole else None

    @property
    def times(self) -> pa.ChunkedArray:
        """Dates and timestamps as milliseconds of the local time in the column's own zone."""
        return pc.cast(self._dates, pa.timestamp("ms"), safe=False)

    @cached_property
    def places(self) -> list[Any]:
        """Sort keys of the values: milliseconds, numbers, places in a week or year, or texts."""
        if self.is_time or self.has_numbers:
            return [*(self.times.cast(pa.int64()).to_pylist() if self.is_time else self.numbers)]
        starts = [text and text[:3].casefold() for text in self.texts]
        is_named = {None, *_CALENDAR.split()}.issuperset(starts)
        return [start and _CALENDAR.index(start) for start in starts] if is_named else [*self.texts]

    @property
    def is_sorted(self) -> bool:
        """True if its values are in order; they may repeat."""
        return len({*self.places} - {None}) <= 1 or is_ordered([*dict.fromkeys(self.places)])

    @cached_property
    def _periods(self) -> tuple[str, list[int | None]]:
        """The coarsest periods begun or ended by all its times, and their numbers."""
        numbers = self.times.cast(pa.int64()).to_pylist()
        found = [number for number in numbers if number is not None]
        if any(number % (DAY // 24) for number in found):
            return "second", [0] * len(numbers)  # no period
        if any(number % DAY for number in found):
            return "hour", [number and number // (DAY // 24) for number in numbers]
        ends = pc.add(self.times, pa.scalar(DAY, pa.duration("ms")))
        if any(pc.all(pc.equal(pc.day(each), 1)).as_py() for each in (self.times, ends)):
            months = pc.add(pc.multiply(pc.year(self.times), 12), pc.month(self.times)).to_pylist()
            is_year = all(len(text or "year") == len("year") for text in self.texts)
            apart = 12 if is_year else 1 if "month" in self.words else _apart(months)
            return "year" if apart and not apart % 12 else {3: "quarter"}.get(apart, "month"), months
        days = [None if number is None else number // DAY + 3 for number in numbers]  # from a Monday on
        has_weekends = any(day % 7 // 5 for day in days if day is not None)
        return "day", days if has_weekends else [day and day // 7 * 5 + day % 7 for day in days]

    @property
    def grain(self) -> str:
        """The coarsest period begun or ended by all its times: year, quarter, month, day, hour or second."""
        return self._periods[0]

    @property
    def steps(self) -> list[int | None]:
        """The numbers of its periods: if none is missing between two, they differ by one."""
        numbers = self._periods[1] if self.is_time else [n if n is None else int(n) for n in self.numbers]
        apart = _apart(numbers) or 1
        return [number and number // apart for number in numbers]

    @cached_property
    def labels(self) -> dict[str, str]:
        """Shorter texts for values: of months and hours, and of long names if these still differ."""
        texts = [*filter(None, self.texts)]
        if self.is_time and self.grain in {"year", "quarter", "month"}:
            times = self.times.drop_null()
            names = pc.strftime(times, "%b %Y" if self.grain == "month" else "%Y").to_pylist()
            if self.grain == "quarter":
                names = [f"Q{n} {name}" for n, name in zip(pc.quarter(times).to_pylist(), names, strict=True)]
            return dict(zip(texts, names, strict=True))
        if self.role is Role.PERIOD and is_number(self.cells.type):
            hours = [f"{hour:02}:00" for hour in range(25)]
            named = hours if "hour" in self.words else month_abbr if self.words[-1] == "month" else ""
            return {str(number): name for number, name in enumerate(named) if name}
        each_width = ({text: cut_middle(text, width) for text in texts} for width in (30, 60, 100))
        return next((short for short in each_width if len({*short.values()}) == len(short)), {})


def _date(text: str) -> date | None:
    """Return the first day of a period, such as 2024-Q1, or None."""
    text = re.sub(r"(?i)^(q[1-4])-(\d{4})$", r"\2-\1", re.sub(r"[ /]", "-", text))
    text = re.sub(r"(?i)-?q([1-4])$", lambda found: f"-{3 * int(found[1]) - 2}", text)
    text = f"{text}-1" if re.search(r"(?i)w\d\d?$", text) else text
    for format_ in DATE_FORMATS:
        with suppress(ValueError):
            return datetime.strptime(text, format_).replace(tzinfo=UTC).date()
    return None


def _apart(numbers: list[int | None]) -> int:
    """Return the largest step from number to number; 0 if there is one number."""
    found = [number for number in numbers if number is not None]
    return math.gcd(*(number - found[0] for number in found))


def _seconds(durations: pa.ChunkedArray) -> pa.ChunkedArray:
    counts = pc.cast(pc.cast(durations, pa.int64()), pa.float64(), safe=False)
    return pc.divide(counts, 10.0 ** FRACTION_DIGITS[durations.type.unit])


def cut_middle(text: str, width: int) -> str:
    """Shorten a text to a width in a terminal, keeping its beginning and end."""
    if cell_len(text) <= width:
        return text
    half = (width - 1) // 2
    return f"{set_cell_size(text, width - 1 - half)}…{set_cell_size(text[::-1], half)[::-1]}"
