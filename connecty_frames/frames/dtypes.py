"""Convert column types of any library to Arrow types.

Accepted are Arrow, pandas, numpy and polars types, the names of all but polars', and Python types and
annotations. pandas and polars types are recognised by their module, without importing either library.

An ambiguous name has one meaning everywhere:

- ``datetime`` is a column of either kind, as in pydantic: instants in UTC if its values have offsets,
  otherwise local times without a zone. pydantic's ``AwareDatetime`` and ``NaiveDatetime`` choose one.
  ``datetime64[us]``, ``pl.Datetime``, and ``datetime`` inside a list are local times: ``timestamp[us]``.
  An instant names its zone: ``pa.timestamp("us", "UTC")``, ``"datetime64[us, UTC]"``,
  ``pl.Datetime("us", "UTC")``.
- ``float`` has 64 bits, as in Python and numpy. (Arrow prints its 32-bit float as ``float``; here it is
  ``float32``.)
- ``Decimal`` without digits has as many after the point as the values need; inside a list, and without
  values, it is ``decimal128(38, 9)``. A value with more digits is an error; it is never rounded.
  ``pl.Decimal`` without digits has none after the point, as in polars.
- ``X | None`` is ``X``; only contracts distinguish columns with nulls.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any, Final

import pyarrow as pa

from connecty_frames._base.clock import named_zone
from connecty_frames._base.text import quoted, snippet, value_text
from connecty_frames.decode.arrow import is_aware, to_array
from connecty_frames.decode.exact_json import NUL
from connecty_frames.decode.types.encodings import CATEGORY_TYPES, Category, Encoding, OpenType
from connecty_frames.errors import ConfigError

DECIMAL_DIGITS: Final = 38  # the most digits of a decimal128, and of the decimals of polars and Spark
_DECIMAL256: Final = 76
CATEGORY: Final = pa.dictionary(pa.int32(), pa.string())  # the type of categories without a list of names


class UnknownTypeError(Exception):
    """The value is not a column type; the message describes it."""


def arrow_type(given: Any) -> pa.DataType:
    """Return the Arrow type for a type of any library."""
    if isinstance(given, pa.DataType):
        return given
    encoding = find_encoding(given)
    if isinstance(encoding, OpenType):
        return encoding.type
    if encoding is not None:
        raise UnknownTypeError(f"{encoding!r} is for a whole column, not for values inside others")
    if isinstance(given, str):
        return _from_name(given)
    class_ = given if isinstance(given, type) else type(given)
    return _LIBRARIES.get(package_of(class_), _from_annotation)(given)


def find_encoding(given: Any) -> Encoding | None:
    """Return the encoding given instead of a type or in its annotation, or None."""
    if isinstance(given, Encoding):
        return given
    if isinstance(given, str):
        return {"decimal": OpenType(Decimal), "datetime": OpenType(dt.datetime)}.get(given.strip().lower())
    inner, metadata, _ = unwrap(given)
    found = next((each for each in metadata if isinstance(each, Encoding)), None)
    is_open = inner is dt.datetime or (inner is Decimal and "decimal_places" not in _limits(metadata))
    return found or (OpenType(inner) if is_open else _find_category(inner))


def _find_category(given: Any) -> Category | None:
    class_ = type(given)
    if typing.get_origin(given) is typing.Literal:
        return _category([value for value in typing.get_args(given) if value is not None])
    if isinstance(given, type) and issubclass(given, enum.Enum) and not issubclass(given, enum.Flag):
        return _category(list(given))
    if class_.__name__ == "Enum" and package_of(class_) == "polars":
        return _category(given.categories.to_list())
    if class_.__name__ == "CategoricalDtype" and package_of(class_) == "pandas":
        known = given.categories
        return None if known is None else _category(known.tolist(), is_ordered=bool(given.ordered))
    return _find_category(given.type) if package_of(class_) == "pandera" and hasattr(given, "type") else None


def _category(given: Sequence[Any], *, is_ordered: bool = False) -> Category:
    values = [each.value if isinstance(each, enum.Enum) else each for each in given]
    kinds = sorted({type(value).__name__ for value in values})
    if len(kinds) > 1:
        raise UnknownTypeError(f"its categories are of the types {quoted(kinds)}: expected one type")
    accepted = [kind.__name__ for kind in CATEGORY_TYPES]
    if kinds and kinds[0] not in accepted:
        raise UnknownTypeError(f"its categories are of the type {quoted(kinds)}: expected {quoted(accepted)}")
    category = Category(tuple(dict.fromkeys(values)), is_ordered)
    try:
        to_array(category.values, category.type.value_type)
    except (OverflowError, UnicodeEncodeError):  # beyond 64 bits, or with a lone surrogate
        raise UnknownTypeError("one of its categories is a value that no column can hold") from None
    return category


def package_of(class_: type) -> str:
    """Return the name of a class's package, without importing it."""
    return class_.__module__.partition(".")[0]


