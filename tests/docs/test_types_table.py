"""The table that the page on types begins with: each JSON value gets the dtypes that its row names."""

import re
from pathlib import Path
from typing import Final

import polars as pl
import pytest

import connecty_frames as cf

PAGE: Final = (Path(__file__).parents[2] / "docs" / "types.md").read_text(encoding="utf-8")
ROWS: Final = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.partition("| in the JSON |")[2].partition("\n\n")[0].splitlines()[2:]
]
CODE: Final = re.compile(r"`(.+?)`")


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_json_becomes_the_dtypes_of_its_row(row: list[str]) -> None:
    """In pandas and polars, with temporal statistics where the row says so."""
    values = [value for value in CODE.findall(row[0]) if value != "temporal"]
    statistics = (
        '{"c": {"general": {"count": 1}, "temporal": {"min": null}}}' if "temporal" in row[0] else "{}"
    )
    dtypes = {
        "pandas": set(CODE.findall(row[1])[:1]),
        "polars": {f"pl.{code}" for code in CODE.findall(row[2])},
    }
    for value in values:
        body = f'{{"dataframe": [["c"], [{value}]], "dataframe_stats": {statistics}}}'
        answer = cf.Answer.from_json(
            f'{{"state": "COMPLETED", "results": {body}}}'.encode(), on_truncation="ignore"
        )
        pandas = str(answer.to_pandas()["c"].dtype)
        polars = answer.to_polars()["c"].dtype

        assert {pandas} == dtypes["pandas"] or (not dtypes["pandas"] and pandas.endswith("[pyarrow]"))
        assert any(polars == eval(code, {"pl": pl}) for code in dtypes["polars"])


def test_the_table_is_found() -> None:
    """With all its rows."""
    assert len(ROWS) == 12
