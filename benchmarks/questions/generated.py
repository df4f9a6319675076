"""Questions made of every measure, dimension, filter, period and ranking, in every order of their phrases.

All orders of a question have one answer or are refused, and the answer is what pandas computes from the rows
of the tables, with the times of orders in UTC.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from connecty_frames.errors import QuestionFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from duckdb import DuckDBPyConnection

    from connecty_frames.sandbox import Answerer

__all__ = ["Case", "cases", "check", "tables"]

Frame = pd.DataFrame
#: Phrases of measures, whether they are of orders or of items, and their values.
_MEASURES: Final[dict[str, tuple[str, Callable[[Frame], float]]]] = {
    "revenue": ("orders", lambda rows: rows["total"].sum()),
    "number of orders": ("orders", lambda rows: rows["order_id"].nunique()),
    "average order value": ("orders", lambda rows: rows["total"].mean()),
    "units sold": ("items", lambda rows: rows["quantity"].sum()),
    "number of different customers": ("orders", lambda rows: rows["customer_id"].nunique()),
}
_DIMENSIONS: Final = {
    "": "",
    "by country": "country",
    "by city": "city",
    "by category": "category",
    "by status": "status",
    "by year": "year",
    "per quarter": "quarter",
    "by month": "month",
}
_FILTERS: Final[dict[str, Callable[[Frame], Any]]] = {
    "": lambda rows: rows["order_id"] > 0,
    "in Germany": lambda rows: rows["country"] == "Germany",
    "from Paris or Lyon": lambda rows: rows["city"].isin(["Paris", "Lyon"]),
    "with a coupon": lambda rows: rows["coupon"].notna(),
    "for lamps": lambda rows: rows["category"] == "Lamp",
    "excluding returned orders": lambda rows: rows["status"] != "returned",
}
_PERIODS: Final = {
    "": ("2000-01-01", "2100-01-01"),
    "in 2024": ("2024-01-01", "2025-01-01"),
    "last month": ("2025-10-01", "2025-11-01"),
    "in the last 12 months": ("2024-11-01", "2025-11-01"),
    "between 2025-03-10 and 2025-04-02": ("2025-03-10", "2025-04-03"),
}
_RANKINGS: Final = {"": 0, "highest first": 0, "top 3": 3}
#: Numbers that orders of several categories would have in each of them.
_OF_ITEMS: Final = ("category",)


class Case:
    """A question in parts: its phrases, and the values that pandas computes for each group."""

    def __init__(self, measure: str, dimension: str, condition: str, period: str, ranking: str) -> None:
        self.phrases = [each for each in (measure, dimension, condition, period, ranking) if each]
        self._parts = (measure, dimension, condition, period, ranking)

    def wordings(self) -> Iterator[str]:
        """Yield the question in all orders of its phrases."""
        yield from map(" ".join, itertools.permutations(self.phrases))

    def values(self, items: Frame, orders: Frame) -> dict[Any, float]:
        """Return the number of each group, that of all under None."""
        measure, dimension, condition, period, _ = self._parts
        kind, value = _MEASURES[measure]
        by = _DIMENSIONS[dimension]
        of_items = kind == "items" or by in _OF_ITEMS or condition == "for lamps"
        rows = items if of_items else orders
        if of_items and measure == "revenue":
            rows = rows.assign(total=rows["quantity"] * rows["unit_price"])
        first, end = _PERIODS[period]
        rows = rows[_FILTERS[condition](rows) & (rows["at"] >= first) & (rows["at"] < end)]
        if not by:
            return {None: float(value(rows))}
        return {key: float(value(group)) for key, group in rows.groupby(by)}

    @property
    def limit(self) -> int:
        """How many groups are kept, 0 for all."""
        return _RANKINGS[self._parts[-1]]


def cases() -> Iterator[Case]:
    """Yield all combinations; only groups are ranked, and average order values are of whole orders."""
    for measure, dimension, condition, period, ranking in itertools.product(
        _MEASURES, _DIMENSIONS, _FILTERS, _PERIODS, _RANKINGS
    ):
        is_ranked = bool(ranking)
        if is_ranked and (not dimension or dimension in {"by year", "per quarter", "by month"}):
            continue
        yield Case(measure, dimension, condition, period, ranking)


def tables(connection: DuckDBPyConnection) -> tuple[Frame, Frame]:
    """Return the items of orders and the orders, each with their customers and countries."""
    connection.execute("SET TimeZone = 'UTC'")
    orders = connection.sql(
        "SELECT o.*, c.city, k.name AS country FROM sales.orders o JOIN sales.customers c USING (customer_id)"
        " JOIN sales.countries k USING (country_code)"
    ).df()
    orders["at"] = orders["ordered_at"].dt.tz_convert("UTC").dt.tz_localize(None)
    orders["status"] = orders["status"].astype(str)
    orders["year"] = orders["at"].dt.year
    orders["month"] = orders["at"].dt.to_period("M").dt.start_time.dt.date
    orders["quarter"] = orders["at"].dt.to_period("Q").dt.start_time.dt.date
    items = connection.sql(
        "SELECT i.order_id, i.quantity, i.unit_price, p.category FROM sales.order_items i"
        " JOIN sales.products p USING (product_id)"
    ).df()
    return items.merge(orders, on="order_id"), orders


def check(
    case: Case, answerer: Answerer, connection: DuckDBPyConnection, rows: tuple[Frame, Frame]
) -> str | None:
    """Return the first problem with the answers to a question in all orders, or None."""
    statements = set()
    for wording in case.wordings():
        try:
            statements.add(answerer.answer(wording, 13).sql)
        except QuestionFailed:
            continue
    if len(statements) > 1:
        return f"{case.phrases} has {len(statements)} answers"
    for sql in statements:
        connection.execute("SET TimeZone = 'Europe/Warsaw'")
        found = connection.sql(str(sql)).df()
        wanted = {str(key): value for key, value in case.values(*rows).items()}
        number = found.columns[-1]
        keys = [None] if len(found.columns) == 1 else found[found.columns[-2]]
        keys = [str(key.date() if isinstance(key, pd.Timestamp) else key) for key in keys]
        got = dict(zip(keys, map(float, found[number]), strict=True))
        # Of groups with the same number, any may be kept.
        highest = sorted(wanted.values(), reverse=True)[: case.limit or None]
        is_right = all(key in wanted and math.isclose(wanted[key], got[key], rel_tol=1e-9) for key in got)
        if (
            not is_right
            or not all(map(math.isclose, sorted(got.values(), reverse=True), highest))
            or len(got) != len(highest)
        ):
            return f"{case.phrases}: {sql} is not what pandas computes"
    return None
