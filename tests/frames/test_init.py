"""What is loaded for an engine, and what the folder does not load."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from connecty_frames import frames
from connecty_frames.frames import loading
from tests.cases import cases

if TYPE_CHECKING:
    from connecty_frames.options import Engine


@cases("engine", ["pandas", "polars", "pyarrow"])
def test_the_frame_of_an_engine(engine: Engine) -> None:
    """It is of that library, and has the values of the table."""
    frame = loading.to_engine(pa.table({"a": [1, 2]}), engine)
    assert type(frame).__module__.partition(".")[0] == engine
    assert list(frame["a"].to_pylist() if engine == "pyarrow" else frame["a"]) == [1, 2]


@pytest.mark.parametrize("engine", ["pandas", "polars"])
def test_what_is_loaded_for_an_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what makes its frames."""
    name = f"connecty_frames.frames.{engine}"
    monkeypatch.setattr(frames, engine, importlib.import_module(name))
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(loading, "LOADED", set())
    loading._load(engine)
    assert name in sys.modules
    assert {engine} == loading.LOADED


def test_an_engine_is_loaded_by_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins at once, and is waited for."""
    monkeypatch.setattr(loading, "_threads", {})
    monkeypatch.setattr(loading, "LOADED", set())
    loading.begin_loading("pandas")
    thread = loading._threads["pandas"]
    thread.join(30)
    assert {"pandas"} == loading.LOADED
    assert (thread.name, thread.daemon) == ("connecty_frames import pandas", False)
    loading.finish_loading("pandas")
    assert {"pandas"} == loading.LOADED


@pytest.mark.slow
def test_schema_loads_neither_pandas_nor_polars() -> None:
    """Reading a schema of Arrow, Python and text types needs Arrow alone."""
    script = (
        "import sys, datetime\n"
        "from connecty_frames.frames.schema import to_schema_types\n"
        "to_schema_types({'a': 'Int64', 'b': int, 'c': 'datetime64[us, UTC]', 'd': datetime.date})\n"
        "print([name for name in ('pandas', 'polars') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
