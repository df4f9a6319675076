"""Column types of any library as Arrow types.

Accepted are an Arrow type or its name, a dtype of pandas or numpy or its name, a dtype of polars, a Python
type or annotation, and a pydantic model for an object. Types of pandas and polars are recognised by their
module, so that neither library is imported for a type that is not of it.

Where a name is ambiguous, it has one meaning everywhere:

- ``datetime``, ``datetime64[us]`` and ``pl.Datetime`` are local times without a zone: ``timestamp[us]``.
  An instant names its zone: ``pa.timestamp("us", "UTC")``, ``"datetime64[us, UTC]"``,
  ``pl.Datetime("us", "UTC")``, or pydantic's ``AwareDatetime``, which means UTC.
- ``float`` is 64 bits, as in Python and numpy. (Arrow prints its 32-bit float as ``float``; here that one is
  ``float32``.)
- ``Decimal`` without digits is ``decimal128(38, 9)``: 29 digits before the point and 9 after it. A value
  with more digits does not fit, which is an error and never a rounding. ``pl.Decimal`` without digits has
  none after the point, as in polars.
- ``X | None`` is ``X``: any column may have nulls.
"""

from __future__ import annotations

import datetime as dt
import re
import types
import typing
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from connecty_frames.clock import named_zone
from connecty_frames.decode import Encoding
from connecty_frames.decode.exact_json import NUL
from connecty_frames.errors import ConfigError
from connecty_frames.frames.models import comes_from, is_pydantic_model, pydantic_columns
from connecty_frames.text import snippet, value_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: The digits of Arrow's widest decimals.
_DECIMAL128: Final = 38
_DECIMAL256: Final = 76
#: The type of a Decimal without digits.
_DECIMAL: Final = pa.decimal128(_DECIMAL128, 9)
_CATEGORY: Final = pa.dictionary(pa.int32(), pa.string())


class UnknownTypeError(Exception):
    """A value that is not the type of a column; the message says what it is."""


def arrow_type(given: Any) -> pa.DataType:
    """Return the Arrow type for a type of any library."""
    if isinstance(given, pa.DataType):
        return given
    if (encoding := find_encoding(given)) is not None:
        raise UnknownTypeError(f"{encoding!r} is for a whole column, not for values inside of others")
    if isinstance(given, str):
        return _from_name(given)
    class_ = given if isinstance(given, type) else type(given)
    for library, convert in _LIBRARIES:
        if comes_from(class_, library):
            return convert(given)
    return _from_annotation(given)


def find_encoding(given: Any) -> Encoding | None:
    """Return the encoding given in place of a type, or in its annotation; None if there is none."""
    if isinstance(given, Encoding):
        return given
    return next((each for each in _unwrap(given)[1] if isinstance(each, Encoding)), None)


def _unknown(given: object) -> UnknownTypeError:
    return UnknownTypeError(f"{value_text(given)} is not a column type")


# --- names ------------------------------------------------------------------------------------------

