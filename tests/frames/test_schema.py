"""A caller's ``schema=`` as SchemaTypes."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pytest

from connecty_frames.answer_metadata import Schema
from connecty_frames.decode.schema import ColumnSchema, SchemaTypes
from connecty_frames.decode.types.encodings import OpenType
from connecty_frames.errors import ConfigError
from connecty_frames.frames.schema import to_schema_types
from tests.cases import cases


class Login(pydantic.BaseModel):
    login_timestamp: pydantic.AwareDatetime
    user_email: str | None


class Tree(pydantic.BaseModel):
    children: list[Tree]


class Outer(pydantic.BaseModel):
    login: Login | None


class Loose(pydantic.BaseModel):
    value: int | str


LOGIN = {"login_timestamp": pa.timestamp("us", "UTC"), "user_email": pa.string()}


class TestKinds:
    """What is accepted."""

    def test_nothing(self) -> None:
        """None sets no types, and an empty dict overrides none."""
        assert to_schema_types(None) is None
        assert to_schema_types({}) == SchemaTypes({}, complete=False)

    @cases("make", [dict, OrderedDict])
    def test_dict(self, make: Any) -> None:
        """A dict overrides the columns that it names, each with a type of any library."""
        given = make(
            a="Int64",
            b=pd.StringDtype(),
            c=pl.Datetime("us", "UTC"),
            d=dt.date,
            e=pa.decimal128(18, 2),
            f=Decimal,
        )
        assert to_schema_types(given) == SchemaTypes(
            {
                "a": pa.int64(),
                "b": pa.string(),
                "c": pa.timestamp("us", "UTC"),
                "d": pa.date32(),
                "e": pa.decimal128(18, 2),
                "f": OpenType(Decimal),
            },
            complete=False,
        )

    @cases(
        "schema",
        [
            pa.schema([("login_timestamp", pa.timestamp("us", "UTC")), ("user_email", pa.string())]),
            pl.Schema({"login_timestamp": pl.Datetime("us", "UTC"), "user_email": pl.String}),
            Login,
            Schema(
                [
                    ColumnSchema("login_timestamp", pa.timestamp("us", "UTC"), "temporal statistics"),
                    ColumnSchema("user_email", pa.string(), "string statistics"),
                ]
            ),
        ],
        ids=["pyarrow", "polars", "pydantic", "saved"],
    )
    def test_complete(self, schema: object) -> None:
        """Whole schemas set all columns, in their order."""
        found = to_schema_types(schema)
        assert found is not None
        assert (found.types, found.complete) == (LOGIN, True)
        assert list(found.types) == ["login_timestamp", "user_email"]

    def test_saved_as_text(self) -> None:
        """A schema that was saved and read again sets the same types, and tells which were inferred."""
        nested = pa.list_(pa.struct([("b c", pa.decimal256(50, 3))]))
        saved = Schema([ColumnSchema("a", nested, "JSON"), ColumnSchema("b", pa.int8(), "", basis="schema")])
        assert to_schema_types(Schema.from_json(saved.to_json())) == SchemaTypes(
            {"a": nested, "b": pa.int8()}, complete=True, inferred=frozenset({"a"})
        )

    @cases(
        "kind",
        [
            pa.list_(pa.int64()),
            pa.large_list(pa.string()),
            pa.list_(pa.int8(), 3),
            pa.struct([("a", pa.list_(pa.date32()))]),
            pa.map_(pa.string(), pa.int64()),
            pa.dictionary(pa.int32(), pa.string()),
            pa.decimal256(76, 0),
            pa.string_view(),
            pa.time32("s"),
            pa.date64(),
            pa.large_binary(),
            pa.list_(pa.binary()),
        ],
        ids=str,
    )
    def test_types_of_json(self, kind: pa.DataType) -> None:
        """Every type that can be made of JSON values is accepted."""
        assert to_schema_types({"c": kind}) == SchemaTypes({"c": kind}, complete=False)


class TestErrors:
    """ConfigErrors that say which column, what was given, and what is accepted."""

    @cases(
        ("given", "message"),
        [
            ("nonsense", "'nonsense' is not a column type"),
            (5, "5 is not a column type"),
            (pa.null(), "null cannot be made of JSON values"),
            (pa.binary(3), "fixed_size_binary[3] cannot be made of JSON values"),
            (pa.list_(pa.null()), "null cannot be made of JSON values"),
            (pa.struct([("a", pa.null())]), "null cannot be made of JSON values"),
            (pa.map_(pa.string(), pa.null()), "null cannot be made of JSON values"),
            (pa.map_(pa.month_day_nano_interval(), pa.int64()), "month_day_nano_interval cannot be made of"),
            (pa.dictionary(pa.int8(), pa.null()), "null cannot be made of JSON values"),
            (
                pa.dictionary(pa.int8(), pa.binary()),
                "dictionary<values=binary, indices=int8, ordered=0> cannot be made of JSON values",
            ),
            (pa.decimal128(5, -2), "decimal128(5, -2) cannot be made of JSON values"),
            (pa.month_day_nano_interval(), "month_day_nano_interval cannot be made of JSON values"),
            (
                pa.dense_union([pa.field("a", pa.int8())]),
                "dense_union<a: int8=0> cannot be made of JSON values",
            ),
            (pl.Object, "'Object' is not a column type"),
            (int | str, "int | str is a union, and a column has one type: str holds the text of any value"),
            ("timestamp[us, tz=Mars]", "'Mars' is not a time zone, such as 'UTC' or 'Europe/Warsaw'"),
            (pa.timestamp("us", "localtime"), "'localtime' is not a time zone"),
            (pa.timestamp("us", "Mars"), "'Mars' is not a time zone, such as 'UTC' or 'Europe/Warsaw'"),
            (pa.list_(pa.timestamp("us", "UTC\0")), r"'UTC\\x00' is not a time zone"),
            ("decimal(99, 2)", "a decimal of 99 digits with 2 after the point: expected 1 to 76 digits"),
        ],
        ids=str,
    )
    def test_types(self, given: object, message: str) -> None:
        """The column is named, the type is shown, and the accepted ones are listed."""
        with pytest.raises(ConfigError) as caught:
            to_schema_types({"fine": int, "my column": given})
        assert str(caught.value).startswith(f"schema: column 'my column': {message}")
        assert "Accepted are an Arrow type or its name" in str(caught.value)
        assert caught.value.setting == "schema"

    @cases(
        ("schema", "message"),
        [
            ([("a", int)], r"schema=\[\('a', <class 'int'>\)\]: expected a dict of column names to types"),
            ("Int64", "schema='Int64': expected a dict"),
            (int, "expected a dict"),
            (pd.DataFrame({"a": [1]}), "expected a dict"),
            (pydantic.BaseModel, "expected a dict"),
            (Login(login_timestamp=dt.datetime.now(dt.UTC), user_email=None), "expected a dict"),
            ({1: int}, "schema: column name 1: expected text"),
            (pa.schema([("a", pa.int8()), ("a", pa.int8())]), "schema: column 'a' occurs twice"),
            (Tree, "schema: column 'children': Tree is a model, not a column type"),
            (Outer, "schema: column 'login': Login is a model, not a column type"),
            (Loose, r"schema: column 'value': int \| str is a union, and a column has one type"),
        ],
    )
    def test_schemas(self, schema: object, message: str) -> None:
        """So it is for what is no schema."""
        with pytest.raises(ConfigError, match=message) as caught:
            to_schema_types(schema)
        assert caught.value.setting == "schema"

    def test_hostile_names(self) -> None:
        """Names and values are shown with control characters escaped, and cut."""
        with pytest.raises(ConfigError) as caught:
            to_schema_types({"\x1b[2J": "\x1b[31m" + "x" * 10_000})
        assert "\x1b" not in str(caught.value)
        assert len(str(caught.value)) < 700
