"""The door of the folder: names that are imported when they are first used."""

from __future__ import annotations

import importlib

import pytest

from connecty_frames import decode


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("decoder", {"Decoded", "decode", "python_statistics"}),
        ("types.encodings", {"Encoding", "binary", "epoch", "local"}),
        ("schema", {"SAVED", "SET_BY_CALLER", "ColumnSchema", "Schema", "SchemaTypes"}),
    ],
)
def test_names_that_are_loaded_late(file: str, names: set[str]) -> None:
    """They are those of their files."""
    module = importlib.import_module(f"connecty_frames.decode.{file}")
    for name in names:
        assert getattr(decode, name) is getattr(module, name)
