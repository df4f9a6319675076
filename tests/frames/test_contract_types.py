"""Types of ``schema=`` that depend on what it lists or on the values: categories, decimals and datetimes."""

import datetime as dt
import enum
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pydantic import BaseModel, Field

import connecty_frames as cf
from connecty_frames.errors import ConfigError, ConversionError
from tests.cases import cases
from tests.frames.data import body, column_of, model


class Color(enum.Enum):
    RED = "r"
    GREEN = "g"


class Level(enum.IntEnum):
    HIGH = 9
    LOW = 1


#: A schema of one column, values that fit, the categories in their order, and whether they are ordered.
CATEGORIES: list[tuple[Any, list[Any], list[Any], bool]] = [
    ({"c": pl.Enum(["z", "a"])}, ["a", None], ["z", "a"], False),
    (pl.Schema({"c": pl.Enum(["z", "a"])}), ["a", None], ["z", "a"], False),
    ({"c": pd.CategoricalDtype(["z", "a"])}, ["a", None], ["z", "a"], False),
    ({"c": pd.CategoricalDtype(["z", "a"], ordered=True)}, ["a", None], ["z", "a"], True),
    ({"c": pd.CategoricalDtype([3, 1])}, [1, None], [3, 1], False),
    ({"c": Literal["z", "a"]}, ["a", None], ["z", "a"], False),
    (model(Literal["z", "a"] | None), ["a", None], ["z", "a"], False),
    (model(Literal["z", "a", None]), ["a", None], ["z", "a"], False),  # noqa: PYI061 - as users may write it
    (model(Color), ["g", "g"], ["r", "g"], False),
    (model(Level | None), [1, None], [9, 1], False),
    ({"c": Literal[Color.RED, Color.GREEN]}, ["g"], ["r", "g"], False),
    ({"c": Literal[True]}, [True], [True], False),
    ({"c": pl.Enum([])}, [None], [], False),
    ({"c": Literal["é\n\"'\\", "a]"]}, ["a]"], ["é\n\"'\\", "a]"], False),
]


@cases(("schema", "cells", "categories", "is_ordered"), CATEGORIES)
class TestCategories:
    """All categories, in that order, in each library; also of no rows, saved, and in files."""

    def test_frames(self, schema: Any, cells: list[Any], categories: list[Any], is_ordered: bool) -> None:
        """CategoricalDtype in pandas, pl.Enum of texts in polars, a dictionary in Arrow."""
        for rows in ([], [[cell] for cell in cells]):
            answer = cf.Answer.from_json(body(["c"], *rows), schema=schema)
            values = [row[0] for row in rows]
            for backend in ("numpy_nullable", "numpy", "pyarrow"):
                column = answer.to_pandas(backend)["c"]
                assert isinstance(column.dtype, pd.CategoricalDtype)
                assert column.dtype.categories.tolist() == categories
                assert column.dtype.ordered is is_ordered
                assert [None if pd.isna(value) else value for value in column] == values
            frame = answer.to_polars()
            assert frame["c"].to_list() == values
            if all(isinstance(value, str) for value in categories):
                assert frame.schema["c"] == pl.Enum(categories)
            assert answer.table["c"].to_pylist() == values
            assert answer.table.schema.field("c").type.ordered is is_ordered

    def test_kept(
        self, schema: Any, cells: list[Any], categories: list[Any], is_ordered: bool, tmp_path: Path
    ) -> None:
        """A saved schema reads the same; files come back with the categories, into each library."""
        for rows in ([], [[cell] for cell in cells]):
            sent = body(["c"], *rows)
            answer = cf.Answer.from_json(sent, schema=schema)
            saved = cf.Schema.from_json(answer.schema.to_json())
            assert saved == answer.schema
            again = cf.Answer.from_json(sent, schema=saved)
            assert again.table["c"].equals(answer.table["c"])
            assert again.schema == answer.schema
            for frame in (answer.to_pandas(), answer.to_polars()):
                path = frame.connecty.to_parquet(tmp_path / "a.parquet")
                found = cf.read_parquet(path)["c"]
                assert found.dtype.categories.tolist() == categories
                assert found.dtype.ordered is is_ordered
                assert cf.read_parquet(path, engine="polars").equals(answer.to_polars())
                assert cf.read_parquet(path, engine="polars").schema == answer.to_polars().schema
                table = cf.read_parquet(path, engine="pyarrow")
                assert table["c"].type == answer.table["c"].type
                assert table["c"].to_pylist() == answer.table["c"].to_pylist()

    def test_refused(self, schema: Any, cells: list[Any], categories: list[Any], is_ordered: bool) -> None:
        """Any other value is an error with column, row and value."""
        other: Any = "x" if not categories or isinstance(categories[0], str) else 0
        with pytest.raises(ConversionError) as caught:
            column_of(schema, *cells, other)
        shown = "false" if categories == [True] else str(other)
        assert (caught.value.column, caught.value.row) == ("c", len(cells))
        assert caught.value.value in {shown, "0"}
        assert "is not one of the categories" in str(caught.value)
        assert isinstance(is_ordered, bool)


