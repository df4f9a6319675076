"""The data source: how often it asks, in whatever way Spark plans, and what it returns."""

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.sandbox import Sandbox
from tests.servers import programs

pytest.importorskip("pyspark", reason="pyspark is not installed: run make test-spark")

from pyspark.errors import PySparkException

pytestmark = [*programs.external_marks("java"), pytest.mark.filterwarnings("default")]

COUNT = "how many orders are there"
REVENUE = "what is the revenue by country"
_names = count()


@pytest.fixture
def log(sandbox: Sandbox, spark: Any) -> Any:
    assert spark
    sandbox.request_log.clear()
    return sandbox.request_log


@pytest.fixture
def name() -> str:
    """Return a name for the reads of a test, which share nothing with those of others."""
    return f"test {next(_names)}"


@pytest.fixture
def by_id(sandbox: Sandbox, spark: Any) -> Iterator[cf.Client]:
    assert spark
    with cf.Client(**sandbox.connection) as client:
        yield client


def read(spark: Any, name: str, schema: str | None = None, **options: str) -> Any:
    reader = spark.read.format("connecty").options(**options)
    if "question_ids" not in options:
        reader = reader.option("read", name)
    return (reader if schema is None else reader.schema(schema)).load()


def rows(df: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in df.collect()]


def message(error: BaseException) -> str:
    return " ".join(str(error).split())


@pytest.mark.parametrize("schema", [None, "orders bigint"])
def test_asked_once_whatever_the_plan_does(spark: Any, log: Any, name: str, schema: str | None) -> None:
    """Actions, unions, joins, views, caches and writes of one read."""
    df = read(spark, name, schema, question=COUNT)

    assert rows(df) == [(100000,)]
    assert df.count() == 1
    assert rows(df.filter("orders > 5").selectExpr("orders + 1")) == [(100001,)]
    assert rows(df.union(df).union(df)) == [(100000,)] * 3
    assert rows(df.alias("a").join(df.alias("b"), "orders")) == [(100000,)]
    df.createOrReplaceTempView("orders_of_test")
    assert rows(
        spark.sql("select orders from orders_of_test where orders in (select orders from orders_of_test)")
    ) == [(100000,)]
    assert rows(df.cache()) == rows(df.repartition(3)) == [(100000,)]
    df.unpersist()
    assert log.submissions() == {COUNT: 1}


@pytest.mark.parametrize("schema", [None, "orders bigint"])
def test_asked_once_by_several_threads(spark: Any, log: Any, name: str, schema: str | None) -> None:
    """All of which are the first to use the DataFrame."""
    df = read(spark, name, schema, question=COUNT)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: rows(df), range(4)))
    assert results == [[(100000,)]] * 4
    assert log.submissions() == {COUNT: 1}


def test_a_failed_task_fetches_again(spark: Any, log: Any, name: str, mode: str) -> None:
    """And does not ask again."""
    if mode == "connect":
        pytest.skip("the server of Spark Connect has local threads, whose tasks are not retried")

    def fail_once(batches: Any) -> Any:
        from pyspark import TaskContext

        context = TaskContext.get()
        if context.attemptNumber() == 0:
            raise RuntimeError("the first attempt fails")
        return batches

    df = read(spark, name, question=COUNT)
    df.schema
    log.clear()

    assert rows(df.mapInArrow(fail_once, df.schema)) == [(100000,)]
    assert log.submissions() == {}
    assert log.counts()["GET /v1/dw/{dw_id}/questions/{question_id}/results"] == 2


def test_a_plan_that_connect_has_forgotten(spark: Any, log: Any, name: str, mode: str) -> None:
    """Spark Connect analyses a plan again if it is not in its cache."""
    if mode != "connect":
        pytest.skip("of Spark Connect")
    df = read(spark, name, question=COUNT)
    spark.conf.set("spark.connect.session.planCache.enabled", "false")
    try:
        assert [rows(df), rows(df)] == [[(100000,)]] * 2
        assert df.columns == ["orders"]
    finally:
        spark.conf.set("spark.connect.session.planCache.enabled", "true")
    assert log.submissions() == {COUNT: 1}


def test_another_name_asks_again(spark: Any, log: Any, name: str) -> None:
    """And a further read of the same name does not."""
    for each in (name, name, f"{name} again"):
        assert rows(read(spark, each, question=COUNT)) == [(100000,)]
    assert log.submissions() == {COUNT: 2}


def test_ids_ask_nothing(spark: Any, log: Any, name: str, by_id: cf.Client) -> None:
    """With a schema and without, one and several."""
    question_id = by_id.submit(COUNT).question_id
    ids = json.dumps([question_id, question_id])
    assert rows(read(spark, name, question_ids=question_id)) == [(100000,)]
    assert rows(read(spark, name, "orders int", question_ids=ids)) == [(100000,)] * 2
    assert log.submissions() == {COUNT: 1}


def test_a_table_of_the_catalogue_is_refused(spark: Any, log: Any) -> None:
    """Each query of it would be a read of its own, also in later sessions: its options are none of ours."""
    with pytest.raises(PySparkException, match=r"Unknown option"):
        spark.sql(f"create table t using connecty options (question '{COUNT}')")
    assert log.submissions() == {}


def test_writing_asks_nothing(spark: Any, log: Any) -> None:
    """It is an error."""
    with pytest.raises(PySparkException):
        spark.range(1).write.format("connecty").option("question", COUNT).mode("append").save()
    assert log.submissions() == {}


