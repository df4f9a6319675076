"""Columns read by cf.epoch and its kin and as bytes, in frames and files of every library."""

import datetime as dt
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pytest

import connecty_frames as cf
from connecty_frames.decode.schema import ColumnRule, SchemaTypes
from connecty_frames.errors import ConfigError
from connecty_frames.frames.dtypes import find_encoding
from connecty_frames.frames.schema import to_schema_types
from tests.cases import cases
from tests.frames.data import body

SCHEMA = {
    "key": pa.binary(),
    "at": cf.epoch("ms", "UTC"),
    "opened": cf.local("Europe/Berlin"),
    "code": cf.binary("hex"),
    "day": cf.strptime("%d/%m/%Y"),
}
BODY = body(list(SCHEMA), ["\\x48ff", 1735725600000, "2025-07-01", "00", "4/11/2025"], [None] * 5)
VALUES = {
    "key": [b"H\xff", None],
    "at": [dt.datetime(2025, 1, 1, 10, tzinfo=dt.UTC), None],
    "opened": [dt.datetime(2025, 6, 30, 22, tzinfo=dt.UTC), None],
    "code": [b"\x00", None],
    "day": [dt.date(2025, 11, 4), None],
}
#: What the metadata of a frame says about a column.
AT = {
    "name": "at",
    "type": "timestamp[us, tz=UTC]",
    "evidence": 'schema=, cf.epoch("ms", "UTC")',
    "encoding": 'cf.epoch("ms", "UTC")',
    "basis": "schema",
}


@pytest.fixture
def answer() -> cf.Answer:
    return cf.Answer.from_json(BODY, schema=SCHEMA)


def values(table: pa.Table) -> dict[str, list[Any]]:
    types = [
        pa.timestamp("us", "UTC") if pa.types.is_timestamp(type_) else type_ for type_ in table.schema.types
    ]
    return table.cast(pa.schema(list(zip(table.column_names, types, strict=True)))).to_pydict()


def test_the_table(answer: cf.Answer) -> None:
    """Types and values; the schema tells how the columns were read."""
    assert answer.table.schema.types == [
        pa.binary(),
        pa.timestamp("us", "UTC"),
        pa.timestamp("us", "Europe/Berlin"),
        pa.binary(),
        pa.date32(),
    ]
    assert values(answer.table) == VALUES
    assert [column.encoding for column in answer.schema] == [None, *list(SCHEMA.values())[1:]]
    assert answer.schema["at"].type == pa.timestamp("us", "UTC")
    assert answer.metadata.schema[1] == AT
    assert answer.metadata.schema[0] == {
        "name": "key", "type": "binary", "evidence": "schema=", "basis": "schema",
    }  # fmt: skip


def test_the_schema_reads_the_same_bytes_again(answer: cf.Answer, tmp_path: Path) -> None:
    """As it is, saved, and that of a frame and of its file: all of one kind, with attributes and items."""
    saved = cf.Schema.from_json(answer.schema.to_json())
    kept = cf.read_parquet(answer.to_parquet(tmp_path / "a.parquet"))
    for schema in (answer.schema, saved, answer.to_polars().connecty.schema, kept.connecty.schema):
        assert isinstance(schema, cf.Schema)
        assert schema["at"] == schema[1]
        assert (schema["at"].name, schema["at"]["name"]) == ("at", "at")
        assert schema["at"]["type"] == schema["at"].type == pa.timestamp("us", "UTC")
        again = cf.Answer.from_json(BODY, schema=schema)
        assert again.table.equals(answer.table)
        assert list(again.schema) == list(answer.schema)


@pytest.mark.filterwarnings("ignore:dtype_backend:connecty_frames.TypeFidelityWarning")
@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow", "numpy"])
def test_pandas(answer: cf.Answer, backend: Any, tmp_path: Path) -> None:
    """Bytes are Arrow's in every backend, and come back from Parquet with the metadata."""
    frame = answer.to_pandas(backend)
    assert frame["key"].dtype == pd.ArrowDtype(pa.binary())
    assert frame["key"].tolist() == [b"H\xff", pd.NA]
    assert frame["at"][0] == pd.Timestamp("2025-01-01T10:00:00Z")
    assert frame.copy().connecty.schema[1] == answer.schema[1]
    found = cf.read_parquet(frame.connecty.to_parquet(tmp_path / "a.parquet"), dtype_backend=backend)
    pd.testing.assert_frame_equal(found, frame)
    assert found.connecty.schema[1] == answer.schema[1]


def test_polars(answer: cf.Answer, tmp_path: Path) -> None:
    """Binary, and back from Parquet; pandas reads what polars wrote as the type of the answer."""
    frame = answer.to_polars()
    assert frame.schema["key"] == pl.Binary
    assert frame["key"].to_list() == [b"H\xff", None]
    path = frame.connecty.to_parquet(tmp_path / "a.parquet")
    found = cf.read_parquet(path, engine="polars")
    assert found.equals(frame)
    assert found.connecty.schema[1] == answer.schema[1]
    assert cf.read_parquet(path, engine="pyarrow").schema.field("key").type == pa.binary()
    assert cf.read_parquet(path)["key"].dtype == pd.ArrowDtype(pa.binary())


def test_decimals_of_any_scale_are_shown_as_they_are_given() -> None:
    """By the name of Python's type."""
    assert repr(find_encoding("decimal")) == "Decimal"


class Event(pydantic.BaseModel):
    at: Annotated[dt.datetime, cf.epoch("ms", "UTC")]
    until: Annotated[dt.datetime, cf.local("Europe/Berlin")] | None = None
    key: Annotated[bytes | None, cf.binary("hex")] = None
    day: Annotated[dt.date, cf.strptime("%d/%m/%Y")]


def test_encodings_in_annotations() -> None:
    """They are found in a model, optional or not."""
    assert to_schema_types(Event) == SchemaTypes(
        {
            "at": cf.epoch("ms", "UTC"),
            "until": cf.local("Europe/Berlin"),
            "key": cf.binary("hex"),
            "day": cf.strptime("%d/%m/%Y"),
        },
        complete=True,
        rules={"at": ColumnRule(nullable=False), "day": ColumnRule(nullable=False)},
    )


@cases(
    ("given", "message"),
    [
        (list[cf.epoch("s")], r'cf.epoch\("s"\) is for a whole column, not for values inside others'),  # type: ignore[misc]
        (cf.epoch, "'connecty_frames.decode.types.encodings.epoch'> is not a column type"),
    ],
)
def test_encodings_inside_of_values(given: Any, message: str) -> None:
    """An encoding is for a column, and it is an object, not its class."""
    with pytest.raises(ConfigError, match=message):
        to_schema_types({"a": given})
