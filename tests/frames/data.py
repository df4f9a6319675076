"""Responses and tables that several tests of frames make."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa


def body(names: list[str], *rows: list[Any], **results: Any) -> bytes:
    """Write a finished response, without statistics unless they are given."""
    return json.dumps({"state": "COMPLETED", "results": {"dataframe": [names, *rows], **results}}).encode()


def chunked(kind: pa.DataType, *parts: list[Any]) -> pa.Table:
    """Make a table of one column ``c``, each part a chunk of it."""
    return pa.table({"c": pa.chunked_array([pa.array(part, kind) for part in parts], kind)})
