"""Canned answers: how questions match, what an answer can be, and how it is served."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.sandbox import Fault, Sandbox
from connecty_frames.sandbox.canned_answers import CannedAnswer, CannedAnswers
from tests.cases import cases

GOLDEN = Path(__file__).parents[1] / "golden"
SAVED = b"""{"state": "COMPLETED", "results": {
  "sql_query": "SELECT 1", "response_summary": "Two.", "dataframe": [["n", null], [1.10, 1e2], [2, "x"]],
  "dataframe_stats": {"n": {"general": {"count": 100}}}, "other": 1}}"""
SELECT = "SELECT 7 AS n"


def answers(**given: object) -> CannedAnswers:
    return CannedAnswers(given)


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def canned(shared_sandbox: Sandbox) -> Sandbox:
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def client(canned: Sandbox) -> Iterator[cf.Client]:
    with cf.Client(**canned.connection) as client:
        yield client


@cases("asked", ["how many", "How many?", "  how\n MANY ! ", "how many."])
def test_the_same_words_match(asked: str) -> None:
    """Whatever the white space, the case of letters and the final punctuation."""
    found = answers(**{" How  many? ": ValueError("no")}).find(asked)
    assert found == CannedAnswer(error="ValueError: no")


@cases("asked", ["how many orders", "howmany", "how many > 5", "", "how-many"])
def test_other_words_do_not_match(asked: str) -> None:
    """A similar question is another one."""
    assert answers(**{"how many": ValueError("no")}).find(asked) is None


def test_the_same_words_twice_are_an_error() -> None:
    """One of the two answers would be lost."""
    with pytest.raises(cf.ConfigError) as raised:
        answers(**{"how": ValueError(), "How?": ValueError()})
    assert str(raised.value) == "answers has the words 'How?' twice: one question has one answer."


def test_the_last_answer_applies() -> None:
    """Set while the sandbox runs, it replaces an earlier one."""
    canned = answers(why=ValueError("rain"))
    canned.set("Why?", None, summary="Because of rain.")
    assert canned.find("why") == CannedAnswer(summary="Because of rain.")
    canned.reset()
    assert canned.find("why") == CannedAnswer(error="ValueError: rain")


@cases("question", ["", " ?", 5, None])
def test_a_question_has_words(question: Any) -> None:
    """Otherwise nobody could ask it."""
    with pytest.raises(cf.ConfigError, match="answers: expected a question in words, got "):
        answers().set(question, ValueError())


@cases(
    ("value", "error"),
    [
        (cf.QuestionFailed("No such table."), "No such table."),
        (cf.QuestionFailed, "this question fails, as set"),
        (ValueError("no"), "ValueError: no"),
        (ValueError, "ValueError"),
        (ValueError("a\udcff"), r"ValueError: a\udcff"),
        (b'{"state": "FAILED", "error": "No."}', "No."),
        (b'{"state": "FAILED", "code": 7}', '{"state": "FAILED", "code": 7}'),
    ],
    ids=["failed", "class of failed", "other", "class of other", "no text", "saved", "saved without error"],
)
def test_failures(value: object, error: str) -> None:
    """The question fails with the text of an exception, or of a saved failure."""
    assert answers(why=value).find("why") == CannedAnswer(error=error)


@cases(
    ("value", "message"),
    [
        (cf.AuthError("no"), "AuthError is not the answer to a question. A fault makes the service cause it"),
        (cf.QuestionTimeout, "QuestionTimeout is not the answer to a question."),
        (KeyboardInterrupt(), "It is of type KeyboardInterrupt; expected a frame or a list of dicts"),
        (7, "It is of type int; expected a frame or a list of dicts"),
        (lambda: 7, "It is of type function; expected"),
        (None, "An answer of None has no table: give its text as summary='...'."),
        ("Because of rain.", "It is of type str; expected a frame or a list of dicts"),
        (b"{}", "It is not a saved response of results in JSON: Object missing required field `state`"),
        (b'{"state": "COMPLETED", "results": {"dataframe": []}}', "It is not a saved response of results in"),
        (b'{"state": "COMPLETED", "results": {"dataframe": [[NaN]]}}', "It is not a saved response of"),
        (b"\xff", "It is not a saved response of results in JSON"),
        (b'{"state": "PENDING"}', "It is the response of a question that was PENDING."),
        ([{"a": object()}], "No single type holds the values of the column 'a' exactly."),
    ],
)
def test_other_values_are_refused(value: object, message: str) -> None:
    """Naming the question and what is expected."""
    with pytest.raises(cf.ConfigError) as raised:
        answers(why=value)
    assert str(raised.value).startswith("The answer to 'why' cannot be used. ")
    assert message in str(raised.value)
    assert raised.value.setting == "answers"


@cases("value", [ValueError(), b'{"state": "COMPLETED"}'])
def test_a_failure_and_a_saved_response_have_their_own_texts(value: object) -> None:
    """So that sql= and summary= would be ignored."""
    with pytest.raises(cf.ConfigError, match="sql= and summary= are for a table or None"):
        answers().set("why", value, summary="Rain.")


@cases("text", [5, "\ud800", b"a"])
@cases("name", ["sql", "summary"])
def test_sql_and_summary_are_text(name: str, text: Any) -> None:
    """Others could not be sent, or not be read by a client."""
    with pytest.raises(cf.ConfigError, match=f"cannot be used. {name}=.*: expected text"):
        answers().set("why", [{"n": 1}], **{name: text})


def test_a_table(canned: Sandbox, client: cf.Client) -> None:
    """It is cut at max_rows, its statistics count all rows, and its summary names them."""
    rows = [{"city": "Rome", "orders": 3}, {"city": "Oslo", "orders": 2}]
    canned.answer("orders by city", rows, sql="SELECT x", summary="{city} leads {rows} cities.")
    answer = client.ask("Orders by city?", max_rows=1, on_truncation="ignore")
    assert answer.to_arrow().to_pylist() == rows[:1]
    assert (answer.rows, answer.total_rows, answer.truncated) == (1, 2, True)
    assert (answer.sql_query, answer.response_summary) == ("SELECT x", "Rome leads 2 cities.")
    assert answer.statistics["orders"]["numeric"]["max"] == 3
    assert canned.request_log.submissions() == {"Orders by city?": 1}


def test_a_table_by_itself(canned: Sandbox, client: cf.Client) -> None:
    """It has no SQL, and a summary of its size."""
    canned.answer("orders", [{"orders": 3}])
    answer = client.ask("orders")
    assert (answer.sql_query, answer.response_summary) == (None, "Number of rows: 1.")


@pytest.mark.slow
def test_other_questions_go_to_the_answerer(canned: Sandbox, client: cf.Client) -> None:
    """A canned answer takes precedence, for its own question alone."""
    canned.answer(SELECT, [{"n": 8}])
    assert client.ask_df(SELECT)["n"].to_list() == [8]
    assert client.ask_df("SELECT 9 AS n")["n"].to_list() == [9]


def test_faults_apply(canned: Sandbox, client: cf.Client) -> None:
    """To canned answers as to others."""
    canned.answer("why", [{"n": 1}])
    canned.faults.add(Fault("results", state="PENDING", times=1))
    assert client.ask("why").rows == 1
    assert [seen.fault for seen in canned.request_log.requests if seen.fault] == [
        "results:state=PENDING,times=1"
    ]


@pytest.mark.parametrize("kind", ["bytes", "answer"])
def test_a_saved_response_is_replayed(kind: str, canned: Sandbox, client: cf.Client) -> None:
    """With its own SQL, summary and statistics, and each value as it was written."""
    with pytest.warns(cf.ConnectyWarning):
        saved = cf.Answer.from_json(SAVED)
    canned.answer("why", {"bytes": SAVED, "answer": saved}[kind])
    with pytest.warns(cf.ConnectyWarning):
        answer = client.ask("why")
    assert (answer.sql_query, answer.response_summary) == ("SELECT 1", "Two.")
    assert (answer.rows, answer.total_rows, answer.truncated) == (2, 100, True)
    assert b'[["n",null],[1.10, 1e2],[2, "x"]]' in answer.response
    assert b'{"n": {"general": {"count": 100}}}' in answer.response


def test_the_rows_of_a_replay_are_cut() -> None:
    """At ``max_rows``, between the texts of two rows."""
    found = answers(why=SAVED).find("why")
    assert found is not None
    assert found.result is not None
    assert [found.result.dataframe(rows) for rows in (0, 1, 2, 3)] == [
        b'[["n",null]]',
        b'[["n",null],[1.10, 1e2]]',
        b'[["n",null],[1.10, 1e2],[2, "x"]]',
        b'[["n",null],[1.10, 1e2],[2, "x"]]',
    ]


@pytest.mark.parametrize(
    "name", ["dataframe_only", "login_timestamps", "no_components", "summary_only", "top_countries"]
)
def test_the_answers_of_the_api_document_are_replayed(name: str, canned: Sandbox, client: cf.Client) -> None:
    """What the client reads from a replay is what it reads from the file."""
    path = GOLDEN / f"{name}.json"
    saved = cf.Answer.from_json(path, on_truncation="ignore")
    canned.answer("why", path.read_bytes())
    answer = client.ask("why", on_truncation="ignore")
    assert answer.table == saved.table
    assert answer.statistics == saved.statistics
    assert (answer.sql_query, answer.response_summary) == (saved.sql_query, saved.response_summary)
