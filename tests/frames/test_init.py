"""The door of the folder: its names, and what it does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

from connecty_frames import frames

HEAVY = ("pandas", "polars", "pyarrow", "numpy", "pydantic", "requests")


def test_names() -> None:
    """Every public name exists, and `metadata` is the function."""
    for name in (
        "AnswerMetadata",
        "attach",
        "copy_metadata",
        "metadata",
        "register_accessors",
        "to_schema_types",
        "to_pandas",
        "to_polars",
    ):
        assert name in frames.__all__
        assert callable(getattr(frames, name))


def test_unknown_name() -> None:
    """Another name is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'to_excel'"):
        _ = frames.to_excel


@pytest.mark.parametrize(
    "script", ["import connecty_frames.frames", "from connecty_frames.frames import copy_metadata"]
)
def test_loads_nothing_heavy(script: str) -> None:
    """Importing the package loads no frame library."""
    check = f"{script}; import sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_schema_loads_neither_pandas_nor_polars() -> None:
    """Reading a schema of Arrow, Python and text types needs Arrow alone."""
    script = (
        "import sys, datetime\n"
        "from connecty_frames.frames import to_schema_types\n"
        "to_schema_types({'a': 'Int64', 'b': int, 'c': 'datetime64[us, UTC]', 'd': datetime.date})\n"
        "print([name for name in ('pandas', 'polars') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
