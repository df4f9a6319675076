"""The role of each column of an answer in charts, cards, tables and workbooks.

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
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from connecty_frames.decode.arrow_types import any_of, is_number, is_text

if TYPE_CHECKING:
    from collections.abc import Sequence


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
_SAME_WORDS: Final[dict[str, str]] = {
    word: each.split()[0]
    for name in ("derived", "same")
    for each in _TABLE[name].values()
    for word in each.split()
}
#: The unit of each word; ``any`` is for words such as budget, in money or hours.
UNITS: Final = {word: unit for unit, each in _TABLE["units"].items() for word in each.split()}
#: For each word for a period: how fine the period is, and its smallest and largest number.
_PERIODS: Final = {
    word: (fineness, *each["numbers"])
    for fineness, each in enumerate(_TABLE["period"])
    for word in each["words"].split()
}
DATE_FORMATS: Final[list[str]] = _TABLE["dates"]
_PATTERNS: Final = {name: re.compile(text) for name, text in _TABLE["patterns"].items()}
#: The number of values to find the role of a column by.
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
    """Return a rank: a month is finer than a year, dates are finer still, time since an event is finest."""
    named = words(name)
    if is_time(column.type) or not WORDS["since"].isdisjoint(named):
        return len(_PERIODS) + (not is_time(column.type))
    return max((_PERIODS[word][0] for word in named if word in _PERIODS), default=0)


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
        if last in WORDS["ranks"] or named in (["row", "number"], ["#"]):
            return Role.RANK
        if _is_identifier(named):
            return Role.IDENTIFIER
    if last not in WORDS["counts"] and not _DERIVED.isdisjoint(named):
        return Role.DERIVED
    return Role.MEASURE


def _text_role(named: list[str], column: pa.ChunkedArray) -> Role:
    values = [str(value) for value in column.slice(0, _SAMPLE).drop_null().to_pylist()]
    if values and all(map(_PATTERNS["period"].fullmatch, values)):
        return Role.PERIOD
    if _is_identifier(named) or (values and all(map(_PATTERNS["uuid"].fullmatch, values))):
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
    # A run is 0, 1, 2 and so on; it may repeat, such as the months since a customer signed up.
    is_run = max(numbers) <= len(numbers) and {0, *numbers} == {*range(max(numbers) + 1)}
    if not WORDS["since"].isdisjoint(named):
        return is_run and not _PERIODS.keys().isdisjoint(map(stem, named))
    at = [position for position, word in enumerate(named) if word in _PERIODS]
    if not at or "per" in named or not WORDS["after_period"].issuperset(named[at[-1] + 1 :]):
        return False
    is_numbered = is_run and named[-1] not in _PERIODS
    is_compact = all(_PATTERNS["compact"].fullmatch(str(number)) for number in numbers)
    _, least, greatest = _PERIODS[named[at[-1]]]
    return is_numbered or is_compact or bool(least <= min(numbers) and max(numbers) <= greatest)


def _whole_numbers(column: pa.ChunkedArray) -> list[int] | None:
    """Return the first numbers except nulls, or None unless there are some and all are whole."""
    values = column.slice(0, _SAMPLE).drop_null().to_pylist()
    if not values or not all(math.isfinite(value) and value == int(value) for value in values):
        return None
    return [int(value) for value in values]
