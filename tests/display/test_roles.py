"""Roles of columns, and the chart that each of many answers gets."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pytest

from connecty_frames.display.charts import choose_chart
from connecty_frames.display.roles import Role, fineness, is_ordered, is_year, role_of, stem, words
from connecty_frames.errors import ConfigError
from tests.cases import cases
from tests.display.answers import ANSWERS as BY_OTHERS

NUMBERS: Final = [3, 1, 2]


@pytest.mark.parametrize(
    ("names", "values", "role"),
    [
        (
            [
                "customer_id",
                "customerId",
                "CUSTOMER ID",
                "CustomerID",
                "id_kunde",
                "store_no",
                "sku",
                "plz",
                "zip",
            ],
            [10115, 80331, 20095],
            Role.IDENTIFIER,
        ),
        (["postal_code", "order number", "country-code", "EAN", "Kundennummer"], NUMBERS, Role.IDENTIFIER),
        (
            ["number_of_orders", "no_of_orders", "num_orders", "customer_id_count", "unique_ids"],
            NUMBERS,
            Role.MEASURE,
        ),
        (["lat", "longitude"], [52.5, 48.1, 53.5], Role.IDENTIFIER),
        (["rank", "revenue_rank", "row_number", "#", "Rang"], NUMBERS, Role.RANK),
        (["year", "yr", "fiscal_year", "orderYear", "year_built", "Jahr"], [2023, 2024, 2025], Role.PERIOD),
        (["year"], [12_000, 13_000], Role.MEASURE),
        (["year_end"], [2023, 2024], Role.PERIOD),
        (["year_total", "orders_per_year"], [2023, 2024], Role.MEASURE),
        (["year"], [2024] * 1_000 + [9999], Role.PERIOD),  # the first thousand decide
        (["year"], [2024] * 999 + [9999], Role.MEASURE),
        (["month"], [1, 12], Role.PERIOD),
        (["month"], [0, 12], Role.MEASURE),
        (["month"], [1, 13], Role.MEASURE),
        (["month"], [202401, 202413], Role.MEASURE),
        (["rank"], [1.5, 2.5], Role.MEASURE),
        (["share_count"], [0.5], Role.MEASURE),
        (["customer_ids"], NUMBERS, Role.IDENTIFIER),
        (["?", ""], NUMBERS, Role.MEASURE),
        (
            ["month_number", "month", "hour", "weekday", "day_of_week", "quarter", "week_no"],
            NUMBERS,
            Role.PERIOD,
        ),
        (["month", "date_key"], [202401, 202402], Role.PERIOD),
        (["hours", "days_to_ship", "orders_per_day", "year_total"], NUMBERS, Role.MEASURE),
        (
            ["share", "pct_of_total", "yoy_growth", "Change %", "conversion_rate"],
            [0.5, None, 0.25],
            Role.DERIVED,
        ),
        (["quarter", "q", "any"], ["2024-Q1", "2024-Q2", None], Role.PERIOD),
        (["month", "m"], ["Jan 2024", "February 2024"], Role.PERIOD),
        (["wd"], ["Mon", "Tuesday", "wed"], Role.PERIOD),
        (["country"], ["Poland", "Spain", "Italy"], Role.LABEL),
        (["country"], ["Poland", "Spain", "Poland"], Role.DIMENSION),
        (["country", "?"], ["Poland"], Role.DIMENSION),
        (["country"], ["Poland", None], Role.DIMENSION),
        (["country"], pa.array([None], pa.string()), Role.DIMENSION),
        (["quarter"], ["2024-Q1"] * 1_000 + ["x"], Role.PERIOD),
        (["quarter"], ["2024-Q1"] * 999 + ["x"], Role.DIMENSION),
        (["id"], ["a", "a"], Role.IDENTIFIER),
        (["paid"], [True, False, True], Role.DIMENSION),
        (["x"], ["0b6e1d0e-98a4-4c7e-9c53-2d4c1f2f7a10"], Role.IDENTIFIER),
        (["at"], [date(2024, 1, 1)], Role.PERIOD),
        (["delivery_time"], [timedelta(hours=3)], Role.MEASURE),
        (["tags"], [["a"], []], Role.OTHER),
        (["n"], [float("nan"), 1.0], Role.MEASURE),
        (["id", "year"], pa.array([], pa.int64()), Role.MEASURE),
    ],
)
def test_role(names: list[str], values: Any, role: Role) -> None:
    """The name decides if the values agree."""
    for name in names:
        assert role_of(name, pa.chunked_array([pa.array(values)])) == role, name


REVENUE: Final = [Decimal("300.50"), Decimal("200.00"), Decimal("100.25")]
ABC: Final = ["Ann", "Bob", "Cid"]
MONTHS: Final = [date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)]

#: Questions, columns, and what is drawn: the measure over the dimension, in the colours of the group.
OWN_ANSWERS: Final[list[tuple[str, dict[str, Any], str, str, str | None]]] = [
    (
        "top 10 customers by revenue",
        {"customer_id": [7, 9, 4], "customer": ABC, "revenue": REVENUE},
        "revenue",
        "customer",
        None,
    ),
    (
        "top 10 customers by revenue",
        {"customer_id": [7, 9, 4], "revenue": REVENUE},
        "revenue",
        "customer_id",
        None,
    ),
    (
        "top 3 products in each category by revenue",
        {"category": ["a", "a", "b"], "product_id": [1, 2, 3], "product": ABC, "revenue": REVENUE},
        "revenue",
        "product",
        "category",
    ),
    ("revenue by year", {"year": [2022, 2023, 2024], "revenue": REVENUE}, "revenue", "year", None),
    ("orders by hour", {"hour": [0, 1, 2], "orders": [5, 2, 9]}, "orders", "hour", None),
    ("orders by weekday", {"weekday": [1, 2, 3], "orders": [5, 2, 9]}, "orders", "weekday", None),
    ("orders by weekday", {"weekday": ["Mon", "Tue", "Wed"], "orders": [5, 2, 9]}, "orders", "weekday", None),
    (
        "orders by postal code",
        {"postal_code": [10115, 20095, 80331], "orders": [5, 2, 9]},
        "orders",
        "postal_code",
        None,
    ),
    (
        "share of revenue by country",
        {"country": ABC, "revenue": REVENUE, "share": [0.5, 0.3, 0.2]},
        "share",
        "country",
        None,
    ),
    (
        "revenue growth by year",
        {"year": [2022, 2023, 2024], "revenue": REVENUE, "growth_pct": [None, -33.4, -49.9]},
        "growth_pct",
        "year",
        None,
    ),
    (
        "rank countries by orders",
        {"rank": [1, 2, 3], "country": ABC, "orders": [9, 5, 2]},
        "orders",
        "country",
        None,
    ),
    ("orders by rank", {"rank": [1, 2, 3], "orders": [9, 5, 2]}, "orders", "rank", None),
    ("revenue by month", {"month": MONTHS, "revenue": REVENUE}, "revenue", "month", None),
    (
        "revenue by month and country",
        {"month": MONTHS + MONTHS, "country": ["DE"] * 3 + ["PL"] * 3, "revenue": REVENUE + REVENUE},
        "revenue",
        "month",
        "country",
    ),
    (
        "revenue by year and month",
        {"year": [2023, 2023, 2024, 2024], "month": [1, 2, 1, 2], "revenue": [1.5, 2.5, 1.0, 3.0]},
        "revenue",
        "month",
        "year",
    ),
    (
        "revenue by quarter",
        {"quarter": ["2024-Q1", "2024-Q2", "2024-Q3"], "revenue": REVENUE},
        "revenue",
        "quarter",
        None,
    ),
    (
        "orders and revenue by country",
        {"country": ABC, "orders": [5, 2, 9], "revenue": [10.5, 30.0, 20.5]},
        "orders",
        "country",
        None,
    ),
    (
        "best countries",
        {"country": ABC, "orders": [9, 5, 2], "revenue": [10.5, 30.0, 20.5]},
        "orders",
        "country",
        None,
    ),
    (
        "countries",
        {"country": ABC, "orders": [5, 2, 9], "revenue": [10.5, 30.0, 20.5]},
        "revenue",
        "country",
        None,
    ),
    (
        "delivery time by carrier",
        {"carrier": ABC, "delivery_time": [timedelta(hours=h) for h in (5, 2, 9)]},
        "delivery_time",
        "carrier",
        None,
    ),
    ("price and quantity", {"price": [1.5, 2.5, 0.5], "quantity": [9, 4, 20]}, "quantity", "price", None),
    (
        "top customers by revenue",
        {"customer": ABC, "first_order": [MONTHS[1], MONTHS[0], MONTHS[2]], "revenue": REVENUE},
        "revenue",
        "customer",
        None,
    ),
    (
        "paid orders by country",
        {"country": ["DE", "DE", "PL"], "paid": [True, False, True], "orders": [5, 2, 9]},
        "orders",
        "country",
        "paid",
    ),
    (
        "how many customers are there per city?",
        {
            "city": ABC,
            "latitude": [52.5, 48.1, 53.5],
            "longitude": [13.4, 11.6, 10.0],
            "customers": [9, 5, 2],
        },
        "customers",
        "city",
        None,
    ),
    (
        "stock by store",
        {"store_no": [12, 7, 31], "stock": [100, 50, 75]},
        "stock",
        "store_no",
        None,
    ),
    (
        "orders by month in 2024",
        {"year": [2024] * 3, "month_number": [1, 2, 3], "orders": [5, 2, 9]},
        "orders",
        "month_number",
        None,
    ),
    (
        "orders by status and city",
        {"status": ["new", "paid"] * 11, "city": [f"c{at // 2}" for at in range(22)], "orders": [*range(22)]},
        "orders",
        "city",
        "status",
    ),
    (
        "largest payments",
        {"customer_id": [7, 7, 9], "day": [MONTHS[1], MONTHS[0], MONTHS[2]], "amount": [9, 5, 2]},
        "amount",
        "day",
        None,
    ),
    (
        "largest payments",
        {"customer_id": [7, 8, 9], "day": [MONTHS[1], MONTHS[0], MONTHS[2]], "amount": [9, 5, 2]},
        "amount",
        "customer_id",
        None,
    ),
    (
        "orders by status, city and gift",
        {
            "status": ["new", "paid"] * 12,
            "city": [f"c{at // 2}" for at in range(24)],
            "gift": [True, False, False] * 8,
            "orders": [*range(24)],
        },
        "orders",
        "city",
        "status",
    ),
    (
        "orders by status and city",
        {"status": ["new", "paid"] * 10, "city": [f"c{at // 2}" for at in range(20)], "orders": [*range(20)]},
        "orders",
        "status",
        "city",
    ),
    (
        "the returns by country",
        {"country": ABC, "return": [5, 2, 9], "orders": [1, 2, 3]},
        "return",
        "country",
        None,
    ),
    ("countries", {"country": ABC, "share": [0.3, 0.5, 0.2], "orders": [5, 2, 9]}, "orders", "country", None),
    ("countries", {"country": ABC, "orders": [5, 2, 9], "share": [0.3, 0.5, 0.2]}, "share", "country", None),
    (
        "orders by month",
        {"season": ["winter", "winter", "spring"], "month": MONTHS, "orders": [5, 2, 9]},
        "orders",
        "month",
        None,
    ),
    (
        "top products by revenue",
        {"product": ABC, "category": ["a", "a", "b"], "revenue": REVENUE},
        "revenue",
        "product",
        None,
    ),
    (
        "orders in Poland by status and kind",
        {
            "country": ["Poland"] * 4,
            "status": ["new", "paid"] * 2,
            "kind": ["a", "a", "b", "b"],
            "orders": [4, 2, 3, 1],
        },
        "orders",
        "status",
        "kind",
    ),
    (
        "orders by day",
        {
            "day": [*MONTHS[:2]] * 2,
            "half": ["1", "1", "1", "1"],
            "kind": ["a", "b", "a", "b"],
            "shop": ["x", "x", "y", "y"],
            "orders": [4, 2, 3, 1],
        },
        "orders",
        "day",
        "shop",
    ),
    (
        "months",
        {"month": MONTHS, "orders": [1, 2, 3], "revenue": [2.5, 1.5, 3.0]},
        "revenue",
        "month",
        None,
    ),
    (
        "logins per day",
        {"day": [datetime(2024, 1, day) for day in (1, 2, 3)], "logins": [5, 2, 9]},
        "logins",
        "day",
        None,
    ),
]


#: Of a cohort's months since it signed up, name, type and values do not tell that they are the periods.
LEFT_TO_X: Final = "Retention of the last three signup cohorts"


@pytest.mark.parametrize(("question", "columns", "measure", "dimension", "group"), [*OWN_ANSWERS, *BY_OTHERS])
def test_chart(
    question: str, columns: dict[str, Any], measure: str | None, dimension: str | None, group: str | None
) -> None:
    """What is drawn means the question."""
    table = pa.table(columns)
    if measure is None:
        with pytest.raises(ConfigError, match="No plot fits this answer"):
            choose_chart(table, question)
        return
    chart = choose_chart(table, question, x=dimension if question == LEFT_TO_X else None)

    drawn = chart.measure.name, chart.dimension.name, chart.group and chart.group.name
    assert drawn == (measure, dimension, group)
    assert chart.measure.role in {Role.MEASURE, Role.DERIVED}


@pytest.mark.parametrize(
    "columns",
    [
        {"n": [5]},
        {"customer_id": [1, 2]},
        {"rank": [1, 2, 3], "customer": ABC},
        {"customer_id": [1, 2, 3], "customer": ABC, "year": [2022, 2023, 2024]},
        {"orders": [5], "customers": [3]},
    ],
)
def test_no_measure(columns: dict[str, Any]) -> None:
    """The error names the columns with their roles, and says how to choose."""
    with pytest.raises(ConfigError, match="No plot fits this answer: the columns are '") as caught:
        choose_chart(pa.table(columns), "how many?")
    assert "plot(x=, y=)" in str(caught.value)
    assert caught.value.setting == "plot"


def test_the_words_for_roles() -> None:
    """Errors name them."""
    assert [*Role] == [
        "identifier",
        "label",
        "rank",
        "period",
        "dimension",
        "measure",
        "derived measure",
        "other",
    ]


def test_the_finest_word_of_a_period_counts() -> None:
    """A month of a year is finer than a quarter; a date is finest."""
    table = pa.table(
        {
            "day": [date(2024, 1, 1)],
            "minute": [1],
            "year_month": [202401],
            "quarter": [1],
            "year": [2024],
        }
    )
    by_fineness = sorted(table.column_names, key=lambda name: fineness(name, table[name]))
    assert by_fineness == ["year", "quarter", "year_month", "minute", "day"]


def test_how_fine_periods_are() -> None:
    """A name without a period is as coarse as a year."""
    names = ["any", "decade", "year", "half", "quarter", "month", "week", "day", "weekday", "hour", "minute"]
    text = pa.chunked_array([["x"]])

    assert [fineness(name, text) for name in names] == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]


@cases(
    ("values", "ordered"),
    [
        ([1, 2, 2], True),
        ([2, 1, 1], True),
        ([None, 1, None, 2], True),
        ([1, 3, 2], False),
        ([2, 1, 3], False),
        ([1, 1], False),
        ([1], False),
        ([], False),
    ],
)
def test_ordered_values(values: list[int | None], *, ordered: bool) -> None:
    """They rise or fall, or stay, but are not all equal."""
    assert is_ordered(pa.chunked_array([pa.array(values, pa.int64())])) is ordered


@cases(
    ("values", "years"),
    [([1000, 2999], True), ([999], False), ([3000], False), ([2000.5], False), ([None], False)],
)
def test_years(values: list[float | None], *, years: bool) -> None:
    """Whole numbers of four digits up to 2999."""
    assert is_year(pa.chunked_array([pa.array(values, pa.float64())])) is years


@cases(
    ("name", "expected"),
    [
        ("customerId", ["customer", "id"]),
        ("HTTPServer", ["http", "server"]),
        ("CUSTOMER_ID", ["customer", "id"]),
        ("avg price", ["average", "price"]),
        ("Change %", ["change", "%"]),
        ("q1", ["q", "1"]),
        ("_", []),
    ],
)
def test_the_words_of_a_name(name: str, expected: list[str]) -> None:
    """In lower case, short ones written out."""
    assert words(name) == expected


def test_plurals() -> None:
    """A question and a column may differ in them; a word of three letters has none."""
    assert [*map(stem, ["days", "tens", "bus", "yes"])] == ["day", "ten", "bus", "yes"]
