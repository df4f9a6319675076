"""Numbers: the type that holds all of them, and their exact reading."""

from __future__ import annotations

import decimal
import math
import re
from decimal import Decimal
from itertools import chain, product
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connecty_frames.decode.errors import CellError
from connecty_frames.decode.exact_json import ValueKind
from connecty_frames.decode.statistics import read_entry
from connecty_frames.decode.types import inference as types
from connecty_frames.decode.types import numbers
from connecty_frames.decode.types.column import Column, ScalarColumn
from connecty_frames.options import AskOptions
from tests.cases import cases

if TYPE_CHECKING:
    from connecty_frames.options import Decimals

INT, UINT, FLOAT = pa.int64(), pa.uint64(), pa.float64()
SPELLINGS = r"[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})([eE][+-]?[0-9]{1,2})?"
NARROW = decimal.Context(
    prec=1, Emin=0, Emax=0, traps=[decimal.Inexact, decimal.Rounded, decimal.FloatOperation]
)


@cases(
    ("texts", "type_"),
    [
        (["0", "-0", "5"], INT),
        (["9223372036854775807", "-9223372036854775808"], INT),
        (["9223372036854775808", "0"], UINT),
        (["18446744073709551615"], UINT),
        (["9223372036854775808", "-1"], pa.decimal128(38, 0)),
        (["18446744073709551616"], pa.decimal128(38, 0)),
        (["-9223372036854775809"], pa.decimal128(38, 0)),
        (["9" * 38], pa.decimal128(38, 0)),
        (["1" + "0" * 38], pa.decimal256(76, 0)),
        (["-" + "9" * 76, "1"], pa.decimal256(76, 0)),
        (["1.5", "2"], FLOAT),
        (["1e5"], FLOAT),
        (["0.1", "NaN", "-Infinity"], FLOAT),
        (["5", "NaN"], FLOAT),
        (["1.7976931348623157e308", "5e-324", "2.2250738585072014e-308"], FLOAT),
        (["0.30000000000000004", "0.3333333333333333"], FLOAT),
        (["9007199254740992", "0.5"], FLOAT),
        (["9223372036854775808", "0.5"], FLOAT),
        (["9007199254740993", "0.5"], pa.decimal128(38, 1)),
        (["1234567890123456.78"], pa.decimal128(38, 2)),
        (["123456789012345678.12", "0.5", "1.125"], pa.decimal128(38, 3)),
        (["12345678901234567890.123456789"], pa.decimal128(38, 9)),
        (["0.1234567890123456789"], FLOAT),
        (["3.14159265358979323846"], FLOAT),
        (["0.10000000000000000001"], FLOAT),
        (["0.5", "12345678901234567890123456789012345678.5"], pa.decimal256(76, 1)),
        (["1.0", "9007199254740993.0"], pa.decimal128(38, 1)),
        (["9007199254740993.12345678901"], pa.decimal128(38, 11)),
        # More than nine digits after the point, zeros at the end aside, were computed, up to 2**53.
        (["123456789.123456789"], pa.decimal128(38, 9)),
        (["123456789.1234567891"], FLOAT),
        (["123456789.1234567890"], pa.decimal128(38, 10)),
        (["123456789.1234567891", "123456789.123456789"], pa.decimal128(38, 10)),
        (["-9007199254740991.1234567891"], FLOAT),
        (["9007199254740992.0000000001"], pa.decimal128(38, 10)),
        (["-9007199254740992.0000000001"], pa.decimal128(38, 10)),
    ],
)
def test_types(texts: list[str], type_: pa.DataType) -> None:
    """The boundaries of every type; the caller's decimal context is not used."""
    assert numbers.arrow_type(texts)[0] == type_
    with decimal.localcontext(NARROW):
        assert numbers.arrow_type(texts)[0] == type_


