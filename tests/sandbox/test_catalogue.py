"""Which questions a catalogue answers, and by which SQL."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from connecty_frames.errors import ConfigError, QuestionFailed
from connecty_frames.sandbox import Plan
from connecty_frames.sandbox.catalogue import Catalogue
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable

    from connecty_frames.sandbox.results import QueryResult

TOML = """
[[question]]
question = "List the top 5 countries with the most orders"
paraphrases = ["Which 5 countries order most?"]
sql = "SELECT 5"
summary = "{country} leads."

[[question]]
question = "show the last 100 logins"
sql = "SELECT 100"

[[question]]
question = "how many orders were shipped"
sql = "SELECT 1"

[[question]]
question = "what is this about"
summary = "A shop."
"""


@pytest.fixture
def catalogue() -> Catalogue:
    """Return a catalogue of four questions."""
    return Catalogue.from_toml(TOML, "test.toml")


@cases(
    ("question", "sql"),
    [
        ("List the top 5 countries with the most orders", "SELECT 5"),
        ("list the top 5 countries with the most orders?", "SELECT 5"),
        ("  PLEASE show me the top 5 countries with most orders. ", "SELECT 5"),
        ("the top 5 contries with the most ordres", "SELECT 5"),
        ("with the most orders, list the top 5 countries", "SELECT 5"),
        ("which 5 countries order most", "SELECT 5"),
        ("last 100 logins", "SELECT 100"),
    ],
)
def test_a_known_question_in_other_words(catalogue: Catalogue, question: str, sql: str) -> None:
    """Case, punctuation, stop words, word order and typing mistakes do not matter."""
    assert catalogue.answer(question, 13).sql == sql


@cases(
    "question",
    [
        "list the top 10 countries with the most orders",
        "list the top 5 countries with the least orders",
        "list the top 5 countries with the fewest orders",
        "list the top 5 customers with the most orders",
        "show the first 100 logins",
        "show the last 10 logins",
        "show the last logins",
        "how many orders were not shipped",
        "how many orders were unshipped",
        "how many orders",
        "what is the weather",
        "",
        "?!",
        "DELETE FROM sales.orders",
    ],
)
def test_another_question_is_not_answered(catalogue: Catalogue, question: str) -> None:
    """A word or number that changes the meaning makes another question, however similar the letters."""
    with pytest.raises(QuestionFailed):
        catalogue.answer(question, 13)


@cases(
    "sql",
    [
        "SELECT 1",
        "  select\n1 ;",
        "SELECT\t*\nFROM sales.orders",
        "WITH q AS (SELECT 1) SELECT * FROM q",
        "from sales.orders",
        "(SELECT 1) UNION (SELECT 2)",
        "-- a comment\n/* and\nanother */ SELECT 1",
        "SELECT 1; SELECT 2",
        "select nothing that parses",
    ],
)
def test_sql_is_run_as_it_is(catalogue: Catalogue, sql: str) -> None:
    """Text that begins like a query is passed on unchanged: the errors of DuckDB are the most helpful."""
    assert catalogue.answer(sql, 13) == Plan(sql)


def test_a_catalogued_question_may_begin_like_sql() -> None:
    """A question of the catalogue is not taken for SQL because of its first word."""
    catalogue = Catalogue.from_toml(
        '[[question]]\nquestion = "from where do orders come"\nsql = "SELECT 1"', "x"
    )

    assert catalogue.answer("From where do orders come?", 13).sql == "SELECT 1"


def test_similar_questions_are_named(catalogue: Catalogue) -> None:
    """The error for an unknown question names those that share words with it, those with most first."""
    with pytest.raises(QuestionFailed) as caught:
        catalogue.answer("how many logins and orders", 13)

    assert str(caught.value) == (
        "The sandbox has no answer to this question; a SELECT statement is run as it is."
        ' Similar questions that it answers: "show the last 100 logins"; "how many orders were shipped"; '
        '"List the top 5 countries with the most orders".'
    )


def test_a_word_of_english_is_no_typing_mistake(catalogue: Catalogue) -> None:
    """Counties are not meant as countries, nor are costumers."""
    for question in (
        "list the top 5 counties with the most orders",
        "list the top 5 countries with the most odors",
    ):
        with pytest.raises(QuestionFailed):
            catalogue.answer(question, 13)


def test_an_empty_catalogue_says_so() -> None:
    """An empty catalogue answers SQL alone."""
    with pytest.raises(QuestionFailed, match="Its catalogue is empty"):
        Catalogue().answer("how many orders", 13)
    assert Catalogue().answer("SELECT 1", 13) == Plan("SELECT 1")


def test_long_series_of_spaces_take_no_time() -> None:
    """Texts that make a backtracking regular expression slow are matched in linear time."""
    started = time.thread_time()
    for text in (" " * 200_000 + "x", "/* */ " * 20_000 + "x", "(" * 200_000):
        with pytest.raises(QuestionFailed):
            Catalogue().answer(text, 13)

    assert time.thread_time() - started < 2.0


def test_a_summary_is_filled_from_the_result(run: Callable[[str], QueryResult]) -> None:
    """Row and column counts and values of the first row replace their placeholders; other braces stay."""
    result = run("SELECT 'Poland' AS country, 1.50 AS price UNION ALL SELECT 'Spain', 2")

    assert Plan("", "{rows} rows, {columns} columns: {country} at {price}, {other} {}").summarise(result) == (
        "2 rows, 2 columns: Poland at 1.50, {other} {}"
    )
    assert Plan("").summarise(result) == "The query returned 2 rows."
    assert Plan(None, "In words alone {rows}.").summarise(None) == "In words alone {rows}."


def test_a_value_in_braces_is_not_filled_again(run: Callable[[str], QueryResult]) -> None:
    """A value of the table is not read as a template."""
    assert Plan("", "{a}").summarise(run("SELECT '{rows}' AS a")) == "{rows}"


@cases(
    ("toml", "message"),
    [
        ("[[question]", r"test\.toml is not a catalogue of questions"),
        ("[[question]]\nsql = 'SELECT 1'", "question.0.question"),
        ("[[question]]\nquestion = ''", "at least 1 character"),
        ("[[question]]\nquestion = 'a'\nsql = 1", "valid string"),
        ("[[question]]\nquestion = 'a'\nsqll = 'SELECT 1'", "sqll"),
        ("[[questions]]\nquestion = 'a'", "questions"),
        ("[[question]]\nquestion = 'How many?'\n[[question]]\nquestion = 'how many'", "'how many' twice"),
    ],
)
def test_an_invalid_catalogue_is_rejected(toml: str, message: str) -> None:
    """The error names the file, the problem and the expected form, in one line without pydantic's words."""
    with pytest.raises(ConfigError, match=message) as caught:
        Catalogue.from_toml(toml, "test.toml")

    assert caught.value.setting == "questions"
    assert [word for word in ("pydantic", "validation error", "\n") if word in str(caught.value)] == []
