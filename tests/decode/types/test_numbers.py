"""Numbers: the type that holds all of them, and their exact reading."""

import decimal
import math
import re
from decimal import Decimal
from itertools import chain, product
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connecty_frames.decode.cells import CellError
from connecty_frames.decode.types import numbers
from connecty_frames.options import Decimals
from tests.cases import cases

INT, UINT, FLOAT = pa.int64(), pa.uint64(), pa.float64()
SPELLINGS = r"[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})([eE][+-]?[0-9]{1,2})?"
NARROW = decimal.Context(
    prec=1, Emin=0, Emax=0, traps=[decimal.Inexact, decimal.Rounded, decimal.FloatOperation]
)


def type_of(texts: list[str], bounds: list[str] | None = None, decimals: Decimals = "auto") -> pa.DataType:
    """Return the type that holds all numbers; the array that was found is the one that is read as it."""
    array = pa.array(texts, pa.string())
    found, *_ = numbers.infer(array, bounds or [], decimals)
    if pa.types.is_floating(found.type) or decimals != "float":
        assert repr(found.to_pylist()) == repr(_nearest(array, found.type))
    return found.type


def _nearest(texts: pa.StringArray, type_: pa.DataType) -> list[Any]:
    """Return numbers read as a type, whole numbers as the nearest float too."""
    if type_ == FLOAT:
        return [float(text) for text in texts.to_pylist()]
    return numbers.read(texts, type_).to_pylist()


def read(texts: list[str | None], type_: pa.DataType) -> pa.Array:
    return numbers.read(pa.array(texts, pa.string()), type_)


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
    assert type_of(texts) == type_
    with decimal.localcontext(NARROW):
        assert type_of(texts) == type_


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
    assert type_of(texts, bounds) == type_


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
    assert type_of([text], [bound], "float") == type_
    assert type_of([text], [bound], "auto") == type_


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
        type_of([text], [bound], decimals)
    assert (caught.value.row, caught.value.value) == (None, bound)
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
    expected = type_of([canonical])
    assert type_of([text]) == expected
    values, expected_values = (read([each], expected).to_pylist() for each in (text, canonical))
    assert repr(values) == repr(expected_values)
    assert bool(numbers.is_number(text)) is (canonical != "NaN")
    assert bool(numbers.is_finite(text)) is (canonical not in numbers.NOT_FINITE)


def test_errors_show_a_number_as_it_was_written() -> None:
    """Not in the spelling of JSON."""
    with pytest.raises(CellError, match=r"^\+1e999 is above"):
        type_of(["1", "+1e999"])
    with pytest.raises(CellError, match=r"^\+300 does not fit in int8"):
        read([None, "+300"], pa.int8())


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
                *("", "a", "007", "-01", " 1", "1 ", "1\n", "1_000", "1,5", "0x1F", "1e", ".", "+", "-."),
                *(".e5", "+007", "1..5", "+-1", "+ 1", "nanx", "infin", "\u0131nf", "NaN0", "1.#INF"),
                *("\u0661", "1\u0660", "1.\u0665", "--1", "\x00", "1\x00", "true"),
            )
        ),
    ],
)
def test_no_type(texts: list[str], decimals: Decimals, row: int, reason: str) -> None:
    """A number that no type holds exactly is named by its row, and never becomes infinite or zero."""
    with pytest.raises(CellError) as caught:
        type_of(texts, decimals=decimals)
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
        found = read([None, text], type_)
    assert found.type == type_
    assert repr(found.to_pylist()) == repr([None, expected])


