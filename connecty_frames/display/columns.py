"""A column as charts draw it: its role, its values as texts and numbers, and how they are labelled."""

from __future__ import annotations

import math
import re
from calendar import month_abbr
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from itertools import permutations
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from rich.cells import cell_len, set_cell_size

from connecty_frames.decode.arrow import FRACTION_DIGITS, is_number, is_text
from connecty_frames.decode.texts import local_times, texts
from connecty_frames.display import roles
from connecty_frames.display.roles import WORDS, Role, is_ordered, is_time, stem, words

#: Texts of periods without a year, by their first letters.
_CALENDAR: Final = (
    "mon tue wed thu fri sat sun jan feb mar apr may jun jul aug sep oct nov dec spr sum aut fal win"
)
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
DAY: Final = 86_400_000  # milliseconds
#: The most characters of a label. A rate may be a little above one if none is below a half, or by its name.
WIDTH, _HALF, _OVER_ONE = 45, 0.5, 1.2
_MEANS: Final = {Role.DERIVED, *WORDS["means"]}
#: The least ranges of an order, and all numbers of a period by those that are there.
_MIN_BANDS, _DENSE = 3, 1.25
#: The most categories that are numbers; how a quarter, month or week of a year is written, by its fineness.
_MAX_LEVELS, _PARTS = 12, {2: "Q{}", 3: "{:02}", 4: "W{:02}"}
#: Words before a dimension, and between joined measures.
BY, AND = WORDS["before_dimensions"], WORDS["joins"]


