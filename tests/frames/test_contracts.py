"""``schema=`` as a contract: nulls, categories, constraints and names, in every library."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import json
import uuid
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pydantic import (
    UUID4,
    AfterValidator,
    AliasChoices,
    AliasPath,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    IPvAnyAddress,
    NaiveDatetime,
    PastDate,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)

import connecty_frames as cf
from connecty_frames.decode.contract import check_rule
from connecty_frames.decode.errors import CellError
from connecty_frames.errors import ConfigError, ConversionError, TypeFidelityWarning
from connecty_frames.frames.schema import to_schema_types
from tests.cases import cases
from tests.frames.data import body

if TYPE_CHECKING:
    from pathlib import Path


def column_of(schema: Any, *cells: Any) -> pa.ChunkedArray:
    """Read cells as the column ``c`` of a schema."""
    return cf.Answer.from_json(body(["c"], *([cell] for cell in cells)), schema=schema).table["c"]


def model(annotation: Any, field: Any = ..., **config: Any) -> type[BaseModel]:
    """Make a model of one column ``c``."""
    namespace = {"__annotations__": {"c": annotation}, "model_config": config}
    return type("Model", (BaseModel,), namespace if field is ... else {**namespace, "c": field})


class Color(enum.Enum):
    """Texts by name."""

    RED = "r"
    GREEN = "g"


class Level(enum.IntEnum):
    """Numbers by name, not in their order."""

    HIGH = 9
    LOW = 1


class TestNulls:
    """A contract says which columns have nulls; other schemas say nothing of them."""

    @cases(
        "schema",
        [
            pa.schema([pa.field("c", pa.int64(), nullable=False)]),
            model(int),
            model(Annotated[int, "anything"]),
            model(Annotated[int, SimpleNamespace(metadata=5)]),
            model(PositiveInt),
            model(Literal[9, 6]),
            model(Level),
            model(Annotated[int, Field(gt=0)], field=7),
        ],
    )
    def test_refused(self, schema: Any) -> None:
        """The error names column, row and value."""
        with pytest.raises(
            ConversionError, match=r"^Column 'c', row 1: 'null' is a null, which schema= "
        ) as caught:
            column_of(schema, 9, None)
        assert (caught.value.column, caught.value.row, caught.value.value) == ("c", 1, "null")

    @cases(
        "schema",
        [
            {"c": int},
            pl.Schema({"c": pl.Int64}),
            pa.schema([("c", pa.int64())]),
            cf.Schema([cf.Answer.from_json(body(["c"], [5])).schema["c"]]),
            model(int | None),
            model(Annotated[int | None, Field(gt=0)]),
            model(Annotated[int, Field(gt=0)] | None),
            model(Literal[5] | None),
            {"c": Annotated[int, Field(gt=0)]},
        ],
    )
    def test_accepted(self, schema: Any) -> None:
        """A dict, a saved schema, and columns that say so accept nulls."""
        assert column_of(schema, 5, None).to_pylist() == [5, None]

    def test_nat_is_null(self) -> None:
        """A missing time that pandas writes is a null of a column, which the contract refuses."""
        statistics = {"c": {"general": {"count": 2, "nulls_count": 1}, "temporal": {}}}
        given = body(["c"], ["2025-01-01"], ["NaT"], dataframe_stats=statistics)
        with pytest.raises(ConversionError, match="Column 'c', row 1: 'NaT' is a null, which schema="):
            cf.Answer.from_json(given, schema=model(dt.date))

    @cases(
        ("type_", "cells", "message"),
        [
            (
                pa.list_(pa.field("item", pa.int64(), nullable=False)),
                [[1], [2, None]],
                "row 1: '[2,null]' has a null inside, which schema= does not allow",
            ),
            (
                pa.struct([pa.field("x", pa.int64(), nullable=False)]),
                [None, {"x": None}],
                """row 1: '{"x":null}' has a null under 'x', which schema= does not allow""",
            ),
        ],
    )
    def test_inside_of_values(self, type_: pa.DataType, cells: list[Any], message: str) -> None:
        """Fields of nested Arrow types say it too."""
        with pytest.raises(ConversionError) as caught:
            column_of({"c": type_}, *cells)
        assert str(caught.value) == f"Column 'c', {message}."
        fitting = [[1], None] if pa.types.is_list(type_) else [{"x": 1}, None]
        assert column_of({"c": type_}, *fitting).to_pylist() == fitting

    def test_the_table_has_the_fields(self, tmp_path: Path) -> None:
        """The Arrow table, and a Parquet file of it, say the same of nulls as the contract."""
        schema = pa.schema([pa.field("c", pa.int64(), nullable=False), pa.field("d", pa.string())])
        answer = cf.Answer.from_json(body(["c", "d"], [1, None]), schema=schema)
        assert answer.to_arrow().schema.equals(schema)
        path = tmp_path / "a.parquet"
        answer.to_pandas().connecty.to_parquet(path)
        assert cf.read_parquet(path, engine="pyarrow").schema.types == schema.types


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


UUID = "16fd2706-8baf-433b-82eb-8c7fada847da"
CONSTRAINTS: list[tuple[Any, list[Any], Any, str]] = [
    (model(Annotated[int, Field(gt=0)]), [1, 2], 0, "greater than 0"),
    (model(int, Field(ge=1, le=5)), [1, 5], 6, "less than or equal to 5"),
    (model(int, Field(multiple_of=5)), [10], 11, "a multiple of 5"),
    (model(float, Field(lt=1.5)), [1.0], 1.5, "less than 1.5"),
    (model(float, Field(allow_inf_nan=False)), [1.0], "NaN", "a finite number"),
    (model(float, allow_inf_nan=False), [1.0], "Infinity", "a finite number"),
    (model(str, Field(pattern="^a+$")), ["a", "aa"], "b", "match pattern"),
    (model(str, Field(min_length=2)), ["ab"], "a", "at least 2 characters"),
    (model(str, str_min_length=2), ["ab"], "a", "at least 2 characters"),
    (model(str, str_max_length=3), ["abc"], "abcd", "at most 3 characters"),
    (model(str, str_max_length=3, str_strip_whitespace=True), [" abc "], "abcd", "at most 3 characters"),
    (model(Decimal, Field(max_digits=4)), ["1.5"], "1.51234", "no more than 4 digits"),
    (model(Decimal, Field(gt=Decimal("0.1"))), [0.2], 0.1, "greater than 0.1"),
    (model(dt.date, Field(ge=dt.date(2025, 1, 1))), ["2025-01-01"], "2024-12-31", "2025-01-01"),
    (model(PastDate), ["2020-01-01"], "9999-01-01", "in the past"),
    (
        model(AwareDatetime, Field(lt=dt.datetime(2025, 1, 1, tzinfo=dt.UTC))),
        ["2024-12-31T23:59:59Z"],
        "2025-01-01T00:00:00Z",
        "less than 2025-01-01",
    ),
    (model(dt.timedelta, Field(le=dt.timedelta(hours=1))), ["PT1H"], "PT2H", "less than or equal to"),
    (model(dt.time, Field(ge=dt.time(9))), ["09:00:00"], "08:00:00", "greater than or equal to"),
    (model(list[int]), [[1]], [None], "a valid integer"),
    (model(list[Annotated[int, Field(gt=0)]]), [[1], []], [1, 0], "greater than 0"),
    (model(list[int], Field(max_length=1)), [[1]], [1, 2], "at most 1 item"),
    (model(int, Field(gt=0), strict=True), [1], 0, "greater than 0"),
    (model(Annotated[bytes, cf.binary("hex")], Field(max_length=1)), ["00"], "0000", "at most 1 byte"),
    ({"c": Annotated[int, Field(gt=0)]}, [1, None], 0, "greater than 0"),
    ({"c": PositiveInt}, [1, None], 0, "greater than 0"),
    (model(uuid.UUID), [UUID], "123", "a valid UUID"),
    ({"c": list[uuid.UUID]}, [[UUID], None], ["123"], "a valid UUID"),
    ({"c": UUID4}, [UUID, None], UUID.replace("-4", "-1"), "UUID version 4 expected"),
    (model(ipaddress.IPv4Address), ["10.0.0.1"], "10.0.0.256", "not a valid IPv4 address"),
    ({"c": IPvAnyAddress}, ["10.0.0.1", "::1"], "::g", "not a valid IPv4 or IPv6 address"),
]


@cases(("schema", "fitting", "unfit", "message"), CONSTRAINTS)
def test_constraints(schema: Any, fitting: list[Any], unfit: Any, message: str) -> None:
    """Values that do not fit are errors, and those that do are those that were sent."""
    assert len(column_of(schema, *fitting)) == len(fitting)
    with pytest.raises(ConversionError, match=r"^Column 'c', row .* does not fit the model: .*") as caught:
        column_of(schema, *fitting, unfit, *fitting, unfit)
    assert message in str(caught.value)
    assert (caught.value.column, caught.value.row) == ("c", len(fitting))
    assert caught.value.value == (
        unfit if isinstance(unfit, str) else json.dumps(unfit, separators=(",", ":"))
    )


def test_values_are_those_that_were_sent() -> None:
    """Results of pydantic are discarded."""
    schema = model(str, str_strip_whitespace=True, str_to_lower=True, str_max_length=9)
    assert column_of(schema, " ABC ").to_pylist() == [" ABC "]


def test_many_values() -> None:
    """The row is right beyond the first block of distinct values."""
    with pytest.raises(ConversionError, match="row 40000: '-1' does not fit the model"):
        column_of(model(int, Field(ge=0)), *range(40_000), -1)


def test_a_constraint_that_raises() -> None:
    """An exception in the caller's own code is a ConversionError at its row."""
    import annotated_types

    def is_fine(value: int) -> bool:
        return 10 // value > 0

    schema = model(Annotated[int, annotated_types.Predicate(is_fine)])
    for cells in ([1, 0], [0]):
        message = rf"row {len(cells) - 1}: '0' does not fit the model: .*[Dd]ivision"
        with pytest.raises(ConversionError, match=message) as caught:
            column_of(schema, *cells)
        assert caught.value.row == len(cells) - 1


