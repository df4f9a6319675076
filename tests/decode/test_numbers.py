"""Numbers: the type that holds all of them, and their exact reading."""

from __future__ import annotations

import decimal
import math
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connecty_frames.decode import numbers
from connecty_frames.decode.errors import CellError

INT, UINT, FLOAT = pa.int64(), pa.uint64(), pa.float64()
NARROW = decimal.Context(
    prec=1, Emin=0, Emax=0, traps=[decimal.Inexact, decimal.Rounded, decimal.FloatOperation]
)


@pytest.mark.parametrize(
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
    ],
)
def test_types(texts: list[str], type_: pa.DataType) -> None:
    """The boundaries of every type; the caller's decimal context is not used."""
    assert numbers.arrow_type(texts, strict=False)[0] == type_
    with decimal.localcontext(NARROW):
        assert numbers.arrow_type(texts, strict=False)[0] == type_


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("0.1", FLOAT),
        ("0.30000000000000004", FLOAT),
        ("0.1234567890123456789", pa.decimal128(38, 19)),
        ("3.14159265358979323846", pa.decimal128(38, 20)),
        ("0." + "1" * 76, pa.decimal256(76, 76)),
    ],
)
def test_strict_accepts_no_nearest_float(text: str, type_: pa.DataType) -> None:
    """Under strict a computed number keeps its last digit as well."""
    assert numbers.arrow_type([text], strict=True)[0] == type_


@pytest.mark.parametrize(
    ("texts", "strict", "row", "reason"),
    [
        (["1", "9" * 77], False, 1, "has more than 76 digits"),
        (["9" * 5000], False, 0, "has more than 76 digits"),
        (["0.5", "1e999"], False, 1, "is above the range of float64"),
        (["1.7976931348623159e308"], False, 0, "is above the range of float64"),
        (["-1e99999999999999999999"], False, 0, "is above the range of float64"),
        (["0.5", "1e-400"], False, 1, "is below the range of float64"),
        (["2e-324"], False, 0, "is below the range of float64"),
        (["1e-99999999999999999999"], False, 0, "is below the range of float64"),
        (["0." + "0" * 330 + "1"], False, 0, "is below the range of float64"),
        (["123456789012345678.12", "NaN"], False, 1, "cannot be a decimal"),
        (["1" * 70 + ".5", "0.1234567"], False, 1, "makes the column need more than 76 digits"),
        (["0." + "1" * 77], True, 0, "makes the column need more than 76 digits"),
        *(
            (["1", text], False, 1, "is not a number")
            for text in (
                "",
                "a",
                "007",
                "-01",
                "+1",
                " 1",
                "1 ",
                "1\n",
                "1_000",
                "1,5",
                "0x1F",
                "1.",
                ".5",
                "1e",
                "nan",
                "inf",
                "infinity",
                "+Infinity",
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
def test_no_type(texts: list[str], row: int, reason: str, *, strict: bool) -> None:
    """A number that no type holds exactly is named by its row, and never becomes infinite or zero."""
    with pytest.raises(CellError) as caught:
        numbers.arrow_type(texts, strict=strict)
    assert caught.value.row == row
    assert caught.value.reason.startswith(reason)


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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
        ("nan", FLOAT),
        ("1.", FLOAT),
        ("+1", FLOAT),
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
    found, _ = numbers.arrow_type(texts, strict=False)
    values = numbers.read(texts, found).to_pylist()
    for value, amount in zip(values, amounts, strict=True):
        assert amount in (Decimal(repr(value)) if isinstance(value, float) else value, Decimal(value))


@given(st.lists(st.floats(), min_size=1, max_size=5))
def test_any_float(values: list[float]) -> None:
    """What Python prints of a float comes back as the same float."""
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    texts = [names.get(repr(value), repr(value)) for value in values]
    found, _ = numbers.arrow_type(texts, strict=True)
    assert found == FLOAT
    assert repr(numbers.read(texts, found).to_pylist()) == repr(values)


@given(st.lists(st.integers(-(10**76) + 1, 10**76 - 1), min_size=1, max_size=5))
def test_any_whole_number(values: list[int]) -> None:
    """Up to 76 digits, whole numbers are themselves."""
    texts = [str(value) for value in values]
    found, _ = numbers.arrow_type(texts, strict=False)
    assert numbers.read(texts, found).to_pylist() == values
