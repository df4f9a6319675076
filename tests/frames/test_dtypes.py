"""A type in whoever's words, each with the Arrow type that it means, written out."""

import datetime as dt
import ipaddress
import uuid
from decimal import Decimal
from typing import Annotated, Any, Optional, Union

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pytest

from connecty_frames.frames.dtypes import UnknownTypeError, arrow_type, is_pydantic_model, package_of
from tests.cases import cases

CATEGORY = pa.dictionary(pa.int32(), pa.string())


class Address(pydantic.BaseModel):
    city: str
    number: int | None = None


#: Each Arrow type, and how Arrow, pandas, numpy, polars, Python and pydantic spell it.
SPELLINGS: list[tuple[pa.DataType, list[Any]]] = [
    (pa.int8(), ["int8", "Int8", pd.Int8Dtype, pl.Int8]),
    (pa.int16(), ["int16", np.int16]),
    (pa.int32(), ["int32"]),
    (pa.int64(), ["int64", "int", pd.Int64Dtype(), int, int | None, Annotated[int, "anything"]]),
    (pa.int64(), [Optional[int]]),  # noqa: UP045 - the older spelling
    (pa.uint8(), ["uint8", np.dtype("uint8")]),
    (pa.uint16(), ["uint16"]),
    (pa.uint32(), ["uint32", pd.UInt32Dtype()]),
    (pa.uint64(), ["uint64", "UInt64", pl.UInt64()]),
    # Arrow prints its 32-bit float as `float`; everyone else means 64 bits by it.
    (pa.float64(), ["float", "Float64", "double", "double[pyarrow]", np.float64, float]),
    (pa.float32(), ["float32", pd.Float32Dtype(), pl.Float32]),
    (pa.bool_(), ["bool", "boolean", pd.BooleanDtype(), pd.BooleanDtype, np.bool_, pl.Boolean, bool]),
    (pa.string(), ["str", "string", " string ", "String", "string[pyarrow]", "string[python]", "utf8"]),
    # Not the large strings that polars exports.
    (pa.string(), [pd.StringDtype(), pd.StringDtype("pyarrow"), np.str_, np.dtype("U5"), pl.String, pl.Utf8]),
    (pa.string(), [str, pydantic.EmailStr, pydantic.HttpUrl, pydantic.AnyHttpUrl, pydantic.AnyUrl]),
    (pa.string(), [Union[None, str]]),  # noqa: UP007 - the older spelling
    (pa.string(), [pydantic.SecretStr, pydantic.IPvAnyAddress, ipaddress.IPv4Address, ipaddress.IPv6Network]),
    (pa.string(), [uuid.UUID, pydantic.UUID4]),
    (pa.large_string(), ["large_string", pa.large_string()]),
    (pa.binary(), ["binary", "binary[pyarrow]", "bytes", pd.ArrowDtype(pa.binary()), pl.Binary, bytes]),
    (pa.large_binary(), ["large_binary"]),
    (pa.date32(), ["date", "date32", "date32[day]", "date32[day][pyarrow]"]),
    (pa.date32(), [pl.Date, dt.date, pydantic.PastDate, pydantic.FutureDate]),
    (pa.date64(), ["date64", "date64[ms]"]),
    (pa.time64("us"), ["time", "time64[us]", dt.time]),
    (pa.time64("ns"), ["time64[ns]", pl.Time]),
    (pa.time32("s"), ["time32[s]"]),
    (pa.time32("ms"), ["time32[ms]"]),
    (pa.timestamp("s"), [np.dtype("datetime64[s]")]),
    (pa.timestamp("ms"), [pl.Datetime("ms")]),
    (pa.timestamp("us"), ["datetime", "timestamp[us]", pl.Datetime, dt.datetime, pydantic.NaiveDatetime]),
    (pa.timestamp("ns"), ["datetime64[ns]"]),
    (pa.timestamp("us", "UTC"), ["timestamp[us, tz=UTC]", "datetime64[us, UTC]"]),
    (pa.timestamp("us", "UTC"), [pl.Datetime("us", "UTC"), pydantic.AwareDatetime]),
    (pa.timestamp("ms", "Europe/Warsaw"), ["timestamp[ms, tz=Europe/Warsaw][pyarrow]"]),
    (pa.timestamp("us", "Europe/Warsaw"), [pd.DatetimeTZDtype("us", "Europe/Warsaw")]),
    (pa.timestamp("s", "+05:30"), ["timestamp[s, tz=+05:30]"]),
    (pa.timestamp("us", "-03:00"), ["datetime64[us, UTC-03:00]"]),
    (pa.duration("s"), ["timedelta64[s]"]),
    (pa.duration("ms"), [np.dtype("timedelta64[ms]")]),
    (pa.duration("us"), ["timedelta", pl.Duration, dt.timedelta]),
    (pa.duration("ns"), ["duration[ns]", pl.Duration("ns")]),
    (pa.decimal128(18, 2), ["decimal128(18, 2)", "decimal(18,2)", pl.Decimal(18, 2)]),
    (pa.decimal128(18, 2), [pd.ArrowDtype(pa.decimal128(18, 2))]),
    (pa.decimal128(9, 3), [Annotated[Decimal, pydantic.Field(max_digits=9, decimal_places=3)]]),
    (pa.decimal128(5, 0), ["decimal(5)"]),
    (pa.decimal128(5, 5), ["decimal(5, 5)"]),
    (pa.decimal128(38, 9), ["decimal", Decimal]),
    (pa.decimal128(38, 0), [pl.Decimal]),
    (pa.decimal128(38, 4), [pl.Decimal(None, 4)]),
    (pa.decimal256(76, 10), ["decimal256(76, 10)"]),
    (pa.decimal256(39, 1), ["decimal(39, 1)"]),
    (CATEGORY, ["category", pd.CategoricalDtype(), pl.Categorical, pl.Categorical()]),
    (pa.list_(pa.int64()), [pd.ArrowDtype(pa.list_(pa.int64())), pl.List(pl.Int64), list[int]]),
    (pa.list_(pa.date32()), [list[dt.date | None]]),
    (pa.list_(pa.list_(pa.string())), [list[list[str]]]),
    (pa.list_(pa.string(), 3), [pl.Array(pl.String, 3)]),
    (
        pa.struct([("a", pa.date32()), ("b", pa.list_(pa.int8()))]),
        [pl.Struct({"a": pl.Date, "b": pl.List(pl.Int8)})],
    ),
]
UNKNOWN: list[Any] = [
    *[
        "object",
        "int128",
        "nonsense",
        "",
        "datetime64",
        "null",
        "binary(3)",
        "list<item: int64>",
        "period[D]",
    ],
    *[f"timestamp[us, tz={zone}]" for zone in ("Nowhere/At_All", "../../etc/passwd", "+25:00")],
    *["decimal(77, 2)", "decimal(5, 6)", "decimal(0)", "decimal128(x, y)"],
    *[None, 5, 1.5, object, object(), [int], list, dict, dict[str, int], tuple[int, int], int | str, Any],
    *[type(None), pd.PeriodDtype("D"), pd.DatetimeTZDtype, pd.Timestamp, pd.Timedelta, pd.DataFrame],
    *[np.dtype("O"), np.dtype("datetime64"), np.dtype("complex128"), np.int64(5), np.array([1]), np.float16],
    *[pl.Enum, pl.Null, pl.Object, pl.Unknown, pl.Int128, pl.List, pl.List(pl.Null), pl.Struct, pl.Array],
    *[pl.Series([1]), pl.col("a")],
]