def is_model(given: object, library: str, base: str) -> bool:
    """Return True for a subclass of a library's class defined elsewhere."""
    if not isinstance(given, type) or package_of(given) == library:
        return False
    return any(each.__name__ == base and package_of(each) == library for each in given.__mro__)


def is_pydantic_model(given: object) -> bool:
    """Return True for a model class of pydantic 2."""
    return is_model(given, "pydantic", "BaseModel") and hasattr(given, "model_fields")


def _unknown(given: object) -> UnknownTypeError:
    return UnknownTypeError(f"{value_text(given)} is not a column type")


# --- names ------------------------------------------------------------------------------------------

_ALIASES: Final = (
    "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 double bool boolean str string utf8"
    " large_string binary large_binary date32 date32[day] date64 date64[ms] time32[s] time32[ms] time64[us]"
    " time64[ns]"
)
#: Names of types without parameters in Arrow, pandas, numpy and Python, in lower case; Arrow's first.
_NAMES: Final[dict[str, pa.DataType]] = {
    **{name: pa.type_for_alias(name) for name in _ALIASES.split()},
    "int": pa.int64(),
    "float": pa.float64(),
    "bytes": pa.binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "datetime": pa.timestamp("us"),
    "timedelta": pa.duration("us"),
    "category": CATEGORY,
}


def _from_name(name: str) -> pa.DataType:
    # In pandas, the name of a string or Arrow dtype also says how it is stored.
    text = re.sub(r"\[(pyarrow|python|pyarrow_numpy)\]$", "", name.strip())
    if (known := _NAMES.get(text.lower())) is not None:
        return known
    if found := re.fullmatch(r"(?:timestamp|datetime64)\[(s|ms|us|ns)(?:, *(?:tz=)?([^\]]+))?\]", text):
        return pa.timestamp(found[1], found[2] and zone_name(found[2]))
    if found := re.fullmatch(r"(?:duration|timedelta64)\[(s|ms|us|ns)\]", text):
        return pa.duration(found[1])
    if found := re.fullmatch(r"[Dd]ecimal(?:128|256)?\((\d+)(?:, *(\d+))?\)", text):
        return _decimal(int(found[1]), int(found[2] or 0))
    raise _unknown(name)


def zone_name(name: str) -> str:
    """Return the name of a zone if it is valid, with offsets as Arrow writes them."""
    found = re.sub("^UTC(?=[+-])", "", name)  # pandas writes UTC+01:00
    if named_zone(found) is not None:
        return found
    raise UnknownTypeError(f"{snippet(name)!r} is not a time zone, such as 'UTC' or 'Europe/Warsaw'")


def _decimal(precision: int, scale: int) -> pa.DataType:
    if not 0 <= scale <= precision or not 1 <= precision <= _DECIMAL256:
        raise UnknownTypeError(
            f"a decimal of {precision} digits with {scale} after the point: expected 1 to {_DECIMAL256} "
            "digits, and at most as many after the point"
        )
    return (pa.decimal128 if precision <= DECIMAL_DIGITS else pa.decimal256)(precision, scale)


# --- pandas, numpy and polars -----------------------------------------------------------------------


def _from_pandas(given: Any) -> pa.DataType:
    try:
        dtype = given() if isinstance(given, type) else given
    except (TypeError, ValueError):  # DatetimeTZDtype and ArrowDtype need parameters, Timedelta a value
        raise _unknown(given) from None
    if (arrow := getattr(dtype, "pyarrow_dtype", None)) is not None:
        return arrow
    return _from_name(str(dtype))


def _from_numpy(given: Any) -> pa.DataType:
    import numpy as np

    # np.dtype would also accept a numpy number or array, and return its dtype.
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
    if isinstance(given, type):  # without parameters
        if base in {pl.List, pl.Array, pl.Struct}:
            raise _unknown(given)
        given = given() if base in {pl.Datetime, pl.Duration, pl.Decimal} else given
    make: dict[Any, Callable[[], pa.DataType]] = {
        pl.List: lambda: pa.list_(arrow_type(given.inner)),
        pl.Array: lambda: pa.list_(arrow_type(given.inner), given.size),
        pl.Struct: lambda: pa.struct([(field.name, arrow_type(field.dtype)) for field in given.fields]),
        pl.Categorical: lambda: CATEGORY,
        pl.Datetime: lambda: pa.timestamp(given.time_unit, given.time_zone and zone_name(given.time_zone)),
        pl.Duration: lambda: pa.duration(given.time_unit),
        pl.Decimal: lambda: _decimal(given.precision or DECIMAL_DIGITS, given.scale or 0),
        pl.Time: lambda: pa.time64("ns"),
    }
    return make.get(base, lambda: _from_name(str(base)))()


def _from_pandera(given: Any) -> pa.DataType:
    try:
        return arrow_type(given.type)
    except (AttributeError, UnknownTypeError):
        return _from_name(str(given))  # a logical type such as date, held as objects by pandas


