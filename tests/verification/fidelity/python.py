"""Python: values as objects of the standard library, and the libraries that write them as JSON."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

import orjson
import pandas as pd
from pydantic import ConfigDict, TypeAdapter
from pydantic_core import PydanticSerializationError

from tests.verification.fidelity.bodies import Producer, Unwritable
from tests.verification.fidelity.columns import moment
from tests.verification.fidelity.ground_truth import LogicalType, TrueColumn


def write_json(value: object) -> str:
    """Write as ``json`` does with the usual ``default=str``."""
    return json.dumps(value, default=str)


def _check_offset(value: object) -> None:
    """Refuse an offset with seconds: orjson and pydantic leave them out, which makes it another instant."""
    if isinstance(value, datetime) and (value.utcoffset() or timedelta()).seconds % 60:
        raise Unwritable


def write_orjson(value: object) -> str:
    """Write as orjson does with ``default=str``, for the types that it does not know."""
    _check_offset(value)
    if isinstance(value, time) and 10_000 <= value.microsecond < 100_000:
        raise Unwritable  # orjson 3.13 loses a zero: it writes 12:39:16.085121 as 12:39:16.85121
    try:
        return orjson.dumps(value, default=str).decode()
    except TypeError as error:  # a time with an offset
        raise Unwritable from error


_ANYTHING: Final = TypeAdapter[Any](Any, config=ConfigDict(ser_json_bytes="base64"))


def write_pydantic(value: object) -> str:
    _check_offset(value)
    try:
        return _ANYTHING.dump_json(value).decode()
    except PydanticSerializationError as error:  # an internet address, before pydantic 2.11
        raise Unwritable from error


def python_value(kind: LogicalType, value: Any) -> Any:
    """Return a true value as an object of Python; instants are in UTC."""
    if value is None or kind.name not in _MAKE:
        return value
    return _MAKE[kind.name](value)


def _datetime(value: Any) -> datetime:
    try:
        whole, nanos = moment(value.ticks)
    except OverflowError as error:
        raise Unwritable from error
    if nanos % 1_000:
        raise Unwritable
    return whole + timedelta(microseconds=nanos // 1_000)


def _time(value: Any) -> Any:
    made = _datetime(value)
    if made.day > 1:
        raise Unwritable
    return made.time()


def _timedelta(value: tuple[int, int, int]) -> timedelta:
    months, days, nanos = value
    if months:
        raise Unwritable
    return timedelta(days=days, microseconds=nanos // 1_000)


_MAKE: Final[dict[str, Callable[[Any], Any]]] = {
    "date": lambda value: _datetime(value).date(),
    "timestamp": lambda value: _datetime(value).replace(tzinfo=None),
    "instant": _datetime,
    "time": _time,
    "timetz": lambda text: datetime.fromisoformat(f"2025-01-01T{text}").timetz(),
    "interval": _timedelta,
}


# --- pandas ------------------------------------------------------------------------------------------------


def _series(column: TrueColumn) -> pd.Series[Any]:
    kind, true = column.kind, column.values  # noqa: PD011 (no pandas)
    values = [python_value(kind, value) for value in true]
    match column.kind.name:
        case "date" | "timestamp" | "instant":
            try:
                return pd.Series(pd.to_datetime(values, utc=column.kind.name == "instant"))
            except pd.errors.OutOfBoundsDatetime as error:  # before pandas 3 they are nanoseconds
                raise Unwritable from error
        case "interval":
            return pd.Series(pd.to_timedelta(values))
        case "decimal":
            return pd.Series([None if value is None else float(value) for value in values], dtype="float64")
        case "timetz":
            raise Unwritable
        case _:
            return pd.Series(values)


def write_pandas_bound(column: TrueColumn) -> list[str]:
    """Write each value as the min or max of a column of pandas, by ``json`` with ``default=str``.

    Dates are timestamps there, decimals and integers with nulls are floats.
    """
    made = [value.item() if hasattr(value, "item") else value for value in _series(column)]
    return ["null" if pd.isna(value) is True else write_json(value) for value in made]


def _to_json(column: TrueColumn, **options: Any) -> list[str]:
    """Write by ``DataFrame.to_json``, with the most digits of a float that it takes; the default is 10."""
    made = _series(column)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas warns that ISO texts will be its default
        texts = [
            made.iloc[row : row + 1].to_frame().to_json(orient="values", double_precision=15, **options)
            for row in range(len(made))
        ]
    tokens = [str(text)[2:-2] for text in texts]
    for value, token in zip(column.values, tokens, strict=True):
        if isinstance(value, float | Decimal) and token != "null" and Decimal(token) != Decimal(str(value)):
            raise Unwritable  # it changes the value
    return tokens


PRODUCERS: Final = (
    Producer("pandas to_json, epoch ms", _to_json, _to_json),
    Producer("pandas to_json, epoch ms; bounds str", _to_json, write_pandas_bound, '"NaT"'),
    Producer("pandas to_json, iso", _iso := partial(_to_json, date_format="iso", date_unit="us"), _iso),
    Producer("pandas to_json, iso; bounds str", _iso, write_pandas_bound, '"NaT"'),
    Producer("pandas to_json, iso; bounds epoch", _iso, _to_json),
)
