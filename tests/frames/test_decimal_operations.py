"""What pandas computes with columns of money, and what it cannot."""

from __future__ import annotations

import io
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from connecty_frames.frames import to_pandas, to_polars
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable

    from connecty_frames.options import DtypeBackend

every_backend = pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow", "numpy"])
pytestmark = pytest.mark.filterwarnings("ignore::connecty_frames.TypeFidelityWarning")


def decimals(texts: list[str | None], precision: int = 17) -> pa.Array:
    """Return an Arrow column of decimals, of as many digits as inferred ones have in pandas."""
    return pa.array([None if text is None else Decimal(text) for text in texts], pa.decimal128(precision, 2))


MONEY = pa.table(
    {
        "region": ["x", "y", "x", "y"],
        "amount": decimals(["10.25", "20.50", None, "984.18"]),
        "cost": decimals(["3.00", "4.00", "5.00", "7.00"]),
        "quantity": [1, 2, 3, 4],
    }
)
D = Decimal


def parquet(frame: pd.DataFrame) -> pd.Series[Any]:
    """Write a frame by pandas and read it by pandas."""
    file = io.BytesIO()
    frame.to_parquet(file)
    return pd.read_parquet(file, dtype_backend="pyarrow")["amount"]


#: What pandas can do with columns of 17 digits, and the texts of the cells of the result.
WORKS: dict[str, tuple[Callable[[pd.DataFrame], Any], Any]] = {
    # Results of + - * / have their own scale; a quotient is cut after it, not rounded.
    "+ column": (lambda f: f.amount + f.cost, ["13.25", "24.50", "<NA>", "991.18"]),
    "- column": (lambda f: f.amount - f.cost, ["7.25", "16.50", "<NA>", "977.18"]),
    "* column": (lambda f: f.amount * f.cost, ["30.7500", "82.0000", "<NA>", "6889.2600"]),
    "/ column": (
        lambda f: f.amount / f.cost,
        ["3.416666666666666666", "5.125000000000000000", "<NA>", "140.597142857142857142"],
    ),
    "* whole numbers": (lambda f: f.amount * f.quantity, ["10.25", "41.00", "<NA>", "3936.72"]),
    "+ int": (lambda f: f.amount + 1, ["11.25", "21.50", "<NA>", "985.18"]),
    "* int": (lambda f: f.amount * 2, ["20.50", "41.00", "<NA>", "1968.36"]),
    "/ int": (
        lambda f: f.amount / 4,
        ["2.5625000000000000000000", "5.1250000000000000000000", "<NA>", "246.0450000000000000000000"],
    ),
    "+ Decimal": (lambda f: f.amount + D("1.5"), ["11.75", "22.00", "<NA>", "985.68"]),
    "* Decimal": (lambda f: f.amount * D("1.23"), ["12.6075", "25.2150", "<NA>", "1210.5414"]),
    "/ Decimal is cut": (lambda f: f.amount / D("1.23"), ["8.3333", "16.6666", "<NA>", "800.1463"]),
    # By Arrow's cast to double, which is wrong in the last digit: 984.18 + 1.5 is 985.68.
    "+ float": (lambda f: f.amount + 1.5, ["11.75", "22.0", "<NA>", "985.6800000000001"]),
    "* float": (lambda f: f.amount * 1.5, ["15.375", "30.75", "<NA>", "1476.27"]),
    "negative, abs": (lambda f: (-f.amount).abs(), ["10.25", "20.50", "<NA>", "984.18"]),
    "share is cut": (lambda f: f.amount / f.amount.sum(), ["0.0100992", "0.0201984", "<NA>", "0.9697023"]),
    "diff": (lambda f: f.amount.diff(), ["<NA>", "10.25", "<NA>", "<NA>"]),
    "pct_change": (
        lambda f: f.cost.pct_change(),
        ["<NA>", "0.333333333333333333", "0.250000000000000000", "0.400000000000000000"],
    ),
    "sum": (lambda f: f.amount.sum(), "1014.93"),
    "mean is rounded": (lambda f: f.amount[:2].mean(), "15.38"),
    "min, max": (lambda f: [f.amount.min(), f.amount.max()], ["10.25", "984.18"]),
    "median": (lambda f: f.amount.median(), "20.5"),
    "quantile": (lambda f: f.amount.quantile(0.25), "15.375"),
    "std": (lambda f: round(f.amount.std(), 6), "559.363306"),
    "sum of columns": (lambda f: f[["amount", "cost"]].sum(), ["1014.93", "19.00"]),
    "sum of rows": (lambda f: f[["amount", "cost"]].sum(axis=1), ["13.25", "24.50", "5.00", "991.18"]),
    "groupby sum": (lambda f: f.groupby("region").amount.sum(), ["10.25", "1004.68"]),
    "groupby mean": (lambda f: f.groupby("region").cost.mean(), ["4.00", "5.50"]),
    "groupby agg": (lambda f: f.groupby("region").agg(m=("amount", "max")).m, ["10.25", "984.18"]),
    "groupby by it": (lambda f: f.groupby("amount").quantity.sum(), ["1", "2", "4"]),
    "pivot_table": (
        lambda f: f.pivot_table(index="region", values="amount", aggfunc="sum").amount,
        ["10.25", "1004.68"],
    ),
    "round": (lambda f: f.amount.round(1), ["10.20", "20.50", "<NA>", "984.20"]),
    "rank": (lambda f: f.amount.rank(), ["1.0", "2.0", "<NA>", "3.0"]),
    "merge": (lambda f: f.merge(f, on="amount").quantity_y, ["1", "2", "3", "4"]),
    "join": (lambda f: f[["cost"]].join(f[["amount"]]).amount, ["10.25", "20.50", "<NA>", "984.18"]),
    "sort_values": (lambda f: f.amount.sort_values(ascending=False), ["984.18", "20.50", "10.25", "<NA>"]),
    "value_counts": (lambda f: f.amount.value_counts(), ["1", "1", "1"]),
    "drop_duplicates": (lambda f: pd.concat([f, f]).cost.drop_duplicates(), ["3.00", "4.00", "5.00", "7.00"]),
    "unique": (lambda f: f.amount.unique(), ["10.25", "20.50", "<NA>", "984.18"]),
    "nunique": (lambda f: f.amount.nunique(), "3"),
    "isin": (lambda f: f.amount.isin([D("20.5")]), ["False", "True", "False", "False"]),
    "fillna int": (lambda f: f.amount.fillna(0), ["10.25", "20.50", "0.00", "984.18"]),
    "fillna Decimal": (lambda f: f.amount.fillna(D("0.5")), ["10.25", "20.50", "0.50", "984.18"]),
    "where": (lambda f: f.cost.where(f.cost > 4, D(0)), ["0.00", "0.00", "5.00", "7.00"]),
    "clip": (lambda f: f.amount.clip(15, 100), ["15.00", "20.50", "<NA>", "100.00"]),
    "> int": (lambda f: f.amount > 15, ["False", "True", "<NA>", "True"]),
    "> float": (lambda f: f.amount > 15.5, ["False", "True", "<NA>", "True"]),
    "> Decimal": (lambda f: f[f.amount > D("20.5")].amount, ["984.18"]),
    "between": (lambda f: f.amount.between(15, 100), ["False", "True", "<NA>", "False"]),
    "query": (lambda f: f.query("amount > 15").amount, ["20.50", "984.18"]),
    "idxmax": (lambda f: f.amount.idxmax(), "3"),
    "astype float": (lambda f: f.cost.astype(float), ["3.0", "4.0", "5.0", "7.0"]),
    "astype Float64": (lambda f: f.amount.astype("Float64"), ["10.25", "20.5", "<NA>", "984.18"]),
    "astype string": (lambda f: f.amount.astype("string"), ["10.25", "20.50", "<NA>", "984.18"]),
    "astype int": (lambda f: f.cost.astype("int64"), ["3", "4", "5", "7"]),
    "concat": (lambda f: pd.concat([f.amount[:1], f.cost[:1]]), ["10.25", "3.00"]),
    "concat of two precisions": (lambda f: pd.concat([f.cost, f.cost + f.cost]).dtype, "object"),
    "apply": (lambda f: f.cost.apply(lambda value: value + 1), ["4.00", "5.00", "6.00", "8.00"]),
    "shift": (lambda f: f.amount.shift(1), ["<NA>", "10.25", "20.50", "<NA>"]),
    "rolling": (lambda f: f.cost.rolling(2).mean(), ["nan", "3.5", "4.5", "6.0"]),
    "to_csv": (lambda f: f.amount.to_csv(index=False), 'amount\n10.25\n20.50\n""\n984.18\n'),
    "to_dict": (lambda f: f.cost[:2].to_dict(), "{0: Decimal('3.00'), 1: Decimal('4.00')}"),
    "to_parquet": (parquet, ["10.25", "20.50", "<NA>", "984.18"]),
}  # fmt: skip


