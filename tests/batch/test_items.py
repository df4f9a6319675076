"""The questions of a batch: which forms are read, what identifies them, and which names are refused."""

from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.batch.index import digest, read_items
from tests.cases import cases

QUESTIONS = ["how many?", "how much?", "how many?"]


@cases(
    "questions",
    [
        QUESTIONS,
        tuple(QUESTIONS),
        iter(QUESTIONS),
        pd.Series(QUESTIONS),
        pd.Series(QUESTIONS, dtype="string[pyarrow]"),
        pl.Series(QUESTIONS),
        pa.chunked_array([QUESTIONS[:1], QUESTIONS[1:]]),
        pa.array(QUESTIONS),
    ],
)
def test_questions_without_names(questions: Any) -> None:
    """Any iterable, and columns of each library; the same text twice is two questions."""
    items = read_items(questions)
    assert [(item.name, item.question) for item in items] == [(None, question) for question in QUESTIONS]
    assert len({item.key for item in items}) == 3


@cases(
    "questions",
    [
        [("a", "how many?"), ["b", "how much?"]],
        {"a": "how many?", "b": "how much?"},
        zip(["a", "b"], ["how many?", "how much?"], strict=True),
    ],
)
def test_questions_with_names(questions: Any) -> None:
    """Pairs or a mapping."""
    assert [item[1:] for item in read_items(questions)] == [("a", "how many?"), ("b", "how much?")]


def test_what_identifies_a_question() -> None:
    """Its name, whatever the text; else the text and how often it occurred before, whatever the place."""

    def keys(*questions: Any) -> list[str]:
        return [item.key for item in read_items(questions)]

    assert keys(("a", "x")) == keys(("a", "y")) != keys(("b", "x"))
    assert keys("x", "y", "x") == [keys("x")[0], keys("y")[0], keys("y", "x", "x")[2]]
    assert keys("a") != keys(("a", "a"))


@cases(
    ("questions", "message"),
    [
        ("how many?", "is of type str; expected a list"),
        (b"how many?", "is of type bytes"),
        (7, "is of type int"),
        (None, "is of type NoneType"),
        (pd.DataFrame({"q": QUESTIONS}), "is a DataFrame: pass its column"),
        (pl.DataFrame({"q": QUESTIONS}), "is a DataFrame: pass its column"),
        (pa.table({"q": QUESTIONS}), "is a Table: pass its column"),
        (["how many?", " "], "number 2: question is blank"),
        (pd.Series(["how many?", None]), "number 2: question is of type"),
        (["\ud800"], "number 1: question contains a lone surrogate"),
        ([("a", "b", "c")], "number 1: .* is not a pair of texts"),
        ([(1, "how many?")], r"number 1: .* is not a pair of texts.*str\(\) to make a number a name"),
        ([("a", 1)], "number 1: question is of type int"),
        ([("a", "x"), ("a", "x")], "number 2: the name 'a' occurs twice"),
        ([("a", "x"), ("A", "y")], "number 2: the name 'A' differs from 'a' only in case"),
        ([("é", "x"), ("e\u0301", "y")], "number 2: the name"),
    ],
)
def test_what_is_refused(questions: Any, message: str) -> None:
    """With the position in the list."""
    with pytest.raises(cf.ConfigError, match=message) as caught:
        read_items(questions)
    assert caught.value.setting == "questions"


@cases(
    ("problem", "names"),
    [
        ("is not a file name", ["", " ", ".", ".."]),
        ("has a path separator", ["a/b", "../x", "a\\b"]),
        ("has a control character", ["a\nb", "a\0b", "\u202egnp", "\ud800"]),
        ("has one of", ["eu:pl", "2026-01-31 08:00", "a?b", "a*", "<a", "a>", '"a"', "a|b"]),
        ("has more than 100 bytes", ["x" * 101, "é" * 51]),
    ],
)
def test_names_that_are_refused(problem: str, names: list[str]) -> None:
    """What no file should be called."""
    for name in names:
        with pytest.raises(cf.ConfigError, match=f"number 1: the name .* {problem}"):
            read_items([(name, "how many?")])


@cases("name", ["a", "x" * 100, "é" * 50, "Zażółć gęślą jaźń", "a.b", ".hidden", "_x", "con", "a.", "a "])
def test_names_that_are_accepted(name: str) -> None:
    """Also with spaces, points and letters of any script: the name of a file begins with a number."""
    assert read_items([(name, "how many?")])[0].name == name


def test_the_keys_of_equal_questions() -> None:
    """They count from 0, and stay the same for folders that exist."""
    keys = [item.key for item in read_items(["how many?", "why?", "how many?", "how many?"])]
    counts = [("how many?", 0), ("why?", 0), ("how many?", 1), ("how many?", 2)]
    assert keys == [digest("question", *each) for each in counts]