@cases(
    ("type_", "texts"),
    [
        (INT, ["9223372036854775808", "1.5", "1e999999999", "1e-999999999", "NaN", "0x1F", "007", "nan"]),
        (UINT, ["-1"]),
        (pa.int8(), ["128", "+128"]),
        (pa.decimal128(5, 2), ["1.005", "1000", "NaN", "-inf"]),
        (pa.decimal128(38, 2), ["1e-77", "1e-999999999", "0." + "0" * 80 + "1"]),
        (pa.decimal128(38, 0), ["9" * 39, "1" * 400]),
        (pa.decimal256(76, 0), ["1e999999999", "9" * 77]),
        (FLOAT, ["1e400", "1e-400", "9007199254740993", "1.5.", "+01"]),
        (pa.float32(), ["16777217", "1e39", "1e-300"]),
        (pa.float16(), ["65520"]),
    ],
)
def test_what_a_type_does_not_hold(type_: pa.DataType, texts: list[str]) -> None:
    """A value that is not one of the type is refused by row, never rounded, wrapped or made zero."""
    for text in texts:
        with pytest.raises(CellError) as caught:
            read([None, "1", text], type_)
        assert (caught.value.row, caught.value.value) == (2, text)


@given(st.lists(st.from_regex(SPELLINGS, fullmatch=True), min_size=1, max_size=3))
def test_any_spelling(texts: list[str]) -> None:
    """It is the number that Python's decimal reads, or none that fits, such as one that begins with zeros.

    A float is the number of its shortest digits, or the one that it is to the last digit.
    """
    try:
        found = type_of(texts, decimals="exact")
    except CellError:
        return
    for value, text in zip(read(texts, found).to_pylist(), texts, strict=True):
        assert Decimal(text) in (Decimal(repr(value)) if isinstance(value, float) else value, Decimal(value))


@given(st.lists(st.floats(), min_size=1, max_size=5))
def test_any_float(values: list[float]) -> None:
    """What Python prints of a float comes back as the same float."""
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    texts = [names.get(repr(value), repr(value)) for value in values]
    found = type_of(texts, decimals="exact")
    assert found == FLOAT
    assert repr(read(texts, found).to_pylist()) == repr(values)


@cases(
    ("text", "is_exact", "is_computed"),
    [
        # 15 digits, whatever zeros and exponent they have.
        ("0.000123456789012345000", True, True),
        ("123456789012345000000000.00", True, True),
        ("-1.23456789012345E+0002", True, True),
        (".0e-99999", True, True),
        # 16 and 17 digits are exact if float64 is written with them.
        ("0.30000000000000004", True, True),
        ("3.0000000000000004000E-1", True, True),
        ("9.000000000000001", False, True),
        ("0.30000000000000005", False, True),
        ("9007199254740993", False, False),
        ("1234567890123456.70", False, False),
        # More digits are exact if they are all that float64 has.
        ("0.1000000000000000055511151231257827021181583404541015625", True, True),
        ("0.1000000000000000055511151231257827021181583404541015626", False, True),
        ("36028797018963968", True, True),
        ("147573952589676412928", True, True),
        ("147573952589676412929", False, False),
        ("4503599627370497.5", False, False),
        ("2.2250738585072014e-308", True, True),
        ("5e-324", True, True),
        # Nine digits after the point were not computed, ten were, but not from 2**53 on.
        ("9007199254740991.99999999999", False, True),
        ("9007199254740992.00000000001", False, False),
        ("1e-00000000000000000000", True, True),
        ("123456789012345678e-00000000000000000009", False, False),
        ("1234567890123456789e-00000000000000000010", False, True),
    ],
)
def test_exact_and_computed_numbers(text: str, is_exact: bool, is_computed: bool) -> None:
    """Which numbers float64 gives back unchanged, one by one and in a column, and which it stands for."""
    _, reason, basis = numbers.infer(pa.array(["0.5", None, text]), decimals="float")
    how = ", all exact as float64" if is_exact else "; 1 of them given as the nearest float64"
    assert (reason, basis) == (f"2 numbers, some with a fraction{how}", None if is_exact else "nearest")
    assert numbers.loses_digits(numbers_as_json(text), computed=False) is not is_exact
    assert pa.types.is_floating(type_of(["0.5", text])) is is_computed
    assert (numbers.read_fast(pa.array([numbers_as_json(text)])) is not None) is is_computed
    # Many are compared at once.
    many = numbers.to_float64(pa.array([numbers_as_json(text)] * (numbers.FEW + 1)))
    assert (many.inexact == 0, many.computed) == (is_exact, is_computed)


