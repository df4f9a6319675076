"""Plain numpy frames in scikit-learn and LightGBM, with nulls, on pandas 2 and 3."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import connecty_frames as cf
from tests.frames.data import body

pytest.importorskip("sklearn")

from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

pytestmark = pytest.mark.slow

ROWS = [
    ["DE", 3, 10.5, True, "2025-11-01", "2025-11-01T10:00:00Z"],
    [None, None, None, None, None, None],
    ["PL", 1, 0.25, False, "2025-11-03", "2025-11-03T10:00:00Z"],
    ["DE", 2, 4.0, True, "2025-11-02", "2025-11-02T10:00:00Z"],
]
NAMES = ["country", "orders", "revenue", "paid", "day", "at"]
#: Which of the rows a model learns to tell from the others.
TARGET = [1, 0, 0, 1]


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return a plain numpy frame of an answer with a null in each column."""
    with pytest.warns(cf.TypeFidelityWarning, match="became float64, since they have nulls: 'orders'"):
        return cf.Answer.from_json(body(NAMES, *ROWS)).to_pandas("numpy")


def cells(values: Any) -> list[Any]:
    """Return values in a list, NaN as a text, since it is not equal to itself."""
    return ["nan" if value != value else value for value in np.asarray(values).ravel().tolist()]  # noqa: PLR0124


def test_the_dtypes(frame: pd.DataFrame) -> None:
    """Those that pandas itself would choose; a null is NaN or NaT, never None or NA."""
    text = "object" if pd.__version__.startswith("2.") else "str"
    assert list(map(str, frame.dtypes)) == [
        *(text, "float64", "float64", "object"),
        *("datetime64[s]", "datetime64[us, UTC]"),
    ]
    assert list(map(str, frame.iloc[1])) == ["nan", "nan", "nan", "nan", "NaT", "NaT"]


@pytest.mark.parametrize(
    ("name", "categories", "codes"),
    [
        ("country", ["DE", "PL", "nan"], [0, -1, 1, 0]),
        ("paid", [False, True, "nan"], [1, -1, 0, 1]),
        ("orders", [1, 2, 3, "nan"], [2, -1, 0, 1]),
    ],
)
def test_encoders(frame: pd.DataFrame, name: str, categories: list[Any], codes: list[int]) -> None:
    """A null is a missing value, and no category of its own beside NaN."""
    ordinal = OrdinalEncoder(encoded_missing_value=-1)
    assert cells(OneHotEncoder().fit(frame[[name]]).categories_[0]) == categories
    assert cells(ordinal.fit_transform(frame[[name]])) == codes


@pytest.mark.parametrize(
    ("names", "strategy", "filled"),
    [
        (["country"], "most_frequent", ["DE"]),
        (["paid"], "most_frequent", [True]),
        (["country", "paid"], "most_frequent", ["DE", True]),
        (["orders", "revenue"], "mean", [2.0, 14.75 / 3]),
    ],
)
def test_imputers(frame: pd.DataFrame, names: list[str], strategy: str, filled: list[Any]) -> None:
    """The null is filled, also in texts and booleans together."""
    assert cells(SimpleImputer(strategy=strategy).fit_transform(frame[names])[1]) == filled


def days(frame: pd.DataFrame) -> pd.DataFrame:
    """Return dates and instants as days since a date: scikit-learn takes no NaT."""
    since = pd.Timestamp("2025-11-01")
    return pd.DataFrame(
        {name: (column.dt.tz_localize(None) - since).dt.days for name, column in frame.items()}
    )


def test_a_pipeline(frame: pd.DataFrame) -> None:
    """All columns of an answer, chosen by their dtypes as in scikit-learn's own examples."""
    columns = ColumnTransformer(
        [
            (
                "words",
                make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()),
                ["country", "paid"],
            ),
            (
                "numbers",
                make_pipeline(SimpleImputer(), StandardScaler()),
                make_column_selector(dtype_include="number"),
            ),
            ("dates", make_pipeline(FunctionTransformer(days), SimpleImputer()), ["day", "at"]),
        ]
    )
    model = make_pipeline(columns, LogisticRegression()).fit(frame, TARGET)

    assert columns.fit_transform(frame).shape == (4, 8)
    assert columns.fit_transform(frame)[:, :4].tolist() == [
        [1, 0, 0, 1],
        [1, 0, 0, 1],
        [0, 1, 1, 0],
        [1, 0, 0, 1],
    ]
    assert model.predict(frame).shape == (4,)


def test_light_gbm(frame: pd.DataFrame) -> None:
    """It has nulls of its own: texts as categories, booleans as numbers."""
    lightgbm = pytest.importorskip("lightgbm")
    features = frame[["country", "orders", "revenue", "paid"]].astype({"country": "category", "paid": float})
    model = lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=1, min_data_in_bin=1, verbose=-1)
    assert model.fit(features, TARGET).predict(features).tolist() == TARGET