def cells(result: Any) -> Any:
    """Return the cells of a column as texts, or a single value."""
    is_column = isinstance(result, list | pd.Series | pd.api.extensions.ExtensionArray)
    return [str(value) for value in result] if is_column else str(result)


@every_backend
@cases("operation", WORKS)
def test_works(operation: str, backend: DtypeBackend) -> None:
    """An operation on columns of 17 digits gives these values."""
    function, expected = WORKS[operation]
    assert cells(function(to_pandas(MONEY, dtype_backend=backend))) == expected


#: What pandas raises, and what the operation gives after ``.astype("Float64")``.
RAISES: dict[str, tuple[Callable[[pd.DataFrame], Any], tuple[type[Exception], ...], Any]] = {
    "describe": (
        lambda f: f.cost.describe(),
        (TypeError,),
        ["4.0", "4.75", "1.707825127659933", "3.0", "3.75", "4.5", "5.5", "7.0"],
    ),
    "cumsum": (
        lambda f: f.amount.cumsum(),
        (TypeError, NotImplementedError),
        ["10.25", "30.75", "<NA>", "1014.93"],
    ),
    "cummax": (
        lambda f: f.amount.cummax(),
        (TypeError, NotImplementedError),
        ["10.25", "20.5", "<NA>", "984.18"],
    ),
    "groupby cumsum": (
        lambda f: f.groupby("region").cost.cumsum(),
        (TypeError, NotImplementedError),
        ["3.0", "4.0", "8.0", "11.0"],
    ),
    "nlargest": (lambda f: f.amount.nlargest(2), (TypeError,), ["984.18", "20.5"]),
    "percentage": (
        lambda f: f.cost / f.cost.sum() * 100,
        (ValueError,),
        ["15.789473684210526", "21.052631578947366", "26.31578947368421", "36.84210526315789"],
    ),
    "a chain": (
        lambda f: f.amount * f.cost / 100,
        (ValueError,),
        ["0.3075", "0.82", "<NA>", "68.89259999999999"],
    ),
    "%": (lambda f: f.amount % f.cost, (NotImplementedError,), ["1.25", "0.5", "<NA>", "4.17999999999995"]),
    "fillna float": (lambda f: f.amount.fillna(0.5), (TypeError,), ["10.25", "20.5", "0.5", "984.18"]),
    "to_numeric": (lambda f: pd.to_numeric(f.amount), (ValueError,), ["10.25", "20.5", "<NA>", "984.18"]),
    "interpolate": (
        lambda f: f.cost.interpolate(),
        (NotImplementedError, TypeError),
        ["3.0", "4.0", "5.0", "7.0"],
    ),
    "convert_dtypes": (
        lambda f: f.amount.convert_dtypes(),
        (KeyError,),
        ["10.25", "20.5", "<NA>", "984.18"],
    ),
}


