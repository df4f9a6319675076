"""The expected types: the documented table of types, implemented a second time.

=====================================  ================================================================
logical type and values                expected type
=====================================  ================================================================
boolean                                bool
whole, -2**63 <= all < 2**63           int64
whole, 0 <= all < 2**64                uint64
whole, up to 38 or 76 digits           decimal128 or decimal256 without a scale
decimal or float, every value          float64
survives float64
the same, and what does not is below   float64: the nearest
2**53 with more than 9 digits after
the point, and is not in quotes
decimal otherwise                      decimal128 or decimal256 with the largest scale written
text, and what has no section          string
date                                   date
timestamp, instant                     us, in UTC for instants; ns where a 7th digit is written
time                                   us; ns where a 7th digit is written
interval without months                duration in us
list, struct, map with the same keys   list or struct of the expected types
others nested                          string: the JSON
beyond years 1 to 9999, infinite, 24 hours of a time, a time with offset, months, more than 76 digits,
digits that nanoseconds do not reach, a union of several JSON kinds: string, the exact text, **and a warning**
=======================================================================================================

The values that decide are those that were sent, and the min and max of the statistics where these have them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final

from tests.verification.fidelity.ground_truth import DAY, LogicalType, TrueColumn
from tests.verification.fidelity.producers import NESTED, Number, Payload, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


__all__ = [
    "ExpectedType",
    "decimal_type",
    "expected_type",
    "is_computed",
    "survives",
    "type_of",
    "whole_type",
]

_INT64: Final = 2**63
_NANOS: Final = range(-(2**63) + 1, 2**63)
_FIRST: Final = -62_135_596_800_000_000_000
_LAST: Final = 253_402_300_800_000_000_000
_DIGITS: Final = 38
_MOST_DIGITS: Final = 76
_COMPUTED: Final = 9
_EXACT_FLOATS: Final = 2**53
#: Precise enough for every number that occurs; the default context rounds to 28 digits.
_EXACT: Final = Context(prec=2_000)


@dataclass(frozen=True)
class ExpectedType:
    """A type, and whether a warning must report that it differs from the logical type."""

    type: str
    warns: bool = False


_TEXT: Final = ExpectedType("string", warns=True)
#: True values and their parsed cells.
_Pairs = list[tuple[Any, Any]]


def expected_type(payload: Payload, column: TrueColumn) -> ExpectedType:
    """Return the type that is expected if a payload was made of this column."""
    pairs = list(zip(column.values, payload.cells, strict=True))
    # Where all rows were sent, min and max say nothing more of the type, unless there is no value.
    if payload.style.rows is not None or all(cell is None for cell in payload.cells):
        pairs += ((value, parse(token)) for value, token in payload.bounds)
    present = [(value, cell) for value, cell in pairs if value is not None and cell is not None]
    if column.kind.name in NESTED and all(isinstance(cell, str) for _, cell in present):
        # JSON in quotes counts like JSON without.
        present = [(value, parse(cell)) for value, cell in present]
    return type_of(column.kind, present)


def type_of(kind: LogicalType, pairs: _Pairs) -> ExpectedType:
    """Return the type of true values and their parsed cells, without nulls."""
    return _RULES[kind.name](kind, pairs)


def whole_type(values: Sequence[int]) -> ExpectedType:
    """Return the type of whole numbers."""
    least, most = min(values, default=0), max(values, default=0)
    if least >= -_INT64 and most < _INT64:
        return ExpectedType("int64")
    if least >= 0 and most < 2 * _INT64:
        return ExpectedType("uint64")
    return decimal_type(max(len(str(abs(value))) for value in values), 0)


def decimal_type(whole: int, scale: int) -> ExpectedType:
    """Return the type of numbers with so many digits before and after the point."""
    if whole + scale > _MOST_DIGITS:
        return _TEXT
    return ExpectedType(f"decimal{128 if whole + scale <= _DIGITS else 256}({scale})")


def _fraction(_: LogicalType, pairs: _Pairs) -> ExpectedType:
    written = [Decimal(cell) for _, cell in pairs]
    finite = [number for number in written if number.is_finite()]
    lost = [number for number in finite if not survives(number)]
    # What is in quotes is exact: no nearest float.
    quoted = any(type(cell) is str and Decimal(cell).is_finite() for _, cell in pairs)
    if not lost or (not quoted and all(map(is_computed, lost))):
        return ExpectedType("float64")
    if len(finite) < len(written):
        return _TEXT
    whole = max(max(number.adjusted() + 1, 0) if number else 0 for number in finite)
    return decimal_type(whole, max(-_exponent(number) for number in finite if _exponent(number) <= 0))


def survives(number: Decimal) -> bool:
    """Return whether float64 preserves a number, by its shortest digits or by all of them."""
    nearest = float(number)
    return number in (Decimal(repr(nearest)), Decimal(nearest))


def is_computed(number: Decimal) -> bool:
    """Return whether a number has more decimal places than money: the nearest float64 is expected."""
    return -_exponent(number.normalize(_EXACT)) > _COMPUTED and abs(number) < _EXACT_FLOATS


def _exponent(number: Decimal) -> int:
    return int(number.as_tuple().exponent)


def _is_in_range(pairs: _Pairs) -> bool:
    """Return whether all years, those written and those of the instants, are 1 to 9999."""
    years = all(re.match(r"\d{4}-", cell) and not cell.startswith("0000") for _, cell in pairs)
    return years and all(_FIRST <= value.ticks < _LAST and "BC" not in cell for value, cell in pairs)


def _timestamp(kind: LogicalType, pairs: _Pairs) -> ExpectedType:
    zone = ", UTC" if kind.name == "instant" else ""
    if not _is_in_range(pairs):
        return _TEXT
    if not _has_nanoseconds(pairs):
        return ExpectedType(f"timestamp[us{zone}]")
    if all(value.ticks in _NANOS for value, _ in pairs):
        return ExpectedType(f"timestamp[ns{zone}]")
    return _TEXT if any(value.ticks % 1_000 for value, _ in pairs) else ExpectedType(f"timestamp[us{zone}]")


def _has_nanoseconds(pairs: _Pairs) -> bool:
    return any(re.search(r"\.\d{7}", cell) for _, cell in pairs)


def _time(_: LogicalType, pairs: _Pairs) -> ExpectedType:
    if any(value.ticks >= DAY for value, _ in pairs):
        return _TEXT
    return ExpectedType("time[ns]" if _has_nanoseconds(pairs) else "time[us]")


def _list(kind: LogicalType, pairs: _Pairs) -> ExpectedType:
    (_, child), *_ = kind.children
    inside = [pair for value, cell in pairs for pair in zip(value, cell, strict=True)]
    return _nested_type(["list"], [_inside(child, inside)])


def _tuple(kind: LogicalType, pairs: _Pairs) -> ExpectedType:
    columns = [
        _inside(child, [(value[at], cell[at]) for value, cell in pairs])
        for at, (_, child) in enumerate(kind.children)
    ]
    return _nested_type(["list"], columns[:1]) if len(set(columns)) == 1 else ExpectedType("string")


def _struct(kind: LogicalType, pairs: _Pairs) -> ExpectedType:
    names = [name for name, _ in kind.children]
    inside = [
        _inside(child, [(value[name], cell[name]) for value, cell in pairs]) for name, child in kind.children
    ]
    return _nested_type(names, inside) if names else ExpectedType("string")


def _map(kind: LogicalType, pairs: _Pairs) -> ExpectedType:
    names = [str(key) for key, _ in pairs[0][0]] if pairs else []
    if not names or any({str(key) for key, _ in value} != set(names) for value, _ in pairs):
        return ExpectedType("string")
    _, (_, child) = kind.children
    values = [{str(key): item for key, item in value} for value, _ in pairs]
    cells = [cell for _, cell in pairs]
    inside = [
        _inside(child, [(value[name], cell[name]) for value, cell in zip(values, cells, strict=True)])
        for name in names
    ]
    return _nested_type(names, inside)


def _inside(kind: LogicalType, pairs: _Pairs) -> ExpectedType | None:
    """Return the type expected inside a cell; None where numbers and texts are mixed."""
    present = [(value, cell) for value, cell in pairs if value is not None and cell is not None]
    if len({type(cell) for _, cell in present}) > 1:
        return None
    found = _RULES[kind.name](kind, present)
    # A nested text that is not a date needs no warning; a number beyond every type counts as mixed.
    return (
        None if found.warns and any(type(cell) is Number for _, cell in present) else ExpectedType(found.type)
    )


def _nested_type(names: Sequence[str], inside: Sequence[ExpectedType | None]) -> ExpectedType:
    types = [found.type for found in inside if found is not None]
    if len(types) < len(inside):
        return ExpectedType("string")
    if names == ["list"]:
        return ExpectedType(f"list<{types[0]}>")
    return ExpectedType(
        "struct<" + ", ".join(f"{name}: {type_}" for name, type_ in zip(names, types, strict=True)) + ">"
    )


def _union(kind: LogicalType, pairs: _Pairs) -> ExpectedType:
    members = {member for (member, _), _ in pairs}
    if len({type(cell) for _, cell in pairs}) > 1:
        return _TEXT
    _, child = kind.children[min(members, default=0)]
    return _RULES[child.name](child, [(inner, cell) for (_, inner), cell in pairs])


_RULES: Final[dict[str, Callable[[LogicalType, _Pairs], ExpectedType]]] = {
    "boolean": lambda *_: ExpectedType("bool"),
    "whole": lambda _, pairs: whole_type([int(value) for value, _ in pairs]),
    "decimal": _fraction,
    "float32": _fraction,
    "float64": _fraction,
    "text": lambda *_: ExpectedType("string"),
    "other": lambda *_: ExpectedType("string"),
    "date": lambda _, pairs: ExpectedType("date") if _is_in_range(pairs) else _TEXT,
    "timestamp": _timestamp,
    "instant": _timestamp,
    "time": _time,
    "timetz": lambda *_: _TEXT,
    "interval": lambda _, pairs: (
        _TEXT if any(months for (months, _, _), _ in pairs) else ExpectedType("duration[us]")
    ),
    "list": _list,
    "tuple": _tuple,
    "struct": _struct,
    "map": _map,
    "union": _union,
}