def test_a_constraint_that_pydantic_cannot_check() -> None:
    """A ConfigError that names the column, before anything is sent."""

    class Odd:
        def __get_pydantic_core_schema__(self, *_: object) -> Any:
            raise TypeError("no schema")

    with pytest.raises(ConfigError, match=r"column 'c': pydantic cannot check its constraints: .*no schema"):
        column_of({"c": Annotated[int, Odd()]})


def test_an_annotation_that_names_nothing() -> None:
    """It is no type of a column."""
    with pytest.raises(ConfigError, match=r"column 'c': ForwardRef\('Missing'\) is not a column type"):
        column_of(model("Missing"))


class Validated(BaseModel):
    """Columns with validators of each kind."""

    after: Annotated[int, Field(gt=0), AfterValidator(lambda value: value), Field(gt=100)]
    before: Annotated[str, BeforeValidator(str.strip), Field(max_length=1)]
    decorated: int = Field(lt=5)
    items: list[Annotated[int, AfterValidator(lambda value: value)]]
    plain: int = Field(gt=0)

    @field_validator("decorated")
    @classmethod
    def check_decorated(cls, value: int) -> int:
        """Refuse all."""
        raise AssertionError(value)

    @model_validator(mode="after")
    def check_all(self) -> Validated:
        """Refuse all."""
        raise AssertionError