class TestCategoriesThatAreNone:
    """A ConfigError names the column and the reason."""

    @cases(
        ("given", "reason"),
        [
            (Literal["a", 1], "its categories are of the types 'int', 'str': expected one type"),
            (Literal[1, True], "its categories are of the types 'bool', 'int': expected one type"),
            (enum.Enum("Mixed", {"A": 1, "B": "b"}), "its categories are of the types 'int', 'str'"),
            (Literal[b"a"], "its categories are of the type 'bytes': expected 'str', 'int', 'float', 'bool'"),
            (enum.Enum("Pair", {"A": (1, 2)}), "its categories are of the type 'tuple'"),
            (
                pd.CategoricalDtype(pd.to_datetime(["2025-01-01"])),
                "its categories are of the type 'Timestamp'",
            ),
            (Literal[2**64], "one of its categories is a value that no column can hold"),
            (Literal["\ud800"], "one of its categories is a value that no column can hold"),
            (list[Literal["a"]], r'Literal\["a"\] is for a whole column, not for values inside others'),
            (pl.List(pl.Enum(["a"])), r'Literal\["a"\] is for a whole column'),
            (enum.Flag("Flags", ["A", "B"]), "'Flags'> is not a column type"),
        ],
    )
    def test_refused(self, given: Any, reason: str) -> None:
        """In a dict and in a model alike."""
        with pytest.raises(ConfigError, match=f"^schema: column 'c': .*{reason}"):
            column_of({"c": given})


class TestDecimals:
    """A Decimal without digits has the scale that its values need."""

    @cases("schema", [{"c": Decimal}, {"c": "decimal"}, model(Decimal | None)])
    @cases(
        ("cells", "type_"),
        [
            (["1.5", 2, None], pa.decimal128(38, 1)),
            ([0.00000000001], pa.decimal128(38, 11)),
            (["1e-12", "3E2"], pa.decimal128(38, 12)),
            ([1, 2], pa.decimal128(38, 0)),
            (["1" * 40 + ".25"], pa.decimal256(76, 2)),
            ([None], pa.decimal128(38, 9)),
            ([], pa.decimal128(38, 9)),
        ],
    )
    def test_scale(self, schema: Any, cells: list[Any], type_: pa.DataType) -> None:
        """Values are exact; without one there are nine digits after the point."""
        column = column_of(schema, *cells)
        assert column.type == type_
        assert column.to_pylist() == [None if cell is None else Decimal(str(cell)) for cell in cells]

    @cases("cell", ["x", "NaN", "1e-80", "1e999999999", "9" * 77])
    def test_refused(self, cell: str) -> None:
        """What no decimal holds is an error at its row."""
        with pytest.raises(ConversionError) as caught:
            column_of({"c": Decimal}, "1.5", cell)
        assert (caught.value.row, caught.value.value[:10]) == (1, cell[:10])

    def test_saved(self) -> None:
        """A saved schema has the digits for good; pandas gets as few as its values need."""
        answer = cf.Answer.from_json(body(["c"], ["1.25"]), schema={"c": Decimal})
        assert str(answer.to_pandas()["c"].dtype) == "decimal128(17, 2)[pyarrow]"
        saved = cf.Schema.from_json(answer.schema.to_json())
        with pytest.raises(ConversionError, match=r"'1.125' does not fit in decimal128\(38, 2\)"):
            column_of(saved, "1.125")


TEN = dt.datetime(2025, 11, 4, 10)


