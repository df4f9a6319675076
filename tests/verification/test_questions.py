"""The quick form of ``make verify WHAT=questions``, and its judge."""

import runpy
import sys
from datetime import date

import pytest

from benchmarks.questions import score
from benchmarks.questions.generated import cases as generated_cases
from benchmarks.questions.generated import check, tables
from benchmarks.questions.judge import is_right, run
from benchmarks.questions.score import Outcome, connect, judge, questions
from connecty_frames.sandbox import Plan, workspace
from tests.cases import cases

#: The quick form asks each of so many questions.
EVERY = 6


@pytest.mark.slow
def test_questions_that_people_wrote() -> None:
    """Of every sixth question, none is answered wrongly, and at least three quarters are answered."""
    answerer, connection = workspace.answerer(), connect()
    asked = questions()[::EVERY]
    outcomes = {question["question"]: judge(question, answerer, connection) for question in asked}
    assert [question for question, outcome in outcomes.items() if outcome is Outcome.WRONG] == []
    answerable = [outcome for outcome in outcomes.values() if outcome is not Outcome.RIGHTLY_REFUSED]
    assert len(answerable) == 31
    assert answerable.count(Outcome.ANSWERED) >= 0.75 * len(answerable)


@pytest.mark.slow
def test_generated_questions_in_every_order() -> None:
    """Of every two-hundredth combination, all orders of the phrases have one answer, what pandas computes."""
    answerer, connection = workspace.answerer(), connect()
    rows = tables(connection)
    asked = list(generated_cases())[::200]
    assert [problem for case in asked if (problem := check(case, answerer, connection, rows))] == []
    assert len(asked) == 12


@pytest.mark.slow
def test_wrong_sql_is_wrong() -> None:
    """The judge finds one row that is missing, and an answer where there is none."""
    connection = connect()

    class Wrong:
        def answer(self, _question: str, _dw_id: int) -> Plan:
            return Plan("SELECT status, count(*) FROM sales.orders WHERE order_id > 1 GROUP BY status")

    truth = "SELECT status, count(*) FROM sales.orders GROUP BY status"
    assert judge({"question": "orders by status", "sql": truth}, Wrong(), connection) is Outcome.WRONG
    assert judge({"question": "revenue by county"}, Wrong(), connection) is Outcome.WRONG


@cases(
    ("answer", "ordered", "right"),
    [
        ([("a", 1.0), ("b", 2.0)], True, True),
        ([("b", 2.0), ("a", 1.0)], False, True),
        ([("b", 2.0), ("a", 1.0)], True, False),
        ([("a", 1.0, "more"), ("b", 2.0, "more")], True, True),
        ([("a", 2.0), ("b", 1.0)], False, False),
        ([("a", 1.0)], False, False),
        ([("a", 1.0), ("a", 1.0)], False, False),
        ([(1.0,), (2.0,)], False, False),
    ],
)
def test_what_is_right(answer: list[tuple[object, ...]], ordered: bool, right: bool) -> None:
    """All columns of the truth, row by row; neither further columns nor, mostly, the order matters."""
    assert is_right(answer, [("a", 1.0), ("b", 2.0)], ordered=ordered) is right


def test_numbers_and_years_compare_across_types() -> None:
    """Decimals and floats are rounded to nine digits, and a year is its first day."""
    connection = connect()
    assert run(connection, "SELECT 0.1::DECIMAL(9, 4), 1 / 3, DATE '2024-01-01'") == [
        (0.1, 0.333333333, date(2024, 1, 1))
    ]
    assert is_right([(2024.0, 5.0)], [(date(2024, 1, 1), 5.0)], ordered=True)
    assert is_right([(date(2024, 1, 1), 5.0)], [(2024.0, 5.0)], ordered=True)


@pytest.mark.slow
def test_wrong_answers_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 1 then; of the generated questions the first is asked."""
    asked = {"question": "how many orders are there", "sql": "SELECT 0"}
    monkeypatch.setattr(score, "questions", lambda: [asked])
    monkeypatch.setattr(sys, "argv", ["questions", "10000"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("benchmarks.questions", run_name="__main__")
    assert ended.value.code == 1
    assert "\nwrong (1):\n  how many orders are there\n" in capsys.readouterr().out