#: Names of types without parameters in Arrow, pandas and numpy, in lower case.
_NAMES: Final[dict[str, pa.DataType]] = {
    **{
        f"{sign}int{bits}": getattr(pa, f"{sign}int{bits}")()
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
    "int": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "float": pa.float64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "boolean": pa.bool_(),
    "str": pa.string(),
    "string": pa.string(),
    "utf8": pa.string(),
    "large_string": pa.large_string(),
    "bytes": pa.binary(),
    "binary": pa.binary(),
    "large_binary": pa.large_binary(),
    "date": pa.date32(),
    "date32": pa.date32(),
    "date32[day]": pa.date32(),
    "date64": pa.date64(),
    "date64[ms]": pa.date64(),
    "time": pa.time64("us"),
    "time32[s]": pa.time32("s"),
    "time32[ms]": pa.time32("ms"),
    "time64[us]": pa.time64("us"),
    "time64[ns]": pa.time64("ns"),
    "datetime": pa.timestamp("us"),
    "timedelta": pa.duration("us"),
    "decimal": _DECIMAL,
    "category": _CATEGORY,
}
_TIMESTAMP: Final = re.compile(r"(?:timestamp|datetime64)\[(s|ms|us|ns)(?:, *(?:tz=)?([^\]]+))?\]")
_DURATION: Final = re.compile(r"(?:duration|timedelta64)\[(s|ms|us|ns)\]")
_DIGITS: Final = re.compile(r"[Dd]ecimal(?:128|256)?\((\d+)(?:, *(\d+))?\)")
_OFFSET: Final = re.compile(r"(?:UTC)?([+-](?:0\d|1[0-4]):[0-5]\d)")


def _from_name(name: str) -> pa.DataType:
    # In pandas, the name of a string or Arrow dtype also says how it is stored.
    text = re.sub(r"\[(pyarrow|python|pyarrow_numpy)\]$", "", name.strip())
    if (known := _NAMES.get(text.lower())) is not None:
        return known
    if (found := _TIMESTAMP.fullmatch(text)) is not None:
        return pa.timestamp(found[1], found[2] and zone_name(found[2]))
    if (found := _DURATION.fullmatch(text)) is not None:
        return pa.duration(found[1])
    if (found := _DIGITS.fullmatch(text)) is not None:
        return _decimal(int(found[1]), int(found[2] or 0))
    raise _unknown(name)


def zone_name(name: str) -> str:
    """Return the name of a zone, checked; offsets are written as in Arrow."""
    if (offset := _OFFSET.fullmatch(name)) is not None:
        return offset[1]
    if named_zone(name) is not None:
        return name
    raise UnknownTypeError(f"{snippet(name)!r} is not a time zone, such as 'UTC' or 'Europe/Warsaw'")


def _decimal(precision: int, scale: int) -> pa.DataType:
    if not 0 <= scale <= precision or not 1 <= precision <= _DECIMAL256:
        raise UnknownTypeError(
            f"a decimal of {precision} digits with {scale} after the point: expected 1 to {_DECIMAL256} "
            "digits, and no more after the point than there are"
        )
    return (pa.decimal128 if precision <= _DECIMAL128 else pa.decimal256)(precision, scale)


# --- pandas, numpy and polars -----------------------------------------------------------------------


def _from_pandas(given: Any) -> pa.DataType:
    try:
        dtype = given() if isinstance(given, type) else given
    except (TypeError, ValueError):  # DatetimeTZDtype and ArrowDtype need parameters, Timedelta a value
        raise _unknown(given) from None
    if (arrow := getattr(dtype, "pyarrow_dtype", None)) is not None:
        return arrow
    categories = getattr(dtype, "categories", None)
    if categories is not None and categories.dtype != object:
        return pa.dictionary(pa.int32(), arrow_type(categories.dtype))
    return _from_name(str(dtype))


def _from_numpy(given: Any) -> pa.DataType:
    import numpy as np

    # np.dtype would accept a number or an array of numpy, and return its dtype.
    if isinstance(given, np.generic | np.ndarray):
        raise _unknown(given)
    try:
        dtype = np.dtype(given)
    except TypeError:
        raise _unknown(given) from None
    return pa.string() if dtype.kind in "UT" else _from_name(dtype.name)


def _from_polars(given: Any) -> pa.DataType:
    import polars as pl

    try:
        base = given.base_type()
    except AttributeError:
        raise _unknown(given) from None
    if base in {pl.List, pl.Array, pl.Struct} and isinstance(given, type):
        raise _unknown(given)
    if base == pl.List:
        return pa.list_(arrow_type(given.inner))
    if base == pl.Array:
        return pa.list_(arrow_type(given.inner), given.size)
    if base == pl.Struct:
        return pa.struct([(field.name, arrow_type(field.dtype)) for field in given.fields])
    if base in {pl.Categorical, pl.Enum}:
        return _CATEGORY
    return _from_flat_polars(given, base)


def _from_flat_polars(given: Any, base: Any) -> pa.DataType:
    import polars as pl

    if base == pl.Datetime:
        zone = getattr(given, "time_zone", None)
        return pa.timestamp(getattr(given, "time_unit", None) or "us", zone and zone_name(zone))
    if base == pl.Duration:
        return pa.duration(getattr(given, "time_unit", None) or "us")
    if base == pl.Decimal:
        return _decimal(getattr(given, "precision", None) or _DECIMAL128, getattr(given, "scale", None) or 0)
    if base == pl.Time:
        return pa.time64("ns")
    return _from_name(str(base))


def _from_pandera(given: Any) -> pa.DataType:
    """Return the type of a dtype of pandera, which is around one of pandas, numpy or polars."""
    try:
        return arrow_type(given.type)
    except (AttributeError, UnknownTypeError):
        return _from_name(str(given))  # a logical type, such as date, whose values pandas holds as objects


# --- Python types, annotations and models -----------------------------------------------------------

_PYTHON: Final[dict[Any, pa.DataType]] = {
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    bytes: pa.binary(),
    bool: pa.bool_(),
    dt.date: pa.date32(),
    dt.datetime: pa.timestamp("us"),
    dt.time: pa.time64("us"),
    dt.timedelta: pa.duration("us"),
    Decimal: _DECIMAL,
}
#: Annotations that may enclose a type without changing it; a union only if its other type is None.
_WRAPPERS: Final = frozenset({typing.Annotated, typing.Union, types.UnionType})
#: Types that pydantic defines, by name.
_PYDANTIC: Final[dict[str, pa.DataType]] = {
    "AwareDatetime": pa.timestamp("us", "UTC"),
    "NaiveDatetime": pa.timestamp("us"),
    "EmailStr": pa.string(),
}


def _from_annotation(given: Any) -> pa.DataType:
    """Return the Arrow type of a Python annotation."""
    given, constraints = _unwrap(given)
    if given is Decimal:
        return _constrained_decimal(constraints)
    if typing.get_origin(given) is list:
        return pa.list_(arrow_type(typing.get_args(given)[0]))
    return _from_class(given)


def _unwrap(given: Any) -> tuple[Any, list[Any]]:
    """Return the type inside of an annotation, and what the annotation says of it."""
    constraints: list[Any] = []
    origin, arguments = typing.get_origin(given), typing.get_args(given)
    while origin in _WRAPPERS:
        constraints += getattr(given, "__metadata__", ())
        inner = (
            [arguments[0]]
            if origin is typing.Annotated
            else [a for a in arguments if a is not types.NoneType]
        )
        if len(inner) != 1:
            raise _unknown(given)
        given = inner[0]
        origin, arguments = typing.get_origin(given), typing.get_args(given)
    return given, constraints


def _from_class(given: Any) -> pa.DataType:
    if is_pydantic_model(given):
        return pa.struct([(name, arrow_type(annotation)) for name, annotation in pydantic_columns(given)])
    if isinstance(given, type) and comes_from(given, "pydantic") and given.__name__ in _PYDANTIC:
        return _PYDANTIC[given.__name__]
    if isinstance(given, type) and given in _PYTHON:
        return _PYTHON[given]
    raise _unknown(given)


def _constrained_decimal(constraints: Iterable[Any]) -> pa.DataType:
    limits: dict[str, int] = {}
    for constraint in constraints:
        # `Field(max_digits=...)` inside Annotated keeps its limits in a list of its own.
        for each in (constraint, *getattr(constraint, "metadata", ())):
            for name in ("max_digits", "decimal_places"):
                if (limit := getattr(each, name, None)) is not None:
                    limits[name] = limit
    if "decimal_places" not in limits:
        return _DECIMAL
    return _decimal(limits.get("max_digits", _DECIMAL128), limits["decimal_places"])


_LIBRARIES: Final[tuple[tuple[str, Callable[[Any], pa.DataType]], ...]] = (
    ("pandas", _from_pandas),
    ("numpy", _from_numpy),
    ("polars", _from_polars),
    ("pandera", _from_pandera),
)


# --- time zones -------------------------------------------------------------------------------------


def check_zones(
    columns: Iterable[tuple[str, pa.DataType]], library: str, is_known: Callable[[str], bool]
) -> None:
    """Raise ConfigError for the first column, at any depth, whose time zone a library does not know."""
    for name, type_ in columns:
        if not (type_.num_fields or pa.types.is_timestamp(type_)):
            continue  # without a zone, as most columns
        for zone in _zones(type_):
            # Libraries written in C would end the name at a NUL, and read another zone.
            if NUL in zone or not is_known(zone):
                raise ConfigError(
                    f"Column {snippet(name)!r}: {library} does not know the time zone {snippet(zone)!r}. "
                    "If it is a new one, update the time zone database (package tzdata) or the library; "
                    'Arrow (engine="pyarrow") holds any zone.'
                )


def _zones(type_: pa.DataType) -> Iterator[str]:
    if pa.types.is_timestamp(type_) and type_.tz is not None:
        yield type_.tz
    for position in range(type_.num_fields):
        yield from _zones(type_.field(position).type)
