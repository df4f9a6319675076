"""Schema: what each column is and why, saved and read back."""

import pyarrow as pa
import pytest

from connecty_frames.answer_metadata import Schema
from connecty_frames.decode.schema import ColumnSchema
from connecty_frames.decode.types.encodings import binary, epoch
from connecty_frames.errors import ConfigError
from tests.cases import cases

SCHEMA = Schema(
    [
        ColumnSchema("id", pa.int64(), "3 whole numbers"),
        ColumnSchema("at", pa.timestamp("us", "Europe/Warsaw"), "temporal statistics"),
        ColumnSchema("tags", pa.list_(pa.struct([("é", pa.decimal256(76, 2))])), "arrays"),
    ]
)


def test_it_is_a_sequence() -> None:
    """Columns by position, name and slice; names, types and Arrow's schema in order."""
    assert len(SCHEMA) == 3
    assert SCHEMA[0] == SCHEMA["id"] == ColumnSchema("id", pa.int64(), "3 whole numbers")
    assert SCHEMA[1:].names == ["at", "tags"]
    assert SCHEMA.types[0] == pa.int64()
    assert SCHEMA.arrow.names == ["id", "at", "tags"]
    with pytest.raises(KeyError, match="no column 'x'; the columns are 'id', 'at', 'tags'"):
        SCHEMA["x"]


def test_equality_is_of_names_and_types() -> None:
    """The evidence may differ between answers; names, order and types may not."""
    other = Schema(ColumnSchema(c.name, c.type, "another day") for c in SCHEMA)
    assert other == SCHEMA
    assert hash(other) == hash(SCHEMA)
    assert Schema(reversed(list(SCHEMA))) != SCHEMA
    assert Schema([]) != "(no columns)"


def test_saved_and_read_back() -> None:
    """Everything comes back, nested types, zones and the words too."""
    found = Schema.from_json(SCHEMA.to_json())
    assert found == SCHEMA
    assert [column.evidence for column in found] == ["3 whole numbers", "temporal statistics", "arrays"]


@cases(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        "5",
        "[" * 100_000,
        '{"columns":[],"arrow":"zz"}',
        '{"columns":[],"arrow":"00"}',
        '{"columns":5,"arrow":5}',
        '{"columns":["x"],"arrow":""}',
        SCHEMA.to_json().replace('"columns": [', '"columns": [{"evidence":"one more"},'),
        SCHEMA.to_json().replace('"name": "at"', '"encoding": "cf.other()"'),
        SCHEMA.to_json().replace('"name": "at"', '"encoding": 5'),
    ],
)
def test_what_is_not_a_saved_schema(text: str) -> None:
    """Anything else is a ConfigError that says how to save one."""
    with pytest.raises(ConfigError, match=r"answer\.schema\.to_json"):
        Schema.from_json(text)


def test_encodings_are_saved() -> None:
    """How a column was read comes back; the type is that of Arrow."""
    schema = Schema(
        [
            ColumnSchema(
                "at", pa.timestamp("us", "UTC"), 'schema=, cf.epoch("ms", "UTC")', epoch("ms", "UTC")
            ),
            ColumnSchema("key", pa.binary(), 'schema=, cf.binary("hex")', binary("hex")),
            ColumnSchema("id", pa.int64(), "schema="),
        ]
    )
    found = Schema.from_json(schema.to_json())
    assert list(found) == list(schema)
    assert [column.encoding for column in found] == [epoch("ms", "UTC"), binary("hex"), None]
    assert found["at"].type == pa.timestamp("us", "UTC")
    assert repr(found["key"]) == (
        """ColumnSchema(name='key', type='binary', evidence='schema=, cf.binary("hex")', """
        """encoding=cf.binary("hex"))"""
    )


def test_repr_is_safe_to_print() -> None:
    """One line a column; control characters are escaped."""
    schema = Schema(
        [ColumnSchema("a\x1b[2J", pa.int64(), "1 whole number"), ColumnSchema("b", pa.string(), "text")]
    )
    assert repr(schema) == "a\\x1b[2J  int64   1 whole number\nb         string  text"
    assert repr(Schema([])) == "(no columns)"


def test_encodings_distinguish() -> None:
    """Schemas of the same types are not equal if values are written in different ways."""
    type_ = epoch("s").type
    seconds, more, millis = (
        Schema([ColumnSchema("c", type_, "schema=", epoch(unit))]) for unit in ("s", "s", "ms")
    )
    assert seconds == more
    assert hash(seconds) == hash(more)
    assert seconds != millis


def test_repr_is_bounded() -> None:
    """It shows five hundred columns, and a thousand characters of each text."""
    columns = [ColumnSchema(f"c{number}", pa.int64(), "evidence") for number in range(502)]
    assert repr(Schema(columns[:500])).splitlines()[-1] == "c499  int64  evidence"
    end = "… {} more {}; to_json() or --format json lists all"
    assert repr(Schema(columns[:501])).splitlines()[499:] == [
        "c499  int64  evidence",
        end.format(1, "column"),
    ]
    assert repr(Schema(columns)).splitlines()[500:] == [end.format(2, "columns")]
    assert repr(Schema([ColumnSchema("x" * 1_000, pa.int64(), "y")])) == f"{'x' * 1_000}  int64  y"
    assert repr(Schema([ColumnSchema("x" * 1_002, pa.int64(), "y")])) == (
        f"{'x' * 1_000}… (2 more characters)  int64  y"
    )
