"""The precision of decimals in pandas, through the dtype backends, `schema=` and files."""

from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import connecty_frames as cf
from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.frames.pandas import to_pandas
from connecty_frames.options import DtypeBackend
from tests.cases import cases
from tests.frames.data import decimals

BACKENDS = ("numpy_nullable", "pyarrow", "numpy")
#: Of as many digits as the widest decimals here.
CONTEXT = Context(prec=38)
every_backend = cases("backend", BACKENDS)
pytestmark = pytest.mark.filterwarnings("ignore::connecty_frames.TypeFidelityWarning")


def described(table: pa.Table, **basis: str) -> AnswerMetadata:
    return AnswerMetadata(
        schema=[{"name": each.name, "type": str(each.type), "evidence": "", **basis} for each in table.schema]
    )


def convert(table: pa.Table, backend: DtypeBackend = "numpy_nullable") -> pd.DataFrame:
    return to_pandas(table, dtype_backend=backend, metadata=described(table))


NINES_17, NINES_28, NINES_38 = "949999999999999.99", "94999999999949999999999999.99", "9" * 36 + ".99"


@every_backend
class TestPrecision:
    """An inferred decimal has the narrowest of 17, 28 and 38 digits that holds the column, also rounded."""

    @cases(
        ("texts", "scale", "precision"),
        [
            ([NINES_17, "-" + NINES_17, None], 2, 17),
            (["950000000000000.00"], 2, 28),
            (["9.49"], 16, 17),
            (["9.5"], 16, 28),
            (["0.49"], 17, 17),
            (["0.50"], 17, 28),
            (["1000000000000000.00"], 2, 28),
            (["1000000000000000000000000.00"], 2, 28),
            (["0.01", "-1000000000000000.00"], 2, 28),
            ([NINES_28, None], 2, 28),
            (["100000000000000000000000000.00"], 2, 38),
            ([NINES_38, "0.01"], 2, 38),
            (["1"], 0, 17),
            (["0.00000000000000001"], 17, 17),
            (["1.00000000000000001"], 17, 28),
            (["0.000000000000000001"], 18, 28),
            (["0.00000000000000000000000000001"], 29, 38),
            ([None, None], 2, 17),
            ([None], 18, 28),
            ([], 2, 17),
            ([], 17, 17),
            ([], 38, 38),
        ],
    )
    def test_narrowest(
        self, texts: list[str | None], scale: int, precision: int, backend: DtypeBackend
    ) -> None:
        """All digits count, those before the point and the scale, and no value changes."""
        table = pa.table({"c": decimals(texts, scale=scale)})
        column = convert(table, backend)["c"]
        assert str(column.dtype) == f"decimal128({precision}, {scale})[pyarrow]"
        assert pa.chunked_array(column.array.__arrow_array__()).to_pylist() == table["c"].to_pylist()

    def test_chunks(self, backend: DtypeBackend) -> None:
        """One value in any chunk decides; what is under a null, or outside of a slice, does not count."""
        values = decimals([NINES_38, "1.50"])
        null = pa.Array.from_buffers(values.type, 2, [pa.py_buffer(b"\x02"), values.buffers()[1]])
        cut = decimals([NINES_38, "2.50", NINES_38]).slice(1, 1)
        column = convert(pa.table({"c": pa.chunked_array([null, cut])}), backend)["c"]
        assert str(column.dtype) == "decimal128(17, 2)[pyarrow]"
        assert [str(value) for value in column] == ["<NA>", "1.50", "2.50"]
        longer = pa.chunked_array([null, cut, decimals([NINES_28])])
        assert str(convert(pa.table({"c": longer}), backend)["c"].dtype) == "decimal128(28, 2)[pyarrow]"

    def test_types_that_are_kept(self, backend: DtypeBackend) -> None:
        """A type of `schema=`, decimal256, decimals inside lists and structs, and all without an answer."""
        table = pa.table(
            {
                "c": decimals(["1.50"]),
                "wide": pa.array([Decimal(1)], pa.decimal256(76, 0)),
                "list": pa.array([[Decimal("1.50")]], pa.list_(pa.decimal128(38, 2))),
                "struct": pa.array([{"a": Decimal("1.50")}], pa.struct({"a": pa.decimal128(38, 2)})),
            }
        )
        kept = [f"{type_}[pyarrow]" for type_ in map(str, table.schema.types)]
        assert list(map(str, to_pandas(table, dtype_backend=backend).dtypes)) == kept
        set_by_caller = described(table, basis="schema")
        assert list(map(str, to_pandas(table, dtype_backend=backend, metadata=set_by_caller).dtypes)) == kept
        assert list(map(str, convert(table, backend).dtypes)) == ["decimal128(17, 2)[pyarrow]", *kept[1:]]

    def test_columns_that_the_answer_did_not_have(self, backend: DtypeBackend) -> None:
        """A column of another name or another type, as in a file written later, is kept."""
        table = pa.table({"other": decimals(["1.50"]), "c": decimals(["1.5000"], scale=4)})
        metadata = described(pa.table({"c": decimals(["1.50"])}))
        frame = to_pandas(table, dtype_backend=backend, metadata=metadata)
        assert list(map(str, frame.dtypes)) == ["decimal128(38, 2)[pyarrow]", "decimal128(38, 4)[pyarrow]"]


