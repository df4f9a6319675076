"""Types by group and as text, and arrays of Python values: those of Arrow, without an import of pandas."""

import subprocess
import sys
import textwrap
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connecty_frames.decode.arrow import (
    any_of,
    first_match,
    is_list,
    is_number,
    is_text,
    parse_type,
    to_array,
    to_scalar,
)
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


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = {
    pa.string(): TEXTS,
    pa.large_string(): TEXTS,
    pa.binary(): st.binary(),
    pa.large_binary(): st.binary(),
    pa.bool_(): st.booleans(),
    pa.float64(): st.floats(allow_nan=False),
    **{
        getattr(pa, f"{sign}int{bits}")(): st.integers(
            0 if sign else -(2 ** (bits - 1)), 2 ** (bits if sign else bits - 1) - 1
        )
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
    pa.decimal128(10, 3): st.integers(1 - 10**10, 10**10 - 1).map(lambda count: Decimal(count).scaleb(-3)),
    pa.decimal128(5, -2): st.integers(1 - 10**5, 10**5 - 1).map(lambda count: Decimal(count).scaleb(2)),
    pa.decimal256(60, 0): st.integers(1 - 10**60, 10**60 - 1).map(Decimal),
    pa.struct([]): st.just({}),
    pa.string_view(): TEXTS,
    pa.list_(pa.int64()): st.lists(st.integers(0, 9)),
}


@cases("type_", VALUES, ids=str)
def test_arrays_are_those_of_arrow(type_: pa.DataType) -> None:
    """Values of each type, with and without nulls, make the array of ``pa.array``, and a valid one."""

    @settings(max_examples=20)
    @given(st.lists(st.none() | VALUES[type_]))
    def check(values: list[Any]) -> None:
        array = to_array(values, type_)
        array.validate(full=True)
        assert array.type == type_
        assert array.equals(pa.array(values, type_))
        assert array.null_count == values.count(None)

    check()


@cases(
    ("values", "type_", "error"),
    [
        ([1, 2**63], pa.int64(), OverflowError),
        ([None, -1], pa.uint8(), OverflowError),
        ([Decimal("1.2345")], pa.decimal128(10, 3), OverflowError),
        ([Decimal(1250)], pa.decimal128(5, -2), OverflowError),
        ([Decimal(10**7)], pa.decimal128(10, 3), OverflowError),
        (["a", "\ud800"], pa.string(), UnicodeEncodeError),
    ],
    ids=str,
)
def test_values_that_do_not_fit(values: list[Any], type_: pa.DataType, error: type[Exception]) -> None:
    """A number beyond its type and a lone surrogate are errors; no value is rounded or cut."""
    with pytest.raises(error):
        to_array(values, type_)


def test_scalars() -> None:
    """A scalar is that of ``pa.scalar``, of its type."""
    assert to_scalar(-5, pa.int64()) == pa.scalar(-5, pa.int64())
    assert to_scalar("", pa.large_string()) == pa.scalar("", pa.large_string())
    assert to_scalar(Decimal(1000), pa.decimal128(4)) == pa.scalar(Decimal(1000), pa.decimal128(4))


SCRIPT = textwrap.dedent(
    """
    import json
    import sys
    import warnings

    import pyarrow as pa

    import connecty_frames as cf

    warnings.simplefilter("ignore")
    inferred = [
        ("numeric", [1, 2**63 + 5]),
        ("numeric", [0.5, 1.25]),
        ("numeric", [0.1234567890123, 2.5]),
        ("numeric", ["NaN", "Infinity", 1.5]),
        ("numeric", ["1.10", "1E+2"]),
        ("numeric", ["1" * 45 + ".1", 2]),
        ("boolean", ["t", "f"]),
        ("string", ["", "zażółć", 'a"b\\\\n']),
        ("temporal", ["2025-01-01", "2025-01-02"]),
        ("temporal", ["2025-01-01 00:00:00.5"]),
        ("temporal", ["2025-01-01T00:00:00.123456789Z"]),
        ("temporal", ["2025-01-01T24:00:00Z", "2025-01-01T10:00:00+01:00:30"]),
        ("temporal", ["0044-03-15 BC"]),
        ("temporal", ["10:00:00"]),
        ("temporal", ["PT1S", "1 day, 2:00:00"]),
        ("general", [[1, 2], []]),
        ("general", [{"a": 1, "b": [True]}]),
        ("general", [1, "a", [2], False]),
        ("general", [None]),
    ]
    set_types = [
        (pa.int8(), [1, 2]),
        (pa.float32(), [1.5]),
        (pa.decimal128(10, 2), ["1e2"]),
        (pa.large_string(), ["", "a"]),
        (pa.binary(), ["\\\\x48"]),
        (cf.binary("hex"), ["48"]),
        (cf.epoch("s", "UTC"), [1.5]),
        (cf.local("Europe/Berlin"), ["2025-06-01 10:00:00"]),
        (pa.timestamp("ns", "Europe/Berlin"), ["2025-01-01T00:00:00Z"]),
        (pa.dictionary(pa.int8(), pa.string()), ["a", "a"]),
        (pa.map_(pa.string(), pa.int64()), [{"a": 1}]),
        (pa.struct([]), [{}]),
    ]
    section = {"min": "1", "max": "2", "mean": "1.51"}

    def check(values, options, sections):
        rows = [["name"], *([value] for value in [None, *values])]
        results = {"dataframe": rows, "dataframe_stats": {"name": sections}}
        body = json.dumps({"state": "COMPLETED", "results": results}, separators=(",", ":")).encode()
        try:
            answer = cf.Answer.from_json(body, **options)
            answer.to_arrow()
            answer.to_polars()
        except cf.ConnectyError as error:
            assert "strict" in options, error

    for times in (1, 2_000):
        for kind, values in inferred:
            for options in ({}, {"strict": True}, {"tz": "Europe/Warsaw"}):
                check(values * times, options, {"general": {"nulls_count": 1}, kind: section})
                check(values * times, options, {})
        for type_, values in set_types:
            check(values * times, {"schema": {"name": type_}}, {"general": {}, "numeric": section})
    assert "polars" in sys.modules
    assert "pandas" not in sys.modules
    """
)


@pytest.mark.slow
def test_pandas_is_not_imported() -> None:
    """Columns of every kind, with nulls, read by row and by column, become Arrow and polars without it."""
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
