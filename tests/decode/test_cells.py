"""How an error shows a cell."""

from connecty_frames.decode.cells import CellError
from tests.cases import cases


@cases(
    ("value", "shown"),
    [
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 60 + "…"),
        ("x" * 1_000_000, "x" * 60 + "…"),
        (" a\tb ", " a\\tb "),
        ("\x1b" * 61, "\\x1b" * 15 + "…"),
    ],
    ids=len,
)
def test_the_beginning_of_a_value(value: str, shown: str) -> None:
    """It has sixty characters, among them those of escapes."""
    assert CellError(0, value, "is wrong").short_value == shown


def test_long_reasons_are_cut() -> None:
    """They may name a type of many fields."""
    assert CellError(0, "", "x" * 500).reason == "x" * 500
    assert CellError(0, "", "x" * 502).reason == "x" * 500 + "… (2 more characters)"


def test_the_place_of_a_value() -> None:
    """It is a row, from 0, or the statistics."""
    assert CellError(0, "", "").place == "row 0"
    assert CellError(None, "", "").place == "the statistics' min or max"
    assert str(CellError(0, "x", "is wrong")) == "x is wrong"
