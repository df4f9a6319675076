"""Roles of columns, and the chart that each of many answers gets."""

import tomllib
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest

from connecty_frames.display.charts import choose_chart
from connecty_frames.display.roles import Role, fineness, is_ordered, role_of, stem, words
from connecty_frames.errors import ConfigError
from tests.cases import cases

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
        (["month_number", "week_no", "months_since_signup", "day_index"], [0, 1, 2, 0, 1], Role.PERIOD),
        (["months_since_signup"], [1, 2, 13], Role.MEASURE),
        (["months", "since"], [0, 1, 2], Role.MEASURE),
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


#: What makes the values of a column from their texts.
KINDS: Final[dict[str, Callable[[str], Any]]] = {
    "decimal": Decimal,
    "float": float,
    "none": str,
    "seconds": lambda text: timedelta(seconds=float(text)),
}


def answers() -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    tables = tomllib.loads((Path(__file__).parent / "answers.toml").read_text(encoding="utf-8"))
    for answer in (*tables["own"], *tables["others"]):
        question, drawn = answer.pop("question"), answer.pop("drawn", [])
        yield question, {name: values_of(cells) for name, cells in answer.items()}, drawn


def values_of(cells: list[Any] | str) -> list[Any]:
    """Return the values of a column, which may be written as their kind and their texts."""
    if isinstance(cells, list):
        return cells
    kind, *texts = cells.split()
    return [None if text == "null" else KINDS[kind](text) for text in texts]


@pytest.mark.parametrize(("question", "columns", "drawn"), [*answers()])
def test_chart(question: str, columns: dict[str, Any], drawn: list[str]) -> None:
    """What is drawn means the question: the measure over the dimension, in the colours of the group."""
    table = pa.table(columns)
    if not drawn:
        with pytest.raises(ConfigError, match="No plot fits this answer"):
            choose_chart(table, question)
        return
    chart = choose_chart(table, question)
    columns_drawn = (*chart.series, chart.dimension, chart.group, chart.panel)
    assert [column.name for column in columns_drawn if column and column.name] == drawn
    assert chart.measure.role in {Role.MEASURE, Role.DERIVED}


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
        {"day": [date(2024, 1, 1)], "minute": [1], "year_month": [202401], "quarter": [1], "year": [2024]}
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
    assert is_ordered(values) is ordered


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