@cases(("expected", "spellings"), SPELLINGS)
def test_known(expected: pa.DataType, spellings: list[Any]) -> None:
    """A name, dtype, class or annotation is the Arrow type of the same values; None makes no difference."""
    found = [(spelled, arrow_type(spelled)) for spelled in spellings]
    assert found == [(spelled, expected) for spelled in spellings]


@cases("given", UNKNOWN, ids=repr)
def test_unknown(given: object) -> None:
    """Anything else is an UnknownTypeError and no other exception."""
    with pytest.raises(
        UnknownTypeError, match=r"is not a column type|is not a time zone|a decimal of|is a union"
    ):
        arrow_type(given)


class TestModels:
    """pydantic model classes, and classes that only look like one."""

    def test_is_pydantic_model(self) -> None:
        """A subclass of BaseModel is one; an instance, BaseModel itself and other classes are not."""
        assert is_pydantic_model(Address)
        assert not is_pydantic_model(Address(city="x"))
        assert not is_pydantic_model(pydantic.BaseModel)
        assert not is_pydantic_model(int)

        class BaseModel:
            """A class of another library."""

        class Child(BaseModel):
            """A subclass of it."""

        assert not is_pydantic_model(Child)


def test_package_of() -> None:
    """It is the first part of the name of its module, not a name that begins alike."""
    assert package_of(pd.DataFrame) == "pandas"
    assert package_of(pl.Int64) == "polars"
    assert package_of(int) == "builtins"