# --- Python types, annotations and models -----------------------------------------------------------

_IP_KINDS: Final = ("Address", "Interface", "Network")
#: Classes by library and name: none is imported. For times, Arrow's type covers pydantic's checks.
_CLASSES: Final[dict[str, dict[str, pa.DataType]]] = {
    **dict.fromkeys(("builtins", "datetime"), _NAMES),
    "pydantic": {
        "AwareDatetime": pa.timestamp("us", "UTC"),
        "NaiveDatetime": pa.timestamp("us"),
        **dict.fromkeys(("PastDate", "FutureDate"), pa.date32()),
        **dict.fromkeys(("EmailStr", "HttpUrl", "AnyHttpUrl", "AnyUrl", "SecretStr"), pa.string()),
        **{f"IPvAny{kind}": pa.string() for kind in _IP_KINDS},
    },
    "ipaddress": {f"IPv{version}{kind}": pa.string() for version in (4, 6) for kind in _IP_KINDS},
    "uuid": {"UUID": pa.string()},
}


def is_checked_class(given: Any, *, has_encoding: bool = False) -> bool:
    """Return True if pydantic must check more of a class than its Arrow type or encoding ensures."""
    if not isinstance(given, type):
        return False
    known = _class_type(given)
    if package_of(given) == "pydantic":
        return has_encoding or known is None or not pa.types.is_timestamp(known)
    return known is not None and package_of(given) in {"ipaddress", "uuid"}


def _class_type(given: type) -> pa.DataType | None:
    return _CLASSES.get(package_of(given), {}).get(given.__name__)


def _from_annotation(given: Any) -> pa.DataType:
    given, metadata, _ = unwrap(given)
    if given is Decimal:
        limits = _limits(metadata)
        return _decimal(limits.get("max_digits", DECIMAL_DIGITS), limits["decimal_places"])
    if typing.get_origin(given) is list:
        return pa.list_(arrow_type(typing.get_args(given)[0]))
    if is_pydantic_model(given):
        raise UnknownTypeError(
            f"{given.__name__} is a model, not a column type: pass a pa.struct for its objects"
        )
    if isinstance(given, type) and (known := _class_type(given)) is not None:
        return known
    raise _unknown(given)


def unwrap(given: Any) -> tuple[Any, tuple[Any, ...], bool]:
    """Return the type inside an annotation, its metadata (innermost first), and True if it allows None."""
    metadata: tuple[Any, ...] = ()
    nullable = False
    while (origin := typing.get_origin(given)) in {typing.Annotated, typing.Union, types.UnionType}:
        inner = typing.get_args(given)
        if origin is typing.Annotated:
            metadata, inner = (*chain(*map(_parts_of, inner[1:])), *metadata), inner[:1]
        elif types.NoneType in inner:
            nullable, inner = True, tuple(each for each in inner if each is not types.NoneType)
        if len(inner) != 1:
            raise UnknownTypeError(
                f"{value_text(given)} is a union, and a column has one type: str holds the text of any value"
            )
        given = inner[0]
    return given, metadata, nullable or (origin is typing.Literal and None in typing.get_args(given))


def _parts_of(metadata: Any) -> list[Any]:
    found = getattr(metadata, "metadata", None)
    return found if found and isinstance(found, list) else [metadata]


def says_digits(constraint: Any, metadata: Iterable[Any]) -> bool:
    """Return True if a constraint only limits the digits of a Decimal, as its Arrow type does too."""
    said: dict[str, Any] = getattr(constraint, "__dict__", {})
    return bool(said) and said.items() <= _limits(metadata).items()


def _limits(metadata: Iterable[Any]) -> dict[str, int]:
    limits: dict[str, int] = {}
    for constraint in metadata:
        for name in ("max_digits", "decimal_places"):
            if (limit := getattr(constraint, name, None)) is not None:
                limits[name] = limit
    return limits


_LIBRARIES: Final[dict[str, Callable[[Any], pa.DataType]]] = {
    "pandas": _from_pandas,
    "numpy": _from_numpy,
    "polars": _from_polars,
    "pandera": _from_pandera,
}


def check_zones(
    columns: Iterable[tuple[str, pa.DataType]], library: str, is_known: Callable[[str], bool]
) -> None:
    """Raise ConfigError for the first column with a time zone unknown to a library, at any depth."""
    for name, type_ in columns:
        for zone in _zones(type_):
            # Libraries written in C would end the name at a NUL, and use another zone.
            if NUL in zone or not is_known(zone):
                raise ConfigError(
                    f"Column {snippet(name)!r}: {library} does not know the time zone {snippet(zone)!r}. "
                    "If it is a new one, update the time zone database (package tzdata) or the library; "
                    'Arrow (engine="pyarrow") holds any zone.'
                )


def _zones(type_: pa.DataType) -> Iterator[str]:
    if is_aware(type_):
        yield type_.tz
    for position in range(type_.num_fields):
        yield from _zones(type_.field(position).type)
