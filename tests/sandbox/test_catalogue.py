"""Which questions the catalogue answers, and by which SQL."""

import time
from collections.abc import Callable

import pytest

from connecty_frames.errors import QuestionFailed
from connecty_frames.sandbox import Plan
from connecty_frames.sandbox.catalogue import Catalogue, plan_select, similar_question
from connecty_frames.sandbox.results import QueryResult
from tests.cases import cases

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
question = "from where do orders come"
sql = "SELECT 3"

[[question]]
question = "what is this about"
summary = "A shop."
"""


CATALOGUE = Catalogue(TOML)


@cases(
    ("question", "sql"),
    [
        ("List the top 5 countries with the most orders", "SELECT 5"),
        ("list the top 5 countries with the most orders?", "SELECT 5"),
        ("  PLEASE show me the top 5 countries with most orders. ", "SELECT 5"),
        ("with the most orders, list the top 5 countries", "SELECT 5"),
        ("which 5 countries order most", "SELECT 5"),
        ("last 100 logins", "SELECT 100"),
        ("From where do orders come?", "SELECT 3"),
        ("what is this about", None),
    ],
)
def test_a_known_question_in_other_words(question: str, sql: str | None) -> None:
    """Case, punctuation, stop words and word order do not matter."""
    plan = CATALOGUE.find(question)
    assert plan is not None
    assert plan.sql == sql


@cases(
    "question",
    [
        "list the top 10 countries with the most orders",
        "list the top 5 countries with the least orders",
        "list the top 5 customers with the most orders",
        "list the top 5 contries with the most orders",
        "show the first 100 logins",
        "show the last 10 logins",
        "show the last logins",
        "how many orders were not shipped",
        "how many orders",
        "",
        "?!",
        "how many orders were shipped " + "?" * 1000,
    ],
)
def test_another_question_is_not_found(question: str) -> None:
    """A word or number that changes the meaning makes another question, however similar the letters."""
    assert CATALOGUE.find(question) is None


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
def test_sql_is_run_as_it_is(sql: str) -> None:
    """Text that begins like a query is passed on unchanged: the errors of DuckDB are the most helpful."""
    assert plan_select(sql, 13) == Plan(sql)


def test_what_is_not_sql_is_refused_in_linear_time() -> None:
    """Also texts that make a backtracking regular expression slow."""
    started = time.thread_time()
    for text in ("how many orders", " " * 200_000 + "x", "/* */ " * 20_000 + "x", "(" * 200_000):
        with pytest.raises(QuestionFailed, match="This sandbox answers SELECT statements alone"):
            plan_select(text, 13)
    assert time.thread_time() - started < 2.0


def test_a_similar_question_is_named() -> None:
    """The one that shares most of its words with a question; none if it shares fewer than three of five."""
    offered = similar_question("show the last 100 logins to us again", CATALOGUE.questions)
    assert offered == ' It answers "show the last 100 logins".'
    assert similar_question("orders shipped", CATALOGUE.questions) == (
        ' It answers "how many orders were shipped".'
    )
    assert similar_question("how many orders were shipped to the best customers", CATALOGUE.questions) == ""
    assert similar_question("what is the weather", CATALOGUE.questions) == ""


def test_a_wording_has_one_answer() -> None:
    """The same words twice are a mistake in the catalogue."""
    with pytest.raises(ValueError, match="the wording 'how many' twice"):
        Catalogue("[[question]]\nquestion = 'How many?'\n[[question]]\nquestion = 'how many'\nsql = '1'")


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
