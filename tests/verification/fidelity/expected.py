"""What is expected of a body: a type where its bytes name one value each, else the exact text and the reason.

The spellings that name one value are written down here a second time, independently of the decoder.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import Any, Final

from tests.verification.fidelity.bodies import Body, Number
from tests.verification.fidelity.ground_truth import TemporalTicks

_DAY: Final = r"(?!0000)\d{4}-\d\d-\d\d"
_CLOCK: Final = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?"
_OFFSET: Final = r"(?:[Zz]|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)"
_LONG_CLOCK: Final = r"\d+:[0-5]\d:[0-5]\d(?:\.\d{1,9})?"
#: The forms of temporal text, each naming one value.
_FORMS: Final = {
    "date": _DAY,
    "naive": rf"{_DAY}[Tt ]{_CLOCK}",
    # With the zone in brackets (RFC 9557), and with UTC (BigQuery, Trino) or an abbreviation (Go) behind it.
    "aware": rf"{_DAY}[Tt ]{_CLOCK}(?: ?{_OFFSET}(?:\[[A-Za-z/_]+\]| CES?T)?| ?(?:[+-]00:?00 )?UTC)",
    "time": _CLOCK,
    "24:00:00": r"24:00:00(?:\.0+)?",
    "H:MM:SS": r"\d:[0-5]\d:[0-5]\d(?:\.\d{1,9})?",
    # ISO 8601; Python, pandas, PostgreSQL; SQL's day to second; .NET; BigQuery; a clock of 24 hours or more.
    "duration": rf"[+-]?P(?:-?\d+D)?(?:T(?:-?\d+H)?(?:-?\d+M)?(?:-?\d+(?:\.\d+)?S)?)?"
    rf"|-?\d+ days?,? [+-]?{_LONG_CLOCK}|-?\d+ days?|-?\d+ {_LONG_CLOCK}|-?\d+\.{_CLOCK}"
    r"|0-0 -?\d+ -?\d+:\d+:\d+(?:\.\d+)?|-?\d{2,}:[0-5]\d:[0-5]\d(?:\.\d{1,9})?",
}
#: Forms that are durations where a column has them beside durations.
_CLOCKS: Final = frozenset({"time", "24:00:00", "H:MM:SS"})
#: Values that are named, but that no type holds.
_BEYOND: Final = (
    (r"^-?infinity$", "infinity"),
    (r" BC$", "a year before 1"),
    (r"^24:00:00", "24:00:00 as a time of day"),
    (rf"^{_CLOCK} ?[+-]", "a time with an offset and no date"),
    (r"mon|year|^P.*[YM](?!.*T)|^P\d+Y|^\d+-\d+ ", "an interval with years or months"),
)
#: Why a text names no one value, by the first pattern that is found in it.
_REASONS: Final = (
    *_BEYOND,
    (r"^\d:", "H:MM:SS, a time of day or a duration"),
    (r"^-?[\d.]+(E\d+)?( \d+)?$", "a number that may count days, seconds or units of a second"),
    (rf"^{_DAY}.* [A-Z][A-Za-z]+(/\w+)?$", "the name of a zone without an offset that decides"),
    (r"^[\[{]", "numbers in an array"),
    (r"[$,]", "a symbol of a currency"),
    (r"^b'|^\\|^[\x00-\x1f]", "bytes"),
)
_MIXED: Final = "rows and bounds, or rows, of several forms"
_NOT_FINITE: Final = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_WHOLE: Final = re.compile(r"-?\d+")
_BOOLEANS: Final = frozenset({"true", "false", "t", "f", "0", "1", "True", "False"})
#: What the documentation says of values that are read without a word, though they may have been others.
COMPUTED: Final = "a computed number without quotes, as the nearest float"
CLOCK: Final = "a text that may be a time of day or a duration"
LIKE_TIME: Final = "a text like a date or a timestamp, without statistics"
#: What nanoseconds reach, and what may be meant by values that they do not.
_NANOS: Final = range(-(2**63) + 1, 2**63)
_MOST_DIGITS: Final = 76
#: Precise enough for every number that occurs; the default context rounds to 28 digits.
_EXACT: Final = Context(prec=2_000)
_EMPTY_TYPES: Final = {"temporal": "timestamp[us, UTC]", "numeric": "float64", "boolean": "bool"}


@dataclass(frozen=True)
class Expected:
    type: str  # the type; ``string`` also where the JSON value itself is as exact
    #: Whether a warning must report that no type holds the column; None where it may.
    warns: bool | None = False
    reason: str = ""  # why the bytes name no one value, empty where they do
    #: Whether the statistics disagree with the rows, so that a warning of them may be given.
    statistics_warn: bool = False
    #: Whether text with a warning is as right: the bounds of rows that were cut cannot be read.
    or_text: bool = False
    documented: str = ""  # the silence that the documentation names, where this column may fall under it


def expect(body: Body) -> Expected:
    found = _expect(body)
    if any(map(_is_bare, body.cells)):
        found = replace(found, warns=None)  # NaN without quotes is no JSON
    return found if body.nulls_agree else replace(found, statistics_warn=True)


def _is_bare(cell: Any) -> bool:
    if isinstance(cell, list | dict):
        return any(map(_is_bare, cell.values() if isinstance(cell, dict) else cell))
    return isinstance(cell, Number) and _NOT_FINITE.fullmatch(cell) is not None


def _expect(body: Body) -> Expected:
    sent = [cell for cell in body.cells if cell is not None]
    bounds = [token.strip('"') for _, token in body.bounds]
    deciding = [] if body.whole else bounds
    if not sent and not deciding:
        return Expected(_EMPTY_TYPES.get(body.section or "", "string"))
    texts = [_text(cell) for cell in sent]
    if body.section == "temporal":
        # A bound that cannot be read decides nothing, though it may make text.
        named = [text for text in deciding if _form(text) not in {"", "H:MM:SS"} or _is_beyond(text)]
        if "duration" in map(_form, [*texts, *named]):
            named = [text for text in deciding if _form(text)]
        return replace(_temporal(body, sent, texts, named, bounds), or_text=len(named) < len(deciding))
    if body.section == "numeric":
        return _numbers(body, sent, texts, deciding)
    if body.section == "boolean":
        return Expected("bool") if _BOOLEANS.issuperset(texts) else _no_type(texts, texts)
    return _without_section(body, sent, texts)


def _text(cell: Any) -> str:
    return cell if isinstance(cell, str) else str(cell).lower() if isinstance(cell, bool) else str(cell)


def _no_type(texts: Sequence[str], unreadable: Sequence[str]) -> Expected:
    reason = next(
        (reason for text in unreadable for pattern, reason in _REASONS if re.search(pattern, text)), _MIXED
    )
    return Expected("string", True if texts else None, reason)


# --- dates and times -----------------------------------------------------------------------------------


def _form(text: str) -> str:
    return next((form for form, pattern in _FORMS.items() if re.fullmatch(pattern, text)), "")


def _common_form(texts: Sequence[str]) -> str:
    """Return the form that all texts have, empty where there is none."""
    forms = set(map(_form, texts))
    if "duration" in forms:
        forms -= _CLOCKS
    form = forms.pop() if len(forms) == 1 else ""
    return "" if form in {"24:00:00", "H:MM:SS"} else form


def _is_beyond(text: str) -> bool:
    return any(re.search(pattern, text) for pattern, _ in _BEYOND)


def _is_midnight(text: str) -> bool:
    return re.fullmatch(rf"{_DAY}[T ]00:00:00(\.0+)?", text) is not None


def _temporal(
    body: Body, sent: Sequence[Any], texts: Sequence[str], deciding: Sequence[str], bounds: Sequence[str]
) -> Expected:
    form = _common_form(texts) if texts else _common_form(deciding)
    # A date is the midnight, and a midnight the date.
    if form == "date":
        deciding, bounds = (
            [text[:10] if _is_midnight(text) else text for text in many] for many in (deciding, bounds)
        )
    elif form == "naive":
        deciding, bounds = (
            [f"{text}T00:00:00" if _form(text) == "date" else text for text in many]
            for many in (deciding, bounds)
        )
    considered = [*texts, *deciding]
    if not considered:
        return Expected(_EMPTY_TYPES["temporal"])
    common = _common_form(considered)
    if not common or any(not isinstance(cell, str) or isinstance(cell, Number) for cell in sent):
        return _no_type(texts, [text for text in considered if not _common_form([text])] or considered)
    decide = (*body.values, *(value for value, _ in body.bounds if deciding))
    ticks = [value.ticks for value in decide if isinstance(value, TemporalTicks)]
    far = common in {"naive", "aware"} and any(tick not in _NANOS for tick in ticks)
    if far and any(tick % 1_000 for tick in ticks):
        return _no_type(texts, considered)
    unit = "ns" if not far and _has_nanoseconds(texts, deciding) else "us"
    names = {
        "date": "date",
        "naive": f"timestamp[{unit}]",
        "aware": f"timestamp[{unit}, UTC]",
        "time": f"time[{unit}]",
        "duration": f"duration[{unit}]",
    }
    disagree = any(_common_form([*texts, bound]) != common for bound in bounds)
    return Expected(names[common], statistics_warn=disagree, documented=CLOCK if common == "time" else "")


def _has_nanoseconds(texts: Sequence[str], bounds: Sequence[str]) -> bool:
    """Return whether a 7th digit is written; zeros of bounds count if the writer of the rows prints such."""
    if not texts:
        of_bounds = r"\.\d{7}"
    elif any(re.search(r":\d\d\.", text) for text in texts):
        of_bounds = r"\.\d{6}\d*[1-9]"
    else:  # the rows have no fraction, which a writer of seven digits leaves out where it is zero
        of_bounds = r"\.(?=\d*[1-9])\d{7}"
    return any(re.search(r"\.\d{7}", text) for text in texts) or any(
        re.search(of_bounds, bound) for bound in bounds
    )


# --- numbers -------------------------------------------------------------------------------------------


def _numbers(body: Body, sent: Sequence[Any], texts: Sequence[str], deciding: Sequence[str]) -> Expected:
    """Return the type of numbers: those in quotes are never rounded."""
    considered = [*texts, *deciding]
    finite = [text for text in considered if not _NOT_FINITE.fullmatch(text)]
    unreadable = [text for text in finite if not _NUMBER.fullmatch(text)]
    if unreadable:
        return _no_type(texts, unreadable)
    rounded = body.kind.name != "float32" and any(
        Decimal(token.strip('"')) != Decimal(str(value))
        for value, token in body.bounds
        if not _NOT_FINITE.fullmatch(token.strip('"'))
    )
    if texts and all(map(_WHOLE.fullmatch, texts)):
        # A bound that is written as a float is no evidence of digits, beyond 2**53 nor below.
        ends = [Decimal(text) for text in deciding if not _is_rounded(text)]
        if all(end == int(end) for end in ends):
            return _whole([*map(int, texts), *map(int, ends)], rounded=rounded)
    elif all(map(_WHOLE.fullmatch, considered)):
        return _whole([int(text) for text in considered], rounded=rounded)
    numbers = [Decimal(text) for text in finite if text in texts or not texts or not _is_rounded(text)]
    quoted = any(not isinstance(cell, Number) and not _NOT_FINITE.fullmatch(cell) for cell in sent)
    found = _fractions(numbers, quoted=quoted, all_finite=len(finite) == len(considered))
    warns = None if found.warns and not texts else found.warns
    return replace(found, warns=warns, statistics_warn=rounded)


def _fractions(numbers: Sequence[Decimal], *, quoted: bool, all_finite: bool) -> Expected:
    """Return the type of numbers, some with a fraction, beside NaN or infinity if not all are finite."""
    lost = [number for number in numbers if not _survives(number)]
    if not lost:
        return Expected("float64")
    if not quoted and all(map(is_computed, lost)):
        return Expected("float64", documented=COMPUTED)
    if not all_finite:
        return Expected("string", warns=True, reason="NaN beside decimals that no float holds")
    whole = max(max(number.adjusted() + 1, 0) if number else 0 for number in numbers)
    return _decimal(whole, max(max(-int(number.as_tuple().exponent), 0) for number in numbers))


def _survives(number: Decimal) -> bool:
    """Return whether float64 preserves a number, by its shortest digits or by all of them."""
    nearest = float(number)
    return number in (Decimal(repr(nearest)), Decimal(nearest))


def is_computed(number: Decimal) -> bool:
    """Return whether a number has more decimal places than money: the nearest float64 is expected."""
    return -int(number.normalize(_EXACT).as_tuple().exponent) > 9 and abs(number) < 2**53


def _decimal(whole: int, scale: int) -> Expected:
    """Return the type of numbers with so many digits before and after the point."""
    if whole + scale > _MOST_DIGITS:
        return Expected("string", warns=True)
    return Expected(f"decimal{128 if whole + scale <= 38 else 256}({scale})")


def _is_rounded(text: str) -> bool:
    """Return whether a bound is written as a float beyond 2**53, which is no evidence of digits."""
    if _WHOLE.fullmatch(text) or _NOT_FINITE.fullmatch(text):
        return False
    return abs(Decimal(text)) >= 2**53 and _survives(Decimal(text))


def _whole(numbers: Sequence[int], *, rounded: bool = False) -> Expected:
    least, most = min(numbers, default=0), max(numbers, default=0)
    if least >= -(2**63) and most < 2**63:
        found = Expected("int64")
    elif least >= 0 and most < 2**64:
        found = Expected("uint64")
    else:
        found = _decimal(max(len(str(abs(number))) for number in numbers), 0)
    return replace(found, statistics_warn=rounded)


# --- columns of which the statistics tell no type ------------------------------------------------------


def _without_section(body: Body, sent: Sequence[Any], texts: Sequence[str]) -> Expected:
    if body.section == "string":
        return Expected("string")
    if all(isinstance(cell, str) and not isinstance(cell, Number) for cell in sent):
        if body.section is None and _common_form(texts) in {"date", "naive", "aware"}:
            return replace(_temporal(body, sent, texts, (), ()), documented=LIKE_TIME)
        return Expected("string")
    if all(isinstance(cell, bool) for cell in sent):
        return Expected("bool")
    if all(isinstance(cell, list | dict) for cell in sent):
        return Expected(_nested(sent) or "string")
    if any(
        not isinstance(cell, Number) and not (isinstance(cell, str) and _NOT_FINITE.fullmatch(cell))
        for cell in sent
    ):
        return _no_type(texts, texts)
    return _numbers(body, sent, texts, ())


def _nested(cells: Iterable[Any]) -> str | None:
    """Return the type of the cells inside others, or None where they have none in common."""
    present = [cell for cell in cells if cell is not None]
    if not present:
        return "string"
    kind = type(present[0])
    return _NESTED[kind](present) if all(type(cell) is kind for cell in present) else None


def _nested_list(cells: Sequence[Any]) -> str | None:
    inner = _nested(item for cell in cells for item in cell)
    return None if inner is None else f"list<{inner}>"


def _nested_object(cells: Sequence[Any]) -> str | None:
    names = list(cells[0])
    if not names or any(cell.keys() != cells[0].keys() for cell in cells):
        return None
    inner = {name: _nested(cell[name] for cell in cells) for name in names}
    fields = ", ".join(f"{name}: {type_}" for name, type_ in inner.items())
    return None if None in inner.values() else f"struct<{fields}>"


def _nested_numbers(cells: Sequence[str]) -> str | None:
    if all(map(_WHOLE.fullmatch, cells)):
        found = _whole(list(map(int, cells)))
    else:
        finite = [Decimal(cell) for cell in cells if not _NOT_FINITE.fullmatch(cell)]
        found = _fractions(finite, quoted=False, all_finite=len(finite) == len(cells))
    return None if found.warns else found.type


_NESTED: Final[dict[type, Callable[[Sequence[Any]], str | None]]] = {
    bool: lambda _: "bool",
    str: lambda _: "string",
    Number: _nested_numbers,
    list: _nested_list,
    dict: _nested_object,
}
