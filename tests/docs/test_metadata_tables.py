"""The tables of operations that keep metadata: each row is run, in the installed library and version."""

import copy
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pandas as pd
import polars as pl
import pytest

import connecty_frames as cf

PAGE: Final = (Path(__file__).parents[2] / "docs" / "design" / "frames.md").read_text(encoding="utf-8")
#: The column of the pandas table that is about the installed version.
PANDAS: Final = "pandas 3" if int(pd.__version__.partition(".")[0]) >= 3 else "pandas 2.2"


TABLE: Final = re.compile(r"^\|(?P<head>.+)\|\n\|[-|]+\|\n(?P<rows>(?:\|.+\|\n)+)", re.MULTILINE)


def rows(*heads: str) -> list[dict[str, str]]:
    """Return the rows of the table that has these column heads, as dicts by head."""
    for table in TABLE.finditer(PAGE):
        names = [name.strip() for name in table["head"].split("|")]
        if set(heads) <= set(names):
            cells = [
                [cell.strip() for cell in line.strip("|").split("|")] for line in table["rows"].splitlines()
            ]
            return [dict(zip(names, row, strict=True)) for row in cells]
    raise AssertionError(heads)


def table(*heads: str) -> Any:
    found = rows(*heads)
    return pytest.mark.parametrize("row", found, ids=[row[heads[0]] for row in found])


def run(code: str, **names: object) -> Any:
    known = {"cf": cf, "copy": copy, "pd": pd, "pickle": pickle, "pl": pl, **names}
    return eval(code.strip("`"), known)


@pytest.fixture
def answer(golden: Path) -> cf.Answer:
    return cf.Answer.from_json(golden / "top_countries.json", question="the top 5?")


def check(documented: str, source: Any, result: Any, metadata: cf.AnswerMetadata) -> None:
    """Assert that a result has metadata as documented, and has it after copy_metadata."""
    assert cf.metadata(result) == {"kept": metadata, "lost": None}[documented]
    assert cf.metadata(cf.copy_metadata(source, result)) == metadata


@table("operation", "pandas 3", "pandas 2.2")
def test_pandas(row: dict[str, str], answer: cf.Answer) -> None:
    """As the column of the installed version says."""
    df = answer.to_pandas()
    plain = pd.DataFrame({"country": ["Poland"], "orders": [1]})
    check(row[PANDAS], df, run(row["code"], df=df, plain=plain), answer.metadata)


@table("operation", "polars")
def test_polars(row: dict[str, str], answer: cf.Answer) -> None:
    """Only the frame itself keeps metadata."""
    df = answer.to_polars()
    plain = pl.DataFrame({"country": ["Poland"], "people": [1]})
    check(row["polars"], df, run(row["code"], df=df, plain=plain), answer.metadata)


@pytest.mark.parametrize("make", [cf.Answer.to_pandas, cf.Answer.to_polars], ids=["pandas", "polars"])
@table("written by", "read by", "metadata")
def test_files(
    row: dict[str, str], make: Callable[[cf.Answer], Any], answer: cf.Answer, tmp_path: Path
) -> None:
    """In both libraries, except for methods that only pandas has."""
    df = make(answer)
    path = tmp_path / "frame"
    if not hasattr(df, "to_parquet") and "df.to_" in row["written by"]:
        pytest.skip("polars has no such method")
    run(row["written by"], df=df, path=path)
    check(row["metadata"], df, run(row["read by"], path=path), answer.metadata)


def test_every_table_is_found() -> None:
    """A table that is not found would pass as if all its rows were right."""
    assert len(rows("operation", "pandas 3")) == 27
    assert len(rows("operation", "polars")) == 10
    assert len(rows("written by", "read by", "metadata")) == 8
