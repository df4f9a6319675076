"""What a chart draws beside what: measures of one unit, how much of an answer, and what its title says."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pytest

from connecty_frames.display.charts import choose_chart
from connecty_frames.display.columns import Column, cut_middle
from connecty_frames.errors import ConfigError
from tests.cases import cases

ABC: Final = ["Ann", "Bob", "Cid"]
MONTHS: Final = [date(2024, month, 1) for month in (1, 2, 3)]
#: Three measures of money and one of things, by name.
COLUMNS: Final[dict[str, list[Any]]] = {
    "revenue": [9.5, 8.5, 9.0],
    "cost": [5.5, 6.5, 5.0],
    "profit": [4.0, 2.0, 3.0],
    "orders": [3, 1, 2],
    "customers": [2, 1, 2],
    "average_order_value": [3.5, 8.5, 4.5],
    "revenue_per_order": [3.5, 8.5, 4.5],
    "budget": [10, 9, 9],
    "actual": [Decimal("9.5"), Decimal("8.5"), Decimal("9.0")],
    "min_price": [1.0, 2.0, 1.5],
    "max_price": [7.0, 9.0, 8.0],
    "avg_price": [4.0, 6.0, 5.0],
    "revenue_2023": [9.5, 8.5, 9.0],
    "revenue_2024": [9.0, 9.5, 9.0],
    "cumulative_revenue": [9.5, 18.0, 27.0],
    "share": [0.5, 0.3, 0.2],
    "growth": [None, 0.25, -0.5],
    "conversion_rate": [0.02, 0.03, 0.01],
    "visitors": [900, 700, 800],
    "temperature": [21.5, 20.5, 21.0],
    "humidity_pct": [60.0, 55.0, 70.0],
    "volume": [1_000_001, 2_000_000, 1_500_000],
    "returns": [0, 0, 0],
    "total_amount": [7.5, 9.5, 8.5],
    "payment_count": [3, 2, 4],
    "planned_hours": [10, 20, 15],
    "waited": [timedelta(hours=hours) for hours in (1, 3, 2)],
    "worked": [timedelta(hours=hours) for hours in (8, 6, 7)],
}


def listed(names: str) -> str:
    *others, last = names.split()
    return f"{', '.join(others)} and {last}" if others else last


@cases(
    ("question", "names", "drawn"),
    [
        # of one unit: those that the question names, or all
        ("revenue, cost and profit", "revenue cost profit", "revenue cost profit"),
        ("cost and profit", "revenue cost profit", "cost profit"),
        ("how did we do?", "orders revenue cost profit", "orders revenue cost profit"),
        ("budget vs actual", "budget actual", "budget actual"),
        ("revenue against budget", "revenue budget", "revenue budget"),
        (
            "minimum, maximum and average price",
            "min_price max_price avg_price",
            "min_price max_price avg_price",
        ),
        ("minimum and average price", "min_price max_price avg_price", "min_price avg_price"),
        ("compare 2023 and 2024 revenue", "revenue_2023 revenue_2024", "revenue_2023 revenue_2024"),
        ("time waited and worked", "waited worked", "waited worked"),
        ("orders and returns", "orders returns", "orders returns"),
        # the name that shares most words with the question there
        ("cumulative revenue", "revenue cumulative_revenue", "cumulative_revenue"),
        ("cumulative and net revenue", "revenue cumulative_revenue", "revenue cumulative_revenue"),
        ("revenue per order", "revenue revenue_per_order", "revenue_per_order"),
        ("orders, average order value", "average_order_value orders", "average_order_value orders"),
        ("sum and number of payments", "total_amount payment_count", "total_amount payment_count"),
        # of different units: a panel for each, in the order of the columns
        ("orders and revenue", "revenue orders", "revenue orders"),
        ("temperature and humidity", "temperature humidity_pct", "temperature humidity_pct"),
        ("visitors and conversion rate", "visitors conversion_rate", "visitors conversion_rate"),
        ("revenue and average order value", "revenue average_order_value", "revenue average_order_value"),
        # as nothing is legible beside what is a thousand times larger
        ("orders and volume", "orders volume", "orders volume"),
        # a share or growth that the question names, or that stands behind
        ("share of revenue", "revenue share", "share"),
        ("revenue growth", "revenue growth", "growth"),
        ("revenue and share of customers", "revenue customers share", "revenue share"),
        ("how did we do?", "orders revenue cost profit growth", "growth"),  # too many
        ("orders and growth", "orders growth", "orders growth"),
        # the name with most words of the question
        ("trial to paid conversion rate", "trials conversions conversion_rate_pct", "conversion_rate_pct"),
        ("complaints", "complaints share_pct", "complaints"),
        # a share before a count, and a count before a share
        ("what share of bookings was cancelled", "bookings cancellation_rate", "cancellation_rate"),
        ("how many bookings were cancelled", "bookings cancellation_rate", "bookings"),
        # twins, if the question compares
        (
            "churn compared with last year",
            "churn_last_year churn_this_year",
            "churn_last_year churn_this_year",
        ),
        (
            "drugs below their minimum stock",
            "current_stock minimum_stock days",
            "current_stock minimum_stock",
        ),
        ("branches that exceed their budget", "actual_cost budget_cost", "actual_cost budget_cost"),
        ("passed against the average", "pass_pct national_average_pct", "pass_pct national_average_pct"),
        (
            "male and female population",
            "male_population female_population",
            "male_population female_population",
        ),
        ("population", "male_population female_population", "male_population female_population"),
        ("population of men: male", "male_population female_population", "male_population"),
        ("difference of sales and plan", "sales_actual sales_plan", "sales_actual sales_plan"),
        ("revenue", "revenue_amount discount_amount", "revenue_amount"),
        # no measure of a condition
        ("bounce rate with at least 1,000 sessions", "sessions bounce_rate", "bounce_rate"),
        ("returns of products with a rating above 4", "rating returns", "returns"),
        ("adoption rate below 20%", "users adoption_rate", "adoption_rate"),
    ],
)
def test_measures_beside_each_other(question: str, names: str, drawn: str) -> None:
    """Over categories and over time, what is drawn is named as the columns are."""
    made = {name: [0.5, 0.9, 0.2] if "rate" in name else [5, 9, 2] for name in names.split()}
    columns = {name: COLUMNS.get(name, values) for name, values in made.items()}

    for name, values in (("shop", ABC), ("month", MONTHS)):
        chart = choose_chart(pa.table({name: values, **columns}), f"{question} by {name}")
        assert chart.what == f"{listed(drawn)} by {name}"


@cases(
    ("columns", "what"),
    [
        ({"weight": [3.5, 1.5], "revenue": [5.5, 9.0], "cost": [4.5, 8.0]}, "revenue by weight"),
    ],
)
def test_a_measure_alone(columns: dict[str, Any], what: str) -> None:
    """Where things stand at a number, others beside it could not be told apart."""
    assert choose_chart(pa.table(columns), "revenue and cost").what == what


@cases(
    ("words", "what"),
    [
        (["and", "or", "vs", "versus", "with", "against", ","], "revenue and cumulative_revenue"),
        (["by", "per", "each"], "cumulative_revenue"),
    ],
)
def test_words_between_names(words: list[str], what: str) -> None:
    """What stands on both sides of one is no single name; some join what is drawn."""
    columns = {name: COLUMNS[name] for name in ("revenue", "cumulative_revenue")}

    for word in words:
        chart = choose_chart(pa.table({"shop": ABC, **columns}), f"cumulative {word} revenue")
        assert chart.what == f"{what} by shop"


@cases(
    ("question", "names", "title"),
    [
        ("Revenue and cost?", "revenue cost", "Revenue and cost?"),
        ("Revenue and orders?", "revenue orders", "Revenue and orders?"),
        ("Revenue?", "revenue orders", "Revenue?"),
        ("How are we?", "revenue orders", "How are we?"),
        ("Share of revenue?", "revenue share", "Share of revenue?"),
        ("What is the revenue share?", "revenue share", "What is the revenue share?"),
        ("Revenue, orders and our share?", "revenue orders share", "Revenue, orders and our share?"),
        ("Revenue?", "revenue share", "Revenue?"),
        ("How are we?", "revenue share", "share by shop"),  # sorted by it
    ],
)
def test_the_title_is_the_question_if_it_is_drawn(question: str, names: str, title: str) -> None:
    """All that it names, or all measures if it names none; else the title names what is drawn."""
    columns = {name: COLUMNS[name] for name in names.split()}

    assert choose_chart(pa.table({"shop": ABC, **columns}), question).title == title


def test_the_rows_of_measures_beside_each_other() -> None:
    """A row for each value, with its digits, the name of its measure, and the shared words as a title."""
    columns = {
        "shop": ABC[:2],
        "planned hours": [10**17 + 1, None],
        "actual hours": [Decimal("90000000000000000.50"), 8],
    }

    chart = choose_chart(pa.table(columns), y=["planned hours", "actual hours"])

    assert chart.group is not None
    assert [column.texts for column in (chart.dimension, chart.group, chart.measure)] == [
        ["Ann", "Ann", "Bob", "Bob"],
        ["planned hours", "actual hours"] * 2,
        ["100000000000000001", "90000000000000000.50", None, "8.00"],
    ]
    assert chart.measure.numbers == [1e17, 9e16, None, 8.0]
    assert chart.measure.title == "hours"
    assert [column.name for column in chart.columns] == ["shop", "planned hours", "actual hours"]


@cases(
    ("names", "percent"),
    [("share growth", 100), ("share revenue", None), ("revenue share", None), ("share humidity_pct", None)],
)
def test_percent_beside_each_other(names: str, percent: int | None) -> None:
    """The axis says percent if all measures are of one kind of it."""
    columns = {name: COLUMNS[name] for name in names.split()}

    assert choose_chart(pa.table({"shop": ABC, **columns}), y=[*columns]).measure.percent == percent


@cases(
    ("question", "shops", "title"),
    [
        ("revenue by month and shop", 20, "revenue by month and shop"),
        ("revenue by month and shop", 21, "revenue by month and shop"),
        ("revenue by month, shop and region", 20, "revenue by month and shop"),
        ("revenue of the country Poland by month", 20, "revenue of the country Poland by month"),
    ],
)
def test_a_title_names_no_category_that_is_not_drawn(question: str, shops: int, title: str) -> None:
    """More than twenty values have no colours, and a chart has one category beside its axis."""
    columns = {
        "month": [month for month in MONTHS for _ in range(shops)],
        "shop": [f"shop {number}" for number in range(shops)] * 3,
        "region": ["north", *["south"] * (shops - 1)] * 3,
        "country": ["Poland"] * shops * 3,
        "revenue": [float(number % 7) for number in range(shops * 3)],
    }

    assert choose_chart(pa.table(columns), question).title == title


def test_rows_without_a_place_are_named() -> None:
    """A line and points have none for null; bars have one."""
    revenue = [1.5, 3.0, 2.0]

    line = choose_chart(pa.table({"month": [*MONTHS[:2], None], "revenue": revenue}), cut="3 of 9 rows")
    bars = choose_chart(pa.table({"shop": ["Ann", "Bob", None], "revenue": revenue}))

    assert (line.kind, line.part) == ("line", "Shown: 3 of 9 rows, only rows with month")
    assert (bars.kind, bars.part) == ("bars", "")


def test_durations_beside_each_other() -> None:
    """They have one unit."""
    chart = choose_chart(pa.table({"shop": ABC, "waited": COLUMNS["waited"], "worked": COLUMNS["worked"]}))

    assert chart.measure.title == "(h)"
    assert chart.measure.numbers == [1.0, 8.0, 3.0, 6.0, 2.0, 7.0]


def test_at_most_six_measures() -> None:
    """The chart says of how many."""
    measures = {f"price_{number}": [1, 2, 3] for number in range(7)}

    chart = choose_chart(pa.table({"shop": ABC, **measures}))

    assert chart.what == "price_0, price_1, price_2, price_3, price_4 and price_5 by shop"
    assert chart.part == "Not drawn: price_6"
    assert not choose_chart(pa.table({"shop": ABC, **dict([*measures.items()][:6])})).part


@cases(
    ("given", "what"),
    [
        ({"y": ["budget", "actual"]}, "budget and actual by shop"),
        ({"y": ("actual", "orders", "actual")}, "actual and orders by shop"),
        ({"y": ["actual"]}, "actual by shop"),
        ({"y": []}, "budget and actual by shop"),
        ({"x": "orders", "y": ["budget", "actual"]}, "budget and actual by orders"),
    ],
)
def test_several_columns_may_be_named(given: dict[str, Any], what: str) -> None:
    """They share an axis in the order in which they are named, whatever their units; the title has them."""
    columns = {"shop": ABC, **{name: COLUMNS[name] for name in ("orders", "budget", "actual")}}

    chart = choose_chart(
        pa.table(columns), "budget and actual?" if given["y"] == [] else "how many?", **given
    )

    assert chart.what == what
    assert chart.title == ("budget and actual?" if given["y"] == [] else what)


@cases(
    ("given", "why"),
    [
        ({"y": ["budget", "nothing"]}, "^No column 'nothing' to draw"),
        ({"y": ["budget", "shop"]}, "^No plot fits this answer"),
        ({"y": ["budget", "actual"], "color": "shop"}, "^color= needs a single y=: several have the colours"),
        ({"y": list("abcdefg")}, "^y= names 7 columns .at most 6."),
    ],
)
def test_columns_that_cannot_be_drawn(given: dict[str, Any], why: str) -> None:
    """The error says why."""
    columns = {name: COLUMNS[name] for name in ("budget", "actual", "waited")}
    letters = {letter: [1, 2, 3] for letter in "abcdefg"}

    with pytest.raises(ConfigError, match=why) as caught:
        choose_chart(pa.table({"shop": ABC, **columns, **letters}), **given)
    assert caught.value.setting == "plot"


@cases(
    ("question", "columns", "drawn"),
    [
        # a scale is no measure where things are counted by it
        ("employees by rating", {"rating": [1, 2, 3], "employees": [5, 9, 2]}, "bars: employees by rating"),
        ("employees per rating", {"employees": [5, 9, 2], "rating": [1, 2, 3]}, "bars: employees by rating"),
        (
            "employees and rating",
            {"rating": [1, 2, 3], "employees": [5, 9, 2]},
            "points: employees by rating",
        ),
        ("staff by office rating", {"rating": [1, 2, 3], "staff": [5, 9, 2]}, "bars: staff by rating"),
        ("sales by price", {"price": [1.5, 2.0, 3.0], "sales": [5, 9, 2]}, "points: sales by price"),
        ("sales by price", {"price": [1, 1, 3], "sales": [5, 9, 2]}, "points: sales by price"),
        ("sales by price", {"price": [1, None, 3], "sales": [5, 9, 2]}, "points: sales by price"),
        ("sales by number of stops", {"stops": [0, 1, 2], "sales": [5, 9, 2]}, "bars: sales by stops"),
        ("sales by stops", {"stops": [2, 0, 1], "sales": [9, 5, 2]}, "bars: sales by stops"),
        ("sales by stops", {"stops": [2, 0, 1], "sales": [5, 9, 2]}, "points: sales by stops"),
        # things with two measures of different units, unless they are sorted, few, or of a category
        (
            "weights and ratings of the products",
            {"product": [*map(str, range(11))], "weight": [3, 1, 2] * 3 + [1, 5], "rating": [1, 5] * 5 + [2]},
            "points: rating by weight",
        ),
        (
            "ratings and weights of the products",
            {"product": [*map(str, range(11))], "weight": [3, 1, 2] * 3 + [1, 5], "rating": [1, 5] * 5 + [2]},
            "points: weight by rating",
        ),
        (
            "products by rating, with weights",
            {"product": [*map(str, range(11))], "weight": [3, 1, 2] * 3 + [1, 5], "rating": [*range(11)]},
            "bars: weight and rating by product",
        ),
        (
            "weights and ratings of the products",
            {"product": [*map(str, range(10))], "weight": [3, 1, 2] * 3 + [1], "rating": [1, 5] * 5},
            "bars: weight and rating by product",
        ),
        (
            "weights and ratings of the categories",
            {"category": ["a", "b"] * 6, "weight": [3, 1, 2] * 4, "rating": [1, 5] * 6},
            "bars: weight and rating by category",
        ),
        # numbers of a period are bars, and lines if there are several
        ("", {"hour": [0, 1, 2], "orders": [5, 9, 2]}, "bars: orders by hour"),
        (
            "",
            {"hour": [0, 1, 2], "orders": [5, 9, 2], "visits": [7, 9, 8]},
            "line: orders and visits by hour",
        ),
        (
            "",
            {"hour": [2, 0, 1], "orders": [5, 9, 2], "visits": [7, 9, 8]},
            "bars: orders and visits by hour",
        ),
        (
            "",
            {"month": [1, 2, 3] * 2, "year": [2023] * 3 + [2024] * 3, "orders": [5, 9, 2, 4, 5, 6]},
            "line: orders by year and month",
        ),
        (
            "",
            {"day": [1, 2, 366], "orders": [5, 9, 2], "visits": [7, 9, 8]},
            "line: orders and visits by day",
        ),
        (
            "",
            {"month": [202401, 202402], "orders": [5, 9], "visits": [7, 9]},
            "line: orders and visits by month",
        ),
        # two years or days of three countries are compared, more are lines
        (
            "",
            {"country": ["a", "b", "c"] * 2, "year": [2023] * 3 + [2024] * 3, "n": [*range(6)]},
            "bars: n by country and year",
        ),
        (
            "",
            {"country": ["a", "b", "c"] * 3, "year": [2022] * 3 + [2023] * 3 + [2024] * 3, "n": [*range(9)]},
            "line: n by year and country",
        ),
        (
            "",
            {"country": ["a", "b", "c"] * 2, "day": MONTHS[:1] * 3 + MONTHS[1:2] * 3, "n": [*range(6)]},
            "bars: n by country and day",
        ),
        # the curve stands beside its bars, and what sorts a list beside what is asked
        (
            "cumulative share by shop",
            {"shop": ABC, "downtime": [9, 5, 1], "cumulative_pct": [60, 93, 100]},
            "bars: downtime and cumulative_pct by shop",
        ),
        (
            "top scorers and their assists by shop",
            {"shop": ABC, "goals": [9, 5, 1], "assists": [3, 8, 2]},
            "bars: goals and assists by shop",
        ),
    ],
)
def test_the_kind(question: str, columns: dict[str, list[Any]], drawn: str) -> None:
    """It follows from the roles, the unit and the question."""
    chart = choose_chart(pa.table(columns), question)

    assert f"{chart.kind}: {chart.what}" == drawn


@cases(
    ("columns", "rows", "part"),
    [
        ({"day": [*range(1, 32)]}, 31, ""),
        ({"week": [*range(1, 54)]}, 53, ""),
        ({"day": [*range(1, 61)]}, 60, ""),
        ({"day": [*range(1, 62)]}, 61, ""),  # a line
        ({"week": [f"W{week:02}" for week in range(1, 62)]}, 60, "the first 60 of 61 weeks"),
        ({"day": [*range(31, 1, -1)]}, 30, ""),
        ({"number": ["2", "1", *map(str, range(3, 42))]}, 40, "the first 40 of 41 numbers"),
        ({"shop": [f"shop {at:02}" for at in range(41)]}, 40, "the first 40 of 41 shops"),
        ({"shop": [f"shop {at:02}" for at in range(40)]}, 40, ""),
        ({"days": [*map(str, range(41)), "41+"]}, 42, ""),
        ({"rating": [*range(60)]}, 60, ""),
    ],
)
def test_how_many_categories(columns: dict[str, list[Any]], rows: int, part: str) -> None:
    """Thirty bars, or sixty where they are in order; the chart says if there are more."""
    ((name, values),) = columns.items()
    table = pa.table({name: values, "orders": [at % 7 for at in range(len(values))]})

    chart = choose_chart(table, f"orders by {name}")
    cut = choose_chart(table, f"orders by {name}", cut="31 of 2,000 rows")

    assert (len(chart.measure.cells), chart.part.removeprefix("Shown: ")) == (rows, part)
    assert cut.part == "Shown: 31 of 2,000 rows" + (part and f", {part}")


@cases(
    ("name", "values", "factor"),
    [
        ("share", [0.25, 1.0, None], 100),
        ("share", [0.25, 1.5], None),
        ("yoy_growth", [-0.5, 0.25], 100),
        ("yoy_growth", [-1.5, 0.25], None),
        ("conversion_rate", [0.02], 100),
        ("share_pct", [25.0, 0.5], 1),
        ("share_pct", [0.25, -1.0], None),
        ("Change %", [-30, 20], 1),
        ("revenue_change", [0.25], None),
        ("debt_ratio", [0.25], None),
        ("exchange_rate", [0.92], None),
        ("revenue", [0.25], None),
        ("share_count", [1], None),
    ],
)
def test_what_is_percent(name: str, values: list[float], factor: int | None) -> None:
    """By the words of the name, if the values agree: a share of 0.25, and a percentage of 25."""
    assert Column(0, name, pa.chunked_array([values])).percent == factor


@cases(
    ("name", "unit"),
    [
        ("revenue", "money"),
        ("salesAmount", "money"),
        ("cost_2024", "money"),
        ("budget", "any"),
        ("budget_hours", "time"),
        ("weight_kg", "mass"),
        ("average_price", "each money"),
        ("revenue_per_order", "each money"),
        ("avg_basket", "each basket"),
        ("orders", "count"),
        ("payment_count", "count"),
        ("number of payments", "count"),
        ("share_pct", "percent 1"),
    ],
)
def test_the_unit(name: str, unit: str) -> None:
    """By the last word that has one; averages share no axis with sums."""
    assert Column(0, name, pa.chunked_array([[2, 3]])).unit == unit
    assert Column(0, name, pa.chunked_array([pa.array([1], pa.duration("ms"))])).unit == "duration[ms]"


@cases(
    ("text", "width", "expected"),
    [
        ("abcdefgh", 8, "abcdefgh"),
        ("abcdefghi", 8, "abcd…ghi"),
        ("abcdefghi", 7, "abc…ghi"),
        ("日本語日本語", 8, "日本…語 "),
        ("ab", 1, "…"),
    ],
)
def test_a_text_without_its_middle(text: str, width: int, expected: str) -> None:
    """The beginning and the end are left, as wide as there is room."""
    assert cut_middle(text, width).replace(" ", "") == expected.replace(" ", "")


TEAMS: Final = [f"team {number:02}" for number in range(30)]
PER_TEAM: Final[dict[str, list[Any]]] = {
    "team_id": [*range(100, 130)],
    "team": TEAMS,
    "weight_kg": [(at * 7) % 30 + 1.5 for at in range(30)],
    "price_eur": [(at * 11) % 30 + 2.5 for at in range(30)],
}


@cases(
    ("question", "names", "drawn", "part"),
    [
        # initials of the question's words, and the other way round
        ("best return on ad spend", "spend revenue roas", "roas", "Not drawn: spend, revenue"),
        ("occupancy and average daily rate", "occupancy_pct adr", "occupancy_pct adr", ""),
        ("AOV and orders", "avg_order_value orders", "avg_order_value orders", ""),
        # a verb asks for the rate, unless it counts
        ("which convert better", "conversions conversion_rate", "conversion_rate", "Not drawn: conversions"),
        ("how many converted", "conversions conversion_rate", "conversions", "Not drawn: conversion_rate"),
        ("consumption and temperature", "consumption_mwh temp_c", "consumption_mwh temp_c", ""),
        # all of a family, and what they differ by
        (
            "25th, 50th and 75th percentile of salary",
            "p25_salary median_salary p75_salary",
            "p25_salary median_salary p75_salary",
            "",
        ),
        ("who missed the target, and by how much", "target actual variance", "target actual variance", ""),
        (
            "subscribers: new, cancelled and net",
            "new_subscribers cancelled_subscribers net_subscribers",
            "new_subscribers cancelled_subscribers net_subscribers",
            "",
        ),
        ("page views and how long people stay", "page_views seconds", "page_views seconds", ""),
        ("revenue", "revenue a b c d e f", "revenue", "Not drawn: a, b, c, d, 2 more"),
    ],
)
def test_what_is_asked_is_drawn(question: str, names: str, drawn: str, part: str) -> None:
    """A question names a measure in many ways; one that is not drawn is named below the title."""
    columns = names.split()
    numbers = [5, 9, 2, 50, 20, 30] + [3, 1, 2] * len(columns)
    table = {name: numbers[3 * at : 3 * at + 3] for at, name in enumerate(columns)}

    chart = choose_chart(pa.table({"shop": ABC, **table}), f"{question} by shop")

    assert (chart.what, chart.part) == (f"{listed(drawn)} by shop", part)


@cases(
    ("question", "what"),
    [
        ("price against weight", "price_eur by weight_kg"),
        ("weight against price", "weight_kg by price_eur"),
        ("how does the price fall with the weight", "price_eur by weight_kg"),
        ("does the price depend on the weight", "price_eur by weight_kg"),
        ("the effect of weight on price", "price_eur by weight_kg"),
        ("correlation between weight and price", "price_eur by weight_kg"),
        ("price and weight", "price_eur by weight_kg"),
    ],
)
def test_how_two_measures_relate(question: str, what: str) -> None:
    """Points, with the cause on x, also where there is a year."""
    columns = PER_TEAM if question == "price and weight" else {**PER_TEAM, "year": [*range(1990, 2020)]}
    expected = what if question != "price and weight" else "weight_kg by price_eur"

    chart = choose_chart(pa.table(columns), question)

    assert (chart.kind, chart.what) == ("points", expected)


@cases(
    ("values", "bins", "counts"),
    [
        ([*range(30)], ["0 \N{EN DASH} 2", "28 \N{EN DASH} 30"], [2, 2]),
        ([*range(0, 30_000, 1_000)], ["0 \N{EN DASH} 2k", "28 \N{EN DASH} 30k"], [2, 2]),
        ([*range(100), 500], ["0 \N{EN DASH} 10", "90+"], [10, 11]),
    ],
)
def test_a_distribution(values: list[int], bins: list[str], counts: list[int]) -> None:
    """It counts the rows in bins of round width; the last one has the few large values."""
    table = pa.table({"loan_id": [f"L{at}" for at in range(len(values))], "amount": values})

    chart = choose_chart(table, "How are loan amounts distributed?")

    assert (chart.kind, chart.what) == ("histogram", "count by amount")
    assert [chart.dimension.texts[0], chart.dimension.texts[-1]] == bins
    assert [chart.measure.numbers[0], chart.measure.numbers[-1]] == counts


@cases(
    ("question", "years", "parts", "what", "first"),
    [
        ("revenue each quarter", [2023, 2024], [1, 2, 3], "fiscal_year and part", "2023-Q1"),
        ("revenue each quarter", ["FY23", "FY24"], ["Q1", "Q2", "Q3"], "fiscal_year and part", "2023-Q1"),
        ("revenue by month", [2023, 2024], ["March", "April", "May"], "fiscal_year and part", "2023-03"),
        ("revenue by week", [2023, 2024], [9, 10, 11], "fiscal_year and part", "2023-W09"),
        ("revenue by quarter and year", [2023, 2024], [1, 2, 3], "part and fiscal_year", 1),
        ("compare revenue by quarter", [2023, 2024], [1, 2, 3], "part and fiscal_year", 1),
        ("revenue by quarter in 2023 and 2024", [2023, 2024], [1, 2, 3], "part and fiscal_year", 1),
    ],
)
def test_years_and_their_parts(
    question: str, years: list[Any], parts: list[Any], what: str, first: object
) -> None:
    """They are one time, unless the question compares years."""
    name = next(word for word in ("quarter", "month", "week") if word in question)
    columns = {
        "fiscal_year": [each for each in years for _ in parts],
        name: parts * 2,
        "revenue": [*range(6)],
    }

    chart = choose_chart(pa.table(columns), question)

    assert (chart.kind, chart.what) == ("line", f"revenue by {what.replace('part', name)}")
    assert chart.dimension.cells.to_pylist()[0] == first


@cases(
    ("values", "expected"),
    [
        (["0-30 days", "31-60 days", "90+", "Current"], ["Current", "0-30 days", "31-60 days", "90+"]),
        (["5k-10k", "<500", "500-5k"], ["<500", "500-5k", "5k-10k"]),
        (["75+", "18-24", None, "25-74"], ["18-24", "25-74", "75+", None]),
        (["1-2 years", "1-6 months", "7-11 months"], ["1-2 years", "1-6 months", "7-11 months"]),
        (["TV", "3-seat sofa", "lamp"], ["TV", "3-seat sofa", "lamp"]),
    ],
)
def test_ranges_are_in_order(values: list[str | None], expected: list[str | None]) -> None:
    """By their numbers, of one unit; what is due later precedes them."""
    chart = choose_chart(pa.table({"bucket": values, "due": [5, 9, 2, 7][: len(values)]}), "due by bucket")

    assert chart.dimension.texts == expected
