"""The role of each column of an answer: its name decides, in any usual spelling, if its values agree."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Sequence
from enum import StrEnum
from importlib.resources import files
from itertools import pairwise
from typing import Any, Final

import pyarrow as pa

from connecty_frames.decode.arrow import any_of, is_number, is_text


class Role(StrEnum):
    """The purpose of a column."""

    IDENTIFIER = "identifier"  # tells rows or things apart; its numbers are not quantities
    LABEL = "label"  # a different text in each row
    RANK = "rank"
    PERIOD = "period"
    DIMENSION = "dimension"  # a repeated text or truth value
    MEASURE = "measure"
    DERIVED = "derived measure"  # a share, a percentage, a growth
    OTHER = "other"  # neither drawn nor grouped: lists, structs, bytes


_TABLE: Final = tomllib.loads((files(__package__) / "roles.toml").read_text(encoding="utf-8"))
#: Words in column names, by their meaning for the column.
WORDS: Final = {name: frozenset(each.split()) for name, each in _TABLE.items() if isinstance(each, str)}
#: Words of derived measures, and for each synonym the first word of its group.
_DERIVED: Final = frozenset(" ".join(_TABLE["derived"].values()).split())
_SAME: Final = [each.split() for name in ("derived", "same") for each in _TABLE[name].values()]
_SAME_WORDS: Final[dict[str, str]] = {word: group[0] for group in _SAME for word in group}
#: The unit of each word; ``any`` is for words such as budget, in money or hours.
UNITS: Final = {word: unit for unit, each in _TABLE["units"].items() for word in each.split()}
#: The unit that is asked for by a word after "how".
HOW: Final = {word: unit for unit, each in _TABLE["how"].items() for word in each.split()}
#: For each word for a period: how fine the period is, and its smallest and largest number.
_GRAINS: Final = enumerate(_TABLE["periods"])
PERIODS: Final = {word: (at, *ends) for at, (names, *ends) in _GRAINS for word in names.split()}
#: Names that belong together: the words of the first and of the second, and what joins their texts.
PAIRS: Final = [({*first.split()}, {*last.split()}, sign) for first, last, sign in _TABLE["pairs"]]
#: The words of the ends of intervals and of bins.
ENDS: Final[dict[str, list[list[str]]]] = _TABLE["ends"]
DATE_FORMATS: Final[list[str]] = _TABLE["dates"]
PATTERNS: Final = {name: re.compile(text) for name, text in _TABLE["patterns"].items()}
_SAMPLE: Final = 1_000  # values to find the role of a column by

is_time: Final = any_of(pa.types.is_timestamp, pa.types.is_date)


def words(name: str) -> list[str]:
    """Return the words of a name: ``customerId`` and ``CUSTOMER_ID`` as customer, id; ``avg`` as average."""
    # Runs of letters, split before a capital letter, and digits.
    parts = re.split(r"(?<=[a-z\d]{2})(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", name)
    found = [word.casefold() for part in parts for word in re.findall(r"[^\W\d_]+|\d+|%|#", part)]
    return [_TABLE["short"].get(word, word) for word in found]


def stem(word: str) -> str:
    """Return the form of a word for comparison: singular, and the same for synonyms."""
    singular = word.removesuffix("s") if len(word) > len("yes") else word
    return _SAME_WORDS.get(singular, singular)


def asked_words(question: str, names: list[list[str]]) -> list[str]:
    """Return the stems of a question as columns have them: ``return on ad spend`` as roas."""
    question = PATTERNS["condition"].sub(" ", PATTERNS["gap"].sub(" and difference ", question))
    starts = {tuple(name[:end]) for name in names for end in range(3, len(name) + 1)}  # AOV has three
    long = {"".join(word[0] for word in start).upper(): " ".join(start) for start in starts}
    question = re.sub(r"\b[A-Z]{3,}\b", lambda found: long.get(found[0], found[0]), question)
    spoken = words(re.sub(r",(?!\d)", " or ", question))
    known, text = {word for name in names for word in name if word.isalpha()}, " ".join(spoken)
    for word in sorted(word for word in known.difference(spoken, PERIODS) if len(word) > len("of")):
        text = re.sub(r"\b" + r"\w* ".join(word) + r"\w*", word, text)
    asked = [stem(word) for word in text.split() if word not in {"the", "of"}]  # not needed to find names
    stems = [{*map(stem, name)} for name in names]
    new = sorted({*map(stem, known)}.difference(asked))
    for at, word in enumerate(asked):
        forms = [w for w in new if PATTERNS["forms"].fullmatch(" ".join(sorted((w, word), key=len)))]
        if forms and not any(word in each for each in stems):
            # Converting better is a higher conversion rate.
            is_rate = "many" not in asked and any({forms[0], "rate"} <= each for each in stems)
            asked[at : at + 1] = [forms[0], "rate"] if is_rate else forms[:1]
    return asked


def role_of(name: str, column: pa.ChunkedArray) -> Role:
    """Return the role of a column, by its name, its type and its values."""
    if is_time(column.type):
        return Role.PERIOD
    if is_number(column.type):
        return _number_role(words(name), column)
    if any_of(is_text, pa.types.is_boolean, pa.types.is_dictionary)(column.type):
        return _text_role(words(name), column)
    return Role.MEASURE if pa.types.is_duration(column.type) else Role.OTHER


def fineness(name: str, column: pa.ChunkedArray) -> int:
    """Return a rank: a month is finer than a year, dates are finer still, time since an event is finest."""
    named = words(name)
    if is_time(column.type) or not WORDS["since"].isdisjoint(named):
        return len(PERIODS) + (not is_time(column.type))
    return max((PERIODS[word][0] for word in named if word in PERIODS), default=0)


def is_ordered(values: Sequence[Any]) -> bool:
    """Return True if the values only rise or only fall; nulls and repeats are allowed, but not all equal."""
    pairs = [*pairwise(value for value in values if value is not None)]
    return any(a != b for a, b in pairs) and (all(a <= b for a, b in pairs) or all(a >= b for a, b in pairs))


def _number_role(named: list[str], column: pa.ChunkedArray) -> Role:
    last = named[-1] if named else None
    if last in WORDS["coordinates"]:
        return Role.IDENTIFIER
    numbers = _whole_numbers(column)
    if numbers is not None:
        if _is_period(named, numbers):
            return Role.PERIOD
        is_rank = named[:1] == ["rank"] and named[1:2] in (["in"], ["by"], ["within"])
        is_rank = is_rank or (_is_run(numbers) and last in WORDS["sort_keys"] and "per" not in named)
        if is_rank or last in WORDS["ranks"] or named in (["row", "number"], ["#"]):
            return Role.RANK
        if _is_identifier(named):
            return Role.IDENTIFIER
    if last not in WORDS["counts"] and not _DERIVED.isdisjoint(named):
        return Role.DERIVED
    return Role.MEASURE


def _text_role(named: list[str], column: pa.ChunkedArray) -> Role:
    values = [str(value) for value in column.slice(0, _SAMPLE).drop_null().to_pylist()]
    if values and all(map(PATTERNS["period"].fullmatch, values)):
        return Role.PERIOD
    if _is_identifier(named) or (values and all(map(PATTERNS["uuid"].fullmatch, values))):
        return Role.IDENTIFIER
    is_label = len(column) > 1 and not column.null_count and len(column.unique()) == len(column)
    return Role.LABEL if is_label else Role.DIMENSION


def _is_identifier(named: list[str]) -> bool:
    is_count = named[-1:] == ["ids"] and not WORDS["counts_before_ids"].isdisjoint(named)
    is_key = bool(named) and (named[-1] in WORDS["identifiers"] or named[0] == "id")
    return is_key and not is_count and WORDS["counts"].isdisjoint(named)


def _is_period(named: list[str], numbers: list[int]) -> bool:
    if not WORDS["since"].isdisjoint(named):
        return _is_run(numbers) and not PERIODS.keys().isdisjoint(map(stem, named))
    at = [position for position, word in enumerate(named) if word in PERIODS]
    if not at or "per" in named or not WORDS["after_period"].issuperset(named[at[-1] + 1 :]):
        return False
    is_numbered = _is_run(numbers) and named[-1] not in PERIODS
    is_compact = all(PATTERNS["compact"].fullmatch(str(number)) for number in numbers)
    ends = [PERIODS[named[each]][1:] for each in at]  # of hours and of days for hour_of_day
    fits = any(least <= min(numbers) <= max(numbers) <= most for least, most in ends)
    return is_numbered or is_compact or fits


def _is_run(numbers: list[int]) -> bool:
    """Return True for 0, 1, 2 and so on; they may repeat, such as the months since a customer signed up."""
    return max(numbers) <= len(numbers) and {0, *numbers} == {*range(max(numbers) + 1)}


def _whole_numbers(column: pa.ChunkedArray) -> list[int] | None:
    values = column.slice(0, _SAMPLE).drop_null().to_pylist()
    if not values or not all(math.isfinite(value) and value == int(value) for value in values):
        return None
    return [int(value) for value in values]
