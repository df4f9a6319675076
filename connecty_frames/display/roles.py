"""What each column of an answer is: its role in charts, cards, tables and workbooks.

The name decides first, in any usual spelling (``customer_id``, ``customerId``, ``CUSTOMER ID``,
``id_kunde``), but the values must agree: a year is a whole number from 1000 to 2999. Numbers without such a
name are measures.
"""

from __future__ import annotations

import math
import re
import tomllib
from enum import StrEnum
from importlib.resources import files
from itertools import pairwise
from typing import Final

import pyarrow as pa

from connecty_frames.decode.arrow_types import any_of, is_number, is_text


class Role(StrEnum):
    """What a column is for."""

    IDENTIFIER = "identifier"  # tells rows or things apart; its numbers are not quantities
    LABEL = "label"  # a text that differs in each row
    RANK = "rank"
    PERIOD = "period"
    DIMENSION = "dimension"  # a text or truth value that repeats
    MEASURE = "measure"
    DERIVED = "derived measure"  # a share, a percentage, a growth
    OTHER = "other"  # neither drawn nor grouped: lists, structs, bytes


_TABLE: Final = tomllib.loads((files(__package__) / "roles.toml").read_text(encoding="utf-8"))
#: Words in column names, by what they say about the column.
WORDS: Final = {name: frozenset(each.split()) for name, each in _TABLE.items() if isinstance(each, str)}
#: Words of derived measures, and for each synonym the word that represents its group.
_DERIVED: Final = frozenset(" ".join(_TABLE["derived"].values()).split())
_SAME_WORDS: Final[dict[str, str]] = {
    word: each.split()[0]
    for name in ("derived", "same")
    for each in _TABLE[name].values()
    for word in each.split()
}
#: The unit of each word; ``any`` is for words such as budget, which may be money or hours.
UNITS: Final = {word: unit for unit, each in _TABLE["units"].items() for word in each.split()}
#: For each word for a period: how fine the period is, and its smallest and largest number.
_PERIODS: Final = {
    word: (fineness, *each["numbers"])
    for fineness, each in enumerate(_TABLE["period"])
    for word in each["words"].split()
}
#: Numbers that mean a month or a date: 202403, 20240317.
_COMPACT: Final = re.compile(r"[12]\d{3}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])?")
#: Texts that are periods: 2024, FY24, 2024-Q1, Q1 2024, 2024-03, 2024-W05, 2024-03-01, Q1, W05, month names
#: with or without a year, and days of the week.
_MONTH_NAME: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_PERIOD_TEXT: Final = re.compile(
    r"(?:fy)?[12]\d{3}|fy\d\d|[12]\d{3}[- ]?[hq]\d|[hq]\d(?:[- ]?[12]\d{3})?"
    r"|[12]\d{3}[-/]\d{1,2}(?:[-/]\d{1,2})?|(?:[12]\d{3}-?)?w\d{1,2}"
    rf"|{_MONTH_NAME}\.?(?:[- ]?(?:[12]\d{{3}}|\d\d))?|[12]\d{{3}}[- ]{_MONTH_NAME}"
    r"|(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?",
    re.IGNORECASE,
)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: The number of values that are read to find the role of a column.
_SAMPLE: Final = 1_000

is_time: Final = any_of(pa.types.is_timestamp, pa.types.is_date)


def words(name: str) -> list[str]:
    """Return the words of a name: ``customerId`` and ``CUSTOMER_ID`` as customer, id; ``avg`` as average."""
    # Runs of letters, split before a capital letter, and digits.
    parts = re.split(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", name)
    found = [word.casefold() for part in parts for word in re.findall(r"[^\W\d_]+|\d+|%|#", part)]
    return [_TABLE["short"].get(word, word) for word in found]


def stem(word: str) -> str:
    """Return the form of a word for comparison: singular, and the same for synonyms."""
    singular = word.removesuffix("s") if len(word) > len("yes") else word
    return _SAME_WORDS.get(singular, singular)


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
    """Return a rank that is higher for finer periods: a month is finer than a year, dates are finest."""
    if is_time(column.type):
        return len(_PERIODS)
    return max((_PERIODS[word][0] for word in words(name) if word in _PERIODS), default=0)


def is_year(column: pa.ChunkedArray) -> bool:
    """Return whether all values are whole numbers that can be years."""
    numbers = _whole_numbers(column)
    return numbers is not None and _is_within(numbers, "year")


def is_ordered(column: pa.ChunkedArray) -> bool:
    """Return whether the values only rise or only fall; repeats are allowed, but not all equal."""
    values = column.drop_null().to_pylist()
    pairs = [*pairwise(values)]
    return any(a != b for a, b in pairs) and (all(a <= b for a, b in pairs) or all(a >= b for a, b in pairs))


def _number_role(named: list[str], column: pa.ChunkedArray) -> Role:
    last = named[-1] if named else None
    if last in WORDS["coordinates"]:
        return Role.IDENTIFIER
    numbers = _whole_numbers(column)
    if numbers is not None:
        if _is_period(named, numbers):
            return Role.PERIOD
        if last in WORDS["ranks"] or named in (["row", "number"], ["#"]):
            return Role.RANK
        if _is_identifier(named):
            return Role.IDENTIFIER
    if last not in WORDS["counts"] and not _DERIVED.isdisjoint(named):
        return Role.DERIVED
    return Role.MEASURE


def _text_role(named: list[str], column: pa.ChunkedArray) -> Role:
    values = [str(value) for value in column.slice(0, _SAMPLE).drop_null().to_pylist()]
    if values and all(map(_PERIOD_TEXT.fullmatch, values)):
        return Role.PERIOD
    if _is_identifier(named) or (values and all(map(_UUID.fullmatch, values))):
        return Role.IDENTIFIER
    is_label = len(column) > 1 and not column.null_count and len(column.unique()) == len(column)
    return Role.LABEL if is_label else Role.DIMENSION


def _is_identifier(named: list[str]) -> bool:
    if not named or not WORDS["counts"].isdisjoint(named):
        return False
    if named[-1] == "ids" and not WORDS["counts_before_ids"].isdisjoint(named):
        return False
    return named[-1] in WORDS["identifiers"] or named[0] == "id"


def _is_period(named: list[str], numbers: list[int]) -> bool:
    at = [position for position, word in enumerate(named) if word in _PERIODS]
    if not at or "per" in named or not WORDS["after_period"].issuperset(named[at[-1] + 1 :]):
        return False
    return _is_within(numbers, named[at[-1]]) or all(_COMPACT.fullmatch(str(number)) for number in numbers)


def _is_within(numbers: list[int], period: str) -> bool:
    _, least, greatest = _PERIODS[period]
    return bool(least <= min(numbers) and max(numbers) <= greatest)


def _whole_numbers(column: pa.ChunkedArray) -> list[int] | None:
    """Return the first numbers that are not null, or None unless there are some and all are whole."""
    values = column.slice(0, _SAMPLE).drop_null().to_pylist()
    if not values or not all(math.isfinite(value) and value == int(value) for value in values):
        return None
    return [int(value) for value in values]