class TestValidators:
    """They are not run, and named in one warning; constraints before them are checked."""

    NAMES = ("after", "before", "decorated", "items", "plain")

    def test_named(self) -> None:
        """Fields and the model itself."""
        with pytest.warns(TypeFidelityWarning) as caught:
            cf.Answer.from_json(body(list(self.NAMES), [1, " a ", 4, [1], 1]), schema=Validated)
        (warning,) = caught
        assert str(warning.message) == (
            "schema: the validators of fields 'after', 'before', 'decorated', 'items' and of the model "
            "Validated ('check_all') are not run. To run those of a pydantic model, pass a row to its "
            "model_validate."
        )

    def test_elsewhere(self) -> None:
        """One that a model runs for each of its fields, and one in an annotation."""

        class All(BaseModel):
            c: int

            @field_validator("*")
            @classmethod
            def refuse(cls, value: int) -> int:
                """Refuse all."""
                raise AssertionError(value)

        for schema in (All, {"c": Annotated[int, AfterValidator(lambda value: value)]}):
            with pytest.warns(TypeFidelityWarning, match="the validators of fields 'c' are not run"):
                assert column_of(schema, 1).to_pylist() == [1]

    @pytest.mark.filterwarnings("ignore:schema. the validators:connecty_frames.TypeFidelityWarning")
    @cases(
        ("column", "row"),
        [("after", [0, "a", 4, [], 1]), ("decorated", [1, "a", 5, [], 1]), ("plain", [1, "a", 4, [], 0])],
    )
    def test_constraints(self, column: str, row: list[Any]) -> None:
        """Those before a validator hold whatever it does."""
        with pytest.raises(ConversionError) as caught:
            cf.Answer.from_json(body(list(self.NAMES), row), schema=Validated)
        assert caught.value.column == column


