"""Responses and tables that several tests of frames make."""

import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

import connecty_frames as cf


def body(names: list[str], *rows: list[Any], **results: Any) -> bytes:
    """Write a finished response, without statistics unless they are given."""
    return json.dumps({"state": "COMPLETED", "results": {"dataframe": [names, *rows], **results}}).encode()


def chunked(kind: pa.DataType, *parts: list[Any]) -> pa.Table:
    """Make a table of one column ``c``, each part a chunk of it."""
    return pa.table({"c": pa.chunked_array([pa.array(part, kind) for part in parts], kind)})


def decimals(texts: list[str | None], precision: int = 38, scale: int = 2) -> pa.Array:
    values = [None if text is None else Decimal(text) for text in texts]
    return pa.array(values, pa.decimal128(precision, scale))


def column_of(schema: Any, *cells: Any) -> pa.ChunkedArray:
    """Read cells as the column ``c`` of a schema."""
    return cf.Answer.from_json(body(["c"], *([cell] for cell in cells)), schema=schema).table["c"]


def model(annotation: Any, field: Any = ..., **config: Any) -> type[BaseModel]:
    namespace = {"__annotations__": {"c": annotation}, "model_config": config}
    return type("Model", (BaseModel,), namespace if field is ... else {**namespace, "c": field})
