"""What ``docs/decimals.md`` says that pandas computes with columns of money, and what it cannot."""

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from connecty_frames.frames.pandas import to_pandas
from connecty_frames.frames.polars import to_polars
from tests.cases import cases
from tests.frames.data import decimals

pytestmark = pytest.mark.filterwarnings("ignore::connecty_frames.TypeFidelityWarning")


MONEY = pa.table(
    {
        "region": ["x", "y", "x", "y"],
        # Of as many digits as inferred ones have in pandas.
        "amount": decimals(["10.25", "20.50", None, "984.18"], 17),
        "cost": decimals(["3.00", "4.00", "5.00", "7.00"], 17),
        "quantity": [1, 2, 3, 4],
    }
)
D = Decimal


#: What ``docs/decimals.md`` says of results with columns of 17 digits, as the texts of their cells.
RESULTS: dict[str, tuple[Callable[[pd.DataFrame], Any], Any]] = {
    "+ column": (lambda f: f.amount + f.cost, ["13.25", "24.50", "<NA>", "991.18"]),
    "* column": (lambda f: f.amount * f.cost, ["30.7500", "82.0000", "<NA>", "6889.2600"]),
    "/ column": (
        lambda f: f.amount / f.cost,
        ["3.416666666666666666", "5.125000000000000000", "<NA>", "140.597142857142857142"],
    ),
    "pct_change": (
        lambda f: f.cost.pct_change(),
        ["<NA>", "0.333333333333333333", "0.250000000000000000", "0.400000000000000000"],
    ),
    "/ Decimal is cut": (lambda f: f.amount / D("1.23"), ["8.3333", "16.6666", "<NA>", "800.1463"]),
    "share is cut": (lambda f: f.amount / f.amount.sum(), ["0.0100992", "0.0201984", "<NA>", "0.9697023"]),
    # By Arrow's cast to double, which is wrong in the last digit: 984.18 + 1.5 is 985.68.
    "+ float": (lambda f: f.amount + 1.5, ["11.75", "22.0", "<NA>", "985.6800000000001"]),
    "sum": (lambda f: f.amount.sum(), "1014.93"),
    "groupby sum": (lambda f: f.groupby("region").amount.sum(), ["10.25", "1004.68"]),
    "mean is rounded": (lambda f: f.amount[:2].mean(), "15.38"),
    "median": (lambda f: f.amount.median(), "20.5"),
    "fillna int": (lambda f: f.amount.fillna(0), ["10.25", "20.50", "0.00", "984.18"]),
    "> Decimal": (lambda f: f[f.amount > D("20.5")].amount, ["984.18"]),
    "concat of two precisions": (lambda f: pd.concat([f.cost, f.cost + f.cost]).dtype, "object"),
}


def cells(result: Any) -> Any:
    is_column = isinstance(result, list | pd.Series | pd.api.extensions.ExtensionArray)
    return [str(value) for value in result] if is_column else str(result)


@cases("operation", RESULTS)
def test_results(operation: str) -> None:
    """As the page says of them."""
    function, expected = RESULTS[operation]
    assert cells(function(to_pandas(MONEY))) == expected


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
    "convert_dtypes": (lambda f: f.amount.convert_dtypes(), (KeyError,), ["10.25", "20.5", "<NA>", "984.18"]),
}


@cases("operation", RAISES)
def test_raises(operation: str) -> None:
    """What pandas cannot do with decimals it can do with their nearest floats."""
    function, errors, expected = RAISES[operation]
    frame = to_pandas(MONEY)
    with pytest.raises(errors):
        function(frame)
    floats = frame.astype({"amount": "Float64", "cost": "Float64"})
    assert cells(function(floats)) == expected


#: For two columns of each precision, precision and scale of ``+``, ``-``, ``*``, ``/``, diff and pct_change.
ARITHMETIC: dict[int, list[tuple[int, int] | None]] = {
    17: [(18, 2), (18, 2), (35, 4), (35, 18), (18, 2), (38, 18)],
    18: [(19, 2), (19, 2), (37, 4), (37, 19), (19, 2), None],
    28: [(29, 2), (29, 2), None, None, (29, 2), None],
    38: [None, None, None, None, None, None],
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
    for operation, expected in zip(operations, ARITHMETIC[precision], strict=True):
        if expected is None:
            with pytest.raises(pa.ArrowInvalid):
                operation()
        else:
            assert operation().dtype == pd.ArrowDtype(pa.decimal128(*expected))


@cases("dtype", ["Float64", "float64"])
def test_nearest_floats(dtype: str) -> None:
    """Of 20,000 amounts, ``astype`` and polars' cast give the float that Python reads from the digits."""
    cents = random.Random(1).sample(range(-(10**12), 10**12), 20_000)
    texts = [f"{'-' if each < 0 else ''}{abs(each) // 100}.{abs(each) % 100:02}" for each in cents]
    table = pa.table({"c": decimals(texts, 17)})
    expected = [float(text) for text in texts]
    assert to_pandas(table)["c"].astype(dtype).to_list() == expected
    assert to_polars(table)["c"].cast(pl.Float64).to_list() == expected