@cases(
    ("text", "type_"),
    [
        ("0.1", FLOAT),
        ("0.30000000000000004", FLOAT),
        ("0.1234567890123456789", pa.decimal128(38, 19)),
        ("3.14159265358979323846", pa.decimal128(38, 20)),
        ("0." + "1" * 76, pa.decimal256(76, 76)),
    ],
)
def test_exact_accepts_no_nearest_float(text: str, type_: pa.DataType) -> None:
    """A computed number keeps its last digit as well."""
    assert numbers.arrow_type([text], decimals="exact")[0] == type_


@cases(
    ("texts", "type_"),
    [
        (["123456789012345678.12"], FLOAT),
        (["0.1234567890123456789"], FLOAT),
        (["0.5", "9007199254740993"], FLOAT),
        (["9007199254740993", "NaN"], FLOAT),
        (["0.5", "1" * 70 + ".5"], FLOAT),
        (["9007199254740993"], INT),
        (["18446744073709551615"], UINT),
        (["18446744073709551616"], pa.decimal128(38, 0)),
    ],
)
def test_float_makes_every_fraction_a_float(texts: list[str], type_: pa.DataType) -> None:
    """Whole numbers alone keep their type."""
    assert numbers.arrow_type(texts, decimals="float")[0] == type_


@cases(
    ("text", "nearest"),
    [
        ("0.1", 0.1),
        ("123456789012345678.12", 1.2345678901234568e17),
        ("9007199254740993", 9007199254740992.0),
        ("-.5", -0.5),
        ("-inf", -math.inf),
    ],
)
def test_nearest_floats(text: str, nearest: float) -> None:
    """A whole number is rounded too; nulls stay null."""
    assert numbers.read_nearest([None, text]).to_pylist() == [None, nearest]


@cases(
    ("texts", "bounds", "type_"),
    [
        # As values, if they are written as whole numbers or are fractions.
        (["1", "2"], ["1", "9223372036854775808"], UINT),
        (["1", "2"], ["0.5", "2"], FLOAT),
        (["1.5"], ["0.5", "1234567890123456.78"], pa.decimal128(38, 2)),
        (["9007199254740993"], ["0.5"], pa.decimal128(38, 1)),
        (["0.1234567890123456789"], ["0.1234567890123456789"], FLOAT),
        # Written as floats, they are whole beside whole numbers.
        (["1", "3"], ["1.0", "3e0"], INT),
        (["1", "3"], ["1.00", "30e-1"], INT),
        (["-1", "0"], ["-1.0", "-0.0"], INT),
        (["0"], ["0e999999999", "0.0"], INT),
        (["9007199254740993"], ["1.0", "9007199254740992.0"], INT),
        (["1", "12345678901234567890"], ["1.0", "1.2345678901234567e19"], UINT),
        # So their range counts, but from 2**53 on not their last digits.
        (["1"], ["1.0", "1.8e19"], UINT),
        (["-1"], ["-1.0", "9.223372036854775807e18"], INT),
        (["-1"], ["-9223372036854775808.0", "9223372036854775807.0"], INT),
        (["1"], ["1.0", "18446744073709551615.0"], UINT),
        (["1"], ["1.0", "1e20"], FLOAT),
        (["9007199254740993"], ["1.0", "1e20"], pa.decimal128(38, 0)),
        # From 2**53 on they are no evidence of digits, unless they have more than a float64 has.
        (["0.5"], ["0.5", "9007199254740992.0"], FLOAT),
        (["0.5"], ["0.5", "1.2345678901234568e17"], FLOAT),
        (["123456789012345678.5"], ["0.5", "1.2345678901234568e17"], pa.decimal128(38, 1)),
        (["0.5"], ["0.5", "9007199254740993.12"], pa.decimal128(38, 2)),
        (["1"], ["1.0", "9007199254740993.0"], INT),
        (["123456789012345678.5"], ["0.5", "1e50"], pa.decimal256(76, 1)),
        (["1"], ["-9.223372036854778e18"], INT),
        (["1"], ["-9.22337203685478e18"], FLOAT),
        # Nor are zeros at their end, which only another writer prints.
        (["12345678901234567.35"], ["1.5", "1234567890123456.350000"], pa.decimal128(38, 2)),
        (["99999999999999999999.99"], ["1.5", "99999999999999999999.99" + "0" * 70], pa.decimal128(38, 2)),
        # Infinity is no whole number.
        (["1", "2"], ["1", "Infinity"], FLOAT),
        (["1", "2"], ["-inf", "2"], FLOAT),
        (["0.5"], ["-Infinity", "Infinity"], FLOAT),
        # They are all there is.
        ([], ["1", "2"], INT),
        ([], ["1.0", "2.0"], FLOAT),
        ([], ["1.0", "9007199254740993.0"], pa.decimal128(38, 1)),
        ([], ["1.5", "12345678901234567890.123456789012345678"], pa.decimal128(38, 18)),
        ([], ["0.5", "1234567890123456.78"], pa.decimal128(38, 2)),
    ],
)
def test_bounds(texts: list[str], bounds: list[str], type_: pa.DataType) -> None:
    """What the min and max of the statistics are evidence of."""
    assert numbers.arrow_type(texts, bounds)[0] == type_


