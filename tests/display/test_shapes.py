"""The shape of a chart, by the roles of its columns, and how much of an answer it shows."""

from __future__ import annotations

from calendar import day_name, month_name
from datetime import date, datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from connecty_frames.display.charts import choose_chart
from connecty_frames.display.columns import Column
from connecty_frames.display.shapes import TERMINAL
from tests.cases import cases

MONTHS: Final = [date(2024, month, 1) for month in range(1, 13)]
SHOPS: Final = [f"shop {number:02}" for number in range(40)]


def crossed(one: list[Any], other: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return two columns with each value of one beside each value of the other."""
    return [each for each in one for _ in other], [*other] * len(one)


def table(
    first: tuple[str, list[Any]], second: tuple[str, list[Any]], measure: str, *numbers: float
) -> dict[str, list[Any]]:
    """Return the columns of two dimensions and a measure, whose numbers repeat."""
    columns = crossed(first[1], second[1])
    values = [numbers[at % len(numbers)] for at in range(len(columns[0]))]
    return {first[0]: columns[0], second[0]: columns[1], measure: values}


TOP: Final = {
    "country": ["DE", "DE", "DE", "PL", "PL", "FR"],
    "product": ["lamp", "desk", "chair", "desk", "lamp", "sofa"],
    "revenue": [9, 5, 3, 8, 7, 2],
    "orders": [1, 3, 2, 5, 4, 9],
}


LEVELS: Final = crossed([*range(1, 6)], [*range(24)])
WEEK: Final = ["Friday", "Monday", "Sunday"]


@cases(
    ("question", "columns", "drawn"),
    [
        # a measure falls within each of an outer category
        ("top 3 products in each country", TOP, "lists: revenue by product and country; Not drawn: orders"),
        (
            "worst products per country by orders",
            TOP,
            "cells: orders by country and product; Not drawn: revenue",
        ),
        ("products and countries", TOP, "lists: revenue by product and country; Not drawn: orders"),
        # two periods
        (
            "customers by cohort and month",
            table(("month", MONTHS[4:]), ("cohort", MONTHS[:6]), "customers", 5, 9, 2),
            "cells: customers by month and cohort",
        ),
        (
            "retention by cohort and month",
            table(("cohort", MONTHS[:6]), ("month_number", [*range(6)]), "retention", 5, 9, 2),
            "cells: retention by month_number and cohort",
        ),
        (
            "retention of three cohorts",
            table(("cohort", MONTHS[:3]), ("months_since_signup", [*range(4)]), "retention", 5, 9, 2),
            "line: retention by months_since_signup and cohort",
        ),
        # lines
        (
            "revenue by month and shop",
            table(("month", MONTHS), ("shop", SHOPS[:12]), "revenue", *range(12)),
            "line: revenue by month and shop; the largest 10 of 12 shops",
        ),
        (
            "average price by month and shop",
            table(("month", MONTHS), ("shop", SHOPS[:12]), "average_price", *range(12)),
            "cells: average_price by month and shop",
        ),
        (
            "average price by month and shop",
            table(("month", MONTHS), ("shop", SHOPS[:31]), "average_price", *range(31)),
            "line: average_price by month and shop; the largest 10 of 31 shops",
        ),
        (
            "growth by month and shop",
            table(("month", MONTHS), ("shop", SHOPS[:12]), "growth", 0.25, -0.5),
            "line: growth by month and shop; the largest 10 of 12 shops",
        ),
        # bars
        (
            "revenue by shop and status",
            table(("shop", SHOPS), ("status", ["new", "paid"]), "revenue", *range(80)),
            "bars: revenue by shop and status; the largest 25 of 40 shops",
        ),
        (
            "revenue by shop and status",
            table(("shop", SHOPS[:20]), ("status", [*"abcde"]), "revenue", *range(100)),
            "bars: revenue by shop and status; the largest 15 of 20 shops",
        ),
        (
            "revenue by shop and category",
            table(("shop", SHOPS), ("category", [*"abcdef"]), "revenue", 5, 9, 2, 4, 3),
            "cells: revenue by category and shop; the largest 30 of 40 shops",
        ),
        (
            "revenue by shop and category",
            table(("shop", SHOPS[:20]), ("category", [*"abcdef"]), "revenue", *[1000] * 60, *[1] * 60),
            "cells: revenue by category and shop; the largest 15 of 20 shops",
        ),
        (
            "profit by shop and category",
            table(("shop", SHOPS[:3]), ("category", [*"abcdefgh"]), "profit", -5, *range(11)),
            "bars: profit by category and shop",
        ),
        (
            "revenue by shop and status",
            {"shop": [*"aabcd"], "status": [*"wxyzw"], "revenue": [1, 2, 3, 4, 5]},
            "cells: revenue by shop and status",
        ),
        # a third dimension has panels, and a fourth no place
        (
            "revenue by month, shop and status",
            {
                "month": MONTHS[:2] * 4,
                "shop": [*"aabbaabb"],
                "status": [*"ssssvvvv"],
                "revenue": [1, 2, 3, 4, 5, 6, 7, 8],
            },
            "line: revenue by month, shop and status",
        ),
        (
            "revenue by month, shop, status and channel",
            {
                "month": MONTHS[:2] * 8,
                "shop": [*"aabbaabb"] * 2,
                "status": [*"ssssvvvv"] * 2,
                "channel": ["web"] * 8 + ["shop"] * 8,
                "revenue": [1, 2, 3, 4, 5, 6, 7, 8] * 2,
            },
            "line: revenue by month and shop; Not drawn: status, channel",
        ),
        (
            "revenue by month and shop",
            {"day": MONTHS[:2] * 2, "month": [1, 2] * 2, "shop": [*"aabb"], "revenue": [1, 2, 3, 4]},
            "line: revenue by day and shop",
        ),
        # counts, and shares where these are named
        (
            "how many orders are gifts, and what share",
            {"gift": [True, False], "orders": [5, 95], "share": [0.05, 0.95]},
            "bars: orders and share by gift",
        ),
        # no joined measures
        (
            "closing balance of the operating expense accounts",
            {"account": [*"abc"], "operating_expense": [1, 3, 2], "closing_balance": [5.5, 1.5, 2.5]},
            "bars: closing_balance by account; Not drawn: operating_expense",
        ),
        (
            "revenue, orders, price, margin and weight by shop",
            {
                "shop": [*"abc"],
                "revenue": [5e6, 4e6, 6e6],
                "orders": [3, 1, 2],
                "average_price": [5.5, 1.5, 2.5],
                "margin_pct": [50, 40, 30],
                "weight": [3, 1, 2],
            },
            "bars: revenue, orders, average_price and margin_pct by shop; Not drawn: weight",
        ),
        (
            "hires and staff by month",
            {"month": MONTHS[:2], "staff": [310, 300], "hires": [20, 15]},
            "line: staff and hires by month",
        ),
        # hours in order are a line, other numbers columns
        ("calls by hour", {"hour": [*range(24)], "calls": [*range(24)]}, "line: calls by hour"),
        (
            "customers by age",
            {"age": [*range(18, 80)], "customers": [1, *range(61)]},
            "histogram: customers by age",
        ),
        # bins by their ends
        (
            "distribution of order values",
            {"value_from": [0, 25, 50], "value_to": [25, 50, None], "orders": [9, 5, 2]},
            "bars: orders by value_from and value_to",
        ),
        # texts and numbers of months are times, and the best months are a list
        ("orders by month", {"month": ["2024-01", "2024-02"], "orders": [5, 9]}, "line: orders by month"),
        ("orders", {"quarter": ["Q3 2024", "Q4 2024"], "orders": [5, 9]}, "line: orders by quarter"),
        ("best months", {"month": [202403, 202401, 202402], "orders": [9, 5, 2]}, "bars: orders by month"),
        # whole numbers as categories
        (
            "wait by triage level and hour",
            {"triage_level": LEVELS[0], "hour": LEVELS[1], "wait": [*range(120)]},
            "line: wait by hour and triage_level",
        ),
        (
            "wait by severity and hour",
            {"severity": LEVELS[0], "hour": LEVELS[1], "wait": [*range(120)]},
            "line: wait by hour and severity",
        ),
        (
            "moisture by field and depth",
            {"field": [*"aaabbb"], "depth_cm": [10, 30, 60] * 2, "moisture": [5, 9, 2, 4, 3, 1]},
            "bars: moisture by field and depth_cm",
        ),
        ("students in each grade", {"grade": [1, 2, 3], "students": [5, 9, 2]}, "bars: students by grade"),
        (
            "distribution of employee tenure in years",
            {"tenure_years": [0, 1, 2, 4], "employees": [5, 9, 2, 1]},
            "bars: employees by tenure_years",
        ),
        # periods by a number or a text
        (
            "load by weekday and hour",
            table(("weekday", [*day_name]), ("hour_of_day", [*range(24)]), "load", *range(168)),
            "cells: load by hour_of_day and weekday",
        ),
        (
            "points of each team after each matchday",
            {"team": [*"aabb"], "matchday": [1, 2, 1, 2], "points": [3, 4, 1, 2]},
            "line: points by matchday and team",
        ),
        (
            "how do we get from revenue to profit",
            {"step": [1, 2, 3], "position": ["Revenue", "Costs", "Profit"], "amount": [9, -4, 5]},
            "bars: amount by position",
        ),
        (
            "units every 10 minutes",
            {"measured_at": [f"2026-12-02 06:{n}0" for n in range(6)], "units": [5, 6, 0, 0, 6, 5]},
            "line: units by measured_at",
        ),
        (
            "rain in each month compared with the long-term average",
            {
                "month_name": [*month_name][1:],
                "rainfall_mm": [*range(12)],
                "long_term_avg_mm": [*range(50, 62)],
            },
            "bars: rainfall_mm and long_term_avg_mm by month_name",
        ),
        (
            "salary quartiles by level",
            {"level": [*"ab"], "q1_salary": [3, 5], "median_salary": [4, 6], "q3_salary": [5, 7]},
            "bars: median_salary, q1_salary and q3_salary by level",
        ),
        ("speed in each lap", {"lap": [*range(12)], "speed": [*range(230, 242)]}, "line: speed by lap"),
        ("sales by price", {"price": [1, 1, 3], "sales": [5, 9, 2]}, "points: sales by price"),
        # names and routes
        (
            "sick days of which employees",
            {"first_name": ["Ann", "Ann"], "last_name": ["Lee", "Day"], "days": [9, 5]},
            "bars: days by first_name and last_name",
        ),
        (
            "sales by route",
            table(("origin", [*"abcdefg"]), ("destination", [*"uvwxyz"]), "sales", 5, 9, 2),
            "cells: sales by destination and origin",
        ),
        (
            "sales by route",
            {"origin": [*"abcde"], "destination": [*"vwxyz"], "sales": [2, 9, 5, 4, 1]},
            "bars: sales by origin and destination",
        ),
        # many lines that cross
        (
            "fuel by month and truck",
            table(("truck", SHOPS[:8]), ("month", MONTHS), "fuel", 5, 9, 2, 4, 7),
            "cells: fuel by month and truck",
        ),
        (
            "fuel by month and truck",
            table(("truck", SHOPS[:7]), ("month", MONTHS), "fuel", 5, 9, 2, 4, 7),
            "line: fuel by month and truck",
        ),
        (
            "fuel by month and truck",
            table(("truck", SHOPS[:8]), ("month", MONTHS), "fuel", *range(96)),
            "line: fuel by month and truck",
        ),
        # what is not drawn
        (
            "revenue by shop",
            {"shop": [*"abc"], "revenue": [2, 3, 1], "tax": [1, 1, 2]},
            "bars: revenue by shop; Not drawn: tax",
        ),
        (
            "orders by shop, with the tax",
            {"shop": SHOPS[:25], "orders": [None, *range(24)]},
            "bars: orders by shop; without orders of shop 00",
        ),
    ],
)
def test_the_shape(question: str, columns: dict[str, Any], drawn: str) -> None:
    """It follows from the roles of the columns and the question; what is left out stands last."""
    chart = choose_chart(pa.table(columns), question)
    left_out = chart.part.removeprefix("Shown: ")

    assert f"{chart.kind}: {chart.what}{left_out and f'; {left_out}'}" == drawn


@cases(
    ("columns", "kind", "ends"),
    [
        ({"mean_days": [2, 3], "lower_days": [1, None], "upper_days": [4, 4]}, "bars", ["lower", "upper"]),
        ({"mean_days": [2, 3], "lower_days": [1, 4], "upper_days": [4, 5]}, "bars", []),  # not around it
        ({"mean_days": [2, 3], "min_days": [1, 2], "max_days": [4, 5]}, "bars", []),
        (
            {"mean_days": [2, 3], "median_days": [2, 3], "lower_days": [1, 2], "upper_days": [4, 5]},
            "bars",
            [],
        ),
    ],
)
def test_an_interval(columns: dict[str, Any], kind: str, ends: list[str]) -> None:
    """It is drawn around a single measure that is named by neither end."""
    chart = choose_chart(pa.table({"carrier": ["a", "b"], **columns}), "mean and ship days by carrier")

    assert (chart.kind, [column.words[0] for column in chart.interval]) == (kind, ends)


@cases(
    ("question", "first", "is_stacked"),
    [
        ("cost mix by {}", ("month", MONTHS), True),
        ("what are the costs made of by {}", ("shop", SHOPS[:6]), True),
        ("costs by {}", ("month", MONTHS), False),
    ],
)
def test_parts_of_a_whole(question: str, first: tuple[str, list[Any]], *, is_stacked: bool) -> None:
    """They are stacked if the question asks for a mix, unless they are averages or below zero."""
    question = question.format(first[0])
    kinds = ("kind", [*"abcdefg"])

    assert choose_chart(pa.table(table(first, kinds, "cost", 5, 9)), question).is_stacked is is_stacked
    for name, numbers in (("average_cost", [5, 9]), ("cost", [5, -9])):
        assert not choose_chart(pa.table(table(first, kinds, name, *numbers)), question).is_stacked


@cases(
    ("question", "columns", "name", "labels"),
    [
        (
            "Which employees were sick most?",
            {
                "id": [7, 8, 9, 10],
                "first_name": ["Ann", "Tom", "Ann", "Eve"],
                "last_name": ["Lee", "Day", "Lee", "Lee"],
                "department": ["Sales", "Sales", "Legal", "Legal"],
                "sick_days": [9, 5, 4, 4],
            },
            "first_name and last_name",
            ["Ann Lee (Sales)", "Tom Day", "Ann Lee (Legal)", "Eve Lee"],
        ),
        (
            "Which 3 routes take longest?",
            {"origin_city": ["Rome", "Oslo", "Rome"], "destination_city": [*"xxy"], "hours": [9, 5, 4]},
            "origin_city and destination_city",
            ["Rome \N{EN DASH} x", "Oslo \N{EN DASH} x", "Rome \N{EN DASH} y"],
        ),
        (
            "Which shops sold most of a product?",
            {"shop": [*"abab"], "product": [*"xxyy"], "sold": [9, 5, 4, 1]},
            "shop and product",
            ["a \N{EN DASH} x", "b \N{EN DASH} x", "a \N{EN DASH} y", "b \N{EN DASH} y"],
        ),
        (
            "List the largest transactions",
            {
                "transaction_id": [7, 8, 9],
                "booked_at": [datetime(2025, 11, day, 16, 40) for day in (28, 3, 14)],
                "counterparty": ["Tax", "Lidl", "Tax"],
                "amount": [-900.5, 800.5, -700.5],
            },
            "counterparty",
            ["Tax (Nov 28 16:40)", "Lidl", "Tax (Nov 14 16:40)"],
        ),
        (
            "List the longest delays with flight number",
            {
                "flight_number": ["LO1", "LO2", "LO1"],
                "at": [datetime(2025, 5, day, 7) for day in (9, 2, 4)],
                "delay": [9, 5, 1],
            },
            "flight_number",
            ["LO1 (May 9 07:00)", "LO2", "LO1 (May 4 07:00)"],
        ),
        (
            "Which customers have the highest value, and when do they renew?",
            {
                "customer": ["Ann", "Bob"],
                "value": [9, 5],
                "renewal_date": [date(2026, 3, 1), date(2026, 1, 9)],
            },
            "customer and renewal_date",
            ["Ann (2026-03-01)", "Bob (2026-01-09)"],
        ),
    ],
)
def test_labels_of_a_list(question: str, columns: dict[str, Any], name: str, labels: list[str]) -> None:
    """A bar for each row, in the order of the answer, and a label that tells it from the others."""
    chart = choose_chart(pa.table(columns), question)

    assert (chart.kind, chart.group, chart.dimension.name, chart.title) == ("bars", None, name, question)
    assert chart.dimension.texts == labels


@cases(
    ("columns", "order"),
    [
        ({"weekday": WEEK, "orders": [5, 9, 2]}, ["Monday", "Friday", "Sunday"]),
        ({"weekday": WEEK, "orders": [9, 5, 2]}, WEEK),  # the best ones
        ({"month": ["Mar", None, "Jan"], "orders": [5, 9, 2]}, ["Jan", "Mar", None]),
    ],
)
def test_the_order_of_bars(columns: dict[str, Any], order: list[str | None]) -> None:
    """That of the calendar, unless the measure sorts the rows."""
    assert choose_chart(pa.table(columns)).dimension.texts == order


@cases(
    ("count", "rows", "beside"),
    [(3, 3, 1), (4, 3, 2), (5, 3, 1), (6, 3, 3), (5, 10, 2), (8, 6, 2), (9, 6, 3)],
)
def test_panels_beside_each_other(count: int, rows: int, beside: int) -> None:
    """The last row is full, if there is room."""
    shops = [f"s{at // rows}" for at in range(count * rows)]
    columns = {
        "shop": shops,
        "product": [f"p{at}" for at in range(count * rows)],
        "n": [*range(rows, 0, -1)] * count,
    }

    assert choose_chart(pa.table(columns), "best products of each shop").panels_beside == beside


def test_measures_with_a_panel_each() -> None:
    """Of different units, in the order of the columns: a row for each; the title is the question."""
    columns = {"month": MONTHS[:2], "revenue": [5e6, 4e6], "orders": [3, 1]}

    chart = choose_chart(pa.table(columns), "monthly orders and revenue")

    assert chart.title == "monthly orders and revenue"
    assert (chart.is_apart, chart.group) == (True, None)
    assert chart.panel is not None
    assert chart.panel.texts == ["revenue", "orders"] * 2
    assert chart.measure.numbers == [5e6, 3, 4e6, 1]


def test_measures_with_a_panel_each_and_colours() -> None:
    """The colours are those of a category."""
    columns = table(("month", MONTHS[:2]), ("shop", SHOPS[:2]), "revenue", 5e6, 4e6) | {
        "orders": [1, 2, 3, 4]
    }

    chart = choose_chart(pa.table(columns), "monthly revenue and orders by shop")

    assert chart.what == "revenue and orders by month and shop"
    assert chart.group is not None
    assert chart.group.texts == ["shop 00", "shop 00", "shop 01", "shop 01"] * 2


@cases(
    ("times", "stretches", "dots"),
    [
        (MONTHS, [], False),
        ([*MONTHS[:4], *MONTHS[7:]], [0] * 4 + [1] * 5, False),
        ([*MONTHS[:3], *MONTHS[7:]], [], True),  # four of twelve are missing
        ([date(2024, month, 1) for month in (1, 4, 7, 10)], [], False),  # quarters
        ([date(2024, month + 1, 1) - timedelta(1) for month in range(1, 12)], [], False),  # ends of months
        ([date(2024, 1, day) for day in (1, 2, 3, 4, 5, 8, 9)], [], False),  # without a weekend
        ([date(2024, 1, day) for day in (1, 2, 3, 4, 8, 9)], [0] * 4 + [1] * 2, False),
        ([date(2024, 1, day) for day in (5, 6, 8, 9)], [0, 0, 1, 1], False),
        ([2020, 2021, 2022, 2023, 2025], [0] * 4 + [1], False),
        ([2010, 2015, 2020], [], False),
        ([datetime(2024, 1, 1, 10, minute) for minute in (0, 7, 9, 31)], [], False),  # any time
    ],
)
def test_gaps_of_a_line(times: list[Any], stretches: list[int], *, dots: bool) -> None:
    """Missing periods break it; without more than a quarter of them, there are dots."""
    name = "year" if isinstance(times[0], int) else "time"
    chart = choose_chart(pa.table({name: times, "orders": [at % 3 for at in range(len(times))]}))

    assert (chart.kind, chart.has_dots) == ("line", dots)
    assert chart.stretches == (stretches or ([] if dots else [0] * len(times)))


def test_gaps_of_each_line() -> None:
    """Within the months of each shop."""
    columns = {"month": [*MONTHS[:4], *MONTHS[:2], *MONTHS[3:6]], "shop": [*"aaaabbbbb"], "n": [*range(9)]}

    assert choose_chart(pa.table(columns)).stretches == [0, 0, 0, 0, 0, 0, 1, 1, 1]


def test_a_terminal_has_other_limits() -> None:
    """Six lines, a hundred bars of any number of colours, and no heatmaps."""
    lines = table(("month", MONTHS), ("shop", SHOPS[:7]), "revenue", *range(7))
    bars = table(("shop", SHOPS[:13]), ("category", [*"abcdefgh"]), "revenue", 5, 9, 2)

    few = choose_chart(pa.table(lines), shapes=TERMINAL)
    many = choose_chart(pa.table(bars), shapes=TERMINAL)

    assert few.part == "Shown: the largest 6 of 7 shops"
    assert (many.kind, len(many.rows), many.part) == ("bars", 96, "Shown: the first 12 of 13 shops")


@cases(
    ("name", "values", "labels"),
    [
        ("month", MONTHS[:2], {"2024-01-01": "Jan 2024", "2024-02-01": "Feb 2024"}),
        ("month", [202402], {"202402": "Feb 2024"}),
        ("quarter", ["2024-Q1", "2024-Q2"], {"2024-Q1": "Q1 2024", "2024-Q2": "Q2 2024"}),
        ("year", [2024], {}),
        ("day", [date(2024, 1, 2)], {}),
        ("hour_start", [datetime(2025, 4, 6, 12)], {"2025-04-06T12:00:00.000000": "Apr 6 12:00"}),
        ("shop", ["a" * 45, "b"], {}),
        ("shop", ["a" * 46, "b"], {"a" * 46: "a" * 44 + "…"}),
        (
            "shop",
            [f"{'a' * 60}x", f"{'a' * 60}y"],
            {f"{'a' * 60}{x}": f"{'a' * 22}…{'a' * 21}{x}" for x in "xy"},
        ),
        ("shop", ["a" * 60 + "x" + "a" * 60, "a" * 60 + "y" + "a" * 60], {}),
    ],
)
def test_short_labels(name: str, values: list[Any], labels: dict[str, str]) -> None:
    """Names that would be equal when shortened stay whole."""
    found = Column(0, name, pa.chunked_array([values])).labels_of()

    assert {text: label for text, label in found.items() if text != label} == labels


@cases(
    ("texts", "places"),
    [
        (["Fri", "Monday", None, "sun"], [16, 0, None, 24]),
        (["Mar", "January"], [36, 28]),
        (["Mon", "any"], ["Mon", "any"]),
    ],
)
def test_the_order_of_texts(texts: list[str | None], places: list[Any]) -> None:
    """Names of weekdays and months have their place in a week or year."""
    assert Column(0, "weekday", pa.chunked_array([texts])).places == places


@cases(
    ("name", "values", "percent"),
    [
        ("bed_occupancy_rate", [0.97, 1.03], 100),
        ("net_retention", [1.14, 1.01], 100),
        ("damage_rate", [0.2, 1.03], None),
        ("occupancy_rate", [97.5, 103.0], None),
    ],
)
def test_percentages_above_one(name: str, values: list[float], percent: int | None) -> None:
    """A rate may be a little above one if none is far below, or if its name says so."""
    assert Column(0, name, pa.chunked_array([values])).percent == percent


@cases(("name", "number", "label"), [("hour", "7", "07:00"), ("month", "12", "Dec"), ("weekday", "3", None)])
def test_labels_of_numbers(name: str, number: str, label: str | None) -> None:
    """Those of hours and months."""
    assert Column(0, name, pa.chunked_array([[1, 3, 7, 12][:3]])).labels_of().get(number) == label


@cases(
    "text",
    [
        "2024-03",
        "2024/3/1".replace("/3/1", "-03"),
        "March 2024",
        "Mar 2024",
        "2024 Mar",
        "2024-03-01",
    ],
)
def test_texts_of_months(text: str) -> None:
    """They have a place on a time axis."""
    column = Column(0, "month", pa.chunked_array([[text, None]]))

    assert column.is_time
    assert [time and time.date() for time in column.times.to_pylist()] == [date(2024, 3, 1), None]
