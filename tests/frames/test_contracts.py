"""``schema=`` as a contract: nulls, constraints, validators and names, in every library."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import json
import re
import uuid
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import msgspec
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
    StringConstraints,
    conint,
    field_validator,
    model_validator,
)

import connecty_frames as cf
from connecty_frames.decode.cells import CellError
from connecty_frames.decode.schema import check_rule
from connecty_frames.errors import ConfigError, ConversionError, TypeFidelityWarning
from connecty_frames.frames.schema import to_schema_types
from tests.cases import cases
from tests.frames.data import body, column_of, model

EVENINGS = [dt.datetime(2024, 1, day, 20) for day in (1, 2, 3)]


class LikeText:
    """A constraint of the caller that has parts, and a check of its own."""

    def __iter__(self) -> Any:
        return iter(())

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return handler(source)


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
            model(enum.IntEnum("Level", {"HIGH": 9, "LOW": 1})),
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
    after: Annotated[int, Field(gt=0), AfterValidator(lambda value: value), Field(gt=100)]
    before: Annotated[str, BeforeValidator(str.strip), Field(max_length=1)]
    decorated: int = Field(lt=5)
    items: list[Annotated[int, AfterValidator(lambda value: value)]]
    plain: int = Field(gt=0)

    @field_validator("decorated")
    @classmethod
    def check_decorated(cls, value: int) -> int:
        raise AssertionError(value)

    @model_validator(mode="after")
    def check_all(self) -> Validated:
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
    country: str
    amount: float = Field(validation_alias=AliasChoices("revenue", "total_revenue"), gt=0)


class Early(BaseModel):
    c: Later


class Later(enum.Enum):
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


@cases(
    ("schema", "values", "checked"),
    [
        (model(int, Field(gt=0)), [3, 1, 2, 3], {1, 3}),
        (model(conint(ge=1, lt=9)), [3, 1, 2, 2], {1, 3}),
        (model(dt.date, Field(ge=dt.date(2024, 1, 1))), [dt.date(2024, 1, day) for day in (2, 3, 1)], 2),
        (model(dt.datetime, Field(lt=dt.datetime(2030, 1, 1))), [dt.datetime(2024, 1, 1)] * 4, 1),
        (model(str, Field(min_length=1, max_length=3)), ["ab", "äöü", "a", "abc"], {"a", "äöü"}),
        (model(Annotated[str, StringConstraints(max_length=3)]), ["ab", "", "abc"], {"", "abc"}),
        (model(uuid.UUID), [UUID, UUID.upper(), UUID.replace("-", "")], {UUID.replace("-", "")}),
        (model(int, Field(gt=0, multiple_of=2)), [2, 4, 6], 3),
        (model(float, Field(gt=0)), [1.5, 2.5, 3.5], 3),
        (model(str, Field(pattern=r"^\d+-[a-c_]{1,2}$", max_length=9)), ["1-a", "22-bc", "3-c_", "٤-a"], 3),
        (model(str, Field(pattern="[^b]")), ["a", "aa", "aaa"], 3),
        (model(str, Field(pattern=re.compile("a"))), ["a", "aa", "aaa"], 3),
        (model(str, Field(pattern="a"), regex_engine="python-re"), ["a", "aa", "aaa"], 3),
        (model(str, Field(pattern="(?:(?:a{99}){99})?")), ["a", "aa", "aaa"], 3),
        (model(str, Field(max_length=3), str_strip_whitespace=True), ["a", "aa", "aaa"], 3),
        (model(Annotated[dt.datetime, cf.local("UTC")], Field(ge=dt.datetime(2024, 1, 1))), EVENINGS, 3),
        (model(Annotated[str, LikeText()]), ["a", "aa", "aaa"], 3),
    ],
)
def test_few_values_decide(schema: Any, values: list[Any], checked: set[Any] | int) -> None:
    """Pydantic checks bounds with the extremes, and UUIDs in another spelling; anything else by value."""
    seen = list[Any]()
    rule = to_schema_types(schema).rules["c"]
    check_rule(pa.array(values), msgspec.structs.replace(rule, check=seen.extend))
    assert set(seen) == checked if isinstance(checked, set) else len(set(seen)) == checked


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


class Sums(BaseModel):
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