@every_backend
@cases("operation", RAISES)
def test_raises(operation: str, backend: DtypeBackend) -> None:
    """What pandas cannot do with decimals it can do with their nearest floats."""
    function, errors, expected = RAISES[operation]
    frame = to_pandas(MONEY, dtype_backend=backend)
    with pytest.raises(errors):
        function(frame)
    floats = frame.astype({"amount": "Float64", "cost": "Float64"})
    assert cells(function(floats)) == expected


#: For two columns of each precision, what there is of ``+``, ``-``, ``*``, ``/``, diff and pct_change.
ARITHMETIC: dict[int, list[str]] = {
    17: [
        "decimal128(18, 2)",
        "decimal128(18, 2)",
        "decimal128(35, 4)",
        "decimal128(35, 18)",
        "decimal128(18, 2)",
        "decimal128(38, 18)",
    ],
    18: [
        "decimal128(19, 2)",
        "decimal128(19, 2)",
        "decimal128(37, 4)",
        "decimal128(37, 19)",
        "decimal128(19, 2)",
        "raises",
    ],
    28: ["decimal128(29, 2)", "decimal128(29, 2)", "raises", "raises", "decimal128(29, 2)", "raises"],
    38: ["raises"] * 6,
}


@cases("precision", ARITHMETIC)
def test_precisions_of_arithmetic(precision: int) -> None:
    """The precisions are chosen by what pandas can compute with them: 17 is the most with pct_change."""
    table = pa.table({"c": decimals(["1.50", "2.00", None], precision)})
    column = to_pandas(table)["c"]
    operations: list[Callable[[], Any]] = [
        lambda: column + column,
        lambda: column - column,
        lambda: column * column,
        lambda: column / column,
        column.diff,
        lambda: column.pct_change(fill_method=None),
    ]
    found = []
    for operation in operations:
        try:
            found.append(str(operation().dtype).removesuffix("[pyarrow]"))
        except pa.ArrowInvalid:
            found.append("raises")
    assert found == ARITHMETIC[precision]


@pytest.mark.parametrize("dtype", ["Float64", "float64"])
def test_nearest_floats(dtype: str) -> None:
    """Of 20,000 amounts, ``astype`` gives the float that Python reads from the digits."""
    cents = random.Random(1).sample(range(-(10**12), 10**12), 20_000)
    texts = [f"{'-' if each < 0 else ''}{abs(each) // 100}.{abs(each) % 100:02}" for each in cents]
    column = to_pandas(pa.table({"c": decimals(texts)}))["c"]
    assert column.astype(dtype).to_list() == [float(text) for text in texts]


def test_nearest_floats_in_polars() -> None:
    """So does the cast of polars."""
    cents = random.Random(1).sample(range(10**12), 20_000)
    texts = [f"{each // 100}.{each % 100:02}" for each in cents]
    column = to_polars(pa.table({"c": decimals(texts, 38)}))["c"]
    assert column.cast(pl.Float64).to_list() == [float(text) for text in texts]