def test_the_types_and_values_of_an_answer(spark: Any, log: Any, name: str, by_id: cf.Client) -> None:
    """Those of ``to_spark``, with metadata that have the question."""
    df = read(spark, name, question=REVENUE)
    metadata = cf.metadata(df, required=True)
    answer = by_id.fetch(metadata.question_id, max_rows=None)
    expected = answer.to_spark(spark)
    assert df.schema.simpleString() == expected.schema.simpleString()
    assert sorted(rows(df)) == sorted(rows(expected))
    assert (metadata.question, metadata.sql_query, metadata.rows) == (REVENUE, answer.sql_query, 19)
    assert metadata.asked_at is not None
    assert log.submissions() == {REVENUE: 1}


def test_types_that_become_text(spark: Any, log: Any, name: str) -> None:
    """On executors as in the schema; nested values are kept."""
    slots = read(spark, name, question="which delivery slots are the most popular")
    assert slots.schema["delivery_slot"].dataType.simpleString() == "string"
    assert rows(slots.select("delivery_slot").limit(1))[0][0].count(":") == 2
    items = read(spark, name, question="what was in the last 10 orders")
    assert any(field.dataType.simpleString().startswith("array<struct<") for field in items.schema)
    assert items.count() > 0
    assert len(log.submissions()) == 2


def test_all_rows_are_read(spark: Any, name: str) -> None:
    """By default; ``max_rows`` reads fewer."""
    df = read(spark, name, question="list all orders")
    assert df.count() == 100_000
    assert read(spark, name, question="list all orders", max_rows="7").count() == 7


def test_an_answer_of_no_rows(spark: Any, name: str) -> None:
    """It has its columns."""
    df = read(spark, name, question="which orders came from Antarctica")
    assert (df.count(), len(df.columns) > 1) == (0, True)


def test_several_questions(spark: Any, log: Any, name: str) -> None:
    """A partition each, and metadata of each on every field."""
    questions = [COUNT, "how many orders are gifts and how many are not"]
    df = read(spark, name, questions=json.dumps([COUNT, COUNT]))
    assert rows(df.selectExpr("orders", "spark_partition_id()")) == [(100000, 0), (100000, 1)]
    texts = df.schema["orders"].metadata["connecty"]
    assert [cf.AnswerMetadata.from_json(text).question for text in texts] == [COUNT, COUNT]
    assert cf.metadata(df) is None

    with pytest.raises(PySparkException) as raised:
        read(spark, name, questions=json.dumps(questions)).count()

    assert "The answers of one read must have the same schema, but these differ: question" in message(
        raised.value
    )
    assert "asks nothing again." in message(raised.value)
    assert log.submissions() == {COUNT: 1, questions[1]: 1}


def test_a_given_schema_is_a_contract(spark: Any, name: str) -> None:
    """Its types are those of the rows, its columns those of the answer, in its order."""
    df = read(spark, name, "revenue decimal(20,2), country string", question=REVENUE)
    assert [field.dataType.simpleString() for field in df.schema] == ["decimal(20,2)", "string"]
    assert len({type(row[0]).__name__ for row in df.collect()}) == 1

    for schema, expected in [
        ("country int, revenue double", "country"),
        ("country string", "revenue"),
        ("country string, revenue double, more string", "more"),
        ("country string, revenue interval year", "schema: no answer has a column of type interval year"),
    ]:
        with pytest.raises(PySparkException) as raised:
            read(spark, name, schema, question=REVENUE).collect()
        assert expected in message(raised.value), schema


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "ConfigError: Set exactly one of the options question, questions and question_ids"),
        ({"questions": "[1"}, "ConfigError: questions='[1': expected a JSON array; Expecting ',' delimiter"),
        ({"question": " "}, "ConfigError: question is blank; expected a question in plain language."),
        ({"question": COUNT, "rows": "1"}, "ConfigError: Unknown option 'rows'"),
        (
            {"question": COUNT, "client_secret": "x"},
            "ConfigError: The option 'client_secret' looks like a secret",
        ),
        (
            {"question": COUNT, "max_rows": "many"},
            "ConfigError: max_rows='many': expected a whole number, or all.",
        ),
        ({"question": COUNT, "dw_id": "14"}, "NotFoundError"),
        (
            {"question": "what is this workspace about"},
            "NoTableError: The question was answered without a table.",
        ),
        ({"question": "which warehouse ships the fastest"}, "QuestionFailed"),
    ],
)
def test_errors_are_shown(spark: Any, name: str, options: dict[str, str], expected: str) -> None:
    """As the last lines of what Spark raises."""
    reader = spark.read.format("connecty").options(**options)
    with pytest.raises(PySparkException) as raised:
        (reader.option("read", name) if options else reader).load().collect()
    assert expected in message(raised.value)


def test_secrets_are_nowhere(
    spark: Any, sandbox: Sandbox, name: str, mode: str, event_log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither in a plan, nor in the event log, what is printed, or the pages and interface of the UI."""
    secret = str(sandbox.connection["client_secret"])
    df = read(spark, name, question=REVENUE)
    df.collect()
    df.explain("extended")
    with pytest.raises(PySparkException):
        read(spark, name, question="which warehouse ships the fastest").collect()

    shown = capfd.readouterr()
    texts = [shown.out, shown.err, df.schema.json()]
    if mode != "connect":
        address = spark.sparkContext.uiWebUrl
        port = address.rpartition(":")[2]
        application = spark.sparkContext.applicationId
        for path in (
            "environment/",
            "SQL/",
            "jobs/",
            f"api/v1/applications/{application}/environment",
            f"api/v1/applications/{application}/sql?details=true&planDescription=true",
        ):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}") as page:
                texts.append(page.read().decode())
        texts += [path.read_text(encoding="utf-8") for path in event_log.rglob("events_*")]
        assert len(texts) > 8
        assert "SparkListenerApplicationStart" in texts[-1]
    assert secret
    assert [text for text in texts if secret in text] == []