class Column:
    """A column with its role, and its values as texts and numbers."""

    def __init__(self, at: int, name: str, cells: pa.ChunkedArray) -> None:
        self.at, self.name, self.cells, self.words = at, name, cells, words(name)

    def take(self, rows: list[int]) -> Column:
        """Return the column with only these rows."""
        taken = Column(self.at, self.name, self.cells.take(pa.array(rows, pa.int64())))
        taken.role = self.role
        return taken

    def relabelled(self, texts: list[Any], name: str) -> Column:
        """Return a column of other texts in its place."""
        return Column(self.at, name, pa.chunked_array([texts], pa.string()))

    role = cached_property(lambda self: roles.role_of(self.name, self.cells))
    #: How many different values there are; null counts as one.
    count = cached_property(lambda self: len({*self.texts}))
    is_unique = cached_property(lambda self: bool(self.count == len(self.cells)))
    is_measure = cached_property(lambda self: self.role in {Role.MEASURE, Role.DERIVED})
    #: True if it can be on a quantitative axis.
    has_numbers = cached_property(lambda self: is_number(self.cells.type) or self.is_duration)
    is_duration = cached_property(lambda self: pa.types.is_duration(self.cells.type))
    #: True for dates, timestamps, and names of them as texts or numbers, such as 2024-Q1.
    is_time = cached_property(lambda self: self._dates is not None)
    #: True if its values do not add up, such as averages and shares.
    is_mean = cached_property(lambda self: not _MEANS.isdisjoint((self.role, self.unit.split()[0])))
    is_average = cached_property(lambda self: not WORDS["statistics"].isdisjoint(self.words))
    #: The words in its name except those that tell compared measures apart, such as planned and actual.
    rest = cached_property(lambda self: [w for w in self.words if not (w.isdigit() or w in WORDS["twins"])])
    #: The stems of the words in its name, for comparison with a question.
    stems = cached_property(lambda self: {*map(stem, self.words)})
    #: Its numbers without null.
    known = cached_property(lambda self: [number for number in self.numbers if number is not None])
    #: The largest absolute value, or 0 without numbers.
    largest = cached_property(lambda self: max(map(abs, self.known), default=0.0))
    #: True if its numbers span less than a quarter of the largest, far from zero, as temperatures may be.
    is_narrow = cached_property(lambda self: 0 < self._span < self.largest / self.far)
    _span = cached_property(lambda self: max(self.known, default=0) - min(self.known, default=0))
    far = cached_property(lambda self: 1 if "temperature" in self.unit else 4)
    is_signed = cached_property(lambda self: min(self.known, default=0) < 0)
    #: True if its numbers, or their sizes, only rise or only fall.
    is_ranked = cached_property(lambda self: any(map(is_ordered, (self.numbers, self._sizes))))
    _sizes = cached_property(lambda self: [number and abs(number) for number in self.numbers])
    #: The name, with the unit of durations.
    title = cached_property(lambda self: self.name + (f" ({self._unit[0]})" if self.is_duration else ""))
    #: True if its values are in order; they may repeat.
    is_sorted = cached_property(lambda self: is_ordered([*dict.fromkeys(self.places)]) or self._is_one)
    _is_one = cached_property(lambda self: len({*self.places} - {None}) <= 1)
    #: Dates and timestamps as milliseconds of the local time in the column's own zone.
    times = cached_property(lambda self: pc.cast(self._dates, pa.timestamp("ms"), safe=False))
    #: The coarsest period begun or ended by all its times: year, quarter, month, day, hour or second.
    grain = cached_property(lambda self: self._periods[0])

    @cached_property
    def percent(self) -> int | None:
        """The factor from value to percent (100 for 0.05, 1 for 5), or None if it is no percentage."""
        if self.role is not Role.DERIVED:
            return None
        named = {*self.words}
        is_full = named & WORDS["over_one"] or min(map(abs, self.known), default=0) > _HALF  # 0.97, 1.03
        is_small = self.largest <= (_OVER_ONE if is_full else 1)
        if named & WORDS["percents"]:
            return None if is_small else 1  # 0.5 may be 50 % or 0.5 %
        return 100 if is_small and named & WORDS["fractions"] and not named & WORDS["no_fractions"] else None

    @cached_property
    def unit(self) -> str:
        """Its unit; measures with the same unit share an axis."""
        if self.percent:
            return f"percent {self.percent}"
        if self.is_duration:
            return str(self.cells.type)
        units = [roles.UNITS[word] for word in reversed(self.words) if word in roles.UNITS]
        unit = "count" if "count" in units else next(iter(units), "")
        if not self.is_average:
            return unit or "count"
        # An average does not share an axis with a sum.
        own = [word for word in self.rest if word not in WORDS["common"] | WORDS["statistics"]]
        return f"each {unit or ' '.join(own)}"

    #: True if its values are in the order of time or of numbers, such as 31-60 days.
    is_ordinal = cached_property(lambda self: self.role is Role.PERIOD or bool(self._bands))

    @property
    def slots(self) -> list[str]:
        """All its numbers as texts, if a few are absent between the first and the last."""
        is_numbered = self.has_numbers and not (self.is_measure or self.is_time)
        found = sorted({*map(int, self.known)} if is_numbered and self.is_sorted else {0})
        every = [*map(str, range(found[0], found[-1] + 1))]
        return every if len(found) < len(every) <= _DENSE * len(found) else []

    #: The values as texts, with all digits.
    texts = cached_property(lambda self: texts(self.cells).to_pylist())

    @cached_property
    def numbers(self) -> list[float | None]:
        """The values as the nearest float64, durations in their unit; None for null, NaN and infinity."""
        cells = self.cells
        if pa.types.is_duration(cells.type):
            cells = pc.divide(_seconds(cells), float(self._unit[1]))
        # By way of text: Arrow's own cast of decimals such as 984.18 is wrong in the last digit.
        floats = pc.cast(pc.cast(cells, pa.string()), pa.float64()).to_pylist()
        return [value if value is not None and math.isfinite(value) else None for value in floats]

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

    @cached_property
    def places(self) -> list[Any]:
        """Sort keys of the values: milliseconds, numbers, places in a week or year, or texts."""
        if self.is_time or self.has_numbers:
            return [*(self.times.cast(pa.int64()).to_pylist() if self.is_time else self.numbers)]
        starts = [text and text[:3].casefold() for text in self.texts]
        is_named = {None, *_CALENDAR.split()}.issuperset(starts)
        places = [start and _CALENDAR.index(start) for start in starts] if is_named else self._bands
        return places or [*self.texts]

    @cached_property
    def _bands(self) -> list[float | None]:
        """The places of ranges such as 0-30 days, 31-60 days and 90+; nothing if most are none."""
        texts = {text.casefold() for text in self.texts if text}
        # "Current" precedes them; another text without a number, such as "Unknown", follows.
        found = {text: -1.0 if {*text.split()[:1]} & WORDS["before_bands"] else math.inf for text in texts}
        bands = {text: match for text in texts if (match := roles.PATTERNS["band"].search(text))}
        units = {roles.PATTERNS["unit"].sub("", text).removesuffix("s") for text in bands} - {""}
        for text, band in bands.items():
            size = {"k": 1e3, "m": 1e6}.get(band["size"], 1)
            found[text] = float(band["number"].replace(",", "")) * size - bool(band["below"]) / 2
        is_banded = len(units) <= 1 and len(bands) >= max(_MIN_BANDS, len(found) - 1)
        return [text and found[text.casefold()] for text in self.texts] if is_banded else []

    @cached_property
    def years(self) -> list[str | None]:
        """The years, also of texts such as FY24; None for other values."""
        found = [roles.PATTERNS["year"].fullmatch(text or "") for text in self.texts]
        return [match and f"{match[1] or 20}{match[2] or match[3]}" for match in found]

    @property
    def in_year(self) -> list[int | None]:
        """The numbers of its quarters, months or weeks in a year, also of texts such as Q3 or March."""
        digits = [re.sub(r"\D", "", text or "") if is_text(self.cells.type) else "" for text in self.texts]
        places = [p if self.has_numbers or not isinstance(p, int) else p // 4 - 6 for p in self.places]
        return [int(text or place or 0) or None for text, place in zip(digits, places, strict=True)]

    @cached_property
    def _periods(self) -> tuple[str, list[int | None]]:
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
    def steps(self) -> list[int | None]:
        """The numbers of its periods: if none is missing between two, they differ by one."""
        numbers = self._periods[1] if self.is_time else [n if n is None else int(n) for n in self.numbers]
        apart = _apart(numbers) or 1
        return [number and number // apart for number in numbers]

    def labels_of(self, width: int = WIDTH) -> dict[str, str]:
        """Return shorter texts for values; long names are cut at the end if these still differ."""
        texts = [*filter(None, self.texts)]
        if self.is_time and self.grain != "day":
            times = self.times.drop_null().to_pylist()
            form = {"year": "%Y", "quarter": "Q{0} %Y", "month": "%b %Y"}.get(self.grain, "%b {1} %H:%M")
            form = f"{form} %Y" if len({time.year for time in times}) > 1 and "%Y" not in form else form
            names = [time.strftime(form).format((time.month + 2) // 3, time.day) for time in times]
            return dict(zip(texts, names, strict=True)) if len({*names}) == len({*texts}) else {}
        if self.role is Role.PERIOD and is_number(self.cells.type):
            hours = [f"{hour:02}:00" for hour in range(25)]
            is_month = self.words[-1] == "month" and "of" not in self.words
            named = hours if "hour" in self.words else month_abbr if is_month else ""
            return {str(number): name for number, name in enumerate(named) if name}
        ways = ((width, 0), (width, None), (60, None), (100, None))
        each_width = ({text: cut_middle(text, *way) for text in texts} for way in ways)
        return next((short for short in each_width if len({*short.values()}) == len(short)), {})


Columns: TypeAlias = list[Column]


def join_columns(columns: Columns, asked: list[str], *, is_list: bool) -> Columns:
    """Join pairs; years and their quarters, months or weeks to one time, unless a question compares years."""
    free = _join_pairs(_count_by_numbers(_join_bins(columns), asked), is_list=is_list)
    periods = [column for column in free if column.role is Role.PERIOD and column.count > 1]
    for number, name in permutations(periods, 2):  # of 1 and Monday, the name is drawn
        both = len({*zip(number.texts, name.texts, strict=True)})
        if number.has_numbers and is_text(name.cells.type) and both == number.count == name.count:
            free = [column for column in free if column is not number]
    periods = [column for column in periods if column in free]
    years = [column for column in periods if any(column.years)]
    parts = [c for c in periods if not c.is_time and roles.fineness(c.name, c.cells) in _PARTS]
    if len(years) != 1 or len(parts) != 1 or roles.PATTERNS["by_year"].search(" ".join(asked)):
        return free
    year, part = years[0], parts[0]
    if len({*asked}.intersection(year.years)) > 1:
        return free
    form, pairs = _PARTS[roles.fineness(part.name, part.cells)], zip(year.years, part.in_year, strict=True)
    texts = [f"{each}-{form.format(number)}" if each and number else None for each, number in pairs]
    columns[year.at] = year.relabelled(texts, f"{year.name} and {part.name}")
    return [columns[column.at] for column in free if column is not part]


def _count_by_numbers(columns: Columns, asked: list[str]) -> Columns:
    """Make categories of whole numbers, such as triage levels: few that repeat, or each of a run."""
    numbers = [column for column in columns if column.is_measure and column.has_numbers]
    is_sorted = any(is_ordered(c.numbers) for c in numbers) and all(c.role is not Role.LABEL for c in columns)
    known = {"and", "day", "number"}.union(*(column.stems for column in columns)) - BY
    for column in [c for c in numbers if c.role is Role.MEASURE]:
        at = next((at for at, word in enumerate(asked) if word in column.stems), 0)
        before = [*asked[:at][::-1], "", ""]
        is_joined = before[0] == "and" or before[0] not in AND
        is_by = before[0] in BY or (is_joined and next(w for w in before[1:] if w not in known) in BY)
        is_by = is_by or (column is numbers[0] and not WORDS["spreads"].isdisjoint(asked))
        is_few = column.count <= _MAX_LEVELS and 2 * column.count <= len(column.numbers)
        is_dense = max(column.known, default=0) - min(column.known, default=0) < 2 * column.count
        is_level = is_few and (is_by or (is_dense and not WORDS["levels"].isdisjoint(column.words[-1:])))
        is_whole = all(number is not None and number % 1 == 0 for number in column.numbers)
        if is_whole and len(numbers) > 1 and (is_level or (column.is_unique and is_by and is_sorted)):
            column.role, column.is_measure = Role.DIMENSION, False
            numbers.remove(column)
    return columns


def _join_pairs(columns: Columns, *, is_list: bool) -> Columns:
    free = [*columns]
    texts = [column for column in columns if is_text(column.cells.type)]
    for *ends, sign in roles.PAIRS:
        firsts, lasts = ({tuple("*" if w in end else w for w in c.words): c for c in texts} for end in ends)
        for one, other in [(firsts[each], lasts[each]) for each in firsts if "*" in each and each in lasts]:
            pairs = len({*zip(one.texts, other.texts, strict=True)})
            if sign == " " or is_list or pairs < len(one.texts) or 2 * pairs <= one.count * other.count:
                names = [sign.join(filter(None, row)) for row in zip(one.texts, other.texts, strict=True)]
                columns[one.at] = one.relabelled(names, f"{one.name} and {other.name}")
                free = [columns[c.at] for c in free if c.at != other.at]
    return free


def _join_bins(columns: Columns) -> Columns:
    for low, high in permutations([column for column in columns if column.has_numbers], 2):
        gaps = [b - a for a, b in zip(high.known, low.known[1:], strict=False)]
        if are_ends(low, high, "bins") and low.is_unique and gaps and {0, 1}.issuperset(gaps):
            rows = zip(low.texts, high.texts, strict=True)
            texts = [f"{a} \N{EN DASH} {b}" if a and b else f"{a}+" if a else f"< {b}" for a, b in rows]
            columns[low.at] = low.relabelled(texts, f"{low.name} and {high.name}")
            high.role, high.is_measure = Role.OTHER, False
    return columns


def are_ends(low: Column, high: Column, kind: str) -> bool:
    """Return True if the names differ only by words of a pair, such as lower and upper."""
    one, other = (f" {' '.join(column.words)} " for column in (low, high))
    return any(one != other == one.replace(f" {a} ", f" {b} ") for a, b in roles.ENDS[kind])


def _date(text: str) -> datetime | None:
    text = re.sub(r"(?i)^(q[1-4])-(\d{4})$", r"\2-\1", re.sub(r"[ /]|(?<=\d)T", "-", text))
    text = re.sub(r"(?i)-?q([1-4])$", lambda found: f"-{3 * int(found[1]) - 2}", text)
    text = f"{text}-1" if re.search(r"(?i)w\d\d?$", text) else text
    for format_ in roles.DATE_FORMATS:
        with suppress(ValueError):
            return datetime.strptime(text, format_).replace(tzinfo=UTC)
    return None


def _apart(numbers: list[int | None]) -> int:
    found = [number for number in numbers if number is not None]
    return math.gcd(*(number - found[0] for number in found))


def _seconds(durations: pa.ChunkedArray) -> pa.ChunkedArray:
    counts = pc.cast(pc.cast(durations, pa.int64()), pa.float64(), safe=False)
    return pc.divide(counts, 10.0 ** FRACTION_DIGITS[durations.type.unit])


def cut_middle(text: str, width: int, end: int | None = None) -> str:
    """Shorten a text to a width in a terminal, keeping its beginning and end, or less of the end."""
    if cell_len(text) <= width:
        return text
    end = (width - 1) // 2 if end is None else end
    return f"{set_cell_size(text, width - 1 - end)}…{set_cell_size(text[::-1], end)[::-1]}"
