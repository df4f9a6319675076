"""Types by group, and the first match in a table."""

from __future__ import annotations

from random import Random
from typing import Any

import pyarrow as pa
import pytest

from connecty_frames.decode.arrow_types import any_of, first_match, is_list, is_number, is_text, parse_type
from tests.cases import cases


def test_the_first_match_counts() -> None:
    """Tests are tried in order, and without a match there is no value."""
    table = [(pa.types.is_int64, "int64"), (is_number, "number"), (any_of(is_text, is_list), "other")]
    types = [pa.int64(), pa.int8(), pa.string(), pa.list_(pa.int8()), pa.bool_()]
    assert [first_match(table, type_) for type_ in types] == ["int64", "number", "other", "other", None]


@cases("type_", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_texts(type_: pa.DataType) -> None:
    """Every type of text is one."""
    assert is_text(type_)
    assert not is_number(type_)


TYPES = {
    "null": pa.null(),
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
    "large_string": pa.large_string(),
    "large_binary": pa.large_binary(),
    "date32[day]": pa.date32(),
    "time64[us]": pa.time64("us"),
    "duration[ns]": pa.duration("ns"),
    "timestamp[us]": pa.timestamp("us"),
    "timestamp[us, tz=Europe/Warsaw]": pa.timestamp("us", "Europe/Warsaw"),
    "timestamp[ns, tz=+05:30]": pa.timestamp("ns", "+05:30"),
    "decimal128(38, 9)": pa.decimal128(38, 9),
    "decimal256(76, -2)": pa.decimal256(76, -2),
    "list<item: decimal128(5, 2)>": pa.list_(pa.decimal128(5, 2)),
    "large_list<item: int8>": pa.large_list(pa.int8()),
    "fixed_size_list<item: list<item: double>>[3]": pa.list_(pa.list_(pa.float64()), 3),
    "struct<>": pa.struct([]),
    "struct<: int64>": pa.struct([("", pa.int64())]),
    "list<item: struct<a: struct<>, b: string>>": pa.list_(
        pa.struct([("a", pa.struct([])), ("b", pa.string())])
    ),
    "struct<a, b: int64, c: d: timestamp[s, tz=UTC]>": pa.struct(
        [("a, b", pa.int64()), ("c: d", pa.timestamp("s", "UTC"))]
    ),
    "map<struct<a: int8>, list<item: string>>": pa.map_(pa.struct([("a", pa.int8())]), pa.list_(pa.string())),
    "dictionary<values=string, indices=int32, ordered=1>": pa.dictionary(
        pa.int32(), pa.string(), ordered=True
    ),
}


@cases("text", TYPES)
def test_the_text_of_a_type(text: str) -> None:
    """It is read as that type, within other types too."""
    assert str(TYPES[text]) == text
    assert parse_type(text) == TYPES[text]
    nested = pa.struct([("a", pa.int64()), ("b", pa.list_(TYPES[text])), ("c", TYPES[text])])
    assert parse_type(str(nested)) == nested


@cases(
    "text",
    [
        "",
        "int65",
        "\ud800",
        "int64>",
        "struct<",
        "struct<a>",
        "struct<a: int64",
        "struct<a: int64, >",
        "list<item: >",
        "fixed_size_list<item: int64>[99999999999999]",
        "decimal128(39, 0)",
        "decimal128(99999999999999999999, 0)",
        "timestamp[day, tz=UTC]",
        "dictionary<values=string, indices=string, ordered=0>",
        "list<item: " * 5_000 + "int64" + ">" * 5_000,
        "struct<" + "a: int64, " * 2_000 + "z: int64 not null>",
        "struct<a: " * 200 + "x",
        None,
        7,
        b"int64",
    ],
    ids=lambda text: str(text)[:30],
)
def test_what_is_no_text_of_a_type(text: Any) -> None:
    """It is a ValueError and nothing else, soon."""
    with pytest.raises(ValueError, match="is not a column type"):
        parse_type(text)


def test_broken_texts_of_types() -> None:
    """Whatever is missing, doubled or exchanged: it is read, or a ValueError."""
    random = Random(1)
    read = 0
    for _ in range(3_000):
        text = random.choice([*TYPES])
        for _ in range(random.randint(1, 3)):
            start = random.randrange(len(text) + 1)
            text = (
                text[:start]
                + random.choice(["", *TYPES, *"<>[](),:= "])
                + text[start + random.randint(0, 3) :]
            )
        try:
            read += isinstance(parse_type(text), pa.DataType)
        except ValueError as error:
            assert type(error) is ValueError
    assert 0 < read < 3_000


def test_a_struct_of_many_fields() -> None:
    """More than Python's stack has frames."""
    type_ = pa.struct([(f"column {number}", pa.int64()) for number in range(5_000)])
    assert parse_type(str(type_)) == type_
