"""Models and schemas of pandera as ``schema=``: names and types; their checks are pandera's."""

import datetime as dt
from typing import Any, Optional

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.decode.schema import SchemaTypes
from connecty_frames.decode.types.encodings import Category
from connecty_frames.errors import ConfigError, ConversionError
from connecty_frames.frames.schema import to_schema_types

pytest.importorskip("pandera.pandas", exc_type=ImportError)
import pandera.pandas
import pandera.polars
from pandera.typing import Series

from tests.cases import cases
from tests.frames.data import body


class Orders(pandera.pandas.DataFrameModel):
    id: int = pandera.pandas.Field(ge=1)
    name: str = pandera.pandas.Field(nullable=True)
    at: Series[pd.DatetimeTZDtype] = pandera.pandas.Field(dtype_kwargs={"unit": "us", "tz": "UTC"})
    count: Series[pd.Int64Dtype] = pandera.pandas.Field(nullable=True, coerce=True)
    score: Optional[Series[float]]  # noqa: UP045 - pandera does not read `| None` as optional on all versions
    anything: Series[Any]


class PolarsOrders(pandera.polars.DataFrameModel):
    id: int = pandera.polars.Field(ge=1)
    name: pl.String = pandera.polars.Field(nullable=True)
    day: dt.date


def test_pandas_model() -> None:
    """A column that is not required may be missing, and one without a dtype has no type set."""
    assert to_schema_types(Orders) == SchemaTypes(
        {
            "id": pa.int64(),
            "name": pa.string(),
            "at": pa.timestamp("us", "UTC"),
            "count": pa.int64(),
            "score": pa.float64(),
        },
        complete=False,
        optional=frozenset({"score"}),
    )


def test_pandas_schema() -> None:
    """Types of pandas, numpy, Arrow and pandera's own."""
    column = pandera.pandas.Column
    schema = pandera.pandas.DataFrameSchema(
        {
            "a": column("datetime64[ns]"),
            "b": column(pd.ArrowDtype(pa.decimal128(10, 2))),
            "c": column(pandera.pandas.Date),
            "d": column(pandera.pandas.Decimal(28, 2)),
            "e": column(pandera.pandas.Category),
            "f": column(),
            "g": column(bool, required=False),
            "h": column(pd.CategoricalDtype(["low", "high"], ordered=True)),
        }
    )
    assert to_schema_types(schema) == SchemaTypes(
        {
            "a": pa.timestamp("ns"),
            "b": pa.decimal128(10, 2),
            "c": pa.date32(),
            "d": pa.decimal128(28, 2),
            "e": pa.dictionary(pa.int32(), pa.string()),
            "g": pa.bool_(),
            "h": Category(("low", "high"), is_ordered=True),
        },
        complete=False,
        optional=frozenset({"g"}),
    )


def test_polars_model_and_schema() -> None:
    """Types of polars."""
    assert to_schema_types(PolarsOrders) == SchemaTypes(
        {"id": pa.int64(), "name": pa.string(), "day": pa.date32()}, complete=False
    )
    schema = pandera.polars.DataFrameSchema(
        {
            "a": pandera.polars.Column(pl.Datetime("us", "UTC")),
            "b": pandera.polars.Column(pl.Decimal(18, 2)),
            "c": pandera.polars.Column(pl.List(pl.Int32)),
        }
    )
    assert to_schema_types(schema) == SchemaTypes(
        {"a": pa.timestamp("us", "UTC"), "b": pa.decimal128(18, 2), "c": pa.list_(pa.int32())}, complete=False
    )


def test_patterns_are_refused() -> None:
    """A column that stands for many by a pattern names none."""
    schema = pandera.pandas.DataFrameSchema({"x_.*": pandera.pandas.Column(int, regex=True)})
    with pytest.raises(ConfigError, match=r"column 'x_\.\*' is a pattern of pandera \(regex=True\)"):
        to_schema_types(schema)


@cases("given", [pandera.pandas.DataFrameModel, pandera.pandas.Column(int)])
def test_what_is_no_schema(given: object) -> None:
    """The base class of all models and a single column are not."""
    with pytest.raises(ConfigError, match="a pandera model class or schema"):
        to_schema_types(given)


def test_unknown_types() -> None:
    """A dtype of Python objects is no type of a column."""
    schema = pandera.pandas.DataFrameSchema({"a": pandera.pandas.Column(object)})
    with pytest.raises(ConfigError, match=r"column 'a': .* is not a column type"):
        to_schema_types(schema)


def test_required_columns() -> None:
    """One that is missing is an error before the frame is validated."""
    with pytest.raises(ConversionError, match="missing: 'name', 'day'"):
        cf.Answer.from_json(body(["id", "more"], [1, 2]), schema=PolarsOrders)


def test_validating_with_pandas() -> None:
    """The frame has the types, pandera validates the rest, and the metadata is copied to its result."""
    schema = pandera.pandas.DataFrameSchema(
        {
            "id": pandera.pandas.Column("Int64", pandera.pandas.Check.ge(1)),
            "price": pandera.pandas.Column("Float64", nullable=True),
            "at": pandera.pandas.Column(pd.DatetimeTZDtype("us", "UTC")),
        }
    )
    answer = cf.Answer.from_json(
        body(
            ["id", "price", "at"],
            [1, 5, "2025-01-01T10:00:00Z"],
            [2, None, "2025-01-02 10:00:00 Europe/Berlin"],
        ),
        question="prices",
        schema=schema,
    )
    frame = answer.to_pandas()
    validated = cf.copy_metadata(frame, schema.validate(frame))
    assert validated["at"].tolist() == [
        pd.Timestamp("2025-01-01T10:00:00Z"),
        pd.Timestamp("2025-01-02T09:00:00Z"),
    ]
    assert validated.connecty.question == "prices"


def test_validating_with_polars() -> None:
    """So it is for polars."""
    answer = cf.Answer.from_json(
        body(["id", "name", "day"], [1, None, "2025-01-01T00:00:00"]), question="days", schema=PolarsOrders
    )
    frame = answer.to_polars()
    validated = cf.copy_metadata(frame, PolarsOrders.validate(frame))
    assert validated.rows() == [(1, None, dt.date(2025, 1, 1))]
    assert validated.connecty.question == "days"
