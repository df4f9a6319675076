"""How the sandbox reads periods, ratios, rankings and bounds, and the reasons of its refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connecty_frames.errors import QuestionFailed
from connecty_frames.sandbox import workspace
from tests.cases import cases

if TYPE_CHECKING:
    from connecty_frames.sandbox.questions.answerer import WorkspaceAnswerer


@pytest.fixture(scope="module")
def answerer() -> WorkspaceAnswerer:
    return workspace.answerer()


PERIODS = {
    "orders yesterday": "on 2025-10-31",
    "orders in the last 7 days": "from 2025-10-25 to 2025-10-31",
    "orders last week": "from 2025-10-20 to 2025-10-26",
    "revenue last month": "from 2025-10-01 to 2025-10-31",
    "revenue in the last 12 months": "from 2024-11-01 to 2025-10-31",
    "revenue last quarter": "from 2025-07-01 to 2025-09-30",
    "revenue in the last quarter of 2024": "from 2024-10-01 to 2024-12-31",
    "revenue in the last half year": "from 2025-05-01 to 2025-10-31",
    "revenue last half year": "from 2025-01-01 to 2025-06-30",
    "revenue over the past year": "from 2024-11-01 to 2025-10-31",
    "revenue during the last year": "from 2024-11-01 to 2025-10-31",
    "revenue during last year": "in 2024",
    "revenue in the past week": "from 2025-10-25 to 2025-10-31",
    "revenue in the last full quarter": "from 2025-07-01 to 2025-09-30",
    "revenue last year": "in 2024",
    "revenue this year": "in 2025",
    "revenue this month": "from 2025-11-01 to 2025-11-30",
    "revenue year to date": "from 2025-01-01 to 2025-10-31",
    "revenue between 1 March 2025 and 15 March 2025": "from 2025-03-01 to 2025-03-15",
    "revenue from January to March 2025": "from 2025-01-01 to 2025-03-31",
    "revenue from 2025-01-10 to 2025-01-12": "from 2025-01-10 to 2025-01-12",
    "revenue in H1 2024": "from 2024-01-01 to 2024-06-30",
    "revenue in the second quarter of 2025": "from 2025-04-01 to 2025-06-30",
    "revenue since June 2025": "from 2025-06-01",
    "revenue before 2025": "until 2024-12-31",
    "revenue until end of June 2024": "until 2024-06-30",
    "revenue in Q3 of this year": "from 2025-07-01 to 2025-09-30",
    "revenue the month before last": "from 2025-09-01 to 2025-09-30",
    "revenue on 5 March 2025": "on 2025-03-05",
    "revenue on March 5th, 2025": "on 2025-03-05",
    "revenue from March 2025 onwards": "from 2025-03-01",
}


@pytest.mark.parametrize(("question", "days"), PERIODS.items())
def test_periods(answerer: WorkspaceAnswerer, question: str, days: str) -> None:
    """Whole periods before 1 November 2025; the summary names the first and the last day."""
    assert f", {days}. Rows:" in answerer.answer(question, 13).summary


READINGS = {
    "top 3 countries by revenue per customer": (
        "average of the revenue of each customer that has any by country, "
        "the highest 3 by average of the revenue of each customer that has any"
    ),
    "which category sells the most units per order": (
        "average of the units sold of each order that has any by category, "
        "the highest 1 by average of the units sold of each order that has any"
    ),
    "weekday with the most revenue per order": (
        "average of the revenue of each order that has any by weekday, "
        "the highest 1 by average of the revenue of each order that has any"
    ),
    "how many lamps did customers from Poland buy": "units sold, category is Lamp and country is Poland",
    "which lamps did customers from Poland buy": "products, category is Lamp and country is Poland",
    "customers spending more than 50k in total": "revenue by customer, revenue more than 50000",
    "how many cities have more than 100 orders": (
        "number of groups in: number of orders by city, number of orders more than 100"
    ),
    "revenue of products over 5 kg": "revenue, weight more than 5",
    "Which product categories made over 15 million in revenue?": (
        "revenue by category, revenue more than 15000000"
    ),
    "total orders by month": "number of orders by month",
    "orders over 1000 from customers in Poland": "orders, country is Poland and order value more than 1000",
    "months with more than 4000 orders": "number of orders by month, number of orders more than 4000",
}


@cases(("question", "meaning"), READINGS.items())
def test_readings(answerer: WorkspaceAnswerer, question: str, meaning: str) -> None:
    """Each word counts: a ratio ranks groups, a buyer is not an adjective, a bound is not a total."""
    assert answerer.answer(question, 13).summary == f"Read as: {meaning}. Rows: {{rows}}."


REASONS = {
    "orders before the flood": "Unknown words: 'flood'.",
    "revenue before and after July 2025": "The sandbox has no use here for the words: 'before'.",
    "how many units are in an order": "It is unclear if an order is one, each or an average.",
    "how many users were invited by a user": "It is unclear if a user is one, each or an average.",
    "how many orders does a customer place": "It is unclear if a customer is one, each or an average.",
    "orders in May": "It names a part of a year without the year.",
    "revenue in the past quarter": "'past quarter' may end today, or with the last full quarter.",
    "revenue in the previous 2 years": "'previous 2 years' may end today, or with the last full year.",
    "orders with discount over 20": "The discount is a fraction: 0.2 is 20 percent.",
    "total revenue of top 10 customers": (
        "It is unclear what ranks them, or whether their numbers are added."
    ),
    "best countries": 'It does not say how many. It may mean "best countries, top 10".',
    "revenue in Q3 last year vs this year": "It compares periods that are not groups.",
    "orders by status excluding returned and placed": "It is unclear what a verb belongs to.",
    "revenue growth of orders over 5% by month": "It is unclear what the number compares with.",
    "how many products did customers from Poland buy": (
        "It may ask how many units were sold, or for the products."
    ),
    "average order value by product": "The orders do not belong to one product each.",
    "total price by category": "There is no total of the price.",
    "number of products in 2024": "It does not say what happened to the products at that time.",
    "share of total session length by method": "Shares and changes of times are not computed.",
    "revenue from Germany to Poland": "Two of the values exclude each other.",
    "countries with fewer than 1000 orders": "Groups with none at all would be missing.",
}


@cases(("question", "reason"), REASONS.items())
def test_reasons(answerer: WorkspaceAnswerer, question: str, reason: str) -> None:
    """A refusal says what is missing or unclear, and calls no word unknown that other questions use."""
    with pytest.raises(QuestionFailed) as refused:
        answerer.answer(question, 13)
    said = str(refused.value).removeprefix("The sandbox cannot read this question. ")
    assert said.partition(" `connecty")[0] == reason or said.startswith(f"{reason} It may mean")