@pytest.mark.parametrize(
    ("text", "bound", "type_"),
    [
        ("1", "0.1234567890123456789", FLOAT),
        ("9007199254740993", "0.5", pa.decimal128(38, 1)),
        ("9007199254740992", "0.5", FLOAT),
    ],
)
def test_bounds_with_fractions_round_no_whole_number(text: str, bound: str, type_: pa.DataType) -> None:
    """With ``decimals="float"`` the type is then that of ``"auto"``."""
    assert numbers.arrow_type([text], [bound], "float")[0] == type_
    assert numbers.arrow_type([text], [bound], "auto")[0] == type_


@cases("decimals", ["auto", "float"])
@cases(
    ("text", "bound", "reason"),
    [
        ("9007199254740993", "Infinity", "cannot be a decimal"),
        ("1", "1e999", "is above the range of float64"),
        ("1", "1e-400", "is below the range of float64"),
        ("9007199254740993", "1e80", "makes the column need more than 76 digits"),
        ("123456789012345678", "1" * 80, "has more than 76 digits"),
    ],
)
def test_bounds_that_no_type_holds(text: str, bound: str, reason: str, decimals: Decimals) -> None:
    """They are named as they were written, and change no whole number."""
    with pytest.raises(CellError) as caught:
        numbers.arrow_type([text], [bound], decimals)
    assert (caught.value.row, caught.value.value) == (1, bound)
    assert caught.value.reason.startswith(reason)


@cases(
    ("text", "canonical"),
    [
        *((text, "NaN") for text in ("nan", "NaN", "NAN", "-nan", "+nan")),
        *((text, "Infinity") for text in ("inf", "Inf", "+Inf", "INF", "infinity", "Infinity", "+Infinity")),
        *((text, "-Infinity") for text in ("-inf", "-Inf", "-INF", "-Infinity", "-infinity")),
        ("+5", "5"),
        ("5.", "5"),
        ("-5.", "-5"),
        ("+0", "0"),
        ("-.5", "-0.5"),
        (".5", "0.5"),
        ("+.50E+3", "0.50E+3"),
        ("0.1e1", "0.1e1"),
        ("5.e2", "5e2"),
        ("+12345678901234567890.5", "12345678901234567890.5"),
    ],
)
def test_other_spellings(text: str, canonical: str) -> None:
    """They are read as the JSON number or the constant that they name."""
    expected, _ = numbers.arrow_type([canonical])
    assert numbers.arrow_type([text])[0] == expected
    values, expected_values = (numbers.read([each], expected).to_pylist() for each in (text, canonical))
    assert repr(values) == repr(expected_values)
    assert bool(numbers.is_number(text)) is (canonical != "NaN")
    assert bool(numbers.is_finite(text)) is (canonical not in numbers.NOT_FINITE)


def test_errors_show_a_number_as_it_was_written() -> None:
    """Not in the spelling of JSON."""
    with pytest.raises(CellError, match=r"^\+1e999 is above"):
        numbers.arrow_type(["1", "+1e999"])
    with pytest.raises(CellError, match=r"^\+300 does not fit in int8"):
        numbers.read([None, "+300"], pa.int8())


