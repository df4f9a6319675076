"""The pairs of types: what a warehouse may send for a column of an answer, exactly or an error."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.decode.cells import CellError
from connecty_frames.decode.schema import ColumnSchema
from connecty_frames.warehouse.cells import cells
from connecty_frames.warehouse.conversion import convert, pair_of
from tests.cases import cases

NAIVE, INSTANT = pa.timestamp("us"), pa.timestamp("us", "UTC")


def counts(values: list[int | None], type_: pa.DataType) -> pa.Array:
    width = pa.int32() if type_ in {pa.date32(), pa.time32("s"), pa.time32("ms")} else pa.int64()
    return pa.array(values, width).view(type_)


def converted(array: Any, type_: Any, origin: str = "", basis: str | None = "text") -> list[Any]:
    """Return the values of a converted column, after a check of its type."""
    encoding = type_ if isinstance(type_, cf.epoch | cf.local) else None
    column = ColumnSchema("v", encoding.type if encoding else type_, "in words", encoding, basis)
    result = convert(array, pair_of(array.type, column, origin, None))
    assert result.type == column.type
    values: list[Any] = result.to_pylist()
    return values


@cases(
    ("array", "type_", "expected"),
    [
        (pa.array([1, None, -5], pa.int16()), pa.int64(), [1, None, -5]),
        (pa.array([127, -128]), pa.int8(), [127, -128]),
        (pa.array([2**63], pa.uint64()), pa.uint64(), [2**63]),
        (pa.array([7]), pa.uint64(), [7]),
        (pa.array([1, 0, None]), pa.bool_(), [True, False, None]),
        (pa.array([7]), pa.string(), ["7"]),
        (pa.array([7]), pa.decimal128(38, 2), [Decimal("7.00")]),
        (pa.array([2**53]), pa.float64(), [9007199254740992.0]),
        (pa.array([Decimal("984.18")]), pa.float64(), [984.18]),
        (pa.array([Decimal(2**64 - 1)]), pa.uint64(), [2**64 - 1]),
        (pa.array([Decimal("3.00")]), pa.int64(), [3]),
        (pa.array([Decimal("1.5")]), pa.decimal128(38, 2), [Decimal("1.50")]),
        (pa.array([Decimal("1.50")]), pa.decimal128(3, 1), [Decimal("1.5")]),
        (pa.array([Decimal(10**37)]), pa.decimal256(76, 10), [Decimal(10**37)]),
        (pa.array([Decimal("0.00000001")]), pa.string(), ["0.00000001"]),
        (pa.array([0.1, 3.25, None], pa.float32()), pa.float64(), [0.1, 3.25, None]),
        (pa.array([1.0, 250.0, None]), pa.int64(), [1, 250, None]),
        (pa.array([2.0**53 - 1, 1 - 2.0**53]), pa.int64(), [2**53 - 1, 1 - 2**53]),
        (pa.array([2.0**24 - 1], pa.float32()), pa.int64(), [2**24 - 1]),
        (pa.array([0.1]), pa.decimal128(5, 2), [Decimal("0.10")]),
        (pa.array([123456789012.345]), pa.decimal128(18, 3), [Decimal("123456789012.345")]),
        (pa.array([1234567.5, None]), pa.decimal128(38, 9), [Decimal("1234567.5"), None]),
        (pa.array([0.0, 9500000000000.0]), pa.decimal128(38, 2), [Decimal(0), Decimal(9500000000000)]),
        (pa.array([Decimal("0.14285714285714285")]), pa.float64(), [0.14285714285714285]),
        (pa.array([True]), pa.string(), ["true"]),
        (pa.array(["a", None]), pa.large_string(), ["a", None]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), pa.string(), ["a", "b", "a"]),
        (pa.array(["a", "b"]), pa.dictionary(pa.int32(), pa.string()), ["a", "b"]),
        (pa.array(["1.50", "7"]), pa.decimal128(38, 2), [Decimal("1.50"), Decimal(7)]),
        (pa.array(["2025-01-01 10:00:00+02"]), INSTANT, [datetime(2025, 1, 1, 8, tzinfo=UTC)]),
        (pa.array(["24:30:00"]), pa.duration("us"), [timedelta(hours=24, minutes=30)]),
        (pa.array([b"\xde"]), pa.binary(), [b"\xde"]),
        (pa.nulls(2), pa.int64(), [None, None]),
        (counts([0, None], pa.date32()), pa.date32(), [date(1970, 1, 1), None]),
        (counts([1], pa.date32()), NAIVE, [datetime(1970, 1, 2)]),
        (counts([86_400], pa.timestamp("s")), pa.date32(), [date(1970, 1, 2)]),
        (counts([1_000], pa.timestamp("ns")), NAIVE, [datetime(1970, 1, 1, 0, 0, 0, 1)]),
        (counts([1], pa.timestamp("s", "Asia/Tokyo")), INSTANT, [datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)]),
        (counts([1], pa.time32("s")), pa.time64("us"), [time(0, 0, 1)]),
        (counts([1], pa.duration("s")), pa.duration("us"), [timedelta(seconds=1)]),
        (pa.array([[1, None], None, []]), pa.list_(pa.int64()), [[1, None], None, []]),
        (pa.array([[Decimal("984.18")]]), pa.list_(pa.float64()), [[984.18]]),
        (pa.array([[1], [2, 3]]), pa.large_list(pa.int8()), [[1], [2, 3]]),
        (pa.array([[1, 2]], pa.list_(pa.int64(), 2)), pa.list_(pa.int64()), [[1, 2]]),
        (
            pa.array([{"n": [Decimal("984.18")]}, {"n": None}]),
            pa.struct([("n", pa.list_(pa.float64()))]),
            [{"n": [984.18]}, {"n": None}],
        ),
        (
            pa.array([{"b": 1, "a": "x"}, None]),
            pa.struct([("a", pa.string()), ("b", pa.int64())]),
            [{"a": "x", "b": 1}, None],
        ),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())), pa.struct([("a", pa.int64())]), [{"a": 1}]),
        (pa.array([[1, 2]]), pa.string(), ["[1,2]"]),
        (pa.array([[None], []]), pa.string(), ["[null]", "[]"]),
        (pa.array([[1, 2], None]), pa.list_(pa.int64(), 2), [[1, 2], None]),
        (pa.array([[(True, 1)]], pa.map_(pa.bool_(), pa.int8())), pa.string(), ['{"true":1}']),
        (
            pa.array([[("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int64())),
            pa.string(),
            ['{"a":1,"a":2}'],
        ),
        (
            pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]),
            pa.string(),
            ['{"a":1,"a":2}'],
        ),
        (pa.array(['{"a": [1]}']), pa.struct([("a", pa.list_(pa.int64()))]), [{"a": [1]}]),
        (pa.array([1_700_000_000_000]), cf.epoch("ms"), [datetime(2023, 11, 14, 22, 13, 20)]),
        (pa.array([1_700_000_000.000001]), cf.epoch("s"), [datetime(2023, 11, 14, 22, 13, 20, 1)]),
    ],
)  # fmt: skip
def test_a_pair(array: pa.Array, type_: Any, expected: list[Any]) -> None:
    """Each value is that of the warehouse, in the type of the answer."""
    assert converted(array, type_) == expected
    assert converted(array.slice(1), type_) == expected[1:]


@cases("width", [32, 64, 128])
def test_decimals_become_the_nearest_float(width: int) -> None:
    """Of every width and in slices; Arrow's own cast makes 984.1800000000001 of 984.18."""
    if not hasattr(pa, f"decimal{width}"):
        pytest.skip("this pyarrow has no decimals of that width")
    decimals = pa.array([Decimal("984.18"), None, Decimal("-0.07"), Decimal("33.10")])
    narrow = decimals.cast(getattr(pa, f"decimal{width}")(9, 2))
    assert converted(narrow, pa.float64()) == [984.18, None, -0.07, 33.1]
    assert converted(narrow.slice(2, 2), pa.float64()) == [-0.07, 33.1]
    assert converted(narrow, pa.decimal128(12, 3))[0] == Decimal("984.180")
    assert converted(narrow.slice(0, 0), pa.float64()) == []