class Renamed(BaseModel):
    """A column with two names."""

    country: str
    amount: float = Field(validation_alias=AliasChoices("revenue", "total_revenue"), gt=0)


class Early(BaseModel):
    """A model above the class of its column."""

    c: Later


class Later(enum.Enum):
    """That class."""

    A = "a"


def test_a_class_below_the_model() -> None:
    """It is found, as pydantic itself finds it."""
    assert column_of(Early, "a").to_pylist() == ["a"]


class TestNames:
    """One of several names is there."""

    @cases("name", ["revenue", "total_revenue"])
    def test_one(self, name: str) -> None:
        """The column keeps the name that it has, and its place in the model."""
        answer = cf.Answer.from_json(body([name, "country"], [1.5, "DE"]), schema=Renamed)
        assert answer.table.to_pydict() == {"country": ["DE"], name: [1.5]}
        assert answer.schema.names == ["country", name]
        assert [Renamed.model_validate(row).amount for row in answer.to_polars().to_dicts()] == [1.5]
        with pytest.raises(ConversionError, match=f"Column '{name}', row 0: '0' does not fit the model"):
            cf.Answer.from_json(body([name, "country"], [0, "DE"]), schema=Renamed)

    @cases(
        ("names", "found", "column"),
        [
            (["country"], "none of them", "revenue"),
            (["country", "amount"], "none of them", "revenue"),
            (["total_revenue", "country", "revenue"], "'revenue', 'total_revenue'", "revenue"),
        ],
    )
    def test_none_or_two(self, names: list[str], found: str, column: str) -> None:
        """The error names them."""
        with pytest.raises(ConversionError) as caught:
            cf.Answer.from_json(body(names), schema=Renamed)
        assert str(caught.value).startswith(
            f"schema= expects one of the columns 'revenue', 'total_revenue', but the answer has {found}. "
        )
        assert caught.value.column == column

    @cases(
        ("schema", "names", "other"),
        [
            (model(int, Field(alias="Amount"), populate_by_name=True), ["c", "Amount"], "amount"),
            (model(int, Field(alias="Amount"), validate_by_name=True), ["c", "Amount"], "amount"),
            # A path names no column, and neither does an alias that pydantic does not read.
            (model(int, Field(validation_alias=AliasPath("a", 0))), ["c"], "a"),
            (
                model(int, Field(alias="Amount"), validate_by_alias=False, validate_by_name=True),
                ["c"],
                "Amount",
            ),
        ],
    )
    def test_by_name(self, schema: Any, names: list[str], other: str) -> None:
        """A model that pydantic fills by name accepts the field's own name too, or that name alone."""
        for name in names:
            assert cf.Answer.from_json(body([name], [1]), schema=schema).schema.names == [name]
        with pytest.raises(ConversionError, match=r"'c'"):
            cf.Answer.from_json(body([other], [1]), schema=schema)

    def test_a_name_of_two_fields(self) -> None:
        """A ConfigError."""

        class Twice(BaseModel):
            a: int = Field(validation_alias=AliasChoices("x", "y"))
            b: int = Field(validation_alias=AliasChoices("y", "z"))

        with pytest.raises(ConfigError, match="schema: column 'y' occurs twice"):
            column_of(Twice)


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