@cases(
    ("texts", "decimals", "row", "reason"),
    [
        (["1", "9" * 77], "auto", 1, "has more than 76 digits"),
        (["9" * 5000], "auto", 0, "has more than 76 digits"),
        (["0.5", "1e999"], "auto", 1, "is above the range of float64"),
        (["1.7976931348623159e308"], "auto", 0, "is above the range of float64"),
        (["-1e99999999999999999999"], "auto", 0, "is above the range of float64"),
        (["0.5", "1e-400"], "auto", 1, "is below the range of float64"),
        (["2e-324"], "auto", 0, "is below the range of float64"),
        (["1e-99999999999999999999"], "auto", 0, "is below the range of float64"),
        (["0." + "0" * 330 + "1"], "auto", 0, "is below the range of float64"),
        (["0.5", "1e999"], "float", 1, "is above the range of float64"),
        (["0.5", "1.2345e-320"], "float", 1, "is below the range of float64"),
        (["123456789012345678.12", "NaN"], "auto", 1, "cannot be a decimal"),
        (["1" * 70 + ".5", "0.1234567"], "auto", 1, "makes the column need more than 76 digits"),
        (["0." + "1" * 77], "exact", 0, "makes the column need more than 76 digits"),
        *(
            (["1", text], "auto", 1, "is not a number")
            for text in (
                "",
                "a",
                "007",
                "-01",
                " 1",
                "1 ",
                "1\n",
                "1_000",
                "1,5",
                "0x1F",
                "1e",
                ".",
                "+",
                "-.",
                ".e5",
                "+007",
                "1..5",
                "+-1",
                "+ 1",
                "nanx",
                "infin",
                "\u0131nf",
                "NaN0",
                "1.#INF",
                "\u0661",
                "1\u0660",
                "1.\u0665",
                "--1",
                "\x00",
                "1\x00",
                "true",
            )
        ),
    ],
)
def test_no_type(texts: list[str], decimals: Decimals, row: int, reason: str) -> None:
    """A number that no type holds exactly is named by its row, and never becomes infinite or zero."""
    with pytest.raises(CellError) as caught:
        numbers.arrow_type(texts, decimals=decimals)
    assert caught.value.row == row
    assert caught.value.reason.startswith(reason)


@cases(
    ("text", "type_", "expected"),
    [
        ("-0", INT, 0),
        ("9223372036854775807", INT, 9223372036854775807),
        ("1e3", INT, 1000),
        ("1.0", INT, 1),
        ("0e999999999", INT, 0),
        ("-0", UINT, 0),
        ("18446744073709551615", UINT, 18446744073709551615),
        ("127", pa.int8(), 127),
        ("1.50", pa.decimal128(5, 2), Decimal("1.50")),
        ("1.5000", pa.decimal128(5, 2), Decimal("1.50")),
        ("1." + "0" * 5000, pa.decimal128(5, 2), Decimal("1.00")),
        ("12e1", pa.decimal128(5, 2), Decimal("120.00")),
        ("-0.05", pa.decimal128(2, 2), Decimal("-0.05")),
        ("9" * 38, pa.decimal128(38, 0), Decimal("9" * 38)),
        ("9" * 76, pa.decimal256(76, 0), Decimal("9" * 76)),
        ("0." + "1" * 76, pa.decimal256(76, 76), Decimal("0." + "1" * 76)),
        ("0.1", FLOAT, 0.1),
        ("-0", FLOAT, -0.0),
        ("9223372036854775808", FLOAT, 9223372036854775808.0),
        ("123456789.123456789012", FLOAT, 123456789.12345679),
        ("-Infinity", FLOAT, -math.inf),
        ("-inf", FLOAT, -math.inf),
        ("-nan", FLOAT, math.nan),
        ("+.5", FLOAT, 0.5),
        ("5.", INT, 5),
        ("+5", pa.int8(), 5),
        (".50", pa.decimal128(5, 2), Decimal("0.50")),
        ("-5.", pa.decimal128(5, 2), Decimal("-5.00")),
        ("0.5", pa.float32(), 0.5),
        ("16777216", pa.float32(), 16777216.0),
        ("Infinity", pa.float32(), math.inf),
        ("2048", pa.float16(), 2048.0),
    ],
)
def test_values(text: str, type_: pa.DataType, expected: object) -> None:
    """Each text is exactly this number; nulls stay null."""
    with decimal.localcontext(NARROW):
        found = numbers.read([None, text], type_)
    assert found.type == type_
    assert repr(found.to_pylist()) == repr([None, expected])


