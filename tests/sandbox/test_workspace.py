"""The tables and the questions of the sample workspace."""

import itertools
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from connecty_frames._base.clock import SYSTEM_CLOCK
from connecty_frames.errors import QuestionFailed
from connecty_frames.sandbox import workspace
from connecty_frames.sandbox.catalogue import Catalogue
from connecty_frames.sandbox.database import Database
from tests.cases import cases

#: Every question of the catalogue with the number of rows that answer it.
ROWS = {
    "list the top 5 countries with the most orders": 5,
    "show the last 100 logins": 100,
    "how many orders are there": 1,
    "how many orders were placed each month": 24,
    "how many orders were placed each week": 105,
    "what is the revenue of each day": 731,
    "how many orders were placed each hour of the night of 27 October 2024": 8,
    "what is the average order value by country": 19,
    "what is the revenue by country": 19,
    "what are the credit limits of the customers": 2000,
    "what are the loyalty numbers of the customers": 2000,
    "where do the serial ranges of the products begin": 200,
    "who invited whom": 40,
    "newsletter subscriptions of users": 40,
    "how many orders are gifts and how many are not": 3,
    "when were the last 50 orders shipped": 50,
    "which delivery slots are the most popular": 48,
    "when were the customers born": 2000,
    "when were the countries founded": 20,
    "what were the 20 longest sessions": 20,
    "what are the weights and ratings of the products": 200,
    "which tags do the products have": 200,
    "what are the sizes of the products": 200,
    "what are the attributes of the products": 200,
    "what was in the last 10 orders": 10,
    "which notes did the customers leave": 61,
    "what are the postal codes of the customers": 2000,
    "which accounts do the users have": 40,
    "what are the fax numbers of the customers": 2000,
    "which orders came from Antarctica": 0,
    "which countries are the first 25 customers from": 25,
    "list all orders": 100_000,
    "what tables are there": 7,
    "what columns does users have": 10,
    "what columns does logins have": 5,
    "what columns does countries have": 8,
    "what columns does customers have": 11,
    "what columns does products have": 12,
    "what columns does orders have": 11,
    "what columns does order items have": 5,
}
#: Questions that fail on purpose, and their errors.
FAILURES = {
    "what is the average status of the orders": "Could not convert string",
    "which warehouse ships the fastest": "Table with name warehouses does not exist",
}
SUMMARY_ONLY = "what is this workspace about"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return workspace.catalogue()


def table(database: Database, sql: str) -> Any:
    return json.loads(database.run(sql).dataframe(10**9))[1:]


def test_each_table_has_its_rows(database: Database) -> None:
    """And the SQL leaves no auxiliary tables."""
    names = table(database, "SELECT schema_name || '.' || table_name AS n FROM duckdb_tables() ORDER BY n")
    tables = [name for (name,) in names if not name.endswith(".result")]
    assert {name: table(database, f"FROM {name} SELECT count(*)")[0][0] for name in tables} == {
        "sales.countries": 20,
        "sales.customers": 2_000,
        "sales.order_items": 200_167,
        "sales.orders": 100_000,
        "sales.products": 200,
        "usr.logins": 5_000,
        "usr.users": 40,
    }


@cases(
    "sql",
    [
        "SELECT count(*) FROM sales.orders ANTI JOIN sales.customers USING (customer_id)",
        "SELECT count(*) FROM sales.order_items ANTI JOIN sales.orders USING (order_id)",
        "SELECT count(*) FROM sales.orders ANTI JOIN sales.order_items USING (order_id)",
        "SELECT count(*) FROM sales.order_items ANTI JOIN sales.products USING (product_id)",
        "SELECT count(*) FROM sales.customers ANTI JOIN sales.countries USING (country_code)",
        "SELECT count(*) FROM usr.logins ANTI JOIN usr.users USING (user_id)",
        "SELECT count(*) - count(DISTINCT order_id) FROM sales.orders",
        "SELECT count(*) - count(DISTINCT ordered_at) FROM sales.orders",
        "SELECT count(*) - count(DISTINCT email) FROM usr.users",
        "SELECT count(*) - count(DISTINCT login_at) FROM usr.logins",
        "SELECT count(*) FROM usr.users WHERE invited_by >= user_id",
        "SELECT count(*) FROM usr.logins WHERE login_at >= TIMESTAMPTZ '2025-11-01 00:00:00+00'",
        "SELECT count(*) FROM sales.orders WHERE greatest(shipped_at, delivered_on) >= DATE '2025-11-01'",
        "SELECT count(*) FROM sales.orders WHERE (status IN ('placed', 'paid')) <> (shipped_at IS NULL)",
        "SELECT count(*) FROM sales.orders WHERE status = 'placed' AND shipped_at IS NOT NULL",
        """
        SELECT count(*)
        FROM (SELECT order_id, sum(quantity * unit_price) AS due FROM sales.order_items GROUP BY order_id)
        JOIN sales.orders USING (order_id)
        WHERE due <> total
        """,
    ],
)
def test_the_tables_fit_together(database: Database, sql: str) -> None:
    """References resolve, keys are unique, totals are sums of items, and nothing is later than today."""
    assert table(database, sql) == [[0]]


