"""Nulls in answers of many rows: read by each reader, also where its blocks begin and end."""

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from connecty_frames.decode import decoder
from connecty_frames.decode.columnar import read_columnar
from connecty_frames.decode.decoder import decode
from connecty_frames.decode.envelope import read_envelope
from connecty_frames.decode.exact_json import ReaderLimits
from connecty_frames.frames.pandas import to_pandas
from connecty_frames.options import AskOptions

ROWS = 10_000
#: The rows of a block, all of one length.
BLOCK = 1_024
NULLS = sorted({*range(0, ROWS, BLOCK), *range(BLOCK - 1, ROWS, BLOCK), ROWS - 1})
NOON = dt.datetime(2020, 2, 28, 12)


class Column(NamedTuple):
    """A column: its type, the value of a row, the JSON of it, and the section of its statistics."""

    type: pa.DataType
    value: Callable[[int], Any]
    json: Callable[[int], str]
    section: str = ""


def spelled(type_: pa.DataType, value: Callable[[int], Any], section: str = "", spell: Any = str) -> Column:
    return Column(type_, value, lambda row: json.dumps(spell(value(row))), section)


def day(row: int) -> dt.datetime:
    return NOON + dt.timedelta(row)


SCALARS = {
    "whole": Column(pa.int64(), int, str),
    "half": Column(pa.float64(), lambda row: row + 0.5, "{}.5".format),
    "money": Column(
        pa.decimal128(38, 2), lambda row: Decimal(f"{10**14 + row}.99"), lambda row: f"{10**14 + row}.99"
    ),
    "truth": Column(pa.bool_(), lambda row: row % 3 == 0, lambda row: ("false", "true")[row % 3 == 0]),
    "text": spelled(pa.string(), "the text of row {}".format),
    "escaped": spelled(pa.string(), 'a "quote", a \\ and a\nline in row {}'.format),
    "date": spelled(pa.date32(), lambda row: day(row).date()),
    "naive": spelled(pa.timestamp("us"), day),
    "aware": spelled(pa.timestamp("us", "UTC"), lambda row: day(row).replace(tzinfo=dt.UTC)),
    "nanos": Column(pa.timestamp("ns"), day, lambda row: f'"{day(row)}.000000000"'),
    "time": spelled(pa.time64("us"), lambda row: (NOON + dt.timedelta(seconds=row)).time(), "temporal"),
    "span": Column(pa.duration("us"), lambda row: dt.timedelta(hours=row), '"PT{}H"'.format, "temporal"),
    "digits": Column(pa.int64(), int, '"{}"'.format, "numeric"),
    "T or F": Column(pa.bool_(), lambda row: row % 3 == 0, lambda row: f'"{"FT"[row % 3 == 0]}"', "boolean"),
}
LARGE = {"large": Column(pa.uint64(), lambda row: 2**63 + row, lambda row: str(2**63 + row))}
NESTED = {
    "list": Column(pa.list_(pa.int64()), lambda row: [row, None], "[{},null]".format),
    "struct": Column(
        pa.struct({"a": pa.int64(), "b": pa.string()}),
        lambda row: {"a": row, "b": None},
        '{{"a":{},"b":null}}'.format,
    ),
    "JSON": Column(pa.string(), lambda row: ("[1]", "2")[row % 2], lambda row: ("[1]", "2")[row % 2]),
}


@cache
def written(column: Column) -> tuple[list[str], pa.Array]:
    values = [None if row in NULLS else column.value(row) for row in range(ROWS)]
    cells = ["null" if row in NULLS else column.json(row) for row in range(ROWS)]
    return cells, pa.array(values, column.type)


def body(columns: dict[str, Column], separator: str, length: int) -> bytes:
    """Return an answer with these columns, and one more that makes all rows equally long."""
    cells = zip(*(written(column)[0] for column in columns.values()), strict=True)
    beginnings = (f'[{separator.join(row)}{separator}"' for row in cells)
    rows = separator.join(f'{begun.ljust(length - 2 - len(separator), "x")}"]' for begun in beginnings)
    header = json.dumps([*columns, "filling"], separators=(separator, ":"))
    statistics = {name: {column.section: {}} for name, column in columns.items() if column.section}
    results = f'{{"dataframe":[{header}{separator}{rows}],"dataframe_stats":{json.dumps(statistics)}}}'
    return f'{{"state":"COMPLETED","results":{results}}}'.encode()


@pytest.mark.parametrize(
    ("columns", "separator", "length", "is_columnar"),
    [
        (SCALARS, ",", 512, True),
        (SCALARS, ", ", 512, True),
        (SCALARS | LARGE, ",", 512, True),
        ({f"{name}{at}": each for at in range(3) for name, each in SCALARS.items()}, ",", 1_024, True),
        (SCALARS | NESTED, ",", 512, False),
    ],
    ids=["compact", "spaces", "long numbers", "many columns", "nested"],
)
def test_nulls(
    columns: dict[str, Column],
    separator: str,
    length: int,
    *,
    is_columnar: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same rows are null, in the frame too, and all others have their values."""
    found = []
    monkeypatch.setattr(
        decoder, "read_columnar", lambda *given: found.append(read_columnar(*given)) or found[0]
    )
    limits = ReaderLimits(block=BLOCK * length, general_block=BLOCK * length)
    table = decode(read_envelope(body(columns, separator, length)), AskOptions(), limits=limits).table
    assert table is not None
    assert [each is not None for each in found] == [is_columnar]
    different = [
        name for name, each in columns.items() if table[name] != pa.chunked_array([written(each)[1]])
    ]
    assert different == []
    is_null = to_pandas(table).drop(columns="filling").isna().to_numpy()
    assert is_null.any(axis=1).nonzero()[0].tolist() == is_null.all(axis=1).nonzero()[0].tolist() == NULLS