@cases(
    ("text", "type_"),
    [
        ("9223372036854775808", INT),
        ("1.5", INT),
        ("1e999999999", INT),
        ("1e-999999999", INT),
        ("NaN", INT),
        ("0x1F", INT),
        ("007", INT),
        ("-1", UINT),
        ("128", pa.int8()),
        ("1.005", pa.decimal128(5, 2)),
        ("1000", pa.decimal128(5, 2)),
        ("1e-77", pa.decimal128(38, 2)),
        ("1e-999999999", pa.decimal128(38, 2)),
        ("0." + "0" * 80 + "1", pa.decimal128(38, 2)),
        ("1e999999999", pa.decimal256(76, 0)),
        ("9" * 39, pa.decimal128(38, 0)),
        ("1" * 400, pa.decimal128(38, 0)),
        ("9" * 77, pa.decimal256(76, 0)),
        ("NaN", pa.decimal128(5, 2)),
        ("1e400", FLOAT),
        ("1e-400", FLOAT),
        ("9007199254740993", FLOAT),
        ("nan", INT),
        ("-inf", pa.decimal128(5, 2)),
        ("1.5.", FLOAT),
        ("+01", FLOAT),
        ("+128", pa.int8()),
        ("16777217", pa.float32()),
        ("1e39", pa.float32()),
        ("1e-300", pa.float32()),
        ("65520", pa.float16()),
    ],
)
def test_what_a_type_does_not_hold(text: str, type_: pa.DataType) -> None:
    """A value that is not one of the type is refused by row, never rounded, wrapped or made zero."""
    with pytest.raises(CellError) as caught:
        numbers.read([None, "1", text], type_)
    assert caught.value.row == 2
    assert caught.value.value == text


def test_nan_is_not_null() -> None:
    """NaN is a float, null is null."""
    values = numbers.read(["NaN", None], FLOAT)
    assert values.null_count == 1
    assert math.isnan(values[0].as_py())


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=2), min_size=1, max_size=5))
def test_any_money(amounts: list[Decimal]) -> None:
    """Two digits after the point are never changed, whatever type holds them.

    A float is the number of its shortest digits, or the one that it is to the last digit.
    """
    texts = [f"{amount:f}" for amount in amounts]
    found, _ = numbers.arrow_type(texts)
    values = numbers.read(texts, found).to_pylist()
    for value, amount in zip(values, amounts, strict=True):
        assert amount in (Decimal(repr(value)) if isinstance(value, float) else value, Decimal(value))


@given(st.lists(st.from_regex(SPELLINGS, fullmatch=True), min_size=1, max_size=3))
def test_any_spelling(texts: list[str]) -> None:
    """It is the number that Python's decimal reads, or none that fits, such as one that begins with zeros.

    A float is the number of its shortest digits, or the one that it is to the last digit.
    """
    try:
        found, _ = numbers.arrow_type(texts, decimals="exact")
    except CellError:
        return
    for value, text in zip(numbers.read(texts, found).to_pylist(), texts, strict=True):
        assert Decimal(text) in (Decimal(repr(value)) if isinstance(value, float) else value, Decimal(value))


@given(st.lists(st.floats(), min_size=1, max_size=5))
def test_any_float(values: list[float]) -> None:
    """What Python prints of a float comes back as the same float."""
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    texts = [names.get(repr(value), repr(value)) for value in values]
    found, _ = numbers.arrow_type(texts, decimals="exact")
    assert found == FLOAT
    assert repr(numbers.read(texts, found).to_pylist()) == repr(values)


