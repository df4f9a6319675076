"""JSON read without losing a digit.

A JSON number is a text: ``1.10``, ``1e5`` and ``12345678901234567890.5`` are not what ``float`` makes of
them. So numbers are kept as the text they were, of a class that tells which kind of number it was.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = ["ConstantText", "FloatText", "IntText", "RepeatedKeys", "dump", "parse", "plain"]


class IntText(str):
    """A JSON number without fraction and exponent, as it was written."""

    __slots__ = ()


class FloatText(str):
    """A JSON number with a fraction or an exponent, as it was written."""

    __slots__ = ()


class ConstantText(str):
    """``NaN``, ``Infinity`` or ``-Infinity`` without quotes: no JSON, but some servers write it."""

    __slots__ = ()


class RepeatedKeys(dict[str, Any]):
    """An object in which a key occurs twice, so that no Python or Arrow object equals it."""

    __slots__ = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else RepeatedKeys(found)


_DECODER = json.JSONDecoder(
    parse_int=IntText, parse_float=FloatText, parse_constant=ConstantText, object_pairs_hook=_object
)


def parse(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """Read JSON text; numbers are given as the texts they are.

    Raises
    ------
    ValueError
        Where it is no JSON.
    RecursionError
        Where it is nested too deeply to read.
    """
    return _DECODER.decode(text)


def dump(value: object) -> str:
    """Write what :func:`parse` gave as compact JSON with every number as it was."""
    if isinstance(value, IntText | FloatText | ConstantText):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{dump(key)}:{dump(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def plain(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """Turn the number texts of a small value into Python numbers of the same value.

    A number becomes an int, a float where that holds it exactly, otherwise a Decimal.
    """
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, ConstantText):
        return float(value)
    if isinstance(value, IntText | FloatText):
        return _plain_number(value)
    return value


def _plain_number(text: IntText | FloatText) -> int | float | Decimal | str:
    try:
        exact = Decimal(text)
    except InvalidOperation:  # an exponent of twenty digits stays the text it is
        return str(text)
    if isinstance(text, IntText):
        return int(exact)
    nearest = float(text)
    return nearest if Decimal(repr(nearest)) == exact else exact
