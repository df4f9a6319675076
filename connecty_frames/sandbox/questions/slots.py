"""Turn the words of a question into slots, each for a period or the longest phrase that fits.

A phrase may have several meanings; the phrases around it decide. Periods are whole days of UTC, counted back
from 1 November 2025, where the data ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from connecty_frames.sandbox.catalogue import WORDS, split
from connecty_frames.sandbox.questions import query as q
from connecty_frames.sandbox.questions.model import Event, Field, forms

if TYPE_CHECKING:
    from connecty_frames.sandbox.questions.model import Entity, SemanticModel

_NUMBER: Final = re.compile(r"\d[\d,.]*")
_KINDS: Final = re.compile(r"([\w|]+)([?*+]?)")
#: Kinds of consecutive slots, each with whether it may be missing or repeated.
Pattern = list[tuple[frozenset[str], str]]
TODAY: Final = date(2025, 11, 1)  # today in the sandbox
DAYS: Final = "monday tuesday wednesday thursday friday saturday sunday".split()
_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()
#: The number of months in a unit.
_LENGTHS: Final[dict[str, int]] = {"month": 1, "quarter": 3, "half year": 6, "year": 12}


class Noun(q.Dimension, frozen=True):
    """A noun with its adjectives, which may be counted, shown, ranked or grouped by."""

    where: tuple[q.Condition, ...] = ()
    plural: bool = False

    @property
    def dimension(self) -> q.Dimension:
        """The groups that it names."""
        return q.Dimension(self.entity, self.field, self.grain)

    @property
    def counted(self) -> q.Number:
        """The number of its rows."""
        return q.Number(self.entity, where=frozenset(self.where))


class Verb(NamedTuple):
    """What entities do, and the times when it happened."""

    events: tuple[Event, ...] = ()
    fields: tuple[Field, ...] = ()

    def row(self, entity: Entity | None) -> str:
        """Return the name of the entity whose rows record what an entity did, or "" if none does."""
        return next((each.row for each in self.events if entity and each.entity == entity.name), "")


class Slot(dict[str, Any]):
    """Words of a question and their possible meanings: a value for each kind of slot."""

    def __init__(self, options: dict[str, Any], text: str) -> None:
        super().__init__(options)
        self.text = text

    def has(self, *kinds: str) -> bool:
        """Return whether it has a meaning of one of these kinds."""
        return not self.keys().isdisjoint(kinds)


class Lexicon:
    """The phrases of a semantic model and of the table of words."""

    def __init__(self, model: SemanticModel) -> None:
        self.model, self._phrases = model, cast("dict[tuple[str, ...], dict[str, Any]]", {})
        words = {kind: WORDS[kind] for kind in WORDS.keys() - {"spelling", "period", "plain"}}
        #: The patterns of slots that form phrases.
        self.rules: Final[list[tuple[str, Pattern]]] = [
            (name.split()[0], [(frozenset(kinds.split("|")), times) for kinds, times in _KINDS.findall(text)])
            for name, texts in words.pop("phrases").items()
            for text in texts
        ]
        for kind, values in words.items():
            for value, phrases in values.items():
                if kind == "grain":
                    self._nouns(phrases, q.Dimension(grain=value))
                elif kind == "period_days":
                    self._add(phrases, "period", q.Recurring(tuple(map(int, value.split()))))
                else:
                    self._add(phrases, kind, value)
        for entity in model.entity.values():
            self._nouns(entity.nouns, q.Dimension(entity=entity))
        for field in model.field:
            self._add_field(field, model)
        for measure in model.measure:
            for noun in measure.nouns:
                self._add([text for text, _ in forms(noun)], "numbers", (q.Number(named=measure),))
        for event in model.event:
            self._add(event.verbs, "verb", Verb(events=(event,)))
            self._add(event.sums, "spends", event)
        self.words: Final = frozenset().union(*self._phrases)  # all words that occur in phrases
        self._longest = max(map(len, self._phrases))

    def _add(self, phrases: Iterable[str], kind: str, value: Any) -> None:
        for phrase in phrases:
            options = self._phrases.setdefault(tuple(split(phrase)), {})
            old = options.get(kind)
            if isinstance(value, Verb) and old is not None:
                options[kind] = Verb(old.events + value.events, old.fields + value.fields)
            else:
                options[kind] = (*(old or ()), value) if kind in {"nouns", "fields", "superlative"} else value

    def _nouns(self, nouns: Iterable[str], dimension: q.Dimension, *where: q.Condition) -> None:
        of = (dimension.entity, dimension.field, dimension.grain)
        for noun in nouns:
            for text, plural in forms(noun):
                self._add([text], "nouns", Noun(*of, where=where, plural=plural))

    def _add_field(self, field: Field, model: SemanticModel) -> None:
        if field.type in {"category", "boolean"} and field.name != "name":
            self._nouns(field.nouns, q.Dimension(field=field))
        else:
            self._add([text for noun in field.nouns for text, _ in forms(noun)], "fields", field)
        for value in field.values:
            condition, entity = q.Is(field, (value,)), q.Dimension(entity=model.entity[field.entity])
            self._nouns([word for word in value.words if "|" in word], entity, condition)
            self._add(value.phrases, "value", condition)
            self._add(value.predicates, "predicate", condition)
        self._add(field.verbs, *(("verb", Verb(fields=(field,))) if field.is_time else ("costs", field)))
        self._add(field.most, "superlative", (field, True))
        self._add(field.least, "superlative", (field, False))
        self._add(field.units, "unit", field)
        self._add(field.present, "predicate", q.Is(field))

    def claim(self, words: Sequence[str]) -> list[Slot]:
        """Return the slots of a question; an unknown word becomes a slot without meanings."""
        slots: list[Slot] = []
        words, position = spelled(words), 0
        while position < len(words):
            sizes = range(min(self._longest, len(words) - position), 0, -1)
            size = next((n for n in sizes if tuple(words[position : position + n]) in self._phrases), 0)
            is_bound = any(each.has("between") and not each.has("prep") for each in slots[-3:])
            is_bound = is_bound or any(each.has("compare") for each in slots[-1:])
            period = None if is_bound and words[position][0].isdigit() else find_period(words, position)
            if period is not None and period[0] >= size:
                size, options = period[0], cast("dict[str, Any]", {"period": period[1]})
            elif size:
                options = self._phrases[tuple(words[position : position + size])]
            else:
                size, options = 1, {"number": words[position]} if _NUMBER.fullmatch(words[position]) else {}
            slots.append(Slot(options, " ".join(words[position : position + size])))
            position += size
        return slots


# Periods


@cache
def _pattern(text: str) -> re.Pattern[str]:
    names = WORDS["period"]
    while re.search("[A-Z]{4}", text):
        text = re.sub("[A-Z]{4,}", lambda name: names[name[0]], text)
    return re.compile(text)


def spelled(words: Sequence[str]) -> list[str]:
    """Return words with the spelling of periods unified."""
    text = " ".join(words)
    for spelling, patterns in WORDS["spelling"].items():
        for pattern in patterns:
            text = _pattern(rf"\b(?:{pattern})\b").sub(_iso if spelling == "iso" else spelling, text)
    return text.split()


def _iso(found: re.Match[str]) -> str:
    day = found.groupdict().get("day")
    return f"{found['year']}-{_MONTHS.index(found['month'][:3]) + 1:02}{f'-{day:>02}' if day else ''}"


def find_period(words: Sequence[str], position: int) -> tuple[int, q.Condition] | None:
    """Return the number of words of a period at a position, and the condition that a time is in it."""
    text = " ".join(words[position : position + 16])
    for read in (_recent, _range):
        found = read(text)
        if found is not None and (found[0] == len(text) or text[found[0]] == " "):
            return len(text[: found[0]].split()), found[1]
    return None


def _range(text: str) -> tuple[int, q.Condition] | None:
    """Read one period, or a first and a last one, with "since", "before" and so on."""
    link = _pattern("LINK").match(text)
    kind = "" if link is None else cast("str", link.lastgroup)
    first = _pattern("DATE").match(text, 0 if link is None else link.end())
    if first is None:
        return None
    to = _pattern("THEN").match(text, first.end())
    last = _pattern("DATE").match(text, to.end()) if to is not None else None
    if to is not None and to["joint"] and not text.startswith("between"):
        last = None
    begin, until = _one(first), _one(last) if last else None
    is_open = kind == "range" and last is None  # "from March 2025": in that month, or since then?
    if begin is None or (is_open and (text.startswith("between") or begin.grain not in {"month", "day"})):
        return None
    if begin.start is None or is_open:
        return first.end(), q.During(())
    if last is not None and kind in {"", "range"}:
        if until is None or until.end is None or begin.start >= until.end:
            return None
        return last.end(), q.During((q.Period(begin.start, until.end),), ends=(begin, until))
    start = None if kind in {"before", "until"} else begin.end if kind == "after" else begin.start
    stop = begin.start if kind == "before" else begin.end if kind in {"", "until"} else None
    return first.end(), q.During((q.Period(start, stop, None if kind else begin.grain),))


def _one(found: re.Match[str]) -> q.Period | None:
    """Return the period of a match, or None for an impossible day; without a year, it has no start."""
    year, month, day = found["year"] or found["part_year"], found["month"], found["day"]
    first, count = int(month or 1), 1 if month else 12
    grain: q.Grain = "month" if month else "year"
    if found["part"]:
        unit, number = found["part"][0], found["part"][1:]
        count, grain = (3, "quarter") if unit == "q" else (6, "half_year")
        if number.isdigit():
            first = count * int(number) - count + 1
        else:
            first, count, grain = _MONTHS.index(found["part"][:3]) + 1, 1, "month"
    if year is None:
        return q.Period(None, None, grain)
    try:
        start = date(int(year), first, int(day or 1))
    except ValueError:
        return None
    return q.Period(start, start + timedelta(1) if day else _after(start, count), "day" if day else grain)


def _after(day: date, months: int) -> date:
    number = 12 * day.year + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _recent(text: str) -> tuple[int, q.Condition] | None:
    found = _pattern("RECENT").match(text)
    if found is None or (found["number"] and not 0 < int(found["number"]) < 1000):
        return None
    if found["so_far"]:
        return found.end(), q.During((q.Period(_start("year", 0), TODAY),))
    unit, number = found["unit"] or found["this"] or found["before"] or "day", int(found["number"] or 1)
    how = found["how"]
    if not found["whole"] and (how == "past" or (found["number"] and unit != "quarter")):
        is_open = unit == "quarter" or (how not in {"last", "past"} and unit not in {"day", "month"})
        q.fail_if(is_open, f"'{found[0]}' may end today, or with the last full {unit}.")
        days = {"day": number, "week": 7 * number}.get(unit)
        start = TODAY - timedelta(days) if days else _after(TODAY, -number * _LENGTHS[unit])
        return found.end(), q.During((q.Period(start, TODAY),))
    grain = cast("q.Grain", unit.replace(" ", "_")) if number == 1 else None
    first = number if found["unit"] else 2 if found["before"] else int(found["day"] == "yesterday")
    last = 1 if found["unit"] else first
    return found.end(), q.During((q.Period(_start(unit, first), _start(unit, last - 1), grain),))


def _start(unit: str, back: int) -> date:
    if unit == "day":
        return TODAY - timedelta(back)
    if unit == "week":
        return TODAY - timedelta(TODAY.weekday() + 7 * back)
    length = _LENGTHS[unit]
    return _after(TODAY, -((TODAY.month - 1) % length) - back * length)