def numbers_as_json(text: str) -> str:
    return f"0{text}" if text.startswith(".") else text


@given(st.lists(st.from_regex(SPELLINGS, fullmatch=True) | st.floats(allow_nan=False).map(repr), max_size=5))
@example(["18014398509481985", "9007199254740991.5", "0.1", "+.00e3"])
def test_numbers_that_are_not_exact_are_counted(texts: list[str]) -> None:
    """They are those that equal neither the shortest nor all digits of their nearest float."""
    try:
        found, reason, _ = numbers.infer(pa.array([*texts, "0.5"]), decimals="float")
    except CellError:
        return
    nearest = [float(text) for text in texts]
    assert found.to_pylist() == [*nearest, 0.5]
    due = sum(
        math.isfinite(value) and Decimal(text) not in (Decimal(repr(value)), Decimal(value))
        for text, value in zip(texts, nearest, strict=True)
    )
    counted = re.search(r"; ([0-9]+) of them", reason)
    assert (int(counted[1]) if counted else 0) == due


@given(
    st.lists(
        st.from_regex(r"[+-]?(0|[1-9][0-9]{0,20})(\.[0-9]{0,20})?(e-?1)?", fullmatch=True),
        min_size=1,
        max_size=3,
    )
)
def test_decimals_have_the_digits_of_all(texts: list[str]) -> None:
    """The scale is the most digits after a point, and the values are the numbers."""
    found, *_ = numbers.infer(pa.array([*texts, "0.12345678901234567", None]), decimals="exact")
    assert found.type.scale == max(17, *(-min(0, Decimal(text).as_tuple().exponent) for text in texts))  # type: ignore[operator]
    assert found.to_pylist() == [*map(Decimal, texts), Decimal("0.12345678901234567"), None]
    assert numbers.any_decimal(pa.array(["x", *texts, None]), ["0.12345678901234567"]) == found.type


def test_every_short_text_is_a_number_or_none() -> None:
    """A text is a number in one of the spellings, beside whatever others, or is named as none."""
    is_number = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?").fullmatch
    short = list(map("".join, chain.from_iterable(product("-+.019eE /:", repeat=n) for n in range(4))))
    wrong = []
    for text in short:
        for texts in (["12.5", text, None, "7"], [text], ["1", text, "nan"]):
            try:
                found = numbers.infer(pa.array(["x", *texts, "x"])[1:-1])[0].to_pylist()
            except CellError as error:
                found = error.row
            place = texts.index(text)
            if is_number(text):
                wrong += [text] if not isinstance(found, list) or found[place] != float(text) else []
            elif found != place:
                wrong.append(text)
    assert wrong == []


def test_blocks() -> None:
    """Rows are those of the column, in whichever block and chunk a text is read."""
    texts = pa.chunked_array([["0.5"] * 20_000, [], [None] * 9_000, ["1.25"] * 9_000])
    found, *_ = numbers.infer(texts)
    assert found.equals(pa.chunked_array([[0.5] * 20_000, [None] * 9_000, [1.25] * 9_000]))
    for row in (19_999, 37_999):
        wrong = pa.chunked_array([texts.slice(0, row).combine_chunks(), ["1e999"], ["x" * 2_000_000]])
        with pytest.raises(CellError) as caught:
            numbers.infer(wrong.slice(0, row + 1))
        assert (caught.value.row, caught.value.value) == (row, "1e999")
        with pytest.raises(CellError) as caught:
            numbers.read(wrong, FLOAT)
        assert caught.value.row == row
        with pytest.raises(CellError) as caught:
            numbers.infer(wrong)
        assert (caught.value.row, caught.value.reason) == (row + 1, "is not a number")