@given(
    st.lists(
        st.none() | st.integers(-(10**38) + 1, 10**38 - 1) | st.sampled_from([10**17, 10**17 - 1, 10**28]),
        max_size=5,
    ),
    st.integers(0, 38),
)
def test_any_decimals(unscaled: list[int | None], scale: int) -> None:
    """The number of digits decides, and no value changes."""
    values = [None if value is None else Decimal(value).scaleb(-scale, CONTEXT) for value in unscaled]
    column = convert(pa.table({"c": pa.array(values, pa.decimal128(38, scale))}))["c"]
    largest = max((abs(value) for value in values if value is not None), default=Decimal(0))
    # Halves are rounded up to one more digit, at the first place or at the point.
    fitting = [
        precision
        for precision in (17, 28)
        if scale <= precision
        and all(largest + half < 10 ** (precision - scale) for half in _halves(precision, scale))
    ]
    assert column.dtype.pyarrow_dtype.precision == min([*fitting, 38])
    assert pa.chunked_array(column.array.__arrow_array__()).to_pylist() == values


def _halves(precision: int, scale: int) -> list[Decimal]:
    """Return half a unit of the first place before the point, and of the point."""
    return [Decimal(5).scaleb(max(precision - scale - 2, -1)), Decimal("0.5")]


BODY = b'{"state":"COMPLETED","results":{"dataframe":[["c"],[949999999999999.99],[null],[0.01]]}}'


class TestAnswers:
    """The precision of an answer's decimals, through `schema=` and files."""

    def test_inferred(self) -> None:
        """A frame of pandas has 17 digits in every backend; Arrow and polars have 38."""
        answer = cf.Answer.from_json(BODY)
        for backend in BACKENDS:
            assert str(answer.to_pandas(backend)["c"].dtype) == "decimal128(17, 2)[pyarrow]"
        assert str(answer.to_arrow()["c"].type) == "decimal128(38, 2)"
        assert answer.to_polars()["c"].dtype == pl.Decimal(38, 2)
        assert [str(value) for value in answer.to_pandas()["c"]] == ["949999999999999.99", "<NA>", "0.01"]

    @cases("type_", ["decimal128(38, 2)", "decimal128(20, 4)"])
    def test_schema(self, type_: str) -> None:
        """A type of `schema=` is the dtype, also after it has been saved with the schema."""
        answer = cf.Answer.from_json(BODY, schema={"c": type_})
        assert str(answer.to_pandas()["c"].dtype) == f"{type_}[pyarrow]"
        saved = cf.Schema.from_json(answer.schema.to_json())
        assert str(cf.Answer.from_json(BODY, schema=saved).to_pandas()["c"].dtype) == f"{type_}[pyarrow]"

    def test_saved_schema(self) -> None:
        """An inferred type is narrowed again where its saved schema is used, however often."""
        answer = cf.Answer.from_json(BODY)
        for _ in range(2):
            answer = cf.Answer.from_json(BODY, schema=cf.Schema.from_json(answer.schema.to_json()))
            assert answer.schema["c"].evidence == "saved schema"
            assert str(answer.schema["c"].type) == "decimal128(38, 2)"
            assert str(answer.to_pandas()["c"].dtype) == "decimal128(17, 2)[pyarrow]"

    @pytest.mark.parametrize("engine", ["pandas", "polars"])
    @pytest.mark.parametrize("schema", [None, {"c": "decimal128(38, 2)"}, {"c": "decimal128(17, 2)"}])
    def test_parquet(self, engine: str, schema: dict[str, str] | None, tmp_path: Path) -> None:
        """A file of any library reads as the frames of the answer."""
        answer = cf.Answer.from_json(BODY, schema=schema)
        frame: Any = answer.to_pandas() if engine == "pandas" else answer.to_polars()
        path = frame.connecty.to_parquet(tmp_path / "frame.parquet")
        pd.testing.assert_frame_equal(cf.read_parquet(path), answer.to_pandas())
        assert cf.read_parquet(path, engine="polars").schema == answer.to_polars().schema
        assert cf.read_parquet(path, engine="pyarrow").schema.types == answer.schema.types

    def test_parquet_of_results(self, tmp_path: Path) -> None:
        """What pandas computed is read as it was written."""
        frame = cf.Answer.from_json(BODY).to_pandas()
        frame["c"] = frame["c"] + frame["c"]
        assert str(frame["c"].dtype) == "decimal128(18, 2)[pyarrow]"
        path = frame.connecty.to_parquet(tmp_path / "frame.parquet")
        pd.testing.assert_frame_equal(cf.read_parquet(path), frame)


@every_backend
def test_rounding_has_room(backend: DtypeBackend) -> None:
    """Averages as PostgreSQL prints them are rounded to the next digit; 17 digits would make them 0."""
    column = convert(pa.table({"c": decimals(["9.6666666666666667", "0.99"], scale=16)}), backend)["c"]
    assert list(map(float, column.round(0))) == [10.0, 1.0]
