"""A type in whoever's words, each with the Arrow type that it means, written out."""

from __future__ import annotations

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

from connecty_frames.frames.dtypes import UnknownTypeError, arrow_type, comes_from, is_pydantic_model
from tests.cases import cases

CATEGORY = pa.dictionary(pa.int32(), pa.string())


class Address(pydantic.BaseModel):
    """A model."""

    city: str
    number: int | None = None


NAMES = {
    "int8": pa.int8(),
    "Int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint8": pa.uint8(),
    "uint16": pa.uint16(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "UInt64": pa.uint64(),
    "int": pa.int64(),
    "float": pa.float64(),
    "float32": pa.float32(),
    "Float64": pa.float64(),
    "double": pa.float64(),
    "double[pyarrow]": pa.float64(),
    "bool": pa.bool_(),
    "boolean": pa.bool_(),
    "str": pa.string(),
    "string": pa.string(),
    " string ": pa.string(),
    "String": pa.string(),
    "string[pyarrow]": pa.string(),
    "string[python]": pa.string(),
    "utf8": pa.string(),
    "large_string": pa.large_string(),
    "binary": pa.binary(),
    "binary[pyarrow]": pa.binary(),
    "large_binary": pa.large_binary(),
    "bytes": pa.binary(),
    "date": pa.date32(),
    "date32": pa.date32(),
    "date32[day]": pa.date32(),
    "date32[day][pyarrow]": pa.date32(),
    "date64": pa.date64(),
    "date64[ms]": pa.date64(),
    "time": pa.time64("us"),
    "time32[s]": pa.time32("s"),
    "time32[ms]": pa.time32("ms"),
    "time64[us]": pa.time64("us"),
    "time64[ns]": pa.time64("ns"),
    "datetime": pa.timestamp("us"),
    "timestamp[us]": pa.timestamp("us"),
    "timestamp[us, tz=UTC]": pa.timestamp("us", "UTC"),
    "timestamp[ms, tz=Europe/Warsaw][pyarrow]": pa.timestamp("ms", "Europe/Warsaw"),
    "timestamp[s, tz=+05:30]": pa.timestamp("s", "+05:30"),
    "datetime64[ns]": pa.timestamp("ns"),
    "datetime64[us, UTC]": pa.timestamp("us", "UTC"),
    "datetime64[us, UTC-03:00]": pa.timestamp("us", "-03:00"),
    "timedelta": pa.duration("us"),
    "timedelta64[s]": pa.duration("s"),
    "duration[ns]": pa.duration("ns"),
    "decimal128(18, 2)": pa.decimal128(18, 2),
    "decimal(18,2)": pa.decimal128(18, 2),
    "decimal(5)": pa.decimal128(5, 0),
    "decimal(5, 5)": pa.decimal128(5, 5),
    "decimal256(76, 10)": pa.decimal256(76, 10),
    "decimal(39, 1)": pa.decimal256(39, 1),
    "decimal": pa.decimal128(38, 9),
    "category": CATEGORY,
}
PANDAS_AND_NUMPY = [
    (pd.Int64Dtype(), pa.int64()),
    (pd.Int8Dtype, pa.int8()),
    (pd.UInt32Dtype(), pa.uint32()),
    (pd.Float32Dtype(), pa.float32()),
    (pd.BooleanDtype(), pa.bool_()),
    (pd.BooleanDtype, pa.bool_()),
    (pd.StringDtype(), pa.string()),
    (pd.StringDtype("pyarrow"), pa.string()),
    (pd.CategoricalDtype(), CATEGORY),
    (pd.DatetimeTZDtype("us", "Europe/Warsaw"), pa.timestamp("us", "Europe/Warsaw")),
    (pd.ArrowDtype(pa.list_(pa.int64())), pa.list_(pa.int64())),
    (pd.ArrowDtype(pa.decimal128(18, 2)), pa.decimal128(18, 2)),
    (pd.ArrowDtype(pa.binary()), pa.binary()),
    (np.int16, pa.int16()),
    (np.float64, pa.float64()),
    (np.bool_, pa.bool_()),
    (np.str_, pa.string()),
    (np.dtype("uint8"), pa.uint8()),
    (np.dtype("datetime64[s]"), pa.timestamp("s")),
    (np.dtype("timedelta64[ms]"), pa.duration("ms")),
    (np.dtype("U5"), pa.string()),
]
POLARS = [
    (pl.Int8, pa.int8()),
    (pl.UInt64(), pa.uint64()),
    (pl.Float32, pa.float32()),
    (pl.Boolean, pa.bool_()),
    (pl.String, pa.string()),
    (pl.Utf8, pa.string()),
    (pl.Binary, pa.binary()),
    (pl.Date, pa.date32()),
    (pl.Time, pa.time64("ns")),
    (pl.Datetime, pa.timestamp("us")),
    (pl.Datetime("ms"), pa.timestamp("ms")),
    (pl.Datetime("us", "UTC"), pa.timestamp("us", "UTC")),
    (pl.Duration, pa.duration("us")),
    (pl.Duration("ns"), pa.duration("ns")),
    (pl.Decimal, pa.decimal128(38, 0)),
    (pl.Decimal(18, 2), pa.decimal128(18, 2)),
    (pl.Decimal(None, 4), pa.decimal128(38, 4)),
    (pl.Categorical, CATEGORY),
    (pl.Categorical(), CATEGORY),
    (pl.List(pl.Int64), pa.list_(pa.int64())),
    (pl.Array(pl.String, 3), pa.list_(pa.string(), 3)),
    (
        pl.Struct({"a": pl.Date, "b": pl.List(pl.Int8)}),
        pa.struct([("a", pa.date32()), ("b", pa.list_(pa.int8()))]),
    ),
]
PYTHON = [
    (int, pa.int64()),
    (float, pa.float64()),
    (str, pa.string()),
    (bytes, pa.binary()),
    (bool, pa.bool_()),
    (dt.date, pa.date32()),
    (dt.datetime, pa.timestamp("us")),
    (dt.time, pa.time64("us")),
    (dt.timedelta, pa.duration("us")),
    (Decimal, pa.decimal128(38, 9)),
    (int | None, pa.int64()),
    (Optional[int], pa.int64()),  # noqa: UP045 - the older spelling
    (Union[None, str], pa.string()),  # noqa: UP007 - the same
    (Annotated[int, "anything"], pa.int64()),
    (Annotated[Decimal, pydantic.Field(max_digits=9, decimal_places=3)], pa.decimal128(9, 3)),
    (list[int], pa.list_(pa.int64())),
    (list[dt.date | None], pa.list_(pa.date32())),
    (list[list[str]], pa.list_(pa.list_(pa.string()))),
    (pydantic.EmailStr, pa.string()),
    (pydantic.NaiveDatetime, pa.timestamp("us")),
    (pydantic.AwareDatetime, pa.timestamp("us", "UTC")),
    (pydantic.PastDate, pa.date32()),
    (pydantic.FutureDate, pa.date32()),
    (pydantic.HttpUrl, pa.string()),
    (pydantic.AnyHttpUrl, pa.string()),
    (pydantic.AnyUrl, pa.string()),
    (pydantic.SecretStr, pa.string()),
    (pydantic.IPvAnyAddress, pa.string()),
    (ipaddress.IPv4Address, pa.string()),
    (ipaddress.IPv6Network, pa.string()),
    (uuid.UUID, pa.string()),
    (pydantic.UUID4, pa.string()),
]
UNKNOWN: list[Any] = [
    "object",
    "int128",
    "nonsense",
    "",
    "datetime64",
    "timestamp[us, tz=Nowhere/At_All]",
    "timestamp[us, tz=../../etc/passwd]",
    "timestamp[us, tz=+25:00]",
    "decimal(77, 2)",
    "decimal(5, 6)",
    "decimal(0)",
    "decimal128(x, y)",
    "binary(3)",
    "null",
    "list<item: int64>",
    "period[D]",
    None,
    5,
    1.5,
    object,
    pytest.param(object(), id="object()"),  # whose own text names its place in memory
    [int],
    list,
    dict,
    dict[str, int],
    tuple[int, int],
    int | str,
    Any,
    type(None),
    pd.PeriodDtype("D"),
    pd.DatetimeTZDtype,
    pd.Timestamp,
    pd.Timedelta,
    pd.DataFrame,
    np.dtype("O"),
    np.dtype("datetime64"),
    np.dtype("complex128"),
    np.int64(5),
    np.array([1]),
    np.float16,
    pl.Enum,
    pl.Null,
    pl.Object,
    pl.Unknown,
    pl.Int128,
    pl.List,
    pl.List(pl.Null),
    pl.Struct,
    pl.Array,
    pl.Series([1]),
    pytest.param(pl.col("a"), id='col("a")'),
]


class TestNames:
    """Types by name."""

    @cases(("name", "expected"), NAMES.items())
    def test_known(self, name: str, expected: pa.DataType) -> None:
        """A name of Arrow's, pandas' or numpy's is that type."""
        assert arrow_type(name) == expected

    def test_float_is_64_bits(self) -> None:
        """Arrow prints its 32-bit float as `float`; everyone else means 64 bits by it."""
        assert str(pa.float32()) == "float"
        assert arrow_type("float") == pa.float64()


@cases(("given", "expected"), PANDAS_AND_NUMPY, ids=repr)
def test_pandas_and_numpy(given: object, expected: pa.DataType) -> None:
    """A dtype, as object or class, is the Arrow type of the same values."""
    assert arrow_type(given) == expected


@cases(("given", "expected"), POLARS, ids=repr)
def test_polars(given: object, expected: pa.DataType) -> None:
    """So is one of polars; text is plain strings, not the large ones that polars exports."""
    assert arrow_type(given) == expected


@cases(("given", "expected"), PYTHON, ids=repr)
def test_python(given: object, expected: pa.DataType) -> None:
    """Python's types and annotations; whether None is allowed makes no difference."""
    assert arrow_type(given) == expected


def test_arrow() -> None:
    """An Arrow type is itself."""
    assert arrow_type(pa.large_string()) == pa.large_string()


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


def test_comes_from() -> None:
    """A class is of a library by its module, submodules included, and not by a name that begins alike."""
    assert comes_from(pd.DataFrame, "pandas")
    assert comes_from(pl.Int64, "polars")
    assert not comes_from(pd.DataFrame, "pan")
    assert not comes_from(int, "pandas")
