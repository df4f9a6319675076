"""Which questions in English the sandbox reads, by which SQL, and why it refuses others."""

import itertools
import re
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest

from benchmarks.questions.score import questions
from connecty_frames.errors import QuestionFailed
from connecty_frames.sandbox import workspace
from connecty_frames.sandbox.questions.answerer import WorkspaceAnswerer
from connecty_frames.sandbox.questions.model import SemanticModel, forms
from connecty_frames.sandbox.questions.phrases import Phrases
from connecty_frames.sandbox.questions.slots import Lexicon
from tests.cases import cases

MODEL = SemanticModel.from_toml(files(workspace.__name__).joinpath("model.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def answerer() -> WorkspaceAnswerer:
    return workspace.answerer()


@pytest.fixture(scope="module")
def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    workspace.build(connection)
    return connection


#: Questions, and their SQL without line breaks.
SQL = {
    "orders by country": """
        SELECT countries.name AS country, count(*) AS orders FROM sales.orders
        JOIN sales.customers USING (customer_id) JOIN sales.countries USING (country_code)
        GROUP BY countries.name ORDER BY orders DESC, country
    """,
    "What was our monthly revenue in 2024?": """
        SELECT
            CAST(date_trunc('month', (orders.ordered_at AT TIME ZONE 'UTC')) AS DATE) AS month,
            sum(orders.total) AS revenue
        FROM sales.orders
        WHERE orders.ordered_at >= TIMESTAMPTZ '2024-01-01 00:00:00+00'
            AND orders.ordered_at < TIMESTAMPTZ '2025-01-01 00:00:00+00'
        GROUP BY CAST(date_trunc('month', (orders.ordered_at AT TIME ZONE 'UTC')) AS DATE) ORDER BY month
    """,
    "top three categories by units sold": """
        SELECT products.category, sum(order_items.quantity) AS units_sold FROM sales.order_items
        JOIN sales.products USING (product_id) GROUP BY products.category
        ORDER BY units_sold DESC, category LIMIT 3
    """,
    "how many customers have more than 60 orders": """
        SELECT count(*) AS customers FROM ( SELECT customers.customer_id, customers.name AS customer,
        count(*) AS orders FROM sales.orders JOIN sales.customers USING (customer_id)
        GROUP BY customers.customer_id, customers.name HAVING count(*) > 60
        ORDER BY orders DESC, customers.customer_id, customer )
    """,
    "the 3 heaviest lamps": """
        SELECT products.product_id, products.name, products.category, products.weight_kg
        FROM sales.products WHERE products.category = 'Lamp'
        ORDER BY products.weight_kg DESC NULLS LAST, products.product_id LIMIT 3
    """,
}

#: Questions, and SQL written by hand.
RESULTS = {
    "how many orders did Germany place in 2024": """
        SELECT count(*) FROM sales.orders JOIN sales.customers USING (customer_id)
        WHERE country_code = 'DE' AND year(ordered_at) = 2024
    """,
    "number of users per role": "SELECT role, count(*) FROM usr.users GROUP BY role ORDER BY 2 DESC, 1",
    "median order value by weekday": """
        SELECT dayname(ordered_at), median(total) FROM sales.orders
        GROUP BY 1 ORDER BY min(isodow(ordered_at))
    """,
    "how many different customers ordered in the last 30 days": """
        SELECT count(DISTINCT customer_id) FROM sales.orders
        WHERE ordered_at >= DATE '2025-10-02' AND ordered_at < DATE '2025-11-01'
    """,
    "average number of orders per customer": """
        SELECT count(*) / count(DISTINCT customer_id) FROM sales.orders
    """,
    "how many products cost more than 400": "SELECT count(*) FROM sales.products WHERE price > 400",
    "which customers never used a coupon": """
        SELECT customer_id, name FROM sales.customers
        WHERE customer_id NOT IN (SELECT customer_id FROM sales.orders WHERE coupon IS NOT NULL) ORDER BY 1
    """,
    "which month of 2024 had the highest revenue": """
        SELECT CAST(date_trunc('month', ordered_at) AS DATE), sum(total) FROM sales.orders
        WHERE year(ordered_at) = 2024 GROUP BY 1 ORDER BY 2 DESC LIMIT 1
    """,
    "when was the last login": "SELECT max(login_at) FROM usr.logins",
    "what percentage of orders was returned": """
        SELECT 100 * count(*) FILTER (status = 'returned') / count(*),
            count(*) FILTER (status = 'returned'), count(*)
        FROM sales.orders
    """,
    "signups by quarter": """
        SELECT CAST(date_trunc('quarter', signed_up_on) AS DATE), count(*) FROM usr.users
        GROUP BY 1 ORDER BY 1
    """,
    "by how much did revenue grow from 2023 to 2024": """
        SELECT a, b, b - a, b / a - 1 FROM (
            SELECT sum(total) FILTER (year(ordered_at) = 2023) AS a,
                sum(total) FILTER (year(ordered_at) = 2024) AS b
            FROM sales.orders
        )
    """,
    "percentage change in orders in October 2025 vs September 2024 by country": """
        SELECT country, a, b, b - a, 100 * (b / a - 1) AS growth FROM (
            SELECT countries.name AS country, count(*) FILTER (ordered_at < DATE '2024-10-01') AS a,
                count(*) FILTER (ordered_at >= DATE '2025-10-01') AS b
            FROM sales.orders JOIN sales.customers USING (customer_id)
            JOIN sales.countries countries USING (country_code)
            WHERE date_trunc('month', ordered_at) IN (DATE '2024-09-01', DATE '2025-10-01') GROUP BY ALL
        ) ORDER BY growth DESC, country
    """,
    "peak hour for logins": """
        SELECT hour(login_at), count(*) FROM usr.logins GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1
    """,
    "what is the population of Germany": """
        SELECT country_code, name, population FROM sales.countries WHERE name = 'Germany'
    """,
    "orders from Tokyo on weekends in Q1 2025 by month": """
        SELECT CAST(date_trunc('month', ordered_at) AS DATE), count(*) FROM sales.orders
        JOIN sales.customers USING (customer_id)
        WHERE city = 'Tokyo' AND isodow(ordered_at) > 5
            AND year(ordered_at) = 2025 AND quarter(ordered_at) = 1
        GROUP BY 1 ORDER BY 1
    """,
    "customers by city and country, top 2": """
        SELECT city, countries.name, count(*) FROM sales.customers JOIN sales.countries USING (country_code)
        GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT 2
    """,
}


@cases(("question", "sql"), SQL.items())
def test_sql(answerer: WorkspaceAnswerer, question: str, sql: str) -> None:
    """The tables that the question needs and no other, with a complete order."""
    found = answerer.answer(question, 13).sql
    assert found is not None
    assert found.split() == sql.split()


@cases(("question", "truth"), RESULTS.items())
def test_results(
    answerer: WorkspaceAnswerer, database: duckdb.DuckDBPyConnection, question: str, truth: str
) -> None:
    """The same rows as SQL written by hand, whose periods are those of UTC."""
    sql = answerer.answer(question, 13).sql
    assert sql is not None
    database.execute("SET TimeZone = 'Europe/Warsaw'")
    found = database.sql(sql).fetchall()
    database.execute("SET TimeZone = 'UTC'")
    wanted = database.sql(truth).fetchall()
    assert [tuple(map(_rounded, row)) for row in found] == [tuple(map(_rounded, row)) for row in wanted]


def _rounded(value: object) -> object:
    return round(value, 9) if isinstance(value, float) else value


@cases(
    "question",
    [
        "revenue by county",
        "profit by country",
        "orders from Atlantis",
        "orders in the month before",
        "status of order 5000",
        "compare revenue growth in 2024 and 2025",
        "compare revenue growth from 2024 to 2025",
        "revenue growth from 2024 to Q1 2025",
        "revenue growth 2024 vs 2024",
        "monthly revenue growth 2024 vs 2025",
        "price of Germany",
        "population of Germany in 2024",
        "how many products were sold",
        "users in 2024",
        "average revenue by country",
        "orders that are not gifts",
        "how many orders were shipped",
        "how many paid orders are there",
        "how many sales in 2024",
        "share of customers by category",
        "most popular product",
        "customers who ordered lamps only",
        "customers who ordered all products",
        "orders by country excluding",
        "revenue by country by country",
        "revenue in 2024 in 2025",
        "orders of customer",
        "logins by country",
        "revenue of users",
        "the 5.5 most expensive products",
        "orders on 2024-02-30",
        "orders in 20240",
    ],
)
def test_refused(answerer: WorkspaceAnswerer, question: str) -> None:
    """What the data does not have, what is not clear, and what would be another question without a word."""
    with pytest.raises(QuestionFailed, match="The sandbox cannot read this question"):
        answerer.answer(question, 13)


def test_the_reason(answerer: WorkspaceAnswerer) -> None:
    """Words that are not understood, or all meanings; where to find examples, and similar ones."""
    with pytest.raises(QuestionFailed) as unknown:
        answerer.answer("profit and revenue by county", 13)
    assert str(unknown.value) == (
        "The sandbox cannot read this question. Unknown words: 'profit', 'county'. `connecty "
        "sandbox --examples` lists examples; it also runs SELECT statements."
    )
    with pytest.raises(QuestionFailed) as left:
        answerer.answer("revenue by country minimum", 13)
    assert "The sandbox has no use here for the words: 'minimum'. " in str(left.value)
    with pytest.raises(QuestionFailed, match=r"Unknown words: 'Ten-ant', '31 February 2025'\. `connecty"):
        answerer.answer("revenue by Ten-ant on 31 February 2025 or 31 February 2025", 13)
    with pytest.raises(QuestionFailed, match="Not a number of rows: 'zero'"):
        answerer.answer("top zero products by revenue", 13)


@pytest.mark.parametrize(
    ("question", "offers"),
    [
        ("revenue in March", ["revenue in March 2024", "revenue in March 2025"]),
        (
            "revenue in Germany and Poland",
            ["compare revenue in Germany and Poland", "revenue in Germany and Poland together"],
        ),
        ("revenue in 2024 and 2025", ["compare revenue in 2024 and 2025"]),
        ("revenu by Catagory in germany", ["revenue by category in germany"]),
        ("show the last 100 logns", ["show the last 100 logins"]),
    ],
)
def test_what_a_refusal_offers_is_answered(
    answerer: WorkspaceAnswerer, question: str, offers: list[str]
) -> None:
    """Each reading that an error names has an answer."""
    with pytest.raises(QuestionFailed, match="It may mean") as refused:
        answerer.answer(question, 13)
    assert re.findall(r'"(.+?)"', str(refused.value).partition("`connecty")[0]) == offers
    for offer in offers:
        assert answerer.answer(offer, 13).sql


@cases(
    ("question", "number", "row"),
    [
        ("country with the highest revenue per customer", 1, ("Denmark", 63997.1798)),
        ("which country has the highest revenue per customer in 2024", 1, ("Denmark", 32569.1405)),
        ("category with the lowest units sold per order", 1, ("Carpet", 2.7199)),
        ("weekday with the most orders per customer", 1, ("Wednesday", 7.2036)),
        ("which city has the most customers per country", 19, ("Austria", "Vienna", 30)),
        ("top 2 cities by customers in each country", 37, ("Austria", "Vienna", 30)),
        ("customer with the most orders in each country", 19, ("Austria", 95, "Ångström AB", 65)),
        ("orders by customers from Poland", 31768, None),
    ],
)
def test_per_is_a_ratio_and_in_each_is_a_group(
    answerer: WorkspaceAnswerer, database: duckdb.DuckDBPyConnection, question: str, number: int, row: object
) -> None:
    """The highest M per Y is M divided by the number of Y, unless each X has one Y alone."""
    rows = database.sql(answerer.answer(question, 13).sql).fetchall()
    assert len(rows) == number
    if row is not None:
        assert tuple(round(each, 4) if isinstance(each, float) else each for each in rows[0]) == row


MEASURES = [
    "revenue",
    "orders",
    "customers",
    "products",
    "units sold",
    "average order value",
    "logins",
    "users",
    "total session length",
]
GROUPS = [
    "country",
    "city",
    "category",
    "customer",
    "product",
    "status",
    "role",
    "login method",
    "weekday",
    "month",
]
FORMS = [
    "{0} with the most {1} in each {2}",
    "which {0} had the most {1} in each {2}",
    "top 2 {0} by {1} in each {2}",
    "{0} with the highest {1} per {2}",
    "{1} by {0} and {2}",
    "share of {1} by {0}",
    "monthly growth of {1} by {0}",
    "change in {1} by {0} from Q1 to Q2",
]


@pytest.mark.slow
@pytest.mark.parametrize("period", ["", " in 2025"])
def test_no_answer_is_an_error_of_the_database(
    answerer: WorkspaceAnswerer, database: duckdb.DuckDBPyConnection, period: str
) -> None:
    """Each combination of groups, measure, ranking and period is refused, or prepared by the database."""
    asked = {
        form.format(group, measure, other) + period
        for form, measure, group, other in itertools.product(FORMS, MEASURES, GROUPS, GROUPS)
        if group != other
    }
    prepared = 0
    for question in sorted(asked)[::11]:
        with suppress(QuestionFailed):
            database.execute(f"EXPLAIN {answerer.answer(question, 13).sql}")
            prepared += 1
    assert prepared > 80


@pytest.mark.slow
def test_what_refusals_offer_is_answered(answerer: WorkspaceAnswerer) -> None:
    """Each reading and each similar question that a refusal names, of all questions that people wrote."""
    refusals = list(filter(None, (_refusal(answerer, each["question"]) for each in questions())))
    offers = {offer for refusal in refusals for offer in _offers(refusal)}
    failed = [offer for offer in offers if _refusal(answerer, offer) is not None]
    assert len(offers) > 20
    assert failed == []


def _refusal(answerer: WorkspaceAnswerer, question: str) -> str | None:
    try:
        answerer.answer(question, 13)
    except QuestionFailed as error:
        return str(error)
    return None


def _offers(refusal: str) -> list[str]:
    """Return the readings and the similar questions that a refusal names."""
    reasons, _, similar = refusal.partition("`connecty sandbox")
    return re.findall(r'"(.+?)"', reasons.partition("It may mean ")[2] + similar)


def test_what_is_listed_and_suggested_is_answered(
    answerer: WorkspaceAnswerer, database: duckdb.DuckDBPyConnection
) -> None:
    """No example fails, and a question about customers is not offered their fax numbers."""
    for question in answerer.questions:
        sql = answerer.answer(question, 13).sql
        assert sql is None or database.sql(sql).columns
    with pytest.raises(QuestionFailed) as refused:
        answerer.answer("customers in Atlantis", 13)
    assert "fax" not in str(refused.value)


@pytest.mark.parametrize("question", ["hello", "Help!", "what can I ask?"])
def test_a_description_of_the_workspace(answerer: WorkspaceAnswerer, question: str) -> None:
    """Greetings and questions about what there is are answered in words."""
    plan = answerer.answer(question, 13)
    assert plan.sql is None
    assert plan.summary.strip().startswith("A made-up shop: its countries, customers, products, orders")


def test_tables_and_columns(answerer: WorkspaceAnswerer, database: duckdb.DuckDBPyConnection) -> None:
    """All tables with their columns, and the columns of each."""
    sql = answerer.answer("what tables are there", 13).sql
    assert sql is not None
    tables = {row[0] for row in database.sql(sql).fetchall()}
    assert tables == {entity.table for entity in MODEL.entity.values()}
    for table in tables:
        name = table.rpartition(".")[2].replace("_", " ")
        sql = answerer.answer(f"what columns does {name} have?", 13).sql
        assert sql is not None
        found = [row[0] for row in database.sql(sql).fetchall()]
        assert found == database.sql(f"SELECT * FROM {table} LIMIT 0").columns


def test_the_page_lists_tables_and_columns(database: duckdb.DuckDBPyConnection) -> None:
    """The page of the sandbox has all tables of the workspace with all of their columns."""
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `((?:sales|usr)\.\w+)` \| (.+) \|$", page, re.MULTILINE)
    listed = {table: re.findall(r"`(\w+)`", columns) for table, columns in rows}
    tables = [entity.table for entity in MODEL.entity.values()]
    assert listed == {table: database.sql(f"SELECT * FROM {table} LIMIT 0").columns for table in tables}


def test_the_order_of_phrases_does_not_matter(answerer: WorkspaceAnswerer) -> None:
    """All orders of five phrases have the same SQL."""
    phrases = ["revenue", "by category", "in Germany", "in 2025", "of returned orders"]
    found = {answerer.answer(" ".join(order), 13).sql for order in itertools.permutations(phrases)}
    assert len(found) == 1


def test_a_ranking_takes_the_usual_number(answerer: WorkspaceAnswerer) -> None:
    """The top products in a country are those with the highest revenue: each is of one country."""
    assert answerer.answer("top 5 products in Germany", 13).summary == (
        "Read as: revenue by product, country is Germany, the highest 5 by revenue. Rows: {rows}."
    )


SUMMARIES = {
    "top 2 products in each category by revenue": (
        "revenue by category and product, the highest 2 of each category by revenue"
    ),
    "average number of orders per customer by country": (
        "average of the number of orders of each customer that has any by country"
    ),
    "customers without orders in 2024": "customers, customers without orders (in 2024)",
    "growth of revenue in Q1 2025 compared to Q1 2024": (
        "change of revenue between that from 2024-01-01 to 2024-03-31 and that from 2025-01-01 to 2025-03-31"
    ),
}


@cases(("question", "meaning"), SUMMARIES.items())
def test_the_summary_says_how_it_was_read(answerer: WorkspaceAnswerer, question: str, meaning: str) -> None:
    """And says what the words leave open."""
    assert answerer.answer(question, 13).summary == f"Read as: {meaning}. Rows: {{rows}}."


@cases("example", MODEL.examples)
def test_examples(answerer: WorkspaceAnswerer, database: duckdb.DuckDBPyConnection, example: str) -> None:
    """Each example that is listed has an answer with rows."""
    sql = answerer.answer(example, 13).sql
    assert sql is not None
    assert database.sql(sql).fetchall()


def test_other_ways_to_ask_stay(answerer: WorkspaceAnswerer) -> None:
    """The catalogue comes first, and SELECT is run as it is."""
    catalogue = workspace.catalogue()
    first = catalogue.questions[0]
    assert answerer.answer(first, 13) == catalogue.find(first)
    assert answerer.answer("select 1", 13).sql == "select 1"
    assert answerer.answer("from sales.orders", 13).sql == "from sales.orders"
    assert answerer.answer("from Poland: revenue", 13).summary.startswith(
        "Read as: revenue, country is Poland"
    )
    assert answerer.questions == [*catalogue.questions, *MODEL.examples]


def test_a_long_question_is_refused_at_once(answerer: WorkspaceAnswerer) -> None:
    """Its words are counted, not parsed."""
    with pytest.raises(QuestionFailed, match="It has more than 40 words or 1000 characters"):
        answerer.answer("orders " * 100_000, 13)


def test_every_phrase_has_a_meaning() -> None:
    """Each phrase of the table is a method, and each method a phrase."""
    methods = {name for name in vars(Phrases) if name.startswith("_") and not name.startswith("__")}
    named = {f"_{name}" for name, _ in Lexicon(MODEL).rules}
    assert named - methods == set()
    assert methods - named == {"_apply", "_ranked"}


def test_the_model_names_all_values_of_the_data(database: duckdb.DuckDBPyConnection) -> None:
    """Each category that has values in the model has those of the table, and each expression is valid."""
    for field in MODEL.field:
        table = MODEL.entity[field.entity].table
        found = {
            row[0]
            for row in database.sql(f"SELECT DISTINCT CAST({field.sql} AS VARCHAR) FROM {table}").fetchall()
        }
        if field.values and field.type == "category":
            assert {value.value for value in field.values} | {"Antarctica"} == found | {"Antarctica"}, (
                field.name
            )
    for measure in MODEL.measure:
        for base, sql in measure.sql.items():
            assert database.sql(f"SELECT {sql} FROM {MODEL.entity[base].table}").fetchall()


def test_plurals() -> None:
    """Regular ones are derived, irregular ones stated."""
    nouns = ["country", "day", "status", "person|people", "order"]
    assert [list(forms(noun))[1][0] for noun in nouns] == [
        "countries",
        "days",
        "statuses",
        "people",
        "orders",
    ]


def test_refused_since_an_answer_was_wrong(answerer: WorkspaceAnswerer) -> None:
    """Questions that earlier versions answered with another meaning; ``questions.toml`` says which."""
    unanswerable = [each["question"] for each in questions() if "sql" not in each]
    assert len(unanswerable) == 116
    assert [question for question in unanswerable if _refusal(answerer, question) is None] == []