def test_orders_cross_four_changes_of_summer_time(database: Database) -> None:
    """Over two years the offset of Warsaw changes four times, on the real dates."""
    instants = table(database, "SELECT ordered_at FROM sales.orders ORDER BY ordered_at")
    local = [datetime.fromisoformat(at).astimezone(ZoneInfo("Europe/Warsaw")) for (at,) in instants]
    changes = [
        (str(after.date()), f"{before:%z}", f"{after:%z}")
        for before, after in itertools.pairwise(local)
        if before.utcoffset() != after.utcoffset()
    ]

    assert changes == [
        ("2024-03-31", "+0100", "+0200"),
        ("2024-10-27", "+0200", "+0100"),
        ("2025-03-30", "+0100", "+0200"),
        ("2025-10-26", "+0200", "+0100"),
    ]
    assert (instants[0][0][:10], instants[-1][0][:10]) == ("2023-11-01", "2025-10-31")


def test_notes_hold_every_awkward_text(database: Database) -> None:
    """The notes contain texts that programs often mishandle, unchanged."""
    rows = table(database, "SELECT note FROM sales.customers WHERE note IS NOT NULL")
    notes = [note for (note,) in rows]
    assert {
        *("", " ", "NA", "null", "NULL", "None", "nan", "true", "1e5", "00123", "32,5", "2025-01-01", "=1+1"),
        *("it's", 'say "hello"', "C:\\new\\table", "ends with a backslash\\", "tab\tbed", "two\nlines"),
        *("two\r\nlines", "nul\0inside", "bell\a and \x1b[2J", "],[", '","', '{"a": [1, null]}', "[NaN]"),
        *("e\u0301 is two characters, é is one", "مرحبا", "left \u202eright\u202c", "\ufeffbyte order mark"),
        *("line\u2028separator", "😀", "👩\u200d👩\u200d👧\u200d👦", "\uffff", "long " * 500),
    } <= set(notes)
    assert len(notes) == len(set(notes)) == 61


def test_every_question_is_tested(catalogue: Catalogue) -> None:
    """The catalogue has the questions of these tests, with on average two paraphrases or more."""
    assert set(catalogue.questions) == {*ROWS, SUMMARY_ONLY, "what can I ask"}
    assert len(catalogue.questions) == 42
    assert len(catalogue._plans) >= 3 * 44


@cases(("question", "rows"), ROWS.items())
def test_a_question_is_answered(database: Database, catalogue: Catalogue, question: str, rows: int) -> None:
    """Each has its number of rows, and a summary without unfilled placeholders."""
    plan = catalogue.find(question)
    result = database.run(plan.sql)
    assert len(result) == rows
    if rows:
        assert "{" not in plan.summarise(result)


@cases(("question", "message"), FAILURES.items())
def test_a_question_fails(database: Database, catalogue: Catalogue, question: str, message: str) -> None:
    """Some questions fail on purpose, so that failures can be tried out."""
    with pytest.raises(QuestionFailed, match=message):
        database.run(catalogue.find(question).sql)


def test_a_question_is_answered_by_a_summary_alone(catalogue: Catalogue) -> None:
    """One question has no table."""
    assert catalogue.find(SUMMARY_ONLY).sql is None


def test_the_night_of_the_change_has_eight_hours(database: Database, catalogue: Catalogue) -> None:
    """In UTC each hour occurs once, also 00 and 01, which the clocks of Warsaw both show as two."""
    sql = catalogue.find("orders per hour on 27 October 2024").sql

    assert [hour for hour, _ in table(database, sql)] == [
        "2024-10-26T20:00:00+00:00",
        "2024-10-26T21:00:00+00:00",
        "2024-10-26T22:00:00+00:00",
        "2024-10-26T23:00:00+00:00",
        "2024-10-27T00:00:00+00:00",
        "2024-10-27T01:00:00+00:00",
        "2024-10-27T02:00:00+00:00",
        "2024-10-27T03:00:00+00:00",
    ]


def test_the_questions_show_every_type(catalogue: Catalogue) -> None:
    """Together they have columns of every type that a frame distinguishes."""
    with duckdb.connect(":memory:") as connection:
        workspace.build(connection)
        types = {
            type_.id for question in ROWS for type_ in connection.sql(catalogue.find(question).sql).types
        }
    assert types >= {
        *("bigint", "ubigint", "hugeint", "decimal", "double", "boolean", "varchar", "uuid", "enum", "blob"),
        *("date", "time", "timestamp", "timestamp with time zone", "interval", "list", "struct", "map"),
    }


@pytest.mark.slow
def test_every_build_holds_the_same(database: Database, catalogue: Catalogue) -> None:
    """A second build has the same results for every question."""
    again = Database(None, time_limit=20, clock=SYSTEM_CLOCK)
    for question in ROWS:
        sql = catalogue.find(question).sql
        assert database.run(sql) == again.run(sql), question
    again.close()