def test_local_times() -> None:
    """As ``schema=`` read them: 10:00 in Berlin in winter is 09:00 in UTC."""
    noon = converted(pa.array([datetime(2025, 1, 1, 10)]), cf.local("Europe/Berlin"))
    assert noon == [datetime(2025, 1, 1, 9, tzinfo=UTC)]


def test_nan_and_null() -> None:
    """They stay apart."""
    values = converted(pa.array([float("nan"), None], pa.float32()), pa.float64())
    assert str(values) == "[nan, None]"


@cases(
    ("array", "type_", "row", "message"),
    [
        (pa.array([1, 40_000]), pa.int16(), 1, "40000 does not fit in int16"),
        (pa.array([1, -1]), pa.uint64(), 1, "-1 does not fit in uint64"),
        (pa.array([2**63], pa.uint64()), pa.int64(), 0, "9223372036854775808 does not fit in int64"),
        (pa.array([1, 2]), pa.bool_(), 1, "2 is neither true nor false"),
        (pa.array([2**53 + 1]), pa.float64(), 0, "9007199254740993 does not fit in double"),
        (pa.array([Decimal("1.00"), Decimal("1.51")]), pa.decimal128(9, 1), 1, r"1\.51 does not fit"),
        (pa.array([2.0, 1.5]), pa.int64(), 1, r"1\.5 does not fit in int64"),
        (pa.array([float("nan")]), pa.int64(), 0, "NaN does not fit in int64"),
        (pa.array([1.0, 2.0**53]), pa.int64(), 1, "came as a float of 64 bits, which does not hold every"),
        (pa.array([-(2.0**53)]), pa.int64(), 0, "came as a float of 64 bits"),
        (pa.array([2.0**24], pa.float32()), pa.int64(), 0, "came as a float of 32 bits"),
        (pa.array([300.0]), pa.int8(), 0, "300 does not fit in int8"),
        (pa.array([1234567890123.456]), pa.decimal128(38, 3), 0, "more than the 15 digits"),
        (pa.array([1.234567], pa.float32()), pa.decimal128(38, 6), 0, "more than the 6 digits"),
        (pa.array([Decimal("0.14285714285714284")]), pa.float64(), 0, "has more digits than double holds"),
        (pa.array([Decimal("1234567890123456.78")]), pa.float64(), 0, "has more digits than double holds"),
        (pa.array([Decimal(10**16 + 1)]), pa.float64(), 0, "10000000000000001 does not fit in double"),
        (
            pa.array([Decimal(1), Decimal(10**37)]),
            pa.decimal128(38, 20),
            1,
            r"10+ does not fit in decimal128",
        ),
        (pa.array([Decimal(10**75)]), pa.decimal256(76, 10), 0, r"10+ does not fit in decimal256"),
        (pa.array([[Decimal(1)], [Decimal(-(10**37))]]), pa.list_(pa.decimal128(38, 20)), 1, "does not fit"),
        (
            pa.array([[], [Decimal("0.5")], [Decimal("0.14285714285714284")]]),
            pa.list_(pa.float64()),
            2,
            "has more digits",
        ),
        (pa.array([{"a": 2.5}, {"a": 2.0**60}]), pa.struct([("a", pa.int64())]), 0, r"2\.5 does not fit"),
        (pa.array([1e300], pa.float64()), pa.float32(), 0, "does not fit in float"),
        (pa.array(["1", "x"]), pa.float64(), 1, "x is not a number"),
        (pa.array(["yes"]), pa.bool_(), 0, "yes is neither true nor false"),
        (counts([0, 2**63 - 1], NAIVE), NAIVE, 1, "infinity is not a time of the years 1 to 9999"),
        (counts([-(2**31) + 10_956], pa.date32()), pa.date32(), 0, "infinity is not a date"),
        (
            counts([-735_160], pa.date32()),
            pa.date32(),
            0,
            "0044-03-15 BC is not a date of the years 1 to 9999",
        ),
        (
            counts([1_000, 1], pa.duration("ns")),
            pa.duration("us"),
            1,
            "1 ns has digits that duration.us. does not hold",
        ),
        (counts([1_500], pa.timestamp("ns")), NAIVE, 0, "has digits that timestamp.us. does not hold"),
        (counts([2**62], pa.timestamp("us")), pa.timestamp("ns"), 0, "is not a time"),
        (counts([10**15 * 9], NAIVE), pa.timestamp("ns"), 0, None),
        (counts([86_400_000_000], pa.time64("us")), pa.time64("us"), 0, "24:00:00 is not a time of day"),
        (counts([0], NAIVE), INSTANT, 0, "no exact form as timestamp.us, tz=UTC."),
        (counts([0], INSTANT), NAIVE, 0, "no exact form as timestamp.us."),
        (counts([0], NAIVE), pa.time64("us"), 0, "no exact form"),
        (pa.array([0]), NAIVE, 0, "no exact form"),
        (pa.array([True]), pa.int64(), 0, "no exact form"),
        (pa.array([0.5]), pa.bool_(), 0, "no exact form"),
        (pa.array([b"x"]), pa.string(), 0, "cast it to text in the SQL"),
        (counts([1], pa.duration("us")), pa.string(), 0, "no exact form"),
        (pa.array([[1]]), pa.int64(), 0, "no exact form"),
        (pa.array([[1], [], [300]]), pa.list_(pa.int8()), 2, "300 does not fit in int8"),
        (pa.array([{"a": 1}]), pa.struct([("b", pa.int64())]), 0, "no exact form as struct<b: int64>"),
        (pa.array([["x"]]), pa.list_(pa.bool_()), 0, "x is neither true nor false"),
        (pa.array([[0.5]]), pa.list_(pa.bool_()), 0, "no exact form as bool"),
        (pa.array(["{"]), pa.struct([("b", pa.int64())]), 0, "{ is not JSON"),
        (counts([0, -(2**63)], NAIVE), NAIVE, 1, "-9223372036854775808 us is not a time of the years 1 to"),
        (counts([-(2**63)], pa.timestamp("ns")), pa.timestamp("ns"), 0, "-9223372036854775808 ns is not a"),
        (counts([0, -1], pa.time64("us")), pa.string(), 1, "-1 us is not a time of day"),
        (counts([0, 86_401], pa.time32("s")), pa.time64("us"), 1, "86401 s is not a time of day"),
        (counts([0, -(2**63)], NAIVE), pa.string(), 1, "-9223372036854775808 us is not a time"),
        (
            counts([0, 2**63 - 1], pa.timestamp("ns")),
            pa.string(),
            1,
            "9223372036854775807 ns may be infinity",
        ),
        (counts([2**62], pa.duration("s")), pa.duration("us"), 0, "4611686018427387904 s does not fit"),
        (counts([0], INSTANT), pa.date32(), 0, "no exact form as date32"),
        (counts([0, 43_200_000], pa.date64()), pa.date32(), 1, "1970-01-01T12:00:00 is among timestamps"),
        (pa.array([[1, 2], None, [1]]), pa.list_(pa.int64(), 2), 2, r"\[1\] does not have 2 items"),
        (
            pa.array([[("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int64())),
            pa.map_(pa.string(), pa.int64()),
            0,
            "is not an object with each key once",
        ),
    ],
)
def test_what_does_not_fit(array: pa.Array, type_: Any, row: int, message: str | None) -> None:
    """An error that names the row and the value, and never another value."""
    if message is None:  # 2255 is a year of nanoseconds
        assert converted(array, type_) == [datetime(2255, 3, 14, 16)]
        return
    with pytest.raises(CellError, match=message) as caught:
        converted(array, type_)
    assert caught.value.row == row


SUM, MAP = 950_000_000_000_000.0, pa.map_(pa.string(), pa.float64())


@cases(
    ("array", "type_", "row"),
    [
        (pa.array([1.5, SUM]), pa.decimal128(38, 2), 1),  # 949999999999999.99 as a float
        (pa.array([None, -SUM]), pa.decimal256(76, 2), 1),
        (pa.array([1e20]), pa.decimal128(38, 0), 0),  # 100000000000000000001 as a float
        (pa.array([2.0**52]), pa.decimal128(38, 0), 0),
        (pa.array([100_000.0], pa.float32()), pa.decimal128(38, 3), 0),
        (pa.array(np.array([40], np.float16)), pa.decimal128(38, 2), 0),
        (pa.array([[1.5], [], [0.5, SUM]]), pa.list_(pa.decimal128(38, 2)), 2),
        (pa.array([{"a": SUM}]), pa.struct([("a", pa.decimal128(38, 2))]), 0),
        (pa.array([{"a": 1.5}, {"a": SUM}]), pa.map_(pa.string(), pa.decimal128(38, 2)), 1),
        (pa.array([[("a", 1.5)], None, [("a", SUM)]], MAP), pa.struct([("a", pa.decimal128(38, 2))]), 2),
        (pa.array([[("a", 2.0**60)]], MAP), pa.map_(pa.string(), pa.int64()), 0),
        (pa.array([1.7e18]), cf.epoch("ns"), 0),
        (pa.array([1.0, 2e10]), cf.epoch("s"), 1),
        (pa.array([1.7e9], pa.float32()), cf.epoch("ms"), 0),
        (pa.array([[1.5], [], [0.5]]), pa.string(), 0),
        (pa.array([[("a", 0.5)]], MAP), pa.struct([("a", pa.string())]), 0),
    ],
)
def test_floats_that_may_have_been_rounded(array: pa.Array, type_: Any, row: int) -> None:
    """A short one too: the next float is a unit of the last decimal place away, or more."""
    with pytest.raises(
        CellError, match="came as a float and may have been rounded: it has no exact"
    ) as caught:
        converted(array, type_)
    assert caught.value.row == row
    assert caught.value.value == cells(array)[row] or pa.types.is_nested(array.type)


@cases("origin", ["money", "oid", "record", "bit", "time with time zone", "uhugeint"])
def test_types_that_drivers_send_as_others(origin: str) -> None:
    """A number of cents is no amount: it is refused whatever the answer's type is."""
    for type_ in (pa.int64(), pa.float64(), pa.string(), pa.decimal128(9, 2)):
        with pytest.raises(CellError, match=f"the type {origin} does not arrive with its exact values"):
            converted(pa.array([123_450]), type_, origin)


def test_json() -> None:
    """Of a column of JSON the texts are compact, as an answer has them; those of a text column stay."""
    texts = pa.array(['{"a": 1.50}', '"abc"', "[1,  2]"])
    assert converted(texts, pa.string(), "jsonb") == ['{"a":1.50}', "abc", "[1,2]"]
    assert converted(texts, pa.string(), "text") == ['{"a": 1.50}', '"abc"', "[1,  2]"]


@cases("basis", ["schema", "text", None])
@cases(
    ("array", "type_"),
    [
        (pa.array([1263.0, None]), pa.string()),  # 1263, an id beside NULL
        (pa.array([2.0**53]), pa.dictionary(pa.int32(), pa.string())),
        (pa.array([[2.0**53]]), pa.list_(pa.string())),
        (pa.array([{"a": 2.0**53}]), pa.struct([("a", pa.string())])),
    ],
)
def test_floats_as_text(basis: Any, array: pa.Array, type_: pa.DataType) -> None:
    """Never, at any depth: an integer or decimal may have been rounded, and its spelling is lost."""
    with pytest.raises(CellError, match=r"may have been rounded|is text in the answer"):
        converted(array, type_, basis=basis)


def test_what_is_no_number_as_text() -> None:
    """Not rounded: it is text where ``schema=`` says so, and inside lists."""
    values = [float("inf"), None, float("nan")]
    assert converted(pa.array(values), pa.string(), basis="schema") == ["Infinity", None, "NaN"]
    assert converted(pa.array([values]), pa.list_(pa.string())) == [["Infinity", None, "NaN"]]


@cases("text", ["9.00719925474099e+17", "1E15", "-1.5e3"])
@cases("type_", [pa.int64(), pa.decimal128(38, 2)])
def test_text_spelled_like_a_float(text: str, type_: pa.DataType) -> None:
    """A large number with an exponent was a float somewhere; small decimals have exponents in Java."""
    with pytest.raises(CellError, match="is spelled like a float, which may have been rounded"):
        converted(pa.array(["1", text]), type_)
    assert converted(pa.array(["0E-18", text]), pa.float64()) == [0.0, float(text)]
    assert converted(pa.array(["0E-18"]), pa.decimal128(38, 18)) == [0]


def test_bytes_as_postgresql_writes_them() -> None:
    """Only where it is known that PostgreSQL does."""
    assert converted(pa.array([b"\xde\xad", None]), pa.string(), "bytea") == ["\\xdead", None]


def test_intervals() -> None:
    """Days count 24 hours; months have no length."""
    days = pa.array([pa.MonthDayNano([0, 1, 7_200_000_000_000]), None, pa.MonthDayNano([0, -1, 1_000])])

    assert converted(days, pa.duration("us")) == [
        timedelta(days=1, hours=2), None, timedelta(days=-1, microseconds=1),
    ]  # fmt: skip
    for wrong, message in (
        ([1, 0, 0], "has months"),
        ([0, 0, 1], "has digits that duration.us. does not hold"),
        ([0, 200_000_000, 0], r"200000000 days .* does not fit in duration.us."),
    ):
        with pytest.raises(CellError, match=message):
            converted(pa.array([pa.MonthDayNano(wrong)]), pa.duration("us"))


def test_times_as_text() -> None:
    """What the answer has as text, since some values have no type: as PostgreSQL writes JSON."""
    far = counts([2**63 - 1, -(2**63) + 1, 0, 1_500_000, None], INSTANT)
    assert converted(far, pa.string()) == [
        "infinity", "-infinity", "1970-01-01T00:00:00+00:00", "1970-01-01T00:00:01.5+00:00", None,
    ]  # fmt: skip
    assert converted(counts([-735_160, 0], pa.date32()), pa.string()) == ["0044-03-15 BC", "1970-01-01"]
    assert converted(counts([86_400_000_000, 120_000], pa.time64("us")), pa.string()) == [
        "24:00:00", "00:00:00.12",
    ]  # fmt: skip
    assert converted(counts([1], pa.time32("s")), pa.string()) == ["00:00:01"]


def test_uuid() -> None:
    """As text, of Arrow's own type for them, which older versions lack."""
    if not hasattr(pa, "uuid"):
        pytest.skip("this pyarrow has no type for UUIDs")
    ids = pa.array([b"\x72\x9c\xb7\xa4\x4b\x06\x44\x9e\xa3\xc9\xdf\x40\xf5\xe5\x70\xb8", None], pa.uuid())
    assert converted(ids, pa.string()) == ["729cb7a4-4b06-449e-a3c9-df40f5e570b8", None]


def test_the_nearest_float() -> None:
    """It is taken where ``schema=`` or ``decimals="float"`` chose it, as for an answer."""
    long = pa.array([Decimal("0.14285714285714284")])

    for basis in ("schema", "nearest"):
        assert converted(long, pa.float64(), basis=basis) == [0.14285714285714285]
    assert converted(long, pa.float32(), basis="schema") == [0.1428571492433548]
    for basis in ("saved", "computed"):
        with pytest.raises(CellError, match="more digits"):
            converted(long, pa.float64(), basis=basis)
    with pytest.raises(CellError, match="9007199254740993 does not fit"):
        converted(pa.array([Decimal(2**53 + 1)]), pa.float64(), basis="schema")
    with pytest.raises(CellError, match=r"9007199254740993\.0 has more digits"):
        converted(pa.array([Decimal("9007199254740993.0")]), pa.float64(), basis="schema")


def test_texts_of_numbers() -> None:
    """Exactly or not at all, unless the answer has such computed numbers as the nearest float64 too."""
    computed = pa.array(["3.3333333333333333", "nan", None])

    assert str(converted(computed, pa.float64(), "numeric", "computed")) == "[3.3333333333333335, nan, None]"
    assert converted(pa.array(["1.50"]), pa.float64(), "numeric", None) == [1.5]
    for basis in ("computed", None):
        assert str(converted(pa.array(["nan", "-inf"]), pa.float64(), "", basis)) == "[nan, -inf]"
    for text, basis in (
        ("1234567890123456.78", "computed"),
        ("3.3333333333333333", None),
        ("0.1234567890123456789", None),
        ("1.00000000000000000001", None),
    ):
        with pytest.raises(CellError, match="has more digits than double holds"):
            converted(pa.array([text]), pa.float64(), "numeric", basis)


def test_bounded_numeric_as_another_decimal() -> None:
    """Its text passes by the decimal that PostgreSQL declares, with no other value."""
    column = ColumnSchema("v", pa.decimal128(38, 20), "1 number")
    pair = pair_of(pa.string(), column, "numeric", pa.decimal128(38, 0))
    assert convert(pa.array(["7", None]), pair).to_pylist() == [Decimal(7), None]
    with pytest.raises(CellError, match="99435585338682014409 does not fit"):
        convert(pa.array(["7", "99435585338682014409"]), pair)


@cases(
    ("maker", "parameters", "values", "type_", "expected"),
    [
        ("json_", (), pa.array(["[1]"]), pa.list_(pa.int64()), [[1]]),
        ("opaque", (pa.string(), "numeric", "PostgreSQL"), pa.array(["7"]), pa.int64(), [7]),
        ("bool8", (), pa.array([0, 2], pa.int8()), pa.bool_(), [False, True]),
        ("opaque", (pa.int64(), "money", "PostgreSQL"), pa.array([7]), pa.int64(), None),
        ("uuid", (), pa.array([b"0" * 16], pa.binary(16)), pa.int64(), None),
        ("uuid", (), pa.array([], pa.binary(16)), pa.int64(), None),
        (
            "fixed_shape_tensor", (pa.int64(), [2]), pa.array([[1, 2]], pa.list_(pa.int64(), 2)),
            pa.list_(pa.int64()), None,
        ),
    ],
)  # fmt: skip
def test_types_that_stand_for_others(
    maker: str, parameters: tuple[Any, ...], values: pa.Array, type_: Any, expected: list[Any] | None
) -> None:
    """What is stored is the value of some types; any other type is refused before the first row."""
    if not hasattr(pa, maker):
        pytest.skip("this pyarrow does not have the type")
    array = pa.ExtensionArray.from_storage(getattr(pa, maker)(*parameters), values)
    if expected is not None:
        assert converted(array, type_) == expected
        return
    with pytest.raises(CellError, match="no exact form as"):
        pair_of(array.type, ColumnSchema("v", type_, "2 values"), "", None)


def test_the_float32_of_schema() -> None:
    """It is the value that ``schema=`` reads from the text of the same number in an answer."""
    for given in ([0.1, 123456789.125, 1e-45], list(map(Decimal, ("9999999.99", "333333.333"))), [16777216]):
        body = json.dumps(
            {"state": "COMPLETED", "results": {"dataframe": [["v"], *([str(v)] for v in given)]}}
        )
        answered = cf.Answer.from_json(body.encode(), schema={"v": "float32"}).to_arrow()["v"].to_pylist()
        assert converted(pa.array(given), pa.float32(), basis="schema") == answered


def test_text_that_is_no_utf8() -> None:
    """It is an error of Arrow, not a value that fails later."""
    wrong = pa.array([b"\xff"]).view(pa.string())
    for type_ in (pa.string(), pa.int64()):
        with pytest.raises(pa.ArrowInvalid, match="UTF8"):
            converted(wrong, type_)