class TestDatetimes:
    """``datetime`` in a dict or model, optional or not, by the offsets of its column."""

    def test_lone_surrogates(self) -> None:
        """A text that Arrow cannot hold is an error about its cell."""
        with pytest.raises(ConversionError, match=r"row 1: .* holds a lone surrogate"):
            column_of({"c": dt.datetime}, "2025-11-04T10:00:00", "\ud800")

    @cases("schema", [{"c": dt.datetime}, {"c": "datetime"}, {"c": dt.datetime | None}, model(dt.datetime)])
    @cases(
        ("cells", "expected"),
        [
            (["2025-11-04T10:00:00", "2025-11-05"], [TEN, dt.datetime(2025, 11, 5)]),
            (["2025-11-04T11:00:00+01:00"], [TEN.replace(tzinfo=dt.UTC)]),
            (["2025-11-04T10:00:00.1234560Z"], [TEN.replace(microsecond=123456, tzinfo=dt.UTC)]),
            (["2025-11-04 11:00:00 Europe/Berlin"], [TEN.replace(tzinfo=dt.UTC)]),
            (["/Date(1762250400000+0100)/"], [TEN.replace(tzinfo=dt.UTC)]),
        ],
    )
    def test_read(self, schema: Any, cells: list[str], expected: list[dt.datetime]) -> None:
        """Instants are in UTC, and dates are midnights of local times."""
        answer = cf.Answer.from_json(body(["c"], *([cell] for cell in cells)), schema=schema)
        assert answer.table["c"].to_pylist() == expected
        assert answer.schema["c"].evidence == "schema=, datetime"
        saved = cf.Schema.from_json(answer.schema.to_json())
        again = cf.Answer.from_json(body(["c"], *([cell] for cell in cells)), schema=saved)
        assert again.table["c"].equals(answer.table["c"])
        cast = cf.cast(answer.to_pandas(), answer.to_arrow(), schema={"c": dt.datetime})
        assert cast.column("c").type == answer.table["c"].type

    @cases(
        ("cells", "message"),
        [
            (["2025-11-04T10:00:00", "2025-11-04T10:00:00Z"], "has an offset, and the first value has none"),
            (["2025-11-04T10:00:00Z", "2025-11-04"], "has no offset, and the first value has one"),
            (["2025-11-04T10:00:00Z", "n/a"], "is not an ISO 8601 date or time"),
            (["2025-11-04", 5], "is not text"),
            ([None, [5]], "is not text"),
        ],
    )
    def test_refused(self, cells: list[Any], message: str) -> None:
        """A column of both kinds is an error at the first value of the other kind."""
        with pytest.raises(ConversionError, match=f"row 1: .* {message}"):
            column_of({"c": dt.datetime}, *cells)

    @cases(
        ("temporal", "zone"),
        [({}, None), ({"max": "2025-11-04"}, None), ({"min": "2025-11-04T10:00:00+01:00"}, "UTC")],
    )
    def test_without_values(self, temporal: dict[str, str], zone: str | None) -> None:
        """The statistics decide, and without bounds it is local times."""
        statistics = {"c": {"general": {"count": 1, "nulls_count": 1}, "temporal": temporal}}
        sent = body(["c"], [None], dataframe_stats=statistics)
        answer = cf.Answer.from_json(sent, schema={"c": dt.datetime})
        assert answer.table["c"].type == pa.timestamp("us", zone)

    def test_null_tokens(self) -> None:
        """``NaT`` before the first value, counted as null, does not decide."""
        statistics = {"c": {"general": {"count": 2, "nulls_count": 1}, "temporal": {}}}
        sent = body(["c"], ["NaT"], ["2025-11-04T10:00:00Z"], dataframe_stats=statistics)
        answer = cf.Answer.from_json(sent, schema={"c": dt.datetime})
        assert answer.table["c"].to_pylist() == [None, TEN.replace(tzinfo=dt.UTC)]


def test_offsets_as_zones() -> None:
    """``cf.local`` and ``tz=`` accept the same zones, and make the same type."""
    local = column_of({"c": cf.local("+05:30")}, "2025-11-04T13:05:01")
    aware = cf.Answer.from_json(body(["c"], ["2025-11-04T07:35:01Z"]), tz="+05:30").table["c"]
    assert local.type == aware.type == pa.timestamp("us", "+05:30")
    assert local.equals(aware)
    for zone in ("+25:00", "+05:60", "05:30", "Mars"):
        with pytest.raises(ConfigError, match="offset"):
            cf.local(zone)
        with pytest.raises(ConfigError, match="offset"):
            cf.AskOptions(tz=zone)


class Top(BaseModel):
    country: Literal["Poland", "Germany", "Spain", "France", "Italy", "Netherlands"]
    orders: int = Field(gt=0)


@pytest.mark.slow
def test_pins_and_batches(tmp_path: Path) -> None:
    """A pin keeps the categories, and so do the parts of a batch."""
    question = "list the top 5 countries with the most orders"
    categories = ["Poland", "Germany", "Spain", "France", "Italy", "Netherlands"]
    with cf.use_sandbox():
        pin = cf.pin("top", question, schema=Top, path=tmp_path / "pins")
        assert cf.pinned("top", path=tmp_path / "pins") == pin
        again = pin.fetch_df(engine="polars")
        batch = cf.ask_batch([question, f"{question}?"], folder=tmp_path / "batch", schema=Top)
        with pytest.raises(ConversionError, match="'Poland' is not one of the categories 'Peru'"):
            cf.ask_df(question, schema={"country": Literal["Peru"]})
    assert again.schema == {"country": pl.Enum(categories), "orders": pl.Int64}
    parts = [cf.read_parquet(path) for path in batch.parts().values()]
    assert [part["country"].dtype.categories.tolist() for part in parts] == [categories] * 2
    dataset = batch.to_dataset()
    assert [field.nullable for field in dataset.schema] == [False, False]
    assert dataset.count_rows() == 10


def test_cast() -> None:
    """The types of an answer make the categories again, and refuse others."""
    schema = cf.Answer.from_json(body(["c"], ["a"]), schema={"c": Literal["z", "a"]}).metadata.schema
    found = cf.AnswerMetadata(schema=schema)
    table = cf.cast(found, pa.table({"c": ["a", None]}))
    assert table["c"].chunk(0).dictionary.to_pylist() == ["z", "a"]
    assert table["c"].to_pylist() == ["a", None]
    with pytest.raises(ConversionError, match="Column 'c', row 0: 'b' is not one of the categories 'z', 'a'"):
        cf.cast(found, pa.table({"c": ["b"]}))
