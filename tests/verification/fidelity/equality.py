"""When the value of a reader equals the one that was sent: the same number, date, time, text or null."""

import math
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import numpy as np

from tests.verification.fidelity.expected import is_computed
from tests.verification.fidelity.ground_truth import DAY, LogicalType, TemporalTicks


class NumpyFloat(float):
    """A float of a numpy column, where NaN stands for null as well."""

    __slots__ = ()


def is_same(kind: LogicalType, value: Any, cell: Any, token: str, got: Any) -> bool:
    """Return whether the value of a reader equals the true one, or is the exact text that was sent for it.

    Of arrays and objects only the text; the values in them are compared with the JSON that was sent.
    ``cell`` and ``token`` are what was sent: parsed by ``parse``, and as text.
    """
    return _same(kind, value, cell, got) or (value is not None and type(got) is str and got == token)


def _same(kind: LogicalType, value: Any, cell: Any, got: Any) -> bool:
    if isinstance(got, NumpyFloat) and math.isnan(got):
        return value is None or (isinstance(value, float) and math.isnan(value))
    if value is None or got is None:
        return value is got
    if isinstance(got, str):
        return isinstance(cell, str) and got == cell
    return kind.name in _SAME and _SAME[kind.name](kind, value, cell, got)


def _is_number(got: object) -> bool:
    return isinstance(got, int | float | Decimal) and not isinstance(got, bool)


def _same_decimal(_: LogicalType, value: Decimal, cell: object, got: Any) -> bool:
    if not _is_number(got):
        return False
    if not isinstance(got, float):
        return Decimal(got) == value
    exact = Decimal(repr(float(got)))
    return exact == value or (is_computed(value) and got == float(str(cell)))


def _same_float(_: LogicalType, value: float, __: object, got: Any) -> bool:
    if isinstance(got, float):
        return _bits(value) == _bits(got)
    return _is_number(got) and math.isfinite(value) and Decimal(repr(value)) == got


def _bits(value: float) -> bytes:
    """Return a float's bits; all NaNs are equal."""
    return b"NaN" if math.isnan(value) else struct.pack("<d", value)


def _same_float32(kind: LogicalType, value: float, cell: object, got: Any) -> bool:
    if not _is_number(got):
        return False
    with np.errstate(over="ignore"):
        return _same_float(kind, value, cell, float(np.float32(float(got))))


def _same_temporal(kind: LogicalType, value: TemporalTicks, _: object, got: Any) -> bool:
    # A date equals its midnight without an offset, which is a value of another type.
    what = {kind.name, "timestamp"} if kind.name == "date" else {kind.name}
    return isinstance(got, TemporalTicks) and got.what in what and got.ticks == value.ticks


def _same_interval(_: LogicalType, value: tuple[int, int, int], __: object, got: Any) -> bool:
    months, days, nanos = value
    return (
        isinstance(got, TemporalTicks) and got == TemporalTicks("interval", days * DAY + nanos) and not months
    )


_SAME: Final[dict[str, Callable[[LogicalType, Any, Any, Any], bool]]] = {
    "boolean": lambda _, value, __, got: got is value,
    "whole": lambda _, value, __, got: _is_number(got) and Decimal(got) == value,
    "decimal": _same_decimal,
    "float32": _same_float32,
    "float64": _same_float,
    "date": _same_temporal,
    "timestamp": _same_temporal,
    "instant": _same_temporal,
    "time": _same_temporal,
    "interval": _same_interval,
}
