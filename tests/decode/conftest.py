"""Fixtures that decode a body written out in a test."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa
import pytest

from connecty_frames.decode.decoder import Decoded, decode
from connecty_frames.decode.envelope import read_envelope
from connecty_frames.decode.schema import SchemaTypes
from connecty_frames.errors import ConnectyWarning
from connecty_frames.options import AskOptions

Decode: TypeAlias = Callable[..., Decoded]
DecodeColumn: TypeAlias = Callable[..., "Column"]


class Column(NamedTuple):
    type: pa.DataType
    values: list[Any]
    warnings: list[ConnectyWarning]
    evidence: str
    basis: str | None
    #: The numbers behind dates and times.
    ints: list[int | None]


def body_of(dataframe: str, statistics: str | None = None) -> bytes:
    """Write a finished response around the JSON of its rows and statistics."""
    parts = f'"dataframe":{dataframe}'
    if statistics is not None:
        parts += f',"dataframe_stats":{statistics}'
    return f'{{"state":"COMPLETED","results":{{{parts}}}}}'.encode("utf-8", "surrogatepass")


def _decode_json(
    dataframe: str,
    statistics: str | None = None,
    *,
    schema_types: SchemaTypes | None = None,
    fetched: int | None = None,
    **options: Any,
) -> Decoded:
    envelope = read_envelope(body_of(dataframe, statistics))
    return decode(envelope, AskOptions(**options), schema_types=schema_types, fetched=fetched)


@pytest.fixture
def decode_json() -> Decode:
    return _decode_json


@pytest.fixture
def column() -> DecodeColumn:
    """Decode the one column ``c`` of the cells and the section of the statistics given as JSON."""

    def decode_column(cells: list[str], section: str | None = None, **options: Any) -> Column:
        schema_type = options.pop("schema_type", None)
        schema_types = None if schema_type is None else SchemaTypes({"c": schema_type}, complete=False)
        rows = ",".join(['["c"]', *(f"[{cell}]" for cell in cells)])
        statistics = None if section is None else f'{{"c":{{{section}}}}}'
        found = _decode_json(f"[{rows}]", statistics, schema_types=schema_types, **options)
        assert found.table is not None
        array = found.table.column(0).combine_chunks()
        array.validate(full=True)
        try:
            ints = array.view("int64").to_pylist()
        except ValueError:
            ints = []
        values = [] if "[ns" in str(array.type) else array.to_pylist()
        schema = found.columns[0]
        return Column(array.type, values, found.warnings, schema.evidence, schema.basis, ints)

    return decode_column