@given(st.lists(st.integers(-(10**76) + 1, 10**76 - 1), min_size=1, max_size=5))
def test_any_whole_number(values: list[int]) -> None:
    """Up to 76 digits, whole numbers are themselves."""
    texts = [str(value) for value in values]
    found, _ = numbers.arrow_type(texts)
    assert numbers.read(texts, found).to_pylist() == values


@given(
    st.lists(
        st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?(e1)?", fullmatch=True), min_size=1, max_size=3
    ),
    st.lists(st.from_regex(r"[0-9]{1,20}(\.[0-9]{1,3})?", fullmatch=True), max_size=2),
    st.sampled_from(["auto", "exact", "float"]),
)
@example(["1234567890123456.78", "0.05", "-12.5"], [], "auto")
@example(["1234567890123456.25"], ["99999999999999999.125"], "auto")
@example(["9007199254740993"], ["0.5"], "exact")
def test_decimals_are_found_by_their_digits(texts: list[str], bounds: list[str], decimals: Decimals) -> None:
    """The fast way to the type finds each decimal with a fraction that the table finds, and no other."""
    try:
        due = numbers.arrow_type(texts, bounds, decimals)[0]
    except CellError:
        due = FLOAT
    is_plain = any("." in text for text in texts) and not any("e" in text for text in texts)
    found = numbers.decimal_type([pa.array([None, *texts, None])], bounds, decimals)
    assert found == (due if is_plain and pa.types.is_decimal(due) else None)


@cases(
    "texts",
    [
        *(["1.2.3", "4"], ["4", "1.2.3"], ["1.2.3"], ["1..2", "3"], ["1.", ".2"], ["1-2"], ["--1"], ["01.5"]),
        *([""], ["1e5"], ["1:5"], ["1/5"], ["-"], ["-.5"]),
    ],
    ids=str,
)
def test_texts_that_are_no_plain_numbers(texts: list[str]) -> None:
    """No decimal is found by the digits where one is among them, in a chunk of its own or not."""
    decimals = ["12345678901234567.5", "0.25"]
    assert numbers.decimal_type([pa.array(decimals)], [], "exact") == pa.decimal128(38, 2)
    assert numbers.decimal_type([pa.array(decimals), pa.array(texts)], [], "exact") is None
    assert numbers.decimal_type([pa.array(texts), pa.array(decimals)], [], "exact") is None
    assert numbers.decimal_type([pa.array([*decimals, *texts])], [], "exact") is None


def test_a_bound_with_an_exponent() -> None:
    """No decimal is found by the digits."""
    assert numbers.decimal_type([pa.array(["12345678901234567.5"])], ["1e5"], "exact") is None


def test_every_short_text_is_a_number_or_none() -> None:
    """Among quoted numbers, a text is read fast if it is one of JSON, but for zeros with an exponent."""
    is_number = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch
    is_zero = re.compile("-?0[eE].*").fullmatch
    short = list(map("".join, chain.from_iterable(product("-+.019eE /:", repeat=n) for n in range(4))))
    wrong = []
    for text in short:
        arrays = (
            pa.array(["12.5", text, None, "7"]),
            pa.array(["1.5", text, "3.5"]),
            pa.array(["x", text, "1"])[1:],
        )
        found = {numbers.read_quoted(array) is not None for array in arrays}
        if found != {bool(is_number(text)) and not is_zero(text)}:
            wrong.append(text)
    assert wrong == []


@given(
    st.lists(st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?", fullmatch=True), min_size=1, max_size=3)
)
def test_quoted_numbers_are_read_alike(texts: list[str]) -> None:
    """Numbers in quotes are the same beside a null as beside one with a plus, which is read one by one."""
    column, plus = (
        Column("a", ScalarColumn(ValueKind.TEXT, pa.array(each)), read_entry({"numeric": {"mean": "1"}}))
        for each in (texts, [*texts, "+1"])
    )
    found, due = types.decide(column, AskOptions()), types.decide(plus, AskOptions())
    assert due.array is None
    if found.array is not None and due.type == found.type:
        assert found.array.to_pylist() == numbers.read([*texts, "+1"], due.type).to_pylist()[:-1]