@cases(
    "schema",
    [
        model(AwareDatetime),
        model(NaiveDatetime),
        model(Decimal, Field(max_digits=18, decimal_places=2)),
        model(Annotated[Decimal, Field(decimal_places=2)] | None),
        {"c": AwareDatetime},
    ],
)
def test_what_a_type_guarantees_is_not_checked(schema: Any) -> None:
    """Pydantic is not asked for the zone of instants, nor for the digits of decimals."""
    rules = to_schema_types(schema).rules
    assert all(rule.check is None for rule in rules.values())


def test_nulls_inside_are_looked_for_first() -> None:
    """Pydantic reads lists without a constraint only if they have a null inside."""
    rule = to_schema_types(model(list[list[int]])).rules["c"]
    refuse = msgspec.structs.replace(rule, check=lambda values: (0, f"got {len(values)}"))
    check_rule(pa.array([[[1], []], []]), refuse)
    with pytest.raises(CellError, match="got 2"):
        check_rule(pa.array([[[1]], [[None]]]), refuse)


def test_a_secret_is_not_shown() -> None:
    """The error of a SecretStr names its row and the reason, in a model, a dict and inside of lists."""
    short = Annotated[SecretStr, Field(min_length=6)]
    for schema, cell in ((model(short), "abcde"), ({"c": short}, "abcde"), ({"c": list[short]}, ["abcde"])):
        with pytest.raises(ConversionError) as caught:
            column_of(schema, cell)
        assert str(caught.value).startswith("Column 'c', row 0: '**********' does not fit the model: ")
        assert caught.value.value == "**********"
        assert "abcde" not in repr(caught.value) + str(caught.value)
    with pytest.raises(ConversionError, match="holds a lone surrogate") as caught:
        column_of({"c": SecretStr}, "abcde\ud800")
    assert "abcde" not in str(caught.value)
    assert column_of({"c": short}, "abcdef", None).to_pylist() == ["abcdef", None]


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
    """The answer to a question of the sandbox."""

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


class Sums(BaseModel):
    """A contract for what cast returns."""

    n: int = Field(gt=0)
    d: Decimal | None
    kind: Literal["z", "a"] = Field(validation_alias=AliasChoices("kind", "c"))


def test_cast_with_a_contract() -> None:
    """A table meets it too: nulls, constraints, categories and names."""
    answer = cf.Answer.from_json(body(["c", "n", "d"], ["a", 1, 1.25]))

    def cast(*row: Any) -> pa.Table:
        columns = zip(["a", 1, Decimal("1.5")], row, strict=True)
        return cf.cast(answer, pa.table(dict(zip("cnd", map(list, columns), strict=True))), schema=Sums)

    table = cast("z", 2, None)
    assert table.to_pydict() == {"n": [1, 2], "d": [Decimal("1.5"), None], "c": ["a", "z"]}
    assert [field.nullable for field in table.schema] == [False, True, False]
    for row, message in (
        (("z", None, None), "Column 'n', row 1: 'null' is a null"),
        (("z", 0, None), "Column 'n', row 1: '0' does not fit the model: Input should be greater than 0"),
        (("q", 1, None), "Column 'c', row 1: 'q' is not one of the categories 'z', 'a'"),
    ):
        with pytest.raises(ConversionError, match=message):
            cast(*row)
