"""The tables of what survives what: each row is run, in the library and version that is installed."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import polars as pl
import pytest

import connecty_frames as cf

PAGE: Final = (Path(__file__).parents[2] / "docs" / "metadata.md").read_text(encoding="utf-8")
#: The column of the pandas table that speaks of the version installed.
PANDAS: Final = "pandas 3" if int(pd.__version__.partition(".")[0]) >= 3 else "pandas 2.2"

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE: Final = re.compile(r"^\|(?P<head>.+)\|\n\|[-|]+\|\n(?P<rows>(?:\|.+\|\n)+)", re.MULTILINE)


def rows(*heads: str) -> list[dict[str, str]]:
    """Give the rows of the table that has these heads, each as a dict of them."""
    for table in TABLE.finditer(PAGE):
        names = [name.strip() for name in table["head"].split("|")]
        if set(heads) <= set(names):
            cells = [
                [cell.strip() for cell in line.strip("|").split("|")] for line in table["rows"].splitlines()
            ]
            return [dict(zip(names, row, strict=True)) for row in cells]
    raise AssertionError(heads)


def table(*heads: str) -> Any:
    """Make a test of each row."""
    found = rows(*heads)
    return pytest.mark.parametrize("row", found, ids=[row[heads[0]] for row in found])


def run(code: str, **names: object) -> Any:
    """Run a cell of a table."""
    known = {"cf": cf, "copy": copy, "pd": pd, "pickle": pickle, "pl": pl, **names}
    return eval(code.strip("`"), known)  # noqa: S307 - our own documentation


@pytest.fixture
def answer(golden: Path) -> cf.Answer:
    """Give the answer that the page speaks of."""
    return cf.Answer.from_json(golden / "top_countries.json", question="the top 5?")


def holds(promise: str, source: Any, result: Any, metadata: cf.AnswerMetadata) -> None:
    """Hold a frame to the promise, and to what copy_metadata gives back."""
    assert cf.metadata(result) == {"kept": metadata, "lost": None}[promise]
    assert cf.metadata(cf.copy_metadata(source, result)) == metadata


@table("operation", "pandas 3", "pandas 2.2")
def test_pandas(row: dict[str, str], answer: cf.Answer) -> None:
    """As the column of the installed pandas says."""
    df = answer.to_pandas()
    plain = pd.DataFrame({"country": ["Poland"], "orders": [1]})

    holds(row[PANDAS], df, run(row["code"], df=df, plain=plain), answer.metadata)


@table("operation", "polars")
def test_polars(row: dict[str, str], answer: cf.Answer) -> None:
    """Nothing but the frame itself."""
    df = answer.to_polars()
    plain = pl.DataFrame({"country": ["Poland"], "people": [1]})

    holds(row["polars"], df, run(row["code"], df=df, plain=plain), answer.metadata)


@pytest.mark.parametrize("make", [cf.Answer.to_pandas, cf.Answer.to_polars], ids=["pandas", "polars"])
@table("written by", "read by", "metadata")
def test_files(
    row: dict[str, str], make: Callable[[cf.Answer], Any], answer: cf.Answer, tmp_path: Path
) -> None:
    """In both libraries, but for what only pandas can do."""
    df = make(answer)
    path = tmp_path / "frame"
    if not hasattr(df, "to_parquet") and "df.to_" in row["written by"]:
        pytest.skip("polars has no such method")

    run(row["written by"], df=df, path=path)

    holds(row["metadata"], df, run(row["read by"], path=path), answer.metadata)


def test_each_table_is_there() -> None:
    """A table that is not found would pass for one that holds."""
    assert len(rows("operation", "pandas 3")) == 27
    assert len(rows("operation", "polars")) == 10
    assert len(rows("written by", "read by", "metadata")) == 8
