"""read_connecty on pandas and polars: installed by one call, and not before."""

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pandas as pd
import polars as pl
import pytest

import connecty_frames as cf

TOP = "list the top 5 countries with the most orders"
PANDAS: Any = pd
POLARS: Any = pl


@pytest.fixture
def _readers() -> Iterator[None]:
    cf.install_readers()
    yield
    del PANDAS.read_connecty, POLARS.read_connecty


@pytest.mark.slow
def test_nothing_is_patched_without_the_call() -> None:
    """Neither importing nor making frames patches a library; the call may be repeated."""
    script = (
        "import json, pandas as pd, polars as pl, connecty_frames as cf\n"
        "cf.metadata(pd.DataFrame()); cf.metadata(pl.DataFrame())\n"
        "names = [set(dir(pd)), set(dir(pl))]\n"
        "cf.read_connecty\n"
        "before = [hasattr(pd, 'read_connecty'), hasattr(pl, 'read_connecty')]\n"
        "cf.install_readers(); cf.install_readers()\n"
        "added = [sorted(set(dir(m)) - seen) for m, seen in zip((pd, pl), names)]\n"
        "print(json.dumps([before, added, pd.read_connecty is cf.read_connecty]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == [[False, False], [["read_connecty"], ["read_connecty"]], True]


@pytest.mark.usefixtures("_readers", "connected")
def test_the_reader_of_pandas() -> None:
    """It is cf.read_connecty, with index_col."""
    frame = PANDAS.read_connecty(TOP, index_col="country")
    assert type(frame) is pd.DataFrame
    assert frame["orders"].to_dict()["Poland"] == 31768
    assert frame.connecty.question == TOP


@pytest.mark.usefixtures("_readers", "connected")
def test_the_reader_of_polars() -> None:
    """It returns polars frames, with the options of the other functions."""
    frame = POLARS.read_connecty(TOP, max_rows=10, schema={"orders": pl.Int32})
    assert frame.schema == pl.Schema({"country": pl.String, "orders": pl.Int32})
    assert frame.connecty.question == TOP


@pytest.mark.usefixtures("_readers")
def test_the_reader_of_polars_has_no_index_and_one_engine() -> None:
    """They are no options of polars; an unknown keyword is a TypeError, as everywhere."""
    parameters = inspect.signature(POLARS.read_connecty).parameters
    assert list(parameters)[:2] == ["question", "con"]
    assert not {"index_col", "engine", "dtype"} & set(parameters)
    assert POLARS.read_connecty.__name__ == "read_connecty"
    for slip in ({"index_col": "country"}, {"engine": "pandas"}):
        with pytest.raises(TypeError):
            POLARS.read_connecty(TOP, **slip)


@pytest.mark.usefixtures("_readers")
def test_an_invalid_connection() -> None:
    """An error before anything is sent."""
    with pytest.raises(cf.ConfigError, match="expected a Client"):
        POLARS.read_connecty(TOP, "postgresql://")
